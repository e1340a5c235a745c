//! Tokens and money: what attempts used, as their agents' transcripts tell, and what may be used.
//!
//! What is journaled of an attempt is the whole of what is known, never a difference, with the cost as it was found then:
//! prices may change, a past night does not. Nothing known is nothing known, never 0.

use super::fact::Fact;
use super::ids::{AttemptId, ProjectName, SessionName};
use super::plan::SessionPlan;
use super::run::{AfterStop, RunState};
use super::state::State;
use super::time::Wall;
use super::turn::Turn;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Most models that one attempt's use is kept apart for; the rest is one, `other`.
pub const MODELS_MAX: usize = 20;
/// Most days that one attempt's use is kept apart for.
pub const DAYS_MAX: usize = 40;
/// From this share of a budget on, in per cent, somebody is told.
pub const WARN_AT: u64 = 80;

/// An amount of money, in billionths of a US dollar: sums of it are exact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Money(pub u64);

impl Money {
    /// An amount in dollars; `None` for what is no amount.
    pub fn of_usd(usd: f64) -> Option<Self> {
        // Beyond ten million dollars it is a mistake, not a price.
        let fits = usd.is_finite() && (0.0..=1e7).contains(&usd);
        // The range was checked: it is well within 2^63, and the fraction is rounded on purpose.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
        fits.then(|| Self((usd * 1e9).round() as u64))
    }
    /// The amount in dollars.
    pub fn usd(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "shown, not reckoned with")]
        let nano = self.0 as f64;
        nano / 1e9
    }
    /// Both together.
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Money {
    /// Dollars and cents; below a cent two digits that count.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => write!(f, "$0.00"),
            n if n < 100_000 => write!(f, "<$0.0001"),
            n if n < 10_000_000 => write!(f, "${:.4}", self.usd()),
            _ => write!(f, "${:.2}", self.usd()),
        }
    }
}

/// Tokens by what they cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tokens {
    /// Sent, and not read from a cache.
    pub input: u64,
    /// Sent, and read from a cache.
    pub cache_read: u64,
    /// Sent, and written to a cache.
    pub cache_write: u64,
    /// Received, thoughts included.
    pub output: u64,
}

impl Tokens {
    /// All of them.
    pub fn total(self) -> u64 {
        self.sent().saturating_add(self.output)
    }
    /// All that were sent.
    pub fn sent(self) -> u64 {
        self.input.saturating_add(self.cache_read).saturating_add(self.cache_write)
    }
    /// Both together.
    pub fn plus(self, other: Self) -> Self {
        self.each(other, u64::saturating_add)
    }
    /// What is left without the other; nowhere below 0.
    pub fn minus(self, other: Self) -> Self {
        self.each(other, u64::saturating_sub)
    }
    /// The larger of both, kind by kind.
    pub fn max(self, other: Self) -> Self {
        self.each(other, u64::max)
    }
    fn each(self, other: Self, f: fn(u64, u64) -> u64) -> Self {
        Self {
            input: f(self.input, other.input),
            cache_read: f(self.cache_read, other.cache_read),
            cache_write: f(self.cache_write, other.cache_write),
            output: f(self.output, other.output),
        }
    }
}

/// A sum of requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sum {
    /// Their tokens.
    pub tokens: Tokens,
    /// How many requests.
    pub requests: u64,
    /// What those cost whose price is known.
    pub cost: Money,
    /// Tokens of those whose price is not known.
    pub unpriced: u64,
}

impl Sum {
    /// Both together.
    pub fn plus(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.plus(other.tokens),
            requests: self.requests.saturating_add(other.requests),
            cost: self.cost.plus(other.cost),
            unpriced: self.unpriced.saturating_add(other.unpriced),
        }
    }
    /// What is left without a part of it.
    pub fn minus(self, part: Self) -> Self {
        Self {
            tokens: self.tokens.minus(part.tokens),
            requests: self.requests.saturating_sub(part.requests),
            cost: Money(self.cost.0.saturating_sub(part.cost.0)),
            unpriced: self.unpriced.saturating_sub(part.unpriced),
        }
    }
    /// The cost, unless nothing of it has a price.
    pub fn known_cost(self) -> Option<Money> {
        (self.unpriced == 0 || self.unpriced < self.tokens.total() || self.cost > Money(0)).then_some(self.cost)
    }
    /// The cost in words: `$1.20`, `$1.20 + 3.2k tokens unpriced`, `unpriced`.
    pub fn cost_words(self) -> String {
        match (self.known_cost(), self.unpriced) {
            (None, _) => "unpriced".to_owned(),
            (Some(cost), 0) => cost.to_string(),
            (Some(cost), unpriced) => format!("{cost} + {} tokens unpriced", short(unpriced)),
        }
    }
}

