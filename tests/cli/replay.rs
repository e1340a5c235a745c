//! `replay` of recordings made by hand: what it shows and writes is known to the byte.

use super::home::{Home, write};
use nightkeep::core::exit::ResourceUsage;
use nightkeep::core::ids::AttemptId;
use nightkeep::recording::events::{EVENTS_FILE, Line, RecorderEvent};
use nightkeep::recording::index::{Frame, index_path};
use nightkeep::recording::packed;
use std::fs;
use std::path::PathBuf;

const S: u64 = 1_000_000_000;
/// 2026-11-21 20:00:00 UTC.
const T0: u64 = 1_795_291_200 * S;

/// A recording: `one`, a second later the screen anew on a wider terminal, output that is lost, the end.
fn record(home: &Home, number: u32) -> PathBuf {
    let attempt: AttemptId = format!("2026-11-21/tests/1.{number}").parse().unwrap();
    let t0 = T0 + u64::from(number) * 100 * S;
    let log = home.instance().output_log(&attempt);
    let pieces: [(u64, &[u8]); 4] = [
        (t0 + S / 4, b"one\r\n"),
        (t0 + S, b"\x1b[2J\x1b[H\x1b[31mtw"),
        (t0 + S + S / 2, "o \x1b[0m漢\r\n".as_bytes()),
        (t0 + 3 * S, b"TOKEN=hunter22"),
    ];
    let (mut bytes, mut index) = (Vec::new(), Vec::new());
    for (t, piece) in pieces {
        index.extend(Frame { t, offset: bytes.len() as u64, len: piece.len() as u64 }.encode());
        bytes.extend_from_slice(piece);
    }
    let total = bytes.len() as u64;
    let line = |t: u64, event| Line { t, m: t - t0, event };
    let usage = ResourceUsage { user_ms: 1, system_ms: 1, max_rss_kib: 1 };
    let lost = |bytes, resumed| RecorderEvent::Lost { at: total - 14, bytes, why: "disk full".into(), resumed };
    let events = [
        line(t0, RecorderEvent::Start { version: 1, boot_id: "b".into(), pid: 1, pid_start: 1, shim_pid: 2 }),
        line(t0 + S / 2, RecorderEvent::Resize { cols: 100, rows: 30, at: Some(5) }),
        line(t0 + 2 * S, lost(0, false)),
        line(t0 + 3 * S, lost(9, true)),
        line(
            t0 + 4 * S,
            RecorderEvent::End {
                code: None,
                signal: Some(9),
                core: false,
                oom: false,
                usage,
                bytes: total + 9,
                lost: 9,
                hup: false,
                stopped: false,
                orphans: 0,
            },
        ),
    ];
    write(&log, &bytes);
    write(&index_path(&log), &index);
    let events: Vec<u8> = events.iter().flat_map(Line::encode).collect();
    write(&home.instance().run_dir(&attempt).join(EVENTS_FILE), events);
    log
}

fn at(second: u64) -> String {
    jiff::Timestamp::from_second(i64::try_from(T0 / S + 100 + second).unwrap()).unwrap().to_string()
}

#[test]
fn the_screen_of_a_moment_is_what_stood_there_then() {
    let home = Home::with_sessions();
    let log = record(&home, 1);
    for packed in [false, true] {
        if packed {
            packed::pack(&log, || true).unwrap();
        }
        let before = home.run(&["replay", "tests", "--at", &at(0)]).exits(4);
        before.says("nothing was on the screen").says("its recording begins at 2026-11-21T20:01:40");
        let first = home.run(&["replay", "tests", "--at", &format!("{}.5Z", at(0).trim_end_matches('Z'))]).exits(0);
        assert_eq!(first.out, "one\n");
        let first = first.says("2026-11-21/tests/1.1 at ").says("80x24");
        drop(first);
        let second = home.run(&["replay", "tests", "--at", &at(2)]).exits(0).says("100x30");
        assert_eq!(second.out, "two 漢\n");
        let last = home.run(&["replay", "tests", "--at", &at(50)]).exits(0);
        assert_eq!(last.out, "two 漢\nTOKEN=[redacted]\n");
        last.says("this is its last screen").says("9 bytes of output are missing before this: disk full");
    }
}

