//! Wall clocks for people: RFC 3339 for documents, local times for tables and reports.

use crate::core::time::Wall;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};

/// The instant as a timestamp; one beyond the calendar is its edge.
pub fn timestamp(wall: Wall) -> Timestamp {
    Timestamp::from_millisecond(wall.0).unwrap_or(if wall.0 < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// RFC 3339 in UTC: `2026-11-22T02:10:00Z`.
pub fn rfc3339(wall: Wall) -> String {
    timestamp(wall).to_string()
}

/// Reads RFC 3339; `None` when the text is something else.
pub fn parse(text: &str) -> Option<Wall> {
    text.parse::<Timestamp>().ok().map(|t| Wall(t.as_millisecond()))
}

/// The local time.
pub fn local(wall: Wall, zone: &TimeZone) -> Zoned {
    timestamp(wall).to_zoned(zone.clone())
}

/// The first time after an instant at which the clocks of the zone show so many minutes since midnight. A time that a
/// day leaves out is the one just after the gap, of one that it has twice the first is taken.
pub fn next_time_of_day(after: Wall, minutes: u16, zone: &TimeZone) -> Wall {
    let (hour, minute) = (i8::try_from(minutes / 60).unwrap_or(0), i8::try_from(minutes % 60).unwrap_or(0));
    let mut date = local(after, zone).date();
    for _ in 0..3 {
        let time = date.at(hour, minute, 0, 0).to_zoned(zone.clone());
        if let Ok(time) = time
            && time.timestamp().as_millisecond() > after.0
        {
            return Wall(time.timestamp().as_millisecond());
        }
        date = date.tomorrow().unwrap_or(date);
    }
    after
}

/// `02:10`
pub fn hh_mm(wall: Wall, zone: &TimeZone) -> String {
    local(wall, zone).strftime("%H:%M").to_string()
}

/// `02:10:31`
pub fn hh_mm_ss(wall: Wall, zone: &TimeZone) -> String {
    local(wall, zone).strftime("%H:%M:%S").to_string()
}

/// `Sat 22:30`
pub fn day_hh_mm(wall: Wall, zone: &TimeZone) -> String {
    local(wall, zone).strftime("%a %H:%M").to_string()
}

/// `02:10`, with the day in front when it is another one than that of `near`.
pub fn hh_mm_near(wall: Wall, near: Wall, zone: &TimeZone) -> String {
    if local(wall, zone).date() == local(near, zone).date() { hh_mm(wall, zone) } else { day_hh_mm(wall, zone) }
}

/// The zone's name, for documents: its IANA name, else its offset from UTC at that instant (`+01:00`).
pub fn label(zone: &TimeZone, at: Wall) -> String {
    match zone.iana_name() {
        Some(name) => name.to_owned(),
        None => local(at, zone).strftime("%:z").to_string(),
    }
}

/// The zone for a [`label`]; UTC when it names none that is known here.
pub fn from_label(label: &str) -> TimeZone {
    if let Ok(zone) = TimeZone::get(label) {
        return zone;
    }
    let seconds = || {
        let (sign, rest) = match label.split_at_checked(1)? {
            ("+", rest) => (1, rest),
            ("-", rest) => (-1, rest),
            (_, _) => return None,
        };
        let (hours, minutes) = rest.split_once(':')?;
        Some(sign * (hours.parse::<i32>().ok()? * 3600 + minutes.parse::<i32>().ok()? * 60))
    };
    match seconds().and_then(|s| Offset::from_seconds(s).ok()) {
        Some(offset) => TimeZone::fixed(offset),
        None => TimeZone::UTC,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_lead_back_to_their_zone() {
        let at = Wall(1_795_300_000_000);
        for name in ["Europe/Berlin", "UTC", "Asia/Kolkata"] {
            let zone = TimeZone::get(name).unwrap();
            assert_eq!(label(&zone, at), name);
            assert_eq!(hh_mm(at, &from_label(name)), hh_mm(at, &zone));
        }
        let fixed = TimeZone::fixed(Offset::from_seconds(-12_600).unwrap());
        assert_eq!(label(&fixed, at), "-03:30");
        assert_eq!(hh_mm(at, &from_label("-03:30")), hh_mm(at, &fixed));
        assert_eq!(from_label("Mars/Base"), TimeZone::UTC);
        assert_eq!(from_label("é"), TimeZone::UTC);
    }

    #[test]
    fn instants_beyond_the_calendar_are_shown_as_its_edge() {
        assert!(rfc3339(Wall(i64::MAX)).starts_with("9999-"));
        assert!(rfc3339(Wall(i64::MIN)).starts_with('-'));
        assert_eq!(parse(&rfc3339(Wall(1_795_300_000_123))), Some(Wall(1_795_300_000_123)));
    }
}
