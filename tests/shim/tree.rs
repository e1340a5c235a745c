//! Nothing that a program started stays behind.

use crate::harness::{Bed, assert_done, kill, lives, now, sh, until};
use nightkeep::core::exit::Ending;
use nightkeep::recording::events::RecorderEvent;
use nightkeep::recording::socket::Request;
use rustix::process::Signal;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

/// Starts processes that leave session, group and parent and hear nothing but `SIGKILL`; each notes its number.
const FAMILY: &str = r#"
stubborn='trap "" HUP INT TERM; echo $$ >> pids; while :; do sleep 0.05; done'
setsid sh -c "$stubborn" &
nohup sh -c "$stubborn" >/dev/null 2>&1 &
(setsid sh -c "sh -c '$stubborn' & exit" &)
until [ "$(wc -l < pids)" = 3 ] 2>/dev/null; do sleep 0.02; done
echo up
"#;

fn pids(bed: &Bed) -> Vec<u32> {
    let pids = std::fs::read_to_string(bed.path("pids")).unwrap();
    pids.lines().map(|l| l.parse().unwrap()).collect()
}

#[test]
fn a_stop_ends_the_whole_family_at_the_end_of_the_grace() {
    let bed = Bed::new(&sh(&format!("trap '' INT TERM; {FAMILY} while :; do sleep 0.05; done")));
    let mut shim = bed.start();
    bed.until_log_has("up");
    let family = pids(&bed);
    assert!(family.len() == 3 && family.iter().all(|pid| lives(*pid)));
    let begun = now();
    assert_done(&bed.connect().ask(&Request::Stop { grace_ms: 600 }));
    shim.wait();
    assert!(begun.elapsed() >= Duration::from_millis(590), "{:?}", begun.elapsed());
    assert!(!family.iter().any(|pid| lives(*pid)));
    let end = bed.end();
    assert_eq!(end.ending, Ending::Signal { signal: 9, core: false });
    assert!(end.stopped && !end.oom && !end.hup);
    assert!(bed.has_event(|e| *e == RecorderEvent::StopAsked { grace_ms: 600 }));
}

#[test]
fn a_stop_without_grace_is_at_once() {
    let mut bed = Bed::new(&sh("trap '' INT TERM; echo up; while :; do sleep 0.05; done"));
    bed.spec.stop_grace_ms = 60_000;
    let mut shim = bed.start();
    bed.until_log_has("up");
    let mut client = bed.connect();
    assert_done(&client.ask(&Request::Stop { grace_ms: 60_000 }));
    // A second stop can only make it quicker.
    assert_done(&client.ask(&Request::Stop { grace_ms: 0 }));
    shim.wait();
    assert_eq!(bed.end().signal(), Some(9));
}

#[test]
fn a_program_that_hears_the_first_signal_keeps_its_own_exit() {
    let bed = Bed::new(&sh("trap 'echo saved; exit 7' INT; echo up; while :; do sleep 0.05; done"));
    let mut shim = bed.start();
    bed.until_log_has("up");
    assert_done(&bed.connect().ask(&Request::Stop { grace_ms: 30_000 }));
    assert_eq!(shim.wait().code(), Some(7));
    assert!(bed.end().stopped && bed.log_has("saved"));
}

#[test]
fn a_stopped_program_can_be_ended() {
    let bed = Bed::new(&["sleep", "1000"]);
    let mut shim = bed.start();
    kill(bed.pid(), Signal::STOP);
    assert_done(&bed.connect().ask(&Request::Stop { grace_ms: 30_000 }));
    assert_eq!(shim.wait().signal(), Some(2));
}

#[test]
fn what_outlives_the_program_is_counted_and_ended() {
    let bed = Bed::new(&sh(&format!("{FAMILY} exit 5")));
    assert_eq!(bed.run().code(), Some(5));
    let end = bed.end();
    // Each of the three has a `sleep` of its own that may or may not be there at the moment of counting.
    assert!(end.code() == Some(5) && (3..=6).contains(&end.orphans) && !end.stopped, "{end:?}");
    assert!(!pids(&bed).iter().any(|pid| lives(*pid)));
}

#[test]
fn what_ends_by_itself_soon_after_is_no_orphan_and_its_file_is_whole() {
    let late = "(trap '' HUP; : > armed; sleep 0.3; echo late > late) & until [ -e armed ]; do :; done; exit 5";
    let mut bed = Bed::new(&sh(late));
    bed.spec.drain_ms = 20_000;
    let begun = now();
    assert_eq!(bed.run().code(), Some(5));
    assert!(begun.elapsed() < Duration::from_secs(10), "it does not wait longer than there is somebody");
    assert_eq!(bed.end().orphans, 0);
    assert!(bed.path("late").exists());
    assert!(bed.end().ran < Duration::from_millis(290), "the end is the program's, not that of its family");
}

#[test]
fn a_signal_to_the_recorder_is_recorded_and_stops_the_program() {
    for (signal, number) in [(Signal::TERM, 15), (Signal::INT, 2)] {
        let bed = Bed::new(&sh("trap 'exit 8' INT; echo up; while :; do sleep 0.05; done"));
        let mut shim = bed.start();
        bed.until_log_has("up");
        shim.signal(signal);
        assert_eq!(shim.wait().code(), Some(8));
        assert!(bed.has_event(|e| *e == RecorderEvent::Signal { signal: number }) && bed.end().stopped);
    }
}

#[test]
fn signals_that_mean_nothing_to_the_recorder_do_not_end_it() {
    let bed = Bed::new(&sh("echo up; read x; exit 2"));
    let mut shim = bed.start();
    bed.until_log_has("up");
    for signal in [Signal::USR1, Signal::USR2, Signal::ALARM, Signal::PIPE, Signal::XFSZ, Signal::IO] {
        shim.signal(signal);
    }
    assert_done(&bed.connect().ask(&Request::Resize { cols: 90, rows: 30 }));
    shim.keys(b"\r");
    assert_eq!(shim.wait().code(), Some(2));
}

#[test]
fn zombies_are_reaped() {
    let bed = Bed::new(&sh("for i in 1 2 3 4 5; do (setsid true &); done; echo up; read x"));
    let mut shim = bed.start();
    bed.until_log_has("up");
    let children = || std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", shim.pid())).unwrap();
    until("the program is the only child", || children().split_whitespace().count() == 1);
    shim.keys(b"\r");
    shim.wait();
    assert_eq!(bed.end().orphans, 0);
}
