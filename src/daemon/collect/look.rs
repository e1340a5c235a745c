//! One look at a project's folder, off the runtime's threads: what changed since the night began, and what its
//! documents say.

use crate::adapters::folder::{self, Bounds, Change, Documents, Kind, Known, Mark, Measurer, Reader, Scope, Snapshot};
use crate::core::collected::Collected;
use crate::core::evidence::{DOCUMENT_MAX, Document, FILES_MAX, FileFate, FileSeen, FilesSeen};
use crate::core::ids::{ProjectName, SessionName};
use crate::core::patterns::Patterns;
use crate::core::plan::CollectPlan;
use crate::core::secret::Redactor;
use crate::core::time::Wall;
use crate::os::{clock, memory};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How often documents of a project are told in a night.
pub const DOCUMENTS_MAX: u64 = 64;
/// Bytes of their text that are told.
pub const DOCUMENT_BYTES_MAX: u64 = 4 << 20;
/// Most documents that one look reads.
const READ_MAX: usize = 256;
/// A first look later than this after the night's beginning is told.
const LATE: Duration = Duration::from_secs(60);
/// From so many entries on the memory of a look is worth giving back.
const LARGE: usize = 20_000;
/// How much earlier than the clock a time of the file system may be.
const TICK: i64 = 20;

/// What is looked at, and what is known.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The project.
    pub project: ProjectName,
    /// Its folder.
    pub dir: PathBuf,
    /// What is collected there.
    pub collect: CollectPlan,
    /// Folders of others that may lie below it.
    pub without: Vec<PathBuf>,
    /// When the night began.
    pub opened: Wall,
    /// What was told already.
    pub collected: Collected,
    /// The times in which sessions of the project ran.
    pub ran: Vec<Ran>,
    /// What is made unreadable in documents.
    pub secrets: Redactor,
    /// Where the snapshot of the night's beginning is kept.
    pub snapshot: PathBuf,
    /// Whether this is the last look for a report: what was saved for it may be spent.
    pub last: bool,
    /// Set when nobody wants the answer any more.
    pub given_up: Arc<AtomicBool>,
}

/// A time in which a session ran.
#[derive(Debug, Clone)]
pub struct Ran {
    /// The session.
    pub session: SessionName,
    /// From when.
    pub from: Wall,
    /// Until when; `None` while it does.
    pub until: Option<Wall>,
}

/// What is remembered from look to look, to read nothing twice.
#[derive(Debug, Default)]
pub struct Remembered {
    measured: Known,
    documents: BTreeMap<Box<[u8]>, Mark>,
}

/// What a look found.
#[derive(Debug)]
pub struct Looked {
    /// Documents that are new or read another way than before.
    pub documents: Vec<Document>,
    /// The files.
    pub files: FilesSeen,
    /// What to remember.
    pub remembered: Remembered,
    /// What went wrong with the snapshot of the night's beginning.
    pub trouble: Option<String>,
}

impl Wanted {
    fn scope(&self) -> Scope {
        Scope {
            root: self.dir.clone(),
            without: self.without.clone(),
            documents: Documents::new(Patterns::checked(&self.collect.docs)),
            artifacts: Patterns::checked(&self.collect.artifacts),
            bounds: Bounds::default(),
            given_up: Arc::clone(&self.given_up),
        }
    }
    fn since(&self) -> i64 {
        self.opened.0.saturating_mul(1_000_000)
    }
    fn given_up(&self) -> io::Result<()> {
        let given_up = self.given_up.load(Ordering::Relaxed);
        if given_up { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) }
    }
}

