//! One line of the list: a project or a session.

use super::columns::{Column, Columns};
use crate::core::usage::WARN_AT;
use crate::protocol::{ExitStatus, MetricStatus, SessionStatus};
use crate::status::text::{number, short_span};
use crate::tui::cells::{put, put_all, put_right, width};
use crate::tui::theme::{Tone, look};
use crate::tui::view::{Cx, at};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::time::Duration;

/// Marks the line under the cursor.
pub(super) fn mark(line: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    buf.set_style(line, cx.theme.selected);
    put(buf, line.x, line.y, 1, "▌", cx.theme.key.patch(cx.theme.selected));
}

/// The names of the columns.
pub(super) fn heads(columns: &Columns, line: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    let style = cx.theme.dim;
    for (column, head) in [
        (columns.state, "STATE"),
        (columns.name, "SESSION"),
        (columns.outlook, "NEXT / PROGRESS"),
        (columns.spark, "OUTPUT/MIN"),
        (columns.usage, "TOKENS COST"),
        (columns.note, "LAST LINE / WHY"),
    ] {
        put(buf, line.x + column.x, line.y, column.wide, head, style);
    }
    for (column, head) in [(columns.attempt, "TRY"), (columns.time, "TIME")] {
        put_right(buf, line.x + column.x, line.y, column.wide, head, style);
    }
}

/// A project: its name and how many of its sessions look how.
pub(super) fn project(name: &str, sessions: &[&SessionStatus], line: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    let sign = if cx.ui.folded.contains(name) { "▸" } else { "▾" };
    let name = if name.is_empty() { "no project" } else { name };
    let mut x = line.x + 1;
    x += put_all(
        buf,
        x,
        line.y,
        line.width - 2,
        &[(sign, cx.theme.dim), (" ", cx.theme.text), (name, cx.theme.heading)],
    );
    x += 2;
    for (count, look) in super::super::counts(sessions.iter().copied()) {
        let text = format!("{} {count} ", look.sign);
        if x + width(&text) >= line.right() {
            break;
        }
        x += put(buf, x, line.y, line.right() - x, &text, cx.theme.tone(look.tone)) + 1;
    }
}

/// A session.
pub(super) fn session(session: &SessionStatus, columns: &Columns, line: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    let (y, theme) = (line.y, cx.theme);
    let x = |column: Column| line.x + column.x;
    let look = look(session);
    let tone = theme.tone(look.tone);
    put_all(buf, x(columns.state), y, columns.state.wide, &[(look.sign, tone), (" ", tone), (look.word, tone)]);
    let name = if look.tone == Tone::Off || look.tone == Tone::Done { theme.dim } else { theme.text };
    put(buf, x(columns.name), y, columns.name.wide, &session.name, name);
    put_right(buf, x(columns.attempt), y, columns.attempt.wide, &attempt(session), theme.dim);
    put_right(buf, x(columns.time), y, columns.time.wide, &elapsed(session, cx), theme.dim);
    if columns.outlook.wide > 0 {
        outlook(session, x(columns.outlook), y, columns.outlook.wide, buf, cx);
    }
    if columns.spark.wide > 0 {
        spark(session, x(columns.spark), y, columns.spark.wide, buf, cx);
    }
    if columns.usage.wide > 0
        && let Some(usage) = &session.usage
    {
        let tokens = short_count(usage.input_tokens.saturating_add(usage.output_tokens));
        let cost = usage.usd.map_or_else(|| "?".to_owned(), |usd| format!("${usd:.2}"));
        let spent = usage.budget.as_ref().and_then(|budget| budget.percent).is_some_and(|percent| percent >= WARN_AT);
        let style = if spent { theme.tone(Tone::Waiting) } else { theme.dim };
        put(buf, x(columns.usage), y, columns.usage.wide, &format!("{tokens} {cost}"), style);
    }
    let (mut at_x, mut wide) = (x(columns.note), columns.note.wide);
    if columns.outlook.wide == 0
        && let Some(next) = next_event(session, cx, true)
    {
        let taken = put(buf, at_x, y, wide, &next, theme.tone(Tone::Delayed));
        let used = (taken + 2).min(wide);
        (at_x, wide) = (at_x + used, wide - used);
    }
    let style = if matches!(look.tone, Tone::Failed | Tone::Waiting) { theme.text } else { theme.dim };
    put(buf, at_x, y, wide, &note(session), style);
}

