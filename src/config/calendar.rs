//! Times of day and cron expressions: their form, and whether they can ever come true.

use super::printable::quoted;
use super::raw::Fault;
use super::suggest;

/// Reads `22:30` into minutes since midnight.
pub fn time_of_day(text: &str) -> Result<u16, Fault> {
    let fault = || {
        Fault::new(format!("{} is no time of day", quoted(text))).with_help("times are written HH:MM, 00:00 to 23:59")
    };
    let (hour, minute) = text.split_once(':').ok_or_else(fault)?;
    let number = |part: &str, below: u16| {
        let digits = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
        part.parse::<u16>().ok().filter(|n| digits && *n < below).ok_or_else(fault)
    };
    Ok(number(hour, 24)? * 60 + number(minute, 60)?)
}

/// Reads `23:00-07:00` into minutes since midnight.
pub fn time_range(text: &str) -> Result<(u16, u16), Fault> {
    let (from, to) = text.split_once('-').ok_or_else(|| {
        Fault::new(format!("{} is no part of the day", quoted(text))).with_help("write it as 23:00-07:00")
    })?;
    let range = (time_of_day(from.trim())?, time_of_day(to.trim())?);
    if range.0 == range.1 {
        return Err(Fault::new(format!("{} begins and ends at the same time", quoted(text))));
    }
    Ok(range)
}

/// A checked cron expression: the minutes, hours, days, months and weekdays it names, as bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// As typed.
    pub text: String,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
}

impl Schedule {
    /// Whether no day of any year fits: `0 0 31 2 *`.
    pub fn never_runs(&self) -> bool {
        let any_weekday = self.weekdays == ALL_WEEKDAYS;
        // With days and weekdays both given, cron takes either; then a weekday always comes.
        any_weekday && (1..=12u8).all(|month| self.months >> month & 1 == 0 || self.days & days_of(month) == 0)
    }
}

const ALL_WEEKDAYS: u64 = 0b111_1111;

fn days_of(month: u8) -> u64 {
    let last = match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    (1u64 << (last + 1)) - 2
}

struct Field {
    name: &'static str,
    least: u8,
    most: u8,
    words: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field { name: "minute", least: 0, most: 59, words: &[] },
    Field { name: "hour", least: 0, most: 23, words: &[] },
    Field { name: "day of the month", least: 1, most: 31, words: &[] },
    Field {
        name: "month",
        least: 1,
        most: 12,
        words: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    },
    // Sunday is 0 and 7.
    Field { name: "day of the week", least: 0, most: 7, words: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] },
];

/// Reads five cron fields: minute, hour, day of the month, month, day of the week.
pub fn cron(text: &str) -> Result<Schedule, Fault> {
    let parts: Vec<&str> = text.split_whitespace().collect();
    let parts: [&str; 5] = parts.as_slice().try_into().map_err(|_| {
        Fault::new(format!("the cron expression {} has {} fields, five are needed", quoted(text), parts.len()))
            .with_help("minute, hour, day of the month, month, day of the week: \"0 23 * * 1-5\"")
    })?;
    let mut bits = [0u64; 5];
    for ((slot, part), field) in bits.iter_mut().zip(parts).zip(&FIELDS) {
        *slot = field_bits(part, field)?;
    }
    let [minutes, hours, days, months, weekdays] = bits;
    let weekdays = (weekdays | weekdays >> 7) & ALL_WEEKDAYS;
    Ok(Schedule { text: text.to_owned(), minutes, hours, days, months, weekdays })
}

fn field_bits(text: &str, field: &Field) -> Result<u64, Fault> {
    let mut bits = 0u64;
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            None => (part, 1),
            Some((range, step)) => {
                let step = step.parse::<u8>().ok().filter(|n| *n > 0 && *n <= field.most);
                (range, step.ok_or_else(|| field_fault(part, field))?)
            }
        };
        let (from, to) = if range == "*" {
            (field.least, field.most)
        } else if let Some((from, to)) = range.split_once('-') {
            (field_number(from, field)?, field_number(to, field)?)
        } else {
            let from = field_number(range, field)?;
            (from, if part.contains('/') { field.most } else { from })
        };
        if from > to {
            return Err(field_fault(part, field));
        }
        bits |= (from..=to).step_by(usize::from(step)).fold(0, |bits, n| bits | 1u64 << n);
    }
    Ok(bits)
}

fn field_number(text: &str, field: &Field) -> Result<u8, Fault> {
    let lower = text.to_ascii_lowercase();
    if let Some(i) = field.words.iter().position(|w| *w == lower) {
        return Ok(field.least + u8::try_from(i).unwrap_or(0));
    }
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse::<u8>().ok().filter(|n| digits && (field.least..=field.most).contains(n));
    number.ok_or_else(|| field_fault(text, field))
}

fn field_fault(part: &str, field: &Field) -> Fault {
    let fault = Fault::new(format!("{} is no {} of a cron expression", quoted(part), field.name));
    match suggest::closest(part, field.words.iter().copied()) {
        Some(word) => fault.with_help(format!("did you mean `{word}`?")),
        None => fault.with_help(format!("it goes from {} to {}", field.least, field.most)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day_are_two_and_two_digits() {
        assert_eq!(time_of_day("22:30"), Ok(22 * 60 + 30));
        for bad in ["", "24:00", "25:00", "12:60", "1:00", "+1:00", "12", "12:3x"] {
            assert!(time_of_day(bad).is_err(), "{bad}");
        }
        assert_eq!(time_range("23:00-07:00"), Ok((23 * 60, 7 * 60)));
        assert!(time_range("22:00-22:00").is_err());
        assert!(time_range("22:00").is_err());
    }

    #[test]
    fn cron_expressions_are_read_and_the_impossible_ones_known() {
        for good in ["0 23 * * 1-5", "*/15 * * * *", "0 0 1,15 jan-mar mon,FRI", "5/10 0 * * 7"] {
            assert!(!cron(good).unwrap().never_runs(), "{good}");
        }
        assert!(cron("0 0 31 2 *").unwrap().never_runs());
        assert!(cron("0 0 31 4,6,9,11 *").unwrap().never_runs());
        assert!(!cron("0 0 31 2 mon").unwrap().never_runs(), "every monday of february");
        assert!(!cron("0 0 29 2 *").unwrap().never_runs(), "leap years come");
        for bad in ["", "* * * *", "* * * * * *", "60 * * * *", "* * 0 * *", "* * * * 8", "5-1 * * * *", "*/0 * * * *"]
        {
            assert!(cron(bad).is_err(), "{bad}");
        }
        assert_eq!(cron("0 0 * * mno").unwrap_err().help.as_deref(), Some("did you mean `mon`?"));
    }
}
