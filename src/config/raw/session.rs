//! The keys of a session, which are also those of `[defaults]`.

use super::words::{ByteSize, ClockTime, CrashLoop, Cron, Delay, Pattern, Period, WrittenCondition};
use crate::core::plan::{DependencyOn, Jitter, OnCrashLoop, OnStall, OnTmuxLoss};
use crate::core::runaway::OnRunaway;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A piece of work: a command, or an agent with a prompt.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Session {
    /// The project it works in.
    pub project: Option<String>,
    /// What to run: a string goes to the shell, a list is started as it stands.
    pub command: Option<CommandText>,
    /// An agent profile; it gives the command.
    pub agent: Option<String>,
    /// What the agent is to do.
    pub prompt: Option<String>,
    /// A file with what the agent is to do, from the folder of this file.
    pub prompt_file: Option<String>,
    /// Working directory, from the project's directory.
    pub dir: Option<String>,
    /// Another word for `dir`.
    pub cwd: Option<String>,
    /// Environment for the command.
    pub env: Option<BTreeMap<String, String>>,
    /// Whether it runs at all.
    pub enabled: Option<bool>,
    /// Time of day at which it starts.
    pub start: Option<ClockTime>,
    /// Times at which it starts, as five cron fields.
    pub cron: Option<Cron>,
    /// Sessions that must have ended before it starts.
    pub after: Option<Vec<After>>,
    /// Of those that are ready the highest starts first.
    #[schemars(range(min = -1000, max = 1000))]
    pub priority: Option<i32>,
    /// Longest time of one attempt.
    pub timeout: Option<Period>,
    /// Time of day by which it must be done.
    pub deadline: Option<ClockTime>,
    /// Without progress for this long it counts as stalled.
    pub stall: Option<Period>,
    /// What is done about a stall.
    pub on_stall: Option<OnStall>,
    /// From the first polite request to end to the last kill.
    pub stop_grace: Option<Delay>,
    /// What the program does when tmux vanishes under it.
    pub on_tmux_loss: Option<OnTmuxLoss>,
    /// When and how often to try again.
    pub retry: Option<Retry>,
    /// What counts as success.
    pub success: Option<Success>,
    /// Numbers to read from the output.
    pub metrics: Option<Vec<Metric>>,
    /// Run by nightkeep after a good exit; if it fails, the run is partial.
    pub verify: Option<CommandText>,
    /// Longest time of `verify`; 10m without it.
    pub verify_timeout: Option<Period>,
    /// What it may spend in a night; at the limit it is stopped.
    pub budget: Option<Budget>,
    /// What may happen after a usage limit.
    pub resume: Option<Resume>,
    /// Gives it a git worktree and branch of its own.
    pub worktree: Option<bool>,
    /// Rules for permission prompts.
    pub answers: Option<Vec<Answer>>,
    /// Whose usage limits and outages it shares; that of its agent without it.
    pub provider: Option<String>,
    /// Most memory that it and all it starts may take.
    pub max_memory: Option<ByteSize>,
    /// Most processes and threads that it and all it starts may be at once.
    #[schemars(range(min = 1))]
    pub max_processes: Option<u32>,
    /// How much its agent may ask of its model, and what is done when it asks more or goes round in a loop.
    pub runaway: Option<Runaway>,
}

/// A command: one string for the shell, or program and arguments.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum CommandText {
    /// A line for the shell.
    Line(String),
    /// Program and arguments, started without a shell.
    Words(Vec<String>),
}

/// One entry of `after`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum After {
    /// The session that must have succeeded.
    Name(String),
    /// The session and which end is good enough.
    Entry(AfterEntry),
}

/// The long form of an entry of `after`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AfterEntry {
    /// The session waited for.
    pub session: String,
    /// Which end is good enough.
    #[serde(default)]
    pub on: Option<DependencyOn>,
}

