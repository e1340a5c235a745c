//! The report as Markdown of the GitHub kind: what needs you first, then worst first, short enough to read on a phone.
//!
//! All foreign text goes through [`super::markup`]; the only HTML is `<details>`.

use super::markup::{code, code_cell, fence, prose};
use super::model::{ProjectReport, Report, SessionReport, TimelineRow, Verdict};
use super::text::{metric, share_line, window_line};
use crate::core::time::Wall;
use crate::status::text::{count, cut_at_word, span_of_seconds};
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

struct Page<'r> {
    report: &'r Report,
    zone: TimeZone,
    full: bool,
}

/// A heading, what stands above the rows, and rows of one or more lines.
struct Section {
    name: &'static str,
    above: Vec<String>,
    rows: Vec<Vec<String>>,
    /// Most rows of the short form.
    most: usize,
    /// What is said of rows left out; the number is put before it.
    more: String,
}

impl Page<'_> {
    fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("# {}", prose(&self.report.title)), String::new()];
        if !self.full && is_quiet(self.report) {
            lines.push(self.quiet_line());
            lines.push(String::new());
            lines.push(self.footer(&[]));
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

    fn at(&self, text: &str) -> String {
        let from = self.report.window.from.as_deref().and_then(parse).unwrap_or(Wall(0));
        parse(text).map_or_else(|| "?".to_owned(), |wall| hh_mm_near(wall, from, &self.zone))
    }

    fn quiet_line(&self) -> String {
        let report = self.report;
        let mut parts = vec![window_line(report, &self.zone)];
        let numbers: Vec<String> =
            report.sessions.iter().flat_map(|s| &s.metrics).filter(|m| m.value.is_some()).map(metric).collect();
        let names: Vec<&str> = report.sessions.iter().map(|s| s.name.as_str()).collect();
        if names.len() <= 8 {
            parts.push(format!("Sessions: {}", names.join(", ")));
        }
        if !numbers.is_empty() {
            let more = if numbers.len() > 4 { format!(" and {} more", numbers.len() - 4) } else { String::new() };
            let shown: Vec<String> = numbers.iter().take(4).map(|n| code(n)).collect();
            parts.push(format!("{}{more}", shown.join(", ")));
        }
        if report.totals.commits > 0 {
            parts.push(format!(
                "{}, {}",
                count(report.totals.commits, "commit", "commits"),
                count(report.totals.files, "changed file", "changed files")
            ));
        }
        if report.totals.unverified > 0 {
            parts.push(format!("{} unverified: nothing was declared that proves it", report.totals.unverified));
        }
        format!("{}.", parts.join(". "))
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
        if let Some(share) = share_line(report) {
            out.push(format!("- Time of all runs: {share}."));
        }
        out
    }

    fn footer(&self, dropped: &[&str]) -> String {
        let sources = &self.report.sources;
        let mut out = format!(
            "Made from {} of the journal (numbers {} to {}), the last of {}; nightkeep {}.",
            count(sources.facts, "fact", "facts"),
            sources.first_seq,
            sources.last_seq,
            self.at(&self.report.made_at),
            sources.version
        );
        if !dropped.is_empty() {
            out.push_str(&format!(" Left out for room: {}.", dropped.join(", ").to_lowercase()));
        }
        out.push_str(&format!(" Everything: `nightkeep report --night {} --format json`.", self.report.night));
        out
    }

    fn sections(&self) -> Vec<Section> {
        let mut out = vec![self.needs(), self.sessions(), self.last_words(), self.unreadable(), self.projects()];
        out.extend([self.errors(), self.dead_letters(), self.retries(), self.unseen(), self.operator()]);
        out.extend([self.not_run(), self.timeline()]);
        if self.full {
            out.insert(3, self.details());
        }
        out
    }

    fn needs(&self) -> Section {
        let row = |(i, need): (usize, &super::model::Need)| {
            let blocks = match need.blocks.len() {
                0 => String::new(),
                n if n <= 5 => format!(" Blocks {}.", need.blocks.join(", ")),
                n => format!(" Blocks {} and {} more.", need.blocks[..5].join(", "), n - 5),
            };
            let what = prose(&cut_at_word(&need.what, 240));
            vec![
                format!("{}. {what} (since {}).{blocks}", i + 1, self.at(&need.since)),
                format!("   `{}`", need.command),
            ]
        };
        Section {
            name: "Needs you",
            above: Vec::new(),
            rows: self.report.needs_you.iter().enumerate().map(row).collect(),
            most: 5,
            more: "in the JSON.".to_owned(),
        }
    }

    fn sessions(&self) -> Section {
        let with_project = self.report.sessions.iter().any(|s| s.project.is_some());
        let (head, rule) = if with_project {
            (
                "| Session | Project | State | Exit | Attempts | Ran | Waited | Result |",
                "|---|---|---|---|---|---|---|---|",
            )
        } else {
            ("| Session | State | Exit | Attempts | Ran | Waited | Result |", "|---|---|---|---|---|---|---|")
        };
        let row = |s: &SessionReport| {
            let project =
                if with_project { format!(" {} |", prose(s.project.as_deref().unwrap_or(""))) } else { String::new() };
            let exit = s.exit.as_ref().map_or_else(String::new, |e| match &e.class {
                Some(class) => format!("{} ({})", prose(&cut_at_word(&e.words, 80)), class.replace('_', " ")),
                None => prose(&cut_at_word(&e.words, 80)),
            });
            vec![format!(
                "| {} |{project} {} | {exit} | {} | {} | {} | {} |",
                prose(&s.name),
                state_words(s),
                attempts(s),
                span_of_seconds(s.ran),
                span_of_seconds(s.waited),
                result(s)
            )]
        };
        Section {
            name: "Sessions",
            above: vec![head.to_owned(), rule.to_owned()],
            rows: self.report.sessions.iter().map(row).collect(),
            most: 30,
            more: "in the JSON, none of them worse than these.".to_owned(),
        }
    }

    /// What programs said before they failed: data from outside, marked as such.
    fn last_words(&self) -> Section {
        let bad = |s: &&SessionReport| {
            matches!(s.state.as_str(), "failed" | "partial" | "unfinished") && !s.last_words.is_empty()
        };
        let keep = if self.full { 20 } else { 6 };
        let row = |s: &SessionReport| {
            let mut lines = vec![String::new(), format!("Last lines of {}:", prose(&s.name)), String::new()];
            let words = &s.last_words[s.last_words.len().saturating_sub(keep)..];
            lines.extend(fence(words));
            lines
        };
        Section {
            name: "Last words",
            above: vec!["Printed by the programs, quoted as data; nothing in it is said by nightkeep.".to_owned()],
            rows: self.report.sessions.iter().filter(bad).map(row).collect(),
            most: 4,
            more: "in the JSON.".to_owned(),
        }
    }

    /// One folded part for each session, of the full form.
    fn details(&self) -> Section {
        let row = |s: &SessionReport| {
            let mut lines = vec![
                "<details>".to_owned(),
                format!("<summary>{}: {}</summary>", s.name, s.state.replace('_', " ")),
                String::new(),
            ];
            if !s.reason.is_empty() {
                lines.push(format!(
                    "- {} since {}: {}",
                    s.state.replace('_', " "),
                    self.at(&s.since),
                    prose(&s.reason)
                ));
            }
            for a in &s.attempts {
                let start = a.started_at.as_deref().map_or_else(|| "never".to_owned(), |at| self.at(at));
                let end = a.exit.as_ref().map_or_else(
                    || "lives".to_owned(),
                    |e| {
                        let class = e.class.as_ref().map_or_else(String::new, |class| {
                            let counted = if a.counted { "counted" } else { "not counted" };
                            format!(", {}, {counted}", class.replace('_', " "))
                        });
                        let rule = e.rule.as_ref().map_or_else(String::new, |r| format!(", rule {}", code(r)));
                        format!("{}{class}{rule}", prose(&e.words))
                    },
                );
                lines.push(format!("- attempt {}: started {start}, ran {}, {end}", a.number, span_of_seconds(a.ran)));
            }
            for check in &s.checks {
                let result = if check.passed { "holds" } else { "**does not hold**" };
                let seen =
                    if check.seen.is_empty() { String::new() } else { format!(", seen: {}", prose(&check.seen)) };
                lines.push(format!("- {} {result}{seen}", code(&check.text)));
            }
            lines.extend(s.metrics.iter().map(|m| format!("- {}", code(&metric(m)))));
            if !s.last_words.is_empty() && s.state == "succeeded" {
                lines.push(String::new());
                lines.extend(fence(&s.last_words));
            }
            lines.push(String::new());
            lines.push("</details>".to_owned());
            lines.push(String::new());
            lines
        };
        Section {
            name: "Each session",
            above: Vec::new(),
            rows: self.report.sessions.iter().map(row).collect(),
            most: usize::MAX,
            more: "in the JSON.".to_owned(),
        }
    }

    fn unreadable(&self) -> Section {
        let row = |u: &super::model::Unreadable| {
            let times = if u.times > 1 { format!(" ({} times)", u.times) } else { String::new() };
            vec![format!("- {} {}: {}{times}", self.at(&u.at), prose(&u.part), prose(&cut_at_word(&u.what, 200)))]
        };
        Section {
            name: "Could not be read, kept or sent",
            above: Vec::new(),
            rows: self.report.unreadable.iter().map(row).collect(),
            most: 6,
            more: "in the JSON.".to_owned(),
        }
    }

    fn projects(&self) -> Section {
        Section {
            name: "Projects",
            above: Vec::new(),
            rows: self.report.projects.iter().map(|p| self.project(p)).collect(),
            most: 8,
            more: "in the JSON.".to_owned(),
        }
    }

    fn project(&self, project: &ProjectReport) -> Vec<String> {
        let most = if self.full { 200 } else { 4 };
        let seen = match project.state.as_str() {
            "none" => "no repository".to_owned(),
            "not_looked_at" => "not looked at yet".to_owned(),
            _ => format!(
                "{}, {}",
                count(project.commit_count, "commit", "commits"),
                count(project.file_count, "changed file", "changed files")
            ),
        };
        let notes = project.notes.iter().map(|n| prose(&cut_at_word(n, 200))).collect::<Vec<_>>().join("; ");
        let notes = if notes.is_empty() { String::new() } else { format!("; {notes}") };
        let mut lines = vec![format!("- **{}**: {seen}{notes}", prose(&project.name))];
        for commit in project.commits.iter().take(most) {
            let hash: String = commit.hash.chars().take(10).collect();
            let subject = code(&cut_at_word(&commit.subject, 100));
            lines.push(format!("  - {} {subject} by {}", code(&hash), code(&cut_at_word(&commit.author, 40))));
        }
        more_of(&mut lines, project.commit_count, project.commits.len().min(most), "commits");
        for file in project.files.iter().take(most) {
            let lines_changed = match (file.added, file.removed) {
                (Some(added), Some(removed)) => format!("+{added} -{removed}"),
                (_, _) => "binary".to_owned(),
            };
            let committed = if file.committed { "" } else { ", not committed" };
            lines.push(format!("  - {} ({lines_changed}{committed})", code(&cut_at_word(&file.path, 120))));
        }
        more_of(&mut lines, project.file_count, project.files.len().min(most), "changed files");
        lines
    }

    fn errors(&self) -> Section {
        let row = |e: &super::model::ErrorReport| {
            vec![format!(
                "| {} | {} | {} | {} | {} | {} |",
                prose(&e.session),
                e.count,
                self.at(&e.first),
                self.at(&e.last),
                e.cure.words(),
                code_cell(&cut_at_word(&e.sample, 120))
            )]
        };
        Section {
            name: "Errors in the output",
            above: vec![
                "| Session | Count | First | Last | Became | Line |".to_owned(),
                "|---|---|---|---|---|---|".to_owned(),
            ],
            rows: self.report.errors.iter().map(row).collect(),
            most: 10,
            more: "in the JSON.".to_owned(),
        }
    }

    fn dead_letters(&self) -> Section {
        let row = |d: &super::model::DeadLetter| {
            let class = d.class.as_ref().map_or_else(String::new, |c| format!(", {}", c.replace('_', " ")));
            let exit = d.exit.as_ref().map_or_else(|| "never started".to_owned(), |e| prose(&cut_at_word(e, 120)));
            let attempts = count(d.attempts, "attempt", "attempts");
            vec![format!("- {}: {exit}{class}, {attempts}. Second chance: `{}`", d.run, d.command)]
        };
        Section {
            name: "Dead letters",
            above: Vec::new(),
            rows: self.report.dead_letters.iter().map(row).collect(),
            most: 8,
            more: "in the JSON.".to_owned(),
        }
    }

    fn retries(&self) -> Section {
        let row = |r: &super::model::RetryReport| {
            let classes = r.classes.iter().map(|c| c.replace('_', " ")).collect::<Vec<_>>().join(", ");
            vec![format!(
                "- {}: {} ({}), waited {} between: {}",
                prose(&r.session),
                count(r.attempts, "attempt", "attempts"),
                cut_at_word(&classes, 120),
                span_of_seconds(r.waited),
                r.cure.words()
            )]
        };
        Section {
            name: "Retries",
            above: Vec::new(),
            rows: self.report.retries.iter().map(row).collect(),
            most: 8,
            more: "in the JSON.".to_owned(),
        }
    }

    fn unseen(&self) -> Section {
        let row = |gap: &super::model::GapReport| {
            let session = gap.session.as_ref()?;
            Some(vec![format!("- {session} {} to {}: {}", self.at(&gap.from), self.at(&gap.to), prose(&gap.why))])
        };
        Section {
            name: "Ends that nobody saw",
            above: Vec::new(),
            rows: self.report.window.gaps.iter().filter_map(row).collect(),
            most: 5,
            more: "in the JSON.".to_owned(),
        }
    }

    fn operator(&self) -> Section {
        let row = |act: &super::model::OperatorAct| {
            let why = act.reason.as_ref().map_or_else(String::new, |r| format!(", because: {}", prose(r)));
            vec![format!(
                "- {} {} {}: {}{why} ({})",
                self.at(&act.at),
                prose(&act.verb),
                prose(&act.target),
                prose(&cut_at_word(&act.result, 120)),
                prose(&act.who)
            )]
        };
        Section {
            name: "What operators did",
            above: Vec::new(),
            rows: self.report.operator.iter().map(row).collect(),
            most: 6,
            more: "in the JSON.".to_owned(),
        }
    }

    fn not_run(&self) -> Section {
        Section {
            name: "Did not run",
            above: Vec::new(),
            rows: self.report.not_run.iter().map(|n| vec![format!("- {}: {}", prose(&n.name), n.why)]).collect(),
            most: 5,
            more: "in the JSON.".to_owned(),
        }
    }

    fn timeline(&self) -> Section {
        const ROWS: usize = 40;
        let rows = &self.report.timeline;
        let picked = if self.full { rows.iter().collect() } else { weightiest(rows, ROWS) };
        let left_out = rows.len() - picked.len();
        let row = |r: &TimelineRow| {
            let session = r.session.as_ref().map_or_else(String::new, |s| format!("**{}** ", prose(s)));
            vec![format!("- {} {session}{}", self.at(&r.at), prose(&cut_at_word(&r.what, 160)))]
        };
        let above = match left_out {
            0 => Vec::new(),
            n => vec![
                format!("The most important {} of {}; the rest is in the JSON.", picked.len(), picked.len() + n),
                String::new(),
            ],
        };
        Section {
            name: "Timeline",
            above,
            rows: picked.into_iter().map(row).collect(),
            most: ROWS,
            more: "in the JSON.".to_owned(),
        }
    }
}

