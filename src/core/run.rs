//! The life of a run: its states, its attempts, how it can end.

use super::agent::AgentSeen;
use super::exit::{ExitRecord, FailureClass, Verdict};
use super::finding::Finding;
use super::ids::{AttemptId, RunId, SessionName};
use super::limit::{LimitSeen, RunLimit};
use super::plan::SessionPlan;
use super::progress::Pace;
use super::time::{At, Mono, Wall, millis};
use super::told::ToldSoFar;
use super::tool_run::ToolRun;
use super::usage::Used;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Where a run stands. Data lives in the state it belongs to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RunState {
    /// Its time is to come.
    Scheduled {
        /// When it becomes ready.
        at: Wall,
    },
    /// Waits for the sessions named in `after`.
    Waiting {
        /// Those that have not ended well yet.
        on: Vec<SessionName>,
    },
    /// Ready, waits for a slot.
    Queued,
    /// The start is journaled; the program is not seen running yet.
    Starting {
        /// Which attempt.
        attempt: AttemptId,
    },
    /// The program runs.
    Running {
        /// Which attempt.
        attempt: AttemptId,
    },
    /// The program ended well; `verify` and `require` are being checked. Shown as running.
    Checking {
        /// Which attempt.
        attempt: AttemptId,
    },
    /// Waits before the next attempt.
    BackingOff {
        /// When the next attempt is due.
        until: Due,
    },
    /// A usage limit or provider breaker; no attempt is lost by it.
    Limited {
        /// When it is looked at again.
        until: Due,
    },
    /// The operator holds it back.
    Held,
    /// A stop is under way.
    Stopping {
        /// Which attempt.
        attempt: AttemptId,
        /// What the run becomes afterwards.
        then: AfterStop,
    },
    /// It has ended.
    Ended {
        /// How.
        outcome: Outcome,
    },
}

/// When a wait ends, on both clocks and with the boot the monotonic one belongs to: after a restart of the daemon the
/// remaining delay is kept, after a reboot it is recomputed from the wall clock and clamped to `delay`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// By the wall clock, for people and for other boots.
    pub wall: Wall,
    /// By the monotonic clock of `boot_id`.
    pub mono: Mono,
    /// Which boot `mono` belongs to.
    pub boot_id: String,
    /// The full length of the wait.
    #[serde(with = "millis")]
    pub delay: Duration,
}

impl Due {
    /// A wait of this length that begins now.
    pub fn new(at: At, delay: Duration, boot_id: &str) -> Self {
        Self { wall: at.wall.plus(delay), mono: at.mono.plus(delay), boot_id: boot_id.to_owned(), delay }
    }
    /// What is left of the wait. Within its boot the monotonic clock decides; after a reboot the wall clock does. Never
    /// more than the whole wait, so a clock that jumped back cannot make it longer.
    pub fn left(&self, at: At, boot_id: &str) -> Duration {
        if self.boot_id == boot_id { self.mono.since(at.mono).min(self.delay) } else { self.left_by_wall(at) }
    }
    /// What is left of the wait by the wall clock, at most the whole.
    pub fn left_by_wall(&self, at: At) -> Duration {
        self.wall.since(at.wall).min(self.delay)
    }
}

/// What a run becomes when its stop is through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterStop {
    /// The operator's stop: final.
    Stopped,
    /// `restart`: queued again, without counting.
    Requeue,
    /// `hold` of a running session.
    Held,
    /// `skip`.
    Skipped,
    /// The night ended first.
    Unfinished,
    /// `timeout`: judged like a failure.
    Timeout,
    /// `deadline`: not a failure, but not finished either.
    Deadline,
    /// `on_stall`: judged like a failure.
    Stalled,
    /// A budget is used up: it ends, and is not tried again.
    Budget,
    /// Its agent gave up after a failure: judged by that.
    GaveUp {
        /// What kind of failure.
        class: FailureClass,
    },
    /// Its agent ran away: judged like a failure.
    Runaway,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The exit was good and everything required was seen.
    Succeeded,
    /// The exit was good, something required is missing.
    Partial,
    /// Failed for good: a dead letter.
    Failed,
    /// The operator stopped it.
    Stopped,
    /// It never ran: skipped by the operator or because a dependency did not succeed.
    Skipped,
    /// The night ended first.
    Unfinished,
}

