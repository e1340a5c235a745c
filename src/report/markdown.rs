//! The report as Markdown of the GitHub kind: what needs you first, then worst first, short enough to read on a phone.
//!
//! This is the page; its sections are in [`super::markdown_sections`]. All foreign text goes through [`super::markup`]; the only
//! HTML is `<details>`.

use super::markup::prose;
use super::model::{Report, Verdict};
use super::text::{quiet_line, share_line, tally_line, window_line};
use crate::core::time::Wall;
use crate::status::text::{count, span_of_seconds};
use crate::status::zone::{from_label, hh_mm_near, parse};
use jiff::tz::TimeZone;

/// Most lines of the short form.
pub const LINES_MAX: usize = 150;
/// Most bytes of the full form; above a mebibyte the usual places drop a whole page.
pub const BYTES_MAX: usize = 900 * 1024;

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MarkdownOptions {
    /// Everything, with details for each session; otherwise at most [`LINES_MAX`] lines.
    pub full: bool,
}

/// The whole document.
pub fn render(report: &Report, options: MarkdownOptions) -> String {
    let page = Page { report, zone: from_label(&report.window.timezone), full: options.full };
    let mut lines = page.lines();
    if options.full {
        lines = page.within_bytes(lines);
    }
    let mut out = lines.join("\n");
    out.push('\n');
    out
}

/// What the sections are made from.
pub(super) struct Page<'r> {
    pub(super) report: &'r Report,
    zone: TimeZone,
    pub(super) full: bool,
}

/// A heading, what stands above the rows, and rows of one or more lines.
pub(super) struct Section {
    pub(super) name: &'static str,
    pub(super) above: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
    /// Most rows of the short form.
    pub(super) most: usize,
    /// What is said of rows left out; the number is put before it.
    pub(super) more: String,
}

