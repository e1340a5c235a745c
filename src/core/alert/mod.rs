//! Alerts: what is wrong, who is told of it, when, and how often.

pub mod message;
