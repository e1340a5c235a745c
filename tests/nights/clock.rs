//! What the judge knows of the clock: windows, ends, start times, deadlines. Kept apart from the state it judges; what a
//! time of day is, it asks the calendar, whose own tests hold it against a clock watched minute by minute.

use super::judge::{Judged, ensure};
use super::sim::berlin;
use super::world::World;
use nightkeep::core::calendar::{AtEnd, StartAt, next, next_cron};
use nightkeep::core::effect::Effect;
use nightkeep::core::event::{Event, Timer, Verb};
use nightkeep::core::fact::{Entry, Fact};
use nightkeep::core::ids::{AttemptId, NightId, RunId, SessionName};
use nightkeep::core::night::Step;
use nightkeep::core::run::RunState;
use nightkeep::core::state::State;
use nightkeep::core::time::Wall;
use std::collections::{BTreeMap, BTreeSet};

/// How late the clock's decisions may come, in milliseconds: stops have a grace, and the judge looks now and then.
const LATE: i64 = 15 * 60_000;

/// What is remembered of the facts so far.
#[derive(Default)]
pub struct Clock {
    /// When the open night was last opened.
    opened: Option<Wall>,
    /// The night of the calendar that began last.
    begun: Option<NightId>,
    /// Runs that wait for their time.
    waits: BTreeMap<RunId, Wall>,
    deadlines: BTreeMap<RunId, Wall>,
    /// Attempts that the night's end may not touch.
    kept: BTreeSet<AttemptId>,
}

