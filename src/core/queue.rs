//! Who starts next, and who waits for whom.
//!
//! Ready runs start by priority, then by name, as long as slots are free and nothing of `guard.rs` holds them back. A run whose dependency
//! ended otherwise than asked is skipped at once, so that a night always settles; a second chance of the dependency
//! brings it back as a new run (`docs/decisions/0008-dependencies-and-second-chances.md`).

use super::exit::FailureClass;
use super::fact::Fact;
use super::guard::Gate;
use super::ids::{AttemptId, NightId, RunId, SessionName};
use super::plan::{Dependency, DependencyOn, SessionPlan};
use super::run::{Outcome, Run, RunState};
use super::schedule::{Comes, PAST_DEADLINE};
use super::state::State;
use super::turn::Turn;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How a session stands to those it comes after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// All ended as asked.
    Free,
    /// These may still do so.
    Pending(Vec<SessionName>),
    /// One ended otherwise, or has no run: nothing happens without the operator. The words say which.
    Blocked(String),
}

impl State {
    /// How a session stands to those it comes after.
    pub(super) fn standing(&self, session: &SessionPlan) -> Standing {
        let mut pending = Vec::new();
        for dependency in &session.after {
            match self.deciding_run(&dependency.session).map(|run| run.state.outcome()) {
                None => return Standing::Blocked(format!("needs {}, which has no run tonight", dependency.session)),
                Some(None) => pending.push(dependency.session.clone()),
                Some(Some(outcome)) if satisfies(dependency, outcome) => {}
                Some(Some(outcome)) => {
                    return Standing::Blocked(format!("needs {}, which {}", dependency.session, ended(outcome)));
                }
            }
        }
        if pending.is_empty() { Standing::Free } else { Standing::Pending(pending) }
    }
    /// The run that decides about those that come after a session: its newest, but not one whose time is to come when
    /// another has ended before it.
    fn deciding_run(&self, session: &SessionName) -> Option<&Run> {
        let newest = self.latest_run(session)?;
        if !matches!(newest.state, RunState::Scheduled { .. }) {
            return Some(newest);
        }
        let before = RunId { number: newest.id.number.checked_sub(1)?, ..newest.id.clone() };
        Some(self.runs.get(&before).unwrap_or(newest))
    }
}

/// Whether this end is what the dependency asks for.
pub(super) fn satisfies(dependency: &Dependency, outcome: Outcome) -> bool {
    match dependency.on {
        DependencyOn::Success => outcome == Outcome::Succeeded,
        DependencyOn::End => true,
    }
}

fn ended(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded => "succeeded",
        Outcome::Partial => "ended only in part",
        Outcome::Failed => "failed",
        Outcome::Stopped => "was stopped",
        Outcome::Skipped => "was skipped",
        Outcome::Unfinished => "did not finish",
    }
}

/// Whether the run's next attempt is to run with nothing beside it: the one before ran out of memory.
fn wants_alone(run: &Run) -> bool {
    let before = if run.state.holds_slot() { run.attempts.iter().rev().nth(1) } else { run.attempts.last() };
    before.and_then(|attempt| attempt.verdict.as_ref()).is_some_and(|v| v.class == FailureClass::OomKilled)
}

