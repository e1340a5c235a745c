//! Durations (`90s`, `1h30m`, `14d`) and sizes (`500MB`, `1GiB`) as people write them.

use super::printable::quoted;
use std::time::Duration;

/// Longest duration that is accepted; more is a slip of the finger, not a plan.
pub const LONGEST: Duration = Duration::from_secs(3660 * 86_400);
/// Largest size that is accepted: 1 PiB.
pub const LARGEST: u64 = 1 << 50;

const DURATION_UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
const SIZE_UNITS: [(&str, u64); 10] = [
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Why a text is no duration or size; the message is a fragment that fits behind the quoted text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Nothing was written.
    #[error("is empty")]
    Empty,
    /// It starts with a minus.
    #[error("is negative")]
    Negative,
    /// It has a decimal point.
    #[error("has a fraction; only whole numbers are accepted")]
    Fraction,
    /// It has a space in it.
    #[error("has a space in it")]
    Space,
    /// A number stands without a unit.
    #[error("has no unit")]
    NoUnit,
    /// The unit is not known.
    #[error("has the unknown unit {}", quoted(.0))]
    UnknownUnit(String),
    /// The units are not in falling order, or one stands twice.
    #[error("must have each unit once, the largest first")]
    Order,
    /// It is longer or larger than what makes sense.
    #[error("is more than {0}")]
    TooMuch(&'static str),
    /// It is zero where zero makes no sense.
    #[error("is zero")]
    Zero,
    /// It is something else.
    #[error("is not of that form")]
    Form,
}

/// Reads `90s`, `15m`, `3h`, `1h30m`, `14d`, `250ms`; zero is accepted.
pub fn duration(text: &str) -> Result<Duration, UnitError> {
    let mut rest = start(text)?;
    let mut total: u64 = 0;
    let mut last = u64::MAX;
    while !rest.is_empty() {
        let (number, unit, after) = number_and_unit(rest)?;
        let factor = lookup(&DURATION_UNITS, unit)?;
        if factor >= last {
            return Err(UnitError::Order);
        }
        last = factor;
        let part = number.parse::<u64>().ok().and_then(|n| n.checked_mul(factor));
        total = part.and_then(|p| total.checked_add(p)).ok_or(UnitError::TooMuch("ten years"))?;
        rest = after;
    }
    let total = Duration::from_millis(total);
    if total > LONGEST { Err(UnitError::TooMuch("ten years")) } else { Ok(total) }
}

/// Reads a duration that must be more than zero.
pub fn positive_duration(text: &str) -> Result<Duration, UnitError> {
    duration(text).and_then(|d| if d.is_zero() { Err(UnitError::Zero) } else { Ok(d) })
}

/// Reads `500MB`, `1GiB`, `64KiB`, `0B`, in bytes; zero is accepted.
pub fn size(text: &str) -> Result<u64, UnitError> {
    let rest = start(text)?;
    let (number, unit, after) = number_and_unit(rest)?;
    if !after.is_empty() {
        return Err(UnitError::Form);
    }
    let factor = lookup(&SIZE_UNITS, unit)?;
    let bytes = number.parse::<u64>().ok().and_then(|n| n.checked_mul(factor));
    bytes.filter(|b| *b <= LARGEST).ok_or(UnitError::TooMuch("1024TiB"))
}

/// Reads a size that must be more than zero.
pub fn positive_size(text: &str) -> Result<u64, UnitError> {
    size(text).and_then(|n| if n == 0 { Err(UnitError::Zero) } else { Ok(n) })
}

/// Writes a duration as [`duration`] reads it: `1h30m`.
pub fn show_duration(span: Duration) -> String {
    let mut rest = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let mut out = String::new();
    for (unit, factor) in DURATION_UNITS {
        if rest >= factor {
            out.push_str(&format!("{}{unit}", rest / factor));
            rest %= factor;
        }
    }
    if out.is_empty() { "0s".into() } else { out }
}

/// Writes a size as [`size`] reads it, with the largest unit that loses nothing.
pub fn show_size(bytes: u64) -> String {
    let fits = |factor: u64| bytes >= factor && bytes.is_multiple_of(factor);
    let best = SIZE_UNITS.iter().filter(|(_, factor)| fits(*factor)).max_by_key(|(_, factor)| *factor);
    best.map_or_else(|| format!("{bytes}B"), |(unit, factor)| format!("{}{unit}", bytes / factor))
}

/// What can be said before any number is read.
fn start(text: &str) -> Result<&str, UnitError> {
    if text.is_empty() {
        return Err(UnitError::Empty);
    }
    if text.contains(char::is_whitespace) {
        return Err(UnitError::Space);
    }
    if text.starts_with('-') || text.starts_with('\u{2212}') {
        return Err(UnitError::Negative);
    }
    if text.contains(['.', ',']) {
        return Err(UnitError::Fraction);
    }
    Ok(text)
}

fn number_and_unit(text: &str) -> Result<(&str, &str, &str), UnitError> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    if digits == 0 {
        return Err(UnitError::Form);
    }
    let (number, rest) = text.split_at(digits);
    let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, after) = rest.split_at(letters);
    if unit.is_empty() { Err(UnitError::NoUnit) } else { Ok((number, unit, after)) }
}

