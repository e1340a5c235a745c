//! Real repositories, ordinary and hostile.

use crate::lab::PATIENCE;
use nightkeep::adapters::git::{base, commits_since, submodules_since, work_since, worktrees_since};
use nightkeep::core::fact::{GitBase, ProjectWork};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// A repository in a temp dir.
struct Repo {
    dir: tempfile::TempDir,
}

impl Repo {
    /// Without a commit.
    fn unborn() -> Self {
        let repo = Self { dir: tempfile::tempdir().unwrap() };
        repo.git(&["init", "-q", "-b", "main"]);
        repo
    }
    /// With one commit of one file.
    fn new() -> Self {
        let repo = Self::unborn();
        repo.write("README", "one\n");
        repo.commit("first");
        repo
    }
    fn path(&self) -> &Path {
        self.dir.path()
    }
    fn git(&self, args: &[&str]) -> String {
        git_in(self.path(), args)
    }
    fn write(&self, path: impl AsRef<Path>, text: &str) {
        fs::write(self.path().join(path), text).unwrap();
    }
    fn commit(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "--cleanup=verbatim", "-m", message]);
    }
    fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }
    async fn base(&self) -> GitBase {
        base(self.path()).await
    }
    /// A program that leaves `pwned` behind. It does not read what it is given: it would wait for ever as a transport.
    fn trap(&self) -> String {
        let trap = self.dir.path().join(".git/trap");
        fs::write(&trap, format!("#!/bin/sh\ntouch {}\nexit 1\n", self.pwned().display())).unwrap();
        fs::set_permissions(&trap, fs::Permissions::from_mode(0o755)).unwrap();
        trap.display().to_string()
    }
    fn pwned(&self) -> PathBuf {
        self.dir.path().join(".git/pwned")
    }
}

fn git_in(dir: &Path, args: &[&str]) -> String {
    let out = Command::new("git")
        .args(["-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-c", "commit.gpgSign=false"])
        .args(args)
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

fn subjects(work: &ProjectWork) -> Vec<&str> {
    work.commits.iter().map(|c| c.subject.as_str()).collect()
}
fn paths(work: &ProjectWork, committed: bool) -> Vec<&str> {
    work.files.iter().filter(|f| f.committed == committed).map(|f| f.path.as_str()).collect()
}

#[tokio::test]
async fn a_night_of_commits_and_loose_ends() {
    let repo = Repo::new();
    let began = repo.base().await;
    assert_eq!(began, GitBase::At { head: repo.head(), branch: Some("main".to_owned()) });
    repo.write("a.txt", "1\n2\n3\n");
    repo.commit("add a");
    repo.write("README", "two\nthree\n");
    fs::write(repo.path().join("bin"), [0, 1, 2, 0]).unwrap();
    repo.commit("change readme");
    repo.write("a.txt", "1\n2\n");
    repo.write("loose", "x");
    let work = work_since(repo.path(), &began, None).await;
    assert_eq!(work.problem, None);
    assert_eq!(subjects(&work), ["change readme", "add a"]);
    assert_eq!((work.commit_count, work.file_count, work.dirty_count, work.rewritten), (2, 3, 2, false));
    assert_eq!(paths(&work, true), ["README", "a.txt", "bin"]);
    assert_eq!(paths(&work, false), ["a.txt", "loose"]);
    let numbers: Vec<_> = work.files.iter().map(|f| (f.added, f.removed)).collect();
    assert_eq!(numbers, [(Some(2), Some(1)), (Some(3), Some(0)), (None, None), (Some(0), Some(1)), (None, None)]);
    let time: i64 = repo.git(&["log", "-1", "--format=%ct"]).parse().unwrap();
    assert_eq!((work.commits[0].at_ms, work.commits[0].author.as_str()), (time * 1000, "Ann"));
    assert_eq!(work.commits[0].hash, repo.head());
    assert_eq!(commits_since(repo.path(), &began).await.unwrap(), 2);
}

#[tokio::test]
async fn what_we_write_ourselves_is_left_out() {
    let repo = Repo::new();
    let began = repo.base().await;
    fs::create_dir_all(repo.path().join("sub/logs")).unwrap();
    repo.write("sub/logs/committed", "1\n");
    repo.write("sub/logs-of-mine", "1\n");
    repo.commit("add");
    repo.write("sub/logs/loose", "x");
    repo.write("loose", "x");
    let work = work_since(repo.path(), &began, Some(&repo.path().join("sub/logs"))).await;
    assert_eq!((work.file_count, work.dirty_count, work.problem.clone()), (1, 1, None));
    assert_eq!((paths(&work, true), paths(&work, false)), (vec!["sub/logs-of-mine"], vec!["loose"]));
}

#[tokio::test]
async fn nothing_done_is_nothing() {
    let repo = Repo::new();
    let began = repo.base().await;
    assert_eq!(work_since(repo.path(), &began, None).await, ProjectWork::default());
    assert_eq!(commits_since(repo.path(), &began).await.unwrap(), 0);
}

#[tokio::test]
async fn no_repository_and_one_that_is_made_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let began = base(dir.path()).await;
    assert_eq!(began, GitBase::None);
    assert_eq!(work_since(dir.path(), &began, None).await, ProjectWork::default());
    assert_eq!(commits_since(dir.path(), &began).await.unwrap(), 0);
    git_in(dir.path(), &["init", "-q"]);
    fs::write(dir.path().join("a"), "1\n").unwrap();
    git_in(dir.path(), &["add", "-A"]);
    git_in(dir.path(), &["commit", "-q", "-m", "born"]);
    assert_eq!(subjects(&work_since(dir.path(), &began, None).await), ["born"]);
}

