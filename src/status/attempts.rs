//! Attempts with their death certificates, and dead letters, as documents.

use super::project::{exit, metric, plan_of};
use super::text::harmless;
use super::words;
use super::zone::rfc3339;
use crate::core::ids::{AttemptId, SessionName};
use crate::core::run::{Attempt, Outcome, Run, RunState};
use crate::core::state::State;
use crate::core::time::Wall;
use crate::protocol::details::{AttemptStatus, Attempts, DeadLetterStatus, DeadLetters, ProcessUsage, SeenError};
use crate::protocol::{CheckStatus, SCHEMA};

/// Most attempts of one answer.
pub const ATTEMPTS_MAX: usize = 200;
/// Most dead letters of one answer.
pub const DEAD_MAX: usize = 500;
/// Kinds of errors told of one attempt.
const ERRORS_TOLD: usize = 10;

/// What the raw log of an attempt is called.
pub type OutputPath<'a> = &'a dyn Fn(&AttemptId) -> String;

/// The attempts of a session that the state knows, newest first.
pub fn attempts(state: &State, session: &SessionName, now: Wall, path: OutputPath<'_>) -> Attempts {
    let mut runs: Vec<&Run> = state.runs.values().filter(|run| run.id.session == *session).collect();
    runs.sort_by(|a, b| (&b.id.night, b.id.number).cmp(&(&a.id.night, a.id.number)));
    let count: usize = runs.iter().map(|run| run.attempts.len()).sum();
    let all = runs.into_iter().flat_map(|run| run.attempts.iter().rev());
    let attempts = all.take(ATTEMPTS_MAX).map(|attempt| one(state, attempt, now, path)).collect();
    let left_out = u64::try_from(count.saturating_sub(ATTEMPTS_MAX)).unwrap_or(0);
    Attempts { schema: SCHEMA, session: session.to_string(), attempts, left_out }
}

/// One attempt.
fn one(state: &State, attempt: &Attempt, now: Wall, path: OutputPath<'_>) -> AttemptStatus {
    let ended = attempt.exit.as_ref();
    let output = &attempt.output;
    let mut errors: Vec<_> = output.errors.values().collect();
    errors.sort_by_key(|error| std::cmp::Reverse(error.count));
    let error = |seen: &&crate::core::run::ErrorSeen| SeenError {
        sample: harmless(&seen.sample),
        count: seen.count,
        first: rfc3339(seen.first),
        last: rfc3339(seen.last),
    };
    let ending = match (ended, &attempt.started) {
        (Some(exit), _) => words::exit(exit),
        (None, Some(_)) => "running".to_owned(),
        (None, None) => "starting".to_owned(),
    };
    AttemptStatus {
        run: attempt.id.run.to_string(),
        attempt: attempt.id.number,
        intended_at: rfc3339(attempt.intended.wall),
        started_at: attempt.started.as_ref().map(|started| rfc3339(started.at)),
        pid: attempt.started.as_ref().map(|started| started.pid),
        ending,
        exit: exit(attempt),
        usage: ended.and_then(|exit| exit.usage).map(|usage| ProcessUsage {
            user: seconds(usage.user_ms),
            system: seconds(usage.system_ms),
            max_rss: usage.max_rss_kib.saturating_mul(1024),
        }),
        tokens: attempt.used.as_ref().map(super::usage::of_attempt),
        hup: ended.is_some_and(|exit| exit.hup),
        stopped: ended.is_some_and(|exit| exit.stopped),
        orphans: ended.map_or(0, |exit| exit.orphans),
        refused: ended.map_or(0, |exit| exit.refused),
        output_path: path(&attempt.id),
        output_bytes: ended.map_or(output.bytes, |exit| exit.output_bytes.max(output.bytes)),
        lost_bytes: ended.map_or(0, |exit| exit.lost_bytes),
        last_lines: output.tail.iter().map(|line| harmless(line)).collect(),
        errors: errors.iter().take(ERRORS_TOLD).map(error).collect(),
        metrics: output
            .metrics
            .iter()
            .map(|(name, seen)| metric(name, None, Some(seen), ended.is_none().then_some(now), None))
            .collect(),
        checks: attempt
            .checks
            .iter()
            .map(|check| CheckStatus { text: harmless(&check.text), passed: check.passed, seen: harmless(&check.seen) })
            .collect(),
        notes: state.notes.given_to(&attempt.id).map(super::notes::status).map(|note| note.id).collect(),
    }
}

fn seconds(ms: u64) -> f64 {
    std::time::Duration::from_millis(ms).as_secs_f64()
}

/// Runs that failed for good and were not sent again, newest first.
pub fn dead_letters(state: &State, now: Wall, path: OutputPath<'_>) -> DeadLetters {
    let mut dead: Vec<&Run> = state.dead_letters().collect();
    dead.sort_by(|a, b| (b.since.wall, &b.id).cmp(&(a.since.wall, &a.id)));
    let left_out = u64::try_from(dead.len().saturating_sub(DEAD_MAX)).unwrap_or(0);
    let newest = |run: &Run| dead.iter().find(|other| other.id.session == run.id.session).map(|other| &other.id);
    let letter = |run: &&Run| letter(state, run, newest(run) == Some(&run.id), now, path);
    DeadLetters { schema: SCHEMA, dead: dead.iter().take(DEAD_MAX).map(letter).collect(), left_out }
}

fn letter(state: &State, run: &Run, newest: bool, now: Wall, path: OutputPath<'_>) -> DeadLetterStatus {
    let last = run.last_attempt();
    let session = &run.id.session;
    let cannot_retry = if state.session(session).is_none() {
        Some("its session is no longer declared".to_owned())
    } else if let Some(open) = state.open_run(session) {
        Some(format!("{} is {} already", open.id, open.state.word().replace('_', " ")))
    } else if !newest {
        Some("the session has a newer dead letter".to_owned())
    } else {
        None
    };
    DeadLetterStatus {
        run: run.id.to_string(),
        session: session.to_string(),
        project: plan_of(state, session).and_then(|plan| plan.project.as_ref()).map(ToString::to_string),
        night: run.id.night.to_string(),
        since: rfc3339(run.since.wall),
        reason: harmless(&run.reason),
        class: last.and_then(|attempt| attempt.verdict.as_ref()).map(|verdict| verdict.class.as_str().to_owned()),
        attempts: last.map_or(0, |attempt| attempt.id.number),
        last: last.map(|attempt| one(state, attempt, now, path)),
        blocks: blocks(state, session),
        cannot_retry,
    }
}

/// Sessions that wait for one, or were skipped because of it.
fn blocks(state: &State, session: &SessionName) -> Vec<String> {
    let plans = state.plan.sessions.iter().chain(&state.added);
    let after = plans.filter(|(_, plan)| plan.after.iter().any(|needed| needed.session == *session));
    let held_up = |name: &SessionName| {
        state.latest_run(name).is_some_and(|run| match &run.state {
            RunState::Waiting { .. } | RunState::Ended { outcome: Outcome::Skipped } => true,
            RunState::Scheduled { .. }
            | RunState::Queued
            | RunState::Starting { .. }
            | RunState::Running { .. }
            | RunState::Checking { .. }
            | RunState::BackingOff { .. }
            | RunState::Limited { .. }
            | RunState::Held
            | RunState::Stopping { .. }
            | RunState::Ended { .. } => false,
        })
    };
    after.filter(|(name, _)| held_up(name)).map(|(name, _)| name.to_string()).collect()
}
