//! Starts the daemon in the background, and waits until it answers.

use super::context::Context;
use super::external;
use super::failure::{Exit, Failure, harmless, shown_path};
use super::parts;
use crate::client::{Client, ClientError};
use crate::instance::Instance;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;
use tokio::process::Child;

/// A daemon that does not answer within this long is taken as failed.
const START_DEADLINE: Duration = Duration::from_secs(10);
/// How long a living daemon may stay out of reach: it looks after its socket more often than that.
const REACH_DEADLINE: Duration = Duration::from_secs(8);
/// How often its socket is tried meanwhile.
const TRY_EVERY: Duration = Duration::from_millis(20);
/// After the started process ended, another daemon may be about to answer: two `up` at once.
const RIVAL_DEADLINE: Duration = Duration::from_secs(2);
/// Lines of the log shown when it failed.
const TAIL_LINES: usize = 12;

/// Makes sure that a daemon runs. `true` when it was started now.
pub async fn ensure(context: &Context, instance: &Instance, client: &Client) -> Result<bool, Failure> {
    match client.health().await {
        Ok(_) => {
            context.note_skew(client);
            return Ok(false);
        }
        Err(ClientError::NoDaemon { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    if settled(instance, client).await? {
        context.note_skew(client);
        return Ok(false);
    }
    instance.prepare().map_err(|e| Failure::new(Exit::Failed, format!("cannot start the daemon: {e}")))?;
    let failed = |e: io::Error| Failure::io("cannot start the daemon", &e);
    let log = OpenOptions::new().create(true).append(true).mode(0o600).open(instance.daemon_log()).map_err(failed)?;
    let log_start = log.metadata().map_err(failed)?.len();
    let mut child = external::start_daemon(instance.file(), instance.root(), log).map_err(failed)?;
    context.out.progress("starting the daemon");
    let answered = tokio::time::timeout(START_DEADLINE, answers(client, &mut child)).await;
    context.out.clear_progress();
    match answered {
        Ok(Ok(())) => Ok(true),
        Ok(Err(failure)) => Err(failure.hints(log_tail(&instance.daemon_log(), log_start))),
        Err(_) => {
            // It is let be: it may have much to take up again, and killing it each time would never let it.
            let what = format!("the daemon was started, but did not answer within {} s", START_DEADLINE.as_secs());
            Err(Failure::new(Exit::TimedOut, what)
                .hint("it may still be at it: `nightkeep status` tells")
                .hints(log_tail(&instance.daemon_log(), log_start)))
        }
    }
}

/// Whether a daemon answers after all, when none did: one that lives may just begin or end, or make its socket again.
/// One that lives and stays out of reach is a failure.
pub async fn settled(instance: &Instance, client: &Client) -> Result<bool, Failure> {
    let settling = async {
        while parts::daemon(instance).is_some() {
            if client.health().await.is_ok() {
                return true;
            }
            tokio::time::sleep(TRY_EVERY).await;
        }
        false
    };
    let settled = tokio::time::timeout(REACH_DEADLINE, settling).await;
    settled.map_err(|_| {
        out_of_reach(instance).unwrap_or_else(|| Failure::new(Exit::TimedOut, "the daemon has just ended"))
    })
}

/// The failure for a daemon that lives but cannot be reached; `None` when none lives.
pub fn out_of_reach(instance: &Instance) -> Option<Failure> {
    let pid = parts::daemon(instance)?.pid;
    let name = pid.map_or_else(|| "a daemon".to_owned(), |pid| format!("a daemon (process {pid})"));
    let what = format!("{name} runs, but does not answer at {}", shown_path(&instance.api_socket()));
    let hint = "it makes its socket again within seconds; when it does not, end its process: the sessions run on";
    Some(Failure::new(Exit::TimedOut, what).hint(hint))
}

/// Returns when a daemon answers, or when the started one ended and none does.
async fn answers(client: &Client, child: &mut Child) -> Result<(), Failure> {
    let mut ticks = tokio::time::interval(TRY_EVERY);
    let ended = loop {
        tokio::select! {
            status = child.wait() => break status,
            _ = ticks.tick() => if client.health().await.is_ok() { return Ok(()) },
        }
    };
    let rival = async {
        while client.health().await.is_err() {
            ticks.tick().await;
        }
    };
    let ended = ended.map_err(|e| Failure::io("cannot watch the daemon", &e))?;
    if tokio::time::timeout(RIVAL_DEADLINE, rival).await.is_ok() {
        return Ok(());
    }
    Err(Failure::new(Exit::Failed, format!("the daemon ended at once: {ended}")))
}

/// The last lines that were written to a log since `start`.
fn log_tail(log: &Path, start: u64) -> Vec<String> {
    let read = || -> io::Result<String> {
        let mut file = File::open(log)?;
        let end = file.metadata()?.len();
        file.seek(SeekFrom::Start(start.max(end.saturating_sub(16 << 10))))?;
        let mut bytes = Vec::new();
        file.take(16 << 10).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let tail = &lines[lines.len().saturating_sub(TAIL_LINES)..];
    let head = format!("its log is {}", shown_path(log));
    std::iter::once(head).chain(tail.iter().map(|line| format!("log: {}", harmless(line)))).collect()
}
