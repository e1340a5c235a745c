//! What tokens cost: a list that is built in, and what the user says instead.
//!
//! A model that no list knows has no price. It is never taken for another one of a similar name.

use super::Request;
use crate::core::usage::{Money, Tokens};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// The name and date of the built-in list.
pub const LIST: &str = "LiteLLM 1.109.1 of 2026-11-22";
/// What prices of the user are named by.
pub const OWN: &str = "[prices] of the file";

const TABLE: &str = include_str!("prices.tsv");

static BUILT_IN: LazyLock<BTreeMap<&'static str, Price>> = LazyLock::new(|| {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(line).collect()
});

/// What a million tokens cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rates {
    /// Sent.
    pub input: Money,
    /// Received.
    pub output: Money,
    /// Read from a cache.
    pub cache_read: Money,
    /// Written to a cache.
    pub cache_write: Money,
    /// Written to a cache for an hour.
    pub kept_long: Money,
}

/// What a model costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Price {
    /// As a rule.
    pub rates: Rates,
    /// For requests that send more than so many tokens.
    pub long: Option<(u64, Rates)>,
}

/// The prices that are in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prices {
    own: BTreeMap<String, Price>,
}

impl Prices {
    /// The built-in list, with the user's own prices before it.
    pub fn new(own: impl IntoIterator<Item = (String, Price)>) -> Self {
        Self { own: own.into_iter().map(|(model, price)| (model.to_lowercase(), price)).collect() }
    }

    /// What a request costs by these prices, and whose they are; `None` when the model has none.
    pub fn cost(&self, request: &Request) -> Option<(Money, &'static str)> {
        let (price, whose) = self.of(&request.model)?;
        Some((price.cost(request.tokens, request.kept_long), whose))
    }

    fn of(&self, model: &str) -> Option<(Price, &'static str)> {
        let whole = model.trim().to_lowercase();
        if let Some(price) = self.own.get(&whole) {
            return Some((*price, OWN));
        }
        let name = plain(&whole);
        [name, undated(name)].into_iter().find_map(|name| {
            let own = self.own.get(name).map(|price| (*price, OWN));
            own.or_else(|| BUILT_IN.get(name).map(|price| (*price, LIST)))
        })
    }
}

impl Price {
    fn cost(&self, tokens: Tokens, kept_long: u64) -> Money {
        let rates = self.long.filter(|(from, _)| tokens.sent() > *from).map_or(self.rates, |(_, rates)| rates);
        let kept_long = kept_long.min(tokens.cache_write);
        let parts = [
            (tokens.input, rates.input),
            (tokens.output, rates.output),
            (tokens.cache_read, rates.cache_read),
            (tokens.cache_write - kept_long, rates.cache_write),
            (kept_long, rates.kept_long),
        ];
        let millionths: u128 = parts.iter().map(|(count, rate)| u128::from(*count) * u128::from(rate.0)).sum();
        Money(u64::try_from((millionths + 500_000) / 1_000_000).unwrap_or(u64::MAX))
    }
}

/// The name without what says how the model is reached: `openrouter/anthropic/x`, `us.anthropic.x-v1:0`, `x@20251001`,
/// `x[1m]`.
fn plain(model: &str) -> &str {
    let name = model.rsplit('/').next().unwrap_or(model);
    let name = name.split(['@', '[']).next().unwrap_or(name);
    let name = name.split_once("anthropic.").map_or(name, |(_, name)| name);
    match name.rsplit_once("-v") {
        Some((before, version)) if version.split_once(':').is_some_and(|(a, b)| digits(a) && digits(b)) => before,
        Some(_) | None => name,
    }
}

/// The name without its date: `x-20251001`, `x-2026-04-23`.
fn undated(name: &str) -> &str {
    let Some((before, last)) = name.rsplit_once('-') else { return name };
    if last.len() == 8 && digits(last) {
        return before;
    }
    let day = before.rsplit_once('-').and_then(|(before, month)| {
        let (before, year) = before.rsplit_once('-')?;
        let date = [(year, 4), (month, 2), (last, 2)];
        date.into_iter().all(|(part, long)| part.len() == long && digits(part)).then_some(before)
    });
    day.unwrap_or(name)
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn line(line: &'static str) -> Option<(&'static str, Price)> {
    let mut cells = line.split('\t');
    let model = cells.next()?;
    let mut number = || cells.next().and_then(|cell| cell.parse::<f64>().ok());
    let mut money = || number().and_then(Money::of_usd);
    let (input, output) = (money()?, money()?);
    let (read, write, kept) = (money(), money(), money());
    let rates = rates(input, output, read, write, kept);
    let from = cells.next().and_then(|cell| cell.parse::<u64>().ok());
    let mut money = || cells.next().and_then(|cell| cell.parse::<f64>().ok()).and_then(Money::of_usd);
    let long = from.and_then(|from| {
        let (input, output) = (money()?, money()?);
        let (read, write) = (money(), money());
        Some((from, self::rates(input, output, read, write, None)))
    });
    Some((model, Price { rates, long }))
}

/// Rates where some may not be said: a cache costs what sending costs then.
pub fn rates(
    input: Money,
    output: Money,
    cache_read: Option<Money>,
    cache_write: Option<Money>,
    kept_long: Option<Money>,
) -> Rates {
    let cache_write = cache_write.unwrap_or(input);
    Rates {
        input,
        output,
        cache_read: cache_read.unwrap_or(input),
        cache_write,
        kept_long: kept_long.unwrap_or(cache_write),
    }
}
