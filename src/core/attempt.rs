//! The life of an attempt: the start seen, output, the end and what follows from it, checks, and the waits between.

use super::effect::Effect;
use super::exit::{Ending, ExitRecord, FailureClass, Verdict};
use super::fact::Fact;
use super::failure::{self, Judgement};
use super::ids::{AttemptId, RunId};
use super::plan::SessionPlan;
use super::retry::{self, Decision};
use super::run::{AfterStop, Attempt, CheckResult, Outcome, OutputSeen, Run, RunState, Started};
use super::schedule::PAST_DEADLINE;
use super::success;
use super::turn::Turn;
use std::time::Duration;

impl Turn<'_> {
    /// The recorder says that the program runs.
    pub(super) fn started(&mut self, id: &AttemptId, started: Started) {
        let Some((run, attempt)) = self.known(id) else { return };
        if let Some(exit) = &attempt.exit {
            if exit.is_guess() {
                self.stop_ghost(id);
            }
            return;
        }
        if attempt.started.is_some() {
            return;
        }
        let state = run.state.clone();
        self.fact(Fact::AttemptStarted { attempt: id.clone(), started });
        self.probe_started(id);
        match state {
            RunState::Starting { attempt } if attempt == *id => {
                self.go(&id.run, RunState::Running { attempt }, format!("attempt {} runs", id.number));
                self.await_rest(id);
            }
            // The stop may have come before there was anything to stop.
            RunState::Stopping { attempt, .. } if attempt == *id => self.ask_stop(id, None),
            RunState::Scheduled { .. }
            | RunState::Waiting { .. }
            | RunState::Queued
            | RunState::Starting { .. }
            | RunState::Running { .. }
            | RunState::Checking { .. }
            | RunState::BackingOff { .. }
            | RunState::Limited { .. }
            | RunState::Held
            | RunState::Stopping { .. }
            | RunState::Ended { .. } => {}
        }
    }

    /// The output told something new. What came late or twice is older than what is known, and is dropped.
    pub(super) fn output(&mut self, id: &AttemptId, output: OutputSeen) {
        let Some((_, attempt)) = self.known(id) else { return };
        let output = output.finite();
        if attempt.exit.is_none() && output.bytes >= attempt.output.bytes && output != attempt.output {
            self.fact(Fact::OutputObserved { attempt: id.clone(), output: Box::new(output) });
        }
    }

    /// A start could not be performed; no program ran. Also the rim's answer to a stop of what never started.
    pub(super) fn start_failed(&mut self, id: &AttemptId, why: String) {
        let Some((run, attempt)) = self.known(id) else { return };
        // The recorder's word is stronger: what was seen running did start.
        if attempt.exit.is_some() || attempt.started.is_some() {
            return;
        }
        let state = run.state.clone();
        let exit = ExitRecord {
            ending: Ending::ExecFailed { errno: 0, what: why },
            at: self.at.wall,
            ran: Duration::ZERO,
            usage: None,
            oom: false,
            hup: false,
            stopped: false,
            orphans: 0,
            output_bytes: 0,
            lost_bytes: 0,
            refused: 0,
        };
        match state {
            RunState::Starting { attempt } if attempt == *id => {
                self.failed(id, exit, failure::verdict(FailureClass::Infra, "start/failed"));
            }
            RunState::Stopping { attempt, then } if attempt == *id => {
                self.attempt_ended(id, exit, Some(failure::by_intent(then)));
                self.after_stop(&id.run, then);
            }
            RunState::Scheduled { .. }
            | RunState::Waiting { .. }
            | RunState::Queued
            | RunState::Starting { .. }
            | RunState::Running { .. }
            | RunState::Checking { .. }
            | RunState::BackingOff { .. }
            | RunState::Limited { .. }
            | RunState::Held
            | RunState::Stopping { .. }
            | RunState::Ended { .. } => {}
        }
    }

    /// An attempt ended, or was found to be gone. The first word counts; anything after it is a repetition.
    pub(super) fn ended(&mut self, id: &AttemptId, exit: ExitRecord, output: OutputSeen) {
        let Some((run, attempt)) = self.known(id) else { return };
        if attempt.exit.is_some() {
            return;
        }
        let state = run.state.clone();
        self.output(id, output);
        match state {
            RunState::Stopping { attempt, then } if attempt == *id => match then {
                AfterStop::Stopped | AfterStop::Requeue | AfterStop::Held | AfterStop::Skipped => {
                    self.attempt_ended(id, exit, Some(failure::by_intent(then)));
                    self.after_stop(&id.run, then);
                }
                AfterStop::Unfinished | AfterStop::Deadline | AfterStop::Budget if exit.stopped => {
                    self.attempt_ended(id, exit, Some(failure::by_intent(then)));
                    self.after_stop(&id.run, then);
                }
                AfterStop::Timeout | AfterStop::Stalled | AfterStop::Runaway | AfterStop::GaveUp { .. }
                    if exit.stopped =>
                {
                    let verdict = failure::by_intent(then);
                    self.failed(id, exit, verdict);
                }
                // It ended before the stop reached it: its own end is what is judged.
                AfterStop::Unfinished
                | AfterStop::Deadline
                | AfterStop::Timeout
                | AfterStop::Stalled
                | AfterStop::Budget
                | AfterStop::Runaway
                | AfterStop::GaveUp { .. } => {
                    self.ended_by_itself(id, exit);
                }
            },
            RunState::Starting { attempt } | RunState::Running { attempt } if attempt == *id => {
                self.ended_by_itself(id, exit);
            }
            RunState::Scheduled { .. }
            | RunState::Waiting { .. }
            | RunState::Queued
            | RunState::Starting { .. }
            | RunState::Running { .. }
            | RunState::Checking { .. }
            | RunState::BackingOff { .. }
            | RunState::Limited { .. }
            | RunState::Held
            | RunState::Stopping { .. }
            | RunState::Ended { .. } => {
                // An attempt without an end of which the run's state knows nothing: the record is kept, the run is not
                // moved by it.
                let verdict = failure::verdict(FailureClass::Lost, "exit/out-of-turn");
                self.attempt_ended(id, exit, Some(verdict));
            }
        }
    }

    /// The rim's part of the checks is through.
    pub(super) fn checked(&mut self, id: &AttemptId, results: Vec<CheckResult>) {
        let waits = self.run(&id.run).is_some_and(|run| run.state == RunState::Checking { attempt: id.clone() });
        if waits {
            self.conclude_checks(id, results);
        }
    }

    /// The wait of a run is over: back-off, limit or start time.
    pub(super) fn run_due(&mut self, id: &RunId) {
        let Some(run) = self.run(id) else { return };
        let left = match &run.state {
            RunState::BackingOff { until } | RunState::Limited { until } => until.left(self.at, &self.night.boot_id),
            RunState::Scheduled { at } => at.since(self.at.wall),
            RunState::Waiting { .. }
            | RunState::Queued
            | RunState::Starting { .. }
            | RunState::Running { .. }
            | RunState::Checking { .. }
            | RunState::Held
            | RunState::Stopping { .. }
            | RunState::Ended { .. } => return,
        };
        if left.is_zero() {
            // Behind a breaker it waits for that, not for the clock.
            let limited = matches!(run.state, RunState::Limited { .. });
            if (!limited || self.state().held_by(run).is_none()) && !self.put_off_if_late(id) {
                self.make_ready(id, "the wait is over");
            }
        } else {
            self.arm(id);
        }
    }

    /// An attempt reached its timeout.
    pub(super) fn attempt_timeout(&mut self, id: &AttemptId) {
        let Some(run) = self.run(&id.run) else { return };
        if run.state != (RunState::Running { attempt: id.clone() }) {
            return;
        }
        match (self.timeout_left(run), self.judged_by(&id.run).and_then(|session| session.timeout)) {
            (Some(left), Some(timeout)) if left.is_zero() => {
                let reason = format!("ran longer than its timeout of {} s", timeout.as_secs_f64());
                self.stop(id, AfterStop::Timeout, None, &reason);
            }
            (Some(_), _) | (None, _) => self.arm(&id.run),
        }
    }

    /// A start has not shown up in time: it is asked for again. The rim starts nothing twice, and says what it finds.
    pub(super) fn start_overdue(&mut self, id: &AttemptId) {
        let waits = self.run(&id.run).is_some_and(|run| run.state == RunState::Starting { attempt: id.clone() });
        if !waits {
            return;
        }
        let reason = format!("attempt {} was not seen running yet; asked again", id.number);
        self.fact(Fact::Trouble { part: format!("start {}", id.run.session), what: reason.clone() });
        self.go(&id.run, RunState::Starting { attempt: id.clone() }, reason);
        self.ask_start(id);
    }

    /// Asks the rim to start an attempt whose intent is in the journal.
    pub(super) fn ask_start(&mut self, id: &AttemptId) {
        if let Some(session) = self.judged_by(&id.run).cloned() {
            self.effect(Effect::Start { attempt: id.clone(), session: Box::new(session) });
        }
    }
    /// Asks the rim for its part of an attempt's checks.
    pub(super) fn ask_check(&mut self, id: &AttemptId) {
        if let Some(session) = self.judged_by(&id.run).cloned() {
            self.effect(Effect::Check { attempt: id.clone(), session: Box::new(session) });
        }
    }
    /// Stops a recorder that lives although its attempt was given up as lost: two of a session must never live.
    pub(super) fn stop_ghost(&mut self, id: &AttemptId) {
        let reason = "its recorder lives although it was given up as lost".to_owned();
        self.fact(Fact::StopIntended { attempt: id.clone(), reason });
        self.ask_stop(id, None);
    }

    /// What becomes of a run whose stop is through.
    fn after_stop(&mut self, run: &RunId, then: AfterStop) {
        let (held, closing) = (self.run(run).is_some_and(|run| run.held), self.state().closing());
        match then {
            AfterStop::Stopped => self.end(run, Outcome::Stopped, "stopped by the operator"),
            AfterStop::Skipped => self.end(run, Outcome::Skipped, "skipped by the operator"),
            AfterStop::Unfinished => self.end(run, Outcome::Unfinished, "the night ended first"),
            AfterStop::Deadline => self.end(run, Outcome::Unfinished, PAST_DEADLINE),
            AfterStop::Budget => {
                // The stop's own reason says which budget.
                let why = self.run(run).map_or_else(String::new, |run| run.reason.clone());
                self.end(run, Outcome::Failed, why);
            }
            AfterStop::Requeue
            | AfterStop::Held
            | AfterStop::Timeout
            | AfterStop::Stalled
            | AfterStop::Runaway
            | AfterStop::GaveUp { .. }
                if closing =>
            {
                self.end(run, Outcome::Unfinished, "the night ended first");
            }
            AfterStop::Requeue
            | AfterStop::Held
            | AfterStop::Timeout
            | AfterStop::Stalled
            | AfterStop::Runaway
            | AfterStop::GaveUp { .. } => match self.withdrawn(run) {
                Some(why) => self.end(run, Outcome::Stopped, format!("stopped, and not started again: {why}")),
                None if held => self.go(run, RunState::Held, "held by the operator"),
                None => self.go(run, RunState::Queued, "stopped, starts again"),
            },
        }
    }

    /// Judges an end that nobody asked for.
    fn ended_by_itself(&mut self, id: &AttemptId, exit: ExitRecord) {
        let Some((run, attempt)) = self.known(id) else { return };
        let Some(session) = run.session.as_deref().or_else(|| self.state().session(&id.run.session)) else {
            // No plan was ever known for it, so nothing says what a good end is.
            let verdict = failure::verdict(FailureClass::Permanent, "exit/no-plan");
            self.attempt_ended(id, exit, Some(verdict));
            return self.end(&id.run, Outcome::Failed, "ended, but no plan of the session is known");
        };
        let evidence = failure::Evidence {
            exit: &exit,
            output: &attempt.output,
            session,
            rules: &self.state().plan.rules,
            terminal_lost: self.terminal_lost(attempt),
            rebooted: self.rebooted_since(attempt),
        };
        match failure::classify(&evidence) {
            Judgement::Good => {
                let needs_rim = success::needs_rim(session);
                self.attempt_ended(id, exit, None);
                if needs_rim {
                    self.go(&id.run, RunState::Checking { attempt: id.clone() }, "ended well, is being checked");
                    self.ask_check(id);
                } else {
                    self.conclude_checks(id, Vec::new());
                }
            }
            Judgement::Bad(verdict) => self.failed(id, exit, verdict),
        }
    }

    /// Journals a failed end and decides what follows.
    fn failed(&mut self, id: &AttemptId, exit: ExitRecord, verdict: Verdict) {
        let Some((run, attempt)) = self.known(id) else { return };
        let Some(session) = self.judged_by(&id.run).cloned() else { return };
        let verdict = failure::by_policy(verdict, &exit, &session.retry);
        let progress = verdict.counted && retry::made_progress(attempt, &exit, &session.retry);
        let verdict = retry::with_crash_loop(verdict, run, &exit, &session.retry);
        if progress && run.counted > 0 {
            let reason = format!("ran {} s with progress", exit.ran.as_secs());
            self.fact(Fact::CounterReset { run: id.run.clone(), reason });
        }
        let what = failure::words(&exit);
        self.attempt_ended(id, exit, Some(verdict.clone()));
        self.after_failure(&id.run, &verdict, &what);
    }

    /// What becomes of a run whose newest attempt failed; `what` says how, in words.
    fn after_failure(&mut self, id: &RunId, verdict: &Verdict, what: &str) {
        let Some(session) = self.judged_by(id).cloned() else {
            return self.end(id, Outcome::Failed, what);
        };
        let now = self.at.wall;
        let state = &self.night.state;
        let Some(run) = state.runs.get(id) else { return };
        let starts = state.starts(&id.session);
        let decision = retry::decide(run, verdict, &session.retry, starts, now, &mut self.night.rng);
        match decision {
            Decision::End { outcome, why } => self.end(id, outcome, format!("{what}; {why}")),
            Decision::BackOff { delay, why } => {
                let until = self.due(delay);
                self.again(id, RunState::BackingOff { until }, what, &why);
            }
            Decision::Limit { delay, .. } if verdict.class == FailureClass::UsageLimit => {
                self.limited(id, &session, what, delay);
            }
            Decision::Limit { delay, why } => {
                let until = self.breaker_wait(id).unwrap_or_else(|| self.due(delay));
                self.again(id, RunState::Limited { until }, what, &why);
            }
        }
    }

    /// Lets a run wait for its next attempt, unless something keeps it from one.
    pub(super) fn again(&mut self, id: &RunId, wait: RunState, what: &str, why: &str) {
        if let Some(withdrawn) = self.withdrawn(id) {
            self.end(id, Outcome::Failed, format!("{what}; not tried again: {withdrawn}"));
        } else if self.state().closing() {
            self.end(id, Outcome::Unfinished, format!("{what}; the night ended first"));
        } else if self.past_deadline(id) {
            self.end(id, Outcome::Unfinished, format!("{what}; {PAST_DEADLINE}"));
        } else if self.run(id).is_some_and(|run| run.held) {
            self.go(id, RunState::Held, format!("{what}; held by the operator"));
        } else {
            self.set_held(id, wait == RunState::Held);
            self.go(id, wait, format!("{what}; {why}"));
        }
    }

    /// Merges the rim's results with those that the output decides, and ends the run by them.
    fn conclude_checks(&mut self, id: &AttemptId, from_rim: Vec<CheckResult>) {
        let (Some((_, attempt)), Some(session)) = (self.known(id), self.judged_by(&id.run)) else { return };
        let results = success::evaluate(session, &attempt.output, from_rim);
        let code = attempt.exit.as_ref().and_then(ExitRecord::code).unwrap_or(0);
        let missed: Vec<String> =
            results.iter().filter(|r| !r.passed).map(|r| success::missed(&r.text, &r.seen)).collect();
        let all = results.len();
        if all > 0 {
            self.fact(Fact::ChecksDone { attempt: id.clone(), results });
        }
        match missed.first() {
            None if all == 0 => self.end(&id.run, Outcome::Succeeded, format!("exit {code}, unverified")),
            None => self.end(&id.run, Outcome::Succeeded, format!("exit {code}, {all} of {all} checks passed")),
            Some(first) => {
                let more = if missed.len() > 1 { format!(" (and {} more)", missed.len() - 1) } else { String::new() };
                self.end(&id.run, Outcome::Partial, format!("exit {code}, but {first}{more}"));
            }
        }
    }

    /// Journals the end of an attempt.
    fn attempt_ended(&mut self, id: &AttemptId, exit: ExitRecord, verdict: Option<Verdict>) {
        let counted = verdict.as_ref().is_some_and(|verdict| verdict.counted);
        self.fact(Fact::AttemptEnded { attempt: id.clone(), exit: exit.clone(), verdict: verdict.clone(), counted });
        self.attempt_told(id, &exit, verdict.as_ref());
        self.progress_of_ended(id, verdict.as_ref());
    }

    fn known(&self, id: &AttemptId) -> Option<(&Run, &Attempt)> {
        let run = self.run(&id.run)?;
        run.attempt(id.number).map(|attempt| (run, attempt))
    }

    /// Whether the attempt's tmux server is gone: lost since the attempt was intended, or of an older boot.
    fn terminal_lost(&self, attempt: &Attempt) -> bool {
        self.rebooted_since(attempt) || self.state().tmux_lost.is_some_and(|lost| attempt.intended.mono <= lost.mono)
    }

    /// Whether the attempt was seen running on an older boot.
    fn rebooted_since(&self, attempt: &Attempt) -> bool {
        attempt.started.as_ref().is_some_and(|started| started.boot_id != self.night.boot_id)
    }

    /// Why a run's session is not to be started again, if the file says so.
    pub(super) fn withdrawn(&self, id: &RunId) -> Option<&'static str> {
        let was_disabled = |run: &Run| run.session.as_deref().is_some_and(|session: &SessionPlan| session.disabled);
        match self.state().session(&id.session) {
            None => Some("it was removed from the file"),
            Some(session) if session.disabled && !self.run(id).is_some_and(was_disabled) => {
                Some("it was disabled in the file")
            }
            Some(_) => None,
        }
    }
}
