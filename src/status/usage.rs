//! Tokens and cost as documents and words.

use super::text::{grouped, harmless};
use crate::core::ids::{NightId, ProjectName, RunId, SessionName};
use crate::core::state::State;
use crate::core::usage::{Budget, Money, Scope, Sum, Used, short};
use crate::protocol::details::{UsageRow, UsageTable};
use crate::protocol::{BudgetStatus, ModelUsage, SCHEMA, UsageStatus};
use serde::Deserialize;
use serde::de::IgnoredAny;
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

/// What the rows of a table are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Sessions.
    Session,
    /// Projects.
    Project,
    /// Days.
    Day,
}

impl By {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Project => "project",
            Self::Day => "day",
        }
    }
}

/// A run as the journal's row of it has it, as far as its use needs it.
#[derive(Debug, Clone, Deserialize)]
pub struct UsedRun {
    id: RunId,
    session: Option<UsedSession>,
    attempts: Vec<UsedAttempt>,
}

#[derive(Debug, Clone, Deserialize)]
struct UsedSession {
    project: Option<ProjectName>,
    #[serde(default)]
    agent: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct UsedAttempt {
    #[serde(default)]
    used: Option<Used>,
    started: Option<IgnoredAny>,
}

impl UsedRun {
    /// Its night.
    pub fn night(&self) -> &NightId {
        &self.id.night
    }
}

#[derive(Default)]
struct Gathered<'r> {
    used: Vec<&'r Used>,
    sum: Option<Sum>,
    unknown: u64,
}

/// The table of these runs. `project_of` knows the projects of sessions whose runs do not say it any more, `prices` names
/// the built-in list.
pub fn table(
    by: By,
    night: Option<&NightId>,
    runs: &[UsedRun],
    project_of: &dyn Fn(&SessionName) -> Option<ProjectName>,
    prices: &str,
) -> UsageTable {
    let mut rows: BTreeMap<String, Gathered<'_>> = BTreeMap::new();
    let mut all = Gathered::default();
    for run in runs.iter().filter(|run| night.is_none_or(|night| run.id.night == *night)) {
        let session = &run.id.session;
        let project = || match &run.session {
            Some(known) => known.project.clone(),
            None => project_of(session),
        };
        let key = match by {
            By::Session => session.to_string(),
            By::Project => project().map(|project| project.to_string()).unwrap_or_default(),
            By::Day => run.id.night.to_string(),
        };
        let is_agent = run.session.as_ref().is_some_and(|session| session.agent.is_some());
        for attempt in &run.attempts {
            match &attempt.used {
                None if is_agent && attempt.started.is_some() => {
                    rows.entry(key.clone()).or_default().unknown += 1;
                    all.unknown += 1;
                }
                None => {}
                Some(used) => {
                    all.used.push(used);
                    if by == By::Day {
                        for (day, sum) in used.by_day() {
                            let row = rows.entry(day).or_default();
                            row.sum = Some(row.sum.unwrap_or_default().plus(sum));
                        }
                    } else {
                        rows.entry(key.clone()).or_default().used.push(used);
                    }
                }
            }
        }
    }
    let mut rows: Vec<UsageRow> = rows
        .into_iter()
        .map(|(key, row)| {
            let usage = match row.sum {
                Some(sum) => Some(of_sum(&sum)),
                None => of_all(row.used),
            };
            UsageRow { key, usage, unknown_attempts: row.unknown }
        })
        .collect();
    if by != By::Day {
        let all = |row: &UsageRow| row.usage.as_ref().map_or(0, |usage| usage.input_tokens + usage.output_tokens);
        rows.sort_by_key(|row| std::cmp::Reverse(all(row)));
    }
    UsageTable {
        schema: SCHEMA,
        by: by.as_str().to_owned(),
        night: night.map(ToString::to_string),
        rows,
        total: of_all(all.used),
        unknown_attempts: all.unknown,
        prices: prices.to_owned(),
    }
}

/// The rows of a table as cells: the head first, the sum last when there is more than one row.
pub fn cells(table: &UsageTable) -> Vec<Vec<String>> {
    let head = [&table.by.to_uppercase(), "SENT", "FROM CACHE", "RECEIVED", "COST", "MODELS"];
    let row = |key: &str, usage: Option<&UsageStatus>| {
        let key = if key.is_empty() { "-" } else { key };
        let Some(usage) = usage else {
            let unknown = ["?", "?", "?", "unknown", ""];
            return [key].into_iter().chain(unknown).map(str::to_owned).collect();
        };
        let about = if usage.rounded { "~" } else { "" };
        let models: Vec<&str> = usage.models.iter().map(|model| model.model.as_str()).collect();
        vec![
            key.to_owned(),
            format!("{about}{}", grouped(usage.input_tokens)),
            format!("{about}{}", grouped(usage.cache_read_tokens)),
            format!("{about}{}", grouped(usage.output_tokens)),
            cost(usage),
            models.join(", "),
        ]
    };
    let mut cells = vec![head.map(str::to_owned).to_vec()];
    cells.extend(table.rows.iter().map(|known| row(&known.key, known.usage.as_ref())));
    if table.rows.len() > 1 {
        // Models are told by the rows.
        let models_said = table.total.as_ref().map(|total| UsageStatus { models: Vec::new(), ..total.clone() });
        cells.push(row("total", models_said.as_ref()));
    }
    cells
}
