//! A claim held against what was seen: exits, runs of tests and builds, files, commits.

use super::numbers;
use super::prepared::Prepared;
use super::{Counts, Evidence, Exit, File, Reason, Run, RunKind, Verdict};
use crate::harvest::{Item, Kind};

/// What the evidence says to a claim.
pub fn reasons(claim: &Item, document: &Prepared<'_>, evidence: &Evidence) -> Vec<Reason> {
    // What is open or to be done claims nothing that happened; what is missing can have come since.
    let asserts = matches!(
        claim.kind,
        Kind::Achievement
            | Kind::Metric
            | Kind::Artifact
            | Kind::InProgress
            | Kind::Error
            | Kind::Limitation
            | Kind::Decision
    );
    let mut reasons: Vec<Reason> = Vec::new();
    if matches!(claim.kind, Kind::Pending | Kind::Limitation | Kind::Blocker | Kind::Error) {
        reasons.extend(came_since(claim, document, evidence));
    }
    if asserts {
        reasons.extend(ended(claim, evidence));
        reasons.extend(tests(claim, evidence));
        reasons.extend(build(claim, evidence));
        reasons.extend(files(claim, evidence));
        reasons.extend(commits(claim, evidence));
    }
    reasons
}

/// Whether a claim only praises: nothing that could be seen speaks to it.
pub fn is_opinion(claim: &Item) -> bool {
    let lower = claim.text.to_lowercase();
    [
        "production-ready",
        "production ready",
        "fully functional",
        "no issues",
        "ready to deploy",
        "ready for production",
        "battle-tested",
        "enterprise-grade",
        "robust",
        "seamless",
    ]
    .iter()
    .any(|praise| lower.contains(praise))
}

fn reason(verdict: Verdict, seen: impl Into<String>) -> Reason {
    Reason { verdict, seen: seen.into(), line: None }
}

fn words(text: &str) -> Vec<String> {
    text.to_lowercase().split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_owned).collect()
}

fn any(words: &[String], wanted: &[&str]) -> bool {
    words.iter().any(|word| wanted.contains(&word.as_str()))
}

/// `Status: success` of a session that did not end well.
fn ended(claim: &Item, evidence: &Evidence) -> Option<Reason> {
    let said = words(&claim.text);
    let overall =
        said.first().is_some_and(|w| matches!(w.as_str(), "status" | "result" | "outcome" | "overall" | "verdict"))
            || (any(&said, &["all", "everything"]) && any(&said, &["task", "tasks", "work", "done"]));
    let praised = any(
        &said,
        &["success", "successful", "successfully", "complete", "completed", "succeeded", "done", "finished"],
    );
    if !overall || !praised || claim.kind != Kind::Achievement {
        return None;
    }
    match evidence.exit? {
        Exit::Code(0) => None,
        Exit::Code(code) => Some(reason(Verdict::Contradicted, format!("the session ended with exit code {code}"))),
        Exit::Signal(signal) => {
            Some(reason(Verdict::Contradicted, format!("the session was ended by signal {signal}")))
        }
        Exit::Running => Some(reason(Verdict::Contradicted, "the session runs still")),
        Exit::Asking => Some(reason(Verdict::Contradicted, "the session waits for an answer")),
    }
}

/// Claims about tests.
fn tests(claim: &Item, evidence: &Evidence) -> Option<Reason> {
    let said = words(&claim.text);
    let about = any(&said, &["test", "tests", "suite", "specs", "testing"]) || numbers::tests(&claim.text).is_some();
    let passed = any(
        &said,
        &["pass", "passes", "passed", "passing", "green", "ran", "run", "ok", "succeed", "succeeded", "succeeds"],
    );
    if !about
        || !(passed || numbers::tests(&claim.text).is_some())
        || any(&said, &["failed", "failing", "skipped", "not"]) && !any(&said, &["0", "passed", "pass"])
    {
        return None;
    }
    let named = numbers::tests(&claim.text);
    if said_nothing_ran(&claim.text) {
        return Some(reason(Verdict::Weak, "it says itself that nothing was run"));
    }
    let runs = last_runs(RunKind::Tests, evidence);
    let Some(last) = runs.last() else {
        if let Some(counted) = evidence.tests_in_sources
            && let Some(named) = named
        {
            return Some(if counted == named {
                reason(Verdict::Verified, format!("the sources hold {counted} tests"))
            } else {
                reason(Verdict::Contradicted, format!("the sources hold {counted} tests, not {named}"))
            });
        }
        let green = passed && matches!(claim.kind, Kind::Achievement | Kind::Metric);
        return unproved(evidence).or_else(|| green.then(|| unseen(evidence)));
    };
    Some(some_runs(&runs, last, &said, named, evidence))
}

