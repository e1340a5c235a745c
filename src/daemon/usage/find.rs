//! Lists transcripts. What is listed is bounded, and a folder that did not change is not listed again.

use crate::agents::usage::directory_in;
use crate::agents::usage::places::{Place, hash};
use crate::core::time::Wall;
use crate::os::files::open_regular;
use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Most entries of a folder that are looked at.
const ENTRIES_MAX: usize = 20_000;
/// Most transcripts of a folder: the newest.
const TRANSCRIPTS_MAX: usize = 500;
/// The newest folders of days that are looked into: a session may go on for a while.
const DAYS_MAX: usize = 10;
/// Bytes at the beginning of a transcript that may name its directory.
const HEAD: u64 = 256 << 10;

/// A transcript that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transcript {
    /// The file.
    pub path: PathBuf,
    /// When it came to be, as far as the file system tells.
    pub began: Wall,
    /// When it was last written to.
    pub written: Wall,
    /// It is that of a helper: its agent's own figures are in another.
    pub side: bool,
}

/// Folders as they were last listed.
#[derive(Debug, Default)]
pub struct Listing {
    folders: BTreeMap<PathBuf, (Option<SystemTime>, Vec<PathBuf>)>,
    /// The directories that transcripts said they are of.
    directories: BTreeMap<PathBuf, PathBuf>,
}

impl Listing {
    /// The transcripts of a place.
    pub fn transcripts(&mut self, place: &Place) -> Vec<Transcript> {
        match place {
            Place::Folder { dir, ends, helpers } => {
                let names = self.names(dir);
                let mut found = files(&names, ends, false);
                for helpers in helpers.iter() {
                    // Helpers have folders only beside transcripts of sessions that have some.
                    let beside = found.iter().map(|transcript| transcript.path.with_extension("").join(helpers));
                    let below: Vec<PathBuf> = beside.filter(|dir| names.contains(&parent(dir))).collect();
                    for dir in below {
                        found.extend(files(&self.names(&dir), ends, true));
                    }
                }
                found
            }
            Place::Days { dir, ends } => {
                let mut days = vec![dir.clone()];
                for _ in 0..3 {
                    let mut below: Vec<PathBuf> = days.iter().flat_map(|dir| self.names(dir)).collect();
                    below.sort();
                    let old = below.len().saturating_sub(DAYS_MAX);
                    days = below.split_off(old);
                }
                days.iter().flat_map(|day| files(&self.names(day), ends, false)).collect()
            }
            Place::Projects { dir, hash: name, below, ends } => {
                let of = |project: &PathBuf| {
                    let named = project.file_name().is_some_and(|own| own.to_string_lossy() == name.as_str());
                    named || root_of(project).is_some_and(|root| hash(&root) == *name)
                };
                let projects: Vec<PathBuf> = self.names(dir).into_iter().filter(of).collect();
                projects.iter().flat_map(|project| files(&self.names(&project.join(below)), ends, false)).collect()
            }
            Place::File(path) => transcript(path.clone(), false).into_iter().collect(),
            Place::Database(_) => Vec::new(),
        }
    }

    /// Whether a transcript is of an agent in this directory, as far as it says so itself.
    pub fn is_of(&mut self, path: &Path, dir: &Path) -> bool {
        if !self.directories.contains_key(path) {
            // One that does not say it yet may do so later.
            let Some(named) = directory_of(path) else { return true };
            if self.directories.len() > 20_000 {
                self.directories.clear();
            }
            self.directories.insert(path.to_path_buf(), named);
        }
        let named = self.directories.get(path).map(PathBuf::as_path);
        named == Some(dir) || fs::canonicalize(dir).is_ok_and(|real| named == Some(real.as_path()))
    }

    /// The entries of a folder; none where it cannot be read.
    fn names(&mut self, dir: &Path) -> Vec<PathBuf> {
        let changed = fs::metadata(dir).and_then(|data| data.modified()).ok();
        if let Some((known, names)) = self.folders.get(dir)
            && known.is_some()
            && *known == changed
        {
            return names.clone();
        }
        let entries = fs::read_dir(dir).into_iter().flatten().flatten().take(ENTRIES_MAX);
        let names: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        if self.folders.len() > 1_000 {
            self.folders.clear();
        }
        self.folders.insert(dir.to_path_buf(), (changed, names.clone()));
        names
    }
}

fn parent(path: &Path) -> PathBuf {
    path.parent().map(Path::to_path_buf).unwrap_or_default()
}

/// The directory that a project's folder says it is of.
fn root_of(project: &Path) -> Option<String> {
    let mut text = String::new();
    let file = open_regular(&project.join(".project_root")).ok()?;
    file.take(8 << 10).read_to_string(&mut text).ok()?;
    Some(text.trim().to_owned())
}

/// The newest of the files that end so.
fn files(names: &[PathBuf], ends: &str, side: bool) -> Vec<Transcript> {
    let fitting = names.iter().filter(|path| path.to_string_lossy().ends_with(ends));
    let mut found: Vec<Transcript> = fitting.filter_map(|path| transcript(path.clone(), side)).collect();
    found.sort_by_key(|transcript| std::cmp::Reverse(transcript.written));
    found.truncate(TRANSCRIPTS_MAX);
    found
}

fn transcript(path: PathBuf, side: bool) -> Option<Transcript> {
    let data = fs::metadata(&path).ok().filter(Metadata::is_file)?;
    let written = data.modified().ok().and_then(wall)?;
    let began = data.created().ok().and_then(wall).unwrap_or(written);
    let side = side || path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("agent-"));
    Some(Transcript { path, began: began.min(written), written, side })
}

fn wall(at: SystemTime) -> Option<Wall> {
    i64::try_from(at.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok().map(Wall)
}

/// Size and time of a file, to tell whether it changed.
pub fn mark(path: &Path) -> Option<(u64, i64)> {
    let data = fs::metadata(path).ok().filter(Metadata::is_file)?;
    Some((data.len(), data.modified().ok().and_then(wall)?.0))
}

/// The directory that a transcript says its agent works in; nothing where it does not say, or cannot be read.
fn directory_of(path: &Path) -> Option<PathBuf> {
    let mut head = Vec::new();
    open_regular(path).ok()?.take(HEAD).read_to_end(&mut head).ok()?;
    directory_in(&head).map(PathBuf::from)
}
