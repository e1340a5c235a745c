//! The socket at which a program tells of its work: what belongs to the attempt is heard, nobody else is, and nothing but
//! claims is understood.
#![expect(clippy::disallowed_methods, reason = "a test starts programs")]

use crate::harness::{Bed, NIGHTKEEP, lives, sh, until};
use nightkeep::core::evidence::ToldKind;
use nightkeep::core::told::Claim;
use nightkeep::recording::events::RecorderEvent;
use nightkeep::recording::socket::encode;
use nightkeep::recording::told::{Heard, No, TOLD_FILE, ToldLine, ToldWhat, read_told};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

fn told(bed: &Bed) -> Vec<ToldWhat> {
    let read = read_told(&bed.run_dir().join(TOLD_FILE), 0).unwrap();
    read.lines.into_iter().map(|(_, ToldLine { what, .. })| what).collect()
}

fn claims(bed: &Bed) -> Vec<String> {
    let claim = |what| match what {
        ToldWhat::Claim(claim) => Some(format!("{} {}", claim.tell.as_str(), claim.text)),
        ToldWhat::Refused(_) => None,
    };
    told(bed).into_iter().filter_map(claim).collect()
}

/// A program in Perl that says what it is given to the socket, one connection each, and prints the answers.
fn says(messages: &[&str]) -> String {
    let list: Vec<String> = messages.iter().map(|message| format!("'{message}'")).collect();
    format!(
        "perl -MIO::Socket::UNIX -e 'for (@ARGV) {{ $s = IO::Socket::UNIX->new($ENV{{NIGHTKEEP_TELL}}); print $s \"$_\\n\"; print \"answer: \", <$s> // \"none\", \"\\n\" }}' {}",
        list.join(" ")
    )
}

/// Says something from outside, and gives the answer.
fn from_outside(bed: &Bed, bytes: &[u8]) -> Option<Heard> {
    let mut stream = UnixStream::connect(bed.path("tell")).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    serde_json::from_slice(&answer).ok()
}

