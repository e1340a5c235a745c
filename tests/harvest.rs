//! Documents as agents write them, held against the labels a careful reader gave each line before the rules were run.
#![expect(clippy::disallowed_methods, reason = "tests start the program under test and bound how long reading takes")]

mod harvest {
    mod command;
    mod hostile;
    mod labelled;
    mod verdicts;
}
