//! The numbers of a session over time, each as a chart of its own.

use super::lines;
use super::{Cx, Page};
use crate::core::time::Wall;
use crate::protocol::details::{Numbers, Series};
use crate::status::numbers::OUTPUT;
use crate::status::text::{bytes, number};
use crate::status::zone::hh_mm;
use crate::tui::cells::{put, put_all, put_right, width};
use crate::tui::intent::Want;
use crate::tui::keys::Context;
use crate::tui::model::{Detail, Model};
use crate::tui::ui::{Place, Ui};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// The part of the session view.
pub const PAGE: Page = Page { title: "Numbers", context: Context::Numbers, draw, wants, rows, ..Page::PLAIN };

/// Columns of the labels at the left.
const LABELS: u16 = 10;
/// Rows of a chart with its heading: the fewest and the most.
const ROWS: (u16, u16) = (5, 13);
/// Bars by eighths.
const BARS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

fn want(ui: &Ui) -> Option<Want> {
    ui.opened.clone().map(Want::Numbers)
}

fn wants(_: &Model, ui: &Ui) -> Vec<Want> {
    want(ui).into_iter().collect()
}

fn known<'m>(model: &'m Model, ui: &Ui) -> Option<Result<&'m Numbers, &'m String>> {
    match model.details.get(&want(ui)?)? {
        Ok(Detail::Numbers(numbers)) => Some(Ok(numbers)),
        Ok(_) => None,
        Err(why) => Some(Err(why)),
    }
}

fn rows(model: &Model, ui: &Ui) -> usize {
    known(model, ui).and_then(Result::ok).map_or(0, |numbers| numbers.series.len())
}

/// The series in the order in which they are shown: the session's own numbers, then its output.
fn shown(numbers: &Numbers) -> Vec<&Series> {
    let (output, own): (Vec<&Series>, Vec<&Series>) = numbers.series.iter().partition(|series| series.name == OUTPUT);
    own.into_iter().chain(output).collect()
}

fn draw(area: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    let numbers = match known(cx.model, cx.ui) {
        None => return lines::note("Asking for the numbers …", area, buf, cx),
        Some(Err(why)) => return lines::note(why, area, buf, cx),
        Some(Ok(numbers)) if numbers.series.iter().all(|series| series.points.is_empty()) => {
            let text = "No number was seen yet. `metrics` in sessions.toml says what to read from the output.";
            return lines::note(text, area, buf, cx);
        }
        Some(Ok(numbers)) => numbers,
    };
    let series = shown(numbers);
    let first = series.iter().filter_map(|series| series.points.first()).map(|(at, _)| *at).min().unwrap_or(cx.now.0);
    let last = series.iter().filter_map(|series| series.points.last()).map(|(at, _)| *at).max().unwrap_or(cx.now.0);
    let runs = cx.ui.opened.as_deref().and_then(|name| cx.model.session(name)).is_some_and(|s| s.state == "running");
    let span = Span { from: first, to: if runs { cx.now.0.max(last) } else { last }.max(first + 60_000) };
    let room = area.height.saturating_sub(1);
    let fit = (room / ROWS.0).max(1);
    let count = u16::try_from(series.len()).unwrap_or(u16::MAX).min(fit).max(1);
    let tall = (room / count).clamp(ROWS.0.min(room.max(1)), ROWS.1);
    let place = lines::window(Place { cursor: cx.ui.place(Context::Numbers).cursor, offset: 0 }, series.len(), count);
    let mut y = area.y;
    for (at, one) in series.iter().enumerate().skip(place.offset).take(usize::from(count)) {
        let chart = Rect { y, height: tall.min(area.bottom().saturating_sub(y + 1)), ..area };
        draw_one(one, &span, at == place.cursor && series.len() > usize::from(count), chart, buf, cx);
        y += tall;
    }
    axis(numbers, &span, Rect { y: y.min(area.bottom() - 1), height: 1, ..area }, buf, cx);
}

