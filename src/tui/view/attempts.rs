//! A session's attempts, each with its death certificate.

use super::lines::{self, Line, Text, clicked, rule, split};
use super::{Cx, Page, at, body, session};
use crate::protocol::details::{AttemptStatus, Attempts};
use crate::status::text::{bytes, count, number, span_of_seconds};
use crate::tui::intent::{Ask, Intent, Want};
use crate::tui::keys::Context;
use crate::tui::model::{Detail, Model};
use crate::tui::theme::Tone;
use crate::tui::ui::Ui;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// The part of the session view.
pub const PAGE: Page = Page { title: "Attempts", context: Context::Attempts, draw, act, wants, rows, ..Page::PLAIN };

fn want(ui: &Ui) -> Option<Want> {
    ui.opened.clone().map(Want::Attempts)
}

fn wants(_: &Model, ui: &Ui) -> Vec<Want> {
    want(ui).into_iter().collect()
}

fn known<'m>(model: &'m Model, ui: &Ui) -> Option<Result<&'m Attempts, &'m String>> {
    match model.details.get(&want(ui)?)? {
        Ok(Detail::Attempts(attempts)) => Some(Ok(attempts)),
        Ok(_) => None,
        Err(why) => Some(Err(why)),
    }
}

fn rows(model: &Model, ui: &Ui) -> usize {
    known(model, ui).and_then(Result::ok).map_or(0, |attempts| attempts.attempts.len())
}

fn act(model: &Model, ui: &mut Ui, intent: Intent) -> Option<Vec<Ask>> {
    let rows = rows(model, ui);
    let (list, _) = split(session::part(body(model, ui)), rows);
    clicked(ui, intent, Context::Attempts, list, rows).map(|_| Vec::new())
}

fn draw(area: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    let attempts = match known(cx.model, cx.ui) {
        None => return lines::note("Asking for the attempts …", area, buf, cx),
        Some(Err(why)) => return lines::note(why, area, buf, cx),
        Some(Ok(attempts)) if attempts.attempts.is_empty() => {
            return lines::note("It has not been started yet.", area, buf, cx);
        }
        Some(Ok(attempts)) => attempts,
    };
    let (list, details) = split(area, attempts.attempts.len());
    let rows: Vec<Line> = attempts.attempts.iter().map(|attempt| row(attempt, cx)).collect();
    let place = lines::draw(&rows, Context::Attempts, list, buf, cx);
    rule(list, details, buf, cx);
    if let Some(attempt) = attempts.attempts.get(place.cursor) {
        let mut text = Text::new(cx.theme, details.width.saturating_sub(2));
        certificate(attempt, &mut text, cx);
        lines::draw_still(&text.lines, details, buf);
    }
}

/// The style of an ending.
fn tone(attempt: &AttemptStatus, cx: &Cx<'_>) -> (&'static str, Style) {
    match &attempt.exit {
        None => ("●", cx.theme.tone(Tone::Working)),
        Some(exit) if exit.class.is_some() => ("✗", cx.theme.tone(Tone::Failed)),
        Some(_) => ("✓", cx.theme.tone(Tone::Done)),
    }
}

fn row(attempt: &AttemptStatus, cx: &Cx<'_>) -> Line {
    let (sign, style) = tone(attempt, cx);
    let when =
        at(attempt.started_at.as_ref()).or(at(Some(&attempt.intended_at))).map_or_else(String::new, |at| cx.time(at));
    let run = attempt.run.rsplit('/').next().unwrap_or_default();
    let class = attempt.exit.as_ref().and_then(|exit| exit.class.as_ref());
    let class = class.map_or_else(String::new, |class| format!("  {}", class.replace('_', " ")));
    let ran = attempt.exit.as_ref().map_or_else(String::new, |exit| format!("  {}", span_of_seconds(exit.ran)));
    Line {
        pieces: vec![
            (format!("{sign} "), style),
            (format!("{run}.{:<4}", attempt.attempt), cx.theme.text),
            (format!("{when:>5}  "), cx.theme.dim),
            (attempt.ending.clone(), style),
            (class, cx.theme.text),
            (ran, cx.theme.dim),
        ],
        session: None,
    }
}

