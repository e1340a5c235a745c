//! Typed errors and moments in transcripts: what went wrong by a field, not by words, and when a limit is over by an epoch.

use super::profile::Profile;
use super::rules::kept;
use super::sign::{Sign, Source};
use crate::core::agent::Activity;
use crate::core::exit::FailureClass;
use crate::core::limit::LimitSeen;
use crate::core::time::Wall;
use crate::observe::limit_told;
use jiff::tz::TimeZone;
use serde_json::Value;

/// Longest line that is read, in bytes.
pub const LINE_MAX: usize = 256 << 10;
/// Fields in which the end of a limit stands.
const RESETS: [&str; 4] = ["resetsAt", "resets_at", "reset_at", "resetAt"];
/// How deep fields are looked for.
const DEPTH: usize = 6;

/// Reads a line of Claude's or Codex' transcript. `None` for what says nothing of its state.
pub fn sign(profile: &Profile, line: &str, at: Wall, zone: &TimeZone) -> Option<Sign> {
    if line.len() > LINE_MAX {
        return None;
    }
    sign_of(profile, &serde_json::from_str(line).ok()?, at, zone)
}

/// The same of a line that was read.
pub(super) fn sign_of(profile: &Profile, value: &Value, at: Wall, zone: &TimeZone) -> Option<Sign> {
    let kind = value.get("type").and_then(Value::as_str)?;
    // What a helper does is not what its agent does.
    if value.get("isSidechain").and_then(Value::as_bool) == Some(true) {
        return None;
    }
    match kind {
        "assistant" if value.get("isApiErrorMessage").and_then(Value::as_bool) == Some(true) => {
            Some(claude_error(profile, value, at, zone))
        }
        // It got an answer: what failed before is over.
        "assistant" if value.pointer("/message/stop_reason").and_then(Value::as_str) == Some("end_turn") => {
            Some(Sign { activity: Some(Activity::Idle), ..working("transcript/end_turn@1", at) })
        }
        "assistant" => Some(working("transcript/answer@1", at)),
        // It was asked something: a new turn.
        "user" if value.get("isMeta").and_then(Value::as_bool) != Some(true) => Some(working("transcript/asked@1", at)),
        "system" if value.get("subtype").and_then(Value::as_str) == Some("turn_duration") => {
            Some(Sign { activity: Some(Activity::Idle), ..working("transcript/turn_duration@1", at) })
        }
        "event_msg" => codex(profile, value.get("payload")?, at, zone),
        _ => None,
    }
}

fn working(rule: &str, at: Wall) -> Sign {
    // A turn may have ended with this line; the transcript says so elsewhere or nowhere.
    let mut sign = Sign::new(Source::Transcript, rule, at, 45);
    sign.activity = Some(Activity::Working);
    sign
}

fn claude_error(profile: &Profile, value: &Value, at: Wall, zone: &TimeZone) -> Sign {
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    let content = value.pointer("/message/content");
    let words =
        content.and_then(|content| content.as_str().or_else(|| content.pointer("/0/text").and_then(Value::as_str)));
    let words = words.unwrap_or_default();
    let status = value.get("apiErrorStatus").and_then(Value::as_u64).unwrap_or(0);
    let mut sign = Sign::new(Source::Transcript, profile.rule_name("typed-error", 1), at, 96);
    sign.activity = Some(Activity::Idle);
    sign.words = kept(words);
    let by_words = profile.error(words);
    let class = match (text("apiError"), text("error"), status) {
        ("usage_limit_reached", _, _) => FailureClass::UsageLimit,
        (_, "billing_error", _) => FailureClass::Billing,
        (_, "authentication_failed", _) | (_, _, 401 | 403) => FailureClass::Auth,
        ("prompt_too_long", _, _) => FailureClass::ContextFull,
        (_, _, 429 | 500..) | (_, "server_error" | "overloaded", 1..) => FailureClass::ProviderDown,
        ("connection_failed", _, _) => FailureClass::Transient,
        (_, error, _) => match (by_words, error) {
            (Some((rule, Some(class))), _) => {
                sign.rule = rule;
                class
            }
            (_, "rate_limit" | "server_error") => FailureClass::ProviderDown,
            (_, "invalid_request") => FailureClass::Permanent,
            _ => FailureClass::Transient,
        },
    };
    sign.class = Some(class);
    if class == FailureClass::UsageLimit {
        sign.limit = Some(limit_in(&sign.rule, value, words, at, zone));
    }
    sign
}

