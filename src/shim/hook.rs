//! `nightkeep hook FILE`: the program that an agent is given as its hook. It keeps what it is told and answers nothing.
//!
//! An agent waits for it and takes what it prints, and some of its exit codes, for an order. So it prints nothing, and
//! ends with 0 whatever happens.

use crate::os::clock;
use crate::recording::hooks::{INPUT_MAX, append, line};
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

/// Keeps what standard input has.
pub fn run(file: &Path) -> ExitCode {
    let mut input = Vec::new();
    if std::io::stdin().lock().take(INPUT_MAX).read_to_end(&mut input).is_ok() {
        let at = i64::try_from(clock::wall_nanos() / 1_000_000).unwrap_or(i64::MAX);
        if let Some(line) = line(&input, at) {
            // Nobody could be told: the agent is not to know.
            let _ = append(file, &line);
        }
    }
    ExitCode::SUCCESS
}
