//! The dashboard: every view as it is drawn, what keys and clicks do, and the program itself in a terminal.
#![expect(clippy::disallowed_methods, reason = "a test starts programs and measures time")]

#[path = "tui/details.rs"]
mod details;
#[path = "tui/history.rs"]
mod history;
#[path = "e2e/house.rs"]
#[expect(dead_code, reason = "shared with tests that need more of it")]
mod house;
#[path = "tui/night.rs"]
mod night;
#[path = "tui/output.rs"]
mod output;
#[path = "tui/program.rs"]
mod program;
#[path = "tui/shots.rs"]
mod shots;
#[path = "tui/update.rs"]
mod update;
#[path = "tui/world.rs"]
mod world;
