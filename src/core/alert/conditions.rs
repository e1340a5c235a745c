//! What is wrong, as it follows from the state. One cause is one condition; what only follows from it names it and is
//! kept quiet.

use super::message::Severity;
use crate::core::breaker::Limit;
use crate::core::exit::FailureClass;
use crate::core::finding::{Finding, FindingKind};
use crate::core::guard::FOR_ALL;
use crate::core::ids::SessionName;
use crate::core::queue::satisfies;
use crate::core::run::{Outcome, Run};
use crate::core::schedule::PAST_DEADLINE;
use crate::core::state::State;
use crate::core::ticket::Ticket;
use crate::core::time::Mono;
use crate::core::usage::{Scope, WARN_AT};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Trouble without an end of its own counts as over after this long without more of it.
pub(super) const TROUBLE_LASTS: Duration = Duration::from_secs(600);
/// More errors than this in an hour, in at least [`SPIKE_MINUTES`] of its minutes, are a spike ...
const SPIKE: u64 = 100;
const SPIKE_MINUTES: usize = 10;
/// ... if they are more than this many times what is usual; ...
const SPIKE_TIMES: u64 = 5;
/// ... and fewer than this end it.
const SPIKE_OVER: u64 = 50;
/// The kind of an alert about an agent that asks.
pub(super) const WAITS: &str = "waiting_for_you";
/// Says which masks made a fingerprint, so that other masks do not regroup history.
const FINGERPRINT_VERSION: &str = "v1";

/// Something that is wrong now.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Condition {
    pub(super) kind: &'static str,
    pub(super) severity: Severity,
    pub(super) session: Option<String>,
    pub(super) project: Option<String>,
    pub(super) title: String,
    pub(super) body: String,
    pub(super) command: Option<String>,
    /// The condition that is the cause of this one.
    pub(super) because_of: Option<String>,
}

/// A part of the state that conditions follow from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// The newest run of a session.
    Session(SessionName),
    /// Errors in the output of all sessions.
    Errors,
    /// One breaker.
    Outage(String),
    /// Parked projects.
    Parked,
    /// Safe mode.
    SafeMode,
    /// The file.
    File,
    /// Trouble without an end of its own.
    Troubles,
    /// Channels that do not work.
    Channels,
    /// Budgets that are nearly or wholly used up.
    Budgets,
}

/// The conditions of one part of the state, by what makes two the same.
pub(super) type Found = Vec<(String, Condition)>;

/// All parts there are.
pub(super) fn everything(state: &State) -> BTreeSet<Source> {
    let sessions = state.night_runs().map(|run| Source::Session(run.id.session.clone()));
    let outages = state.breakers.open().map(|(key, _)| Source::Outage(key.clone()));
    let single = [
        Source::Errors,
        Source::Parked,
        Source::SafeMode,
        Source::File,
        Source::Troubles,
        Source::Channels,
        Source::Budgets,
    ];
    sessions.chain(outages).chain(single).collect()
}

/// What is wrong with one part.
pub(super) fn of_source(source: &Source, state: &State, now: Mono) -> Found {
    match source {
        Source::Session(name) => of_session(state, name),
        Source::Errors => of_errors(state, now),
        Source::Outage(key) => of_outage(state, key),
        Source::Parked => of_parked(state),
        Source::SafeMode => of_safe_mode(state),
        Source::File => of_file(state),
        Source::Troubles => of_troubles(state, now),
        Source::Channels => of_channels(state),
        Source::Budgets => of_budgets(state),
    }
}

fn of_file(state: &State) -> Found {
    let Some((_, problem)) = &state.alerts.broken_file else { return Found::new() };
    let condition = Condition {
        severity: Severity::High,
        title: "the changed sessions.toml was not taken".to_owned(),
        body: format!("{}\nThe old one stays in force.", clean(problem)),
        command: Some("nightkeep check".to_owned()),
        ..plain("config")
    };
    vec![(same("config", None, None, "", ""), condition)]
}

fn of_troubles(state: &State, now: Mono) -> Found {
    let lately = state.alerts.troubles.iter().filter(|(_, trouble)| now.since(trouble.last) < TROUBLE_LASTS);
    let found = lately.map(|(what, trouble)| {
        let condition = Condition {
            severity: trouble.severity,
            title: format!("trouble with {}", clean(&trouble.part)),
            body: clean(&trouble.what),
            command: Some("nightkeep doctor".to_owned()),
            ..plain("trouble")
        };
        (same("trouble", None, None, "", what), condition)
    });
    found.collect()
}

