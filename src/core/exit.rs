//! How an attempt ended, exactly, and what kind of failure that is.

use super::time::{Wall, millis};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What ended a process: its own code, a signal, or something that leaves neither.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Ending {
    /// It left by itself with this code (0-255).
    Code {
        /// The exit code.
        code: i32,
    },
    /// A signal ended it.
    Signal {
        /// The signal's number.
        signal: i32,
        /// Whether the kernel says a core was dumped.
        core: bool,
    },
    /// The command could not be started at all: missing program, missing directory, no permission.
    ExecFailed {
        /// The `errno` of the failed call.
        errno: i32,
        /// What was being done, in words: `chdir /x`, `exec foo`.
        what: String,
    },
    /// The process is gone and no exit was recorded (reboot, recorder killed). Unknown is a real answer.
    Lost {
        /// What is known about why: `host reboot`, `recorder killed by signal 9`, ...
        why: String,
    },
}

/// CPU time and memory of an attempt, as `wait4` gives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ResourceUsage {
    /// User CPU time in milliseconds.
    pub user_ms: u64,
    /// System CPU time in milliseconds.
    pub system_ms: u64,
    /// Largest resident set in KiB.
    pub max_rss_kib: u64,
}

/// The death certificate of one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitRecord {
    /// What ended it.
    pub ending: Ending,
    /// When it ended, by the wall clock of the recorder (of the observer, when lost).
    pub at: Wall,
    /// How long it ran.
    #[serde(with = "millis")]
    pub ran: Duration,
    /// CPU and memory, where known.
    pub usage: Option<ResourceUsage>,
    /// Whether the kernel killed it for memory; false also when that cannot be known.
    pub oom: bool,
    /// Whether the recorder got a hang-up before the end (tmux session or server went away).
    pub hup: bool,
    /// Whether the recorder ended it because it was told to stop.
    pub stopped: bool,
    /// Processes of the attempt that outlived it and were ended by the recorder.
    pub orphans: u32,
    /// Output bytes written by the program.
    pub output_bytes: u64,
    /// Output bytes that could not be kept (full disk, log cap).
    pub lost_bytes: u64,
    /// How often its tree was refused a new process by its own limit.
    #[serde(default)]
    pub refused: u64,
}

impl ExitRecord {
    /// Whether this was not read from a recorder but concluded from its absence.
    pub fn is_guess(&self) -> bool {
        match self.ending {
            Ending::Lost { .. } => true,
            Ending::ExecFailed { errno, .. } => errno == 0,
            Ending::Code { .. } | Ending::Signal { .. } => false,
        }
    }
    /// The exit code, when it left by itself.
    pub fn code(&self) -> Option<i32> {
        match self.ending {
            Ending::Code { code } => Some(code),
            Ending::Signal { .. } | Ending::ExecFailed { .. } | Ending::Lost { .. } => None,
        }
    }
    /// The signal that ended it, if one did.
    pub fn signal(&self) -> Option<i32> {
        match self.ending {
            Ending::Signal { signal, .. } => Some(signal),
            Ending::Code { .. } | Ending::ExecFailed { .. } | Ending::Lost { .. } => None,
        }
    }
}

/// The kind of a failure; it decides what happens next.
///
/// The words are those of `[[rules]] class` and of `status --json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// Worth another try after a delay.
    Transient,
    /// The provider is down or overloaded; not the attempt's fault.
    ProviderDown,
    /// A usage limit with a reset time.
    UsageLimit,
    /// The provider refuses the credentials.
    Auth,
    /// No credit.
    Billing,
    /// The agent's context is full.
    ContextFull,
    /// Will fail again however often it is tried.
    Permanent,
    /// Nothing moved for too long.
    Stalled,
    /// The attempt ran longer than `timeout`.
    Timeout,
    /// nightkeep or its operator ended it.
    Operator,
    /// The kernel killed it for memory.
    OomKilled,
    /// Somebody else's signal killed it.
    KilledOther,
    /// Gone without an exit record.
    Lost,
    /// Ended too quickly too often.
    CrashLoop,
    /// The token or money budget is spent.
    BudgetExceeded,
    /// The machine is at fault: disk full, a bug of nightkeep.
    Infra,
    /// An agent asked its model again and again for nothing, or more than it may.
    Runaway,
}

impl FailureClass {
    /// The word for it in config, JSON and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::ProviderDown => "provider_down",
            Self::UsageLimit => "usage_limit",
            Self::Auth => "auth",
            Self::Billing => "billing",
            Self::ContextFull => "context_full",
            Self::Permanent => "permanent",
            Self::Stalled => "stalled",
            Self::Timeout => "timeout",
            Self::Operator => "operator",
            Self::OomKilled => "oom_killed",
            Self::KilledOther => "killed_other",
            Self::Lost => "lost",
            Self::CrashLoop => "crash_loop",
            Self::BudgetExceeded => "budget_exceeded",
            Self::Infra => "infra",
            Self::Runaway => "runaway",
        }
    }
}

/// A failure class with the evidence for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The class.
    pub class: FailureClass,
    /// Whether this attempt counts against `max_attempts`.
    pub counted: bool,
    /// Which rule said so: `exit/nonzero`, `exit/exec-failed`, `rule/3 duckdb.*lock`, ...
    pub rule: String,
}
