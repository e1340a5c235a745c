//! A changed file, while sessions run and wait.

use crate::core::effect::Effect;
use crate::core::event::{Event, Verb};
use crate::core::fact::Fact;
use crate::core::plan::SessionPlan;
use crate::core::testing::{Desk, asks, code, facts, plan, seconds, session, session_after};

fn changes(step: &crate::core::night::Step) -> Vec<String> {
    let adopted = step.facts.iter().find_map(|entry| match &entry.fact {
        Fact::PlanAdopted { changes, .. } => Some(changes.clone()),
        _ => None,
    });
    adopted.unwrap_or_default()
}

#[test]
fn the_same_file_is_not_adopted_again_and_a_broken_one_changes_nothing() {
    let mut desk = Desk::open([session("a")]);
    let before = desk.night.state.plan.clone();
    assert!(desk.load(before.clone()).facts.is_empty());
    let step = desk.step(Event::PlanBroken { problem: "sessions.toml:3:1: no".to_owned() });
    assert_eq!(facts(&step, |fact| matches!(fact, Fact::PlanRejected { .. })), 1);
    assert_eq!(desk.night.state.plan, before);
}

#[test]
fn what_changed_is_said_line_by_line() {
    let mut desk = Desk::new(plan([session("a"), session("b"), session("c")]));
    let mut new =
        plan([session("a"), SessionPlan { priority: 3, timeout: Some(seconds(9)), ..session("b") }, session("d")]);
    new.concurrent = 2;
    let step = desk.load(new);
    assert_eq!(
        changes(&step),
        ["concurrent: 4 -> 2", "session b changed: priority, timeout", "session d added", "session c removed"]
    );
}

#[test]
fn a_running_session_is_judged_by_the_plan_it_was_started_with() {
    let mut desk = Desk::open([SessionPlan { timeout: Some(seconds(600)), ..session("a") }]);
    desk.started("a");
    let mut changed = session("a");
    changed.success.exit_codes = vec![9];
    changed.timeout = Some(seconds(1));
    let step = desk.load(plan([changed]));
    assert!(step.effects.is_empty(), "{:?}", step.effects);
    desk.wait(seconds(60));
    assert_eq!(desk.word("a"), "running");
    desk.ends("a", code(0));
    assert_eq!(desk.word("a"), "succeeded");
}

#[test]
fn a_retry_uses_the_changed_plan() {
    let mut desk = Desk::open([session("a")]);
    desk.runs("a", code(1));
    let mut changed = session("a");
    changed.success.exit_codes = vec![9];
    desk.load(plan([changed]));
    desk.wait(seconds(10));
    desk.runs("a", code(9));
    assert_eq!(desk.word("a"), "succeeded");
}

#[test]
fn a_session_taken_out_while_it_runs_goes_on_and_is_not_retried() {
    let mut desk = Desk::open([session("a"), session("b"), session("c")]);
    desk.started("a");
    desk.runs("b", code(1));
    desk.load(plan([session("c")]));
    assert_eq!((desk.word("a"), desk.run("a").removed), ("running", true));
    assert_eq!((desk.word("b"), desk.run("b").reason.as_str()), ("failed", "removed from the file"));
    assert_eq!(desk.verb(Verb::Restart, "a"), "it was removed from the file");
    desk.ends("a", code(1));
    assert_eq!(
        (desk.word("a"), desk.run("a").reason.as_str()),
        ("failed", "exit 1; not tried again: it was removed from the file")
    );
}

#[test]
fn a_session_that_comes_back_into_the_file_is_no_longer_removed() {
    let mut desk = Desk::open([session("a"), session("c")]);
    desk.started("a");
    desk.load(plan([session("c")]));
    desk.load(plan([session("a"), session("c")]));
    assert!(!desk.run("a").removed);
    desk.crash();
    desk.ends("a", code(1));
    assert_eq!(desk.word("a"), "backing_off");
}

#[test]
fn what_waited_for_a_session_taken_out_before_it_ran_is_skipped_and_comes_back_with_it() {
    let mut desk = Desk::open([session("a"), session_after("b", &["a"]), session_after("c", &["b"])]);
    desk.started("a");
    desk.load(plan([session("a"), session_after("c", &["a"])]));
    assert_eq!((desk.word("b"), desk.run("b").reason.as_str()), ("skipped", "removed from the file"));
    assert_eq!(desk.word("c"), "waiting", "it now comes after a");
    desk.load(plan([session("a"), session_after("b", &["a"]), session_after("c", &["b"])]));
    assert_eq!((desk.word("b"), desk.run("b").id.number), ("waiting", 2));
}

#[test]
fn new_sessions_join_the_open_night_only() {
    let mut desk = Desk::new(plan([session("a")]));
    desk.load(plan([session("a"), session("b")]));
    assert_eq!(desk.word("b"), "none");
    desk.up(&["a"]);
    let off = SessionPlan { disabled: true, ..session("d") };
    let step = desk.load(plan([session("a"), session("b"), session("c"), off]));
    assert_eq!(Desk::started_sessions(&step), ["c"]);
    assert_eq!((desk.word("b"), desk.word("d")), ("none", "none"));
}

#[test]
fn a_queued_session_that_now_comes_after_something_waits_for_it() {
    let mut desk = Desk::new(plan([session("a"), session("b")]));
    let mut one = desk.night.state.plan.clone();
    one.concurrent = 1;
    desk.load(one);
    desk.up(&[]);
    assert_eq!(desk.word("b"), "queued");
    let mut changed = plan([session("a"), session_after("b", &["a"])]);
    changed.concurrent = 3;
    desk.load(changed);
    assert_eq!(desk.word("b"), "waiting");
    desk.runs("a", code(0));
    assert_eq!(desk.word("b"), "starting");
}

#[test]
fn a_session_disabled_in_the_file_is_not_started_again() {
    let mut desk = Desk::open([session("a"), session("b")]);
    desk.started("a");
    desk.runs("b", code(1));
    let off = |text| SessionPlan { disabled: true, ..session(text) };
    desk.load(plan([off("a"), off("b")]));
    assert_eq!((desk.word("a"), desk.word("b")), ("running", "failed"));
    desk.ends("a", code(1));
    assert_eq!(desk.word("a"), "failed");
}

#[test]
fn fewer_slots_stop_nothing_and_fewer_attempts_end_the_next_start() {
    let mut desk = Desk::open([session("a"), session("b")]);
    desk.started("a");
    desk.started("b");
    let mut less = plan([session("a"), session("b")]);
    less.concurrent = 1;
    for session in less.sessions.values_mut() {
        session.retry.max_attempts = 1;
    }
    let step = desk.load(less);
    assert_eq!(asks(&step, |effect| matches!(effect, Effect::Stop { .. })), 0);
    desk.ends("a", code(1));
    desk.wait(seconds(10));
    assert_eq!(desk.word("a"), "queued", "b has the one slot");
    desk.ends("b", code(0));
    assert_eq!((desk.word("a"), desk.run("a").reason.as_str()), ("failed", "1 of 1 attempts are used up"));
}
