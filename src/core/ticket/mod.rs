//! Tickets: what an agent asks and waits with, who answered it, and what came of that.
//!
//! A dialog that an agent shows is one ticket for as long as it stands there, however often it is looked at. An attempt
//! has at most one that is not over. A ticket is over when its answer was seen to be taken, when the program went on by
//! itself, or when the attempt ended. An answer is journaled before it is typed, and what was typed is journaled
//! afterwards; a daemon that was killed in between looks whether it was typed before it types anything.
//!
//! `choice`: which of its answers is meant by a word · `policy`: whether a rule of the file may answer · `step`: the
//! decisions · `typing`: how an answer is typed, and how it is seen that it was taken.

pub mod choice;
pub mod policy;
mod step;
#[cfg(test)]
#[expect(clippy::wildcard_enum_match_arm, reason = "tests look for one variant among many")]
mod stories;
pub mod typing;

use super::agent::Prompt;
use super::fact::Actor;
use super::ids::{AttemptId, SessionName};
use super::time::{At, Wall};
pub use step::{Refused, Typed, Wish, wish};

use policy::ByRule;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::time::Duration;

/// A prompt that stands unchanged for this long may be answered by a rule; before that it may still be drawn.
pub const STABLE: Duration = Duration::from_millis(1_500);
/// A question that nobody answers holds the slot of its session for this long.
pub const HOLDS_SLOT: Duration = Duration::from_secs(30 * 60);
/// A question that is back within this time was never gone: its screen was drawn anew.
const BACK_WITHIN: Duration = Duration::from_secs(5);
/// Tickets that are over and still kept in the state; the journal has the rest.
const OVER_KEPT: usize = 100;
/// What rules answered is counted over this time.
const HOUR: Duration = Duration::from_secs(3_600);
/// Longest text of an answer, in characters.
pub const TEXT_MAX: usize = 4_000;

/// What an agent was seen to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What.
    pub prompt: Prompt,
    /// The profile it was read by.
    pub profile: String,
    /// The rule that read it, with its version.
    pub rule: String,
    /// The agent's own version, where its screen tells it.
    pub version: Option<String>,
    /// Whether it stands there unchanged for [`STABLE`].
    pub stable: bool,
}

impl Asked {
    /// What makes two askings the same.
    pub fn mark(&self) -> String {
        mark(&self.prompt)
    }
}

/// What makes two prompts the same: a hash of what is asked, without where the cursor stands.
pub fn mark(prompt: &Prompt) -> String {
    let mut hash = Sha256::new();
    let command = prompt.command.as_deref().unwrap_or_default();
    for part in [prompt.kind.as_str(), &prompt.about, &prompt.question, command] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    for choice in &prompt.choices {
        hash.update(choice.label.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().take(8).map(|b| format!("{b:02x}")).collect()
}

/// What is said to an agent that asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub enum Say {
    /// One of its choices.
    Choice {
        /// Its place, from 1.
        number: usize,
    },
    /// A text.
    Text {
        /// It.
        text: String,
    },
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What is said.
    pub say: Say,
    /// In words: the choice's label, or the text.
    pub words: String,
    /// Who said it.
    pub by: Actor,
    /// When it was decided.
    pub at: At,
    /// The rule of the file that decided it; `None` when a person did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<ByRule>,
}

/// How a ticket stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// It waits for somebody.
    Open,
    /// Its answer is decided and about to be typed.
    Answering {
        /// The answer.
        answer: Answer,
    },
    /// The answer was taken.
    Answered {
        /// The answer.
        answer: Answer,
        /// When that was seen.
        at: Wall,
        /// What was typed, a key or text each.
        typed: Vec<String>,
        /// What shows that it was taken.
        seen: String,
    },
    /// The program went on by itself, or asks something else.
    Gone {
        /// When.
        at: Wall,
    },
    /// The attempt ended with it.
    Expired {
        /// When.
        at: Wall,
    },
}

/// A question of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Its number: `t3` is 3.
    pub number: u64,
    /// Whose question it is.
    pub attempt: AttemptId,
    /// What is asked.
    pub prompt: Prompt,
    /// What makes it the same as another, as [`mark`].
    pub mark: String,
    /// The profile it was read by.
    #[serde(default)]
    pub profile: String,
    /// The rule that read it, with its version.
    #[serde(default)]
    pub rule: String,
    /// The agent's own version, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Since when it waits.
    pub since: Wall,
    /// How it stands.
    #[serde(flatten)]
    pub stage: Stage,
    /// Whether the rules of the file were asked about it.
    #[serde(default)]
    pub judged: bool,
    /// Why no rule answers it, or why an answer did not arrive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Nobody answered for [`HOLDS_SLOT`]: another session may have its slot meanwhile.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub parked: bool,
}

