//! The invariants, checked after every step against the truth of the fake world.
//!
//! The numbers are those of the safety (S) and liveness (L) lists in `docs/decisions/0010-simulated-nights.md`.

use super::clock::{self, Clock};
use super::limits::Limits;
use super::outages::Outages;
use super::post::Post;
use super::prompts::Answers;
use super::spending::Spending;
use super::told::Claims;
use super::work::StallJudge;
use super::world::World;
use nightkeep::core::effect::Effect;
use nightkeep::core::event::{Event, Verb};
use nightkeep::core::exit::{Ending, FailureClass};
use nightkeep::core::fact::{Entry, Fact};
use nightkeep::core::finding::FindingKind;
use nightkeep::core::ids::{AttemptId, NightId, RunId, SessionName};
use nightkeep::core::limit::LONGEST;
use nightkeep::core::night::Step;
use nightkeep::core::pause::{LATE, SPREAD};
use nightkeep::core::plan::{DependencyOn, Jitter};
use nightkeep::core::retry::base_delay;
use nightkeep::core::run::{Due, Outcome, RunState};
use nightkeep::core::runaway::COOL_DOWN;
use nightkeep::core::state::State;
use nightkeep::core::time::{At, Wall};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub type Judged = Result<(), String>;

/// What the judge remembers of the facts so far, kept apart from the state it judges.
#[derive(Default)]
pub struct Judge {
    intended: BTreeSet<AttemptId>,
    stop_intended: BTreeSet<AttemptId>,
    ended: BTreeSet<AttemptId>,
    states: BTreeMap<RunId, RunState>,
    /// No start before this true time, as long as the boot is the same.
    not_before: BTreeMap<RunId, (u64, u32)>,
    /// When the faults went off.
    pub calm_since: Option<u64>,
    ends_of: BTreeMap<(NightId, SessionName), BTreeSet<Outcome>>,
    /// Runs whose `after` an operator set aside.
    waived: BTreeSet<RunId>,
    /// Sessions whose last word is an operator's stop.
    stopped: BTreeSet<SessionName>,
    starts: BTreeMap<(NightId, SessionName), u32>,
    pub reports: BTreeMap<NightId, u32>,
    pub closed: BTreeSet<NightId>,
    pub clock: Clock,
    stalls: StallJudge,
    outages: Outages,
    limits: Limits,
    spending: Spending,
    post: Post,
    answers: Answers,
    claims: Claims,
    /// When the newest daemon began.
    daemon_since: u64,
}

pub fn ensure(holds: bool, what: impl FnOnce() -> String) -> Judged {
    if holds { Ok(()) } else { Err(what()) }
}

/// Whether an event is an operator's doing, or a changed file.
fn may_create(event: &Event) -> bool {
    matches!(
        event,
        Event::Up { .. }
            | Event::Operator { .. }
            | Event::Add { .. }
            | Event::Redrive { .. }
            | Event::Schedule { .. }
            | Event::PlanLoaded { .. }
    )
}

impl Judge {
    /// Judges one step. `state` is as it is after it.
    pub fn step(&mut self, event: &Event, step: &Step, state: &State, world: &World) -> Judged {
        self.note_operator(event, step, state);
        self.post.step(event, step, state, world)?;
        self.claims.step(event, step, state)?;
        self.stalls.step(event, step, state, world)?;
        for entry in &step.facts {
            self.clock.fact(event, entry, state, world)?;
            self.fact(event, entry, state, world).map_err(|what| format!("{what}\n  fact: {:?}", entry.fact))?;
        }
        self.spending.step(&step.facts, state)?;
        super::runaways::step(event, step, state, world)?;
        for effect in &step.effects {
            self.effect(event, effect)?;
        }
        self.clock.effects(event, step)?;
        if matches!(event, Event::DaemonStarted { .. }) {
            self.daemon_since = world.t;
        }
        if !step.facts.is_empty() {
            Limits::asked(state)?;
        }
        if matches!(event, Event::Reconciled { .. }) {
            self.no_wait_is_forgotten(state, world)?;
            self.no_slot_is_held_for_ever(state, world)?;
        }
        let started = step.facts.iter().any(|entry| matches!(entry.fact, Fact::AttemptIntended { .. }));
        ensure(!started || state.slots_taken() <= state.slots(), || {
            format!("slots: {} of {} are taken after a start", state.slots_taken(), state.slots())
        })
    }

