//! The recorder with real programs, terminals, signals and disks.

#[path = "shim/disk.rs"]
mod disk;
#[path = "shim/exits.rs"]
mod exits;
#[path = "shim/format.rs"]
mod format;
#[path = "shim/hang_up.rs"]
mod hang_up;
#[path = "shim/harness.rs"]
mod harness;
#[path = "shim/hearing.rs"]
mod hearing;
#[path = "shim/limits.rs"]
mod limits;
#[path = "shim/output.rs"]
mod output;
#[path = "shim/socket.rs"]
mod socket;
#[path = "shim/status.rs"]
mod status;
#[path = "shim/terminal.rs"]
mod terminal;
#[path = "shim/tree.rs"]
mod tree;
