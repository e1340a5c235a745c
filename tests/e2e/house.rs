//! A home of its own for one test: folders, environment, commands, and an end to everything it started.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take on a busy machine before a test calls it lost.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// One instance with its own HOME and runtime folder.
pub struct House {
    folder: tempfile::TempDir,
}

/// What a command left.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl House {
    /// A home with this `sessions.toml`.
    pub fn new(sessions: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("nk").tempdir().expect("a temporary folder");
        let house = Self { folder };
        fs::create_dir_all(house.path("home")).expect("a home");
        fs::create_dir_all(house.path("run")).expect("a runtime folder");
        set_private(&house.path("run"));
        fs::create_dir_all(house.path("w")).expect("a work folder");
        house.write(sessions);
        house
    }
    /// A path below the home.
    pub fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }
    /// Replaces `sessions.toml` the way editors do: a new file renamed over the old one.
    pub fn write(&self, sessions: &str) {
        let new = self.path("w/.sessions.toml.new");
        fs::write(&new, sessions).expect("written");
        fs::rename(&new, self.path("w/sessions.toml")).expect("renamed");
    }
    /// The state folder.
    pub fn logs(&self) -> PathBuf {
        self.path("w/logs")
    }
    /// The program with this home's environment.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nightkeep"));
        command
            .args(args)
            .current_dir(self.path("w"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path("home"))
            .env("XDG_RUNTIME_DIR", self.path("run"))
            .env("LANG", "C.UTF-8")
            .env("FAKE_SECRET", "hunter2")
            .stdin(Stdio::null());
        command
    }
    /// Runs a command to its end.
    pub fn run(&self, args: &[&str]) -> Ran {
        let Output { status, stdout, stderr } = self.command(args).output().expect("the program starts");
        Ran {
            code: status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
        }
    }
    /// Runs a command that must end with 0; gives its stdout.
    #[track_caller]
    pub fn ok(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!(ran.code, 0, "{args:?}\nstdout: {}\nstderr: {}\nlog: {}", ran.stdout, ran.stderr, self.daemon_log());
        ran.stdout
    }
    /// A command's stdout as JSON, whatever its exit code.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> Value {
        let ran = self.run(args);
        serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{args:?}: {e}\n{}\n{}", ran.stdout, ran.stderr))
    }
    /// `status --json`.
    #[track_caller]
    pub fn status(&self) -> Value {
        self.json(&["status", "--json"])
    }
    /// One session of `status --json`.
    #[track_caller]
    pub fn session(&self, name: &str) -> Value {
        let status = self.status();
        let sessions = status["sessions"].as_array().expect("sessions");
        sessions.iter().find(|s| s["name"] == name).cloned().unwrap_or_else(|| panic!("no {name} in {status:#}"))
    }
    /// All journaled facts.
    #[track_caller]
    pub fn facts(&self) -> Vec<Value> {
        self.ok(&["export"]).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
    /// Facts of a kind.
    #[track_caller]
    pub fn facts_of(&self, kind: &str) -> Vec<Value> {
        self.facts().into_iter().map(|f| f["fact"].clone()).filter(|f| f["fact"] == kind).collect()
    }
    /// The daemon's process id, if one runs.
    pub fn daemon_pid(&self) -> Option<u32> {
        let text = fs::read_to_string(self.logs().join("daemon.lock")).ok()?;
        let pid: u32 = text.lines().next()?.trim().parse().ok()?;
        // A process that is killed loses its command line first and its files last.
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let ended = stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['Z', 'X']));
        let threads = fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
        (stat.contains("(nightkeep)") && !(ended && threads <= 1)).then_some(pid)
    }
    /// The tmux server's process id as the journal knows it.
    pub fn tmux_pid(&self) -> Option<u32> {
        let pid = self.facts_of("tmux_started").last()?["pid"].as_u64()?;
        u32::try_from(pid).ok()
    }
    /// The daemon's log, for failure texts.
    pub fn daemon_log(&self) -> String {
        fs::read_to_string(self.logs().join("daemon.log")).unwrap_or_default()
    }
    /// Waits for a condition.
    #[track_caller]
    pub fn until(&self, what: &str, holds: impl FnMut() -> bool) {
        self.until_within(PATIENCE, what, holds);
    }
    /// The same for what takes its time.
    #[track_caller]
    pub fn until_within(&self, patience: Duration, what: &str, mut holds: impl FnMut() -> bool) {
        let deadline = Instant::now() + patience;
        while !holds() {
            assert!(
                Instant::now() < deadline,
                "waited in vain: {what}\nstatus: {}\nlog: {}",
                self.run(&["status"]).stdout,
                self.daemon_log()
            );
            std::thread::sleep(Duration::from_millis(25));
        }
    }
    /// Waits until a session is in a state.
    #[track_caller]
    pub fn until_state(&self, name: &str, state: &str) {
        self.until(&format!("{name} becomes {state}"), || {
            let status = self.status();
            let sessions = status["sessions"].as_array().expect("sessions");
            sessions.iter().any(|s| s["name"] == name && s["state"] == state)
        });
    }
    /// The bytes of a session's last attempt.
    #[track_caller]
    pub fn raw(&self, name: &str) -> Vec<u8> {
        let output = self.command(&["logs", name, "--raw"]).output().expect("the program starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if self.daemon_pid().is_some() {
            let _ = self.run(&["down", "--now"]);
        }
        let ours = self.folder.path().display().to_string();
        for pid in pids_mentioning(&ours) {
            kill(pid, "KILL");
        }
    }
}

/// Sends a signal by name.
pub fn kill(pid: u32, signal: &str) {
    let _ = Command::new("kill").args([&format!("-{signal}"), &pid.to_string()]).stderr(Stdio::null()).status();
}

/// Whether a process exists and is no zombie.
pub fn alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|stat| stat.rsplit_once(')').map(|(_, rest)| !rest.trim_start().starts_with('Z')))
        .unwrap_or(false)
}

/// Processes with this text on their command line or in their environment: those that the test started.
pub fn pids_mentioning(text: &str) -> Vec<u32> {
    let own = std::process::id();
    let mentions = |pid: u32, file: &str| {
        fs::read(format!("/proc/{pid}/{file}")).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(text))
    };
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter(|&pid| pid != own && (mentions(pid, "cmdline") || mentions(pid, "environ")))
        .collect()
}

fn set_private(dir: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).expect("permissions");
}
