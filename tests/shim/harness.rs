//! A run directory, a recorder in a terminal that the test holds, and what the test sees of both.
#![expect(clippy::disallowed_methods, reason = "tests start programs and wait for conditions with a deadline")]

use nightkeep::core::exit::ExitRecord;
use nightkeep::core::plan::Caps;
use nightkeep::recording::attempt::{AttemptFiles, AttemptState};
use nightkeep::recording::events::{RecorderEvent, read_events};
use nightkeep::recording::socket::{Answer, News, Reply, Request, decode_reply, encode};
use nightkeep::recording::spec::{SPEC_VERSION, Spec};
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long a condition may take on a loaded machine.
pub const DEADLINE: Duration = Duration::from_secs(40);
/// The program under test.
pub const NIGHTKEEP: &str = env!("CARGO_BIN_EXE_nightkeep");

/// Waits for a condition.
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
        std::thread::sleep(Duration::from_millis(3));
    }
}

/// The time, to measure.
pub fn now() -> Instant {
    Instant::now()
}

/// Whether a process lives; a zombie does not.
pub fn lives(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with('Z'))
}

/// A shell program.
pub fn sh(script: &str) -> [&str; 3] {
    ["sh", "-c", script]
}

/// One attempt: its folder, its spec.
pub struct Bed {
    /// The folder of everything.
    pub dir: tempfile::TempDir,
    /// What will be run; written by [`Bed::start`].
    pub spec: Spec,
}

impl Bed {
    pub fn new(argv: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let env = [("PATH", std::env::var("PATH").unwrap()), ("LANG", "C.UTF-8".to_owned())];
        let spec = Spec {
            version: SPEC_VERSION,
            attempt: "2026-11-21/test/1.1".into(),
            journal: String::new(),
            argv: argv.iter().map(|a| (*a).to_owned()).collect(),
            dir: dir.path().to_path_buf(),
            env: env.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
            size: (80, 24),
            output: dir.path().join("output/test/1.log"),
            socket: dir.path().join("sock"),
            tell: Some(dir.path().join("tell")),
            output_cap: None,
            caps: Caps::default(),
            stop_grace_ms: 15_000,
            keep_on_tmux_loss: false,
            drain_ms: 200,
            answers_status: false,
        };
        std::fs::create_dir(dir.path().join("run")).unwrap();
        Self { dir, spec }
    }
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
    pub fn run_dir(&self) -> PathBuf {
        self.path("run")
    }
    pub fn files(&self) -> AttemptFiles {
        AttemptFiles::new(self.run_dir(), &self.spec.output)
    }
    pub fn log(&self) -> Vec<u8> {
        std::fs::read(&self.spec.output).unwrap_or_default()
    }
    pub fn log_has(&self, text: &str) -> bool {
        self.log().windows(text.len()).any(|w| w == text.as_bytes())
    }
    pub fn until_log_has(&self, text: &str) {
        until(&format!("log with {text:?}"), || self.log_has(text));
    }
    pub fn events(&self) -> Vec<RecorderEvent> {
        read_events(&self.files().events()).unwrap_or_default().into_iter().map(|line| line.event).collect()
    }
    pub fn has_event(&self, test: impl Fn(&RecorderEvent) -> bool) -> bool {
        self.events().iter().any(test)
    }
    /// The certificate of an attempt that ended.
    #[track_caller]
    pub fn end(&self) -> ExitRecord {
        match self.files().state().unwrap() {
            AttemptState::Ended { exit, .. } | AttemptState::ExecFailed { exit } => exit,
            other @ (AttemptState::NotStarted | AttemptState::Running { .. } | AttemptState::Unfinished { .. }) => {
                panic!("no end: {other:?}")
            }
        }
    }
    /// The program's process id, once it is recorded.
    pub fn pid(&self) -> u32 {
        let mut pid = 0;
        until("a start", || {
            let found = self.events().into_iter().find_map(|event| {
                let RecorderEvent::Start { pid, .. } = event else { return None };
                Some(pid)
            });
            pid = found.unwrap_or(0);
            found.is_some()
        });
        pid
    }
    /// Starts the recorder in a terminal that somebody watches.
    pub fn start(&self) -> Shim {
        self.spec.write(&self.run_dir()).unwrap();
        Shim::start(&[NIGHTKEEP, "exec", "--run", self.run_dir().to_str().unwrap()], true)
    }
    /// Starts it in a terminal of which nobody reads.
    pub fn start_unwatched(&self) -> Shim {
        self.spec.write(&self.run_dir()).unwrap();
        Shim::start(&[NIGHTKEEP, "exec", "--run", self.run_dir().to_str().unwrap()], false)
    }
    /// Runs it to its end.
    pub fn run(&self) -> ExitStatus {
        self.start().wait()
    }
    pub fn connect(&self) -> Client {
        let mut stream = UnixStream::connect(&self.spec.socket);
        until("a connection", || {
            if stream.is_err() {
                stream = UnixStream::connect(&self.spec.socket);
            }
            stream.is_ok()
        });
        let stream = stream.unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Client { lines: BufReader::new(stream) }
    }
}

