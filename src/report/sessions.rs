//! The sessions of a night, worst first.

use super::beside::{WorktreeReport, tree};
use super::facts::{AttemptFacts, Facts, RunFacts};
use super::fold::{ran, seconds};
use super::model::{
    AttemptReport, CheckReport, ExitReport, MetricReport, NotRun, SessionReport, TEXT_MAX, TimeStretch, ToolReport,
};
use super::passage::{Segment, Use};
use crate::core::exit::{Ending, ExitRecord, Verdict};
use crate::core::ids::SessionName;
use crate::core::plan::SessionPlan;
use crate::core::progress::LastNight;
use crate::core::run::{MetricSeen, Outcome, OutputSeen};
use crate::core::time::Wall;
use crate::core::tool_run::ToolRun;
use crate::status::finding;
use crate::status::text::{cut_at_word, harmless};
use crate::status::words;
use crate::status::zone::rfc3339;
use std::collections::BTreeMap;
use std::time::Duration;

/// Most attempts of a run that are listed.
pub const ATTEMPTS_MAX: usize = 50;
/// Most last lines that are kept.
const LINES_MAX: usize = 20;

/// Foreign text as it stands in the document: harmless and bounded.
pub fn quote(foreign: &str) -> String {
    // Far more than is kept, so that leading escape sequences do not eat the text; far less than a runaway line.
    let near = foreign.char_indices().nth(TEXT_MAX * 8).map_or(foreign, |(end, _)| &foreign[..end]);
    let clean = harmless(near);
    if near.len() < foreign.len() && clean.chars().count() <= TEXT_MAX {
        return format!("{clean}…");
    }
    cut_at_word(&clean, TEXT_MAX)
}

/// The plan of a session, also of one that was taken out of the file; `None` when the journal has none.
pub fn plan_of<'f>(facts: &'f Facts, name: &SessionName) -> Option<&'f SessionPlan> {
    facts.plan.sessions.get(name).or_else(|| facts.added.get(name)).or_else(|| facts.former.get(name))
}

/// The newest run of each session.
pub fn newest(facts: &Facts) -> BTreeMap<&SessionName, &RunFacts> {
    // Runs come in the order of their ids, so the last one of a session is its newest.
    facts.runs.values().map(|run| (&run.id.session, run)).collect()
}

/// One entry per session, worst first, then by priority and name.
pub fn sessions(facts: &Facts) -> Vec<SessionReport> {
    let mut out: Vec<(u8, i32, SessionReport)> = newest(facts)
        .into_iter()
        .map(|(name, run)| {
            let plan = plan_of(facts, name);
            (words::rank(&run.state), plan.map_or(0, |p| -p.priority), session(facts, run, plan))
        })
        .collect();
    out.sort_by(|a, b| (a.0, a.1, &a.2.name).cmp(&(b.0, b.1, &b.2.name)));
    out.into_iter().map(|(_, _, session)| session).collect()
}

/// The sessions of the file that had no run.
pub fn not_run(facts: &Facts) -> Vec<NotRun> {
    let ran = newest(facts);
    facts
        .plan
        .sessions
        .values()
        .filter(|plan| !ran.contains_key(&plan.name))
        .map(|plan| NotRun {
            name: plan.name.to_string(),
            why: if plan.disabled { "disabled in the file" } else { "not asked for in this night" }.to_owned(),
        })
        .collect()
}

/// Whether a run succeeded and nothing was seen that proves it.
pub fn unverified(run: &RunFacts) -> bool {
    run.state.outcome() == Some(Outcome::Succeeded)
        && run.attempts.last().is_none_or(|a| words::unverified(&a.checks, &a.output))
}

