//! Whole nights and how they read.

use super::builder::*;
use nightkeep::core::exit::{Ending, FailureClass};
use nightkeep::core::fact::{Fact, GitBase};
use nightkeep::core::plan::DependencyOn;
use nightkeep::core::run::{Outcome, OutputSeen, RunState};
use nightkeep::core::time::Wall;
use nightkeep::core::tool_run::{ToolKind, ToolRun};
use nightkeep::report::markdown::{LINES_MAX, MarkdownOptions, render};
use nightkeep::report::model::Report;
use nightkeep::report::nights::Short;
use nightkeep::report::{check_code, json, nights, summary, text};

/// Three loads of which nobody needs to hear more.
pub fn quiet(night: &str, begin: &str, end: &str) -> Journal {
    let sessions = [with_metric(session("load"), "profiles", None), session("build"), session("docs")];
    let mut journal = Journal::begin(night, begin, plan(sessions));
    for session in ["build", "docs", "load"] {
        journal.queue(session, RunState::Queued, "asked for tonight");
    }
    journal.good("build", 600, OutputSeen::default());
    let output = metric(lines(journal.at.wall, &["done"]), "profiles", 3513.0, Some(3513.0), 3600);
    journal.good("load", 3600, output);
    journal.good("docs", 42, OutputSeen::default());
    journal.until(end);
    journal.close("everything asked for has ended");
    journal
}

/// One session cured by a retry, one that can never start, two that wait for it, one whose verify is red.
pub fn mixed() -> Journal {
    let sessions = [
        with_metric(session("load-profiles"), "profiles", None),
        session("load-x"),
        after(session("motherduck"), &["load-x"]),
        after(session("tests"), &["motherduck"]),
        session("views"),
    ];
    let mut j = Journal::begin("2026-11-21", "2026-11-21T21:30:00Z", plan(sessions));
    j.add(Fact::ProjectBase { project: "glacier".parse().unwrap(), git: base() });
    for name in ["load-profiles", "load-x", "views"] {
        j.queue(name, RunState::Queued, "asked for tonight");
    }
    j.queue("motherduck", RunState::Waiting { on: vec![name("load-x")] }, "waits for load-x");
    j.queue("tests", RunState::Waiting { on: vec![name("motherduck")] }, "waits for motherduck");
    j.wait(1);
    j.start("load-profiles", 1);
    j.start("load-x", 1);
    j.end(
        "load-x",
        1,
        0,
        Ending::ExecFailed { errno: 2, what: "exec loader-x".into() },
        class(FailureClass::Permanent, "exit/exec-failed"),
    );
    j.moved("load-x", ended(Outcome::Failed), "could not be started; that does not change by trying again");
    j.moved("motherduck", ended(Outcome::Skipped), "load-x did not succeed");
    j.moved("tests", ended(Outcome::Skipped), "motherduck did not succeed");
    j.wait(1800);
    let said = error(
        lines(j.at.wall, &["Loaded 1200 of 3513", "ConnectionResetError: peer"]),
        "connreset",
        "ConnectionResetError: peer",
        3,
    );
    j.output("load-profiles", 1, metric(said, "profiles", 1200.0, Some(3513.0), 1800));
    j.end("load-profiles", 1, 1800, Ending::Code { code: 1 }, class(FailureClass::Transient, "exit/nonzero"));
    j.backing_off("load-profiles", 12);
    j.wait(12);
    j.start("load-profiles", 2);
    j.wait(4000);
    j.output(
        "load-profiles",
        2,
        metric(lines(j.at.wall, &["Loaded 3513 of 3513"]), "profiles", 3513.0, Some(3513.0), 4000),
    );
    j.end("load-profiles", 2, 4000, Ending::Code { code: 0 }, None);
    let attempt = j.attempt_id("load-profiles", 2);
    let results = vec![check("metric:profiles=complete", true, "profiles 3513 of 3513")];
    j.add(Fact::ChecksDone { attempt, results });
    j.moved("load-profiles", ended(Outcome::Succeeded), "exit 0 and all checks hold");
    j.start("views", 1);
    j.wait(95);
    j.output("views", 1, lines(j.at.wall, &["created 9 views", "warning: view 4 is empty", "all done"]));
    j.end("views", 1, 95, Ending::Code { code: 0 }, None);
    let attempt = j.attempt_id("views", 1);
    j.moved("views", RunState::Checking { attempt: attempt.clone() }, "verify runs");
    j.wait(4);
    j.add(Fact::ChecksDone { attempt, results: vec![check("verify: pytest -q", false, "exit 1 after 4 s")] });
    j.moved("views", ended(Outcome::Partial), "verify is red");
    j.until("2026-11-22T05:45:00Z");
    j.close("nothing is left to run");
    let at = wall("2026-11-21T23:00:00Z");
    let mut work = work(at, "load: all profiles", "Anna", "app/load.py");
    work.dirty_count = 2;
    j.add(Fact::ProjectSeen { project: "glacier".parse().unwrap(), work });
    j
}

