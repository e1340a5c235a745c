//! A note to an agent that runs is typed at its next rest, once, and not into anything else.

use crate::house::kill;
use crate::prompts::Stage;
use serde_json::Value;
use std::time::Duration;

/// What the agents of a stage were told through their composers.
fn told(stage: &Stage, name: &str) -> Vec<String> {
    stage.diary(name).into_iter().filter(|line| line.starts_with("told ")).collect()
}

/// The drafts of a session, as they were last.
fn drafts(stage: &Stage, name: &str) -> Vec<Value> {
    let mut last = std::collections::BTreeMap::new();
    for fact in stage.house.facts_of("draft_moved") {
        let draft = fact["draft"].clone();
        if draft["attempt"].as_str().is_some_and(|id| id.contains(&format!("/{name}/"))) {
            last.insert(draft["number"].as_u64(), draft);
        }
    }
    last.into_values().collect()
}

fn stages(stage: &Stage, name: &str) -> Vec<String> {
    drafts(stage, name).iter().map(|draft| draft["stage"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_note_is_typed_when_its_agent_rests_and_not_into_a_question() {
    let scripts = [
        ("rests", "work 1s\nprompt\nwork 2s\nprompt\nwork 60s\nexit 0"),
        ("works", "work 8s\nprompt\nwork 60s\nexit 0"),
        ("asks", "bash touch made\nprompt\nwork 60s\nexit 0"),
    ];
    let stage = Stage::new(&scripts, "");
    let house = &stage.house;
    stage.until_asks("asks");
    house.ok(&["note", "asks", "first\nsecond"]);
    house.until("it works", || house.session("works")["activity"] == "working");
    let done = house.ok(&["note", "works", "mind the gap"]);
    assert!(done.contains("typed when its agent next stands at its prompt"), "{done}");
    house.until("it rests", || house.session("rests")["activity"] == "idle");
    house.ok(&["note", "rests", "use the small batch"]);

    house.until("it was taken", || stages(&stage, "rests") == ["taken"]);
    let line = "told A note from the operator (n3):  use the small batch  Please go on with this in mind.";
    assert_eq!(told(&stage, "rests"), [line], "{:?}", stage.diary("rests"));
    let notes = house.ok(&["note", "rests"]);
    assert!(notes.contains("open, typed into") && notes.contains("use the small batch"), "{notes}");
    assert!(house.ok(&["why", "rests"]).contains("note n3 was taken"));

    house.until("that was taken, too", || stages(&stage, "works") == ["taken"]);
    assert_eq!(told(&stage, "works").len(), 1);
    // Of a screen that still works it was not decided to type anything.
    let moved = |fact: &Value| fact["draft"]["attempt"].as_str().is_some_and(|id| id.contains("/works/"));
    let typing = house.facts_of("draft_moved").into_iter().find(|fact| moved(fact)).unwrap();
    assert_eq!((&typing["draft"]["stage"], &typing["why"]), (&"typing".into(), &"its agent is at rest".into()));

    assert_eq!(stages(&stage, "asks"), Vec::<String>::new(), "it asks");
    assert!(!stage.diary("asks").iter().any(|line| line.starts_with("key ")), "{:?}", stage.diary("asks"));
    house.ok(&["answer", "asks", "yes"]);
    house.until("it was told then", || stages(&stage, "asks") == ["taken"]);
    let line = "told A note from the operator (n1):  first second  Please go on with this in mind.";
    assert_eq!(told(&stage, "asks"), [line]);
    assert_eq!(stage.times("asks", "key 1"), 1);

    // The next rest brings nothing that was there already, and what is settled brings nothing at all.
    house.ok(&["note", "rests", "--done", "n3"]);
    house.ok(&["note", "rests", "another one"]);
    house.until("the other was taken", || stages(&stage, "rests") == ["taken", "taken"]);
    assert_eq!(told(&stage, "rests").len(), 2);
    assert!(told(&stage, "rests")[1].contains("another one"));
}

#[test]
fn a_daemon_that_is_killed_while_it_types_a_note_types_it_once() {
    let stage = Stage::new(&[("one", "work 1s\nprompt\nwork 2s\nprompt\nwork 2s\nprompt\nwork 60s\nexit 0")], "");
    let house = &stage.house;
    house.until("it rests", || house.session("one")["activity"] == "idle");
    for (n, pause) in [0_u64, 250, 900].into_iter().enumerate() {
        house.ok(&["note", "one", &format!("note number {n}")]);
        house.until("it is being typed", || stages(&stage, "one").len() > n);
        // Wherever in the middle of it the daemon ends: what is seen at last must be the same.
        std::thread::sleep(Duration::from_millis(pause));
        kill(house.daemon_pid().expect("a daemon"), "KILL");
        house.until("the daemon is dead", || house.daemon_pid().is_none());
        house.ok(&["up"]);
        house.until("it was taken", || stages(&stage, "one").get(n).is_some_and(|stage| stage == "taken"));
        let told = told(&stage, "one");
        assert_eq!(told.len(), n + 1, "{told:?}");
        assert!(told[n].contains(&format!("note number {n}  Please")), "{told:?}");
    }
    assert_eq!(stages(&stage, "one"), ["taken", "taken", "taken"]);
}
