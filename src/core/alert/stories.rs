//! Nights in which something is wrong, told from a failure to the message that says it is over.

use super::message::{Message, MessageKind, Outcome, Severity};
use super::plan::{AlertsPlan, EscalationStep};
use super::{AlertAct, Stage};
use crate::core::calendar::ClockTime;
use crate::core::effect::Effect;
use crate::core::event::Event;
use crate::core::exit::ExitRecord;
use crate::core::fact::Fact;
use crate::core::night::Step;
use crate::core::plan::{ChannelPlan, Check, Comparison, MetricPlan, Plan, Requirement, Way};
use crate::core::run::{ErrorSeen, MetricSeen, OutputSeen};
use crate::core::testing::{Desk, anna, code, plan, seconds, session, session_after};

fn told(sessions: impl IntoIterator<Item = crate::core::plan::SessionPlan>, channels: &[&str]) -> Plan {
    let channel = |name: &&str| {
        let plan = ChannelPlan { name: (*name).to_owned(), min_severity: None, template: None, way: Way::Desktop };
        ((*name).to_owned(), plan)
    };
    Plan {
        timezone: Some("UTC".to_owned()),
        channels: channels.iter().map(channel).collect(),
        alerts: AlertsPlan { quiet: None, ..AlertsPlan::default() },
        ..plan(sessions)
    }
}

fn desk(plan: Plan) -> Desk {
    let mut desk = Desk::new(plan);
    desk.up(&[]);
    desk
}

fn sends(step: &Step) -> Vec<Message> {
    let sent = |effect: &Effect| match effect {
        Effect::Send { message } => Some((**message).clone()),
        _ => None,
    };
    step.effects.iter().filter_map(sent).collect()
}

/// The messages queued since a place in the journal.
fn queued(desk: &Desk, from: usize) -> Vec<Message> {
    let message = |entry: &crate::core::fact::Entry| match &entry.fact {
        Fact::MessageQueued { message, .. } => Some((**message).clone()),
        _ => None,
    };
    desk.journal[from..].iter().filter_map(message).collect()
}

/// Everything in the outbox arrives.
fn arrive(desk: &mut Desk) {
    let keys: Vec<String> = desk.night.state.alerts.outbox.keys().cloned().collect();
    for key in keys {
        desk.step(Event::Sent { key, outcome: Outcome::Delivered });
    }
}

fn fails(desk: &mut Desk, name: &str) {
    desk.runs(name, code(127));
}

#[test]
fn a_failure_is_told_once_and_its_end_is_told_where_it_was() {
    let mut desk = desk(told([session("a")], &["mail", "phone"]));
    fails(&mut desk, "a");
    assert!(queued(&desk, 0).is_empty(), "it may be over at once");
    desk.wait(seconds(31));
    let first = queued(&desk, 0);
    let shown: Vec<_> = first.iter().map(|m| (m.channel.as_str(), m.kind, m.severity)).collect();
    assert_eq!(shown, [("mail", MessageKind::Fired, Severity::High), ("phone", MessageKind::Fired, Severity::High)]);
    assert_eq!((first[0].key.as_str(), first[1].key.as_str()), ("a1-1", "a1-2"));
    assert_eq!(first[0].command.as_deref(), Some("nightkeep why a"));
    arrive(&mut desk);
    desk.wait(seconds(3 * 3600));
    assert_eq!(queued(&desk, 0).len(), 2, "it is told again after four hours only");
    let mark = desk.journal.len();
    let dead = desk.run("a").id.clone();
    desk.step(Event::Redrive { run: dead, by: anna() });
    desk.runs("a", code(0));
    desk.wait(seconds(301));
    let ends: Vec<_> = queued(&desk, mark).into_iter().map(|m| (m.channel, m.kind)).collect();
    assert_eq!(ends, [("mail".to_owned(), MessageKind::Resolved), ("phone".to_owned(), MessageKind::Resolved)]);
}

