//! The one place that starts helper programs: no inherited stdin, a deadline, and output that cannot fill the memory.
//!
//! Helpers run in a process group of their own, so a Ctrl-C at a daemon in the foreground does not reach them and a
//! helper that is too slow is ended with its children.
#![expect(clippy::disallowed_methods, reason = "this is the one place that starts helper programs")]

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};

/// Bytes of standard output kept unless the caller says otherwise.
pub const STDOUT_MAX: usize = 1 << 20;
/// Bytes of standard error kept.
pub const STDERR_MAX: usize = 64 << 10;
/// How long output is still read after the program's own end, when something it left behind holds the pipe open.
const DRAIN: Duration = Duration::from_millis(200);

/// A program to start, with arguments and surroundings.
#[derive(Clone)]
pub struct Program {
    program: OsString,
    args: Vec<OsString>,
    clean_env: bool,
    env: Vec<(OsString, OsString)>,
    removed_env: Vec<OsString>,
    dir: Option<PathBuf>,
    stdout_max: usize,
}

impl std::fmt::Debug for Program {
    /// Leaves out the environment: it may hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Program").field("program", &self.program).field("args", &self.args).finish_non_exhaustive()
    }
}

/// What a program that ended left.
#[derive(Debug, Clone)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// The beginning of its standard output.
    pub stdout: Vec<u8>,
    /// The beginning of its standard error.
    pub stderr: Vec<u8>,
    /// Whether standard output was longer than what is kept.
    pub cut: bool,
}

impl Output {
    /// Standard error as text on one line, at most 300 characters: for messages.
    pub fn stderr_text(&self) -> String {
        let text = String::from_utf8_lossy(&self.stderr);
        let words: Vec<&str> =
            text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
        words.join(" ").chars().take(300).collect()
    }
}

/// Why a program could not be run to its end.
#[derive(Debug, thiserror::Error)]
#[error("{program}: {why}")]
pub struct CommandError {
    /// The program's name as given.
    pub program: String,
    /// What went wrong.
    #[source]
    pub why: CommandFailure,
}

