//! What is read of damaged journals: what was written, as it was written, and nothing else.

use super::{all, event, folder, meddle, open, row};
use nightkeep::store::{Beginning, Event, Journal, Salvage};
use std::fs;
use std::path::Path;

/// A journal of many pages, closed, and what is in it.
async fn long(path: &Path) -> Vec<Event> {
    let journal = open(path).await;
    for i in 0..30 {
        let events = (0..20).map(|j| event(&format!("{}", i * 20 + j).repeat(60))).collect();
        journal.append(events, vec![row(&format!("key-{i}"), Some(&"x".repeat(300)))]).await.unwrap();
    }
    let events = all(journal.reader()).await;
    journal.close().await;
    events
}

async fn salvaged(path: &Path) -> (Beginning, Vec<String>, u64) {
    let mut salvage = Salvage::open(path).await;
    let mut bodies = Vec::new();
    while let Some(page) = salvage.next().await {
        bodies.extend(page.into_iter().map(|event| event.body));
    }
    let (beginning, lost) = (salvage.beginning().clone(), salvage.lost());
    salvage.close().await;
    (beginning, bodies, lost)
}

#[tokio::test]
async fn of_a_whole_journal_all_is_read() {
    let (_folder, path) = folder();
    let events = long(&path).await;
    let id = Journal::open_read_only(&path).await.unwrap().id().await.unwrap();
    let (beginning, bodies, lost) = salvaged(&path).await;
    assert_eq!((beginning.id, beginning.base.map(|(seq, _)| seq), lost), (Some(id), Some(0), 0));
    assert!(bodies.iter().eq(events.iter().map(|event| &event.event.body)));
    let mut salvage = Salvage::open(&path).await;
    assert_eq!(salvage.rows().await.len(), 30);
}

#[tokio::test]
async fn whatever_is_overwritten_the_rest_is_read_and_nothing_is_made_up() {
    let (_folder, path) = folder();
    let events = long(&path).await;
    let whole = fs::read(&path).unwrap();
    let mut rng = fastrand::Rng::with_seed(7);
    let mut some = 0;
    for _ in 0..60 {
        let mut bytes = whole.clone();
        let len = rng.usize(1..8192);
        let at = rng.usize(100..bytes.len() - len);
        bytes[at..at + len].iter_mut().for_each(|byte| *byte = rng.u8(..));
        fs::write(&path, &bytes).unwrap();
        let (_, bodies, lost) = salvaged(&path).await;
        let mut rest = events.iter();
        for body in &bodies {
            assert!(
                rest.any(|event| event.event.body == *body),
                "an event that was never written, or in another order"
            );
        }
        some += usize::from(bodies.len() > events.len() / 2);
        let told = lost > 0 || bodies.is_empty() || bodies.len() == events.len();
        assert!(told, "{} of {} with nothing lost", bodies.len(), events.len());
    }
    assert!(some > 40, "most damages cost less than half: {some}");
}

#[tokio::test]
async fn an_event_that_was_changed_is_left_out_alone() {
    let (_folder, path) = folder();
    let events = long(&path).await;
    meddle(&path, "DROP TRIGGER events_are_not_changed; UPDATE events SET body = 'else' WHERE seq = 100").await;
    let (_, bodies, lost) = salvaged(&path).await;
    assert_eq!((bodies.len(), lost), (events.len() - 1, 1));
    assert!(!bodies.contains(&"else".to_owned()));
}

#[tokio::test]
async fn what_is_no_journal_gives_nothing() {
    let (folder, path) = folder();
    long(&path).await;
    let mut bytes = fs::read(&path).unwrap();
    bytes[..4096].fill(0x5a);
    fs::write(&path, &bytes).unwrap();
    assert_eq!(salvaged(&path).await, (Beginning::default(), Vec::new(), 0));
    assert_eq!(salvaged(&folder.path().join("missing.db")).await.1.len(), 0);
}

#[tokio::test]
async fn a_journal_that_begins_where_another_one_does_goes_on_with_its_name_and_numbers() {
    let (folder, path) = folder();
    let beginning = Beginning { id: Some("its-name".into()), base: Some((41, [7; 32])) };
    Journal::make(&path, &beginning).await.unwrap();
    let journal = open(&path).await;
    assert_eq!(journal.append(vec![event("next")], vec![]).await, Ok(42));
    assert_eq!(journal.reader().id().await.unwrap(), "its-name");
    assert_eq!(journal.reader().verify().await, Ok(None));
    journal.close().await;
    drop(folder);
}
