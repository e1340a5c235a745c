//! tmux as terminal, viewer and keeper of the recorders; never the source of truth about an attempt.
//!
//! One server per instance, at a private socket, with our own configuration and a clean environment. Our own sessions
//! are named by exact target (`=name:`) or by id (`$3`), because a bare name also matches what only begins like it.
//! Nothing a user or program chose reaches a tmux argument that tmux expands: session names and run ids have a narrow
//! character set, and directory, command and environment stand in the recorder's file.

mod control;
mod parser;
mod server;
mod version;
mod words;

pub use control::{Control, DEADLINE, Notice};
pub use parser::{Block, Parser, Said};
pub use server::{KEEP_SESSION, Places, version};
pub use version::{MINIMUM, Version};

use crate::core::ids::{AttemptId, SessionName};
use crate::os::command::{CommandError, Program};
use crate::os::process::ProcessIdentity;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tmux_interface::commands::clients_and_sessions::{AttachSession, KillSession, NewSession, RenameSession};
use tmux_interface::commands::options::SetOption;
use tmux_interface::commands::windows_and_panes::ListPanes;
use tokio::sync::mpsc;

/// Why tmux did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum TmuxError {
    /// The program could not be run.
    #[error(transparent)]
    Program(#[from] CommandError),
    /// It is too old, or says no version that can be read.
    #[error("tmux {found:?} cannot be used, {}.{} or newer is needed", MINIMUM.0, MINIMUM.1)]
    TooOld {
        /// What it says of itself.
        found: String,
    },
    /// The server did not start.
    #[error("the tmux server did not start: {why}")]
    NotStarted {
        /// What tmux said.
        why: String,
    },
    /// A server lives but cannot be reached; a second one is not started beside it.
    #[error("the tmux server (pid {pid}) lives but its socket cannot be reached")]
    Unreachable {
        /// Its process id.
        pid: u32,
    },
    /// The command cannot be sent.
    #[error("a tmux command cannot be sent: {why}")]
    Unsendable {
        /// What is wrong with it.
        why: String,
    },
    /// tmux refused the command; it did nothing.
    #[error("tmux refused {command}: {message}")]
    Refused {
        /// Its name.
        command: String,
        /// What tmux said.
        message: String,
    },
    /// tmux did not answer; it may still carry the command out.
    #[error("tmux gave no answer to {command} within {} ms", after.as_millis())]
    Deadline {
        /// The command's name.
        command: String,
        /// How long was waited.
        after: Duration,
    },
    /// The connection ended; a command under way may have been carried out.
    #[error("the connection to tmux is closed: {why}")]
    Closed {
        /// What is known about it.
        why: String,
    },
    /// The answer is not what the command gives.
    #[error("tmux answered {command} with something unexpected: {reply}")]
    BadReply {
        /// The command's name.
        command: String,
        /// The answer, or what is wrong with it.
        reply: String,
    },
    /// A living session has the name already.
    #[error("the tmux session {name} exists already{}", if run.is_empty() { String::new() } else { format!(" and belongs to {run}") })]
    NameTaken {
        /// The session.
        name: String,
        /// The attempt it belongs to; empty when it is not ours.
        run: String,
    },
    /// A file or socket could not be used.
    #[error("{what} {}: {source}", path.display())]
    Io {
        /// `cannot write`, `cannot reach`.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl TmuxError {
    /// Whether the command may have been carried out all the same. Look before it is sent again.
    pub fn may_have_happened(&self) -> bool {
        match self {
            Self::Deadline { .. } | Self::Closed { .. } | Self::BadReply { .. } => true,
            Self::Program(_)
            | Self::TooOld { .. }
            | Self::NotStarted { .. }
            | Self::Unreachable { .. }
            | Self::Unsendable { .. }
            | Self::Refused { .. }
            | Self::NameTaken { .. }
            | Self::Io { .. } => false,
        }
    }
}

/// A connection to the instance's server. Cheap to clone; the connection ends with the last clone.
#[derive(Debug, Clone)]
pub struct Tmux {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    control: Control,
    server: ProcessIdentity,
}

/// A fresh connection.
#[derive(Debug)]
pub struct Connected {
    /// The connection.
    pub tmux: Tmux,
    /// What it tells unasked.
    pub events: Events,
    /// Whether the server was started now: no session of before lives in it.
    pub started: bool,
}

/// What tmux tells unasked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TmuxEvent {
    /// Sessions or windows came or went. A hint: [`Tmux::list`] tells how things are.
    Changed,
    /// The connection ended; nothing comes after it.
    Closed {
        /// What is known about it.
        why: String,
        /// Whether the server lives on: then only the connection is to be made again.
        server_alive: bool,
    },
}

