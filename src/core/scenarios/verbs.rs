//! Every verb in every state.

use crate::core::event::{Event, Verb, When};
use crate::core::plan::{Command, RetryPolicy, SessionPlan};
use crate::core::run::RunState;
use crate::core::testing::{Desk, anna, asks, code, facts, name, plan, seconds, session, session_after};
use crate::core::{effect::Effect, fact::Fact};

const VERBS: [Verb; 6] = [Verb::Start, Verb::Stop, Verb::Restart, Verb::Hold, Verb::Release, Verb::Skip];

/// The session `x`, in a state, beside `first` that it may wait for.
fn desk(state: &str) -> Desk {
    let slow = SessionPlan { retry: RetryPolicy { max_attempts: 3, ..session("x").retry }, ..session("x") };
    let mut desk = match state {
        "no run" => {
            let mut desk = Desk::new(plan([session("first"), slow]));
            desk.up(&["first"]);
            desk
        }
        "waiting" => Desk::open([session("first"), session_after("x", &["first"])]),
        "checking" => Desk::open([SessionPlan { verify: Some(Command::Shell("true".into())), ..slow }]),
        "timing out" => Desk::open([SessionPlan { timeout: Some(seconds(60)), ..slow }]),
        _ => Desk::open([slow]),
    };
    match state {
        "no run" | "waiting" | "starting" => {}
        "queued" => {
            // The one slot is taken by another.
            desk = Desk::new(plan([SessionPlan { priority: 1, ..session("first") }, session("x")]));
            let mut one = desk.night.state.plan.clone();
            one.concurrent = 1;
            desk.load(one);
            desk.up(&[]);
        }
        "running" => {
            desk.started("x");
        }
        "checking" | "succeeded" => {
            desk.runs("x", code(0));
        }
        "backing_off" => {
            desk.runs("x", code(1));
        }
        "held" => {
            desk.runs("x", code(1));
            desk.verb(Verb::Hold, "x");
        }
        "stopping" | "stopped" => {
            desk.started("x");
            desk.verb(Verb::Stop, "x");
        }
        "restarting" => {
            desk.started("x");
            desk.verb(Verb::Restart, "x");
        }
        "timing out" => {
            desk.started("x");
            desk.wait(seconds(60));
        }
        "failed" => {
            desk.runs("x", code(127));
        }
        "skipped" => {
            desk.started("x");
            desk.verb(Verb::Skip, "x");
        }
        other => panic!("no such state: {other}"),
    }
    if matches!(state, "stopped" | "skipped") {
        desk.ends("x", code(0));
    }
    desk
}

/// The state after, with what a stop leads to.
fn shown(desk: &Desk) -> String {
    let run = desk.night.state.latest_run(&name("x"));
    let Some(run) = run else { return "none".to_owned() };
    let held = if run.held { "+held" } else { "" };
    match &run.state {
        RunState::Stopping { then, .. } => format!("{}/stopping>{then:?}{held}", run.id.number),
        RunState::Checking { .. } => format!("{}/checking{held}", run.id.number),
        state => format!("{}/{}{held}", run.id.number, state.word()),
    }
}

#[test]
fn every_verb_in_every_state() {
    let states = [
        "no run",
        "waiting",
        "queued",
        "starting",
        "running",
        "checking",
        "backing_off",
        "held",
        "stopping",
        "restarting",
        "timing out",
        "succeeded",
        "failed",
        "stopped",
        "skipped",
    ];
    let mut table = String::new();
    for state in states {
        for verb in VERBS {
            let mut desk = desk(state);
            let step = desk.step(Event::Operator { verb, session: name("x"), by: anna() });
            let answer = crate::core::testing::answer(&step);
            let stops = if asks(&step, |effect| matches!(effect, Effect::Stop { .. })) > 0 { " STOP" } else { "" };
            let starts = if asks(&step, |effect| matches!(effect, Effect::Start { .. })) > 0 { " START" } else { "" };
            table.push_str(&format!("{state:<12}{:<8}{}{stops}{starts} | {answer}\n", verb.as_str(), shown(&desk)));
            assert_eq!(facts(&step, |fact| matches!(fact, Fact::OperatorActed { .. })), 1, "{state} {}", verb.as_str());
            assert_eq!(desk.night.state.check(), Ok(()), "{state} {}", verb.as_str());
        }
    }
    let expected = include_str!("verbs.txt");
    assert!(table == expected, "the table is now:\n{table}");
}

#[test]
fn a_verb_said_twice_does_what_it_did_once() {
    for state in ["no run", "waiting", "queued", "running", "checking", "backing_off", "held", "stopping", "succeeded"]
    {
        for verb in [Verb::Stop, Verb::Hold, Verb::Release, Verb::Skip] {
            let mut desk = desk(state);
            desk.verb(verb, "x");
            let once = shown(&desk);
            let again = desk.step(Event::Operator { verb, session: name("x"), by: anna() });
            assert_eq!(shown(&desk), once, "{} in {state}", verb.as_str());
            assert_eq!(again.facts.len(), 1, "{} in {state} does something again", verb.as_str());
            assert!(again.effects.is_empty(), "{} in {state} does something again", verb.as_str());
        }
    }
}