#[tokio::test]
async fn a_folder_that_is_gone_is_a_failure_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let gone = dir.path().join("gone");
    assert!(matches!(base(&gone).await, GitBase::Failed { why } if why.contains("cannot start")));
    let work = work_since(&gone, &GitBase::Unborn, None).await;
    assert!(work.problem.is_some());
    let failed = GitBase::Failed { why: "disk\u{1b}".to_owned() };
    let repo = Repo::new();
    repo.write("loose", "x");
    let work = work_since(repo.path(), &failed, None).await;
    assert_eq!(work.problem.as_deref(), Some("git at the start: disk\u{fffd}"));
    assert_eq!(work.dirty_count, 1, "what can be told is told");
}

#[tokio::test]
async fn the_first_commit_of_all_is_the_nights() {
    let repo = Repo::unborn();
    let began = repo.base().await;
    assert_eq!(began, GitBase::Unborn);
    repo.write("staged", "1\n");
    repo.git(&["add", "staged"]);
    let work = work_since(repo.path(), &began, None).await;
    assert_eq!((work.commit_count, work.dirty_count, work.problem.as_deref()), (0, 1, None));
    repo.commit("first");
    let work = work_since(repo.path(), &began, None).await;
    assert_eq!((subjects(&work), paths(&work, true)), (vec!["first"], vec!["staged"]));
}

#[tokio::test]
async fn detached_heads_bare_repositories_and_work_trees() {
    let repo = Repo::new();
    let tree = repo.path().join("tree");
    repo.git(&["worktree", "add", "-q", "--detach", "tree"]);
    let began = base(&tree).await;
    assert_eq!(began, GitBase::At { head: repo.head(), branch: None });
    git_in(&tree, &["commit", "-q", "--allow-empty", "-m", "in the tree"]);
    assert_eq!(subjects(&work_since(&tree, &began, None).await), ["in the tree"]);
    assert_eq!(commits_since(repo.path(), &began).await.unwrap(), 0, "the main work tree did not move");

    let bare = tempfile::tempdir().unwrap();
    git_in(bare.path(), &["clone", "-q", "--bare", repo.path().to_str().unwrap(), "b.git"]);
    let bare = bare.path().join("b.git");
    assert!(matches!(base(&bare).await, GitBase::At { .. }));
    let work = work_since(&bare, &began, None).await;
    assert_eq!((work.problem, work.dirty_count), (None, 0));
}

#[tokio::test]
async fn merges_count_what_they_bring() {
    let repo = Repo::new();
    let began = repo.base().await;
    repo.git(&["checkout", "-q", "-b", "side"]);
    repo.write("side", "s\n");
    repo.commit("on the side");
    repo.git(&["checkout", "-q", "main"]);
    repo.write("main", "m\n");
    repo.commit("on main");
    repo.git(&["merge", "-q", "--no-ff", "-m", "merge side", "side"]);
    let work = work_since(repo.path(), &began, None).await;
    assert_eq!((work.commit_count, work.rewritten), (3, false));
    assert_eq!(paths(&work, true), ["main", "side"]);
}

