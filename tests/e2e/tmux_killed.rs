//! The tmux server is killed: exits are recorded, sessions come back by their policy.

use crate::house::{House, alive, kill};

#[test]
fn sessions_come_back_and_the_loss_counts_no_attempt() {
    let house = House::new(
        r#"
[defaults]
retry = { max_attempts = 1, initial_delay = "100ms", max_delay = "100ms" }
[sessions.ends]
command = "echo begun; sleep 600"
[sessions.keeps]
command = "trap '' HUP; echo begun; i=0; while :; do i=$((i+1)); echo tick $i; sleep 0.2; done"
on_tmux_loss = "keep"
"#,
    );
    house.ok(&["up", "--trust"]);
    for name in ["ends", "keeps"] {
        house.until("it works", || house.session(name)["output"]["bytes"].as_u64() > Some(0));
    }
    let kept = u32::try_from(house.session("keeps")["pid"].as_u64().expect("a pid")).expect("a pid");
    let server = house.tmux_pid().expect("a tmux server");
    kill(server, "KILL");

    house.until("it is started again", || {
        let session = house.session("ends");
        session["attempt"] == 2 && session["state"] == "running"
    });
    let ended = house.facts_of("attempt_ended");
    assert_eq!(ended.len(), 1, "{ended:?}");
    assert_eq!(ended[0]["verdict"]["class"], "lost");
    assert_eq!(ended[0]["counted"], false);
    assert_eq!(ended[0]["exit"]["hup"], true);

    assert!(alive(kept), "the one that is to be kept runs on");
    assert_eq!(house.session("keeps")["attempt"], 1);
    let before = house.session("keeps")["output"]["bytes"].as_u64();
    house.until("its output is still recorded", || house.session("keeps")["output"]["bytes"].as_u64() > before);
    assert_ne!(house.tmux_pid(), Some(server), "a new server runs");
    house.ok(&["down", "--now"]);
    house.until("it was ended with the night", || !alive(kept));
}

#[test]
fn a_session_that_a_person_closes_is_not_started_again() {
    let house = House::new("[sessions.one]\ncommand = 'echo begun; sleep 600'\n");
    house.ok(&["up", "--trust"]);
    house.until_state("one", "running");
    let tmux = house.session("one")["tmux"].clone();
    let socket = tmux["socket"].as_str().expect("a socket");
    let target = format!("={}:", tmux["session"].as_str().expect("a session"));
    let killed = std::process::Command::new("tmux").args(["-S", socket, "kill-session", "-t", &target]).status();
    assert!(killed.expect("tmux runs").success());
    house.until_state("one", "stopped");
    assert_eq!(house.session("one")["attempt"], 1);
}
