//! What agents say of a night, held against what was seen of it.

use super::builder::*;
use nightkeep::core::evidence::{
    Document, FileFate, FileSeen, FilesSeen, NightSummary, SessionSummary, Told, ToldBy, ToldKind,
};
use nightkeep::core::exit::{Ending, FailureClass};
use nightkeep::core::fact::Fact;
use nightkeep::core::ids::NightId;
use nightkeep::core::run::{Outcome, OutputSeen, RunState};
use nightkeep::core::time::Wall;
use nightkeep::core::tool_run::{ToolKind, ToolRun};
use nightkeep::report::markdown::{MarkdownOptions, render};
use nightkeep::report::model::Report;
use nightkeep::report::model_claims::ItemReport;
use nightkeep::report::{check_code, html, text};

pub fn document(j: &Journal, path: &str, session: Option<&str>, text: &str) -> Document {
    Document {
        project: "glacier".parse().unwrap(),
        session: session.map(name),
        path: path.to_owned(),
        written: j.at.wall,
        bytes: text.len() as u64,
        hash: format!("{:064x}", text.len()),
        text: text.to_owned(),
        problem: None,
    }
}

pub fn wrote(j: &mut Journal, path: &str, session: Option<&str>, text: &str) {
    let document = Box::new(document(j, path, session, text));
    j.add(Fact::DocumentRead { document });
}

pub fn told(j: &mut Journal, session: &str, kind: ToldKind, text: &str) {
    let attempt = j.attempt_id(session, 1);
    let told = Told {
        kind,
        text: text.to_owned(),
        file: None,
        verify: None,
        blocks: None,
        by: ToldBy::Command,
        offset: 1,
        said: None,
    };
    j.add(Fact::Told { attempt, told: Box::new(told) });
}

pub fn file(path: &str, change: FileFate, bytes: u64, at: Wall) -> FileSeen {
    FileSeen {
        path: path.to_owned(),
        change,
        bytes,
        bytes_before: None,
        lines: None,
        modified: at,
        hash: Some(format!("{bytes:064x}")),
        artifact: false,
    }
}

pub fn files(j: &mut Journal, changed: Vec<FileSeen>, last_edit: Option<Wall>) {
    let count = |fate| changed.iter().filter(|file| file.change == fate).count() as u64;
    let files = FilesSeen {
        created: count(FileFate::Created),
        modified: count(FileFate::Modified),
        deleted: count(FileFate::Deleted),
        looked_at: 100,
        last_edit,
        limits: Vec::new(),
        changed,
    };
    j.add(Fact::FilesSeen { project: "glacier".parse().unwrap(), files: Box::new(files) });
}

pub fn tests_run(at: Wall, passed: u64, failed: u64, skipped: u64) -> ToolRun {
    let mut run = ToolRun::new("pytest", ToolKind::Tests, "test", at);
    (run.passed, run.failed, run.skipped, run.good) = (passed, failed, skipped, failed == 0);
    run
}

fn of_night_before(tests: (u64, u64, u64)) -> NightSummary {
    let session = SessionSummary {
        session: name("agent"),
        state: "succeeded".into(),
        ran_ms: 600_000,
        tests: Some(tests),
        errors: Vec::new(),
        cost: None,
    };
    NightSummary {
        night: NightId::new("2026-11-20").unwrap(),
        sessions: vec![session],
        open: Vec::new(),
        settled: Vec::new(),
        numbers: None,
    }
}

/// A session that works for an hour, shows these runs of tests, writes a document, and ends.
struct Work {
    runs: Vec<(u64, u64, u64)>,
    edit_after: bool,
    code: i32,
    before: Option<(u64, u64, u64)>,
    document: &'static str,
}

const GREEN: Work = Work {
    runs: Vec::new(),
    edit_after: false,
    code: 0,
    before: None,
    document: "# Status\n\n## Done\n- Added paging to the orders list\n\n## Verification\n- All 120 tests pass\n",
};

fn night(work: &Work) -> Report {
    let mut j = Journal::begin("2026-11-21", "2026-11-21T21:30:00Z", plan([session("agent")]));
    if let Some(tests) = work.before {
        j.add(Fact::NightSummed { summary: Box::new(of_night_before(tests)) });
    }
    j.queue("agent", RunState::Queued, "asked for tonight");
    j.start("agent", 1);
    j.wait(3000);
    let tools = work.runs.iter().map(|(passed, failed, skipped)| tests_run(j.at.wall, *passed, *failed, *skipped));
    let output = OutputSeen { tools: tools.collect(), last_at: Some(j.at.wall), ..OutputSeen::default() };
    j.output("agent", 1, output);
    j.wait(60);
    let edited = if work.edit_after { j.at.wall } else { wall("2026-11-21T22:00:00Z") };
    j.wait(540);
    wrote(&mut j, "STATUS.md", Some("agent"), work.document);
    let verdict = if work.code == 0 { None } else { class(FailureClass::Permanent, "exit/nonzero") };
    j.end("agent", 1, 3600, Ending::Code { code: work.code }, verdict);
    let outcome = if work.code == 0 { Outcome::Succeeded } else { Outcome::Failed };
    j.moved("agent", ended(outcome), &format!("exit {}", work.code));
    j.close("everything has ended");
    files(&mut j, vec![file("app/orders.py", FileFate::Modified, 5000, edited)], Some(edited));
    j.report()
}

