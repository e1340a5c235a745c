//! A night as stretches of time: without a hole, without an overlap, and the same however it was made.

use crate::builder::{Journal, anna, class, ended, name, plan, session, wall, work};
use nightkeep::core::agent::{Activity, AgentSeen, Prompt, PromptKind};
use nightkeep::core::exit::{Ending, FailureClass};
use nightkeep::core::fact::Fact;
use nightkeep::core::finding::{Finding, FindingKind};
use nightkeep::core::ids::AttemptId;
use nightkeep::core::note::Note;
use nightkeep::core::run::{AfterStop, Due, Outcome, RunState};
use nightkeep::core::ticket::{Stage, Ticket, mark};
use nightkeep::report::fold;
use nightkeep::report::passage::Use;
use nightkeep::report::timeline::{Doing, MARKS_MAX, MarkKind, SPANS_MAX, Span, Timeline};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;

fn made(journal: &Journal) -> Timeline {
    Timeline::of(&journal.night, journal.entries.iter().map(|(seq, entry)| (*seq, entry)))
}

fn told(timeline: &Timeline, session: &str) -> Vec<(Doing, u64, u64, u32, String)> {
    let spans = timeline.stretches(session, timeline.until);
    spans.map(|s| (s.doing, s.from / 1000, s.to / 1000, s.attempt, s.end)).collect()
}

fn stall(journal: &mut Journal, session: &str, resolved: bool) {
    let finding = Finding {
        kind: FindingKind::Stalled,
        subject: String::new(),
        what: "nothing new for 15 min".into(),
        evidence: Vec::new(),
        first: journal.at.wall,
        last: journal.at.wall,
        resolved: resolved.then_some(journal.at.wall),
        times: 1,
        acted: None,
    };
    let run = journal.run_id(session, 1);
    journal.add(Fact::Finding { run, finding: Box::new(finding) });
}

#[test]
fn a_night_is_told_as_it_went() {
    let mut j = Journal::begin("2026-11-21", "2026-11-21T22:00:00Z", plan([session("load")]));
    j.wait(10);
    j.queue("load", RunState::Queued, "up");
    j.wait(5);
    j.start("load", 1);
    j.wait(100);
    j.end("load", 1, 100, Ending::Code { code: 1 }, class(FailureClass::Transient, "exit/nonzero"));
    j.backing_off("load", 60);
    j.wait(60);
    j.start("load", 2);
    j.wait(900);
    stall(&mut j, "load", false);
    j.wait(30);
    stall(&mut j, "load", true);
    let note = Note {
        number: 1,
        session: name("load"),
        text: "use the\nsmall batch".into(),
        by: anna(),
        at: j.at.wall,
        night: None,
        given: Vec::new(),
        times_given: 0,
        settled: None,
        typed: Vec::new(),
    };
    j.add(Fact::NoteMoved { note: Box::new(note) });
    j.add(Fact::ProjectSeen {
        project: "glacier".parse().unwrap(),
        work: work(wall("2026-11-21T22:02:00Z"), "fix", "anna", "a.rs"),
    });
    j.wait(70);
    j.end("load", 2, 1000, Ending::Code { code: 0 }, None);
    let attempt = j.attempt_id("load", 2);
    j.moved("load", RunState::Checking { attempt }, "its checks run");
    j.wait(4);
    j.moved("load", ended(Outcome::Succeeded), "all checks hold");
    let timeline = made(&j);
    let s = |text: &str| text.to_owned();
    assert_eq!(
        told(&timeline, "load"),
        [
            (Doing::Waiting, 10, 15, 0, s("a slot is free")),
            (Doing::Working, 15, 115, 1, s("attempt 1: exit 1 (transient)")),
            (Doing::BackingOff, 115, 175, 1, s("a slot is free")),
            (Doing::Working, 175, 1075, 2, s("nothing new for 15 min")),
            (Doing::Stalled, 1075, 1105, 2, s("nothing new for 15 min")),
            (Doing::Working, 1105, 1175, 2, s("attempt 2: exit 0")),
            (Doing::Checking, 1175, 1179, 2, s("all checks hold")),
        ]
    );
    let lane = &timeline.sessions["load"];
    assert_eq!(lane.outcome.as_deref(), Some("succeeded"));
    let marks: Vec<(MarkKind, u64)> = lane.marks.iter().map(|mark| (mark.kind, mark.at / 1000)).collect();
    use MarkKind as M;
    let expected =
        [(M::Start, 15), (M::Failure, 115), (M::Retry, 175), (M::Stall, 1075), (M::Note, 1105), (M::Exit, 1175)];
    assert_eq!(marks, expected);
    assert_eq!(lane.marks[4].what, "note n1: use the small batch");
    assert_eq!(timeline.marks[0].kind, MarkKind::Commit);
    assert_eq!(timeline.marks[0].at, 120_000, "a commit stands where it was made, not where it was seen");
}

