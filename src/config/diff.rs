//! What changed from one plan to the next, in words for the journal and for people. No environment values: they may be
//! secrets.

use super::printable::quoted;
use super::units::{show_duration, show_size};
use crate::core::calendar::{ClockTime, StartAt, Timing};
use crate::core::limit::ResumePolicy;
use crate::core::plan::{Caps, Command, Plan, SessionPlan};
use crate::core::usage::Budget;
use std::collections::BTreeSet;
use std::time::Duration;

/// One line for each thing that changed; empty when nothing did.
pub fn diff(old: &Plan, new: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    compare(&mut lines, "", &plan_facts(old), &plan_facts(new));
    let projects: BTreeSet<_> = old.projects.keys().chain(new.projects.keys()).collect();
    for name in projects {
        match (old.projects.get(name), new.projects.get(name)) {
            (None, Some(_)) => lines.push(format!("project {name}: added")),
            (Some(_), None) => lines.push(format!("project {name}: removed")),
            (Some(a), Some(b)) => {
                if a.dir != b.dir {
                    let (a, b) = (quoted(&a.dir.to_string_lossy()), quoted(&b.dir.to_string_lossy()));
                    lines.push(format!("project {name}: dir {a} → {b}"));
                }
                if a.collect != b.collect {
                    lines.push(format!("project {name}: collect changed"));
                }
                if a.budget != b.budget {
                    let (a, b) = (budget_words(a.budget), budget_words(b.budget));
                    lines.push(format!("project {name}: budget {a} → {b}"));
                }
            }
            (None, None) => {}
        }
    }
    let channels: BTreeSet<_> = old.channels.keys().chain(new.channels.keys()).collect();
    for name in channels {
        match (old.channels.get(name), new.channels.get(name)) {
            (None, Some(_)) => lines.push(format!("channel {name}: added")),
            (Some(_), None) => lines.push(format!("channel {name}: removed")),
            (Some(a), Some(b)) if a != b => lines.push(format!("channel {name}: changed")),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
    let sessions: BTreeSet<_> = old.sessions.keys().chain(new.sessions.keys()).collect();
    for name in sessions {
        match (old.sessions.get(name), new.sessions.get(name)) {
            (None, Some(_)) => lines.push(format!("session {name}: added")),
            (Some(_), None) => lines.push(format!("session {name}: removed")),
            (Some(a), Some(b)) => compare(&mut lines, &format!("session {name}: "), &facts(a), &facts(b)),
            (None, None) => {}
        }
    }
    lines
}

/// A key with its value in words; `None` where the value is too long or too private to be shown.
struct Fact {
    key: &'static str,
    shown: Option<String>,
    /// What is compared.
    exact: String,
}

fn shown(key: &'static str, value: impl ToString) -> Fact {
    let value = value.to_string();
    Fact { key, shown: Some(value.clone()), exact: value }
}

fn hidden(key: &'static str, value: impl std::fmt::Debug) -> Fact {
    Fact { key, shown: None, exact: format!("{value:?}") }
}

fn compare(lines: &mut Vec<String>, prefix: &str, old: &[Fact], new: &[Fact]) {
    for (old, new) in old.iter().zip(new) {
        if old.exact != new.exact {
            lines.push(match (&old.shown, &new.shown) {
                (Some(a), Some(b)) => format!("{prefix}{} {a} → {b}", new.key),
                (Some(_), None) | (None, Some(_)) | (None, None) => format!("{prefix}{} changed", new.key),
            });
        }
    }
}

fn plan_facts(plan: &Plan) -> Vec<Fact> {
    vec![
        shown("timezone", plan.timezone.as_deref().map_or("the system's".to_owned(), quoted)),
        shown("concurrent", plan.concurrent),
        shown("log_per_session", plan.log_per_session.map_or("no cap".to_owned(), show_size)),
        shown("min_free_disk", plan.min_free_disk.map_or("1GiB".to_owned(), show_size)),
        hidden("rules", &plan.rules),
        hidden("alerts", &plan.alerts),
        shown("night.start", clock(plan.night.start)),
        shown("night.end", clock(plan.night.end)),
        hidden("night.days", &plan.night.days),
        hidden("night.at_end", plan.night.at_end),
        hidden("report", &plan.report),
        shown("night.budget", budget_words(plan.budget)),
        hidden("agents", &plan.profiles),
    ]
}

fn clock(time: Option<ClockTime>) -> String {
    time.map_or("none".to_owned(), |time| time.to_string())
}

fn start(timing: &Timing) -> String {
    match &timing.start {
        None => "with the night".to_owned(),
        Some(StartAt::Clock(time)) => time.to_string(),
        Some(StartAt::Cron(cron)) => format!("cron {}", quoted(cron)),
    }
}

fn resume_words(resume: ResumePolicy) -> String {
    let until = resume.until.map(|until| format!("until {until}"));
    let max = resume.max.map(|max| format!("at most {max} times"));
    let both: Vec<String> = until.into_iter().chain(max).collect();
    if both.is_empty() { "none".to_owned() } else { both.join(", ") }
}

fn budget_words(budget: Budget) -> String {
    let tokens = budget.tokens.map(|tokens| format!("{tokens} tokens"));
    let both: Vec<String> = tokens.into_iter().chain(budget.usd.map(|usd| usd.to_string())).collect();
    if both.is_empty() { "none".to_owned() } else { both.join(", ") }
}

fn facts(session: &SessionPlan) -> Vec<Fact> {
    let span = |d: Option<Duration>| d.map_or("none".to_owned(), show_duration);
    let command = |c: &Command| quoted(&c.display());
    // Every field is named, so that a new one cannot be forgotten here.
    let SessionPlan {
        name: _,
        project,
        command: runs,
        dir,
        env,
        disabled,
        after,
        priority,
        timeout,
        stop_grace,
        on_tmux_loss,
        retry,
        success,
        metrics,
        verify,
        verify_timeout,
        timing,
        stall,
        provider,
        caps: Caps { memory, processes },
        resume,
        answers,
        budget,
        runaway,
        agent: _,
        profile,
        launch,
        worktree,
    } = session;
    let after: Vec<String> = after.iter().map(|d| d.session.to_string()).collect();
    vec![
        shown("project", project.as_ref().map_or("none".to_owned(), ToString::to_string)),
        Fact { key: "command", shown: Some(command(runs)), exact: format!("{runs:?}") },
        shown("dir", quoted(&dir.to_string_lossy())),
        hidden("env", env),
        shown("enabled", !disabled),
        Fact { key: "after", shown: Some(format!("[{}]", after.join(", "))), exact: format!("{:?}", session.after) },
        shown("priority", priority),
        shown("timeout", span(*timeout)),
        shown("stop_grace", show_duration(*stop_grace)),
        hidden("on_tmux_loss", on_tmux_loss),
        hidden("retry", retry),
        hidden("success", success),
        hidden("metrics", metrics),
        Fact {
            key: "verify",
            shown: Some(verify.as_ref().map_or("none".to_owned(), command)),
            exact: format!("{verify:?}"),
        },
        shown("verify_timeout", show_duration(*verify_timeout)),
        shown("start", start(timing)),
        shown("deadline", clock(timing.deadline)),
        shown("stall", span(stall.after)),
        hidden("on_stall", stall.action),
        shown("provider", provider.as_deref().map_or("none".to_owned(), quoted)),
        shown("max_memory", memory.map_or("none".to_owned(), show_size)),
        shown("max_processes", processes.map_or("none".to_owned(), |n| n.to_string())),
        shown("resume", resume_words(*resume)),
        hidden("answers", answers),
        shown("budget", budget_words(*budget)),
        hidden("runaway", runaway),
        hidden("agent", (launch, profile)),
        shown("worktree", worktree.is_some()),
    ]
}
