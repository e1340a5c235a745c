//! When a usage limit is over, read from the text around it: fields of JSON and headers first, words after that.
//!
//! A guess by form, bounded, and honest about it: what was read is given with the words it was read from. Nothing here
//! decides whether there is a limit at all; `limits.rs` does.

use crate::core::time::Wall;
use crate::terminal::shorten;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use regex::{Captures, Regex};
use std::sync::LazyLock;

/// Characters of a text that are looked at.
const PART: usize = 8_000;
/// Characters after a word such as `resets` that are looked at.
const REACH: usize = 100;
/// Places in a text where a moment may begin.
const TRIES: usize = 40;
/// A time of day that passed so recently is taken for the one that was meant, not for the next day's.
const JUST_PASSED: SignedDuration = SignedDuration::from_mins(15);
/// What lies further back is not believed ...
const PAST: SignedDuration = SignedDuration::from_hours(24);
/// ... and what lies further ahead neither.
const AHEAD: SignedDuration = SignedDuration::from_hours(400 * 24);
/// Characters kept of the words that a moment was read from.
const KEPT: usize = 80;

/// How a moment was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Seconds or milliseconds since 1970.
    Epoch,
    /// A date and a time with its offset, or the date of a header.
    Timestamp,
    /// A span from now, in a field or a header.
    Field,
    /// A span from now, in words.
    Span,
    /// A time of day.
    TimeOfDay,
    /// A date, with or without a time.
    Date,
    /// A day of the week, with or without a time.
    Weekday,
    /// Nothing was said; the day that the quota is for ends at midnight Pacific time.
    DailyQuota,
}

impl Form {
    /// What it is called for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Epoch => "seconds since 1970",
            Self::Timestamp => "a date and time with its offset",
            Self::Field => "a span in a field",
            Self::Span => "a span in words",
            Self::TimeOfDay => "a time of day",
            Self::Date => "a date",
            Self::Weekday => "a day of the week",
            Self::DailyQuota => "the end of the day that the quota is for",
        }
    }
}

/// A moment at which a limit is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reset {
    /// The moment. It may have passed.
    pub at: Wall,
    /// How it was written.
    pub form: Form,
    /// The words it was read from, at most 80 characters.
    pub from: String,
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern")
}