/// When and how often to try again.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// Attempts of one run that count; 1 never retries. 5 without it.
    #[schemars(range(min = 1, max = 100))]
    pub max_attempts: Option<u32>,
    /// Delay before the second attempt; 10s without it.
    pub initial_delay: Option<Delay>,
    /// Factor from one delay to the next; 2.0 without it.
    #[schemars(range(min = 1.0, max = 10.0))]
    pub multiplier: Option<f64>,
    /// Largest delay; 5m without it.
    pub max_delay: Option<Delay>,
    /// How the delay is spread: equal without it.
    pub jitter: Option<Jitter>,
    /// An attempt that ran this long with progress starts the counting anew; 10m without it.
    pub reset_after: Option<Period>,
    /// An exit before this is a quick one; 60s without it.
    pub min_uptime: Option<Delay>,
    /// How many quick exits in which time park the session; `4 in 10m` without it.
    pub crash_loop: Option<CrashLoop>,
    /// What happens then: park without it.
    pub on_crash_loop: Option<OnCrashLoop>,
    /// Only these failures are retried: exit codes, signals as `SIGKILL` or `signal:9`, or classes.
    pub retry_on: Option<Vec<FailureWord>>,
    /// These failures are never retried; wins over everything.
    pub never_on: Option<Vec<FailureWord>>,
    /// Most starts in a night, counted or not; 50 without it.
    #[schemars(range(min = 1, max = 1000))]
    pub hard_cap_starts: Option<u32>,
    /// What becomes of a run that has failed for good.
    pub on_exhausted: Option<Exhausted>,
    /// The session's `stop_grace`, which may stand here too.
    pub stop_grace: Option<Delay>,
}

/// What becomes of a run that has failed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Exhausted {
    /// It is kept whole so that it can be sent again.
    DeadLetter,
}

/// An exit code, or the word for a signal or a class.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum FailureWord {
    /// An exit code.
    Code(i64),
    /// `SIGKILL`, `signal:9` or a failure class.
    Word(String),
}

/// What counts as success.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Success {
    /// Exit codes that are a good end; 0 alone without it.
    pub exit_codes: Option<Vec<ExitCode>>,
    /// All of these must hold, else the run is partial.
    pub require: Option<Vec<WrittenCondition>>,
    /// None of these may hold, else the run is partial.
    pub forbid: Option<Vec<WrittenCondition>>,
}

/// An exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct ExitCode(pub i32);

impl JsonSchema for ExitCode {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ExitCode".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "integer", "minimum": 0, "maximum": 255 })
    }
}

/// A number to read from the output.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// The first group is the value, a second one the total.
    pub regex: Pattern,
    /// The total, when the output does not say it.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub total: Option<f64>,
    /// Time of day by which the total must be reached.
    #[serde(default)]
    pub deadline: Option<ClockTime>,
}

/// What may be spent in a night.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    /// Tokens, those read from a cache included.
    #[schemars(range(min = 1))]
    pub tokens: Option<u64>,
    /// US dollars, by the agent's own figure or the price list.
    #[schemars(range(min = 0.0, max = 1_000_000.0))]
    pub usd: Option<f64>,
}

/// How much an agent may ask of its model.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Runaway {
    /// Requests a minute, over five minutes; without it only requests that bring nothing are limited.
    #[schemars(range(min = 1, max = 1000))]
    pub requests_per_minute: Option<u64>,
    /// Tokens a minute, over five minutes, those read from a cache included.
    #[schemars(range(min = 1))]
    pub tokens_per_minute: Option<u64>,
    /// What is done: stop without it.
    pub action: Option<OnRunaway>,
}

/// What may happen after a usage limit.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Resume {
    /// Not after this time of day.
    pub until: Option<ClockTime>,
    /// How often; 0 is never.
    #[schemars(range(min = 0, max = 100))]
    pub max: Option<u32>,
}

/// A rule for permission prompts.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The kind of prompt.
    pub prompt: String,
    /// The command that the prompt asks about must match this.
    #[serde(default)]
    pub command: Option<Pattern>,
    /// What is answered.
    pub answer: AnswerKind,
    /// Most answers by this rule in an hour.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1000))]
    pub max_per_hour: Option<u32>,
}

/// What is answered to a permission prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnswerKind {
    /// Yes.
    Allow,
    /// No.
    Deny,
    /// Somebody is asked.
    Ask,
}
