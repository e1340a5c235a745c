//! What comes next, and why not yet; below it tonight as it would go.

use super::lines::{self, Line, Text, clicked};
use super::{Cx, Page, at, body};
use crate::protocol::details::{Queue, QueueEntry};
use crate::status::text::{count, span_of_seconds};
use crate::status::tonight::{PlannedStart, Tonight};
use crate::tui::cells::put;
use crate::tui::intent::{Ask, Intent, Want};
use crate::tui::keys::Context;
use crate::tui::model::{Detail, Model};
use crate::tui::theme::Tone;
use crate::tui::ui::Ui;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// The view.
pub const PAGE: Page = Page { title: "Plan", context: Context::Plan, draw, act, wants, session, rows, badge };

fn wants(_: &Model, _: &Ui) -> Vec<Want> {
    vec![Want::Queue, Want::Plan]
}

fn badge(model: &Model) -> usize {
    model.status.sessions.iter().filter(|session| session.state == "queued").count()
}

fn queue(model: &Model) -> Option<Result<&Queue, &String>> {
    match model.details.get(&Want::Queue)? {
        Ok(Detail::Queue(queue)) => Some(Ok(queue)),
        Ok(_) => None,
        Err(why) => Some(Err(why)),
    }
}

fn plan(model: &Model) -> Option<&Tonight> {
    match model.details.get(&Want::Plan)? {
        Ok(Detail::Plan(plan)) => Some(plan),
        Ok(_) | Err(_) => None,
    }
}

fn rows(model: &Model, _: &Ui) -> usize {
    queue(model).and_then(Result::ok).map_or(0, |queue| queue.entries.len())
}

fn session(model: &Model, ui: &Ui) -> Option<String> {
    let queue = queue(model)?.ok()?;
    queue.entries.get(ui.place(Context::Plan).cursor).map(|entry| entry.session.clone())
}

/// Rows above the queue.
const TOP: u16 = 1;

/// Where the queue is, and the forecast below it.
fn areas(area: Rect, rows: usize) -> (Rect, Rect) {
    let below = Rect { y: area.y + TOP, height: area.height.saturating_sub(TOP), ..area };
    let most = below.height * 3 / 5;
    let tall = u16::try_from(rows).unwrap_or(u16::MAX).clamp(1, most.max(1));
    let list = Rect { height: tall, ..below };
    (list, Rect { y: list.bottom() + 1, height: below.height.saturating_sub(tall + 1), ..below })
}

fn act(model: &Model, ui: &mut Ui, intent: Intent) -> Option<Vec<Ask>> {
    let rows = rows(model, ui);
    let (list, _) = areas(body(model, ui), rows);
    if clicked(ui, intent, Context::Plan, list, rows)?
        && let Some(name) = session(model, ui)
    {
        crate::tui::update::open(ui, name);
    }
    Some(Vec::new())
}

fn draw(area: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    let queue = match queue(cx.model) {
        None => return lines::note("Asking for the plan …", area, buf, cx),
        Some(Err(why)) => return lines::note(why, area, buf, cx),
        Some(Ok(queue)) => queue,
    };
    let head = match &queue.nothing_starts {
        Some(why) => (format!("Nothing starts: {why}"), cx.theme.tone(Tone::Waiting)),
        None => {
            let slots = count(queue.slots.into(), "slot", "slots");
            let to_come = count(queue.entries.len() as u64, "session is", "sessions are");
            (format!("{} of {slots} taken; {to_come} to come", queue.taken), cx.theme.text)
        }
    };
    put(buf, area.x + 1, area.y, area.width.saturating_sub(2), &head.0, head.1);
    let (list, forecast) = areas(area, queue.entries.len());
    if queue.entries.is_empty() {
        put(buf, list.x + 3, list.y, list.width.saturating_sub(4), "Nothing waits to be started.", cx.theme.dim);
    }
    let wide = queue.entries.iter().map(|entry| crate::tui::cells::width(&entry.session)).max().unwrap_or(0).min(28);
    let rows: Vec<Line> = queue.entries.iter().map(|entry| row(entry, usize::from(wide), cx)).collect();
    lines::draw(&rows, Context::Plan, list, buf, cx);
    if forecast.height > 2 {
        for x in forecast.x..forecast.right() {
            put(buf, x, forecast.y - 1, 1, "─", cx.theme.line);
        }
        let mut text = Text::new(cx.theme, forecast.width.saturating_sub(2));
        match plan(cx.model) {
            Some(plan) => tonight(plan, &mut text, cx),
            None => text.line(vec![("Asking how the night would go …".to_owned(), cx.theme.dim)]),
        }
        lines::draw_still(&text.lines, forecast, buf);
    }
}