fn markdown(journal: &Journal) -> String {
    render(&journal.report(), MarkdownOptions::default())
}

#[test]
fn a_quiet_night_is_two_lines() {
    let journal = quiet("2026-11-21", "2026-11-21T21:30:00Z", "2026-11-22T05:45:00Z");
    let text = markdown(&journal);
    assert_eq!(text.lines().filter(|l| !l.is_empty()).count(), 2, "{text}");
    insta::assert_snapshot!(text);
    assert_eq!(check_code(&journal.report()), 0);
    insta::assert_snapshot!("quiet_page", text::page(&journal.report()));
    insta::assert_snapshot!("quiet_push", text::push(&journal.report()));
}

#[test]
fn of_each_tool_the_last_run_counts_and_good_tests_are_evidence() {
    let run = |tool: &str, kind, passed, failed, at: i64| {
        let mut run = ToolRun::new(tool, kind, "test", Wall(at));
        (run.passed, run.failed, run.good) = (passed, failed, failed == 0);
        run
    };
    let night = |runs: Vec<ToolRun>| {
        let mut j = Journal::begin("2026-11-21", "2026-11-21T21:30:00Z", plan([session("tests")]));
        j.queue("tests", RunState::Queued, "asked for tonight");
        j.good("tests", 60, OutputSeen { tools: runs, ..OutputSeen::default() });
        j.close("everything asked for has ended");
        j.report()
    };
    let at = wall("2026-11-21T21:31:00Z").0;
    let red = run("pytest", ToolKind::Tests, 11, 1, at);
    let green = run("pytest", ToolKind::Tests, 12, 0, at + 1000);
    let build = run("cargo build", ToolKind::Build, 0, 0, at + 2000);

    let report = night(vec![red.clone(), green.clone(), build.clone()]);
    let tools: Vec<_> = report.sessions[0].tools.iter().map(|t| (t.tool.as_str(), t.passed, t.runs)).collect();
    assert_eq!(tools, [("pytest", 12, 2), ("cargo build", 0, 1)]);
    assert!(!report.sessions[0].unverified);
    let text = render(&report, MarkdownOptions { full: true });
    assert!(text.contains("- tests: pytest: 12 passed, at 22:31, the last of 2 runs"), "{text}");

    assert!(night(vec![green.clone(), red]).sessions[0].unverified, "the last run counts");
    let weak = ToolRun { weak: Some("40 were filtered out".into()), ..green };
    let report = night(vec![weak]);
    assert!(report.sessions[0].unverified, "some tests of many prove little");
    let text = render(&report, MarkdownOptions { full: true });
    assert!(text.contains("pytest: 12 passed; 40 were filtered out"), "{text}");
    assert!(night(vec![build]).sessions[0].unverified, "a build proves no work");
}

