//! Short exits by the thousand: every byte printed in the last moment and every exit code and signal is right.
//!
//! `EXITS` sets how many (default 2000).

use crate::house::House;
use std::fmt::Write;

/// One session's fate: what it prints and how it ends.
struct Fate {
    lines: usize,
    code: Option<i32>,
    signal: Option<i32>,
}

/// Codes 0 to 255 in turn, with a signal now and then, and 1 to 200 lines in the last moment.
fn fate(n: usize) -> Fate {
    const SIGNALS: [i32; 8] = [1, 2, 6, 9, 11, 13, 14, 15];
    let lines = 1 + (n * 37) % 200;
    if n % 9 == 8 {
        Fate { lines, code: None, signal: SIGNALS.get((n / 9) % SIGNALS.len()).copied() }
    } else {
        Fate { lines, code: i32::try_from(n % 256).ok(), signal: None }
    }
}

#[test]
fn every_byte_and_every_code_of_two_thousand_exits() {
    let total: usize = std::env::var("EXITS").ok().and_then(|n| n.parse().ok()).unwrap_or(2000);
    let per_file = 500;
    let mut wrong = Vec::new();
    for first in (0..total).step_by(per_file) {
        let count = per_file.min(total - first);
        round(first, count, &mut wrong);
    }
    assert!(
        wrong.is_empty(),
        "{} of {total} wrong:\n{}",
        wrong.len(),
        wrong.iter().take(20).cloned().collect::<Vec<_>>().join("\n")
    );
}

fn round(first: usize, count: usize, wrong: &mut Vec<String>) {
    let mut toml = String::from("[limits]\nconcurrent = 24\n[defaults]\nretry = { max_attempts = 1 }\n");
    for n in first..first + count {
        let Fate { lines, code, signal } = fate(n);
        let end = match (code, signal) {
            (Some(code), _) => format!("exit {code}"),
            (None, Some(signal)) => format!("kill -{signal} $$; sleep 5"),
            (None, None) => unreachable!("a fate has an end"),
        };
        let _ = writeln!(
            toml,
            "[sessions.s{n}]\ncommand = 'i=0; while [ $i -lt {lines} ]; do i=$((i+1)); echo \"line $i of session {n}\"; done; {end}'"
        );
    }
    let house = House::new(&toml);
    house.ok(&["up", "--trust"]);
    house.until("all have ended", || {
        let status = house.status();
        let sessions = status["sessions"].as_array().expect("sessions");
        sessions.iter().all(|s| matches!(s["state"].as_str(), Some("succeeded" | "failed" | "partial" | "stopped")))
    });
    let status = house.status();
    for session in status["sessions"].as_array().expect("sessions") {
        let name = session["name"].as_str().expect("a name");
        let n: usize = name.trim_start_matches('s').parse().expect("a number");
        let fate = fate(n);
        let exit = &session["exit"];
        let got = (exit["code"].as_i64(), exit["signal"].as_i64());
        let want = (fate.code.map(i64::from), fate.signal.map(i64::from));
        if got != want {
            wrong.push(format!("{name}: exit {got:?} instead of {want:?}"));
        }
        let mut expected = String::new();
        for i in 1..=fate.lines {
            let _ = write!(expected, "line {i} of session {n}\r\n");
        }
        let log = house.path("w").join(session["output"]["path"].as_str().expect("a path"));
        let bytes = std::fs::read(&log).unwrap_or_default();
        if bytes != expected.as_bytes() {
            wrong.push(format!("{name}: {} bytes instead of {}", bytes.len(), expected.len()));
        }
    }
    let ends = house.facts_of("attempt_ended").len();
    if ends != count {
        wrong.push(format!("{ends} ends journaled for {count} attempts"));
    }
}
