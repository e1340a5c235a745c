//! Usage limits of simulated nights: what programs say of them, and the promises (U) that are kept about them.

use super::judge::{Judged, ensure, millis};
use super::sim::berlin;
use super::world::World;
use fastrand::Rng;
use nightkeep::core::calendar::{ClockTime, next};
use nightkeep::core::event::{Event, Verb};
use nightkeep::core::exit::FailureClass;
use nightkeep::core::fact::{Entry, Fact};
use nightkeep::core::finding::{Finding, FindingKind};
use nightkeep::core::ids::{AttemptId, RunId};
use nightkeep::core::limit::{LONGEST, LimitSeen, ResumePolicy};
use nightkeep::core::retry::MAX_LIMIT_WAITS;
use nightkeep::core::run::RunState;
use nightkeep::core::state::State;
use nightkeep::core::time::Wall;
use std::collections::BTreeMap;
use std::time::Duration;

const MINUTE: i64 = 60_000;

/// What a program says of its usage limit.
#[derive(Debug, Clone, Copy)]
pub struct Said {
    /// How far ahead its end is, in milliseconds; below 0 it has passed. `None` says nothing.
    pub ahead: Option<i64>,
    /// Whether it is one for days.
    pub long: bool,
    /// Whether a built-in rule knows it, and none of the file.
    pub built_in: bool,
}

/// Mostly a few hours, at times nothing, what has passed, or days.
pub fn said(rng: &mut Rng) -> Said {
    let (ahead, long) = match rng.u8(0..24) {
        0..6 => (None, false),
        6..8 => (Some(-rng.i64(0..30 * MINUTE)), false),
        8..13 => (Some(rng.i64(1..10 * MINUTE)), false),
        13..20 => (Some(rng.i64(1..90 * MINUTE)), false),
        20 => (Some(rng.i64(1..10 * 60 * MINUTE)), false),
        21 => (Some(rng.i64(20 * 60..26 * 60) * MINUTE), true),
        22 => (Some(rng.i64(25 * 60..100 * 60) * MINUTE), true),
        _ => (None, true),
    };
    Said { ahead, long, built_in: rng.u8(0..3) == 0 }
}

impl Said {
    /// What an observer makes of it at the end of the program.
    pub fn seen(self, at: Wall) -> LimitSeen {
        LimitSeen {
            rule: self.built_in.then(|| "claude/usage-limit@1".to_owned()),
            resets: self.ahead.map(|ahead| Wall(at.0 + ahead)),
            form: "a time of day".to_owned(),
            from: self.ahead.map_or_else(String::new, |ahead| format!("resets in {ahead}")),
            long: self.long,
        }
    }
}

/// What the file says of going on after a limit.
pub fn resume(rng: &mut Rng) -> ResumePolicy {
    ResumePolicy {
        until: (rng.u8(0..6) == 0).then(|| ClockTime(rng.u16(0..96) * 15)),
        max: match rng.u8(0..6) {
            0 => Some(0),
            1 => Some(rng.u32(1..4)),
            _ => None,
        },
    }
}

/// What this judge remembers, kept apart from the state it judges.
#[derive(Default)]
pub struct Limits {
    /// True time and boot before which a session or a provider must not be started.
    not_before: BTreeMap<String, (u64, u32)>,
    /// Runs whose newest attempt met a limit: whether it may go on by itself, and how often it did.
    met: BTreeMap<RunId, Met>,
}

#[derive(Default)]
struct Met {
    /// The newest end was a limit.
    now: bool,
    /// Starts after a limit since a person's last word.
    went_on: u32,
    /// All limits.
    all: usize,
    /// How often the file lets it go on, as it was when the limit was met.
    policy: ResumePolicy,
    /// A person said that it may go on.
    word: bool,
    /// Nothing followed from the newest end yet.
    fresh: bool,
}

impl Limits {
    /// Notes an operator's word before the facts of its step are judged.
    pub fn note_operator(&mut self, event: &Event, granted: bool, state: &State) {
        let (Event::Operator { verb: Verb::Start | Verb::Restart | Verb::Release, session, .. }
        | Event::Schedule { session, .. }) = event
        else {
            return;
        };
        let Some(run) = state.latest_run(session).filter(|_| granted) else { return };
        self.not_before.remove(&run.id.to_string());
        // The account is tried now.
        if let Some(provider) = state.session(session).and_then(|session| session.provider.as_ref()) {
            self.not_before.remove(&format!("provider:{provider}"));
        }
        if let Some(met) = self.met.get_mut(&run.id) {
            (met.went_on, met.word) = (0, true);
        }
    }

