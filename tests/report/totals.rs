//! Whatever the journal holds, the report's totals are those of the journal, counted here a second time in another way.

use super::builder::*;
use nightkeep::core::evidence::ToldKind;
use nightkeep::core::exit::{Ending, FailureClass};
use nightkeep::core::fact::{Entry, Fact};
use nightkeep::core::ids::{AttemptId, RunId};
use nightkeep::core::run::{Outcome, OutputSeen, RunState};
use nightkeep::report::markdown::{MarkdownOptions, render};
use nightkeep::report::model::Report;
use nightkeep::report::nights::{self, Short};
use nightkeep::report::{Folder, build, check_code, fold, json, summary, text};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// One thing that may happen, whether or not it makes sense after what happened before.
#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Create(u8, u32),
    Move(u8, u32, u8),
    Intend(u8, u32, u32),
    Start(u8, u32, u32),
    Output(u8, u32, u32, u64),
    End(u8, u32, u32, u8),
    DaemonGone(u64),
    DaemonStop(u64),
    Reboot(u64),
    ClockJump(i64),
    Trouble,
    Work(u64),
    Tell(u8, usize),
    Write(usize),
    Reopen,
    Close,
}

/// What sessions say they did: no two of these are the same thing.
const PHRASES: [&str; 8] = [
    "Added the invoice page for customers",
    "Moved parser tests into their own folder",
    "Replaced yellow buttons by green ones",
    "Translated error messages to Danish",
    "Removed obsolete cache from checkout",
    "Documented backup procedure and restore",
    "Upgraded compiler on every worker",
    "Split mailing queue per country",
];