fn codex(profile: &Profile, payload: &Value, at: Wall, zone: &TimeZone) -> Option<Sign> {
    match payload.get("type").and_then(Value::as_str)? {
        "task_started" => Some(Sign { score: 58, ..working("transcript/task_started@1", at) }),
        "task_complete" => {
            let mut sign = Sign::new(Source::Transcript, "transcript/task_complete@1", at, 90);
            sign.activity = Some(Activity::Idle);
            if let Some(error) = payload.get("error").filter(|error| !error.is_null()) {
                let words = error.get("message").and_then(Value::as_str).unwrap_or_default();
                (sign.rule, sign.class) = codex_error(profile, error.get("codex_error_info"), words);
                sign.words = kept(words);
                sign.score = 96;
                if sign.class == Some(FailureClass::UsageLimit) {
                    sign.limit = Some(limit_in(&sign.rule, payload, words, at, zone));
                }
            }
            Some(sign)
        }
        _ => None,
    }
}

/// What Codex' own code of an error means. One code stands for an empty account as well: its words tell.
fn codex_error(profile: &Profile, info: Option<&Value>, words: &str) -> (String, Option<FailureClass>) {
    let (code, status) = match info {
        Some(Value::String(code)) => (code.as_str(), 0),
        Some(Value::Object(map)) => {
            let (code, inner) = map.iter().next().map_or(("", &Value::Null), |(code, inner)| (code.as_str(), inner));
            (code, inner.get("http_status_code").and_then(Value::as_u64).unwrap_or(0))
        }
        _ => ("", 0),
    };
    let by_words = profile.error(words);
    let name = |id: &str| profile.rule_name(&format!("typed-{id}"), 1);
    let class = match (code, status) {
        ("usage_limit_exceeded", _) => {
            let billing = matches!(&by_words, Some((_, Some(FailureClass::Billing))));
            if billing { FailureClass::Billing } else { FailureClass::UsageLimit }
        }
        ("context_window_exceeded", _) => FailureClass::ContextFull,
        ("unauthorized", _) | (_, 401 | 403) => FailureClass::Auth,
        (_, 402) => FailureClass::Billing,
        ("internal_server_error" | "server_overloaded", _) | (_, 429 | 500..) => FailureClass::ProviderDown,
        _ => return by_words.unwrap_or((name("error"), Some(FailureClass::Transient))),
    };
    (name(if code.is_empty() { "error" } else { code }), Some(class))
}

/// When a limit is over: by a field first, by words after that.
pub(super) fn limit_in(rule: &str, value: &Value, words: &str, at: Wall, zone: &TimeZone) -> LimitSeen {
    let told = limit_told(&[words.to_owned()], at, zone);
    let rule = Some(rule.to_owned());
    match epoch(value, DEPTH) {
        Some(resets) => {
            let form = "seconds since 1970".to_owned();
            LimitSeen {
                rule,
                resets: Some(resets),
                form,
                from: format!("resetsAt {}", resets.0 / 1000),
                long: told.long,
            }
        }
        None => LimitSeen { rule, ..told },
    }
}

/// A field that names the end of a limit, at any depth.
fn epoch(value: &Value, depth: usize) -> Option<Wall> {
    let Value::Object(map) = value else { return None };
    for (key, inner) in map {
        if RESETS.contains(&key.as_str())
            && let Some(number) = inner.as_i64()
        {
            let ms = if number > 100_000_000_000 { number } else { number.checked_mul(1000)? };
            return Some(Wall(ms));
        }
    }
    map.values().filter(|_| depth > 0).find_map(|inner| epoch(inner, depth - 1))
}

