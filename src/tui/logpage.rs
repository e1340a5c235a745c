//! A log as pages of clean lines: each page is made of a span of the log alone, so that a log of any length can be read
//! at any place.
//!
//! A line belongs to the page in which it begins. A line that does not end within [`OVER`] bytes behind its page is cut
//! there, and goes on as a line of the next one.

use crate::protocol::output::OutputTime;
use crate::terminal::lines::{Line, LineScanner};
use crate::terminal::{harmless, redact};

/// Bytes of a page.
pub const PAGE: u64 = 64 << 10;
/// How far behind its page a line is read.
pub const OVER: u64 = 16 << 10;

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// The offset of its first byte.
    pub at: u64,
    /// When it began, milliseconds since the Unix epoch, when that is recorded.
    pub ms: Option<i64>,
    /// It, harmless and without secrets.
    pub text: String,
}

/// The lines that begin in a span of the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogPage {
    /// The page's number: it begins at so many times [`PAGE`].
    pub number: u64,
    /// The bytes of the whole log when it was read.
    pub total: u64,
    /// Its lines. A redrawn row can stand behind a later one: as the program wrote them.
    pub lines: Vec<LogLine>,
}

/// The page that a byte is on.
pub fn page_of(at: u64) -> u64 {
    at / PAGE
}

/// What is to be read for a page: from where, and how much.
pub fn span_of(number: u64) -> (u64, u64) {
    // A byte more in front tells whether a line begins with the page.
    let from = (number * PAGE).saturating_sub(1);
    (from, (number + 1) * PAGE + OVER - from)
}

impl LogPage {
    /// Makes a page of the bytes from `from` on, as [`span_of`] says. `kept_from` is where the log begins, `total` its
    /// length, `times` when the bytes came.
    pub fn read(number: u64, from: u64, bytes: &[u8], kept_from: u64, total: u64, times: &[OutputTime]) -> Self {
        let (begin, end) = (number * PAGE, (number + 1) * PAGE);
        let mut page = Self { number, total, lines: Vec::new() };
        let Some(start) = first_line(begin, from, bytes, kept_from) else { return page };
        let skip = usize::try_from(start - from).unwrap_or(usize::MAX);
        let mut scanner = LineScanner::new();
        let (mut at, mut began, mut open) = (start, start, false);
        for piece in bytes.get(skip..).unwrap_or_default().split_inclusive(|&b| b == b'\n') {
            if !open {
                if at >= end {
                    break;
                }
                began = at;
            }
            scanner.feed(piece, |line| page.add(line, began, times));
            at += piece.len() as u64;
            open = !piece.ends_with(b"\n");
        }
        scanner.finish(|line| page.add(line, began, times));
        page
    }
    fn add(&mut self, line: Line<'_>, at: u64, times: &[OutputTime]) {
        // A row that is drawn again as it was is nothing that a reader has not seen.
        let Line::Done { text, again: false, .. } = line else { return };
        let known = times.partition_point(|time| time.at <= at).checked_sub(1);
        let ms = known.and_then(|known| times.get(known)).map(|time| time.ms);
        self.lines.push(LogLine { at, ms, text: redact(&harmless(text)).into_owned() });
    }
}

/// Where the first line of a page begins; `None` when none does.
fn first_line(begin: u64, from: u64, bytes: &[u8], kept_from: u64) -> Option<u64> {
    let end = begin + PAGE;
    if from >= begin || begin == 0 || from >= kept_from && kept_from >= begin {
        return (from < end).then_some(from);
    }
    let ends_line = bytes.iter().position(|&b| b == b'\n').map(|at| from + at as u64 + 1);
    // A line that is longer than what the page before read of it goes on here.
    let first = ends_line.map_or(begin + OVER, |at| at.min(begin + OVER));
    (first < end).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(log: &[u8], kept_from: u64) -> Vec<LogPage> {
        let total = log.len() as u64;
        (page_of(kept_from)..=page_of(total.saturating_sub(1)))
            .map(|number| {
                let (from, max) = span_of(number);
                let from = from.max(kept_from);
                let to = (from + max).min(total);
                LogPage::read(number, from, &log[from as usize..to as usize], kept_from, total, &[])
            })
            .collect()
    }
    fn lines(log: &[u8], kept_from: u64) -> Vec<LogLine> {
        pages(log, kept_from).into_iter().flat_map(|page| page.lines).collect()
    }

    #[test]
    fn the_pages_together_are_the_whole_log() {
        let mut log = Vec::new();
        let mut rng = fastrand::Rng::with_seed(1);
        let mut wanted = Vec::new();
        for i in 0..20_000 {
            wanted.push((log.len() as u64, format!("line {i} {}", "x".repeat(rng.usize(1..60)))));
            log.extend(format!("{}\r\n", wanted[i].1).into_bytes());
        }
        let got: Vec<_> = lines(&log, 0).into_iter().map(|line| (line.at, line.text)).collect();
        assert!(pages(&log, 0).len() > 10);
        assert_eq!(got, wanted);
        let kept = 3 * PAGE + 100;
        let got = lines(&log, kept);
        assert_eq!(got[0].at, kept, "the first line that is left of a shortened log is shown as far as it is there");
        let after: Vec<_> = wanted.iter().filter(|(at, _)| *at > kept).map(|(_, text)| text.clone()).collect();
        assert_eq!(got[1..].iter().map(|line| line.text.clone()).collect::<Vec<_>>(), after);
    }

    #[test]
    fn a_line_that_never_ends_is_shown_in_pieces_and_nothing_of_it_twice() {
        let log: Vec<u8> = (0..5 * PAGE as usize).map(|i| b'a' + (i % 26) as u8).collect();
        let text: String = lines(&log, 0).into_iter().map(|line| line.text).collect();
        assert!(text.as_bytes() == log, "{} of {}", text.len(), log.len());
    }

    #[test]
    fn lines_have_times_and_no_secrets() {
        let log = b"DB_PASSWORD=hunter22\nsecond\nlast";
        let times = [OutputTime { ms: 1000, at: 0 }, OutputTime { ms: 2000, at: 21 }];
        let page = LogPage::read(0, 0, log, 0, 32, &times);
        let told: Vec<_> = page.lines.iter().map(|line| (line.ms, line.text.as_str())).collect();
        assert_eq!(told, [(Some(1000), "DB_PASSWORD=[redacted]"), (Some(2000), "second"), (Some(2000), "last")]);
    }
}