/// All that is known of how an attempt went and ended.
pub fn certificate(attempt: &AttemptStatus, text: &mut Text<'_>, cx: &Cx<'_>) {
    let (plain, dim) = (cx.theme.text, cx.theme.dim);
    let (sign, style) = tone(attempt, cx);
    text.line(vec![(format!("Attempt {} of {}", attempt.attempt, attempt.run), cx.theme.heading)]);
    text.wrapped(&[(&format!("{sign} "), style)], &attempt.ending, style);
    if let Some(exit) = &attempt.exit {
        let how = match (exit.code, exit.signal) {
            (Some(code), _) => format!("code {code}"),
            (None, Some(signal)) => format!("signal {signal}{}", if exit.core { ", core dumped" } else { ", no core" }),
            (None, None) => "no code and no signal is known".to_owned(),
        };
        let oom = if exit.oom { ", killed for want of memory" } else { "" };
        text.labelled("exit", &format!("{how}{oom}"), plain);
        if let Some(class) = &exit.class {
            let rule = exit.rule.as_ref().map_or_else(String::new, |rule| format!(", by rule {rule}"));
            let counts = if exit.counted { "takes one of the attempts" } else { "takes no attempt" };
            text.labelled("class", &format!("{}{rule}; {counts}", class.replace('_', " ")), plain);
        }
    }
    let started = at(attempt.started_at.as_ref()).map_or_else(|| "never".to_owned(), |at| cx.time(at));
    let ended = attempt.exit.as_ref().and_then(|exit| at(Some(&exit.at)).map(|at| (at, exit.ran)));
    let ended =
        ended.map_or_else(String::new, |(at, ran)| format!(", ended {}, ran {}", cx.time(at), span_of_seconds(ran)));
    let pid = attempt.pid.map_or_else(String::new, |pid| format!(", process {pid}"));
    text.labelled("started", &format!("{started}{pid}{ended}"), plain);
    if let Some(usage) = &attempt.usage {
        let cpu = format!("{} of CPU, {} in the kernel", span_of_seconds(usage.user), span_of_seconds(usage.system));
        text.labelled("used", &format!("{cpu}, at most {} of memory", bytes(usage.max_rss)), plain);
    }
    let mut apart = Vec::new();
    if attempt.stopped {
        apart.push("it was told to stop".to_owned());
    }
    if attempt.hup {
        apart.push("its terminal hung up".to_owned());
    }
    if attempt.orphans > 0 {
        apart.push(format!("{} left behind and ended", count(attempt.orphans.into(), "process", "processes")));
    }
    if attempt.refused > 0 {
        apart.push(format!("{} refused by its limit", count(attempt.refused, "new process", "new processes")));
    }
    if !apart.is_empty() {
        text.labelled("besides", &apart.join("; "), plain);
    }
    let lost = if attempt.lost_bytes > 0 {
        format!(", {} could not be kept", bytes(attempt.lost_bytes))
    } else {
        String::new()
    };
    text.labelled("output", &format!("{}{lost} in {}", bytes(attempt.output_bytes), attempt.output_path), plain);
    if !attempt.notes.is_empty() {
        text.labelled("notes", &attempt.notes.join(", "), plain);
    }
    for metric in &attempt.metrics {
        let value = metric.value.map_or_else(|| "-".to_owned(), number);
        let total = metric.total.map_or_else(String::new, |total| format!(" of {}", number(total)));
        text.labelled("number", &format!("{} {value}{total}", metric.name), plain);
    }
    for check in &attempt.checks {
        let style = if check.passed { plain } else { cx.theme.tone(Tone::Failed) };
        text.labelled(if check.passed { "holds" } else { "not so" }, &format!("{}: {}", check.text, check.seen), style);
    }
    for error in attempt.errors.iter().take(5) {
        text.labelled("error", &format!("{}× {}", error.count, error.sample), plain);
    }
    if !attempt.last_lines.is_empty() {
        text.gap();
        text.line(vec![("Last lines".to_owned(), cx.theme.heading)]);
        for line in &attempt.last_lines {
            text.wrapped(&[("│ ", dim)], line, plain);
        }
    }
}