#[test]
fn a_mixed_night_begins_with_what_needs_you() {
    let journal = mixed();
    let report = journal.report();
    assert_eq!(check_code(&report), 2);
    assert_eq!(report.title, "2 things need you. 1 of 5 sessions finished, 1 failed, 1 partial, 2 skipped.");
    assert_eq!(report.needs_you[0].blocks, ["motherduck", "tests"]);
    assert_eq!(report.needs_you[0].command, "nightkeep logs load-x");
    insta::assert_snapshot!("mixed_short", render(&report, MarkdownOptions::default()));
    insta::assert_snapshot!("mixed_full", render(&report, MarkdownOptions { full: true }));
    insta::assert_snapshot!("mixed_json", json::render(&report).unwrap());
    insta::assert_snapshot!("mixed_page", text::page(&report));
    insta::assert_snapshot!("mixed_push", text::push(&report));
}

#[test]
fn the_same_journal_gives_the_same_bytes_also_after_the_report_was_written() {
    let mut journal = mixed();
    let before = json::render(&journal.report()).unwrap();
    assert_eq!(before, json::render(&journal.report()).unwrap());
    journal.wait(2);
    let night = journal.night.clone();
    journal.add(Fact::ReportWritten { night, files: vec!["logs/reports/2026-11-21.md".into()] });
    journal.add(Fact::DaemonStopped { reason: "the night is over".into() });
    journal.until("2026-11-22T21:30:00Z");
    journal.daemon(50_000_000);
    let next = nightkeep::core::ids::NightId::new("2026-11-22").unwrap();
    journal.add(Fact::NightOpened { night: next, by: anna() });
    journal.add(Fact::Trouble { part: "tmux".into(), what: "of another night".into() });
    assert_eq!(before, json::render(&journal.report()).unwrap());
    let read: Report = serde_json::from_str(&before).unwrap();
    assert_eq!(read, journal.report(), "the document reads back as it was");
}

#[test]
fn a_gap_is_told_with_what_went_on_in_it() {
    let mut j =
        Journal::begin("2026-11-21", "2026-11-21T21:30:00Z", plan([session("load"), session("wait"), session("gone")]));
    for name in ["load", "wait", "gone"] {
        j.queue(name, RunState::Queued, "asked for tonight");
    }
    j.start("load", 1);
    j.start("gone", 1);
    j.until("2026-11-22T01:10:00Z");
    j.output("load", 1, lines(j.at.wall, &["half"]));
    // The daemon is killed at 02:10 local time; the load ends at 02:20; the daemon is back at 02:31.
    let ended_at = wall("2026-11-22T01:20:00Z");
    j.until("2026-11-22T01:31:00Z");
    j.daemon(21 * 60 * 1000);
    let attempt = j.attempt_id("load", 1);
    let record = exit(Ending::Code { code: 0 }, ended_at, 13_800);
    j.add(Fact::AttemptEnded { attempt, exit: record, verdict: None, counted: false });
    j.moved("load", ended(Outcome::Succeeded), "exit 0");
    j.end(
        "gone",
        1,
        14_460,
        Ending::Lost { why: "recorder killed by signal 9".into() },
        class(FailureClass::Lost, "recorder/lost"),
    );
    j.moved("gone", ended(Outcome::Failed), "lost three times");
    j.add(Fact::DaemonStopped { reason: "asked by anna".into() });
    j.wait(600);
    j.reboot();
    j.daemon(600_000);
    j.start("wait", 1);
    j.wait(60);
    j.end("wait", 1, 60, Ending::Signal { signal: 11, core: true }, class(FailureClass::KilledOther, "exit/signal"));
    j.moved("wait", ended(Outcome::Failed), "attempts used up");
    j.close("nothing is left to run");
    let report = j.report();
    let told: Vec<_> = report.window.gaps.iter().map(|g| (g.seconds, g.at_most, g.session.as_deref())).collect();
    assert_eq!(told, [(14_460.0, true, Some("gone")), (1260.0, true, None), (600.0, false, None)]);
    let load = report.sessions.iter().find(|s| s.name == "load").unwrap();
    let spent: Vec<_> = load.time.iter().map(|t| (t.spent.as_str(), t.to - t.from)).collect();
    assert_eq!(spent, [("working", 13_800.0), ("down", 660.0)]);
    let wait = report.sessions.iter().find(|s| s.name == "wait").unwrap();
    let spent: Vec<_> = wait.time.iter().map(|t| (t.spent.as_str(), t.to - t.from)).collect();
    assert_eq!(spent, [("waiting", 13_200.0), ("down", 1860.0), ("working", 60.0)]);
    assert_eq!(report.totals.unwatched, 1860.0);
    insta::assert_snapshot!(markdown(&j));
}

