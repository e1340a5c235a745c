//! Claims of a document held against what was seen and against the document itself.

use nightkeep::verdict::{
    Commit, Counts, Document, Evidence, Exit, File, Judgement, Run, RunKind, Verdict, judge, judge_all,
};

/// The judgement of the one claim whose text holds these words.
fn judged(document: &str, words: &str, evidence: &Evidence) -> Judgement {
    let document = Document::read(document.as_bytes(), None);
    let all = judge_all(&document, evidence);
    let found: Vec<_> = all.iter().filter(|(claim, _)| claim.text.contains(words)).collect();
    assert_eq!(found.len(), 1, "{words}: {all:#?}");
    found[0].1.clone()
}

fn verdict(document: &str, words: &str, evidence: &Evidence) -> Verdict {
    judged(document, words, evidence).verdict
}

fn alone(document: &str, words: &str) -> Verdict {
    verdict(document, words, &Evidence::default())
}

fn run(kind: RunKind, at: i64, exit: i32, counts: Option<(u64, u64, u64)>) -> Run {
    let counts = counts.map(|(passed, failed, skipped)| Counts { passed, failed, skipped });
    Run {
        kind,
        command: "cargo test".into(),
        at,
        exit: Some(exit),
        counts,
        partial: false,
        weak: String::new(),
        failed: false,
    }
}

const GREEN: &str = "## Verification\n- All 120 tests pass\n";

#[test]
fn green_tests_are_believed_when_they_were_seen() {
    let says = |evidence: &Evidence| verdict(GREEN, "tests pass", evidence);
    assert_eq!(says(&Evidence::default()), Verdict::Claimed);
    let good = Evidence { runs: vec![run(RunKind::Tests, 100, 0, Some((120, 0, 0)))], ..Evidence::default() };
    assert_eq!(says(&good), Verdict::Verified);
    assert_eq!(says(&Evidence { edited: Some(99), ..good.clone() }), Verdict::Verified);
    assert_eq!(says(&Evidence { edited: Some(101), ..good.clone() }), Verdict::Stale);
    let last = |exit, counts| Evidence {
        runs: vec![run(RunKind::Tests, 100, 0, Some((120, 0, 0))), run(RunKind::Tests, 200, exit, counts)],
        ..Evidence::default()
    };
    assert_eq!(says(&last(1, None)), Verdict::Contradicted);
    assert_eq!(says(&last(0, Some((119, 1, 0)))), Verdict::Contradicted);
    assert_eq!(says(&last(0, Some((90, 0, 0)))), Verdict::Contradicted);
    assert_eq!(says(&last(0, Some((0, 0, 120)))), Verdict::Weak);
    let before = Some(Counts { passed: 130, failed: 0, skipped: 0 });
    assert_eq!(says(&Evidence { before, ..good.clone() }), Verdict::Weak);
    let mut part = good.clone();
    part.runs[0].partial = true;
    assert_eq!(says(&part), Verdict::Weak);
    let before = Some(Counts { passed: 118, failed: 0, skipped: 0 });
    assert_eq!(says(&Evidence { before, ..good }), Verdict::Verified);
    assert_eq!(says(&Evidence { tests_in_sources: Some(120), ..Evidence::default() }), Verdict::Verified);
    assert_eq!(says(&Evidence { tests_in_sources: Some(80), ..Evidence::default() }), Verdict::Contradicted);
}

#[test]
fn a_success_is_held_against_the_exit() {
    let says =
        |exit| verdict("**Status:** SUCCESS\n", "SUCCESS", &Evidence { exit: Some(exit), ..Evidence::default() });
    assert_eq!(says(Exit::Code(0)), Verdict::Claimed);
    for exit in [Exit::Code(1), Exit::Signal(9), Exit::Running, Exit::Asking] {
        assert_eq!(says(exit), Verdict::Contradicted, "{exit:?}");
    }
}

#[test]
fn builds_prove_something_only_when_something_was_built() {
    let document = "## Build\n- Build succeeded\n";
    let built =
        |run: Run, edited| verdict(document, "succeeded", &Evidence { runs: vec![run], edited, ..Evidence::default() });
    assert_eq!(alone(document, "succeeded"), Verdict::Claimed);
    assert_eq!(built(run(RunKind::Build, 10, 0, None), None), Verdict::Verified);
    assert_eq!(built(run(RunKind::Build, 10, 101, None), None), Verdict::Contradicted);
    assert_eq!(built(run(RunKind::Build, 10, 0, None), Some(11)), Verdict::Stale);
    assert_eq!(built(Run { partial: true, ..run(RunKind::Build, 10, 0, None) }, None), Verdict::Weak);
    assert_eq!(alone("## Build\n- Build passed in 1 s, 40 tasks up-to-date\n", "passed"), Verdict::Weak);
}

