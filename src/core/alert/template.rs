//! The templates of messages: the one place that knows the template engine.
//!
//! A template comes from the file, the values in it from programs that may be hostile. So each value is made harmless
//! for where it goes, by an escape that the template cannot forget; and what a template may do is bounded.

use super::document::document;
use super::message::{Message, MessageKind, Severity};
use crate::core::time::Wall;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde_json::Value;
use std::error::Error as _;

/// How many steps a template may take.
const STEPS_MAX: u64 = 100_000;
/// Longest template, in bytes.
pub const TEMPLATE_MAX: usize = 16 << 10;
/// Longest result, in bytes.
const RESULT_MAX: usize = 256 << 10;

/// What becomes of the values in a template.
#[derive(Debug, Clone, Copy)]
pub enum Values {
    /// Each is written as JSON.
    Json,
    /// Each goes through a function.
    Escaped(fn(&str) -> String),
}

/// Why a template cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}{}", line.map(|n| format!(" in its line {n}")).unwrap_or_default())]
pub struct TemplateFault {
    /// What is wrong, in one line.
    pub what: String,
    /// Where in the template, from 1.
    pub line: Option<usize>,
}

/// Renders a template with the values of a message's document.
pub fn render(template: &str, values: Values, document: &Value) -> Result<String, TemplateFault> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(STEPS_MAX));
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    match values {
        Values::Json => environment.set_auto_escape_callback(|_| AutoEscape::Json),
        Values::Escaped(escape) => {
            environment.set_auto_escape_callback(|_| AutoEscape::None);
            environment.set_formatter(move |out, _, value| {
                if value.is_none() {
                    return Ok(());
                }
                let text = value.to_string();
                out.write_str(&if value.is_safe() { text } else { escape(&text) })?;
                Ok(())
            });
        }
    }
    let rendered =
        environment.render_str(template, minijinja::value::Serde(document)).map_err(|error| fault(&error))?;
    if rendered.len() > RESULT_MAX {
        return Err(TemplateFault { what: format!("it makes more than {RESULT_MAX} bytes"), line: None });
    }
    Ok(rendered)
}

/// Tries a template with a made-up message.
pub fn check(template: &str, values: Values) -> Result<(), TemplateFault> {
    let sample = Message {
        key: "a7-1".into(),
        channel: "sample".into(),
        kind: MessageKind::Fired,
        severity: Severity::High,
        title: "title".into(),
        body: "text".into(),
        session: Some("session".into()),
        project: Some("project".into()),
        since: Wall(0),
        at: Wall(0),
        command: Some("nightkeep status".into()),
        count: 1,
        night: Some("2026-11-21".into()),
        dedupe_key: Some("key".into()),
        reached: Vec::new(),
    };
    let made = render(template, values, &document(&sample, &sample.body))?;
    match values {
        Values::Escaped(_) => Ok(()),
        Values::Json => match serde_json::from_str::<serde::de::IgnoredAny>(&made) {
            Ok(_) => Ok(()),
            Err(error) => Err(TemplateFault { what: format!("what it makes is not JSON: {error}"), line: None }),
        },
    }
}

fn fault(error: &minijinja::Error) -> TemplateFault {
    let mut what = error.kind().to_string();
    if let Some(detail) = error.detail() {
        what = format!("{what}: {detail}");
    }
    if let Some(cause) = error.source() {
        what = format!("{what}: {cause}");
    }
    TemplateFault { what: what.replace(['\n', '\r'], " "), line: error.line() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shout(text: &str) -> String {
        text.to_uppercase()
    }

    #[test]
    fn values_are_escaped_and_the_templates_own_words_are_not() {
        let values = json!({ "title": "a", "none": null });
        let made = render("x {{ title }}{{ none }} {{ title | safe }}", Values::Escaped(shout), &values);
        assert_eq!(made.unwrap(), "x A a");
    }

    #[test]
    fn json_values_cannot_leave_their_place() {
        let values = json!({ "title": "\"}, {\"admin\": true, \"x\": \"</script>" });
        let made = render(r#"{"text": {{ title }}}"#, Values::Json, &values).unwrap();
        let read: Value = serde_json::from_str(&made).unwrap();
        assert_eq!(read, json!({ "text": values["title"] }));
    }

    #[test]
    fn a_template_is_tried_before_it_counts() {
        assert_eq!(check("{{ title }}: {{ text }}", Values::Escaped(shout)), Ok(()));
        assert_eq!(check("{{ title }", Values::Escaped(shout)).unwrap_err().line, Some(1));
        assert!(check("\n{{ titel }}", Values::Escaped(shout)).unwrap_err().to_string().contains("in its line 2"));
        assert_eq!(check(r#"{"a": {{ title }}, "n": {{ count }}, "s": {{ session }}}"#, Values::Json), Ok(()));
        assert!(check(r#"{"a": {{ title }}"#, Values::Json).unwrap_err().what.contains("not JSON"));
    }

    #[test]
    fn a_template_without_end_is_stopped() {
        let endless = "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
        assert!(render(endless, Values::Escaped(shout), &json!({})).is_err());
    }
}