/// Fields of JSON, of log lines and of headers that name the end of a limit.
static FIELD: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"(?i)(?:^|[^\w-])(?P<key>anthropic-ratelimit-unified-reset|(?:x-)?ratelimit-reset(?:-requests|-tokens)?",
        r"|quota_?reset_?(?:time_?stamp|at|time)?|(?:usage_?)?(?:limit_?)?resets?_?(?:at|time|date)?(?:_?ms)?",
        r"|resets?_?(?:in|after)(?:_?(?:seconds|secs|ms))?|retry[-_]?(?:after|delay)(?:[-_]?(?:ms|seconds|secs|s))?)",
        r#"[\\"']{0,3}\s{0,4}[:=]\s{0,4}[\\"']{0,3}(?P<value>[^\\"'}\]]{1,40})"#,
    ))
});
/// An epoch after a bar, as an old form of a message has it.
static BAR: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)limit reached\|(\d{10,13})\b"));
/// The words before a moment.
static ANCHOR: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"(?i)\b(?:resets?|resetting|renews?|refresh(?:es)?|available again|back|try(?:ing)? again|retry(?:ing)?|wait",
        r"|until)\b"
    ))
});
static FILLER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^(?:[\s:=,~·∙•|-]+|(?:at|on|in|after|for|is|until|till|by|about|around|approximately|again|the|time)\b)",
    )
});
static EPOCH: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(\d{10}(?:\d{3})?)(?:\.\d+)?(?:\D|$)"));
static STAMP: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(?:\.\d{1,9})?\s?(Z\b|[+-]\d{2}:?\d{2})?)?")
});
static HTTP_DATE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(?:[A-Z][a-z]{2}, )?(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT"));
static STEP: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"(?i)^(?P<n>\d{1,9}(?:\.\d{1,9})?|an?)[\s-]?(?P<unit>weeks|week|w|days|day|d|hours|hour|hrs|hr|h|milliseconds",
        r"|millisecond|minutes|minute|mins|min|ms|m|seconds|second|secs|sec|s)"
    ))
});
static BETWEEN: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)^(?:,? ?and )?[\s,]{0,3}"));
static TIME: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"(?i)^(?:(?P<h12>\d{1,2})(?:[:.](?P<m12>\d{2})(?::\d{2})?)?[\s\u{a0}\u{202f}]?(?P<half>[ap])(?:m\b|\.m\.)",
        r"|(?P<h>\d{1,2}):(?P<m>\d{2})(?::\d{2})?|(?P<word>midnight|noon))"
    ))
});
static MONTH_DAY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"(?i)^(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?",
        r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.? (?P<day>\d{1,2})(?:st|nd|rd|th)?\b",
        r"(?:,? (?P<year>20\d{2}))?"
    ))
});
static DAY_MONTH: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"(?i)^(?P<day>\d{1,2})(?:st|nd|rd|th)?\.? (?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?",
        r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?",
        r"(?:,? (?P<year>20\d{2}))?"
    ))
});
static DAY_NAME: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?i)^(?:next )?(today|tomorrow|(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?)\b\.?")
});
static ZONE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"^[\s\u{a0}]{0,2}(?:\(\s?(?P<inside>[A-Za-z][\w/+: -]{0,40}?)\s?\)",
        r"|(?P<iana>[A-Z][A-Za-z_]{1,20}/[A-Z][A-Za-z_+/-]{1,30})",
        r"|(?P<short>(?:UTC|GMT)(?:[+-]\d{1,2}(?::?\d{2})?)?|Z|[A-Z]{1,4}T)\b",
        r"|(?P<offset>[+-]\d{2}:?\d{2})\b)"
    ))
});

/// Reads the field that names the end of a limit out of a line. Of several the first that is to come.
pub(super) fn field(line: &str, seen: Wall) -> Option<Reset> {
    let line = part(line, PART);
    let bar = BAR.captures_iter(line).filter_map(|found| {
        let at = epoch(found.get(1)?.as_str())?;
        Some(Reset { at, form: Form::Epoch, from: kept(found.get(0)?.as_str()) })
    });
    let fields = FIELD.captures_iter(line).take(TRIES).filter_map(|found| {
        let (at, form) = value(found.name("key")?.as_str(), found.name("value")?.as_str().trim(), seen)?;
        let whole = found.get(0)?.as_str().trim_start_matches(|c: char| !c.is_alphanumeric());
        Some(Reset { at, form, from: kept(whole.trim()) })
    });
    let all: Vec<Reset> = bar.chain(fields).filter(|reset| believable(reset.at, seen)).collect();
    let ahead = all.iter().filter(|reset| reset.at > seen).min_by_key(|reset| reset.at);
    ahead.or_else(|| all.iter().max_by_key(|reset| reset.at)).cloned()
}

/// The value of a field.
fn value(key: &str, value: &str, seen: Wall) -> Option<(Wall, Form)> {
    if let Some(at) = EPOCH.captures(value).and_then(|found| epoch(found.get(1)?.as_str())) {
        return Some((at, Form::Epoch));
    }
    if let Some((at, true, _)) = stamp(value, &TimeZone::UTC) {
        return Some((at, Form::Timestamp));
    }
    if let Some(at) = http_date(value) {
        return Some((at, Form::Timestamp));
    }
    let key: String = key.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
    // `resets: 3` may be anything, `resets_in: 3` and `retry-after: 3` are spans.
    let is_span = key.starts_with("retry")
        || key.contains("ratelimit")
        || key.contains("resetsin")
        || key.contains("resetin")
        || key.contains("resetafter")
        || key.contains("resetsafter");
    if !is_span {
        return None;
    }
    let span = match span(value) {
        Some((span, _)) => span,
        None => {
            let digits: String = value.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
            let rest = value.get(digits.len()..)?.trim_start();
            let number = digits.parse::<f64>().ok().filter(|_| rest.is_empty() || rest.starts_with([',', ';', ')']))?;
            let unit = if key.ends_with("ms") { 0.001 } else { 1.0 };
            SignedDuration::try_from_secs_f64(number * unit).ok()?
        }
    };
    Some((plus(seen, span)?, Form::Field))
}

