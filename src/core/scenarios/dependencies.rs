//! Who waits for whom, and what a second chance brings back.

use crate::core::event::{Event, Verb};
use crate::core::plan::{Dependency, DependencyOn, SessionPlan};
use crate::core::testing::{Desk, anna, code, name, plan, seconds, session, session_after};

fn after_end(text: &str, other: &str) -> SessionPlan {
    SessionPlan { after: vec![Dependency { session: name(other), on: DependencyOn::End }], ..session(text) }
}

#[test]
fn a_session_starts_when_all_it_comes_after_succeeded() {
    let mut desk = Desk::open([session("a"), session("b"), session_after("c", &["a", "b"])]);
    assert_eq!(desk.word("c"), "waiting");
    desk.runs("a", code(0));
    assert_eq!((desk.word("c"), desk.run("c").reason.as_str()), ("waiting", "waits for b"));
    desk.runs("b", code(0));
    assert_eq!(desk.word("c"), "starting");
}

#[test]
fn a_failed_predecessor_skips_the_whole_chain_and_a_second_chance_brings_it_back() {
    let mut desk = Desk::open([session("a"), session_after("b", &["a"]), session_after("c", &["b"])]);
    desk.runs("a", code(127));
    assert_eq!((desk.word("b"), desk.run("b").reason.as_str()), ("skipped", "needs a, which failed"));
    assert_eq!((desk.word("c"), desk.run("c").reason.as_str()), ("skipped", "needs b, which was skipped"));
    let dead = desk.run("a").id.clone();
    desk.step(Event::Redrive { run: dead, by: anna() });
    assert_eq!((desk.word("b"), desk.word("c")), ("waiting", "waiting"));
    assert_eq!(desk.run("c").id.number, 2);
    desk.runs("a", code(0));
    desk.runs("b", code(0));
    assert_eq!(desk.word("c"), "starting");
}

#[test]
fn what_the_operator_skipped_or_stopped_does_not_come_back() {
    let mut desk = Desk::open([session("a"), session_after("b", &["a"]), session_after("c", &["a"])]);
    desk.verb(Verb::Skip, "b");
    desk.runs("a", code(127));
    assert_eq!(desk.word("c"), "skipped");
    desk.verb(Verb::Stop, "c");
    desk.verb(Verb::Start, "a");
    assert_eq!((desk.word("b"), desk.word("c")), ("skipped", "skipped"));
    assert_eq!((desk.run("b").id.number, desk.run("c").id.number), (1, 1));
}

#[test]
fn a_retry_of_the_predecessor_is_waited_for() {
    let mut desk = Desk::open([session("a"), session_after("b", &["a"])]);
    desk.runs("a", code(1));
    assert_eq!(desk.word("b"), "waiting");
    desk.wait(seconds(10));
    desk.runs("a", code(0));
    assert_eq!(desk.word("b"), "starting");
}

#[test]
fn any_end_is_enough_where_the_file_says_so() {
    let mut desk = Desk::open([session("a"), after_end("b", "a")]);
    desk.runs("a", code(127));
    assert_eq!(desk.word("b"), "starting");
}

#[test]
fn a_predecessor_without_a_run_blocks_and_a_named_session_brings_it_along() {
    let disabled = SessionPlan { disabled: true, ..session("a") };
    let mut desk = Desk::open([disabled, session_after("b", &["a"])]);
    assert_eq!((desk.word("b"), desk.run("b").reason.as_str()), ("skipped", "needs a, which has no run tonight"));
    desk.verb(Verb::Start, "a");
    assert_eq!((desk.word("a"), desk.word("b")), ("starting", "waiting"));

    let mut desk = Desk::new(plan([session("a"), session_after("b", &["a"]), session("c")]));
    desk.up(&["b"]);
    assert_eq!((desk.word("a"), desk.word("b"), desk.word("c")), ("starting", "waiting", "none"));
}

#[test]
fn an_operator_may_start_what_still_waits() {
    let mut desk = Desk::open([session("a"), session_after("b", &["a"])]);
    desk.verb(Verb::Start, "b");
    assert_eq!(desk.word("b"), "starting");
}

#[test]
fn a_ring_is_skipped_and_does_not_hang_the_night() {
    let mut desk =
        Desk::open([session_after("a", &["b"]), session_after("b", &["a"]), session_after("c", &["b"]), session("d")]);
    for ringed in ["a", "b", "c"] {
        assert_eq!(desk.word(ringed), "skipped", "{ringed}");
    }
    desk.runs("d", code(0));
    assert!(desk.night.state.settled());
}

#[test]
fn slots_go_by_priority_then_by_name() {
    let with = |text, priority| SessionPlan { priority, ..session(text) };
    let mut desk = Desk::new(plan([with("a", 0), with("b", 0), with("c", 5), with("d", -1)]));
    let mut two = desk.night.state.plan.clone();
    two.concurrent = 2;
    desk.load(two);
    let step = desk.up(&[]);
    assert_eq!(Desk::started_sessions(&step), ["c", "a"]);
    assert_eq!(Desk::started_sessions(&desk.runs("a", code(0))), ["b"]);
    assert_eq!(Desk::started_sessions(&desk.runs("c", code(0))), ["d"]);
}

#[test]
fn what_ran_out_of_memory_is_tried_once_more_alone() {
    let oom = || crate::core::exit::ExitRecord {
        oom: true,
        ..crate::core::testing::exit(crate::core::exit::Ending::Signal { signal: 9, core: false })
    };
    let mut desk = Desk::open([session("a"), session("b"), session("c")]);
    desk.runs("a", oom());
    desk.started("b");
    desk.wait(seconds(60));
    assert_eq!(desk.word("a"), "queued", "not beside b and c");
    desk.ends("b", code(0));
    desk.runs("c", code(1));
    assert_eq!(desk.word("a"), "starting");
    desk.wait(seconds(60));
    assert_eq!(desk.word("c"), "queued", "nothing beside a");
    desk.runs("a", oom());
    assert_eq!((desk.word("a"), desk.word("c")), ("failed", "starting"));
    assert!(desk.run("a").reason.contains("out of memory 2 times"), "{}", desk.run("a").reason);
}
