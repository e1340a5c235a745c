//! Which files are documents in which agents say what they did: what `collect.docs` names, and names that are usual.

use crate::core::patterns::Patterns;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Words of such names. One that ends in `*` may go on.
const WORDS: &[&str] = &[
    "OVERNIGHT",
    "MORNING",
    "NIGHT*",
    "SESSION*",
    "TODAY*",
    "WORK",
    "WORKLOG",
    "PROGRESS",
    "STATUS",
    "IMPLEMENTATION*",
    "PHASE*",
    "HANDOFF",
    "HANDOVER",
    "SUMMARY",
    "REPORT",
    "ACHIEVEMENT*",
];
/// Folders of other people's work.
const VENDORED: &[&str] =
    &["vendor", "vendored", "third_party", "third-party", "node_modules", "site-packages", "external", "deps"];
/// How deep a document of a usual name may lie.
const DEPTH_MAX: usize = 6;

/// What counts as a document.
#[derive(Debug, Clone, Default)]
pub struct Documents {
    named: Patterns,
}

impl Documents {
    /// What these patterns name, and the usual names.
    pub fn new(named: Patterns) -> Self {
        Self { named }
    }
    /// Whether a path is one. `stands` tells whether a path stands in the project's folder.
    pub fn has(&self, path: &Path, stands: impl Fn(&Path) -> bool) -> bool {
        self.named.fits(path) || (is_usual(path) && !is_contents(path, stands))
    }
    /// Whether a pattern names it, or it is one by its name.
    pub(super) fn names(&self, path: &Path) -> bool {
        self.named.fits(path) || is_usual(path)
    }
    /// Whether a pattern names it.
    pub fn fits(&self, path: &Path) -> bool {
        self.named.fits(path)
    }
    pub(super) fn names_folder(&self, path: &Path) -> bool {
        self.named.names_folder(path)
    }
}

fn is_usual(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return lossy(path) };
    by_name(path, name)
}

/// A name that is no text is tried as what is left of it.
fn lossy(path: &Path) -> bool {
    path.file_name().is_some_and(|name| by_name(path, &String::from_utf8_lossy(name.as_bytes())))
}

fn by_name(path: &Path, name: &str) -> bool {
    let Some((stem, ending)) = name.rsplit_once('.') else { return false };
    if !matches!(ending.to_ascii_lowercase().as_str(), "md" | "markdown") {
        return false;
    }
    let folders: Vec<String> =
        path.parent().into_iter().flatten().map(|part| part.to_string_lossy().into_owned()).collect();
    if folders.len() > DEPTH_MAX || folders.iter().any(|folder| VENDORED.contains(&folder.as_str())) {
        return false;
    }
    let is_template = |text: &str| text.to_ascii_uppercase().contains("TEMPLATE");
    if is_template(stem) || folders.iter().any(|folder| is_template(folder)) {
        return false;
    }
    let plans = folders.windows(2).any(|pair| pair == [".claude", "plans"]);
    plans || folders.last().is_some_and(|folder| folder == "notes") || words(stem).iter().any(|word| is_word(word))
}

/// The words of a name that begin with a capital letter, in capitals.
fn words(stem: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut last = None;
    for c in stem.chars() {
        if !c.is_alphanumeric() {
            last = None;
            continue;
        }
        let hump = c.is_uppercase() && last.is_some_and(char::is_lowercase);
        let edge = last.is_some_and(|last: char| last.is_numeric() != c.is_numeric());
        if last.is_none() || hump || edge {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.push(c);
        }
        last = Some(c);
    }
    words.retain(|word| word.starts_with(char::is_uppercase));
    words.iter().map(|word| word.to_uppercase()).collect()
}

fn is_word(word: &str) -> bool {
    let fits = |known: &&str| known.strip_suffix('*').map_or(word == *known, |begin| word.starts_with(begin));
    WORDS.iter().any(fits) || word.strip_suffix('S').is_some_and(|one| WORDS.contains(&one))
}

