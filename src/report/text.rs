//! The report as plain text: one line for a phone's notification, and a page for a terminal or a mail.

use super::markdown::is_quiet;
use super::markdown_claims::{change_lines, head_of};
use super::model::{MetricReport, Need, Report, SessionReport, ToolReport, Verdict};
use super::model_claims::{ItemReport, Quote};
use super::needs::counts;
use crate::core::evidence::REQUEST;
use crate::core::time::Wall;
use crate::status::table::sign;
use crate::status::text::{count, cut, cut_at_word, grouped, number, pad, span_of_seconds, width, wrap};
use crate::status::zone::{day_hh_mm, from_label, hh_mm_near, parse};
use jiff::tz::TimeZone;

/// Most characters of the notification.
pub const PUSH_MAX: usize = 400;
/// Columns of the page.
const COLUMNS: usize = 100;
/// Most needs of the page.
const NEEDS_MAX: usize = 20;
/// Most of what does not add up on the page.
const DOUBTS_MAX: usize = 12;
/// Columns that the lines of a wrapped sentence stand to the right of its first.
const INDENT: usize = 3;

/// The notification: `[2 need you] …`, cut at a word.
pub fn push(report: &Report) -> String {
    let zone = from_label(&report.window.timezone);
    let state = match (report.totals.needs_you, report.verdict) {
        (0, Verdict::Well) => "[all well]".to_owned(),
        (0, Verdict::Unreadable) => "[not all could be read]".to_owned(),
        (0, Verdict::Failed | Verdict::NeedsYou) => "[failed]".to_owned(),
        (1, _) => "[1 needs you]".to_owned(),
        (n, _) => format!("[{n} need you]"),
    };
    let going_on = report.totals.running + report.totals.to_come > 0;
    let still = match (going_on, report.totals.running) {
        (false, _) => "",
        (true, 0) => "Not over. ",
        (true, _) => "Still running. ",
    };
    let mut out = format!("{state} {still}{}", counts(&report.totals));
    for need in &report.needs_you {
        out.push_str(&format!(" {}; try `{}`.", cut_at_word(need.what.trim_end_matches('.'), 100), need.command));
    }
    if report.needs_you.is_empty() {
        out.push_str(&format!(" {}.", window_line(report, &zone)));
    }
    cut_at_word(&out, PUSH_MAX)
}

