//! Appending, reading, the chain of hashes.

use super::{all, event, folder, meddle, open, row};
use nightkeep::store::{FORMAT, Filter, Journal, JournalError, NewEvent};
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[tokio::test]
async fn what_was_appended_is_there_after_a_reopen() {
    let (_folder, path) = folder();
    let journal = open(&path).await;
    assert_eq!(journal.last_seq(), 0);
    assert_eq!(journal.reader().verify().await, Ok(None));
    let first = NewEvent { night: None, session: None, ..event("{}") };
    assert_eq!(journal.append(vec![first.clone(), event("{\"ü\":1}")], vec![row("a", Some("1"))]).await, Ok(2));
    assert_eq!(journal.append(vec![event("3")], vec![row("a", None), row("b", Some("2"))]).await, Ok(3));
    assert_eq!(journal.append(vec![], vec![]).await, Ok(3));
    assert_eq!(journal.append(vec![], vec![row("c", Some("4"))]).await, Ok(3));
    journal.close().await;
    assert_eq!(journal.append(vec![event("4")], vec![]).await, Err(JournalError::Closed));
    assert!(!path.with_extension("db-wal").exists(), "an orderly close leaves one file");

    let journal = open(&path).await;
    assert_eq!(journal.last_seq(), 3);
    let events = all(journal.reader()).await;
    assert_eq!(events.iter().map(|e| e.seq).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(events[0].event, first);
    assert_eq!(events[1].event, event("{\"ü\":1}"));
    let rows = journal.reader().rows(None).await.unwrap();
    let rows: Vec<_> = rows.iter().map(|r| (r.key.as_str(), r.body.as_str(), r.seq)).collect();
    assert_eq!(rows, [("b", "2", 3), ("c", "4", 3)]);
    assert_eq!(journal.reader().rows(Some("other")).await.unwrap(), []);
    assert_eq!(journal.append(vec![event("4")], vec![]).await, Ok(4));
    assert_eq!(journal.reader().verify().await, Ok(None));
}

#[tokio::test]
async fn the_file_is_private_also_when_it_was_not() {
    let (_folder, path) = folder();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    open(&path).await.close().await;
    assert_eq!(mode(&path), 0o600);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let journal = open(&path).await;
    journal.append(vec![event("1")], vec![]).await.unwrap();
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&path.with_extension("db-wal")), 0o600);
}

#[tokio::test]
async fn events_can_be_filtered_and_nights_listed() {
    let (_folder, path) = folder();
    let journal = open(&path).await;
    let at = |night: &str, session: &str, wall: i64| NewEvent {
        night: Some(night.to_owned()),
        session: Some(session.to_owned()),
        at_wall: wall,
        ..event("")
    };
    let no_night = NewEvent { night: None, ..event("") };
    let events = vec![
        no_night.clone(),
        at("2026-11-20", "a", 10),
        at("2026-11-20", "b", 20),
        no_night,
        at("2026-11-21", "a", 30),
        at("2026-11-21", "a", 40),
    ];
    journal.append(events, vec![]).await.unwrap();
    let seqs = async |night: Option<&str>, session: Option<&str>, after_seq: i64, limit: u32| {
        let filter = Filter { night: night.map(str::to_owned), session: session.map(str::to_owned), after_seq, limit };
        let page = journal.reader().events(&filter).await.unwrap();
        page.iter().map(|e| e.seq).collect::<Vec<_>>()
    };
    assert_eq!(seqs(None, None, 0, 100).await, [1, 2, 3, 4, 5, 6]);
    assert_eq!(seqs(None, None, 2, 2).await, [3, 4]);
    assert_eq!(seqs(Some("2026-11-20"), None, 0, 100).await, [2, 3]);
    assert_eq!(seqs(None, Some("a"), 0, 100).await, [2, 5, 6]);
    assert_eq!(seqs(Some("2026-11-21"), Some("a"), 5, 100).await, [6]);
    let nights = journal.reader().nights().await.unwrap();
    let nights: Vec<_> =
        nights.iter().map(|n| (n.night.as_str(), n.first_seq, n.last_seq, n.first_wall, n.last_wall)).collect();
    assert_eq!(nights, [("2026-11-20", 2, 3, 10, 20), ("2026-11-21", 5, 6, 30, 40)]);
}

#[tokio::test]
async fn an_event_cannot_be_changed_or_deleted_by_accident() {
    let (_folder, path) = folder();
    let journal = open(&path).await;
    journal.append(vec![event("1")], vec![]).await.unwrap();
    let mut db = super::foreign(&path).await;
    for sql in ["UPDATE events SET body = '2'", "DELETE FROM events"] {
        let error = sqlx::query(sql).execute(&mut db).await.unwrap_err();
        assert!(error.to_string().contains("append-only"), "{error}");
    }
}

