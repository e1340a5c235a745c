//! A session's output over the API while it runs, and its replay when nobody runs any more.

use crate::house::{House, PATIENCE};
use nightkeep::client::Client;
use nightkeep::client::output::{Followed, OutputStream, WhichAttempt};
use nightkeep::protocol::output::OutputNews;
use nightkeep::recording::packed;
use std::time::Duration;

fn client(house: &House) -> Client {
    let socket =
        house.status()["sessions"][0]["tmux"]["socket"].as_str().expect("a socket").replace("tmux.sock", "api.sock");
    Client::new(socket.as_ref()).expect("a client")
}

/// Reads on until the bytes so far contain a text.
async fn until(stream: &mut OutputStream, so_far: &mut Vec<u8>, text: &str) {
    let read = async {
        while !String::from_utf8_lossy(so_far).contains(text) {
            match stream.next().await.expect("the stream").expect("no end yet") {
                Followed::Bytes { at, bytes } => {
                    assert_eq!(at, so_far.len() as u64, "nothing is left out");
                    so_far.extend(bytes);
                }
                Followed::Other(other) => assert!(!matches!(other, OutputNews::Skipped { .. }), "{other:?}"),
            }
        }
    };
    tokio::time::timeout(PATIENCE, read).await.unwrap_or_else(|_| panic!("waited in vain for {text}"));
}

#[test]
fn output_is_followed_as_it_comes_and_its_end_is_told() {
    let house = House::new("[sessions.one]\ncommand = 'echo begun; while read x; do echo \"got $x\"; done'\n");
    house.ok(&["up", "--trust"]);
    house.until_state("one", "running");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let client = client(&house);
        let which = WhichAttempt::default();
        let mut stream = client.follow_output("one", &which, 1 << 20).await.expect("a stream");
        let Some(Followed::Other(OutputNews::About { about })) = stream.next().await.expect("news") else {
            panic!("what it is about comes first")
        };
        assert!(about.lives && about.attempt.ends_with("/one/1.1"), "{about:?}");
        let mut so_far = Vec::new();
        until(&mut stream, &mut so_far, "begun").await;
        house.ok(&["send", "one", "hello\n"]);
        until(&mut stream, &mut so_far, "got hello").await;
        let span = client.output("one", &which, 2, 3).await.expect("a span");
        assert_eq!((span.from, span.bytes.as_slice()), (2, &so_far[2..5]));
        house.ok(&["stop", "one"]);
        let end = async {
            loop {
                match stream.next().await.expect("the stream") {
                    Some(Followed::Other(OutputNews::Ended { .. })) => return,
                    Some(_) => {}
                    None => panic!("it ended without a word"),
                }
            }
        };
        tokio::time::timeout(PATIENCE, end).await.expect("the end is told");
        let about = client.output_about("one", &which, None, 100).await.expect("about");
        assert!(!about.lives && about.ended_ms.is_some() && !about.times.is_empty(), "{about:?}");
        let missing = WhichAttempt { run: None, number: Some(9) };
        let refusal = client.output("one", &missing, 0, 1).await.expect_err("no such attempt");
        assert!(refusal.to_string().contains("no output of that attempt"), "{refusal}");
    });
}

#[test]
fn whoever_reads_nothing_holds_nobody_up_and_skips() {
    // 64 MiB: far more than what may wait for a reader anywhere on the way.
    let house =
        House::new("[sessions.one]\ncommand = 'head -c 67108864 /dev/zero | tr \"\\\\0\" x; echo; echo done'\n");
    house.ok(&["up", "--trust"]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        house.until("output", || house.status()["sessions"][0]["tmux"]["socket"].is_string());
        let client = client(&house);
        let mut stream = loop {
            match client.follow_output("one", &WhichAttempt::default(), 0).await {
                Ok(stream) => break stream,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        };
        stream.next().await.expect("what it is about");
        house.until_state("one", "succeeded");
        let mut skipped = false;
        let rest = async {
            loop {
                match stream.next().await.expect("the stream") {
                    Some(Followed::Other(OutputNews::Ended { exit })) => return exit,
                    Some(Followed::Other(OutputNews::Skipped { .. })) => skipped = true,
                    Some(_) => {}
                    None => panic!("it ended without a word"),
                }
            }
        };
        assert_eq!(tokio::time::timeout(PATIENCE, rest).await.expect("the end").as_deref(), Some("0"));
        assert!(skipped);
    });
}

#[test]
fn a_night_is_replayed_from_its_files_alone() {
    let house = House::new(
        "[sessions.one]\nretry = { max_attempts = 1 }\n\
         command = '''printf \"first\\n\"; sleep 2; printf \"\\033[2J\\033[Hsecond\"; exit 3'''\n",
    );
    house.ok(&["up", "--trust"]);
    house.until_state("one", "failed");
    let ended: jiff::Timestamp = house.session("one")["exit"]["at"].as_str().expect("a time").parse().expect("a time");
    house.ok(&["down"]);
    let before = (ended - Duration::from_secs(1)).to_string();
    let shown = || (house.ok(&["replay", "one", "--at", &before]), house.ok(&["replay", "one", "--at", "0s"]));
    assert_eq!(shown(), ("first\n".to_owned(), "second\n".to_owned()));
    let cast = house.ok(&["replay", "one", "--cast", "-"]);
    let header: serde_json::Value = serde_json::from_str(cast.lines().next().expect("a header")).expect("JSON");
    assert_eq!((&header["version"], &header["term"]["cols"]), (&3.into(), &200.into()));
    let events: Vec<(f64, String, String)> =
        cast.lines().skip(1).map(|line| serde_json::from_str(line).expect("an event")).collect();
    let output: String = events.iter().filter(|(_, kind, _)| kind == "o").map(|(_, _, data)| data.as_str()).collect();
    assert_eq!(output.as_bytes(), house.raw("one"));
    let length: f64 = events.iter().map(|(interval, ..)| interval).sum();
    // When the first line was read is later than when it was written.
    assert!((1.0..60.0).contains(&length), "{length}");
    assert_eq!(events.last().map(|(_, kind, data)| (kind.as_str(), data.as_str())), Some(("x", "3")));

    let logs =
        std::fs::read_dir(house.logs().join("output/one")).expect("a folder").flatten().map(|entry| entry.path());
    let log = logs.into_iter().find(|path| path.extension().is_some_and(|e| e == "log")).expect("a log");
    packed::pack(&log, || true).expect("packed");
    assert_eq!(shown(), ("first\n".to_owned(), "second\n".to_owned()));
    assert_eq!(house.ok(&["replay", "one", "--cast", "-"]), cast);
}
