//! One row being written: characters in columns, the cursor's column, and which part of it is fresh.

use unicode_width::UnicodeWidthChar;

/// Stands in the second column of a character that takes two.
const FILLER: char = '\0';
/// Most characters without width kept for one row.
const MARKS_MAX: usize = 256;
/// A jump to the right beyond the text goes at most to this column; programs say 999 for "the right edge".
pub(super) const RIGHT_EDGE: usize = 200;

/// What an erase takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Erase {
    /// From the cursor to the end.
    ToEnd,
    /// From the start to the cursor.
    ToStart,
    /// Everything.
    All,
}

/// The row under the cursor.
#[derive(Debug, Default)]
pub(super) struct ActiveRow {
    cells: Vec<char>,
    /// Characters without width, each with the column it belongs to, in the order of columns.
    marks: Vec<(usize, char)>,
    col: usize,
    /// Something was written that no draft has shown yet.
    undrafted: bool,
    /// The cursor went left since something was last written.
    went_left: bool,
    /// End of what was written since the cursor returned to the first column over older text.
    rewritten: Option<usize>,
    /// Whether anything was changed since the row was loaded.
    changed: bool,
}

impl ActiveRow {
    /// The cursor's column.
    pub(super) fn col(&self) -> usize {
        self.col
    }
    /// Whether anything was changed since the row was loaded.
    pub(super) fn changed(&self) -> bool {
        self.changed
    }
    /// Whether the cursor stands at the start and nothing was written or changed.
    pub(super) fn is_untouched(&self) -> bool {
        self.col == 0 && self.cells.is_empty() && self.marks.is_empty() && !self.changed
    }
    /// Columns in use.
    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }
    /// Whether the next change would destroy a state that no draft has shown.
    pub(super) fn draft_due(&self) -> bool {
        self.went_left && self.undrafted && self.col < self.cells.len()
    }
    /// Whether a state was written that no draft has shown.
    pub(super) fn undrafted(&self) -> bool {
        self.undrafted
    }
    /// Whether the program went back to the first column: what stands there is whole.
    pub(super) fn returned(&self) -> bool {
        self.is_back() && !self.cells.is_empty()
    }
    /// Whether the program went back to the first column.
    pub(super) fn is_back(&self) -> bool {
        self.col == 0 && self.went_left
    }
    /// Notes that the present state was shown as a draft.
    pub(super) fn drafted(&mut self) {
        self.undrafted = false;
    }

    /// Empties the row for a new line; the cursor's column stays.
    pub(super) fn reset(&mut self) {
        self.cells.clear();
        self.marks.clear();
        self.undrafted = false;
        self.went_left = false;
        self.rewritten = None;
        self.changed = false;
    }
    /// Loads the text of an older row to be changed. The row was reset; since then the cursor went at most to and fro.
    pub(super) fn load(&mut self, text: &str) {
        let (col, went_left) = (self.col, self.went_left);
        self.reset();
        self.col = 0;
        for c in text.chars() {
            if c.is_ascii() {
                self.cells.push(c);
                self.col += 1;
            } else {
                self.put(c);
            }
        }
        (self.col, self.went_left) = (col, went_left);
        self.undrafted = false;
        self.rewritten = None;
        self.changed = false;
    }

    /// Writes a character at the cursor and moves on.
    #[inline]
    pub(super) fn put(&mut self, c: char) {
        let wide = if c.is_ascii() {
            false
        } else {
            match c.width() {
                Some(0) => return self.mark(c),
                Some(1) | None => false,
                Some(_) => true,
            }
        };
        if self.went_left {
            self.went_left = false;
            if self.col == 0 && !self.cells.is_empty() {
                self.rewritten = Some(0);
            }
        }
        self.set(c);
        if wide {
            self.set(FILLER);
        }
        if let Some(end) = &mut self.rewritten {
            *end = (*end).max(self.col);
        }
        self.undrafted = true;
        self.changed = true;
    }

    #[inline]
    fn set(&mut self, c: char) {
        if self.col == self.cells.len() {
            self.cells.push(c);
            self.col += 1;
            return;
        }
        if self.col > self.cells.len() {
            self.cells.resize(self.col, ' ');
            self.cells.push(c);
            self.col += 1;
            return;
        }
        let old = std::mem::replace(&mut self.cells[self.col], c);
        if old == FILLER && c != FILLER && self.col > 0 {
            self.cells[self.col - 1] = ' ';
        }
        if c != FILLER
            && let Some(next) = self.cells.get_mut(self.col + 1)
            && *next == FILLER
        {
            *next = ' ';
        }
        if !self.marks.is_empty() {
            self.marks.retain(|&(col, _)| col != self.col);
        }
        self.col += 1;
    }

    fn mark(&mut self, c: char) {
        if self.marks.len() < MARKS_MAX && self.col > 0 {
            let mut col = self.col.min(self.cells.len()).saturating_sub(1);
            if self.cells.get(col) == Some(&FILLER) {
                col -= 1;
            }
            let place = self.marks.partition_point(|&(at, _)| at <= col);
            self.marks.insert(place, (col, c));
        }
    }

    /// Moves the cursor to a column.
    pub(super) fn go_to(&mut self, col: usize) {
        let col = col.min(self.cells.len().max(RIGHT_EDGE));
        if col < self.col {
            self.went_left = true;
        }
        self.col = col;
    }
    /// Moves the cursor to the next tab stop.
    pub(super) fn tab(&mut self) {
        self.col = (self.col / 8 + 1) * 8;
    }

    /// Erases a part of the row; the cursor stays.
    pub(super) fn erase(&mut self, what: Erase) {
        match what {
            Erase::ToEnd => self.truncate(self.col),
            Erase::ToStart => {
                let end = (self.col + 1).min(self.cells.len());
                self.blank(0, end);
            }
            Erase::All => {
                self.cells.clear();
                self.marks.clear();
                self.rewritten = None;
            }
        }
        self.changed = true;
    }
    /// Makes `count` columns from the cursor blank.
    pub(super) fn erase_chars(&mut self, count: usize) {
        let end = self.col.saturating_add(count).min(self.cells.len());
        self.blank(self.col.min(end), end);
        self.changed = true;
    }
    /// Takes `count` columns at the cursor out; the rest moves left.
    pub(super) fn delete_chars(&mut self, count: usize) {
        let start = self.col.min(self.cells.len());
        let end = self.col.saturating_add(count).min(self.cells.len());
        self.cells.drain(start..end);
        self.marks.retain(|&(col, _)| col < start);
        self.rewritten = None;
        self.changed = true;
    }
    /// Makes room for `count` columns at the cursor; the rest moves right, at most to column `max`.
    pub(super) fn insert_blanks(&mut self, count: usize, max: usize) {
        if self.col < self.cells.len() {
            let count = count.min(max.saturating_sub(self.col));
            self.cells.splice(self.col..self.col, std::iter::repeat_n(' ', count));
            self.truncate(max);
            self.marks.retain(|&(col, _)| col < self.col);
            self.rewritten = None;
            self.changed = true;
        }
    }

    fn truncate(&mut self, len: usize) {
        self.cells.truncate(len);
        self.marks.retain(|&(col, _)| col < len);
        self.rewritten = self.rewritten.filter(|&end| end < len);
    }
    fn blank(&mut self, start: usize, end: usize) {
        self.cells[start..end].fill(' ');
        self.marks.retain(|&(col, _)| !(start..end).contains(&col));
        self.rewritten = None;
    }

    /// Appends the row's text to `out`, without blanks at the end. Gives the length in bytes of the part that was
    /// written last, where that is less than the whole.
    pub(super) fn text(&self, out: &mut String) -> Option<usize> {
        let start = out.len();
        let fresh_end = self.rewritten.filter(|&end| end < self.cells.len());
        let mut fresh_bytes = None;
        let mut marks = self.marks.iter().peekable();
        for (col, &c) in self.cells.iter().enumerate() {
            if fresh_end == Some(col) {
                fresh_bytes = Some(out.len() - start);
            }
            if c != FILLER {
                out.push(c);
            }
            while let Some(&&(_, mark)) = marks.peek().filter(|&&&(at, _)| at <= col) {
                out.push(mark);
                marks.next();
            }
        }
        let trimmed = out[start..].trim_end_matches(' ').len();
        out.truncate(start + trimmed);
        fresh_bytes.filter(|&bytes| bytes < trimmed)
    }
}
