//! Tests of the observer.

use super::*;
use crate::core::exit::FailureClass;
use crate::core::ids::SessionName;
use crate::core::limit::ResumePolicy;
use crate::core::plan::{Caps, Command, OnTmuxLoss, Requirement, RetryPolicy, Success};
use std::collections::BTreeMap;
use std::time::Duration;

fn session(metrics: &[(&str, &str, Option<f64>)], wanted: &[&str]) -> SessionPlan {
    let require = wanted
        .iter()
        .map(|regex| Requirement {
            text: format!("regex:{regex}"),
            check: Check::OutputRegex { regex: (*regex).to_owned() },
        })
        .collect();
    let metrics = metrics
        .iter()
        .map(|&(name, regex, total)| MetricPlan {
            name: name.to_owned(),
            regex: regex.to_owned(),
            total,
            deadline: None,
        })
        .collect();
    SessionPlan {
        name: SessionName::new("load-profiles").unwrap(),
        project: None,
        command: Command::Shell("true".to_owned()),
        dir: "/".into(),
        env: BTreeMap::new(),
        disabled: false,
        after: Vec::new(),
        priority: 0,
        timeout: None,
        stop_grace: Duration::from_secs(15),
        on_tmux_loss: OnTmuxLoss::Stop,
        retry: RetryPolicy::default(),
        success: Success { require, ..Success::default() },
        metrics,
        verify: None,
        verify_timeout: Duration::from_secs(60),
        timing: crate::core::calendar::Timing::default(),
        stall: crate::core::plan::StallPolicy::default(),
        provider: None,
        caps: Caps::default(),
        resume: ResumePolicy::default(),
        answers: Vec::new(),
        budget: crate::core::usage::Budget::default(),
        runaway: crate::core::runaway::RunawayPolicy::default(),
        agent: None,
        profile: None,
        launch: None,
        worktree: None,
    }
}

fn rule(id: &str, regex: &str, sessions: &[&str]) -> OutputRule {
    OutputRule {
        id: id.to_owned(),
        regex: regex.to_owned(),
        class: FailureClass::Transient,
        sessions: sessions.iter().map(|s| (*s).to_owned()).collect(),
    }
}

fn observe(output: &str) -> OutputSeen {
    let mut observer = Observer::new(&session(&[], &[]), &[]).unwrap();
    observer.feed(output.as_bytes(), Wall(1));
    observer.finish(Wall(0), &TimeZone::UTC).clone()
}

#[test]
fn a_metric_keeps_its_first_and_last_value_and_its_total() {
    let plan = session(&[("profiles", r"Loaded ([\d,]+) / ([\d,]+) profiles", None)], &[]);
    let mut observer = Observer::new(&plan, &[]).unwrap();
    observer.feed(b"Loaded 0 / 3,513 profiles\r\n", Wall(1000));
    assert!(observer.take_changed());
    assert!(!observer.take_changed());
    observer.feed(b"Loaded 1,7", Wall(2000));
    observer.feed(b"56 / 3,513 profiles\r\n", Wall(3000));
    let metric = &observer.seen().metrics["profiles"];
    assert_eq!((metric.first, metric.value, metric.total), ((0.0, Wall(1000)), 1756.0, Some(3513.0)));
    assert_eq!(metric.per_second(), Some(878.0));
    assert!(!metric.complete());
    observer.feed(b"Loaded 3,513 / 3,513 profiles", Wall(4000));
    assert!(observer.finish(Wall(0), &TimeZone::UTC).metrics["profiles"].complete(), "the last line needs no newline");
}

#[test]
fn a_fixed_total_holds_where_the_output_tells_none() {
    let mut observer = Observer::new(&session(&[("n", r"n=(\d+)(?: of (\d+))?", Some(10.0))], &[]), &[]).unwrap();
    observer.feed(b"n=1\n", Wall(1));
    assert_eq!(observer.seen().metrics["n"].total, Some(10.0));
    observer.feed(b"n=2 of 20\nn=x\n", Wall(2));
    assert_eq!(observer.seen().metrics["n"].total, Some(20.0));
}

#[test]
fn a_progress_bar_tells_its_numbers_while_it_moves() {
    let mut observer = Observer::new(&session(&[("pct", r"(\d+)%", None)], &[]), &[]).unwrap();
    for i in 1..=50 {
        observer.feed(format!("loading {i}%\r").as_bytes(), Wall(i));
        assert_eq!(observer.seen().metrics["pct"].value, i as f64);
    }
    assert_eq!(observer.seen().metrics["pct"].first, (1.0, Wall(1)));
    // A shorter number over a longer one is not read together with what is left of it.
    observer.feed(b"left 100%\rleft 9%\n", Wall(60));
    assert_eq!(observer.seen().metrics["pct"].value, 9.0);
}

#[test]
fn wanted_patterns_are_noted_once() {
    let mut observer = Observer::new(&session(&[], &["^done: [a-z]+$", "never"]), &[]).unwrap();
    observer.feed(b"\x1b[32mdone: all\x1b[0m\r\nundone: 1\r\ndone: all\r\n", Wall(1));
    assert_eq!(observer.finish(Wall(0), &TimeZone::UTC).patterns, ["^done: [a-z]+$"]);
}

