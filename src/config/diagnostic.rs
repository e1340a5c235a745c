//! One problem of a file: what is wrong, where, and what would be right. Nothing of the file is ever shown raw.
//!
//! The library that draws the excerpt leaves some control characters as they are, so every text is escaped before it
//! gets there, and a line of a megabyte is cut to the part that matters.

use super::printable::{is_plain, printable, push_printable};
use annotate_snippets::{AnnotationKind, Element, Level, Origin, Renderer, Snippet};
use std::fmt;
use std::ops::Range;

/// Most characters of a line that are shown.
const EXCERPT_MAX: usize = 120;
/// Characters kept before the place when a line is cut.
const EXCERPT_LEAD: usize = 40;
/// Longest message, label or hint in characters.
const TEXT_MAX: usize = 1_000;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used; something in it may not be what was meant.
    Warning,
}

impl Severity {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One problem of a file. All its texts are escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    severity: Severity,
    message: String,
    file: String,
    spot: Option<Spot>,
    help: Vec<String>,
}

/// A place in a file together with the escaped line it stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    excerpt: String,
    underlined: Range<usize>,
}

impl Spot {
    /// The place of a span of bytes in a text. A span that goes over the line's end is cut there.
    pub fn new(text: &str, span: &Range<usize>) -> Self {
        let start = floor_char(text, span.start);
        let end = floor_char(text, span.end.max(start));
        let line_start = text[..start].rfind('\n').map_or(0, |i| i + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |i| start + i);
        let line = text[line_start..line_end].trim_end_matches('\r');
        let column = text[line_start..start].chars().count();
        let (excerpt, underlined) = excerpt(line, start - line_start..end.min(line_end) - line_start, column);
        Self { line: text[..start].matches('\n').count() + 1, column: column + 1, excerpt, underlined }
    }
}

fn floor_char(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The shown part of a line and the underlined bytes in it.
fn excerpt(line: &str, span: Range<usize>, column: usize) -> (String, Range<usize>) {
    let length = line.chars().count();
    let skip = if length > EXCERPT_MAX { column.saturating_sub(EXCERPT_LEAD) } else { 0 };
    let mut out = String::new();
    if skip > 0 {
        out.push('…');
    }
    let (mut from, mut to) = (None, None);
    for (offset, c) in line.char_indices().skip(skip).take(EXCERPT_MAX) {
        if offset >= span.start && from.is_none() {
            from = Some(out.len());
        }
        if offset >= span.end && to.is_none() {
            to = Some(out.len());
        }
        push_printable(&mut out, c);
    }
    let end = out.len();
    if length > skip + EXCERPT_MAX {
        out.push('…');
    }
    let from = from.unwrap_or(end);
    (out, from..to.unwrap_or(end).max(from))
}

fn text(message: impl AsRef<str>) -> String {
    let message = message.as_ref();
    match message.char_indices().nth(TEXT_MAX) {
        None => printable(message),
        Some((cut, _)) => printable(&message[..cut]) + "…",
    }
}

impl Diagnostic {
    /// A problem of a file as a whole: it cannot be read.
    pub fn new(severity: Severity, file: &str, message: impl AsRef<str>) -> Self {
        Self { severity, message: text(message), file: text(file), spot: None, help: Vec::new() }
    }
    /// The same with a place in the file.
    #[must_use]
    pub fn at(mut self, spot: Spot) -> Self {
        self.spot = Some(spot);
        self
    }
    /// The same with a hint added.
    #[must_use]
    pub fn help(mut self, hint: impl AsRef<str>) -> Self {
        self.help.push(text(hint));
        self
    }
    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.severity
    }
    /// What is wrong, in one line.
    pub fn message(&self) -> &str {
        &self.message
    }
    /// The file's name as it was given.
    pub fn file(&self) -> &str {
        &self.file
    }
    /// Where it is, when it has a place.
    pub fn spot(&self) -> Option<&Spot> {
        self.spot.as_ref()
    }
    /// What would be right.
    pub fn hints(&self) -> &[String] {
        &self.help
    }
    /// `sessions.toml:3:9`, or the file alone.
    pub fn location(&self) -> String {
        match &self.spot {
            Some(spot) => format!("{}:{}:{}", self.file, spot.line, spot.column),
            None => self.file.clone(),
        }
    }
    /// The problem with its line, the place underlined, and the hints; several lines without the last line break.
    pub fn render(&self, colour: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let origin = Origin::path(&self.file);
        let mut elements: Vec<Element<'_>> = Vec::new();
        match &self.spot {
            None => elements.push(origin.into()),
            Some(spot) => {
                let place = AnnotationKind::Primary.span(spot.underlined.clone());
                let snippet = Snippet::source(&spot.excerpt).line_start(spot.line).annotation(place);
                // The library counts the column in the text it gets; where that was changed, the true one is given.
                if spot.excerpt[..spot.underlined.start].chars().count() + 1 == spot.column {
                    elements.push(snippet.path(&self.file).into());
                } else {
                    elements.push(origin.line(spot.line).char_column(spot.column).into());
                    elements.push(snippet.into());
                }
            }
        }
        elements.extend(self.help.iter().map(|hint| Level::HELP.with_name("hint").message(hint).into()));
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        without_second_arrow(&renderer.render(&[level.primary_title(&self.message).elements(elements)]))
    }
}

