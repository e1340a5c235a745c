//! Clean-ups: looks at what is there, has the core say what goes, journals that, does it, journals what came of it.
//!
//! The daemon does it by itself and when asked; without a daemon whoever holds its lock does. Each deed can be repeated
//! and leaves nothing in between that could be misread, so a clean-up that was killed is finished by the next one.

use super::ballast;
use super::history::{self, HistoryError};
use super::lock::{DaemonLock, LockError};
use super::perform::Rim;
use super::run::new_events;
use crate::core::event::Event;
use crate::core::fact::Actor;
use crate::core::ids::{AttemptId, NightId, SessionName};
use crate::core::night::Night;
use crate::core::retention::{
    self, Because, Clean, Deed, Found, FoundAttempt, FoundNight, Needs, Planned, Rules, Stage,
};
use crate::core::time::Wall;
use crate::instance::Instance;
use crate::os::clock;
use crate::protocol::{CleanReport, CleanedDeed, SCHEMA};
use crate::recording::attempt::AttemptFiles;
use crate::recording::packed;
use crate::store::{Journal, JournalError, Reader, Trim};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

/// How the name of a folder begins that is being removed.
const GOING: &str = ".nk-gone-";
/// Kinds of rows that belong to a night by their key.
const NIGHT_ROWS: [&str; 4] = ["night", "run", "work", "collected"];
/// How often the free disk is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// How often a clean-up is made when nothing gives cause to.
const CLEAN_EVERY: Duration = Duration::from_secs(3600);
/// How often one is made for a disk that stays nearly full.
const LOW_EVERY: Duration = Duration::from_secs(300);
/// How long the clean-up at the end of a night may hold up the daemon's end. It holds up neither the report nor a night
/// that is opened meanwhile.
const LAST_WORK: Duration = Duration::from_secs(2);
/// A journal that cannot be written must not keep a clean-up from making room for it.
const JOURNAL_PATIENCE: Duration = Duration::from_secs(3);

/// What the daemon keeps of its clean-ups.
#[derive(Debug, Default)]
pub struct Cleaning {
    one_at_a_time: Mutex<()>,
    ending: Arc<AtomicBool>,
}

