//! Reading the journal, beside its writer or without one.

use super::chain::Head;
use super::error::JournalError;
use super::model::{Broken, Event, Filter, NewEvent, NightSpan, PAGE_MAX, Row};
use super::open::{check_format, hash_of, read_base, read_id, reader_options};
use sqlx::sqlite::{SqlitePool, SqlitePoolOptions};
use sqlx::{ConnectOptions, Connection};
use std::path::Path;
use std::time::Duration;

/// Connections that read at once; each is a thread with a small cache, let go when idle.
const CONNECTIONS: u32 = 2;
const IDLE: Duration = Duration::from_secs(30);
/// How long a caller waits for a free connection.
const ACQUIRE: Duration = Duration::from_secs(30);

/// Reads the journal. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reader {
    pool: SqlitePool,
}

impl Reader {
    /// Opens an existing journal for reading only, whether or not a daemon writes it at the same time.
    ///
    /// # Errors
    /// [`JournalError::Missing`] when there is none, `Newer` and `Corrupt` as they are, `CannotOpen` without the right to
    /// read it.
    pub async fn open(path: &Path) -> Result<Self, JournalError> {
        if std::fs::metadata(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
            return Err(JournalError::Missing { path: path.to_path_buf() });
        }
        let immutable = match Self::probe(path, false).await {
            Ok(format) => return Self::checked(path, format, false),
            // In a folder that cannot be written SQLite cannot make its shared index. It needs none when nobody writes.
            Err(JournalError::CannotOpen { .. } | JournalError::ReadOnly { .. }) if !has_wal(path) => true,
            Err(error) => return Err(error),
        };
        let format = Self::probe(path, immutable).await?;
        Self::checked(path, format, immutable)
    }

    /// The readers beside a writer that has the journal open.
    pub(super) fn beside_writer(path: &Path) -> Self {
        Self::new(path, false)
    }

    fn checked(path: &Path, format: i64, immutable: bool) -> Result<Self, JournalError> {
        // An empty file: a daemon made it and did not get further.
        if format == 0 {
            Err(JournalError::Missing { path: path.to_path_buf() })
        } else {
            Ok(Self::new(path, immutable))
        }
    }

