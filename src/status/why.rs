//! The chain behind a session's state: what was seen, which rule decided, what happens next.

use super::project::{plan_of, run_of};
use super::table::{Style, Tone, sign};
use super::text::{bytes, harmless, number, span, wrap};
use super::words;
use super::zone::{hh_mm_near, hh_mm_ss, parse, rfc3339};
use crate::core::agent::AgentSeen;
use crate::core::breaker::Phase;
use crate::core::draft::Stage as Draft;
use crate::core::evidence::ToldKind;
use crate::core::exit::FailureClass;
use crate::core::fact::{Entry, Fact};
use crate::core::finding::Finding;
use crate::core::gave_up::comes_again;
use crate::core::guard::{FOR_ALL, limit_words, thing};
use crate::core::ids::{AttemptId, SessionName};
use crate::core::note::Note;
use crate::core::plan::SessionPlan;
use crate::core::run::{AfterStop, Attempt, Outcome, Run, RunState};
use crate::core::state::State;
use crate::core::success::missed;
use crate::core::ticket::Ticket;
use crate::core::time::{At, Wall};
use crate::protocol::{SCHEMA, Why, WhyStep};
use jiff::tz::TimeZone;
use std::time::Duration;

/// The chain of a session, or `None` when there is no such session.
///
/// `history` may hold facts of the journal in their order; those of the session's run are woven in. Without it the chain
/// is what the state alone remembers.
pub fn why(state: &State, name: &SessionName, history: &[Entry], now: At, zone: &TimeZone) -> Option<Why> {
    let plan = plan_of(state, name);
    let run = run_of(state, name);
    if plan.is_none() && run.is_none() {
        return None;
    }
    let mut steps: Vec<Step> = Vec::new();
    if let Some(run) = run {
        from_run(run, history, zone, &mut steps);
        from_history(run, history, zone, &mut steps);
        for note in state.notes.of(name) {
            steps.push(note_written(note));
        }
        for ticket in state.tickets.of(name).filter(|ticket| ticket.attempt.run == run.id) {
            let told = history
                .iter()
                .any(|e| matches!(&e.fact, Fact::TicketMoved { ticket: t, .. } if t.number == ticket.number));
            if !told {
                steps.push(step(ticket.since, asked(ticket), Some(super::tickets::outcome(ticket))));
            }
        }
        let known = history.iter().any(|e| matches!(&e.fact, Fact::RunMoved { run: id, .. } if *id == run.id));
        if !known {
            steps.push(step(run.since.wall, moved(&run.state, &run.reason), None));
        }
        // Of one moment, in the order of the journal; what it does not tell comes first.
        steps.sort_by_key(|s| (s.at, s.place));
    }
    let next = match run {
        Some(run) => next(run, plan, state, now, zone),
        None if plan.is_some_and(|p| p.disabled) => "nothing: it is disabled in the file".to_owned(),
        None => format!("nothing by itself: it has no run in this night; `nightkeep up {name}` queues it"),
    };
    Some(Why {
        schema: SCHEMA,
        session: name.to_string(),
        state: run.map_or("scheduled", |run| run.state.word()).to_owned(),
        chain: steps.into_iter().map(|s| WhyStep { at: rfc3339(s.at), what: s.what, evidence: s.evidence }).collect(),
        next,
        usage: super::usage::of_session(state, name).map(Box::new),
    })
}

/// Adds what an agent is seen to do just now: the journal only holds what changed.
pub fn add_now(why: &mut Why, seen: &AgentSeen, now: Wall, zone: &TimeZone) {
    let what = format!("now: {} is {}", harmless(&seen.profile), seen.words());
    why.chain.push(WhyStep { at: rfc3339(now), what, evidence: Some(evidence(seen, zone)) });
}

/// What an agent's state was read from, each with its time and how far it is trusted, where that is known.
fn evidence(seen: &AgentSeen, zone: &TimeZone) -> String {
    let line = |(i, text): (usize, &String)| match seen.weights.get(i).filter(|weight| weight.score > 0) {
        Some(weight) => {
            format!("{} ({}, {} %)", harmless(text), hh_mm_ss(weight.at, zone), weight.score)
        }
        None => harmless(text),
    };
    seen.evidence.iter().enumerate().map(line).collect::<Vec<_>>().join("; ")
}

