//! What the API tells of a session's output: the bytes themselves come as they are, this is what stands around them.
//!
//! Times are milliseconds since the Unix epoch here, because they come by the thousand.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most bytes that one answer holds.
pub const SPAN_MAX: u64 = 1 << 20;
/// Most points of time in one answer.
pub const POINTS_MAX: u64 = 4096;
/// The header with the offset at which the answered bytes begin: not before what is kept.
pub const FROM_HEADER: &str = "x-nightkeep-from";
/// The header with the bytes of the whole log so far.
pub const BYTES_HEADER: &str = "x-nightkeep-bytes";
/// The header with the attempt's id.
pub const ATTEMPT_HEADER: &str = "x-nightkeep-attempt";

/// `GET /v1/sessions/{name}/output/about`: what is recorded about an attempt's output.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutputAbout {
    /// Version of this form.
    pub schema: u32,
    /// The attempt's id, `2026-11-21/load/1.2`.
    pub attempt: String,
    /// All attempts of the session that left output, oldest first.
    pub attempts: Vec<String>,
    /// Bytes of the log so far. What was dropped to keep it within its cap counts.
    pub bytes: u64,
    /// The first byte that is kept.
    pub kept_from: u64,
    /// Places at which output is missing.
    pub gaps: Vec<OutputGap>,
    /// The terminal's sizes, oldest first; the first one is that of the beginning. Never empty.
    pub sizes: Vec<OutputSize>,
    /// When the program started.
    pub began_ms: Option<i64>,
    /// When it ended.
    pub ended_ms: Option<i64>,
    /// How it ended: `0`, `1`, `signal 9`, ...; null while it runs, or when nobody knows.
    pub exit: Option<String>,
    /// Whether more may come.
    pub lives: bool,
    /// When output came: picked points, in the order of the log. Empty when no times are recorded.
    pub times: Vec<OutputTime>,
}

/// Output that is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutputGap {
    /// It stood before the log's byte of this offset.
    pub at: u64,
    /// How many bytes; 0 while nobody knows.
    pub bytes: u64,
    /// `disk full`, ...
    pub why: String,
}

/// From this byte on the terminal has this size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutputSize {
    /// Offset in the log.
    pub at: u64,
    /// Columns.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
}

/// When a piece of output came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutputTime {
    /// When.
    pub ms: i64,
    /// The offset of its first byte.
    pub at: u64,
}

/// One server-sent event of `GET /v1/sessions/{name}/output/follow`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "news", rename_all = "snake_case")]
pub enum OutputNews {
    /// First: what there is.
    About {
        /// As [`OutputAbout`], without points of time.
        about: Box<OutputAbout>,
    },
    /// Output.
    Bytes {
        /// Where in the log it begins.
        at: u64,
        /// The bytes, base64.
        data: String,
    },
    /// The terminal has this size from here on.
    Size {
        /// Which.
        size: OutputSize,
    },
    /// You were too slow, or bytes are missing: what stands before this offset does not come.
    Skipped {
        /// Where it goes on.
        to: u64,
    },
    /// The program ended and all its output was told. The stream ends.
    Ended {
        /// How, as in [`OutputAbout::exit`].
        exit: Option<String>,
    },
}
