//! The state of the daemon's world: a fold over facts. `rows.rs` has the rows that the journal keeps of it.

use super::alert::{Alerts, Before};
use super::delivery;
use super::exit::ExitRecord;
use super::fact::{Actor, Entry, Fact, GitBase, ProjectWork};
use super::guard::Breakers;
use super::ids::{AttemptId, NightId, ProjectName, RunId, SessionName};
use super::plan::{Plan, SessionPlan};
use super::progress::LastNights;
use super::run::{Attempt, KEPT_WHOLE, Outcome, Run, RunState};
use super::schedule::Calendar;
use super::time::At;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// All that decisions depend on. Equal journals fold to equal states.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The plan in force.
    pub plan: Plan,
    /// Sessions that stand in no file.
    pub added: BTreeMap<SessionName, SessionPlan>,
    /// The open night, or the last one.
    pub night: Option<NightState>,
    /// The runs of that night by id, plus older dead letters.
    pub runs: BTreeMap<RunId, Run>,
    /// What is known of the daemon.
    pub daemon: Option<DaemonSeen>,
    /// The tmux server's process id, while one is known to run.
    pub tmux_pid: Option<u32>,
    /// When the last tmux server of this boot was lost; attempts intended before then had their terminal in it.
    #[serde(default)]
    pub tmux_lost: Option<At>,
    /// When the last fact was journaled.
    #[serde(default)]
    pub last: Option<At>,
    /// What is wrong, and who was told of it.
    #[serde(default)]
    pub alerts: Alerts,
    /// What is known of the calendar.
    #[serde(default)]
    pub calendar: Calendar,
    /// What each session came to in an older night.
    #[serde(default)]
    pub last_nights: LastNights,
    /// What holds starts back.
    #[serde(default)]
    pub breakers: Breakers,
    /// What operators want sessions to know.
    #[serde(default)]
    pub notes: super::note::Notes,
    /// What agents ask.
    #[serde(default)]
    pub tickets: super::ticket::Tickets,
    /// What is typed into agents.
    #[serde(default)]
    pub drafts: super::draft::Drafts,
    /// What the night came to whose report was written last, for the one after it.
    #[serde(default)]
    pub summed: Option<super::evidence::NightSummary>,
    /// What the sessions used in the night, as far as that is known. It follows from the runs and has no row.
    #[serde(default)]
    pub spent: BTreeMap<SessionName, super::usage::Sum>,
}

/// One night.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NightState {
    /// Its id.
    pub id: NightId,
    /// When it was (first) opened.
    pub opened: At,
    /// Who opened it.
    pub by: Actor,
    /// When it ended; `None` while open.
    pub closed: Option<At>,
    /// `down` was asked: it closes as soon as nothing runs.
    pub closing: bool,
    /// Starts of each session so far, for `hard_cap_starts`.
    pub starts: BTreeMap<SessionName, u32>,
    /// Where the projects' repositories stood.
    pub bases: BTreeMap<ProjectName, GitBase>,
    /// What they showed when last looked at.
    pub work: BTreeMap<ProjectName, ProjectWork>,
    /// Whether a report was written since a run last changed.
    #[serde(default)]
    pub reported: bool,
    /// Whether a report was sent since a run last changed.
    #[serde(default)]
    pub delivered: bool,
    /// The night before, when its report was sent and nothing has happened in it since.
    #[serde(default)]
    pub sent_before: Option<NightId>,
    /// What was collected of the projects.
    #[serde(default)]
    pub collected: BTreeMap<ProjectName, super::collected::Collected>,
}

/// The daemon as the journal knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DaemonSeen {
    /// Its process id.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// Which boot.
    pub boot_id: String,
    /// Since when.
    pub started: At,
    /// Whether it ended in order.
    pub stopped: bool,
}

