//! `why`: the chain behind a session's state.

use super::context::Context;
use super::failure::{Failure, session_name};
use super::{now, parts};
use crate::client::ClientError;
use crate::os::clock;

/// Tells why a session is in its state, and what happens next
///
/// Works without a daemon, from the journal.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  nightkeep why load-profiles")]
pub struct Args {
    /// Which session
    name: String,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let name = session_name(&args.name)?;
    let instance = context.instance()?;
    let client = context.client(&instance)?;
    context.block_on(async {
        let why = match client.why(name.as_str()).await {
            Ok(why) => why,
            Err(ClientError::NoDaemon { .. }) => match parts::journal_why(&instance, &name, clock::now()).await? {
                Some(why) => why,
                None => {
                    let status = now::from_journal(&instance).await?;
                    return Err(now::unknown(&instance, &args.name, &status));
                }
            },
            Err(error) => return Err(error.into()),
        };
        context.note_skew(&client);
        if context.json {
            return context.out.json(&why);
        }
        context.out.data(&parts::why_text(&why, context.out.width, context.out.color))
    })
}
