//! One simulated night: a queue of things to come, a world, a daemon that may die between any two acts, a judge.

use super::coverage::{self, Coverage};
use super::judge::{Judge, Judged};
use super::mutants::Mutant;
use super::plan;
use super::world::{RunDir, World};
use fastrand::Rng;
use nightkeep::core::effect::Effect;
use nightkeep::core::event::{Event, Timer, Verb};
use nightkeep::core::exit::{Ending, ExitRecord};
use nightkeep::core::fact::{Actor, Entry, Fact, GitBase};
use nightkeep::core::ids::{AttemptId, NightId, RunId, SessionName};
use nightkeep::core::night::{Night, Step};
use nightkeep::core::plan::{Plan, SessionPlan};
use nightkeep::core::run::{AfterStop, CheckResult, OutputSeen, RunState};
use nightkeep::core::state::State;
use nightkeep::core::success;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

const HOUR: u64 = 3_600_000;
/// How long the world may take, once its faults are off, until nothing is left to do.
const CALM_AT_MOST: u64 = 60 * HOUR;

/// Which faults a night has; each is on in half of the nights.
#[derive(Debug, Clone, Copy, Default)]
struct Faults {
    daemon_crash: bool,
    step_crash: bool,
    tmux_death: bool,
    reboot: bool,
    suspend: bool,
    clock_jump: bool,
    lost_hints: bool,
    doubled_hints: bool,
    late_timers: bool,
    start_failed: bool,
    recorder_death: bool,
    killed_by_hand: bool,
    reload: bool,
    operator: bool,
    down_and_up: bool,
}

/// Something to come.
#[derive(Debug)]
enum Coming {
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
    DaemonStarts,
    Fault,
    Operator,
    StopIsThrough(SessionName, u64),
    Calm,
    CloseNight,
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

struct Sim {
    rng: Rng,
    how: How,
    faults: Faults,
    world: World,
    coming: BinaryHeap<Reverse<(u64, u64, Slot)>>,
    things: BTreeMap<u64, Coming>,
    sequence: u64,
    generation: u32,
    night: Option<Night>,
    /// The newest arming of each timer.
    armed: BTreeMap<Timer, u64>,
    journal: Vec<Entry>,
    rows: BTreeMap<(String, String), String>,
    rows_upto: usize,
    rows_each_step: bool,
    rows_at_all: bool,
    judge: Judge,
    file: Result<Plan, String>,
    last_good: Plan,
    calm: bool,
    closing: bool,
    over: bool,
    date: u32,
    stop_round: BTreeMap<SessionName, u64>,
    told: Told,
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

fn anna(reason: &str) -> Actor {
    Actor { who: "uid 1000 (anna)".to_owned(), reason: Some(reason.to_owned()) }
}

impl Sim {
    fn new(seed: u64, how: How) -> Self {
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
        };
        let plan = plan::plan(&mut rng);
        Self {
            rows_each_step: rng.u8(0..64) == 0,
            rows_at_all: rng.u8(0..6) == 0,
            rng,
            how,
            faults,
            world: World::new(),
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
            date: 21,
            stop_round: BTreeMap::new(),
            told: Told::default(),
        }
    }

    fn run(&mut self) -> Judged {
        self.trace(|sim| format!("faults: {:?}", sim.faults));
        let nights = if self.rng.u8(0..5) == 0 { 2 } else { 1 };
        for _ in 0..nights {
            self.one_night()?;
            self.world.t += 12 * HOUR;
            self.date += 1;
        }
        Ok(())
    }

