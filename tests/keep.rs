//! What keeps nightkeep itself going: clean-ups of real files, the watchdog's socket, service files, a machine that stays
//! awake, and what `doctor` says of it all.
#![expect(clippy::disallowed_methods, reason = "tests start the program and wait for what it does")]

#[path = "e2e/house.rs"]
#[expect(dead_code, reason = "the house has more rooms than these tests use")]
mod house;

#[path = "keep/health.rs"]
mod health;
#[path = "keep/mend.rs"]
mod mend;
#[path = "keep/retention.rs"]
mod retention;
