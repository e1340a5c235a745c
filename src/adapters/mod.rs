//! Adapters turn the world into events and effects into deeds: tmux, recorders, git, projects' folders, channels to
//! people. They decide nothing.

pub mod channels;
pub mod folder;
pub mod git;
pub mod opencode;
pub mod shim_client;
pub mod tmux;
