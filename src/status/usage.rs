//! Tokens and cost as documents and words.

use super::text::harmless;
use crate::core::ids::SessionName;
use crate::core::state::State;
use crate::core::usage::{Budget, Money, Scope, Sum, Used, short};
use crate::protocol::{BudgetStatus, ModelUsage, UsageStatus};
use std::collections::BTreeMap;

/// A sum as a document.
pub fn of_sum(sum: &Sum) -> UsageStatus {
    UsageStatus {
        input_tokens: sum.tokens.sent(),
        output_tokens: sum.tokens.output,
        usd: sum.known_cost().map(Money::usd),
        cache_read_tokens: sum.tokens.cache_read,
        cache_write_tokens: sum.tokens.cache_write,
        requests: sum.requests,
        unpriced_tokens: sum.unpriced,
        ..UsageStatus::default()
    }
}

/// What several attempts used together; `None` when nothing is known of any.
pub fn of_all<'u>(all: impl IntoIterator<Item = &'u Used>) -> Option<UsageStatus> {
    let mut sum: Option<Sum> = None;
    let mut models: BTreeMap<&str, Sum> = BTreeMap::new();
    let (mut rounded, mut guessed, mut prices) = (false, false, None);
    for used in all {
        sum = Some(sum.unwrap_or_default().plus(used.total()));
        for (model, part) in &used.models {
            let known = models.entry(model).or_default();
            *known = known.plus(*part);
        }
        (rounded, guessed) = (rounded | used.rounded, guessed | used.guessed);
        if used.own.is_none() && !used.prices.is_empty() {
            prices = Some(used.prices.clone());
        }
    }
    let models = models.into_iter().map(|(model, part)| of_model(model, &part)).collect();
    sum.map(|sum| UsageStatus { models, rounded, guessed, prices, ..of_sum(&sum) })
}

fn of_model(model: &str, sum: &Sum) -> ModelUsage {
    ModelUsage {
        model: harmless(model),
        input_tokens: sum.tokens.sent(),
        output_tokens: sum.tokens.output,
        cache_read_tokens: sum.tokens.cache_read,
        cache_write_tokens: sum.tokens.cache_write,
        requests: sum.requests,
        usd: sum.known_cost().map(Money::usd),
    }
}

/// What an attempt used.
pub fn of_attempt(used: &Used) -> UsageStatus {
    of_all([used]).unwrap_or_default()
}

/// A budget as a document, with what is used of it.
pub fn of_budget(of: &str, budget: Budget, used: Option<Sum>) -> BudgetStatus {
    BudgetStatus {
        of: of.to_owned(),
        tokens: budget.tokens,
        usd: budget.usd.map(Money::usd),
        percent: used.and_then(|used| budget.share(used)).map(|share| share.percent),
    }
}

/// What the runs of a session used in the night; `None` when nothing is known.
pub fn of_session(state: &State, name: &SessionName) -> Option<UsageStatus> {
    if !state.spent.contains_key(name) {
        return None;
    }
    let runs = state.night_runs().filter(|run| run.id.session == *name);
    let usage = of_all(runs.flat_map(|run| &run.attempts).filter_map(|attempt| attempt.used.as_ref()))?;
    let of = |scope: &Scope| {
        let word = match scope {
            Scope::Session(_) => "session",
            Scope::Project(_) => "project",
            Scope::Night => "night",
        };
        of_budget(word, state.budget_of(scope), state.used_by(scope))
    };
    let budget = state.scopes_of(name).iter().map(of).max_by_key(|budget| budget.percent);
    Some(UsageStatus { budget, ..usage })
}

/// What all sessions used in the night; `None` when nothing is known.
pub fn of_night(state: &State) -> Option<UsageStatus> {
    let sum = state.used_by(&Scope::Night)?;
    let budget = (!state.plan.budget.is_none()).then(|| of_budget("night", state.plan.budget, Some(sum)));
    let used = state.night_runs().flat_map(|run| &run.attempts).filter_map(|attempt| attempt.used.as_ref());
    Some(UsageStatus { budget, ..of_all(used)? })
}

/// The cost in words: `$1.20`, `$1.20 + 3.2k tokens unpriced`, `unpriced`.
pub fn cost(usage: &UsageStatus) -> String {
    match (usage.usd.and_then(Money::of_usd), usage.unpriced_tokens) {
        (None, _) => "unpriced".to_owned(),
        (Some(usd), 0) => usd.to_string(),
        (Some(usd), unpriced) => format!("{usd} + {} tokens unpriced", short(unpriced)),
    }
}

/// All of it in words: `1.2M tokens (1.1M sent, 100k received), $3.40`.
pub fn words(usage: &UsageStatus) -> String {
    let all = usage.input_tokens.saturating_add(usage.output_tokens);
    let about = if usage.rounded { "about " } else { "" };
    let (sent, received) = (short(usage.input_tokens), short(usage.output_tokens));
    let budget = usage.budget.as_ref().map_or_else(String::new, |budget| format!(", {}", budget_words(budget)));
    format!("{about}{} tokens ({sent} sent, {received} received), {}{budget}", short(all), cost(usage))
}

/// `83 % of the budget`, `83 % of the night's budget`.
pub fn budget_words(budget: &BudgetStatus) -> String {
    let whose = match budget.of.as_str() {
        "project" => "the project's budget",
        "night" => "the night's budget",
        _ => "the budget",
    };
    match budget.percent {
        Some(percent) => format!("{percent} % of {whose}"),
        None => format!("{whose} cannot be told"),
    }
}
