//! What the last lines of an attempt say of a usage limit: whether there is one, and when it is over.
//!
//! That there is one is known from a rule of the file, or from the built-in rules below. Those are for the messages of
//! known agents; they look at how a line begins and at typed fields of JSON, never into what somebody says in a
//! conversation, and they are believed only when the program failed (`core/failure.rs`).

use super::reset::{self, Form, Reset};
use crate::core::limit::LimitSeen;
use crate::core::time::Wall;
use jiff::tz::TimeZone;
use regex::{Regex, RegexBuilder};
use serde_json::Value;
use std::sync::LazyLock;

/// Rows that a message may go on over.
const GOES_ON: usize = 4;
/// Rows before a message that may name its end.
const BEFORE: usize = 2;
/// Longest row that is read as JSON, in bytes.
const JSON_MAX: usize = 256 << 10;

/// What may stand before a message on its row: marks of a screen, and the word for an error. No quotes, comment signs or
/// signs of a difference: those show somebody else's text.
const BEGINS: &str = r"^[\s│┃║▎▌●⎿■▪•◦⚠✕✗✖×❌ⓘℹ️·]*(?:(?:api )?error:? ?|\[api error: ?|\[error\] ?)?";

/// The built-in rules, by how a row goes on after [`BEGINS`].
const WORDS: &[(&str, &str)] = &[
    ("claude/usage-limit@1", r"claude (?:ai )?usage limit reached(?:\.|\||$|\s*[·∙•])"),
    (
        "claude/usage-limit@1",
        r"you['’]ve (?:hit|reached) your (?:[\w-]+ ){0,2}limit(?:[.!]?$|\s*[·∙•(]|[.!,;:]? (?:it )?resets?\b)",
    ),
    ("claude/usage-limit@1", r"(?:[\w-]+ ){0,2}limit reached\s*[·∙•]\s*(?:limit )?resets?\b"),
    ("claude/usage-limit@1", r"usage limit reached\s*[·∙•]\s*(?:limit resets|continuing)"),
    ("codex/usage-limit@1", r"you['’]ve hit your usage limit(?: for [\w. -]{1,40})?[.!](?:\s|$)"),
    ("gemini/quota@1", r"(?:\w+: )?you have exhausted your (?:daily quota|capacity|quota) on this model\b"),
    ("gemini/quota@1", r"usage limit reached for (?:gemini|models/)[\w./-]+\.?$"),
    ("opencode/usage-limit@1", r"the usage limit has been reached(?:\.|$|\s*\[)"),
    (
        "aider/usage-limit@1",
        r"litellm\.RateLimitError: .{0,200}\b(?:usage limit|requests per day|tokens per day|daily limit)\b",
    ),
];

/// Values of typed fields that mean a usage limit.
const CODES: [&str; 3] = ["usage_limit_reached", "usage_limit_exceeded", "usage_limit_error"];
/// Fields that such values stand in.
const CODE_FIELDS: [&str; 6] = ["api_error", "apiError", "error", "code", "type", "codex_error_info"];
/// Fields that lead to an error, and not into a conversation.
const ERROR_FIELDS: [&str; 7] =
    ["error", "data", "payload", "rate_limit_info", "apiErrorParams", "responseBody", "details"];

static RULES: LazyLock<Vec<(&str, Regex)>> = LazyLock::new(|| {
    let compile = |pattern: &str| {
        let whole = format!("{BEGINS}(?:{pattern})");
        RegexBuilder::new(&whole).case_insensitive(true).size_limit(1 << 24).build().expect("constant patterns")
    };
    WORDS.iter().map(|(id, pattern)| (*id, compile(pattern))).collect()
});
/// A limit that lasts for days.
static LONG: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?i)\b(?:weekly|monthly|seven[_ -]day|7[- ]day|thirty[_ -]day|30[- ]day)"#).expect("constant pattern")
});
/// A field that says that there is still room.
static ALLOWED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#""status"\s*:\s*"allowed"#).expect("a constant pattern"));

/// What the rows say of a usage limit. `hits` are the rows that a rule of the file found one in; when that has none, the
/// built-in rules are asked. A time of day is one after `seen`, and one of `zone` where no other is named.
pub(super) fn limit(rows: &[String], hits: Option<&[usize]>, seen: Wall, zone: &TimeZone) -> Option<LimitSeen> {
    let (hits, rule) = match hits {
        Some(hits) => (hits.to_vec(), None),
        None => {
            let (rule, hits) = built_in(rows)?;
            (hits, Some(rule))
        }
    };
    let found = when(rows, &hits, seen, zone).or_else(|| {
        let daily = rule == Some("gemini/quota@1") && hits.iter().any(|hit| window(rows, *hit).contains("daily quota"));
        let at = reset::end_of_quota_day(seen).filter(|_| daily)?;
        Some(Reset { at, form: Form::DailyQuota, from: "daily quota".to_owned() })
    });
    Some(LimitSeen {
        rule: rule.map(str::to_owned),
        resets: found.as_ref().map(|reset| reset.at),
        form: found.as_ref().map_or_else(String::new, |reset| reset.form.as_str().to_owned()),
        from: found.map_or_else(String::new, |reset| reset.from),
        long: hits.iter().any(|hit| LONG.is_match(&window(rows, *hit))),
    })
}