/// The page. It holds what a reader needs; the JSON holds everything.
pub fn page(report: &Report) -> String {
    let zone = from_label(&report.window.timezone);
    let from = report.window.from.as_deref().and_then(parse).unwrap_or(Wall(0));
    let at = |text: &str| parse(text).map_or_else(|| "?".to_owned(), |wall| hh_mm_near(wall, from, &zone));
    let mut out = Lines::default();
    out.add(&report.title);
    super::worded::text(report).iter().for_each(|line| out.add(line));
    if is_quiet(report) {
        out.add(&quiet_line(report, &zone));
        return out.text;
    }
    out.add(&format!("{}.", window_line(report, &zone)));
    for gap in report.window.gaps.iter().filter(|g| g.session.is_none()).take(5) {
        let at_most = if gap.at_most { "at most " } else { "" };
        let length = span_of_seconds(gap.seconds);
        out.add(&format!("Not watched {} to {} ({at_most}{length}): {}.", at(&gap.from), at(&gap.to), gap.why));
    }
    if let Some(tally) = tally_line(report) {
        out.add(&format!("{tally}."));
    }
    if report.totals.attempts > 0 {
        let (attempts, ran) = (report.totals.attempts, span_of_seconds(report.totals.ran));
        out.add(&format!("{}; programs ran {ran} in all.", count(attempts, "attempt", "attempts")));
    }
    if let Some(used) = super::usage::line(report) {
        out.add(&format!("Used: {used}."));
    }
    if let Some(share) = share_line(report) {
        out.add(&format!("Time of all runs: {share}."));
    }
    needs(report, &at, &mut out);
    if !report.sessions.is_empty() {
        out.head("Sessions");
        session_table(&report.sessions, &mut out.text);
    }
    let loud = |s: &&SessionReport| matches!(s.state.as_str(), "failed" | "partial") && !s.last_words.is_empty();
    for session in report.sessions.iter().filter(loud).take(5) {
        out.head(&format!("Last lines of {}", session.name));
        for line in &session.last_words[session.last_words.len().saturating_sub(6)..] {
            out.text.push_str(&format!("  | {}\n", cut(line, COLUMNS - 4)));
        }
    }
    doubts(report, &mut out);
    let changes = report.changes.as_ref().map(change_lines).unwrap_or_default();
    if let Some(against) = report.changes.as_ref().filter(|_| !changes.is_empty()) {
        out.head(&format!("Against the night before, {}", against.against));
        changes.iter().for_each(|line| out.add(line));
    }
    projects(report, &mut out);
    if report.sessions.iter().any(|s| !s.tools.is_empty()) {
        out.head("Tests and builds seen");
    }
    for (session, seen) in report.sessions.iter().flat_map(|s| s.tools.iter().map(move |t| (s, t))).take(20) {
        out.add(&format!("{}: {}, at {}", session.name, tool(seen), at(&seen.at)));
    }
    if report.totals.errors > 0 {
        out.head("Errors in the output");
    }
    for error in report.errors.iter().take(10) {
        let times = count(error.count, "time", "times");
        out.add(&format!("{}: {times}, {}: {}", error.session, error.cure.words(), error_lines(error)));
    }
    if !report.unreadable.is_empty() {
        out.head("Could not be read, kept or sent");
    }
    for trouble in report.unreadable.iter().take(10) {
        out.add(&format!("{} {}: {}", at(&trouble.at), trouble.part, trouble.what));
    }
    out.text.push('\n');
    out.add(&format!("Everything: nightkeep report --night {} --format json", report.night));
    out.text
}

fn needs(report: &Report, at: &dyn Fn(&str) -> String, out: &mut Lines) {
    if !report.needs_you.is_empty() {
        out.head("Needs you");
    }
    for (i, need) in report.needs_you.iter().enumerate().take(NEEDS_MAX) {
        out.add(&format!("{}. {}", i + 1, need_words(need, at)));
        out.text.push_str(&format!("   {}\n", need.command));
        if let Some(settle) = settled_by(need) {
            out.text.push_str(&format!("   {settle}  (done, or not wanted)\n"));
        }
    }
    if report.needs_you.len() > NEEDS_MAX {
        out.add(&format!("{} more in the JSON.", report.needs_you.len() - NEEDS_MAX));
    }
}

/// What settles something that an agent asked for.
pub(super) fn settled_by(need: &Need) -> Option<String> {
    need.id.starts_with(REQUEST).then(|| format!("nightkeep dismiss {}", need.id))
}

/// What is needed, since when, who says so, and what waits for it.
fn need_words(need: &Need, at: &dyn Fn(&str) -> String) -> String {
    let project = need.project.as_ref().filter(|_| need.session.is_none() || need.said.is_some());
    let project = project.map_or_else(String::new, |project| format!("{project}: "));
    let by = need.said.as_ref().and_then(|said| place(said).or_else(|| said.session.clone()));
    let says = by.map_or_else(String::new, |by| format!(", says {by}"));
    let since = match (need.nights, &need.first_night) {
        (0 | 1, _) | (_, None) => format!("Since {}{says}.", at(&need.since)),
        (nights, Some(first)) => format!("{} night, since {first}{says}.", nights_word(nights)),
    };
    let blocks = if need.blocks.is_empty() { String::new() } else { format!(" Blocks {}.", need.blocks.join(", ")) };
    let steps = if need.steps > 0 { format!(" ({})", count(need.steps, "step", "steps")) } else { String::new() };
    format!("{project}{}{steps}. {since}{blocks}", need.what.trim_end_matches(['.', '!']))
}

