//! The report for those who do not open it: a notification, and a mail's text.

use super::model::{Report, Verdict};
use super::needs::counts;
use super::text::{page, push};
use crate::core::delivery::Digest;

/// What is sent of a report.
pub fn letter(report: &Report) -> Digest {
    let whole = push(report);
    let (title, rest) = split(&whole, &counts(&report.totals));
    Digest {
        title: title.to_owned(),
        push: rest.to_owned(),
        page: page(report),
        needs_somebody: report.verdict != Verdict::Well || report.totals.needs_you > 0,
    }
}

/// The notification up to its first sentence, and what follows. Together they are as long as before.
fn split<'w>(whole: &'w str, counts: &str) -> (&'w str, &'w str) {
    match whole.find(counts) {
        Some(at) => {
            let (title, rest) = whole.split_at(at + counts.len());
            (title, rest.trim_start())
        }
        None => (whole, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_is_a_title_and_the_rest() {
        let whole = "[1 needs you] 1 of 2 sessions finished, 1 failed. a failed; try `nightkeep logs a`.";
        let (title, rest) = split(whole, "1 of 2 sessions finished, 1 failed.");
        assert_eq!(title, "[1 needs you] 1 of 2 sessions finished, 1 failed.");
        assert_eq!(rest, "a failed; try `nightkeep logs a`.");
        assert_eq!(split("[all well] cut…", "2 of 2 finished."), ("[all well] cut…", ""));
    }
}
