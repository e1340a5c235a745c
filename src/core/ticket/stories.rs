//! Tickets as they live, told to the whole core.

use super::policy::{AnswerKind, AnswerRule};
use super::{Asked, HOLDS_SLOT, Say, Stage, Ticket, Typed};
use crate::core::agent::{Choice, Prompt, PromptKind};
use crate::core::effect::Effect;
use crate::core::event::{Event, Verb};
use crate::core::fact::Fact;
use crate::core::plan::SessionPlan;
use crate::core::testing::{Desk, anna, code, name, plan, seconds, session};
use crate::core::time::Wall;

fn asked(command: &str) -> Asked {
    let labels = ["Yes", "Yes, and don't ask again", "No"];
    let choice = |(at, label): (usize, &&str)| Choice {
        label: (*label).to_owned(),
        key: Some((at + 1).to_string()),
        selected: at == 0,
    };
    Asked {
        prompt: Prompt {
            kind: PromptKind::Permission,
            about: "bash-command".to_owned(),
            question: "Do you want to proceed?".to_owned(),
            command: Some(command.to_owned()),
            choices: labels.iter().enumerate().map(choice).collect(),
            stable_since: Wall(0),
        },
        profile: "claude".to_owned(),
        rule: "claude/permission-bash@1".to_owned(),
        version: None,
        stable: true,
    }
}

fn ruled(rules: Vec<AnswerRule>) -> SessionPlan {
    SessionPlan { answers: rules, ..session("a") }
}

fn rule(command: &str, answer: AnswerKind, max_per_hour: u32) -> AnswerRule {
    AnswerRule { prompt: "bash-command".to_owned(), command: Some(command.to_owned()), answer, max_per_hour }
}

/// A desk with one session that runs.
fn desk(session: SessionPlan) -> Desk {
    let mut desk = Desk::open([session]);
    desk.started("a");
    desk
}

fn asks(desk: &mut Desk, asked: Option<Asked>) {
    let attempt = desk.attempt("a");
    desk.step(Event::Prompted { attempt, asked: asked.map(Box::new) });
}

fn answers(desk: &mut Desk, said: &str, ticket: Option<&str>) -> String {
    let event =
        Event::Answer { session: name("a"), said: said.to_owned(), ticket: ticket.map(str::to_owned), by: anna() };
    let step = desk.step(event);
    step.answers().map(|(_, words)| words.to_owned()).collect()
}

fn typed(desk: &mut Desk, ticket: u64, outcome: Typed) {
    desk.step(Event::AnswerTyped { ticket, typed: vec!["1".to_owned()], outcome });
}

fn taken() -> Typed {
    Typed::Taken { seen: "it is gone".to_owned() }
}

fn ticket(desk: &Desk, number: u64) -> &Ticket {
    &desk.night.state.tickets.known[&number]
}

fn word(desk: &Desk, number: u64) -> &'static str {
    ticket(desk, number).word()
}

/// What is to be typed by the last step.
fn to_type(desk: &Desk) -> Vec<(u64, Say)> {
    let wanted = |effect: &Effect| match effect {
        Effect::Answer { ticket, say, .. } => Some((*ticket, say.clone())),
        _ => None,
    };
    desk.effects.iter().filter_map(wanted).collect()
}

#[test]
fn the_same_question_is_one_ticket_and_another_one_another() {
    let mut desk = desk(session("a"));
    for _ in 0..3 {
        asks(&mut desk, Some(asked("git push")));
    }
    assert_eq!(desk.night.state.tickets.known.len(), 1);
    asks(&mut desk, Some(asked("git fetch")));
    assert_eq!((word(&desk, 1), word(&desk, 2)), ("gone", "open"));
    asks(&mut desk, None);
    assert_eq!(word(&desk, 2), "gone");
    desk.wait(seconds(2));
    asks(&mut desk, Some(asked("git fetch")));
    assert_eq!((word(&desk, 2), desk.night.state.tickets.known.len()), ("open", 2), "its screen was only drawn anew");
    asks(&mut desk, None);
    desk.wait(seconds(6));
    asks(&mut desk, Some(asked("git fetch")));
    assert_eq!(word(&desk, 3), "open");
}