#[test]
fn whatever_descends_from_the_program_is_heard_whatever_it_lost() {
    let script = format!(
        "{NIGHTKEEP} tell done 'by the' program --file a.rs --verify 'make test' --blocks load; \
         sh -c 'sh -c \"{NIGHTKEEP} tell decision grandchild\"'; \
         (setsid sh -c 'sleep 0.2; exec 3>&- 4>&- 9>&-; env -i {NIGHTKEEP} tell next orphan; echo orphan-done' &); \
         perl -e 'use POSIX; POSIX::close($_) for 3..63; exec \"{NIGHTKEEP}\", qw(tell metric rows 3/4)'; \
         sleep 3"
    );
    let mut bed = Bed::new(&sh(&script));
    bed.spec.drain_ms = 5_000;
    let mut shim = bed.start();
    bed.until_log_has("orphan-done");
    shim.wait();
    let mut all = claims(&bed);
    all.sort();
    assert_eq!(all, ["decision grandchild", "done by the program", "metric rows 3/4", "next orphan"]);
    let ToldWhat::Claim(first) = &told(&bed)[0] else { panic!("no claim") };
    assert_eq!(
        (first.file.as_deref(), first.verify.as_deref(), first.blocks.as_deref()),
        (Some("a.rs"), Some("make test"), Some("load"))
    );
    let mode = std::fs::metadata(bed.run_dir().join(TOLD_FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!bed.path("tell").exists(), "the socket goes with the attempt");
}

#[test]
fn nobody_from_outside_is_heard_and_no_stranger_keeps_the_program_from_it() {
    let bed = Bed::new(&sh(&format!("echo ready; read x; {NIGHTKEEP} tell done x; echo \"code $?\"; read y")));
    let mut shim = bed.start();
    bed.until_log_has("ready");
    let mode = std::fs::metadata(bed.path("tell")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let heard = from_outside(&bed, &encode(&Claim::new(ToldKind::Done, "forged"))).unwrap();
    assert_eq!(heard.no, Some(No::NotYours));
    let outside = Command::new(NIGHTKEEP)
        .args(["tell", "done", "forged"])
        .env("NIGHTKEEP_TELL", bed.path("tell"))
        .env("NIGHTKEEP_ATTEMPT", &bed.spec.attempt)
        .output()
        .unwrap();
    assert_eq!(outside.status.code(), Some(5), "{}", String::from_utf8_lossy(&outside.stderr));
    let silent: Vec<UnixStream> = (0..40).map(|_| UnixStream::connect(bed.path("tell")).unwrap()).collect();
    shim.keys(b"\r");
    bed.until_log_has("code 0");
    drop(silent);
    shim.keys(b"\r");
    shim.wait();
    assert_eq!(claims(&bed), ["done x"]);
}

#[test]
fn nothing_but_claims_is_understood() {
    let messages = [
        r#"{"cmd":"stop","grace_ms":0}"#,
        r#"{"cmd":"input","len":1,"paste":false}"#,
        r#"{"cmd":"watch"}"#,
        r#"{"verb":"stop","session":"test","role":"operator"}"#,
        r#"{"tell":"done","text":"x","role":"operator"}"#,
        r#"{"tell":"approve","text":"x"}"#,
        "POST /v1/sessions/test/verb HTTP/1.1",
        r#"{"tell":"done","text":"  "}"#,
        r#"{"tell":"metric","text":"fast"}"#,
        "[[[[[[[[[[",
    ];
    let long = "perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new($ENV{NIGHTKEEP_TELL}); print $s \"{\" x 5_000_000; print \"long: \", <$s> // \"cut\", \"\\n\"'";
    let bed = Bed::new(&sh(&format!("{}; {long}; echo over; exit 7", says(&messages))));
    let status = bed.run();
    assert_eq!(status.code(), Some(7), "nobody was stopped");
    let log = String::from_utf8_lossy(&bed.log()).into_owned();
    assert_eq!(log.matches("answer: {\"ok\":false,\"no\":\"not_a_claim\"").count(), 8, "{log}");
    assert_eq!(log.matches("answer: {\"ok\":false,\"no\":\"bad_claim\"").count(), 2, "{log}");
    assert!(log.contains("over"));
    assert!(told(&bed).is_empty());
}

#[test]
fn a_program_cannot_stop_or_type_by_the_recorders_other_socket() {
    let ask = "perl -MIO::Socket::UNIX -e 'for (@ARGV) { $s = IO::Socket::UNIX->new(\"sock\"); $SIG{PIPE} = \"IGNORE\"; print $s \"$_\\n\"; print \"answer: \", <$s> // \"none\", \"\\n\" }'";
    let requests = r#"'{"cmd":"stop","grace_ms":0}' '{"cmd":"input","len":0,"paste":false}' '{"cmd":"watch"}'"#;
    let bed = Bed::new(&sh(&format!("{ask} {requests}; exit 7")));
    assert_eq!(bed.run().code(), Some(7), "nobody was stopped");
    let log = String::from_utf8_lossy(&bed.log()).into_owned();
    assert_eq!(log.matches("not from inside a session").count() + log.matches("answer: none").count(), 3, "{log}");
    assert!(!bed.has_event(|event| matches!(event, RecorderEvent::StopAsked { .. } | RecorderEvent::Input { .. })));
}

#[test]
fn of_a_flood_ten_are_taken_and_the_rest_is_counted() {
    let claim = r#"{"tell":"done","text":"again"}"#;
    let flood = format!(
        "perl -MIO::Socket::UNIX -e 'for (1..1000) {{ $s = IO::Socket::UNIX->new($ENV{{NIGHTKEEP_TELL}}); print $s $ARGV[0], \"\\n\"; $_ = <$s>; $ok++ if /true/; $no++ if /too_many.*again_ms/ }} print \"taken $ok refused $no\\n\"' '{claim}'"
    );
    let bed = Bed::new(&sh(&format!("{flood}; {NIGHTKEEP} tell done once more; echo \"code $?\"")));
    bed.run();
    let log = String::from_utf8_lossy(&bed.log()).into_owned();
    assert!(log.contains("taken 10 refused 990"), "{log}");
    assert!(log.contains("code 1") && log.contains("there is room again in"), "{log}");
    let told = told(&bed);
    assert_eq!(told.len(), 11);
    assert_eq!(told.last(), Some(&ToldWhat::Refused(991)));
}

#[test]
fn what_is_too_long_is_turned_away_whole() {
    let script = format!(
        "{NIGHTKEEP} tell done $(head -c 5000 /dev/zero | tr '\\0' x); echo \"long $?\"; \
         {NIGHTKEEP} tell done $(head -c 4096 /dev/zero | tr '\\0' x); echo \"fits $?\"; \
         {NIGHTKEEP} tell done ''; echo \"empty $?\"; {NIGHTKEEP} tell fly x; echo \"fly $?\"; \
         {NIGHTKEEP} tell metric rows many; echo \"number $?\""
    );
    let bed = Bed::new(&sh(&script));
    bed.run();
    let log = String::from_utf8_lossy(&bed.log()).into_owned();
    for line in ["long 2", "fits 0", "empty 2", "fly 2", "number 2", "it has 5000 bytes, at most 4096 are taken"] {
        assert!(log.contains(line), "{line}: {log}");
    }
    assert_eq!(claims(&bed).len(), 1);
}

#[test]
fn an_attempt_that_ended_tells_no_more() {
    // What outlives the attempt beside its tree has its words and its socket's name, and nothing else.
    let bed = Bed::new(&sh("env > env; echo over"));
    bed.run();
    let env = std::fs::read_to_string(bed.path("env")).unwrap();
    let of_attempt = env.lines().filter_map(|line| line.split_once('='));
    let output = Command::new(NIGHTKEEP)
        .args(["tell", "done", "late"])
        .env_clear()
        .envs(of_attempt)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{stderr}");
    assert!(stderr.contains("2026-11-21/test/1.1 has ended"), "{stderr}");
    assert!(told(&bed).is_empty());
}

#[test]
fn a_full_disk_is_said_and_takes_nothing_along() {
    // A folder in the place of the file: it cannot be written, whoever one is.
    let bed = Bed::new(&sh(&format!("{NIGHTKEEP} tell done x; echo \"code $?\"; echo on; exit 3")));
    std::fs::create_dir(bed.run_dir().join(TOLD_FILE)).unwrap();
    let mut shim = bed.start();
    assert_eq!(shim.wait().code(), Some(3));
    let log = String::from_utf8_lossy(&bed.log()).into_owned();
    assert!(log.contains("it could not be written down") && log.contains("code 1") && log.contains("on"), "{log}");
    until("its end", || !lives(shim.pid()));
}
