//! The preview of a session: who it is, and what is known of it.

use super::{Cx, overview};
use crate::protocol::SessionStatus;
use crate::tui::cells::{put, put_all};
use crate::tui::intent::Want;
use crate::tui::model::Model;
use crate::tui::theme::look;
use crate::tui::ui::Ui;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// What the preview needs beyond the status, when there is one.
pub fn wants(_: &Model, _: &Ui, area: Option<Rect>) -> Vec<Want> {
    match area {
        Some(_) | None => Vec::new(),
    }
}

/// The area below the title.
fn inner(area: Rect, cx: &Cx<'_>) -> Rect {
    // Beside the list there is a line between them, below it the title's line is enough.
    let beside = u16::from(area.x > cx.ui.area.x);
    Rect::new(area.x + beside, area.y + 1, area.width - beside, area.height - 1)
}

fn frame(area: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    for x in area.x..area.right() {
        put(buf, x, area.y, 1, "─", cx.theme.line);
    }
    if inner(area, cx).x > area.x {
        put(buf, area.x, area.y, 1, "┬", cx.theme.line);
        for y in area.y + 1..area.bottom() {
            put(buf, area.x, y, 1, "│", cx.theme.line);
        }
    }
}

/// Draws it.
pub fn draw(session: &SessionStatus, area: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    frame(area, buf, cx);
    let look = look(session);
    let tone = cx.theme.tone(look.tone);
    let state = format!(" {} {} ", look.sign, look.word);
    let name = format!(" {} ", session.name);
    put_all(buf, area.x + 2, area.y, area.width.saturating_sub(4), &[(&name, cx.theme.heading), (&state, tone)]);
    overview::draw_of(session, inner(area, cx), buf, cx);
}

/// Draws it without a session.
pub fn nothing(area: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    frame(area, buf, cx);
}
