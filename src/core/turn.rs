//! One step under way: facts are applied as they are made, effects are collected, and the consequences for the queue and
//! the night are drawn at the end.

use super::effect::Effect;
use super::event::Timer;
use super::fact::{Entry, Fact};
use super::ids::{AttemptId, RunId};
use super::night::{Night, Step};
use super::plan::SessionPlan;
use super::run::{AfterStop, Due, Outcome, Run, RunState};
use super::state::State;
use super::time::At;
use super::unkillable::LOOK_AFTER;
use std::time::Duration;

/// How long a start may take to show up before it is asked for again.
pub(super) const START_PATIENCE: Duration = Duration::from_secs(30);

/// One step under way.
pub(super) struct Turn<'n> {
    pub(super) night: &'n mut Night,
    pub(super) at: At,
    facts: Vec<Entry>,
    effects: Vec<Effect>,
    /// Runs were created, ended or began to wait, or the plan changed: dependencies are looked at again.
    pub(super) relations_changed: bool,
    /// The file was read, or a pause between starts is over: what waited for that may start.
    pub(super) plan_known: bool,
    /// Some run changed its state: the night may have settled.
    runs_changed: bool,
    /// What the clock decides may be otherwise: the night, the plan, a deadline or the clock itself changed.
    pub(super) clock_due: bool,
}

impl<'n> Turn<'n> {
    pub(super) fn new(night: &'n mut Night, at: At) -> Self {
        let (facts, effects) = (Vec::new(), Vec::new());
        Self {
            night,
            at,
            facts,
            effects,
            relations_changed: false,
            plan_known: false,
            runs_changed: false,
            clock_due: false,
        }
    }
    pub(super) fn into_step(self) -> Step {
        Step { facts: self.facts, effects: self.effects }
    }
    pub(super) fn state(&self) -> &State {
        &self.night.state
    }
    pub(super) fn run(&self, id: &RunId) -> Option<&Run> {
        self.night.state.runs.get(id)
    }
    pub(super) fn epoch(&self, id: &RunId) -> Option<u64> {
        self.run(id).map(|run| run.epoch)
    }

    /// Makes a fact and applies it.
    pub(super) fn fact(&mut self, fact: Fact) {
        let entry = Entry { at: self.at, fact };
        self.night.state.apply(&entry);
        self.night.post.note(&entry.fact);
        self.facts.push(entry);
    }
    /// Asks the rim for a deed.
    pub(super) fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Moves a run to another state and arms the wait that belongs to it.
    pub(super) fn go(&mut self, run: &RunId, to: RunState, reason: impl Into<String>) {
        self.runs_changed = true;
        match to {
            RunState::Ended { .. } | RunState::Waiting { .. } => self.relations_changed = true,
            RunState::Scheduled { .. }
            | RunState::Queued
            | RunState::Starting { .. }
            | RunState::Running { .. }
            | RunState::Checking { .. }
            | RunState::BackingOff { .. }
            | RunState::Limited { .. }
            | RunState::Held
            | RunState::Stopping { .. } => {}
        }
        self.fact(Fact::RunMoved { run: run.clone(), to, reason: reason.into() });
        self.arm(run);
    }
    /// Remembers that a run came to be.
    pub(super) fn note_new_run(&mut self) {
        self.relations_changed = true;
        self.runs_changed = true;
    }
    /// Ends a run.
    pub(super) fn end(&mut self, run: &RunId, outcome: Outcome, reason: impl Into<String>) {
        self.go(run, RunState::Ended { outcome }, reason);
    }
    /// Holds a run back, or lets it go, in the journal; its state is the caller's.
    pub(super) fn set_held(&mut self, run: &RunId, held: bool) {
        if self.run(run).is_some_and(|known| known.held != held) {
            self.fact(Fact::HoldSet { run: run.clone(), held });
        }
    }
    /// Stops a live attempt: the intent, the new state, then the deed.
    pub(super) fn stop(&mut self, attempt: &AttemptId, then: AfterStop, grace: Option<Duration>, reason: &str) {
        self.fact(Fact::StopIntended { attempt: attempt.clone(), reason: reason.to_owned() });
        self.go(&attempt.run, RunState::Stopping { attempt: attempt.clone(), then }, reason);
        self.ask_stop(attempt, grace);
    }
    /// Asks the rim to stop an attempt whose stop is in the journal; `None` is the session's own grace.
    pub(super) fn ask_stop(&mut self, attempt: &AttemptId, grace: Option<Duration>) {
        let grace = grace.unwrap_or_else(|| self.grace(&attempt.run));
        self.effect(Effect::Stop { attempt: attempt.clone(), grace });
    }
    /// The grace of a run's stop.
    pub(super) fn grace(&self, run: &RunId) -> Duration {
        self.judged_by(run).map_or(Duration::from_secs(15), |session| session.stop_grace)
    }
    /// The plan by which a run's newest attempt is judged: the one it was started with.
    pub(super) fn judged_by(&self, run: &RunId) -> Option<&SessionPlan> {
        let known = self.run(run)?;
        known.session.as_deref().or_else(|| self.state().session(&run.session))
    }

