//! What programs of a simulated night do while they run, what a sampler sees of it, and the promises about stalls.

use super::judge::Judged;
use super::sim::{Coming, Sim};
use super::world::{Program, World};
use fastrand::Rng;
use nightkeep::core::effect::Effect;
use nightkeep::core::event::Event;
use nightkeep::core::fact::Fact;
use nightkeep::core::finding::{Finding, FindingKind};
use nightkeep::core::ids::AttemptId;
use nightkeep::core::night::Step;
use nightkeep::core::plan::OnStall;
use nightkeep::core::run::{AfterStop, RunState};
use nightkeep::core::stall::{Quiet, Sample, Tree, Watch, sample_every};
use nightkeep::core::state::State;
use nightkeep::core::time::Wall;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How a program shows that it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// It says something new all the time.
    Talks,
    /// It compiles: processor time, and not a word.
    Computes,
    /// It reads and writes, and not a word.
    Copies,
    /// It computes a little every so many milliseconds, and sleeps in between.
    Bursts(u64),
}

/// What a program does, by the time that passed for it.
#[derive(Debug, Clone, Copy)]
pub struct Work {
    pub manner: Manner,
    /// Whether it draws a spinner all the while, also when it is stuck.
    pub draws: bool,
    /// From when on it does nothing any more.
    pub stuck_from: Option<u64>,
    /// Whether a nudge gets it going again.
    pub wakes: bool,
}

/// How long a burst takes.
const BURST: u64 = 8_000;

pub fn work(rng: &mut Rng) -> Work {
    let manner = match rng.u8(0..4) {
        0 => Manner::Talks,
        1 => Manner::Computes,
        2 => Manner::Copies,
        _ => Manner::Bursts(rng.u64(5_000..120_000)),
    };
    let stuck_from = (rng.u8(0..3) == 0).then(|| rng.u64(0..600_000));
    Work { manner, draws: rng.bool(), stuck_from, wakes: rng.bool() }
}

impl Work {
    /// How much of its time until `active` it spent working.
    fn worked(&self, active: u64) -> u64 {
        let active = self.stuck_from.map_or(active, |stuck| active.min(stuck));
        match self.manner {
            Manner::Talks | Manner::Computes | Manner::Copies => active,
            Manner::Bursts(every) => (active / (every + BURST)) * BURST + (active % (every + BURST)).min(BURST),
        }
    }
    /// How long it has not worked at `active`.
    fn idle(&self, active: u64) -> u64 {
        let until = self.stuck_from.map_or(active, |stuck| active.min(stuck));
        let in_pause = match self.manner {
            Manner::Talks | Manner::Computes | Manner::Copies => 0,
            Manner::Bursts(every) => (until % (every + BURST)).saturating_sub(BURST),
        };
        active - until + in_pause
    }
}

impl Program {
    /// The time that passed for it.
    pub fn active(&self, t: u64) -> u64 {
        t.saturating_sub(self.born + self.slept)
    }
}

impl World {
    /// How long a living program has truly done nothing.
    pub fn idle(&self, attempt: &AttemptId) -> Option<u64> {
        let program = self.dirs.get(attempt)?.program.as_ref()?;
        Some(program.work.idle(program.active(self.t)))
    }
    /// How much a living program worked within its last so many milliseconds.
    pub fn worked_within(&self, attempt: &AttemptId, span: u64) -> Option<u64> {
        let program = self.dirs.get(attempt)?.program.as_ref()?;
        let active = program.active(self.t);
        Some(program.work.worked(active) - program.work.worked(active.saturating_sub(span)))
    }
    /// What a sampler sees of a living program.
    pub fn sample(&self, attempt: &AttemptId) -> Option<Sample> {
        let program = self.dirs.get(attempt)?.program.as_ref()?;
        let (work, active) = (&program.work, program.active(self.t));
        let worked = work.worked(active);
        let (talks, copies) = (work.manner == Manner::Talks, work.manner == Manner::Copies);
        let drawn = if work.draws { active / 5 } else { 0 };
        let tree = Tree {
            // Drawing costs a little, and so does living.
            cpu_ms: drawn / 20 + active / 1_000 + if talks || copies { worked / 100 } else { worked },
            io: drawn + active / 100 + if copies { worked * 200 } else { 0 },
            names: BTreeSet::from(["work".to_owned()]),
            count: 1,
            ..Tree::default()
        };
        let new_at = talks.then(|| Wall(i64::try_from(worked / 1_000).unwrap()));
        let bytes = drawn + if talks { worked } else { 0 };
        Some(Sample { at: self.at(), bytes, new_at, tree: Some(tree), transcript: None, slept_ms: self.slept })
    }
    /// Somebody types into a program that may be stuck.
    pub fn nudge(&mut self, attempt: &AttemptId) {
        let t = self.t;
        if let Some(program) = self.dirs.get_mut(attempt).and_then(|dir| dir.program.as_mut())
            && program.work.wakes
        {
            let active = program.active(t);
            program.work.stuck_from = program.work.stuck_from.map(|stuck| stuck.max(active + 300_000));
        }
    }
}

