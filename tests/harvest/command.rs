//! `nightkeep harvest` as a person runs it.

use std::path::Path;
use std::process::{Command, Output, Stdio};

fn run(folder: &Path, words: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nightkeep"));
    command.arg("harvest").args(words).current_dir(folder).env_clear().env("HOME", folder).stdin(Stdio::null());
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn items_as_text_and_as_json() {
    let tmp = tempfile::tempdir().unwrap();
    std::fs::write(tmp.path().join("a.md"), "# Night\n\n## Done\n- Added a\n\n## Blocked\n- No disk\n").unwrap();
    std::fs::write(tmp.path().join("b.md"), "You need to approve it. token=ghp_0123456789abcdefABCDEF0123456789abcd\n")
        .unwrap();
    let (code, out, err) = run(tmp.path(), &["a.md"]);
    assert_eq!(
        (code, out.as_str(), err.as_str()),
        (Some(0), "    4  achievement Added a\n    7  blocker     No disk\n", "")
    );
    let (code, out, _) = run(tmp.path(), &["--json", "a.md"]);
    let list: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(code, Some(0));
    assert_eq!(
        list[0],
        serde_json::json!({"kind": "achievement", "text": "Added a", "line": 4, "section": "Night › Done"})
    );
    let (code, out, _) = run(tmp.path(), &["--json", "a.md", "b.md"]);
    let list: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, list[2]["file"].as_str(), list[2]["kind"].as_str()),
        (Some(0), Some("b.md"), Some("user_action"))
    );
    assert!(!out.contains("ghp_0123456789"), "{out}");
}

#[test]
fn what_cannot_be_read_is_said_and_the_rest_is_told() {
    let tmp = tempfile::tempdir().unwrap();
    std::fs::write(tmp.path().join("a.md"), "## Done\n- Added a\n").unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, tmp.path().join("pipe"), rustix::fs::Mode::RWXU).unwrap();
    for (name, why) in [
        ("missing.md", "No such file"),
        (".", "it is a folder"),
        ("pipe", "it is not a file"),
        ("/dev/zero", "it is not a file"),
    ] {
        let (code, out, err) = run(tmp.path(), &[name, "a.md"]);
        assert_eq!(code, Some(1), "{name}");
        assert!(
            out.contains("Added a") && err.starts_with("error: cannot read ") && err.contains(why),
            "{name}: {err}"
        );
    }
    let (code, _, err) = run(tmp.path(), &[]);
    assert!(code == Some(2) && err.contains("hint: usage: nightkeep harvest"), "{err}");
}

#[test]
fn an_unfinished_document_is_called_so() {
    let tmp = tempfile::tempdir().unwrap();
    std::fs::write(
        tmp.path().join("a.md"),
        "# Report\n\n**Status:** in progress\n\n## Done\n\n_(to be filled in at the end)_\n",
    )
    .unwrap();
    let (code, out, err) = run(tmp.path(), &["a.md"]);
    assert_eq!((code, out.as_str()), (Some(0), "    3  in_progress Status: in progress\n"));
    assert_eq!(err, "a.md: it was begun and never finished\n");
}
