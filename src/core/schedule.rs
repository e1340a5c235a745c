//! What the clock decides: nights that begin and end by themselves, start times, cron, deadlines.
//!
//! Nothing of the calendar is trusted once computed: [`Turn::look_at_clock`] asks the wall clock what is due, whenever
//! the plan, the night or the clock changed, and at least every ten minutes. Waits of runs for a time of day are armed
//! anew when the clock jumped.

use super::calendar::{AtEnd, StartAt, Window, next, next_cron, next_or_now};
use super::effect::Effect;
use super::event::Timer;
use super::exit::FailureClass;
use super::fact::{Actor, Entry, Fact};
use super::ids::{NightId, RunId, SessionName};
use super::plan::SessionPlan;
use super::run::{AfterStop, Outcome, Run, RunState};
use super::time::Wall;
use super::turn::Turn;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a night that is due waits before it begins by itself: whoever started the daemon may have something to say.
const BEGINS_AFTER: Duration = Duration::from_secs(3);
/// The clock is looked at this often, whatever is due: its zone may have changed.
const LOOK_EVERY: Duration = Duration::from_secs(600);
/// A cron time so long ago is still kept; one longer ago was missed.
const CRON_LATE: Duration = Duration::from_secs(120);
/// Why a run ended that was not done in time.
pub(super) const PAST_DEADLINE: &str = "not done by its deadline";

/// What is known of the calendar.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Calendar {
    /// When the open night was last opened.
    pub began: Option<Wall>,
    /// When it ends by itself.
    pub ends: Option<Wall>,
    /// The newest night of the calendar that has begun: it does not begin by itself again.
    pub begun: Option<NightId>,
    /// The night ends by the clock, and the next begins by itself: the daemon stays.
    pub stays: bool,
}

impl Calendar {
    /// Takes a fact into account.
    pub(super) fn apply(&mut self, entry: &Entry) {
        // Of a long list of facts these are the calendar's.
        if let Fact::NightOpened { .. } = &entry.fact {
            (self.began, self.ends, self.stays) = (Some(entry.at.wall), None, false);
        } else if let Fact::NightClosing { stays, .. } = &entry.fact {
            self.stays = *stays;
        } else if let Fact::NightClosed { .. } = &entry.fact {
            self.ends = None;
        } else if let Fact::WindowBegan { night } = &entry.fact {
            self.begun = Some(night.clone());
        } else if let Fact::NightEnds { at, .. } = &entry.fact {
            self.ends = *at;
        }
    }
}

/// When a session's own time comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comes {
    /// It is there, or the session has none.
    Now,
    /// Later in this night.
    At(Wall),
    /// Not in this night.
    Never,
}

