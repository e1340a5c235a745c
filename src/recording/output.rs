//! Reading what an attempt printed: any span of its log, plain or compressed, and what is known about the whole.

use super::attempt::{AttemptFiles, AttemptState, Gap, Kept};
use super::events::{Line, RecorderEvent, read_events};
use super::index::{Frame, IndexReader, index_path};
use super::packed::{self, LogReader};
use super::spec::Spec;
use crate::core::ids::{AttemptId, SessionName};
use std::io::{self, Read as _};
use std::path::Path;

/// Columns and rows of a terminal of which nothing is recorded.
pub const USUAL_SIZE: (u16, u16) = (80, 24);

/// What is recorded about an attempt's output.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// Bytes of the log so far; what the cap dropped counts.
    pub bytes: u64,
    /// What of them is kept, and where output is missing.
    pub kept: Kept,
    /// The terminal's sizes, oldest first; the first one is that of the beginning. Never empty.
    pub sizes: Vec<SizeAt>,
    /// When the program started, wall nanoseconds.
    pub began: Option<u64>,
    /// When it ended, wall nanoseconds.
    pub ended: Option<u64>,
    /// Its exit: a code, or a signal.
    pub exit: Option<HowItEnded>,
    /// Whether more may come.
    pub lives: bool,
    /// Whether there is an index of times.
    pub timed: bool,
}

/// From this byte of the log on the terminal has this size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizeAt {
    /// Offset in the log.
    pub at: u64,
    /// When, wall nanoseconds; 0 for the beginning.
    pub t: u64,
    /// Columns.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
}

/// The end of a program, as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HowItEnded {
    /// It left with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

impl About {
    /// Looks at the files of an attempt. Fails with `NotFound` when it has no log.
    pub fn read(files: &AttemptFiles) -> io::Result<Self> {
        // The lock first, as always: once it is free, every line that will ever be written is there.
        let seen = files.look()?;
        let lines = match read_events(&files.events()) {
            Ok(lines) => lines,
            Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(e),
        };
        let index = IndexReader::open(&index_path(files.log())).ok();
        let first = Spec::read(files.run_dir()).map_or(USUAL_SIZE, |spec| spec.size);
        let mut about = Self {
            bytes: packed::log_bytes(files.log())?,
            kept: Kept::from_lines(&lines),
            sizes: sizes(first, &lines, index.as_ref())?,
            lives: matches!(seen.state, AttemptState::Running { .. }) || seen.recorder_lives,
            timed: index.is_some(),
            ..Self::default()
        };
        for line in &lines {
            match &line.event {
                RecorderEvent::Start { .. } => about.began = about.began.or(Some(line.t)),
                RecorderEvent::End { code, signal, .. } => {
                    about.ended = Some(line.t);
                    about.exit = signal.map(HowItEnded::Signal).or(code.map(HowItEnded::Code));
                    about.lives = false;
                }
                RecorderEvent::ExecFailed { .. }
                | RecorderEvent::Resize { .. }
                | RecorderEvent::Signal { .. }
                | RecorderEvent::Input { .. }
                | RecorderEvent::Keys
                | RecorderEvent::StopAsked { .. }
                | RecorderEvent::Lost { .. }
                | RecorderEvent::Limits { .. } => {}
            }
        }
        Ok(about)
    }
    /// Where output is missing.
    pub fn gaps(&self) -> &[Gap] {
        &self.kept.gaps
    }
}

/// The sizes in the order of the log. Early recorders told no offset: then the index says how much had come by then.
fn sizes(first: (u16, u16), lines: &[Line], index: Option<&IndexReader>) -> io::Result<Vec<SizeAt>> {
    let mut sizes = vec![SizeAt { at: 0, t: 0, cols: first.0, rows: first.1 }];
    for line in lines {
        let RecorderEvent::Resize { cols, rows, at } = &line.event else { continue };
        let at = match (at, index) {
            (Some(at), _) => *at,
            (None, Some(index)) => index.offset_at(line.t)?,
            (None, None) => 0,
        };
        // A clock that was set back must not bring the order of the log into disorder.
        let at = at.max(sizes.last().map_or(0, |last| last.at));
        sizes.push(SizeAt { at, t: line.t, cols: *cols, rows: *rows });
    }
    Ok(sizes)
}

/// Reads spans of one log. Keeps the log open, so that reading on costs no search; going back in a compressed log means
/// to unpack it from its beginning.
pub struct OutputReader {
    files: AttemptFiles,
    open: Option<(LogReader, u64)>,
}

impl OutputReader {
    /// A reader of an attempt's log. Opens it with the first read.
    pub fn new(files: AttemptFiles) -> Self {
        Self { files, open: None }
    }
    /// The files it reads.
    pub fn files(&self) -> &AttemptFiles {
        &self.files
    }
    /// Reads up to `max` bytes at an offset; less at the end of what there is now. Fails with `NotFound` when there is
    /// no log.
    pub fn read(&mut self, from: u64, max: usize) -> io::Result<Vec<u8>> {
        let result = self.read_span(from, max);
        if result.is_err() {
            self.open = None;
        }
        result
    }
    fn read_span(&mut self, from: u64, max: usize) -> io::Result<Vec<u8>> {
        let (mut reader, mut at) = match self.open.take() {
            Some((reader, at)) if at <= from => (reader, at),
            Some(_) | None => (LogReader::open(self.files.log())?, 0),
        };
        if at < from {
            match &mut reader {
                LogReader::Plain(_) => {
                    reader.skip(from)?;
                    at = from;
                }
                LogReader::Packed(decoder) => {
                    at += io::copy(&mut decoder.by_ref().take(from - at), &mut io::sink())?;
                    if at < from {
                        return Ok(Vec::new());
                    }
                }
            }
        }
        let mut bytes = Vec::new();
        reader.by_ref().take(max as u64).read_to_end(&mut bytes)?;
        self.open = Some((reader, at + bytes.len() as u64));
        Ok(bytes)
    }
}

