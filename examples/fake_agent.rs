//! The agent that tests play with, by hand: `FAKE_AGENT_SCRIPT=FILE cargo run --example fake_agent`. Its steps stand in
//! `tests/e2e/agent.rs`.
#![expect(clippy::disallowed_methods, reason = "it is a program of its own, with clocks and children")]

#[path = "../tests/e2e/agent.rs"]
mod agent;

fn main() {
    std::process::exit(agent::play().unwrap_or(2));
}
