//! `spec.json`: what the recorder is to run. It is a file because a command line shows in `/proc` and in tmux.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The version this program writes.
pub const SPEC_VERSION: u32 = 1;
/// Name of the file in the run directory.
pub const SPEC_FILE: &str = "spec.json";

/// What to run and how.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// Format version.
    pub version: u32,
    /// The attempt's id, `2026-11-21/load/1.2`; handed to the program as `NIGHTKEEP_ATTEMPT`.
    pub attempt: String,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Absolute working directory.
    pub dir: PathBuf,
    /// The complete environment.
    pub env: BTreeMap<String, String>,
    /// Terminal size at the start: columns, rows.
    pub size: (u16, u16),
    /// Absolute path of the raw output; the index is the same with `.idx` for `.log`.
    pub output: PathBuf,
    /// Absolute path of the recorder's socket.
    pub socket: PathBuf,
    /// Bytes of output kept; what comes after is counted as lost. `None` is no cap.
    pub output_cap: Option<u64>,
    /// Milliseconds from the first polite request to the last `SIGKILL`, unless the stop says otherwise.
    pub stop_grace_ms: u64,
    /// Whether the program is ended when tmux vanishes (`stop`) or runs on (`keep`).
    pub keep_on_tmux_loss: bool,
    /// Milliseconds for which output of descendants is still read after the program's own exit.
    pub drain_ms: u64,
}

impl std::fmt::Debug for Spec {
    /// Leaves out the environment's values: they may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spec")
            .field("attempt", &self.attempt)
            .field("argv", &self.argv)
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}
