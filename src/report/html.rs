//! The report as one HTML page: no script, nothing from outside, every value escaped; made from a template.
//!
//! The template is given the document, with what only this form needs added to it, and filters that know the night's
//! zone. Steps and size are bounded: of a night with very much in it the page leaves things out and says so.

use super::beside::{SubmoduleReport, WorktreeReport};
use super::markdown_claims::{change_lines, head_of};
use super::markdown_sections::weightiest;
use super::model::{Cure, Report, SessionReport};
use super::own::{Bounded, MAIN, Own};
use super::text::{metric, nights_word, spent_words, tally_line, tool, window_line};
use super::usage::{by, line};
use crate::core::time::Wall;
use crate::status::table::{Tone, sign};
use crate::status::text::{bytes, count, cut_at_word, span_of_seconds};
use crate::status::usage::words;
use crate::status::zone::{from_label, hh_mm_near, parse};
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde_json::{Value, json};
use std::error::Error as _;

/// The built-in page.
const PAGE: &str = include_str!("templates/report.html");
/// Steps that a page may take: some ten times what the longest one needs.
const STEPS_MAX: u64 = 2_000_000;
/// Rows of the timeline.
const TIMELINE_ROWS: usize = 40;
/// Units of a bar's width.
const BAR: f64 = 1000.0;
/// Most stretches that are drawn of a bar; more would be thinner than a screen's dots.
const STRETCHES_MAX: usize = 400;

/// Why a page could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the page could not be made: {0}")]
pub struct PageFault(String);

/// Makes the page. Fails only when the template does not fit the document, or takes too many steps.
pub fn render(report: &Report) -> Result<String, PageFault> {
    render_with(report, None)
}

/// The built-in template, to begin one's own with.
pub fn template() -> &'static str {
    PAGE
}

/// The same from own templates. It fails as well when these cannot be used; then nothing else is made.
pub fn render_with(report: &Report, own: Option<&Own>) -> Result<String, PageFault> {
    let fault = |error: minijinja::Error| {
        let cause = error.source().map_or_else(String::new, |cause| format!(": {cause}"));
        let line = error.line().map_or_else(String::new, |line| format!(" in its line {line}"));
        PageFault(format!("{error}{cause}{line}"))
    };
    let mut environment = Environment::new();
    environment.set_fuel(Some(STEPS_MAX));
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_formatter(|out, _, value| {
        if value.is_none() {
            return Ok(());
        }
        let text = value.to_string();
        out.write_str(&if value.is_safe() { text } else { escape(&text) })?;
        Ok(())
    });
    add_filters(&mut environment, report);
    let zone = from_label(&report.window.timezone);
    let timeline = weightiest(&report.timeline, TIMELINE_ROWS);
    let all: f64 = report.totals.time.iter().map(|t| t.seconds).sum();
    let document = json!({
        "report": document(report).map_err(|e| PageFault(e.to_string()))?,
        "window": window_line(report, &zone),
        "used": line(report),
        "share": (all > 0.0).then(|| share(report, all)),
        "timeline": timeline,
        "tally": tally_line(report),
        "changes": report.changes.as_ref().map(change_lines).filter(|lines| !lines.is_empty()),
    });
    let Some(own) = own else { return environment.render_str(PAGE, Serde(&document)).map_err(fault) };
    own.add_to(&mut environment, PAGE).map_err(fault)?;
    let mut page = Bounded(Vec::new());
    let made =
        environment.get_template(MAIN).and_then(|main| main.render_captured_to(Serde(&document), &mut page).map(drop));
    made.and_then(|()| page.text()).map_err(fault)
}

/// Text that stays text between tags and within a quoted attribute.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

/// The document as JSON, with a line of result, the numbers in words and the bar of each session.
fn document(report: &Report) -> Result<Value, serde_json::Error> {
    let mut document = serde_json::to_value(report)?;
    if let Some(rows) = document.get_mut("projects").and_then(Value::as_array_mut) {
        for (row, project) in rows.iter_mut().zip(&report.projects) {
            row["head"] = json!(head_of(project));
            row["worktrees_said"] = json!(project.worktrees.iter().map(WorktreeReport::words).collect::<Vec<_>>());
            row["submodules_said"] = json!(project.submodules.iter().map(SubmoduleReport::words).collect::<Vec<_>>());
        }
    }
    let Some(rows) = document.get_mut("sessions").and_then(Value::as_array_mut) else { return Ok(document) };
    for (row, session) in rows.iter_mut().zip(&report.sessions) {
        row["result"] = json!(result(session));
        row["numbers"] = json!(session.metrics.iter().map(metric).collect::<Vec<_>>());
        row["worktree_said"] = json!(session.worktree.as_ref().map(WorktreeReport::words));
        row["tools_said"] = json!(session.tools.iter().map(tool).collect::<Vec<_>>());
        row["bar"] = night_bar(session, report);
        row["used"] = json!(session.usage.as_ref().map(words));
        row["cost"] = json!(session.usage.as_ref().map(by));
    }
    Ok(document)
}