struct Step {
    at: Wall,
    /// The place of its fact in the history.
    place: usize,
    what: String,
    evidence: Option<String>,
}

fn step(at: Wall, what: String, evidence: Option<String>) -> Step {
    Step { at, place: 0, what, evidence }
}

fn moved(state: &RunState, reason: &str) -> String {
    match harmless(reason) {
        reason if reason.is_empty() => state.word().to_owned(),
        reason => format!("{}: {reason}", state.word()),
    }
}

/// The place of the first fact that fits; 0 when there is none.
fn place_of(history: &[Entry], fits: impl Fn(&Fact) -> bool) -> usize {
    history.iter().position(|entry| fits(&entry.fact)).map_or(0, |at| at + 1)
}

fn from_run(run: &Run, history: &[Entry], zone: &TimeZone, steps: &mut Vec<Step>) {
    let created = match &run.redriven_from {
        Some(first) => format!("run {} created, the second chance of {first}", run.id),
        None => format!("run {} created", run.id),
    };
    steps.push(step(run.created.wall, created, None));
    for attempt in &run.attempts {
        from_attempt(attempt, history, zone, steps);
    }
}

fn from_attempt(attempt: &Attempt, history: &[Entry], zone: &TimeZone, steps: &mut Vec<Step>) {
    let n = attempt.id.number;
    let id = &attempt.id;
    let place = place_of(history, |fact| matches!(fact, Fact::AttemptIntended { attempt } if attempt == id));
    steps.push(Step { place, ..step(attempt.intended.wall, format!("attempt {n}: start decided"), None) });
    if let Some(started) = &attempt.started {
        let seen = format!("recorder {}", started.shim_pid);
        let place = place_of(history, |fact| matches!(fact, Fact::AttemptStarted { attempt, .. } if attempt == id));
        let what = format!("attempt {n}: runs as process {}", started.pid);
        steps.push(Step { place, ..step(started.at, what, Some(seen)) });
    }
    let Some(exit) = &attempt.exit else { return };
    let place = place_of(history, |fact| matches!(fact, Fact::AttemptEnded { attempt, .. } if attempt == id));
    let mut tell = |what: String, evidence| steps.push(Step { place, ..step(exit.at, what, evidence) });
    let mut what = format!("attempt {n}: {} after {}", words::exit(exit), span(exit.ran));
    if exit.stopped {
        what.push_str(", as it was told to");
    }
    if exit.lost_bytes > 0 {
        what.push_str(&format!("; {} of its output could not be kept", bytes(exit.lost_bytes)));
    }
    let last = harmless(&attempt.output.last_line);
    tell(what, (!last.is_empty()).then(|| format!("last line: {last}")));
    if let Some(verdict) = &attempt.verdict {
        let counts = if verdict.counted { "takes one of the attempts" } else { "takes no attempt" };
        let what = format!("attempt {n}: classed as {}, {counts}", verdict.class.as_str().replace('_', " "));
        tell(what, Some(format!("rule {}", harmless(&verdict.rule))));
        if verdict.class == FailureClass::UsageLimit {
            let limit = attempt.output.limit.clone().unwrap_or_default();
            let what = format!("attempt {n}: {}", limit.words(exit.at, zone));
            let read = format!("read as {} from: {}", limit.form, harmless(&limit.from));
            tell(what, Some(read).filter(|_| limit.resets.is_some()));
        }
    }
    for check in &attempt.checks {
        let text = harmless(&check.text);
        let result = if check.passed { format!("{text} holds") } else { missed(&text, "") };
        let what = format!("attempt {n}: {result}");
        tell(what, Some(harmless(&check.seen)).filter(|seen| !seen.is_empty()));
    }
    for (name, metric) in &attempt.output.metrics {
        let total = metric.total.map_or_else(String::new, |t| format!(" of {}", number(t)));
        let what = format!("attempt {n}: {} reached {}{total}", harmless(name), number(metric.value));
        tell(what, Some("read from the output".to_owned()));
    }
}

