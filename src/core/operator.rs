//! The operator's verbs. Every verb has a row for every state, is idempotent, and is journaled with what came of it.
//!
//! | verb | not started yet, or between attempts | starting, running | checking | stopping | ended or no run |
//! |---|---|---|---|---|---|
//! | start | queued at once, hold and `after` set aside | nothing | nothing | then queued | a new run, queued at once |
//! | stop | stopped | stopped after its grace | stopped | then stopped | nothing |
//! | restart | as start | stopped, then queued | queued | then queued | as start |
//! | hold | held | goes on; held before its next attempt | the same | then held | refused |
//! | release | ready again | nothing holds it any more | the same | then queued | nothing |
//! | skip | skipped | stopped, then skipped | skipped | then skipped | nothing |
//! | schedule | waits for that time | refused | refused | refused | a new run at that time |

use super::calendar::{ClockTime, moment_in_words, next};
use super::event::{Verb, When};
use super::fact::{Actor, Fact};
use super::ids::{RunId, SessionName};
use super::plan::SessionPlan;
use super::queue::Standing;
use super::run::{AfterStop, Outcome, RunState};
use super::schedule::Comes;
use super::time::Wall;
use super::turn::Turn;
use std::time::Duration;

/// What came of a verb: words for the journal, or why it was refused.
type Answer = Result<String, String>;

fn done(what: impl Into<String>) -> Answer {
    Ok(what.into())
}