#[test]
fn a_person_answers_once_and_twice_is_harmless() {
    let mut desk = desk(session("a"));
    assert_eq!(answers(&mut desk, "yes", None), "a asks nothing");
    asks(&mut desk, Some(asked("git push")));
    assert!(to_type(&desk).is_empty(), "without a rule nothing is answered");
    assert!(answers(&mut desk, "maybe", None).contains("none of its choices"));
    assert_eq!(answers(&mut desk, "yes", Some("t1")), "done: t1 is answered: 1 Yes");
    assert_eq!(to_type(&desk), [(1, Say::Choice { number: 1 })]);
    assert_eq!(answers(&mut desk, "1", None), "done: it is being answered already: 1 Yes");
    assert!(to_type(&desk).is_empty());
    assert!(answers(&mut desk, "no", None).starts_with("t1 is being answered by"));
    asks(&mut desk, None);
    assert_eq!(word(&desk, 1), "answering", "whoever types it sees what comes of it");
    typed(&mut desk, 1, taken());
    assert_eq!(word(&desk, 1), "answered");
    assert_eq!(answers(&mut desk, "yes", None), "done: it was answered already: 1 Yes");
    assert!(answers(&mut desk, "no", None).starts_with("a asks nothing; its last question was answered by"));
    typed(&mut desk, 1, Typed::Ignored { why: "late".to_owned() });
    assert_eq!(word(&desk, 1), "answered", "what is over stays as it is");
}

#[test]
fn what_nobody_answers_gives_its_slot_to_others_and_counts_again_once_it_is_answered() {
    let mut one = plan([session("a"), session("b"), session("c")]);
    one.concurrent = 1;
    let mut desk = Desk::new(one);
    desk.up(&[]);
    desk.started("a");
    asks(&mut desk, Some(asked("git push")));
    let looks = |desk: &mut Desk, wait| {
        desk.wait(wait);
        [desk.word("a"), desk.word("b"), desk.word("c")]
    };
    assert_eq!(looks(&mut desk, HOLDS_SLOT - seconds(1)), ["running", "queued", "queued"]);
    assert_eq!(looks(&mut desk, seconds(1)), ["running", "starting", "queued"]);
    assert_eq!((word(&desk, 1), ticket(&desk, 1).parked), ("open", true));
    desk.started("b");
    answers(&mut desk, "yes", None);
    typed(&mut desk, 1, taken());
    assert_eq!((desk.night.state.slots_taken(), desk.night.state.slots()), (2, 1), "it goes on, on top");
    desk.ends("b", code(0));
    assert_eq!(desk.word("c"), "queued", "it counts again");
}

#[test]
fn an_answer_is_for_the_question_that_was_seen() {
    let mut desk = desk(session("a"));
    asks(&mut desk, Some(asked("git push")));
    asks(&mut desk, Some(asked("rm -rf /")));
    let words = answers(&mut desk, "yes", Some("t1"));
    assert_eq!(words, "t1 is over; it asks: Do you want to proceed? rm -rf / now (t2)");
    assert!(to_type(&desk).is_empty());
    assert_eq!(answers(&mut desk, "yes", Some("t7")), "a has no ticket t7");
}

#[test]
fn what_was_not_taken_is_open_again_and_no_rule_tries_anew() {
    let mut desk = desk(ruled(vec![rule("^git ", AnswerKind::Allow, 20)]));
    asks(&mut desk, Some(asked("git push")));
    assert_eq!(to_type(&desk), [(1, Say::Choice { number: 1 })]);
    typed(&mut desk, 1, Typed::Ignored { why: "it still asks the same".to_owned() });
    assert_eq!(ticket(&desk, 1).stage, Stage::Open);
    let note = ticket(&desk, 1).note.clone();
    assert_eq!(note.as_deref(), Some("the answer \"1 Yes\" was typed 1, and it still asks the same"));
    asks(&mut desk, Some(asked("git push")));
    assert!(to_type(&desk).is_empty());
    assert_eq!(answers(&mut desk, "yes", None), "done: t1 is answered: 1 Yes");
}

