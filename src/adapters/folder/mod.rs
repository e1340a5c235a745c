//! A project's folder as stat records: what stands in it now, held against what stood there when the night began.
//!
//! The folder is foreign: sessions write it while it is looked at, and names, links and special files in it may be
//! anything. So every path is opened part by part from the folder down and no link is followed, only regular files are
//! read, and each look is bounded in files, depth and time. What was left out is told, and never taken for gone.

mod diff;
mod documents;
mod ignored;
mod keep;
mod measure;
mod open;
mod usual;
mod walk;

pub use diff::{Change, changes};
pub use documents::{DocumentFile, Reader};
pub use keep::{KeepError, read, write};
pub use measure::{Known, Mark, Measured, Measurer, hex};
pub use usual::{Documents, is_source};
pub use walk::walk;

use crate::core::patterns::Patterns;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Most files and folders of one look.
pub const ENTRIES_MAX: usize = 200_000;
/// How deep below the folder.
pub const DEPTH_MAX: usize = 40;
/// How long one look may take.
pub const WITHIN: Duration = Duration::from_secs(20);

/// What is looked at.
#[derive(Debug, Clone)]
pub struct Scope {
    /// The project's folder.
    pub root: PathBuf,
    /// Folders below it that belong to somebody else, absolute: our own state, other projects.
    pub without: Vec<PathBuf>,
    /// What counts as a document.
    pub documents: Documents,
    /// `collect.artifacts`.
    pub artifacts: Patterns,
    /// The bounds.
    pub bounds: Bounds,
    /// Set when nobody wants the answer any more.
    pub given_up: Arc<AtomicBool>,
}

impl Scope {
    /// Whether a pattern of the project names this path.
    fn names(&self, path: &Path) -> bool {
        self.documents.names(path) || self.artifacts.fits(path)
    }
    /// Whether a pattern of the project names this folder, one above or one below it.
    fn names_folder(&self, path: &Path) -> bool {
        self.documents.names_folder(path) || self.artifacts.names_folder(path)
    }
}

/// What a look may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Most files and folders.
    pub entries: usize,
    /// How deep.
    pub depth: usize,
    /// How long.
    pub within: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { entries: ENTRIES_MAX, depth: DEPTH_MAX, within: WITHIN }
    }
}

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder. `listed` when all that stands in it was looked at.
    Folder {
        /// Whether it was.
        listed: bool,
    },
    /// A symbolic link.
    Link,
    /// A pipe, a socket, a device.
    Special,
}

/// One path and its stat record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The path below the folder, as bytes.
    pub path: Box<[u8]>,
    /// What stands there.
    pub kind: Kind,
    /// Whether git would ignore it.
    pub ignored: bool,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last written, in nanoseconds since the Unix epoch.
    pub modified: i64,
    /// When its inode was last changed: written, renamed, linked. Cannot be set by a program.
    pub changed: i64,
    /// Its inode.
    pub inode: u64,
    /// SHA-256 of a document's bytes.
    pub hash: Option<[u8; 32]>,
}

impl Entry {
    /// The path below the folder.
    pub fn path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.path))
    }
}

/// One look at a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// When it was begun, in milliseconds since the Unix epoch.
    pub taken: i64,
    /// The folder itself, with no link on the way.
    pub root: PathBuf,
    /// How long it took.
    pub took: Duration,
    /// Whether all that stands in the project's folder itself was looked at.
    pub listed: bool,
    /// By path.
    pub entries: Vec<Entry>,
    /// What was not looked at, and why.
    pub left_out: LeftOut,
}

/// What a look left out, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Folders beyond the number of entries.
    pub too_many: Count,
    /// Folders that are too deep.
    pub too_deep: Count,
    /// Folders that there was no time for.
    pub too_slow: Count,
    /// Folders that could not be read.
    pub unreadable: Count,
    /// Lists of what git ignores that are too long or too many.
    pub rules: Count,
}

/// How many, and the first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Count {
    /// How many.
    pub number: u64,
    /// The first, as bytes; empty is the folder itself.
    pub first: Vec<u8>,
}

impl Count {
    fn add(&mut self, path: &[u8]) {
        if self.number == 0 {
            self.first = path.to_vec();
        }
        self.number += 1;
    }
    fn told(&self, what: impl Fn(&str) -> String) -> Option<String> {
        let folders =
            if self.number == 1 { "1 folder was".to_owned() } else { format!("{} folders were", self.number) };
        let first = if self.first.is_empty() { "the project's own".to_owned() } else { shown(&self.first) };
        (self.number > 0).then(|| what(&format!("{folders} not scanned, the first {first}")))
    }
}

impl Snapshot {
    /// The entry of a path.
    pub fn get(&self, path: &[u8]) -> Option<&Entry> {
        self.entries.binary_search_by(|entry| (*entry.path).cmp(path)).ok().and_then(|at| self.entries.get(at))
    }
    /// How many files were looked at.
    pub fn files(&self) -> u64 {
        self.entries.iter().filter(|entry| matches!(entry.kind, Kind::File | Kind::Link) && !entry.ignored).count()
            as u64
    }
    /// What was not looked at, and why, each as a sentence.
    pub fn limits(&self, bounds: &Bounds) -> Vec<String> {
        let LeftOut { too_many, too_deep, too_slow, unreadable, rules } = &self.left_out;
        let told = [
            too_many.told(|what| format!("{what}: over {} files", bounds.entries)),
            too_deep.told(|what| format!("{what}: more than {} levels deep", bounds.depth)),
            too_slow.told(|what| format!("{what}: looking took longer than {} s", bounds.within.as_secs_f64())),
            unreadable.told(|what| format!("{what}: they cannot be read")),
            (rules.number > 0).then(|| {
                format!("{} lists of ignored files were not heeded, the first {}", rules.number, shown(&rules.first))
            }),
        ];
        told.into_iter().flatten().collect()
    }
}

/// A path for people: harmless, secrets made unreadable, at most 300 characters.
pub fn shown(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(path);
    crate::terminal::shorten(&crate::terminal::redact(&crate::terminal::harmless(&text)), 300).into_owned()
}
