//! The ordinary life of sessions: start, list, end, connect again.

use crate::lab::{Lab, PATIENCE, argv, attempt, name, send, sleeper, until};
use nightkeep::adapters::tmux::{self, SessionStart, Tmux, TmuxError, TmuxEvent};
use nightkeep::os::process::ProcessIdentity;
use std::fs;
use std::time::{Duration, Instant};

async fn start(tmux: &Tmux, session: &str, run: &str, words: &[String]) -> Result<tmux::SessionStarted, TmuxError> {
    let (name, attempt) = (name(session), attempt(run));
    tmux.start_session(&SessionStart { name: &name, attempt: &attempt, argv: words, size: (200, 50) }).await
}

#[tokio::test]
async fn a_session_is_started_listed_and_ended() {
    let lab = Lab::new();
    let connected = lab.connect().await;
    assert!(connected.started);
    let started = start(&connected.tmux, "load", "2026-11-21/load/1.1", &sleeper()).await.unwrap();
    let panes = connected.tmux.list().await.unwrap();
    let [pane] = &panes[..] else { panic!("{panes:?}") };
    assert_eq!((pane.session.as_str(), pane.nk_run.as_str()), ("load", "2026-11-21/load/1.1"));
    assert_eq!(
        (&pane.session_id, &pane.pane_id, pane.pane_pid),
        (&started.session_id, &started.pane_id, started.pane_pid)
    );
    assert!(!pane.dead && !started.already);
    assert_eq!(lab.ask(&["display", "-p", "-t", "=load:", "#{window_width}x#{window_height}"]).trim(), "200x50");
    connected.tmux.kill_session(&started.session_id).await.unwrap();
    assert_eq!(connected.tmux.list().await.unwrap(), []);
    connected.tmux.kill_session(&started.session_id).await.unwrap();
}

