//! Opening the file: private, checked, and in the newest format.

use super::chain::{Head, START};
use super::error::JournalError;
use super::salvage::Beginning;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqlSafeStr};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The newest format this program knows: SQLite's `user_version`.
pub const FORMAT: i64 = 1;
/// How long SQLite itself waits for a lock.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// What makes each format of the one before, in order; the first makes the file. None ever changes once released.
const MIGRATIONS: [(&str, &str); 1] = [("journal", include_str!("../../migrations/sqlite/0001_journal.sql"))];

fn migrator(steps: &[(&'static str, &'static str)]) -> Migrator {
    let step = |(version, (name, sql)): (i64, &(&'static str, &'static str))| {
        Migration::new(version, (*name).into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations((1..).zip(steps).map(step).collect())
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

/// Opens the journal for its one writer; makes it when there is none, and brings an older one to [`FORMAT`], of which a
/// copy is kept.
pub(super) async fn open_writer(path: &Path) -> Result<(SqliteConnection, Head), JournalError> {
    make_private(path)?;
    let mut db = writer_options(path).connect().await.map_err(JournalError::of)?;
    match ready(&mut db, path).await {
        Ok(head) => Ok((db, head)),
        Err(error) => {
            // Waited for: the file may be moved away next, and SQLite tidies up by name.
            let _ = db.close().await;
            Err(error)
        }
    }
}

async fn ready(db: &mut SqliteConnection, path: &Path) -> Result<Head, JournalError> {
    let format = check_format(db).await?;
    check_pages(db).await?;
    migrate(db, path, format, &MIGRATIONS).await?;
    ensure_id(db, None).await?;
    read_head(db).await
}

/// Makes a journal that begins where another one does. There must be none at the path.
pub(super) async fn make(path: &Path, beginning: &Beginning) -> Result<(), JournalError> {
    make_private(path)?;
    let mut db = writer_options(path).connect().await.map_err(JournalError::of)?;
    migrate(&mut db, path, 0, &MIGRATIONS).await?;
    ensure_id(&mut db, beginning.id.as_deref()).await?;
    if let Some((seq, hash)) = beginning.base.filter(|(seq, _)| *seq > 0) {
        note_base(&mut db, seq, &hash).await?;
    }
    db.close().await.map_err(JournalError::of)
}

/// Brings the file to the newest format. Before that a copy of an older one is made beside it, which a restart after a
/// kill makes anew: `nightkeep.db.format-1`.
async fn migrate(
    db: &mut SqliteConnection,
    path: &Path,
    format: i64,
    steps: &[(&'static str, &'static str)],
) -> Result<(), JournalError> {
    if usize::try_from(format).is_ok_and(|format| format >= steps.len()) {
        return Ok(());
    }
    if format > 0 {
        let copy = beside(path, &format!(".format-{format}"));
        let making = beside(path, ".copying");
        let _ = fs::remove_file(&making);
        let shown = making.to_str().ok_or_else(|| JournalError::CannotOpen { why: "its path is not UTF-8".into() })?;
        sqlx::query("VACUUM INTO $1").bind(shown).execute(&mut *db).await.map_err(JournalError::of)?;
        let io = |error: std::io::Error| JournalError::of_io(&error, &copy);
        fs::set_permissions(&making, fs::Permissions::from_mode(0o600)).map_err(io)?;
        fs::File::open(&making).and_then(|file| file.sync_all()).map_err(io)?;
        fs::rename(&making, &copy).map_err(io)?;
    }
    migrator(steps).run(&mut *db).await.map_err(of_migration)
}

/// The path with something behind its name.
pub(super) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Notes the event before the first one that is kept.
pub(super) async fn note_base(db: &mut SqliteConnection, seq: i64, hash: &[u8]) -> Result<(), JournalError> {
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    for (key, value) in [("base", seq.to_string()), ("base_hash", hex)] {
        sqlx::query(
            "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        )
        .bind(key)
        .bind(value)
        .execute(&mut *db)
        .await
        .map_err(JournalError::of)?;
    }
    Ok(())
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

/// Gives a journal the name that tells it from every other, once: a new one, or that of the journal whose place it takes.
async fn ensure_id(db: &mut SqliteConnection, known: Option<&str>) -> Result<(), JournalError> {
    if read_id(&mut *db).await?.is_none() {
        let id = known.map_or_else(|| format!("{:032x}", fastrand::u128(..)), str::to_owned);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A format that does not exist yet.
    const NEXT: [(&str, &str); 2] =
        [MIGRATIONS[0], ("more", "CREATE TABLE more (x TEXT) STRICT; PRAGMA user_version = 2;")];

    async fn tables(path: &Path) -> i64 {
        let mut db = reader_options(path, false).connect().await.unwrap();
        sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name = 'more'").fetch_one(&mut db).await.unwrap()
    }

    #[tokio::test]
    async fn an_older_journal_is_copied_before_it_is_changed_and_a_new_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nightkeep.db");
        let copy = beside(&path, ".format-1");
        let (mut db, _) = open_writer(&path).await.unwrap();
        assert!(!copy.exists(), "it was new");
        sqlx::query("INSERT INTO meta (key, value) VALUES ('said', 'before')").execute(&mut db).await.unwrap();
        // What a restart after a kill finds.
        fs::write(beside(&path, ".copying"), "half a copy").unwrap();
        migrate(&mut db, &path, 1, &NEXT).await.unwrap();
        assert_eq!((tables(&path).await, tables(&copy).await), (1, 0));
        let mut old = reader_options(&copy, false).connect().await.unwrap();
        let said: String =
            sqlx::query_scalar("SELECT value FROM meta WHERE key = 'said'").fetch_one(&mut old).await.unwrap();
        assert_eq!(said, "before", "what stood in the write-ahead log is in the copy");
        assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!beside(&path, ".copying").exists());
        assert_eq!(check_format(&mut db).await, Err(JournalError::Newer { found: 2, known: 1 }));
    }

    #[tokio::test]
    async fn a_migration_that_fails_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nightkeep.db");
        let (mut db, _) = open_writer(&path).await.unwrap();
        let broken =
            [MIGRATIONS[0], ("broken", "CREATE TABLE more (x TEXT) STRICT; PRAGMA user_version = 2; SELECT nothing;")];
        assert!(migrate(&mut db, &path, 1, &broken).await.is_err());
        assert_eq!((tables(&path).await, check_format(&mut db).await), (0, Ok(1)));
    }
}
