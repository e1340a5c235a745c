//! `approve` and `dismiss`: what a person makes of the files that wait for them. What the nights showed is read from the
//! journal; a daemon is asked for the rest, and without one this process journals it while it holds the daemon's lock.

use super::checkpoint;
use super::clocks;
use super::details::{self, DetailsError};
use super::history::{self, HistoryError};
use super::inbox::{Closed, Inbox};
use super::lock::{DaemonLock, LockError};
use super::peer::Peer;
use super::run::new_events;
use crate::core::event::Event;
use crate::core::evidence::{Evidence, FileFate, REQUEST, Review};
use crate::core::fact::{Actor, Fact};
use crate::core::ids::{NightId, ProjectName};
use crate::core::night::Night;
use crate::instance::Instance;
use crate::os::clock;
use crate::protocol::{Done, SCHEMA};
use crate::report::{self, ids::artifact_id};
use crate::status::text::cut_at_word;
use crate::store::{Journal, JournalError, Look, Reader};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// Nights before the one that is meant in which an artifact is looked for: it may have waited since.
const NIGHTS_BACK: usize = 60;
/// Things that are named when one is not known, and characters that are shown of each.
const NEAR: usize = 5;
const WORDS: usize = 60;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Ids of artifacts, and of what is asked for.
    pub artifacts: Vec<String>,
    /// Approved, or dismissed.
    pub approved: bool,
    /// The night whose report names them; the last one without it.
    pub night: Option<NightId>,
    /// Who, and why.
    pub by: Actor,
}

