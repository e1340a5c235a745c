//! Text whose UTF-8 was once read as something else (`âœ…`), put right in memory; text that is right stays as it is.

use encoding_rs::{Encoding, IBM866, KOI8_R, MACINTOSH, WINDOWS_874, WINDOWS_1251, WINDOWS_1252, WINDOWS_1254};
use std::borrow::Cow;

/// What the bytes were taken for, the commonest first.
static TAKEN_FOR: [&Encoding; 7] = [MACINTOSH, WINDOWS_1252, WINDOWS_1254, WINDOWS_874, WINDOWS_1251, KOI8_R, IBM866];

/// What cannot be encoded back: bytes were lost on the way, or the code page (437, 850) has no encoder here.
/// Longer forms stand before their beginnings.
const LOSSY: &[(&str, &str)] = &[
    ("âœ…", "✅"),
    ("âœ“", "✓"),
    ("âœ”", "✔"),
    ("âœ—", "✗"),
    ("âœ˜", "✘"),
    ("âŒ›", "⌛"),
    ("âŒ", "❌"),
    ("â³", "⏳"),
    ("âš\u{a0}ï¸", "⚠"),
    ("âš ï¸", "⚠"),
    ("âš\u{a0}", "⚠"),
    ("âš", "⚠"),
    ("â†’", "→"),
    ("â†", "←"),
    ("â€“", "–"),
    ("â€”", "—"),
    ("â€™", "’"),
    ("â€˜", "‘"),
    ("â€œ", "“"),
    ("â€¢", "•"),
    ("â€¦", "…"),
    ("â€", "”"),
    ("Γ£à", "✅"),
    ("Γ£ô", "✓"),
    ("Γ£ù", "✗"),
    ("Γ¥î", "❌"),
    ("ΓÅ│", "⏳"),
    ("ΓÜá", "⚠"),
    ("ΓåÆ", "→"),
    ("ΓÇö", "—"),
    ("ΓÇô", "–"),
    ("ΓÇÖ", "’"),
    ("ΓÇó", "•"),
    ("Ô£à", "✅"),
    ("Ô£ô", "✓"),
    ("Ô£ù", "✗"),
    ("ÔØî", "❌"),
    ("ÔÅ│", "⏳"),
    ("ÔÜá", "⚠"),
    ("ÔåÆ", "→"),
    ("ÔÇö", "—"),
    ("ÔÇô", "–"),
    ("ÔÇÖ", "’"),
    ("ÔÇó", "•"),
];

/// How an emoji of four bytes begins once its end is lost; what is left of it says nothing.
const CUT: &[&str] = &["ðŸ", "ğŸ", "≡ƒ"];

/// The text with each run of non-ASCII characters that was UTF-8 read as something else put right.
pub fn repair(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| !c.is_ascii()) {
        let (plain, tail) = rest.split_at(start);
        let end = tail.find(|c: char| c.is_ascii()).unwrap_or(tail.len());
        let (run, after) = tail.split_at(end);
        out.push_str(plain);
        match whole(run) {
            Some(right) => out.push_str(&right),
            None => patched(run, &mut out),
        }
        rest = after;
    }
    out.push_str(rest);
    if out == text { Cow::Borrowed(text) } else { Cow::Owned(out) }
}

/// The run encoded back, when that gives UTF-8. Real letters never do: their bytes are no UTF-8 sequence.
fn whole(run: &str) -> Option<String> {
    run.chars().nth(1)?;
    TAKEN_FOR.iter().find_map(|encoding| {
        let (bytes, _, unmappable) = encoding.encode(run);
        let right = (!unmappable).then(|| std::str::from_utf8(&bytes).ok()).flatten()?;
        (right != run && plausible(right)).then(|| right.to_owned())
    })
}

/// Whether somebody wrote this. Two letters of real text can be a sequence by chance (`«é`), and then give a letter that
/// nobody uses alone: short results are signs or the letters of western Europe, words may be of any script.
fn plausible(right: &str) -> bool {
    let word = right.chars().nth(2).is_some();
    right.chars().all(|c| match u32::from(c) {
        0xa0..=0xff => true,
        0xe000..=0xf8ff | 0xfff0..=0xffff => false,
        code => !c.is_control() && (code >= 0x2000 || word),
    })
}

fn patched(run: &str, out: &mut String) {
    let mut rest = run;
    'next: while let Some(first) = rest.chars().next() {
        for (wrong, right) in LOSSY {
            if let Some(after) = rest.strip_prefix(wrong) {
                out.push_str(right);
                rest = after;
                continue 'next;
            }
        }
        for cut in CUT {
            if let Some(after) = rest.strip_prefix(cut) {
                out.push('▪');
                let gone: usize = after.chars().take(2).map(char::len_utf8).sum();
                rest = &after[gone..];
                continue 'next;
            }
        }
        out.push(first);
        rest = &rest[first.len_utf8()..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn misread(text: &str, encoding: &'static Encoding) -> String {
        encoding.decode_without_bom_handling(text.as_bytes()).0.into_owned()
    }

    #[test]
    fn marks_read_as_another_encoding_come_back() {
        for text in ["✅ done", "⏳ waits", "⚠️ careful", "a → b", "— so", "🚧 built", "größer", "naïve", "”q“"]
        {
            for encoding in [MACINTOSH, WINDOWS_1252, WINDOWS_1254, WINDOWS_1251, KOI8_R] {
                let wrong = misread(text, encoding);
                if encoding.encode(&wrong).0 == text.as_bytes() {
                    assert_eq!(repair(&wrong), text, "{wrong:?} by {}", encoding.name());
                }
            }
        }
    }

    #[test]
    fn text_that_is_right_stays() {
        for text in [
            "✅ fertig",
            "é",
            "naïve",
            "Größe",
            "日本語",
            "한국어 보고서",
            "→",
            "Привет",
            "ПРИВЕТ",
            "Łódź",
            "¿Qué?",
            "Ação concluída",
            "§ 5",
            "½",
            "…",
            "“so”",
            "Ñandú",
            "€ 5",
            "Çığır",
            "ΔΩ",
            "ÄÖÜ",
            "ÀÉ",
            "«é",
            "“é",
            "—à",
            "…é",
            "‘ö",
            "a\u{a0}b",
        ] {
            assert_eq!(repair(text), text);
        }
    }

    #[test]
    fn what_lost_bytes_is_known_by_its_beginning() {
        for (wrong, right) in [("âŒ no", "❌ no"), ("â³ x", "⏳ x"), ("Γ£à y", "✅ y"), ("Ô£à z", "✅ z")]
        {
            assert_eq!(repair(wrong), right);
        }
        assert_eq!(repair("ðŸ“ note"), "▪ note");
    }
}
