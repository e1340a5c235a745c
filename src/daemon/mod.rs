//! The daemon: the loop between the world and the core, and everything that performs the core's effects.
//!
//! One writer, one inbox: adapters and the API put events into the inbox; the loop steps the core, journals the facts
//! and only then lets the effects be performed. Everything the daemon knows can be rebuilt from the journal and the
//! recorders' files, so it may be killed at any moment.

mod api;
mod attempts;
mod awake;
mod ballast;
mod channels;
pub mod checkpoint;
mod checks;
mod clocks;
mod collect;
mod crashes;
pub mod details;
mod doorway;
mod drafts;
mod earlier;
mod ears;
mod environment;
pub mod eyes;
pub mod history;
mod inbox;
mod launch;
mod letters;
mod lock;
mod logging;
mod manager;
mod mend;
mod notes;
mod openapi;
mod openapi_details;
mod output;
mod peer;
mod perform;
mod ping;
mod prompts;
mod reconcile;
mod reload;
mod reports;
pub mod retention;
pub mod reviews;
mod run;
mod sampler;
pub mod secrets;
mod send;
mod sensors;
mod stream;
mod summarizer;
pub mod templates;
mod terminals;
mod tidings;
mod timers;
mod told;
mod usage;
mod views;
mod watch;
mod without;
mod worktrees;

pub use channels::{tested, try_channel};
pub use environment::inherited;
pub use lock::{LockError, Running, running};
pub use manager::Manager;
pub use openapi::openapi_json;
pub use output::shown as output_about;
pub use perform::host_name;
pub use run::{DaemonError, Options, run};
pub use without::{Without, end_without};
