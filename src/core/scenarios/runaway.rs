//! Stories of agents that run away: told once, stopped when it goes on, begun anew once.

use crate::core::event::Event;
use crate::core::exit::{Ending, ExitRecord, FailureClass};
use crate::core::fact::Fact;
use crate::core::finding::{Finding, FindingKind};
use crate::core::night::Step;
use crate::core::plan::{Launch, SessionPlan};
use crate::core::run::{AfterStop, RunState};
use crate::core::runaway::{COOL_DOWN, MINUTES, Minute, OnRunaway, Pace, RunawayPolicy};
use crate::core::testing::{Desk, exit, facts, seconds, session};

fn agent() -> SessionPlan {
    let launch = Launch { command: vec!["opencode".into()], prompt: Some("do it".into()), ..Launch::default() };
    SessionPlan { launch: Some(launch), agent: Some("opencode".into()), ..session("a") }
}
/// So many requests in each of so many of the last minutes, most of them for nothing.
fn pace(minutes: usize, fruitless: u64, fruitful: u64) -> Pace {
    let minute = Minute { requests: fruitless + fruitful, fruitless, tokens: 1_000 };
    let mut pace = Pace { span_s: 40, ..Pace::default() };
    pace.minutes.iter_mut().take(minutes).for_each(|place| *place = minute);
    pace
}
fn asks(desk: &mut Desk, pace: Pace) -> Step {
    let attempt = desk.attempt("a");
    desk.step(Event::Paced { attempt, pace: Box::new(pace) })
}
fn stopped(desk: &mut Desk) {
    let exit = ExitRecord { stopped: true, ..exit(Ending::Signal { signal: 15, core: false }) };
    desk.ends("a", exit);
}
fn alerts(desk: &Desk, kind: &str) -> Vec<String> {
    let known = desk.night.state.alerts.known.values().filter(|alert| alert.kind == kind && alert.holds);
    known.map(|alert| alert.body.clone()).collect()
}
fn found(desk: &Desk) -> Finding {
    desk.run("a").finding(FindingKind::Runaway, "").cloned().expect("it was found")
}

#[test]
fn one_that_runs_away_is_told_of_once_and_then_stopped() {
    let mut desk = Desk::open([agent()]);
    desk.started("a");
    assert_eq!(asks(&mut desk, pace(5, 1, 100)).facts, [], "many at work are no loop");
    let step = asks(&mut desk, pace(1, 92, 13));
    assert_eq!(facts(&step, |fact| matches!(fact, Fact::Finding { .. })), 1);
    assert_eq!(alerts(&desk, "runaway"), ["105 requests in 40 s, 92 of them brought nothing"]);
    assert_eq!(desk.word("a"), "running");
    assert_eq!(asks(&mut desk, pace(3, 92, 13)).facts, [], "it is told once");
    let step = asks(&mut desk, pace(MINUTES, 92, 13));
    assert_eq!(facts(&step, |fact| matches!(fact, Fact::StopIntended { .. })), 1);
    assert!(matches!(desk.run("a").state, RunState::Stopping { then: AfterStop::Runaway, .. }));
    assert_eq!(found(&desk).acted.unwrap().what, "stopped");
    assert_eq!(asks(&mut desk, pace(MINUTES, 92, 13)).facts, [], "it is stopped already");
    desk.crash();
    stopped(&mut desk);
    let run = desk.run("a");
    assert_eq!((desk.word("a"), run.counted), ("backing_off", 1), "{}", run.reason);
    let verdict = run.last_attempt().unwrap().verdict.clone().unwrap();
    assert_eq!((verdict.class, verdict.rule.as_str()), (FailureClass::Runaway, "intent/runaway"));
    assert!(found(&desk).resolved.is_some());
    desk.wait(COOL_DOWN - seconds(30));
    assert_eq!(desk.word("a"), "backing_off", "it has to cool down");
    desk.wait(seconds(60));
    assert_eq!((desk.word("a"), desk.run("a").attempts.len()), ("starting", 2));
    let conversation = desk.run("a").last_attempt().unwrap().conversation.clone().unwrap();
    assert!(!conversation.resumed, "the conversation is what went round: {}", conversation.why);
    desk.started("a");
    asks(&mut desk, pace(MINUTES, 92, 13));
    stopped(&mut desk);
    assert_eq!((desk.word("a"), desk.run("a").reason.as_str()), ("failed", "killed by signal 15; ran away 2 times"));
}

#[test]
fn it_is_over_when_it_asks_as_usual_again() {
    let mut desk = Desk::open([agent()]);
    desk.started("a");
    asks(&mut desk, pace(1, 50, 0));
    assert!(found(&desk).is_open());
    assert_eq!(asks(&mut desk, pace(1, 30, 0)).facts, [], "it is not calm yet");
    asks(&mut desk, pace(1, 3, 20));
    assert!(!found(&desk).is_open());
    desk.crash();
    asks(&mut desk, pace(1, 50, 0));
    assert_eq!((found(&desk).is_open(), found(&desk).times), (true, 2));
}

#[test]
fn who_only_wants_to_be_told_is_only_told_and_a_guess_stops_nobody() {
    let policy = RunawayPolicy { action: OnRunaway::Alert, ..RunawayPolicy::default() };
    let mut desk = Desk::open([SessionPlan { runaway: policy, ..agent() }]);
    desk.started("a");
    asks(&mut desk, pace(MINUTES, 300, 0));
    assert_eq!((desk.word("a"), found(&desk).acted), ("running", None));
    let mut desk = Desk::open([agent()]);
    desk.started("a");
    asks(&mut desk, Pace { guessed: true, ..pace(MINUTES, 300, 0) });
    assert_eq!((desk.word("a"), found(&desk).is_open()), ("running", true));
    assert!(found(&desk).evidence.join(" ").contains("on a guess"), "{:?}", found(&desk).evidence);
}

#[test]
fn a_limit_of_the_file_stops_what_works_too() {
    let policy = RunawayPolicy { requests_per_minute: Some(60), ..RunawayPolicy::default() };
    let mut desk = Desk::open([SessionPlan { runaway: policy, ..agent() }]);
    desk.started("a");
    asks(&mut desk, pace(1, 0, 61));
    assert_eq!(alerts(&desk, "runaway"), ["61 requests in the last minute, 60 a minute are allowed"]);
    asks(&mut desk, pace(MINUTES, 0, 61));
    assert_eq!(desk.run("a").reason, "305 requests in 5 min, 60 a minute are allowed");
    assert_eq!(desk.word("a"), "stopping");
    // What ends by itself meanwhile is judged by its own end.
    desk.ends("a", crate::core::testing::code(0));
    assert_eq!(desk.word("a"), "succeeded");
}