/// What went wrong with a program.
#[derive(Debug, thiserror::Error)]
pub enum CommandFailure {
    /// It could not be started.
    #[error("cannot start: {0}")]
    Start(#[source] io::Error),
    /// It could not be waited for.
    #[error("cannot wait for its end: {0}")]
    Wait(#[source] io::Error),
    /// It ran longer than it may; it and its children were killed.
    #[error("no end after {} ms, killed", .0.as_millis())]
    Deadline(Duration),
}

impl Program {
    /// A program by name (looked up in `PATH`) or by path.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            clean_env: false,
            env: Vec::new(),
            removed_env: Vec::new(),
            dir: None,
            stdout_max: STDOUT_MAX,
        }
    }
    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }
    /// Adds arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }
    /// Starts from an empty environment instead of our own.
    #[must_use]
    pub fn clean_env(mut self) -> Self {
        self.clean_env = true;
        self
    }
    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((key.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }
    /// Sets variables.
    #[must_use]
    pub fn envs<K: AsRef<OsStr>, V: AsRef<OsStr>>(mut self, vars: impl IntoIterator<Item = (K, V)>) -> Self {
        self.env.extend(vars.into_iter().map(|(k, v)| (k.as_ref().to_owned(), v.as_ref().to_owned())));
        self
    }
    /// Takes a variable out of the inherited environment.
    #[must_use]
    pub fn without_env(mut self, key: impl AsRef<OsStr>) -> Self {
        self.removed_env.push(key.as_ref().to_owned());
        self
    }
    /// Sets the working directory.
    #[must_use]
    pub fn dir(mut self, dir: impl AsRef<Path>) -> Self {
        self.dir = Some(dir.as_ref().to_path_buf());
        self
    }
    /// Keeps this many bytes of standard output; the rest is read and dropped.
    #[must_use]
    pub fn keep_stdout(mut self, bytes: usize) -> Self {
        self.stdout_max = bytes;
        self
    }

    /// Runs the program to its end. On the deadline it is killed with its process group.
    ///
    /// An exit code other than 0 is no error: see [`Output::status`].
    pub async fn output(&self, deadline: Duration) -> Result<Output, CommandError> {
        self.finish(self.spawn_with(Stdio::null())?, &[], deadline).await
    }

    /// The same with something to read on standard input. A program that does not read it all is no error.
    pub async fn output_with_input(&self, input: &[u8], deadline: Duration) -> Result<Output, CommandError> {
        self.finish(self.spawn_with(Stdio::piped())?, input, deadline).await
    }

    async fn finish(
        &self,
        mut child: tokio::process::Child,
        input: &[u8],
        deadline: Duration,
    ) -> Result<Output, CommandError> {
        let pid = child.id();
        let stdin = child.stdin.take();
        let (Some(out), Some(err)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(self.failed(CommandFailure::Wait(io::Error::other("no pipes"))));
        };
        let (mut stdout, mut stderr) = (Kept::new(self.stdout_max), Kept::new(STDERR_MAX));
        let ended = tokio::time::timeout(deadline, async {
            let writing = async {
                if let Some(mut stdin) = stdin {
                    // Closed at the end of this block, so that the reader sees the end.
                    let _ = stdin.write_all(input).await;
                }
            };
            let reading = async { tokio::join!(writing, stdout.fill(out), stderr.fill(err)) };
            tokio::pin!(reading);
            tokio::select! {
                _ = &mut reading => child.wait().await,
                status = child.wait() => {
                    // Something it left behind may hold the pipes open for ever: that is not the program's output.
                    let _ = tokio::time::timeout(DRAIN, &mut reading).await;
                    status
                }
            }
        })
        .await;
        match ended {
            Ok(Ok(status)) => Ok(Output { status, stdout: stdout.bytes, stderr: stderr.bytes, cut: stdout.cut }),
            Ok(Err(e)) => Err(self.failed(CommandFailure::Wait(e))),
            Err(_) => {
                kill_group(pid);
                // Reaps it; a process in an uninterruptible call cannot be waited for, the runtime reaps it later.
                let _ = tokio::time::timeout(DRAIN, child.wait()).await;
                Err(self.failed(CommandFailure::Deadline(deadline)))
            }
        }
    }

    /// Like [`Self::output`] for code outside the async runtime. Must not be called inside one.
    pub fn output_blocking(&self, deadline: Duration) -> Result<Output, CommandError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| self.failed(CommandFailure::Start(e)))?;
        runtime.block_on(self.output(deadline))
    }

    /// Starts the program with pipes on all three streams. It is killed when the handle is dropped.
    pub fn spawn_piped(&self) -> Result<tokio::process::Child, CommandError> {
        self.spawn_with(Stdio::piped())
    }

    /// Starts the program so that it outlives us: no stdin, both outputs to `output`. Gives its process id.
    pub fn spawn_detached(&self, output: File) -> Result<u32, CommandError> {
        let copy = output.try_clone().map_err(|e| self.failed(CommandFailure::Start(e)))?;
        let child = self
            .command()
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(copy)
            .process_group(0)
            .spawn()
            .map_err(|e| self.failed(CommandFailure::Start(e)))?;
        Ok(child.id())
    }

    /// Becomes the program, with our terminal: comes back only when it could not be started.
    pub fn replace_us(&self) -> CommandError {
        self.failed(CommandFailure::Start(self.command().exec()))
    }

    fn command(&self) -> std::process::Command {
        let mut command = std::process::Command::new(&self.program);
        command.args(&self.args);
        if self.clean_env {
            command.env_clear();
        }
        for key in &self.removed_env {
            command.env_remove(key);
        }
        command.envs(self.env.iter().map(|(k, v)| (k, v)));
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        command
    }

    fn spawn_with(&self, stdin: Stdio) -> Result<tokio::process::Child, CommandError> {
        let mut command = tokio::process::Command::from(self.command());
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
        command.spawn().map_err(|e| self.failed(CommandFailure::Start(e)))
    }

    fn failed(&self, why: CommandFailure) -> CommandError {
        CommandError { program: self.program.to_string_lossy().into_owned(), why }
    }
}

