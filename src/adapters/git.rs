//! Reads what a repository shows of the night, with the git program.
//!
//! A repository is hostile input: its configuration names programs that git would run (file monitors, filters, pagers,
//! external diffs, signature checkers, transports for missing objects), and its names and messages hold any byte. So
//! git runs with an environment of our own, those settings are overridden, output is NUL-separated, and text is made
//! harmless before it goes anywhere. Nothing here uses the network, and nothing but [`ensure_worktree`] writes to the
//! repository.

mod worktrees;

pub use worktrees::{submodules_since, worktrees_since};

use crate::core::fact::{Commit, FileChange, GitBase, ProjectWork};
use crate::os::command::{CommandError, Output, Program};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long one call of git may take.
pub const DEADLINE: Duration = Duration::from_secs(20);
/// How long it may take to write out a work tree.
const CHECKOUT: Duration = Duration::from_secs(600);
/// Most commits kept of a night.
const COMMITS_MAX: usize = 200;
/// Most files kept of a night.
const FILES_MAX: usize = 500;
/// Most bytes of a listing read; what comes after is not counted, and that is said.
const LISTING_MAX: usize = 32 << 20;
/// Longest author, in characters.
const AUTHOR_MAX: usize = 100;
/// Longest subject, in characters.
const SUBJECT_MAX: usize = 200;
/// Longest path, in characters.
const PATH_MAX: usize = 400;

/// Why a repository could not be read.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// git could not be run to its end.
    #[error(transparent)]
    Program(#[from] CommandError),
    /// git said no.
    #[error("git {call}: {message}")]
    Refused {
        /// What it was asked.
        call: &'static str,
        /// What it said.
        message: String,
    },
    /// The answer cannot be read.
    #[error("git {call} answered something unexpected")]
    BadAnswer {
        /// What it was asked.
        call: &'static str,
    },
}

/// Where the repository of a folder stands now.
pub async fn base(dir: &Path) -> GitBase {
    let repository = Repository::new(dir);
    match repository.base().await {
        Ok(base) => base,
        Err(error) => GitBase::Failed { why: harmless(error.to_string().as_bytes(), 300) },
    }
}

/// What the repository shows since `base`, but for files below `without` (what nightkeep itself writes). What could not be read is in `problem`; the rest is still right.
pub async fn work_since(dir: &Path, base: &GitBase, without: Option<&Path>) -> ProjectWork {
    let mut work = ProjectWork::default();
    let mut repository = Repository::new(dir);
    repository.without = match without {
        Some(without) => repository.inside(without).await,
        None => None,
    };
    if let Err(error) = repository.work(base, &mut work).await {
        work.problem = Some(harmless(error.to_string().as_bytes(), 300));
    }
    work
}

/// How many commits there are since `base`; those of a history that was rewritten count only if their change is new.
pub async fn commits_since(dir: &Path, base: &GitBase) -> Result<u64, GitError> {
    let repository = Repository::new(dir);
    match repository.range(base).await? {
        Some(range) => repository.count(&range).await,
        None => Ok(0),
    }
}

/// Where a folder lies below the top of its work tree. Waits for git.
pub fn place_in_worktree(dir: &Path) -> Result<PathBuf, GitError> {
    let repository = Repository::new(dir);
    let out = repository.program(&["rev-parse", "--show-prefix"], &[]).output_blocking(DEADLINE)?;
    let out = checked("rev-parse", out)?;
    Ok(PathBuf::from(OsStr::from_bytes(trimmed(&out.stdout))))
}

/// Makes sure that a repository has a work tree there, on a branch of its own. The branch begins at `HEAD`, unless it is
/// there already. No hooks and no filters of the repository's own configuration are run.
pub async fn ensure_worktree(of: &Path, root: &Path, branch: &str) -> Result<(), GitError> {
    if root.join(".git").exists() {
        let inside = Repository::new(root).run(&["rev-parse", "--is-inside-work-tree"]).await?;
        return checked("rev-parse", inside).map(|_| ());
    }
    let repository = Repository::new(of);
    // One that was removed by hand is still known to the repository, and its branch held by it.
    checked("worktree prune", repository.run(&["worktree", "prune"]).await?)?;
    let full = format!("refs/heads/{branch}");
    let there = repository.run(&["show-ref", "--verify", "--quiet", "--", &full]).await?.status.success();
    let path = root.to_str().ok_or(GitError::BadAnswer { call: "worktree add" })?;
    let args = if there {
        vec!["worktree", "add", "--", path, branch]
    } else {
        vec!["worktree", "add", "-b", branch, "--", path, "HEAD"]
    };
    let filters = repository.filters().await?;
    checked("worktree add", repository.program(&args, &filters).output(CHECKOUT).await?).map(|_| ())
}

