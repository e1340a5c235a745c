//! `sessions.toml` from outside: what is accepted, what is refused and with which words, and what is written about it.

#[path = "config/agents.rs"]
mod agents;
#[path = "config/bad_input.rs"]
mod bad_input;
#[path = "config/documents.rs"]
mod documents;
#[path = "config/hostile.rs"]
mod hostile;
#[path = "config/meaning.rs"]
mod meaning;
#[path = "config/stub.rs"]
mod stub;
