//! From a start to its end: retries, limits, checks, timeouts, and words that come late or twice.

use crate::core::effect::Effect;
use crate::core::event::{Event, Timer, Verb};
use crate::core::exit::{Ending, ExitRecord, FailureClass};
use crate::core::fact::Fact;
use crate::core::plan::{Check, Command, OnCrashLoop, OutputRule, Requirement, RetryPolicy, SessionPlan};
use crate::core::run::{CheckResult, MetricSeen, OutputSeen};
use crate::core::testing::{Desk, asks, code, exit, facts, plan, seconds, session};
use crate::core::time::Wall;
use std::time::Duration;

fn with_retry(text: &str, change: impl Fn(&mut RetryPolicy)) -> SessionPlan {
    let mut session = session(text);
    change(&mut session.retry);
    session
}

fn class(desk: &Desk, session: &str) -> Option<FailureClass> {
    desk.run(session).last_attempt().unwrap().verdict.as_ref().map(|verdict| verdict.class)
}

#[test]
fn a_transient_failure_is_retried_after_growing_delays_until_the_attempts_are_used_up() {
    let mut desk = Desk::open([with_retry("x", |retry| retry.max_attempts = 4)]);
    for delay in [10, 20, 40] {
        desk.runs("x", code(1));
        assert_eq!((desk.word("x"), desk.due_in(&desk.run("x").id)), ("backing_off", Some(seconds(delay))));
        desk.wait(seconds(delay) - Duration::from_millis(1));
        assert_eq!(desk.word("x"), "backing_off");
        desk.wait(Duration::from_millis(1));
        assert_eq!(desk.word("x"), "starting");
    }
    desk.runs("x", code(1));
    assert_eq!((desk.word("x"), desk.run("x").reason.as_str()), ("failed", "exit 1; attempt 4 of 4 failed"));
}

#[test]
fn a_long_run_with_progress_resets_the_counter_and_bare_uptime_does_not() {
    for (last_output_after, counted) in [(601, 1), (30, 2)] {
        let mut desk = Desk::open([session("x")]);
        desk.runs("x", code(1));
        desk.wait(seconds(10));
        desk.started("x");
        let last_at = Some(desk.at.wall.plus(seconds(last_output_after)));
        desk.wait(seconds(700));
        let output = OutputSeen { bytes: 10, last_at, ..OutputSeen::default() };
        desk.ends_with("x", ExitRecord { ran: seconds(700), ..code(1) }, output);
        assert_eq!(desk.run("x").counted, counted, "last output after {last_output_after} s");
    }
}

#[test]
fn quick_failures_are_a_crash_loop_that_parks_or_waits() {
    let quick = || ExitRecord { ran: seconds(1), ..code(1) };
    for (on_crash_loop, word) in [(OnCrashLoop::Park, "failed"), (OnCrashLoop::Delay, "backing_off")] {
        let mut desk = Desk::open([with_retry("x", |retry| {
            retry.on_crash_loop = on_crash_loop;
            retry.max_attempts = 9;
        })]);
        let begin = desk.at;
        for delay in [10, 20, 40] {
            desk.runs("x", quick());
            assert_eq!(class(&desk, "x"), Some(FailureClass::Transient));
            desk.wait(seconds(delay));
        }
        desk.runs("x", quick());
        assert_eq!((class(&desk, "x"), desk.word("x")), (Some(FailureClass::CrashLoop), word));
        if let Some(left) = desk.due_in(&desk.run("x").id) {
            assert_eq!(desk.at.plus(left).mono.since(begin.mono), seconds(600), "the window is waited out");
        }
    }
}

#[test]
fn lost_attempts_count_nothing_and_are_restarted_three_times() {
    let lost = || exit(Ending::Lost { why: "host reboot".to_owned() });
    let mut desk = Desk::open([with_retry("x", |retry| retry.max_attempts = 1)]);
    for _ in 0..3 {
        desk.runs("x", lost());
        assert_eq!((desk.word("x"), desk.run("x").counted), ("backing_off", 0));
        desk.wait(seconds(300));
    }
    desk.runs("x", lost());
    assert_eq!((desk.word("x"), desk.run("x").reason.as_str()), ("failed", "lost: host reboot; lost 4 times"));
}

