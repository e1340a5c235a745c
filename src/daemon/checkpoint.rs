//! How far the fold of a night has come, written down as the facts come: the report of a long night costs what happened
//! since, not the whole night again.
//!
//! Only the daemon writes one, beside its loop; whoever makes a report goes on from it. It is taken only while the fact
//! at which it stopped stands in the journal with the same hash, and when the same version made it. To lose one costs
//! time and nothing else, so no error of it is one of the report.

use super::history::{self, HistoryError};
use super::perform::Rim;
use crate::core::ids::NightId;
use crate::instance::Instance;
use crate::os::memory;
use crate::report::Folder;
use crate::store::{Event, Look, Reader};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

/// Grows with every change of what the fold keeps or does.
const FORMAT: u32 = 2;
/// Facts of the journal after which one is written.
pub const EVERY: i64 = 10_000;
/// Nights of which one is kept.
const NIGHTS_KEPT: usize = 30;
/// Facts read at once.
const PAGE: u32 = 500;
/// Largest one that is read: far beyond what a fold keeps.
const BYTES_MAX: u64 = 256 << 20;
/// The first line is longer than this in no case.
const HEAD_MAX: u64 = 1_000;
/// Of the compression: fast.
const LEVEL: i32 = 1;

/// The first line of one: what it is of. The fold follows, compressed.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    format: u32,
    version: String,
    seq: i64,
    hash: String,
}

impl Head {
    fn of(event: &Event) -> Self {
        let hash = event.hash.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { format: FORMAT, version: env!("CARGO_PKG_VERSION").to_owned(), seq: event.seq, hash }
    }
    /// Whether the fact at which it stopped stands in the journal as it was.
    async fn fits(&self, reader: &Reader, night: &NightId) -> Result<bool, HistoryError> {
        let look = Look { night: Some(night.to_string()), after: self.seq - 1, limit: 1, ..Look::default() };
        Ok(reader.look(&look).await?.first().is_some_and(|event| Self::of(event) == *self))
    }
}

/// All facts of a night, folded; `None` when the journal has none.
pub async fn folded(reader: &Reader, instance: &Instance, night: &NightId) -> Result<Option<Folder>, HistoryError> {
    let begun = resume(reader, instance, night).await?;
    let (folder, head) = go_on(reader, night, begun).await?;
    Ok(head.map(|_| folder))
}

/// Goes on with a fold, or begins one; with where it stands now, when there is anything of the night.
async fn go_on(
    reader: &Reader,
    night: &NightId,
    begun: Option<(Folder, Head)>,
) -> Result<(Folder, Option<Head>), HistoryError> {
    let (mut folder, mut head) = match begun {
        Some((folder, head)) => (folder, Some(head)),
        None => {
            let mut folder = Folder::new(night);
            history::prelude(reader, night, |seq, entry| folder.add(seq, &entry)).await?;
            (folder, None)
        }
    };
    loop {
        let look = Look { night: Some(night.to_string()), after: folder.seq(), limit: PAGE, ..Look::default() };
        let page = reader.look(&look).await?;
        let Some(last) = page.last() else { return Ok((folder, head)) };
        head = Some(Head::of(last));
        let taken = tokio::task::spawn_blocking(move || {
            for event in &page {
                folder.add(event.seq, &history::entry(event)?);
            }
            Ok::<_, HistoryError>(folder)
        });
        folder = taken.await.map_err(|_| HistoryError::GivenUp)??;
    }
}

/// The fold as it was written down, when it is of this journal.
async fn resume(reader: &Reader, instance: &Instance, night: &NightId) -> Result<Option<(Folder, Head)>, HistoryError> {
    let path = instance.checkpoint(night);
    let Some(head) = peek(&path) else { return Ok(None) };
    if !head.fits(reader, night).await? {
        return Ok(None);
    }
    let read = tokio::task::spawn_blocking(move || read(&path)).await.map_err(|_| HistoryError::GivenUp)?;
    let fits = |(folder, of): &(Folder, Head)| *of == head && folder.seq() == head.seq && folder.night() == night;
    Ok(read.ok().filter(fits))
}

