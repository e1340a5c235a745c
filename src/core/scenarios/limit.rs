//! Stories of usage limits: waited for to their end, asked about, forbidden by the file.

use crate::core::agent::{Activity, AgentSeen, Confidence};
use crate::core::calendar::ClockTime;
use crate::core::event::{Event, Verb};
use crate::core::exit::{ExitRecord, FailureClass};
use crate::core::fact::Fact;
use crate::core::finding::{Finding, FindingKind};
use crate::core::limit::{LimitSeen, ResumePolicy, SPREAD};
use crate::core::plan::SessionPlan;
use crate::core::retry::MAX_LIMIT_WAITS;
use crate::core::run::{OutputSeen, RunState};
use crate::core::testing::{Desk, anna, code, plan, seconds, session};
use crate::core::time::Wall;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

fn of_acme(text: &str) -> SessionPlan {
    SessionPlan { provider: Some("acme".into()), ..session(text) }
}
/// An output whose last line tells of a limit, by a built-in rule.
fn output(resets: Option<Wall>) -> OutputSeen {
    let from = if resets.is_some() { "resets 3am".to_owned() } else { String::new() };
    let rule = Some("claude/usage-limit@1".to_owned());
    let limit = Some(LimitSeen { rule, resets, form: "a time of day".into(), from, long: false });
    OutputSeen { bytes: 100, last_line: "limit".into(), limit, ..OutputSeen::default() }
}
fn short() -> ExitRecord {
    ExitRecord { ran: seconds(100), output_bytes: 100, ..code(1) }
}
/// The session starts and ends at a limit that is over after this long.
fn meets_limit(desk: &mut Desk, session: &str, ahead: Option<Duration>) -> Option<Wall> {
    desk.started(session);
    let resets = ahead.map(|ahead| desk.at.wall.plus(ahead));
    desk.ends_with(session, short(), output(resets));
    resets
}
fn with(resume: ResumePolicy) -> SessionPlan {
    SessionPlan { resume, ..of_acme("a") }
}
fn asks(desk: &Desk, session: &str) -> bool {
    desk.run(session).finding(FindingKind::UsageLimit, "").is_some_and(Finding::is_open)
}
fn phase(desk: &Desk) -> &'static str {
    desk.night.state.breakers.by_key.get("provider:acme").map_or("closed", |breaker| breaker.word())
}

#[test]
fn a_limit_is_waited_for_to_its_end_and_a_little_more_and_takes_no_attempt() {
    for provider in [None, Some("acme".to_owned())] {
        for seed in 0..50 {
            let mut desk = Desk::open([SessionPlan { provider: provider.clone(), ..session("a") }]);
            desk.night.rng = fastrand::Rng::with_seed(seed);
            let resets = meets_limit(&mut desk, "a", Some(3 * HOUR)).unwrap();
            let run = desk.run("a");
            assert_eq!((desk.word("a"), run.counted), ("limited", 0));
            let verdict = run.last_attempt().unwrap().verdict.clone().unwrap();
            assert_eq!(
                (verdict.class, verdict.rule.as_str()),
                (FailureClass::UsageLimit, "output/claude/usage-limit@1")
            );
            assert!(run.reason.contains("usage limit, resets "), "{}", run.reason);
            desk.wait(3 * HOUR + SPREAD.0 - seconds(1));
            assert_eq!(desk.word("a"), "limited");
            desk.wait(SPREAD.1 - SPREAD.0 + seconds(2));
            assert_eq!(desk.word("a"), "starting", "{provider:?}");
            assert!(desk.at.wall > resets);
            assert_eq!(desk.run("a").attempts.len(), 2);
        }
    }
}

