//! What `init` and `doctor` find on this machine: git repositories below a folder, agents in `PATH`.

use crate::os::clock;
use std::collections::VecDeque;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Agents that nightkeep knows.
pub const AGENTS: [&str; 5] = ["claude", "codex", "gemini", "aider", "opencode"];
/// How deep, how long and how many folders are looked at.
const DEPTH_MAX: usize = 4;
const TIME_MAX: Duration = Duration::from_secs(2);
const FOLDERS_MAX: usize = 20_000;
/// Most repositories that are of use in a new file.
const REPOSITORIES_MAX: usize = 50;
/// Folders that hold other people's code.
const SKIPPED: [&str; 4] = ["node_modules", "target", "vendor", "__pycache__"];

/// What a new file can be made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The repositories, in the order of their folders.
    pub repositories: Vec<Repository>,
    /// Installed agents.
    pub agents: Vec<&'static str>,
}

/// A git repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// The name of its folder.
    pub name: String,
    /// Its folder, relative to where was looked; `.` for that itself.
    pub path: String,
}

/// Looks for what a file in `root` can be made of. Bounded in depth, time and number.
pub fn look(root: &Path) -> Found {
    let mut folders = repositories(root);
    folders.sort();
    let repositories = folders
        .iter()
        .take(REPOSITORIES_MAX)
        .filter_map(|folder| {
            let relative = folder.strip_prefix(root).ok()?.to_str()?;
            let name = folder.file_name().and_then(|n| n.to_str()).unwrap_or("project").to_owned();
            let path = if relative.is_empty() { ".".to_owned() } else { relative.to_owned() };
            Some(Repository { name, path })
        })
        .collect();
    Found { repositories, agents: installed_agents() }
}

/// Agents that stand in `PATH`.
pub fn installed_agents() -> Vec<&'static str> {
    AGENTS.into_iter().filter(|agent| in_path(agent).is_some()).collect()
}

/// Where a program stands in `PATH`.
pub fn in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let runs = |file: &PathBuf| fs::metadata(file).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
    std::env::split_paths(&path).filter(|dir| dir.is_absolute()).map(|dir| dir.join(program)).find(runs)
}

/// The folders with a `.git`, breadth first; nothing below a repository, no links followed.
fn repositories(root: &Path) -> Vec<PathBuf> {
    let began = clock::mono();
    let mut found = Vec::new();
    let mut queue = VecDeque::from([(root.to_path_buf(), 0)]);
    for _ in 0..FOLDERS_MAX {
        let Some((folder, depth)) = queue.pop_front() else { break };
        if clock::mono().since(began) > TIME_MAX {
            break;
        }
        if folder.join(".git").exists() {
            found.push(folder.clone());
            // The folder itself may hold several repositories side by side.
            if depth > 0 {
                continue;
            }
        }
        if depth == DEPTH_MAX {
            continue;
        }
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && !name.starts_with('.') && !SKIPPED.contains(&name.as_ref()) {
                queue.push_back((entry.path(), depth + 1));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_are_found_once_and_links_are_not_followed() {
        let tmp = tempfile::tempdir().unwrap();
        let folders = ["Back End", "x/back-end", "x/back-end/sub", "node_modules/y", ".hid", "日本", "a/b/c/d/e"];
        for folder in folders {
            fs::create_dir_all(tmp.path().join(folder).join(".git")).unwrap();
        }
        std::os::unix::fs::symlink(tmp.path(), tmp.path().join("loop")).unwrap();
        let found: Vec<(String, String)> =
            look(tmp.path()).repositories.into_iter().map(|r| (r.name, r.path)).collect();
        let expected = [("Back End", "Back End"), ("back-end", "x/back-end"), ("日本", "日本")];
        assert_eq!(found, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }
}
