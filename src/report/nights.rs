//! Past nights, a line each, with what changed against the one before.

use super::model::{Report, Verdict};
use crate::core::evidence::NightSummary;
use crate::protocol::SCHEMA;
use crate::status::text::{cut, pad, span_of_seconds, width};
use crate::status::zone::{from_label, hh_mm, parse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// From so many columns on there is room for bars and times.
const WIDE: usize = 140;

/// `nights --json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Nights {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The nights, newest first.
    pub nights: Vec<NightLine>,
}

/// One night.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NightLine {
    /// Its id.
    pub id: String,
    /// When it began.
    pub from: Option<String>,
    /// When it ended; null while it is open.
    pub to: Option<String>,
    /// The zone of local times.
    pub timezone: String,
    /// Its length in seconds.
    pub seconds: f64,
    /// `well`, `needs_you`, `failed` or `unreadable`.
    pub verdict: Verdict,
    /// Sessions with a run.
    pub sessions: u64,
    /// Ended as they should.
    pub finished: u64,
    /// Failed for good.
    pub failed: u64,
    /// Ended without an error, but not complete.
    #[serde(default)]
    pub partial: u64,
    /// What needs a person.
    pub needs_you: u64,
    /// Starts beyond the first of their run.
    pub retries: u64,
    /// Error lines in the output.
    pub errors: u64,
    /// Commits of all projects.
    pub commits: u64,
    /// How long programs ran, all together, in seconds.
    #[serde(default)]
    pub ran: f64,
    /// What the last runs of tests counted, all sessions together; null when none was seen.
    #[serde(default)]
    pub tests: Option<TestCounts>,
    /// What it cost in US dollars; null where that is not known.
    #[serde(default)]
    pub cost: Option<f64>,
    /// What changed against the night before; null for the first.
    pub trend: Option<Trend>,
}

/// What runs of tests counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TestCounts {
    /// How many passed.
    pub passed: u64,
    /// How many failed.
    pub failed: u64,
    /// How many were skipped.
    pub skipped: u64,
}

/// One night against the one before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Trend {
    /// More or fewer finished.
    pub finished: i64,
    /// More or fewer failed.
    pub failed: i64,
    /// More or fewer retries.
    pub retries: i64,
    /// More or fewer error lines.
    pub errors: i64,
    /// Longer or shorter, in seconds.
    pub seconds: f64,
    /// Sessions that failed and did not the night before.
    pub newly_failed: Vec<String>,
    /// Sessions that finished and had failed the night before.
    pub fixed: Vec<String>,
}

/// A night as the list needs it: from its report, or from what it was summed up to.
#[derive(Debug, Clone, PartialEq)]
pub struct Short {
    /// Without a trend.
    line: NightLine,
    /// Its sessions and their states, as the report orders them.
    sessions: Vec<(String, String)>,
}

impl Short {
    /// From its report.
    pub fn of(report: &Report) -> Self {
        let line = NightLine {
            id: report.night.clone(),
            from: report.window.from.clone(),
            to: report.window.to.clone(),
            timezone: report.window.timezone.clone(),
            seconds: report.window.seconds,
            verdict: report.verdict,
            sessions: report.totals.sessions,
            finished: report.totals.succeeded,
            failed: report.totals.failed,
            partial: report.totals.partial,
            needs_you: report.totals.needs_you,
            retries: report.totals.retries,
            errors: report.totals.errors,
            commits: report.totals.commits,
            ran: report.totals.ran,
            tests: tests(report),
            cost: report.totals.usage.as_ref().and_then(|usage| usage.usd),
            trend: None,
        };
        let sessions = report.sessions.iter().map(|session| (session.name.clone(), session.state.clone()));
        Self { line, sessions: sessions.collect() }
    }

