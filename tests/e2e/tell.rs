//! What sessions say of their own work: journaled once, through every death of the daemon, harmless, and without power.

use crate::house::{House, kill};
use serde_json::Value;
use std::fs;

const NIGHTKEEP: &str = env!("CARGO_BIN_EXE_nightkeep");

/// The claims in the journal, as `how kind: text`.
fn told(house: &House) -> Vec<String> {
    let words = |fact: &Value| {
        let told = &fact["told"];
        let part = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
        format!("{} {}: {}", part("by"), part("kind"), part("text"))
    };
    house.facts_of("told").iter().map(words).collect()
}

fn wants(house: &House, name: &str) {
    fs::write(house.path(&format!("w/{name}")), "").expect("written");
}

#[test]
fn a_session_tells_of_its_work_in_every_way_and_changes_nothing_by_it() {
    let house = House::new("");
    let key = format!("{}{}", "ghp_", "Ab3dEf6hIj9kLm2nOp5qRs8t");
    let script = format!(
        r#"
set -u
{NIGHTKEEP} tell done 'the importer reads all tables' --file src/import.rs --verify 'cargo test import'
sh -c 'sh -c "env -i {NIGHTKEEP} tell next \"from a grandchild\""'
{NIGHTKEEP} tell metric profiles 3513/3513
{NIGHTKEEP} tell decision "$(printf 'colour \033[31mred\033[0m, \342\200\256turned, key %s\nand a line' '{key}')"
{NIGHTKEEP} tell needs 'a key for the staging database' --blocks load-events
echo 'nightkeep::done file=out.csv::wrote the table'
echo 'nightkeep::metric name=rows value=17 total=20'
echo 'nightkeep::metric name=rows value=20 total=20'
echo 'see: nightkeep::done quoted, not told'
printf 'nightkeep::blocked with \033[32m{key}\033[0m inside\n'
echo 'nightkeep::approve everything'
{NIGHTKEEP} tell --template | head -1
exit 3
"#
    );
    fs::write(house.path("w/work.sh"), script).expect("written");
    house.write("[sessions.one]\ncommand = 'sh work.sh'\nretry = { max_attempts = 1 }\n");
    house.ok(&["up", "--trust"]);
    house.until_state("one", "failed");
    let raw = String::from_utf8_lossy(&house.raw("one")).into_owned();
    let mut all = told(&house);
    all.sort();
    assert_eq!(
        all,
        [
            "command decision: colour red, \\u{202e}turned, key [redacted] and a line",
            "command done: the importer reads all tables",
            "command metric: profiles 3513/3513",
            "command needs: a key for the staging database",
            "command next: from a grandchild",
            "marker blocked: with [redacted] inside",
            "marker done: wrote the table",
            "marker metric: rows 17/20",
            "marker metric: rows 20/20",
        ],
        "{raw}"
    );
    let facts = house.facts_of("told");
    let done = facts.iter().find(|fact| fact["told"]["verify"].is_string()).expect("one with a proof");
    assert_eq!(done["told"]["verify"], "cargo test import");
    assert_eq!(done["told"]["file"], "src/import.rs");
    assert!(!house.ok(&["export"]).contains(&key), "no secret in the journal");

    // The state is what was seen; a number that was printed is one that was seen.
    let session = house.session("one");
    assert_eq!((&session["state"], &session["exit"]["code"]), (&"failed".into(), &3.into()));
    assert_eq!((&session["claims"], &session["needs"]), (&9.into(), &"a key for the staging database".into()));
    let metrics = session["metrics"].as_array().expect("metrics");
    let rows = metrics.iter().find(|metric| metric["name"] == "rows").expect("rows");
    assert_eq!((rows["value"].as_f64(), rows["total"].as_f64()), (Some(20.0), Some(20.0)));
    assert!(metrics.iter().all(|metric| metric["name"] != "profiles"), "what is only said is no metric");
    let why = house.ok(&["why", "one"]);
    assert!(why.contains("says (needs): a key for the staging database"), "{why}");
    let alerts = house.json(&["alerts", "--json"]).to_string();
    assert!(alerts.contains("one says that it needs you"), "{alerts}");
    house.ok(&["down"]);
}