/// A running recorder and the terminal around it.
pub struct Shim {
    child: Child,
    terminal: Option<OwnedFd>,
    screen: Arc<Mutex<Vec<u8>>>,
}

impl Shim {
    /// Starts a command in a terminal of its own; `watched` reads what it shows.
    pub fn start(argv: &[&str], watched: bool) -> Self {
        let terminal = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        rustix::pty::grantpt(&terminal).unwrap();
        rustix::pty::unlockpt(&terminal).unwrap();
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let slave = rustix::pty::ioctl_tiocgptpeer(&terminal, flags).unwrap();
        rustix::termios::tcsetwinsize(&terminal, winsize(80, 24)).unwrap();
        let mut command = Command::new("setsid");
        command.arg("--ctty").args(argv).env("NIGHTKEEP_TEST_SECRET", "not for the program");
        command.stdin(slave.try_clone().unwrap()).stdout(slave.try_clone().unwrap()).stderr(slave);
        let child = command.spawn().unwrap();
        drop(command);
        let screen = Arc::new(Mutex::new(Vec::new()));
        if watched {
            let mut reader = File::from(terminal.try_clone().unwrap());
            let screen = Arc::clone(&screen);
            std::thread::spawn(move || {
                let mut buffer = [0; 8192];
                while let Ok(n) = reader.read(&mut buffer) {
                    screen.lock().unwrap().extend_from_slice(&buffer[..n]);
                }
            });
        }
        Self { child, terminal: Some(terminal), screen }
    }
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
    pub fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        until("the end of the recorder", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }
    pub fn screen(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().unwrap()).into_owned()
    }
    pub fn until_screen_has(&self, text: &str) {
        until(&format!("screen with {text:?}, has {:?}", self.screen()), || self.screen().contains(text));
    }
    pub fn forget_screen(&self) {
        self.screen.lock().unwrap().clear();
    }
    pub fn keys(&self, keys: &[u8]) {
        rustix::io::write(self.terminal.as_ref().unwrap(), keys).unwrap();
    }
    pub fn resize(&self, cols: u16, rows: u16) {
        rustix::termios::tcsetwinsize(self.terminal.as_ref().unwrap(), winsize(cols, rows)).unwrap();
    }
    pub fn signal(&self, signal: rustix::process::Signal) {
        kill(self.pid(), signal);
    }
    /// Takes the terminal away. Only for one that nobody watches: a reader would hold it.
    pub fn close_terminal(&mut self) {
        self.terminal = None;
    }
}

impl Drop for Shim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn winsize(cols: u16, rows: u16) -> Winsize {
    Winsize { ws_col: cols, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 }
}

pub fn kill(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

/// Runs a helper program; gives its output, or `None` when it failed.
pub fn output_of(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).env_remove("TMUX").output().unwrap();
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// A client of the recorder's socket.
pub struct Client {
    lines: BufReader<UnixStream>,
}

impl Client {
    pub fn stream(&mut self) -> &mut UnixStream {
        self.lines.get_mut()
    }
    pub fn send(&mut self, request: &Request) {
        self.stream().write_all(&encode(request)).unwrap();
    }
    pub fn input(&mut self, bytes: &[u8], paste: bool) -> Answer {
        self.send(&Request::Input { len: bytes.len() as u64, paste });
        self.stream().write_all(bytes).unwrap();
        self.answer()
    }
    pub fn ask(&mut self, request: &Request) -> Answer {
        self.send(request);
        self.answer()
    }
    /// The next line; `None` at the end, also at one that threw away what was sent.
    pub fn next(&mut self) -> Option<Reply> {
        let mut line = Vec::new();
        match self.lines.read_until(b'\n', &mut line) {
            Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => return None,
            result => result.unwrap(),
        };
        if line.is_empty() { None } else { Some(decode_reply(&line).expect("a line of the protocol")) }
    }
    pub fn answer(&mut self) -> Answer {
        loop {
            match self.next().expect("an answer before the end") {
                Reply::Answer(answer) => return answer,
                Reply::News(_) => {}
            }
        }
    }
    pub fn news(&mut self) -> Option<News> {
        match self.next()? {
            Reply::News(news) => Some(news),
            Reply::Answer(answer) => panic!("an answer to nothing: {answer:?}"),
        }
    }
}

/// A request was done.
#[track_caller]
pub fn assert_done(answer: &Answer) {
    assert!(answer.ok, "{answer:?}");
}

/// Says why a test could not be made here.
#[expect(clippy::print_stderr, reason = "a test that was not made must not look like one that passed")]
pub fn skip(why: &str) {
    eprintln!("skipped: {why}");
}