#[test]
fn while_nobody_watches_what_waits_is_down_and_what_runs_goes_on_until_its_end() {
    let mut j = Journal::begin("2026-11-21", "2026-11-21T22:00:00Z", plan([session("a"), session("b")]));
    j.queue("a", RunState::Queued, "up");
    j.queue("b", RunState::Queued, "up");
    j.start("a", 1);
    j.wait(50);
    // The end came 30 s into the 100 s without a daemon.
    j.wait(100);
    j.daemon(100_000);
    let attempt = j.attempt_id("a", 1);
    let exit = crate::builder::exit(Ending::Code { code: 0 }, wall("2026-11-21T22:01:20Z"), 80);
    j.add(Fact::AttemptEnded { attempt, exit, verdict: None, counted: false });
    j.moved("a", ended(Outcome::Succeeded), "exit 0");
    j.wait(10);
    j.start("b", 1);
    let timeline = made(&j);
    let doing = |session| -> Vec<_> {
        told(&timeline, session).into_iter().map(|(doing, from, to, _, _)| (doing, from, to)).collect()
    };
    assert_eq!(doing("a"), [(Doing::Working, 0, 80), (Doing::Down, 80, 150)]);
    assert_eq!(
        doing("b"),
        [(Doing::Waiting, 0, 50), (Doing::Down, 50, 150), (Doing::Waiting, 150, 160), (Doing::Working, 160, 160)]
    );
    assert_eq!(timeline.unwatched.len(), 1);
    assert_eq!(timeline.marks[0].what, "watched again; the daemon ended without a word");
}

#[test]
fn a_wall_clock_that_jumps_moves_no_stretch_and_is_told_on_the_axis() {
    let mut j = Journal::begin("2026-11-21", "2026-11-21T22:00:00Z", plan([session("a")]));
    j.queue("a", RunState::Queued, "up");
    j.wait(60);
    j.at.wall = wall("2026-11-22T01:00:00Z");
    j.start("a", 1);
    j.wait(60);
    j.moved("a", ended(Outcome::Failed), "x");
    let timeline = made(&j);
    let spans: Vec<(u64, u64)> = timeline.stretches("a", 0).map(|s| (s.from, s.to)).collect();
    assert_eq!(spans, [(0, 60_000), (60_000, 120_000)]);
    assert_eq!(timeline.wall(59_000), Some(wall("2026-11-21T22:00:59Z")));
    assert_eq!(timeline.wall(61_000), Some(wall("2026-11-22T01:00:01Z")));
    assert_eq!(timeline.place(wall("2026-11-22T01:00:30Z")), 90_000);
    assert_eq!(timeline.place(wall("2026-11-21T22:00:30Z")), 30_000);
}

