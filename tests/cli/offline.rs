//! Commands without a daemon: places, trust, what needs one and what does not.

use super::home::{Home, Ran, at_terminal, write};
use std::fs;

#[test]
fn without_a_file_the_way_to_one_is_told() {
    let home = Home::new();
    for words in [vec![], vec!["status"], vec!["up"], vec!["logs", "x"]] {
        home.run(&words).exits(2).says("error: no sessions.toml in").says("hint: `nightkeep init`");
    }
    home.run(&["--file", "nowhere.toml", "status"]).exits(2).says("error: cannot read nowhere.toml");
    home.run(&["--file", ".", "status"]).exits(2).says("is not a file");
}

#[test]
fn the_file_is_found_above_by_variable_and_by_option() {
    let home = Home::with_sessions();
    let below = home.work().join("a/b");
    fs::create_dir_all(&below).unwrap();
    let mut command = home.command(&["check"]);
    Ran::of(command.current_dir(&below)).exits(0).prints("2 sessions");
    let other = home.path("other.toml");
    fs::write(&other, "").unwrap();
    let mut command = home.command(&["check"]);
    Ran::of(command.env("NIGHTKEEP_FILE", &other)).prints("other.toml");
    let mut command = home.command(&["check", "--file", "sessions.toml"]);
    Ran::of(command.env("NIGHTKEEP_FILE", &other)).exits(0).prints("2 sessions");
}

#[test]
fn what_needs_a_daemon_says_so() {
    let home = Home::with_sessions();
    let needing: [&[&str]; 9] = [
        &["start", "tests"],
        &["stop", "tests"],
        &["restart", "tests"],
        &["hold", "tests"],
        &["release", "tests"],
        &["skip", "tests"],
        &["send", "tests", "hello"],
        &["add", "more", "--project", "backend", "--", "true"],
        &["dead", "retry", "tests"],
    ];
    for words in needing {
        home.run(words).exits(3).says("error: no daemon answers at ").says("hint: `nightkeep up`");
    }
}

#[test]
fn what_needs_none_works_before_the_first_night() {
    let home = Home::with_sessions();
    home.run(&["status"]).exits(0);
    let status = home.run(&["status", "--json"]).exits(0).json();
    assert_eq!((&status["schema"], &status["daemon"]), (&1.into(), &serde_json::Value::Null));
    home.run(&["dead"]).exits(0);
    home.run(&["nights", "--json"]).exits(0).prints("\"nights\": []");
    home.run(&["export"]).exits(0);
    home.run(&["down"]).exits(0).says("nothing to end");
    home.run(&["report"]).exits(4).says("error: there was no night yet");
    home.run(&["report", "--night", "2026-11-21"]).exits(4).says("2026-11-21");
    home.run(&["report", "--night", "yesterday"]).exits(2);
    home.run(&["why", "tests"]).exits(4).says("tests is declared and has not run yet");
    home.run(&["wait", "tests"]).exits(4).says("tests is declared and has not run yet");
    home.run(&["logs", "tests"]).exits(4).says("tests is declared and has not run yet");
    home.run(&["why", "test"]).exits(4).says("did you mean tests?");
    home.run(&["report", "--format", "html"]).exits(4).says("error: there was no night yet");
    home.run(&["logs", "test"]).exits(4).says("did you mean tests?");
    home.run(&["wait", "nobody"]).exits(4).says("no session is called");
    home.run(&["wait", "tests", "--timeout", "5"]).exits(2).says("90s");
}

#[test]
fn names_that_cannot_be_are_not_found_and_a_dash_needs_its_dashes() {
    let home = Home::with_sessions();
    home.run(&["stop", "--", "-x"]).exits(4).says("no session is called \"-x\"");
    home.run(&["stop", "-x"]).exits(2);
    home.run(&["why", "../../etc"]).exits(4);
    home.run(&["add", "Bad Name", "--project", "backend", "--", "true"]).exits(2);
}

