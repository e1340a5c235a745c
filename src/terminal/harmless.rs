//! Text from programs, files and other people, made harmless to print: nothing in it can move the cursor, set a title,
//! fill a clipboard, turn the reading direction or hide itself.

use std::borrow::Cow;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Most characters without width that may follow one another; more of them draw over the lines around.
const MARKS_MAX: usize = 3;

/// What becomes of one character.
enum Fate {
    Keep,
    Remove,
    Spaces,
    Escape,
}

fn fate(c: char) -> Fate {
    match c {
        '\t' => Fate::Spaces,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' => Fate::Escape,
        // Bidirectional controls reorder what follows; line separators break a line; annotations hide text.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{206f}' => Fate::Escape,
        '\u{fff9}'..='\u{fffb}' => Fate::Escape,
        // Characters that cannot be seen: two texts that differ by them look equal.
        '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' => {
            Fate::Remove
        }
        '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' => Fate::Remove,
        '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}' => Fate::Remove,
        _ => Fate::Keep,
    }
}

/// The text with control and bidirectional characters escaped (`\x1b`, `\u{202e}`), invisible ones removed, tabs as
/// four spaces, and piled-up combining marks cut. The result is one line, and is unchanged by a second pass.
pub fn harmless(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut marks = 0;
    for c in text.chars() {
        match fate(c) {
            Fate::Keep => {
                marks = if c.width() == Some(0) { marks + 1 } else { 0 };
                if marks <= MARKS_MAX {
                    out.push(c);
                }
            }
            Fate::Remove => {}
            Fate::Spaces => {
                marks = 0;
                out.push_str("    ");
            }
            Fate::Escape => {
                marks = 0;
                escape(c, &mut out);
            }
        }
    }
    if out == text { Cow::Borrowed(text) } else { Cow::Owned(out) }
}

fn escape(c: char, out: &mut String) {
    use std::fmt::Write;
    let code = u32::from(c);
    // Writing to a String cannot fail.
    let _ = match c {
        '\n' => write!(out, "\\n"),
        '\r' => write!(out, "\\r"),
        _ if code < 0x100 => write!(out, "\\x{code:02x}"),
        _ => write!(out, "\\u{{{code:x}}}"),
    };
}

/// The text cut to at most `max_chars` characters, the last of them `…` when something was cut.
pub fn shorten(text: &str, max_chars: usize) -> Cow<'_, str> {
    if text.len() <= max_chars || text.chars().nth(max_chars).is_none() {
        return Cow::Borrowed(text);
    }
    let mut short: String = text.chars().take(max_chars.saturating_sub(1)).collect();
    if max_chars > 0 {
        short.push('…');
    }
    Cow::Owned(short)
}

/// Columns the text takes on a terminal.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text filled with spaces on the right to at least `columns` columns.
pub fn pad(text: &str, columns: usize) -> String {
    let fill = columns.saturating_sub(width(text));
    let mut out = String::with_capacity(text.len() + fill);
    out.push_str(text);
    out.extend(std::iter::repeat_n(' ', fill));
    out
}

/// The text in exactly `columns` columns: cut with `…` when it is longer, filled with spaces when it is shorter.
pub fn fit(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return pad(text, columns);
    }
    let mut out = String::with_capacity(text.len().min(columns * 4));
    for c in text.chars() {
        out.push(c);
        // Measured as a whole: a character can change the width of the one before it.
        if width(&out) + 1 > columns {
            out.pop();
            break;
        }
    }
    if columns > 0 {
        out.push('…');
    }
    pad(&out, columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_could_drive_a_terminal_is_shown_instead() {
        for (raw, shown) in [
            ("plain text", "plain text"),
            ("\x1b]52;c;aGk=\x07", "\\x1b]52;c;aGk=\\x07"),
            ("a\tb", "a    b"),
            ("one\r\ntwo", "one\\r\\ntwo"),
            ("\u{9b}31m", "\\x9b31m"),
            ("a\u{202e}txt.exe", "a\\u{202e}txt.exe"),
            ("\u{2066}x\u{2069}", "\\u{2066}x\\u{2069}"),
            ("pass\u{200b}word\u{feff}", "password"),
            ("\u{e0041}\u{e0042}x", "x"),
            ("nul\0del\x7f", "nul\\x00del\\x7f"),
            ("Größe naïve 日本語 ✅ → é", "Größe naïve 日本語 ✅ → é"),
            ("a\u{2028}b", "a\\u{2028}b"),
        ] {
            assert_eq!(harmless(raw), shown, "{raw:?}");
        }
    }

    #[test]
    fn piled_up_marks_are_cut() {
        let zalgo = format!("a{}b", "\u{301}".repeat(50));
        assert_eq!(harmless(&zalgo), format!("a{}b", "\u{301}".repeat(MARKS_MAX)));
    }

    #[test]
    fn clean_text_is_not_copied() {
        assert!(matches!(harmless("Größe"), Cow::Borrowed(_)));
        assert!(matches!(shorten("Größe", 5), Cow::Borrowed(_)));
    }

    #[test]
    fn cuts_count_characters_and_columns() {
        assert_eq!(shorten("abcdef", 4), "abc…");
        assert_eq!(shorten("äöü", 3), "äöü");
        assert_eq!(shorten("abc", 0), "");
        assert_eq!(fit("日本語", 5), "日本…");
        assert_eq!(fit("日本語", 4), "日… ");
        assert_eq!(fit("ab", 4), "ab  ");
        assert_eq!(fit("abc", 0), "");
        assert_eq!(pad("日", 4), "日  ");
    }

    proptest! {
        #[test]
        fn harmless_is_harmless_and_stays_so(text in any::<String>()) {
            let once = harmless(&text).into_owned();
            let bad = once.chars().any(|c| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{200b}'));
            prop_assert!(!bad);
            prop_assert_eq!(&harmless(&once), &once);
        }

        #[test]
        fn fitted_text_has_the_width_asked_for(text in any::<String>(), columns in 0usize..40) {
            prop_assert_eq!(width(&fit(&harmless(&text), columns)), columns);
        }
    }
}
