//! The little language of `require` and `forbid`.

use crate::config::printable::quoted;
use crate::config::raw::{Fault, pattern};
use crate::config::suggest;
use crate::config::units;
use crate::core::plan::{Check, Comparison};
use std::path::PathBuf;

const KINDS: [&str; 5] = ["git_commits", "file", "metric", "regex", "command"];
const OPERATORS: [(&str, Comparison); 7] = [
    (">=", Comparison::AtLeast),
    ("<=", Comparison::AtMost),
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    ("=", Comparison::Equal),
    (">", Comparison::Above),
    ("<", Comparison::Below),
];
const METRIC_HELP: &str = "write metric:NAME=complete, metric:NAME>=100 or metric:A==B";

/// Reads one condition, such as `metric:profiles=complete`.
pub fn read(text: &str) -> Result<Check, Fault> {
    let trimmed = text.trim();
    if let Some(rest) = trimmed.strip_prefix("git_commits") {
        return git_commits(text, rest.trim_start());
    }
    match trimmed.split_once(':') {
        Some(("file", rest)) => file(text, rest.trim()),
        Some(("metric", rest)) => metric(text, rest.trim()),
        Some(("regex", rest)) => pattern(rest).map(|_| Check::OutputRegex { regex: rest.to_owned() }),
        Some(("command", rest)) if rest.trim().is_empty() => Err(Fault::new("the condition has no command")),
        Some(("command", rest)) if rest.contains('\0') => Err(Fault::new("the condition's command has a NUL in it")),
        Some(("command", rest)) => Ok(Check::Command { line: rest.trim().to_owned() }),
        other => {
            let kind = other.map_or(trimmed, |(kind, _)| kind);
            let fault = Fault::new(format!("{} is no condition", quoted(text)));
            Err(match suggest::closest(kind, KINDS) {
                Some(kind) => fault.with_help(format!("did you mean `{kind}`?")),
                None => fault.with_help("conditions are git_commits>=1, file:PATH, metric:…, regex:… and command:…"),
            })
        }
    }
}

fn git_commits(text: &str, rest: &str) -> Result<Check, Fault> {
    let fault = || Fault::new(format!("{} is no condition on commits", quoted(text))).with_help("write git_commits>=1");
    let (number, least) = if let Some(number) = rest.strip_prefix(">=") {
        (number, 0)
    } else {
        (rest.strip_prefix('>').ok_or_else(fault)?, 1)
    };
    let number = number.trim().parse::<u64>().ok().and_then(|n| n.checked_add(least)).ok_or_else(fault)?;
    if number == 0 {
        return Err(fault().with_help("0 commits is always true; git_commits>=1 asks for one"));
    }
    Ok(Check::GitCommits { at_least: number })
}

fn file(text: &str, rest: &str) -> Result<Check, Fault> {
    let (path, min_size) = match rest.strip_suffix(')').and_then(|r| r.rsplit_once('(')) {
        None => (rest, 0),
        Some((path, size)) => {
            let size = size.trim().trim_start_matches(">=").trim_start();
            let bytes = size.parse::<u64>().ok().map_or_else(|| units::size(size), Ok);
            let bytes = bytes.map_err(|why| {
                Fault::new(format!("the size in {} {why}", quoted(text))).with_help("write file:PATH(1KiB)")
            })?;
            (path.trim_end(), bytes)
        }
    };
    if path.is_empty() || path.contains('\0') {
        return Err(
            Fault::new(format!("{} names no file", quoted(text))).with_help("write file:PATH or file:PATH(1KiB)")
        );
    }
    Ok(Check::File { path: PathBuf::from(path), min_size })
}

