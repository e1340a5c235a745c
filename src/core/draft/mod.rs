//! Drafts: texts that are typed into an agent's composer once it comes to rest, and what came of that.
//!
//! Two ways lead here. Whoever starts an agent says what is to be typed at its first rest ([`Event::Say`]). And open
//! notes that an attempt did not get yet are typed by themselves: which those are follows from the notes. While anything
//! is to be said, the rim is asked to wait for the agent's rest ([`Effect::AwaitRest`]) and tells it ([`Event::Rests`]);
//! only then it is decided what is typed, and that is journaled before the first key. What came of it is told by
//! [`Event::DraftTyped`]. A draft of which nothing was typed waits for the next rest; one that was typed and not taken is
//! never typed again, and somebody is told.
//!
//! `step`: the decisions · `typing`: how it is typed, and how it is seen that it was taken.
//!
//! [`Event::Say`]: super::event::Event::Say
//! [`Event::Rests`]: super::event::Event::Rests
//! [`Event::DraftTyped`]: super::event::Event::DraftTyped
//! [`Effect::AwaitRest`]: super::effect::Effect::AwaitRest

mod step;
#[cfg(test)]
#[expect(clippy::wildcard_enum_match_arm, reason = "tests look for one variant among many")]
mod stories;
pub mod typing;

use super::ids::{AttemptId, SessionName};
use super::note::Note;
use super::plan::SessionPlan;
use super::state::State;
use super::time::{At, Wall};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How often it is tried to type a draft of which nothing was typed.
pub const TRIES_MAX: u32 = 5;
/// Most characters of notes that are typed at once; what is beyond that has its turn at the next rest.
const NOTES_MAX: usize = 8_000;
/// Drafts of a living attempt that are over and still kept.
const OVER_KEPT: usize = 20;

/// What a draft is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "purpose", rename_all = "snake_case")]
pub enum Purpose {
    /// It says what is to be done: its agent could not be started with it. One for each attempt.
    Start,
    /// Notes of the operator.
    Notes {
        /// Their numbers.
        notes: Vec<u64>,
    },
}

impl Purpose {
    /// In words: `note n3`, `the start prompt`.
    pub fn words(&self) -> String {
        match self {
            Self::Start => "the start prompt".to_owned(),
            Self::Notes { notes } => {
                let ids: Vec<String> = notes.iter().map(|number| format!("n{number}")).collect();
                format!("{} {}", if ids.len() == 1 { "note" } else { "notes" }, ids.join(", "))
            }
        }
    }
}

/// How a draft stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// It waits for its agent to come to rest.
    Waiting,
    /// It is about to be typed.
    Typing {
        /// When that was decided.
        since: At,
    },
    /// It was typed, sent off and taken.
    Taken {
        /// When that was seen.
        at: Wall,
        /// What was typed, a key or text each.
        typed: Vec<String>,
        /// What shows that it was taken.
        seen: String,
    },
    /// It is not typed any more; something of it may have been.
    Failed {
        /// Since when.
        at: Wall,
        /// What was typed.
        typed: Vec<String>,
        /// Why.
        why: String,
    },
    /// There is nothing to say any more.
    Dropped {
        /// Since when.
        at: Wall,
    },
}

/// A text that is to be typed into the composer of an attempt's agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// Its number: `d3` is 3.
    pub number: u64,
    /// Whose composer.
    pub attempt: AttemptId,
    /// What it is for.
    #[serde(flatten)]
    pub purpose: Purpose,
    /// It: lines without control characters. Empty once it is over.
    #[serde(default)]
    pub text: String,
    /// How often nothing of it was typed.
    #[serde(default)]
    pub tries: u32,
    /// How it stands.
    #[serde(flatten)]
    pub stage: Stage,
}

impl Draft {
    /// Its id: `d3`.
    pub fn id(&self) -> String {
        format!("d{}", self.number)
    }
    /// The session.
    pub fn session(&self) -> &SessionName {
        &self.attempt.run.session
    }
    /// Whether nothing is done about it any more.
    pub fn is_over(&self) -> bool {
        match self.stage {
            Stage::Waiting | Stage::Typing { .. } => false,
            Stage::Taken { .. } | Stage::Failed { .. } | Stage::Dropped { .. } => true,
        }
    }
    /// Whether it was taken.
    pub fn is_taken(&self) -> bool {
        matches!(self.stage, Stage::Taken { .. })
    }
    /// The word for how it stands.
    pub fn word(&self) -> &'static str {
        match self.stage {
            Stage::Waiting => "waits",
            Stage::Typing { .. } => "is typed",
            Stage::Taken { .. } => "was taken",
            Stage::Failed { .. } => "was not taken",
            Stage::Dropped { .. } => "is not needed any more",
        }
    }
    fn has(&self, note: u64) -> bool {
        match &self.purpose {
            Purpose::Start => false,
            Purpose::Notes { notes } => notes.contains(&note),
        }
    }
}