/// Takes out the line with which the library announces an excerpt after a place that was given apart from it. No other
/// line can look like that: those of the excerpt begin with the line's number.
fn without_second_arrow(rendered: &str) -> String {
    let mut lines: Vec<&str> = rendered.split('\n').collect();
    let announces = |line: &&str| {
        // With colours, the arrow stands between escapes that end in `m`.
        line.contains(":::")
            && line
                .split('\u{1b}')
                .all(|part| part.rsplit('m').next().is_some_and(|t| t.trim().trim_matches(':').is_empty()))
    };
    if let Some(at) = lines.iter().position(announces) {
        lines.remove(at);
    }
    lines.join("\n")
}

impl fmt::Display for Diagnostic {
    /// One line: `sessions.toml:3:9: error: what is wrong (what would be right)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.location(), self.severity.as_str(), self.message)?;
        if self.help.is_empty() { Ok(()) } else { write!(f, " ({})", self.help.join("; ")) }
    }
}

/// Whether every character of a rendered text is one we meant to print. For tests and for assertions at the border.
pub fn is_harmless(rendered: &str) -> bool {
    rendered.chars().all(|c| c == '\n' || is_plain(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str, span: Range<usize>) -> String {
        Diagnostic::new(Severity::Error, "sessions.toml", "unknown key `comand`")
            .at(Spot::new(text, &span))
            .help("did you mean `command`?")
            .render(false)
    }

    #[test]
    fn the_place_is_underlined_with_line_and_column() {
        insta::assert_snapshot!(shown("[sessions.a]\ncomand = \"x\"\n", 13..19), @r#"
        error: unknown key `comand`
         --> sessions.toml:2:1
          |
        2 | comand = "x"
          | ^^^^^^
          |
          = hint: did you mean `command`?
        "#);
    }

    #[test]
    fn escapes_in_the_line_keep_the_underline_in_place() {
        insta::assert_snapshot!(shown("a = \"\u{1b}]52;c;x\u{7}\" # \u{202e}\ny = 1", 4..16), @r#"
        error: unknown key `comand`
         --> sessions.toml:1:5
          |
        1 | a = "\u{1b}]52;c;x\u{7}" # \u{202e}
          |     ^^^^^^^^^^^^^^^^^^^^^
          |
          = hint: did you mean `command`?
        "#);
    }

    #[test]
    fn a_long_line_is_cut_around_the_place_but_the_column_is_the_true_one() {
        let line = format!("a = \"{}\" # {}", "x".repeat(1000), "y".repeat(1000));
        let out = shown(&line, 1008..1009);
        assert!(out.contains("sessions.toml:1:1009"), "{out}");
        assert!(out.lines().all(|l| l.chars().count() < 140), "{out}");
        assert!(!out.contains(":::"), "{out}");
        let coloured = Diagnostic::new(Severity::Error, "f", "m").at(Spot::new(&line, &(1008..1009))).render(true);
        assert!(!coloured.contains(":::") && coloured.contains("f:1:1009"), "{coloured}");
    }

    proptest! {
        #[test]
        fn no_text_and_span_make_it_panic_or_print_raw(text in "(?s).{0,300}", from in 0usize..400, length in 0usize..400) {
            let out = Diagnostic::new(Severity::Warning, &text, &text).at(Spot::new(&text, &(from..from + length))).help(&text);
            prop_assert!(is_harmless(&out.render(false)));
            prop_assert!(is_harmless(&out.to_string()));
        }
    }
}