fn lookup(units: &[(&str, u64)], unit: &str) -> Result<u64, UnitError> {
    let found = units.iter().find(|(name, _)| *name == unit);
    found.map(|(_, factor)| *factor).ok_or_else(|| UnitError::UnknownUnit(unit.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_of_the_usual_forms_are_read() {
        let seconds = |text| duration(text).unwrap().as_secs();
        assert_eq!(seconds("90s"), 90);
        assert_eq!(seconds("15m"), 900);
        assert_eq!(seconds("1h30m"), 5400);
        assert_eq!(seconds("14d"), 14 * 86_400);
        assert_eq!(seconds("1d2h3m4s"), 86_400 + 7200 + 180 + 4);
        assert_eq!(duration("250ms").unwrap().as_millis(), 250);
        assert_eq!(seconds("0s"), 0);
    }

    #[test]
    fn everything_else_is_refused_with_its_reason() {
        for (text, why) in [
            ("", UnitError::Empty),
            ("-5s", UnitError::Negative),
            ("5 m", UnitError::Space),
            ("1.5h", UnitError::Fraction),
            ("90", UnitError::NoUnit),
            ("5M", UnitError::UnknownUnit("M".into())),
            ("1e9d", UnitError::UnknownUnit("e".into())),
            ("∞", UnitError::Form),
            ("99999999999h", UnitError::TooMuch("ten years")),
            ("99999999999999999999999999h", UnitError::TooMuch("ten years")),
            ("3661d", UnitError::TooMuch("ten years")),
            ("30m1h", UnitError::Order),
            ("1h1h", UnitError::Order),
        ] {
            assert_eq!(duration(text), Err(why), "{text:?}");
        }
        assert_eq!(positive_duration("0s"), Err(UnitError::Zero));
    }

    #[test]
    fn sizes_are_decimal_or_binary_as_written() {
        assert_eq!(size("500MB"), Ok(500_000_000));
        assert_eq!(size("1GiB"), Ok(1 << 30));
        assert_eq!(size("0B"), Ok(0));
        assert_eq!(positive_size("0B"), Err(UnitError::Zero));
        assert_eq!(size("1.5GiB"), Err(UnitError::Fraction));
        assert_eq!(size("1Gib"), Err(UnitError::UnknownUnit("Gib".into())));
        assert_eq!(size("2000TiB"), Err(UnitError::TooMuch("1024TiB")));
        assert_eq!(size("5"), Err(UnitError::NoUnit));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(ms in 0u64..300_000_000_000, bytes in 0u64..LARGEST) {
            prop_assert_eq!(duration(&show_duration(Duration::from_millis(ms))), Ok(Duration::from_millis(ms)));
            prop_assert_eq!(size(&show_size(bytes)), Ok(bytes));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC*") {
            let _ = duration(&text);
            let _ = size(&text);
        }
    }
}
