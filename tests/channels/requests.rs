//! The exact request that each service sees.

use super::lab::{at, clear, message, ntfy, plan, send, webhook, with_template};
use super::service::{Reply, Service};
use nightkeep::core::alert::message::{Message, MessageKind, Outcome, Severity};
use nightkeep::core::plan::{Auth, SecretField, SecretRef, Way};
use serde_json::json;

const AGENT: &str = concat!("nightkeep/", env!("CARGO_PKG_VERSION"));

#[test]
fn ntfy_gets_the_text_as_body_and_the_rest_as_headers() {
    let service = Service::start([Reply::ok(r#"{"id":"x","event":"message"}"#)]);
    let way = Way::Ntfy { url: SecretRef::Here, auth: Auth::Bearer(SecretRef::Here) };
    let secrets = clear(&[(SecretField::Url, &service.url("/nightkeep-ab12")), (SecretField::Token, "tk_0123456789")]);
    assert_eq!(send(&plan(way), secrets, &message()), Outcome::Delivered);
    let seen = service.only();
    assert_eq!(seen.line, "POST /nightkeep-ab12");
    let headers = [
        ("title", "tests: failed for good"),
        ("priority", "4"),
        ("tags", "warning"),
        ("x-sequence-id", "a7-2"),
        ("authorization", "Bearer tk_0123456789"),
        ("content-type", "text/plain; charset=utf-8"),
        ("user-agent", AGENT),
    ];
    for (name, value) in headers {
        assert_eq!(seen.header(name), value);
    }
    assert_eq!(seen.body, "exit code 3 after 5 attempts\nlast line: assertion failed\n\nnightkeep why tests");
}

#[test]
fn ntfy_titles_travel_as_ascii_and_the_priority_is_that_of_the_message() {
    for (kind, severity, title, wanted) in [
        (
            MessageKind::Fired,
            Severity::Critical,
            "größer\nX-Evil: 1",
            ("=?UTF-8?B?Z3LDtsOfZXJcblgtRXZpbDogMQ==?=", "5"),
        ),
        (MessageKind::Resolved, Severity::Critical, "plain", ("plain", "3")),
        (MessageKind::Fired, Severity::Low, "=?x", ("=?UTF-8?B?PT94?=", "2")),
    ] {
        let service = Service::start([Reply::ok("{}")]);
        let message = Message { kind, severity, title: title.into(), ..message() };
        assert_eq!(send(&plan(ntfy()), at(&service.url("/t")), &message), Outcome::Delivered);
        let seen = service.only();
        assert_eq!((seen.header("title"), seen.header("priority")), wanted);
        assert!(!seen.headers.contains_key("x-evil"));
    }
}

#[test]
fn slack_gets_text_that_calls_nobody() {
    let service = Service::start([Reply::ok("ok")]);
    let message = Message { title: "<!channel> a & b".into(), body: "@here *x* <@U1>".into(), ..message() };
    let way = Way::Slack { url: SecretRef::Here };
    assert_eq!(send(&plan(way), at(&service.url("/services/T0/B0/x")), &message), Outcome::Delivered);
    let seen = service.only();
    assert_eq!((seen.line.as_str(), seen.header("content-type")), ("POST /services/T0/B0/x", "application/json"));
    assert_eq!(
        seen.json(),
        json!({
            "text": "&lt;!channel&gt; a &amp; b\n@\u{200b}here *x* &lt;@U1&gt;\n\nnightkeep why tests",
            "mrkdwn": false, "link_names": false, "unfurl_links": false, "unfurl_media": false,
        })
    );
}

#[test]
fn discord_gets_markup_that_calls_nobody() {
    let service = Service::start([Reply::status("204 No Content", "")]);
    let message = Message { title: "**@everyone**".into(), body: "<@&1> `x`\n# y".into(), ..message() };
    let way = Way::Discord { url: SecretRef::Here };
    assert_eq!(send(&plan(way), at(&service.url("/api/webhooks/1/x")), &message), Outcome::Delivered);
    let content = "**\\*\\*@\u{200b}everyone\\*\\***\n\\<@&1\\> \\`x\\`\n\\# y\n\nnightkeep why tests";
    let seen = service.only();
    assert_eq!(seen.line, "POST /api/webhooks/1/x");
    assert_eq!(seen.json(), json!({ "content": content, "allowed_mentions": { "parse": [] }, "flags": 4 }));
}

#[test]
fn telegram_gets_its_html_once_for_each_chat() {
    let service = Service::start([Reply::ok(r#"{"ok":true,"result":{}}"#)]);
    let message = Message { title: "a <b> & c".into(), ..message() };
    let (url, token) = (Some(SecretRef::Here), SecretRef::Here);
    let way = Way::Telegram { url, token, chats: vec!["-100123".into(), "@team".into()] };
    let secrets = clear(&[(SecretField::Url, &service.address), (SecretField::Token, "123456:ABC-def_0")]);
    assert_eq!(send(&plan(way), secrets, &message), Outcome::Delivered);
    let text = "<b>a &lt;b&gt; &amp; c</b>\nexit code 3 after 5 attempts\nlast line: assertion failed\n\n\
                <code>nightkeep why tests</code>";
    let body = |chat: serde_json::Value| {
        json!({
            "chat_id": chat, "text": text, "parse_mode": "HTML",
            "link_preview_options": { "is_disabled": true }, "disable_notification": false,
        })
    };
    let seen = service.requests();
    assert!(seen.iter().all(|r| r.line == "POST /bot123456:ABC-def_0/sendMessage"), "{seen:?}");
    let bodies: Vec<_> = seen.iter().map(|r| r.json()).collect();
    assert_eq!(bodies, [body(json!(-100_123)), body(json!("@team"))]);
}

#[test]
fn a_webhook_gets_the_whole_message_as_json() {
    let service = Service::start([Reply::status("202 Accepted", "")]);
    let way = Way::Webhook {
        url: SecretRef::Here,
        auth: Auth::Basic { user: "anna".into(), password: SecretRef::Here },
        content_type: "application/json".into(),
    };
    let secrets = clear(&[(SecretField::Url, &service.url("/hook?x=1")), (SecretField::Password, "pass word")]);
    assert_eq!(send(&plan(way), secrets, &message()), Outcome::Delivered);
    let seen = service.only();
    assert_eq!(seen.line, "POST /hook?x=1");
    assert_eq!(seen.header("idempotency-key"), "a7-2");
    assert_eq!(seen.header("authorization"), "Basic YW5uYTpwYXNzIHdvcmQ=");
    assert_eq!(seen.header("content-type"), "application/json");
    assert_eq!(
        seen.json(),
        json!({
            "schema": 1, "id": "a7", "seq": 2, "dedupe_key": "k1", "severity": "high", "state": "open",
            "title": "tests: failed for good",
            "text": "exit code 3 after 5 attempts\nlast line: assertion failed",
            "session": "tests", "project": "app", "night": "2026-11-21",
            "at": "2026-11-21T02:01:00Z", "since": "2026-11-21T02:00:00Z",
            "command": "nightkeep why tests", "count": 1,
        })
    );
}

#[test]
fn a_template_makes_the_body_of_a_webhook_and_the_text_of_the_others() {
    let service = Service::start([Reply::ok("ok")]);
    let message = Message { title: "quote \" and \\ end".into(), ..message() };
    let template =
        r#"{"summary": {{ title }}, "level": "{{ severity | upper | safe }}", "all": [{{ session }}, {{ count }}]}"#;
    let outcome = send(&with_template(webhook(), template), at(&service.url("/")), &message);
    assert_eq!(outcome, Outcome::Delivered);
    let wanted = json!({ "summary": "quote \" and \\ end", "level": "HIGH", "all": ["tests", 1] });
    assert_eq!(service.only().json(), wanted);

    let service = Service::start([Reply::ok("ok")]);
    let plain = Way::Webhook { url: SecretRef::Here, auth: Auth::None, content_type: "text/plain".into() };
    send(&with_template(plain, "{{ title }} {{ night }}"), at(&service.url("/")), &message);
    assert_eq!(service.only().body, "quote \" and \\ end 2026-11-21");

    let service = Service::start([Reply::ok("ok")]);
    let slack = Way::Slack { url: SecretRef::Here };
    send(
        &with_template(slack, "*{{ title }}* <!here>"),
        at(&service.url("/")),
        &Message { title: "<x>".into(), ..message },
    );
    let body = service.only().json();
    assert_eq!((&body["text"], &body["mrkdwn"]), (&json!("*&lt;x&gt;* <!here>"), &json!(true)));
}

#[test]
fn a_long_message_is_cut_to_what_each_service_takes() {
    let long = Message { body: "<&ä* and so on\n".repeat(2_000), ..message() };
    let size =
        |way: Way, secrets: &[(SecretField, &str)], reply: &str, measure: fn(&super::service::Request) -> usize| {
            let service = Service::start([Reply::ok(reply)]);
            let url = service.url("/x");
            let secrets: Vec<_> = [(SecretField::Url, url.as_str())].iter().chain(secrets).copied().collect();
            assert_eq!(send(&plan(way), clear(&secrets), &long), Outcome::Delivered);
            let seen = service.only();
            assert!(seen.body.contains('…'), "{}", seen.body);
            measure(&seen)
        };
    let ntfy_bytes = size(ntfy(), &[], "{}", |r| r.body.len());
    assert!((3_000..=4_096).contains(&ntfy_bytes), "{ntfy_bytes}");
    let slack =
        size(Way::Slack { url: SecretRef::Here }, &[], "ok", |r| r.json()["text"].as_str().unwrap().chars().count());
    assert!((3_000..=4_000).contains(&slack), "{slack}");
    let discord =
        size(Way::Discord { url: SecretRef::Here }, &[], "", |r| r.json()["content"].as_str().unwrap().chars().count());
    assert!((1_500..=2_000).contains(&discord), "{discord}");
    let telegram = Way::Telegram { url: Some(SecretRef::Here), token: SecretRef::Here, chats: vec!["1".into()] };
    let telegram = size(telegram, &[(SecretField::Token, "1:a2345")], r#"{"ok":true}"#, |r| {
        r.json()["text"].as_str().unwrap().encode_utf16().count()
    });
    assert!((3_000..=4_096).contains(&telegram), "{telegram}");
}
