//! The daemon is killed again and again in a busy night: nothing is lost, nothing starts twice, every exit is known.
//!
//! `KILLS` sets how often (default 200).

use crate::house::{House, kill};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;

/// Enough that some are left when the last kill comes.
const SESSIONS: u32 = 400;

/// Sessions that start and end all the time while the daemon dies: each start and end leaves a line in a file that
/// nightkeep knows nothing of.
fn busy_night(house_of: &std::path::Path) -> String {
    let truth = house_of.display();
    let mut toml = String::from("[limits]\nconcurrent = 6\n[defaults]\nretry = { max_attempts = 1 }\n");
    for n in 0..SESSIONS {
        let _ = writeln!(
            toml,
            "[sessions.s{n}]\ncommand = '''echo \"start $NIGHTKEEP_ATTEMPT\" >> {truth}/truth; echo working; sleep 0.{tenths}; echo \"end $NIGHTKEEP_ATTEMPT {code}\" >> {truth}/truth; exit {code}'''\nsuccess = {{ exit_codes = [{code}] }}",
            code = 10 + n % 10,
            tenths = n % 10,
        );
    }
    toml
}

#[test]
fn nothing_is_lost_and_nothing_starts_twice() {
    let kills: u32 = std::env::var("KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(200);
    let house = House::new("");
    house.write(&busy_night(&house.path("")));
    house.ok(&["up", "--trust"]);
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for n in 0..kills {
        let pid = house.daemon_pid().expect("a daemon");
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        std::thread::sleep(Duration::from_millis(random % 120));
        kill(pid, "KILL");
        house.until("the daemon is dead", || house.daemon_pid().is_none());
        let up = house.run(&["up"]);
        assert_eq!(up.code, 0, "start {n}: {}\n{}", up.stderr, house.daemon_log());
    }
    house.ok(&["down"]);
    house.until("the daemon is gone", || house.daemon_pid().is_none());

    let truth = std::fs::read_to_string(house.path("truth")).expect("the sessions wrote");
    let mut starts: BTreeMap<&str, u32> = BTreeMap::new();
    let mut ends: BTreeMap<&str, i64> = BTreeMap::new();
    for line in truth.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["start", attempt] => *starts.entry(attempt).or_default() += 1,
            ["end", attempt, code] => {
                ends.insert(attempt, code.parse().expect("a code"));
            }
            _ => panic!("odd line {line:?}"),
        }
    }
    let twice: Vec<_> = starts.iter().filter(|(_, n)| **n > 1).collect();
    assert!(twice.is_empty(), "started twice: {twice:?}");

    let mut journaled: BTreeMap<String, serde_json::Value> = BTreeMap::new();
    for fact in house.facts_of("attempt_ended") {
        let attempt = fact["attempt"].as_str().expect("an attempt").to_owned();
        assert!(journaled.insert(attempt.clone(), fact["exit"].clone()).is_none(), "{attempt} ended twice");
    }
    let started: BTreeSet<String> = house
        .facts_of("attempt_started")
        .iter()
        .map(|f| f["attempt"].as_str().expect("an attempt").to_owned())
        .collect();
    for attempt in starts.keys() {
        assert!(started.contains(*attempt), "the start of {attempt} is not in the journal");
        assert!(journaled.contains_key(*attempt), "the end of {attempt} is not in the journal");
    }
    for (attempt, code) in &ends {
        let ending = &journaled[*attempt]["ending"];
        // A session that had written its last line can still have been ended by `down`.
        let stopped = journaled[*attempt]["stopped"] == true;
        assert!(ending["code"] == *code || stopped, "{attempt}: {ending} instead of code {code}");
    }
    let lost = journaled.values().filter(|exit| exit["ending"]["kind"] == "lost").count();
    assert_eq!(lost, 0, "exits of the gaps are known");
    assert!(ends.len() as u32 > kills / 4, "the night was busy: {} ends", ends.len());
    println!("{kills} kills, {} starts, {} ends, 0 lost, 0 doubled", starts.len(), ends.len());
}