#[test]
fn a_start_that_fails_counts_nothing_but_the_hard_cap_ends_it() {
    let mut desk = Desk::open([with_retry("x", |retry| {
        retry.max_attempts = 1;
        retry.hard_cap_starts = 4;
    })]);
    let mut starts = 1;
    while desk.word("x") == "starting" {
        let attempt = desk.attempt("x");
        desk.step(Event::StartFailed { attempt, why: "no space left on device".to_owned() });
        desk.wait(seconds(300));
        starts += u32::from(desk.word("x") == "starting");
    }
    assert_eq!((starts, desk.word("x"), class(&desk, "x")), (4, "failed", Some(FailureClass::Infra)));
    assert_eq!(desk.verb(Verb::Start, "x"), "done: queued as 2026-11-21/x/2");
    assert_eq!(desk.word("x"), "failed", "the cap is for the night, whoever asks");
}

#[test]
fn limits_wait_without_taking_an_attempt() {
    let rule = |id: &str, class| OutputRule { id: id.into(), regex: String::new(), class, sessions: Vec::new() };
    let once = with_retry("x", |retry| retry.max_attempts = 1);
    let mut plan = plan([once]);
    plan.rules = vec![rule("usage", FailureClass::UsageLimit), rule("down", FailureClass::ProviderDown)];
    let says = |rule: &str| OutputSeen { rule: Some(rule.to_owned()), ..OutputSeen::default() };
    let mut desk = Desk::new(plan);
    desk.up(&[]);
    for minutes in [15, 30, 60, 60] {
        desk.started("x");
        desk.ends_with("x", code(1), says("usage"));
        assert_eq!((desk.word("x"), desk.run("x").counted), ("limited", 0));
        assert_eq!(desk.due_in(&desk.run("x").id), Some(seconds(minutes * 60)));
        desk.wait(seconds(3600));
    }
    desk.started("x");
    desk.ends_with("x", code(1), says("down"));
    let wait = desk.due_in(&desk.run("x").id).unwrap();
    assert!(wait >= seconds(15) && wait <= seconds(30), "{wait:?}");
    desk.wait(seconds(30));
    desk.started("x");
    desk.ends_with("x", code(1), says("an old rule"));
    assert_eq!((desk.word("x"), class(&desk, "x")), ("failed", Some(FailureClass::Transient)));
}

#[test]
fn checks_of_the_rim_are_asked_for_and_a_missed_one_is_partial() {
    for (passed, word) in [(true, "succeeded"), (false, "partial")] {
        let mut desk = Desk::open([SessionPlan { verify: Some(Command::Shell("pytest -q".into())), ..session("x") }]);
        let step = desk.runs("x", code(0));
        assert_eq!(asks(&step, |effect| matches!(effect, Effect::Check { .. })), 1);
        assert_eq!(desk.word("x"), "running", "being checked is shown as running");
        let result = CheckResult { text: "verify: pytest -q".into(), passed, seen: "exit 1 after 4 s".into() };
        let attempt = desk.attempt("x");
        desk.step(Event::Checked { attempt: attempt.clone(), results: vec![result.clone()] });
        assert_eq!(desk.word("x"), word);
        let late = desk.step(Event::Checked { attempt, results: vec![result] });
        assert!(late.facts.is_empty(), "checks come once");
    }
}

