//! Lines of text for views that are read: wrapped, styled, with what Enter opens behind each; and lists with a cursor.

use super::Cx;
use crate::status::text::wrap;
use crate::tui::cells::{clean, put, width};
use crate::tui::intent::Intent;
use crate::tui::keys::Context;
use crate::tui::theme::Theme;
use crate::tui::ui::{Place, Ui};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Columns from which details lie beside their list.
const BESIDE_FROM: u16 = 150;

/// A line: pieces one after another.
#[derive(Debug, Clone, Default)]
pub struct Line {
    /// The pieces with their styles.
    pub pieces: Vec<(String, Style)>,
    /// The session that Enter opens here.
    pub session: Option<String>,
}

/// Lines as they are made.
pub struct Text<'t> {
    /// The styles.
    pub theme: &'t Theme,
    columns: u16,
    /// The lines so far.
    pub lines: Vec<Line>,
    session: Option<String>,
}

impl<'t> Text<'t> {
    /// No line yet, for so many columns.
    pub fn new(theme: &'t Theme, columns: u16) -> Self {
        Self { theme, columns, lines: Vec::new(), session: None }
    }
    /// The lines from here on are about this session.
    pub fn about(&mut self, session: Option<&str>) {
        self.session = session.map(str::to_owned);
    }
    /// A line of pieces; what is too long is cut.
    pub fn line(&mut self, pieces: Vec<(String, Style)>) {
        self.lines.push(Line { pieces, session: self.session.clone() });
    }
    /// An empty line, unless the last one is.
    pub fn gap(&mut self) {
        if self.lines.last().is_some_and(|line| !line.pieces.is_empty()) {
            self.lines.push(Line::default());
        }
    }
    /// A heading after a gap.
    pub fn heading(&mut self, text: &str) {
        self.gap();
        let style = self.theme.heading;
        self.line(vec![(text.to_owned(), style)]);
    }
    /// Text that is wrapped below what leads it: `lead` stands before the first line, its columns before the others.
    pub fn wrapped(&mut self, lead: &[(&str, Style)], text: &str, style: Style) {
        let before: u16 = lead.iter().map(|(piece, _)| width(piece)).sum();
        let room = self.columns.saturating_sub(before).max(10);
        let mut lines = wrap(&clean(text), usize::from(room));
        if lines.is_empty() {
            lines.push(String::new());
        }
        for (at, line) in lines.into_iter().enumerate() {
            let mut pieces: Vec<(String, Style)> = if at == 0 {
                lead.iter().map(|(piece, style)| ((*piece).to_owned(), *style)).collect()
            } else {
                vec![(" ".repeat(usize::from(before)), style)]
            };
            pieces.push((line, style));
            self.line(pieces);
        }
    }
    /// A label with a text beside it.
    pub fn labelled(&mut self, label: &str, text: &str, style: Style) {
        let label = format!("{label:<11} ");
        let dim = self.theme.dim;
        self.wrapped(&[(&label, dim)], text, style);
    }
}

/// The window of a list or text in an area of that height.
pub fn window(place: Place, rows: usize, height: u16) -> Place {
    let mut place = place;
    place.settle(rows, usize::from(height));
    place
}

/// Draws lines with the cursor's marked; gives the window.
pub fn draw(lines: &[Line], context: Context, area: Rect, buf: &mut Buffer, cx: &Cx<'_>) -> Place {
    let place = window(cx.ui.place(context), lines.len(), area.height);
    for (y, (at, line)) in (area.y..area.bottom()).zip(lines.iter().enumerate().skip(place.offset)) {
        let row = Rect { y, height: 1, ..area };
        one(line, row, buf);
        if at == place.cursor {
            mark(row, buf, cx);
        }
    }
    rest(lines.len(), place, area, buf, cx);
    place
}

/// Draws lines without a cursor.
pub fn draw_still(lines: &[Line], area: Rect, buf: &mut Buffer) {
    for (y, line) in (area.y..area.bottom()).zip(lines) {
        one(line, Rect { y, height: 1, ..area }, buf);
    }
}

fn one(line: &Line, row: Rect, buf: &mut Buffer) {
    let mut x = row.x + 1;
    for (text, style) in &line.pieces {
        if x >= row.right() {
            break;
        }
        x += put(buf, x, row.y, row.right() - x, text, *style);
    }
}

/// Marks the row of the cursor.
pub fn mark(row: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    buf.set_style(row.intersection(buf.area), cx.theme.selected);
    put(buf, row.x, row.y, 1, "▌", cx.theme.heading);
}

/// Says that there is more below.
fn rest(rows: usize, place: Place, area: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    let below = rows.saturating_sub(place.offset + usize::from(area.height));
    if below > 0 && area.height > 2 && area.width > 24 {
        let text = format!(" {below} more ↓ ");
        let wide = width(&text);
        put(buf, area.right().saturating_sub(wide), area.bottom() - 1, wide, &text, cx.theme.dim);
    }
}

/// Says why there is nothing to see.
pub fn note(text: &str, area: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    let lines = wrap(&clean(text), usize::from(area.width.saturating_sub(4)).max(10));
    for (y, line) in (area.y + 1..area.bottom()).zip(lines) {
        put(buf, area.x + 3, y, area.width.saturating_sub(4), &line, cx.theme.dim);
    }
}

/// Where a list of so many rows and the details of its chosen line are: beside each other, or below.
pub fn split(area: Rect, rows: usize) -> (Rect, Rect) {
    if area.width >= BESIDE_FROM {
        let wide = area.width / 2 - 4;
        let list = Rect { width: wide, ..area };
        return (list, Rect { x: list.right() + 1, width: area.width - wide - 1, ..area });
    }
    let most = area.height * 2 / 5;
    let tall = u16::try_from(rows).unwrap_or(u16::MAX).clamp(1, most.max(1));
    let list = Rect { height: tall, ..area };
    let below = (tall + 1).min(area.height);
    (list, Rect { y: area.y + below, height: area.height - below, ..area })
}

/// A line between a list and its details.
pub fn rule(list: Rect, details: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    if details.x > list.x {
        for y in details.y..details.bottom() {
            put(buf, details.x - 1, y, 1, "│", cx.theme.line);
        }
    } else if details.y > list.bottom() {
        for x in details.x..details.right() {
            put(buf, x, details.y - 1, 1, "─", cx.theme.line);
        }
    }
}

/// A click into a list of so many rows puts the cursor there; gives whether it was there already, so that the line is
/// meant. `None` when it was elsewhere.
pub fn clicked(ui: &mut Ui, intent: Intent, context: Context, list: Rect, rows: usize) -> Option<bool> {
    let Intent::Click { x, y } = intent else { return None };
    if !list.contains((x, y).into()) {
        return None;
    }
    let window = window(ui.place(context), rows, list.height);
    let to = window.offset + usize::from(y - list.y);
    if to >= rows {
        return None;
    }
    let place = ui.places.entry(context).or_default();
    let again = place.cursor == to;
    *place = Place { cursor: to, offset: window.offset };
    Some(again)
}
