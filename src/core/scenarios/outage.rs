//! Stories of outages: a provider, the disk, the machine, projects and the daemon itself.

use crate::core::breaker::Phase;
use crate::core::effect::Effect;
use crate::core::event::{Event, Seen, Verb};
use crate::core::exit::{Ending, ExitRecord, FailureClass};
use crate::core::fact::Fact;
use crate::core::plan::{OutputRule, SessionPlan};
use crate::core::run::{OutputSeen, RunState};
use crate::core::testing::{Desk, asks, code, exit, facts, name, plan, seconds, session, with_project};
use std::collections::BTreeMap;
use std::time::Duration;

const RULE: &str = "rules[1] 503";

fn with_rule(sessions: impl IntoIterator<Item = SessionPlan>) -> Desk {
    let mut plan = plan(sessions);
    plan.concurrent = 20;
    plan.rules = vec![OutputRule {
        id: RULE.into(),
        regex: "503".into(),
        class: FailureClass::ProviderDown,
        sessions: Vec::new(),
    }];
    let mut desk = Desk::new(plan);
    desk.up(&[]);
    desk
}
fn of_acme(text: &str) -> SessionPlan {
    SessionPlan { provider: Some("acme".into()), ..session(text) }
}
fn output(rule: Option<&str>) -> OutputSeen {
    OutputSeen { bytes: 100, rule: rule.map(Into::into), last_line: "error 503".into(), ..OutputSeen::default() }
}
fn short(ran: u64) -> ExitRecord {
    ExitRecord { ran: seconds(ran), output_bytes: 100, ..code(1) }
}
fn fails_of_outage(desk: &mut Desk, session: &str) {
    desk.started(session);
    desk.ends_with(session, short(3), output(Some(RULE)));
}
fn phase(desk: &Desk, key: &str) -> &'static str {
    desk.night.state.breakers.by_key.get(key).map_or("closed", |breaker| breaker.word())
}

#[test]
fn an_outage_of_90_minutes_over_20_sessions_makes_no_dead_letter_and_at_most_15_probes() {
    for seed in 0..20 {
        let names: Vec<String> = (0..20).map(|i| format!("s{i:02}")).collect();
        let mut desk = with_rule(names.iter().map(|text| of_acme(text)));
        desk.night.rng = fastrand::Rng::with_seed(seed);
        let began = desk.at;
        let over = began.mono.plus(Duration::from_secs(90 * 60));
        // While it lasts every program ends with the provider's failure after 5 s; afterwards it works for 10 minutes.
        let mut ends: BTreeMap<String, crate::core::time::Mono> = BTreeMap::new();
        let (mut closed_at, mut attempts) = (None, 0);
        for _ in 0..20_000 {
            desk.wait(seconds(1));
            for text in &names {
                let state = desk.run(text).state.clone();
                match state {
                    RunState::Starting { .. } => {
                        desk.started(text);
                        attempts += 1;
                        let takes = if desk.at.mono < over { 5 } else { 600 };
                        ends.insert(text.clone(), desk.at.mono.plus(seconds(takes)));
                    }
                    RunState::Running { attempt } => {
                        let out = desk.at.mono < over;
                        if ends.get(text).is_some_and(|at| *at <= desk.at.mono) {
                            let (end, seen) =
                                if out { (short(5), output(Some(RULE))) } else { (code(0), output(None)) };
                            desk.ends_with(text, end, seen);
                        } else if !out {
                            desk.step(Event::Output { attempt, output: Box::new(output(None)) });
                        }
                    }
                    _ => {}
                }
            }
            if desk.at.mono >= over && closed_at.is_none() && phase(&desk, "provider:acme") == "closed" {
                closed_at = Some(desk.at.mono.since(over));
            }
            if names.iter().all(|text| desk.word(text) == "succeeded") {
                break;
            }
        }
        assert!(names.iter().all(|text| desk.word(text) == "succeeded"), "seed {seed}: all get through");
        assert_eq!(desk.night.state.dead_letters().count(), 0, "seed {seed}");
        assert!(names.iter().all(|text| desk.run(text).counted == 0), "seed {seed}: no attempt was taken");
        let probes = desk.journal.iter().filter_map(|entry| match &entry.fact {
            Fact::BreakerMoved { to, .. } => Some(to.probes),
            _ => None,
        });
        let probes = probes.max().unwrap();
        assert!(probes <= 16, "seed {seed}: {probes} probes, the last of them the one that worked");
        assert!(attempts <= 20 + 4 + 16 + 20, "seed {seed}: {attempts} starts");
        assert!(closed_at.unwrap() <= Duration::from_secs(12 * 60), "seed {seed}: closed after {closed_at:?}");
    }
}

