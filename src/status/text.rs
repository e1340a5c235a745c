//! Text for terminals: foreign text made harmless, measured and cut by display width; spans and counts in words.

use crate::terminal::redact;
use std::borrow::Cow;
use std::time::Duration;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Most marks without a width of their own that may follow one another; more pile up over the lines around them.
const MARKS_MAX: usize = 6;

/// Makes foreign text safe to show on one line: escape sequences, control characters, and characters that reorder or
/// hide text are removed; line breaks and tabs become single spaces. What looks like a secret is replaced.
pub fn harmless(foreign: &str) -> String {
    let mut out = String::with_capacity(foreign.len());
    let mut chars = foreign.chars().peekable();
    let mut marks = 0;
    while let Some(c) = chars.next() {
        if c == '\u{1b}' || c == '\u{9b}' {
            skip_sequence(c, &mut chars);
            continue;
        }
        if is_break(c) {
            if !out.ends_with(' ') && !out.is_empty() {
                out.push(' ');
            }
            continue;
        }
        if c.is_control() || is_hidden(c) {
            continue;
        }
        marks = if c.width() == Some(0) { marks + 1 } else { 0 };
        if marks <= MARKS_MAX {
            out.push(c);
        }
    }
    out.truncate(out.trim_end().len());
    match redact(&out) {
        Cow::Owned(shown) => shown,
        Cow::Borrowed(_) => out,
    }
}

/// Skips the rest of an escape sequence that began with `ESC` or the one-character `CSI`.
fn skip_sequence(first: char, chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    let kind = if first == '\u{9b}' { Some('[') } else { chars.next() };
    match kind {
        Some('[') => {
            for c in chars.by_ref() {
                if ('\u{40}'..='\u{7e}').contains(&c) {
                    break;
                }
            }
        }
        // Strings (title, link, clipboard, device control) end with BEL or ST; an unfinished one takes the rest.
        Some(']' | 'P' | 'X' | '^' | '_' | 'k') => {
            while let Some(c) = chars.next() {
                if c == '\u{7}' || c == '\u{9c}' {
                    break;
                }
                if c == '\u{1b}' {
                    chars.next_if_eq(&'\\');
                    break;
                }
            }
        }
        Some('\u{20}'..='\u{2f}') => {
            chars.next();
        }
        Some(_) | None => {}
    }
}

/// Characters that end or widen a line; shown as one space.
fn is_break(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Characters that change the direction of text or stand in it unseen. The joiner of emoji and the selectors of their
/// form are not among them.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        | '\u{200b}' | '\u{200c}' | '\u{2060}'..='\u{2064}' | '\u{206a}'..='\u{206f}' | '\u{feff}' | '\u{ad}'
        | '\u{34f}' | '\u{180e}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The number of terminal columns a text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text, cut to so many columns; a cut one ends with `…`.
pub fn cut(text: &str, columns: usize) -> String {
    // Every character beyond this many cannot be shown anyway; it keeps the work for a very long line small.
    let near = columns.saturating_mul(MARKS_MAX + 2).saturating_add(16);
    let (short, whole) = match text.char_indices().nth(near) {
        Some((end, _)) => (&text[..end], false),
        None => (text, true),
    };
    if whole && width(short) <= columns {
        return short.to_owned();
    }
    if columns == 0 {
        return String::new();
    }
    let mut end = 0;
    for (start, c) in short.char_indices() {
        let next = start + c.len_utf8();
        if width(&short[..next]) > columns - 1 {
            break;
        }
        end = next;
    }
    format!("{}…", short[..end].trim_end_matches('\u{200d}'))
}

/// The text in exactly so many columns: cut, or filled with spaces.
pub fn pad(text: &str, columns: usize) -> String {
    let mut out = cut(text, columns);
    let missing = columns.saturating_sub(width(&out));
    out.extend(std::iter::repeat_n(' ', missing));
    out
}

/// The text, cut to so many characters at the end of a word where there is one; a cut one ends with `…`.
pub fn cut_at_word(text: &str, characters: usize) -> String {
    if text.chars().count() <= characters {
        return text.to_owned();
    }
    let end = text.char_indices().nth(characters.saturating_sub(1)).map_or(text.len(), |(i, _)| i);
    let head = &text[..end];
    // A single word longer than half the room is cut inside; anything else loses less by ending earlier.
    let at = match head.rfind(char::is_whitespace) {
        Some(space) if space * 2 >= end => space,
        Some(_) | None => end,
    };
    format!("{}…", head[..at].trim_end())
}

/// Keeps two words on one line in [`wrap`], which turns it into a space.
pub const KEEP: char = '\u{a0}';

/// Breaks text at spaces into lines of at most so many columns; a longer word is cut.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() && c != KEEP).filter(|word| !word.is_empty()) {
        if !line.is_empty() && width(&line) + 1 + width(word) > columns {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&cut(word, columns));
    }
    if !line.is_empty() {
        lines.push(line);
    }
    for line in &mut lines {
        *line = line.replace(KEEP, " ");
    }
    lines
}

