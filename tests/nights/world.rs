//! The machine of a simulated night: clocks, tmux servers, programs and what their recorders wrote. This is the truth
//! that the core's beliefs are measured against.

use super::plan::{Behaviour, Kind, RULES, ScriptedEnd, behaviour, kind};
use super::work::{Work, work};
use fastrand::Rng;
use nightkeep::core::exit::{Ending, ExitRecord};
use nightkeep::core::ids::{AttemptId, SessionName};
use nightkeep::core::plan::{OnTmuxLoss, SessionPlan};
use nightkeep::core::run::{MetricSeen, OutputSeen, Started};
use nightkeep::core::time::{At, Mono, Wall};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A living program with its recorder.
#[derive(Debug)]
pub struct Program {
    pub way: Behaviour,
    pub born: u64,
    /// When it ends, as things stand; `None` is never.
    pub ends: Option<u64>,
    /// A stop was asked.
    pub stopped: bool,
    /// A hang-up came.
    pub hup: bool,
    /// The tmux server it lives in.
    pub server: u32,
    /// What it does.
    pub work: Work,
    /// How long the machine slept since it began.
    pub slept: u64,
    /// Until when it waits for a device: nothing ends it before.
    pub stuck_until: u64,
    /// When it was asked to stop.
    pub stop_asked: u64,
}

/// What a recorder wrote of an attempt.
#[derive(Debug)]
pub struct RunDir {
    pub session: SessionPlan,
    pub started: Option<Started>,
    pub exit: Option<ExitRecord>,
    pub output: OutputSeen,
    /// Whether an outage ended it.
    pub outage: bool,
    /// Whether the recorder lives.
    pub program: Option<Program>,
}

pub struct World {
    /// The true time in milliseconds; never jumps back.
    pub t: u64,
    /// Wall clock minus true time.
    pub wall_offset: i64,
    /// The true time at which the machine booted.
    pub booted: u64,
    pub boot: u32,
    /// The tmux server's process id.
    pub tmux: Option<u32>,
    pub next_pid: u32,
    pub dirs: BTreeMap<AttemptId, RunDir>,
    pub kinds: BTreeMap<SessionName, Kind>,
    pub spawned: BTreeMap<SessionName, u32>,
    /// In the last hour nothing runs for ever.
    pub calm: bool,
    /// Until when providers are down.
    pub outages: BTreeMap<&'static str, u64>,
    /// Until when the disk is nearly full, and memory short.
    pub low: [u64; 2],
    /// Crashes of its own that the daemon left a word of.
    pub crashes: u32,
    /// Whether the wall clock was ever set.
    pub was_set: bool,
    /// Attempts that waited for a device at some time.
    pub stuck: BTreeSet<AttemptId>,
    /// When the machine last woke up.
    pub woke: u64,
    /// How long the machine slept since it was booted.
    pub slept: u64,
    /// What programs ask.
    pub asking: BTreeMap<AttemptId, super::prompts::Asking>,
    /// What was typed into their composers.
    pub composers: BTreeMap<AttemptId, super::drafts::Composer>,
}

fn fail_of_outage(way: &mut Behaviour) {
    (way.end, way.rule, way.prints, way.outage) = (ScriptedEnd::Code(1), Some(RULES[1].0), true, true);
    way.limit = None;
}

/// Evenings on which nights begin: an ordinary one, and those before the clock is moved on and back in Berlin.
const STARTS: [i64; 3] = [1_763_758_800_000, 1_774_728_000_000, 1_792_872_000_000];

impl World {
    pub fn new(rng: &mut Rng) -> Self {
        let start = if rng.u8(0..4) == 0 { STARTS[rng.usize(1..3)] } else { STARTS[0] };
        Self {
            t: 0,
            wall_offset: start,
            booted: 0,
            boot: 1,
            tmux: None,
            next_pid: 1000,
            dirs: BTreeMap::new(),
            kinds: BTreeMap::new(),
            spawned: BTreeMap::new(),
            calm: false,
            outages: BTreeMap::new(),
            low: [0; 2],
            crashes: 0,
            was_set: false,
            stuck: BTreeSet::new(),
            woke: 0,
            slept: 0,
            asking: BTreeMap::new(),
            composers: BTreeMap::new(),
        }
    }
    pub fn at(&self) -> At {
        At { wall: self.wall(), mono: Mono(self.t - self.booted + 5_000) }
    }
    pub fn wall(&self) -> Wall {
        Wall(self.wall_offset + i64::try_from(self.t).unwrap())
    }
    pub fn boot_id(&self) -> String {
        format!("boot-{}", self.boot)
    }
    fn pid(&mut self) -> u32 {
        self.next_pid += 1;
        self.next_pid
    }

