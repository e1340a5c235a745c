//! Commits that were made beside the project's own work tree: in further work trees of its repository, and in its
//! submodules.

use super::{
    COMMITS_MAX, GitError, PATH_MAX, Repository, checked, commits, harmless, hash, refused, status_paths, trimmed,
};
use crate::core::fact::{GitBase, SubmoduleWork, WorktreeWork};
use crate::core::time::Wall;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Most work trees that are looked at.
const WORKTREES_MAX: usize = 20;
/// Most commits kept of one.
const WORKTREE_COMMITS_MAX: usize = 50;
/// Most submodules that are told.
const SUBMODULES_MAX: usize = 50;

/// What further work trees of a project's repository show since the night began at `since`, but for those in `except`.
/// Commits that the project's own work tree has, or had at `base`, are not told again; of the others those whose change
/// was made and committed since. A work tree in which nothing happened is not told.
pub async fn worktrees_since(
    dir: &Path,
    base: &GitBase,
    since: Wall,
    except: &[PathBuf],
) -> Result<Vec<WorktreeWork>, GitError> {
    let repository = Repository::new(dir);
    let listing = repository.run(&["worktree", "list", "--porcelain", "-z"]).await?;
    if !listing.status.success() {
        return Err(refused("worktree", &listing));
    }
    let top = repository.place("--show-toplevel").await;
    let common = repository.place("--git-common-dir").await;
    // The first is the repository's own, which is somebody else's where the project stands in a further one.
    let others = trees(&listing.stdout).into_iter().skip(1).filter(|tree| {
        let real = tree.path.canonicalize().ok();
        let not_here = real.is_some() && real != top;
        not_here && !except.iter().any(|dir| dir.canonicalize().is_ok_and(|dir| real.as_ref() == Some(&dir)))
    });
    let own = repository.head().await?;
    let known: Vec<String> = match base {
        GitBase::At { head, .. } => hash(head.as_bytes()).into_iter().chain(own).collect(),
        GitBase::Unborn | GitBase::None | GitBase::Failed { .. } => own.into_iter().collect(),
    };
    let mut found = Vec::new();
    for tree in others.take(WORKTREES_MAX) {
        let mut work =
            WorktreeWork { path: shown(&tree.path, dir), branch: tree.branch.clone(), ..WorktreeWork::default() };
        if let Err(error) = repository.tree(&tree, &known, since, common.as_deref(), &mut work).await {
            work.problem = Some(harmless(error.to_string().as_bytes(), 300));
        }
        if work.commit_count > 0 || work.dirty_count > 0 || work.problem.is_some() {
            found.push(work);
        }
    }
    Ok(found)
}

/// The submodules whose commit is another than at the base, committed or not.
pub async fn submodules_since(dir: &Path, base: &GitBase) -> Result<Vec<SubmoduleWork>, GitError> {
    let repository = Repository::new(dir);
    let mut found: Vec<SubmoduleWork> = Vec::new();
    if let Ok(Some(range)) = repository.range(base).await {
        let raw = ["diff-tree", "-r", "--raw", "-z", "--no-abbrev", "--no-renames", "--ignore-submodules=none"];
        let args = [&raw[..], &[range.from.as_str(), range.head.as_str(), "--"]].concat();
        let out = repository.ask("diff-tree", &args).await?;
        for (path, from, to) in gitlinks(&out.stdout).into_iter().take(SUBMODULES_MAX) {
            let commit_count = match (&from, &to) {
                (Some(from), Some(to)) => repository.inside_submodule(path, from, to).await,
                (None, _) | (_, None) => None,
            };
            found.push(SubmoduleWork { path: harmless(path, PATH_MAX), from, to, committed: true, commit_count });
        }
    }
    let filters = repository.filters().await?;
    let status =
        ["status", "--porcelain=v2", "-z", "--untracked-files=no", "--ignore-submodules=dirty", "--no-renames"];
    let out = checked("status", repository.program(&status, &filters).output(super::DEADLINE).await?)?;
    let moved = out.stdout.split(|&b| b == 0).filter(|entry| {
        let mut fields = entry.splitn(4, |&b| b == b' ');
        let (kind, sub) = (fields.next(), fields.nth(1));
        kind == Some(b"1") && sub.is_some_and(|sub| sub.starts_with(b"SC"))
    });
    for entry in moved.take(SUBMODULES_MAX) {
        let mut whole = entry.to_vec();
        whole.push(0);
        let path = status_paths(&whole).first().map(|path| harmless(path, PATH_MAX));
        if let Some(path) = path.filter(|path| !found.iter().any(|known| known.path == *path && !known.committed)) {
            found.push(SubmoduleWork { path, committed: false, ..SubmoduleWork::default() });
        }
    }
    Ok(found)
}

/// A work tree as git lists it.
struct Tree {
    path: PathBuf,
    head: Option<String>,
    branch: Option<String>,
}