/// Reads a moment out of words, such as `resets 10:37am (UTC)` or `try again in 2 hours`. A time without a zone is one of
/// `zone`.
pub(super) fn words(text: &str, seen: Wall, zone: &TimeZone) -> Option<Reset> {
    let text = part(text, PART);
    let found = ANCHOR.find_iter(text).take(TRIES).filter_map(|anchor| {
        let tail = part(text.get(anchor.end()..)?, REACH);
        let mut rest = tail;
        while let Some(filler) = FILLER.find(rest).filter(|found| !found.is_empty()) {
            rest = &rest[filler.end()..];
        }
        let (at, form, used) = moment(rest, seen, zone)?;
        let length = tail.len() - rest.len() + used;
        let from = kept(text.get(anchor.start()..anchor.end() + length)?.trim());
        Some(Reset { at, form, from }).filter(|reset| believable(reset.at, seen))
    });
    let all: Vec<Reset> = found.collect();
    all.iter().find(|reset| reset.at > seen).or(all.first()).cloned()
}

/// The moment that a text begins with, and how many bytes of it say so.
fn moment(text: &str, seen: Wall, zone: &TimeZone) -> Option<(Wall, Form, usize)> {
    if let Some(found) = EPOCH.captures(text) {
        let digits = found.get(1)?;
        return Some((epoch(digits.as_str())?, Form::Epoch, digits.end()));
    }
    if let Some(end) = STAMP.find(text).map(|found| found.end()) {
        let (named, after) = zone_after(text, end, zone);
        let (at, has_offset, used) = stamp(text, &named)?;
        return Some((at, Form::Timestamp, if has_offset { used } else { after }));
    }
    if let Some((span, used)) = span(text) {
        return Some((plus(seen, span)?, Form::Span, used));
    }
    on_the_calendar(text, seen, zone)
}

/// A time of day, a date or a day of the week, in any order that people use.
fn on_the_calendar(text: &str, seen: Wall, zone: &TimeZone) -> Option<(Wall, Form, usize)> {
    let mut used = 0;
    let (mut day, mut time, mut named) = (None, None, None);
    loop {
        let mut here = used;
        // `Nov 24 at about 9am`: a few small words between the parts.
        for _ in 0..4 {
            let filler = FILLER.find(text.get(here..)?).filter(|found| used > 0 && !found.is_empty());
            here += filler.map_or(0, |found| found.end());
        }
        let rest = text.get(here..)?;
        if time.is_none()
            && let Some((found, length)) = time_of(rest)
        {
            time = Some(found);
            let (zone, end) = zone_after(text, here + length, zone);
            if end > here + length {
                named = Some(zone);
            }
            used = end;
        } else if day.is_none()
            && let Some((found, length)) = day_of(rest)
        {
            day = Some(found);
            used = here + length;
        } else {
            break;
        }
    }
    let zone = named.as_ref().unwrap_or(zone);
    let (at, form) = match (day, time) {
        (None, None) => return None,
        (None, Some(time)) => (next_time(time, seen, zone)?, Form::TimeOfDay),
        (Some(day), time) => day.at(time.unwrap_or(Time::MIN), seen, zone)?,
    };
    Some((at, form, used))
}

/// A day as people name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Day {
    /// So many days from today.
    Ahead(i64),
    /// Monday is 0.
    Weekday(i8),
    /// Month, day, and the year where it is named.
    Date(i8, i8, Option<i16>),
}