/// Why there was no clean-up.
#[derive(Debug, thiserror::Error)]
pub enum CleanError {
    /// A daemon runs; it is to be asked.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The journal cannot be used.
    #[error("the journal cannot be used: {0}")]
    Journal(#[from] JournalError),
    /// The journal cannot be understood, so nobody knows what is needed.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The state folder cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// Which folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The daemon ends.
    #[error(transparent)]
    Closed(#[from] super::inbox::Closed),
}

/// When the disk is about to be full: the free bytes below which an emergency begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// How long things are kept.
    pub rules: Rules,
    /// Free bytes below which more goes than the rules say; `None` is twice what a start needs by default.
    pub low_disk: Option<u64>,
}

impl Wanted {
    /// What a file says; without one the defaults.
    pub fn of(settings: Option<&crate::config::Settings>) -> Self {
        settings.map_or(Self { rules: Rules::default(), low_disk: None }, |settings| Self {
            rules: settings.retention,
            low_disk: settings.low_disk,
        })
    }
    /// Whether the disk of the state folder is about to be full. What cannot be looked at is not.
    pub fn is_low(&self, state: &Path) -> bool {
        self.free_and_least(state).is_some_and(|(free, least)| free < least)
    }
    /// Whether the disk is far from being about to be full once so many bytes are taken.
    fn has_room_for(&self, bytes: u64, state: &Path) -> bool {
        self.free_and_least(state).is_some_and(|(free, least)| free > least.saturating_add(4 * bytes))
    }
    fn free_and_least(&self, state: &Path) -> Option<(u64, u64)> {
        let space = rustix::fs::statvfs(state).ok()?;
        let bytes = |blocks: u64| blocks.saturating_mul(space.f_frsize);
        let least = self.low_disk.unwrap_or_else(|| (2 << 30).min(bytes(space.f_blocks) / 10));
        Some((bytes(space.f_bavail), least))
    }
    /// By hand: everything older than this goes, output and journal alike.
    #[must_use]
    pub fn older_than(self, span: Duration) -> Self {
        Self { rules: Rules { output: Some(span), journal: Some(span) }, ..self }
    }
}

/// Who does it: the daemon through its loop, or this process alone, holding the daemon's lock.
enum Desk {
    Daemon(Arc<Rim>),
    Alone { journal: Journal, night: Box<Night> },
}

impl Desk {
    async fn needs(&self) -> Result<Needs, CleanError> {
        match self {
            Self::Daemon(rim) => Ok(rim.inbox().look(|state, _| Needs::of(state)).await?),
            Self::Alone { night, .. } => Ok(Needs::of(&night.state)),
        }
    }
    fn journal(&self) -> &Journal {
        match self {
            Self::Daemon(rim) => rim.journal(),
            Self::Alone { journal, .. } => journal,
        }
    }
    async fn record(&mut self, clean: Clean) -> Result<(), CleanError> {
        let event = Event::Cleaned { clean: Box::new(clean) };
        match self {
            Self::Daemon(rim) => {
                let told = tokio::time::timeout(JOURNAL_PATIENCE, rim.inbox().ask(event)).await;
                if told.is_err() {
                    tracing::warn!("the clean-up goes on before it is in the journal, to make room for it");
                }
            }
            Self::Alone { journal, night } => {
                let step = night.step(clock::now(), event);
                let (events, rows) = new_events(&night.state, &step.facts);
                journal.append(events, rows).await?;
            }
        }
        Ok(())
    }
}

/// A clean-up by the daemon. One at a time; a second one waits.
pub async fn by_daemon(rim: &Arc<Rim>, wanted: Wanted, by: Actor) -> Result<CleanReport, CleanError> {
    let _turn = rim.cleaning().one_at_a_time.lock().await;
    until_cut(rim, wanted, by, Arc::default()).await
}

/// A clean-up by the daemon that begins nothing more once it is cut short. The caller has seen to it that there is no
/// other.
async fn until_cut(rim: &Arc<Rim>, wanted: Wanted, by: Actor, cut: Arc<AtomicBool>) -> Result<CleanReport, CleanError> {
    let ending = Arc::clone(&rim.cleaning().ending);
    let mut desk = Desk::Daemon(Arc::clone(rim));
    let go_on = move || !ending.load(Ordering::Relaxed) && !cut.load(Ordering::Relaxed);
    clean(&mut desk, rim.instance(), wanted, by, go_on).await
}

/// A clean-up without a daemon. Fails with [`CleanError::Lock`] when one runs.
pub async fn alone(instance: &Instance, wanted: Wanted, who: Option<String>) -> Result<CleanReport, CleanError> {
    if !instance.state().exists() {
        return Ok(report(false, &[], 0, Vec::new()));
    }
    let _lock = DaemonLock::take(&instance.lock_file(), instance.runtime())?;
    let journal = Journal::open(&instance.journal()).await?;
    let state = history::state(journal.reader()).await?;
    let night = Box::new(Night::new(state, 0, &clock::boot_id()));
    let by = Actor { who: super::peer::Peer::ourselves().describe(), reason: who };
    let mut desk = Desk::Alone { journal: journal.clone(), night };
    let result = clean(&mut desk, instance, wanted, by, || true).await;
    journal.close().await;
    result
}

/// What a clean-up would do now; touches nothing, and needs no daemon.
pub async fn dry(instance: &Instance, wanted: Wanted) -> Result<CleanReport, CleanError> {
    let (needs, nights) = match Journal::open_read_only(&instance.journal()).await {
        Ok(reader) => (Needs::of(&history::state(&reader).await?), nights(&reader).await?),
        Err(JournalError::Missing { .. }) => (Needs::default(), Vec::new()),
        Err(e) => return Err(e.into()),
    };
    let found = scan(instance, nights)?;
    let low = wanted.is_low(instance.state());
    let planned = retention::plan(&found, &needs, &wanted.rules, clock::wall(), low);
    Ok(report(true, &planned, 0, Vec::new()))
}

fn report(dry_run: bool, planned: &[Planned], freed: u64, problems: Vec<String>) -> CleanReport {
    let deeds = planned.iter().map(|planned| CleanedDeed {
        what: planned.describe(),
        because: planned.because,
        bytes: planned.bytes,
    });
    CleanReport { schema: SCHEMA, dry_run, deeds: deeds.collect(), freed_bytes: freed, problems }
}

async fn clean(
    desk: &mut Desk,
    instance: &Instance,
    wanted: Wanted,
    by: Actor,
    go_on: impl Fn() -> bool + Clone + Send + 'static,
) -> Result<CleanReport, CleanError> {
    let needs = desk.needs().await?;
    let nights = nights(desk.journal().reader()).await?;
    let low = wanted.is_low(instance.state());
    let found = blocking({
        let instance = instance.clone();
        move || scan(&instance, nights)
    })
    .await?;
    let planned = retention::plan(&found, &needs, &wanted.rules, clock::wall(), low);
    if planned.is_empty() {
        return Ok(report(false, &[], 0, Vec::new()));
    }
    desk.record(Clean::begun(by.clone(), &planned)).await?;
    let (mut done, mut freed, mut problems) = (Vec::new(), 0_u64, Vec::new());
    for planned in planned {
        // Asked each time: a night may have been opened again meanwhile, and room may have come free.
        if !go_on() || (planned.because == Because::LowDisk && !wanted.is_low(instance.state())) {
            continue;
        }
        let needs = desk.needs().await?;
        let result = match &planned.deed {
            Deed::TrimJournal { through, before } => {
                trim(desk.journal(), *through, before).await.map_err(|e| e.to_string())
            }
            Deed::DropOutput(id) | Deed::DropRecord(id) | Deed::Pack(id) if needed(&needs, id) => continue,
            Deed::DropOutput(_) | Deed::DropRecord(_) | Deed::Pack(_) | Deed::Leftover { .. } => {
                let (instance, deed, go_on) = (instance.clone(), planned.deed.clone(), go_on.clone());
                blocking(move || perform(&instance, &deed, go_on)).await.map_err(|e| e.to_string())
            }
        };
        match result {
            Ok(Some(bytes)) => {
                freed = freed.saturating_add(bytes);
                done.push(planned);
            }
            // It was told to end.
            Ok(None) => {}
            Err(e) => problems.push(format!("cannot {}: {e}", planned.describe())),
        }
    }
    for problem in &problems {
        tracing::warn!("clean-up: {problem}");
    }
    let shown = done.iter().take(Clean::SHOWN).map(Planned::describe).collect();
    let over = Clean {
        stage: Stage::Done,
        by,
        deeds: done.len() as u64,
        bytes: freed,
        what: shown,
        problems: problems.iter().take(Clean::SHOWN).cloned().collect(),
    };
    tracing::info!("{}", over.summary());
    desk.record(over).await?;
    Ok(report(false, &done, freed, problems))
}

fn needed(needs: &Needs, id: &AttemptId) -> bool {
    needs.night.as_ref() == Some(&id.run.night) || needs.runs.contains(&id.run)
}

async fn trim(journal: &Journal, through: i64, before: &NightId) -> Result<Option<u64>, JournalError> {
    let kinds = NIGHT_ROWS.map(str::to_owned).to_vec();
    let gone = journal.trim(Trim { through, kinds, before_key: before.to_string() }).await?;
    tracing::info!("{gone} facts of the journal went");
    Ok(Some(0))
}

/// Runs file work off the runtime's threads. A panic in it is a problem like any other.
async fn blocking<T: Send + 'static, E: From<BrokenOff> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|e| Err(BrokenOff(e.to_string()).into()))
}

