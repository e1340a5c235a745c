//! What a summarizer of the user's made of the night: words below the title, marked as somebody else's. They decide
//! nothing, count nothing and are no evidence.

use super::markup::{code, prose};
use super::model::Report;
use crate::terminal::{harmless, redact, shorten};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Longest summary, in characters.
pub const WORDS_MAX: usize = 1_500;
/// Most lines of it.
pub const LINES_MAX: usize = 12;

/// The summary, with who worded it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Its lines; never more than [`LINES_MAX`].
    pub lines: Vec<String>,
    /// The command that worded it.
    pub by: String,
}

/// What is kept of what a summarizer printed: harmless, without secrets, bounded. `None` when nothing is left.
pub fn kept(printed: &str) -> Option<String> {
    let mut left = WORDS_MAX;
    let mut lines: Vec<String> = Vec::new();
    for line in printed.lines() {
        let line = redact(&harmless(line.trim())).into_owned();
        if line.is_empty() {
            continue;
        }
        if lines.len() == LINES_MAX || left == 0 {
            lines.last_mut()?.push_str(" …");
            break;
        }
        let line = shorten(&line, left).into_owned();
        left = left.saturating_sub(line.chars().count());
        lines.push(line);
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// As Markdown: a quotation, each line one of ours.
pub fn markdown(report: &Report) -> Vec<String> {
    let Some(summary) = &report.summary else { return Vec::new() };
    let quoted = summary.lines.iter().map(|line| format!("> {}  ", prose(line)));
    let by = format!("> worded by {}, not by nightkeep", code(&summary.by));
    quoted.chain([by, String::new()]).collect()
}

/// As plain text, a sentence a line.
pub fn text(report: &Report) -> Vec<String> {
    let Some(summary) = &report.summary else { return Vec::new() };
    let by = format!("(worded by {}, not by nightkeep)", summary.by);
    summary.lines.iter().map(|line| format!("| {line}")).chain([by]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_made_harmless_and_bounded() {
        let key = format!("{}Ab3dEf6hIj9kLm2nOp5qRs8tUv", "ghp_");
        let words = kept(&format!("All \u{1b}[31mwell\u{202e}.\n\n  token {key}  \r\n")).unwrap();
        assert_eq!(words, "All \\x1b[31mwell\\u{202e}.\ntoken [redacted]");
        assert_eq!(kept(" \n\t\n"), None);
        let long = kept(&"word ".repeat(10_000)).unwrap();
        assert!(long.chars().count() <= WORDS_MAX + 2, "{}", long.chars().count());
        let many = kept(&"line\n".repeat(100)).unwrap();
        assert_eq!(many.lines().count(), LINES_MAX);
        assert!(many.ends_with('…'));
    }
}