/// The table of contents of a book, which bears the name of a summary.
fn is_contents(path: &Path, stands: impl Fn(&Path) -> bool) -> bool {
    let folder = path.parent().unwrap_or(Path::new(""));
    let beside = [Some(folder), folder.parent()].into_iter().flatten();
    path.file_name().is_some_and(|name| name == "SUMMARY.md")
        && beside.map(|at| at.join("book.toml")).any(|p| stands(&p))
}

/// Endings and names of what programs leave: results, logs, pictures, archives. A change of them is no edit.
const LEFT_BEHIND: &[&str] = &[
    "log", "out", "tmp", "bak", "swp", "orig", "rej", "pid", "csv", "tsv", "parquet", "arrow", "db", "sqlite",
    "sqlite3", "png", "jpg", "jpeg", "gif", "webp", "ico", "pdf", "svg", "mp4", "zip", "gz", "zst", "xz", "tar", "tgz",
    "whl", "jar", "pyc", "class", "o", "a", "so", "profraw", "profdata", "lcov", "info", "md", "markdown", "txt",
    "rst", "adoc", "org",
];

/// Whether a change of this file may change what tests find: all that is neither prose nor what a program leaves.
pub fn is_source(path: &Path) -> bool {
    let Some(name) = path.file_name().map(|name| String::from_utf8_lossy(name.as_bytes()).to_ascii_lowercase()) else {
        return false;
    };
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let result = ["coverage", ".coverage", "junit", "test-results", "report.", ".ds_store"];
    !LEFT_BEHIND.contains(&ending) && !name.ends_with('~') && !result.iter().any(|begin| name.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_names_are_found_and_ordinary_ones_are_not() {
        let documents = Documents::default();
        for usual in [
            "OVERNIGHT_WORK_SUMMARY.md",
            "docs/MORNING-REPORT.md",
            "STATUS.md",
            "SESSION_2026-11-21.md",
            "PHASE2_IMPLEMENTATION_PLAN.md",
            "TODAYS_ACHIEVEMENTS.md",
            "Session Summary.md",
            "WorkLog/ProgressReport.markdown",
            "HANDOFF.MD",
            "notes/monday.md",
            ".claude/plans/next.md",
            "a/b/REPORTS.md",
        ] {
            assert!(documents.has(Path::new(usual), |_| false), "{usual}");
        }
        for ordinary in [
            "README.md",
            "CHANGELOG.md",
            "docs/report.md",
            "docs/status.md",
            "FRAMEWORK.md",
            "NETWORKING.md",
            "STATUS.txt",
            "STATUS",
            "vendor/x/STATUS.md",
            "node_modules/x/SUMMARY.md",
            ".github/ISSUE_TEMPLATE/REPORT.md",
            "REPORT_TEMPLATE.md",
            "a/b/c/d/e/f/g/STATUS.md",
            "src/status.rs",
        ] {
            assert!(!documents.has(Path::new(ordinary), |_| false), "{ordinary}");
        }
    }

    #[test]
    fn prose_and_what_a_program_leaves_is_no_source() {
        for source in
            ["src/main.rs", "Makefile", "package.json", "pom.xml", "Dockerfile", ".env", "tests/x.snap", "a.lock"]
        {
            assert!(is_source(Path::new(source)), "{source}");
        }
        for other in ["README.md", "run.log", "coverage.xml", ".coverage", "junit.xml", "a.csv", "x.rs~", "data/a.DB"] {
            assert!(!is_source(Path::new(other)), "{other}");
        }
    }

    #[test]
    fn the_contents_of_a_book_are_no_summary_and_what_is_named_always_counts() {
        let book = |path: &Path| path == Path::new("book/book.toml");
        let documents = Documents::default();
        assert!(!documents.has(Path::new("book/src/SUMMARY.md"), book));
        assert!(documents.has(Path::new("SUMMARY.md"), book));
        let named = Documents::new(Patterns::checked(&["book/**/*.md".to_owned(), "log.txt".to_owned()]));
        assert!(named.has(Path::new("book/src/SUMMARY.md"), book));
        assert!(named.has(Path::new("a/log.txt"), book));
    }
}
