//! Text to cells: foreign text made harmless, and put into exactly the columns it has, whatever its characters are.

use crate::terminal;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use std::borrow::Cow;

/// Characters that make terminals disagree on how wide the one before them is: selectors of form and of skin.
fn disputed(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}')
}

/// Foreign text on one line, with nothing in it that could drive a terminal or whose width is disputed.
pub fn clean(text: &str) -> Cow<'_, str> {
    let safe = terminal::harmless(text);
    if safe.contains(disputed) { Cow::Owned(safe.chars().filter(|c| !disputed(*c)).collect()) } else { safe }
}

/// Columns a clean text takes.
pub fn width(text: &str) -> u16 {
    u16::try_from(terminal::width(text)).unwrap_or(u16::MAX)
}

/// The text made clean, cut to so many columns with `…` at its end.
pub fn cut(text: &str, columns: u16) -> String {
    let columns = usize::from(columns);
    // What lies far beyond the room is not even cleaned.
    let near = columns.saturating_mul(8).saturating_add(64);
    let (head, whole) = match text.char_indices().nth(near) {
        Some((end, _)) => (&text[..end], false),
        None => (text, true),
    };
    let head = clean(head);
    if whole && terminal::width(&head) <= columns {
        return head.into_owned();
    }
    let mut cut = terminal::fit(&format!("{head}  "), columns);
    cut.truncate(cut.trim_end().len());
    cut
}

/// Puts text into a row, cut to `columns`; gives the columns it took.
pub fn put(buf: &mut Buffer, x: u16, y: u16, columns: u16, text: &str, style: Style) -> u16 {
    let columns = columns.min(buf.area.right().saturating_sub(x));
    if y < buf.area.top() || y >= buf.area.bottom() || columns == 0 {
        return 0;
    }
    let text = cut(text, columns);
    let (end, _) = buf.set_stringn(x, y, text, usize::from(columns), style);
    end - x
}

/// Puts text at the right end of `columns`; gives the columns it took.
pub fn put_right(buf: &mut Buffer, x: u16, y: u16, columns: u16, text: &str, style: Style) -> u16 {
    let text = cut(text, columns);
    let taken = width(&text).min(columns);
    put(buf, x + (columns - taken), y, taken, &text, style)
}

/// Puts pieces one after another, as far as there is room; gives the columns they took.
pub fn put_all(buf: &mut Buffer, x: u16, y: u16, columns: u16, pieces: &[(&str, Style)]) -> u16 {
    let mut taken = 0;
    for (text, style) in pieces {
        taken += put(buf, x + taken, y, columns - taken, text, *style);
    }
    taken
}

/// Fills an area with spaces in a style.
pub fn clear(buf: &mut Buffer, area: Rect, style: Style) {
    for y in area.intersection(buf.area).rows() {
        for place in y.columns() {
            if let Some(cell) = buf.cell_mut(place.as_position()) {
                cell.reset();
                cell.set_style(style);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_takes_the_columns_it_is_given_and_no_more() {
        let mut buf = Buffer::empty(Rect::new(0, 0, 12, 1));
        assert_eq!(put(&mut buf, 0, 0, 5, "日本語テ", Style::new()), 5);
        assert_eq!(put_right(&mut buf, 6, 0, 6, "abc", Style::new()), 3);
        let row: String = buf.content().iter().map(ratatui::buffer::Cell::symbol).collect();
        assert_eq!(row, "日 本 …    abc");
        assert_eq!(cut("plain", 5), "plain");
        assert_eq!(cut("plain!", 5), "plai…");
        assert_eq!(cut("a\u{1b}[2Jb", 20), "a\\x1b[2Jb");
    }

    #[test]
    fn what_terminals_measure_differently_is_left_out() {
        assert_eq!(clean("❤\u{fe0f} 👍\u{1f3fd}"), "❤ 👍");
    }

    proptest! {
        #[test]
        fn no_text_leaves_its_columns(text in any::<String>(), columns in 0u16..30) {
            let mut buf = Buffer::empty(Rect::new(0, 0, 40, 1));
            let taken = put(&mut buf, 2, 0, columns, &text, Style::new());
            prop_assert!(taken <= columns);
            prop_assert!(buf.content()[usize::from(2 + columns)..].iter().all(|c| c.symbol() == " "));
        }
    }
}
