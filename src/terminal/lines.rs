//! Clean lines of text out of the raw bytes of a terminal, streaming and in bounded memory.
//!
//! What is kept is what a reader of the screen would have seen:
//! - A line ends with a line feed; it is at most [`LINE_MAX`] characters long, a longer one comes in pieces.
//! - A progress bar that returns to the first column collapses to its last state. Each state that is overwritten is
//!   given as a [`Line::Draft`] first, so that numbers in it are not missed.
//! - A program that moves up and writes again over its lines (spinners, agents' screens) changes rows that were given
//!   already. A changed row is given again once, in its last state and marked `redrawn`, when it can no longer be
//!   changed: it is more than [`WINDOW`] rows up, the screen is cleared, or the output ends.
//! - The alternate screen is a picture, not text: it gives drafts only, never lines.
//! - Titles, links, clipboard writes, queries, colours and every other sequence leave nothing behind.
//! - Bytes that are no UTF-8, and 8-bit control characters, become U+FFFD.

use super::row::Erase;
use super::screen::{Screen, Scroll};
use vte::{Params, ParamsIter, Parser, Perform};

pub use super::screen::{LINE_MAX, WINDOW};

/// The parser searches the rest of its input after each invalid byte; small pieces keep that search short.
const PIECE: usize = 1024;
/// Most times one sequence repeats a character or a move.
const REPEAT_MAX: u16 = 4096;
const ESC: u8 = 0x1b;
/// Ends any sequence.
const CAN: u8 = 0x18;
/// Most bytes of a string sequence (a title, a clipboard write). One that is longer was never ended: what comes then is
/// text again.
const STRING_MAX: usize = 4096;

/// What the scanner gives out. The texts hold no control characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line<'a> {
    /// A line in its last state. It may be empty.
    Done {
        /// The line as the screen showed it.
        text: &'a str,
        /// The start of `text` that was written last; the rest of it is left from an earlier, longer state.
        written: &'a str,
        /// Whether it may have been given before: it stands in a part of the screen that is being redrawn.
        redrawn: bool,
        /// Whether a row with this very text was given before and is written anew: nothing that a reader has not seen.
        again: bool,
    },
    /// A state of a line that is about to be overwritten.
    Draft {
        /// What was written of it last.
        text: &'a str,
    },
}

/// Receives the lines.
pub(super) type Out<'a> = dyn FnMut(Line<'_>) + 'a;

/// Turns raw terminal bytes into lines. How the bytes are cut into chunks makes no difference.
pub struct LineScanner {
    parser: Parser,
    screens: Screens,
    /// The start of a character whose rest is still to come. The parser is never given half a character: completing one
    /// it can lose the character behind it.
    half: Vec<u8>,
    place: InSequence,
}

/// Where the bytes stand, as far as string sequences need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InSequence {
    /// In text, or in a sequence that ends by itself.
    Elsewhere,
    /// Behind an escape character.
    Begun,
    /// In a string sequence, behind this many of its bytes.
    String(usize),
}

impl InSequence {
    fn next(self, byte: u8) -> Self {
        match (self, byte) {
            (_, ESC) => Self::Begun,
            (_, CAN | 0x1a) | (Self::Elsewhere, _) => Self::Elsewhere,
            // Other controls are carried out in the midst of a sequence.
            (Self::Begun, ..=0x1f | 0x7f) => Self::Begun,
            (Self::Begun, b']' | b'P' | b'X' | b'^' | b'_') => Self::String(0),
            (Self::Begun, _) | (Self::String(_), 0x07) => Self::Elsewhere,
            (Self::String(length), _) => Self::String(length + 1),
        }
    }
}

struct Screens {
    main: Screen,
    /// `Some` while the alternate screen is shown.
    alternate: Option<Box<Screen>>,
    last_char: Option<char>,
    /// Whether the parser is certainly between two sequences: text that comes now is text.
    between: bool,
}

impl Default for LineScanner {
    fn default() -> Self {
        Self::new()
    }
}

