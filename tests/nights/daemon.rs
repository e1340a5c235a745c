//! The daemon of a simulated night: its starts and deaths, and one event through core, journal and rim.

use super::judge::Judged;
use super::mutants::Mutant;
use super::sim::{Coming, Sim, anna, berlin};
use nightkeep::core::event::{Event, Timer};
use nightkeep::core::ids::{NightId, SessionName};
use nightkeep::core::night::{Night, Step};
use nightkeep::core::state::State;

impl Sim {
    pub(super) fn daemon_starts(&mut self) -> Judged {
        if self.night.is_some() {
            return Ok(());
        }
        self.generation += 1;
        self.armed.clear();
        let state = self.folded()?;
        let boot_id = self.world.boot_id();
        let mut night = Night::new(state, self.rng.u64(..), &boot_id);
        night.zone = berlin();
        self.night = Some(night);
        let pid = 100 + self.generation;
        self.step(Event::DaemonStarted { pid, version: "0.1.0".to_owned(), boot_id })?;
        for _ in 0..std::mem::take(&mut self.world.crashes) {
            self.step(Event::DaemonCrashed { what: "panicked".to_owned() })?;
        }
        self.load_file()?;
        self.after(0, Coming::Reconcile(self.generation));
        self.watch_all();
        self.after(100, Coming::Sense(self.generation));
        Ok(())
    }

    /// S5: the state by the fold over the journal, which must be the state by its rows.
    pub(super) fn folded(&mut self) -> Result<State, String> {
        let mut state = State::default();
        for entry in &self.journal {
            state.apply(entry);
        }
        if !self.rows_each_step && !self.rows_at_all {
            return Ok(state);
        }
        self.catch_up_rows(&state);
        let rows = self.rows.iter().map(|((kind, key), body)| (kind.clone(), key.clone(), body.clone()));
        let by_rows = State::from_rows(rows).map_err(|error| format!("S5: {error}"))?;
        if by_rows != state {
            return Err(format!("S5: the rows hold another state\n{}", difference(&by_rows, &state)));
        }
        Ok(state)
    }

    /// Writes the rows of all facts since the last time.
    fn catch_up_rows(&mut self, state: &State) {
        if self.rows_at_all && !self.rows_each_step {
            for row in state.rows_for(&self.journal[self.rows_upto..]) {
                self.rows.insert((row.kind.to_owned(), row.key), row.body);
            }
            self.rows_upto = self.journal.len();
        }
    }

    /// The daemon is killed between two of its acts. What it believed must be what the journal says.
    pub(super) fn daemon_dies(&mut self, believed: bool) -> Judged {
        self.trace(|_| "the daemon is killed".to_owned());
        if let Some(night) = self.night.take() {
            let fold = self.folded()?;
            if believed && fold != night.state {
                return Err(format!("S5: the night believes another state\n{}", difference(&night.state, &fold)));
            }
        }
        self.generation += 1;
        self.stop_round.clear();
        let down = if self.rng.bool() { self.rng.u64(0..5_000) } else { self.rng.u64(0..1_200_000) };
        self.after(down, Coming::DaemonStarts);
        Ok(())
    }

    pub(super) fn load_file(&mut self) -> Judged {
        match self.file.clone() {
            Ok(plan) => self.step(Event::PlanLoaded { plan: Box::new(plan) }),
            Err(problem) => self.step(Event::PlanBroken { problem }),
        }
    }

    pub(super) fn tonight(&self) -> NightId {
        self.last_good.night.night_at(self.world.wall(), &berlin())
    }

    pub(super) fn up(&mut self, sessions: Vec<SessionName>) -> Judged {
        let night = self.tonight();
        let now = self.rng.u8(0..3) == 0;
        self.step(Event::Up { night, sessions, now, by: anna("up") })
    }

