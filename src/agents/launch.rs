//! The command line of an attempt of an agent: its program, its conversation, what it is to do, and what to read first.

use super::profile::{Starting, Streaming};
use crate::core::conversation::{Conversation, is_id};
use crate::core::plan::Launch;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Longest argument that the system takes, in bytes; a hand-over is left out of a prompt that would grow beyond it.
const ARGUMENT_MAX: usize = 128 * 1024 - 1;

/// Seconds that an agent waits for its hook.
const HOOK_SECONDS: u32 = 10;

/// What an attempt is started with, beside its plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct With<'a> {
    /// How its kind of agent is started; `None` for one that nothing is known of.
    pub starting: Option<&'a Starting>,
    /// Its conversation.
    pub conversation: Option<&'a Conversation>,
    /// The file with the hand-over, when that has something to say.
    pub brief: Option<&'a str>,
    /// How the attempt before it ended, in words.
    pub before: Option<&'a str>,
    /// The file with settings for this attempt only.
    pub settings: Option<&'a str>,
    /// Its prompt is no argument: it is typed.
    pub types_prompt: bool,
    /// A free port, for one that serves its events.
    pub port: Option<u16>,
}

/// The program and its arguments.
pub fn argv(launch: &Launch, with: &With<'_>) -> Vec<String> {
    let own = Starting::default();
    let starting = with.starting.unwrap_or(&own);
    let chosen = starting.has_chosen(&launch.command);
    let id = with.conversation.and_then(|conversation| conversation.id.as_deref()).filter(|id| is_id(id));
    let resumed = is_resumed(launch, with, starting);
    let filled = |words: &[String]| filled(words, "{id}", id);
    let mut argv = match &launch.resume {
        Some(resume) if resumed => filled(resume).unwrap_or_else(|| launch.command.clone()),
        Some(_) | None => {
            let mut argv = launch.command.clone();
            if !chosen {
                argv.extend(filled(if resumed { &starting.resume } else { &starting.assign }).unwrap_or_default());
            }
            argv
        }
    };
    let has = |word: &String| argv.iter().any(|given| given.split('=').next() == Some(word));
    if !starting.settings.first().is_some_and(has) {
        argv.extend(super::launch::filled(&starting.settings, "{file}", with.settings).unwrap_or_default());
    }
    if let Some((streaming, port)) = starting.stream.as_ref().zip(with.port)
        && streaming.is_for(&argv)
        && streaming.port(&argv).is_none()
    {
        for [name, value] in &streaming.arguments {
            if !argv.iter().any(|word| is_option(word, name)) {
                argv.extend([name.clone(), value.replace("{port}", &port.to_string())]);
            }
        }
    }
    if let Some(prompt) = prompt(launch, with, resumed).filter(|_| !with.types_prompt) {
        argv.extend(launch.before_prompt.iter().cloned());
        argv.push(prompt);
    }
    argv
}

/// Whether a word is this option, with or without its value.
fn is_option(word: &str, name: &str) -> bool {
    word.split('=').next() == Some(name)
}

impl Streaming {
    /// Whether a command is one that can serve its events.
    pub fn is_for(&self, argv: &[String]) -> bool {
        !argv.iter().skip(1).any(|word| self.unless.iter().any(|other| is_option(word, other)))
    }
    /// The port that a command names: the value as it stands there.
    fn port<'a>(&self, argv: &'a [String]) -> Option<&'a str> {
        let [name, _] = self.arguments.first()?;
        let at = argv.iter().position(|word| is_option(word, name))?;
        argv.get(at)?.split_once('=').map(|(_, value)| value).or_else(|| argv.get(at + 1).map(String::as_str))
    }
    /// Where a program that was started so serves its events; `None` where that is not known.
    pub fn served(&self, argv: &[String], env: &BTreeMap<String, String>) -> Option<Served> {
        let port: u16 = self.port(argv).filter(|_| self.is_for(argv))?.parse().ok().filter(|port| *port != 0)?;
        let of = |name: &String| env.get(name).filter(|value| !value.is_empty()).cloned();
        Some(Served {
            port,
            user: of(&self.user_variable).unwrap_or_else(|| self.user.clone()),
            password: of(&self.password),
        })
    }
}