impl LineScanner {
    /// Starts with an empty screen.
    pub fn new() -> Self {
        let screens = Screens { main: Screen::main(), alternate: None, last_char: None, between: true };
        Self { parser: Parser::new(), screens, half: Vec::new(), place: InSequence::Elsewhere }
    }
    /// Takes the next bytes and gives out what became certain with them.
    pub fn feed(&mut self, bytes: &[u8], mut out: impl FnMut(Line<'_>)) {
        let mut rest = bytes;
        while let Some((&byte, others)) = rest.split_first().filter(|_| !self.half.is_empty()) {
            self.half.push(byte);
            rest = others;
            let mut whole = std::mem::take(&mut self.half);
            self.half = whole.split_off(whole.len() - half_character(&whole));
            self.parse(&whole, &mut out);
        }
        while !rest.is_empty() {
            let window = &rest[..PIECE.min(rest.len())];
            let line_end = window.iter().position(|&byte| byte == b'\n').map(|at| at + 1);
            if let Some(line) = line_end
                && self.screens.plain_line(&rest[..line], &mut out)
            {
                rest = &rest[line..];
                continue;
            }
            let end = line_end.unwrap_or(window.len());
            let whole = end - half_character(&rest[..end]);
            if whole == 0 {
                self.half.extend_from_slice(rest);
                return;
            }
            self.parse(&rest[..whole], &mut out);
            rest = &rest[whole..];
        }
    }
    fn parse(&mut self, bytes: &[u8], out: &mut Out<'_>) {
        let mut rest = bytes;
        if self.place != InSequence::Elsewhere || bytes.contains(&ESC) {
            while let Some(end) = self.endless_string(rest) {
                let (string, behind) = rest.split_at(end);
                self.advance(string, out);
                self.advance(&[CAN], out);
                self.place = InSequence::Elsewhere;
                rest = behind;
            }
        }
        self.advance(rest, out);
    }
    /// Where in these bytes a string sequence becomes too long; it ends before that byte. Notes the place behind them.
    fn endless_string(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, &byte) in bytes.iter().enumerate() {
            // A character is not cut in two.
            if matches!(self.place, InSequence::String(STRING_MAX..)) && !(0x80..=0xbf).contains(&byte) {
                return Some(at);
            }
            self.place = self.place.next(byte);
        }
        None
    }
    fn advance(&mut self, bytes: &[u8], out: &mut Out<'_>) {
        self.parser.advance(&mut Performer { screens: &mut self.screens, out }, bytes);
        if bytes.contains(&ESC) {
            // The last sequence may still be going on; the next text will tell.
            self.screens.between = false;
        }
    }
    /// Ends the output: gives out the changed rows and the unfinished line.
    pub fn finish(&mut self, mut out: impl FnMut(Line<'_>)) {
        if let Some(mut alternate) = self.screens.alternate.take() {
            // What stands there stays to be seen by `last_rows`.
            alternate.finish(&mut |_| {});
            self.screens.main.finish(&mut out);
            self.screens.alternate = Some(alternate);
        } else {
            self.screens.main.finish(&mut out);
        }
    }
    /// The unfinished line under the cursor.
    pub fn pending(&self) -> String {
        self.screens.shown().pending()
    }
    /// Whether the unfinished line is whole: the program has returned to its first column.
    pub fn pending_is_whole(&self) -> bool {
        self.screens.shown().pending_is_whole()
    }
    /// The last `count` rows with text, oldest first, as the screen shows them now, the unfinished line included.
    /// While the alternate screen is shown its rows count as the later ones.
    pub fn last_rows(&self, count: usize) -> Vec<String> {
        let mut rows = Vec::new();
        if let Some(alternate) = &self.screens.alternate {
            alternate.last_rows(count, &mut rows);
        }
        self.screens.main.last_rows(count, &mut rows);
        rows.reverse();
        rows
    }
    /// Whether the alternate screen is shown.
    pub fn in_alternate_screen(&self) -> bool {
        self.screens.alternate.is_some()
    }
}

/// Length of the unfinished character at the end of `bytes`, 0 when there is none.
fn half_character(bytes: &[u8]) -> usize {
    for (back, &byte) in bytes.iter().rev().take(3).enumerate() {
        let length = match byte {
            0x80..=0xbf => continue,
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => 0,
        };
        return if length > back + 1 { back + 1 } else { 0 };
    }
    0
}

impl Screens {
    fn shown(&self) -> &Screen {
        self.alternate.as_deref().unwrap_or(&self.main)
    }
    #[inline]
    fn shown_mut(&mut self) -> &mut Screen {
        match &mut self.alternate {
            Some(alternate) => alternate,
            None => &mut self.main,
        }
    }
}

impl Screens {
    /// Takes a line that is nothing but printable ASCII and its end, which most lines of most logs are, at once. Says
    /// whether it was one, and the screen such that this makes no difference to the way through the parser.
    fn plain_line(&mut self, line: &[u8], out: &mut Out<'_>) -> bool {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if !self.between || self.alternate.is_some() || !line.iter().all(|byte| (b' '..=b'~').contains(byte)) {
            return false;
        }
        let Ok(text) = std::str::from_utf8(line) else { return false };
        let taken = self.main.plain_line(text, out);
        if taken && let Some(&last) = line.last() {
            self.last_char = Some(char::from(last));
        }
        taken
    }
}

