//! The loop: bytes between the two terminals, the log in between, signals, clients, and the end of the program.
//!
//! One thread, one `poll`, no timer without need: a shim whose program is silent does not wake up. Nothing here waits
//! for anything but `poll`, and no error of a disk, a viewer or a client ends it.

use super::clients::{Ask, Server, What};
use super::event_log::EventLog;
use super::hearing::Hearing;
use super::ladder::Ladder;
use super::limits::{Did, Limits};
use super::oom::OomCounter;
use super::output::{Output, Stamp};
use super::paste::{self, BracketedPaste};
use super::query::{self, StatusQuery};
use super::signals::Signals;
use super::sync::Syncer;
use super::sys::{self, Reap, Status};
use super::terminal::{self, Got, Outer};
use super::typing::{Hand, Typed, Typing};
use super::viewer::{self, Viewer};
use crate::core::exit::ResourceUsage;
use crate::os::clock;
use crate::os::tree;
use crate::recording::events::{Line, RecorderEvent};
use crate::recording::socket::{Answer, News};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::Signal;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

const MS: u64 = 1_000_000;
/// Most bytes read from the program before they are written on.
const CHUNK: usize = 64 * 1024;
/// A read of less than this says that the program has no more for now.
const SMALL_READ: usize = 1024;
/// The log is brought to the disk at most this often, in nanoseconds.
const SYNC_EVERY: u64 = 2_000 * MS;
/// A program that closed its terminal is asked again after this time, in nanoseconds.
const REOPENED: u64 = 250 * MS;
/// After a hang-up, how long it takes until tmux's death can be told from a closed session, in nanoseconds.
const TMUX_GONE: u64 = 1_000 * MS;
/// Between two `SIGKILL`s at what does not die, in nanoseconds: at first, and at most.
const KILL_AGAIN: (u64, u64) = (10 * MS, 1_000 * MS);
/// Descendants that outlive `SIGKILL` by so long are left behind, in nanoseconds.
const UNKILLABLE: u64 = 5_000 * MS;

/// What the relay works with; all of it is open and the program runs.
#[derive(Debug)]
pub struct Parts {
    /// The terminal that shows the program.
    pub outer: Outer,
    /// The master side of its own terminal.
    pub inner: OwnedFd,
    /// Signals.
    pub signals: Signals,
    /// The socket.
    pub server: Server,
    /// The socket at which the program tells of its work.
    pub hearing: Option<Hearing>,
    /// The log.
    pub output: Output,
    /// The program's process id.
    pub pid: u32,
    /// The size that readers know: columns, rows.
    pub size: (u16, u16),
    /// The kernel's counter before the start.
    pub oom: Option<OomCounter>,
    /// The limits of its tree.
    pub limits: Limits,
    /// Nanoseconds from the first polite signal to `SIGKILL`, when nobody says otherwise.
    pub stop_grace: u64,
    /// Whether the program runs on when tmux is gone.
    pub keep_on_tmux_loss: bool,
    /// Nanoseconds for which descendants may go on after the program's end.
    pub drain: u64,
    /// Whether it answers for the terminal when the program asks whether it may report what it does.
    pub answers_status: bool,
    /// Our parent at the start.
    pub parent: Option<rustix::process::Pid>,
}

/// The running relay.
#[derive(Debug)]
pub struct Relay {
    parts: Parts,
    events: EventLog,
    /// Held for as long as the relay lives.
    _lock: File,
    syncer: Syncer,
    buffer: Vec<u8>,
    viewer: Viewer,
    typing: Typing,
    hand: Hand,
    brackets: BracketedPaste,
    query: StatusQuery,
    /// While the program has its terminal closed: when to look again.
    closed_until: Option<u64>,
    ladder: Option<Ladder>,
    /// `SIGKILL` was sent: when again, and after which pause.
    killing: Option<(u64, u64)>,
    end: Option<End>,
    /// Whether there are children, the program or what it left behind.
    children: bool,
    usage: ResourceUsage,
    orphans: u32,
    hup: bool,
    decide_at: Option<u64>,
    stopped: bool,
    killed_by_us: bool,
    synced_at: u64,
    synced_len: u64,
    news: Vec<RecorderEvent>,
    asks: Vec<Ask>,
}

