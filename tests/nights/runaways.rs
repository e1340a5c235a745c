//! How the agents of simulated nights ask their models, and the promises (R) about those that run away.

use super::judge::{Judged, ensure};
use super::mutants::Mutant;
use super::sim::Sim;
use super::world::World;
use nightkeep::core::event::Event;
use nightkeep::core::fact::{Entry, Fact};
use nightkeep::core::finding::{Finding, FindingKind};
use nightkeep::core::ids::AttemptId;
use nightkeep::core::night::Step;
use nightkeep::core::run::{AfterStop, RunState};
use nightkeep::core::runaway::{MINUTES, Minute, OnRunaway, Pace};
use nightkeep::core::state::State;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

const MINUTE: u64 = 60_000;

/// After how much of its life an agent goes round in a loop, if it does: one in three.
fn loops_from(attempt: &AttemptId) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    (attempt.number, attempt.run.to_string()).hash(&mut hasher);
    let drawn = hasher.finish();
    (drawn.is_multiple_of(3)).then_some(drawn / 3 % (20 * MINUTE))
}

/// For how long an agent that lives went round in a loop, in milliseconds of its life.
fn looped(attempt: &AttemptId, world: &World) -> u64 {
    let program = world.dirs.get(attempt).and_then(|dir| dir.program.as_ref());
    let from = loops_from(attempt).unwrap_or(u64::MAX);
    program.map_or(0, |program| program.active(world.t).saturating_sub(from))
}

/// How it asked within the last minutes: as a main conversation with helpers does, or in a loop.
fn pace(attempt: &AttemptId, lived: u64) -> Pace {
    let from = loops_from(attempt).unwrap_or(u64::MAX);
    let mut pace = Pace { span_s: 120, ..Pace::default() };
    for (minute, place) in (0..).zip(&mut pace.minutes) {
        let (to, since) = (lived.saturating_sub(minute * MINUTE), lived.saturating_sub((minute + 1) * MINUTE));
        let round = to.saturating_sub(since.max(from));
        let works = (to - since).saturating_sub(round);
        let (fruitless, fruitful) = (round * 80 / MINUTE + works * 2 / MINUTE, works * 100 / MINUTE);
        *place = Minute { requests: fruitless + fruitful, fruitless, tokens: 40_000 * fruitful };
    }
    pace
}

impl Sim {
    /// It is looked how a living agent asks.
    pub(super) fn look_at_pace(&mut self, attempt: &AttemptId) -> Judged {
        let Some(program) = self.world.dirs.get(attempt).and_then(|dir| dir.program.as_ref()) else { return Ok(()) };
        let mut pace = pace(attempt, program.active(self.world.t));
        match self.how.mutant {
            Some(Mutant::LetsItRunAway) => pace.guessed = true,
            Some(Mutant::CallsHelpersARunaway) => pace.minutes.iter_mut().for_each(|m| m.fruitless = m.requests),
            Some(_) | None => {}
        }
        self.step(Event::Paced { attempt: attempt.clone(), pace: Box::new(pace) })
    }
}

/// R1: what works is no runaway, however busy it is, and is not stopped as one; R2: what goes round in a loop is told of,
/// and stopped where the file lets it be. Both by what the programs truly do.
pub fn step(event: &Event, step: &Step, state: &State, world: &World) -> Judged {
    for Entry { fact, .. } in &step.facts {
        match fact {
            Fact::Finding { run, finding } if finding.kind == FindingKind::Runaway && finding.is_open() => {
                let attempt = state.runs.get(run).and_then(|run| run.last_attempt()).map(|attempt| &attempt.id);
                let loops = attempt.is_some_and(|attempt| looped(attempt, world) > 0);
                ensure(loops, || format!("R1: {run} is called a runaway, and works"))?;
            }
            Fact::RunMoved { run, to: RunState::Stopping { attempt, then: AfterStop::Runaway }, .. } => {
                let session = state.runs.get(run).and_then(|run| run.session.as_ref());
                let may = session.is_some_and(|session| session.runaway.action == OnRunaway::Stop);
                let long = looped(attempt, world) > 4 * MINUTE;
                ensure(may && long, || format!("R1: {attempt} is stopped as a runaway: may {may}, loops {long}"))?;
            }
            _ => {}
        }
    }
    let Event::Paced { attempt, .. } = event else { return Ok(()) };
    let Some(run) = state.runs.get(&attempt.run) else { return Ok(()) };
    if run.state != (RunState::Running { attempt: attempt.clone() }) {
        return Ok(());
    }
    let loops = looped(attempt, world);
    let told = run.finding(FindingKind::Runaway, "").is_some_and(Finding::is_open);
    ensure(loops < 2 * MINUTE || told, || format!("R2: {attempt} goes round for {loops} ms, and nobody is told"))?;
    let stops = run.session.as_ref().is_some_and(|session| session.runaway.action == OnRunaway::Stop);
    let limit = u64::try_from(MINUTES).unwrap_or(u64::MAX) * MINUTE;
    ensure(loops < limit || !stops, || format!("R2: {attempt} goes round for {loops} ms, and is let be"))
}
