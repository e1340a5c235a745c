//! A document made ready to have its claims held against it, and how much work that may take: a document is data, and one
//! that is made to be slow must not hold up a report.

use super::Document;
use super::arithmetic::stems;
use crate::harvest::Passage;
use std::cell::Cell;
use std::collections::HashMap;
use std::ops::Deref;

/// Lines that may be looked at for all claims of a document together; some hundred times what a long one needs.
const WORK_MAX: usize = 200_000;
/// Open boxes that ticks are held against.
const OPEN_MAX: usize = 500;

/// It.
pub struct Prepared<'d> {
    document: &'d Document,
    /// The place of each line.
    pub lines: HashMap<usize, usize>,
    /// The boxes that are not ticked, with the words that carry them.
    pub open: Vec<(&'d Passage, Vec<String>)>,
    left: Cell<usize>,
}

impl<'d> Prepared<'d> {
    /// Makes a document ready.
    pub fn of(document: &'d Document) -> Self {
        let mut lines = HashMap::new();
        for (place, passage) in document.passages.iter().enumerate() {
            lines.entry(passage.line).or_insert(place);
        }
        let open = document.passages.iter().filter(|passage| passage.task == Some(false)).take(OPEN_MAX);
        let open = open.map(|passage| (passage, stems(&passage.text))).collect();
        Self { document, lines, open, left: Cell::new(WORK_MAX) }
    }

    /// Takes so much of the work that is left; nothing when it is used up: then nothing more is said of the claims.
    pub fn afford(&self, lines: usize) -> Option<()> {
        self.left.set(self.left.get().checked_sub(lines.max(1))?);
        Some(())
    }
}

impl Deref for Prepared<'_> {
    type Target = Document;
    fn deref(&self) -> &Document {
        self.document
    }
}