impl State {
    /// Takes a fact into account. This is the only way state changes. Total: a fact about something unknown changes
    /// nothing, so that any journal can be folded.
    pub fn apply(&mut self, entry: &Entry) {
        let at = entry.at;
        let night = self.night.as_ref().map(|night| &night.id);
        let before = Before { daemon: self.daemon.as_ref(), last: self.last, night, runs: &self.runs };
        self.alerts.apply(entry, &before);
        self.last = Some(at);
        self.calendar.apply(entry);
        match &entry.fact {
            Fact::DaemonStarted { pid, version, boot_id, unwatched_ms: _ } => {
                if self.daemon.as_ref().is_some_and(|before| before.boot_id != *boot_id) {
                    // No tmux server outlives its boot, and the monotonic clock began again.
                    self.tmux_pid = None;
                    self.tmux_lost = None;
                    self.breakers.new_boot();
                }
                self.daemon = Some(DaemonSeen {
                    pid: *pid,
                    version: version.clone(),
                    boot_id: boot_id.clone(),
                    started: at,
                    stopped: false,
                });
            }
            Fact::DaemonStopped { reason: _ } => {
                if let Some(daemon) = &mut self.daemon {
                    daemon.stopped = true;
                }
            }
            Fact::PlanAdopted { plan, changes: _ } => {
                self.plan = (**plan).clone();
                for run in self.runs.values_mut().filter(|run| run.removed && !run.state.is_ended()) {
                    run.removed = !self.plan.sessions.contains_key(&run.id.session);
                }
            }
            Fact::SessionAdded { session, by: _ } => {
                self.added.insert(session.name.clone(), (**session).clone());
            }
            Fact::NightOpened { night, by } => self.open(night, by, at),
            Fact::NightClosing { night, reason: _, stays: _ } => {
                if let Some(open) = self.night.as_mut().filter(|open| open.id == *night) {
                    open.closing = true;
                }
            }
            Fact::NightClosed { night, reason: _ } => {
                if let Some(open) = self.night.as_mut().filter(|open| open.id == *night) {
                    open.closed = Some(at);
                    open.closing = false;
                    open.reported = false;
                }
            }
            Fact::RunCreated { run, state, reason, redriven_from } => {
                let mut new = Run::new(run.clone(), state.clone(), reason.clone(), at);
                new.redriven_from = redriven_from.clone();
                self.runs.insert(run.clone(), new);
                for (place, older) in Self::older(run).into_iter().enumerate() {
                    if let Some(older) = older.and_then(|id| self.runs.get_mut(&id)).filter(|run| run.state.is_ended())
                    {
                        if place == 0 { older.condense() } else { older.forget() }
                    }
                }
                if let Some(first) = redriven_from.as_ref().and_then(|first| self.runs.get_mut(first)) {
                    first.redriven_by = Some(run.clone());
                }
                self.unreported();
            }
            Fact::RunMoved { run, to, reason } => {
                if let Some(run) = self.runs.get_mut(run) {
                    run.state = to.clone();
                    run.reason = reason.clone();
                    run.since = at;
                    run.epoch += 1;
                    self.unreported();
                }
            }
            Fact::CounterReset { run, reason: _ } => {
                if let Some(run) = self.runs.get_mut(run) {
                    run.counted = 0;
                }
            }
            Fact::HoldSet { run, held } => {
                if let Some(run) = self.runs.get_mut(run) {
                    run.held = *held;
                }
            }
            Fact::RunOrphaned { run } => {
                if let Some(run) = self.runs.get_mut(run) {
                    run.removed = true;
                }
            }
            Fact::AttemptIntended { attempt } => {
                self.notes.intended(attempt);
                self.intend(attempt, at);
            }
            Fact::NoteMoved { note } => self.notes.moved(note),
            Fact::TicketMoved { ticket, why: _ } => self.tickets.moved(ticket),
            Fact::DraftMoved { draft, why: _ } => {
                self.drafts.moved(draft);
                self.notes.typed(draft, at.wall);
            }
            Fact::AttemptStarted { attempt, started } => {
                if let Some(attempt) = self.attempt_mut(attempt) {
                    attempt.started = Some(started.clone());
                }
            }
            Fact::OutputObserved { attempt, output } => {
                if let Some(attempt) = self.attempt_mut(attempt) {
                    let known = attempt.output.agent.take();
                    attempt.output = (**output).clone();
                    attempt.output.agent = attempt.output.agent.take().or(known);
                }
            }
            Fact::AttemptEnded { attempt: id, exit, verdict, counted } => {
                self.tickets.attempt_ended(id, at.wall);
                self.drafts.attempt_ended(id);
                if let Some(attempt) = self.attempt_mut(id) {
                    attempt.exit = Some(exit.clone());
                    attempt.verdict = verdict.clone();
                    if let Some(run) = self.runs.get_mut(&id.run).filter(|_| *counted) {
                        run.counted += 1;
                    }
                }
            }
            Fact::ChecksDone { attempt, results } => {
                if let Some(attempt) = self.attempt_mut(attempt) {
                    attempt.checks = results.clone();
                }
            }
            Fact::TmuxStarted { pid } => self.tmux_pid = Some(*pid),
            Fact::TmuxLost { why: _ } => {
                self.tmux_pid = None;
                self.tmux_lost = Some(at);
            }
            Fact::ProjectBase { project, git } => {
                if let Some(night) = &mut self.night {
                    night.bases.insert(project.clone(), git.clone());
                }
            }
            Fact::ProjectSeen { project, work } => {
                if let Some(night) = &mut self.night {
                    night.work.insert(project.clone(), work.clone());
                }
            }
            Fact::ReportWritten { night, files: _ } => {
                if let Some(open) = self.night.as_mut().filter(|open| open.id == *night) {
                    open.reported = true;
                }
            }
            Fact::LastNights { nights } => self.last_nights = nights.clone(),
            Fact::NightSummed { summary } => self.summed = Some((**summary).clone()),
            Fact::Reviewed { review } => {
                // The next night is not told of it as open.
                if let Some(summed) = &mut self.summed {
                    summed.settle(&review.artifact);
                }
            }
            Fact::Finding { run, finding } => {
                if let Some(run) = self.runs.get_mut(run) {
                    run.find(finding);
                }
            }
            Fact::BreakerMoved { key, to } => self.breakers.moved(key, to),
            Fact::ProjectParked { project, parked: true, why } => {
                self.breakers.parked.insert(project.clone(), why.clone());
            }
            Fact::ProjectParked { project, parked: false, why: _ } => {
                self.breakers.parked.remove(project);
            }
            Fact::DaemonCrashed { what: _ } => self.breakers.crashed(at.wall),
            Fact::SafeMode { on, why } => {
                self.breakers.safe_mode = on.then(|| why.clone());
                self.breakers.crashes.clear();
            }
            Fact::PlanRejected { .. }
            | Fact::StopIntended { .. }
            | Fact::OperatorActed { .. }
            | Fact::ClockJumped { .. }
            | Fact::StoodStill { .. }
            | Fact::Trouble { .. }
            | Fact::Worded { .. }
            | Fact::Cleaned { .. }
            | Fact::AlertMoved { .. }
            | Fact::MessageSettled { .. } => {}
            Fact::MessageQueued { .. } => {
                let sent = delivery::night_of(&entry.fact);
                if let Some(night) = self.night.as_mut().filter(|night| sent.as_ref() == Some(&night.id)) {
                    night.delivered = true;
                }
            }
            Fact::WindowBegan { .. } | Fact::NightEnds { .. } => {}
            Fact::DocumentRead { .. } | Fact::FilesSeen { .. } => {
                if let Some(night) = &mut self.night {
                    super::collected::apply(&mut night.collected, &entry.fact);
                }
            }
            Fact::AgentMoved { attempt, seen, .. } => {
                if let Some(attempt) = self.attempt_mut(attempt) {
                    attempt.output.agent = Some(seen.clone());
                }
            }
            Fact::LimitMet { run, limit } => {
                if let Some(run) = self.runs.get_mut(run) {
                    run.limit = (**limit).clone();
                }
            }
            Fact::Told { attempt, told } => {
                if let Some(attempt) = self.attempt_mut(attempt) {
                    attempt.told.take(told);
                }
            }
            Fact::AttemptUsed { attempt, used } => self.use_of(attempt, used),
            Fact::Conversation { attempt, conversation } => {
                if let Some(attempt) = self.attempt_mut(attempt) {
                    attempt.conversation = Some((**conversation).clone());
                }
            }
            Fact::DeadlineSet { run, at } => {
                if let Some(run) = self.runs.get_mut(run) {
                    run.deadline = *at;
                }
            }
        }
    }