fn metric(text: &str, rest: &str) -> Result<Check, Fault> {
    let fault = || Fault::new(format!("{} is no condition on a metric", quoted(text))).with_help(METRIC_HELP);
    let end = rest.find(['<', '>', '=', '!']).ok_or_else(fault)?;
    let (name, rest) = rest.split_at(end);
    let name = name.trim_end();
    metric_name(name)?;
    let (sign, op) = OPERATORS.iter().find(|(sign, _)| rest.starts_with(sign)).ok_or_else(fault)?;
    let value = rest[sign.len()..].trim();
    if let Ok(number) = value.replace('_', "").parse::<f64>()
        && value.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '+' || c == '.')
    {
        if !number.is_finite() {
            return Err(Fault::new(format!("the number in {} is not finite", quoted(text))));
        }
        return Ok(Check::MetricCompare { metric: name.to_owned(), op: *op, number });
    }
    match *sign {
        "=" | "==" if value == "complete" => Ok(Check::MetricComplete { metric: name.to_owned() }),
        "==" if metric_name(value).is_ok() => Ok(Check::MetricEqual { left: name.to_owned(), right: value.to_owned() }),
        _ => Err(match suggest::closest(value, ["complete"]) {
            Some(word) => fault().with_help(format!("did you mean `{word}`?")),
            None => fault(),
        }),
    }
}

/// Checks the name of a metric: letters, digits, `_`, `-`, `.`, at most 64.
pub fn metric_name(name: &str) -> Result<(), Fault> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if !name.is_empty() && name.len() <= 64 && name.chars().all(fits) && !name.starts_with(['-', '.']) {
        Ok(())
    } else {
        Err(Fault::new(format!("{} is no name of a metric", quoted(name)))
            .with_help("use letters, digits, `_`, `-` and `.`, at most 64"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_form_is_read() {
        let metric = |name: &str, op, number| Check::MetricCompare { metric: name.into(), op, number };
        for (text, check) in [
            ("git_commits>=1", Check::GitCommits { at_least: 1 }),
            ("git_commits > 1", Check::GitCommits { at_least: 2 }),
            ("file:out/data.csv", Check::File { path: "out/data.csv".into(), min_size: 0 }),
            ("file:a (b).csv(1KiB)", Check::File { path: "a (b).csv".into(), min_size: 1024 }),
            ("file:x(10)", Check::File { path: "x".into(), min_size: 10 }),
            ("metric:profiles=complete", Check::MetricComplete { metric: "profiles".into() }),
            ("metric:segments=0", metric("segments", Comparison::Equal, 0.0)),
            ("metric:rows >= 1_000", metric("rows", Comparison::AtLeast, 1000.0)),
            ("metric:rows!=0", metric("rows", Comparison::NotEqual, 0.0)),
            ("metric:t<-1.5", metric("t", Comparison::Below, -1.5)),
            ("metric:loaded==total", Check::MetricEqual { left: "loaded".into(), right: "total".into() }),
            ("regex:^done: \\d+$", Check::OutputRegex { regex: "^done: \\d+$".into() }),
            ("command: test -s x", Check::Command { line: "test -s x".into() }),
        ] {
            assert_eq!(read(text), Ok(check), "{text}");
        }
    }

    #[test]
    fn a_slip_is_named() {
        for (text, message, help) in [
            ("metrics:a=complete", "is no condition", "did you mean `metric`?"),
            ("metric:a=compleet", "is no condition on a metric", "did you mean `complete`?"),
            ("metric:a", "is no condition on a metric", METRIC_HELP),
            ("metric:=1", "is no name of a metric", "use letters"),
            ("metric:a=inf", "is no condition on a metric", METRIC_HELP),
            ("git_commits=1", "is no condition on commits", "git_commits>=1"),
            ("git_commits>=0", "is no condition on commits", "always true"),
            ("file:", "names no file", "file:PATH"),
            ("file:x(5M)", "the size in", "1KiB"),
            ("regex:(", "not valid", "single quotes"),
            ("done", "is no condition", "conditions are"),
        ] {
            let fault = read(text).unwrap_err();
            assert!(fault.message.contains(message), "{text}: {}", fault.message);
            assert!(fault.help.as_deref().unwrap_or_default().contains(help), "{text}: {:?}", fault.help);
        }
        assert!(read("command:  ").is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(kind in "(git_commits|file:|metric:|regex:|command:)?", rest in "\\PC{0,40}") {
            let _ = read(&format!("{kind}{rest}"));
        }
    }
}