/// A number of tokens for a table: `950`, `12.5k`, `2.1M`.
pub fn short(count: u64) -> String {
    let of = |unit: u64, letter: char| {
        let tenths = count / (unit / 10);
        if tenths >= 1_000 || tenths.is_multiple_of(10) {
            format!("{}{letter}", tenths / 10)
        } else {
            format!("{}.{}{letter}", tenths / 10, tenths % 10)
        }
    };
    match count {
        0..1_000 => count.to_string(),
        1_000..1_000_000 => of(1_000, 'k'),
        1_000_000..1_000_000_000 => of(1_000_000, 'M'),
        _ => of(1_000_000_000, 'G'),
    }
}

/// All that is known of what an attempt used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Used {
    /// By model, at most [`MODELS_MAX`].
    pub models: BTreeMap<String, Sum>,
    /// By date in the night's zone, at most [`DAYS_MAX`]. By the price list also where the agent gives a figure of its own.
    pub days: BTreeMap<String, Sum>,
    /// The agent's own figure for all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own: Option<Money>,
    /// When the newest request was.
    pub last_at: Option<Wall>,
    /// Its numbers are rounded by the agent.
    pub rounded: bool,
    /// Whose transcript it is was guessed: another session of this agent worked in the same directory.
    pub guessed: bool,
    /// The price list that costs were reckoned by, where one was needed: its name and date.
    pub prices: String,
}

impl Used {
    /// All of it together.
    pub fn total(&self) -> Sum {
        let all = self.models.values().copied().fold(Sum::default(), Sum::plus);
        self.own.map_or(all, |own| Sum { cost: own, unpriced: 0, ..all })
    }
    /// All of it by date, each with its share of the agent's own figure.
    pub fn by_day(&self) -> Vec<(String, Sum)> {
        let mut days: Vec<(String, Sum)> = self.days.iter().map(|(day, sum)| (day.clone(), *sum)).collect();
        let Some(own) = self.own else { return days };
        let weight = |sum: &Sum| u128::from(sum.tokens.total());
        let all: u128 = days.iter().map(|(_, sum)| weight(sum)).sum();
        let mut left = own;
        let last = days.len().saturating_sub(1);
        for (place, (_, sum)) in days.iter_mut().enumerate() {
            let part = if place == last || all == 0 {
                left
            } else {
                // A part of a u64 fits into one.
                Money(u64::try_from(u128::from(own.0) * weight(sum) / all).unwrap_or(left.0)).min(left)
            };
            left = Money(left.0 - part.0);
            (sum.cost, sum.unpriced) = (part, 0);
        }
        days
    }
}

/// `budget = { … }`: what may be used. `None` is without a limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Budget {
    /// Tokens of all kinds.
    pub tokens: Option<u64>,
    /// Money.
    pub usd: Option<Money>,
}

/// How much of a budget is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// In per cent, rounded down; of what is nearer to its limit.
    pub percent: u64,
    /// What is nearer to its limit, in words: `1.7M of 2M tokens`.
    pub words: String,
}

impl Budget {
    /// Whether it limits nothing.
    pub fn is_none(self) -> bool {
        self.tokens.is_none() && self.usd.is_none()
    }
    /// How much of it is used; `None` without a limit.
    pub fn share(self, used: Sum) -> Option<Share> {
        let percent = |used: u64, limit: u64| {
            let percent = u128::from(used) * 100 / u128::from(limit.max(1));
            u64::try_from(percent).unwrap_or(u64::MAX)
        };
        let tokens = self.tokens.map(|limit| Share {
            percent: percent(used.tokens.total(), limit),
            words: format!("{} of {} tokens", short(used.tokens.total()), short(limit)),
        });
        let money = self
            .usd
            .map(|limit| Share { percent: percent(used.cost.0, limit.0), words: format!("{} of {limit}", used.cost) });
        match (tokens, money) {
            (Some(tokens), Some(money)) => Some(if money.percent > tokens.percent { money } else { tokens }),
            (tokens, money) => tokens.or(money),
        }
    }
}

/// Whose budget it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// A session's, in a night.
    Session(SessionName),
    /// That of all sessions of a project, in a night.
    Project(ProjectName),
    /// The night's.
    Night,
}

impl Scope {
    /// For a sentence: `the budget of the project x`.
    pub fn words(&self) -> String {
        match self {
            Self::Session(name) => format!("the budget of {name}"),
            Self::Project(name) => format!("the budget of the project {name}"),
            Self::Night => "the budget of the night".to_owned(),
        }
    }
    /// That it is used up, in words.
    pub fn used_up(&self) -> String {
        format!("{} is used up", self.words())
    }
}

