//! What the output of an attempt tells: its last lines, numbers, errors and the failure class they mean. Pure.

mod error_lines;
mod fingerprint;
mod limits;
mod markers;
mod novelty;
mod numbers;
mod observer;
mod reset;
mod tool_runs;

pub use fingerprint::{FINGERPRINT_VERSION, fingerprint};
pub use markers::MarkerSeen;
pub use limits::limit_told;
pub use observer::{ERRORS_MAX, OTHER_ERRORS, Observer, ObserverError};
