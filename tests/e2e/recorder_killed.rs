//! The recorder is killed while its program ignores every polite request: no copy runs beside the next, none outlives
//! the night.

use crate::house::{House, alive, kill, pids_mentioning};

/// Leaves its parent, its session and its terminal, ignores signals, and notes that it runs.
const TOUGH: &str = "[defaults]\nstop_grace = '1s'\nretry = { max_attempts = 5, initial_delay = '10ms', min_uptime = '1ms', jitter = 'none' }\n[sessions.tough]\ncommand = \"trap '' INT TERM HUP; env -i setsid sh -c 'trap \\\"\\\" INT TERM HUP; while :; do sleep 0.1; done' lone $NIGHTKEEP_INSTANCE#$NIGHTKEEP_ATTEMPT & while :; do sleep 0.1; done\"\n";

fn recorder(house: &House) -> u32 {
    let mark = house.logs().join("runs/tough").display().to_string();
    let is_recorder = |pid: &u32| {
        let text = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        text.contains(&mark) && text.contains("exec")
    };
    let pids = pids_mentioning(&mark);
    pids.iter().copied().find(is_recorder).unwrap_or_else(|| panic!("no recorder among {pids:?}"))
}

/// Processes of an attempt: by their environment, or, where they cleaned that, by their command line.
fn of_attempt(house: &House, attempt: &str) -> usize {
    let instance = house.path("w/sessions.toml").display().to_string();
    let by_name = format!("{instance}#{attempt}");
    let by_marks = [format!("NIGHTKEEP_ATTEMPT={attempt}"), format!("NIGHTKEEP_INSTANCE={instance}")];
    let holds = |pid: u32, file: &str, wanted: &str| {
        let text = std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        text.split(|&b| b == 0).any(|word| word == wanted.as_bytes())
    };
    let is_of_it = |pid: &&u32| {
        alive(**pid) && (holds(**pid, "cmdline", &by_name) || by_marks.iter().all(|mark| holds(**pid, "environ", mark)))
    };
    pids_mentioning(&instance).iter().filter(is_of_it).count()
}

fn attempt(house: &House) -> String {
    house
        .facts_of("attempt_started")
        .last()
        .map(|f| f["attempt"].as_str().unwrap_or_default().to_owned())
        .unwrap_or_default()
}

#[test]
fn the_next_attempt_starts_when_nothing_of_the_old_one_lives() {
    let house = House::new(TOUGH);
    house.ok(&["up", "--trust"]);
    house.until_state("tough", "running");
    let first = house.session("tough")["pid"].clone();
    house.until("its tree stands", || of_attempt(&house, &attempt(&house)) >= 2);
    let old = attempt(&house);
    kill(recorder(&house), "KILL");
    house.until("it runs again", || {
        let session = house.session("tough");
        session["state"] == "running" && session["pid"] != first
    });
    assert_ne!(attempt(&house), old);
    assert_eq!(of_attempt(&house, &old), 0, "nothing of the old attempt runs beside the new one");
    house.ok(&["down", "--now"]);
}

#[test]
fn down_ends_what_a_killed_recorder_left_when_no_daemon_runs() {
    let house = House::new(TOUGH);
    house.ok(&["up", "--trust"]);
    house.until_state("tough", "running");
    house.until("its tree stands", || of_attempt(&house, &attempt(&house)) >= 2);
    let (old, recorder) = (attempt(&house), recorder(&house));
    kill(house.daemon_pid().expect("a daemon"), "KILL");
    house.until("the daemon is dead", || house.daemon_pid().is_none());
    kill(recorder, "KILL");
    house.until("the recorder is dead", || !alive(recorder));
    house.ok(&["down", "--now"]);
    assert_eq!(of_attempt(&house, &old), 0);
}
