//! The socket at which the program of an attempt tells of its work. It knows one thing to say, a claim; who may say it is
//! decided by descent: the recorder adopts whatever its program leaves behind, so all that belongs to the attempt descends
//! from it, whatever it did to its descriptors and its environment, and nothing else does.
//!
//! Everything here is bounded: who is served at once, lines, how long one may take, and claims in a minute.

use crate::core::told::{Claim, PER_MINUTE, Window};
use crate::os::ancestry;
use crate::recording::socket::encode;
use crate::recording::told::{Heard, LINE_MAX, No, TELLERS_MAX, TOLD_FILE, ToldLine, ToldWhat};
use rustix::event::PollFlags;
use rustix::fs::{Mode, OFlags};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

const MS: u64 = 1_000_000;
/// Whoever does not finish within this time is dropped, in nanoseconds.
const PATIENCE: u64 = 5_000 * MS;
/// After accepting failed (too many open files), how long it is not tried, in nanoseconds.
const ACCEPT_PAUSE: u64 = 1_000 * MS;

/// The socket, who speaks at it, and the file of what was taken.
#[derive(Debug)]
pub struct Hearing {
    listener: UnixListener,
    socket: PathBuf,
    file: PathBuf,
    kept: Option<Kept>,
    tellers: Vec<Teller>,
    window: Window,
    refused: u64,
    accept_from: u64,
    /// The file, once, when it has come to be: to be brought to the disk.
    fresh: Option<File>,
}

/// The open file.
#[derive(Debug)]
struct Kept {
    file: File,
    len: u64,
}

#[derive(Debug)]
struct Teller {
    stream: UnixStream,
    came: Vec<u8>,
    /// What it is told, as far as it has not read it.
    answer: Option<Vec<u8>>,
    /// Whether it belongs to the attempt.
    ours: bool,
    until: u64,
    gone: bool,
}

