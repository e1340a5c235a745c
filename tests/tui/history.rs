//! A night that really went somewhere, made of facts as the journal has them: what the views of history are shown with.

use crate::world::{NOW, ago, twelve, two_hundred};
use nightkeep::core::exit::{Ending, ExitRecord, FailureClass, ResourceUsage, Verdict};
use nightkeep::core::fact::{Actor, Commit, Entry, Fact, ProjectWork};
use nightkeep::core::finding::{Finding, FindingKind};
use nightkeep::core::ids::{AttemptId, NightId, RunId, SessionName};
use nightkeep::core::note::Note;
use nightkeep::core::run::{AfterStop, Attempt, Due, ErrorSeen, MetricSeen, Outcome, OutputSeen, RunState, Started};
use nightkeep::core::state::State;
use nightkeep::core::time::{At, Mono, Wall};
use nightkeep::protocol::details::{
    AlertHistory, AlertMove, Numbers, PastAlert, Queue, QueueEntry, Series, SessionEvents,
};
use nightkeep::protocol::{AlertStatus, Why, WhyStep};
use nightkeep::report::nights::{NightLine, Nights};
use nightkeep::report::timeline::Timeline;
use nightkeep::report::{build, fold};
use nightkeep::status;
use nightkeep::tui::intent::Want;
use nightkeep::tui::model::{Detail, Model, News};
use std::collections::BTreeMap;
use std::time::Duration;

pub const NIGHT: &str = "2026-11-21";
/// How long the night has lasted, in seconds.
const LONG: i64 = 4_200;

fn at(second: i64) -> At {
    let wall = Wall(NOW.0 - (LONG - second) * 1000);
    At { wall, mono: Mono(u64::try_from(1_000_000 + second * 1000).unwrap()) }
}

fn anna() -> Actor {
    Actor { who: "uid 1000 (anna), pid 77".into(), reason: None }
}

pub fn name(text: &str) -> SessionName {
    SessionName::new(text).unwrap()
}

fn run(session: &str) -> RunId {
    RunId { night: NightId::new(NIGHT).unwrap(), session: name(session), number: 1 }
}

fn attempt(session: &str, number: u32) -> AttemptId {
    AttemptId { run: run(session), number }
}

fn due(second: i64) -> Due {
    let at = at(second);
    Due { wall: at.wall, mono: at.mono, boot_id: "b".into(), delay: Duration::from_secs(60) }
}

/// Facts by the second of the night in which they were journaled.
pub struct Story {
    facts: Vec<(i64, Fact)>,
}

impl Story {
    fn new() -> Self {
        let night = NightId::new(NIGHT).unwrap();
        let mut story = Self { facts: Vec::new() };
        let boot_id = "b".into();
        story.add(0, Fact::DaemonStarted { pid: 42, version: "0.1.0".into(), boot_id, unwatched_ms: 0 });
        story.add(0, Fact::NightOpened { night, by: anna() });
        story
    }
    fn add(&mut self, second: i64, fact: Fact) {
        self.facts.push((second, fact));
    }
    fn queued(&mut self, second: i64, session: &str) {
        let reason = "up".into();
        self.add(second, Fact::RunCreated { run: run(session), state: RunState::Queued, reason, redriven_from: None });
    }
    fn moved(&mut self, second: i64, session: &str, to: RunState, reason: &str) {
        self.add(second, Fact::RunMoved { run: run(session), to, reason: reason.into() });
    }
    fn starts(&mut self, second: i64, session: &str, number: u32) {
        let attempt = attempt(session, number);
        self.add(second, Fact::AttemptIntended { attempt: attempt.clone() });
        self.moved(second, session, RunState::Starting { attempt: attempt.clone() }, "a slot is free");
        let started =
            Started { at: at(second).wall, pid: 5000 + number, pid_start: 1, shim_pid: 4999, boot_id: "b".into() };
        self.add(second, Fact::AttemptStarted { attempt: attempt.clone(), started });
        self.moved(second, session, RunState::Running { attempt }, "the program runs");
    }
    fn fails(&mut self, second: i64, session: &str, number: u32, ran: u64, ending: Ending) {
        let verdict = Verdict { class: FailureClass::Transient, counted: true, rule: "exit/nonzero".into() };
        let exit = exit(ending, second, ran);
        let attempt = attempt(session, number);
        self.add(second, Fact::AttemptEnded { attempt, exit, verdict: Some(verdict), counted: true });
    }
    fn good(&mut self, second: i64, session: &str, number: u32, ran: u64) {
        let exit = exit(Ending::Code { code: 0 }, second, ran);
        let attempt = attempt(session, number);
        self.add(second, Fact::AttemptEnded { attempt, exit, verdict: None, counted: false });
        self.moved(second, session, RunState::Ended { outcome: Outcome::Succeeded }, "exit 0");
    }
    /// The journal: in the order of time.
    pub fn journal(mut self) -> Vec<(i64, Entry)> {
        self.facts.sort_by_key(|(second, _)| *second);
        let entries = self.facts.into_iter().map(|(second, fact)| Entry { at: at(second), fact });
        entries.enumerate().map(|(n, entry)| (i64::try_from(n).unwrap() + 1, entry)).collect()
    }
}

