//! Numbers as programs print them: `3,513`, `179 341`, `1_000`, `12.5%`.

/// The value of a printed number; `None` when it is none. Separators of thousands are `,` `_` `'` and spaces; a single
/// comma that does not separate three digits is a decimal comma. A percent sign is dropped.
pub(super) fn number(text: &str) -> Option<f64> {
    let text = text.trim().trim_end_matches('%').trim_end();
    let mut plain: String =
        text.chars().filter(|c| !matches!(c, '_' | '\'' | '’' | ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}')).collect();
    if plain.contains(',') {
        plain = if decimal_comma(&plain) { plain.replace(',', ".") } else { plain.replace(',', "") };
    }
    // The standard parser also takes words such as `inf` and `nan`.
    let is_number = plain.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'+' | b'-' | b'e' | b'E'));
    plain.parse().ok().filter(|value: &f64| is_number && value.is_finite())
}

fn decimal_comma(text: &str) -> bool {
    match text.split_once(',') {
        Some((_, decimals)) => !text.contains('.') && !decimals.contains(',') && decimals.len() != 3,
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_printed() {
        for (text, value) in [
            ("3513", 3513.0),
            ("3,513", 3513.0),
            ("179,341,002", 179_341_002.0),
            ("179 341", 179_341.0),
            ("179\u{202f}341", 179_341.0),
            ("1_000_000", 1e6),
            ("1'234.5", 1234.5),
            ("12.5%", 12.5),
            ("100 %", 100.0),
            ("12,5", 12.5),
            ("1,234.56", 1234.56),
            ("-3", -3.0),
            ("+7", 7.0),
            ("1e3", 1000.0),
            (" 42 ", 42.0),
        ] {
            assert_eq!(number(text), Some(value), "{text:?}");
        }
        for text in ["", "%", "inf", "NaN", "abc", "1.2.3", "-", "1e999", "0x10"] {
            assert_eq!(number(text), None, "{text:?}");
        }
    }
}