#[tokio::test]
async fn meddling_shows_and_says_where() {
    for (sql, seq, why) in [
        ("UPDATE events SET body = 'X' WHERE seq = 7", 7, "does not fit"),
        ("UPDATE events SET at_wall = at_wall + 1 WHERE seq = 3", 3, "does not fit"),
        ("UPDATE events SET hash = zeroblob(32) WHERE seq = 10", 10, "does not fit"),
        ("DELETE FROM events WHERE seq = 5", 5, "missing"),
        ("DELETE FROM events WHERE seq >= 9", 9, "missing"),
        ("DELETE FROM events", 1, "missing"),
    ] {
        let (_folder, path) = folder();
        let journal = open(&path).await;
        for i in 0..10 {
            journal.append(vec![event(&i.to_string())], vec![]).await.unwrap();
        }
        journal.close().await;
        let drop = "DROP TRIGGER events_are_not_changed; DROP TRIGGER events_are_not_deleted;";
        meddle(&path, &format!("{drop} {sql}")).await;
        let reader = Journal::open_read_only(&path).await.unwrap();
        let broken = reader.verify().await.unwrap().unwrap();
        assert_eq!(broken.seq, seq, "{sql}");
        assert!(broken.why.contains(why), "{sql}: {}", broken.why);
    }
}

#[tokio::test]
async fn a_byte_edited_in_the_file_shows() {
    let (_folder, path) = folder();
    let journal = open(&path).await;
    journal.append((0..50).map(|i| event(&format!("value-{i:04}"))).collect(), vec![]).await.unwrap();
    journal.close().await;
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(10).position(|w| w == b"value-0033").unwrap() + 9;
    // Another text, and bytes that are no text at all.
    for byte in [b'4', 0xff] {
        bytes[at] = byte;
        fs::write(&path, &bytes).unwrap();
        let reader = Journal::open_read_only(&path).await.unwrap();
        assert_eq!(reader.verify().await.unwrap().unwrap().seq, 34);
        let readable = reader.events(&Filter::default()).await;
        assert_eq!(matches!(readable, Err(JournalError::Corrupt { .. })), byte == 0xff);
    }
}

#[tokio::test]
async fn a_newer_format_is_refused_and_left_alone() {
    let (_folder, path) = folder();
    open(&path).await.close().await;
    meddle(&path, &format!("PRAGMA user_version = {}", FORMAT + 1)).await;
    let before = fs::read(&path).unwrap();
    let newer = JournalError::Newer { found: FORMAT + 1, known: FORMAT };
    assert_eq!(Journal::open(&path).await.unwrap_err(), newer);
    assert_eq!(Journal::open_read_only(&path).await.unwrap_err(), newer);
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn damage_is_told_from_other_failures() {
    let (folder, path) = folder();
    fs::write(&path, "this is no database, but it is long enough to have a header of one".repeat(100)).unwrap();
    assert!(matches!(Journal::open(&path).await, Err(JournalError::Corrupt { .. })));
    assert!(matches!(Journal::open_read_only(&path).await, Err(JournalError::Corrupt { .. })));

    let damaged = folder.path().join("damaged.db");
    let journal = open(&damaged).await;
    journal.append((0..500).map(|i| event(&format!("{i}").repeat(100))).collect(), vec![]).await.unwrap();
    journal.close().await;
    let mut bytes = fs::read(&damaged).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8192].fill(0x5a);
    fs::write(&damaged, bytes).unwrap();
    assert!(matches!(Journal::open(&damaged).await, Err(JournalError::Corrupt { .. })));

    let missing = folder.path().join("missing.db");
    assert_eq!(Journal::open_read_only(&missing).await.unwrap_err(), JournalError::Missing { path: missing.clone() });
    assert!(!missing.exists(), "looking makes nothing");
    let no_folder = folder.path().join("no/folder.db");
    assert!(matches!(Journal::open(&no_folder).await, Err(JournalError::CannotOpen { .. })));
    let empty = folder.path().join("empty.db");
    fs::write(&empty, "").unwrap();
    assert!(matches!(Journal::open_read_only(&empty).await, Err(JournalError::Missing { .. })));
}

#[tokio::test]
async fn a_hundred_thousand_events_are_read_in_pages() {
    let (_folder, path) = folder();
    let journal = open(&path).await;
    let body = "x".repeat(400);
    for _ in 0..50 {
        journal.append(vec![event(&body); 2000], vec![]).await.unwrap();
    }
    let resident = || {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap().to_owned();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let before = resident();
    let (mut seen, mut most) = (0, 0);
    let mut filter = Filter { night: Some("2026-11-21".to_owned()), ..Filter::default() };
    loop {
        let page = journal.reader().events(&filter).await.unwrap();
        assert!(page.len() <= 1000);
        let Some(last) = page.last() else { break };
        filter.after_seq = last.seq;
        seen += page.len();
        most = most.max(resident());
    }
    assert_eq!(seen, 100_000);
    let grown = most.saturating_sub(before);
    assert!(grown < 16 * 1024, "40 MB of events took {grown} KiB more memory");
    assert_eq!(journal.reader().verify().await, Ok(None));
}
