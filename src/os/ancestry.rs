//! Who a process descends from, and whether one of its ancestors is a recorder: what a session's program is known by,
//! from its very first moment.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// No process tree is deeper than this; the bound guards against a race that makes a loop.
const DEPTH_MAX: usize = 256;

/// A process, its parent, and so on; without the first of all.
pub fn lineage(pid: u32) -> impl Iterator<Item = u32> {
    std::iter::successors(Some(pid), |pid| parent_of(*pid)).take_while(|pid| *pid > 1).take(DEPTH_MAX)
}

/// The run directory of the recorder that a process is; `None` when it is none.
pub fn recorder(pid: u32) -> Option<PathBuf> {
    run_of(&fs::read(format!("/proc/{pid}/cmdline")).ok()?)
}

/// `nightkeep exec --run DIR`, as `/proc` tells it. The program can have been installed under another name.
fn run_of(cmdline: &[u8]) -> Option<PathBuf> {
    let words: Vec<&[u8]> = cmdline.strip_suffix(b"\0").unwrap_or(cmdline).split(|&b| b == 0).collect();
    match words[..] {
        [_, b"exec", b"--run", dir] => Some(PathBuf::from(OsStr::from_bytes(dir))),
        _ => None,
    }
}

/// The parent of a process, from `/proc/PID/stat` (field 4; the name before it may hold blanks and parentheses).
fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let after_name = stat.iter().rposition(|&b| b == b')')? + 1;
    std::str::from_utf8(&stat[after_name..]).ok()?.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_recorder_is_known_by_its_command_line() {
        let run = run_of(b"/usr/bin/nightkeep\0exec\0--run\0/srv/logs/runs/one/2026-11-21-1.1\0");
        assert_eq!(run.as_deref(), Some(Path::new("/srv/logs/runs/one/2026-11-21-1.1")));
        assert_eq!(run_of(b"/usr/bin/nightkeep\0exec\0--run\0"), None);
        assert_eq!(run_of(b"docker\0exec\0-it\0box\0sh\0"), None);
        assert_eq!(run_of(b""), None);
    }

    #[test]
    fn a_lineage_begins_with_the_process_and_goes_on_with_its_parent() {
        let ours: Vec<u32> = lineage(std::process::id()).take(2).collect();
        assert_eq!(ours, [std::process::id(), std::os::unix::process::parent_id()]);
        assert_eq!(lineage(u32::MAX).collect::<Vec<_>>(), [u32::MAX]);
    }
}
