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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::usage::meter::Meter;
    use crate::agents::usage::prices::Prices;
    use crate::core::time::Wall;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;
    use std::sync::Arc;

    /// What becomes of a transcript.
    #[derive(Debug, Clone)]
    enum Deed {
        /// Replies are written.
        Append(u8),
        /// The beginning of a reply is written, its end with the next.
        Part,
        /// It is cut to this part of its lines.
        Cut(u8),
        /// It is written anew beside and takes its own place.
        Replace,
        /// It is put aside, and a new one begins in its place.
        Rotate,
        /// It is copied, and the copy goes on.
        Copy,
    }

    fn deed() -> impl Strategy<Value = Deed> {
        prop_oneof![
            4 => (1..4_u8).prop_map(Deed::Append),
            1 => Just(Deed::Part),
            2 => (0..=10_u8).prop_map(Deed::Cut),
            1 => Just(Deed::Replace),
            1 => Just(Deed::Rotate),
            1 => Just(Deed::Copy),
        ]
    }

    /// The reply of this number, whose tokens are told by it; `before` are all tokens before it.
    fn reply(agent: Agent, number: u64, before: u64) -> String {
        let (at, n) =
            (format!("2026-11-21T09:{:02}:{:02}.{:03}Z", number / 60 % 60, number % 60, number % 1000), number + 1);
        match agent {
            Agent::Claude => format!(
                "{{\"type\":\"assistant\",\"timestamp\":\"{at}\",\"requestId\":\"r{number}\",\"message\":{{\"id\":\"m{number}\",\"model\":\"m\",\"usage\":{{\"input_tokens\":{n}}}}}}}\n"
            )
            .repeat(2),
            Agent::Codex | Agent::Gemini | Agent::Opencode | Agent::Aider => format!(
                "{{\"timestamp\":\"{at}\",\"type\":\"event_msg\",\"payload\":{{\"type\":\"token_count\",\"info\":{{\"total_token_usage\":{{\"input_tokens\":{}}},\"last_token_usage\":{{\"input_tokens\":{n}}}}}}}}}\n",
                before + n
            ),
        }
    }

    fn counted_once(agent: Agent, deeds: &[Deed]) {
        let dir = tempfile::tempdir().unwrap();
        let file = |n: usize| dir.path().join(format!("{n}.jsonl"));
        let (mut current, mut files) = (0, 1);
        fs::write(file(0), "").unwrap();
        let (mut number, mut before, mut part) = (0, 0, String::new());
        let prices = Arc::new(Prices::new(std::iter::empty()));
        let mut meter = Meter::new(Wall(0), TimeZone::UTC, prices);
        let mut tails: BTreeMap<PathBuf, Tail> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for deed in deeds {
            let path = file(current);
            let text = fs::read_to_string(&path).unwrap();
            let mut add = std::mem::take(&mut part);
            match deed {
                Deed::Append(n) => {
                    for _ in 0..*n {
                        add.push_str(&reply(agent, number, before));
                        seen.insert(number);
                        (before, number) = (before + number + 1, number + 1);
                    }
                    fs::write(&path, text + &add).unwrap();
                }
                Deed::Part => {
                    let whole = add + &reply(agent, number, before);
                    seen.insert(number);
                    (before, number) = (before + number + 1, number + 1);
                    let (now, later) = whole.split_at(whole.len() / 2);
                    fs::write(&path, text + now).unwrap();
                    part = later.to_owned();
                }
                Deed::Cut(tenths) => {
                    fs::write(&path, text + &add).unwrap();
                    look(agent, dir.path(), &mut tails, &mut meter);
                    let text = fs::read_to_string(&path).unwrap();
                    let lines: Vec<&str> = text.split_inclusive('\n').collect();
                    let keep = lines.len() * usize::from(*tenths) / 10;
                    fs::write(&path, lines[..keep].concat()).unwrap();
                }
                Deed::Replace => {
                    let beside = dir.path().join("beside");
                    fs::write(&beside, text + &add).unwrap();
                    fs::rename(&beside, &path).unwrap();
                }
                Deed::Rotate => {
                    fs::write(&path, text + &add).unwrap();
                    fs::rename(&path, file(files)).unwrap();
                    fs::write(&path, "").unwrap();
                    files += 1;
                }
                Deed::Copy => {
                    fs::write(&path, text.clone() + &add).unwrap();
                    fs::write(file(files), text + &add).unwrap();
                    current = files;
                    files += 1;
                }
            }
            look(agent, dir.path(), &mut tails, &mut meter);
        }
        if !part.is_empty() {
            let text = fs::read_to_string(file(current)).unwrap();
            fs::write(file(current), text + &part).unwrap();
            look(agent, dir.path(), &mut tails, &mut meter);
        }
        let expected: u64 = seen.iter().map(|number| number + 1).sum();
        let used = meter.used().map_or(0, |used| used.models.values().map(|sum| sum.tokens.total()).sum());
        assert_eq!(used, expected, "{agent:?} {deeds:?}");
        let requests = meter.used().map_or(0, |used| used.models.values().map(|sum| sum.requests).sum());
        assert_eq!(requests, seen.len() as u64, "{agent:?} {deeds:?}");
    }

    fn look(agent: Agent, dir: &Path, tails: &mut BTreeMap<PathBuf, Tail>, meter: &mut Meter) {
        let mut paths: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            let number = u32::try_from(tails.len()).unwrap();
            let tail =
                tails.entry(path.clone()).or_insert_with(|| Tail::new(&path, agent, &TimeZone::UTC, number).unwrap());
            tail.read(1 << 30, &mut |note| meter.take(number, note)).unwrap();
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]
        /// However a transcript is cut, put aside, replaced or copied, each of its requests is counted, and once.
        #[test]
        fn every_request_is_counted_once(deeds in proptest::collection::vec(deed(), 1..12)) {
            counted_once(Agent::Claude, &deeds);
            counted_once(Agent::Codex, &deeds);
        }
    }
}
