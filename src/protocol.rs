//! The daemon's API as types: what `status --json` prints and what the socket speaks.
//!
//! Field names and words are the contract of `docs/cli.md`; fields are only ever added. Times are RFC 3339 in UTC,
//! spans are seconds as numbers, sizes are bytes.

pub mod details;
pub mod output;
pub mod prompts;

use crate::core::alert::AlertAct;
use crate::core::event::{Verb, When};
use crate::core::retention::Because;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of every JSON document.
pub const SCHEMA: u32 = 1;

/// `status --json` and `GET /v1/status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Status {
    /// [`SCHEMA`].
    pub schema: u32,
    /// When this was made.
    pub generated_at: String,
    /// The daemon, or null when none runs and this was read from the journal.
    pub daemon: Option<DaemonStatus>,
    /// The open or last night.
    pub night: Option<NightStatus>,
    /// Sessions, worst first.
    pub sessions: Vec<SessionStatus>,
    /// Alerts, newest first.
    pub alerts: Vec<AlertStatus>,
    /// What is wrong with the newest `sessions.toml`, so that an older one counts; null when it was taken over.
    #[serde(default)]
    pub file_problem: Option<String>,
    /// The journal sequence this document reflects; `GET /v1/events?after=` goes on from here.
    pub seq: i64,
    /// What is down, and what it holds.
    #[serde(default)]
    pub outages: Vec<OutageStatus>,
    /// Why nothing is started at all, when that is so.
    #[serde(default)]
    pub safe_mode: Option<String>,
    /// What the sessions of the night used; null when nothing is known.
    #[serde(default)]
    pub usage: Option<UsageStatus>,
}

/// Something that is down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OutageStatus {
    /// What: `provider:anthropic`, `disk`, `memory`, `journal`, `machine`, `project:NAME` (parked), ...
    pub key: String,
    /// `open`, `half_open`, `slow_start` or `parked`.
    pub state: String,
    /// Since when.
    pub since: Option<String>,
    /// When it is tried next.
    pub next_at: Option<String>,
    /// What was seen.
    pub cause: String,
    /// Starts made to try it.
    pub probes: u32,
    /// The sessions it held so far.
    pub held: Vec<String>,
    /// Whether it lasts so long that a person should look.
    pub overdue: bool,
    /// It is not down: its usage limit is reached.
    #[serde(default)]
    pub usage_limit: bool,
    /// When that limit ends, if it says so.
    #[serde(default)]
    pub resets_at: Option<String>,
}

/// The running daemon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DaemonStatus {
    /// Its process id.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// Since when.
    pub started_at: String,
}

/// A night.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NightStatus {
    /// Its id, the local date on which it began.
    pub id: String,
    /// When it began.
    pub from: String,
    /// When it ended or will end; null when open without an end.
    pub to: Option<String>,
}

