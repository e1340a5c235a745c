//! One session: its name and state, and its parts under tabs of their own.

use super::{Cx, Page, body};
use crate::tui::cells::{put, put_all, width};
use crate::tui::intent::{Ask, Intent};
use crate::tui::keys::Context;
use crate::tui::model::Model;
use crate::tui::theme::look;
use crate::tui::ui::{Tab, Ui};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// The view.
pub const PAGE: Page = Page { title: "Session", context: Context::Session, draw, act, ..Page::PLAIN };

/// The rows above the part that is shown.
const TOP: u16 = 2;

/// The area of the part that is shown.
pub fn part(body: Rect) -> Rect {
    let top = TOP.min(body.height);
    Rect { y: body.y + top, height: body.height - top, ..body }
}

fn tab_places(area: Rect) -> Vec<(Tab, Rect)> {
    let mut x = area.x + 1;
    let mut places = Vec::new();
    for tab in Tab::ALL.iter().copied() {
        let wide = (width(tab.page().title) + 2).min(area.right().saturating_sub(x));
        places.push((tab, Rect::new(x, area.y + 1, wide, 1)));
        x = x.saturating_add(wide + 1);
    }
    places
}

fn act(model: &Model, ui: &mut Ui, intent: Intent) -> Option<Vec<Ask>> {
    let Intent::Click { x, y } = intent else { return None };
    let places = tab_places(body(model, ui));
    let (tab, _) = places.into_iter().find(|(_, place)| place.contains((x, y).into()))?;
    ui.tab = tab;
    Some(Vec::new())
}

fn draw(area: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    let Some(name) = &cx.ui.opened else { return };
    let Some(session) = cx.model.session(name) else {
        put(
            buf,
            1,
            area.y,
            area.width - 2,
            &format!("{name} is no longer part of this night; Esc goes back."),
            cx.theme.dim,
        );
        return;
    };
    let look = look(session);
    let tone = cx.theme.tone(look.tone);
    let state = format!("{} {}", look.sign, look.word);
    put_all(
        buf,
        1,
        area.y,
        area.width - 2,
        &[
            (name, cx.theme.heading),
            ("  ", cx.theme.text),
            (&state, tone),
            ("  ", cx.theme.text),
            (&session.reason, cx.theme.dim),
        ],
    );
    for (tab, place) in tab_places(area) {
        let style = if tab == cx.ui.tab { cx.theme.tab } else { cx.theme.dim };
        put(buf, place.x, place.y, place.width, &format!(" {} ", tab.page().title), style);
    }
    (cx.ui.tab.page().draw)(part(area), buf, cx);
}
