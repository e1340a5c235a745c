//! What a claim is worth, held against what was seen and against the rest of its document.
//!
//! A pure function of stored evidence: the same claim, document and evidence give the same verdict. A claim never makes
//! another one stronger, and no verdict changes what is known of a session.

mod arithmetic;
mod between;
mod numbers;
mod prepared;
mod seen;

use prepared::Prepared;

pub use between::{Disagreement, Matter, Said, Side, disagreements};

use crate::harvest::{Item, Kind, Passage};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a claim is worth. Later ones outweigh earlier ones where several checks speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing was seen either way.
    Claimed,
    /// Only the document's own numbers agree.
    Consistent,
    /// Our own evidence agrees and is fresh enough.
    Verified,
    /// There is evidence, but it does not prove it.
    Weak,
    /// It was so earlier.
    Stale,
    /// Our own evidence, or the document itself, says otherwise.
    Contradicted,
}

impl Verdict {
    /// The word people read.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Claimed => "says",
            Self::Consistent => "adds up",
            Self::Verified => "seen",
            Self::Weak => "weak",
            Self::Stale => "stale",
            Self::Contradicted => "contradicted",
        }
    }
}

/// A verdict and the two sides it was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// What the claim is worth.
    pub verdict: Verdict,
    /// What was held against it; empty for a claim that nothing speaks to.
    pub reasons: Vec<Reason>,
    /// Whether it is an opinion, to be counted as nothing: `production-ready`.
    pub opinion: bool,
}

/// One check that had something to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// What it made of the claim.
    pub verdict: Verdict,
    /// What was seen, as a sentence's beginning.
    pub seen: String,
    /// Line of the document that says otherwise, where it is the document.
    pub line: Option<usize>,
}

/// A document as its claims are held against it.
#[derive(Debug, Clone, Default)]
pub struct Document {
    /// All its lines.
    pub passages: Vec<Passage>,
    /// Its items.
    pub items: Vec<Item>,
    /// When it was last written, in seconds since 1970, where that is known.
    pub written: Option<i64>,
    /// Whether it was begun and never finished.
    pub unfinished: bool,
    /// What of it was not read.
    pub notes: Vec<String>,
}

impl Document {
    /// Reads a document.
    #[must_use]
    pub fn read(bytes: &[u8], written: Option<i64>) -> Self {
        let crate::harvest::Harvest { items, notes, unfinished } = crate::harvest::harvest(bytes);
        Self { passages: crate::harvest::passages(bytes), items, written, unfinished, notes }
    }
}

/// What was seen during the night.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Evidence {
    /// How the session that wrote the document ended.
    pub exit: Option<Exit>,
    /// Runs of tests and builds that were recognised, in their order.
    pub runs: Vec<Run>,
    /// The last run of tests of the night before.
    pub before: Option<Counts>,
    /// Tests that the sources hold, counted without running them.
    pub tests_in_sources: Option<u64>,
    /// Files that were looked at.
    pub files: Vec<File>,
    /// Commits that were looked for.
    pub commits: Vec<Commit>,
    /// When a source file was last changed, in seconds since 1970.
    pub edited: Option<i64>,
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// With this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It runs still.
    Running,
    /// It asks something and waits.
    Asking,
}

/// How many tests did what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Passed.
    pub passed: u64,
    /// Failed.
    pub failed: u64,
    /// Skipped.
    pub skipped: u64,
}

impl Counts {
    /// All of them.
    #[must_use]
    pub const fn total(self) -> u64 {
        self.passed.saturating_add(self.failed).saturating_add(self.skipped)
    }
}

/// What a run was of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// Tests.
    Tests,
    /// A build.
    Build,
}

/// A run that was recognised in the output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// What it was of.
    pub kind: RunKind,
    /// The command, where it was seen.
    #[serde(default)]
    pub command: String,
    /// When it ended, in seconds since 1970.
    pub at: i64,
    /// Its exit code, where it was seen.
    #[serde(default)]
    pub exit: Option<i32>,
    /// What the tests did, where they were counted.
    #[serde(default)]
    pub counts: Option<Counts>,
    /// Whether it did not do all: a filter was given, or nothing had to be built.
    #[serde(default)]
    pub partial: bool,
    /// Why it proves little, in words; empty when nothing more is known than that it is partial.
    #[serde(default)]
    pub weak: String,
    /// Whether it said itself that it went wrong, where its exit code was not seen.
    #[serde(default)]
    pub failed: bool,
}

/// A file that was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct File {
    /// Its path below the project.
    pub path: String,
    /// Whether it is there.
    pub exists: bool,
    /// Its size.
    pub bytes: Option<u64>,
    /// Its line feeds.
    pub lines: Option<u64>,
    /// Whether it is in the last commit.
    pub committed: Option<bool>,
}

/// A commit that was looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Commit {
    /// Its hash, abbreviated or whole.
    pub hash: String,
    /// Whether it exists and the branch holds it.
    pub held: bool,
}

/// Judges one claim of a document.
#[must_use]
pub fn judge(claim: &Item, document: &Document, evidence: &Evidence) -> Judgement {
    judge_prepared(claim, &Prepared::of(document), evidence)
}

fn judge_prepared(claim: &Item, document: &Prepared<'_>, evidence: &Evidence) -> Judgement {
    let mut reasons = seen::reasons(claim, document, evidence);
    reasons.extend(arithmetic::reasons(claim, document));
    // The checks' order decides between equals, so that the same evidence always tells the same story.
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.verdict));
    let verdict = reasons.first().map_or(Verdict::Claimed, |reason| reason.verdict);
    Judgement { verdict, opinion: verdict == Verdict::Claimed && seen::is_opinion(claim), reasons }
}

/// What a document claims: its items, and the headings that only count what is below them.
#[must_use]
pub fn claims(document: &Document) -> Vec<Item> {
    let counting = document.passages.iter().filter(|p| p.heading.is_some() && arithmetic::counts(&p.text));
    let known: BTreeSet<usize> = document.items.iter().map(|item| item.line).collect();
    let headings = counting.filter(|p| !known.contains(&p.line)).map(|p| Item {
        kind: Kind::Metric,
        text: p.text.trim().to_owned(),
        line: p.line,
        section: String::new(),
    });
    let mut claims: Vec<Item> = document.items.iter().cloned().chain(headings).collect();
    claims.sort_by_key(|claim| claim.line);
    claims
}

/// Judges all claims of a document.
#[must_use]
pub fn judge_all(document: &Document, evidence: &Evidence) -> Vec<(Item, Judgement)> {
    let prepared = Prepared::of(document);
    let judged = claims(document).into_iter().map(|claim| {
        let judgement = judge_prepared(&claim, &prepared, evidence);
        (claim, judgement)
    });
    judged.collect()
}
