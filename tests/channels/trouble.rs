//! Services that do not do what they should.

use super::lab::{at, clear, failed, message, ntfy, plan, send, send_within, webhook};
use super::service::{Reply, Service};
use nightkeep::core::alert::message::{Message, Outcome};
use nightkeep::core::plan::{SecretField, SecretRef, Way};
use std::time::Duration;

const SOON: Duration = Duration::from_millis(400);

fn slack() -> Way {
    Way::Slack { url: SecretRef::Here }
}

fn told(way: Way, reply: Reply) -> (String, Option<Duration>, bool) {
    let service = Service::start([reply]);
    failed(send(&plan(way), at(&service.url("/x")), &message()))
}

fn header(name: &str, value: &str) -> String {
    format!("{name}: {value}\r\n")
}

#[test]
fn a_service_that_asks_for_patience_gets_it() {
    let limited = |wait: &str| Reply::Say("429 Too Many Requests", header("retry-after", wait), String::new());
    let (why, wait, permanent) = told(webhook(), limited("17"));
    assert!(why.ends_with("answered 429 Too Many Requests"), "{why}");
    assert_eq!((wait, permanent), (Some(Duration::from_secs(17)), false));
    let hour = Some(Duration::from_secs(3600));
    for (asked, wait) in [
        ("1e12", hour),
        ("Fri, 31 Dec 2100 23:59:59 GMT", hour),
        ("Wed, 21 Oct 2015 07:28:00 GMT", Some(Duration::ZERO)),
        ("-3", None),
        ("x", None),
    ] {
        assert_eq!(told(webhook(), limited(asked)).1, wait, "{asked}");
    }
    let body = r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 35","parameters":{"retry_after":35}}"#;
    let (why, wait, _) = told(webhook(), Reply::status("429 Too Many Requests", body));
    assert!(why.contains("retry after 35"), "{why}");
    assert_eq!(wait, Some(Duration::from_secs(35)));
    let busy = Reply::Say("503 Service Unavailable", header("retry-after", "5"), String::new());
    assert_eq!(told(webhook(), busy).1, Some(Duration::from_secs(5)));
}

#[test]
fn a_status_decides_whether_to_try_again() {
    for (status, permanent) in [
        ("400 Bad Request", true),
        ("401 Unauthorized", true),
        ("403 Forbidden", true),
        ("404 Not Found", true),
        ("410 Gone", true),
        ("408 Request Timeout", false),
        ("425 Too Early", false),
        ("429 Too Many Requests", false),
        ("500 Internal Server Error", false),
        ("502 Bad Gateway", false),
        ("503 Service Unavailable", false),
    ] {
        let (why, _, said) = told(webhook(), Reply::status(status, "<html>"));
        assert_eq!(said, permanent, "{status}");
        assert!(why.ends_with(&format!("answered {status}: a web page")), "{why}");
    }
}

#[test]
fn a_service_that_hangs_is_left_in_time() {
    for reply in [Reply::Hang, Reply::HangInBody] {
        let service = Service::start([reply]);
        let (why, wait, permanent) = failed(send_within(&plan(slack()), at(&service.url("/x")), &message(), SOON));
        assert!(why.ends_with("did not answer within 0.4 s"), "{why}");
        assert_eq!((wait, permanent), (None, false));
    }
}

#[test]
fn connections_that_break_are_for_another_try() {
    for reply in
        [Reply::Close, Reply::BreakOff, Reply::Bytes(b"\x00\xffgarbage\r\n\r\n"), Reply::Bytes(b"HTTP/0.9 hello\r\n")]
    {
        let shown = format!("{reply:?}");
        let (why, _, permanent) = told(slack(), reply);
        assert!(!permanent && why.contains("127.0.0.1"), "{shown}: {why}");
        assert!(!why.contains("/x") && !why.chars().any(char::is_control), "{shown}: {why}");
    }
    // Nobody listens where a listener was just closed.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (why, _, permanent) = failed(send(&plan(slack()), at(&format!("http://127.0.0.1:{port}/x")), &message()));
    assert!(!permanent && why.starts_with(&format!("cannot reach 127.0.0.1:{port}: ")), "{why}");
}

#[test]
fn an_answer_without_end_is_not_read_to_its_end() {
    let (why, _, permanent) = told(slack(), Reply::Endless);
    assert!(why.ends_with("answered with more than 64 KiB") && !permanent, "{why}");
    let service = Service::start([Reply::Endless]);
    assert_eq!(send(&plan(webhook()), at(&service.url("/x")), &message()), Outcome::Delivered, "its status said yes");
}

