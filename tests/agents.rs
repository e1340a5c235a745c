//! What agents' screens are taken for: recordings of the real programs, replayed through the rules.
#![expect(clippy::disallowed_methods, reason = "tests start the program under test")]

mod agents {
    mod recordings;
    mod replay;
    mod talk;
}
