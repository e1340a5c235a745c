//! What the status knows of a session, on one page.

use super::{Cx, Page, at};
use crate::core::usage::short;
use crate::protocol::SessionStatus;
use crate::status;
use crate::status::table::of_total;
use crate::status::text::{bytes, span_of_seconds};
use crate::tui::cells::put;
use crate::tui::keys::Context;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// The part of the session view.
pub const PAGE: Page = Page { title: "Overview", context: Context::Overview, draw, ..Page::PLAIN };

/// Columns of the labels.
const LABELS: u16 = 12;

fn draw(area: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    let Some(session) = cx.ui.opened.as_deref().and_then(|name| cx.model.session(name)) else { return };
    draw_of(session, area, buf, cx);
}

/// Draws what is known of a session, as many lines as there is room for.
pub fn draw_of(session: &SessionStatus, area: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    for (y, (label, text)) in (area.y..area.bottom()).zip(lines(session, cx)) {
        put(buf, area.x + 1, y, LABELS.min(area.width.saturating_sub(2)), label, cx.theme.dim);
        put(buf, area.x + 1 + LABELS, y, area.width.saturating_sub(LABELS + 2), &text, cx.theme.text);
    }
}

fn lines(session: &SessionStatus, cx: &Cx<'_>) -> Vec<(&'static str, String)> {
    let mut lines = vec![("why", session.reason.clone())];
    if let Some(evidence) = &session.activity_evidence {
        lines.push(("seen", evidence.clone()));
    }
    if let Some(prompt) = &session.prompt {
        let choices = prompt.choices.iter().map(|choice| format!("{} {}", choice.number, choice.label));
        let choices: Vec<String> = choices.collect();
        if !choices.is_empty() {
            lines.push(("choices", choices.join(", ")));
        }
        let by_hand = format!("{}, or nightkeep answer {}", cx.key("answer"), session.name);
        lines.push(("answer", by_hand));
        if let Some(note) = &prompt.note {
            lines.push(("", note.clone()));
        }
    }
    if let Some(next) = at(session.next_at.as_ref()) {
        lines.push(("next", cx.countdown(next)));
    }
    if session.attempt > 0 {
        let started =
            at(session.started_at.as_ref()).map_or_else(String::new, |at| format!(", started {}", cx.time(at)));
        lines.push(("attempt", format!("{} of {}{started}", session.attempt, session.attempts_max)));
    }
    if let Some(exit) = &session.exit {
        let how = match (exit.code, exit.signal) {
            (Some(code), _) => format!("exit {code}"),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => "exit unknown".to_owned(),
        };
        let class = exit.class.as_ref().map_or_else(String::new, |class| format!(", {}", class.replace('_', " ")));
        lines.push(("last exit", format!("{how} after {}{class}", span_of_seconds(exit.ran))));
    }
    for metric in &session.metrics {
        lines.push(("number", format!("{} {}", metric.name, of_total(metric))));
    }
    for check in &session.checks {
        lines.push((if check.passed { "holds" } else { "not so" }, format!("{}: {}", check.text, check.seen)));
    }
    for finding in session.findings.iter().filter(|f| f.resolved.is_none()) {
        lines.push(("found", finding.what.clone()));
    }
    for note in &session.notes {
        let given = if note.times_given == 0 { "for its next attempt" } else { "given" };
        lines.push(("note", format!("{} ({given}): {}", note.id, note.text.replace('\n', " "))));
    }
    if let Some(usage) = &session.usage {
        lines.push(("used", status::usage::words(usage)));
        for model in usage.models.iter().filter(|_| usage.models.len() > 1) {
            let cost = model.usd.map_or_else(|| "unpriced".to_owned(), |usd| format!("${usd:.2}"));
            let tokens = short(model.input_tokens.saturating_add(model.output_tokens));
            lines.push(("", format!("{}: {tokens} tokens, {cost}", model.model)));
        }
    }
    if !session.after.is_empty() {
        lines.push(("after", session.after.join(", ")));
    }
    if let Some(output) = &session.output {
        lines.push(("output", format!("{} in {}", bytes(output.bytes), output.path)));
        lines.push(("last line", output.last_line.clone()));
    }
    lines
}
