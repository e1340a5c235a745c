//! Runs of tests, builds and lints, recognised by the summaries that the usual tools print.
//!
//! Only lines of summary count, each anchored to the form its tool gives it: prose that mentions tests is none. Tools
//! that tell a run in several lines have their lines added up until the next run begins.

use crate::core::time::Wall;
use crate::core::tool_run::{TOOL_RUNS_MAX, ToolKind, ToolRun};
use regex::{Captures, Regex};
use std::collections::BTreeSet;
use std::sync::OnceLock;

/// Bytes of a line that are looked at; no tool's summary is longer.
const PART: usize = 400;
/// Packages of a `go test` that are remembered, to know when the next run begins.
const PACKAGES_MAX: usize = 5000;

/// What a line of summary looks like: what its text can begin with, what it must contain, and how it is read. `c` holds
/// counts, `t` a total, `d` the time it took. A pattern is made ready only when a line may fit it: that takes longer than
/// to read a thousand lines, and most programs never need it.
const FORMS: &[(Form, &str, &str, &str)] = &[
    (
        Form::CargoTest,
        "t",
        "test result: ",
        r"^test result: (?P<end>ok|FAILED)\. (?P<c>[0-9]+ passed; .+?)(?:; finished in (?P<d>[0-9.]+)s)?$",
    ),
    (
        Form::Nextest,
        "S",
        "tests run: ",
        r"^\s*Summary \[ *(?P<d>[0-9.]+)s\] (?:[0-9]+/)?(?P<t>[0-9]+) tests? run: (?P<c>[0-9]+ passed.*)$",
    ),
    (
        Form::Pytest,
        "=n0123456789",
        " in ",
        r"^(?:=+ )?(?P<c>(?:[0-9]+ (?:passed|failed|errors?|skipped|deselected|xfailed|xpassed|warnings?|rerun|subtests passed)(?:, )?)+|no tests ran) in (?P<d>[0-9.]+)s(?: \([0-9:]+\))?(?: =+)?$",
    ),
    (Form::Jest, "T", "Tests: ", r"^Tests: +(?P<c>(?:[0-9]+ (?:failed|skipped|todo|passed|total)(?:, )?)+)$"),
    (
        Form::Vitest,
        "T",
        "Tests  ",
        r"^\s*Tests {2,}(?P<c>(?:[0-9]+ (?:failed|passed|skipped|todo|expected fail)(?: \| )?)+) \([0-9]+\)$",
    ),
    (
        Form::GoOk,
        "o",
        "\t",
        r"^ok  ?\t(?P<name>\S+)\t(?:(?P<d>[0-9.]+)s|(?P<cached>\(cached\)))(?P<none>.*no tests to run.*)?",
    ),
    (Form::GoFail, "F", "FAIL\t", r"^FAIL\t(?P<name>\S+)(?:\t(?P<d>[0-9.]+)s| \[(?:build|setup) failed\])"),
    (
        Form::Maven,
        "[T",
        "Tests run: ",
        r"^(?:\[(?:INFO|WARNING|ERROR)\] )?Tests run: (?P<t>[0-9]+), (?P<k>Failures: [0-9]+, Errors: [0-9]+, Skipped: [0-9]+)$",
    ),
    (Form::MavenEnd, "[", "] BUILD ", r"^\[(?:INFO|ERROR)\] BUILD (?P<end>SUCCESS|FAILURE)$"),
    (Form::GradleTests, "0123456789", " completed", r"^(?P<t>[0-9]+) tests? completed(?:, (?P<c>[0-9]+ .*))?$"),
    (Form::GradleEnd, "B", "BUILD ", r"^BUILD (?P<end>SUCCESSFUL|FAILED) in (?P<span>[0-9ms h]+)$"),
    (Form::GradleTasks, "0123456789", " actionable ", r"^[0-9]+ actionable tasks?: (?P<tasks>.+)$"),
    (Form::PhpunitOk, "O", "OK (", r"^OK \((?P<t>[0-9]+) tests?, [0-9]+ assertions?\)$"),
    (Form::Phpunit, "T", ", Assertions: ", r"^Tests: (?P<t>[0-9]+), Assertions: [0-9]+(?:, (?P<k>\w.*?))?\.$"),
    (Form::Rspec, "0123456789", " example", r"^(?P<t>[0-9]+) examples?, (?P<c>[0-9]+ failures?(?:, [0-9]+ \w+.*)?)$"),
    (Form::Node, "#ℹ", " ", r"^(?:# |ℹ )(?P<word>tests|pass|fail|cancelled|skipped|todo|duration_ms) (?P<n>[0-9.]+)$"),
    (Form::Mocha, "0123456789", "ing", r"^ {2}(?P<c>[0-9]+ (?:passing|failing|pending))(?: \((?P<span>[0-9ms]+)\))?$"),
    (Form::PlaywrightBegin, "R", "Running ", r"^Running [0-9]+ tests? using [0-9]+ workers?$"),
    (
        Form::Playwright,
        "0123456789",
        "  ",
        r"^ {2}(?P<c>[0-9]+ (?:passed|failed|skipped|flaky|interrupted|did not run))(?: \((?P<span>[0-9.]+m?s|[0-9.]+m|[0-9.]+h)\))?$",
    ),
    (Form::Unittest, "R", "Ran ", r"^Ran (?P<t>[0-9]+) tests? in (?P<d>[0-9.]+)s$"),
    (Form::UnittestEnd, "OF", "", r"^(?P<end>OK|FAILED)(?: \((?P<pairs>\w[\w ]*=[0-9]+(?:, \w[\w ]*=[0-9]+)*)\))?$"),
    (
        Form::Ctest,
        "0123456789",
        "% tests passed",
        r"^[0-9]+% tests passed, (?P<f>[0-9]+) tests? failed out of (?P<t>[0-9]+)$",
    ),
    (
        Form::Dotnet,
        "PF",
        "! ",
        r"^(?:Passed|Failed)! +- (?P<k>Failed: +[0-9]+, Passed: +[0-9]+, Skipped: +[0-9]+), Total: +[0-9]+",
    ),
    (Form::CargoBegin, "C", "ing ", r"^ +(?:Compiling|Checking) \S+ v[0-9]"),
    (
        Form::CargoEnd,
        "F",
        "Finished ",
        r"^ +Finished (?:`(?P<profile>[\w-]+)` profile|\w+) .*target\(s\) in (?P<span>[0-9ms. h]+)$",
    ),
    (Form::CargoFailed, "e", "error: could not compile", r"^error: could not compile `[^`]+`"),
    (Form::Tsc, "F", "Found ", r"^Found (?P<f>[0-9]+) errors?(?: in .*)?\.(?: Watching for file changes\.)?$"),
    (Form::Eslint, "✖", "✖ ", r"^✖ [0-9]+ problems? \((?P<f>[0-9]+) errors?, [0-9]+ warnings?\)$"),
];