/// One session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SessionStatus {
    /// Its name.
    pub name: String,
    /// Its project.
    pub project: Option<String>,
    /// The state of its run, one of the words of `docs/cli.md`.
    pub state: String,
    /// `working`, `idle`, `prompting`, `stalled` or `unknown`; null unless running.
    pub activity: Option<String>,
    /// What the activity was read from.
    pub activity_evidence: Option<String>,
    /// `high`, `medium` or `low`.
    pub confidence: Option<String>,
    /// Its run, `2026-11-21/motherduck/1`; null when it has none in this night.
    pub run: Option<String>,
    /// The number of the last attempt, 0 before the first.
    pub attempt: u32,
    /// `max_attempts`.
    pub attempts_max: u32,
    /// Since when it is in this state.
    pub since: Option<String>,
    /// When the last attempt started.
    pub started_at: Option<String>,
    /// When something happens next by itself.
    pub next_at: Option<String>,
    /// Why it is in this state, in words.
    pub reason: String,
    /// The last ended attempt's exit.
    pub exit: Option<ExitStatus>,
    /// The program's process id while it runs.
    pub pid: Option<u32>,
    /// Where to attach while it runs.
    pub tmux: Option<TmuxStatus>,
    /// Its output.
    pub output: Option<OutputStatus>,
    /// Its metrics in the order of the file.
    pub metrics: Vec<MetricStatus>,
    /// Tokens and cost, when known.
    pub usage: Option<UsageStatus>,
    /// What it waits for.
    pub after: Vec<String>,
    /// Its priority.
    pub priority: i32,
    /// The machine it runs on.
    pub node: String,
    /// Whether it was taken out of the file while it runs.
    pub removed: bool,
    /// The dead letter this run is the second chance of.
    pub redriven_from: Option<String>,
    /// Results of `require`, `forbid` and `verify` of the last attempt.
    pub checks: Vec<CheckStatus>,
    /// What was found about its run.
    #[serde(default)]
    pub findings: Vec<FindingStatus>,
    /// Notes of the operator that are not settled.
    #[serde(default)]
    pub notes: Vec<details::NoteStatus>,
    /// What it asks and waits with.
    #[serde(default)]
    pub prompt: Option<prompts::PromptStatus>,
    /// How many claims its last attempt made of its own work.
    #[serde(default)]
    pub claims: u32,
    /// What it says it needs a person for.
    #[serde(default)]
    pub needs: Option<String>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ExitStatus {
    /// Exit code, when it left by itself.
    pub code: Option<i32>,
    /// Signal number, when one ended it.
    pub signal: Option<i32>,
    /// Whether a core was dumped.
    pub core: bool,
    /// Whether the kernel killed it for memory.
    pub oom: bool,
    /// When.
    pub at: String,
    /// How long it ran, in seconds.
    pub ran: f64,
    /// The failure class; null for a good end.
    pub class: Option<String>,
    /// Whether it counts against `max_attempts`.
    pub counted: bool,
    /// Which rule classed it.
    pub rule: Option<String>,
}

/// Where to attach.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TmuxStatus {
    /// The server's socket.
    pub socket: String,
    /// The tmux session.
    pub session: String,
    /// The pane, when known.
    pub pane: Option<String>,
}

/// The output of the last attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OutputStatus {
    /// The raw log, relative to the folder of `sessions.toml` where it stands below it.
    pub path: String,
    /// Its bytes so far.
    pub bytes: u64,
    /// The last line with text, made harmless.
    pub last_line: String,
    /// When the last output came.
    pub last_at: Option<String>,
}

/// A number read from the output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MetricStatus {
    /// Its name.
    pub name: String,
    /// Its last value; null before the first.
    pub value: Option<f64>,
    /// Its total, when known.
    pub total: Option<f64>,
    /// Units per second.
    pub per_s: Option<f64>,
    /// When the total is reached at this rate.
    pub eta: Option<String>,
    /// What it came to in the last night in which it was seen.
    #[serde(default)]
    pub last_night: Option<f64>,
}

/// Something that was found about a run: a stall, a deadline at risk, a result of zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FindingStatus {
    /// `stalled`, `deadline_at_risk`, `deadline_missed`, `no_progress`, `zero_result`, `unkillable`, `usage_limit`,
    /// `runaway` or `denied`.
    pub kind: String,
    /// The metric it is about; empty for the run itself.
    pub subject: String,
    /// What was found.
    pub what: String,
    /// What shows it.
    pub evidence: Vec<String>,
    /// When it came up, the last time.
    pub first: String,
    /// When it was over; null while it holds.
    pub resolved: Option<String>,
    /// How often it came up.
    pub times: u32,
    /// What was done about it.
    pub acted: Option<String>,
}

