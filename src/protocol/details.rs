//! What one asks about beyond the status: attempts, events, dead letters, past alerts, numbers, the queue, notes.
//!
//! All lists are bounded; what was left out is counted. Times are RFC 3339 in UTC unless a name ends with `_ms`: those
//! are milliseconds since 1970.

use super::{AlertStatus, CheckStatus, ExitStatus, MetricStatus};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `GET /v1/sessions/{name}/attempts`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Attempts {
    /// [`super::SCHEMA`].
    pub schema: u32,
    /// The session.
    pub session: String,
    /// The attempts of its runs, newest first.
    pub attempts: Vec<AttemptStatus>,
    /// Older ones beyond those listed.
    pub left_out: u64,
}

/// One attempt, with its death certificate once it has ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AttemptStatus {
    /// Its run: `2026-11-21/load/1`.
    pub run: String,
    /// Its number within the run.
    pub attempt: u32,
    /// When its start was journaled.
    pub intended_at: String,
    /// When its program began; null when it never did.
    pub started_at: Option<String>,
    /// The program's process id.
    pub pid: Option<u32>,
    /// How it ended, in words; `running` while it may live.
    pub ending: String,
    /// The same in numbers; null while it may live.
    pub exit: Option<ExitStatus>,
    /// CPU and memory, where known.
    pub usage: Option<ProcessUsage>,
    /// Tokens and cost, where known.
    #[serde(default)]
    pub tokens: Option<super::UsageStatus>,
    /// Whether the recorder got a hang-up before the end.
    pub hup: bool,
    /// Whether it was told to stop.
    pub stopped: bool,
    /// Processes that outlived it and were ended.
    pub orphans: u32,
    /// How often it was refused a new process by its own limit.
    #[serde(default)]
    pub refused: u64,
    /// The raw log.
    pub output_path: String,
    /// Bytes of output.
    pub output_bytes: u64,
    /// Of these, bytes that could not be kept.
    pub lost_bytes: u64,
    /// The last lines with text, oldest first.
    pub last_lines: Vec<String>,
    /// Kinds of errors in the output, most frequent first.
    pub errors: Vec<SeenError>,
    /// The last numbers of its output.
    pub metrics: Vec<MetricStatus>,
    /// The results of its checks.
    pub checks: Vec<CheckStatus>,
    /// The notes it was started with.
    pub notes: Vec<String>,
}

/// CPU and memory of an attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProcessUsage {
    /// CPU time of the program in seconds.
    pub user: f64,
    /// CPU time of the kernel for it in seconds.
    pub system: f64,
    /// Largest resident set in bytes.
    pub max_rss: u64,
}

/// One kind of error in an output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SeenError {
    /// One line as it stood.
    pub sample: String,
    /// How often.
    pub count: u64,
    /// First seen.
    pub first: String,
    /// Last seen.
    pub last: String,
}

/// `GET /v1/sessions/{name}/events`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SessionEvents {
    /// [`super::SCHEMA`].
    pub schema: u32,
    /// The session.
    pub session: String,
    /// What happened, newest first.
    pub events: Vec<SessionEvent>,
    /// `before` of the next page; null when this is the last one.
    pub before: Option<i64>,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SessionEvent {
    /// Its number in the journal.
    pub seq: i64,
    /// When.
    pub at: String,
    /// The kind of fact: `run_moved`, `attempt_ended`, ...
    pub kind: String,
    /// In words.
    pub what: String,
    /// What shows it, or who did it.
    pub evidence: Option<String>,
    /// 0 is routine, 3 is what must not be missed.
    pub weight: u8,
}

/// `GET /v1/dead`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeadLetters {
    /// [`super::SCHEMA`].
    pub schema: u32,
    /// The runs that failed for good and were not sent again, newest first.
    pub dead: Vec<DeadLetterStatus>,
    /// Older ones beyond those listed.
    pub left_out: u64,
}

/// A run that failed for good.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeadLetterStatus {
    /// The run.
    pub run: String,
    /// Its session.
    pub session: String,
    /// Its project.
    pub project: Option<String>,
    /// The night in which it failed.
    pub night: String,
    /// When.
    pub since: String,
    /// Why, in words.
    pub reason: String,
    /// The class of its last failure.
    pub class: Option<String>,
    /// How many attempts it had.
    pub attempts: u32,
    /// The last of them.
    pub last: Option<AttemptStatus>,
    /// Sessions that wait for it, or were skipped for it.
    pub blocks: Vec<String>,
    /// Whether `dead retry` can send it again now; else why not.
    pub cannot_retry: Option<String>,
}

/// `GET /v1/alerts/history`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AlertHistory {
    /// [`super::SCHEMA`].
    pub schema: u32,
    /// The night; null when none is known.
    pub night: Option<String>,
    /// Its alerts, open and over, newest first.
    pub alerts: Vec<PastAlert>,
    /// Older ones beyond those listed.
    pub left_out: u64,
}

