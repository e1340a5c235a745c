//! What sessions of a simulated night say of their own work, and the promises about that: claims are of attempts that are,
//! each is told once, and none moves anything.

use super::judge::{Judged, ensure};
use super::sim::Sim;
use nightkeep::core::event::Event;
use nightkeep::core::evidence::{Evidence, Told, ToldBy, ToldKind};
use nightkeep::core::fact::Fact;
use nightkeep::core::ids::AttemptId;
use nightkeep::core::night::Step;
use nightkeep::core::state::State;
use std::collections::BTreeMap;

impl Sim {
    /// A program says something now, what it said before is read again, and somebody speaks for an attempt that never was.
    /// What it is follows from the time alone, so that the rest of the night stays as it is without.
    pub(super) fn says(&mut self, attempt: &AttemptId) -> Judged {
        let now = self.world.t;
        let Some(born) = self.world.dirs.get(attempt).and_then(|dir| dir.program.as_ref()).map(|it| it.born) else {
            return Ok(());
        };
        let dice = now.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        if !dice.is_multiple_of(4) || self.night.is_none() {
            return Ok(());
        }
        let kind = ToldKind::ALL[usize::try_from(dice / 4 % 6).unwrap()];
        let by = if (dice / 32).is_multiple_of(2) { ToldBy::Command } else { ToldBy::Marker };
        let offset = now - born + 1;
        let ghost = AttemptId { number: attempt.number + 7, ..attempt.clone() };
        for (attempt, offset) in [(attempt, offset), (attempt, offset), (attempt, offset / 2 + 1), (&ghost, offset)] {
            let (file, verify, blocks, said) = (None, None, None, Some(self.world.wall()));
            let told = Told { kind, text: format!("{offset}"), file, verify, blocks, by, offset, said };
            let evidence = Evidence::Told { attempt: attempt.clone(), told: Box::new(told) };
            self.deliver(Event::Evidence { evidence })?;
        }
        Ok(())
    }
}

/// What was told so far.
#[derive(Debug, Default)]
pub struct Claims {
    last: BTreeMap<(AttemptId, bool), u64>,
}

impl Claims {
    pub fn step(&mut self, event: &Event, step: &Step, state: &State) -> Judged {
        for entry in &step.facts {
            let Fact::Told { attempt, told } = &entry.fact else { continue };
            let known = state.runs.get(&attempt.run).and_then(|run| run.attempt(attempt.number));
            ensure(known.is_some(), || format!("S29: {attempt} tells something and never was"))?;
            let before = self.last.insert((attempt.clone(), told.by == ToldBy::Command), told.offset);
            ensure(before.is_none_or(|before| before < told.offset), || format!("S29: {attempt} tells it twice"))?;
        }
        let Event::Evidence { evidence: Evidence::Told { attempt, .. } } = event else { return Ok(()) };
        // What waits for its time alone may start with any event.
        let moves = |fact: &Fact| fact.run() == Some(&attempt.run) && !matches!(fact, Fact::Told { .. });
        let moved = step.facts.iter().find(|entry| moves(&entry.fact));
        ensure(moved.is_none(), || format!("S29: words moved something: {moved:?}"))
    }
}