/// The document of a number: one of three, with two of the phrases.
fn written(n: usize) -> (String, String, [&'static str; 2]) {
    let both = [PHRASES[n], PHRASES[(n + 1) % PHRASES.len()]];
    (format!("STATUS_{}.md", n % 3), format!("# Status\n\n## Done\n- {}\n- {}\n", both[0], both[1]), both)
}

fn step() -> impl Strategy<Value = Step> {
    let (s, r, a) = (0..5_u8, 1..3_u32, 1..4_u32);
    prop_oneof![
        3 => (0..5000_u64).prop_map(Step::Wait),
        3 => (s.clone(), r.clone()).prop_map(|(s, r)| Step::Create(s, r)),
        6 => (s.clone(), r.clone(), 0..16_u8).prop_map(|(s, r, to)| Step::Move(s, r, to)),
        3 => (s.clone(), r.clone(), a.clone()).prop_map(|(s, r, a)| Step::Intend(s, r, a)),
        3 => (s.clone(), r.clone(), a.clone()).prop_map(|(s, r, a)| Step::Start(s, r, a)),
        3 => (s.clone(), r.clone(), a.clone(), 0..9_u64).prop_map(|(s, r, a, n)| Step::Output(s, r, a, n)),
        4 => (s, r, a, 0..5_u8).prop_map(|(s, r, a, e)| Step::End(s, r, a, e)),
        1 => (1..5000_u64).prop_map(Step::DaemonGone),
        1 => (1..5000_u64).prop_map(Step::DaemonStop),
        1 => (1..5000_u64).prop_map(Step::Reboot),
        1 => (-5000..5000_i64).prop_map(Step::ClockJump),
        1 => Just(Step::Trouble),
        1 => (0..9_u64).prop_map(Step::Work),
        2 => (0..5_u8, 0..PHRASES.len()).prop_map(|(s, n)| Step::Tell(s, n)),
        2 => (0..PHRASES.len()).prop_map(Step::Write),
        1 => Just(Step::Reopen),
        1 => Just(Step::Close),
    ]
}

fn state(j: &Journal, session: u8, kind: u8) -> RunState {
    let attempt = AttemptId { run: j.run_id(&format!("s{session}"), 1), number: 1 };
    let outcomes = [
        Outcome::Succeeded,
        Outcome::Partial,
        Outcome::Failed,
        Outcome::Stopped,
        Outcome::Skipped,
        Outcome::Unfinished,
    ];
    match kind {
        0 => RunState::Queued,
        1 => RunState::Held,
        2 => RunState::Starting { attempt },
        3 | 4 => RunState::Running { attempt },
        5 => RunState::Checking { attempt },
        6 => RunState::Waiting { on: vec![name("s0")] },
        7 => RunState::Scheduled { at: j.at.wall },
        n => ended(outcomes[usize::from(n) % outcomes.len()]),
    }
}

fn perform(j: &mut Journal, step: &Step) {
    let run = |j: &Journal, s: u8, r: u32| j.run_id(&format!("s{s}"), r);
    let attempt = |j: &Journal, s: u8, r: u32, a: u32| AttemptId { run: run(j, s, r), number: a };
    match step {
        Step::Wait(seconds) => j.wait(*seconds),
        Step::Create(s, r) => {
            let id = run(j, *s, *r);
            // A run comes to be once.
            let known = j.entries.iter().any(|(_, e)| matches!(&e.fact, Fact::RunCreated { run, .. } if *run == id));
            if !known {
                let reason = "asked for".to_owned();
                j.add(Fact::RunCreated { run: id, state: RunState::Queued, reason, redriven_from: None });
            }
        }
        Step::Move(s, r, to) => {
            let (run, to) = (run(j, *s, *r), state(j, *s, *to));
            j.add(Fact::RunMoved { run, to, reason: "so it is".into() });
        }
        Step::Intend(s, r, a) => {
            let attempt = attempt(j, *s, *r, *a);
            j.add(Fact::AttemptIntended { attempt });
        }
        Step::Start(s, r, a) => {
            let attempt = attempt(j, *s, *r, *a);
            let started = nightkeep::core::run::Started {
                at: j.at.wall,
                pid: 1,
                pid_start: 1,
                shim_pid: 1,
                boot_id: String::new(),
            };
            j.add(Fact::AttemptStarted { attempt, started });
        }
        Step::Output(s, r, a, n) => {
            let attempt = attempt(j, *s, *r, *a);
            let mut output = OutputSeen { bytes: n * 100, last_at: Some(j.at.wall), ..OutputSeen::default() };
            for i in 0..*n {
                output = error(output, &format!("e{i}"), "it broke", i + 1);
            }
            j.add(Fact::OutputObserved { attempt, output: Box::new(output) });
        }
        Step::End(s, r, a, kind) => {
            let attempt = attempt(j, *s, *r, *a);
            let (ending, verdict) = match kind {
                0 | 1 => (Ending::Code { code: 0 }, None),
                2 => (Ending::Code { code: 1 }, class(FailureClass::Transient, "exit/nonzero")),
                3 => (Ending::Signal { signal: 9, core: false }, class(FailureClass::KilledOther, "exit/signal")),
                _ => (Ending::Lost { why: "gone".into() }, class(FailureClass::Lost, "recorder/lost")),
            };
            let exit = exit(ending, j.at.wall, 7);
            j.add(Fact::AttemptEnded { attempt, exit, counted: verdict.as_ref().is_some_and(|v| v.counted), verdict });
        }
        Step::DaemonGone(seconds) => {
            j.wait(*seconds);
            j.daemon(seconds * 1000);
        }
        Step::DaemonStop(seconds) => {
            j.add(Fact::DaemonStopped { reason: "asked".into() });
            j.wait(*seconds);
            j.daemon(seconds * 1000);
        }
        Step::Reboot(seconds) => {
            j.wait(*seconds);
            j.reboot();
            j.daemon(seconds * 1000);
        }
        Step::ClockJump(seconds) => {
            j.at.wall.0 += seconds * 1000;
            j.add(Fact::ClockJumped { by_ms: seconds * 1000 });
        }
        Step::Trouble => j.add(Fact::Trouble { part: "git".into(), what: "locked".into() }),
        Step::Work(n) => {
            let work = nightkeep::core::fact::ProjectWork { commit_count: *n, file_count: n * 2, ..Default::default() };
            j.add(Fact::ProjectSeen { project: "glacier".parse().unwrap(), work });
        }
        Step::Tell(s, n) => super::claims::told(j, &format!("s{s}"), ToldKind::Done, PHRASES[*n]),
        Step::Write(n) => {
            let (path, text, _) = written(*n);
            super::claims::wrote(j, &path, None, &text);
        }
        Step::Reopen => {
            let night = j.night.clone();
            j.add(Fact::NightOpened { night, by: anna() });
        }
        Step::Close => j.close("asked"),
    }
}

/// The counts, by going over the journal once for each and keeping no state but what each needs.
fn recount(entries: &[(i64, Entry)]) -> BTreeMap<&'static str, u64> {
    let facts = || entries.iter().map(|(_, e)| &e.fact);
    let created: BTreeSet<&RunId> =
        facts().filter_map(|f| if let Fact::RunCreated { run, .. } = f { Some(run) } else { None }).collect();
    let mut place: BTreeMap<&RunId, usize> = BTreeMap::new();
    for (i, fact) in facts().enumerate() {
        if let Fact::RunCreated { run, .. } = fact {
            place.entry(run).or_insert(i);
        }
    }
    let known = |run: &RunId, i: usize| place.get(run).is_some_and(|p| *p < i);
    let mut last_state: BTreeMap<&RunId, &RunState> = BTreeMap::new();
    let mut attempts: BTreeSet<&AttemptId> = BTreeSet::new();
    let mut exits: BTreeSet<&AttemptId> = BTreeSet::new();
    let mut outputs: BTreeMap<&AttemptId, &OutputSeen> = BTreeMap::new();
    let mut work = (0, 0);
    for (i, fact) in facts().enumerate() {
        if let Fact::RunCreated { run, state: to, .. } | Fact::RunMoved { run, to, .. } = fact
            && place.get(run).is_some_and(|p| *p <= i)
        {
            last_state.insert(run, to);
        }
        if let Fact::AttemptIntended { attempt }
        | Fact::AttemptStarted { attempt, .. }
        | Fact::OutputObserved { attempt, .. }
        | Fact::AttemptEnded { attempt, .. } = fact
            && known(&attempt.run, i)
        {
            attempts.insert(attempt);
            if let Fact::OutputObserved { output, .. } = fact {
                outputs.insert(attempt, output);
            }
            if let Fact::AttemptEnded { .. } = fact {
                exits.insert(attempt);
            }
        }
        if let Fact::ProjectSeen { work: seen, .. } = fact {
            work = (seen.commit_count, seen.file_count);
        }
    }
    let mut newest: BTreeMap<&str, &RunId> = BTreeMap::new();
    for run in &created {
        let slot = newest.entry(run.session.as_str()).or_insert(run);
        if run.number > slot.number {
            *slot = run;
        }
    }
    let words = |word: &str| newest.values().filter(|run| last_state[**run].word() == word).count() as u64;
    let with_attempts: BTreeSet<&RunId> = attempts.iter().map(|a| &a.run).collect();
    let dead = created.iter().filter(|r| last_state[**r].outcome() == Some(Outcome::Failed)).count();
    BTreeMap::from([
        ("sessions", newest.len() as u64),
        ("succeeded", words("succeeded")),
        ("partial", words("partial")),
        ("failed", words("failed")),
        ("stopped", words("stopped")),
        ("skipped", words("skipped")),
        ("unfinished", words("unfinished")),
        ("running", words("running") + words("starting") + words("stopping")),
        ("to_come", words("queued") + words("held") + words("waiting") + words("scheduled")),
        ("runs", created.len() as u64),
        ("attempts", attempts.len() as u64),
        ("retries", (attempts.len() - with_attempts.len()) as u64),
        ("exits", exits.len() as u64),
        ("dead_letters", dead as u64),
        ("errors", outputs.values().flat_map(|o| o.errors.values()).map(|e| e.count).sum()),
        ("output_bytes", outputs.values().map(|o| o.bytes).sum()),
        ("commits", work.0),
        ("files", work.1),
    ])
}

