//! The journal is gone while the recorders' files are still there: the new one runs everything anew, nothing is lost.

use crate::house::House;

#[test]
fn a_new_journal_does_not_take_old_attempts_for_its_own() {
    let house = House::new("[sessions.one]\ncommand = 'echo ran >> ran; echo said; sleep 600'\n");
    let runs = || std::fs::read_to_string(house.path("w/ran")).unwrap_or_default().lines().count();
    house.ok(&["up", "--trust"]);
    house.until("it ran", || runs() == 1);
    house.ok(&["restart", "one"]);
    house.until("it ran again", || runs() == 2);
    house.ok(&["down", "--now"]);
    for name in ["nightkeep.db", "nightkeep.db-wal", "nightkeep.db-shm"] {
        let _ = std::fs::remove_file(house.logs().join(name));
    }

    house.ok(&["up"]);
    house.until("it runs anew", || runs() == 3);
    house.until_state("one", "running");
    house.until("its output is there", || house.raw("one") == b"said\r\n");
    let kept = |folder: &str| std::fs::read_dir(house.logs().join(folder).join("one/old-1")).map_or(0, Iterator::count);
    assert!(kept("runs") >= 2 && kept("output") >= 4, "{} {}", kept("runs"), kept("output"));

    // A daemon that comes after it takes the same journal's attempts for its own.
    let pid = house.session("one")["pid"].clone();
    crate::house::kill(house.daemon_pid().expect("a daemon"), "KILL");
    house.until("the daemon is dead", || house.daemon_pid().is_none());
    house.ok(&["up"]);
    assert_eq!(house.session("one")["pid"], pid);
    house.ok(&["down", "--now"]);
    assert_eq!(runs(), 3);
}
