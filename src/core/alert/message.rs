//! What is told to somebody through a channel, as data: the seam between the decisions and the senders.

use crate::core::time::Wall;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One message for one channel. It is journaled before it is sent, so it may be sent twice, always with the same key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The idempotency key: the same for every try to deliver this message, different for any other message.
    pub key: String,
    /// The channel's name in the file.
    pub channel: String,
    /// What it tells.
    pub kind: MessageKind,
    /// How bad it is.
    pub severity: Severity,
    /// One line.
    pub title: String,
    /// The details; may have several lines.
    pub body: String,
    /// The session it is about, if it is about one.
    #[serde(default)]
    pub session: Option<String>,
    /// The project it is about, if it is about one.
    #[serde(default)]
    pub project: Option<String>,
    /// Since when it holds.
    pub since: Wall,
    /// When it was decided to tell it.
    pub at: Wall,
    /// One command that can be copied and that helps.
    #[serde(default)]
    pub command: Option<String>,
    /// How many occurrences it stands for.
    pub count: u64,
    /// The night it belongs to, if there is one.
    #[serde(default)]
    pub night: Option<String>,
    /// What the alert is told apart by from other alerts.
    #[serde(default)]
    pub dedupe_key: Option<String>,
    /// Receivers on the channel that have it from an earlier try.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reached: Vec<String>,
}

/// What a message tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// An alert opened.
    Fired,
    /// It still holds.
    Repeated,
    /// It still holds and nobody reacted: somebody else is told.
    Escalated,
    /// It holds no longer.
    Resolved,
    /// Several alerts in one message, or that nothing needs anybody.
    Summary,
    /// Somebody tries out a channel.
    Test,
    /// The morning report.
    Report,
}

/// How bad it is. The words are those of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Only the report tells it, unless the file says otherwise.
    Low,
    /// Told once.
    Medium,
    /// Told, and told again.
    High,
    /// Somebody must be woken.
    Critical,
}

impl MessageKind {
    /// The word for it in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fired => "fired",
            Self::Repeated => "repeated",
            Self::Escalated => "escalated",
            Self::Resolved => "resolved",
            Self::Summary => "summary",
            Self::Test => "test",
            Self::Report => "report",
        }
    }
}

impl Severity {
    /// The word for it in the file, in JSON, tables and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// What came of one try to deliver a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The other side has taken it.
    Delivered,
    /// It has not, or nobody knows.
    Failed {
        /// Why, in one line without secrets and control characters.
        why: String,
        /// Not before this long, when the other side said so; at most an hour.
        retry_after: Option<Duration>,
        /// Whether trying again cannot help.
        permanent: bool,
        /// Receivers that have it all the same.
        reached: Vec<String>,
    },
}
