//! Trees of processes. Below a recorder the tree by parents is complete: it is their subreaper, so whoever leaves its
//! parent, its session or its process group comes back as its child. Without a recorder, what a process was started with
//! tells whose it is.

use crate::core::stall::Tree;
use crate::core::unkillable::Remaining;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal};
use std::collections::BTreeMap;
use std::fs;

/// A clock tick of `/proc` in milliseconds: the kernel counts a hundred a second for programs, on every machine that we
/// are built for.
const TICK_MS: u64 = 10;

/// A process that lived when it was looked at. Number and start time together name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// Its process id.
    pub pid: u32,
    /// Its start time, field 22 of `/proc/PID/stat`.
    pub start: u64,
}

#[derive(Clone)]
struct Entry {
    process: Process,
    parent: u32,
    zombie: bool,
    /// The letter of its state: `R`, `S`, `D`, `T`, `t`, `Z` and others, as proc(5) lists them.
    state: char,
    /// Its own processor time, and that of its children that were waited for, in clock ticks.
    ticks: (u64, u64),
    name: String,
}

/// All living descendants of a process; zombies are none.
pub fn descendants(root: u32) -> Vec<Process> {
    below(root, all())
}

/// All living processes whose environment at their start held all of these entries (`NAME=value`), those that are still
/// who they were among `known`, and the descendants of both; never ourselves, nor whoever we descend from.
pub fn marked(entries: &[String], known: &[Process]) -> Vec<Process> {
    let all = all();
    let mut ours = vec![std::process::id()];
    // No process tree is deeper than this; the bound guards against a race that makes a loop.
    for _ in 0..256 {
        let Some(entry) = all.iter().find(|entry| Some(&entry.process.pid) == ours.last()) else { break };
        ours.push(entry.parent);
    }
    let is_root = |entry: &&Entry| {
        !entry.zombie
            && !ours.contains(&entry.process.pid)
            && (known.contains(&entry.process) || holds(entry.process.pid, entries))
    };
    let mut found: Vec<Process> = all.iter().filter(is_root).map(|entry| entry.process).collect();
    for root in found.clone() {
        for process in below(root.pid, all.clone()) {
            if !found.contains(&process) && !ours.contains(&process.pid) {
                found.push(process);
            }
        }
    }
    found
}

/// Whether a process was started with all of these; nobody is with none.
fn holds(pid: u32, entries: &[String]) -> bool {
    if entries.is_empty() {
        return false;
    }
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let mut missing: Vec<&[u8]> = entries.iter().map(String::as_bytes).collect();
    environment.split(|&b| b == 0).for_each(|entry| missing.retain(|wanted| *wanted != entry));
    missing.is_empty()
}

/// Every process there is; none where there is no `/proc`.
fn all() -> Vec<Entry> {
    let Ok(proc) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = proc.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter_map(look).collect()
}

/// All processes at one time. Taking it costs one look at each process of the machine, whatever is asked of it then.
pub struct Snapshot {
    by_pid: BTreeMap<u32, Entry>,
    children: BTreeMap<u32, Vec<u32>>,
}

impl Snapshot {
    /// Takes it; `None` where there is no `/proc`.
    pub fn take() -> Option<Self> {
        let entries = all();
        if entries.is_empty() {
            return None;
        }
        let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for entry in &entries {
            children.entry(entry.parent).or_default().push(entry.process.pid);
        }
        let by_pid = entries.into_iter().map(|entry| (entry.process.pid, entry)).collect();
        Some(Self { by_pid, children })
    }
    /// What the processes below one did so far: those that live, and what those that ended left to whoever waited for
    /// them. Of the root itself (the recorder, which works when there is output) only the latter counts. `None` when
    /// there is no such process.
    pub fn tree(&self, root: u32) -> Option<Tree> {
        let mut tree = Tree::default();
        let mut ticks = self.by_pid.get(&root)?.ticks.1;
        let mut parents = vec![root];
        while let Some(parent) = parents.pop() {
            for pid in self.children.get(&parent).into_iter().flatten().filter(|pid| **pid != root) {
                parents.push(*pid);
                let Some(entry) = self.by_pid.get(pid) else { continue };
                ticks += entry.ticks.0 + entry.ticks.1;
                tree.io += io_of(*pid);
                if !entry.zombie {
                    tree.count += 1;
                    tree.stopped += u32::from(matches!(entry.state, 'T' | 't'));
                    tree.uninterruptible += u32::from(entry.state == 'D');
                    tree.names.insert(entry.name.clone());
                }
            }
        }
        tree.cpu_ms = ticks * TICK_MS;
        Some(tree)
    }
}

/// Bytes a process read and wrote, its ended children included; 0 when that may not be known.
fn io_of(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
    let value = |line: &str| line.strip_prefix("rchar: ").or_else(|| line.strip_prefix("wchar: "))?.parse::<u64>().ok();
    text.lines().filter_map(value).sum()
}

fn below(root: u32, mut others: Vec<Entry>) -> Vec<Process> {
    let mut parents = vec![root];
    let mut found = Vec::new();
    while let Some(parent) = parents.pop() {
        others.retain(|entry| {
            let child = entry.parent == parent && entry.process.pid != root;
            if child {
                parents.push(entry.process.pid);
                if !entry.zombie {
                    found.push(entry.process);
                }
            }
            !child
        });
    }
    found
}