impl Outcome {
    /// The word for it in JSON, tables and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::Skipped => "skipped",
            Self::Unfinished => "unfinished",
        }
    }
}

impl RunState {
    /// The word for it in JSON, tables and reports (`cli.md`).
    pub fn word(&self) -> &'static str {
        match self {
            Self::Scheduled { .. } => "scheduled",
            Self::Waiting { .. } => "waiting",
            Self::Queued => "queued",
            Self::Starting { .. } => "starting",
            Self::Running { .. } | Self::Checking { .. } => "running",
            Self::BackingOff { .. } => "backing_off",
            Self::Limited { .. } => "limited",
            Self::Held => "held",
            Self::Stopping { .. } => "stopping",
            Self::Ended { outcome } => outcome.as_str(),
        }
    }
    /// The attempt whose process may be alive in this state.
    pub fn live_attempt(&self) -> Option<&AttemptId> {
        match self {
            Self::Starting { attempt } | Self::Running { attempt } | Self::Stopping { attempt, .. } => Some(attempt),
            Self::Scheduled { .. }
            | Self::Waiting { .. }
            | Self::Queued
            | Self::Checking { .. }
            | Self::BackingOff { .. }
            | Self::Limited { .. }
            | Self::Held
            | Self::Ended { .. } => None,
        }
    }
    /// Whether the run has ended.
    pub fn is_ended(&self) -> bool {
        self.outcome().is_some()
    }
    /// How it ended, if it has.
    pub fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::Ended { outcome } => Some(*outcome),
            Self::Scheduled { .. }
            | Self::Waiting { .. }
            | Self::Queued
            | Self::Starting { .. }
            | Self::Running { .. }
            | Self::Checking { .. }
            | Self::BackingOff { .. }
            | Self::Limited { .. }
            | Self::Held
            | Self::Stopping { .. } => None,
        }
    }
    /// Whether it takes one of the slots of `concurrent`.
    pub fn holds_slot(&self) -> bool {
        match self {
            Self::Starting { .. } | Self::Running { .. } | Self::Checking { .. } | Self::Stopping { .. } => true,
            Self::Scheduled { .. }
            | Self::Waiting { .. }
            | Self::Queued
            | Self::BackingOff { .. }
            | Self::Limited { .. }
            | Self::Held
            | Self::Ended { .. } => false,
        }
    }
}

/// A run with all that is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// Where it stands.
    pub state: RunState,
    /// Why it stands there, in words for `status` and `why`.
    pub reason: String,
    /// Since when.
    pub since: At,
    /// Rises with every change of state; a timer armed in an older epoch is ignored.
    pub epoch: u64,
    /// When it was created.
    pub created: At,
    /// The run it is the second chance of.
    pub redriven_from: Option<RunId>,
    /// The newest run that is this one's second chance. A failed run without one is a dead letter.
    #[serde(default)]
    pub redriven_by: Option<RunId>,
    /// The plan its newest attempt was started with. A reload changes the next attempt, never this one: its timeout, its
    /// grace and its success are judged by this. `None` before the first attempt.
    #[serde(default)]
    pub session: Option<Box<SessionPlan>>,
    /// Its attempts, oldest first.
    pub attempts: Vec<Attempt>,
    /// Attempts that count against `max_attempts` since the counter was last reset.
    pub counted: u32,
    /// Whether the session was taken out of the file while this ran.
    pub removed: bool,
    /// Whether the operator keeps the run from starting: by `hold`, or for good by `skip`. A skipped run without this
    /// was skipped because of a dependency, and comes back when that gets a second chance.
    pub held: bool,
    /// By when it must be done.
    #[serde(default)]
    pub deadline: Option<Wall>,
    /// What was found about it, open or over; one of each kind and subject.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// What is known of its usage limits.
    #[serde(default)]
    pub limit: RunLimit,
}