/// An error for people.
pub fn told(error: &GitError) -> String {
    harmless(error.to_string().as_bytes(), 300)
}

/// The commits between a base and `HEAD`.
struct Range {
    /// Full hash of `HEAD`.
    head: String,
    /// Full hash of the commit or empty tree to compare files with.
    from: String,
    /// Arguments for `rev-list`.
    revisions: Vec<String>,
    /// Whether the base is no ancestor of `HEAD`.
    rewritten: bool,
}

struct Repository<'a> {
    dir: &'a Path,
    /// A folder whose files are left out, as git names it, with a final `/`.
    without: Option<Vec<u8>>,
}

impl<'a> Repository<'a> {
    fn new(dir: &'a Path) -> Self {
        Self { dir, without: None }
    }

    /// A folder as git names it; `None` when it is not below this work tree, or is all of it.
    async fn inside(&self, folder: &Path) -> Option<Vec<u8>> {
        let top = self.run(&["rev-parse", "--show-toplevel"]).await.ok().filter(|out| out.status.success())?;
        let top = Path::new(OsStr::from_bytes(trimmed(&top.stdout))).canonicalize().ok()?;
        let folder = folder.canonicalize().ok()?;
        let mut name = folder.strip_prefix(&top).ok()?.as_os_str().as_bytes().to_vec();
        name.push(b'/');
        (name.len() > 1).then_some(name)
    }
    fn counts(&self, path: &[u8]) -> bool {
        self.without.as_ref().is_none_or(|folder| !path.starts_with(folder))
    }

    async fn base(&self) -> Result<GitBase, GitError> {
        let inside = self.run(&["rev-parse", "--git-dir"]).await?;
        if !inside.status.success() {
            // Its messages are in English: the environment is ours.
            return if inside.stderr_text().contains("not a git repository") {
                Ok(GitBase::None)
            } else {
                Err(refused("rev-parse", &inside))
            };
        }
        let branch = self.run(&["symbolic-ref", "--quiet", "HEAD"]).await?;
        let branch = branch.status.success().then(|| {
            let full = trimmed(&branch.stdout);
            harmless(full.strip_prefix(b"refs/heads/").unwrap_or(full), PATH_MAX)
        });
        Ok(match self.head().await? {
            Some(head) => GitBase::At { head, branch },
            None => GitBase::Unborn,
        })
    }

    /// The commit `HEAD` points at; `None` before the first one.
    async fn head(&self) -> Result<Option<String>, GitError> {
        let head = self.run(&["rev-parse", "--quiet", "--verify", "HEAD^{commit}"]).await?;
        if head.status.success() {
            return hash(&head.stdout).map(Some).ok_or(GitError::BadAnswer { call: "rev-parse" });
        }
        // Not there: before the first commit the branch has no file either. Anything else is damage.
        let branch = self.run(&["symbolic-ref", "--quiet", "HEAD"]).await?;
        let name = String::from_utf8_lossy(trimmed(&branch.stdout)).into_owned();
        let exists = self.run(&["show-ref", "--verify", "--quiet", "--", &name]).await?;
        if branch.status.success() && exists.status.code() == Some(1) {
            return Ok(None);
        }
        Err(GitError::Refused { call: "rev-parse", message: "HEAD cannot be read".to_owned() })
    }

    /// `None` when there can be no commit since the base.
    async fn range(&self, base: &GitBase) -> Result<Option<Range>, GitError> {
        let from = match base {
            GitBase::At { head, .. } => Some(hash(head.as_bytes()).ok_or(GitError::BadAnswer { call: "base" })?),
            GitBase::Unborn => None,
            // A repository made during the night: all of it is the night's.
            GitBase::None if matches!(self.base().await?, GitBase::None) => return Ok(None),
            GitBase::None => None,
            GitBase::Failed { why } => return Err(GitError::Refused { call: "at the start", message: why.clone() }),
        };
        let Some(head) = self.head().await? else { return Ok(None) };
        let Some(from) = from else {
            let empty = self.ask("hash-object", &["hash-object", "-t", "tree", "--no-filters", "--stdin"]).await?;
            let from = hash(&empty.stdout).ok_or(GitError::BadAnswer { call: "hash-object" })?;
            return Ok(Some(Range { revisions: vec![head.clone()], head, from, rewritten: false }));
        };
        let ancestor = self.run(&["merge-base", "--is-ancestor", &from, &head]).await?;
        let rewritten = match ancestor.status.code() {
            Some(0) => false,
            Some(1) => true,
            _ => {
                return Err(GitError::Refused {
                    call: "merge-base",
                    message: "the night's first commit is gone".to_owned(),
                });
            }
        };
        let revisions = if rewritten {
            // Commits that were only rewritten carry the same change as one on the old side: they are not the night's.
            ["--cherry-pick", "--right-only", &format!("{from}...{head}")].map(str::to_owned).to_vec()
        } else {
            vec![format!("{from}..{head}")]
        };
        Ok(Some(Range { head, from, revisions, rewritten }))
    }

