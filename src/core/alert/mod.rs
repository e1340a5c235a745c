//! Alerts: what is wrong, who is told of it, when, and how often.

pub mod document;
pub mod message;
pub mod template;
