//! Text as a terminal would paste it, and whether the program asked for brackets around it.

const BEGIN: &[u8] = b"\x1b[200~";
const END: &[u8] = b"\x1b[201~";

/// Makes a paste of bytes: control characters but tab and newline are dropped, newline becomes carriage return, and
/// `bracketed` puts the marks around it. So nothing in the text can end the paste early.
pub fn prepare(bytes: &[u8], bracketed: bool) -> Vec<u8> {
    let mut paste = Vec::with_capacity(bytes.len() + BEGIN.len() + END.len());
    if bracketed {
        paste.extend_from_slice(BEGIN);
    }
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' => paste.push(b'\r'),
                '\t' => paste.push(b'\t'),
                c if c.is_control() => {}
                c => paste.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        // Bytes that are no UTF-8 pass, but not those that an 8-bit terminal reads as controls.
        paste.extend(chunk.invalid().iter().filter(|b| !(0x80..0xa0).contains(*b)));
    }
    if bracketed {
        paste.extend_from_slice(END);
    }
    paste
}

/// Follows the program's output for `CSI ? 2004 h` and `l`, wherever reads cut it.
#[derive(Debug, Default)]
pub struct BracketedPaste {
    on: bool,
    state: State,
}

#[derive(Debug, Default, Clone, Copy)]
enum State {
    #[default]
    Text,
    Escape,
    Csi,
    Private {
        number: u32,
        seen: bool,
    },
}

impl BracketedPaste {
    /// Whether the program wants pastes bracketed now.
    pub fn is_on(&self) -> bool {
        self.on
    }
    /// Takes the next bytes of output.
    pub fn scan(&mut self, mut bytes: &[u8]) {
        loop {
            if matches!(self.state, State::Text) {
                // `contains` is the fast search; most reads hold no escape.
                if !bytes.contains(&0x1b) {
                    return;
                }
                let Some(escape) = bytes.iter().position(|b| *b == 0x1b) else { return };
                self.state = State::Escape;
                bytes = &bytes[escape + 1..];
            }
            let Some((byte, rest)) = bytes.split_first() else { return };
            bytes = rest;
            self.state = self.step(*byte);
        }
    }
    fn step(&mut self, byte: u8) -> State {
        match (self.state, byte) {
            (_, 0x1b) => State::Escape,
            (State::Escape, b'[') => State::Csi,
            (State::Escape, b'c') => {
                self.on = false;
                State::Text
            }
            (State::Csi, b'?') => State::Private { number: 0, seen: false },
            (State::Private { number, seen }, b'0'..=b'9') => {
                State::Private { number: number.saturating_mul(10).saturating_add(u32::from(byte - b'0')), seen }
            }
            (State::Private { number, seen }, b';') => State::Private { number: 0, seen: seen || number == 2004 },
            (State::Private { number, seen }, b'h' | b'l') => {
                if seen || number == 2004 {
                    self.on = byte == b'h';
                }
                State::Text
            }
            (State::Text | State::Escape | State::Csi | State::Private { .. }, _) => State::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_can_leave_the_paste() {
        let evil = b"a\x1b[201~rm -rf\x07\x00\x7f b\r\nc\td\xc2\x9b201~ \x9b201~ \xff\xc3\xa9";
        assert_eq!(prepare(evil, true), b"\x1b[200~a[201~rm -rf b\rc\td201~ 201~ \xff\xc3\xa9\x1b[201~");
        assert_eq!(prepare(b"two\nlines", false), b"two\rlines");
    }

    #[test]
    fn the_mode_is_followed_wherever_the_output_is_cut() {
        let output = b"x\x1b[?1h\x1b[?25;2004;1hy\x1b[?2004l\x1b\x1b[?2004h";
        for cut in 0..output.len() {
            let mut mode = BracketedPaste::default();
            mode.scan(&output[..cut]);
            mode.scan(&output[cut..]);
            assert!(mode.is_on(), "cut at {cut}");
        }
        let mut mode = BracketedPaste::default();
        let mut after = |bytes: &[u8]| {
            mode.scan(bytes);
            mode.is_on()
        };
        assert!(!after(b"?2004h [?2004h \x1b[2004h \x1b[?20040h \x1b[?99999999999992004h"));
        assert!(after(b"\x1b[?2004h"));
        assert!(after(b"\x1b[?1049l\x1b[2J"));
        assert!(!after(b"\x1bc"), "a full reset");
        assert!(after(b"\x1b[?2004h") && !after(b"\x1b[?2004;1l"));
    }
}
