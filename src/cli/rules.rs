//! `rules`: tries the screen rules on recorded output, lists them, and tells what they would say otherwise of past nights.

mod diff;

use super::context::Context;
use super::failure::{Exit, Failure, close_names, shown_path};
use super::parts;
use crate::agents::profile::{self, Profile};
use crate::agents::replay::{Recorded, Replayed, guess_among, replay};
use crate::config::Settings;
use crate::core::agent::{Activity, AgentSeen};
use crate::core::time::Wall;
use crate::os::clock;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustix::fs::{Mode, OFlags};
use serde::Serialize;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

/// Most bytes of one file.
const BYTES_MAX: u64 = 1 << 30;

/// Tries the rules that tell what an agent does
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  nightkeep rules test output.raw\n  nightkeep rules test --agent codex --json *.raw\n  \
    nightkeep rules list claude\n  nightkeep rules diff"
)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Replays raw terminal bytes through the rules and tells what they find
    ///
    /// A file holds what a program wrote to its terminal, as `logs --raw` prints it. Times of day in it are taken for
    /// times after the file was last changed.
    Test(TestArgs),
    /// Lists the rules of the profiles
    List(ListArgs),
    /// Replays the output of past nights and tells which states would now be different
    Diff(diff::Args),
}

#[derive(Debug, clap::Args)]
struct TestArgs {
    /// The profile to read it by; guessed from the output otherwise
    #[arg(long, value_name = "AGENT")]
    agent: Option<String>,
    /// Columns and rows of the terminal
    #[arg(long, value_name = "COLSxROWS", default_value = "120x40", value_parser = size)]
    size: (u16, u16),
    /// Raw terminal bytes
    #[arg(required = true, value_name = "RAW")]
    files: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    /// Only this profile
    agent: Option<String>,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    match &args.what {
        What::Test(args) => test(args, context),
        What::List(args) => list(args, context),
        What::Diff(args) => diff::run(args, context),
    }
}

fn size(text: &str) -> Result<(u16, u16), String> {
    let sides = text.split_once('x').and_then(|(cols, rows)| Some((cols.parse().ok()?, rows.parse().ok()?)));
    sides
        .filter(|(cols, rows)| (2..=1000).contains(cols) && (2..=1000).contains(rows))
        .ok_or_else(|| "a size looks like 120x40".to_owned())
}

/// The profiles that count here: the built-in ones, and what the file makes of them.
struct Profiles {
    file: Option<Settings>,
}

