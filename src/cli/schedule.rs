//! `schedule`: a session starts at a time and not before.

use super::context::Context;
use super::failure::{Failure, session_name};
use super::verbs::tell;
use super::when;
use crate::core::event::When;
use crate::protocol::ScheduleRequest;

/// Starts a session at a time tonight and not before; what it comes after still holds it up
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  nightkeep schedule tests 02:30\n  nightkeep schedule tests 45m --reason 'the disk is being cleaned'"
)]
pub struct Args {
    /// Which session
    name: String,
    /// The next 02:30, 45m from now, or 2026-11-22T02:30:00Z
    #[arg(value_name = "TIME", value_parser = when::coming)]
    when: When,
    /// Why, for the journal
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let name = session_name(&args.name)?;
    let instance = context.instance()?;
    let client = context.client(&instance)?;
    context.block_on(async {
        let request = ScheduleRequest { when: args.when, reason: args.reason.clone() };
        let done = client.schedule(name.as_str(), &request).await?;
        context.note_skew(&client);
        tell(context, &done)
    })
}