/// The drafts of attempts that live.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Drafts {
    /// By number.
    pub known: BTreeMap<u64, Draft>,
    /// The last number given.
    pub last: u64,
}

impl Drafts {
    /// Those of an attempt, oldest first.
    pub fn of<'d>(&'d self, attempt: &'d AttemptId) -> impl Iterator<Item = &'d Draft> {
        self.known.values().filter(move |draft| draft.attempt == *attempt)
    }
    /// The one of an attempt that is not over.
    pub fn standing(&self, attempt: &AttemptId) -> Option<&Draft> {
        self.known.values().find(|draft| draft.attempt == *attempt && !draft.is_over())
    }
    /// A draft as it is now.
    pub(super) fn moved(&mut self, draft: &Draft) {
        self.last = self.last.max(draft.number);
        let mut known = draft.clone();
        if known.is_over() {
            // The journal has it.
            known.text = String::new();
        }
        self.known.insert(draft.number, known);
        // Of notes that were taken the notes themselves tell; the others are what keeps a text from being typed again.
        let done = |draft: &&Draft| match (&draft.purpose, &draft.stage) {
            (Purpose::Notes { .. }, Stage::Taken { .. } | Stage::Dropped { .. }) => true,
            (Purpose::Notes { .. }, Stage::Waiting | Stage::Typing { .. } | Stage::Failed { .. })
            | (Purpose::Start, _) => false,
        };
        let over: Vec<u64> = self.known.values().filter(done).map(|draft| draft.number).collect();
        for number in over.iter().take(over.len().saturating_sub(OVER_KEPT)) {
            self.known.remove(number);
        }
    }
    /// An attempt has ended: nothing is said to it any more.
    pub(super) fn attempt_ended(&mut self, attempt: &AttemptId) {
        self.known.retain(|_, draft| draft.attempt != *attempt);
    }
}

impl SessionPlan {
    /// Whether its program has a composer that something can be typed into: it is an agent that is known. Whether it
    /// really shows one is seen when it comes to rest.
    pub fn has_composer(&self) -> bool {
        self.agent.is_some() || self.profile.is_some()
    }
}

impl State {
    /// Open notes that a living attempt did not get, neither at its start nor by typing, and of which none was typed in
    /// vain; oldest first, as many as are typed at once.
    fn notes_for<'s>(&'s self, attempt: &'s AttemptId) -> Vec<&'s Note> {
        let tried = |note: &Note| self.drafts.of(attempt).any(|draft| draft.is_over() && draft.has(note.number));
        let open = self.notes.open(&attempt.run.session);
        let mut room = NOTES_MAX;
        let mut first = true;
        let fits = |note: &&Note| {
            let length = note.text.chars().count();
            let fits = first || length <= room;
            (first, room) = (false, room.saturating_sub(length));
            fits
        };
        open.filter(|note| !note.given.contains(attempt) && !tried(note)).take_while(fits).collect()
    }

    /// What is to be typed into an attempt at its next rest: what it was to be started with first, then notes. `None`
    /// while something is being typed.
    pub fn next_draft(&self, attempt: &AttemptId) -> Option<Draft> {
        let standing = self.drafts.standing(attempt);
        let new = || Draft {
            number: self.drafts.last + 1,
            attempt: attempt.clone(),
            purpose: Purpose::Start,
            text: String::new(),
            tries: 0,
            stage: Stage::Waiting,
        };
        let known = match standing {
            Some(Draft { stage: Stage::Typing { .. }, .. }) => return None,
            Some(draft) if draft.purpose == Purpose::Start => return Some(draft.clone()),
            Some(draft) => draft.clone(),
            None => new(),
        };
        let notes = self.notes_for(attempt);
        let purpose = Purpose::Notes { notes: notes.iter().map(|note| note.number).collect() };
        (!notes.is_empty()).then(|| Draft { text: of_notes(&notes), purpose, ..known })
    }
}

/// Notes as they are typed: whose words they are, and an end that is none of a command or a path.
fn of_notes(notes: &[&Note]) -> String {
    let (begin, each) = match notes {
        [one] => (format!("A note from the operator ({}):", one.id()), String::new()),
        _ => ("Notes from the operator:".to_owned(), "id".to_owned()),
    };
    let mut text = begin;
    for note in notes {
        let id = if each.is_empty() { String::new() } else { format!("({}) ", note.id()) };
        // Writing to a string cannot fail.
        let _ = write!(text, "\n\n{id}{}", note.text);
    }
    text.push_str("\n\nPlease go on with this in mind.");
    text
}

/// A text in one line, for a program that would take the end of a line for the end of the text.
pub fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
