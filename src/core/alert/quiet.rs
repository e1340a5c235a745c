//! Quiet hours: by the clock on the wall, asked anew at every moment, so a change of the clock needs no case of its own.

use crate::core::time::Wall;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::time::Duration;

/// A look at the clock is never longer ahead than this: the clock may be set meanwhile.
const LOOK_AGAIN: u64 = 10;

/// The minute of the local day.
pub fn minute(wall: Wall, zone: &TimeZone) -> u16 {
    let Ok(at) = Timestamp::from_millisecond(wall.0) else { return 0 };
    let time = zone.to_datetime(at).time();
    u16::try_from(i32::from(time.hour()) * 60 + i32::from(time.minute())).unwrap_or(0)
}

/// Whether a minute of the day lies in a part of it; one that ends before it begins goes over midnight.
pub fn covers((from, to): (u16, u16), minute: u16) -> bool {
    if from <= to { from <= minute && minute < to } else { minute >= from || minute < to }
}

/// Whether it is quiet.
pub fn is_quiet(range: Option<(u16, u16)>, wall: Wall, zone: &TimeZone) -> bool {
    range.is_some_and(|range| covers(range, minute(wall, zone)))
}

/// After how long to look at the clock again when it is quiet.
pub fn look_again(range: (u16, u16), wall: Wall, zone: &TimeZone) -> Duration {
    const DAY: u64 = 24 * 60;
    let left = (DAY + u64::from(range.1) - u64::from(minute(wall, zone))) % DAY;
    let into = u64::try_from(wall.0.rem_euclid(60_000)).unwrap_or(0);
    Duration::from_millis((left.clamp(1, LOOK_AGAIN) * 60_000).saturating_sub(into).max(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn berlin() -> TimeZone {
        TimeZone::get("Europe/Berlin").unwrap()
    }
    fn wall(text: &str) -> Wall {
        Wall(text.parse::<Timestamp>().unwrap().as_millisecond())
    }

    #[test]
    fn the_clock_on_the_wall_decides_over_both_changes() {
        let (range, zone) = (Some((120, 180)), berlin());
        // In spring 02:00 to 03:00 does not come at all, in autumn it comes twice.
        for minute in 0..240 {
            let at = Wall(wall("2026-03-28T23:00:00Z").0 + minute * 60_000);
            assert!(!is_quiet(range, at, &zone), "{minute}");
        }
        let quiet =
            (0..300).filter(|minute| is_quiet(range, Wall(wall("2026-10-24T22:00:00Z").0 + minute * 60_000), &zone));
        assert_eq!(quiet.count(), 120);
    }

    /// The plain reference: walk through the day minute by minute from its beginning.
    fn walked(from: u16, to: u16, wanted: u16) -> bool {
        let (mut at, mut quiet) = (from, true);
        for _ in 0..1440 {
            if at == to {
                quiet = false;
            }
            if at == wanted {
                return quiet;
            }
            at = (at + 1) % 1440;
        }
        false
    }

    proptest! {
        #[test]
        fn quiet_hours_are_those_of_a_walk_through_the_day(from in 0..1440u16, to in 0..1440u16, wanted in 0..1440u16) {
            prop_assume!(from != to);
            prop_assert_eq!(covers((from, to), wanted), walked(from, to, wanted));
        }

        /// The plain reference: a local clock that is moved on minute by minute, and set where the law says.
        #[test]
        fn every_minute_of_the_days_of_change_is_as_the_clock_on_the_wall_says(from in 0..1440u16, to in 0..1440u16) {
            prop_assume!(from != to);
            let zone = berlin();
            // The instant of midnight, and the local times between which the clock is set.
            for (midnight, at, then) in [
                ("2026-03-28T23:00:00Z", 120, 180),
                ("2026-10-24T22:00:00Z", 180, 120),
                ("2026-11-20T23:00:00Z", 0, 0),
            ] {
                let begin = wall(midnight).0;
                let (mut local, mut set) = (0u16, at == then);
                for minute in 0..1500 {
                    if !set && local == at {
                        (local, set) = (then, true);
                    }
                    let now = Wall(begin + minute * 60_000);
                    let quiet = if from < to { (from..to).contains(&local) } else { !(to..from).contains(&local) };
                    prop_assert_eq!(is_quiet(Some((from, to)), now, &zone), quiet, "{} minutes after {}", minute, midnight);
                    local = (local + 1) % 1440;
                }
            }
        }

        /// Whoever looks again when told to is never more than the ten minutes late, and on time on ordinary days.
        #[test]
        fn the_end_is_not_slept_through(from in 0..1440u16, to in 0..1440u16, start in 0i64..400 * 86_400_000) {
            prop_assume!(from != to);
            let zone = berlin();
            let mut at = Wall(1_767_225_600_000 + start);
            let mut looks = 0;
            while is_quiet(Some((from, to)), at, &zone) {
                let next = at.plus(look_again((from, to), at, &zone));
                let over = (at.0..next.0).step_by(60_000).find(|t| !is_quiet(Some((from, to)), Wall(*t), &zone));
                prop_assert!(over.is_none_or(|over| next.0 - over <= 600_000), "slept through");
                at = next;
                looks += 1;
                prop_assert!(looks < 200);
            }
        }
    }
}
