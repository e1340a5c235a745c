//! What `init` and `doctor` find on this machine: git repositories below a folder, agents in `PATH`.

use crate::core::ids::{NAME_MAX, ProjectName};
use crate::os::clock;
use std::collections::{BTreeSet, VecDeque};
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
    /// A project name made of its folder's.
    pub name: ProjectName,
    /// Its folder, relative to where was looked; `.` for that itself.
    pub dir: String,
}

/// Looks for what a file in `root` can be made of. Bounded in depth, time and number.
pub fn look(root: &Path) -> Found {
    let mut names = BTreeSet::new();
    let mut folders = repositories(root);
    folders.sort();
    let repositories = folders
        .iter()
        .take(REPOSITORIES_MAX)
        .filter_map(|folder| {
            let relative = folder.strip_prefix(root).ok()?.to_str()?;
            let named = folder.file_name().and_then(|n| n.to_str()).unwrap_or("project");
            let name = free_name(named, &mut names)?;
            let dir = if relative.is_empty() { ".".to_owned() } else { relative.to_owned() };
            Some(Repository { name, dir })
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

/// A project name made of a folder's, different from all before.
fn free_name(folder: &str, taken: &mut BTreeSet<String>) -> Option<ProjectName> {
    let word: String =
        folder.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
    let word = word.trim_matches(['-', '_']);
    let word: String = if word.is_empty() { "project".into() } else { word.chars().take(NAME_MAX - 4).collect() };
    let numbered = (2..100).map(|n| format!("{word}-{n}"));
    let name = std::iter::once(word.clone()).chain(numbered).find(|name| !taken.contains(name))?;
    taken.insert(name.clone());
    ProjectName::new(&name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_are_found_once_and_get_fitting_names() {
        let tmp = tempfile::tempdir().unwrap();
        for dir in
            ["Back End/.git", "x/back-end/.git", "x/back-end/sub/.git", "node_modules/y/.git", ".hid/.git", "日本/.git"]
        {
            fs::create_dir_all(tmp.path().join(dir)).unwrap();
        }
        fs::create_dir_all(tmp.path().join("a/b/c/d/e/.git")).unwrap();
        std::os::unix::fs::symlink(tmp.path(), tmp.path().join("loop")).unwrap();
        let found: Vec<(String, String)> =
            look(tmp.path()).repositories.into_iter().map(|r| (r.name.to_string(), r.dir)).collect();
        let expected = [("back-end", "Back End"), ("back-end-2", "x/back-end"), ("project", "日本")];
        assert_eq!(found, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }
}
