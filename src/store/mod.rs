//! The journal: an append-only record of what happened and the rows it comes to, in one SQLite file.
//!
//! Knows nothing of what the events mean: strings and numbers go in and come out. [`Journal`] writes and reads,
//! [`Reader`] reads, also while no daemon runs. `docs/journal.md` describes the file.

mod chain;
mod error;
mod journal;
mod look;
mod model;
mod open;
mod reader;
mod salvage;
mod trim;
mod writer;

pub use error::JournalError;
pub use journal::Journal;
pub use look::Look;
pub use model::{Broken, Event, Filter, NewEvent, NewRow, NightSpan, PAGE_MAX, Row};
pub use open::FORMAT;
pub use reader::Reader;
pub use salvage::{Beginning, Salvage};
pub use trim::Trim;
