//! The errors of a night by fingerprint, and what became of each.

use super::facts::{AttemptFacts, Facts, RunFacts};
use super::model::{Cure, ErrorReport, RetryReport};
use super::needs::stable_id;
use super::passage::Use;
use super::sessions::{ATTEMPTS_MAX, quote};
use crate::core::exit::FailureClass;
use crate::core::ids::SessionName;
use crate::core::run::{EXAMPLES_MAX, Outcome, same_error_line};
use crate::core::time::Wall;
use crate::status::zone::rfc3339;
use std::collections::BTreeMap;
use std::time::Duration;

/// Most kinds of errors that are listed.
const ERRORS_MAX: usize = 200;

struct Kind<'f> {
    sample: &'f str,
    more: Vec<&'f str>,
    count: u64,
    first: Wall,
    last: Wall,
    attempts: Vec<u32>,
    /// The newest run it was seen in, and whether in that run's last attempt.
    newest: (&'f RunFacts, bool),
}

/// All errors: those listed, how many kinds there are, and how many lines in all.
pub fn errors(facts: &Facts) -> (Vec<ErrorReport>, u64, u64) {
    let mut kinds: BTreeMap<(&SessionName, &str), Kind<'_>> = BTreeMap::new();
    for run in facts.runs.values() {
        for (i, attempt) in run.attempts.iter().enumerate() {
            let newest = (run, i + 1 == run.attempts.len());
            for (fingerprint, seen) in &attempt.output.errors {
                let kind = kinds.entry((&run.id.session, fingerprint)).or_insert_with(|| Kind {
                    sample: &seen.sample,
                    more: Vec::new(),
                    count: 0,
                    first: seen.first,
                    last: seen.last,
                    attempts: Vec::new(),
                    newest,
                });
                kind.count = kind.count.saturating_add(seen.count);
                kind.first = kind.first.min(seen.first);
                kind.last = kind.last.max(seen.last);
                if kind.attempts.len() < ATTEMPTS_MAX {
                    kind.attempts.push(attempt.id.number);
                }
                kind.newest = newest;
                for line in std::iter::once(&seen.sample).chain(&seen.more) {
                    let known = std::iter::once(&kind.sample).chain(&kind.more).any(|k| same_error_line(k, line));
                    if !known && kind.more.len() < EXAMPLES_MAX {
                        kind.more.push(line);
                    }
                }
            }
        }
    }
    let count = kinds.len() as u64;
    let lines = kinds.values().fold(0_u64, |sum, kind| sum.saturating_add(kind.count));
    let mut out: Vec<ErrorReport> = kinds
        .into_iter()
        .map(|((session, fingerprint), kind)| ErrorReport {
            id: stable_id("e", &[session.as_str(), fingerprint]),
            session: session.to_string(),
            fingerprint: quote(fingerprint),
            sample: quote(kind.sample),
            more: kind.more.into_iter().map(quote).collect(),
            count: kind.count,
            first: rfc3339(kind.first),
            last: rfc3339(kind.last),
            attempts: kind.attempts,
            cure: cure(facts, kind.newest.0, kind.newest.1),
        })
        .collect();
    out.sort_by(|a, b| (a.cure, b.count, &a.session, &a.id).cmp(&(b.cure, a.count, &b.session, &b.id)));
    out.truncate(ERRORS_MAX);
    (out, count, lines)
}

/// What became of something seen in a run, for the last time in its last attempt or in an earlier one.
fn failed_by_itself(attempt: &AttemptFacts) -> bool {
    attempt.verdict.as_ref().is_some_and(|verdict| verdict.class != FailureClass::Operator)
}

fn cure(facts: &Facts, run: &RunFacts, in_last_attempt: bool) -> Cure {
    let good = |run: &RunFacts| run.state.outcome() == Some(Outcome::Succeeded);
    let later = || facts.runs.values().filter(|r| r.id.session == run.id.session && r.id.number > run.id.number);
    if good(run) {
        if in_last_attempt { Cure::Survived } else { Cure::CuredByRetry }
    } else if later().any(good) {
        Cure::CuredByRetry
    } else if !run.state.is_ended() || later().any(|r| !r.state.is_ended()) {
        Cure::Open
    } else {
        Cure::NotCured
    }
}

/// The runs that were tried again after a failure. One that the operator started again has not failed by that.
pub fn retries(facts: &Facts) -> Vec<RetryReport> {
    let mut out: Vec<RetryReport> = facts
        .runs
        .values()
        .filter(|run| run.attempts.iter().rev().skip(1).any(failed_by_itself))
        .map(|run| {
            let between: u64 = run
                .spent(&facts.gaps)
                .iter()
                .filter(|s| matches!(s.spent, Use::BackingOff | Use::Limited))
                .map(|s| s.to - s.from)
                .sum();
            let class = |a: &AttemptFacts| a.verdict.as_ref().map(|v| v.class.as_str().to_owned());
            RetryReport {
                session: run.id.session.to_string(),
                run: run.id.to_string(),
                attempts: run.attempts.len() as u64,
                classes: run.attempts.iter().filter_map(class).take(ATTEMPTS_MAX).collect(),
                waited: super::fold::seconds(Duration::from_millis(between)),
                cure: cure(facts, run, false),
            }
        })
        .collect();
    out.sort_by(|a, b| (a.cure, b.attempts, &a.run).cmp(&(b.cure, a.attempts, &b.run)));
    out
}