impl Turn<'_> {
    /// Looks what is due by the clock, and arms the next look. Only a look that was armed does what is due: a changed
    /// file, for one, stops nothing itself.
    pub(super) fn look_at_clock(&mut self, armed: bool) {
        if self.night.awaits_plan {
            return;
        }
        self.end_by_clock(armed);
        let begins_soon = self.begin_by_clock(armed);
        if armed {
            self.keep_deadlines();
        }
        let parks = self.park_asking();
        let (now, zone) = (self.at.wall, &self.night.zone);
        let state = self.state();
        let open = state.open_night().filter(|night| !night.closing);
        let mut due: Vec<Wall> = state.plan.night.next_begin(now, zone).into_iter().collect();
        due.extend(open.and(state.calendar.ends));
        due.extend(parks);
        due.extend(state.runs.values().filter(|run| waits_for_deadline(run)).filter_map(|run| run.deadline));
        due.extend(begins_soon.then(|| now.plus(BEGINS_AFTER)));
        if let Some(first) = due.into_iter().min() {
            let after = first.since(now).min(LOOK_EVERY);
            self.effect(Effect::Arm { timer: Timer::Calendar, epoch: 0, after });
        }
    }

    /// Notes when the open night ends, and ends it when that has come.
    pub(super) fn end_by_clock(&mut self, armed: bool) {
        let state = self.state();
        let Some(night) = state.open_night().filter(|night| !night.closing).map(|night| night.id.clone()) else {
            return;
        };
        let began = state.calendar.began.unwrap_or(self.at.wall);
        let ends = state.plan.night.end_after(began, &self.night.zone);
        if ends != state.calendar.ends {
            self.fact(Fact::NightEnds { night: night.clone(), at: ends });
        }
        if !armed || ends.is_none_or(|ends| ends > self.at.wall) {
            return;
        }
        let (stays, at_end) = (self.state().plan.night.start.is_some(), self.state().plan.night.at_end);
        let reason = "its time is over".to_owned();
        self.fact(Fact::NightClosing { night: night.clone(), reason, stays });
        self.relations_changed = true;
        match at_end {
            AtEnd::Stop => self.stop_living(None),
            // What runs goes on to its end and is in a later report; this one says how the night went.
            AtEnd::Keep if self.state().slots_taken() > 0 => self.effect(Effect::WriteReport { night }),
            AtEnd::Keep => {}
        }
    }

    /// Begins the night of the calendar if it is due. Says whether one is due that may not begin yet.
    fn begin_by_clock(&mut self, armed: bool) -> bool {
        let state = self.state();
        let Some(window) = state.plan.night.window_at(self.at.wall, &self.night.zone) else { return false };
        if state.calendar.begun.as_ref() == Some(&window.night) {
            return false;
        }
        match state.open_night() {
            Some(night) if !night.closing => {
                // It was opened by hand before; nothing is queued twice.
                self.fact(Fact::WindowBegan { night: window.night });
                false
            }
            // What is being stopped is waited for; the look after the night has closed comes by itself.
            Some(_) if state.plan.night.at_end == AtEnd::Stop || !state.calendar.stays => false,
            Some(_) | None if !armed => true,
            Some(_) => {
                // What was kept runs on into this night, so the night goes on under its old name.
                self.begin_window(&window, true);
                false
            }
            None => {
                self.begin_window(&window, false);
                false
            }
        }
    }

    fn begin_window(&mut self, window: &Window, again: bool) {
        let by = Actor { who: "nightkeep".to_owned(), reason: Some("its time has come".to_owned()) };
        let reopened = self.open_night(&window.night, &by);
        self.fact(Fact::WindowBegan { night: window.night.clone() });
        let state = self.state();
        let declared = state.plan.sessions.values().chain(state.added.values());
        let wanted: Vec<SessionPlan> = declared.filter(|session| !session.disabled).cloned().collect();
        for session in &wanted {
            self.want(session, reopened || again, false);
        }
        self.note_bases();
    }

    /// Why `up` has nothing to do before the night of the calendar begins; `None` when it may begin a night.
    pub(super) fn begins_later(&self) -> Option<String> {
        let state = self.state();
        let (now, zone) = (self.at.wall, &self.night.zone);
        if state.open_night().is_some() || state.plan.night.window_at(now, zone).is_some() {
            return None;
        }
        let begins = state.plan.night.next_begin(now, zone)?;
        let shown = jiff::Timestamp::from_millisecond(begins.0).ok()?.to_zoned(zone.clone());
        Some(format!("the night begins by itself on {}", shown.strftime("%a %Y-%m-%d at %H:%M")))
    }

    /// When a session's own time comes, for a run that comes to be now.
    pub(super) fn comes(&self, session: &SessionPlan) -> Comes {
        let (now, zone) = (self.at.wall, &self.night.zone);
        let calendar = &self.state().calendar;
        let began = calendar.began.unwrap_or(now);
        let window = self.state().plan.night.window_at(began, zone);
        let base = window.as_ref().map_or(began, |window| window.begins);
        let over = |at: Wall| calendar.ends.is_some_and(|ends| at >= ends);
        let time = match &session.timing.start {
            None => return Comes::Now,
            // Without a window, a time beyond the night's end is one that has passed.
            Some(StartAt::Clock(time)) => next_or_now(*time, base, zone).filter(|at| window.is_some() || !over(*at)),
            Some(StartAt::Cron(cron)) => {
                let late = u64::try_from(CRON_LATE.as_millis()).unwrap_or(0);
                let from = base.max(Wall(now.0.saturating_sub(i64::try_from(late).unwrap_or(0))));
                match next_cron(cron, Wall(from.0.saturating_sub(1)), zone) {
                    Some(at) if !over(at) => Some(at),
                    Some(_) | None => return Comes::Never,
                }
            }
        };
        match time {
            Some(at) if at > now => Comes::At(at),
            Some(_) | None => Comes::Now,
        }
    }

    /// Sets by when a run must be done that came to be, or that was put off.
    pub(super) fn set_deadline(&mut self, id: &RunId) {
        let Some(run) = self.run(id) else { return };
        let from = match run.state {
            RunState::Scheduled { at } => at.max(self.at.wall),
            RunState::Waiting { .. }
            | RunState::Queued
            | RunState::Starting { .. }
            | RunState::Running { .. }
            | RunState::Checking { .. }
            | RunState::BackingOff { .. }
            | RunState::Limited { .. }
            | RunState::Held
            | RunState::Stopping { .. }
            | RunState::Ended { .. } => run.created.wall,
        };
        let time = self.state().session(&id.session).and_then(|session| session.timing.deadline);
        let deadline = time.and_then(|time| next(time, from, &self.night.zone));
        if deadline != run.deadline {
            self.fact(Fact::DeadlineSet { run: id.clone(), at: deadline });
            self.clock_due = true;
        }
    }

    /// Takes over a deadline that was changed in the file while an attempt ran: it holds for the next one.
    pub(super) fn renew_deadline(&mut self, id: &RunId) {
        let time = self.state().session(&id.session).and_then(|session| session.timing.deadline);
        let fits = match (time, self.run(id).and_then(|run| run.deadline)) {
            (Some(time), Some(at)) => next_or_now(time, at, &self.night.zone) == Some(at),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if !fits {
            self.set_deadline(id);
        }
    }

    /// Whether a run's deadline has passed.
    pub(super) fn past_deadline(&self, id: &RunId) -> bool {
        self.run(id).and_then(|run| run.deadline).is_some_and(|deadline| deadline <= self.at.wall)
    }

    /// Ends what is not done by its deadline: what runs is stopped, what waits is left.
    fn keep_deadlines(&mut self) {
        for id in self.ids(|run| waits_for_deadline(run)) {
            if self.past_deadline(&id) {
                self.pass_deadline(&id);
            }
        }
    }

    fn pass_deadline(&mut self, id: &RunId) {
        let Some(state) = self.run(id).map(|run| run.state.clone()) else { return };
        match state {
            RunState::Starting { attempt } | RunState::Running { attempt } => {
                self.stop(&attempt, AfterStop::Deadline, None, PAST_DEADLINE);
            }
            RunState::Stopping { attempt, then } => match then {
                AfterStop::Requeue
                | AfterStop::Held
                | AfterStop::Timeout
                | AfterStop::Stalled
                | AfterStop::Runaway
                | AfterStop::GaveUp { .. } => {
                    let to = RunState::Stopping { attempt, then: AfterStop::Deadline };
                    self.go(id, to, PAST_DEADLINE);
                }
                AfterStop::Stopped
                | AfterStop::Skipped
                | AfterStop::Unfinished
                | AfterStop::Deadline
                | AfterStop::Budget => {}
            },
            RunState::Scheduled { .. }
            | RunState::Waiting { .. }
            | RunState::Queued
            | RunState::BackingOff { .. }
            | RunState::Limited { .. }
            | RunState::Held => self.end(id, Outcome::Unfinished, PAST_DEADLINE),
            // The program is through in time; what it brought is still being looked at.
            RunState::Checking { .. } | RunState::Ended { .. } => {}
        }
    }

    /// Gives the sessions with a cron expression their next run once the one before has ended.
    pub(super) fn come_again(&mut self) {
        if self.night.awaits_plan || self.state().open_night().is_none_or(|night| night.closing) {
            return;
        }
        let state = self.state();
        let ended = |session: &&SessionPlan| {
            let latest = state.latest_run(&session.name).filter(|run| may_come_again(run) && !run.held);
            let starts = state.starts(&session.name) < session.retry.hard_cap_starts;
            session.timing.cron().is_some() && !session.disabled && starts && latest.is_some()
        };
        let again: Vec<SessionPlan> = state.plan.sessions.values().filter(ended).cloned().collect();
        for session in again {
            let deadline = self.state().latest_run(&session.name).and_then(|run| run.deadline);
            let Some(cron) = session.timing.cron() else { continue };
            let Some(at) = next_cron(cron, self.at.wall, &self.night.zone) else { continue };
            let over = |limit: Option<Wall>| limit.is_some_and(|limit| at >= limit);
            if !over(deadline) && !over(self.state().calendar.ends) {
                self.create_run_when(&session, Comes::At(at), "its next time");
            }
        }
    }

    /// Sessions whose times changed in the file: what waits for its time waits for the new one.
    pub(super) fn time_again(&mut self, retimed: &[SessionName]) {
        for id in self.ids(|run| !run.state.is_ended() && retimed.contains(&run.id.session)) {
            let Some(session) = self.state().session(&id.session).cloned() else { continue };
            let waits = self.run(&id).is_some_and(|run| matches!(run.state, RunState::Scheduled { .. }));
            if waits {
                match self.comes(&session) {
                    Comes::Now => self.make_ready(&id, "its time in the changed file has come"),
                    Comes::At(at) if self.run(&id).is_some_and(|run| run.state != RunState::Scheduled { at }) => {
                        self.go(&id, RunState::Scheduled { at }, "its time is another one in the changed file");
                    }
                    Comes::At(_) => {}
                    Comes::Never => {
                        self.end(&id, Outcome::Skipped, "its time in the changed file is not in this night")
                    }
                }
            }
            // What runs is not touched by a changed file.
            if self.run(&id).is_some_and(|run| !run.state.holds_slot()) {
                self.set_deadline(&id);
            }
        }
    }
}

