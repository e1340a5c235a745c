//! STOPGAP until the real store is merged.
#![expect(missing_docs, reason = "stopgap")]
use sqlx::Row;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use std::path::Path;
use tokio::sync::watch;
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(#[from] sqlx::Error);
#[derive(Debug, Clone)]
pub struct NewEvent {
    pub at_wall: i64,
    pub at_mono: i64,
    pub night: Option<String>,
    pub session: Option<String>,
    pub kind: String,
    pub body: String,
}
#[derive(Debug, Clone)]
pub struct NewRow {
    pub kind: String,
    pub key: String,
    pub body: String,
}
#[derive(Debug, Clone)]
pub struct StoredRow {
    pub kind: String,
    pub key: String,
    pub body: String,
}
#[derive(Debug, Clone)]
pub struct StoredEvent {
    pub seq: i64,
    pub night: Option<String>,
    pub body: String,
    pub hash: String,
}
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub night: Option<String>,
    pub session: Option<String>,
    pub after_seq: Option<i64>,
    pub limit: Option<u32>,
}
#[derive(Debug, Clone)]
pub struct Journal {
    pool: SqlitePool,
    news: watch::Sender<i64>,
}
impl Journal {
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let o = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(o).await?;
        sqlx::raw_sql(&*Box::leak(
            include_str!("../../migrations/sqlite/0001_journal.sql")
                .replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS")
                .replace("CREATE INDEX", "CREATE INDEX IF NOT EXISTS")
                .into_boxed_str(),
        ))
        .execute(&pool)
        .await?;
        Ok(Self { pool, news: watch::channel(0).0 })
    }
    pub async fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        let o = SqliteConnectOptions::new().filename(path).read_only(true);
        Ok(Self { pool: SqlitePoolOptions::new().max_connections(1).connect_with(o).await?, news: watch::channel(0).0 })
    }
    pub async fn append(&self, events: Vec<NewEvent>, rows: Vec<NewRow>) -> Result<i64, StoreError> {
        let mut tx = self.pool.begin().await?;
        let mut seq = 0;
        for e in events {
            seq = sqlx::query("INSERT INTO events (at_wall,at_mono,night,session,kind,body,hash) VALUES ($1,$2,$3,$4,$5,$6,'') RETURNING seq").bind(e.at_wall).bind(e.at_mono).bind(e.night).bind(e.session).bind(e.kind).bind(e.body).fetch_one(&mut *tx).await?.get(0);
        }
        for r in rows {
            sqlx::query("INSERT INTO rows (kind,key,body,seq) VALUES ($1,$2,$3,$4) ON CONFLICT (kind,key) DO UPDATE SET body=excluded.body, seq=excluded.seq").bind(r.kind).bind(r.key).bind(r.body).bind(seq).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        self.news.send_replace(seq);
        Ok(seq)
    }
    pub async fn rows(&self) -> Result<Vec<StoredRow>, StoreError> {
        Ok(sqlx::query("SELECT kind,key,body FROM rows")
            .fetch_all(&self.pool)
            .await?
            .into_iter()
            .map(|r| StoredRow { kind: r.get(0), key: r.get(1), body: r.get(2) })
            .collect())
    }
    pub async fn last_seq(&self) -> Result<i64, StoreError> {
        Ok(sqlx::query("SELECT COALESCE(MAX(seq),0) FROM events").fetch_one(&self.pool).await?.get(0))
    }
    pub async fn events(&self, f: Filter) -> Result<Vec<StoredEvent>, StoreError> {
        Ok(sqlx::query("SELECT seq,night,body,hash FROM events WHERE ($1 IS NULL OR night=$1) AND ($2 IS NULL OR session=$2) AND seq > $3 ORDER BY seq LIMIT $4").bind(f.night).bind(f.session).bind(f.after_seq.unwrap_or(0)).bind(f.limit.map_or(-1, i64::from)).fetch_all(&self.pool).await?.into_iter().map(|r| StoredEvent { seq: r.get(0), night: r.get(1), body: r.get(2), hash: r.get(3) }).collect())
    }
    pub async fn nights(&self) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query("SELECT DISTINCT night FROM events WHERE night IS NOT NULL ORDER BY night")
            .fetch_all(&self.pool)
            .await?
            .into_iter()
            .map(|r| r.get(0))
            .collect())
    }
    pub async fn verify(&self) -> Result<Option<i64>, StoreError> {
        Ok(None)
    }
    pub fn subscribe(&self) -> watch::Receiver<i64> {
        self.news.subscribe()
    }
}
