//! A fact of the journal as a line about a session.

use super::text::{bytes, harmless, number, span};
use super::words;
use super::zone::rfc3339;
use crate::core::alert::Stage;
use crate::core::evidence::ToldKind;
use crate::core::fact::{Entry, Fact};
use crate::core::ids::{AttemptId, RunId, SessionName};
use crate::core::run::{Outcome, OutputSeen, RunState};
use crate::core::usage::short;
use crate::protocol::details::SessionEvent;

/// The session that a fact is about; `None` for what is about none, or about all.
pub fn session_of(fact: &Fact) -> Option<SessionName> {
    if let Fact::AlertMoved { alert, .. } = fact {
        return alert.session.as_deref().and_then(|name| SessionName::new(name).ok());
    }
    if let Fact::NoteMoved { note } = fact {
        return Some(note.session.clone());
    }
    if let Fact::OperatorActed { target, .. } = fact {
        return meant(target);
    }
    if let Fact::SessionAdded { session, .. } = fact {
        return Some(session.name.clone());
    }
    fact.run().map(|run| run.session.clone())
}

/// The session that a verb was meant for: it names a session, a run or an attempt.
pub fn meant(target: &str) -> Option<SessionName> {
    let run = || target.parse::<RunId>().ok().map(|run| run.session);
    let attempt = || target.parse::<AttemptId>().ok().map(|attempt| attempt.run.session);
    attempt().or_else(run).or_else(|| SessionName::new(target).ok())
}

struct Line {
    kind: &'static str,
    what: String,
    evidence: Option<String>,
    weight: u8,
}

fn line(kind: &'static str, weight: u8, what: String) -> Line {
    Line { kind, what, evidence: None, weight }
}

impl Line {
    fn shown_by(self, evidence: String) -> Self {
        Self { evidence: Some(evidence).filter(|text| !text.is_empty()), ..self }
    }
}

/// A fact in words; `None` for one that says nothing about a session.
pub fn event(seq: i64, entry: &Entry) -> Option<SessionEvent> {
    let told = told(&entry.fact)?;
    Some(SessionEvent {
        seq,
        at: rfc3339(entry.at.wall),
        kind: told.kind.to_owned(),
        what: told.what,
        evidence: told.evidence,
        weight: told.weight,
    })
}