#[test]
fn up_without_a_terminal_refuses_what_is_not_trusted() {
    let home = Home::with_sessions();
    home.run(&["up"]).exits(5).says("is not trusted").says("--trust");
    home.run(&["daemon"]).exits(5).says("is not trusted");
    assert!(!home.instance().state().exists(), "nothing was begun");
}

#[test]
fn up_on_a_terminal_shows_what_it_would_run_and_takes_no_for_an_answer() {
    let home = Home::new();
    fs::write(home.file(), "[sessions.tests]\ncommand = \"echo \\u001b[2J hidden\"\n").unwrap();
    let ran = at_terminal(&mut home.command(&["up"]), "n\n").exits(5).says("Trust it?").says("tests: echo ");
    assert!(!ran.err.contains("\u{1b}[2J"), "{:?}", ran.err);
    home.run(&["up"]).exits(5);
}

#[test]
fn trust_is_given_and_taken() {
    let home = Home::with_sessions();
    let trust = |home: &Home| {
        let checks = home.run(&["doctor", "--json"]).json()["checks"].clone();
        let all = checks.as_array().unwrap().clone();
        all.into_iter().find(|c| c["name"] == "trust").unwrap()["result"].as_str().unwrap().to_owned()
    };
    assert_eq!(trust(&home), "warning");
    home.run(&["trust"]).exits(0).prints("is trusted");
    assert_eq!(trust(&home), "ok");
    home.run(&["trust", "--revoke"]).exits(0).prints("no longer");
    assert_eq!(trust(&home), "warning");
    home.run(&["init", "--force"]).exits(0);
    assert_eq!(trust(&home), "ok");
}

#[test]
fn a_file_name_that_would_move_the_cursor_is_shown_escaped() {
    let home = Home::new();
    let file = home.work().join("\u{1b}[2J.toml");
    fs::write(&file, super::home::SESSIONS).unwrap();
    for words in [vec!["up"], vec!["check"], vec!["trust"], vec!["doctor"]] {
        let ran = Ran::of(home.command(&words).env("NIGHTKEEP_FILE", &file));
        assert!(!ran.err.contains('\u{1b}') && !ran.out.contains('\u{1b}'), "{words:?}: {ran:?}");
    }
}

#[test]
fn init_writes_once_and_what_it_wrote_is_valid() {
    let home = Home::new();
    fs::create_dir_all(home.work().join("Back End/.git")).unwrap();
    home.run(&["init"]).exits(0).prints("wrote").says("found 1 git repositories");
    let text = fs::read_to_string(home.file()).unwrap();
    assert!(text.starts_with("#:schema ") && text.contains("Back End"), "{text}");
    home.run(&["check"]).exits(0);
    fs::write(home.file(), "mine").unwrap();
    home.run(&["init"]).exits(1).says("is there already").says("--force");
    assert_eq!(fs::read_to_string(home.file()).unwrap(), "mine");
    home.run(&["init", "--force"]).exits(0);
    let names: Vec<_> = fs::read_dir(home.work()).unwrap().map(|e| e.unwrap().file_name()).collect();
    let expected = ["Back End", "sessions.toml", "logs"];
    assert!(names.iter().all(|n| expected.iter().any(|e| n == e)), "something else is left: {names:?}");
    home.run(&["init", "--file", "no/such/folder/s.toml"]).exits(1).says("there is no folder");
}

#[test]
fn no_home_and_odd_homes_are_told() {
    let home = Home::with_sessions();
    let mut command = home.command(&["status"]);
    Ran::of(command.env_remove("HOME").env_remove("XDG_RUNTIME_DIR")).exits(1).says("hint: set HOME");
    let mut command = home.command(&["status"]);
    Ran::of(command.env("HOME", "here").env("XDG_RUNTIME_DIR", "run")).exits(1).says("hint: set HOME");
    let mut command = home.command(&["status"]);
    Ran::of(command.env("XDG_RUNTIME_DIR", "run")).exits(0);
    let mut command = home.command(&["up", "--trust"]);
    Ran::of(command.env_remove("HOME")).exits(1).says("XDG_STATE_HOME");
}

