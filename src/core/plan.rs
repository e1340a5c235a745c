//! What tonight is made of: the checked form of `sessions.toml`, with every default filled in.
//!
//! The config layer makes it; the core decides by it; it is journaled whole, so a past night can be understood without
//! the file.

mod channel;

pub use channel::{
    AddressFault, Auth, ChannelPlan, ClearSecrets, SecretField, SecretRef, Way, check_mail_address, check_web_address,
};

use super::alert::plan::AlertsPlan;
use super::calendar::{NightPlan, Timing};
use super::exit::FailureClass;
use super::ids::{ProjectName, SessionName};
use super::limit::ResumePolicy;
use super::time::millis;
use super::usage::Budget;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// The whole checked file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// IANA time zone of the night; `None` is the system's.
    pub timezone: Option<String>,
    /// Most sessions running at once (slots).
    pub concurrent: u32,
    /// Bytes of output kept for one attempt; `None` is no cap.
    pub log_per_session: Option<u64>,
    /// The projects by name.
    pub projects: BTreeMap<ProjectName, ProjectPlan>,
    /// The sessions by name.
    pub sessions: BTreeMap<SessionName, SessionPlan>,
    /// Failure classes by output, in the order of the file.
    pub rules: Vec<OutputRule>,
    /// Ways to reach somebody, by name.
    #[serde(default)]
    pub channels: BTreeMap<String, ChannelPlan>,
    /// Who is told of what.
    #[serde(default)]
    pub alerts: AlertsPlan,
    /// When nights begin and end by themselves.
    #[serde(default)]
    pub night: NightPlan,
    /// With fewer free bytes where the state is kept nothing new starts; `None` is 1 GiB, on a small disk a twentieth of it.
    #[serde(default)]
    pub min_free_disk: Option<u64>,
    /// Who gets the report.
    #[serde(default)]
    pub report: super::delivery::ReportPlan,
    /// What all sessions may use in a night.
    #[serde(default)]
    pub budget: Budget,
    /// The profiles of agents that the file changes or adds, by name, each as a hash of how it is watched.
    #[serde(default)]
    pub profiles: BTreeMap<String, String>,
}

/// A directory in which sessions work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProjectPlan {
    /// Its absolute directory.
    pub dir: PathBuf,
    /// What its sessions may use in a night.
    #[serde(default)]
    pub budget: Budget,
    /// What is collected of its files for the report.
    #[serde(default)]
    pub collect: CollectPlan,
}

/// What is collected of a project's files, as [patterns](super::patterns) of paths below its directory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectPlan {
    /// Documents that agents write, besides those of the usual names.
    #[serde(default)]
    pub docs: Vec<String>,
    /// Results that a person is to look at.
    #[serde(default)]
    pub artifacts: Vec<String>,
}

/// How a command is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Command {
    /// A line for `/bin/sh -c`.
    Shell(String),
    /// A program and its arguments, started without a shell.
    Argv(Vec<String>),
}

impl Command {
    /// The words to execute.
    pub fn argv(&self) -> Vec<String> {
        match self {
            Self::Shell(line) => vec!["/bin/sh".into(), "-c".into(), line.clone()],
            Self::Argv(words) => words.clone(),
        }
    }
    /// The command as one line for people.
    pub fn display(&self) -> String {
        match self {
            Self::Shell(line) => line.clone(),
            Self::Argv(words) => words.join(" "),
        }
    }
}

/// A declared piece of work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionPlan {
    /// Its name.
    pub name: SessionName,
    /// The project it works in.
    pub project: Option<ProjectName>,
    /// What to run.
    pub command: Command,
    /// Absolute working directory.
    pub dir: PathBuf,
    /// Environment added to nightkeep's clean one.
    pub env: BTreeMap<String, String>,
    /// Whether it stands in the file but is not to run.
    pub disabled: bool,
    /// What must have ended before it may start.
    pub after: Vec<Dependency>,
    /// Higher starts first; default 0.
    pub priority: i32,
    /// Longest time of one attempt.
    #[serde(with = "millis::option")]
    pub timeout: Option<Duration>,
    /// From the first polite request to the last `SIGKILL`.
    #[serde(with = "millis")]
    pub stop_grace: Duration,
    /// What the program should do when tmux vanishes under it.
    pub on_tmux_loss: OnTmuxLoss,
    /// When and how often to try again.
    pub retry: RetryPolicy,
    /// What makes a run a success.
    pub success: Success,
    /// Numbers read from the output.
    pub metrics: Vec<MetricPlan>,
    /// Run by nightkeep itself after a good exit; red makes the run partial.
    pub verify: Option<Command>,
    /// Longest time of `verify` and of each `command:` requirement.
    #[serde(with = "millis")]
    pub verify_timeout: Duration,
    /// What it has to do with the clock.
    #[serde(default)]
    pub timing: Timing,
    /// What counts as a stall, and what is done about one.
    #[serde(default)]
    pub stall: StallPolicy,
    /// Whose outages and usage limits it shares with other sessions.
    #[serde(default)]
    pub provider: Option<String>,
    /// Most that it and all it starts may take.
    #[serde(default)]
    pub caps: Caps,
    /// What may happen by itself after a usage limit.
    #[serde(default)]
    pub resume: ResumePolicy,
    /// What may be answered by itself to a prompt of its agent.
    #[serde(default)]
    pub answers: Vec<super::ticket::policy::AnswerRule>,
    /// What it may use in a night.
    #[serde(default)]
    pub budget: Budget,
    /// How much its agent may ask of its model.
    #[serde(default)]
    pub runaway: super::runaway::RunawayPolicy,
    /// The built-in agent that it is, or that its profile extends: `claude`, `codex`, `gemini`, `opencode` or `aider`.
    #[serde(default)]
    pub agent: Option<String>,
    /// The agent of the file that it is, by which its screen is read; `None` when the file has none of its name.
    #[serde(default)]
    pub profile: Option<String>,
    /// How its agent is started and taken up again; `None` for a plain command, which always starts anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch: Option<Launch>,
    /// The git worktree of its own that it works in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worktree: Option<Worktree>,
}

