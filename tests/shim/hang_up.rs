//! The terminal around the recorder goes away: what the policy says happens, and all of it is recorded.

use crate::harness::{Bed, NIGHTKEEP, assert_done, lives, output_of, sh, until};
use nightkeep::core::exit::Ending;
use nightkeep::recording::events::RecorderEvent;
use nightkeep::recording::socket::Request;

const POLITE: &str = "trap 'echo got HUP; exit 3' HUP; echo up; while :; do sleep 0.02; done";
const STUBBORN: &str = "trap '' HUP TERM; echo up; while :; do echo on; sleep 0.02; done";

/// A tmux server of the test's own.
struct Tmux {
    socket: String,
    server: u32,
}

impl Tmux {
    /// Runs the attempt in a new server.
    fn start(bed: &Bed) -> Self {
        let socket = bed.path("tmux.sock").to_str().unwrap().to_owned();
        let run_dir = bed.run_dir().to_str().unwrap().to_owned();
        bed.spec.write(&bed.run_dir()).unwrap();
        let argv = ["-S", &socket, "-f", "/dev/null", "new-session", "-d", "-s", "job", "--"];
        let exec = [NIGHTKEEP, "exec", "--run", &run_dir];
        output_of("tmux", &[&argv[..], &exec[..]].concat()).expect("a tmux server");
        // A server whose only session was short has gone already.
        let server = output_of("tmux", &["-S", &socket, "display-message", "-p", "#{pid}"]);
        Self { socket, server: server.and_then(|pid| pid.parse().ok()).unwrap_or(0) }
    }
    fn command(&self, words: &[&str]) -> Option<String> {
        output_of("tmux", &[&["-S", self.socket.as_str()], words].concat())
    }
    fn kill(&self) {
        crate::harness::kill(self.server, rustix::process::Signal::KILL);
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        self.command(&["kill-server"]);
    }
}

fn until_over(bed: &Bed) {
    until("the end", || bed.has_event(|e| matches!(e, RecorderEvent::End { .. })));
    until("no recorder", || !bed.files().recorder_lives().unwrap());
}

#[test]
fn a_program_that_goes_when_its_terminal_goes_is_recorded_with_its_last_words() {
    let bed = Bed::new(&sh(POLITE));
    let mut shim = bed.start_unwatched();
    bed.until_log_has("up");
    shim.close_terminal();
    assert_eq!(shim.wait().code(), Some(3));
    let end = bed.end();
    assert!(end.hup && !end.stopped);
    assert!(bed.log_has("got HUP"));
    assert!(bed.has_event(|e| *e == RecorderEvent::Signal { signal: 1 }));
}

#[test]
fn a_program_that_does_not_go_is_ended_within_the_grace() {
    let mut bed = Bed::new(&sh(STUBBORN));
    bed.spec.stop_grace_ms = 400;
    let mut shim = bed.start_unwatched();
    bed.until_log_has("up");
    shim.close_terminal();
    shim.wait();
    let end = bed.end();
    assert_eq!(end.ending, Ending::Signal { signal: 9, core: false });
    assert!(end.hup && !end.oom);
}

#[test]
fn with_stop_the_death_of_tmux_ends_the_program() {
    let bed = Bed::new(&sh(POLITE));
    let tmux = Tmux::start(&bed);
    bed.until_log_has("up");
    tmux.kill();
    until_over(&bed);
    assert_eq!((bed.end().code(), bed.end().hup), (Some(3), true));
    assert!(bed.log_has("got HUP"));
}

#[test]
fn with_keep_the_program_outlives_tmux_and_its_log_and_socket_go_on() {
    let mut bed = Bed::new(&sh("trap '' HUP; echo up; while read x; do echo \"got $x\"; done"));
    bed.spec.keep_on_tmux_loss = true;
    let tmux = Tmux::start(&bed);
    bed.until_log_has("up");
    let mut client = bed.connect();
    tmux.kill();
    until("the hang-up", || bed.has_event(|e| *e == RecorderEvent::Signal { signal: 1 }));
    until("tmux is gone", || !lives(tmux.server));
    assert_done(&client.input(b"one\r", false));
    bed.until_log_has("got one");
    // Longer than it takes to decide between a closed session and a dead tmux.
    let begun = crate::harness::now();
    until("the decision", || begun.elapsed().as_millis() > 1300);
    assert_done(&bed.connect().input(b"two\r", false));
    bed.until_log_has("got two");
    assert_done(&client.ask(&Request::Stop { grace_ms: 300 }));
    until_over(&bed);
    assert!(bed.end().hup && bed.end().stopped);
}

#[test]
fn with_keep_a_session_that_somebody_closed_ends_all_the_same() {
    let mut bed = Bed::new(&sh(POLITE));
    bed.spec.keep_on_tmux_loss = true;
    let tmux = Tmux::start(&bed);
    // Another session, so that the server stays.
    tmux.command(&["new-session", "-d", "-s", "other", "--", "sleep", "1000"]).unwrap();
    bed.until_log_has("up");
    tmux.command(&["kill-session", "-t", "=job:"]).unwrap();
    until_over(&bed);
    assert_eq!((bed.end().code(), bed.end().hup), (Some(3), true));
    assert!(lives(tmux.server));
}

#[test]
fn a_stopped_tmux_server_loses_nothing() {
    let bed = Bed::new(&sh("until [ -e go ]; do sleep 0.02; done; seq 100000; exit 6"));
    let tmux = Tmux::start(&bed);
    bed.pid();
    crate::harness::kill(tmux.server, rustix::process::Signal::STOP);
    std::fs::write(bed.path("go"), "").unwrap();
    until_over(&bed);
    crate::harness::kill(tmux.server, rustix::process::Signal::CONT);
    assert_eq!(bed.end().code(), Some(6));
    let expected: String = (1..=100_000).map(|i| format!("{i}\r\n")).collect();
    assert!(bed.log() == expected.as_bytes());
}

#[test]
fn short_programs_under_tmux_lose_no_byte_and_no_code() {
    let beds: Vec<_> = (1..=40).map(|n| (n, Bed::new(&sh(&format!("seq {}; exit {n}", n * 5))))).collect();
    for (n, bed) in &beds {
        let _tmux = Tmux::start(bed);
        until_over(bed);
        let expected: String = (1..=n * 5).map(|i| format!("{i}\r\n")).collect();
        assert_eq!((bed.end().code(), bed.log()), (Some(*n), expected.into_bytes()));
    }
}
