//! `send`: types into a session.

use super::context::Context;
use super::failure::{Failure, session_name};
use super::verbs::tell;
use crate::protocol::SendRequest;

/// Types text or a key into a running session, and checks that it arrived
///
/// Nothing is added to the text; `--key Enter` sends it off.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  nightkeep send motherduck 'go on with step 3'\n  nightkeep send motherduck --key Enter\n  \
    nightkeep send motherduck -- '--text that begins with a dash'"
)]
pub struct Args {
    /// Which session
    name: String,
    /// What to type
    #[arg(required_unless_present = "key", conflicts_with = "key")]
    text: Option<String>,
    /// A key by its tmux name: Enter, Escape, C-c, Up, ...
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let name = session_name(&args.name)?;
    let instance = context.instance()?;
    let client = context.client(&instance)?;
    context.block_on(async {
        let request = SendRequest { text: args.text.clone(), key: args.key.clone() };
        let done = client.send(name.as_str(), &request).await?;
        context.note_skew(&client);
        tell(context, &done)
    })
}
