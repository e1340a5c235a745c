//! `schema`: the JSON Schema of `sessions.toml`.

use super::context::Context;
use super::failure::Failure;
use super::parts;

/// Prints the JSON Schema of sessions.toml, for editors
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  nightkeep schema > docs/sessions.schema.json")]
pub struct Args {}

/// Runs the command.
pub fn run(_args: &Args, context: &Context) -> Result<(), Failure> {
    let schema = parts::schema();
    context.out.line(schema.trim_end())
}
