//! The axis of the chart, and how stretches and marks look on it: each kind has a sign of its own, so that the chart can
//! be read without colours.

use super::Zoom;
use crate::report::timeline::{Doing, MarkKind, Span, Timeline};
use crate::tui::theme::{Theme, Tone};
use ratatui::style::Style;

/// What part of the night lies in which column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Axis {
    from: u64,
    to: u64,
    now: Option<u64>,
    /// The columns there are.
    pub columns: u16,
    /// What the wall clock showed at `from`, within a day, so that ticks fall on full times.
    day_ms: u64,
}

/// What may lie between two ticks, in minutes.
const TICKS: [u64; 12] = [1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720];
/// Columns that a tick needs.
const TICK_COLUMNS: u64 = 8;
/// Of what is shown, the part that lies ahead of now: one in so many.
const AHEAD: u64 = 10;

impl Axis {
    /// The axis for a zoom; `now` is a place on it.
    pub fn new(zoom: Zoom, now: u64, timeline: &Timeline, columns: u16) -> Self {
        let open = timeline.closed.is_none();
        let end = zoom.end.unwrap_or(now).max(1);
        let shown = zoom.shown.unwrap_or(end.max(60_000));
        let from = end.saturating_sub(shown);
        let ahead = if open && zoom.end.is_none() { shown / AHEAD } else { 0 };
        let wall = timeline.wall(from).map_or(0, |wall| wall.0);
        let day_ms = u64::try_from(wall.rem_euclid(86_400_000)).unwrap_or(0);
        Self {
            from,
            to: (from + shown + ahead).max(from + 1),
            now: open.then_some(now),
            columns: columns.max(1),
            day_ms,
        }
    }
    /// Milliseconds of a column.
    pub fn per_column(&self) -> u64 {
        ((self.to - self.from) / u64::from(self.columns)).max(1)
    }
    /// The column of a place on the axis; `None` when it is not shown.
    pub fn column(&self, at: u64) -> Option<u16> {
        if at < self.from || at > self.to {
            return None;
        }
        let column = (at - self.from).saturating_mul(u64::from(self.columns)) / (self.to - self.from);
        Some(u16::try_from(column).unwrap_or(u16::MAX).min(self.columns - 1))
    }
    /// The column of now; `None` when the night is over or now is not shown.
    pub fn now_column(&self) -> Option<u16> {
        self.now.and_then(|now| self.column(now))
    }
    /// Where times of day stand, with their places on the axis.
    pub fn ticks(&self) -> Vec<(u16, u64)> {
        let most = (u64::from(self.columns) / TICK_COLUMNS).max(1);
        let shown = self.to - self.from;
        let step = TICKS.iter().map(|minutes| minutes * 60_000).find(|step| shown / step <= most).unwrap_or(86_400_000);
        let first = (step - self.day_ms % step) % step;
        let places = (0..).map(|n| self.from + first + n * step).take_while(|at| *at < self.to);
        places.filter_map(|at| Some((self.column(at)?, at))).collect()
    }
    /// What fills each column most; nothing where nothing was.
    pub fn columns_of(&self, spans: impl Iterator<Item = Span>) -> Vec<Option<Doing>> {
        let mut best: Vec<(u64, Option<Doing>)> = vec![(0, None); usize::from(self.columns)];
        let (columns, shown) = (u64::from(self.columns), self.to - self.from);
        for span in spans.filter(|span| span.to >= self.from && span.from <= self.to) {
            let (from, to) = (span.from.max(self.from) - self.from, span.to.min(self.to) - self.from);
            let first = from.saturating_mul(columns) / shown;
            let last = to.saturating_sub(1).max(from).saturating_mul(columns) / shown;
            for column in first..=last.min(columns - 1) {
                let begin = column * shown / columns;
                let end = (column + 1) * shown / columns;
                let within = to.min(end).saturating_sub(from.max(begin)).max(1);
                let Some(cell) = usize::try_from(column).ok().and_then(|column| best.get_mut(column)) else { continue };
                if within > cell.0 {
                    *cell = (within, Some(span.doing));
                }
            }
        }
        best.into_iter().map(|(_, doing)| doing).collect()
    }
}

/// How a stretch looks.
pub fn doing_look(doing: Doing) -> (&'static str, Tone) {
    match doing {
        Doing::Working => ("█", Tone::Working),
        Doing::Stalled => ("▒", Tone::Failed),
        Doing::Checking => ("▓", Tone::Working),
        Doing::Stopping => ("▚", Tone::Off),
        Doing::BackingOff => ("╌", Tone::Delayed),
        Doing::Limited => ("≈", Tone::Delayed),
        Doing::Held => ("‖", Tone::Off),
        Doing::Waiting => ("·", Tone::Off),
        Doing::Down => ("░", Tone::Off),
    }
}

/// How a mark looks; `None` for what the stretches themselves show.
pub fn mark_look(kind: MarkKind, theme: &Theme) -> Option<(&'static str, Style)> {
    match kind {
        MarkKind::Start | MarkKind::Exit => None,
        MarkKind::Retry => Some(("↻", theme.tone(Tone::Delayed))),
        MarkKind::Failure => Some(("✗", theme.tone(Tone::Failed))),
        MarkKind::Stall => Some(("▲", theme.tone(Tone::Failed))),
        MarkKind::Alert => Some(("!", theme.tone(Tone::Waiting))),
        MarkKind::Operator => Some(("@", theme.strong)),
        MarkKind::Note => Some(("n", theme.strong)),
        MarkKind::Commit => Some(("c", theme.strong)),
        MarkKind::Outage => Some(("▼", theme.tone(Tone::Failed))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn axis(from: u64, to: u64, columns: u16) -> Axis {
        Axis { from, to, now: None, columns, day_ms: 0 }
    }

    fn stretch(doing: Doing, from: u64, to: u64) -> Span {
        Span { doing, from, to, run: 1, attempt: 1, end: String::new(), merged: 0 }
    }

    #[test]
    fn a_column_shows_what_filled_it_most_and_a_moment_is_not_lost_beside_nothing() {
        let axis = axis(0, 100, 10);
        let spans = [stretch(Doing::Working, 0, 14), stretch(Doing::BackingOff, 14, 30), stretch(Doing::Held, 50, 51)];
        let columns = axis.columns_of(spans.into_iter());
        use Doing as D;
        let expected = [Some(D::Working), Some(D::BackingOff), Some(D::BackingOff), None, None, Some(D::Held)];
        assert_eq!(columns[..6], expected);
        assert_eq!(columns[6..], [None; 4]);
    }

    proptest! {
        #[test]
        fn any_axis_and_any_spans_are_drawn_within_it(
            from in 0..u64::from(u32::MAX), length in 1..u64::from(u32::MAX), columns in 1..300_u16,
            spans in prop::collection::vec((0..u64::from(u32::MAX), 0..1_000_000_u64), 0..20),
        ) {
            let axis = axis(from, from + length, columns);
            let spans = spans.into_iter().map(|(at, long)| stretch(Doing::Working, at, at + long));
            prop_assert_eq!(axis.columns_of(spans).len(), usize::from(columns));
            prop_assert!(axis.ticks().iter().all(|(column, _)| *column < columns));
            prop_assert_eq!(axis.column(from), Some(0));
            prop_assert_eq!(axis.column(from + length), Some(columns - 1));
        }
    }
}
