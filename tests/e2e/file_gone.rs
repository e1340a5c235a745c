//! The config is gone or broken while its sessions run: what runs can be seen and ended all the same.

use crate::house::{House, alive, kill};

const STATE_ELSEWHERE: &str = "[paths]\nstate = 'elsewhere'\n[sessions.one]\ncommand = 'sleep 600'\n";

fn begun(sessions: &str) -> (House, u32) {
    let house = House::new(sessions);
    house.ok(&["up", "--trust"]);
    house.until_state("one", "running");
    let pid = house.session("one")["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).expect("a pid");
    (house, pid)
}

#[test]
fn with_a_living_daemon_every_command_of_the_night_works_without_the_file() {
    let (house, pid) = begun("[sessions.one]\ncommand = 'sleep 600'\n");
    std::fs::remove_file(house.path("w/sessions.toml")).unwrap();
    assert_eq!(house.session("one")["state"], "running");
    house.ok(&["stop", "one"]);
    house.until("it is stopped", || !alive(pid));
    house.ok(&["down"]);
    house.until("the daemon is gone", || house.daemon_pid().is_none());
    assert_eq!(house.session("one")["state"], "stopped", "from the journal");
}

#[test]
fn without_a_daemon_down_ends_the_sessions_of_a_file_that_is_gone_or_broken() {
    for broken in [None, Some("[paths\nstate =")] {
        let (house, pid) = begun(STATE_ELSEWHERE);
        let lock = std::fs::read_to_string(house.path("w/elsewhere/daemon.lock")).unwrap();
        let daemon: u32 = lock.lines().next().unwrap().parse().unwrap();
        kill(daemon, "KILL");
        house.until("the daemon is dead", || !alive(daemon));
        match broken {
            Some(text) => house.write(text),
            None => std::fs::remove_file(house.path("w/sessions.toml")).unwrap(),
        }
        let file = house.path("w/sessions.toml").display().to_string();
        assert_eq!(house.json(&["status", "--json", "--file", &file])["sessions"][0]["name"], "one");
        house.ok(&["down", "--file", &file]);
        assert!(!alive(pid), "{broken:?}");
        let again = house.run(&["down", "--file", &file]);
        assert!(again.stderr.contains("nothing to end"), "{broken:?}: {}", again.stderr);
    }
}
