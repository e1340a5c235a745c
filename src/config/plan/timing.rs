//! What the file says about the clock: when nights are, when sessions start, and by when they must be done.

use super::super::document::Place;
use super::super::raw::{self, Weekday};
use super::Build;
use super::session::Layers;
use crate::core::calendar::{AtEnd, ClockTime, Day, NightPlan, StartAt, Timing};

/// `[night]`, checked.
pub(super) fn of_night(build: &mut Build<'_, '_>) -> NightPlan {
    let night = &build.raw.night;
    let place = Place::root().key("night");
    let clock = |time: &Option<raw::ClockTime>| time.as_ref().map(|time| ClockTime(time.0));
    let (start, end) = (clock(&night.start), clock(&night.end));
    if start.is_some() && start == end {
        build.problems.error(&place.key("end"), "the night ends when it begins");
    }
    if night.days.as_ref().is_some_and(Vec::is_empty) {
        build.problems.error(&place.key("days"), "without a day there is no night");
    } else if night.days.is_some() && start.is_none() && !build.was_rejected(&place.key("start")) {
        let found = build.problems.warning_in_key(&place.key("days"), "`days` has no effect without `start`");
        found.help("a night without `start` begins with `nightkeep up`");
    }
    if night.at_end.is_some() && end.is_none() && start.is_none() && !build.was_rejected(&place.key("end")) {
        let found = build.problems.warning_in_key(&place.key("at_end"), "`at_end` has no effect without `end`");
        found.help("a night without `end` ends with `nightkeep down`, which stops what runs");
    }
    NightPlan {
        start,
        end,
        days: night.days.iter().flatten().map(|day| day_of(*day)).collect(),
        at_end: match night.at_end {
            Some(raw::AtEnd::Keep) => AtEnd::Keep,
            Some(raw::AtEnd::Stop) | None => AtEnd::Stop,
        },
    }
}

/// What a session has to do with the clock, checked.
pub(super) fn of_session(build: &mut Build<'_, '_>, layers: &Layers<'_>) -> Timing {
    for (session, place) in layers.both() {
        if session.start.is_some() && session.cron.is_some() {
            let found = build.problems.error(&place.key("cron"), "`start` and `cron` both say when it starts");
            found.help("keep one of them");
        }
        if session.cron.as_ref().is_some_and(|cron| cron.0.never_runs()) {
            build.problems.warning(&place.key("cron"), "no day fits this cron expression, so it never starts");
        }
    }
    // A session's own way wins as a whole over that of the defaults.
    let said = layers.both().into_iter().find(|(session, _)| session.start.is_some() || session.cron.is_some());
    let start = said.and_then(|(session, place)| {
        let clock = session.start.as_ref().map(|time| (StartAt::Clock(ClockTime(time.0)), place.key("start")));
        clock.or_else(|| Some((StartAt::Cron(session.cron.as_ref()?.0.text.clone()), place.key("cron"))))
    });
    let deadline = layers.pick("deadline", |s| s.deadline.as_ref()).map(|(time, place)| (ClockTime(time.0), place));
    if let Some((StartAt::Clock(time), place)) = &start {
        in_the_night(build, *time, place, "starts");
        if deadline.as_ref().is_some_and(|(deadline, _)| deadline == time) {
            build.problems.warning(place, "it must be done at the time of day at which it starts, a day later");
        }
    }
    if let Some((time, place)) = &deadline {
        in_the_night(build, *time, place, "must be done");
    }
    Timing { start: start.map(|(start, _)| start), deadline: deadline.map(|(time, _)| time) }
}

/// Tells of a time of day that no night has.
fn in_the_night(build: &mut Build<'_, '_>, time: ClockTime, place: &Place, what: &str) {
    let night = &build.raw.night;
    let (Some(start), Some(end)) = (&night.start, &night.end) else { return };
    let (start, end) = (ClockTime(start.0), ClockTime(end.0));
    let inside = if start < end { start <= time && time <= end } else { start <= time || time <= end };
    if !inside {
        let message = format!("it {what} at {time}, but the night is from {start} to {end}");
        build.problems.warning(place, message).help("times of day are those of the night's time zone");
    }
}

fn day_of(day: Weekday) -> Day {
    match day {
        Weekday::Mon => Day::Mon,
        Weekday::Tue => Day::Tue,
        Weekday::Wed => Day::Wed,
        Weekday::Thu => Day::Thu,
        Weekday::Fri => Day::Fri,
        Weekday::Sat => Day::Sat,
        Weekday::Sun => Day::Sun,
    }
}
