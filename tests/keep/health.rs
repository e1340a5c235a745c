//! The watchdog's socket, the machine kept awake, service files, `doctor`.

use super::house::{House, alive, kill, pids_mentioning};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A program of the test's own in `bin`, which is to come first in `PATH`.
fn fake(house: &House, name: &str, script: &str) -> String {
    let bin = house.path("bin");
    fs::create_dir_all(&bin).unwrap();
    let file = bin.join(name);
    fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default())
}

#[test]
fn the_service_manager_hears_ready_beats_and_the_end() {
    let house = House::new("[sessions.x]\ncommand = \"sleep 1000\"\n");
    house.ok(&["trust"]);
    let path = house.path("notify");
    let listener = UnixDatagram::bind(&path).unwrap();
    listener.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut daemon = house
        .command(&["daemon"])
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "400000")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let hear = |wanted: &str| {
        let mut heard = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let n = listener.recv(&mut buffer).unwrap_or_else(|e| panic!("no {wanted:?}: {e}; heard {heard:?}"));
            let text = String::from_utf8_lossy(&buffer[..n]).into_owned();
            let done = text.contains(wanted);
            heard.push(text);
            if done {
                return heard;
            }
        }
    };
    let first = hear("READY=1");
    assert_eq!(first.len(), 1, "ready is the first word: {first:?}");
    // Nothing happens, and it beats all the same.
    for _ in 0..3 {
        hear("WATCHDOG=1");
    }
    house.ok(&["up"]);
    hear("1 running");
    // Its sessions do not speak to the service manager.
    let session = pids_mentioning("sleep 1000");
    let ours = house.path("w").display().to_string();
    for pid in session {
        let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let environ = String::from_utf8_lossy(&environ);
        assert!(
            !environ.contains(&ours) || !environ.contains("NOTIFY_SOCKET") || !environ.contains("NIGHTKEEP_RUN"),
            "{environ}"
        );
    }
    // A loop that stands still beats no more.
    kill(daemon.id(), "STOP");
    listener.set_nonblocking(true).unwrap();
    let mut buffer = [0; 4096];
    while listener.recv(&mut buffer).is_ok() {}
    std::thread::sleep(Duration::from_millis(600));
    assert!(listener.recv(&mut buffer).is_err(), "a stopped process cannot beat");
    listener.set_nonblocking(false).unwrap();
    kill(daemon.id(), "CONT");
    hear("WATCHDOG=1");
    house.ok(&["down", "--now"]);
    hear("STOPPING=1");
    assert!(daemon.wait().unwrap().success());
}

#[test]
fn the_machine_is_kept_awake_while_a_night_is_open_and_not_beyond() {
    let house = House::new("[night]\nkeep_awake = true\n[sessions.x]\ncommand = \"sleep 1000\"\n");
    let pid_file = house.path("inhibitor");
    let path = fake(
        &house,
        "systemd-inhibit",
        &format!("echo $$ >> {}; while [ $# -gt 1 ]; do shift; done; exec \"$1\"", pid_file.display()),
    );
    let holders = || -> Vec<u32> {
        fs::read_to_string(&pid_file).unwrap_or_default().lines().filter_map(|l| l.parse().ok()).collect()
    };
    let up = || {
        let out = house.command(&["up", "--trust"]).env("PATH", &path).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    };
    up();
    house.until("the inhibitor is held", || holders().len() == 1 && alive(holders()[0]));
    // However the daemon ends, the machine may sleep again.
    kill(house.daemon_pid().unwrap(), "KILL");
    house.until("it is let go", || !alive(holders()[0]));
    up();
    house.until("it is held again", || holders().len() == 2 && alive(holders()[1]));
    house.ok(&["down", "--now"]);
    house.until("it is let go at the end", || !alive(holders()[1]));
}

#[test]
fn without_such_a_tool_the_night_goes_on_and_it_is_told_once() {
    let house = House::new("[night]\nkeep_awake = true\n[sessions.x]\ncommand = \"sleep 1000\"\n");
    let path = fake(&house, "systemd-inhibit", "exit 1");
    let path = format!("{}:/usr/bin:/bin", path.split(':').next().unwrap());
    let out = house.command(&["up", "--trust"]).env("PATH", path).output().unwrap();
    assert!(out.status.success());
    house.until_state("x", "running");
    let told = || house.facts_of("trouble").into_iter().filter(|f| f["part"] == "keep_awake").count();
    house.until("it is told", || told() == 1);
    house.ok(&["down", "--now"]);
    assert_eq!(told(), 1);
}

