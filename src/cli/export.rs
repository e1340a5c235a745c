//! `export`: the journal as JSON lines.

use super::context::Context;
use super::failure::Failure;
use super::{parts, report};
use crate::core::ids::NightId;
use std::io::Write as _;

/// Prints the journal as JSON lines, oldest first
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  nightkeep export --night 2026-11-21 | jq .fact")]
pub struct Args {
    /// Only this night: 2026-11-21
    #[arg(long, value_name = "ID", value_parser = report::night)]
    night: Option<NightId>,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let instance = context.instance()?;
    let mut out = context.out.stdout();
    context.block_on(parts::export(&instance, args.night.as_ref(), &mut out))?;
    out.flush().map_err(|e| Failure::stdout(&e))
}