fn session(facts: &Facts, run: &RunFacts, plan: Option<&SessionPlan>) -> SessionReport {
    let last = run.attempts.last();
    let spent = run.spent(&facts.gaps);
    let waited: u64 =
        spent.iter().filter(|s| !matches!(s.spent, Use::Working | Use::Stalled)).map(|s| s.to - s.from).sum();
    let begin = facts.window.0;
    let since_begin = |t: u64| seconds(Duration::from_millis(t.saturating_sub(begin)));
    let stretch = |s: &Segment| TimeStretch {
        spent: s.spent.as_str().to_owned(),
        from: since_begin(s.from),
        to: since_begin(s.to),
    };
    let exits = || run.attempts.iter().filter_map(|a| a.exit.as_ref());
    SessionReport {
        name: run.id.session.to_string(),
        project: plan.and_then(|p| p.project.as_ref()).map(ToString::to_string),
        run: run.id.to_string(),
        runs: facts.runs.values().filter(|r| r.id.session == run.id.session).count() as u64,
        state: run.state.word().to_owned(),
        reason: quote(&run.reason),
        since: rfc3339(run.since),
        unverified: unverified(run),
        exit: run.attempts.iter().rev().find_map(exit_of),
        attempts: run.attempts.iter().take(ATTEMPTS_MAX).map(|a| attempt(a, facts.last)).collect(),
        attempt_count: run.attempts.len() as u64,
        attempts_max: plan.map_or(0, |p| p.retry.max_attempts),
        started_at: run.attempts.iter().find_map(|a| a.started.as_ref()).map(|s| rfc3339(s.at)),
        ended_at: run.state.is_ended().then(|| rfc3339(run.since)),
        ran: seconds(ran(run, facts.last)),
        waited: seconds(Duration::from_millis(waited)),
        time: spent.iter().map(stretch).collect(),
        last_words: last.map(last_words).unwrap_or_default(),
        metrics: metrics(plan, last.map(|a| &a.output), facts.last_nights.get(&run.id.session)),
        checks: last
            .map(|a| {
                a.checks
                    .iter()
                    .map(|c| CheckReport { text: quote(&c.text), passed: c.passed, seen: quote(&c.seen) })
                    .collect()
            })
            .unwrap_or_default(),
        tools: tools(run),
        output_bytes: run.attempts.iter().map(output_bytes).sum(),
        lost_bytes: exits().map(|e| e.lost_bytes).sum(),
        after: plan.map(|p| p.after.iter().map(|d| d.session.to_string()).collect()).unwrap_or_default(),
        removed: run.removed,
        redriven_from: run.redriven_from.as_ref().map(ToString::to_string),
        findings: run.findings.iter().map(finding).collect(),
        usage: super::usage::of_session(facts, &run.id.session),
        agent: plan.is_some_and(SessionPlan::is_agent),
        worktree: plan.and_then(|plan| worktree(facts, plan)),
    }
}

/// What its project's repository shows of the work tree that is its own: that on its branch.
fn worktree(facts: &Facts, plan: &SessionPlan) -> Option<WorktreeReport> {
    let branch = &plan.worktree.as_ref()?.branch;
    let work = facts.projects.get(plan.project.as_ref()?)?.work.as_ref()?;
    work.worktrees.iter().find(|tree| tree.branch.as_ref() == Some(branch)).map(tree)
}

/// Of each tool the last run, in the order in which they ended.
fn tools(run: &RunFacts) -> Vec<ToolReport> {
    let mut last: Vec<(&ToolRun, u64)> = Vec::new();
    for seen in run.attempts.iter().flat_map(|a| &a.output.tools) {
        let before = last.iter().position(|(known, _)| known.tool == seen.tool).map(|at| last.remove(at).1);
        last.push((seen, before.unwrap_or(0) + 1));
    }
    last.into_iter()
        .map(|(seen, runs)| ToolReport {
            tool: quote(&seen.tool),
            kind: seen.kind.as_str().to_owned(),
            unit: quote(&seen.unit),
            passed: seen.passed,
            failed: seen.failed,
            skipped: seen.skipped,
            good: seen.good,
            seconds: seen.seconds.filter(|s| s.is_finite()),
            weak: seen.weak.as_deref().map(quote),
            at: rfc3339(seen.last),
            runs,
        })
        .collect()
}