fn of_channels(state: &State) -> Found {
    let declared = state.alerts.channels.iter().filter(|(name, _)| state.plan.channels.contains_key(*name));
    let broken = declared.filter_map(|(name, log)| Some((name, log.broken.as_ref()?)));
    let found = broken.map(|(name, why)| {
        let condition = Condition {
            severity: Severity::High,
            title: format!("the channel {name} does not work"),
            body: format!("A message was given up: {}", clean(why)),
            command: Some(format!("nightkeep alerts test {name}")),
            ..plain("channel")
        };
        (same("channel", None, None, name, ""), condition)
    });
    found.collect()
}

fn plain(kind: &'static str) -> Condition {
    Condition {
        kind,
        severity: Severity::Medium,
        session: None,
        project: None,
        title: String::new(),
        body: String::new(),
        command: None,
        because_of: None,
    }
}

/// What makes two alerts the same.
fn same(kind: &str, project: Option<&str>, session: Option<&str>, class: &str, fingerprint: &str) -> String {
    let (project, session) = (project.unwrap_or_default(), session.unwrap_or_default());
    format!("{kind}|{project}|{session}|{class}|{FINGERPRINT_VERSION} {fingerprint}")
}

fn of_session(state: &State, name: &SessionName) -> Found {
    let Some(run) = state.latest_run(name) else { return Found::new() };
    let ended = run.state.outcome().and_then(|outcome| of_end(state, name, run, outcome));
    // How it ended says it; what was found on the way is why.
    let end = ended.as_ref().map(|(same, _)| same.clone());
    let findings = run.open_findings().map(|finding| {
        let (same, condition) = of_finding(state, name, finding);
        (same, Condition { because_of: end.clone(), ..condition })
    });
    let asks =
        state.tickets.standing(name).filter(|ticket| ticket.is_open()).map(|ticket| of_ticket(state, name, ticket));
    ended.into_iter().chain(findings).chain(of_claims(state, name, run)).chain(asks).collect()
}

/// What an agent asks and nobody answered yet. The same question is the same alert.
fn of_ticket(state: &State, name: &SessionName, ticket: &Ticket) -> (String, Condition) {
    let project = project_of(state, name);
    let mut body = vec![clean(&ticket.words())];
    let offers = ticket.offers();
    if !offers.is_empty() {
        body.push(clean(&format!("choices: {offers}")));
    }
    body.extend(ticket.note.as_deref().map(clean));
    let what = if offers.is_empty() { "TEXT" } else { "CHOICE" };
    body.push(format!("answer with: nightkeep answer {name} --ticket {} {what}", ticket.id()));
    let condition = Condition {
        severity: Severity::High,
        session: Some(name.to_string()),
        title: format!("{name} waits for you"),
        body: body.join("\n"),
        command: Some(format!("nightkeep answer {name}")),
        project: project.clone(),
        ..plain(WAITS)
    };
    (same(WAITS, project.as_deref(), Some(name.as_str()), &ticket.mark, ""), condition)
}

/// That a session says it needs a person. These are its words; nothing else follows from them.
fn of_claims(state: &State, name: &SessionName, run: &Run) -> Option<(String, Condition)> {
    let needs = run.last_attempt()?.told.needs.as_ref()?;
    let project = project_of(state, name);
    let same = same("needs", project.as_deref(), Some(name.as_str()), "", "");
    let condition = Condition {
        severity: Severity::High,
        session: Some(name.to_string()),
        project,
        title: format!("{name} says that it needs you"),
        body: clean(needs),
        command: Some(format!("nightkeep why {name}")),
        ..plain("needs")
    };
    Some((same, condition))
}

/// What was found about a run that somebody should know.
fn of_finding(state: &State, name: &SessionName, finding: &Finding) -> (String, Condition) {
    let (kind, project) = (finding.kind.as_str(), project_of(state, name));
    let severity = match finding.kind {
        FindingKind::Stalled | FindingKind::DeadlineMissed | FindingKind::Unkillable | FindingKind::UsageLimit => {
            Severity::High
        }
        FindingKind::DeadlineAtRisk
        | FindingKind::NoProgress
        | FindingKind::ZeroResult
        | FindingKind::Runaway
        | FindingKind::Denied => Severity::Medium,
    };
    let same = same(kind, project.as_deref(), Some(name.as_str()), &finding.subject, "");
    let condition = Condition {
        severity,
        session: Some(name.to_string()),
        project,
        title: format!("{name}: {}", clean(&kind.replace('_', " "))),
        body: clean(&finding.what),
        command: Some(format!("nightkeep why {name}")),
        ..plain(kind)
    };
    (same, condition)
}

