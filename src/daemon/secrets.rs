//! Facts of the journal on their way out: as they were journaled, but for secrets.

use crate::core::plan::is_secret_name;
use crate::terminal::redact;
use crate::terminal::redact::{REDACTED, may_hold};
use std::borrow::Cow;

/// A fact's JSON with the values of variables that hold secrets, and what else looks like one, replaced.
pub fn without(body: &str) -> serde_json::Result<Cow<'_, str>> {
    if !body.contains("\"env\":{\"") && !may_hold(body) {
        return Ok(Cow::Borrowed(body));
    }
    let mut fact: serde_json::Value = serde_json::from_str(body)?;
    let before = fact.clone();
    hide_secrets(&mut fact, false);
    if fact == before { Ok(Cow::Borrowed(body)) } else { serde_json::to_string(&fact).map(Cow::Owned) }
}

fn hide_secrets(value: &mut serde_json::Value, in_env: bool) {
    match value {
        serde_json::Value::String(text) => {
            if let Cow::Owned(hidden) = redact(text) {
                *text = hidden;
            }
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| hide_secrets(item, false)),
        serde_json::Value::Object(map) => {
            for (key, value) in map {
                if in_env && is_secret_name(key) {
                    *value = REDACTED.into();
                } else {
                    hide_secrets(value, key == "env");
                }
            }
        }
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exported_fact_holds_no_secret_and_is_else_as_journaled() {
        let plain = r#"{"at":1,"kind":"x","env":{"PATH":"/bin"}}"#;
        assert!(matches!(without(plain).unwrap(), Cow::Borrowed(_)));
        let body = r#"{"kind":"plan_adopted","env":{"A_TOKEN":"short","PATH":"/bin"},"last":"DB_PASSWORD=hunter22"}"#;
        let shown = without(body).unwrap();
        assert!(!shown.contains("short") && !shown.contains("hunter22"), "{shown}");
        assert!(shown.contains("/bin") && shown.contains("A_TOKEN"), "{shown}");
    }
}
