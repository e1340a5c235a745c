//! What a stream of terminal bytes is about to do to a screen, without a screen: where a sequence begins and ends, and
//! which sequences make the screen whole again whatever was on it.

/// What a byte completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// `ESC c`: everything is as at the beginning.
    Reset,
    /// The whole screen was cleared.
    Cleared,
    /// The alternate screen begins, empty.
    AlternateOn,
    /// The alternate screen ends; what stood on the other one is back.
    AlternateOff,
    /// The cursor went somewhere that does not follow from the text.
    Moved,
    /// A line feed.
    LineFeed,
}

/// Where the bytes stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Text,
    Escape,
    /// Behind `ESC` and an intermediate byte.
    EscapeMore,
    Control,
    /// In a string: a title, a clipboard write, ...
    Text8,
    /// Behind an escape character in a string.
    TextEscape,
}

/// Most parameter bytes that are looked at; longer ones are none of those that matter.
const PARAMS: usize = 16;

/// Follows a stream, byte by byte, in constant memory.
#[derive(Debug, Clone, Default)]
pub struct Scanner {
    place: Place,
    /// Bytes that a character still lacks.
    rest: u8,
    params: [u8; PARAMS],
    len: usize,
}

impl Scanner {
    /// Whether nothing is half done: here a stream can be cut.
    pub fn between(&self) -> bool {
        self.place == Place::Text && self.rest == 0
    }
    /// Takes a byte; tells what it completed.
    pub fn step(&mut self, byte: u8) -> Option<Seen> {
        if self.place == Place::Text {
            return self.text(byte);
        }
        match byte {
            0x1b if self.place == Place::Text8 => self.place = Place::TextEscape,
            0x1b => self.place = Place::Escape,
            0x18 | 0x1a => self.place = Place::Text,
            _ => return self.inside(byte),
        }
        None
    }
    fn text(&mut self, byte: u8) -> Option<Seen> {
        if self.rest > 0 {
            if byte & 0xc0 == 0x80 {
                self.rest -= 1;
                return None;
            }
            self.rest = 0;
        }
        match byte {
            0x1b => self.place = Place::Escape,
            b'\n' => return Some(Seen::LineFeed),
            0xc2..=0xdf => self.rest = 1,
            0xe0..=0xef => self.rest = 2,
            0xf0..=0xf4 => self.rest = 3,
            _ => {}
        }
        None
    }
    fn inside(&mut self, byte: u8) -> Option<Seen> {
        match self.place {
            Place::Text => None,
            Place::TextEscape if byte == b'\\' => {
                self.place = Place::Text;
                None
            }
            // An escape ends a string; what follows is a sequence of its own.
            Place::TextEscape | Place::Escape => self.escape(byte),
            Place::EscapeMore => {
                if (0x30..=0x7e).contains(&byte) {
                    self.place = Place::Text;
                }
                None
            }
            Place::Text8 => {
                if byte == 0x07 {
                    self.place = Place::Text;
                }
                None
            }
            Place::Control => self.control(byte),
        }
    }
    fn escape(&mut self, byte: u8) -> Option<Seen> {
        self.place = match byte {
            b'[' => {
                self.len = 0;
                Place::Control
            }
            b']' | b'P' | b'X' | b'^' | b'_' => Place::Text8,
            0x20..=0x2f => Place::EscapeMore,
            // Controls are carried out within a sequence.
            0x00..=0x1f => Place::Escape,
            _ => Place::Text,
        };
        match byte {
            b'c' => Some(Seen::Reset),
            b'8' | b'M' => Some(Seen::Moved),
            _ => None,
        }
    }
    fn control(&mut self, byte: u8) -> Option<Seen> {
        match byte {
            0x40..=0x7e => {
                self.place = Place::Text;
                let params = self.params.get(..self.len)?;
                match (params, byte) {
                    (b"2" | b"3", b'J') => Some(Seen::Cleared),
                    (b"?1049" | b"?1047" | b"?47", b'h') => Some(Seen::AlternateOn),
                    (b"?1049" | b"?1047" | b"?47", b'l') => Some(Seen::AlternateOff),
                    (_, b'A' | b'B' | b'E' | b'F' | b'H' | b'f' | b'd' | b'L' | b'M' | b'S' | b'T' | b'r' | b'u') => {
                        Some(Seen::Moved)
                    }
                    _ => None,
                }
            }
            0x20..=0x3f => {
                if let Some(slot) = self.params.get_mut(self.len) {
                    *slot = byte;
                }
                // One beyond the room means: too long to matter.
                self.len = (self.len + 1).min(PARAMS + 1);
                None
            }
            b'\n' => Some(Seen::LineFeed),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(bytes: &[u8]) -> Vec<Seen> {
        let mut scanner = Scanner::default();
        bytes.iter().filter_map(|b| scanner.step(*b)).collect()
    }
    fn between_after(bytes: &[u8]) -> bool {
        let mut scanner = Scanner::default();
        for byte in bytes {
            scanner.step(*byte);
        }
        scanner.between()
    }

    #[test]
    fn sequences_that_matter_are_told_and_others_not() {
        assert_eq!(
            seen(b"a\x1b[2Jb\x1bc\x1b[?1049hx\x1b[?1049l"),
            [Seen::Cleared, Seen::Reset, Seen::AlternateOn, Seen::AlternateOff]
        );
        assert_eq!(seen(b"\x1b[1;31mred\x1b[0m\r\n\x1b[K\x1b[5;7H"), [Seen::LineFeed, Seen::Moved]);
        assert_eq!(seen(b"\x1b]0;a title\x1b[2J\x07"), [Seen::Cleared], "an escape ends a title");
        assert_eq!(seen(b"\x1b]0;title c\x1b\\\x1b(c"), [], "neither in a title nor as a character set");
        assert_eq!(seen(b"\x1b[99999999999999999999992J"), []);
    }

    #[test]
    fn a_cut_is_possible_between_sequences_and_characters_only() {
        for (bytes, between) in [
            (&b"abc"[..], true),
            (b"\x1b", false),
            (b"\x1b[", false),
            (b"\x1b[12;", false),
            (b"\x1b[12;3H", true),
            (b"\x1b]0;x", false),
            (b"\x1b]0;x\x07", true),
            (b"\x1bPq\x1b\\", true),
            (b"\x1b(", false),
            (b"\x1b(B", true),
            ("ä".as_bytes(), true),
            (b"\xc3", false),
            (b"\xe6\xbc", false),
            (b"\xe6\xbcx", true),
            (b"\x1b[12\x18", true),
        ] {
            assert_eq!(between_after(bytes), between, "{bytes:?}");
        }
    }
}
