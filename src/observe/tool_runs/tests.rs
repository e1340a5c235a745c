//! Tests of the recogniser: what each tool prints, and what only looks like it.

use super::*;

fn seen(output: &str) -> Vec<ToolRun> {
    let (mut finder, mut runs) = (ToolRuns::default(), Vec::new());
    for (i, line) in output.lines().enumerate() {
        finder.line(line, Wall(i64::try_from(i).unwrap() * 1000), &mut runs);
    }
    runs
}

/// `TOOL passed/failed/skipped`, with `bad` and why it is weak.
fn told(output: &str) -> Vec<String> {
    seen(output)
        .iter()
        .map(|run| {
            let weak = run.weak.as_ref().map_or_else(String::new, |weak| format!(" ({weak})"));
            let good = if run.good { "" } else { " bad" };
            format!("{} {}/{}/{}{good}{weak}", run.tool, run.passed, run.failed, run.skipped)
        })
        .collect()
}

#[test]
fn the_summaries_of_the_usual_tools_are_read() {
    for (output, expected) in [
        ("     Summary [   0.486s] 5 tests run: 5 passed, 28 skipped", "cargo nextest 5/0/28"),
        (
            "     Summary [   0.486s] 2/5 tests run: 0 passed, 1 failed, 1 timed out, 28 skipped",
            "cargo nextest 0/2/28 bad",
        ),
        ("===== 12 passed, 1 failed, 2 skipped, 3 warnings in 3.45s =====", "pytest 12/1/2 bad"),
        ("12 passed in 0.12s", "pytest 12/0/0"),
        ("==== 3 passed, 40 deselected in 61.20s (0:01:01) ====", "pytest 3/0/0 (40 were filtered out)"),
        ("==== no tests ran in 0.01s ====", "pytest 0/0/0 (no tests ran)"),
        ("Tests:       1 failed, 2 skipped, 12 passed, 15 total", "jest 12/1/2 bad"),
        ("      Tests  1 failed | 12 passed | 3 skipped (16)", "vitest 12/1/3 bad"),
        ("[INFO] Tests run: 12, Failures: 1, Errors: 1, Skipped: 2", "mvn test 8/2/2 bad"),
        ("12 tests completed, 1 failed, 2 skipped", "gradle test 9/1/2 bad"),
        ("OK (12 tests, 34 assertions)", "phpunit 12/0/0"),
        ("Tests: 12, Assertions: 34, Failures: 1, Skipped: 2.", "phpunit 9/1/2 bad"),
        ("12 examples, 1 failure, 2 pending", "rspec 9/1/2 bad"),
        ("  12 passing (3s)\n  2 pending\n  1 failing", "mocha 12/1/2 bad"),
        ("Running 5 tests using 2 workers\n  1 failed\n  1 skipped\n  3 passed (4.2s)", "playwright 3/1/1 bad"),
        ("100% tests passed, 0 tests failed out of 12", "ctest 12/0/0"),
        ("Passed!  - Failed:     0, Passed:    12, Skipped:     1, Total:    13, Duration: 3 s", "dotnet test 12/0/1"),
        ("Found 3 errors in 2 files.", "tsc 0/3/0 bad"),
        ("✖ 12 problems (10 errors, 2 warnings)", "eslint 0/10/0 bad"),
        ("Ran 12 tests in 0.003s\n\nOK (skipped=3)", "unittest 9/0/3"),
        ("Ran 12 tests in 0.003s\n\nFAILED (failures=1, errors=2)", "unittest 9/3/0 bad"),
        ("ℹ tests 12\nℹ pass 10\nℹ fail 1\nℹ skipped 1\nℹ duration_ms 12.5", "node --test 10/1/1 bad"),
        ("1 passed in 0.12s", "pytest 1/0/0 (it is one test)"),
        ("==== 4 skipped in 0.12s ====", "pytest 0/0/4 (all were skipped)"),
    ] {
        assert_eq!(told(output), [expected], "{output}");
    }
}

#[test]
fn the_binaries_of_one_cargo_test_are_one_run() {
    let once = "   Compiling app v0.1.0 (/app)\n    Finished `test` profile [unoptimized] target(s) in 1m 02s\n\
        test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.50s\n\
        test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.25s\n";
    assert_eq!(told(once), ["cargo build 0/0/0", "cargo test 15/1/1 bad"]);
    let twice = format!("{once}{once}");
    assert_eq!(told(&twice).len(), 4);
    let runs = seen(once);
    assert_eq!((runs[0].seconds, runs[1].seconds), (Some(62.0), Some(0.75)));
    assert_eq!((runs[1].first, runs[1].last), (Wall(2000), Wall(3000)));
}

#[test]
fn builds_that_built_nothing_are_weak() {
    assert_eq!(
        told("    Finished `dev` profile [unoptimized] target(s) in 0.05s"),
        ["cargo build 0/0/0 (nothing was built anew)"]
    );
    assert_eq!(
        told("BUILD SUCCESSFUL in 1s\n12 actionable tasks: 12 up-to-date"),
        ["gradle 0/0/0 (everything was up to date: nothing was built)"]
    );
    assert_eq!(told("BUILD SUCCESSFUL in 1m 3s\n12 actionable tasks: 2 executed, 10 up-to-date"), ["gradle 0/0/0"]);
    assert_eq!(
        told("error: could not compile `app` (lib) due to 1 previous error\nerror: could not compile `app` (bin)"),
        ["cargo build 0/0/0 bad"]
    );
}

#[test]
fn the_packages_of_one_go_test_are_one_run_until_one_comes_again() {
    let output = "ok  \texample.org/a\t0.012s\nFAIL\texample.org/b\t0.100s\nok  \texample.org/c\t(cached)\n\
        ok  \texample.org/a\t0.012s\nok  \texample.org/b\t0.012s";
    assert_eq!(told(output), ["go test 2/1/0 bad (some results are cached)", "go test 2/0/0"]);
}

#[test]
fn prose_about_tests_is_no_run() {
    for line in [
        "All 12 tests passed!",
        "I ran pytest and 12 passed, 1 failed in the end",
        "test result: looks ok to me",
        "12 passed",
        "- Tests: 12 passed, 12 total (see above)",
        "OK",
        "FAILED (why?)",
        "Found 3 errors in my reasoning, fixing",
        "> 12 passed in 0.12s",
    ] {
        assert_eq!(told(line), Vec::<String>::new(), "{line}");
    }
}

#[test]
fn what_is_kept_is_bounded() {
    let many: String = (0..500).map(|i| format!("{i} passed in 0.1s\n")).collect();
    let runs = seen(&many);
    assert_eq!(runs.len(), TOOL_RUNS_MAX);
    assert_eq!(runs.last().map(|run| run.passed), Some(499));
    assert_eq!(seen(&format!("{} passed in 0.1s", "9".repeat(100_000))), []);
    assert_eq!(told(&format!("{} passed in 0.1s", "9".repeat(30))), ["pytest 0/0/0 (no tests ran)"]);
}
