//! The time index of a raw log: fixed frames of 24 bytes, little-endian: wall nanoseconds, offset, length (u64 each).
//!
//! A frame says: at this time these bytes of the log came. Frames are in the order of their offsets; a cut last frame
//! is not yet written. Times can step back when the wall clock does.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Bytes of a frame.
pub const FRAME_LEN: usize = 24;

/// One entry of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Wall clock when the first of these bytes came, nanoseconds since the Unix epoch.
    pub t: u64,
    /// Where in the log the bytes stand.
    pub offset: u64,
    /// How many they are.
    pub len: u64,
}

impl Frame {
    /// The frame as it stands in the file.
    pub fn encode(&self) -> [u8; FRAME_LEN] {
        let mut bytes = [0; FRAME_LEN];
        bytes[..8].copy_from_slice(&self.t.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.offset.to_le_bytes());
        bytes[16..].copy_from_slice(&self.len.to_le_bytes());
        bytes
    }
    /// Reads a frame.
    pub fn decode(bytes: &[u8; FRAME_LEN]) -> Self {
        let word = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(word)
        };
        Self { t: word(0), offset: word(8), len: word(16) }
    }
}

/// The index of a log: the same path with `.idx` for its last extension.
pub fn index_path(log: &Path) -> PathBuf {
    log.with_extension("idx")
}

/// Answers questions about an index file. Reads a few frames a question, never the whole file.
#[derive(Debug)]
pub struct IndexReader {
    file: File,
}

impl IndexReader {
    /// Opens an index. Fails when it is missing or no regular file.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: super::open_regular(path)? })
    }
    /// How many whole frames there are now.
    pub fn frames(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len() / FRAME_LEN as u64)
    }
    /// The frame of that number; `None` past the end.
    pub fn frame(&self, number: u64) -> io::Result<Option<Frame>> {
        let mut bytes = [0; FRAME_LEN];
        match self.file.read_exact_at(&mut bytes, number.saturating_mul(FRAME_LEN as u64)) {
            Ok(()) => Ok(Some(Frame::decode(&bytes))),
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(e) => Err(e),
        }
    }
    /// When the byte at an offset of the log came (the last frame that begins at or before it), in wall nanoseconds.
    /// `None` before the first frame.
    pub fn time_of(&self, offset: u64) -> io::Result<Option<u64>> {
        let after = self.partition(|frame| frame.offset <= offset)?;
        Ok(self.before(after)?.map(|frame| frame.t))
    }
    /// How many bytes of the log had come at a wall time in nanoseconds: the end of the last frame that is not later.
    /// 0 before the first frame. After a backward step of the clock it is one of the right answers.
    pub fn offset_at(&self, t: u64) -> io::Result<u64> {
        let after = self.partition(|frame| frame.t <= t)?;
        Ok(self.before(after)?.map_or(0, |frame| frame.offset.saturating_add(frame.len)))
    }
    /// The number of the last frame that begins at or before an offset; 0 when there is none.
    pub fn number_at(&self, offset: u64) -> io::Result<u64> {
        Ok(self.partition(|frame| frame.offset <= offset)?.saturating_sub(1))
    }
    fn before(&self, number: u64) -> io::Result<Option<Frame>> {
        match number.checked_sub(1) {
            Some(previous) => self.frame(previous),
            None => Ok(None),
        }
    }
    /// The number of the first frame for which the condition does not hold, by bisection.
    fn partition(&self, holds: impl Fn(&Frame) -> bool) -> io::Result<u64> {
        let (mut low, mut high) = (0, self.frames()?);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.frame(middle)? {
                Some(frame) if holds(&frame) => low = middle + 1,
                Some(_) | None => high = middle,
            }
        }
        Ok(low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(frames: &[Frame], cut: usize) -> (tempfile::TempDir, IndexReader) {
        let dir = tempfile::tempdir().unwrap();
        let path = index_path(&dir.path().join("2026-11-21-1.2.log"));
        assert!(path.ends_with("2026-11-21-1.2.idx"));
        let mut bytes: Vec<u8> = frames.iter().flat_map(Frame::encode).collect();
        bytes.truncate(bytes.len() - cut);
        std::fs::write(&path, bytes).unwrap();
        let reader = IndexReader::open(&path).unwrap();
        (dir, reader)
    }

    #[test]
    fn both_questions_are_answered_at_the_borders() {
        let frames = [
            Frame { t: 1000, offset: 0, len: 10 },
            Frame { t: 2000, offset: 10, len: 5 },
            Frame { t: 3000, offset: 15, len: 1 },
            Frame { t: 9000, offset: 16, len: 100 },
        ];
        let (_dir, reader) = index(&frames, 7);
        assert_eq!(reader.frames().unwrap(), 3, "a cut frame is none");
        let times: Vec<_> = [0, 9, 10, 14, 15, 500].iter().map(|o| reader.time_of(*o).unwrap().unwrap()).collect();
        assert_eq!(times, [1000, 1000, 2000, 2000, 3000, 3000]);
        let offsets: Vec<_> = [999, 1000, 1999, 2000, u64::MAX].iter().map(|t| reader.offset_at(*t).unwrap()).collect();
        assert_eq!(offsets, [0, 10, 10, 15, 16]);
    }

    #[test]
    fn an_empty_index_and_one_with_a_stepping_clock_give_answers() {
        let (_dir, reader) = index(&[], 0);
        assert_eq!((reader.time_of(5).unwrap(), reader.offset_at(5).unwrap()), (None, 0));
        let back = [5000, 6000, 1000, 2000].iter().enumerate();
        let frames: Vec<_> = back.map(|(i, t)| Frame { t: *t, offset: i as u64, len: 1 }).collect();
        let (_dir, reader) = index(&frames, 0);
        assert_eq!(reader.time_of(2).unwrap(), Some(1000));
        assert!(reader.offset_at(5500).unwrap() <= 4);
    }
}