#[test]
fn a_socket_path_that_is_too_long_is_told() {
    let home = Home::with_sessions();
    let long = home.path(&"x".repeat(120));
    let mut command = home.command(&["status"]);
    Ran::of(command.env("XDG_RUNTIME_DIR", &long)).exits(1).says("longer than 107").says("XDG_RUNTIME_DIR");
}

#[test]
fn attach_needs_a_terminal_that_is_not_ours() {
    let home = Home::with_sessions();
    home.run(&["attach", "tests"]).exits(1).says("needs a terminal").says("logs -f tests");
    let inside = format!("{},1,0", home.instance().tmux_socket().display());
    let mut command = home.command(&["attach", "tests"]);
    Ran::of(command.env("TMUX", inside)).exits(5).says("session of nightkeep itself");
}

#[test]
fn doctor_finds_what_is_broken() {
    let home = Home::with_sessions();
    let healthy = home.run(&["doctor", "--json"]).json();
    let names: Vec<&str> = healthy["checks"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    for name in ["tmux", "git", "disk", "journal", "sockets", "inotify", "clock", "lingering", "trust", "agents"] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    let mut command = home.command(&["doctor"]);
    Ran::of(command.env("PATH", home.path("empty"))).exits(1).prints("broken   tmux").prints("-> install tmux");
    let open = home.instance().runtime().to_path_buf();
    fs::create_dir_all(&open).unwrap();
    rustix::fs::chmod(&open, rustix::fs::Mode::from_raw_mode(0o777)).unwrap();
    home.run(&["doctor"]).exits(1).prints("broken   sockets").prints("chmod 700");
}

#[test]
fn an_unknown_trust_mode_is_an_error_not_less_care() {
    let home = Home::with_sessions();
    write(&home.path("home/.config/nightkeep/config.toml"), "[security]\ntrust = \"none\"\n");
    home.run(&["up", "--trust"]).exits(2).says("unknown value of `[security] trust`");
}

#[tokio::test]
async fn a_damaged_journal_is_no_empty_one() {
    use sqlx::ConnectOptions as _;
    let home = Home::with_sessions();
    let path = home.instance().journal();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let journal = nightkeep::store::Journal::open(&path).await.unwrap();
    let event = nightkeep::store::NewEvent {
        at_wall: 1,
        at_mono: 1,
        night: Some("2026-11-21".to_owned()),
        session: None,
        kind: "test".to_owned(),
        body: "{}".to_owned(),
    };
    journal.append(vec![event.clone(), event], vec![]).await.unwrap();
    journal.close().await;
    let mut db = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    for sql in ["DROP TRIGGER events_are_not_deleted", "DELETE FROM events"] {
        sqlx::query(sql).execute(&mut db).await.unwrap();
    }
    sqlx::Connection::close(db).await.unwrap();
    home.run(&["report"]).exits(1).says("is damaged: fact 1");
    home.run(&["report", "--check"]).exits(3).says("is damaged");
    home.run(&["nights"]).exits(1).says("is damaged");
}

#[test]
fn a_daemon_that_does_not_answer_is_not_waited_for() {
    use std::os::unix::fs::DirBuilderExt as _;
    let home = Home::with_sessions();
    let instance = home.instance();
    fs::DirBuilder::new().recursive(true).mode(0o700).create(instance.runtime()).unwrap();
    // It takes connections, and that is all.
    let _hangs = std::os::unix::net::UnixListener::bind(instance.api_socket()).unwrap();
    let began = std::time::Instant::now();
    home.run(&["status"]).exits(0).says("did not answer within 2 s").says("the sessions run on").prints("no night yet");
    let document = home.run(&["status", "--json"]).exits(0).json();
    assert!(document["daemon"].is_null(), "{document}");
    assert!(began.elapsed() < std::time::Duration::from_secs(9), "{:?}", began.elapsed());
}
