//! Many callers, other programs, readers beside the writer.

use super::{DEADLINE, all, event, folder, foreign, open, row};
use nightkeep::store::{Filter, Journal};
use std::collections::BTreeSet;
use std::time::Duration;

#[tokio::test]
async fn appends_that_wait_together_share_a_write() {
    let (_folder, path) = folder();
    let journal = open(&path).await;
    let tasks: Vec<_> = (0..1000)
        .map(|i| {
            let journal = journal.clone();
            let rows = vec![row(&format!("{}", i % 10), Some(&format!("{i}")))];
            tokio::spawn(async move { (i, journal.append(vec![event(&format!("{i}"))], rows).await.unwrap()) })
        })
        .collect();
    let mut acknowledged = BTreeSet::new();
    for task in tasks {
        let (i, seq) = task.await.unwrap();
        acknowledged.insert((seq, i.to_string()));
    }
    let stored: BTreeSet<_> = all(journal.reader()).await.into_iter().map(|e| (e.seq, e.event.body)).collect();
    assert_eq!(stored, acknowledged, "each caller got the number of its own event");
    assert!(journal.commits() < 100, "{} commits for 1000 appends", journal.commits());
    assert_eq!(journal.reader().verify().await, Ok(None));
    // Each row is as its last event left it.
    for row in journal.reader().rows(Some("run")).await.unwrap() {
        assert!(stored.contains(&(row.seq, row.body.clone())), "{row:?}");
    }
}

#[tokio::test]
async fn subscribers_see_the_last_number() {
    let (_folder, path) = folder();
    let journal = open(&path).await;
    let mut news = journal.subscribe();
    journal.append(vec![event("1"), event("2")], vec![]).await.unwrap();
    tokio::time::timeout(DEADLINE, news.wait_for(|seq| *seq == 2)).await.unwrap().unwrap();
    journal.append(vec![], vec![row("a", Some("1"))]).await.unwrap();
    assert!(!news.has_changed().unwrap(), "rows alone are no news");
    assert_eq!(journal.last_seq(), 2);
}

#[tokio::test]
async fn a_lock_of_another_program_is_waited_for() {
    let (_folder, path) = folder();
    let journal = open(&path).await;
    journal.append(vec![event("1")], vec![]).await.unwrap();
    let mut other = foreign(&path).await;
    sqlx::raw_sql("BEGIN EXCLUSIVE").execute(&mut other).await.unwrap();
    let mut append = tokio::spawn({
        let journal = journal.clone();
        async move { journal.append(vec![event("2")], vec![]).await }
    });
    let early = tokio::time::timeout(Duration::from_millis(6500), &mut append).await;
    assert!(early.is_err(), "it neither fails nor writes while the lock is held");
    assert_eq!(all(journal.reader()).await.len(), 1, "reading goes on");
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    assert_eq!(tokio::time::timeout(DEADLINE, append).await.unwrap().unwrap(), Ok(2));
    assert_eq!(journal.reader().verify().await, Ok(None));
}

#[tokio::test]
async fn a_reader_sees_whole_appends_while_the_writer_writes() {
    let (_folder, path) = folder();
    let journal = open(&path).await;
    journal.append(vec![event("a"), event("b")], vec![row("n", Some("2"))]).await.unwrap();
    let reader = Journal::open_read_only(&path).await.unwrap();
    let writing = tokio::spawn({
        let journal = journal.clone();
        async move {
            for i in 2..200 {
                let rows = vec![row("n", Some(&(i * 2).to_string()))];
                journal.append(vec![event("a"), event("b")], rows).await.unwrap();
            }
        }
    });
    let mut reads = 0;
    while !writing.is_finished() || reads == 0 {
        let last = reader.last_seq().await.unwrap();
        assert_eq!(last % 2, 0, "never half an append");
        let row = &reader.rows(None).await.unwrap()[0];
        assert_eq!(row.body, row.seq.to_string(), "the row belongs to its event");
        let filter = Filter { after_seq: last - 2, ..Filter::default() };
        assert!(reader.events(&filter).await.unwrap().len() >= 2);
        reads += 1;
    }
    writing.await.unwrap();
    assert_eq!(reader.verify().await, Ok(None));
    assert_eq!(reader.last_seq().await, Ok(398));
}