    /// The plan of a session, from the file or added by hand.
    pub fn session(&self, name: &SessionName) -> Option<&SessionPlan> {
        self.plan.sessions.get(name).or_else(|| self.added.get(name))
    }
    /// The night, while it is open; one that is being closed still is.
    pub fn open_night(&self) -> Option<&NightState> {
        self.night.as_ref().filter(|night| night.closed.is_none())
    }
    /// Whether the night is being closed.
    pub fn closing(&self) -> bool {
        self.open_night().is_some_and(|night| night.closing)
    }
    /// The newest run of a session in the night.
    pub fn latest_run(&self, session: &SessionName) -> Option<&Run> {
        let night = self.night.as_ref()?;
        let numbered = |number| RunId { night: night.id.clone(), session: session.clone(), number };
        self.runs.range(numbered(0)..=numbered(u32::MAX)).next_back().map(|(_, run)| run)
    }
    /// The run of a session that has not ended, if there is one.
    pub fn open_run(&self, session: &SessionName) -> Option<&Run> {
        self.latest_run(session).filter(|run| !run.state.is_ended())
    }
    /// The runs of the night.
    pub fn night_runs(&self) -> impl Iterator<Item = &Run> {
        let night = self.night.as_ref().map(|night| &night.id);
        self.runs.values().filter(move |run| Some(&run.id.night) == night)
    }
    /// Runs that failed for good and were not sent again, of this night and of older ones.
    pub fn dead_letters(&self) -> impl Iterator<Item = &Run> {
        self.runs.values().filter(|run| run.is_dead_letter())
    }
    /// Attempts of the night whose end was concluded from the absence of a recorder, or of any trace of a start. Should
    /// one of them be found alive after all, it belongs into [`Event::Reconciled`](super::event::Event::Reconciled): it
    /// is stopped then, as another attempt may run by now.
    pub fn given_up(&self) -> impl Iterator<Item = &AttemptId> {
        let attempts = self.night_runs().flat_map(|run| &run.attempts);
        attempts.filter(|attempt| attempt.exit.as_ref().is_some_and(ExitRecord::is_guess)).map(|attempt| &attempt.id)
    }
    /// Whether a run takes a slot. What cannot be killed takes none: it may never end. Neither does what waits for an
    /// answer that nobody gives.
    pub fn takes_slot(&self, run: &Run) -> bool {
        let parked = run.state.live_attempt().is_some_and(|attempt| self.tickets.parks(attempt));
        run.state.holds_slot() && !run.is_unkillable() && !parked
    }
    /// Slots taken.
    pub fn slots_taken(&self) -> u32 {
        u32::try_from(self.runs.values().filter(|run| self.takes_slot(run)).count()).unwrap_or(u32::MAX)
    }
    /// Slots in all: `concurrent`, at least one.
    pub fn slots(&self) -> u32 {
        self.plan.concurrent.max(1)
    }
    /// Starts of a session in the night, for `hard_cap_starts`.
    pub fn starts(&self, session: &SessionName) -> u32 {
        self.night.as_ref().and_then(|night| night.starts.get(session).copied()).unwrap_or(0)
    }
    /// Whether nothing more happens in the night without the operator: every run has ended, is held, or waits for one
    /// that is.
    pub fn settled(&self) -> bool {
        let mut any = false;
        let settled = self.night_runs().all(|run| {
            any = true;
            match run.state {
                RunState::Waiting { .. } | RunState::Held | RunState::Ended { .. } => true,
                RunState::Scheduled { .. }
                | RunState::Queued
                | RunState::Starting { .. }
                | RunState::Running { .. }
                | RunState::Checking { .. }
                | RunState::BackingOff { .. }
                | RunState::Limited { .. }
                | RunState::Stopping { .. } => false,
            }
        });
        any && settled
    }