/// What rows that are known to tell of a usage limit say of it: when it is over, and whether it lasts for days. A time of
/// day is one after `seen`, and one of `zone` where no other is named.
pub fn limit_told(rows: &[String], seen: Wall, zone: &TimeZone) -> LimitSeen {
    let all: Vec<usize> = (0..rows.len()).collect();
    limit(rows, Some(&all), seen, zone).unwrap_or_default()
}

/// The row and those it may go on over, as one text.
fn window(rows: &[String], from: usize) -> String {
    let rows: Vec<&str> = rows.iter().skip(from).take(GOES_ON).map(|row| row.trim()).collect();
    rows.join(" ")
}

/// Fields before words, and what stands by the message before what stands elsewhere; the newest first.
fn when(rows: &[String], hits: &[usize], seen: Wall, zone: &TimeZone) -> Option<Reset> {
    let near = |hit: &usize| rows.iter().skip(*hit).take(GOES_ON).find_map(|row| reset::field(row, seen));
    let structured = |row: &&String| row.trim_start().starts_with('{') && !ALLOWED.is_match(row);
    let elsewhere = || rows.iter().rev().filter(structured).find_map(|row| reset::field(row, seen));
    let said = |hit: &usize| reset::words(&window(rows, *hit), seen, zone);
    let before = |hit: &usize| {
        let earlier = rows.get(hit.saturating_sub(BEFORE)..*hit).unwrap_or_default();
        earlier.iter().rev().find_map(|row| reset::words(row, seen, zone))
    };
    let hits = || hits.iter().rev();
    hits().find_map(near).or_else(elsewhere).or_else(|| hits().find_map(said)).or_else(|| hits().find_map(before))
}

/// The built-in rule that finds a usage limit in the rows, and all rows in which it does.
fn built_in(rows: &[String]) -> Option<(&'static str, Vec<usize>)> {
    let mut found: Option<(&'static str, Vec<usize>)> = None;
    for (place, row) in rows.iter().enumerate() {
        let rule = if row.trim_start().starts_with('{') { of_json(row) } else { of_words(&window(rows, place)) };
        if let Some(rule) = rule {
            let (newest, hits) = found.get_or_insert((rule, Vec::new()));
            *newest = rule;
            hits.push(place);
        }
    }
    found
}

fn of_words(text: &str) -> Option<&'static str> {
    // No rule is without one of these. To make the rules ready takes longer than a short program runs.
    let hint = |word: &str| text.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()));
    if !["limit", "quota", "exhausted"].into_iter().any(hint) {
        return None;
    }
    RULES.iter().find(|(_, regex)| regex.is_match(text)).map(|(id, _)| *id)
}

/// A usage limit in a row of JSON, by its typed fields, or by the message of what is typed as an error.
fn of_json(row: &str) -> Option<&'static str> {
    if row.len() > JSON_MAX {
        return None;
    }
    let value: Value = serde_json::from_str(row.trim()).ok()?;
    if typed(&value, 0) {
        return Some("json/usage-limit@1");
    }
    let text = |path: &str| value.pointer(path).and_then(Value::as_str);
    let fails = value.get("is_error") == Some(&Value::Bool(true))
        || matches!(text("/type"), Some("error" | "turn.failed"))
        || text("/status") == Some("error");
    let messages = ["/message", "/error/message", "/error/data/message", "/result"];
    messages.iter().filter(|_| fails).find_map(|path| of_words(text(path)?.lines().next()?))
}

/// Whether a typed field says so.
fn typed(value: &Value, depth: u8) -> bool {
    let Some(object) = value.as_object().filter(|_| depth < 5) else { return false };
    let text = |key: &str| object.get(key).and_then(Value::as_str);
    let refused = |key: &str| object.get(key).and_then(|info| info.get("status")).and_then(Value::as_str);
    if text("type") == Some("rate_limit_event")
        && [text("status"), refused("rate_limit_info")].contains(&Some("rejected"))
    {
        return true;
    }
    // One code stands for both: a plan without credit has no end to wait for.
    let credit = ["message", "text"].iter().any(|key| text(key).is_some_and(|text| text.contains("billing")));
    if !credit && CODE_FIELDS.iter().any(|key| text(key).is_some_and(|text| CODES.contains(&text))) {
        return true;
    }
    ERROR_FIELDS.iter().filter_map(|key| object.get(*key)).any(|inner| match inner {
        Value::Object(_) => !credit && typed(inner, depth + 1),
        Value::String(text) if text.starts_with('{') => {
            serde_json::from_str(text).is_ok_and(|inner: Value| typed(&inner, depth + 1))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => false,
    })
}

#[cfg(test)]
mod tests;
