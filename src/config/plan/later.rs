//! Checks what is typed for features that are yet to come, so that a file that is fine today stays fine.

use super::super::document::Place;
use super::super::printable::quoted;
use super::super::suggest;
use super::Build;
use crate::core::patterns::{PATTERNS_MAX, PatternError, Patterns};

/// Checks store, node, report, alerts and what projects collect.
pub(super) fn check(build: &mut Build<'_, '_>) {
    let raw = build.raw;
    let root = Place::root();
    if let Some(url) = &raw.store.url {
        store(build, url, &root.key("store").key("url"));
    }
    if let Some(name) = &raw.node.name {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
            let message = format!("{} cannot name a machine", quoted(name));
            let found = build.problems.error(&root.key("node").key("name"), message);
            found.help("use letters, digits, `.`, `_` and `-`, at most 64");
        }
    }
    if raw.report.formats.as_ref().is_some_and(Vec::is_empty) {
        let found = build.problems.error(&root.key("report").key("formats"), "a report needs a form");
        found.help("formats = [\"md\", \"html\", \"json\"]");
    }
    channels_named(build, raw.report.deliver.as_deref(), &root.key("report").key("deliver"));
    for (i, step) in raw.alerts.escalate.iter().flatten().enumerate() {
        let place = root.key("alerts").key("escalate").item(i).key("to");
        channels_named(build, Some(&step.to), &place);
    }
    for (name, project) in &raw.projects {
        let place = root.key("projects").key(name).key("collect");
        let collect = project.collect.clone().unwrap_or_default();
        for (key, patterns) in [("docs", collect.docs), ("artifacts", collect.artifacts)] {
            let patterns = patterns.unwrap_or_default();
            if patterns.len() > PATTERNS_MAX {
                let message = format!("there are {} patterns, {PATTERNS_MAX} are allowed", patterns.len());
                build.problems.error(&place.key(key), message);
                continue;
            }
            for (i, pattern) in patterns.iter().enumerate() {
                let Err((_, why)) = Patterns::new(std::slice::from_ref(pattern)) else { continue };
                let message = match why {
                    PatternError::Leaves => format!("{} leaves the project's directory", quoted(pattern)),
                    PatternError::TooLong => format!("the pattern is too long: {why}"),
                    PatternError::Malformed(_) => format!("{} is no pattern: {why}", quoted(pattern)),
                };
                let found = build.problems.error(&place.key(key).item(i), message);
                found.help("patterns are relative to it, as in docs/*.md");
            }
        }
    }
}

fn store(build: &mut Build<'_, '_>, url: &str, place: &Place) {
    if url != "sqlite" && !is_postgres(url) {
        let hint = suggest::closest(url, ["sqlite"]).map(|_| "did you mean `sqlite`?".to_owned());
        let found = build.problems.error(place, format!("{} is no store", quoted(url)));
        found.help(hint.unwrap_or_else(|| "it is \"sqlite\", or \"postgres://…\" for several nodes".to_owned()));
    }
}

/// Whether a store is a PostgreSQL server.
pub(crate) fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

fn channels_named(build: &mut Build<'_, '_>, names: Option<&[String]>, place: &Place) {
    let raw = build.raw;
    for (i, name) in names.unwrap_or_default().iter().enumerate() {
        let channels = Place::root().key("alerts").key("channels");
        if raw.alerts.channels.contains_key(name)
            || build.was_rejected(&channels.key(name))
            || build.was_rejected(&channels)
            || build.was_rejected(&Place::root().key("alerts"))
        {
            continue;
        }
        let hint = suggest::hint(name, raw.alerts.channels.keys().map(String::as_str))
            .unwrap_or_else(|| "declare it: [alerts.channels.NAME] with type = \"…\"".to_owned());
        build.problems.error(&place.item(i), format!("there is no channel {}", quoted(name))).help(hint);
    }
}
