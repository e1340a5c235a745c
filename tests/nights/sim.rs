//! One simulated night: a queue of things to come, a world, a daemon that may die between any two acts, a judge.

use super::coverage::Coverage;
use super::judge::{Judge, Judged};
use super::mutants::Mutant;
use super::plan;
use super::spending;
use super::world::World;
use fastrand::Rng;
use jiff::tz::TimeZone;
use nightkeep::core::event::{Event, Timer};
use nightkeep::core::fact::{Actor, Entry, Fact};
use nightkeep::core::ids::{AttemptId, NightId, SessionName};
use nightkeep::core::night::Night;
use nightkeep::core::plan::Plan;
use nightkeep::core::run::RunState;
use nightkeep::core::stall::Watch;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::panic::{AssertUnwindSafe, catch_unwind};

const HOUR: u64 = 3_600_000;
/// How long the world may take, once its faults are off, until nothing is left to do: a session may be started fifty times,
/// with long waits for limits in between.
const CALM_AT_MOST: u64 = 400 * HOUR;

/// Which faults a night has; each is on in half of the nights.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Faults {
    pub(super) daemon_crash: bool,
    pub(super) step_crash: bool,
    pub(super) tmux_death: bool,
    pub(super) reboot: bool,
    pub(super) suspend: bool,
    pub(super) clock_jump: bool,
    pub(super) lost_hints: bool,
    pub(super) doubled_hints: bool,
    pub(super) late_timers: bool,
    pub(super) start_failed: bool,
    pub(super) recorder_death: bool,
    pub(super) killed_by_hand: bool,
    pub(super) reload: bool,
    pub(super) operator: bool,
    pub(super) down_and_up: bool,
    pub(super) bad_channels: bool,
    pub(super) stalls: bool,
    pub(super) outage: bool,
    pub(super) low: bool,
    pub(super) stuck: bool,
}

/// Something to come.
#[derive(Debug)]
pub(super) enum Coming {
    /// A program ends, if that is still when.
    ProgramEnds(AttemptId),
    /// A program prints.
    Prints(AttemptId),
    /// An event on its way to the daemon of this generation.
    Event(u32, Event),
    /// The daemon of this generation looks at the tmux server.
    LookAtTmux(u32),
    /// A timer of this generation runs out; the last number tells it from one armed again.
    Timer(u32, Timer, u64, u64),
    Reconcile(u32),
    /// The sampler of this generation looks at an attempt.
    Sample(u32, AttemptId),
    DaemonStarts,
    Fault,
    Operator,
    StopIsThrough(SessionName, u64),
    Calm,
    CloseNight,
    /// The daemon of this generation looks at disk and memory.
    Sense(u32),
    /// A program asks.
    Asks(AttemptId),
    /// A program goes on by itself, if it is still this question that it asks.
    GoesOn(AttemptId, u32),
    /// The daemon of this generation sees what a screen shows.
    SeesPrompt(u32, AttemptId),
    /// A person answers.
    AnswersPrompt(AttemptId),
    /// The rim of this generation types an answer.
    Types(u32, nightkeep::core::effect::Effect),
    /// The daemon of this generation looks at a transcript.
    Meter(u32, AttemptId),
    /// The daemon of this generation sees an agent come to rest.
    Rests(u32, AttemptId),
}

/// What a simulated night came to.
#[derive(Default)]
pub struct Told {
    pub steps: u64,
    pub facts: u64,
    pub hash: u64,
    pub trace: Vec<String>,
    pub coverage: Coverage,
}

/// How to simulate.
#[derive(Debug, Clone, Copy, Default)]
pub struct How {
    /// Keep the trace.
    pub trace: bool,
    /// Hash everything that was decided.
    pub hash: bool,
    /// The fault planted in the core's surroundings.
    pub mutant: Option<Mutant>,
}

/// A broken promise.
pub struct Broken {
    pub what: String,
    pub trace: Vec<String>,
}

pub(super) struct Sim {
    pub(super) rng: Rng,
    pub(super) how: How,
    pub(super) faults: Faults,
    pub(super) world: World,
    pub(super) coming: BinaryHeap<Reverse<(u64, u64, Slot)>>,
    pub(super) things: BTreeMap<u64, Coming>,
    pub(super) sequence: u64,
    pub(super) generation: u32,
    pub(super) night: Option<Night>,
    /// The newest arming of each timer.
    pub(super) armed: BTreeMap<Timer, u64>,
    pub(super) journal: Vec<Entry>,
    pub(super) rows: BTreeMap<(String, String), String>,
    pub(super) rows_upto: usize,
    pub(super) rows_each_step: bool,
    pub(super) rows_at_all: bool,
    pub(super) judge: Judge,
    pub(super) file: Result<Plan, String>,
    pub(super) last_good: Plan,
    pub(super) calm: bool,
    pub(super) closing: bool,
    pub(super) over: bool,
    pub(super) stop_round: BTreeMap<SessionName, u64>,
    /// The sampler's memory, and since when it watches.
    pub(super) watches: BTreeMap<AttemptId, (Watch, u64)>,
    pub(super) told: Told,
}

