//! Patterns of file names below a folder, as `collect` has them: `*` stays within a folder, `**` does not, and a pattern
//! without `/` fits names in any folder.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use std::path::Path;

/// Most patterns of one list.
pub const PATTERNS_MAX: usize = 100;
/// Longest pattern, in bytes.
pub const PATTERN_MAX: usize = 500;

/// Why a pattern cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It is longer than [`PATTERN_MAX`].
    #[error("a pattern has at most {PATTERN_MAX} bytes")]
    TooLong,
    /// It leaves the folder.
    #[error("it leaves the project's directory")]
    Leaves,
    /// It means nothing.
    #[error("{0}")]
    Malformed(String),
}

/// A list of patterns, ready to be tried.
#[derive(Debug, Clone, Default)]
pub struct Patterns {
    set: GlobSet,
    /// The folders that patterns begin with before their first wildcard.
    fixed: Vec<Vec<String>>,
}

impl Patterns {
    /// Makes patterns ready. The error names the first that cannot be used by its place in the list.
    pub fn new(patterns: &[String]) -> Result<Self, (usize, PatternError)> {
        let mut set = GlobSetBuilder::new();
        let mut fixed = Vec::new();
        for (i, pattern) in patterns.iter().enumerate() {
            let whole = check(pattern).map_err(|e| (i, e))?;
            let glob = GlobBuilder::new(&whole).literal_separator(true).backslash_escape(true).build();
            set.add(glob.map_err(|e| (i, PatternError::Malformed(e.kind().to_string())))?);
            let mut folders: Vec<&str> = whole.split('/').collect();
            folders.pop();
            let plain = folders.into_iter().take_while(|part| !part.contains(['*', '?', '[', '{', '\\']));
            fixed.push(plain.map(str::to_owned).collect());
        }
        let set = set.build().map_err(|e| (0, PatternError::Malformed(e.kind().to_string())))?;
        Ok(Self { set, fixed })
    }
    /// The patterns of a plan, which were checked as it was made. One that cannot be used fits nothing.
    pub fn checked(patterns: &[String]) -> Self {
        Self::new(patterns).unwrap_or_default()
    }
    /// Whether a path below the folder fits one of them.
    pub fn fits(&self, path: &Path) -> bool {
        self.set.is_match(path)
    }
    /// Whether one of them names this folder, one above or one below it by name: then it is meant, though it is ignored.
    pub fn names_folder(&self, folder: &Path) -> bool {
        let parts: Vec<_> = folder.iter().collect();
        let on_the_way = |fixed: &Vec<String>| {
            !fixed.is_empty() && fixed.iter().zip(&parts).all(|(fixed, part)| part.to_str() == Some(fixed))
        };
        self.fixed.iter().any(on_the_way)
    }
}

/// The pattern as it is tried, from the folder down.
fn check(pattern: &str) -> Result<String, PatternError> {
    if pattern.len() > PATTERN_MAX {
        return Err(PatternError::TooLong);
    }
    if pattern.is_empty() || pattern.starts_with(['/', '~']) || pattern.split('/').any(|part| part == "..") {
        return Err(PatternError::Leaves);
    }
    let pattern = pattern.strip_prefix("./").unwrap_or(pattern);
    Ok(match pattern.strip_suffix('/') {
        Some(folder) => format!("{folder}/**"),
        None if pattern.contains('/') => pattern.to_owned(),
        None => format!("**/{pattern}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(list: &[&str]) -> Patterns {
        Patterns::new(&list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn a_star_stays_in_its_folder_and_a_bare_name_fits_in_any() {
        for (pattern, path, fits) in [
            ("*SUMMARY*.md", "SESSION_SUMMARY_2.md", true),
            ("*SUMMARY*.md", "docs/deep/A_SUMMARY.md", true),
            ("*SUMMARY*.md", "SUMMARY/x.md", false),
            ("docs/*STATUS*.md", "docs/STATUS.md", true),
            ("docs/*STATUS*.md", "docs/old/STATUS.md", false),
            ("docs/*STATUS*.md", "other/docs/STATUS.md", false),
            ("docs/**/*.md", "docs/a/b/c.md", true),
            ("docs/**/*.md", "docs/c.md", true),
            ("notes/", "notes/a/b.txt", true),
            ("./out/*.{csv,sql}", "out/x.sql", true),
            ("app/sql/views/*.sql", "app/sql/views/v.sql", true),
        ] {
            assert_eq!(patterns(&[pattern]).fits(Path::new(path)), fits, "{pattern} {path}");
        }
        assert!(!Patterns::default().fits(Path::new("x")));
    }

    #[test]
    fn an_ignored_folder_is_meant_only_when_it_is_named() {
        for (pattern, folder, meant) in [
            ("target/release/tool", "target", true),
            ("target/release/tool", "target/release", true),
            ("target/release/tool", "target/debug", false),
            ("out/**/*.csv", "out/a/b", true),
            ("*.csv", "target", false),
            ("**/x.csv", "target", false),
            ("o*/x.csv", "out", false),
        ] {
            assert_eq!(patterns(&[pattern]).names_folder(Path::new(folder)), meant, "{pattern} {folder}");
        }
    }

    #[test]
    fn what_leaves_the_folder_or_means_nothing_is_refused_by_its_place() {
        let refused = |list: &[&str]| {
            Patterns::new(&list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>()).map(|_| ()).unwrap_err()
        };
        for leaves in ["", "/etc/*", "~/x", "../x", "a/../../x"] {
            assert_eq!(refused(&["ok.md", leaves]), (1, PatternError::Leaves), "{leaves}");
        }
        assert!(matches!(refused(&["a[b"]), (0, PatternError::Malformed(_))));
        assert_eq!(refused(&["x".repeat(501).as_str()]), (0, PatternError::TooLong));
    }
}