/// `2/5`; attempts that were not counted can make more than are allowed: then the number alone is true.
fn attempt(session: &SessionStatus) -> String {
    match (session.attempt, session.attempts_max) {
        (0, _) => String::new(),
        (n, max) if max == 0 || n > max => n.to_string(),
        (n, max) => format!("{n}/{max}"),
    }
}

/// How long: a program that runs, since its start; one that ended, what it ran; anything else, the time in its state.
fn elapsed(session: &SessionStatus, cx: &Cx<'_>) -> String {
    let since = |text: &Option<String>| at(text.as_ref()).map(|at| cx.age(at));
    let time = match session.state.as_str() {
        "running" | "starting" | "stopping" => since(&session.started_at),
        "failed" | "partial" | "succeeded" | "stopped" | "unfinished" => {
            let ran = session.exit.as_ref().and_then(|e| Duration::try_from_secs_f64(e.ran).ok());
            ran.map(short_span)
        }
        "skipped" | "scheduled" => None,
        _ => since(&session.since),
    };
    time.unwrap_or_default()
}

/// What happens next by itself, in words.
fn next_event(session: &SessionStatus, cx: &Cx<'_>, short: bool) -> Option<String> {
    let next = at(session.next_at.as_ref())?;
    let when = cx.until(next);
    Some(match session.state.as_str() {
        "backing_off" => format!("retry {when}"),
        "limited" if short => format!("resets {when}"),
        "limited" => format!("limit resets {when}"),
        "scheduled" | "queued" | "waiting" => format!("starts {when}"),
        "running" | "starting" => format!("ends {when}"),
        "stopping" => format!("killed {when}"),
        _ => when,
    })
}

/// What happens next, or how far it is.
fn outlook(session: &SessionStatus, x: u16, y: u16, columns: u16, buf: &mut Buffer, cx: &Cx<'_>) {
    let runs = matches!(session.state.as_str(), "running" | "starting" | "stopping");
    if !runs && let Some(next) = next_event(session, cx, columns < 24) {
        put(buf, x, y, columns, &next, cx.theme.tone(Tone::Delayed));
        return;
    }
    if session.state == "waiting" && !session.after.is_empty() {
        put(buf, x, y, columns, &format!("after {}", session.after.join(", ")), cx.theme.dim);
        return;
    }
    let seen = |m: &&MetricStatus| m.value.is_some();
    let first = session.metrics.iter().find(|m| m.total.is_some()).or_else(|| session.metrics.iter().find(seen));
    if let Some(metric) = first {
        progress(metric, runs, x, y, columns, buf, cx);
    }
}

/// `█████░░░  88 % → 04:20  3,100/3,513`: as much of it as there is room for.
fn progress(metric: &MetricStatus, runs: bool, x: u16, y: u16, columns: u16, buf: &mut Buffer, cx: &Cx<'_>) {
    let theme = cx.theme;
    let value = metric.value.map_or_else(|| "?".to_owned(), number);
    let Some(total) = metric.total.filter(|total| *total > 0.0) else {
        put(buf, x, y, columns, &format!("{value} {}", metric.name), theme.text);
        return;
    };
    let part = (metric.value.unwrap_or(0.0) / total).clamp(0.0, 1.0);
    // Rounded down: 100 % is said of a reached total alone.
    let percent = format!("{:>3} %", (part * 100.0).floor());
    let count = format!("{value}/{}", number(total));
    let eta = at(metric.eta.as_ref()).filter(|_| runs).map_or_else(String::new, |eta| format!("→ {}", cx.clock(eta)));
    let bar_wide = match columns {
        0..20 => 0,
        20..40 => 8,
        _ => 14,
    };
    let mut taken = 0;
    if bar_wide > 0 {
        bar(part, x, y, bar_wide, buf, cx);
        taken = bar_wide + 1;
    }
    taken += put(buf, x + taken, y, columns - taken, &percent, theme.text) + 1;
    if columns < 20 {
        let rest = columns.saturating_sub(taken);
        let last = if eta.is_empty() || width(&eta) > rest { &count } else { &eta };
        if width(last) <= rest {
            put(buf, x + taken, y, rest, last, theme.dim);
        }
        return;
    }
    for word in [&eta, &count] {
        if !word.is_empty() && taken + width(word) <= columns {
            taken += put(buf, x + taken, y, columns - taken, word, theme.dim) + 1;
        }
    }
}