impl Ticket {
    /// Its id: `t3`.
    pub fn id(&self) -> String {
        format!("t{}", self.number)
    }
    /// The session that asks.
    pub fn session(&self) -> &SessionName {
        &self.attempt.run.session
    }
    /// Whether it waits for somebody.
    pub fn is_open(&self) -> bool {
        self.stage == Stage::Open
    }
    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        match self.stage {
            Stage::Open | Stage::Answering { .. } => false,
            Stage::Answered { .. } | Stage::Gone { .. } | Stage::Expired { .. } => true,
        }
    }
    /// Its answer, given or about to be.
    pub fn answer(&self) -> Option<&Answer> {
        match &self.stage {
            Stage::Answering { answer } | Stage::Answered { answer, .. } => Some(answer),
            Stage::Open | Stage::Gone { .. } | Stage::Expired { .. } => None,
        }
    }
    /// The word for how it stands.
    pub fn word(&self) -> &'static str {
        match self.stage {
            Stage::Open => "open",
            Stage::Answering { .. } => "answering",
            Stage::Answered { .. } => "answered",
            Stage::Gone { .. } => "gone",
            Stage::Expired { .. } => "expired",
        }
    }
    /// What it wants, in a line: `asks: run git push?`.
    pub fn words(&self) -> String {
        let text = self.prompt.text();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.is_empty() { format!("asks ({})", self.prompt.kind.as_str()) } else { format!("asks: {text}") }
    }
    /// What can be answered, in words: `1 Yes, 2 No`.
    pub fn offers(&self) -> String {
        let each = |(at, choice): (usize, &super::agent::Choice)| format!("{} {}", at + 1, choice.label);
        self.prompt.choices.iter().enumerate().map(each).collect::<Vec<_>>().join(", ")
    }
}

/// All tickets that are known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tickets {
    /// By number.
    pub known: BTreeMap<u64, Ticket>,
    /// The last number given.
    pub last: u64,
    /// When each rule last answered, within the last hour: by session and the rule's hash.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub by_rule: BTreeMap<String, Vec<Wall>>,
}

impl Tickets {
    /// The ticket with this id.
    pub fn by_id(&self, id: &str) -> Option<&Ticket> {
        self.known.get(&id.strip_prefix('t')?.parse().ok()?)
    }
    /// Those of a session, oldest first.
    pub fn of<'t>(&'t self, session: &'t SessionName) -> impl DoubleEndedIterator<Item = &'t Ticket> {
        self.known.values().filter(move |ticket| ticket.session() == session)
    }
    /// The one of a session that is not over.
    pub fn standing<'t>(&'t self, session: &'t SessionName) -> Option<&'t Ticket> {
        self.of(session).rfind(|ticket| !ticket.is_over())
    }
    /// The one of an attempt that is not over.
    pub fn standing_of(&self, attempt: &AttemptId) -> Option<&Ticket> {
        self.known.values().rfind(|ticket| ticket.attempt == *attempt && !ticket.is_over())
    }
    /// All that are not over, oldest first.
    pub fn all_standing(&self) -> impl Iterator<Item = &Ticket> {
        self.known.values().filter(|ticket| !ticket.is_over())
    }
    /// How often a rule answered a session within the last hour.
    pub fn answered_by(&self, session: &SessionName, rule: &str, now: Wall) -> usize {
        let times = self.by_rule.get(&counted(session, rule));
        times.map_or(0, |times| times.iter().filter(|at| now.since(**at) < HOUR).count())
    }

    /// Whether an attempt waits so long for an answer that its slot is given to others. Once it is answered it counts
    /// again, on top of those that have begun meanwhile.
    pub fn parks(&self, attempt: &AttemptId) -> bool {
        self.standing_of(attempt).is_some_and(|ticket| ticket.parked)
    }
    /// A ticket as it is now.
    pub fn moved(&mut self, ticket: &Ticket) {
        self.last = self.last.max(ticket.number);
        if let Stage::Answering { answer } = &ticket.stage
            && let Some(rule) = &answer.rule
        {
            let now = answer.at.wall;
            for times in self.by_rule.values_mut() {
                times.retain(|at| now.since(*at) < HOUR);
            }
            self.by_rule.retain(|_, times| !times.is_empty());
            self.by_rule.entry(counted(ticket.session(), &rule.hash)).or_default().push(now);
        }
        self.known.insert(ticket.number, ticket.clone());
        self.forget_old();
    }
    /// An attempt has ended: what it asked is over. Whoever types an answer says later what came of it; the program may
    /// have ended because of it.
    pub fn attempt_ended(&mut self, attempt: &AttemptId, at: Wall) {
        let open = |ticket: &&mut Ticket| ticket.attempt == *attempt && ticket.stage == Stage::Open;
        for ticket in self.known.values_mut().filter(open) {
            ticket.stage = Stage::Expired { at };
        }
        self.forget_old();
    }
    /// Another night has begun: what is over is history.
    pub(super) fn new_night(&mut self) {
        self.known.retain(|_, ticket| !ticket.is_over());
    }
    fn forget_old(&mut self) {
        let over = self.known.values().filter(|ticket| ticket.is_over()).count();
        let oldest = self.known.values().filter(|ticket| ticket.is_over()).map(|ticket| ticket.number);
        let oldest: Vec<u64> = oldest.take(over.saturating_sub(OVER_KEPT)).collect();
        for number in oldest {
            self.known.remove(&number);
        }
    }
}

fn counted(session: &SessionName, rule: &str) -> String {
    format!("{session} {rule}")
}
