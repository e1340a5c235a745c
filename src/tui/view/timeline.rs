//! The night as a chart by session: what each did when, what happened on the way, and where now is.

mod bar;

use super::lines::{self, Line, Text, clicked, mark, window};
use super::{Cx, Page, body};
use crate::core::time::Wall;
use crate::protocol::SessionStatus;
use crate::report::timeline::{Doing, Mark, MarkKind, Timeline};
use crate::status::text::{count, span};
use crate::status::zone::{hh_mm, hh_mm_ss};
use crate::tui::cells::{put, put_all, width};
use crate::tui::intent::{Ask, Intent, Want};
use crate::tui::keys::Context;
use crate::tui::model::{Detail, Link, Model};
use crate::tui::theme::look;
use crate::tui::ui::Ui;
use bar::{Axis, doing_look, mark_look};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::time::Duration;

/// The view.
pub const PAGE: Page =
    Page { title: "Timeline", context: Context::Timeline, draw, act, wants, session, rows, ..Page::PLAIN };

/// What of the night is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Zoom {
    /// How much, in milliseconds; `None` is all of it.
    pub shown: Option<u64>,
    /// Where it ends, in milliseconds since the night began; `None` goes along with now.
    pub end: Option<u64>,
}

/// What can be shown of a night, in minutes, the largest first.
const WINDOWS: [u64; 8] = [480, 240, 120, 60, 30, 10, 5, 1];
/// Columns of the names.
const NAMES: (u16, u16) = (12, 26);
/// Rows of the details of the chosen session.
const DETAILS: u16 = 8;

fn wants(_: &Model, _: &Ui) -> Vec<Want> {
    vec![Want::Timeline]
}

fn known(model: &Model) -> Option<Result<&Timeline, &String>> {
    match model.details.get(&Want::Timeline)? {
        Ok(Detail::Timeline(timeline)) => Some(Ok(timeline)),
        Ok(_) => None,
        Err(why) => Some(Err(why)),
    }
}

/// The sessions that have a lane, in the order of the status, by the filter.
fn shown<'m>(model: &'m Model, ui: &Ui) -> Vec<&'m SessionStatus> {
    let filter = ui.filter.value().to_lowercase();
    let fits = |session: &&SessionStatus| {
        let text = format!("{} {}", session.name, session.project.as_deref().unwrap_or_default()).to_lowercase();
        filter.split_whitespace().all(|word| text.contains(word))
    };
    model.status.sessions.iter().filter(fits).collect()
}

fn rows(model: &Model, ui: &Ui) -> usize {
    shown(model, ui).len()
}

fn session(model: &Model, ui: &Ui) -> Option<String> {
    shown(model, ui).get(ui.place(Context::Timeline).cursor).map(|session| session.name.clone())
}

/// Where the parts of the view are.
struct Areas {
    axis: Rect,
    night: Rect,
    lanes: Rect,
    legend: Rect,
    details: Rect,
}

fn areas(area: Rect) -> Areas {
    let row = |y: u16, height: u16| Rect { y: area.y + y, height, ..area };
    let details = if area.height >= 24 { DETAILS } else { (area.height / 4).min(4) };
    let legend = if area.width >= 165 { 1 } else { 2 };
    let lanes = area.height.saturating_sub(2 + legend + details).max(1);
    Areas {
        axis: row(0, 1),
        night: row(1, 1),
        lanes: row(2, lanes),
        legend: row(2 + lanes, legend),
        details: row(2 + lanes + legend, details),
    }
}

fn names(model: &Model, ui: &Ui) -> u16 {
    let widest = shown(model, ui).iter().map(|session| width(&session.name)).max().unwrap_or(0);
    (widest + 4).clamp(NAMES.0, NAMES.1.min(ui.area.width / 4))
}

/// Now on the axis: what the clock says, unless nobody watches any more or the night is over.
fn now_on(timeline: &Timeline, model: &Model, now: Wall) -> u64 {
    let by_clock = timeline.place(now);
    let known = timeline.closed.unwrap_or(by_clock.max(timeline.until));
    if matches!(model.link, Link::Gone { .. }) { timeline.until } else { known }
}

