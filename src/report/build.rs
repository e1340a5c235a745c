//! From the facts of a night to its report.

use super::claims::claims;
use super::facts::{Facts, OutageFact};
use super::fingerprints::{errors, retries};
use super::fold::{gap_span, ran, seconds, window_span};
use super::model::NoteReport;
use super::model::{
    AlertReport, GapReport, OperatorAct, Outage, Report, Sources, TimeShare, TimelineRow, Totals, Unreadable, Verdict,
    Window,
};
use super::needs::{dead_letters, needs, title, verdict};
use super::passage::Use;
use super::projects::{COMMITS_MAX, projects};
use super::sessions::{newest, not_run, output_bytes, quote, sessions, unverified};
use super::since::changes;
use crate::core::alert::{Alert, Stage};
use crate::core::fact::GitBase;
use crate::core::guard::thing;
use crate::core::note::Note;
use crate::core::run::{Outcome, RunState};
use crate::core::time::Wall;
use crate::protocol::SCHEMA;
use crate::status::zone::{label, rfc3339};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::time::Duration;

/// Tells the facts of a night; `zone` names the local times in its words.
pub fn build(facts: &Facts, zone: &TimeZone) -> Report {
    let (errors, error_kinds, error_lines) = errors(facts);
    let mut claims = claims(facts);
    let needs = needs(facts, &claims);
    let dead_letters = dead_letters(facts);
    let unreadable = unreadable(facts);
    let mut totals = totals(facts);
    totals.needs_you = needs.len() as u64;
    totals.dead_letters = dead_letters.len() as u64;
    totals.errors = error_lines;
    totals.error_kinds = error_kinds;
    let sessions = sessions(facts);
    let projects = projects(facts, &sessions, &mut claims);
    let changes = facts.collected.before.as_ref().map(|before| changes(before, &sessions, &errors));
    Report {
        schema: SCHEMA,
        night: facts.night.to_string(),
        title: super::narrow::title(facts, title(&totals)),
        verdict: verdict(&totals, claims.tally.contradicted, !unreadable.is_empty()),
        made_at: rfc3339(facts.last),
        window: window(facts, zone),
        needs_you: needs,
        sessions,
        not_run: not_run(facts),
        projects,
        errors_left_out: error_kinds - errors.len() as u64,
        errors,
        dead_letters,
        retries: retries(facts),
        operator: operator(facts),
        timeline: timeline(facts),
        timeline_left_out: facts.moments_left_out,
        unreadable,
        alerts: alerts(facts),
        sources: Sources {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            facts: facts.read.0,
            first_seq: facts.read.1,
            last_seq: facts.read.2,
        },
        outages: outages(facts),
        notes: notes(facts),
        summary: facts.worded.clone(),
        project: facts.project.as_ref().map(ToString::to_string),
        claims: claims.tally,
        does_not_add_up: claims.doubts,
        does_not_add_up_left_out: claims.doubts_left_out,
        changes,
        totals,
        settled: super::said::settled(facts),
    }
}

/// The notes that are carried or were settled in the night.
fn notes(facts: &Facts) -> Vec<NoteReport> {
    let told = |note: &Note| NoteReport { session: note.session.to_string(), note: crate::status::notes::status(note) };
    facts.notes.values().map(told).collect()
}

/// The exit code of `report --check`: 0 all well, 1 something needs you, 2 something failed, or a check or what was
/// seen contradicts what is said, 3 something could not be read.
pub fn check_code(report: &Report) -> u8 {
    match report.verdict {
        Verdict::Well => 0,
        Verdict::NeedsYou => 1,
        Verdict::Failed => 2,
        Verdict::Unreadable => 3,
    }
}

