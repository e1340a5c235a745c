//! The program in a terminal: a person's keys go in, what they see comes out.

use crate::house::{House, PATIENCE, kill, pids_mentioning};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A terminal (a tmux server of its own) with a shell in the house's folder.
struct Desk<'h> {
    house: &'h House,
}

impl<'h> Desk<'h> {
    fn new(house: &'h House, width: u16, height: u16) -> Self {
        let desk = Self { house };
        let (width, height) = (width.to_string(), height.to_string());
        // -u: the terminal speaks UTF-8, whatever the machine's locale is.
        desk.tmux(&["-u", "-f", "/dev/null", "new-session", "-d", "-x", &width, "-y", &height, "-s", "desk", "sh"]);
        desk.tmux(&["set-option", "-g", "window-size", "manual"]);
        desk.types("PS1='ready> '; stty -g > before");
        desk.until("a shell", |screen| screen.contains("ready>"));
        desk
    }
    fn tmux(&self, args: &[&str]) -> String {
        let output = Command::new("tmux")
            .arg("-S")
            .arg(self.house.path("desk.sock"))
            .args(args)
            .current_dir(self.house.path("w"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.house.path("home"))
            .env("XDG_RUNTIME_DIR", self.house.path("run"))
            .env("LANG", "C.UTF-8")
            .env("TERM", "xterm-256color")
            .env("SHELL", "/bin/sh")
            .stdin(Stdio::null())
            .output()
            .expect("tmux starts");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
    /// Types a line.
    fn types(&self, line: &str) {
        self.tmux(&["send-keys", "-t", "desk", "-l", line]);
        self.keys(&["Enter"]);
    }
    /// Presses keys by their tmux names.
    fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys", "-t", "desk"], keys].concat());
    }
    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-t", "desk"])
    }
    #[track_caller]
    fn until(&self, what: &str, holds: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let screen = self.screen();
            if holds(&screen) {
                return screen;
            }
            assert!(Instant::now() < deadline, "waited in vain for {what}:\n{screen}\n{}", self.house.daemon_log());
            std::thread::sleep(Duration::from_millis(30));
        }
    }
    #[track_caller]
    fn until_shown(&self, text: &str) -> String {
        self.until(text, |screen| screen.contains(text))
    }
    /// Opens the dashboard; its exit code is told when it ends.
    fn open(&self) {
        let program = env!("CARGO_BIN_EXE_nightkeep");
        self.types(&format!("{program}; echo \"left with $?\""));
    }
    /// The dashboard's process: the program without a word behind it.
    fn dashboard_pid(&self) -> u32 {
        let alone = format!("{}\0", env!("CARGO_BIN_EXE_nightkeep"));
        let is_it = |pid: &u32| std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|c| c == alone.as_bytes());
        let ours = pids_mentioning(&self.house.path("").display().to_string());
        ours.into_iter().find(is_it).expect("the dashboard runs")
    }
    /// The shell has its terminal back as it was.
    #[track_caller]
    fn is_as_before(&self) {
        let flags = "#{alternate_on} #{cursor_flag} #{mouse_any_flag} #{keypad_cursor_flag}";
        let flags = self.tmux(&["display-message", "-p", "-t", "desk", flags]);
        assert_eq!(flags.trim(), "0 1 0 0", "alternate screen, cursor, mouse, keypad");
        self.types("stty -g > after; cmp before after && echo the same");
        self.until_shown("\nthe same");
    }
}

impl Drop for Desk<'_> {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

const TWO: &str = r#"
[defaults]
stop_grace = "2s"
[projects.app]
dir = "."
[sessions.talker]
project = "app"
command = "echo marker-of-the-session; exec sleep 600"
[sessions.failing]
command = "exit 3"
[sessions.failing.retry]
max_attempts = 1
"#;

fn night() -> House {
    let house = House::new(TWO);
    house.ok(&["up", "--trust"]);
    house.until_state("talker", "running");
    house.until_state("failing", "failed");
    house
}

