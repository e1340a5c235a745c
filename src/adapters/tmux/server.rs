//! The tmux server of one instance: its configuration, its start, its process, and how to find it again.
//!
//! There is never a second server while the first one lives: its process is recorded, and when its socket was deleted
//! (by a cleaner of temporary files) the old server is asked to make it again instead.

use super::version::Version;
use super::{TmuxError, words};
use crate::instance::Instance;
use crate::os::command::Program;
use crate::os::process::ProcessIdentity;
use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tmux_interface::commands::clients_and_sessions::NewSession;
use tokio::net::UnixStream;

/// The session that keeps the control connection: always there, never shown.
pub const KEEP_SESSION: &str = "_keep";
/// How long the start of a server may take.
const START_DEADLINE: Duration = Duration::from_secs(10);
/// How long a server may take to answer a call at its socket, or to make its socket again.
const SOCKET_DEADLINE: Duration = Duration::from_secs(5);

/// Set in the server's configuration.
///
/// What is absent matters: a global `window-size manual` crashes every tmux before 3.7 at the next new session, and
/// `remain-on-exit on` leaves dead panes, which crash 3.3a when something is pasted into them. The status line shows no
/// pane title, because programs choose it.
const CONF: &str = "\
# Written by nightkeep when it starts this tmux server. Changes are lost.
set-option -s exit-empty off
set-option -s exit-unattached off
set-option -s escape-time 20
set-option -s set-clipboard external
set-option -s default-terminal tmux-256color
set-option -g destroy-unattached off
set-option -g default-size 200x50
set-option -g history-limit 20000
set-option -g update-environment ''
set-option -g set-titles off
set-option -g status-interval 0
set-option -g status-left '[#{session_name}] '
set-option -g status-left-length 70
set-option -g status-right ' nightkeep '
set-option -g remain-on-exit off
set-option -g allow-rename off
set-option -g automatic-rename off
set-option -g allow-passthrough off
";

/// Where a server's things are and what it is started with.
#[derive(Debug, Clone)]
pub struct Places {
    /// The tmux program.
    pub tmux: PathBuf,
    /// Its socket.
    pub socket: PathBuf,
    /// Its configuration, written by us.
    pub conf: PathBuf,
    /// Which process it is, written by us.
    pub pid_file: PathBuf,
    /// `HOME` of the server.
    pub home: OsString,
    /// `PATH` of the server; also where the tmux program is looked up.
    pub path: OsString,
    /// `XDG_RUNTIME_DIR`, when a systemd user manager can be reached there: the server then gets a scope of its own.
    pub systemd_runtime: Option<PathBuf>,
    /// What runs in [`KEEP_SESSION`]: does nothing and never ends. At least two words, or tmux would use a shell.
    pub keep: Vec<String>,
}

impl Places {
    /// The places of an instance, with `HOME`, `PATH` and `XDG_RUNTIME_DIR` of our own environment.
    pub fn of(instance: &Instance) -> Self {
        let socket = instance.tmux_socket();
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|dir| dir.is_absolute());
        Self {
            tmux: PathBuf::from("tmux"),
            conf: instance.tmux_conf(),
            pid_file: socket.with_extension("pid"),
            socket,
            home: std::env::var_os("HOME").unwrap_or_else(|| "/".into()),
            path: std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into()),
            systemd_runtime: runtime
                .filter(|dir| Path::new("/run/systemd/system").is_dir() && dir.join("systemd/private").exists()),
            keep: ["/bin/sh", "-c", "exec tail -f /dev/null"].map(str::to_owned).to_vec(),
        }
    }

    /// The control client. It never starts a server (`-N`).
    pub(super) fn control_client(&self) -> Program {
        let target = format!("={KEEP_SESSION}:");
        self.client().args(["-C", "attach-session", "-f", "no-output,ignore-size", "-t", &target])
    }

    /// A client of an existing server, with the clean environment.
    fn client(&self) -> Program {
        self.clean(Program::new(&self.tmux)).args(["-u", "-N", "-S"]).arg(&self.socket)
    }

    /// Only what tmux needs: whatever stands in our environment would show in every session.
    fn clean(&self, program: Program) -> Program {
        program.clean_env().env("HOME", &self.home).env("PATH", &self.path).env("LANG", "C.UTF-8").dir("/")
    }
}

/// A server that can be reached.
#[derive(Debug)]
pub(super) enum Found {
    /// It ran before.
    Running,
    /// It was started now.
    Started,
}

/// Checks that tmux is there and new enough.
pub async fn version(places: &Places) -> Result<Version, TmuxError> {
    let out = places.clean(Program::new(&places.tmux)).arg("-V").output(SOCKET_DEADLINE).await?;
    let version = Version::parse(&String::from_utf8_lossy(&out.stdout));
    if version.is_usable() { Ok(version) } else { Err(TmuxError::TooOld { found: version.to_string() }) }
}

/// Finds the server, wakes it when its socket is gone, or starts it when there is none.
pub(super) async fn ensure(places: &Places) -> Result<Found, TmuxError> {
    if listens(&places.socket).await? {
        return Ok(Found::Running);
    }
    if let Some(old) = recorded(places).filter(ProcessIdentity::is_alive) {
        tracing::warn!(pid = old.pid, "the tmux server's socket is gone, asking it to make it again");
        signal(&old, rustix::process::Signal::USR1);
        return if listens_soon(&places.socket).await? {
            Ok(Found::Running)
        } else {
            Err(TmuxError::Unreachable { pid: old.pid })
        };
    }
    version(places).await?;
    start(places).await?;
    Ok(Found::Started)
}