#[test]
fn a_rule_answers_only_what_stands_still_and_is_journaled_with_its_hash() {
    let allow = rule("^git (push|fetch)", AnswerKind::Allow, 1);
    let hash = allow.hash();
    let mut desk = desk(ruled(vec![allow]));
    asks(&mut desk, Some(Asked { stable: false, ..asked("git push") }));
    assert_eq!((word(&desk, 1), to_type(&desk).len()), ("open", 0));
    asks(&mut desk, Some(asked("git push")));
    assert_eq!(to_type(&desk).len(), 1);
    assert_eq!(ticket(&desk, 1).answer().and_then(|answer| answer.rule.clone()).map(|rule| rule.hash), Some(hash));
    typed(&mut desk, 1, taken());
    asks(&mut desk, Some(asked("git fetch")));
    assert_eq!((word(&desk, 2), to_type(&desk).len()), ("open", 0), "once an hour is its most");
    assert!(ticket(&desk, 2).note.as_deref().is_some_and(|note| note.contains("within an hour")));
    desk.crash();
    typed(&mut desk, 2, taken());
    asks(&mut desk, Some(asked("git fetch")));
    assert_eq!(to_type(&desk).len(), 0, "a restart gives no more answers");
    asks(&mut desk, None);
    desk.wait(seconds(3_600));
    asks(&mut desk, Some(asked("git fetch origin")));
    assert_eq!(to_type(&desk).len(), 1);
}

#[test]
fn a_rule_that_was_taken_out_of_the_file_answers_nothing_more() {
    let mut desk = desk(ruled(vec![rule("^git ", AnswerKind::Allow, 20)]));
    desk.load(plan([session("a")]));
    asks(&mut desk, Some(asked("git push")));
    assert!(to_type(&desk).is_empty());
}

#[test]
fn a_new_daemon_asks_for_the_answer_again_and_says_so() {
    let mut desk = desk(session("a"));
    asks(&mut desk, Some(asked("git push")));
    answers(&mut desk, "yes", None);
    let before = desk.night.state.tickets.clone();
    let again = |effect: &Effect| matches!(effect, Effect::Answer { ticket: 1, again: true, .. });
    let step = desk.crash();
    assert_eq!(desk.night.state.tickets, before);
    assert_eq!(step.effects.iter().filter(|effect| again(effect)).count(), 1);
    asks(&mut desk, Some(asked("git push")));
    assert_eq!(desk.night.state.tickets.known.len(), 1);
    typed(&mut desk, 1, taken());
    let step = desk.daemon_starts();
    assert!(!step.effects.iter().any(|effect| matches!(effect, Effect::Answer { .. })));
}

#[test]
fn a_ticket_ends_with_its_attempt_and_nothing_is_typed_at_one_that_is_stopped() {
    let mut desk = desk(session("a"));
    asks(&mut desk, Some(asked("git push")));
    desk.step(Event::Operator { verb: Verb::Stop, session: name("a"), by: anna() });
    assert_eq!(answers(&mut desk, "yes", None), "a is being stopped");
    desk.runs("a", code(0));
    assert_eq!(word(&desk, 1), "expired");
    assert_eq!(answers(&mut desk, "yes", None), "a asks nothing any more");
    desk.crash();
    assert_eq!(word(&desk, 1), "expired");
}

#[test]
fn somebody_is_told_for_as_long_as_nobody_answers() {
    let mut desk = desk(session("a"));
    asks(&mut desk, Some(asked("git push")));
    let alerts = |desk: &Desk| {
        let all = desk.night.state.alerts.standing();
        all.iter().filter(|alert| alert.kind == "waiting_for_you").map(|alert| alert.body.clone()).collect::<Vec<_>>()
    };
    desk.wait(seconds(60));
    let told = alerts(&desk);
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("git push") && told[0].contains("nightkeep answer a --ticket t1"), "{}", told[0]);
    answers(&mut desk, "yes", None);
    typed(&mut desk, 1, taken());
    desk.wait(seconds(600));
    assert!(alerts(&desk).is_empty());
    let moved = |fact: &Fact| matches!(fact, Fact::TicketMoved { .. });
    assert_eq!(desk.journal.iter().filter(|entry| moved(&entry.fact)).count(), 3);
}
