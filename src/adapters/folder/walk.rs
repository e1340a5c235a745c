//! One look at a folder: nearest folders first, in the order of their names, each whole or not at all.

use super::ignored::{self, ListReader, Lists};
use super::open::{self, nanos};
use super::{Entry, Kind, Scope, Snapshot};
use crate::os::clock;
use rustix::fs::{AtFlags, Dir, FileType, statat};
use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::Ordering;

/// A folder that is yet to be looked at.
struct Todo {
    path: Vec<u8>,
    depth: usize,
    lists: Lists,
    /// It is ignored, and looked at only for what a pattern names.
    ignored: bool,
    /// Where its own entry stands; the project's folder has none.
    entry: Option<usize>,
}

/// Looks at a folder. Fails only when the folder itself cannot be opened. What belongs to a folder that could not be
/// listed whole is left out whole.
pub fn walk(scope: &Scope) -> io::Result<Snapshot> {
    let began = clock::mono_nanos();
    let root_path = ignored::real(&scope.root);
    let root = open::root(&root_path)?;
    let mut lists = ListReader::new();
    let mut walk = Walk {
        scope,
        without: without(&root_path, scope),
        until: began.saturating_add(u64::try_from(scope.bounds.within.as_nanos()).unwrap_or(u64::MAX)),
        snapshot: Snapshot { taken: clock::wall().0, root: root_path.clone(), ..Snapshot::default() },
        todo: VecDeque::new(),
    };
    let outside = lists.outside(&root_path);
    walk.todo.push_back(Todo { path: Vec::new(), depth: 0, lists: outside, ignored: false, entry: None });
    while let Some(todo) = walk.todo.pop_front() {
        let listed = walk.folder(&root, &todo, &mut lists);
        match todo.entry.and_then(|at| walk.snapshot.entries.get_mut(at)) {
            Some(entry) => entry.kind = Kind::Folder { listed: listed.is_ok() && !todo.ignored },
            None => match listed {
                Err(Missed::Unreadable(e)) => return Err(e),
                Err(Missed::Gone) => return Err(io::ErrorKind::NotFound.into()),
                Ok(()) | Err(Missed::TooMany | Missed::TooDeep | Missed::TooSlow | Missed::Meant) => {
                    walk.snapshot.listed = listed.is_ok();
                }
            },
        }
        let left_out = &mut walk.snapshot.left_out;
        match listed {
            Ok(()) | Err(Missed::Gone | Missed::Meant) => {}
            Err(Missed::TooMany) => left_out.too_many.add(&todo.path),
            Err(Missed::TooDeep) => left_out.too_deep.add(&todo.path),
            Err(Missed::TooSlow) => left_out.too_slow.add(&todo.path),
            Err(Missed::Unreadable(_)) => left_out.unreadable.add(&todo.path),
        }
    }
    let mut snapshot = walk.snapshot;
    snapshot.left_out.rules = lists.left_out;
    snapshot.entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    snapshot.took = std::time::Duration::from_nanos(clock::mono_nanos().saturating_sub(began));
    Ok(snapshot)
}

/// Why a folder was not listed.
enum Missed {
    TooMany,
    TooDeep,
    TooSlow,
    Unreadable(io::Error),
    /// It went meanwhile.
    Gone,
    /// It is not to be: another work tree, a cache.
    Meant,
}

struct Walk<'a> {
    scope: &'a Scope,
    /// Folders that belong to somebody else, below the root.
    without: Vec<Vec<u8>>,
    until: u64,
    snapshot: Snapshot,
    todo: VecDeque<Todo>,
}

