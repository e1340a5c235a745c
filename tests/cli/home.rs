//! A home of its own for each test, and the program run in it.

use nightkeep::instance::Instance;
use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Whatever a test waits for comes within this, or the test fails.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// A file that every reader of it finds valid.
pub const SESSIONS: &str = "[projects.backend]\ndir = \".\"\n\n[sessions.load-profiles]\nproject = \"backend\"\ncommand = \"echo load\"\n\n[sessions.tests]\nproject = \"backend\"\ncommand = \"echo tests\"\n";

/// Folders of one test.
pub struct Home {
    tmp: tempfile::TempDir,
}

impl Home {
    /// Empty folders.
    pub fn new() -> Self {
        let tmp = tempfile::tempdir().unwrap();
        for dir in ["home", "run", "work"] {
            fs::create_dir(tmp.path().join(dir)).unwrap();
        }
        rustix::fs::chmod(tmp.path().join("run"), rustix::fs::Mode::RWXU).unwrap();
        Self { tmp }
    }
    /// With a `sessions.toml`.
    pub fn with_sessions() -> Self {
        let home = Self::new();
        fs::write(home.file(), SESSIONS).unwrap();
        home
    }
    pub fn work(&self) -> PathBuf {
        self.tmp.path().join("work")
    }
    pub fn file(&self) -> PathBuf {
        self.work().join("sessions.toml")
    }
    pub fn path(&self, name: &str) -> PathBuf {
        self.tmp.path().join(name)
    }
    pub fn instance(&self) -> Instance {
        Instance::new(&self.file(), None, &self.path("run/nightkeep")).unwrap()
    }
    /// The program with arguments, in the work folder, with nothing of our own environment but `PATH`.
    pub fn command<S: AsRef<OsStr>>(&self, args: &[S]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nightkeep"));
        command.args(args).current_dir(self.work()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.path("home")).env("XDG_RUNTIME_DIR", self.path("run"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
    /// Runs it to its end.
    pub fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Ran {
        Ran::of(&mut self.command(args))
    }
}

/// How a run of the program ended.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn of(command: &mut Command) -> Self {
        Self::from(finish(command.spawn().unwrap()))
    }
    /// Checks the exit code and gives the rest; says everything when it is another.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.err.contains(text), "no {text:?} in stderr:\n{}", self.err);
        self
    }
    #[track_caller]
    pub fn prints(self, text: &str) -> Self {
        assert!(self.out.contains(text), "no {text:?} in stdout:\n{}", self.out);
        self
    }
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e} in:\n{}", self.out))
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Waits for the end; a program that hangs is killed and the test fails.
pub fn finish(child: Child) -> Output {
    let pid = rustix::process::Pid::from_child(&child);
    let (ended, end) = std::sync::mpsc::channel::<()>();
    let watchdog = std::thread::spawn(move || {
        let hangs = end.recv_timeout(3 * DEADLINE).is_err();
        if hangs {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        hangs
    });
    let output = child.wait_with_output().unwrap();
    let _ = ended.send(());
    assert!(!watchdog.join().unwrap(), "the program hung; it said:\n{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Waits until something holds.
#[track_caller]
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < DEADLINE, "{what}: not within {DEADLINE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A terminal: our side, and the program's.
pub fn terminal() -> (fs::File, OwnedFd) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC;
    let theirs = rustix::fs::open(name.as_c_str(), flags, rustix::fs::Mode::empty()).unwrap();
    (fs::File::from(ours), theirs)
}

/// Runs the program with stdin and stderr at a terminal; types `typed` at once. What it said is `err`.
pub fn at_terminal(command: &mut Command, typed: &str) -> Ran {
    let (mut ours, theirs) = terminal();
    command.stdin(theirs.try_clone().unwrap()).stderr(theirs);
    ours.write_all(typed.as_bytes()).unwrap();
    let child = command.spawn().unwrap();
    command.stdin(Stdio::null()).stderr(Stdio::null());
    let reader = std::thread::spawn(move || {
        let mut said = Vec::new();
        // Ends with an error when the last of the other side is closed.
        let _ = std::io::Read::read_to_end(&mut ours, &mut said);
        String::from_utf8_lossy(&said).into_owned()
    });
    let mut ran = Ran::from(finish(child));
    ran.err = reader.join().unwrap();
    ran
}

/// Writes a file and the folders above it.
pub fn write(path: &Path, content: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}