    async fn work(&self, base: &GitBase, work: &mut ProjectWork) -> Result<(), GitError> {
        if matches!(base, GitBase::None) && matches!(self.base().await?, GitBase::None) {
            return Ok(());
        }
        let range = self.range(base).await;
        // What is uncommitted can be told even when the commits cannot.
        let commits = match &range {
            Ok(Some(range)) => self.committed(range, work).await,
            Ok(None) => Ok(()),
            Err(_) => Ok(()),
        };
        let uncommitted = self.uncommitted(range.as_ref().ok().and_then(Option::as_ref), work).await;
        range.map(|_| ()).and(commits).and(uncommitted)
    }

    async fn count(&self, range: &Range) -> Result<u64, GitError> {
        let out = self.ask("rev-list", &with(&["rev-list", "--count"], range)).await?;
        let text = String::from_utf8_lossy(trimmed(&out.stdout)).into_owned();
        text.parse().map_err(|_| GitError::BadAnswer { call: "rev-list" })
    }

    async fn committed(&self, range: &Range, work: &mut ProjectWork) -> Result<(), GitError> {
        work.rewritten = range.rewritten;
        work.commit_count = self.count(range).await?;
        let max = format!("--max-count={COMMITS_MAX}");
        let format =
            ["rev-list", "--no-commit-header", "--encoding=UTF-8", &max, "--format=%H%x00%ct%x00%an%x00%s%x00"];
        work.commits = commits(&self.ask("rev-list", &with(&format, range)).await?.stdout);
        let diff = ["diff-tree", "-r", "--numstat", "-z", "--no-renames", "--no-ext-diff", "--no-textconv"];
        let out =
            self.ask("diff-tree", &[&diff[..], &[range.from.as_str(), range.head.as_str(), "--"]].concat()).await?;
        let mut files = numstat(&out.stdout, true);
        files.retain(|path, _| self.counts(path));
        work.file_count = files.len() as u64;
        work.files = files.into_values().take(FILES_MAX).collect();
        said_if_cut(&out, work);
        Ok(())
    }

    async fn uncommitted(&self, range: Option<&Range>, work: &mut ProjectWork) -> Result<(), GitError> {
        let bare = self.ask("rev-parse", &["rev-parse", "--is-bare-repository"]).await?;
        if trimmed(&bare.stdout) == b"true" {
            return Ok(());
        }
        let filters = self.filters().await?;
        let status =
            ["status", "--porcelain=v2", "-z", "--untracked-files=all", "--ignore-submodules=dirty", "--no-renames"];
        let out = checked("status", self.program(&status, &filters).output(DEADLINE).await?)?;
        let mut paths = status_paths(&out.stdout);
        paths.retain(|path| self.counts(path));
        work.dirty_count = paths.len() as u64;
        said_if_cut(&out, work);
        let room = FILES_MAX.saturating_sub(work.files.len());
        if paths.is_empty() {
            return Ok(());
        }
        let mut listing = Vec::new();
        if let Some(range) = range {
            let diff = [
                "diff",
                "--numstat",
                "-z",
                "--no-renames",
                "--no-ext-diff",
                "--no-textconv",
                "--ignore-submodules=dirty",
            ];
            let args = [&diff[..], &[range.head.as_str(), "--"]].concat();
            let out = checked("diff", self.program(&args, &filters).output(DEADLINE).await?)?;
            listing = out.stdout;
        }
        let mut counted = numstat(&listing, false);
        work.files.extend(paths.into_iter().take(room).map(|path| {
            counted.remove(path).unwrap_or_else(|| FileChange {
                path: harmless(path, PATH_MAX),
                added: None,
                removed: None,
                committed: false,
            })
        }));
        Ok(())
    }