fn add_filters(environment: &mut Environment<'_>, report: &Report) {
    let zone = from_label(&report.window.timezone);
    let from = report.window.from.as_deref().and_then(parse).unwrap_or(Wall(0));
    environment.add_filter("at", move |text: Option<String>| {
        let wall = text.as_deref().and_then(parse);
        wall.map_or_else(|| "?".to_owned(), |wall| hh_mm_near(wall, from, &zone))
    });
    environment.add_filter("span", |seconds: f64| span_of_seconds(seconds));
    environment.add_filter("bytes", |n: u64| bytes(n));
    environment.add_filter("count", |n: u64, one: String, many: String| count(n, &one, &many));
    environment.add_filter("nth", nights_word);
    environment.add_filter("spent", |spent: String| spent_words(&spent).to_owned());
    environment.add_filter("words", |text: String| text.replace('_', " "));
    environment.add_filter("sign", |state: String| sign(&state).0);
    environment.add_filter("tone", |state: String| match sign(&state).1 {
        Tone::Bad => "bad",
        Tone::Warn => "warn",
        Tone::Active => "active",
        Tone::Good => "good",
        Tone::Dim => "dim",
        Tone::Strong | Tone::Normal => "plain",
    });
    environment.add_filter("cure", |word: String| {
        let all = [Cure::NotCured, Cure::Open, Cure::Survived, Cure::CuredByRetry];
        all.into_iter().find(|cure| json!(cure) == json!(word)).map_or("", Cure::words)
    });
}

/// What came of a session in a line: its numbers, what does not hold, else why it stands where it does.
fn result(session: &SessionReport) -> String {
    let mut parts: Vec<String> = session.metrics.iter().filter(|m| m.value.is_some()).take(3).map(metric).collect();
    let red = session.checks.iter().find(|check| !check.passed);
    match red {
        Some(check) => parts.push(match check.text.strip_prefix("forbid ") {
            Some(what) => format!("forbidden, but seen: {what}"),
            None => format!("{} does not hold", check.text),
        }),
        None if !session.checks.is_empty() => parts.push(format!("checks: {0} of {0} good", session.checks.len())),
        None => {}
    }
    if parts.is_empty() {
        parts.push(session.exit.as_ref().map_or(session.reason.clone(), |exit| exit.words.clone()));
    }
    if session.attempt_count > 1 {
        parts.push(count(session.attempt_count, "attempt", "attempts"));
    }
    if session.attempt_count > 0 {
        parts.push(format!("ran {}", span_of_seconds(session.ran)));
    }
    parts.iter().filter(|part| !part.is_empty()).map(|part| cut_at_word(part, 120)).collect::<Vec<_>>().join("; ")
}

/// A stretch of a bar, in its units.
fn stretch(spent: &str, from: f64, to: f64, seconds: f64) -> Value {
    let round = |x: f64| (x * 10.0).round() / 10.0;
    let (x, width) = (round(from * BAR), round((to - from) * BAR).max(0.5));
    json!({ "spent": spent, "x": x, "width": width, "said": format!("{} {}", spent_words(spent), span_of_seconds(seconds)) })
}

/// The session's time within the night.
fn night_bar(session: &SessionReport, report: &Report) -> Value {
    let all = report.window.seconds.max(session.time.iter().map(|t| t.to).fold(0.0, f64::max));
    if all <= 0.0 || session.time.is_empty() {
        return Value::Null;
    }
    let parts: Vec<Value> = session
        .time
        .iter()
        .take(STRETCHES_MAX)
        .map(|t| stretch(&t.spent, t.from / all, t.to / all, t.to - t.from))
        .collect();
    let mut sums: Vec<(String, f64)> = Vec::new();
    for t in &session.time {
        match sums.iter_mut().find(|(spent, _)| *spent == t.spent) {
            Some((_, sum)) => *sum += t.to - t.from,
            None => sums.push((t.spent.clone(), t.to - t.from)),
        }
    }
    let said: Vec<String> =
        sums.iter().map(|(spent, sum)| format!("{} {}", spent_words(spent), span_of_seconds(*sum))).collect();
    json!({ "parts": parts, "said": said.join(", ") })
}

/// What all runs spent their time on, side by side.
fn share(report: &Report, all: f64) -> Value {
    let mut done = 0.0;
    let mut parts = Vec::new();
    for t in report.totals.time.iter().filter(|t| t.seconds > 0.0) {
        parts.push(stretch(&t.spent, done / all, (done + t.seconds) / all, t.seconds));
        done += t.seconds;
    }
    json!({ "parts": parts, "said": super::text::share_line(report) })
}
