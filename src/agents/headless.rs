//! Agents without a screen: the JSON lines they print.

use super::profile::Profile;
use super::rules::kept;
use super::sign::{Sign, Source};
use super::typed::{LINE_MAX, limit_in};
use crate::core::agent::Activity;
use crate::core::exit::FailureClass;
use crate::core::time::Wall;
use jiff::tz::TimeZone;
use serde_json::Value;

/// Finds lines of JSON in output, as it comes.
#[derive(Debug, Default)]
pub struct Lines {
    line: Vec<u8>,
    /// The line is too long, or does not begin as JSON does: the rest of it is passed over.
    pass: bool,
}

impl Lines {
    /// Takes the next output; gives every whole line that may be JSON.
    pub fn feed(&mut self, mut bytes: &[u8], mut each: impl FnMut(&str)) {
        while !bytes.is_empty() {
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let (part, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
            bytes = rest.get(1..).unwrap_or_default();
            self.take(part);
            if end.is_some() {
                if !self.pass
                    && let Ok(line) = std::str::from_utf8(&self.line)
                    && line.starts_with('{')
                {
                    each(line.trim_end());
                }
                self.line.clear();
                self.pass = false;
            }
        }
    }
    fn take(&mut self, part: &[u8]) {
        if self.pass || part.is_empty() {
            return;
        }
        let is_json = !self.line.is_empty() || part.first() == Some(&b'{');
        if is_json && self.line.len() + part.len() <= LINE_MAX {
            self.line.extend_from_slice(part);
        } else {
            self.pass = true;
            self.line.clear();
        }
    }
}

/// What is denied where nobody can be asked, as a line tells it: what tells it from others, and what it was.
pub fn denied(line: &str) -> Vec<(String, String)> {
    // Most lines tell of nothing denied, and are not read for it.
    if !["permission_den", "\"declined\"", "rejected permission"].iter().any(|hint| line.contains(hint)) {
        return Vec::new();
    }
    let Ok(value) = serde_json::from_str::<Value>(line) else { return Vec::new() };
    let text = |value: &Value, path: &str| value.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
    let named = |value: &Value, tool: &str, input: &str| {
        let of = ["command", "file_path", "filePath", "path", "url"].map(|key| text(value, &format!("{input}/{key}")));
        let of = of.into_iter().find(|of| !of.is_empty()).unwrap_or_default();
        kept(format!("{} {of}", text(value, tool)).trim())
    };
    match value.get("type").and_then(Value::as_str) {
        // Claude: as it happens, and all of them at the end.
        Some("system") if text(&value, "/subtype") == "permission_denied" => {
            vec![(text(&value, "/tool_use_id"), kept(&text(&value, "/tool_name")))]
        }
        Some("result") => {
            let all = value.get("permission_denials").and_then(Value::as_array);
            let all = all.into_iter().flatten();
            all.map(|one| (text(one, "/tool_use_id"), named(one, "/tool_name", "/tool_input"))).collect()
        }
        // Codex.
        Some("item.completed") if text(&value, "/item/status") == "declined" => {
            vec![(text(&value, "/item/id"), named(&value, "/item/type", "/item").replace("command_execution ", ""))]
        }
        // opencode.
        Some("tool_use") if text(&value, "/part/state/error").contains("rejected permission") => {
            vec![(text(&value, "/part/callID"), named(&value, "/part/tool", "/part/state/input"))]
        }
        Some(_) | None => Vec::new(),
    }
}

/// Reads one line. `None` for what says nothing of its state.
pub fn sign(profile: &Profile, line: &str, at: Wall, zone: &TimeZone) -> Option<Sign> {
    let value: Value = serde_json::from_str(line).ok()?;
    let kind = value.get("type").and_then(Value::as_str)?;
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    let mut sign = Sign::new(Source::Headless, format!("json/{}@1", kept(kind)), at, 95);
    let failed = |sign: &mut Sign, words: &str, status: u64| {
        let by_status = match status {
            401 | 403 => Some(FailureClass::Auth),
            402 => Some(FailureClass::Billing),
            429 | 500.. => Some(FailureClass::ProviderDown),
            _ => None,
        };
        sign.words = kept(words);
        match (profile.error(words), by_status) {
            (Some((rule, Some(class))), _) => (sign.rule, sign.class) = (rule, Some(class)),
            (_, Some(class)) => sign.class = Some(class),
            (_, None) => sign.class = Some(FailureClass::Transient),
        }
        if sign.class == Some(FailureClass::UsageLimit) {
            sign.limit = Some(limit_in(&sign.rule, &value, words, at, zone));
        }
    };
    match kind {
        // Claude.
        "system" => match text("subtype") {
            "api_retry" => {
                let status = value.get("error_status").and_then(Value::as_u64).unwrap_or(0);
                failed(&mut sign, text("error"), status);
                (sign.activity, sign.retries) = (Some(Activity::Working), true);
            }
            "init" => sign.activity = Some(Activity::Working),
            _ => return None,
        },
        "rate_limit_event" => {
            let info = value.get("rate_limit_info").unwrap_or(&value);
            let status = info.get("status").and_then(Value::as_str).unwrap_or_default();
            if status.starts_with("allowed") {
                return None;
            }
            sign.class = Some(FailureClass::UsageLimit);
            sign.limit = Some(limit_in(&sign.rule, &value, "", at, zone));
            sign.words = kept(info.get("rateLimitType").and_then(Value::as_str).unwrap_or("rate limit"));
        }
        "assistant" if value.get("isApiErrorMessage").is_none() && text("error").is_empty() => {
            sign.activity = Some(Activity::Working);
        }
        "result" => {
            let status = text("status");
            let bad = value.get("is_error").and_then(Value::as_bool) == Some(true) || status == "error";
            sign.activity = Some(Activity::Idle);
            if bad {
                let reason = text("terminal_reason").replace('_', " ");
                let message = value.pointer("/error/message").and_then(Value::as_str).unwrap_or_default();
                let words = [text("result"), message, text("api_error"), &reason];
                let words = words.into_iter().find(|words| !words.is_empty()).unwrap_or_default();
                let code = value.get("api_error_status").and_then(Value::as_u64).unwrap_or(0);
                failed(&mut sign, words, code);
                if text("api_error") == "usage_limit_reached" {
                    sign.class = Some(FailureClass::UsageLimit);
                    sign.limit = Some(limit_in(&sign.rule, &value, words, at, zone));
                }
                if text("terminal_reason") == "prompt_too_long" {
                    sign.class = Some(FailureClass::ContextFull);
                }
            }
        }
        // Codex.
        "turn.started" | "item.started" | "item.completed" | "thread.started" => {
            sign.activity = Some(Activity::Working)
        }
        "turn.completed" => sign.activity = Some(Activity::Idle),
        "turn.failed" => {
            failed(&mut sign, value.pointer("/error/message").and_then(Value::as_str).unwrap_or_default(), 0);
            sign.activity = Some(Activity::Idle);
        }
        "error" => {
            let words = text("message");
            let nested = value.pointer("/error/data/message").or_else(|| value.pointer("/error/message"));
            let words = if words.is_empty() { nested.and_then(Value::as_str).unwrap_or_default() } else { words };
            let status = value.pointer("/error/data/statusCode").and_then(Value::as_u64).unwrap_or(0);
            failed(&mut sign, words, status);
            let again = words.starts_with("Reconnecting");
            sign.retries = again;
            sign.activity = Some(if again { Activity::Working } else { Activity::Idle });
        }
        // opencode.
        "step_start" | "text" | "tool_use" | "step_finish" => sign.activity = Some(Activity::Working),
        // Gemini.
        "init" | "message" | "tool_result" => sign.activity = Some(Activity::Working),
        _ => return None,
    }
    Some(sign)
}

#[cfg(test)]
mod tests {
    use super::super::profile::built_in;
    use super::*;