#[test]
fn a_result_of_zero_is_part_of_what_is_told_of_the_end() {
    let mut loads = session("a");
    loads.metrics = vec![MetricPlan { name: "rows".into(), regex: r"rows (\d+)".into(), total: None, deadline: None }];
    loads.success.forbid = vec![Requirement {
        text: "metric:rows=0".into(),
        check: Check::MetricCompare { metric: "rows".into(), op: Comparison::Equal, number: 0.0 },
    }];
    let mut desk = desk(told([loads], &["mail"]));
    let mut output = OutputSeen::default();
    let at = desk.at.wall;
    output.metrics.insert(
        "rows".into(),
        MetricSeen { first: (0.0, at), value: 0.0, total: None, at, pace: crate::core::progress::Pace::default() },
    );
    desk.started("a");
    desk.ends_with("a", code(0), output);
    assert_eq!(desk.word("a"), "partial");
    desk.wait(seconds(3600));
    let titles: Vec<_> = queued(&desk, 0).into_iter().map(|message| message.title).collect();
    assert_eq!(titles, ["a ended without an error but is not complete"]);
}

#[test]
fn what_was_never_sent_has_no_end_to_tell() {
    let mut desk = desk(told([session("a")], &["mail"]));
    fails(&mut desk, "a");
    desk.wait(seconds(31));
    let key = queued(&desk, 0)[0].key.clone();
    let failed =
        Outcome::Failed { why: "answered 500".into(), retry_after: None, permanent: false, reached: Vec::new() };
    desk.step(Event::Sent { key: key.clone(), outcome: failed });
    let dead = desk.run("a").id.clone();
    desk.step(Event::Redrive { run: dead, by: anna() });
    desk.runs("a", code(0));
    // The tries go on in vain until it is over.
    for _ in 0..12 {
        desk.wait(seconds(60));
        let failed =
            Outcome::Failed { why: "answered 500".into(), retry_after: None, permanent: false, reached: Vec::new() };
        desk.step(Event::Sent { key: key.clone(), outcome: failed });
    }
    assert!(desk.night.state.alerts.outbox.is_empty());
    assert_eq!(queued(&desk, 0).len(), 1);
}

#[test]
fn one_cause_is_one_alert() {
    let all = [session("a"), session_after("b", &["a"]), session_after("c", &["b"]), session_after("d", &["a"])];
    let mut plan = told(all, &["phone"]);
    plan.alerts.min_severity = Severity::Low;
    let mut desk = desk(plan);
    fails(&mut desk, "a");
    desk.wait(seconds(3600));
    let told = queued(&desk, 0);
    assert_eq!(told.len(), 1, "{told:?}");
    let stages: Vec<Stage> = desk.night.state.alerts.known.values().map(|alert| alert.stage).collect();
    assert_eq!(stages.iter().filter(|stage| **stage == Stage::Inhibited).count(), 3);
}

#[test]
fn a_new_daemon_sends_what_may_not_have_been_sent_with_the_same_key() {
    let mut desk = desk(told([session("a")], &["phone"]));
    fails(&mut desk, "a");
    desk.wait(seconds(31));
    let key = queued(&desk, 0)[0].key.clone();
    let step = desk.crash();
    assert_eq!(sends(&step).iter().map(|m| m.key.as_str()).collect::<Vec<_>>(), [key.as_str()]);
    desk.step(Event::Sent { key, outcome: Outcome::Delivered });
    assert!(sends(&desk.crash()).is_empty());
}

#[test]
fn quiet_hours_end_with_one_message_and_only_critical_passes() {
    let mut plan = told([session("a"), session("b")], &["phone"]);
    // The desk's night begins at 21:00 UTC.
    plan.alerts.quiet = Some((20 * 60, 23 * 60));
    let mut desk = desk(plan);
    desk.started("a");
    desk.started("b");
    desk.ends("a", code(127));
    desk.wait(seconds(400));
    desk.ends("b", code(127));
    desk.wait(seconds(600));
    assert!(queued(&desk, 0).is_empty());
    desk.wait(seconds(7200));
    let told = queued(&desk, 0);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].count, 2);
    assert!(told[0].body.contains("a failed for good") && told[0].body.contains("b failed for good"));
}

