//! A night with very many attempts: what is known of it stays bounded, though the journal has it all.

use crate::core::event::{Event, Verb};
use crate::core::plan::{RetryPolicy, SessionPlan};
use crate::core::run::{ErrorSeen, OutputSeen};
use crate::core::testing::{Desk, code, seconds, session};
use crate::core::time::Wall;

/// As much as an observer ever tells of an output.
fn much(n: u32) -> OutputSeen {
    let line = |i: u32| format!("{n}/{i} {}", "x".repeat(380));
    let error =
        |i: u32| ErrorSeen { sample: line(i), more: vec![line(i), line(i)], count: 7, first: Wall(0), last: Wall(0) };
    OutputSeen {
        bytes: 1_000,
        last_line: line(0),
        tail: (0..20).map(line).collect(),
        errors: (0..200).map(|i| (format!("print {i}"), error(i))).collect(),
        ..OutputSeen::default()
    }
}

fn kept(desk: &Desk) -> usize {
    serde_json::to_string(&desk.night.state.runs.values().collect::<Vec<_>>()).unwrap().len()
}

#[test]
fn the_state_of_a_long_night_grows_by_little_more_than_how_each_attempt_ended() {
    let retry = RetryPolicy {
        max_attempts: 10_000,
        hard_cap_starts: 10_000,
        min_uptime: seconds(0),
        initial_delay: seconds(0),
        ..RetryPolicy::default()
    };
    let mut desk = Desk::open([SessionPlan { retry, ..session("x") }]);
    let (mut sizes, mut row) = (Vec::new(), 0);
    for n in 1..=300 {
        desk.started("x");
        desk.ends_with("x", code(1), much(n));
        // The retry budget is by the hour.
        desk.wait(seconds(3_700));
        assert_eq!(desk.word("x"), "starting", "attempt {n}");
        if n % 100 == 0 {
            sizes.push(kept(&desk));
            row = desk
                .night
                .state
                .rows_for(&desk.journal[desk.journal.len() - 1..])
                .iter()
                .map(|r| r.body.len())
                .max()
                .unwrap();
        }
    }
    let each = (sizes[2] - sizes[1]) / 100;
    assert!(each < 1_200, "{each} bytes for each attempt more, {sizes:?}");
    assert!(row < 1_000_000, "a row of {row} bytes is written with each fact");
}

#[test]
fn sessions_that_run_again_and_again_leave_little_of_each_run() {
    let mut desk = Desk::open([session("x")]);
    let mut sizes = Vec::new();
    for n in 1..=40 {
        desk.started("x");
        desk.ends_with("x", code(0), much(n));
        desk.wait(seconds(3_700));
        desk.step(Event::Operator {
            verb: Verb::Start,
            session: crate::core::testing::name("x"),
            by: crate::core::testing::anna(),
        });
        assert_eq!(desk.word("x"), "starting", "run {n}");
        sizes.push(kept(&desk));
    }
    let each = (sizes[39] - sizes[19]) / 20;
    assert!(each < 2_500, "{each} bytes for each run more, {sizes:?}");
    desk.crash();
}
