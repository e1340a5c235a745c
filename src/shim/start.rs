//! From a run directory to a running program: lock, spec, files, socket, terminal, `exec`, in this order.

use super::clients::Server;
use super::event_log::EventLog;
use super::hearing::Hearing;
use super::limits::Limits;
use super::oom::OomCounter;
use super::output::Output;
use super::relay::{Parts, Relay};
use super::signals::Signals;
use super::sys;
use super::terminal::{self, Outer};

use crate::os::{clock, tree};
use crate::recording::events::{EVENTS_FILE, EVENTS_VERSION, LOCK_FILE, Line, RecorderEvent};
use crate::recording::spec::{Spec, SpecError};
use crate::recording::told::TELL_VARIABLE;
use rustix::fs::FlockOperation;
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

const MS: u64 = 1_000_000;
/// Somebody who looks at the lock holds it for a moment; so often it is tried, this many milliseconds apart.
const LOCK_TRIES: (u32, i64) = (50, 10);

/// Why nothing was started.
#[derive(Debug, thiserror::Error)]
pub enum NoStart {
    /// The run directory has its recorder, or its record.
    #[error("{why}")]
    Refused {
        /// Which of the two.
        why: String,
    },
    /// Not even a failure can be recorded.
    #[error("cannot record: {what}: {source}")]
    CannotRecord {
        /// What was being done.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// It failed, and that is recorded.
    #[error("{what}: {}", io::Error::from_raw_os_error(*errno))]
    Failed {
        /// What was being done.
        what: String,
        /// The `errno` of it.
        errno: i32,
        /// Whether that was the program's `exec`.
        exec: bool,
    },
}

/// Starts the program of a run directory.
pub fn start(run_dir: &Path) -> Result<Relay, NoStart> {
    // From here on a signal is something to record, not the end.
    let signals = Signals::listen().map_err(cannot("listen to signals"))?;
    let parent = rustix::process::getppid();
    let lock = lock(run_dir)?;
    let mut events = EventLog::open(&run_dir.join(EVENTS_FILE)).map_err(cannot(EVENTS_FILE))?;
    if !events.is_empty() {
        return Err(NoStart::Refused { why: format!("{} has its record already", run_dir.display()) });
    }
    let boot_id = clock::boot_id();
    let outer = Outer::take();
    let prepared = prepare(run_dir, outer, signals, parent);
    let (parts, event) = match prepared {
        Ok(parts) => {
            let (pid, shim_pid) = (parts.pid, std::process::id());
            let pid_start = tree::start_of(pid);
            (Ok(parts), RecorderEvent::Start { version: EVENTS_VERSION, boot_id, pid, pid_start, shim_pid })
        }
        Err(Failed { what, errno, exec }) => {
            let event = RecorderEvent::ExecFailed { version: EVENTS_VERSION, boot_id, errno, what: what.clone() };
            (Err(NoStart::Failed { what, errno, exec }), event)
        }
    };
    let recorded = events.append(&Line { t: clock::wall_nanos(), m: clock::mono_nanos(), event });
    match parts {
        // The program runs and cannot be stopped for want of a line: room for it was reserved, so this is no full disk.
        Ok(parts) => Ok(Relay::new(parts, events, lock)),
        Err(failure) => {
            recorded.and_then(|()| events.close()).map_err(cannot(EVENTS_FILE))?;
            Err(failure)
        }
    }
}

/// A step that failed before the program ran.
struct Failed {
    what: String,
    errno: i32,
    exec: bool,
}

fn failed<E: Into<io::Error>>(what: impl Into<String>) -> impl FnOnce(E) -> Failed {
    let what = what.into();
    move |e| {
        let error: io::Error = e.into();
        Failed { what, errno: error.raw_os_error().unwrap_or(libc::EINVAL), exec: false }
    }
}

fn cannot(what: &str) -> impl FnOnce(io::Error) -> NoStart {
    let what = what.to_owned();
    move |source| NoStart::CannotRecord { what, source }
}

/// Takes the lock of a run directory. It is free again when this process ends, however it ends.
fn lock(run_dir: &Path) -> Result<File, NoStart> {
    let path = run_dir.join(LOCK_FILE);
    let open = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = open.map_err(cannot(LOCK_FILE))?;
    for _ in 0..LOCK_TRIES.0 {
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(Errno::WOULDBLOCK) => pause(LOCK_TRIES.1),
            Err(e) => return Err(cannot(LOCK_FILE)(e.into())),
        }
    }
    Err(NoStart::Refused { why: format!("another recorder has {}", run_dir.display()) })
}