#[test]
fn a_sleep_of_the_machine_is_a_time_in_which_nobody_watched() {
    let mut j = Journal::begin("2026-11-21", "2026-11-21T22:00:00Z", plan([session("load")]));
    j.queue("load", RunState::Queued, "asked for tonight");
    j.start("load", 1);
    j.wait(4 * 3600);
    j.add(Fact::StoodStill { ms: 3 * 3_600_000, slept_ms: 3 * 3_600_000 });
    j.wait(600);
    j.add(Fact::StoodStill { ms: 50_000, slept_ms: 0 });
    j.close("nothing is left to run");
    let report = j.report();
    let told: Vec<_> = report.window.gaps.iter().map(|g| (g.seconds, g.at_most, g.why.as_str())).collect();
    let expected = [(10_800.0, false, "the machine slept"), (50.0, false, "the daemon stood still")];
    assert_eq!(told.iter().filter(|gap| !gap.1).copied().collect::<Vec<_>>(), expected);
    assert_eq!(report.totals.unwatched, 10_850.0);
    let text = render(&report, MarkdownOptions { full: true });
    assert!(text.contains("the machine slept for 3 h"), "{text}");
}

#[test]
fn the_night_of_the_clock_change_has_its_real_length() {
    // 22:30 to 06:45 local time, with the hour from 02:00 to 03:00 twice.
    let report = quiet("2026-10-24", "2026-10-24T20:30:00Z", "2026-10-25T05:45:00Z").report();
    assert_eq!(report.window.seconds, 33_300.0);
    let line = render(&report, MarkdownOptions::default());
    assert!(line.contains("Sat 22:30 to Sun 06:45 Europe/Berlin (9 h 15 min)"), "{line}");
    // A day from noon to noon over it has 25 hours.
    let report = quiet("2026-10-24", "2026-10-24T10:00:00Z", "2026-10-25T11:00:00Z").report();
    assert_eq!(report.window.seconds, 90_000.0);
    let line = render(&report, MarkdownOptions::default());
    assert!(line.contains("Sat 12:00 to Sun 12:00 Europe/Berlin (25 h)"), "{line}");
}

#[test]
fn a_wall_clock_that_jumps_changes_no_duration() {
    let mut j = Journal::begin("2026-11-21", "2026-11-21T21:30:00Z", plan([session("load")]));
    j.queue("load", RunState::Queued, "asked for tonight");
    j.start("load", 1);
    j.wait(600);
    j.at.wall.0 -= 7_200_000;
    j.add(Fact::ClockJumped { by_ms: -7_200_000 });
    j.wait(600);
    j.end("load", 1, 1200, Ending::Code { code: 0 }, None);
    j.moved("load", ended(Outcome::Succeeded), "exit 0");
    j.close("done");
    let report = j.report();
    assert_eq!(report.window.seconds, 1200.0);
    assert_eq!(report.sessions[0].ran, 1200.0);
    assert!(report.timeline.iter().any(|r| r.what == "wall clock jumped back by 2 h"));
}

