//! A failure is told by a real daemon over a real channel: once, whatever happens to the daemon, and until somebody knows.

use crate::house::{House, kill};
use std::fs;

/// Quiet hours that are not now.
fn quiet_later() -> String {
    let hour = jiff::Zoned::now().hour();
    format!("{:02}:00-{:02}:00", (i16::from(hour) + 6) % 24, (i16::from(hour) + 7) % 24)
}

#[test]
fn a_failure_is_told_once_over_a_crash_and_the_end_of_the_night_says_what_needs_somebody() {
    let quiet = quiet_later();
    let house = House::new(&format!(
        r#"
[sessions.broken]
command = "exit 127"
[sessions.waits]
command = "sleep 600"
[alerts]
quiet_hours = "{quiet}"
[alerts.channels.file]
type = "command"
command = ["sh", "-c", "cat >> ../told; echo >> ../told"]
"#
    ));
    let told = || -> Vec<serde_json::Value> {
        let text = fs::read_to_string(house.path("told")).unwrap_or_default();
        text.lines().filter(|line| !line.trim().is_empty()).filter_map(|line| serde_json::from_str(line).ok()).collect()
    };
    house.ok(&["up", "--trust"]);
    house.until_state("broken", "failed");
    let alerts = house.json(&["alerts", "--json"]);
    assert_eq!(alerts["alerts"][0]["state"], "pending", "{alerts:#}");
    house.until("the failure is told", || !told().is_empty());
    let first = told().remove(0);
    assert_eq!((first["id"].as_str(), first["state"].as_str()), (Some("a1"), Some("open")), "{first:#}");
    house.until("the delivery is journaled", || {
        house.facts_of("message_settled").iter().any(|fact| fact["then"]["then"] == "delivered")
    });

    kill(house.daemon_pid().expect("a daemon"), "KILL");
    house.until("the daemon is gone", || house.daemon_pid().is_none());
    // The list needs no daemon.
    assert_eq!(house.json(&["alerts", "--json"])["alerts"][0]["told"][0], "file");
    house.ok(&["up"]);
    house.ok(&["alerts", "ack", "a1", "--reason", "seen it"]);
    assert_eq!(house.json(&["alerts", "--json"])["alerts"][0]["state"], "acked");
    assert_eq!(house.run(&["alerts", "ack", "a99"]).code, 4);
    let acts = house.facts_of("operator_acted");
    let ack = acts.iter().find(|act| act["verb"] == "ack").expect("the ack is journaled");
    assert_eq!((ack["target"].as_str(), ack["by"]["reason"].as_str()), (Some("a1"), Some("seen it")));
    assert!(house.ok(&["why", "broken"]).contains("alert a1"));
    assert_eq!(told().len(), 1, "one message, although the daemon was killed");

    house.ok(&["down", "--now"]);
    let last = told().pop().expect("told");
    assert_eq!(last["state"], "digest", "{last:#}");
    assert_eq!(last["title"], "1 thing needs you.");
}
