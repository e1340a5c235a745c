//! The handle that the daemon holds: appends go to the one writer, reads to connections of their own.

use super::error::JournalError;
use super::model::{NewEvent, NewRow};
use super::reader::Reader;
use super::salvage::Beginning;
use super::trim::Trim;
use super::writer::{self, Job, QUEUE};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{mpsc, oneshot, watch};

/// The journal, open for writing. Clones share the one writer; it ends when the last of them is gone.
#[derive(Debug, Clone)]
pub struct Journal {
    jobs: mpsc::Sender<Job>,
    last_seq: watch::Receiver<i64>,
    commits: Arc<AtomicU64>,
    reader: Reader,
}

impl Journal {
    /// Opens the journal, makes it when there is none, brings an older one to the present format, and checks its pages.
    /// The folder must exist.
    ///
    /// # Errors
    /// [`JournalError::Newer`], `Corrupt` (the caller decides whether to move the file aside), `Locked`, `Full`,
    /// `ReadOnly`, `CannotOpen`.
    pub async fn open(path: &Path) -> Result<Self, JournalError> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let (opened, opening) = oneshot::channel();
        let (seen, last_seq) = watch::channel(0);
        let commits = Arc::new(AtomicU64::new(0));
        writer::spawn(path.to_path_buf(), queue, opened, seen, Arc::clone(&commits))?;
        opening.await.map_err(|_| JournalError::Closed)??;
        Ok(Self { jobs, last_seq, commits, reader: Reader::beside_writer(path) })
    }

    /// Makes a journal that begins where another one does, with its name. There must be none at the path.
    ///
    /// # Errors
    /// Those of [`Journal::open`].
    pub async fn make(path: &Path, beginning: &Beginning) -> Result<(), JournalError> {
        super::open::make(path, beginning).await
    }

    /// Opens an existing journal for reading only: [`Reader::open`].
    ///
    /// # Errors
    /// Those of [`Reader::open`].
    pub async fn open_read_only(path: &Path) -> Result<Reader, JournalError> {
        Reader::open(path).await
    }

    /// Appends events and sets the rows they cause, in one transaction. Returns when they are on the disk, with the
    /// number of the last event. Appends that wait at the same time share one write to the disk.
    ///
    /// Dropping the future does not take the append back.
    ///
    /// # Errors
    /// After [`JournalError::Full`] and `Locked` nothing was kept and the same append can be tried again; after `Io` it
    /// is unknown.
    pub async fn append(&self, events: Vec<NewEvent>, rows: Vec<NewRow>) -> Result<i64, JournalError> {
        let (ack, done) = oneshot::channel();
        self.jobs.send(Job::Append { events, rows, ack }).await.map_err(|_| JournalError::Closed)?;
        done.await.map_err(|_| JournalError::Closed)?
    }

    /// Whether the parts of the file are where they belong. When somebody deleted the write-ahead log, all of it is in
    /// the file proper after this.
    pub async fn is_whole(&self) -> bool {
        let (ack, done) = oneshot::channel();
        // A writer that has ended has closed the file in order.
        self.jobs.send(Job::Look { ack }).await.is_err() || done.await.unwrap_or(true)
    }

    /// Lets the oldest events go, with rows; all of it or nothing. Gives the number of events that went. The chain of
    /// hashes of the rest stays checkable. The last event never goes.
    ///
    /// # Errors
    /// Those of [`Journal::append`]; nothing went then.
    pub async fn trim(&self, trim: Trim) -> Result<u64, JournalError> {
        let (ack, done) = oneshot::channel();
        self.jobs.send(Job::Trim { trim, ack }).await.map_err(|_| JournalError::Closed)?;
        done.await.map_err(|_| JournalError::Closed)?
    }

    /// Reads beside the writer.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The number of the last event on the disk; 0 when there is none.
    pub fn last_seq(&self) -> i64 {
        *self.last_seq.borrow()
    }

    /// Tells the number of the last event whenever it rises. Slow receivers miss numbers, never the last one.
    pub fn subscribe(&self) -> watch::Receiver<i64> {
        self.last_seq.clone()
    }

    /// Writes to the disk since the journal was opened.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Writes what is queued and closes the file. Later appends fail with [`JournalError::Closed`].
    pub async fn close(&self) {
        self.reader.close().await;
        let (ack, done) = oneshot::channel();
        if self.jobs.send(Job::Close { ack }).await.is_ok() {
            // An error means that the writer has already ended.
            let _ = done.await;
        }
    }
}