#[test]
fn three_sessions_open_the_breaker_and_the_others_wait_behind_it_as_limited() {
    let mut desk = with_rule(["a", "b", "c", "d"].map(of_acme));
    for text in ["a", "b"] {
        fails_of_outage(&mut desk, text);
        desk.wait(seconds(6));
    }
    assert_eq!(phase(&desk, "provider:acme"), "closed", "two are not enough");
    fails_of_outage(&mut desk, "c");
    assert_eq!(phase(&desk, "provider:acme"), "open");
    assert_eq!(desk.word("d"), "starting", "what was started already is let be");
    let added = Box::new(of_acme("late"));
    desk.step(Event::Add { session: added, by: super::super::testing::anna() });
    assert_eq!(desk.word("late"), "limited");
    assert!(desk.run("late").reason.contains("provider acme is down"), "{}", desk.run("late").reason);
    assert_eq!(desk.run("late").attempts.len(), 0);
    // The wait survives a crash and a reboot.
    desk.crash();
    assert_eq!(phase(&desk, "provider:acme"), "open");
    let mut probes = 0;
    for _ in 0..45 {
        desk.wait(seconds(1));
        probes = ["a", "b", "c", "late"].iter().filter(|text| desk.word(text) == "starting").count();
        assert!(probes <= 1, "one probe");
    }
    assert_eq!(probes, 1);
    assert_eq!(phase(&desk, "provider:acme"), "half_open");
}

#[test]
fn a_probe_that_runs_a_minute_with_output_closes_the_breaker_slowly() {
    let mut desk = with_rule(["a", "b", "c", "d", "e"].map(of_acme));
    for text in ["a", "b", "c"] {
        desk.wait(seconds(5));
        fails_of_outage(&mut desk, text);
    }
    desk.wait(seconds(31));
    let probe = ["a", "b", "c"].into_iter().find(|text| desk.word(text) == "starting").unwrap();
    let attempt = desk.attempt(probe);
    desk.started(probe);
    desk.wait(seconds(59));
    assert_eq!(phase(&desk, "provider:acme"), "half_open");
    desk.step(Event::Output { attempt, output: Box::new(output(None)) });
    desk.wait(seconds(40));
    assert_ne!(phase(&desk, "provider:acme"), "half_open");
    desk.wait(seconds(120));
    assert_eq!(phase(&desk, "provider:acme"), "closed");
    assert!(["a", "b", "c"].iter().all(|text| ["starting", "running"].contains(&desk.word(text))));
}

#[test]
fn a_usage_limit_holds_the_whole_account_by_one_word() {
    let mut plan = plan(["a", "b"].map(of_acme));
    plan.rules = vec![OutputRule {
        id: "limit".into(),
        regex: "limit".into(),
        class: FailureClass::UsageLimit,
        sessions: Vec::new(),
    }];
    plan.concurrent = 1;
    let mut desk = Desk::new(plan);
    desk.up(&[]);
    desk.started("a");
    desk.ends_with("a", short(100), output(Some("limit")));
    assert_eq!((desk.word("a"), desk.word("b")), ("limited", "limited"));
    assert_eq!(desk.run("a").counted, 0);
    desk.wait(Duration::from_secs(15 * 60 + 1));
    let starting = ["a", "b"].iter().filter(|text| desk.word(text) == "starting").count();
    assert_eq!(starting, 1, "one of them tries");
}

#[test]
fn a_full_disk_starts_nothing_until_there_is_room_again() {
    let mut desk = Desk::new(plan(["a", "b", "c"].map(session)));
    let level = |free: u64| Event::Sensed { key: "disk".into(), seen: Seen::Level { free, total: 100 << 30 } };
    desk.step(level(1 << 20));
    desk.up(&[]);
    assert_eq!(desk.word("a"), "limited");
    assert!(desk.run("a").reason.contains("the disk is nearly full"), "{}", desk.run("a").reason);
    for _ in 0..60 {
        desk.wait(seconds(30));
        desk.step(level(1 << 20));
        assert_eq!(desk.word("a"), "limited");
    }
    let step = desk.step(level(50 << 30));
    assert!(asks(&step, |effect| matches!(effect, Effect::Start { .. })) <= 1, "slowly");
    desk.wait(seconds(60));
    assert!(["a", "b", "c"].iter().all(|text| desk.word(text) == "starting"));
    desk.step(level(50 << 30));
    assert_eq!(phase(&desk, "disk"), "closed");
}

#[test]
fn a_start_that_finds_the_disk_full_holds_all_starts_and_takes_no_attempt() {
    let mut desk = Desk::open(["a"].map(session));
    desk.ends("a", exit(Ending::ExecFailed { errno: 28, what: "no space".into() }));
    assert_eq!(phase(&desk, "machine"), "open");
    assert_eq!(desk.run("a").counted, 0);
    desk.wait(seconds(600));
    assert_eq!(desk.word("a"), "starting", "it is the probe");
    desk.started("a");
    desk.ends("a", code(0));
    desk.wait(seconds(60));
    assert_eq!(phase(&desk, "machine"), "closed");
}

