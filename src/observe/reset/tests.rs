//! Tests of when a limit is over.

use super::*;
use proptest::prelude::*;

fn wall(text: &str) -> Wall {
    Wall(text.parse::<Timestamp>().unwrap().as_millisecond())
}
fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}
fn shown(at: Wall) -> String {
    Timestamp::from_millisecond(at.0).unwrap().to_string()
}
/// Saturday, 10:30 in the morning in Berlin.
const NOW: &str = "2026-11-21T09:30:00Z";

fn read(text: &str) -> Option<(String, Form)> {
    let reset = words(text, wall(NOW), &zone("Europe/Berlin"))?;
    Some((shown(reset.at), reset.form))
}
fn read_field(text: &str) -> Option<(String, Form)> {
    let reset = field(text, wall(NOW))?;
    Some((shown(reset.at), reset.form))
}

#[test]
fn moments_in_words_are_read_as_people_write_them() {
    use Form as F;
    for (text, at, form) in [
        ("You've hit your 5-hour limit · resets 10:37am (UTC)", "2026-11-21T10:37:00Z", F::TimeOfDay),
        ("limit reached ∙ resets 3pm", "2026-11-21T14:00:00Z", F::TimeOfDay),
        ("resets at 3pm", "2026-11-21T14:00:00Z", F::TimeOfDay),
        ("resets at 03:00", "2026-11-22T02:00:00Z", F::TimeOfDay),
        ("resets 12:50am (America/Los_Angeles)", "2026-11-22T08:50:00Z", F::TimeOfDay),
        ("resets 3am (Europe/London)", "2026-11-22T03:00:00Z", F::TimeOfDay),
        ("resets at 15:04 UTC", "2026-11-21T15:04:00Z", F::TimeOfDay),
        ("resets 7 p.m. PT", "2026-11-22T03:00:00Z", F::TimeOfDay),
        ("resets at midnight Pacific Time", "2026-11-21T23:00:00Z", F::TimeOfDay),
        ("resets 9:00 (UTC+5:30)", "2026-11-22T03:30:00Z", F::TimeOfDay),
        ("resets 10:45am (local time)", "2026-11-21T09:45:00Z", F::TimeOfDay),
        ("resets Nov 24 at 9am (Europe/Berlin)", "2026-11-24T08:00:00Z", F::Date),
        ("resets Jul 18 at 4am (Europe/Vienna)", "2027-07-18T02:00:00Z", F::Date),
        ("or try again at Nov 25th, 2026 8:19 PM.", "2026-11-25T19:19:00Z", F::Date),
        ("resets on 24 November 2026, 09:00 UTC", "2026-11-24T09:00:00Z", F::Date),
        ("resets 9am on Nov 24", "2026-11-24T08:00:00Z", F::Date),
        ("resets Nov 24", "2026-11-23T23:00:00Z", F::Date),
        ("resets tomorrow at 6:15", "2026-11-22T05:15:00Z", F::Date),
        ("will reset on Monday at 9am", "2026-11-23T08:00:00Z", F::Weekday),
        ("resets Sat 9am", "2026-11-28T08:00:00Z", F::Weekday),
        ("resets Thursday", "2026-11-25T23:00:00Z", F::Weekday),
        ("try again at 10:34 AM.", "2026-11-21T09:34:00Z", F::TimeOfDay),
        ("try again in 3 hours 20 minutes", "2026-11-21T12:50:00Z", F::Span),
        ("try again in 2 days 17 hours 14 minutes.", "2026-11-24T02:44:00Z", F::Span),
        ("Your quota will reset after 3h20m10s.", "2026-11-21T12:50:10Z", F::Span),
        ("resets in 2h", "2026-11-21T11:30:00Z", F::Span),
        ("Please try again in 7m12s.", "2026-11-21T09:37:12Z", F::Span),
        ("try again in an hour", "2026-11-21T10:30:00Z", F::Span),
        ("retry after 90 seconds", "2026-11-21T09:31:30Z", F::Span),
        ("resets in 1.5 hours", "2026-11-21T11:00:00Z", F::Span),
        ("available again at 2026-11-21T12:00:00Z", "2026-11-21T12:00:00Z", F::Timestamp),
        ("resets at 2026-11-21 12:00:00 UTC", "2026-11-21T12:00:00Z", F::Timestamp),
        ("resets at 2026-11-21 12:00", "2026-11-21T11:00:00Z", F::Timestamp),
        ("resets at 1795257423", "2026-11-21T10:37:03Z", F::Epoch),
    ] {
        assert_eq!(read(text), Some((at.to_owned(), form)), "{text}");
    }
}