/// A task that came to no end.
struct BrokenOff(String);
impl From<BrokenOff> for io::Error {
    fn from(e: BrokenOff) -> Self {
        Self::other(e.0)
    }
}
impl From<BrokenOff> for CleanError {
    fn from(e: BrokenOff) -> Self {
        Self::Io { path: PathBuf::new(), source: e.into() }
    }
}

async fn nights(reader: &Reader) -> Result<Vec<FoundNight>, JournalError> {
    let spans = reader.nights().await?;
    let night = |span: crate::store::NightSpan| {
        Some(FoundNight { id: NightId::new(&span.night).ok()?, first_seq: span.first_seq, last: Wall(span.last_wall) })
    };
    Ok(spans.into_iter().filter_map(night).collect())
}

/// Looks at what stands in the state folder. Links and what has another name than ours are let be.
fn scan(instance: &Instance, nights: Vec<FoundNight>) -> Result<Found, CleanError> {
    let mut found = Found { nights, ..Found::default() };
    let mut attempts: BTreeMap<AttemptId, FoundAttempt> = BTreeMap::new();
    let output = instance.state().join("output");
    for (session, folder) in sessions(&output)? {
        for entry in entries(&folder)? {
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
            let Ok(meta) = entry.metadata() else { continue };
            if !meta.is_file() {
                continue;
            }
            if name.starts_with(packed::LEFTOVER) {
                found.leftovers.push((below(instance, &entry.path()), disk_bytes(&meta)));
                continue;
            }
            let Some((id, form)) = output_file(&session, &name) else { continue };
            let attempt = attempts.entry(id.clone()).or_insert_with(|| nothing(id));
            attempt.last = attempt.last.max(modified(&meta));
            match form {
                Form::Plain => attempt.plain = Some(disk_bytes(&meta)),
                Form::Packed => attempt.packed = Some(disk_bytes(&meta)),
                // Even an empty one is there.
                Form::Beside => attempt.beside += disk_bytes(&meta).max(1),
            }
        }
    }
    for (session, folder) in sessions(&instance.runs())? {
        for entry in entries(&folder)? {
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let (bytes, last) = folder_bytes(&entry.path());
            if name.starts_with(GOING) {
                found.leftovers.push((below(instance, &entry.path()), bytes));
                continue;
            }
            let Some(id) = AttemptId::from_file_stem(&session, &name) else { continue };
            let attempt = attempts.entry(id.clone()).or_insert_with(|| nothing(id));
            attempt.record = Some(bytes);
            attempt.last = attempt.last.max(last);
        }
    }
    for attempt in attempts.values_mut() {
        let files = AttemptFiles::new(instance.run_dir(&attempt.id), instance.output_log(&attempt.id));
        // What cannot be told is better kept.
        attempt.alive = files.recorder_lives().unwrap_or(true);
    }
    found.attempts = attempts.into_values().collect();
    for entry in entries(&instance.snapshots())? {
        let night = entry.file_name().to_str().and_then(|name| NightId::new(name).ok());
        if let Some(night) = night.filter(|_| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
            found.snapshots.push((night, folder_bytes(&entry.path()).0));
        }
    }
    Ok(found)
}

