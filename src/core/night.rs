//! The one way in: an event becomes facts and effects.

use super::alert::Post;
use super::effect::Effect;
use super::event::{Event, Timer};
use super::fact::{Entry, Fact};
use super::state::State;
use super::time::{At, Mono};
use super::turn::Turn;
use jiff::tz::TimeZone;

/// All that decides: the state, and what decisions need beside it.
#[derive(Debug, Clone)]
pub struct Night {
    /// The fold over all facts so far. Read it freely; only [`Night::step`] changes it.
    pub state: State,
    /// Spreads the delays. Not part of the state: a delay once drawn is in the journal.
    pub(super) rng: fastrand::Rng,
    /// The boot that monotonic times belong to.
    pub(super) boot_id: String,
    /// Set from the daemon's start until the file was read (or found broken): what stands in the journal may be an old
    /// plan, and nothing is started by an old plan.
    pub(super) awaits_plan: bool,
    /// Messages under way, and the alerts' timer.
    pub(super) post: Post,
    /// The zone of the night, by which times of day are meant. Like the clocks it is told by the rim, and not journaled.
    pub zone: TimeZone,
    /// When the queue is looked at again because of the pace of starts, while that is armed.
    pub(super) paced: Option<Mono>,
}

/// What a step decided. The facts are to be journaled, in order and in one transaction, before any effect is performed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Step {
    /// To be journaled first. They are in the state already.
    pub facts: Vec<Entry>,
    /// To be performed afterwards, in order.
    pub effects: Vec<Effect>,
}

impl Step {
    /// What an operator's wish came to: whether it was granted, and the words for it. One for each `OperatorActed`.
    pub fn answers(&self) -> impl Iterator<Item = (bool, &str)> {
        self.facts.iter().filter_map(|entry| {
            // Only this one fact is an answer; the rest of a long enum is of no interest here.
            if let Fact::OperatorActed { result, .. } = &entry.fact {
                Some((Fact::is_done(result), result.as_str()))
            } else {
                None
            }
        })
    }
}

impl Night {
    /// A night from a folded state. `seed` spreads the retry delays; `boot_id` says which boot `At::mono` belongs to.
    pub fn new(state: State, seed: u64, boot_id: &str) -> Self {
        Self {
            state,
            rng: fastrand::Rng::with_seed(seed),
            boot_id: boot_id.to_owned(),
            awaits_plan: false,
            post: Post::default(),
            zone: TimeZone::UTC,
            paced: None,
        }
    }

    /// Whether what is kept beside the state still follows from it; the error says what does not. It looks at everything,
    /// so it is for tests.
    pub fn check(&self, at: At) -> Result<(), String> {
        self.post.check(&self.state, self.state.alerts.now(at))
    }

    /// Takes one event. The state is that after the facts; a step whose facts could not be journaled must not be acted
    /// on, and the state must be read again from the journal.
    pub fn step(&mut self, at: At, event: Event) -> Step {
        let mut turn = Turn::new(self, at);
        turn.handle(event);
        turn.conclude();
        let step = turn.into_step();
        debug_assert!(step.facts.is_empty() || self.state.check() == Ok(()), "{:?}", self.state.check());
        step
    }
}