#[derive(Debug, Clone, Copy)]
struct End {
    status: Status,
    at: Stamp,
    oom: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Signals,
    OuterIn,
    OuterOut,
    Inner,
    Socket,
    Hearing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pumped {
    /// There may be more.
    Some,
    /// All there is now.
    All,
    /// The viewer has to take something first.
    Blocked,
}

impl Relay {
    /// Takes over once the program runs.
    pub fn new(parts: Parts, events: EventLog, lock: File) -> Self {
        let files = [events.handle(), parts.output.handle()].into_iter().flatten().collect();
        Self {
            syncer: Syncer::start(files),
            buffer: vec![0; CHUNK],
            viewer: Viewer::default(),
            typing: Typing::default(),
            hand: Hand::default(),
            brackets: BracketedPaste::default(),
            query: StatusQuery::new(parts.answers_status),
            closed_until: None,
            ladder: None,
            killing: None,
            end: None,
            children: true,
            usage: ResourceUsage::default(),
            orphans: 0,
            hup: false,
            decide_at: None,
            stopped: false,
            killed_by_us: false,
            synced_at: 0,
            synced_len: 0,
            news: Vec::new(),
            asks: Vec::new(),
            parts,
            events,
            _lock: lock,
        }
    }

    /// Runs until the program and all its descendants are gone and all is recorded. Gives what ended the program.
    pub fn run(mut self) -> Status {
        self.syncer.request();
        let missing = self.parts.limits.missing().to_vec();
        if !missing.is_empty() {
            self.record(RecorderEvent::Limits { missing, oom_kills: 0, refused: 0 });
        }
        // The terminal may have got another size, or the program may have ended, before anybody listened.
        self.resize_from_outer();
        self.reap(clock::mono_nanos());
        loop {
            let now = clock::mono_nanos();
            self.tick(now);
            if let Some(end) = self.end
                && self.all_is_over(now)
            {
                return self.finish(end);
            }
            let ready = self.wait(now);
            self.serve(&ready, clock::mono_nanos());
        }
    }