/// How many things are claimed: every phrase once, of each document as it was written last in the night.
fn reclaim(entries: &[(i64, Entry)]) -> u64 {
    let facts = || entries.iter().map(|(_, e)| &e.fact);
    let opened = entries.iter().find(|(_, e)| matches!(e.fact, Fact::NightOpened { .. })).unwrap().1.at.wall;
    let mut said: BTreeSet<&str> =
        facts().filter_map(|f| if let Fact::Told { told, .. } = f { Some(told.text.as_str()) } else { None }).collect();
    let documents =
        || facts().filter_map(|f| if let Fact::DocumentRead { document } = f { Some(document) } else { None });
    for path in ["STATUS_0.md", "STATUS_1.md", "STATUS_2.md"] {
        let last = documents().filter(|d| d.path == path).max_by_key(|d| d.written);
        let last = last.filter(|d| d.written >= opened);
        said.extend(last.iter().flat_map(|d| PHRASES.into_iter().filter(|phrase| d.text.contains(phrase))));
    }
    said.len() as u64
}

/// What must hold of any report, whatever the journal.
fn agrees(j: &Journal, report: &Report) -> Result<(), TestCaseError> {
    let document: serde_json::Value = serde_json::from_str(&json::render(report).unwrap()).unwrap();
    for (field, count) in recount(&j.entries) {
        prop_assert_eq!(document["totals"][field].as_u64(), Some(count), "{}", field);
    }
    let claims = &report.claims;
    prop_assert_eq!(document["claims"]["claims"].as_u64(), Some(reclaim(&j.entries)));
    prop_assert_eq!(
        claims.claims,
        claims.seen + claims.unverified() + claims.weak + claims.stale + claims.contradicted
    );
    prop_assert_eq!(claims.seen, 0, "nothing was seen that speaks for words");
    let listed: usize = report.projects.iter().map(|project| project.items.count()).sum();
    prop_assert_eq!(claims.claims, listed as u64);
    let t = &report.totals;
    let all = t.succeeded + t.partial + t.failed + t.stopped + t.skipped + t.unfinished + t.running + t.to_come;
    prop_assert_eq!(all, t.sessions);
    prop_assert_eq!(t.needs_you, report.needs_you.len() as u64);
    prop_assert_eq!(t.dead_letters, report.dead_letters.len() as u64);
    prop_assert_eq!(t.sessions, report.sessions.len() as u64);
    // A run's stretches follow one another without a hole, and all of them together are the time that is shown.
    let mut spent = 0.0;
    for session in &report.sessions {
        for pair in session.time.windows(2) {
            prop_assert!(pair[0].to <= pair[1].from + 1e-9);
        }
        let of_session: f64 = session.time.iter().map(|t| t.to - t.from).sum();
        let waited: f64 = session
            .time
            .iter()
            .filter(|t| !matches!(t.spent.as_str(), "working" | "stalled"))
            .map(|t| t.to - t.from)
            .sum();
        prop_assert!((waited - session.waited).abs() < 1e-6);
        spent += of_session;
    }
    let shown: f64 = t.time.iter().map(|t| t.seconds).sum();
    prop_assert!(shown + 1e-6 >= spent, "{} < {}", shown, spent);
    prop_assert!(t.unwatched <= report.window.seconds + 1e-6, "{} in {}", t.unwatched, report.window.seconds);
    // The words carry the same numbers.
    let page = render(report, MarkdownOptions { full: true });
    let title = format!("# {}", report.title);
    prop_assert!(page.starts_with(&title), "{}", page);
    if t.sessions > 0 {
        prop_assert!(report.title.contains(&format!("{} of {} ", t.succeeded, t.sessions)), "{}", report.title);
    }
    let told = if claims.claims == 1 { "1 claim: ".to_owned() } else { format!("{} claims: ", claims.claims) };
    prop_assert_eq!(page.contains(&told), claims.claims > 0, "{}", page);
    prop_assert_eq!(text::page(report).contains(&told), claims.claims > 0);
    for session in &report.sessions {
        let row = format!("| {} | ", session.name);
        prop_assert!(page.contains(&row), "{}", session.name);
    }
    let code = check_code(report);
    prop_assert_eq!(code == 2, t.failed + t.partial > 0);
    prop_assert_eq!(code == 0, t.failed + t.partial + t.needs_you == 0 && report.unreadable.is_empty());
    prop_assert!(render(report, MarkdownOptions::default()).lines().count() <= 150);
    prop_assert!(text::push(report).chars().count() <= 400);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn totals_are_those_of_the_journal(steps in prop::collection::vec(step(), 0..80)) {
        let sessions: Vec<_> = (0..5).map(|i| session(&format!("s{i}"))).collect();
        let mut journal = Journal::begin("2026-11-21", "2026-11-21T21:30:00Z", plan(sessions));
        for step in &steps {
            perform(&mut journal, step);
        }
        let report = journal.report();
        agrees(&journal, &report)?;
        // The list of nights is told by what a night was summed up to, once it is over.
        let short = Short::of_summary(&summary(&report).unwrap());
        prop_assert_eq!(short.is_some(), report.window.from.is_some() && !report.window.open);
        if let Some(short) = short {
            prop_assert_eq!(nights::nights(&[short]), nights::nights(&[Short::of(&report)]));
        }
    }

    /// A fold that is written down and gone on with, at any place and more than once, tells what the whole journal tells.
    #[test]
    fn a_fold_that_is_written_down_goes_on_to_the_same_bytes(
        steps in prop::collection::vec(step(), 0..80),
        mut stops in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        odd in any::<f64>().prop_filter("a number", |x| x.is_finite()),
    ) {
        let sessions: Vec<_> = (0..5).map(|i| session(&format!("s{i}"))).collect();
        let mut journal = Journal::begin("2026-11-21", "2026-11-21T21:30:00Z", plan(sessions));
        for step in &steps {
            perform(&mut journal, step);
        }
        let attempt = AttemptId { run: journal.run_id("s0", 1), number: 1 };
        journal.add(Fact::RunCreated { run: attempt.run.clone(), state: RunState::Queued, reason: String::new(), redriven_from: None });
        let output = metric(OutputSeen { last_at: Some(journal.at.wall), ..OutputSeen::default() }, "odd", odd, None, 60);
        journal.add(Fact::OutputObserved { attempt, output: Box::new(output) });
        let entries = &journal.entries;
        stops.sort_by_key(|stop| stop.index(entries.len()));
        let mut folder = Folder::new(&journal.night);
        let mut from = 0;
        for stop in stops.iter().map(|stop| stop.index(entries.len())) {
            for (seq, entry) in &entries[from..stop] {
                folder.add(*seq, entry);
            }
            from = stop;
            folder = serde_json::from_str(&serde_json::to_string(&folder).unwrap()).unwrap();
        }
        // Whoever goes on may meet again what was taken in before.
        for (seq, entry) in &entries[from.saturating_sub(3)..] {
            folder.add(*seq, entry);
        }
        let facts = folder.finish();
        prop_assert_eq!(&facts, &fold(&journal.night, entries.iter().map(|(seq, entry)| (*seq, entry))));
        let report = build(&facts, &berlin());
        prop_assert_eq!(json::render(&report).unwrap(), json::render(&journal.report()).unwrap());
    }
}
