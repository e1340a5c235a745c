//! What becomes of drafts, by stories.

use super::*;
use crate::core::agent::{Activity, AgentSeen, Choice, Confidence, Prompt, PromptKind};
use crate::core::effect::Effect;
use crate::core::event::Event;
use crate::core::exit::FailureClass;
use crate::core::fact::Fact;
use crate::core::night::Step;
use crate::core::testing::{Desk, anna, code, name, seconds, session};
use crate::core::ticket::{Asked, Typed};

fn agent(text: &str) -> SessionPlan {
    SessionPlan { agent: Some("claude".into()), ..session(text) }
}
fn running() -> Desk {
    let mut desk = Desk::open([agent("a")]);
    desk.started("a");
    desk
}
fn idle() -> AgentSeen {
    let confidence = Confidence::High;
    AgentSeen { profile: "claude".into(), activity: Activity::Idle, confidence, ..AgentSeen::default() }
}
fn sees(desk: &mut Desk, seen: AgentSeen) {
    let attempt = desk.attempt("a");
    desk.step(Event::AgentSeen { attempt, bytes: 1, seen: Box::new(seen) });
}
fn write(desk: &mut Desk, text: &str) -> Step {
    desk.step(Event::Note { session: name("a"), text: text.into(), by: anna() })
}
fn rests(desk: &mut Desk) -> Option<(u64, String, bool)> {
    let step = desk.step(Event::Rests { attempt: desk.attempt("a") });
    typed(&step)
}
fn typed(step: &Step) -> Option<(u64, String, bool)> {
    step.effects.iter().find_map(|effect| match effect {
        Effect::TypeDraft { draft, text, again, .. } => Some((*draft, text.clone(), *again)),
        _ => None,
    })
}
fn waits(step: &Step) -> Option<u64> {
    step.effects.iter().find_map(|effect| match effect {
        Effect::AwaitRest { after, .. } => Some(after.as_secs()),
        _ => None,
    })
}
fn tell(desk: &mut Desk, draft: u64, outcome: Typed) -> Step {
    desk.step(Event::DraftTyped { draft, typed: vec!["it".into(), "enter".into()], outcome })
}
fn taken() -> Typed {
    Typed::Taken { seen: "it works on it".into() }
}
fn troubles(step: &Step) -> usize {
    step.facts.iter().filter(|entry| matches!(entry.fact, Fact::Trouble { .. })).count()
}

#[test]
fn a_note_to_one_that_runs_is_typed_once_at_its_rest_and_stays_open() {
    let mut desk = running();
    let step = write(&mut desk, "use the small batch");
    let (_, words) = step.answers().last().unwrap();
    assert!(words.contains("n1, typed when its agent next stands at its prompt"), "{words}");
    assert_eq!(waits(&step), Some(0));
    sees(&mut desk, idle());
    let (draft, text, again) = rests(&mut desk).unwrap();
    assert!(text.starts_with("A note from the operator (n1):\n\nuse the small batch\n\n") && !again, "{text}");
    assert_eq!(rests(&mut desk), None, "it is being typed");
    let step = tell(&mut desk, draft, taken());
    assert_eq!(waits(&step), None, "nothing more is to be said");
    let note = desk.night.state.notes.known[&1].clone();
    assert_eq!((note.times_given, note.typed.len(), note.is_open()), (1, 1, true));
    assert_eq!(rests(&mut desk), None);
    desk.crash();
    assert_eq!(rests(&mut desk), None);
    // Its next attempt gets it as any other note.
    desk.ends("a", code(1));
    desk.wait(seconds(3_600));
    assert_eq!(desk.night.state.notes.known[&1].times_given, 2);
    assert!(desk.night.state.drafts.known.is_empty());
    desk.started("a");
    sees(&mut desk, idle());
    assert_eq!(rests(&mut desk), None, "that had it from its start");
}

#[test]
fn it_waits_while_a_question_a_limit_or_a_failure_stands_there() {
    let mut desk = running();
    write(&mut desk, "x");
    let limit = AgentSeen { class: Some(FailureClass::UsageLimit), resumes: true, ..idle() };
    let works = AgentSeen { activity: Activity::Working, ..idle() };
    let guess = AgentSeen { confidence: Confidence::Low, ..idle() };
    let failed = AgentSeen { class: Some(FailureClass::Auth), ..idle() };
    for seen in [limit, works, guess, failed] {
        sees(&mut desk, seen.clone());
        let step = desk.step(Event::Rests { attempt: desk.attempt("a") });
        assert_eq!((typed(&step), waits(&step)), (None, Some(5)), "{seen:?}");
    }
    let prompt = Prompt {
        kind: PromptKind::Permission,
        about: "bash-command".into(),
        question: "?".into(),
        command: Some("ls".into()),
        choices: vec![Choice::default()],
        stable_since: Wall(0),
    };
    let asked = Asked { prompt, profile: "claude".into(), rule: "r@1".into(), version: None, stable: true };
    desk.step(Event::Prompted { attempt: desk.attempt("a"), asked: Some(Box::new(asked)) });
    sees(&mut desk, idle());
    assert_eq!(rests(&mut desk), None, "its ticket stands");
    desk.step(Event::Prompted { attempt: desk.attempt("a"), asked: None });
    assert!(rests(&mut desk).is_some());
}

