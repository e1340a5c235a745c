//! What became of files between two looks. Computes only; the few questions that need one more look are asked.
//!
//! A file counts as made when it was not there before, as changed when its record is another, as gone when its folder
//! was listed whole and it was not in it. Where the first look saw nothing, or was itself too late, the times that the
//! file bears are held against the night's beginning.

use super::{Entry, Kind, Snapshot};
use crate::core::evidence::FileFate;
use std::path::Path;

/// How much older than the clock a time of the file system may be: it goes by ticks.
const TICK: i64 = 20_000_000;

/// A file that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change<'a> {
    /// Its record now; of one that is gone, the one before.
    pub entry: &'a Entry,
    /// What became of it.
    pub fate: FileFate,
    /// Its size before.
    pub bytes_before: Option<u64>,
    /// The hash it had before, of a document.
    pub hash_before: Option<[u8; 32]>,
}

/// Whether a path was there before.
enum Before<'a> {
    Known(&'a Entry),
    Absent,
    Unknown,
}

/// Everything that changed since `since` (nanoseconds since the Unix epoch), in the order of paths. `born` gives the
/// time at which a file was made, where that is known; `gone` looks whether nothing stands at a path any more.
pub fn changes<'a>(
    base: Option<&'a Snapshot>,
    now: &'a Snapshot,
    since: i64,
    born: impl Fn(&Path) -> Option<i64>,
    gone: impl Fn(&Path) -> bool,
) -> Vec<Change<'a>> {
    let since = since.saturating_sub(TICK);
    let mut found: Vec<Change<'a>> = Vec::new();
    for entry in now.entries.iter().filter(|entry| counts(entry)) {
        let mut tell = |fate, old: Option<&Entry>| {
            let (bytes_before, hash_before) = (old.map(|old| old.size), old.and_then(|old| old.hash));
            found.push(Change { entry, fate, bytes_before, hash_before });
        };
        // Only what the system itself noted can be trusted to be of the night: a program sets other times as it likes.
        let by_times = |of: &Entry| {
            let is_new = of.changed >= since && born(entry.path()).is_some_and(|born| born >= since);
            let is_written = of.changed >= since && of.modified >= since;
            if is_new { Some(FileFate::Created) } else { is_written.then_some(FileFate::Modified) }
        };
        match before(base, &entry.path) {
            // It may have been written after the night began and before it was looked at first.
            Before::Known(old) => match by_times(old).filter(|_| old.kind == entry.kind) {
                Some(fate) => tell(fate, None),
                None if differs(old, entry) => tell(FileFate::Modified, Some(old)),
                None => {}
            },
            // Its rules may have changed, and show what was there all the time.
            Before::Absent if entry.changed >= since || came_with_a_folder(base, now, entry, since) => {
                tell(FileFate::Created, None);
            }
            Before::Absent => {}
            Before::Unknown => {
                if let Some(fate) = by_times(entry) {
                    tell(fate, None);
                }
            }
        }
    }
    for old in base.iter().flat_map(|base| &base.entries).filter(|old| counts(old)) {
        let missing = now.get(&old.path).is_none_or(|entry| matches!(entry.kind, Kind::Folder { .. }));
        if missing && matches!(before(Some(now), &old.path), Before::Absent | Before::Known(_)) && gone(old.path()) {
            let fate = FileFate::Deleted;
            found.push(Change { entry: old, fate, bytes_before: Some(old.size), hash_before: old.hash });
        }
    }
    found.sort_by(|a, b| a.entry.path.cmp(&b.entry.path));
    found
}

/// Whether a change of it is told.
fn counts(entry: &Entry) -> bool {
    !entry.ignored && !matches!(entry.kind, Kind::Folder { .. })
}

fn differs(old: &Entry, new: &Entry) -> bool {
    (old.kind, old.size, old.modified, old.inode) != (new.kind, new.size, new.modified, new.inode)
}

