//! What was collected for the report beside exits and output: documents, files, what sessions say of their own work, and
//! what a person made of it. All of it is told once and never changes a state.

use super::fact::{Actor, Fact};
use super::ids::{AttemptId, NightId, ProjectName, SessionName};
use super::time::Wall;
use super::turn::Turn;
use serde::{Deserialize, Serialize};

/// Largest document that is read, in bytes; of a larger one only its name and size are told.
pub const DOCUMENT_MAX: u64 = 256 * 1024;
/// How the id of something that was asked for begins.
pub const REQUEST: &str = "i-";
/// Most settled requests that are remembered.
pub const SETTLED_MAX: usize = 300;
/// Most changed files of a project that are told one by one.
pub const FILES_MAX: usize = 500;

/// A document that was changed in the night, as it stood when it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// The project in whose folder it lies.
    pub project: ProjectName,
    /// The session that wrote it, when only one can have.
    #[serde(default)]
    pub session: Option<SessionName>,
    /// Its path below the project's folder, made harmless.
    pub path: String,
    /// When it was last changed.
    pub written: Wall,
    /// Its size in bytes.
    pub bytes: u64,
    /// SHA-256 of its bytes as they were found, in hex.
    pub hash: String,
    /// Its text with secrets made unreadable; empty when [`problem`](Self::problem) says why.
    #[serde(default)]
    pub text: String,
    /// Why it was not read, or not whole.
    #[serde(default)]
    pub problem: Option<String>,
}

/// What became of a project's files since the night began, by their stat records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesSeen {
    /// Changed files, in the order of their paths, at most [`FILES_MAX`].
    pub changed: Vec<FileSeen>,
    /// How many were made.
    pub created: u64,
    /// How many were changed.
    pub modified: u64,
    /// How many are gone.
    pub deleted: u64,
    /// How many were looked at.
    pub looked_at: u64,
    /// When a source file was last changed, documents and what is ignored left out.
    #[serde(default)]
    pub last_edit: Option<Wall>,
    /// What was not looked at, and why, each as a sentence.
    #[serde(default)]
    pub limits: Vec<String>,
}

/// One changed file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSeen {
    /// Its path below the project's folder, made harmless.
    pub path: String,
    /// What became of it.
    pub change: FileFate,
    /// Its size now, in bytes; of a deleted one as it was.
    pub bytes: u64,
    /// Its size before, in bytes.
    #[serde(default)]
    pub bytes_before: Option<u64>,
    /// Its line feeds, where it is text and small enough to count.
    #[serde(default)]
    pub lines: Option<u64>,
    /// When it was last changed.
    pub modified: Wall,
    /// SHA-256 of its bytes in hex, of an artifact that a person is to look at.
    #[serde(default)]
    pub hash: Option<String>,
    /// Whether `collect.artifacts` names it: it waits until a person approves or dismisses it.
    #[serde(default)]
    pub artifact: bool,
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileFate {
    /// It was not there before.
    Created,
    /// It is another than before.
    Modified,
    /// It is gone.
    Deleted,
}

/// What a session says of its own work: a claim, never a state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// What kind of claim.
    pub kind: ToldKind,
    /// Its words: one line, made harmless, secrets made unreadable.
    pub text: String,
    /// A file that it names.
    #[serde(default)]
    pub file: Option<String>,
    /// A command that would prove it. Never run by itself.
    #[serde(default)]
    pub verify: Option<String>,
    /// What it says waits for it.
    #[serde(default)]
    pub blocks: Option<String>,
    /// How it came.
    pub by: ToldBy,
    /// Where it ended in the file it was read from, from 1: what is read again is not told again.
    #[serde(default)]
    pub offset: u64,
    /// When it was said, as far as that is known; the fact's own time is when it was heard.
    #[serde(default)]
    pub said: Option<Wall>,
}

/// What a session can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToldKind {
    /// Something was done.
    Done,
    /// Something holds the work up.
    Blocked,
    /// A person is needed.
    Needs,
    /// A number.
    Metric,
    /// What is to be done next.
    Next,
    /// A choice that was made.
    Decision,
}

/// How a session told something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToldBy {
    /// With `nightkeep tell`.
    Command,
    /// With a `nightkeep::` line in its output.
    Marker,
}

/// That a person looked at an artifact, or settled what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// The night whose report names it.
    pub night: NightId,
    /// Its id in the report.
    pub artifact: String,
    /// The project; `None` of what a session without one asked for.
    #[serde(default)]
    pub project: Option<ProjectName>,
    /// Its path below the project's folder; of what was asked for its words.
    pub path: String,
    /// SHA-256 of what was looked at, in hex; a later change asks anew.
    #[serde(default)]
    pub hash: Option<String>,
    /// Approved, or dismissed.
    pub approved: bool,
    /// Who.
    pub by: Actor,
}

/// What a night came to in short, told when its report is written: the next night is held against it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NightSummary {
    /// Which night.
    pub night: NightId,
    /// By session.
    #[serde(default)]
    pub sessions: Vec<SessionSummary>,
    /// What was open as it ended, and since which night.
    #[serde(default)]
    pub open: Vec<OpenItem>,
    /// Ids of what was asked for and a person settled, oldest first, at most [`SETTLED_MAX`]: it is not asked for again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settled: Vec<String>,
    /// Its line among the nights; `None` while it was open, and of nights that an older version summed up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numbers: Option<NightNumbers>,
}

