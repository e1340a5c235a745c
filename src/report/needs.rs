//! What only a person can settle, and the sentence at the top.

use super::claims::Claims;
use super::facts::{Facts, RunFacts};
use super::model::{DeadLetter, Need, Totals, Verdict};
use super::said::{carry, said};
use super::sessions::{newest, plan_of, quote};
use crate::core::exit::FailureClass;
use crate::core::finding::FindingKind;
use crate::core::ids::SessionName;
use crate::core::plan::DependencyOn;
use crate::core::run::{Outcome, RunState};
use crate::core::success::missed;
use crate::core::ticket::{Stage, Ticket};
use crate::status::words;
use crate::status::zone::rfc3339;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// An id that stays the same when the report is made again: a hash of what the thing is, not of where it stands.
pub fn stable_id(kind: &str, parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let hex: String = hash.finalize().iter().take(5).map(|b| format!("{b:02x}")).collect();
    format!("{kind}-{hex}")
}

/// How urgent a need is: what blocks everything until it is settled comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Question,
    Budget,
    Credentials,
    Failed,
    Blocker,
    UserAction,
    Partial,
    Denied,
    Held,
    Artifact,
    Unfinished,
    Config,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Question => "question",
            Self::Budget => "budget",
            Self::Credentials => "credentials",
            Self::Failed => "failed",
            Self::Blocker => "blocker",
            Self::UserAction => "user_action",
            Self::Partial => "partial",
            Self::Denied => "denied",
            Self::Held => "held",
            Self::Artifact => "artifact",
            Self::Unfinished => "unfinished",
            Self::Config => "config",
        }
    }
}

/// The list, most urgent first: by kind, then by how much it blocks, then the oldest.
pub(super) fn needs(facts: &Facts, claims: &Claims) -> Vec<Need> {
    let newest = newest(facts);
    let mut out: Vec<(Kind, Need)> = Vec::new();
    for (name, run) in &newest {
        let Some((kind, what, command)) = of_run(name, run) else { continue };
        out.push((
            kind,
            Need {
                id: stable_id("n", &[kind.as_str(), name.as_str()]),
                kind: kind.as_str().to_owned(),
                session: Some(name.to_string()),
                what,
                since: rfc3339(run.since),
                blocks: blocks(facts, &newest, name, run),
                command,
                project: plan_of(facts, name).and_then(|plan| plan.project.as_ref()).map(ToString::to_string),
                said: None,
                steps: 0,
                nights: 1,
                first_night: Some(facts.night.to_string()),
            },
        ));
    }
    for (name, run) in &newest {
        let Some(ticket) = unanswered(facts, run) else { continue };
        let asks = quote(&ticket.words());
        let note = ticket.note.as_ref().map_or_else(String::new, |note| format!("; {}", quote(note)));
        let (what, command) = if ticket.is_over() {
            (format!("{name} was never answered when it ended: it {asks}{note}"), format!("nightkeep why {name}"))
        } else {
            (format!("{name} {asks}{note}"), format!("nightkeep answer {name}"))
        };
        let need = Need {
            id: stable_id("n", &[Kind::Question.as_str(), name.as_str(), &ticket.mark]),
            kind: Kind::Question.as_str().to_owned(),
            session: Some(name.to_string()),
            what,
            since: rfc3339(ticket.since),
            blocks: blocks(facts, &newest, name, run),
            command,
            project: plan_of(facts, name).and_then(|plan| plan.project.as_ref()).map(ToString::to_string),
            said: None,
            steps: 0,
            nights: 1,
            first_night: Some(facts.night.to_string()),
        };
        out.push((Kind::Question, need));
    }
    if let Some((at, problem)) = &facts.broken_file {
        let need = Need {
            id: stable_id("n", &[Kind::Config.as_str()]),
            kind: Kind::Config.as_str().to_owned(),
            session: None,
            what: quote(&format!("the changed sessions.toml was not taken: {problem}")),
            since: rfc3339(*at),
            blocks: Vec::new(),
            command: "nightkeep check".to_owned(),
            project: None,
            said: None,
            steps: 0,
            nights: 1,
            first_night: Some(facts.night.to_string()),
        };
        out.push((Kind::Config, need));
    }
    out.extend(said(facts, claims));
    carry(facts, &mut out);
    out.sort_by(|(a, x), (b, y)| {
        let place = |need: &Need| need.said.as_ref().map(|said| (said.path.clone(), said.line));
        (a, y.blocks.len(), &x.since, &x.session, place(x), &x.id).cmp(&(
            b,
            x.blocks.len(),
            &y.since,
            &y.session,
            place(y),
            &y.id,
        ))
    });
    out.into_iter().map(|(_, need)| need).collect()
}