    fn new(path: &Path, immutable: bool) -> Self {
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS)
            .min_connections(0)
            .idle_timeout(IDLE)
            .acquire_timeout(ACQUIRE)
            .connect_lazy_with(reader_options(path, immutable));
        Self { pool }
    }

    /// Connects once and reads the format, and a page behind the shared index.
    async fn probe(path: &Path, immutable: bool) -> Result<i64, JournalError> {
        let mut db = reader_options(path, immutable).connect().await.map_err(JournalError::of)?;
        let format = check_format(&mut db).await;
        // An error of closing tells nothing that matters here.
        let _ = db.close().await;
        format
    }

    /// The rows of one kind, or of all, by kind and key.
    pub async fn rows(&self, kind: Option<&str>) -> Result<Vec<Row>, JournalError> {
        let query = match kind {
            Some(kind) => {
                sqlx::query_as("SELECT kind, key, body, seq FROM rows WHERE kind = $1 ORDER BY key").bind(kind)
            }
            None => sqlx::query_as("SELECT kind, key, body, seq FROM rows ORDER BY kind, key"),
        };
        let rows: Vec<(String, String, String, i64)> = query.fetch_all(&self.pool).await.map_err(JournalError::of)?;
        Ok(rows.into_iter().map(|(kind, key, body, seq)| Row { kind, key, body, seq }).collect())
    }

    /// One page of events, oldest first; empty when there are no more.
    pub async fn events(&self, filter: &Filter) -> Result<Vec<Event>, JournalError> {
        // One text for each combination, so that each uses its index.
        let sql = match (&filter.night, &filter.session) {
            (None, None) => {
                "SELECT seq, at_wall, at_mono, night, session, kind, body, hash FROM events WHERE seq > $1 ORDER BY seq LIMIT $2"
            }
            (Some(_), None) => {
                "SELECT seq, at_wall, at_mono, night, session, kind, body, hash FROM events WHERE seq > $1 AND night = $3 ORDER BY seq LIMIT $2"
            }
            (None, Some(_)) => {
                "SELECT seq, at_wall, at_mono, night, session, kind, body, hash FROM events WHERE seq > $1 AND session = $4 ORDER BY seq LIMIT $2"
            }
            (Some(_), Some(_)) => {
                "SELECT seq, at_wall, at_mono, night, session, kind, body, hash FROM events WHERE seq > $1 AND session = $4 AND night = $3 ORDER BY seq LIMIT $2"
            }
        };
        let mut query = sqlx::query_as(sql).bind(filter.after_seq).bind(i64::from(filter.limit.min(PAGE_MAX)));
        if filter.night.is_some() || filter.session.is_some() {
            query = query.bind(filter.night.as_deref()).bind(filter.session.as_deref());
        }
        let rows: Vec<EventRow> = query.fetch_all(&self.pool).await.map_err(JournalError::of)?;
        rows.into_iter().map(event_of).collect()
    }

    /// The nights in the journal, oldest first.
    pub async fn nights(&self) -> Result<Vec<NightSpan>, JournalError> {
        // Steps from night to night through the index instead of reading every event.
        let sql = "WITH RECURSIVE n(night) AS (
                SELECT min(night) FROM events WHERE night IS NOT NULL
                UNION ALL
                SELECT (SELECT min(e.night) FROM events e WHERE e.night > n.night) FROM n WHERE n.night IS NOT NULL
            ), spans AS (
                SELECT night, (SELECT min(seq) FROM events e WHERE e.night = n.night) AS first,
                    (SELECT max(seq) FROM events e WHERE e.night = n.night) AS last
                FROM n WHERE night IS NOT NULL
            )
            SELECT s.night, s.first, s.last, f.at_wall, l.at_wall
            FROM spans s JOIN events f ON f.seq = s.first JOIN events l ON l.seq = s.last ORDER BY s.night";
        let rows: Vec<(String, i64, i64, i64, i64)> =
            sqlx::query_as(sql).fetch_all(&self.pool).await.map_err(JournalError::of)?;
        let span = |(night, first_seq, last_seq, first_wall, last_wall)| NightSpan {
            night,
            first_seq,
            last_seq,
            first_wall,
            last_wall,
        };
        Ok(rows.into_iter().map(span).collect())
    }

    /// The number of the last event; 0 when there is none.
    pub async fn last_seq(&self) -> Result<i64, JournalError> {
        let last: Option<i64> =
            sqlx::query_scalar("SELECT max(seq) FROM events").fetch_one(&self.pool).await.map_err(JournalError::of)?;
        Ok(last.unwrap_or(0))
    }

    /// Checks the whole chain of hashes; `None` when every event is as it was written and none is missing.
    pub async fn verify(&self) -> Result<Option<Broken>, JournalError> {
        self.verify_last(i64::MAX).await
    }

    /// Checks the chain of the last so many events.
    pub async fn verify_last(&self, count: i64) -> Result<Option<Broken>, JournalError> {
        let mut db = self.pool.acquire().await.map_err(JournalError::of)?;
        let mut head = read_base(&mut db).await?;
        let from: Option<(i64, Vec<u8>)> = sqlx::query_as(
            "SELECT seq, hash FROM events WHERE seq <= (SELECT max(seq) FROM events) - $1 ORDER BY seq DESC LIMIT 1",
        )
        .bind(count)
        .fetch_optional(&mut *db)
        .await
        .map_err(JournalError::of)?;
        if let Some((seq, hash)) = from {
            head = Head { seq, hash: hash_of(seq, &hash)? };
        }
        drop(db);
        // Read first: events that come while this runs are then not missed.
        let noted = self.noted_head().await?;
        let mut limit = Filter::default().limit;
        loop {
            let page = match self.events(&Filter { after_seq: head.seq, limit, ..Filter::default() }).await {
                Ok(page) if page.is_empty() => break,
                Ok(page) => page,
                // An event that cannot be read: step by step to it.
                Err(JournalError::Corrupt { .. }) if limit > 1 => {
                    limit = 1;
                    continue;
                }
                Err(JournalError::Corrupt { what }) => return Ok(Some(Broken { seq: head.seq + 1, why: what })),
                Err(error) => return Err(error),
            };
            for event in page {
                let Head { seq, hash } = head.next(&event.event);
                if event.seq != seq {
                    return Ok(Some(Broken { seq, why: format!("it is missing, the next one is {}", event.seq) }));
                }
                if event.hash != hash {
                    return Ok(Some(Broken { seq, why: "it does not fit its hash".to_owned() }));
                }
                head = Head { seq, hash };
            }
        }
        let missing = (head.seq < noted).then(|| Broken {
            seq: head.seq + 1,
            why: format!("it is missing, the journal was written up to {noted}"),
        });
        Ok(missing)
    }

    /// The number of the last event as noted beside the events.
    async fn noted_head(&self) -> Result<i64, JournalError> {
        let noted: Option<String> = sqlx::query_scalar("SELECT value FROM meta WHERE key = 'head'")
            .fetch_optional(&self.pool)
            .await
            .map_err(JournalError::of)?;
        Ok(noted.and_then(|value| value.parse().ok()).unwrap_or(0))
    }

    /// The journal's own name: made with it, the same for as long as it lives, no other journal has it.
    pub async fn id(&self) -> Result<String, JournalError> {
        // Only a journal that no writer of this version opened yet has none.
        Ok(read_id(&self.pool).await?.unwrap_or_default())
    }

    pub(super) fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// Lets the connections go.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Whether events stand in the write-ahead log that are not in the file itself.
fn has_wal(path: &Path) -> bool {
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    std::fs::metadata(wal).is_ok_and(|meta| meta.len() > 0)
}

pub(super) type EventRow = (i64, i64, i64, Option<String>, Option<String>, String, String, Vec<u8>);

pub(super) fn event_of(
    (seq, at_wall, at_mono, night, session, kind, body, hash): EventRow,
) -> Result<Event, JournalError> {
    let event = NewEvent { at_wall, at_mono, night, session, kind, body };
    Ok(Event { seq, event, hash: hash_of(seq, &hash)? })
}