/// Why nothing was reviewed.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// A daemon runs; it is to be asked.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The journal cannot be used.
    #[error("the journal cannot be used: {0}")]
    Journal(#[from] JournalError),
    /// The journal cannot be understood.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// It cannot be read.
    #[error(transparent)]
    Details(#[from] DetailsError),
    /// The daemon ends.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// There was no such night.
    #[error("{0}")]
    NoNight(String),
    /// No report names it.
    #[error("nothing that waits for you has the id {id:?}")]
    Unknown {
        /// What was given, printable.
        id: String,
        /// What may have been meant: id and path.
        near: Vec<String>,
    },
}

/// An artifact as the journal last saw it, or something that is asked for.
struct Seen {
    project: Option<ProjectName>,
    /// Its path, or the words of what is asked for.
    path: String,
    hash: Option<String>,
    /// Whether what was last made of it was approval; `None` when it was not looked at since it changed.
    reviewed: Option<bool>,
}

impl Seen {
    fn what(&self) -> String {
        self.project.as_ref().map_or_else(|| self.path.clone(), |project| format!("{project} {}", self.path))
    }
}

/// Reviews through a daemon's loop.
pub async fn by_daemon(inbox: &Inbox, reader: &Reader, instance: &Instance, asked: Asked) -> Result<Done, ReviewError> {
    let (night, found) = find(reader, instance, &asked).await?;
    let mut did = Vec::new();
    for (id, seen) in found {
        let (event, words) = event(&asked, &night, &id, seen);
        inbox.ask(event).await?;
        did.push(words);
    }
    Ok(Done { schema: SCHEMA, did })
}

/// Reviews without a daemon. Fails with [`ReviewError::Lock`] when one runs.
pub async fn alone(instance: &Instance, asked: Asked) -> Result<Done, ReviewError> {
    if !instance.journal().exists() {
        return Err(ReviewError::NoNight("there was no night yet".to_owned()));
    }
    let _lock = DaemonLock::take(&instance.lock_file(), instance.runtime())?;
    let journal = Journal::open(&instance.journal()).await?;
    let result = journaled(&journal, instance, asked).await;
    journal.close().await;
    result
}

async fn journaled(journal: &Journal, instance: &Instance, asked: Asked) -> Result<Done, ReviewError> {
    let (night, found) = find(journal.reader(), instance, &asked).await?;
    let mut desk = Night::new(history::state(journal.reader()).await?, 0, &clock::boot_id());
    let mut did = Vec::new();
    for (id, seen) in found {
        let (event, words) = event(&asked, &night, &id, seen);
        let step = desk.step(clocks::now().0, event);
        let (events, rows) = new_events(&desk.state, &step.facts);
        journal.append(events, rows).await?;
        did.push(words);
    }
    Ok(Done { schema: SCHEMA, did })
}

/// Who reviews without a daemon.
pub fn ourselves(reason: Option<String>) -> Actor {
    Actor { who: Peer::ourselves().describe(), reason }
}

/// The event, and what came of it in words.
fn event(asked: &Asked, night: &NightId, id: &str, seen: Seen) -> (Event, String) {
    let (verb, word) = if asked.approved { ("approve", "approved") } else { ("dismiss", "dismissed") };
    let what = seen.what();
    if seen.reviewed == Some(asked.approved) {
        let words = format!("{what} was {word} already");
        let (verb, target, result) = (verb.to_owned(), id.to_owned(), format!("done: {words}"));
        return (Event::Acted { verb, target, by: asked.by.clone(), result }, format!("{id}: {words}"));
    }
    let review = Review {
        night: night.clone(),
        artifact: id.to_owned(),
        project: seen.project,
        path: seen.path,
        hash: seen.hash,
        approved: asked.approved,
        by: asked.by.clone(),
    };
    (Event::Evidence { evidence: Evidence::Review(Box::new(review)) }, format!("{id}: {what} is {word}"))
}

/// The night that is meant, and each artifact that is asked for.
async fn find(
    reader: &Reader,
    instance: &Instance,
    asked: &Asked,
) -> Result<(NightId, Vec<(String, Seen)>), ReviewError> {
    let mut nights: Vec<NightId> =
        reader.nights().await?.iter().filter_map(|span| NightId::new(&span.night).ok()).collect();
    nights.sort();
    let night = match &asked.night {
        Some(night) if nights.contains(night) => night.clone(),
        Some(night) => return Err(ReviewError::NoNight(format!("there was no night {night}"))),
        None => match nights.last() {
            Some(last) => last.clone(),
            None => details::last_night(reader)
                .await?
                .ok_or_else(|| ReviewError::NoNight("there was no night yet".to_owned()))?,
        },
    };
    let mut known: BTreeMap<String, Seen> = BTreeMap::new();
    for night in nights.iter().rev().filter(|other| **other <= night).take(NIGHTS_BACK) {
        if !known.is_empty() && asked.artifacts.iter().all(|id| known.contains_key(id)) {
            break;
        }
        of_night(reader, night, &mut known).await?;
    }
    if asked.artifacts.iter().any(|id| !known.contains_key(id)) {
        asked_for(reader, instance, &night, &mut known).await?;
    }
    reviewed(reader, &asked.artifacts, &mut known).await?;
    let mut found: Vec<(String, Seen)> = Vec::new();
    for id in &asked.artifacts {
        if found.iter().any(|(other, _)| other == id) {
            continue;
        }
        match known.remove(id) {
            Some(seen) => found.push((id.clone(), seen)),
            None => return Err(unknown(id, &known)),
        }
    }
    Ok((night, found))
}

/// Adds what was seen of a night's artifacts, unless a later night saw them.
async fn of_night(reader: &Reader, night: &NightId, known: &mut BTreeMap<String, Seen>) -> Result<(), ReviewError> {
    let mut of_project: BTreeMap<ProjectName, Vec<Seen>> = BTreeMap::new();
    let mut look = Look { night: Some(night.to_string()), only: &["files_seen"], limit: 100, ..Look::default() };
    loop {
        let page = reader.look(&look).await?;
        let Some(last) = page.last() else { break };
        look.after = last.seq;
        for event in &page {
            if let Fact::FilesSeen { project, files } = history::entry(event)?.fact {
                let artifacts =
                    files.changed.into_iter().filter(|file| file.artifact && file.change != FileFate::Deleted);
                let seen = |file: crate::core::evidence::FileSeen| Seen {
                    project: Some(project.clone()),
                    path: file.path,
                    hash: file.hash,
                    reviewed: None,
                };
                // Each tells the whole, so that the last one counts.
                of_project.insert(project.clone(), artifacts.map(seen).collect());
            }
        }
    }
    for seen in of_project.into_values().flatten() {
        let Some(project) = &seen.project else { continue };
        known.entry(artifact_id(project, &seen.path)).or_insert(seen);
    }
    Ok(())
}

/// Adds what else a night's report says somebody asks for.
async fn asked_for(
    reader: &Reader,
    instance: &Instance,
    night: &NightId,
    known: &mut BTreeMap<String, Seen>,
) -> Result<(), ReviewError> {
    let Some(folder) = checkpoint::folded(reader, instance, night).await? else { return Ok(()) };
    // Only ids and words are taken of it, which are the same in any zone.
    let report = tokio::task::spawn_blocking(move || report::build(&folder.finish(), &TimeZone::UTC));
    let report = report.await.map_err(|_| HistoryError::GivenUp)?;
    for need in report.needs_you.into_iter().filter(|need| need.id.starts_with(REQUEST)) {
        let project = need.project.as_deref().and_then(|project| ProjectName::new(project).ok());
        known.entry(need.id).or_insert(Seen { project, path: need.what, hash: None, reviewed: None });
    }
    Ok(())
}

/// Adds what was made of them before.
async fn reviewed(reader: &Reader, asked: &[String], known: &mut BTreeMap<String, Seen>) -> Result<(), ReviewError> {
    let mut look = Look { only: &["reviewed"], limit: 500, ..Look::default() };
    loop {
        let page = reader.look(&look).await?;
        let Some(last) = page.last() else { return Ok(()) };
        look.after = last.seq;
        for event in &page {
            let Fact::Reviewed { review } = history::entry(event)?.fact else { continue };
            if let Some(seen) = known.get_mut(&review.artifact) {
                // One that changed since is another.
                seen.reviewed = (seen.hash == review.hash).then_some(review.approved);
            } else if asked.contains(&review.artifact) && review.artifact.starts_with(REQUEST) {
                // What is settled is asked for no longer.
                let (project, path, hash) = (review.project, review.path, review.hash);
                let seen = Seen { project, path, hash, reviewed: Some(review.approved) };
                known.insert(review.artifact, seen);
            }
        }
    }
}

fn unknown(id: &str, known: &BTreeMap<String, Seen>) -> ReviewError {
    let mut near: Vec<(usize, String)> = known
        .iter()
        .filter(|(_, seen)| seen.reviewed.is_none())
        .map(|(other, seen)| {
            (strsim::damerau_levenshtein(other, id), format!("{other} ({})", cut_at_word(&seen.what(), WORDS)))
        })
        .collect();
    near.sort();
    let best = near.first().map_or(0, |(distance, _)| *distance);
    // With one that is nearly the same the others only distract.
    near.retain(|(distance, _)| best > 2 || *distance <= 2);
    let id = id.chars().take(64).flat_map(char::escape_default).collect();
    ReviewError::Unknown { id, near: near.into_iter().take(NEAR).map(|(_, words)| words).collect() }
}

/// What is said of those that may have been meant.
pub fn hints(near: &[String]) -> Vec<String> {
    match near {
        [] => vec!["`nightkeep report` names what waits for you".to_owned()],
        [one] => vec![format!("did you mean {one}?")],
        more => vec![format!("these wait: {}", more.join(", "))],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::evidence::{FileSeen, FilesSeen};
    use crate::core::state::State;
    use crate::core::time::Wall;

    fn place(folder: &tempfile::TempDir) -> Instance {
        let file = folder.path().join("sessions.toml");
        std::fs::write(&file, "").unwrap();
        Instance::new(&file, None, folder.path()).unwrap()
    }

    fn file(path: &str, hash: &str, artifact: bool) -> FileSeen {
        FileSeen {
            path: path.to_owned(),
            change: FileFate::Created,
            bytes: 10,
            bytes_before: None,
            lines: None,
            modified: Wall(0),
            hash: Some(hash.to_owned()),
            artifact,
        }
    }

    /// A journal with nights in which a project's files were seen.
    async fn journal(folder: &std::path::Path, nights: &[(&str, Vec<FileSeen>)]) -> Journal {
        let journal = Journal::open(&folder.join("j.db")).await.unwrap();
        let mut desk = Night::new(State::default(), 0, "boot");
        let by = Actor { who: "anna".to_owned(), reason: None };
        for (night, changed) in nights {
            let night: NightId = NightId::new(night).unwrap();
            let files = FilesSeen { changed: changed.clone(), ..FilesSeen::default() };
            let seen = Evidence::Files { project: "shop".parse().unwrap(), files: Box::new(files) };
            for event in [
                Event::OpenNight { night, by: by.clone() },
                Event::Evidence { evidence: seen },
                Event::Down { now: true, by: by.clone() },
            ] {
                let step = desk.step(clocks::now().0, event);
                let (events, rows) = new_events(&desk.state, &step.facts);
                journal.append(events, rows).await.unwrap();
            }
        }
        journal
    }

    fn asked(ids: &[&str], approved: bool) -> Asked {
        let by = Actor { who: "anna".to_owned(), reason: Some("looked at it".to_owned()) };
        Asked { artifacts: ids.iter().map(|id| (*id).to_owned()).collect(), approved, night: None, by }
    }

    async fn reviews(journal: &Journal) -> Vec<(String, bool, Option<String>)> {
        let look = Look { only: &["reviewed"], ..Look::default() };
        let page = journal.reader().look(&look).await.unwrap();
        let review = |event: &crate::store::Event| {
            let Fact::Reviewed { review } = history::entry(event).unwrap().fact else { return None };
            Some((review.path, review.approved, review.hash))
        };
        page.iter().filter_map(review).collect()
    }

    #[tokio::test]
    async fn what_waits_is_approved_once_and_again_when_it_changed() {
        let folder = tempfile::tempdir().unwrap();
        let nights = [
            ("2026-11-20", vec![file("old.sql", "aa", true), file("views/a.sql", "bb", true)]),
            ("2026-11-21", vec![file("views/a.sql", "cc", true), file("README.md", "dd", false)]),
        ];
        let journal = journal(folder.path(), &nights).await;
        let project = "shop".parse().unwrap();
        let (new, old, none) = (
            artifact_id(&project, "views/a.sql"),
            artifact_id(&project, "old.sql"),
            artifact_id(&project, "README.md"),
        );
        let done = journaled(&journal, &place(&folder), asked(&[&new, &old], true)).await.unwrap();
        assert_eq!(
            done.did,
            [format!("{new}: shop views/a.sql is approved"), format!("{old}: shop old.sql is approved")]
        );
        let again = journaled(&journal, &place(&folder), asked(&[&new], true)).await.unwrap();
        assert_eq!(again.did, [format!("{new}: shop views/a.sql was approved already")]);
        journaled(&journal, &place(&folder), asked(&[&old], false)).await.unwrap();
        let all = reviews(&journal).await;
        let hash = |hash: &str| Some(hash.to_owned());
        assert_eq!(
            all,
            [
                ("views/a.sql".to_owned(), true, hash("cc")),
                ("old.sql".to_owned(), true, hash("aa")),
                ("old.sql".to_owned(), false, hash("aa")),
            ]
        );
        let error = journaled(&journal, &place(&folder), asked(&[&none], true)).await.unwrap_err();
        assert!(matches!(error, ReviewError::Unknown { .. }), "what is no artifact waits for nobody: {error}");
        let acts = journal.reader().look(&Look { only: &["operator_acted"], ..Look::default() }).await.unwrap();
        let acts = acts.iter().filter(|event| event.event.body.contains("looked at it")).count();
        assert_eq!(acts, 4, "each is journaled with who and why");
        journal.close().await;
    }

    #[tokio::test]
    async fn of_several_ids_all_are_known_or_nothing_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let journal = journal(folder.path(), &[("2026-11-21", vec![file("a.sql", "aa", true)])]).await;
        let id = artifact_id(&"shop".parse().unwrap(), "a.sql");
        let mut typo = id.clone();
        typo.pop();
        let error = journaled(&journal, &place(&folder), asked(&[&id, &typo], true)).await.unwrap_err();
        let ReviewError::Unknown { id: shown, near } = error else { panic!("{error}") };
        assert_eq!((shown, near), (typo, Vec::<String>::new()), "the only one that is near was given as well");
        let error = journaled(&journal, &place(&folder), asked(&["a-0"], true)).await.unwrap_err();
        let ReviewError::Unknown { near, .. } = error else { panic!("{error}") };
        assert_eq!(near, [format!("{id} (shop a.sql)")]);
        assert!(reviews(&journal).await.is_empty());
        journal.close().await;
    }
}