#[test]
fn open_filter_attach_and_return_stop_resize_and_quit() {
    let house = night();
    let desk = Desk::new(&house, 100, 30);
    desk.open();
    let screen = desk.until("both sessions", |s| s.contains("talker") && s.contains("✗ failed"));
    assert!(screen.contains("Needs you") && screen.contains("Night"), "{screen}");

    desk.keys(&["/"]);
    desk.keys(&["-l", "talk"]);
    desk.until("the filter", |s| s.contains("/talk") && s.matches("failing").count() == 1);
    desk.keys(&["Enter"]);
    // Attached is the session's own tmux: its screen and nothing of ours; back, all is as it was.
    desk.keys(&["a"]);
    desk.until("the session's screen", |s| s.contains("marker-of-the-session") && !s.contains("nightkeep  Night"));
    desk.keys(&["C-b", "d"]);
    desk.until("the dashboard as it was", |s| s.contains("nightkeep  Night") && s.contains("/talk"));

    desk.keys(&["x"]);
    desk.until_shown("Stop talker?");
    desk.keys(&["n"]);
    desk.until("the question is gone", |s| !s.contains("Stop talker?"));
    assert_eq!(house.session("talker")["state"], "running");
    desk.keys(&["x"]);
    desk.until_shown("Stop talker?");
    desk.keys(&["y"]);
    desk.until_shown("■ stopped");
    assert_eq!(house.session("talker")["state"], "stopped");

    desk.tmux(&["resize-window", "-t", "desk", "-x", "50", "-y", "12"]);
    desk.until_shown("50x12 is too small");
    desk.tmux(&["resize-window", "-t", "desk", "-x", "180", "-y", "40"]);
    desk.until("the preview beside", |s| s.contains("┬─ talker"));

    desk.keys(&["Escape"]);
    desk.until("all sessions", |s| !s.lines().nth(1).is_some_and(|tabs| tabs.contains("/talk")));
    desk.keys(&["q"]);
    desk.until_shown("left with 0");
    desk.is_as_before();
    assert!(house.daemon_pid().is_some(), "the night goes on without anybody looking");
}

#[test]
fn a_refusal_is_shown_and_an_attach_to_nothing_comes_back() {
    let house = night();
    let desk = Desk::new(&house, 120, 30);
    desk.open();
    desk.until_shown("✗ failed");
    desk.keys(&["/"]);
    desk.keys(&["-l", "failing"]);
    desk.keys(&["Enter", "a"]);
    desk.until_shown("failing does not run");
    desk.keys(&["i"]);
    desk.until_shown("Type into failing");
    desk.keys(&["-l", "hello"]);
    desk.keys(&["Enter"]);
    desk.until("the refusal", |s| s.lines().last().is_some_and(|l| l.contains("✗") && l.contains("failing")));
    desk.keys(&["C-c"]);
    desk.until_shown("left with 0");
    desk.is_as_before();
}

#[test]
fn a_daemon_that_goes_and_comes_back_is_seen() {
    let house = night();
    let desk = Desk::new(&house, 120, 30);
    desk.open();
    desk.until_shown("talker");
    kill(house.daemon_pid().expect("a daemon"), "KILL");
    let screen = desk.until_shown("No daemon since");
    assert!(screen.contains("talker"), "what the journal knows is still there:\n{screen}");
    house.ok(&["up"]);
    desk.until("the daemon is back", |s| !s.contains("No daemon") && s.contains("talker"));
    desk.keys(&["q"]);
    desk.until_shown("left with 0");
}

#[test]
fn the_terminal_is_restored_after_sigterm_and_sighup() {
    let house = night();
    let desk = Desk::new(&house, 80, 24);
    for signal in ["TERM", "HUP"] {
        desk.types("clear");
        desk.open();
        desk.until_shown("talker");
        kill(desk.dashboard_pid(), signal);
        desk.until_shown("left with 0");
        desk.is_as_before();
    }
}

#[test]
fn sigterm_while_attached_ends_the_visit_and_the_dashboard() {
    let house = night();
    let desk = Desk::new(&house, 80, 24);
    desk.open();
    desk.until_shown("talker");
    let pid = desk.dashboard_pid();
    desk.keys(&["/"]);
    desk.keys(&["-l", "talker"]);
    desk.keys(&["Enter", "a"]);
    desk.until("the session's screen", |s| s.contains("marker-of-the-session") && !s.contains("nightkeep  Night"));
    kill(pid, "TERM");
    desk.until_shown("left with 0");
    desk.is_as_before();
    assert_eq!(house.session("talker")["state"], "running");
}