#[cfg(test)]
mod tests {
    use super::super::profile::built_in;
    use super::*;

    fn of(agent: &str, line: &str) -> Option<Sign> {
        sign(&built_in(agent).unwrap(), line, Wall(1_795_253_823_000), &TimeZone::UTC)
    }

    #[test]
    fn a_usage_limit_ends_at_its_epoch() {
        let line = r#"{"type":"assistant","isApiErrorMessage":true,"error":"rate_limit","apiErrorStatus":429,"apiError":"usage_limit_reached","apiErrorParams":{"rate_limit_info":{"resetsAt":1795257420,"rateLimitType":"five_hour"}},"message":{"model":"<synthetic>","content":[{"type":"text","text":"You've hit your 5-hour limit · resets 9am"}]}}"#;
        let sign = of("claude", line).unwrap();
        assert_eq!((sign.class, sign.activity), (Some(FailureClass::UsageLimit), Some(Activity::Idle)));
        let limit = sign.limit.unwrap();
        assert_eq!((limit.resets, limit.form.as_str()), (Some(Wall(1_795_257_420_000)), "seconds since 1970"));
    }

    #[test]
    fn what_is_said_in_a_conversation_is_no_error() {
        for line in [
            r#"{"type":"user","message":{"content":"isApiErrorMessage usage_limit_reached"}}"#,
            r#"{"type":"assistant","message":{"content":[{"type":"text","text":"API Error: 429, usage limit reached"}]}}"#,
            r#"{"type":"event_msg","payload":{"type":"agent_message","message":"You've hit your usage limit"}}"#,
            r#"{"type":"response_item","payload":{"error":"usage_limit_exceeded"}}"#,
        ] {
            assert_eq!(of("claude", line).and_then(|sign| sign.class), None, "{line}");
            assert_eq!(of("codex", line).and_then(|sign| sign.class), None, "{line}");
        }
    }

    #[test]
    fn codex_codes_are_told_apart_by_words_where_they_must() {
        use FailureClass as C;
        for (info, message, class) in [
            (r#""usage_limit_exceeded""#, "You’ve hit your usage limit. Try again at 10:34 AM.", C::UsageLimit),
            (r#""usage_limit_exceeded""#, "Quota exceeded. Check your plan and billing details.", C::Billing),
            (r#""context_window_exceeded""#, "ran out of room", C::ContextFull),
            (r#""internal_server_error""#, "high demand", C::ProviderDown),
            (r#"{"http_connection_failed":{"http_status_code":401}}"#, "unexpected status 401", C::Auth),
            (
                r#"{"response_too_many_failed_attempts":{"http_status_code":429}}"#,
                "exceeded retry limit",
                C::ProviderDown,
            ),
            (r#""other""#, "stream disconnected before completion", C::Transient),
        ] {
            let line = format!(
                r#"{{"type":"event_msg","payload":{{"type":"task_complete","error":{{"message":"{message}","codex_error_info":{info}}}}}}}"#
            );
            assert_eq!(of("codex", &line).unwrap().class, Some(class), "{info} {message}");
        }
        let good = of("codex", r#"{"type":"event_msg","payload":{"type":"task_complete","last_agent_message":"x"}}"#);
        assert_eq!(good.unwrap().class, None);
    }

    #[test]
    fn a_line_that_is_too_long_or_none_is_nothing() {
        let long = format!(r#"{{"type":"assistant","isApiErrorMessage":true,"x":"{}"}}"#, "y".repeat(LINE_MAX));
        assert_eq!(of("claude", &long), None);
        assert_eq!(of("claude", "[1,2"), None);
        assert_eq!(of("claude", "[]"), None);
    }
}
