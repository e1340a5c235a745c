//! What the program printed, on disk: the raw log and its time index.
//!
//! No error here stops anything: what cannot be kept is counted, and told by `lost` lines at the beginning and the end of
//! each gap. The cap drops the oldest output by punching a hole at the front of the log, so that offsets stay.

use crate::recording::attempt::CAP;
use crate::recording::events::RecorderEvent;
use crate::recording::index::{FRAME_LEN, Frame, index_path};
use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

const MS: u64 = 1_000_000;
/// Output that comes within this span shares a frame of the index, in nanoseconds.
const FRAME_SPAN: u64 = 20 * MS;
/// How long a frame stays in memory at most, in nanoseconds.
const INDEX_DELAY: u64 = 1000 * MS;
/// Frames kept in memory at most, in bytes.
const INDEX_BUFFER: usize = 170 * FRAME_LEN;
/// After a failed write, how long nothing is tried, in nanoseconds. Bounds the number of gaps.
const RETRY: u64 = 1000 * MS;
/// Least time between two cuts at the front of the log, in nanoseconds.
const CUT_EVERY: u64 = 1000 * MS;
/// Least number of bytes cut at once.
const CUT_MIN: u64 = 1024 * 1024;
/// Holes are punched in multiples of this.
const BLOCK: u64 = 4096;

/// Wall and monotonic nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Wall clock, since the Unix epoch.
    pub t: u64,
    /// Monotonic clock, since boot.
    pub m: u64,
}

/// The log and its index, open for writing.
#[derive(Debug)]
pub struct Output {
    log: File,
    /// Bytes the program wrote.
    total: u64,
    /// Bytes of the log, dropped ones included: where the next byte goes.
    len: u64,
    /// Bytes of the program that are not in the log.
    lost: u64,
    losing: Option<Losing>,
    cap: Option<u64>,
    /// The first byte of the log that is kept.
    kept_from: u64,
    last_cut: u64,
    index: Index,
}

#[derive(Debug)]
enum Losing {
    /// A write failed; not before this time is another tried.
    Until(u64),
    /// The cap is reached and the file system cannot drop the oldest output.
    ForGood,
}