fn doubts(report: &Report, out: &mut Lines) {
    if !report.does_not_add_up.is_empty() {
        out.head("Does not add up");
    }
    for doubt in report.does_not_add_up.iter().take(DOUBTS_MAX) {
        let project = doubt.project.as_ref().map_or_else(String::new, |project| format!("{project}, "));
        let by = |said: &Quote| place(said).or_else(|| said.session.clone()).unwrap_or_default();
        out.add(&format!(
            "{}: “{}” ({project}{})",
            doubt.verdict,
            cut_at_word(&doubt.claim.text, 160),
            by(&doubt.claim)
        ));
        let against = cut_at_word(&doubt.against.text, 200);
        let line = if doubt.against.source == "nightkeep" {
            format!("seen: {against}")
        } else {
            format!("but: {against} ({})", by(&doubt.against))
        };
        for line in wrap(&line, COLUMNS - 2 * INDENT) {
            out.text.push_str(&format!("{:INDENT$}{line}\n", ""));
        }
    }
    let more = report.does_not_add_up.len().saturating_sub(DOUBTS_MAX) as u64 + report.does_not_add_up_left_out;
    if more > 0 {
        out.add(&format!("{more} more in the JSON."));
    }
}

fn projects(report: &Report, out: &mut Lines) {
    if !report.projects.is_empty() {
        out.head("Projects");
    }
    for project in report.projects.iter().take(20) {
        out.add(&format!("{}: {}", project.name, head_of(project)));
        for document in project.documents.iter().filter(|document| document.unfinished).take(5) {
            out.item(&format!("{} was begun and never finished", document.path));
        }
        for tree in project.worktrees.iter().take(5) {
            out.item(&format!("work tree {}: {}", tree.path, tree.words()));
        }
        for module in project.submodules.iter().take(5) {
            out.item(&format!("submodule {}: {}", module.path, module.words()));
        }
        let items = &project.items;
        let most = if project.well { 3 } else { 5 };
        for (word, list) in
            [("error", &items.errors), ("blocked", &items.blockers), ("done", &items.done), ("next", &items.next_steps)]
        {
            let listed = if project.well && word == "next" { 0 } else { most };
            list.iter().take(listed).for_each(|item| out.item(&item_words(word, item)));
            if listed > 0 && list.len() > listed {
                out.item(&format!("{} more under {word} in the JSON", list.len() - listed));
            }
        }
    }
}

fn item_words(word: &str, item: &ItemReport) -> String {
    let verdict = if item.opinion { "opinion" } else { verdict_words(&item.verdict) };
    let nights = if item.nights > 1 { format!(", {} night", nights_word(item.nights)) } else { String::new() };
    // That nothing was seen is worth a word where something should have been.
    let unseen = item.seen.first().filter(|_| item.verdict == "says" && !item.opinion);
    let unseen = unseen.map_or_else(String::new, |unseen| format!("; {}", cut_at_word(unseen, 100)));
    format!("{word}: {} ({verdict}{unseen}{nights})", cut_at_word(&item.text, 120))
}

/// The line, and others that were counted with it.
fn error_lines(error: &super::model::ErrorReport) -> String {
    let more: String = error.more.iter().map(|line| format!("; also: {}", cut(line, COLUMNS / 2))).collect();
    format!("{}{more}", cut(&error.sample, COLUMNS))
}

#[derive(Default)]
struct Lines {
    text: String,
}

impl Lines {
    fn add(&mut self, sentence: &str) {
        for (i, line) in wrap(sentence, COLUMNS - INDENT).iter().enumerate() {
            let indent = if i == 0 { 0 } else { INDENT };
            self.text.push_str(&format!("{:indent$}{line}\n", ""));
        }
    }
    fn item(&mut self, text: &str) {
        for (i, line) in wrap(text, COLUMNS - 3 * INDENT).iter().enumerate() {
            let indent = if i == 0 { 0 } else { INDENT };
            self.text.push_str(&format!("{:INDENT$}{:indent$}{line}\n", "", ""));
        }
    }
    fn head(&mut self, title: &str) {
        self.text.push_str(&format!("\n{title}\n"));
    }
}