/// Keeps how a folder stands as the night begins. What was kept before stays.
pub fn begin(wanted: &Wanted) -> Result<(), folder::KeepError> {
    if wanted.snapshot.exists() {
        return Ok(());
    }
    let scope = wanted.scope();
    let mut snapshot = match folder::walk(&scope) {
        // Nothing stands in a folder that is yet to be made.
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let snapshot = Snapshot { taken: clock::wall().0, listed: true, ..Snapshot::default() };
            return folder::write(&wanted.snapshot, &snapshot);
        }
        walked => walked?,
    };
    let reader = Reader::open(&wanted.dir)?;
    let is_document = |entry: &folder::Entry| {
        let stands = |path: &Path| snapshot.get(path.as_os_str().as_encoded_bytes()).is_some();
        let old = entry.kind == Kind::File && entry.size <= DOCUMENT_MAX && entry.modified < wanted.since();
        old && scope.documents.has(entry.path(), stands)
    };
    // Their contents tell later whether one was only touched.
    let documents: Vec<usize> =
        snapshot.entries.iter().enumerate().filter(|(_, entry)| is_document(entry)).map(|(at, _)| at).collect();
    for at in documents.into_iter().take(READ_MAX) {
        if let Some(entry) = snapshot.entries.get_mut(at) {
            entry.hash = reader.hash(entry.path());
        }
    }
    wanted.given_up()?;
    folder::write(&wanted.snapshot, &snapshot)?;
    let entries = snapshot.entries.len();
    drop(snapshot);
    give_back(entries);
    Ok(())
}

/// Gives the memory of a large look back to the system once it is through.
fn give_back(entries: usize) {
    if entries > LARGE {
        memory::give_back();
    }
}

/// Looks at a folder and holds it against the night's beginning.
pub fn look(wanted: &Wanted, remembered: Remembered) -> io::Result<Looked> {
    let scope = wanted.scope();
    let (base, trouble) = match folder::read(&wanted.snapshot) {
        Ok(base) => (base, None),
        Err(e) => (None, Some(format!("what was kept of the files as the night began cannot be used: {e}"))),
    };
    let now = folder::walk(&scope)?;
    let moved = base.as_ref().is_some_and(|base| !base.root.as_os_str().is_empty() && base.root != now.root);
    let base = base.filter(|_| !moved);
    let changes = folder::changes(
        base.as_ref(),
        &now,
        wanted.since(),
        |path| born(&wanted.dir.join(path)),
        |path| is_gone(&wanted.dir.join(path)),
    );
    let mut look =
        Look { wanted, scope: &scope, now: &now, remembered, limits: limits(wanted, base.as_ref(), &now, moved) };
    let documents = look.documents(&changes)?;
    let files = look.files(&changes)?;
    wanted.given_up()?;
    let remembered = look.remembered;
    let entries = base.as_ref().map_or(0, |base| base.entries.len()) + now.entries.len();
    drop(changes);
    drop((base, now));
    give_back(entries);
    Ok(Looked { documents, files, remembered, trouble })
}

fn born(path: &Path) -> Option<i64> {
    let born = path.symlink_metadata().ok()?.created().ok()?;
    i64::try_from(born.duration_since(std::time::UNIX_EPOCH).ok()?.as_nanos()).ok()
}

fn is_gone(path: &Path) -> bool {
    let gone = |e: io::Error| matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
    path.symlink_metadata().is_err_and(gone) || path.is_dir()
}

fn wall(nanos: i64) -> Wall {
    Wall(nanos.div_euclid(1_000_000))
}

fn limits(wanted: &Wanted, base: Option<&Snapshot>, now: &Snapshot, moved: bool) -> Vec<String> {
    let mut limits = now.limits(&Bounds::default());
    match base {
        None => {
            let why = if moved { "the project had another folder" } else { "it was not noted how the files stood" };
            limits.push(format!("as the night began {why}: the files are judged by the times they bear"));
        }
        Some(base) => {
            let before = base.limits(&Bounds::default()).into_iter().filter(|limit| !limits.contains(limit));
            let before: Vec<String> = before.map(|limit| format!("as the night began: {limit}")).collect();
            limits.extend(before);
            let late = Wall(base.taken).since(wanted.opened);
            if late > LATE {
                let minutes = late.as_secs() / 60;
                limits.push(format!("the files were first looked at {minutes} minutes after the night began"));
            }
        }
    }
    limits
}