/// The beginning of a stream.
struct Kept {
    bytes: Vec<u8>,
    max: usize,
    cut: bool,
}

impl Kept {
    fn new(max: usize) -> Self {
        Self { bytes: Vec::new(), max, cut: false }
    }
    /// Reads to the end, so that the writer is never blocked, and keeps the beginning.
    async fn fill(&mut self, mut stream: impl AsyncRead + Unpin) {
        let mut chunk = [0; 16 << 10];
        while let Ok(n) = stream.read(&mut chunk).await
            && n > 0
        {
            let room = self.max.saturating_sub(self.bytes.len()).min(n);
            self.bytes.extend_from_slice(&chunk[..room]);
            self.cut |= room < n;
        }
    }
}

/// Kills the process group that `pid` leads.
fn kill_group(pid: Option<u32>) {
    let group = pid.and_then(|p| i32::try_from(p).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    fn sh(script: &str) -> Program {
        Program::new("/bin/sh").arg("-c").arg(script)
    }

    #[test]
    fn keeps_both_streams_and_the_exit_code() {
        let out = sh("echo out; echo err >&2; exit 3").output_blocking(SOON).unwrap();
        assert_eq!((out.stdout.as_slice(), out.stderr_text().as_str()), (&b"out\n"[..], "err"));
        assert_eq!(out.status.code(), Some(3));
        assert!(!out.cut);
    }

    #[test]
    fn standard_input_is_empty() {
        let out = Program::new("cat").output_blocking(SOON).unwrap();
        assert!(out.status.success() && out.stdout.is_empty());
    }

    #[tokio::test]
    async fn a_program_reads_what_it_is_given_or_does_not() {
        let input = vec![b'x'; 300_000];
        let read = sh("wc -c").output_with_input(&input, SOON).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&read.stdout).trim(), "300000");
        assert!(sh("exit 0").output_with_input(&input, SOON).await.unwrap().status.success());
    }

    #[test]
    fn a_flood_is_read_to_the_end_but_not_kept() {
        let out = sh("head -c 5000000 /dev/zero; echo done >&2").output_blocking(SOON).unwrap();
        assert_eq!(out.stdout.len(), STDOUT_MAX);
        assert!(out.cut);
        assert_eq!(out.stderr_text(), "done");
    }

    #[test]
    fn a_slow_program_is_killed_with_its_children() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pid");
        let script = format!("sleep 600 & echo $! >{}; wait", file.display());
        let error = sh(&script).output_blocking(Duration::from_millis(500)).unwrap_err();
        assert!(matches!(error.why, CommandFailure::Deadline(_)), "{error}");
        let child = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
        wait_for_end(child);
    }

    #[test]
    fn what_a_program_leaves_behind_does_not_hold_us_up() {
        let out = sh("sleep 600 & echo $!").output_blocking(SOON).unwrap();
        let left: i32 = String::from_utf8(out.stdout).unwrap().trim().parse().unwrap();
        let pid = rustix::process::Pid::from_raw(left).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }

    /// Waits on the kernel's word that a process has ended; fails after 20 s.
    fn wait_for_end(pid: i32) {
        use rustix::event::{PollFd, PollFlags, poll};
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        let Ok(fd) = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()) else { return };
        let deadline = rustix::event::Timespec { tv_sec: 20, tv_nsec: 0 };
        assert_eq!(poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&deadline)).unwrap(), 1, "still alive");
    }

    #[test]
    fn a_clean_environment_holds_only_what_was_set() {
        let out = Program::new("/usr/bin/env").clean_env().env("A", "b c").output_blocking(SOON).unwrap();
        assert_eq!(out.stdout, b"A=b c\n");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = Program::new("/nonexistent/tool").output_blocking(SOON).unwrap_err();
        assert!(error.to_string().starts_with("/nonexistent/tool: cannot start:"), "{error}");
    }
}
