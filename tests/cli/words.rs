//! Help, completions, manual pages, and what is said to words that are no command.

use super::home::{Home, Ran, finish};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Command, Stdio};

/// The commands that `--help` lists.
fn commands(home: &Home) -> Vec<String> {
    let help = home.run(&["--help"]).exits(0).out;
    let list = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let names = list.lines().filter(|l| l.starts_with("  ") && !l.starts_with("   "));
    let names: Vec<String> = names.filter_map(|l| l.split_whitespace().next()).map(str::to_owned).collect();
    assert!(names.len() > 20, "{help}");
    names
}

#[test]
fn the_help_as_it_is_read() {
    let help = Home::new().run(&["--help"]).exits(0).out;
    insta::assert_snapshot!("help", help);
}

#[test]
fn every_command_has_help_with_an_example() {
    let home = Home::new();
    for name in commands(&home).iter().filter(|n| *n != "help") {
        let help = home.run(&[name, "--help"]).exits(0);
        assert!(help.out.contains("Example"), "{name}:\n{}", help.out);
        assert!(help.err.is_empty());
    }
    home.run(&["help", "logs"]).exits(0).prints("--timestamps");
}

#[test]
fn the_reference_names_every_command_option_and_exit_code() {
    let home = Home::new();
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/cli.md")).unwrap();
    for name in commands(&home).iter().filter(|n| *n != "help") {
        assert!(page.contains(&format!("`{name}")), "{name} is not in docs/cli.md");
        let help = home.run(&[name, "--help"]).exits(0).out;
        let own = help.split("Global options:").next().unwrap();
        let words = own.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
        for option in words.filter(|w| w.starts_with("--") && w.len() > 2 && *w != "--help") {
            assert!(page.contains(option), "{name} {option} is not in docs/cli.md");
        }
    }
    for code in ["0", "1", "2", "3", "4", "5", "124"] {
        assert!(page.contains(&format!("| {code} |")), "exit code {code} is not in docs/cli.md");
    }
}

#[test]
fn completions_for_every_shell() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        home.run(&["completions", shell]).exits(0).prints("nightkeep").prints("logs").prints("timestamps");
    }
    let script = home.run(&["completions", "bash"]).out;
    let file = home.path("completions.bash");
    std::fs::write(&file, script).unwrap();
    if let Ok(status) = Command::new("bash").arg("-n").arg(&file).status() {
        assert!(status.success(), "bash does not read its completions");
    }
    home.run(&["completions", "cmd"]).exits(2).says("error: invalid value 'cmd'");
}

#[test]
fn manual_pages() {
    let home = Home::new();
    home.run(&["man"]).exits(0).prints(".TH nightkeep 1").prints("Exit codes");
    home.run(&["man", "logs"]).exits(0).prints("timestamps");
    home.run(&["man", "lgos"]).exits(2).says("hint: did you mean logs?");
}

#[test]
fn an_unknown_command_gets_the_one_that_was_meant() {
    let home = Home::new();
    home.run(&["staus"]).exits(2).says("error: unrecognized subcommand 'staus'").says("hint: ").says("'status'");
    home.run(&["report", "--fromat", "md"]).exits(2).says("'--format'");
    home.run(&["stop"]).exits(2).says("error: ").says("hint: usage: nightkeep stop");
}

#[test]
fn words_that_are_not_utf8_or_hold_control_characters_do_no_harm() {
    let home = Home::with_sessions();
    home.run(&[OsStr::from_bytes(b"stop"), OsStr::from_bytes(b"a\xff")]).exits(2).says("error: ");
    home.run(&[OsStr::from_bytes(b"\xff\xfe")]).exits(2).says("error: ");
    let odd = OsStr::from_bytes(b"odd\xff.toml");
    home.run(&[OsStr::new("--file"), odd, OsStr::new("status")]).exits(2).says("error: cannot read odd");
    for words in [vec!["\u{1b}[2Jx"], vec!["stop", "\u{1b}[2Jx"], vec!["--file", "\u{1b}[2J", "status"]] {
        let ran = home.run(&words);
        assert!(ran.code != Some(0) && !ran.err.contains('\u{1b}'), "{words:?}: {}", ran.err);
    }
}

#[test]
fn a_closed_stdout_ends_quietly() {
    let home = Home::with_sessions();
    for words in [vec!["completions", "bash"], vec!["--help"], vec!["status"], vec!["doctor", "--json"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let child = home.command(&words).stdout(writer).spawn().unwrap();
        let ran = Ran::from(finish(child));
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{words:?}");
    }
}

#[test]
fn odd_widths_and_dumb_terminals_change_nothing_that_matters() {
    let home = Home::with_sessions();
    for columns in ["0", "1", "99999", "-3", "x", ""] {
        let ran = Ran::of(home.command(&["--help"]).env("COLUMNS", columns)).exits(0).prints("status");
        assert!(!ran.out.contains('\u{1b}'));
        Ran::of(home.command(&["doctor"]).env("COLUMNS", columns).env("TERM", "dumb")).prints("tmux");
    }
    let always = home.run(&["doctor", "--color", "always"]);
    assert!(always.out.contains("\u{1b}["));
    for ran in [home.run(&["doctor"]), Ran::of(home.command(&["doctor"]).env("NO_COLOR", "1").stdin(Stdio::null()))] {
        assert!(!ran.out.contains('\u{1b}'), "{}", ran.out);
    }
}

#[test]
fn json_is_refused_where_there_is_no_data() {
    let home = Home::with_sessions();
    for words in [["init", "--json"], ["man", "--json"], ["trust", "--json"]] {
        home.run(&words).exits(2).says("has no JSON form");
    }
}
