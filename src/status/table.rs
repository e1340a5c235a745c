//! The status document as text: a sentence on the night, what needs a person, and a table of sessions.

use super::text::{KEEP, cut, harmless, number, pad, short_span, width, wrap};
use super::words;
use super::zone::{hh_mm, hh_mm_near, parse};
use crate::core::guard::thing;
use crate::core::time::Wall;
use crate::core::usage::{Money, WARN_AT, short};
use crate::protocol::{ExitStatus, MetricStatus, OutageStatus, SessionStatus, Status};
use jiff::tz::TimeZone;
use std::time::Duration;

/// Whether colours are written. Every state has a word and a sign as well, so plain text says the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// No escape sequences at all.
    Plain,
    /// Colours by SGR sequences.
    Ansi,
}

/// What a colour is meant to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Failed, or waits for a person.
    Bad,
    /// Delayed or incomplete.
    Warn,
    /// At work.
    Active,
    /// Done and well.
    Good,
    /// Of less interest.
    Dim,
    /// A heading.
    Strong,
    /// Nothing special.
    Normal,
}

impl Style {
    /// The text in the colour of a tone.
    pub fn paint(self, tone: Tone, text: &str) -> String {
        let code = match (self, tone) {
            (Self::Plain, _) | (Self::Ansi, Tone::Normal) => return text.to_owned(),
            (Self::Ansi, Tone::Bad) => "31",
            (Self::Ansi, Tone::Warn) => "33",
            (Self::Ansi, Tone::Active) => "36",
            (Self::Ansi, Tone::Good) => "32",
            (Self::Ansi, Tone::Dim) => "2",
            (Self::Ansi, Tone::Strong) => "1",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// How a table is to look.
pub struct TableOptions<'a> {
    /// Columns of the terminal; taken as 40 when less.
    pub width: usize,
    /// Colours or none.
    pub style: Style,
    /// The zone for times.
    pub zone: &'a TimeZone,
}

/// Narrower than this nothing can be told; a terminal that says so is not believed.
const WIDTH_MIN: usize = 40;
/// Least room that the last column keeps before others are left out; on a wide terminal it is a fifth.
const NOTE_MIN: usize = 16;
const GAP: usize = 2;

/// The sign and the tone of a state; the sign tells states apart without colour.
pub fn sign(state: &str) -> (&'static str, Tone) {
    match state {
        "failed" => ("✗", Tone::Bad),
        "partial" => ("!", Tone::Bad),
        "held" => ("‖", Tone::Warn),
        "unfinished" => ("◌", Tone::Warn),
        "limited" => ("◷", Tone::Warn),
        "backing_off" => ("↻", Tone::Warn),
        "starting" | "stopping" => ("◐", Tone::Active),
        "running" => ("●", Tone::Active),
        "succeeded" => ("✓", Tone::Good),
        "stopped" => ("■", Tone::Dim),
        "skipped" => ("–", Tone::Dim),
        _ => ("·", Tone::Dim),
    }
}

/// Whether a session waits for a person.
pub fn needs_person(session: &SessionStatus) -> bool {
    matches!(session.state.as_str(), "failed" | "partial" | "held" | "unfinished")
        || matches!(session.activity.as_deref(), Some("prompting" | "stalled"))
}

/// The whole text; every line fits the width.
pub fn render(status: &Status, options: &TableOptions<'_>) -> String {
    let columns = options.width.max(WIDTH_MIN);
    let now = parse(&status.generated_at).unwrap_or(Wall(0));
    let mut out = String::new();
    for (tone, sentence) in header(status, now, options.zone) {
        for line in wrap(&sentence, columns) {
            out.push_str(&options.style.paint(tone, &line));
            out.push('\n');
        }
    }
    if !status.sessions.is_empty() {
        out.push('\n');
        table(status, now, columns, options, &mut out);
    }
    out
}

/// The states as counted in the header, worst first.
const COUNTED: [&str; 15] = [
    "failed",
    "partial",
    "held",
    "unfinished",
    "limited",
    "backing_off",
    "stopping",
    "starting",
    "running",
    "queued",
    "waiting",
    "scheduled",
    "skipped",
    "stopped",
    "succeeded",
];

fn is_to_come(at: &str, now: Wall) -> bool {
    parse(at).is_some_and(|at| at > now)
}

fn header(status: &Status, now: Wall, zone: &TimeZone) -> Vec<(Tone, String)> {
    let mut lines = Vec::new();
    let time = |text: &str| parse(text).map_or_else(|| "?".to_owned(), |wall| hh_mm_near(wall, now, zone));
    let night = match &status.night {
        None => "No night was begun yet".to_owned(),
        Some(night) => match &night.to {
            None => format!("Night {}, open since {}", night.id, time(&night.from)),
            Some(to) if is_to_come(to, now) => {
                format!("Night {}, open since {} until {}", night.id, time(&night.from), time(to))
            }
            Some(to) => format!("Night {}, over: {} to {}", night.id, time(&night.from), time(to)),
        },
    };
    if let Some(problem) = &status.file_problem {
        let first = harmless(problem.lines().next().unwrap_or_default());
        lines.push((Tone::Bad, format!("The changed file is not taken over: {first}")));
    }
    if status.sessions.is_empty() {
        lines.push((Tone::Strong, format!("{night}. No sessions.")));
        lines.push((Tone::Normal, "`nightkeep init` writes a sessions.toml for this folder.".into()));
        lines.push((
            Tone::Normal,
            "`nightkeep add NAME --project P -- COMMAND` adds one that stands in no file.".into(),
        ));
        return lines;
    }
    let counts: Vec<String> = COUNTED
        .iter()
        .map(|word| (word, status.sessions.iter().filter(|s| s.state == **word).count()))
        .filter(|(_, n)| *n > 0)
        .map(|(word, n)| format!("{n}{KEEP}{}", word.replace('_', &KEEP.to_string())))
        .collect();
    let all = match status.sessions.len() {
        1 => "1 session".to_owned(),
        n => format!("{n} sessions"),
    };
    lines.push((Tone::Strong, format!("{night}. {}: {}", all.replace(' ', &KEEP.to_string()), counts.join(", "))));
    if let Some(why) = &status.safe_mode {
        lines.push((Tone::Bad, format!("Safe mode, nothing is started: {}. `nightkeep up` ends it.", harmless(why))));
    }
    for outage in &status.outages {
        lines.push((Tone::Warn, outage_line(outage, &time)));
    }
    if let Some(usage) = &status.usage {
        let spent = usage.budget.as_ref().and_then(|budget| budget.percent).is_some_and(|percent| percent >= WARN_AT);
        let tone = if spent { Tone::Warn } else { Tone::Dim };
        lines.push((tone, format!("Used: {}.", super::usage::words(usage))));
    }
    let open: Vec<_> = status.alerts.iter().filter(|a| a.state == "open").collect();
    if let Some(first) = open.first() {
        let all = if open.len() == 1 { "1 open alert".to_owned() } else { format!("{} open alerts", open.len()) };
        lines.push((Tone::Bad, format!("{all}: {} ({}). `nightkeep alerts` lists all.", first.title, first.id)));
    }
    let mut needing: Vec<&str> = status.sessions.iter().filter(|s| needs_person(s)).map(|s| s.name.as_str()).collect();
    let more = needing.len().saturating_sub(5);
    needing.truncate(5);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    // What a session says of itself is told as its word.
    let says: Vec<&str> = status.sessions.iter().filter(|s| s.needs.is_some()).map(|s| s.name.as_str()).collect();
    if !needing.is_empty() {
        lines
            .push((Tone::Bad, format!("Needs you: {}{more}. Try `nightkeep why {}`.", needing.join(", "), needing[0])));
    } else if says.is_empty() {
        lines.push((Tone::Good, "Nothing needs you.".into()));
    }
    if let Some(first) = says.first() {
        let more = if says.len() > 1 { format!(" and {} more", says.len() - 1) } else { String::new() };
        lines.push((Tone::Warn, format!("Says that it needs you: {first}{more}. Try `nightkeep why {first}`.")));
    }
    let noted: Vec<&str> = status.sessions.iter().filter(|s| !s.notes.is_empty()).map(|s| s.name.as_str()).collect();
    if let Some(first) = noted.first() {
        let more = if noted.len() > 1 { format!(" and {} more", noted.len() - 1) } else { String::new() };
        lines.push((Tone::Dim, format!("Open notes to {first}{more}: `nightkeep note {first}` tells them.")));
    }
    let night_open = status.night.as_ref().is_some_and(|n| n.to.as_ref().is_none_or(|to| is_to_come(to, now)));
    if status.night.is_none() || !night_open {
        lines.push((Tone::Normal, "`nightkeep up` begins a night.".into()));
    } else if status.daemon.is_none() {
        lines.push((Tone::Warn, "No daemon runs; this is what the journal knows. `nightkeep up` goes on.".into()));
    }
    lines
}

fn outage_line(outage: &OutageStatus, time: &impl Fn(&str) -> String) -> String {
    let what = thing(&harmless(&outage.key));
    let held = match outage.held.len() {
        0 => String::new(),
        1 => "; holds 1 session".to_owned(),
        n => format!("; holds {n} sessions"),
    };
    let since = outage.since.as_deref().map_or_else(String::new, |since| format!(" since {}", time(since)));
    let next = outage.next_at.as_deref().map_or_else(|| "soon".to_owned(), time);
    let cause = harmless(&outage.cause);
    let resets = outage.resets_at.as_deref().map_or_else(String::new, |at| format!(", which resets {}", time(at)));
    let is_down = if outage.usage_limit { format!("is at its usage limit{resets}") } else { format!("is down{since}") };
    match outage.state.as_str() {
        "parked" => format!("{what} is parked: {cause}."),
        "slow_start" => format!("{what} is back; sessions start one after the other{held}."),
        "half_open" => format!("{what} {is_down} and is being tried{held}: {cause}."),
        _ => format!("{what} {is_down}, tried again at {next}{held}: {cause}."),
    }
}

/// `1.2M $3.40`, with how much of a budget it is when that is much.
fn used_cell(session: &SessionStatus) -> String {
    let Some(usage) = &session.usage else { return String::new() };
    let tokens = short(usage.input_tokens.saturating_add(usage.output_tokens));
    let percent = usage.budget.as_ref().and_then(|budget| budget.percent).filter(|percent| *percent >= WARN_AT);
    match (percent, usage.usd.and_then(Money::of_usd)) {
        (Some(percent), _) => format!("{tokens} {percent} %"),
        (None, Some(usd)) => format!("{tokens} {usd}"),
        (None, None) => tokens,
    }
}

/// One column; when the terminal is narrow, those with a lower `rank` get room first, and those of rank 0 always.
struct Column {
    head: &'static str,
    rank: u8,
    widest: usize,
    cells: Vec<String>,
}

fn table(status: &Status, now: Wall, columns: usize, options: &TableOptions<'_>, out: &mut String) {
    let zone = options.zone;
    let name_cap = match columns {
        0..70 => 16,
        70..100 => 20,
        100..160 => 28,
        _ => 40,
    };
    let cells = |cell: &dyn Fn(&SessionStatus) -> String| status.sessions.iter().map(cell).collect::<Vec<_>>();
    let column = |head, rank, widest, cells| Column { head, rank, widest, cells };
    let mut shown = vec![
        column("STATE", 0, 14, cells(&state_cell)),
        column("SESSION", 0, name_cap, cells(&|s| s.name.clone())),
        column("PROJECT", 6, name_cap, cells(&|s| s.project.clone().unwrap_or_default())),
        column("TRY", 3, 7, cells(&try_cell)),
        column("SINCE", 5, 9, cells(&|s| since_cell(s, now, zone))),
        column("TIME", 2, 6, cells(&|s| time_cell(s, now))),
        column("NEXT", 4, 9, cells(&|s| next_cell(s, now, zone))),
        column("USED", 7, 16, cells(&used_cell)),
        column("PROGRESS", 1, 36, cells(&|s| progress(s, now, zone, columns))),
    ];
    shown.retain(|c| c.cells.iter().any(|cell| !cell.is_empty()));
    let notes = cells(&note);
    let natural =
        |c: &Column| c.cells.iter().map(|cell| width(cell)).max().unwrap_or(0).max(width(c.head)).min(c.widest);
    let mut order: Vec<(u8, usize)> = shown.iter().map(|c| (c.rank, natural(c) + GAP)).collect();
    order.sort_unstable();
    let note_min = NOTE_MIN.max(columns / 5);
    let mut taken = note_min;
    let mut kept: Vec<u8> = Vec::new();
    for (rank, wide) in order {
        if rank == 0 || taken + wide <= columns {
            taken += wide;
            kept.push(rank);
        }
    }
    shown.retain(|c| kept.contains(&c.rank));
    let mut widths: Vec<usize> = shown.iter().map(natural).collect();
    let over = (widths.iter().map(|w| w + GAP).sum::<usize>() + note_min).saturating_sub(columns);
    if let Some(name) = widths.get_mut(1) {
        *name = name.saturating_sub(over).max(6);
    }
    let note_width = columns.saturating_sub(widths.iter().map(|w| w + GAP).sum());
    let line = |cells: Vec<String>, note: &str| {
        let mut line = String::new();
        for (cell, w) in cells.iter().zip(&widths) {
            line.push_str(&pad(cell, *w));
            line.push_str("  ");
        }
        line.push_str(&cut(note, note_width));
        line.truncate(line.trim_end().len());
        line
    };
    let heads = line(shown.iter().map(|c| c.head.to_owned()).collect(), "LAST WORDS / REASON");
    out.push_str(&options.style.paint(Tone::Dim, &heads));
    out.push('\n');
    for (i, session) in status.sessions.iter().enumerate() {
        let row = line(shown.iter().map(|c| c.cells[i].clone()).collect(), &notes[i]);
        // The colour covers the state alone: the rest of the row stays readable on any background.
        let state = pad(&shown[0].cells[i], widths[0]);
        let tone = if needs_person(session) { Tone::Bad } else { sign(&session.state).1 };
        match row.strip_prefix(&state) {
            Some(rest) => {
                out.push_str(&options.style.paint(tone, &state));
                out.push_str(rest);
            }
            None => out.push_str(&row),
        }
        out.push('\n');
    }
}

fn state_cell(session: &SessionStatus) -> String {
    let word = match session.activity.as_deref() {
        Some(word @ ("prompting" | "stalled")) => word,
        Some(_) | None => session.state.as_str(),
    };
    let sign = if word == session.state { sign(word).0 } else { "?" };
    format!("{sign} {word}")
}

fn try_cell(session: &SessionStatus) -> String {
    match (session.attempt, session.attempts_max) {
        (0, _) => String::new(),
        // Attempts that were not counted can make more than are allowed: then the number alone is true.
        (n, max) if max == 0 || n > max => n.to_string(),
        (n, max) => format!("{n}/{max}"),
    }
}

fn since_cell(session: &SessionStatus, now: Wall, zone: &TimeZone) -> String {
    session.since.as_deref().and_then(parse).map_or_else(String::new, |since| hh_mm_near(since, now, zone))
}

/// How long: a program that runs, since its start; one that ended, what it ran; anything else, the time in its state.
fn time_cell(session: &SessionStatus, now: Wall) -> String {
    let since = |text: &Option<String>| text.as_deref().and_then(parse).map(|at| now.since(at));
    let time = match session.state.as_str() {
        "running" | "starting" | "stopping" => since(&session.started_at),
        "failed" | "partial" | "succeeded" | "stopped" | "unfinished" => {
            session.exit.as_ref().and_then(|e| Duration::try_from_secs_f64(e.ran).ok())
        }
        "skipped" | "scheduled" => None,
        _ => since(&session.since),
    };
    time.map_or_else(String::new, short_span)
}

fn next_cell(session: &SessionStatus, now: Wall, zone: &TimeZone) -> String {
    let Some(next) = session.next_at.as_deref().and_then(parse) else { return String::new() };
    let left = next.since(now);
    if left.is_zero() {
        "due".to_owned()
    } else if left < Duration::from_secs(3600) {
        format!("in {}", short_span(left))
    } else {
        hh_mm_near(next, now, zone)
    }
}

/// `3,100/3,513 88 % until 04:20 +1`: the first number, when it is reached, and how many more there are; less of it when
/// the terminal is narrow.
fn progress(session: &SessionStatus, now: Wall, zone: &TimeZone, columns: usize) -> String {
    let seen = |m: &&MetricStatus| m.value.is_some() || m.total.is_some();
    let Some(metric) = session.metrics.iter().find(|m| m.total.is_some()).or_else(|| session.metrics.iter().find(seen))
    else {
        return String::new();
    };
    let mut out = of_total(metric);
    if columns < 70 {
        return match out.split_once(' ') {
            Some((_, percent)) => percent.to_owned(),
            None => out,
        };
    }
    if columns < 110 {
        return out;
    }
    if let Some(eta) = metric.eta.as_deref().and_then(parse) {
        let soon = eta.since(now) < Duration::from_secs(86_400);
        let eta = if soon { hh_mm(eta, zone) } else { hh_mm_near(eta, now, zone) };
        out.push_str(&format!(" until {eta}"));
    }
    let more = session.metrics.iter().filter(seen).count().saturating_sub(1);
    if more > 0 {
        out.push_str(&format!(" +{more}"));
    }
    out
}

/// `3,100/3,513 88 %`, `12`, or `?/3,513` before the first value.
pub fn of_total(metric: &MetricStatus) -> String {
    let value = metric.value.map_or_else(|| "?".to_owned(), number);
    match (metric.value, metric.total) {
        (Some(seen), Some(total)) if total > 0.0 => {
            // Rounded down: 100 % is said of a reached total alone.
            let percent = (seen / total * 100.0).floor();
            format!("{value}/{} {} %", number(total), number(percent))
        }
        (_, Some(total)) => format!("{value}/{}", number(total)),
        (_, None) => value,
    }
}

/// The last column: what a running program said last, otherwise why the session is where it is.
fn note(session: &SessionStatus) -> String {
    let last = session.output.as_ref().map_or("", |o| o.last_line.as_str());
    let mut words = match session.state.as_str() {
        "running" if !last.is_empty() && session.activity.as_deref() != Some("prompting") => harmless(last),
        _ if !session.reason.is_empty() => harmless(&session.reason),
        _ => session.exit.as_ref().map_or_else(|| harmless(last), exit),
    };
    if session.removed && session.state == "running" {
        words = format!("removed from the file; {words}");
    }
    words
}

fn exit(exit: &ExitStatus) -> String {
    let ending = match (exit.code, exit.signal) {
        (Some(code), _) => format!("exit {code}"),
        (None, Some(number)) => words::signal(number),
        (None, None) => "exit unknown".to_owned(),
    };
    match &exit.class {
        Some(class) => format!("{ending} ({})", class.replace('_', " ")),
        None => ending,
    }
}