impl Sim {
    /// The sampler begins to look at an attempt.
    pub(super) fn watch(&mut self, attempt: &AttemptId) {
        if self.faults.stalls && self.night.is_some() {
            self.after(0, Coming::Sample(self.generation, attempt.clone()));
        }
    }
    /// A new daemon watches anew.
    pub(super) fn watch_all(&mut self) {
        self.watches.clear();
        let living: Vec<AttemptId> =
            self.world.dirs.iter().filter(|(_, dir)| dir.program.is_some()).map(|(id, _)| id.clone()).collect();
        for attempt in living {
            self.meter(&attempt);
            self.watch(&attempt);
        }
    }
    /// A sample is taken, and the core hears of it if it matters.
    pub(super) fn sample(&mut self, attempt: &AttemptId) -> Judged {
        let (Some(night), Some(sample)) = (&self.night, self.world.sample(attempt)) else { return Ok(()) };
        let Some(run) = night.state.runs.get(&attempt.run) else { return Ok(()) };
        let limit = run.session.as_ref().and_then(|session| session.stall.after);
        let every = limit.map_or(Duration::from_secs(60), sample_every);
        let runs = run.state == (RunState::Running { attempt: attempt.clone() });
        let open = run.finding(FindingKind::Stalled, "").is_some_and(Finding::is_open);
        let counts = !self.world.dirs.get(attempt).is_none_or(|dir| dir.session.metrics.is_empty());
        let created = run.created.wall;
        self.after(u64::try_from(every.as_millis()).unwrap(), Coming::Sample(self.generation, attempt.clone()));
        if !runs {
            return Ok(());
        }
        let watch = self.watches.entry(attempt.clone()).or_insert_with(|| (Watch::default(), self.world.t));
        let mut quiet = watch.0.take(&sample);
        if let Some(mutant) = self.how.mutant {
            mutant.distort(&mut quiet, limit);
        }
        let over = limit.is_some_and(|limit| quiet.quiet >= limit);
        if over || open || counts {
            let deadline = created.plus(Duration::from_secs(1_800));
            let deadlines = if counts { BTreeMap::from([("m".to_owned(), deadline)]) } else { BTreeMap::new() };
            let quiet = limit.map(|_| quiet);
            self.step(Event::Sampled { attempt: attempt.clone(), quiet, deadlines })?;
        }
        self.is_found(attempt, every)
    }
    /// L7: without faults, what is stuck is found within its limit and two samples.
    fn is_found(&self, attempt: &AttemptId, every: Duration) -> Judged {
        let (Some(night), Some(calm)) = (&self.night, self.judge.calm_since) else { return Ok(()) };
        let Some(run) = night.state.runs.get(&attempt.run) else { return Ok(()) };
        let Some(limit) = run.session.as_ref().and_then(|session| session.stall.after) else { return Ok(()) };
        let (Some(idle), Some((_, since))) = (self.world.idle(attempt), self.watches.get(attempt)) else {
            return Ok(());
        };
        let watched = self.world.t - calm.max(*since);
        let by = u64::try_from((limit + every * 2).as_millis()).unwrap() + 1_000;
        let found = run.finding(FindingKind::Stalled, "").is_some_and(Finding::is_open);
        let runs = run.state == (RunState::Running { attempt: attempt.clone() });
        if runs && !found && idle.min(watched) > by {
            return Err(format!("L7: {attempt} is stuck for {idle} ms, watched for {watched}, and nobody says so"));
        }
        Ok(())
    }
}

/// What the judge remembers of stalls.
#[derive(Default)]
pub struct StallJudge {
    nudged: BTreeSet<AttemptId>,
}

/// Work shortly before a sample is too little of its time to be seen; ...
const UNSEEN: u64 = 10_000;
/// ... as long as it is not more than this.
const SEEN: u64 = 6_000;

impl StallJudge {
    /// S25: what works is not called stalled, nor touched. S26: no more is done than the file says.
    pub fn step(&mut self, event: &Event, step: &Step, state: &State, world: &World) -> Judged {
        let quiet = if let Event::Sampled { quiet, .. } = event { quiet.as_ref() } else { None };
        for entry in &step.facts {
            match &entry.fact {
                Fact::Finding { run, finding } if finding.kind == FindingKind::Stalled && finding.is_open() => {
                    let attempt = state.runs.get(run).and_then(|run| run.last_attempt()).map(|attempt| &attempt.id);
                    let attempt = attempt.ok_or(format!("S25: {run} is stalled without an attempt"))?;
                    self.is_quiet(attempt, state, world, quiet)?;
                }
                Fact::RunMoved { run, to: RunState::Stopping { attempt, then: AfterStop::Stalled }, .. } => {
                    self.is_quiet(attempt, state, world, quiet)?;
                    let action = state.runs.get(run).and_then(|run| run.session.as_ref()).map(|s| s.stall.action);
                    let may = match action {
                        Some(OnStall::Restart) => true,
                        Some(OnStall::Nudge) => self.nudged.contains(attempt),
                        Some(OnStall::Alert) | None => false,
                    };
                    if !may {
                        return Err(format!("S26: {attempt} is stopped as stalled, but the file says {action:?}"));
                    }
                }
                _ => {}
            }
        }
        for effect in &step.effects {
            if let Effect::Nudge { attempt, .. } = effect {
                let action = state.runs.get(&attempt.run).and_then(|run| run.session.as_ref()).map(|s| s.stall.action);
                if action != Some(OnStall::Nudge) || !self.nudged.insert(attempt.clone()) {
                    return Err(format!("S26: {attempt} is nudged, but the file says {action:?}, and once"));
                }
            }
        }
        Ok(())
    }

    fn is_quiet(&self, attempt: &AttemptId, state: &State, world: &World, quiet: Option<&Quiet>) -> Judged {
        let session = state.runs.get(&attempt.run).and_then(|run| run.session.as_ref());
        let limit = session.and_then(|session| session.stall.after).unwrap_or(Duration::MAX);
        let limit = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        let idle = world.idle(attempt).unwrap_or(0);
        let worked = world.worked_within(attempt, limit).unwrap_or(0);
        if idle.saturating_add(UNSEEN) < limit && worked > SEEN {
            return Err(format!(
                "S25: {attempt} is called stalled, but worked {idle} ms ago; limit {limit}, {quiet:?}"
            ));
        }
        Ok(())
    }
}