#[test]
fn sessions_of_a_provider_start_two_in_five_seconds_and_others_at_once() {
    let mut plan = plan(["a", "b", "c", "d"].map(of_acme).into_iter().chain(["x", "y", "z"].map(session)));
    plan.concurrent = 10;
    let mut desk = Desk::new(plan);
    let step = desk.up(&[]);
    assert_eq!(Desk::started_sessions(&step), ["a", "b", "x", "y", "z"]);
    desk.wait(seconds(4));
    assert_eq!(desk.word("c"), "queued");
    desk.wait(seconds(1));
    assert_eq!((desk.word("c"), desk.word("d")), ("starting", "starting"));
}

#[test]
fn retries_are_at_most_five_and_a_fifth_of_the_starts_of_an_hour() {
    let names: Vec<String> = (0..10).map(|i| format!("s{i}")).collect();
    let mut plan = plan(names.iter().map(|text| session(text)));
    plan.concurrent = 10;
    let mut desk = Desk::new(plan);
    desk.up(&[]);
    for text in &names {
        desk.started(text);
        desk.ends(text, short(70));
    }
    desk.wait(seconds(120));
    let again = |desk: &Desk| names.iter().filter(|text| desk.run(text).attempts.len() == 2).count();
    assert_eq!(again(&desk), 8, "5 and a fifth of 10, then of 15");
    assert!(names.iter().any(|text| desk.word(text) == "queued"));
    desk.wait(seconds(3_700));
    assert_eq!(again(&desk), 10, "an hour later there is room again");
}

#[test]
fn a_project_of_which_half_crashes_again_and_again_is_parked_until_the_operator_starts_one() {
    let mut plan = with_project(plan(["a", "b", "c", "d"].map(session)), "home", "/home/anna");
    for session in plan.sessions.values_mut() {
        session.retry.crash_loop_count = 2;
    }
    plan.concurrent = 4;
    let mut desk = Desk::new(plan);
    desk.up(&[]);
    for text in ["a", "b"] {
        while desk.word(text) != "failed" {
            desk.started(text);
            desk.ends(text, short(1));
            desk.wait(seconds(90));
            assert!(desk.journal.len() < 2_000);
        }
    }
    assert_eq!(desk.run("b").last_attempt().unwrap().verdict.as_ref().unwrap().class, FailureClass::CrashLoop);
    assert!(!desk.night.state.breakers.parked.is_empty(), "half of the project loops");
    desk.wait(seconds(600));
    let c = ["c", "d"].map(|text| (desk.word(text), desk.run(text).held));
    assert!(c.iter().all(|(_, held)| *held), "{c:?}");
    desk.verb(Verb::Start, "a");
    assert!(desk.night.state.breakers.parked.is_empty());
}

#[test]
fn after_three_crashes_in_ten_minutes_the_daemon_starts_nothing_until_up() {
    let mut desk = Desk::open([session("x")]);
    desk.runs("x", code(1));
    for _ in 0..3 {
        desk.crash();
        desk.step(Event::DaemonCrashed { what: "panicked".into() });
    }
    desk.wait(seconds(60));
    assert_eq!(desk.word("x"), "queued", "the wait is over, and it does not start");
    assert!(desk.night.state.breakers.safe_mode.is_some());
    let step = desk.up(&[]);
    assert_eq!(facts(&step, |fact| matches!(fact, Fact::SafeMode { on: false, .. })), 1);
    assert_eq!(desk.word("x"), "starting");
}

#[test]
fn sessions_without_a_provider_share_an_outage_by_the_rule_that_told_of_it() {
    let mut desk = with_rule(["a", "b", "c", "other"].map(session));
    for text in ["a", "b", "c"] {
        fails_of_outage(&mut desk, text);
    }
    assert_eq!(phase(&desk, &format!("rule:{RULE}")), "open");
    desk.runs("other", code(1));
    desk.wait(seconds(11));
    assert_eq!(desk.word("other"), "starting", "it has nothing to do with it");
    let probes = ["a", "b", "c"].iter().filter(|text| desk.word(text) == "starting").count();
    assert_eq!(probes, 0);
    desk.wait(seconds(25));
    assert_eq!(["a", "b", "c"].iter().filter(|text| desk.word(text) == "starting").count(), 1);
    let until = desk.night.state.breakers.by_key.get(&format!("rule:{RULE}")).map(|b| b.phase.clone());
    assert!(matches!(until, Some(Phase::HalfOpen { probe: Some(_), .. })));
    assert_eq!(desk.night.state.held_by(desk.run("other")), None);
    let _ = name("a");
}
