//! Commands against a daemon: what is asked of it, and what becomes of its answers.

use super::fake::{Fake, fact_about, status, word};
use super::home::{DEADLINE, Home, Ran, at_terminal, finish, terminal, until};
use nightkeep::core::event::Verb;
use nightkeep::core::fact::Fact;
use nightkeep::core::ids::NightId;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;

fn online(sessions: &[(&str, &str)]) -> (Home, Fake) {
    let home = Home::with_sessions();
    let fake = Fake::start(&home);
    fake.world.lock().unwrap().status = status(sessions);
    (home, fake)
}

#[test]
fn verbs_reach_the_daemon_as_typed() {
    let (home, fake) = online(&[]);
    home.run(&["hold", "tests", "load-profiles"]).exits(0).prints("did /v1/sessions/tests/verb\n");
    home.run(&["stop", "tests", "--reason", "wrong branch"]).exits(0);
    home.run(&["send", "tests", "--key", "Enter"]).exits(0);
    home.run(&["send", "tests", "--", "-dash"]).exits(0);
    home.run(&["send", "tests"]).exits(2);
    home.run(&["send", "tests", "x", "--key", "Enter"]).exits(2);
    home.run(&["add", "more", "--project", "backend", "--after", "tests", "--priority", "-3", "--", "a", "--b"])
        .exits(0);
    home.run(&["dead", "retry", "--class", "auth"]).exits(0);
    home.run(&["dead", "retry", "--class", "nonsense"]).exits(2);
    let json = home.run(&["skip", "tests", "--json"]).exits(0).json();
    assert_eq!(json["did"][0], "did /v1/sessions/tests/verb");
    let expected = [
        ("/v1/sessions/tests/verb", word(Verb::Hold)),
        ("/v1/sessions/load-profiles/verb", word(Verb::Hold)),
        ("/v1/sessions/tests/verb", serde_json::json!({"verb": "stop", "reason": "wrong branch"})),
        ("/v1/sessions/tests/send", serde_json::json!({"text": null, "key": "Enter"})),
        ("/v1/sessions/tests/send", serde_json::json!({"text": "-dash", "key": null})),
        (
            "/v1/sessions",
            serde_json::json!({"name": "more", "project": "backend", "after": ["tests"], "priority": -3, "command": ["a", "--b"]}),
        ),
        ("/v1/dead/retry", serde_json::json!({"session": null, "class": "auth"})),
        ("/v1/sessions/tests/verb", word(Verb::Skip)),
    ];
    let expected = expected.map(|(path, body)| (format!("POST {path}"), body));
    assert_eq!(fake.asked(), expected);
}

#[test]
fn a_refusal_gives_its_exit_code_and_hints() {
    let (home, fake) = online(&[]);
    fake.refuse("/v1/sessions/tests/verb", "not from inside \u{1b}[31m a session", 5);
    let ran = home.run(&["stop", "tests"]).exits(5).says("error: not from inside \\u{1b}").says("hint: do this");
    assert!(!ran.err.contains('\u{1b}'));
    fake.refuse("/v1/sessions/tests/verb", "a refusal is never a success", 0);
    home.run(&["stop", "tests"]).exits(1);
}

#[test]
fn another_version_is_told() {
    let (home, fake) = online(&[]);
    fake.world.lock().unwrap().version = "9.9.9".into();
    home.run(&["hold", "tests"]).exits(0).says("the daemon is nightkeep 9.9.9");
    fake.answer_with("/v1/status", 200, "{}");
    home.run(&["status"]).exits(1).says("error: the daemon is nightkeep 9.9.9").says("hint: ");
}

#[test]
fn status_shows_the_sessions_asked_for() {
    let (home, _fake) = online(&[("tests", "failed"), ("load-profiles", "running")]);
    home.run(&[""; 0]).exits(0).prints("tests").prints("load-profiles");
    let json = home.run(&["status", "tests", "--json"]).exits(0).json();
    assert_eq!(json["sessions"].as_array().unwrap().len(), 1);
    home.run(&["status", "test"]).exits(4).says("did you mean tests?");
    home.run(&["dead"]).exits(0).prints("2026-11-21/tests/1");
}

#[test]
fn watching_prints_every_change_and_ends_quietly_when_nobody_reads() {
    let (home, fake) = online(&[("tests", "queued")]);
    let mut child = home.command(&["status", "--watch", "--json"]).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert!(line.contains("queued"));
    until("a listener", || fake.listeners() == 1);
    fake.change(&[("tests", "running")], fact_about("tests"));
    line.clear();
    out.read_line(&mut line).unwrap();
    assert!(line.contains("running"), "{line}");
    drop(out);
    fake.change(&[("tests", "succeeded")], fact_about("tests"));
    assert_eq!(Ran::from(finish(child)).code, Some(0));
}

#[test]
fn wait_returns_when_the_runs_have_ended() {
    let (home, fake) = online(&[("tests", "running"), ("load-profiles", "succeeded")]);
    home.run(&["wait", "load-profiles"]).exits(0).prints("succeeded");
    home.run(&["wait", "tests", "--timeout", "0s"]).exits(124).says("nightkeep why tests");
    let child = home.command(&["wait", "tests", "load-profiles"]).spawn().unwrap();
    until("a listener", || fake.listeners() >= 1);
    fake.change(&[("tests", "failed"), ("load-profiles", "succeeded")], fact_about("tests"));
    Ran::from(finish(child)).exits(1).prints("failed");
    fake.world.lock().unwrap().status.sessions[0].run = None;
    home.run(&["wait", "tests"]).exits(1).says("has no run to wait for");
}

