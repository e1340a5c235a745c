//! Tests of what the last lines say of a limit.

use super::*;

const NOW: i64 = 1_795_253_400_000; // 2026-11-21T09:30:00Z

fn seen(text: &str) -> Option<LimitSeen> {
    let rows: Vec<String> = text.lines().filter(|row| !row.trim().is_empty()).map(str::to_owned).collect();
    limit(&rows, None, Wall(NOW), &TimeZone::UTC)
}
fn minutes(limit: &LimitSeen) -> Option<i64> {
    limit.resets.map(|at| (at.0 - NOW) / 60_000)
}

#[test]
fn the_messages_of_agents_are_known_and_read() {
    let cases: [(&str, &str, Option<i64>); 17] = [
        ("claude", "  ⎿  You've hit your 5-hour limit · resets 10:37am (UTC)", Some(67)),
        ("claude", "You've hit your limit · resets 3pm (UTC)", Some(330)),
        ("claude", "Claude AI usage limit reached|1795257423", Some(67)),
        ("claude", "5-hour limit reached ∙ resets 3pm", Some(330)),
        ("claude", "⚠ Usage limit reached · limit resets 10:37am", Some(67)),
        (
            "claude",
            r#"{"type":"result","is_error":true,"subtype":"success","result":"You've hit your limit · resets 3pm (UTC)"}"#,
            Some(330),
        ),
        (
            "json",
            r#"{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":1795257423,"rateLimitType":"five_hour"}}"#,
            Some(67),
        ),
        (
            "json",
            r#"{"type":"assistant","isApiErrorMessage":true,"error":"rate_limit","apiError":"usage_limit_reached","apiErrorParams":{"rate_limit_info":{"resetsAt":1795257423}}}"#,
            Some(67),
        ),
        (
            "codex",
            "■ You’ve hit your usage limit. Upgrade to a larger plan (https://example.com/plan), visit https://example.com/\nusage to get more or try again at 10:34 AM.",
            Some(64),
        ),
        ("codex", "ERROR: You've hit your usage limit. Try again in 2 days 3 hours.", Some(3060)),
        (
            "codex",
            r#"{"type":"turn.failed","error":{"message":"You’ve hit your usage limit. Upgrade, or try again at 10:35 AM."}}"#,
            Some(65),
        ),
        (
            "json",
            r#"{"timestamp":"2026-11-21T09:29:59Z","payload":{"error":{"message":"limit","codex_error_info":"usage_limit_exceeded"}}}"#,
            None,
        ),
        ("gemini", "TerminalQuotaError: You have exhausted your daily quota on this model.", Some(1350)),
        (
            "gemini",
            "✕ [API Error: You have exhausted your capacity on this model. Your quota will reset after 2h13m5s.]",
            Some(133),
        ),
        ("gemini", "│ Usage limit reached for gemini-2.5-flash.", None),
        ("opencode", "Error: The usage limit has been reached", None),
        (
            "aider",
            "litellm.RateLimitError: RateLimitError: OpenAIException - Rate limit reached for\ngpt-5 in organization org-x on requests per day (RPD): Limit 200, Used 200.\nPlease try again in 7m12s.",
            Some(7),
        ),
    ];
    for (agent, text, expected) in cases {
        let found = seen(text).unwrap_or_else(|| panic!("not known: {text}"));
        assert!(found.rule.as_ref().is_some_and(|rule| rule.starts_with(agent)), "{text}: {found:?}");
        assert_eq!(minutes(&found), expected, "{text}: {found:?}");
        assert_eq!(found.resets.is_some(), !found.from.is_empty());
    }
}

#[test]
fn a_conversation_about_limits_is_none() {
    for text in [
        "I added handling for when you've hit your usage limit: it resets at 3pm.",
        "The message \"You've hit your usage limit.\" is shown; try again in 2h.",
        "    \"You've hit your usage limit. Try again at 10:34 AM.\"",
        "+ You've hit your usage limit. Try again at 10:34 AM.",
        "// 5-hour limit reached ∙ resets 3pm",
        "You've hit your usage limit handler once in this test; resets 3pm",
        "Usage limit reached for gemini users is what we print then",
        r#"{"type":"assistant","message":{"content":[{"type":"text","text":"You've hit your usage limit. resets 3pm"}]}}"#,
        r#"{"type":"rate_limit_event","rate_limit_info":{"status":"allowed","resetsAt":1795257423}}"#,
        r#"{"type":"user","message":{"content":"usage_limit_reached"}}"#,
        r#"{"type":"result","is_error":false,"result":"You've hit your limit · resets 3pm (UTC)"}"#,
        r#"{"type":"error","error":{"message":"Quota exceeded. Check your plan and billing details.","codex_error_info":"usage_limit_exceeded"}}"#,
        "litellm.RateLimitError: RateLimitError: OpenAIException - Rate limit reached on tokens per min (TPM): Please try again in 2s.",
        "error: test rate_limit_resets failed",
        "API Error: Request rejected (429) · resets soon",
        "Credit balance is too low",
        "{\"usage_limit_reached\"",
    ] {
        assert_eq!(seen(text), None, "{text}");
    }
}

#[test]
fn fields_come_before_words_and_rows_by_the_message_before_others() {
    let text = concat!(
        r#"{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":1795257423}}"#,
        "\n",
        r#"{"type":"result","is_error":true,"result":"You've hit your limit · resets 3pm (UTC)"}"#,
    );
    let found = seen(text).unwrap();
    assert_eq!((minutes(&found), found.form.as_str()), (Some(67), "seconds since 1970"));
    // A window with room left says nothing.
    let text = text.replace("rejected", "allowed_warning");
    assert_eq!(minutes(&seen(&text).unwrap()), Some(330));
}

#[test]
fn a_rule_of_the_file_needs_no_message_of_an_agent() {
    let rows: Vec<String> =
        ["resets at 1am, said somebody", "quota is used up", "come back in 2h"].map(str::to_owned).to_vec();
    let found = limit(&rows, Some(&[1]), Wall(NOW), &TimeZone::UTC).unwrap();
    assert_eq!((minutes(&found), found.rule), (Some(120), None));
    let found = limit(&rows[..2], Some(&[1]), Wall(NOW), &TimeZone::UTC).unwrap();
    assert_eq!(minutes(&found), Some(930), "it may stand before");
    assert_eq!(limit(&rows[1..2], Some(&[0]), Wall(NOW), &TimeZone::UTC).unwrap().resets, None);
}

#[test]
fn limits_of_a_week_are_told_apart() {
    assert!(seen("You've hit your weekly limit · resets Nov 24 at 9am (Europe/London)").unwrap().long);
    assert!(!seen("You've hit your 5-hour limit · resets 10:37am (UTC)").unwrap().long);
    let json = r#"{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":1795600000,"rateLimitType":"seven_day"}}"#;
    assert!(seen(json).unwrap().long);
}

#[test]
fn rows_of_any_size_and_depth_are_bounded() {
    let deep = format!("{}{}", "{\"error\":".repeat(50_000), "1");
    assert_eq!(seen(&deep), None);
    let long = format!("{{\"error\":\"{}\"}}", "x".repeat(JSON_MAX));
    assert_eq!(seen(&long), None);
}
