//! What kind of failure an end is, and which rule says so.
//!
//! The order of evidence: the recorder's own record (could not start, lost, told to stop, out of memory, hang-up), then
//! the signal or exit code, then the output's last lines. What the program says can refine an exit code, never replace
//! the record. An intent in the journal comes before all of it: see `attempt.rs`.

use super::exit::{Ending, ExitRecord, FailureClass, Verdict};
use super::plan::{FailureMatch, OnTmuxLoss, OutputRule, RetryPolicy, SessionPlan};
use super::run::{AfterStop, OutputSeen};

/// What an end is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The death certificate.
    pub exit: &'a ExitRecord,
    /// What its output told.
    pub output: &'a OutputSeen,
    /// The plan the attempt was started with.
    pub session: &'a SessionPlan,
    /// The output rules in force.
    pub rules: &'a [OutputRule],
    /// Whether the tmux server the attempt ran in is gone.
    pub terminal_lost: bool,
}

/// How an end that nobody asked for is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// One of the declared good exit codes. Whether it is a success is up to the checks.
    Good,
    /// A failure, or the operator's doing outside of nightkeep.
    Bad(Verdict),
}

/// `errno`s of a start that tell of the machine, not of the command: EIO, EAGAIN (Linux), ENOMEM, ENFILE, EMFILE, ETXTBSY,
/// ENOSPC, EAGAIN (macOS).
const MACHINE_ERRNOS: [i32; 8] = [5, 11, 12, 23, 24, 26, 28, 35];

/// Whether a failure of this class takes one of `max_attempts`.
pub fn counts(class: FailureClass) -> bool {
    match class {
        FailureClass::Transient
        | FailureClass::Auth
        | FailureClass::Billing
        | FailureClass::ContextFull
        | FailureClass::Permanent
        | FailureClass::Stalled
        | FailureClass::Timeout
        | FailureClass::OomKilled
        | FailureClass::KilledOther
        | FailureClass::CrashLoop => true,
        FailureClass::ProviderDown
        | FailureClass::UsageLimit
        | FailureClass::Operator
        | FailureClass::Lost
        | FailureClass::BudgetExceeded
        | FailureClass::Infra => false,
    }
}

/// A verdict of a class, by a rule.
pub(super) fn verdict(class: FailureClass, rule: impl Into<String>) -> Verdict {
    Verdict { class, counted: counts(class), rule: rule.into() }
}

/// The verdict on an attempt whose stop was journaled before it ended.
pub(super) fn by_intent(then: AfterStop) -> Verdict {
    match then {
        AfterStop::Stopped => verdict(FailureClass::Operator, "intent/stop"),
        AfterStop::Requeue => verdict(FailureClass::Operator, "intent/restart"),
        AfterStop::Held => verdict(FailureClass::Operator, "intent/hold"),
        AfterStop::Skipped => verdict(FailureClass::Operator, "intent/skip"),
        AfterStop::Unfinished => verdict(FailureClass::Operator, "intent/night-ended"),
        AfterStop::Timeout => verdict(FailureClass::Timeout, "intent/timeout"),
    }
}

/// Judges an end by itself, without the retry policy and without the run's history.
pub fn classify(evidence: &Evidence<'_>) -> Judgement {
    let Evidence { exit, output, session, rules, terminal_lost } = *evidence;
    let bad = |class, rule: &str| Judgement::Bad(verdict(class, rule));
    match &exit.ending {
        Ending::ExecFailed { errno, .. } if MACHINE_ERRNOS.contains(errno) => {
            return bad(FailureClass::Infra, "exit/exec-failed-by-machine");
        }
        Ending::ExecFailed { .. } => return bad(FailureClass::Permanent, "exit/exec-failed"),
        Ending::Lost { .. } => return bad(FailureClass::Lost, "exit/lost"),
        Ending::Code { .. } | Ending::Signal { .. } => {}
    }
    if exit.stopped {
        return bad(FailureClass::Operator, "exit/told-to-stop");
    }
    if exit.oom {
        return bad(FailureClass::OomKilled, "exit/oom");
    }
    // With `keep` the program outlives a hang-up, so the hang-up says nothing about its end.
    if exit.hup && session.on_tmux_loss == OnTmuxLoss::Stop {
        return if terminal_lost {
            bad(FailureClass::Lost, "exit/tmux-lost")
        } else {
            bad(FailureClass::Operator, "exit/tmux-session-killed")
        };
    }
    match exit.ending {
        Ending::Signal { signal, .. } => bad(FailureClass::KilledOther, &format!("exit/signal-{signal}")),
        Ending::Code { code } if session.success.exit_codes.contains(&code) => Judgement::Good,
        Ending::Code { code: code @ (126 | 127) } => bad(FailureClass::Permanent, &format!("exit/code-{code}")),
        Ending::Code { .. } => {
            let rule = output.rule.as_ref().and_then(|id| rules.iter().find(|rule| rule.id == *id));
            match rule {
                Some(rule) => bad(rule.class, &format!("output/{}", rule.id)),
                None => bad(FailureClass::Transient, "exit/nonzero"),
            }
        }
        Ending::ExecFailed { .. } | Ending::Lost { .. } => bad(FailureClass::Lost, "exit/lost"),
    }
}

/// Lets `never_on` and `retry_on` have their say. `never_on` wins. Both are about the program's own failures: the
/// operator's word and what is not the program's fault (lost, infra) stay what they are unless named by `never_on`.
pub fn by_policy(found: Verdict, exit: &ExitRecord, policy: &RetryPolicy) -> Verdict {
    if found.class == FailureClass::Operator {
        return found;
    }
    // After a timeout the code or signal is of our own making.
    let its_own = found.class != FailureClass::Timeout;
    let fits = |entry: &&FailureMatch| match entry {
        FailureMatch::Code(code) => its_own && exit.code() == Some(*code),
        FailureMatch::Signal(signal) => its_own && exit.signal() == Some(*signal),
        FailureMatch::Class(class) => found.class == *class,
    };
    let named = |entry: &FailureMatch| match entry {
        FailureMatch::Code(code) => format!("code {code}"),
        FailureMatch::Signal(signal) => format!("signal {signal}"),
        FailureMatch::Class(class) => class.as_str().to_owned(),
    };
    if let Some(entry) = policy.never_on.iter().find(fits) {
        return verdict(FailureClass::Permanent, format!("retry/never_on {}", named(entry)));
    }
    match policy.retry_on.iter().find(fits) {
        Some(entry) if found.class == FailureClass::Permanent => {
            verdict(FailureClass::Transient, format!("retry/retry_on {}", named(entry)))
        }
        None if !policy.retry_on.is_empty() && found.counted => {
            verdict(FailureClass::Permanent, format!("retry/not in retry_on ({})", found.rule))
        }
        Some(_) | None => found,
    }
}

/// An end in words: `exit 3`, `killed by signal 9`, ...
pub fn words(exit: &ExitRecord) -> String {
    let how = match &exit.ending {
        Ending::Code { code } => format!("exit {code}"),
        Ending::Signal { signal, core: false } => format!("killed by signal {signal}"),
        Ending::Signal { signal, core: true } => format!("killed by signal {signal}, core dumped"),
        Ending::ExecFailed { what, .. } => format!("could not be started: {what}"),
        Ending::Lost { why } => format!("lost: {why}"),
    };
    if exit.oom { format!("{how}, out of memory") } else { how }
}