#[tokio::test]
async fn rewritten_history_is_said_and_not_counted_twice() {
    let repo = Repo::new();
    repo.write("a", "1\n");
    repo.commit("a");
    repo.write("b", "1\n");
    repo.commit("b");
    let began = repo.base().await;
    // The same two changes again on another beginning, and one that is new.
    repo.git(&["checkout", "-q", "--orphan", "again"]);
    repo.git(&["reset", "-q", "--hard"]);
    repo.write("README", "one\n");
    repo.commit("first, said differently");
    repo.write("a", "1\n");
    repo.commit("a");
    repo.write("b", "1\n");
    repo.commit("b");
    repo.write("c", "1\n");
    repo.commit("c");
    let work = work_since(repo.path(), &began, None).await;
    assert!(work.rewritten);
    assert_eq!((subjects(&work), paths(&work, true)), (vec!["c"], vec!["c"]));
    assert_eq!(commits_since(repo.path(), &began).await.unwrap(), 1);
    let lost = GitBase::At { head: "1234567890".repeat(4), branch: None };
    let work = work_since(repo.path(), &lost, None).await;
    assert_eq!(work.problem.as_deref(), Some("git merge-base: the night's first commit is gone"));
    let odd = GitBase::At { head: "--all".to_owned(), branch: None };
    assert!(commits_since(repo.path(), &odd).await.is_err());
}

#[tokio::test]
async fn names_and_messages_of_any_bytes() {
    let repo = Repo::new();
    let began = repo.base().await;
    let names: [&[u8]; 6] = [b"-dash", b"new\nline", b"quo\"te'", b"\xff\xfe", b":(glob)*", b"tab\tand \x1b[31m"];
    for name in names {
        repo.write(OsStr::from_bytes(name), "x\n");
    }
    repo.commit("sub\u{1b}]0;title\u{7}ject %H %x00\n\nbody");
    repo.write(OsStr::from_bytes(b"loose\n\xff"), "x");
    let work = work_since(repo.path(), &began, None).await;
    assert_eq!(work.problem, None);
    assert_eq!(subjects(&work), ["sub\u{fffd}]0;title\u{fffd}ject %H %x00"]);
    let mut shown = paths(&work, true);
    shown.sort_unstable();
    let mut expected =
        ["-dash", "new\u{fffd}line", "quo\"te'", "\u{fffd}\u{fffd}", ":(glob)*", "tab\u{fffd}and \u{fffd}[31m"];
    expected.sort_unstable();
    assert_eq!(shown, expected);
    assert_eq!(paths(&work, false), ["loose\u{fffd}\u{fffd}"]);
}

#[tokio::test]
async fn bounds_hold_and_counts_are_whole() {
    let repo = Repo::new();
    let began = repo.base().await;
    // One stream instead of hundreds of commits.
    let mut stream = String::new();
    for n in 0..250 {
        stream.push_str(&format!(
            "commit refs/heads/main\ncommitter Bob <b@example.org> {} +0000\ndata 3\nc{:02}\n{}",
            4_000_000_000_i64 + n,
            n % 100,
            if n == 0 { format!("from {}\n", repo.head()) } else { String::new() }
        ));
        for file in 0..4 {
            stream.push_str(&format!("M 100644 inline f/{n}-{file}\ndata 2\nx\n\n"));
        }
    }
    let file = repo.path().join(".git/stream");
    fs::write(&file, stream).unwrap();
    let stream = fs::File::open(&file).unwrap();
    let mut import = Command::new("git");
    import.args(["fast-import", "--quiet"]).current_dir(repo.path()).stdin(stream);
    assert!(import.status().unwrap().success());
    repo.git(&["reset", "-q", "--hard"]);
    let work = work_since(repo.path(), &began, None).await;
    assert_eq!((work.commits.len(), work.commit_count), (200, 250));
    assert_eq!((work.files.len(), work.file_count), (500, 1000));
    assert_eq!(work.commits[0].at_ms, 4_000_000_249_000, "a time in the future stays what it is");
}

