//! Collects all problems of a file, so that they are told at once.

use super::diagnostic::{Diagnostic, Severity, Spot};
use super::document::{Document, Place};
use std::borrow::Cow;
use std::ops::Range;

/// Most problems that are told of one file.
pub const MOST: usize = 100;

/// The problems of one file so far.
pub struct Problems<'d> {
    file: &'d str,
    text: &'d str,
    document: &'d Document<'d>,
    found: Vec<Found>,
    /// Where in the text secrets stand.
    secrets: Vec<Range<usize>>,
}

/// A problem before it is drawn: drawing is for those that are told.
#[derive(Debug)]
pub struct Found {
    severity: Severity,
    span: Range<usize>,
    message: String,
    help: Vec<String>,
}

impl Found {
    /// Adds a hint.
    pub fn help(&mut self, hint: impl Into<String>) -> &mut Self {
        self.help.push(hint.into());
        self
    }
    /// Adds a hint, if there is one.
    pub fn maybe_help(&mut self, hint: Option<String>) -> &mut Self {
        self.help.extend(hint);
        self
    }
}

impl<'d> Problems<'d> {
    /// Nothing found yet.
    pub fn new(file: &'d str, text: &'d str, document: &'d Document<'d>) -> Self {
        Self { file, text, document, found: Vec::new(), secrets: Vec::new() }
    }
    /// The value at a place is a secret: no excerpt shows it.
    pub fn secret(&mut self, place: &Place) {
        self.secrets.push(self.document.span(place, false));
    }
    /// An error in the value at a place.
    pub fn error(&mut self, place: &Place, message: impl Into<String>) -> &mut Found {
        self.add(Severity::Error, self.document.span(place, false), message.into())
    }
    /// An error in the key at a place.
    pub fn error_in_key(&mut self, place: &Place, message: impl Into<String>) -> &mut Found {
        self.add(Severity::Error, self.document.span(place, true), message.into())
    }
    /// An error at a span of bytes.
    pub fn error_at(&mut self, span: Range<usize>, message: impl Into<String>) -> &mut Found {
        self.add(Severity::Error, span, message.into())
    }
    /// A warning about the value at a place.
    pub fn warning(&mut self, place: &Place, message: impl Into<String>) -> &mut Found {
        self.add(Severity::Warning, self.document.span(place, false), message.into())
    }
    /// A warning about the key at a place.
    pub fn warning_in_key(&mut self, place: &Place, message: impl Into<String>) -> &mut Found {
        self.add(Severity::Warning, self.document.span(place, true), message.into())
    }
    /// Whether the file cannot be used.
    pub fn has_errors(&self) -> bool {
        self.found.iter().any(|f| f.severity == Severity::Error)
    }
    /// All of them in the order of the file, without repetitions; at most [`MOST`], errors before warnings when it
    /// comes to leaving some out.
    pub fn into_diagnostics(mut self) -> Vec<Diagnostic> {
        self.found.sort_by(|a, b| (a.severity, a.span.start, &a.message).cmp(&(b.severity, b.span.start, &b.message)));
        self.found.dedup_by(|a, b| a.span.start == b.span.start && a.message == b.message);
        let left_out = self.found.len().saturating_sub(MOST);
        self.found.truncate(MOST);
        self.found.sort_by_key(|f| f.span.start);
        let text = self.masked();
        let mut told: Vec<Diagnostic> = self.found.iter().map(|found| self.draw(found, &text)).collect();
        if left_out > 0 {
            told.push(Diagnostic::new(Severity::Error, self.file, format!("{left_out} more problems are not shown")));
        }
        told
    }

    fn add(&mut self, severity: Severity, span: Range<usize>, message: String) -> &mut Found {
        self.found.push(Found { severity, span, message, help: Vec::new() });
        let last = self.found.len() - 1;
        &mut self.found[last]
    }

    /// The text with every secret covered, byte by byte, so that places stay where they are.
    fn masked(&self) -> Cow<'d, str> {
        if self.secrets.is_empty() {
            return Cow::Borrowed(self.text);
        }
        let mut out = String::with_capacity(self.text.len());
        for (at, c) in self.text.char_indices() {
            if c != '\n' && self.secrets.iter().any(|span| span.contains(&at)) {
                out.extend(std::iter::repeat_n('*', c.len_utf8()));
            } else {
                out.push(c);
            }
        }
        Cow::Owned(out)
    }

    fn draw(&self, found: &Found, text: &str) -> Diagnostic {
        let diagnostic = Diagnostic::new(found.severity, self.file, &found.message).at(Spot::new(text, &found.span));
        found.help.iter().fold(diagnostic, Diagnostic::help)
    }
}
