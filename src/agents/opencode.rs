//! opencode's stream of events: the data of one event, as JSON.

use super::profile::Profile;
use super::rules::kept;
use super::sign::{Sign, Source};
use crate::core::agent::{Activity, Choice, Prompt, PromptKind};
use crate::core::exit::FailureClass;
use crate::core::time::Wall;
use serde_json::Value;

/// Reads one event. `None` for what says nothing of its state.
pub fn sign(profile: &Profile, data: &str, at: Wall) -> Option<Sign> {
    let value: Value = serde_json::from_str(data).ok()?;
    let kind = value.get("type").and_then(Value::as_str)?;
    let of = |path: &str| value.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let mut sign = Sign::new(Source::Events, format!("event/{}@1", kept(kind)), at, 94);
    match kind {
        "session.status" => match of("/properties/status/type") {
            "busy" => sign.activity = Some(Activity::Working),
            "idle" => sign.activity = Some(Activity::Idle),
            "retry" => {
                sign.activity = Some(Activity::Working);
                sign.retries = true;
                let words = of("/properties/status/message");
                let next = value.pointer("/properties/status/next").and_then(Value::as_i64);
                sign.tried = next.is_some_and(|next| next.saturating_sub(at.0) < 1_000);
                sign.words = kept(words);
                let (rule, class) = profile.error(words).unwrap_or((sign.rule.clone(), Some(FailureClass::Transient)));
                (sign.rule, sign.class) = (rule, class);
            }
            _ => return None,
        },
        "session.idle" => sign.activity = Some(Activity::Idle),
        "permission.asked" | "permission.updated" => {
            sign.activity = Some(Activity::Prompting);
            let command = value.pointer("/properties/metadata/command").and_then(Value::as_str);
            let command = command.or_else(|| value.pointer("/properties/patterns/0").and_then(Value::as_str));
            let what = of("/properties/permission");
            let label = |label: &str, key: &str| Choice { label: label.into(), key: Some(key.into()), selected: false };
            sign.words = kept(command.unwrap_or(what));
            sign.prompt = Some(Prompt {
                kind: PromptKind::Permission,
                about: match what {
                    "bash" => "bash-command",
                    "edit" | "write" => "edit",
                    "webfetch" => "fetch",
                    _ => "",
                }
                .to_owned(),
                question: format!("May it use {}?", kept(what)),
                command: command.map(kept),
                choices: vec![label("Allow once", "once"), label("Allow always", "always"), label("Reject", "reject")],
                stable_since: at,
            });
        }
        "permission.replied" => sign.activity = Some(Activity::Working),
        "session.error" => {
            sign.activity = Some(Activity::Idle);
            let words = of("/properties/error/data/message");
            let status = value.pointer("/properties/error/data/statusCode").and_then(Value::as_u64).unwrap_or(0);
            sign.words = kept(if words.is_empty() { of("/properties/error/name") } else { words });
            if of("/properties/error/name") == "MessageAbortedError" {
                return Some(sign);
            }
            let by_status = match status {
                401 | 403 => Some(FailureClass::Auth),
                402 => Some(FailureClass::Billing),
                429 | 500.. => Some(FailureClass::ProviderDown),
                _ => None,
            };
            match (profile.error(words), by_status) {
                (Some((rule, Some(class))), _) => (sign.rule, sign.class) = (rule, Some(class)),
                (_, Some(class)) => sign.class = Some(class),
                (_, None) => sign.class = Some(FailureClass::Transient),
            }
        }
        _ => return None,
    }
    Some(sign)
}

#[cfg(test)]
mod tests {
    use super::super::profile::built_in;
    use super::*;

    fn of(data: &str) -> Option<Sign> {
        sign(&built_in("opencode").unwrap(), data, Wall(7))
    }

    #[test]
    fn events_tell_what_it_does() {
        let retry = r#"{"type":"session.status","properties":{"sessionID":"s","status":{"type":"retry","attempt":2,"message":"The usage limit has been reached","next":1795253899000}}}"#;
        let sign = of(retry).unwrap();
        assert_eq!(
            (sign.activity, sign.class, sign.retries),
            (Some(Activity::Working), Some(FailureClass::UsageLimit), true)
        );
        assert!(!sign.tried, "it waits");
        let at_once = retry.replace("1795253899000", "600");
        assert!(of(&at_once).unwrap().tried, "it does not wait");
        let asked = r#"{"type":"permission.asked","properties":{"id":"p","permission":"bash","patterns":["git push *"],"metadata":{"command":"git push"}}}"#;
        let prompt = of(asked).unwrap().prompt.unwrap();
        assert_eq!((prompt.about.as_str(), prompt.command.as_deref()), ("bash-command", Some("git push")));
        let error = r#"{"type":"session.error","properties":{"error":{"name":"APIError","data":{"message":"Incorrect API key provided","statusCode":401,"isRetryable":false}}}}"#;
        assert_eq!(of(error).unwrap().class, Some(FailureClass::Auth));
        let idle = r#"{"type":"session.status","properties":{"status":{"type":"idle"}}}"#;
        assert_eq!(of(idle).unwrap().activity, Some(Activity::Idle));
        assert_eq!(of(r#"{"type":"message.part.updated","properties":{"part":{"text":"usage limit"}}}"#), None);
    }
}
