//! Whether a process is still the one we knew: process ids are used again, so a start time and the boot belong to it.

use crate::os::clock;
use std::fs;

/// What makes a process id unique: a pid may be given again, the three together are not.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ProcessIdentity {
    /// The process id.
    pub pid: u32,
    /// Its start time: `/proc/PID/stat` field 22, in clock ticks since boot; elsewhere seconds since the epoch.
    pub start: u64,
    /// Which boot; empty where there is no boot id.
    pub boot_id: String,
}

impl ProcessIdentity {
    /// Looks up a living process; `None` when there is none of that id.
    pub fn of(pid: u32) -> Option<Self> {
        Some(Self { pid, start: start_time(pid)?, boot_id: clock::boot_id() })
    }
    /// Whether this very process is alive. A zombie is not.
    pub fn is_alive(&self) -> bool {
        is_alive(self.pid, self.start, &self.boot_id)
    }
}

/// Whether the process with this id, start time and boot is alive. A zombie is not alive.
///
/// A `start` of 0 means that it was not known: then only the id and the boot are compared.
pub fn is_alive(pid: u32, start: u64, boot_id: &str) -> bool {
    boot_id == clock::boot_id() && start_time(pid).is_some_and(|now| start == 0 || start == now)
}

/// The start time of a living process, in the unit of [`ProcessIdentity::start`]. `None` when there is no such process
/// or only its zombie.
pub fn start_time(pid: u32) -> Option<u64> {
    match fs::read(format!("/proc/{pid}/stat")) {
        Ok(stat) => start_in_stat(&stat),
        Err(_) if fs::exists("/proc/self/stat").unwrap_or(false) => None,
        Err(_) => start_by_sysinfo(pid),
    }
}

/// Field 22 of a `stat` line, `None` for a process that has ended. The name in field 2 may hold anything, also `)`.
fn start_in_stat(stat: &[u8]) -> Option<u64> {
    let after_name = stat.iter().rposition(|&b| b == b')')? + 1;
    let rest = std::str::from_utf8(&stat[after_name..]).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X" | "x") {
        return None;
    }
    // `state` was field 3; field 22 is the nineteenth after it.
    fields.nth(18)?.parse().ok()
}

/// The same question where there is no `/proc`.
fn start_by_sysinfo(pid: u32) -> Option<u64> {
    use sysinfo::{Pid, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System};
    let pid = Pid::from_u32(pid);
    let mut system = System::new().ok()?;
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, ProcessRefreshKind::nothing());
    let process = system.process(pid)?;
    (!matches!(process.status(), ProcessStatus::Zombie | ProcessStatus::Dead)).then(|| process.start_time())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_spaces_does_not_shift_the_fields() {
        let mut stat = b"4242 (a) R 1 2 (x) S 1 4242 4242 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 ".to_vec();
        stat.extend_from_slice(b"777 9 9 9\n");
        assert_eq!(start_in_stat(&stat), Some(777));
    }

    #[test]
    fn a_zombie_is_not_alive() {
        let stat = b"4242 (a) Z 1 4242 4242 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 777 9 9 9\n";
        assert_eq!(start_in_stat(stat), None);
    }

    #[test]
    fn we_are_alive_and_nobody_with_our_pid_but_another_start_or_boot_is() {
        let us = ProcessIdentity::of(std::process::id()).unwrap();
        assert!(us.is_alive());
        assert!(!ProcessIdentity { start: us.start + 1, ..us.clone() }.is_alive());
        assert!(!ProcessIdentity { boot_id: "another".to_owned(), ..us.clone() }.is_alive());
        assert!(ProcessIdentity { start: 0, ..us }.is_alive());
        assert!(ProcessIdentity::of(u32::MAX >> 1).is_none());
    }

    #[test]
    fn the_way_without_proc_knows_us_too() {
        assert!(start_by_sysinfo(std::process::id()).is_some_and(|t| t > 0));
        assert!(start_by_sysinfo(u32::MAX >> 1).is_none());
    }
}
