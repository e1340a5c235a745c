//! Slack's incoming webhooks, and the services that understand the same.

use super::fault::Fault;
use super::http::{Post, Refusal};
use super::words::{chars, fitted, without_mentions};
use crate::core::alert::message::Message;
use crate::core::alert::template::Values;
use crate::core::secret::Secret;
use serde_json::{Value, json};

/// What a message says.
const TEMPLATE: &str = "{{ title }}{% if text %}\n{{ text }}{% endif %}{% if command %}\n\n{{ command }}{% endif %}";
/// Slack cuts longer ones at places of its own, in characters.
const TEXT_MAX: usize = 3_900;

pub(super) fn request(message: &Message, own: Option<&str>, url: Secret) -> Result<Post, Fault> {
    let text = fitted(own.unwrap_or(TEMPLATE), Values::Escaped(escape), message, chars, TEXT_MAX)?;
    // There is no escape for `*` and `_`: the built-in text goes without markup, so that commands stay as they are. Who
    // writes a template wants markup.
    let body = json!({
        "text": text,
        "mrkdwn": own.is_some(),
        "link_names": false,
        "unfurl_links": false,
        "unfurl_media": false,
    });
    Post::json(url, &body)
}

/// Takes away the meaning of what Slack would read as a link, a user or a call to everybody.
fn escape(text: &str) -> String {
    without_mentions(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Slack says `ok`; others that understand the same say so in JSON, or nothing.
pub(super) fn took(text: &str) -> Result<(), Refusal> {
    let text = text.trim();
    if text.is_empty() || text.eq_ignore_ascii_case("ok") {
        return Ok(());
    }
    let Ok(answer) = serde_json::from_str::<Value>(text) else {
        let word = text.chars().all(|c| c.is_ascii_lowercase() || matches!(c, '_' | ' '));
        return Err(if word { Refusal::Said(text.to_owned()) } else { Refusal::Strange });
    };
    match answer.get("ok").or_else(|| answer.get("success")).and_then(Value::as_bool) {
        Some(true) => Ok(()),
        Some(false) => {
            let why = answer.get("error").and_then(Value::as_str).unwrap_or("without a reason");
            Err(Refusal::Said(why.to_owned()))
        }
        None => Err(Refusal::Strange),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_says_no_is_seen_whatever_its_status() {
        assert_eq!(took("ok"), Ok(()));
        assert_eq!(took(r#"{"success":true}"#), Ok(()));
        assert_eq!(took("invalid_payload"), Err(Refusal::Said("invalid_payload".into())));
        assert_eq!(took(r#"{"ok":false,"error":"no_service"}"#), Err(Refusal::Said("no_service".into())));
        assert_eq!(took("<html>please log in"), Err(Refusal::Strange));
    }

    #[test]
    fn what_slack_would_act_on_is_only_text() {
        assert_eq!(escape("<!channel> & <@U1>"), "&lt;!channel&gt; &amp; &lt;@U1&gt;");
        assert_eq!(escape("@channel"), "@\u{200b}channel");
    }
}
