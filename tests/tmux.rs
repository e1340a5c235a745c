//! Real tmux servers at sockets of their own, and real git repositories: what our commands do when somebody means ill or
//! something dies. Every server a test starts is ended with the test.
#![expect(clippy::disallowed_methods, reason = "a test plays the user, the attacker and the clock")]

#[path = "tmux/git.rs"]
mod git;
#[path = "tmux/hazards.rs"]
mod hazards;
#[path = "tmux/lab.rs"]
mod lab;
#[path = "tmux/sessions.rs"]
mod sessions;
