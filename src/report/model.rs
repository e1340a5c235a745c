//! The report as a document: what `--format json` prints and every other form is made from.
//!
//! Times are RFC 3339 in UTC, spans are seconds as numbers, sizes are bytes. Foreign text in it is harmless to a terminal
//! (no control characters) and bounded; each form escapes it for itself.

use super::model_claims::{
    ClaimTally, DocumentReport, Doubt, FilesReport, NightChanges, ProjectItems, Quote, TestsReport,
};
pub use super::model_trouble::{Cure, DeadLetter, ErrorReport, RetryReport};
use crate::protocol::{FindingStatus, UsageStatus};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most characters of a foreign text in the document.
pub const TEXT_MAX: usize = 400;

/// One night's report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// [`crate::protocol::SCHEMA`].
    pub schema: u32,
    /// The night's id.
    pub night: String,
    /// The sentence that says it all: what needs you, how many finished, how many failed.
    pub title: String,
    /// `well`, `needs_you`, `failed` or `unreadable`.
    pub verdict: Verdict,
    /// The time of the last fact that is told; never the time of writing.
    pub made_at: String,
    /// The time the night covers.
    pub window: Window,
    /// All the counts.
    pub totals: Totals,
    /// What only a person can settle, most urgent first.
    pub needs_you: Vec<Need>,
    /// The night's sessions, worst first.
    pub sessions: Vec<SessionReport>,
    /// Sessions of the file without a run in this night.
    pub not_run: Vec<NotRun>,
    /// The projects.
    pub projects: Vec<ProjectReport>,
    /// Errors of the output by fingerprint, worst first.
    pub errors: Vec<ErrorReport>,
    /// Errors beyond those listed.
    pub errors_left_out: u64,
    /// Runs that failed for good and were not sent again.
    pub dead_letters: Vec<DeadLetter>,
    /// Runs that took more than one attempt.
    pub retries: Vec<RetryReport>,
    /// What operators did.
    pub operator: Vec<OperatorAct>,
    /// What happened, in order.
    pub timeline: Vec<TimelineRow>,
    /// Happenings beyond those listed.
    pub timeline_left_out: u64,
    /// What could not be read, written, kept or sent.
    pub unreadable: Vec<Unreadable>,
    /// What came up in the night and was told, or would have been; worst first.
    #[serde(default)]
    pub alerts: Vec<AlertReport>,
    /// What the report was made from.
    pub sources: Sources,
    /// What was down for a time: providers, the disk, the memory, ...
    #[serde(default)]
    pub outages: Vec<Outage>,
    /// Notes to sessions: those that are carried, and those settled in this night; oldest first.
    #[serde(default)]
    pub notes: Vec<NoteReport>,
    /// What the user's summarizer made of it.
    #[serde(default)]
    pub summary: Option<super::worded::Summary>,
    /// The one project that it tells of, totals and all; null when it tells of the whole night.
    #[serde(default)]
    pub project: Option<String>,
    /// What documents and sessions claim, counted by what it is worth.
    #[serde(default)]
    pub claims: ClaimTally,
    /// Claims that something else speaks against: contradicted first, then stale, then weak; at most 200.
    #[serde(default)]
    pub does_not_add_up: Vec<Doubt>,
    /// Such claims beyond those listed.
    #[serde(default)]
    pub does_not_add_up_left_out: u64,
    /// What is different from the night before; null when that is not known.
    #[serde(default)]
    pub changes: Option<NightChanges>,
    /// Ids of what was asked for and a person settled, in this night or an earlier one: it is not asked for again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settled: Vec<String>,
}

/// A note from an operator to a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NoteReport {
    /// The session.
    pub session: String,
    /// The note.
    #[serde(flatten)]
    pub note: crate::protocol::details::NoteStatus,
}

/// A time in which something was down, and what waited for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Outage {
    /// What: `provider:anthropic`, `disk`, `memory`, ...
    pub key: String,
    /// The same in words.
    pub what: String,
    /// From when.
    pub from: String,
    /// Until when; null while it lasts.
    pub to: Option<String>,
    /// How long in seconds, up to the last fact while it lasts.
    pub lasted: f64,
    /// What was seen.
    pub cause: String,
    /// Starts that were made to try it.
    pub probes: u32,
    /// The sessions it held.
    pub held: Vec<String>,
}

