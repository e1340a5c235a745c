//! Channels that are programs: the message on standard input, a deadline, and no shell.

use super::lab::{clear, failed, message, plan, send, send_within};
use nightkeep::core::alert::message::{Message, Outcome};
use nightkeep::core::plan::{ChannelPlan, Way};
use std::path::Path;
use std::time::Duration;

fn command(argv: &[&str], dir: &Path) -> ChannelPlan {
    plan(Way::Command { argv: argv.iter().map(|word| (*word).to_owned()).collect(), dir: dir.into() })
}

#[test]
fn a_program_gets_the_message_as_json_and_as_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let message = Message { title: "$(touch pwned); `touch pwned`".into(), ..message() };
    let plan = command(&["sh", "-c", "cat >got; echo \"$#\" >words", "x"], dir.path());
    assert_eq!(send(&plan, clear(&[]), &message), Outcome::Delivered);
    let got: serde_json::Value = serde_json::from_slice(&std::fs::read(dir.path().join("got")).unwrap()).unwrap();
    assert_eq!((&got["title"], &got["id"], &got["seq"]), (&message.title.into(), &"a7".into(), &2.into()));
    assert_eq!(std::fs::read_to_string(dir.path().join("words")).unwrap(), "0\n");
    assert!(!dir.path().join("pwned").exists());
}

#[test]
fn words_of_the_command_are_not_for_a_shell() {
    let dir = tempfile::tempdir().unwrap();
    let plan = command(&["touch", "$(echo a); b"], dir.path());
    assert_eq!(send(&plan, clear(&[]), &message()), Outcome::Delivered);
    assert!(dir.path().join("$(echo a); b").exists());
}

#[test]
fn the_end_of_a_program_says_whether_to_try_again() {
    let dir = tempfile::tempdir().unwrap();
    let told = |argv: &[&str]| {
        let (why, _, permanent) = failed(send(&command(argv, dir.path()), clear(&[]), &message()));
        (why, permanent)
    };
    let (why, permanent) = told(&["sh", "-c", "echo 'no route\x1b[2J' >&2; exit 3"]);
    assert!(why.starts_with("it ended with exit code 3: no route") && !why.contains('\x1b') && !permanent, "{why}");
    let (why, permanent) = told(&["sh", "-c", "kill -9 $$"]);
    assert!(why.contains("ended by signal 9") && !permanent, "{why}");
    let (why, permanent) = told(&["/nonexistent/program"]);
    assert!(why.contains("cannot start") && permanent, "{why}");
    assert!(told(&["sh", "-c", "exit 127"]).1);
}

#[test]
fn a_program_that_does_not_end_is_ended() {
    let dir = tempfile::tempdir().unwrap();
    let plan = command(&["sleep", "600"], dir.path());
    let (why, _, permanent) = failed(send_within(&plan, clear(&[]), &message(), Duration::from_millis(300)));
    assert!(why.contains("no end after 300 ms, killed") && !permanent, "{why}");
}

#[test]
fn a_program_that_reads_nothing_is_no_trouble() {
    let dir = tempfile::tempdir().unwrap();
    let message = Message { body: "line\n".repeat(5_000), ..message() };
    assert_eq!(send(&command(&["true"], dir.path()), clear(&[]), &message), Outcome::Delivered);
}
