//! SIGKILL in the middle of appending.

use super::{all, event, folder, open, row};
use nightkeep::store::Journal;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// Names the journal for the child; without it the child test does nothing.
const CHILD: &str = "NIGHTKEEP_TEST_APPEND_TO";

/// The child: appends from several tasks, prints each number once it is acknowledged, until it is killed.
#[test]
fn child_appends_until_killed() {
    let Ok(path) = std::env::var(CHILD) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async move {
        let journal = open(Path::new(&path)).await;
        let tasks: Vec<_> = (0..8)
            .map(|task| {
                let journal = journal.clone();
                tokio::spawn(async move {
                    for i in 0.. {
                        let body = format!("{task}-{i}");
                        let rows = vec![row(&task.to_string(), Some(&body))];
                        let seq = journal.append(vec![event("first"), event(&body)], rows).await.unwrap();
                        let mut out = std::io::stdout().lock();
                        writeln!(out, "ack {seq} {body}").unwrap();
                        out.flush().unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let (_folder, path) = folder();
    let mut acknowledged = Vec::new();
    for round in 1..=5 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child_appends_until_killed", "--nocapture"])
            .env(CHILD, &path)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut take = |line: String| {
            if let Some((seq, body)) = line.strip_prefix("ack ").and_then(|rest| rest.split_once(' ')) {
                acknowledged.push((seq.parse::<i64>().unwrap(), body.to_owned()));
                return true;
            }
            false
        };
        let mut count = 0;
        while count < 40 * round {
            count += usize::from(take(lines.next().expect("the child lives").unwrap()));
        }
        child.kill().unwrap();
        // What it had acknowledged by then may still stand in the pipe; the last line may be torn.
        let rest: Vec<String> = lines.map_while(Result::ok).collect();
        for line in &rest[..rest.len().saturating_sub(1)] {
            take(line.clone());
        }
        child.wait().unwrap();
        if round == 2 {
            // The log of the killed writer is still there: a reader sees all of it.
            let reader = Journal::open_read_only(&path).await.unwrap();
            check(&all(&reader).await, &acknowledged);
            assert_eq!(reader.verify().await, Ok(None));
        }
    }
    let journal = open(&path).await;
    let events = all(journal.reader()).await;
    check(&events, &acknowledged);
    assert_eq!(journal.reader().verify().await, Ok(None));
    assert_eq!(events.len() % 2, 0, "never half an append");
    for row in journal.reader().rows(None).await.unwrap() {
        let at = usize::try_from(row.seq).unwrap() - 1;
        assert_eq!(row.body, events[at].event.body, "the rows are those of the last event");
    }
}

fn check(events: &[nightkeep::store::Event], acknowledged: &[(i64, String)]) {
    for (seq, body) in acknowledged {
        let event = &events[usize::try_from(*seq).unwrap() - 1];
        assert_eq!((event.seq, &event.event.body), (*seq, body));
    }
}

#[tokio::test]
async fn a_write_ahead_log_that_somebody_deletes_takes_nothing_along() {
    let (_folder, path) = folder();
    let journal = open(&path).await;
    for n in 0..20 {
        journal.append(vec![event(&n.to_string())], vec![row("k", Some(&n.to_string()))]).await.unwrap();
    }
    assert!(journal.is_whole().await);
    for side in ["nightkeep.db-wal", "nightkeep.db-shm"] {
        std::fs::remove_file(path.with_file_name(side)).unwrap();
    }
    journal.append(vec![event("after")], vec![]).await.unwrap();
    assert!(!journal.is_whole().await);
    journal.append(vec![event("last")], vec![]).await.unwrap();
    // What another process finds that sees only the file, as after a crash of this one.
    let (_elsewhere, copy) = folder();
    std::fs::copy(&path, &copy).unwrap();
    let bodies: Vec<String> =
        all(&Journal::open_read_only(&copy).await.unwrap()).await.into_iter().map(|e| e.event.body).collect();
    let expected: Vec<String> = (0..20).map(|n| n.to_string()).chain(["after".into(), "last".into()]).collect();
    assert_eq!(bodies, expected);
    // Readers of our own go on.
    assert_eq!(all(journal.reader()).await.len(), 22);
}