fn session_table(sessions: &[SessionReport], out: &mut String) {
    let name = sessions.iter().map(|s| width(&s.name)).max().unwrap_or(0).min(28);
    for session in sessions {
        let state = format!("{} {}", sign(&session.state).0, session.state);
        let exit = session.exit.as_ref().map_or("", |e| e.words.as_str());
        let attempts = count(session.attempt_count, "attempt", "attempts");
        let numbers = session.metrics.iter().filter(|m| m.value.is_some()).map(metric).collect::<Vec<_>>().join(", ");
        let tail = match (numbers.is_empty(), session.unverified) {
            (false, _) => numbers,
            (true, true) => "unverified".to_owned(),
            (true, false) => session.reason.clone(),
        };
        let ran = span_of_seconds(session.ran);
        let line = format!(
            "{}  {}  {}  {}  {}",
            pad(&state, 14),
            pad(&session.name, name),
            pad(exit, 18),
            pad(&attempts, 11),
            pad(&ran, 11)
        );
        if width(&line) + 2 + width(&tail) <= COLUMNS {
            out.push_str(format!("{line}  {tail}").trim_end());
            out.push('\n');
            continue;
        }
        // Where there is no room beside the row, the words stand below it, whole.
        out.push_str(cut(&line, COLUMNS).trim_end());
        out.push('\n');
        for line in wrap(&tail, COLUMNS - 2 * INDENT) {
            out.push_str(&format!("{:width$}{line}\n", "", width = 2 * INDENT));
        }
    }
}

/// `Night 2026-11-21, Sat 22:30 to Sun 06:45 Europe/Berlin (8 h 15 min)`
pub(super) fn window_line(report: &Report, zone: &TimeZone) -> String {
    let window = &report.window;
    let at = |text: &Option<String>| text.as_deref().and_then(parse).map(|wall| day_hh_mm(wall, zone));
    let length = span_of_seconds(window.seconds);
    match (at(&window.from), at(&window.to)) {
        (Some(from), Some(to)) => format!("Night {}, {from} to {to} {} ({length})", report.night, window.timezone),
        (Some(from), None) => {
            let seen = at(&Some(report.made_at.clone())).unwrap_or_default();
            format!("Night {}, {from} {}, still open at {seen} ({length})", report.night, window.timezone)
        }
        (None, _) => format!("Night {}: the journal has no fact of it", report.night),
    }
}

/// All that there is to say of a quiet night, after its title.
pub(super) fn quiet_line(report: &Report, zone: &TimeZone) -> String {
    const NAMES: usize = 8;
    const NUMBERS: usize = 4;
    let mut parts = vec![window_line(report, zone)];
    if report.sessions.len() <= NAMES {
        let names: Vec<&str> = report.sessions.iter().map(|s| s.name.as_str()).collect();
        parts.push(names.join(", "));
    }
    let numbers: Vec<String> =
        report.sessions.iter().flat_map(|s| &s.metrics).filter(|m| m.value.is_some()).map(metric).collect();
    if !numbers.is_empty() {
        let more = numbers.len().saturating_sub(NUMBERS);
        let more = if more > 0 { format!(" and {more} more numbers") } else { String::new() };
        parts.push(format!("{}{more}", numbers[..numbers.len().min(NUMBERS)].join(", ")));
    }
    if report.totals.commits > 0 {
        let commits = count(report.totals.commits, "commit", "commits");
        parts.push(format!("{commits}, {}", count(report.totals.files, "changed file", "changed files")));
    }
    let beside = report
        .projects
        .iter()
        .filter_map(|project| Some(format!("{}: {}", project.name, super::beside::head(project)?)));
    parts.extend(beside.take(NUMBERS));
    parts.extend(tally_line(report));
    if let Some(used) = super::usage::line(report) {
        parts.push(used);
    }
    if report.totals.unverified > 0 {
        parts.push(format!("{} unverified: nothing was declared that proves it", report.totals.unverified));
    }
    format!("{}.", parts.join(". "))
}

