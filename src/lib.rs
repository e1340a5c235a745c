//! nightkeep keeps long-running terminal sessions going overnight and reports in the morning what really happened.
//!
//! The map. Without clock, file or process: [`core`] decides; [`terminal`] makes lines of a terminal's bytes,
//! [`observe`] finds metrics and errors in them, [`agents`] what coding agents tell of themselves; [`config`] makes the plan of `sessions.toml`; [`protocol`] is the API as
//! types; [`status`] tells how things stand, [`report`] what happened; [`harvest`] reads what agents wrote, [`verdict`] holds it against what was seen.
//!
//! At the rim: [`shim`] is the recorder, [`recording`] its files; [`adapters`] turn the world into events; [`store`] is
//! the journal; [`daemon`] runs the loop between them, [`client`] asks it; [`tui`] is the dashboard, [`cli`] what a person
//! types. [`instance`] says which file lies where, [`os`] has clocks, processes and commands. `tests/architecture.rs`
//! checks who may use whom.

pub mod adapters;
pub mod agents;
pub mod cli;
pub mod client;
pub mod config;
pub mod core;
pub mod daemon;
pub mod harvest;
pub mod instance;
pub mod observe;
pub mod os;
pub mod protocol;
pub mod recording;
pub mod report;
pub mod shim;
pub mod status;
pub mod store;
pub mod terminal;
pub mod tui;
pub mod verdict;