/// Which tool's line it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    CargoTest,
    Nextest,
    Pytest,
    Jest,
    Vitest,
    GoOk,
    GoFail,
    Maven,
    MavenEnd,
    GradleTests,
    GradleEnd,
    GradleTasks,
    PhpunitOk,
    Phpunit,
    Rspec,
    Node,
    Mocha,
    PlaywrightBegin,
    Playwright,
    Unittest,
    UnittestEnd,
    Ctest,
    Dotnet,
    CargoBegin,
    CargoEnd,
    CargoFailed,
    Tsc,
    Eslint,
}

static READ: [OnceLock<Regex>; FORMS.len()] = [const { OnceLock::new() }; FORMS.len()];

/// Which form a line has, and what of it was found.
fn read(line: &str) -> Option<(Form, Captures<'_>)> {
    let first = line.trim_start().chars().next()?;
    FORMS.iter().zip(&READ).find_map(|((form, begins, contains, pattern), read)| {
        if !begins.contains(first) || !line.contains(contains) {
            return None;
        }
        let regex = read.get_or_init(|| Regex::new(pattern).expect("a constant pattern"));
        Some((*form, regex.captures(line)?))
    })
}

/// Finds the runs in a sequence of lines.
#[derive(Debug, Default)]
pub(super) struct ToolRuns {
    /// The run that the next line of its tool is added to: its place among the runs.
    open: Option<&'static str>,
    /// Packages of the open `go test`.
    packages: BTreeSet<String>,
    /// Whether cargo built something since its last `Finished`.
    built: bool,
}

