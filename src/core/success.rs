//! What makes a good end a success: `require`, `forbid`, `verify`, and metrics that have a total.
//!
//! Two parties check. The rim checks what needs the world ([`for_rim`]: files, commits, commands, `verify`) when it is
//! told [`Effect::Check`](super::effect::Effect::Check), and answers with one result each, in that order. The core
//! checks what the output decides (metrics, `regex:`) and merges both ([`evaluate`]). If the rim has nothing to check it
//! is not asked.

use super::plan::{Check, Command, Comparison, Requirement, SessionPlan};
use super::run::{CheckResult, MetricSeen, OutputSeen};
use std::collections::BTreeSet;

/// One thing for the rim to check.
#[derive(Debug, Clone, PartialEq)]
pub enum RimCheck<'p> {
    /// A `require` (or, with `forbid`, a `forbid`) of a file, commits or a command. For a `forbid` the result has passed
    /// when the condition does not hold.
    Requirement {
        /// What is asked.
        requirement: &'p Requirement,
        /// Whether it must not hold.
        forbid: bool,
    },
    /// `verify`: passed when it exits 0.
    Verify {
        /// What to run.
        command: &'p Command,
    },
}

impl RimCheck<'_> {
    /// The text its result carries.
    pub fn text(&self) -> String {
        match self {
            Self::Requirement { requirement, forbid } => text(requirement, *forbid),
            Self::Verify { command } => format!("verify: {}", command.display()),
        }
    }
}

/// What the rim is to check after a good end, in the order of its results: `require`, `forbid`, `verify`.
pub fn for_rim(session: &SessionPlan) -> Vec<RimCheck<'_>> {
    let asked = requirements(session)
        .filter(|(requirement, _)| by_output(&requirement.check).is_none())
        .map(|(requirement, forbid)| RimCheck::Requirement { requirement, forbid });
    asked.chain(session.verify.as_ref().map(|command| RimCheck::Verify { command })).collect()
}

/// Whether the rim has anything to check.
pub fn needs_rim(session: &SessionPlan) -> bool {
    !for_rim(session).is_empty()
}

/// All results, in the order of the file: `require`, `forbid`, `verify`, then metrics with a total that nothing in the
/// file speaks of. What the rim did not answer has not passed.
pub fn evaluate(session: &SessionPlan, output: &OutputSeen, mut from_rim: Vec<CheckResult>) -> Vec<CheckResult> {
    let mut results = Vec::new();
    for (requirement, forbid) in requirements(session) {
        let text = text(requirement, forbid);
        match by_output(&requirement.check) {
            Some(check) => {
                let (holds, seen) = check.holds(session, output, requirement);
                results.push(CheckResult { text, passed: holds != forbid, seen });
            }
            None => results.push(take(&mut from_rim, text)),
        }
    }
    if let Some(command) = &session.verify {
        results.push(take(&mut from_rim, RimCheck::Verify { command }.text()));
    }
    results.extend(totals(session, output));
    results
}

fn requirements(session: &SessionPlan) -> impl Iterator<Item = (&Requirement, bool)> {
    let success = &session.success;
    success.require.iter().map(|r| (r, false)).chain(success.forbid.iter().map(|r| (r, true)))
}

fn text(requirement: &Requirement, forbid: bool) -> String {
    if forbid { format!("forbid {}", requirement.text) } else { requirement.text.clone() }
}

/// What to say of a check that has not passed.
pub fn missed(text: &str, seen: &str) -> String {
    match (text.strip_prefix("forbid "), seen.is_empty()) {
        (Some(what), true) => format!("what is forbidden was seen: {what}"),
        (Some(what), false) => format!("what is forbidden was seen: {what} ({seen})"),
        (None, true) => format!("{text} does not hold"),
        (None, false) => format!("{text} does not hold, seen: {seen}"),
    }
}

fn take(from_rim: &mut Vec<CheckResult>, text: String) -> CheckResult {
    match from_rim.iter().position(|result| result.text == text) {
        Some(place) => from_rim.remove(place),
        None => CheckResult { text, passed: false, seen: "was not checked".to_owned() },
    }
}