struct Performer<'a, 'o> {
    screens: &'a mut Screens,
    out: &'a mut Out<'o>,
}

impl Performer<'_, '_> {
    #[inline]
    fn screen(&mut self) -> (&mut Screen, &mut Out<'_>) {
        // The trait object's own lifetime is shortened by this reborrow.
        (self.screens.shown_mut(), &mut *self.out)
    }

    fn private_mode(&mut self, params: &Params, on: bool) {
        for param in params {
            if let [47 | 1047 | 1049, ..] = param {
                if !on {
                    if let Some(mut alternate) = self.screens.alternate.take() {
                        alternate.leave(self.out);
                    }
                } else if self.screens.alternate.is_none() {
                    self.screens.alternate = Some(Box::new(Screen::alternate()));
                }
            }
        }
    }
}

/// The next parameter, or `default` where it is missing or 0.
fn number(params: &mut ParamsIter<'_>, default: u16) -> u16 {
    match params.next() {
        Some([0, ..]) | Some([]) | None => default,
        Some([n, ..]) => *n,
    }
}

fn count(params: &mut ParamsIter<'_>) -> usize {
    usize::from(number(params, 1).min(REPEAT_MAX))
}

impl Perform for Performer<'_, '_> {
    #[inline]
    fn print(&mut self, c: char) {
        let c = match c {
            '\u{7f}' => return,
            // A two-byte control character cut by a chunk border arrives here, a whole one in `execute`.
            '\u{80}'..='\u{9f}' => char::REPLACEMENT_CHARACTER,
            _ => c,
        };
        let (screen, out) = self.screen();
        screen.put(c, out);
        self.screens.last_char = Some(c);
        self.screens.between = true;
    }