fn before<'a>(base: Option<&'a Snapshot>, path: &[u8]) -> Before<'a> {
    let Some(base) = base else { return Before::Unknown };
    if let Some(entry) = base.get(path) {
        return match entry.kind {
            Kind::Folder { .. } => Before::Absent,
            Kind::File | Kind::Link | Kind::Special => Before::Known(entry),
        };
    }
    // The nearest folder above that was seen says whether all in it was.
    for folder in above(path) {
        match base.get(folder).map(|entry| entry.kind) {
            Some(Kind::Folder { listed: true }) => return Before::Absent,
            Some(Kind::Folder { listed: false }) => return Before::Unknown,
            // Something else stood there, which held nothing.
            Some(Kind::File | Kind::Link | Kind::Special) => return Before::Absent,
            None => {}
        }
    }
    if base.listed { Before::Absent } else { Before::Unknown }
}

/// The folders above a path, the nearest first, without the project's own.
fn above(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut end = path.len();
    std::iter::from_fn(move || {
        end = path.get(..end)?.iter().rposition(|&b| b == b'/')?;
        path.get(..end)
    })
}

/// Whether it lies in a folder that was put there since: what is moved with its folder keeps all its times.
fn came_with_a_folder(base: Option<&Snapshot>, now: &Snapshot, entry: &Entry, since: i64) -> bool {
    let Some(base) = base else { return false };
    let new = above(&entry.path).take_while(|folder| base.get(folder).is_none()).last();
    new.and_then(|folder| now.get(folder)).is_some_and(|folder| folder.changed >= since)
}

#[cfg(test)]
mod tests {
    use super::*;
    use FileFate::{Created, Deleted, Modified};

    /// The night begins at 1000 s.
    const SINCE: i64 = 1_000_000_000_000;

    fn file(path: &str, size: u64, seconds: i64) -> Entry {
        let at = seconds * 1_000_000_000;
        Entry {
            path: path.as_bytes().into(),
            kind: Kind::File,
            ignored: false,
            size,
            modified: at,
            changed: at,
            inode: 1,
            hash: None,
        }
    }
    fn folder(path: &str, listed: bool) -> Entry {
        Entry { kind: Kind::Folder { listed }, ..file(path, 0, 1) }
    }
    fn look(entries: impl IntoIterator<Item = Entry>) -> Snapshot {
        let mut entries: Vec<Entry> = entries.into_iter().collect();
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Snapshot { listed: true, entries, ..Snapshot::default() }
    }
    /// Nothing is known of births; all that is missing is gone.
    fn told(base: Option<&Snapshot>, now: &Snapshot) -> Vec<(String, FileFate, Option<u64>)> {
        let found = changes(base, now, SINCE, |_| None, |_| true);
        found.iter().map(|c| (c.entry.path().display().to_string(), c.fate, c.bytes_before)).collect()
    }

    #[test]
    fn made_changed_and_gone_with_their_sizes() {
        let base = look([file("a", 1, 5), file("b", 2, 5), file("c", 3, 5), folder("d", true), file("d/x", 4, 5)]);
        let now = look([
            file("a", 1, 5),
            file("b", 20, 1200),
            folder("d", true),
            file("d/y", 9, 1300),
            folder("e", true),
            file("e/z", 8, 1300),
        ]);
        assert_eq!(
            told(Some(&base), &now),
            [
                ("b".to_owned(), Modified, Some(2)),
                ("c".to_owned(), Deleted, Some(3)),
                ("d/x".to_owned(), Deleted, Some(4)),
                ("d/y".to_owned(), Created, None),
                ("e/z".to_owned(), Created, None),
            ]
        );
        assert_eq!(told(Some(&now), &now).len(), 3, "what was written before the first look was through counts still");
    }

    #[test]
    fn another_inode_or_an_older_time_is_another_file() {
        let base = look([file("a", 1, 5), file("b", 1, 5)]);
        let now = look([Entry { inode: 2, ..file("a", 1, 5) }, file("b", 1, 4)]);
        assert_eq!(told(Some(&base), &now), [("a".to_owned(), Modified, Some(1)), ("b".to_owned(), Modified, Some(1))]);
    }

