//! One control-mode connection to the tmux server: commands out, replies and hints back.
//!
//! The client is attached with `no-output` (no pane's bytes come here, so a slow reader never blocks a program) and
//! `ignore-size` (it does not shape anybody's window). Commands are pipelined: tmux answers in the order asked, one
//! block a line, so replies are handed out first in, first out. A command that nobody waits for any more keeps its place
//! in that row. A connection with such commands is let go only when they are answered, and no other one is opened before: tmux
//! 3.3a crashes, with everything in it, when it finds one control client gone while another is just coming. Only simple
//! commands go through here, one a line: a line of two commands gives two blocks.

use super::parser::{Block, Parser, Said};
use super::{TmuxError, words};
use crate::os::command::Program;
use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::{mpsc, oneshot};

/// How long a command may take before the server counts as stuck.
pub const DEADLINE: Duration = Duration::from_secs(5);
/// How long a server may take to see that a client has gone, before the next one comes.
const GONE: Duration = Duration::from_millis(100);
/// The servers, by their sockets, that still owe answers to a connection that nobody wants any more.
static LEAVING: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
/// Hints kept for a listener that is busy; a further one would tell it nothing new.
const NOTICES: usize = 64;

/// What comes without being asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A notification without its `%`. Hints only: they are dropped when nobody takes them.
    Notification(Vec<u8>),
    /// The connection ended. Always the last one.
    Closed {
        /// What tmux said about it.
        why: String,
    },
}

/// A handle to the connection. Dropping it ends the connection, once all its commands are answered.
#[derive(Debug)]
pub struct Control {
    requests: mpsc::Sender<Request>,
    waiting: Arc<Mutex<Waiting>>,
    reader: tokio::task::AbortHandle,
    socket: PathBuf,
}

#[derive(Debug)]
struct Request {
    line: Vec<u8>,
    reply: oneshot::Sender<Block>,
}

/// Who waits for a reply, in the order of the commands.
#[derive(Debug, Default)]
struct Waiting {
    replies: VecDeque<oneshot::Sender<Block>>,
    /// tmux has answered the attach, the only command that is on the client's command line.
    attached: bool,
    closed: Option<String>,
    leaving: Option<Leaving>,
    /// Nobody listens any more once the handle is dropped.
    notices: Option<mpsc::Sender<Notice>>,
}

/// One connection that only waits for its last answers.
#[derive(Debug)]
struct Leaving(PathBuf);

impl Leaving {
    fn begin(socket: &Path) -> Self {
        leaving().insert(socket.to_path_buf());
        Self(socket.to_path_buf())
    }
}

fn leaving() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    LEAVING.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Leaving {
    fn drop(&mut self) {
        leaving().remove(&self.0);
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let mut waiting = lock(&self.waiting);
        let owed = !waiting.attached || !waiting.replies.is_empty();
        if !owed || waiting.closed.is_some() {
            // The task owns the client process, which is killed with it.
            self.reader.abort();
        } else {
            waiting.leaving = Some(Leaving::begin(&self.socket));
            waiting.notices = None;
        }
    }
}

impl Control {
    /// Starts the client of the server at a socket. Whether it could attach shows at the first command.
    pub fn open(client: &Program, socket: &Path) -> Result<(Self, mpsc::Receiver<Notice>), TmuxError> {
        if leaving().contains(socket) {
            return Err(TmuxError::Deadline { command: "an earlier connection".to_owned(), after: DEADLINE });
        }
        let mut child = client.spawn_piped()?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(TmuxError::Closed { why: "the client has no pipes".to_owned() });
        };
        let (requests, queue) = mpsc::channel(NOTICES);
        let (notices, hints) = mpsc::channel(NOTICES);
        let waiting = Arc::new(Mutex::new(Waiting { notices: Some(notices), ..Waiting::default() }));
        let (attached, in_session) = oneshot::channel();
        let (over, ended) = oneshot::channel();
        let turns = Turns { in_session, ended };
        tokio::spawn(write_requests(stdin, queue, Arc::clone(&waiting), turns));
        let reader = tokio::spawn(read_replies(child, stdout, Arc::clone(&waiting), attached, over)).abort_handle();
        Ok((Self { requests, waiting, reader, socket: socket.to_path_buf() }, hints))
    }

    /// Sends one command and waits for the lines of its reply, at most [`DEADLINE`].
    pub async fn command(&self, words: &[String]) -> Result<Vec<Vec<u8>>, TmuxError> {
        let line = words::for_control_line(words)?;
        let name = || words.first().cloned().unwrap_or_default();
        let (reply, answer) = oneshot::channel();
        let asked = async {
            self.requests.send(Request { line, reply }).await.map_err(|_| self.closed())?;
            answer.await.map_err(|_| self.closed())
        };
        let block = tokio::time::timeout(DEADLINE, asked)
            .await
            .map_err(|_| TmuxError::Deadline { command: name(), after: DEADLINE })??;
        let Block { ok, lines, cut, ours: _ } = block;
        if !ok {
            return Err(TmuxError::Refused { command: name(), message: text(&lines) });
        }
        if cut {
            return Err(TmuxError::BadReply { command: name(), reply: "it is too long".to_owned() });
        }
        Ok(lines)
    }

    fn closed(&self) -> TmuxError {
        let why = lock(&self.waiting).closed.clone();
        TmuxError::Closed { why: why.unwrap_or_else(|| "the connection is closed".to_owned()) }
    }
}

