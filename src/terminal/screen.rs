//! The last rows of a terminal, as far as a program can still change them, and the decision which of them are lines.
//!
//! The height of the real screen is not known. It is taken as small until the program addresses a lower row, which makes
//! absolute addresses meet the right rows in programs that asked for the size.

use super::lines::{Line, Out};
use super::row::{ActiveRow, Erase, RIGHT_EDGE};
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hasher};

/// Most characters of a line; a longer one comes in pieces.
pub const LINE_MAX: usize = 4096;
/// Rows that a program can go back to and change.
pub const WINDOW: usize = 128;
/// The same in bytes of text, for programs with very long lines.
const WINDOW_BYTES: usize = 256 * 1024;
/// Most characters of a row of the alternate screen.
const ALTERNATE_LINE_MAX: usize = 512;
/// Rows of the screen, until an address says there are more.
const HEIGHT: usize = 24;
/// Most rows of a screen; a larger address means "the last row".
const HEIGHT_MAX: usize = 120;
/// Most erased rows that are remembered, to know them when they are written again.
const ERASED_MAX: usize = 2 * WINDOW;

/// How rows are moved within the scroll region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scroll {
    /// All rows go up.
    Up,
    /// All rows go down.
    Down,
    /// The rows from the cursor on go down.
    InsertHere,
    /// The rows below the cursor go up.
    DeleteHere,
}

/// One row with its text as it was last left.
#[derive(Debug, Default)]
struct Row {
    text: String,
    /// Whether this text was given out as a line.
    given: bool,
    /// The hash of the text that was given out, known once the row is changed.
    given_hash: Option<u64>,
}

impl Row {
    /// Whether it neither holds text nor ever was a line.
    fn is_untouched(&self) -> bool {
        self.text.is_empty() && !self.given && self.given_hash.is_none()
    }
}

/// Remembers the text of a row that is no longer there.
fn remember(erased: &mut VecDeque<u64>, text: u64) {
    if erased.len() >= ERASED_MAX {
        erased.pop_front();
    }
    erased.push_back(text);
}

/// Whether a row with this text is remembered; it is forgotten with the answer.
fn take(erased: &mut VecDeque<u64>, text: u64) -> bool {
    let at = erased.iter().position(|&known| known == text);
    at.is_some_and(|at| erased.remove(at).is_some())
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(text.as_bytes());
    hasher.finish()
}

/// The rows, the cursor, and what is known of the screen's edges.
#[derive(Debug)]
pub(super) struct Screen {
    rows: VecDeque<Row>,
    /// How many rows left the window at its top.
    gone: u64,
    /// Bytes of text in the window.
    bytes: usize,
    /// Index of the row under the cursor; its text is in `row` while it is being changed.
    active: usize,
    row: ActiveRow,
    /// `row` has not got the text of its row yet: most rows that are gone to are erased, or left as they are.
    unread: bool,
    /// The number of the row (counted from the beginning) at which the screen was last known to begin.
    anchor: u64,
    height: usize,
    /// First and last row of the scroll region, counted from 1.
    region: Option<(usize, usize)>,
    saved: (u64, usize),
    /// The number of rows there were when the cursor last went up.
    went_up_at: Option<u64>,
    /// Hashes of rows that were given out and then erased or overwritten; one is taken out when its text comes again.
    erased: VecDeque<u64>,
    line_max: usize,
    alternate: bool,
    /// For the text of a row that is shown, so that it is not allocated each time.
    scratch: String,
}

impl Screen {
    /// The normal screen: rows that scroll away are lines.
    pub(super) fn main() -> Self {
        Self {
            rows: VecDeque::from([Row::default()]),
            gone: 0,
            bytes: 0,
            active: 0,
            row: ActiveRow::default(),
            unread: false,
            anchor: 0,
            height: HEIGHT,
            region: None,
            saved: (0, 0),
            went_up_at: None,
            erased: VecDeque::new(),
            line_max: LINE_MAX,
            alternate: false,
            scratch: String::new(),
        }
    }
    /// The alternate screen: it gives drafts only.
    pub(super) fn alternate() -> Self {
        Self { line_max: ALTERNATE_LINE_MAX, alternate: true, ..Self::main() }
    }

    // Writing.