/// The counts of a line.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
    skipped: u64,
    filtered: u64,
}

impl Counts {
    fn add(&mut self, word: &str, n: u64) {
        let slot = match word {
            "passed" | "passing" | "pass" | "xpassed" => &mut self.passed,
            "failed" | "failing" | "fail" | "failure" | "failures" | "error" | "errors" | "timed" | "exec"
            | "interrupted" | "cancelled" => &mut self.failed,
            "skipped" | "ignored" | "pending" | "todo" | "xfailed" | "incomplete" | "did" => &mut self.skipped,
            "filtered" | "deselected" => &mut self.filtered,
            _ => return,
        };
        *slot = slot.saturating_add(n);
    }
    /// `12 passed, 1 failed; 3 filtered out | 2 todo`
    fn before(text: &str) -> Self {
        let mut counts = Self::default();
        for part in text.split([',', ';', '|']) {
            let mut words = part.split_whitespace();
            if let (Some(Ok(n)), Some(word)) = (words.next().map(str::parse), words.next()) {
                counts.add(word, n);
            }
        }
        counts
    }
    /// `Failures: 1, Errors: 0, Skipped: 2` and `failures=1, errors=2`
    fn after(text: &str) -> Self {
        let mut counts = Self::default();
        for part in text.split(',') {
            if let Some((word, n)) = part.split_once([':', '='])
                && let Ok(n) = n.trim().parse()
            {
                let word = word.split_whitespace().last().unwrap_or_default();
                counts.add(&word.to_ascii_lowercase(), n);
            }
        }
        counts
    }
}

