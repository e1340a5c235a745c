//! `nights`: past nights, a line each.

use super::context::Context;
use super::failure::Failure;
use super::parts;

/// Lists past nights, newest first
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  nightkeep nights")]
pub struct Args {}

/// Runs the command.
pub fn run(_args: &Args, context: &Context) -> Result<(), Failure> {
    let instance = context.instance()?;
    let nights = context.block_on(parts::nights(&instance))?;
    if context.json {
        return context.out.json(&nights);
    }
    if nights.nights.is_empty() {
        context.out.talk("no night yet; `nightkeep up` begins one");
        return Ok(());
    }
    context.out.data(&parts::nights_text(&nights, context.out.width))
}