fn told(fact: &Fact) -> Option<Line> {
    Some(match fact {
        Fact::RunCreated { run, state, reason, redriven_from } => {
            let first = redriven_from.as_ref().map_or_else(String::new, |run| format!(", the second chance of {run}"));
            line("run_created", 1, format!("run {run} created, {}{first}", word(state))).shown_by(harmless(reason))
        }
        Fact::RunMoved { to, reason, .. } => line("run_moved", weight(to), word(to)).shown_by(harmless(reason)),
        Fact::CounterReset { reason, .. } => {
            line("counter_reset", 1, "attempts count from 0 again".to_owned()).shown_by(harmless(reason))
        }
        Fact::HoldSet { held, .. } => {
            line("hold_set", 2, if *held { "held by the operator" } else { "let go by the operator" }.to_owned())
        }
        Fact::RunOrphaned { .. } => line("run_orphaned", 2, "taken out of the file; the run goes on".to_owned()),
        Fact::AttemptIntended { attempt } => {
            line("attempt_intended", 0, format!("attempt {}: start decided", attempt.number))
        }
        Fact::AttemptStarted { attempt, started } => {
            let what = format!("attempt {}: runs as process {}", attempt.number, started.pid);
            line("attempt_started", 1, what).shown_by(format!("recorder {}", started.shim_pid))
        }
        Fact::StopIntended { attempt, reason } => {
            line("stop_intended", 2, format!("attempt {}: stop decided", attempt.number)).shown_by(harmless(reason))
        }
        Fact::OutputObserved { attempt, output } => {
            line("output_observed", 0, format!("attempt {}: {}", attempt.number, seen(output)))
                .shown_by(harmless(&output.last_line))
        }
        Fact::AttemptEnded { attempt, exit, verdict, counted } => {
            let what = format!("attempt {}: {} after {}", attempt.number, words::exit(exit), span(exit.ran));
            let Some(verdict) = verdict else { return Some(line("attempt_ended", 1, what)) };
            let counts = if *counted { "counts" } else { "does not count" };
            let class = verdict.class.as_str().replace('_', " ");
            line("attempt_ended", 3, what).shown_by(format!("{class}, {counts}; rule {}", harmless(&verdict.rule)))
        }
        Fact::ChecksDone { attempt, results } => {
            let good = results.iter().filter(|result| result.passed).count();
            let missed = results.iter().filter(|result| !result.passed);
            let missed: Vec<String> =
                missed.map(|result| format!("{}: {}", harmless(&result.text), harmless(&result.seen))).collect();
            let what = format!("attempt {}: {good} of {} checks hold", attempt.number, results.len());
            line("checks_done", if missed.is_empty() { 1 } else { 3 }, what).shown_by(missed.join("; "))
        }
        // The note itself tells more.
        Fact::OperatorActed { verb, result, .. } if verb == "note" && Fact::is_done(result) => return None,
        Fact::OperatorActed { verb, by, result, .. } => {
            let reason =
                by.reason.as_ref().map_or_else(String::new, |reason| format!(", because: {}", harmless(reason)));
            line("operator_acted", 2, format!("operator: {}: {}", harmless(verb), harmless(result)))
                .shown_by(format!("{}{reason}", harmless(&by.who)))
        }
        Fact::SessionAdded { by, .. } => {
            line("session_added", 2, "added by hand".to_owned()).shown_by(harmless(&by.who))
        }
        Fact::AlertMoved { alert, why } => {
            let what = format!(
                "alert {} ({}) {}: {}",
                alert.id(),
                alert.severity.as_str(),
                alert.word(),
                harmless(&alert.title)
            );
            line("alert_moved", if alert.stage == Stage::Open { 3 } else { 1 }, what).shown_by(harmless(why))
        }
        Fact::DeadlineSet { at, .. } => {
            let when =
                at.map_or_else(|| "no deadline any more".to_owned(), |at| format!("to be done by {}", rfc3339(at)));
            line("deadline_set", 0, when)
        }
        Fact::Finding { finding, .. } => {
            let kind = finding.kind.as_str().replace('_', " ");
            let evidence: Vec<String> = finding.evidence.iter().map(|text| harmless(text)).collect();
            let (weight, what) = match (finding.is_open(), &finding.acted) {
                (false, _) => (1, format!("no longer {kind}")),
                (true, Some(acted)) => (3, format!("{kind}: {}; {}", harmless(&finding.what), harmless(&acted.what))),
                (true, None) => (3, format!("{kind}: {}", harmless(&finding.what))),
            };
            line("finding", weight, what).shown_by(evidence.join("; "))
        }
        Fact::LimitMet { limit, .. } => {
            let resets = limit.resets.map_or_else(String::new, |at| format!(", resets {}", rfc3339(at)));
            let asks = limit.asks.as_deref().map(harmless).unwrap_or_default();
            line("limit_met", 2, format!("usage limit{resets}")).shown_by(asks)
        }
        Fact::AttemptUsed { attempt, used } => {
            let (sum, number) = (used.total(), attempt.number);
            let tokens = short(sum.tokens.total());
            line("attempt_used", 0, format!("attempt {number} used {tokens} tokens, {}", sum.cost_words()))
        }
        Fact::Conversation { attempt, conversation } => {
            let id = conversation.id.as_deref().map_or_else(String::new, |id| format!(" {}", harmless(id)));
            let what = match (conversation.resumed, conversation.kept) {
                (true, _) => format!("goes on with conversation{id}: {}", conversation.why),
                (false, false) => format!("begins a conversation: {}", conversation.why),
                (false, true) => format!("its agent keeps conversation{id}"),
            };
            line("conversation", 0, format!("attempt {}: {what}", attempt.number))
        }
        Fact::AgentMoved { attempt, seen, .. } => {
            let weight = u8::from(seen.class.is_some() || seen.prompt.is_some());
            line("agent_moved", weight, format!("attempt {}: {} is {}", attempt.number, seen.profile, seen.words()))
                .shown_by(harmless(seen.evidence.first().map_or("", String::as_str)))
        }
        Fact::NoteMoved { note } if note.is_open() => {
            line("note_moved", 2, format!("note {}: {}", note.id(), harmless(&note.text)))
                .shown_by(harmless(&note.by.who))
        }
        Fact::NoteMoved { note } => line("note_moved", 1, format!("note {} is settled", note.id())),
        Fact::Told { told, .. } => {
            let weight = if told.kind == ToldKind::Needs { 3 } else { 1 };
            line("told", weight, format!("it says ({}): {}", told.kind.as_str(), harmless(&told.text)))
        }
        Fact::DaemonStarted { .. }
        | Fact::DaemonStopped { .. }
        | Fact::PlanAdopted { .. }
        | Fact::PlanRejected { .. }
        | Fact::NightOpened { .. }
        | Fact::NightClosing { .. }
        | Fact::NightClosed { .. }
        | Fact::TmuxStarted { .. }
        | Fact::TmuxLost { .. }
        | Fact::ProjectBase { .. }
        | Fact::ProjectSeen { .. }
        | Fact::ReportWritten { .. }
        | Fact::ClockJumped { .. }
        | Fact::Trouble { .. }
        | Fact::Cleaned { .. }
        | Fact::MessageQueued { .. }
        | Fact::MessageSettled { .. }
        | Fact::WindowBegan { .. }
        | Fact::NightEnds { .. }
        | Fact::LastNights { .. }
        | Fact::BreakerMoved { .. }
        | Fact::ProjectParked { .. }
        | Fact::DaemonCrashed { .. }
        | Fact::SafeMode { .. }
        | Fact::StoodStill { .. }
        | Fact::DocumentRead { .. }
        | Fact::FilesSeen { .. }
        | Fact::Reviewed { .. }
        | Fact::NightSummed { .. }
        | Fact::Worded { .. } => return None,
        Fact::TicketMoved { ticket, why } => {
            let weight = if ticket.is_open() { 3 } else { 1 };
            let what = format!("{} {}: {}", ticket.id(), ticket.word(), harmless(why));
            line("ticket_moved", weight, what).shown_by(harmless(&format!("{}; rule {}", ticket.words(), ticket.rule)))
        }
        Fact::DraftMoved { draft, why } => {
            let weight = if matches!(draft.stage, crate::core::draft::Stage::Failed { .. }) { 3 } else { 1 };
            let what = format!("{} {}: {}", draft.purpose.words(), draft.word(), harmless(why));
            line("draft_moved", weight, what)
        }
    })
}

fn word(state: &RunState) -> String {
    state.word().replace('_', " ")
}

fn seen(output: &OutputSeen) -> String {
    let metrics: Vec<String> = output
        .metrics
        .iter()
        .map(|(name, seen)| {
            let total = seen.total.map_or_else(String::new, |total| format!(" of {}", number(total)));
            format!("{} {}{total}", harmless(name), number(seen.value))
        })
        .collect();
    let colon = if metrics.is_empty() { "" } else { ": " };
    format!("{} of output{colon}{}", bytes(output.bytes), metrics.join(", "))
}

fn weight(to: &RunState) -> u8 {
    match to {
        RunState::Ended { outcome } => match outcome {
            Outcome::Failed | Outcome::Partial => 3,
            Outcome::Stopped | Outcome::Skipped | Outcome::Unfinished => 2,
            Outcome::Succeeded => 1,
        },
        RunState::Limited { .. } | RunState::Held | RunState::BackingOff { .. } => 2,
        RunState::Stopping { .. } => 1,
        RunState::Scheduled { .. }
        | RunState::Waiting { .. }
        | RunState::Queued
        | RunState::Starting { .. }
        | RunState::Running { .. }
        | RunState::Checking { .. } => 0,
    }
}
