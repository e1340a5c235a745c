//! Keeps the machine from sleeping while a night is open: a child that holds the system's own inhibitor.
//!
//! The child ends with the daemon however that ends: it reads a pipe that only we hold open, or watches our process id.
//! Without such a tool the night goes on all the same; that is told once.

use super::perform::Rim;
use crate::core::event::Event;
use crate::os::command::Program;
use std::sync::Arc;
use std::time::Duration;
use tokio::process::{Child, ChildStdin};

/// How soon a child that ended by itself is started again.
const AGAIN: Duration = Duration::from_secs(60);
/// A child that ends this soon was refused.
const REFUSED: Duration = Duration::from_millis(500);

/// The tools, in the order in which they are tried.
fn tools() -> [Program; 2] {
    [
        Program::new("systemd-inhibit").args([
            "--what=sleep:idle",
            "--who=nightkeep",
            "--why=a night is open",
            "--mode=block",
            "cat",
        ]),
        Program::new("caffeinate").args(["-i", "-w"]).arg(std::process::id().to_string()),
    ]
}

/// Follows the night: a child while one is open and the file asks for it. Ends with the daemon.
pub async fn keep(rim: Arc<Rim>) {
    let mut open = rim.night_open();
    let mut child: Option<Held> = None;
    let mut told = false;
    loop {
        let wanted = *open.borrow_and_update() && rim.keep_awake();
        if !wanted {
            // Dropping it kills it.
            child = None;
        } else if child.is_none() {
            match hold().await {
                Ok(held) => child = Some(held),
                Err(why) if !told => {
                    told = true;
                    let what = format!("the machine may fall asleep in the night: {why}");
                    tracing::warn!("{what}");
                    let _ = rim.inbox().tell(Event::Trouble { part: "keep_awake".into(), what }).await;
                }
                Err(_) => {}
            }
        }
        let ended = async {
            match &mut child {
                Some(held) => drop(held.child.wait().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = open.changed() => if changed.is_err() { return },
            () = ended => child = None,
            // A changed file, or another try.
            () = tokio::time::sleep(AGAIN) => {}
        }
    }
}

/// A tool at work. It ends when its standard input does, so that is held.
struct Held {
    child: Child,
    _stdin: Option<ChildStdin>,
}

/// Starts the first tool that is there and is not refused.
async fn hold() -> Result<Held, String> {
    let mut why = Vec::new();
    for tool in tools() {
        let mut child = match tool.spawn_piped() {
            Ok(child) => child,
            Err(e) => {
                why.push(e.to_string());
                continue;
            }
        };
        // Waiting for a child closes its standard input otherwise.
        let stdin = child.stdin.take();
        match tokio::time::timeout(REFUSED, child.wait()).await {
            Err(_) => return Ok(Held { child, _stdin: stdin }),
            Ok(Ok(status)) => why.push(format!("{tool:?} ended at once: {status}")),
            Ok(Err(e)) => why.push(e.to_string()),
        }
    }
    Err(why.join("; "))
}
