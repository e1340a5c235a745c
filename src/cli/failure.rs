//! How a command fails: an exit code, what failed, and what to do about it.

use crate::client::ClientError;
use crate::core::ids::SessionName;
use std::io;

/// The exit codes of `docs/cli.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// It failed.
    Failed,
    /// Wrong usage or an invalid file.
    Usage,
    /// No daemon where one is needed.
    NoDaemon,
    /// No such session, alert or night.
    NotFound,
    /// Not trusted, or not allowed from inside a session.
    Refused,
    /// Timed out.
    TimedOut,
    /// What the daemon or a check says.
    Other(u8),
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NoDaemon => 3,
            Self::NotFound => 4,
            Self::Refused => 5,
            Self::TimedOut => 124,
            Self::Other(code) => code,
        }
    }
}

/// Why a command ends before its work is done, or done with an exit code that tells something.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    what: Option<String>,
    hints: Vec<String>,
}

impl Failure {
    /// A failure with a message: `what failed: cause`.
    pub fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: Some(what.into()), hints: Vec::new() }
    }
    /// An exit code that needs no words, because the output has said it.
    pub fn silent(exit: Exit) -> Self {
        Self { exit, what: None, hints: Vec::new() }
    }
    /// The same with another exit code.
    pub fn exits(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }
    /// Adds a line on what to do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
    /// Adds several such lines.
    pub fn hints(mut self, hints: impl IntoIterator<Item = String>) -> Self {
        self.hints.extend(hints);
        self
    }
    /// The outside call `what` failed.
    pub fn io(what: impl std::fmt::Display, error: &io::Error) -> Self {
        Self::new(Exit::Failed, format!("{what}: {error}"))
    }
    /// Writing to stdout failed. Whoever closed it has read enough: that is no failure.
    pub fn stdout(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::silent(Exit::Done);
        }
        Self::io("cannot write to stdout", error)
    }
    /// The exit code.
    pub fn exit(&self) -> Exit {
        self.exit
    }
    /// What failed, then what to do about it, a line each, for places that show them in their own way.
    pub fn told(&self) -> Vec<String> {
        self.what.iter().chain(&self.hints).map(|line| harmless(line)).collect()
    }
    /// The lines for stderr: `error: …`, then `hint: …`; empty when there is nothing to say.
    pub fn lines(&self) -> Vec<String> {
        let error = self.what.iter().map(|what| format!("error: {}", harmless(what)));
        error.chain(self.hints.iter().map(|hint| format!("hint: {}", harmless(hint)))).collect()
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let what = error.to_string();
        match error {
            ClientError::NoDaemon { .. } => {
                Self::new(Exit::NoDaemon, what).hint("`nightkeep up` starts one; `nightkeep status` works without")
            }
            ClientError::Refused(refusal) => {
                Self::new(Exit::Other(refusal.exit_code.max(1)), refusal.error).hints(refusal.hints)
            }
            ClientError::Timeout { .. } => {
                Self::new(Exit::TimedOut, what).hint("`nightkeep doctor` looks at what may be wrong")
            }
            ClientError::VersionSkew { .. } => Self::new(Exit::Failed, what).hint(
                "`nightkeep down`, then `nightkeep up` puts the new version in charge; sessions in tmux survive it",
            ),
            ClientError::BadAnswer { .. } | ClientError::Broken { .. } => {
                Self::new(Exit::Failed, what).hint("`nightkeep doctor` looks at what may be wrong")
            }
        }
    }
}

/// Makes text safe for a terminal: control characters and those that turn the writing direction are shown escaped.
/// Line feeds stay.
pub fn harmless(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c != '\n' && (c.is_control() || turns) {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    safe
}

/// A path on one line, safe for a terminal.
pub fn shown_path(path: &std::path::Path) -> String {
    harmless(&path.to_string_lossy()).replace('\n', "\\n")
}

/// Checks a session name that was typed. One that cannot exist is one that does not.
pub fn session_name(typed: &str) -> Result<SessionName, Failure> {
    SessionName::new(typed).map_err(|e| Failure::new(Exit::NotFound, format!("no session is called {typed:?}: {e}")))
}

/// The names that come close to what was typed, best first.
pub fn close_names<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut close: Vec<(f64, &str)> = known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(typed, name), name))
        .filter(|(likeness, _)| *likeness > 0.8)
        .collect();
    close.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    close.into_iter().take(3).map(|(_, name)| name).collect()
}

/// The failure for a session name that nobody has, with those that come close.
pub fn no_such_session<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Failure {
    let failure = Failure::new(Exit::NotFound, format!("no session is called {typed:?}"));
    match close_names(typed, known).as_slice() {
        [] => failure.hint("`nightkeep status` lists the sessions"),
        names => failure.hint(format!("did you mean {}?", names.join(" or "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_name_or_path_holds_never_reaches_the_terminal_raw() {
        assert_eq!(harmless("a\u{1b}[31m\u{202e}b\tc\nd"), "a\\u{1b}[31m\\u{202e}b\\tc\nd");
        let failure = Failure::new(Exit::Failed, "x\u{7}").hint("y\u{9b}");
        assert_eq!(failure.lines(), ["error: x\\u{7}", "hint: y\\u{9b}"]);
    }

    #[test]
    fn a_closed_stdout_is_no_failure() {
        let failure = Failure::stdout(&io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!((failure.exit().code(), failure.lines().len()), (0, 0));
        assert_eq!(Failure::stdout(&io::Error::from(io::ErrorKind::StorageFull)).exit().code(), 1);
    }

    #[test]
    fn close_names_are_offered_and_far_ones_are_not() {
        let known = ["load-profiles", "load-events", "tests"];
        assert_eq!(close_names("load-profile", known), ["load-profiles"]);
        assert_eq!(close_names("zebra", known), Vec::<&str>::new());
        assert_eq!(session_name("-x").unwrap_err().exit(), Exit::NotFound);
    }
}