/// Of each command the last run of a kind, in the order in which they ended.
fn last_runs(kind: RunKind, evidence: &Evidence) -> Vec<&Run> {
    let mut last: Vec<&Run> = Vec::new();
    for run in evidence.runs.iter().filter(|run| run.kind == kind) {
        last.retain(|known| known.command != run.command);
        last.push(run);
    }
    last
}

/// The tests were claimed green, no run was seen, and the session did not end well.
fn unproved(evidence: &Evidence) -> Option<Reason> {
    match evidence.exit? {
        Exit::Code(0) | Exit::Running | Exit::Asking => None,
        Exit::Code(code) => Some(reason(
            Verdict::Weak,
            format!("no run of tests was seen, and the session ended with exit code {code}"),
        )),
        Exit::Signal(signal) => {
            Some(reason(Verdict::Weak, format!("no run of tests was seen, and signal {signal} ended the session")))
        }
    }
}

/// The tests were claimed green, and nothing was seen that speaks for or against it.
fn unseen(evidence: &Evidence) -> Reason {
    let within = if evidence.exit.is_some() { " in this session" } else { "" };
    reason(Verdict::Claimed, format!("no test run was seen{within}"))
}

/// A claim about tests where several commands ran some: the one that it names, the one whose number it has, all
/// together, else the last one.
fn some_runs(runs: &[&Run], last: &Run, said: &[String], named: Option<u64>, evidence: &Evidence) -> Reason {
    let speaks_of = |run: &&&Run| {
        // `cargo test` is named by `cargo`, `go test` by `go`.
        run.command.split_whitespace().next().is_some_and(|tool| tool.len() > 2 && said.iter().any(|word| word == tool))
    };
    let counts = |run: &Run| run.counts.map(|counts| (counts.passed, counts.total()));
    let run = match (runs.iter().rev().find(speaks_of), named) {
        (Some(run), _) => run,
        (None, None) => last,
        (None, Some(named)) => {
            let has = |run: &&&Run| counts(run).is_some_and(|(passed, total)| passed == named || total == named);
            let sum = |pick: fn((u64, u64)) -> u64| {
                runs.iter().filter_map(|run| counts(run)).map(pick).fold(0, u64::saturating_add)
            };
            match runs.iter().rev().find(has) {
                Some(run) => run,
                None if runs.len() > 1 && (sum(|c| c.0) == named || sum(|c| c.1) == named) => {
                    let worst = runs.iter().map(|run| run_of_tests(run, None, evidence)).max_by_key(|r| r.verdict);
                    return worst.unwrap_or_else(|| run_of_tests(last, Some(named), evidence));
                }
                None => last,
            }
        }
    };
    let found = run_of_tests(run, named, evidence);
    let red = runs.iter().find(|other| other.command != run.command && is_red(other));
    match red {
        Some(other) if found.verdict == Verdict::Verified => {
            reason(Verdict::Weak, format!("{}, but the last run of {} did not", found.seen, other.command))
        }
        Some(_) | None => found,
    }
}

fn is_red(run: &Run) -> bool {
    run.failed || run.exit.is_some_and(|code| code != 0) || run.counts.is_some_and(|counts| counts.failed > 0)
}

fn run_of_tests(run: &Run, named: Option<u64>, evidence: &Evidence) -> Reason {
    let counts = run.counts.unwrap_or_default();
    if counts.failed > 0 {
        return reason(Verdict::Contradicted, format!("{} failed in the last run", counts.failed));
    }
    if let Some(code) = run.exit.filter(|code| *code != 0) {
        return reason(Verdict::Contradicted, format!("the last run ended with exit code {code}"));
    }
    if run.failed {
        return reason(Verdict::Contradicted, "the last run failed");
    }
    if let Some(named) = named
        && run.counts.is_some()
        && named != counts.passed
        && named != counts.total()
    {
        return reason(Verdict::Contradicted, format!("{} passed in the last run, not {named}", counts.passed));
    }
    if let Some(edited) = evidence.edited.filter(|edited| *edited > run.at) {
        let later = numbers::span(edited - run.at);
        return reason(Verdict::Stale, format!("sources were changed {later} after the last run"));
    }
    if run.counts.is_some() && counts.passed == 0 {
        return reason(Verdict::Weak, "no test passed in the last run");
    }
    if run.counts.is_some() && counts.total() == 1 {
        return reason(Verdict::Weak, "only one test was run");
    }
    if run.partial {
        let why = if run.weak.is_empty() { "only some of the tests were run" } else { run.weak.as_str() };
        return reason(Verdict::Weak, why);
    }
    if let Some(reason) = fewer(counts, evidence).filter(|_| run.counts.is_some()) {
        return reason;
    }
    if run.counts.is_none() && run.exit.is_none() {
        return reason(Verdict::Weak, "a run was seen, not how it ended");
    }
    let many = run.counts.map_or_else(String::new, |c| format!(", {} passed", c.passed));
    reason(Verdict::Verified, format!("the last run ended well{many}"))
}

