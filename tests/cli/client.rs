//! The client against a daemon that answers well, badly, or not at all.

use super::fake::{Fake, fact_about, status};
use super::home::Home;
use nightkeep::client::{Client, ClientError};
use nightkeep::core::event::Verb;
use nightkeep::protocol::{DownRequest, RetryRequest, UpRequest, VerbRequest};

fn fake() -> (Home, Fake, Client) {
    let home = Home::with_sessions();
    let fake = Fake::start(&home);
    let client = Client::new(fake.socket()).unwrap();
    (home, fake, client)
}

#[tokio::test]
async fn every_call_has_its_place() {
    let (_home, fake, client) = fake();
    fake.answer_with("/v1/openapi.json", 200, "{\"openapi\":\"3.1.0\"}");
    fake.answer_with(
        "/v1/sessions/tests/why",
        200,
        "{\"schema\":1,\"session\":\"tests\",\"state\":\"queued\",\"chain\":[],\"next\":\"a slot\"}",
    );
    client.health().await.unwrap();
    assert_eq!(client.status().await.unwrap(), status(&[]));
    assert_eq!(client.openapi().await.unwrap()["openapi"], "3.1.0");
    assert_eq!(client.why("tests").await.unwrap().next, "a slot");
    client.up(&UpRequest { sessions: vec!["tests".into()], now: true }).await.unwrap();
    client.verb("tests", &VerbRequest { verb: Verb::Hold, reason: Some("r".into()) }).await.unwrap();
    client.retry(&RetryRequest { session: None, class: Some("auth".into()) }).await.unwrap();
    let done = client.down(&DownRequest { now: false }).await.unwrap();
    assert_eq!(done.did, ["did /v1/down"]);
    let asked: Vec<String> = fake.asked().into_iter().map(|(what, body)| format!("{what} {body}")).collect();
    assert_eq!(
        asked[4..],
        [
            "POST /v1/up {\"now\":true,\"sessions\":[\"tests\"]}",
            "POST /v1/sessions/tests/verb {\"reason\":\"r\",\"verb\":\"hold\"}",
            "POST /v1/dead/retry {\"class\":\"auth\",\"session\":null}",
            "POST /v1/down {\"now\":false}",
        ]
    );
}

#[tokio::test]
async fn no_socket_and_a_socket_that_nobody_holds_are_no_daemon() {
    let (_home, mut fake, client) = fake();
    client.health().await.unwrap();
    fake.end();
    assert!(matches!(client.health().await, Err(ClientError::NoDaemon { .. })));
    // What a daemon that was killed leaves behind.
    drop(std::os::unix::net::UnixListener::bind(fake.socket()).unwrap());
    assert!(matches!(client.health().await, Err(ClientError::NoDaemon { .. })));
    assert!(matches!(client.events(0).await, Err(ClientError::NoDaemon { .. })));
}

#[tokio::test]
async fn a_refusal_comes_whole() {
    let (_home, fake, client) = fake();
    fake.refuse("/v1/up", "no such session", 4);
    match client.up(&UpRequest::default()).await {
        Err(ClientError::Refused(refusal)) => assert_eq!((refusal.exit_code, refusal.hints.len()), (4, 1)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_names_the_version_when_that_differs() {
    let (_home, fake, client) = fake();
    fake.answer_with("/v1/status", 200, "{\"schema\":2}");
    fake.answer_with("/v1/health", 500, "<html>");
    assert!(matches!(client.status().await, Err(ClientError::BadAnswer { .. })));
    assert!(matches!(client.health().await, Err(ClientError::BadAnswer { .. })));
    fake.world.lock().unwrap().version = "9.9.9".into();
    match client.status().await {
        Err(ClientError::VersionSkew { daemon, .. }) => assert_eq!(daemon, "9.9.9"),
        other => panic!("{other:?}"),
    }
    assert_eq!(client.skew().as_deref(), Some("9.9.9"));
}

#[tokio::test]
async fn facts_come_as_they_are_journaled_until_the_stream_ends() {
    let (_home, mut fake, client) = fake();
    let mut stream = client.events(7).await.unwrap();
    fake.change(&[], fact_about("a"));
    fake.change(&[], fact_about("b"));
    let first = stream.next().await.unwrap().unwrap();
    assert_eq!((first.seq, first.fact.unwrap().entry.fact), (Some(8), fact_about("a")));
    assert_eq!(stream.next().await.unwrap().unwrap().seq, Some(9));
    assert_eq!(fake.asked()[0].0, "GET /v1/events?after=7");
    fake.end();
    assert!(!matches!(stream.next().await, Ok(Some(_))));
}
