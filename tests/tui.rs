//! The dashboard: every view as it is drawn, what keys and clicks do, and the program itself in a terminal.

#[path = "tui/night.rs"]
mod night;
#[path = "tui/output.rs"]
mod output;
#[path = "tui/shots.rs"]
mod shots;
#[path = "tui/update.rs"]
mod update;
#[path = "tui/world.rs"]
mod world;