#[test]
fn the_terminal_is_restored_after_a_panic_wherever_it_was() {
    let house = House::new(TWO);
    let desk = Desk::new(&house, 80, 24);
    for (place, code) in [("task", 1), ("loop", 101)] {
        desk.types(&format!("export NIGHTKEEP_TEST_PANIC={place}; clear"));
        desk.open();
        let screen = desk.until_shown(&format!("left with {code}"));
        assert!(screen.contains(&format!("planted in the {place}")), "the message can be read:\n{screen}");
        desk.is_as_before();
    }
}

#[test]
fn suspended_it_gives_the_shell_back_and_goes_on_with_fg() {
    let house = night();
    let desk = Desk::new(&house, 80, 24);
    desk.types("set -m");
    desk.open();
    desk.until_shown("talker");
    desk.keys(&["C-z"]);
    desk.until("the shell", |s| s.trim_end().ends_with("ready>") && !s.contains("nightkeep  Night"));
    desk.types("clear; fg");
    desk.until("the dashboard", |s| s.contains("nightkeep  Night") && s.contains("talker"));
    desk.keys(&["q"]);
    desk.until("the shell again", |s| s.trim_end().ends_with("ready>"));
    desk.is_as_before();
}

#[test]
fn without_a_terminal_or_without_a_file_it_says_what_to_do() {
    let house = House::new(TWO);
    let ran = house.run(&[]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "no night yet; `nightkeep up` begins one\n"));
    let desk = Desk::new(&house, 80, 24);
    desk.open();
    desk.until_shown("`nightkeep up` starts the daemon and begins the night.");
    desk.keys(&["q"]);
    desk.until_shown("left with 0");
    desk.types("cd /; clear");
    desk.open();
    desk.until_shown("`nightkeep init` writes one");
    desk.until_shown("left with 2");
}

#[test]
fn what_a_session_shows_is_seen_live_searched_and_replayed() {
    let program = "printf \"\\033[32mgreen words\\033[0m\\n\"; while read x; do echo \"heard $x\"; done";
    let house = House::new(&format!("[sessions.talker]\ncommand = '''{program}'''\n"));
    house.ok(&["up", "--trust"]);
    house.until_state("talker", "running");
    let desk = Desk::new(&house, 100, 30);
    desk.open();
    desk.until_shown("green words");
    desk.keys(&["Down", "Enter"]);
    desk.until_shown("Replay");
    let to = |part: &str, holds: &dyn Fn(&str) -> bool| {
        desk.until(part, |screen| {
            if !holds(screen) {
                desk.keys(&["Tab"]);
                std::thread::sleep(Duration::from_millis(700));
            }
            holds(screen)
        });
    };
    to("the live screen", &|screen| screen.contains("green words") && screen.contains(" live "));
    let colours = desk.tmux(&["capture-pane", "-p", "-e", "-t", "desk"]);
    assert!(colours.contains("\x1b[38;5;2mgreen words"), "{colours:?}");
    house.ok(&["send", "talker", "hello\n"]);
    desk.until_shown("heard hello");
    to("the log", &|screen| screen.contains("at the end, follows") && screen.contains("heard hello"));
    desk.keys(&["/"]);
    desk.types("words");
    desk.until_shown("/words");
    // Of a program that has ended the times are all there.
    house.ok(&["stop", "talker"]);
    house.until_state("talker", "stopped");
    to("the recording", &|screen| screen.contains("‖") && screen.contains("heard hello"));
    desk.keys(&["Home"]);
    desk.until("its beginning", |screen| screen.contains("green words") && !screen.contains("heard hello"));
    desk.keys(&["Q"]);
    desk.until_shown("left with 0");
    desk.is_as_before();

    let program = env!("CARGO_BIN_EXE_nightkeep");
    desk.types("clear");
    desk.types(&format!("{program} replay talker; echo \"gone with $?\""));
    desk.until("a recording that plays", |screen| screen.contains("1x") && screen.contains("green words"));
    desk.keys(&["End"]);
    desk.until_shown("heard hello");
    desk.keys(&["q"]);
    desk.until_shown("gone with 0");
    desk.is_as_before();
}
