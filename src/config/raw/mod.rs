//! `sessions.toml` as it is typed: every key, nothing checked against another, no default filled in.
//!
//! These types are the one list of keys. The JSON Schema for editors is derived from them, and the check of the file's
//! shape (unknown keys, wrong types) is made with that schema. The doc comments are what an editor shows.

mod alerts;
mod dashboard;
mod profile;
mod session;
mod words;

pub use alerts::{Address, Alerts, Channel, ChannelKind, Elsewhere, Escalation, Ping, Secret, Severity};
pub use dashboard::{Dashboard, KeyTable, Keys, Theme};
pub use profile::{ErrorRule, RuleActivity, ScreenCondition, ScreenLayout, ScreenPrompt, ScreenRule};
pub use session::{
    After, AfterEntry, Answer, AnswerKind, Budget, CommandText, Exhausted, ExitCode, FailureWord, Metric, Resume,
    Retry, Runaway, Session, Success,
};
pub use words::{
    ByteSize, ClockRange, ClockTime, Condition, CrashLoop, Cron, Delay, Fault, KeyName, Pattern, Period, ScreenPattern,
    WORDS, Weekday, Word, WrittenCondition, pattern,
};

use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What runs tonight, and how nightkeep looks after it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "sessions.toml")]
pub struct File {
    /// When the night is.
    pub night: Night,
    /// What may be used up.
    pub limits: Limits,
    /// Values for all sessions that do not say otherwise.
    pub defaults: Session,
    /// Directories in which sessions work.
    pub projects: BTreeMap<String, Project>,
    /// The pieces of work.
    pub sessions: BTreeMap<String, Session>,
    /// Failure classes by output, on top of the built-in ones.
    pub rules: Vec<Rule>,
    /// Own agent profiles, or changes to built-in ones.
    pub agents: BTreeMap<String, Agent>,
    /// Who is told of what.
    pub alerts: Alerts,
    /// The morning report.
    pub report: Report,
    /// How long things are kept.
    pub retention: Retention,
    /// Where the journal is.
    pub store: Store,
    /// This machine.
    pub node: Node,
    /// Where nightkeep keeps its files.
    pub paths: Paths,
    /// Trust in this file.
    pub security: Security,
    /// How the dashboard looks and what its keys do.
    pub dashboard: Dashboard,
    /// What tokens of a model cost, where the built-in list does not know it or is wrong.
    pub prices: BTreeMap<String, Price>,
}

/// What tokens of a model cost, in US dollars for a million.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Tokens sent.
    #[schemars(range(min = 0.0, max = 100_000.0))]
    pub input: f64,
    /// Tokens received.
    #[schemars(range(min = 0.0, max = 100_000.0))]
    pub output: f64,
    /// Tokens read from a cache; the price of `input` without it.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 100_000.0))]
    pub cache_read: Option<f64>,
    /// Tokens written to a cache; the price of `input` without it.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 100_000.0))]
    pub cache_write: Option<f64>,
}

/// When the night is.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Night {
    /// When it begins; without it, when `nightkeep up` is called.
    pub start: Option<ClockTime>,
    /// When it ends and the report is written.
    pub end: Option<ClockTime>,
    /// IANA name of its time zone; without it, the system's.
    pub timezone: Option<String>,
    /// The days on which a night begins.
    pub days: Option<Vec<Weekday>>,
    /// What becomes of sessions that still run at the end.
    pub at_end: Option<AtEnd>,
    /// Keeps the machine from sleeping while a night runs.
    pub keep_awake: Option<bool>,
    /// What all sessions together may spend.
    pub budget: Option<Budget>,
}

/// What becomes of sessions that still run at the end of the night.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AtEnd {
    /// They are stopped.
    Stop,
    /// They run on; the report is written all the same.
    Keep,
}

/// What may be used up.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Most sessions that run at once; 4 without it.
    #[schemars(range(min = 1, max = 1000))]
    pub concurrent: Option<u32>,
    /// With less free disk than this nothing new starts; 1GiB without it, on a small disk a twentieth of it.
    pub min_free_disk: Option<ByteSize>,
    /// Output kept of one attempt; the rest is counted and dropped.
    pub log_per_session: Option<ByteSize>,
}

/// A directory in which sessions work.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Project {
    /// The directory: absolute, from `~`, or from the folder of this file.
    pub dir: String,
    /// Files to look at for the report.
    #[serde(default)]
    pub collect: Option<Collect>,
    /// What its sessions together may spend in a night.
    #[serde(default)]
    pub budget: Option<Budget>,
    /// How much the agent of each of its sessions may ask of its model.
    #[serde(default)]
    pub runaway: Option<Runaway>,
}

