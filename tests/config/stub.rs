//! Surroundings that say what a test wants, and short ways to load a text.

use nightkeep::config::{Context, Diagnostic, Folder, Loaded, Outcome, Severity, Source, Surroundings, load_in};
use std::path::{Path, PathBuf};

/// A machine on which every directory exists, but for those whose name says otherwise.
pub struct Stub;

impl Surroundings for Stub {
    fn folder(&self, path: &Path) -> Folder {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("missing") {
            Folder::Missing
        } else if name.starts_with("file") {
            Folder::NotAFolder
        } else {
            Folder::There
        }
    }
    fn prompt(&self, path: &Path) -> Result<String, String> {
        if path == Path::new("/night/prompts/plan.md") {
            Ok("do the plan\n".to_owned())
        } else {
            Err("cannot be the prompt: there is no such file".to_owned())
        }
    }
    fn knows_time_zone(&self, name: &str) -> bool {
        ["Europe/Berlin", "UTC"].contains(&name)
    }
    fn time_zones(&self) -> Vec<String> {
        vec!["Europe/Berlin".to_owned(), "UTC".to_owned()]
    }
}

pub fn outcome(text: &str) -> Outcome {
    let context = Context { home: Some(PathBuf::from("/home/anna")) };
    load_in(&Source::from_text("sessions.toml", Path::new("/night"), text), &context, &Stub)
}

/// The file, which must have no errors and no warnings.
pub fn clean(text: &str) -> Loaded {
    let outcome = outcome(text);
    assert!(outcome.diagnostics.is_empty(), "{}", rendered(&outcome));
    outcome.loaded.unwrap()
}

pub fn of(outcome: &Outcome, severity: Severity) -> Vec<&Diagnostic> {
    outcome.diagnostics.iter().filter(|d| d.severity() == severity).collect()
}

pub fn rendered(outcome: &Outcome) -> String {
    outcome.diagnostics.iter().map(|d| d.render(false)).collect::<Vec<_>>().join("\n\n")
}