#[test]
fn an_unknown_session_and_a_closed_night_are_refused() {
    let mut desk = Desk::open([session("x")]);
    assert_eq!(desk.verb(Verb::Start, "y"), "no such session: y");
    desk.runs("x", code(0));
    desk.down();
    for verb in [Verb::Start, Verb::Restart] {
        assert_eq!(desk.verb(verb, "x"), "no night is open: `nightkeep up` opens one");
    }
    assert!(Fact::is_done(&desk.verb(Verb::Stop, "x")));
}

#[test]
fn a_restart_takes_no_attempt_and_gives_a_fresh_count() {
    let mut desk = Desk::open([session("x")]);
    desk.runs("x", code(1));
    desk.wait(seconds(10));
    desk.started("x");
    assert_eq!(desk.run("x").counted, 1);
    desk.verb(Verb::Restart, "x");
    assert_eq!(desk.run("x").counted, 0);
    desk.ends("x", code(143));
    let run = desk.run("x");
    assert_eq!((run.state.word(), run.counted, run.attempts.len()), ("starting", 0, 3));
}

#[test]
fn a_hold_of_a_running_session_keeps_its_next_attempt_back() {
    let mut desk = Desk::open([session("x")]);
    desk.started("x");
    desk.verb(Verb::Hold, "x");
    assert_eq!(desk.word("x"), "running");
    desk.ends("x", code(1));
    assert_eq!(desk.word("x"), "held");
    desk.wait(seconds(3600));
    assert_eq!(desk.word("x"), "held");
    desk.verb(Verb::Release, "x");
    assert_eq!(desk.word("x"), "starting");
}

#[test]
fn a_dead_letter_gets_a_second_run_and_is_no_longer_one() {
    let mut desk = Desk::open([session("x")]);
    desk.runs("x", code(127));
    let dead = desk.run("x").id.clone();
    assert_eq!(desk.night.state.dead_letters().count(), 1);
    let step = desk.step(Event::Redrive { run: dead.clone(), by: anna() });
    assert_eq!(crate::core::testing::answer(&step), "done: queued as 2026-11-21/x/2");
    assert_eq!(desk.run("x").redriven_from, Some(dead.clone()));
    assert_eq!(desk.night.state.dead_letters().count(), 0);
    assert_eq!(desk.night.state.runs[&dead].state.word(), "failed", "the dead letter stays as it was");
    let again = desk.step(Event::Redrive { run: dead, by: anna() });
    assert_eq!(crate::core::testing::answer(&again), "done: it was sent again already as 2026-11-21/x/2");
    desk.runs("x", code(0));
    let good = desk.run("x").id.clone();
    let refused = desk.step(Event::Redrive { run: good, by: anna() });
    assert_eq!(crate::core::testing::answer(&refused), "2026-11-21/x/2 is no dead letter: it is succeeded");
}

#[test]
fn a_scheduled_session_starts_at_its_time_and_not_before() {
    let mut desk = Desk::open([session("x"), session_after("y", &["x"])]);
    let schedule = |desk: &mut Desk, session: &str, when: When| {
        let session = name(session);
        crate::core::testing::answer(&desk.step(Event::Schedule { session, when, by: anna() }))
    };
    assert_eq!(schedule(&mut desk, "x", When::InSeconds(60)), "2026-11-21/x/1 runs; stop it first");
    assert_eq!(schedule(&mut desk, "gone", When::InSeconds(60)), "no such session: gone");
    assert!(schedule(&mut desk, "y", When::InSeconds(60)).starts_with("done: 2026-11-21/y/1 starts at "));
    assert_eq!(desk.word("y"), "scheduled");
    desk.wait(seconds(61));
    assert_eq!(desk.word("y"), "waiting", "what it comes after still holds it up");
    desk.runs("x", code(0));
    desk.runs("y", code(0));
    assert!(schedule(&mut desk, "x", When::InSeconds(600)).starts_with("done: 2026-11-21/x/2 starts at "));
    desk.wait(seconds(599));
    assert_eq!(desk.word("x"), "scheduled");
    desk.wait(seconds(2));
    assert_eq!(desk.word("x"), "starting");
}

#[test]
fn an_added_session_is_for_its_night_only() {
    let mut desk = Desk::open([session("x")]);
    let add = |desk: &mut Desk, session: SessionPlan| {
        let step = desk.step(Event::Add { session: Box::new(session), by: anna() });
        crate::core::testing::answer(&step)
    };
    assert_eq!(add(&mut desk, session_after("extra", &["x"])), "done: queued as 2026-11-21/extra/1");
    assert_eq!(add(&mut desk, session_after("extra", &["x"])), "done: it is there already");
    assert_eq!(add(&mut desk, session("x")), "done: it is there already");
    assert_eq!(add(&mut desk, session_after("x", &["extra"])), "there is a session x already");
    assert_eq!(add(&mut desk, session_after("more", &["gone"])), "no such session: gone");
    desk.runs("x", code(0));
    desk.runs("extra", code(0));
    desk.down();
    assert_eq!(add(&mut desk, session("late")), "no night is open: `nightkeep up` opens one");
    desk.up_on("2026-11-22", &[]);
    assert_eq!((desk.word("x"), desk.word("extra")), ("starting", "none"));
}
