//! Which lines of the output tell of an error. A guess by form, made to be quiet: prose about errors, and counts of
//! zero, are none.

use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use std::sync::LazyLock;

/// Bytes of a line that are looked at.
const PART: usize = 2000;

/// No error line is without one of these; most lines are.
const HINT: &str = r"(?i-u:err|panic|traceback|exception|fatal|fail|critical|severe|emerg|fault|core dumped|memory|killed|not found|no such file|denied|not ok|no space left|refused|abort|assertion|uncaught|unhandled)|❌|✗|✘|✖|^[EF]\d{4} ";

/// Good news that contains such a word. It is taken out before the line is judged.
const GOOD_NEWS: [&str; 3] = [
    r"\b(?:0|no|zero|without(?: any)?|any|never) (?:[\w-]+ ){0,2}?(?:errors?|failures?|exceptions?|failed|fails?|panics?)\b",
    r"\b(?:errors?|failures?|exceptions?|failed|fail)(?: (?:rate|count|total))? ?[:=] ?(?:0+(?:\.0+)?%?(?:[\s,;.)\]}|]|$)|(?:none|null|nil|no|false|ok|n/a|-|\[\]|\{\}|''|\x22\x22)(?:[,;.)\]}|]|$))",
    r"\b(?:fixed|fixes|resolved|handled|handles|ignored|ignoring|expected|suppressed|recovered from) (?:[\w-]+ ){0,2}?(?:\w*error|\w*exception|failure)s?\b:?",
];

/// What an error line looks like.
const ERROR: [&str; 17] = [
    // Levels of log lines.
    r"(?:^|[\s\[(<|:=])(?:ERROR|FATAL|CRITICAL|SEVERE|PANIC|EMERG)(?:$|[\s\])>|:,\[-])",
    r#"(?i)"(?:level|severity|levelname|lvl)" ?: ?"(?:error|fatal|critical|panic|emerg)"|\b(?:level|severity|lvl)=(?:error|fatal|critical|panic)\b"#,
    r"^[EF]\d{4} \d{2}:\d{2}:\d{2}",
    // `error:`, `TypeError: …`, `java.io.IOException: …`, `error[E0308]:`, `error TS2304:`.
    r"(?:^|[\s\[(<|:])(?:[A-Za-z_][\w.$]*)?(?:Error|Exception)(?:\[[^\]]*\])?: ?\S",
    r"(?:^|[\s\[(<|:])error(?:\[\w+\]| [A-Z]+\d+)?: ?\S",
    r"^(?i:uncaught|unhandled|exception in thread|traceback \(most recent call last\))",
    r"^[A-Z]\w*(?:Error|Exception)$",
    // Programs that give up.
    r"(?:^|[\s\[(<|:])(?i:fatal|fatal error|panic): ?\S|\bpanicked at\b",
    r"^(?:npm|pnpm|yarn) (?:ERR!|error\b)|^\s*ERR!|^make(?:\[\d+\])?: \*\*\*",
    r"\b(?i:segmentation fault|bus error|core dumped|assertion failed|out of memory|no space left on device|cannot allocate memory)\b",
    r"(?:^|: )(?:Killed|Aborted|Terminated)(?: *\(core dumped\))?$",
    r": (?i:command not found|not found|no such file or directory|permission denied|connection refused)\.?$",
    // Tests and builds.
    r"(?:^|[\s\[(:])FAILED(?:$|[\s\]):.,])|^(?:--- )?FAIL(?:$|[:\s])|^not ok \d",
    r"^\W{0,4}(?i:failed to|could not|cannot|unable to) \w+.*(?i:err|fail|not|no |refused|denied|invalid|missing)",
    r"^\W{0,4}(?i:failed to) \w",
    r"\b(?i:failed|exited) with (?i:exit )?(?i:code|status|signal)[: ] ?[1-9]|\b(?i:build|compilation|command|job|task|step|migration|connection|upload|download|import|login) failed\b",
    r"^[❌✗✘✖] ?\S",
];

struct Patterns {
    hint: Regex,
    good_news: Regex,
    error: RegexSet,
}

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| Patterns {
    hint: Regex::new(HINT).expect("a constant pattern"),
    good_news: RegexBuilder::new(&GOOD_NEWS.join("|")).case_insensitive(true).build().expect("a constant pattern"),
    error: RegexSetBuilder::new(ERROR).size_limit(1 << 24).build().expect("constant patterns"),
});

/// Whether a line tells of an error.
pub(super) fn is_error(line: &str) -> bool {
    let line = line.trim_start();
    let line = line.char_indices().find(|(at, _)| *at >= PART).map_or(line, |(end, _)| &line[..end]);
    let patterns = &*PATTERNS;
    patterns.hint.is_match(line) && patterns.error.is_match(&patterns.good_news.replace_all(line, ""))
}

/// Finds the errors in a sequence of lines; one that is told over several lines is one.
#[derive(Debug, Default)]
pub(super) struct ErrorFinder {
    begun: Option<Begun>,
}

