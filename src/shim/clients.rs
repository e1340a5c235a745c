//! The shim's socket: who asks, what they ask, and what watchers are told. Everything here is bounded: clients, lines,
//! input, and what waits to be read by them.

use crate::os::ancestry;
use crate::recording::socket::{
    Answer, CLIENTS_MAX, FOLLOW_NEWS_MS, INPUT_MAX, LINE_MAX, News, OUTPUT_NEWS_MS, Request, decode, encode,
};
use rustix::event::PollFlags;
use rustix::fs::Mode;
use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

const MS: u64 = 1_000_000;
/// A client that is slow to read is dropped when this many bytes wait for it.
const WAITING_MAX: usize = 16 * 1024;
/// A client that neither watches nor says anything is dropped after this time, in nanoseconds.
const IDLE: u64 = 10_000 * MS;
/// After accepting failed (too many open files), how long it is not tried, in nanoseconds.
const ACCEPT_PAUSE: u64 = 1000 * MS;

/// A request that the relay must carry out. It is answered with [`Server::answer`].
#[derive(Debug, PartialEq, Eq)]
pub struct Ask {
    /// Who asks.
    pub client: u64,
    /// What.
    pub what: What,
}

/// What is asked.
#[derive(Debug, PartialEq, Eq)]
pub enum What {
    /// Type these bytes.
    Input {
        /// The bytes as they came.
        bytes: Vec<u8>,
        /// As a paste.
        paste: bool,
    },
    /// Set the size.
    Resize {
        /// Columns.
        cols: u16,
        /// Rows.
        rows: u16,
    },
    /// End the program.
    Stop {
        /// Milliseconds.
        grace_ms: u64,
    },
}

/// The socket and its clients.
#[derive(Debug)]
pub struct Server {
    listener: UnixListener,
    path: PathBuf,
    attempt: String,
    /// The run directories of the instance: what runs below a recorder of one of them is a session.
    runs: PathBuf,
    clients: Vec<Client>,
    next_id: u64,
    accept_from: u64,
}

#[derive(Debug)]
struct Client {
    id: u64,
    stream: UnixStream,
    /// Bytes that came and are not yet understood.
    came: Vec<u8>,
    /// Input that is still coming: how much it will be, and as a paste.
    payload: Option<(usize, bool)>,
    /// Bytes that it has not read yet.
    waiting: Vec<u8>,
    /// The output it was told of, and when.
    watch: Option<(u64, u64)>,
    /// Least nanoseconds between two news of output to it.
    every: u64,
    /// An answer is due; nothing more is read before it.
    busy: bool,
    /// It is closed when it has read what waits.
    closing: bool,
    /// It is gone.
    gone: bool,
    /// When it last did something.
    active: u64,
}