    pub fn fact(&mut self, entry: &Entry, state: &State, world: &World) -> Judged {
        match &entry.fact {
            Fact::AttemptEnded { attempt, verdict, counted, .. } => {
                let is_limit = verdict.as_ref().is_some_and(|verdict| verdict.class == FailureClass::UsageLimit);
                let met = self.met.entry(attempt.run.clone()).or_default();
                (met.now, met.word, met.fresh) = (is_limit, false, is_limit);
                if !is_limit {
                    return Ok(());
                }
                ensure(!*counted, || format!("U2: {attempt} met a usage limit and is counted"))?;
                met.all += 1;
                let run = state.runs.get(&attempt.run);
                met.policy = run.and_then(|run| run.session.as_ref()).map_or(met.policy, |session| session.resume);
                self.note_end(attempt, entry, state, world);
                Ok(())
            }
            Fact::AttemptIntended { attempt } => self.starts(attempt, state, world),
            // A person was asked: whatever it waits for from here on is their word.
            Fact::RunMoved { run, to: RunState::Held, .. } => {
                if let Some(met) = self.met.get_mut(run) {
                    met.fresh = false;
                }
                Ok(())
            }
            Fact::RunMoved { run, to: RunState::Limited { .. }, .. } => {
                let known = state.runs.get(run).filter(|run| run.met_limit());
                let seen = known.and_then(|run| run.last_attempt()?.output.limit.clone());
                let now = entry.at.wall;
                let far = seen.as_ref().and_then(|seen| seen.resets).is_some_and(|at| at.since(now) > LONGEST);
                // A wait that is counted anew after a reboot was decided before.
                let fresh = self.met.get_mut(run).is_some_and(|met| std::mem::take(&mut met.fresh));
                let asks = known.is_some_and(|run| run.limit.asks.is_some());
                ensure(!far || !fresh, || format!("U5: {run} waits by itself for a limit that is over in {seen:?}"))?;
                ensure(!asks, || format!("U5: {run} waits by itself, though a person is asked"))
            }
            _ => Ok(()),
        }
    }

    /// By the true words of the program, not by what the core was told.
    fn note_end(&mut self, attempt: &AttemptId, entry: &Entry, state: &State, world: &World) {
        let said = world.dirs.get(attempt).and_then(|dir| dir.output.limit.as_ref()).and_then(|limit| limit.resets);
        let Some(resets) = said else { return };
        let by = world.t + millis(resets.since(entry.at.wall).min(LONGEST));
        let provider = state.session(&attempt.run.session).and_then(|session| session.provider.as_ref());
        let keys = provider.map(|provider| format!("provider:{provider}"));
        for key in keys.into_iter().chain([attempt.run.to_string()]) {
            let known = self.not_before.entry(key).or_insert((by, world.boot));
            // After a reboot only the wall clock is left, and that may have been set.
            *known = if known.1 == world.boot { (known.0.max(by), world.boot) } else { (by, world.boot) };
        }
    }

    fn starts(&mut self, attempt: &AttemptId, state: &State, world: &World) -> Judged {
        let run = &attempt.run;
        let session = state.session(&run.session).ok_or(format!("S24: {run} starts without a plan"))?;
        let provider = session.provider.as_ref().map(|provider| format!("provider:{provider}"));
        for key in provider.into_iter().chain([run.to_string()]) {
            let early = self.not_before.get(&key).filter(|(t, boot)| *boot == world.boot && world.t < *t);
            let by = early.map_or(0, |(t, _)| t - world.t);
            ensure(early.is_none(), || {
                format!("U1: {attempt} starts {by} ms before the usage limit of {key} is over")
            })?;
        }
        let Some(met) = self.met.get_mut(run).filter(|met| met.now) else { return Ok(()) };
        if met.word {
            return Ok(());
        }
        met.went_on += 1;
        let (times, most) = (met.went_on, met.policy.max.unwrap_or(u32::MAX));
        ensure(times <= most && session.resume.max != Some(0), || {
            format!("U4: {attempt} goes on for the time {times} of {most} after a usage limit, and nobody said so")
        })?;
        ensure(met.all <= MAX_LIMIT_WAITS, || format!("U3: {attempt} goes on after {} usage limits", met.all))?;
        let created = state.runs.get(run).map_or(Wall(0), |run| run.created.wall);
        let until = session.resume.until.and_then(|until| next(until, created, &berlin()));
        ensure(until.is_none_or(|until| world.wall() <= until), || {
            format!("U4: {attempt} goes on after a usage limit, later than the file allows")
        })
    }

    /// U6: a person is asked about exactly the runs that say so, and these are held.
    pub fn asked(state: &State) -> Judged {
        for run in state.night_runs() {
            let open = run.finding(FindingKind::UsageLimit, "").is_some_and(Finding::is_open);
            ensure(open == run.limit.asks.is_some() && (!open || run.state == RunState::Held), || {
                format!("U6: {} is {}, asks {:?}, found {open}", run.id, run.state.word(), run.limit.asks)
            })?;
        }
        Ok(())
    }
}

/// Whether the wait of a breaker fits what its limit says; `None` says nothing.
pub fn fits(delay: Duration, resets: Option<Wall>, now: Wall) -> bool {
    let Some(at) = resets else { return false };
    let left = at.since(now);
    let (least, most) = (left + Duration::from_secs(30), left + Duration::from_secs(90));
    delay >= least.min(LONGEST) && delay <= most.min(LONGEST)
}
