//! Ends an instance's sessions when no daemon can be started: its file is gone or broken, its journal damaged. Needs only
//! the places. What happened stands in the recorders' files; the next daemon journals it.

use super::lock::{DaemonLock, LockError};
use crate::adapters::shim_client;
use crate::instance::Instance;
use crate::os::leftovers::Leftovers;
use crate::os::process::ProcessIdentity;
use crate::recording::attempt::AttemptFiles;
use crate::recording::spec::Spec;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;

/// How long recorders may take beyond the longest grace.
const BEYOND_GRACE: Duration = Duration::from_secs(15);
/// How often they are looked at meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What was ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Without {
    /// The attempts whose recorders were asked to stop.
    pub stopped: Vec<String>,
    /// How many processes could not be ended.
    pub left: u32,
}

/// Stops every living recorder, then whatever is left of `programs`, then the tmux server. `now` leaves no grace.
///
/// # Errors
/// A daemon runs after all, or the lock cannot be used.
pub async fn end_without(instance: &Instance, now: bool, programs: Leftovers) -> Result<Without, LockError> {
    // While this is held no daemon begins anything.
    let _lock = DaemonLock::take(&instance.lock_file(), instance.runtime())?;
    let mut living = living(&instance.runs());
    let mut longest = Duration::ZERO;
    let mut stopped = Vec::new();
    for (_, spec) in &living {
        let grace = if now { Duration::ZERO } else { Duration::from_millis(spec.stop_grace_ms) };
        // One that does not hear it loses its programs below, and ends by that.
        if shim_client::stop(&spec.socket, grace).await.is_ok() {
            longest = longest.max(grace);
        }
        stopped.push(spec.attempt.clone());
    }
    let deadline = Instant::now() + longest + BEYOND_GRACE;
    while !living.is_empty() && Instant::now() < deadline {
        tokio::time::sleep(LOOK_EVERY).await;
        living.retain(|(dir, spec)| lives(dir, spec));
    }
    let left = programs.end().await.left;
    end_tmux(instance).await;
    Ok(Without { stopped, left })
}

/// The run directories in which a recorder lives.
fn living(runs: &Path) -> Vec<(PathBuf, Spec)> {
    let within = |dir: &Path| {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect::<Vec<_>>()
    };
    let attempts = within(runs).into_iter().flat_map(|session| within(&session));
    attempts.filter_map(|dir| Spec::read(&dir).ok().map(|spec| (dir, spec))).filter(|(d, s)| lives(d, s)).collect()
}

fn lives(dir: &Path, spec: &Spec) -> bool {
    AttemptFiles::new(dir, &spec.output).recorder_lives().unwrap_or(false)
}

/// The server has nothing left to hold. What asks next must not still meet it.
async fn end_tmux(instance: &Instance) {
    let noted = fs::read(instance.tmux_socket().with_extension("pid")).unwrap_or_default();
    if let Ok(server) = serde_json::from_slice::<ProcessIdentity>(&noted)
        && server.is_alive()
        && let Some(pid) = i32::try_from(server.pid).ok().and_then(rustix::process::Pid::from_raw)
    {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let deadline = Instant::now() + BEYOND_GRACE;
        while server.is_alive() && Instant::now() < deadline {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}
