//! The journal at the daemon's start. A damaged one is put aside whole, and what can still be read of it begins another
//! that takes its place, under the same name, so that the sessions that run are known. That it happened is its last fact.
//!
//! Whatever ends this in the middle, the next start either begins anew with it or finishes it: the new journal stands
//! under another name until it is whole on the disk.

use super::history::{self, HistoryError};
use super::run::new_events;
use crate::core::fact::{Entry, Fact};
use crate::core::state::State;
use crate::instance::Instance;
use crate::os::clock;
use crate::store::{Journal, JournalError, NewRow, Row, Salvage};
use jiff::Timestamp;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Facts whose chain of hashes is checked at each start: those of the last nights. `doctor` checks all of them.
const CHECKED: i64 = 50_000;
/// A journal that is being made, and may be thrown away.
const MAKING: &str = ".mending";
/// One that is whole and is to take its place; behind it the time, which is that of the damaged one as well.
const MADE: &str = ".mended-";
/// What a damaged one is called from then on.
const DAMAGED: &str = ".corrupt-";

/// Why there is no journal to go on with.
#[derive(Debug, thiserror::Error)]
pub enum MendError {
    /// It cannot be opened or written, for another reason than damage.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Files cannot be moved.
    #[error("the damaged journal cannot be put aside: {0}")]
    Io(#[from] io::Error),
    /// Even what was made of it cannot be used.
    #[error("the journal is damaged, and what was read of it cannot be used: {0}")]
    Hopeless(String),
}

/// Opens the journal and reads its state; mends it first when it is damaged.
pub async fn open(instance: &Instance) -> Result<(Journal, State), MendError> {
    let path = instance.journal();
    finish(&path)?;
    match look(&path).await? {
        Ok(found) => return Ok(found),
        Err(damage) => mend(&path, &damage).await?,
    }
    look(&path).await?.map_err(MendError::Hopeless)
}

/// The journal with its state, or what is damaged in it.
async fn look(path: &Path) -> Result<Result<(Journal, State), String>, JournalError> {
    let journal = match Journal::open(path).await {
        Err(JournalError::Corrupt { what }) => return Ok(Err(what)),
        other => other?,
    };
    let damage = match journal.reader().verify_last(CHECKED).await {
        Ok(None) => match history::state(journal.reader()).await {
            Ok(state) => return Ok(Ok((journal, state))),
            Err(e @ (HistoryError::Rows(_) | HistoryError::Fact { .. } | HistoryError::GivenUp)) => Ok(e.to_string()),
            Err(HistoryError::Journal(e)) => Err(e),
        },
        Ok(Some(broken)) => Ok(format!("fact {}: {}", broken.seq, broken.why)),
        Err(e) => Err(e),
    };
    journal.close().await;
    match damage {
        Ok(what) | Err(JournalError::Corrupt { what }) => Ok(Err(what)),
        Err(e) => Err(e),
    }
}

async fn mend(path: &Path, damage: &str) -> Result<(), MendError> {
    tracing::error!("the journal is damaged: {damage}");
    let making = beside(path, MAKING);
    for end in ["", "-wal", "-shm"] {
        remove(&beside(&making, end))?;
    }
    let mut salvage = Salvage::open(path).await;
    let from_the_first = salvage.beginning().base.is_some_and(|(seq, _)| seq == 0);
    Journal::make(&making, salvage.beginning()).await?;
    let journal = Journal::open(&making).await?;
    let (mut state, mut kept) = (State::default(), 0_usize);
    while let Some(page) = salvage.next().await {
        kept += page.len();
        // What a newer version wrote is kept, and not understood.
        let entries: Vec<Entry> = page.iter().filter_map(|event| serde_json::from_str(&event.body).ok()).collect();
        entries.iter().for_each(|entry| state.apply(entry));
        journal.append(page, rows_of(&state, &entries)).await?;
    }
    let lost = salvage.lost();
    if lost > 0 || !from_the_first {
        // The facts alone do not make the whole state; the rows are what they came to.
        let rows = salvage.rows().await;
        if let Some((newer, rows)) = overlaid(journal.reader().rows(None).await?, rows) {
            state = newer;
            journal.append(Vec::new(), rows).await?;
        }
    }
    salvage.close().await;

    let at = clock::now();
    let time = Timestamp::from_millisecond(at.wall.0).unwrap_or_default().strftime("%Y%m%dT%H%M%SZ").to_string();
    let aside = beside(path, &format!("{DAMAGED}{time}"));
    let name = aside.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let told = match (kept, lost) {
        (0, _) => "none of its facts could be read".to_owned(),
        (_, 0) => format!("all {kept} facts could be read and are kept"),
        (_, _) => format!("{kept} facts could be read and are kept, {lost} are lost"),
    };
    let what = format!("it was damaged ({damage}); {told}; the damaged file is now {name}");
    tracing::error!("the journal was mended: {what}");
    let entry = Entry { at, fact: Fact::Trouble { part: "journal".to_owned(), what } };
    state.apply(&entry);
    let (events, rows) = new_events(&state, &[entry]);
    journal.append(events, rows).await?;
    journal.close().await;
    fs::File::open(&making)?.sync_all()?;
    fs::rename(&making, beside(path, &format!("{MADE}{time}")))?;
    Ok(finish(path)?)
}

fn rows_of(state: &State, entries: &[Entry]) -> Vec<NewRow> {
    let rows = state.rows_for(entries).into_iter();
    rows.map(|row| NewRow { kind: row.kind.to_owned(), key: row.key, body: Some(row.body) }).collect()
}

/// The rows that were read over those that the facts come to, and the state they make; `None` when they make none.
fn overlaid(folded: Vec<Row>, read: Vec<Row>) -> Option<(State, Vec<NewRow>)> {
    let read: Vec<Row> =
        read.into_iter().filter(|row| serde_json::from_str::<serde::de::IgnoredAny>(&row.body).is_ok()).collect();
    let hidden = |row: &Row| read.iter().any(|new| (&new.kind, &new.key) == (&row.kind, &row.key));
    let shown = folded.into_iter().filter(|row| !hidden(row)).chain(read.iter().cloned());
    let state = State::from_rows(shown.map(|row| (row.kind, row.key, row.body))).ok()?;
    let rows = read.into_iter().map(|row| NewRow { kind: row.kind, key: row.key, body: Some(row.body) });
    Some((state, rows.collect()))
}

/// Puts a damaged journal aside for the one that was made of it, if there is one. What a kill left undone is done.
fn finish(path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let prefix = format!("{}{MADE}", path.file_name().and_then(OsStr::to_str).unwrap_or_default());
    let time = |name: &OsStr| name.to_str()?.strip_prefix(&prefix).map(str::to_owned);
    let Some(time) = fs::read_dir(folder)?.flatten().find_map(|entry| time(&entry.file_name())) else { return Ok(()) };
    let aside = beside(path, &format!("{DAMAGED}{time}"));
    // The log first: left beside another journal it would be taken for that one's.
    for end in ["-wal", ""] {
        match fs::rename(beside(path, end), beside(&aside, end)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            Ok(()) | Err(_) => {}
        }
    }
    remove(&beside(path, "-shm"))?;
    fs::rename(beside(path, &format!("{MADE}{time}")), path)?;
    fs::File::open(folder)?.sync_all()
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}