/// The time that is shown, in milliseconds since 1970.
struct Span {
    from: i64,
    to: i64,
}

impl Span {
    /// The columns' ends.
    fn ends(&self, columns: u16) -> impl Iterator<Item = i64> {
        let (from, length) = (self.from, self.to - self.from);
        (1..=i64::from(columns)).map(move |n| from + length * n / i64::from(columns))
    }
    fn column(&self, at: i64, columns: u16) -> Option<u16> {
        let into = at.checked_sub(self.from).filter(|into| *into >= 0 && at <= self.to)?;
        let column = into * i64::from(columns) / (self.to - self.from).max(1);
        u16::try_from(column).ok().map(|column| column.min(columns.saturating_sub(1)))
    }
}

/// The value in each column: the last one known there.
fn values(series: &Series, span: &Span, columns: u16) -> Vec<Option<f64>> {
    let mut points = series.points.iter().peekable();
    let mut known = None;
    let each = span.ends(columns).map(|end| {
        while let Some((_, value)) = points.next_if(|(at, _)| *at <= end) {
            known = Some(*value);
        }
        known
    });
    each.collect()
}

/// Growth by the minute in each column, of a number that begins at 0 with each attempt. What was looked at more seldom
/// than there are columns is spread over several.
fn rates(series: &Series, span: &Span, columns: u16) -> Vec<Option<f64>> {
    let mut apart: Vec<i64> = series.points.windows(2).map(|two| two[1].0 - two[0].0).collect();
    apart.sort_unstable();
    let usual = apart.get(apart.len() / 2).copied().unwrap_or(0);
    let length = span.to - span.from;
    let least = (usual * 2).max(length / i64::from(columns.max(1))).max(1);
    let bins = u16::try_from((length / least).max(1)).unwrap_or(columns).min(columns);
    let by_bin = growth(series, span, bins);
    let bin = |column: u16| usize::from(column) * usize::from(bins) / usize::from(columns.max(1));
    (0..columns).map(|column| by_bin.get(bin(column)).copied().flatten()).collect()
}

fn growth(series: &Series, span: &Span, bins: u16) -> Vec<Option<f64>> {
    #[expect(clippy::cast_precision_loss, reason = "minutes of a night")]
    let minutes = (span.to - span.from) as f64 / f64::from(bins.max(1)) / 60_000.0;
    let mut before: Option<f64> = None;
    let mut points = series.points.iter().peekable();
    let each = span.ends(bins).map(|end| {
        let mut grown = before.map(|_| 0.0);
        while let Some((_, value)) = points.next_if(|(at, _)| *at <= end) {
            let more = before.map_or(0.0, |before| if *value >= before { value - before } else { *value });
            grown = Some(grown.unwrap_or(0.0) + more);
            before = Some(*value);
        }
        grown.map(|grown| grown / minutes.max(1e-9))
    });
    each.collect()
}

