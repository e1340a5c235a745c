//! The one writer: a thread that takes all appends that wait, writes them in one transaction and answers each.

use super::chain::Head;
use super::error::JournalError;
use super::model::{NewEvent, NewRow};
use super::open::{open_writer, reopen_writer};
use super::trim::Trim;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// Appends that may wait; more callers wait for room.
pub(super) const QUEUE: usize = 1024;
/// Most events of one transaction that is made of several appends.
const BATCH_EVENTS: usize = 2000;
/// How often SQLite's own wait for a lock is repeated: with its five seconds each, half a minute.
const LOCK_TRIES: u32 = 6;

/// How often is tried to learn what became of a write that failed, and how long between two tries.
const IO_TRIES: (u32, Duration) = (60, Duration::from_secs(1));

type Answer = oneshot::Sender<Result<i64, JournalError>>;

/// What the writer is asked.
#[derive(Debug)]
pub(super) enum Job {
    /// Append and answer with the last number.
    Append { events: Vec<NewEvent>, rows: Vec<NewRow>, ack: Answer },
    /// Look whether the file's parts are all still there, and answer.
    Look { ack: oneshot::Sender<bool> },
    /// Let old events go and answer with how many went.
    Trim { trim: Trim, ack: oneshot::Sender<Result<u64, JournalError>> },
    /// Finish and close.
    Close { ack: oneshot::Sender<()> },
}

#[derive(Debug)]
struct Append {
    events: Vec<NewEvent>,
    rows: Vec<NewRow>,
}

struct Writer {
    path: PathBuf,
    /// `None` after a failure: the next append connects again.
    db: Option<SqliteConnection>,
    /// Which file the connection writes its log to: device and inode.
    wal: Option<(u64, u64)>,
    head: Head,
    seen: watch::Sender<i64>,
    commits: Arc<AtomicU64>,
}

/// The write-ahead log that stands beside the journal now.
fn wal_of(path: &Path) -> Option<(u64, u64)> {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    std::fs::metadata(name).ok().map(|found| (found.dev(), found.ino()))
}