/// An alert with what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PastAlert {
    /// It, as it was last; its state is also `resolved` or `expired`.
    #[serde(flatten)]
    pub alert: AlertStatus,
    /// When it was over; null while it is not.
    pub over: Option<String>,
    /// What became of it, oldest first.
    pub moves: Vec<AlertMove>,
}

/// One step of an alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AlertMove {
    /// When.
    pub at: String,
    /// Where it stood then.
    pub state: String,
    /// Why.
    pub why: String,
}

/// `GET /v1/sessions/{name}/metrics`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Numbers {
    /// [`super::SCHEMA`].
    pub schema: u32,
    /// The session.
    pub session: String,
    /// The night; null when none is known.
    pub night: Option<String>,
    /// The newest fact that is in it.
    pub seq: i64,
    /// Each number over time; `output bytes` is always the first.
    pub series: Vec<Series>,
    /// When attempts began: milliseconds since 1970, and the attempt's number.
    pub attempts: Vec<(i64, u32)>,
}

/// One number over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// Its total, when known.
    pub total: Option<f64>,
    /// Milliseconds since 1970 and the value, oldest first, at most a few hundred: older ones are thinned out evenly.
    pub points: Vec<(i64, f64)>,
}

/// `GET /v1/queue`: what comes next, and why not yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Queue {
    /// [`super::SCHEMA`].
    pub schema: u32,
    /// How many sessions run at once.
    pub slots: u32,
    /// How many do.
    pub taken: u32,
    /// Why nothing starts at all, when that is so.
    pub nothing_starts: Option<String>,
    /// Sessions that are to come, in the order in which they would be started; then those that are held.
    pub entries: Vec<QueueEntry>,
}

/// One session that is to come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QueueEntry {
    /// It.
    pub session: String,
    /// Its project.
    pub project: Option<String>,
    /// The state of its run.
    pub state: String,
    /// Its priority.
    pub priority: i32,
    /// When something happens next by itself.
    pub next_at: Option<String>,
    /// What keeps it from starting, in words; empty when it starts at any moment.
    pub why: Vec<String>,
}

/// `GET /v1/sessions/{name}/notes`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SessionNotes {
    /// [`super::SCHEMA`].
    pub schema: u32,
    /// The session.
    pub session: String,
    /// Open ones and those of the night, newest first.
    pub notes: Vec<NoteStatus>,
}

/// A note to a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NoteStatus {
    /// Its id: `n3`.
    pub id: String,
    /// What it says.
    pub text: String,
    /// Who wrote it.
    pub by: String,
    /// When.
    pub at: String,
    /// The last attempts that were given it, at their start or by typing, oldest first.
    pub given: Vec<String>,
    /// How many there were in all.
    pub times_given: u32,
    /// When it was settled; null while it is carried.
    pub settled: Option<String>,
    /// By whom, and why.
    pub settled_by: Option<String>,
    /// When it was typed into agents that ran already, oldest first.
    #[serde(default)]
    pub typed: Vec<TypedNote>,
}

/// That a note was typed into an agent that ran already.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TypedNote {
    /// Of which attempt.
    pub attempt: String,
    /// When it was seen to be taken.
    pub at: String,
}

/// `POST /v1/sessions/{name}/notes`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NoteRequest {
    /// What it says: at most 4,000 characters.
    pub text: String,
}

/// `POST /v1/artifacts/review`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReviewRequest {
    /// Ids of artifacts, as the report names them.
    pub artifacts: Vec<String>,
    /// Approved, or dismissed.
    pub approved: bool,
    /// The night whose report names them; the last one without it.
    #[serde(default)]
    pub night: Option<String>,
    /// Why, for the journal.
    #[serde(default)]
    pub reason: Option<String>,
}

/// `POST /v1/notes/{id}/done`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NoteDoneRequest {
    /// Why, for the journal.
    #[serde(default)]
    pub reason: Option<String>,
}

/// `usage --json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UsageTable {
    /// [`super::SCHEMA`].
    pub schema: u32,
    /// What the rows are: `session`, `project` or `day`.
    pub by: String,
    /// The night that is told of; null is all nights of the journal.
    pub night: Option<String>,
    /// The rows; days are in order, others by what they used.
    pub rows: Vec<UsageRow>,
    /// All of it; null when nothing is known.
    pub total: Option<super::UsageStatus>,
    /// Attempts of agents of which nothing is known.
    pub unknown_attempts: u64,
    /// The built-in list of prices.
    pub prices: String,
}

/// A row of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UsageRow {
    /// The session, the project or the day; empty for sessions without a project.
    pub key: String,
    /// What it used; null when nothing is known.
    pub usage: Option<super::UsageStatus>,
    /// Attempts of agents of which nothing is known.
    pub unknown_attempts: u64,
}