    /// One event through the core, the journal and the rim; the daemon may die at any point of it.
    pub(super) fn step(&mut self, event: Event) -> Judged {
        let Some(mut night) = self.night.take() else { return Ok(()) };
        self.told.coverage.note(&night.state, &event);
        self.trace(|_| format!("<- {event:?}"));
        let stale = is_stale(&event, &night.state);
        if may_open_a_night(&event) {
            // What leaves the state with a new night must have its last row.
            self.catch_up_rows(&night.state);
        }
        let mut step = night.step(self.world.at(), event.clone());
        if let Some(mutant) = self.how.mutant {
            mutant.plant(&event, &mut step, &mut night, &mut self.rng);
        }
        if stale && !(step.facts.is_empty() && step.effects.is_empty()) {
            return Err(format!("S7: a timer of an older epoch did something: {event:?}"));
        }
        self.told.steps += 1;
        self.told.facts += step.facts.len() as u64;
        self.told.coverage.note_alerts(&step);
        self.night = Some(night);
        if self.chance(self.faults.step_crash, 400) {
            return self.daemon_dies(false);
        }
        self.journal(&event, &step)?;
        let crash_after =
            if self.chance(self.faults.step_crash, 200) { Some(self.rng.usize(0..=step.effects.len())) } else { None };
        for (place, effect) in step.effects.into_iter().enumerate() {
            if crash_after == Some(place) {
                return self.daemon_dies(true);
            }
            self.perform(effect)?;
            if self.night.is_none() {
                return Ok(());
            }
        }
        if crash_after.is_some() {
            return self.daemon_dies(true);
        }
        Ok(())
    }

    pub(super) fn journal(&mut self, event: &Event, step: &Step) -> Judged {
        let Some(night) = &self.night else { return Ok(()) };
        self.judge.step(event, step, &night.state, &self.world)?;
        self.journal.extend(step.facts.iter().cloned());
        let reconciled = matches!(event, Event::Reconciled { .. });
        if self.rows_each_step && reconciled && self.how.mutant.is_none() {
            night.check(self.world.at()).map_err(|what| format!("A8: {what}"))?;
        }
        if self.rows_each_step {
            let mut rows = night.state.rows_for(&step.facts);
            if self.how.mutant == Some(Mutant::LostRow) && !rows.is_empty() && self.rng.u8(0..4) == 0 {
                rows.remove(self.rng.usize(0..rows.len()));
            }
            for row in rows {
                self.rows.insert((row.kind.to_owned(), row.key), row.body);
            }
        }
        if self.how.trace || self.how.hash {
            for entry in &step.facts {
                let line = format!("{entry:?}");
                self.hash(&line);
                self.trace(|_| format!("   {:?}", entry.fact));
            }
            for effect in &step.effects {
                let line = format!("{effect:?}");
                self.hash(&line);
                self.trace(|_| format!("   -> {line}"));
            }
        }
        Ok(())
    }

    /// Sometimes somebody acts just when something is under way.
    pub(super) fn tempt_the_operator(&mut self) {
        if self.chance(self.faults.operator, 24) {
            let when = self.rng.u64(0..10_000);
            self.after(when, Coming::Operator);
        }
    }

    pub(super) fn hash(&mut self, text: &str) {
        for byte in text.bytes() {
            self.told.hash = (self.told.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

fn may_open_a_night(event: &Event) -> bool {
    matches!(event, Event::Up { .. } | Event::OpenNight { .. } | Event::Timer { timer: Timer::Calendar, .. })
}

/// Whether an event is a timer that was armed for a state which is over.
fn is_stale(event: &Event, state: &State) -> bool {
    let Event::Timer { timer, epoch } = event else { return false };
    let run = match timer {
        Timer::RunDue(run) => run,
        Timer::AttemptTimeout(attempt) | Timer::StartOverdue(attempt) | Timer::StopOverdue(attempt) => &attempt.run,
        Timer::Pacing | Timer::Alerts | Timer::Calendar => return false,
        Timer::Breaker(key) => return state.breakers.by_key.get(key).is_none_or(|breaker| breaker.epoch != *epoch),
    };
    state.runs.get(run).is_none_or(|run| run.epoch != *epoch)
}

/// The lines in which two states differ, the first as `-`, the second as `+`.
fn difference(one: &State, other: &State) -> String {
    let (one, other) = (format!("{one:#?}"), format!("{other:#?}"));
    let (one, other): (Vec<&str>, Vec<&str>) = (one.lines().collect(), other.lines().collect());
    let same = one.iter().zip(&other).take_while(|(a, b)| a == b).count();
    let rest = one.len().min(other.len()) - same;
    let tail = one.iter().rev().zip(other.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let before = one[same.saturating_sub(40)..same].iter().map(|line| format!("  {line}"));
    let gone = one[same..one.len() - tail].iter().take(80).map(|line| format!("- {line}"));
    let come = other[same..other.len() - tail].iter().take(80).map(|line| format!("+ {line}"));
    before.chain(gone).chain(come).collect::<Vec<_>>().join("\n")
}
