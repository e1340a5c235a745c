//! The numbers of a session over time, from what its output told: bounded, so that a long night has points throughout.

use crate::core::ids::AttemptId;
use crate::core::run::OutputSeen;
use crate::core::time::Wall;
use crate::protocol::SCHEMA;
use crate::protocol::details::{Numbers, Series};

/// Most points of one series. At that many every other one goes, so that the rest spans the whole night.
pub const POINTS_MAX: usize = 480;
/// Most series of one session.
pub const SERIES_MAX: usize = 32;
/// Most starts of attempts.
const STARTS_MAX: usize = 200;
/// The name of the series that every session has.
pub const OUTPUT: &str = "output bytes";

/// What a look at an output says of its numbers.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
pub struct Sample {
    /// Bytes of output.
    pub bytes: u64,
    /// The last value and total of each number.
    pub metrics: std::collections::BTreeMap<String, Value>,
}

/// The last value of a number, as it is journaled.
#[derive(Debug, Clone, Copy, PartialEq, serde::Deserialize)]
pub struct Value {
    /// It.
    pub value: f64,
    /// Its total, when known.
    pub total: Option<f64>,
}

impl From<&OutputSeen> for Sample {
    fn from(seen: &OutputSeen) -> Self {
        let value = |seen: &crate::core::run::MetricSeen| Value { value: seen.value, total: seen.total };
        let metrics = seen.metrics.iter().map(|(name, seen)| (name.clone(), value(seen))).collect();
        Self { bytes: seen.bytes, metrics }
    }
}

/// The numbers of a session of which nothing is known yet.
pub fn none(session: &str, night: Option<&str>) -> Numbers {
    let output = Series { name: OUTPUT.to_owned(), total: None, points: Vec::new() };
    let night = night.map(str::to_owned);
    Numbers { schema: SCHEMA, session: session.to_owned(), night, seq: 0, series: vec![output], attempts: Vec::new() }
}

/// Takes a look at the output of an attempt in. Looks come in the order of the journal; older ones change nothing.
pub fn take(numbers: &mut Numbers, seq: i64, at: Wall, attempt: &AttemptId, sample: &Sample) {
    if seq <= numbers.seq {
        return;
    }
    numbers.seq = seq;
    if numbers.attempts.last().is_none_or(|(_, known)| *known != attempt.number) {
        if numbers.attempts.len() >= STARTS_MAX {
            numbers.attempts.remove(0);
        }
        numbers.attempts.push((at.0, attempt.number));
    }
    #[expect(clippy::cast_precision_loss, reason = "a chart needs no single byte of an exabyte")]
    let bytes = sample.bytes as f64;
    add(numbers, OUTPUT, None, at, bytes);
    for (name, seen) in &sample.metrics {
        add(numbers, name, seen.total, at, seen.value);
    }
}

fn add(numbers: &mut Numbers, name: &str, total: Option<f64>, at: Wall, value: f64) {
    if !value.is_finite() {
        return;
    }
    let place = match numbers.series.iter().position(|series| series.name == name) {
        Some(place) => place,
        None if numbers.series.len() >= SERIES_MAX => return,
        None => {
            numbers.series.push(Series { name: name.to_owned(), total, points: Vec::new() });
            numbers.series.len() - 1
        }
    };
    let series = &mut numbers.series[place];
    series.total = total.filter(|total| total.is_finite()).or(series.total);
    series.points.push((at.0, value));
    if series.points.len() > POINTS_MAX {
        let last = series.points.len() - 1;
        let mut i = 0;
        // The newest point stays in any case.
        series.points.retain(|_| {
            i += 1;
            (i - 1) % 2 == 0 || i - 1 == last
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_long_night_keeps_points_from_its_begin_to_its_end() {
        let mut numbers = none("load", Some("2026-11-21"));
        let attempt: AttemptId = "2026-11-21/load/1.1".parse().unwrap();
        let mut most = 0;
        for i in 0..20_000_i64 {
            let value = Value { value: i as f64, total: Some(20_000.0) };
            let sample = Sample { bytes: i as u64 * 10, metrics: BTreeMap::from([("rows".to_owned(), value)]) };
            take(&mut numbers, i + 1, Wall(i * 1000), &attempt, &sample);
            take(&mut numbers, i + 1, Wall(0), &attempt, &sample);
            most = most.max(numbers.series[1].points.len());
        }
        assert!(most <= POINTS_MAX, "{most}");
        let rows = &numbers.series[1];
        assert_eq!((rows.name.as_str(), rows.total), ("rows", Some(20_000.0)));
        assert_eq!(rows.points[0], (0, 0.0));
        assert_eq!(*rows.points.last().unwrap(), (19_999_000, 19_999.0));
        assert!(rows.points.len() > POINTS_MAX / 3 && rows.points.windows(2).all(|two| two[0].0 < two[1].0));
        assert_eq!(numbers.attempts, [(0, 1)]);
    }
}