impl Day {
    fn at(self, time: Time, seen: Wall, zone: &TimeZone) -> Option<(Wall, Form)> {
        let today = timestamp(seen)?.to_zoned(zone.clone()).date();
        let ahead = |days: i64| today.checked_add(jiff::Span::new().try_days(days).ok()?).ok();
        let least = plus(seen, SignedDuration::ZERO.checked_sub(JUST_PASSED)?)?;
        match self {
            Self::Ahead(days) => Some((occurrence(ahead(days)?, time, least, zone)?, Form::Date)),
            Self::Weekday(day) => {
                let mut days = (0..=7).filter_map(ahead).filter(|date| date.weekday().to_monday_zero_offset() == day);
                Some((days.find_map(|date| occurrence(date, time, least, zone))?, Form::Weekday))
            }
            Self::Date(month, day, Some(year)) => {
                let date = Date::new(year, month, day).ok()?;
                Some((occurrence(date, time, Wall(i64::MIN), zone)?, Form::Date))
            }
            Self::Date(month, day, None) => {
                let years = [today.year(), today.year().checked_add(1)?];
                let mut dates = years.into_iter().filter_map(|year| Date::new(year, month, day).ok());
                let least = plus(seen, SignedDuration::ZERO.checked_sub(PAST)?)?;
                Some((dates.find_map(|date| occurrence(date, time, least, zone))?, Form::Date))
            }
        }
    }
}

fn time_of(text: &str) -> Option<(Time, usize)> {
    let found = TIME.captures(text)?;
    let number = |name: &str| found.name(name).map_or(Some(0), |m| m.as_str().parse::<i8>().ok());
    let (hour, minute) = if let Some(word) = found.name("word") {
        (if word.as_str().eq_ignore_ascii_case("noon") { 12 } else { 0 }, 0)
    } else if let Some(half) = found.name("half") {
        let hour = number("h12").filter(|hour| (1..=12).contains(hour))? % 12;
        (if half.as_str().eq_ignore_ascii_case("p") { hour + 12 } else { hour }, number("m12")?)
    } else {
        // The end of a day is the beginning of the next.
        (number("h").filter(|hour| (0..=24).contains(hour))? % 24, number("m")?)
    };
    Some((Time::new(hour, minute, 0, 0).ok()?, found.get(0)?.end()))
}

fn day_of(text: &str) -> Option<(Day, usize)> {
    let of_month = |found: &Captures<'_>| {
        let name = found.name("month")?.as_str().to_lowercase();
        let day = found.name("day")?.as_str().parse().ok()?;
        let year = found.name("year").and_then(|year| year.as_str().parse().ok());
        Some((Day::Date(month(&name)?, day, year), found.get(0)?.end()))
    };
    if let Some(found) = MONTH_DAY.captures(text).or_else(|| DAY_MONTH.captures(text)) {
        return of_month(&found);
    }
    let found = DAY_NAME.captures(text)?;
    let name = found.get(1)?.as_str().to_lowercase();
    let day = match name.get(..3)? {
        "tod" => Day::Ahead(0),
        "tom" => Day::Ahead(1),
        "mon" => Day::Weekday(0),
        "tue" => Day::Weekday(1),
        "wed" => Day::Weekday(2),
        "thu" => Day::Weekday(3),
        "fri" => Day::Weekday(4),
        "sat" => Day::Weekday(5),
        _ => Day::Weekday(6),
    };
    Some((day, found.get(0)?.end()))
}

fn month(name: &str) -> Option<i8> {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let place = MONTHS.iter().position(|known| name.to_lowercase().starts_with(known))?;
    i8::try_from(place + 1).ok()
}