#[test]
fn fields_are_read_by_their_names() {
    use Form as F;
    for (text, at, form) in [
        (r#"{"resetsAt":1795257423,"rateLimitType":"five_hour"}"#, "2026-11-21T10:37:03Z", F::Epoch),
        (r#"{"error":{"resets_at":1795257423000}}"#, "2026-11-21T10:37:03Z", F::Epoch),
        (r#""body":"{\"resets_at\": 1795257423}""#, "2026-11-21T10:37:03Z", F::Epoch),
        (r#"{"reset_at":"2026-11-21T10:37:00+00:00"}"#, "2026-11-21T10:37:00Z", F::Timestamp),
        (r#"{"resets_in_seconds":3600}"#, "2026-11-21T10:30:00Z", F::Field),
        (r#"{"retryDelay":"34.5s"}"#, "2026-11-21T09:30:34.5Z", F::Field),
        (r#"{"retry_after_ms":1500}"#, "2026-11-21T09:30:01.5Z", F::Field),
        (r#"{"quotaResetTimeStamp":"2026-11-21T12:00:00Z"}"#, "2026-11-21T12:00:00Z", F::Timestamp),
        ("retry-after: 120", "2026-11-21T09:32:00Z", F::Field),
        ("Retry-After: Sat, 21 Nov 2026 10:37:00 GMT", "2026-11-21T10:37:00Z", F::Timestamp),
        ("x-ratelimit-reset-requests: 1m30s", "2026-11-21T09:31:30Z", F::Field),
        ("anthropic-ratelimit-unified-reset: 1795257423", "2026-11-21T10:37:03Z", F::Epoch),
        ("{'resets_at': 1795257423, 'plan': 'plus'}", "2026-11-21T10:37:03Z", F::Epoch),
        ("Claude AI usage limit reached|1795257423", "2026-11-21T10:37:03Z", F::Epoch),
        // Of two windows the one that is over first.
        (
            r#"{"primary":{"resets_at":1795257423},"secondary":{"resets_at":1795600000}}"#,
            "2026-11-21T10:37:03Z",
            F::Epoch,
        ),
        // One that is over says nothing beside one that is to come.
        (r#"{"a":{"resets_at":1795250000},"b":{"resets_at":1795257423}}"#, "2026-11-21T10:37:03Z", F::Epoch),
    ] {
        assert_eq!(read_field(text), Some((at.to_owned(), form)), "{text}");
    }
}

#[test]
fn what_names_no_moment_is_none() {
    for text in [
        "",
        "resets",
        "resets soon",
        "resets at 3",
        "resets at 25:00",
        "resets 13pm",
        "resets in 3 maybe",
        "try again later.",
        "resets Feb 30 at 9am",
        "the counter resets",
        "resets (UTC)",
        "resets at 99:99",
        "resets in 9999999999 hours",
        "resets in 900000000 weeks",
        "resets at 2019-01-01T00:00:00Z",
        "wait for it",
        "until the tests pass",
    ] {
        assert_eq!(read(text), None, "{text}");
    }
    for text in [
        r#"{"resets_at":12}"#,
        r#"{"resets_at":null}"#,
        r#"{"presets_at":1795257423}"#,
        r#"{"resets":3}"#,
        "reset: hard",
        r#"{"resets_at":9999999999}"#,
        "retry-after: soon",
        "retries: 5",
        r#"{"retry_after":-5}"#,
    ] {
        assert_eq!(read_field(text), None, "{text}");
    }
}

#[test]
fn a_time_that_has_just_passed_is_that_and_not_tomorrow_s() {
    assert_eq!(read("resets 10:20").unwrap().0, "2026-11-21T09:20:00Z");
    assert_eq!(read("resets 10:10").unwrap().0, "2026-11-22T09:10:00Z");
}

#[test]
fn what_was_read_is_told_with_its_words() {
    let reset = words("You've hit your limit · resets at 3pm (UTC) and more", wall(NOW), &TimeZone::UTC).unwrap();
    assert_eq!(reset.from, "resets at 3pm (UTC)");
    let reset = field(r#"{"a":1,"resetsAt":1795257423,"b":2}"#, wall(NOW)).unwrap();
    assert!(reset.from.starts_with(r#"resetsAt":1795257423"#), "{}", reset.from);
}

#[test]
fn the_day_of_a_quota_ends_at_midnight_pacific() {
    assert_eq!(shown(end_of_quota_day(wall(NOW)).unwrap()), "2026-11-22T08:00:00Z");
    assert_eq!(shown(end_of_quota_day(wall("2026-11-21T08:00:00Z")).unwrap()), "2026-11-22T08:00:00Z");
}

#[test]
fn times_on_the_days_that_the_clock_changes() {
    let berlin = zone("Europe/Berlin");
    let at = |text: &str, seen: &str| shown(words(text, wall(seen), &berlin).unwrap().at);
    // 02:30 comes twice; after the first the second is meant, not tomorrow's.
    assert_eq!(at("resets 2:30am", "2026-10-24T20:00:00Z"), "2026-10-25T00:30:00Z");
    assert_eq!(at("resets 2:30am", "2026-10-25T00:50:00Z"), "2026-10-25T01:30:00Z");
    // 02:30 is skipped.
    assert_eq!(at("resets 2:30am", "2026-03-28T20:00:00Z"), "2026-03-29T01:30:00Z");
}

const ZONES: [&str; 6] =
    ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Cairo"];

/// Minutes of 2026, many of them around changes of the clock.
fn instants() -> impl Strategy<Value = i64> {
    let changes = [
        "2026-03-08T07:00:00Z",
        "2026-03-29T01:00:00Z",
        "2026-04-04T15:00:00Z",
        "2026-10-25T01:00:00Z",
        "2026-11-01T06:00:00Z",
        "2026-07-01T00:00:00Z",
    ];
    let change = prop::sample::select(changes.map(|text| wall(text).0).to_vec());
    (change, -36 * 60..36 * 60_i64).prop_map(|(at, minutes)| at + minutes * 60_000)
}

proptest! {
    #[test]
    fn a_time_of_day_is_the_next_minute_at_which_the_clock_shows_it(
        seen in instants(), hour in 0..24_i8, minute in 0..60_i8, name in prop::sample::select(ZONES.to_vec()),
    ) {
        let zone = zone(name);
        let text = format!("resets {hour:02}:{minute:02}");
        let read = words(&text, Wall(seen), &zone).unwrap();
        prop_assert_eq!(read.form, Form::TimeOfDay);
        // Watched minute by minute, from a quarter of an hour before; a time that is skipped that day is not shown.
        let shows = |at: &i64| {
            let local = Timestamp::from_millisecond(*at).unwrap().to_zoned(zone.clone());
            local.hour() == hour && local.minute() == minute
        };
        let watched = (-15..=49 * 60).map(|minutes| seen + minutes * 60_000).find(shows);
        let read_shows = shows(&read.at.0);
        prop_assert!(if read_shows { Some(read.at.0) == watched } else { Some(read.at.0) < watched }, "{} {:?}", shown(read.at), watched);
        prop_assert!(read.at.0 >= seen - 15 * 60_000 && read.at.0 <= seen + 26 * 3_600_000);
    }

    #[test]
    fn a_span_is_added(hours in 0..300_u32, minutes in 0..100_u32, seconds in 0..100_u32) {
        let wanted = i64::from(hours * 3600 + minutes * 60 + seconds) * 1000 + wall(NOW).0;
        for text in [
            format!("try again in {hours} hours, {minutes} minutes and {seconds} seconds"),
            format!("reset after {hours}h{minutes}m{seconds}s."),
            format!("resets in {hours}hr {minutes} min {seconds} sec"),
        ] {
            prop_assert_eq!(words(&text, wall(NOW), &TimeZone::UTC).unwrap().at.0, wanted, "{}", text);
        }
    }

    #[test]
    fn what_a_stamp_says_is_read_to_the_second(ahead in 1..300 * 86_400_i64) {
        let at = Wall(wall(NOW).0 + ahead * 1000);
        let stamp = shown(at);
        for text in [format!("resets at {stamp}"), format!("resets at {}", at.0 / 1000), format!("resets at {}", at.0)] {
            prop_assert_eq!(words(&text, wall(NOW), &TimeZone::UTC).unwrap().at, at, "{}", text);
        }
        for text in [format!(r#"{{"resets_at":"{stamp}"}}"#), format!(r#"{{"resetsAt": {}}}"#, at.0), format!("retry-after: {ahead}")] {
            prop_assert_eq!(field(&text, wall(NOW)).unwrap().at, at, "{}", text);
        }
    }

    #[test]
    fn whatever_is_written_there_nothing_breaks_and_nothing_absurd_is_believed(
        text in r#"(resets|try again|retry-after:|"resets_at":|limit reached\|| at| in|[0-9:]{1,14}|am|pm| \(|\)|UTC|Nov|Mon|hours|[a-z ]|\PC){0,30}"#,
        seen in prop::sample::select(vec![i64::MIN, i64::MIN + 1, -1, 0, 1_795_253_400_000, i64::MAX - 1, i64::MAX]),
    ) {
        for reset in [words(&text, Wall(seen), &zone("Europe/Berlin")), field(&text, Wall(seen))].into_iter().flatten() {
            prop_assert!(believable(reset.at, Wall(seen)));
            prop_assert!(reset.from.chars().count() <= KEPT);
        }
    }
}

#[test]
fn a_long_hostile_line_is_no_long_work() {
    let text = "resets at ".repeat(100_000);
    assert_eq!(words(&text, wall(NOW), &TimeZone::UTC), None);
    let text = r#""resets_at":"#.repeat(100_000);
    assert_eq!(field(&text, wall(NOW)), None);
    let text = format!("resets in {}", "1h".repeat(100_000));
    assert!(words(&text, wall(NOW), &TimeZone::UTC).is_some_and(|reset| reset.from.chars().count() <= KEPT));
}