pub fn items(report: &Report) -> Vec<&ItemReport> {
    let lists = report.projects.iter().flat_map(|project| {
        let i = &project.items;
        [
            &i.done,
            &i.numbers,
            &i.artifacts,
            &i.open,
            &i.errors,
            &i.blockers,
            &i.user_actions,
            &i.next_steps,
            &i.decisions,
            &i.limits,
        ]
    });
    lists.flatten().collect()
}

fn verdict_of(report: &Report, words: &str) -> String {
    let found: Vec<_> = items(report).into_iter().filter(|item| item.text.contains(words)).collect();
    assert_eq!(found.len(), 1, "{words}: {:#?}", items(report));
    found[0].verdict.clone()
}

/// What the night made of "all tests pass", the exit of `report --check`, and what was seen.
fn tests_claim(work: &Work) -> (String, u8, String) {
    let report = night(work);
    let doubt = report.does_not_add_up.iter().find(|doubt| doubt.claim.text.contains("tests pass"));
    if let Some(doubt) = doubt {
        assert_eq!((doubt.claim.path.as_deref(), doubt.claim.line), (Some("STATUS.md"), Some(7)));
        for page in [render(&report, MarkdownOptions::default()), text::page(&report)] {
            assert!(page.contains("Does not add up") && page.contains(&doubt.against.text), "{page}");
        }
    }
    let seen = doubt.map_or_else(String::new, |doubt| doubt.against.text.clone());
    (verdict_of(&report, "tests pass"), check_code(&report), seen)
}

#[test]
fn that_all_tests_pass_is_believed_only_when_it_was_seen() {
    let says = |work: Work| {
        let (verdict, code, seen) = tests_claim(&work);
        format!("{verdict} {code} {seen}")
    };
    assert_eq!(says(GREEN), "says 0 ");
    let unseen = night(&GREEN);
    let forms = [render(&unseen, MarkdownOptions::default()), text::page(&unseen), html::render(&unseen).unwrap()];
    for page in forms {
        let told = page.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains("no test run was seen in this session"), "{page}");
    }
    let run = |runs: &[(u64, u64, u64)]| Work { runs: runs.to_vec(), ..GREEN };
    assert_eq!(says(run(&[(118, 2, 0), (120, 0, 0)])), "seen 0 ");
    assert_eq!(
        says(Work { edit_after: true, ..run(&[(120, 0, 0)]) }),
        "stale 0 sources were changed 60 s after the last run"
    );
    assert_eq!(says(run(&[(120, 0, 0), (118, 2, 0)])), "contradicted 2 2 failed in the last run");
    assert_eq!(says(run(&[(90, 0, 0)])), "contradicted 2 90 passed in the last run, not 120");
    assert_eq!(
        says(Work { code: 1, ..GREEN }),
        "weak 2 no run of tests was seen, and the session ended with exit code 1"
    );
    assert_eq!(
        says(Work { before: Some((130, 0, 0)), ..run(&[(120, 0, 0)]) }),
        "weak 0 120 tests, 130 the night before"
    );
    assert_eq!(says(Work { before: Some((120, 0, 0)), ..run(&[(120, 0, 4)]) }), "weak 0 4 skipped, 0 the night before");
    assert_eq!(says(Work { before: Some((118, 0, 0)), ..run(&[(120, 0, 0)]) }), "seen 0 ");
}

#[test]
fn a_success_is_held_against_the_exit_of_its_session() {
    let document = "**Status:** SUCCESS\n\n## Done\n- Added paging to the orders list\n";
    let good = night(&Work { document, ..GREEN });
    assert_eq!((verdict_of(&good, "SUCCESS"), check_code(&good)), ("says".to_owned(), 0));
    let bad = night(&Work { document, code: 3, ..GREEN });
    assert_eq!((verdict_of(&bad, "SUCCESS"), check_code(&bad)), ("contradicted".to_owned(), 2));
    assert_eq!(bad.does_not_add_up[0].against.text, "the session ended with exit code 3");
}

#[test]
fn the_header_counts_what_the_lists_hold() {
    let report = night(&Work { runs: vec![(120, 0, 0)], ..GREEN });
    assert_eq!((report.claims.claims, report.claims.seen, report.claims.unverified()), (2, 1, 1));
    let page = render(&report, MarkdownOptions::default());
    assert!(page.contains("- 2 claims: 1 seen, 1 unverified."), "{page}");
    assert!(text::page(&report).contains("2 claims: 1 seen, 1 unverified."));
}

