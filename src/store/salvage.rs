//! What can still be read of a damaged journal, and the beginning of the one that takes its place.
//!
//! An event counts as read when it fits its hash, and its hash the one of the event before it: what is taken over is as it
//! was written. Pages that SQLite cannot read are stepped over.

use super::chain::Head;
use super::error::JournalError;
use super::model::{Event, NewEvent, Row};
use super::open;
use super::reader::{EventRow, event_of};
use futures_util::StreamExt as _;
use sqlx::sqlite::SqliteConnection;
use sqlx::{ConnectOptions, Connection};
use std::collections::BTreeMap;
use std::path::Path;

/// Events that are read at once.
const PAGE: usize = 1000;
/// How far behind the last one events are looked for where the journal does not say how far it went.
const LOOK_BEYOND: i64 = 10_000;

/// What a journal begins with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beginning {
    /// Its own name; a new one when there is none.
    pub id: Option<String>,
    /// The number of the event before the first one, and its hash.
    pub base: Option<(i64, [u8; 32])>,
}

/// A damaged journal, read from its beginning on.
#[derive(Debug)]
pub struct Salvage {
    db: Option<SqliteConnection>,
    beginning: Beginning,
    /// The event before the next one, as the file has it; without a hash when that is not known.
    before: (i64, Option<[u8; 32]>),
    /// The last event that was ever written, or where to look no further when that is not known.
    head: i64,
    head_is_known: bool,
    lost: u64,
    /// Numbers without an event since the last one that could be read.
    skipped: u64,
}

impl Salvage {
    /// Opens what is there. A file that SQLite takes for none of its own has nothing to give.
    pub async fn open(path: &Path) -> Self {
        let nothing = Self {
            db: None,
            beginning: Beginning::default(),
            before: (0, None),
            head: 0,
            head_is_known: false,
            lost: 0,
            skipped: 0,
        };
        let Ok(mut db) = open::reader_options(path, false).connect().await else { return nothing };
        if !matches!(open::check_format(&mut db).await, Ok(format) if format > 0) {
            let _ = db.close().await;
            return nothing;
        }
        let id = open::read_id(&mut db).await.ok().flatten();
        let base = open::read_base(&mut db).await.ok();
        let noted = scalar(&mut db, "SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'head'").await;
        let last = scalar(&mut db, "SELECT max(seq) FROM events").await;
        let before = base.as_ref().map_or((0, None), |head| (head.seq, Some(head.hash)));
        let known = noted.max(last);
        let head = known.unwrap_or(before.0 + LOOK_BEYOND);
        let base = base.map(|head| (head.seq, head.hash));
        Self {
            db: Some(db),
            beginning: Beginning { id, base },
            before,
            head,
            head_is_known: known.is_some(),
            lost: 0,
            skipped: 0,
        }
    }
    /// What the journal that takes its place begins with.
    pub fn beginning(&self) -> &Beginning {
        &self.beginning
    }
    /// Events that could not be read so far, or are not as they were written; as far as that can be known.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// The next events that are as they were written; `None` after the last.
    pub async fn next(&mut self) -> Option<Vec<NewEvent>> {
        let mut kept = Vec::new();
        while self.before.0 < self.head && kept.len() < PAGE {
            let after = self.before.0;
            let db = self.db.as_mut()?;
            let page = match read(db, after, PAGE).await {
                Ok(page) => Some(page),
                // Somewhere in it is what cannot be read: one by one to it, and over it.
                Err(_) => read(db, after, 1).await.ok(),
            };
            match page {
                None => self.step_over(after + 1),
                Some(page) if page.is_empty() => {
                    self.skipped += u64::try_from(self.head - after).unwrap_or(0);
                    self.before = (self.head, None);
                }
                Some(page) => page.into_iter().for_each(|event| self.take(event, &mut kept)),
            }
        }
        if kept.is_empty() && self.head_is_known {
            self.lost += std::mem::take(&mut self.skipped);
        }
        (!kept.is_empty()).then_some(kept)
    }

    fn take(&mut self, event: Event, kept: &mut Vec<NewEvent>) {
        let (seq, hash) = self.before;
        let missing = event.seq - seq - 1;
        self.lost += std::mem::take(&mut self.skipped) + u64::try_from(missing).unwrap_or(0);
        if !self.head_is_known {
            self.head = event.seq + LOOK_BEYOND;
        }
        let fits = missing == 0
            && hash.is_some_and(|hash| {
                let next = Head { seq, hash }.next(&event.event);
                (next.seq, next.hash) == (event.seq, event.hash)
            });
        self.before = (event.seq, Some(event.hash));
        if fits {
            kept.push(event.event);
        } else {
            self.lost += 1;
        }
    }
    fn step_over(&mut self, seq: i64) {
        self.skipped += 1;
        self.before = (seq, None);
    }

    /// The rows that can be read, by kind and key.
    pub async fn rows(&mut self) -> Vec<Row> {
        let Some(db) = self.db.as_mut() else { return Vec::new() };
        let mut rows = BTreeMap::new();
        // From both ends, so that a damaged page in the middle hides itself alone.
        for sql in [
            "SELECT kind, key, body, seq FROM rows ORDER BY rowid",
            "SELECT kind, key, body, seq FROM rows ORDER BY rowid DESC",
        ] {
            let mut found = sqlx::query_as::<_, (String, String, String, i64)>(sql).fetch(&mut *db);
            while let Some(Ok((kind, key, body, seq))) = found.next().await {
                rows.insert((kind.clone(), key.clone()), Row { kind, key, body, seq });
            }
        }
        rows.into_values().collect()
    }
    /// Lets the file go.
    pub async fn close(self) {
        if let Some(db) = self.db {
            // What it says of its end changes nothing.
            let _ = db.close().await;
        }
    }
}

async fn scalar(db: &mut SqliteConnection, sql: &'static str) -> Option<i64> {
    sqlx::query_scalar::<_, Option<i64>>(sql).fetch_optional(db).await.ok().flatten().flatten()
}

/// Events after a number, in order. An error also when one of them has no hash that could be one.
async fn read(db: &mut SqliteConnection, after: i64, limit: usize) -> Result<Vec<Event>, JournalError> {
    let rows: Vec<EventRow> = sqlx::query_as(
        "SELECT seq, at_wall, at_mono, night, session, kind, body, hash FROM events WHERE seq > $1 ORDER BY seq LIMIT $2",
    )
    .bind(after)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .fetch_all(db)
    .await
    .map_err(JournalError::of)?;
    rows.into_iter().map(event_of).collect()
}