/// Makes the keep session in a server that has lost it.
pub(super) async fn restore_keep(places: &Places) -> Result<(), TmuxError> {
    let out = places.client().args(words::for_command_line(&keep_session(places))?).output(START_DEADLINE).await?;
    if out.status.success() { Ok(()) } else { Err(TmuxError::NotStarted { why: out.stderr_text() }) }
}

/// Notes which process the server is.
pub(super) fn record(places: &Places, server: &ProcessIdentity) -> Result<(), TmuxError> {
    if recorded(places).as_ref() == Some(server) {
        return Ok(());
    }
    write_whole(&places.pid_file, &serde_json::to_vec(server).unwrap_or_default())
}

/// Sends the server a signal, if it is still that process.
pub(super) fn signal(server: &ProcessIdentity, signal: rustix::process::Signal) {
    let pid = i32::try_from(server.pid).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid
        && server.is_alive()
    {
        // It may end between the look and the call; then there is nothing to signal.
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// The process noted last, alive or not.
fn recorded(places: &Places) -> Option<ProcessIdentity> {
    serde_json::from_slice(&std::fs::read(&places.pid_file).ok()?).ok()
}

async fn start(places: &Places) -> Result<(), TmuxError> {
    write_whole(&places.conf, CONF.as_bytes())?;
    let server: Vec<OsString> = [places.tmux.as_os_str(), "-u".as_ref(), "-f".as_ref(), places.conf.as_os_str()]
        .into_iter()
        .chain(["-S".as_ref(), places.socket.as_os_str()])
        .map(ToOwned::to_owned)
        .chain(words::for_command_line(&keep_session(places))?.into_iter().map(OsString::from))
        .collect();
    if let Some(runtime) = &places.systemd_runtime {
        // A scope of its own: stopping our service must not take the server's whole control group with it.
        let scoped = places
            .clean(Program::new("systemd-run"))
            .env("XDG_RUNTIME_DIR", runtime)
            .args([
                "--user",
                "--scope",
                "--quiet",
                "--collect",
                "--property=Delegate=yes",
                "--description=nightkeep tmux server",
                "--",
            ])
            .args(["env", "-u", "XDG_RUNTIME_DIR"])
            .args(&server);
        match scoped.output(START_DEADLINE).await {
            Ok(out) if out.status.success() => return started(places, &out.stdout),
            Ok(out) => tracing::warn!(why = out.stderr_text(), "no scope for the tmux server, starting it plainly"),
            Err(error) => tracing::warn!(%error, "no scope for the tmux server, starting it plainly"),
        }
        if listens(&places.socket).await? {
            return Err(TmuxError::NotStarted { why: "it came up without its first session".to_owned() });
        }
    }
    let plain = places.clean(Program::new(&server[0])).args(&server[1..]);
    let out = plain.output(START_DEADLINE).await?;
    if !out.status.success() {
        return Err(TmuxError::NotStarted { why: out.stderr_text() });
    }
    started(places, &out.stdout)
}

/// Records the server that printed its process id.
fn started(places: &Places, stdout: &[u8]) -> Result<(), TmuxError> {
    let text = String::from_utf8_lossy(stdout);
    let server = text.trim().parse().ok().and_then(ProcessIdentity::of);
    let server = server.ok_or_else(|| TmuxError::NotStarted { why: "it ended at once".to_owned() })?;
    record(places, &server)
}

/// The command that makes the keep session and prints the server's process id.
fn keep_session(places: &Places) -> Vec<String> {
    let new = NewSession::new().detached().print().format("#{pid}").session_name(KEEP_SESSION).start_directory("/");
    let mut words = words::of(&new.width(80).height(24).build());
    words.push("--".to_owned());
    words.extend(places.keep.iter().cloned());
    words
}

/// Whether somebody listens at the socket.
async fn listens(socket: &Path) -> Result<bool, TmuxError> {
    let io = |source| TmuxError::Io { what: "cannot reach", path: socket.to_path_buf(), source };
    match tokio::time::timeout(SOCKET_DEADLINE, UnixStream::connect(socket)).await {
        Ok(Ok(_)) => Ok(true),
        Ok(Err(e)) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused) => {
            Ok(false)
        }
        // A full backlog: somebody has the socket but takes no calls. Whether it is stuck shows at the first command.
        Ok(Err(e)) if e.kind() == std::io::ErrorKind::WouldBlock => Ok(true),
        Ok(Err(e)) => Err(io(e)),
        Err(_) => Ok(true),
    }
}

/// Waits until somebody listens, at most [`SOCKET_DEADLINE`].
async fn listens_soon(socket: &Path) -> Result<bool, TmuxError> {
    let looking = async {
        while !listens(socket).await? {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(true)
    };
    tokio::time::timeout(SOCKET_DEADLINE, looking).await.unwrap_or(Ok(false))
}

/// Writes a private file in one piece: readers see the old or the new one.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), TmuxError> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    let write = || {
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        file.write_all(bytes)?;
        file.persist(path).map_err(|e| e.error)?;
        Ok(())
    };
    write().map_err(|source| TmuxError::Io { what: "cannot write", path: path.to_path_buf(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_never_sets_a_global_window_size() {
        assert!(!CONF.contains("window-size"));
        assert!(!CONF.contains("pane_title") && !CONF.contains("#T") && !CONF.contains("#("));
    }
}
