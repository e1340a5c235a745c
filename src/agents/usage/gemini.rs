//! Gemini CLI: a JSON object a line, a message or a patch. A message may come again with more in it; the last one counts.

use super::count::{Count, MOST};
use super::{Note, Request, mentions, moment};
use crate::core::usage::Tokens;
use serde::Deserialize;
use std::borrow::Cow;

#[derive(Deserialize)]
struct Line<'l> {
    #[serde(flatten, borrow)]
    message: Message<'l>,
    #[serde(borrow, rename = "$set")]
    set: Option<Patch<'l>>,
}

#[derive(Deserialize)]
struct Patch<'l> {
    #[serde(borrow, default)]
    messages: Vec<Message<'l>>,
}

#[derive(Deserialize)]
struct Message<'l> {
    #[serde(borrow)]
    id: Option<Cow<'l, str>>,
    #[serde(borrow)]
    timestamp: Option<Cow<'l, str>>,
    #[serde(borrow)]
    model: Option<Cow<'l, str>>,
    tokens: Option<Counts>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct Counts {
    input: Count,
    output: Count,
    cached: Count,
    thoughts: Count,
    tool: Count,
    total: Count,
}

/// What a line tells.
pub(super) fn line(line: &[u8], tell: &mut dyn FnMut(Note)) {
    if !mentions(line, &["\"tokens\""]) {
        return;
    }
    let Ok(line) = serde_json::from_slice::<Line<'_>>(line) else { return };
    let patched = line.set.map(|patch| patch.messages).unwrap_or_default();
    patched.into_iter().chain([line.message]).filter_map(request).for_each(|request| tell(Note::Request(request)));
}

fn request(message: Message<'_>) -> Option<Request> {
    let counts = message.tokens?;
    let (input, cached) = (counts.input.0.saturating_add(counts.tool.0), counts.cached.0);
    // Thoughts come on top, unless the sum says that they are in already.
    let without = counts.input.0.saturating_add(counts.output.0);
    let thoughts = if counts.total.0 == without { 0 } else { counts.thoughts.0 };
    let cached = cached.min(input);
    let output = counts.output.0.saturating_add(thoughts);
    let tokens = Tokens { input: input - cached, cache_read: cached, cache_write: 0, output };
    (tokens.total() > 0 && tokens.total() <= MOST).then(|| Request {
        at: message.timestamp.as_deref().and_then(moment),
        key: message.id.map(Cow::into_owned),
        model: message.model.unwrap_or_default().into_owned(),
        tokens,
        ..Request::default()
    })
}