impl Turn<'_> {
    /// Hands the event to the file that decides about it.
    fn handle(&mut self, event: Event) {
        match event {
            Event::DaemonStarted { pid, version, boot_id } => self.daemon_started(pid, version, boot_id),
            Event::DaemonStopping { reason } => self.fact(Fact::DaemonStopped { reason }),
            Event::PlanLoaded { plan } => self.plan_loaded(plan),
            Event::PlanBroken { problem } => self.plan_broken(problem),
            Event::Up { night, sessions, now, by } => self.up(&night, &sessions, now, &by),
            Event::OpenNight { night, by } => {
                self.open_night(&night, &by);
            }
            Event::Acted { verb, target, by, result } => self.acted(&verb, &target, &by, result),
            Event::Down { now, by } => self.down(now, &by),
            Event::Operator { verb, session, by } => self.verb(verb, &session, &by),
            Event::Add { session, by } => self.add(session, &by),
            Event::Redrive { run, by } => self.redrive(&run, &by),
            Event::Schedule { session, when, by } => self.schedule(&session, when, &by),
            Event::Started { attempt, started } => self.started(&attempt, started),
            Event::Output { attempt, output } => self.output_seen(&attempt, *output),
            Event::Ended { attempt, exit, output } => self.ended(&attempt, exit, *output),
            Event::StartFailed { attempt, why } => self.start_failed(&attempt, why),
            Event::Checked { attempt, results } => self.checked(&attempt, results),
            Event::Timer { timer, epoch } => self.timer(timer, epoch),
            Event::Reconciled { alive } => self.reconciled(&alive),
            Event::TmuxStarted { pid } => {
                if self.state().tmux_pid != Some(pid) {
                    self.fact(Fact::TmuxStarted { pid });
                }
            }
            Event::TmuxLost { why } => self.fact(Fact::TmuxLost { why }),
            Event::ProjectBase { project, git } => {
                // The first base of a night stays: later ones would hide what was done since.
                if self.state().open_night().is_some_and(|night| !night.bases.contains_key(&project)) {
                    self.fact(Fact::ProjectBase { project, git });
                }
            }
            Event::ProjectSeen { project, work } => {
                let known = self.state().night.as_ref().and_then(|night| night.work.get(&project));
                if self.state().night.is_some() && known != Some(&work) {
                    self.fact(Fact::ProjectSeen { project, work });
                }
            }
            Event::ReportWritten { night, files } => self.fact(Fact::ReportWritten { night, files }),
            Event::ClockJumped { by_ms } => {
                self.fact(Fact::ClockJumped { by_ms });
                self.arm_calendar_waits();
                self.clock_due = true;
            }
            Event::Trouble { part, what } => self.fact(Fact::Trouble { part, what }),
            Event::Evidence { evidence } => self.evidence(evidence),
            Event::Cleaned { clean } => self.fact(Fact::Cleaned { clean }),
            Event::AlertAct { alert, act, by } => self.alert_act(&alert, act, &by),
            Event::Sent { key, outcome } => self.sent(key, outcome),
            Event::Sampled { attempt, quiet, deadlines } => self.sampled(&attempt, quiet.as_ref(), &deadlines),
            Event::Sensed { key, seen } => self.sensed(&key, &seen),
            Event::DaemonCrashed { what } => self.daemon_crashed(what),
            Event::Note { session, text, by } => self.note(&session, &text, &by),
            Event::NoteDone { note, by } => self.note_done(&note, &by),
            Event::StoodStill { ms, slept_ms } => self.stood_still(ms, slept_ms),
            Event::AgentSeen { attempt, bytes, seen } => self.agent_seen(&attempt, bytes, *seen),
            Event::Remains { attempt, left } => self.remains(&attempt, &left),
            Event::Prompted { attempt, asked } => self.prompted(&attempt, asked.as_deref()),
            Event::Answer { session, said, ticket, by } => self.answer_ticket(&session, &said, ticket.as_deref(), &by),
            Event::AnswerTyped { ticket, typed, outcome } => self.answer_typed(ticket, &typed, &outcome),
            Event::Say { attempt, text } => self.say(&attempt, &text),
            Event::Rests { attempt } => self.rests(&attempt),
            Event::DraftTyped { draft, typed, outcome } => self.draft_typed(draft, &typed, &outcome),
            Event::ReportReady { night, digest } => self.report_ready(&night, &digest),
            Event::Used { attempt, used } => self.used(&attempt, *used),
            Event::Paced { attempt, pace } => self.paced(&attempt, &pace),
            Event::ConversationKept { attempt, id } => self.conversation_kept(&attempt, id),
        }
    }

    /// A wait ran out. One of an older epoch is ignored: the state it was armed for is gone.
    fn timer(&mut self, timer: Timer, epoch: u64) {
        match timer {
            Timer::RunDue(run) => {
                if self.epoch(&run) == Some(epoch) {
                    self.run_due(&run);
                }
            }
            Timer::AttemptTimeout(attempt) => {
                if self.epoch(&attempt.run) == Some(epoch) {
                    self.attempt_timeout(&attempt);
                }
            }
            Timer::StartOverdue(attempt) => {
                if self.epoch(&attempt.run) == Some(epoch) {
                    self.start_overdue(&attempt);
                }
            }
            Timer::StopOverdue(attempt) => {
                if self.epoch(&attempt.run) == Some(epoch) {
                    self.stop_overdue(&attempt, epoch);
                }
            }
            // The step ends with a look at the queue.
            Timer::Pacing => {
                self.night.paced = None;
                self.plan_known = true;
            }
            Timer::Breaker(key) => self.breaker_due(&key, epoch),
            Timer::Alerts => self.alerts_due(),
            Timer::Calendar => self.look_at_clock(true),
        }
    }
}