#[tokio::test]
async fn the_end_of_a_program_is_told_as_a_hint() {
    let lab = Lab::new();
    let mut connected = lab.connect().await;
    start(&connected.tmux, "quick", "2026-11-21/quick/1.1", &argv(&["/bin/sh", "-c", "exit 3"])).await.unwrap();
    let gone = async {
        while !connected.tmux.list().await.unwrap().is_empty() {
            assert_eq!(connected.events.next().await, TmuxEvent::Changed);
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.unwrap();
}

#[tokio::test]
async fn starting_an_attempt_twice_starts_it_once() {
    let lab = Lab::new();
    let tmux = lab.connect().await.tmux;
    let first = start(&tmux, "load", "2026-11-21/load/1.1", &sleeper()).await.unwrap();
    let again = start(&tmux, "load", "2026-11-21/load/1.1", &sleeper()).await.unwrap();
    assert!(again.already);
    assert_eq!(again.pane_pid, first.pane_pid);
    // Also when we were killed between the start and the mark.
    lab.ask(&["set-option", "-p", "-u", "-t", "=load:", "@nk_run"]);
    assert!(start(&tmux, "load", "2026-11-21/load/1.1", &sleeper()).await.unwrap().already);
    let other = start(&tmux, "load", "2026-11-21/load/1.2", &sleeper()).await.unwrap_err();
    assert!(matches!(&other, TmuxError::NameTaken { run, .. } if run == "2026-11-21/load/1.1"), "{other}");
    assert_eq!(tmux.list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_session_of_a_person_is_left_alone() {
    let lab = Lab::new();
    let tmux = lab.connect().await.tmux;
    lab.ask(&["new-session", "-d", "-s", "load", "/bin/sleep", "600"]);
    let error = start(&tmux, "load", "2026-11-21/load/1.1", &sleeper()).await.unwrap_err();
    assert!(matches!(&error, TmuxError::NameTaken { run, .. } if run.is_empty()), "{error}");
    assert!(!error.may_have_happened());
    assert_eq!(tmux.list().await.unwrap()[0].nk_run, "");
}

#[tokio::test]
async fn a_dead_remnant_makes_room() {
    let lab = Lab::new();
    let tmux = lab.connect().await.tmux;
    let old = start(&tmux, "load", "2026-11-21/load/1.1", &sleeper()).await.unwrap();
    lab.ask(&["set-option", "-w", "-t", "=load:", "remain-on-exit", "on"]);
    send(old.pane_pid, "KILL");
    until("the pane is dead", || async { tmux.list().await.unwrap().iter().all(|p| p.dead) }).await;
    let new = start(&tmux, "load", "2026-11-21/load/1.2", &sleeper()).await.unwrap();
    assert!(!new.already);
    let panes = tmux.list().await.unwrap();
    assert_eq!(panes.len(), 1);
    assert_eq!(panes[0].nk_run, "2026-11-21/load/1.2");
}

#[tokio::test]
async fn a_pane_that_a_person_opened_lives_on_under_another_name() {
    let lab = Lab::new();
    let tmux = lab.connect().await.tmux;
    let old = start(&tmux, "load", "2026-11-21/load/1.1", &sleeper()).await.unwrap();
    lab.ask(&["split-window", "-d", "-t", "=load:", "/bin/sleep", "600"]);
    let beside = tmux.list().await.unwrap().into_iter().find(|p| p.pane_id != old.pane_id).unwrap();
    assert_eq!(beside.nk_run, "", "the mark is on our pane only");
    let taken = start(&tmux, "load", "2026-11-21/load/1.2", &sleeper()).await.unwrap_err();
    assert!(matches!(&taken, TmuxError::NameTaken { run, .. } if run == "2026-11-21/load/1.1"), "{taken}");
    send(old.pane_pid, "KILL");
    until("our pane is gone", || async { tmux.list().await.unwrap().len() == 1 }).await;
    let new = start(&tmux, "load", "2026-11-21/load/1.2", &sleeper()).await.unwrap();
    let panes = tmux.list().await.unwrap();
    let of = |pid| panes.iter().find(|p| p.pane_pid == pid).unwrap();
    assert_eq!(of(new.pane_pid).session, "load");
    assert_eq!(of(beside.pane_pid).session, format!("_left-{}-load", &old.session_id[1..]));
}

#[tokio::test]
async fn a_second_connection_finds_the_same_server_and_sessions() {
    let lab = Lab::new();
    let first = lab.connect().await;
    let session = start(&first.tmux, "load", "2026-11-21/load/1.1", &sleeper()).await.unwrap();
    let server = first.tmux.server().clone();
    drop(first);
    let second = lab.connect().await;
    assert!(!second.started);
    assert_eq!(second.tmux.server(), &server);
    assert_eq!(second.tmux.list().await.unwrap()[0].pane_pid, session.pane_pid);
}

#[tokio::test]
async fn the_server_is_in_a_session_of_its_own_and_survives_us() {
    let lab = Lab::new();
    let server = lab.connect().await.tmux.server().clone();
    let stat = fs::read_to_string(format!("/proc/{}/stat", server.pid)).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let pid = server.pid.to_string();
    assert_eq!((fields[2], fields[3]), (pid.as_str(), pid.as_str()), "process group and session");
    assert!(server.is_alive(), "it outlives its last connection");
}

#[tokio::test]
async fn a_killed_keep_session_is_made_again_and_the_others_live_on() {
    let lab = Lab::new();
    let mut connected = lab.connect().await;
    start(&connected.tmux, "load", "2026-11-21/load/1.1", &sleeper()).await.unwrap();
    lab.ask(&["kill-session", "-t", "=_keep:"]);
    let closed = tokio::time::timeout(PATIENCE, async {
        loop {
            if let TmuxEvent::Closed { server_alive, .. } = connected.events.next().await {
                return server_alive;
            }
        }
    });
    assert!(closed.await.unwrap());
    let again = lab.connect().await;
    assert!(!again.started);
    assert_eq!(again.tmux.list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_killed_server_is_noticed_and_started_anew() {
    let lab = Lab::new();
    let mut connected = lab.connect().await;
    let session = start(&connected.tmux, "load", "2026-11-21/load/1.1", &sleeper()).await.unwrap();
    let old = connected.tmux.server().clone();
    while let Ok(TmuxEvent::Changed) = tokio::time::timeout(Duration::from_millis(100), connected.events.next()).await {
    }
    send(old.pid, "KILL");
    let event = tokio::time::timeout(PATIENCE, async {
        loop {
            let event = connected.events.next().await;
            if event != TmuxEvent::Changed {
                return event;
            }
        }
    });
    let event = event.await.unwrap();
    assert!(matches!(event, TmuxEvent::Closed { server_alive: false, .. }), "{event:?}");
    let error = connected.tmux.list().await.unwrap_err();
    assert!(matches!(error, TmuxError::Closed { .. }), "{error}");
    let again = lab.connect().await;
    assert!(again.started);
    assert_ne!(again.tmux.server().pid, old.pid);
    assert_eq!(again.tmux.list().await.unwrap(), []);
    until("the old pane's program is gone", || async { ProcessIdentity::of(session.pane_pid).is_none() }).await;
}

#[tokio::test]
async fn a_stopped_server_costs_a_deadline_and_not_the_night() {
    let lab = Lab::new();
    let tmux = lab.connect().await.tmux;
    let server = tmux.server().pid;
    send(server, "STOP");
    let began = Instant::now();
    let (one, two) = tokio::join!(tmux.list(), tmux.list());
    for error in [one.unwrap_err(), two.unwrap_err()] {
        assert!(matches!(error, TmuxError::Deadline { .. }), "{error}");
        assert!(error.may_have_happened());
    }
    assert!(began.elapsed() < 2 * tmux::DEADLINE, "{:?}", began.elapsed());
    let error = Tmux::connect(&lab.places).await.unwrap_err();
    assert!(matches!(error, TmuxError::Deadline { .. }), "{error}");
    send(server, "CONT");
    // Late replies go to nobody and do not shift the ones that follow.
    assert_eq!(tmux.list().await.unwrap(), []);
    let words = argv(&["display-message", "-p", "here"]);
    assert_eq!(tmux.command(&words).await.unwrap(), [b"here"]);
}

#[tokio::test]
async fn a_deleted_socket_is_made_again_by_the_same_server() {
    let lab = Lab::new();
    let connected = lab.connect().await;
    start(&connected.tmux, "load", "2026-11-21/load/1.1", &sleeper()).await.unwrap();
    fs::remove_file(&lab.places.socket).unwrap();
    // The open connection does not need it.
    assert_eq!(connected.tmux.list().await.unwrap().len(), 1);
    let again = lab.connect().await;
    assert!(!again.started);
    assert_eq!(again.tmux.server(), connected.tmux.server());
    assert_eq!(again.tmux.list().await.unwrap().len(), 1);
    assert!(lab.places.socket.exists());
}

#[tokio::test]
async fn no_second_server_starts_while_the_recorded_one_lives() {
    let lab = Lab::new();
    let server = lab.connect().await.tmux.server().pid;
    fs::remove_file(&lab.places.socket).unwrap();
    send(server, "STOP");
    let error = Tmux::connect(&lab.places).await.unwrap_err();
    assert!(matches!(error, TmuxError::Unreachable { pid } if pid == server), "{error}");
    send(server, "CONT");
    assert_eq!(lab.connect().await.tmux.server().pid, server);
}

#[tokio::test]
async fn a_pane_the_server_forgot_is_reaped_on_request() {
    let lab = Lab::new();
    let tmux = lab.connect().await.tmux;
    // Only that it does no harm can be forced; the lost signal itself is a matter of luck.
    tmux.reap();
    assert_eq!(tmux.list().await.unwrap(), []);
}

#[tokio::test]
async fn three_hundred_sessions_are_listed_quickly() {
    let lab = Lab::new();
    let tmux = lab.connect().await.tmux;
    for n in 0..300 {
        start(&tmux, &format!("job{n}"), &format!("2026-11-21/job{n}/1.1"), &sleeper()).await.unwrap();
    }
    let began = Instant::now();
    let panes = tmux.list().await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(panes.len(), 300);
    assert!(panes.iter().all(|p| p.nk_run == format!("2026-11-21/{}/1.1", p.session)));
}
