//! What is told beyond the status: every answer against a night that really happened, with the daemon and without it.

use crate::house::{House, PATIENCE};
use serde_json::Value;
use std::time::Instant;

/// Asks the daemon of a house.
fn ask(house: &House, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let socket = std::fs::read_dir(house.path("run/nightkeep"))
        .expect("a runtime folder")
        .filter_map(|entry| Some(entry.ok()?.path().join("api.sock")))
        .find(|path| path.exists())
        .expect("a socket");
    runtime.block_on(async {
        let client = reqwest::Client::builder().unix_socket(socket).no_proxy().build().expect("a client");
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let request = client.request(method, format!("http://nightkeep{path}"));
        let request = if body.is_null() { request } else { request.json(body) };
        let answer = request.timeout(PATIENCE).send().await.expect("an answer");
        let status = answer.status().as_u16();
        let bytes = answer.bytes().await.expect("a body");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    })
}

#[track_caller]
fn get(house: &House, path: &str) -> Value {
    let (status, answer) = ask(house, "GET", path, &Value::Null);
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

const NIGHT: &str = "
[defaults]
retry = { max_attempts = 2, initial_delay = '300ms' }
[sessions.bad]
command = 'echo one; echo two; exit 3'
[sessions.after-bad]
command = 'true'
after = ['bad']
[sessions.load]
command = 'for i in 1 2 3; do echo \"rows $i of 3\"; sleep 0.1; done; sleep 600'
metrics = [{ name = 'rows', regex = 'rows (\\d+) of (\\d+)' }]
[sessions.later]
command = 'true'
after = ['load']
";

#[test]
fn a_night_is_told_in_full() {
    let house = House::new(NIGHT);
    house.ok(&["up", "--trust"]);
    house.until_state("bad", "failed");
    house.until("load counts", || house.session("load")["metrics"][0]["value"] == 3.0);
    house.until("its numbers are journaled", || {
        let numbers = get(&house, "/v1/sessions/load/metrics");
        let rows =
            numbers["series"].as_array().expect("series").iter().find(|series| series["name"] == "rows").cloned();
        rows.is_some_and(|rows| !rows["points"].as_array().expect("points").is_empty())
    });

    let attempts = get(&house, "/v1/sessions/bad/attempts");
    let list = attempts["attempts"].as_array().expect("attempts");
    assert_eq!(list.len(), 2, "{attempts:#}");
    assert_eq!((&list[0]["attempt"], &list[1]["attempt"]), (&2.into(), &1.into()), "newest first");
    assert_eq!(list[0]["exit"]["code"], 3);
    assert_eq!(list[0]["exit"]["class"], "transient");
    assert_eq!(list[0]["exit"]["counted"], true);
    assert!(list[0]["usage"]["max_rss"].as_u64().is_some_and(|bytes| bytes > 100_000), "{}", list[0]);
    assert_eq!(list[0]["last_lines"], serde_json::json!(["one", "two"]));
    assert!(house.path("w").join(list[0]["output_path"].as_str().expect("a path")).exists());
    let running = get(&house, "/v1/sessions/load/attempts");
    assert_eq!(running["attempts"][0]["ending"], "running");
    assert!(running["attempts"][0]["exit"].is_null());

    // Page by page the events are the same as all at once, without a hole and newest first.
    let all = get(&house, "/v1/sessions/bad/events?limit=500");
    let all = all["events"].as_array().expect("events");
    assert!(
        all.iter().any(|event| event["what"].as_str().is_some_and(|what| what.contains("exit 3 after"))),
        "{all:#?}"
    );
    let mut paged = Vec::new();
    let mut before = String::new();
    loop {
        let page = get(&house, &format!("/v1/sessions/bad/events?limit=3{before}"));
        paged.extend(page["events"].as_array().expect("events").clone());
        match page["before"].as_i64() {
            Some(seq) => before = format!("&before={seq}"),
            None => break,
        }
    }
    assert_eq!(&paged, all);
    assert!(paged.windows(2).all(|two| two[0]["seq"].as_i64() > two[1]["seq"].as_i64()));

    let timeline = get(&house, "/v1/timeline");
    let bad = &timeline["sessions"]["bad"];
    assert_eq!(bad["outcome"], "failed");
    assert!(bad["open"].is_null());
    let doing: Vec<&str> =
        bad["spans"].as_array().expect("spans").iter().filter_map(|span| span["doing"].as_str()).collect();
    assert!(doing.contains(&"working") && doing.contains(&"backing_off"), "{bad:#}");
    assert_eq!(timeline["sessions"]["load"]["open"]["doing"], "working");
    // Asked again it is gone on with, and knows what happened since.
    house.ok(&["hold", "later", "--reason", "not now"]);
    let again = get(&house, "/v1/timeline");
    assert_eq!(again["sessions"]["later"]["open"]["doing"], "held");
    assert_eq!(again["sessions"]["bad"], *bad);

    let dead = get(&house, "/v1/dead");
    assert_eq!(dead["dead"][0]["session"], "bad");
    assert_eq!(dead["dead"][0]["blocks"], serde_json::json!(["after-bad"]));
    assert_eq!(dead["dead"][0]["last"]["exit"]["code"], 3);
    assert!(dead["dead"][0]["cannot_retry"].is_null());

    let queue = get(&house, "/v1/queue");
    let later =
        &queue["entries"].as_array().expect("entries").iter().find(|entry| entry["session"] == "later").cloned();
    assert!(later.as_ref().is_some_and(|e| e["why"][0].as_str().is_some_and(|why| why.contains("held"))), "{queue:#}");
    let plan = get(&house, "/v1/plan");
    assert_eq!(
        plan["starts"].as_array().map(Vec::len),
        house.json(&["plan", "--json"])["starts"].as_array().map(Vec::len)
    );

    let report = get(&house, "/v1/report");
    assert_eq!(report["totals"]["failed"], 1);
    let command = house.json(&["report", "--format", "json"]);
    for part in ["needs_you", "dead_letters", "retries", "errors", "title"] {
        assert_eq!(report[part], command[part], "{part}");
    }
    let (status, text) = ask(&house, "GET", "/v1/report?format=md", &Value::Null);
    assert!(status == 200 && text.as_str().is_some_and(|text| text.contains("## Sessions")), "{text}");
    assert_eq!(ask(&house, "GET", "/v1/report?format=pdf", &Value::Null).0, 400);
    assert_eq!(ask(&house, "GET", "/v1/report?night=2020-01-01", &Value::Null).0, 404);
    assert_eq!(ask(&house, "GET", "/v1/timeline?night=../x", &Value::Null).0, 400);
    let nights = get(&house, "/v1/nights?limit=1");
    assert_eq!(nights["nights"].as_array().map(Vec::len), Some(1));
    assert_eq!(nights["nights"][0]["failed"], 1);
    house.until("an alert came up", || {
        let alerts = get(&house, "/v1/alerts/history");
        let told = alerts["alerts"].as_array().expect("alerts").iter().any(|alert| alert["session"] == "bad");
        told && !alerts["alerts"][0]["moves"].as_array().expect("moves").is_empty()
    });
    assert_eq!(ask(&house, "GET", "/v1/sessions/nobody/attempts", &Value::Null).0, 404);
}

#[test]
fn a_note_is_given_to_each_attempt_until_it_is_settled_and_never_typed() {
    let house = House::new(
        "
[sessions.reader]
command = 'echo \"notes: ${NIGHTKEEP_NOTES:+yes}\"; if [ -n \"$NIGHTKEEP_NOTES\" ]; then cat \"$NIGHTKEEP_NOTES\"; fi; sleep 600'
",
    );
    house.ok(&["up", "--trust"]);
    house.until_state("reader", "running");
    house.until("it began", || String::from_utf8_lossy(&house.raw("reader")).contains("notes:"));
    let did = house.ok(&["note", "reader", "take the small batch\nand \u{1b}[2Jmind the gap"]);
    assert!(did.contains("n1, given to its next attempt"), "{did}");
    let status = house.session("reader");
    assert_eq!(status["notes"][0]["text"], "take the small batch\nand [2Jmind the gap");
    assert!(!String::from_utf8_lossy(&house.raw("reader")).contains("small batch"), "nothing is typed");
    house.ok(&["restart", "reader"]);
    house.until("the note is read", || {
        let raw = String::from_utf8_lossy(&house.raw("reader")).into_owned();
        raw.contains("n1 2") && raw.contains("take the small batch")
    });
    assert!(!String::from_utf8_lossy(&house.raw("reader")).contains('\u{1b}'));
    let attempts = get(&house, "/v1/sessions/reader/attempts");
    assert_eq!(attempts["attempts"][0]["notes"], serde_json::json!(["n1"]));
    // A start on a busy machine may take two; the first was before the note.
    let first = attempts["attempts"].as_array().and_then(|all| all.last()).expect("an attempt");
    assert_eq!(first["notes"], serde_json::json!([]), "{attempts:#}");
    let why = house.ok(&["why", "reader"]);
    assert!(why.contains("note n1 (open, given to ") && why.contains("take the small batch"), "{why}");
    let listed = house.ok(&["note", "reader"]);
    assert!(listed.starts_with("n1 ") && listed.contains("open, given to "), "{listed}");

    house.ok(&["note", "reader", "--done", "n1", "--reason", "it did"]);
    assert_eq!(house.session("reader")["notes"], serde_json::json!([]));
    let first = house.session("reader")["attempt"].clone();
    house.ok(&["restart", "reader"]);
    house.until("it runs without a note", || {
        house.session("reader")["attempt"] != first
            && String::from_utf8_lossy(&house.raw("reader")).lines().any(|line| line.trim() == "notes:")
    });
    let ran = house.run(&["note", "reader", "--done", "n7"]);
    assert_eq!(ran.code, 4, "{}", ran.stderr);
    assert_eq!(house.run(&["note", "nobody", "x"]).code, 4);
    assert_eq!(ask(&house, "POST", "/v1/notes/n7/done", &serde_json::json!({})).0, 404);

    house.ok(&["down", "--now"]);
    let report = house.ok(&["report"]);
    assert!(report.contains("## Your notes") && report.contains("settled"), "{report}");
    let offline = house.ok(&["note", "reader"]);
    assert!(offline.contains("settled") && offline.contains("take the small batch"), "{offline}");
    assert_eq!(house.run(&["note", "reader", "more"]).code, 3, "no daemon takes it");
}

#[test]
fn a_session_cannot_write_notes() {
    let house = House::new("[sessions.sneak]\ncommand = 'nightkeep note sneak x; echo \"exit $?\"; sleep 600'\n");
    let bin = std::path::Path::new(env!("CARGO_BIN_EXE_nightkeep")).parent().expect("a folder").display().to_string();
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap_or_default());
    let out = house.command(&["up", "--trust"]).env("PATH", path).output().expect("started");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    house.until_state("sneak", "running");
    house.until("it tried", || String::from_utf8_lossy(&house.raw("sneak")).contains("exit "));
    let raw = String::from_utf8_lossy(&house.raw("sneak")).into_owned();
    assert!(raw.contains("exit 5"), "{raw}");
    assert!(house.facts_of("note_moved").is_empty());
}

#[test]
fn answers_come_quickly_while_much_is_written() {
    let house = House::new(
        "
[sessions.loud]
command = 'i=0; while :; do i=$((i+1)); echo \"rows $i of 100000\"; sleep 0.002; done'
metrics = [{ name = 'rows', regex = 'rows (\\d+) of (\\d+)' }]
",
    );
    house.ok(&["up", "--trust"]);
    house.until("it counts", || house.session("loud")["metrics"][0]["value"].as_f64().is_some_and(|v| v > 10.0));
    for path in ["/v1/timeline", "/v1/sessions/loud/attempts", "/v1/sessions/loud/metrics", "/v1/queue", "/v1/nights"] {
        get(&house, path);
        let begun = Instant::now();
        get(&house, path);
        assert!(begun.elapsed().as_secs() < 5, "{path} took {:?}", begun.elapsed());
    }
}