    fn last(agent: &str, output: &str) -> Option<Sign> {
        let profile = built_in(agent).unwrap();
        let mut lines = Lines::default();
        let mut found = None;
        for piece in output.as_bytes().chunks(7) {
            lines.feed(piece, |line| {
                found = sign(&profile, line, Wall(1_795_253_823_000), &TimeZone::UTC).or(found.take());
            });
        }
        found
    }

    #[test]
    fn the_result_tells_how_it_went() {
        let good = "{\"type\":\"system\",\"subtype\":\"init\"}\r\n{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":false}\r\n";
        assert_eq!(last("claude", good).unwrap().class, None);
        let bad =
            "{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":true,\"result\":\"Credit balance too low\"}\n";
        assert_eq!(last("claude", bad).unwrap().class, Some(FailureClass::Billing));
        let gemini = "{\"type\":\"result\",\"status\":\"error\",\"error\":{\"message\":\"Incomplete JSON segment at the end\"}}\n";
        assert_eq!(last("gemini", gemini).unwrap().class, Some(FailureClass::Transient));
        let codex = "{\"type\":\"error\",\"message\":\"Reconnecting... 2/5\"}\n";
        assert!(last("codex", codex).unwrap().retries);
    }

    #[test]
    fn what_was_denied_is_told_by_its_name() {
        let as_it_happens = r#"{"type":"system","subtype":"permission_denied","tool_name":"Bash","tool_use_id":"t1","message":"needs approval"}"#;
        assert_eq!(denied(as_it_happens), [("t1".to_owned(), "Bash".to_owned())]);
        let at_the_end = r#"{"type":"result","is_error":false,"permission_denials":[{"tool_name":"Bash","tool_use_id":"t1","tool_input":{"command":"make"}},{"tool_name":"Write","tool_use_id":"t2","tool_input":{"file_path":"a.md"}}]}"#;
        let both = [("t1".to_owned(), "Bash make".to_owned()), ("t2".to_owned(), "Write a.md".to_owned())];
        assert_eq!(denied(at_the_end), both);
        let codex = r#"{"type":"item.completed","item":{"id":"i3","type":"command_execution","command":"make","status":"declined"}}"#;
        assert_eq!(denied(codex), [("i3".to_owned(), "make".to_owned())]);
        let opencode = r#"{"type":"tool_use","part":{"tool":"bash","callID":"c1","state":{"status":"error","input":{"command":"make"},"error":"The user rejected permission to use this specific tool call."}}}"#;
        assert_eq!(denied(opencode), [("c1".to_owned(), "bash make".to_owned())]);
        for none in [
            r#"{"type":"result","is_error":false,"permission_denials":[]}"#,
            r#"{"type":"assistant","message":{"content":"permission_denials: rejected permission"}}"#,
            "permission_denied",
        ] {
            assert_eq!(denied(none), [], "{none}");
        }
    }

    #[test]
    fn what_is_no_line_of_json_is_passed_over() {
        assert_eq!(last("claude", "a {\"type\":\"result\",\"is_error\":true}\n"), None);
        assert_eq!(last("claude", "{\"type\":\"result\",\"is_error\":true}"), None, "not whole yet");
        let long = format!("{{\"type\":\"result\",\"x\":\"{}\"}}\n", "y".repeat(LINE_MAX));
        assert_eq!(last("claude", &long), None);
    }
}
