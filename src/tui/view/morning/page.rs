//! The report as lines: what needs the person first, each line leading to its session.

use super::super::lines::{Line, Text};
use super::verdict_look;
use crate::report::model::{Report, SessionReport};
use crate::status::text::{bytes, count, number, pad, span_of_seconds};
use crate::status::zone::{hh_mm, parse};
use crate::tui::cells::clean;
use crate::tui::theme::{Theme, Tone};
use jiff::tz::TimeZone;

/// Most lines of one section; of more there is their number.
const MOST: usize = 40;
/// Moments of the night that are told.
const MOMENTS: usize = 60;

/// The lines of a report.
pub(super) fn lines(report: &Report, theme: &Theme, columns: u16, zone: &TimeZone) -> Vec<Line> {
    let mut text = Text::new(theme, columns);
    let time = |text: &str| parse(text).map_or_else(String::new, |at| hh_mm(at, zone));
    head(report, &mut text, &time);
    needs(report, &mut text, &time);
    sessions(report, &mut text);
    projects(report, &mut text);
    errors(report, &mut text);
    waited(report, &mut text);
    rest(report, &mut text, &time);
    moments(report, &mut text, &time);
    text.about(None);
    text.gap();
    let version = &report.sources.version;
    let made = format!("From {} facts, as of {}; nightkeep {version}", report.sources.facts, time(&report.made_at));
    text.wrapped(&[], &made, theme.dim);
    text.lines
}

fn head(report: &Report, text: &mut Text<'_>, time: &dyn Fn(&str) -> String) {
    let theme = text.theme;
    let (sign, tone) = verdict_look(report.verdict);
    let sign = format!("{sign} ");
    text.wrapped(&[(&sign, theme.tone(tone))], &report.title, theme.heading);
    let window = &report.window;
    let from = window.from.as_deref().map_or_else(|| "?".to_owned(), time);
    let to = match (&window.to, window.open) {
        (Some(to), _) => format!("to {}", time(to)),
        (None, true) => "and still open".to_owned(),
        (None, false) => "to ?".to_owned(),
    };
    let length = span_of_seconds(window.seconds);
    let totals = &report.totals;
    let attempts = count(totals.attempts, "attempt", "attempts");
    let line = format!(
        "Night {} from {from} {to}, {length}; {attempts}, {} of output",
        report.night,
        bytes(totals.output_bytes)
    );
    text.wrapped(&[], &line, theme.dim);
    let spent: Vec<String> = totals
        .time
        .iter()
        .filter(|share| share.seconds >= 1.0)
        .map(|share| format!("{} {}", share.spent.replace('_', " "), span_of_seconds(share.seconds)))
        .collect();
    if !spent.is_empty() {
        text.wrapped(&[], &format!("Time of all runs: {}", spent.join(", ")), theme.dim);
    }
    for gap in &window.gaps {
        let whose = gap
            .session
            .as_ref()
            .map_or_else(|| "nobody watched".to_owned(), |name| format!("{name}: its end was not seen"));
        let most = if gap.at_most { "at most " } else { "" };
        let line = format!(
            "{} to {}: {whose}, {most}{} ({})",
            time(&gap.from),
            time(&gap.to),
            span_of_seconds(gap.seconds),
            gap.why
        );
        text.wrapped(&[], &line, theme.tone(Tone::Waiting));
    }
}

fn needs(report: &Report, text: &mut Text<'_>, time: &dyn Fn(&str) -> String) {
    let theme = text.theme;
    if report.needs_you.is_empty() {
        return;
    }
    text.about(None);
    text.heading(&format!("Needs you ({})", report.needs_you.len()));
    for (at, need) in report.needs_you.iter().take(MOST).enumerate() {
        text.about(need.session.as_deref());
        let lead = format!("{:>2}. ", at + 1);
        text.wrapped(
            &[(&lead, theme.tone(Tone::Waiting))],
            &format!("{}, since {}", need.what, time(&need.since)),
            theme.text,
        );
        if !need.blocks.is_empty() {
            text.wrapped(&[("    ", theme.dim)], &format!("blocks {}", need.blocks.join(", ")), theme.dim);
        }
        text.wrapped(&[("    ", theme.dim)], &need.command, theme.strong);
    }
    more(report.needs_you.len(), text);
}

fn more(all: usize, text: &mut Text<'_>) {
    if all > MOST {
        text.about(None);
        let dim = text.theme.dim;
        text.wrapped(&[("    ", dim)], &format!("and {} more: `nightkeep report --full`", all - MOST), dim);
    }
}