    #[inline]
    fn execute(&mut self, byte: u8) {
        let (screen, out) = self.screen();
        match byte {
            b'\n' | 0x0b | 0x0c => screen.line_feed(out),
            b'\r' => screen.go_to_col(0),
            b'\t' => screen.tab(out),
            0x08 => screen.go_left(1),
            0x80..=0x9f => self.print(char::REPLACEMENT_CHARACTER),
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignore: bool, action: char) {
        if ignore {
            return;
        }
        match (intermediates, action) {
            ([b'?'], 'h') => return self.private_mode(params, true),
            ([b'?'], 'l') => return self.private_mode(params, false),
            ([b'!'], 'p') => return self.screens.shown_mut().set_region(None),
            ([], _) => {}
            _ => return,
        }
        let last_char = self.screens.last_char;
        let (screen, out) = self.screen();
        let p = &mut params.iter();
        match action {
            'A' => screen.go_up(count(p), out),
            'B' | 'e' => screen.go_down(count(p), out),
            'C' | 'a' => screen.go_right(count(p)),
            'D' => screen.go_left(count(p)),
            'E' => {
                screen.go_down(count(p), out);
                screen.go_to_col(0);
            }
            'F' => {
                screen.go_up(count(p), out);
                screen.go_to_col(0);
            }
            'G' | '`' => screen.go_to_col(usize::from(number(p, 1)) - 1),
            'd' => screen.go_to_row(usize::from(number(p, 1)), out),
            'H' | 'f' => {
                screen.go_to_row(usize::from(number(p, 1)), out);
                screen.go_to_col(usize::from(number(p, 1)) - 1);
            }
            'J' => match number(p, 0) {
                0 => screen.erase_below(out),
                1 => screen.erase_above(out),
                // What scrolled away is out of reach already.
                3 => {}
                _ => screen.clear(out),
            },
            'K' => match number(p, 0) {
                0 => screen.erase(Erase::ToEnd, out),
                1 => screen.erase(Erase::ToStart, out),
                _ => screen.erase(Erase::All, out),
            },
            'L' => screen.scroll(Scroll::InsertHere, count(p), out),
            'M' => screen.scroll(Scroll::DeleteHere, count(p), out),
            'S' => screen.scroll(Scroll::Up, count(p), out),
            'T' => screen.scroll(Scroll::Down, count(p), out),
            'X' => screen.erase_chars(count(p), out),
            'P' => screen.delete_chars(count(p), out),
            '@' => screen.insert_blanks(count(p), out),
            'b' => {
                if let Some(c) = last_char {
                    for _ in 0..count(p) {
                        screen.put(c, out);
                    }
                }
            }
            'r' => {
                let (top, bottom) = (usize::from(number(p, 1)), usize::from(number(p, 0)));
                screen.set_region((bottom > top).then_some((top, bottom)));
                screen.go_to_row(1, out);
                screen.go_to_col(0);
            }
            's' => screen.save_cursor(),
            'u' => screen.restore_cursor(out),
            _ => {}
        }
    }

    fn esc_dispatch(&mut self, intermediates: &[u8], ignore: bool, byte: u8) {
        if ignore || !intermediates.is_empty() {
            return;
        }
        if byte == b'c' {
            self.screens.alternate = None;
        }
        let (screen, out) = self.screen();
        match byte {
            b'7' => screen.save_cursor(),
            b'8' => screen.restore_cursor(out),
            b'D' => screen.line_feed(out),
            b'E' => {
                screen.line_feed(out);
                screen.go_to_col(0);
            }
            b'M' => screen.reverse_line_feed(out),
            b'c' => {
                screen.clear(out);
                screen.set_region(None);
                screen.go_to_row(1, out);
                screen.go_to_col(0);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Lines as they come: `text`, `~text` when redrawn, and drafts as `?text` where asked for.
    fn scan_chunks<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, drafts: bool) -> Vec<String> {
        let mut scanner = LineScanner::new();
        let mut lines = Vec::new();
        let mut take = |line: Line<'_>| match line {
            Line::Done { text, redrawn: false, .. } => lines.push(text.to_owned()),
            Line::Done { text, .. } => lines.push(format!("~{text}")),
            Line::Draft { text } if drafts => lines.push(format!("?{text}")),
            Line::Draft { .. } => {}
        };
        for chunk in chunks {
            scanner.feed(chunk, &mut take);
        }
        scanner.finish(&mut take);
        lines
    }

    fn scan(bytes: impl AsRef<[u8]>) -> Vec<String> {
        scan_chunks([bytes.as_ref()], false)
    }

    fn scan_with_drafts(bytes: impl AsRef<[u8]>) -> Vec<String> {
        scan_chunks([bytes.as_ref()], true)
    }

    #[test]
    fn lines_are_what_a_reader_of_the_screen_would_see() {
        for (raw, lines) in [
            ("one\r\ntwo\r\n", vec!["one", "two"]),
            ("one\ntwo", vec!["one", "two"]),
            ("a\r\n\r\nb\r\n", vec!["a", "", "b"]),
            ("\x1b[1;31merror:\x1b[0m bad\x1b[K\r\n", vec!["error: bad"]),
            (" 10%\r 50%\r100%\r\n", vec!["100%"]),
            ("long text\rshort\x1b[K\r\n", vec!["short"]),
            ("| working\r/\r-\r\\\r\n", vec!["\\ working"]),
            ("abc\x08\x08X\r\n", vec!["aXc"]),
            ("secret\x08 \x08\x08 \x08\r\n", vec!["secr"]),
            ("a\tb\r\n", vec!["a       b"]),
            ("left\x1b[20Gright\r\n", vec!["left               right"]),
            ("x\x1b[999999999Cy\r\n", vec![&format!("x{}y", " ".repeat(RIGHT)) as &str]),
            ("abcdef\x1b[3D\x1b[Kxy\r\n", vec!["abcxy"]),
            ("abcdef\x1b[1G\x1b[2P\r\n", vec!["cdef"]),
            ("abc\x1b[1G\x1b[2@\r\n", vec!["  abc"]),
            ("abc\x1b[1K\r\n", vec![""]),
            ("-\x1b[9b\r\n", vec!["----------"]),
            ("日本語\x1b[3Gx\r\n", vec!["日x 語"]),
            ("e\u{301}te\u{301}\r\n", vec!["e\u{301}te\u{301}"]),
            ("trailing   \r\n", vec!["trailing"]),
            ("\u{feff}bom\r\n", vec!["bom"]),
        ] {
            assert_eq!(scan(raw), lines, "{raw:?}");
        }
    }
    const RIGHT: usize = 199;

    #[test]
    fn sequences_leave_nothing_behind() {
        for raw in [
            "\x1b]52;c;ZXZpbA==\x07ok\n",
            "\x1b]0;title\x1b\\ok\n",
            "\x1bkname\x1b\\ok\n",
            "\x1b]8;;javascript:alert(1)\x07ok\x1b]8;;\x07\n",
            "\x1bPtmux;\x1b\x1b]0;x\x07\x1b\\ok\n",
            "\x1b[6n\x1b[c\x1b[>0c\x1b[5nok\n",
            "\x1bP$qm\x1b\\\x1bP+q544e\x1b\\ok\n",
            "\x1b_apc\x1b\\\x1b^pm\x1b\\\x1bXsos\x1b\\ok\n",
            "\x1b(B\x1b)0\x1b=\x1b>\x1b[?25l\x1b[?2026hok\n",
            "\x05\x07\0o\0k\x7f\n",
            "\x1b[38;2;1;2;3m\x1b[38:5:7mok\x1b[m\n",
        ] {
            // `ESC k` is a tmux title; other terminals, and this scanner, see the name as text.
            let expected = if raw.starts_with("\x1bk") { "nameok" } else { "ok" };
            assert_eq!(scan(raw), [expected], "{raw:?}");
        }
    }

    #[test]
    fn a_string_sequence_that_never_ends_swallows_little() {
        for begin in ["\x1b]0;", "\x1bP", "\x1bPq", "\x1b_", "\x1b^", "\x1bX"] {
            let raw = format!("{begin}{}\r\nstill here\r\n", "log line\r\n".repeat(500));
            let lines = scan(&raw);
            assert_eq!(lines.last().map(String::as_str), Some("still here"), "{begin:?}");
            assert!(lines.len() < 200, "{begin:?}");
            assert_eq!(scan_chunks(raw.as_bytes().chunks(7), true), scan_chunks([raw.as_bytes()], true), "{begin:?}");
            let within = format!("{begin}{}\x1b\\ok\r\n", "x".repeat(STRING_MAX - 20));
            assert_eq!(scan(within), ["ok"], "{begin:?}");
            // What ends any sequence ends this one.
            assert_eq!(scan(format!("{begin}abc\x18ok\r\n")), ["ok"], "{begin:?}");
            assert_eq!(scan(format!("{begin}abc\x1aok\r\n")), ["ok"], "{begin:?}");
            assert_eq!(scan(format!("{begin}abc\x1b[1mok\r\n")), ["ok"], "{begin:?}");
        }
        let wide = format!("\x1b]0;{}\r\nend\r\n", "é".repeat(3000));
        assert!(scan(&wide).iter().all(|line| !line.contains('\u{fffd}')), "{:?}", scan(&wide));
    }

    #[test]
    fn bytes_that_are_no_text_become_replacement_characters() {
        assert_eq!(scan(b"a\xff\xc3b\n"), ["a\u{fffd}\u{fffd}b"]);
        assert_eq!(scan(b"\xc0\x80\n"), ["\u{fffd}\u{fffd}"]);
        assert_eq!(scan(b"\x9b31mred\n"), ["\u{fffd}31mred"]);
        assert_eq!(scan("\u{9b}31mred\n"), ["\u{fffd}31mred"]);
        assert_eq!(scan(b"\xe2\x82"), Vec::<String>::new(), "half a character at the end is not there yet");
    }

    #[test]
    fn a_character_cut_by_a_chunk_border_loses_nothing_behind_it() {
        let bytes = "Σa𝄞b".as_bytes();
        for cut in 1..bytes.len() {
            assert_eq!(scan_chunks([&bytes[..cut], &bytes[cut..]], false), ["Σa𝄞b"], "cut at {cut}");
        }
    }

    #[test]
    fn overwritten_states_come_as_drafts() {
        assert_eq!(
            scan_with_drafts("\rLoaded 1 / 3\rLoaded 2 / 3\rLoaded 3 / 3\r\n"),
            ["?Loaded 1 / 3", "?Loaded 2 / 3", "Loaded 3 / 3"]
        );
        assert_eq!(scan_with_drafts("\r\x1b[2K10\r\x1b[2K20\r\x1b[2K30\n"), ["?10", "?20", "30"]);
    }

    #[test]
    fn what_is_left_of_a_longer_state_is_told_apart() {
        let mut scanner = LineScanner::new();
        let mut seen = Vec::new();
        scanner.feed(b"left: 100\rleft: 99\rleft: 9\n", |line| {
            seen.push(match line {
                Line::Done { text, written, .. } => (text.to_owned(), written.to_owned()),
                Line::Draft { text } => (String::new(), text.to_owned()),
            });
        });
        let expected = [("", "left: 100"), ("", "left: 99"), ("left: 990", "left: 9")];
        assert_eq!(seen, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }

    #[test]
    fn a_redrawn_block_gives_each_row_once_more_at_most() {
        let mut raw = String::from("start\r\nspin 0\r\nload 0\r\n");
        for i in 1..=1000 {
            raw.push_str(&format!("\x1b[2A\x1b[2Kspin {i}\r\n\x1b[2Kload {}\r\n", i / 500));
        }
        raw.push_str("end\r\n");
        assert_eq!(scan(&raw), ["start", "spin 0", "load 0", "~end", "~spin 1000", "~load 2"]);
    }

    #[test]
    fn a_block_erased_line_by_line_and_written_again_is_not_new() {
        let mut raw = String::from("a\r\nb\r\nc\r\n");
        for _ in 0..100 {
            raw.push_str("\x1b[2K\x1b[1A\x1b[2K\x1b[1A\x1b[2K\x1b[1A\x1b[2K\x1b[Ga\r\nb\r\nc\r\n");
        }
        assert_eq!(scan(&raw), ["a", "b", "c"]);
    }

    #[test]
    fn the_alternate_screen_gives_drafts_only_and_is_seen_as_last_rows() {
        let mut raw = String::from("before\r\n\x1b[?1049h\x1b[2J");
        for i in 0..500 {
            raw.push_str(&format!("\x1b[1;1Hframe {i}\x1b[2;1Hprompt"));
        }
        assert_eq!(scan(&raw), ["before"]);
        let mut scanner = LineScanner::new();
        let mut drafts = 0;
        scanner.feed(raw.as_bytes(), |line| drafts += usize::from(matches!(line, Line::Draft { .. })));
        assert!(drafts >= 500);
        assert!(scanner.in_alternate_screen());
        assert_eq!(scanner.last_rows(2), ["frame 499", "prompt"]);
        assert_eq!(scanner.last_rows(9), ["before", "frame 499", "prompt"]);
        scanner.feed(b"\x1b[?1049lafter\r\n", |_| {});
        assert_eq!(scanner.last_rows(2), ["before", "after"]);
    }

    #[test]
    fn text_scrolled_in_above_a_fixed_block_is_kept() {
        // How some agents add to their history: a scroll region above the block they redraw.
        let mut raw = String::from("\x1b[2J\x1b[H\x1b[9;1Hbox\x1b[10;1Hstatus");
        for i in 0..200 {
            raw.push_str(&format!("\x1b[1;8r\x1b[8;1H\r\nhistory {i}\x1b[r\x1b[10;1H\x1b[2Kstatus {i}"));
        }
        let lines = scan(&raw);
        for i in 0..200 {
            let line = format!("~history {i}");
            assert_eq!(lines.iter().filter(|l| **l == line).count(), 1, "{line}");
        }
        assert!(lines.len() < 210, "{}", lines.len());
    }

    /// What a reader has not seen yet, in order.
    fn new_to_a_reader(raw: &str) -> Vec<String> {
        let mut scanner = LineScanner::new();
        let mut lines = Vec::new();
        let mut take = |line: Line<'_>| match line {
            Line::Done { text, again: false, .. } => lines.push(text.to_owned()),
            Line::Done { .. } | Line::Draft { .. } => {}
        };
        scanner.feed(raw.as_bytes(), &mut take);
        scanner.finish(&mut take);
        lines
    }

    #[test]
    fn text_on_rows_that_the_screen_had_before_is_new() {
        let numbers: Vec<String> = (1..=100).map(|n| n.to_string()).collect();
        let rest = format!("{}\r\nerror: link failed\r\n", numbers.join("\r\n"));
        for clear in ["\x1b[2J\x1b[H", "\x1b[H\x1b[2J\x1b[3J", "\x1b[H\x1b[J", "\x1bc"] {
            let lines = new_to_a_reader(&format!("building\r\n{clear}{rest}"));
            let expected = ["building"].into_iter().chain(numbers.iter().map(String::as_str));
            assert_eq!(lines, expected.chain(["error: link failed"]).collect::<Vec<_>>(), "{clear:?}");
        }
        let mut lines = new_to_a_reader(&format!("building\r\n\x1b[5;10r{rest}"));
        assert_eq!(lines.len(), 102);
        lines.sort();
        // Written over the first row, as a terminal does.
        assert!(
            ["building", "1uilding", "50", "100", "error: link failed"]
                .iter()
                .all(|l| lines.contains(&(*l).to_owned()))
        );
        let up = new_to_a_reader("load 1\r\nload 2\r\n\x1b[2A\x1b[Kdone 1\r\n\x1b[Kdone 2\r\nend\r\n");
        assert_eq!(up, ["load 1", "load 2", "end", "done 1", "done 2"]);
    }

    #[test]
    fn equal_lines_after_a_cleared_screen_are_all_new() {
        let lines = new_to_a_reader(&format!("start\r\n\x1bc{}", "ok\r\n".repeat(50)));
        assert_eq!(lines.len(), 51);
    }

    #[test]
    fn a_screen_cleared_and_written_again_as_it_was_is_not_new() {
        let frame = |n: usize| format!("\x1b[H\x1b[2Jevery 2s\r\n\r\nsame\r\nturn {}\r\n", n / 10);
        let lines = new_to_a_reader(&(0..30).map(frame).collect::<String>());
        assert_eq!(lines, ["every 2s", "", "same", "turn 0", "turn 1", "turn 2"]);
    }

    #[test]
    fn a_block_that_moves_down_is_not_new() {
        let mut raw = String::from("box\r\nhelp\r\n");
        for i in 0..20 {
            raw.push_str(&format!("\x1b[2A\x1b[Jhistory {i}\r\nbox\r\nhelp\r\n"));
        }
        let mut lines = new_to_a_reader(&raw);
        lines.sort();
        lines.dedup();
        assert_eq!(new_to_a_reader(&raw).len(), lines.len());
        assert_eq!(lines.len(), 22);
    }

    #[test]
    fn a_screen_is_as_high_as_the_program_goes_down() {
        let raw = "\x1b[?1049h\x1b[2J\x1b[H\x1b[33Ba\r\x1b[2Bb\x1b[40;1Hc\x1b[999Bd\x1b[34;3HA";
        let mut scanner = LineScanner::new();
        scanner.feed(raw.as_bytes(), |_| {});
        assert_eq!(scanner.last_rows(9), ["a A", "b", "cd"]);
    }

    #[test]
    fn absurd_arguments_are_bounded() {
        for raw in [
            "\x1b[999999999;999999999Hx",
            "\x1b[1000000000Bx",
            "\x1b[1000000000Ax",
            "x\x1b[1000000000b",
            "\x1b[1000000000Lx",
            "\x1b[1000000000Mx",
            "\x1b[1000000000Sx\x1b[1000000000T",
            "\x1b[1;1000000000r\n\n\x1b[2;3r\n\n\n\n\x1bM\x1bM\x1bM",
            "ab\x1b[1000000000D\x1b[1000000000@\x1b[1000000000P\x1b[1000000000X",
            "\x1b7\x1b[5;5H\x1b8\x1b[u\x1b[sx\x1bc",
        ] {
            let lines = scan(raw.repeat(50));
            assert!(lines.iter().map(String::len).sum::<usize>() < 500_000, "{raw:?}");
        }
    }

    #[test]
    fn a_line_without_end_comes_in_pieces_and_takes_no_memory() {
        let mut scanner = LineScanner::new();
        let chunk = "é".repeat(32 * 1024);
        let (mut lines, mut chars) = (0, 0);
        for _ in 0..64 {
            scanner.feed(chunk.as_bytes(), |line| {
                if let Line::Done { text, .. } = line {
                    lines += 1;
                    chars += text.chars().count();
                    assert!(text.chars().count() <= LINE_MAX);
                }
            });
        }
        assert_eq!(scanner.pending().chars().count() + chars, 64 * 32 * 1024);
        assert_eq!(lines, 64 * 32 * 1024 / LINE_MAX - 1);
        assert!(scanner.screens.main.held_bytes() < 600 * 1024, "{}", scanner.screens.main.held_bytes());
        // A sequence without end is not kept either.
        scanner.feed(b"\x1b]0;", |_| {});
        scanner.feed(&vec![b'x'; 1 << 20], |_| {});
        scanner.feed(b"\x07\nok\n", |_| {});
        assert_eq!(scanner.last_rows(1), ["ok"]);
    }

    #[test]
    fn the_unfinished_line_can_be_seen() {
        let mut scanner = LineScanner::new();
        scanner.feed(b"done\r\npassword: ", |_| {});
        assert_eq!(scanner.pending(), "password:");
        assert!(!scanner.pending_is_whole());
        scanner.feed(b"\r", |_| {});
        assert!(scanner.pending_is_whole());
        assert_eq!(scanner.last_rows(5), ["done", "password:"]);
    }

    /// Text, controls and sequences in any order.
    fn soup() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            4 => "[a-z0-9 ]{0,12}".prop_map(String::into_bytes),
            2 => Just(b"\r\n".to_vec()),
            1 => prop::sample::select(vec![&b"\r"[..], b"\n", b"\x08", b"\t", b"\x1b", b"\x9b", b"\xc2", b"\x07"])
                .prop_map(<[u8]>::to_vec),
            1 => "\\PC{0,4}".prop_map(String::into_bytes),
            2 => ("[0-9]{0,3}(;[0-9]{1,2})?", "[A-HJ-MPSTXbdfrsu@]").prop_map(|(p, a)| format!("\x1b[{p}{a}").into_bytes()),
            1 => prop::sample::select(vec!["\x1b[?1049h", "\x1b[?1049l", "\x1b]0;t\x07", "\x1bM", "\x1bD", "\x1bE",
                "\x1b7", "\x1b8", "\x1bc", "\x1bPq\x1b\\", "\x1b[2J", "\x1b[3;9r"]).prop_map(|s| s.as_bytes().to_vec()),
            1 => prop::collection::vec(any::<u8>(), 0..6),
        ];
        prop::collection::vec(part, 0..60).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn chunking_never_changes_the_lines(bytes in soup(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20)) {
            let whole = scan_chunks([&bytes[..]], true);
            prop_assert_eq!(&whole, &scan_chunks(bytes.chunks(1), true));
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            prop_assert_eq!(&whole, &scan_chunks(cuts.windows(2).map(|w| &bytes[w[0]..w[1]]), true));
        }

        #[test]
        fn lines_hold_no_control_characters_and_are_bounded(bytes in soup()) {
            for line in scan_chunks([&bytes[..]], true) {
                prop_assert!(!line.chars().any(char::is_control), "{:?}", line);
                prop_assert!(line.chars().count() <= LINE_MAX + 260);
            }
        }

        #[test]
        fn plain_lines_come_back_as_they_are(lines in prop::collection::vec("[!-~]([ -~]{0,60}[!-~])?", 0..300)) {
            prop_assert_eq!(scan(lines.join("\r\n")), lines);
        }
    }
}