/// When the bytes of a span of the log came: at most `most` points of time and offset, evenly picked, the last frame
/// that begins before the span and the last one within it among them. Empty without an index.
pub fn times(log: &Path, from: u64, to: u64, most: usize) -> io::Result<Vec<Frame>> {
    let index = match IndexReader::open(&index_path(log)) {
        Ok(index) => index,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    let first = index.number_at(from)?;
    let last = index.number_at(to)?;
    let count = last.saturating_sub(first) + 1;
    let most = (most.max(2) as u64).min(count);
    let mut frames = Vec::new();
    for i in 0..most {
        let number = if most == 1 { first } else { first + i * (count - 1) / (most - 1) };
        frames.extend(index.frame(number)?);
    }
    Ok(frames)
}

/// The attempts of a session that left a log in this folder, oldest first.
pub fn attempts_in(folder: &Path, session: &SessionName) -> Vec<AttemptId> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let of = |name: &str| {
        AttemptId::from_file_stem(session, name.strip_suffix(".zst").unwrap_or(name).strip_suffix(".log")?)
    };
    let mut attempts: Vec<AttemptId> = entries.filter_map(|entry| of(entry.file_name().to_str()?)).collect();
    attempts.sort();
    // A packing that was cut short leaves both forms.
    attempts.dedup();
    attempts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(t: u64, offset: u64, len: u64) -> Frame {
        Frame { t, offset, len }
    }
    fn files(dir: &Path, log: &[u8], events: &[Line], frames: &[Frame]) -> AttemptFiles {
        let files = AttemptFiles::new(dir, dir.join("2026-11-21-1.1.log"));
        std::fs::write(files.log(), log).unwrap();
        std::fs::write(files.events(), events.iter().flat_map(Line::encode).collect::<Vec<u8>>()).unwrap();
        let index: Vec<u8> = frames.iter().flat_map(Frame::encode).collect();
        std::fs::write(index_path(files.log()), index).unwrap();
        files
    }

    #[test]
    fn spans_are_the_same_of_a_plain_and_of_a_packed_log_in_any_order() {
        let dir = tempfile::tempdir().unwrap();
        let log: Vec<u8> = (0..3_000_000u32).map(|i| (i / 7) as u8).collect();
        let files = files(dir.path(), &log, &[], &[]);
        for packed in [false, true] {
            if packed {
                packed::pack(files.log(), || true).unwrap();
            }
            let mut reader = OutputReader::new(files.clone());
            for (from, max) in
                [(5, 10), (15, 100), (2_999_990, 100), (100, 3), (103, 2_000_000), (4_000_000, 7), (0, 1)]
            {
                let wanted = log.get(from..(from + max).min(log.len())).unwrap_or_default();
                assert!(reader.read(from as u64, max).unwrap() == wanted, "{packed} {from} {max}");
            }
        }
    }

    #[test]
    fn a_plain_log_is_read_on_as_it_grows() {
        let dir = tempfile::tempdir().unwrap();
        let files = files(dir.path(), b"one", &[], &[]);
        let mut reader = OutputReader::new(files.clone());
        assert_eq!(reader.read(0, 100).unwrap(), b"one");
        assert_eq!(reader.read(3, 100).unwrap(), b"");
        std::fs::write(files.log(), b"one two").unwrap();
        assert_eq!(reader.read(3, 100).unwrap(), b" two");
    }

    #[test]
    fn sizes_stand_where_they_count_also_those_of_early_recorders() {
        let dir = tempfile::tempdir().unwrap();
        let resize = |t, cols, at| Line { t, m: t, event: RecorderEvent::Resize { cols, rows: 30, at } };
        let events = [resize(50, 100, Some(4)), resize(150, 120, None), resize(90, 90, None)];
        let frames = [frame(0, 0, 10), frame(100, 10, 10), frame(200, 20, 10)];
        let about = About::read(&files(dir.path(), &[b'x'; 30], &events, &frames)).unwrap();
        let sizes: Vec<_> = about.sizes.iter().map(|s| (s.at, s.cols, s.rows)).collect();
        assert_eq!(sizes, [(0, 80, 24), (4, 100, 30), (20, 120, 30), (20, 90, 30)]);
        assert_eq!((about.bytes, about.lives, about.timed), (30, false, true));
    }

    #[test]
    fn times_are_thinned_out_and_keep_both_ends() {
        let dir = tempfile::tempdir().unwrap();
        let frames: Vec<Frame> = (0..1000).map(|i| frame(i * 10, i * 5, 5)).collect();
        let files = files(dir.path(), &[b'x'; 5000], &[], &frames);
        let all = times(files.log(), 0, 5000, 5000).unwrap();
        assert_eq!(all.len(), 1000);
        let few = times(files.log(), 52, 4000, 10).unwrap();
        assert_eq!((few.len(), few[0].offset, few[9].offset), (10, 50, 4000));
        assert!(times(&dir.path().join("none.log"), 0, 10, 10).unwrap().is_empty());
        std::fs::write(index_path(files.log()), b"").unwrap();
        assert!(times(files.log(), 0, 10, 10).unwrap().is_empty());
    }
}