fn draw_one(series: &Series, span: &Span, marked: bool, area: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    if area.height < 2 {
        return;
    }
    let columns = area.width.saturating_sub(LABELS + 2).max(1);
    let output = series.name == OUTPUT;
    let values = if output { rates(series, span, columns) } else { values(series, span, columns) };
    let told = |value: f64| if output { bytes(whole(value)) } else { number(value) };
    let seen = || values.iter().filter_map(|value| *value);
    let highest = seen().fold(f64::MIN, f64::max);
    let lowest = seen().fold(f64::MAX, f64::min);
    let last = series.points.last().map_or(0.0, |(_, value)| *value);
    let (name, standing) = if output {
        ("output a minute".to_owned(), format!("{} in all", bytes(whole(last))))
    } else {
        let total = series.total.map_or_else(String::new, |total| format!(" of {}", number(total)));
        (series.name.clone(), format!("{}{total}{}", number(last), pace(series, cx)))
    };
    let sign = if marked { "▌" } else { " " };
    let taken = put_all(
        buf,
        area.x,
        area.y,
        area.width,
        &[(sign, cx.theme.heading), (&name, cx.theme.heading), ("  ", cx.theme.text), (&standing, cx.theme.text)],
    );
    if series.points.is_empty() || highest < lowest {
        put(buf, area.x + taken + 2, area.y, area.width.saturating_sub(taken + 3), "not seen yet", cx.theme.dim);
        return;
    }
    let range = format!("between {} and {}", told(lowest), told(highest));
    if taken + width(&range) + 4 < area.width {
        put_right(buf, area.x, area.y, area.width - 1, &range, cx.theme.dim);
    }
    let top = series.total.filter(|total| !output && *total >= highest).unwrap_or(highest);
    // A number that hardly moves far from 0 would be a full block.
    let bottom = if lowest > 0.0 && highest > lowest && lowest > highest * 0.5 && top <= highest {
        lowest - (highest - lowest) * 0.2
    } else {
        lowest.min(0.0)
    };
    let bars = Rect { x: area.x + LABELS + 1, y: area.y + 1, width: columns, height: area.height - 1 };
    put_right(buf, area.x, bars.y, LABELS - 1, &told(top), cx.theme.dim);
    if bars.height > 1 {
        put_right(buf, area.x, bars.bottom() - 1, LABELS - 1, &told(bottom.max(0.0)), cx.theme.dim);
    }
    let scale = (top - bottom).max(f64::MIN_POSITIVE);
    for (x, value) in (bars.x..bars.right()).zip(&values) {
        let Some(value) = value else { continue };
        let eighths =
            ((value - bottom) / scale * f64::from(bars.height) * 8.0).clamp(0.0, f64::from(bars.height) * 8.0);
        // What is more than nothing is seen.
        let mut left = whole(eighths.round().max(if *value > bottom { 1.0 } else { 0.0 }));
        for y in (bars.y..bars.bottom()).rev() {
            let here = left.min(8);
            left -= here;
            if here > 0 {
                put(buf, x, y, 1, BARS[usize::try_from(here).unwrap_or(8)], cx.theme.spark);
            }
        }
    }
}

/// How fast it moves, and when it is through.
fn pace(series: &Series, cx: &Cx<'_>) -> String {
    let session = cx.ui.opened.as_deref().and_then(|name| cx.model.session(name));
    let metric = session.and_then(|session| session.metrics.iter().find(|metric| metric.name == series.name));
    let Some(metric) = metric else { return String::new() };
    let rate = metric.per_s.map_or_else(String::new, |rate| format!(", {} an hour", number((rate * 3600.0).round())));
    let eta = super::at(metric.eta.as_ref()).map_or_else(String::new, |at| format!(", through at {}", cx.time(at)));
    format!("{rate}{eta}")
}

/// A number that is not negative, as a whole one.
fn whole(value: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what fits")]
    let whole = value.clamp(0.0, 9e15) as u64;
    whole
}

/// The times below the charts, and where attempts began.
fn axis(numbers: &Numbers, span: &Span, row: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    let columns = row.width.saturating_sub(LABELS + 2).max(1);
    let left = row.x + LABELS + 1;
    let zone = &cx.model.zone;
    put(buf, left, row.y, columns, &hh_mm(Wall(span.from), zone), cx.theme.dim);
    put_right(buf, left, row.y, columns, &hh_mm(Wall(span.to), zone), cx.theme.dim);
    let mut free = left + 7;
    for (at, attempt) in numbers.attempts.iter().skip(1) {
        let Some(column) = span.column(*at, columns) else { continue };
        let text = format!("↑attempt {attempt}");
        let (x, wide) = (left + column, width(&text));
        if x >= free && x + wide + 7 < left + columns {
            put(buf, x, row.y, wide, &text, cx.theme.dim);
            free = x + wide + 1;
        }
    }
}
