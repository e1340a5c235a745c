//! Spans and times as they are typed: `90s`, `1h30m`, `02:00`, `2h` ago, RFC 3339.

use crate::core::event::When;
use crate::core::time::Wall;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use std::time::Duration;

/// Longest span that means something here.
const SPAN_MAX: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Reads `90s`, `15m`, `1h30m`, `14d`. Every number has its unit, units go from large to small.
pub fn duration(text: &str) -> Result<Duration, String> {
    const FORM: &str = "a span is written like 90s, 15m, 3h, 1h30m or 14d";
    let mut total = Duration::ZERO;
    let mut last_unit = u64::MAX;
    let mut rest = text;
    if rest.is_empty() {
        return Err(FORM.to_owned());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let number: u64 = number.parse().map_err(|_| FORM.to_owned())?;
        let mut unit = tail.chars();
        let seconds = match unit.next() {
            Some('d') => 86_400,
            Some('h') => 3_600,
            Some('m') => 60,
            Some('s') => 1,
            Some(_) | None => return Err(FORM.to_owned()),
        };
        if seconds >= last_unit {
            return Err(FORM.to_owned());
        }
        last_unit = seconds;
        rest = unit.as_str();
        let part = number.checked_mul(seconds).map(Duration::from_secs);
        total = part.and_then(|p| total.checked_add(p)).filter(|t| *t <= SPAN_MAX).ok_or("that span is too long")?;
    }
    Ok(total)
}

/// A time in the past, as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// So long ago.
    Ago(Duration),
    /// The last time the wall clock showed this.
    Clock(Time),
    /// An instant.
    At(Timestamp),
}

impl Since {
    /// The instant it means, seen from `now` in `zone`.
    pub fn resolve(self, now: Wall, zone: &TimeZone) -> Wall {
        match self {
            Self::Ago(span) => Wall(now.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX))),
            Self::At(at) => Wall(at.as_millisecond()),
            Self::Clock(time) => {
                let now_stamp = Timestamp::from_millisecond(now.0).unwrap_or(Timestamp::UNIX_EPOCH);
                let today = now_stamp.to_zoned(zone.clone()).date();
                let candidates = [Some(today), today.checked_sub(1.day()).ok()];
                candidates
                    .into_iter()
                    .flatten()
                    .filter_map(|day| day.to_datetime(time).to_zoned(zone.clone()).ok())
                    .map(|at| Wall(at.timestamp().as_millisecond()))
                    .find(|at| *at <= now)
                    .unwrap_or(now)
            }
        }
    }
}

/// Reads `02:00` or `02:00:30` (the last one), `2h` (ago) or an RFC 3339 time.
pub fn since(text: &str) -> Result<Since, String> {
    let clock = || -> Option<Since> {
        let (hour, rest) = text.split_once(':').filter(|(h, _)| (1..=2).contains(&h.len()))?;
        let (minute, second) = rest.split_once(':').unwrap_or((rest, "00"));
        let two = |part: &str| part.parse().ok().filter(|_| part.len() == 2);
        Time::new(hour.parse().ok()?, two(minute)?, two(second)?, 0).ok().map(Since::Clock)
    };
    clock()
        .or_else(|| text.parse::<Timestamp>().ok().map(Since::At))
        .or_else(|| duration(text).ok().map(Since::Ago))
        .ok_or_else(|| "a time is written like 02:00, 2h (ago) or 2026-11-22T02:00:00Z".to_owned())
}

/// Reads `02:30` (the next one), `45m` (from now) or an RFC 3339 time.
pub fn coming(text: &str) -> Result<When, String> {
    const FORM: &str = "a time to come is written like 02:30, 45m (from now) or 2026-11-22T02:30:00Z";
    match since(text).map_err(|_| FORM.to_owned())? {
        Since::Ago(span) => {
            u32::try_from(span.as_secs()).map(When::InSeconds).map_err(|_| "that is too long".to_owned())
        }
        Since::Clock(time) => {
            let minutes = u16::from(time.hour().unsigned_abs()) * 60 + u16::from(time.minute().unsigned_abs());
            Ok(When::Clock(minutes))
        }
        Since::At(at) => Ok(When::AtMs(at.as_millisecond())),
    }
}

/// A wall-clock instant as local time for people: `02:10:07`.
pub fn clock_time(at: Wall, zone: &TimeZone) -> String {
    match Timestamp::from_millisecond(at.0) {
        Ok(stamp) => stamp.to_zoned(zone.clone()).strftime("%H:%M:%S").to_string(),
        Err(_) => "??:??:??".to_owned(),
    }
}

/// A wall-clock instant as RFC 3339 in UTC.
pub fn rfc3339(at: Wall) -> String {
    Timestamp::from_millisecond(at.0).map(|t| t.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_units_in_order() {
        let good = [("90s", 90), ("15m", 900), ("1h30m", 5400), ("14d", 14 * 86_400), ("0s", 0), ("1d2h3m4s", 93_784)];
        for (text, seconds) in good {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for bad in ["", "5", "m", "5x", "30m1h", "1h1h", "-5s", "1.5h", " 5s", "99999999999999999999s", "9999999d"] {
            assert!(duration(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_clock_time_is_the_last_such_time() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let now: Timestamp = "2026-11-22T01:30:00+01:00".parse().unwrap();
        let resolve = |text: &str| rfc3339(since(text).unwrap().resolve(Wall(now.as_millisecond()), &zone));
        assert_eq!(resolve("01:00"), "2026-11-22T00:00:00Z");
        assert_eq!(resolve("23:00"), "2026-11-21T22:00:00Z");
        assert_eq!(resolve("2h"), "2026-11-21T22:30:00Z");
        assert_eq!(resolve("2026-11-21T20:00:00Z"), "2026-11-21T20:00:00Z");
        assert_eq!(resolve("00:10:30"), "2026-11-21T23:10:30Z");
        for bad in ["24:00", "1:02:3", "12:60", "1:2", "noon", "", "-02:00", "2026-11-21"] {
            assert!(since(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_time_to_come_is_a_clock_a_span_or_a_moment() {
        assert_eq!(coming("02:30"), Ok(When::Clock(150)));
        assert_eq!(coming("1h30m"), Ok(When::InSeconds(5_400)));
        assert_eq!(coming("1970-01-01T00:00:01Z"), Ok(When::AtMs(1_000)));
        for bad in ["", "soon", "25:00", "-5m", "9999999d"] {
            assert!(coming(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_clock_time_in_the_gap_of_a_dst_change_still_means_something() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let now: Timestamp = "2026-03-29T12:00:00+02:00".parse().unwrap();
        let at = since("02:30").unwrap().resolve(Wall(now.as_millisecond()), &zone);
        assert_eq!(rfc3339(at), "2026-03-29T01:30:00Z");
    }
}
