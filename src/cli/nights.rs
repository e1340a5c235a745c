//! `nights`: past nights, a line each.

use super::context::Context;
use super::failure::Failure;
use super::parts;
use crate::protocol::SCHEMA;

/// Lists past nights, with what changed from one to the next
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  nightkeep nights")]
pub struct Args {}

/// Runs the command.
pub fn run(_args: &Args, context: &Context) -> Result<(), Failure> {
    let instance = context.instance()?;
    let nights = context.block_on(parts::nights(&instance, context.out.width))?;
    match nights {
        Some(nights) if context.json => context.out.json(&nights.json),
        Some(nights) => context.out.data(&nights.text),
        None if context.json => context.out.json(&serde_json::json!({"schema": SCHEMA, "nights": []})),
        None => {
            context.out.talk("no night yet; `nightkeep up` begins one");
            Ok(())
        }
    }
}
