//! The status document, its table at several widths, tonight's plan, and the chain behind a state.

use super::builder::*;
use jiff::tz::TimeZone;
use nightkeep::core::exit::{Ending, FailureClass, Verdict};
use nightkeep::core::fact::{Entry, Fact};
use nightkeep::core::ids::NightId;
use nightkeep::core::limit::RunLimit;
use nightkeep::core::plan::{DependencyOn, Plan};
use nightkeep::core::run::{AfterStop, Attempt, Due, Outcome, OutputSeen, Run, RunState, Started};
use nightkeep::core::state::{NightState, State};
use nightkeep::core::time::{At, Mono, Wall};
use nightkeep::core::told::ToldSoFar;
use nightkeep::protocol::{DaemonStatus, Status};
use nightkeep::status::table::{Style, TableOptions, render};
use nightkeep::status::text::width;
use nightkeep::status::{StatusContext, project, tonight, why};
use std::collections::BTreeMap;
use std::time::Duration;

const NIGHT: &str = "2026-11-21";

fn now() -> At {
    At { wall: wall("2026-11-22T01:10:00Z"), mono: Mono(20_000_000) }
}

fn ago(seconds: u64) -> At {
    let now = now();
    At { wall: Wall(now.wall.0 - seconds as i64 * 1000), mono: Mono(now.mono.0 - seconds * 1000) }
}

fn state(plan: Plan) -> State {
    let night = NightState {
        collected: Default::default(),
        reported: false,
        sent_before: None,
        delivered: false,
        id: NightId::new(NIGHT).unwrap(),
        opened: ago(13_200),
        by: anna(),
        closed: None,
        closing: false,
        starts: BTreeMap::new(),
        bases: BTreeMap::new(),
        work: BTreeMap::new(),
    };
    State { plan, night: Some(night), ..State::default() }
}

fn put(state: &mut State, session: &str, run_state: RunState, reason: &str, attempts: Vec<Attempt>) {
    let id = Journal::new(NIGHT, "2026-11-21T21:30:00Z").run_id(session, 1);
    let run = Run {
        redriven_by: None,
        session: None,
        id: id.clone(),
        state: run_state,
        reason: reason.into(),
        since: ago(600),
        epoch: 1,
        created: ago(13_000),
        redriven_from: None,
        counted: attempts.len() as u32,
        attempts,
        removed: false,
        held: false,
        deadline: None,
        findings: Vec::new(),
        limit: RunLimit::default(),
    };
    state.runs.insert(id, run);
}

fn attempt(session: &str, number: u32, started: u64, output: OutputSeen) -> Attempt {
    let id = Journal::new(NIGHT, "2026-11-21T21:30:00Z").attempt_id(session, number);
    let at = ago(started).wall;
    let started = Started { at, pid: 5151, pid_start: 1, shim_pid: 5150, boot_id: "boot-1".into() };
    let started = Some(started);
    Attempt {
        id,
        intended: ago(started_before(at)),
        started,
        exit: None,
        verdict: None,
        output,
        checks: Vec::new(),
        used: None,
        told: ToldSoFar::default(),
        conversation: None,
    }
}

fn started_before(at: Wall) -> u64 {
    now().wall.since(at).as_secs() + 1
}

fn over(mut attempt: Attempt, ending: Ending, ran: u64, verdict: Option<Verdict>) -> Attempt {
    let end = attempt.started.as_ref().unwrap().at.plus(Duration::from_secs(ran));
    attempt.exit = Some(exit(ending, end, ran));
    attempt.verdict = verdict;
    attempt
}

fn running(session: &str) -> RunState {
    RunState::Running { attempt: Journal::new(NIGHT, "2026-11-21T21:30:00Z").attempt_id(session, 1) }
}

fn due(seconds: u64) -> Due {
    let delay = Duration::from_secs(seconds);
    let at = now().plus(delay);
    Due { wall: at.wall, mono: at.mono, boot_id: "boot-1".into(), delay }
}