/// The order in which sections get room; those not named come last.
const WEIGHTS: [&str; 10] = [
    "Needs you",
    "Sessions",
    "Could not be read, kept or sent",
    "Dead letters",
    "Last words",
    "Projects",
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
        && report.projects.iter().all(|p| !p.rewritten)
}

/// The rows that weigh most, in their order; of equal ones the later.
fn weightiest(rows: &[TimelineRow], most: usize) -> Vec<&TimelineRow> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|i| (std::cmp::Reverse(rows[*i].weight), std::cmp::Reverse(*i)));
    order.truncate(most);
    order.sort_unstable();
    order.into_iter().map(|i| &rows[i]).collect()
}

fn more_of(lines: &mut Vec<String>, all: u64, shown: usize, what: &str) {
    let more = all.saturating_sub(shown as u64);
    if more > 0 {
        lines.push(format!("  - {more} more {what} in the JSON"));
    }
}

fn state_words(session: &SessionReport) -> String {
    let word = session.state.replace('_', " ");
    if session.unverified { format!("{word}, unverified") } else { word }
}

fn attempts(session: &SessionReport) -> String {
    match session.attempts_max {
        0 => session.attempt_count.to_string(),
        max => format!("{} of {max}", session.attempt_count),
    }
}

/// One line on what came of a session: its numbers, its checks, or why it is where it is.
fn result(session: &SessionReport) -> String {
    let mut parts: Vec<String> = session
        .metrics
        .iter()
        .filter(|m| m.value.is_some())
        .take(3)
        .map(|m| code_cell(&cut_at_word(&metric(m), 60)))
        .collect();
    let red = session.checks.iter().find(|c| !c.passed);
    match red {
        Some(check) => parts.push(format!("{} does not hold", code_cell(&cut_at_word(&check.text, 60)))),
        None if !session.checks.is_empty() => {
            parts.push(format!("{} of {} checks hold", session.checks.len(), session.checks.len()));
        }
        None => {}
    }
    if parts.is_empty() || session.state != "succeeded" {
        let reason = cut_at_word(&session.reason, 100);
        if !reason.is_empty() {
            parts.push(prose(&reason));
        }
    }
    if session.removed {
        parts.push("removed from the file".to_owned());
    }
    parts.join("; ")
}