    fn note_operator(&mut self, event: &Event, step: &Step, state: &State) {
        let granted = step.answers().all(|(granted, _)| granted);
        self.limits.note_operator(event, granted, state);
        let in_vain = step.answers().any(|(_, result)| result.contains("nothing of it is open"));
        match event {
            Event::Operator { verb: Verb::Start | Verb::Restart, session, .. } if granted => {
                self.waived.extend(state.latest_run(session).map(|run| run.id.clone()));
                self.stopped.remove(session);
            }
            // Where nothing was open there was nothing to stop: a time that comes later tonight still comes.
            Event::Operator { verb: Verb::Stop, session, .. } if granted && !in_vain => {
                self.stopped.insert(session.clone());
            }
            // Its time takes the place of any wait; what it comes after still counts.
            Event::Schedule { session, .. } if granted => {
                self.not_before.retain(|run, _| run.session != *session);
                self.stopped.remove(session);
            }
            Event::Redrive { run, .. } if granted => {
                self.waived.extend(state.latest_run(&run.session).map(|run| run.id.clone()));
                self.stopped.remove(&run.session);
            }
            Event::Up { .. } => self.stopped.clear(),
            _ => {}
        }
    }

    fn fact(&mut self, event: &Event, entry: &Entry, state: &State, world: &World) -> Judged {
        self.outages.fact(event, entry, state, world)?;
        self.limits.fact(entry, state, world)?;
        self.answers.fact(event, entry, state, world)?;
        super::drafts::fact(event, entry, state, world)?;
        self.spending.fact(entry, state, world)?;
        match &entry.fact {
            Fact::RunCreated { run, state: at_first, .. } => {
                ensure(!self.states.contains_key(run), || format!("S1: {run} was created twice"))?;
                let may = may_create(event) || clock::may_create(run, event, state);
                ensure(may, || format!("S11: {run} came to be without an operator"))?;
                self.states.insert(run.clone(), at_first.clone());
                if *at_first == RunState::Queued {
                    self.is_free(run, state)?;
                }
            }
            Fact::RunMoved { run, to, .. } => self.moved(event, (run, to), entry.at, state, world)?,
            Fact::AttemptIntended { attempt } => self.intends(attempt, state, world)?,
            Fact::StopIntended { attempt, .. } => {
                self.stop_intended.insert(attempt.clone());
            }
            Fact::AttemptEnded { attempt, exit, verdict, counted } => {
                ensure(self.ended.insert(attempt.clone()), || format!("S3: {attempt} ended twice"))?;
                ensure(self.intended.contains(attempt), || format!("S3: {attempt} ended without a start"))?;
                let dir = world.dirs.get(attempt);
                match (&exit.ending, dir) {
                    (Ending::Lost { .. }, Some(dir)) => ensure(dir.exit.is_none() && dir.program.is_none(), || {
                        format!("S3: {attempt} is called lost, but its recorder knows better")
                    })?,
                    (Ending::ExecFailed { errno: 0, .. }, dir) => {
                        ensure(dir.is_none(), || format!("S3: {attempt} is said not to have started"))?;
                    }
                    (_, Some(dir)) => ensure(dir.exit.as_ref() == Some(exit), || {
                        format!("S3: {attempt} ended otherwise: {:?}", dir.exit)
                    })?,
                    (_, None) => return Err(format!("S3: {attempt} never ran")),
                }
                let class = verdict.as_ref().map(|verdict| verdict.class);
                let outside = matches!(
                    class,
                    Some(
                        FailureClass::ProviderDown
                            | FailureClass::UsageLimit
                            | FailureClass::Operator
                            | FailureClass::Lost
                            | FailureClass::Infra
                            | FailureClass::BudgetExceeded
                    )
                );
                ensure(!(outside && *counted), || format!("S8: {attempt} counts, though it is {class:?}"))?;
                ensure(*counted == verdict.as_ref().is_some_and(|v| v.counted), || {
                    format!("S8: {attempt} counts otherwise than its verdict")
                })?;
                if let (None, Some(dir)) = (verdict, dir) {
                    let good = exit.code().is_some_and(|code| dir.session.success.exit_codes.contains(&code));
                    ensure(good, || format!("S24: {attempt} is judged by another plan than its own"))?;
                }
            }
            Fact::NightClosed { night, .. } => {
                let open = self.states.iter().find(|(run, state)| run.night == *night && !state.is_ended());
                ensure(open.is_none(), || format!("S1: the night was closed with {open:?}"))?;
                self.closed.insert(night.clone());
            }
            Fact::NightOpened { night, by } => {
                if by.who == "nightkeep" {
                    // A night that begins by itself runs everything, like `up`.
                    self.stopped.clear();
                }
                self.closed.remove(night);
            }
            Fact::Finding { run, finding } if finding.kind == FindingKind::Unkillable && finding.is_open() => {
                let attempt = state.runs.get(run).and_then(|run| run.state.live_attempt());
                let stuck = attempt.is_some_and(|attempt| world.stuck.contains(attempt));
                ensure(stuck, || format!("S28: {run} is said to outlive its kill, and does not"))?;
            }
            Fact::ReportWritten { night, .. } => *self.reports.entry(night.clone()).or_insert(0) += 1,
            _ => {}
        }
        Ok(())
    }

