//! The calendar of a night: times of day, windows on some days, cron expressions, all over DST by the wall clock.
//!
//! A time of day is the first moment of its date at which a clock on the wall shows it or more: one that the clock
//! skips in spring is the moment it is moved on, one that comes twice in autumn is the first. The zone is always given;
//! nothing here reads a clock or a file.

use super::ids::NightId;
use super::time::Wall;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, Zoned};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long after its start a night without an end may still begin by itself.
const LATE_BEGIN: Duration = Duration::from_secs(12 * 3600);
/// How many days a night is looked for; a week has them all.
const DAYS_AHEAD: i64 = 8;

/// A time of day, in minutes since midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClockTime(pub u16);

impl ClockTime {
    fn time(self) -> Time {
        let part = |n: u16| i8::try_from(n).unwrap_or(0);
        Time::new(part(self.0 / 60 % 24), part(self.0 % 60), 0, 0).unwrap_or(Time::midnight())
    }
}

impl std::fmt::Display for ClockTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names of the days")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// What becomes of what still runs when the night ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AtEnd {
    /// It is stopped.
    #[default]
    Stop,
    /// It runs on; nothing new starts, and the report is written all the same.
    Keep,
}

/// `[night]`: when nights begin and end by themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NightPlan {
    /// When one begins; `None` is with `up`.
    pub start: Option<ClockTime>,
    /// When it ends; `None` is with `down`, or when the next begins.
    pub end: Option<ClockTime>,
    /// The days on which one begins; empty means all.
    pub days: BTreeSet<Day>,
    /// What becomes of what still runs at the end.
    pub at_end: AtEnd,
}

/// When a session starts, if not with its night.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartAt {
    /// At this time of day.
    Clock(ClockTime),
    /// At every time that this cron expression of five fields names.
    Cron(String),
}

/// What a session has to do with the clock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// When it starts; `None` is with the night.
    pub start: Option<StartAt>,
    /// The time of day by which it must be done: what is not is stopped then, unfinished.
    pub deadline: Option<ClockTime>,
}

impl Timing {
    /// Its cron expression, if it has one.
    pub fn cron(&self) -> Option<&str> {
        match &self.start {
            Some(StartAt::Cron(text)) => Some(text),
            Some(StartAt::Clock(_)) | None => None,
        }
    }
}

/// One night of the calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Named by the date on which it begins.
    pub night: NightId,
    /// When it begins.
    pub begins: Wall,
    /// When it ends; without an end in the file, until when it may still begin.
    pub ends: Wall,
}

impl NightPlan {
    /// The window that an instant lies in.
    pub fn window_at(&self, now: Wall, zone: &TimeZone) -> Option<Window> {
        let today = local(now, zone)?.date();
        // One that began the day before may still be open, and over a change of the clock even the one before that.
        let windows = (0..3).filter_map(|back| self.window_on(today.checked_sub(days(back)).ok()?, zone));
        windows.into_iter().find(|window| window.begins <= now && now < window.ends)
    }
    /// When the next night begins by itself, after an instant.
    pub fn next_begin(&self, after: Wall, zone: &TimeZone) -> Option<Wall> {
        let today = local(after, zone)?.date();
        let windows = (-1..=DAYS_AHEAD).filter_map(|ahead| self.window_on(today.checked_add(days(ahead)).ok()?, zone));
        windows.map(|window| window.begins).find(|begins| *begins > after)
    }
    /// When a night ends that began at an instant; `None` without an end.
    pub fn end_after(&self, began: Wall, zone: &TimeZone) -> Option<Wall> {
        match self.end {
            Some(end) => next(end, began, zone),
            None => self.next_begin(began, zone),
        }
    }
    /// The name of a night that begins at an instant: the date of its window, else the local date.
    pub fn night_at(&self, now: Wall, zone: &TimeZone) -> NightId {
        if let Some(window) = self.window_at(now, zone) {
            return window.night;
        }
        let date = local(now, zone).map_or(Date::MIN, |now| now.date());
        NightId::on(date.year(), date.month(), date.day())
    }

    /// The window that begins on a date, if one does.
    fn window_on(&self, date: Date, zone: &TimeZone) -> Option<Window> {
        let start = self.start?;
        if !self.days.is_empty() && !self.days.contains(&day_of(date)) {
            return None;
        }
        let begins = moment(date, start, zone)?;
        let ends = match self.end {
            Some(end) => next(end, begins, zone)?,
            None => begins.plus(LATE_BEGIN),
        };
        Some(Window { night: NightId::on(date.year(), date.month(), date.day()), begins, ends })
    }
}

