//! What an agent asks is a ticket; a person or a rule answers it, and it is seen that the answer was taken.

use crate::agent;
use crate::house::{House, kill};
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// Not a test: the program that sessions below run, as this binary knows it.
#[test]
#[ignore = "the agent of the other tests, started by them"]
fn play() {
    if let Some(code) = agent::play() {
        std::process::exit(code);
    }
}

/// A home in which agents play scripts.
pub struct Stage {
    pub house: House,
}

impl Stage {
    /// One session for each script; `more` is put behind each of them in the file.
    pub fn new(scripts: &[(&str, &str)], more: &str) -> Self {
        Self::with_attempts(scripts, more, 1)
    }
    /// The same, each with so many attempts.
    pub fn with_attempts(scripts: &[(&str, &str)], more: &str, attempts: u32) -> Self {
        let house = House::new("");
        let mut toml = String::new();
        for (name, script) in scripts {
            let _ = write!(toml, "{}", Self::session(&house, name, script, attempts));
            let _ = writeln!(toml, "{}", more.replace("NAME", name));
        }
        house.write(&toml);
        house.ok(&["up", "--trust"]);
        Self { house }
    }
    /// What the file says of a session that plays a script, and of its agent.
    pub fn session(house: &House, name: &str, script: &str, attempts: u32) -> String {
        let program = house.path("claude");
        if !program.exists() {
            let me = std::env::current_exe().expect("this binary");
            let words = "FAKE_AGENT_ARGUMENTS=$(printf '%s\\n' \"$@\") exec";
            let line = format!("#!/bin/sh\n{words} {} --exact prompts::play --ignored --nocapture\n", me.display());
            std::fs::write(&program, line).expect("written");
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("a program");
        }
        let file = house.path(&format!("{name}.script"));
        std::fs::write(&file, script).expect("written");
        let (program, file, diary) = (program.display(), file.display(), Self::diary_of(house, name));
        let env = format!("{{ {} = \"{file}\", {} = \"{}\" }}", agent::SCRIPT, agent::DIARY, diary.display());
        let profile = format!("[agents.player-{name}]\nextends = \"claude\"\ncommand = [\"{program}\"]\n");
        let runs = format!("agent = \"player-{name}\"\nprompt = \"do it\"\nenv = {env}");
        format!("{profile}[sessions.{name}]\n{runs}\nretry = {{ max_attempts = {attempts} }}\n")
    }
    /// What its next attempt plays.
    pub fn script(&self, name: &str, script: &str) {
        std::fs::write(self.house.path(&format!("{name}.script")), script).expect("written");
    }
    fn diary_of(house: &House, name: &str) -> PathBuf {
        house.path(&format!("{name}.diary"))
    }
    /// What happened to an agent, as it wrote it down itself.
    pub fn diary(&self, name: &str) -> Vec<String> {
        let text = std::fs::read_to_string(Self::diary_of(&self.house, name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
    /// How often a line stands in the diary.
    pub fn times(&self, name: &str, line: &str) -> usize {
        self.diary(name).iter().filter(|known| *known == line).count()
    }
    /// Waits until a session asks; gives its prompt.
    #[track_caller]
    pub fn until_asks(&self, name: &str) -> serde_json::Value {
        self.house.until(&format!("{name} asks"), || self.house.session(name)["prompt"]["state"] == "open");
        self.house.session(name)["prompt"].clone()
    }
    /// The tickets of a session, as they were last.
    pub fn tickets(&self, name: &str) -> Vec<serde_json::Value> {
        let mut last = std::collections::BTreeMap::new();
        for fact in self.house.facts_of("ticket_moved") {
            let ticket = fact["ticket"].clone();
            if ticket["attempt"].as_str().is_some_and(|id| id.contains(&format!("/{name}/"))) {
                last.insert(ticket["number"].as_u64(), ticket);
            }
        }
        last.into_values().collect()
    }
}

#[test]
fn a_permission_is_a_ticket_that_is_answered_once() {
    let stage = Stage::new(&[("one", "work 1s\nbash touch made\nwork 1s\nexit 0")], "");
    let house = &stage.house;
    let prompt = stage.until_asks("one");
    assert_eq!((&prompt["kind"], &prompt["about"]), (&"permission".into(), &"bash-command".into()), "{prompt}");
    assert_eq!(prompt["command"], "touch made");
    assert_eq!(prompt["choices"].as_array().map(Vec::len), Some(3));
    let session = house.session("one");
    assert_eq!(session["activity"], "prompting");
    assert!(session["reason"].as_str().is_some_and(|reason| reason.contains("touch made")), "{session}");
    let shown = house.ok(&["answer", "one"]);
    assert!(shown.contains("t1") && shown.contains("touch made") && shown.contains("3  No"), "{shown}");
    house.until("somebody is told", || {
        let status = house.status();
        status["alerts"].as_array().is_some_and(|all| all.iter().any(|alert| alert["kind"] == "waiting_for_you"))
    });

    let wrong = house.run(&["answer", "one", "maybe"]);
    assert_eq!((wrong.code, wrong.stdout.as_str()), (2, ""), "{}", wrong.stderr);
    assert!(wrong.stderr.contains("1 Yes"), "{}", wrong.stderr);
    assert_eq!(house.run(&["answer", "one", "yes", "--ticket", "t9"]).code, 1);
    assert_eq!(house.run(&["answer", "two", "yes"]).code, 4);

    let done = house.ok(&["answer", "one", "allow", "--reason", "it is a test"]);
    assert!(done.is_empty() || done.contains("answered"), "{done}");
    house.until("it ran", || stage.times("one", "ran touch made") == 1);
    let again = house.run(&["answer", "one", "yes"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    let other = house.run(&["answer", "one", "no"]);
    assert_eq!(other.code, 1, "{}", other.stderr);
    house.until_state("one", "succeeded");
    assert_eq!(stage.times("one", "key 1"), 1, "{:?}", stage.diary("one"));
    let tickets = stage.tickets("one");
    assert_eq!(tickets.len(), 1, "{tickets:#?}");
    assert_eq!(tickets[0]["stage"], "answered");
    assert_eq!(tickets[0]["typed"][0], "1");
    assert_eq!(tickets[0]["answer"]["by"]["reason"], "it is a test");
    let why = house.ok(&["why", "one"]);
    assert!(why.contains("t1 answered"), "{why}");
}

#[test]
fn rules_of_the_file_answer_what_they_name_and_nothing_else() {
    let rule = "[[sessions.NAME.answers]]\nprompt = \"bash-command\"\ncommand = '^touch '\nanswer = \"allow\"\n\
        [[sessions.NAME.answers]]\nprompt = \"bash-command\"\ncommand = '^rm '\nanswer = \"deny\"\n";
    let scripts = [
        ("plain", "bash touch a\nbash rm b\nexit 0"),
        ("compound", "bash touch a; touch b\nbash touch c\\ntouch d\nexit 0"),
        ("slow", "slow\nbash touch a\nexit 0"),
    ];
    let stage = Stage::new(&scripts, rule);
    let house = &stage.house;
    house.until_state("plain", "succeeded");
    assert_eq!(stage.times("plain", "ran touch a"), 1);
    assert_eq!(stage.times("plain", "refused rm b"), 1);
    // Its program ends behind the last answer: that was an answer all the same.
    let stages = || stage.tickets("plain").iter().map(|ticket| ticket["stage"].clone()).collect::<Vec<_>>();
    house.until("both are answered", || stages() == ["answered", "answered"]);
    let by = |ticket: &serde_json::Value| ticket["answer"]["rule"]["words"].as_str().map(str::to_owned);
    let rules: Vec<_> = stage.tickets("plain").iter().map(by).collect();
    assert_eq!(rules, [Some("allow bash-command ^touch ".to_owned()), Some("deny bash-command ^rm ".to_owned())]);
    house.until_state("slow", "succeeded");
    assert_eq!(stage.times("slow", "ran touch a"), 1, "a key that only marks is followed by Enter");

    let prompt = stage.until_asks("compound");
    house.until("it is said why", || house.session("compound")["prompt"]["note"].is_string());
    assert_eq!(house.session("compound")["prompt"]["note"], "no rule answers it: it is more than one command");
    assert_eq!(prompt["command"], "touch a; touch b");
    house.ok(&["answer", "compound", "no"]);
    house.until("the next question", || house.session("compound")["prompt"]["command"] == "touch c\ntouch d");
    house.until("it is said why", || house.session("compound")["prompt"]["note"].is_string());
    assert_eq!(house.session("compound")["prompt"]["note"], "no rule answers it: its command has more than one line");
    house.ok(&["answer", "compound", "3"]);
    house.until_state("compound", "succeeded");
    assert_eq!(stage.diary("compound").iter().filter(|line| line.starts_with("ran ")).count(), 0);
}

#[test]
fn a_question_takes_a_text_and_one_that_is_gone_takes_nothing() {
    let scripts = [
        ("asks", "status\nwork 1s\nask Which table first?\nwork 1s\nexit 0"),
        ("alone", "bash 4s touch a\nwork 30s\nexit 0"),
        ("deaf", "deaf 1\nbash touch a\nexit 0"),
    ];
    let stage = Stage::new(&scripts, "");
    let house = &stage.house;
    let prompt = stage.until_asks("asks");
    assert_eq!(prompt["kind"], "question", "{prompt}");
    house.ok(&["answer", "asks", "the small one"]);
    house.until_state("asks", "succeeded");
    assert_eq!(stage.times("asks", "told the small one"), 1, "{:?}", stage.diary("asks"));

    house.until("it went on by itself", || stage.times("alone", "went on without touch a") == 1);
    house.until("its ticket is gone", || stage.tickets("alone").iter().any(|ticket| ticket["stage"] == "gone"));
    let late = house.run(&["answer", "alone", "yes"]);
    assert_eq!(late.code, 1, "{}", late.stderr);
    assert_eq!(stage.diary("alone").iter().filter(|line| line.starts_with("key ")).count(), 0);

    // A key that its screen did not react to is pressed once more.
    stage.until_asks("deaf");
    house.ok(&["answer", "deaf", "yes"]);
    house.until_state("deaf", "succeeded");
    assert_eq!(
        (stage.times("deaf", "lost 1"), stage.times("deaf", "key 1"), stage.times("deaf", "ran touch a")),
        (1, 1, 1)
    );
}

#[test]
fn a_daemon_that_is_killed_while_it_answers_types_nothing_twice() {
    let stage = Stage::new(&[("one", "bash touch a\nbash touch b\nwork 1s\nexit 0")], "");
    let house = &stage.house;
    for (n, pause) in [0_u64, 120].into_iter().enumerate() {
        stage.until_asks("one");
        let before = stage.tickets("one").len();
        kill(house.daemon_pid().expect("a daemon"), "KILL");
        house.until("the daemon is dead", || house.daemon_pid().is_none());
        house.ok(&["up"]);
        house.until("it still asks", || house.session("one")["prompt"]["state"] == "open");
        assert_eq!(stage.tickets("one").len(), before, "one question is one ticket");
        let mut answer = house.command(&["answer", "one", "yes"]);
        let mut answer =
            answer.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
        house.until("it is being answered", || {
            stage.tickets("one").len() > n && stage.tickets("one")[n]["stage"] != "open"
        });
        std::thread::sleep(std::time::Duration::from_millis(pause));
        kill(house.daemon_pid().expect("a daemon"), "KILL");
        house.until("the daemon is dead", || house.daemon_pid().is_none());
        let _ = answer.wait();
        house.ok(&["up"]);
        house.until("it was answered", || stage.tickets("one").get(n).is_some_and(|t| t["stage"] == "answered"));
    }
    house.until_state("one", "succeeded");
    assert_eq!((stage.times("one", "ran touch a"), stage.times("one", "ran touch b")), (1, 1));
    assert_eq!(stage.times("one", "key 1"), 2, "{:?}", stage.diary("one"));
    assert_eq!(stage.tickets("one").len(), 2);
}

#[test]
fn an_agent_cannot_answer_itself() {
    let program = env!("CARGO_BIN_EXE_nightkeep");
    let script = format!(
        "bash 6s touch a\nbash {program} answer one yes > $HOME/said 2>&1; echo $? >> $HOME/said\nwork 30s\nexit 0"
    );
    let stage = Stage::new(&[("one", &script)], "");
    let house = &stage.house;
    house.until("the second question", || {
        house.session("one")["prompt"]["command"].as_str().is_some_and(|command| command.contains("answer one yes"))
    });
    house.ok(&["answer", "one", "yes"]);
    let said = || std::fs::read_to_string(house.path("home/said")).unwrap_or_default();
    house.until("it was refused", || said().lines().last().is_some_and(|line| line == "5"));
    assert!(said().contains("cannot steer its own supervisor"), "{}", said());
}