#[test]
fn the_account_is_held_until_the_end_and_then_tried_by_one_and_slowly() {
    let names = ["a", "b", "c", "d"];
    let mut all = plan(names.map(of_acme));
    all.concurrent = 10;
    let mut desk = Desk::new(all);
    desk.up(&[]);
    desk.wait(seconds(6));
    for text in ["a", "b"] {
        meets_limit(&mut desk, text, Some(2 * HOUR));
    }
    desk.step(Event::Add { session: Box::new(of_acme("late")), by: anna() });
    assert_eq!(desk.word("late"), "limited");
    assert!(
        desk.run("late").reason.starts_with("usage limit of provider acme, resets "),
        "{}",
        desk.run("late").reason
    );
    assert_eq!((desk.word("c"), desk.word("d")), ("starting", "starting"), "what runs is let be");
    desk.wait(2 * HOUR);
    assert_eq!(phase(&desk), "open");
    let starting = |desk: &Desk| ["a", "b", "late"].iter().filter(|text| desk.word(text) == "starting").count();
    desk.wait(seconds(95));
    assert_eq!((starting(&desk), phase(&desk)), (1, "half_open"));
    let probe = ["a", "b", "late"].into_iter().find(|text| desk.word(text) == "starting").unwrap();
    desk.started(probe);
    desk.wait(seconds(45));
    assert_eq!(starting(&desk), 0, "only the probe runs");
    let attempt = desk.attempt(probe);
    let works = OutputSeen { bytes: 10, ..OutputSeen::default() };
    desk.step(Event::Output { attempt, output: Box::new(works) });
    desk.wait(seconds(120));
    assert_eq!((starting(&desk), phase(&desk)), (2, "closed"));
}

#[test]
fn a_probe_that_meets_the_limit_again_waits_for_its_new_end() {
    let mut desk = Desk::open([of_acme("a")]);
    meets_limit(&mut desk, "a", Some(HOUR));
    desk.wait(HOUR + seconds(95));
    meets_limit(&mut desk, "a", Some(4 * HOUR));
    desk.wait(4 * HOUR + seconds(20));
    assert_eq!(desk.word("a"), "limited");
    desk.wait(seconds(75));
    assert_eq!(desk.word("a"), "starting");
    // One whose end has passed was believed once.
    let mut desk = Desk::open([of_acme("a")]);
    desk.started("a");
    let past = Wall(desk.at.wall.0 - 60_000);
    desk.ends_with("a", short(), output(Some(past)));
    desk.wait(seconds(95));
    assert_eq!(desk.word("a"), "starting", "tried once soon");
    desk.started("a");
    desk.ends_with("a", short(), output(Some(past)));
    desk.wait(Duration::from_secs(29 * 60));
    assert_eq!(desk.word("a"), "limited", "then after half an hour");
    desk.wait(Duration::from_secs(2 * 60));
    assert_eq!(desk.word("a"), "starting");
}

#[test]
fn one_that_says_nothing_is_tried_after_a_quarter_half_and_whole_hours() {
    for provider in [None, Some("acme".to_owned())] {
        let mut desk = Desk::open([SessionPlan { provider, ..session("a") }]);
        for minutes in [15, 30, 60, 60] {
            meets_limit(&mut desk, "a", None);
            desk.wait(Duration::from_secs(minutes * 60 - 1));
            assert_eq!(desk.word("a"), "limited", "{minutes}");
            desk.wait(seconds(2));
            assert_eq!(desk.word("a"), "starting", "{minutes}");
        }
    }
}

#[test]
fn what_a_limit_says_is_better_than_a_guess() {
    let mut all = plan(["a", "b"].map(of_acme));
    all.concurrent = 2;
    let mut desk = Desk::new(all);
    desk.up(&[]);
    meets_limit(&mut desk, "a", None);
    meets_limit(&mut desk, "b", Some(Duration::from_secs(120)));
    desk.wait(Duration::from_secs(220));
    assert!(["a", "b"].iter().any(|text| desk.word(text) == "starting"), "not after a quarter of an hour");
}

#[test]
fn further_than_a_day_a_person_is_asked_and_their_word_goes_on_at_once() {
    for verb in [Verb::Release, Verb::Start, Verb::Restart] {
        let mut all = plan(["a", "b"].map(of_acme));
        all.concurrent = 1;
        let mut desk = Desk::new(all);
        desk.up(&[]);
        meets_limit(&mut desk, "a", Some(50 * HOUR));
        assert_eq!((desk.word("a"), desk.word("b")), ("held", "limited"));
        assert!(asks(&desk, "a"));
        assert!(desk.run("a").reason.contains("more than a day ahead"), "{}", desk.run("a").reason);
        desk.crash();
        assert!(asks(&desk, "a"), "a new daemon knows it");
        desk.wait(12 * HOUR);
        assert_eq!((desk.word("a"), desk.word("b")), ("held", "limited"), "never by itself");
        desk.verb(verb, "a");
        assert_eq!((desk.word("a"), desk.word("b")), ("starting", "limited"), "{verb:?}: it is the probe");
        assert!(!asks(&desk, "a"));
        // Its word is for one start: the next limit is asked about again.
        meets_limit(&mut desk, "a", Some(50 * HOUR));
        assert_eq!(desk.word("a"), "held");
        desk.verb(Verb::Skip, "a");
        assert!(!asks(&desk, "a"));
    }
}