#[test]
fn a_metric_short_of_its_total_is_partial_although_the_exit_was_good() {
    let seen = |value| {
        let metric =
            MetricSeen { first: (0.0, Wall(0)), value, total: Some(3513.0), at: Wall(0), pace: Default::default() };
        OutputSeen { metrics: [("profiles".to_owned(), metric)].into(), ..OutputSeen::default() }
    };
    for (value, word) in [(3513.0, "succeeded"), (3512.0, "partial"), (0.0, "partial")] {
        let mut desk = Desk::open([session("x")]);
        desk.started("x");
        desk.ends_with("x", code(0), seen(value));
        assert_eq!(desk.word("x"), word, "{value}");
    }
    let check = Check::MetricComplete { metric: "profiles".into() };
    let require = vec![Requirement { text: "metric:profiles=complete".into(), check }];
    let mut asked = session("x");
    asked.success.require = require;
    let mut desk = Desk::open([asked]);
    desk.runs("x", code(0));
    assert_eq!(
        desk.run("x").reason,
        "exit 0, but metric:profiles=complete does not hold, seen: profiles was never seen"
    );
}

#[test]
fn a_good_exit_with_nothing_declared_is_unverified() {
    let mut desk = Desk::open([session("x")]);
    desk.runs("x", code(0));
    assert_eq!((desk.word("x"), desk.run("x").reason.as_str()), ("succeeded", "exit 0, unverified"));
}

#[test]
fn a_timeout_stops_the_attempt_and_counts() {
    let mut desk = Desk::open([SessionPlan { timeout: Some(seconds(60)), ..session("x") }]);
    desk.started("x");
    desk.wait(seconds(60));
    assert_eq!(desk.word("x"), "stopping");
    assert_eq!(
        asks(&crate::core::night::Step { facts: vec![], effects: desk.effects.clone() }, |e| matches!(
            e,
            Effect::Stop { .. }
        )),
        1
    );
    desk.ends("x", ExitRecord { stopped: true, ..code(0) });
    assert_eq!(
        (desk.word("x"), class(&desk, "x"), desk.run("x").counted),
        ("backing_off", Some(FailureClass::Timeout), 1)
    );
}

#[test]
fn an_end_that_beat_the_timeout_is_judged_as_it_is() {
    let mut desk = Desk::open([SessionPlan { timeout: Some(seconds(60)), ..session("x") }]);
    desk.started("x");
    desk.wait(seconds(60));
    desk.ends("x", code(0));
    assert_eq!(desk.word("x"), "succeeded");
}

#[test]
fn a_timer_of_an_older_epoch_does_nothing() {
    let mut desk = Desk::open([SessionPlan { timeout: Some(seconds(60)), ..session("x") }]);
    desk.started("x");
    let (first, epoch) = (desk.attempt("x"), desk.run("x").epoch);
    desk.ends("x", code(1));
    desk.wait(seconds(10));
    desk.started("x");
    desk.pass(seconds(600));
    let late = desk.step(Event::Timer { timer: Timer::AttemptTimeout(first), epoch });
    assert!(late.facts.is_empty() && late.effects.is_empty(), "{late:?}");
    // Each is of the kind that its state waits for; only the epoch tells that it is an old one.
    let old = desk.run("x").epoch;
    desk.verb(Verb::Restart, "x");
    desk.ends("x", code(143));
    desk.ends("x", code(1));
    desk.started("x");
    for (timer, epoch) in
        [(Timer::AttemptTimeout(desk.attempt("x")), old), (Timer::StartOverdue(desk.attempt("x")), old)]
    {
        let step = desk.step(Event::Timer { timer, epoch });
        assert!(step.facts.is_empty() && step.effects.is_empty(), "{step:?}");
    }
    desk.ends("x", code(1));
    assert_eq!(desk.word("x"), "backing_off");
    let due = Timer::RunDue(desk.run("x").id.clone());
    let step = desk.step(Event::Timer { timer: due, epoch: old });
    assert!(step.facts.is_empty() && step.effects.is_empty(), "{step:?}");
}

#[test]
fn a_timer_that_runs_out_early_is_armed_again() {
    let mut desk = Desk::open([session("x")]);
    desk.runs("x", code(1));
    desk.pass(seconds(4));
    let (timer, epoch) = (Timer::RunDue(desk.run("x").id.clone()), desk.run("x").epoch);
    let step = desk.step(Event::Timer { timer: timer.clone(), epoch });
    assert_eq!(step.effects, [Effect::Arm { timer, epoch, after: seconds(6) }]);
}

