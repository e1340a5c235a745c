//! The commented `sessions.toml` that `nightkeep init` writes.

use super::printable::printable;
use crate::core::ids::ProjectName;
use std::collections::BTreeSet;
use std::fmt::Write;

/// Where `init` puts the schema, from the file's folder, and what the file's first line names.
///
/// Beside the other files nightkeep writes, and not an address: editors then complete and check without a network, and
/// always by the keys of the version that is installed.
pub const SCHEMA_FILE: &str = "logs/sessions.schema.json";

/// A git repository that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundRepository {
    /// The name of its folder.
    pub name: String,
    /// Its path: relative to the file's folder, absolute, or with `~`.
    pub path: String,
}

/// What was found on the machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Git repositories.
    pub repositories: Vec<FoundRepository>,
    /// Installed agents by the names of their profiles: `claude`, `codex`, …
    pub agents: Vec<String>,
}

/// The text of the file. It loads without errors or warnings.
pub fn template(found: &Found) -> String {
    let projects = projects(&found.repositories);
    let mut out = format!("#:schema ./{SCHEMA_FILE}\n");
    out.push_str(HEAD);
    out.push_str("\n# Directories in which sessions work.\n");
    for (name, path) in &projects {
        let _ = write!(out, "[projects.{name}]\ndir = {}\n\n", toml_string(path));
    }
    if projects.is_empty() {
        out.push_str("# [projects.my-project]\n# dir = \"~/code/my-project\"\n\n");
    }
    out.push_str(FIRST_SESSION);
    let project = projects.first().map_or("my-project", |(name, _)| name.as_str());
    out.push_str(&commented(&LOAD.replace("PROJECT", project)));
    let agent = found.agents.first().map_or("claude", String::as_str);
    if found.agents.len() > 1 {
        let _ = writeln!(out, "# Agents found here: {}.", printable(&found.agents.join(", ")));
    }
    out.push_str(&commented(&AGENT.replace("PROJECT", project).replace("AGENT", &printable(agent))));
    out.push_str(TAIL);
    out
}

const HEAD: &str = r#"# What nightkeep runs tonight. Editors that know TOML complete and explain every key by the line above.
#   nightkeep check   says what is wrong with this file
#   nightkeep plan    shows what would run, and when
#   nightkeep up      runs it

[limits]
concurrent = 4              # sessions that run at once

[defaults]                  # for every session that does not say otherwise
timeout = "3h"              # one attempt
retry = { max_attempts = 5, initial_delay = "10s", max_delay = "5m" }
"#;

const FIRST_SESSION: &str = r#"# A session is a command, or an agent with a prompt. This one shows that all works; replace it.
[sessions.hello]
command = "echo hello from nightkeep"

"#;

const LOAD: &str = r#"A load that is only a success when all of it came through:
[sessions.load]
project = "PROJECT"
command = "python -m loaders.run --all"       # a string goes to the shell, a list is started as it stands
success = { require = ["metric:rows=complete"] }
metrics = [{ name = "rows", regex = 'Loaded (\d+) / (\d+) rows' }]
"#;

const AGENT: &str = r#"An agent that works once the load is through; green tests are the proof:
[sessions.agent]
project = "PROJECT"
agent = "AGENT"
prompt = "Do what docs/plan.md describes. Run the tests before you stop."
after = ["load"]
verify = "pytest -q"
"#;

const TAIL: &str = r"# What kind of failure some output means:
# [[rules]]
# match = 'database is locked'
# class = 'transient'
";

fn commented(text: &str) -> String {
    text.lines().map(|line| format!("# {line}\n")).collect::<String>() + "\n"
}

/// The repositories under names that are allowed and not yet taken.
fn projects(repositories: &[FoundRepository]) -> Vec<(ProjectName, String)> {
    let mut taken = BTreeSet::new();
    let mut projects = Vec::new();
    for repository in repositories.iter().filter(|r| !r.path.is_empty() && !r.path.contains('\0')) {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c.to_ascii_lowercase() } else { '-' };
        let slug: String = repository.name.chars().map(plain).collect();
        let slug: String = slug.trim_matches(['-', '_']).chars().take(50).collect();
        let slug = if slug.is_empty() { "project" } else { &slug };
        let numbered = (2..).map(|n| format!("{slug}-{n}"));
        let name = std::iter::once(slug.to_owned()).chain(numbered).find(|name| !taken.contains(name));
        if let Some(name) = name.and_then(|name| ProjectName::new(&name).ok()) {
            taken.insert(name.to_string());
            projects.push((name, repository.path.clone()));
        }
    }
    projects
}

/// A text as a TOML string, with everything escaped that is not plain to see.
fn toml_string(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if super::printable::is_plain(c) => out.push(c),
            c => {
                let _ = write!(out, "\\U{:08X}", u32::from(c));
            }
        }
    }
    out.push('"');
    out
}