#[test]
fn a_document_that_was_begun_and_never_finished_counts_as_nothing_done() {
    let document = "# Night report\n\n**Status:** IN PROGRESS - header will be replaced\n\n## Achievements\n\n(filled in at the end)\n\n## Numbers\n\n(filled in at the end)\n";
    let report = night(&Work { document, ..GREEN });
    let project = &report.projects[0];
    assert!(project.documents[0].unfinished && project.items.done.is_empty() && !project.well);
    for page in [render(&report, MarkdownOptions::default()), text::page(&report)] {
        assert!(page.contains("was begun and never finished"), "{page}");
    }
    assert!(html::render(&report).unwrap().contains("was begun and never finished"));
}

#[test]
fn the_newest_version_of_a_document_counts_and_what_is_said_twice_is_told_once() {
    let mut j = Journal::begin("2026-11-21", "2026-11-21T21:30:00Z", plan([session("agent")]));
    j.queue("agent", RunState::Queued, "asked for tonight");
    j.start("agent", 1);
    j.wait(60);
    wrote(&mut j, "STATUS.md", Some("agent"), "## Done\n- Wrote the draft of the invoice page\n");
    j.wait(60);
    let text = "## Summary\n- Invoice page done, with totals\n\n## Done\n- Invoice page done, with totals\n- Added 4 invoice views\n\n## Metrics\n- The 4 invoice views were added\n";
    wrote(&mut j, "STATUS.md", Some("agent"), text);
    // A document from before the night says nothing of it.
    let mut old = document(&j, "OLD.md", Some("agent"), "## Done\n- Added the customer page\n");
    old.written = wall("2026-10-01T10:00:00Z");
    j.add(Fact::DocumentRead { document: Box::new(old) });
    told(&mut j, "agent", ToldKind::Done, "Invoice page done, with totals");
    let report = j.report();
    let done: Vec<_> = report.projects[0].items.done.iter().map(|i| (i.text.as_str(), i.times, i.also.len())).collect();
    assert_eq!(done[0], ("Invoice page done, with totals", 3, 1));
    assert!(!items(&report).iter().any(|item| item.text.contains("draft") || item.text.contains("customer")));
    assert_eq!(report.claims.claims, items(&report).len() as u64, "{:#?}", items(&report));
}

#[test]
fn two_documents_that_disagree_are_quoted_side_by_side() {
    let mut j = Journal::begin("2026-11-21", "2026-11-21T21:30:00Z", plan([session("load"), session("views")]));
    for name in ["load", "views"] {
        j.queue(name, RunState::Queued, "asked for tonight");
        j.good(name, 60, OutputSeen::default());
    }
    wrote(&mut j, "LOAD.md", Some("load"), "## Done\n- Loaded 3,513 customer profiles into the warehouse\n");
    j.wait(60);
    wrote(&mut j, "VIEWS.md", Some("views"), "## Results\n- Customer profiles loaded into the warehouse: 3,400\n");
    j.close("everything has ended");
    let report = j.report();
    assert_eq!(report.does_not_add_up.len(), 1, "{:#?}", report.does_not_add_up);
    let doubt = &report.does_not_add_up[0];
    let place = |quote: &nightkeep::report::model_claims::Quote| (quote.path.clone().unwrap(), quote.line.unwrap());
    let both = [place(&doubt.claim), place(&doubt.against)];
    assert_eq!(both, [("LOAD.md".to_owned(), 2), ("VIEWS.md".to_owned(), 2)]);
    assert_eq!(report.claims.contradicted, 2);
    assert_eq!(check_code(&report), 2);
}

#[test]
fn what_a_session_tells_is_judged_like_what_it_writes() {
    let mut j = Journal::begin("2026-11-21", "2026-11-21T21:30:00Z", plan([session("agent")]));
    j.queue("agent", RunState::Queued, "asked for tonight");
    j.start("agent", 1);
    j.wait(600);
    let output = OutputSeen { tools: vec![tests_run(j.at.wall, 11, 1, 0)], ..OutputSeen::default() };
    j.output("agent", 1, output);
    told(&mut j, "agent", ToldKind::Done, "all tests pass");
    told(&mut j, "agent", ToldKind::Done, "all 12 tests pass, really");
    told(&mut j, "agent", ToldKind::Needs, "a key for the payment sandbox");
    told(&mut j, "agent", ToldKind::Blocked, "the staging database is read-only");
    j.end("agent", 1, 600, Ending::Code { code: 0 }, None);
    j.moved("agent", ended(Outcome::Succeeded), "exit 0");
    j.close("everything has ended");
    let report = j.report();
    assert_eq!(report.claims.contradicted, 2, "{:#?}", items(&report));
    assert_eq!(report.sessions[0].state, "succeeded", "words change no state");
    let needs: Vec<_> = report.needs_you.iter().map(|need| (need.kind.as_str(), need.what.as_str())).collect();
    assert_eq!(
        needs,
        [("blocker", "the staging database is read-only"), ("user_action", "a key for the payment sandbox")]
    );
    assert!(report.needs_you.iter().all(|need| need.command.starts_with("nightkeep ")));
}
