//! Files of others: whether something changed in a directory, with a bound on what the question may cost, and how one is
//! opened that may be no file at all.

use crate::core::time::Wall;
use rustix::fs::{Mode, OFlags};
use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

/// Most entries that are looked at.
const ENTRIES_MAX: usize = 2_000;
/// How deep below the directory.
const DEPTH_MAX: usize = 4;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// The newest change in the time that was asked for, if there is one: path below the directory, and when.
    pub newest: Option<(String, Wall)>,
    /// How many entries were looked at.
    pub looked_at: usize,
}

/// Opens a regular file to read it. A pipe, a device or a directory is an error, and is not waited for.
pub fn open_regular(path: &Path) -> io::Result<fs::File> {
    // Without O_NONBLOCK opening a pipe waits for a writer, perhaps for ever.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = fs::File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no regular file")) }
}

/// The newest change below a directory after one time and not after another, nearest entries first. A folder that is
/// not to count is left out (`except`), and so is what git keeps for itself, but for what a commit changes.
pub fn newest_change(dir: &Path, except: &Path, after: Wall, until: Wall) -> Changes {
    let mut changes = Changes::default();
    let mut todo = VecDeque::from([(dir.to_path_buf(), 0)]);
    let look = |changes: &mut Changes, path: &Path| {
        changes.looked_at += 1;
        let Ok(data) = fs::symlink_metadata(path) else { return false };
        let at = data.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let at = at.and_then(|at| i64::try_from(at.as_millis()).ok()).map(Wall);
        if let Some(at) = at.filter(|at| *at > after && *at <= until)
            && changes.newest.as_ref().is_none_or(|(_, newest)| at > *newest)
        {
            let shown = path.strip_prefix(dir).unwrap_or(path).display().to_string();
            changes.newest = Some((shown, at));
        }
        data.is_dir()
    };
    while let Some((folder, depth)) = todo.pop_front() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if changes.looked_at >= ENTRIES_MAX {
                return changes;
            }
            let path = entry.path();
            if path == except {
                continue;
            }
            if entry.file_name() == ".git" {
                look(&mut changes, &path.join("logs/HEAD"));
            } else if look(&mut changes, &path) && depth < DEPTH_MAX {
                todo.push_back((path, depth + 1));
            }
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::clock;

    #[test]
    fn a_change_below_is_found_and_what_is_ours_or_gits_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = |below: &str| dir.path().join(below);
        for folder in ["src/deep", "logs", ".git"] {
            fs::create_dir_all(path(folder)).unwrap();
        }
        for file in ["logs/nightkeep.db", ".git/index", "src/deep/a.rs"] {
            fs::write(path(file), "x").unwrap();
        }
        let (now, ago) = (clock::wall().plus(std::time::Duration::from_secs(5)), Wall(clock::wall().0 - 60_000));
        let old = UNIX_EPOCH + std::time::Duration::from_secs(1_000_000);
        for folder in [".git", "logs", "src", "src/deep"] {
            fs::File::open(path(folder)).unwrap().set_modified(old).unwrap();
        }
        let found = newest_change(dir.path(), &path("logs"), ago, now);
        assert_eq!(found.newest.as_ref().map(|(path, _)| path.as_str()), Some("src/deep/a.rs"));
        fs::File::options().append(true).open(path("src/deep/a.rs")).unwrap().set_modified(old).unwrap();
        let none = newest_change(dir.path(), &path("logs"), ago, now);
        assert_eq!((none.newest, none.looked_at), (None, 4));
        assert_eq!(newest_change(&path("gone"), &path("logs"), ago, now), Changes::default());
    }
}