#[test]
fn a_thousand_retries_stay_bounded_and_lose_no_second() {
    let mut j = Journal::begin("2026-11-21", "2026-11-21T22:00:00Z", plan([session("a")]));
    j.queue("a", RunState::Queued, "up");
    for number in 1..=1_000 {
        j.start("a", number);
        j.wait(1 + u64::from(number % 17));
        j.end("a", number, 1, Ending::Code { code: 1 }, class(FailureClass::Transient, "exit/nonzero"));
        j.backing_off("a", 1);
        j.wait(2 + u64::from(number % 3));
    }
    let timeline = made(&j);
    let lane = &timeline.sessions["a"];
    assert!(
        lane.spans.len() <= SPANS_MAX && lane.marks.len() <= MARKS_MAX,
        "{} {}",
        lane.spans.len(),
        lane.marks.len()
    );
    assert_eq!(lane.marks_left_out as usize + lane.marks.len(), 2_000);
    let spans: Vec<Span> = timeline.stretches("a", timeline.until).collect();
    assert_eq!(spans.last().unwrap().to - spans[0].from, spans.iter().map(|s| s.to - s.from).sum::<u64>());
    let worked: u64 = (1..=1_000_u64).map(|number| 1 + number % 17).sum();
    assert_eq!(timeline.totals("a", timeline.until)[&Doing::Working], worked * 1000);
    let text = serde_json::to_string(&timeline).unwrap();
    assert!(text.len() < 150_000, "{}", text.len());
}

/// An attempt asks something, or it was answered.
fn asks(journal: &mut Journal, attempt: AttemptId, open: bool) {
    let stage = if open { Stage::Open } else { Stage::Gone { at: journal.at.wall } };
    let prompt = Prompt {
        kind: PromptKind::Permission,
        about: "bash-command".into(),
        question: "May it?".into(),
        command: None,
        choices: Vec::new(),
        stable_since: journal.at.wall,
    };
    let ticket = Ticket {
        number: 1,
        attempt,
        mark: mark(&prompt),
        prompt,
        profile: "claude".into(),
        rule: String::new(),
        version: None,
        since: journal.at.wall,
        stage,
        judged: true,
        note: None,
        parked: false,
    };
    journal.add(Fact::TicketMoved { ticket: Box::new(ticket), why: "so it goes".into() });
}

/// What keeps a program that runs from work is time of its own: a question waits for a person, a limit for its end.
#[test]
fn what_is_asked_waits_for_you_and_a_limit_is_waited_for_while_the_program_runs() {
    let mut j = Journal::begin("2026-11-21", "2026-11-21T22:00:00Z", plan([session("load")]));
    j.queue("load", RunState::Queued, "up");
    j.start("load", 1);
    let attempt = j.attempt_id("load", 1);
    j.wait(10);
    asks(&mut j, attempt.clone(), true);
    j.wait(100);
    asks(&mut j, attempt.clone(), false);
    j.wait(20);
    let idle = |class| AgentSeen { activity: Activity::Idle, class, ..AgentSeen::default() };
    let limit = Box::new(idle(Some(FailureClass::UsageLimit)));
    j.add(Fact::AgentMoved { attempt: attempt.clone(), bytes: 1, seen: limit });
    j.wait(200);
    j.add(Fact::AgentMoved { attempt, bytes: 2, seen: Box::new(idle(None)) });
    j.wait(5);
    j.end("load", 1, 335, Ending::Code { code: 0 }, None);
    j.moved("load", ended(Outcome::Succeeded), "all checks hold");
    let facts = fold(&j.night, j.entries.iter().map(|(seq, entry)| (*seq, entry)));
    let run = facts.runs.values().next().unwrap();
    let spent: Vec<_> = run.spent(&facts.gaps).iter().map(|s| (s.spent, (s.to - s.from) / 1000)).collect();
    let expected = [(Use::Working, 10), (Use::Held, 100), (Use::Working, 20), (Use::Limited, 200), (Use::Working, 5)];
    assert_eq!(spent, expected);
    hold_together(&j, 3).unwrap();
}

/// One thing that may happen next to a session.
#[derive(Debug, Clone, Copy)]
enum Next {
    Start,
    End,
    BackOff,
    Limit,
    Hold,
    Queue,
    Check,
    Stop,
    Stall,
    Wake,
    Over,
    Gap,
    Jump,
    Asks,
    Answered,
    AtLimit,
    Works,
    Nothing,
}

