//! What happened beside a project's own work tree: in further work trees of its repository, and in its submodules.

use super::model::{CommitReport, ProjectReport};
use super::sessions::quote;
use crate::core::fact::{Commit, ProjectWork, SubmoduleWork, WorktreeWork};
use crate::core::time::Wall;
use crate::status::text::count;
use crate::status::zone::rfc3339;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Commits of a further work tree are counted as far as this.
const COUNTED_MAX: u64 = 200;
/// Characters of a hash that are shown.
const HASH: usize = 10;

/// A further work tree of a project's repository in which something happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorktreeReport {
    /// Where it stands: below the project's folder, else whole.
    pub path: String,
    /// Its branch; null when it is on none.
    pub branch: Option<String>,
    /// Commits of the night that the project's own work tree does not have, newest first, at most 50.
    pub commits: Vec<CommitReport>,
    /// How many there are, counted as far as 200.
    pub commit_count: u64,
    /// Uncommitted changes, untracked files included.
    pub dirty_count: u64,
    /// What could not be read.
    pub problem: Option<String>,
}

/// A submodule that stands at another commit than when the night began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SubmoduleReport {
    /// Its path in the repository.
    pub path: String,
    /// The commit it stood at; null when it is new, or the change is not committed.
    pub from: Option<String>,
    /// The commit it stands at; null when it is gone, or the change is not committed.
    pub to: Option<String>,
    /// Whether the repository has that committed.
    pub committed: bool,
    /// By how many commits it went on, where that is known.
    pub commit_count: Option<u64>,
}

/// A commit, harmless.
pub(super) fn commit(commit: &Commit) -> CommitReport {
    CommitReport {
        hash: quote(&commit.hash),
        author: quote(&commit.author),
        at: rfc3339(Wall(commit.at_ms)),
        subject: quote(&commit.subject),
    }
}

/// A further work tree, harmless.
pub(super) fn tree(tree: &WorktreeWork) -> WorktreeReport {
    WorktreeReport {
        path: quote(&tree.path),
        branch: tree.branch.as_deref().map(quote),
        commits: tree.commits.iter().map(commit).collect(),
        commit_count: tree.commit_count,
        dirty_count: tree.dirty_count,
        problem: tree.problem.as_deref().map(quote),
    }
}

/// What a project's repository showed beside its own work tree.
pub(super) fn beside(work: &ProjectWork) -> (Vec<WorktreeReport>, Vec<SubmoduleReport>) {
    let module = |module: &SubmoduleWork| SubmoduleReport {
        path: quote(&module.path),
        from: module.from.as_deref().map(quote),
        to: module.to.as_deref().map(quote),
        committed: module.committed,
        commit_count: module.commit_count,
    };
    (work.worktrees.iter().map(tree).collect(), work.submodules.iter().map(module).collect())
}

impl WorktreeReport {
    /// What happened there: `on fix, 3 commits, 1 uncommitted change`
    pub(super) fn words(&self) -> String {
        let on = self.branch.as_ref().map_or_else(|| "on no branch".to_owned(), |branch| format!("on {branch}"));
        let more = if self.commit_count >= COUNTED_MAX { " or more" } else { "" };
        let commits =
            (self.commit_count > 0).then(|| format!("{}{more}", count(self.commit_count, "commit", "commits")));
        let dirty =
            (self.dirty_count > 0).then(|| count(self.dirty_count, "uncommitted change", "uncommitted changes"));
        let problem = self.problem.as_ref().map(|problem| format!("could not be read whole: {problem}"));
        [Some(on), commits, dirty, problem].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

impl SubmoduleReport {
    /// What became of it: `went on by 3 commits, from 1a2b3c4d5e to 9f8e7d6c5b`
    pub(super) fn words(&self) -> String {
        let short = |hash: &str| hash.chars().take(HASH).collect::<String>();
        let told = match (self.from.as_deref(), self.to.as_deref()) {
            (Some(from), Some(to)) => {
                let way = match self.commit_count {
                    Some(n) if n > 0 => format!("went on by {}", count(n, "commit", "commits")),
                    Some(_) | None => "stands elsewhere".to_owned(),
                };
                format!("{way}, from {} to {}", short(from), short(to))
            }
            (None, Some(to)) => format!("is new, at {}", short(to)),
            (Some(from), None) => format!("is gone, was at {}", short(from)),
            (None, None) => "stands elsewhere".to_owned(),
        };
        if self.committed { told } else { format!("{told}, not committed") }
    }
}

/// What happened beside in a few words, for the project's line: `3 commits in 1 further work tree`
pub(super) fn head(project: &ProjectReport) -> Option<String> {
    let trees = project.worktrees.len() as u64;
    let commits: u64 = project.worktrees.iter().map(|tree| tree.commit_count).sum();
    let noun = count(trees, "further work tree", "further work trees");
    let trees = match (trees, commits) {
        (0, _) => None,
        (_, 0) => Some(format!("changes in {noun}")),
        (_, n) => Some(format!("{} in {noun}", count(n, "commit", "commits"))),
    };
    let modules = project.submodules.len() as u64;
    let modules = (modules > 0).then(|| format!("{} elsewhere", count(modules, "submodule", "submodules")));
    let told: Vec<String> = [trees, modules].into_iter().flatten().collect();
    (!told.is_empty()).then(|| told.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_submodule_is_told_by_the_way_it_went() {
        let module = |from: Option<&str>, to: Option<&str>, committed, commit_count| {
            let hash = |text: &str| text.repeat(40);
            let (from, to) = (from.map(hash), to.map(hash));
            SubmoduleReport { path: "lib".to_owned(), from, to, committed, commit_count }.words()
        };
        assert_eq!(module(Some("a"), Some("b"), true, Some(1)), "went on by 1 commit, from aaaaaaaaaa to bbbbbbbbbb");
        assert_eq!(module(Some("a"), Some("b"), true, None), "stands elsewhere, from aaaaaaaaaa to bbbbbbbbbb");
        assert_eq!(module(None, Some("b"), true, None), "is new, at bbbbbbbbbb");
        assert_eq!(module(Some("a"), None, true, None), "is gone, was at aaaaaaaaaa");
        assert_eq!(module(None, None, false, None), "stands elsewhere, not committed");
    }
}