/// Where a program serves its events: on the loopback.
#[derive(Clone, PartialEq, Eq)]
pub struct Served {
    /// The port.
    pub port: u16,
    /// The name that goes with the password.
    pub user: String,
    /// What it asks for.
    pub password: Option<String>,
}

impl std::fmt::Debug for Served {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Served").field("port", &self.port).finish_non_exhaustive()
    }
}

/// What is to be typed as its prompt, where that is no argument.
pub fn typed(launch: &Launch, with: &With<'_>) -> Option<String> {
    let own = Starting::default();
    let resumed = is_resumed(launch, with, with.starting.unwrap_or(&own));
    prompt(launch, with, resumed).filter(|_| with.types_prompt)
}

fn is_resumed(launch: &Launch, with: &With<'_>, starting: &Starting) -> bool {
    with.conversation.is_some_and(|conversation| conversation.resumed) && can_resume(launch, starting)
}

/// Settings for one start by which an agent calls a program as its hook, as JSON; `None` for one that has no such hooks.
/// `program` and `file` are paths.
pub fn settings(starting: &Starting, program: &str, file: &str) -> Option<String> {
    if starting.hooks.is_empty() || starting.settings.is_empty() {
        return None;
    }
    let command = format!("{} hook {}", shell_word(program), shell_word(file));
    let hook = json!([{ "hooks": [{ "type": "command", "command": command, "timeout": HOOK_SECONDS }] }]);
    let hooks: serde_json::Map<String, Value> =
        starting.hooks.iter().map(|event| (event.clone(), hook.clone())).collect();
    serde_json::to_string_pretty(&json!({ "hooks": hooks })).ok()
}