    /// Writes a character at the cursor.
    #[inline]
    pub(super) fn put(&mut self, c: char, out: &mut Out<'_>) {
        self.read();
        if self.row.col() >= self.line_max {
            if self.alternate {
                return;
            }
            self.line_feed(out);
        }
        self.draft_if_due(out);
        self.row.put(c);
    }
    /// Erases in the row.
    pub(super) fn erase(&mut self, what: Erase, out: &mut Out<'_>) {
        if what == Erase::All {
            self.unread = false;
        }
        self.read();
        // Many programs erase behind the end of each line; that takes nothing away.
        if what != Erase::ToEnd || self.row.col() < self.row.len() {
            self.draft(out);
            self.row.erase(what);
        }
    }
    /// Makes columns blank.
    pub(super) fn erase_chars(&mut self, count: usize, out: &mut Out<'_>) {
        self.read();
        self.draft(out);
        self.row.erase_chars(count);
    }
    /// Takes columns out.
    pub(super) fn delete_chars(&mut self, count: usize, out: &mut Out<'_>) {
        self.read();
        self.draft(out);
        self.row.delete_chars(count);
    }
    /// Puts blank columns in.
    pub(super) fn insert_blanks(&mut self, count: usize, out: &mut Out<'_>) {
        self.read();
        self.draft(out);
        self.row.insert_blanks(count, self.line_max);
    }

    /// Takes a whole line of printable ASCII, if the cursor stands on a fresh last row; says whether it was taken. The
    /// outcome is that of [`Screen::put`] for each character and [`Screen::line_feed`].
    pub(super) fn plain_line(&mut self, text: &str, out: &mut Out<'_>) -> bool {
        let last = self.active + 1 == self.rows.len() && self.region.is_none();
        self.read();
        let row = &mut self.rows[self.active];
        let fresh = !row.given && row.text.is_empty() && self.row.is_untouched();
        if !last || !fresh || text.len() > self.line_max {
            return false;
        }
        row.text.push_str(text.trim_end_matches(' '));
        self.bytes += row.text.len();
        self.next_line(None, out);
        true
    }

    // Moves within the row.

    /// Moves to a column, counted from 0.
    pub(super) fn go_to_col(&mut self, col: usize) {
        self.read_if_far(col);
        self.row.go_to(col);
    }
    /// Moves left.
    pub(super) fn go_left(&mut self, count: usize) {
        self.read_if_far(self.row.col());
        self.row.go_to(self.row.col().saturating_sub(count));
    }
    /// Moves right.
    pub(super) fn go_right(&mut self, count: usize) {
        self.go_to_col(self.row.col().saturating_add(count));
    }
    /// Moves to the next tab stop.
    pub(super) fn tab(&mut self, out: &mut Out<'_>) {
        if self.row.col() >= self.line_max {
            self.put(' ', out);
        } else {
            self.row.tab();
        }
    }

    // Moves between rows.

