//! The decisions of nightkeep, and nothing else: no clock, file, process, async or environment.
//!
//! [`Night::step`](night::Night::step) takes what happened and gives back the facts to journal and the effects to
//! perform. State is a fold over facts ([`state::State::apply`]), so a journal replayed gives the same state.

pub mod effect;
pub mod event;
pub mod exit;
pub mod fact;
pub mod ids;
pub mod plan;
pub mod run;
pub mod state;
pub mod time;
