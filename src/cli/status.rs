//! `status`: the sessions as a table, once or for as long as somebody looks.

use super::context::Context;
use super::failure::Failure;
use super::{now, parts};
use crate::client::{Client, EventStream};
use crate::instance::Instance;
use crate::protocol::Status;
use rustix::termios::{LocalModes, OptionalActions, Termios};
use std::io::Read as _;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// Shows the sessions, worst first
///
/// Works without a daemon, from the journal.
#[derive(Debug, Default, clap::Args)]
#[command(
    after_help = "Examples:\n  nightkeep status\n  nightkeep status load-profiles --json\n  nightkeep status --watch"
)]
pub struct Args {
    /// Only these sessions
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Stay and show every change; with --json a line for each
    #[arg(long, short)]
    watch: bool,
}

/// Ages on the screen grow without any event; so often they are drawn anew.
const REFRESH: Duration = Duration::from_secs(5);
/// Changes come in bursts; one drawing for each burst.
const BURST: Duration = Duration::from_millis(100);

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let instance = context.instance()?;
    let client = context.client(&instance)?;
    context.block_on(async {
        if args.watch {
            return watch(args, context, &instance, &client).await;
        }
        let status = now::only(now::shown(context, &instance, &client).await?, &args.names)?;
        if context.json {
            return context.out.json(&status);
        }
        context.out.data(&text(context, &status))
    })
}

fn text(context: &Context, status: &Status) -> String {
    if status.night.is_none() && status.sessions.is_empty() {
        return "no night yet; `nightkeep up` begins one\n".to_owned();
    }
    parts::table(status, context.out.width, context.out.color)
}

/// Draws again on every change until interrupted.
async fn watch(args: &Args, context: &Context, instance: &Instance, client: &Client) -> Result<(), Failure> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|e| Failure::io("cannot watch for Ctrl-C", &e))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|e| Failure::io("cannot watch for SIGTERM", &e))?;
    let mut screen = Screen::open(context)?;
    let mut keys = screen.keys.is_some().then(typed_keys);
    let mut stream: Option<EventStream> = None;
    loop {
        let status = now::only(now::shown(context, instance, client).await?, &args.names)?;
        if stream.is_none() && status.daemon.is_some() {
            stream = client.events(status.seq).await.ok();
        }
        let frame = if context.json {
            let line = serde_json::to_string(&status).map_err(|e| Failure::io("cannot write JSON", &e.into()))?;
            format!("{line}\n")
        } else {
            text(context, &status)
        };
        screen.draw(&frame)?;
        tokio::select! {
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            () = quit(keys.as_mut()) => return Ok(()),
            lives = change(stream.as_mut()) => if !lives { stream = None },
        }
    }
}

/// The keys that are typed, read by a thread of its own that ends with the program.
fn typed_keys() -> mpsc::Receiver<u8> {
    let (typed, keys) = mpsc::channel(16);
    std::thread::spawn(move || {
        let mut key = [0; 1];
        while std::io::stdin().read(&mut key).is_ok_and(|read| read == 1) && typed.blocking_send(key[0]).is_ok() {}
    });
    keys
}

/// Waits for `q`; for ever when no keys come.
async fn quit(keys: Option<&mut mpsc::Receiver<u8>>) {
    if let Some(keys) = keys {
        while let Some(key) = keys.recv().await {
            if matches!(key, b'q' | b'Q') {
                return;
            }
        }
    }
    std::future::pending().await
}

/// Waits for a burst of changes, or for the time to draw ages anew. `false` when the stream is gone.
async fn change(stream: Option<&mut EventStream>) -> bool {
    let Some(stream) = stream else {
        tokio::time::sleep(REFRESH).await;
        return false;
    };
    match tokio::time::timeout(REFRESH, stream.next()).await {
        Err(_) => true,
        Ok(Ok(Some(_))) => {
            let burst = async { while let Ok(Some(_)) = stream.next().await {} };
            // Within the burst's time the end of the stream is nothing new: the next wait sees it again.
            let _ = tokio::time::timeout(BURST, burst).await;
            true
        }
        Ok(Ok(None) | Err(_)) => {
            tokio::time::sleep(BURST).await;
            false
        }
    }
}

/// The terminal while `--watch` draws on it; put back as it was when dropped. Without a terminal, frames follow each
/// other.
struct Screen<'a> {
    context: &'a Context,
    terminal: bool,
    /// How the keyboard was set, when its keys come to us one by one and are not shown.
    keys: Option<Termios>,
    last: String,
}

/// The last line while watching.
const FOOTER: &str = "q or Ctrl-C leaves";

impl<'a> Screen<'a> {
    fn open(context: &'a Context) -> Result<Self, Failure> {
        let terminal = context.out.stdout_terminal && !context.json;
        if terminal {
            context.out.data("\x1b[?1049h\x1b[?25l")?;
        }
        let keys = if terminal { keys_one_by_one() } else { None };
        Ok(Self { context, terminal, keys, last: String::new() })
    }
    fn draw(&mut self, frame: &str) -> Result<(), Failure> {
        if frame == self.last {
            return Ok(());
        }
        frame.clone_into(&mut self.last);
        if !self.terminal {
            return self.context.out.data(frame);
        }
        // A terminal that does not know its size says 0.
        let known = rustix::termios::tcgetwinsize(std::io::stdout()).ok().filter(|size| size.ws_row > 0);
        let rows = known.map_or(24, |size| usize::from(size.ws_row));
        let lines: Vec<String> = with_footer(frame, rows).iter().map(|line| format!("{line}\x1b[K")).collect();
        // One write inside a synchronized update, over the old frame: nothing is ever blank between.
        self.context.out.data(&format!("\x1b[?2026h\x1b[H{}\x1b[J\x1b[?2026l", lines.join("\r\n")))
    }
}

/// The lines of a frame that fit, and how to leave below them.
fn with_footer(frame: &str, rows: usize) -> Vec<&str> {
    let mut lines: Vec<&str> = frame.lines().take(rows.saturating_sub(1)).collect();
    lines.push(FOOTER);
    lines
}

/// Has the terminal hand over each key at once and not show it; Ctrl-C stays what it is. `None` without a keyboard.
fn keys_one_by_one() -> Option<Termios> {
    let before = rustix::termios::tcgetattr(std::io::stdin()).ok()?;
    let mut ours = before.clone();
    ours.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
    rustix::termios::tcsetattr(std::io::stdin(), OptionalActions::Now, &ours).ok()?;
    Some(before)
}

impl Drop for Screen<'_> {
    fn drop(&mut self) {
        if let Some(before) = &self.keys {
            // What was typed meanwhile is not for the shell.
            let _ = rustix::termios::tcsetattr(std::io::stdin(), OptionalActions::Flush, before);
        }
        if self.terminal {
            let _ = self.context.out.data("\x1b[?25h\x1b[?1049l");
            let _ = self.context.out.data(&self.last);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_row_says_how_to_leave() {
        assert_eq!(with_footer("a\nb\n", 24), ["a", "b", FOOTER]);
        assert_eq!(with_footer("a\nb\nc\n", 3), ["a", "b", FOOTER]);
    }
}