impl Page<'_> {
    fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("# {}", prose(&self.report.title)), String::new()];
        lines.extend(super::worded::markdown(self.report));
        if !self.full && is_quiet(self.report) {
            lines.push(prose(&quiet_line(self.report, &self.zone)));
            return lines;
        }
        lines.extend(self.head());
        // The last two lines are the footer. Sections get room in the order of their weight, and stand in that of reading.
        let mut left = if self.full { usize::MAX } else { LINES_MAX - lines.len() - 2 };
        let mut sections: Vec<(usize, Section)> = self.sections().into_iter().enumerate().collect();
        sections.retain(|(_, s)| !s.rows.is_empty());
        let weight = |name: &str| WEIGHTS.iter().position(|w| *w == name).unwrap_or(WEIGHTS.len());
        sections.sort_by_key(|(place, s)| (weight(s.name), *place));
        let mut shown: Vec<(usize, Vec<String>)> = Vec::new();
        let mut dropped: Vec<&'static str> = Vec::new();
        for (place, section) in sections {
            let body = self.fit(&section, left);
            if body.is_empty() {
                dropped.push(section.name);
            }
            left = left.saturating_sub(body.len());
            shown.push((place, body));
        }
        shown.sort_by_key(|(place, _)| *place);
        lines.extend(shown.into_iter().flat_map(|(_, body)| body));
        lines.push(String::new());
        lines.push(self.footer(&dropped));
        lines
    }

    /// A section in at most so many lines, or nothing when not even one row fits.
    fn fit(&self, section: &Section, room: usize) -> Vec<String> {
        let mut out = vec![String::new(), format!("## {}", section.name), String::new()];
        out.extend(section.above.iter().cloned());
        let most = if self.full { usize::MAX } else { section.most };
        let all: usize = section.rows.iter().take(most).map(Vec::len).sum();
        let whole = section.rows.len() <= most && out.len() + all <= room;
        let room = room.saturating_sub(out.len() + if whole { 0 } else { 2 });
        let mut used = 0;
        let mut taken = 0;
        for row in section.rows.iter().take(most) {
            if used + row.len() > room {
                break;
            }
            used += row.len();
            taken += 1;
            out.extend(row.iter().cloned());
        }
        if taken == 0 {
            return Vec::new();
        }
        if out.last().is_some_and(String::is_empty) {
            out.pop();
        }
        if taken < section.rows.len() {
            out.push(String::new());
            out.push(format!("{} more {}", section.rows.len() - taken, section.more));
        }
        out
    }

    fn within_bytes(&self, lines: Vec<String>) -> Vec<String> {
        let mut out = Vec::new();
        let mut bytes = 0;
        let mut fenced: Option<String> = None;
        let mut folded = false;
        for line in &lines {
            bytes += line.len() + 1;
            if bytes > BYTES_MAX {
                out.extend(fenced);
                if folded {
                    out.push(String::new());
                    out.push("</details>".to_owned());
                }
                out.push(String::new());
                out.push(format!("{} more lines; everything is in the JSON.", lines.len() - out.len()));
                return out;
            }
            match &fenced {
                Some(ticks) if line == ticks => fenced = None,
                Some(_) => {}
                None if line.starts_with("```") => fenced = Some(line.trim_end_matches("text").to_owned()),
                None if line.starts_with("<details>") => folded = true,
                None if line == "</details>" => folded = false,
                None => {}
            }
            out.push(line.clone());
        }
        out
    }

    /// The local time of a document's time, with the day when it is not that of the night's begin.
    pub(super) fn at(&self, text: &str) -> String {
        let from = self.report.window.from.as_deref().and_then(parse).unwrap_or(Wall(0));
        parse(text).map_or_else(|| "?".to_owned(), |wall| hh_mm_near(wall, from, &self.zone))
    }

    fn head(&self) -> Vec<String> {
        let report = self.report;
        let totals = &report.totals;
        let mut out = vec![format!("- {}.", window_line(report, &self.zone))];
        let watch: Vec<_> = report.window.gaps.iter().filter(|g| g.session.is_none()).collect();
        for gap in watch.iter().take(3) {
            let at_most = if gap.at_most { "at most " } else { "" };
            out.push(format!(
                "- **Not watched** {} to {} ({at_most}{}): {}.",
                self.at(&gap.from),
                self.at(&gap.to),
                span_of_seconds(gap.seconds),
                prose(&gap.why)
            ));
        }
        if watch.len() > 3 {
            let all = span_of_seconds(totals.unwatched);
            out.push(format!("- {} more gaps; {all} in all.", watch.len() - 3));
        }
        if let Some(since) = &report.window.unwatched_since {
            out.push(format!("- **Not watched** since {}: no daemon runs.", self.at(since)));
        }
        if let Some(tally) = tally_line(report) {
            out.push(format!("- {tally}."));
        }
        if totals.attempts > 0 {
            let mut line = format!(
                "- {}, {}; programs ran {} in all.",
                count(totals.attempts, "attempt", "attempts"),
                count(totals.retries, "retry", "retries"),
                span_of_seconds(totals.ran)
            );
            if totals.succeeded > 0 {
                let seen = totals.succeeded - totals.unverified;
                line.push_str(&format!(
                    " Of {} finished, {seen} with evidence, {} unverified.",
                    totals.succeeded, totals.unverified
                ));
            }
            out.push(line);
        }
        if let Some(used) = super::usage::line(report) {
            out.push(format!("- Used: {}.", prose(&used)));
        }
        if let Some(share) = share_line(report) {
            out.push(format!("- Time of all runs: {share}."));
        }
        if !report.unreadable.is_empty() {
            let n = report.unreadable.len() as u64;
            out.push(format!("- **{} could not be read, kept or sent**; see the end.", count(n, "thing", "things")));
        }
        out
    }

    fn footer(&self, dropped: &[&str]) -> String {
        let sources = &self.report.sources;
        let mut out = format!(
            "Made from {} of the journal (numbers {} to {}), {} {}; nightkeep {}.",
            count(sources.facts, "fact", "facts"),
            sources.first_seq,
            sources.last_seq,
            if self.report.window.open { "as of" } else { "the last of" },
            self.at(&self.report.made_at),
            sources.version
        );
        if !dropped.is_empty() {
            out.push_str(&format!(" Left out for room: {}.", dropped.join(", ").to_lowercase()));
        }
        out.push_str(&format!(" Everything: `nightkeep report --night {} --format json`.", self.report.night));
        out
    }
}

/// The order in which sections get room; those not named come last.
const WEIGHTS: [&str; 14] = [
    "Needs you",
    "Sessions",
    "Does not add up",
    "Could not be read, kept or sent",
    "Dead letters",
    "Last words",
    "Against the night before",
    "Projects",
    "Tests and builds seen",
    "Usage",
    "Errors in the output",
    "Retries",
    "Ends that nobody saw",
    "What operators did",
];

/// Nothing happened that anyone should know more of.
pub(super) fn is_quiet(report: &Report) -> bool {
    let totals = &report.totals;
    let plain = match report.verdict {
        Verdict::Well => true,
        Verdict::NeedsYou | Verdict::Failed | Verdict::Unreadable => false,
    };
    plain
        && !report.window.open
        && totals.sessions > 0
        && totals.succeeded == totals.sessions
        && totals.retries == 0
        && totals.runs == totals.sessions
        && totals.error_kinds == 0
        && report.window.gaps.is_empty()
        && report.operator.is_empty()
        && report.notes.is_empty()
        && report.does_not_add_up.is_empty()
        && !report.changes.as_ref().is_some_and(super::model_claims::NightChanges::is_worse)
        // What agents wrote is what the reader wants to see.
        && report.projects.iter().all(|p| p.well && p.items.count() == 0)
}