/// A dozen sessions, one in each kind of state.
fn dozen() -> State {
    let names = [
        "load-profiles",
        "load-x",
        "motherduck",
        "views",
        "docs",
        "build",
        "index",
        "mail",
        "held-one",
        "later",
        "off",
        "nightly-regression-of-everything",
    ];
    let mut sessions: Vec<_> = names.iter().map(|n| session(n)).collect();
    sessions[0] = with_metric(sessions[0].clone(), "profiles", Some(3513.0));
    sessions[2] = after(sessions[2].clone(), &["load-x"]);
    sessions[10].disabled = true;
    sessions[6].project = None;
    let mut s = state(plan(sessions));
    let output = metric(lines(ago(12).wall, &["Loaded 3100 of 3513"]), "profiles", 3100.0, Some(3513.0), 9000);
    put(
        &mut s,
        "load-profiles",
        running("load-profiles"),
        "the program runs",
        vec![attempt("load-profiles", 1, 9000, output)],
    );
    let dead = attempt("load-x", 1, 13_000, lines(ago(12_999).wall, &["no module named loader"]));
    let dead = over(dead, Ending::Code { code: 127 }, 1, class(FailureClass::Permanent, "exit/127"));
    put(&mut s, "load-x", ended(Outcome::Failed), "exit 127 does not change by trying again", vec![dead]);
    put(&mut s, "motherduck", ended(Outcome::Skipped), "load-x did not succeed", vec![]);
    let mut red = over(attempt("views", 1, 800, lines(ago(700).wall, &["done"])), Ending::Code { code: 0 }, 100, None);
    red.checks = vec![check("verify: pytest -q", false, "exit 1 after 4 s")];
    put(&mut s, "views", ended(Outcome::Partial), "verify is red", vec![red]);
    let words = "変換中… 日本語のファイル 👩‍💻 \u{1b}[31mrot\u{1b}[0m \u{202e}gnp.exe und noch viel mehr Text, der nicht in die Spalte passt";
    put(
        &mut s,
        "docs",
        running("docs"),
        "the program runs",
        vec![attempt("docs", 1, 3660, lines(ago(90).wall, &[words]))],
    );
    let good = over(attempt("build", 1, 5000, OutputSeen::default()), Ending::Code { code: 0 }, 4000, None);
    put(&mut s, "build", ended(Outcome::Succeeded), "exit 0", vec![good]);
    let once = over(
        attempt("index", 1, 500, OutputSeen::default()),
        Ending::Signal { signal: 11, core: true },
        300,
        class(FailureClass::KilledOther, "exit/signal"),
    );
    put(&mut s, "index", RunState::BackingOff { until: due(95) }, "signal 11 (SEGV), tried again", vec![once]);
    put(&mut s, "mail", RunState::Queued, "waits for a slot", vec![]);
    put(&mut s, "held-one", RunState::Held, "held by anna", vec![]);
    put(&mut s, "later", RunState::Scheduled { at: wall("2026-11-22T03:00:00Z") }, "its time is to come", vec![]);
    let slow = attempt("nightly-regression-of-everything", 1, 13_000, lines(ago(5).wall, &["test 812 ok"]));
    put(
        &mut s,
        "nightly-regression-of-everything",
        running("nightly-regression-of-everything"),
        "the program runs",
        vec![slow],
    );
    s
}

fn status(state: &State, live: bool) -> Status {
    let daemon = DaemonStatus { pid: 4242, version: "0.1.0".into(), started_at: "2026-11-21T21:29:00Z".into() };
    let ctx = StatusContext {
        works: None,
        daemon: live.then_some(daemon),
        live,
        last_seen: Some(ago(300).wall),
        node: "workstation",
        tmux_socket: "/run/user/1000/nightkeep/ab/tmux.sock",
        output_path: &|id| format!("logs/output/{}/{}.log", id.run.session, id.file_stem()),
        seq: 812,
        zone: &berlin(),
    };
    project(state, now(), &ctx)
}

