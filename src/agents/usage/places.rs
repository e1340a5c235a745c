//! Where the transcripts of an agent are, and whose of several attempts in one directory a transcript is.

use super::Agent;
use crate::agents::launch::is_named;
use crate::core::time::Wall;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A place to look for transcripts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The files in this folder that end so; helpers of an agent have theirs in folders below.
    Folder {
        /// The folder.
        dir: PathBuf,
        /// How their names end.
        ends: &'static str,
        /// The folder below a folder of a session's name in which its helpers' transcripts are.
        helpers: Option<&'static str>,
    },
    /// The same in the newest folders by year, month and day.
    Days {
        /// The folder with the years.
        dir: PathBuf,
        /// How the files' names end.
        ends: &'static str,
    },
    /// The same in a folder below one of a project: that of this name, or whose `.project_root` names the directory.
    Projects {
        /// The folder with the projects.
        dir: PathBuf,
        /// The name that the project's folder may have.
        hash: String,
        /// The folder below it.
        below: &'static str,
        /// How the files' names end.
        ends: &'static str,
    },
    /// This file.
    File(PathBuf),
    /// This database.
    Database(PathBuf),
}

/// The places of an agent that is started with this environment in this directory, which is looked at as it is.
pub fn places(agent: Agent, env: &BTreeMap<String, String>, dir: &Path) -> Vec<Place> {
    let var = |name: &str| env.get(name).filter(|value| !value.is_empty()).map(|value| dir.join(value));
    let Some(home) = var("HOME") else { return Vec::new() };
    match agent {
        Agent::Claude => {
            let root = var("CLAUDE_CONFIG_DIR").unwrap_or_else(|| home.join(".claude"));
            let dir = root.join("projects").join(slug(dir));
            vec![Place::Folder { dir, ends: ".jsonl", helpers: Some("subagents") }]
        }
        Agent::Codex => {
            let root = var("CODEX_HOME").unwrap_or_else(|| home.join(".codex"));
            vec![Place::Days { dir: root.join("sessions"), ends: ".jsonl" }]
        }
        Agent::Gemini => {
            let root = var("GEMINI_CLI_HOME").unwrap_or(home);
            let hash = hash(&dir.to_string_lossy());
            vec![Place::Projects { dir: root.join(".gemini/tmp"), hash, below: "chats", ends: ".jsonl" }]
        }
        Agent::Opencode => {
            let root = var("XDG_DATA_HOME").unwrap_or_else(|| home.join(".local/share")).join("opencode");
            vec![Place::Database(root.join("opencode.db"))]
        }
        Agent::Aider => {
            if let Some(file) = var("AIDER_CHAT_HISTORY_FILE") {
                return vec![Place::File(file)];
            }
            // It is at the top of the repository, wherever that is above.
            dir.ancestors().take(32).map(|above| Place::File(above.join(".aider.chat.history.md"))).collect()
        }
    }
}

/// The name that a directory has where its path is not to be seen.
pub fn hash(dir: &str) -> String {
    Sha256::digest(dir.as_bytes()).iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The name of a project's folder: the path, with a dash for all that is no letter and no digit.
fn slug(dir: &Path) -> String {
    let mut slug = String::new();
    for c in dir.to_string_lossy().chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else {
            (0..c.len_utf16()).for_each(|_| slug.push('-'));
        }
    }
    slug
}

/// The time of an attempt, as far as its transcript goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// From when.
    pub from: Wall,
    /// Until when; `None` while it runs.
    pub to: Option<Wall>,
}

/// A transcript is written a little after its attempt ended, and may begin a little before it is seen to run.
const SLACK_MS: i64 = 5_000;

/// A transcript, as far as it tells whose it is.
#[derive(Debug, Clone, Copy)]
pub struct Trace<'a> {
    /// When it began.
    pub began: Wall,
    /// When it was last written to.
    pub written: Wall,
    /// The name of its file, or its id in a database.
    pub name: &'a str,
}

/// An attempt that a transcript may be of.
#[derive(Debug, Clone, Copy)]
pub struct Claimant<'a> {
    /// Its time.
    pub span: Span,
    /// The id of its conversation, as far as it is known.
    pub conversation: Option<&'a str>,
}

/// Whose each of these transcripts is, of the attempts of one agent in one directory: the place among them, and whether
/// that is a guess. One that is named by the conversation of an attempt is surely that attempt's; of several that went on
/// with it, theirs who ran then. Any other is theirs who ran when it began; of several theirs who has none yet, the latest
/// of them; or, when they had ended before it was last written to, theirs who goes on with it. Every transcript has one
/// owner, so nothing is counted twice.
pub fn whose(transcripts: &[Trace<'_>], attempts: &[Claimant<'_>]) -> Vec<Option<(usize, bool)>> {
    let names = |trace: &Trace<'_>| -> Vec<usize> {
        let named = |claimant: &Claimant<'_>| claimant.conversation.is_some_and(|id| is_named(trace.name, id));
        attempts.iter().enumerate().filter(|(_, claimant)| named(claimant)).map(|(place, _)| place).collect()
    };
    let mut order: Vec<(usize, &Trace<'_>, Vec<usize>)> =
        transcripts.iter().enumerate().map(|(place, trace)| (place, trace, names(trace))).collect();
    // What is sure goes first: who has one already is guessed last.
    order.sort_by_key(|(_, trace, named)| (named.is_empty(), trace.began, trace.written));
    let mut owners = vec![None; transcripts.len()];
    let mut has = vec![false; attempts.len()];
    for (place, trace, named) in order {
        let may = |place: &usize| named.is_empty() || named.contains(place);
        let latest = |at: Wall| {
            let running = attempts.iter().enumerate().filter(|(_, claimant)| claimant.span.holds(at));
            let fitting = running.filter(|(place, _)| may(place));
            let without = |place: usize| !has.get(place).copied().unwrap_or(true);
            let best = fitting.clone().max_by_key(|(place, one)| (without(*place), one.span.from, *place));
            best.map(|(place, _)| (place, named.is_empty() && fitting.count() > 1))
        };
        let first = latest(trace.began);
        let goes_on = |claimant: &Claimant<'_>| claimant.span.holds(trace.written);
        let still = first.and_then(|(owner, _)| attempts.get(owner)).is_some_and(goes_on);
        let owner = if still { first } else { latest(trace.written).or(first) };
        // Clocks may differ; its name does not.
        let owner = owner.or_else(|| named.last().map(|place| (*place, false)));
        if let Some(taken) = owner.and_then(|(owner, _)| has.get_mut(owner)) {
            *taken = true;
        }
        if let Some(slot) = owners.get_mut(place) {
            *slot = owner;
        }
    }
    owners
}

impl Span {
    fn holds(&self, at: Wall) -> bool {
        self.from.0.saturating_sub(SLACK_MS) <= at.0 && self.to.is_none_or(|to| at.0 <= to.0.saturating_add(SLACK_MS))
    }
}