/// Starts the writer's thread. It has its own runtime, so that a slow disk holds up nobody who does not wait for it.
pub(super) fn spawn(
    path: PathBuf,
    queue: mpsc::Receiver<Job>,
    opened: oneshot::Sender<Result<(), JournalError>>,
    seen: watch::Sender<i64>,
    commits: Arc<AtomicU64>,
) -> Result<(), JournalError> {
    let other = |error: std::io::Error| JournalError::Other { why: error.to_string() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(other)?;
    let run = async move || {
        match open_writer(&path).await {
            Ok((db, head)) => {
                seen.send_replace(head.seq);
                // The opener may have gone away meanwhile; then the queue is closed as well.
                let _ = opened.send(Ok(()));
                let wal = wal_of(&path);
                Writer { path, db: Some(db), wal, head, seen, commits }.run(queue).await;
            }
            Err(error) => {
                let _ = opened.send(Err(error));
            }
        }
    };
    std::thread::Builder::new().name("nk-journal".to_owned()).spawn(move || runtime.block_on(run())).map_err(other)?;
    Ok(())
}

impl Writer {
    async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut closing = None;
        while closing.is_none() {
            let Some(first) = queue.recv().await else {
                break;
            };
            let (mut batch, mut acks, mut looks) = (Vec::new(), Vec::new(), Vec::new());
            let mut next = Some(first);
            let mut events_waiting = 0;
            let mut trimming = None;
            while let Some(job) = next {
                match job {
                    Job::Append { events, rows, ack } => {
                        events_waiting += events.len();
                        batch.push(Append { events, rows });
                        acks.push(ack);
                    }
                    Job::Look { ack } => looks.push(ack),
                    Job::Trim { trim, ack } => {
                        trimming = Some((trim, ack));
                        break;
                    }
                    Job::Close { ack } => {
                        closing = Some(ack);
                        break;
                    }
                }
                next = if events_waiting < BATCH_EVENTS { queue.try_recv().ok() } else { None };
            }
            self.write(&batch, acks).await;
            if !looks.is_empty() {
                let whole = self.keep_whole().await;
                // Whoever asked may have stopped waiting.
                for ack in looks {
                    let _ = ack.send(whole);
                }
            }
            if let Some((trim, ack)) = trimming {
                // A caller that stopped waiting is told nothing.
                let _ = ack.send(self.trim(&trim).await);
            }
        }
        if let Some(db) = self.db.take() {
            // All is on the disk already; a failure here leaves the write-ahead log to the next opener.
            let _ = db.close().await;
        }
        if let Some(ack) = closing {
            // Whoever asked may have stopped waiting.
            let _ = ack.send(());
        }
    }

    /// Writes appends together; when that fails for a reason that may lie in one of them, each for itself.
    async fn write(&mut self, batch: &[Append], acks: Vec<Answer>) {
        let mut results = self.commit(batch).await;
        if batch.len() > 1 && matches!(results, Err(JournalError::Other { .. })) {
            for (append, ack) in batch.iter().zip(acks) {
                let result = self.commit(std::slice::from_ref(append)).await;
                answer(ack, result.and_then(|seqs| seqs.first().copied().ok_or(JournalError::Closed)));
            }
            return;
        }
        for (index, ack) in acks.into_iter().enumerate() {
            let result = match &mut results {
                Ok(seqs) => seqs.get(index).copied().ok_or(JournalError::Closed),
                Err(error) => Err(error.clone()),
            };
            answer(ack, result);
        }
    }

    /// One transaction. Gives the last number of each append.
    async fn commit(&mut self, batch: &[Append]) -> Result<Vec<i64>, JournalError> {
        if batch.iter().all(|append| append.events.is_empty() && append.rows.is_empty()) {
            return Ok(vec![self.head.seq; batch.len()]);
        }
        let mut tries = 1;
        loop {
            let mut db = match self.db.take() {
                Some(db) => db,
                None => self.reconnect().await?,
            };
            let mut head = self.head.clone();
            match transact(&mut db, &mut head, batch).await {
                Ok(seqs) => {
                    self.db = Some(db);
                    self.committed(head);
                    self.keep_whole().await;
                    return Ok(seqs);
                }
                Err(JournalError::Locked) if tries < LOCK_TRIES => {
                    // No transaction has begun.
                    tries += 1;
                    self.db = Some(db);
                }
                Err(error @ JournalError::Io { .. }) => {
                    drop_connection(db).await;
                    if let Some(seqs) = self.resolve(head, batch, &error).await? {
                        return Ok(seqs);
                    }
                    if tries == LOCK_TRIES {
                        return Err(error);
                    }
                    // It is known that nothing was kept, and the disk works again.
                    tries += 1;
                }
                Err(error) => {
                    // The state of the connection is not certain; the next append begins with a new one.
                    drop_connection(db).await;
                    return Err(error);
                }
            }
        }
    }

    async fn trim(&mut self, trim: &Trim) -> Result<u64, JournalError> {
        let mut db = match self.db.take() {
            Some(db) => db,
            None => self.reconnect().await?,
        };
        let gone = super::trim::trim(&mut db, trim).await;
        match gone {
            Ok(_) => self.db = Some(db),
            Err(_) => drop_connection(db).await,
        }
        gone
    }

    async fn reconnect(&mut self) -> Result<SqliteConnection, JournalError> {
        let (db, head) = reopen_writer(&self.path).await?;
        self.wal = wal_of(&self.path);
        self.head = head;
        Ok(db)
    }

    /// Whether the write-ahead log is still the one we write. Somebody can delete it, or put another in its place; what
    /// it holds would end with this connection. So it is copied into the file proper then, after each write anew.
    async fn keep_whole(&mut self) -> bool {
        if self.wal.is_none() {
            self.wal = wal_of(&self.path);
        }
        let whole = self.wal == wal_of(&self.path);
        if let (false, Some(db)) = (whole, &mut self.db)
            && let Err(error) = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(db).await
        {
            tracing::error!(
                "the journal's write-ahead log was deleted, and cannot be copied into the journal: {error}"
            );
        }
        whole
    }

    fn committed(&mut self, head: Head) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.seen.send_if_modified(|seq| std::mem::replace(seq, head.seq) != head.seq);
        self.head = head;
    }

    /// After a failed write the events may still have reached the log. They count as kept only when they can be read
    /// back and copied into the file proper, which is written and synced anew. `None`: none of them was kept. A disk that
    /// goes on failing is tried for a minute; what it kept is not known then.
    async fn resolve(
        &mut self,
        expected: Head,
        batch: &[Append],
        error: &JournalError,
    ) -> Result<Option<Vec<i64>>, JournalError> {
        let before = self.head.seq;
        for attempt in 0..IO_TRIES.0 {
            if attempt == 1 {
                tracing::error!("a write of the journal failed, and is looked at again until the disk works: {error}");
            }
            if attempt > 0 {
                tokio::time::sleep(IO_TRIES.1).await;
            }
            let Ok(mut db) = self.reconnect().await else {
                continue;
            };
            if sqlx::query("PRAGMA wal_checkpoint(FULL)").execute(&mut db).await.is_err() {
                drop_connection(db).await;
                continue;
            }
            self.db = Some(db);
            if self.head == expected && expected.seq > before {
                self.committed(expected);
                return Ok(Some(last_numbers(before, batch)));
            }
            // Rows alone can be set twice.
            return if self.head.seq == before { Ok(None) } else { Err(error.clone()) };
        }
        Err(error.clone())
    }
}

