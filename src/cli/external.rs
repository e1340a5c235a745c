//! Other programs that a command starts: asked with a deadline, become, or left running as the daemon.
#![expect(clippy::disallowed_methods, reason = "the command line's only place that starts programs")]

use crate::os::leftovers;
use rustix::process::Pid;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Environment that belongs to the tmux client we may stand in.
const TMUX_ENV: [&str; 2] = ["TMUX", "TMUX_PANE"];
/// Environment by which the processes of a session are known; the daemon is none.
const SESSION_ENV: [&str; 6] = [
    "NIGHTKEEP_SESSION",
    "NIGHTKEEP_NIGHT",
    "NIGHTKEEP_RUN",
    leftovers::ATTEMPT_VARIABLE,
    leftovers::INSTANCE_VARIABLE,
    leftovers::JOURNAL_VARIABLE,
];

/// How long a program that has the terminal may take to give it back.
const LEAVE_WITHIN: Duration = Duration::from_secs(2);

/// How a program that was asked something answered.
#[derive(Debug)]
pub struct Answer {
    /// Whether it exited 0.
    pub ok: bool,
    /// Its standard output, trimmed.
    pub text: String,
}

/// Asks a program: no stdin, a deadline, stdout as text. `Err` says why it could not be asked.
pub async fn ask<S: AsRef<OsStr>>(program: &str, args: &[S], deadline: Duration) -> Result<Answer, String> {
    let mut command = tokio::process::Command::new(program);
    command.args(args).stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    match tokio::time::timeout(deadline, command.output()).await {
        Ok(Ok(output)) => {
            Ok(Answer { ok: output.status.success(), text: String::from_utf8_lossy(&output.stdout).trim().to_owned() })
        }
        Ok(Err(e)) => Err(e.to_string()),
        Err(_) => Err(format!("no answer within {} s", deadline.as_secs())),
    }
}

/// Becomes a program that takes over the terminal; comes back only when it could not be started.
pub fn become_program<S: AsRef<OsStr>>(program: &str, args: &[S]) -> io::Error {
    let mut command = Command::new(program);
    command.args(args);
    for name in TMUX_ENV {
        command.env_remove(name);
    }
    command.exec()
}

/// Lends the terminal to a program until it ends; gives whether it exited 0. When we are asked to end, so is it: it puts
/// the terminal back as it found it.
pub async fn lend_terminal<S: AsRef<OsStr>>(program: &str, args: &[S]) -> io::Result<bool> {
    let mut command = tokio::process::Command::new(program);
    command.args(args).kill_on_drop(true);
    for name in TMUX_ENV {
        command.env_remove(name);
    }
    let mut terminate = signal(SignalKind::terminate())?;
    let mut child = command.spawn()?;
    tokio::select! {
        status = child.wait() => return Ok(status?.success()),
        _ = terminate.recv() => {}
    }
    if let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) {
        // One that ended meanwhile needs no signal.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
    let ended = tokio::time::timeout(LEAVE_WITHIN, child.wait()).await;
    ended.map_or(Ok(false), |status| Ok(status?.success()))
}

/// Starts this program again as the daemon of a file: in the file's folder, without stdin, talking to its log. It makes
/// itself a session leader, so that it survives our terminal.
pub fn start_daemon(file: &Path, root: &Path, log: File) -> io::Result<tokio::process::Child> {
    let mut command = Command::new(this_program()?);
    command.arg("daemon").arg("--detached").arg("--file").arg(file).current_dir(root);
    for name in TMUX_ENV.into_iter().chain(SESSION_ENV) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    tokio::process::Command::from(command).spawn()
}

/// This program's file. After an upgrade it may be gone from its path; the kernel still has it.
pub fn this_program() -> io::Result<PathBuf> {
    let path = std::env::current_exe()?;
    Ok(if path.exists() { path } else { PathBuf::from("/proc/self/exe") })
}