impl State {
    /// What the runs of the night used by what is known; `None` when nothing is.
    pub fn used_by(&self, scope: &Scope) -> Option<Sum> {
        let mut known = None;
        for (name, sum) in &self.spent {
            let within = match scope {
                Scope::Session(session) => session == name,
                Scope::Project(project) => self.session(name).is_some_and(|s| s.project.as_ref() == Some(project)),
                Scope::Night => true,
            };
            if within {
                known = Some(known.unwrap_or_default()).map(|all: Sum| all.plus(*sum));
            }
        }
        known
    }
    /// The budget of a scope, by the plan in force.
    pub fn budget_of(&self, scope: &Scope) -> Budget {
        match scope {
            Scope::Session(name) => self.session(name).map_or(Budget::default(), |session| session.budget),
            Scope::Project(name) => self.plan.projects.get(name).map_or(Budget::default(), |project| project.budget),
            Scope::Night => self.plan.budget,
        }
    }
    /// All scopes that have a budget.
    pub fn budgets(&self) -> Vec<Scope> {
        let sessions = self.plan.sessions.values().chain(self.added.values());
        let sessions = sessions.filter(|session| !session.budget.is_none());
        let projects = self.plan.projects.iter().filter(|(_, project)| !project.budget.is_none());
        let night = (!self.plan.budget.is_none()).then_some(Scope::Night);
        sessions
            .map(|session| Scope::Session(session.name.clone()))
            .chain(projects.map(|(name, _)| Scope::Project(name.clone())))
            .chain(night)
            .collect()
    }
    /// How much of a scope's budget is used, if it has one and anything is known.
    pub fn share_of(&self, scope: &Scope) -> Option<Share> {
        self.budget_of(scope).share(self.used_by(scope)?)
    }
    /// The budgets that a session spends from, the nearest first.
    pub fn scopes_of(&self, session: &SessionName) -> Vec<Scope> {
        let project = self.session(session).and_then(|session| session.project.clone());
        [Some(Scope::Session(session.clone())), project.map(Scope::Project), Some(Scope::Night)]
            .into_iter()
            .flatten()
            .filter(|scope| !self.budget_of(scope).is_none())
            .collect()
    }
    /// Why a session may use no more, if a budget that it spends from is used up: the scope, and it in words. What uses no
    /// tokens is not held by the budgets of others.
    pub fn spent_budget(&self, session: &SessionName) -> Option<(Scope, String)> {
        let spends = self.session(session).is_some_and(SessionPlan::is_agent) || self.spent.contains_key(session);
        self.scopes_of(session).into_iter().filter(|_| spends).find_map(|scope| {
            let share = self.share_of(&scope).filter(|share| share.percent >= 100)?;
            let words = format!("{}: {}", scope.used_up(), share.words);
            Some((scope, words))
        })
    }
    /// Takes what is known of an attempt's use to the sum of its session.
    pub(super) fn use_of(&mut self, id: &AttemptId, used: &Used) {
        let tonight = self.night.as_ref().is_some_and(|night| night.id == id.run.night);
        let Some(attempt) = self.runs.get_mut(&id.run).and_then(|run| run.attempt_mut(id.number)) else { return };
        let before = attempt.used.replace(used.clone()).map(|before| before.total());
        if tonight {
            let sum = self.spent.entry(id.run.session.clone()).or_default();
            *sum = sum.minus(before.unwrap_or_default()).plus(used.total());
        }
    }
    /// Sums up what the runs of the night used: for a state that was read from its rows.
    pub(super) fn add_up(&mut self) {
        let mut spent: BTreeMap<SessionName, Sum> = BTreeMap::new();
        for run in self.night_runs() {
            for used in run.attempts.iter().filter_map(|attempt| attempt.used.as_ref()) {
                let sum = spent.entry(run.id.session.clone()).or_default();
                *sum = sum.plus(used.total());
            }
        }
        self.spent = spent;
    }
}

impl Turn<'_> {
    /// A transcript told what an attempt used so far. Less than is known is an older or a cut transcript, and nothing new.
    pub(super) fn used(&mut self, id: &AttemptId, used: Used) {
        let Some(attempt) = self.run(&id.run).and_then(|run| run.attempt(id.number)) else { return };
        let new = attempt.used.as_ref().is_none_or(|known| {
            let (known_sum, sum) = (known.total(), used.total());
            *known != used && sum.tokens.total() >= known_sum.tokens.total()
        });
        if !new || used.models.is_empty() {
            return;
        }
        self.fact(Fact::AttemptUsed { attempt: id.clone(), used: Box::new(used) });
        self.mind_budgets();
    }

    /// Whether a session may use anything at all; the error says why not.
    pub(super) fn may_use(&self, session: &SessionName) -> Result<(), String> {
        match self.state().spent_budget(session) {
            Some((_, why)) => Err(format!("{why}; raise it in the file first")),
            None => Ok(()),
        }
    }

    /// Stops what runs on a budget that is used up. Nothing of it is started again: see the queue.
    pub(super) fn mind_budgets(&mut self) {
        if self.state().open_night().is_none() || self.state().budgets().is_empty() {
            return;
        }
        for id in self.ids(|run| matches!(run.state, RunState::Starting { .. } | RunState::Running { .. })) {
            let attempt = self.run(&id).and_then(|run| run.state.live_attempt().cloned());
            let spent = self.state().spent_budget(&id.session);
            if let Some((attempt, (_, why))) = attempt.zip(spent) {
                self.stop(&attempt, AfterStop::Budget, None, &why);
            }
        }
    }
}
