//! Checks of the pages for people: links that lead nowhere, commands that do not exist.

use std::path::{Component, Path, PathBuf};

/// One Markdown page.
pub struct Page {
    /// Path from the root of the repository, with `/`.
    pub path: String,
    /// Its text.
    pub text: String,
}

impl Page {
    /// Lines outside fenced blocks, with their numbers from 1 and their `code spans` taken out.
    fn prose(&self) -> Vec<(usize, String)> {
        let mut fenced = false;
        let mut lines = Vec::new();
        for (i, line) in self.text.lines().enumerate() {
            if line.trim_start().starts_with("```") {
                fenced = !fenced;
            } else if !fenced {
                let spans: String = line.split('`').step_by(2).collect();
                lines.push((i + 1, spans));
            }
        }
        lines
    }

    /// Lines of fenced blocks for a shell, with their numbers from 1.
    fn commands(&self) -> Vec<(usize, &str)> {
        let mut block = None;
        let mut lines = Vec::new();
        for (i, line) in self.text.lines().enumerate() {
            match (line.trim_start().strip_prefix("```"), block) {
                (Some(language), None) => block = Some(matches!(language.trim(), "sh" | "bash" | "console")),
                (Some(_), Some(_)) => block = None,
                (None, Some(true)) => lines.push((i + 1, line.trim())),
                (None, Some(false) | None) => {}
            }
        }
        lines
    }

    /// The anchors its headings have, as GitHub makes them.
    fn anchors(&self) -> Vec<String> {
        let headings = self.text.lines().filter(|line| line.starts_with('#'));
        headings.map(|line| slug(line.trim_start_matches('#').trim())).collect()
    }
}

fn slug(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Links to files that are not there, or to headings that a page does not have. `find` gives a file's text; a folder
/// counts as a file without text.
pub fn dead_links(page: &Page, find: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut findings = Vec::new();
    for (number, line) in page.prose() {
        for target in links(&line) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let path = if file.is_empty() { page.path.clone() } else { beside(&page.path, file) };
            let Some(text) = find(&path) else {
                findings.push(format!("{}:{number}: links to {path}, which is not there", page.path));
                continue;
            };
            let linked = Page { path, text };
            if !anchor.is_empty() && !linked.anchors().iter().any(|a| a == anchor) {
                findings.push(format!("{}:{number}: {} has no heading #{anchor}", page.path, linked.path));
            }
        }
    }
    findings
}

/// The targets of `[text](target)`.
fn links(line: &str) -> Vec<String> {
    line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target.to_owned()).collect()
}

/// A link's path from the root of the repository.
fn beside(page: &str, link: &str) -> String {
    let mut path = PathBuf::new();
    for part in Path::new(page).parent().unwrap_or(Path::new("")).join(link).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::CurDir => {}
            Component::Normal(_) | Component::RootDir | Component::Prefix(_) => path.push(part),
        }
    }
    path.to_string_lossy().into_owned()
}

/// Command lines that call a script which is not there. `runnable` says whether a file exists and may be executed.
pub fn missing_scripts(page: &Page, runnable: impl Fn(&str) -> bool) -> Vec<String> {
    let mut findings = Vec::new();
    for (number, line) in page.commands() {
        let line = line.strip_prefix("$ ").unwrap_or(line);
        let word = line.split_whitespace().next().unwrap_or("");
        let word = word.strip_prefix("./").unwrap_or(word);
        if word.starts_with("scripts/") && !runnable(word) {
            findings.push(format!("{}:{number}: calls {word}, which is not there or not executable", page.path));
        }
    }
    findings
}