impl Run {
    /// A run as it comes to be.
    pub fn new(id: RunId, state: RunState, reason: String, created: At) -> Self {
        Self {
            id,
            state,
            reason,
            since: created,
            epoch: 0,
            created,
            redriven_from: None,
            redriven_by: None,
            session: None,
            attempts: Vec::new(),
            counted: 0,
            removed: false,
            held: false,
            deadline: None,
            findings: Vec::new(),
            limit: RunLimit::default(),
        }
    }
    /// Keeps less of the attempts before a newer one, and next to nothing of those long before.
    pub(super) fn condense(&mut self) {
        let old = (self.attempts.len() + 1).saturating_sub(KEPT_WHOLE);
        for (place, attempt) in self.attempts.iter_mut().enumerate() {
            attempt.output.shrink();
            if place < old {
                attempt.forget();
            }
        }
    }
    /// Keeps how it ended, and no more: a run that several others of its session came after.
    pub(super) fn forget(&mut self) {
        self.session = None;
        self.attempts.iter_mut().for_each(Attempt::forget);
        self.attempts.shrink_to_fit();
    }
    /// The newest attempt.
    pub fn last_attempt(&self) -> Option<&Attempt> {
        self.attempts.last()
    }
    /// The attempt with this number.
    pub fn attempt(&self, number: u32) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.id.number == number)
    }
    /// The same, to change it.
    pub(super) fn attempt_mut(&mut self, number: u32) -> Option<&mut Attempt> {
        self.attempts.iter_mut().find(|attempt| attempt.id.number == number)
    }
    /// Whether it failed for good and was not sent again.
    pub fn is_dead_letter(&self) -> bool {
        self.state.outcome() == Some(Outcome::Failed) && self.redriven_by.is_none()
    }
    /// Whether it was skipped because of a dependency, not by the operator.
    pub fn is_blocked(&self) -> bool {
        self.state.outcome() == Some(Outcome::Skipped) && !self.held && self.attempts.is_empty()
    }
}

/// One start of the command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its id.
    pub id: AttemptId,
    /// When the start was journaled.
    pub intended: At,
    /// What the recorder said of the start; `None` until then.
    pub started: Option<Started>,
    /// The death certificate; `None` while it may live.
    pub exit: Option<ExitRecord>,
    /// What kind of failure it was; `None` for a good end or while it lives.
    pub verdict: Option<Verdict>,
    /// What its output told so far.
    pub output: OutputSeen,
    /// Results of `require`, `forbid` and `verify`.
    pub checks: Vec<CheckResult>,
    /// What is remembered of its claims.
    #[serde(default, skip_serializing_if = "ToldSoFar::is_nothing")]
    pub told: ToldSoFar,
    /// What it used, where its agent's transcript tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<Used>,
    /// The conversation of its agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<super::conversation::Conversation>,
}

impl Attempt {
    fn forget(&mut self) {
        self.output.forget();
        self.checks = Vec::new();
        self.told.needs = None;
    }
    /// An attempt whose start was just journaled.
    pub fn new(id: AttemptId, intended: At) -> Self {
        Self {
            id,
            intended,
            started: None,
            exit: None,
            verdict: None,
            output: OutputSeen::default(),
            checks: Vec::new(),
            told: ToldSoFar::default(),
            used: None,
            conversation: None,
        }
    }
}

/// The recorder's word on a start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// When, by the recorder's wall clock.
    pub at: Wall,
    /// The program's process id.
    pub pid: u32,
    /// Its start time as `/proc/PID/stat` field 22 gives it; with `boot_id` it makes the pid unique. 0 where unknown.
    pub pid_start: u64,
    /// The recorder's process id.
    pub shim_pid: u32,
    /// Which boot.
    pub boot_id: String,
}

/// What the output of an attempt told so far. All of it is bounded.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct OutputSeen {
    /// Bytes of output.
    pub bytes: u64,
    /// When the last output came.
    pub last_at: Option<Wall>,
    /// The last line with text, made harmless, at most 400 characters.
    pub last_line: String,
    /// The last lines with text, oldest first; at most 20 while running, kept at the end.
    pub tail: Vec<String>,
    /// Metrics by name.
    pub metrics: BTreeMap<String, MetricSeen>,
    /// Errors by fingerprint, at most 200; the rest is counted under `other`.
    pub errors: BTreeMap<String, ErrorSeen>,
    /// The output rule that matched the last lines, if one did: its id.
    pub rule: Option<String>,
    /// `regex:` requirements whose pattern was seen: the pattern, or the requirement as typed.
    pub patterns: Vec<String>,
    /// When the output last said something new: a line that was not there before, not the same drawn again.
    #[serde(default)]
    pub new_at: Option<Wall>,
    /// What its last lines said of a usage limit, if they did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<LimitSeen>,
    /// Runs of tests, builds and lints that it showed, oldest first; at most 30.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ToolRun>,
    /// What the coding agent in it does, if there is one that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<Box<AgentSeen>>,
}

