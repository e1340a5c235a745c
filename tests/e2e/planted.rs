//! Two hundred secrets, of every kind that is known, are planted wherever foreign text comes from: none of them is in
//! anything that is shown or sent.

use crate::house::House;
use crate::mail_server::MailServer;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Secrets of each kind.
const EACH: usize = 8;
/// Sessions that print them, so that all of them are among somebody's last lines.
const SESSIONS: usize = 20;

/// A line as programs print it, and what of it nobody may see.
struct Planted {
    kind: &'static str,
    line: String,
    secret: String,
}

/// Letters and digits that look random and are the same in every run.
struct Letters(u64);

impl Letters {
    fn of(&mut self, alphabet: &[u8], count: usize) -> String {
        let mut next = || {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(alphabet[usize::try_from(self.0 >> 33).unwrap() % alphabet.len()])
        };
        (0..count).map(|_| next()).collect()
    }
    /// With a digit and letters of both sizes, as any key of that length has.
    fn key(&mut self, count: usize) -> String {
        let all = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        format!("a7{}Zq4", self.of(all, count - 5))
    }
    fn upper(&mut self, count: usize) -> String {
        format!("Q7{}", self.of(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", count - 2))
    }
}

/// How a line of a kind is written, around its secret. The prefixes are put together here so that none stands in the file.
fn planted() -> Vec<Planted> {
    let mut letters = Letters(20_261_121);
    let mut all = Vec::new();
    let gh = |letter: char| format!("gh{letter}_");
    for _ in 0..EACH {
        let mut add = |kind, secret: String, line: String| all.push(Planted { kind, line, secret });
        let key = letters.key(36);
        add("github token", key.clone(), format!("error: push with {}{key} was refused", gh('p')));
        let key = letters.key(36);
        add("github app", key.clone(), format!("using {}{key}", gh('s')));
        let key = letters.key(36);
        add("github oauth", key.clone(), format!("GET /user ({}{key}) 401", gh('o')));
        let key = letters.key(59);
        add("github fine-grained", key.clone(), format!("error: github_{}_{key}: expired", "pat"));
        let key = letters.key(40);
        add("anthropic", key.clone(), format!("ERROR invalid x-api-key {}-ant-api03-{key}", "sk"));
        let key = letters.key(44);
        add("openai", key.clone(), format!("Incorrect API key provided: {}-proj-{key}.", "sk"));
        let key = letters.upper(16);
        add("aws id", key.clone(), format!("error: {}{key} is not allowed to", "AKIA"));
        let key = letters.key(40);
        add("aws secret", key.clone(), format!("aws_secret_access_key = {key}"));
        let key = letters.key(24);
        add("slack", key.clone(), format!("posting with {}-2345678901-{key}", "xoxb"));
        let key = letters.key(24);
        add("slack hook", key.clone(), format!("error: https://hooks.slack.com/services/T0A1/B0C2/{key} answered 404"));
        let key = letters.key(24);
        add("stripe", key.clone(), format!("charge failed with {}_live_{key}", "sk"));
        let key = letters.key(36);
        add("npm", key.clone(), format!("npm ERR! {}_{key}", "npm"));
        let key = letters.key(48);
        add("pypi", key.clone(), format!("upload: {}-{key}", "pypi"));
        let key = letters.key(33);
        add("telegram", key.clone(), format!("error: bot 123456789:AA{key} is gone"));
        let key = letters.key(40);
        add("jwt", key.clone(), format!("cookie: {}hbGciOiJIUzI1NiJ9.{key}.{key}", "eyJ"));
        let key = letters.key(20);
        add("password in an address", key.clone(), format!("error: cannot connect to postgres://app:{key}@db:5432/x"));
        let key = letters.key(32);
        add("bearer", key.clone(), format!("> Authorization: Bearer {key}"));
        let key = letters.key(32);
        add("basic", key.clone(), format!("> authorization: Basic {key}=="));
        let key = letters.key(14);
        add("password", key.clone(), format!("DB_PASSWORD={key} ./load"));
        let key = letters.key(14);
        add("password in JSON", key.clone(), format!("error: config {{\"password\": \"{key}\", \"port\": 5432}}"));
        let key = letters.key(20);
        add("gitlab", key.clone(), format!("remote: {}-{key} has no access", "glpat"));
        let key = letters.key(34);
        add("hugging face", key.clone(), format!("error: {}_{key} is not valid", "hf"));
        let key = letters.key(35);
        add("google", key.clone(), format!("key={}{key}", "AIza"));
        let key = letters.key(64);
        add("private key", key.clone(), key);
        let (first, key) = (letters.key(22), letters.key(43));
        add("sendgrid", key.clone(), format!("error: {}.{first}.{key} was revoked", "SG"));
    }
    all
}

fn git(folder: &Path, words: &[&str]) {
    let done = Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"])
        .args(words)
        .current_dir(folder)
        .output()
        .expect("git runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// What the API answers to a request, for as long as it says something.
fn asked(house: &House, path: &str) -> String {
    let below = fs::read_dir(house.path("run/nightkeep")).expect("a runtime folder");
    let sockets: Vec<_> =
        below.flatten().map(|entry| entry.path().join("api.sock")).filter(|path| path.exists()).collect();
    let mut socket = UnixStream::connect(sockets.first().expect("a socket")).expect("the daemon listens");
    socket.set_read_timeout(Some(Duration::from_secs(3))).expect("a deadline");
    write!(socket, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").expect("asked");
    let mut answer = Vec::new();
    let mut chunk = [0; 65_536];
    // A stream of events has no end: silence is one.
    while let Ok(n) = socket.read(&mut chunk)
        && n > 0
    {
        answer.extend_from_slice(&chunk[..n]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn none_of_two_hundred_secrets_is_in_anything_that_is_shown_or_sent() {
    let planted = planted();
    assert_eq!(planted.len(), 200);
    let server = MailServer::start(&[], &[]);
    let mut sessions = String::new();
    for i in 0..SESSIONS {
        let secret = &planted[i * 7 % planted.len()];
        // In the environment by the name, on the command line by its form.
        let _ = write!(
            sessions,
            "[sessions.s{i}]\nproject = \"p\"\ncommand = 'cat ../said.{i}; : GITHUB_TOKEN={}; exit 3'\nretry = {{ max_attempts = 1 }}\n\
             env = {{ API_TOKEN = \"{}\" }}\n",
            planted[i].secret, secret.secret
        );
    }
    let house = House::new(&format!(
        r#"
[projects.p]
dir = "../repo"
{sessions}
[sessions.commits]
project = "p"
command = 'for i in $(seq 1 200); do git -c user.name=a -c user.email=a@b.c -c commit.gpgsign=false commit -q --allow-empty -m "$(sed -n ${{i}}p ../w/../said.all)"; done'
success = {{ require = ["command:sed -n 19p ../said.all; exit 1"] }}
[alerts]
quiet_hours = "{}"
[alerts.channels.mail]
type = "email"
url = "smtp://{}"
to = ["anna@example.org"]
[alerts.channels.phone]
type = "command"
command = ["sh", "-c", "cat >> ../told; echo >> ../told"]
[report]
deliver = ["mail", "phone"]
"#,
        quiet_later(),
        server.address
    ));
    let lines: Vec<&str> = planted.iter().map(|planted| planted.line.as_str()).collect();
    fs::write(house.path("said.all"), lines.join("\n")).expect("written");
    for (i, said) in lines.chunks(planted.len() / SESSIONS).enumerate() {
        fs::write(house.path(&format!("said.{i}")), said.join("\n") + "\n").expect("written");
    }
    fs::create_dir_all(house.path("repo")).expect("a folder");
    git(&house.path("repo"), &["init", "-q"]);
    git(&house.path("repo"), &["commit", "-q", "--allow-empty", "-m", "begin"]);

    house.ok(&["up", "--trust"]);
    house.ok(&["note", "s0", &format!("mind this: {}", planted[0].line)]);
    house.ok(&["hold", "s1", "--reason", &planted[4].line]);
    house.ok(&["release", "s1", "--reason", &planted[15].line]);
    let mut names: Vec<String> = (0..SESSIONS).map(|i| format!("s{i}")).collect();
    names.push("commits".to_owned());
    let mut wait = vec!["wait", "--timeout", "80s"];
    wait.extend(names.iter().map(String::as_str));
    house.run(&wait);
    house.until("the mail is there", || server.told().iter().any(|line| line == "."));
    house.until("the notification is there", || house.path("told").exists());

    let mut shown: Vec<(String, String)> = Vec::new();
    for path in [
        "/v1/events?after=0",
        "/v1/status",
        "/v1/timeline",
        "/v1/alerts",
        "/v1/alerts/history",
        "/v1/dead",
        "/v1/plan",
        "/v1/report",
        "/v1/nights",
    ] {
        shown.push((format!("GET {path}"), asked(&house, path)));
    }
    for name in &names {
        for path in ["why", "events", "attempts", "notes"] {
            shown.push((format!("GET {path}"), asked(&house, &format!("/v1/sessions/{name}/{path}"))));
        }
        let name = name.as_str();
        for words in [vec!["logs", name], vec!["logs", name, "--timestamps"], vec!["why", name], vec!["note", name]] {
            let ran = house.run(&words);
            shown.push((words[0].to_owned(), ran.stdout + &ran.stderr));
        }
    }
    house.ok(&["down"]);
    for words in [
        &["report", "--format", "md"] as &[&str],
        &["report", "--format", "md", "--full"],
        &["report", "--format", "html"],
        &["report", "--format", "json"],
        &["report", "--format", "text"],
        &["report", "--project", "p"],
        &["status"],
        &["status", "--json"],
        &["plan"],
        &["alerts"],
        &["dead"],
        &["nights", "--json"],
        &["export"],
    ] {
        let ran = house.run(words);
        assert!(!ran.stdout.is_empty() || words == ["alerts"], "{words:?}: {}", ran.stderr);
        shown.push((words.join(" "), ran.stdout + &ran.stderr));
    }
    for form in ["md", "html", "json"] {
        let folder = fs::read_dir(house.logs().join("reports")).expect("reports");
        let file = folder.flatten().map(|entry| entry.path()).find(|path| path.extension().is_some_and(|e| e == form));
        shown.push((format!("report.{form}"), fs::read_to_string(file.expect("it is written")).expect("text")));
    }
    shown.push(("mail".to_owned(), server.told().join("\n").replace("=\n", "").replace("=3D", "=")));
    shown.push(("push".to_owned(), fs::read_to_string(house.path("told")).expect("text")));
    shown.push(("daemon.log".to_owned(), house.daemon_log()));

    let mut leaks: Vec<String> = Vec::new();
    for (output, text) in &shown {
        for planted in planted.iter().filter(|planted| text.contains(&planted.secret)) {
            leaks.push(format!("{} in {output}", planted.kind));
        }
    }
    leaks.sort();
    leaks.dedup();
    assert!(leaks.is_empty(), "{leaks:#?}");
    // They were there to be hidden: what stands around them is shown.
    let all: String = shown.iter().map(|(_, text)| text.as_str()).collect();
    assert!(all.matches("[redacted]").count() > 400, "{}", all.matches("[redacted]").count());
    assert!(all.contains("cannot connect to postgres://app:[redacted]@db:5432/x"));
    // What the program wrote is kept as it is, for whoever asks for exactly that.
    assert!(String::from_utf8_lossy(&house.raw("s0")).contains(&planted[0].secret));
}

/// Quiet hours that are not now.
fn quiet_later() -> String {
    let hour = jiff::Zoned::now().hour();
    format!("{:02}:00-{:02}:00", (i16::from(hour) + 6) % 24, (i16::from(hour) + 7) % 24)
}
