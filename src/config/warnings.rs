//! What is accepted but not yet done, and what should not stand in a file: told once each, never silently passed over.

use super::document::{Document, Place, Step};
use super::plan::is_postgres;
use super::problems::Problems;
use crate::core::plan::is_secret_name;
use std::collections::BTreeSet;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Keys whose feature does not exist yet, with what holds until then. `*` is any key, `[]` any item of a list, and a
/// leading `@` stands for `defaults` and for `sessions.*`.
const NOT_YET: &[(&str, &str)] = &[("@.answers", "prompts are not answered"), ("node.labels", "there is one node")];

/// Tells what is not in effect yet, once for each key however often it stands in the file.
pub(super) fn not_in_effect(document: &Document<'_>, rejected: &BTreeSet<Place>, problems: &mut Problems<'_>) {
    let mut found: Vec<Vec<Place>> = vec![Vec::new(); NOT_YET.len()];
    let patterns: Vec<Vec<Vec<&str>>> = NOT_YET.iter().map(|(pattern, _)| spellings(pattern)).collect();
    visit(document.root(), &Place::root(), &mut |place, _| {
        let hit = patterns.iter().position(|spellings| spellings.iter().any(|pattern| fits(pattern, place)));
        if let Some(hit) = hit
            && !rejected.contains(place)
        {
            found[hit].push(place.clone());
        }
        hit.is_none()
    });
    for ((pattern, until_then), mut places) in NOT_YET.iter().zip(found) {
        // The first in the file is the one that is shown.
        places.sort_by_key(|place| document.span(place, true).start);
        let Some(first) = places.first() else { continue };
        let key = pattern.trim_start_matches("@.").replace(".*.", ".").replace(".[].", ".");
        let message = match places.len() {
            1 => format!("`{key}` is not in effect yet"),
            2 => format!("`{key}` is not in effect yet, here and in one more place"),
            n => format!("`{key}` is not in effect yet, here and in {} more places", n - 1),
        };
        problems.warning_in_key(first, message).help(format!("until then: {until_then}"));
    }
    not_in_effect_values(document, problems);
}

/// Values that are not in effect yet under keys that are.
fn not_in_effect_values(document: &Document<'_>, problems: &mut Problems<'_>) {
    let trust = Place::root().key("security").key("trust");
    if document.value(&trust).is_some() {
        let found = problems.warning_in_key(&trust, "`security.trust` has no effect in this file");
        found.help("a file cannot say how it is to be trusted; your own config.toml can");
    }
    let url = Place::root().key("store").key("url");
    if document.value(&url).and_then(|v| v.get_ref().as_str()).is_some_and(is_postgres) {
        let found = problems.warning(&url, "the store `postgres` is not in effect yet");
        found.help("until then: the journal is kept in sqlite");
    }
}

/// Tells secrets that stand in clear in the file. Their text is shown in no excerpt.
pub(super) fn secrets(document: &Document<'_>, problems: &mut Problems<'_>) {
    let mut found = Vec::new();
    visit(document.root(), &Place::root(), &mut |place, value| {
        let [.., Step::Key(parent), Step::Key(key)] = place.steps() else { return true };
        let Some(text) = value.as_str() else { return true };
        if matches!(key.as_str(), "token" | "password") {
            found.push((
                place.clone(),
                "a secret stands in clear in the file",
                "write { env = \"NAME\" } or { file = \"PATH\" }",
            ));
        } else if parent == "env" && !text.is_empty() && is_secret_name(key) {
            let help = "let the command read it from a file that only you can read";
            found.push((place.clone(), "a secret stands in clear in the file, and so in the journal", help));
        } else if key == "url" && parent == "store" && has_password(text) {
            found.push((place.clone(), "a password stands in clear in the file", "leave it out and use ~/.pgpass"));
        }
        true
    });
    for (place, message, help) in found {
        problems.secret(&place);
        problems.warning(&place, message).help(help);
    }
}

fn has_password(url: &str) -> bool {
    let authority = url.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
}

/// Visits every entry and item; goes below it when the visitor says so.
fn visit(table: &DeTable<'_>, place: &Place, visitor: &mut impl FnMut(&Place, &DeValue<'_>) -> bool) {
    for (key, value) in table {
        visit_value(value, &place.key(key.get_ref()), visitor);
    }
}

fn visit_value(value: &Spanned<DeValue<'_>>, place: &Place, visitor: &mut impl FnMut(&Place, &DeValue<'_>) -> bool) {
    if !visitor(place, value.get_ref()) {
        return;
    }
    if let Some(table) = value.get_ref().as_table() {
        visit(table, place, visitor);
    } else if let Some(list) = value.get_ref().as_array() {
        for (i, item) in list.iter().enumerate() {
            visit_value(item, &place.item(i), visitor);
        }
    }
}

fn spellings(pattern: &'static str) -> Vec<Vec<&'static str>> {
    let spell = |prefix: &[&'static str], rest: &'static str| prefix.iter().copied().chain(rest.split('.')).collect();
    match pattern.strip_prefix("@.") {
        Some(rest) => vec![spell(&["defaults"], rest), spell(&["sessions", "*"], rest)],
        None => vec![spell(&[], pattern)],
    }
}

fn fits(pattern: &[&str], place: &Place) -> bool {
    let fits = |(want, step): (&&str, &Step)| match step {
        Step::Key(key) => *want == "*" || *want == key,
        Step::Item(_) => *want == "[]",
    };
    pattern.len() == place.steps().len() && pattern.iter().zip(place.steps()).all(fits)
}

#[cfg(test)]
mod tests {
    use super::super::printable::quoted;
    use super::super::schema;
    use super::*;
    use serde_json::Value;

    /// Every pattern must lead to a key of the schema, or it would silently do nothing.
    #[test]
    fn every_pattern_names_a_key_that_exists() {
        let root = schema::schema();
        let resolve = |mut schema: &'static Value| -> &'static Value {
            loop {
                schema = if let Some(one) = schema.pointer("/allOf/0") {
                    one
                } else if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
                    root.pointer(target.trim_start_matches('#')).unwrap()
                } else {
                    return schema;
                };
            }
        };
        for (pattern, _) in NOT_YET {
            for spelling in spellings(pattern) {
                let mut schema = root;
                for step in &spelling {
                    let here = resolve(schema);
                    let next = match *step {
                        "*" => here.get("additionalProperties"),
                        "[]" => here.get("items"),
                        key => here.get("properties").and_then(|p| p.get(key)),
                    };
                    schema = next.unwrap_or_else(|| panic!("{pattern}: {} has no {step}", quoted(&here.to_string())));
                }
            }
        }
    }

    #[test]
    fn a_password_in_an_address_is_found() {
        assert!(has_password("postgres://u:secret@host/db"));
        assert!(!has_password("postgres://u@host/db"));
        assert!(!has_password("postgres://host:5432/db"));
    }
}
