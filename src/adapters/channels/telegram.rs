//! Telegram's Bot API.

use super::fault::Fault;
use super::http::{Post, Refusal};
use super::words::fitted;
use crate::core::alert::message::{Message, MessageKind, Severity};
use crate::core::alert::template::Values;
use crate::core::secret::Secret;
use serde_json::{Value, json};

/// Telegram's own server.
const SERVER: &str = "https://api.telegram.org";
/// What a message says, as Telegram's HTML.
const TEMPLATE: &str =
    "<b>{{ title }}</b>{% if text %}\n{{ text }}{% endif %}{% if command %}\n\n<code>{{ command }}</code>{% endif %}";
/// Telegram refuses longer ones; the limit of 4,096 is for the text without its markup.
const TEXT_MAX: usize = 4_000;

/// The text for all chats.
pub(super) fn text(message: &Message, own: Option<&str>) -> Result<String, Fault> {
    fitted(own.unwrap_or(TEMPLATE), Values::Escaped(escape), message, utf16, TEXT_MAX)
}

pub(super) fn request(
    text: &str,
    chat: &str,
    message: &Message,
    server: Option<&Secret>,
    token: &Secret,
) -> Result<Post, Fault> {
    // The token becomes part of a path: nothing in it may lead elsewhere.
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-');
    if !token.expose().chars().all(plain) {
        return Err(Fault::permanent("the token has a character that no bot's token has"));
    }
    let server = server.map_or(SERVER, Secret::expose).trim_end_matches('/');
    let url = Secret::new(format!("{server}/bot{}/sendMessage", token.expose()));
    let chat: Value = chat.parse::<i64>().map_or_else(|_| chat.into(), Into::into);
    // Good news need not make a sound.
    let silent = message.severity == Severity::Low || message.kind == MessageKind::Resolved;
    let body = json!({
        "chat_id": chat,
        "text": text,
        "parse_mode": "HTML",
        "link_preview_options": { "is_disabled": true },
        "disable_notification": silent,
    });
    Post::json(url, &body)
}

/// Text for Telegram's HTML.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Telegram counts in UTF-16.
fn utf16(text: &str) -> usize {
    text.encode_utf16().count()
}

/// Telegram says so in JSON.
pub(super) fn took(text: &str) -> Result<(), Refusal> {
    let answer: Value = serde_json::from_str(text).map_err(|_| Refusal::Strange)?;
    match answer.get("ok").and_then(Value::as_bool) {
        Some(true) => Ok(()),
        Some(false) => {
            let why = answer.get("description").and_then(Value::as_str).unwrap_or("without a reason");
            Err(Refusal::Said(why.to_owned()))
        }
        None => Err(Refusal::Strange),
    }
}
