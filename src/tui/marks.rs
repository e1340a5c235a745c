//! What happened while an attempt was recorded, as marks on the scrub bar, from journaled facts.

use super::player::{Mark, MarkKind};
use crate::core::fact::{Commit, Entry, Fact};
use crate::core::run::RunState;
use crate::protocol::details::SessionEvent;
use crate::status::zone::parse;
use crate::terminal::{harmless, shorten};

/// Longest text of a mark, in characters.
const TEXT_MAX: usize = 120;

/// The marks that facts about a session give, in the order of time.
pub fn from_facts<'a>(facts: impl IntoIterator<Item = &'a Entry>, session: &str) -> Vec<Mark> {
    let mut marks: Vec<Mark> = facts.into_iter().filter_map(|entry| from_fact(entry, session)).collect();
    marks.sort_by_key(|mark| mark.ms);
    // Alerts and findings are journaled anew with each change of them.
    let mut told = std::collections::BTreeSet::new();
    marks.retain(|mark| mark.kind == MarkKind::Attempt || told.insert((mark.kind, mark.what.clone())));
    marks
}

fn from_fact(entry: &Entry, session: &str) -> Option<Mark> {
    let mark = |kind, what: &str| {
        Some(Mark { ms: entry.at.wall.0, kind, what: shorten(&harmless(what), TEXT_MAX).into_owned() })
    };
    let fact = &entry.fact;
    if let Fact::AttemptStarted { attempt, .. } = fact {
        return mark(MarkKind::Attempt, &format!("attempt {} started", attempt.number))
            .filter(|_| attempt.run.session.as_str() == session);
    }
    if let Fact::AttemptEnded { attempt, verdict, .. } = fact {
        let class = verdict.as_ref().map_or("well", |verdict| verdict.class.as_str());
        return mark(MarkKind::Attempt, &format!("attempt {} ended: {class}", attempt.number))
            .filter(|_| attempt.run.session.as_str() == session);
    }
    if let Fact::RunMoved { run, to: RunState::BackingOff { .. }, .. } = fact {
        return mark(MarkKind::Attempt, "it will be tried again").filter(|_| run.session.as_str() == session);
    }
    if let Fact::AlertMoved { alert, .. } = fact {
        // Facts about an alert come with each change of it; it began once.
        let began = alert.since.0.abs_diff(entry.at.wall.0) < 120_000;
        return mark(MarkKind::Alert, &alert.title)
            .map(|mark| Mark { ms: alert.since.0, ..mark })
            .filter(|_| began && alert.session.as_deref() == Some(session));
    }
    if let Fact::Finding { run, finding } = fact {
        return mark(MarkKind::Other, &finding.what).filter(|_| run.session.as_str() == session);
    }
    if let Fact::OperatorActed { verb, target, result, .. } = fact {
        let ours = target == session || target.contains(&format!("/{session}/"));
        return mark(MarkKind::Other, &format!("{verb}: {result}")).filter(|_| ours);
    }
    None
}

/// The marks that a session's events give, as the daemon tells them.
pub fn from_events(events: &[SessionEvent]) -> Vec<Mark> {
    let kinds = [
        ("attempt_started", MarkKind::Attempt),
        ("attempt_ended", MarkKind::Attempt),
        ("alert_moved", MarkKind::Alert),
        ("finding", MarkKind::Other),
        ("operator_acted", MarkKind::Other),
    ];
    let of = |event: &SessionEvent| {
        let (_, kind) = kinds.iter().find(|(known, _)| *known == event.kind)?;
        Some(Mark {
            ms: parse(&event.at)?.0,
            kind: *kind,
            what: shorten(&harmless(&event.what), TEXT_MAX).into_owned(),
        })
    };
    events.iter().filter_map(of).collect()
}

/// The marks that commits give.
pub fn from_commits<'a>(commits: impl IntoIterator<Item = &'a Commit>) -> Vec<Mark> {
    commits
        .into_iter()
        .map(|commit| Mark {
            ms: commit.at_ms,
            kind: MarkKind::Commit,
            what: shorten(&harmless(&commit.subject), TEXT_MAX).into_owned(),
        })
        .collect()
}