/// Reads `worktree list --porcelain -z`: attributes that end with NUL, records that end with an empty one.
fn trees(listing: &[u8]) -> Vec<Tree> {
    let mut trees: Vec<Tree> = Vec::new();
    for line in listing.split(|&b| b == 0) {
        let mut parts = line.splitn(2, |&b| b == b' ');
        let (key, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        match (key, trees.last_mut()) {
            (b"worktree", _) => {
                trees.push(Tree { path: PathBuf::from(OsStr::from_bytes(value)), head: None, branch: None });
            }
            (b"HEAD", Some(tree)) => tree.head = hash(value).filter(|hash| hash.bytes().any(|b| b != b'0')),
            (b"branch", Some(tree)) => {
                tree.branch = Some(harmless(value.strip_prefix(b"refs/heads/").unwrap_or(value), PATH_MAX));
            }
            _ => {}
        }
    }
    trees
}

/// Where a work tree stands, from the project's folder when it stands below it.
fn shown(path: &Path, dir: &Path) -> String {
    let real = dir.canonicalize().unwrap_or_else(|_| dir.to_path_buf());
    harmless(path.strip_prefix(&real).unwrap_or(path).as_os_str().as_bytes(), PATH_MAX)
}

/// Submodules of `diff-tree --raw -z`: path, and the commits before and after.
fn gitlinks(listing: &[u8]) -> Vec<(&[u8], Option<String>, Option<String>)> {
    let mut parts = listing.split(|&b| b == 0);
    let mut found = Vec::new();
    while let (Some(record), Some(path)) = (parts.next(), parts.next()) {
        let fields: Vec<&[u8]> = record.strip_prefix(b":").unwrap_or_default().split(|&b| b == b' ').collect();
        let &[before, after, from, to, _] = fields.as_slice() else { continue };
        let of = |mode: &[u8], commit: &[u8]| hash(commit).filter(|_| mode == b"160000");
        if before == b"160000" || after == b"160000" {
            found.push((path, of(before, from), of(after, to)));
        }
    }
    found
}

impl Repository<'_> {
    /// A place that git names, canonical.
    async fn place(&self, of: &str) -> Option<PathBuf> {
        let out = self.run(&["rev-parse", of]).await.ok().filter(|out| out.status.success())?;
        self.dir.join(OsStr::from_bytes(trimmed(&out.stdout))).canonicalize().ok()
    }

    async fn tree(
        &self,
        tree: &Tree,
        known: &[String],
        since: Wall,
        common: Option<&Path>,
        work: &mut WorktreeWork,
    ) -> Result<(), GitError> {
        let there = Repository::new(&tree.path);
        // The repository's own files say where its work trees are; one that is not its own is left alone.
        if common.is_none() || there.place("--git-common-dir").await.as_deref() != common {
            return Err(GitError::BadAnswer { call: "worktree" });
        }
        if let Some(head) = &tree.head {
            let max = format!("--max-count={COMMITS_MAX}");
            let format = ["rev-list", "--no-commit-header", "--encoding=UTF-8", &max];
            // The author's time stands first: a change that was only rewritten keeps it.
            let times = ["--format=%H%x00%at%x00%an%x00%s%x00", "--format=%H%x00%ct%x00%an%x00%s%x00"];
            let not: Vec<&str> = std::iter::once("--not").chain(known.iter().map(String::as_str)).collect();
            let mut lists = Vec::new();
            for time in times {
                let args = [&format[..], &[time, head.as_str()], &not[..], &["--"]].concat();
                lists.push(commits(&self.ask("rev-list", &args).await?.stdout));
            }
            let committed = lists.pop().unwrap_or_default();
            let authored = lists.pop().unwrap_or_default();
            let second = since.0.div_euclid(1000).saturating_mul(1000);
            let both = authored.into_iter().zip(committed);
            let mut tonight: Vec<_> =
                both.filter(|(a, c)| a.at_ms >= second && c.at_ms >= second).map(|(_, commit)| commit).collect();
            work.commit_count = tonight.len() as u64;
            tonight.truncate(WORKTREE_COMMITS_MAX);
            work.commits = tonight;
        }
        let filters = there.filters().await?;
        let status =
            ["status", "--porcelain=v2", "-z", "--untracked-files=all", "--ignore-submodules=dirty", "--no-renames"];
        let out = checked("status", there.program(&status, &filters).output(super::DEADLINE).await?)?;
        work.dirty_count = status_paths(&out.stdout).len() as u64;
        Ok(())
    }

    /// How many commits a submodule went on; `None` when it does not have both, or does not stand below this folder.
    async fn inside_submodule(&self, path: &[u8], from: &str, to: &str) -> Option<u64> {
        let top = self.place("--show-toplevel").await?;
        let real = top.join(OsStr::from_bytes(path)).canonicalize().ok()?;
        if !real.starts_with(&top) || real == top {
            return None;
        }
        let there = Repository::new(&real);
        if there.place("--show-toplevel").await.as_deref() != Some(real.as_path()) {
            return None;
        }
        let out = there.ask("rev-list", &["rev-list", "--count", &format!("{from}..{to}"), "--"]).await.ok()?;
        String::from_utf8_lossy(trimmed(&out.stdout)).parse().ok()
    }
}
