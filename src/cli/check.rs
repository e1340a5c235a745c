//! `check`: says everything that is wrong with the file; and the loading that other commands do.

use super::context::Context;
use super::failure::{Exit, Failure, shown_path};
use super::parts::{self, Checked, Problem};
use crate::core::plan::{ClearSecrets, Plan};
use crate::protocol::SCHEMA;
use crate::status::text::count;
use serde::Serialize;
use std::path::Path;

/// Checks sessions.toml and prints all problems; exit 2 if there are any
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  nightkeep check --file ~/code/backend/sessions.toml")]
pub struct Args {}

/// `check --json`.
#[derive(Serialize)]
struct CheckDocument<'a> {
    schema: u32,
    file: String,
    valid: bool,
    problems: &'a [Problem],
    warnings: &'a [Problem],
}

/// Runs the command.
pub fn run(_args: &Args, context: &Context) -> Result<(), Failure> {
    let file = context.file()?;
    let checked = parts::check(context, &file)?;
    let valid = checked.problems.is_empty();
    if context.json {
        context.out.json(&CheckDocument {
            schema: SCHEMA,
            file: file.to_string_lossy().into_owned(),
            valid,
            problems: &checked.problems,
            warnings: &checked.warnings,
        })?;
        return if valid { Ok(()) } else { Err(Failure::silent(Exit::Usage)) };
    }
    say(context, &checked.warnings);
    match checked.plan {
        Some(plan) if valid => context.out.line(&format!(
            "{}: {}, {}, {}",
            shown_path(&file),
            count(plan.sessions.len() as u64, "session", "sessions"),
            count(plan.projects.len() as u64, "project", "projects"),
            match checked.warnings.len() as u64 {
                0 => "no problem".to_owned(),
                n => format!("no error, {}", count(n, "warning", "warnings")),
            }
        )),
        Some(_) | None => Err(invalid(context, &file, &checked.problems)),
    }
}

/// Reads a file that must be valid. Warnings are said; all problems at once are the failure.
pub fn load(context: &Context, file: &Path) -> Result<Plan, Failure> {
    load_with_secrets(context, file).map(|(plan, _)| plan)
}

/// The same with the secrets of channels that stand in the file.
pub fn load_with_secrets(context: &Context, file: &Path) -> Result<(Plan, ClearSecrets), Failure> {
    let Checked { plan, clear_secrets, problems, warnings } = parts::check(context, file)?;
    say(context, &warnings);
    let plan = plan.filter(|_| problems.is_empty()).ok_or_else(|| invalid(context, file, &problems))?;
    Ok((plan, clear_secrets))
}

fn say(context: &Context, warnings: &[Problem]) {
    for warning in warnings {
        context.out.rendered(&warning.rendered);
    }
}

fn invalid(context: &Context, file: &Path, problems: &[Problem]) -> Failure {
    for problem in problems {
        context.out.rendered(&problem.rendered);
    }
    let count = match problems.len() {
        1 => "1 problem".to_owned(),
        n => format!("{n} problems"),
    };
    Failure::new(Exit::Usage, format!("{} is not valid: {count}", shown_path(file)))
}
