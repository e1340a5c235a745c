//! Limits of a session's whole tree: control groups of its own for what it may take of memory and processes. Version 2
//! where it is handed down to us, else version 1. What cannot be set is said, and the program runs all the same.
//!
//! We stay outside: what the limits do to the tree is not to end its recorder.

use crate::core::plan::Caps;
use crate::os::tree;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// How the names of our groups begin; behind it the attempt and our process id.
const PREFIX: &str = "nightkeep-";
/// Where the processes go that stood in the group whose children are to be limited: with those it can hold none itself.
const REST: &str = "nightkeep-rest";
/// The memory's controller and that of the number of processes.
const MEMORY: &str = "memory";
const PIDS: &str = "pids";

/// The groups of one attempt. Removed at the end, or by the next recorder that makes some when this one is killed.
#[derive(Debug, Default)]
pub struct Limits {
    dirs: Vec<PathBuf>,
    /// Where a process enters them.
    doors: Vec<File>,
    missing: Vec<String>,
    kills: Option<PathBuf>,
    refusals: Option<PathBuf>,
    /// What ends all of the tree at once, or at least lets nobody be born: a file and what to write.
    last: Vec<(PathBuf, &'static str)>,
}

/// What the limits did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Did {
    /// Processes that the kernel ended for memory.
    pub oom_kills: u64,
    /// Times at which a new process was refused.
    pub refused: u64,
}