fn table(status: &Status, columns: usize, style: Style) -> String {
    let text = render(status, &TableOptions { width: columns, style, zone: &berlin() });
    for line in text.lines() {
        let bare: String = nightkeep::status::text::harmless(line);
        assert!(width(&bare) <= columns, "{} columns in {columns}: {line}", width(&bare));
    }
    text
}

#[test]
fn the_document_holds_every_session_worst_first() {
    let status = status(&dozen(), true);
    let order: Vec<_> = status.sessions.iter().map(|s| (s.name.as_str(), s.state.as_str())).collect();
    assert_eq!(
        order,
        [
            ("load-x", "failed"),
            ("views", "partial"),
            ("held-one", "held"),
            ("index", "backing_off"),
            ("docs", "running"),
            ("load-profiles", "running"),
            ("nightly-regression-of-everything", "running"),
            ("mail", "queued"),
            ("later", "scheduled"),
            ("off", "scheduled"),
            ("motherduck", "skipped"),
            ("build", "succeeded"),
        ]
    );
    insta::assert_snapshot!(serde_json::to_string_pretty(&status).unwrap());
    let read: Status = serde_json::from_str(&serde_json::to_string(&status).unwrap()).unwrap();
    assert_eq!(read, status);
}

#[test]
fn activity_is_known_only_from_fresh_output_and_a_watching_daemon() {
    let activity = |status: &Status, name: &str| {
        let session = status.sessions.iter().find(|s| s.name == name).unwrap();
        (session.activity.clone(), session.activity_evidence.clone().unwrap_or_default())
    };
    let live = status(&dozen(), true);
    assert_eq!(activity(&live, "load-profiles"), (Some("working".into()), "output 12 s ago".into()));
    assert_eq!(activity(&live, "docs"), (Some("unknown".into()), "no output for 1 min 30 s".into()));
    assert_eq!(activity(&live, "mail").0, None);
    let down = status(&dozen(), false);
    assert_eq!(activity(&down, "load-profiles").0, Some("unknown".into()));
}

#[test]
fn without_a_daemon_open_runs_say_what_they_were() {
    let down = status(&dozen(), false);
    assert!(down.daemon.is_none());
    let reason = |name: &str| down.sessions.iter().find(|s| s.name == name).unwrap().reason.clone();
    assert_eq!(reason("load-profiles"), "running when last seen 02:05: the program runs");
    assert_eq!(reason("mail"), "queued when last seen 02:05: waits for a slot");
    assert_eq!(reason("load-x"), "exit 127 does not change by trying again");
    assert_eq!(reason("build"), "exit 0; unverified: no check was declared");
    insta::assert_snapshot!(table(&down, 120, Style::Plain));
}

#[test]
fn a_removed_session_stays_while_its_run_matters() {
    let mut state = dozen();
    state.plan.sessions.remove(&name("docs"));
    let shown = status(&state, true);
    let docs = shown.sessions.iter().find(|s| s.name == "docs").unwrap();
    assert!(docs.removed && docs.state == "running" && docs.attempts_max == 0);
    state.night = None;
    let shown = status(&state, true);
    let load = shown.sessions.iter().find(|s| s.name == "load-x").unwrap();
    assert_eq!((load.state.as_str(), load.run.as_deref()), ("scheduled", None), "it has no run in this night");
    assert!(load.reason.contains("nightkeep dead retry load-x"));
}

#[test]
fn the_table_fits_every_width() {
    let dozen = status(&dozen(), true);
    for columns in 0..=250 {
        table(&dozen, columns.max(40), Style::Plain);
        table(&dozen, columns.max(40), Style::Ansi);
        render(&dozen, &TableOptions { width: columns, style: Style::Plain, zone: &berlin() });
    }
    insta::assert_snapshot!("table_12_60", table(&dozen, 60, Style::Plain));
    insta::assert_snapshot!("table_12_80", table(&dozen, 80, Style::Plain));
    insta::assert_snapshot!("table_12_120", table(&dozen, 120, Style::Plain));
    insta::assert_snapshot!("table_12_200", table(&dozen, 200, Style::Plain));
}

