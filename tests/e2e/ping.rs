//! The dead man's switch: fetched while the daemon works, not while it hangs; and a test message goes out as at night.

use crate::house::{House, PATIENCE, kill};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A web service that notes the head of each request, and says yes to all.
fn service() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut head = String::new();
            let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
            while reader.read_line(&mut head).is_ok_and(|n| n > 2) {}
            kept.lock().expect("not poisoned").push(head);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}");
        }
    });
    (address, seen)
}

#[test]
fn the_address_is_fetched_while_the_daemon_works_and_not_while_it_hangs() {
    let (address, seen) = service();
    let house = House::new(&format!(
        "[sessions.a]\ncommand = \"sleep 600\"\n[alerts.ping]\nurl = \"{address}/Sup3rSecretPing\"\nevery = \"12s\"\n"
    ));
    let count = || seen.lock().expect("not poisoned").len();
    house.ok(&["up", "--trust"]);
    house.until("the first fetch", || count() == 1);
    let pid = house.daemon_pid().expect("a daemon");
    kill(pid, "STOP");
    let stopped = Instant::now();
    // One that was under way is answered before us; none is begun while it hangs.
    let (host, asked) = (address.trim_start_matches("http://").to_owned(), "GET /ours HTTP/1.1\r\n\r\n");
    let mut ours = std::net::TcpStream::connect(host).expect("the service listens");
    ours.write_all(asked.as_bytes()).expect("it takes our request");
    house.until("our own request", || seen.lock().expect("not poisoned").iter().any(|head| head.contains("/ours")));
    let before = count();
    while stopped.elapsed() < Duration::from_secs(14) {
        assert_eq!(count(), before, "a daemon that hangs fetches nothing");
        std::thread::sleep(Duration::from_millis(200));
    }
    kill(pid, "CONT");
    house.until("the next fetch", || count() > before);
    assert!(stopped.elapsed() < PATIENCE);
    let head = seen.lock().expect("not poisoned")[0].clone();
    assert!(head.starts_with("GET /Sup3rSecretPing HTTP/1.1\r\n"), "{head}");
    house.ok(&["down", "--now"]);
    for file in ["daemon.log", "nightkeep.db"] {
        let bytes = std::fs::read(house.logs().join(file)).unwrap_or_default();
        assert!(!bytes.windows(15).any(|part| part == b"Sup3rSecretPing"), "{file} holds the address");
    }
}

#[test]
fn a_test_message_takes_its_secrets_from_the_daemon_while_one_runs() {
    let (address, seen) = service();
    let house = House::new(&format!(
        "[sessions.a]\ncommand = \"sleep 600\"\n[alerts.channels.phone]\ntype = \"ntfy\"\nurl = \"{address}/t\"\n\
         token = {{ env = \"ONLY_DAEMON\" }}\n"
    ));
    let up = house.command(&["up", "--trust"]).env("ONLY_DAEMON", "of-the-daemon").output().expect("it runs");
    assert!(up.status.success(), "{up:?}");
    let told = house.json(&["alerts", "test", "phone", "--json"]);
    assert_eq!((&told["delivered"], &told["environment"]), (&true.into(), &"daemon".into()), "{told:#}");
    assert!(seen.lock().expect("not poisoned")[0].contains("Bearer of-the-daemon"));
    assert!(house.ok(&["alerts", "test", "phone"]).contains("with the environment of the daemon"));
    let acts = house.facts_of("operator_acted");
    assert!(acts.iter().any(|act| act["verb"] == "alerts test" && act["target"] == "phone"), "{acts:?}");
    house.ok(&["down", "--now"]);
    let alone = house.run(&["alerts", "test", "phone"]);
    assert_eq!(alone.code, 1);
    assert!(
        alone.stderr.contains("no daemon runs") && alone.stderr.contains("ONLY_DAEMON is not in the environment"),
        "{}",
        alone.stderr
    );
}
