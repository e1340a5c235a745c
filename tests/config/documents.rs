//! What is written about the file: the committed schema, the reference page, the file that `init` writes.

use crate::stub::{clean, outcome, rendered};
use nightkeep::config::{Found, FoundRepository, SCHEMA_FILE, schema_json, template};
use std::path::Path;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_committed_schema_is_the_one_of_the_types() {
    let path = repository().join("docs/sessions.schema.json");
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    if committed != schema_json() && std::env::var_os("NIGHTKEEP_WRITE_SCHEMA").is_some() {
        std::fs::write(&path, schema_json()).unwrap();
        return;
    }
    assert!(committed == schema_json(), "docs/sessions.schema.json is old: `nightkeep schema` prints the new one");
}

#[test]
fn the_schema_gives_editors_patterns_for_durations_and_sizes() {
    let schema: serde_json::Value = serde_json::from_str(&schema_json()).unwrap();
    for (name, good, bad) in [("Duration", "1h30m", "5 m"), ("Size", "1GiB", "1.5GB"), ("TimeOfDay", "22:30", "24:00")]
    {
        let pattern = schema["definitions"][name]["pattern"].as_str().unwrap();
        // Rust's engine has no look-ahead, which only says "not empty" here.
        let pattern = regex::Regex::new(&pattern.replace("(?=.)", "")).unwrap();
        assert!(pattern.is_match(good) && !pattern.is_match(bad), "{name}");
    }
}

/// The toml blocks of a page, each with the line on which it begins.
fn toml_blocks(page: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (i, line) in page.lines().enumerate() {
        match &mut open {
            None if line == "```toml" => open = Some((i + 2, String::new())),
            None => {}
            Some(_) if line == "```" => blocks.extend(open.take()),
            Some((_, text)) => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

#[test]
fn every_example_of_the_reference_page_loads() {
    for name in ["docs/config.md", "docs/alerts.md"] {
        let page = std::fs::read_to_string(repository().join(name)).unwrap();
        let blocks = toml_blocks(&page);
        assert!(blocks.len() >= 10, "{}", blocks.len());
        for (line, text) in blocks {
            let outcome = outcome(&text);
            assert!(outcome.loaded.is_some(), "{name}:{line}:\n{}", rendered(&outcome));
        }
    }
}

/// Every key of the schema stands on the page, as code.
#[test]
fn the_reference_page_names_every_key() {
    fn keys(schema: &serde_json::Value, found: &mut Vec<String>) {
        if let Some(properties) = schema.get("properties").and_then(|p| p.as_object()) {
            found.extend(properties.keys().cloned());
        }
        let children = schema.as_object().into_iter().flat_map(|o| o.values());
        children.chain(schema.as_array().into_iter().flatten()).for_each(|child| keys(child, found));
    }
    let page = std::fs::read_to_string(repository().join("docs/config.md")).unwrap();
    let mut all = Vec::new();
    keys(&serde_json::from_str(&schema_json()).unwrap(), &mut all);
    let missing: Vec<_> = all.iter().filter(|key| !page.contains(&format!("`{key}`"))).collect();
    assert!(missing.is_empty(), "not on the page: {missing:?}");
}

fn found(repositories: &[(&str, &str)], agents: &[&str]) -> Found {
    Found {
        repositories: repositories
            .iter()
            .map(|(name, path)| FoundRepository { name: (*name).to_owned(), path: (*path).to_owned() })
            .collect(),
        agents: agents.iter().map(|agent| (*agent).to_owned()).collect(),
    }
}

#[test]
fn what_init_writes_loads_without_a_word() {
    let hostile = found(
        &[
            ("Glacier Backend", "~/code/Glacier Backend"),
            ("glacier-backend", "/srv/glacier"),
            ("ünï", "a\"b\\c"),
            ("..", "\u{1b}]0;x\u{7}"),
            ("x\n[sessions.evil]\ncommand = 'x'", "."),
            ("#", ""),
        ],
        &["codex", "x\n[sessions.evil]"],
    );
    for found in [found(&[], &[]), found(&[("app", ".")], &["claude"]), hostile] {
        let text = template(&found);
        assert!(text.starts_with(&format!("#:schema ./{SCHEMA_FILE}\n")));
        let loaded = clean(&text);
        assert_eq!(loaded.plan.sessions.len(), 1, "{text}");
        assert_eq!(loaded.plan.projects.len(), found.repositories.iter().filter(|r| !r.path.is_empty()).count());
    }
}

/// The commented examples are meant to be uncommented: then they must load too.
#[test]
fn the_examples_in_what_init_writes_load_when_uncommented() {
    let text = template(&found(&[("app", ".")], &["claude"]));
    let starts = |line: &str| {
        let body = line.strip_prefix("# ")?;
        let key = body.split([' ', '[', '=']).next()?;
        let is_toml = body.starts_with('[') || (body.contains(" = ") && !key.is_empty());
        is_toml.then(|| body.to_owned())
    };
    let text: String = text.lines().map(|line| starts(line).unwrap_or_else(|| line.to_owned()) + "\n").collect();
    let loaded = clean(&text);
    assert_eq!(loaded.plan.sessions.len(), 3, "{text}");
    assert_eq!(loaded.plan.rules.len(), 1, "{text}");
}
