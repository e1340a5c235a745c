//! `[report]`: who gets it, and what makes it.

use super::super::document::Place;
use super::super::printable::quoted;
use super::super::raw;
use super::{Build, Folder};
use crate::core::delivery::ReportPlan;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Who gets the report; each channel once.
pub(super) fn plan(raw: &raw::Report) -> ReportPlan {
    let mut seen = BTreeSet::new();
    ReportPlan {
        deliver: raw.deliver.iter().flatten().filter(|name| seen.insert(name.as_str())).cloned().collect(),
        quiet_hours: raw.quiet_hours.unwrap_or(false),
    }
}

/// The folder of own templates; one that is not there is told.
pub(super) fn templates(build: &mut Build<'_, '_>) -> Option<PathBuf> {
    let place = Place::root().key("report").key("templates");
    let typed = build.raw.report.templates.clone()?;
    let folder = build.path(&typed, build.folder, &place)?;
    match build.surroundings.folder(&folder) {
        Folder::There => {}
        Folder::Missing | Folder::NotAFolder => {
            let message = format!("there is no folder {}", quoted(&folder.to_string_lossy()));
            build.problems.warning(&place, message).help("until there is, the built-in page is used");
        }
    }
    Some(folder)
}

/// Tells what cannot be run as the summarizer.
pub(super) fn check(build: &mut Build<'_, '_>) {
    let raw = build.raw;
    let Some(argv) = &raw.report.summarizer else { return };
    let place = Place::root().key("report").key("summarizer");
    if argv.first().is_none_or(|program| program.trim().is_empty()) {
        let found = build.problems.error(&place, "the summarizer has no program");
        found.help("name program and arguments, as in [\"claude\", \"-p\"]");
    } else if argv.iter().any(|word| word.contains('\0')) {
        build.problems.error(&place, "an argument has a NUL in it");
    }
}
