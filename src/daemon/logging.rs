//! The daemon's own log: a file beside the journal, written off the loop's thread, and journald where there is one.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// Sends traces to the file. `NIGHTKEEP_LOG` filters (default `info`). The guard flushes when dropped.
pub fn init(path: &Path, to_stderr: bool) -> std::io::Result<WorkerGuard> {
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    let (writer, guard) = tracing_appender::non_blocking(file);
    let filter = || EnvFilter::try_from_env("NIGHTKEEP_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let to_file = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false).with_target(false);
    let to_terminal = to_stderr.then(|| {
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false).with_filter(filter())
    });
    let registry = tracing_subscriber::registry().with(to_file.with_filter(filter())).with(to_terminal);
    #[cfg(target_os = "linux")]
    let registry = registry.with(tracing_journald::layer().ok().map(|layer| layer.with_filter(filter())));
    // A second subscriber in one process (tests) is no reason to fail.
    let _ = registry.try_init();
    Ok(guard)
}
