//! Letting the oldest events go: from the beginning of the journal only, with the hash that the rest is checked against.

use super::error::JournalError;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Executor};

/// What goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trim {
    /// The last event that goes.
    pub through: i64,
    /// Of these kinds of rows ...
    pub kinds: Vec<String>,
    /// ... those go whose key comes before this one.
    pub before_key: String,
}

/// Events are never deleted otherwise, so the guard against it is lifted for this one transaction only.
const GUARD: &str = "CREATE TRIGGER events_are_not_deleted BEFORE DELETE ON events
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END";

/// Lets events and rows go in one transaction; all of it or nothing. Gives the number of events that went. The file is
/// made smaller when more than half of it has come free.
pub(super) async fn trim(db: &mut SqliteConnection, trim: &Trim) -> Result<u64, JournalError> {
    let mut tx = db.begin_with("BEGIN IMMEDIATE").await.map_err(JournalError::of)?;
    let base: Option<(i64, Vec<u8>)> = sqlx::query_as("SELECT seq, hash FROM events WHERE seq = $1")
        .bind(trim.through)
        .fetch_optional(&mut *tx)
        .await
        .map_err(JournalError::of)?;
    // Never the last event: the head is read from it.
    let is_last: Option<i64> =
        sqlx::query_scalar("SELECT max(seq) FROM events").fetch_one(&mut *tx).await.map_err(JournalError::of)?;
    let Some((seq, hash)) = base.filter(|(seq, _)| Some(*seq) != is_last) else { return Ok(0) };
    tx.execute("DROP TRIGGER events_are_not_deleted").await.map_err(JournalError::of)?;
    let gone = sqlx::query("DELETE FROM events WHERE seq <= $1")
        .bind(seq)
        .execute(&mut *tx)
        .await
        .map_err(JournalError::of)?;
    tx.execute(GUARD).await.map_err(JournalError::of)?;
    super::open::note_base(&mut tx, seq, &hash).await?;
    for kind in &trim.kinds {
        sqlx::query("DELETE FROM rows WHERE kind = $1 AND key < $2")
            .bind(kind)
            .bind(&trim.before_key)
            .execute(&mut *tx)
            .await
            .map_err(JournalError::of)?;
    }
    tx.commit().await.map_err(JournalError::of)?;
    shrink(db).await;
    Ok(gone.rows_affected())
}

/// Gives free pages back. Failing is no harm: free pages are used again.
async fn shrink(db: &mut SqliteConnection) {
    let pages = sqlx::query_scalar::<_, i64>("PRAGMA page_count").fetch_one(&mut *db).await.unwrap_or(0);
    let free = sqlx::query_scalar::<_, i64>("PRAGMA freelist_count").fetch_one(&mut *db).await.unwrap_or(0);
    if free * 2 > pages {
        let _ = db.execute("VACUUM").await;
        let _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").await;
    }
}
