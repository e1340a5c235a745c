//! What coding agents show, say and write, and what it means. Pure.
//!
//! A profile is data (`profiles/*.toml`): rules on the screen and the title, and the texts of errors. Each source has a
//! reader that gives signs: `screen`, `status`, `hooks`, `opencode`, `typed`, `headless`. `fuse` makes one judgement of
//! them, `watch` does all of it for one attempt as its output comes, `replay` for a log. `usage` counts what they
//! used, `launch` makes the command line of an attempt.

pub mod fuse;
pub mod headless;
pub mod hooks;
pub mod launch;
pub mod opencode;
pub mod profile;
pub mod prompt;
pub mod replay;
pub mod rules;
pub mod screen;
pub mod sign;
pub mod status;
pub mod stream;
pub mod transcript;
pub mod typed;
pub mod usage;
pub mod watch;