fn act(model: &Model, ui: &mut Ui, intent: Intent) -> Option<Vec<Ask>> {
    let rows = rows(model, ui);
    if let Intent::Click { .. } = intent {
        let lanes = areas(body(model, ui)).lanes;
        if clicked(ui, intent, Context::Timeline, lanes, rows)? {
            let name = session(model, ui)?;
            crate::tui::update::open(ui, name);
        }
        return Some(Vec::new());
    }
    let Some(Ok(timeline)) = known(model) else { return None };
    let whole = timeline.closed.unwrap_or(timeline.until).max(60_000);
    let shown = ui.zoom.shown.unwrap_or(whole);
    if intent == Intent::ZoomIn {
        let less = WINDOWS.iter().map(|minutes| minutes * 60_000).find(|window| *window < shown);
        ui.zoom.shown = less.or(ui.zoom.shown);
    } else if intent == Intent::ZoomOut {
        let more = WINDOWS.iter().rev().map(|minutes| minutes * 60_000).find(|window| *window > shown);
        ui.zoom.shown = more.filter(|window| *window < whole);
        if ui.zoom.shown.is_none() {
            ui.zoom.end = None;
        }
    } else if intent == Intent::Now {
        ui.zoom = Zoom::default();
    } else if intent == Intent::Left {
        let end = ui.zoom.end.unwrap_or(whole).saturating_sub(shown / 4);
        ui.zoom.end = ui.zoom.shown.map(|_| end.max(shown));
    } else if intent == Intent::Right {
        let end = ui.zoom.end.map(|end| end + shown / 4);
        ui.zoom.end = end.filter(|end| *end < whole);
    } else {
        return None;
    }
    Some(Vec::new())
}

fn draw(area: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    let timeline = match known(cx.model) {
        None => return lines::note("Asking for the night …", area, buf, cx),
        Some(Err(why)) => return lines::note(why, area, buf, cx),
        Some(Ok(timeline)) => timeline,
    };
    let areas = areas(area);
    let names = names(cx.model, cx.ui);
    let chart = area.width.saturating_sub(names + 2).max(1);
    let now = now_on(timeline, cx.model, cx.now);
    let axis = Axis::new(cx.ui.zoom, now, timeline, chart);
    if timeline.closed.is_none() && !matches!(cx.model.link, Link::Gone { .. }) {
        // The chart moves on when now is another column.
        let step = i64::try_from(axis.per_column().clamp(1_000, 60_000)).unwrap_or(60_000);
        cx.changes_at(Wall((cx.now.0.div_euclid(step) + 1) * step));
    }
    let left = area.x + names + 1;
    head(&axis, timeline, left, areas.axis, buf, cx);
    put(buf, area.x + 1, areas.night.y, names - 1, "night", cx.theme.dim);
    marks(&timeline.marks, &axis, left, areas.night.y, buf, cx);
    let sessions = shown(cx.model, cx.ui);
    if sessions.is_empty() {
        lines::note("No session to show.", areas.lanes, buf, cx);
        return;
    }
    let place = window(cx.ui.place(Context::Timeline), sessions.len(), areas.lanes.height);
    let rows = (areas.lanes.y..areas.lanes.bottom()).zip(sessions.iter().enumerate().skip(place.offset));
    for (y, (at, session)) in rows {
        let seen = look(session);
        put_all(
            buf,
            area.x + 1,
            y,
            names - 1,
            &[(seen.sign, cx.theme.tone(seen.tone)), (" ", cx.theme.text), (&session.name, cx.theme.text)],
        );
        lane(session, timeline, &axis, now, left, y, buf, cx);
        if at == place.cursor {
            mark(Rect { y, height: 1, width: names, ..area }, buf, cx);
        }
    }
    legend(areas.legend, buf, cx);
    if let Some(session) = sessions.get(place.cursor) {
        details(session, timeline, now, areas.details, buf, cx);
    }
}

/// The times of day above the chart, and where now is.
fn head(axis: &Axis, timeline: &Timeline, left: u16, row: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    let now = axis.now_column();
    for (column, at) in axis.ticks() {
        // The word of now needs its room.
        if now.is_some_and(|now| column + 7 > now && column < now + 5) {
            continue;
        }
        let text = timeline.wall(at).map_or_else(String::new, |wall| hh_mm(wall, &cx.model.zone));
        put(buf, left + column, row.y, axis.columns - column, &format!("╷{text}"), cx.theme.dim);
    }
    if let Some(column) = now {
        let room = axis.columns - column;
        let text = if room >= 4 { "│now" } else { "│" };
        put(buf, left + column, row.y, room, text, cx.theme.strong);
    }
}

/// One session: its stretches, what is to come, and the marks over them.
#[expect(clippy::too_many_arguments, reason = "where, what, and how it looks")]
fn lane(
    session: &SessionStatus,
    timeline: &Timeline,
    axis: &Axis,
    now: u64,
    left: u16,
    y: u16,
    buf: &mut Buffer,
    cx: &Cx<'_>,
) {
    let now_column = axis.now_column();
    for (column, doing) in axis.columns_of(timeline.stretches(&session.name, now)).into_iter().enumerate() {
        let column = u16::try_from(column).unwrap_or(u16::MAX);
        match doing {
            Some(doing) => {
                let (sign, tone) = doing_look(doing);
                put(buf, left + column, y, 1, sign, cx.theme.tone(tone));
            }
            None if Some(column) == now_column => {
                put(buf, left + column, y, 1, "│", cx.theme.line);
            }
            None => {}
        }
    }
    if let Some(lane) = timeline.sessions.get(&session.name) {
        marks(&lane.marks, axis, left, y, buf, cx);
    }
    if let Some(next) = super::at(session.next_at.as_ref()).filter(|next| *next > cx.now)
        && let Some(column) = axis.column(now.saturating_add(u64::try_from(next.0 - cx.now.0).unwrap_or(0)))
    {
        put(buf, left + column, y, 1, "◷", cx.theme.strong);
    }
}