    /// From what it was summed up to; `None` when that was before it ended, or by an older version.
    pub fn of_summary(summary: &NightSummary) -> Option<Self> {
        let numbers = summary.numbers.as_ref()?;
        let seconds = |ms: u64| Duration::from_millis(ms).as_secs_f64();
        let counted = summary.sessions.iter().filter_map(|session| session.tests);
        let tests = counted.fold(None, |sum: Option<TestCounts>, (passed, failed, skipped)| {
            Some(sum.unwrap_or_default().plus(passed, failed, skipped))
        });
        let line = NightLine {
            id: summary.night.to_string(),
            from: Some(numbers.from.clone()),
            to: Some(numbers.to.clone()),
            timezone: numbers.timezone.clone(),
            seconds: seconds(numbers.ms),
            verdict: serde_json::from_value(numbers.verdict.clone().into()).ok()?,
            sessions: summary.sessions.len() as u64,
            finished: numbers.finished,
            failed: numbers.failed,
            partial: numbers.partial,
            needs_you: numbers.needs_you,
            retries: numbers.retries,
            errors: numbers.errors,
            commits: numbers.commits,
            ran: seconds(numbers.ran_ms),
            tests,
            cost: numbers.cost,
            trend: None,
        };
        let sessions = summary.sessions.iter().map(|session| (session.session.to_string(), session.state.clone()));
        Some(Self { line, sessions: sessions.collect() })
    }
}

impl TestCounts {
    fn plus(self, passed: u64, failed: u64, skipped: u64) -> Self {
        Self {
            passed: self.passed.saturating_add(passed),
            failed: self.failed.saturating_add(failed),
            skipped: self.skipped.saturating_add(skipped),
        }
    }
}

/// The lines of these nights, which come oldest first.
pub fn nights(shorts: &[Short]) -> Nights {
    let mut lines: Vec<NightLine> = Vec::with_capacity(shorts.len());
    for (i, short) in shorts.iter().enumerate() {
        let before = i.checked_sub(1).map(|i| &shorts[i]);
        lines.push(NightLine { trend: before.map(|before| trend(short, before)), ..short.line.clone() });
    }
    lines.reverse();
    Nights { schema: SCHEMA, nights: lines }
}

fn tests(report: &Report) -> Option<TestCounts> {
    let runs = report.sessions.iter().flat_map(|session| &session.tools).filter(|tool| tool.kind == "tests");
    runs.fold(None, |sum: Option<TestCounts>, tool| {
        Some(sum.unwrap_or_default().plus(tool.passed, tool.failed, tool.skipped))
    })
}

fn trend(now: &Short, before: &Short) -> Trend {
    let change = |now: u64, before: u64| {
        let difference = i128::from(now) - i128::from(before);
        i64::try_from(difference).unwrap_or(if difference < 0 { i64::MIN } else { i64::MAX })
    };
    let bad = |night: &Short, name: &str| {
        night.sessions.iter().any(|(own, state)| own == name && matches!(state.as_str(), "failed" | "partial"))
    };
    let names = |keep: &dyn Fn(&str, &str) -> bool| {
        now.sessions.iter().filter(|(name, state)| keep(name, state)).map(|(name, _)| name.clone()).collect()
    };
    Trend {
        finished: change(now.line.finished, before.line.finished),
        failed: change(now.line.failed, before.line.failed),
        retries: change(now.line.retries, before.line.retries),
        errors: change(now.line.errors, before.line.errors),
        seconds: now.line.seconds - before.line.seconds,
        newly_failed: names(&|name, _| bad(now, name) && !bad(before, name)),
        fixed: names(&|name, state| state == "succeeded" && bad(before, name)),
    }
}

