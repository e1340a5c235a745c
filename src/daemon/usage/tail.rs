//! Follows one transcript: what was appended since the last look, from its beginning when it was cut or replaced.

use crate::agents::profile::Profile;
use crate::agents::sign::Sign;
use crate::agents::transcript::{Word, may_tell};
use crate::agents::usage::lines::Lines;
use crate::agents::usage::{Agent, Note, Reader};
use crate::os::clock;
use crate::os::files::open_regular;
use jiff::tz::TimeZone;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Bytes read at once.
const CHUNK: usize = 64 << 10;
/// Bytes before the place read up to that are looked at again: they tell whether the file is still the same.
const SEAM: usize = 64;

/// Newest lines that are kept for the state of an agent: what was said before them is over.
const LINES_MAX: usize = 16;

fn keep(heard: &mut Option<(Word, VecDeque<Vec<u8>>)>, line: &[u8]) {
    let Some((_, lines)) = heard.as_mut().filter(|_| may_tell(line)) else { return };
    if lines.len() >= LINES_MAX {
        lines.pop_front();
    }
    lines.push_back(line.to_vec());
}

/// One transcript.
pub struct Tail {
    /// The file.
    pub path: PathBuf,
    /// Tells it from others of its attempt.
    pub number: u32,
    reader: Reader,
    lines: Lines,
    /// Device and inode.
    which: Option<(u64, u64)>,
    offset: u64,
    seam: Vec<u8>,
    /// Size and time when it was last read to its end.
    read: Option<(u64, i64, i64)>,
    /// Lines that may tell of its agent's state, and who reads them.
    heard: Option<(Word, VecDeque<Vec<u8>>)>,
}

impl Tail {
    /// A transcript of which nothing was read; `None` for an agent whose transcripts are no lines.
    pub fn new(path: &Path, agent: Agent, zone: &TimeZone, number: u32) -> Option<Self> {
        Some(Self {
            path: path.to_path_buf(),
            number,
            reader: Reader::new(agent, zone)?,
            lines: Lines::default(),
            which: None,
            offset: 0,
            seam: Vec::new(),
            read: None,
            heard: None,
        })
    }

    /// From here on it is also read for the state of its agent.
    pub fn listen(&mut self, word: Word) {
        self.heard = Some((word, VecDeque::new()));
    }
    /// What it said of that since the last call.
    pub fn word(&mut self, profile: &Profile, zone: &TimeZone) -> Option<Sign> {
        let (word, lines) = self.heard.as_mut()?;
        let now = clock::wall();
        lines.drain(..).for_each(|line| word.line(profile, &line, now, zone));
        word.take()
    }

    /// Reads what is new, at most so many bytes; says whether there is more.
    pub fn read(&mut self, most: u64, tell: &mut dyn FnMut(Note)) -> io::Result<bool> {
        let data = std::fs::metadata(&self.path)?;
        let state = (data.len(), data.mtime(), data.mtime_nsec());
        if self.which == Some((data.dev(), data.ino())) && self.read == Some(state) {
            return Ok(false);
        }
        let mut file = open_regular(&self.path)?;
        let data = file.metadata()?;
        let which = Some((data.dev(), data.ino()));
        if self.which.is_some() && (self.which != which || data.len() < self.offset || !self.fits(&mut file)?) {
            self.begins_anew();
        }
        self.which = which;
        file.seek(SeekFrom::Start(self.offset))?;
        let mut buffer = vec![0; CHUNK];
        let mut left = most;
        loop {
            let n = file.read(&mut buffer)?;
            let new = buffer.get(..n).unwrap_or_default();
            let (reader, heard) = (&mut self.reader, &mut self.heard);
            self.lines.feed(new, |line| {
                reader.line(line, tell);
                keep(heard, line);
            });
            let bytes = u64::try_from(n).unwrap_or(u64::MAX);
            self.offset += bytes;
            self.seam.extend_from_slice(new.get(n.saturating_sub(SEAM)..).unwrap_or_default());
            let old = self.seam.len().saturating_sub(SEAM);
            self.seam.drain(..old);
            left = left.saturating_sub(bytes);
            if n == 0 {
                self.read = Some(state).filter(|(size, _, _)| *size == self.offset);
                return Ok(false);
            }
            if left == 0 {
                return Ok(true);
            }
        }
    }

    /// Takes what stands after the last line end: nothing more comes.
    pub fn finish(&mut self, tell: &mut dyn FnMut(Note)) {
        let (reader, heard) = (&mut self.reader, &mut self.heard);
        self.lines.finish(|line| {
            reader.line(line, tell);
            keep(heard, line);
        });
    }

    /// Whether what was read last still stands where it stood.
    fn fits(&self, file: &mut File) -> io::Result<bool> {
        let from = self.offset.saturating_sub(u64::try_from(self.seam.len()).unwrap_or(0));
        file.seek(SeekFrom::Start(from))?;
        let mut there = vec![0; self.seam.len()];
        match file.read_exact(&mut there) {
            Ok(()) => Ok(there == self.seam),
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(e) => Err(e),
        }
    }

    fn begins_anew(&mut self) {
        self.lines.begins_anew();
        self.reader.begins_anew();
        (self.offset, self.read) = (0, None);
        self.seam.clear();
    }
}