#[test]
fn a_limit_of_a_week_that_does_not_say_when_it_ends_is_asked_about() {
    let mut desk = Desk::open([session("a")]);
    desk.started("a");
    let mut seen = output(None);
    seen.limit.as_mut().unwrap().long = true;
    desk.ends_with("a", short(), seen);
    assert_eq!(desk.word("a"), "held");
    // One that ends within the day is waited for.
    let mut desk = Desk::open([session("a")]);
    desk.started("a");
    let mut seen = output(Some(desk.at.wall.plus(HOUR)));
    seen.limit.as_mut().unwrap().long = true;
    desk.ends_with("a", short(), seen);
    assert_eq!(desk.word("a"), "limited");
}

#[test]
fn the_file_says_how_often_it_goes_on_by_itself() {
    for max in 0..3 {
        let mut desk = Desk::open([with(ResumePolicy { until: None, max: Some(max) })]);
        for _ in 0..max {
            meets_limit(&mut desk, "a", Some(HOUR));
            assert_eq!(desk.word("a"), "limited");
            desk.wait(HOUR + seconds(95));
        }
        meets_limit(&mut desk, "a", Some(HOUR));
        assert_eq!(desk.word("a"), "held", "max = {max}");
        desk.wait(10 * HOUR);
        desk.crash();
        desk.wait(10 * HOUR);
        assert_eq!(desk.run("a").attempts.len(), usize::try_from(max).unwrap() + 1);
        desk.verb(Verb::Release, "a");
        assert_eq!(desk.word("a"), "starting", "a person's word");
    }
}

#[test]
fn the_file_says_until_when_it_goes_on_by_itself() {
    // The desk's night begins at 2026-11-21T22:00Z or so; four hours later is the end of going on.
    let mut desk = Desk::open([session("x")]);
    let minutes = u16::try_from((desk.at.wall.0 / 60_000 + 240) % 1440).unwrap();
    let policy = ResumePolicy { until: Some(ClockTime(minutes)), max: None };
    desk = Desk::open([with(policy)]);
    meets_limit(&mut desk, "a", Some(2 * HOUR));
    assert_eq!(desk.word("a"), "limited");
    desk.wait(2 * HOUR + seconds(95));
    assert_eq!(desk.word("a"), "starting");
    meets_limit(&mut desk, "a", Some(2 * HOUR));
    assert_eq!(desk.word("a"), "held");
    assert!(desk.run("a").reason.contains("the file says not after"), "{}", desk.run("a").reason);
    // Something else held it back until it was too late.
    let mut desk = Desk::open([with(policy)]);
    meets_limit(&mut desk, "a", Some(3 * HOUR));
    desk.pass(5 * HOUR);
    desk.wait(seconds(1));
    assert_eq!(desk.word("a"), "held");
    assert!(asks(&desk, "a"));
    desk.verb(Verb::Start, "a");
    assert_eq!(desk.word("a"), "starting");
}

#[test]
fn a_run_waits_for_limits_twenty_times() {
    let mut desk = Desk::open([session("a")]);
    for n in 1..=MAX_LIMIT_WAITS {
        meets_limit(&mut desk, "a", Some(Duration::from_secs(60)));
        assert_eq!(desk.word("a"), "limited", "{n}");
        desk.wait(seconds(160));
    }
    meets_limit(&mut desk, "a", Some(Duration::from_secs(60)));
    assert_eq!(desk.word("a"), "failed");
    assert_eq!(desk.night.state.dead_letters().count(), 1);
}

#[test]
fn the_wait_survives_a_crash_a_reboot_and_a_clock_that_jumps() {
    let mut desk = Desk::open([of_acme("a")]);
    let resets = meets_limit(&mut desk, "a", Some(3 * HOUR)).unwrap();
    desk.wait(HOUR);
    desk.crash();
    assert_eq!(desk.word("a"), "limited");
    desk.at.wall = desk.at.wall.plus(5 * HOUR);
    desk.step(Event::ClockJumped { by_ms: 5 * 3_600_000 });
    desk.wait(HOUR);
    assert_eq!(desk.word("a"), "limited", "the monotonic clock counts");
    desk.at.wall = Wall(desk.at.wall.0 - 5 * 3_600_000);
    desk.reboot(Duration::from_secs(600));
    desk.crash();
    assert_eq!(desk.word("a"), "limited");
    desk.wait(HOUR + seconds(95));
    assert_eq!(desk.word("a"), "starting");
    assert!(desk.at.wall >= resets);
}

