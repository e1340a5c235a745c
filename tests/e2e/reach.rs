//! A living daemon is found where it is, gets its socket back, and is never denied; nobody can crowd its socket.

use crate::house::{House, alive, kill};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

fn begun() -> House {
    let house = House::new("[sessions.one]\ncommand = 'sleep 600'\n");
    house.ok(&["up", "--trust"]);
    house.until_state("one", "running");
    house
}

fn socket(house: &House) -> PathBuf {
    let status = house.status();
    let tmux = status["sessions"][0]["tmux"]["socket"].as_str().expect("a socket");
    PathBuf::from(tmux).with_file_name("api.sock")
}

#[test]
fn a_daemon_is_found_from_a_shell_with_another_runtime_folder() {
    let house = begun();
    let daemon = house.daemon_pid().expect("a daemon");
    let mut command = house.command(&["down", "--now"]);
    let output = command.env_remove("XDG_RUNTIME_DIR").output().expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    house.until("the daemon is gone", || !alive(daemon));
    assert_ne!(house.session("one")["state"], "running");
}

#[test]
fn a_socket_that_vanished_is_made_again() {
    let house = begun();
    let daemon = house.daemon_pid().expect("a daemon");
    let socket = socket(&house);
    std::fs::remove_dir_all(socket.parent().unwrap()).unwrap();
    house.ok(&["up"]);
    assert_eq!(house.daemon_pid(), Some(daemon), "the same daemon answers");
    std::fs::remove_file(&socket).unwrap();
    house.ok(&["down", "--now"]);
    house.until("the daemon is gone", || !alive(daemon));
    assert!(!socket.exists());
}

#[test]
fn down_never_says_that_nothing_runs_while_a_daemon_lives() {
    let house = begun();
    let daemon = house.daemon_pid().expect("a daemon");
    let socket = socket(&house);
    kill(daemon, "STOP");
    std::fs::remove_file(&socket).unwrap();
    let ran = house.run(&["down"]);
    kill(daemon, "CONT");
    assert_ne!(ran.code, 0);
    assert!(ran.stderr.contains(&daemon.to_string()), "{}", ran.stderr);
    house.ok(&["down", "--now"]);
}

#[test]
fn connections_that_say_nothing_or_little_do_not_keep_others_out() {
    let house = begun();
    let socket = socket(&house);
    let connect = || UnixStream::connect(&socket).expect("connected");
    let mut crowd: Vec<UnixStream> = (0..80).map(|_| connect()).collect();
    let began = Instant::now();
    house.until("the daemon answers", || house.status()["daemon"].is_object());
    let mut first = crowd.remove(0);
    first.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    assert_eq!(first.read(&mut [0; 16]).expect("closed, not silent"), 0);
    assert!(began.elapsed() < Duration::from_secs(30));

    let mut slow = connect();
    slow.write_all(b"GET /v1/health HTTP/1.1\r\n").unwrap();
    let began = Instant::now();
    while slow.write_all(b"x: y\r\n").is_ok() {
        assert!(began.elapsed() < Duration::from_secs(30), "a head that never ends is cut off");
        std::thread::sleep(Duration::from_millis(200));
    }
}
