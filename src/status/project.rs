//! The status document as a function of the state.

use super::text::{harmless, span};
use super::words;
use super::zone::{hh_mm_near, rfc3339};
use crate::core::agent::{Activity, AgentSeen};
use crate::core::alert::Alert;
use crate::core::exit::Verdict;
use crate::core::finding::{Finding, FindingKind};
use crate::core::ids::{AttemptId, SessionName};
use crate::core::plan::SessionPlan;
use crate::core::progress::LastNight;
use crate::core::run::{Attempt, MetricSeen, Outcome, Run, RunState};
use crate::core::state::State;
use crate::core::time::{At, Wall};
use crate::protocol::{
    AlertStatus, CheckStatus, DaemonStatus, ExitStatus, FindingStatus, MetricStatus, NightStatus, OutageStatus,
    OutputStatus, SCHEMA, SessionStatus, Status, TmuxStatus,
};
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A program whose last output is at most this old counts as working.
pub const FRESH_OUTPUT: Duration = Duration::from_secs(60);

/// What the document tells besides the state.
pub struct StatusContext<'a> {
    /// The running daemon.
    pub daemon: Option<DaemonStatus>,
    /// Whether that daemon keeps the state up to date; false when it was read from the journal.
    pub live: bool,
    /// When the journal's last fact was written; said of open runs when nobody watches.
    pub last_seen: Option<Wall>,
    /// The machine.
    pub node: &'a str,
    /// The tmux server's socket.
    pub tmux_socket: &'a str,
    /// The raw log of an attempt, as it is to be shown.
    pub output_path: &'a dyn Fn(&AttemptId) -> String,
    /// The journal sequence the state reflects.
    pub seq: i64,
    /// The zone for times in words.
    pub zone: &'a TimeZone,
    /// Whether an attempt was seen to work when it was last looked at, and what shows it; `None` when it was not yet.
    pub works: Option<&'a Works<'a>>,
}

/// Tells of an attempt whether it works, with evidence.
pub type Works<'a> = dyn Fn(&AttemptId) -> Option<(bool, String)> + 'a;

/// The document: one entry for each session of the plan, each added one, and each run of a removed one; worst first.
pub fn project(state: &State, now: At, ctx: &StatusContext<'_>) -> Status {
    let mut rows: Vec<(u8, i32, SessionStatus)> = Vec::new();
    for name in names(state) {
        let plan = plan_of(state, name);
        let run = run_of(state, name);
        let rank = run.map_or(words::rank(&RunState::Scheduled { at: now.wall }), |run| words::rank(&run.state));
        let status = session(name, plan, run, state, now, ctx);
        rows.push((rank, -status.priority, status));
    }
    rows.sort_by(|a, b| (a.0, a.1, &a.2.name).cmp(&(b.0, b.1, &b.2.name)));
    Status {
        schema: SCHEMA,
        generated_at: rfc3339(now.wall),
        daemon: ctx.daemon.clone(),
        night: state.night.as_ref().map(|night| NightStatus {
            id: night.id.to_string(),
            from: rfc3339(night.opened.wall),
            to: night.closed.map(|at| at.wall).or(state.calendar.ends).map(rfc3339),
        }),
        sessions: rows.into_iter().map(|(_, _, status)| status).collect(),
        alerts: alerts(state),
        file_problem: None,
        seq: ctx.seq,
        outages: outages(state),
        safe_mode: state.breakers.safe_mode.clone(),
        usage: super::usage::of_night(state),
    }
}

/// Alerts that are not over, newest first.
fn alerts(state: &State) -> Vec<AlertStatus> {
    let mut standing = state.alerts.standing();
    standing.sort_by_key(|alert| std::cmp::Reverse(alert.number));
    standing.into_iter().map(alert).collect()
}

/// An alert for documents.
pub(super) fn alert(alert: &Alert) -> AlertStatus {
    AlertStatus {
        id: alert.id(),
        severity: alert.severity.as_str().to_owned(),
        state: alert.word().to_owned(),
        session: alert.session.clone(),
        title: harmless(&alert.title),
        since: rfc3339(alert.since),
        project: alert.project.clone(),
        kind: alert.kind.clone(),
        body: harmless(&alert.body),
        command: alert.command.clone(),
        count: alert.count,
        told: alert.told.iter().filter(|(_, told)| told.delivered).map(|(name, _)| name.clone()).collect(),
    }
}