#[test]
fn a_session_that_says_it_needs_somebody_is_not_passed_over() {
    let mut quiet = state(plan([session("load")]));
    put(&mut quiet, "load", running("load"), "", vec![attempt("load", 1, 60, OutputSeen::default())]);
    let mut shown = status(&quiet, true);
    assert!(table(&shown, 120, Style::Plain).contains("Nothing needs you."));
    shown.sessions[0].needs = Some("look at the view".to_owned());
    let told = table(&shown, 120, Style::Plain);
    assert!(!told.contains("Nothing needs you."), "{told}");
    assert!(told.contains("Says that it needs you: load. Try `nightkeep why load`."), "{told}");
}

#[test]
fn colour_adds_nothing_but_colour() {
    let dozen = status(&dozen(), true);
    let plain = table(&dozen, 120, Style::Plain);
    assert!(!plain.contains('\u{1b}'));
    let coloured = table(&dozen, 120, Style::Ansi);
    assert!(coloured.contains("\u{1b}[31m✗ failed"));
    let bare: Vec<String> = coloured.lines().map(nightkeep::status::text::harmless).collect();
    let same: Vec<&str> = plain.lines().map(str::trim_end).collect();
    assert_eq!(bare, same);
}

#[test]
fn one_session_and_none() {
    let mut one = state(plan([session("load")]));
    let output = lines(ago(3).wall, &["at work"]);
    put(&mut one, "load", running("load"), "the program runs", vec![attempt("load", 1, 60, output)]);
    for columns in [80, 120, 200] {
        insta::assert_snapshot!(format!("table_1_{columns}"), table(&status(&one, true), columns, Style::Plain));
    }
    let none = State::default();
    for columns in [80, 120, 200] {
        insta::assert_snapshot!(format!("table_0_{columns}"), table(&status(&none, false), columns, Style::Plain));
    }
    let fresh = State { plan: plan([session("load")]), ..State::default() };
    assert!(table(&status(&fresh, false), 80, Style::Plain).contains("`nightkeep up` begins a night."));
}

#[test]
fn tonight_shows_order_slots_and_what_never_starts() {
    let mut early = session("early");
    early.priority = 10;
    let mut off = session("off");
    off.disabled = true;
    let mut clean = after(session("clean"), &["load"]);
    clean.after[0].on = DependencyOn::End;
    let sessions = [
        early,
        session("load"),
        session("more"),
        clean,
        off,
        after(session("lost"), &["off"]),
        after(session("a"), &["b"]),
        after(session("b"), &["a"]),
    ];
    let mut plan = plan(sessions);
    plan.concurrent = 2;
    let order_only = tonight::tonight(&plan, &BTreeMap::new(), Wall(0), &TimeZone::UTC);
    let order: Vec<_> = order_only.starts.iter().map(|s| (s.session.as_str(), s.step, s.slot)).collect();
    assert_eq!(order, [("early", 1, 1), ("load", 1, 2), ("clean", 2, 1), ("more", 2, 2)]);
    assert!(!order_only.timed && order_only.length.is_none());
    assert!(order_only.starts[2].starts_in.is_none() && order_only.starts[0].starts_in == Some(0.0));
    let never: Vec<_> = order_only.never.iter().map(|n| (n.session.as_str(), n.why.as_str())).collect();
    assert_eq!(
        never,
        [
            ("a", "waits for itself"),
            ("b", "waits for itself"),
            ("lost", "waits for off, which does not start"),
            ("off", "disabled in the file")
        ]
    );
    let lasted = ["early", "load", "more", "clean"].map(|n| (name(n), Duration::from_secs(600)));
    let timed = tonight::tonight(&plan, &BTreeMap::from(lasted), Wall(0), &TimeZone::UTC);
    assert_eq!(timed.length, Some(1200.0));
    assert_eq!(timed.starts[2].starts_in, Some(600.0));
    insta::assert_snapshot!("tonight_order", tonight::text(&order_only, 100));
    insta::assert_snapshot!("tonight_timed", tonight::text(&timed, 100));
    for line in tonight::text(&timed, 60).lines() {
        assert!(width(line) <= 60, "{line}");
    }
    assert!(
        tonight::text(&tonight::tonight(&Plan::default(), &BTreeMap::new(), Wall(0), &TimeZone::UTC), 80)
            .starts_with("Nothing to do")
    );
}

