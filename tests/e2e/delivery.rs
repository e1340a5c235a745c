//! The morning report goes out by mail and as a notification: once, whatever happens to the daemon and to the channel.

use crate::house::{House, kill};
use crate::mail_server::MailServer;
use std::fs;

/// What the command channel was given, each a document.
fn told(house: &House) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(house.path("told")).unwrap_or_default();
    text.lines().filter(|line| !line.trim().is_empty()).filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[test]
fn the_report_of_a_night_is_mailed_with_a_page_and_pushed_in_400_characters_once() {
    let server = MailServer::start(&[], &[]);
    let house = House::new(&format!(
        r#"
[sessions.broken]
command = "echo 'error: no such table'; exit 127"
[sessions.good]
command = "true"
[alerts]
quiet_hours = "00:00-23:59"
[alerts.channels.mail]
type = "email"
url = "smtp://{}"
to = ["anna@example.org"]
[alerts.channels.phone]
type = "command"
command = ["sh", "-c", "cat >> ../told; echo >> ../told"]
[report]
deliver = ["mail", "phone"]
"#,
        server.address
    ));
    house.ok(&["up", "--trust"]);
    house.until("the notification is there", || !told(&house).is_empty());
    house.until("the mail is there", || server.told().iter().any(|line| line == "."));
    let push = told(&house).remove(0);
    let (title, text) = (push["title"].as_str().unwrap_or_default(), push["text"].as_str().unwrap_or_default());
    assert_eq!(push["state"], "digest");
    assert!(title.starts_with("[1 needs you] 1 of 2 sessions finished, 1 failed"), "{push:#}");
    assert!(text.contains("nightkeep logs broken"), "{push:#}");
    assert!(title.chars().count() + text.chars().count() < 400, "{push:#}");
    let mail = server.told().join("\n");
    for part in [
        "Subject: [nightkeep] [1 needs you] 1 of 2",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "<!doctype html>",
    ] {
        assert!(mail.contains(part), "{part} is not in {mail}");
    }

    house.ok(&["down"]);
    assert_eq!(told(&house).len(), 1, "nothing has happened since");
    assert_eq!(server.told().iter().filter(|line| *line == ".").count(), 1);
    let report = house.json(&["report", "--format", "json"]);
    let written = fs::read_to_string(
        house.logs().join("reports").join(format!("{}.json", report["night"].as_str().unwrap_or("?"))),
    );
    let written: serde_json::Value = serde_json::from_str(&written.expect("the report is written")).expect("JSON");
    assert_eq!(report, written, "that it was sent changes nothing in it");
}

#[test]
fn a_report_that_cannot_be_sent_is_kept_over_a_crash_and_its_loss_is_told() {
    let house = House::new(
        r#"
[sessions.good]
command = "true"
[alerts.channels.phone]
type = "command"
command = ["sh", "-c", "test -e ../open || exit 1; cat >> ../told; echo >> ../told"]
[alerts.channels.nobody]
type = "command"
command = ["./no-such-program"]
[report]
deliver = ["phone", "nobody"]
"#,
    );
    house.ok(&["up", "--trust"]);
    house.until("both were tried", || house.facts_of("message_settled").len() >= 2);
    kill(house.daemon_pid().expect("a daemon"), "KILL");
    house.until("the daemon is gone", || house.daemon_pid().is_none());
    fs::write(house.path("open"), "").expect("written");
    house.ok(&["up"]);
    house.until("the notification is there", || !told(&house).is_empty());
    house.ok(&["down"]);
    let told = told(&house);
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0]["title"].as_str().unwrap_or_default().starts_with("[all well] 1 of 1 finished."), "{told:#?}");

    let report = house.json(&["report", "--format", "json"]);
    let lost = report["unreadable"].as_array().expect("a list");
    assert!(
        lost.iter().any(|entry| entry["part"] == "channel nobody"
            && entry["what"].as_str().is_some_and(|w| w.contains("the report"))),
        "{lost:#?}"
    );
    assert_eq!(house.run(&["report", "--check"]).code, 3, "not all could be sent");
}
