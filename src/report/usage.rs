//! What the night used: tokens and cost, with the budgets.

use super::facts::Facts;
use super::model::Report;
use super::sessions::plan_of;
use crate::core::ids::SessionName;
use crate::core::usage::{Budget, Sum, Used};
use crate::protocol::UsageStatus;
use crate::status::usage::{cost, of_all, of_budget, words};

fn used<'f>(facts: &'f Facts, session: Option<&'f SessionName>) -> impl Iterator<Item = &'f Used> + Clone {
    let runs = facts.runs.values().filter(move |run| session.is_none_or(|name| run.id.session == *name));
    runs.flat_map(|run| &run.attempts).filter_map(|attempt| attempt.used.as_ref())
}

fn with_budget<'f>(used: impl Iterator<Item = &'f Used> + Clone, of: &str, budget: Budget) -> Option<UsageStatus> {
    let sum = used.clone().map(Used::total).fold(Sum::default(), Sum::plus);
    let usage = of_all(used)?;
    Some(UsageStatus { budget: (!budget.is_none()).then(|| of_budget(of, budget, Some(sum))), ..usage })
}

/// What all runs of a session used.
pub fn of_session(facts: &Facts, name: &SessionName) -> Option<UsageStatus> {
    let budget = plan_of(facts, name).map_or(Budget::default(), |plan| plan.budget);
    with_budget(used(facts, Some(name)), "session", budget)
}

/// What all sessions used.
pub fn of_night(facts: &Facts) -> Option<UsageStatus> {
    with_budget(used(facts, None), "night", facts.plan.budget)
}

/// `1.2M tokens (1.1M sent, 100k received), $3.40; 2 agents of which nothing is known`; nothing when no agent ran.
pub(super) fn line(report: &Report) -> Option<String> {
    let unknown = report.sessions.iter().filter(|s| s.agent && s.usage.is_none() && s.attempt_count > 0).count();
    let unknown = match unknown {
        0 => None,
        1 => Some("of 1 agent nothing is known".to_owned()),
        n => Some(format!("of {n} agents nothing is known")),
    };
    let known = report.totals.usage.as_ref().map(words);
    let parts: Vec<String> = known.into_iter().chain(unknown).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// What its cost was reckoned by: `by LiteLLM ...`, `by its agent`.
pub(super) fn by(usage: &UsageStatus) -> String {
    match (&usage.prices, usage.usd) {
        (Some(prices), _) => format!("{}, by {prices}", cost(usage)),
        (None, Some(_)) => format!("{}, by its agent", cost(usage)),
        (None, None) => cost(usage),
    }
}
