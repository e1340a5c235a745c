//! A user's own templates of the report's page: read from their folder, never from outside it. When they cannot be
//! used, the built-in page is.

use crate::report::html::{PageFault, render, render_with};
use crate::report::model::Report;
use crate::report::own::{MAIN, Own};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Most templates of a folder.
const FILES_MAX: usize = 64;
/// Largest template, in bytes.
const BYTES_MAX: u64 = 256 << 10;
/// How deep folders may lie in each other.
const DEPTH_MAX: usize = 3;

/// The page of a report; and why it is the built-in one although there is another.
pub fn page(report: &Report, folder: Option<&Path>) -> (Result<String, PageFault>, Option<String>) {
    let Some(folder) = folder else { return (render(report), None) };
    let problem = match load(folder) {
        Ok(own) => match render_with(report, Some(&own)) {
            Ok(page) => return (Ok(page), None),
            Err(fault) => fault.to_string(),
        },
        Err(why) => why,
    };
    let problem = format!("own templates in {}: {problem}; the built-in page is used", folder.display());
    (render(report), Some(problem))
}

/// Reads a folder of templates; the error says why it cannot be used.
fn load(folder: &Path) -> Result<Own, String> {
    let mut files = BTreeMap::new();
    read(folder, "", DEPTH_MAX, &mut files)?;
    Own::new(files).ok_or_else(|| format!("there is no {MAIN}"))
}

fn read(folder: &Path, prefix: &str, depth: usize, files: &mut BTreeMap<String, String>) -> Result<(), String> {
    let told = |path: &Path, e: &std::io::Error| format!("cannot read {}: {e}", path.display());
    for entry in fs::read_dir(folder).map_err(|e| told(folder, &e))? {
        let path = entry.map_err(|e| told(folder, &e))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|name| !name.starts_with('.')) else {
            continue;
        };
        // A link may lead anywhere.
        let meta = fs::symlink_metadata(&path).map_err(|e| told(&path, &e))?;
        let full = format!("{prefix}{name}");
        if meta.is_dir() && depth > 0 {
            read(&path, &format!("{full}/"), depth - 1, files)?;
        } else if !name.ends_with(".html") {
            continue;
        } else if !meta.is_file() {
            return Err(format!("{full} is not a regular file"));
        } else if meta.len() > BYTES_MAX {
            return Err(format!("{full} is larger than {} KiB", BYTES_MAX >> 10));
        } else if files.len() == FILES_MAX {
            return Err(format!("there are more than {FILES_MAX} templates"));
        } else {
            files.insert(full, fs::read_to_string(&path).map_err(|e| told(&path, &e))?);
        }
    }
    Ok(())
}
