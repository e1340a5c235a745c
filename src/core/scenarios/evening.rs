//! Opening, closing, and what the dates do to it.

use crate::core::effect::Effect;
use crate::core::event::{Event, Verb};
use crate::core::exit::ExitRecord;
use crate::core::fact::Fact;
use crate::core::plan::{Command, SessionPlan};
use crate::core::testing::{Desk, answer, asks, code, facts, plan, seconds, session, session_after, with_project};
use std::time::Duration;

fn reports(step: &crate::core::night::Step) -> usize {
    asks(step, |effect| matches!(effect, Effect::WriteReport { .. }))
}

fn over(step: &crate::core::night::Step) -> usize {
    asks(step, |effect| matches!(effect, Effect::NightOver { .. }))
}

fn written(desk: &mut Desk) {
    let night = desk.night.state.night.as_ref().unwrap().id.clone();
    desk.step(Event::ReportWritten { night, files: vec!["x.md".to_owned()] });
}

#[test]
fn up_opens_the_night_notes_the_bases_and_queues_all_that_are_not_disabled() {
    let off = SessionPlan { disabled: true, ..session("off") };
    let mut desk = Desk::new(with_project(plan([session("a"), off]), "home", "/home/anna"));
    let step = desk.up(&[]);
    assert_eq!(asks(&step, |effect| matches!(effect, Effect::NoteBase { .. })), 1);
    assert_eq!((desk.word("a"), desk.word("off")), ("starting", "none"));
    let again = desk.up(&[]);
    assert_eq!(answer(&again), "done: nothing to queue that is not queued, running or ended already");
    desk.up(&["off"]);
    assert_eq!(desk.word("off"), "starting", "named, it runs");
}

#[test]
fn up_with_an_unknown_name_does_nothing() {
    let mut desk = Desk::new(plan([session("a")]));
    let step = desk.up(&["a", "b"]);
    assert_eq!(answer(&step), "no such session: b");
    assert!(desk.night.state.night.is_none());
}

#[test]
fn the_report_is_asked_for_when_the_night_settles_and_again_when_it_closes() {
    let mut desk = Desk::open([session("a"), session("b")]);
    assert_eq!(reports(&desk.runs("a", code(0))), 0);
    assert_eq!(reports(&desk.runs("b", code(127))), 1);
    written(&mut desk);
    let step = desk.down();
    assert_eq!((reports(&step), over(&step)), (1, 1));
    assert_eq!(facts(&step, |fact| matches!(fact, Fact::NightClosed { .. })), 1);
}

#[test]
fn a_held_session_settles_the_night() {
    let mut desk = Desk::open([session("a"), session_after("b", &["a"]), session("c")]);
    desk.runs("a", code(1));
    assert_eq!(reports(&desk.runs("c", code(0))), 0);
    let step = desk.step(Event::Operator {
        verb: Verb::Hold,
        session: "a".parse().unwrap(),
        by: crate::core::testing::anna(),
    });
    assert_eq!(reports(&step), 1);
    assert_eq!(desk.word("b"), "waiting");
}

#[test]
fn down_stops_what_runs_and_closes_when_that_is_through() {
    let mut desk = Desk::open([session("a"), session_after("b", &["a"]), session("c")]);
    desk.started("a");
    desk.runs("c", code(1));
    let step = desk.down();
    assert_eq!((desk.word("a"), desk.word("b"), desk.word("c")), ("stopping", "unfinished", "unfinished"));
    assert_eq!((reports(&step), over(&step)), (0, 0));
    assert_eq!(desk.verb(Verb::Start, "c"), "the night is ending");
    let step = desk.ends("a", ExitRecord { stopped: true, ..code(130) });
    assert_eq!((desk.word("a"), reports(&step), over(&step)), ("unfinished", 1, 1));
    assert!(desk.run("a").last_attempt().unwrap().verdict.as_ref().is_some_and(|verdict| !verdict.counted));
}

#[test]
fn down_now_does_not_wait_for_the_grace() {
    let mut desk = Desk::open([session("a")]);
    desk.started("a");
    desk.down();
    let step = desk.step(Event::Down { now: true, by: crate::core::testing::anna() });
    assert!(matches!(&step.effects[..], [Effect::Stop { grace: Duration::ZERO, .. }]), "{:?}", step.effects);
}