/// Tokens and cost, as far as they are known.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UsageStatus {
    /// Tokens sent, all of them.
    pub input_tokens: u64,
    /// Tokens received.
    pub output_tokens: u64,
    /// US dollars; null when nothing of it has a price.
    pub usd: Option<f64>,
    /// Of the tokens sent, those read from a cache.
    #[serde(default)]
    pub cache_read_tokens: u64,
    /// Of the tokens sent, those written to a cache.
    #[serde(default)]
    pub cache_write_tokens: u64,
    /// Requests.
    #[serde(default)]
    pub requests: u64,
    /// Tokens of models without a price: they are not part of `usd`.
    #[serde(default)]
    pub unpriced_tokens: u64,
    /// The same by model; empty where it is not told apart.
    #[serde(default)]
    pub models: Vec<ModelUsage>,
    /// How much of its budget is used; null without one.
    #[serde(default)]
    pub budget: Option<BudgetStatus>,
    /// Its numbers are rounded by the agent.
    #[serde(default)]
    pub rounded: bool,
    /// Whose transcript it is was guessed: sessions of one agent worked in the same directory.
    #[serde(default)]
    pub guessed: bool,
    /// The price list that the cost was reckoned by; null where the agent said it.
    #[serde(default)]
    pub prices: Option<String>,
}

/// Tokens and cost of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ModelUsage {
    /// Its name.
    pub model: String,
    /// Tokens sent, all of them.
    pub input_tokens: u64,
    /// Tokens received.
    pub output_tokens: u64,
    /// Of the tokens sent, those read from a cache.
    pub cache_read_tokens: u64,
    /// Of the tokens sent, those written to a cache.
    pub cache_write_tokens: u64,
    /// Requests.
    pub requests: u64,
    /// US dollars by the price list; null when it has no price.
    pub usd: Option<f64>,
}

/// A budget, and how much of it is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BudgetStatus {
    /// `session`, `project` or `night`: of several the one that is nearest to its limit.
    pub of: String,
    /// Its limit of tokens.
    pub tokens: Option<u64>,
    /// Its limit in US dollars.
    pub usd: Option<f64>,
    /// How much of it is used, in per cent; null while nothing is known.
    pub percent: Option<u64>,
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckStatus {
    /// As written in the file.
    pub text: String,
    /// Whether it is as it should be.
    pub passed: bool,
    /// What was seen.
    pub seen: String,
}

/// An alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AlertStatus {
    /// Its id.
    pub id: String,
    /// `low`, `medium`, `high` or `critical`.
    pub severity: String,
    /// `pending`, `open`, `acked`, `snoozed` or `inhibited`.
    pub state: String,
    /// The session it is about.
    pub session: Option<String>,
    /// What it says.
    pub title: String,
    /// Since when.
    pub since: String,
    /// The project it is about.
    #[serde(default)]
    pub project: Option<String>,
    /// `failed`, `partial`, `errors`, `channel`, ...
    #[serde(default)]
    pub kind: String,
    /// The details.
    #[serde(default)]
    pub body: String,
    /// One command that helps.
    #[serde(default)]
    pub command: Option<String>,
    /// How often it came up.
    #[serde(default)]
    pub count: u64,
    /// The channels that were told.
    #[serde(default)]
    pub told: Vec<String>,
}

/// `POST /v1/alerts/{id}`: something is done about an alert, or about all alerts of a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AlertRequest {
    /// What.
    pub act: AlertAct,
    /// Why, for the journal.
    #[serde(default)]
    pub reason: Option<String>,
}

/// What came of a test message: the answer to `POST /v1/channels/{name}/test`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChannelTested {
    /// Version of this form; [`SCHEMA`].
    pub schema: u32,
    /// The channel.
    pub channel: String,
    /// Its type.
    pub r#type: String,
    /// Whether the other side has taken it.
    pub delivered: bool,
    /// Why not.
    pub why: Option<String>,
    /// Whether trying again cannot help.
    pub permanent: bool,
    /// After how many seconds the service wants to be asked again.
    pub retry_after: Option<f64>,
    /// Whose environment the secrets were taken from: `daemon`, or `command` when none runs.
    #[serde(default)]
    pub environment: String,
}