/// What was found, with what shows it.
fn found(at: Wall, finding: &Finding) -> Step {
    let kind = finding.kind.as_str().replace('_', " ");
    let mut what = format!("{kind}: {}", harmless(&finding.what));
    if let Some(acted) = finding.acted.as_ref().filter(|_| finding.is_open()) {
        what.push_str(&format!("; {}", acted.what));
    }
    let mut evidence: Vec<String> = finding.evidence.iter().map(|text| harmless(text)).collect();
    if finding.resolved.is_some() {
        what = format!("no longer {kind}");
        evidence.drain(..evidence.len().saturating_sub(1));
    }
    step(at, what, Some(evidence.join("; ")).filter(|text| !text.is_empty()))
}

/// What an agent asked.
fn asked(ticket: &Ticket) -> String {
    let about = if ticket.prompt.about.is_empty() { ticket.prompt.kind.as_str() } else { &ticket.prompt.about };
    format!("{} ({}): {}", ticket.id(), harmless(about), harmless(&ticket.words()))
}

/// A note of the operator, and whether it is still carried.
fn note_written(note: &Note) -> Step {
    let given = match note.times_given {
        0 => "not given yet".to_owned(),
        n => format!("given to {}", super::text::count(n.into(), "attempt", "attempts")),
    };
    let by_typing = note.typed.last().is_some_and(|typed| note.given.last() == Some(&typed.attempt));
    let given = if by_typing { format!("{given}, the last by typing") } else { given };
    let standing = if note.is_open() { "open" } else { "settled" };
    let what = format!("note {} ({standing}, {given}): {}", note.id(), harmless(&note.text));
    step(note.at, what, Some(harmless(&note.by.who)))
}