fn look(session: &SessionReport) -> (&'static str, Tone) {
    match session.state.as_str() {
        "failed" => ("✗", Tone::Failed),
        "partial" => ("!", Tone::Waiting),
        "held" => ("‖", Tone::Off),
        "unfinished" => ("◌", Tone::Waiting),
        "limited" => ("◷", Tone::Delayed),
        "backing_off" => ("↻", Tone::Delayed),
        "running" | "starting" | "stopping" => ("●", Tone::Working),
        "succeeded" => ("✓", Tone::Done),
        _ => ("·", Tone::Off),
    }
}

fn sessions(report: &Report, text: &mut Text<'_>) {
    let theme = text.theme;
    text.about(None);
    text.heading(&format!("Sessions ({})", report.sessions.len()));
    let widest = report.sessions.iter().map(|session| clean(&session.name).chars().count()).max().unwrap_or(0).min(24);
    for session in report.sessions.iter().take(MOST) {
        text.about(Some(&session.name));
        let (sign, tone) = look(session);
        let name = pad(&clean(&session.name), widest);
        let unverified = if session.unverified { ", unverified" } else { "" };
        let state = format!("{sign} {:<11} ", session.state.replace('_', " "));
        let mut told =
            vec![count(session.attempt_count, "attempt", "attempts"), format!("ran {}", span_of_seconds(session.ran))];
        if session.waited >= 1.0 {
            told.push(format!("waited {}", span_of_seconds(session.waited)));
        }
        told.extend(session.metrics.iter().filter_map(|metric| {
            let value = number(metric.value?);
            let total = metric.total.map_or_else(String::new, |total| format!(" of {}", number(total)));
            Some(format!("{} {value}{total}", metric.name))
        }));
        if let Some(exit) = session.exit.as_ref().filter(|exit| exit.class.is_some()) {
            told.push(exit.words.clone());
        }
        let line = format!("{}{unverified}", told.join(", "));
        text.line(vec![(state, theme.tone(tone)), (format!("{name}  "), theme.text), (line, theme.dim)]);
        for check in session.checks.iter().filter(|check| !check.passed) {
            text.wrapped(
                &[("    ", theme.dim)],
                &format!("not so: {}: {}", check.text, check.seen),
                theme.tone(Tone::Failed),
            );
        }
        for finding in session.findings.iter().filter(|finding| finding.resolved.is_none()) {
            text.wrapped(&[("    ", theme.dim)], &finding.what, theme.tone(Tone::Waiting));
        }
    }
    more(report.sessions.len(), text);
    for never in report.not_run.iter().take(MOST) {
        text.about(Some(&never.name));
        text.wrapped(&[("– did not run ", theme.dim)], &format!("{}: {}", never.name, never.why), theme.dim);
    }
}

fn projects(report: &Report, text: &mut Text<'_>) {
    let theme = text.theme;
    let seen: Vec<_> =
        report.projects.iter().filter(|project| project.commit_count + project.dirty_count > 0).collect();
    if seen.is_empty() {
        return;
    }
    text.about(None);
    text.heading("Projects");
    for project in seen {
        let commits = count(project.commit_count, "commit", "commits");
        let files = count(project.file_count, "file", "files");
        let line = format!("{}: {commits}, {files} changed, {} not committed", project.name, project.dirty_count);
        text.wrapped(&[], &line, theme.strong);
        for commit in project.commits.iter().take(8) {
            let short: String = commit.hash.chars().take(8).collect();
            text.wrapped(&[(&format!("  {short} "), theme.dim)], &commit.subject, theme.text);
        }
        for note in &project.notes {
            text.wrapped(&[("  ", theme.dim)], note, theme.tone(Tone::Waiting));
        }
    }
}

fn errors(report: &Report, text: &mut Text<'_>) {
    let theme = text.theme;
    if report.errors.is_empty() {
        return;
    }
    text.about(None);
    text.heading(&format!("Errors in the output ({})", report.totals.errors));
    for error in report.errors.iter().take(MOST / 2) {
        text.about(Some(&error.session));
        let lead = format!("{:>5}× {}  ", error.count, error.session);
        text.line(vec![(lead, theme.text), (error.cure.words().to_owned(), theme.dim)]);
        text.wrapped(&[("       ", theme.dim)], &error.sample, theme.dim);
    }
    let left = report.errors.len().saturating_sub(MOST / 2) as u64 + report.errors_left_out;
    if left > 0 {
        text.about(None);
        text.wrapped(&[], &format!("and {}", count(left, "more kind", "more kinds")), theme.dim);
    }
}