impl Turn<'_> {
    /// Creates the next run of a session in the open night, and new runs of those that were skipped because of it.
    pub(super) fn create_run(&mut self, session: &SessionPlan, ignore_after: bool, reason: &str) -> Option<RunId> {
        if !ignore_after {
            return self.create_run_when(session, self.comes(session), reason);
        }
        let night = self.state().open_night()?.id.clone();
        let dead = self.dead_before(session);
        let id = self.next_id(night, &session.name);
        self.insert_run(id, RunState::Queued, reason, dead)
    }
    /// The same, with a time of its own; none when that is not in this night.
    pub(super) fn create_run_when(&mut self, session: &SessionPlan, comes: Comes, reason: &str) -> Option<RunId> {
        let night = self.state().open_night()?.id.clone();
        let state = match comes {
            Comes::Never => return None,
            Comes::At(at) => RunState::Scheduled { at },
            Comes::Now if session.after.is_empty() => RunState::Queued,
            // The others of the same evening may have no run yet; the waiting is settled once all have.
            Comes::Now => RunState::Waiting { on: session.after.iter().map(|d| d.session.clone()).collect() },
        };
        let waits = if let RunState::Waiting { on } = &state { Some(format!("waits for {}", names(on))) } else { None };
        let reason = waits.as_deref().unwrap_or(reason);
        let dead = self.dead_before(session);
        let id = self.next_id(night, &session.name);
        self.insert_run(id, state, reason, dead)
    }
    /// The dead letter that a new run of a session is the second chance of. What comes by cron is work of its own.
    fn dead_before(&self, session: &SessionPlan) -> Option<RunId> {
        let before = self.state().latest_run(&session.name).filter(|_| session.timing.cron().is_none());
        before.filter(|run| run.state.outcome() == Some(Outcome::Failed)).map(|run| run.id.clone())
    }
    /// Creates a run that is the second chance of a dead letter.
    pub(super) fn create_second_chance(&mut self, session: &SessionName, of: &RunId, reason: &str) -> Option<RunId> {
        let night = self.state().open_night()?.id.clone();
        let id = self.next_id(night, session);
        self.insert_run(id, RunState::Queued, reason, Some(of.clone()))
    }

    fn next_id(&self, night: NightId, session: &SessionName) -> RunId {
        let number = self.state().latest_run(session).map_or(0, |run| run.id.number).saturating_add(1);
        RunId { night, session: session.clone(), number }
    }

    fn insert_run(&mut self, id: RunId, state: RunState, reason: &str, dead: Option<RunId>) -> Option<RunId> {
        if self.state().open_run(&id.session).is_some() {
            // One run at a time: it may have come back just before, with something it comes after.
            return None;
        }
        let reason = reason.to_owned();
        self.fact(Fact::RunCreated { run: id.clone(), state, reason, redriven_from: dead });
        self.note_new_run();
        self.arm(&id);
        self.set_deadline(&id);
        self.revive_blocked(&id.session);
        Some(id)
    }

    /// Gives those a new run that were skipped because of a session which now has a chance again.
    fn revive_blocked(&mut self, by: &SessionName) {
        let state = self.state();
        let sessions = state.plan.sessions.values().chain(state.added.values());
        let back: Vec<SessionPlan> = sessions
            .filter(|session| session.after.iter().any(|dependency| dependency.session == *by))
            .filter(|session| state.latest_run(&session.name).is_some_and(Run::is_blocked))
            .filter(|session| match state.standing(session) {
                Standing::Free | Standing::Pending(_) => true,
                Standing::Blocked(_) => false,
            })
            .cloned()
            .collect();
        for session in back {
            self.create_run(&session, false, &format!("{by} has another chance"));
        }
    }

    /// Moves the waiting runs on whose dependencies have ended, until nothing changes.
    pub(super) fn settle_dependencies(&mut self) {
        for id in self.ids(|run| matches!(run.state, RunState::Waiting { .. })) {
            let Some(session) = self.state().session(&id.session) else {
                self.end(&id, Outcome::Skipped, "removed from the file");
                continue;
            };
            match self.state().standing(session) {
                Standing::Free => self.go(&id, RunState::Queued, "what it waited for has ended"),
                Standing::Blocked(why) => self.end(&id, Outcome::Skipped, why),
                Standing::Pending(on) => {
                    let waits = RunState::Waiting { on: on.clone() };
                    if self.run(&id).is_some_and(|run| run.state != waits) {
                        self.go(&id, waits, format!("waits for {}", names(&on)));
                    }
                }
            }
        }
        for id in self.stuck_in_a_ring() {
            self.end(&id, Outcome::Skipped, "waits for itself in a ring of `after`");
        }
    }

    /// Waiting runs that no order of events can free: each waits, by others, for itself. The file is checked for that,
    /// but sessions added by hand and reloads can still join into a ring.
    fn stuck_in_a_ring(&self) -> Vec<RunId> {
        let state = self.state();
        let mut stuck: Vec<(&RunId, &Vec<SessionName>)> = Vec::new();
        for run in state.runs.values() {
            if let RunState::Waiting { on } = &run.state {
                stuck.push((&run.id, on));
            }
        }
        loop {
            let names: BTreeSet<&SessionName> = stuck.iter().map(|(id, _)| &id.session).collect();
            let before = stuck.len();
            stuck.retain(|(_, on)| on.iter().any(|name| names.contains(name)));
            if stuck.len() == before {
                return stuck.into_iter().map(|(id, _)| id.clone()).collect();
            }
        }
    }

    /// Starts ready runs while slots are free.
    pub(super) fn start_ready(&mut self) {
        let open = self.state().open_night().is_some_and(|night| !night.closing);
        if !open || self.night.awaits_plan || self.state().breakers.safe_mode.is_some() {
            return;
        }
        let through = self.let_through();
        let mut ready: Vec<(Reverse<i32>, u32, RunId)> = self
            .ids(|run| run.state == RunState::Queued)
            .into_iter()
            .chain(through)
            .map(|id| {
                let state = self.state();
                let probe = state.runs.get(&id).is_some_and(|run| state.gate(run) == Gate::Admits { probe: true });
                // Probes are taken in turn, so that an outage does not use up the starts of one session.
                let turn = if probe { state.starts(&id.session) } else { 0 };
                (Reverse(state.session(&id.session).map_or(0, |s| s.priority)), turn, id)
            })
            .collect();
        ready.sort();
        let mut held: BTreeMap<String, BTreeSet<SessionName>> = BTreeMap::new();
        let mut pause: Option<Duration> = None;
        for (_, _, id) in ready {
            let state = self.state();
            let taken = state.slots_taken();
            if taken >= state.slots() || state.runs.values().any(|run| run.state.holds_slot() && wants_alone(run)) {
                break;
            }
            if taken > 0 && state.runs.get(&id).is_some_and(wants_alone) {
                continue;
            }
            if let Some(key) = state.runs.get(&id).and_then(|run| state.held_by(run)) {
                if state.runs.get(&id).is_some_and(|run| run.state == RunState::Queued) {
                    self.set_aside(&id, &key);
                    held.entry(key).or_default().insert(id.session.clone());
                }
                continue;
            }
            if let Some((left, _)) = state.runs.get(&id).and_then(|run| state.paced(run, self.at.mono)) {
                pause = Some(pause.map_or(left, |known| known.min(left)));
                continue;
            }
            self.start_attempt(&id);
        }
        self.note_held(held);
        if let Some(pause) = pause {
            self.pace(pause);
        }
    }

    /// Runs that waited behind a breaker: those that it may let through now, as single starts. What nothing holds any more
    /// goes to the queue.
    fn let_through(&mut self) -> Vec<RunId> {
        let (now, boot) = (self.at, self.night.boot_id.clone());
        let over = self.ids(|run| match &run.state {
            RunState::Limited { until } => until.left(now, &boot).is_zero(),
            RunState::Scheduled { .. }
            | RunState::Waiting { .. }
            | RunState::Queued
            | RunState::Starting { .. }
            | RunState::Running { .. }
            | RunState::Checking { .. }
            | RunState::BackingOff { .. }
            | RunState::Held
            | RunState::Stopping { .. }
            | RunState::Ended { .. } => false,
        });
        let mut through = Vec::new();
        for id in over {
            match self.run(&id).map(|run| self.state().gate(run)) {
                Some(Gate::Free) => self.make_ready(&id, "the wait is over"),
                Some(Gate::Admits { .. }) => through.push(id),
                Some(Gate::Held(_)) | None => {}
            }
        }
        through
    }

    /// Journals the intent and asks for the start.
    fn start_attempt(&mut self, id: &RunId) {
        self.renew_deadline(id);
        if self.run(id).is_none() || self.state().session(&id.session).is_none() {
            return self.end(id, Outcome::Skipped, "removed from the file");
        }
        if self.past_deadline(id) {
            return self.end(id, Outcome::Unfinished, PAST_DEADLINE);
        }
        if !self.may_resume(id) {
            return;
        }
        let (Some(run), Some(session)) = (self.run(id), self.state().session(&id.session)) else { return };
        if let Some((_, why)) = self.state().spent_budget(&id.session) {
            let outcome = if run.attempts.is_empty() { Outcome::Skipped } else { Outcome::Failed };
            return self.end(id, outcome, format!("not started: {why}"));
        }
        let policy = &session.retry;
        let starts = self.state().starts(&id.session);
        if starts >= policy.hard_cap_starts {
            let why = format!("{starts} starts in this night, {} are allowed", policy.hard_cap_starts);
            return self.end(id, Outcome::Failed, why);
        }
        if run.counted >= policy.max_attempts {
            let why = format!("{} of {} attempts are used up", run.counted, policy.max_attempts);
            return self.end(id, Outcome::Failed, why);
        }
        let number = run.last_attempt().map_or(0, |attempt| attempt.id.number).saturating_add(1);
        let attempt = AttemptId { run: id.clone(), number };
        self.note_passage(&attempt);
        let conversation = self.conversation(&attempt);
        self.fact(Fact::AttemptIntended { attempt: attempt.clone() });
        if let Some(conversation) = conversation {
            self.fact(Fact::Conversation { attempt: attempt.clone(), conversation: Box::new(conversation) });
        }
        self.go(id, RunState::Starting { attempt: attempt.clone() }, format!("attempt {number} is being started"));
        self.ask_start(&attempt);
    }

    /// Makes a run ready: to the queue, or held. One that waited for its time may have others to wait for.
    pub(super) fn make_ready(&mut self, id: &RunId, reason: &str) {
        let comes = |run: &Run| matches!(run.state, RunState::Scheduled { .. }) && run.attempts.is_empty();
        let first = self.run(id).is_some_and(comes);
        let session = self.state().session(&id.session).filter(|_| first);
        let standing = session.map_or(Standing::Free, |session| self.state().standing(session));
        if self.run(id).is_some_and(|run| run.held) {
            return self.go(id, RunState::Held, "held by the operator");
        }
        match standing {
            Standing::Free => self.go(id, RunState::Queued, reason),
            Standing::Pending(on) => {
                let waits = format!("{reason}; waits for {}", names(&on));
                self.go(id, RunState::Waiting { on }, waits);
            }
            Standing::Blocked(why) => return self.end(id, Outcome::Skipped, why),
        }
        if first {
            self.revive_blocked(&id.session);
        }
    }
}

/// Names for a sentence.
pub(super) fn names(names: &[SessionName]) -> String {
    names.iter().map(SessionName::as_str).collect::<Vec<_>>().join(", ")
}
