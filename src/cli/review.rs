//! `approve`, `dismiss`: what you make of the files that wait for you in the report. Needs no daemon.

use super::context::Context;
use super::failure::Failure;
use super::verbs::tell;
use super::{inside, parts, report};
use crate::client::ClientError;
use crate::core::ids::NightId;
use crate::protocol::details::ReviewRequest;

/// What both are given.
#[derive(Debug, clap::Args)]
struct Target {
    /// Ids of artifacts and of what agents ask for, as the report names them
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    /// The night whose report names them; the last one without it
    #[arg(long, value_name = "NIGHT", value_parser = report::night)]
    night: Option<NightId>,
    /// Why, for the journal
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Approves artifacts: they wait for you no longer, until they change again
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  nightkeep approve a-4f1c2a90b3")]
pub struct ApproveArgs {
    #[command(flatten)]
    target: Target,
}

/// Dismisses artifacts: looked at and not wanted; they wait for you no longer, until they change again
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  nightkeep dismiss a-4f1c2a90b3 --reason 'the view is not needed'")]
pub struct DismissArgs {
    #[command(flatten)]
    target: Target,
}

/// Runs `approve`.
pub fn approve(args: &ApproveArgs, context: &Context) -> Result<(), Failure> {
    give(&args.target, true, context)
}

/// Runs `dismiss`.
pub fn dismiss(args: &DismissArgs, context: &Context) -> Result<(), Failure> {
    give(&args.target, false, context)
}

fn give(target: &Target, approved: bool, context: &Context) -> Result<(), Failure> {
    // The daemon refuses it as well; without one nobody else would.
    inside::refuse(if approved { "approve what it made" } else { "dismiss what it made" })?;
    let instance = context.instance()?;
    let client = context.client(&instance)?;
    let request = ReviewRequest {
        artifacts: target.ids.clone(),
        approved,
        night: target.night.as_ref().map(ToString::to_string),
        reason: target.reason.as_ref().map(|reason| reason.chars().take(400).collect()),
    };
    context.block_on(async {
        let done = match client.review(&request).await {
            Ok(done) => {
                context.note_skew(&client);
                done
            }
            Err(ClientError::NoDaemon { .. }) => parts::review_alone(&instance, request, target.night.clone()).await?,
            Err(error) => return Err(error.into()),
        };
        tell(context, &done)
    })
}