fn pause(millis: i64) {
    let timeout = rustix::event::Timespec { tv_sec: 0, tv_nsec: millis * 1_000_000 };
    let _ = rustix::event::poll(&mut [], Some(&timeout));
}

/// Makes everything that the relay needs and starts the program.
fn prepare(
    run_dir: &Path,
    outer: Outer,
    signals: Signals,
    parent: Option<rustix::process::Pid>,
) -> Result<Parts, Failed> {
    let spec = Spec::read(run_dir).map_err(unreadable)?;
    let output = Output::create(&spec.output, spec.output_cap).map_err(failed("open output"))?;
    let server = Server::bind(&spec.socket, spec.attempt.clone(), run_dir).map_err(failed("bind socket"))?;
    // Nothing is worth less than the program's start because of it; who calls in vain is told so.
    let hearing = spec.tell.as_ref().and_then(|socket| Hearing::bind(socket, run_dir).ok());
    let size = outer.size().unwrap_or(spec.size);
    let inner = terminal::open_inner(size, outer.settings()).map_err(failed("open terminal"))?;
    // Whatever leaves the program's session or outlives its parent comes back to us, to be counted and ended.
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    rustix::process::chdir(&spec.dir).map_err(failed(format!("chdir {}", spec.dir.display())))?;
    let limits = Limits::make(&spec.caps, &spec.attempt);
    let oom = limits.kills().map_or_else(OomCounter::now, OomCounter::of);
    outer.make_raw();
    let pid = sys::spawn(&spec.argv, &environment(&spec), inner.as_fd(), limits.doors());
    // The folder is the program's, and is not to be held by us.
    let _ = rustix::process::chdir("/");
    let pid = pid.map_err(|e| {
        outer.restore();
        limits.remove();
        let errno = e.raw_os_error().unwrap_or(libc::EINVAL);
        Failed { what: format!("exec {}", spec.argv.first().map_or("", String::as_str)), errno, exec: true }
    })?;
    // Only now, for the program would inherit it: the recorder is the last that should go for memory.
    let _ = std::fs::write("/proc/self/oom_score_adj", "-500");
    let (stop_grace, drain) = (spec.stop_grace_ms.saturating_mul(MS), spec.drain_ms.saturating_mul(MS));
    let (keep_on_tmux_loss, answers_status) = (spec.keep_on_tmux_loss, spec.answers_status);
    // The size that readers take from the spec; a differing one becomes the first `resize`.
    let size = spec.size;
    Ok(Parts {
        outer,
        inner,
        signals,
        server,
        hearing,
        output,
        pid,
        size,
        oom,
        limits,
        stop_grace,
        keep_on_tmux_loss,
        drain,
        answers_status,
        parent,
    })
}

fn unreadable(error: SpecError) -> Failed {
    let errno = match &error {
        SpecError::Io { source, .. } => source.raw_os_error().unwrap_or(libc::EINVAL),
        SpecError::Malformed { .. } | SpecError::TooNew { .. } | SpecError::NoProgram { .. } => libc::EINVAL,
    };
    Failed { what: format!("read spec: {error}"), errno, exec: false }
}

/// The program's environment: that of the spec, and what a terminal and an attempt are known by when it leaves them out.
fn environment(spec: &Spec) -> BTreeMap<String, String> {
    let mut env = spec.env.clone();
    env.entry("TERM".to_owned()).or_insert_with(|| "tmux-256color".to_owned());
    env.entry("COLORTERM".to_owned()).or_insert_with(|| "truecolor".to_owned());
    env.entry("NIGHTKEEP_ATTEMPT".to_owned()).or_insert_with(|| spec.attempt.clone());
    if let Some(socket) = spec.tell.as_ref().and_then(|socket| socket.to_str()) {
        env.insert(TELL_VARIABLE.to_owned(), socket.to_owned());
    }
    env
}
