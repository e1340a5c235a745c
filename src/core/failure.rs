//! What kind of failure an end is, and which rule says so.
//!
//! The order of evidence: the recorder's own record (could not start, lost, told to stop, out of memory, hang-up), then
//! the signal or exit code, then the output's last lines. What the program says can refine an exit code, never replace
//! the record. An intent in the journal comes before all of it: see `attempt.rs`.

use super::agent_exit;
use super::exit::{Ending, ExitRecord, FailureClass, Verdict};
use super::gave_up;
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
    /// Whether the machine was booted anew since the attempt began.
    pub rebooted: bool,
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
        | FailureClass::CrashLoop
        | FailureClass::Runaway => true,
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
        AfterStop::Deadline => verdict(FailureClass::Operator, "intent/deadline"),
        AfterStop::Timeout => verdict(FailureClass::Timeout, "intent/timeout"),
        AfterStop::Stalled => verdict(FailureClass::Stalled, "intent/stalled"),
        AfterStop::GaveUp { class } => verdict(class, gave_up::RULE),
        AfterStop::Budget => verdict(FailureClass::BudgetExceeded, "intent/budget"),
        AfterStop::Runaway => verdict(FailureClass::Runaway, "intent/runaway"),
    }
}

/// Judges an end by itself, without the retry policy and without the run's history.
pub fn classify(evidence: &Evidence<'_>) -> Judgement {
    let Evidence { exit, output, session, rules, terminal_lost, rebooted } = *evidence;
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
        // Nobody watched, and a machine that goes down ends everything by signal.
        Ending::Signal { signal: 1 | 9 | 15, .. } if rebooted => bad(FailureClass::Lost, "exit/at-shutdown"),
        Ending::Signal { signal, .. } => bad(FailureClass::KilledOther, &format!("exit/signal-{signal}")),
        Ending::Code { code } if session.success.exit_codes.contains(&code) => {
            // Some agents leave with 0 whatever happened; what they showed last says more.
            match output.agent.as_ref().and_then(|agent| Some((agent.failed_at_end()?, &agent.rule))) {
                Some((class, rule)) => bad(class, &format!("agent/{rule}")),
                None => Judgement::Good,
            }
        }
        Ending::Code { code: code @ (126 | 127) } => bad(FailureClass::Permanent, &format!("exit/code-{code}")),
        Ending::Code { .. } => {
            let rule = output.rule.as_ref().and_then(|id| rules.iter().find(|rule| rule.id == *id));
            match rule {
                Some(rule) => bad(rule.class, &format!("output/{}", rule.id)),
                None if output.rule.is_none() => match output.limit.as_ref().and_then(|limit| limit.rule.as_ref()) {
                    Some(rule) => bad(FailureClass::UsageLimit, &format!("output/{rule}")),
                    None if exit.refused > 0 => bad(FailureClass::Transient, "exit/process-limit"),
                    None => match output.agent.as_ref().and_then(|agent| Some((agent.class?, &agent.rule))) {
                        Some((class, rule)) => bad(class, &format!("agent/{rule}")),
                        None => match by_code(session, exit) {
                            Some((class, rule)) => bad(class, &rule),
                            None => bad(FailureClass::Transient, "exit/nonzero"),
                        },
                    },
                },
                None if exit.refused > 0 => bad(FailureClass::Transient, "exit/process-limit"),
                None => bad(FailureClass::Transient, "exit/nonzero"),
            }
        }
        Ending::ExecFailed { .. } | Ending::Lost { .. } => bad(FailureClass::Lost, "exit/lost"),
    }
}

