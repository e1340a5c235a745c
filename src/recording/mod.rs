//! The recorder's files: the one source of truth about an attempt. The shim writes them, everybody else reads them.
//!
//! `logs/runs/<session>/<run>.<attempt>/` holds `spec.json` (what to run, mode 0600), `events.jsonl` (what happened),
//! `told.jsonl` (what the program told of its work) and `lock` (held while the recorder lives). The raw bytes stand in `logs/output/<session>/<run>.<attempt>.log`, their
//! time index beside it in `.idx`. All formats carry a version; every version ever released stays readable.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

pub mod attempt;
pub mod events;
pub mod hooks;
pub mod index;
pub mod output;
pub mod packed;
pub mod socket;
pub mod spec;
pub mod told;

/// Opens a regular file to read. Anything else (a fifo would hang us, a device never ends) is refused.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = OpenOptions::new().read(true).custom_flags(nonblocking).open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
    }
}