fn nothing(id: AttemptId) -> FoundAttempt {
    FoundAttempt { id, plain: None, packed: None, beside: 0, record: None, last: Wall(i64::MIN), alive: false }
}

enum Form {
    Plain,
    Packed,
    Beside,
}

/// Reads `2026-11-21-1.2.log`, `….log.zst`, `….idx`, `….checks.log`.
fn output_file(session: &SessionName, name: &str) -> Option<(AttemptId, Form)> {
    let forms =
        [(".checks.log", Form::Beside), (".log.zst", Form::Packed), (".log", Form::Plain), (".idx", Form::Beside)];
    let (stem, form) = forms.into_iter().find_map(|(end, form)| Some((name.strip_suffix(end)?, form)))?;
    Some((AttemptId::from_file_stem(session, stem)?, form))
}

fn sessions(folder: &Path) -> Result<Vec<(SessionName, PathBuf)>, CleanError> {
    let folders = entries(folder)?.into_iter().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    Ok(folders.filter_map(|entry| Some((SessionName::new(entry.file_name().to_str()?).ok()?, entry.path()))).collect())
}

/// What a folder holds; nothing when it is not there.
fn entries(folder: &Path) -> Result<Vec<fs::DirEntry>, CleanError> {
    let failed = |source| CleanError::Io { path: folder.to_path_buf(), source };
    match fs::read_dir(folder) {
        Ok(entries) => entries.collect::<Result<_, _>>().map_err(failed),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(failed(e)),
    }
}

fn below(instance: &Instance, path: &Path) -> String {
    path.strip_prefix(instance.state()).unwrap_or(path).to_string_lossy().into_owned()
}

fn disk_bytes(meta: &fs::Metadata) -> u64 {
    meta.blocks().saturating_mul(512)
}

fn modified(meta: &fs::Metadata) -> Wall {
    Wall(meta.mtime().saturating_mul(1000).saturating_add(meta.mtime_nsec() / 1_000_000))
}

/// Bytes of a recorder's folder, and when its newest file was written.
fn folder_bytes(folder: &Path) -> (u64, Wall) {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().filter_map(|entry| entry.metadata().ok());
    files.fold((0, Wall(i64::MIN)), |(bytes, last), meta| (bytes + disk_bytes(&meta), last.max(modified(&meta))))
}

