//! A journal that is damaged while the daemon is dead: put aside, what can be read kept, the sessions known as before.

use super::house::{House, kill};
use std::fs;
use std::path::PathBuf;

const TWO: &str = "[sessions.one]\ncommand = 'echo ran >> ran; sleep 1000'\n[sessions.two]\ncommand = 'true'\n";

/// A night under way whose daemon was killed.
fn interrupted() -> House {
    let house = House::new(TWO);
    house.ok(&["up", "--trust"]);
    house.until_state("one", "running");
    house.until_state("two", "succeeded");
    die(&house);
    house
}

fn die(house: &House) {
    kill(house.daemon_pid().expect("a daemon"), "KILL");
    house.until("the daemon is dead", || house.daemon_pid().is_none());
}

fn db(house: &House) -> PathBuf {
    house.logs().join("nightkeep.db")
}

/// Brings all of the journal into its one file.
fn settle(house: &House) {
    let wal = house.logs().join("nightkeep.db-wal");
    house.until("all of the journal is in its file", || {
        sql(house, "PRAGMA wal_checkpoint(TRUNCATE)");
        fs::metadata(&wal).map_or(0, |wal| wal.len()) == 0
    });
}

fn sql(house: &House, text: &str) {
    let path = db(house);
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};
        let mut db = sqlx::sqlite::SqliteConnectOptions::new().filename(path).connect().await.unwrap();
        db.execute(AssertSqlSafe(text.to_owned())).await.unwrap();
        db.close().await.unwrap();
    });
}

/// Files that were put aside, without their side files.
fn aside(house: &House) -> Vec<String> {
    let names = fs::read_dir(house.logs()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.contains(".corrupt-") && !name.ends_with("-wal") && !name.ends_with("-shm")).collect()
}

fn told(house: &House) -> Vec<String> {
    let troubles = house.facts_of("trouble").into_iter().filter(|fact| fact["part"] == "journal");
    troubles.map(|fact| fact["what"].as_str().unwrap().to_owned()).collect()
}

/// The report in words, on one line.
fn report(house: &House) -> String {
    let out = house.command(&["report", "--last", "--format", "md"]).output().unwrap();
    String::from_utf8_lossy(&out.stdout).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_fact_that_was_changed_is_left_out_and_the_sessions_run_on_as_known() {
    let house = interrupted();
    let pid = fs::read_to_string(house.path("w/ran")).unwrap();
    sql(
        &house,
        "DROP TRIGGER events_are_not_changed; UPDATE events SET body = replace(body, 'tmux', 'smux') WHERE kind = 'tmux_started'",
    );
    let before = house.command(&["status"]).output().unwrap();
    assert!(!String::from_utf8_lossy(&before.stdout).is_empty());
    house.ok(&["up"]);
    assert_eq!(house.session("one")["state"], "running");
    assert_eq!(house.session("two")["state"], "succeeded");
    assert_eq!(fs::read_to_string(house.path("w/ran")).unwrap(), pid, "it was not started again");
    let told = told(&house);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("does not fit its hash") && told[0].contains("1 are lost"), "{told:?}");
    assert_eq!(aside(&house).len(), 1);
    assert!(told[0].contains(&aside(&house)[0]), "it says where the damaged one is");
    let doctor = house.command(&["doctor", "--json"]).output().unwrap();
    let doctor: serde_json::Value = serde_json::from_slice(&doctor.stdout).unwrap();
    let check = doctor["checks"].as_array().unwrap().iter().find(|c| c["name"] == "journal").unwrap();
    assert_eq!(check["result"], "ok", "{check}");
    house.ok(&["down", "--now"]);
    assert!(report(&house).contains("it was damaged"), "{}", report(&house));
    // It goes on: nothing is mended twice.
    house.ok(&["up"]);
    assert_eq!(aside(&house).len(), 1);
    house.ok(&["down", "--now"]);
}

#[test]
fn a_page_of_noise_costs_what_stood_on_it() {
    let house = interrupted();
    settle(&house);
    let mut bytes = fs::read(db(&house)).unwrap();
    // Pages in the middle: of events, of their indexes, of rows, as it comes.
    let pages = bytes.len() / 4096;
    let mut rng = fastrand::Rng::with_seed(3);
    let at = pages / 2 * 4096;
    bytes[at..at + 4096].iter_mut().for_each(|byte| *byte = rng.u8(..));
    fs::write(db(&house), bytes).unwrap();
    house.ok(&["up"]);
    house.until_state("one", "running");
    assert_eq!(fs::read_to_string(house.path("w/ran")).unwrap(), "ran\n", "it was not started again");
    assert_eq!((told(&house).len(), aside(&house).len()), (1, 1), "{:?}", told(&house));
    house.ok(&["down", "--now"]);
}

#[test]
fn of_a_journal_without_a_head_nothing_is_kept_but_the_night_goes_on() {
    let house = interrupted();
    settle(&house);
    let mut bytes = fs::read(db(&house)).unwrap();
    bytes[..4096].fill(0x5a);
    fs::write(db(&house), bytes).unwrap();
    // What can be told without a daemon is told as damage, with what to do.
    let out = house.command(&["status"]).output().unwrap();
    assert!(!out.status.success());
    house.ok(&["up"]);
    house.until_state("two", "succeeded");
    house.until_state("one", "running");
    let told = told(&house);
    assert!(told[0].contains("none of its facts could be read"), "{told:?}");
    assert_eq!(aside(&house).len(), 1);
    house.ok(&["down", "--now"]);
    assert!(report(&house).contains("it was damaged"), "{}", report(&house));
}

#[test]
fn a_start_that_was_killed_between_two_moves_is_finished_by_the_next() {
    let house = interrupted();
    settle(&house);
    let whole = fs::read(db(&house)).unwrap();
    // As if the new journal were whole, and the damaged one still in its place.
    fs::write(house.logs().join("nightkeep.db.mended-20261122T010000Z"), &whole).unwrap();
    fs::write(house.logs().join("nightkeep.db.mending"), "an earlier try").unwrap();
    fs::write(db(&house), "damage").unwrap();
    fs::write(house.logs().join("nightkeep.db-wal"), "its log").unwrap();
    house.ok(&["up"]);
    assert_eq!(house.session("one")["state"], "running");
    assert_eq!(aside(&house), ["nightkeep.db.corrupt-20261122T010000Z"]);
    assert_eq!(fs::read(house.logs().join("nightkeep.db.corrupt-20261122T010000Z-wal")).unwrap(), b"its log");
    assert!(!house.logs().join("nightkeep.db.mended-20261122T010000Z").exists());
    assert!(told(&house).is_empty(), "that is told by the journal that was made");
    house.ok(&["down", "--now"]);
}
