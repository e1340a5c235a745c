//! The Program Status Protocol (OSC 7501): what a program says of itself in its output.
//!
//! Anything can print it, so it is bounded and cleaned, it never answers anything, and another program's name in it makes
//! it count for little.

use super::profile::Profile;
use super::rules::kept;
use super::sign::{Sign, Source};
use crate::core::agent::{Activity, Prompt, PromptKind};
use crate::core::time::Wall;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// What a program says it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing.
    Idle,
    /// It works.
    Working,
    /// It has finished.
    Done,
    /// It waits for somebody.
    Blocked,
    /// It failed.
    Error,
    /// It takes back what it said.
    Clear,
}

/// One report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What it does.
    pub state: State,
    /// What it calls itself.
    pub app: Option<String>,
    /// What it waits for.
    pub kind: Option<PromptKind>,
    /// Its words, harmless.
    pub words: String,
}

/// Reads the body of a report. `None` for what is none, and for one about a part of the program (one with an id).
pub fn read(body: &[u8]) -> Option<Report> {
    let body = std::str::from_utf8(body).ok()?;
    let (mut state, mut app, mut kind, mut words) = (None, None, None, String::new());
    for field in body.split(':') {
        let (key, value) = field.split_once('=')?;
        match key {
            "state" => {
                state = Some(match value {
                    "idle" => State::Idle,
                    "working" => State::Working,
                    "done" => State::Done,
                    "blocked" => State::Blocked,
                    "error" => State::Error,
                    "clear" => State::Clear,
                    _ => return None,
                });
            }
            "app" => app = Some(kept(value)).filter(|app| !app.is_empty()),
            "kind" => {
                kind = match value {
                    "permission" => Some(PromptKind::Permission),
                    "question" => Some(PromptKind::Question),
                    "auth" => Some(PromptKind::Auth),
                    _ => None,
                };
            }
            "msg" => {
                let bytes = BASE64.decode(value).ok()?;
                words = kept(&String::from_utf8_lossy(&bytes));
            }
            // The record of a subagent or a step; the program as a whole reports without one.
            "id" if !value.is_empty() => return None,
            _ => {}
        }
    }
    Some(Report { state: state?, app, kind, words })
}

/// A report as a sign; `None` when it takes back what was said.
pub fn sign(profile: &Profile, report: &Report, at: Wall) -> Option<Sign> {
    let known = report.app.as_ref().is_some_and(|app| profile.app.contains(app));
    let foreign = report.app.is_some() && !known && !profile.app.is_empty();
    let score = if foreign {
        40
    } else if known {
        93
    } else {
        80
    };
    let word = match report.state {
        State::Idle => "idle",
        State::Working => "working",
        State::Done => "done",
        State::Blocked => "blocked",
        State::Error => "error",
        State::Clear => return None,
    };
    let mut sign = Sign::new(Source::Status, format!("status/{word}@1"), at, score);
    sign.words.clone_from(&report.words);
    sign.activity = Some(match report.state {
        State::Working => Activity::Working,
        State::Blocked => Activity::Prompting,
        State::Idle | State::Done | State::Error | State::Clear => Activity::Idle,
    });
    if report.state == State::Error
        && let Some((rule, class)) = profile.error(&report.words)
    {
        (sign.rule, sign.class) = (rule, class);
    }
    if report.state == State::Blocked {
        let (question, command) = (report.words.clone(), None);
        let kind = report.kind.unwrap_or(PromptKind::Question);
        let about = String::new();
        sign.prompt = Some(Prompt { kind, about, question, command, choices: Vec::new(), stable_since: at });
    }
    Some(sign)
}

#[cfg(test)]
mod tests {
    use super::super::profile::built_in;
    use super::*;
    use crate::core::exit::FailureClass;

    fn of(agent: &str, body: &str) -> Option<Sign> {
        sign(&built_in(agent).unwrap(), &read(body.as_bytes())?, Wall(5))
    }

    #[test]
    fn reports_are_read() {
        let blocked = of("codex", "state=blocked:app=codex:kind=permission").unwrap();
        assert_eq!((blocked.activity, blocked.score), (Some(Activity::Prompting), 93));
        assert_eq!(blocked.prompt.unwrap().kind, PromptKind::Permission);
        let msg = BASE64.encode("Credit balance is too low");
        let error = of("claude", &format!("state=error:app=claude-code:msg={msg}")).unwrap();
        assert_eq!((error.activity, error.class), (Some(Activity::Idle), Some(FailureClass::Billing)));
        assert_eq!(error.words, "Credit balance is too low");
        assert_eq!(of("codex", "state=clear"), None);
    }

    #[test]
    fn what_is_none_is_none_and_a_stranger_counts_little() {
        for body in
            ["", "?", "state=", "state=dancing", "working", "state=idle:msg=%%%", "state=working:id=sub1", "app=x"]
        {
            assert_eq!(read(body.as_bytes()), None, "{body}");
        }
        assert_eq!(read(b"state=\xff"), None);
        assert!(of("claude", "state=done:app=cargo").unwrap().score < 50);
        let msg = BASE64.encode("\x1b]0;evil\x07 \u{202e}x");
        let words = of("claude", &format!("state=error:msg={msg}")).unwrap().words;
        assert!(!words.contains(['\x1b', '\x07', '\u{202e}']), "{words:?}");
    }
}