/// A text as one word of a shell.
fn shell_word(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Whether a conversation that was kept can be taken up by this command.
pub fn can_resume(launch: &Launch, starting: &Starting) -> bool {
    launch.resume.is_some() || (!starting.has_chosen(&launch.command) && !starting.resume.is_empty())
}

/// Words with a value in the place of its name; `None` when they need one and there is none.
fn filled(words: &[String], name: &str, value: Option<&str>) -> Option<Vec<String>> {
    let fill = |word: &String| match value {
        Some(value) => Some(word.replace(name, value)),
        None => (!word.contains(name)).then(|| word.clone()),
    };
    words.iter().map(fill).collect()
}

/// What the agent is to do. One that was given nothing waits for a person, also when it is taken up again.
fn prompt(launch: &Launch, with: &With<'_>, resumed: bool) -> Option<String> {
    let task = launch.prompt.as_ref()?;
    let read = with.brief.map(|brief| {
        format!("read {brief}: what earlier attempts at this task did, how they ended, and notes for you")
    });
    if resumed {
        let before = with.before.map_or_else(String::new, |before| format!(" ({before})"));
        let read = read.map_or_else(String::new, |read| format!(" First {read}."));
        return Some(format!("You were interrupted{before}. Go on with your task where you left off.{read}"));
    }
    let with_brief = read.map(|read| format!("{task}\n\nBefore you begin, {read}."));
    Some(with_brief.filter(|text| text.len() <= ARGUMENT_MAX).unwrap_or_else(|| task.clone()))
}

/// The id of the conversation that an agent is seen to keep, by the names of transcripts: those that are surely its
/// attempt's, oldest first, and all that were found `beside` them. `known` is the id that it has as far as we know. `None`
/// when none is kept; an inner `None` is an agent that has no ids.
pub fn kept(starting: &Starting, known: Option<&str>, own: &[String], beside: &[String]) -> Option<Option<String>> {
    if !starting.resume.iter().any(|word| word.contains("{id}")) {
        return (!own.is_empty()).then_some(None);
    }
    if let Some(known) = known
        && own.iter().chain(beside).any(|name| is_named(name, known))
    {
        return Some(Some(known.to_owned()));
    }
    // The first it began: what came later may be a helper's.
    own.iter().find_map(|name| id_in(name)).map(Some)
}

/// Whether a transcript is named by an id, or by its first part.
pub fn is_named(transcript: &str, id: &str) -> bool {
    let first = id.split('-').next().unwrap_or(id);
    let stem = transcript.strip_suffix(".jsonl").unwrap_or(transcript);
    stem == id || stem.ends_with(&format!("-{id}")) || (first.len() >= 8 && stem.ends_with(&format!("-{first}")))
}

/// The id in the name of a transcript: a UUID at its end, or all of it where it has no extension.
fn id_in(transcript: &str) -> Option<String> {
    let Some(stem) = transcript.strip_suffix(".jsonl") else {
        return is_id(transcript).then(|| transcript.to_owned());
    };
    let from = stem.len().checked_sub(36)?;
    let uuid = stem.get(from..)?;
    let digit = |(place, c): (usize, char)| match place {
        8 | 13 | 18 | 23 => c == '-',
        _ => c.is_ascii_hexdigit(),
    };
    uuid.chars().enumerate().all(digit).then(|| uuid.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::profile::built_in;
    use super::*;

    const ID: &str = "3de864a6-0762-4e5a-a8ba-9a13f5715afe";

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }
    fn launch(command: &[&str], before_prompt: &[&str]) -> Launch {
        let (command, before_prompt) = (words(command), words(before_prompt));
        Launch { command, before_prompt, prompt: Some("do it".into()), ..Launch::default() }
    }
    fn conversation(resumed: bool, id: Option<&str>) -> Conversation {
        Conversation { id: id.map(str::to_owned), resumed, kept: resumed, why: String::new() }
    }
    fn line(agent: &str, launch: &Launch, conversation: &Conversation) -> String {
        let profile = built_in(agent).unwrap();
        let with = With { starting: Some(&profile.start), conversation: Some(conversation), ..With::default() };
        argv(launch, &with).join(" ")
    }

    #[test]
    fn each_agent_is_begun_and_taken_up_in_its_own_way() {
        let go_on = "You were interrupted. Go on with your task where you left off.";
        let cases = [
            (
                "claude",
                &["claude"][..],
                &[][..],
                format!("claude --session-id {ID} do it"),
                format!("claude --resume {ID} "),
            ),
            (
                "claude",
                &["claude", "-p"],
                &[],
                format!("claude -p --session-id {ID} do it"),
                format!("claude -p --resume {ID} "),
            ),
            ("codex", &["codex"], &[], "codex do it".into(), format!("codex resume {ID} ")),
            (
                "codex",
                &["codex", "exec", "--json"],
                &[],
                "codex exec --json do it".into(),
                format!("codex exec --json resume {ID} "),
            ),
            (
                "gemini",
                &["gemini"],
                &["--prompt-interactive"],
                format!("gemini --session-id {ID} --prompt-interactive do it"),
                format!("gemini --resume {ID} --prompt-interactive "),
            ),
            (
                "opencode",
                &["opencode"],
                &["--prompt"],
                "opencode --prompt do it".into(),
                format!("opencode --session {ID} --prompt "),
            ),
            (
                "aider",
                &["aider"],
                &["--message"],
                "aider --message do it".into(),
                "aider --restore-chat-history --message ".into(),
            ),
        ];
        for (agent, command, before, begun, taken_up) in cases {
            let launch = launch(command, before);
            assert_eq!(line(agent, &launch, &conversation(false, Some(ID))), begun);
            assert_eq!(line(agent, &launch, &conversation(true, Some(ID))), format!("{taken_up}{go_on}"));
        }
    }

    #[test]
    fn who_chose_a_conversation_keeps_it_and_a_profiles_own_way_comes_first() {
        let own = launch(&["claude", "--continue"], &[]);
        assert_eq!(line("claude", &own, &conversation(true, Some(ID))), "claude --continue do it");
        let own = launch(&["claude", "--resume=x"], &[]);
        assert_eq!(line("claude", &own, &conversation(false, Some(ID))), "claude --resume=x do it");
        let own = Launch { resume: Some(words(&["claude", "-p", "-r", "{id}"])), ..launch(&["claude", "-p"], &[]) };
        assert!(
            line("claude", &own, &conversation(true, Some(ID))).starts_with(&format!("claude -p -r {ID} You were"))
        );
        assert!(line("claude", &own, &conversation(false, Some(ID))).starts_with("claude -p --session-id"));
        let unknown = Launch { resume: Some(words(&["mine", "--again"])), ..launch(&["mine"], &[]) };
        let with = |conversation| With { conversation: Some(conversation), ..With::default() };
        let (begun, again) = (conversation(false, None), conversation(true, None));
        assert_eq!(argv(&unknown, &with(&begun)).join(" "), "mine do it");
        assert!(argv(&unknown, &with(&again)).join(" ").starts_with("mine --again You were"));
    }

    #[test]
    fn an_id_that_is_none_never_becomes_an_argument() {
        let odd = conversation(true, Some("--dangerous"));
        assert!(!line("claude", &launch(&["claude"], &[]), &odd).contains("--dangerous"));
        assert!(!line("opencode", &launch(&["opencode"], &[]), &conversation(true, None)).contains("--session"));
    }

    #[test]
    fn the_prompt_names_the_hand_over_and_the_settings_are_ours_only_where_there_are_none() {
        let profile = built_in("claude").unwrap();
        let (begun, taken_up) = (conversation(false, Some(ID)), conversation(true, Some(ID)));
        let with = |conversation| With {
            starting: Some(&profile.start),
            conversation: Some(conversation),
            brief: Some("/run/brief.md"),
            before: Some("exit 1"),
            settings: Some("/run/settings.json"),
            ..With::default()
        };
        let begun = argv(&launch(&["claude"], &[]), &with(&begun));
        assert_eq!(begun[3..5], ["--settings", "/run/settings.json"]);
        assert!(begun[5].starts_with("do it\n\nBefore you begin, read /run/brief.md: "), "{begun:?}");
        let again = argv(&launch(&["claude"], &[]), &with(&taken_up));
        assert!(again[5].starts_with("You were interrupted (exit 1). Go on"), "{again:?}");
        assert!(again[5].contains("First read /run/brief.md"), "{again:?}");
        let own = argv(&launch(&["claude", "--settings", "mine.json"], &[]), &with(&taken_up));
        assert!(!own.contains(&"/run/settings.json".to_owned()), "{own:?}");
        let waits = Launch { prompt: None, ..launch(&["claude"], &[]) };
        assert_eq!(argv(&waits, &with(&taken_up)).len(), 5, "nobody said what it is to do");
        let long = Launch { prompt: Some("x".repeat(ARGUMENT_MAX)), ..launch(&["claude"], &[]) };
        assert!(argv(&long, &with(&conversation(false, Some(ID)))).iter().all(|word| word.len() <= ARGUMENT_MAX));
    }

    #[test]
    fn a_prompt_that_is_typed_is_no_argument() {
        let opencode = built_in("opencode").unwrap();
        let taken_up = conversation(true, Some("ses_1"));
        let launch = launch(&["opencode"], &["--prompt"]);
        let with = With {
            starting: Some(&opencode.start),
            conversation: Some(&taken_up),
            before: Some("exit 1"),
            types_prompt: true,
            ..With::default()
        };
        assert_eq!(argv(&launch, &with).join(" "), "opencode --session ses_1");
        assert_eq!(
            typed(&launch, &with).as_deref(),
            Some("You were interrupted (exit 1). Go on with your task where you left off.")
        );
        assert_eq!(typed(&launch, &With { types_prompt: false, ..with.clone() }), None);
        assert_eq!(typed(&Launch { prompt: None, ..launch }, &with), None, "nobody said what it is to do");
        assert_eq!(opencode.start.types_prompt, crate::core::plan::TypesPrompt::Resumed);
    }

    #[test]
    fn one_that_serves_its_events_is_given_a_port_unless_it_has_one_or_is_none() {
        let opencode = built_in("opencode").unwrap();
        let (begun, streaming) = (conversation(false, Some(ID)), opencode.start.stream.as_ref().unwrap());
        let with =
            With { starting: Some(&opencode.start), conversation: Some(&begun), port: Some(4711), ..With::default() };
        let line = |command: &[&str]| argv(&launch(command, &["--prompt"]), &with);
        let env = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let served = |command: &[&str], pairs: &[(&str, &str)]| streaming.served(&line(command), &env(pairs));
        let plain = line(&["opencode", "-m", "x"]).join(" ");
        assert_eq!(plain, "opencode -m x --port 4711 --hostname 127.0.0.1 --prompt do it");
        assert_eq!(line(&["opencode", "--port=5"]).join(" "), "opencode --port=5 --prompt do it");
        let other = line(&["opencode", "--hostname", "::1"]).join(" ");
        assert_eq!(other, "opencode --hostname ::1 --port 4711 --prompt do it");
        assert!(!line(&["opencode", "run", "-m", "x"]).contains(&"--port".to_owned()));
        assert!(!line(&["opencode", "--mdns"]).contains(&"--port".to_owned()));
        let plain = served(&["opencode"], &[]).unwrap();
        assert_eq!((plain.port, plain.user.as_str(), plain.password), (4711, "opencode", None));
        let own = [("OPENCODE_SERVER_PASSWORD", "hunter2"), ("OPENCODE_SERVER_USERNAME", "anna")];
        let own = served(&["opencode", "--port", "5"], &own).unwrap();
        assert!(!format!("{own:?}").contains("hunter2"));
        assert_eq!((own.port, own.user.as_str(), own.password.as_deref()), (5, "anna", Some("hunter2")));
        for command in
            [&["opencode", "--port", "0"][..], &["opencode", "--port", "x"], &["opencode", "run", "--port", "5"]]
        {
            assert_eq!(served(command, &[]), None, "{command:?}");
        }
    }

    #[test]
    fn hooks_are_for_agents_that_have_them_and_paths_stay_words() {
        let claude = built_in("claude").unwrap();
        let text = settings(&claude.start, "/opt/night keep/nightkeep", "/run/it's/hooks.jsonl").unwrap();
        let settings_of: Value = serde_json::from_str(&text).unwrap();
        let command = settings_of.pointer("/hooks/StopFailure/0/hooks/0/command").and_then(Value::as_str);
        assert_eq!(command, Some(r"'/opt/night keep/nightkeep' hook '/run/it'\''s/hooks.jsonl'"));
        assert_eq!(settings_of.as_object().unwrap().len(), 1, "nothing else of its settings is touched");
        assert_eq!(settings(&built_in("codex").unwrap().start, "x", "y"), None);
    }

    #[test]
    fn transcripts_tell_the_id() {
        let of = |agent: &str, known: Option<&str>, names: &[&str]| {
            kept(&built_in(agent).unwrap().start, known, &words(names), &[])
        };
        let other = "97a1fd75-aec2-7302-ab6b-16e6ede86db1";
        let some = |id: &str| Some(Some(id.to_owned()));
        assert_eq!(of("claude", Some(ID), &[]), None, "it never began");
        assert_eq!(of("claude", Some(ID), &[&format!("{ID}.jsonl"), &format!("{other}.jsonl")]), some(ID));
        assert_eq!(of("claude", Some(ID), &[&format!("{other}.jsonl")]), some(other), "it was begun anew inside");
        assert_eq!(of("codex", Some(ID), &[&format!("rollout-2026-11-21T09-26-10-{other}.jsonl")]), some(other));
        assert_eq!(of("gemini", Some(ID), &["session-2026-11-21T09-25-3de864a6.jsonl"]), some(ID));
        assert_eq!(of("gemini", Some(ID), &["session-2026-11-21T09-25-aaaaaaaa.jsonl"]), None);
        assert_eq!(
            of("opencode", Some(ID), &["ses_e02791043ffeWa4EjYcJ9kqeim"]),
            some("ses_e02791043ffeWa4EjYcJ9kqeim")
        );
        let beside = words(&[&format!("{ID}.jsonl"), &format!("{other}.jsonl")]);
        let of_beside = |known| kept(&built_in("claude").unwrap().start, Some(known), &[], &beside);
        assert_eq!(of_beside(ID), some(ID), "nobody else has that id");
        assert_eq!(of_beside("11111111-5afe-4e5a-a8ba-9a13f5715afe"), None);
        assert_eq!(of("aider", Some(ID), &[".aider.chat.history.md"]), Some(None));
    }
}