/// The unit file that `install` wrote.
fn unit(house: &House) -> std::path::PathBuf {
    let folder = house.path("home/.config/systemd/user");
    let mut files = fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path());
    let file = files.next().unwrap();
    assert!(files.next().is_none());
    file
}

fn service(house: &House, path: &str, args: &[&str]) -> (i32, String, String) {
    let out = house.command(&[&["service"], args].concat()).env("PATH", path).output().unwrap();
    (
        out.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&out.stdout).into_owned(),
        String::from_utf8_lossy(&out.stderr).into_owned(),
    )
}

#[test]
fn a_service_is_shown_asked_for_written_enabled_and_removed_again() {
    let house = House::new("[sessions.x]\ncommand = \"echo x\"\n");
    let calls = house.path("calls");
    let path =
        fake(&house, "systemctl", &format!("echo \"$@\" >> {}; case $2 in is-*) echo word;; esac", calls.display()));
    fake(&house, "loginctl", "echo no");
    assert_eq!(service(&house, &path, &["install", "--yes"]).0, 5, "an untrusted file gets no service");
    house.ok(&["trust"]);
    let (code, _, err) = service(&house, &path, &["install"]);
    assert_eq!(code, 5, "nobody was asked: {err}");
    assert!(err.contains("ExecStart=") && err.contains("--yes"), "it shows what it would write: {err}");
    assert!(!house.path("home/.config/systemd").exists());
    let (code, out, err) = service(&house, &path, &["install", "--yes"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("wrote ") && out.contains("is enabled"), "{out}");
    assert!(err.contains("enable-linger"), "lingering is checked: {err}");
    let file = unit(&house);
    let text = fs::read_to_string(&file).unwrap();
    for line in ["Type=notify", "KillMode=process", "WatchdogSec=60", "Restart=on-failure", "RestartSec=2"] {
        assert!(text.contains(&format!("\n{line}\n")), "{line} in {text}");
    }
    verify(&file);
    let called = fs::read_to_string(&calls).unwrap();
    assert!(called.contains("--user daemon-reload\n--user enable --now nightkeep-w-"), "{called}");
    // Again: nothing to write, still right.
    let (code, out, _) = service(&house, &path, &["install", "--yes"]);
    assert!(code == 0 && out.contains("as it should be"), "{out}");
    let (code, out, _) = service(&house, &path, &["status", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(code, 0);
    for (key, value) in
        [("installed", true), ("current", true), ("enabled", true), ("active", true), ("lingering", false)]
    {
        assert_eq!(status[key], value, "{key} in {status}");
    }
    fs::write(&file, "# changed by hand\n").unwrap();
    assert!(service(&house, &path, &["status"]).1.contains("not as it would be written"));
    assert_eq!(service(&house, &path, &["install", "--yes"]).0, 0);
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    assert_eq!(service(&house, &path, &["uninstall", "--yes"]).0, 0);
    assert!(!file.exists());
    assert!(fs::read_to_string(&calls).unwrap().contains("--user disable --now nightkeep-w-"));
    let (code, out, _) = service(&house, &path, &["uninstall", "--yes"]);
    assert!(code == 0 && out.contains("nothing to remove"), "{out}");
}

#[test]
fn a_service_whose_manager_cannot_be_asked_says_so_and_a_running_daemon_is_let_be() {
    let house = House::new("[sessions.x]\ncommand = \"sleep 1000\"\n");
    house.ok(&["trust"]);
    let path = fake(&house, "systemctl", "exit 1");
    let (code, _, err) = service(&house, &path, &["install", "--yes"]);
    assert!(code == 1 && err.contains("not enabled"), "{err}");
    let calls = house.path("calls");
    let path = fake(
        &house,
        "systemctl",
        &format!("echo \"$@\" >> {}; case $2 in is-*) echo inactive; exit 3;; esac", calls.display()),
    );
    house.ok(&["up"]);
    let (code, _, err) = service(&house, &path, &["install", "--yes"]);
    assert!(code == 0 && err.contains("a daemon runs already"), "{err}");
    assert!(!fs::read_to_string(&calls).unwrap().contains("--now"));
}

/// What systemd itself says of a unit, where it is there to be asked.
fn verify(unit: &Path) {
    let asked = Command::new("systemd-analyze").args(["--user", "verify"]).arg(unit).stdin(Stdio::null()).output();
    let Ok(out) = asked else { return };
    let said = String::from_utf8_lossy(&out.stderr);
    let about_us: Vec<&str> = said.lines().filter(|l| l.contains("nightkeep")).collect();
    assert!(about_us.is_empty(), "{said}");
}
