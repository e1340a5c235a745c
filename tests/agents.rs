//! What agents' screens are taken for: recordings of the real programs, replayed through the rules.

mod agents {
    mod recordings;
    mod replay;
    mod talk;
}