impl Profiles {
    /// Those of the file that counts here; without one the built-in ones alone.
    fn of(context: &Context) -> Result<Self, Failure> {
        let file = match context.file() {
            Ok(file) => file,
            Err(_) if context.asked_file.is_none() => return Ok(Self { file: None }),
            Err(failure) => return Err(failure),
        };
        let settings = parts::settings(context, &file).ok_or_else(|| {
            let what = format!("{} is not valid, so nobody knows its rules", shown_path(&file));
            Failure::new(Exit::Usage, what).hint("`nightkeep check` shows why")
        })?;
        Ok(Self { file: Some(settings) })
    }
    /// Their names: those of the file first.
    fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        if let Some(file) = &self.file {
            names.extend(file.profiles.keys().map(String::as_str));
        }
        for name in profile::built_in_names() {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
    fn get(&self, name: &str) -> Option<Arc<Profile>> {
        match &self.file {
            Some(file) => file.profile(name),
            None => profile::built_in(name),
        }
    }
    /// The one of this name, which must be known.
    fn known(&self, agent: &str) -> Result<Arc<Profile>, Failure> {
        self.get(agent).ok_or_else(|| {
            let names = self.names();
            let close = close_names(agent, names.iter().copied());
            let failure = Failure::new(Exit::Usage, format!("there is no agent {}", super::failure::harmless(agent)));
            match close.first() {
                Some(name) => failure.hint(format!("did you mean {name}?")),
                None => failure.hint(format!("known are {}", names.join(", "))),
            }
        })
    }
    fn all(&self) -> Vec<Arc<Profile>> {
        self.names().into_iter().filter_map(|name| self.get(name)).collect()
    }
}

/// One file as `--json` tells it.
#[derive(Debug, Serialize)]
struct Told {
    file: String,
    agent: String,
    #[serde(rename = "final")]
    end: ToldSeen,
    changes: Vec<ToldChange>,
}

/// What is seen at the end.
#[derive(Debug, Serialize)]
struct ToldSeen {
    activity: &'static str,
    class: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reset_at: Option<String>,
    rule: Option<String>,
    confidence: &'static str,
    retries: bool,
    resumes: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<ToldPrompt>,
    evidence: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ToldChange {
    byte: u64,
    activity: &'static str,
    class: Option<&'static str>,
    rule: Option<String>,
}

#[derive(Debug, Serialize)]
struct ToldPrompt {
    kind: &'static str,
    text: String,
    question: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    about: String,
    choices: Vec<String>,
}

fn rfc3339(at: Wall) -> String {
    Timestamp::from_millisecond(at.0).map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default()
}

fn rule(seen: &AgentSeen) -> Option<String> {
    Some(seen.rule.clone()).filter(|rule| !rule.is_empty())
}

fn told_seen(seen: &AgentSeen) -> ToldSeen {
    let prompt = seen.prompt.as_ref().filter(|_| seen.activity == Activity::Prompting);
    ToldSeen {
        activity: seen.activity.as_str(),
        class: seen.class.map(|class| class.as_str()),
        reset_at: seen.limit.as_ref().and_then(|limit| limit.resets).map(rfc3339),
        rule: rule(seen),
        confidence: seen.confidence.as_str(),
        retries: seen.retries,
        resumes: seen.resumes,
        prompt: prompt.map(|prompt| ToldPrompt {
            kind: prompt.kind.as_str(),
            text: prompt.text(),
            question: prompt.question.clone(),
            command: prompt.command.clone(),
            about: prompt.about.clone(),
            choices: prompt.choices.iter().map(|choice| choice.label.clone()).collect(),
        }),
        evidence: seen.evidence.clone(),
    }
}

fn told(file: &Path, found: &Replayed) -> Told {
    let change = |(byte, seen): &(u64, AgentSeen)| ToldChange {
        byte: *byte,
        activity: seen.activity.as_str(),
        class: seen.class.map(|class| class.as_str()),
        rule: rule(seen),
    };
    Told {
        file: shown_path(file),
        agent: found.agent.clone(),
        end: told_seen(&found.end),
        changes: found.changes.iter().map(change).collect(),
    }
}

fn test(args: &TestArgs, context: &Context) -> Result<(), Failure> {
    let profiles = Profiles::of(context)?;
    let named = args.agent.as_deref().map(|agent| profiles.known(agent)).transpose()?;
    let (mut all, mut failures) = (Vec::new(), Vec::new());
    for path in &args.files {
        let (bytes, end) = match read(path) {
            Ok(read) => read,
            Err(e) => {
                failures.push(Failure::io(format!("cannot read {}", shown_path(path)), &e));
                continue;
            }
        };
        let profile = named.clone().unwrap_or_else(|| by_content_or_place(&profiles, &bytes, path));
        let recorded = Recorded { size: args.size, end, zone: TimeZone::system() };
        all.push((path, replay(&profile, &bytes, &recorded)));
    }
    if context.json {
        let list: Vec<Told> = all.iter().map(|(path, found)| told(path, found)).collect();
        context.out.json(&list)?;
    } else {
        let mut text = String::new();
        for (path, found) in &all {
            describe(&mut text, &shown_path(path), found);
        }
        context.out.data(&text)?;
    }
    // What could be read is told before what could not fails the command.
    failures.into_iter().next().map_or(Ok(()), Err)
}

/// The agent by what its output shows; where that shows none, by a folder or file named like one.
fn by_content_or_place(profiles: &Profiles, bytes: &[u8], path: &Path) -> Arc<Profile> {
    let found = guess_among(bytes, &profiles.all());
    if found.name != profile::GENERIC {
        return found;
    }
    let names = profiles.names();
    let mut parts = path.iter().rev().filter_map(|part| part.to_str());
    let of = |part: &str| {
        let mut words = part.split(['.', '-', '_']);
        words.find_map(|word| names.iter().find(|name| **name == word && **name != profile::GENERIC))
    };
    parts.find_map(of).and_then(|name| profiles.get(name)).unwrap_or(found)
}

/// What a replay found, for people.
fn describe(text: &mut String, file: &str, found: &Replayed) {
    let _ = writeln!(text, "{file}: {}", found.agent);
    for (byte, seen) in &found.changes {
        let _ = writeln!(text, "  byte {byte:>9}  {}{}", seen.words(), by(seen));
    }
    let end = &found.end;
    let _ = writeln!(text, "  at the end      {}{}, {} confidence", end.words(), by(end), end.confidence.as_str());
    if let Some(at) = end.limit.as_ref().and_then(|limit| limit.resets) {
        let from = end.limit.as_ref().map_or("", |limit| limit.from.as_str());
        let _ = writeln!(text, "    limit resets {} ({from})", rfc3339(at));
    }
    if let Some(prompt) = &end.prompt {
        let _ = writeln!(text, "    asks for {}: {}", prompt.kind.as_str(), prompt.text());
        for choice in &prompt.choices {
            let key = choice.key.as_deref().unwrap_or("-");
            let _ = writeln!(text, "      {key:>3}  {}", choice.label);
        }
    }
    for line in &end.evidence {
        let _ = writeln!(text, "    {line}");
    }
}

fn by(seen: &AgentSeen) -> String {
    if seen.rule.is_empty() { String::new() } else { format!(" by {}", seen.rule) }
}

fn list(args: &ListArgs, context: &Context) -> Result<(), Failure> {
    let known = Profiles::of(context)?;
    let profiles = match &args.agent {
        Some(agent) => vec![known.known(agent)?],
        None => known.all(),
    };
    if context.json {
        let rules = profiles.iter().flat_map(|profile| {
            let listed = profile.rules.iter().map(|rule| {
                serde_json::json!({
                    "rule": profile.name_of(&rule.id, rule.version, rule.own), "agent": profile.name, "own": rule.own,
                    "region": format!("{:?}", rule.region).to_lowercase(), "priority": rule.priority,
                    "activity": rule.activity.map(Activity::as_str), "class": rule.class.map(|class| class.as_str()),
                })
            });
            let errors = profile.errors.iter().map(|error| {
                serde_json::json!({
                    "rule": profile.name_of(&error.id, error.version, error.own), "agent": profile.name,
                    "own": error.own, "region": "error", "class": error.class.map(|class| class.as_str()),
                })
            });
            listed.chain(errors).collect::<Vec<_>>()
        });
        return context.out.json(&rules.collect::<Vec<_>>());
    }
    let mut text = String::new();
    for profile in profiles {
        for rule in &profile.rules {
            let finds = rule.activity.map_or("", Activity::as_str);
            let class = rule.class.map_or_else(String::new, |class| format!(", {}", class.as_str()));
            let name = profile.name_of(&rule.id, rule.version, rule.own);
            let region = format!("{:?}", rule.region).to_lowercase();
            let _ = writeln!(text, "{name:<34} {:>4}  {region:<9} {finds}{class}", rule.priority);
        }
        for error in &profile.errors {
            let name = profile.name_of(&error.id, error.version, error.own);
            let class = error.class.map_or("no failure", |class| class.as_str());
            let _ = writeln!(text, "{name:<34} {:>4}  {:<9} {class}", "", "error");
        }
    }
    context.out.data(&text)
}

/// A file and when it was last changed. What is no regular file is refused: a pipe would hang and a device never ends.
fn read(path: &Path) -> io::Result<(Vec<u8>, Wall)> {
    let opened = rustix::fs::open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?;
    let file = File::from(opened);
    let meta = file.metadata()?;
    if !meta.is_file() {
        let what = if meta.is_dir() { "it is a folder" } else { "it is not a file" };
        return Err(io::Error::other(what));
    }
    let changed = meta.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let at = changed.and_then(|since| i64::try_from(since.as_millis()).ok()).map_or_else(clock::wall, Wall);
    let mut bytes = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut bytes)?;
    Ok((bytes, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        assert_eq!(size("120x40"), Ok((120, 40)));
        for bad in ["", "120", "x", "0x0", "120x40x3", "1x1", "99999x4"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_agent_is_known_by_the_folder_when_its_output_shows_none() {
        let profiles = Profiles { file: None };
        assert_eq!(by_content_or_place(&profiles, b"", Path::new("a/aider/x.raw")).name, "aider");
        assert_eq!(by_content_or_place(&profiles, b"", Path::new("codex-usage.raw")).name, "codex");
        assert_eq!(by_content_or_place(&profiles, b"", Path::new("x.raw")).name, "generic");
        assert_eq!(profiles.known("cladue").unwrap_err().exit().code(), 2);
    }
}