    fn moved(&mut self, event: &Event, (run, to): (&RunId, &RunState), at: At, state: &State, world: &World) -> Judged {
        let Some(from) = self.states.insert(run.clone(), to.clone()) else {
            return Err(format!("S1: {run} was never created"));
        };
        ensure(!from.is_ended(), || format!("S11: {run} had ended and is {} again", to.word()))?;
        match to {
            RunState::Ended { outcome } => {
                self.ends_of.entry((run.night.clone(), run.session.clone())).or_default().insert(*outcome);
            }
            RunState::BackingOff { until } => {
                self.not_before.insert(run.clone(), (world.t + millis(until.mono.since(at.mono)), world.boot));
                if let RunState::BackingOff { until: before } = &from
                    && is_late(before, at, world)
                {
                    // It was found late, and put off a little.
                    let most = until.mono.since(at.mono).max(until.delay);
                    ensure(most <= SPREAD, || format!("S27: {run} is put off by {most:?}"))?;
                } else {
                    self.delay(run, until.delay, state)?;
                }
            }
            RunState::Limited { until } => {
                self.not_before.insert(run.clone(), (world.t + millis(until.mono.since(at.mono)), world.boot));
                ensure(until.delay <= LONGEST, || format!("S9: {run} waits {:?}", until.delay))?;
            }
            RunState::Queued => {
                let asked = matches!(event, Event::Operator { .. } | Event::Schedule { .. });
                let late = matches!(&from, RunState::BackingOff { until } if is_late(until, at, world));
                ensure(asked || !late, || format!("S27: {run} was overdue for long, and starts at once"))?;
                let started = self.intended.contains(&AttemptId { run: run.clone(), number: 1 });
                if !started && from != RunState::Queued {
                    self.is_free(run, state)?;
                }
            }
            RunState::Scheduled { .. }
            | RunState::Waiting { .. }
            | RunState::Starting { .. }
            | RunState::Running { .. }
            | RunState::Checking { .. }
            | RunState::Held
            | RunState::Stopping { .. } => {}
        }
        let by_operator = matches!(event, Event::Operator { .. });
        if by_operator {
            self.not_before.remove(run);
        }
        Ok(())
    }

    /// L1: without faults no wait lasts longer than it should.
    fn no_wait_is_forgotten(&self, state: &State, world: &World) -> Judged {
        let Some(calm) = self.calm_since else { return Ok(()) };
        let ago = i64::try_from(world.t - calm).unwrap();
        self.clock.nothing_is_forgotten(Wall(world.wall().0 - ago), state, world)?;
        self.outages.none_stays_open(calm, state, world)?;
        let behind = self.outages.may_hold(state);
        for run in state.runs.values() {
            let own = matches!(run.state, RunState::BackingOff { .. }) || !behind;
            if let RunState::BackingOff { until } | RunState::Limited { until } = &run.state
                && own
            {
                let began = self.not_before.get(&run.id).map_or(0, |(t, _)| t.saturating_sub(millis(until.delay)));
                let by = began.max(calm) + millis(until.delay) + 1_000;
                ensure(world.t <= by, || format!("L1: {} still waits, {} ms too long", run.id, world.t - by))?;
            }
        }
        Ok(())
    }