/// What a file is of.
fn peek(path: &Path) -> Option<Head> {
    let mut line = String::new();
    BufReader::new(fs::File::open(path).ok()?).take(HEAD_MAX).read_line(&mut line).ok()?;
    serde_json::from_str(&line).ok().filter(|head: &Head| head.format == FORMAT)
}

fn read(path: &Path) -> io::Result<(Folder, Head)> {
    let mut file = BufReader::new(fs::File::open(path)?);
    let mut line = String::new();
    file.by_ref().take(HEAD_MAX).read_line(&mut line)?;
    let packed = zstd::Decoder::with_buffer(file)?.take(BYTES_MAX);
    Ok((serde_json::from_reader(BufReader::new(packed))?, serde_json::from_str(&line)?))
}

/// Replaces a file whole. A power cut may leave a broken one, which is not taken.
fn write(path: &Path, folder: &Folder, head: &Head) -> io::Result<()> {
    let within = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(within)?;
    let mut file = tempfile::NamedTempFile::new_in(within)?;
    serde_json::to_writer(&mut file, head)?;
    file.write_all(b"\n")?;
    let mut packed = zstd::Encoder::new(io::BufWriter::new(&mut file), LEVEL)?;
    packed.include_checksum(true)?;
    serde_json::to_writer(&mut packed, folder)?;
    packed.finish()?.flush()?;
    file.persist(path)?;
    Ok(())
}

/// Writes down how far the newest night is folded whenever so many facts came.
pub async fn keep(rim: Arc<Rim>) {
    let mut last = rim.journal().subscribe();
    let mut next = EVERY;
    while let Ok(reached) = last.wait_for(|seq| *seq >= next).await.map(|seq| *seq) {
        next = reached + EVERY;
        if let Err(e) = of_newest(rim.journal().reader(), rim.instance()).await {
            tracing::warn!("the report will take longer, its facts are not folded so far: {e}");
        }
        let _ = tokio::task::spawn_blocking(memory::give_back).await;
    }
}

/// Why nothing was written down.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The journal cannot be read.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// It cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// Its file.
        path: std::path::PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Writes down how far the newest night is folded, unless it is so already, and lets those of old nights go.
///
/// # Errors
/// As they are; what was written before stays.
pub async fn of_newest(reader: &Reader, instance: &Instance) -> Result<(), CheckpointError> {
    let spans = reader.nights().await.map_err(HistoryError::from)?;
    let nights: Vec<NightId> = spans.iter().filter_map(|span| NightId::new(&span.night).ok()).collect();
    let Some(night) = nights.iter().max() else { return Ok(()) };
    let begun = resume(reader, instance, night).await?;
    let stood = begun.as_ref().map_or(0, |(folder, _)| folder.seq());
    let (folder, head) = go_on(reader, night, begun).await?;
    let Some(head) = head.filter(|head| head.seq > stood) else { return Ok(()) };
    let path = instance.checkpoint(night);
    let kept: Vec<NightId> = nights[nights.len().saturating_sub(NIGHTS_KEPT)..].to_vec();
    let folders = instance.checkpoints();
    let done = tokio::task::spawn_blocking(move || {
        let written = write(&path, &folder, &head);
        forget(&folders, &kept);
        written.map_err(|source| CheckpointError::Io { path, source })
    });
    done.await.map_err(|_| HistoryError::GivenUp)?
}