fn totals(facts: &Facts) -> Totals {
    let mut totals = Totals { runs: facts.runs.len() as u64, ..Totals::default() };
    for run in newest(facts).values() {
        totals.sessions += 1;
        totals.unverified += u64::from(unverified(run));
        let counter = match &run.state {
            RunState::Ended { outcome } => match outcome {
                Outcome::Succeeded => &mut totals.succeeded,
                Outcome::Partial => &mut totals.partial,
                Outcome::Failed => &mut totals.failed,
                Outcome::Stopped => &mut totals.stopped,
                Outcome::Skipped => &mut totals.skipped,
                Outcome::Unfinished => &mut totals.unfinished,
            },
            RunState::Starting { .. }
            | RunState::Running { .. }
            | RunState::Checking { .. }
            | RunState::Stopping { .. } => &mut totals.running,
            RunState::Scheduled { .. }
            | RunState::Waiting { .. }
            | RunState::Queued
            | RunState::BackingOff { .. }
            | RunState::Limited { .. }
            | RunState::Held => &mut totals.to_come,
        };
        *counter += 1;
        if matches!(run.state, RunState::BackingOff { .. } | RunState::Limited { .. }) {
            totals.to_retry += 1;
        }
    }
    let mut spent: BTreeMap<Use, u64> = BTreeMap::new();
    let mut ran_all = Duration::ZERO;
    for run in facts.runs.values() {
        let attempts = run.attempts.len() as u64;
        totals.attempts += attempts;
        totals.retries += attempts.saturating_sub(1);
        ran_all = ran_all.saturating_add(ran(run, facts.last));
        for attempt in &run.attempts {
            totals.output_bytes += output_bytes(attempt);
            if let Some(exit) = &attempt.exit {
                totals.exits += 1;
                totals.lost_bytes += exit.lost_bytes;
            }
        }
        for segment in run.spent(&facts.gaps) {
            *spent.entry(segment.spent).or_default() += segment.to - segment.from;
        }
    }
    totals.ran = seconds(ran_all);
    let share = |spent_on: Use| {
        let millis = spent.get(&spent_on).copied().unwrap_or(0);
        TimeShare { spent: spent_on.as_str().to_owned(), seconds: seconds(Duration::from_millis(millis)) }
    };
    totals.time = Use::ALL.into_iter().map(share).collect();
    for project in facts.projects.values() {
        if let Some(work) = &project.work {
            totals.commits += work.commit_count;
            totals.files += work.file_count;
        }
    }
    totals.usage = super::usage::of_night(facts);
    totals.unwatched = seconds(facts.gaps.iter().map(gap_span).sum());
    totals
}

fn window(facts: &Facts, zone: &TimeZone) -> Window {
    let mut gaps: Vec<(Wall, GapReport)> = facts
        .gaps
        .iter()
        .map(|gap| {
            let report = GapReport {
                from: rfc3339(gap.from),
                to: rfc3339(gap.to),
                seconds: seconds(gap_span(gap)),
                at_most: gap.at_most,
                session: None,
                why: quote(&gap.why),
            };
            (gap.from, report)
        })
        .collect();
    for run in facts.runs.values() {
        for attempt in &run.attempts {
            if let Some((from, to, why)) = attempt.unseen() {
                let report = GapReport {
                    from: rfc3339(from),
                    to: rfc3339(to),
                    seconds: seconds(to.since(from)),
                    at_most: true,
                    session: Some(run.id.session.to_string()),
                    why: quote(&format!("the end of attempt {} was not seen: {why}", attempt.id.number)),
                };
                gaps.push((from, report));
            }
        }
    }
    gaps.sort_by_key(|(from, _)| *from);
    Window {
        from: facts.opened.map(|at| rfc3339(at.wall)),
        to: facts.closed.map(rfc3339),
        timezone: label(zone, facts.opened.map_or(facts.last, |at| at.wall)),
        seconds: seconds(window_span(facts)),
        open: facts.opened.is_some() && facts.closed.is_none(),
        reason: facts.close_reason.as_deref().map(quote),
        gaps: gaps.into_iter().map(|(_, gap)| gap).collect(),
        unwatched_since: facts.unwatched_since.as_ref().map(|(at, _)| rfc3339(*at)),
    }
}

fn outages(facts: &Facts) -> Vec<Outage> {
    let outage = |outage: &OutageFact| Outage {
        key: quote(&outage.key),
        what: quote(&thing(&outage.key)),
        from: rfc3339(outage.from),
        to: outage.to.map(rfc3339),
        lasted: outage.to.unwrap_or(facts.last).since(outage.from).as_secs_f64(),
        cause: quote(&outage.cause),
        probes: outage.probes,
        held: outage.held.iter().map(ToString::to_string).collect(),
    };
    facts.outages.iter().map(outage).collect()
}