    /// L8: what cannot be killed is told in time, and takes no slot then.
    fn no_slot_is_held_for_ever(&self, state: &State, world: &World) -> Judged {
        for run in state.runs.values() {
            let RunState::Stopping { attempt, .. } = &run.state else { continue };
            let grace = run.session.as_ref().map_or(Duration::from_secs(15), |session| session.stop_grace);
            // Within its grace and ten seconds it is looked at; an answer may be lost with a daemon.
            let by = grace + Duration::from_secs(20);
            let asked = world.at().mono.since(run.since.mono);
            let watched = Duration::from_millis(world.t - self.daemon_since.max(world.woke));
            ensure(!world.is_stuck(attempt) || run.is_unkillable() || asked.min(watched) <= by, || {
                format!("L8: {attempt} cannot be killed for {asked:?}, and nobody says so")
            })?;
        }
        Ok(())
    }

    /// S10: a run that has not started yet may be queued: what it comes after is through.
    fn is_free(&self, run: &RunId, state: &State) -> Judged {
        let after = state.session(&run.session).map(|session| session.after.as_slice()).unwrap_or_default();
        for dependency in after.iter().filter(|_| !self.waived.contains(run)) {
            let ends = self.ends_of.get(&(run.night.clone(), dependency.session.clone()));
            let fits = ends.is_some_and(|ends| match dependency.on {
                DependencyOn::Success => ends.contains(&Outcome::Succeeded),
                DependencyOn::End => !ends.is_empty(),
            });
            ensure(fits, || format!("S10: {run} is ready before {} is through", dependency.session))?;
        }
        Ok(())
    }

    /// S9: the delay fits the policy.
    fn delay(&self, id: &RunId, delay: Duration, state: &State) -> Judged {
        let Some(run) = state.runs.get(id) else { return Ok(()) };
        let (Some(session), Some(verdict)) = (&run.session, run.last_attempt().and_then(|a| a.verdict.as_ref())) else {
            return Err(format!("S9: {id} backs off without a failure"));
        };
        let policy = &session.retry;
        let (least, most) = match verdict.class {
            FailureClass::CrashLoop => (Duration::ZERO, policy.crash_loop_window.max(policy.max_delay)),
            FailureClass::Lost | FailureClass::Infra => (Duration::ZERO, policy.max_delay),
            FailureClass::Runaway => (COOL_DOWN, COOL_DOWN),
            _ => {
                let base = base_delay(policy, run.counted);
                match policy.jitter {
                    Jitter::Equal => (base / 2, base),
                    Jitter::Full => (Duration::ZERO, base),
                    Jitter::None => (base, base),
                }
            }
        };
        ensure(least <= delay && delay <= most, || format!("S9: {id} waits {delay:?}, not {least:?} to {most:?}"))
    }

    fn intends(&mut self, attempt: &AttemptId, state: &State, world: &World) -> Judged {
        ensure(self.intended.insert(attempt.clone()), || format!("S4: {attempt} is intended twice"))?;
        let run = &attempt.run;
        ensure(!self.stopped.contains(&run.session), || format!("S17: {attempt} starts after an operator's stop"))?;
        if let Some((t, boot)) = self.not_before.remove(run) {
            // After a reboot only the wall clock is left, and that may have been set.
            ensure(boot != world.boot || world.t >= t, || format!("S7: {attempt} starts {} ms early", t - world.t))?;
        }
        let night = state.night.as_ref().ok_or("S1: an attempt without a night")?;
        ensure(night.closed.is_none() && !night.closing, || format!("S7: {attempt} starts as the night ends"))?;
        let session = state.session(&run.session).ok_or(format!("S24: {run} starts without a plan"))?;
        let starts = self.starts.entry((run.night.clone(), run.session.clone())).or_insert(0);
        *starts += 1;
        let cap = session.retry.hard_cap_starts;
        ensure(*starts <= cap, || format!("S6: {attempt} is start {starts} of {cap}"))?;
        let counted = state.runs.get(run).map_or(0, |run| run.counted);
        ensure(counted < session.retry.max_attempts, || format!("S6: {attempt} after {counted} counted attempts"))?;
        Ok(())
    }