impl Hearing {
    /// Makes the socket, mode 0600. One that is there already is a left-over: the caller holds the lock of the run
    /// directory.
    pub fn bind(socket: &Path, run_dir: &Path) -> io::Result<Self> {
        let _ = fs::remove_file(socket);
        let before = rustix::process::umask(Mode::RWXG | Mode::RWXO | Mode::XUSR);
        let listener = UnixListener::bind(socket);
        rustix::process::umask(before);
        let listener = listener?;
        listener.set_nonblocking(true)?;
        Ok(Self {
            listener,
            socket: socket.to_path_buf(),
            file: run_dir.join(TOLD_FILE),
            kept: None,
            tellers: Vec::new(),
            window: Window::default(),
            refused: 0,
            accept_from: 0,
            fresh: None,
        })
    }
    /// The descriptors to poll. The first is the listener's, then the tellers' in order.
    pub fn interests(&self, now: u64) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        let accept = if now >= self.accept_from { PollFlags::IN } else { PollFlags::empty() };
        let tellers = self.tellers.iter().map(|teller| {
            let wants = if teller.answer.is_some() { PollFlags::OUT } else { PollFlags::IN };
            (teller.stream.as_fd(), wants)
        });
        std::iter::once((self.listener.as_fd(), accept)).chain(tellers)
    }
    /// Serves what poll found: the result for each of [`Hearing::interests`], in that order, at a monotonic and a wall
    /// time in nanoseconds. Says whether a claim was taken.
    pub fn serve(&mut self, ready: &[PollFlags], now: u64, wall: u64) -> bool {
        let mut taken = false;
        let mut tellers = std::mem::take(&mut self.tellers);
        for (teller, ready) in tellers.iter_mut().zip(ready.iter().skip(1)) {
            if ready.is_empty() {
                continue;
            }
            if teller.answer.is_none()
                && let Some(line) = teller.read()
            {
                let heard = self.hear(&line, teller.ours, now, wall);
                taken |= heard.ok;
                teller.answer = Some(encode(&heard));
            }
            teller.flush();
        }
        tellers.retain(|teller| !teller.gone);
        self.tellers = tellers;
        if ready.first().is_some_and(|ready| ready.contains(PollFlags::IN)) {
            self.accept(now);
        }
        taken
    }
    /// When [`Hearing::tick`] has something to do, monotonic nanoseconds.
    pub fn deadline(&self) -> Option<u64> {
        let accept = (self.accept_from > 0).then_some(self.accept_from);
        self.tellers.iter().map(|teller| teller.until).chain(accept).min()
    }
    /// Drops those that take too long.
    pub fn tick(&mut self, now: u64) {
        if now >= self.accept_from {
            self.accept_from = 0;
        }
        self.tellers.retain(|teller| teller.until > now);
    }
    /// The file, once after it was made.
    pub fn fresh(&mut self) -> Option<File> {
        self.fresh.take()
    }
    /// Ends it: notes how much was turned away, and removes the socket.
    pub fn close(&mut self, wall: u64) {
        if self.refused > 0 {
            let _ = self.keep(&ToldLine { t: wall, what: ToldWhat::Refused(self.refused) });
        }
        if let Some(kept) = &self.kept {
            let _ = kept.file.sync_data();
        }
        let _ = fs::remove_file(&self.socket);
    }

    fn hear(&mut self, line: &[u8], ours: bool, now: u64, wall: u64) -> Heard {
        if !ours {
            return Heard::no(No::NotYours, "only a program of this attempt can tell of its work");
        }
        let Ok(claim) = serde_json::from_slice::<Claim>(line) else {
            return Heard::no(No::NotAClaim, "this is no claim, and claims are all that is heard here");
        };
        if let Err(bad) = claim.check() {
            return Heard::no(No::BadClaim, bad.to_string());
        }
        if let Err(wait) = self.window.take(now / MS) {
            self.refused += 1;
            let words = format!("{PER_MINUTE} claims were made in the last minute, more are not taken");
            return Heard { again_ms: Some(wait), ..Heard::no(No::TooMany, words) };
        }
        match self.keep(&ToldLine { t: wall, what: ToldWhat::Claim(claim) }) {
            Ok(()) => Heard::yes(),
            Err(e) => Heard::no(No::NotKept, format!("it could not be written down: {e}")),
        }
    }
    /// Writes a line whole or not at all.
    fn keep(&mut self, line: &ToldLine) -> io::Result<()> {
        let kept = match &mut self.kept {
            Some(kept) => kept,
            none => {
                let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
                let mut open = OpenOptions::new();
                let file = open.append(true).create(true).mode(0o600).custom_flags(nonblocking).open(&self.file)?;
                let len = file.metadata()?.len();
                self.fresh = file.try_clone().ok();
                none.insert(Kept { file, len })
            }
        };
        let bytes = encode(line);
        let written = kept.file.write_all(&bytes);
        match written {
            Ok(()) => kept.len += bytes.len() as u64,
            Err(_) => {
                let _ = kept.file.set_len(kept.len);
            }
        }
        written
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
        let us = rustix::process::geteuid();
        let Ok(peer) = rustix::net::sockopt::socket_peercred(&stream) else { return };
        if !(peer.uid == us || peer.uid.is_root()) || stream.set_nonblocking(true).is_err() {
            return;
        }
        let ours = descends_from_us(u32::try_from(peer.pid.as_raw_nonzero().get()).unwrap_or(0));
        let mut teller = Teller { stream, came: Vec::new(), answer: None, ours, until: now + PATIENCE, gone: false };
        // Strangers cannot take the places of those that belong here.
        if self.tellers.iter().filter(|teller| teller.ours == ours).count() < TELLERS_MAX {
            self.tellers.push(teller);
        } else {
            teller.answer = Some(encode(&Heard::no(No::Busy, "others are being heard, come again")));
            teller.flush();
        }
    }
}

impl Drop for Hearing {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.socket);
    }
}

/// Whether a process is a descendant of this one.
fn descends_from_us(pid: u32) -> bool {
    let us = std::process::id();
    pid != us && ancestry::lineage(pid).any(|pid| pid == us)
}

impl Teller {
    /// Reads what came. Gives a line once it is whole; one that is too long is given as it is, and is no claim.
    fn read(&mut self) -> Option<Vec<u8>> {
        let mut buffer = [0; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => {
                    self.gone = true;
                    return None;
                }
                Ok(n) => {
                    self.came.extend_from_slice(&buffer[..n]);
                    let end = self.came.iter().position(|b| *b == b'\n');
                    if let Some(end) = end {
                        self.came.truncate(end);
                    }
                    if end.is_some() || self.came.len() > LINE_MAX {
                        return Some(std::mem::take(&mut self.came));
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return None,
                Err(_) => {
                    self.gone = true;
                    return None;
                }
            }
        }
    }
    /// Answers, and is done with it then.
    fn flush(&mut self) {
        while let Some(rest) = &mut self.answer {
            match self.stream.write(rest) {
                Ok(n) if n < rest.len() => drop(rest.drain(..n)),
                Ok(_) => {
                    self.gone = true;
                    return;
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