/// Newest attempts of a run, and newest runs of a session, of which more is kept than how they ended. The journal has all
/// of it.
pub(super) const KEPT_WHOLE: usize = 5;
/// Characters kept of the last line of the others.
const KEPT_LINE: usize = 80;
/// Tail lines and errors kept of an attempt once a newer one begins; the raw log has the rest.
const KEPT_OF_OLD_ATTEMPTS: usize = 5;

impl OutputSeen {
    /// The same without numbers that are not finite: JSON cannot hold them, and the journal must stay readable.
    pub fn finite(mut self) -> Self {
        let finite =
            |m: &MetricSeen| m.value.is_finite() && m.first.0.is_finite() && m.total.is_none_or(f64::is_finite);
        self.metrics.retain(|_, metric| finite(metric));
        self
    }
    /// Leaves little more than the numbers: of an attempt that is long over.
    fn forget(&mut self) {
        (self.tail, self.patterns, self.tools, self.errors) = (Vec::new(), Vec::new(), Vec::new(), BTreeMap::new());
        self.agent = None;
        if let Some((end, _)) = self.last_line.char_indices().nth(KEPT_LINE) {
            self.last_line = self.last_line.get(..end).unwrap_or_default().to_owned();
        }
    }
    /// Cuts what is kept of an older attempt, so that a run with many attempts stays small.
    pub(super) fn shrink(&mut self) {
        let surplus = self.tail.len().saturating_sub(KEPT_OF_OLD_ATTEMPTS);
        self.tail.drain(..surplus);
        let surplus = self.tools.len().saturating_sub(KEPT_OF_OLD_ATTEMPTS);
        self.tools.drain(..surplus);
        while self.errors.len() > KEPT_OF_OLD_ATTEMPTS {
            let rarest = self.errors.iter().min_by_key(|(_, error)| error.count).map(|(print, _)| print.clone());
            if let Some(print) = rarest {
                self.errors.remove(&print);
            }
        }
    }
}

/// A number read from the output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricSeen {
    /// The first value and when it came; with the last one it gives the rate.
    pub first: (f64, Wall),
    /// The last value.
    pub value: f64,
    /// The total, when known.
    pub total: Option<f64>,
    /// When the last value came.
    pub at: Wall,
    /// How it moved.
    #[serde(default)]
    pub pace: Pace,
}

impl MetricSeen {
    /// Units per second since the first value; `None` until it moved.
    pub fn per_second(&self) -> Option<f64> {
        let seconds = self.at.since(self.first.1).as_secs_f64();
        let moved = self.value - self.first.0;
        (seconds > 0.0 && moved > 0.0).then(|| moved / seconds)
    }
    /// When the total will be reached at this rate.
    pub fn eta(&self) -> Option<Wall> {
        let left = self.total? - self.value;
        let rate = self.per_second()?;
        let seconds = left / rate;
        (left > 0.0 && seconds < 1e9).then(|| self.at.plus(Duration::from_secs_f64(seconds)))
    }
    /// Whether the total is known, above 0, and reached.
    pub fn complete(&self) -> bool {
        self.total.is_some_and(|total| total > 0.0 && self.value >= total)
    }
}

/// An error in the output, counted by fingerprint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorSeen {
    /// One line as it stood, made harmless, at most 400 characters.
    pub sample: String,
    /// Other lines of the same kind that tell something else, a few of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<String>,
    /// How often.
    pub count: u64,
    /// First seen.
    pub first: Wall,
    /// Last seen.
    pub last: Wall,
}

/// Most lines kept of one kind of error beside its sample.
pub const EXAMPLES_MAX: usize = 2;

/// Whether two error lines read the same but for times and amounts of time.
pub fn same_error_line(a: &str, b: &str) -> bool {
    let words = |line: &str| -> Vec<String> {
        let timeless = |word: &&str| !word.contains(':') || !word.starts_with(|c: char| c.is_ascii_digit() || c == '[');
        line.split_whitespace().filter(timeless).map(str::to_owned).collect()
    };
    a == b || words(a) == words(b)
}

/// The result of one `require`, `forbid` or `verify`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckResult {
    /// As written: `metric:profiles=complete`, `verify: pytest -q`.
    pub text: String,
    /// Whether it is as it should be.
    pub passed: bool,
    /// What was seen: `profiles 3100 of 3513`, `exit 1 after 4 s`.
    pub seen: String,
}
