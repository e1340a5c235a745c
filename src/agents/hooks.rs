//! Hooks: what an agent tells the programs it was told to call, a line of JSON each.

use super::profile::Profile;
use super::rules::kept;
use super::sign::{Sign, Source};
use super::typed;
use crate::core::agent::{Activity, Prompt, PromptKind};
use crate::core::exit::FailureClass;
use crate::core::time::Wall;
use jiff::tz::TimeZone;
use serde_json::Value;

/// Reads what a hook was given. `None` for what says nothing of its state.
pub fn sign(profile: &Profile, line: &str, at: Wall, zone: &TimeZone) -> Option<Sign> {
    let value: Value = serde_json::from_str(line).ok()?;
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    let event = text("hook_event_name");
    let mut sign = Sign::new(Source::Hook, format!("hook/{event}@1"), at, 94);
    match event {
        "UserPromptSubmit" | "PreToolUse" | "PostToolUse" | "PreCompact" | "BeforeAgent" | "BeforeModel" | "BeforeTool"
        | "AfterTool" | "AfterModel" | "PreCompress" => sign.activity = Some(Activity::Working),
        // One of several agents has finished; the others may work on.
        "SubagentStop" => sign.activity = Some(Activity::Working),
        "Stop" | "AfterAgent" => {
            sign.activity = Some(Activity::Idle);
            sign.words = kept(text("last_assistant_message"));
        }
        "SessionStart" => (sign.activity, sign.score) = (Some(Activity::Idle), 50),
        "SessionEnd" => {
            sign.activity = Some(Activity::Idle);
            sign.words = kept(text("reason"));
        }
        "StopFailure" => {
            sign.activity = Some(Activity::Idle);
            let words = [text("error_details"), text("last_assistant_message"), text("message")];
            let words = words.into_iter().find(|words| !words.is_empty()).unwrap_or_default();
            let all = [text("last_assistant_message"), text("error_details")].join(" ");
            (sign.rule, sign.class) = class(profile, text("error"), &all);
            sign.words = kept(if words.is_empty() { text("error") } else { words });
            if sign.class == Some(FailureClass::UsageLimit) {
                sign.limit = Some(typed::limit_in(&sign.rule, &value, &all, at, zone));
            }
        }
        "PermissionRequest" => {
            sign.activity = Some(Activity::Prompting);
            let input = value.get("tool_input");
            let of = |key: &str| input.and_then(|input| input.get(key)).and_then(Value::as_str);
            let about = match text("tool_name") {
                "Bash" | "run_shell_command" | "shell" => "bash-command",
                "Write" | "Edit" | "MultiEdit" | "NotebookEdit" | "write_file" | "replace" | "apply_patch" => "edit",
                "WebFetch" | "WebSearch" | "web_fetch" => "fetch",
                "ExitPlanMode" => "plan",
                _ => "",
            };
            let command = of("command").or_else(|| of("file_path")).or_else(|| of("url")).map(kept);
            sign.words = kept(&format!("{} {}", text("tool_name"), command.as_deref().unwrap_or_default()));
            sign.prompt = Some(Prompt {
                kind: PromptKind::Permission,
                about: about.to_owned(),
                question: format!("May it use {}?", kept(text("tool_name"))),
                command,
                choices: Vec::new(),
                stable_since: at,
            });
        }
        "Notification" => {
            let kind = if text("notification_type").is_empty() { text("type") } else { text("notification_type") };
            sign.activity = Some(match kind {
                "idle_prompt" => Activity::Idle,
                "permission_prompt" | "ToolPermission" => Activity::Prompting,
                _ => return None,
            });
            sign.words = kept(text("message"));
        }
        _ => return None,
    }
    Some(sign)
}

/// What a typed error means. Its words say more where its type stands for several things.
fn class(profile: &Profile, kind: &str, words: &str) -> (String, Option<FailureClass>) {
    let by_words = profile.error(words);
    let by_kind = match kind {
        "rate_limit" => Some(FailureClass::ProviderDown),
        "server_error" | "overloaded" => Some(FailureClass::ProviderDown),
        "billing_error" => Some(FailureClass::Billing),
        "authentication_failed" => Some(FailureClass::Auth),
        "invalid_request" | "unknown" => None,
        _ => None,
    };
    match (by_words, by_kind) {
        (Some((rule, Some(class))), _) => (rule, Some(class)),
        (_, Some(class)) => (profile.rule_name(&format!("hook-{}", kept(kind)), 1), Some(class)),
        (_, None) if kind == "invalid_request" => {
            (profile.rule_name("hook-invalid_request", 1), Some(FailureClass::Permanent))
        }
        (_, None) => (profile.rule_name("hook-error", 1), Some(FailureClass::Transient)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::profile::built_in;
    use super::*;

    fn of(line: &str) -> Option<Sign> {
        sign(&built_in("claude").unwrap(), line, Wall(1_795_253_823_000), &TimeZone::UTC)
    }

    #[test]
    fn a_failed_turn_has_a_class_and_a_reset() {
        let line = r#"{"hook_event_name":"StopFailure","error":"rate_limit","last_assistant_message":"You've hit your 5-hour limit · resets 10:37am (UTC)"}"#;
        let sign = of(line).unwrap();
        assert_eq!((sign.activity, sign.class), (Some(Activity::Idle), Some(FailureClass::UsageLimit)));
        assert_eq!(sign.rule, "claude/usage-limit@1");
        assert_eq!(sign.limit.unwrap().resets, Some(Wall(1_795_257_420_000)));
        for (error, message, class) in [
            ("rate_limit", "API Error: Request rejected (429) · slow down", FailureClass::ProviderDown),
            ("rate_limit", "", FailureClass::ProviderDown),
            ("server_error", "API Error: Connection dropped (ECONNRESET)", FailureClass::Transient),
            ("server_error", "API Error: 500 Internal server error.", FailureClass::ProviderDown),
            ("billing_error", "Credit balance too low", FailureClass::Billing),
            ("authentication_failed", "Please run /login", FailureClass::Auth),
            ("invalid_request", "Prompt is too long", FailureClass::ContextFull),
            ("invalid_request", "", FailureClass::Permanent),
            ("unknown", "", FailureClass::Transient),
        ] {
            let line = serde_json::json!({
                "hook_event_name": "StopFailure", "error": error, "last_assistant_message": message
            });
            assert_eq!(of(&line.to_string()).unwrap().class, Some(class), "{error}: {message}");
        }
    }

    #[test]
    fn a_turn_begins_asks_and_ends() {
        let activity = |line: &str| of(line).and_then(|sign| sign.activity);
        assert_eq!(activity(r#"{"hook_event_name":"UserPromptSubmit","prompt":"You've hit your limit"}"#), Some(Activity::Working));
        assert_eq!(of(r#"{"hook_event_name":"UserPromptSubmit","prompt":"You've hit your limit"}"#).unwrap().class, None);
        let asks = of(r#"{"hook_event_name":"PermissionRequest","tool_name":"Bash","tool_input":{"command":"git push"}}"#).unwrap();
        let prompt = asks.prompt.unwrap();
        assert_eq!((prompt.about.as_str(), prompt.command.as_deref()), ("bash-command", Some("git push")));
        assert_eq!(activity(r#"{"hook_event_name":"Stop","last_assistant_message":"done"}"#), Some(Activity::Idle));
        assert_eq!(activity(r#"{"hook_event_name":"statusline"}"#), None);
        assert_eq!(activity("not JSON"), None);
    }
}