/// A green run of fewer tests than the night before.
fn fewer(counts: Counts, evidence: &Evidence) -> Option<Reason> {
    let before = evidence.before?;
    if counts.total() < before.total() {
        return Some(reason(Verdict::Weak, format!("{} tests, {} the night before", counts.total(), before.total())));
    }
    (counts.skipped > before.skipped)
        .then(|| reason(Verdict::Weak, format!("{} skipped, {} the night before", counts.skipped, before.skipped)))
}

/// Whether a text says that nothing was done: everything up to date, no tests.
fn said_nothing_ran(text: &str) -> bool {
    let said = format!(" {} ", words(text).join(" "));
    [
        "up to date",
        "nothing to be done",
        "nothing to do",
        "0 tests",
        "no tests ran",
        "no tests run",
        "from cache",
        "all cached",
    ]
    .iter()
    .any(|phrase| said.contains(&format!(" {phrase} ")))
}

/// Claims about builds.
fn build(claim: &Item, evidence: &Evidence) -> Option<Reason> {
    let said = words(&claim.text);
    let about = any(&said, &["build", "builds", "compiles", "compile", "compiled", "assemble"]);
    let good = any(
        &said,
        &[
            "success",
            "successful",
            "successfully",
            "succeeded",
            "passing",
            "passes",
            "passed",
            "pass",
            "green",
            "works",
            "clean",
            "compiles",
            "ok",
        ],
    );
    if !about || !good {
        return None;
    }
    if said_nothing_ran(&claim.text) {
        return Some(reason(Verdict::Weak, "it says itself that nothing was built"));
    }
    let run = evidence.runs.iter().rev().find(|run| run.kind == RunKind::Build)?;
    if let Some(code) = run.exit.filter(|code| *code != 0) {
        return Some(reason(Verdict::Contradicted, format!("the last build ended with exit code {code}")));
    }
    if run.failed {
        return Some(reason(Verdict::Contradicted, "the last build failed"));
    }
    Some(if evidence.edited.is_some_and(|edited| edited > run.at) {
        reason(Verdict::Stale, "sources were changed after the last build")
    } else if run.partial {
        reason(Verdict::Weak, "nothing had to be built in the last build")
    } else if run.exit.is_none() {
        reason(Verdict::Weak, "a build was seen, not how it ended")
    } else {
        reason(Verdict::Verified, "the last build ended well")
    })
}

/// The files that were looked at and that a claim names.
fn named<'e>(text: &str, evidence: &'e Evidence) -> Vec<&'e File> {
    let tokens: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || "`'\"(),;|".contains(c))
        .map(|token| token.trim_end_matches(['.', ':']).trim_start_matches("./"))
        .filter(|token| token.len() >= 3)
        .collect();
    let is = |file: &&File| {
        tokens.iter().any(|token| {
            // By its whole path, or by its end where the claim names less.
            file.path == *token
                || file.path.strip_suffix(token).is_some_and(|folder| folder.ends_with('/') && token.contains('.'))
        })
    };
    evidence.files.iter().filter(is).collect()
}

/// The file that another line of the document names together with what this one speaks of: `the design document at …`,
/// `design doc not committed`.
fn named_elsewhere<'e>(said: &[String], document: &Prepared<'_>, evidence: &'e Evidence) -> Vec<&'e File> {
    let subject: Vec<&String> =
        said.iter().take_while(|w| !matches!(w.as_str(), "not" | "is" | "are" | "has" | "was")).collect();
    let subject: Vec<&String> = subject.into_iter().filter(|w| !matches!(w.as_str(), "the" | "a" | "an")).collect();
    // Without a file nothing can be named, and the whole document is gone through for it.
    let worth = (2..=4).contains(&subject.len()) && !evidence.files.is_empty();
    if !worth || document.afford(document.passages.len().saturating_mul(2)).is_none() {
        return Vec::new();
    }
    let speaks = |text: &str| {
        let other = words(text);
        subject.iter().all(|word| other.iter().any(|o| o.starts_with(word.as_str())))
    };
    let naming = document.passages.iter().filter(|p| speaks(&p.text)).map(|p| named(&p.text, evidence));
    naming.into_iter().find(|files| files.len() == 1).unwrap_or_default()
}