impl Output {
    /// Makes the log and its index empty, mode 0600, with their folder. Fails when one cannot be made.
    pub fn create(log: &Path, cap: Option<u64>) -> io::Result<Self> {
        if let Some(folder) = log.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let create = |path: &Path| OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
        let index = Index { file: create(&index_path(log))?, len: 0, frames: Vec::new(), open: None, since: 0 };
        let log = create(log)?;
        Ok(Self { log, total: 0, len: 0, lost: 0, losing: None, cap, kept_from: 0, last_cut: 0, index })
    }
    /// Bytes the program wrote so far.
    pub fn total(&self) -> u64 {
        self.total
    }
    /// Bytes of them that are not in the log.
    pub fn lost(&self) -> u64 {
        self.lost
    }
    /// Where the next byte of the log goes.
    pub fn len(&self) -> u64 {
        self.len
    }
    /// A second handle on the log, to sync it elsewhere.
    pub fn handle(&self) -> io::Result<File> {
        self.log.try_clone()
    }
    /// Takes what the program printed at a time. What is to be told is added to `news`.
    pub fn append(&mut self, bytes: &[u8], now: Stamp, news: &mut Vec<RecorderEvent>) {
        self.total += bytes.len() as u64;
        match self.losing {
            Some(Losing::ForGood) => {
                self.lost += bytes.len() as u64;
                return;
            }
            Some(Losing::Until(retry)) if now.m < retry => {
                self.lost += bytes.len() as u64;
                return;
            }
            Some(Losing::Until(_)) | None => {}
        }
        let at = self.len;
        let (written, error) = write_all(&self.log, bytes, at);
        if written > 0 {
            if self.losing.take().is_some() {
                news.push(self.lost_event("resumed", true));
            }
            self.index.add(at, written as u64, now);
            self.len += written as u64;
        }
        if let Some(error) = error {
            if self.losing.is_none() {
                news.push(self.lost_event(&reason(error), false));
            }
            self.lost += (bytes.len() - written) as u64;
            self.losing = Some(Losing::Until(now.m + RETRY));
        }
        self.keep_within_cap(now, news);
    }
    /// When [`Output::tick`] has something to do, monotonic nanoseconds.
    pub fn deadline(&self) -> Option<u64> {
        self.index.deadline()
    }
    /// Writes out the frames that waited long enough.
    pub fn tick(&mut self, now: u64) {
        if self.deadline().is_some_and(|at| at <= now) {
            self.index.flush();
        }
    }
    /// Writes out everything and brings the log to the disk. Fails with the error of the latter.
    pub fn finish(&mut self) -> io::Result<()> {
        self.index.flush();
        Ok(rustix::fs::fdatasync(&self.log)?)
    }
    fn lost_event(&self, why: &str, resumed: bool) -> RecorderEvent {
        RecorderEvent::Lost { at: self.len, bytes: self.lost, why: why.to_owned(), resumed }
    }
    /// Drops the oldest output, so that at least the cap is kept and at most an eighth (or 1 MiB) more, give or take a
    /// second of output.
    fn keep_within_cap(&mut self, now: Stamp, news: &mut Vec<RecorderEvent>) {
        let Some(cap) = self.cap else { return };
        let kept = self.len - self.kept_from;
        if kept <= cap.saturating_add(CUT_MIN.max(cap / 8)) || now.m < self.last_cut + CUT_EVERY {
            return;
        }
        self.last_cut = now.m;
        let from = (self.len - cap) / BLOCK * BLOCK;
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        match rustix::fs::fallocate(&self.log, hole, 0, from) {
            Ok(()) => {
                self.lost += from - self.kept_from;
                self.kept_from = from;
                let why = CAP.to_owned();
                news.push(RecorderEvent::Lost { at: from, bytes: self.lost, why, resumed: true });
            }
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
                news.push(self.lost_event(CAP, false));
                self.losing = Some(Losing::ForGood);
            }
            // Tried again after a second.
            Err(_) => {}
        }
    }
}

/// Writes at an offset; gives back how much was written and what stopped it.
fn write_all(file: &File, bytes: &[u8], offset: u64) -> (usize, Option<Errno>) {
    let mut written = 0;
    while written < bytes.len() {
        match rustix::io::pwrite(file, &bytes[written..], offset + written as u64) {
            Ok(0) => return (written, Some(Errno::NOSPC)),
            Ok(n) => written += n,
            Err(Errno::INTR) => {}
            Err(e) => return (written, Some(e)),
        }
    }
    (written, None)
}

fn reason(error: Errno) -> String {
    match error {
        Errno::NOSPC => "disk full".to_owned(),
        Errno::DQUOT => "disk quota reached".to_owned(),
        Errno::FBIG => "file size limit reached".to_owned(),
        other => io::Error::from(other).to_string(),
    }
}

/// The time index. A frame that cannot be written is dropped: it can be done without, and nothing may wait for it.
#[derive(Debug)]
struct Index {
    file: File,
    len: u64,
    frames: Vec<u8>,
    open: Option<(Frame, u64)>,
    since: u64,
}

