//! Opening the file: private, checked, and in the newest format.

use super::chain::{Head, START};
use super::error::JournalError;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, SqlSafeStr};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

/// The newest format this program knows: SQLite's `user_version`.
pub const FORMAT: i64 = 1;
/// How long SQLite itself waits for a lock.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

fn migrator() -> Migrator {
    let journal = include_str!("../../migrations/sqlite/0001_journal.sql").into_sql_str();
    Migrator::with_migrations(vec![Migration::new(1, "journal".into(), MigrationType::Simple, journal, false)])
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging()
}

/// How the one writer connects.
fn writer_options(path: &Path) -> SqliteConnectOptions {
    options(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        // In KiB. The journal is appended to; there is little to keep in memory.
        .pragma("cache_size", "-1024")
        .pragma("journal_size_limit", "16777216")
        .thread_name(|_| "nk-journal-db".to_owned())
}

/// How readers connect. `immutable` is for a file that nobody can write, where SQLite's shared index cannot be made.
pub(super) fn reader_options(path: &Path, immutable: bool) -> SqliteConnectOptions {
    options(path)
        .read_only(true)
        .immutable(immutable)
        .pragma("cache_size", "-512")
        .thread_name(|_| "nk-journal-read".to_owned())
}

/// Opens the journal for its one writer; makes it when there is none, and brings an older one to [`FORMAT`].
pub(super) async fn open_writer(path: &Path) -> Result<(SqliteConnection, Head), JournalError> {
    make_private(path)?;
    let mut db = writer_options(path).connect().await.map_err(JournalError::of)?;
    let format = check_format(&mut db).await?;
    check_pages(&mut db).await?;
    if format < FORMAT {
        migrator().run(&mut db).await.map_err(of_migration)?;
    }
    ensure_id(&mut db).await?;
    let head = read_head(&mut db).await?;
    Ok((db, head))
}

/// Connects again to a journal that was open before.
pub(super) async fn reopen_writer(path: &Path) -> Result<(SqliteConnection, Head), JournalError> {
    let mut db = writer_options(path).connect().await.map_err(JournalError::of)?;
    check_format(&mut db).await?;
    let head = read_head(&mut db).await?;
    Ok((db, head))
}

/// Makes the file with mode 0600, or takes the rights of others away; SQLite gives its side files the same mode.
fn make_private(path: &Path) -> Result<(), JournalError> {
    match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let mode = fs::metadata(path).map_err(|error| JournalError::of_io(&error, path))?.permissions().mode();
            if mode & 0o077 != 0 {
                fs::set_permissions(path, fs::Permissions::from_mode(0o600))
                    .map_err(|error| JournalError::of_io(&error, path))?;
            }
            Ok(())
        }
        Err(error) => Err(JournalError::of_io(&error, path)),
    }
}

/// The format of the file; 0 for an empty one.
pub(super) async fn check_format(db: &mut SqliteConnection) -> Result<i64, JournalError> {
    let found = sqlx::query_scalar("PRAGMA user_version").fetch_one(db).await.map_err(JournalError::of)?;
    if found > FORMAT { Err(JournalError::Newer { found, known: FORMAT }) } else { Ok(found) }
}

async fn check_pages(db: &mut SqliteConnection) -> Result<(), JournalError> {
    let found: Vec<String> =
        sqlx::query_scalar("PRAGMA quick_check(5)").fetch_all(db).await.map_err(JournalError::of)?;
    if found == ["ok"] { Ok(()) } else { Err(JournalError::Corrupt { what: found.join("; ") }) }
}

fn of_migration(error: sqlx::migrate::MigrateError) -> JournalError {
    use sqlx::migrate::MigrateError;
    if let MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) = error {
        return JournalError::of(error);
    }
    JournalError::Other { why: error.to_string() }
}

/// Gives a journal the name that tells it from every other, once.
async fn ensure_id(db: &mut SqliteConnection) -> Result<(), JournalError> {
    if read_id(&mut *db).await?.is_none() {
        let id = format!("{:032x}", fastrand::u128(..));
        let insert = sqlx::query("INSERT OR IGNORE INTO meta (key, value) VALUES ('id', $1)").bind(id);
        insert.execute(db).await.map_err(JournalError::of)?;
    }
    Ok(())
}

/// The journal's own name.
pub(super) async fn read_id(db: impl sqlx::SqliteExecutor<'_>) -> Result<Option<String>, JournalError> {
    let id = sqlx::query_scalar("SELECT value FROM meta WHERE key = 'id'");
    id.fetch_optional(db).await.map_err(JournalError::of)
}

/// The last event, or what stands before the first one.
async fn read_head(db: &mut SqliteConnection) -> Result<Head, JournalError> {
    let last: Option<(i64, Vec<u8>)> = sqlx::query_as("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1")
        .fetch_optional(&mut *db)
        .await
        .map_err(JournalError::of)?;
    match last {
        Some((seq, hash)) => Ok(Head { seq, hash: hash_of(seq, &hash)? }),
        None => read_base(db).await,
    }
}

/// What stands before the first event that is kept.
pub(super) async fn read_base(db: &mut SqliteConnection) -> Result<Head, JournalError> {
    let base: Option<(i64, String)> = sqlx::query_as(
        "SELECT CAST(b.value AS INTEGER), h.value FROM meta b JOIN meta h ON h.key = 'base_hash' WHERE b.key = 'base'",
    )
    .fetch_optional(db)
    .await
    .map_err(JournalError::of)?;
    match base {
        None => Ok(Head { seq: 0, hash: START }),
        Some((seq, hex)) => {
            let bytes: Option<Vec<u8>> =
                (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(hex.get(i..i + 2)?, 16).ok()).collect();
            Ok(Head { seq, hash: hash_of(seq, &bytes.unwrap_or_default())? })
        }
    }
}

/// The hash as read from the file.
pub(super) fn hash_of(seq: i64, bytes: &[u8]) -> Result<[u8; 32], JournalError> {
    bytes.try_into().map_err(|_| JournalError::Corrupt { what: format!("event {seq} has no hash of 32 bytes") })
}
