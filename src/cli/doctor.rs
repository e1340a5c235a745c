//! `doctor`: looks at everything a night needs, and says what to do about what is missing.

mod caps;
mod kept;
mod machine;
mod ours;

use super::context::Context;
use super::failure::{Exit, Failure, harmless};
use crate::protocol::SCHEMA;
use serde::Serialize;

/// Checks what a night needs, each with its remedy
///
/// Looks at tmux, git, the file and its trust, folders, permissions, disk, journal, clean-ups, channels, daemon, service,
/// inotify, limits, clock, lingering, sleep and agents. Each says what was seen, what it means and what to do.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit code 1 when something is broken.\n\nExample:\n  nightkeep doctor")]
pub struct Args {}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    /// As it should be.
    Ok,
    /// Works, but may surprise.
    Warning,
    /// A night would not work.
    Broken,
}

/// One check.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    result: Outcome,
    seen: String,
    /// What it means for a night; null when it is as it should be.
    why: Option<String>,
    remedy: Option<String>,
}

impl Check {
    fn ok(name: &'static str, seen: impl Into<String>) -> Self {
        Self { name, result: Outcome::Ok, seen: seen.into(), why: None, remedy: None }
    }
    fn warning(name: &'static str, seen: impl Into<String>, why: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, result: Outcome::Warning, seen: seen.into(), why: Some(why.into()), remedy: Some(remedy.into()) }
    }
    fn broken(name: &'static str, seen: impl Into<String>, why: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, result: Outcome::Broken, seen: seen.into(), why: Some(why.into()), remedy: Some(remedy.into()) }
    }
}

/// `doctor --json`.
#[derive(Serialize)]
struct Findings<'a> {
    schema: u32,
    healthy: bool,
    checks: &'a [Check],
}

/// Runs the command.
pub fn run(_args: &Args, context: &Context) -> Result<(), Failure> {
    let checks = context.block_on(async {
        let mut checks = vec![machine::tmux().await, machine::git().await, machine::shell()];
        checks.extend(ours::all(context).await);
        checks.extend([machine::inotify(), machine::limits(), machine::clock(), machine::lingering().await]);
        checks.extend([machine::agents(), machine::wall()]);
        Ok(checks)
    })?;
    let healthy = checks.iter().all(|c| c.result != Outcome::Broken);
    if context.json {
        context.out.json(&Findings { schema: SCHEMA, healthy, checks: &checks })?;
    } else {
        context.out.data(&text(&checks, context.out.color))?;
    }
    if healthy { Ok(()) } else { Err(Failure::silent(Exit::Failed)) }
}

fn text(checks: &[Check], color: bool) -> String {
    let mut text = String::new();
    for check in checks {
        let (word, code) = match check.result {
            Outcome::Ok => ("ok", "32"),
            Outcome::Warning => ("warning", "33"),
            Outcome::Broken => ("broken", "1;31"),
        };
        let word = format!("{word:<8}");
        let word = if color { format!("\x1b[{code}m{word}\x1b[0m") } else { word };
        text.push_str(&format!("{word} {:<10} {}\n", check.name, harmless(&check.seen).replace('\n', " ")));
        if let Some(why) = &check.why {
            text.push_str(&format!("{:20}{}\n", "", harmless(why)));
        }
        if let Some(remedy) = &check.remedy {
            text.push_str(&format!("{:20}-> {}\n", "", harmless(remedy)));
        }
    }
    text
}