#[test]
fn an_operator_s_start_tries_the_account_now() {
    let mut all = plan(["a", "b"].map(of_acme));
    all.concurrent = 2;
    let mut desk = Desk::new(all);
    desk.up(&[]);
    meets_limit(&mut desk, "a", Some(3 * HOUR));
    meets_limit(&mut desk, "b", Some(3 * HOUR));
    desk.wait(seconds(6));
    desk.verb(Verb::Start, "b");
    assert_eq!((desk.word("a"), desk.word("b"), phase(&desk)), ("limited", "starting", "half_open"));
    desk.started("b");
    desk.ends("b", code(0));
    desk.wait(seconds(60));
    assert_eq!(desk.word("b"), "succeeded");
    let held = matches!(desk.run("a").state, RunState::Limited { .. });
    assert!(held, "its own limit is what it waits for");
}

#[test]
fn the_facts_say_all_of_it() {
    let mut desk = Desk::open([of_acme("a")]);
    let resets = meets_limit(&mut desk, "a", Some(HOUR));
    let limits = desk.journal.iter().filter_map(|entry| match &entry.fact {
        Fact::LimitMet { limit, .. } => Some((limit.resets, limit.waits, limit.asks.clone())),
        _ => None,
    });
    assert_eq!(limits.collect::<Vec<_>>(), [(resets, 1, None)]);
    let breaker = desk.night.state.breakers.by_key.get("provider:acme").unwrap();
    assert_eq!(breaker.limit.unwrap().resets, resets);
    assert_eq!(breaker.cause, "a: resets 3am");
}

fn at_limit(resets: Wall) -> AgentSeen {
    let limit = LimitSeen { resets: Some(resets), ..LimitSeen::default() };
    AgentSeen {
        profile: "claude".into(),
        activity: Activity::Idle,
        class: Some(FailureClass::UsageLimit),
        limit: Some(limit),
        rule: "claude/limit-waiting@1".into(),
        confidence: Confidence::High,
        ..AgentSeen::default()
    }
}

#[test]
fn an_agent_that_waits_on_its_screen_runs_on_and_the_others_wait_for_its_account() {
    let other = SessionPlan { provider: Some("acme".into()), ..session("b") };
    let mut desk = Desk::open([of_acme("a"), other]);
    desk.started("a");
    desk.started("b");
    let attempt = desk.run("a").last_attempt().unwrap().id.clone();
    let resets = desk.at.wall.plus(HOUR);
    let see = |desk: &mut Desk, seen: AgentSeen| {
        desk.step(Event::AgentSeen { attempt: attempt.clone(), bytes: 10, seen: Box::new(seen) })
    };
    let first = see(&mut desk, at_limit(resets));
    assert!(first.facts.iter().any(|entry| matches!(entry.fact, Fact::AgentMoved { .. })));
    assert_eq!((desk.word("a"), desk.run("a").limit.resets), ("running", Some(resets)));
    assert_eq!((desk.word("b"), phase(&desk)), ("running", "open"), "nothing of the account is started now");
    let again = AgentSeen { evidence: vec!["in other words".into()], ..at_limit(resets) };
    assert!(see(&mut desk, again).facts.is_empty(), "the same is journaled once");
}

#[test]
fn an_agent_that_gave_up_and_left_with_0_did_not_succeed() {
    let mut desk = Desk::open([session("a")]);
    desk.started("a");
    let seen = AgentSeen {
        activity: Activity::Idle,
        class: Some(FailureClass::Auth),
        rule: "aider/key@1".into(),
        ..at_limit(desk.at.wall)
    };
    let output = OutputSeen { bytes: 100, agent: Some(Box::new(seen)), ..OutputSeen::default() };
    desk.ends_with("a", ExitRecord { ran: seconds(100), output_bytes: 100, ..code(0) }, output);
    let verdict = desk.run("a").last_attempt().unwrap().verdict.clone().unwrap();
    assert_eq!((verdict.class, verdict.rule.as_str()), (FailureClass::Auth, "agent/aider/key@1"));
}