#[test]
fn a_night_that_still_runs_says_so() {
    let mut j = Journal::begin("2026-11-21", "2026-11-21T21:30:00Z", plan([session("a"), session("b"), session("c")]));
    for name in ["a", "b", "c"] {
        j.queue(name, RunState::Queued, "asked for tonight");
    }
    j.good("a", 60, OutputSeen::default());
    j.start("b", 1);
    j.wait(30);
    j.output("b", 1, lines(j.at.wall, &["at work"]));
    j.moved("c", RunState::Held, "held by anna");
    let report = j.report();
    assert_eq!(report.title, "Still running, 1 thing needs you. 1 of 3 sessions finished, 1 running, 1 to come.");
    assert_eq!(check_code(&report), 1);
    assert!(report.window.open && report.window.to.is_none());
    assert_eq!(report.sessions.iter().find(|s| s.name == "b").unwrap().ran, 30.0);
    insta::assert_snapshot!(markdown(&j));
    // A daemon that watches knows that it goes on.
    let later = j.report_after(600);
    assert_eq!(later.sessions.iter().find(|s| s.name == "b").unwrap().ran, 630.0);
    assert_eq!(later.sessions.iter().find(|s| s.name == "c").unwrap().waited, 720.0 - 30.0);
    assert_eq!(later.window.seconds, report.window.seconds + 600.0);
    assert_eq!(later.totals.ran, report.totals.ran + 600.0);
    j.close("down was asked");
    assert_eq!(j.report_after(600), j.report(), "a closed night tells the same at any time");
}

#[test]
fn a_night_without_a_run_or_without_any_fact_is_told_as_such() {
    let mut disabled = session("off");
    disabled.disabled = true;
    let mut j = Journal::begin("2026-11-21", "2026-11-21T21:30:00Z", plan([disabled]));
    j.wait(60);
    j.close("down was asked");
    assert_eq!(j.report().title, "Nothing needs you. No session ran.");
    insta::assert_snapshot!(markdown(&j));
    let nothing = Journal::new("2026-11-21", "2026-11-21T21:30:00Z");
    let report = nothing.report();
    assert_eq!(report.sources.facts, 0);
    assert!(render(&report, MarkdownOptions::default()).contains("the journal has no fact of it"));
    assert!(!text::push(&report).is_empty());
}

#[test]
fn two_hundred_sessions_fit_the_page_worst_first() {
    let sessions: Vec<_> = (0..200).map(|i| session(&format!("load-{i:03}"))).collect();
    let mut j = Journal::begin("2026-11-21", "2026-11-21T21:30:00Z", plan(sessions));
    for i in 0..200 {
        let name = format!("load-{i:03}");
        j.queue(&name, RunState::Queued, "asked for tonight");
        j.start(&name, 1);
        j.wait(5);
        if i % 3 == 0 {
            let said = lines(j.at.wall, &["line 1", "line 2", "it broke"]);
            j.output(&name, 1, error(said, &format!("e{i}"), "it broke", 1));
            j.end(&name, 1, 5, Ending::Code { code: 2 }, class(FailureClass::Transient, "exit/nonzero"));
            j.moved(&name, ended(Outcome::Failed), "attempts used up");
        } else {
            j.end(&name, 1, 5, Ending::Code { code: 0 }, None);
            j.moved(&name, ended(Outcome::Succeeded), "exit 0");
        }
    }
    j.close("done");
    let report = j.report();
    let short = render(&report, MarkdownOptions::default());
    assert!(short.lines().count() <= LINES_MAX, "{} lines", short.lines().count());
    assert!(short.contains("57 more in the JSON"), "{short}");
    assert!(short.contains("170 more in the JSON, none of them worse than these."), "{short}");
    let full = render(&report, MarkdownOptions { full: true });
    for i in 0..200 {
        assert!(full.contains(&format!("load-{i:03}")));
    }
    assert_eq!(report.sessions.len(), 200);
}

#[test]
fn what_could_not_be_read_weighs_more_than_what_waits_but_less_than_a_failure() {
    let mut j = Journal::begin("2026-11-21", "2026-11-21T21:30:00Z", plan([session("a")]));
    j.queue("a", RunState::Queued, "asked for tonight");
    j.good("a", 60, OutputSeen::default());
    j.close("done");
    assert_eq!(check_code(&j.report()), 0);
    j.add(Fact::ProjectBase { project: "glacier".parse().unwrap(), git: GitBase::Failed { why: "locked".into() } });
    assert_eq!(check_code(&j.report()), 3);
    j.add(Fact::Trouble { part: "disk".into(), what: "full".into() });
    j.add(Fact::Trouble { part: "disk".into(), what: "full".into() });
    assert_eq!(j.report().unreadable.iter().map(|u| u.times).collect::<Vec<_>>(), [2, 1]);
    assert!(markdown(&j).contains("disk: full (2 times)"));
}

