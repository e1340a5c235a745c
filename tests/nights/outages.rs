//! The invariants of breakers, the pace of starts and the retry budget, from the facts and the truth of the fake world.

use super::judge::{Judged, ensure, millis};
use super::limits;
use super::world::World;
use nightkeep::core::breaker::{Breaker, PROBE_DELAY, PROBE_RUNS, Phase, READING_HOLDS, base_delay};
use nightkeep::core::event::{Event, Verb};
use nightkeep::core::exit::FailureClass;
use nightkeep::core::fact::{Entry, Fact};
use nightkeep::core::guard::{FOR_ALL, PACE, RETRIES_FREE};
use nightkeep::core::ids::{AttemptId, RunId};
use nightkeep::core::run::{Attempt, Outcome, RunState};
use nightkeep::core::state::State;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What this judge remembers, kept apart from the state it judges.
#[derive(Default)]
pub struct Outages {
    breakers: BTreeMap<String, Breaker>,
    /// True time and boot of the last opening.
    opened: BTreeMap<String, (u64, u32)>,
    /// True time, boot, provider, whether it was a retry.
    starts: Vec<(u64, u32, Option<String>, bool)>,
    parked: BTreeSet<RunId>,
    safe: bool,
    classes: BTreeMap<RunId, FailureClass>,
    /// How often a person had a usage limit tried.
    words: u64,
    /// Runs whose last outage was counted, and those that ended as dead letters of one.
    pub outages: u64,
}

