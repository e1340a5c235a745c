//! The palette: commands by name, from the key table.

use super::{Cx, dialog};
use crate::tui::cells::{put, put_right};
use crate::tui::keys::{ACTIONS, Action};
use ratatui::buffer::Buffer;
use tui_input::Input;

const WIDTH: u16 = 64;
const TALL: u16 = 14;

/// The commands a text means: those whose name begins with it first, then those that have it anywhere.
pub fn matches(typed: &str) -> Vec<&'static Action> {
    let typed = typed.trim().to_lowercase();
    let mut found: Vec<(u8, &Action)> = ACTIONS
        .iter()
        .filter_map(|action| match () {
            () if action.name.starts_with(&typed) => Some((0, action)),
            () if action.name.contains(&typed) => Some((1, action)),
            () if action.what.to_lowercase().contains(&typed) => Some((2, action)),
            () => None,
        })
        .collect();
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, action)| action).collect()
}

/// Draws it.
pub fn draw(input: &Input, cursor: usize, buf: &mut Buffer, cx: &Cx<'_>) {
    let inner = dialog::frame(" Command ", " Enter does it, Esc closes ", WIDTH, TALL, buf, cx);
    dialog::input(input, inner.x + 1, inner.y, inner.width - 2, buf, cx);
    let rows = usize::from(inner.height.saturating_sub(2)).max(1);
    let offset = (cursor + 1).saturating_sub(rows);
    for (y, (at, action)) in
        (inner.y + 2..inner.bottom()).zip(matches(input.value()).into_iter().enumerate().skip(offset))
    {
        let style = if at == cursor { cx.theme.selected } else { cx.theme.text };
        buf.set_style(ratatui::layout::Rect::new(inner.x, y, inner.width, 1), style);
        put(buf, inner.x + 1, y, 16, action.name, cx.theme.strong.patch(style));
        put(buf, inner.x + 17, y, inner.width.saturating_sub(26), action.what, cx.theme.text.patch(style));
        if let Some(key) = cx.ui.keys.of(action.name).first() {
            put_right(buf, inner.right() - 9, y, 8, &key.to_string(), cx.theme.key.patch(style));
        }
    }
}
