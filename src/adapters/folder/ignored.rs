//! What git ignores, and what holds nothing that a person wrote: found in the lists that stand in the folders.

use super::Count;
use super::open;
use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Largest list, in bytes.
const LIST_MAX: u64 = 64 << 10;
/// Most lists of one look; each is a set of patterns to be made ready.
const LISTS_MAX: usize = 2_000;

/// Folders that programs fill by themselves, by their names.
const FILLED: &[&str] = &[
    ".git",
    ".hg",
    ".svn",
    ".jj",
    "node_modules",
    "bower_components",
    "__pycache__",
    ".venv",
    ".tox",
    ".nox",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".gradle",
    ".next",
    ".nuxt",
    ".svelte-kit",
    ".turbo",
    ".terraform",
    ".direnv",
    ".cache",
];
/// What stands beside a `target` that a build fills.
const BUILT_BY: &[&str] = &["Cargo.toml", "pom.xml", "build.sbt", "project.clj", "deps.edn"];

/// Whether a folder of this name is filled by a program. `beside` tells whether a name stands in the same folder.
pub(super) fn is_filled(name: &[u8], beside: impl Fn(&str) -> bool) -> bool {
    FILLED.iter().any(|filled| filled.as_bytes() == name)
        || (name == b"target" && BUILT_BY.iter().any(|file| beside(file)))
}

/// The lists that hold in a folder, the nearest first.
#[derive(Clone, Default)]
pub(super) struct Lists {
    nearest: Option<Arc<Level>>,
}

struct Level {
    list: Gitignore,
    /// Bytes of the path below the project's folder that lie above this list.
    strip: usize,
    /// What stands before the path, for a list above the project's folder.
    before: PathBuf,
    above: Option<Arc<Level>>,
}

/// Reads lists, a bounded number of them.
pub(super) struct ListReader {
    left: usize,
    /// Those that were not heeded.
    pub(super) left_out: Count,
}

impl ListReader {
    pub(super) fn new() -> Self {
        Self { left: LISTS_MAX, left_out: Count::default() }
    }

    /// The lists that hold in the project's folder: the user's own, the repository's, and those above up to its top.
    pub(super) fn outside(&mut self, root: &Path) -> Lists {
        let mut lists = Lists::default();
        let (own, _) = Gitignore::global();
        if !own.is_empty() {
            lists = lists.with(own, 0, PathBuf::new());
        }
        let top = root.ancestors().find(|folder| folder.join(".git").symlink_metadata().is_ok());
        let Some(top) = top else { return lists };
        let below_top = |folder: &Path| root.strip_prefix(folder).map(Path::to_path_buf).unwrap_or_default();
        let exclude = top.join(".git/info");
        let mut above: Vec<&Path> = root.ancestors().skip(1).take_while(|folder| folder.starts_with(top)).collect();
        above.reverse();
        let places = [(exclude.as_path(), "exclude", top)].into_iter();
        for (folder, name, of) in places.chain(above.into_iter().map(|folder| (folder, ".gitignore", folder))) {
            let Ok(at) = open::root(folder) else { continue };
            if let Some(list) = self.read(&at, OsStr::new(name), b"") {
                lists = lists.with(list, 0, below_top(of));
            }
        }
        lists
    }

    /// The list in a folder of the project, on top of those that hold there anyway.
    pub(super) fn inside(&mut self, lists: &Lists, at: &OwnedFd, folder: &[u8]) -> Lists {
        match self.read(at, OsStr::new(".gitignore"), folder) {
            Some(list) => {
                let strip = if folder.is_empty() { 0 } else { folder.len() + 1 };
                lists.with(list, strip, PathBuf::new())
            }
            None => lists.clone(),
        }
    }

    fn read(&mut self, at: &OwnedFd, name: &OsStr, folder: &[u8]) -> Option<Gitignore> {
        let (file, stat) = open::regular_in(at, name).ok()?;
        let mut text = Vec::new();
        if u64::try_from(stat.st_size).is_ok_and(|size| size > LIST_MAX) || self.left == 0 {
            self.left_out.add(folder);
            return None;
        }
        self.left -= 1;
        file.take(LIST_MAX).read_to_end(&mut text).ok()?;
        let mut builder = GitignoreBuilder::new("");
        for line in String::from_utf8_lossy(&text).lines() {
            // A line that means nothing ignores nothing, as with git.
            let _ = builder.add_line(None, line);
        }
        builder.build().ok().filter(|list| !list.is_empty())
    }
}

impl Lists {
    fn with(&self, list: Gitignore, strip: usize, before: PathBuf) -> Self {
        Self { nearest: Some(Arc::new(Level { list, strip, before, above: self.nearest.clone() })) }
    }
    /// Whether git would ignore this path below the project's folder.
    pub(super) fn ignore(&self, path: &[u8], is_folder: bool) -> bool {
        let mut level = self.nearest.as_ref();
        while let Some(here) = level {
            let below = Path::new(OsStr::from_bytes(path.get(here.strip..).unwrap_or_default()));
            let found = if here.before.as_os_str().is_empty() {
                here.list.matched(below, is_folder)
            } else {
                here.list.matched(here.before.join(below), is_folder)
            };
            match found {
                Match::None => level = here.above.as_ref(),
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
            }
        }
        false
    }
}

/// Whether a `.git` in a folder makes it a further work tree of a repository: a file that names its place there.
pub(super) fn is_worktree(at: &OwnedFd) -> bool {
    let Ok((file, _)) = open::regular_in(at, OsStr::new(".git")) else { return false };
    let mut text = Vec::new();
    let read = file.take(4096).read_to_end(&mut text).is_ok();
    read && text.starts_with(b"gitdir:") && String::from_utf8_lossy(&text).contains("/worktrees/")
}

/// Whether a folder says of itself that all in it can be made again.
pub(super) fn is_cache(at: &OwnedFd) -> bool {
    let Ok((file, _)) = open::regular_in(at, OsStr::new("CACHEDIR.TAG")) else { return false };
    let mut text = Vec::new();
    file.take(64).read_to_end(&mut text).is_ok() && text.starts_with(b"Signature: 8a477f597d28d172789f06886806bc55")
}

/// The real place of a folder, as far as it can be found out.
pub(super) fn real(folder: &Path) -> PathBuf {
    fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf())
}