/// A check that the output decides.
enum ByOutput<'p> {
    Complete(&'p str),
    Compare(&'p str, Comparison, f64),
    Equal(&'p str, &'p str),
    Regex(&'p str),
}

fn by_output(check: &Check) -> Option<ByOutput<'_>> {
    match check {
        Check::MetricComplete { metric } => Some(ByOutput::Complete(metric)),
        Check::MetricCompare { metric, op, number } => Some(ByOutput::Compare(metric, *op, *number)),
        Check::MetricEqual { left, right } => Some(ByOutput::Equal(left, right)),
        Check::OutputRegex { regex } => Some(ByOutput::Regex(regex)),
        Check::GitCommits { .. } | Check::File { .. } | Check::Command { .. } => None,
    }
}

impl ByOutput<'_> {
    /// Whether the condition holds, and what was seen.
    fn holds(&self, session: &SessionPlan, output: &OutputSeen, requirement: &Requirement) -> (bool, String) {
        let metric = |name: &str| output.metrics.get(name);
        let unseen = |name: &str| (false, format!("{name} was never seen"));
        match self {
            Self::Complete(name) => match metric(name) {
                None => unseen(name),
                Some(seen) => (complete(seen, total(session, name, Some(seen))), progress(session, name, seen)),
            },
            Self::Compare(name, op, number) => match metric(name) {
                None => unseen(name),
                Some(seen) => (compare(seen.value, *op, *number), progress(session, name, seen)),
            },
            Self::Equal(left, right) => {
                let Some(seen) = metric(left) else { return unseen(left) };
                let other = match metric(right) {
                    Some(other) => Some(other.value),
                    None if *right == "total" => total(session, left, Some(seen)),
                    None => None,
                };
                match other {
                    None => unseen(right),
                    Some(other) => (
                        compare(seen.value, Comparison::Equal, other),
                        format!("{left} {}, {right} {}", number(seen.value), number(other)),
                    ),
                }
            }
            Self::Regex(regex) => {
                let seen = output.patterns.iter().any(|p| p == regex || *p == requirement.text);
                (seen, if seen { "seen in the output" } else { "not seen in the output" }.to_owned())
            }
        }
    }
}

impl<'p> ByOutput<'p> {
    /// The metrics it speaks of.
    fn metrics(self) -> Vec<&'p str> {
        match self {
            Self::Complete(name) | Self::Compare(name, _, _) => vec![name],
            Self::Equal(left, right) => vec![left, right],
            Self::Regex(_) => Vec::new(),
        }
    }
}

/// The rule that needs no `require`: a metric whose total is known has to get there.
///
/// A value of 0 (or none at all, where the file declares the total) is never a success, unless the file requires just
/// that 0. A value short of its total is none either, unless the file itself says what it expects of that metric.
fn totals(session: &SessionPlan, output: &OutputSeen) -> Vec<CheckResult> {
    let spoken_of: BTreeSet<&str> =
        requirements(session).filter_map(|(r, _)| by_output(&r.check)).flat_map(ByOutput::metrics).collect();
    let declared = session.metrics.iter().map(|metric| metric.name.as_str());
    let names: BTreeSet<&str> = declared.chain(output.metrics.keys().map(String::as_str)).collect();
    let mut results = Vec::new();
    for name in names {
        let seen = output.metrics.get(name);
        let Some(total) = total(session, name, seen) else { continue };
        let zero = seen.is_none_or(|seen| seen.value <= 0.0);
        if spoken_of.contains(name) && (!zero || zero_is_required(session, name)) {
            continue;
        }
        results.push(CheckResult {
            text: format!("metric:{name} reaches its total"),
            passed: seen.is_some_and(|seen| complete(seen, Some(total))),
            seen: seen.map_or_else(|| format!("{name} was never seen"), |seen| progress(session, name, seen)),
        });
    }
    results
}

/// Whether the file requires that a metric is 0, as of a count of errors.
fn zero_is_required(session: &SessionPlan, name: &str) -> bool {
    session.success.require.iter().any(|requirement| match by_output(&requirement.check) {
        Some(ByOutput::Compare(metric, Comparison::Equal, number)) => metric == name && number == 0.0,
        Some(ByOutput::Compare(..) | ByOutput::Complete(_) | ByOutput::Equal(..) | ByOutput::Regex(_)) | None => false,
    })
}

/// The total of a metric: what the output said last, else what the file declares.
fn total(session: &SessionPlan, name: &str, seen: Option<&MetricSeen>) -> Option<f64> {
    let declared = || session.metrics.iter().find(|metric| metric.name == name).and_then(|metric| metric.total);
    seen.and_then(|seen| seen.total).or_else(declared)
}

fn complete(seen: &MetricSeen, total: Option<f64>) -> bool {
    total.is_some_and(|total| total > 0.0 && seen.value >= total)
}

