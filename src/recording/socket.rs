//! The recorder's socket: requests are one JSON line, `input` followed by raw bytes; answers and news are JSON lines.

use serde::{Deserialize, Serialize};

/// What a client asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cmd", rename_all = "snake_case")]
pub enum Request {
    /// Send [`News`] from now on, beginning with [`News::Hello`].
    Watch,
    /// Type `len` bytes that follow this line. Answered with [`Answer`].
    Input {
        /// Bytes that follow; at most 1 MiB.
        len: u64,
        /// As a paste: control characters but tab and newline are dropped, newline becomes carriage return, and the
        /// whole is bracketed when the program asked for that (`CSI ? 2004 h`). Otherwise the bytes go as they are.
        paste: bool,
    },
    /// Set the terminal size while no tmux client does. Answered with [`Answer`].
    Resize {
        /// Columns.
        cols: u16,
        /// Rows.
        rows: u16,
    },
    /// End the program and all its descendants. Answered with [`Answer`] at once; the end comes as news.
    Stop {
        /// Milliseconds from the first polite request to the last `SIGKILL`.
        grace_ms: u64,
    },
}

/// The answer to a request other than `watch`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Whether it was done.
    pub ok: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What a watcher is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "news", rename_all = "snake_case")]
pub enum News {
    /// First, at once.
    Hello {
        /// The attempt's id.
        attempt: String,
        /// The recorder's process id.
        shim_pid: u32,
        /// Bytes of output so far.
        bytes: u64,
    },
    /// There is more output; told at most every [`OUTPUT_NEWS_MS`], the last state always.
    Output {
        /// Bytes of output so far.
        bytes: u64,
    },
    /// `events.jsonl` has a new line.
    Event,
    /// The end is recorded; the connection closes.
    Ended,
}

/// Least milliseconds between two [`News::Output`] to one watcher.
pub const OUTPUT_NEWS_MS: u64 = 500;