/// Removes those of nights that are not kept. What has another name than a night's is let be.
fn forget(folder: &Path, kept: &[NightId]) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let night = entry.file_name().to_str().and_then(|name| NightId::new(name).ok());
        if night.is_some_and(|night| !kept.contains(&night)) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::event::Event as Happened;
    use crate::core::fact::Actor;
    use crate::core::night::Night;
    use crate::core::state::State;
    use crate::daemon::run::new_events;
    use crate::os::clock;
    use crate::report;
    use crate::store::Journal;
    use jiff::tz::TimeZone;

    struct Place {
        _folder: tempfile::TempDir,
        instance: Instance,
        journal: Journal,
        desk: Night,
    }

    impl Place {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("sessions.toml");
            fs::write(&file, "").unwrap();
            let instance = Instance::new(&file, None, folder.path()).unwrap();
            fs::create_dir_all(instance.state()).unwrap();
            let journal = Journal::open(&instance.journal()).await.unwrap();
            Self { _folder: folder, instance, journal, desk: Night::new(State::default(), 0, "boot") }
        }
        async fn happens(&mut self, event: Happened) {
            let step = self.desk.step(clock::now(), event);
            let (events, rows) = new_events(&self.desk.state, &step.facts);
            self.journal.append(events, rows).await.unwrap();
        }
        async fn opens(&mut self, night: &str) -> NightId {
            let night = NightId::new(night).unwrap();
            let by = Actor { who: "anna".to_owned(), reason: None };
            self.happens(Happened::OpenNight { night: night.clone(), by }).await;
            night
        }
        async fn trouble(&mut self, what: &str) {
            self.happens(Happened::Trouble { part: "git".to_owned(), what: what.to_owned() }).await;
        }
        async fn report(&self, night: &NightId) -> String {
            let folder = folded(self.journal.reader(), &self.instance, night).await.unwrap().unwrap();
            report::json::render(&report::build(&folder.finish(), &TimeZone::UTC)).unwrap()
        }
    }

    /// A trouble that the journal does not hold, put into what was written down: where it shows, that was read.
    fn mark(path: &Path) {
        let (mut folder, head) = read(path).unwrap();
        let mut value = serde_json::to_value(&folder).unwrap();
        value["facts"]["troubles"][0]["what"] = "marked".into();
        folder = serde_json::from_value(value).unwrap();
        write(path, &folder, &head).unwrap();
    }

    #[tokio::test]
    async fn what_was_written_down_is_gone_on_with_and_nothing_else() {
        let mut place = Place::new().await;
        let unknown = NightId::new("2026-11-20").unwrap();
        assert!(folded(place.journal.reader(), &place.instance, &unknown).await.unwrap().is_none());
        let night = place.opens("2026-11-21").await;
        place.trouble("locked").await;
        let whole = place.report(&night).await;
        let path = place.instance.checkpoint(&night);
        of_newest(place.journal.reader(), &place.instance).await.unwrap();
        assert_eq!(place.report(&night).await, whole);
        mark(&path);
        place.trouble("gone").await;
        let marked = place.report(&night).await;
        assert!(marked.contains("\"marked\"") && marked.contains("\"gone\""), "{marked}");

        // A broken file, one of another version, and one of another journal are as if there were none.
        let good = fs::read(&path).unwrap();
        let at = good.iter().position(|byte| *byte == b'\n').unwrap();
        let head = String::from_utf8(good[..at].to_vec()).unwrap();
        let hash = serde_json::from_str::<Head>(&head).unwrap().hash;
        let other = |head: String| [head.as_bytes(), &good[at..]].concat();
        for spoiled in [
            good[..good.len() - 5].to_vec(),
            good[..at / 2].to_vec(),
            other(head.replace(&format!("\"format\":{FORMAT}"), "\"format\":0")),
            other(head.replace(env!("CARGO_PKG_VERSION"), "0.0.1")),
            other(head.replace(&hash, &"0".repeat(64))),
            Vec::new(),
        ] {
            fs::write(&path, &spoiled).unwrap();
            let report = place.report(&night).await;
            assert!(report.contains("\"locked\"") && !report.contains("\"marked\""), "{report}");
        }
        fs::write(&path, &good).unwrap();
        assert!(place.report(&night).await.contains("\"marked\""));
        place.journal.close().await;
    }

    #[tokio::test]
    async fn only_what_the_journal_still_holds_is_kept() {
        let mut place = Place::new().await;
        place.opens("2026-11-21").await;
        let stray = [place.instance.checkpoints().join("2026-11-01"), place.instance.checkpoints().join("notes")];
        fs::create_dir_all(place.instance.checkpoints()).unwrap();
        stray.iter().for_each(|path| fs::write(path, "x").unwrap());
        of_newest(place.journal.reader(), &place.instance).await.unwrap();
        let kept = |path: &Path| path.exists();
        assert_eq!([kept(&stray[0]), kept(&stray[1])], [false, true]);
        place.journal.close().await;
    }
}