    /// Arms the wait that belongs to a run's state, if one does, with its epoch. Serves both a state just entered and
    /// one found in the journal by a new daemon, so the remaining time counts, not the whole.
    pub(super) fn arm(&mut self, id: &RunId) {
        let Some(run) = self.run(id) else { return };
        let (timer, after) = match &run.state {
            RunState::Scheduled { at } => (Timer::RunDue(id.clone()), at.since(self.at.wall)),
            RunState::BackingOff { until } | RunState::Limited { until } => {
                (Timer::RunDue(id.clone()), until.left(self.at, &self.night.boot_id))
            }
            RunState::Starting { attempt } => (Timer::StartOverdue(attempt.clone()), START_PATIENCE),
            RunState::Running { attempt } => match self.timeout_left(run) {
                Some(left) => (Timer::AttemptTimeout(attempt.clone()), left),
                None => return,
            },
            RunState::Stopping { attempt, .. } => (Timer::StopOverdue(attempt.clone()), self.grace(id) + LOOK_AFTER),
            RunState::Waiting { .. }
            | RunState::Queued
            | RunState::Checking { .. }
            | RunState::Held
            | RunState::Ended { .. } => return,
        };
        let epoch = run.epoch;
        self.effect(Effect::Arm { timer, epoch, after });
    }
    /// Arms again what waits for a time of day, after the wall clock was set.
    pub(super) fn arm_calendar_waits(&mut self) {
        let waits = |run: &&Run| match run.state {
            RunState::Scheduled { .. } => true,
            RunState::Waiting { .. }
            | RunState::Queued
            | RunState::Starting { .. }
            | RunState::Running { .. }
            | RunState::Checking { .. }
            | RunState::BackingOff { .. }
            | RunState::Limited { .. }
            | RunState::Held
            | RunState::Stopping { .. }
            | RunState::Ended { .. } => false,
        };
        for id in self.ids(waits) {
            self.arm(&id);
        }
    }
    /// A wait that begins now.
    pub(super) fn due(&self, delay: Duration) -> Due {
        Due::new(self.at, delay, &self.night.boot_id)
    }
    /// What is left of the running attempt's timeout. Measured by the monotonic clock from the journaled intent, less
    /// the time the start took by the recorder's word; the program of an older boot is gone, so it gets the whole.
    pub(super) fn timeout_left(&self, run: &Run) -> Option<Duration> {
        let timeout = self.judged_by(&run.id)?.timeout?;
        let attempt = run.last_attempt()?;
        let started = attempt.started.as_ref()?;
        if started.boot_id != self.night.boot_id {
            return Some(timeout);
        }
        let took = started.at.since(attempt.intended.wall).min(START_PATIENCE);
        let ran = self.at.mono.since(attempt.intended.mono).saturating_sub(took);
        Some(timeout.saturating_sub(ran))
    }
    /// The ids of the runs that fit, in order.
    pub(super) fn ids(&self, fits: impl Fn(&&Run) -> bool) -> Vec<RunId> {
        self.state().runs.values().filter(fits).map(|run| run.id.clone()).collect()
    }

    /// Draws the consequences: dependencies, the closing of the night, the queue, the report.
    pub(super) fn conclude(&mut self) {
        if self.facts.is_empty() && !self.plan_known && !self.clock_due {
            // Nothing changed, so nothing follows. Most passes over what lives end here.
            if self.night.post.due {
                self.tend_alerts();
            }
            return;
        }
        loop {
            while self.relations_changed {
                self.relations_changed = false;
                self.settle_dependencies();
            }
            self.go_on_closing();
            self.start_ready();
            if self.runs_changed {
                self.come_again();
            }
            if std::mem::take(&mut self.clock_due) {
                self.look_at_clock(false);
            }
            if !self.relations_changed && !self.clock_due {
                break;
            }
        }
        if self.runs_changed && !self.state().closing() {
            self.report_if_settled();
        }
        self.tend_alerts();
    }
    /// Asks for the report of an open night in which nothing more happens by itself.
    pub(super) fn report_if_settled(&mut self) {
        let settled = self.state().open_night().filter(|_| self.state().settled()).map(|night| night.id.clone());
        if let Some(night) = settled {
            self.effect(Effect::WriteReport { night });
        }
    }
}
