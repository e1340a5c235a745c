//! Programs that are stuck, and programs that only look as if they were: found by what their processes do.

use crate::house::House;
use std::time::{Duration, Instant};

/// The shortest limit there may be.
const LIMIT: u64 = 10;

fn house(sessions: &str) -> House {
    House::new(&format!("[defaults]\nstall = \"{LIMIT}s\"\nretry = {{ initial_delay = \"100ms\" }}\n{sessions}"))
}

#[test]
fn what_only_spins_is_found_and_what_computes_without_a_word_is_not() {
    let house = house(
        r#"
[sessions.spins]
command = '''while :; do for c in - '\' '|' /; do printf "\r%s waiting for the answer" "$c"; sleep 0.2; done; done'''

[sessions.computes]
command = "echo compiling; while :; do :; done"
on_stall = "restart"

[sessions.talks]
command = "i=0; while :; do i=$((i+1)); echo row $i; sleep 1; done"
on_stall = "restart"
"#,
    );
    house.ok(&["up", "--trust"]);
    house.until("the spinner is found", || house.session("spins")["activity"] == "stalled");
    let spins = house.session("spins");
    assert_eq!(spins["state"], "running", "it is only told: {spins:#}");
    assert_eq!(spins["findings"][0]["kind"], "stalled");
    let evidence = spins["activity_evidence"].as_str().unwrap_or_default();
    assert!(evidence.contains("draws the same again"), "{evidence}");
    // The two others are watched well beyond their limit.
    let since = Instant::now();
    house.until("twice the limit is over", || since.elapsed() > Duration::from_secs(LIMIT + 5));
    for name in ["computes", "talks"] {
        let session = house.session(name);
        assert_eq!((&session["state"], &session["attempt"]), (&"running".into(), &1.into()), "{session:#}");
        assert_eq!(session["activity"], "working", "{session:#}");
        assert_eq!(session["findings"], serde_json::json!([]), "{session:#}");
    }
    let evidence = house.session("computes")["activity_evidence"].as_str().unwrap_or_default().to_owned();
    assert!(evidence.contains("of a core"), "{evidence}");
    let why = house.ok(&["why", "spins"]);
    assert!(why.contains("stalled: nothing shows that it works") && why.contains("of a core"), "{why}");
    house.ok(&["down", "--now"]);
    let report = house.ok(&["report"]);
    assert!(report.contains("stalled"), "{report}");
}

#[test]
fn what_sleeps_is_restarted_or_nudged_as_the_file_says() {
    let house = house(
        r#"
[sessions.sleeps]
command = 'case "$NIGHTKEEP_ATTEMPT" in *.1) sleep 600;; *) echo cured;; esac'
on_stall = "restart"

[sessions.asks]
command = 'read answer; echo "got $answer"'
on_stall = "nudge"

[sessions.writes]
dir = "own"
command = "echo begun; i=0; while [ $i -lt 12 ]; do i=$((i+1)); touch mark; sleep 2; done"
on_stall = "restart"
"#,
    );
    std::fs::create_dir_all(house.path("w/own")).expect("a folder");
    house.ok(&["up", "--trust"]);
    for name in ["sleeps", "asks", "writes"] {
        house.until_state(name, "succeeded");
    }
    let sleeps = house.session("sleeps");
    assert_eq!(sleeps["attempt"], 2, "{sleeps:#}");
    assert_eq!(sleeps["findings"][0]["acted"], "stopped to be tried again", "{sleeps:#}");
    assert!(sleeps["findings"][0]["resolved"].is_string(), "{sleeps:#}");
    let classes: Vec<_> = house.facts_of("attempt_ended").iter().map(|fact| fact["verdict"]["class"].clone()).collect();
    assert!(classes.contains(&"stalled".into()), "{classes:?}");
    let asks = house.session("asks");
    assert_eq!((&asks["attempt"], &asks["output"]["last_line"]), (&1.into(), &"got continue".into()), "{asks:#}");
    assert_eq!(asks["findings"][0]["acted"], "nudged", "{asks:#}");
    assert_eq!(house.session("writes")["attempt"], 1, "its files changed: {:#}", house.session("writes"));
}

#[test]
fn a_good_end_with_a_result_of_zero_is_told() {
    let house = House::new(
        r#"
[sessions.empty]
command = "echo segments: 0"
metrics = [{ name = "segments", regex = 'segments: (\d+)' }]
"#,
    );
    house.ok(&["up", "--trust"]);
    house.until_state("empty", "succeeded");
    let found = &house.session("empty")["findings"][0];
    assert_eq!(found["kind"], "zero_result", "{found:#}");
    assert!(house.ok(&["why", "empty"]).contains("a good end, but segments is 0"));
}