fn answer(ack: Answer, result: Result<i64, JournalError>) {
    // A caller that stopped waiting is told nothing; what it appended stays.
    let _ = ack.send(result);
}

async fn drop_connection(db: SqliteConnection) {
    // It failed already; how it closes changes nothing.
    let _ = db.close().await;
}

/// The number of the last event of each append, the one before them being `before`.
fn last_numbers(before: i64, batch: &[Append]) -> Vec<i64> {
    let mut last = before;
    batch
        .iter()
        .map(|append| {
            last += i64::try_from(append.events.len()).unwrap_or(i64::MAX);
            last
        })
        .collect()
}

async fn transact(db: &mut SqliteConnection, head: &mut Head, batch: &[Append]) -> Result<Vec<i64>, JournalError> {
    let seqs = last_numbers(head.seq, batch);
    // Taken at once: a transaction that reads first cannot wait for the lock when it comes to write.
    let mut tx = db.begin_with("BEGIN IMMEDIATE").await.map_err(JournalError::of)?;
    for (append, &seq) in batch.iter().zip(&seqs) {
        for event in &append.events {
            *head = head.next(event);
            insert(&mut tx, head, event).await.map_err(JournalError::of)?;
        }
        for row in &append.rows {
            put(&mut tx, seq, row).await.map_err(JournalError::of)?;
        }
    }
    sqlx::query(
        "INSERT INTO meta (key, value) VALUES ('head', $1) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    )
    .bind(head.seq.to_string())
    .execute(&mut *tx)
    .await
    .map_err(JournalError::of)?;
    tx.commit().await.map_err(JournalError::of)?;
    Ok(seqs)
}

async fn insert(db: &mut SqliteConnection, head: &Head, event: &NewEvent) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO events (seq, at_wall, at_mono, night, session, kind, body, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(head.seq)
    .bind(event.at_wall)
    .bind(event.at_mono)
    .bind(event.night.as_deref())
    .bind(event.session.as_deref())
    .bind(&event.kind)
    .bind(&event.body)
    .bind(head.hash.as_slice())
    .execute(db)
    .await?;
    Ok(())
}

async fn put(db: &mut SqliteConnection, seq: i64, row: &NewRow) -> sqlx::Result<()> {
    let query = match &row.body {
        Some(body) => sqlx::query(
            "INSERT INTO rows (kind, key, body, seq) VALUES ($1, $2, $3, $4)
             ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body, seq = excluded.seq",
        )
        .bind(&row.kind)
        .bind(&row.key)
        .bind(body)
        .bind(seq),
        None => sqlx::query("DELETE FROM rows WHERE kind = $1 AND key = $2").bind(&row.kind).bind(&row.key),
    };
    query.execute(db).await?;
    Ok(())
}
