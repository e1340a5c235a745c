//! Agents whose program takes no prompt beside its conversation, and such as serve their events.

use crate::house::{House, kill};
use crate::prompts::Stage;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A home with one session that plays a script; `profile` takes the place of what its agent starts from.
fn stage(script: &str, profile: &str) -> Stage {
    let house = House::new("");
    let toml = Stage::session(&house, "one", script, 3).replace("extends = \"claude\"\n", profile);
    let soon = "max_attempts = 3, initial_delay = \"100ms\", min_uptime = \"1ms\"";
    house.write(&toml.replace("max_attempts = 3", soon));
    house.ok(&["up", "--trust"]);
    Stage { house }
}

fn restart(house: &House) {
    kill(house.daemon_pid().expect("a daemon"), "KILL");
    house.until("the daemon is dead", || house.daemon_pid().is_none());
    house.ok(&["up"]);
}

#[test]
fn one_that_takes_no_prompt_beside_its_conversation_is_told_once_it_waits() {
    let first = "transcript\nsay My word is heron.\nwork 1s\nsay Done.\nprompt";
    let stage = stage(first, "extends = \"claude\"\ntypes_prompt = \"resumed\"\n");
    let house = &stage.house;
    house.until("it is done", || house.session("one")["activity"] == "idle");
    assert!(
        stage.diary("one")[0].ends_with(" do it"),
        "the first is told by its command line: {:?}",
        stage.diary("one")
    );
    // What its next attempt shows first is how it failed before.
    stage.script("one", "transcript\nsay My word is heron.\nerror API Error: 529 Overloaded\nwork 1s\nexit 0");
    let pid = house.session("one")["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).expect("a program");
    kill(pid, "KILL");
    let begun = || stage.diary("one").iter().filter(|line| line.starts_with("began ")).count();
    house.until("it is taken up", || begun() == 2);
    restart(house);
    house.until_state("one", "succeeded");
    let diary = stage.diary("one");
    let again = diary.iter().rfind(|line| line.starts_with("began ")).unwrap();
    assert!(again.contains("--resume ") && !again.contains("interrupted"), "{again}");
    let told: Vec<&String> = diary.iter().filter(|line| line.starts_with("told ")).collect();
    assert_eq!(told.len(), 1, "{diary:?}");
    assert!(told[0].starts_with("told You were interrupted (signal 9 (KILL)"), "{told:?}");
    assert!(told[0].contains("brief.md"), "{told:?}");
    let why = house.ok(&["why", "one"]);
    assert!(why.contains("the start prompt"), "{why}");
}

/// The status line of an answer to a request without a password.
fn asked_by_a_stranger(port: u16) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.write_all(b"GET /event HTTP/1.1\r\nHost: x\r\n\r\n").expect("written");
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer.lines().next().unwrap_or_default().to_owned()
}

fn spec_of(house: &House) -> PathBuf {
    fn find(dir: &Path) -> Option<PathBuf> {
        let entries = std::fs::read_dir(dir).ok()?.flatten().map(|entry| entry.path());
        let (dirs, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
        let found = files.into_iter().find(|path| path.file_name().is_some_and(|name| name == "spec.json"));
        found.or_else(|| dirs.iter().find_map(|dir| find(dir)))
    }
    find(&house.logs()).expect("a spec")
}

#[test]
fn what_an_agent_serves_of_its_events_is_known_also_to_a_new_daemon_and_to_nobody_else() {
    let busy = r#"{"type":"session.status","properties":{"sessionID":"s","status":{"type":"busy"}}}"#;
    let ask =
        r#"{"id":"p","sessionID":"s","permission":"bash","patterns":["git *"],"metadata":{"command":"git push"}}"#;
    let replied = r#"{"type":"permission.replied","properties":{"sessionID":"s","requestID":"p","reply":"once"}}"#;
    let idle = r#"{"type":"session.status","properties":{"sessionID":"s","status":{"type":"idle"}}}"#;
    let script = format!(
        "serve\nstanding {{\"s\":{{\"type\":\"busy\"}}}} []\nevent {busy}\nuntil asks\n\
         standing {{\"s\":{{\"type\":\"busy\"}}}} [{ask}]\nevent {{\"type\":\"permission.asked\",\"properties\":{ask}}}\n\
         until answered\nstanding {{}} []\nevent {replied}\nevent {idle}\nuntil over\nexit 0"
    );
    let stage = stage(&script, "extends = \"opencode\"\nevents = true\n");
    let house = &stage.house;
    let reach = |name: &str| std::fs::write(house.path(&format!("home/{name}")), "").unwrap();
    let evidence = |fact: &serde_json::Value| fact["seen"]["evidence"][0].as_str().unwrap_or_default().to_owned();
    house.until("it is seen to work", || {
        house.facts_of("agent_moved").iter().any(|fact| evidence(fact) == "event event/session.status@1 says working")
    });

    let began = stage.diary("one")[0].clone();
    let words: Vec<&str> = began.split(' ').collect();
    let port = words.iter().position(|word| *word == "--port").and_then(|at| words[at + 1].parse().ok());
    let port: u16 = port.unwrap_or_else(|| panic!("no port: {began}"));
    assert!(began.contains("--hostname 127.0.0.1") && began.ends_with("--prompt do it"), "{began}");
    assert_eq!(asked_by_a_stranger(port), "HTTP/1.1 401 Unauthorized");
    let spec = spec_of(house);
    assert_eq!(std::fs::metadata(&spec).unwrap().permissions().mode() & 0o777, 0o600);
    let spec: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(spec).unwrap()).unwrap();
    let password = spec["env"]["OPENCODE_SERVER_PASSWORD"].as_str().expect("a password").to_owned();
    assert_eq!(password.len(), 64);
    assert!(!began.contains(&password), "it is on no command line");

    reach("asks");
    let prompt = stage.until_asks("one");
    assert_eq!((&prompt["kind"], &prompt["command"]), (&"permission".into(), &"git push".into()), "{prompt}");
    let shown = house.run(&["answer", "one", "allow"]);
    assert_ne!(shown.code, 0, "which key allows it shows on no screen: {}", shown.stdout);
    restart(house);
    house.until("it still asks", || house.session("one")["prompt"]["state"] == "open");
    assert_eq!(stage.tickets("one").len(), 1, "{:#?}", stage.tickets("one"));
    reach("answered");
    house.until("it asks no more", || stage.tickets("one")[0]["stage"] == "gone");
    house.until("it is done", || house.session("one")["activity"] == "idle");
    assert_eq!(
        stage.diary("one").iter().filter(|line| line.starts_with("refused ")).count(),
        1,
        "that was the stranger"
    );
    reach("over");
    house.until_state("one", "succeeded");
    let journal = house.ok(&["export"]);
    assert!(!journal.contains(&password) && !house.daemon_log().contains(&password), "it is told to nobody");
}