/// The stream of [`TmuxEvent`]s of one connection.
#[derive(Debug)]
pub struct Events {
    notices: mpsc::Receiver<Notice>,
    server: ProcessIdentity,
    why: Option<String>,
}

/// What to start.
#[derive(Debug, Clone)]
pub struct SessionStart<'a> {
    /// The tmux session's name.
    pub name: &'a SessionName,
    /// The attempt it is for.
    pub attempt: &'a AttemptId,
    /// The recorder: absolute program and arguments, at least two words.
    pub argv: &'a [String],
    /// Columns and rows.
    pub size: (u16, u16),
}

/// A session that was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionStarted {
    /// `$3`.
    pub session_id: String,
    /// `%3`.
    pub pane_id: String,
    /// The recorder's process id.
    pub pane_pid: u32,
    /// Whether it ran before: this attempt was started by an earlier call.
    pub already: bool,
}

/// A pane of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pane {
    /// The session's name.
    pub session: String,
    /// `$3`.
    pub session_id: String,
    /// The attempt it was started for, as text; empty when it is not one of ours.
    pub nk_run: String,
    /// `%3`.
    pub pane_id: String,
    /// The process id of its program.
    pub pane_pid: u32,
    /// Whether tmux says that the program has ended.
    pub dead: bool,
}

/// The option that says which attempt a pane is for.
const RUN_OPTION: &str = "@nk_run";
/// The same in the session's environment: set with the session in one step, so it is there whenever the session is.
const RUN_VARIABLE: &str = "NIGHTKEEP_RUN";
/// How long a server's end may take to show after its connection ended.
const END_SHOWS: Duration = Duration::from_millis(500);

impl Tmux {
    /// Connects to the instance's server, which is started or woken when needed.
    pub async fn connect(places: &Places) -> Result<Connected, TmuxError> {
        let started = match server::ensure(places).await? {
            server::Found::Started => true,
            server::Found::Running => false,
        };
        let (control, notices, server) = match Self::attach(places).await {
            Err(TmuxError::Closed { why }) if why.contains("find session") || why.contains("no sessions") => {
                tracing::warn!(why, "the keep session is gone, making it again");
                server::restore_keep(places).await?;
                Self::attach(places).await?
            }
            other => other?,
        };
        server::record(places, &server)?;
        let events = Events { notices, server: server.clone(), why: None };
        Ok(Connected { tmux: Self { inner: Arc::new(Inner { control, server }) }, events, started })
    }

    async fn attach(places: &Places) -> Result<(Control, mpsc::Receiver<Notice>, ProcessIdentity), TmuxError> {
        let (control, notices) = Control::open(&places.control_client())?;
        let words = ["display-message", "-p", "#{pid}"].map(str::to_owned);
        let reply = first_line(control.command(&words).await?);
        let server = reply.parse().ok().and_then(ProcessIdentity::of);
        let server = server.ok_or_else(|| TmuxError::BadReply { command: words[0].clone(), reply })?;
        Ok((control, notices, server))
    }

    /// The server's process.
    pub fn server(&self) -> &ProcessIdentity {
        &self.inner.server
    }