/// Does one deed with files. Gives the bytes that came free; `None` when it was told to end first.
fn perform(instance: &Instance, deed: &Deed, go_on: impl Fn() -> bool) -> io::Result<Option<u64>> {
    match deed {
        Deed::Leftover { path } => {
            let path = instance.state().join(path);
            let meta = match fs::symlink_metadata(&path) {
                Ok(meta) => meta,
                Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Some(0)),
                Err(e) => return Err(e),
            };
            if meta.is_dir() {
                let (bytes, _) = folder_bytes(&path);
                fs::remove_dir_all(&path)?;
                Ok(Some(bytes))
            } else {
                fs::remove_file(&path)?;
                Ok(Some(disk_bytes(&meta)))
            }
        }
        Deed::DropOutput(id) => {
            let log = instance.output_log(id);
            let mut freed = 0;
            // What is read goes first: what stands beside it still shows that there is something left to remove.
            for file in
                [packed::packed_path(&log), log.clone(), log.with_extension("checks.log"), log.with_extension("idx")]
            {
                freed += remove(&file)?;
            }
            remove_if_empty(&log);
            Ok(Some(freed))
        }
        Deed::DropRecord(id) => {
            let folder = instance.run_dir(id);
            let (bytes, _) = folder_bytes(&folder);
            // Under another name at once: a folder with half its files would tell another story.
            let going = folder.with_file_name(format!("{GOING}{}", id.file_stem()));
            match fs::rename(&folder, &going) {
                Ok(()) => fs::remove_dir_all(&going)?,
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(e),
            }
            remove_if_empty(&folder);
            Ok(Some(bytes))
        }
        Deed::Pack(id) => {
            let log = instance.output_log(id);
            let before = match fs::metadata(&log) {
                Ok(meta) => disk_bytes(&meta),
                Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Some(0)),
                Err(e) => return Err(e),
            };
            match packed::pack(&log, go_on) {
                Ok(after) => Ok(Some(before.saturating_sub(after))),
                Err(packed::PackError::Ended) => Ok(None),
                Err(packed::PackError::Differs) => {
                    Err(io::Error::other("what was compressed does not read back as it was"))
                }
                Err(packed::PackError::Io(e)) => Err(e),
            }
        }
        // The journal's own.
        Deed::TrimJournal { .. } => Ok(Some(0)),
    }
}

fn remove(file: &Path) -> io::Result<u64> {
    let bytes = fs::symlink_metadata(file).map(|meta| disk_bytes(&meta)).unwrap_or(0);
    match fs::remove_file(file) {
        Ok(()) => Ok(bytes),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(e) => Err(e),
    }
}

/// Removes the session's folder once nothing is left in it.
fn remove_if_empty(file: &Path) {
    if let Some(folder) = file.parent() {
        // It fails when something is left, which is right.
        let _ = fs::remove_dir(folder);
    }
}

/// The daemon's own clean-ups: at its start, each hour, and when the disk is about to be full. Ends with the daemon.
pub async fn keep(rim: Arc<Rim>) {
    let by = || Actor { who: "nightkeep".to_owned(), reason: None };
    let mut last: Option<tokio::time::Instant> = None;
    loop {
        let wanted = rim.retention();
        let low = wanted.is_low(rim.instance().state());
        if !low && wanted.has_room_for(ballast::BYTES, rim.instance().state()) {
            ballast::take(rim.instance());
        }
        let every = if low { LOW_EVERY } else { CLEAN_EVERY };
        if last.is_none_or(|last| last.elapsed() >= every) {
            if let Err(e) = by_daemon(&rim, wanted, by()).await {
                tracing::warn!("no clean-up: {e}");
            }
            last = Some(tokio::time::Instant::now());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The clean-up at the end of a night: what can be done quickly before the daemon may end, and before the next night
/// begins. The next one does the rest.
pub async fn after_night(rim: &Arc<Rim>) {
    let Ok(_turn) = rim.cleaning().one_at_a_time.try_lock() else {
        return tracing::info!("a clean-up is under way already");
    };
    let by = Actor { who: "nightkeep".to_owned(), reason: Some("the night is over".to_owned()) };
    let cut = Arc::<AtomicBool>::default();
    let cleaned = until_cut(rim, rim.retention(), by, Arc::clone(&cut));
    tokio::pin!(cleaned);
    let mut night = rim.night_open();
    let result = tokio::select! {
        result = &mut cleaned => result,
        () = async { tokio::select! {
            () = tokio::time::sleep(LAST_WORK) => {}
            // The daemon goes on, and so does not wait for it.
            _ = night.wait_for(|open| *open) => {}
        } } => {
            tracing::info!("the clean-up is cut short; the next one does the rest");
            cut.store(true, Ordering::Relaxed);
            cleaned.await
        }
    };
    if let Err(e) = result {
        tracing::warn!("no clean-up: {e}");
    }
}

/// Has a clean-up under way come to an end soon.
pub fn end(rim: &Rim) {
    rim.cleaning().ending.store(true, Ordering::Relaxed);
}