impl Clock {
    /// Judges one fact.
    pub fn fact(&mut self, event: &Event, entry: &Entry, state: &State, world: &World) -> Judged {
        let now = entry.at.wall;
        match &entry.fact {
            Fact::NightOpened { by, .. } => {
                self.opened = Some(now);
                let in_window = state.plan.night.window_at(now, &berlin()).is_some();
                ensure(by.who != "nightkeep" || in_window, || "C1: a night began by itself out of its time".to_owned())
            }
            Fact::WindowBegan { night } => {
                let window = state.plan.night.window_at(now, &berlin()).map(|window| window.night);
                ensure(window.as_ref() == Some(night), || format!("C1: {night} began, but it is {window:?}"))?;
                let again = self.begun.replace(night.clone()).as_ref() == Some(night);
                ensure(!again, || format!("C1: {night} began twice"))
            }
            Fact::NightEnds { at, .. } => {
                let ends = self.opened.and_then(|opened| state.plan.night.end_after(opened, &berlin()));
                ensure(*at == ends, || format!("C2: the night ends at {at:?}, not at {ends:?}"))
            }
            Fact::RunCreated { run, state: RunState::Scheduled { at }, .. } => {
                self.waits.insert(run.clone(), *at);
                self.fits_cron(run, *at, state)
            }
            Fact::RunMoved { run, to, .. } => self.moved(event, run, to, now),
            Fact::DeadlineSet { run, at } => {
                match at {
                    Some(at) => self.deadlines.insert(run.clone(), *at),
                    None => self.deadlines.remove(run),
                };
                let time = state.session(&run.session).and_then(|session| session.timing.deadline);
                let fits = match (time, at) {
                    // It is the first such time after some moment of the day before it.
                    (Some(time), Some(at)) => next(time, Wall(at.0 - 1), &berlin()) == Some(*at),
                    (None, None) => true,
                    (Some(_), None) | (None, Some(_)) => false,
                };
                ensure(fits, || format!("C4: the deadline {at:?} of {run} is not what the file says"))
            }
            Fact::AttemptIntended { attempt } => self.intends(attempt, state, world),
            Fact::NightClosing { reason, .. } => {
                let keeps = state.plan.night.at_end == AtEnd::Keep && reason == "its time is over";
                self.kept.clear();
                if keeps {
                    self.kept.extend(state.runs.values().filter_map(|run| run.state.live_attempt().cloned()));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn moved(&mut self, event: &Event, run: &RunId, to: &RunState, now: Wall) -> Judged {
        if let RunState::Scheduled { at } = to {
            self.waits.insert(run.clone(), *at);
            return Ok(());
        }
        let Some(at) = self.waits.remove(run) else { return Ok(()) };
        let asked = matches!(event, Event::Operator { .. } | Event::Up { now: true, .. } | Event::PlanLoaded { .. });
        let goes = matches!(to, RunState::Queued | RunState::Waiting { .. } | RunState::Starting { .. });
        ensure(asked || !goes || now >= at, || format!("C3: {run} is ready {} ms before its time", at.0 - now.0))
    }

    fn fits_cron(&self, run: &RunId, at: Wall, state: &State) -> Judged {
        let Some(session) = state.session(&run.session) else { return Ok(()) };
        match &session.timing.start {
            Some(StartAt::Cron(cron)) => {
                let fits = next_cron(cron, Wall(at.0 - 1), &berlin()) == Some(at);
                ensure(fits, || format!("C3: {run} waits for a time that {cron} does not name"))
            }
            Some(StartAt::Clock(_)) => Ok(()),
            None => Err(format!("C3: {run} waits for a time, but has none")),
        }
    }

    fn intends(&self, attempt: &AttemptId, state: &State, world: &World) -> Judged {
        let now = world.wall();
        let deadline = self.deadlines.get(&attempt.run);
        ensure(deadline.is_none_or(|deadline| *deadline > now), || format!("C4: {attempt} starts after its deadline"))?;
        let has = state.session(&attempt.run.session).is_some_and(|session| session.timing.deadline.is_some());
        ensure(!has || deadline.is_some(), || format!("C4: {attempt} starts without its deadline"))
    }

    /// Judges the deeds of one step.
    pub fn effects(&self, event: &Event, step: &Step) -> Judged {
        for effect in &step.effects {
            if let Effect::Stop { attempt, .. } = effect
                && matches!(event, Event::Timer { timer: Timer::Calendar, .. } | Event::ClockJumped { .. })
                && self.kept.contains(attempt)
            {
                let passed = |entry: &Entry| matches!(&entry.fact, Fact::StopIntended { reason, .. } if reason.contains("deadline"));
                let deadline = step.facts.iter().any(passed);
                ensure(deadline, || format!("C5: {attempt} is stopped, though what runs is kept"))?;
            }
        }
        Ok(())
    }

    /// Without faults nothing of the calendar is forgotten.
    pub fn nothing_is_forgotten(&self, calm_since: Wall, state: &State, world: &World) -> Judged {
        let now = world.wall();
        let overdue = |at: Wall| at.max(calm_since).0 + LATE < now.0;
        for run in state.runs.values().filter(|run| !run.state.is_ended()) {
            if let RunState::Scheduled { at } = run.state {
                ensure(!overdue(at), || format!("C3: {} still waits for its time", run.id))?;
            }
            let checked = matches!(run.state, RunState::Checking { .. });
            if let Some(deadline) = self.deadlines.get(&run.id).filter(|_| !checked) {
                ensure(!overdue(*deadline), || format!("C4: {} goes on after its deadline", run.id))?;
            }
        }
        let Some(night) = &state.night else { return Ok(()) };
        let open = night.closed.is_none() && !night.closing;
        if let Some(ends) = self.opened.and_then(|opened| state.plan.night.end_after(opened, &berlin())) {
            ensure(!open || !overdue(ends), || format!("C2: {} goes on after its end", night.id))?;
        }
        if let Some(window) = state.plan.night.window_at(now, &berlin()) {
            let waits = night.closed.is_some() && self.begun.as_ref() != Some(&window.night);
            ensure(!waits || !overdue(window.begins), || format!("C1: {} did not begin", window.night))?;
        }
        Ok(())
    }
}

/// Whether an event may bring a run by itself: a night that begins, or the next time of a cron expression, also of one
/// that the session comes after: it was skipped because of the time before.
pub fn may_create(run: &RunId, event: &Event, state: &State) -> bool {
    let cron = comes_by_cron(&run.session, state);
    let timer = matches!(event, Event::Timer { timer: Timer::Calendar | Timer::RunDue(_), .. });
    let operator = matches!(event, Event::Operator { verb: Verb::Stop | Verb::Skip, .. });
    timer || (cron && !operator)
}

fn comes_by_cron(session: &SessionName, state: &State) -> bool {
    state.session(session).is_some_and(|plan| {
        plan.timing.cron().is_some() || plan.after.iter().any(|before| comes_by_cron(&before.session, state))
    })
}
