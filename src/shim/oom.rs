//! Whether the kernel killed for memory: its counter for our control group, before the start and after the end.
//!
//! The counter does not name the victim. It is asked only about a program that died of a `SIGKILL` which was not ours.

use std::fs;
use std::path::{Path, PathBuf};

/// The counter as it stood when the program was started.
#[derive(Debug)]
pub struct OomCounter {
    file: PathBuf,
    before: u64,
}

impl OomCounter {
    /// Finds the nearest counter there is: the control group's (version 2 or 1), else the machine's. `None` where there
    /// is none.
    pub fn now() -> Option<Self> {
        let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let files = candidates(&groups);
        files.into_iter().find_map(|file| count(&file).map(|before| Self { file, before }))
    }
    /// The counter of one group alone.
    pub fn of(file: &Path) -> Option<Self> {
        count(file).map(|before| Self { file: file.to_path_buf(), before })
    }
    /// Whether it rose since.
    pub fn rose(&self) -> bool {
        count(&self.file).is_some_and(|now| now > self.before)
    }
}

fn candidates(groups: &str) -> Vec<PathBuf> {
    let root = Path::new("/sys/fs/cgroup");
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let path = path.trim_start_matches('/');
        if controllers.is_empty() {
            files.push(root.join(path).join("memory.events"));
        } else if controllers.split(',').any(|c| c == "memory") {
            files.push(root.join("memory").join(path).join("memory.oom_control"));
        }
    }
    files.push("/proc/vmstat".into());
    files
}

fn count(file: &Path) -> Option<u64> {
    parse(&fs::read_to_string(file).ok()?)
}

fn parse(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_is_looked_for_in_both_versions_and_then_for_the_machine() {
        let files = candidates("9:name=systemd:/\n4:cpu,memory:/a/b\n0::/user.slice/x:y\ngarbage\n");
        let expected = [
            "/sys/fs/cgroup/memory/a/b/memory.oom_control",
            "/sys/fs/cgroup/user.slice/x:y/memory.events",
            "/proc/vmstat",
        ];
        assert_eq!(files, expected.map(PathBuf::from));
        assert_eq!(parse("low 0\noom 3\noom_kill 2\noom_group_kill 1\n"), Some(2));
        assert_eq!(parse("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"), Some(1));
        assert_eq!(parse("oom_kill_disable 0\n"), None);
    }
}
