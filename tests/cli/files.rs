//! `logs`: the recorder's files as they are shown.

use super::home::{Home, Ran, until, write};
use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;

fn log(home: &Home, stem: &str) -> PathBuf {
    home.instance().state().join("output/tests").join(format!("{stem}.log"))
}

fn frame(ms: u64, offset: u64, length: u64) -> Vec<u8> {
    [ms * 1_000_000, offset, length].iter().flat_map(|w| w.to_le_bytes()).collect()
}

/// The run directory of an attempt whose recorder is gone.
fn over(home: &Home, stem: &str) {
    write(&home.instance().runs().join("tests").join(stem).join("lock"), "");
}

#[test]
fn raw_is_exactly_the_bytes_and_text_is_harmless() {
    let home = Home::with_sessions();
    let bytes: Vec<u8> = (0..=255).chain(*b"\x1b[31mred\x1b[0m\n10%\r99%\ndone").collect();
    write(&log(&home, "2026-11-21-1.1"), "old\n");
    write(&log(&home, "2026-11-21-1.2"), &bytes);
    let output = super::home::finish(home.command(&["logs", "tests", "--raw"]).spawn().unwrap());
    assert_eq!(output.stdout, bytes);
    let text = home.run(&["logs", "tests"]).exits(0).out;
    assert!(text.ends_with("red\n99%\ndone\n"), "{text:?}");
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    assert_eq!(home.run(&["logs", "tests", "--attempt", "1"]).exits(0).out, "old\n");
    home.run(&["logs", "tests", "--attempt", "3"]).exits(4).says("no attempt 3").says("it has 1, 2");
}

#[test]
fn each_line_has_the_time_of_its_first_byte() {
    let home = Home::with_sessions();
    let path = log(&home, "2026-11-21-1.1");
    write(&path, "one\ntwo\nthree\n");
    write(&path.with_extension("idx"), [frame(1_000, 0, 6), frame(3_600_000, 6, 2), frame(7_200_000, 8, 6)].concat());
    let mut command = home.command(&["logs", "tests", "--timestamps"]);
    let ran = Ran::of(command.env("TZ", "UTC")).exits(0);
    assert_eq!(ran.out, "00:00:01 one\n00:00:01 two\n02:00:00 three\n");
    let ran = home.run(&["logs", "tests", "--since", "1970-01-01T01:30:00Z"]).exits(0);
    assert_eq!(ran.out, "three\n");
    assert_eq!(home.run(&["logs", "tests", "--since", "1h"]).exits(0).out, "");
    std::fs::remove_file(path.with_extension("idx")).unwrap();
    home.run(&["logs", "tests", "--timestamps"]).exits(1).says("no times are known");
    home.run(&["logs", "tests", "--since", "noon"]).exits(2).says("02:00");
}

#[test]
fn following_shows_what_comes_and_ends_with_the_run() {
    let home = Home::with_sessions();
    let path = log(&home, "2026-11-21-1.1");
    write(&path, "one\n");
    let mut child = home.command(&["logs", "-f", "tests"]).spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    let mut first = [0; 4];
    out.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"one\n");
    OpenOptions::new().append(true).open(&path).unwrap().write_all(b"two\n").unwrap();
    let mut second = [0; 4];
    out.read_exact(&mut second).unwrap();
    assert_eq!(&second, b"two\n");
    // A retry: the first attempt's recorder is gone, a second one has begun.
    over(&home, "2026-11-21-1.1");
    write(&log(&home, "2026-11-21-1.2"), "again");
    over(&home, "2026-11-21-1.2");
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "again\n");
    until("the end", || child.try_wait().unwrap().is_some());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn lost_bytes_are_told() {
    let home = Home::with_sessions();
    write(&log(&home, "2026-11-21-1.1"), "x\n");
    let event = "{\"t\":1,\"m\":1,\"event\":\"lost\",\"at\":2,\"bytes\":77,\"why\":\"disk full\",\"resumed\":false}\n";
    write(&home.instance().runs().join("tests/2026-11-21-1.1/events.jsonl"), event);
    home.run(&["logs", "tests"]).exits(0).says("77 bytes of this output could not be kept");
}
