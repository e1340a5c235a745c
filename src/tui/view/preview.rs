//! The preview of a session: who it is, and its screen; of one that has printed nothing what is known of it.

use super::{Cx, overview, screen};
use crate::protocol::SessionStatus;
use crate::tui::cells::{put, put_all};
use crate::tui::intent::Want;
use crate::tui::model::Model;
use crate::tui::theme::look;
use crate::tui::ui::Ui;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// What the preview needs beyond the status, when there is one.
pub fn wants(model: &Model, ui: &Ui, area: Option<Rect>) -> Vec<Want> {
    let session = area.and_then(|_| (ui.page().session)(model, ui));
    let with_output = session.filter(|name| model.session(name).is_some_and(|s| s.output.is_some()));
    with_output.into_iter().map(Want::Screen).collect()
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
    let known = cx.model.shown.screen(&session.name).is_some_and(|live| live.emulator().is_some());
    if session.output.is_some() && known {
        let inner = inner(area, cx);
        let margin = u16::from(inner.x > area.x);
        let room = Rect { x: inner.x + margin, width: inner.width.saturating_sub(margin), ..inner };
        screen::draw_of(&session.name, room, buf, cx);
    } else {
        overview::draw_of(session, inner(area, cx), buf, cx);
    }
}

/// Draws it without a session.
pub fn nothing(area: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    frame(area, buf, cx);
}
