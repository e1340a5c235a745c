//! What a person does during the night: each verb works, twice is harmless, and the journal says who and why.

use crate::house::{House, alive, pids_mentioning};

#[test]
fn every_verb_works_and_twice_is_harmless() {
    let house = House::new(
        r#"
[defaults]
stop_grace = "2s"
[sessions.one]
command = "echo begun; sleep 600"
[sessions.two]
command = "sleep 600"
after = ["one"]
[sessions.tough]
command = "trap '' INT TERM HUP; setsid sh -c 'trap \"\" INT TERM HUP; while :; do sleep 0.1; done' & echo begun; while :; do sleep 0.1; done"
"#,
    );
    house.ok(&["up", "--trust"]);
    house.until_state("one", "running");
    house.until_state("two", "waiting");
    house.until("tough has begun", || house.session("tough")["output"]["bytes"].as_u64() > Some(0));

    for _ in 0..2 {
        house.ok(&["hold", "two", "--reason", "not tonight"]);
    }
    assert_eq!(house.session("two")["state"], "held");
    for _ in 0..2 {
        house.ok(&["release", "two"]);
    }
    assert_eq!(house.session("two")["state"], "waiting");
    for _ in 0..2 {
        house.ok(&["skip", "two"]);
    }
    assert_eq!(house.session("two")["state"], "skipped");

    let pid = house.session("one")["pid"].clone();
    house.ok(&["restart", "one"]);
    house.until("it runs again", || {
        let session = house.session("one");
        session["state"] == "running" && session["pid"] != pid
    });

    for _ in 0..2 {
        house.ok(&["stop", "tough"]);
    }
    house.until_state("tough", "stopped");
    let left = pids_mentioning("/tough/1.1").into_iter().filter(|&p| alive(p)).count();
    assert_eq!(left, 0, "the whole tree is ended, whatever it ignores");

    house.ok(&["start", "tough"]);
    house.until_state("tough", "running");

    assert_eq!(house.run(&["stop", "tuogh"]).code, 4);
    assert!(house.run(&["stop", "tuogh"]).stderr.contains("tough"), "did-you-mean");

    let acts = house.facts_of("operator_acted");
    let hold = acts.iter().find(|a| a["verb"] == "hold").expect("the hold is journaled");
    assert_eq!(hold["by"]["reason"], "not tonight");
    assert!(hold["by"]["who"].as_str().is_some_and(|who| !who.is_empty() && !who.starts_with("pid ")));
    house.ok(&["down", "--now"]);
}

#[test]
fn typing_arrives_and_attach_shows_the_real_terminal() {
    let house =
        House::new("[sessions.ask]\ncommand = 'printf \"name? \"; read name; echo \"hello $name\"; sleep 600'\n");
    house.ok(&["up", "--trust"]);
    house.until("it asks", || house.session("ask")["output"]["bytes"].as_u64() > Some(0));
    house.ok(&["send", "ask", "x;$(touch /tmp/nk-no) `y` #(z)"]);
    house.ok(&["send", "ask", "--key", "Enter"]);
    house.until("it answers", || house.session("ask")["output"]["last_line"] == "hello x;$(touch /tmp/nk-no) `y` #(z)");
    assert_eq!(house.run(&["send", "ask", "--key", "NoSuchKey"]).code, 1);
}

#[test]
fn a_session_cannot_steer_its_own_supervisor() {
    let program = env!("CARGO_BIN_EXE_nightkeep");
    let house = House::new(&format!(
        "[sessions.rogue]\ncommand = '{program} stop other; echo \"code $?\"; sleep 600'\n[sessions.other]\ncommand = 'sleep 600'\n"
    ));
    house.ok(&["up", "--trust"]);
    house.until("it was refused", || house.session("rogue")["output"]["last_line"] == "code 5");
    assert_eq!(house.session("other")["state"], "running");
}

#[test]
fn a_session_cannot_have_other_files_trusted() {
    let program = env!("CARGO_BIN_EXE_nightkeep");
    let asks = format!(
        "cd ..; cp w/other.toml x.toml\nfor with in '' 'env -i HOME=/nowhere'; do\n\
         $with {program} trust --file x.toml; echo \"code $?\"\n\
         $with {program} up --trust --file x.toml; echo \"code $?\"\ndone\necho asked; sleep 600\n"
    );
    let house = House::new("[sessions.rogue]\ncommand = 'sh ./asks'\n");
    std::fs::write(house.path("w/asks"), asks).unwrap();
    std::fs::write(house.path("w/other.toml"), "[sessions.evil]\ncommand = 'sleep 600'\n").unwrap();
    house.ok(&["up", "--trust"]);
    house.until("it has asked", || house.session("rogue")["output"]["last_line"] == "asked");
    let said = String::from_utf8_lossy(&house.raw("rogue")).into_owned();
    assert_eq!(said.matches("code 5").count(), 4, "{said}");
    assert!(!house.path("logs").exists(), "nothing of it began");
}

#[test]
fn a_session_added_by_hand_runs_like_any_other_and_a_dead_letter_gets_a_second_chance() {
    let house = House::new(
        "[projects.p]\ndir = '.'\n[sessions.needs-file]\nproject = 'p'\ncommand = 'test -e now-it-is-there'\nretry = { max_attempts = 1 }\n",
    );
    house.ok(&["up", "--trust"]);
    house.until_state("needs-file", "failed");
    assert!(house.ok(&["dead"]).contains("needs-file"));
    house.ok(&["add", "made-by-hand", "--project", "p", "--priority", "3", "--", "sh", "-c", "echo by hand"]);
    house.until_state("made-by-hand", "succeeded");
    std::fs::write(house.path("w/now-it-is-there"), "").unwrap();
    house.ok(&["dead", "retry", "needs-file"]);
    house.until_state("needs-file", "succeeded");
    assert!(house.session("needs-file")["redriven_from"].as_str().is_some_and(|r| r.ends_with("/needs-file/1")));
    assert_eq!(house.run(&["dead", "retry", "needs-file"]).code, 4, "it is no dead letter any more");
}
