//! The keys that count in the view that is open, from the key table.

use super::{Cx, dialog};
use crate::tui::cells::put;
use crate::tui::keys::{Action, Context, Group};
use crate::tui::ui::Ui;
use ratatui::buffer::Buffer;

const KEYS: u16 = 16;
const WIDTH: u16 = 72;

enum Line {
    Heading(&'static str),
    Keys(String, String),
    Blank,
}

fn lines(ui: &Ui) -> Vec<Line> {
    let contexts = ui.contexts();
    let mut lines = Vec::new();
    for group in Group::ALL {
        let counts = |action: &Action| action.group == group && contexts.contains(&action.context);
        let here: Vec<_> = ui.keys.all().filter(|(action, _)| counts(action)).collect();
        if here.is_empty() {
            continue;
        }
        if !lines.is_empty() {
            lines.push(Line::Blank);
        }
        lines.push(Line::Heading(group.title()));
        // What is special here comes first.
        let (special, general): (Vec<_>, Vec<_>) =
            here.into_iter().partition(|(action, _)| action.context != Context::Everywhere);
        for (action, keys) in special.into_iter().chain(general) {
            let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
            let place = action.context.place().map_or_else(String::new, |place| format!(" ({place})"));
            lines.push(Line::Keys(keys.join(" "), format!("{}{place}", action.what)));
        }
    }
    lines
}

/// Lines by which it can be scrolled.
pub fn scrolls(ui: &Ui) -> usize {
    lines(ui).len().saturating_sub(usize::from(dialog::place(ui.area, WIDTH, ui.area.height).height.saturating_sub(2)))
}

/// Draws it.
pub fn draw(offset: usize, buf: &mut Buffer, cx: &Cx<'_>) {
    let lines = lines(cx.ui);
    let tall = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(2);
    let inner = dialog::frame(" Keys ", " ↑↓ scrolls, Esc closes ", WIDTH, tall, buf, cx);
    for (y, line) in (inner.y..inner.bottom()).zip(lines.iter().skip(offset)) {
        match line {
            Line::Blank => {}
            Line::Heading(text) => {
                put(buf, inner.x + 1, y, inner.width - 2, text, cx.theme.heading);
            }
            Line::Keys(keys, what) => {
                put(buf, inner.x + 1, y, KEYS, keys, cx.theme.key);
                put(buf, inner.x + 1 + KEYS, y, inner.width.saturating_sub(KEYS + 2), what, cx.theme.text);
            }
        }
    }
}