fn from_history(run: &Run, history: &[Entry], zone: &TimeZone, steps: &mut Vec<Step>) {
    for (i, entry) in history.iter().enumerate() {
        let at = entry.at.wall;
        let step = |at, what, evidence| Step { place: i + 1, ..step(at, what, evidence) };
        match &entry.fact {
            Fact::RunMoved { run: id, to, reason } if *id == run.id => steps.push(step(at, moved(to, reason), None)),
            Fact::CounterReset { run: id, reason } if *id == run.id => {
                steps.push(step(at, format!("attempts count from 0 again: {}", harmless(reason)), None));
            }
            Fact::HoldSet { run: id, held } if *id == run.id => {
                let what = if *held { "held back" } else { "no longer held back" };
                steps.push(step(at, what.to_owned(), None));
            }
            Fact::RunOrphaned { run: id } if *id == run.id => {
                steps.push(step(at, "taken out of the file; the run goes on".to_owned(), None));
            }
            Fact::StopIntended { attempt, reason } if attempt.run == run.id => {
                steps.push(step(at, format!("attempt {}: stop decided: {}", attempt.number, harmless(reason)), None));
            }
            Fact::Finding { run: id, finding } if *id == run.id => steps.push(found(at, finding)),
            // Of a note the note itself tells more.
            Fact::OperatorActed { verb, target, by, result } if target == run.id.session.as_str() && verb != "note" => {
                let mut who = harmless(&by.who);
                if let Some(reason) = &by.reason {
                    who.push_str(&format!(", because: {}", harmless(reason)));
                }
                // What was asked for comes before what followed, though its outcome is journaled last.
                let asked = history.iter().position(|e| e.at.wall == at).unwrap_or(i);
                let what = format!("operator: {}: {}", harmless(verb), harmless(result));
                steps.push(Step { place: asked, ..step(at, what, Some(who)) });
            }
            Fact::TicketMoved { ticket, why } if ticket.attempt.run == run.id => {
                let what = format!("{} {}: {}", ticket.id(), ticket.word(), harmless(why));
                let seen = format!("{} of {}: {}", ticket.rule, ticket.profile, ticket.words());
                steps.push(step(at, what, Some(harmless(&seen))));
            }
            Fact::DraftMoved { draft, why } if draft.attempt.run == run.id => {
                let what = format!("{} {}: {}", draft.purpose.words(), draft.word(), harmless(why));
                steps.push(step(at, what, typed(&draft.stage)));
            }
            Fact::AlertMoved { alert, why } if alert.session.as_deref() == Some(run.id.session.as_str()) => {
                let what = format!("alert {} ({}): {}", alert.id(), alert.severity.as_str(), harmless(why));
                steps.push(step(at, what, Some(harmless(&alert.title))));
            }
            // Its words, for what is shown of them: nothing here follows from them but an alert.
            Fact::Told { attempt, told }
                if attempt.run == run.id && matches!(told.kind, ToldKind::Needs | ToldKind::Blocked) =>
            {
                let what =
                    format!("attempt {} says ({}): {}", attempt.number, told.kind.as_str(), harmless(&told.text));
                let waits = told.blocks.as_deref().map(|blocks| format!("blocks {}", harmless(blocks)));
                steps.push(step(at, what, waits));
            }
            Fact::AgentMoved { attempt, seen, .. } if attempt.run == run.id => {
                let what = format!("attempt {}: {} is {}", attempt.number, harmless(&seen.profile), seen.words());
                steps.push(step(at, what, Some(evidence(seen, zone)).filter(|text| !text.is_empty())));
            }
            Fact::AgentMoved { .. }
            | Fact::RunMoved { .. }
            | Fact::CounterReset { .. }
            | Fact::HoldSet { .. }
            | Fact::RunOrphaned { .. }
            | Fact::StopIntended { .. }
            | Fact::OperatorActed { .. }
            | Fact::DaemonStarted { .. }
            | Fact::DaemonStopped { .. }
            | Fact::PlanAdopted { .. }
            | Fact::PlanRejected { .. }
            | Fact::SessionAdded { .. }
            | Fact::NightOpened { .. }
            | Fact::NightClosing { .. }
            | Fact::NightClosed { .. }
            | Fact::RunCreated { .. }
            | Fact::AttemptIntended { .. }
            | Fact::AttemptStarted { .. }
            | Fact::OutputObserved { .. }
            | Fact::AttemptEnded { .. }
            | Fact::ChecksDone { .. }
            | Fact::TmuxStarted { .. }
            | Fact::TmuxLost { .. }
            | Fact::ProjectBase { .. }
            | Fact::ProjectSeen { .. }
            | Fact::ReportWritten { .. }
            | Fact::ClockJumped { .. }
            | Fact::Finding { .. }
            | Fact::LastNights { .. }
            | Fact::Trouble { .. }
            | Fact::Cleaned { .. }
            | Fact::AlertMoved { .. }
            | Fact::MessageQueued { .. }
            | Fact::MessageSettled { .. }
            | Fact::WindowBegan { .. }
            | Fact::NightEnds { .. }
            | Fact::DeadlineSet { .. }
            | Fact::BreakerMoved { .. }
            | Fact::ProjectParked { .. }
            | Fact::DaemonCrashed { .. }
            | Fact::StoodStill { .. }
            | Fact::LimitMet { .. }
            | Fact::AttemptUsed { .. }
            | Fact::Conversation { .. }
            | Fact::SafeMode { .. }
            | Fact::NoteMoved { .. }
            | Fact::DocumentRead { .. }
            | Fact::FilesSeen { .. }
            | Fact::Told { .. }
            | Fact::Reviewed { .. }
            | Fact::TicketMoved { .. }
            | Fact::NightSummed { .. }
            | Fact::DraftMoved { .. }
            | Fact::Worded { .. } => {}
        }
    }
}

/// What was typed of a draft.
fn typed(stage: &Draft) -> Option<String> {
    match stage {
        Draft::Taken { typed, .. } | Draft::Failed { typed, .. } => {
            (!typed.is_empty()).then(|| harmless(&format!("typed {}", typed.join(", "))))
        }
        Draft::Waiting | Draft::Typing { .. } | Draft::Dropped { .. } => None,
    }
}

/// Whether its agent gave up, and another start may mend that.
fn stands(run: &Run, plan: Option<&SessionPlan>, id: &AttemptId) -> bool {
    let seen = run.attempt(id.number).and_then(|attempt| attempt.output.agent.as_ref());
    plan.zip(seen).is_some_and(|(plan, seen)| comes_again(plan, seen))
}

