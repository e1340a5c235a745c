//! What a person sees of the state: the status document, its table, tonight's plan, and the chain behind a state.
//!
//! All of it is computed from the state (or from the document made of it) and from the time handed in.

pub mod alerts;
pub mod attempts;
pub mod brief;
pub mod events;
pub mod notes;
pub mod numbers;
pub mod project;
pub mod queue;
pub mod table;
pub mod text;
pub mod tonight;
pub mod usage;
pub mod why;
pub mod words;
pub mod zone;

pub use project::{StatusContext, finding, project};
