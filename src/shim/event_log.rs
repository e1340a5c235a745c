//! The writer of `events.jsonl`. Room for the lines that matter is reserved ahead, so that the end of a program can be
//! recorded on a full disk.

use crate::recording::events::{Line, RecorderEvent};
use rustix::fs::{FallocateFlags, OFlags};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Bytes reserved at once.
const RESERVE: u64 = 16 * 1024;
/// When no more can be reserved, this much is left for the lines that matter.
const FOR_THE_END: u64 = 4 * 1024;

/// The open file.
#[derive(Debug)]
pub struct EventLog {
    file: File,
    len: u64,
    /// Where the reserved room ends; `None` where the file system cannot reserve.
    reserved: Option<u64>,
    /// The last write left a line without its end.
    torn: bool,
}

impl EventLog {
    /// Opens or makes the file, mode 0600. Fails when it cannot be opened, and when the disk has no room for the lines
    /// that matter.
    pub fn open(path: &Path) -> io::Result<Self> {
        let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
        let file = OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(nonblocking).open(path)?;
        let len = file.metadata()?.len();
        let mut log = Self { file, len, reserved: None, torn: len > 0 };
        match log.reserve() {
            Err(full @ (Errno::NOSPC | Errno::DQUOT)) => Err(full.into()),
            // Not every file system can reserve.
            Ok(()) | Err(_) => Ok(log),
        }
    }
    /// Whether nothing was ever written.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
    /// A second handle on the file, to sync it elsewhere.
    pub fn handle(&self) -> io::Result<File> {
        self.file.try_clone()
    }
    /// Appends a line. On a full disk lines of lesser weight (sizes, input) are left out to keep room for the end.
    pub fn append(&mut self, line: &Line) -> io::Result<()> {
        if self.reserved.is_some_and(|end| end.saturating_sub(self.len) < RESERVE / 2) {
            let _ = self.reserve();
        }
        let scarce = self.reserved.is_some_and(|end| end.saturating_sub(self.len) < FOR_THE_END);
        if scarce && !matters(&line.event) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let mut bytes = line.encode();
        if self.torn {
            bytes.insert(0, b'\n');
        }
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            match rustix::io::write(&self.file, rest) {
                Ok(n) => {
                    self.len += n as u64;
                    rest = &rest[n..];
                    self.torn = !rest.is_empty();
                }
                Err(Errno::INTR) => {}
                Err(e) => return Err(e.into()),
            }
        }
        Ok(())
    }
    /// Gives back what was reserved, then brings file and length to the disk. Nothing is appended afterwards.
    pub fn close(&mut self) -> io::Result<()> {
        if let Ok(meta) = self.file.metadata() {
            let _ = self.file.set_len(meta.len());
        }
        self.file.sync_all()
    }
    fn reserve(&mut self) -> Result<(), Errno> {
        rustix::fs::fallocate(&self.file, FallocateFlags::KEEP_SIZE, self.len, RESERVE)?;
        self.reserved = Some(self.len + RESERVE);
        Ok(())
    }
}

/// Whether a line must have room on a full disk. Their number is bounded by what happens, not by what is typed or drawn.
fn matters(event: &RecorderEvent) -> bool {
    match event {
        RecorderEvent::Start { .. }
        | RecorderEvent::ExecFailed { .. }
        | RecorderEvent::End { .. }
        | RecorderEvent::Limits { .. }
        | RecorderEvent::StopAsked { .. } => true,
        RecorderEvent::Resize { .. }
        | RecorderEvent::Input { .. }
        | RecorderEvent::Keys
        | RecorderEvent::Signal { .. }
        | RecorderEvent::Lost { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::events::read_events;

    #[test]
    fn a_torn_line_does_not_take_the_next_one_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        std::fs::write(&path, "{\"t\":1,\"m\":1,\"event\":\"sig").unwrap();
        let mut log = EventLog::open(&path).unwrap();
        assert!(!log.is_empty());
        let line = Line { t: 1, m: 2, event: RecorderEvent::Signal { signal: 1 } };
        log.append(&line).unwrap();
        log.append(&line).unwrap();
        log.close().unwrap();
        assert_eq!(read_events(&path).unwrap(), vec![line.clone(), line]);
    }
}