/// The first moment after an instant that is this time of day.
pub fn next(time: ClockTime, after: Wall, zone: &TimeZone) -> Option<Wall> {
    let today = local(after, zone)?.date();
    let moments = (-1..=3).filter_map(|ahead| moment(today.checked_add(days(ahead)).ok()?, time, zone));
    moments.into_iter().find(|moment| *moment > after)
}

/// The same, the instant itself included.
pub fn next_or_now(time: ClockTime, from: Wall, zone: &TimeZone) -> Option<Wall> {
    next(time, Wall(from.0.saturating_sub(1)), zone)
}

/// The first time after an instant that a cron expression names; `None` when it names none.
///
/// A fixed time that the clock skips is the moment it is moved on; one that comes twice runs once. What runs every hour
/// or every few minutes runs as often as the hours really pass.
pub fn next_cron(text: &str, after: Wall, zone: &TimeZone) -> Option<Wall> {
    let cron: croner::Cron = text.parse().ok()?;
    let found = cron.find_next_occurrence(&local(after, zone)?, false).ok()?;
    Some(Wall(found.timestamp().as_millisecond()))
}

/// A moment on a local clock, with the zone's short name: `02:30 CET`.
pub fn moment_in_words(at: Wall, zone: &TimeZone) -> String {
    local(at, zone).map_or_else(String::new, |at| at.strftime("%a %H:%M %Z").to_string())
}

/// The moment of a date at which a clock on the wall comes to a time of day.
fn moment(date: Date, time: ClockTime, zone: &TimeZone) -> Option<Wall> {
    let ambiguous = zone.to_ambiguous_zoned(date.to_datetime(time.time()));
    let skipped = matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. });
    let shown = ambiguous.compatible().ok()?;
    let found = if skipped {
        // The clock was moved on over it; that moment is the last change before what the rest of the gap leads to, or
        // that itself when the gap begins with it.
        let after = shown.timestamp().checked_add(jiff::SignedDuration::from_nanos(1)).unwrap_or(Timestamp::MAX);
        zone.preceding(after).next().map_or(shown.timestamp(), |change| change.timestamp())
    } else {
        shown.timestamp()
    };
    Some(Wall(found.as_millisecond()))
}

/// The instant as a clock on the wall shows it; `None` beyond the calendar.
fn local(wall: Wall, zone: &TimeZone) -> Option<Zoned> {
    Some(Timestamp::from_millisecond(wall.0).ok()?.to_zoned(zone.clone()))
}

fn days(count: i64) -> jiff::Span {
    jiff::Span::new().try_days(count).unwrap_or_default()
}