/// What happens next, in words.
fn next(run: &Run, plan: Option<&SessionPlan>, state: &State, now: At, zone: &TimeZone) -> String {
    let name = &run.id.session;
    let when = |wall: Wall| match wall.since(now.wall) {
        left if left.is_zero() => "at any moment".to_owned(),
        left => format!("at {} (in {})", hh_mm_near(wall, now.wall, zone), span(left)),
    };
    match &run.state {
        RunState::Scheduled { at } => format!("it becomes ready {}", when(*at)),
        RunState::Waiting { on } => format!("it starts once these have ended well: {}", dependencies(on, state)),
        RunState::Queued => queued(run, state, now),
        RunState::Starting { .. } => "the recorder reports the start, or that it failed".to_owned(),
        RunState::Running { attempt } if state.tickets.standing_of(attempt).is_some_and(Ticket::is_open) => {
            let offers = state.tickets.standing_of(attempt).map(Ticket::offers).unwrap_or_default();
            let offers = if offers.is_empty() { "with a text".to_owned() } else { harmless(&offers) };
            format!("it waits for you: `nightkeep answer {name} CHOICE` ({offers})")
        }
        RunState::Running { attempt } if stands(run, plan, attempt) => {
            "once nothing moved for a minute it is ended, and started again with its conversation".to_owned()
        }
        RunState::Running { .. } => {
            let limit = plan.and_then(|p| p.timeout).zip(run.last_attempt().and_then(|a| a.started.as_ref()));
            match limit {
                Some((timeout, started)) => {
                    format!("it runs until it ends; stopped {} if it has not", when(started.at.plus(timeout)))
                }
                None => "it runs until it ends".to_owned(),
            }
        }
        RunState::Checking { .. } => "its checks end, then it is a success or partial".to_owned(),
        RunState::BackingOff { until } => {
            let n = run.last_attempt().map_or(1, |a| a.id.number + 1);
            let counted = plan.map_or_else(String::new, |p| {
                format!("; {} of {} attempts are used up", run.counted, p.retry.max_attempts)
            });
            format!("attempt {n} {}{counted}", when(until.wall))
        }
        RunState::Limited { .. } if state.held_by(run).is_some() => behind(run, state, now.wall, zone, when),
        RunState::Limited { until } => format!("it is tried again {}; that takes no attempt", when(until.wall)),
        RunState::Held => match &run.limit.asks {
            Some(asks) => format!("nothing until `nightkeep release {name}`: {}", harmless(asks)),
            None => format!("nothing until `nightkeep release {name}`"),
        },
        RunState::Stopping { .. } if run.is_unkillable() => {
            "nothing can end it; it is over when the disk or network share that it waits for answers, or with a reboot"
                .to_owned()
        }
        RunState::Stopping { then, .. } => match then {
            AfterStop::Stopped => "it ends as stopped".to_owned(),
            AfterStop::Requeue => "it is started again".to_owned(),
            AfterStop::Held => "it is held until you release it".to_owned(),
            AfterStop::Skipped => "it ends as skipped".to_owned(),
            AfterStop::Unfinished => "it ends as unfinished: the night is over".to_owned(),
            AfterStop::Deadline => "it ends as unfinished: its deadline has passed".to_owned(),
            AfterStop::Timeout => "it is judged like a failure: the attempt took too long".to_owned(),
            AfterStop::Stalled => "it is judged like a failure: nothing showed that it works".to_owned(),
            AfterStop::GaveUp { class } => {
                format!("it is judged as {}: its agent gave up", class.as_str().replace('_', " "))
            }
            AfterStop::Budget => "it ends, and is not tried again: its budget is used up".to_owned(),
            AfterStop::Runaway => "it is judged like a failure: it ran away".to_owned(),
        },
        RunState::Ended { outcome } => match outcome {
            Outcome::Succeeded => "nothing: it is done".to_owned(),
            Outcome::Partial => format!("nothing by itself; `nightkeep logs {name}`, then `nightkeep start {name}`"),
            Outcome::Failed => format!("nothing by itself; `nightkeep dead retry {name}` gives it a second chance"),
            Outcome::Stopped | Outcome::Skipped | Outcome::Unfinished => {
                format!("nothing by itself; `nightkeep start {name}` runs it again")
            }
        },
    }
}

fn dependencies(on: &[SessionName], state: &State) -> String {
    let each = |name: &SessionName| {
        let word = run_of(state, name).map_or("no run", |run| run.state.word());
        format!("{name} ({word})")
    };
    if on.is_empty() {
        "nothing is left to wait for".to_owned()
    } else {
        on.iter().map(each).collect::<Vec<_>>().join(", ")
    }
}