/// Everything in a repository's configuration that would run a program for what we ask.
#[tokio::test]
async fn a_hostile_configuration_runs_nothing() {
    let repo = Repo::new();
    repo.write("data", "1\n");
    repo.commit("data");
    let began = repo.base().await;
    repo.write("data", "2\n");
    repo.commit("signed, says the config");
    let trap = repo.trap();
    repo.write(".gitattributes", "* diff=evil filter=evil\nother filter=e=vil.x\n");
    for (key, value) in [
        ("core.fsmonitor", trap.as_str()),
        ("core.pager", &trap),
        ("core.editor", &trap),
        ("core.sshCommand", &trap),
        ("core.askPass", &trap),
        ("pager.status", "true"),
        ("diff.external", &trap),
        ("diff.evil.command", &trap),
        ("diff.evil.textconv", &trap),
        ("filter.evil.clean", &trap),
        ("filter.evil.smudge", &trap),
        ("filter.e=vil.x.process", &trap),
        ("filter.e=vil.x.required", "true"),
        ("alias.status", &format!("!{trap}")),
        ("alias.rev-list", &format!("!{trap}")),
        ("log.showSignature", "true"),
        ("gpg.program", &trap),
        ("credential.helper", &format!("!{trap}")),
        ("uploadpack.packObjectsHook", &trap),
    ] {
        repo.git(&["config", key, value]);
    }
    let hooks = repo.path().join(".git/hooks");
    fs::create_dir_all(&hooks).unwrap();
    for hook in ["post-index-change", "fsmonitor-watchman", "reference-transaction", "post-checkout"] {
        fs::copy(&trap, hooks.join(hook)).unwrap();
    }
    // Changed content of the same size, so that git has to read the file and would run the filter.
    repo.write("data", "3\n");
    repo.write("other", "x\n");
    assert!(!repo.pwned().exists());
    let work = work_since(repo.path(), &began, None).await;
    assert_eq!(work.problem, None);
    assert_eq!(subjects(&work), ["signed, says the config"]);
    assert!(paths(&work, false).contains(&"data"), "{work:?}");
    assert_eq!(commits_since(repo.path(), &began).await.unwrap(), 1);
    assert!(matches!(repo.base().await, GitBase::At { .. }));
    assert!(!repo.pwned().exists(), "something of the repository ran");
    // The trap works: plain git steps into it.
    let _ = Command::new("git").arg("status").current_dir(repo.path()).output();
    assert!(repo.pwned().exists());
}

#[tokio::test]
async fn a_missing_object_is_not_fetched_by_the_repositorys_program() {
    let repo = Repo::new();
    let began = repo.base().await;
    repo.write("data", "2\n");
    repo.commit("second");
    let blob = repo.git(&["rev-parse", "HEAD:data"]);
    // git takes the file of the work tree instead where it is the same.
    repo.write("data", "3\n");
    fs::remove_file(repo.path().join(".git/objects").join(&blob[..2]).join(&blob[2..])).unwrap();
    let trap = repo.trap();
    for (key, value) in [
        ("extensions.partialClone", "evil"),
        ("remote.evil.promisor", "true"),
        ("remote.evil.url", &format!("ext::{trap}")),
        ("protocol.ext.allow", "always"),
        ("remote.evil.uploadpack", &trap),
        ("core.repositoryFormatVersion", "1"),
    ] {
        repo.git(&["config", key, value]);
    }
    let began_at = Instant::now();
    let work = work_since(repo.path(), &began, None).await;
    assert_eq!(work.commit_count, 1);
    assert!(work.problem.is_some(), "the file's lines cannot be counted");
    assert!(!repo.pwned().exists(), "something of the repository ran");
    assert!(began_at.elapsed() < PATIENCE);
    let _ = Command::new("git").args(["cat-file", "-p", &blob]).current_dir(repo.path()).stdin(Stdio::null()).output();
    assert!(repo.pwned().exists(), "the trap does not work");
}

#[tokio::test]
async fn a_lock_that_is_held_does_not_stop_us_and_we_take_none() {
    let repo = Repo::new();
    let began = repo.base().await;
    repo.write("README", "two\n");
    fs::write(repo.path().join(".git/index.lock"), "").unwrap();
    let before = fs::read(repo.path().join(".git/index")).unwrap();
    let work = work_since(repo.path(), &began, None).await;
    assert_eq!((work.problem.as_deref(), work.dirty_count), (None, 1));
    assert_eq!(fs::read(repo.path().join(".git/index")).unwrap(), before);
}

