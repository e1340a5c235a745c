//! A program's screen: raw bytes in, cells out.
//!
//! The bytes are a stranger's. The emulator may trip over them, then it is made anew and says so; whatever they hold,
//! what is drawn is as wide as it claims to be and turns, hides or piles up nothing.

use crate::terminal::emulator::misleads;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

pub use crate::terminal::emulator::{Emulator, Saved, Trust};

/// Which part of the screen a pane shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crop {
    /// The first column.
    pub col: u16,
    /// The first row.
    pub row: u16,
}

/// The part of a screen that a pane of this size shows: with the cursor in it, and otherwise as far left and as low as
/// what is written reaches.
pub fn crop(screen: &vt100::Screen, width: u16, height: u16) -> Crop {
    let (rows, cols) = screen.size();
    let (cursor_row, cursor_col) = screen.cursor_position();
    let row = (cursor_row + 1).saturating_sub(height).min(rows.get().saturating_sub(height));
    // In steps of half a pane, so that a line that is being typed does not slide with each character.
    let step = (width / 2).max(1);
    let beyond = (cursor_col + 1).saturating_sub(width);
    let col = if screen.hide_cursor() { 0 } else { beyond.div_ceil(step).saturating_mul(step) };
    Crop { col: col.min(cols.get().saturating_sub(width)), row }
}

/// Draws a screen into an area. Without `colour` the attributes alone tell. Gives where the cursor is, when it shows.
pub fn draw(screen: &vt100::Screen, area: Rect, buf: &mut Buffer, colour: bool) -> Option<Position> {
    let area = area.intersection(buf.area);
    let from = crop(screen, area.width, area.height);
    let (rows, cols) = screen.size();
    let shown_rows = area.height.min(rows.get().saturating_sub(from.row));
    let shown_cols = area.width.min(cols.get().saturating_sub(from.col));
    for y in 0..shown_rows {
        let mut x = 0;
        while x < shown_cols {
            let Some(cell) = screen.cell(from.row + y, from.col + x) else { break };
            let style = style(cell, colour);
            let wide = cell.is_wide() && x + 1 < shown_cols;
            let target = Position { x: area.x + x, y: area.y + y };
            if let Some(to) = buf.cell_mut(target) {
                to.reset();
                to.set_symbol(&symbol(cell, wide)).set_style(style);
            }
            if wide && let Some(second) = buf.cell_mut(Position { x: target.x + 1, y: target.y }) {
                second.reset();
                second.set_style(style);
            }
            x += if wide { 2 } else { 1 };
        }
    }
    let (row, col) = screen.cursor_position();
    // Behind the last column the cursor waits on it.
    let (x, y) = (col.min(cols.get() - 1).checked_sub(from.col)?, row.checked_sub(from.row)?);
    (!screen.hide_cursor() && x < area.width && y < area.height).then_some(Position { x: area.x + x, y: area.y + y })
}

/// What a cell shows: exactly as wide as the cell.
fn symbol(cell: &vt100::Cell, wide: bool) -> String {
    let contents = cell.contents();
    if contents.len() == 1 {
        return if contents.as_bytes()[0].is_ascii_graphic() { contents.to_owned() } else { " ".to_owned() };
    }
    let width = if wide { 2 } else { 1 };
    let clean: String = contents.chars().filter(|c| !misleads(*c)).take(6).collect();
    if clean.width() == width {
        return clean;
    }
    // Joined emoji and the like are wider or narrower together than their first character is.
    match clean.chars().next() {
        Some(first) if first.width() == Some(width) => first.to_string(),
        Some(_) | None => " ".repeat(width),
    }
}

fn style(cell: &vt100::Cell, colour: bool) -> Style {
    let mut style = Style::default();
    if colour {
        style = style.fg(ratatui_colour(cell.fgcolor())).bg(ratatui_colour(cell.bgcolor()));
    }
    for (on, modifier) in [
        (cell.bold(), Modifier::BOLD),
        (cell.dim(), Modifier::DIM),
        (cell.italic(), Modifier::ITALIC),
        (cell.underline(), Modifier::UNDERLINED),
        (cell.inverse(), Modifier::REVERSED),
    ] {
        if on {
            style = style.add_modifier(modifier);
        }
    }
    style
}