/// One alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AlertReport {
    /// Its id.
    pub id: String,
    /// `failed`, `partial`, `errors`, `channel`, ...
    pub kind: String,
    /// `low`, `medium`, `high` or `critical`.
    pub severity: String,
    /// `pending`, `open`, `acked`, `snoozed`, `inhibited`, `resolved` or `expired`.
    pub state: String,
    /// The session it is about.
    pub session: Option<String>,
    /// What it says.
    pub title: String,
    /// Since when.
    pub since: String,
    /// How often it came up.
    pub count: u64,
    /// The channels that were told.
    pub told: Vec<String>,
}

/// What the whole comes down to; the exit code of `report --check`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// All well.
    Well,
    /// Something waits for a person.
    NeedsYou,
    /// A session failed, or its good exit was contradicted by a check.
    Failed,
    /// Something could not be read, so that "well" cannot be said.
    Unreadable,
}

/// The time a night covers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Window {
    /// When it began.
    pub from: Option<String>,
    /// When it ended; null while it is open.
    pub to: Option<String>,
    /// The zone of local times: an IANA name, or an offset from UTC.
    pub timezone: String,
    /// Its length, by clocks that do not jump; up to the last fact while it is open.
    pub seconds: f64,
    /// Whether it is still open.
    pub open: bool,
    /// Why it ended.
    pub reason: Option<String>,
    /// When nobody watched, and which exits nobody saw.
    pub gaps: Vec<GapReport>,
    /// Since when no daemon has run, when the night is open without one.
    pub unwatched_since: Option<String>,
}

/// A time of which something is not known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GapReport {
    /// From.
    pub from: String,
    /// To.
    pub to: String,
    /// How long.
    pub seconds: f64,
    /// Whether it may have been shorter: it began at the last known sign of life.
    pub at_most: bool,
    /// The session, when it is about one program whose end nobody saw; null when no daemon watched.
    pub session: Option<String>,
    /// Why.
    pub why: String,
}

/// All the counts. Each agrees with the journal.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Totals {
    /// Sessions with a run in this night; they are counted below by their newest run.
    pub sessions: u64,
    /// Ended as they should.
    pub succeeded: u64,
    /// Of these, with nothing declared and nothing seen that proves it.
    pub unverified: u64,
    /// Good exit, but something required is missing.
    pub partial: u64,
    /// Failed for good.
    pub failed: u64,
    /// Stopped by the operator.
    pub stopped: u64,
    /// Never ran.
    pub skipped: u64,
    /// The night ended first.
    pub unfinished: u64,
    /// A program is starting, running, being checked or being stopped.
    pub running: u64,
    /// Held, limited, backing off, queued, waiting or scheduled.
    pub to_come: u64,
    /// Of these, waiting to be tried again after a failure or a limit.
    #[serde(default)]
    pub to_retry: u64,
    /// Entries of `needs_you`.
    pub needs_you: u64,
    /// Runs.
    pub runs: u64,
    /// Starts of a program.
    pub attempts: u64,
    /// Starts beyond the first of their run.
    pub retries: u64,
    /// Attempts that ended.
    pub exits: u64,
    /// Entries of `dead_letters`.
    pub dead_letters: u64,
    /// Error lines in the output.
    pub errors: u64,
    /// Kinds of errors, by fingerprint and session.
    pub error_kinds: u64,
    /// Commits of all projects.
    pub commits: u64,
    /// Changed files of all projects.
    pub files: u64,
    /// Bytes of output.
    pub output_bytes: u64,
    /// Of these, bytes that could not be kept.
    pub lost_bytes: u64,
    /// Time that programs ran, all attempts together.
    pub ran: f64,
    /// Time of all runs by what they spent it on.
    pub time: Vec<TimeShare>,
    /// Time that no daemon watched.
    pub unwatched: f64,
    /// Tokens and cost of all sessions; null when nothing is known.
    #[serde(default)]
    pub usage: Option<UsageStatus>,
}

/// Time spent on one thing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimeShare {
    /// `working`, `stalled`, `backing_off`, `limited`, `held`, `waiting` or `down`.
    pub spent: String,
    /// How long.
    pub seconds: f64,
}

/// Something that only a person can settle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Need {
    /// Stays the same when the report is made again.
    pub id: String,
    /// `budget`, `credentials`, `failed`, `blocker`, `user_action`, `partial`, `held`, `artifact`, `unfinished` or
    /// `config`.
    pub kind: String,
    /// The session.
    pub session: Option<String>,
    /// What, in words.
    pub what: String,
    /// Since when.
    pub since: String,
    /// Sessions that wait for it, or were skipped for it.
    pub blocks: Vec<String>,
    /// The one command to begin with.
    pub command: String,
    /// The project.
    #[serde(default)]
    pub project: Option<String>,
    /// Who asks for it and where, when it is no finding of nightkeep's own.
    #[serde(default)]
    pub said: Option<Quote>,
    /// How many steps are told below it where it is said.
    #[serde(default)]
    pub steps: u64,
    /// In how many nights it was open, this one included.
    #[serde(default)]
    pub nights: u32,
    /// The night it was first open in.
    #[serde(default)]
    pub first_night: Option<String>,
}

