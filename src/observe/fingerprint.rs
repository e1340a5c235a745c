//! One name for all lines that tell the same error: what differs between two occurrences is masked.

use regex::{Captures, Regex, RegexBuilder};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// Rises when the masks change, so that a new version does not regroup history. It stands at the start of each
/// fingerprint.
pub const FINGERPRINT_VERSION: u32 = 1;
/// Most characters of a line that take part.
const PART: usize = 500;

/// What is masked, in this order at each place.
const MASKS: [(&str, &str); 7] = [
    ("uuid", r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"),
    ("time", TIME),
    (
        "path",
        r#"\b[a-z][a-z0-9+.-]*://[^\s"'<>)\]]+|(?:\b[A-Za-z]:\\|\\\\)[^\s:"']+|(?:\B[~.]{0,2}|\b[\w.@-]+)/[\w.@%+~/-]+"#,
    ),
    ("text", r#""[^"]*"|`[^`]*`|\B'[^']*'|“[^”]*”|‘[^’]*’"#),
    ("hex", r"\b0[xX][0-9a-fA-F]+\b|\b(?:[a-fA-F]+[0-9]|[0-9]+[a-fA-F])[0-9a-fA-F]{5,}\b"),
    ("span", r"\b\d+(?:\.\d+)?(?:ns|us|µs|ms|s|sec|min|m|h|d)\b"),
    ("n", r"\d+(?:[.,_]\d+)*"),
];
/// Dates and times of day in the forms that logs use.
const TIME: &str = concat!(
    r"\d{4}[-/]\d{2}[-/]\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?(?:[.,]\d+)?)?(?:Z|[ ]?[+-]\d{2}:?\d{2})?",
    r"|\b\d{1,2}/[A-Z][a-z]{2}/\d{4}:\d{2}:\d{2}:\d{2}(?: [+-]\d{4})?",
    r"|\b(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +\d{1,2} \d{2}:\d{2}:\d{2}",
    r"|\b\d{1,2}:\d{2}:\d{2}(?:[.,]\d+)?(?: ?[AP]M)?",
);

static MASK: LazyLock<Regex> = LazyLock::new(|| {
    let alternatives: Vec<String> = MASKS.iter().map(|(name, regex)| format!("(?P<{name}>{regex})")).collect();
    RegexBuilder::new(&alternatives.join("|")).size_limit(1 << 24).build().expect("the masks are constants")
});

/// The fingerprint of an error line: `v1-9f86d081884c`.
pub fn fingerprint(line: &str) -> String {
    let digest = Sha256::digest(masked(line));
    let short: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("v{FINGERPRINT_VERSION}-{short}")
}

/// The line with all that varies replaced by what it is, in single spaces.
fn masked(line: &str) -> String {
    let part = line.char_indices().nth(PART).map_or(line, |(end, _)| &line[..end]);
    let masked = MASK.replace_all(part, |found: &Captures<'_>| {
        let (name, _) = MASKS.iter().find(|(name, _)| found.name(name).is_some()).unwrap_or(&MASKS[0]);
        format!("<{name}>")
    });
    masked.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_varies_is_masked() {
        for (line, expected) in [
            ("ERROR row 17 of 3,513 bad", "ERROR row <n> of <n> bad"),
            ("2026-11-21T03:12:01.123Z ERROR worker-3 failed", "<time> ERROR worker-<n> failed"),
            ("2026-11-21 03:12:01,123 ERROR x", "<time> ERROR x"),
            ("[03:12:01] error: x", "[<time>] error: x"),
            ("Nov 21 03:12:01 host app: error: x", "<time> host app: error: x"),
            ("error at 0x7ffe12ab", "error at <hex>"),
            ("error: commit 9fceb02d0ae598e95dc970b74767f19372d61af8 gone", "error: commit <hex> gone"),
            ("error: id 6f1c24a8-6ea1-4b9e-8a0c-0b1d8e3c9a77", "error: id <uuid>"),
            ("error: cannot open /var/lib/x/y.db: no such file", "error: cannot open <path>: no such file"),
            ("error[E0308]: mismatched types", "error[E<n>]: mismatched types"),
            ("Error: GET https://api.example.com/v1/x?id=7 failed", "Error: GET <path> failed"),
            ("error: no column \"segment_id\" here", "error: no column <text> here"),
            ("error: can't and won't", "error: can't and won't"),
            ("timeout after 12.5s (was 30ms)", "timeout after <span> (was <span>)"),
            ("thread 'main' panicked at src/main.rs:5:9: boom", "thread <text> panicked at <path>:<n>:<n>: boom"),
            ("FAILED   tests/test_x.py::test_a", "FAILED <path>::test_a"),
            ("error: the cafe was defaced", "error: the cafe was defaced"),
        ] {
            assert_eq!(masked(line), expected);
        }
    }

    #[test]
    fn equal_errors_share_a_fingerprint_and_others_do_not() {
        let of = fingerprint;
        assert_eq!(of("03:12:01 ERROR row 17: bad value 'x'"), of("23:59:59 ERROR row 18: bad value 'y'"));
        assert_ne!(of("ERROR row 17: bad value"), of("ERROR row 17: bad key"));
        assert!(of("x").starts_with("v1-") && of("x").len() == 15);
        // Part of the format: reports of past nights hold it.
        assert_eq!(of("error: disk full"), "v1-1f8c169f2eea");
    }

    #[test]
    fn a_hostile_line_is_masked_in_bounded_time() {
        let line = "a/".repeat(100_000);
        assert!(masked(&line).len() < 2000);
    }
}