#[test]
fn a_crash_loop_is_critical_told_in_quiet_hours_and_escalated_until_somebody_knows() {
    let mut plan = told([session("a")], &["chat", "phone"]);
    plan.alerts.quiet = Some((20 * 60, 8 * 60));
    plan.alerts.escalate = vec![EscalationStep { after: seconds(600), to: vec!["phone".to_owned()] }];
    let mut desk = desk(plan);
    for _ in 0..4 {
        desk.runs("a", ExitRecord { ran: seconds(1), ..code(1) });
        desk.wait(seconds(90));
    }
    assert_eq!(desk.word("a"), "failed");
    desk.wait(seconds(60));
    arrive(&mut desk);
    let kinds = |desk: &Desk| queued(desk, 0).into_iter().map(|m| (m.channel, m.kind)).collect::<Vec<_>>();
    assert_eq!(kinds(&desk), [("chat".to_owned(), MessageKind::Fired)]);
    desk.wait(seconds(600));
    arrive(&mut desk);
    assert_eq!(kinds(&desk)[1..], [("phone".to_owned(), MessageKind::Escalated)]);
    let critical = desk.night.state.alerts.known.values().find(|alert| alert.severity == Severity::Critical);
    let alert = critical.map(super::Alert::id).unwrap();
    desk.step(Event::AlertAct { alert, act: AlertAct::Ack, by: anna() });
    desk.wait(seconds(40 * 60));
    assert_eq!(kinds(&desk).len(), 2, "somebody knows");
    desk.wait(seconds(30 * 60));
    assert!(kinds(&desk).len() > 2, "nobody made it better");
}

#[test]
fn a_channel_that_fails_for_good_is_an_alert_on_the_others() {
    let mut desk = desk(told([session("a")], &["mail", "phone"]));
    fails(&mut desk, "a");
    desk.wait(seconds(31));
    for message in queued(&desk, 0) {
        let outcome = if message.channel == "mail" {
            Outcome::Failed { why: "no such mailbox".into(), retry_after: None, permanent: true, reached: Vec::new() }
        } else {
            Outcome::Delivered
        };
        desk.step(Event::Sent { key: message.key, outcome });
    }
    let mark = desk.journal.len();
    desk.wait(seconds(60));
    let told: Vec<_> = queued(&desk, mark).into_iter().map(|m| (m.channel, m.title)).collect();
    assert!(told.contains(&("phone".to_owned(), "the channel mail does not work".to_owned())), "{told:?}");
    assert_eq!(desk.night.state.alerts.given_up.len(), 1);
}

#[test]
fn a_service_that_asks_to_wait_is_given_the_time() {
    let mut desk = desk(told([session("a")], &["phone"]));
    fails(&mut desk, "a");
    desk.wait(seconds(31));
    let key = queued(&desk, 0)[0].key.clone();
    let busy =
        Outcome::Failed { why: "429".into(), retry_after: Some(seconds(900)), permanent: false, reached: Vec::new() };
    desk.step(Event::Sent { key: key.clone(), outcome: busy });
    let due = desk.night.state.alerts.outbox[&key].due;
    assert_eq!(due.since(desk.night.state.alerts.now(desk.at)), seconds(900));
    let endless = Outcome::Failed {
        why: "429".into(),
        retry_after: Some(seconds(90_000)),
        permanent: false,
        reached: Vec::new(),
    };
    desk.step(Event::Sent { key: key.clone(), outcome: endless });
    let due = desk.night.state.alerts.outbox[&key].due;
    assert_eq!(due.since(desk.night.state.alerts.now(desk.at)), seconds(3600), "but not more than an hour");
}

#[test]
fn more_than_a_hundred_errors_in_an_hour_are_a_spike_until_there_are_few() {
    let mut desk = desk(told([session("a")], &["phone"]));
    desk.started("a");
    let attempt = desk.attempt("a");
    let mut output = OutputSeen::default();
    let at = desk.at.wall;
    let mut print = |desk: &mut Desk, errors: u64, bytes: u64| {
        output.bytes = bytes;
        let seen = ErrorSeen { sample: "E".into(), count: 0, first: at, last: at, more: Vec::new() };
        output.errors.entry("v1-x".into()).or_insert(seen).count += errors;
        desk.step(Event::Output { attempt: attempt.clone(), output: Box::new(output.clone()) });
    };
    print(&mut desk, 90, 1);
    desk.wait(seconds(120));
    print(&mut desk, 90, 2);
    desk.wait(seconds(120));
    assert!(queued(&desk, 0).is_empty(), "many errors, but in two minutes only");
    for minute in 0..9 {
        print(&mut desk, 1, 3 + minute);
        desk.wait(seconds(60));
    }
    desk.wait(seconds(60));
    let told = queued(&desk, 0);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].title, "a: more than 100 errors in an hour");
    arrive(&mut desk);
    desk.wait(seconds(2 * 3600));
    let kinds: Vec<_> = queued(&desk, 0).into_iter().map(|m| m.kind).collect();
    assert_eq!(kinds, [MessageKind::Fired, MessageKind::Resolved]);
}