/// One session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SessionReport {
    /// Its name.
    pub name: String,
    /// Its project.
    pub project: Option<String>,
    /// Its newest run.
    pub run: String,
    /// Its runs in this night.
    pub runs: u64,
    /// The state of that run, as in `status --json`.
    pub state: String,
    /// Why, in words.
    pub reason: String,
    /// Since when.
    pub since: String,
    /// Succeeded with nothing declared and nothing seen that proves it.
    pub unverified: bool,
    /// How its last ended attempt ended.
    pub exit: Option<ExitReport>,
    /// Its attempts, oldest first, at most 50.
    pub attempts: Vec<AttemptReport>,
    /// How many there were.
    pub attempt_count: u64,
    /// `max_attempts`; 0 when its plan is not known.
    pub attempts_max: u32,
    /// When its first program started.
    pub started_at: Option<String>,
    /// When the run ended.
    pub ended_at: Option<String>,
    /// Time its programs ran, in seconds.
    pub ran: f64,
    /// Time it did not: waits of every kind, in seconds.
    pub waited: f64,
    /// Its time in order.
    pub time: Vec<TimeStretch>,
    /// The last lines of its last attempt, oldest first.
    pub last_words: Vec<String>,
    /// Its numbers, in the order of the file.
    pub metrics: Vec<MetricReport>,
    /// What was checked, and what was seen.
    pub checks: Vec<CheckReport>,
    /// Runs of tests, builds and lints that its output showed: of each tool the last one.
    #[serde(default)]
    pub tools: Vec<ToolReport>,
    /// Bytes of output, all attempts.
    pub output_bytes: u64,
    /// Of these, bytes that could not be kept.
    pub lost_bytes: u64,
    /// What it waited for.
    pub after: Vec<String>,
    /// Whether it was taken out of the file.
    pub removed: bool,
    /// The dead letter it is the second chance of.
    pub redriven_from: Option<String>,
    /// What was found about it: stalls, deadlines at risk, results of zero.
    #[serde(default)]
    pub findings: Vec<FindingStatus>,
    /// Tokens and cost of all its runs in this night; null when nothing is known.
    #[serde(default)]
    pub usage: Option<UsageStatus>,
    /// Whether it is an agent: one of which nothing is known did not use nothing.
    #[serde(default)]
    pub agent: bool,
    /// What happened in the git worktree of its own; null without one, and where nothing happened.
    #[serde(default)]
    pub worktree: Option<super::beside::WorktreeReport>,
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExitReport {
    /// `code`, `signal`, `exec_failed` or `lost`.
    pub kind: String,
    /// In words: `exit 1`, `signal 9 (KILL)`, `could not start: …`.
    pub words: String,
    /// The exit code.
    pub code: Option<i32>,
    /// The signal.
    pub signal: Option<i32>,
    /// Whether a core was dumped.
    pub core: bool,
    /// Whether the kernel killed it for memory.
    pub oom: bool,
    /// When.
    pub at: String,
    /// The failure class; null for a good end.
    pub class: Option<String>,
    /// The rule that classed it.
    pub rule: Option<String>,
    /// Processes that outlived it and were ended.
    pub orphans: u32,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AttemptReport {
    /// Its number.
    pub number: u32,
    /// When the program started.
    pub started_at: Option<String>,
    /// How long it ran, in seconds; up to the last fact while it lives.
    pub ran: f64,
    /// How it ended; null while it lives.
    pub exit: Option<ExitReport>,
    /// Whether it took one of `max_attempts`.
    pub counted: bool,
    /// Tokens and cost; null when nothing is known.
    #[serde(default)]
    pub usage: Option<UsageStatus>,
}

/// A stretch of a run's time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimeStretch {
    /// On what, as in [`TimeShare`].
    pub spent: String,
    /// Seconds since the night began; below 0 never.
    pub from: f64,
    /// Seconds since the night began.
    pub to: f64,
}

