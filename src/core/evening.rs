//! Opening the night and closing it.

use super::effect::Effect;
use super::fact::{Actor, Fact};
use super::ids::{NightId, ProjectName, SessionName};
use super::plan::SessionPlan;
use super::progress;
use super::queue::{names, satisfies};
use super::run::{AfterStop, Outcome, Run, RunState};
use super::schedule::Comes;
use super::turn::Turn;
use std::collections::BTreeSet;
use std::time::Duration;

/// An open night older than this, with nothing alive in it, is over when `up` comes on another date: the machine was
/// off, or nobody said `down`.
const STALE_AFTER: Duration = Duration::from_secs(12 * 3600);

impl Turn<'_> {
    /// `up`: opens the night, or goes on with the open one, and queues sessions.
    pub(super) fn up(&mut self, night: &NightId, sessions: &[SessionName], now: bool, by: &Actor) {
        let all = sessions.is_empty();
        let target = if all { "all".to_owned() } else { names(sessions) };
        let unknown: Vec<SessionName> =
            sessions.iter().filter(|name| self.state().session(name).is_none()).cloned().collect();
        if !unknown.is_empty() {
            return self.acted("up", &target, by, format!("no such session: {}", names(&unknown)));
        }
        if let Some(later) = self.begins_later().filter(|_| !now) {
            let result = if all { format!("done: {later}") } else { format!("{later}; `--now` begins it at once") };
            return self.acted("up", &target, by, result);
        }
        self.leave_safe_mode();
        let reopened = self.open_night(night, by);
        let declared = self.state().plan.sessions.values().chain(self.state().added.values());
        let named = |session: &&SessionPlan| if all { !session.disabled } else { sessions.contains(&session.name) };
        let mut wanted: Vec<SessionPlan> = declared.filter(named).cloned().collect();
        if !all {
            self.add_predecessors(&mut wanted);
        }
        let mut created = 0;
        for session in &wanted {
            let named = sessions.contains(&session.name);
            created += usize::from(self.want(session, named || reopened, now));
        }
        self.note_bases();
        let result = match created {
            0 => "done: nothing to queue that is not queued, running or ended already".to_owned(),
            n => format!("done: {n} queued"),
        };
        self.acted("up", &target, by, result);
    }

    /// `down`: nothing starts any more, what runs is stopped; the night closes when nothing runs.
    pub(super) fn down(&mut self, now: bool, by: &Actor) {
        let Some(night) = self.state().night.as_ref() else {
            return self.acted("down", "night", by, "done: no night was opened".to_owned());
        };
        let (id, closed) = (night.id.clone(), night.closed.is_some());
        if closed {
            // Said again: the daemon may have missed it.
            self.acted("down", id.as_str(), by, "done: the night is closed already".to_owned());
            return self.effect(Effect::NightOver { night: id });
        }
        self.acted("down", id.as_str(), by, "done".to_owned());
        let reason = by.reason.clone().unwrap_or_else(|| "down".to_owned());
        if !self.state().closing() || self.state().calendar.stays {
            self.fact(Fact::NightClosing { night: id, reason, stays: false });
        }
        self.stop_living(now.then_some(Duration::ZERO));
    }

    /// Stops what lives as the night ends; `None` is each session's own grace.
    pub(super) fn stop_living(&mut self, grace: Option<Duration>) {
        for run in self.ids(|run| run.state.live_attempt().is_some()) {
            match self.run(&run).map(|run| run.state.clone()) {
                Some(RunState::Starting { attempt } | RunState::Running { attempt }) => {
                    self.stop(&attempt, AfterStop::Unfinished, grace, "the night ends");
                }
                // Being stopped already: a second word can only make it quicker.
                Some(RunState::Stopping { attempt, .. }) if grace.is_some() => self.ask_stop(&attempt, grace),
                Some(
                    RunState::Stopping { .. }
                    | RunState::Scheduled { .. }
                    | RunState::Waiting { .. }
                    | RunState::Queued
                    | RunState::Checking { .. }
                    | RunState::BackingOff { .. }
                    | RunState::Limited { .. }
                    | RunState::Held
                    | RunState::Ended { .. },
                )
                | None => {}
            }
        }
    }

    /// While the night closes: ends what is not alive, and closes it when nothing is left.
    pub(super) fn go_on_closing(&mut self) {
        if !self.state().closing() {
            return;
        }
        for run in self.ids(|run| !run.state.is_ended() && !run.state.holds_slot()) {
            self.end(&run, Outcome::Unfinished, "the night ended first");
        }
        if self.state().night_runs().all(|run| run.state.is_ended()) {
            self.close_night("everything has ended");
            let over = self.state().night.as_ref().filter(|_| !self.state().calendar.stays);
            if let Some(night) = over.map(|night| night.id.clone()) {
                self.effect(Effect::NightOver { night });
            }
        }
    }

    /// Asks for what is not known of the projects' repositories in the open night.
    pub(super) fn note_bases(&mut self) {
        let state = self.state();
        let Some(night) = state.open_night() else { return };
        let sessions = state.plan.sessions.values().chain(state.added.values());
        let used: BTreeSet<&ProjectName> = sessions.filter_map(|session| session.project.as_ref()).collect();
        let unknown =
            state.plan.projects.iter().filter(|(name, _)| used.contains(name) && !night.bases.contains_key(name));
        let effects: Vec<Effect> = unknown
            .map(|(name, project)| Effect::NoteBase { project: name.clone(), dir: project.dir.clone() })
            .collect();
        for effect in effects {
            self.effect(effect);
        }
    }

    /// Opens the night if none is open. Says whether it was open before and closed: then everything runs once more.
    ///
    /// An open night goes on whatever the date is by now. A night before the last one cannot be opened, as run ids would
    /// come twice: if the clock was set back, the last night is opened again.
    pub(super) fn open_night(&mut self, wanted: &NightId, by: &Actor) -> bool {
        let Some(night) = &self.state().night else {
            self.begin_night(wanted.clone(), by);
            return false;
        };
        let (id, opened_at) = (night.id.clone(), night.opened.wall);
        if night.closed.is_some() {
            if *wanted < id {
                let what = format!("the clock says {wanted}, but the last night was {id}: that one is opened again");
                self.fact(Fact::Trouble { part: "clock".to_owned(), what });
            }
            let reopened = *wanted <= id;
            self.begin_night(if reopened { id } else { wanted.clone() }, by);
            return reopened;
        }
        let alive = self.state().runs.values().any(|run| run.state.holds_slot());
        if *wanted > id && !alive && self.at.wall.since(opened_at) >= STALE_AFTER {
            for run in self.ids(|run| !run.state.is_ended()) {
                self.end(&run, Outcome::Unfinished, "the night ended first");
            }
            self.close_night("nothing ran in it any more when the next night began");
            self.begin_night(wanted.clone(), by);
        } else if self.state().closing() {
            self.fact(Fact::NightOpened { night: id, by: by.clone() });
            self.clock_due = true;
            self.end_by_clock(false);
            for run in self.ids(|run| matches!(run.state, RunState::Stopping { then: AfterStop::Unfinished, .. })) {
                if let Some(RunState::Stopping { attempt, .. }) = self.run(&run).map(|run| run.state.clone()) {
                    let to = RunState::Stopping { attempt, then: AfterStop::Requeue };
                    self.go(&run, to, "the night goes on: stopped, then started again");
                }
            }
        }
        false
    }

    /// Opens a night with the plan it begins with, so that its facts can be understood without those of nights before.
    fn begin_night(&mut self, night: NightId, by: &Actor) {
        let nights = progress::last_nights(self.state());
        self.fact(Fact::NightOpened { night, by: by.clone() });
        self.clock_due = true;
        if nights != self.state().last_nights {
            self.fact(Fact::LastNights { nights });
        }
        if let Some(summary) = self.state().summed.clone() {
            // So that the report of this night needs no other night's facts.
            self.fact(Fact::NightSummed { summary: Box::new(summary) });
        }
        let plan = Box::new(self.state().plan.clone());
        self.fact(Fact::PlanAdopted { plan, changes: Vec::new() });
        self.carry_notes();
        self.end_by_clock(false);
    }

    fn close_night(&mut self, reason: &str) {
        if let Some(night) = self.state().open_night().map(|night| night.id.clone()) {
            self.fact(Fact::NightClosed { night: night.clone(), reason: reason.to_owned() });
            self.effect(Effect::WriteReport { night });
            self.clock_due = true;
        }
    }

    /// Gives a session a run if it should have one. `again` also when its last one ended for good.
    pub(super) fn want(&mut self, session: &SessionPlan, again: bool, now: bool) -> bool {
        let latest = self.state().latest_run(&session.name).map(|run| (run.id.clone(), run.state.clone()));
        match latest {
            None => self.create_wanted(session, now, "up"),
            Some((_, RunState::Ended { outcome })) if again || outcome == Outcome::Unfinished => {
                self.create_wanted(session, now, "up again")
            }
            Some((run, RunState::Scheduled { .. })) if now => {
                self.make_ready(&run, "up --now");
                false
            }
            Some(_) => false,
        }
    }

    fn create_wanted(&mut self, session: &SessionPlan, now: bool, reason: &str) -> bool {
        let comes = if now { Comes::Now } else { self.comes(session) };
        self.create_run_when(session, comes, reason).is_some()
    }

    /// Adds to the named sessions those they come after, unless these have a run that is or will be good enough.
    fn add_predecessors(&self, wanted: &mut Vec<SessionPlan>) {
        let state = self.state();
        let mut next = 0;
        while let Some(session) = wanted.get(next).cloned() {
            next += 1;
            for dependency in &session.after {
                let good = |run: &Run| run.state.outcome().is_none_or(|outcome| satisfies(dependency, outcome));
                let missing = !state.latest_run(&dependency.session).is_some_and(good);
                let listed = wanted.iter().any(|session| session.name == dependency.session);
                let plan = state.session(&dependency.session).filter(|plan| !plan.disabled);
                if let Some(plan) = plan.filter(|_| missing && !listed) {
                    wanted.push(plan.clone());
                }
            }
        }
    }

    /// Journals what an operator's wish came to.
    pub(super) fn acted(&mut self, verb: &str, target: &str, by: &Actor, result: String) {
        self.fact(Fact::OperatorActed { verb: verb.to_owned(), target: target.to_owned(), by: by.clone(), result });
    }
}
