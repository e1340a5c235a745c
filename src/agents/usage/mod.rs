//! What agents used, read from the transcripts that they write: lines to requests, requests to sums, sums to money.
//!
//! [`lines`] cuts bytes into lines, a file an agent reads one line, [`meter`] adds up what belongs to an attempt,
//! [`prices`] says what it costs, [`places`] where transcripts are. A transcript is written by somebody else: whatever
//! stands in it, reading it is bounded and never fails.

mod aider;
mod claude;
mod codex;
mod count;
mod gemini;
pub mod lines;
pub mod meter;
mod opencode;
pub mod places;
pub mod prices;
#[cfg(test)]
mod tests;

pub use opencode::message as opencode_message;

use crate::core::time::Wall;
use crate::core::usage::{Money, Tokens};
use jiff::tz::TimeZone;

/// An agent whose transcripts can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Agent {
    /// Claude Code.
    Claude,
    /// Codex.
    Codex,
    /// Gemini CLI.
    Gemini,
    /// opencode. Its transcript is a database: see [`opencode_message`].
    Opencode,
    /// aider.
    Aider,
}

impl Agent {
    /// The agent of this name, as in a session's plan.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Claude, Self::Codex, Self::Gemini, Self::Opencode, Self::Aider]
            .into_iter()
            .find(|agent| agent.as_str() == name)
    }
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
            Self::Opencode => "opencode",
            Self::Aider => "aider",
        }
    }
}

/// One request to a model, as a transcript tells it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Request {
    /// When; `None` where the transcript does not say.
    pub at: Option<Wall>,
    /// What tells it from others. One that comes again with the same is the same request, told better.
    pub key: Option<String>,
    /// The model.
    pub model: String,
    /// Its tokens.
    pub tokens: Tokens,
    /// Tokens written to a cache for an hour, which is dearer; part of [`Tokens::cache_write`].
    pub kept_long: u64,
    /// What the agent itself says that it cost.
    pub cost: Option<Money>,
    /// Its numbers are rounded.
    pub rounded: bool,
    /// It brought nothing: it failed, or made a summary of what was there already.
    pub empty: bool,
    /// It is what sums grew by: told again, where lines before it are missing, it would be more than it was.
    pub by_sums: bool,
}

/// What a line of a transcript told.
#[derive(Debug, Clone, PartialEq)]
pub enum Note {
    /// A request.
    Request(Request),
    /// What the agent itself says that everything in this transcript cost so far.
    Own(Money),
    /// A line with a time and nothing to count.
    At(Wall),
}

/// Reads one transcript, line by line.
#[derive(Debug)]
pub enum Reader {
    /// Of Claude Code.
    Claude,
    /// Of Codex.
    Codex(codex::Rollout),
    /// Of Gemini CLI.
    Gemini,
    /// Of aider.
    Aider(aider::History),
}

impl Reader {
    /// A reader of an agent's transcripts; `None` for those that are no files of lines. `zone` is that of times without
    /// one.
    pub fn new(agent: Agent, zone: &TimeZone) -> Option<Self> {
        match agent {
            Agent::Claude => Some(Self::Claude),
            Agent::Codex => Some(Self::Codex(codex::Rollout::default())),
            Agent::Gemini => Some(Self::Gemini),
            Agent::Aider => Some(Self::Aider(aider::History::new(zone.clone()))),
            Agent::Opencode => None,
        }
    }
    /// Takes a line, and hands on what it told.
    pub fn line(&mut self, line: &[u8], tell: &mut dyn FnMut(Note)) {
        match self {
            Self::Claude => claude::line(line).into_iter().for_each(tell),
            Self::Codex(rollout) => rollout.line(line).into_iter().for_each(tell),
            Self::Gemini => gemini::line(line, tell),
            Self::Aider(history) => history.line(line).into_iter().for_each(tell),
        }
    }
    /// The transcript begins anew: it was cut or replaced, and may hold again what was read before.
    pub fn begins_anew(&mut self) {
        match self {
            Self::Claude | Self::Gemini => {}
            Self::Codex(rollout) => rollout.begins_anew(),
            Self::Aider(history) => history.begins_anew(),
        }
    }
}

/// A time as transcripts write it.
fn moment(text: &str) -> Option<Wall> {
    text.parse::<jiff::Timestamp>().ok().map(|at| Wall(at.as_millisecond()))
}

/// Whether a line may hold one of these, before it is read as JSON: most of a transcript is of no interest here.
pub(super) fn mentions(line: &[u8], words: &[&str]) -> bool {
    words.iter().any(|word| find(line, word.as_bytes()).is_some())
}

/// Where a short text stands in bytes.
fn find(bytes: &[u8], word: &[u8]) -> Option<usize> {
    let (first, rest) = word.split_first()?;
    let mut from = 0;
    while let Some(at) = bytes.get(from..)?.iter().position(|byte| byte == first) {
        let at = from + at;
        if bytes.get(at + 1..)?.starts_with(rest) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

/// The directory that a transcript's first bytes name as the one its agent works in.
pub fn directory_in(head: &[u8]) -> Option<String> {
    let mut from = 0;
    while let Some(at) = find(head.get(from..)?, b"\"cwd\"") {
        from += at + 5;
        let rest = head.get(from..)?;
        let value = rest.iter().position(|byte| !matches!(byte, b' ' | b':'))?;
        let rest = rest.get(value..)?;
        if rest.first() == Some(&b'"') {
            let mut texts = serde_json::Deserializer::from_slice(rest).into_iter::<String>();
            if let Some(Ok(dir)) = texts.next() {
                return Some(dir);
            }
        }
    }
    None
}
