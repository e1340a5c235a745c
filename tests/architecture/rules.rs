//! The house rules as data and as functions from text to findings, so that each can be tried on a planted violation.

use super::source::{Source, closing, names_after, words};
use std::collections::{BTreeMap, BTreeSet};

/// Which top-level modules each one may use. A module that is not here fails the check: decide where it belongs first.
pub const MAY_USE: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("terminal", &[]),
    ("store", &[]),
    ("harvest", &["terminal"]),
    ("verdict", &["harvest"]),
    ("recording", &["core"]),
    ("os", &["core"]),
    ("instance", &["core"]),
    ("config", &["core", "agents"]),
    ("protocol", &["core"]),
    ("observe", &["core", "terminal"]),
    ("agents", &["core", "terminal", "observe"]),
    ("status", &["core", "protocol", "terminal"]),
    ("report", &["core", "harvest", "protocol", "status", "terminal", "verdict"]),
    ("shim", &["core", "recording", "os"]),
    ("adapters", &["core", "recording", "os", "terminal", "instance"]),
    ("client", &["core", "protocol"]),
    ("tui", &["core", "protocol", "client", "report", "status", "terminal"]),
    (
        "daemon",
        &[
            "core",
            "terminal",
            "store",
            "recording",
            "os",
            "instance",
            "config",
            "protocol",
            "observe",
            "status",
            "report",
            "shim",
            "adapters",
            "agents",
        ],
    ),
    (
        "cli",
        &[
            "core",
            "terminal",
            "store",
            "recording",
            "os",
            "instance",
            "config",
            "protocol",
            "observe",
            "status",
            "report",
            "shim",
            "client",
            "daemon",
            "harvest",
            "tui",
            "agents",
        ],
    ),
    ("main", &["cli", "shim"]),
    ("lib", &[]),
];

/// Layers that only compute: what they need to know comes in as a value, what they want done goes out as one.
pub const PURE: &[&str] =
    &["core", "terminal", "observe", "agents", "status", "report", "protocol", "config", "harvest", "verdict", "tui"];

/// The files of a pure layer that are its rim: what the rest of the layer only sees as values, they read and do.
pub const RIM: &[&str] = &[
    "src/config/source.rs",
    "src/config/load.rs",
    "src/tui/run.rs",
    "src/tui/feed.rs",
    "src/tui/lookup.rs",
    "src/tui/alone.rs",
];

/// What a pure layer must not name: modules of `std`, then other identifiers.
const IMPURE_STD: &[&str] = &["fs", "process", "net", "env", "thread"];
const IMPURE_NAMES: &[&str] = &["tokio", "SystemTime", "Instant", "rustix", "sqlx", "reqwest", "axum", "sysinfo"];

/// Most lines of a source file, tests not counted.
pub const FILE_LINES: usize = 700;
/// Most lines of code of the two roots.
pub const ROOT_LINES: usize = 30;

fn finding(source: &Source, offset: usize, text: &str) -> String {
    format!("{}:{}: {text}", source.path, source.line_of(offset))
}

/// Uses that the table does not allow. Test code may use what it likes.
pub fn layers(source: &Source) -> Vec<String> {
    let module = source.module();
    let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == module) else {
        return vec![format!(
            "{}: the module `{module}` has no row in MAY_USE (tests/architecture/rules.rs); say there what it may use",
            source.path
        )];
    };
    let known: BTreeSet<&str> = MAY_USE.iter().map(|(name, _)| *name).collect();
    let mut findings = Vec::new();
    for (used, offset) in source.uses() {
        let used = used.as_str();
        if used == module || !known.contains(used) || allowed.contains(&used) || source.in_tests(offset) {
            continue;
        }
        let may = if allowed.is_empty() { "no other module".to_owned() } else { allowed.join(", ") };
        findings.push(finding(source, offset, &format!("`{module}` uses `{used}`; it may use {may}")));
    }
    findings
}

