//! What is no secret is shown as it is: the pages of this project, and the documents and recordings that its tests keep.

use nightkeep::terminal::redact;
use std::fs;
use std::path::{Path, PathBuf};

fn texts(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
        if path.is_dir() {
            texts(&path, found);
        } else if ["md", "txt", "toml", "snap", "svg", "sh", "log", "warnings", "json"].contains(&kind) {
            found.push(path);
        }
    }
}

#[test]
fn ordinary_text_is_left_alone() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![root.join("README.md"), root.join("CHANGELOG.md"), root.join("sessions.toml")];
    for folder in ["docs", "examples", "tests"] {
        texts(&root.join(folder), &mut files);
    }
    let (mut lines, mut changed) = (0, Vec::new());
    for file in &files {
        let Ok(text) = fs::read_to_string(file) else { continue };
        for line in text.lines() {
            lines += 1;
            let shown = redact(line);
            // Examples of what is replaced stand in the pages, replaced.
            if shown != line && !line.contains("[redacted]") {
                changed.push(format!("{}: {line}\n   {shown}", file.strip_prefix(root).unwrap().display()));
            }
        }
    }
    assert!(lines > 5_000, "{lines} lines");
    assert!(changed.is_empty(), "{} of {lines} lines are changed:\n{}", changed.len(), changed.join("\n"));
}
