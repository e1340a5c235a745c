//! `plan`: tonight as it would go.

use super::context::Context;
use super::failure::Failure;
use super::{check, parts};

/// Shows tonight as a timeline: what starts when, after what, in which slot
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  nightkeep plan")]
pub struct Args {}

/// Runs the command.
pub fn run(_args: &Args, context: &Context) -> Result<(), Failure> {
    let file = context.file()?;
    let plan = check::load(context, &file)?;
    let instance = context.around.instance(&file)?;
    context.block_on(async {
        let forecast = parts::forecast(context, &instance, &plan).await?;
        if context.json { context.out.json(&forecast.json) } else { context.out.data(&forecast.text) }
    })
}