    fn one_night(&mut self) -> Judged {
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
    fn settle_if_calm(&mut self) {
        let settled = |night: &Night| night.state.settled() || night.state.night_runs().next().is_none();
        if self.calm && !self.closing && self.night.as_ref().is_some_and(settled) {
            self.closing = true;
            self.after(1_000, Coming::CloseNight);
        }
    }

    fn night_id(&self) -> NightId {
        let fallback = || NightId::new(&format!("2026-11-{}", self.date)).unwrap();
        let of_journal = self.journal.iter().rev().find_map(|entry| match &entry.fact {
            Fact::NightOpened { night, .. } => Some(night.clone()),
            _ => None,
        });
        of_journal.unwrap_or_else(fallback)
    }

    fn after(&mut self, ms: u64, thing: Coming) {
        self.sequence += 1;
        self.coming.push(Reverse((self.world.t + ms, self.sequence, self.sequence)));
        self.things.insert(self.sequence, thing);
    }
    fn at(&mut self, t: u64, thing: Coming) {
        self.after(t.saturating_sub(self.world.t), thing);
    }
    fn trace(&mut self, line: impl FnOnce(&Self) -> String) {
        if self.how.trace {
            let line = format!("{:>9} {}", self.world.t, line(self));
            self.told.trace.push(line);
        }
    }
    fn chance(&mut self, on: bool, one_in: u32) -> bool {
        on && !self.calm && self.rng.u32(0..one_in) == 0
    }

    fn comes(&mut self, thing: Coming) -> Judged {
        match thing {
            Coming::ProgramEnds(attempt) => self.program_ends(&attempt),
            Coming::Prints(attempt) => {
                self.world.print(&attempt, false);
                if let Some(output) = self.world.dirs.get(&attempt).map(|dir| dir.output.clone()) {
                    self.hint(Event::Output { attempt, output: Box::new(output) });
                }
                Ok(())
            }
            Coming::Event(generation, event) if generation == self.generation => self.deliver(event),
            Coming::LookAtTmux(generation) if generation == self.generation => self.look_at_tmux(),
            Coming::Timer(generation, timer, epoch, token) if generation == self.generation => {
                if self.armed.get(&timer) == Some(&token) || self.faults.late_timers {
                    self.step(Event::Timer { timer, epoch })?;
                }
                Ok(())
            }
            Coming::Reconcile(generation) if generation == self.generation => {
                let next = if self.calm { 600_000 } else { self.rng.u64(30_000..300_000) };
                self.after(next, Coming::Reconcile(generation));
                self.reconcile()
            }
            Coming::Event(..) | Coming::LookAtTmux(..) | Coming::Timer(..) | Coming::Reconcile(..) => Ok(()),
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

    // ---- the daemon

    fn daemon_starts(&mut self) -> Judged {
        if self.night.is_some() {
            return Ok(());
        }
        self.generation += 1;
        self.armed.clear();
        let state = self.folded()?;
        let boot_id = self.world.boot_id();
        self.night = Some(Night::new(state, self.rng.u64(..), &boot_id));
        let pid = 100 + self.generation;
        self.step(Event::DaemonStarted { pid, version: "0.1.0".to_owned(), boot_id })?;
        self.load_file()?;
        self.after(0, Coming::Reconcile(self.generation));
        Ok(())
    }

    /// S5: the state by the fold over the journal, which must be the state by its rows.
    fn folded(&mut self) -> Result<State, String> {
        let mut state = State::default();
        for entry in &self.journal {
            state.apply(entry);
        }
        if !self.rows_each_step && !self.rows_at_all {
            return Ok(state);
        }
        if !self.rows_each_step {
            for row in state.rows_for(&self.journal[self.rows_upto..]) {
                self.rows.insert((row.kind.to_owned(), row.key), row.body);
            }
            self.rows_upto = self.journal.len();
        }
        let rows = self.rows.iter().map(|((kind, key), body)| (kind.clone(), key.clone(), body.clone()));
        let by_rows = State::from_rows(rows).map_err(|error| format!("S5: {error}"))?;
        if by_rows != state {
            return Err(format!("S5: the rows hold another state\n rows: {by_rows:?}\n fold: {state:?}"));
        }
        Ok(state)
    }

    /// The daemon is killed between two of its acts. What it believed must be what the journal says.
    fn daemon_dies(&mut self, believed: bool) -> Judged {
        self.trace(|_| "the daemon is killed".to_owned());
        if let Some(night) = self.night.take() {
            let fold = self.folded()?;
            if believed && fold != night.state {
                return Err(format!("S5: believed {:?}\n fold: {fold:?}", night.state));
            }
        }
        self.generation += 1;
        self.stop_round.clear();
        let down = if self.rng.bool() { self.rng.u64(0..5_000) } else { self.rng.u64(0..1_200_000) };
        self.after(down, Coming::DaemonStarts);
        Ok(())
    }

    fn load_file(&mut self) -> Judged {
        match self.file.clone() {
            Ok(plan) => self.step(Event::PlanLoaded { plan: Box::new(plan) }),
            Err(problem) => self.step(Event::PlanBroken { problem }),
        }
    }

    fn up(&mut self, sessions: Vec<SessionName>) -> Judged {
        let night = NightId::new(&format!("2026-11-{}", self.date)).unwrap();
        self.step(Event::Up { night, sessions, now: false, by: anna("up") })
    }

    /// One event through the core, the journal and the rim; the daemon may die at any point of it.
    fn step(&mut self, event: Event) -> Judged {
        let Some(mut night) = self.night.take() else { return Ok(()) };
        self.told.coverage.note(&night.state, &event);
        self.trace(|_| format!("<- {event:?}"));
        let stale = is_stale(&event, &night.state);
        let mut step = night.step(self.world.at(), event.clone());
        if let Some(mutant) = self.how.mutant {
            mutant.plant(&event, &mut step, &mut night, &mut self.rng);
        }
        if stale && !(step.facts.is_empty() && step.effects.is_empty()) {
            return Err(format!("S7: a timer of an older epoch did something: {event:?}"));
        }
        self.told.steps += 1;
        self.told.facts += step.facts.len() as u64;
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

    fn journal(&mut self, event: &Event, step: &Step) -> Judged {
        let Some(night) = &self.night else { return Ok(()) };
        self.judge.step(event, step, &night.state, &self.world)?;
        self.journal.extend(step.facts.iter().cloned());
        if self.rows_each_step {
            let mut rows = night.state.rows_for(&step.facts);
            if self.how.mutant == Some(Mutant::LostRow) && self.rng.u8(0..30) == 0 {
                rows.pop();
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
    fn tempt_the_operator(&mut self) {
        if self.chance(self.faults.operator, 24) {
            let when = self.rng.u64(0..10_000);
            self.after(when, Coming::Operator);
        }
    }

    fn hash(&mut self, text: &str) {
        for byte in text.bytes() {
            self.told.hash = (self.told.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    // ---- the rim

    fn perform(&mut self, effect: Effect) -> Judged {
        match effect {
            Effect::Start { attempt, session } => {
                self.tempt_the_operator();
                self.start(&attempt, &session)
            }
            Effect::Stop { attempt, grace } => {
                self.tempt_the_operator();
                self.stop(&attempt, grace);
                Ok(())
            }
            Effect::Check { attempt, session } => {
                let passes = self.rng.u8(0..5) > 0;
                let result = |text| CheckResult { text, passed: passes, seen: "looked".to_owned() };
                let results = success::for_rim(&session).iter().map(|check| result(check.text())).collect();
                self.soon(120_000, Event::Checked { attempt, results });
                self.tempt_the_operator();
                Ok(())
            }
            Effect::Arm { timer, epoch, after } => {
                let ms = u64::try_from(after.as_millis()).unwrap();
                self.after(ms, Coming::Timer(self.generation, timer.clone(), epoch, self.sequence + 1));
                self.armed.insert(timer, self.sequence);
                Ok(())
            }
            Effect::NoteBase { project, .. } => {
                self.soon(3_000, Event::ProjectBase { project, git: GitBase::Unborn });
                Ok(())
            }
            Effect::WriteReport { night } => {
                let files = vec![format!("{night}.md")];
                self.soon(3_000, Event::ReportWritten { night, files });
                Ok(())
            }
            Effect::NightOver { .. } => {
                if self.closing {
                    // The daemon ends in order once the report it asked for is written.
                    for (_, event) in self.on_their_way() {
                        self.deliver(event)?;
                    }
                    self.step(Event::DaemonStopping { reason: "down".to_owned() })?;
                    self.over = self.night.take().is_some();
                    self.generation += 1;
                }
                Ok(())
            }
        }
    }

    /// Takes the reports out of what is on its way.
    fn on_their_way(&mut self) -> Vec<(u64, Event)> {
        let generation = self.generation;
        let reports: Vec<u64> = self
            .things
            .iter()
            .filter(|(_, thing)| matches!(thing, Coming::Event(g, Event::ReportWritten { .. }) if *g == generation))
            .map(|(slot, _)| *slot)
            .collect();
        let mut events = Vec::new();
        for slot in reports {
            if let Some(Coming::Event(_, event)) = self.things.remove(&slot) {
                events.push((slot, event));
            }
        }
        events
    }

    /// An event that surely comes, unless the daemon dies before.
    fn soon(&mut self, within: u64, event: Event) {
        let after = self.rng.u64(0..within);
        self.after(after, Coming::Event(self.generation, event));
    }

    /// An event that may be lost, late or doubled: what it tells stands in the recorder's files.
    fn hint(&mut self, event: Event) {
        if self.night.is_none() || self.chance(self.faults.lost_hints, 3) {
            return;
        }
        if self.chance(self.faults.doubled_hints, 4) {
            self.soon(60_000, event.clone());
        }
        let within = if self.rng.u8(0..4) == 0 { 20_000 } else { 200 };
        self.soon(within, event);
    }

    fn start(&mut self, attempt: &AttemptId, session: &SessionPlan) -> Judged {
        if self.world.dirs.contains_key(attempt) {
            self.tell(attempt, true);
            return Ok(());
        }
        if self.chance(self.faults.start_failed, 6) {
            self.soon(10_000, Event::StartFailed { attempt: attempt.clone(), why: "tmux refused".to_owned() });
            return Ok(());
        }
        let had_tmux = self.world.tmux;
        let ends = self.world.spawn(attempt, session, &mut self.rng);
        self.judge.spawned(attempt, &self.world)?;
        if had_tmux != self.world.tmux {
            self.after(0, Coming::LookAtTmux(self.generation));
        }
        if let Some(ends) = ends {
            self.at(ends, Coming::ProgramEnds(attempt.clone()));
            for _ in 0..self.rng.u32(0..3) {
                let when = self.rng.u64(0..(ends - self.world.t).max(1));
                self.after(when, Coming::Prints(attempt.clone()));
            }
        }
        self.tell(attempt, false);
        Ok(())
    }

    /// Tells what a run directory shows: surely, or as a hint.
    fn tell(&mut self, attempt: &AttemptId, surely: bool) {
        let Some(event) = self.world.dirs.get(attempt).and_then(|dir| shown(attempt, dir)) else { return };
        if surely {
            self.soon(1_000, event);
        } else {
            self.hint(event);
        }
    }

    fn stop(&mut self, attempt: &AttemptId, grace: Duration) {
        if let Some(ends) = self.world.stop(attempt, grace) {
            self.at(ends, Coming::ProgramEnds(attempt.clone()));
        } else if self.world.dirs.contains_key(attempt) {
            self.tell(attempt, true);
        } else {
            self.soon(1_000, Event::StartFailed { attempt: attempt.clone(), why: "was never started".to_owned() });
        }
    }

    /// Brings an event to the daemon. Before an end with a hang-up the rim looks at tmux.
    fn deliver(&mut self, event: Event) -> Judged {
        if let Event::Ended { exit: ExitRecord { hup: true, .. }, .. } = &event {
            self.look_at_tmux()?;
        }
        self.step(event)
    }

    fn look_at_tmux(&mut self) -> Judged {
        let Some(believed) = self.night.as_ref().map(|night| night.state.tmux_pid) else { return Ok(()) };
        if believed.is_some() && believed != self.world.tmux {
            self.step(Event::TmuxLost { why: "no server answers".to_owned() })?;
        }
        match self.world.tmux {
            Some(pid) if believed != Some(pid) => self.step(Event::TmuxStarted { pid }),
            Some(_) | None => Ok(()),
        }
    }

    fn reconcile(&mut self) -> Judged {
        self.look_at_tmux()?;
        let Some(night) = &self.night else { return Ok(()) };
        let open = night.state.runs.values().filter_map(|run| run.state.live_attempt().cloned());
        let believed: Vec<AttemptId> = open.collect();
        for attempt in believed {
            let night = self.night.as_ref();
            let run = night.and_then(|night| night.state.runs.get(&attempt.run));
            let seen = run.and_then(|run| run.attempt(attempt.number)).is_some_and(|known| known.started.is_some());
            let lives = self.world.dirs.get(&attempt).is_some_and(|dir| dir.program.is_some());
            if seen && lives {
                continue;
            }
            if let Some(event) = self.world.dirs.get(&attempt).and_then(|dir| shown(&attempt, dir)) {
                self.deliver(event)?;
            }
        }
        let living = self.world.dirs.iter().filter(|(_, dir)| dir.program.is_some());
        let alive: BTreeSet<AttemptId> = living.map(|(id, _)| id.clone()).collect();
        self.step(Event::Reconciled { alive })
    }

    // ---- the world

    fn program_ends(&mut self, attempt: &AttemptId) -> Judged {
        let ends = self.world.dirs.get(attempt).and_then(|dir| dir.program.as_ref()).map(|program| program.ends);
        match ends {
            Some(Some(t)) if t <= self.world.t => {
                self.world.end(attempt);
                self.trace(|_| format!("{attempt} ends"));
                self.tell(attempt, false);
            }
            // It was put off by a suspend.
            Some(Some(t)) => self.at(t, Coming::ProgramEnds(attempt.clone())),
            Some(None) | None => {}
        }
        Ok(())
    }

    fn hang_up(&mut self, attempts: Vec<AttemptId>) {
        for attempt in attempts {
            if let Some(ends) = self.world.hang_up(&attempt) {
                self.at(ends, Coming::ProgramEnds(attempt));
            }
        }
    }

    fn some_living(&mut self) -> Option<AttemptId> {
        let living: Vec<AttemptId> =
            self.world.dirs.iter().filter(|(_, dir)| dir.program.is_some()).map(|(id, _)| id.clone()).collect();
        self.rng.choice(living)
    }

    fn fault(&mut self) -> Judged {
        let kind = self.rng.u8(0..10);
        self.trace(|_| format!("fault {kind}"));
        match kind {
            0 | 1 if self.faults.daemon_crash && self.night.is_some() => return self.daemon_dies(true),
            2 if self.faults.tmux_death => {
                if let Some(server) = self.world.tmux.take() {
                    let in_it = |dir: &RunDir| dir.program.as_ref().is_some_and(|p| p.server == server);
                    let hung = self.world.dirs.iter().filter(|(_, dir)| in_it(dir)).map(|(id, _)| id.clone());
                    let hung = hung.collect();
                    self.hang_up(hung);
                    let when = self.rng.u64(0..3_000);
                    self.after(when, Coming::LookAtTmux(self.generation));
                }
            }
            3 if self.faults.reboot => {
                let (in_order, down) = (self.rng.bool(), self.rng.u64(10_000..1_800_000));
                if self.night.is_some() {
                    self.daemon_dies(true)?;
                }
                self.world.reboot(in_order, down);
                if self.faults.clock_jump && self.rng.bool() {
                    self.world.wall_offset += self.rng.i64(-7_200_000..7_200_000);
                }
            }
            4 if self.faults.suspend => {
                let span = self.rng.u64(1_000..3 * HOUR);
                self.world.suspend(span);
                self.stop_round.clear();
            }
            5 if self.faults.clock_jump => {
                let by_ms = self.rng.i64(-86_400_000..86_400_000);
                self.world.wall_offset += by_ms;
                return self.step(Event::ClockJumped { by_ms });
            }
            6 if self.faults.recorder_death => {
                if let Some(attempt) = self.some_living() {
                    self.world.vanish(&attempt);
                    self.tell(&attempt, false);
                }
            }
            7 if self.faults.killed_by_hand => {
                let attempt = self.some_living();
                self.hang_up(attempt.into_iter().collect());
            }
            8 if self.faults.reload => return self.edit(),
            9 if self.faults.down_and_up => {
                let now = self.rng.bool();
                self.step(Event::Down { now, by: anna("changed my mind") })?;
                if self.rng.bool() {
                    return self.up(Vec::new());
                }
                let when = self.rng.u64(0..600_000);
                self.after(when, Coming::Operator);
            }
            _ => {}
        }
        Ok(())
    }

    fn edit(&mut self) -> Judged {
        if self.rng.u8(0..4) == 0 {
            self.file = Err("sessions.toml:3:1: expected `=`".to_owned());
        } else {
            self.last_good = plan::edited(&self.last_good, &mut self.rng);
            self.file = Ok(self.last_good.clone());
        }
        self.load_file()
    }

    fn operator(&mut self) -> Judged {
        let Some(night) = &self.night else { return Ok(()) };
        let names: Vec<SessionName> =
            night.state.plan.sessions.keys().chain(night.state.added.keys()).cloned().collect();
        let dead: Vec<RunId> = night.state.dead_letters().map(|run| run.id.clone()).collect();
        if night.state.open_night().is_none_or(|night| night.closing) {
            return self.up(Vec::new());
        }
        // Half of the time somebody looks for a state first, so that the rare ones are met as well.
        let mut by_state: BTreeMap<&'static str, Vec<SessionName>> = BTreeMap::new();
        for run in night.state.night_runs() {
            by_state.entry(coverage::word(&run.state)).or_default().push(run.id.session.clone());
        }
        let of_state = self.rng.choice(by_state.into_values()).unwrap_or_default();
        let names = if of_state.is_empty() || self.rng.bool() { names } else { of_state };
        let session = self.rng.choice(names).unwrap_or_else(|| plan::name(77));
        match self.rng.u8(0..16) {
            0 => self.up(vec![session]),
            1 => self.up(Vec::new()),
            2 => {
                let mut added = plan::session(50 + self.rng.usize(0..3), &mut self.rng);
                added.after.clear();
                self.step(Event::Add { session: Box::new(added), by: anna("one more") })
            }
            3 | 4 => match self.rng.choice(dead) {
                Some(run) => self.step(Event::Redrive { run, by: anna("again") }),
                None => Ok(()),
            },
            n => {
                let verbs = [Verb::Start, Verb::Stop, Verb::Restart, Verb::Hold, Verb::Release, Verb::Skip];
                let verb = verbs[usize::from(n) % verbs.len()];
                let by = anna("so be it");
                let session = if self.rng.u8(0..20) == 0 { plan::name(99) } else { session };
                self.step(Event::Operator { verb, session: session.clone(), by })?;
                self.watch_stops(&session);
                Ok(())
            }
        }
    }

    /// Looks, after grace and some seconds, whether a stopped session is really gone.
    fn watch_stops(&mut self, session: &SessionName) {
        let Some(run) = self.night.as_ref().and_then(|night| night.state.latest_run(session)) else { return };
        let RunState::Stopping { then: AfterStop::Stopped, .. } = run.state else { return };
        let grace = run.session.as_ref().map_or(Duration::from_secs(15), |session| session.stop_grace);
        let round = self.sequence;
        self.stop_round.insert(session.clone(), round);
        let after = u64::try_from(grace.as_millis()).unwrap() + 5_000;
        self.after(after, Coming::StopIsThrough(session.clone(), round));
    }

    /// The faults end; what never ends by itself does so now.
    fn calm_down(&mut self) -> Judged {
        self.calm = true;
        self.world.calm = true;
        self.judge.calm_since = Some(self.world.t);
        self.faults = Faults { late_timers: self.faults.late_timers, ..Faults::default() };
        let t = self.world.t;
        let endless: Vec<AttemptId> = (self.world.dirs.iter())
            .filter(|(_, dir)| dir.program.as_ref().is_some_and(|program| program.ends.is_none()))
            .map(|(id, _)| id.clone())
            .collect();
        for id in endless {
            if let Some(program) = self.world.dirs.get_mut(&id).and_then(|dir| dir.program.as_mut()) {
                program.ends = Some(t + 600_000);
            }
            self.after(600_000, Coming::ProgramEnds(id));
        }
        if self.file.is_err() {
            self.file = Ok(self.last_good.clone());
        }
        if self.night.is_none() {
            self.daemon_starts()?;
        } else {
            self.load_file()?;
        }
        let open = self.night.as_ref().and_then(|night| night.state.open_night());
        if open.is_none_or(|night| night.closing) {
            return self.up(Vec::new());
        }
        Ok(())
    }
}

/// Whether an event is a timer that was armed for a state which is over.
fn is_stale(event: &Event, state: &State) -> bool {
    let Event::Timer { timer, epoch } = event else { return false };
    let run = match timer {
        Timer::RunDue(run) => run,
        Timer::AttemptTimeout(attempt) | Timer::StartOverdue(attempt) => &attempt.run,
        Timer::Pacing => return false,
    };
    state.runs.get(run).is_none_or(|run| run.epoch != *epoch)
}

/// What a run directory shows, as an event.
fn shown(attempt: &AttemptId, dir: &RunDir) -> Option<Event> {
    let attempt = attempt.clone();
    let output = Box::new(dir.output.clone());
    match (&dir.exit, &dir.program, &dir.started) {
        (Some(exit), _, _) => Some(Event::Ended { attempt, exit: exit.clone(), output }),
        (None, Some(_), Some(started)) => Some(Event::Started { attempt, started: started.clone() }),
        (None, None, Some(started)) => {
            let exit = ExitRecord {
                ending: Ending::Lost { why: "the recorder is gone".to_owned() },
                at: started.at,
                ran: Duration::ZERO,
                usage: None,
                oom: false,
                hup: false,
                stopped: false,
                orphans: 0,
                output_bytes: output.bytes,
                lost_bytes: 0,
            };
            Some(Event::Ended { attempt, exit, output: Box::<OutputSeen>::new(*output) })
        }
        (None, _, None) => None,
    }
}