/// Marks that are worth a column; of several in one column the weightiest.
fn marks(marks: &[Mark], axis: &Axis, left: u16, y: u16, buf: &mut Buffer, cx: &Cx<'_>) {
    let mut shown: Vec<(u16, MarkKind)> = Vec::new();
    for mark in marks {
        let Some(column) = axis.column(mark.at) else { continue };
        match shown.iter_mut().find(|(at, _)| *at == column) {
            Some((_, kind)) if kind.weight() < mark.kind.weight() => *kind = mark.kind,
            Some(_) => {}
            None => shown.push((column, mark.kind)),
        }
    }
    for (column, kind) in shown {
        if let Some((sign, style)) = mark_look(kind, cx.theme) {
            put(buf, left + column, y, 1, sign, style);
        }
    }
}

fn legend(area: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    let mut entries: Vec<(String, ratatui::style::Style)> = Vec::new();
    for doing in Doing::ALL {
        let (sign, tone) = doing_look(doing);
        entries.push((format!("{sign} {}", doing.word()), cx.theme.tone(tone)));
    }
    for kind in
        [MarkKind::Failure, MarkKind::Retry, MarkKind::Alert, MarkKind::Operator, MarkKind::Note, MarkKind::Commit]
    {
        if let Some((sign, style)) = mark_look(kind, cx.theme) {
            entries.push((format!("{sign} {}", kind.word()), style));
        }
    }
    entries.push(("◷ next".to_owned(), cx.theme.strong));
    let (mut x, mut y) = (area.x + 1, area.y);
    for (text, style) in entries {
        if x + width(&text) >= area.right() {
            x = area.x + 1;
            y += 1;
        }
        if y >= area.bottom() {
            break;
        }
        x += put(buf, x, y, area.right() - x, &text, style) + 2;
    }
}

/// How long the chosen session did what, and what happened to it last.
fn details(session: &SessionStatus, timeline: &Timeline, now: u64, area: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    if area.height == 0 {
        return;
    }
    let seen = look(session);
    let mut text = Text::new(cx.theme, area.width.saturating_sub(2));
    let totals = timeline.totals(&session.name, now);
    let each = Doing::ALL.iter().filter_map(|doing| {
        let spent = totals.get(doing).copied().filter(|ms| *ms >= 1_000)?;
        Some(format!("{} {}", doing.word(), span(Duration::from_millis(spent))))
    });
    let each: Vec<String> = each.collect();
    let attempts = count(session.attempt.into(), "attempt", "attempts");
    let spent = if each.is_empty() { "nothing yet".to_owned() } else { each.join(", ") };
    text.line(vec![
        (session.name.clone(), cx.theme.heading),
        (format!("  {} {}", seen.sign, seen.word), cx.theme.tone(seen.tone)),
        (format!("  {attempts}: {spent}"), cx.theme.text),
    ]);
    let Some(lane) = timeline.sessions.get(&session.name) else {
        text.line(vec![("It has no run in this night.".to_owned(), cx.theme.dim)]);
        return lines::draw_still(&text.lines, area, buf);
    };
    let time = |at: u64| timeline.wall(at).map_or_else(String::new, |wall| hh_mm_ss(wall, &cx.model.zone));
    let mut last: Vec<(u64, Line)> = Vec::new();
    for mark in lane.marks.iter().rev().take(usize::from(area.height)) {
        let (sign, style) = mark_look(mark.kind, cx.theme).unwrap_or((" ", cx.theme.text));
        let pieces = vec![
            (format!("{}  ", time(mark.at)), cx.theme.dim),
            (format!("{sign} "), style),
            (mark.what.clone(), cx.theme.text),
        ];
        last.push((mark.at, Line { pieces, session: None }));
    }
    for span in lane.spans.iter().rev().filter(|span| !span.doing.has_program()).take(usize::from(area.height)) {
        let (sign, tone) = doing_look(span.doing);
        let for_so_long = crate::status::text::span(Duration::from_millis(span.to - span.from));
        let what = format!("{} for {for_so_long}, until: {}", span.doing.word(), span.end);
        let pieces = vec![
            (format!("{}  ", time(span.from)), cx.theme.dim),
            (format!("{sign} "), cx.theme.tone(tone)),
            (what, cx.theme.text),
        ];
        last.push((span.from, Line { pieces, session: None }));
    }
    last.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    text.lines.extend(last.into_iter().map(|(_, line)| line));
    lines::draw_still(&text.lines, area, buf);
}