/// An error whose message is still to come.
#[derive(Debug)]
enum Begun {
    /// A Python traceback: deeper lines are its frames, the next one is the message.
    Traceback { line: String, indent: usize },
    /// A Rust panic: the next line is the message.
    Panic { line: String },
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

impl ErrorFinder {
    /// Takes the next line and reports an error that is whole with it.
    pub(super) fn line(&mut self, line: &str, mut report: impl FnMut(&str)) {
        match self.begun.take() {
            Some(Begun::Traceback { line: first, indent: outer }) => {
                if line.trim().is_empty() || indent(line) > outer {
                    self.begun = Some(Begun::Traceback { line: first, indent: outer });
                } else {
                    report(line.trim());
                }
                return;
            }
            Some(Begun::Panic { line: first }) => {
                if line.trim().is_empty() || line.starts_with("note: ") || line.starts_with("stack backtrace:") {
                    report(&first);
                } else {
                    report(&format!("{first} {}", line.trim()));
                    return;
                }
            }
            None => {}
        }
        let text = line.trim();
        if text.starts_with("Traceback (most recent call last)") {
            self.begun = Some(Begun::Traceback { line: text.to_owned(), indent: indent(line) });
        } else if text.ends_with(':') && text.contains(" panicked at ") {
            self.begun = Some(Begun::Panic { line: text.to_owned() });
        } else if is_error(text) {
            report(text);
        }
    }
    /// The output ended: reports what was begun.
    pub(super) fn finish(&mut self, mut report: impl FnMut(&str)) {
        match self.begun.take() {
            Some(Begun::Traceback { line, .. } | Begun::Panic { line }) => report(&line),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_lines_are_recognised() {
        for line in [
            "error: could not compile `x`",
            "error[E0308]: mismatched types",
            "src/a.c:12:5: error: expected ';'",
            "src/a.c:1:10: fatal error: x.h: No such file or directory",
            "src/a.ts(1,2): error TS2304: Cannot find name 'x'.",
            "Error: Cannot find module 'x'",
            "TypeError: undefined is not a function",
            "java.lang.NullPointerException: null",
            "Exception in thread \"main\" java.lang.RuntimeException: x",
            "    litellm.InternalServerError: InternalServerError: OpenAIException - Internal server error",
            "2026-11-21 03:12:01,123 ERROR loader: row 7",
            "[ERROR] build stopped",
            "03:12:01 | CRITICAL | db | gone",
            "{\"level\":\"error\",\"msg\":\"x\"}",
            "time=\"…\" level=fatal msg=\"x\"",
            "E1121 03:12:01.000 1 file.cc:3] x",
            "thread 'main' panicked at src/main.rs:5:9: boom",
            "panic: runtime error: index out of range",
            "fatal: not a git repository",
            "npm ERR! code ELIFECYCLE",
            "make: *** [Makefile:3: all] Error 1",
            "FAILED tests/test_x.py::test_a - assert 1 == 2",
            "test foo::bar ... FAILED",
            "--- FAIL: TestX (0.00s)",
            "not ok 3 - works",
            "BUILD FAILED in 3s",
            "Failed to connect to localhost port 5432",
            "command failed with exit code 1",
            "sh: 1: foo: not found",
            "bash: foo: command not found",
            "cat: x: No such file or directory",
            "Segmentation fault (core dumped)",
            "Killed",
            "OSError: [Errno 28] No space left on device",
            "Segments: 0 (Error: Table with name segments does not exist)",
            "ERROR: no exception handler",
            "❌ migration",
            "✗ renders",
            "KeyboardInterruptError",
        ] {
            assert!(is_error(line), "{line}");
        }
    }

    #[test]
    fn prose_and_good_news_are_no_errors() {
        for line in [
            "",
            "0 errors",
            "Found 0 errors in 3 files",
            "no errors",
            "No test failures",
            "finished without any errors: good",
            "error rate: 0",
            "Errors: 0",
            "errors=0 failed=0",
            "error: none",
            "Error: 0, Warnings: 3",
            "12 passed, 0 failed",
            "test result: ok. 12 passed; 0 failed; 0 ignored",
            "I will now handle the error gracefully.",
            "Adds error handling to the loader",
            "The exception is raised when the file is missing",
            "fixed error: the loader crashed",
            "except Exception as e:",
            "src/error.rs | 12 +++",
            "   Compiling thiserror v2.0.21",
            "errors.py passed",
            "Loading failures dashboard",
            "FAILEDOVER",
            "mirror: using https://mirror",
            "loaded 3,513 / 3,513 profiles",
            "No errors found. FATAL=0",
        ] {
            assert!(!is_error(line), "{line}");
        }
    }

    fn find(text: &str) -> Vec<String> {
        let mut finder = ErrorFinder::default();
        let mut found = Vec::new();
        for line in text.lines() {
            finder.line(line, |error| found.push(error.to_owned()));
        }
        finder.finish(|error| found.push(error.to_owned()));
        found
    }

    #[test]
    fn a_traceback_is_one_error_with_its_message() {
        let text = "Traceback (most recent call last):\n  File \"x.py\", line 1, in <module>\n    f()\n  File \"x.py\", line 2\n\
                    duckdb.IOException: lock\nnext";
        assert_eq!(find(text), ["duckdb.IOException: lock"]);
        assert_eq!(find("Traceback (most recent call last):\n  File"), ["Traceback (most recent call last):"]);
        assert_eq!(find("Traceback (most recent call last):\n  File\nmy.Boom\nKilled"), ["my.Boom", "Killed"]);
    }

    #[test]
    fn a_panic_carries_its_message() {
        let text = "thread 'main' panicked at src/main.rs:5:9:\nboom\nnote: run with `RUST_BACKTRACE=1`";
        assert_eq!(find(text), ["thread 'main' panicked at src/main.rs:5:9: boom"]);
        assert_eq!(find("thread 'x' panicked at a.rs:1:1:\nnote: run"), ["thread 'x' panicked at a.rs:1:1:"]);
    }
}