impl Walk<'_> {
    fn is_late(&self) -> bool {
        clock::mono_nanos() > self.until || self.scope.given_up.load(Ordering::Relaxed)
    }

    fn folder(&mut self, root: &OwnedFd, todo: &Todo, lists: &mut ListReader) -> Result<(), Missed> {
        let bounds = &self.scope.bounds;
        if todo.depth > bounds.depth {
            return Err(Missed::TooDeep);
        }
        if self.is_late() {
            return Err(Missed::TooSlow);
        }
        let at = open::folder(root, Path::new(OsStr::from_bytes(&todo.path))).map_err(|e| {
            let gone = matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
            if gone { Missed::Gone } else { Missed::Unreadable(e) }
        })?;
        let room = bounds.entries.saturating_sub(self.snapshot.entries.len());
        let mut names: Vec<Vec<u8>> = Vec::new();
        for entry in Dir::read_from(&at).map_err(|e| Missed::Unreadable(e.into()))? {
            let entry = entry.map_err(|e| Missed::Unreadable(e.into()))?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            if names.len() >= room {
                return Err(Missed::TooMany);
            }
            names.push(name.to_vec());
        }
        names.sort_unstable();
        let has = |name: &str| names.binary_search_by(|known| known.as_slice().cmp(name.as_bytes())).is_ok();
        let is_root = todo.path.is_empty();
        if !is_root && has(".git") && ignored::is_worktree(&at) {
            return Err(Missed::Meant);
        }
        let named = !is_root && self.scope.names_folder(Path::new(OsStr::from_bytes(&todo.path)));
        if !is_root && !named && has("CACHEDIR.TAG") && ignored::is_cache(&at) {
            return Err(Missed::Meant);
        }
        let own = if has(".gitignore") { lists.inside(&todo.lists, &at, &todo.path) } else { todo.lists.clone() };
        let (before, mut next) = (self.snapshot.entries.len(), Vec::new());
        for (i, name) in names.iter().enumerate() {
            if i % 512 == 511 && self.is_late() {
                self.snapshot.entries.truncate(before);
                return Err(Missed::TooSlow);
            }
            // What went meanwhile is not there.
            let Some(entry) = self.entry(&at, &todo.path, name) else { continue };
            self.take(entry, name, todo, &own, &has, &mut next);
        }
        self.todo.extend(next);
        Ok(())
    }

    /// Keeps an entry, and notes a folder to go into.
    fn take(
        &mut self,
        mut entry: Entry,
        name: &[u8],
        todo: &Todo,
        own: &Lists,
        has: &impl Fn(&str) -> bool,
        next: &mut Vec<Todo>,
    ) {
        let path = entry.path.to_vec();
        let shown = Path::new(OsStr::from_bytes(&path));
        if let Kind::Folder { .. } = entry.kind {
            if self.without.contains(&path) {
                self.snapshot.entries.push(entry);
                return;
            }
            entry.ignored = todo.ignored || ignored::is_filled(name, has) || own.ignore(&path, true);
            let go_in = !entry.ignored || self.scope.names_folder(shown);
            let (ignored, at) = (entry.ignored, self.snapshot.entries.len());
            self.snapshot.entries.push(entry);
            if go_in {
                next.push(Todo { path, depth: todo.depth + 1, lists: own.clone(), ignored, entry: Some(at) });
            }
            return;
        }
        let named = self.scope.names(shown);
        entry.ignored = !named && (todo.ignored || own.ignore(&path, false));
        if named || !todo.ignored {
            self.snapshot.entries.push(entry);
        }
    }

    fn entry(&self, at: &OwnedFd, folder: &[u8], name: &[u8]) -> Option<Entry> {
        let stat = statat(at, OsStr::from_bytes(name), AtFlags::SYMLINK_NOFOLLOW).ok()?;
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Folder { listed: false },
            FileType::Symlink => Kind::Link,
            FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => Kind::Special,
        };
        let mut path = folder.to_vec();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        Some(Entry {
            path: path.into(),
            kind,
            ignored: false,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            modified: nanos(stat.st_mtime, stat.st_mtime_nsec),
            changed: nanos(stat.st_ctime, stat.st_ctime_nsec),
            inode: stat.st_ino,
            hash: None,
        })
    }
}

/// The folders of others that lie below the root, as paths below it.
fn without(root: &Path, scope: &Scope) -> Vec<Vec<u8>> {
    let below = |folder: &std::path::PathBuf| {
        let real = ignored::real(folder);
        let below = real.strip_prefix(root).ok()?.as_os_str().as_bytes().to_vec();
        (!below.is_empty()).then_some(below)
    };
    scope.without.iter().filter_map(below).collect()
}