    /// Ends the row: the next one is below. In the normal screen the cursor goes to its first column, whether the
    /// program sent a carriage return or left that to the terminal.
    pub(super) fn line_feed(&mut self, out: &mut Out<'_>) {
        if self.region.is_some_and(|(top, bottom)| top < bottom && self.active + 1 == self.top() + bottom) {
            self.scroll(Scroll::Up, 1, out);
        } else if self.active + 1 < self.rows.len() {
            self.leave(out);
            self.enter(self.active + 1);
        } else {
            self.end_line(out);
        }
        if !self.alternate {
            self.row.go_to(0);
        }
    }
    /// Moves up one row; at the top of the scroll region the rows go down.
    pub(super) fn reverse_line_feed(&mut self, out: &mut Out<'_>) {
        let (top, _) = self.region_rows();
        if self.active == top {
            self.scroll(Scroll::Down, 1, out);
        } else {
            self.go_up(1, out);
        }
    }
    /// Moves up.
    pub(super) fn go_up(&mut self, count: usize, out: &mut Out<'_>) {
        let first = usize::try_from(self.anchor.saturating_sub(self.gone)).unwrap_or(usize::MAX).min(self.active);
        let target = self.active.saturating_sub(count).max(first);
        // A program knows the size of its screen: where it goes, the screen is.
        self.height = self.height.max((self.rows.len() - target).min(HEIGHT_MAX));
        self.move_to(target, out);
    }
    /// Moves down. A count beyond any screen means "the last row".
    pub(super) fn go_down(&mut self, count: usize, out: &mut Out<'_>) {
        let top = self.top();
        let target = if count < HEIGHT_MAX { self.active + count } else { top + self.height - 1 };
        let target = target.min(top + HEIGHT_MAX - 1).max(self.active);
        self.height = self.height.max((target + 1).saturating_sub(top).min(HEIGHT_MAX));
        self.move_to(target, out);
    }
    /// Moves to a row of the screen, counted from 1.
    pub(super) fn go_to_row(&mut self, number: usize, out: &mut Out<'_>) {
        if (self.height + 1..=HEIGHT_MAX).contains(&number) {
            self.height = number;
        }
        self.move_to(self.top() + number.clamp(1, self.height) - 1, out);
    }
    /// Remembers where the cursor is.
    pub(super) fn save_cursor(&mut self) {
        self.saved = (self.gone + self.active as u64, self.row.col());
    }
    /// Moves to where the cursor was.
    pub(super) fn restore_cursor(&mut self, out: &mut Out<'_>) {
        let (row, col) = self.saved;
        let index = usize::try_from(row.saturating_sub(self.gone)).unwrap_or(usize::MAX);
        self.move_to(index.min(self.rows.len() - 1), out);
        self.go_to_col(col);
    }

    // The screen as a whole.

    /// Sets the scroll region, rows counted from 1.
    pub(super) fn set_region(&mut self, region: Option<(usize, usize)>) {
        self.region = region.map(|(top, bottom)| (top, bottom.min(HEIGHT_MAX))).filter(|(top, bottom)| top < bottom);
        if let Some((_, bottom)) = self.region {
            self.height = self.height.max(bottom);
        }
    }
    /// Erases from the cursor to the end of the screen.
    pub(super) fn erase_below(&mut self, out: &mut Out<'_>) {
        if self.active == self.top() && self.row.col() == 0 {
            return self.clear(out);
        }
        self.erase(Erase::ToEnd, out);
        for index in self.active + 1..self.rows.len() {
            self.set_text(index, "");
        }
    }
    /// Erases from the start of the screen to the cursor.
    pub(super) fn erase_above(&mut self, out: &mut Out<'_>) {
        self.erase(Erase::ToStart, out);
        for index in self.top()..self.active {
            self.set_text(index, "");
        }
    }
    /// Erases the screen. What changed since it was last given out is given out first.
    pub(super) fn clear(&mut self, out: &mut Out<'_>) {
        self.draft(out);
        self.store();
        let top = self.top();
        let shows_text = self.rows.range(top..).any(|row| !row.text.is_empty());
        let mut seen = Vec::new();
        for index in 0..self.rows.len() {
            if index >= top && !self.rows[index].is_untouched() {
                seen.push(hash(&self.rows[index].text));
            }
            self.give_changed(index, out);
        }
        if shows_text {
            self.erased.clear();
        }
        for text in seen {
            remember(&mut self.erased, text);
        }
        // The rows are taken away, not emptied: what is written now is new text on new rows.
        self.bytes -= self.rows.drain(top..).map(|row| row.text.len()).sum::<usize>();
        self.rows.resize_with(self.active + 1, Row::default);
        self.anchor = self.gone + top as u64;
        self.went_up_at = Some(self.gone + self.rows.len() as u64);
        self.enter(self.active);
    }
    /// Moves rows within the scroll region. Rows that leave it are given out if they are new.
    pub(super) fn scroll(&mut self, how: Scroll, count: usize, out: &mut Out<'_>) {
        self.leave(out);
        let (top, bottom) = self.region_rows();
        if (top..=bottom).contains(&self.active) {
            let (from, to) = match how {
                Scroll::Up => (top, bottom),
                Scroll::Down => (bottom, top),
                Scroll::InsertHere => (bottom, self.active),
                Scroll::DeleteHere => (self.active, bottom),
            };
            while self.rows.len() <= bottom {
                self.rows.push_back(Row::default());
            }
            for _ in 0..count.min(bottom - top + 1) {
                self.give_changed(from, out);
                if let Some(row) = self.rows.remove(from) {
                    self.bytes -= row.text.len();
                }
                self.rows.insert(to, Row { given: true, ..Row::default() });
            }
            self.went_up_at = Some(self.gone + self.rows.len() as u64);
        }
        self.enter(self.active);
    }
    /// Gives out what was not given yet, the unfinished line included. The rows stay to be looked at.
    pub(super) fn finish(&mut self, out: &mut Out<'_>) {
        let fresh = self.store();
        for index in 0..self.rows.len() {
            let row = &self.rows[index];
            if index == self.active && index + 1 == self.rows.len() && !row.given && !row.text.is_empty() {
                self.give_line(fresh, out);
            } else {
                self.give_changed(index, out);
            }
        }
        self.enter(self.active);
    }