const NEXT: [Next; 18] = [
    Next::Start,
    Next::End,
    Next::BackOff,
    Next::Limit,
    Next::Hold,
    Next::Queue,
    Next::Check,
    Next::Stop,
    Next::Stall,
    Next::Wake,
    Next::Over,
    Next::Gap,
    Next::Jump,
    Next::Asks,
    Next::Answered,
    Next::AtLimit,
    Next::Works,
    Next::Nothing,
];

/// A journal in which facts follow one another as they like; also such as no daemon would write.
fn drawn(steps: &[(usize, usize, u64)]) -> Journal {
    let names = ["a", "b", "c"];
    let mut j = Journal::begin("2026-11-21", "2026-11-21T22:00:00Z", plan(names.map(session)));
    let mut number = [0_u32; 3];
    let mut over = [true; 3];
    let mut runs = [0_u32; 3];
    for (who, what, wait) in steps {
        let (who, what) = (*who, NEXT[*what]);
        j.wait(*wait);
        let session = names[who];
        match what {
            Next::Gap => {
                j.wait(40);
                let unwatched = 1_000 * (10 + wait % 30);
                j.daemon(unwatched);
                continue;
            }
            Next::Jump => {
                j.at.wall = nightkeep::core::time::Wall(j.at.wall.0 + (*wait as i64 - 20) * 60_000);
                continue;
            }
            Next::Nothing => {
                j.add(Fact::ClockJumped { by_ms: 0 });
                continue;
            }
            Next::Start
            | Next::End
            | Next::BackOff
            | Next::Limit
            | Next::Hold
            | Next::Queue
            | Next::Check
            | Next::Stop
            | Next::Stall
            | Next::Wake
            | Next::Asks
            | Next::Answered
            | Next::AtLimit
            | Next::Works
            | Next::Over => {}
        }
        let run = |j: &Journal, runs: &[u32; 3]| j.run_id(session, runs[who]);
        if over[who] {
            over[who] = false;
            number[who] = 0;
            runs[who] += 1;
            let run = run(&j, &runs);
            j.add(Fact::RunCreated { run, state: RunState::Queued, reason: "up".into(), redriven_from: None });
            continue;
        }
        let run = run(&j, &runs);
        let attempt = |number: u32| AttemptId { run: run.clone(), number: number.max(1) };
        let due = || Due { wall: j.at.wall, mono: j.at.mono, boot_id: "b".into(), delay: Duration::from_secs(1) };
        let to = match what {
            Next::Start => {
                number[who] += 1;
                let attempt = attempt(number[who]);
                j.add(Fact::AttemptIntended { attempt: attempt.clone() });
                RunState::Running { attempt }
            }
            Next::End => {
                let exit = crate::builder::exit(Ending::Code { code: 1 }, j.at.wall, 1);
                let attempt = attempt(number[who]);
                j.add(Fact::AttemptEnded { attempt, exit, verdict: None, counted: false });
                continue;
            }
            Next::BackOff => RunState::BackingOff { until: due() },
            Next::Limit => RunState::Limited { until: due() },
            Next::Hold => RunState::Held,
            Next::Queue => RunState::Queued,
            Next::Check => RunState::Checking { attempt: attempt(number[who]) },
            Next::Stop => RunState::Stopping { attempt: attempt(number[who]), then: AfterStop::Requeue },
            Next::Stall | Next::Wake => {
                let kept = runs[who];
                let finding = matches!(what, Next::Wake);
                if kept == 1 {
                    stall(&mut j, session, finding);
                }
                continue;
            }
            Next::Asks | Next::Answered => {
                let attempt = attempt(number[who]);
                asks(&mut j, attempt, matches!(what, Next::Asks));
                continue;
            }
            Next::AtLimit | Next::Works => {
                let (attempt, at_limit) = (attempt(number[who]), matches!(what, Next::AtLimit));
                let seen = AgentSeen {
                    activity: if at_limit { Activity::Idle } else { Activity::Working },
                    class: at_limit.then_some(FailureClass::UsageLimit),
                    ..AgentSeen::default()
                };
                j.add(Fact::AgentMoved { attempt, bytes: 1, seen: Box::new(seen) });
                continue;
            }
            Next::Over => {
                over[who] = true;
                ended(Outcome::Failed)
            }
            Next::Gap | Next::Jump | Next::Nothing => continue,
        };
        j.add(Fact::RunMoved { run, to, reason: "so it goes".into() });
    }
    j
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn stretches_cover_each_run_without_overlap_and_sum_up_to_what_the_report_counts(
        steps in prop::collection::vec((0..3_usize, 0..NEXT.len(), 0..60_u64), 1..120),
        cut in 0..120_usize,
    ) {
        hold_together(&drawn(&steps), cut)?;
    }
}

