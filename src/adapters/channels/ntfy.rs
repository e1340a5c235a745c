//! ntfy: the text is the body, the rest are headers.

use super::fault::Fault;
use super::http::{Post, Refusal};
use super::secrets::Credentials;
use super::words::fitted;
use crate::core::alert::message::{Message, MessageKind, Severity};
use crate::core::alert::template::Values;
use crate::core::secret::Secret;
use base64::Engine as _;

/// What a message says.
const TEMPLATE: &str = "{{ text }}{% if command %}\n\n{{ command }}{% endif %}";
/// A longer message becomes an attachment, in bytes; the server's limit is 4,096.
const TEXT_MAX: usize = 3_900;
/// Longest name of a sequence that the server takes.
const SEQUENCE_MAX: usize = 64;

pub(super) fn request(message: &Message, own: Option<&str>, url: Secret, auth: &Credentials) -> Result<Post, Fault> {
    let values = Values::Escaped(str::to_owned);
    let text = fitted(own.unwrap_or(TEMPLATE), values, message, str::len, TEXT_MAX)?;
    // An empty body would be shown as "triggered".
    let text = if text.trim().is_empty() { message.title.clone() } else { text };
    let mut post = Post::new(url, "text/plain; charset=utf-8", text)?
        .header("title", &header_text(&message.title))?
        .header("priority", priority(message))?
        .header("tags", tag(message))?
        .auth(auth)?;
    // The same message sent twice replaces itself where the server knows how.
    let sequence = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if message.key.len() <= SEQUENCE_MAX && !message.key.is_empty() && message.key.chars().all(sequence) {
        post = post.header("x-sequence-id", &message.key)?;
    }
    Ok(post)
}

/// A header is ASCII; other text travels as an encoded word.
fn header_text(text: &str) -> String {
    if text.is_ascii() && !text.starts_with("=?") {
        return text.to_owned();
    }
    format!("=?UTF-8?B?{}?=", base64::engine::general_purpose::STANDARD.encode(text))
}

fn priority(message: &Message) -> &'static str {
    match (message.kind, message.severity) {
        (
            MessageKind::Resolved | MessageKind::Summary | MessageKind::Report,
            Severity::Critical | Severity::High | Severity::Medium,
        ) => "3",
        (
            MessageKind::Fired | MessageKind::Repeated | MessageKind::Escalated | MessageKind::Test,
            Severity::Critical,
        ) => "5",
        (MessageKind::Fired | MessageKind::Repeated | MessageKind::Escalated | MessageKind::Test, Severity::High) => {
            "4"
        }
        (MessageKind::Fired | MessageKind::Repeated | MessageKind::Escalated | MessageKind::Test, Severity::Medium) => {
            "3"
        }
        (_, Severity::Low) => "2",
    }
}

fn tag(message: &Message) -> &'static str {
    match message.kind {
        MessageKind::Resolved => "white_check_mark",
        MessageKind::Summary | MessageKind::Report => "sunrise",
        MessageKind::Test => "bell",
        MessageKind::Fired | MessageKind::Repeated | MessageKind::Escalated => match message.severity {
            Severity::Critical => "rotating_light",
            Severity::High | Severity::Medium => "warning",
            Severity::Low => "information_source",
        },
    }
}

/// The server answers with the message it made.
pub(super) fn took(text: &str) -> Result<(), Refusal> {
    let answer: Option<serde_json::Value> = serde_json::from_str(text).ok();
    answer.filter(serde_json::Value::is_object).map(drop).ok_or(Refusal::Strange)
}
