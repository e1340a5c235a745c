//! The recorder's socket: what is typed arrives whole, news come, and no client can hurt the recording.

use crate::harness::{Bed, assert_done, now, sh, until};
use nightkeep::recording::events::RecorderEvent;
use nightkeep::recording::socket::{CLIENTS_MAX, INPUT_MAX, News, Reply, Request};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Prints the bytes it gets as numbers, after it made its terminal raw.
fn shows_bytes(before: &str, count: usize) -> String {
    format!("{before} stty raw -echo; echo ready; head -c {count} | od -An -v -tx1 -w1000; stty sane")
}

#[test]
fn what_is_typed_arrives_and_is_recorded_as_a_number() {
    let bed = Bed::new(&sh("read x; echo \"got:$x\"; read y; echo \"got:$y\""));
    let mut shim = bed.start();
    let mut client = bed.connect();
    assert_done(&client.input("grüße; $(x) `y` #(z);\r".as_bytes(), false));
    bed.until_log_has("got:grüße; $(x) `y` #(z);");
    shim.keys(b"by hand\r");
    shim.wait();
    assert!(bed.log_has("got:by hand"));
    let inputs: Vec<_> = bed.events().into_iter().filter(|e| matches!(e, RecorderEvent::Input { .. })).collect();
    assert_eq!(inputs, [RecorderEvent::Input { bytes: 24 }], "what is typed by hand is not counted");
    let record = std::fs::read_to_string(bed.files().events()).unwrap();
    assert!(!record.contains("#(z)"));
}

#[test]
fn a_paste_is_bracketed_when_the_program_asked_for_it() {
    let bed = Bed::new(&["sh", "-c", &shows_bytes("printf '\\033[?2004h';", 18)]);
    let mut shim = bed.start();
    bed.until_log_has("ready");
    assert_done(&bed.connect().input(b"a\n\x1b[201~b", true));
    shim.wait();
    assert!(bed.log_has("1b 5b 32 30 30 7e 61 0d 5b 32 30 31 7e 62 1b 5b 32 30"), "{:?}", shim.screen());

    let bed = Bed::new(&["sh", "-c", &shows_bytes("printf '\\033[?2004h\\033[?2004l';", 3)]);
    let mut shim = bed.start();
    bed.until_log_has("ready");
    assert_done(&bed.connect().input(b"a\nb", true));
    shim.wait();
    assert!(bed.log_has("61 0d 62"));
}

#[test]
fn a_megabyte_of_input_arrives_whole_though_the_program_is_slow_to_read() {
    let bed = Bed::new(&sh("stty raw -echo; echo ready; sleep 0.5; head -c 1048576 | sha256sum; stty sane"));
    let mut shim = bed.start();
    bed.until_log_has("ready");
    let bytes: Vec<u8> = (0..INPUT_MAX as u32).map(|i| (i ^ (i >> 8)) as u8).collect();
    assert_done(&bed.connect().input(&bytes, false));
    shim.wait();
    std::fs::write(bed.path("bytes"), &bytes).unwrap();
    let sum = crate::harness::output_of("sha256sum", &[bed.path("bytes").to_str().unwrap()]).unwrap();
    assert!(bed.log_has(&sum[..64]));
    assert!(bed.has_event(|e| *e == RecorderEvent::Input { bytes: INPUT_MAX }));
}

#[test]
fn a_program_that_never_reads_gets_an_answer_given_and_can_still_be_stopped() {
    let bed = Bed::new(&sh("stty raw -echo; echo ready; exec sleep 1000"));
    let mut shim = bed.start();
    bed.until_log_has("ready");
    let mut typist = bed.connect();
    typist.send(&Request::Input { len: INPUT_MAX, paste: false });
    typist.stream().write_all(&vec![b'x'; INPUT_MAX as usize]).unwrap();
    assert_done(&bed.connect().ask(&Request::Resize { cols: 99, rows: 33 }));
    let answer = typist.answer();
    assert!(!answer.ok && answer.error.unwrap().contains("and no more"));
    assert_done(&bed.connect().ask(&Request::Stop { grace_ms: 1000 }));
    shim.wait();
}

#[test]
fn watchers_hear_of_output_events_and_the_end() {
    let bed = Bed::new(&sh("echo one; read x; echo two; exit 3"));
    let mut shim = bed.start();
    bed.until_log_has("one");
    let mut watcher = bed.connect();
    watcher.send(&Request::Watch);
    let hello = watcher.news();
    let Some(News::Hello { attempt, shim_pid, bytes: 5 }) = hello else { panic!("{hello:?}") };
    assert_eq!((attempt.as_str(), shim_pid), ("2026-11-21/test/1.1", shim.pid()));
    assert_done(&watcher.input(b"\r", false));
    let mut news = Vec::new();
    while let Some(one) = watcher.news() {
        news.push(one);
    }
    shim.wait();
    let bytes = bed.end().output_bytes;
    assert_eq!(news.pop(), Some(News::Ended));
    assert_eq!(news.pop(), Some(News::Output { bytes }), "the last state is always told");
    assert!(news.contains(&News::Event));
}

#[test]
fn output_is_told_twice_a_second_at_most() {
    let bed = Bed::new(&sh("for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do echo $i; sleep 0.1; done"));
    let mut shim = bed.start();
    let mut watcher = bed.connect();
    watcher.send(&Request::Watch);
    let mut told = 0;
    while let Some(news) = watcher.news() {
        told += u32::from(matches!(news, News::Output { .. }));
    }
    shim.wait();
    assert!((2..=5).contains(&told), "{told} times in 1.5 s");
}