/// A bar in eighths of a column.
fn bar(part: f64, x: u16, y: u16, columns: u16, buf: &mut Buffer, cx: &Cx<'_>) {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 8 times the columns")]
    let filled = (part.clamp(0.0, 1.0) * f64::from(columns) * 8.0).floor() as usize;
    let (full, rest) = (filled / 8, filled % 8);
    let text = format!("{}{}", "█".repeat(full), EIGHTHS[rest]);
    let taken = put(buf, x, y, columns, &text, cx.theme.bar);
    put(buf, x + taken, y, columns - taken, &"░".repeat(usize::from(columns - taken)), cx.theme.bar_rest);
}

/// Output by the minute, the newest at the right; a minute without output is a low line, an unknown one is blank.
fn spark(session: &SessionStatus, x: u16, y: u16, columns: u16, buf: &mut Buffer, cx: &Cx<'_>) {
    const HEIGHTS: [&str; 7] = ["▂", "▃", "▄", "▅", "▆", "▇", "█"];
    let Some(samples) = cx.model.samples.get(&session.name) else { return };
    let runs = matches!(session.state.as_str(), "running" | "starting" | "stopping");
    let minutes = samples.last(usize::from(columns), cx.now);
    let most = minutes.iter().copied().max().unwrap_or(0).max(1);
    let style = if runs { cx.theme.spark } else { cx.theme.line };
    if minutes.iter().any(|bytes| *bytes > 0) {
        cx.changes_at(crate::tui::model::next_minute(cx.now));
    } else if !runs {
        return;
    }
    let known = u16::try_from(minutes.len()).unwrap_or(columns);
    for (x, bytes) in (x + columns - known..).zip(minutes) {
        let height = usize::try_from(bytes.saturating_mul(7).div_ceil(most)).unwrap_or(7);
        let (sign, style) = match height.checked_sub(1) {
            None => ("▁", cx.theme.line),
            Some(at) => (HEIGHTS[at.min(6)], style),
        };
        put(buf, x, y, 1, sign, style);
    }
}

/// The last column: what a running program said last, otherwise why the session is where it is.
fn note(session: &SessionStatus) -> String {
    let last = session.output.as_ref().map_or("", |o| o.last_line.as_str());
    let prompting = session.activity.as_deref() == Some("prompting");
    let words = match session.state.as_str() {
        "running" if session.prompt.is_some() => session.reason.clone(),
        "running" if prompting || session.activity.as_deref() == Some("stalled") => {
            session.activity_evidence.clone().unwrap_or_else(|| session.reason.clone())
        }
        "running" if !last.is_empty() => last.to_owned(),
        _ if !session.reason.is_empty() => session.reason.clone(),
        _ => session.exit.as_ref().map_or_else(|| last.to_owned(), exit),
    };
    if session.removed && session.state == "running" { format!("removed from the file; {words}") } else { words }
}

fn exit(exit: &ExitStatus) -> String {
    let ending = match (exit.code, exit.signal) {
        (Some(code), _) => format!("exit {code}"),
        (None, Some(number)) => format!("signal {number}"),
        (None, None) => "exit unknown".to_owned(),
    };
    match &exit.class {
        Some(class) => format!("{ending} ({})", class.replace('_', " ")),
        None => ending,
    }
}

/// `812`, `12k`, `1.2M`
fn short_count(n: u64) -> String {
    match n {
        0..1_000 => n.to_string(),
        1_000..1_000_000 => format!("{}k", n / 1_000),
        _ => format!("{}.{}M", n / 1_000_000, n / 100_000 % 10),
    }
}