/// A git worktree of a session's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worktree {
    /// The directory in the repository that it is made from.
    pub of: PathBuf,
    /// Its branch.
    pub branch: String,
    /// Its top, once it is known where worktrees are; the session's directory is in it then.
    #[serde(default)]
    pub root: Option<PathBuf>,
}

/// How an agent is started and taken up again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Launch {
    /// The program and its own arguments, without prompt and conversation.
    pub command: Vec<String>,
    /// Arguments right before the prompt.
    pub before_prompt: Vec<String>,
    /// What it is to do; `None` when it waits for a person to say so.
    pub prompt: Option<String>,
    /// The profile's own command to take up a conversation; `{id}` stands for its id.
    pub resume: Option<Vec<String>>,
    /// When the prompt is no argument, but typed.
    #[serde(skip_serializing_if = "TypesPrompt::is_never")]
    pub types_prompt: TypesPrompt,
    /// Whether it is made to serve its events. `None`: those that its command serves are listened to; `false`: not even
    /// those.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<bool>,
}

/// When the prompt of an agent is typed into it, because it takes none on its command line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TypesPrompt {
    /// It is an argument.
    #[default]
    Never,
    /// When it goes on with a conversation.
    Resumed,
    /// At every start.
    Always,
}

impl TypesPrompt {
    fn is_never(&self) -> bool {
        *self == Self::Never
    }
    /// Whether it is typed into an attempt that goes on with a conversation, or begins one.
    pub fn holds(self, resumed: bool) -> bool {
        match self {
            Self::Never => false,
            Self::Resumed => resumed,
            Self::Always => true,
        }
    }
}

impl SessionPlan {
    /// Whether it is an agent, so that it uses tokens.
    pub fn is_agent(&self) -> bool {
        self.agent.is_some()
    }
}

/// Most that a session's whole tree of processes may take; `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caps {
    /// Bytes of memory.
    #[serde(default)]
    pub memory: Option<u64>,
    /// Processes and threads at once.
    #[serde(default)]
    pub processes: Option<u64>,
}

/// Another session that must have ended first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// The session waited for.
    pub session: SessionName,
    /// Which end is good enough.
    pub on: DependencyOn,
}

/// Which end of a dependency is good enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DependencyOn {
    /// It succeeded.
    Success,
    /// It ended in any way.
    End,
}

/// What the program should do when tmux vanishes under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnTmuxLoss {
    /// Be ended like a terminal that hangs up; the run is tried again.
    Stop,
    /// Run on without a terminal to look at; the output is still recorded.
    Keep,
}

/// `retry = { … }`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Counted attempts of one run, 1..=100; 1 never retries.
    pub max_attempts: u32,
    /// Delay before the second attempt.
    #[serde(with = "millis")]
    pub initial_delay: Duration,
    /// Factor from one delay to the next, 1.0..=10.0.
    pub multiplier: f64,
    /// Largest delay.
    #[serde(with = "millis")]
    pub max_delay: Duration,
    /// How the delay is spread.
    pub jitter: Jitter,
    /// An attempt that ran this long with progress resets the counter.
    #[serde(with = "millis")]
    pub reset_after: Duration,
    /// An exit before this counts towards the crash loop.
    #[serde(with = "millis")]
    pub min_uptime: Duration,
    /// This many quick exits ...
    pub crash_loop_count: u32,
    /// ... within this time park the session.
    #[serde(with = "millis")]
    pub crash_loop_window: Duration,
    /// What happens at a crash loop.
    pub on_crash_loop: OnCrashLoop,
    /// Only these failures are retried, when not empty.
    pub retry_on: Vec<FailureMatch>,
    /// These failures are never retried; wins over everything.
    pub never_on: Vec<FailureMatch>,
    /// Most starts of a session in a night, counted or not.
    pub hard_cap_starts: u32,
}

