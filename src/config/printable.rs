//! Makes text of a file fit to be shown: what a terminal would obey, reorder or hide is written out as an escape.

/// Longest quotation of a file's text inside a message, in characters.
const QUOTE_MAX: usize = 60;

/// Whether a character can be shown as it is.
pub fn is_plain(c: char) -> bool {
    let hidden = matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{feff}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    !c.is_control() && !hidden
}

/// Appends one character, escaped where needed. A tab becomes a space, so that columns stay.
pub fn push_printable(out: &mut String, c: char) {
    if c == '\t' {
        out.push(' ');
    } else if is_plain(c) {
        out.push(c);
    } else {
        out.extend(c.escape_unicode());
    }
}

/// The text with everything escaped that is not [`is_plain`].
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        push_printable(&mut out, c);
    }
    out
}

/// The text in backticks, escaped and cut: for messages that name what the file says.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("`");
    for (count, c) in text.chars().enumerate() {
        if count == QUOTE_MAX {
            out.push('…');
            break;
        }
        push_printable(&mut out, c);
    }
    out.push('`');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_or_hides_passes() {
        let hostile = "\u{1b}]52;c;YQ==\u{7}\u{202e}x\u{200b}\r\n\u{9b}31m\u{2066}\u{e0041}";
        let shown = printable(hostile);
        assert!(shown.chars().all(is_plain), "{shown:?}");
        assert!(shown.starts_with("\\u{1b}]52;"));
        assert_eq!(printable("grün – ok 日本"), "grün – ok 日本");
    }

    #[test]
    fn a_quotation_is_cut() {
        assert_eq!(quoted(&"x".repeat(1_000_000)).chars().count(), QUOTE_MAX + 3);
        assert_eq!(quoted("a\tb"), "`a b`");
    }
}
