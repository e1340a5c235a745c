//! Mail: what the server is told, and what its refusals mean.

use super::lab::{clear, failed, message, plan, send, send_page, send_within};
use super::mail_server::{MailServer, Script};
use nightkeep::core::alert::message::{Message, MessageKind, Outcome};
use nightkeep::core::plan::{ChannelPlan, ClearSecrets, SecretField, SecretRef, Way};
use std::time::Duration;

fn mail(user: Option<&str>) -> ChannelPlan {
    plan(Way::Email {
        url: Some(SecretRef::Here),
        user: user.map(str::to_owned),
        password: user.map(|_| SecretRef::Here),
        from: "night@example.org".into(),
        to: vec!["anna@example.org".into(), "ben@example.org".into()],
    })
}

fn secrets(url: &str) -> ClearSecrets {
    clear(&[(SecretField::Url, url), (SecretField::Password, "correct horse")])
}

fn told(script: Script) -> (String, bool) {
    let server = MailServer::start(&["AUTH PLAIN LOGIN"], script);
    let url = format!("smtp://{}", server.address);
    let (why, wait, permanent) = failed(send(&mail(Some("anna")), secrets(&url), &message()));
    assert_eq!(wait, None);
    (why, permanent)
}

#[test]
fn the_server_gets_one_mail_for_all() {
    let server = MailServer::start(&["AUTH PLAIN LOGIN", "8BITMIME"], &[]);
    let url = format!("smtp://{}", server.address);
    assert_eq!(send(&mail(Some("anna")), secrets(&url), &message()), Outcome::Delivered);
    let told = server.told();
    // Base64 of a NUL, the name, a NUL and the password.
    assert_eq!(told[1], "AUTH PLAIN AGFubmEAY29ycmVjdCBob3JzZQ==", "{told:?}");
    assert!(told[2].starts_with("MAIL FROM:<night@example.org>"), "{told:?}");
    assert_eq!(told[3..6], ["RCPT TO:<anna@example.org>", "RCPT TO:<ben@example.org>", "DATA"]);
    for line in [
        "From: night@example.org",
        "To: anna@example.org, ben@example.org",
        "Subject: [nightkeep] tests: failed for good",
        "Message-ID: <a7-2.1795226460000@nightkeep>",
        "Date: Sat, 21 Nov 2026 02:01:00 +0000",
        "Content-Type: text/plain; charset=utf-8",
        "last line: assertion failed",
        "    nightkeep why tests",
        "severity: high",
        "session: tests",
        "since: 2026-11-21T02:00:00Z",
    ] {
        assert!(told.iter().any(|l| l == line), "{line} is not in {told:#?}");
    }
}

#[test]
fn a_title_cannot_add_a_header() {
    let server = MailServer::start(&[], &[]);
    let url = format!("smtp://{}", server.address);
    let message =
        Message { title: "x\r\nBcc: evil@example.org".into(), body: ".\r\nMAIL FROM:<x>\n.\nQUIT".into(), ..message() };
    assert_eq!(send(&mail(None), clear(&[(SecretField::Url, &url)]), &message), Outcome::Delivered);
    let told = server.told();
    assert!(!told.iter().any(|l| l.starts_with("Bcc") || l.starts_with("AUTH")), "{told:#?}");
    assert_eq!(told.iter().filter(|l| l.starts_with("MAIL FROM:<night@")).count(), 1);
    assert!(told.iter().any(|l| l == ".."), "a dot at the start of a line is doubled: {told:#?}");
}

#[test]
fn what_the_server_will_never_do_is_not_asked_again() {
    for (script, permanent) in [
        (&[("AUTH", "535 5.7.8 bad name or password")] as Script, true),
        (&[("AUTH", "454 4.7.0 later")], false),
        (&[("MAIL", "550 5.7.1 not you")], true),
        (&[("RCPT", "450 4.2.1 mailbox busy")], false),
        (&[("RCPT", "550 5.1.1 no such user")], true),
        (&[("DATA", "451 4.3.0 later")], false),
        (&[(".", "554 5.7.1 spam")], true),
        (&[(".", "452 4.3.1 disk full")], false),
        (&[("", "421 4.3.2 closing")], false),
        (&[("", "554 5.0.0 go away")], true),
    ] {
        let (why, said) = told(script);
        assert_eq!(said, permanent, "{script:?}: {why}");
        let words: String = script[0].1.chars().skip(10).collect();
        assert!(why.contains(&words), "{script:?}: {why}");
    }
}

#[test]
fn a_server_that_goes_silent_or_away_is_for_another_try() {
    for script in
        [&[("", "close")] as Script, &[("RCPT", "close")], &[(".", "close")], &[("", "HTTP/1.1 400 Bad Request")]]
    {
        let (why, permanent) = told(script);
        assert!(!permanent, "{script:?}: {why}");
    }
    let server = MailServer::start(&[], &[("", "")]);
    let url = format!("smtp://{}", server.address);
    let outcome = send_within(&mail(None), secrets(&url), &message(), Duration::from_millis(300));
    let (why, _, permanent) = failed(outcome);
    assert!(why.contains("did not answer within") && !permanent, "{why}");
}

#[test]
fn without_encryption_nothing_is_told_where_it_is_required() {
    for (offers, script) in [
        (&["AUTH PLAIN"] as &'static [&'static str], &[] as Script),
        (&["STARTTLS", "AUTH PLAIN"], &[("STARTTLS", "454 4.7.0 no TLS today")]),
    ] {
        let server = MailServer::start(offers, script);
        let url = format!("smtp://{}?tls=required", server.address);
        let (why, _, _) = failed(send(&mail(Some("anna")), secrets(&url), &message()));
        let told = server.told();
        assert!(!told.iter().any(|l| l.starts_with("AUTH") || l.starts_with("MAIL")), "{why}: {told:?}");
    }
}

/// The text of a quoted-printable or plain part, near enough for a test.
fn unfolded(told: &[String]) -> String {
    told.join("\n").replace("=\n", "").replace("=3D", "=").replace("=20", " ")
}

#[test]
fn a_report_goes_out_as_text_and_as_a_page_and_says_nothing_twice() {
    let server = MailServer::start(&["AUTH PLAIN LOGIN"], &[]);
    let url = format!("smtp://{}", server.address);
    let report = Message {
        kind: MessageKind::Report,
        key: "2026-11-21_report_phone-1".into(),
        title: "[2 need you] 1 of 3 sessions finished, 2 failed.".into(),
        body: "2 things need you.\n\n1. load failed.\n   nightkeep logs load".into(),
        command: None,
        session: None,
        ..message()
    };
    let page = "<!doctype html><html><body>correct horse, <b>2 things need you</b></body></html>";
    let outcome = send_page(&mail(Some("anna")), secrets(&url), &report, page);
    assert_eq!(outcome, Outcome::Delivered);
    let told = unfolded(&server.told());
    for part in [
        "Subject: [nightkeep] [2 need you] 1 of 3 sessions finished, 2 failed.",
        "Content-Type: multipart/alternative;",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Type: text/html; charset=utf-8",
        "1. load failed.",
        "<b>2 things need you</b>",
    ] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
    assert!(!told.contains("severity:"), "{told}");
    assert!(!told.contains("correct horse"), "the channel's own password is taken out of the page: {told}");
}