    /// The living attempts of a session.
    pub fn living(&self, session: &SessionName) -> Vec<&AttemptId> {
        self.dirs
            .iter()
            .filter(|(id, dir)| id.run.session == *session && dir.program.is_some())
            .map(|(id, _)| id)
            .collect()
    }

    /// Starts a program in a pane. Returns when it ends by itself.
    pub fn spawn(&mut self, id: &AttemptId, session: &SessionPlan, rng: &mut Rng) -> Option<u64> {
        let server = match self.tmux {
            Some(server) => server,
            None => {
                let pid = self.pid();
                self.tmux = Some(pid);
                pid
            }
        };
        let name = &id.run.session;
        let kind = *self.kinds.entry(name.clone()).or_insert_with(|| kind(rng));
        let n = self.spawned.entry(name.clone()).or_insert(0);
        let mut way = behaviour(kind, *n, rng);
        *n += 1;
        if self.is_out(session) {
            way = Behaviour { after: rng.u64(500..20_000), ..way };
            fail_of_outage(&mut way);
        }
        if self.calm && way.end == ScriptedEnd::Never {
            way.end = ScriptedEnd::Code(0);
        }
        let mut dir = RunDir {
            session: session.clone(),
            started: None,
            exit: None,
            output: OutputSeen::default(),
            outage: false,
            program: None,
        };
        if let ScriptedEnd::ExecFailed(errno) = way.end {
            let ending = Ending::ExecFailed { errno, what: "exec work".to_owned() };
            dir.exit = Some(self.certificate(ending, self.t, false, false, false));
            self.dirs.insert(id.clone(), dir);
            return None;
        }
        let (pid, shim_pid) = (self.pid(), self.pid());
        dir.started =
            Some(Started { at: self.wall(), pid, pid_start: u64::from(pid), shim_pid, boot_id: self.boot_id() });
        let ends = (way.end != ScriptedEnd::Never).then_some(self.t + way.after);
        let work = work(rng);
        dir.program = Some(Program {
            way,
            born: self.t,
            ends,
            stopped: false,
            hup: false,
            server,
            work,
            slept: 0,
            stuck_until: 0,
            stop_asked: 0,
        });
        self.dirs.insert(id.clone(), dir);
        ends
    }

    /// Whether a session's provider is down.
    pub fn is_out(&self, session: &SessionPlan) -> bool {
        session.provider.as_deref().is_some_and(|name| self.outages.get(name).is_some_and(|until| self.t < *until))
    }
    /// A provider goes down; programs that run meet it at once or never. Gives those that end of it.
    pub fn outage(&mut self, provider: &'static str, until: u64, rng: &mut Rng) -> Vec<(AttemptId, u64)> {
        self.outages.insert(provider, until);
        let (t, mut ended) = (self.t, Vec::new());
        for (id, dir) in &mut self.dirs {
            let hit = dir.session.provider.as_deref() == Some(provider) && rng.bool();
            if let Some(program) = dir.program.as_mut().filter(|_| hit) {
                let ends = t + rng.u64(0..60_000);
                if program.ends.is_none_or(|known| known > ends) {
                    fail_of_outage(&mut program.way);
                    program.ends = Some(ends);
                    ended.push((id.clone(), ends));
                }
            }
        }
        ended
    }
    /// What the sensors read: disk, then memory, as free and all bytes.
    pub fn levels(&self) -> [(u64, u64); 2] {
        let low = |i: usize| self.t < self.low[i];
        let (disk, memory) = (if low(0) { 1 << 20 } else { 50 << 30 }, if low(1) { 1 << 30 } else { 8 << 30 });
        [(disk, 100 << 30), (memory, 16 << 30)]
    }

    fn certificate(&self, ending: Ending, born: u64, oom: bool, hup: bool, stopped: bool) -> ExitRecord {
        ExitRecord {
            ending,
            at: self.wall(),
            ran: Duration::from_millis(self.t - born),
            usage: None,
            oom,
            hup,
            stopped,
            orphans: 0,
            output_bytes: 0,
            lost_bytes: 0,
            refused: 0,
        }
    }

    /// The program ends now, as it would by itself or as it was made to.
    pub fn end(&mut self, id: &AttemptId) {
        self.print(id, true);
        let Some(program) = self.dirs.get_mut(id).and_then(|dir| dir.program.take()) else { return };
        let (way, forced) = (&program.way, program.stopped || program.hup);
        let (ending, oom) = match way.end {
            ScriptedEnd::Code(_) | ScriptedEnd::Signal(_) | ScriptedEnd::Never | ScriptedEnd::Oom if forced => {
                let signal = if program.hup { 1 } else { 15 };
                let ending = way.stop_code.map_or(Ending::Signal { signal, core: false }, |code| Ending::Code { code });
                (ending, false)
            }
            ScriptedEnd::Code(code) => (Ending::Code { code }, false),
            ScriptedEnd::Signal(signal) => (Ending::Signal { signal, core: signal == 11 }, false),
            ScriptedEnd::Oom => (Ending::Signal { signal: 9, core: false }, true),
            ScriptedEnd::Never | ScriptedEnd::ExecFailed(_) => (Ending::Code { code: 0 }, false),
        };
        let exit = self.certificate(ending, program.born, oom, program.hup, program.stopped);
        if let Some(dir) = self.dirs.get_mut(id) {
            dir.outage = program.way.outage && !forced;
            dir.exit = Some(ExitRecord { output_bytes: dir.output.bytes, ..exit });
        }
    }