    /// Settings that switch off the filters the repository itself configures: they are programs that git runs over
    /// files. Those of the user's own configuration stay.
    async fn filters(&self) -> Result<Vec<(String, &'static str)>, GitError> {
        let mut off = Vec::new();
        for scope in ["--local", "--worktree"] {
            let listing = ["config", scope, "--includes", "-z", "--name-only", "--get-regexp", r"^filter\."];
            let out = self.run(&listing).await?;
            // 1 is "none". `--worktree` fails where there are several work trees without settings of their own.
            if !matches!(out.status.code(), Some(0 | 1)) && scope == "--local" {
                return Err(refused("config", &out));
            }
            for key in out.stdout.split(|&b| b == 0).filter(|key| !key.is_empty()) {
                let key = std::str::from_utf8(key).map_err(|_| GitError::BadAnswer { call: "config" })?;
                let driver = key.rsplit_once('.').map_or(key, |(driver, _)| driver);
                off.extend(
                    [("clean", ""), ("smudge", ""), ("process", ""), ("required", "false")]
                        .map(|(setting, value)| (format!("{driver}.{setting}"), value)),
                );
            }
        }
        off.sort();
        off.dedup();
        Ok(off)
    }

    async fn run(&self, args: &[&str]) -> Result<Output, GitError> {
        Ok(self.program(args, &[]).output(DEADLINE).await?)
    }
    async fn ask(&self, call: &'static str, args: &[&str]) -> Result<Output, GitError> {
        checked(call, self.run(args).await?)
    }

