//! `alerts`: what somebody is told, and how.

use super::channel_test;
use super::context::Context;
use super::failure::Failure;

/// Tries out the ways in which somebody is told
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  nightkeep alerts test phone")]
pub struct Args {
    #[command(subcommand)]
    deed: Deed,
}

#[derive(Debug, clap::Subcommand)]
enum Deed {
    Test(channel_test::Args),
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    match &args.deed {
        Deed::Test(args) => channel_test::run(args, context),
    }
}