/// Bytes of output of an attempt: what its exit says, or what was seen so far.
pub fn output_bytes(attempt: &AttemptFacts) -> u64 {
    attempt.exit.as_ref().map_or(0, |e| e.output_bytes).max(attempt.output.bytes)
}

fn last_words(attempt: &AttemptFacts) -> Vec<String> {
    let tail = &attempt.output.tail;
    let mut lines: Vec<String> =
        tail.iter().skip(tail.len().saturating_sub(LINES_MAX)).map(|l| quote(l)).filter(|l| !l.is_empty()).collect();
    if lines.is_empty() && !attempt.output.last_line.is_empty() {
        lines.push(quote(&attempt.output.last_line));
    }
    lines
}

fn attempt(attempt: &AttemptFacts, last: Wall) -> AttemptReport {
    let ran = match (&attempt.exit, &attempt.started) {
        (Some(exit), _) => exit.ran,
        (None, Some(started)) => last.since(started.at),
        (None, None) => Duration::ZERO,
    };
    AttemptReport {
        number: attempt.id.number,
        started_at: attempt.started.as_ref().map(|s| rfc3339(s.at)),
        ran: seconds(ran),
        exit: exit_of(attempt),
        counted: attempt.counted,
        usage: attempt.used.as_ref().map(crate::status::usage::of_attempt),
    }
}

fn exit_of(attempt: &AttemptFacts) -> Option<ExitReport> {
    attempt.exit.as_ref().map(|record| exit(record, attempt.verdict.as_ref()))
}

fn exit(exit: &ExitRecord, verdict: Option<&Verdict>) -> ExitReport {
    let (kind, core) = match exit.ending {
        Ending::Code { .. } => ("code", false),
        Ending::Signal { core, .. } => ("signal", core),
        Ending::ExecFailed { .. } => ("exec_failed", false),
        Ending::Lost { .. } => ("lost", false),
    };
    ExitReport {
        kind: kind.to_owned(),
        words: quote(&words::exit(exit)),
        code: exit.code(),
        signal: exit.signal(),
        core,
        oom: exit.oom,
        at: rfc3339(exit.at),
        class: verdict.map(|v| v.class.as_str().to_owned()),
        rule: verdict.map(|v| quote(&v.rule)),
        orphans: exit.orphans,
    }
}

/// The metrics of an attempt: those of the plan in its order, then any other.
fn metrics(plan: Option<&SessionPlan>, output: Option<&OutputSeen>, before: Option<&LastNight>) -> Vec<MetricReport> {
    let before = |name: &str| before.and_then(|before| before.metrics.get(name)).copied();
    let none = BTreeMap::new();
    let seen = output.map_or(&none, |o| &o.metrics);
    let planned = plan.map(|p| p.metrics.as_slice()).unwrap_or_default();
    let mut out: Vec<MetricReport> = Vec::new();
    let mut told: Vec<&str> = Vec::new();
    for plan in planned {
        if !told.contains(&plan.name.as_str()) {
            told.push(&plan.name);
            out.push(metric(&plan.name, plan.total, seen.get(&plan.name), before(&plan.name)));
        }
    }
    for (name, value) in seen {
        if !told.contains(&name.as_str()) {
            out.push(metric(name, None, Some(value), before(name)));
        }
    }
    out
}

fn metric(name: &str, total: Option<f64>, seen: Option<&MetricSeen>, last_night: Option<f64>) -> MetricReport {
    let finite = |v: &f64| v.is_finite();
    MetricReport {
        name: quote(name),
        value: seen.map(|m| m.value).filter(finite),
        total: seen.and_then(|m| m.total).or(total).filter(finite),
        per_s: seen.and_then(MetricSeen::per_second).filter(finite),
        complete: seen.is_some_and(MetricSeen::complete),
        last_night: last_night.filter(finite),
    }
}
