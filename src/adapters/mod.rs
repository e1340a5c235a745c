//! Adapters turn the world into events and effects into deeds: tmux, recorders, git. They decide nothing.

pub mod git;
pub mod shim_client;
pub mod tmux;
