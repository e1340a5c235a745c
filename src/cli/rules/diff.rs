//! `rules diff`: the rules of this build, tried on the recorded output of past nights, beside what was recorded then.

use super::super::context::Context;
use super::super::failure::Failure;
use super::super::{parts, report};
use super::{Profiles, rfc3339, rule};
use crate::agents::profile::{self, Profile};
use crate::agents::watch::Watcher;
use crate::core::agent::AgentSeen;
use crate::core::fact::{Entry, Fact};
use crate::core::ids::{AttemptId, NightId};
use crate::core::time::Wall;
use crate::instance::Instance;
use crate::recording::attempt::AttemptFiles;
use crate::recording::output::{About, OutputReader};
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

/// Bytes read at once.
const CHUNK: usize = 64 << 10;
/// A log is replayed from so far before the first state that was recorded; a terminal shows nothing older.
const BEFORE: u64 = 4 << 20;

/// What is compared.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this night: 2026-11-21
    #[arg(long, value_name = "ID", value_parser = report::night)]
    night: Option<NightId>,
}

/// A state as it was recorded.
struct Recorded {
    at: Wall,
    bytes: u64,
    seen: AgentSeen,
}

/// A state that would now be another.
struct Changed {
    attempt: AttemptId,
    was: Recorded,
    now: AgentSeen,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let instance = context.instance()?;
    let profiles = Profiles::of(context)?;
    let mut unknown = BTreeSet::new();
    let mut recorded: BTreeMap<AttemptId, Vec<Recorded>> = BTreeMap::new();
    let each = |entry: Entry| {
        if let Fact::AgentMoved { attempt, bytes, seen } = entry.fact {
            recorded.entry(attempt).or_default().push(Recorded { at: entry.at.wall, bytes, seen: *seen });
        }
    };
    context.block_on(parts::facts(&instance, args.night.as_ref(), "agent_moved", each))?;
    let (mut looked, mut states, mut gone) = (0_usize, 0_usize, 0_usize);
    let mut changed = Vec::new();
    for (attempt, recorded) in recorded {
        let name = recorded.first().map_or(profile::GENERIC, |first| first.seen.profile.as_str());
        let Some(profile) = profiles.get(name) else {
            unknown.insert(name.to_owned());
            continue;
        };
        match replayed(&instance, profile, &attempt, &recorded) {
            Ok(now) => {
                looked += 1;
                states += recorded.len();
                let pairs = recorded.into_iter().zip(now);
                let differ = |was: &AgentSeen, now: &AgentSeen| (was.activity, was.class) != (now.activity, now.class);
                let differing = pairs.filter(|(was, now)| differ(&was.seen, now));
                changed.extend(differing.map(|(was, now)| Changed { attempt: attempt.clone(), was, now }));
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => gone += 1,
            Err(e) => context.out.talk(&format!("{attempt}: its output cannot be read: {e}")),
        }
    }
    for name in unknown {
        let name = super::super::failure::harmless(&name);
        context.out.talk(&format!("the file has no agent {name} any more, so what was seen of it is not compared"));
    }
    if context.json {
        let side = |seen: &AgentSeen| {
            serde_json::json!({
                "activity": seen.activity.as_str(), "class": seen.class.map(|class| class.as_str()), "rule": rule(seen),
            })
        };
        let list = changed.iter().map(|c| {
            serde_json::json!({
                "attempt": c.attempt.to_string(), "at": rfc3339(c.was.at), "byte": c.was.bytes,
                "was": side(&c.was.seen), "now": side(&c.now),
            })
        });
        let list: Vec<serde_json::Value> = list.collect();
        return context.out.json(&serde_json::json!({
            "schema": 1, "attempts": looked, "states": states, "without_output": gone, "changed": list,
        }));
    }
    let mut text = String::new();
    for c in &changed {
        let (was, now) = (&c.was.seen, &c.now);
        let by = |seen: &AgentSeen| rule(seen).unwrap_or_else(|| "no rule".to_owned());
        let _ = writeln!(text, "{} at {} (byte {})", c.attempt, rfc3339(c.was.at), c.was.bytes);
        let _ = writeln!(text, "  was {} by {}", was.words(), by(was));
        let _ = writeln!(text, "  now {} by {}", now.words(), by(now));
    }
    context.out.data(&text)?;
    let kept = if gone == 0 { String::new() } else { format!("; of {gone} more the output is no longer kept") };
    let differ = if changed.len() == 1 { "1 differs".to_owned() } else { format!("{} differ", changed.len()) };
    context.out.talk(&format!("{differ} of {states} states in {looked} attempts{kept}"));
    Ok(())
}

/// What is seen now where something was recorded.
fn replayed(
    instance: &Instance,
    profile: Arc<Profile>,
    attempt: &AttemptId,
    recorded: &[Recorded],
) -> io::Result<Vec<AgentSeen>> {
    let files = AttemptFiles::new(instance.run_dir(attempt), instance.output_log(attempt));
    let about = About::read(&files)?;
    let mut reader = OutputReader::new(files);
    let first = about.sizes.first().map_or((80, 24), |size| (size.cols, size.rows));
    let mut watcher = Watcher::new(profile, first.0, first.1, TimeZone::system());
    let mut sizes = about.sizes.iter().skip(1).peekable();
    let begin = recorded.first().map_or(0, |first| first.bytes.saturating_sub(BEFORE));
    let mut at = begin.max(about.kept.from);
    let mut now = Vec::new();
    for state in recorded {
        while at < state.bytes {
            while let Some(size) = sizes.next_if(|size| size.at <= at) {
                watcher.resize(size.cols, size.rows);
            }
            let end = sizes.peek().map_or(state.bytes, |size| size.at.min(state.bytes));
            let max = usize::try_from(end - at).unwrap_or(CHUNK).min(CHUNK);
            let bytes = reader.read(at, max)?;
            if bytes.is_empty() {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ends before what was recorded"));
            }
            at += bytes.len() as u64;
            watcher.feed(&bytes, state.at);
        }
        while let Some(size) = sizes.next_if(|size| size.at <= at) {
            watcher.resize(size.cols, size.rows);
        }
        watcher.look(state.at);
        // What was read from elsewhere is not in the output.
        let decided = state.seen.evidence.first().map_or("", String::as_str);
        let elsewhere = ["hook ", "transcript ", "event "].iter().any(|source| decided.starts_with(source));
        now.push(if elsewhere { state.seen.clone() } else { watcher.seen().cloned().unwrap_or_default() });
    }
    Ok(now)
}