/// What a run behind a breaker waits for.
fn behind(run: &Run, state: &State, now: Wall, zone: &TimeZone, when: impl Fn(Wall) -> String) -> String {
    let key = state.held_by(run).unwrap_or_default();
    let Some(breaker) = state.breakers.by_key.get(&key) else { return String::new() };
    let seen = harmless(&breaker.cause);
    let then = match (&breaker.phase, breaker.until()) {
        (Phase::Open { until }, _) if FOR_ALL[..3].contains(&key.as_str()) => {
            format!("it is looked at again within {}", span(until.delay.min(Duration::from_secs(30))))
        }
        (Phase::Open { until }, _) => format!("one session tries it {}", when(until.wall)),
        (Phase::HalfOpen { probe: Some(probe), .. }, _) => format!("{} tries it now", probe.run.session),
        (Phase::HalfOpen { probe: None, .. }, _) => "the next start tries it".to_owned(),
        (Phase::SlowStart { .. }, Some(until)) => {
            format!("it is back, sessions start one after the other, more {}", when(until.wall))
        }
        (Phase::SlowStart { .. } | Phase::Closed, _) => "it is back".to_owned(),
    };
    if let Some(limit) = breaker.limit.filter(|_| matches!(breaker.phase, Phase::Open { .. })) {
        let words = limit_words(&key, limit, now, zone);
        return format!("it starts when this is over, that takes no attempt: {words}; {then}; seen: {seen}");
    }
    format!("it starts when {} is well again, that takes no attempt; {then}; seen: {seen}", thing(&key))
}

fn queued(run: &Run, state: &State, now: At) -> String {
    if let Some(why) = &state.breakers.safe_mode {
        return format!("nothing: safe mode, {}; `nightkeep up` ends it", harmless(why));
    }
    let holders: Vec<&str> =
        state.runs.values().filter(|r| state.takes_slot(r)).map(|r| r.id.session.as_str()).collect();
    let slots = usize::try_from(state.plan.concurrent).unwrap_or(usize::MAX);
    if holders.len() < slots {
        return match state.paced(run, now.mono) {
            Some((left, why)) => format!("it starts in about {}: {why}", span(left)),
            None => "it starts as soon as starts are due: a slot is free".to_owned(),
        };
    }
    let shown = holders.iter().take(8).copied().collect::<Vec<_>>().join(", ");
    let more = holders.len().saturating_sub(8);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("it starts when one of {slots} slots is free; taken by {shown}{more}")
}

/// The chain as text for a terminal; every line fits the width.
pub fn text(why: &Why, columns: usize, style: Style, zone: &TimeZone) -> String {
    const INDENT: usize = 10;
    let columns = columns.max(40);
    let mut out = String::new();
    let (mark, tone) = sign(&why.state);
    out.push_str(&format!("{} is {}\n", why.session, style.paint(tone, &format!("{mark} {}", why.state))));
    let indent = " ".repeat(INDENT);
    for step in &why.chain {
        let at = parse(&step.at).map_or_else(|| "?".to_owned(), |wall| hh_mm_ss(wall, zone));
        for (i, line) in wrap(&harmless(&step.what), columns - INDENT).iter().enumerate() {
            let head = if i == 0 { format!("{at:<INDENT$}") } else { indent.clone() };
            out.push_str(&format!("{head}{line}\n"));
        }
        for line in step.evidence.iter().flat_map(|e| wrap(&format!("seen: {}", harmless(e)), columns - INDENT - 2)) {
            out.push_str(&format!("{indent}  {}\n", style.paint(Tone::Dim, &line)));
        }
    }
    let used = why.usage.iter().flat_map(|usage| wrap(&super::usage::words(usage), columns - INDENT));
    for (i, line) in used.enumerate() {
        out.push_str(&format!("{}{line}\n", if i == 0 { format!("{:<INDENT$}", "used") } else { indent.clone() }));
    }
    for (i, line) in wrap(&why.next, columns - INDENT).iter().enumerate() {
        out.push_str(&format!("{}{line}\n", if i == 0 { format!("{:<INDENT$}", "next") } else { indent.clone() }));
    }
    out
}