/// The lines as an aligned table; every line fits the width.
pub fn text(nights: &Nights, columns: usize) -> String {
    let columns = columns.max(40);
    if nights.nights.is_empty() {
        return "No night yet. `nightkeep up` begins the first.\n".to_owned();
    }
    let with_tests = nights.nights.iter().any(|night| night.tests.is_some());
    let with_cost = nights.nights.iter().any(|night| night.cost.is_some());
    // Where there is little room, what changed says more.
    let wide = columns >= WIDE;
    let mut heads = vec!["NIGHT", "FROM", "TO", "TOOK", "FINISHED", "FAILED", "PARTIAL", "NEED YOU", "RETRIES"];
    heads.extend(wide.then_some("RAN"));
    heads.extend(with_tests.then_some("TESTS"));
    heads.extend(with_cost.then_some("COST"));
    let mut rows: Vec<(Vec<String>, String)> =
        vec![(heads.iter().map(|h| (*h).to_owned()).collect(), "AGAINST THE NIGHT BEFORE".to_owned())];
    for night in &nights.nights {
        let zone = from_label(&night.timezone);
        let at = |text: &Option<String>| text.as_deref().and_then(parse).map(|wall| hh_mm(wall, &zone));
        let signed = |n: u64, change: Option<i64>| match change.filter(|c| *c != 0) {
            Some(change) => format!("{n} ({change:+})"),
            None => n.to_string(),
        };
        let trend = night.trend.as_ref();
        let mut cells = vec![
            night.id.clone(),
            at(&night.from).unwrap_or_else(|| "?".to_owned()),
            at(&night.to).unwrap_or_else(|| "open".to_owned()),
            span_of_seconds(night.seconds),
            format!("{} of {}", night.finished, night.sessions),
            signed(night.failed, trend.map(|t| t.failed)),
            night.partial.to_string(),
            night.needs_you.to_string(),
            signed(night.retries, trend.map(|t| t.retries)),
        ];
        if wide {
            cells[4] = format!("{} {}", bar(night), cells[4]);
            cells.push(span_of_seconds(night.ran));
        }
        if with_tests {
            cells.push(night.tests.map_or_else(String::new, tests_words));
        }
        if with_cost {
            cells.push(night.cost.map_or_else(String::new, |cost| format!("${cost:.2}")));
        }
        rows.push((cells, trend.map_or_else(String::new, words)));
    }
    let widths: Vec<usize> =
        (0..heads.len()).map(|i| rows.iter().map(|(row, _)| width(&row[i])).max().unwrap_or(0)).collect();
    let mut out = String::new();
    for (cells, last) in &rows {
        let mut line = String::new();
        for (cell, w) in cells.iter().zip(&widths) {
            line.push_str(&pad(cell, *w));
            line.push_str("  ");
        }
        line.push_str(last);
        out.push_str(cut(&line, columns).trim_end());
        out.push('\n');
    }
    out.push_str(&curves(nights, columns));
    out
}

/// How the night went, in eight cells: finished, not finished, failed or partial.
fn bar(night: &NightLine) -> String {
    const CELLS: u64 = 8;
    if night.sessions == 0 {
        return " ".repeat(8);
    }
    // What is there at all gets a cell.
    let cells = |n: u64| if n == 0 { 0 } else { (n * CELLS / night.sessions).max(1) };
    let bad = cells(night.failed + night.partial).min(CELLS);
    let good = cells(night.finished).min(CELLS - bad);
    let rest = CELLS - bad - good;
    let (good, rest) =
        if night.finished + night.failed + night.partial >= night.sessions { (good + rest, 0) } else { (good, rest) };
    let (good, bad) = if night.finished == 0 { (0, bad + good) } else { (good, bad) };
    let repeat = |sign: &str, n: u64| sign.repeat(usize::try_from(n).unwrap_or(0));
    format!("{}{}{}", repeat("█", good), repeat("·", rest), repeat("▒", bad))
}

fn tests_words(tests: TestCounts) -> String {
    let failed = if tests.failed > 0 { format!(", {} failed", tests.failed) } else { String::new() };
    format!("{} passed{failed}", tests.passed)
}

