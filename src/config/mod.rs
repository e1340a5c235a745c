//! Reads `sessions.toml` into a plan, and tells all its problems at once.
//!
//! The way of a file: [`Search`] finds it, [`Source`] reads it, [`load()`] parses it, checks its shape against the schema of
//! the types in [`raw`], checks its meaning and gives the plan of the core with the [`Settings`] of the rest. A problem
//! becomes a [`Diagnostic`] with its place.

mod add;
mod calendar;
mod diagnostic;
mod diff;
mod document;
mod load;
mod plan;
mod printable;
mod problems;
pub mod raw;
mod schema;
mod shape;
mod source;
mod suggest;
mod template;
pub mod units;
mod warnings;

pub use add::{AddError, AddRequest, parse_session_for_add};
pub use diagnostic::{Diagnostic, Severity, Spot, is_harmless};
pub use diff::diff;
pub use load::{Loaded, Outcome, load, load_in};
pub use plan::{Context, Folder, SESSIONS_MAX, Settings, Surroundings};
pub use printable::{printable, quoted};
pub use schema::schema_json;
pub use source::{FILE_NAME, Machine, NotFound, Problem, SIZE_MAX, Search, Source, SourceError};
pub use suggest::closest;
pub use template::{Found, FoundRepository, SCHEMA_FILE, template};
