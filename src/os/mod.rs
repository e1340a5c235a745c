//! The operating system, as thin as it can be: the only place that reads clocks, boot id and process tables.

pub mod ancestry;
pub mod clock;
pub mod command;
pub mod dying;
pub mod files;
pub mod leftovers;
pub mod memory;
pub mod process;
pub mod sockets;
pub mod tree;
