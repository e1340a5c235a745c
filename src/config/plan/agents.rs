//! Agent profiles: which program an agent is, and how it is handed its prompt.
//!
//! The built-in profiles start the agent's own screen, so that one can attach to it and answer.

use super::super::document::Place;
use super::super::printable::quoted;
use super::super::raw;
use super::super::suggest;
use super::session::argument_problem;
use super::{Build, Layers};
use crate::agents::profile::built_in;
use crate::core::plan::{Command, Launch, TypesPrompt};
use std::time::Duration;

/// An agent that needs no profile in the file.
struct Builtin {
    name: &'static str,
    command: &'static [&'static str],
    /// Arguments between the command and the prompt.
    before_prompt: &'static [&'static str],
}

const BUILTIN: [Builtin; 5] = [
    Builtin { name: "claude", command: &["claude"], before_prompt: &[] },
    Builtin { name: "codex", command: &["codex"], before_prompt: &[] },
    Builtin { name: "gemini", command: &["gemini"], before_prompt: &["--prompt-interactive"] },
    Builtin { name: "opencode", command: &["opencode"], before_prompt: &["--prompt"] },
    Builtin { name: "aider", command: &["aider"], before_prompt: &["--message"] },
];

/// Most profiles that extend each other.
pub(super) const DEPTH_MAX: usize = 20;

/// Names of all agents: those of the file, then those that need no profile.
fn agent_names(raw: &raw::File) -> Vec<&str> {
    let mut names: Vec<&str> = raw.agents.keys().map(String::as_str).collect();
    for builtin in &BUILTIN {
        names.push(builtin.name);
    }
    names
}

/// A profile with everything it takes over from others.
struct Profile {
    command: Vec<String>,
    before_prompt: &'static [&'static str],
    resume: Option<Vec<String>>,
    types_prompt: Option<TypesPrompt>,
    events: Option<bool>,
    /// The built-in one that it starts from.
    builtin: Option<&'static str>,
}

impl Profile {
    /// When its prompt is typed: at every start also where its command goes on with a conversation by itself, if it takes
    /// none beside that.
    fn types_prompt(&self) -> TypesPrompt {
        let known = self.builtin.and_then(built_in);
        let by_itself = known.as_ref().map_or(TypesPrompt::Never, |known| known.start.types_prompt);
        let chosen = known.is_some_and(|known| known.start.has_chosen(&self.command));
        match self.types_prompt.unwrap_or(by_itself) {
            TypesPrompt::Resumed if chosen => TypesPrompt::Always,
            TypesPrompt::Resumed => TypesPrompt::Resumed,
            TypesPrompt::Never => TypesPrompt::Never,
            TypesPrompt::Always => TypesPrompt::Always,
        }
    }
}

/// Words of a command after which the prompt follows as it is: it is done without the agent's own screen.
const TAKES_PROMPT: [&str; 5] = ["-p", "--print", "--prompt", "run", "--message"];

/// The command of a session with an agent.
pub(super) fn command(
    build: &mut Build<'_, '_>,
    agent: &str,
    place: &Place,
    layers: &Layers<'_>,
) -> Option<(Command, Launch)> {
    let raw = build.raw;
    let known = agent_names(raw).contains(&agent);
    if !known && !build.was_rejected(&Place::root().key("agents").key(agent)) {
        let hint = suggest::hint(agent, agent_names(raw));
        build.problems.error(place, format!("there is no agent {}", quoted(agent))).maybe_help(hint);
        return None;
    }
    // A profile that has no command was told where it stands.
    let profile = profile(raw, agent).ok()?;
    let prompt = prompt(build, layers, place)?;
    let own = profile.command.last().is_some_and(|last| TAKES_PROMPT.contains(&last.as_str()));
    let before = if own { &[][..] } else { profile.before_prompt };
    let before_prompt: Vec<String> = before.iter().map(|word| (*word).to_owned()).collect();
    let mut argv = profile.command.clone();
    if let Some(prompt) = &prompt {
        argv.extend(before_prompt.iter().cloned());
        argv.push(prompt.clone());
    }
    let types_prompt = if own && profile.types_prompt.is_none() { TypesPrompt::Never } else { profile.types_prompt() };
    let launch = Launch {
        command: profile.command,
        before_prompt,
        prompt,
        resume: profile.resume,
        types_prompt,
        events: profile.events,
    };
    Some((Command::Argv(argv), launch))
}