fn of_end(state: &State, name: &SessionName, run: &Run, outcome: Outcome) -> Option<(String, Condition)> {
    let project = || project_of(state, name);
    let base = |kind| Condition { session: Some(name.to_string()), project: project(), ..plain(kind) };
    let condition = match outcome {
        Outcome::Failed => {
            let class = class(run);
            let word = class.map_or("failed", FailureClass::as_str).replace('_', " ");
            Condition {
                severity: match class {
                    Some(FailureClass::CrashLoop) => Severity::Critical,
                    Some(_) | None => Severity::High,
                },
                title: format!("{name} failed for good ({word})"),
                body: clean(&run.reason),
                command: Some(format!("nightkeep why {name}")),
                because_of: explained(state, name, run),
                ..base("failed")
            }
        }
        Outcome::Partial => Condition {
            severity: Severity::Medium,
            title: format!("{name} ended without an error but is not complete"),
            body: clean(&run.reason),
            command: Some(format!("nightkeep why {name}")),
            ..base("partial")
        },
        Outcome::Skipped if run.is_blocked() => Condition {
            severity: Severity::Low,
            title: format!("{name} did not run"),
            body: clean(&run.reason),
            command: Some(format!("nightkeep why {name}")),
            because_of: explained(state, name, run).or_else(|| cause(state, name)),
            ..base("blocked")
        },
        Outcome::Unfinished if run.reason == PAST_DEADLINE => Condition {
            severity: Severity::High,
            title: format!("{name} was not done by its deadline"),
            body: clean(&run.reason),
            command: Some(format!("nightkeep why {name}")),
            ..base("deadline")
        },
        Outcome::Succeeded | Outcome::Stopped | Outcome::Skipped | Outcome::Unfinished => return None,
    };
    Some((same_of_run(state, name, run, outcome), condition))
}

/// The condition that keeps a session from running: the end of the one it comes after.
fn cause(state: &State, name: &SessionName) -> Option<String> {
    let after = &state.session(name)?.after;
    after.iter().find_map(|dependency| {
        let run = state.latest_run(&dependency.session)?;
        let outcome = run.state.outcome().filter(|outcome| !satisfies(dependency, *outcome))?;
        Some(same_of_run(state, &dependency.session, run, outcome))
    })
}

fn same_of_run(state: &State, name: &SessionName, run: &Run, outcome: Outcome) -> String {
    let kind = match outcome {
        Outcome::Skipped => "blocked",
        Outcome::Failed | Outcome::Succeeded | Outcome::Partial | Outcome::Stopped | Outcome::Unfinished => {
            outcome.as_str()
        }
    };
    let verdict = run.last_attempt().and_then(|attempt| attempt.verdict.as_ref());
    let class = verdict.map_or("", |verdict| verdict.class.as_str());
    // The rule that judged the end is a better name for it than any text.
    let rule = verdict.map_or("", |verdict| verdict.rule.as_str());
    same(kind, project_of(state, name).as_deref(), Some(name.as_str()), class, rule)
}

fn class(run: &Run) -> Option<FailureClass> {
    run.last_attempt().and_then(|attempt| attempt.verdict.as_ref()).map(|verdict| verdict.class)
}

fn project_of(state: &State, name: &SessionName) -> Option<String> {
    state.session(name).and_then(|session| session.project.as_ref()).map(ToString::to_string)
}

/// What is down: one alert, whatever number of sessions it holds up.
fn of_outage(state: &State, key: &str) -> Found {
    let Some(breaker) = state.breakers.by_key.get(key).filter(|breaker| !breaker.is_closed()) else {
        return Found::new();
    };
    let condition = Condition {
        severity: match breaker.limit {
            _ if breaker.overdue => Severity::Critical,
            // It ends by itself, and when is known.
            Some(Limit { resets: Some(_) }) => Severity::Medium,
            Some(_) | None => Severity::High,
        },
        title: if breaker.limit.is_some() {
            format!("{key} has reached its usage limit")
        } else {
            format!("{key} is down")
        },
        body: clean(&breaker.cause),
        command: Some("nightkeep status".to_owned()),
        ..plain("outage")
    };
    vec![(same("outage", None, None, key, ""), condition)]
}

