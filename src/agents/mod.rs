//! What is known of coding agents. Pure.

pub mod usage;
