//! `events.jsonl`: one JSON object a line, appended by the recorder. Unknown kinds and fields are skipped by readers.

use crate::core::exit::ResourceUsage;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Name of the file in the run directory.
pub const EVENTS_FILE: &str = "events.jsonl";
/// Name of the lock file in the run directory.
pub const LOCK_FILE: &str = "lock";
/// The version this program writes, in the `start` and `exec_failed` lines.
pub const EVENTS_VERSION: u32 = 1;

/// Longest line a reader takes, in bytes; a longer one is skipped.
pub const LINE_MAX: usize = 64 * 1024;
/// How much of a file [`read_events`] looks at, at its beginning and again at its end, in bytes.
pub const READ_MAX: u64 = 8 * 1024 * 1024;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Wall clock, nanoseconds since the Unix epoch.
    pub t: u64,
    /// Monotonic clock, nanoseconds since boot.
    pub m: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: RecorderEvent,
}

/// What a recorder tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum RecorderEvent {
    /// The program runs.
    Start {
        /// Format version.
        version: u32,
        /// Which boot.
        boot_id: String,
        /// The program's process id.
        pid: u32,
        /// Its start time, `/proc/PID/stat` field 22; 0 where unknown.
        pid_start: u64,
        /// The recorder's process id.
        shim_pid: u32,
    },
    /// The program could not be started.
    ExecFailed {
        /// Format version.
        version: u32,
        /// Which boot.
        boot_id: String,
        /// `errno`.
        errno: i32,
        /// `chdir /x`, `exec foo`, `open output`, ...
        what: String,
    },
    /// The terminal's size changed.
    Resize {
        /// Columns.
        cols: u16,
        /// Rows.
        rows: u16,
        /// Bytes of the log so far: what comes behind them is for the new size. Not told by early recorders.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<u64>,
    },
    /// The recorder got a signal.
    Signal {
        /// Its number.
        signal: i32,
    },
    /// Input was typed through the recorder's socket.
    Input {
        /// How many bytes; never the bytes.
        bytes: u64,
    },
    /// Somebody typed at the terminal itself; told once in a while at most, and never what.
    Keys,
    /// A stop was asked through the socket.
    StopAsked {
        /// The grace in milliseconds.
        grace_ms: u64,
    },
    /// Output could not be kept from here on (`resumed` false), or is kept again (`resumed` true). With `why` = `cap`
    /// and `resumed`, the log was shortened at its front: it is kept from `at` on.
    Lost {
        /// Offset in the log.
        at: u64,
        /// Bytes lost so far.
        bytes: u64,
        /// `disk full`, `cap`, ...
        why: String,
        /// Whether it is kept again.
        resumed: bool,
    },
    /// What came of the limits on the tree's memory and processes: at the start what is not in force, at the end what
    /// they did.
    Limits {
        /// Limits that are not in force, and why.
        #[serde(default)]
        missing: Vec<String>,
        /// Processes that the kernel ended for memory.
        #[serde(default)]
        oom_kills: u64,
        /// Times at which a new process was refused.
        #[serde(default)]
        refused: u64,
    },
    /// The program ended. The last line of a whole file.
    End {
        /// Exit code, when it left by itself.
        code: Option<i32>,
        /// Signal, when one ended it.
        signal: Option<i32>,
        /// Whether a core was dumped.
        core: bool,
        /// Whether the kernel killed it for memory, where that can be known.
        oom: bool,
        /// CPU and memory.
        usage: ResourceUsage,
        /// Bytes the program wrote.
        bytes: u64,
        /// Bytes of them that are not in the log.
        lost: u64,
        /// Whether the recorder got a hang-up before.
        hup: bool,
        /// Whether a stop was asked before.
        stopped: bool,
        /// Descendants that outlived the program and were ended.
        orphans: u32,
    },
}

impl Line {
    /// The line as it stands in the file, with its newline.
    pub fn encode(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }
    /// Reads one line without its newline; `None` for what this program does not know or cannot read.
    pub fn decode(line: &[u8]) -> Option<Self> {
        if line.len() > LINE_MAX { None } else { serde_json::from_slice(line).ok() }
    }
}

/// Reads all lines that this program knows. A last line without newline is not yet written and left out, what cannot be
/// read is skipped. Of a file of more than twice [`READ_MAX`] only the first and the last [`READ_MAX`] bytes are looked
/// at: the start stands at one end, the end at the other. Fails when the file cannot be opened, read, or is no regular
/// file.
pub fn read_events(path: &Path) -> io::Result<Vec<Line>> {
    let file = super::open_regular(path)?;
    let size = file.metadata()?.len();
    let mut lines = Vec::new();
    if size <= 2 * READ_MAX {
        decode_whole_lines(&read_span(&file, 0, size)?, &mut lines);
    } else {
        decode_whole_lines(&read_span(&file, 0, READ_MAX)?, &mut lines);
        let end = read_span(&file, size - READ_MAX, READ_MAX)?;
        // The first of these lines is cut; it is skipped because what is left of it does not parse or is not whole.
        let first = end.iter().position(|b| *b == b'\n').map_or(end.len(), |i| i + 1);
        decode_whole_lines(&end[first..], &mut lines);
    }
    Ok(lines)
}