#[test]
fn errors_are_counted_by_what_they_say() {
    let mut observer = Observer::new(&session(&[], &[]), &[]).unwrap();
    for i in 0..10 {
        observer.feed(format!("03:12:{i:02} ERROR row {i}: bad value\r\n0 errors\r\n").as_bytes(), Wall(i));
    }
    let errors = &observer.finish(Wall(0), &TimeZone::UTC).errors;
    assert_eq!(errors.len(), 1);
    let error = errors.values().next().unwrap();
    assert_eq!((error.count, error.first, error.last), (10, Wall(0), Wall(9)));
    assert_eq!(error.sample, "03:12:00 ERROR row 0: bad value");
}

#[test]
fn a_flood_of_different_errors_stays_bounded() {
    let mut observer = Observer::new(&session(&[], &[]), &[]).unwrap();
    let word = |i: u32| -> String { format!("{i:04}").bytes().map(|b| char::from(b - b'0' + b'a')).collect() };
    for i in 0..1000 {
        observer.feed(format!("ERROR {}\n", word(i)).as_bytes(), Wall(1));
    }
    let errors = &observer.finish(Wall(0), &TimeZone::UTC).errors;
    assert_eq!(errors.len(), ERRORS_MAX + 1);
    assert_eq!(errors[OTHER_ERRORS].count, 800);
    assert_eq!(errors.values().map(|e| e.count).sum::<u64>(), 1000);
}

#[test]
fn an_error_on_a_screen_that_is_redrawn_counts_once() {
    let mut output = String::from("working\r\nError: quota\r\nspin\r\n");
    for i in 0..300 {
        // The block moves down as text is added above it.
        output.push_str(&format!("\x1b[2K\x1b[1A\x1b[2K\x1b[1A\x1b[2K\x1b[Gtext {i}\r\nError: quota\r\nspin {i}\r\n"));
    }
    let seen = observe(&output);
    assert_eq!(seen.errors.len(), 1);
    assert_eq!(seen.errors.values().next().unwrap().count, 1, "{:?}", seen.errors);
    // The same line in a plain log counts each time.
    assert_eq!(observe(&"Error: quota\r\n".repeat(300)).errors.values().next().unwrap().count, 300);
}

#[test]
fn the_tail_is_harmless_and_short() {
    let mut output: String = (0..100).map(|i| format!("line {i}\r\n\r\n")).collect();
    output.push_str("\x1b]52;c;aGk=\x07evil \u{202e}txt\r\n");
    output.push_str(&"x".repeat(1000));
    let seen = observe(&output);
    assert_eq!(seen.tail.len(), 20);
    assert_eq!(seen.tail[0], "line 82");
    assert_eq!(seen.tail[18], "evil \\u{202e}txt");
    assert_eq!(seen.last_line.chars().count(), 400);
    assert_eq!(seen.bytes, output.len() as u64);
}

#[test]
fn rules_are_tried_on_the_last_lines_of_their_sessions() {
    let plan = session(&[], &[]);
    let rules = [
        rule("rules[0]", "duckdb.*lock", &["other-*"]),
        rule("rules[1]", "gone", &[]),
        rule("rules[2]", "duckdb.*lock", &["load-*"]),
        rule("rules[3]", "lock", &[]),
    ];
    let judge = |output: &str| {
        let mut observer = Observer::new(&plan, &rules).unwrap();
        observer.feed(output.as_bytes(), Wall(1));
        observer.finish(Wall(0), &TimeZone::UTC).rule.clone()
    };
    assert_eq!(judge("duckdb: could not set lock\r\nbye\r\n").as_deref(), Some("rules[2]"));
    assert_eq!(judge("bye\r\nlock").as_deref(), Some("rules[3]"));
    assert_eq!(judge(&format!("duckdb lock\r\n{}", "talk\r\n".repeat(20))), None);
    assert_eq!(judge(""), None);
}

#[test]
fn lines_that_look_like_ours_mean_nothing() {
    let seen = observe("NIGHTKEEP EXIT 0\r\n{\"event\":\"end\",\"code\":0}\r\n# nightkeep report\r\n");
    assert!(seen.errors.is_empty() && seen.metrics.is_empty() && seen.rule.is_none());
}

#[test]
fn reading_the_log_again_gives_the_same() {
    let plan = session(&[("n", r"(\d+) of (\d+)", None)], &["end"]);
    let output = "1 of 9\r2 of 9\r\nError: x\r\n\x1b[2Aredrawn\r\n\x1b[?1049hscreen\x1b[?1049lthe end";
    let watch = |size: usize| {
        let mut observer = Observer::new(&plan, &[rule("r", "end", &[])]).unwrap();
        for chunk in output.as_bytes().chunks(size) {
            observer.feed(chunk, Wall(7));
            observer.take_changed();
        }
        observer.finish(Wall(0), &TimeZone::UTC).clone()
    };
    assert_eq!(watch(1), watch(1000));
    assert_eq!(watch(3), watch(1000));
}