fn exit(ending: Ending, second: i64, ran: u64) -> ExitRecord {
    ExitRecord {
        ending,
        at: at(second).wall,
        ran: Duration::from_secs(ran),
        usage: Some(ResourceUsage { user_ms: 64_300, system_ms: 2_100, max_rss_kib: 412_000 }),
        oom: false,
        hup: false,
        stopped: false,
        orphans: 2,
        output_bytes: 182_034,
        lost_bytes: 0,
        refused: 0,
    }
}

/// The night of the twelve sessions.
pub fn story() -> Story {
    let mut s = Story::new();
    let all = [
        "load-events",
        "claude-refactor",
        "embeddings",
        "monthly-report",
        "codex-tests",
        "sync-s3",
        "load-profiles",
        "motherduck",
        "watch-ci",
        "dbt-build",
        "docs",
    ];
    for session in all {
        s.queued(0, session);
    }
    // Five attempts, each after a longer wait.
    let mut second = 5;
    for number in 1..=5 {
        s.starts(second, "load-events", number);
        second += 300;
        s.fails(second, "load-events", number, 300, Ending::Code { code: 1 });
        if number < 5 {
            s.moved(
                second,
                "load-events",
                RunState::BackingOff { until: due(second + 60) },
                "tried again after a delay",
            );
            second += 60 * i64::from(number);
        }
    }
    s.moved(second, "load-events", RunState::Ended { outcome: Outcome::Failed }, "attempt 5 of 5 failed");
    s.starts(10, "claude-refactor", 1);
    s.starts(10, "embeddings", 1);
    let found = Finding {
        kind: FindingKind::Stalled,
        subject: String::new(),
        what: "no output for 15 min, no work in its processes".into(),
        evidence: vec!["last line: batch 118".into()],
        first: at(2_100).wall,
        last: at(2_100).wall,
        resolved: None,
        times: 1,
        acted: None,
    };
    s.add(2_100, Fact::Finding { run: run("embeddings"), finding: Box::new(found) });
    s.starts(20, "monthly-report", 1);
    s.add(
        1_920,
        Fact::AttemptEnded {
            attempt: attempt("monthly-report", 1),
            exit: exit(Ending::Code { code: 0 }, 1_920, 1_900),
            verdict: None,
            counted: false,
        },
    );
    s.moved(1_920, "monthly-report", RunState::Checking { attempt: attempt("monthly-report", 1) }, "checks run");
    s.moved(1_990, "monthly-report", RunState::Ended { outcome: Outcome::Partial }, "out/report.csv is missing");
    s.starts(30, "codex-tests", 1);
    s.fails(1_200, "codex-tests", 1, 1_170, Ending::Code { code: 1 });
    s.moved(1_200, "codex-tests", RunState::Limited { until: due(16_000) }, "usage limit of anthropic");
    s.starts(40, "sync-s3", 1);
    s.fails(700, "sync-s3", 1, 660, Ending::Signal { signal: 9, core: false });
    s.moved(700, "sync-s3", RunState::BackingOff { until: due(760) }, "tried again");
    s.starts(760, "sync-s3", 2);
    s.moved(
        1_500,
        "sync-s3",
        RunState::Stopping { attempt: attempt("sync-s3", 2), then: AfterStop::Requeue },
        "restarted",
    );
    let by = Actor { reason: Some("wrong bucket".into()), ..anna() };
    s.add(1_500, Fact::OperatorActed { verb: "restart".into(), target: "sync-s3".into(), by, result: "done".into() });
    s.fails(1_520, "sync-s3", 2, 760, Ending::Signal { signal: 15, core: false });
    s.moved(1_520, "sync-s3", RunState::Held, "held by the operator");
    s.moved(2_400, "sync-s3", RunState::Queued, "released");
    s.starts(2_400, "sync-s3", 3);
    s.fails(4_140, "sync-s3", 3, 1_740, Ending::Code { code: 75 });
    s.moved(4_140, "sync-s3", RunState::BackingOff { until: due(4_242) }, "tried again in 1 min");
    s.starts(60, "load-profiles", 1);
    s.fails(800, "load-profiles", 1, 740, Ending::Code { code: 1 });
    s.moved(800, "load-profiles", RunState::BackingOff { until: due(830) }, "tried again");
    s.starts(830, "load-profiles", 2);
    s.starts(70, "motherduck", 1);
    s.starts(80, "watch-ci", 1);
    s.moved(1, "dbt-build", RunState::Waiting { on: vec![name("load-profiles")] }, "waits for load-profiles");
    s.starts(90, "docs", 1);
    s.good(138, "docs", 1, 48);
    let note = Note {
        number: 1,
        session: name("load-profiles"),
        text: "skip profile 88, it is broken\nand tell how many were skipped".into(),
        by: anna(),
        at: at(820).wall,
        night: None,
        given: Vec::new(),
        times_given: 0,
        settled: None,
        typed: Vec::new(),
    };
    s.add(820, Fact::NoteMoved { note: Box::new(note) });
    let commit = |second: i64, subject: &str| Commit {
        hash: "0123456789abcdef".into(),
        author: "anna".into(),
        at_ms: at(second).wall.0,
        subject: subject.into(),
    };
    let work = ProjectWork {
        commits: vec![commit(3_000, "loader: 並列に読む"), commit(900, "fix: retry on 503")],
        commit_count: 2,
        file_count: 5,
        dirty_count: 1,
        ..ProjectWork::default()
    };
    s.add(3_300, Fact::ProjectSeen { project: "warehouse".parse().unwrap(), work });
    s.add(2_600, Fact::DaemonStopped { reason: "SIGTERM; the sessions run on".into() });
    s.add(2_900, Fact::DaemonStarted { pid: 43, version: "0.1.0".into(), boot_id: "b".into(), unwatched_ms: 300_000 });
    s
}

