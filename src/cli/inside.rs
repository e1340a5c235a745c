//! Whether this command runs inside a session: a program must not let files run that a person never saw.
//!
//! A hurdle, not a wall: a program of the same user can clean its environment and cut its ancestry.

use super::failure::{Exit, Failure};
use crate::os::leftovers::ATTEMPT_VARIABLE;
use std::fs;

/// Refuses inside a session.
pub fn refuse(what: &str) -> Result<(), Failure> {
    if std::env::var_os(ATTEMPT_VARIABLE).is_some() || below_a_recorder() {
        return Err(Failure::new(Exit::Refused, format!("a session cannot {what}"))
            .hint("run this from a terminal outside the sessions"));
    }
    Ok(())
}

/// Whether one of our ancestors is a recorder.
fn below_a_recorder() -> bool {
    let mut pid = std::process::id();
    // No process tree is deeper than this; the bound guards against a race that makes a loop.
    for _ in 0..256 {
        if is_recorder(&fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()) {
            return true;
        }
        match parent_of(pid) {
            None | Some(0 | 1) => return false,
            Some(parent) => pid = parent,
        }
    }
    false
}

/// `nightkeep exec --run DIR`, as `/proc` tells it. The program can have been installed under another name.
fn is_recorder(cmdline: &[u8]) -> bool {
    let words: Vec<&[u8]> = cmdline.strip_suffix(b"\0").unwrap_or(cmdline).split(|&b| b == 0).collect();
    matches!(words[..], [_, b"exec", b"--run", _])
}

/// Field 4 of `/proc/PID/stat`; the name before it may hold blanks and parentheses.
fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorder_is_known_by_its_command_line() {
        assert!(is_recorder(b"/usr/bin/nightkeep\0exec\0--run\0/srv/logs/runs/one/2026-11-21-1.1\0"));
        assert!(!is_recorder(b"/usr/bin/nightkeep\0exec\0--run\0"));
        assert!(!is_recorder(b"docker\0exec\0-it\0box\0sh\0"));
        assert!(!is_recorder(b""));
        assert_eq!(parent_of(std::process::id()), Some(std::os::unix::process::parent_id()));
    }
}