#[test]
fn the_end_of_the_night_says_that_nothing_needs_anybody() {
    let mut desk = desk(told([session("a")], &["phone"]));
    desk.runs("a", code(0));
    desk.down();
    let told = queued(&desk, 0);
    assert_eq!(told.iter().map(|m| m.title.as_str()).collect::<Vec<_>>(), ["Nothing needs you."]);
    let mut desk = self::desk(self::told([session("a")], &["phone"]));
    fails(&mut desk, "a");
    desk.down();
    assert_eq!(queued(&desk, 0)[0].title, "1 thing needs you.");
}

#[test]
fn a_missed_deadline_is_told() {
    let mut late = session("a");
    // The desk's night begins at 21:00 UTC.
    late.timing.deadline = Some(ClockTime(22 * 60));
    let mut desk = desk(told([late], &["phone"]));
    desk.started("a");
    desk.wait(seconds(3700));
    desk.ends("a", ExitRecord { stopped: true, ..code(130) });
    assert_eq!(desk.word("a"), "unfinished");
    desk.wait(seconds(31));
    let titles: Vec<_> = queued(&desk, 0).into_iter().map(|m| m.title).collect();
    assert_eq!(titles, ["a was not done by its deadline"]);
}

#[test]
fn errors_are_a_spike_only_when_they_are_more_than_usual() {
    let mut desk = desk(told([session("a")], &["phone"]));
    // In each of three nights the session prints this many errors within twelve minutes.
    for (night, errors, spike) in [(21, 9, true), (22, 30, false), (23, 200, true)] {
        if night > 21 {
            desk.down();
            desk.wait(seconds(18 * 3600));
            desk.up_on(&format!("2026-11-{night}"), &[]);
        }
        let mark = desk.journal.len();
        desk.started("a");
        let (attempt, at) = (desk.attempt("a"), desk.at.wall);
        let mut output = OutputSeen::default();
        for minute in 1..=12 {
            let seen = ErrorSeen { sample: "E".into(), count: errors * minute, first: at, last: at, more: Vec::new() };
            output.errors.insert("v1-x".into(), seen);
            output.bytes = minute;
            desk.step(Event::Output { attempt: attempt.clone(), output: Box::new(output.clone()) });
            desk.wait(seconds(60));
        }
        let told = queued(&desk, mark).iter().any(|message| message.title.contains("errors in an hour"));
        assert_eq!(told, spike, "night {night}: {errors} a minute");
        desk.ends("a", code(0));
    }
}

#[test]
fn acts_are_journaled_with_who_and_refused_in_words() {
    let mut desk = desk(told([session("a")], &["phone"]));
    let act = |desk: &mut Desk, id: &str, act| {
        crate::core::testing::answer(&desk.step(Event::AlertAct { alert: id.into(), act, by: anna() }))
    };
    assert_eq!(act(&mut desk, "a1", AlertAct::Ack), "no such alert");
    fails(&mut desk, "a");
    assert_eq!(
        act(&mut desk, "a1", AlertAct::Snooze { seconds: Some(90_000) }),
        "a snooze is longer than nothing and at most a day"
    );
    assert_eq!(act(&mut desk, "a1", AlertAct::Resolve), "done: over until it comes up anew");
    desk.wait(seconds(3600));
    assert!(queued(&desk, 0).is_empty(), "its condition still holds, but somebody said it is over");
    assert_eq!(act(&mut desk, "a1", AlertAct::Ack), "it is over already");
}