pub fn timeline(journal: &[(i64, Entry)]) -> Timeline {
    Timeline::of(&NightId::new(NIGHT).unwrap(), journal.iter().map(|(seq, entry)| (*seq, entry)))
}

/// The model with what a view wanted.
pub fn with(model: &mut Model, want: Want, detail: Detail) {
    model.take(News::Detail { want, detail: Ok(detail) }, NOW);
}

/// The twelve sessions with all of their history.
pub fn known() -> Model {
    let mut model = twelve();
    let journal = story().journal();
    let (state, why) = (state(&journal), why());
    with(&mut model, Want::Timeline, Detail::Timeline(Box::new(timeline(&journal))));
    with(&mut model, Want::Alerts, Detail::Alerts(alerts()));
    let path = |id: &AttemptId| format!("logs/output/{}/{}.log", id.run.session, id.file_stem());
    let mut dead = status::attempts::dead_letters(&state, NOW, &path);
    dead.dead[0].cannot_retry = None;
    dead.dead[0].blocks = vec!["dbt-build".into(), "monthly-report".into()];
    with(&mut model, Want::Dead, Detail::Dead(dead));
    with(&mut model, Want::Queue, Detail::Queue(queue()));
    with(&mut model, Want::Nights, Detail::Nights(nights()));
    let facts = fold(&NightId::new(NIGHT).unwrap(), journal.iter().map(|(seq, entry)| (*seq, entry)));
    let report = build(&facts, &jiff::tz::TimeZone::UTC);
    with(&mut model, Want::Report(None), Detail::Report(Box::new(report)));
    for session in ["load-events", "load-profiles"] {
        let attempts = status::attempts::attempts(&state, &name(session), NOW, &path);
        with(&mut model, Want::Attempts(session.into()), Detail::Attempts(attempts));
        let notes = status::notes::of_session(&state, &name(session));
        with(&mut model, Want::Notes(session.into()), Detail::Notes(notes));
        let want = Want::Events { session: session.into(), before: None };
        with(&mut model, want, Detail::Events(events(&journal, session)));
    }
    with(&mut model, Want::Numbers("load-profiles".into()), Detail::Numbers(numbers()));
    with(&mut model, Want::Why("load-profiles".into()), Detail::Why(why));
    model
}