struct Look<'a> {
    wanted: &'a Wanted,
    scope: &'a Scope,
    now: &'a Snapshot,
    remembered: Remembered,
    limits: Vec<String>,
}

impl Look<'_> {
    fn is_document(&self, path: &Path) -> bool {
        self.scope.documents.has(path, |path| self.now.get(path.as_os_str().as_encoded_bytes()).is_some())
    }

    /// Reads the documents among what changed. What was told, and what only was touched, is left out.
    fn documents(&mut self, changes: &[Change<'_>]) -> io::Result<Vec<Document>> {
        let wanted = self.wanted;
        let mut found: Vec<&Change<'_>> = changes
            .iter()
            .filter(|change| change.fate != FileFate::Deleted && self.is_document(change.entry.path()))
            .collect();
        // What the file names comes first when there are too many.
        found.sort_by_key(|change| !self.scope.documents.fits(change.entry.path()));
        let mut left_out = found.len().saturating_sub(READ_MAX);
        // The rest of what may be told is kept for the last look of the night.
        let share = if wanted.last { 1 } else { 2 };
        let (mut told, mut bytes) = (wanted.collected.told, wanted.collected.bytes);
        let (mut documents, mut seen) = (Vec::new(), BTreeMap::new());
        let reader = Reader::open(&wanted.dir)?;
        for change in found.into_iter().take(READ_MAX) {
            wanted.given_up()?;
            let entry = change.entry;
            let mark = (entry.size, entry.modified, entry.inode);
            if self.remembered.documents.get(&entry.path) == Some(&mark) {
                seen.insert(entry.path.clone(), mark);
                continue;
            }
            let Some(document) = self.document(&reader, change) else { continue };
            let size = document.text.len() as u64;
            if !wanted.collected.knows(&document) {
                if told >= DOCUMENTS_MAX / share || bytes.saturating_add(size) > DOCUMENT_BYTES_MAX / share {
                    left_out += usize::from(wanted.last);
                    continue;
                }
                (told, bytes) = (told + 1, bytes + size);
                documents.push(document);
            }
            seen.insert(entry.path.clone(), mark);
        }
        self.remembered.documents = seen;
        if left_out > 0 {
            let mib = DOCUMENT_BYTES_MAX >> 20;
            self.limits.push(format!(
                "{left_out} changed documents were not read: more than {DOCUMENTS_MAX}, or more than {mib} MiB of text"
            ));
        }
        Ok(documents)
    }

    /// One document; `None` when it says what it said as the night began, or went meanwhile.
    fn document(&self, reader: &Reader, change: &Change<'_>) -> Option<Document> {
        let entry = change.entry;
        let mut document = Document {
            project: self.wanted.project.clone(),
            session: author(&self.wanted.ran, wall(entry.modified)),
            path: folder::shown(&entry.path),
            written: wall(entry.modified),
            bytes: entry.size,
            hash: String::new(),
            text: String::new(),
            problem: None,
        };
        let problem = match entry.kind {
            Kind::File => match reader.read(entry.path(), &self.wanted.secrets) {
                Ok(read) => {
                    if read.hash.is_some() && read.hash == change.hash_before {
                        return None;
                    }
                    document.written = wall(read.modified);
                    document.session = author(&self.wanted.ran, document.written);
                    document.bytes = read.bytes;
                    document.hash = read.hash.as_ref().map(folder::hex).unwrap_or_default();
                    document.text = read.text;
                    read.problem
                }
                Err(e) if e.kind() == io::ErrorKind::NotFound => return None,
                Err(e) => Some(format!("it cannot be read: {e}")),
            },
            Kind::Link => Some("it is a symbolic link, and no link is followed".to_owned()),
            Kind::Special | Kind::Folder { .. } => Some("it is no regular file".to_owned()),
        };
        document.problem = problem;
        Some(document)
    }

    fn files(&mut self, changes: &[Change<'_>]) -> io::Result<FilesSeen> {
        let mut files = FilesSeen { looked_at: self.now.files(), last_edit: self.last_edit(), ..FilesSeen::default() };
        let is_file = |change: &&Change<'_>| matches!(change.entry.kind, Kind::File | Kind::Link);
        let is_artifact = |change: &Change<'_>| {
            change.entry.kind == Kind::File
                && change.fate != FileFate::Deleted
                && self.scope.artifacts.fits(change.entry.path())
        };
        let (mut artifacts, mut others) = (Vec::new(), Vec::new());
        for change in changes.iter().filter(is_file) {
            match change.fate {
                FileFate::Created => files.created += 1,
                FileFate::Modified => files.modified += 1,
                FileFate::Deleted => files.deleted += 1,
            }
            if is_artifact(change) { artifacts.push((change, true)) } else { others.push((change, false)) }
        }
        let all = artifacts.len() + others.len();
        // What a person is to look at is told first, and then what comes first by name.
        let mut chosen: Vec<(&Change<'_>, bool)> = artifacts.into_iter().chain(others).take(FILES_MAX).collect();
        chosen.sort_by(|(a, _), (b, _)| a.entry.path.cmp(&b.entry.path));
        if all > chosen.len() {
            self.limits.push(format!("{} of {all} changed files are listed", chosen.len()));
        }
        let mut measurer = Measurer::open(&self.wanted.dir)?;
        let mut measured = Known::new();
        for (change, artifact) in chosen {
            self.wanted.given_up()?;
            let entry = change.entry;
            let mark = (entry.size, entry.modified, entry.inode);
            let mut found = folder::Measured::default();
            if entry.kind == Kind::File && change.fate != FileFate::Deleted {
                found = match self.remembered.measured.get(&entry.path) {
                    Some((known, found)) if *known == mark && (found.hash.is_some() || !artifact) => *found,
                    Some(_) | None => measurer.measure(entry.path(), entry.size, artifact),
                };
                measured.insert(entry.path.clone(), (mark, found));
            }
            files.changed.push(FileSeen {
                path: folder::shown(&entry.path),
                change: change.fate,
                bytes: entry.size,
                bytes_before: change.bytes_before.filter(|_| change.fate == FileFate::Modified),
                lines: found.lines,
                modified: wall(entry.modified),
                hash: found.hash.as_ref().filter(|_| artifact).map(folder::hex),
                artifact,
            });
        }
        let unhashed = files.changed.iter().filter(|file| file.artifact && file.hash.is_none()).count();
        if unhashed > 0 {
            self.limits.push(format!("{unhashed} artifacts were too large to be hashed, or could not be read"));
        }
        self.remembered.measured = measured;
        files.limits = std::mem::take(&mut self.limits);
        Ok(files)
    }

    /// When a source file was last changed. A time that is yet to come says nothing.
    fn last_edit(&self) -> Option<Wall> {
        let soon = Wall(self.now.taken).plus(Duration::from_secs(2));
        let sources = self.now.entries.iter().filter(|entry| entry.kind == Kind::File && !entry.ignored);
        let edited = sources.filter(|entry| wall(entry.modified) <= soon).filter(|entry| {
            let path = entry.path();
            folder::is_source(path) && !self.scope.artifacts.fits(path) && !self.is_document(path)
        });
        edited.map(|entry| wall(entry.modified)).max()
    }
}

/// The session that wrote something at a time: the only one that ran then.
fn author(ran: &[Ran], at: Wall) -> Option<SessionName> {
    let then = |ran: &&Ran| {
        ran.from.0.saturating_sub(TICK) <= at.0 && ran.until.is_none_or(|until| at.0 <= until.0.saturating_add(TICK))
    };
    let sessions: BTreeSet<&SessionName> = ran.iter().filter(then).map(|ran| &ran.session).collect();
    let mut sessions = sessions.into_iter();
    sessions.next().filter(|_| sessions.next().is_none()).cloned()
}
