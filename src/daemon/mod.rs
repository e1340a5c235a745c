//! The daemon: the loop between the world and the core, and everything that performs the core's effects.
//!
//! One writer, one inbox: adapters and the API put events into the inbox; the loop steps the core, journals the facts
//! and only then lets the effects be performed. Everything the daemon knows can be rebuilt from the journal and the
//! recorders' files, so it may be killed at any moment.

mod api;
mod channels;
mod checks;
mod crashes;
mod doorway;
mod earlier;
mod environment;
pub mod history;
mod inbox;
mod lock;
mod logging;
mod openapi;
mod peer;
mod perform;
mod ping;
mod reconcile;
mod reload;
mod reports;
mod run;
mod sampler;
mod send;
mod sensors;
mod timers;
mod watch;
mod without;

pub use channels::{tested, try_channel};
pub use environment::inherited;
pub use lock::{LockError, Running, running};
pub use openapi::openapi_json;
pub use perform::host_name;
pub use run::{DaemonError, Options, run};
pub use without::{Without, end_without};