#[test]
fn why_tells_the_chain_with_its_evidence() {
    let state = dozen();
    let chain = why::why(&state, &name("index"), &[], now(), &berlin()).unwrap();
    assert_eq!(chain.next, "attempt 2 at 02:11 (in 1 min 35 s); 1 of 5 attempts are used up");
    insta::assert_snapshot!("why_index", why::text(&chain, 80, Style::Plain, &berlin()));
    let run = state.runs.keys().find(|id| id.session == name("load-x")).unwrap().clone();
    let moved = |seconds, to, reason: &str| Entry {
        at: ago(seconds),
        fact: Fact::RunMoved { run: run.clone(), to, reason: reason.into() },
    };
    let history = [
        moved(13_001, RunState::Queued, "asked for tonight"),
        moved(600, ended(Outcome::Failed), "exit 127 does not change by trying again"),
        Entry {
            at: ago(300),
            fact: Fact::OperatorActed {
                verb: "start".into(),
                target: "load-x".into(),
                by: anna(),
                result: "refused: \u{1b}[2Jfailed".into(),
            },
        },
    ];
    let chain = why::why(&state, &name("load-x"), &history, now(), &berlin()).unwrap();
    insta::assert_snapshot!("why_load_x", why::text(&chain, 80, Style::Plain, &berlin()));
    assert!(chain.next.contains("nightkeep dead retry load-x"));
    assert!(why::why(&state, &name("nobody"), &[], now(), &berlin()).is_none());
    let queued = why::why(&state, &name("mail"), &[], now(), &berlin()).unwrap();
    assert!(queued.next.contains("a slot is free"), "{}", queued.next);
}

#[test]
fn every_state_has_a_next_step_in_words() {
    let attempt = Journal::new(NIGHT, "2026-11-21T21:30:00Z").attempt_id("load", 1);
    let outcomes = [
        Outcome::Succeeded,
        Outcome::Partial,
        Outcome::Failed,
        Outcome::Stopped,
        Outcome::Skipped,
        Outcome::Unfinished,
    ];
    let mut states = vec![
        RunState::Scheduled { at: now().wall },
        RunState::Waiting { on: vec![name("other")] },
        RunState::Queued,
        RunState::Starting { attempt: attempt.clone() },
        RunState::Running { attempt: attempt.clone() },
        RunState::Checking { attempt: attempt.clone() },
        RunState::BackingOff { until: due(10) },
        RunState::Limited { until: due(10) },
        RunState::Held,
        RunState::Stopping { attempt, then: AfterStop::Requeue },
    ];
    states.extend(outcomes.map(ended));
    for run_state in states {
        let mut state = state(plan([session("load")]));
        put(&mut state, "load", run_state.clone(), "", vec![]);
        let chain = why::why(&state, &name("load"), &[], now(), &berlin()).unwrap();
        assert!(!chain.next.is_empty() && chain.state == run_state.word(), "{run_state:?}");
        let shown = status(&state, true);
        assert_eq!(shown.sessions[0].state, run_state.word());
        table(&shown, 80, Style::Plain);
    }
}