#[test]
fn nothing_is_lost_or_told_twice_while_daemons_die() {
    let house = House::new("");
    // It tells the next thing whenever it is wanted, with a command and with a marker.
    let script = format!(
        r#"
for n in 1 2 3 4; do
  until [ -e want-$n ]; do sleep 0.05; done
  {NIGHTKEEP} tell done "part $n" && echo "nightkeep::next after part $n" && echo "told $n"
  : > did-$n
done
"#
    );
    fs::write(house.path("w/work.sh"), script).expect("written");
    house.write("[sessions.one]\ncommand = 'sh work.sh'\n");
    let has_done = |n: u32| house.until("it told", || house.path(&format!("w/did-{n}")).exists());
    house.ok(&["up", "--trust"]);
    wants(&house, "want-1");
    has_done(1);
    house.until("the first is journaled", || told(&house).len() == 2);
    for n in 2..=4 {
        let daemon = house.daemon_pid().expect("a daemon");
        kill(daemon, "KILL");
        house.until("the daemon is dead", || house.daemon_pid().is_none());
        // Nobody but the recorder is there to hear it.
        wants(&house, &format!("want-{n}"));
        has_done(n);
        house.ok(&["up"]);
        if n < 4 {
            house.until("it is journaled", || told(&house).len() >= 2 * n as usize);
        }
    }
    house.until_state("one", "succeeded");
    let mut all = told(&house);
    all.sort();
    let mut expected: Vec<String> = (1..=4).map(|n| format!("command done: part {n}")).collect();
    expected.extend((1..=4).map(|n| format!("marker next: after part {n}")));
    assert_eq!(all, expected);
    // Each was said before it was heard, in the order of the session.
    let times: Vec<i64> = house
        .facts_of("told")
        .iter()
        .filter_map(|f| (f["told"]["by"] == "command").then(|| f["told"]["said"].as_i64()).flatten())
        .collect();
    assert!(times.len() == 4 && times.is_sorted(), "{times:?}");
    house.ok(&["down"]);
}

#[test]
fn a_flood_is_cut_in_both_ways_and_journaled_once() {
    let house = House::new("");
    let script = format!(
        r#"
i=0; ok=0
while [ $i -lt 40 ]; do {NIGHTKEEP} tell done "claim $i" 2>/dev/null && ok=$((ok+1)); i=$((i+1)); done
echo "taken $ok"
i=0
while [ $i -lt 1000 ]; do echo "nightkeep::done line $i"; i=$((i+1)); done
"#
    );
    fs::write(house.path("w/work.sh"), script).expect("written");
    house.write("[sessions.one]\ncommand = 'sh work.sh'\n");
    house.ok(&["up", "--trust"]);
    house.until_state("one", "succeeded");
    let all = told(&house);
    let of = |how: &str| all.iter().filter(|words| words.starts_with(how)).count();
    let raw = String::from_utf8_lossy(&house.raw("one")).into_owned();
    // On a machine that is busy enough a minute goes by meanwhile.
    assert!((10..=20).contains(&of("command")), "{all:?}");
    assert!(raw.contains(&format!("taken {}", of("command"))), "{raw}");
    assert!((10..=20).contains(&of("marker")), "{all:?}");
    let troubles = house.facts_of("trouble");
    let told: Vec<_> = troubles.iter().filter(|fact| fact["part"] == "what one tells").collect();
    assert_eq!(told.len(), 1, "{troubles:?}");
    let what = told[0]["what"].as_str().unwrap_or_default();
    let [commands, markers] = [40 - of("command"), 1000 - of("marker")];
    assert!(what.contains(&format!("{commands} with `nightkeep tell`, {markers} in its output")), "{what}");
    house.ok(&["down"]);
}

#[test]
fn from_inside_a_session_nothing_can_be_done_but_told() {
    let house = House::new("");
    let script = format!(
        r#"
for verb in 'stop other' 'hold other' 'note other x' 'send other x' 'down --now' 'alerts ack a1' 'skip other' 'start other'; do
  {NIGHTKEEP} $verb >/dev/null 2>&1; echo "$verb: $?"
done
{NIGHTKEEP} status >/dev/null; echo "status: $?"
{NIGHTKEEP} tell done x; echo "tell: $?"
sleep 600
"#
    );
    fs::write(house.path("w/work.sh"), script).expect("written");
    house.write("[sessions.one]\ncommand = 'sh work.sh'\n[sessions.other]\ncommand = 'sleep 600'\n");
    house.ok(&["up", "--trust"]);
    house.until_state("one", "running");
    house.until("it tried all", || String::from_utf8_lossy(&house.raw("one")).contains("tell: "));
    let raw = String::from_utf8_lossy(&house.raw("one")).into_owned();
    for verb in ["stop other", "hold other", "note other x", "send other x", "down --now", "skip other", "start other"]
    {
        assert!(raw.contains(&format!("{verb}: 5")), "{verb}: {raw}");
    }
    assert!(!raw.contains("alerts ack a1: 0") && raw.contains("status: 0") && raw.contains("tell: 0"), "{raw}");
    assert_eq!(house.session("other")["state"], "running");
    assert_eq!(told(&house), ["command done: x"]);

    let ran = house.run(&["tell", "done", "from outside"]);
    assert_eq!(ran.code, 4, "{}", ran.stderr);
    assert!(ran.stderr.contains("error: nothing was told: this is not inside a session"), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: "), "{}", ran.stderr);
    house.ok(&["down", "--now"]);
}