/// What a code means that the session's agent leaves with for a reason of its own.
fn by_code(session: &SessionPlan, exit: &ExitRecord) -> Option<(FailureClass, String)> {
    agent_exit::class(session.agent.as_deref()?, exit.code()?)
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
    let how = if exit.oom { format!("{how}, out of memory") } else { how };
    if exit.refused > 0 { format!("{how}, its limit of processes was reached") } else { how }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::testing::{code, exit, session};

    fn lost() -> ExitRecord {
        exit(Ending::Lost { why: "gone".into() })
    }
    fn signal(signal: i32) -> ExitRecord {
        exit(Ending::Signal { signal, core: false })
    }
    fn exec_failed(errno: i32) -> ExitRecord {
        exit(Ending::ExecFailed { errno, what: "exec work".into() })
    }

    /// Exit, session, whether tmux is gone, the output rule that matched; what is expected.
    type Case<'c> = (ExitRecord, &'c SessionPlan, bool, Option<&'c str>, Result<(), (FailureClass, &'c str)>);

    #[test]
    fn ends_are_classed_by_the_strongest_evidence() {
        use FailureClass as C;
        let plain = session("x");
        let keep = SessionPlan { on_tmux_loss: OnTmuxLoss::Keep, ..plain.clone() };
        let mut lenient = plain.clone();
        lenient.success.exit_codes = vec![0, 3, 127];
        let with = |exit: ExitRecord, hup: bool, oom: bool, stopped: bool| ExitRecord { hup, oom, stopped, ..exit };
        let cases: Vec<Case<'_>> = vec![
            (code(0), &plain, false, None, Ok(())),
            (code(0), &plain, false, Some("perm"), Ok(())),
            (code(3), &lenient, false, None, Ok(())),
            (code(127), &lenient, false, None, Ok(())),
            (code(3), &plain, false, None, Err((C::Transient, "exit/nonzero"))),
            (code(137), &plain, false, None, Err((C::Transient, "exit/nonzero"))),
            (code(255), &plain, false, Some("unknown"), Err((C::Transient, "exit/nonzero"))),
            (code(1), &plain, false, Some("perm"), Err((C::Permanent, "output/perm"))),
            (code(1), &plain, false, Some("limit"), Err((C::UsageLimit, "output/limit"))),
            (code(126), &plain, false, None, Err((C::Permanent, "exit/code-126"))),
            (code(127), &plain, false, Some("limit"), Err((C::Permanent, "exit/code-127"))),
            (ExitRecord { refused: 7, ..code(1) }, &plain, false, None, Err((C::Transient, "exit/process-limit"))),
            (ExitRecord { refused: 7, ..code(0) }, &plain, false, None, Ok(())),
            (signal(9), &plain, false, None, Err((C::KilledOther, "exit/signal-9"))),
            (signal(11), &plain, false, Some("perm"), Err((C::KilledOther, "exit/signal-11"))),
            (with(signal(9), false, true, false), &plain, false, None, Err((C::OomKilled, "exit/oom"))),
            (exec_failed(2), &plain, false, None, Err((C::Permanent, "exit/exec-failed"))),
            (exec_failed(13), &plain, false, None, Err((C::Permanent, "exit/exec-failed"))),
            (exec_failed(28), &plain, false, None, Err((C::Infra, "exit/exec-failed-by-machine"))),
            (lost(), &plain, false, None, Err((C::Lost, "exit/lost"))),
            (with(lost(), true, true, true), &plain, false, None, Err((C::Lost, "exit/lost"))),
            (with(signal(1), true, false, false), &plain, false, None, Err((C::Operator, "exit/tmux-session-killed"))),
            (with(signal(1), true, false, false), &plain, true, None, Err((C::Lost, "exit/tmux-lost"))),
            (with(code(0), true, false, false), &plain, true, None, Err((C::Lost, "exit/tmux-lost"))),
            (with(code(0), true, false, false), &keep, true, None, Ok(())),
            (with(code(1), true, false, false), &keep, false, None, Err((C::Transient, "exit/nonzero"))),
            (with(code(0), false, false, true), &plain, false, None, Err((C::Operator, "exit/told-to-stop"))),
        ];
        let rule = |id: &str, class| OutputRule { id: id.into(), regex: String::new(), class, sessions: Vec::new() };
        let rules = [rule("perm", C::Permanent), rule("limit", C::UsageLimit)];
        for (exit, session, terminal_lost, matched, expected) in &cases {
            let output = OutputSeen { rule: matched.map(str::to_owned), ..OutputSeen::default() };
            let evidence = Evidence {
                exit,
                output: &output,
                session,
                rules: &rules,
                terminal_lost: *terminal_lost,
                rebooted: false,
            };
            let found = match classify(&evidence) {
                Judgement::Good => Ok(()),
                Judgement::Bad(verdict) => {
                    assert_eq!(verdict.counted, counts(verdict.class));
                    Err((verdict.class, verdict.rule))
                }
            };
            let found = found.as_ref().map_err(|(class, rule)| (*class, rule.as_str()));
            assert_eq!(found.copied(), *expected, "{exit:?} lost={terminal_lost} rule={matched:?}");
        }
    }

    #[test]
    fn a_signal_found_after_a_reboot_is_the_machines_and_a_code_is_the_programs() {
        let (plain, output) = (session("x"), OutputSeen::default());
        let class = |exit: &ExitRecord| {
            let (session, rules) = (&plain, &[][..]);
            match classify(&Evidence { exit, output: &output, session, rules, terminal_lost: true, rebooted: true }) {
                Judgement::Good => None,
                Judgement::Bad(verdict) => Some(verdict.class),
            }
        };
        assert_eq!(class(&signal(15)), Some(FailureClass::Lost));
        assert_eq!(class(&signal(11)), Some(FailureClass::KilledOther));
        assert_eq!(class(&code(1)), Some(FailureClass::Transient));
        assert_eq!(class(&code(0)), None);
    }

    #[test]
    fn what_is_not_the_programs_fault_counts_no_attempt() {
        use FailureClass as C;
        for class in [C::ProviderDown, C::UsageLimit, C::Operator, C::Lost, C::Infra, C::BudgetExceeded] {
            assert!(!counts(class), "{class:?}");
        }
        for class in
            [C::Transient, C::Stalled, C::Timeout, C::OomKilled, C::KilledOther, C::CrashLoop, C::Permanent, C::Runaway]
        {
            assert!(counts(class), "{class:?}");
        }
    }

    #[test]
    fn never_on_wins_over_retry_on() {
        use FailureClass as C;
        use FailureMatch as M;
        let policy = |never_on: &[M], retry_on: &[M]| RetryPolicy {
            never_on: never_on.to_vec(),
            retry_on: retry_on.to_vec(),
            ..RetryPolicy::default()
        };
        let judge = |class, exit: &ExitRecord, policy: &RetryPolicy| by_policy(verdict(class, "r"), exit, policy);
        let check = |never: &[M], retry: &[M], class, exit: &ExitRecord, expected: C| {
            let found = judge(class, exit, &policy(never, retry));
            assert_eq!(found.class, expected, "{never:?} {retry:?} {class:?} {exit:?}");
        };
        check(&[], &[], C::Transient, &code(1), C::Transient);
        check(&[M::Code(1)], &[], C::Transient, &code(1), C::Permanent);
        check(&[M::Code(2)], &[], C::Transient, &code(1), C::Transient);
        check(&[M::Signal(9)], &[], C::KilledOther, &signal(9), C::Permanent);
        check(&[M::Class(C::Lost)], &[], C::Lost, &lost(), C::Permanent);
        check(&[M::Code(1)], &[M::Code(1)], C::Transient, &code(1), C::Permanent);
        check(&[], &[M::Code(1)], C::Transient, &code(1), C::Transient);
        check(&[], &[M::Code(2)], C::Transient, &code(1), C::Permanent);
        check(&[], &[M::Code(127)], C::Permanent, &code(127), C::Transient);
        check(&[], &[M::Code(2)], C::Lost, &lost(), C::Lost);
        check(&[], &[M::Code(2)], C::UsageLimit, &code(1), C::UsageLimit);
        check(&[M::Code(143)], &[], C::Timeout, &code(143), C::Timeout);
        check(&[M::Class(C::Timeout)], &[], C::Timeout, &code(143), C::Permanent);
        check(&[M::Code(0)], &[], C::Operator, &code(0), C::Operator);
        assert_eq!(judge(C::Transient, &code(1), &policy(&[M::Code(1)], &[])).rule, "retry/never_on code 1");
    }

    #[test]
    fn an_end_reads_as_a_sentence_part() {
        assert_eq!(words(&code(3)), "exit 3");
        assert_eq!(words(&ExitRecord { oom: true, ..signal(9) }), "killed by signal 9, out of memory");
        assert_eq!(words(&exit(Ending::Signal { signal: 11, core: true })), "killed by signal 11, core dumped");
        assert_eq!(words(&exec_failed(2)), "could not be started: exec work");
        assert_eq!(words(&lost()), "lost: gone");
    }
}