/// A place in the queue of things to come.
type Slot = u64;

/// Simulates the night of a seed. A panic of the core counts as a broken promise.
pub fn simulate(seed: u64, how: How) -> Result<Told, Broken> {
    let mut sim = Sim::new(seed, how);
    let ran = catch_unwind(AssertUnwindSafe(|| sim.run())).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("panic: {}", text.unwrap_or_default()))
    });
    match ran {
        Ok(()) => Ok(sim.told),
        Err(what) => Err(Broken { what, trace: sim.told.trace }),
    }
}

/// The zone of simulated nights.
pub(super) fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").unwrap()
}

pub(super) fn anna(reason: &str) -> Actor {
    Actor { who: "uid 1000 (anna)".to_owned(), reason: Some(reason.to_owned()) }
}

impl Sim {
    pub(super) fn new(seed: u64, how: How) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut on = || rng.bool();
        let faults = Faults {
            daemon_crash: on(),
            step_crash: on(),
            tmux_death: on(),
            reboot: on(),
            suspend: on(),
            clock_jump: on(),
            lost_hints: on(),
            doubled_hints: on(),
            late_timers: on(),
            start_failed: on(),
            recorder_death: on(),
            killed_by_hand: on(),
            reload: on(),
            operator: on(),
            down_and_up: on(),
            bad_channels: on(),
            stalls: on() && on(),
            outage: on(),
            low: on(),
            stuck: on(),
        };
        let mut plan = plan::plan(&mut rng);
        spending::equip(&mut plan, seed);
        super::drafts::equip(&mut plan, seed);
        let world = World::new(&mut rng);
        Self {
            rows_each_step: rng.u8(0..200) == 0 || how.mutant == Some(Mutant::LostRow),
            rows_at_all: rng.u8(0..12) == 0,
            rng,
            how,
            faults,
            world,
            coming: BinaryHeap::new(),
            things: BTreeMap::new(),
            sequence: 0,
            generation: 0,
            night: None,
            armed: BTreeMap::new(),
            journal: Vec::new(),
            rows: BTreeMap::new(),
            rows_upto: 0,
            judge: Judge::default(),
            file: Ok(plan.clone()),
            last_good: plan,
            calm: false,
            closing: false,
            over: false,
            stop_round: BTreeMap::new(),
            watches: BTreeMap::new(),
            told: Told::default(),
        }
    }

    pub(super) fn run(&mut self) -> Judged {
        self.trace(|sim| format!("faults: {:?}", sim.faults));
        let nights = if self.rng.u8(0..5) == 0 { 2 } else { 1 };
        for _ in 0..nights {
            self.one_night()?;
            self.world.t += 24 * HOUR;
        }
        Ok(())
    }

    pub(super) fn one_night(&mut self) -> Judged {
        (self.calm, self.closing, self.over, self.world.calm) = (false, false, false, false);
        self.judge.calm_since = None;
        self.things.clear();
        self.coming.clear();
        let faulty = self.rng.u64(HOUR / 2..4 * HOUR);
        self.after(faulty, Coming::Calm);
        for _ in 0..self.rng.u32(0..8) {
            let when = self.rng.u64(0..faulty);
            self.after(when, Coming::Fault);
        }
        if self.faults.operator {
            for _ in 0..self.rng.u32(0..12) {
                let when = self.rng.u64(0..faulty);
                self.after(when, Coming::Operator);
            }
        }
        self.daemon_starts()?;
        self.up(Vec::new())?;
        let deadline = self.world.t + faulty + CALM_AT_MOST;
        while !self.over {
            let Some(Reverse((t, _, slot))) = self.coming.pop() else {
                return Err("L1: nothing is to come, and the night is not over".to_owned());
            };
            self.world.t = self.world.t.max(t);
            if self.world.t > deadline {
                return Err(format!("L1: not settled {} h after the last fault", CALM_AT_MOST / HOUR));
            }
            if let Some(thing) = self.things.remove(&slot) {
                self.comes(thing)?;
            }
            self.settle_if_calm();
        }
        let (fold, id) = (self.folded()?, self.night_id());
        self.judge.at_the_end(&id, &fold, &self.world, &self.journal)
    }

    /// With the faults off, ends the night once nothing more happens in it.
    pub(super) fn settle_if_calm(&mut self) {
        // It is over when only what is to come by the clock is left.
        let by_clock = self.last_good.night.start.is_some();
        // Half of them go on for more than a day, in which the next night begins by itself.
        let goes_on = if self.rows_at_all { 26 * HOUR } else { 0 };
        let long_enough = self.judge.calm_since.is_some_and(|calm| self.world.t >= calm + goes_on);
        let settled = |night: &Night| {
            if by_clock && (!long_enough || night.state.night.is_none()) {
                return false;
            }
            night.state.night_runs().all(|run| match run.state {
                RunState::Scheduled { .. } | RunState::Waiting { .. } | RunState::Held => true,
                _ => run.state.is_ended(),
            })
        };
        if self.calm && !self.closing && self.night.as_ref().is_some_and(settled) {
            self.closing = true;
            self.after(1_000, Coming::CloseNight);
        }
    }

    pub(super) fn night_id(&self) -> NightId {
        let of_journal = self.journal.iter().rev().find_map(|entry| match &entry.fact {
            Fact::NightOpened { night, .. } => Some(night.clone()),
            _ => None,
        });
        of_journal.unwrap_or_else(|| self.tonight())
    }

    pub(super) fn after(&mut self, ms: u64, thing: Coming) {
        self.sequence += 1;
        self.coming.push(Reverse((self.world.t + ms, self.sequence, self.sequence)));
        self.things.insert(self.sequence, thing);
    }
    pub(super) fn at(&mut self, t: u64, thing: Coming) {
        self.after(t.saturating_sub(self.world.t), thing);
    }
    pub(super) fn trace(&mut self, line: impl FnOnce(&Self) -> String) {
        if self.how.trace {
            let line = format!("{:>9} {}", self.world.t, line(self));
            self.told.trace.push(line);
        }
    }
    pub(super) fn chance(&mut self, on: bool, one_in: u32) -> bool {
        on && !self.calm && self.rng.u32(0..one_in) == 0
    }

    pub(super) fn comes(&mut self, thing: Coming) -> Judged {
        match thing {
            Coming::ProgramEnds(attempt) => self.program_ends(&attempt),
            Coming::Prints(attempt) => {
                self.world.print(&attempt, false);
                if let Some(output) = self.world.dirs.get(&attempt).map(|dir| dir.output.clone()) {
                    self.hint(Event::Output { attempt: attempt.clone(), output: Box::new(output) });
                }
                self.says(&attempt)
            }
            Coming::Event(generation, event) if generation == self.generation => self.deliver(event),
            Coming::LookAtTmux(generation) if generation == self.generation => self.look_at_tmux(),
            Coming::Timer(generation, timer, epoch, token) if generation == self.generation => {
                // One without an epoch arms itself again: were all the late ones real, they would breed.
                let breeds = matches!(timer, Timer::Calendar | Timer::Pacing);
                let late = self.faults.late_timers && !(breeds && self.rng.u8(0..8) > 0);
                if self.armed.get(&timer) == Some(&token) || late {
                    self.step(Event::Timer { timer, epoch })?;
                }
                Ok(())
            }
            Coming::Reconcile(generation) if generation == self.generation => {
                let next = if self.calm { 600_000 } else { self.rng.u64(30_000..300_000) };
                self.after(next, Coming::Reconcile(generation));
                self.reconcile()
            }
            Coming::Sample(generation, attempt) if generation == self.generation => self.sample(&attempt),
            Coming::Sense(generation) if generation == self.generation => self.sense(),
            Coming::Asks(attempt) => {
                self.asks(&attempt);
                Ok(())
            }
            Coming::GoesOn(attempt, count) => {
                self.goes_on(&attempt, count);
                Ok(())
            }
            Coming::SeesPrompt(generation, attempt) if generation == self.generation => self.sees_prompt(&attempt),
            Coming::AnswersPrompt(attempt) => self.answers_prompt(&attempt),
            Coming::Types(generation, effect) if generation == self.generation => {
                self.types(&effect)?;
                self.pastes(&effect)
            }
            Coming::Rests(generation, attempt) if generation == self.generation => self.rests(&attempt),
            Coming::Meter(generation, attempt) if generation == self.generation => self.look_at_use(&attempt),
            Coming::SeesPrompt(..)
            | Coming::Types(..)
            | Coming::Event(..)
            | Coming::LookAtTmux(..)
            | Coming::Timer(..)
            | Coming::Reconcile(..)
            | Coming::Sample(..)
            | Coming::Sense(..)
            | Coming::Rests(..)
            | Coming::Meter(..) => Ok(()),
            Coming::DaemonStarts => self.daemon_starts(),
            Coming::Fault => self.fault(),
            Coming::Operator => self.operator(),
            Coming::StopIsThrough(session, round) => {
                if self.stop_round.get(&session) == Some(&round) && self.night.is_some() {
                    return self.judge.stop_is_through(&session, &self.world);
                }
                Ok(())
            }
            Coming::Calm => self.calm_down(),
            Coming::CloseNight => {
                if self.night.is_none() {
                    self.daemon_starts()?;
                }
                let now = self.rng.u8(0..8) == 0;
                self.step(Event::Down { now, by: anna("morning") })
            }
        }
    }
}