/// What a run still asks, or asked when its last attempt ended.
fn unanswered<'f>(facts: &'f Facts, run: &RunFacts) -> Option<&'f Ticket> {
    let last = facts.tickets.known.values().rfind(|ticket| ticket.attempt.run == run.id)?;
    let newest = run.attempts.last().is_some_and(|attempt| attempt.id == last.attempt);
    match last.stage {
        Stage::Open => Some(last),
        // An attempt that came after it, or a good end, shows that it did not matter.
        Stage::Expired { .. } if newest && run.state.outcome() != Some(Outcome::Succeeded) => Some(last),
        Stage::Expired { .. } | Stage::Answering { .. } | Stage::Answered { .. } | Stage::Gone { .. } => None,
    }
}

fn of_run(name: &SessionName, run: &RunFacts) -> Option<(Kind, String, String)> {
    let outcome = match &run.state {
        RunState::Ended { outcome } => *outcome,
        RunState::Held => {
            // A person who held it knows why.
            let asked = run.findings.iter().find(|found| found.kind == FindingKind::UsageLimit && found.is_open());
            let why = asked.map_or_else(String::new, |found| format!(": {}", quote(&found.what)));
            return Some((Kind::Held, format!("{name} is held back{why}"), format!("nightkeep release {name}")));
        }
        RunState::Scheduled { .. }
        | RunState::Waiting { .. }
        | RunState::Queued
        | RunState::Starting { .. }
        | RunState::Running { .. }
        | RunState::Checking { .. }
        | RunState::BackingOff { .. }
        | RunState::Limited { .. }
        | RunState::Stopping { .. } => return None,
    };
    match outcome {
        Outcome::Failed => {
            let class = class(run);
            let kind = match class {
                Some(FailureClass::BudgetExceeded) => Kind::Budget,
                Some(FailureClass::Auth | FailureClass::Billing) => Kind::Credentials,
                Some(_) | None => Kind::Failed,
            };
            let command = if class.is_some_and(worth_another_try) {
                format!("nightkeep dead retry {name}")
            } else {
                format!("nightkeep logs {name}")
            };
            let word = class.map_or_else(String::new, |c| format!(" ({})", c.as_str().replace('_', " ")));
            Some((kind, format!("{name} failed for good{word}: {}", quote(&ending(run))), command))
        }
        Outcome::Partial => {
            let red = run.attempts.last().and_then(|a| a.checks.iter().find(|c| !c.passed));
            let why = match red {
                Some(check) => missed(&check.text, &check.seen),
                None => run.reason.clone(),
            };
            let what = format!("{name} ended without an error but is not complete: {}", quote(&why));
            Some((Kind::Partial, what, format!("nightkeep logs {name}")))
        }
        Outcome::Unfinished => {
            let what = format!("{name} did not finish before the night ended");
            Some((Kind::Unfinished, what, format!("nightkeep up {name}")))
        }
        Outcome::Succeeded => denied(name, run),
        Outcome::Stopped | Outcome::Skipped => None,
    }
}

/// An agent that ended well and was denied something, unless a check shows that its work is done.
fn denied(name: &SessionName, run: &RunFacts) -> Option<(Kind, String, String)> {
    let found = run.findings.iter().find(|found| found.kind == FindingKind::Denied && found.is_open())?;
    let proven = run.attempts.last().is_some_and(|attempt| attempt.checks.iter().any(|check| check.passed));
    let what = found.evidence.first().map_or_else(String::new, |first| format!(": {}", quote(first)));
    let said = format!("{name} ended without an error, but was denied what it asked for{what}");
    (!proven).then(|| (Kind::Denied, said, format!("nightkeep why {name}")))
}

/// The class of the last failure.
fn class(run: &RunFacts) -> Option<FailureClass> {
    run.attempts.last().and_then(|a| a.verdict.as_ref()).map(|v| v.class)
}

/// Whether a second chance may go well although nothing was changed by hand.
fn worth_another_try(class: FailureClass) -> bool {
    match class {
        FailureClass::Transient
        | FailureClass::ProviderDown
        | FailureClass::UsageLimit
        | FailureClass::Stalled
        | FailureClass::Timeout
        | FailureClass::Operator
        | FailureClass::KilledOther
        | FailureClass::Lost
        | FailureClass::Infra => true,
        FailureClass::Auth
        | FailureClass::Billing
        | FailureClass::ContextFull
        | FailureClass::Permanent
        | FailureClass::OomKilled
        | FailureClass::CrashLoop
        | FailureClass::BudgetExceeded
        | FailureClass::Runaway => false,
    }
}

