//! When which byte of a recording came: from picked points of the whole, and finer ones of the part that is looked at.

use crate::protocol::output::{OutputAbout, OutputTime, POINTS_MAX};

/// How many steps between picked points are refined at once.
const AROUND: usize = 2;

/// The times of a recording. They never step back, whatever the clock of the machine did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Times {
    coarse: Vec<OutputTime>,
    /// Whether there are more points than the picked ones.
    thinned: bool,
    /// Points between two of the picked ones; the span they cover in offsets.
    fine: Vec<OutputTime>,
    covered: Option<(u64, u64)>,
    bytes: u64,
    last: i64,
    guessed: bool,
}

impl Times {
    /// The times of a recording with its picked points. Without any, the output is taken to have come evenly between
    /// its beginning and its end.
    pub fn new(about: &OutputAbout) -> Self {
        let mut coarse = steady(&about.times, i64::MIN);
        // The index of a recording that lives can be a second late.
        let guessed = coarse.is_empty() && !about.lives;
        let began = about.began_ms.or(coarse.first().map(|point| point.ms)).unwrap_or(0);
        let last_point = coarse.last().map_or(began, |point| point.ms);
        let last = about.ended_ms.unwrap_or(last_point).max(last_point).max(began);
        if coarse.is_empty() && !guessed {
            coarse.push(OutputTime { ms: began, at: about.kept_from });
        }
        if guessed {
            let steps = 512u64;
            let kept = about.bytes.saturating_sub(about.kept_from);
            coarse = (0..=steps)
                .map(|i| OutputTime {
                    ms: began + (last - began) / 512 * i64::try_from(i).unwrap_or(0),
                    at: about.kept_from + kept / steps * i,
                })
                .collect();
        }
        let thinned = !guessed && coarse.len() as u64 >= POINTS_MAX;
        Self { coarse, thinned, fine: Vec::new(), covered: None, bytes: about.bytes, last, guessed }
    }
    /// Whether no times are recorded.
    pub fn guessed(&self) -> bool {
        self.guessed
    }
    /// The first moment.
    pub fn first(&self) -> i64 {
        self.coarse.first().map_or(self.last, |point| point.ms)
    }
    /// The last moment.
    pub fn last(&self) -> i64 {
        self.last
    }
    /// How many bytes had come at a moment.
    pub fn offset_at(&self, ms: i64) -> u64 {
        // A point says when its first byte came: what had come before is all that stands before the next point.
        let next = |points: &[OutputTime]| points.get(points.partition_point(|point| point.ms <= ms)).map(|p| p.at);
        let by_coarse = self.coarse.partition_point(|point| point.ms <= ms);
        let Some(above) = self.coarse.get(by_coarse) else { return self.bytes };
        if !self.thinned {
            return above.at;
        }
        let below = by_coarse.checked_sub(1).and_then(|i| self.coarse.get(i)).map_or(0, |point| point.at);
        if self.covers(below, above.at) { next(&self.fine).unwrap_or(above.at).min(above.at) } else { below }
    }
    /// When the byte of an offset came.
    pub fn at_offset(&self, offset: u64) -> i64 {
        let before = |points: &[OutputTime]| {
            let after = points.partition_point(|point| point.at <= offset);
            after.checked_sub(1).and_then(|i| points.get(i)).map(|point| point.ms)
        };
        let fine = if self.covers(offset, offset) { before(&self.fine) } else { None };
        fine.or_else(|| before(&self.coarse)).unwrap_or_else(|| self.first())
    }
    fn covers(&self, from: u64, to: u64) -> bool {
        self.covered.is_some_and(|(first, last)| first <= from && to <= last)
    }
    /// Whether a moment cannot be told exactly yet.
    pub fn wants_finer(&self, ms: i64) -> bool {
        self.finer(ms).is_some()
    }
    /// The offsets between which finer points are needed to tell a moment exactly.
    pub fn finer(&self, ms: i64) -> Option<(u64, u64)> {
        let above = self.coarse.partition_point(|point| point.ms <= ms);
        let (below_at, above_at) = (self.coarse.get(above.checked_sub(1)?)?.at, self.coarse.get(above)?.at);
        if !self.thinned || self.covers(below_at, above_at) {
            return None;
        }
        let from = self.coarse.get(above.saturating_sub(2))?.at;
        let to = self.coarse.get((above + AROUND).min(self.coarse.len() - 1))?.at;
        Some((from.min(below_at), to.max(above_at)))
    }
    /// Takes the points between two offsets.
    pub fn refine(&mut self, from: u64, to: u64, points: &[OutputTime]) {
        let before = self.coarse.partition_point(|point| point.at < from);
        let floor = before.checked_sub(1).and_then(|i| self.coarse.get(i)).map_or(i64::MIN, |point| point.ms);
        self.fine = steady(points, floor);
        self.covered = Some((from, to));
    }
}

/// Points whose times never step back.
fn steady(points: &[OutputTime], floor: i64) -> Vec<OutputTime> {
    let mut latest = floor;
    let mut steady: Vec<OutputTime> = points
        .iter()
        .map(|point| {
            latest = latest.max(point.ms);
            OutputTime { ms: latest, at: point.at }
        })
        .collect();
    steady.dedup();
    steady
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(ms: i64, at: u64) -> OutputTime {
        OutputTime { ms, at }
    }
    fn about(times: Vec<OutputTime>, bytes: u64) -> OutputAbout {
        OutputAbout { times, bytes, began_ms: Some(1000), ended_ms: Some(9000), ..OutputAbout::default() }
    }

    #[test]
    fn a_moment_has_all_that_came_by_then() {
        let times = Times::new(&about(vec![point(1000, 0), point(2000, 10), point(1500, 30), point(4000, 50)], 60));
        let offsets: Vec<u64> = [0, 999, 1000, 1999, 2000, 3999, 4000, 9000].map(|ms| times.offset_at(ms)).into();
        assert_eq!(offsets, [0, 0, 10, 10, 50, 50, 60, 60], "a clock that was set back does not undo output");
        assert_eq!((times.first(), times.last()), (1000, 9000));
        assert_eq!((times.at_offset(0), times.at_offset(29), times.at_offset(55)), (1000, 2000, 4000));
    }

    #[test]
    fn thinned_points_are_refined_where_it_matters() {
        let coarse: Vec<_> = (0..POINTS_MAX).map(|i| point(i as i64 * 100, i * 1000)).collect();
        let mut times = Times::new(&about(coarse, POINTS_MAX * 1000));
        let (from, to) = times.finer(5050).unwrap();
        assert!(from <= 50_000 && to >= 51_000, "{from} {to}");
        assert_eq!(times.offset_at(5050), 50_000);
        let fine: Vec<_> = (from..to).step_by(10).map(|at| point(at as i64 / 10, at)).collect();
        times.refine(from, to, &fine);
        assert_eq!(times.finer(5050), None);
        assert_eq!((times.offset_at(5050), times.at_offset(50_505)), (50_510, 5050));
    }

    #[test]
    fn without_times_they_are_spread_evenly_and_that_is_known() {
        let times = Times::new(&about(Vec::new(), 5120));
        assert!(times.guessed());
        let half = times.offset_at(5000);
        assert!((2400..2700).contains(&half), "{half}");
        assert_eq!(times.offset_at(9000), 5120);
        assert_eq!(Times::new(&OutputAbout::default()).offset_at(0), 0);
    }
}
