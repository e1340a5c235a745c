//! Codex: a JSON object a line. The counts are sums over the whole session, so a request is what they grew by.

use super::count::{Count, MOST};
use super::{Note, Request, mentions, moment};
use crate::core::usage::Tokens;
use serde::Deserialize;
use std::borrow::Cow;

#[derive(Deserialize)]
struct Line<'l> {
    #[serde(borrow)]
    timestamp: Option<Cow<'l, str>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'l, str>>,
    #[serde(borrow)]
    payload: Option<Payload<'l>>,
}

#[derive(Deserialize)]
struct Payload<'l> {
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'l, str>>,
    #[serde(borrow)]
    model: Option<Cow<'l, str>>,
    #[serde(borrow)]
    id: Option<Cow<'l, str>>,
    info: Option<Info>,
    #[serde(default)]
    error: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Info {
    total_token_usage: Option<Usage>,
    last_token_usage: Option<Usage>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct Usage {
    input_tokens: Count,
    cached_input_tokens: Count,
    output_tokens: Count,
}

impl Usage {
    /// What is read from the cache is part of what is sent, and thoughts are part of what is received.
    fn tokens(self) -> Tokens {
        let cached = self.cached_input_tokens.0.min(self.input_tokens.0);
        Tokens { input: self.input_tokens.0 - cached, cache_read: cached, cache_write: 0, output: self.output_tokens.0 }
    }
}

/// A request that brought nothing.
fn failed(at: Option<crate::core::time::Wall>) -> Option<Note> {
    Some(Note::Request(Request { at, empty: true, ..Request::default() }))
}

/// Where the reading of a session stands.
#[derive(Debug, Default)]
pub struct Rollout {
    model: String,
    session: String,
    /// The sums up to which everything was told.
    told: Option<Tokens>,
    /// It begins anew: sums up to those are known already.
    again: bool,
}

impl Rollout {
    /// What a line tells.
    pub(super) fn line(&mut self, line: &[u8]) -> Option<Note> {
        if !mentions(line, &["token_count", "turn_context", "session_meta", "_error\"", "\"error\""]) {
            return None;
        }
        let line: Line<'_> = serde_json::from_slice(line).ok()?;
        let at = line.timestamp.as_deref().and_then(moment);
        let payload = line.payload?;
        match (line.kind.as_deref(), payload.kind.as_deref()) {
            (Some("turn_context"), _) => {
                if let Some(model) = payload.model {
                    self.model = model.into_owned();
                }
                at.map(Note::At)
            }
            (Some("session_meta"), _) => {
                let session = payload.id.unwrap_or_default();
                if self.again && session != self.session {
                    // Another session took the file's place.
                    (self.told, self.again) = (None, false);
                }
                self.session = session.into_owned();
                at.map(Note::At)
            }
            (Some("event_msg"), Some("token_count")) => {
                let info = payload.info?;
                let (total, last) = (info.total_token_usage?.tokens(), info.last_token_usage.map(Usage::tokens));
                let tokens = self.grown(total, last)?;
                // A copy of the session holds it again, with the same time and sums.
                let key = at.map(|at| format!("{} {}", at.0, total.total()));
                let model = self.model.clone();
                Some(Note::Request(Request { at, key, model, tokens, by_sums: true, ..Request::default() }))
            }
            (Some("event_msg"), Some("stream_error")) => failed(at),
            (Some("event_msg"), Some("task_complete")) if payload.error.is_some() => failed(at),
            (Some(_) | None, _) => at.map(Note::At),
        }
    }

    /// What the sums grew by, if they did.
    fn grown(&mut self, total: Tokens, last: Option<Tokens>) -> Option<Tokens> {
        let told = self.told.unwrap_or_default();
        let grown = match self.told {
            // Of a session that was taken over from another file only the newest request is new.
            None => last.unwrap_or(total),
            // Where lines are missing the sums grew by more than this request; those are counted where they stand.
            Some(_) if total.total() > told.total() => {
                let by = total.minus(told);
                last.filter(|last| last.total() > 0 && last.total() < by.total()).unwrap_or(by)
            }
            Some(_) if total.total() == told.total() || self.again => return None,
            // The sums begin anew within a session.
            Some(_) => last.unwrap_or(total),
        };
        if grown.total() > MOST {
            return None;
        }
        (self.told, self.again) = (Some(total), false);
        (grown.total() > 0).then_some(grown)
    }

    /// The file begins anew.
    pub(super) fn begins_anew(&mut self) {
        self.again = true;
    }
}
