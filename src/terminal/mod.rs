//! What a program wrote to its terminal, as text: lines out of raw bytes, and text made harmless to show. Pure.

pub mod emulator;
pub mod harmless;
pub mod lines;
pub mod redact;
mod row;
mod scan;
mod screen;

pub use harmless::{fit, harmless, pad, shorten, width};
pub use lines::{Line, LineScanner};
pub use redact::redact;
