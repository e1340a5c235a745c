//! After the machine slept, or the daemon stood still; and what outlives its kill.

use crate::core::effect::Effect;
use crate::core::event::{Event, Verb};
use crate::core::exit::Ending;
use crate::core::fact::Fact;
use crate::core::plan::{Plan, RetryPolicy, SessionPlan};
use crate::core::testing::{Desk, asks, code, exit, facts, plan, seconds, session};
use crate::core::unkillable::Remaining;

#[test]
fn what_fell_due_while_nobody_watched_is_spread_over_a_minute() {
    let names: Vec<String> = (0..5).map(|n| format!("s{n}")).collect();
    let quick = |name: &String| SessionPlan {
        retry: RetryPolicy { min_uptime: seconds(0), ..RetryPolicy::default() },
        ..session(name)
    };
    let sessions: Vec<SessionPlan> = names.iter().map(quick).collect();
    let mut desk = Desk::new(Plan { concurrent: 5, ..plan(sessions) });
    desk.up(&[]);
    for name in &names {
        desk.runs(name, code(1));
    }
    desk.pass(seconds(3 * 3600));
    let step = desk.step(Event::StoodStill { ms: 10_800_000, slept_ms: 10_800_000 });
    assert_eq!(Desk::started_sessions(&step), Vec::<String>::new(), "none at once");
    let due: Vec<_> = names.iter().map(|name| desk.due_in(&desk.run(name).id).unwrap()).collect();
    assert!(due.iter().all(|wait| *wait <= seconds(60)), "{due:?}");
    let first_half = due.iter().filter(|wait| **wait <= seconds(30)).count();
    assert!((1..5).contains(&first_half), "not all in one half of the minute: {due:?}");
    assert!(desk.run("s0").reason.contains("it was due while nobody watched"), "{}", desk.run("s0").reason);
    desk.wait(seconds(61));
    assert_eq!(names.iter().filter(|name| desk.word(name) == "starting").count(), 5);
}

fn stuck(pid: u32) -> Vec<Remaining> {
    vec![Remaining { pid, name: "rsync".into(), state: 'D', waits: Some("rpc_wait".into()) }]
}

#[test]
fn what_cannot_be_killed_is_told_once_and_its_slot_goes_to_others() {
    let mut desk = Desk::new(Plan { concurrent: 1, ..plan([session("a"), session("b")]) });
    desk.up(&[]);
    desk.started("a");
    desk.verb(Verb::Restart, "a");
    assert_eq!((desk.word("a"), desk.word("b")), ("stopping", "queued"));
    desk.wait(seconds(15 + 9));
    assert_eq!(asks(&crate::core::night::Step { facts: Vec::new(), effects: desk.effects.clone() }, is_look), 0);
    desk.wait(seconds(1));
    assert!(desk.effects.iter().any(is_look), "looked at ten seconds after the last kill: {:?}", desk.effects);
    let attempt = desk.attempt("a");
    let step = desk.step(Event::Remains { attempt: attempt.clone(), left: stuck(41) });
    assert_eq!(facts(&step, |fact| matches!(fact, Fact::Finding { .. })), 1);
    assert_eq!(Desk::started_sessions(&step), ["b"], "its slot is free");
    let what = desk.run("a").open_findings().next().unwrap().what.clone();
    assert_eq!(
        what,
        "cannot be killed: pid 41 (rsync) in state D, waits for a disk or a network share (rpc_wait); its slot is free for others"
    );
    let again = desk.step(Event::Remains { attempt, left: stuck(41) });
    assert_eq!(facts(&again, |_| true), 0, "told once");
    assert_eq!(desk.word("a"), "stopping", "never started beside itself");
    desk.crash();
    assert_eq!(desk.word("a"), "stopping");
    let ended = desk.ends("a", exit(Ending::Signal { signal: 9, core: false }));
    assert_eq!(desk.word("a"), "queued", "it comes back once it is gone, and there is no free slot yet");
    assert_eq!(Desk::started_sessions(&ended), Vec::<String>::new());
    assert_eq!(desk.run("a").open_findings().count(), 0);
}

fn is_look(effect: &Effect) -> bool {
    matches!(effect, Effect::LookForRemains { .. })
}

#[test]
fn a_stop_that_is_only_slow_is_not_called_unkillable() {
    let mut desk = Desk::open([session("a")]);
    desk.started("a");
    desk.verb(Verb::Stop, "a");
    desk.wait(seconds(30));
    let attempt = desk.attempt("a");
    let step = desk.step(Event::Remains { attempt, left: Vec::new() });
    assert_eq!(facts(&step, |_| true), 0);
    desk.ends("a", exit(Ending::Signal { signal: 9, core: false }));
    assert_eq!(desk.word("a"), "stopped");
}

#[test]
fn a_stop_between_two_runs_holds_the_calendar_off_until_a_start() {
    let cron = || Some(crate::core::calendar::StartAt::Cron("*/10 * * * *".parse().unwrap()));
    let mut again = session("a");
    again.timing.start = cron();
    again.disabled = false;
    let mut desk = Desk::open([again.clone()]);
    desk.verb(Verb::Start, "a");
    desk.started("a");
    // It is taken out of the calendar, runs to its end, and is put back: no next run is known yet.
    let mut out = again.clone();
    out.timing.start = None;
    desk.load(plan([out]));
    desk.ends("a", code(0));
    assert_eq!(desk.word("a"), "succeeded");
    assert_eq!(desk.verb(Verb::Stop, "a"), "done: nothing of it is open", "it does not come again by itself");
    let mut disabled = again.clone();
    disabled.disabled = true;
    desk.load(plan([disabled]));
    let told = desk.verb(Verb::Stop, "a");
    assert_eq!(told, "done: nothing of it is open; it does not come again tonight unless it is started");
    desk.load(plan([again, session("b")]));
    desk.crash();
    desk.up(&["b"]);
    assert_eq!(desk.word("a"), "succeeded", "it is held off, also by the next daemon");
    desk.verb(Verb::Start, "a");
    desk.runs("a", code(0));
    assert_eq!(desk.word("a"), "scheduled", "a start brings it back");
}
