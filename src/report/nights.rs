//! Past nights, a line each, with what changed against the one before.

use super::model::{Report, Verdict};
use crate::protocol::SCHEMA;
use crate::status::text::{cut, pad, span_of_seconds, width};
use crate::status::zone::{from_label, hh_mm, parse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// What changed against the night before; null for the first.
    pub trend: Option<Trend>,
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

/// The lines of these nights; `reports` come oldest first.
pub fn nights(reports: &[Report]) -> Nights {
    let mut lines: Vec<NightLine> = Vec::with_capacity(reports.len());
    for (i, report) in reports.iter().enumerate() {
        let before = i.checked_sub(1).map(|i| &reports[i]);
        lines.push(line(report, before));
    }
    lines.reverse();
    Nights { schema: SCHEMA, nights: lines }
}

fn failed(report: &Report) -> u64 {
    report.totals.failed
}

fn line(report: &Report, before: Option<&Report>) -> NightLine {
    NightLine {
        id: report.night.clone(),
        from: report.window.from.clone(),
        to: report.window.to.clone(),
        timezone: report.window.timezone.clone(),
        seconds: report.window.seconds,
        verdict: report.verdict,
        sessions: report.totals.sessions,
        finished: report.totals.succeeded,
        failed: failed(report),
        partial: report.totals.partial,
        needs_you: report.totals.needs_you,
        retries: report.totals.retries,
        errors: report.totals.errors,
        commits: report.totals.commits,
        trend: before.map(|before| trend(report, before)),
    }
}

fn trend(now: &Report, before: &Report) -> Trend {
    let change = |now: u64, before: u64| {
        let difference = i128::from(now) - i128::from(before);
        i64::try_from(difference).unwrap_or(if difference < 0 { i64::MIN } else { i64::MAX })
    };
    let bad = |report: &Report, name: &str| {
        report.sessions.iter().any(|s| s.name == name && matches!(s.state.as_str(), "failed" | "partial"))
    };
    let names = |keep: &dyn Fn(&str, &str) -> bool| {
        now.sessions.iter().filter(|s| keep(&s.name, &s.state)).map(|s| s.name.clone()).collect()
    };
    Trend {
        finished: change(now.totals.succeeded, before.totals.succeeded),
        failed: change(failed(now), failed(before)),
        retries: change(now.totals.retries, before.totals.retries),
        errors: change(now.totals.errors, before.totals.errors),
        seconds: now.window.seconds - before.window.seconds,
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
    let heads = ["NIGHT", "FROM", "TO", "TOOK", "FINISHED", "FAILED", "PARTIAL", "NEED YOU", "RETRIES"];
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
        rows.push((
            vec![
                night.id.clone(),
                at(&night.from).unwrap_or_else(|| "?".to_owned()),
                at(&night.to).unwrap_or_else(|| "open".to_owned()),
                span_of_seconds(night.seconds),
                format!("{} of {}", night.finished, night.sessions),
                signed(night.failed, trend.map(|t| t.failed)),
                night.partial.to_string(),
                night.needs_you.to_string(),
                signed(night.retries, trend.map(|t| t.retries)),
            ],
            trend.map_or_else(String::new, words),
        ));
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
    out
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
