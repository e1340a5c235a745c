//! The part of the document about what agents say: their claims, what each is worth, and what does not add up.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many claims are worth what. What is only open, asked for or planned claims nothing and is not counted, nor are
/// opinions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClaimTally {
    /// All of them, each told once however often it is said.
    pub claims: u64,
    /// Our own evidence agrees, fresh enough.
    pub seen: u64,
    /// Only the document's own numbers agree. It counts as unverified.
    pub adds_up: u64,
    /// Nothing was seen either way.
    pub says: u64,
    /// There is evidence, but it does not prove it.
    pub weak: u64,
    /// It was so earlier.
    pub stale: u64,
    /// Our own evidence, or what agents wrote elsewhere, says otherwise.
    pub contradicted: u64,
    /// Praise that nothing could prove; not among the claims.
    pub opinions: u64,
}

impl ClaimTally {
    /// Claims that nothing outside the documents speaks for.
    pub fn unverified(&self) -> u64 {
        self.adds_up + self.says
    }
}

/// One side of what does not add up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Quote {
    /// What it says.
    pub text: String,
    /// `document`, `tell`, `marker`, or `nightkeep` for what was seen.
    pub source: String,
    /// The document.
    pub path: Option<String>,
    /// Its line, from 1.
    pub line: Option<u64>,
    /// Who wrote or said it.
    pub session: Option<String>,
    /// When it was written or said.
    pub at: Option<String>,
}

/// A claim with what says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Doubt {
    /// Stays the same when the report is made again: the id of the claim.
    pub id: String,
    /// The project.
    pub project: Option<String>,
    /// `contradicted`, `stale` or `weak`.
    pub verdict: String,
    /// The claim.
    pub claim: Quote,
    /// What says otherwise.
    pub against: Quote,
}

/// Something that a document or a session says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ItemReport {
    /// A hash of project, kind and words: the same in every night.
    pub id: String,
    /// `achievement`, `pending`, `in_progress`, `blocker`, `user_action`, `error`, `next_step`, `metric`, `artifact`,
    /// `decision` or `limitation`.
    pub kind: String,
    /// Its words.
    pub text: String,
    /// `seen`, `adds_up`, `says`, `weak`, `stale` or `contradicted`.
    pub verdict: String,
    /// Whether it is praise that counts as nothing.
    pub opinion: bool,
    /// Where it is said.
    pub said: Quote,
    /// The headings above it.
    pub section: String,
    /// What was seen, the weightiest first.
    pub seen: Vec<String>,
    /// How often it is said.
    pub times: u64,
    /// The other places, as `path:line`, at most 5.
    pub also: Vec<String>,
    /// What it says waits for it.
    pub blocks: Option<String>,
    /// A command that it says would prove it. Never run by itself.
    pub verify: Option<String>,
    /// 1 is most urgent, where the document ranks it.
    pub priority: Option<u8>,
    /// In how many nights it was seen, this one included.
    pub nights: u32,
    /// The night it was first seen in.
    pub first_night: String,
}

/// What is said of a project, by kind; in each list the best proved first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProjectItems {
    /// What was done.
    #[serde(default)]
    pub done: Vec<ItemReport>,
    /// Numbers.
    #[serde(default)]
    pub numbers: Vec<ItemReport>,
    /// Files, commits and the like that are said to be there.
    #[serde(default)]
    pub artifacts: Vec<ItemReport>,
    /// What is under way, and what is still open.
    #[serde(default)]
    pub open: Vec<ItemReport>,
    /// What went wrong.
    #[serde(default)]
    pub errors: Vec<ItemReport>,
    /// What holds the work up.
    #[serde(default)]
    pub blockers: Vec<ItemReport>,
    /// What a person is to do or to decide.
    #[serde(default)]
    pub user_actions: Vec<ItemReport>,
    /// What comes next, the most urgent first.
    #[serde(default)]
    pub next_steps: Vec<ItemReport>,
    /// What was chosen.
    #[serde(default)]
    pub decisions: Vec<ItemReport>,
    /// What it does not do, or was not looked at.
    #[serde(default)]
    pub limits: Vec<ItemReport>,
    /// Items beyond those listed.
    #[serde(default)]
    pub left_out: u64,
}

