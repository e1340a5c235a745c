//! Claude Code: a JSON object a line. A reply has a line for each of its parts, all with the same message id, request id
//! and usage; at its end the program writes what it reckons the session cost.

use super::count::{Count, MOST};
use super::{Note, Request, mentions, moment};
use crate::core::usage::{Money, Tokens};
use serde::Deserialize;
use std::borrow::Cow;

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
    if !mentions(line, &["\"usage\"", "cost-state"]) {
        return None;
    }
    let line: Line<'_> = serde_json::from_slice(line).ok()?;
    let at = line.timestamp.as_deref().and_then(moment);
    match line.kind.as_deref() {
        Some("cost-state") => line.total_cost.and_then(Money::of_usd).map(Note::Own),
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