#[test]
fn a_size_asked_for_reaches_the_program() {
    let bed = Bed::new(&["bash", "-c", "trap 'stty size; exit 4' WINCH; echo up; while :; do sleep 0.02; done"]);
    let mut shim = bed.start();
    bed.until_log_has("up");
    let mut client = bed.connect();
    assert!(!client.ask(&Request::Resize { cols: 0, rows: 50 }).ok);
    assert_done(&client.ask(&Request::Resize { cols: 200, rows: 50 }));
    assert_eq!(shim.wait().code(), Some(4));
    assert!(bed.log_has("50 200") && bed.has_event(|e| matches!(e, RecorderEvent::Resize { cols: 200, rows: 50, .. })));
}

#[test]
fn the_socket_is_private_and_goes_with_the_recorder() {
    let bed = Bed::new(&sh("read x"));
    std::fs::write(&bed.spec.socket, "left over").unwrap();
    let mut shim = bed.start();
    bed.connect();
    assert_eq!(std::fs::metadata(&bed.spec.socket).unwrap().permissions().mode() & 0o777, 0o600);
    shim.keys(b"\r");
    shim.wait();
    assert!(!bed.spec.socket.exists());
}

#[test]
fn other_users_are_turned_away() {
    let bed = Bed::new(&sh("read x; exit 1"));
    let open = |path: &std::path::Path| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
    if !rustix::process::geteuid().is_root() {
        return crate::harness::skip("needs root to become somebody else");
    }
    open(bed.dir.path());
    let mut shim = bed.start();
    bed.connect();
    // Even if its mode were lost.
    open(&bed.spec.socket);
    let socket = bed.spec.socket.to_str().unwrap();
    let script = "import os,socket,sys\nos.setuid(65534)\ns=socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n\
                  s.settimeout(20)\ntry:\n s.sendall(b'{\"cmd\":\"stop\",\"grace_ms\":0}\\n'); print(s.recv(100))\n\
                  except OSError: print(b'')";
    match crate::harness::output_of("python3", &["-c", script, socket]) {
        Some(answer) => assert_eq!(answer, "b''"),
        None => crate::harness::skip("no python"),
    }
    shim.keys(b"\r");
    assert_eq!(shim.wait().code(), Some(1));
    assert!(!bed.end().stopped);
}

#[test]
fn hostile_clients_hurt_only_themselves() {
    let bed = Bed::new(&sh("echo up; until [ -e over ]; do seq 200; sleep 0.01; done; exit 6"));
    let mut shim = bed.start();
    bed.until_log_has("up");
    let refused = |bytes: &[u8]| {
        let mut client = bed.connect();
        let _ = client.stream().write_all(bytes);
        match client.next() {
            Some(Reply::Answer(answer)) => assert!(!answer.ok, "{answer:?}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(client.next(), None, "and the connection is closed");
    };
    refused(b"\n");
    refused(b"{}\n");
    refused(b"\xff\xfe\x00\n");
    refused(b"GET / HTTP/1.1\r\n\r\n");
    refused(b"{\"cmd\":\"stop\"}\n");
    refused(b"{\"cmd\":\"input\",\"len\":1048577,\"paste\":false}\n");
    refused(b"{\"cmd\":\"input\",\"len\":18446744073709551615,\"paste\":true}\n");
    refused(b"{\"cmd\":\"input\",\"len\":-1,\"paste\":true}\n");
    refused(&[vec![b'['; 4000], b"\n".to_vec()].concat());
    // The rest of these is thrown away with the connection, which the sender may see as an error.
    let mut endless = UnixStream::connect(&bed.spec.socket).unwrap();
    endless.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
    assert!(endless.write_all(&vec![b'a'; 10 << 20]).is_err());

    // Half a request, input that never comes, watchers that never read: they take all the places there are.
    let mut holders = Vec::new();
    for i in 0..CLIENTS_MAX {
        let mut client = bed.connect();
        let bytes: &[u8] = match i % 4 {
            0 => b"{\"cmd\":\"wat",
            1 => b"{\"cmd\":\"input\",\"len\":1000,\"paste\":false}\nabc",
            2 => b"{\"cmd\":\"watch\"}\n{\"cmd\":\"wat",
            _ => b"",
        };
        client.stream().write_all(bytes).unwrap();
        holders.push(client);
    }
    let begun = now();
    until("a place is free", || {
        let mut client = bed.connect();
        // Turned away, the connection may be closed before it is written to.
        let _ = client.stream().write_all(b"{\"cmd\":\"resize\",\"cols\":80,\"rows\":24}\n");
        matches!(client.next(), Some(Reply::Answer(answer)) if answer.ok)
    });
    assert!(begun.elapsed() < Duration::from_secs(15));
    std::fs::write(bed.path("over"), "").unwrap();
    assert_eq!(shim.wait().code(), Some(6));
    let end = bed.end();
    assert_eq!((end.output_bytes, end.lost_bytes, end.stopped), (bed.log().len() as u64, 0, false));
}

#[test]
fn a_watcher_that_never_reads_is_dropped() {
    let bed = Bed::new(&sh("echo up; until [ -e over ]; do sleep 0.02; done"));
    let mut shim = bed.start();
    bed.until_log_has("up");
    let mut watcher = bed.connect();
    watcher.send(&Request::Watch);
    let mut client = bed.connect();
    assert_done(&client.ask(&Request::Resize { cols: 80, rows: 24 }));
    let descriptors = || std::fs::read_dir(format!("/proc/{}/fd", shim.pid())).unwrap().count();
    let both = descriptors();
    // Each is an event of which the watcher is told.
    let dropped = (0..20_000).any(|i| {
        assert_done(&client.ask(&Request::Resize { cols: 80 + i % 2, rows: 24 }));
        descriptors() < both
    });
    assert!(dropped);
    std::fs::write(bed.path("over"), "").unwrap();
    assert_eq!(shim.wait().code(), Some(0));
}
