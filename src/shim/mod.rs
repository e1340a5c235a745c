//! The recorder: `nightkeep exec --run DIR`, the process that tmux runs in a pane and that runs the program.
//!
//! It gives the program a terminal of its own, keeps every byte it prints, passes it on to the pane, and records how it
//! started and ended. Its files (see [`crate::recording`]) are the truth about an attempt; daemon and tmux may die, the
//! record goes on. No async runtime, little memory, and no error of a disk or a viewer ends it.
//!
//! [`start`] is everything up to the running program, [`relay`] the rest.

mod clients;
mod event_log;
mod hearing;
pub mod hook;
mod ladder;
mod limits;
mod oom;
mod output;
mod paste;
mod query;
mod relay;
mod signals;
mod start;
mod sync;
mod sys;
mod terminal;
mod typing;
mod viewer;

pub use limits::could_be_set as limits_could_be_set;
use start::NoStart;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use sys::Status;

/// Exit code when another recorder has this run directory, or had it before.
pub const EXIT_REFUSED: u8 = 100;
/// Exit code when nothing can be recorded, so that nothing was started.
pub const EXIT_CANNOT_RECORD: u8 = 111;

/// Runs what `spec.json` of a run directory says and records it. Ends as the program does: with its code, or by its
/// signal (then this does not return). 127 and 126 are a program that is missing or cannot be started; the record
/// tells these from a program that left with such a code.
pub fn run(run_dir: &Path) -> ExitCode {
    match start::start(run_dir) {
        Ok(relay) => match relay.run() {
            Status::Code(code) => ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)),
            Status::Signal { signal, .. } => {
                sys::die_by(signal);
                ExitCode::from(u8::try_from(128 + signal).unwrap_or(u8::MAX))
            }
        },
        Err(no_start) => {
            // Nobody may read this; the record is what counts.
            let _ = writeln!(std::io::stderr(), "error: {}", no_start.to_string().escape_debug());
            ExitCode::from(match no_start {
                NoStart::Refused { .. } => EXIT_REFUSED,
                NoStart::CannotRecord { .. } => EXIT_CANNOT_RECORD,
                NoStart::Failed { errno: libc::ENOENT, exec: true, .. } => 127,
                NoStart::Failed { .. } => 126,
            })
        }
    }
}
