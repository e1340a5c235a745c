//! The journal with real files: what is acknowledged is there, and what is wrong with a file is said.
#![expect(clippy::disallowed_methods, reason = "these tests start a child to kill, and mount small disks")]

#[path = "store/basics.rs"]
mod basics;
#[path = "store/crash.rs"]
mod crash;
#[path = "store/disk.rs"]
mod disk;
#[path = "store/salvage.rs"]
mod salvage;
#[path = "store/sharing.rs"]
mod sharing;

use nightkeep::store::{Event, Filter, Journal, NewEvent, NewRow, Reader};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// Longest wait for anything.
const DEADLINE: Duration = Duration::from_secs(60);

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nightkeep.db");
    (folder, path)
}

fn event(body: &str) -> NewEvent {
    NewEvent {
        at_wall: 1_795_000_000_000,
        at_mono: 5,
        night: Some("2026-11-21".to_owned()),
        session: Some("load".to_owned()),
        kind: "test".to_owned(),
        body: body.to_owned(),
    }
}

fn row(key: &str, body: Option<&str>) -> NewRow {
    NewRow { kind: "run".to_owned(), key: key.to_owned(), body: body.map(str::to_owned) }
}

/// All events, page by page.
async fn all(reader: &Reader) -> Vec<Event> {
    let mut events = Vec::new();
    let mut filter = Filter::default();
    loop {
        let page = reader.events(&filter).await.unwrap();
        let Some(last) = page.last() else {
            return events;
        };
        filter.after_seq = last.seq;
        events.extend(page);
    }
}

/// A connection of a program that is not ours.
async fn foreign(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).connect().await.unwrap()
}

/// Runs statements on the file as another program would.
async fn meddle(path: &Path, sql: &str) {
    let mut db = foreign(path).await;
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut db).await.unwrap();
    sqlx::Connection::close(db).await.unwrap();
}

async fn open(path: &Path) -> Journal {
    Journal::open(path).await.unwrap()
}
