//! A night against the one before: what it came to in short, and what got worse or better.

use super::model::{Need, ProjectReport, Report, SessionReport};
use super::model_claims::{Dearer, FewerTests, ItemReport, NightChanges, Slower};
use crate::core::evidence::{NightNumbers, NightSummary, OpenItem, SessionSummary};
use crate::core::ids::{NightId, ProjectName, SessionName};

/// Most kinds of errors of a session that are kept.
const ERRORS_KEPT: usize = 50;
/// Most open things that are kept.
const OPEN_KEPT: usize = 300;
/// How much longer or dearer is worth a word.
const MORE: f64 = 1.2;
/// The least by which a session took longer, in seconds.
const LONGER: f64 = 60.0;
/// The least by which it cost more, in US dollars.
const COSTLIER: f64 = 0.10;

/// What a night came to, for the night after it; nothing of a report without a night.
pub fn summary(report: &Report) -> Option<NightSummary> {
    let night = NightId::new(&report.night).ok()?;
    let sessions = report.sessions.iter().filter_map(|session| of_session(report, session)).collect();
    let needs = report.needs_you.iter().filter_map(|need| of_need(need, &night));
    let steps = report.projects.iter().flat_map(|project| project.items.next_steps.iter().map(move |i| (project, i)));
    let steps = steps.filter_map(|(project, item)| of_item(project, item));
    let open = needs.chain(steps).take(OPEN_KEPT).collect();
    Some(NightSummary { night, sessions, open, settled: report.settled.clone(), numbers: numbers(report) })
}

/// Its line among the nights, once it is over.
fn numbers(report: &Report) -> Option<NightNumbers> {
    let totals = &report.totals;
    let verdict = serde_json::to_value(report.verdict).ok()?;
    Some(NightNumbers {
        from: report.window.from.clone()?,
        to: report.window.to.clone()?,
        timezone: report.window.timezone.clone(),
        ms: millis(report.window.seconds),
        verdict: verdict.as_str()?.to_owned(),
        finished: totals.succeeded,
        failed: totals.failed,
        partial: totals.partial,
        needs_you: totals.needs_you,
        retries: totals.retries,
        errors: totals.errors,
        commits: totals.commits,
        ran_ms: millis(totals.ran),
        cost: totals.usage.as_ref().and_then(|usage| usage.usd),
    })
}

fn of_session(report: &Report, session: &SessionReport) -> Option<SessionSummary> {
    let errors = report.errors.iter().filter(|error| error.session == session.name);
    Some(SessionSummary {
        session: SessionName::new(&session.name).ok()?,
        state: session.state.clone(),
        ran_ms: millis(session.ran),
        tests: tests_of(session),
        errors: errors.map(|error| error.id.clone()).take(ERRORS_KEPT).collect(),
        cost: cost_of(session),
    })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a span is finite and not below 0")]
fn millis(seconds: f64) -> u64 {
    (seconds * 1000.0).round() as u64
}

/// What a session cost, where that is known.
fn cost_of(session: &SessionReport) -> Option<f64> {
    session.usage.as_ref()?.usd.filter(|usd| usd.is_finite())
}

/// All tests of a session's last runs: passed, failed, skipped.
fn tests_of(session: &SessionReport) -> Option<(u64, u64, u64)> {
    let runs = session.tools.iter().filter(|tool| tool.kind == "tests");
    runs.fold(None, |sum: Option<(u64, u64, u64)>, run| {
        let (passed, failed, skipped) = sum.unwrap_or_default();
        Some((passed + run.passed, failed + run.failed, skipped + run.skipped))
    })
}

fn of_need(need: &Need, night: &NightId) -> Option<OpenItem> {
    let first = need.first_night.as_deref().and_then(|first| NightId::new(first).ok());
    Some(OpenItem {
        id: need.id.clone(),
        project: need.project.as_deref().and_then(|project| ProjectName::new(project).ok()),
        kind: need.kind.clone(),
        text: need.what.clone(),
        first: first.unwrap_or_else(|| night.clone()),
        nights: need.nights.max(1),
    })
}

fn of_item(project: &ProjectReport, item: &ItemReport) -> Option<OpenItem> {
    Some(OpenItem {
        id: item.id.clone(),
        project: ProjectName::new(&project.name).ok(),
        kind: item.kind.clone(),
        text: item.text.clone(),
        first: NightId::new(&item.first_night).ok()?,
        nights: item.nights,
    })
}

/// What is different from the night before.
pub(super) fn changes(
    before: &NightSummary,
    sessions: &[SessionReport],
    errors: &[super::model::ErrorReport],
) -> NightChanges {
    let mut out = NightChanges { against: before.night.to_string(), ..NightChanges::default() };
    let bad = |state: &str| matches!(state, "failed" | "partial");
    for session in sessions {
        let Some(known) = before.sessions.iter().find(|known| known.session.as_str() == session.name) else { continue };
        if bad(&session.state) && !bad(&known.state) {
            out.new_failures.push(session.name.clone());
        }
        if session.state == "succeeded" && bad(&known.state) {
            out.fixed.push(session.name.clone());
        }
        // Only what came to an end both times can be compared.
        let ended = session.state == "succeeded" && known.state == "succeeded";
        #[expect(
            clippy::cast_precision_loss,
            reason = "a night has far fewer milliseconds than a float counts exactly"
        )]
        let ran_before = known.ran_ms as f64 / 1000.0;
        if ended && session.ran > ran_before * MORE && session.ran - ran_before > LONGER {
            out.slower.push(Slower { session: session.name.clone(), ran: session.ran, before: ran_before });
        }
        if let (Some(cost), Some(cost_before)) = (cost_of(session), known.cost)
            && cost > cost_before * MORE
            && cost - cost_before > COSTLIER
        {
            out.dearer.push(Dearer { session: session.name.clone(), cost, before: cost_before });
        }
        if let (Some(now), Some(then)) = (tests_of(session), known.tests) {
            let (total, total_before) = (now.0 + now.1 + now.2, then.0 + then.1 + then.2);
            if total < total_before || now.2 > then.2 {
                out.tests.push(FewerTests {
                    session: session.name.clone(),
                    total,
                    total_before,
                    skipped: now.2,
                    skipped_before: then.2,
                });
            }
        }
        if known.errors.len() < ERRORS_KEPT {
            let own = errors.iter().filter(|error| error.session == session.name);
            out.new_errors.extend(own.map(|error| error.id.clone()).filter(|id| !known.errors.contains(id)));
        }
    }
    out
}
