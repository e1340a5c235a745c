//! Copies a raw log to stdout: as it is, or as clean lines, with or without the time each line began.

use crate::cli::context::Context;
use crate::cli::failure::{Failure, harmless, shown_path};
use crate::cli::parts::CleanLines;
use crate::cli::when;
use crate::core::time::Wall;
use crate::recording::attempt::AttemptFiles;
use crate::terminal;
use jiff::tz::TimeZone;
use std::fs::File;
use std::io::{self, BufWriter, Read as _, Seek as _, SeekFrom, StdoutLock, Write as _};
use std::os::unix::fs::FileExt as _;

/// Bytes read at once.
const CHUNK: usize = 64 << 10;
/// Bytes of a frame of the index: wall nanoseconds, offset, length, each 64 bits, little-endian.
const FRAME: u64 = 24;

/// A log on its way to stdout.
pub struct Printer<'a> {
    context: &'a Context,
    raw: bool,
    zone: Option<TimeZone>,
    log: Option<Log>,
    lines: CleanLines,
    line_began: Wall,
}

/// An open log with its place.
struct Log {
    file: File,
    at: u64,
    index: Option<Index>,
}

impl<'a> Printer<'a> {
    /// Prints nothing yet. With a zone, each line gets its local time.
    pub fn new(context: &'a Context, raw: bool, zone: Option<TimeZone>) -> Self {
        Self { context, raw, zone, log: None, lines: CleanLines::new(), line_began: Wall(0) }
    }
    /// Goes on with this log, from its beginning or from what came at `since`. What the cap on the log dropped reads as
    /// zeros; it is passed over, and told.
    pub fn open(&mut self, files: &AttemptFiles, since: Option<Wall>) -> Result<(), Failure> {
        let path = files.log();
        let failed = |e: io::Error| Failure::io(format!("cannot read {}", shown_path(path)), &e);
        let mut file = File::open(path).map_err(failed)?;
        let index = match File::open(path.with_extension("idx")) {
            Ok(file) => Some(Index { file, frame: 0 }),
            // Without an index there are no times; the bytes are the thing.
            Err(_) if since.is_none() && self.zone.is_none() => None,
            Err(e) => return Err(Failure::io(format!("no times are known of {}", shown_path(path)), &e)),
        };
        let at = match (since, &index) {
            (Some(since), Some(index)) => index.offset_since(since).map_err(failed)?,
            (Some(_), None) | (None, _) => None,
        };
        let length = file.metadata().map_err(failed)?.len();
        let kept = files.kept().map_err(failed)?;
        let at = if since.is_some() { at.unwrap_or(length) } else { 0 }.max(kept.from);
        if kept.from > 0 {
            self.say(&format!("note: the first {} bytes were dropped to keep the log within its cap", kept.from));
        }
        for gap in &kept.gaps {
            self.say(&format!("note: {} bytes are missing at byte {}: {}", gap.bytes, gap.at, harmless(&gap.why)));
        }
        file.seek(SeekFrom::Start(at)).map_err(failed)?;
        self.log = Some(Log { file, at, index });
        Ok(())
    }
    /// Prints all there is now.
    pub fn copy(&mut self) -> Result<(), Failure> {
        let Some(log) = &mut self.log else { return Ok(()) };
        let mut out = self.context.out.stdout();
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = log.file.read(&mut chunk).map_err(|e| Failure::io("cannot read the log", &e))?;
            if read == 0 {
                break;
            }
            let bytes = &chunk[..read];
            let written = if self.raw {
                out.write_all(bytes)
            } else {
                clean(log, &mut self.lines, &mut self.line_began, self.zone.as_ref(), bytes, &mut out)
            };
            written.map_err(|e| Failure::stdout(&e))?;
            log.at += read as u64;
        }
        out.flush().map_err(|e| Failure::stdout(&e))
    }
    /// Prints the unfinished line.
    pub fn finish(&mut self) -> Result<(), Failure> {
        let mut out = self.context.out.stdout();
        let mut written = Ok(());
        let (zone, began) = (self.zone.as_ref(), self.line_began);
        self.lines.finish(|line| written = line_out(&mut out, zone, began, line));
        self.lines = CleanLines::new();
        written.and_then(|()| out.flush()).map_err(|e| Failure::stdout(&e))
    }
    /// Says something between two logs.
    pub fn say(&self, text: &str) {
        self.context.out.talk(text);
    }
}

type Out = BufWriter<StdoutLock<'static>>;

/// Writes a line such that nothing in it turns, hides or piles up on the reader's terminal, and no secret is told.
fn line_out(out: &mut impl io::Write, zone: Option<&TimeZone>, began: Wall, line: &str) -> io::Result<()> {
    let line = terminal::harmless(line);
    let line = terminal::redact(&line);
    match zone {
        Some(zone) => writeln!(out, "{} {line}", when::clock_time(began, zone)),
        None => writeln!(out, "{line}"),
    }
}