fn ratatui_colour(colour: vt100::Color) -> Color {
    match colour {
        vt100::Color::Default => Color::Reset,
        vt100::Color::Idx(index) => Color::Indexed(index),
        vt100::Color::Rgb(r, g, b) => Color::Rgb(r, g, b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fed(cols: u16, rows: u16, bytes: impl AsRef<[u8]>) -> Emulator {
        let mut emulator = Emulator::new(cols, rows, 0, true);
        emulator.feed(bytes.as_ref());
        emulator
    }
    fn drawn(emulator: &Emulator, width: u16, height: u16) -> (Vec<String>, Option<Position>) {
        let area = Rect::new(0, 0, width, height);
        let mut buf = Buffer::empty(area);
        let cursor = draw(emulator.screen(), area, &mut buf, true);
        let line = |y| (0..width).map(|x| buf[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
        ((0..height).map(line).collect(), cursor)
    }

    #[test]
    fn colours_and_attributes_become_those_of_the_buffer() {
        let emulator = fed(20, 3, "\x1b[1;31mred\x1b[0m \x1b[38;5;208mo\x1b[48;2;1;2;3mr\x1b[0m\x1b[7;4;3;2mx");
        let area = Rect::new(0, 0, 20, 3);
        let mut buf = Buffer::empty(area);
        draw(emulator.screen(), area, &mut buf, true);
        assert_eq!((buf[(0, 0)].fg, buf[(0, 0)].modifier), (Color::Indexed(1), Modifier::BOLD));
        assert_eq!((buf[(4, 0)].fg, buf[(5, 0)].bg), (Color::Indexed(208), Color::Rgb(1, 2, 3)));
        let all = Modifier::REVERSED | Modifier::UNDERLINED | Modifier::ITALIC | Modifier::DIM;
        assert_eq!(buf[(6, 0)].modifier, all);
        draw(emulator.screen(), area, &mut buf, false);
        assert_eq!((buf[(0, 0)].fg, buf[(0, 0)].modifier), (Color::Reset, Modifier::BOLD));
    }

    #[test]
    fn wide_characters_take_two_cells_and_half_of_one_is_not_shown() {
        let emulator = fed(10, 2, "漢字ab\x1b[?25l");
        assert_eq!(drawn(&emulator, 10, 2).0[0], "漢 字 ab");
        assert_eq!(drawn(&emulator, 3, 2).0[0], "漢", "of the second only half would fit");
        let joined = fed(10, 2, "👨\u{200d}👩x\u{202e}y");
        let line = &drawn(&joined, 10, 2).0[0];
        assert!(!line.contains('\u{202e}'), "{line:?}");
    }

    #[test]
    fn a_small_pane_follows_the_cursor() {
        let mut text: String = (0..30).map(|i| format!("line {i}\r\n")).collect();
        text += "prompt> ";
        let emulator = fed(80, 40, &text);
        let (lines, cursor) = drawn(&emulator, 20, 5);
        assert_eq!(lines, ["line 26", "line 27", "line 28", "line 29", "prompt>"]);
        assert_eq!(cursor, Some(Position { x: 8, y: 4 }));
        let emulator = fed(80, 4, "x".repeat(50));
        let (lines, cursor) = drawn(&emulator, 20, 4);
        assert_eq!((lines[0].len(), cursor), (10, Some(Position { x: 10, y: 0 })));
        let (_, cursor) = drawn(&fed(80, 4, "abc\x1b[?25l"), 20, 4);
        assert_eq!(cursor, None, "a hidden cursor is not shown");
    }

    #[test]
    fn a_screen_from_the_middle_is_trusted_once_nothing_old_can_be_on_it() {
        let from_middle = |bytes: &[u8]| {
            let mut emulator = Emulator::new(20, 4, 1000, false);
            emulator.feed(bytes);
            emulator.trust()
        };
        assert_eq!(from_middle(b"abc\r\n"), Trust::Partial);
        assert_eq!(from_middle(b"1\r\n2\r\n3\r\n4\r\n5\r\n"), Trust::Whole, "all of it has scrolled");
        assert_eq!(from_middle(b"1\r\n2\r\n\x1b[1;1H3\r\n4\r\n5\r\n"), Trust::Partial);
        assert_eq!(from_middle(b"\x1b[5;5Hx\x1b[H\x1b[2J"), Trust::Whole);
        assert_eq!(from_middle(b"\x1b[?1049hmenu"), Trust::Whole);
        assert_eq!(from_middle(b"\x1b[?1049hmenu\x1b[?1049l"), Trust::Partial, "what was behind it is not known");
        assert_eq!(from_middle(b"\x1b[5;5Hx\x1bc"), Trust::Whole);
        assert_eq!(fed(20, 4, "x").trust(), Trust::Whole);
    }

    #[test]
    fn what_was_saved_goes_on_as_if_never_left() {
        let bytes = "a\x1b[31mb\x1b[3;10r\x1b[5;5Hc\x1b7漢\x1b[?1049hz\x1b[2;2Hq\x1b[?1049l\x1b8done\r\n".repeat(3);
        let whole = fed(30, 12, &bytes);
        for cut in 0..bytes.len() {
            let before = fed(30, 12, &bytes.as_bytes()[..cut]);
            let Some(saved) = before.save() else { continue };
            let mut after = Emulator::restored(&saved);
            after.feed(&bytes.as_bytes()[cut..]);
            assert_eq!(after.screen().contents_formatted(), whole.screen().contents_formatted(), "cut at {cut}");
            assert_eq!(after.offset(), whole.offset());
        }
    }

    #[test]
    fn bytes_the_emulator_trips_over_end_in_a_new_screen_that_says_so() {
        let mut rng = fastrand::Rng::with_seed(7);
        let mut tripped = 0;
        for _ in 0..3000 {
            let mut emulator = Emulator::new(rng.u16(1..6), rng.u16(1..4), 0, true);
            for _ in 0..40 {
                match rng.u8(0..6) {
                    0 => emulator.resize(rng.u16(0..6), rng.u16(0..4)),
                    1 | 2 => emulator.feed("漢".as_bytes()),
                    3 => emulator.feed("e\u{301}\u{fe0f}☁\u{fe0f}".as_bytes()),
                    _ => emulator.feed(format!("\x1b[{}{}", rng.u8(0..5), rng.u8(0x40..0x7f) as char).as_bytes()),
                }
            }
            if emulator.faults() > 0 {
                tripped += 1;
            }
            drawn(&emulator, 5, 3);
            emulator.feed(b"\x1bcfine");
            assert!(emulator.text().contains("f"), "{:?}", emulator.text());
        }
        assert!(tripped > 0, "the test no longer reaches what it is for");
    }

    #[test]
    fn resets_by_the_thousand_cost_one() {
        let mut emulator = Emulator::new(200, 50, 0, true);
        emulator.feed(&b"\x1bcx".repeat(100_000));
        assert_eq!(emulator.text(), "x\n");
        emulator.feed(b"\x1b");
        emulator.feed(b"cy");
        assert_eq!(emulator.text(), "y\n", "also when one comes in two halves");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn anything_can_be_fed_and_drawn(
            bytes in proptest::collection::vec(any::<u8>(), 0..2000),
            text in "(\\x1b\\[[0-9;?]{0,8}[@-~]|\\PC|[\\r\\n\\t]){0,300}",
            cols in 0u16..300, rows in 0u16..100, width in 0u16..100, height in 0u16..50,
        ) {
            let mut emulator = Emulator::new(cols, rows, 0, true);
            emulator.feed(text.as_bytes());
            emulator.resize(rows, cols);
            emulator.feed(&bytes);
            let area = Rect::new(0, 0, width, height);
            let mut buf = Buffer::empty(area);
            let cursor = draw(emulator.screen(), area, &mut buf, true);
            for y in 0..height {
                let mut x = 0;
                while x < width {
                    let symbol = buf[(x, y)].symbol();
                    let taken = symbol.width().max(1) as u16;
                    prop_assert!(x + taken <= width, "{symbol:?} at {x} of {width}");
                    x += taken;
                }
            }
            if let Some(cursor) = cursor {
                prop_assert!(area.contains(cursor));
            }
        }
    }
}