fn row(entry: &QueueEntry, wide: usize, cx: &Cx<'_>) -> Line {
    let (sign, tone) = match entry.state.as_str() {
        "queued" => ("⋯", Tone::Working),
        "backing_off" => ("↻", Tone::Delayed),
        "limited" => ("◷", Tone::Delayed),
        "held" => ("‖", Tone::Off),
        _ => ("·", Tone::Off),
    };
    let next = at(entry.next_at.as_ref()).map_or_else(String::new, |at| cx.countdown(at));
    let why = if entry.why.is_empty() { "it starts at any moment".to_owned() } else { entry.why.join("; ") };
    let priority = if entry.priority == 0 { String::new() } else { format!("priority {}  ", entry.priority) };
    let name = crate::status::text::pad(&crate::tui::cells::clean(&entry.session), wide);
    Line {
        pieces: vec![
            (format!("{sign} {:<11} ", entry.state.replace('_', " ")), cx.theme.tone(tone)),
            (format!("{name}  "), cx.theme.text),
            (format!("{next:>6}  "), cx.theme.strong),
            (priority, cx.theme.dim),
            (why, cx.theme.dim),
        ],
        session: None,
    }
}

/// Tonight as it would go, from its begin.
fn tonight(plan: &Tonight, text: &mut Text<'_>, cx: &Cx<'_>) {
    let length = plan
        .length
        .map_or_else(String::new, |seconds| format!(", {} if all goes as last time", span_of_seconds(seconds)));
    let sessions = count(plan.starts.len() as u64, "session", "sessions");
    let slots = count(plan.slots.into(), "slot", "slots");
    text.line(vec![(format!("A whole night: {sessions} in {slots}{length}"), cx.theme.heading)]);
    let begins = at(Some(&plan.begins)).map_or_else(String::new, |at| cx.time(at));
    let ends = at(plan.ends.as_ref()).map_or_else(|| "with `down`".to_owned(), |at| cx.time(at));
    let by = if plan.by_itself { "by itself at" } else { "with `up`, now" };
    text.line(vec![(format!("It begins {by} {begins} and ends {ends}."), cx.theme.dim)]);
    for start in &plan.starts {
        text.wrapped(&[(&format!("{:>3}  ", start.step), cx.theme.dim)], &step(start, cx), cx.theme.text);
    }
    for never in &plan.never {
        text.wrapped(&[("  –  ", cx.theme.dim)], &format!("{}: {}", never.session, never.why), cx.theme.dim);
    }
}

fn step(start: &PlannedStart, cx: &Cx<'_>) -> String {
    let mut words = vec![start.session.clone()];
    if let Some(own) = at(start.starts_at.as_ref()) {
        words.push(format!("at {}", cx.time(own)));
    } else if let Some(seconds) = start.starts_in.filter(|seconds| *seconds > 0.0) {
        words.push(format!("after {}", span_of_seconds(seconds)));
    }
    if !start.after.is_empty() {
        words.push(format!("once {} ended", start.after.join(", ")));
    }
    if let Some(other) = &start.waits_for_slot_of {
        words.push(format!("in the slot of {other}"));
    }
    if let Some(lasted) = start.lasted {
        words.push(format!("lasted {} last time", span_of_seconds(lasted)));
    }
    if let Some(deadline) = at(start.deadline.as_ref()) {
        words.push(format!("to be done by {}", cx.time(deadline)));
    }
    words.join(", ")
}