    /// Starts a session, unless the attempt runs in one already. A session of the same name whose recorder has ended
    /// makes room; one with a living recorder, or of somebody else, is left alone: [`TmuxError::NameTaken`].
    ///
    /// When the error [may have happened](TmuxError::may_have_happened), calling it again is safe.
    pub async fn start_session(&self, start: &SessionStart<'_>) -> Result<SessionStarted, TmuxError> {
        if start.argv.len() < 2 {
            // tmux hands a single word to a shell.
            return Err(TmuxError::Unsendable {
                why: "a program without arguments would go through a shell".to_owned(),
            });
        }
        let started = match self.new_session(start).await {
            Err(TmuxError::Refused { message, .. }) if message.contains("duplicate session") => {
                match self.make_room(start).await? {
                    Some(running) => running,
                    None => self.new_session(start).await?,
                }
            }
            other => other?,
        };
        // The session exists from here on, so nothing below may look like a failed start. It may even have ended already.
        // The mark is the pane's own: panes that a person opens in the session do not have it.
        let label = SetOption::new().pane().target_pane(&started.pane_id).option(RUN_OPTION);
        let label = label.value(start.attempt.to_string());
        // Per window, never globally: whoever attaches with a small terminal leaves the program's size alone.
        let size = SetOption::new().window().target_pane(&started.session_id).option("window-size").value("manual");
        let (label, size) = (words::of(&label.build()), words::of(&size.build()));
        for result in
            <[_; 2]>::from(tokio::join!(self.inner.control.command(&label), self.inner.control.command(&size)))
        {
            if let Err(error) = result {
                tracing::debug!(session = %start.name, %error, "the new session was not marked");
            }
        }
        Ok(started)
    }

    async fn new_session(&self, start: &SessionStart<'_>) -> Result<SessionStarted, TmuxError> {
        let run = start.attempt.to_string();
        let new = NewSession::new()
            .detached()
            .print()
            .format("#{session_id} #{pane_id} #{pane_pid}")
            .session_name(start.name.as_str())
            .environment(RUN_VARIABLE, run.as_str())
            .width(start.size.0.into())
            .height(start.size.1.into())
            .start_directory("/");
        let mut words = words::of(&new.build());
        words.push("--".to_owned());
        words.extend(start.argv.iter().cloned());
        let reply = first_line(self.inner.control.command(&words).await?);
        let mut fields = reply.split(' ').map(str::to_owned);
        match (fields.next(), fields.next(), fields.next().and_then(|pid| pid.parse().ok())) {
            (Some(session_id), Some(pane_id), Some(pane_pid)) if is_session_id(&session_id) => {
                Ok(SessionStarted { session_id, pane_id, pane_pid, already: false })
            }
            _ => Err(TmuxError::BadReply { command: words.swap_remove(0), reply }),
        }
    }

    /// Looks at the session that has the name: gives it when it runs this attempt, frees the name when its recorder has
    /// ended.
    async fn make_room(&self, start: &SessionStart<'_>) -> Result<Option<SessionStarted>, TmuxError> {
        let panes = self.list().await?.into_iter().filter(|pane| pane.session == start.name.as_str());
        let (living, dead): (Vec<Pane>, Vec<Pane>) =
            panes.partition(|pane| !pane.dead && ProcessIdentity::of(pane.pane_pid).is_some());
        let Some(first) = living.first() else {
            if let Some(remnant) = dead.first() {
                self.kill_session(&remnant.session_id).await?;
            }
            return Ok(None);
        };
        let pane = living.iter().find(|pane| !pane.nk_run.is_empty()).unwrap_or(first);
        let marked = !pane.nk_run.is_empty();
        let run = if marked { pane.nk_run.clone() } else { self.run_variable(&pane.session_id).await? };
        if run == start.attempt.to_string() {
            let Pane { session_id, pane_id, pane_pid, .. } = pane.clone();
            return Ok(Some(SessionStarted { session_id, pane_id, pane_pid, already: true }));
        }
        if marked || run.is_empty() {
            return Err(TmuxError::NameTaken { name: start.name.to_string(), run });
        }
        // The recorder of an earlier attempt has ended; what lives is a pane that a person opened beside it. It keeps
        // running under another name, which no session of ours can have.
        let aside = format!("_left-{}-{}", pane.session_id.trim_start_matches('$'), start.name);
        let rename = RenameSession::new().target_session(&pane.session_id).new_name(aside);
        self.inner.control.command(&words::of(&rename.build())).await?;
        Ok(None)
    }