#[test]
fn what_was_not_typed_is_tried_again_and_what_was_not_taken_is_told() {
    let mut desk = running();
    write(&mut desk, "one");
    sees(&mut desk, idle());
    let (draft, ..) = rests(&mut desk).unwrap();
    let untyped = || Typed::Untyped { why: "somebody else types".into() };
    let step = tell(&mut desk, draft, untyped());
    assert_eq!((waits(&step), troubles(&step)), (Some(30), 0));
    // What is written meanwhile goes with it, what was settled does not.
    write(&mut desk, "two");
    let (again, text, _) = rests(&mut desk).unwrap();
    assert_eq!(again, draft);
    assert!(text.contains("(n1) one") && text.contains("(n2) two"), "{text}");
    assert_eq!(waits(&tell(&mut desk, draft, untyped())), Some(60));
    desk.step(Event::NoteDone { note: "n1".into(), by: anna() });
    let (_, text, _) = rests(&mut desk).unwrap();
    assert!(!text.contains("one") && text.contains("two"), "{text}");
    let step = tell(&mut desk, draft, Typed::Ignored { why: "Enter does not send it off".into() });
    assert_eq!((waits(&step), troubles(&step)), (None, 1));
    assert_eq!(rests(&mut desk), None, "it is not typed twice");
    assert_eq!(desk.night.state.notes.known[&2].times_given, 0);
    // Another note is another matter.
    assert_eq!(waits(&write(&mut desk, "three")), Some(0));
    let (other, text, _) = rests(&mut desk).unwrap();
    assert!(other != draft && text.contains("(n3)") && !text.contains("two"), "{text}");
    for tries in 1..=TRIES_MAX {
        let step = tell(&mut desk, other, untyped());
        assert_eq!(troubles(&step), usize::from(tries == TRIES_MAX));
        assert_eq!(rests(&mut desk).is_some(), tries < TRIES_MAX);
    }
}

#[test]
fn a_daemon_that_begins_looks_after_what_may_have_been_typed() {
    let mut desk = running();
    let step = write(&mut desk, "x");
    assert!(waits(&step).is_some());
    assert_eq!(waits(&desk.crash()), Some(0), "it waits again");
    sees(&mut desk, idle());
    let (draft, text, _) = rests(&mut desk).unwrap();
    let step = desk.crash();
    assert_eq!(typed(&step), Some((draft, text, true)));
    assert_eq!(waits(&step), None);
    tell(&mut desk, draft, taken());
    let step = desk.crash();
    assert_eq!((typed(&step), waits(&step)), (None, None));
}

#[test]
fn nothing_is_typed_into_what_is_no_agent_is_stopped_or_ends_with_the_night() {
    let mut desk = Desk::open([session("a")]);
    desk.started("a");
    let step = write(&mut desk, "x");
    assert_eq!(waits(&step), None);
    assert_eq!(step.answers().last().unwrap().1, "done: n1, given to its next attempt");
    let mut desk = running();
    write(&mut desk, "x");
    sees(&mut desk, idle());
    desk.down();
    assert_eq!(rests(&mut desk), None);
    // A note that comes while it starts waits for it to run.
    let mut desk = Desk::open([agent("a")]);
    let step = write(&mut desk, "x");
    assert_eq!(waits(&step), None);
    assert_eq!(waits(&desk.started("a")), Some(0));
    desk.step(Event::NoteDone { note: "n1".into(), by: anna() });
    sees(&mut desk, idle());
    assert_eq!(rests(&mut desk), None);
}

#[test]
fn a_start_prompt_is_typed_once_and_before_any_note() {
    let mut desk = Desk::open([agent("a")]);
    let say = |desk: &mut Desk| desk.step(Event::Say { attempt: desk.attempt("a"), text: "go on\nwith it".into() });
    assert_eq!(say(&mut desk).facts.len(), 1);
    assert!(say(&mut desk).facts.is_empty(), "once");
    write(&mut desk, "x");
    assert_eq!(waits(&desk.started("a")), Some(0));
    sees(&mut desk, idle());
    let (draft, text, _) = rests(&mut desk).unwrap();
    assert_eq!(text, "go on\nwith it");
    let step = tell(&mut desk, draft, taken());
    assert_eq!(waits(&step), Some(0), "there is a note, too");
    assert!(say(&mut desk).facts.is_empty(), "it was said");
    assert!(rests(&mut desk).unwrap().1.contains("(n1)"));
}

#[test]
fn one_that_was_just_started_with_something_to_do_begins_with_that() {
    let launch = Some(crate::core::plan::Launch { prompt: Some("do it".into()), ..Default::default() });
    let mut desk = Desk::open([SessionPlan { launch, ..agent("a") }]);
    desk.started("a");
    write(&mut desk, "x");
    sees(&mut desk, idle());
    desk.pass(seconds(5));
    let step = desk.step(Event::Rests { attempt: desk.attempt("a") });
    assert_eq!((typed(&step), waits(&step)), (None, Some(10)), "its composer is there before its first turn");
    desk.pass(seconds(10));
    assert!(rests(&mut desk).is_some());
}