/// The prompt, if there is one; the outer `None` when it was told to be wrong.
fn prompt(build: &mut Build<'_, '_>, layers: &Layers<'_>, agent: &Place) -> Option<Option<String>> {
    for (session, place) in layers.both() {
        if session.prompt.is_some() && session.prompt_file.is_some() {
            let found = build.problems.error(&place.key("prompt_file"), "`prompt` and `prompt_file` are both given");
            found.help("keep one of them");
        }
        let rejected = ["prompt", "prompt_file"].iter().any(|key| build.was_rejected(&place.key(key)));
        if rejected {
            return None;
        }
        let (text, place) = if let Some(text) = &session.prompt {
            (text.clone(), place.key("prompt"))
        } else if let Some(file) = &session.prompt_file {
            let place = place.key("prompt_file");
            let path = build.path(file, build.folder, &place)?;
            match build.surroundings.prompt(&path) {
                Ok(text) => (text, place),
                Err(why) => {
                    build.problems.error(&place, format!("{} {why}", quoted(&path.to_string_lossy())));
                    return None;
                }
            }
        } else {
            continue;
        };
        if text.trim().is_empty() {
            build.problems.error(&place, "the prompt is empty");
            return None;
        }
        if let Some(problem) = argument_problem(&text) {
            build.problems.error(&place, format!("the prompt {problem}")).help("point to a file in a short prompt");
            return None;
        }
        // A prompt that begins with a dash would be read as an option by the agent's command line.
        let text = if text.starts_with('-') { format!(" {text}") } else { text };
        return Some(Some(text));
    }
    let found = build.problems.warning(agent, "the agent has no prompt, so it will wait for one");
    found.help("add prompt = \"…\" or prompt_file = \"…\"");
    Some(None)
}

/// Why a profile gives no command.
enum NoProfile {
    Unknown { name: String, extended_by: String },
    Circle { name: String },
    NoCommand { name: String },
}

fn profile(raw: &raw::File, name: &str) -> Result<Profile, NoProfile> {
    let (mut command, mut resume): (Option<Vec<String>>, Option<Vec<String>>) = (None, None);
    let (mut types_prompt, mut events) = (None, None);
    let mut current = name.to_owned();
    let mut seen = vec![];
    loop {
        let own = raw.agents.get(&current).filter(|_| !seen.contains(&current));
        if let Some(own) = own {
            seen.push(current.clone());
            // A command of its own is another program than the one that the base takes up again.
            resume = resume.or_else(|| own.resume.clone().filter(|_| command.is_none()));
            command = command.or_else(|| own.command.clone());
            types_prompt = types_prompt.or(own.types_prompt);
            events = events.or(own.events);
            match &own.extends {
                // A profile named like a built-in one changes it.
                Some(base) if *base != current => {
                    if seen.contains(base) || seen.len() >= DEPTH_MAX {
                        return Err(NoProfile::Circle { name: current });
                    }
                    current.clone_from(base);
                    continue;
                }
                Some(_) | None => {}
            }
        }
        let builtin = BUILTIN.iter().find(|b| b.name == current);
        return match (builtin, command) {
            (Some(builtin), command) => Ok(Profile {
                command: command.unwrap_or_else(|| builtin.command.iter().map(|w| (*w).to_owned()).collect()),
                before_prompt: builtin.before_prompt,
                resume,
                types_prompt,
                events,
                builtin: Some(builtin.name),
            }),
            (None, _) if own.is_none() => {
                Err(NoProfile::Unknown { name: current, extended_by: seen.pop().unwrap_or_default() })
            }
            (None, Some(command)) => {
                Ok(Profile { command, before_prompt: &[], resume, types_prompt, events, builtin: None })
            }
            (None, None) => Err(NoProfile::NoCommand { name: name.to_owned() }),
        };
    }
}

/// Checks the profiles of the file, used or not.
/// Whose usage limits and outages an agent shares: what its profile or the one it extends says.
pub(super) fn provider(raw: &raw::File, agent: &str) -> Option<String> {
    let mut current = agent.to_owned();
    let mut seen = Vec::new();
    loop {
        let own = raw.agents.get(&current).filter(|_| !seen.contains(&current));
        match own {
            Some(own) if own.provider.is_some() => return own.provider.clone(),
            Some(own) => match &own.extends {
                Some(base) if *base != current => seen.push(std::mem::replace(&mut current, base.clone())),
                Some(_) | None => break,
            },
            None => break,
        }
    }
    match current.as_str() {
        "claude" => Some("anthropic".to_owned()),
        "codex" => Some("openai".to_owned()),
        "gemini" => Some("google".to_owned()),
        // These speak to whatever they are told to, all of their sessions to the same as a rule.
        "opencode" | "aider" => Some(current),
        _ => None,
    }
}