fn progress(session: &SessionPlan, name: &str, seen: &MetricSeen) -> String {
    match total(session, name, Some(seen)) {
        Some(total) => format!("{name} {} of {}", number(seen.value), number(total)),
        None => format!("{name} {}", number(seen.value)),
    }
}

pub(super) fn compare(value: f64, op: Comparison, with: f64) -> bool {
    match op {
        Comparison::Equal => value == with,
        Comparison::NotEqual => value != with,
        Comparison::AtLeast => value >= with,
        Comparison::AtMost => value <= with,
        Comparison::Above => value > with,
        Comparison::Below => value < with,
    }
}

/// A number as people write it: no fraction where there is none.
fn number(value: f64) -> String {
    format!("{value}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_forbidden_is_said_to_be_seen() {
        assert_eq!(missed("forbid metric:rows=0", "rows 0"), "what is forbidden was seen: metric:rows=0 (rows 0)");
        assert_eq!(missed("forbid file:x", ""), "what is forbidden was seen: file:x");
        assert_eq!(missed("verify: make", "exit 1"), "verify: make does not hold, seen: exit 1");
    }

    use crate::core::plan::{MetricPlan, Success};
    use crate::core::testing::session;
    use crate::core::time::Wall;

    fn requirement(text: &str, check: Check) -> Requirement {
        Requirement { text: text.to_owned(), check }
    }
    fn complete_of(metric: &str) -> Requirement {
        requirement(&format!("metric:{metric}=complete"), Check::MetricComplete { metric: metric.to_owned() })
    }
    fn compare_of(metric: &str, op: Comparison, number: f64) -> Requirement {
        requirement("compare", Check::MetricCompare { metric: metric.to_owned(), op, number })
    }
    fn equal_of(left: &str, right: &str) -> Requirement {
        requirement("equal", Check::MetricEqual { left: left.to_owned(), right: right.to_owned() })
    }
    fn seen(metrics: &[(&str, f64, Option<f64>)]) -> OutputSeen {
        let metric = |(name, value, total): &(&str, f64, Option<f64>)| {
            let seen = MetricSeen {
                first: (0.0, Wall(0)),
                value: *value,
                total: *total,
                at: Wall(0),
                pace: Default::default(),
            };
            ((*name).to_owned(), seen)
        };
        OutputSeen { metrics: metrics.iter().map(metric).collect(), ..OutputSeen::default() }
    }
    fn with(require: Vec<Requirement>, forbid: Vec<Requirement>) -> SessionPlan {
        SessionPlan { success: Success { require, forbid, ..Success::default() }, ..session("x") }
    }
    fn passes(session: &SessionPlan, output: &OutputSeen) -> bool {
        evaluate(session, output, Vec::new()).iter().all(|result| result.passed)
    }

    #[test]
    fn metrics_are_compared_by_what_was_seen_last() {
        let cases: Vec<(Requirement, OutputSeen, bool)> = vec![
            (complete_of("m"), seen(&[("m", 10.0, Some(10.0))]), true),
            (complete_of("m"), seen(&[("m", 11.0, Some(10.0))]), true),
            (complete_of("m"), seen(&[("m", 9.0, Some(10.0))]), false),
            (complete_of("m"), seen(&[("m", 0.0, Some(0.0))]), false),
            (complete_of("m"), seen(&[("m", 10.0, None)]), false),
            (complete_of("m"), seen(&[]), false),
            (compare_of("m", Comparison::AtLeast, 5.0), seen(&[("m", 5.0, None)]), true),
            (compare_of("m", Comparison::Above, 5.0), seen(&[("m", 5.0, None)]), false),
            (compare_of("m", Comparison::Below, 5.0), seen(&[("m", 4.0, None)]), true),
            (compare_of("m", Comparison::AtMost, 5.0), seen(&[("m", 6.0, None)]), false),
            (compare_of("m", Comparison::NotEqual, 5.0), seen(&[("m", 6.0, None)]), true),
            (compare_of("m", Comparison::Equal, 0.0), seen(&[("m", 0.0, None)]), true),
            (compare_of("m", Comparison::Equal, 0.0), seen(&[]), false),
            (equal_of("a", "b"), seen(&[("a", 3.0, None), ("b", 3.0, None)]), true),
            (equal_of("a", "b"), seen(&[("a", 3.0, None), ("b", 4.0, None)]), false),
            (equal_of("a", "b"), seen(&[("a", 3.0, None)]), false),
            (equal_of("a", "total"), seen(&[("a", 3.0, Some(3.0))]), true),
            (equal_of("a", "total"), seen(&[("a", 2.0, Some(3.0))]), false),
        ];
        for (requirement, output, expected) in cases {
            let session = with(vec![requirement.clone()], Vec::new());
            assert_eq!(passes(&session, &output), expected, "{requirement:?} {output:?}");
        }
    }

    #[test]
    fn a_forbid_has_passed_when_its_condition_does_not_hold() {
        let session = with(Vec::new(), vec![compare_of("segments", Comparison::Equal, 0.0)]);
        assert!(passes(&session, &seen(&[("segments", 7.0, None)])));
        assert!(!passes(&session, &seen(&[("segments", 0.0, None)])));
        assert!(passes(&session, &seen(&[])), "what was never seen was not seen to be 0");
        let text = &evaluate(&session, &seen(&[]), Vec::new())[0].text;
        assert_eq!(text, "forbid compare");
    }

    #[test]
    fn a_known_total_has_to_be_reached_without_being_asked_for() {
        let declared = |total| {
            let metrics = vec![MetricPlan { name: "m".into(), regex: String::new(), total, deadline: None }];
            SessionPlan { metrics, ..session("x") }
        };
        let cases = [
            (None, seen(&[("m", 10.0, Some(10.0))]), true),
            (None, seen(&[("m", 9.0, Some(10.0))]), false),
            (None, seen(&[("m", 0.0, Some(0.0))]), false),
            (None, seen(&[("m", 0.0, None)]), true),
            (None, seen(&[]), true),
            (Some(10.0), seen(&[("m", 10.0, None)]), true),
            (Some(10.0), seen(&[("m", 0.0, None)]), false),
            (Some(10.0), seen(&[]), false),
        ];
        for (total, output, expected) in cases {
            assert_eq!(passes(&declared(total), &output), expected, "{total:?} {output:?}");
        }
    }

    #[test]
    fn what_the_file_says_of_a_metric_replaces_the_rule_but_zero_stays_zero() {
        let enough = with(vec![compare_of("m", Comparison::AtLeast, 5.0)], Vec::new());
        assert!(passes(&enough, &seen(&[("m", 7.0, Some(10.0))])));
        let any = with(vec![compare_of("m", Comparison::AtLeast, 0.0)], Vec::new());
        assert!(!passes(&any, &seen(&[("m", 0.0, Some(10.0))])));
        let none = with(vec![compare_of("m", Comparison::Equal, 0.0)], Vec::new());
        assert!(passes(&none, &seen(&[("m", 0.0, Some(10.0))])), "0 errors of 10 are asked for");
    }

    #[test]
    fn a_pattern_counts_by_itself_or_as_typed() {
        let check = Check::OutputRegex { regex: "all .* done".into() };
        let session = with(vec![requirement("regex:all .* done", check)], Vec::new());
        let output = |pattern: &str| OutputSeen { patterns: vec![pattern.into()], ..OutputSeen::default() };
        assert!(passes(&session, &output("all .* done")));
        assert!(passes(&session, &output("regex:all .* done")));
        assert!(!passes(&session, &output("another")));
    }

    #[test]
    fn the_rims_results_are_merged_in_the_order_of_the_file_and_silence_is_no_success() {
        let file = requirement("file:out", Check::File { path: "out".into(), min_size: 0 });
        let command = requirement("command:ok", Check::Command { line: "ok".into() });
        let mut session = with(vec![file, complete_of("m")], vec![command]);
        session.verify = Some(Command::Shell("pytest -q".into()));
        let asked: Vec<String> = for_rim(&session).iter().map(RimCheck::text).collect();
        assert_eq!(asked, ["file:out", "forbid command:ok", "verify: pytest -q"]);
        let result = |text: &str| CheckResult { text: text.into(), passed: true, seen: "seen".into() };
        let from_rim = vec![result("verify: pytest -q"), result("file:out")];
        let results = evaluate(&session, &seen(&[("m", 1.0, Some(1.0))]), from_rim);
        let shown: Vec<(&str, bool)> = results.iter().map(|r| (r.text.as_str(), r.passed)).collect();
        let expected = [
            ("file:out", true),
            ("metric:m=complete", true),
            ("forbid command:ok", false),
            ("verify: pytest -q", true),
        ];
        assert_eq!(shown, expected);
        assert_eq!(results[2].seen, "was not checked");
    }

    #[test]
    fn a_session_that_declares_nothing_is_not_checked() {
        assert!(!needs_rim(&session("x")));
        assert!(evaluate(&session("x"), &OutputSeen::default(), Vec::new()).is_empty());
    }
}
