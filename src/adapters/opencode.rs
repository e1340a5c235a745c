//! opencode's database: the messages of its sessions, read and never written.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Row as _};
use std::path::Path;
use std::time::Duration;

/// Most messages of one look.
const MESSAGES_MAX: i64 = 20_000;
/// Longest message that is read, in bytes: what tells of its tokens is short.
const LENGTH_MAX: i64 = 1 << 20;
/// How long a writer is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// A message of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMessage {
    /// Its id.
    pub id: String,
    /// The session's id.
    pub session: String,
    /// It, as JSON.
    pub data: String,
}

/// The messages of models that were begun after a time (milliseconds since 1970), in the order in which they were stored.
/// The error says what went wrong; a database of another form is one.
pub async fn messages(database: &Path, since_ms: i64) -> Result<Vec<StoredMessage>, String> {
    let options = SqliteConnectOptions::new().filename(database).read_only(true).busy_timeout(PATIENCE);
    let mut connection = options.disable_statement_logging().connect().await.map_err(|e| e.to_string())?;
    let found = sqlx::query(
        "SELECT id, session_id, data FROM message \
         WHERE CASE WHEN length(data) <= ?1 AND json_valid(data) \
         THEN json_extract(data, '$.role') = 'assistant' AND json_extract(data, '$.time.created') >= ?2 ELSE 0 END \
         ORDER BY rowid LIMIT ?3",
    )
    .bind(LENGTH_MAX)
    .bind(since_ms)
    .bind(MESSAGES_MAX)
    .fetch_all(&mut connection)
    .await
    .map_err(|e| e.to_string());
    // Nothing was written, so nothing can be lost by a close that fails.
    let _ = connection.close().await;
    let text =
        |row: &sqlx::sqlite::SqliteRow, column: &str| row.try_get::<String, _>(column).map_err(|e| e.to_string());
    let read = |row: sqlx::sqlite::SqliteRow| {
        Ok(StoredMessage { id: text(&row, "id")?, session: text(&row, "session_id")?, data: text(&row, "data")? })
    };
    found?.into_iter().map(read).collect()
}