/// A number read from the output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MetricReport {
    /// Its name.
    pub name: String,
    /// Its last value; null when none was seen.
    pub value: Option<f64>,
    /// Its total.
    pub total: Option<f64>,
    /// Units per second between the first and the last value.
    pub per_s: Option<f64>,
    /// Whether the total was reached.
    pub complete: bool,
    /// What it came to in the last night in which it was seen.
    #[serde(default)]
    pub last_night: Option<f64>,
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckReport {
    /// As written in the file.
    pub text: String,
    /// Whether it is as it should be.
    pub passed: bool,
    /// What was seen.
    pub seen: String,
}

/// The last run of a tool that a session's output showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ToolReport {
    /// `cargo test`, `pytest`, ...
    pub tool: String,
    /// `tests`, `build` or `lint`.
    pub kind: String,
    /// What it counts.
    pub unit: String,
    /// How many passed.
    pub passed: u64,
    /// How many failed.
    pub failed: u64,
    /// How many were skipped.
    pub skipped: u64,
    /// Whether it said that all is well.
    pub good: bool,
    /// How long it took by its own word, in seconds.
    pub seconds: Option<f64>,
    /// Why it proves little.
    pub weak: Option<String>,
    /// When it ended.
    pub at: String,
    /// How many runs of this tool there were.
    pub runs: u64,
}

/// A session of the file without a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NotRun {
    /// Its name.
    pub name: String,
    /// Why.
    pub why: String,
}

/// One project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProjectReport {
    /// Its name.
    pub name: String,
    /// `seen`, `none` (no repository), `not_looked_at` or `unreadable`.
    pub state: String,
    /// What is worth a note, in words: history rewritten, no commit yet, not on a branch.
    pub notes: Vec<String>,
    /// The commit it stood at when the night began.
    pub base: Option<String>,
    /// The branch it was on.
    pub branch: Option<String>,
    /// Commits of the night, newest first, at most 200.
    pub commits: Vec<CommitReport>,
    /// How many there are.
    pub commit_count: u64,
    /// Changed files, at most 500.
    pub files: Vec<FileReport>,
    /// How many there are.
    pub file_count: u64,
    /// Uncommitted changes, untracked files included.
    pub dirty_count: u64,
    /// Whether the commit of the base is no longer part of the history.
    pub rewritten: bool,
    /// What documents and sessions say of it.
    #[serde(default)]
    pub items: ProjectItems,
    /// The documents that were read.
    #[serde(default)]
    pub documents: Vec<DocumentReport>,
    /// What became of its files; null when they were not looked at.
    #[serde(default)]
    pub changed: Option<FilesReport>,
    /// Runs of tests in its sessions.
    #[serde(default)]
    pub tests: Vec<TestsReport>,
    /// Whether there is nothing in it that a reader must see.
    #[serde(default)]
    pub well: bool,
    /// Further work trees of its repository in which something happened.
    #[serde(default)]
    pub worktrees: Vec<super::beside::WorktreeReport>,
    /// Submodules that stand at another commit.
    #[serde(default)]
    pub submodules: Vec<super::beside::SubmoduleReport>,
}

/// One commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CommitReport {
    /// Full hash.
    pub hash: String,
    /// Author's name.
    pub author: String,
    /// When.
    pub at: String,
    /// First line of its message.
    pub subject: String,
}

/// One changed file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FileReport {
    /// Its path in the repository.
    pub path: String,
    /// Lines added; null for a binary file.
    pub added: Option<u64>,
    /// Lines removed; null for a binary file.
    pub removed: Option<u64>,
    /// Whether the change is committed.
    pub committed: bool,
}

/// What an operator did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperatorAct {
    /// When.
    pub at: String,
    /// The verb.
    pub verb: String,
    /// What it was meant for.
    pub target: String,
    /// Who.
    pub who: String,
    /// The reason they gave.
    pub reason: Option<String>,
    /// What came of it.
    pub result: String,
}

/// One row of the timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimelineRow {
    /// When.
    pub at: String,
    /// Which session, if one.
    pub session: Option<String>,
    /// What.
    pub what: String,
    /// 0 is routine, 3 is what must not be missed.
    pub weight: u8,
}

/// What could not be read, written, kept or sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Unreadable {
    /// Which part.
    pub part: String,
    /// What happened.
    pub what: String,
    /// When first.
    pub at: String,
    /// How often.
    pub times: u64,
}

/// What the report was made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sources {
    /// The program's version.
    pub version: String,
    /// Facts of the journal that are told.
    pub facts: u64,
    /// The sequence number of the first.
    pub first_seq: i64,
    /// The sequence number of the last.
    pub last_seq: i64,
}