/// Claims about files: that they are there, how large they are.
fn files(claim: &Item, evidence: &Evidence) -> Option<Reason> {
    let files = named(&claim.text, evidence);
    if files.is_empty() {
        return None;
    }
    let said = words(&claim.text);
    let gone = any(&said, &["removed", "deleted", "dropped"]);
    if let Some(wrong) = files.iter().find(|file| file.exists == gone) {
        let seen = if gone { format!("{} is still there", wrong.path) } else { format!("{} is not there", wrong.path) };
        return Some(reason(Verdict::Contradicted, seen));
    }
    let amounts = numbers::amounts(&claim.text);
    let mut measured = Vec::new();
    if let [file] = files.as_slice() {
        for amount in &amounts {
            let value = match amount.unit {
                numbers::Unit::Bytes => file.bytes,
                numbers::Unit::Lines => file.lines,
            };
            let Some(value) = value else { continue };
            let unit = match amount.unit {
                numbers::Unit::Bytes => "bytes",
                numbers::Unit::Lines => "lines",
            };
            // Files have far fewer bytes than a float counts exactly.
            #[expect(clippy::cast_precision_loss, reason = "sizes of files stay below 2^53")]
            let fits = amount.fits(value as f64);
            if !fits {
                return Some(reason(Verdict::Contradicted, format!("{} has {value} {unit}", file.path)));
            }
            measured.push(format!("{value} {unit}"));
        }
    }
    let claims_it = matches!(claim.kind, Kind::Artifact)
        || any(&said, &["created", "added", "wrote", "new", "removed", "deleted", "generated"]);
    if measured.is_empty() && !claims_it {
        return None;
    }
    let names: Vec<&str> = files.iter().map(|file| file.path.as_str()).take(3).collect();
    let state = if gone { "gone" } else { "there" };
    let size = if measured.is_empty() { String::new() } else { format!(", {}", measured.join(", ")) };
    Some(reason(Verdict::Verified, format!("{} is {state}{size}", names.join(", "))))
}

/// `not yet committed`, and it is by now.
fn came_since(claim: &Item, document: &Prepared<'_>, evidence: &Evidence) -> Option<Reason> {
    let said = words(&claim.text);
    if !any(&said, &["not", "missing", "without"]) && !claim.text.to_lowercase().contains("yet") {
        return None;
    }
    let mut files = named(&claim.text, evidence);
    if files.is_empty() {
        files = named_elsewhere(&said, document, evidence);
    }
    let commits = any(&said, &["committed", "commit", "git"]);
    if commits && let Some(file) = files.iter().find(|file| file.committed == Some(true)) {
        return Some(reason(Verdict::Stale, format!("{} is committed by now", file.path)));
    }
    if any(&said, &["created", "written", "exist", "exists", "missing", "added"])
        && let Some(file) = files.iter().find(|file| file.exists)
    {
        return Some(reason(Verdict::Stale, format!("{} is there by now", file.path)));
    }
    None
}

/// Claims that name commits.
fn commits(claim: &Item, evidence: &Evidence) -> Option<Reason> {
    let hashes = claim.text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| {
        (7..=40).contains(&word.len())
            && word.bytes().all(|b| b.is_ascii_hexdigit())
            && word.bytes().any(|b| b.is_ascii_digit())
    });
    let mut found = 0;
    for hash in hashes {
        let known = evidence
            .commits
            .iter()
            .find(|commit| commit.hash.starts_with(hash) || hash.starts_with(&commit.hash) && commit.hash.len() >= 7);
        match known {
            Some(commit) if commit.held => found += 1,
            Some(_) => return Some(reason(Verdict::Contradicted, format!("the branch holds no commit {hash}"))),
            None => return None,
        }
    }
    (found > 0).then(|| {
        reason(
            Verdict::Verified,
            if found == 1 { "the branch holds it".to_owned() } else { format!("the branch holds all {found}") },
        )
    })
}