/// `24 claims: 15 seen, 7 unverified, 2 contradicted`; nothing when nothing is claimed.
pub(super) fn tally_line(report: &Report) -> Option<String> {
    let tally = &report.claims;
    if tally.claims == 0 {
        return None;
    }
    let words = [
        (tally.seen, "seen"),
        (tally.unverified(), "unverified"),
        (tally.weak, "weak"),
        (tally.stale, "stale"),
        (tally.contradicted, "contradicted"),
    ];
    let told: Vec<String> = words.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    Some(format!("{}: {}", count(tally.claims, "claim", "claims"), told.join(", ")))
}

/// What time was spent on, as it is read.
pub(super) fn spent_words(spent: &str) -> &str {
    match spent {
        "backing_off" => "before a retry",
        "limited" => "waiting for a limit",
        "held" => "waiting for you",
        "waiting" => "queued",
        other => other,
    }
}

/// `2nd`, `3rd`, `4th`
pub(super) fn nights_word(nights: u32) -> String {
    let end = match (nights % 10, nights % 100) {
        (1, n) if n != 11 => "st",
        (2, n) if n != 12 => "nd",
        (3, n) if n != 13 => "rd",
        (_, _) => "th",
    };
    format!("{nights}{end}")
}

/// `STATUS.md:12`; nothing of what stands in no document.
pub(super) fn place(said: &Quote) -> Option<String> {
    let path = said.path.as_ref()?;
    Some(said.line.map_or_else(|| path.clone(), |line| format!("{path}:{line}")))
}

/// A verdict as it is read.
pub(super) fn verdict_words(verdict: &str) -> &str {
    if verdict == "adds_up" { "adds up" } else { verdict }
}

/// `working 62 %, waiting 30 %, backing off 8 %`; nothing when no time passed.
pub(super) fn share_line(report: &Report) -> Option<String> {
    let all: f64 = report.totals.time.iter().map(|t| t.seconds).sum();
    if all <= 0.0 {
        return None;
    }
    let share = |t: &super::model::TimeShare| {
        let percent = t.seconds / all * 100.0;
        let shown = if percent < 1.0 { "under 1".to_owned() } else { number(percent.round()) };
        format!("{} {shown} %", spent_words(&t.spent))
    };
    Some(report.totals.time.iter().filter(|t| t.seconds > 0.0).map(share).collect::<Vec<_>>().join(", "))
}

/// `pytest: 12 passed, 1 failed, 2 skipped`, `cargo build: good`
pub(super) fn tool(tool: &ToolReport) -> String {
    let counts = match tool.kind.as_str() {
        "tests" => {
            let words = [(tool.passed, "passed"), (tool.failed, "failed"), (tool.skipped, "skipped")];
            let told: Vec<String> =
                words.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{} {word}", grouped(*n))).collect();
            let unit = if tool.unit == "test" { String::new() } else { format!("{}s ", tool.unit) };
            if told.is_empty() { String::new() } else { format!("{unit}{}", told.join(", ")) }
        }
        "lint" => count(tool.failed, "error", "errors"),
        _ => if tool.good { "good" } else { "failed" }.to_owned(),
    };
    let parts = [Some(counts).filter(|c| !c.is_empty()), tool.weak.clone()];
    format!("{}: {}", tool.tool, parts.into_iter().flatten().collect::<Vec<_>>().join("; "))
}

/// `profiles 3,513/3,513`, `events 179,341`, `profiles ?/3,513`
pub(super) fn metric(metric: &MetricReport) -> String {
    let value = metric.value.map_or_else(|| "?".to_owned(), number);
    let before = metric.last_night.map_or_else(String::new, |value| format!(" (last night {})", number(value)));
    match metric.total {
        Some(total) => format!("{} {value}/{}{before}", metric.name, number(total)),
        None => format!("{} {value}{before}", metric.name),
    }
}