    /// Waits for the next thing to happen. Gives what did; of the socket an entry for each descriptor of the server.
    fn wait(&self, now: u64) -> Vec<(Source, PollFlags)> {
        let mut wanted = Vec::with_capacity(8);
        wanted.push((Source::Signals, self.parts.signals.fd(), PollFlags::IN));
        // A hang-up is always reported: a descriptor of which nothing is wanted must not be polled.
        let (inner, closed) = (self.wanted_of_inner(), self.closed_until.is_some());
        if !inner.is_empty() && !closed {
            wanted.push((Source::Inner, self.parts.inner.as_fd(), inner));
        }
        if self.viewer.waits() {
            wanted.extend(self.parts.outer.output().map(|fd| (Source::OuterOut, fd, PollFlags::OUT)));
        }
        if self.typing.is_empty() {
            wanted.extend(self.parts.outer.input().map(|fd| (Source::OuterIn, fd, PollFlags::IN)));
        }
        wanted.extend(self.parts.server.interests(now).map(|(fd, flags)| (Source::Socket, fd, flags)));
        if let Some(hearing) = &self.parts.hearing {
            wanted.extend(hearing.interests(now).map(|(fd, flags)| (Source::Hearing, fd, flags)));
        }
        let mut fds: Vec<_> = wanted.iter().map(|(_, fd, flags)| PollFd::from_borrowed_fd(*fd, *flags)).collect();
        let timeout = self.deadline().map(|at| timespec(at.saturating_sub(now)));
        // An interrupted poll leaves all results empty, which is true.
        let _ = rustix::event::poll(&mut fds, timeout.as_ref());
        wanted.iter().zip(&fds).map(|((source, ..), fd)| (*source, fd.revents())).collect()
    }
    fn wanted_of_inner(&self) -> PollFlags {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, !self.viewer.is_full(self.end.is_some()));
        flags.set(PollFlags::OUT, !self.typing.is_empty());
        flags
    }
    /// When [`Relay::tick`] has something to do.
    fn deadline(&self) -> Option<u64> {
        let total = self.parts.output.total();
        let sync = (self.parts.output.len() != self.synced_len).then_some(self.synced_at + SYNC_EVERY);
        let leftovers = self
            .end
            .filter(|_| self.children && self.ladder.is_none())
            .map(|end| end.at.m.saturating_add(self.parts.drain));
        let deadlines = [
            self.closed_until,
            self.parts.output.deadline(),
            self.parts.server.deadline(total),
            self.parts.hearing.as_ref().and_then(Hearing::deadline),
            self.viewer.deadline(self.end.is_some()),
            self.typing.deadline(),
            sync,
            self.decide_at,
            self.ladder.as_ref().and_then(Ladder::deadline),
            self.killing.map(|(at, _)| at),
            leftovers,
        ];
        deadlines.into_iter().flatten().min()
    }
    /// Does what is due.
    fn tick(&mut self, now: u64) {
        self.closed_until = self.closed_until.filter(|at| *at > now);
        self.parts.output.tick(now);
        self.parts.server.tick(self.parts.output.total(), now);
        if let Some(hearing) = &mut self.parts.hearing {
            hearing.tick(now);
        }
        if self.viewer.deadline(self.end.is_some()).is_some_and(|at| at <= now) {
            self.viewer.give_up();
        }
        if self.typing.deadline().is_some_and(|at| at <= now) {
            let through = self.typing.give_up();
            self.typed(through, now);
        }
        let len = self.parts.output.len();
        if len != self.synced_len && self.synced_at + SYNC_EVERY <= now {
            (self.synced_at, self.synced_len) = (now, len);
            if let Some(error) = self.syncer.failure() {
                self.sync_failed(&error);
            }
            self.syncer.request();
        }
        if self.decide_at.is_some_and(|at| at <= now) {
            self.decide_at = None;
            // tmux lives, so somebody closed the session: that ends the program whatever the policy.
            if rustix::process::getppid() == self.parts.parent {
                self.end_tree(Ladder::hang_up(now, self.parts.stop_grace));
            }
        }
        let leftovers = self.end.is_some_and(|end| end.at.m.saturating_add(self.parts.drain) <= now);
        if leftovers && self.children && self.ladder.is_none() {
            self.end_tree(Ladder::orphans(now));
        }
        if let Some(signal) = self.ladder.as_mut().and_then(|ladder| ladder.due(now)) {
            self.signal_tree(signal, now);
        } else if self.killing.is_some_and(|(at, _)| at <= now) {
            self.signal_tree(Signal::KILL, now);
        }
    }
    /// Deals with what [`Relay::wait`] found.
    fn serve(&mut self, ready: &[(Source, PollFlags)], now: u64) {
        let found = |wanted: Source| {
            let of_source = ready.iter().filter(|(source, _)| *source == wanted);
            of_source.fold(PollFlags::empty(), |all, (_, flags)| all | *flags)
        };
        if !found(Source::Signals).is_empty() {
            self.signals(now);
        }
        let inner = found(Source::Inner);
        if inner.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR) {
            self.pump(now, false);
        }
        if inner.contains(PollFlags::OUT) {
            self.flush_typing(now);
        }
        if !found(Source::OuterOut).is_empty() {
            self.flush_viewer(now);
        }
        if !found(Source::OuterIn).is_empty() {
            self.read_keys(now);
        }
        let of = |wanted| {
            ready.iter().filter(move |(s, _)| *s == wanted).map(|(_, flags)| *flags).collect::<Vec<PollFlags>>()
        };
        if let Some(hearing) = self.parts.hearing.as_mut().filter(|_| !found(Source::Hearing).is_empty()) {
            let taken = hearing.serve(&of(Source::Hearing), now, clock::wall_nanos());
            hearing.fresh().into_iter().for_each(|file| self.syncer.add(file));
            if taken {
                self.syncer.request();
                self.parts.server.tell(&News::Event);
            }
        }
        if !found(Source::Socket).is_empty() {
            let sockets = of(Source::Socket);
            self.parts.server.serve(&sockets, self.parts.output.total(), now, &mut self.asks);
            self.answer_asks(now);
        }
    }

    /// Reads what the program printed, once through the buffer; `all` reads on after small reads.
    fn pump(&mut self, now: u64, all: bool) -> Pumped {
        if self.viewer.is_full(self.end.is_some()) {
            return Pumped::Blocked;
        }
        let mut pumped = Pumped::Some;
        let mut filled = 0;
        while filled < CHUNK {
            match terminal::read(self.parts.inner.as_fd(), &mut self.buffer[filled..]) {
                Got::Bytes(n) => {
                    filled += n;
                    if n < SMALL_READ && !all {
                        break;
                    }
                }
                Got::Nothing => {
                    pumped = Pumped::All;
                    break;
                }
                Got::End => {
                    self.closed_until = Some(now + REOPENED);
                    pumped = Pumped::All;
                    break;
                }
            }
        }
        if filled > 0 {
            let bytes = &self.buffer[..filled];
            self.brackets.scan(bytes);
            let answer = self.query.scan(bytes);
            self.parts.output.append(bytes, Stamp { t: clock::wall_nanos(), m: now }, &mut self.news);
            // Before the viewer has any of it: its answer to what is asked next says that there are no more.
            if let Some(answer) = answer
                && self.end.is_none()
                && query::reads_keys(self.parts.inner.as_fd(), self.parts.pid)
            {
                self.query.answered();
                self.typing.add(answer, None, now);
                self.flush_typing(now);
            }
            self.viewer.show(&mut self.parts.outer, &self.buffer[..filled], now);
            for event in std::mem::take(&mut self.news) {
                self.record(event);
            }
        }
        pumped
    }
    /// Reads on until there is nothing more, within a bound that a descendant which prints for ever cannot pass.
    fn pump_all(&mut self, now: u64) -> Pumped {
        for _ in 0..64 {
            match self.pump(now, true) {
                Pumped::Some => {}
                Pumped::All => return Pumped::All,
                Pumped::Blocked => return Pumped::Blocked,
            }
        }
        Pumped::Some
    }
    fn flush_viewer(&mut self, now: u64) {
        let missed_some = self.viewer.flush(&mut self.parts.outer, now);
        // A program that draws on the whole screen draws again at a change of size.
        if missed_some && let Ok(group) = rustix::termios::tcgetpgrp(&self.parts.inner) {
            let _ = rustix::process::kill_process_group(group, Signal::WINCH);
        }
    }
    fn read_keys(&mut self, now: u64) {
        let Some(keys) = self.parts.outer.input() else { return };
        let mut buffer = [0; 4096];
        match terminal::read(keys, &mut buffer) {
            Got::Bytes(n) => {
                if self.hand.types(&buffer[..n], now) {
                    self.record(RecorderEvent::Keys);
                }
                self.typing.add(buffer[..n].to_vec(), None, now);
                self.flush_typing(now);
            }
            Got::Nothing => {}
            Got::End => {
                if self.parts.outer.input_ended() {
                    self.hung_up(now);
                }
            }
        }
    }
    fn flush_typing(&mut self, now: u64) {
        let through = self.typing.flush(self.parts.inner.as_fd(), now);
        self.typed(through, now);
    }
    fn typed(&mut self, through: Vec<Typed>, now: u64) {
        for typed in through {
            if typed.bytes > 0 {
                self.record(RecorderEvent::Input { bytes: typed.bytes as u64 });
            }
            let error = (!typed.all).then(|| format!("the program took {} bytes and no more", typed.bytes));
            self.answer(typed.client, error, now);
        }
    }

    fn answer_asks(&mut self, now: u64) {
        while !self.asks.is_empty() {
            let Ask { client, what } = self.asks.remove(0);
            match what {
                What::Input { .. } if self.end.is_some() => {
                    self.answer(client, Some("the program has ended".to_owned()), now);
                }
                What::Input { bytes, paste } => {
                    let bytes = if paste { paste::prepare(&bytes, self.brackets.is_on()) } else { bytes };
                    self.typing.add(bytes, Some(client), now);
                    self.flush_typing(now);
                }
                What::Resize { cols, rows } => {
                    let failed = self.resize((cols, rows)).err();
                    self.answer(client, failed.map(|e| e.to_string()), now);
                }
                What::Stop { grace_ms } => {
                    self.record(RecorderEvent::StopAsked { grace_ms });
                    self.answer(client, None, now);
                    self.stop(grace_ms.saturating_mul(MS), now);
                }
            }
        }
    }
    fn answer(&mut self, client: u64, error: Option<String>, now: u64) {
        let answer = Answer { ok: error.is_none(), error };
        self.parts.server.answer(client, &answer, self.parts.output.total(), now, &mut self.asks);
    }

    fn signals(&mut self, now: u64) {
        for signal in self.parts.signals.take() {
            match signal {
                libc::SIGCHLD => self.reap(now),
                libc::SIGWINCH => self.resize_from_outer(),
                libc::SIGHUP => {
                    self.record(RecorderEvent::Signal { signal });
                    self.hung_up(now);
                }
                other => {
                    self.record(RecorderEvent::Signal { signal: other });
                    self.stop(self.parts.stop_grace, now);
                }
            }
        }
    }
    fn resize_from_outer(&mut self) {
        if let Some(size) = self.parts.outer.size().filter(|size| *size != self.parts.size) {
            let _ = self.resize(size);
        }
    }
    fn resize(&mut self, size: (u16, u16)) -> std::io::Result<()> {
        terminal::resize(self.parts.inner.as_fd(), size)?;
        self.parts.size = size;
        let at = Some(self.parts.output.len());
        self.record(RecorderEvent::Resize { cols: size.0, rows: size.1, at });
        Ok(())
    }
    fn hung_up(&mut self, now: u64) {
        if std::mem::replace(&mut self.hup, true) {
            return;
        }
        if self.parts.keep_on_tmux_loss {
            self.decide_at = Some(now + TMUX_GONE);
        } else {
            self.end_tree(Ladder::hang_up(now, self.parts.stop_grace));
        }
    }
    fn stop(&mut self, grace: u64, now: u64) {
        self.stopped |= self.end.is_none();
        self.end_tree(Ladder::stop(now, grace));
    }
    /// Begins to end the program and its descendants; of two ladders the one that ends earlier goes on.
    fn end_tree(&mut self, ladder: Ladder) {
        if self.end.is_some() && self.ladder.is_none() {
            self.count_orphans();
        }
        if self.ladder.as_ref().is_none_or(|old| ladder.kills_at() < old.kills_at()) {
            self.ladder = Some(ladder);
        }
    }
    fn signal_tree(&mut self, signal: Signal, now: u64) {
        if signal == Signal::KILL {
            self.parts.limits.end();
        }
        let tree = tree::descendants(std::process::id());
        tree::signal_all(&tree, signal);
        if signal == Signal::KILL {
            self.killed_by_us |= self.end.is_none();
            let pause = self.killing.map_or(KILL_AGAIN.0, |(_, pause)| (2 * pause).min(KILL_AGAIN.1));
            self.killing = Some((now + pause, pause));
        } else {
            // One that is stopped does not hear the rest before it goes on.
            tree::signal_all(&tree, Signal::CONT);
        }
    }
    fn count_orphans(&mut self) {
        self.orphans = u32::try_from(tree::descendants(std::process::id()).len()).unwrap_or(u32::MAX);
    }
    fn reap(&mut self, now: u64) {
        loop {
            match sys::reap() {
                Reap::Ended(child) => {
                    self.usage.user_ms += child.usage.user_ms;
                    self.usage.system_ms += child.usage.system_ms;
                    self.usage.max_rss_kib = self.usage.max_rss_kib.max(child.usage.max_rss_kib);
                    if child.pid == self.parts.pid && self.end.is_none() {
                        self.program_ended(child.status, now);
                    }
                }
                Reap::AllLive => return,
                Reap::NoneLeft => {
                    self.children = false;
                    return;
                }
            }
        }
    }
    fn program_ended(&mut self, status: Status, now: u64) {
        let killed = matches!(status, Status::Signal { signal: libc::SIGKILL, .. }) && !self.killed_by_us;
        let oom = killed && self.parts.oom.as_ref().is_some_and(OomCounter::rose);
        self.end = Some(End { status, at: Stamp { t: clock::wall_nanos(), m: now }, oom });
        // A read that finds nothing proves that all the program wrote is here; poll would not.
        self.pump_all(now);
        if self.ladder.is_some() {
            self.count_orphans();
        }
    }

    /// Whether nobody is left who could print, and all that was printed is in the log.
    fn all_is_over(&mut self, now: u64) -> bool {
        let killed_since = self.ladder.as_ref().map(Ladder::kills_at).max(self.end.map(|end| end.at.m));
        let unkillable = self.killing.is_some() && killed_since.is_some_and(|at| at + UNKILLABLE <= now);
        if self.children && !unkillable {
            return false;
        }
        match self.pump_all(now) {
            Pumped::All => true,
            Pumped::Some => unkillable,
            Pumped::Blocked => false,
        }
    }
    fn finish(mut self, end: End) -> Status {
        let now = clock::mono_nanos();
        let unheard = self.typing.give_up();
        self.typed(unheard, now);
        if let Err(error) = self.parts.output.finish() {
            self.sync_failed(&error);
        }
        let (code, signal, core) = match end.status {
            Status::Code(code) => (Some(code), None, false),
            Status::Signal { signal, core } => (None, Some(signal), core),
        };
        let (bytes, lost) = (self.parts.output.total(), self.parts.output.lost());
        if let Some(mut hearing) = self.parts.hearing.take() {
            hearing.close(clock::wall_nanos());
        }
        let did = self.parts.limits.did();
        if did != Did::default() {
            let Did { oom_kills, refused } = did;
            self.record(RecorderEvent::Limits { missing: Vec::new(), oom_kills, refused });
        }
        self.parts.limits.remove();
        let (oom, usage, orphans) = (end.oom, self.usage, self.orphans);
        let (hup, stopped) = (self.hup, self.stopped);
        let event = RecorderEvent::End { code, signal, core, oom, usage, bytes, lost, hup, stopped, orphans };
        self.record_at(Line { t: end.at.t, m: end.at.m, event });
        let _ = self.events.close();
        self.parts.server.close(bytes);
        show_last_words(&self.parts.outer, self.viewer.unseen(), now + viewer::LAST_VIEW);
        self.parts.outer.restore();
        end.status
    }
    fn sync_failed(&mut self, error: &std::io::Error) {
        let (at, bytes) = (self.parts.output.len(), self.parts.output.lost());
        self.record(RecorderEvent::Lost { at, bytes, why: format!("sync failed: {error}"), resumed: true });
    }
    fn record(&mut self, event: RecorderEvent) {
        self.record_at(Line { t: clock::wall_nanos(), m: clock::mono_nanos(), event });
    }
    /// Writes a line and tells watchers. A line that cannot be written is left out: the relay goes on.
    fn record_at(&mut self, line: Line) {
        let _ = self.events.append(&line);
        self.parts.server.tell(&News::Event);
    }
}

/// Gives the viewer what it has not seen, until a monotonic time.
fn show_last_words(outer: &Outer, mut unseen: &[u8], until: u64) {
    let Some(viewer) = outer.output() else { return };
    while !unseen.is_empty() {
        match terminal::write(viewer, unseen) {
            Got::Bytes(n) => unseen = &unseen[n..],
            Got::End => return,
            Got::Nothing => {
                let now = clock::mono_nanos();
                if now >= until {
                    return;
                }
                let mut fds = [PollFd::from_borrowed_fd(viewer, PollFlags::OUT)];
                let _ = rustix::event::poll(&mut fds, Some(&timespec(until - now)));
            }
        }
    }
}

fn timespec(nanos: u64) -> Timespec {
    // A little late rather than a little early, which would make the loop turn twice.
    let nanos = nanos.saturating_add(1000);
    Timespec {
        tv_sec: i64::try_from(nanos / 1_000_000_000).unwrap_or(i64::MAX),
        tv_nsec: i64::try_from(nanos % 1_000_000_000).unwrap_or(0),
    }
}