#[test]
fn the_attempt_that_ran_then_is_shown() {
    let home = Home::with_sessions();
    record(&home, 1);
    record(&home, 2);
    home.run(&["replay", "tests", "--at", &at(2)]).exits(0).says("2026-11-21/tests/1.1 at ");
    home.run(&["replay", "tests", "--at", &at(102)]).exits(0).says("2026-11-21/tests/1.2 at ");
    home.run(&["replay", "tests", "--at", &at(102), "--attempt", "1"]).exits(0).says("1.1 at ").says("it ended at");
    home.run(&["replay", "tests", "--at", &at(2), "--attempt", "7"])
        .exits(4)
        .says("has no attempt 7")
        .says("it has 1, 2");
}

#[test]
fn a_cast_is_right_to_the_byte() {
    let home = Home::with_sessions();
    let log = record(&home, 1);
    let expected = concat!(
        "{\"version\":3,\"term\":{\"cols\":80,\"rows\":24,\"type\":\"tmux-256color\"},\"timestamp\":1795291300,",
        "\"title\":\"2026-11-21/tests/1.1\"}\n",
        "[0.250000,\"o\",\"one\\r\\n\"]\n",
        "[0.250000,\"r\",\"100x30\"]\n",
        "[0.500000,\"o\",\"\\u001b[2J\\u001b[H\\u001b[31mtw\"]\n",
        "[0.500000,\"o\",\"o \\u001b[0m漢\\r\\n\"]\n",
        "[1.500000,\"m\",\"9 bytes of output are missing before this: disk full\"]\n",
        "[0.000000,\"o\",\"TOKEN=hunter22\"]\n",
        "[1.000000,\"x\",\"137\"]\n",
    );
    assert_eq!(home.run(&["replay", "tests", "--cast", "-"]).exits(0).out, expected);
    packed::pack(&log, || true).unwrap();
    home.run(&["replay", "tests", "--cast", "night.cast"]).exits(0).says("wrote 2026-11-21/tests/1.1 to night.cast");
    assert_eq!(fs::read_to_string(home.work().join("night.cast")).unwrap(), expected);
}

#[test]
fn without_an_index_the_times_are_guessed_and_that_is_told() {
    let home = Home::with_sessions();
    let log = record(&home, 1);
    fs::remove_file(index_path(&log)).unwrap();
    let last =
        home.run(&["replay", "tests", "--at", &at(50)]).exits(0).says("no times were recorded: they are guessed");
    assert_eq!(last.out, "two 漢\nTOKEN=[redacted]\n");
    let cast = home.run(&["replay", "tests", "--cast", "-"]).exits(0).says("they are guessed").out;
    let said: String = cast
        .lines()
        .skip(1)
        .map(|line| serde_json::from_str::<(f64, String, String)>(line).unwrap())
        .filter(|(_, kind, _)| kind == "o")
        .map(|(_, _, data)| data)
        .collect();
    assert_eq!(said.as_bytes(), fs::read(&log).unwrap());
}

#[test]
fn what_cannot_be_replayed_says_why() {
    let home = Home::with_sessions();
    home.run(&["replay", "tests", "--at", "02:00"]).exits(4).says("has not run yet");
    home.run(&["replay", "test", "--at", "02:00"]).exits(4).says("did you mean tests?");
    record(&home, 1);
    home.run(&["replay", "tests"]).exits(2).says("a replay is for a terminal").says("--at TIME");
    home.run(&["replay", "tests", "--at", "noon"]).exits(2);
    home.run(&["replay", "tests", "--speed", "fast"]).exits(2).says("a speed is a number");
    home.run(&["replay", "tests", "--cast", "no/such/folder/x.cast"]).exits(1).says("cannot write");
    home.run(&["--json", "replay", "tests", "--cast", "-"]).exits(2).says("no JSON form");
}