    // Looking at it.

    /// The text under the cursor.
    pub(super) fn pending(&self) -> String {
        if self.unread {
            return self.rows[self.active].text.clone();
        }
        let mut text = String::new();
        self.row.text(&mut text);
        text
    }
    /// Whether the program has returned to the first column of a row with text.
    pub(super) fn pending_is_whole(&self) -> bool {
        if self.unread { self.row.is_back() && !self.rows[self.active].text.is_empty() } else { self.row.returned() }
    }
    /// Adds rows with text to `rows`, the last one first, until there are `count`.
    pub(super) fn last_rows(&self, count: usize, rows: &mut Vec<String>) {
        for (index, row) in self.rows.iter().enumerate().rev() {
            if rows.len() >= count {
                return;
            }
            let text = if index == self.active { self.pending() } else { row.text.clone() };
            if !text.trim().is_empty() {
                rows.push(text);
            }
        }
    }

    // Inside.

    /// Index of the screen's first row.
    fn top(&self) -> usize {
        let anchor = usize::try_from(self.anchor.saturating_sub(self.gone)).unwrap_or(usize::MAX);
        anchor.max(self.rows.len().saturating_sub(self.height)).min(self.rows.len() - 1)
    }
    /// Indexes of the first and last row of the scroll region.
    fn region_rows(&self) -> (usize, usize) {
        let top = self.top();
        match self.region {
            Some((first, last)) => (top + first - 1, top + last - 1),
            None => (top, (top + self.height - 1).min((self.rows.len() - 1).max(self.active))),
        }
    }
    fn move_to(&mut self, target: usize, out: &mut Out<'_>) {
        if target == self.active {
            return;
        }
        self.leave(out);
        if target < self.active {
            self.went_up_at = Some(self.gone + self.rows.len() as u64);
            // Rows that a cleared screen has not shown yet are not there: the next line feed ends a line as usual.
            if self.rows.range(target..).all(Row::is_untouched) {
                self.rows.truncate(target + 1);
            }
        }
        while self.rows.len() <= target {
            self.rows.push_back(Row::default());
        }
        self.enter(target);
    }
    /// Leaves the row under the cursor for another one, or for another screen.
    pub(super) fn leave(&mut self, out: &mut Out<'_>) {
        if self.row.changed() {
            let mut text = std::mem::take(&mut self.scratch);
            text.clear();
            let fresh = self.row.text(&mut text);
            self.draft_of(&text, fresh, out);
            self.set_text(self.active, &text);
            self.scratch = text;
        }
    }
    fn enter(&mut self, index: usize) {
        self.active = index;
        self.row.reset();
        self.unread = !self.rows[index].text.is_empty();
    }
    /// Reads the text of the row under the cursor, before it is changed.
    #[inline]
    fn read(&mut self) {
        if self.unread {
            self.unread = false;
            self.row.load(&self.rows[self.active].text);
        }
    }
    /// The same before the cursor goes to where the row's length says how far it may.
    fn read_if_far(&mut self, col: usize) {
        if col > RIGHT_EDGE {
            self.read();
        }
    }
    fn draft_if_due(&mut self, out: &mut Out<'_>) {
        if self.row.draft_due() {
            self.draft(out);
        }
    }
    fn draft(&mut self, out: &mut Out<'_>) {
        if self.row.undrafted() {
            let mut text = std::mem::take(&mut self.scratch);
            text.clear();
            let fresh = self.row.text(&mut text);
            self.draft_of(&text, fresh, out);
            self.scratch = text;
        }
    }
    /// Shows the row under the cursor, whose text that is, unless it was shown.
    fn draft_of(&mut self, text: &str, fresh: Option<usize>, out: &mut Out<'_>) {
        if self.row.undrafted() {
            self.row.drafted();
            let text = fresh.map_or(text, |end| &text[..end]);
            if !text.is_empty() {
                out(Line::Draft { text });
            }
        }
    }
    /// Keeps the text of the row under the cursor in its place. Gives what [`ActiveRow::text`] gives.
    fn store(&mut self) -> Option<usize> {
        if !self.row.changed() {
            return None;
        }
        let mut text = String::with_capacity(self.row.len());
        let fresh = self.row.text(&mut text);
        self.set_text(self.active, &text);
        fresh
    }
    fn set_text(&mut self, index: usize, text: &str) {
        let row = &mut self.rows[index];
        if row.text == text {
            return;
        }
        if row.given && row.given_hash.is_none() {
            let given = hash(&row.text);
            row.given_hash = Some(given);
            remember(&mut self.erased, given);
        }
        self.bytes = self.bytes - row.text.len() + text.len();
        row.text.clear();
        row.text.push_str(text);
        let as_given = row.given_hash.filter(|&given| given == hash(text));
        row.given = text.is_empty() || as_given.is_some();
        if let Some(given) = as_given {
            take(&mut self.erased, given);
        }
    }
    /// Gives out a row whose text was not given yet.
    fn give_changed(&mut self, index: usize, out: &mut Out<'_>) {
        let row = &mut self.rows[index];
        if !row.given && !row.text.is_empty() && !self.alternate {
            let again = take(&mut self.erased, hash(&row.text));
            out(Line::Done { text: &row.text, written: &row.text, redrawn: true, again });
        }
        row.given = true;
        row.given_hash = None;
    }
    /// Ends the last row there is and begins a new one.
    fn end_line(&mut self, out: &mut Out<'_>) {
        let fresh = if self.rows[self.active].given {
            // It was given before and has been gone back to.
            self.store()
        } else {
            self.take_text()
        };
        self.next_line(fresh, out);
    }
    fn next_line(&mut self, fresh: Option<usize>, out: &mut Out<'_>) {
        if !self.rows[self.active].given {
            self.give_line(fresh, out);
        }
        let spare = self.trim(out);
        self.rows.push_back(Row { text: spare, ..Row::default() });
        self.active = self.rows.len() - 1;
        self.row.reset();
        self.unread = false;
    }
    /// Writes the text of the row under the cursor into its place: the common way of a log, without a copy.
    fn take_text(&mut self) -> Option<usize> {
        self.read();
        let row = &mut self.rows[self.active];
        self.bytes -= row.text.len();
        row.text.clear();
        let fresh = self.row.text(&mut row.text);
        self.bytes += row.text.len();
        fresh
    }
    /// Gives out the row under the cursor as a line.
    fn give_line(&mut self, fresh: Option<usize>, out: &mut Out<'_>) {
        let number = self.gone + self.rows.len() as u64;
        let redrawn = self.went_up_at.is_some_and(|at| number - at.min(number) <= WINDOW as u64);
        let row = &mut self.rows[self.active];
        row.given = true;
        row.given_hash = None;
        if !self.alternate {
            let written = fresh.map_or(row.text.as_str(), |end| &row.text[..end]);
            let again = redrawn && take(&mut self.erased, hash(&row.text));
            if !redrawn {
                self.erased.clear();
            }
            out(Line::Done { text: &row.text, written, redrawn, again });
        }
    }
    /// Lets rows go that are too far up to be changed. Gives a used, empty string for the next row.
    fn trim(&mut self, out: &mut Out<'_>) -> String {
        let mut spare = String::new();
        while self.rows.len() >= WINDOW || (self.bytes > WINDOW_BYTES && self.rows.len() > 1) {
            self.give_changed(0, out);
            if let Some(row) = self.rows.pop_front() {
                self.bytes -= row.text.len();
                spare = row.text;
                self.gone += 1;
            }
        }
        spare.clear();
        spare
    }

    /// Bytes of text held.
    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.rows.iter().map(|row| row.text.capacity()).sum()
    }
}