    /// The recorder and its program die without a word.
    pub fn vanish(&mut self, id: &AttemptId) {
        if let Some(dir) = self.dirs.get_mut(id) {
            dir.program = None;
        }
    }

    /// Asks a program to stop. Returns when it will have ended.
    pub fn stop(&mut self, id: &AttemptId, grace: Duration) -> Option<u64> {
        let t = self.t;
        let program = self.dirs.get_mut(id)?.program.as_mut()?;
        if !program.stopped {
            program.stop_asked = t;
        }
        program.stopped = true;
        let takes = program.way.stop_takes.min(u64::try_from(grace.as_millis()).unwrap());
        let by = t + takes;
        program.ends = Some(program.ends.map_or(by, |ends| ends.min(by)).max(program.stuck_until));
        program.ends
    }

    /// Hangs a program up. Returns when it will have ended; `None` if it goes on.
    pub fn hang_up(&mut self, id: &AttemptId) -> Option<u64> {
        let t = self.t;
        let dir = self.dirs.get_mut(id)?;
        let keeps = dir.session.on_tmux_loss == OnTmuxLoss::Keep;
        let program = dir.program.as_mut()?;
        if keeps {
            return None;
        }
        program.hup = true;
        let by = t + program.way.stop_takes.min(15_000);
        program.ends = Some(program.ends.map_or(by, |ends| ends.min(by)).max(program.stuck_until));
        program.ends
    }

    /// The program prints what fits to the time it ran.
    pub fn print(&mut self, id: &AttemptId, at_end: bool) {
        let (t, wall) = (self.t, self.wall());
        let Some(dir) = self.dirs.get_mut(id) else { return };
        let Some(program) = &dir.program else { return };
        if !program.way.prints {
            return;
        }
        let ran = t - program.born;
        let output = &mut dir.output;
        output.bytes = output.bytes.max(ran / 100 + 1);
        output.last_at = Some(wall);
        output.last_line = format!("line {ran}");
        if output.tail.len() < 3 {
            output.tail.push(output.last_line.clone());
        }
        if at_end {
            output.rule = program.way.rule.map(str::to_owned);
            output.limit = program.way.limit.map(|said| said.seen(wall));
        }
        if let Some(metric) = dir.session.metrics.first() {
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let value = (program.way.reaches.min(ran * 100 / program.way.after.max(1))) as f64;
            let total = metric.total.or(metric.regex.contains('/').then_some(100.0));
            let seen = output.metrics.entry(metric.name.clone());
            let seen = seen.or_insert_with(|| MetricSeen::first_seen(value, total, wall));
            seen.next_seen(value, total, wall);
        }
    }

    /// A program waits for a device from now on: nothing ends it before that answers. Gives when it would end now.
    pub fn stick(&mut self, id: &AttemptId, until: u64) -> Option<u64> {
        let program = self.dirs.get_mut(id)?.program.as_mut()?;
        self.stuck.insert(id.clone());
        program.stuck_until = until;
        program.ends = program.ends.map(|ends| ends.max(until));
        program.ends
    }
    /// Whether nothing can end a living program now.
    pub fn is_stuck(&self, id: &AttemptId) -> bool {
        self.dirs.get(id).and_then(|dir| dir.program.as_ref()).is_some_and(|program| self.t < program.stuck_until)
    }

    /// Time passes while nothing runs.
    pub fn suspend(&mut self, span: u64) {
        self.t += span;
        self.slept += span;
        self.woke = self.t;
        for program in self.dirs.values_mut().filter_map(|dir| dir.program.as_mut()) {
            program.ends = program.ends.map(|ends| ends + span);
            program.slept += span;
        }
    }

    /// The machine goes down, in order or not, and comes up again.
    pub fn reboot(&mut self, in_order: bool, down: u64) {
        let living: Vec<AttemptId> =
            self.dirs.iter().filter(|(_, dir)| dir.program.is_some()).map(|(id, _)| id.clone()).collect();
        for id in living {
            if in_order {
                if let Some(program) = self.dirs.get_mut(&id).and_then(|dir| dir.program.as_mut()) {
                    program.hup = true;
                }
                self.end(&id);
            } else {
                self.vanish(&id);
            }
        }
        self.tmux = None;
        self.t += down;
        self.booted = self.t;
        self.slept = 0;
        self.boot += 1;
    }
}
