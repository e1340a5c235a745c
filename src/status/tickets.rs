//! What sessions ask, for documents and people.

use super::text::harmless;
use super::zone::rfc3339;
use crate::core::ticket::{Stage, Ticket};
use crate::protocol::prompts::{ChoiceStatus, PromptStatus};

/// Foreign text of several lines, line by line: two commands must not look like one.
fn lines(foreign: &str) -> String {
    foreign.lines().map(harmless).collect::<Vec<_>>().join("\n")
}

/// A ticket for documents.
pub fn status(ticket: &Ticket) -> PromptStatus {
    let prompt = &ticket.prompt;
    let choice = |(at, choice): (usize, &crate::core::agent::Choice)| ChoiceStatus {
        number: at + 1,
        key: choice.key.as_deref().map(harmless),
        label: harmless(&choice.label),
    };
    PromptStatus {
        ticket: ticket.id(),
        kind: prompt.kind.as_str().to_owned(),
        about: harmless(&prompt.about),
        text: lines(&prompt.text()),
        command: prompt.command.as_deref().map(lines),
        choices: prompt.choices.iter().enumerate().map(choice).collect(),
        since: rfc3339(ticket.since),
        state: ticket.word().to_owned(),
        note: ticket.note.as_deref().map(harmless),
        rule: harmless(&ticket.rule),
    }
}

/// What a ticket came to, in words.
pub fn outcome(ticket: &Ticket) -> String {
    match &ticket.stage {
        Stage::Open => {
            let parked = if ticket.parked { ", its slot is free for others" } else { "" };
            let note = ticket.note.as_deref().map_or_else(String::new, |note| format!(": {}", harmless(note)));
            format!("waits for you{parked}{note}")
        }
        Stage::Answering { answer } => format!("is being answered: {}", harmless(&answer.words)),
        Stage::Answered { answer, seen, .. } => {
            let by = match &answer.rule {
                Some(rule) => format!("the rule {}", harmless(&rule.words)),
                None => harmless(&answer.by.who),
            };
            format!("answered by {by}: {}; {}", harmless(&answer.words), harmless(seen))
        }
        Stage::Gone { .. } => "gone without an answer".to_owned(),
        Stage::Expired { .. } => "never answered; the attempt ended with it".to_owned(),
    }
}