/// What [`read_events_from`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLines {
    /// The lines, oldest first.
    pub lines: Vec<Line>,
    /// Where to go on reading.
    pub next: u64,
    /// Whether there was more than one read takes; call again.
    pub more: bool,
}

/// Reads the whole lines after an offset, at most about 1 MiB of them at once. A file shorter than the offset gives
/// nothing and keeps the offset. Fails as [`read_events`] does.
pub fn read_events_from(path: &Path, offset: u64) -> io::Result<NewLines> {
    const STEP: u64 = 1024 * 1024;
    let file = super::open_regular(path)?;
    let size = file.metadata()?.len();
    let span = read_span(&file, offset, size.saturating_sub(offset).min(STEP))?;
    let mut lines = Vec::new();
    let mut taken = decode_whole_lines(&span, &mut lines) as u64;
    if taken == 0 && span.len() > LINE_MAX {
        // A line too long to be one of ours: step over what is there of it, its rest will not parse.
        taken = span.len() as u64;
    }
    let more = taken > 0 && span.len() as u64 == STEP;
    Ok(NewLines { lines, next: offset + taken, more })
}

/// Decodes every line that ends with a newline; gives back the bytes these lines take.
fn decode_whole_lines(bytes: &[u8], lines: &mut Vec<Line>) -> usize {
    let mut taken = 0;
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        if let Some(whole) = line.strip_suffix(b"\n") {
            lines.extend(Line::decode(whole));
            taken += line.len();
        }
    }
    taken
}

/// Reads up to `len` bytes at an offset; less at the end of the file.
fn read_span(file: &File, offset: u64, len: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], offset.saturating_add(filled as u64)) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resize(t: u64) -> Line {
        Line { t, m: t, event: RecorderEvent::Resize { cols: 80, rows: 24, at: None } }
    }

    #[test]
    fn a_cut_last_line_unknown_kinds_and_garbage_are_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(EVENTS_FILE);
        let mut bytes = resize(1).encode();
        bytes.extend(b"{\"t\":2,\"m\":2,\"event\":\"invented_later\",\"x\":[1]}\n");
        bytes.extend(b"{\"t\":3,\"m\":3,\"event\":\"signal\",\"signal\":1,\"added_later\":true}\n");
        bytes.extend(b"\xff\xfe garbage\n\n[1,2]\n");
        bytes.extend(vec![b'['; 50_000]);
        bytes.push(b'\n');
        bytes.extend(b"{\"t\":4,\"m\":4,\"event\":\"input\",\"bytes\":-1}\n");
        bytes.extend(&resize(5).encode()[..20]);
        std::fs::write(&path, &bytes).unwrap();
        let kept = vec![resize(1), Line { t: 3, m: 3, event: RecorderEvent::Signal { signal: 1 } }];
        assert_eq!(read_events(&path).unwrap(), kept);

        let first = read_events_from(&path, 0).unwrap();
        assert_eq!(first.lines, kept);
        assert!(!first.more);
        assert_eq!(first.next, bytes.len() as u64 - 20, "the cut line is read again when it is whole");
        bytes.extend(&resize(5).encode()[20..]);
        std::fs::write(&path, &bytes).unwrap();
        let second = read_events_from(&path, first.next).unwrap();
        assert_eq!(second.lines, vec![resize(5)]);
        assert_eq!(read_events_from(&path, second.next + 1000).unwrap().lines, vec![], "the file shrank");
    }

    #[test]
    fn a_line_of_many_megabytes_costs_neither_memory_nor_the_lines_after_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(EVENTS_FILE);
        let mut bytes = resize(1).encode();
        bytes.extend(vec![b' '; 5 << 20]);
        bytes.push(b'\n');
        bytes.extend(resize(2).encode());
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(read_events(&path).unwrap(), vec![resize(1), resize(2)]);
        let (mut seen, mut offset) = (Vec::new(), 0);
        loop {
            let new = read_events_from(&path, offset).unwrap();
            seen.extend(new.lines);
            offset = new.next;
            if !new.more {
                break;
            }
        }
        assert_eq!(seen, vec![resize(1), resize(2)]);
        assert_eq!(offset, bytes.len() as u64);
    }

    #[test]
    fn of_a_gigantic_file_both_ends_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(EVENTS_FILE);
        let file = File::create(&path).unwrap();
        file.write_all_at(&resize(1).encode(), 0).unwrap();
        let size = 3 << 30;
        let last = [b"\n".to_vec(), resize(2).encode()].concat();
        file.write_all_at(&last, size - last.len() as u64).unwrap();
        assert_eq!(read_events(&path).unwrap(), vec![resize(1), resize(2)]);
    }

    #[test]
    fn a_fifo_does_not_hang_the_reader() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(EVENTS_FILE);
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        assert!(read_events(&path).is_err());
    }
}
