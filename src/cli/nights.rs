//! `nights`: past nights, a line each, and how they went one after the other.

use super::context::Context;
use super::failure::Failure;
use super::parts;
use crate::protocol::SCHEMA;

/// Lists past nights, newest first, with what changed from one to the next
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nightkeep nights\n  nightkeep nights --limit 90")]
pub struct Args {
    /// At most so many; one that is over is told by its sums, which its report left in the journal
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..))]
    limit: u16,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let instance = context.instance()?;
    let nights = context.block_on(parts::nights(&instance, context.out.width, usize::from(args.limit)))?;
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
