//! A night with one of everything: the report's numbers are the journal's, and every exit is exact.

use crate::house::{House, alive};
use std::process::Command;

const NIGHT: &str = r#"
[defaults]
retry = { initial_delay = "100ms", max_delay = "200ms", min_uptime = "1ms" }

[projects.farm]
dir = "."

[sessions.load]
project = "farm"
command = 'for i in 1 2 3 4 5; do echo "Loaded $i / 5 profiles"; done'
metrics = [{ name = "profiles", regex = 'Loaded (\d+) / (\d+) profiles' }]
success = { require = ["metric:profiles=complete"] }

[sessions.empty]
project = "farm"
command = 'echo "Loaded 0 / 5 profiles"'
metrics = [{ name = "profiles", regex = 'Loaded (\d+) / (\d+) profiles' }]

[sessions.flaky]
project = "farm"
command = '''case "$NIGHTKEEP_ATTEMPT" in *.1) echo "error: connection reset by peer"; exit 1;; *) echo cured;; esac'''

[sessions.broken]
project = "farm"
command = ["/no/such/program"]

[sessions.after-load]
project = "farm"
command = "echo fine"
after = ["load"]

[sessions.after-broken]
project = "farm"
command = "echo never"
after = ["broken"]

[sessions.red]
project = "farm"
command = "echo all tests pass"
verify = "echo 1 test failed; exit 3"

[sessions.killed]
project = "farm"
command = ["/bin/sh", "-c", "kill -9 $$"]
retry = { max_attempts = 1 }
"#;

#[test]
fn git_does_not_see_what_the_night_leaves_and_a_folder_of_before_is_let_be() {
    let house = House::new("[sessions.one]\ncommand = 'true'\n");
    house.ok(&["up", "--trust"]);
    house.until_state("one", "succeeded");
    house.ok(&["down"]);
    assert_eq!(std::fs::read_to_string(house.logs().join(".gitignore")).unwrap(), "*\n");

    let house = House::new("[sessions.one]\ncommand = 'true'\n");
    std::fs::create_dir(house.logs()).unwrap();
    house.ok(&["up", "--trust"]);
    house.ok(&["down"]);
    assert!(!house.logs().join(".gitignore").exists());
}

#[test]
fn one_of_everything() {
    let house = House::new(NIGHT);
    house.ok(&["up", "--trust"]);
    let names = ["load", "empty", "flaky", "broken", "after-load", "after-broken", "red", "killed"];
    let waited = house.run(&[&["wait", "--timeout", "60s"], &names[..]].concat());
    assert_eq!(waited.code, 1, "some failed: {} {}", waited.stdout, waited.stderr);

    let state = |name: &str| house.session(name)["state"].as_str().unwrap_or_default().to_owned();
    assert_eq!(state("load"), "succeeded");
    assert_eq!(state("empty"), "partial", "0 of a known total is never a success");
    assert_eq!(state("flaky"), "succeeded");
    assert_eq!(house.session("flaky")["attempt"], 2);
    assert_eq!(state("broken"), "failed");
    assert_eq!(house.session("broken")["exit"]["class"], "permanent");
    assert_eq!(state("after-load"), "succeeded");
    assert_eq!(state("after-broken"), "skipped");
    assert_eq!(state("red"), "partial");
    assert_eq!(state("killed"), "failed");
    assert_eq!(house.session("killed")["exit"]["signal"], 9);
    assert_eq!(house.session("killed")["exit"]["code"], serde_json::Value::Null);
    assert_eq!(house.session("load")["metrics"][0]["value"], 5.0);

    let expected: String = (1..=5).map(|i| format!("Loaded {i} / 5 profiles\r\n")).collect();
    assert_eq!(String::from_utf8_lossy(&house.raw("load")), expected);
    assert!(house.ok(&["logs", "load"]).contains("Loaded 5 / 5 profiles\n"));

    let report = house.json(&["report", "--format", "json"]);
    assert_eq!(report["schema"], 1);
    let facts = house.facts_of("attempt_ended");
    assert_eq!(facts.len(), 8, "7 sessions ran, one of them twice, one never");
    let markdown = house.ok(&["report"]);
    for name in names {
        assert!(markdown.contains(name), "{name} is missing in\n{markdown}");
    }
    assert!(markdown.contains("nightkeep dead retry broken"), "{markdown}");
    assert_eq!(house.run(&["report", "--check"]).code, 2, "something failed");

    let why = house.ok(&["why", "flaky"]);
    assert!(why.contains("exit/"), "the rule is named: {why}");

    house.ok(&["down"]);
    house.until("the daemon is gone", || house.daemon_pid().is_none());
    let status = house.status();
    assert_eq!(status["daemon"], serde_json::Value::Null);
    assert_eq!(house.json(&["report", "--format", "json"])["title"], report["title"], "the same with the daemon down");
    assert!(house.logs().join("reports").read_dir().unwrap().count() >= 2, "md and json were written");
    let rest = std::fs::metadata(house.logs().join("nightkeep.db-wal")).map_or(0, |wal| wal.len());
    assert_eq!(rest, 0, "all of the journal is in its file");
    let server = house.tmux_pid().expect("there was a tmux server");
    house.until("the empty tmux server has ended", || !alive(server));
}

#[test]
fn a_report_written_right_at_the_end_has_the_commits() {
    let house = House::new(
        r#"
[projects.farm]
dir = "farm"
[sessions.work]
project = "farm"
command = "echo more >> notes && git commit -qam 'more notes' && echo committed"
"#,
    );
    let git = |args: &[&str]| {
        let done = Command::new("git").args(args).current_dir(house.path("w/farm")).output().unwrap();
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    };
    std::fs::create_dir(house.path("w/farm")).unwrap();
    git(&["init", "-q"]);
    git(&["config", "user.name", "Tester"]);
    git(&["config", "user.email", "tester@example.org"]);
    std::fs::write(house.path("w/farm/notes"), "first\n").unwrap();
    git(&["add", "."]);
    git(&["commit", "-qm", "first notes"]);
    house.ok(&["up", "--trust"]);
    house.ok(&["wait", "--timeout", "30s", "work"]);
    house.ok(&["down"]);
    let report = house.ok(&["report"]);
    assert!(report.contains("more notes") && !report.contains("first notes"), "{report}");
}

#[test]
fn secrets_of_the_environment_are_on_no_command_line_and_not_in_the_tmux_server() {
    let house = House::new("[sessions.peek]\ncommand = 'echo secret=$FAKE_SECRET; sleep 600'\n");
    house.ok(&["up", "--trust"]);
    house.until("the secret reaches the session", || {
        house.session("peek")["output"]["last_line"] == "secret=[redacted]"
    });
    assert_eq!(house.raw("peek"), b"secret=hunter2\r\n");
    for pid in crate::house::pids_mentioning(&house.path("").display().to_string()) {
        let cmdline = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&cmdline).contains("hunter2"), "on the command line of {pid}");
    }
    let server = house.tmux_pid().expect("a tmux server");
    let environ = std::fs::read(format!("/proc/{server}/environ")).unwrap();
    assert!(!String::from_utf8_lossy(&environ).contains("hunter2"), "in the tmux server's environment");
}