impl ProjectItems {
    /// How many are listed.
    pub fn count(&self) -> usize {
        let lists = [
            &self.done,
            &self.numbers,
            &self.artifacts,
            &self.open,
            &self.errors,
            &self.blockers,
            &self.user_actions,
            &self.next_steps,
            &self.decisions,
            &self.limits,
        ];
        lists.iter().map(|list| list.len()).sum()
    }
}

/// A document that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DocumentReport {
    /// Its path in the project.
    pub path: String,
    /// The session that wrote it, when only one can have.
    pub session: Option<String>,
    /// When it was last changed.
    pub written: String,
    /// Its size.
    pub bytes: u64,
    /// How many items it holds.
    pub items: u64,
    /// Whether it was begun and never finished: nothing that it announces counts as done.
    pub unfinished: bool,
    /// What of it was not read, and why.
    pub notes: Vec<String>,
}

/// What became of a project's files, by their stat records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FilesReport {
    /// How many were made.
    pub created: u64,
    /// How many were changed.
    pub modified: u64,
    /// How many are gone.
    pub deleted: u64,
    /// How many were looked at.
    pub looked_at: u64,
    /// When a source file was last changed.
    pub last_edit: Option<String>,
    /// They, at most 500.
    pub changed: Vec<ChangedFile>,
    /// What was not looked at.
    pub limits: Vec<String>,
}

/// A changed file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChangedFile {
    /// Its path in the project.
    pub path: String,
    /// `created`, `modified` or `deleted`.
    pub change: String,
    /// Its size; of a deleted one as it was.
    pub bytes: u64,
    /// Its size before.
    pub bytes_before: Option<u64>,
    /// Its id, of one that waits until a person approves or dismisses it.
    pub artifact: Option<String>,
    /// `approved` or `dismissed`, of an artifact that a person looked at as it is now.
    pub review: Option<String>,
}

/// The last run of a tool that runs tests, in a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TestsReport {
    /// The session whose output showed it.
    pub session: String,
    /// In the tool's own words.
    pub text: String,
    /// Whether it said that all is well.
    pub good: bool,
    /// When it ended.
    pub at: String,
    /// What is to be said against it: it proves little, or sources were changed after it.
    pub doubt: Option<String>,
}

/// What is different from the night before.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NightChanges {
    /// Which night it is held against.
    pub against: String,
    /// Sessions that failed or are partial, and were neither the night before.
    pub new_failures: Vec<String>,
    /// Sessions that finished, and had failed or were partial the night before.
    pub fixed: Vec<String>,
    /// Sessions that ran more than a fifth and a minute longer.
    pub slower: Vec<Slower>,
    /// Sessions that cost more than a fifth and ten cents more.
    pub dearer: Vec<Dearer>,
    /// Sessions whose tests became fewer, or more of which were skipped.
    pub tests: Vec<FewerTests>,
    /// Kinds of errors that the session did not have the night before, by their ids.
    pub new_errors: Vec<String>,
}

impl NightChanges {
    /// Whether nothing got worse or better.
    pub fn is_empty(&self) -> bool {
        self.new_failures.is_empty()
            && self.fixed.is_empty()
            && self.slower.is_empty()
            && self.dearer.is_empty()
            && self.tests.is_empty()
            && self.new_errors.is_empty()
    }
    /// Whether something got worse.
    pub fn is_worse(&self) -> bool {
        !(self.new_failures.is_empty() && self.slower.is_empty() && self.dearer.is_empty() && self.tests.is_empty())
    }
}

/// A session that took longer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Slower {
    /// Which.
    pub session: String,
    /// How long its programs ran, in seconds.
    pub ran: f64,
    /// How long they did the night before.
    pub before: f64,
}

/// A session that cost more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Dearer {
    /// Which.
    pub session: String,
    /// In US dollars.
    pub cost: f64,
    /// The night before.
    pub before: f64,
}

/// A session whose tests tell less than they did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FewerTests {
    /// Which.
    pub session: String,
    /// How many there are.
    pub total: u64,
    /// How many there were.
    pub total_before: u64,
    /// How many were skipped.
    pub skipped: u64,
    /// How many were skipped the night before.
    pub skipped_before: u64,
}
