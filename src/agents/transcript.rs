//! What a transcript says of its agent's state, as it is written: the newest word of it.
//!
//! A transcript may begin before the attempt: one that goes on with a conversation holds the errors of before.

use super::profile::Profile;
use super::sign::Sign;
use super::typed::{LINE_MAX, sign_of};
use super::usage::mentions;
use crate::core::time::Wall;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

/// What stands in lines that say something of a state; most do not, and are not read further.
const HINTS: [&str; 5] = ["turn_duration", "\"assistant\"", "\"user\"", "task_started", "task_complete"];
/// A clock may be read a little before the recorder's is.
const SLACK_MS: i64 = 1_000;

/// Whether a line may say something of a state, told without reading it.
pub fn may_tell(line: &[u8]) -> bool {
    line.len() <= LINE_MAX && mentions(line, &HINTS)
}

/// The newest word of one transcript.
#[derive(Debug)]
pub struct Word {
    from: Wall,
    /// The transcript came to be with the attempt, so that a line without a time is of it.
    fresh: bool,
    newest: Option<Sign>,
}

impl Word {
    /// Of an attempt that began then.
    pub fn new(from: Wall, fresh: bool) -> Self {
        Self { from: Wall(from.0.saturating_sub(SLACK_MS)), fresh, newest: None }
    }
    /// Takes a line that was read at this time.
    pub fn line(&mut self, profile: &Profile, line: &[u8], now: Wall, zone: &TimeZone) {
        if !may_tell(line) {
            return;
        }
        let Ok(value) = serde_json::from_slice::<Value>(line) else { return };
        let said = value.get("timestamp").and_then(Value::as_str).and_then(|text| text.parse::<Timestamp>().ok());
        let at = match said {
            Some(at) => Wall(at.as_millisecond()),
            None if self.fresh => now,
            None => return,
        };
        if at < self.from || self.newest.as_ref().is_some_and(|newest| newest.at > at) {
            return;
        }
        // A time to come would never be overtaken.
        if let Some(sign) = sign_of(profile, &value, at.min(now), zone) {
            self.newest = Some(sign);
        }
    }
    /// What is new since the last call.
    pub fn take(&mut self) -> Option<Sign> {
        self.newest.take()
    }
}

#[cfg(test)]
mod tests {
    use super::super::profile::built_in;
    use super::*;
    use crate::core::agent::Activity;
    use crate::core::exit::FailureClass;

    const BEGAN: Wall = Wall(1_795_253_823_000);

    fn heard(fresh: bool, lines: &[String]) -> Option<Sign> {
        let (profile, mut word) = (built_in("claude").unwrap(), Word::new(BEGAN, fresh));
        lines.iter().for_each(|line| word.line(&profile, line.as_bytes(), Wall(BEGAN.0 + 60_000), &TimeZone::UTC));
        word.take()
    }
    fn error(seconds: i64) -> String {
        let at = Timestamp::from_millisecond(BEGAN.0 + seconds * 1000).unwrap();
        format!(
            r#"{{"type":"assistant","timestamp":"{at}","isApiErrorMessage":true,"error":"rate_limit","apiError":"usage_limit_reached","apiErrorParams":{{"rate_limit_info":{{"resetsAt":1795257420}}}},"message":{{"content":[]}}}}"#
        )
    }

    #[test]
    fn an_error_of_now_counts_with_its_reset() {
        let sign = heard(false, &[error(5)]).unwrap();
        assert_eq!((sign.class, sign.at), (Some(FailureClass::UsageLimit), Wall(BEGAN.0 + 5_000)));
        assert_eq!(sign.limit.unwrap().resets, Some(Wall(1_795_257_420_000)));
        assert_eq!(heard(false, &[error(900)]).unwrap().at, Wall(BEGAN.0 + 60_000), "no time to come");
    }

    #[test]
    fn an_error_of_before_or_of_a_helper_does_not() {
        assert_eq!(heard(false, &[error(-3600)]), None);
        assert_eq!(heard(false, &[error(5).replace("{\"type\"", "{\"isSidechain\":true,\"type\"")]), None);
        let timeless = error(5).replace("\"timestamp\"", "\"other\"");
        assert_eq!(heard(false, std::slice::from_ref(&timeless)), None, "it may be of before");
        assert!(heard(true, &[timeless]).is_some());
    }

    #[test]
    fn what_is_asked_next_ends_it_and_talk_is_none() {
        let asked = r#"{"type":"user","timestamp":"2026-11-21T09:37:13.000Z","message":{"content":"go on"}}"#;
        let sign = heard(false, &[error(5), asked.to_owned()]).unwrap();
        assert_eq!((sign.class, sign.activity), (None, Some(Activity::Working)));
        let talk = r#"{"type":"assistant","timestamp":"2026-11-21T09:37:13.000Z","message":{"content":[{"type":"text","text":"\"isApiErrorMessage\":true usage_limit_reached"}]}}"#;
        assert_eq!(heard(false, &[talk.to_owned()]).unwrap().class, None);
    }
}