fn waited(report: &Report, text: &mut Text<'_>) {
    let theme = text.theme;
    if !report.retries.is_empty() {
        text.about(None);
        text.heading("Retries");
        for retry in report.retries.iter().take(MOST) {
            text.about(Some(&retry.session));
            let classes: Vec<String> = retry.classes.iter().map(|class| class.replace('_', " ")).collect();
            let line = format!(
                "{}: {} ({}), waited {}, {}",
                retry.session,
                count(retry.attempts, "attempt", "attempts"),
                classes.join(", "),
                span_of_seconds(retry.waited),
                retry.cure.words()
            );
            text.wrapped(&[], &line, theme.text);
        }
    }
    if !report.outages.is_empty() {
        text.about(None);
        text.heading("Outages");
        for outage in &report.outages {
            let lasted = span_of_seconds(outage.lasted);
            let still = if outage.to.is_none() { ", still" } else { "" };
            let line = format!("{} for {lasted}{still}: {}; held {}", outage.what, outage.cause, outage.held.len());
            text.wrapped(&[], &line, theme.text);
        }
    }
}

fn rest(report: &Report, text: &mut Text<'_>, time: &dyn Fn(&str) -> String) {
    let theme = text.theme;
    if !report.alerts.is_empty() {
        text.about(None);
        text.heading("Alerts");
        for alert in report.alerts.iter().take(MOST) {
            text.about(alert.session.as_deref());
            let told = if alert.told.is_empty() {
                "nobody was told".to_owned()
            } else {
                format!("told {}", alert.told.join(", "))
            };
            let line = format!("{} ({}, {}); {told}", alert.title, alert.severity, alert.state);
            text.wrapped(&[(&format!("{}  ", time(&alert.since)), theme.dim)], &line, theme.text);
        }
    }
    if !report.notes.is_empty() {
        text.about(None);
        text.heading("Your notes");
        for told in report.notes.iter().take(MOST) {
            text.about(Some(&told.session));
            let state = if told.note.settled.is_some() { "settled" } else { "open" };
            let line = format!("{}: {} ({state}, given {} times)", told.session, told.note.text, told.note.times_given);
            text.wrapped(&[(&format!("{}  ", told.note.id), theme.dim)], &line, theme.text);
        }
    }
    if !report.unreadable.is_empty() {
        text.about(None);
        text.heading("Could not be read, written or sent");
        for trouble in report.unreadable.iter().take(MOST) {
            let times = if trouble.times > 1 { format!(" ({} times)", trouble.times) } else { String::new() };
            let line = format!("{}: {}{times}", trouble.part, trouble.what);
            text.wrapped(&[(&format!("{}  ", time(&trouble.at)), theme.dim)], &line, theme.text);
        }
    }
    if !report.operator.is_empty() {
        text.about(None);
        text.heading("What operators did");
        for act in report.operator.iter().take(MOST) {
            let reason = act.reason.as_ref().map_or_else(String::new, |reason| format!(", because: {reason}"));
            let line = format!("{} {}: {}{reason}", act.verb, act.target, act.result);
            text.wrapped(&[(&format!("{}  ", time(&act.at)), theme.dim)], &line, theme.text);
        }
        more(report.operator.len(), text);
    }
}

fn moments(report: &Report, text: &mut Text<'_>, time: &dyn Fn(&str) -> String) {
    let theme = text.theme;
    let told: Vec<_> = report.timeline.iter().filter(|row| row.weight >= 1).collect();
    if told.is_empty() {
        return;
    }
    text.about(None);
    text.heading("What happened");
    for row in told.iter().take(MOMENTS) {
        text.about(row.session.as_deref());
        let session = row.session.as_ref().map_or_else(String::new, |session| format!("{session}: "));
        let style = if row.weight >= 3 { theme.tone(Tone::Failed) } else { theme.text };
        text.wrapped(&[(&format!("{}  ", time(&row.at)), theme.dim)], &format!("{session}{}", row.what), style);
    }
    if told.len() > MOMENTS {
        text.about(None);
        text.wrapped(&[], &format!("and {} more moments: `nightkeep report --full`", told.len() - MOMENTS), theme.dim);
    }
}