    /// git with nothing of the repository's or the environment's own to run.
    fn program(&self, args: &[&str], settings: &[(String, &str)]) -> Program {
        let mut git = Program::new("git").clean_env().dir(self.dir).keep_stdout(LISTING_MAX);
        for key in ["PATH", "HOME", "XDG_CONFIG_HOME"] {
            if let Some(value) = std::env::var_os(key) {
                git = git.env(key, value);
            }
        }
        let fixed = [
            ("LC_ALL", "C"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_OPTIONAL_LOCKS", "0"),
            ("GIT_LITERAL_PATHSPECS", "1"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_NO_REPLACE_OBJECTS", "1"),
            ("GIT_NO_LAZY_FETCH", "1"),
            // No transport at all: a partial clone would fetch what is missing, by a program its configuration names.
            ("GIT_ALLOW_PROTOCOL", "none"),
            ("GIT_PAGER", "cat"),
        ];
        for (key, value) in fixed {
            git = git.env(key, value);
        }
        // By environment, because a filter's name may hold a `=`, where `-c` would cut it.
        git = git.env("GIT_CONFIG_COUNT", settings.len().to_string());
        for (n, (key, value)) in settings.iter().enumerate() {
            git = git.env(format!("GIT_CONFIG_KEY_{n}"), key).env(format!("GIT_CONFIG_VALUE_{n}"), value);
        }
        let overrides = ["core.fsmonitor=", "core.pager=cat", "core.hooksPath=/dev/null", "core.quotePath=false"];
        git = git.arg("--no-pager");
        for setting in overrides {
            git = git.arg("-c").arg(setting);
        }
        git.args(args)
    }
}

/// Arguments, then the range, then the end of revisions.
fn with<'r>(args: &[&'r str], range: &'r Range) -> Vec<&'r str> {
    args.iter().copied().chain(range.revisions.iter().map(String::as_str)).chain(["--"]).collect()
}

fn checked(call: &'static str, out: Output) -> Result<Output, GitError> {
    if out.status.success() { Ok(out) } else { Err(refused(call, &out)) }
}
fn refused(call: &'static str, out: &Output) -> GitError {
    let said = out.stderr_text();
    GitError::Refused { call, message: if said.is_empty() { out.status.to_string() } else { said } }
}
fn said_if_cut(out: &Output, work: &mut ProjectWork) {
    if out.cut {
        work.problem = Some("there are more files than were counted".to_owned());
    }
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    bytes.trim_ascii()
}

/// A full object hash (SHA-1 or SHA-256) and nothing else.
fn hash(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(trimmed(bytes)).ok()?;
    let whole = matches!(text.len(), 40 | 64) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    whole.then(|| text.to_owned())
}

/// Commits of `%H%x00%ct%x00%an%x00%s%x00`, each followed by a line end. A last one that was cut off is left out.
fn commits(listing: &[u8]) -> Vec<Commit> {
    let fields: Vec<&[u8]> = listing.split(|&b| b == 0).collect();
    let records = fields.chunks_exact(4).filter_map(|record| {
        let seconds: i64 = std::str::from_utf8(record[1]).ok()?.parse().ok()?;
        Some(Commit {
            hash: hash(record[0])?,
            author: harmless(record[2], AUTHOR_MAX),
            at_ms: seconds.saturating_mul(1000),
            subject: harmless(record[3], SUBJECT_MAX),
        })
    });
    records.collect()
}

/// Files of `--numstat -z --no-renames` by raw path: `ADDED TAB REMOVED TAB PATH NUL`, with `-` for binary ones.
fn numstat(listing: &[u8], committed: bool) -> BTreeMap<&[u8], FileChange> {
    let whole = &listing[..listing.iter().rposition(|&b| b == 0).map_or(0, |end| end + 1)];
    let files = whole.split(|&b| b == 0).filter_map(|record| {
        let mut fields = record.splitn(3, |&b| b == b'\t');
        let mut number = || fields.next().map(|n| std::str::from_utf8(n).ok().and_then(|n| n.parse().ok()));
        let (added, removed) = (number()?, number()?);
        let path = fields.next()?;
        Some((path, FileChange { path: harmless(path, PATH_MAX), added, removed, committed }))
    });
    files.collect()
}

/// The raw paths of `status --porcelain=v2 -z --no-renames`.
fn status_paths(listing: &[u8]) -> Vec<&[u8]> {
    let whole = &listing[..listing.iter().rposition(|&b| b == 0).map_or(0, |end| end + 1)];
    let entries = whole.split(|&b| b == 0).filter_map(|entry| {
        // How many fields stand before the path: changed, unmerged, untracked. `!` is ignored, `#` a heading.
        let before = match entry.first()? {
            b'1' => 8,
            b'u' => 10,
            b'?' => 1,
            _ => return None,
        };
        entry.splitn(before + 1, |&b| b == b' ').nth(before)
    });
    entries.collect()
}

/// Bytes as text that can be shown: whatever a terminal would act on, hides, or turns the direction of text is replaced.
fn harmless(bytes: &[u8], max_chars: usize) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c,
                '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
                | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
    };
    let text = String::from_utf8_lossy(bytes);
    let mut shown: String = text.chars().take(max_chars).map(|c| if hidden(c) { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(max_chars).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_move_the_cursor_or_turn_the_line() {
        assert_eq!(harmless(b"a\x1b[31mb\nc\x9b\xff", 100), "a\u{fffd}[31mb\u{fffd}c\u{fffd}\u{fffd}");
        assert_eq!(harmless("x\u{202e}y\u{200b}z\u{2066}".as_bytes(), 100), "x\u{fffd}y\u{fffd}z\u{fffd}");
        assert_eq!(harmless("ünï 😀".as_bytes(), 4), "ünï …");
    }

    #[test]
    fn listings_that_are_cut_off_or_damaged_give_what_is_whole() {
        let listing = b"1\t2\ta\tb\x00-\t-\tbin\x00x\t1\todd\x007\t8\tcut";
        let files = numstat(listing, true);
        assert_eq!(files.keys().copied().collect::<Vec<_>>(), [&b"a\tb"[..], b"bin", b"odd"]);
        assert_eq!((files[&b"bin"[..]].added, files[&b"a\tb"[..]].removed), (None, Some(2)));
        let status = b"# branch.oid x\x001 .M N... 100644 100644 100644 h1 h2 a b\x00? -new\n\x00u UU N... 1 2 3 4 h1 h2 h3 c d\x00! no\x00? cut";
        assert_eq!(status_paths(status), [&b"a b"[..], b"-new\n", b"c d"]);
        let hash = "a".repeat(40);
        let log = format!("{hash}\x0099\0Ann\0first\0\n{hash}\0-5\0\0\0\nbad\01\0x\0y\0\n{hash}\08\0cut");
        let read = commits(log.as_bytes());
        assert_eq!(
            read.iter().map(|c| (c.at_ms, c.subject.as_str())).collect::<Vec<_>>(),
            [(99_000, "first"), (-5_000, "")]
        );
    }

    #[test]
    fn only_a_whole_hash_is_a_hash() {
        for bad in ["", "HEAD", "--all", &"a".repeat(39), &"A".repeat(40), &format!("{}..x", "a".repeat(36))] {
            assert_eq!(hash(bad.as_bytes()), None);
        }
        assert!(hash(format!("{}\n", "0f".repeat(20)).as_bytes()).is_some());
    }
}