/// Budgets that are nearly or wholly used up, and those in dollars that what has no price escapes.
fn of_budgets(state: &State) -> Found {
    let mut found = Found::new();
    for scope in state.budgets() {
        let (session, project) = match &scope {
            Scope::Session(name) => (Some(name.to_string()), project_of(state, name)),
            Scope::Project(name) => (None, Some(name.to_string())),
            Scope::Night => (None, None),
        };
        let words = scope.words();
        let command = Some("nightkeep usage".to_owned());
        let base = |kind| Condition {
            session: session.clone(),
            project: project.clone(),
            command: command.clone(),
            ..plain(kind)
        };
        match state.share_of(&scope) {
            Some(share) if share.percent >= 100 => found.push((
                same_of_budget(state, &scope),
                Condition {
                    severity: Severity::High,
                    title: format!("{words} is used up"),
                    body: "What uses it was stopped, and nothing of it is started until the budget is raised."
                        .to_owned(),
                    ..base("budget")
                },
            )),
            Some(share) if share.percent >= WARN_AT => found.push((
                same_of_budget(state, &scope),
                Condition {
                    severity: Severity::Medium,
                    title: format!("{words} is nearly used up"),
                    body: format!("More than {WARN_AT} % of it is used. At its end what uses it is stopped."),
                    ..base("budget")
                },
            )),
            Some(_) | None => {}
        }
        let unpriced = state.used_by(&scope).is_some_and(|sum| sum.unpriced > 0);
        if unpriced && state.budget_of(&scope).usd.is_some() {
            let body = "Tokens of a model without a price were used. They are not part of it until [prices] has one.";
            let title = format!("{words} does not hold all that is used");
            let condition = Condition { title, body: body.to_owned(), ..base("unpriced") };
            found.push((same("unpriced", project.as_deref(), session.as_deref(), "", ""), condition));
        }
    }
    found
}

fn same_of_budget(state: &State, scope: &Scope) -> String {
    match scope {
        Scope::Session(name) => same("budget", project_of(state, name).as_deref(), Some(name.as_str()), "", ""),
        Scope::Project(name) => same("budget", Some(name.as_str()), None, "", ""),
        Scope::Night => same("budget", None, None, "", ""),
    }
}

/// What was parked: one alert for all sessions of the project.
fn of_parked(state: &State) -> Found {
    let found = state.breakers.parked.iter().map(|(project, why)| {
        let project = project.to_string();
        let condition = Condition {
            severity: Severity::Critical,
            title: format!("the project {project} is parked"),
            body: clean(why),
            command: Some("nightkeep status".to_owned()),
            project: Some(project.clone()),
            ..plain("parked")
        };
        (same("parked", Some(&project), None, "", ""), condition)
    });
    found.collect()
}

fn of_safe_mode(state: &State) -> Found {
    let Some(why) = &state.breakers.safe_mode else { return Found::new() };
    let condition = Condition {
        severity: Severity::Critical,
        title: "safe mode: nothing is started".to_owned(),
        body: clean(why),
        command: Some("nightkeep doctor".to_owned()),
        ..plain("safe_mode")
    };
    vec![(same("safe_mode", None, None, "", ""), condition)]
}

/// The outage or parked project that explains a failure.
fn explained(state: &State, name: &SessionName, run: &Run) -> Option<String> {
    if let Some(project) = state.session(name).and_then(|session| session.project.as_ref())
        && state.breakers.parked.contains_key(project)
    {
        return Some(same("parked", Some(project.as_str()), None, "", ""));
    }
    // By the words alone: how much it is may have risen since.
    if let Some(scope) = state.scopes_of(name).iter().find(|scope| run.reason.contains(&scope.used_up())) {
        return Some(same_of_budget(state, scope));
    }
    let outage = |key: &str| same("outage", None, None, key, "");
    match class(run)? {
        FailureClass::ProviderDown | FailureClass::UsageLimit => state.key_of(run).map(|key| outage(&key)),
        FailureClass::Infra => {
            let down = FOR_ALL.iter().find(|key| state.breakers.open().any(|(open, _)| open == *key));
            down.map(|key| outage(key))
        }
        FailureClass::Transient
        | FailureClass::Auth
        | FailureClass::Billing
        | FailureClass::ContextFull
        | FailureClass::Permanent
        | FailureClass::Stalled
        | FailureClass::Timeout
        | FailureClass::Operator
        | FailureClass::OomKilled
        | FailureClass::KilledOther
        | FailureClass::Lost
        | FailureClass::CrashLoop
        | FailureClass::BudgetExceeded
        | FailureClass::Runaway => None,
    }
}