impl Outages {
    pub fn fact(&mut self, event: &Event, entry: &Entry, state: &State, world: &World) -> Judged {
        match &entry.fact {
            Fact::BreakerMoved { key, to } => self.moved(event, key, to, state, world),
            Fact::AttemptIntended { attempt } => self.starts(attempt, state, world),
            Fact::AttemptEnded { attempt, verdict, counted, .. } => {
                if let Some(verdict) = verdict {
                    self.classes.insert(attempt.run.clone(), verdict.class);
                } else {
                    self.classes.remove(&attempt.run);
                }
                let Some(dir) = world.dirs.get(attempt).filter(|dir| dir.outage) else { return Ok(()) };
                self.outages += 1;
                let policy = &dir.session.retry;
                let as_usual = policy.never_on.is_empty() && dir.session.success.exit_codes == [0];
                ensure(!as_usual || !*counted, || format!("S8: {attempt} is counted, but its provider was down"))
            }
            Fact::RunMoved { run, to: RunState::Ended { outcome: Outcome::Failed }, reason } => {
                self.parked.remove(run);
                let class = self.classes.get(run).copied();
                let of_outage = class == Some(FailureClass::ProviderDown);
                // The hard cap, the edited file and a budget are the operator's own word.
                let own = ["are allowed", "file", "the budget of"].iter().any(|word| reason.contains(word));
                ensure(!of_outage || own, || format!("S8: {run} is a dead letter of an outage: {reason}"))
            }
            Fact::ProjectParked { project, parked: true, .. } => {
                let of = |run: &RunId| state.session(&run.session).and_then(|s| s.project.as_ref()) == Some(project);
                let open = state.runs.values().filter(|run| !run.state.is_ended() && of(&run.id));
                self.parked.extend(open.map(|run| run.id.clone()));
                Ok(())
            }
            Fact::OperatorActed { .. } => {
                if let Event::Operator { verb: Verb::Start | Verb::Restart | Verb::Release, session, .. }
                | Event::Schedule { session, .. } = event
                {
                    self.parked.retain(|run| run.session != *session);
                }
                Ok(())
            }
            Fact::SafeMode { on, .. } => {
                self.safe = *on;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn moved(&mut self, event: &Event, key: &str, to: &Breaker, state: &State, world: &World) -> Judged {
        let from = self.breakers.get(key).cloned().unwrap_or_default();
        let since = self.opened.get(key).copied();
        match (&from.phase, &to.phase) {
            (Phase::Open { until: old }, Phase::HalfOpen { .. }) => {
                let early = since.is_some_and(|(t, boot)| {
                    boot == world.boot && world.t < t + millis(old.delay) && old.boot_id == world.boot_id()
                });
                // A person has a usage limit tried when they like.
                let word = to.limit.is_some()
                    && matches!(event, Event::Operator { verb: Verb::Start | Verb::Restart | Verb::Release, .. });
                self.words += u64::from(word);
                ensure(!early || word, || format!("S7: {key} is tried before its wait is over"))?;
            }
            (Phase::HalfOpen { probe: Some(old), .. }, Phase::HalfOpen { probe, .. }) => {
                ensure(probe.as_ref() == Some(old), || format!("S7: {key} has two probes, {old} and {probe:?}"))?;
            }
            (Phase::HalfOpen { probe: Some(probe), .. }, Phase::SlowStart { .. }) if key.starts_with("provider:") => {
                // An end that the daemon was not told yet cannot speak; the next failure opens it again.
                let known = state.runs.get(&probe.run).and_then(|run| run.attempt(probe.number));
                let ended = known.is_some_and(|attempt| attempt.exit.is_some());
                let ran = known.is_some_and(|attempt| entry_ran(attempt, world) >= PROBE_RUNS);
                let failed = world.dirs.get(probe).is_some_and(|dir| dir.outage);
                ensure(if ended { !failed } else { ran }, || {
                    format!("S7: {key} is closed by the probe {probe}, which shows nothing")
                })?;
            }
            (Phase::Closed, Phase::HalfOpen { .. } | Phase::SlowStart { .. }) => {
                return Err(format!("S7: {key} was closed and is {}", to.word()));
            }
            _ => {}
        }
        if let Phase::Open { until } = &to.phase {
            let waited = if let Phase::Open { until } = &from.phase { until.delay } else { Duration::ZERO };
            let again = matches!(from.phase, Phase::Open { .. });
            if from.opened != to.opened || !again {
                self.opened.insert(key.to_owned(), (world.t, world.boot));
            } else {
                self.opened.insert(key.to_owned(), (world.t, world.boot + 1));
            }
            let base = base_delay(to.opened);
            let limits = [15, 30, 60].map(|minutes| Duration::from_secs(minutes * 60));
            let fits = (until.delay >= base / 2 && until.delay <= base)
                || (to.limit.is_some() && limits.contains(&until.delay))
                || (again && until.delay == waited)
                || limits::fits(until.delay, to.limit.and_then(|limit| limit.resets), world.wall())
                || until.delay == READING_HOLDS;
            ensure(fits, || format!("S9: {key} waits {:?} for its probe {}", until.delay, to.opened))?;
        }
        // Probes are at least half of the first wait apart.
        if let Some(at) = to.since.filter(|_| to.probes > 0 && !world.was_set) {
            let lasted = world.wall().since(at.wall);
            let most = lasted.as_secs() / (PROBE_DELAY.0.as_secs() / 2) + 1 + self.words;
            ensure(u64::from(to.probes) <= most, || format!("S7: {key} had {} probes in {lasted:?}", to.probes))?;
        }
        self.breakers.insert(key.to_owned(), to.clone());
        Ok(())
    }

    fn starts(&mut self, attempt: &AttemptId, state: &State, world: &World) -> Judged {
        let (t, boot) = (world.t, world.boot);
        ensure(!self.safe, || format!("S11: {attempt} starts in safe mode"))?;
        ensure(!self.parked.contains(&attempt.run), || format!("S11: {attempt} starts though its project is parked"))?;
        let provider = state.session(&attempt.run.session).and_then(|session| session.provider.clone());
        let own = provider.as_ref().map(|provider| format!("provider:{provider}"));
        for key in FOR_ALL.into_iter().chain(own.as_deref()) {
            let Some(breaker) = self.breakers.get(key) else { continue };
            let through = match &breaker.phase {
                Phase::Closed | Phase::SlowStart { .. } => true,
                Phase::Open { .. } => false,
                Phase::HalfOpen { probe, .. } => probe.as_ref() == Some(attempt),
            };
            ensure(through, || format!("S7: {attempt} starts behind {key}, which is {}", breaker.word()))?;
        }
        let retry = self.classes.get(&attempt.run).is_some_and(|class| {
            !matches!(
                class,
                FailureClass::Operator | FailureClass::Lost | FailureClass::ProviderDown | FailureClass::UsageLimit
            )
        });
        let within = |span: u64| self.starts.iter().rev().take_while(move |s| s.0 + span > t && s.1 == boot);
        if provider.is_some() {
            let shared = within(5_000).filter(|s| s.2 == provider).count();
            ensure(shared < PACE, || format!("S9: {attempt} is start {} of {provider:?} in 5 s", shared + 1))?;
        }
        if retry {
            let retries = within(58 * 60_000).filter(|s| s.3).count();
            let most = usize::try_from(RETRIES_FREE).unwrap() + within(3_600_000).count() / 5;
            ensure(retries < most, || format!("S6: {attempt} is retry {} of {most} in an hour", retries + 1))?;
        }
        self.starts.push((t, boot, provider, retry));
        Ok(())
    }

    /// L2: without faults no breaker stays open behind which somebody waits.
    pub fn none_stays_open(&self, calm: u64, state: &State, world: &World) -> Judged {
        for (key, breaker) in state.breakers.open() {
            let Phase::Open { until } = &breaker.phase else { continue };
            let began = self.opened.get(key).map_or(0, |(t, _)| *t).max(calm);
            let most = millis(until.delay) + 60_000;
            ensure(world.t <= began + most, || format!("L2: {key} is open {} ms too long", world.t - began - most))?;
        }
        Ok(())
    }
    /// Whether something may hold a run longer than its own wait.
    pub fn may_hold(&self, state: &State) -> bool {
        state.breakers.open().next().is_some()
    }
}

/// How long an attempt has run, by the monotonic clock.
fn entry_ran(attempt: &Attempt, world: &World) -> Duration {
    world.at().mono.since(attempt.intended.mono)
}