/// Clocks, files, processes, async and the environment in a pure layer.
pub fn purity(source: &Source) -> Vec<String> {
    let module = source.module();
    if !PURE.contains(&module) || RIM.contains(&source.path.as_str()) {
        return Vec::new();
    }
    let mut named: Vec<(usize, String)> = Vec::new();
    for at in words(&source.code, "std") {
        for name in names_after(&source.code, at + 3) {
            if IMPURE_STD.contains(&name.as_str()) {
                named.push((at, format!("std::{name}")));
            }
        }
    }
    // libc's constants are plain numbers; its functions are calls into the system.
    for at in words(&source.code, "libc") {
        for name in names_after(&source.code, at + 4).into_iter().filter(|name| name.starts_with(char::is_lowercase)) {
            named.push((at, format!("libc::{name}")));
        }
    }
    for name in IMPURE_NAMES {
        named.extend(words(&source.code, name).into_iter().map(|at| (at, (*name).to_owned())));
    }
    named.sort_unstable();
    named
        .into_iter()
        .filter(|(at, _)| !source.in_tests(*at))
        .map(|(at, name)| {
            finding(
                source,
                at,
                &format!("`{module}` is pure, but names `{name}`; take the value as an argument instead"),
            )
        })
        .collect()
}

/// A file must say what it is for before anything else.
pub fn opening(source: &Source) -> Vec<String> {
    if source.raw.starts_with("//!") {
        return Vec::new();
    }
    vec![format!("{}:1: opens without `//!`; say in a sentence what the file is for", source.path)]
}

/// Files that have grown too long to be read.
pub fn size(source: &Source) -> Vec<String> {
    let (lines, most, what) = match source.module() {
        "main" | "lib" => (source.lines_without_tests(true), ROOT_LINES, "lines of code"),
        _ => (source.lines_without_tests(false), FILE_LINES, "lines without tests"),
    };
    if lines <= most {
        return Vec::new();
    }
    vec![format!("{}: {lines} {what}, at most {most}; split it by subject", source.path)]
}

/// Unfinished work and lints switched off without a word.
pub fn leftovers(source: &Source) -> Vec<String> {
    let mut findings = Vec::new();
    for name in ["todo", "unimplemented", "dbg"] {
        for at in words(&source.code, name) {
            if source.code[at + name.len()..].starts_with('!') {
                findings.push(finding(source, at, &format!("`{name}!` is left")));
            }
        }
    }
    for at in words(&source.code, "allow").into_iter().chain(words(&source.code, "expect")) {
        let before = source.code[..at].trim_end();
        let open = at + if source.code[at..].starts_with("allow") { 5 } else { 6 };
        let attribute = before.ends_with("#[") || before.ends_with("#![") || in_cfg_attr(before);
        if !attribute || !source.code[open..].starts_with('(') {
            continue;
        }
        if open - at == 5 {
            findings.push(finding(
                source,
                at,
                "`#[allow]` stays when it is no longer needed; use `#[expect(…, reason = \"…\")]`",
            ));
        } else if words(&source.code[open..closing(&source.code, open)], "reason").is_empty() {
            findings.push(finding(source, at, "`#[expect]` without a `reason`"));
        }
    }
    findings
}

fn in_cfg_attr(before: &str) -> bool {
    let Some(open) = before.rfind("cfg_attr(") else { return false };
    let inside = &before[open..];
    inside.ends_with(',') && !inside.contains(']')
}

/// Modules that use each other in a ring, by the table itself.
pub fn ring(table: &[(&str, &[&str])]) -> Option<String> {
    let mut left: BTreeMap<&str, BTreeSet<&str>> =
        table.iter().map(|(name, uses)| (*name, uses.iter().copied().collect())).collect();
    loop {
        let free: Vec<&str> = left.iter().filter(|(_, uses)| uses.is_empty()).map(|(name, _)| *name).collect();
        if free.is_empty() {
            break;
        }
        for name in free {
            left.remove(name);
            for uses in left.values_mut() {
                uses.remove(name);
            }
        }
    }
    let names: Vec<&str> = left.keys().copied().collect();
    (!names.is_empty()).then(|| names.join(", "))
}