/// Whether a deadline can still do something to a run.
fn waits_for_deadline(run: &Run) -> bool {
    let passed_on = matches!(
        run.state,
        RunState::Stopping {
            then: AfterStop::Stopped | AfterStop::Skipped | AfterStop::Unfinished | AfterStop::Deadline,
            ..
        }
    );
    run.deadline.is_some() && !run.state.is_ended() && !passed_on && !matches!(run.state, RunState::Checking { .. })
}

/// Whether a session may run again by itself after this run: not after an operator's word, and not after a failure that
/// would only repeat itself.
fn may_come_again(run: &Run) -> bool {
    match run.state.outcome() {
        Some(Outcome::Succeeded | Outcome::Partial) => true,
        Some(Outcome::Failed) => {
            run.last_attempt().and_then(|attempt| attempt.verdict.as_ref()).is_some_and(|verdict| match verdict.class {
                FailureClass::Permanent
                | FailureClass::Auth
                | FailureClass::Billing
                | FailureClass::ContextFull
                | FailureClass::CrashLoop
                | FailureClass::BudgetExceeded
                | FailureClass::Operator
                | FailureClass::Runaway => false,
                FailureClass::Transient
                | FailureClass::ProviderDown
                | FailureClass::UsageLimit
                | FailureClass::Stalled
                | FailureClass::Timeout
                | FailureClass::OomKilled
                | FailureClass::KilledOther
                | FailureClass::Lost
                | FailureClass::Infra => true,
            })
        }
        Some(Outcome::Stopped | Outcome::Skipped | Outcome::Unfinished) | None => false,
    }
}
