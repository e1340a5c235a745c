//! The command line as a person meets it: the real program in a home of its own, with no daemon or a fake one.
#![expect(clippy::disallowed_methods, reason = "tests start the program under test")]

mod cli {
    mod client;
    mod fake;
    mod files;
    mod home;
    mod offline;
    mod online;
    mod replay;
    mod words;
}
