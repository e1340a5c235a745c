//! The house rules, checked from the sources: who may use whom, what the pure layers must not touch, and that files,
//! attributes and pages are as `docs/architecture.md` promises.
//!
//! Everything is read as text, so a rule holds also for code that some feature or system leaves out of the build.

#[path = "architecture/pages.rs"]
mod pages;
#[path = "architecture/rules.rs"]
mod rules;
#[path = "architecture/source.rs"]
mod source;

use pages::Page;
use source::Source;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files with an extension below some folders or files of the repository, sorted.
fn files(starts: &[&str], extension: &str) -> Vec<PathBuf> {
    let mut todo: Vec<PathBuf> = starts.iter().map(|start| root().join(start)).collect();
    let mut found = Vec::new();
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            todo.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn name(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_string_lossy().into_owned()
}

fn sources(starts: &[&str]) -> Vec<Source> {
    let read = |path: &PathBuf| Source::new(&name(path), &fs::read_to_string(path).unwrap());
    files(starts, "rs").iter().map(read).collect()
}

fn pages() -> Vec<Page> {
    let read = |path: &PathBuf| Page { path: name(path), text: fs::read_to_string(path).unwrap() };
    files(&["README.md", "CHANGELOG.md", "docs", "logs/README.md"], "md").iter().map(read).collect()
}

/// Fails with every finding on a line of its own.
#[track_caller]
fn none(rule: &str, findings: Vec<String>) {
    assert!(findings.is_empty(), "{rule}: {} finding(s)\n  {}\n", findings.len(), findings.join("\n  "));
}

fn each(starts: &[&str], check: fn(&Source) -> Vec<String>) -> Vec<String> {
    sources(starts).iter().flat_map(check).collect()
}

#[test]
fn modules_use_only_what_the_table_allows() {
    none("layers", each(&["src"], rules::layers));
}

#[test]
fn the_table_has_no_ring() {
    assert_eq!(rules::ring(rules::MAY_USE), None);
}

#[test]
fn pure_layers_touch_no_clock_file_process_async_or_environment() {
    none("purity", each(&["src"], rules::purity));
}

#[test]
fn every_file_opens_by_saying_what_it_is_for() {
    none("opening", each(&["src", "tests", "benches"].map(existing), rules::opening));
}

#[test]
fn no_file_is_too_long_to_read() {
    none("size", each(&["src"], rules::size));
}

#[test]
fn nothing_unfinished_or_silenced_is_left() {
    none("leftovers", each(&["src", "tests", "benches"].map(existing), rules::leftovers));
}

#[test]
fn links_in_the_pages_lead_somewhere() {
    let find = |path: &str| {
        let path = root().join(path);
        if path.is_dir() { Some(String::new()) } else { fs::read_to_string(path).ok() }
    };
    none("links", pages().iter().flat_map(|page| pages::dead_links(page, find)).collect());
}

#[test]
fn scripts_that_the_pages_call_exist() {
    let runnable =
        |path: &str| fs::metadata(root().join(path)).is_ok_and(|meta| meta.permissions().mode() & 0o111 != 0);
    none("scripts", pages().iter().flat_map(|page| pages::missing_scripts(page, runnable)).collect());
}

/// A start for [`files`] that may not exist: an absent folder has no files.
fn existing(start: &str) -> &str {
    if root().join(start).exists() { start } else { "Cargo.lock" }
}

/// The rules themselves: each must find what is planted, and must not find what only looks like it.
mod planted {
    use super::pages::{Page, dead_links, missing_scripts};
    use super::rules;
    use super::source::Source;

    fn check(rule: fn(&Source) -> Vec<String>, path: &str, text: &str) -> Vec<String> {
        rule(&Source::new(path, text))
    }

    #[test]
    fn a_forbidden_use_is_found_however_it_is_written() {
        for text in [
            "use crate::store::Journal;",
            "use crate::{\n    core::ids,\n    store::{Journal, Row},\n};",
            "fn f() { crate::store::open() }",
            "fn f() { crate :: store :: open() }",
            "use super::super::store::Journal;",
        ] {
            let found = check(rules::layers, "src/core/night.rs", text);
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert!(found[0].contains("`core` uses `store`"), "{found:?}");
        }
        assert_eq!(check(rules::layers, "src/store/mod.rs", "use super::core::ids::RunId;").len(), 1);
        assert_eq!(check(rules::layers, "src/main.rs", "fn main() { nightkeep::daemon::run() }").len(), 1);
        assert_eq!(
            check(rules::layers, "src/daemon/run.rs", "//! x\n\nuse crate::cli::Args;")[0].split(':').nth(1),
            Some("3")
        );
    }

    #[test]
    fn what_is_allowed_or_only_mentioned_is_not_found() {
        for text in [
            "//! See [`crate::store`].",
            "/* crate::store::x */ fn f() {}",
            "const A: &str = \"crate::store\"; const B: &str = r#\"crate::\"store\"#;",
            "use crate::core::ids::RunId;",
            "use super::store::Thing;",
            "fn f<'a>(x: &'a str) -> char { '\\'' } // crate::store",
            "#[cfg(test)]\nmod tests {\n    use crate::store::Journal;\n    fn g() { if true { } }\n}",
        ] {
            assert_eq!(check(rules::layers, "src/core/night.rs", text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn code_behind_a_test_module_is_looked_at_again() {
        let text = "#[cfg(test)]\nmod tests { fn a() {} }\nuse crate::store::Journal;";
        assert_eq!(check(rules::layers, "src/core/night.rs", text).len(), 1);
    }

    #[test]
    fn a_module_without_a_row_is_found() {
        assert!(check(rules::layers, "src/utils.rs", "//! x")[0].contains("no row"));
    }

    #[test]
    fn a_ring_in_the_table_is_found() {
        assert_eq!(rules::ring(&[("a", &["b"]), ("b", &["a"]), ("c", &[])]), Some("a, b".to_owned()));
    }

    #[test]
    fn impurity_is_found_in_pure_layers_only() {
        for text in [
            "use std::fs;",
            "use std::{collections::BTreeMap, fs::File};",
            "fn f() { std::env::var(\"HOME\"); }",
            "use std::time::Instant;",
            "use tokio::sync::mpsc;",
            "fn f() -> SystemTime { x }",
            "fn f() { libc::getpid(); }",
        ] {
            assert_eq!(check(rules::purity, "src/core/retry.rs", text).len(), 1, "{text}");
            assert_eq!(check(rules::purity, "src/daemon/run.rs", text).len(), 0, "{text}");
            assert_eq!(check(rules::purity, "src/config/source.rs", text).len(), 0, "{text}");
        }
        for text in ["// std::fs", "use std::fmt;", "fn instant() {}", "struct InstantNoodles;", "libc::SIGTERM"] {
            assert_eq!(check(rules::purity, "src/core/retry.rs", text).len(), 0, "{text}");
        }
    }

    #[test]
    fn a_missing_opening_and_a_long_file_are_found() {
        assert_eq!(check(rules::opening, "src/core/x.rs", "use a::b;\n").len(), 1);
        let long = "fn f() {}\n".repeat(rules::FILE_LINES + 1);
        assert_eq!(check(rules::size, "src/core/x.rs", &long).len(), 1);
        let tested = format!("fn f() {{}}\n#[cfg(test)]\nmod tests {{\n{long}}}\n");
        assert_eq!(check(rules::size, "src/core/x.rs", &tested).len(), 0);
        assert_eq!(check(rules::size, "src/main.rs", &"f();\n".repeat(rules::ROOT_LINES + 1)).len(), 1);
        assert_eq!(check(rules::size, "src/main.rs", &"// why\n".repeat(rules::ROOT_LINES + 1)).len(), 0);
    }

    #[test]
    fn leftovers_are_found() {
        for text in [
            "fn f() { todo!() }",
            "fn f() { dbg!(x); }",
            "#[allow(dead_code)]\nfn f() {}",
            "#![allow(dead_code, reason = \"x\")]",
            "#[cfg_attr(test, allow(dead_code))]\nfn f() {}",
            "#[expect(dead_code)]\nfn f() {}",
        ] {
            assert_eq!(check(rules::leftovers, "src/core/x.rs", text).len(), 1, "{text}");
        }
        for text in [
            "// todo!()",
            "let todo = 1;",
            "#[expect(\n    dead_code,\n    reason = \"x\"\n)]\nfn f() {}",
            "fn f() { x.expect(\"y\"); allow(z); }",
        ] {
            assert_eq!(check(rules::leftovers, "src/core/x.rs", text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn dead_links_and_missing_scripts_are_found() {
        let page = Page {
            path: "docs/a.md".to_owned(),
            text: "# Top\n[b](b.md) [gone](gone.md) [up](../README.md#first-night) [bad](b.md#nothing) [top](#top)\n\
                   `[x](code.md)` [web](https://example.org)\n```sh\nscripts/try\n$ scripts/gone --x\n```\n```toml\nscripts/toml\n```\n"
                .to_owned(),
        };
        let find = |path: &str| match path {
            "docs/b.md" => Some("# B\n".to_owned()),
            "docs/a.md" => Some(page.text.clone()),
            "README.md" => Some("## First night\n".to_owned()),
            _ => None,
        };
        assert_eq!(
            dead_links(&page, find),
            [
                "docs/a.md:2: links to docs/gone.md, which is not there",
                "docs/a.md:2: docs/b.md has no heading #nothing"
            ]
        );
        assert_eq!(
            missing_scripts(&page, |path| path == "scripts/try"),
            ["docs/a.md:6: calls scripts/gone, which is not there or not executable"]
        );
    }
}