/// `POST /v1/up`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UpRequest {
    /// Which sessions; empty means all.
    #[serde(default)]
    pub sessions: Vec<String>,
    /// Start now, whatever their start time is.
    #[serde(default)]
    pub now: bool,
}

/// `POST /v1/down`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DownRequest {
    /// Do not wait for the grace.
    #[serde(default)]
    pub now: bool,
}

/// `POST /v1/sessions/{name}/verb`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VerbRequest {
    /// Which verb.
    pub verb: Verb,
    /// Why, for the journal.
    #[serde(default)]
    pub reason: Option<String>,
}

/// `POST /v1/sessions/{name}/schedule`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScheduleRequest {
    /// When it starts.
    pub when: When,
    /// Why, for the journal.
    #[serde(default)]
    pub reason: Option<String>,
}

/// `POST /v1/sessions/{name}/send`: one of the two.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SendRequest {
    /// Text to type; nothing is added to it.
    #[serde(default)]
    pub text: Option<String>,
    /// A key by its tmux name: `Enter`, `C-c`, `Up`, ...
    #[serde(default)]
    pub key: Option<String>,
}

/// `POST /v1/sessions`: a session that stands in no file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AddRequest {
    /// Its name.
    pub name: String,
    /// Its project.
    pub project: String,
    /// What must have succeeded before.
    #[serde(default)]
    pub after: Vec<String>,
    /// Its priority.
    #[serde(default)]
    pub priority: i32,
    /// Program and arguments.
    pub command: Vec<String>,
}

/// `POST /v1/dead/retry`: by session name, or by class.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RetryRequest {
    /// The session whose last dead letter gets a second chance.
    #[serde(default)]
    pub session: Option<String>,
    /// All dead letters of this class.
    #[serde(default)]
    pub class: Option<String>,
}

/// What a request did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Done {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What was done, a line each, for people.
    pub did: Vec<String>,
}

/// `clean` without a request of its own: the rules of the file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CleanRequest {
    /// Instead of the file's rules: what is older than this many seconds goes.
    #[serde(default)]
    pub older_than_s: Option<u64>,
    /// The reason given.
    #[serde(default)]
    pub reason: Option<String>,
}

/// What a clean-up did, or would do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CleanReport {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Whether nothing was touched.
    pub dry_run: bool,
    /// What was done, or would be, in order.
    pub deeds: Vec<CleanedDeed>,
    /// Bytes of the disk that came free.
    pub freed_bytes: u64,
    /// What could not be done.
    pub problems: Vec<String>,
}

/// One deed of a clean-up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CleanedDeed {
    /// What, in words.
    pub what: String,
    /// Why.
    pub because: Because,
    /// Bytes that it was about.
    pub bytes: u64,
}

/// Why a request was not done. Comes with an HTTP status of 400 or above.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Refusal {
    /// What failed.
    pub error: String,
    /// What to do about it, a line each.
    #[serde(default)]
    pub hints: Vec<String>,
    /// The exit code the command line should end with (`docs/cli.md`).
    pub exit_code: u8,
}

/// One server-sent event of `GET /v1/events`: a journaled fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamedFact {
    /// Its sequence number in the journal.
    pub seq: i64,
    /// The night it belongs to.
    pub night: Option<String>,
    /// The fact with its time.
    #[serde(flatten)]
    pub entry: crate::core::fact::Entry,
}

/// `why --json` and `GET /v1/sessions/{name}/why`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Why {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The session.
    pub session: String,
    /// Its state.
    pub state: String,
    /// The chain, oldest first.
    pub chain: Vec<WhyStep>,
    /// What happens next, and when.
    pub next: String,
    /// What its runs used in the night; null where nothing is known.
    #[serde(default)]
    pub usage: Option<Box<UsageStatus>>,
}

/// One link of the chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WhyStep {
    /// When.
    pub at: String,
    /// What was seen or decided.
    pub what: String,
    /// Which rule or evidence.
    pub evidence: Option<String>,
}
