//! The document's bytes as lines that can be read and shown: bounded, repaired, without terminal controls.

use super::mojibake::repair;
use crate::terminal::harmless;
use std::borrow::Cow;

/// Most bytes of a document that are read.
pub const BYTES_MAX: usize = 1 << 20;
/// Most lines of a document that are read.
pub const LINES_MAX: usize = 20_000;
/// Most bytes of one line that are read.
pub const LINE_MAX: usize = 4 << 10;
/// Most nested quotes and lists that are followed; what is deeper is read as if it stood there.
const DEPTH_MAX: usize = 24;

/// A document made readable.
#[derive(Debug, Default)]
pub struct Clean {
    /// The text; line `n` of it is line `n` of the document.
    pub text: String,
    /// What of the document was not read, each as a sentence's beginning.
    pub notes: Vec<String>,
}

/// Makes a document readable.
pub fn clean(bytes: &[u8]) -> Clean {
    let mut notes = Vec::new();
    let decoded = decode(bytes, &mut notes);
    let mut text = String::with_capacity(decoded.len());
    let (mut long, mut count) = (0, 0);
    for line in decoded.split('\n') {
        // A carriage return alone ended lines once.
        for line in line.strip_suffix('\r').unwrap_or(line).split('\r') {
            if count == LINES_MAX {
                break;
            }
            count += 1;
            let cut = cut(line, LINE_MAX);
            long += usize::from(cut.len() < line.len());
            push(cut, &mut text);
        }
    }
    if count == LINES_MAX {
        notes.push(format!("lines after the first {LINES_MAX} were not read"));
    }
    if long > 0 {
        notes.push(format!("{long} lines were read only to their first {LINE_MAX} bytes"));
    }
    Clean { text, notes }
}

fn decode<'a>(bytes: &'a [u8], notes: &mut Vec<String>) -> Cow<'a, str> {
    let bytes = if bytes.len() > BYTES_MAX {
        notes.push(format!("what comes after the first {} KiB was not read", BYTES_MAX / 1024));
        &bytes[..BYTES_MAX]
    } else {
        bytes
    };
    // By its byte order mark; without one it is UTF-8.
    let (text, _, wrong) = encoding_rs::UTF_8.decode(bytes);
    if wrong {
        notes.push("not all of it is UTF-8".to_owned());
    }
    text
}

fn cut(line: &str, most: usize) -> &str {
    if line.len() <= most {
        return line;
    }
    let mut end = most;
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    &line[..end]
}

fn push(line: &str, text: &mut String) {
    let line = without_sequences(line);
    let line = repair(&line);
    // Tabs indent, and are kept for that.
    let indent = line.len() - line.trim_start_matches(['\t', ' ']).len();
    let (indent, body) = line.split_at(indent);
    text.push_str(cut(indent, 64));
    let body = shallow(body);
    text.push_str(&harmless(body));
    text.push('\n');
}

/// What follows the first quotes and list marks when there are too many of them.
fn shallow(body: &str) -> &str {
    let mut depth = 0;
    for (at, c) in body.char_indices() {
        match c {
            '>' | '-' | '*' | '+' => depth += 1,
            ' ' | '\t' => {}
            _ => return if depth > DEPTH_MAX { &body[at..] } else { body },
        }
    }
    // A rule of dashes is short enough to stay.
    if depth > 256 { "" } else { body }
}

/// Without terminal control sequences; what they show is not what they are.
fn without_sequences(line: &str) -> Cow<'_, str> {
    if !line.contains('\u{1b}') && !line.contains('\u{9b}') {
        return Cow::Borrowed(line);
    }
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let kind = match c {
            '\u{1b}' => chars.next(),
            '\u{9b}' => Some('['),
            _ => {
                out.push(c);
                continue;
            }
        };
        match kind {
            Some('[') => while chars.next().is_some_and(|c| !('\u{40}'..='\u{7e}').contains(&c)) {},
            Some(']' | 'P' | '^' | '_' | 'X') => {
                while let Some(c) = chars.next() {
                    if c == '\u{7}' || (c == '\u{1b}' && chars.next_if_eq(&'\\').is_some()) {
                        break;
                    }
                }
            }
            Some(_) | None => {}
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_numbers_and_lose_their_controls() {
        let clean = clean("\u{feff}a\r\n\u{1b}[31mb\u{1b}[0m\n\u{1b}]0;title\u{7}c\u{202e}d\n".as_bytes());
        assert_eq!(clean.text, "a\nb\nc\\u{202e}d\n\n");
        assert!(clean.notes.is_empty());
    }

    #[test]
    fn too_much_is_cut_and_said() {
        let mut long = "x".repeat(LINE_MAX + 9);
        long.push_str("\nnext");
        let read = clean(long.as_bytes());
        assert_eq!(read.text.lines().map(str::len).collect::<Vec<_>>(), [LINE_MAX, 4]);
        assert_eq!(read.notes.len(), 1);
        let many = "y\n".repeat(LINES_MAX + 5);
        assert_eq!(clean(many.as_bytes()).text.lines().count(), LINES_MAX);
        let deep = format!("{}deep", "> ".repeat(1000));
        assert_eq!(clean(deep.as_bytes()).text, "deep\n");
    }

    #[test]
    fn other_encodings_are_read() {
        let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain("né\n".encode_utf16().flat_map(u16::to_le_bytes)).collect();
        assert_eq!(clean(&utf16).text, "né\n\n");
        assert_eq!(clean(b"a\xffb").text, "a\u{fffd}b\n");
    }
}
