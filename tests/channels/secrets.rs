//! A secret is in no word that anybody sees: not in `Debug`, not in errors, not in the log, not in the journal.

use super::lab::{clear, failed, message, plan, send};
use super::mail_server::MailServer;
use super::service::{Reply, Service};
use nightkeep::adapters::channels::Channels;
use nightkeep::core::alert::message::{Message, Outcome};
use nightkeep::core::plan::{Auth, ChannelPlan, ClearSecrets, SecretField, SecretRef, Way};
use std::io::Write;
use std::sync::{Arc, Mutex};

const PATH: &str = "/services/T012345678/Sup3rSecretPath";
const TOKEN: &str = "123456:Sup3r-Secret_token";
const PASSWORD: &str = "Sup3r Secret/pass+word";

/// Every part of the secrets that must not be seen.
const PARTS: [&str; 6] =
    ["Sup3rSecretPath", "Sup3r-Secret_token", "Sup3r Secret", "Sup3r%20Secret", "U3VwM3Ig", "T012345678/"];

/// Log lines of everything in this process.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[track_caller]
fn clean(what: &str, text: &str) {
    for part in PARTS {
        assert!(!text.contains(part), "{what} shows {part}: {text}");
    }
}

fn channels(address: &str) -> Vec<ChannelPlan> {
    let (url, token, password) = (SecretRef::Here, SecretRef::Here, SecretRef::Here);
    let basic = Auth::Basic { user: "anna".into(), password: password.clone() };
    let mail = Way::Email {
        url: Some(url.clone()),
        user: Some("anna".into()),
        password: Some(password),
        from: "a@b.example".into(),
        to: vec!["c@d.example".into()],
    };
    let all = [
        Way::Ntfy { url: url.clone(), auth: Auth::Bearer(token.clone()) },
        Way::Ntfy { url: url.clone(), auth: basic.clone() },
        Way::Slack { url: url.clone() },
        Way::Discord { url: url.clone() },
        Way::Telegram { url: Some(url.clone()), token, chats: vec!["1".into()] },
        Way::Webhook { url, auth: basic, content_type: "application/json".into() },
        mail,
    ];
    assert!(!address.is_empty());
    all.into_iter().map(plan).collect()
}

fn secrets(url: &str) -> ClearSecrets {
    clear(&[(SecretField::Url, url), (SecretField::Token, TOKEN), (SecretField::Password, PASSWORD)])
}

#[test]
fn no_secret_is_shown_whatever_the_other_side_says() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone());
    subscriber.init();
    // A service that repeats what it was told, in every form.
    let spiteful = format!(
        "{PATH} bot{TOKEN} {TOKEN} {PASSWORD} Sup3r%20Secret%2Fpass%2Bword Basic YW5uYTpTdXAzciBTZWNyZXQvcGFzcyt3b3Jk \
         U3VwM3IgU2VjcmV0L3Bhc3Mrd29yZA=="
    );
    let spiteful: &'static str = spiteful.leak();
    // Only the one at the other end of an address knows its path.
    let answer: &'static str = format!("550 5.7.1 {}", spiteful.replace(PATH, "")).leak();
    let script: &'static [(&str, &str)] = vec![("MAIL", answer)].leak();
    let mails = MailServer::start(&["AUTH PLAIN"], script);
    for reply in [
        Reply::status("400 Bad Request", spiteful),
        Reply::status("500 Internal Server Error", spiteful),
        Reply::ok(spiteful),
        Reply::Say("307 Temporary Redirect", format!("location: https://other.example{PATH}\r\n"), String::new()),
        Reply::Close,
    ] {
        let service = Service::start([reply.clone()]);
        for plan in channels(&service.address) {
            let mail = matches!(plan.way, Way::Email { .. });
            let url = if mail { format!("smtp://{}", mails.address) } else { service.url(PATH) };
            let message = Message { body: format!("the session printed {PASSWORD} and {TOKEN}"), ..message() };
            let outcome = send(&plan, secrets(&url), &message);
            clean("an outcome", &format!("{outcome:?}"));
            if !matches!(outcome, Outcome::Delivered) {
                clean("a reason", &failed(outcome).0);
            }
            clean("a plan", &format!("{plan:?} {}", serde_json::to_string(&plan).unwrap()));
            clean("the senders", &format!("{:?}", Channels::new(secrets(&url))));
        }
        // A service gets the secrets that open it and no others.
        for request in service.requests() {
            assert!(!request.body.contains("Sup3r"), "{}", request.body);
        }
    }
    assert!(!mails.told().is_empty());
    clean("the log", &String::from_utf8_lossy(&log.0.lock().unwrap()));
    assert!(!log.0.lock().unwrap().is_empty(), "the log was listened to");
}

#[test]
fn a_secret_comes_from_a_file_and_is_read_each_time() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    let service = Service::start([Reply::ok("{}")]);
    let channel = plan(Way::Ntfy { url: SecretRef::Here, auth: Auth::Bearer(SecretRef::File(file.clone())) });
    for token in ["first-token", "second-token"] {
        std::fs::write(&file, format!("{token}\n")).unwrap();
        assert_eq!(send(&channel, secrets(&service.url("/t")), &message()), Outcome::Delivered);
        assert_eq!(service.requests().last().unwrap().header("authorization"), format!("Bearer {token}"));
    }
}

#[test]
fn a_secret_that_is_not_there_is_named_by_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    let two_lines = dir.path().join("lines");
    std::fs::write(&two_lines, "a\r\nX-Evil: 1").unwrap();
    let empty = dir.path().join("empty");
    std::fs::write(&empty, "\n").unwrap();
    for (place, fragment) in [
        (
            SecretRef::Env("NO_SUCH_VARIABLE_HERE".into()),
            "the token is missing: NO_SUCH_VARIABLE_HERE is not in the environment",
        ),
        (SecretRef::File(dir.path().join("none")), "cannot read"),
        (SecretRef::File(dir.path().into()), "not a regular file"),
        (SecretRef::File(fifo), "not a regular file"),
        (SecretRef::File("/dev/zero".into()), "not a regular file"),
        (SecretRef::File(two_lines), "control character"),
        (SecretRef::File(empty), "the token is empty"),
        (SecretRef::Here, "stands no longer in the file"),
    ] {
        let channel = plan(Way::Ntfy { url: SecretRef::Here, auth: Auth::Bearer(place) });
        let (why, _, permanent) =
            failed(send(&channel, clear(&[(SecretField::Url, "http://127.0.0.1:9/t")]), &message()));
        assert!(why.contains(fragment) && permanent, "{why}");
    }
}

#[test]
fn a_secret_is_not_cut_in_two_before_it_is_taken_out() {
    // Long enough that what is told is cut, at every place of the secret.
    for before in 0..60 {
        let body = format!("{}{PASSWORD}{}", "x".repeat(200 + before), "y".repeat(400)).leak();
        let service = Service::start([Reply::status("400 Bad Request", body)]);
        let auth = Auth::Basic { user: "anna".into(), password: SecretRef::Here };
        let way = Way::Webhook { url: SecretRef::Here, auth, content_type: "text/plain".into() };
        let (why, _, _) = failed(send(&plan(way), secrets(&service.url("/x")), &message()));
        assert!(!why.contains("Sup"), "{why}");
    }
}