fn day_of(date: Date) -> Day {
    match date.weekday() {
        Weekday::Monday => Day::Mon,
        Weekday::Tuesday => Day::Tue,
        Weekday::Wednesday => Day::Wed,
        Weekday::Thursday => Day::Thu,
        Weekday::Friday => Day::Fri,
        Weekday::Saturday => Day::Sat,
        Weekday::Sunday => Day::Sun,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: i64 = 3_600_000;
    const MINUTE: i64 = 60_000;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }
    fn wall(text: &str) -> Wall {
        Wall(text.parse::<Timestamp>().unwrap().as_millisecond())
    }
    fn shown(wall: Wall, zone: &TimeZone) -> String {
        local(wall, zone).unwrap().strftime("%Y-%m-%d %H:%M %:z").to_string()
    }
    fn clock(text: &str) -> ClockTime {
        let (hour, minute) = text.split_once(':').unwrap();
        ClockTime(hour.parse::<u16>().unwrap() * 60 + minute.parse::<u16>().unwrap())
    }
    fn night(start: &str, end: &str) -> NightPlan {
        NightPlan { start: Some(clock(start)), end: Some(clock(end)), ..NightPlan::default() }
    }

    #[test]
    fn a_window_has_the_hours_that_really_pass() {
        let berlin = zone("Europe/Berlin");
        for (at, hours) in [("2026-06-01T21:00:00Z", 9), ("2026-10-24T21:00:00Z", 10), ("2026-03-28T22:00:00Z", 8)] {
            let window = night("22:00", "07:00").window_at(wall(at), &berlin).unwrap();
            assert_eq!(window.ends.0 - window.begins.0, hours * HOUR, "{at}");
        }
    }

    #[test]
    fn a_time_that_is_skipped_is_the_moment_the_clock_is_moved_on_and_one_that_comes_twice_comes_once() {
        let berlin = zone("Europe/Berlin");
        let evening = wall("2026-03-28T20:00:00Z");
        for skipped in ["02:00", "02:30", "02:59", "03:00"] {
            assert_eq!(shown(next(clock(skipped), evening, &berlin).unwrap(), &berlin), "2026-03-29 03:00 +02:00");
        }
        let evening = wall("2026-10-24T20:00:00Z");
        let first = next(clock("02:30"), evening, &berlin).unwrap();
        assert_eq!(shown(first, &berlin), "2026-10-25 02:30 +02:00");
        assert_eq!(shown(next(clock("02:30"), first, &berlin).unwrap(), &berlin), "2026-10-26 02:30 +01:00");
    }

    #[test]
    fn cron_runs_a_fixed_time_once_on_the_days_the_clock_changes() {
        let berlin = zone("Europe/Berlin");
        let list = |text: &str, from: &str, n: usize| {
            let mut at = wall(from);
            let mut out = Vec::new();
            for _ in 0..n {
                at = next_cron(text, at, &berlin).unwrap();
                out.push(shown(at, &berlin));
            }
            out
        };
        let spring = list("30 2 * * *", "2026-03-28T12:00:00Z", 2);
        assert_eq!(spring, ["2026-03-29 03:00 +02:00", "2026-03-30 02:30 +02:00"]);
        let autumn = list("30 2 * * *", "2026-10-24T12:00:00Z", 2);
        assert_eq!(autumn, ["2026-10-25 02:30 +02:00", "2026-10-26 02:30 +01:00"]);
        let hourly = list("0 * * * *", "2026-10-24T23:30:00Z", 3);
        assert_eq!(hourly, ["2026-10-25 02:00 +02:00", "2026-10-25 02:00 +01:00", "2026-10-25 03:00 +01:00"]);
    }

    #[test]
    fn nights_begin_on_their_days_only() {
        let utc = TimeZone::UTC;
        let plan = NightPlan { days: BTreeSet::from([Day::Fri]), ..night("22:00", "07:00") };
        // 2026-11-20 is a Friday.
        let window = plan.window_at(wall("2026-11-21T03:00:00Z"), &utc).unwrap();
        assert_eq!(window.night, NightId::on(2026, 11, 20));
        assert_eq!(plan.window_at(wall("2026-11-21T23:00:00Z"), &utc), None);
        assert_eq!(plan.next_begin(wall("2026-11-21T23:00:00Z"), &utc), Some(wall("2026-11-27T22:00:00Z")));
        assert_eq!(plan.next_begin(wall("2026-11-27T22:00:00Z"), &utc), Some(wall("2026-12-04T22:00:00Z")));
    }

    #[test]
    fn nights_without_one_end_of_the_window() {
        let utc = TimeZone::UTC;
        let open = NightPlan { start: Some(clock("22:00")), ..NightPlan::default() };
        let began = wall("2026-11-20T22:00:00Z");
        assert_eq!(open.end_after(began, &utc), Some(wall("2026-11-21T22:00:00Z")));
        assert!(open.window_at(wall("2026-11-21T09:59:00Z"), &utc).is_some());
        assert_eq!(open.window_at(wall("2026-11-21T10:00:00Z"), &utc), None, "too late to begin");
        let until = NightPlan { end: Some(clock("06:45")), ..NightPlan::default() };
        assert_eq!(until.window_at(began, &utc), None);
        assert_eq!(until.end_after(began, &utc), Some(wall("2026-11-21T06:45:00Z")));
        assert_eq!(NightPlan::default().end_after(began, &utc), None);
        assert_eq!(NightPlan::default().night_at(began, &utc), NightId::on(2026, 11, 20));
    }

    #[test]
    fn instants_beyond_the_calendar_have_no_next() {
        for edge in [Wall(i64::MAX), Wall(i64::MIN)] {
            assert_eq!(next(clock("22:00"), edge, &TimeZone::UTC), None);
            assert_eq!(next_cron("0 * * * *", edge, &TimeZone::UTC), None);
            assert_eq!(night("22:00", "07:00").window_at(edge, &TimeZone::UTC), None);
        }
    }

    const ZONES: [&str; 6] =
        ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Cairo"];

    /// Instants around which clocks change in 2026, and some others.
    fn instants() -> impl Strategy<Value = i64> {
        let change = prop::sample::select(vec![
            wall("2026-03-08T07:00:00Z").0,
            wall("2026-03-29T01:00:00Z").0,
            wall("2026-04-04T15:00:00Z").0,
            wall("2026-04-24T00:00:00Z").0,
            wall("2026-10-03T15:30:00Z").0,
            wall("2026-10-25T01:00:00Z").0,
            wall("2026-10-29T21:00:00Z").0,
            wall("2026-11-01T06:00:00Z").0,
            wall("2026-07-01T00:00:00Z").0,
        ]);
        (change, -36 * 60..36 * 60i64).prop_map(|(at, minutes)| at + minutes * MINUTE)
    }

    /// The plain reference: minute by minute, what does the clock on the wall show?
    fn plain(zone: &TimeZone, from: i64, minutes: i64, mut fits: impl FnMut(Zoned, Zoned) -> bool) -> Option<Wall> {
        (1..=minutes).map(|i| from + i * MINUTE).find_map(|at| {
            let (before, now) = (local(Wall(at - MINUTE), zone)?, local(Wall(at), zone)?);
            fits(before, now).then_some(Wall(at))
        })
    }

    /// Whether a date's time of day is reached at this minute for the first time.
    fn reached(time: Time, before: &Zoned, now: &Zoned, met: &mut BTreeSet<Date>) -> bool {
        let on_date = now.time() >= time && (before.time() < time || before.date() < now.date());
        on_date && met.insert(now.date())
    }

    proptest! {
        #[test]
        fn the_next_time_of_day_is_that_of_a_clock_watched_minute_by_minute(
            from in instants(), minutes in 0..1440u16, zone_name in prop::sample::select(ZONES.to_vec()),
        ) {
            let zone = zone(zone_name);
            let time = ClockTime(minutes);
            let mut met = BTreeSet::new();
            // Watched from two days before, so that a time which comes twice is known to have come.
            let watched = plain(&zone, from - 2 * 24 * HOUR, 5 * 1440, |before, now| {
                reached(time.time(), &before, &now, &mut met) && now.timestamp().as_millisecond() > from
            });
            prop_assert_eq!(next(time, Wall(from), &zone), watched);
        }

        #[test]
        fn fixed_cron_times_come_once_a_day_whatever_the_clock_does(
            from in instants(), minute in 0..60u16, hour in 0..24u16, zone_name in prop::sample::select(ZONES.to_vec()),
        ) {
            let zone = zone(zone_name);
            let expected = next(ClockTime(hour * 60 + minute), Wall(from), &zone);
            prop_assert_eq!(next_cron(&format!("{minute} {hour} * * *"), Wall(from), &zone), expected);
        }

        #[test]
        fn repeating_cron_times_are_all_minutes_that_fit(
            from in instants(), step in 1..31u16, zone_name in prop::sample::select(ZONES.to_vec()),
        ) {
            let zone = zone(zone_name);
            let watched = plain(&zone, from, 1440, |_, now| u16::from(now.minute().unsigned_abs()).is_multiple_of(step));
            prop_assert_eq!(next_cron(&format!("*/{step} * * * *"), Wall(from), &zone), watched);
        }

        #[test]
        fn windows_follow_each_other_and_hold_what_lies_in_them(
            from in instants(), start in 0..1440u16, end in 0..1440u16, zone_name in prop::sample::select(ZONES.to_vec()),
        ) {
            prop_assume!(start != end);
            let zone = zone(zone_name);
            let plan = NightPlan { start: Some(ClockTime(start)), end: Some(ClockTime(end)), ..NightPlan::default() };
            let begins = plan.next_begin(Wall(from), &zone).unwrap();
            prop_assert!(begins.0 > from && begins.0 - from <= 26 * HOUR);
            let window = plan.window_at(begins, &zone);
            // Both ends may fall into one gap; then that night has no length.
            if let Some(window) = window {
                prop_assert_eq!(window.begins, begins);
                prop_assert_eq!(Some(window.ends), plan.end_after(begins, &zone));
                prop_assert!(window.ends.0 - begins.0 <= 26 * HOUR);
                let last = plan.window_at(Wall(window.ends.0 - 1), &zone);
                prop_assert!(last.is_some());
            }
        }
    }
}
