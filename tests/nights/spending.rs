//! What the agents of simulated nights use, and the promises (B) that are kept about budgets.

use super::judge::{Judged, ensure};
use super::sim::{Coming, Sim};
use super::world::World;
use fastrand::Rng;
use nightkeep::core::event::Event;
use nightkeep::core::fact::{Entry, Fact};
use nightkeep::core::ids::{AttemptId, SessionName};
use nightkeep::core::plan::{Plan, SessionPlan};
use nightkeep::core::run::{AfterStop, RunState};
use nightkeep::core::runaway::OnRunaway;
use nightkeep::core::state::State;
use nightkeep::core::usage::{Budget, Money, Sum, Tokens, Used};
use std::collections::{BTreeMap, BTreeSet};

/// How often a transcript is looked at.
const EVERY: u64 = 120_000;
/// Tokens that an agent uses in a second.
const RATE: u64 = 40;

/// Makes agents of some sessions in one plan of four, and gives some of them, their project and the night a budget.
pub fn equip(plan: &mut Plan, seed: u64) {
    // Numbers of its own: what else is drawn stays as it is.
    let rng = &mut Rng::with_seed(seed ^ 0x00B0_D6E7);
    if rng.u8(0..4) > 0 {
        return;
    }
    let tokens = |rng: &mut Rng| Budget { tokens: Some(rng.u64(1_000..400_000)), usd: None };
    for session in plan.sessions.values_mut() {
        session.agent = rng.bool().then(|| "claude".to_owned());
        if rng.u8(0..3) == 0 {
            session.budget = tokens(rng);
        }
        if rng.u8(0..4) == 0 {
            session.runaway.action = OnRunaway::Alert;
        }
    }
    for project in plan.projects.values_mut() {
        if rng.u8(0..3) == 0 {
            project.budget = tokens(rng);
        }
    }
    if rng.u8(0..3) == 0 {
        plan.budget = Budget { tokens: None, usd: Money::of_usd(rng.f64() * 3.0) };
    }
}

/// What a program used after so many milliseconds of life.
fn used(lived: u64) -> Used {
    let tokens = Tokens { input: lived / 1_000 * RATE, ..Tokens::default() };
    let sum = Sum { tokens, requests: 1, cost: Money(tokens.input * 4_000), unpriced: 0 };
    let by = |key: &str| BTreeMap::from([(key.to_owned(), sum)]);
    Used { models: by("m"), days: by("2026-11-21"), ..Used::default() }
}

impl Sim {
    /// The meter begins to look at an attempt.
    pub(super) fn meter(&mut self, attempt: &AttemptId) {
        let agent = self.world.dirs.get(attempt).is_some_and(|dir| dir.session.is_agent());
        if agent && self.night.is_some() {
            self.after(EVERY, Coming::Meter(self.generation, attempt.clone()));
        }
    }
    /// A transcript is looked at.
    pub(super) fn look_at_use(&mut self, attempt: &AttemptId) -> Judged {
        let Some(program) = self.world.dirs.get(attempt).and_then(|dir| dir.program.as_ref()) else { return Ok(()) };
        let lived = program.active(self.world.t);
        self.meter(attempt);
        self.look_at_pace(attempt)?;
        self.step(Event::Used { attempt: attempt.clone(), used: Box::new(used(lived)) })
    }
}

/// What this judge remembers, kept apart from the state it judges.
#[derive(Default)]
pub struct Spending {
    known: BTreeMap<AttemptId, Sum>,
}

impl Spending {
    /// Whether a budget that a session spends from is used up, by the facts so far.
    fn spent(&self, session: &SessionPlan, state: &State) -> Option<String> {
        let night = &state.night.as_ref()?.id;
        let of = |fits: &dyn Fn(&SessionName) -> bool| {
            let tonight = self.known.iter().filter(|(id, _)| id.run.night == *night && fits(&id.run.session));
            tonight.map(|(_, sum)| *sum).fold(Sum::default(), Sum::plus)
        };
        let project = |name: &SessionName| state.session(name).and_then(|session| session.project.as_ref());
        let own = session.project.as_ref();
        let of_project = own.and_then(|name| state.plan.projects.get(name)).map_or(Budget::default(), |p| p.budget);
        [
            (session.budget, of(&|name| *name == session.name)),
            (of_project, of(&|name| project(name) == own)),
            (state.plan.budget, of(&|_| true)),
        ]
        .into_iter()
        .find(|(budget, sum)| {
            let tokens = budget.tokens.is_some_and(|limit| sum.tokens.total() >= limit);
            let usd = budget.usd.is_some_and(|limit| sum.cost >= limit);
            sum.requests > 0 && (tokens || usd)
        })
        .map(|(budget, sum)| format!("{budget:?} of {sum:?}"))
    }

    pub fn fact(&mut self, entry: &Entry, state: &State, _: &World) -> Judged {
        match &entry.fact {
            Fact::AttemptUsed { attempt, used } => {
                let before = self.known.insert(attempt.clone(), used.total()).unwrap_or_default();
                let more = used.total().tokens.total() >= before.tokens.total();
                ensure(more, || format!("B4: {attempt} used less than was known"))
            }
            Fact::AttemptIntended { attempt } => {
                let Some(session) = state.session(&attempt.run.session).filter(|session| session.is_agent()) else {
                    return Ok(());
                };
                let spent = self.spent(session, state);
                ensure(spent.is_none(), || format!("B1: {attempt} starts, though its budget is used up: {spent:?}"))
            }
            Fact::RunMoved { run, to: RunState::Stopping { then: AfterStop::Budget, .. }, .. } => {
                let Some(session) = state.session(&run.session) else { return Ok(()) };
                let spent = self.spent(session, state);
                ensure(spent.is_some(), || format!("B3: {run} is stopped for a budget that is not used up"))
            }
            _ => Ok(()),
        }
    }

    /// B2: once it is known that a budget is used up, no agent that spends from it goes on.
    pub fn step(&self, facts: &[Entry], state: &State) -> Judged {
        if !facts.iter().any(|entry| matches!(entry.fact, Fact::AttemptUsed { .. })) {
            return Ok(());
        }
        let goes_on = |state: &RunState| matches!(state, RunState::Starting { .. } | RunState::Running { .. });
        let mut judged = BTreeSet::new();
        for run in state.night_runs().filter(|run| goes_on(&run.state)) {
            let session = state.session(&run.id.session).filter(|session| session.is_agent());
            let Some(session) = session.filter(|session| judged.insert(session.name.clone())) else { continue };
            let spent = self.spent(session, state);
            ensure(spent.is_none(), || format!("B2: {} goes on, though its budget is used up: {spent:?}", run.id))?;
        }
        Ok(())
    }
}
