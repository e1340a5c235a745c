//! Counts lines of changed files and hashes artifacts, within bounds for one look.

use super::documents::hash;
use super::open;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::Path;

/// Largest file whose lines are counted.
const COUNTED_MAX: u64 = 1 << 20;
/// Largest artifact that is hashed.
const HASHED_MAX: u64 = 64 << 20;
/// Most bytes that one look reads for this.
const LOOK_MAX: u64 = 256 << 20;

/// What was found out about a file's contents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Measured {
    /// Its line feeds; `None` of one that is no text or too large.
    pub lines: Option<u64>,
    /// SHA-256 of its bytes, where it was asked for and the file is not too large.
    pub hash: Option<[u8; 32]>,
}

/// What tells one state of a file from another: size, time of the last change, inode.
pub type Mark = (u64, i64, u64);

/// What was measured in earlier looks, by path.
pub type Known = BTreeMap<Box<[u8]>, (Mark, Measured)>;

/// Reads changed files of one folder.
#[derive(Debug)]
pub struct Measurer {
    root: OwnedFd,
    left: u64,
}

impl Measurer {
    /// Opens the folder.
    pub fn open(root: &Path) -> io::Result<Self> {
        Ok(Self { root: open::root(root)?, left: LOOK_MAX })
    }

    /// Measures a file. What cannot be read is not known.
    pub fn measure(&mut self, path: &Path, size: u64, with_hash: bool) -> Measured {
        let count = size <= COUNTED_MAX;
        let wanted = (with_hash && size <= HASHED_MAX) || count;
        if !wanted || size > self.left {
            return Measured::default();
        }
        self.left -= size;
        let Ok((file, _)) = open::regular(&self.root, path) else { return Measured::default() };
        if !count {
            return Measured { lines: None, hash: hash(file.take(HASHED_MAX)).ok() };
        }
        let mut bytes = Vec::new();
        if file.take(COUNTED_MAX).read_to_end(&mut bytes).is_err() {
            return Measured::default();
        }
        let is_text = !bytes.contains(&0);
        let lines = is_text.then(|| bytes.iter().filter(|&&b| b == b'\n').count() as u64);
        Measured { lines, hash: with_hash.then(|| Sha256::digest(&bytes).into()) }
    }
}

/// A hash in hex.
pub fn hex(hash: &[u8; 32]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_of_text_and_hashes_made_of_artifacts() {
        let folder = tempfile::tempdir().unwrap();
        let mut measurer = Measurer::open(folder.path()).unwrap();
        let mut measure = |bytes: &[u8], with_hash| {
            std::fs::write(folder.path().join("x"), bytes).unwrap();
            measurer.measure(Path::new("x"), bytes.len() as u64, with_hash)
        };
        assert_eq!(measure(b"a\nb\nc", false), Measured { lines: Some(2), hash: None });
        assert_eq!(measure(b"a\0\n", false), Measured::default());
        let hashed = measure(b"abc", true);
        assert_eq!(hashed.lines, Some(0));
        assert_eq!(
            hashed.hash.map(|hash| hex(&hash)).as_deref(),
            Some("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        );
        let large = vec![b'\n'; 2 << 20];
        assert_eq!(measure(&large, false), Measured::default());
        assert!(matches!(measure(&large, true), Measured { lines: None, hash: Some(_) }));
        assert_eq!(measurer.measure(Path::new("gone"), 1, true), Measured::default());
    }
}
