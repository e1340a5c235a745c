//! What can go wrong with the journal, by what can be done about it.

use std::path::{Path, PathBuf};

/// Why the journal could not be opened, read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// There is none yet.
    #[error("there is no journal at {}", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The disk is full. Nothing of the append was kept; it can be tried again when there is space.
    #[error("no space left on the disk of the journal")]
    Full,
    /// Another program held the journal's lock for too long. Nothing of the append was kept.
    #[error("another program keeps the journal locked")]
    Locked,
    /// The file is no journal, or is damaged.
    #[error("the journal is damaged: {what}")]
    Corrupt {
        /// What SQLite says.
        what: String,
    },
    /// The file system or the file does not allow writing.
    #[error("the journal cannot be written: {why}")]
    ReadOnly {
        /// What SQLite says.
        why: String,
    },
    /// The file cannot be opened: permissions, no inodes, a read-only disk.
    #[error("the journal cannot be opened: {why}")]
    CannotOpen {
        /// What the system says.
        why: String,
    },
    /// A newer nightkeep wrote it.
    #[error("the journal has format {found}, this nightkeep knows formats up to {known}: a newer one wrote it")]
    Newer {
        /// The format of the file.
        found: i64,
        /// The newest format known here.
        known: i64,
    },
    /// The disk failed. Whether an append was kept is unknown; opening the journal again tells.
    #[error("the disk of the journal failed: {why}")]
    Io {
        /// What SQLite says.
        why: String,
    },
    /// The journal was closed.
    #[error("the journal is closed")]
    Closed,
    /// Anything else.
    #[error("the journal failed: {why}")]
    Other {
        /// What SQLite or its driver says.
        why: String,
    },
}

/// `SQLITE_IOERR_SHMSIZE`: the shared index could not grow, which on Linux means a full disk.
const SHM_SIZE: i32 = 4874;

impl JournalError {
    /// Classes an error of the database.
    pub(super) fn of(error: sqlx::Error) -> Self {
        let why = error.to_string();
        if matches!(error, sqlx::Error::ColumnDecode { .. }) {
            return Self::Corrupt { what: why };
        }
        if matches!(error, sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed) {
            return Self::Closed;
        }
        let code = error.as_database_error().and_then(|database| database.code()?.parse().ok());
        let Some(code): Option<i32> = code else {
            return Self::Other { why };
        };
        match code & 0xff {
            5 | 6 => Self::Locked,
            8 => Self::ReadOnly { why },
            10 if code == SHM_SIZE => Self::Full,
            10 => Self::Io { why },
            11 | 26 => Self::Corrupt { what: why },
            13 => Self::Full,
            14 => Self::CannotOpen { why },
            _ => Self::Other { why },
        }
    }
    /// Classes an error of the file system.
    pub(super) fn of_io(error: &std::io::Error, path: &Path) -> Self {
        let why = format!("{}: {error}", path.display());
        if error.kind() == std::io::ErrorKind::StorageFull { Self::Full } else { Self::CannotOpen { why } }
    }
}