#[tokio::test]
async fn odd_things_in_the_work_tree_are_not_opened() {
    let repo = Repo::new();
    let began = repo.base().await;
    std::os::unix::fs::symlink("/dev/zero", repo.path().join("zero")).unwrap();
    assert!(Command::new("mkfifo").arg(repo.path().join("fifo")).status().unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(repo.path().join("sock")).unwrap();
    // A huge file that holds nothing.
    fs::File::create(repo.path().join("huge")).unwrap().set_len(5 << 30).unwrap();
    let work = work_since(repo.path(), &began, None).await;
    assert_eq!(work.problem, None);
    assert_eq!(paths(&work, false), ["huge", "zero"]);
}

fn now() -> nightkeep::core::time::Wall {
    nightkeep::os::clock::wall()
}

#[tokio::test]
async fn commits_of_further_work_trees_are_told_by_tree() {
    let repo = Repo::new();
    repo.git(&["worktree", "add", "-q", "-b", "old", "trees/old"]);
    let old = repo.path().join("trees/old");
    git_in(&old, &["commit", "-q", "--allow-empty", "-m", "last week", "--date=2020-01-01T00:00:00Z"]);
    let began = repo.base().await;
    let since = now();
    let none = worktrees_since(repo.path(), &began, since, &[]).await.unwrap();
    assert!(none.is_empty(), "what is there only is not told: {none:?}");
    repo.git(&["worktree", "add", "-q", "-b", "fix", "trees/fix"]);
    repo.git(&["worktree", "add", "-q", "--detach", "trees/idle"]);
    let fix = repo.path().join("trees/fix");
    fs::write(fix.join("a"), "1\n").unwrap();
    git_in(&fix, &["add", "-A"]);
    git_in(&fix, &["commit", "-q", "-m", "fix\u{1b}[31m it"]);
    fs::write(fix.join("b"), "1\n").unwrap();
    repo.commit("on main");
    let found = worktrees_since(repo.path(), &began, since, &[]).await.unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].path.as_str(), found[0].branch.as_deref()), ("trees/fix", Some("fix")));
    assert_eq!((found[0].commit_count, found[0].dirty_count, found[0].problem.as_deref()), (1, 1, None));
    assert_eq!(found[0].commits[0].subject, "fix\u{fffd}[31m it");
    assert!(
        worktrees_since(repo.path(), &began, since, std::slice::from_ref(&fix)).await.unwrap().is_empty(),
        "another project's"
    );
    repo.git(&["merge", "-q", "--no-edit", "fix"]);
    let merged = worktrees_since(repo.path(), &began, since, &[]).await.unwrap();
    assert_eq!((merged.len(), merged[0].commit_count), (1, 0), "what the project has is not told twice: {merged:?}");
}

#[tokio::test]
async fn a_work_tree_that_is_not_the_repositorys_own_is_left_alone() {
    let (repo, other) = (Repo::new(), Repo::new());
    let began = repo.base().await;
    let since = now();
    other.commit("elsewhere");
    repo.git(&["worktree", "add", "-q", "tree"]);
    // What git believes to be the tree's place is another repository, with a configuration of its own.
    let link = repo.path().join(".git/worktrees/tree/gitdir");
    fs::write(&link, format!("{}/.git\n", other.path().display())).unwrap();
    let trap = other.trap();
    other.git(&["config", "core.fsmonitor", &trap]);
    let found = worktrees_since(repo.path(), &began, since, &[]).await.unwrap();
    assert!(found.iter().all(|tree| tree.commit_count == 0 && tree.dirty_count == 0), "{found:?}");
    assert!(!other.pwned().exists());
}

#[tokio::test]
async fn submodules_are_named_with_the_way_they_went() {
    let (repo, library) = (Repo::new(), Repo::new());
    let source = library.path().display().to_string();
    repo.git(&["-c", "protocol.file.allow=always", "submodule", "add", "-q", &source, "lib"]);
    repo.commit("a library");
    let began = repo.base().await;
    assert!(submodules_since(repo.path(), &began).await.unwrap().is_empty());
    let lib = repo.path().join("lib");
    for subject in ["one", "two"] {
        git_in(&lib, &["commit", "-q", "--allow-empty", "-m", subject]);
    }
    let loose = submodules_since(repo.path(), &began).await.unwrap();
    assert_eq!(loose.iter().map(|s| (s.path.as_str(), s.committed)).collect::<Vec<_>>(), [("lib", false)]);
    repo.commit("the library goes on");
    let found = submodules_since(repo.path(), &began).await.unwrap();
    assert_eq!((found.len(), found[0].path.as_str(), found[0].committed), (1, "lib", true));
    assert_eq!((found[0].commit_count, found[0].to.clone()), (Some(2), Some(git_in(&lib, &["rev-parse", "HEAD"]))));
    fs::remove_dir_all(&lib).unwrap();
    std::os::unix::fs::symlink(library.path(), &lib).unwrap();
    let found = submodules_since(repo.path(), &began).await.unwrap();
    assert_eq!(found[0].commit_count, None, "what does not stand below the folder is not asked");
}