    /// The attempt in a session's environment; empty when there is none.
    async fn run_variable(&self, session_id: &str) -> Result<String, TmuxError> {
        let words = ["show-environment", "-t", session_id, RUN_VARIABLE].map(str::to_owned);
        match self.inner.control.command(&words).await {
            Ok(lines) => {
                let line = first_line(lines);
                Ok(line.strip_prefix(RUN_VARIABLE).and_then(|l| l.strip_prefix('=')).unwrap_or_default().to_owned())
            }
            Err(TmuxError::Refused { .. }) => Ok(String::new()),
            Err(other) => Err(other),
        }
    }

    /// All panes of all sessions but the keep session's.
    pub async fn list(&self) -> Result<Vec<Pane>, TmuxError> {
        // Fields that can hold anything come last; the name's length says where it ends.
        let format = "#{session_id} #{pane_id} #{pane_pid} #{pane_dead} #{n:session_name} #{session_name} #{@nk_run}";
        let words = words::of(&ListPanes::new().all().format(format).build());
        let lines = self.inner.control.command(&words).await?;
        let panes = lines.iter().filter_map(|line| {
            let pane = pane(line);
            if pane.is_none() {
                tracing::warn!(line = %String::from_utf8_lossy(line).escape_debug(), "not a line of a pane");
            }
            pane
        });
        Ok(panes.filter(|pane| pane.session != KEEP_SESSION).collect())
    }

    /// Ends a session by its id; one that is gone already is no error.
    pub async fn kill_session(&self, session_id: &str) -> Result<(), TmuxError> {
        if !is_session_id(session_id) {
            return Err(TmuxError::Unsendable { why: format!("{session_id:?} is not a session id") });
        }
        match self.inner.control.command(&words::of(&KillSession::new().target_session(session_id).build())).await {
            Err(TmuxError::Refused { message, .. }) if message.contains("find session") => Ok(()),
            other => other.map(|_| ()),
        }
    }