#[test]
fn a_start_that_does_not_show_up_is_asked_for_again() {
    let mut desk = Desk::open([session("x")]);
    desk.wait(seconds(65));
    assert_eq!(desk.word("x"), "starting");
    let troubles = desk.journal.iter().filter(|entry| matches!(entry.fact, Fact::Trouble { .. })).count();
    assert_eq!((troubles, desk.run("x").attempts.len()), (2, 1));
    desk.started("x");
    assert_eq!(desk.word("x"), "running");
}

#[test]
fn words_that_come_twice_or_late_change_nothing() {
    let mut desk = Desk::open([session("x")]);
    desk.started("x");
    assert!(desk.started("x").facts.is_empty());
    let attempt = desk.attempt("x");
    let more = OutputSeen { bytes: 100, ..OutputSeen::default() };
    desk.step(Event::Output { attempt: attempt.clone(), output: Box::new(more) });
    let older = OutputSeen { bytes: 50, ..OutputSeen::default() };
    assert!(desk.step(Event::Output { attempt: attempt.clone(), output: Box::new(older) }).facts.is_empty());
    desk.ends("x", code(1));
    assert!(desk.ends("x", code(0)).facts.is_empty(), "the first word counts");
    assert!(desk.started("x").facts.is_empty());
    let failed = Event::StartFailed { attempt, why: "late".to_owned() };
    assert!(desk.step(failed).facts.is_empty());
    assert_eq!(desk.word("x"), "backing_off");
}

#[test]
fn numbers_that_json_cannot_hold_do_not_reach_the_journal() {
    let mut desk = Desk::open([session("x")]);
    desk.started("x");
    let metric =
        |value| MetricSeen { first: (0.0, Wall(0)), value, total: None, at: Wall(0), pace: Default::default() };
    let metrics = [("a".to_owned(), metric(f64::INFINITY)), ("b".to_owned(), metric(3.0))].into();
    desk.ends_with("x", code(0), OutputSeen { bytes: 1, metrics, ..OutputSeen::default() });
    let kept = &desk.run("x").attempts[0].output.metrics;
    assert_eq!(kept.keys().collect::<Vec<_>>(), ["b"]);
    for entry in &desk.journal {
        let text = serde_json::to_string(entry).unwrap();
        assert_eq!(*entry, serde_json::from_str(&text).unwrap());
    }
}

#[test]
fn an_attempt_given_up_as_lost_whose_recorder_lives_is_stopped() {
    let mut desk = Desk::open([session("x")]);
    let ghost = desk.attempt("x");
    desk.runs("x", exit(Ending::Lost { why: "recorder gone".to_owned() }));
    let step = desk.step(Event::Reconciled { alive: [ghost.clone()].into() });
    assert_eq!(facts(&step, |fact| matches!(fact, Fact::StopIntended { .. })), 1);
    assert!(matches!(&step.effects[..], [Effect::Stop { attempt, .. }] if *attempt == ghost));
    desk.wait(seconds(10));
    desk.runs("x", code(0));
    let ended = desk.attempt("x");
    let step = desk.step(Event::Reconciled { alive: [ended].into() });
    assert!(step.effects.is_empty(), "a recorder that wrote its end may take a moment to go");
}

#[test]
fn a_stop_that_is_not_through_in_time_is_asked_for_again() {
    let mut desk = Desk::open([session("x")]);
    desk.started("x");
    desk.verb(Verb::Stop, "x");
    let alive = || Event::Reconciled { alive: ["2026-11-21/x/1.1".parse().unwrap()].into() };
    desk.pass(seconds(20));
    assert!(desk.step(alive()).effects.is_empty());
    desk.pass(seconds(1));
    assert!(matches!(&desk.step(alive()).effects[..], [Effect::Stop { .. }]));
}