/// What is down, and the projects that are parked.
fn outages(state: &State) -> Vec<OutageStatus> {
    let down = state.breakers.open().map(|(key, breaker)| OutageStatus {
        key: harmless(key),
        state: breaker.word().to_owned(),
        since: breaker.since.map(|at| rfc3339(at.wall)),
        next_at: breaker.until().map(|until| rfc3339(until.wall)),
        cause: harmless(&breaker.cause),
        probes: breaker.probes,
        held: breaker.held.iter().map(ToString::to_string).collect(),
        overdue: breaker.overdue,
        usage_limit: breaker.limit.is_some(),
        resets_at: breaker.limit.and_then(|limit| limit.resets).map(rfc3339),
    });
    let parked = state.breakers.parked.iter().map(|(project, why)| OutageStatus {
        key: format!("project:{project}"),
        state: "parked".to_owned(),
        since: None,
        next_at: None,
        cause: harmless(why),
        probes: 0,
        held: Vec::new(),
        overdue: true,
        usage_limit: false,
        resets_at: None,
    });
    down.chain(parked).collect()
}

/// All sessions there is something to say of.
fn names(state: &State) -> BTreeSet<&SessionName> {
    state.plan.sessions.keys().chain(state.added.keys()).chain(state.runs.keys().map(|id| &id.session)).collect()
}

/// The plan of a session; `None` once it was taken out of the file.
pub(super) fn plan_of<'s>(state: &'s State, name: &SessionName) -> Option<&'s SessionPlan> {
    state.plan.sessions.get(name).or_else(|| state.added.get(name))
}

/// The run that stands for a session: its newest of the night; for a removed session its newest dead letter as well.
pub(super) fn run_of<'s>(state: &'s State, name: &SessionName) -> Option<&'s Run> {
    let newest = |only_tonight: bool| {
        state
            .runs
            .values()
            .filter(|run| run.id.session == *name)
            .filter(|run| !only_tonight || state.night.as_ref().is_some_and(|night| night.id == run.id.night))
            .max_by(|a, b| (&a.id.night, a.id.number).cmp(&(&b.id.night, b.id.number)))
    };
    newest(true).or_else(|| if plan_of(state, name).is_none() { newest(false) } else { None })
}

fn session(
    name: &SessionName,
    plan: Option<&SessionPlan>,
    run: Option<&Run>,
    state: &State,
    now: At,
    ctx: &StatusContext<'_>,
) -> SessionStatus {
    let last = run.and_then(Run::last_attempt);
    let live_attempt = run.and_then(|run| run.state.live_attempt());
    let activity = run.and_then(|run| activity(run, now, ctx));
    SessionStatus {
        name: name.to_string(),
        project: plan.and_then(|p| p.project.as_ref()).map(ToString::to_string),
        state: run.map_or("scheduled", |run| run.state.word()).to_owned(),
        activity: activity.as_ref().map(|a| a.word.to_owned()),
        activity_evidence: activity.as_ref().map(|a| a.evidence.clone()),
        confidence: activity.as_ref().map(|a| a.confidence.to_owned()),
        run: run.map(|run| run.id.to_string()),
        attempt: last.map_or(0, |a| a.id.number),
        attempts_max: plan.map_or(0, |p| p.retry.max_attempts),
        since: run.map(|run| rfc3339(run.since.wall)),
        started_at: last.and_then(|a| a.started.as_ref()).map(|s| rfc3339(s.at)),
        next_at: run.and_then(|run| next_of(run, state)).map(rfc3339),
        reason: reason(name, plan, run, state, now, ctx),
        exit: run.and_then(|run| run.attempts.iter().rev().find_map(exit)),
        pid: live_attempt.and(last).and_then(|a| a.started.as_ref()).map(|s| s.pid),
        tmux: live_attempt.map(|_| TmuxStatus {
            socket: ctx.tmux_socket.to_owned(),
            session: name.to_string(),
            pane: None,
        }),
        output: last.map(|a| OutputStatus {
            path: (ctx.output_path)(&a.id),
            bytes: a.output.bytes,
            last_line: harmless(&a.output.last_line),
            last_at: a.output.last_at.map(rfc3339),
        }),
        metrics: metrics(plan, last, live_attempt.map(|_| now.wall), state.last_nights.get(name)),
        usage: super::usage::of_session(state, name),
        after: plan.map(|p| p.after.iter().map(|d| d.session.to_string()).collect()).unwrap_or_default(),
        priority: plan.map_or(0, |p| p.priority),
        node: ctx.node.to_owned(),
        removed: plan.is_none() || run.is_some_and(|run| run.removed),
        redriven_from: run.and_then(|run| run.redriven_from.as_ref()).map(ToString::to_string),
        checks: last
            .map(|a| {
                let check = |c: &crate::core::run::CheckResult| CheckStatus {
                    text: harmless(&c.text),
                    passed: c.passed,
                    seen: harmless(&c.seen),
                };
                a.checks.iter().map(check).collect()
            })
            .unwrap_or_default(),
        findings: run.map(|run| run.findings.iter().map(finding).collect()).unwrap_or_default(),
        notes: state.notes.open(name).map(super::notes::status).collect(),
        claims: last.map_or(0, |a| a.told.claims),
        needs: last.and_then(|a| a.told.needs.as_deref()).map(harmless),
    }
}