/// Error spikes: of a session, else of a project whose sessions together have one.
fn of_errors(state: &State, now: Mono) -> Found {
    let mut found = Found::new();
    let mut projects: BTreeMap<String, (Hour, bool)> = BTreeMap::new();
    for (session, errors) in &state.alerts.errors {
        let (sum, minutes) = errors.of_the_hour(now);
        if sum == 0 {
            continue;
        }
        let usual = state.alerts.usual_errors(session);
        let hour = Hour { sum, minutes, usual };
        let project = SessionName::new(session).ok().and_then(|name| project_of(state, &name));
        let same = same("errors", project.as_deref(), Some(session), "", "");
        let spikes = spikes(state, &same, hour);
        if let Some(project) = &project {
            let (all, one_does) = projects.entry(project.clone()).or_default();
            *all = all.with(hour);
            *one_does |= spikes;
        }
        if spikes {
            let condition = Condition {
                severity: Severity::High,
                session: Some(session.clone()),
                project,
                title: format!("{session}: more than {SPIKE} errors in an hour"),
                body: hour.told("its output"),
                command: Some(format!("nightkeep logs {session}")),
                ..plain("errors")
            };
            found.push((same, condition));
        }
    }
    for (project, (hour, one_does)) in projects {
        let same = same("errors", Some(&project), None, "", "");
        if !one_does && spikes(state, &same, hour) {
            let condition = Condition {
                severity: Severity::High,
                title: format!("{project}: more than {SPIKE} errors in an hour"),
                body: hour.told("the output of its sessions"),
                command: Some("nightkeep status".to_owned()),
                project: Some(project),
                ..plain("errors")
            };
            found.push((same, condition));
        }
    }
    found
}

/// The errors of an hour.
#[derive(Debug, Clone, Copy, Default)]
struct Hour {
    sum: u64,
    /// Minutes of it in which there were any.
    minutes: usize,
    /// The median of the worst hours of the nights before, where there were any.
    usual: Option<u64>,
}

impl Hour {
    fn with(self, other: Self) -> Self {
        let usual = match (self.usual, other.usual) {
            (Some(one), Some(two)) => Some(one + two),
            (one, two) => one.or(two),
        };
        Self { sum: self.sum + other.sum, minutes: self.minutes.max(other.minutes), usual }
    }
    /// Whether this many errors are a spike: many, and more than usual. Where nothing is known of usual nights they must
    /// not come all at once, as one crash may print many lines.
    fn is_spike(self) -> bool {
        self.sum > SPIKE
            && self.usual.map_or(self.minutes >= SPIKE_MINUTES, |usual| self.sum > usual.saturating_mul(SPIKE_TIMES))
    }
    fn told(self, whose: &str) -> String {
        let usual =
            self.usual.map_or_else(String::new, |usual| format!("; the worst hour of a usual night has {usual}"));
        format!("{} error lines in {whose} within the last hour{usual}", self.sum)
    }
}

/// Once there is a spike, it takes fewer errors to keep it than to begin it.
fn spikes(state: &State, same: &str, hour: Hour) -> bool {
    let goes_on =
        || state.alerts.known.values().any(|alert| alert.kind == "errors" && alert.same == same && alert.holds);
    hour.is_spike() || (hour.sum >= SPIKE_OVER && goes_on())
}

/// Text that comes from outside, on lines of its own but without control characters, at most 400 characters.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || *c == '\n').take(400).collect()
}

/// The text with numbers, quoted parts and paths replaced by what they are.
pub(super) fn masked(text: &str) -> String {
    let mut words = Vec::new();
    for word in text.split_whitespace().take(60) {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '/');
        let mask = if bare.contains('/') {
            "<path>".to_owned()
        } else if word.starts_with(['"', '\'', '`']) {
            "<text>".to_owned()
        } else if bare.chars().any(|c| c.is_ascii_digit()) {
            "<n>".to_owned()
        } else {
            word.to_owned()
        };
        words.push(mask);
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_varies_does_not_make_another_alert() {
        assert_eq!(masked("pid 41: cannot open /tmp/a7 (errno 5)"), masked("pid 7: cannot open /var/x (errno 28)"));
        assert_ne!(masked("cannot open /tmp/a"), masked("cannot read /tmp/a"));
        assert_eq!(masked("no `x` in \"y\""), "no <text> in <text>");
    }
}