/// What a fold of the facts knows, with output in the attempts.
fn state(journal: &[(i64, Entry)]) -> State {
    let mut state = State::default();
    journal.iter().for_each(|(_, entry)| state.apply(entry));
    for run in state.runs.values_mut() {
        for attempt in &mut run.attempts {
            attempt.output = output(attempt);
        }
    }
    state
}

fn output(attempt: &Attempt) -> OutputSeen {
    let at = attempt.intended.wall;
    let lines = [
        "connecting to db-3.internal",
        "Traceback (most recent call last):",
        "psycopg.OperationalError: 接続できません",
    ];
    let error = ErrorSeen { sample: lines[2].into(), more: Vec::new(), count: 14, first: at, last: at };
    let rows = MetricSeen { first: (0.0, at), value: 3100.0, total: Some(3513.0), at, pace: Default::default() };
    OutputSeen {
        bytes: 182_034,
        last_at: Some(at),
        last_line: lines[2].into(),
        tail: lines.iter().map(|line| (*line).to_owned()).collect(),
        errors: BTreeMap::from([("e".to_owned(), error)]),
        metrics: BTreeMap::from([("profiles".to_owned(), rows)]),
        ..OutputSeen::default()
    }
}

fn events(journal: &[(i64, Entry)], session: &str) -> SessionEvents {
    let of = |entry: &Entry| status::events::session_of(&entry.fact).is_some_and(|of| of.as_str() == session);
    let mut events: Vec<_> = journal
        .iter()
        .filter(|(_, entry)| of(entry))
        .filter_map(|(seq, entry)| status::events::event(*seq, entry))
        .collect();
    events.reverse();
    SessionEvents { schema: 1, session: session.into(), events, before: Some(3) }
}

fn alerts() -> AlertHistory {
    let alert = |id: &str, state: &str, severity: &str, session: &str, title: &str| AlertStatus {
        severity: severity.into(),
        state: state.into(),
        body: "psycopg.OperationalError: connection refused, 14 times in the last attempt".into(),
        told: vec!["phone".into(), "mail".into()],
        count: 2,
        ..crate::world::alert(id, Some(session), title)
    };
    let step =
        |second: u64, state: &str, why: &str| AlertMove { at: ago(second), state: state.into(), why: why.into() };
    let moves = vec![
        step(700, "pending", "it came up"),
        step(670, "open", "it holds for 30 s"),
        step(660, "open", "phone was told"),
    ];
    let past = |alert: AlertStatus, over: Option<u64>| PastAlert { alert, over: over.map(ago), moves: moves.clone() };
    AlertHistory {
        schema: 1,
        night: Some(NIGHT.into()),
        alerts: vec![
            past(alert("a7", "open", "critical", "load-events", "load-events failed for good"), None),
            past(
                alert(
                    "a5",
                    "resolved",
                    "medium",
                    "motherduck",
                    "motherduck: 4 times as many errors as in nights before, 日本語",
                ),
                Some(300),
            ),
            past(alert("a2", "expired", "low", "docs", "docs came to 0 pages"), Some(3_000)),
        ],
        left_out: 0,
    }
}

fn queue() -> Queue {
    let entry = |session: &str, state: &str, next: Option<u64>, why: &[&str]| QueueEntry {
        session: session.into(),
        project: Some("warehouse".into()),
        state: state.into(),
        priority: i32::from(session == "dbt-build") * 5,
        next_at: next.map(crate::world::ahead),
        why: why.iter().map(|line| (*line).to_owned()).collect(),
    };
    Queue {
        schema: 1,
        slots: 4,
        taken: 4,
        nothing_starts: None,
        entries: vec![
            entry("sync-s3", "backing_off", Some(42), &["waits until 23:41 (in 42 s): exit 75, tried again in 1 min"]),
            entry("codex-tests", "limited", Some(11_933), &["held back with provider anthropic", "waits until 03:00"]),
            entry("dbt-build", "waiting", None, &["after load-profiles, which is running"]),
            entry("vacuum", "held", None, &["held by an operator until it is released"]),
        ],
    }
}