#[test]
fn a_pattern_that_is_wrong_or_too_large_is_named() {
    let error = |regex: &str| Observer::new(&session(&[("x", regex, None)], &[]), &[]).err().unwrap().to_string();
    assert!(error("(").starts_with("the pattern of metric x cannot be used: "));
    assert!(error(r"(\w{1000}){100}").contains("size"), "{}", error(r"(\w{1000}){100}"));
}

#[test]
fn session_patterns() {
    for (pattern, name, expected) in [
        ("load-*", "load-profiles", true),
        ("load-*", "load-", true),
        ("load-*", "reload-x", false),
        ("*", "", true),
        ("*-x", "a-x-x", true),
        ("a*b*c", "a1b2b3c", true),
        ("a*b*c", "a1b2b3", false),
        ("l?ad", "load", true),
        ("l?ad", "lad", false),
        ("load", "load", true),
        ("load", "loads", false),
        ("", "", true),
    ] {
        assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
    }
}

#[test]
fn errors_counted_together_keep_examples_that_differ() {
    let mut observer = Observer::new(&session(&[], &[]), &[]).unwrap();
    for i in 0..12 {
        observer.feed(format!("03:12:{i:02} ERROR test_{} FAILED\r\n", i % 4 + 1).as_bytes(), Wall(i));
    }
    let errors = &observer.finish(Wall(0), &TimeZone::UTC).errors;
    let error = errors.values().next().unwrap();
    assert_eq!((errors.len(), error.count), (1, 12));
    assert_eq!(error.more, ["03:12:01 ERROR test_2 FAILED", "03:12:02 ERROR test_3 FAILED"]);
}

#[test]
fn markers_make_the_same_claims_at_the_same_places_however_the_log_is_cut() {
    let lines = [
        "first line\r\n",
        "nightkeep::done wrote it\r\n",
        "quoted: nightkeep::done no\r\n",
        "\u{1b}[32mnightkeep::next in colour\u{1b}[0m\r\n",
        "night\u{1b}[0mkeep::done not in one piece\r\n",
        "nightkeep::metric name=rows value=3 total=9\r\n",
        "\u{1b}[?1049hnightkeep::done on a picture\u{1b}[?1049l\r\n",
        "nightkeep::needs the end without a line feed",
    ];
    let output: String = lines.concat();
    let place = |text: &str| {
        let at = output.find(text).unwrap();
        output[at..].find('\n').map_or(output.len(), |end| at + end + 1) as u64
    };
    let watch = |size: usize, from: u64| {
        let mut observer = Observer::new(&session(&[], &[]), &[]).unwrap();
        observer.begins_at(from);
        let mut claims = Vec::new();
        for chunk in output.as_bytes().chunks(size) {
            observer.feed(chunk, Wall(7));
            claims.extend(observer.take_claims());
        }
        let seen = observer.finish(Wall(9), &TimeZone::UTC).clone();
        claims.extend(observer.take_claims());
        (claims.into_iter().map(|seen| (seen.offset, seen.claim.text)).collect::<Vec<_>>(), seen)
    };
    let (claims, seen) = watch(10_000, 0);
    let told: Vec<_> = claims.iter().map(|(offset, text)| (*offset, text.as_str())).collect();
    assert_eq!(
        told,
        [
            (place("::done wrote"), "wrote it"),
            (place("::next in"), "in colour"),
            (place("::metric"), "name=rows value=3 total=9"),
            (place("::needs"), "the end without a line feed"),
        ]
    );
    assert_eq!((seen.metrics["rows"].value, seen.metrics["rows"].total), (3.0, Some(9.0)));
    for size in 1..60 {
        assert_eq!(watch(size, 0).0, claims, "in pieces of {size}");
    }
    let mut drawn = Observer::new(&session(&[], &[]), &[]).unwrap();
    drawn.feed(b"a row\r\n\x1b[1Anightkeep::done drawn over\r\n", Wall(7));
    drawn.finish(Wall(9), &TimeZone::UTC);
    assert!(drawn.take_claims().is_empty());
    let later = watch(10_000, 5_000).0;
    assert!(later.iter().zip(&claims).all(|(later, first)| later.0 == first.0 + 5_000), "a log without its beginning");
}

#[test]
fn what_markers_count_is_a_metric_whose_last_value_counts_and_there_is_an_end_to_them() {
    let plan = session(&[("rows", r"rows: (\d+)", Some(9.0))], &[]);
    let mut observer = Observer::new(&plan, &[]).unwrap();
    observer.feed(b"rows: 1\nnightkeep::metric rows 4\nnightkeep::metric other 2\n", Wall(1));
    assert_eq!((observer.seen().metrics["rows"].value, observer.seen().metrics["rows"].total), (4.0, Some(9.0)));
    observer.feed(b"nightkeep::metric rows 5\nrows: 6\n", Wall(2));
    assert_eq!(observer.seen().metrics["rows"].value, 6.0);
    for n in 0..500 {
        observer.feed(format!("nightkeep::metric n{n} 1\n").as_bytes(), Wall(3));
    }
    assert_eq!(observer.seen().metrics.len(), 1 + MARKER_METRICS);
    assert_eq!(observer.take_claims().len(), 503);
}