    fn effect(&self, event: &Event, effect: &Effect) -> Judged {
        match effect {
            Effect::Start { attempt, .. } => {
                ensure(self.intended.contains(attempt), || format!("S4: {attempt} is started without intent"))?;
                ensure(!self.ended.contains(attempt), || format!("S4: {attempt} is started after its end"))
            }
            Effect::Stop { attempt, .. } => {
                ensure(self.stop_intended.contains(attempt), || format!("S4: {attempt} is stopped without intent"))?;
                let reload = matches!(event, Event::PlanLoaded { .. } | Event::PlanBroken { .. });
                ensure(!reload, || format!("S24: a reload stops {attempt}"))
            }
            Effect::Check { .. }
            | Effect::Arm { .. }
            | Effect::NoteBase { .. }
            | Effect::Nudge { .. }
            | Effect::WriteReport { .. }
            | Effect::NightOver { .. }
            | Effect::LookForRemains { .. }
            | Effect::Send { .. }
            | Effect::Answer { .. }
            | Effect::AwaitRest { .. }
            | Effect::TypeDraft { .. } => Ok(()),
        }
    }

    /// S2, by process truth, after a program was started.
    pub fn spawned(&self, attempt: &AttemptId, world: &World) -> Judged {
        let living = world.living(&attempt.run.session);
        ensure(living.len() <= 1, || format!("S2: {living:?} live at once"))?;
        ensure(self.intended.contains(attempt), || format!("S4: {attempt} runs without a journaled intent"))
    }

    /// S17: some time after an operator's stop nothing of the session lives.
    pub fn stop_is_through(&self, session: &SessionName, world: &World) -> Judged {
        let mut living = world.living(session);
        living.retain(|attempt| !world.is_stuck(attempt));
        ensure(living.is_empty() || !self.stopped.contains(session), || format!("S17: {living:?} lives on"))
    }

    /// What must hold when a night is over and nothing is left to do.
    pub fn at_the_end(&self, night: &NightId, state: &State, world: &World, journal: &[Entry]) -> Judged {
        ensure(self.closed.contains(night), || format!("L1: {night} was never closed"))?;
        ensure(self.reports.get(night).is_some_and(|n| *n > 0), || format!("L4: no report of {night}"))?;
        ensure(state.night.as_ref().is_some_and(|night| night.reported), || format!("L4: {night} has an old report"))?;
        for (id, dir) in world.dirs.iter().filter(|(id, _)| id.run.night == *night) {
            ensure(dir.program.is_none(), || format!("L1: {id} lives after the night"))?;
            ensure(self.ended.contains(id), || format!("S3: the end of {id} is in no fact"))?;
        }
        for run in state.night_runs() {
            ensure(self.states.get(&run.id) == Some(&run.state), || {
                format!("S1: {} is otherwise in the state", run.id)
            })?;
        }
        let of_night = |run: &&RunId| run.night == *night;
        let (created, known) = (self.states.keys().filter(of_night).count(), state.night_runs().count());
        ensure(created == known, || format!("S1: {created} runs were created, {known} are known"))?;
        self.post.at_the_end(night.as_str(), state)?;
        self.totals(night, world, journal)
    }

    /// S14: what a report can count in the journal is what happened.
    fn totals(&self, night: &NightId, world: &World, journal: &[Entry]) -> Judged {
        let (mut codes, mut ran) = (BTreeMap::new(), Duration::ZERO);
        for entry in journal {
            if let Fact::AttemptEnded { attempt, exit, .. } = &entry.fact
                && attempt.run.night == *night
                && let Some(code) = exit.code()
            {
                *codes.entry(code).or_insert(0) += 1;
                ran += exit.ran;
            }
        }
        let (mut true_codes, mut true_ran) = (BTreeMap::new(), Duration::ZERO);
        for (_, dir) in world.dirs.iter().filter(|(id, _)| id.run.night == *night) {
            if let Some((code, exit)) = dir.exit.as_ref().and_then(|exit| Some((exit.code()?, exit))) {
                *true_codes.entry(code).or_insert(0) += 1;
                true_ran += exit.ran;
            }
        }
        ensure(codes == true_codes && ran == true_ran, || {
            format!("S14: {codes:?} in the journal, truly {true_codes:?}")
        })
    }
}

/// Whether a wait was over for long when nobody had seen it.
fn is_late(until: &Due, at: At, world: &World) -> bool {
    let by = if until.boot_id == world.boot_id() { at.mono.since(until.mono) } else { at.wall.since(until.wall) };
    by > LATE
}

pub fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap()
}