/// A finding for documents.
pub fn finding(found: &Finding) -> FindingStatus {
    FindingStatus {
        kind: found.kind.as_str().to_owned(),
        subject: harmless(&found.subject),
        what: harmless(&found.what),
        evidence: found.evidence.iter().map(|text| harmless(text)).collect(),
        first: rfc3339(found.first),
        resolved: found.resolved.map(rfc3339),
        times: found.times,
        acted: found.acted.as_ref().map(|acted| harmless(&acted.what)),
    }
}

struct Doing {
    word: &'static str,
    evidence: String,
    confidence: &'static str,
}

/// What a running program does, as far as its output tells: it works, or nobody knows.
fn activity(run: &Run, now: At, ctx: &StatusContext<'_>) -> Option<Doing> {
    let known = |word, evidence: String, confidence| Some(Doing { word, evidence, confidence });
    match &run.state {
        RunState::Running { .. } if !ctx.live => known("unknown", "no daemon watches".into(), "low"),
        RunState::Checking { .. } if !ctx.live => known("unknown", "no daemon watches".into(), "low"),
        RunState::Running { .. } if run.finding(FindingKind::Stalled, "").is_some_and(Finding::is_open) => {
            let found = run.finding(FindingKind::Stalled, "");
            let evidence = found.map(|found| [std::slice::from_ref(&found.what), &found.evidence].concat().join("; "));
            known("stalled", harmless(&evidence.unwrap_or_default()), "high")
        }
        RunState::Running { .. } if agent_of(run).is_some() => {
            let agent = agent_of(run)?;
            known(agent.activity.as_str(), harmless(&agent.evidence.join("; ")), agent.confidence.as_str())
        }
        RunState::Running { .. } => match ctx.works.and_then(|works| works(&run.last_attempt()?.id)) {
            Some((true, evidence)) => known("working", harmless(&evidence), "high"),
            Some((false, evidence)) => known("idle", harmless(&evidence), "medium"),
            None => by_output(run, now),
        },
        RunState::Checking { .. } => known("working", "nightkeep runs its checks".into(), "high"),
        RunState::Scheduled { .. }
        | RunState::Waiting { .. }
        | RunState::Queued
        | RunState::Starting { .. }
        | RunState::BackingOff { .. }
        | RunState::Limited { .. }
        | RunState::Held
        | RunState::Stopping { .. }
        | RunState::Ended { .. } => None,
    }
}

/// What the coding agent of the newest attempt does, if that is known.
fn agent_of(run: &Run) -> Option<&AgentSeen> {
    let agent = run.last_attempt()?.output.agent.as_deref()?;
    (agent.activity != Activity::Unknown).then_some(agent)
}

/// What a running program does as far as its output alone tells.
fn by_output(run: &Run, now: At) -> Option<Doing> {
    let known = |word, evidence: String, confidence| Some(Doing { word, evidence, confidence });
    match run.last_attempt().and_then(|a| a.output.last_at) {
        Some(last) if now.wall.since(last) <= FRESH_OUTPUT => {
            known("working", format!("output {} ago", span(now.wall.since(last))), "medium")
        }
        Some(last) => known("unknown", format!("no output for {}", span(now.wall.since(last))), "low"),
        None => known("unknown", "no output yet".into(), "low"),
    }
}

/// The same for a run that may stand behind a breaker: then it is that which is tried next.
pub(super) fn next_of(run: &Run, state: &State) -> Option<Wall> {
    let breaker = state.held_by(run).and_then(|key| state.breakers.by_key.get(&key));
    match (breaker.and_then(|breaker| breaker.until()), &run.state) {
        (Some(until), RunState::Limited { .. }) => Some(until.wall),
        _ => next_at(&run.state),
    }
}

/// When something happens next by itself.
pub(super) fn next_at(state: &RunState) -> Option<Wall> {
    match state {
        RunState::Scheduled { at } => Some(*at),
        RunState::BackingOff { until } | RunState::Limited { until } => Some(until.wall),
        RunState::Waiting { .. }
        | RunState::Queued
        | RunState::Starting { .. }
        | RunState::Running { .. }
        | RunState::Checking { .. }
        | RunState::Held
        | RunState::Stopping { .. }
        | RunState::Ended { .. } => None,
    }
}