/// `1m 2s`, `850ms`, `3.2s`, `1.5m`, in seconds.
fn span(text: &str) -> Option<f64> {
    let mut seconds = 0.0;
    let mut number = String::new();
    let mut rest = text.trim();
    while let Some(c) = rest.chars().next() {
        if c.is_ascii_digit() || c == '.' {
            number.push(c);
            rest = &rest[1..];
            continue;
        }
        if c == ' ' {
            rest = &rest[1..];
            continue;
        }
        let (unit, length) = match rest {
            _ if rest.starts_with("ms") => (0.001, 2),
            _ if rest.starts_with('s') => (1.0, 1),
            _ if rest.starts_with('m') => (60.0, 1),
            _ if rest.starts_with('h') => (3600.0, 1),
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * unit;
        number.clear();
        rest = &rest[length..];
    }
    number.is_empty().then_some(seconds)
}

impl ToolRuns {
    /// Takes the next line. Tells whether the runs changed.
    pub(super) fn line(&mut self, line: &str, at: Wall, runs: &mut Vec<ToolRun>) -> bool {
        if line.len() > PART {
            return false;
        }
        let line = line.trim_end();
        let Some((form, found)) = read(line) else { return false };
        let changed = self.take(form, &found, at, runs);
        if runs.len() > TOOL_RUNS_MAX {
            runs.remove(0);
        }
        changed
    }

    /// A new run, or the open one of this tool.
    fn run<'r>(
        &mut self,
        tool: &'static str,
        kind: ToolKind,
        unit: &str,
        at: Wall,
        runs: &'r mut Vec<ToolRun>,
    ) -> &'r mut ToolRun {
        let goes_on = self.open == Some(tool) && runs.last().is_some_and(|run| run.tool == tool);
        if !goes_on {
            runs.push(ToolRun::new(tool, kind, unit, at));
        }
        self.open = Some(tool);
        let last = runs.len() - 1;
        runs[last].last = at;
        &mut runs[last]
    }

    fn take(&mut self, form: Form, found: &Captures<'_>, at: Wall, runs: &mut Vec<ToolRun>) -> bool {
        let text = |name: &str| found.name(name).map(|m| m.as_str());
        let count = |name: &str| text(name).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
        let seconds = text("d").and_then(|d| d.parse().ok()).or_else(|| text("span").and_then(span));
        let counts = text("c").map_or_else(|| text("k").map_or(Counts::default(), Counts::after), Counts::before);
        let tests = |this: &mut Self, tool, runs: &mut Vec<ToolRun>, goes_on: bool, counts: Counts| {
            if !goes_on {
                this.open = None;
            }
            let run = this.run(tool, ToolKind::Tests, "test", at, runs);
            run.passed += counts.passed;
            run.failed += counts.failed;
            run.skipped += counts.skipped;
            run.filtered += counts.filtered;
            run.seconds = match (run.seconds, seconds) {
                (Some(known), Some(more)) => Some(known + more),
                (known, more) => known.or(more),
            };
            judge(run);
            if !goes_on {
                this.open = None;
            }
        };
        // Of these the total is told, and what is neither failed nor skipped has passed.
        let rest = |mut counts: Counts| {
            counts.passed = count("t").saturating_sub(counts.failed + counts.skipped);
            counts
        };
        match form {
            Form::CargoTest => tests(self, "cargo test", runs, true, counts),
            Form::Nextest => tests(self, "cargo nextest", runs, false, counts),
            Form::Pytest => tests(self, "pytest", runs, false, counts),
            Form::Jest => tests(self, "jest", runs, false, counts),
            Form::Vitest => tests(self, "vitest", runs, false, counts),
            Form::Maven => tests(self, "mvn test", runs, true, rest(counts)),
            Form::GradleTests => tests(self, "gradle test", runs, false, rest(counts)),
            Form::PhpunitOk | Form::Phpunit => tests(self, "phpunit", runs, false, rest(counts)),
            Form::Rspec => tests(self, "rspec", runs, false, rest(counts)),
            Form::Mocha => {
                // What passed is told first.
                if text("c").is_some_and(|c| c.ends_with("passing")) {
                    self.open = None;
                }
                tests(self, "mocha", runs, true, counts);
            }
            Form::Playwright => tests(self, "playwright", runs, true, counts),
            Form::Dotnet => tests(self, "dotnet test", runs, true, counts),
            Form::Ctest => tests(self, "ctest", runs, false, rest(Counts { failed: count("f"), ..counts })),
            Form::Unittest => {
                tests(self, "unittest", runs, false, rest(counts));
                self.open = Some("unittest");
            }
            Form::UnittestEnd => {
                let open = self.open == Some("unittest");
                let Some(run) = runs.last_mut().filter(|run| open && run.tool == "unittest") else { return false };
                let more = text("pairs").map_or(Counts::default(), Counts::after);
                (run.failed, run.skipped) = (more.failed, more.skipped);
                run.passed = run.passed.saturating_sub(more.failed + more.skipped);
                judge(run);
                run.good = text("end") == Some("OK");
                self.open = None;
                return true;
            }
            Form::GoOk | Form::GoFail => {
                let name = text("name").unwrap_or_default().to_owned();
                if self.open != Some("go test") || self.packages.contains(&name) {
                    self.open = None;
                    self.packages.clear();
                }
                if self.packages.len() < PACKAGES_MAX {
                    self.packages.insert(name);
                }
                let run = self.run("go test", ToolKind::Tests, "package", at, runs);
                match form == Form::GoOk {
                    true if text("none").is_some() => run.skipped += 1,
                    true => run.passed += 1,
                    false => run.failed += 1,
                }
                run.seconds = Some(run.seconds.unwrap_or(0.0) + seconds.unwrap_or(0.0));
                judge(run);
                if text("cached").is_some() {
                    // Passed once, but not now: a count of those would have to be kept, and one is enough to say so.
                    run.weak = Some("some results are cached".to_owned());
                }
            }
            Form::Node => return self.node(text("word").unwrap_or_default(), text("n").unwrap_or_default(), at, runs),
            Form::PlaywrightBegin => {
                self.open = None;
                return false;
            }
            Form::MavenEnd => self.build("mvn", text("end") == Some("SUCCESS"), None, None, at, runs),
            Form::GradleEnd => self.build("gradle", text("end") == Some("SUCCESSFUL"), seconds, None, at, runs),
            Form::GradleTasks => {
                let tasks = text("tasks").unwrap_or_default();
                let Some(run) = runs.last_mut().filter(|run| run.tool == "gradle") else { return false };
                if !tasks.contains("executed") {
                    run.weak = Some("everything was up to date: nothing was built".to_owned());
                    return true;
                }
                return false;
            }
            Form::CargoBegin => {
                self.built = true;
                self.open = None;
                return false;
            }
            Form::CargoEnd => {
                let weak = (!self.built).then(|| "nothing was built anew".to_owned());
                self.built = false;
                self.build("cargo build", true, seconds, weak, at, runs);
            }
            Form::CargoFailed => {
                // Told once for each crate of a build.
                if self.open == Some("cargo build failed") {
                    return false;
                }
                self.built = false;
                self.build("cargo build", false, None, None, at, runs);
                self.open = Some("cargo build failed");
            }
            Form::Tsc => self.lint("tsc", count("f"), at, runs),
            Form::Eslint => self.lint("eslint", count("f"), at, runs),
        }
        true
    }

    fn build(
        &mut self,
        tool: &'static str,
        good: bool,
        seconds: Option<f64>,
        weak: Option<String>,
        at: Wall,
        runs: &mut Vec<ToolRun>,
    ) {
        self.open = None;
        let run = self.run(tool, ToolKind::Build, "error", at, runs);
        (run.good, run.seconds, run.weak) = (good, seconds, weak);
        self.open = None;
    }

    fn lint(&mut self, tool: &'static str, errors: u64, at: Wall, runs: &mut Vec<ToolRun>) {
        self.open = None;
        let run = self.run(tool, ToolKind::Lint, "error", at, runs);
        (run.failed, run.good) = (errors, errors == 0);
        self.open = None;
    }

    /// Node's own runner tells a count a line; `tests` begins, `duration_ms` ends.
    fn node(&mut self, word: &str, n: &str, at: Wall, runs: &mut Vec<ToolRun>) -> bool {
        const TOOL: &str = "node --test";
        if word == "tests" {
            self.open = None;
            self.run(TOOL, ToolKind::Tests, "test", at, runs);
            return true;
        }
        let open = self.open == Some(TOOL);
        let Some(run) = runs.last_mut().filter(|run| open && run.tool == TOOL) else { return false };
        run.last = at;
        if word == "duration_ms" {
            run.seconds = n.parse::<f64>().ok().map(|ms| ms / 1000.0);
            self.open = None;
            judge(run);
        } else if let Ok(n) = n.parse() {
            let mut counts = Counts::default();
            counts.add(word, n);
            run.passed += counts.passed;
            run.failed += counts.failed;
            run.skipped += counts.skipped;
            judge(run);
        }
        true
    }
}

/// Whether a run of tests was good, and what makes it prove little.
fn judge(run: &mut ToolRun) {
    run.good = run.failed == 0;
    let ran = run.passed + run.failed;
    run.weak = match (ran, run.filtered) {
        (0, _) if run.skipped > 0 => Some("all were skipped".to_owned()),
        (0, _) => Some("no tests ran".to_owned()),
        (_, filtered) if filtered > 0 => Some(format!("{filtered} were filtered out")),
        (1, _) if run.unit == "test" => Some("it is one test".to_owned()),
        _ => None,
    };
}

#[cfg(test)]
#[path = "tool_runs/tests.rs"]
mod tests;