/// What a night came to in numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NightNumbers {
    /// When it began, as RFC 3339.
    pub from: String,
    /// When it ended, as RFC 3339.
    pub to: String,
    /// The zone of local times.
    pub timezone: String,
    /// Its length in milliseconds.
    pub ms: u64,
    /// What the whole came down to: a word of the report.
    pub verdict: String,
    /// Sessions that ended as they should.
    pub finished: u64,
    /// That failed for good.
    pub failed: u64,
    /// That ended without an error, but not complete.
    pub partial: u64,
    /// What needed a person.
    pub needs_you: u64,
    /// Starts beyond the first of their run.
    pub retries: u64,
    /// Error lines in the output.
    pub errors: u64,
    /// Commits of all projects.
    pub commits: u64,
    /// How long programs ran, all together, in milliseconds.
    pub ran_ms: u64,
    /// What it cost in US dollars, where that is known.
    #[serde(default)]
    pub cost: Option<f64>,
}

/// What a session came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionSummary {
    /// Which.
    pub session: SessionName,
    /// Its state, as in `status --json`.
    pub state: String,
    /// How long its programs ran, in milliseconds.
    pub ran_ms: u64,
    /// What its last run of tests counted: passed, failed, skipped.
    #[serde(default)]
    pub tests: Option<(u64, u64, u64)>,
    /// Fingerprints of its errors, at most 50.
    #[serde(default)]
    pub errors: Vec<String>,
    /// What it cost in US dollars, where that is known.
    #[serde(default)]
    pub cost: Option<f64>,
}

/// Something that was open as a night ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenItem {
    /// Its id: the same as long as project, kind and words are.
    pub id: String,
    /// Its project.
    #[serde(default)]
    pub project: Option<ProjectName>,
    /// Its kind: `user_action`, `blocker`, `next_step`, `artifact`, ...
    pub kind: String,
    /// Its words.
    pub text: String,
    /// The night it was first seen in.
    pub first: NightId,
    /// In how many nights it was seen.
    pub nights: u32,
}

/// Something that was collected.
#[derive(Debug, Clone, PartialEq)]
pub enum Evidence {
    /// A document was read.
    Document(Box<Document>),
    /// A project's files were looked at.
    Files {
        /// Which project.
        project: ProjectName,
        /// They.
        files: Box<FilesSeen>,
    },
    /// A session said something.
    Told {
        /// The attempt that said it.
        attempt: AttemptId,
        /// What.
        told: Box<Told>,
    },
    /// A person looked at an artifact.
    Review(Box<Review>),
    /// A night was summed up.
    Summary(Box<NightSummary>),
    /// A summarizer worded what a night came to.
    Words {
        /// Which night.
        night: NightId,
        /// What.
        text: String,
        /// The command.
        by: String,
    },
}

impl Turn<'_> {
    /// Journals what was collected, unless it was told before.
    pub(super) fn evidence(&mut self, evidence: Evidence) {
        if self.state().was_collected(&evidence) {
            return;
        }
        // A report that is written again comes to the same.
        if let Evidence::Summary(summary) = &evidence
            && self.state().summed.as_ref() == Some(&**summary)
        {
            return;
        }
        let fact = match evidence {
            Evidence::Told { attempt, told } => return self.told(attempt, told),
            Evidence::Document(document) => Fact::DocumentRead { document },
            Evidence::Files { project, files } => Fact::FilesSeen { project, files },
            Evidence::Review(review) => return self.reviewed(review),
            Evidence::Summary(summary) => Fact::NightSummed { summary },
            Evidence::Words { night, text, by } => Fact::Worded { night, text, by },
        };
        self.fact(fact);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::event::Event;
    use crate::core::testing::{Desk, code, plan, session};
    use std::time::Duration;

    #[test]
    fn what_a_night_came_to_is_told_again_as_the_next_begins_also_after_a_crash() {
        let mut desk = Desk::new(plan([session("x")]));
        desk.up(&[]);
        desk.runs("x", code(0));
        let night = desk.night.state.night.as_ref().unwrap().id.clone();
        let summary = NightSummary {
            night: night.clone(),
            sessions: Vec::new(),
            open: Vec::new(),
            settled: Vec::new(),
            numbers: None,
        };
        let tell = || Event::Evidence { evidence: Evidence::Summary(Box::new(summary.clone())) };
        assert_eq!(desk.step(tell()).facts.len(), 1);
        assert!(desk.step(tell()).facts.is_empty(), "the same once more is nothing new");
        desk.crash();
        assert_eq!(desk.night.state.summed, Some(summary.clone()));
        desk.down();
        desk.wait(Duration::from_secs(24 * 3600));
        let step = desk.up_on("2026-11-22", &[]);
        let told: Vec<_> = step
            .facts
            .iter()
            .filter_map(|entry| if let Fact::NightSummed { summary } = &entry.fact { Some(&**summary) } else { None })
            .collect();
        assert_eq!(told, [&summary]);
    }
}