/// How a failed run ended: the last exit, or the reason when no program ran.
fn ending(run: &RunFacts) -> String {
    run.attempts.iter().rev().find_map(|a| a.exit.as_ref()).map_or_else(|| run.reason.clone(), words::exit)
}

/// Sessions that did not run because of this one, directly or through others.
fn blocks(
    facts: &Facts,
    newest: &BTreeMap<&SessionName, &RunFacts>,
    name: &SessionName,
    run: &RunFacts,
) -> Vec<String> {
    // One that ended satisfies those that wait for any end; those that wait for success stay blocked, and so do all
    // that wait for them.
    let mut found: BTreeSet<&SessionName> = BTreeSet::new();
    let mut next: Vec<(&SessionName, bool)> = vec![(name, run.state.is_ended())];
    while let Some((cause, ended)) = next.pop() {
        for (waiting, blocked) in newest {
            let waits = plan_of(facts, waiting).is_some_and(|plan| {
                plan.after.iter().any(|d| d.session == *cause && (!ended || d.on == DependencyOn::Success))
            });
            let never_ran = blocked.attempts.is_empty() && blocked.state.outcome() != Some(Outcome::Succeeded);
            if waits && never_ran && *waiting != name && found.insert(waiting) {
                next.push((waiting, blocked.state.is_ended()));
            }
        }
    }
    found.into_iter().map(ToString::to_string).collect()
}

/// Runs that failed for good and were not sent again in this night.
pub fn dead_letters(facts: &Facts) -> Vec<DeadLetter> {
    let sent_again: BTreeSet<_> = facts.runs.values().filter_map(|run| run.redriven_from.as_ref()).collect();
    facts
        .runs
        .values()
        .filter(|run| run.state.outcome() == Some(Outcome::Failed) && !sent_again.contains(&run.id))
        .map(|run| DeadLetter {
            id: stable_id("d", &[&run.id.to_string()]),
            session: run.id.session.to_string(),
            run: run.id.to_string(),
            since: rfc3339(run.since),
            class: class(run).map(|class| class.as_str().to_owned()),
            exit: run.attempts.iter().rev().find_map(|a| a.exit.as_ref()).map(|exit| quote(&words::exit(exit))),
            attempts: run.attempts.len() as u64,
            reason: quote(&run.reason),
            command: format!("nightkeep dead retry {}", run.id.session),
        })
        .collect()
}

/// What the counts come down to. A known failure outweighs what could not be read, that outweighs what waits.
pub fn verdict(totals: &Totals, contradicted: u64, unreadable: bool) -> Verdict {
    if totals.failed + totals.partial + contradicted > 0 {
        Verdict::Failed
    } else if unreadable {
        Verdict::Unreadable
    } else if totals.needs_you > 0 {
        Verdict::NeedsYou
    } else {
        Verdict::Well
    }
}

/// The sentence that says it all.
pub fn title(totals: &Totals) -> String {
    let going_on = totals.running + totals.to_come > 0;
    let still = if totals.running > 0 { "Still running" } else { "Not over" };
    let needs = match (totals.needs_you, going_on) {
        (0, false) => "Nothing needs you.".to_owned(),
        (0, true) => format!("{still}, nothing needs you so far."),
        (1, false) => "1 thing needs you.".to_owned(),
        (1, true) => format!("{still}, 1 thing needs you."),
        (n, false) => format!("{n} things need you."),
        (n, true) => format!("{still}, {n} things need you."),
    };
    format!("{needs} {}", counts(totals))
}

/// The second half of that sentence: how many finished, and what became of the others.
pub fn counts(totals: &Totals) -> String {
    let all = totals.sessions;
    if all == 0 {
        return "No session ran.".to_owned();
    }
    if totals.succeeded == all {
        return format!("{all} of {all} finished.");
    }
    let noun = if all == 1 { "session" } else { "sessions" };
    let mut words = format!("{} of {all} {noun} finished", totals.succeeded);
    let others = [
        (totals.failed, "failed"),
        (totals.partial, "partial"),
        (totals.unfinished, "unfinished"),
        (totals.skipped, "skipped"),
        (totals.stopped, "stopped"),
        (totals.running, "running"),
        (totals.to_retry, "waiting to be tried again"),
        (totals.to_come.saturating_sub(totals.to_retry), "to come"),
    ];
    for (n, word) in others {
        if n > 0 {
            words.push_str(&format!(", {n} {word}"));
        }
    }
    words.push('.');
    words
}