impl Limits {
    /// Makes the groups that a session asks for.
    pub fn make(caps: &Caps, attempt: &str) -> Self {
        let mut limits = Self::default();
        let wanted: Vec<(&'static str, u64)> =
            [(MEMORY, caps.memory), (PIDS, caps.processes)].into_iter().filter_map(|(c, n)| Some((c, n?))).collect();
        if wanted.is_empty() {
            return limits;
        }
        let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let name = format!("{PREFIX}{}-{}", attempt.replace('/', "_"), std::process::id());
        let controllers: Vec<&str> = wanted.iter().map(|(controller, _)| *controller).collect();
        match unified(&groups, &controllers).and_then(|base| new(&base, &name)) {
            Ok(dir) => {
                for (controller, most) in wanted {
                    let set = put(&dir.join(format!("{controller}.max")), &most.to_string());
                    limits.note(controller, set.as_ref().map(|()| dir.as_path()), "");
                }
                // Else the limit would only move it to the disk.
                let _ = put(&dir.join("memory.swap.max"), "0");
                limits.last.push((dir.join("cgroup.kill"), "1"));
                limits.open(dir);
            }
            Err(why) => {
                for (controller, most) in wanted {
                    let set = legacy(&groups, controller).and_then(|base| new(&base, &name)).and_then(|dir| {
                        let file = if controller == MEMORY { "memory.limit_in_bytes" } else { "pids.max" };
                        put(&dir.join(file), &most.to_string())?;
                        let _ = put(&dir.join("memory.memsw.limit_in_bytes"), &most.to_string());
                        Ok(dir)
                    });
                    limits.note(controller, set.as_ref().map(PathBuf::as_path), &why);
                    if let Ok(dir) = set {
                        if controller == PIDS {
                            limits.last.push((dir.join("pids.max"), "0"));
                        }
                        limits.open(dir);
                    }
                }
            }
        }
        limits
    }
    fn note(&mut self, controller: &str, set: Result<&Path, &String>, also: &str) {
        let key = if controller == MEMORY { "max_memory" } else { "max_processes" };
        match set {
            Ok(dir) if controller == MEMORY => {
                let files = ["memory.events", "memory.oom_control"].map(|name| dir.join(name));
                self.kills = files.into_iter().find(|file| file.exists());
            }
            Ok(dir) => self.refusals = Some(dir.join("pids.events")),
            Err(why) if also.is_empty() => self.missing.push(format!("{key} is not in force: {why}")),
            Err(why) => self.missing.push(format!("{key} is not in force: {also}; {why}")),
        }
    }
    fn open(&mut self, dir: PathBuf) {
        match OpenOptions::new().write(true).open(dir.join("cgroup.procs")) {
            Ok(door) => self.doors.push(door),
            Err(e) => self.missing.push(format!("{} cannot be entered: {e}", dir.display())),
        }
        self.dirs.push(dir);
    }
    /// Where the program enters: it writes `0` there.
    pub fn doors(&self) -> &[File] {
        &self.doors
    }
    /// What is not in force, and why.
    pub fn missing(&self) -> &[String] {
        &self.missing
    }
    /// The file that counts the kernel's kills for memory in the tree.
    pub fn kills(&self) -> Option<&Path> {
        self.kills.as_deref()
    }
    /// What they did so far.
    pub fn did(&self) -> Did {
        let counted = |file: &Option<PathBuf>, name| counter(file.as_deref()?, name);
        Did {
            oom_kills: counted(&self.kills, "oom_kill ").unwrap_or(0),
            refused: counted(&self.refusals, "max ").unwrap_or(0),
        }
    }
    /// Ends whoever is in the tree, where that can be done at once; at least nobody is born into it any more.
    pub fn end(&self) {
        for (file, text) in &self.last {
            let _ = put(file, text);
        }
    }
    /// Removes the groups. One that is not empty yet stays for the next recorder.
    pub fn remove(&self) {
        for dir in &self.dirs {
            let _ = fs::remove_dir(dir);
        }
    }
}

fn put(file: &Path, text: &str) -> Result<(), String> {
    OpenOptions::new()
        .write(true)
        .open(file)
        .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
        .map_err(|e| format!("{}: {e}", file.display()))
}

fn counter(file: &Path, name: &str) -> Option<u64> {
    fs::read_to_string(file).ok()?.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// Makes a group, and removes those of recorders that are gone.
fn new(base: &Path, name: &str) -> Result<PathBuf, String> {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let left =
            entry.file_name().to_str().and_then(|name| name.strip_prefix(PREFIX)?.rsplit_once('-')?.1.parse().ok());
        if left.is_some_and(|pid: u32| tree::start_of(pid) == 0) {
            // One that still holds somebody cannot be removed.
            let _ = fs::remove_dir(entry.path());
        }
    }
    let dir = base.join(name);
    fs::create_dir(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    Ok(dir)
}

/// The group of version 2 below which ours can stand, with these controllers.
fn unified(groups: &str, controllers: &[&str]) -> Result<PathBuf, String> {
    let Room { base, given, top } = room(groups, controllers)?;
    if given {
        return Ok(base);
    }
    if !top {
        make_room(&base)?;
    }
    let text: Vec<String> = controllers.iter().map(|controller| format!("+{controller}")).collect();
    put(&base.join("cgroup.subtree_control"), &text.join(" "))?;
    Ok(base)
}

/// Room for groups of our own.
struct Room {
    base: PathBuf,
    /// The controllers are handed on to those below already.
    given: bool,
    /// It is the uppermost group, which may hold processes all the same.
    top: bool,
}

/// Looks for room in version 2, and changes nothing.
fn room(groups: &str, controllers: &[&str]) -> Result<Room, String> {
    let mounts = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(Path::new);
    let mount = mounts.into_iter().find(|mount| mount.join("cgroup.controllers").exists());
    let mount = mount.ok_or("there are no control groups of version 2")?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::")).ok_or("we are in none of version 2")?;
    let mut base = mount.join(path.trim_start_matches('/'));
    if base.file_name().is_some_and(|name| name == REST) {
        base.pop();
    }
    let words = |name: &str| fs::read_to_string(base.join(name)).unwrap_or_default();
    let has = |text: &str, controller: &str| text.split_whitespace().any(|word| word == controller);
    let there = words("cgroup.controllers");
    if let Some(none) = controllers.iter().find(|controller| !has(&there, controller)) {
        return Err(format!("version 2 has no controller `{none}` in {}", base.display()));
    }
    let handed_on = words("cgroup.subtree_control");
    let given = controllers.iter().all(|controller| has(&handed_on, controller));
    let top = base == mount;
    if !given && !top && !delegated(&base) {
        return Err(format!("{} is not delegated to us", base.display()));
    }
    Ok(Room { base, given, top })
}

/// Where the limits of sessions could be set for a recorder that stands in these control groups (`/proc/PID/cgroup`), in
/// words; the error says what each version lacks. Nothing is changed for that.
pub fn could_be_set(groups: &str) -> Result<String, String> {
    let writable = |dir: &Path| {
        rustix::fs::access(dir, rustix::fs::Access::WRITE_OK)
            .map_err(|_| format!("{} is not ours to write", dir.display()))
    };
    let new = room(groups, &[MEMORY, PIDS]).and_then(|room| writable(&room.base).map(|()| room.base));
    match new {
        Ok(base) => Ok(format!("by control groups of version 2 below {}", base.display())),
        Err(why) => {
            let old = |controller| legacy(groups, controller).and_then(|dir| writable(&dir));
            match old(MEMORY).and_then(|()| old(PIDS)) {
                Ok(()) => Ok("by control groups of version 1".to_owned()),
                Err(also) => Err(format!("{why}; {also}")),
            }
        }
    }
}

/// Whether a group is ours to divide: its manager says so, or it is a user's own.
fn delegated(base: &Path) -> bool {
    let marked = ["user.delegate", "trusted.delegate"].into_iter().any(|name| {
        let mut value = [0; 8];
        rustix::fs::getxattr(base, name, &mut value[..]).is_ok_and(|len| value.get(..len) == Some(b"1"))
    });
    let us = rustix::process::geteuid();
    marked || (!us.is_root() && fs::metadata(base).is_ok_and(|meta| meta.uid() == us.as_raw()))
}

/// Moves all processes of a group to one below it.
fn make_room(base: &Path) -> Result<(), String> {
    let rest = base.join(REST);
    if let Err(e) = fs::create_dir(&rest)
        && e.kind() != std::io::ErrorKind::AlreadyExists
    {
        return Err(format!("{}: {e}", rest.display()));
    }
    // Some are born while others are moved.
    for _ in 0..16 {
        let there = fs::read_to_string(base.join("cgroup.procs")).unwrap_or_default();
        if there.is_empty() {
            return Ok(());
        }
        for pid in there.lines() {
            // One that has ended meanwhile needs no move.
            let _ = put(&rest.join("cgroup.procs"), pid);
        }
    }
    Err(format!("the processes of {} cannot be moved", base.display()))
}

/// The group of version 1 below which ours can stand.
fn legacy(groups: &str, controller: &str) -> Result<PathBuf, String> {
    let mount = Path::new("/sys/fs/cgroup").join(controller);
    if !mount.join("cgroup.procs").exists() {
        return Err(format!("version 1 has no controller `{controller}`"));
    }
    let ours = groups.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        controllers.split(',').any(|word| word == controller).then(|| mount.join(path.trim_start_matches('/')))
    });
    // In a container the path can be that of the host.
    Ok(ours.filter(|dir| dir.is_dir()).unwrap_or(mount))
}
