//! The recorder's socket: requests are one JSON line, `input` followed by raw bytes; answers and news are JSON lines.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Longest request or answer line, in bytes.
pub const LINE_MAX: usize = 4096;
/// Most bytes one `input` types.
pub const INPUT_MAX: u64 = 1024 * 1024;
/// Clients served at once; more are turned away.
pub const CLIENTS_MAX: usize = 8;

/// What a client asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cmd", rename_all = "snake_case")]
pub enum Request {
    /// Send [`News`] from now on, beginning with [`News::Hello`].
    Watch,
    /// As [`Request::Watch`], with [`News::Output`] as often as once in so many milliseconds: for somebody who looks on.
    Follow {
        /// Least milliseconds between two; at least [`FOLLOW_NEWS_MS`], at most [`OUTPUT_NEWS_MS`].
        every_ms: u64,
    },
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
pub const OUTPUT_NEWS_MS: u64 = 1000;
/// The same for those who follow closely, at the fastest.
pub const FOLLOW_NEWS_MS: u64 = 20;

/// Any line that a recorder sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The answer to a request.
    Answer(Answer),
    /// News for a watcher.
    News(News),
}

/// A message as a line, with its newline.
pub fn encode<T: Serialize>(message: &T) -> Vec<u8> {
    let mut line = serde_json::to_vec(message).unwrap_or_default();
    line.push(b'\n');
    line
}

/// Reads a message from a line, with or without its newline; `None` when it is none.
pub fn decode<T: DeserializeOwned>(line: &[u8]) -> Option<T> {
    if line.len() > LINE_MAX + 1 { None } else { serde_json::from_slice(line).ok() }
}

/// Reads a line that a recorder sent; `None` when it is neither answer nor news that this program knows.
pub fn decode_reply(line: &[u8]) -> Option<Reply> {
    decode(line).map(Reply::Answer).or_else(|| decode(line).map(Reply::News))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_on_the_wire_are_fixed() {
        let input = Request::Input { len: 3, paste: true };
        assert_eq!(encode(&input), b"{\"cmd\":\"input\",\"len\":3,\"paste\":true}\n");
        assert_eq!(decode::<Request>(b"{\"cmd\":\"watch\"}"), Some(Request::Watch));
        assert_eq!(decode::<Request>(b"{\"cmd\":\"fly\"}"), None);
        assert_eq!(encode(&Request::Follow { every_ms: 50 }), b"{\"cmd\":\"follow\",\"every_ms\":50}\n");
        let hello = News::Hello { attempt: "2026-11-21/a/1.1".into(), shim_pid: 7, bytes: 9 };
        assert_eq!(decode_reply(&encode(&hello)), Some(Reply::News(hello)));
        let no = Answer { ok: false, error: Some("no".into()) };
        assert_eq!(decode_reply(&encode(&no)), Some(Reply::Answer(no)));
        assert_eq!(decode_reply(b"{}"), None);
    }
}