/// What the writer learns from the reader.
struct Turns {
    in_session: oneshot::Receiver<()>,
    ended: oneshot::Receiver<()>,
}

/// Writes commands in order, each noted in the row of waiting ones before it is sent. The first one waits for the answer
/// to the attach: tmux may answer it before, by a connection that it is about to refuse. Keeps the pipe until the reader
/// has ended.
async fn write_requests(
    mut stdin: ChildStdin,
    mut queue: mpsc::Receiver<Request>,
    waiting: Arc<Mutex<Waiting>>,
    turns: Turns,
) {
    if turns.in_session.await.is_err() {
        return;
    }
    while let Some(Request { line, reply }) = queue.recv().await {
        {
            let mut waiting = lock(&waiting);
            if waiting.closed.is_some() || waiting.leaving.is_some() {
                return;
            }
            waiting.replies.push_back(reply);
        }
        if stdin.write_all(&line).await.is_err() {
            // The reader sees the end too, and says why.
            return;
        }
    }
    // Nothing is sent; the other end is dropped.
    let _ = turns.ended.await;
}

/// Reads until the connection ends, then wakes everybody who waits.
async fn read_replies(
    mut child: Child,
    mut stdout: ChildStdout,
    waiting: Arc<Mutex<Waiting>>,
    in_session: oneshot::Sender<()>,
    _over: oneshot::Sender<()>,
) {
    // Dropped only when the reason of the end is noted.
    let mut in_session = Some(in_session);
    let mut parser = Parser::new();
    let mut chunk = vec![0; 16 << 10];
    let mut why = None;
    'connection: loop {
        let n = match stdout.read(&mut chunk).await {
            Ok(0) | Err(_) => break,
            Ok(n) => n,
        };
        for said in parser.push(&chunk[..n]) {
            match said {
                Said::Block(block) if block.ours => {
                    let mut waiting = lock(&waiting);
                    if let Some(reply) = waiting.replies.pop_front() {
                        // Whoever waited may have given up.
                        let _ = reply.send(block);
                    }
                    if waiting.leaving.is_some() && waiting.replies.is_empty() {
                        why = Some("the connection was given up".to_owned());
                        break 'connection;
                    }
                }
                // tmux's own: the first one answers the attach.
                Said::Block(block) if in_session.is_some() && !block.ok => {
                    why = Some(text(&block.lines));
                    break 'connection;
                }
                Said::Block(_) => {
                    let Some(tell) = in_session.take() else { continue };
                    let mut waiting = lock(&waiting);
                    waiting.attached = true;
                    if waiting.leaving.is_some() {
                        why = Some("the connection was given up".to_owned());
                        break 'connection;
                    }
                    // The writer is there as long as the handle or the reader is.
                    let _ = tell.send(());
                }
                Said::Notification(line) => {
                    if let Some(notices) = &lock(&waiting).notices {
                        let _ = notices.try_send(Notice::Notification(line));
                    }
                }
                Said::Exit(reason) => {
                    why = Some(text(&[reason])).filter(|why| !why.is_empty());
                    break 'connection;
                }
            }
        }
    }
    let why = match why {
        Some(why) => why,
        None => last_words(&mut child).await,
    };
    let left = lock(&waiting).leaving.is_some();
    if left {
        // It is dead already when this fails.
        let _ = child.kill().await;
        tokio::time::sleep(GONE).await;
    }
    let notices = {
        let mut waiting = lock(&waiting);
        waiting.closed = Some(why.clone());
        waiting.replies.clear();
        waiting.leaving = None;
        waiting.notices.take()
    };
    if let Some(notices) = notices {
        let _ = notices.send(Notice::Closed { why }).await;
    }
}

/// What a client that said nothing else wrote to its standard error.
async fn last_words(child: &mut Child) -> String {
    let mut words = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        let mut stderr = stderr.take(4096);
        let _ = tokio::time::timeout(Duration::from_millis(200), stderr.read_to_end(&mut words)).await;
    }
    let words = text(&[words]);
    if words.is_empty() { "the connection ended".to_owned() } else { words }
}

/// Lines as one line of harmless text, at most 300 characters.
fn text(lines: &[Vec<u8>]) -> String {
    let lines: Vec<String> = lines.iter().map(|l| String::from_utf8_lossy(l).trim().to_owned()).collect();
    lines.join(" ").chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}

/// The lock is held for a few instructions and nothing in them can panic; a poisoned one is as good as any.
fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}