/// The built-in agent of a session: the one that is named, that its profile extends, or whose program a plain command
/// starts.
pub(super) fn base(raw: &raw::File, layers: &Layers<'_>) -> Option<String> {
    let builtin = |name: &str| BUILTIN.iter().find(|known| known.name == name).map(|known| known.name.to_owned());
    let typed = layers.own.command.as_ref().or(layers.defaults.command.as_ref().filter(|_| layers.own.agent.is_none()));
    if let Some(typed) = typed {
        let program = match typed {
            raw::CommandText::Line(line) => line.split_whitespace().next(),
            raw::CommandText::Words(words) => words.first().map(String::as_str),
        };
        let program = program.map(|program| program.rsplit('/').next().unwrap_or(program))?;
        return builtin(program).or_else(|| builtin(&root(raw, super::profiles::by_program(raw, program)?)));
    }
    let current = layers.own.agent.clone().or_else(|| layers.defaults.agent.clone())?;
    builtin(&root(raw, current))
}

/// The profile that one of the file starts from in the end.
pub(super) fn root(raw: &raw::File, mut current: String) -> String {
    for _ in 0..=raw.agents.len() {
        match raw.agents.get(&current).and_then(|own| own.extends.clone()) {
            Some(base) if base != current => current = base,
            Some(_) | None => break,
        }
    }
    current
}

/// How long an agent waits for its provider before it tries again by itself: the longest that was measured, and some more.
pub(super) fn patience(agent: &str) -> Option<Duration> {
    let seconds = match agent {
        "claude" | "codex" | "gemini" | "opencode" => 360,
        "aider" => 180,
        _ => return None,
    };
    Some(Duration::from_secs(seconds))
}

/// A provider is a short word: it stands in the journal and in what people read.
pub(super) fn check_provider(build: &mut Build<'_, '_>, name: &str, place: &Place) {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':' | '/');
    if name.is_empty() || name.len() > 100 || !name.chars().all(plain) {
        let found = build.problems.error(place, format!("{} cannot name a provider", quoted(name)));
        found.help("use letters, digits, `.`, `_`, `-`, `:` and `/`, as in anthropic:work");
    }
}

pub(super) fn check_profiles(build: &mut Build<'_, '_>) {
    let raw = build.raw;
    for (name, agent) in &raw.agents {
        let place = Place::root().key("agents").key(name);
        if let Some(provider) = &agent.provider {
            check_provider(build, provider, &place.key("provider"));
        }
        for (key, words) in [("command", &agent.command), ("resume", &agent.resume)] {
            let Some(words) = words else { continue };
            let place = place.key(key);
            if words.first().is_none_or(|program| program.trim().is_empty()) {
                build.problems.error(&place, "the command is empty");
            } else if let Some(problem) = words.iter().find_map(|word| argument_problem(word)) {
                build.problems.error(&place, format!("the command {problem}"));
            }
        }
        let rejected = build.was_rejected(&place.key("extends")) || build.was_rejected(&place.key("command"));
        match profile(raw, name) {
            Ok(_) => {}
            Err(_) if rejected => {}
            Err(NoProfile::Unknown { name: base, extended_by }) => {
                let names = agent_names(raw).into_iter().filter(|n| *n != extended_by);
                let hint = suggest::hint(&base, names);
                let place = Place::root().key("agents").key(&extended_by).key("extends");
                build.problems.error(&place, format!("there is no agent {}", quoted(&base))).maybe_help(hint);
            }
            Err(NoProfile::Circle { name }) => {
                let place = Place::root().key("agents").key(&name).key("extends");
                build.problems.error(&place, "the profiles extend each other in a circle, or too many times");
            }
            Err(NoProfile::NoCommand { name }) => {
                let message = format!("the agent {} has no command", quoted(&name));
                let found = build.problems.error(&place, message);
                found.help("add command = [\"…\"], or extends = \"claude\"");
            }
        }
    }
}
