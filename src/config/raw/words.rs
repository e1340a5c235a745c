//! The small values of the file that have a form of their own: durations, sizes, times of day, patterns.
//!
//! Each is one type with its reader, its JSON Schema and the words for "expected …", so that a form is written down
//! once. The schema's definition name is how [`super::super::shape`] finds the reader again.

use crate::agents::profile;
use crate::config::calendar;
use crate::config::plan::requirement;
use crate::config::printable::quoted;
use crate::config::units;
use crate::core::plan::Check;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// What is wrong with a small value: a message, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong, with the text quoted.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

impl Fault {
    /// A fault without a hint.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }
    /// The same with a hint.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// A form of small value, as the reader of the file's shape sees it.
pub struct Word {
    /// Name of the schema's definition.
    pub name: &'static str,
    /// What a message calls it: `a duration such as "90s"`.
    pub expected: &'static str,
    /// Checks a text.
    pub check: fn(&str) -> Result<(), Fault>,
}

/// A value that is written as a string with a form.
macro_rules! word {
    ($(#[$doc:meta])* $type:ident($inner:ty), $name:literal, $expected:literal, $pattern:expr, $read:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $type(pub $inner);

        impl $type {
            const WORD: Word = Word { name: $name, expected: $expected, check: |text| Self::read(text).map(drop) };

            /// Reads the text.
            pub fn read(text: &str) -> Result<Self, Fault> {
                let read: fn(&str) -> Result<$inner, Fault> = $read;
                read(text).map(Self)
            }
        }

        impl TryFrom<String> for $type {
            type Error = String;
            fn try_from(text: String) -> Result<Self, String> {
                Self::read(&text).map_err(|fault| fault.message)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let pattern: Option<&str> = $pattern;
                let mut schema = json_schema!({ "type": "string", "description": concat!("Expected: ", $expected, ".") });
                if let Some(pattern) = pattern {
                    schema.insert("pattern".into(), pattern.into());
                }
                schema
            }
        }
    };
}

const DURATION_PATTERN: &str = r"^(?=.)(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?$";
const DURATION_HELP: &str = "durations look like 90s, 15m, 3h, 1h30m or 14d";

fn duration_fault(text: &str, why: &units::UnitError) -> Fault {
    let fault = Fault::new(format!("the duration {} {why}", quoted(text)));
    let help = match why {
        units::UnitError::Zero => "leave the key out to have no limit".to_owned(),
        units::UnitError::UnknownUnit(unit) if unit == "M" => {
            "`m` is minutes; a month is written in days, as in 30d".to_owned()
        }
        units::UnitError::Empty
        | units::UnitError::Negative
        | units::UnitError::Fraction
        | units::UnitError::Space
        | units::UnitError::NoUnit
        | units::UnitError::UnknownUnit(_)
        | units::UnitError::Order
        | units::UnitError::TooMuch(_)
        | units::UnitError::Form => DURATION_HELP.to_owned(),
    };
    fault.with_help(help)
}

word! {
    /// A duration of more than nothing.
    Period(std::time::Duration), "Duration", "a duration such as \"90s\" or \"1h30m\"", Some(DURATION_PATTERN),
    |text| units::positive_duration(text).map_err(|why| duration_fault(text, &why))
}
word! {
    /// A duration that may be nothing.
    Delay(std::time::Duration), "Delay", "a duration such as \"10s\"; \"0s\" is allowed", Some(DURATION_PATTERN),
    |text| units::duration(text).map_err(|why| duration_fault(text, &why))
}
word! {
    /// A number of bytes, more than none.
    ByteSize(u64), "Size", "a size such as \"500MB\" or \"1GiB\"", Some(r"^\d+([kKMGT]B|[KMGT]iB|B)$"),
    |text| units::positive_size(text).map_err(|why| {
        Fault::new(format!("the size {} {why}", quoted(text))).with_help("sizes look like 500MB, 64KiB or 1GiB")
    })
}
word! {
    /// A time of day, by the wall clock of the night's zone, in minutes since midnight.
    ClockTime(u16), "TimeOfDay", "a time of day such as \"22:30\"", Some(r"^([01]\d|2[0-3]):[0-5]\d$"),
    |text| calendar::time_of_day(text)
}
word! {
    /// A part of the day, from and to in minutes since midnight; it may go over midnight.
    ClockRange((u16, u16)), "TimeRange", "a part of the day such as \"23:00-07:00\"",
    Some(r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$"),
    |text| calendar::time_range(text)
}
word! {
    /// A cron expression of five fields.
    Cron(calendar::Schedule), "Cron", "a cron expression such as \"0 23 * * 1-5\"", None,
    |text| calendar::cron(text)
}
word! {
    /// A regular expression in Rust's syntax; it has no backtracking and is compiled within a memory limit.
    Pattern(String), "Regex", "a regular expression", None,
    |text| pattern(text).map(|_| text.to_owned())
}
word! {
    /// A condition on a run's success.
    Condition(Check), "Condition", "a condition such as \"metric:NAME=complete\" or \"git_commits>=1\"",
    Some(r"^(git_commits|file:|metric:|regex:|command:)"),
    requirement::read
}
word! {
    /// `4 in 10m`.
    CrashLoop((u32, std::time::Duration)), "CrashLoop", "a count and a time such as \"4 in 10m\"",
    Some(r"^\d+ in \d+"),
    crash_loop
}

word! {
    /// A key of the keyboard.
    KeyName(String), "Key", "a key such as \"x\", \"ctrl-l\" or \"page-up\"",
    Some(KEY_PATTERN),
    key_name
}

word! {
    /// A regular expression on a part of a screen, in which `^` and `$` stand for the ends of a row.
    ScreenPattern(String), "ScreenRegex", "a regular expression", None,
    |text| screen_pattern(text).map(|()| text.to_owned())
}

/// All forms of small values.
pub const WORDS: [Word; 11] = [
    Period::WORD,
    Delay::WORD,
    ByteSize::WORD,
    ClockTime::WORD,
    ClockRange::WORD,
    Cron::WORD,
    Pattern::WORD,
    Condition::WORD,
    CrashLoop::WORD,
    KeyName::WORD,
    ScreenPattern::WORD,
];

const KEY_PATTERN: &str = "^(ctrl-|alt-)*(.|space|enter|esc|tab|shift-tab|backspace|delete|up|down|left|right|home|end|\
    page-up|page-down|f([1-9]|1[0-9]|2[0-4]))$";

fn key_name(text: &str) -> Result<String, Fault> {
    let known = regex::Regex::new(KEY_PATTERN).is_ok_and(|key| key.is_match(text));
    if known && !text.chars().any(char::is_control) {
        return Ok(text.to_owned());
    }
    Err(Fault::new(format!("there is no key {}", quoted(text)))
        .with_help("keys are written x, X, space, enter, page-up, f5, ctrl-l or alt-x"))
}

/// Longest pattern, in bytes.
const PATTERN_MAX: usize = 10_000;
/// Memory one compiled pattern may take, in bytes.
pub const PATTERN_MEMORY: usize = 4 << 20;

/// Compiles a pattern within the limits.
pub fn pattern(text: &str) -> Result<regex::Regex, Fault> {
    if text.is_empty() {
        return Err(Fault::new("the regular expression is empty and would match everything"));
    }
    if text.len() > PATTERN_MAX {
        let message = format!("the regular expression has {} bytes, {PATTERN_MAX} are allowed", text.len());
        return Err(Fault::new(message));
    }
    let built = regex::RegexBuilder::new(text).size_limit(PATTERN_MEMORY).nest_limit(100).build();
    built.map_err(|error| pattern_fault(text, &error))
}

fn pattern_fault(text: &str, error: &regex::Error) -> Fault {
    let shown = quoted(text);
    if matches!(error, regex::Error::CompiledTooBig(_)) {
        return Fault::new(format!("the regular expression {shown} is too large"))
            .with_help("a counted repetition such as {1000} of a class is the usual cause");
    }
    // The library draws the pattern over several lines; the last one says what is wrong.
    let drawn = error.to_string();
    let why = drawn.rsplit("error: ").next().unwrap_or_default().trim();
    let fault = Fault::new(format!("the regular expression {shown} is not valid: {why}"));
    if why.contains("look-around") || why.contains("backreferences") {
        fault
    } else {
        fault.with_help("in TOML a pattern is best written in 'single quotes', where \\ is not special")
    }
}

/// Checks a pattern of a rule on a screen; the limits are narrower, since many are tried again and again.
fn screen_pattern(text: &str) -> Result<(), Fault> {
    if text.len() > profile::PATTERN_MAX {
        let most = profile::PATTERN_MAX;
        return Err(Fault::new(format!("the regular expression has {} bytes, {most} are allowed", text.len())));
    }
    pattern(text)?;
    profile::compile_within(text, profile::OWN_SIZE_MAX).map(drop).map_err(|error| pattern_fault(text, &error))
}

fn crash_loop(text: &str) -> Result<(u32, std::time::Duration), Fault> {
    let fault = || {
        Fault::new(format!("the crash loop {} is not of the form \"4 in 10m\"", quoted(text)))
            .with_help("it says how many quick exits within which time, 2 to 100 of them")
    };
    let (count, window) = text.split_once(" in ").ok_or_else(fault)?;
    let count = count.trim().parse::<u32>().ok().filter(|n| (2..=100).contains(n)).ok_or_else(fault)?;
    let window = units::positive_duration(window.trim()).map_err(|why| duration_fault(window.trim(), &why))?;
    Ok((count, window))
}

/// A condition with the text it was written as.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct WrittenCondition {
    /// As typed.
    pub text: String,
    /// What it means.
    pub check: Check,
}

impl TryFrom<String> for WrittenCondition {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let check = requirement::read(&text).map_err(|fault| fault.message)?;
        Ok(Self { text, check })
    }
}

impl JsonSchema for WrittenCondition {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        Condition::schema_name()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Condition>()
    }
}

/// Days of the week, as cron and calendars shorten them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names of the days")]
pub enum Weekday {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}
