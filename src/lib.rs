//! nightkeep keeps long-running terminal sessions going overnight and reports in the morning what really happened.
//!
//! The map: [`core`] decides and does nothing else; [`config`] reads `sessions.toml` into its plan; [`recording`] is the
//! recorder's files, [`shim`] the recorder; [`adapters`] turn the world into events; [`store`] is the journal;
//! [`daemon`] runs the loop between them; [`protocol`] and [`client`] are its API; [`report`] tells the morning;
//! [`cli`] is what a person types. `tests/architecture.rs` checks who may use whom.

pub mod adapters;
pub mod cli;
pub mod client;
pub mod config;
pub mod core;
pub mod daemon;
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
