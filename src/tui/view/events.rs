//! What happened to a session, newest first.

use super::lines::{self, Line, Text, clicked, window};
use super::{Cx, Page, at, body, session};
use crate::protocol::details::{SessionEvent, SessionEvents};
use crate::status::zone::hh_mm_ss;
use crate::tui::cells::put;
use crate::tui::intent::{Ask, Intent, Want};
use crate::tui::keys::Context;
use crate::tui::model::{Detail, Model};
use crate::tui::theme::Tone;
use crate::tui::ui::{Place, Ui};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// The part of the session view.
pub const PAGE: Page = Page { title: "Events", context: Context::Events, draw, act, wants, rows, ..Page::PLAIN };

/// Rows in which the chosen line is told in full.
const FULL: u16 = 4;

fn want(ui: &Ui) -> Option<Want> {
    Some(Want::Events { session: ui.opened.clone()?, before: ui.older_events.last().copied() })
}

fn wants(_: &Model, ui: &Ui) -> Vec<Want> {
    want(ui).into_iter().collect()
}

fn known<'m>(model: &'m Model, ui: &Ui) -> Option<Result<&'m SessionEvents, &'m String>> {
    match model.details.get(&want(ui)?)? {
        Ok(Detail::Events(events)) => Some(Ok(events)),
        Ok(_) => None,
        Err(why) => Some(Err(why)),
    }
}

fn rows(model: &Model, ui: &Ui) -> usize {
    known(model, ui).and_then(Result::ok).map_or(0, |events| events.events.len())
}

fn list(area: Rect) -> Rect {
    let height = area.height.saturating_sub(FULL + 1).max(1);
    Rect { y: area.y + 1, height: height.saturating_sub(1), ..area }
}

fn act(model: &Model, ui: &mut Ui, intent: Intent) -> Option<Vec<Ask>> {
    if intent == Intent::Right {
        if let Some(before) = known(model, ui).and_then(Result::ok).and_then(|events| events.before) {
            ui.older_events.push(before);
            ui.places.insert(Context::Events, Place::default());
        }
    } else if intent == Intent::Left {
        ui.older_events.pop();
        ui.places.insert(Context::Events, Place::default());
    } else {
        let rows = rows(model, ui);
        clicked(ui, intent, Context::Events, list(session::part(body(model, ui))), rows)?;
    }
    Some(Vec::new())
}

fn style(event: &SessionEvent, cx: &Cx<'_>) -> (&'static str, Style) {
    match event.weight {
        0 => (" ", cx.theme.dim),
        1 => ("·", cx.theme.text),
        2 => ("•", cx.theme.strong),
        _ => ("!", cx.theme.tone(Tone::Failed)),
    }
}

fn draw(area: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    let events = match known(cx.model, cx.ui) {
        None => return lines::note("Asking for the events …", area, buf, cx),
        Some(Err(why)) => return lines::note(why, area, buf, cx),
        Some(Ok(events)) if events.events.is_empty() => {
            return lines::note("Nothing happened to it yet.", area, buf, cx);
        }
        Some(Ok(events)) => events,
    };
    let list = list(area);
    let mut heading = match cx.ui.older_events.len() {
        0 => "Newest first".to_owned(),
        n => format!("Page {} of the past; ← newer", n + 1),
    };
    if events.before.is_some() {
        heading.push_str("; → older");
    }
    put(buf, area.x + 1, area.y, area.width.saturating_sub(2), &heading, cx.theme.dim);
    let time = |event: &SessionEvent| at(Some(&event.at)).map_or_else(String::new, |at| hh_mm_ss(at, &cx.model.zone));
    let place = window(cx.ui.place(Context::Events), events.events.len(), list.height);
    let shown: Vec<Line> = events
        .events
        .iter()
        .map(|event| {
            let (sign, style) = style(event, cx);
            let evidence = event.evidence.as_ref().map_or_else(String::new, |evidence| format!("  {evidence}"));
            let pieces = vec![
                (format!("{}  ", time(event)), cx.theme.dim),
                (format!("{sign} "), style),
                (event.what.clone(), style),
                (evidence, cx.theme.dim),
            ];
            Line { pieces, session: None }
        })
        .collect();
    lines::draw(&shown, Context::Events, list, buf, cx);
    if let Some(event) = events.events.get(place.cursor) {
        let below = Rect { y: list.bottom() + 1, height: area.bottom().saturating_sub(list.bottom() + 1), ..area };
        for x in area.x..area.right() {
            put(buf, x, list.bottom(), 1, "─", cx.theme.line);
        }
        let mut text = Text::new(cx.theme, below.width.saturating_sub(2));
        let lead = format!("fact {}  ", event.seq);
        text.wrapped(&[(&lead, cx.theme.dim)], &event.what, cx.theme.text);
        if let Some(evidence) = &event.evidence {
            text.wrapped(&[("  ", cx.theme.dim)], evidence, cx.theme.dim);
        }
        lines::draw_still(&text.lines, below, buf);
    }
}