impl Turn<'_> {
    /// A verb on a session.
    pub(super) fn verb(&mut self, verb: Verb, session: &SessionName, by: &Actor) {
        let latest = self.state().latest_run(session).map(|run| (run.id.clone(), run.state.clone()));
        let declared = self.state().session(session).is_some();
        let answer = match latest {
            None if !declared => Err(format!("no such session: {session}")),
            Some((run, state)) if !state.is_ended() => self.on_open_run(verb, &run, state),
            Some(_) | None => self.without_open_run(verb, session),
        };
        match (verb, &answer) {
            (Verb::Start | Verb::Restart | Verb::Release, Ok(_)) => {
                self.unpark(session);
                self.goes_on(session);
            }
            (Verb::Start | Verb::Restart | Verb::Release | Verb::Stop | Verb::Hold | Verb::Skip, _) => {}
        }
        self.answer(verb.as_str(), session.as_str(), by, answer);
    }

    /// `add`: a session that stands in no file, for this night.
    pub(super) fn add(&mut self, session: Box<SessionPlan>, by: &Actor) {
        let name = session.name.clone();
        let missing = session.after.iter().find(|d| self.state().session(&d.session).is_none());
        let answer = if self.state().session(&name).is_some_and(|known| *known == *session) {
            done("it is there already")
        } else if self.state().session(&name).is_some() {
            Err(format!("there is a session {name} already"))
        } else if let Some(missing) = missing {
            Err(format!("no such session: {}", missing.session))
        } else if let Err(why) = self.may_queue() {
            Err(why)
        } else {
            self.fact(Fact::SessionAdded { session: session.clone(), by: by.clone() });
            let run = self.create_run(&session, false, "added by hand");
            self.note_bases();
            done(run.map_or_else(String::new, |run| format!("queued as {run}")))
        };
        self.answer("add", name.as_str(), by, answer);
    }

    /// `dead retry`: a new run for a dead letter; the old one stays as it is.
    pub(super) fn redrive(&mut self, id: &RunId, by: &Actor) {
        let answer = self.second_chance(id);
        self.answer("redrive", &id.to_string(), by, answer);
    }

    fn second_chance(&mut self, id: &RunId) -> Answer {
        let Some(run) = self.run(id) else { return Err(format!("no such run: {id}")) };
        if let Some(by) = &run.redriven_by {
            return done(format!("it was sent again already as {by}"));
        }
        if run.state.outcome() != Some(Outcome::Failed) {
            return Err(format!("{id} is no dead letter: it is {}", run.state.word()));
        }
        let Some(session) = self.state().session(&id.session) else {
            return Err(format!("the session {} is no longer declared", id.session));
        };
        let name = session.name.clone();
        self.may_queue()?;
        self.may_use(&name)?;
        if let Some(open) = self.state().open_run(&name) {
            return Err(format!("{} is {} already", open.id, open.state.word()));
        }
        self.unpark(&name);
        let run = self.create_second_chance(&name, id, "second chance of a dead letter");
        self.note_bases();
        done(run.map_or_else(String::new, |run| format!("queued as {run}")))
    }

    /// `schedule`: the session starts at a time and not before. Neither a hold nor what it comes after is set aside.
    pub(super) fn schedule(&mut self, session: &SessionName, when: When, by: &Actor) {
        let answer = self.schedule_at(session, when);
        self.answer("schedule", session.as_str(), by, answer);
    }

    fn schedule_at(&mut self, session: &SessionName, when: When) -> Answer {
        let Some(plan) = self.state().session(session).cloned() else {
            return Err(format!("no such session: {session}"));
        };
        self.may_queue()?;
        let at = self.moment(when).ok_or("there is no such time")?;
        let shown = moment_in_words(at, &self.night.zone);
        if self.state().calendar.ends.is_some_and(|ends| at >= ends) {
            return Err(format!("{shown} is after the end of the night"));
        }
        let reason = format!("scheduled by the operator for {shown}");
        let open = self.state().open_run(session).map(|run| (run.id.clone(), run.state.clone(), run.deadline));
        let Some((run, state, deadline)) = open else {
            self.unpark(session);
            let run = self.create_run_when(&plan, Comes::At(at), &reason);
            self.note_bases();
            return done(run.map_or_else(String::new, |run| format!("{run} starts at {shown}")));
        };
        if deadline.is_some_and(|deadline| at >= deadline) {
            return Err(format!("{shown} is after its deadline"));
        }
        match state {
            RunState::Scheduled { .. }
            | RunState::Waiting { .. }
            | RunState::Queued
            | RunState::BackingOff { .. }
            | RunState::Limited { .. }
            | RunState::Held => {
                self.may_start(&run)?;
                self.set_held(&run, false);
                self.unpark(session);
                self.go(&run, RunState::Scheduled { at }, reason);
                self.goes_on(session);
                done(format!("{run} starts at {shown}"))
            }
            RunState::Starting { .. } | RunState::Running { .. } | RunState::Checking { .. } => {
                Err(format!("{run} runs; stop it first"))
            }
            RunState::Stopping { .. } => Err(format!("{run} is being stopped; try again when it has ended")),
            RunState::Ended { .. } => Err("it has ended".to_owned()),
        }
    }

    /// The moment that a person means; a past one is now.
    fn moment(&self, when: When) -> Option<Wall> {
        let now = self.at.wall;
        match when {
            When::InSeconds(seconds) => Some(now.plus(Duration::from_secs(seconds.into()))),
            When::Clock(minutes) => next(ClockTime(minutes % 1440), now, &self.night.zone),
            When::AtMs(at) => Some(Wall(at).max(now)),
        }
    }

    /// A verb on a run that has not ended.
    fn on_open_run(&mut self, verb: Verb, run: &RunId, state: RunState) -> Answer {
        match verb {
            Verb::Start => self.start(run, state),
            Verb::Stop => self.stop_run(run, state, AfterStop::Stopped),
            Verb::Restart => self.restart(run, state),
            Verb::Hold => self.hold(run, state),
            Verb::Release => self.release(run, state),
            Verb::Skip => self.stop_run(run, state, AfterStop::Skipped),
        }
    }

    /// A verb on a session whose run has ended, or that has none tonight.
    fn without_open_run(&mut self, verb: Verb, session: &SessionName) -> Answer {
        match verb {
            Verb::Start | Verb::Restart => {
                self.may_queue()?;
                self.may_use(session)?;
                let Some(plan) = self.state().session(session).cloned() else {
                    return Err(format!("the session {session} is no longer declared"));
                };
                let run = self.create_run(&plan, true, &format!("{} by the operator", verb.as_str()));
                self.note_bases();
                done(run.map_or_else(String::new, |run| format!("queued as {run}")))
            }
            Verb::Stop | Verb::Skip => {
                let blocked = self.state().latest_run(session).filter(|run| run.is_blocked());
                match blocked.map(|run| run.id.clone()) {
                    Some(run) => {
                        self.set_held(&run, true);
                        done("it was skipped already, and does not come back by itself")
                    }
                    None => self.hold_off(session),
                }
            }
            Verb::Release => done("nothing of it is held"),
            Verb::Hold => Err("it has no open run to hold".to_owned()),
        }
    }

    /// Keeps a session that comes again by the calendar from doing so tonight, though its next time is not known yet.
    fn hold_off(&mut self, session: &SessionName) -> Answer {
        let comes_again = self.state().session(session).is_some_and(|session| session.timing.cron().is_some());
        let open = self.state().open_night().is_some_and(|night| !night.closing);
        match self.state().latest_run(session).map(|run| (run.id.clone(), run.held)) {
            Some((_, true)) if comes_again && open => done("it does not come again tonight already"),
            Some((run, false)) if comes_again && open => {
                self.set_held(&run, true);
                done("nothing of it is open; it does not come again tonight unless it is started")
            }
            Some(_) | None => done("nothing of it is open"),
        }
    }

    fn start(&mut self, run: &RunId, state: RunState) -> Answer {
        match state {
            RunState::Queued => done("it is queued already"),
            RunState::Starting { .. } | RunState::Running { .. } | RunState::Checking { .. } => {
                self.set_held(run, false);
                done("it runs already")
            }
            RunState::Scheduled { .. }
            | RunState::Waiting { .. }
            | RunState::BackingOff { .. }
            | RunState::Limited { .. }
            | RunState::Held => {
                self.may_start(run)?;
                self.set_held(run, false);
                self.go(run, RunState::Queued, "started by the operator");
                done("queued")
            }
            RunState::Stopping { attempt, then } => {
                self.may_start(run)?;
                self.set_held(run, false);
                match then {
                    AfterStop::Requeue => {}
                    AfterStop::Stopped
                    | AfterStop::Held
                    | AfterStop::Skipped
                    | AfterStop::Unfinished
                    | AfterStop::Deadline
                    | AfterStop::Timeout
                    | AfterStop::Stalled
                    | AfterStop::Budget
                    | AfterStop::Runaway
                    | AfterStop::GaveUp { .. } => {
                        let to = RunState::Stopping { attempt, then: AfterStop::Requeue };
                        self.go(run, to, "being stopped; started by the operator afterwards");
                    }
                }
                done("is queued once its stop is through")
            }
            RunState::Ended { .. } => Err("it has ended".to_owned()),
        }
    }

    fn restart(&mut self, run: &RunId, state: RunState) -> Answer {
        let result = match state {
            RunState::Starting { attempt } | RunState::Running { attempt } => {
                self.may_start(run)?;
                self.set_held(run, false);
                self.stop(&attempt, AfterStop::Requeue, None, "restarted by the operator");
                done("is queued once its stop is through")
            }
            RunState::Checking { .. } => {
                self.may_start(run)?;
                self.set_held(run, false);
                self.go(run, RunState::Queued, "restarted by the operator");
                done("queued")
            }
            RunState::Scheduled { .. }
            | RunState::Waiting { .. }
            | RunState::Queued
            | RunState::BackingOff { .. }
            | RunState::Limited { .. }
            | RunState::Held
            | RunState::Stopping { .. }
            | RunState::Ended { .. } => self.start(run, state),
        };
        if result.is_ok() && self.run(run).is_some_and(|run| run.counted > 0) {
            self.fact(Fact::CounterReset { run: run.clone(), reason: "restarted by the operator".to_owned() });
        }
        result
    }

    /// `stop` and `skip`: the run ends, after a stop if its program may live.
    fn stop_run(&mut self, run: &RunId, state: RunState, then: AfterStop) -> Answer {
        let (outcome, words) = match then {
            AfterStop::Skipped => (Outcome::Skipped, "skipped by the operator"),
            AfterStop::Stopped
            | AfterStop::Requeue
            | AfterStop::Held
            | AfterStop::Unfinished
            | AfterStop::Deadline
            | AfterStop::Timeout
            | AfterStop::Stalled
            | AfterStop::Budget
            | AfterStop::Runaway
            | AfterStop::GaveUp { .. } => (Outcome::Stopped, "stopped by the operator"),
        };
        let final_stop = matches!(state, RunState::Stopping { then: AfterStop::Stopped, .. });
        if outcome == Outcome::Skipped && !final_stop {
            // For good: a second chance of a predecessor does not bring it back.
            self.set_held(run, true);
        }
        match state {
            RunState::Scheduled { .. }
            | RunState::Waiting { .. }
            | RunState::Queued
            | RunState::Checking { .. }
            | RunState::BackingOff { .. }
            | RunState::Limited { .. }
            | RunState::Held => {
                self.end(run, outcome, words);
                done(outcome.as_str())
            }
            RunState::Starting { attempt } | RunState::Running { attempt } => {
                self.stop(&attempt, then, None, words);
                done("is being stopped")
            }
            RunState::Stopping { then: AfterStop::Stopped, .. } => done("is being stopped already"),
            RunState::Stopping { then: known, .. } if known == then => done("is being stopped already"),
            RunState::Stopping { attempt, .. } => {
                self.go(run, RunState::Stopping { attempt, then }, words);
                done("is being stopped")
            }
            RunState::Ended { .. } => done("it has ended already"),
        }
    }

    fn hold(&mut self, run: &RunId, state: RunState) -> Answer {
        match state {
            RunState::Scheduled { .. }
            | RunState::Waiting { .. }
            | RunState::Queued
            | RunState::BackingOff { .. }
            | RunState::Limited { .. } => {
                self.set_held(run, true);
                self.go(run, RunState::Held, "held by the operator");
                done("held")
            }
            RunState::Held => done("it is held already"),
            RunState::Starting { .. } | RunState::Running { .. } | RunState::Checking { .. } => {
                self.set_held(run, true);
                done("it runs on; its next attempt is held")
            }
            RunState::Stopping { attempt, then } => {
                match then {
                    AfterStop::Stopped
                    | AfterStop::Skipped
                    | AfterStop::Unfinished
                    | AfterStop::Deadline
                    | AfterStop::Budget => {
                        return Err("it is being stopped for good".to_owned());
                    }
                    AfterStop::Requeue => {
                        self.set_held(run, true);
                        let to = RunState::Stopping { attempt, then: AfterStop::Held };
                        self.go(run, to, "being stopped; held afterwards");
                    }
                    AfterStop::Held
                    | AfterStop::Timeout
                    | AfterStop::Stalled
                    | AfterStop::Runaway
                    | AfterStop::GaveUp { .. } => {
                        self.set_held(run, true);
                    }
                }
                done("is held once its stop is through")
            }
            RunState::Ended { .. } => Err("it has ended".to_owned()),
        }
    }

    fn release(&mut self, run: &RunId, state: RunState) -> Answer {
        if !self.run(run).is_some_and(|run| run.held) {
            return done("it is not held");
        }
        match state {
            RunState::Held => {
                self.may_start(run)?;
                self.set_held(run, false);
                self.ready_again(run);
                done("released")
            }
            RunState::Stopping { attempt, then: AfterStop::Held } => {
                self.set_held(run, false);
                let to = RunState::Stopping { attempt, then: AfterStop::Requeue };
                self.go(run, to, "being stopped; queued afterwards");
                done("is queued once its stop is through")
            }
            RunState::Stopping { then: AfterStop::Skipped, .. } => Err("it is being skipped for good".to_owned()),
            RunState::Scheduled { .. }
            | RunState::Waiting { .. }
            | RunState::Queued
            | RunState::Starting { .. }
            | RunState::Running { .. }
            | RunState::Checking { .. }
            | RunState::BackingOff { .. }
            | RunState::Limited { .. }
            | RunState::Stopping { .. }
            | RunState::Ended { .. } => {
                self.set_held(run, false);
                done("released")
            }
        }
    }

    /// Where a released run goes: to the queue, or to wait for its dependencies if it never started.
    fn ready_again(&mut self, run: &RunId) {
        let started = self.run(run).is_some_and(|run| !run.attempts.is_empty());
        let standing = self.state().session(&run.session).map(|session| self.state().standing(session));
        let comes = self.state().session(&run.session).map(|session| self.comes(session));
        if let Some(Comes::At(at)) = comes.filter(|_| !started) {
            return self.go(run, RunState::Scheduled { at }, "released by the operator");
        }
        match standing {
            Some(Standing::Pending(on)) if !started => {
                self.go(run, RunState::Waiting { on }, "released by the operator");
            }
            Some(Standing::Blocked(why)) if !started => self.end(run, Outcome::Skipped, why),
            Some(Standing::Free | Standing::Pending(_) | Standing::Blocked(_)) | None => {
                self.go(run, RunState::Queued, "released by the operator");
            }
        }
    }

    /// Whether anything may be queued now.
    fn may_queue(&self) -> Result<(), String> {
        match self.state().open_night() {
            None => Err("no night is open: `nightkeep up` opens one".to_owned()),
            Some(night) if night.closing => Err("the night is ending".to_owned()),
            Some(_) => Ok(()),
        }
    }
    /// Whether this run may start again.
    fn may_start(&self, run: &RunId) -> Result<(), String> {
        self.may_queue()?;
        self.may_use(&run.session)?;
        match self.withdrawn(run) {
            Some(why) => Err(why.to_owned()),
            None => Ok(()),
        }
    }

    fn answer(&mut self, verb: &str, target: &str, by: &Actor, answer: Answer) {
        let result = match answer {
            Ok(what) if what.is_empty() => "done".to_owned(),
            Ok(what) => format!("done: {what}"),
            Err(why) => why,
        };
        self.acted(verb, target, by, result);
    }
}