impl Default for RetryPolicy {
    /// `semantics.md` 1.1.
    fn default() -> Self {
        Self {
            max_attempts: 5,
            initial_delay: Duration::from_secs(10),
            multiplier: 2.0,
            max_delay: Duration::from_secs(300),
            jitter: Jitter::Equal,
            reset_after: Duration::from_secs(600),
            min_uptime: Duration::from_secs(60),
            crash_loop_count: 4,
            crash_loop_window: Duration::from_secs(600),
            on_crash_loop: OnCrashLoop::Park,
            retry_on: Vec::new(),
            never_on: Vec::new(),
            hard_cap_starts: 50,
        }
    }
}

/// How a retry delay `d` is spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Jitter {
    /// `d/2 + random(0, d/2)`.
    Equal,
    /// `random(0, d)`.
    Full,
    /// Exactly `d`.
    None,
}

/// What happens to a session in a crash loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnCrashLoop {
    /// It becomes a dead letter and waits for the operator.
    Park,
    /// It waits out the rest of the crash-loop window, then goes on.
    Delay,
}

/// One entry of `retry_on` / `never_on`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureMatch {
    /// This exit code.
    Code(i32),
    /// This signal.
    Signal(i32),
    /// This class.
    Class(FailureClass),
}

/// `success = { … }`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Success {
    /// Exit codes that are a good end.
    pub exit_codes: Vec<i32>,
    /// All of these must hold, else the run is partial.
    pub require: Vec<Requirement>,
    /// None of these may hold, else the run is partial.
    pub forbid: Vec<Requirement>,
}

impl Default for Success {
    fn default() -> Self {
        Self { exit_codes: vec![0], require: Vec::new(), forbid: Vec::new() }
    }
}

/// One checkable condition. The text it was written as is kept for reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Requirement {
    /// As typed: `metric:profiles=complete`.
    pub text: String,
    /// What it means.
    pub check: Check,
}

/// What a requirement means.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Check {
    /// `git_commits>=N`: at least so many commits in the project since the run began.
    GitCommits {
        /// Least number of commits.
        at_least: u64,
    },
    /// `file:PATH` or `file:PATH(min_size)`: the file exists, with at least this many bytes.
    File {
        /// Path, relative to the session's directory.
        path: PathBuf,
        /// Least size in bytes.
        min_size: u64,
    },
    /// `metric:NAME=complete`: the value reached its total, and the total is not 0.
    MetricComplete {
        /// The metric's name.
        metric: String,
    },
    /// `metric:NAME OP NUMBER`.
    MetricCompare {
        /// The metric's name.
        metric: String,
        /// How to compare.
        op: Comparison,
        /// With what.
        number: f64,
    },
    /// `metric:A==B`: two metrics (or a metric and its `total`) are equal.
    MetricEqual {
        /// One metric.
        left: String,
        /// The other metric.
        right: String,
    },
    /// `regex:…`: a line of the output matches.
    OutputRegex {
        /// The pattern, checked at load.
        regex: String,
    },
    /// `command:…`: a shell line that must exit 0.
    Command {
        /// The line.
        line: String,
    },
}

/// A comparison of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// `=` or `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `>=`
    AtLeast,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `<`
    Below,
}

/// A number read from the output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricPlan {
    /// Its name.
    pub name: String,
    /// First group is the value; a second group, if any, the total.
    pub regex: String,
    /// A fixed total, when the output does not say it.
    pub total: Option<f64>,
    /// Time of day by which the total must be reached, in minutes since midnight.
    #[serde(default)]
    pub deadline: Option<u16>,
}

/// A failure class by output text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutputRule {
    /// Name for people: `rules[2] duckdb.*lock`.
    pub id: String,
    /// Tried on the last lines of the output only.
    pub regex: String,
    /// The class it means.
    pub class: FailureClass,
    /// Session name patterns (`*` and `?`); empty means all.
    pub sessions: Vec<String>,
}

/// Parts of names of environment variables that hold secrets.
const SECRET_NAMES: [&str; 7] = ["TOKEN", "SECRET", "PASSWORD", "PASSWD", "API_KEY", "PRIVATE_KEY", "ACCESS_KEY"];

/// Whether an environment variable of this name is taken to hold a secret.
pub fn is_secret_name(name: &str) -> bool {
    let upper = name.to_uppercase();
    SECRET_NAMES.iter().any(|end| upper.ends_with(end))
}

/// `stall` and `on_stall`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StallPolicy {
    /// Quiet for this long it counts as stalled; `None` never does.
    #[serde(with = "millis::option")]
    pub after: Option<Duration>,
    /// What is done then.
    pub action: OnStall,
}

/// What is done about a stall.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnStall {
    /// Somebody is told.
    #[default]
    Alert,
    /// The session is asked once to go on; if that does not help, the attempt is stopped and tried again.
    Nudge,
    /// The attempt is stopped and tried again.
    Restart,
}