impl Index {
    fn add(&mut self, offset: u64, len: u64, now: Stamp) {
        if let Some((frame, began)) = &mut self.open {
            if now.m < *began + FRAME_SPAN && frame.offset + frame.len == offset {
                frame.len += len;
                return;
            }
            let closed = frame.encode();
            self.frames.extend_from_slice(&closed);
        } else if self.frames.is_empty() {
            self.since = now.m;
        }
        self.open = Some((Frame { t: now.t, offset, len }, now.m));
        if self.frames.len() >= INDEX_BUFFER {
            self.write();
            self.since = now.m;
        }
    }
    fn deadline(&self) -> Option<u64> {
        (self.open.is_some() || !self.frames.is_empty()).then_some(self.since + INDEX_DELAY)
    }
    fn flush(&mut self) {
        if let Some((frame, _)) = self.open.take() {
            self.frames.extend_from_slice(&frame.encode());
        }
        self.write();
    }
    fn write(&mut self) {
        let (written, _) = write_all(&self.file, &self.frames, self.len);
        // A cut frame is written over by the next one.
        self.len += (written / FRAME_LEN * FRAME_LEN) as u64;
        self.frames.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::index::IndexReader;

    fn at(ms: u64) -> Stamp {
        Stamp { t: 1_000_000 * MS + ms * MS, m: ms * MS }
    }

    #[test]
    fn output_that_comes_together_shares_a_frame() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("sub/out.log");
        let mut output = Output::create(&log, None).unwrap();
        let mut news = Vec::new();
        for (ms, bytes) in [(0, "ab"), (5, "cd"), (19, "e"), (21, "f"), (500, "gh")] {
            output.append(bytes.as_bytes(), at(ms), &mut news);
        }
        assert_eq!(output.deadline(), Some(1000 * MS));
        output.tick(1000 * MS);
        assert_eq!(output.deadline(), None, "an idle recorder has nothing to wake up for");
        let index = IndexReader::open(&index_path(&log)).unwrap();
        let frames: Vec<_> = (0..4).map(|i| index.frame(i).unwrap()).collect();
        let frame = |ms, offset, len| Some(Frame { t: at(ms).t, offset, len });
        assert_eq!(frames, [frame(0, 0, 5), frame(21, 5, 1), frame(500, 6, 2), None]);
        assert_eq!((fs::read(&log).unwrap().as_slice(), news.len()), (&b"abcdefgh"[..], 0));
    }

    #[test]
    fn beyond_the_cap_the_oldest_output_goes_and_offsets_stay() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("out.log");
        let mut output = Output::create(&log, Some(2 << 20)).unwrap();
        let mut news = Vec::new();
        let chunk: Vec<u8> = (0..1 << 16).map(|i: u32| (i % 251) as u8 + 1).collect();
        for i in 0..160 {
            output.append(&chunk, at(2000 + i * 100), &mut news);
        }
        assert_eq!((output.total(), output.len()), (160 << 16, 160 << 16));
        let Some(RecorderEvent::Lost { at, bytes, why, resumed: true }) = news.last() else { panic!("{news:?}") };
        assert_eq!((*bytes, why.as_str()), (*at, CAP));
        assert_eq!(output.lost(), *at);
        let kept = output.len() - at;
        assert!((2 << 20..=4 << 20).contains(&kept), "{kept}");
        let content = fs::read(&log).unwrap();
        let (dropped, kept) = content.split_at(usize::try_from(*at).unwrap());
        assert!(dropped.iter().all(|b| *b == 0));
        assert!(kept.iter().zip((dropped.len()..).map(|i| (i % (1 << 16) % 251) as u8 + 1)).all(|(a, b)| *a == b));
    }

    #[test]
    fn a_log_that_cannot_be_written_is_a_counted_gap() {
        let dir = tempfile::tempdir().unwrap();
        let mut output = Output::create(&dir.path().join("out.log"), None).unwrap();
        let mut news = Vec::new();
        output.append(b"kept", at(0), &mut news);
        let log = std::mem::replace(&mut output.log, OpenOptions::new().write(true).open("/dev/full").unwrap());
        output.append(b"lost", at(1), &mut news);
        output.append(b"too", at(900), &mut news);
        output.log = log;
        output.append(b"not yet", at(1000), &mut news);
        output.append(b"kept", at(1100), &mut news);
        let lost = |at, bytes, why: &str, resumed| RecorderEvent::Lost { at, bytes, why: why.into(), resumed };
        assert_eq!(news, [lost(4, 0, "disk full", false), lost(4, 14, "resumed", true)]);
        assert_eq!((output.total(), output.lost(), output.len()), (22, 14, 8));
        assert_eq!(fs::read(dir.path().join("out.log")).unwrap(), b"keptkept");
    }
}
