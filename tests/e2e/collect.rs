//! What sessions leave in their project's folder is in the journal: documents and files, also when the daemon is killed
//! in between, and however hostile the folder is.

use crate::house::{House, kill};
use serde_json::Value;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A project `farm` with these sessions, and what is collected of it.
fn house(collect: &str, sessions: &[(&str, &str)]) -> House {
    let sessions: String = sessions
        .iter()
        .map(|(name, command)| format!("[sessions.{name}]\nproject = \"farm\"\ncommand = '''{command}'''\n"))
        .collect();
    let house = House::new(&format!("[projects.farm]\ndir = \"farm\"\n{collect}\n{sessions}"));
    fs::create_dir(house.path("w/farm")).unwrap();
    house
}

fn farm(house: &House, below: &str) -> PathBuf {
    house.path("w/farm").join(below)
}

fn write(house: &House, below: &str, text: impl AsRef<[u8]>) {
    let path = farm(house, below);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// As if it had been written an hour ago.
fn age(path: &Path) {
    let ago = std::time::SystemTime::now() - Duration::from_secs(3600);
    fs::File::open(path).unwrap().set_modified(ago).unwrap();
}

/// Waits until how the folder stood is noted.
fn begun(house: &House) {
    house.until("how the files stand is noted", || {
        fs::read_dir(house.logs().join("files"))
            .into_iter()
            .flatten()
            .flatten()
            .any(|night| night.path().join("farm").exists())
    });
}

/// Lets the sessions go on that wait for this file.
fn go(house: &House) {
    write(house, "../go", "");
}

/// Ends the night; gives the last look at the files.
fn files(house: &House) -> Value {
    house.ok(&["down"]);
    house.until("the report is written", || !house.facts_of("report_written").is_empty());
    house.facts_of("files_seen").pop().expect("the files were looked at")["files"].clone()
}

fn documents(house: &House) -> Vec<Value> {
    house.facts_of("document_read").into_iter().map(|fact| fact["document"].clone()).collect()
}

fn changes(files: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    files["changed"].as_array().unwrap().iter().map(|file| (text(&file["path"]), text(&file["change"]))).collect()
}

const WAIT: &str = "until [ -e ../go ]; do sleep 0.02; done; ";

#[test]
fn files_and_documents_of_a_session_are_in_the_journal_also_when_the_daemon_was_killed() {
    let work = r#"printf '# Done\n- [x] loaders\n' > OVERNIGHT_STATUS.md; printf 'one\ntwo\n' > out.sql
        echo more >> kept.rs; rm gone.rs; mkdir -p target; echo x > target/ignored; touch SUMMARY.md"#;
    let house = house(
        "collect = { docs = [\"notes.txt\"], artifacts = [\"*.sql\"] }",
        &[("work", &format!("{WAIT}{work}; echo first > notes.txt")), ("other", "sleep 600")],
    );
    write(&house, "kept.rs", "a\n");
    write(&house, "gone.rs", "b\n");
    write(&house, "SUMMARY.md", "old news\n");
    write(&house, "Cargo.toml", "[package]\n");
    for file in ["kept.rs", "gone.rs", "SUMMARY.md"] {
        age(&farm(&house, file));
    }
    house.ok(&["up", "--trust"]);
    house.until_state("work", "running");
    begun(&house);
    kill(house.daemon_pid().expect("a daemon"), "KILL");
    house.until("the daemon is gone", || house.daemon_pid().is_none());
    go(&house);
    house.until("the session wrote", || farm(&house, "notes.txt").exists());
    house.ok(&["up"]);
    house.until_state("work", "succeeded");
    house.until("its documents are read", || documents(&house).len() == 2);
    let first: Vec<String> = documents(&house).iter().map(|d| d["path"].as_str().unwrap().to_owned()).collect();
    assert_eq!(
        first,
        ["notes.txt", "OVERNIGHT_STATUS.md"],
        "what only was touched is not told; what is named comes first"
    );
    write(&house, "notes.txt", "second\n");

    let files = files(&house);
    let expected = [
        ("OVERNIGHT_STATUS.md", "created"),
        ("SUMMARY.md", "modified"),
        ("gone.rs", "deleted"),
        ("kept.rs", "modified"),
        ("notes.txt", "created"),
        ("out.sql", "created"),
    ];
    let expected: Vec<(String, String)> = expected.map(|(path, change)| (path.to_owned(), change.to_owned())).into();
    assert_eq!(changes(&files), expected);
    assert_eq!((&files["created"], &files["modified"], &files["deleted"]), (&3.into(), &2.into(), &1.into()));
    assert_eq!(files["limits"], serde_json::json!([]), "{files:#}");
    let kept = &files["changed"][3];
    assert_eq!((&kept["bytes"], &kept["bytes_before"], &kept["lines"]), (&7.into(), &2.into(), &2.into()));
    assert_eq!(files["last_edit"], kept["modified"]);
    let artifact = &files["changed"][5];
    assert_eq!((&artifact["artifact"], &artifact["lines"], &artifact["bytes"]), (&true.into(), &2.into(), &8.into()));
    assert_eq!(artifact["hash"].as_str().unwrap().len(), 64);

    let told = documents(&house);
    let texts: Vec<&str> = told.iter().map(|d| d["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["first\n", "# Done\n- [x] loaders\n", "second\n"], "each state once");
    let authors: Vec<Option<&str>> = told.iter().map(|d| d["session"].as_str()).collect();
    assert_eq!(authors, [None, None, Some("other")], "two sessions ran, then one");
}

#[test]
fn the_only_session_that_ran_is_the_author_and_a_document_begun_and_overwritten_is_known_twice() {
    let house = house(
        "",
        &[
            ("first", &format!("{WAIT}echo '(filled in at the end)' > STATUS.md")),
            ("second", "until [ -e ../on ]; do sleep 0.02; done; echo 'all done' > STATUS.md"),
        ],
    );
    house.write(
        &fs::read_to_string(house.path("w/sessions.toml"))
            .unwrap()
            .replace("[sessions.second]\n", "[sessions.second]\nafter = [\"first\"]\n"),
    );
    house.ok(&["up", "--trust"]);
    begun(&house);
    go(&house);
    house.until("the first state is read", || documents(&house).len() == 1);
    fs::write(house.path("w/on"), "").unwrap();
    house.ok(&["wait", "--timeout", "60s", "second"]);
    files(&house);
    let told = documents(&house);
    let told: Vec<(&str, &str)> =
        told.iter().map(|d| (d["session"].as_str().unwrap(), d["text"].as_str().unwrap())).collect();
    assert_eq!(told, [("first", "(filled in at the end)\n"), ("second", "all done\n")]);
}

#[test]
fn a_hostile_folder_hangs_nothing_shows_nothing_and_leads_nowhere() {
    let work = r#"mkfifo STATUS.md; ln -s /etc/passwd SUMMARY.md; ln -s /etc etc-report
        head -c 10000000 /dev/zero | tr '\0' x > REPORT.md; echo >> REPORT.md
        printf 'SQL\n- password=hunter2hunter2\nFAKE_SECRET is hunter2\n- my-own-long-secret\n' > HANDOFF.md
        mkfifo .gitignore; mkdir -p deep; mkfifo deep/x.sql; head -c 40 /dev/zero > PROGRESS.md
        : > "$(printf 'NOTES \377\033[31m_REPORT.md')"; mkdir -p 'sub/.git'; echo y > 'sub/a.rs'
        ln -s . loop; printf 'x' > "$(printf 'line\nfeed.txt')""#;
    let house = house("collect = { artifacts = [\"**/*.sql\"] }", &[("work", &format!("{WAIT}. ../work.sh"))]);
    // Not in the command itself, which is journaled.
    write(&house, "../work.sh", work);
    house.write(&format!(
        "{}env = {{ DEPLOY_TOKEN = \"my-own-long-secret\" }}\n",
        fs::read_to_string(house.path("w/sessions.toml")).unwrap()
    ));
    house.ok(&["up", "--trust"]);
    begun(&house);
    go(&house);
    house.ok(&["wait", "--timeout", "60s", "work"]);
    let files = files(&house);
    let told = documents(&house);
    let problem = |path: &str| {
        let document = told.iter().find(|d| d["path"] == path).unwrap_or_else(|| panic!("no {path} in {told:#?}"));
        (document["text"].as_str().unwrap(), document["problem"].as_str().unwrap_or_default())
    };
    assert_eq!(problem("STATUS.md"), ("", "it is no regular file"));
    assert_eq!(problem("SUMMARY.md"), ("", "it is a symbolic link, and no link is followed"));
    assert_eq!(problem("REPORT.md"), ("", "it is larger than 256 KiB: 10000001 bytes"));
    assert_eq!(problem("PROGRESS.md"), ("", "it is no text"));
    assert_eq!(problem("NOTES \u{fffd}\\x1b[31m_REPORT.md").1, "");
    let (text, _) = problem("HANDOFF.md");
    assert_eq!(text, "SQL\n- password=[redacted]\nFAKE_SECRET is hunter2\n- [secret]\n", "short words are let be");
    let whole = fs::read(house.logs().join("nightkeep.db")).unwrap();
    let wal = fs::read(house.logs().join("nightkeep.db-wal")).unwrap_or_default();
    for secret in ["hunter2hunter2", "root:x:0"] {
        let holds = |bytes: &[u8]| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!holds(&whole) && !holds(&wal), "{secret} is in the journal");
    }
    let paths: Vec<String> = changes(&files).into_iter().map(|(path, _)| path).collect();
    assert!(!paths.iter().any(|path| path.starts_with("loop/") || path.starts_with("etc-report/")), "{paths:?}");
    assert!(paths.contains(&"line\\nfeed.txt".to_owned()) && paths.contains(&"sub/a.rs".to_owned()), "{paths:?}");
    assert!(!paths.contains(&"deep/x.sql".to_owned()), "a pipe is no file: {paths:?}");
    assert!(house.facts_of("trouble").is_empty(), "{:?}", house.facts_of("trouble"));
}

#[test]
fn a_project_of_a_hundred_thousand_files_is_looked_at_and_holds_up_no_start() {
    let house = house("", &[("work", &format!("{WAIT}echo x > d7/new.rs; rm d8/f8; echo longer > d9/f9"))]);
    for folder in 0..100 {
        let folder = farm(&house, &format!("d{folder}"));
        fs::create_dir(&folder).unwrap();
        for file in 0..1000 {
            fs::write(folder.join(format!("f{file}")), "").unwrap();
        }
    }
    let began = Instant::now();
    house.ok(&["up", "--trust"]);
    house.until_state("work", "running");
    let started = began.elapsed();
    begun(&house);
    let noted = began.elapsed();
    go(&house);
    house.ok(&["wait", "--timeout", "60s", "work"]);
    let down = Instant::now();
    let files = files(&house);
    println!("running after {started:?}, noted after {noted:?}, report after {:?}", down.elapsed());
    let snapshot = fs::read_dir(house.logs().join("files")).unwrap().next().unwrap().unwrap().path().join("farm");
    println!("the snapshot has {} bytes", fs::metadata(snapshot).unwrap().len());
    let expected = [("d7/new.rs", "created"), ("d8/f8", "deleted"), ("d9/f9", "modified")];
    let expected: Vec<(String, String)> = expected.map(|(path, change)| (path.to_owned(), change.to_owned())).into();
    assert_eq!(changes(&files), expected);
    assert_eq!(files["looked_at"], 100_000);
    assert!(files["limits"].as_array().unwrap().is_empty(), "{}", files["limits"]);
}

#[test]
fn a_report_asked_for_in_the_night_is_fresh() {
    let house = house("", &[("work", &format!("{WAIT}echo x > made.rs; touch ../made; sleep 600"))]);
    house.ok(&["up", "--trust"]);
    begun(&house);
    go(&house);
    house.until("the session wrote", || house.path("w/made").exists());
    assert!(house.facts_of("files_seen").is_empty(), "no session ended yet");
    house.ok(&["report"]);
    let seen = house.facts_of("files_seen");
    assert_eq!((seen.len(), &seen[0]["files"]["changed"][0]["path"]), (1, &"made.rs".into()));
    house.ok(&["report", "--full"]);
    assert_eq!(house.facts_of("files_seen").len(), 1, "nothing new, nothing told");
}

#[test]
fn a_name_that_is_no_text_can_be_made_here() {
    // Without this the hostile folder above would test less than it says.
    let folder = tempfile::tempdir().unwrap();
    let name = std::ffi::OsStr::from_bytes(b"\xff\x1b");
    fs::write(folder.path().join(name), "").unwrap();
    assert!(folder.path().join(name).exists());
}