    /// Opens a night, or the same one again. A new night starts with a clean table: what is carried over are dead
    /// letters; sessions added by hand were for the old one.
    fn open(&mut self, id: &NightId, by: &Actor, at: At) {
        if let Some(again) = self.night.as_mut().filter(|night| night.id == *id) {
            again.closed = None;
            again.closing = false;
            return;
        }
        let sent_before = self.night.as_ref().filter(|night| night.delivered).map(|night| night.id.clone());
        self.night = Some(NightState {
            sent_before,
            id: id.clone(),
            opened: at,
            by: by.clone(),
            closed: None,
            closing: false,
            starts: BTreeMap::new(),
            bases: BTreeMap::new(),
            work: BTreeMap::new(),
            reported: false,
            delivered: false,
            collected: BTreeMap::new(),
        });
        self.breakers.parked.clear();
        self.notes.new_night();
        self.tickets.new_night();
        self.spent.clear();
        self.added.clear();
        self.runs.retain(|_, run| kept(run, Some(id)));
    }

    fn intend(&mut self, id: &AttemptId, at: At) {
        let session = self.session(&id.run.session).cloned().map(Box::new);
        if let Some(run) = self.runs.get(&id.run) {
            let (key, retry) = (self.key_of(run), Self::is_retry(run));
            self.breakers.note_start(key, retry, at);
        }
        let Some(run) = self.runs.get_mut(&id.run) else { return };
        run.condense();
        run.attempts.push(Attempt::new(id.clone(), at));
        run.session = session.or(run.session.take());
        if let Some(night) = self.night.as_mut().filter(|night| night.id == id.run.night) {
            *night.starts.entry(id.run.session.clone()).or_insert(0) += 1;
        }
    }

    /// The runs of which less is kept when this one comes to be: the one before it, and one that is long over.
    pub(super) fn older(new: &RunId) -> [Option<RunId>; 2] {
        let before = |n: u32| Some(RunId { number: new.number.checked_sub(n)?, ..new.clone() });
        [before(1), before(u32::try_from(KEPT_WHOLE).unwrap_or(u32::MAX))]
    }

    fn attempt_mut(&mut self, id: &AttemptId) -> Option<&mut Attempt> {
        self.runs.get_mut(&id.run)?.attempts.iter_mut().find(|attempt| attempt.id.number == id.number)
    }

    fn unreported(&mut self) {
        if let Some(night) = &mut self.night {
            night.reported = false;
            night.delivered = false;
        }
    }
}

/// Whether a run belongs to the state when this night is the last one: its own runs, and of older nights what is still
/// open, what is a dead letter, and what this night gave a second chance.
pub(super) fn kept(run: &Run, night: Option<&NightId>) -> bool {
    let failed = run.state.outcome() == Some(Outcome::Failed);
    let second = run.redriven_by.as_ref().map(|second| &second.night);
    Some(&run.id.night) == night || !run.state.is_ended() || (failed && (second.is_none() || second == night))
}