fn numbers() -> Numbers {
    let minute = |n: i64| NOW.0 - (70 - n) * 60_000;
    let rows: Vec<(i64, f64)> = (14..70).map(|n| (minute(n), (n - 14) as f64 * 55.3)).collect();
    let shaky = (0..70).map(|n| (minute(n), 40.0 + ((n * 37) % 23) as f64)).collect();
    let bytes = (0..70).map(|n| (minute(n), if n < 13 { n * n * 300 } else { (n - 13) * 2_000 } as f64)).collect();
    let series = |name: &str, total, points| Series { name: name.into(), total, points };
    Numbers {
        schema: 1,
        session: "load-profiles".into(),
        night: Some(NIGHT.into()),
        seq: 9,
        series: vec![
            series(status::numbers::OUTPUT, None, bytes),
            series("profiles", Some(3513.0), rows),
            series("遅延 ms", None, shaky),
        ],
        attempts: vec![(minute(0), 1), (minute(13), 2)],
    }
}

fn nights() -> Nights {
    let line = |id: &str, verdict, to: Option<u64>| NightLine {
        id: id.into(),
        from: Some(ago(4_200)),
        to: to.map(ago),
        timezone: "UTC".into(),
        seconds: 28_800.0,
        verdict,
        sessions: 12,
        finished: 11,
        failed: 1,
        partial: 0,
        needs_you: 1,
        retries: 3,
        errors: 12,
        commits: 4,
        ran: 0.0,
        tests: None,
        cost: None,
        trend: None,
    };
    use nightkeep::report::model::Verdict as V;
    let nights = vec![
        line(NIGHT, V::Failed, None),
        line("2026-11-20", V::Well, Some(80_000)),
        line("2026-11-19", V::NeedsYou, Some(160_000)),
    ];
    Nights { schema: 1, nights }
}

fn why() -> Why {
    let step = |second: u64, what: &str, evidence: Option<&str>| WhyStep {
        at: ago(second),
        what: what.into(),
        evidence: evidence.map(str::to_owned),
    };
    Why {
        schema: 1,
        session: "load-profiles".into(),
        state: "running".into(),
        chain: vec![
            step(4_200, "run 2026-11-21/load-profiles/1 created", None),
            step(3_400, "attempt 1: exit 1 after 12 min", Some("last line: psycopg.OperationalError: 接続できません")),
            step(3_400, "attempt 1: classed as transient, takes one of the attempts", Some("rule exit/nonzero")),
            step(3_380, "note n1 (open, given to 1 attempt): skip profile 88", Some("uid 1000 (anna), pid 77")),
            step(3_370, "running: attempt 2 runs", None),
        ],
        next: "it runs until it ends; stopped at 04:00 (in 4 h 19 min) if it has not".into(),
        usage: None,
    }
}

/// Two hundred sessions, each with a history of its own.
pub fn many() -> Model {
    let mut model = two_hundred();
    let mut s = Story::new();
    for n in 0..200_u32 {
        let session = format!("job-{n:03}");
        let begin = i64::from(n % 40) * 20;
        s.queued(0, &session);
        s.starts(begin + 10, &session, 1);
        if n % 3 == 0 {
            s.fails(begin + 900, &session, 1, 890, Ending::Code { code: 2 });
            s.moved(begin + 900, &session, RunState::BackingOff { until: due(begin + 1_000) }, "again");
            s.starts(begin + 1_000, &session, 2);
        }
        if n % 4 == 3 {
            s.good(begin + 3_000, &session, 1 + u32::from(n % 3 == 0), 2_000);
        }
    }
    let journal = s.journal();
    with(&mut model, Want::Timeline, Detail::Timeline(Box::new(timeline(&journal))));
    let facts = fold(&NightId::new(NIGHT).unwrap(), journal.iter().map(|(seq, entry)| (*seq, entry)));
    let report = build(&facts, &jiff::tz::TimeZone::UTC);
    with(&mut model, Want::Report(None), Detail::Report(Box::new(report)));
    with(&mut model, Want::Nights, Detail::Nights(nights()));
    model
}