#[test]
fn a_session_that_finished_before_the_stop_reached_it_is_checked_while_the_night_closes() {
    let mut desk = Desk::open([SessionPlan { verify: Some(Command::Shell("true".into())), ..session("a") }]);
    desk.started("a");
    desk.down();
    let step = desk.ends("a", code(0));
    assert_eq!((asks(&step, |effect| matches!(effect, Effect::Check { .. })), over(&step)), (1, 0));
    let attempt = desk.attempt("a");
    let step = desk.step(Event::Checked { attempt, results: Vec::new() });
    assert_eq!((desk.word("a"), over(&step)), ("partial", 1));
}

#[test]
fn a_night_that_was_closed_runs_everything_again_when_it_is_opened_again() {
    let mut desk = Desk::open([session("a"), session("b")]);
    desk.runs("a", code(0));
    desk.runs("b", code(127));
    desk.down();
    desk.up(&[]);
    assert_eq!((desk.run("a").id.number, desk.run("b").id.number), (2, 2));
    assert!(desk.run("b").redriven_from.is_some(), "the dead letter got its second chance");
}

#[test]
fn up_while_the_night_closes_keeps_it_open() {
    let mut desk = Desk::open([session("a"), session("b")]);
    desk.started("a");
    desk.runs("b", code(1));
    desk.down();
    desk.up(&[]);
    assert!(!desk.night.state.closing());
    let step = desk.ends("a", ExitRecord { stopped: true, ..code(130) });
    assert_eq!((desk.word("a"), desk.word("b"), over(&step)), ("starting", "starting", 0));
    assert_eq!(desk.run("b").id.number, 2, "it had ended as unfinished");
}

#[test]
fn an_open_night_goes_on_past_midnight() {
    let mut desk = Desk::open([session("a"), session("b")]);
    desk.runs("a", code(0));
    desk.pass(seconds(3 * 3600));
    desk.up_on("2026-11-22", &["a"]);
    assert_eq!(desk.run("a").id.to_string(), "2026-11-21/a/2");
}

#[test]
fn a_night_forgotten_open_is_closed_by_the_next_one() {
    let mut desk = Desk::open([session("a"), session("b")]);
    desk.runs("a", code(0));
    desk.runs("b", code(1));
    desk.pass(seconds(24 * 3600));
    let step = desk.up_on("2026-11-22", &[]);
    assert_eq!((reports(&step), desk.run("a").id.to_string().as_str()), (1, "2026-11-22/a/1"));
    let closed: Vec<_> = step.facts.iter().filter(|entry| matches!(entry.fact, Fact::NightClosed { .. })).collect();
    assert_eq!(closed.len(), 1);
}

#[test]
fn a_clock_that_was_set_back_opens_the_last_night_again_and_no_id_comes_twice() {
    let mut desk = Desk::open([session("a")]);
    desk.runs("a", code(0));
    desk.down();
    let step = desk.up_on("2025-01-01", &[]);
    assert_eq!(desk.run("a").id.to_string(), "2026-11-21/a/2");
    assert_eq!(facts(&step, |fact| matches!(fact, Fact::Trouble { .. })), 1);
}

#[test]
fn dead_letters_are_carried_over_until_they_are_sent_again() {
    let mut desk = Desk::open([session("a"), session("b")]);
    desk.runs("a", code(127));
    desk.runs("b", code(0));
    let dead = desk.run("a").id.clone();
    desk.down();
    desk.pass(seconds(24 * 3600));
    desk.load(plan([session("a"), session("b"), SessionPlan { disabled: true, ..session("c") }]));
    desk.up_on("2026-11-22", &["b"]);
    assert_eq!(desk.night.state.runs.len(), 2, "one of tonight, one dead letter");
    desk.crash();
    desk.step(Event::Redrive { run: dead.clone(), by: crate::core::testing::anna() });
    assert_eq!(desk.run("a").id.to_string(), "2026-11-22/a/1");
    desk.runs("a", code(0));
    desk.runs("b", code(0));
    desk.crash();
    desk.down();
    desk.pass(seconds(24 * 3600));
    desk.up_on("2026-11-23", &["b"]);
    assert!(!desk.night.state.runs.contains_key(&dead), "it had its second chance");
    desk.crash();
}

#[test]
fn down_without_an_open_night_still_ends_the_daemon() {
    let mut desk = Desk::open([session("a")]);
    desk.runs("a", code(0));
    desk.down();
    assert_eq!(over(&desk.down()), 1);
}