#[test]
fn down_follows_the_night_to_its_end() {
    let (home, mut fake) = online(&[("tests", "running")]);
    let child = home.command(&["down"]).spawn().unwrap();
    until("the request", || fake.asked().iter().any(|(what, _)| what == "POST /v1/down"));
    let night = NightId::new("2026-11-21").unwrap();
    fake.change(
        &[("tests", "stopped")],
        Fact::ReportWritten { night, files: vec!["logs/reports/2026-11-21.md".into()] },
    );
    fake.end();
    let ran = Ran::from(finish(child)).exits(0);
    assert!(ran.out.ends_with("work/logs/reports/2026-11-21.md\n"), "{}", ran.out);
}

#[test]
fn up_asks_once_and_then_queues() {
    let (home, fake) = online(&[]);
    at_terminal(&mut home.command(&["up", "tests", "--now"]), "y\n").exits(0).says("Trust it?").prints("did /v1/up");
    home.run(&["up"]).exits(0).prints("did /v1/up");
    let posts: Vec<_> = fake.asked().into_iter().filter(|(what, _)| what.starts_with("POST")).collect();
    assert_eq!(posts[0].1, serde_json::json!({"sessions": ["tests"], "now": true}));
    assert_eq!(posts[1].1, serde_json::json!({"sessions": [], "now": false}));
}

#[test]
fn why_tells_the_chain() {
    let (home, fake) = online(&[]);
    let why = "{\"schema\":1,\"session\":\"tests\",\"state\":\"queued\",\"chain\":[{\"at\":\"2026-11-21T22:00:00Z\",\
               \"what\":\"all slots are taken\",\"evidence\":null}],\"next\":\"it starts when a slot is free\"}";
    fake.answer_with("/v1/sessions/tests/why", 200, why);
    home.run(&["why", "tests"]).exits(0).prints("all slots are taken").prints("when a slot is free");
    assert_eq!(home.run(&["why", "tests", "--json"]).exits(0).json()["state"], "queued");
}

/// Reads a terminal until something was shown.
fn read_until(terminal: &mut std::fs::File, text: &str) -> String {
    let began = std::time::Instant::now();
    let mut shown = Vec::new();
    let mut chunk = [0; 4096];
    while !String::from_utf8_lossy(&shown).contains(text) {
        let wanted = rustix::event::PollFd::new(terminal, rustix::event::PollFlags::IN);
        let second = rustix::event::Timespec { tv_sec: 1, tv_nsec: 0 };
        assert!(began.elapsed() < DEADLINE, "no {text:?} in {:?}", String::from_utf8_lossy(&shown));
        if rustix::event::poll(&mut [wanted], Some(&second)).unwrap() == 1 {
            let read = terminal.read(&mut chunk).unwrap();
            shown.extend_from_slice(&chunk[..read]);
        }
    }
    String::from_utf8_lossy(&shown).into_owned()
}

#[test]
fn watching_on_a_terminal_leaves_it_as_it_was() {
    let (home, fake) = online(&[("tests", "queued")]);
    let (mut ours, theirs) = terminal();
    let mut child = home.command(&["status", "--watch"]).env("TERM", "xterm").stdout(theirs).spawn().unwrap();
    let first = read_until(&mut ours, "\x1b[?2026l");
    assert!(first.contains("\x1b[?1049h") && first.contains("tests"), "{first:?}");
    until("a listener", || fake.listeners() == 1);
    fake.change(&[("tests", "running")], fact_about("tests"));
    let second = read_until(&mut ours, "running");
    assert!(!second.contains("\x1b[2J"), "nothing is blanked between: {second:?}");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    read_until(&mut ours, "\x1b[?1049l");
    until("the end", || child.try_wait().unwrap().is_some());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// A tmux server of the test's own; ended with it.
struct Server(PathBuf);

impl Server {
    fn tmux(&self, args: &[&str]) -> std::process::Output {
        let mut command = std::process::Command::new("tmux");
        command.env_remove("TMUX").arg("-S").arg(&self.0).args(["-f", "/dev/null"]).args(args).output().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

#[test]
fn attach_shows_the_session_itself_also_from_inside_another_tmux() {
    let (home, _fake) = online(&[("tests", "running"), ("test", "queued")]);
    let server = Server(home.instance().tmux_socket());
    let made = server.tmux(&["new-session", "-d", "-s", "tests", "echo here-it-is; exec cat"]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

    let (mut ours, theirs) = terminal();
    let mut command = home.command(&["attach", "tests"]);
    command.env("TERM", "xterm").env("TMUX", "/elsewhere/default,1,0");
    command.stdin(theirs.try_clone().unwrap()).stdout(theirs);
    let mut child = command.spawn().unwrap();
    read_until(&mut ours, "here-it-is");
    server.tmux(&["detach-client", "-s", "tests"]);
    read_until(&mut ours, "[detached");
    until("the end", || child.try_wait().unwrap().is_some());
    assert_eq!(child.wait().unwrap().code(), Some(0));

    // A beginning of a name is not the name, though tmux itself would take it.
    let (_ours, theirs) = terminal();
    let mut command = home.command(&["attach", "test"]);
    command.stdin(theirs.try_clone().unwrap()).stdout(theirs);
    Ran::of(&mut command).exits(1).says("test does not run, it is queued");
}