/// Sends a signal to each of them that still is who it was.
pub fn signal_all(processes: &[Process], signal: Signal) {
    for process in processes {
        let Some(pid) = i32::try_from(process.pid).ok().and_then(Pid::from_raw) else { continue };
        match rustix::process::pidfd_open(pid, PidfdFlags::empty()) {
            Ok(pidfd) => {
                if start_of(process.pid) == process.start {
                    let _ = rustix::process::pidfd_send_signal(&pidfd, signal);
                }
            }
            Err(Errno::NOSYS | Errno::PERM) => {
                let _ = rustix::process::kill_process(pid, signal);
            }
            Err(_) => {}
        }
    }
}

/// Those that are still there, with what they are at.
pub fn remaining(processes: &[Process]) -> Vec<Remaining> {
    let still = |process: &Process| {
        let entry = look(process.pid).filter(|entry| entry.process == *process && !entry.zombie)?;
        let waits = fs::read_to_string(format!("/proc/{}/wchan", process.pid)).ok();
        let waits = waits.filter(|place| !matches!(place.as_str(), "" | "0"));
        Some(Remaining { pid: process.pid, name: entry.name, state: entry.state, waits })
    };
    processes.iter().filter_map(still).collect()
}

/// The state of a thread that has not ended, of a process whose first one has.
fn living_thread(pid: u32) -> Option<char> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let tasks = tasks.filter_map(|task| task.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let state = |task: u32| parse(task, &fs::read(format!("/proc/{pid}/task/{task}/stat")).ok()?);
    tasks.filter_map(state).find(|entry| !entry.zombie).map(|entry| entry.state)
}

/// The start time of a process; 0 when it is gone.
pub fn start_of(pid: u32) -> u64 {
    look(pid).map_or(0, |entry| entry.process.start)
}

fn look(pid: u32) -> Option<Entry> {
    let entry = parse(pid, &fs::read(format!("/proc/{pid}/stat")).ok()?)?;
    // A process is not gone before its last thread is: one of them may wait for a device.
    match entry.zombie.then(|| living_thread(pid)).flatten() {
        Some(state) => Some(Entry { zombie: false, state, ..entry }),
        None => Some(entry),
    }
}

/// Reads a `stat` line. The name in it is the program's own choice and can hold spaces and parentheses, so the fields
/// are counted from the last `)`.
fn parse(pid: u32, stat: &[u8]) -> Option<Entry> {
    let after_name = stat.iter().rposition(|b| *b == b')')? + 1;
    let mut fields = std::str::from_utf8(&stat[after_name..]).ok()?.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    // Fields 14 to 17: time of its own in user and kernel mode, then that of its children.
    let mut time = fields.by_ref().skip(9).take(4).map(|field| field.parse::<u64>().unwrap_or(0));
    let (user, kernel) = (time.next()?, time.next()?);
    let ticks = (user + kernel, time.next()? + time.next()?);
    let start = fields.nth(4)?.parse().ok()?;
    let name = stat.iter().position(|b| *b == b'(').and_then(|open| stat.get(open + 1..after_name - 1));
    let name = String::from_utf8_lossy(name.unwrap_or_default()).into_owned();
    Some(Entry { process: Process { pid, start }, parent, zombie: matches!(state, 'Z' | 'X'), state, ticks, name })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(pid: u32, parent: u32, zombie: bool) -> Entry {
        Entry { process: Process { pid, start: 1 }, parent, zombie, state: 'S', ticks: (0, 0), name: String::new() }
    }

    #[test]
    fn a_name_that_looks_like_fields_is_not_read_as_fields() {
        let stat = b"42 (evil) Z 1 1 (x) S 7 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 1 2\n";
        let entry = parse(42, stat).unwrap();
        assert_eq!((entry.parent, entry.process.start, entry.zombie), (7, 98765, false));
        assert_eq!((entry.ticks, entry.name.as_str()), ((11, 15), "evil) Z 1 1 (x"));
        assert_eq!(entry.state, 'S');
        assert!(parse(42, b"42 (cut").is_none() && parse(42, b"42 (x) S 7").is_none());
    }

    #[test]
    fn the_tree_is_followed_through_zombies_whatever_the_order() {
        let all = vec![entry(9, 5, false), entry(5, 3, true), entry(3, 1, false), entry(4, 2, false)];
        let mut pids: Vec<_> = below(1, all).iter().map(|p| p.pid).collect();
        pids.sort_unstable();
        assert_eq!(pids, [3, 9]);
    }

    #[test]
    fn we_find_ourselves() {
        let me = std::process::id();
        assert!(start_of(me) > 0);
        assert!(descendants(std::os::unix::process::parent_id()).iter().any(|p| p.pid == me));
        assert_eq!(start_of(u32::MAX), 0);
    }

    #[test]
    fn what_we_did_shows_in_the_tree_of_our_parent() {
        let parent = std::os::unix::process::parent_id();
        let begun = crate::os::clock::mono();
        let before = Snapshot::take().unwrap().tree(parent).unwrap();
        let mut sum = 0_u64;
        while crate::os::clock::mono().since(begun).as_millis() < 2_000 {
            sum = sum.wrapping_mul(31).wrapping_add(std::hint::black_box(sum) + 1);
            let now = Snapshot::take().unwrap().tree(parent).unwrap();
            if now.cpu_ms >= before.cpu_ms + 20 && now.io > before.io {
                assert!(now.count >= 1 && !now.names.is_empty());
                return;
            }
        }
        panic!("no work was seen: {before:?}, {:?}", Snapshot::take().unwrap().tree(parent));
    }
}