fn operator(facts: &Facts) -> Vec<OperatorAct> {
    facts
        .acts
        .iter()
        .map(|act| OperatorAct {
            at: rfc3339(act.at),
            verb: quote(&act.verb),
            target: quote(&act.target),
            who: quote(&act.who),
            reason: act.reason.as_deref().map(quote),
            result: quote(&act.result),
        })
        .collect()
}

/// The alerts, worst first; what another one explains is left out.
fn alerts(facts: &Facts) -> Vec<AlertReport> {
    let mut alerts: Vec<&Alert> = facts.alerts.values().filter(|alert| alert.stage != Stage::Inhibited).collect();
    alerts.sort_by_key(|alert| (std::cmp::Reverse(alert.severity), alert.number));
    let told =
        |alert: &Alert| alert.told.iter().filter(|(_, told)| told.delivered).map(|(name, _)| quote(name)).collect();
    let report = |alert: &Alert| AlertReport {
        id: alert.id(),
        kind: quote(&alert.kind),
        severity: alert.severity.as_str().to_owned(),
        state: alert.word().to_owned(),
        session: alert.session.as_deref().map(quote),
        title: quote(&alert.title),
        since: rfc3339(alert.since),
        count: alert.count,
        told: told(alert),
    };
    alerts.into_iter().map(report).collect()
}

/// The moments in the order of the journal, with the commits of the night put in by their own clock.
fn timeline(facts: &Facts) -> Vec<TimelineRow> {
    let from = facts.opened.map_or(facts.last, |at| at.wall);
    let mut commits: Vec<(Wall, TimelineRow)> = Vec::new();
    for (name, project) in &facts.projects {
        for commit in project.work.iter().flat_map(|w| w.commits.iter().take(COMMITS_MAX)) {
            let at = Wall(commit.at_ms);
            // A commit can carry any date; one outside the night would only mislead here.
            if at < from || at > facts.last {
                continue;
            }
            let what = quote(&format!("commit in {name}: {}", commit.subject));
            commits.push((at, TimelineRow { at: rfc3339(at), session: None, what, weight: 0 }));
        }
    }
    commits.sort_by_key(|(at, _)| *at);
    let mut commits = commits.into_iter().peekable();
    let mut out = Vec::new();
    for moment in &facts.moments {
        while let Some((_, row)) = commits.next_if(|(at, _)| *at <= moment.at) {
            out.push(row);
        }
        out.push(TimelineRow {
            at: rfc3339(moment.at),
            session: moment.session.as_ref().map(ToString::to_string),
            what: quote(&moment.what),
            weight: moment.weight,
        });
    }
    out.extend(commits.map(|(_, row)| row));
    out
}

/// What could not be read, written, kept or sent: with any of it, "all well" cannot be said.
fn unreadable(facts: &Facts) -> Vec<Unreadable> {
    let entry = |part: &str, what: String, at: Wall, times: u64| Unreadable {
        part: quote(part),
        what: quote(&what),
        at: rfc3339(at),
        times,
    };
    let mut out: Vec<Unreadable> =
        facts.troubles.iter().map(|t| entry(&t.part, t.what.clone(), t.at, t.times)).collect();
    for (at, channel, title, why) in &facts.messages.given_up {
        out.push(entry(&format!("channel {channel}"), format!("not sent: {title} ({why})"), *at, 1));
    }
    for (name, project) in &facts.projects {
        let at = facts.opened.map_or(facts.last, |at| at.wall);
        if let Some(GitBase::Failed { why }) = &project.base {
            out.push(entry(&format!("git {name}"), format!("where it stood at the begin: {why}"), at, 1));
        }
        if let Some(problem) = project.work.as_ref().and_then(|w| w.problem.as_ref()) {
            out.push(entry(&format!("git {name}"), problem.clone(), facts.last, 1));
        }
    }
    for run in facts.runs.values() {
        for attempt in &run.attempts {
            if let Some(exit) = attempt.exit.as_ref().filter(|e| e.lost_bytes > 0) {
                let lost = crate::status::text::bytes(exit.lost_bytes);
                let part = format!("output {}", attempt.id);
                out.push(entry(&part, format!("{lost} of output could not be kept"), exit.at, 1));
            }
        }
    }
    out
}