/// An end that seems to lie in a gap, by a clock that was set back, of an attempt that began after it.
#[test]
fn an_end_before_its_beginning_takes_no_time_from_what_was_before() {
    const A: usize = 0;
    const B: usize = 1;
    let steps = [
        (A, Next::Start, 0),
        (A, Next::Start, 0),
        (A, Next::Gap, 0),
        (B, Next::Start, 28),
        (A, Next::Start, 90),
        (A, Next::Jump, 13),
        (A, Next::Gap, 16),
        (A, Next::Check, 55),
        (A, Next::Start, 78),
        (A, Next::End, 92),
    ];
    let number = |next: Next| NEXT.iter().position(|known| *known as usize == next as usize).unwrap();
    let steps = steps.map(|(who, next, wait)| (who, number(next), wait));
    hold_together(&drawn(&steps), 0).unwrap();
}

fn hold_together(j: &Journal, cut: usize) -> Result<(), TestCaseError> {
    let timeline = made(j);
    let facts = fold(&j.night, j.entries.iter().map(|(seq, entry)| (*seq, entry)));
    for (session, lane) in &timeline.sessions {
        let spans: Vec<Span> = timeline.stretches(session, timeline.until).collect();
        let mut known: Option<&Span> = None;
        for span in &spans {
            prop_assert!(span.from <= span.to);
            if let Some(before) = known {
                prop_assert!(before.to <= span.from, "{before:?} {span:?}");
                prop_assert!(before.run != span.run || before.to == span.from, "a hole: {before:?} {span:?}");
            }
            known = Some(span);
        }
        let whole: u64 = spans.iter().map(|span| span.to - span.from).sum();
        let totals = timeline.totals(session, timeline.until);
        prop_assert_eq!(whole, totals.values().sum::<u64>());
        // The report counts the same time by its own fold.
        let mut by_use: BTreeMap<Use, u64> = BTreeMap::new();
        for (doing, spent) in totals {
            *by_use.entry(doing.spent()).or_default() += spent;
        }
        by_use.retain(|_, spent| *spent > 0);
        let mut reported: BTreeMap<Use, u64> = BTreeMap::new();
        for run in facts.runs.values().filter(|run| run.id.session.as_str() == session) {
            for segment in run.spent(&facts.gaps) {
                *reported.entry(segment.spent).or_default() += segment.to - segment.from;
            }
        }
        prop_assert_eq!(by_use, reported, "{}", session);
        prop_assert!(lane.marks.windows(2).all(|two| two[0].at <= two[1].at));
    }
    // Written down in the middle and gone on with, told twice: the same.
    let cut = cut.min(j.entries.len());
    let mut first = Timeline::new("2026-11-21");
    for (seq, entry) in &j.entries[..cut] {
        first.apply(*seq, entry);
    }
    let mut again: Timeline = serde_json::from_str(&serde_json::to_string(&first).unwrap()).unwrap();
    for (seq, entry) in &j.entries {
        again.apply(*seq, entry);
    }
    prop_assert_eq!(again, timeline);
    Ok(())
}
