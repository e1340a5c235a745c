//! A message as the JSON document that webhooks, commands and templates get. Its keys are a promise to other programs.

use super::message::{Message, MessageKind};
use crate::core::time::Wall;
use serde_json::{Value, json};

/// The document of a message, with its long text as given: who sends it knows how much is taken.
pub fn document(message: &Message, text: &str) -> Value {
    let (id, seq) = id_and_seq(&message.key);
    json!({
        "schema": 1,
        "id": id,
        "seq": seq,
        "dedupe_key": message.dedupe_key.as_deref().unwrap_or(id),
        "severity": message.severity.as_str(),
        "state": state(message.kind),
        "title": message.title,
        "text": text,
        "session": message.session,
        "project": message.project,
        "night": message.night,
        "at": time(message.at),
        "since": time(message.since),
        "command": message.command,
        "count": message.count,
    })
}

/// The alert and the number of the message in it: `a7-3` is the third message of `a7`.
fn id_and_seq(key: &str) -> (&str, u64) {
    let parts = key.rsplit_once('-').and_then(|(id, seq)| Some((id, seq.parse().ok()?)));
    parts.filter(|(id, _)| !id.is_empty()).unwrap_or((key, 1))
}

/// The word for what a message tells.
fn state(kind: MessageKind) -> &'static str {
    match kind {
        MessageKind::Fired => "open",
        MessageKind::Repeated => "reminder",
        MessageKind::Escalated => "escalated",
        MessageKind::Resolved => "resolved",
        MessageKind::Summary | MessageKind::Report => "digest",
        MessageKind::Test => "test",
    }
}

fn time(at: Wall) -> Option<String> {
    jiff::Timestamp::from_millisecond(at.0).ok().map(|t| t.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_gives_the_alert_and_the_number() {
        for (key, id, seq) in
            [("a7-3", "a7", 3), ("test", "test", 1), ("a-b-12", "a-b", 12), ("a-b", "a-b", 1), ("-1", "-1", 1)]
        {
            assert_eq!(id_and_seq(key), (id, seq), "{key}");
        }
    }
}