/// The zone that stands at a place of a text, and where it ends; that of the night when none does.
fn zone_after(text: &str, from: usize, night: &TimeZone) -> (TimeZone, usize) {
    let Some(found) = text.get(from..).and_then(|rest| ZONE.captures(rest)) else { return (night.clone(), from) };
    let end = from + found.get(0).map_or(0, |whole| whole.end());
    let inside = ["inside", "iana", "short", "offset"].iter().find_map(|name| found.name(name));
    match inside.and_then(|name| zone_of(name.as_str().trim())) {
        Some(zone) => (zone, end),
        None => (night.clone(), from),
    }
}

/// A zone by its name, its usual short name in English, or its offset.
fn zone_of(name: &str) -> Option<TimeZone> {
    let upper = name.to_uppercase();
    let iana = match upper.as_str() {
        "UTC" | "GMT" | "Z" | "ZULU" => return Some(TimeZone::UTC),
        "PT" | "PST" | "PDT" | "PACIFIC TIME" | "PACIFIC" => "America/Los_Angeles",
        "MT" | "MST" | "MDT" => "America/Denver",
        "CT" | "CDT" => "America/Chicago",
        "ET" | "EST" | "EDT" | "EASTERN TIME" => "America/New_York",
        "BST" => "Europe/London",
        "CET" | "CEST" => "Europe/Berlin",
        "JST" => "Asia/Tokyo",
        _ => "",
    };
    if !iana.is_empty() {
        return TimeZone::get(iana).ok();
    }
    let offset = upper.strip_prefix("UTC").or_else(|| upper.strip_prefix("GMT")).unwrap_or(&upper);
    if let Some(minutes) = offset_minutes(offset) {
        return Some(TimeZone::fixed(jiff::tz::Offset::from_seconds(minutes.checked_mul(60)?).ok()?));
    }
    name.contains('/').then(|| TimeZone::get(name).ok()).flatten()
}