fn reason(
    name: &SessionName,
    plan: Option<&SessionPlan>,
    run: Option<&Run>,
    state: &State,
    now: At,
    ctx: &StatusContext<'_>,
) -> String {
    let Some(run) = run else { return not_asked(name, plan, state) };
    let mut words = harmless(&run.reason);
    if run.state.outcome() == Some(Outcome::Succeeded)
        && run.last_attempt().is_some_and(|a| words::unverified(&a.checks, &a.output))
    {
        // The run's own reason may end with the bare word.
        words.truncate(words.strip_suffix("unverified").unwrap_or(&words).trim_end().len());
        match words.chars().next_back() {
            None => {}
            Some(',') => words.push(' '),
            Some(_) => words.push_str("; "),
        }
        words.push_str("unverified: no check was declared");
    }
    if let Some(found) = run.finding(FindingKind::Unkillable, "").filter(|_| run.is_unkillable()) {
        words = if words.is_empty() { harmless(&found.what) } else { format!("{words}; {}", harmless(&found.what)) };
    }
    if run.state.is_ended() || ctx.live {
        return words;
    }
    let last = ctx.last_seen.unwrap_or(run.since.wall).max(run.since.wall);
    let when = format!("{} when last seen {}", run.state.word(), hh_mm_near(last, now.wall, ctx.zone));
    if words.is_empty() { when } else { format!("{when}: {words}") }
}

/// Why a session has no run.
fn not_asked(name: &SessionName, plan: Option<&SessionPlan>, state: &State) -> String {
    if plan.is_some_and(|p| p.disabled) {
        return "disabled in the file".to_owned();
    }
    let dead = state.runs.values().filter(|run| run.id.session == *name).map(|run| &run.id.night).max();
    if let Some(night) = dead {
        return format!("a dead letter of {night} waits: nightkeep dead retry {name}");
    }
    match &state.night {
        Some(night) if night.closed.is_none() => format!("not asked for tonight: nightkeep up {name}"),
        Some(_) | None => "no night is open: nightkeep up begins one".to_owned(),
    }
}

pub(super) fn exit(attempt: &Attempt) -> Option<ExitStatus> {
    let exit = attempt.exit.as_ref()?;
    let verdict = attempt.verdict.as_ref();
    Some(ExitStatus {
        code: exit.code(),
        signal: exit.signal(),
        core: matches!(exit.ending, crate::core::exit::Ending::Signal { core: true, .. }),
        oom: exit.oom,
        at: rfc3339(exit.at),
        ran: exit.ran.as_secs_f64(),
        class: verdict.map(|v| v.class.as_str().to_owned()),
        counted: verdict.is_some_and(|v| v.counted),
        rule: verdict.map(|v: &Verdict| harmless(&v.rule)),
    })
}

/// The metrics of the last attempt: those of the plan in its order, then any other.
fn metrics(
    plan: Option<&SessionPlan>,
    last: Option<&Attempt>,
    running: Option<Wall>,
    before: Option<&LastNight>,
) -> Vec<MetricStatus> {
    let before = |name: &str| before.and_then(|before| before.metrics.get(name)).copied();
    let none = BTreeMap::new();
    let seen = last.map_or(&none, |a| &a.output.metrics);
    let mut out: Vec<MetricStatus> = Vec::new();
    for planned in plan.map(|p| p.metrics.as_slice()).unwrap_or_default() {
        if !out.iter().any(|m| m.name == planned.name) {
            out.push(metric(&planned.name, planned.total, seen.get(&planned.name), running, before(&planned.name)));
        }
    }
    for (name, value) in seen {
        if !out.iter().any(|m| m.name == *name) {
            out.push(metric(name, None, Some(value), running, before(name)));
        }
    }
    out
}

pub(super) fn metric(
    name: &str,
    total: Option<f64>,
    seen: Option<&MetricSeen>,
    running: Option<Wall>,
    last_night: Option<f64>,
) -> MetricStatus {
    MetricStatus {
        name: harmless(name),
        value: seen.map(|m| m.value).filter(|v| v.is_finite()),
        total: seen.and_then(|m| m.total).or(total).filter(|v| v.is_finite()),
        // Of a running program the rate of late, of one that has ended the whole.
        per_s: seen.and_then(|m| running.map_or_else(|| m.per_second(), |now| m.rate(now))).filter(|v| v.is_finite()),
        // A program that has ended reaches nothing any more.
        eta: seen.zip(running).and_then(|(m, now)| m.forecast(now)).map(|ahead| rfc3339(ahead.through)),
        last_night: last_night.filter(|v| v.is_finite()),
    }
}