/// How the nights went one after the other, the oldest first; nothing for a night or two.
fn curves(nights: &Nights, columns: usize) -> String {
    const LEAST: usize = 3;
    if nights.nights.len() < LEAST {
        return String::new();
    }
    let shown = nights.nights.len().min(columns.saturating_sub(40));
    let of = |value: fn(&NightLine) -> f64| -> Vec<f64> { nights.nights[..shown].iter().rev().map(value).collect() };
    let count = |n: f64| format!("{n:.0}");
    type Words<'a> = &'a dyn Fn(f64) -> String;
    let all: [(&str, Vec<f64>, Words<'_>); 4] = [
        ("finished", of(|night| as_number(night.finished)), &count),
        ("failed", of(|night| as_number(night.failed + night.partial)), &count),
        ("needs you", of(|night| as_number(night.needs_you)), &count),
        ("ran", of(|night| night.ran), &|seconds| span_of_seconds(seconds)),
    ];
    let mut out = String::from("\n");
    for (name, values, shown) in all {
        let (least, most) = values.iter().fold((f64::MAX, 0.0_f64), |(a, b), v| (a.min(*v), b.max(*v)));
        let said = if least < most { format!("{} to {}", shown(least), shown(most)) } else { shown(most) };
        out.push_str(cut(&format!("{}  {}  {said}", pad(name, 9), curve(&values, most)), columns).trim_end());
        out.push('\n');
    }
    out
}

fn curve(values: &[f64], most: f64) -> String {
    const STEPS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let step = |value: &f64| if most > 0.0 { (value / most * 7.0).round().clamp(0.0, 7.0) as usize } else { 0 };
    values.iter().map(|value| STEPS[step(value)]).collect()
}

/// A count as a height.
fn as_number(n: u64) -> f64 {
    u32::try_from(n).map_or(f64::from(u32::MAX), f64::from)
}

fn words(trend: &Trend) -> String {
    let mut parts = Vec::new();
    if !trend.newly_failed.is_empty() {
        parts.push(format!("new failure: {}", trend.newly_failed.join(", ")));
    }
    if !trend.fixed.is_empty() {
        parts.push(format!("fixed: {}", trend.fixed.join(", ")));
    }
    let minute = 60.0;
    if trend.seconds.abs() >= minute {
        let way = if trend.seconds > 0.0 { "longer" } else { "shorter" };
        parts.push(format!("{} {way}", span_of_seconds(trend.seconds.abs())));
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests_of_forms {
    use super::*;

    fn night(finished: u64, failed: u64, sessions: u64) -> NightLine {
        NightLine {
            id: "2026-11-21".to_owned(),
            from: None,
            to: None,
            timezone: "UTC".to_owned(),
            seconds: 0.0,
            verdict: Verdict::Well,
            sessions,
            finished,
            failed,
            partial: 0,
            needs_you: 0,
            retries: 0,
            errors: 0,
            commits: 0,
            ran: 0.0,
            tests: None,
            cost: None,
            trend: None,
        }
    }

    #[test]
    fn a_bar_shows_what_failed_however_little_it_was() {
        assert_eq!(bar(&night(4, 0, 4)), "████████");
        assert_eq!(bar(&night(199, 1, 200)), "███████▒");
        assert_eq!(bar(&night(1, 1, 2)), "████▒▒▒▒");
        assert_eq!(bar(&night(1, 0, 2)), "████····");
        assert_eq!(bar(&night(0, 3, 3)), "▒▒▒▒▒▒▒▒");
        assert_eq!(bar(&night(1, 2, 3)), "███▒▒▒▒▒");
        assert_eq!(bar(&night(0, 0, 0)), "        ");
    }

    #[test]
    fn a_curve_reaches_from_nothing_to_the_most() {
        assert_eq!(curve(&[0.0, 1.0, 2.0], 2.0), "▁▅█");
        assert_eq!(curve(&[0.0, 0.0], 0.0), "▁▁");
        assert!(curves(&Nights { schema: SCHEMA, nights: vec![night(1, 0, 1); 2] }, 100).is_empty());
        let shown =
            curves(&Nights { schema: SCHEMA, nights: vec![night(3, 0, 3), night(1, 2, 3), night(2, 1, 3)] }, 100);
        assert!(shown.contains("finished   ▆▃█  1 to 3") && shown.contains("needs you  ▁▁▁  0"), "{shown}");
    }
}
