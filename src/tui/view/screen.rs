//! The live screen of a session, in its colours; the part a small pane shows follows the cursor.

use super::{Cx, Page};
use crate::status::text::bytes;
use crate::tui::cells::{put, put_right};
use crate::tui::intent::Want;
use crate::tui::keys::Context;
use crate::tui::live::Live;
use crate::tui::pane;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;

/// The part of the session view.
pub const PAGE: Page = Page {
    title: "Screen",
    context: Context::Screen,
    draw,
    wants: |_, ui| ui.opened.iter().cloned().map(Want::Screen).collect(),
    ..Page::PLAIN
};

fn draw(area: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    let Some(name) = &cx.ui.opened else { return };
    if area.height < 2 {
        return;
    }
    let screen = Rect { height: area.height - 1, ..area };
    draw_of(name, screen, buf, cx);
    let y = area.bottom() - 1;
    let Some(live) = cx.model.shown.screen(name) else { return };
    let (left, right) = told(live);
    let taken = put_right(buf, area.x, y, area.width.saturating_sub(1), &right, cx.theme.dim);
    put(buf, area.x + 1, y, area.width.saturating_sub(taken + 3), &left, cx.theme.dim);
}

/// Draws the screen of a session as it is now, or says why there is none.
pub fn draw_of(name: &str, area: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    let live = cx.model.shown.screen(name);
    let Some(emulator) = live.and_then(Live::emulator) else {
        let why = match live.and_then(Live::problem) {
            Some(problem) => problem,
            None if live.is_some_and(|live| live.about().is_some()) => "",
            None => "asking for its screen …",
        };
        put(buf, area.x + 1, area.y, area.width.saturating_sub(2), why, cx.theme.dim);
        return;
    };
    let cursor = pane::draw(emulator.screen(), area, buf, cx.theme.color);
    let lives = live.is_some_and(|live| live.ended().is_none() && live.problem().is_none());
    if let Some(cell) = cursor.filter(|_| lives).and_then(|cursor| buf.cell_mut(cursor)) {
        cell.modifier.toggle(Modifier::REVERSED);
    }
}

/// What stands below the screen: how it stands, and what it is.
fn told(live: &Live) -> (String, String) {
    let state = match (live.ended(), live.problem()) {
        (_, Some(problem)) => format!("no longer live: {problem}"),
        (Some(Some(exit)), None) => format!("ended, exit {exit}: its last screen"),
        (Some(None), None) => "ended: its last screen".to_owned(),
        (None, None) => "live".to_owned(),
    };
    let left = live.remark().map_or(state.clone(), |remark| format!("{state}, {remark}"));
    let Some(emulator) = live.emulator() else { return (left, String::new()) };
    let (cols, rows) = emulator.size();
    let attempt = live.about().and_then(|about| about.attempt.rsplit_once('.')).map_or("", |(_, number)| number);
    (left, format!("attempt {attempt}  {cols}x{rows}  {}", bytes(emulator.offset())))
}