    #[test]
    fn what_was_not_looked_at_is_neither_gone_nor_new() {
        let base = look([folder("d", true), file("d/x", 4, 5)]);
        let now = look([folder("d", false)]);
        assert!(told(Some(&base), &now).is_empty(), "not gone");
        assert!(told(Some(&now), &base).is_empty(), "not new");
        let written = look([folder("d", true), file("d/x", 4, 1200)]);
        assert_eq!(told(Some(&now), &written), [("d/x".to_owned(), Modified, None)], "its own time tells");
        let cut = Snapshot { listed: false, ..Snapshot::default() };
        assert!(told(Some(&base), &cut).is_empty());
        assert!(told(None, &base).is_empty());
        assert_eq!(told(None, &written).len(), 1);
    }

    #[test]
    fn a_time_that_a_program_set_says_nothing() {
        let odd =
            look([Entry { modified: i64::MAX, ..file("a", 1, 5) }, Entry { modified: SINCE + 9, ..file("b", 1, 5) }]);
        assert!(told(Some(&odd), &odd).is_empty() && told(None, &odd).is_empty());
        let copied = look([Entry { changed: SINCE + 1, ..file("a", 1, 5) }]);
        let born = |_: &Path| Some(SINCE + 1);
        let found = changes(Some(&copied), &copied, SINCE, born, |_| true);
        assert_eq!(found.len(), 1, "a copy that kept its time, made before the first look was through");
        assert!(told(Some(&copied), &copied).is_empty(), "its rights were changed");
    }

    #[test]
    fn births_tell_new_from_changed_where_the_first_look_does_not() {
        let now = look([file("old", 1, 1200), file("new", 1, 1200)]);
        let born = |path: &Path| Some(if path == Path::new("new") { SINCE + 1 } else { 5 });
        let fates = |base: Option<&Snapshot>| -> Vec<FileFate> {
            changes(base, &now, SINCE, born, |_| true).iter().map(|c| c.fate).collect()
        };
        assert_eq!(fates(None), [Created, Modified]);
        assert_eq!(fates(Some(&now)), [Created, Modified], "written while the first look was under way");
    }

    #[test]
    fn rules_that_changed_show_nothing_that_was_there_before() {
        let base = look([folder("out", false), folder("src", true)]);
        let now = look([folder("out", true), file("out/a", 1, 5), folder("src", true), file("src/old.log", 1, 5)]);
        assert!(told(Some(&base), &now).is_empty());
        let hidden = look([Entry { ignored: true, ..file("x.log", 1, 5) }]);
        let shown = look([file("x.log", 1, 5)]);
        assert!(told(Some(&hidden), &shown).is_empty());
        assert!(told(Some(&shown), &hidden).is_empty());
        assert_eq!(told(Some(&shown), &look([])), [("x.log".to_owned(), Deleted, Some(1))]);
        assert!(changes(Some(&shown), &look([]), SINCE, |_| None, |_| false).is_empty(), "it is still there");
    }

    #[test]
    fn a_folder_that_was_moved_here_brings_its_files() {
        let base = look([folder("a", true), file("a/x", 1, 5)]);
        let moved = Entry { changed: SINCE + 1, ..folder("b", true) };
        let now = look([moved, folder("b/deep", true), file("b/deep/x", 1, 5)]);
        assert_eq!(
            told(Some(&base), &now),
            [("a/x".to_owned(), Deleted, Some(1)), ("b/deep/x".to_owned(), Created, None)]
        );
    }

    #[test]
    fn a_file_may_become_a_folder_and_the_other_way_round() {
        let base = look([file("a", 1, 5), folder("b", true), file("b/x", 1, 5)]);
        let now = look([folder("a", true), file("a/y", 2, 1200), file("b", 3, 1200)]);
        assert_eq!(
            told(Some(&base), &now),
            [
                ("a".to_owned(), Deleted, Some(1)),
                ("a/y".to_owned(), Created, None),
                ("b".to_owned(), Created, None),
                ("b/x".to_owned(), Deleted, Some(1)),
            ]
        );
    }
}
