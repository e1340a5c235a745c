//! Claude Code: a JSON object a line. A reply has a line for each of its parts, all with the same message id, request id
//! and usage; at its end the program writes what it reckons the session cost.

use super::count::{Count, Flag, MOST};
use super::{Note, Request, mentions, moment};
use crate::core::usage::{Money, Tokens};
use serde::Deserialize;
use std::borrow::Cow;

/// From this wait on, in milliseconds, a failed request is not held against its agent.
const PAUSE_MS: u64 = 1_000;

#[derive(Deserialize)]
struct Line<'l> {
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'l, str>>,
    #[serde(borrow)]
    timestamp: Option<Cow<'l, str>>,
    #[serde(borrow, rename = "requestId")]
    request_id: Option<Cow<'l, str>>,
    #[serde(borrow)]
    message: Option<Message<'l>>,
    #[serde(default, rename = "isApiErrorMessage")]
    failed: Flag,
    #[serde(borrow)]
    subtype: Option<Cow<'l, str>>,
    #[serde(rename = "retryInMs")]
    pause_ms: Option<Count>,
    #[serde(rename = "totalCostUSD")]
    total_cost: Option<f64>,
}

#[derive(Deserialize)]
struct Message<'l> {
    #[serde(borrow)]
    id: Option<Cow<'l, str>>,
    #[serde(borrow)]
    model: Option<Cow<'l, str>>,
    usage: Option<Usage>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Usage {
    input_tokens: Count,
    cache_creation_input_tokens: Count,
    cache_read_input_tokens: Count,
    output_tokens: Count,
    cache_creation: Option<Kept>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Kept {
    ephemeral_1h_input_tokens: Count,
}

/// What a line tells.
pub(super) fn line(line: &[u8]) -> Option<Note> {
    if !mentions(line, &["\"usage\"", "cost-state", "isApiErrorMessage", "\"api_error\""]) {
        return None;
    }
    let line: Line<'_> = serde_json::from_slice(line).ok()?;
    let at = line.timestamp.as_deref().and_then(moment);
    match line.kind.as_deref() {
        Some("cost-state") => line.total_cost.and_then(Money::of_usd).map(Note::Own),
        Some("assistant") if line.failed.0 => Some(Note::Request(Request { at, empty: true, ..Request::default() })),
        // One that waits before it tries again asks no more than it should.
        Some("system") if line.subtype.as_deref() == Some("api_error") => {
            let empty = line.pause_ms.is_none_or(|pause| pause.0 < PAUSE_MS);
            Some(Note::Request(Request { at, empty, ..Request::default() }))
        }
        Some("assistant") => {
            let message = line.message?;
            // The program's own words in the place of a reply, such as those of an error.
            let model = message.model.filter(|model| model != "<synthetic>")?;
            let usage = message.usage?;
            let tokens = Tokens {
                input: usage.input_tokens.0,
                cache_read: usage.cache_read_input_tokens.0,
                cache_write: usage.cache_creation_input_tokens.0,
                output: usage.output_tokens.0,
            };
            let key = message.id.map(|id| format!("{id} {}", line.request_id.unwrap_or_default()));
            let kept_long = usage.cache_creation.map_or(0, |kept| kept.ephemeral_1h_input_tokens.0);
            (tokens.total() <= MOST).then(|| {
                let model = model.into_owned();
                let kept_long = kept_long.min(tokens.cache_write);
                Note::Request(Request { at, key, model, tokens, kept_long, ..Request::default() })
            })
        }
        Some(_) | None => at.map(Note::At),
    }
}