/// Files of a project to look at for the report, as patterns relative to its directory. `*` stays within a folder, `**` does
/// not, and a pattern without `/` fits names in any folder.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Collect {
    /// Documents that agents write, besides those of the usual names: what they say is held against what was seen.
    pub docs: Option<Vec<String>>,
    /// Results that a person is to look at: listed with size, lines and hash.
    pub artifacts: Option<Vec<String>>,
}

/// A failure class by output.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Tried on the last lines of the output.
    #[serde(rename = "match")]
    pub pattern: Pattern,
    /// The class it means.
    pub class: RuleClass,
    /// Names of the sessions it is for, with `*` and `?`; without it, all.
    #[serde(default)]
    pub sessions: Option<Vec<String>>,
}

/// What output can say of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuleClass {
    /// Worth another try after a delay.
    Transient,
    /// The provider is down or overloaded.
    ProviderDown,
    /// A usage limit is reached.
    UsageLimit,
    /// The credentials are refused.
    Auth,
    /// There is no credit.
    Billing,
    /// The agent's context is full.
    ContextFull,
    /// It will fail again however often it is tried.
    Permanent,
}

/// An agent profile.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Agent {
    /// The profile it starts from: claude, codex, gemini, opencode, aider or one of this file.
    pub extends: Option<String>,
    /// Program and arguments; the prompt is added to it.
    pub command: Option<Vec<String>>,
    /// Program and arguments that take up a session again.
    pub resume: Option<Vec<String>>,
    /// Whose usage limits and outages it shares.
    pub provider: Option<String>,
    /// Programs that it is, by file name: a session with such a command is one of it.
    pub programs: Option<Vec<String>>,
    /// Words on its first screens, all of which show that it is this agent; for `rules test`.
    pub banner: Option<Vec<String>>,
    /// Names it gives itself in the Program Status Protocol.
    pub app: Option<Vec<String>>,
    /// How its screen is laid out; what is left out is as in the profile it starts from.
    pub layout: Option<ScreenLayout>,
    /// Rules on its screen and title, besides those of the profile it starts from. One of a known id takes its place.
    pub rules: Option<Vec<ScreenRule>>,
    /// What its errors say, tried before those of the profile it starts from. One of a known id takes its place.
    pub errors: Option<Vec<ErrorRule>>,
    /// Ids of rules and errors of the profile it starts from that are not to be used.
    pub without: Option<Vec<String>>,
    /// When the prompt is typed into its empty composer instead of handed over as an argument: `never`, `resumed` (when it
    /// goes on with a conversation) or `always`.
    pub types_prompt: Option<crate::core::plan::TypesPrompt>,
    /// Whether it is made to serve its events to this machine, where it can (opencode). Without it only those are listened
    /// to that its command serves, with `false` not even those.
    pub events: Option<bool>,
}

/// The morning report.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Report {
    /// The forms it is written in; md and json without it.
    pub formats: Option<Vec<ReportFormat>>,
    /// The channels it is sent to when the night is over.
    pub deliver: Option<Vec<String>>,
    /// Whether it waits for the end of `alerts.quiet_hours`; not without it.
    pub quiet_hours: Option<bool>,
    /// A folder with own templates of the page: `report.html`, and what it includes.
    pub templates: Option<String>,
    /// A program that may word the summary: it gets the report as JSON.
    pub summarizer: Option<Vec<String>>,
}

/// A form of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReportFormat {
    /// Markdown.
    Md,
    /// A web page.
    Html,
    /// JSON.
    Json,
}

/// How long things are kept.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Raw output.
    pub output: Option<Period>,
    /// The journal.
    pub journal: Option<Period>,
}

/// Where the journal is.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// `sqlite`, or `postgres://…` for several nodes.
    pub url: Option<String>,
}

/// This machine.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Node {
    /// Its name; without it, the host's.
    pub name: Option<String>,
    /// What it can do.
    pub labels: Option<Vec<String>>,
}

/// Where nightkeep keeps its files.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Paths {
    /// The state folder; `logs` beside this file without it.
    pub state: Option<String>,
}

/// Trust in this file.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Security {
    /// Only in the user's own config.toml: a file cannot say how it is to be trusted.
    pub trust: Option<Trust>,
}

/// By what a file is known again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// By its path and owner.
    Path,
    /// By its content.
    Content,
}