#[test]
fn a_message_goes_nowhere_but_to_its_address() {
    let other = Service::start([Reply::ok("ok")]);
    for (status, permanent) in [
        ("301 Moved Permanently", true),
        ("302 Found", false),
        ("303 See Other", false),
        ("307 Temporary Redirect", false),
        ("308 Permanent Redirect", true),
    ] {
        let (why, _, said) =
            told(webhook(), Reply::Say(status, header("location", &other.url("/steal")), String::new()));
        assert!(why.contains("redirects to another place are not followed"), "{why}");
        assert!(!why.contains("steal"), "{why}");
        assert_eq!(said, permanent, "{status}");
    }
    for place in ["file:///etc/passwd", "https://127.0.0.1/", "//evil.example/x"] {
        let found = Reply::Say("307 Temporary Redirect", header("location", place), String::new());
        assert!(told(webhook(), found).0.contains("are not followed"), "{place}");
    }
    assert_eq!(other.requests().len(), 0);
    let (why, _, _) = told(webhook(), Reply::status("302 Found", ""));
    assert!(why.contains("without a place to go"), "{why}");
}

#[test]
fn a_redirect_within_the_service_keeps_the_message() {
    let moved = Reply::Say("307 Temporary Redirect", header("location", "/there"), String::new());
    let service = Service::start([moved.clone(), Reply::ok("ok")]);
    assert_eq!(send(&plan(slack()), at(&service.url("/here")), &message()), Outcome::Delivered);
    let seen = service.requests();
    assert_eq!((seen[0].line.as_str(), seen[1].line.as_str()), ("POST /here", "POST /there"));
    assert_eq!(seen[0].body, seen[1].body);

    let (why, _, _) = told(slack(), Reply::Say("302 Found", header("location", "/get"), String::new()));
    assert!(why.contains("would lose the message"), "{why}");
    let ring = Service::start([moved]);
    let (why, _, permanent) = failed(send(&plan(slack()), at(&ring.url("/here")), &message()));
    assert!(why.ends_with("redirects in a ring") && permanent, "{why}");
    assert_eq!(ring.requests().len(), 4);
}

#[test]
fn a_yes_that_is_a_no_is_seen() {
    assert!(told(slack(), Reply::ok("invalid_payload")).0.ends_with("said no: invalid_payload"));
    assert!(told(slack(), Reply::ok(r#"{"ok":false,"error":"no_service"}"#)).0.ends_with("said no: no_service"));
    for way in [slack(), ntfy()] {
        let (why, _, permanent) = told(way, Reply::ok("<!doctype html><title>Log in</title>"));
        assert!(why.ends_with("does not answer like the service: a web page") && !permanent, "{why}");
    }
    let telegram =
        Way::Telegram { url: Some(SecretRef::Here), token: SecretRef::Here, chats: vec!["1".into(), "2".into()] };
    let no = Reply::status(
        "400 Bad Request",
        r#"{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}"#,
    );
    let service = Service::start([no, Reply::ok(r#"{"ok":true}"#)]);
    let secrets = clear(&[(SecretField::Url, &service.address), (SecretField::Token, "1:a2345")]);
    let (why, _, permanent) = failed(send(&plan(telegram), secrets, &message()));
    assert!(why.ends_with("chat not found") && permanent, "{why}");
    assert_eq!(service.requests().len(), 2, "the other chat is written to all the same");
}

#[test]
fn a_chat_that_has_a_message_does_not_get_it_at_the_next_try() {
    let chats = vec!["1".to_owned(), "2".to_owned(), "3".to_owned()];
    let telegram = Way::Telegram { url: Some(SecretRef::Here), token: SecretRef::Here, chats };
    let gone = Reply::status("400 Bad Request", r#"{"ok":false,"description":"Bad Request: chat not found"}"#);
    let busy = Reply::status("502 Bad Gateway", "");
    let yes = Reply::ok(r#"{"ok":true}"#);
    let service = Service::start([gone, yes.clone(), busy, yes]);
    let secrets = || clear(&[(SecretField::Url, &service.address), (SecretField::Token, "1:a2345")]);
    let first = send(&plan(telegram.clone()), secrets(), &message());
    let Outcome::Failed { why, permanent, reached, .. } = first else { panic!("two of three got nothing") };
    assert!(!permanent && why.contains("502"), "another try helps one of them: {why}");
    assert_eq!(reached, ["2"]);
    let again = Message { reached, ..message() };
    assert_eq!(send(&plan(telegram), secrets(), &again), Outcome::Delivered);
    let written: Vec<_> = service.requests().iter().map(|r| r.json()["chat_id"].clone()).collect();
    assert_eq!(written, [1, 2, 3, 1, 3]);
}

#[test]
fn what_a_service_says_is_told_without_its_tricks() {
    let (why, _, _) = told(webhook(), Reply::status("400 Bad Request", "\u{1b}]0;x\u{7}\u{202e}evil\nline"));
    assert!(why.ends_with(r"\x1b]0;x\x07\u{202e}evil\nline"), "{why}");
    let (why, _, _) = told(webhook(), Reply::status("400 Bad Request", &"x".repeat(5_000)));
    assert!(why.chars().count() <= 300, "{}", why.len());
}

#[test]
fn an_address_that_nothing_should_be_sent_to_is_refused() {
    for url in ["http://169.254.169.254/latest", "file:///etc/passwd", "https://u:p@host/", "gopher://x"] {
        let (_, _, permanent) = failed(send(&plan(webhook()), at(url), &message()));
        assert!(permanent, "{url}");
    }
}