/// `+2`, `-0330`, `+05:30` as minutes.
fn offset_minutes(text: &str) -> Option<i32> {
    let (sign, rest) = match text.strip_prefix('+') {
        Some(rest) => (1, rest),
        None => (-1, text.strip_prefix('-')?),
    };
    let (hours, minutes) = match rest.split_once(':') {
        Some(parts) => parts,
        None if rest.len() == 4 && rest.is_ascii() => rest.split_at(2),
        None => (rest, "0"),
    };
    let number = |text: &str| text.parse::<i32>().ok().filter(|_| text.len() <= 2 && !text.starts_with(['+', '-']));
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours <= 14 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

/// A date, with a time and an offset where they stand there; whether an offset does, and how many bytes all of it takes.
fn stamp(text: &str, zone: &TimeZone) -> Option<(Wall, bool, usize)> {
    let found = STAMP.captures(text)?;
    let date: Date = found.get(1)?.as_str().parse().ok()?;
    let time: Time = found.get(2).map_or(Some(Time::MIN), |time| time.as_str().parse().ok())?;
    let named = found.get(3).map(|offset| offset.as_str());
    let zone = named.and_then(zone_of).unwrap_or_else(|| zone.clone());
    let at = zone.to_ambiguous_timestamp(date.to_datetime(time)).compatible().ok()?;
    Some((Wall(at.as_millisecond()), named.is_some(), found.get(0)?.end()))
}

/// The date of a header: `Sat, 21 Nov 2026 10:37:00 GMT`.
fn http_date(text: &str) -> Option<Wall> {
    let found = HTTP_DATE.captures(text)?;
    let number = |i: usize| found.get(i)?.as_str().parse::<i8>().ok();
    let date = Date::new(found.get(3)?.as_str().parse().ok()?, month(found.get(2)?.as_str())?, number(1)?).ok()?;
    let time = Time::new(number(4)?, number(5)?, number(6)?, 0).ok()?;
    let at = TimeZone::UTC.to_timestamp(date.to_datetime(time)).ok()?;
    Some(Wall(at.as_millisecond()))
}

/// `3 hours 20 minutes`, `2h`, `1m30s`, `an hour`: the span, and how many bytes it takes.
fn span(text: &str) -> Option<(SignedDuration, usize)> {
    let (mut seconds, mut used) = (0.0_f64, 0);
    loop {
        let rest = text.get(used..)?;
        let gap = if used == 0 { 0 } else { BETWEEN.find(rest).map_or(0, |found| found.end()) };
        let Some(found) = STEP.captures(rest.get(gap..)?) else { break };
        let end = used + gap + found.get(0)?.end();
        // `3 maybe` is no span, `3h20m` is.
        if text.get(end..)?.starts_with(|c: char| c.is_alphabetic()) {
            break;
        }
        let number = found.name("n")?.as_str();
        let number = if number.starts_with(['a', 'A']) { 1.0 } else { number.parse::<f64>().ok()? };
        let unit = found.name("unit")?.as_str().to_lowercase();
        seconds += number
            * match unit.as_str() {
                "ms" | "millisecond" | "milliseconds" => 0.001,
                unit if unit.starts_with('w') => 604_800.0,
                unit if unit.starts_with('d') => 86_400.0,
                unit if unit.starts_with('h') => 3_600.0,
                unit if unit.starts_with('m') => 60.0,
                _ => 1.0,
            };
        used = end;
    }
    (used > 0).then(|| SignedDuration::try_from_secs_f64(seconds).ok()).flatten().map(|span| (span, used))
}

/// The next midnight of the zone in which providers count days.
pub(super) fn end_of_quota_day(seen: Wall) -> Option<Wall> {
    let zone = TimeZone::get("America/Los_Angeles").ok()?;
    let tomorrow = timestamp(seen)?.to_zoned(zone.clone()).date().tomorrow().ok()?;
    occurrence(tomorrow, Time::MIN, seen, &zone)
}

/// The next moment that is this time of day, or the last one when that has just passed.
fn next_time(time: Time, seen: Wall, zone: &TimeZone) -> Option<Wall> {
    let least = plus(seen, SignedDuration::ZERO.checked_sub(JUST_PASSED)?)?;
    let today = timestamp(least)?.to_zoned(zone.clone()).date();
    let days = (-1..=2).filter_map(|days| today.checked_add(jiff::Span::new().try_days(days).ok()?).ok());
    days.filter_map(|date| occurrence(date, time, least, zone)).min()
}

/// The first moment, not before `least`, at which a clock shows this on a date. A time that comes twice comes twice; one
/// that is skipped comes as much later as the clock is moved on.
fn occurrence(date: Date, time: Time, least: Wall, zone: &TimeZone) -> Option<Wall> {
    let ambiguous = zone.to_ambiguous_timestamp(date.to_datetime(time));
    let both = [ambiguous.compatible(), ambiguous.later()];
    let both = both.into_iter().filter_map(Result::ok).map(|at| Wall(at.as_millisecond()));
    both.filter(|at| *at >= least).min()
}

fn epoch(digits: &str) -> Option<Wall> {
    let number = digits.parse::<i64>().ok()?;
    match digits.len() {
        10 => number.checked_mul(1000).map(Wall),
        13 => Some(Wall(number)),
        _ => None,
    }
}

fn believable(at: Wall, seen: Wall) -> bool {
    let distance = i128::from(at.0) - i128::from(seen.0);
    distance >= -PAST.as_millis() && distance <= AHEAD.as_millis()
}

fn timestamp(at: Wall) -> Option<Timestamp> {
    Timestamp::from_millisecond(at.0).ok()
}

fn plus(at: Wall, span: SignedDuration) -> Option<Wall> {
    let ms = i64::try_from(span.as_millis()).ok()?;
    at.0.checked_add(ms).map(Wall)
}

/// The first so many characters.
fn part(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).map_or(text, |(end, _)| text.get(..end).unwrap_or(text))
}

fn kept(text: &str) -> String {
    shorten(text, KEPT).into_owned()
}

#[cfg(test)]
mod tests;