/// A span for people: `48 s`, `12 min`, `8 h 15 min`, `3 d 4 h`; spans below ten seconds show a decimal.
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let two = |large: u64, one: &str, small: u64, other: &str| match small {
        0 => format!("{large} {one}"),
        _ => format!("{large} {one} {small} {other}"),
    };
    match seconds {
        0..=9 if span.subsec_millis() >= 100 => format!("{seconds}.{} s", span.subsec_millis() / 100),
        0..=89 => format!("{seconds} s"),
        90..=599 => two(seconds / 60, "min", seconds % 60, "s"),
        600..=3599 => format!("{} min", seconds / 60),
        3600..=172_799 => two(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    }
}

/// A span for a narrow column: `48s`, `12m`, `8h15m`, `3d4h`.
pub fn short_span(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..=89 => format!("{seconds}s"),
        90..=3599 => format!("{}m", seconds / 60),
        3600..=172_799 => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d{}h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// A span given in seconds, as the documents hold it.
pub fn span_of_seconds(seconds: f64) -> String {
    span(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

/// A count with its noun: `1 error`, `3 errors`.
pub fn count(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(n), if n == 1 { one } else { many })
}

/// A whole number with its thousands apart: `179,341`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A measured number: whole ones with their thousands apart, others with at most two decimals.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return "?".to_owned();
    }
    let size = value.abs();
    if size >= 1e15 {
        return format!("{value:e}");
    }
    let sign = if value < 0.0 { "-" } else { "" };
    let hundredths = (size * 100.0).round();
    // Below 1e15 both parts are whole and fit.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, positive and below 1e17")]
    let (whole, rest) = ((hundredths / 100.0).floor() as u64, (hundredths % 100.0) as u64);
    match rest {
        0 => format!("{sign}{}", grouped(whole)),
        tens if tens % 10 == 0 => format!("{sign}{}.{}", grouped(whole), tens / 10),
        both => format!("{sign}{}.{both:02}", grouped(whole)),
    }
}

/// A size: `182,034 B`, `17.8 MiB`.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if n < 1024 {
        return format!("{n} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let mut size = n as f64 / 1024.0;
    let mut unit = 0;
    while size >= 1023.95 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_the_cursor_hides_or_reorders_text_comes_through() {
        assert_eq!(harmless("\u{1b}[31mred\u{1b}[0m \u{9b}2Jx"), "red x");
        assert_eq!(harmless("a\u{1b}]52;c;ZXZpbA==\u{7}b\u{1b}]8;;javascript:x\u{1b}\\c"), "abc");
        assert_eq!(harmless("a\u{1b}Ptmux;\u{1b}\\b\u{1b}(Bc\u{1b}"), "abc");
        assert_eq!(harmless("ex\u{202e}e.txt\u{2066}\u{200b}\u{e0041}\0\u{8}"), "exe.txt");
        assert_eq!(harmless("one\r\ntwo\tthree\u{2028}four\n"), "one two three four");
        assert_eq!(harmless("👩‍💻 日本語 é"), "👩‍💻 日本語 é");
        let zalgo = format!("a{}b", "\u{301}".repeat(100));
        assert!(harmless(&zalgo).chars().count() <= 2 + MARKS_MAX);
    }

    #[test]
    fn texts_are_cut_and_filled_by_columns_not_by_characters() {
        assert_eq!(cut("日本語テキスト", 7), "日本語…");
        assert_eq!(cut("日本語テキスト", 6), "日本…");
        assert_eq!(width(&pad("日本語テキスト", 6)), 6);
        assert_eq!(pad("ab", 4), "ab  ");
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abc", 0), "");
        for columns in 0..40 {
            assert!(width(&cut("x👩‍💻y日本語zé́", columns)) <= columns);
        }
        assert_eq!(width(&cut(&"x".repeat(10_000_000), 80)), 80);
    }

    #[test]
    fn a_push_text_ends_with_a_whole_word() {
        assert_eq!(cut_at_word("one two three", 9), "one two…");
        assert_eq!(cut_at_word("one two", 7), "one two");
        assert_eq!(cut_at_word("abcdefghij", 5), "abcd…");
        assert!(cut_at_word(&"é".repeat(500), 400).chars().count() <= 400);
    }

    #[test]
    fn lines_break_between_words_but_not_within_a_pair() {
        assert_eq!(wrap("aa bb\u{a0}cc dd", 5), ["aa", "bb cc", "dd"]);
        assert_eq!(wrap("  a \n b  ", 20), ["a b"]);
        assert_eq!(wrap("abcdefgh", 4), ["abc…"]);
    }

    #[test]
    fn spans_numbers_and_sizes_read_well() {
        let spans: Vec<_> = [0, 4, 60, 89, 90, 600, 3600, 29_700, 90_000, 180_000]
            .map(|s| span(Duration::from_secs(s)))
            .into_iter()
            .collect();
        assert_eq!(
            spans,
            ["0 s", "4 s", "60 s", "89 s", "1 min 30 s", "10 min", "1 h", "8 h 15 min", "25 h", "2 d 2 h"]
        );
        assert_eq!(span(Duration::from_millis(1540)), "1.5 s");
        assert_eq!(grouped(179_341), "179,341");
        assert_eq!(grouped(12), "12");
        assert_eq!(number(3513.0), "3,513");
        assert_eq!(number(-0.336), "-0.34");
        assert_eq!(number(1.999), "2");
        assert_eq!(number(2.5), "2.5");
        assert_eq!(number(f64::NAN), "?");
        assert_eq!(bytes(182_034), "177.8 KiB");
        assert_eq!(bytes(1_048_575), "1.0 MiB");
    }
}