#[test]
fn files_are_held_against_what_is_there() {
    let file =
        |exists, bytes, lines| File { path: "src/cache/disk.rs".into(), exists, bytes, lines, committed: Some(true) };
    let says = |text: &str, file: File| {
        verdict(&format!("## Files\n- {text}\n"), "disk.rs", &Evidence { files: vec![file], ..Evidence::default() })
    };
    assert_eq!(says("`src/cache/disk.rs` (310 lines)", file(true, None, Some(309))), Verdict::Verified);
    assert_eq!(says("`disk.rs` (310 lines)", file(true, None, Some(250))), Verdict::Contradicted);
    assert_eq!(says("`disk.rs` - 12 KB", file(true, Some(12_400), None)), Verdict::Verified);
    assert_eq!(says("`disk.rs` - 12 KB", file(true, Some(15_400), None)), Verdict::Contradicted);
    assert_eq!(says("`src/cache/disk.rs`", file(false, None, None)), Verdict::Contradicted);
    assert_eq!(says("Removed `src/cache/disk.rs`", file(false, None, None)), Verdict::Verified);
    assert_eq!(says("Removed `src/cache/disk.rs`", file(true, None, None)), Verdict::Contradicted);
    let open = "## Done\n- Wrote the cache plan in `src/cache/disk.rs`\n\n## Open\n- Cache plan not committed yet\n";
    let evidence = Evidence { files: vec![file(true, None, None)], ..Evidence::default() };
    assert_eq!(verdict(open, "not committed", &evidence), Verdict::Stale);
}

#[test]
fn commits_are_held_against_the_branch() {
    let commit = |held| Evidence { commits: vec![Commit { hash: "3f1c9aa77b".into(), held }], ..Evidence::default() };
    let document = "## Commits\n- `3f1c9aa` clock injected\n";
    assert_eq!(verdict(document, "clock", &commit(true)), Verdict::Verified);
    assert_eq!(verdict(document, "clock", &commit(false)), Verdict::Contradicted);
    assert_eq!(alone(document, "clock"), Verdict::Claimed);
}

#[test]
fn a_document_is_held_against_itself() {
    let list = |n: usize| "- `x.rs` new\n".repeat(n);
    assert_eq!(alone(&format!("## New files (3)\n{}", list(3)), "New files"), Verdict::Consistent);
    assert_eq!(alone(&format!("## New files (4)\n{}", list(3)), "New files"), Verdict::Contradicted);
    assert_eq!(
        alone(&format!("## Done\n\nAdded all 4 missing tables:\n\n{}", list(5)), "all 4"),
        Verdict::Contradicted
    );
    let parts = "- `a.md` (40,000 bytes)\n- `b.md` (50,000 bytes)\n";
    assert_eq!(
        alone(&format!("Wrote 2 documents, over 100KB in total.\n\n## Files\n{parts}"), "over 100KB"),
        Verdict::Contradicted
    );
    assert_eq!(
        alone(&format!("Wrote 2 documents, over 80KB in total.\n\n## Files\n{parts}"), "over 80KB"),
        Verdict::Consistent
    );
    let span = |hours: u32| format!("**Period:** 22:00 - 06:30\n**Duration:** {hours} hours 30 minutes\n");
    assert_eq!(alone(&span(8), "Duration"), Verdict::Consistent);
    assert_eq!(alone(&span(9), "Duration"), Verdict::Contradicted);
    let table = "| Area | Done |\n|---|---|\n| a | 3 |\n| b | 4 |\n| Total | 7 |\n";
    assert_eq!(alone(&format!("**Progress:** 7/20 modules (35%)\n\n{table}"), "Progress"), Verdict::Consistent);
    assert_eq!(alone(&format!("**Progress:** 7/20 modules (45%)\n\n{table}"), "Progress"), Verdict::Contradicted);
    assert_eq!(alone("**Progress:** 7/20 modules (35%)\n", "Progress"), Verdict::Claimed);
    let load = "## Load\n**Status:** SUCCESS\n\n- Orders: 400 loaded\n- Coupons: 0 (Error: schema mismatch)\n";
    assert_eq!(alone(load, "SUCCESS"), Verdict::Contradicted);
    let priority = "**Status:** High-priority work complete\n\n## In progress\n\n### 4. Job queue\n**Priority:** HIGH\n**Status:** pending\n";
    assert_eq!(alone(priority, "High-priority"), Verdict::Contradicted);
    let boxes =
        "## Next steps\n1. ✅ Run the database migrations\n\n## Checklist\n- [ ] Migrations run against the database\n";
    assert_eq!(alone(boxes, "Run the database"), Verdict::Contradicted);
}

#[test]
fn praise_is_an_opinion_and_other_words_are_left_alone() {
    let document = "## Done\n- The API is production-ready\n- Added paging\n";
    assert!(judged(document, "production-ready", &Evidence::default()).opinion);
    let plain = judged(document, "paging", &Evidence::default());
    assert_eq!((plain.verdict, plain.opinion, plain.reasons.is_empty()), (Verdict::Claimed, false, true));
}

#[test]
fn a_claim_never_makes_another_stronger() {
    let document = "## Done\n- All tests pass\n- All tests pass, verified twice, 100% certain\n";
    let read = Document::read(document.as_bytes(), None);
    assert!(read.items.iter().all(|item| judge(item, &read, &Evidence::default()).verdict == Verdict::Claimed));
}
