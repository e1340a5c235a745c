//! Adapters turn the world into events and effects into deeds: tmux, recorders, git, channels to people. They
//! decide nothing.

pub mod channels;
pub mod git;
pub mod opencode;
pub mod shim_client;
pub mod tmux;