    /// Ends the server if the keep session is all it has. Says whether it has ended.
    pub async fn end_if_empty(&self) -> bool {
        // One command, so that a session that somebody opens at this moment is seen or comes too late for the server.
        // `S:` gives one x for each session.
        let words = ["if-shell", "-F", "#{==:#{S:x},x}", "kill-server"].map(str::to_owned);
        // The server leaves without an answer.
        let _ = self.inner.control.command(&words).await;
        let ends = async {
            while self.inner.server.is_alive() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(END_SHOWS, ends).await.is_ok()
    }

    /// Makes the server look for children that have ended. Some builds of tmux 3.3a can miss the signal of a pane's end
    /// and keep the pane for ever; call this when a recorder has ended and its pane is still listed.
    pub fn reap(&self) {
        server::signal(&self.inner.server, rustix::process::Signal::CHILD);
    }

    /// Sends a command of the caller's own, for looking at things. Nothing in it is checked for what tmux expands.
    pub async fn command(&self, words: &[String]) -> Result<Vec<Vec<u8>>, TmuxError> {
        self.inner.control.command(words).await
    }
}

impl Events {
    /// Waits for the next event. After `Closed` it gives `Closed` again. Can be cancelled without losing one.
    pub async fn next(&mut self) -> TmuxEvent {
        while self.why.is_none() {
            match self.notices.recv().await {
                Some(Notice::Notification(line)) if is_change(&line) => return TmuxEvent::Changed,
                Some(Notice::Notification(_)) => {}
                Some(Notice::Closed { why }) => self.why = Some(why),
                None => self.why = Some("the connection was given up".to_owned()),
            }
        }
        // A killed server closes its sockets a little before it is gone.
        let ends = async {
            while self.server.is_alive() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let server_alive = tokio::time::timeout(END_SHOWS, ends).await.is_err();
        TmuxEvent::Closed { why: self.why.clone().unwrap_or_default(), server_alive }
    }
}

/// The command line with which a person attaches to a session, without `TMUX` in the environment: tmux refuses to be
/// used inside tmux otherwise.
pub fn attach_argv(socket: &Path, session: &SessionName) -> Vec<OsString> {
    let attach = words::of(&AttachSession::new().target_session(format!("={session}:")).build());
    let client: [OsString; 4] = ["tmux".into(), "-N".into(), "-S".into(), socket.into()];
    client.into_iter().chain(attach.into_iter().map(OsString::from)).collect()
}

/// The same as a program to become.
pub fn attach_program(socket: &Path, session: &SessionName) -> Program {
    let argv = attach_argv(socket, session);
    Program::new(&argv[0]).args(&argv[1..]).without_env("TMUX")
}

/// Whether a notification says that sessions or windows came, went or changed their names.
fn is_change(line: &[u8]) -> bool {
    let name = line.split(|&b| b == b' ').next().unwrap_or_default();
    matches!(name, b"sessions-changed" | b"session-renamed" | b"window-close" | b"unlinked-window-close")
}

/// `$` and digits.
fn is_session_id(text: &str) -> bool {
    text.strip_prefix('$').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

/// The first line of a reply as text.
fn first_line(lines: Vec<Vec<u8>>) -> String {
    lines.first().map(|line| String::from_utf8_lossy(line).trim().to_owned()).unwrap_or_default()
}

/// A line of [`Tmux::list`].
fn pane(line: &[u8]) -> Option<Pane> {
    let mut fields = line.splitn(6, |&b| b == b' ');
    let mut text = || fields.next().and_then(|field| std::str::from_utf8(field).ok());
    let (session_id, pane_id, pane_pid, dead, length) = (text()?, text()?, text()?, text()?, text()?);
    let names = fields.next()?;
    let length: usize = length.parse().ok()?;
    let (session, rest) = names.split_at_checked(length)?;
    let run = rest.strip_prefix(b" ")?;
    (is_session_id(session_id) && pane_id.starts_with('%')).then_some(())?;
    Some(Pane {
        session: String::from_utf8_lossy(session).into_owned(),
        session_id: session_id.to_owned(),
        nk_run: String::from_utf8_lossy(run).into_owned(),
        pane_id: pane_id.to_owned(),
        pane_pid: pane_pid.parse().ok()?,
        dead: dead == "1",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pane_line_may_hold_blanks_and_bytes_in_its_names() {
        let read = pane(b"$3 %4 4242 1 4 a  b 2026-11-21/load/1.2").unwrap();
        assert_eq!((read.session.as_str(), read.nk_run.as_str()), ("a  b", "2026-11-21/load/1.2"));
        assert_eq!((read.session_id.as_str(), read.pane_pid, read.dead), ("$3", 4242, true));
        assert_eq!(pane(b"$3 %4 4242 0 1 a \xff\xfe").unwrap().nk_run, "\u{fffd}\u{fffd}");
        assert_eq!(pane(b"$3 %4 4242 0 1 a ").unwrap().nk_run, "");
        for bad in [
            &b""[..],
            b"$3 %4 4242 0 9 a ",
            b"3 %4 4242 0 1 a ",
            b"$3 %4 x 0 1 a ",
            b"$3 %4 4242 0 18446744073709551616 a ",
        ] {
            assert_eq!(pane(bad), None);
        }
    }

    #[test]
    fn a_person_attaches_by_exact_name_and_starts_no_server() {
        let argv = attach_argv(Path::new("/run/x/tmux.sock"), &SessionName::new("job1").unwrap());
        assert_eq!(argv, ["tmux", "-N", "-S", "/run/x/tmux.sock", "attach-session", "-t", "=job1:"]);
    }
}
