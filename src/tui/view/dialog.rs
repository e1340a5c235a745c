//! What is asked: is it meant, and a line of text; and the frame that lies over the view.

use super::Cx;
use crate::status::text::wrap;
use crate::tui::cells::{clear, put, width};
use crate::tui::theme::Tone;
use crate::tui::ui::Question;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use tui_input::Input;

const WIDTH: u16 = 60;
/// Most lines of a question that is shown above its answer.
const ASKS: usize = 14;

/// Where a frame of that size lies: in the middle, as far as there is room.
pub fn place(area: Rect, wide: u16, tall: u16) -> Rect {
    let (wide, tall) = (wide.min(area.width.saturating_sub(2)), tall.min(area.height.saturating_sub(2)));
    Rect::new(area.x + (area.width - wide) / 2, area.y + (area.height - tall) / 2, wide, tall)
}

/// Draws a frame over the view; gives the area in it.
pub fn frame(title: &str, below: &str, wide: u16, tall: u16, buf: &mut Buffer, cx: &Cx<'_>) -> Rect {
    let area = place(buf.area, wide, tall);
    clear(buf, area, cx.theme.over);
    let (right, bottom) = (area.right() - 1, area.bottom() - 1);
    for x in area.x..=right {
        put(buf, x, area.y, 1, "─", cx.theme.line);
        put(buf, x, bottom, 1, "─", cx.theme.line);
    }
    for y in area.y..=bottom {
        put(buf, area.x, y, 1, "│", cx.theme.line);
        put(buf, right, y, 1, "│", cx.theme.line);
    }
    for (x, y, corner) in [(area.x, area.y, "╭"), (right, area.y, "╮"), (area.x, bottom, "╰"), (right, bottom, "╯")]
    {
        put(buf, x, y, 1, corner, cx.theme.line);
    }
    put(buf, area.x + 2, area.y, area.width.saturating_sub(4), title, cx.theme.heading);
    put(buf, area.x + 2, bottom, area.width.saturating_sub(4), below, cx.theme.dim);
    Rect::new(area.x + 1, area.y + 1, area.width - 2, area.height - 2)
}

/// Draws a text field with its cursor; a text that is too long is shown around the cursor.
pub fn input(input: &Input, x: u16, y: u16, columns: u16, buf: &mut Buffer, cx: &Cx<'_>) {
    let scroll = input.visual_scroll(usize::from(columns.saturating_sub(1)));
    let mut skipped = 0;
    let shown = input.value().char_indices().find(|(_, c)| {
        let here = skipped >= scroll;
        skipped += usize::from(width(&c.to_string()));
        here
    });
    let text = shown.map_or("", |(at, _)| &input.value()[at..]);
    put(buf, x, y, columns, text, cx.theme.text);
    let at = u16::try_from(input.visual_cursor().saturating_sub(scroll)).unwrap_or(u16::MAX);
    if let Some(cell) = buf.cell_mut((x.saturating_add(at.min(columns.saturating_sub(1))), y)) {
        cell.modifier |= Modifier::REVERSED;
    }
}

/// Draws the question whether something is meant.
pub fn confirm(question: &str, loss: &str, buf: &mut Buffer, cx: &Cx<'_>) {
    let wide = WIDTH.min(buf.area.width.saturating_sub(4));
    let loss = wrap(loss, usize::from(wide.saturating_sub(4)));
    let tall = u16::try_from(loss.len()).unwrap_or(2) + 4;
    let inner = frame(" Sure? ", " y does it, n does not ", wide, tall, buf, cx);
    put(buf, inner.x + 1, inner.y, inner.width - 2, question, cx.theme.tone(Tone::Waiting));
    for (y, line) in (inner.y + 1..inner.bottom()).zip(&loss) {
        put(buf, inner.x + 1, y, inner.width - 2, line, cx.theme.text);
    }
}

/// Draws the question for a line of text.
pub fn line(question: &Question, typed: &Input, problem: Option<&str>, buf: &mut Buffer, cx: &Cx<'_>) {
    let (title, hint) = match question {
        Question::Send { session } => (format!(" Type into {session} "), "Enter sends it with a line feed."),
        Question::Schedule { session } => (format!(" Start {session} at "), "02:30, or 45m from now."),
        Question::Snooze { target } => {
            (format!(" Snooze the alerts of {target} "), "20m, 2h; empty: until something changes.")
        }
        Question::Search => (" Search ".to_owned(), "Capitals count when there are some. Enter searches."),
        Question::Note { session } => (format!(" A note to {session} "), "Its next attempts are given it."),
        Question::Answer { session, .. } => {
            (format!(" {session} asks "), "A number, a key, allow or deny; else a text.")
        }
        Question::Add => (" Add a session ".to_owned(), "NAME PROJECT COMMAND…"),
    };
    let room = usize::from(WIDTH.min(buf.area.width.saturating_sub(4)).saturating_sub(4));
    let asks: Vec<String> = match question {
        Question::Answer { asks, .. } => asks.iter().flat_map(|line| wrap(line, room)).take(ASKS).collect(),
        Question::Send { .. }
        | Question::Schedule { .. }
        | Question::Snooze { .. }
        | Question::Search
        | Question::Note { .. }
        | Question::Add => Vec::new(),
    };
    let tall = u16::try_from(asks.len()).unwrap_or(0);
    let mut inner = frame(&title, " Enter does it, Esc does not ", WIDTH, 6 + tall, buf, cx);
    for (y, line) in (inner.y + 1..inner.bottom()).zip(&asks) {
        put(buf, inner.x + 1, y, inner.width - 2, line, cx.theme.text);
    }
    let down = tall.min(inner.height.saturating_sub(4));
    (inner.y, inner.height) = (inner.y + down, inner.height - down);
    input(typed, inner.x + 1, inner.y + 1, inner.width - 2, buf, cx);
    let (text, style) = match problem {
        Some(problem) => (problem, cx.theme.tone(Tone::Failed)),
        None => (hint, cx.theme.dim),
    };
    put(buf, inner.x + 1, inner.y + 3, inner.width - 2, text, style);
}
