//! `nightkeep alerts test`, as it is typed.

use super::service::{Reply, Service};
use std::path::Path;
use std::process::{Command, Output};

struct House {
    dir: tempfile::TempDir,
}

impl House {
    fn new(channels: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("sessions.toml"), format!("[sessions.a]\ncommand = \"true\"\n{channels}"))
            .unwrap();
        Self { dir }
    }
    fn trusted(channels: &str) -> Self {
        let house = Self::new(channels);
        assert!(house.run(&["trust"]).status.success());
        house
    }
    fn path(&self) -> &Path {
        self.dir.path()
    }
    fn run(&self, words: &[&str]) -> Output {
        self.run_with(words, &[])
    }
    fn run_with(&self, words: &[&str], variables: &[(&str, &str)]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_nightkeep"))
            .args(words)
            .current_dir(self.path())
            .env_clear()
            .env("HOME", self.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("TEST_TOKEN", "tk_Sup3rSecret")
            .envs(variables.iter().copied())
            .output()
            .unwrap()
    }
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn phone(service: &Service) -> String {
    format!(
        "[alerts.channels.phone]\ntype = \"ntfy\"\nurl = \"{}\"\ntoken = {{ env = \"TEST_TOKEN\" }}\n",
        service.url("/topic-0123456789")
    )
}

#[test]
fn a_test_message_arrives_and_that_is_said() {
    let service = Service::start([Reply::ok("{}")]);
    let house = House::trusted(&phone(&service));
    let (code, out, err) = said(&house.run(&["--quiet", "alerts", "test", "phone"]));
    assert_eq!(
        (code, out.as_str()),
        (Some(0), "phone (ntfy): delivered, with the environment of this command\n"),
        "{err}"
    );
    let seen = service.only();
    assert_eq!(seen.header("authorization"), "Bearer tk_Sup3rSecret");
    assert_eq!(seen.header("title"), "Test of the channel phone");
    assert!(seen.body.contains("Nothing is wrong"));
    let (code, out, _) = said(&house.run(&["alerts", "test", "phone", "--json"]));
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &told["delivered"], &told["type"]), (Some(0), &true.into(), &"ntfy".into()));
    assert_eq!(told["environment"], "command");
}

#[test]
fn a_failure_says_why_and_shows_no_secret() {
    let body = "no tk_Sup3rSecret for /topic-0123456789".to_owned();
    let reply = Reply::Say("429 Too Many Requests", "retry-after: 30\r\n".into(), body);
    let service = Service::start([reply]);
    let house = House::trusted(&phone(&service));
    let (code, out, err) = said(&house.run(&["alerts", "test", "phone"]));
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(
        err.contains("error: phone (ntfy): not delivered, with the environment of this command: 127.0.0.1:"),
        "{err}"
    );
    assert!(err.contains("answered 429 Too Many Requests: no [secret] for [secret]\n"), "{err}");
    assert!(err.contains("hint: the service asks to wait 30 s"), "{err}");
    let (code, out, err) = said(&house.run(&["--quiet", "alerts", "test", "phone", "--json"]));
    let told: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &told["delivered"], &told["retry_after"]), (Some(1), &false.into(), &30.0.into()));
    assert!(!out.contains("Sup3r") && !err.contains("Sup3r"), "{out}{err}");
}

#[test]
fn a_file_that_nobody_trusts_sends_nothing() {
    let service = Service::start([Reply::ok("{}")]);
    let house = House::new(&format!(
        "{}[alerts.channels.run]\ntype = \"command\"\ncommand = [\"touch\", \"x\"]\n",
        phone(&service)
    ));
    for channel in ["phone", "run"] {
        let (code, _, err) = said(&house.run(&["alerts", "test", channel]));
        assert_eq!(code, Some(5), "{err}");
        assert!(err.contains("is not trusted"), "{err}");
    }
    assert!(service.requests().is_empty() && !house.path().join("x").exists());
}

#[test]
fn a_channel_that_does_not_exist_and_a_file_that_is_wrong_have_their_codes() {
    let service = Service::start([Reply::ok("{}")]);
    let house = House::trusted(&phone(&service));
    let (code, _, err) = said(&house.run(&["alerts", "test", "fone"]));
    assert_eq!(code, Some(4));
    assert!(err.contains("declares no channel \"fone\"") && err.contains("phone"), "{err}");
    let house = House::new("[alerts.channels.phone]\ntype = \"ntfy\"\n");
    assert_eq!(said(&house.run(&["alerts", "test", "phone"])).0, Some(2));
}

#[test]
fn the_desktop_is_told_by_its_own_program() {
    let house = House::trusted("[alerts.channels.desk]\ntype = \"desktop\"\n");
    let bin = house.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    for name in ["notify-send", "osascript"] {
        let script = "#!/bin/sh\nfor word; do printf '%s\\n' \"$word\"; done >\"$HOME/told\"\n";
        std::fs::write(bin.join(name), script).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(bin.join(name), mode).unwrap();
    }
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let output = Command::new(env!("CARGO_BIN_EXE_nightkeep"))
        .args(["alerts", "test", "desk"])
        .current_dir(house.path())
        .env_clear()
        .env("HOME", house.path())
        .env("PATH", path)
        .output()
        .unwrap();
    assert_eq!(said(&output).0, Some(0), "{output:?}");
    let told = std::fs::read_to_string(house.path().join("told")).unwrap();
    assert!(told.contains("nightkeep: Test of the channel desk\n") && told.contains("Nothing is wrong"), "{told}");
}

/// A machine without certificates must still be able to ask its own daemon and to post without TLS, and must say what is
/// wrong where TLS is needed.
#[test]
fn without_certificates_only_what_needs_them_fails() {
    let service = Service::start([Reply::ok("{}")]);
    let secure = service.address.replace("http://", "https://");
    let mail = service.address.replace("http://", "smtps://");
    let house = House::trusted(&format!(
        "{}[alerts.channels.tls]\ntype = \"webhook\"\nurl = \"{secure}/x\"\n\
         [alerts.channels.mail]\ntype = \"email\"\nurl = \"{mail}\"\nto = [\"a@b.example\"]\n",
        phone(&service)
    ));
    let none = [("SSL_CERT_FILE", "/nonexistent"), ("SSL_CERT_DIR", "/nonexistent")];
    let (code, out, err) = said(&house.run_with(&["alerts", "test", "phone"], &none));
    assert_eq!(
        (code, out.as_str()),
        (Some(0), "phone (ntfy): delivered, with the environment of this command\n"),
        "{err}"
    );
    for channel in ["tls", "mail"] {
        for variables in [&none[..], &[]] {
            let (code, _, err) = said(&house.run_with(&["alerts", "test", channel], variables));
            assert_eq!(code, Some(1), "{err}");
            assert!(err.contains("not delivered, ") && !err.contains("panicked"), "{err}");
        }
    }
    let (code, _, err) = said(&house.run_with(&["hold", "a"], &none));
    assert_eq!(code, Some(3), "{err}");
    assert_eq!(service.requests().len(), 1, "nothing is sent where TLS was asked for and is not there");
}