impl Server {
    /// Makes the socket, mode 0600. One that is there already is a left-over: the caller holds the lock of the run
    /// directory. Fails when it cannot be made.
    pub fn bind(path: &Path, attempt: String, run_dir: &Path) -> io::Result<Self> {
        let _ = fs::remove_file(path);
        let before = rustix::process::umask(Mode::RWXG | Mode::RWXO | Mode::XUSR);
        let listener = UnixListener::bind(path);
        rustix::process::umask(before);
        let listener = listener?;
        listener.set_nonblocking(true)?;
        let (path, clients) = (path.to_path_buf(), Vec::new());
        let runs = run_dir.ancestors().nth(2).unwrap_or(run_dir).to_path_buf();
        Ok(Self { listener, path, attempt, runs, clients, next_id: 0, accept_from: 0 })
    }
    /// The descriptors to poll. The first is the listener's, then the clients' in order.
    pub fn interests(&self, now: u64) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        let accept = if now >= self.accept_from { PollFlags::IN } else { PollFlags::empty() };
        let clients = self.clients.iter().map(|client| (client.stream.as_fd(), client.interest()));
        std::iter::once((self.listener.as_fd(), accept)).chain(clients)
    }
    /// Serves what poll found: the result for each of [`Server::interests`], in that order. `total` is the output so far.
    pub fn serve(&mut self, ready: &[PollFlags], total: u64, now: u64, asks: &mut Vec<Ask>) {
        let attempt = self.attempt.as_str();
        for (client, ready) in self.clients.iter_mut().zip(ready.iter().skip(1)) {
            if ready.intersects(PollFlags::HUP | PollFlags::ERR) {
                client.gone = true;
            }
            if ready.contains(PollFlags::OUT) {
                client.flush();
            }
            if ready.intersects(PollFlags::IN | PollFlags::HUP) && client.read(now) {
                client.understand(attempt, total, now, asks);
            }
        }
        if ready.first().is_some_and(|ready| ready.contains(PollFlags::IN)) {
            self.accept(now);
        }
        self.forget();
    }
    /// Answers a request.
    pub fn answer(&mut self, id: u64, answer: &Answer, total: u64, now: u64, asks: &mut Vec<Ask>) {
        let attempt = self.attempt.as_str();
        if let Some(client) = self.clients.iter_mut().find(|client| client.id == id) {
            client.busy = false;
            client.active = now;
            client.send(answer);
            // It may have asked more in the meantime.
            client.understand(attempt, total, now, asks);
        }
    }
    /// Tells every watcher.
    pub fn tell(&mut self, news: &News) {
        for client in self.clients.iter_mut().filter(|client| client.watch.is_some()) {
            client.send(news);
        }
    }
    /// When [`Server::tick`] has something to do, monotonic nanoseconds.
    pub fn deadline(&self, total: u64) -> Option<u64> {
        let accept = (self.accept_from > 0).then_some(self.accept_from);
        self.clients.iter().filter_map(|client| client.deadline(total)).chain(accept).min()
    }
    /// Tells watchers of output, and drops clients that do nothing.
    pub fn tick(&mut self, total: u64, now: u64) {
        if now >= self.accept_from {
            self.accept_from = 0;
        }
        for client in &mut self.clients {
            if client.deadline(total).is_none_or(|at| at > now) {
                continue;
            }
            if let Some(told) = &mut client.watch {
                *told = (total, now);
                client.send(&News::Output { bytes: total });
            } else {
                client.gone = true;
            }
        }
        self.forget();
    }
    /// Tells watchers the end and gives what waits a last chance.
    pub fn close(&mut self, total: u64) {
        for client in &mut self.clients {
            if client.watch.is_some_and(|(told, _)| told != total) {
                client.send(&News::Output { bytes: total });
            }
        }
        self.tell(&News::Ended);
        for client in &mut self.clients {
            client.flush();
        }
    }
    fn forget(&mut self) {
        self.clients.retain(|client| {
            let served = client.closing && !client.busy && client.waiting.is_empty();
            !client.gone && !served
        });
    }
    fn accept(&mut self, now: u64) {
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => self.admit(stream, now),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
                Err(e) if matches!(e.kind(), io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted) => {}
                Err(_) => {
                    self.accept_from = now + ACCEPT_PAUSE;
                    return;
                }
            }
        }
    }
    fn admit(&mut self, stream: UnixStream, now: u64) {
        let ours = rustix::process::geteuid();
        let Ok(peer) = rustix::net::sockopt::socket_peercred(&stream) else { return };
        if !(peer.uid == ours || peer.uid.is_root()) || stream.set_nonblocking(true).is_err() {
            return;
        }
        let inside = self.is_inside(u32::try_from(peer.pid.as_raw_nonzero().get()).unwrap_or(0));
        self.next_id += 1;
        let (came, waiting) = (Vec::new(), Vec::new());
        let (id, busy, closing, gone) = (self.next_id, false, false, false);
        let mut client = Client {
            id,
            stream,
            came,
            payload: None,
            waiting,
            watch: None,
            every: 0,
            busy,
            closing,
            gone,
            active: now,
        };
        if inside {
            client.refuse("not from inside a session");
        } else if self.clients.len() < CLIENTS_MAX {
            self.clients.push(client);
        } else {
            client.refuse("too many clients");
        }
    }
    /// Whether a process belongs to a session: what runs in one must not type into another, or stop it. A hurdle, as the
    /// daemon's own is.
    fn is_inside(&self, pid: u32) -> bool {
        ancestry::lineage(pid).any(|pid| ancestry::recorder(pid).is_some_and(|run| run.starts_with(&self.runs)))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Client {
    fn interest(&self) -> PollFlags {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, !self.busy && !self.closing);
        flags.set(PollFlags::OUT, !self.waiting.is_empty());
        flags
    }
    fn deadline(&self, total: u64) -> Option<u64> {
        match self.watch {
            Some((told, at)) => (told != total && self.waiting.is_empty()).then_some(at + self.every),
            None => (!self.busy).then_some(self.active + IDLE),
        }
    }
    /// Takes what came; tells whether anything did.
    fn read(&mut self, now: u64) -> bool {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(0) => {
                self.gone = self.watch.is_some() || self.waiting.is_empty();
                self.closing = true;
                false
            }
            Ok(n) => {
                self.came.extend_from_slice(&buffer[..n]);
                self.active = now;
                true
            }
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => false,
            Err(_) => {
                self.gone = true;
                false
            }
        }
    }
    fn understand(&mut self, attempt: &str, total: u64, now: u64, asks: &mut Vec<Ask>) {
        while !self.busy && !self.closing {
            if let Some((len, paste)) = self.payload {
                if self.came.len() < len {
                    return;
                }
                let rest = self.came.split_off(len);
                let bytes = std::mem::replace(&mut self.came, rest);
                self.payload = None;
                self.ask(What::Input { bytes, paste }, asks);
                continue;
            }
            let Some(end) = self.came.iter().take(LINE_MAX + 1).position(|b| *b == b'\n') else {
                if self.came.len() > LINE_MAX {
                    self.refuse("the request is too long");
                }
                return;
            };
            let line: Vec<u8> = self.came.drain(..=end).collect();
            match decode(&line) {
                Some(Request::Watch) => self.begin_watch(attempt, total, now, OUTPUT_NEWS_MS),
                Some(Request::Follow { every_ms }) => self.begin_watch(attempt, total, now, every_ms),
                Some(Request::Input { len, paste }) => match usize::try_from(len) {
                    Ok(len) if len as u64 <= INPUT_MAX => self.payload = Some((len, paste)),
                    Ok(_) | Err(_) => self.refuse("the input is too long"),
                },
                Some(Request::Resize { cols: 0, .. } | Request::Resize { rows: 0, .. }) => {
                    self.send(&Answer { ok: false, error: Some("a size cannot be 0".to_owned()) });
                }
                Some(Request::Resize { cols, rows }) => self.ask(What::Resize { cols, rows }, asks),
                Some(Request::Stop { grace_ms }) => self.ask(What::Stop { grace_ms }, asks),
                None => self.refuse("not a request"),
            }
        }
    }
    fn begin_watch(&mut self, attempt: &str, total: u64, now: u64, every_ms: u64) {
        self.every = every_ms.clamp(FOLLOW_NEWS_MS, OUTPUT_NEWS_MS) * MS;
        self.watch = Some((total, now));
        self.send(&News::Hello { attempt: attempt.to_owned(), shim_pid: std::process::id(), bytes: total });
    }
    fn ask(&mut self, what: What, asks: &mut Vec<Ask>) {
        self.busy = true;
        asks.push(Ask { client: self.id, what });
    }
    fn refuse(&mut self, why: &str) {
        self.send(&Answer { ok: false, error: Some(why.to_owned()) });
        self.watch = None;
        self.closing = true;
    }
    fn send<T: serde::Serialize>(&mut self, message: &T) {
        self.waiting.extend_from_slice(&encode(message));
        self.flush();
        self.gone |= self.waiting.len() > WAITING_MAX;
    }
    fn flush(&mut self) {
        while !self.waiting.is_empty() {
            match self.stream.write(&self.waiting) {
                Ok(n) => {
                    self.waiting.drain(..n);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => {
                    self.gone = true;
                    return;
                }
            }
        }
    }
}
