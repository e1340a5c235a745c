//! `events.jsonl`: one JSON object a line, appended by the recorder. Unknown kinds and fields are skipped by readers.

use crate::core::exit::ResourceUsage;
use serde::{Deserialize, Serialize};

/// Name of the file in the run directory.
pub const EVENTS_FILE: &str = "events.jsonl";
/// Name of the lock file in the run directory.
pub const LOCK_FILE: &str = "lock";
/// The version this program writes, in the `start` and `exec_failed` lines.
pub const EVENTS_VERSION: u32 = 1;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Wall clock, nanoseconds since the Unix epoch.
    pub t: u64,
    /// Monotonic clock, nanoseconds since boot.
    pub m: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: RecorderEvent,
}

/// What a recorder tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum RecorderEvent {
    /// The program runs.
    Start {
        /// Format version.
        version: u32,
        /// Which boot.
        boot_id: String,
        /// The program's process id.
        pid: u32,
        /// Its start time, `/proc/PID/stat` field 22; 0 where unknown.
        pid_start: u64,
        /// The recorder's process id.
        shim_pid: u32,
    },
    /// The program could not be started.
    ExecFailed {
        /// Format version.
        version: u32,
        /// Which boot.
        boot_id: String,
        /// `errno`.
        errno: i32,
        /// `chdir /x`, `exec foo`, `open output`, ...
        what: String,
    },
    /// The terminal's size changed.
    Resize {
        /// Columns.
        cols: u16,
        /// Rows.
        rows: u16,
    },
    /// The recorder got a signal.
    Signal {
        /// Its number.
        signal: i32,
    },
    /// Input was typed through the recorder's socket.
    Input {
        /// How many bytes; never the bytes.
        bytes: u64,
    },
    /// A stop was asked through the socket.
    StopAsked {
        /// The grace in milliseconds.
        grace_ms: u64,
    },
    /// Output could not be kept from here on (`resumed` false), or is kept again (`resumed` true).
    Lost {
        /// Offset in the program's output.
        at: u64,
        /// Bytes lost so far.
        bytes: u64,
        /// `disk full`, `cap`, ...
        why: String,
        /// Whether it is kept again.
        resumed: bool,
    },
    /// The program ended. The last line of a whole file.
    End {
        /// Exit code, when it left by itself.
        code: Option<i32>,
        /// Signal, when one ended it.
        signal: Option<i32>,
        /// Whether a core was dumped.
        core: bool,
        /// Whether the kernel killed it for memory, where that can be known.
        oom: bool,
        /// CPU and memory.
        usage: ResourceUsage,
        /// Bytes the program wrote.
        bytes: u64,
        /// Bytes of them that are not in the log.
        lost: u64,
        /// Whether the recorder got a hang-up before.
        hup: bool,
        /// Whether a stop was asked before.
        stopped: bool,
        /// Descendants that outlived the program and were ended.
        orphans: u32,
    },
}
