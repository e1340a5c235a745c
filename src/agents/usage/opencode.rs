//! opencode: messages as JSON in a database. What it sends does not count what it reads from a cache.

use super::Request;
use super::count::{Count, Flag, MOST};
use crate::core::time::Wall;
use crate::core::usage::{Money, Tokens};
use serde::Deserialize;
use std::borrow::Cow;

#[derive(Deserialize)]
struct Message<'l> {
    #[serde(borrow)]
    role: Option<Cow<'l, str>>,
    cost: Option<f64>,
    tokens: Option<Counts>,
    #[serde(borrow, rename = "modelID")]
    model: Option<Cow<'l, str>>,
    time: Option<Times>,
    #[serde(borrow)]
    path: Option<Place<'l>>,
    error: Option<serde::de::IgnoredAny>,
    /// It sums the conversation up.
    #[serde(default)]
    summary: Flag,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Counts {
    total: Count,
    input: Count,
    output: Count,
    reasoning: Count,
    cache: Option<Cache>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct Cache {
    read: Count,
    write: Count,
}

#[derive(Default, Deserialize)]
struct Times {
    created: Option<i64>,
    completed: Option<i64>,
}

#[derive(Deserialize)]
struct Place<'l> {
    #[serde(borrow)]
    cwd: Option<Cow<'l, str>>,
}

/// What a message tells: the request, and the directory that it was made in where it says so.
pub fn message(id: &str, data: &str) -> Option<(Request, Option<String>)> {
    let message: Message<'_> = serde_json::from_str(data).ok()?;
    if message.role.as_deref() != Some("assistant") {
        return None;
    }
    let counts = message.tokens.unwrap_or_default();
    let cache = counts.cache.unwrap_or_default();
    let (input, read, write) = (counts.input.0, cache.read.0, cache.write.0);
    let without = input.saturating_add(read).saturating_add(write).saturating_add(counts.output.0);
    // Thoughts come on top, unless the sum says that they are in already.
    let thoughts = if counts.total.0 == without { 0 } else { counts.reasoning.0 };
    let output = counts.output.0.saturating_add(thoughts);
    let tokens = Tokens { input, cache_read: read, cache_write: write, output };
    let times = message.time.unwrap_or_default();
    let failed = message.error.is_some();
    // One that goes on says nothing yet.
    let nothing = tokens.total() == 0 && !failed && times.completed.is_none();
    if nothing || tokens.total() > MOST {
        return None;
    }
    let request = Request {
        at: times.created.map(Wall),
        key: Some(id.to_owned()),
        model: message.model.unwrap_or_default().into_owned(),
        tokens,
        // It says 0 where it knows no price.
        cost: message.cost.filter(|cost| *cost > 0.0).and_then(Money::of_usd),
        empty: failed || tokens.total() == 0 || message.summary.0,
        ..Request::default()
    };
    Some((request, message.path.and_then(|path| path.cwd).map(Cow::into_owned)))
}
