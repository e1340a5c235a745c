//! What is typed into agents of simulated nights, and the promises (D) that are kept about it.
//!
//! D1: nothing is typed twice into the same attempt. D2: nothing is typed into what does not run, asks, or ends with the
//! night, and no note that is settled. D3: what is said to be given was typed, or stood in the hand-over.

use super::judge::{Judged, ensure};
use super::mutants::Mutant;
use super::prompts::asks;
use super::sim::{Coming, Sim};
use super::world::World;
use fastrand::Rng;
use nightkeep::core::agent::{Activity, AgentSeen, Confidence};
use nightkeep::core::draft::{Draft, Purpose, Stage};
use nightkeep::core::effect::Effect;
use nightkeep::core::event::Event;
use nightkeep::core::fact::{Entry, Fact};
use nightkeep::core::ids::AttemptId;
use nightkeep::core::plan::Plan;
use nightkeep::core::run::RunState;
use nightkeep::core::state::State;
use nightkeep::core::ticket::Typed;
use nightkeep::core::time::Mono;

/// What was typed into the composer of a program.
#[derive(Debug, Default)]
pub struct Composer {
    /// Drafts, and when by the monotonic clock: its recorder knows.
    typed: Vec<(u64, Mono)>,
    /// Notes that were typed.
    notes: Vec<u64>,
}

/// Makes programs with a composer of most sessions.
pub fn equip(plan: &mut Plan, seed: u64) {
    let rng = &mut Rng::with_seed(seed ^ 0x00C0_4905);
    for session in plan.sessions.values_mut() {
        session.profile = (rng.u8(0..3) > 0).then(|| "claude".to_owned());
    }
}

impl Sim {
    /// Some agents cannot be started with what they are to do.
    pub(super) fn may_be_told(&mut self, attempt: &AttemptId) -> Judged {
        let agent = self.world.dirs.get(attempt).is_some_and(|dir| dir.session.has_composer());
        let told = agent && Rng::with_seed(self.world.t ^ 0x00D2_AF75).bool();
        if !told || self.night.is_none() {
            return Ok(());
        }
        self.step(Event::Say { attempt: attempt.clone(), text: "go on".to_owned() })
    }
    /// The rim waits for the rest of an agent.
    pub(super) fn awaits_rest(&mut self, attempt: &AttemptId, after: u64) {
        let mut aside = Rng::with_seed(self.world.t ^ self.sequence);
        let works = aside.u64(1_500..300_000);
        self.after(after + works, Coming::Rests(self.generation, attempt.clone()));
    }
    /// An agent comes to rest, as far as its screen tells.
    pub(super) fn rests(&mut self, attempt: &AttemptId) -> Judged {
        let lives = self.world.dirs.get(attempt).is_some_and(|dir| dir.program.is_some());
        if self.night.is_none() || !lives {
            return Ok(());
        }
        if asks(&self.world, attempt) {
            self.awaits_rest(attempt, 0);
            return Ok(());
        }
        let seen = AgentSeen {
            profile: "claude".to_owned(),
            activity: Activity::Idle,
            confidence: Confidence::High,
            ..AgentSeen::default()
        };
        self.step(Event::AgentSeen { attempt: attempt.clone(), bytes: 1, seen: Box::new(seen) })?;
        self.step(Event::Rests { attempt: attempt.clone() })
    }
    /// The rim types a draft, after a look at the screen and at what the recorder knows.
    pub(super) fn pastes(&mut self, effect: &Effect) -> Judged {
        let Effect::TypeDraft { draft, attempt, since, .. } = effect else { return Ok(()) };
        let blind = self.how.mutant == Some(Mutant::PastesAgain);
        let mut aside = Rng::with_seed(self.world.t ^ self.sequence);
        let (now, asks) = (self.world.at().mono, asks(&self.world, attempt));
        let lives = self.world.dirs.get(attempt).is_some_and(|dir| dir.program.is_some());
        let known = self.night.as_ref().and_then(|night| night.state.drafts.known.get(draft)).cloned();
        let composer = self.world.composers.entry(attempt.clone()).or_default();
        let before = composer.typed.iter().any(|(_, at)| at >= since);
        let outcome = if before && !blind {
            Typed::Taken { seen: "it was typed before".to_owned() }
        } else if !lives || (asks && !blind) || aside.u8(0..6) == 0 {
            Typed::Untyped { why: "somebody else types".to_owned() }
        } else {
            let twice = composer.typed.iter().any(|(typed, _)| typed == draft);
            let notes = known.as_ref().map_or(&[][..], notes_of);
            let again = notes.iter().any(|note| composer.notes.contains(note));
            ensure(!twice && !again, || format!("D1: d{draft} was typed into {attempt} twice"))?;
            ensure(!asks, || format!("D2: d{draft} was typed into {attempt}, which asks"))?;
            composer.notes.extend(notes);
            composer.typed.push((*draft, now));
            match aside.u8(0..8) {
                0 => Typed::Ignored { why: "Enter does nothing".to_owned() },
                _ => Typed::Taken { seen: "it works on it".to_owned() },
            }
        };
        let dies = self.faults.daemon_crash && !self.calm && aside.u8(0..6) == 0;
        if dies && !matches!(outcome, Typed::Untyped { .. }) {
            // It was typed, and nobody can say so any more.
            return self.daemon_dies(true);
        }
        self.soon(120_000, Event::DraftTyped { draft: *draft, typed: vec!["it".to_owned()], outcome });
        Ok(())
    }
}

fn notes_of(draft: &Draft) -> &[u64] {
    match &draft.purpose {
        Purpose::Start => &[],
        Purpose::Notes { notes } => notes,
    }
}

/// Judges a fact about a draft; `state` is as it is after the step.
pub fn fact(event: &Event, entry: &Entry, state: &State, world: &World) -> Judged {
    let Fact::DraftMoved { draft, .. } = &entry.fact else { return Ok(()) };
    let id = draft.id();
    match &draft.stage {
        Stage::Typing { .. } => {
            ensure(matches!(event, Event::Rests { .. }), || format!("D2: {id} is typed before its agent rests"))?;
            let run = state.runs.get(&draft.attempt.run).map(|run| &run.state);
            let runs = matches!(run, Some(RunState::Running { attempt }) if *attempt == draft.attempt);
            ensure(runs && !state.closing(), || format!("D2: {id} is typed into what does not run"))?;
            ensure(state.tickets.standing_of(&draft.attempt).is_none(), || format!("D2: {id} is typed at a question"))?;
            let open = |number: &u64| state.notes.known.get(number).is_some_and(|note| note.is_open());
            ensure(notes_of(draft).iter().all(open), || format!("D2: {id} has a note that is settled"))
        }
        Stage::Taken { .. } => {
            let typed = world
                .composers
                .get(&draft.attempt)
                .is_some_and(|composer| composer.typed.iter().any(|(number, _)| *number == draft.number));
            ensure(typed, || format!("D3: {id} was never typed"))
        }
        Stage::Waiting | Stage::Failed { .. } | Stage::Dropped { .. } => Ok(()),
    }
}