#[test]
fn a_dead_letter_that_was_sent_again_and_went_well_needs_nobody() {
    let mut j = Journal::begin("2026-11-21", "2026-11-21T21:30:00Z", plan([session("a")]));
    j.queue("a", RunState::Queued, "asked for tonight");
    j.start("a", 1);
    j.wait(10);
    j.output("a", 1, error(lines(j.at.wall, &["no route"]), "noroute", "no route", 1));
    j.end("a", 1, 10, Ending::Code { code: 1 }, class(FailureClass::Transient, "exit/nonzero"));
    j.moved("a", ended(Outcome::Failed), "attempts used up");
    let dead = j.report();
    assert_eq!(dead.needs_you[0].command, "nightkeep dead retry a");
    assert_eq!((dead.totals.dead_letters, check_code(&dead)), (1, 2));
    let (first, second) = (j.run_id("a", 1), j.run_id("a", 2));
    j.add(Fact::OperatorActed { verb: "dead retry".into(), target: "a".into(), by: anna(), result: "done".into() });
    let redriven = Some(first);
    j.add(Fact::RunCreated {
        run: second.clone(),
        state: RunState::Queued,
        reason: "sent again".into(),
        redriven_from: redriven,
    });
    j.wait(5);
    j.add(Fact::RunMoved { run: second, to: ended(Outcome::Succeeded), reason: "exit 0".into() });
    j.close("done");
    let report = j.report();
    assert_eq!((report.totals.dead_letters, report.totals.runs, check_code(&report)), (0, 2, 0));
    assert_eq!(report.errors[0].cure, nightkeep::report::model::Cure::CuredByRetry);
    assert_eq!(report.sessions[0].redriven_from.as_deref(), Some("2026-11-21/a/1"));
}

#[test]
fn a_session_that_waits_for_any_end_is_not_blocked_by_a_failure() {
    let mut clean = after(session("clean"), &["load"]);
    clean.after[0].on = DependencyOn::End;
    let mut j = Journal::begin("2026-11-21", "2026-11-21T21:30:00Z", plan([session("load"), clean]));
    j.queue("load", RunState::Queued, "asked for tonight");
    j.queue("clean", RunState::Waiting { on: vec![name("load")] }, "waits for load");
    j.moved("load", RunState::Held, "held by anna");
    assert_eq!(j.report().needs_you[0].blocks, ["clean"]);
    j.moved("load", ended(Outcome::Failed), "broken");
    j.moved("clean", RunState::Queued, "load has ended");
    let report = j.report();
    assert!(report.needs_you[0].blocks.is_empty(), "{:?}", report.needs_you);
}

#[test]
fn nights_are_a_line_each_with_what_changed() {
    let first = mixed().report();
    let mut second = quiet("2026-11-22", "2026-11-22T21:30:00Z", "2026-11-23T06:45:00Z").report();
    second.sessions[0].name = "load-x".into();
    let lines = nights::nights(&[Short::of(&first), Short::of(&second)]);
    // What each was summed up to tells the same.
    let summed = |report: &Report| Short::of_summary(&summary(report).unwrap()).unwrap();
    assert_eq!(nights::nights(&[summed(&first), summed(&second)]), lines);
    let trend = lines.nights[0].trend.as_ref().unwrap();
    assert_eq!((lines.nights[1].failed, lines.nights[1].partial), (1, 1), "partial is no failure");
    assert_eq!((trend.failed, trend.retries, trend.fixed.as_slice()), (-1, -1, ["load-x".to_owned()].as_slice()));
    assert!(lines.nights[1].trend.is_none());
    insta::assert_snapshot!(nights::text(&lines, 120));
    for line in nights::text(&lines, 60).lines() {
        assert!(nightkeep::status::text::width(line) <= 60);
    }
    assert!(nights::text(&nights::nights(&[]), 80).starts_with("No night yet."));
}
