//! Names and ids: checked once when they enter, plain values afterwards.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Longest name in bytes; keeps tmux names, file names and socket paths short.
pub const NAME_MAX: usize = 64;

/// Why a string cannot be a name or an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The name is empty.
    #[error("a name cannot be empty")]
    Empty,
    /// The name is longer than [`NAME_MAX`] bytes.
    #[error("a name has at most {NAME_MAX} characters, this one has {0}")]
    TooLong(usize),
    /// The name has a character outside `[a-z0-9_-]`, or starts with `_` or `-`.
    #[error("a name is made of a-z, 0-9, '_' and '-', and starts with a letter or digit; {0:?} does not fit")]
    BadChar(char),
    /// The text has not the form of the id.
    #[error("not an id of the form {0}")]
    BadForm(&'static str),
}

fn check_name(name: &str) -> Result<(), IdError> {
    if name.is_empty() {
        return Err(IdError::Empty);
    }
    for (i, c) in name.chars().enumerate() {
        let ok = c.is_ascii_lowercase() || c.is_ascii_digit() || (i > 0 && (c == '_' || c == '-'));
        if !ok {
            return Err(IdError::BadChar(c));
        }
    }
    if name.len() > NAME_MAX {
        return Err(IdError::TooLong(name.len()));
    }
    Ok(())
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        // Shared, not copied: ids go into every fact, and most of what is done with one is to clone it.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the text: `[a-z0-9][a-z0-9_-]*`, at most [`NAME_MAX`] bytes.
            pub fn new(name: &str) -> Result<Self, IdError> {
                check_name(name)?;
                Ok(Self(name.into()))
            }
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(name: String) -> Result<Self, IdError> {
                check_name(&name)?;
                Ok(Self(name.into()))
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0.to_string()
            }
        }
        impl FromStr for $name {
            type Err = IdError;
            fn from_str(s: &str) -> Result<Self, IdError> {
                Self::new(s)
            }
        }
    };
}

name_type! {
    /// The name of a session; also its tmux session name, so the character set keeps tmux's own syntax out.
    SessionName
}
name_type! {
    /// The name of a project.
    ProjectName
}

/// A night: the local date on which it began, `2026-11-21`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NightId(Arc<str>);

impl NightId {
    /// Checks the form `YYYY-MM-DD` (digits and dashes; the calendar is the caller's).
    pub fn new(text: &str) -> Result<Self, IdError> {
        let ok = text.len() == 10
            && text.bytes().enumerate().all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() });
        if ok { Ok(Self(text.into())) } else { Err(IdError::BadForm("2026-11-21")) }
    }
    /// The night that began on this date.
    pub fn on(year: i16, month: i8, day: i8) -> Self {
        Self(format!("{:04}-{:02}-{:02}", year.clamp(0, 9999), month.clamp(0, 99), day.clamp(0, 99)).into())
    }
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl fmt::Display for NightId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
impl TryFrom<String> for NightId {
    type Error = IdError;
    fn try_from(s: String) -> Result<Self, IdError> {
        Self::new(&s)
    }
}
impl From<NightId> for String {
    fn from(id: NightId) -> String {
        id.0.to_string()
    }
}

/// One pass of a session from queued to an end: `2026-11-21/motherduck/1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId {
    /// The night in which the run was created.
    pub night: NightId,
    /// The session it is a run of.
    pub session: SessionName,
    /// Counts the session's runs of that night from 1.
    pub number: u32,
}

impl RunId {
    /// The id as part of a file name: `2026-11-21-1` (the session names the folder).
    pub fn file_stem(&self) -> String {
        format!("{}-{}", self.night, self.number)
    }
}
impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.night, self.session, self.number)
    }
}
impl FromStr for RunId {
    type Err = IdError;
    fn from_str(s: &str) -> Result<Self, IdError> {
        const FORM: IdError = IdError::BadForm("2026-11-21/session/1");
        let mut parts = s.split('/');
        let (Some(night), Some(session), Some(number), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(FORM);
        };
        Ok(Self {
            night: NightId::new(night)?,
            session: SessionName::new(session)?,
            number: number.parse().map_err(|_| FORM)?,
        })
    }
}
impl TryFrom<String> for RunId {
    type Error = IdError;
    fn try_from(s: String) -> Result<Self, IdError> {
        s.parse()
    }
}
impl From<RunId> for String {
    fn from(id: RunId) -> String {
        id.to_string()
    }
}

/// One start of the session's command within a run: `2026-11-21/motherduck/1.2`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AttemptId {
    /// The run it belongs to.
    pub run: RunId,
    /// Counts the starts of the run from 1.
    pub number: u32,
}

impl AttemptId {
    /// The id as a file name without folder: `2026-11-21-1.2`.
    pub fn file_stem(&self) -> String {
        format!("{}.{}", self.run.file_stem(), self.number)
    }
}
impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.run, self.number)
    }
}
impl FromStr for AttemptId {
    type Err = IdError;
    fn from_str(s: &str) -> Result<Self, IdError> {
        const FORM: IdError = IdError::BadForm("2026-11-21/session/1.2");
        let (run, number) = s.rsplit_once('.').ok_or(FORM)?;
        Ok(Self { run: run.parse()?, number: number.parse().map_err(|_| FORM)? })
    }
}
impl TryFrom<String> for AttemptId {
    type Error = IdError;
    fn try_from(s: String) -> Result<Self, IdError> {
        s.parse()
    }
}
impl From<AttemptId> for String {
    fn from(id: AttemptId) -> String {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_tmux_or_a_path_would_read_as_syntax_are_refused() {
        for bad in [
            "",
            ".",
            "..",
            "../x",
            "a/b",
            "a:b",
            "a.b",
            "=x",
            "$1",
            "@1",
            "%1",
            "-d",
            "_d",
            ";kill-server",
            "a;",
            "#(cmd)",
            "#{x}",
            "A",
            "ü",
            "a\n",
            "\u{202e}a",
            "😀",
        ] {
            assert!(SessionName::new(bad).is_err(), "{bad:?}");
        }
        assert!(SessionName::new(&"a".repeat(64)).is_ok());
        assert!(SessionName::new(&"a".repeat(65)).is_err());
        assert!(SessionName::new("load-profiles_2").is_ok());
    }

    #[test]
    fn ids_read_back_what_they_print() {
        let id: AttemptId = "2026-11-21/load/3.12".parse().unwrap();
        assert_eq!(id.to_string(), "2026-11-21/load/3.12");
        assert_eq!(id.file_stem(), "2026-11-21-3.12");
        for bad in ["", "2026-11-21/load", "2026-11-21/load/x.1", "2026-11-2/load/1.1", "2026-11-21/load/1/2.1"] {
            assert!(bad.parse::<AttemptId>().is_err(), "{bad}");
        }
    }
}