/// Feeds bytes of the log that stand at `log.at`. Where times are shown they are fed line by line, so that each line's
/// first byte can be looked up.
fn clean(
    log: &mut Log,
    lines: &mut CleanLines,
    began: &mut Wall,
    zone: Option<&TimeZone>,
    bytes: &[u8],
    out: &mut Out,
) -> io::Result<()> {
    let mut written = Ok(());
    let mut print = |out: &mut Out, began: Wall, line: &str| {
        if written.is_ok() {
            written = line_out(out, zone, began, line);
        }
    };
    let Some(index) = log.index.as_mut().filter(|_| zone.is_some()) else {
        lines.feed(bytes, |line| print(out, *began, line));
        return written;
    };
    let mut at = log.at;
    for piece in bytes.split_inclusive(|&b| b == b'\n') {
        if !lines.in_line() {
            *began = index.time_of(at)?;
        }
        lines.feed(piece, |line| print(out, *began, line));
        at += piece.len() as u64;
    }
    written
}

/// The time index of a log, read forwards.
struct Index {
    file: File,
    frame: u64,
}

impl Index {
    fn frame(&self, number: u64) -> io::Result<Option<(Wall, u64, u64)>> {
        let mut bytes = [0; FRAME as usize];
        match self.file.read_exact_at(&mut bytes, number * FRAME) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(e) => return Err(e),
        }
        let word = |i: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[i * 8..i * 8 + 8]);
            u64::from_le_bytes(word)
        };
        let wall = Wall(i64::try_from(word(0) / 1_000_000).unwrap_or(i64::MAX));
        Ok(Some((wall, word(1), word(2))))
    }
    /// When the byte at an offset came. Offsets are asked in rising order.
    fn time_of(&mut self, offset: u64) -> io::Result<Wall> {
        let mut last = Wall(0);
        while let Some((wall, start, length)) = self.frame(self.frame)? {
            last = wall;
            if offset < start.saturating_add(length) {
                return Ok(wall);
            }
            self.frame += 1;
        }
        // The frame is written after its bytes: what has none yet came just now, or with the last one.
        if last == Wall(0) && self.frame > 0 {
            last = self.frame(self.frame - 1)?.map_or(last, |frame| frame.0);
        }
        Ok(last)
    }
    /// Where the output begins that came at or after an instant; `None` when none did. Looks from the end, because the
    /// wall clock may have been set back meanwhile: what is newest counts.
    fn offset_since(&self, since: Wall) -> io::Result<Option<u64>> {
        let frames = self.file.metadata()?.len() / FRAME;
        let mut found = None;
        for number in (0..frames).rev() {
            match self.frame(number)? {
                Some((wall, offset, _)) if wall >= since => found = Some(offset),
                Some(_) => break,
                None => {}
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(frames: &[(u64, u64, u64)]) -> (tempfile::NamedTempFile, Index) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        for (ms, offset, length) in frames {
            for word in [ms * 1_000_000, *offset, *length] {
                file.write_all(&word.to_le_bytes()).unwrap();
            }
        }
        // A frame that is only half written.
        file.write_all(&[1; 10]).unwrap();
        let opened = File::open(file.path()).unwrap();
        (file, Index { file: opened, frame: 0 })
    }

    #[test]
    fn a_line_is_harmless_to_read() {
        let mut out = Vec::new();
        let line = format!("a\u{202e}b\u{2066}c\u{200b}d\u{feff}e{}", "\u{301}".repeat(40));
        line_out(&mut out, None, Wall(0), &line).unwrap();
        let shown = String::from_utf8(out).unwrap();
        assert_eq!(shown, format!("a\\u{{202e}}b\\u{{2066}}cde{}\n", "\u{301}".repeat(3)));
    }

    #[test]
    fn a_secret_is_not_printed() {
        let mut out = Vec::new();
        line_out(&mut out, None, Wall(0), "DB_PASSWORD=hunter22 ok").unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "DB_PASSWORD=[redacted] ok\n");
    }

    #[test]
    fn each_offset_has_the_time_of_its_frame() {
        let (_file, mut index) = index(&[(1000, 0, 10), (2000, 10, 5), (3000, 20, 5)]);
        let at: Vec<i64> = [0, 9, 10, 16, 24, 99].iter().map(|&o| index.time_of(o).unwrap().0).collect();
        assert_eq!(at, [1000, 1000, 2000, 3000, 3000, 3000]);
    }

    #[test]
    fn since_gives_the_first_byte_that_came_then() {
        let (_file, index) = index(&[(1000, 0, 10), (2000, 10, 5), (3000, 20, 5)]);
        assert_eq!(index.offset_since(Wall(1500)).unwrap(), Some(10));
        assert_eq!(index.offset_since(Wall(2000)).unwrap(), Some(10));
        assert_eq!(index.offset_since(Wall(0)).unwrap(), Some(0));
        assert_eq!(index.offset_since(Wall(9000)).unwrap(), None);
    }
}
