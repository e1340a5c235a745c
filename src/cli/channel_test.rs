//! `alerts test`: sends a message over a channel and says what came of it.

use super::context::Context;
use super::failure::{Exit, Failure, close_names, shown_path};
use super::{check, parts, trust};
use crate::client::ClientError;
use crate::core::plan::Plan;
use crate::os::clock;
use std::path::Path;

/// Sends a test message over a channel of sessions.toml; exit 1 if it did not arrive
///
/// While a daemon runs it is the daemon that sends, with the secrets in its environment, as at night; without one this
/// command does, with those in its own. Quiet hours and severities do not hold it up.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  nightkeep alerts test phone")]
pub struct Args {
    /// Which channel
    channel: String,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let file = context.file()?;
    let (plan, clear) = check::load_with_secrets(context, &file)?;
    let name = args.channel.as_str();
    let channel = plan.channels.get(name).ok_or_else(|| no_such_channel(name, &plan, &file))?;
    // A channel starts programs and hands out secrets: a file that nobody read must not do that.
    trust::ensure(context, &file, &plan, false)?;
    let instance = context.instance()?;
    let client = context.client(&instance)?;
    let tested = context.block_on(async {
        match client.channel_test(&channel.name).await {
            Ok(tested) => {
                context.note_skew(&client);
                return Ok(tested);
            }
            Err(ClientError::NoDaemon { .. }) => {
                context.out.talk("note: no daemon runs: secrets are taken from the environment of this command");
            }
            // It goes by an older file, or is of an older version.
            Err(ClientError::Refused(refusal)) if refusal.exit_code == Exit::NotFound.code() => {
                context
                    .out
                    .talk("note: the daemon does not know the channel yet: this command sends the message itself");
            }
            Err(error) => return Err(error.into()),
        }
        Ok(parts::test_channel(channel, clear, clock::wall()).await)
    })?;
    if context.json {
        context.out.json(&tested)?;
    }
    let shown = format!("{name} ({})", tested.r#type);
    match &tested.why {
        None if context.json => Ok(()),
        None => {
            context.out.line(&format!("{shown}: delivered, with the environment of {}", whose(&tested.environment)))
        }
        Some(_) if context.json => Err(Failure::silent(Exit::Failed)),
        Some(why) => {
            let what = format!("{shown}: not delivered, with the environment of {}: {why}", whose(&tested.environment));
            Err(Failure::new(Exit::Failed, what).hint(advice(tested.retry_after, tested.permanent)))
        }
    }
}

fn whose(environment: &str) -> &'static str {
    if environment == "daemon" { "the daemon" } else { "this command" }
}

fn advice(retry_after: Option<f64>, permanent: bool) -> String {
    match (retry_after, permanent) {
        (Some(wait), _) => format!("the service asks to wait {} s", wait.ceil()),
        (None, true) => {
            "at night this would not be tried again: see docs/alerts.md for what each channel needs".to_owned()
        }
        (None, false) => "at night this would be tried again".to_owned(),
    }
}

fn no_such_channel(typed: &str, plan: &Plan, file: &Path) -> Failure {
    let what = format!("{} declares no channel {typed:?}", shown_path(file));
    let failure = Failure::new(Exit::NotFound, what);
    let known: Vec<&str> = plan.channels.keys().map(String::as_str).collect();
    match (close_names(typed, known.iter().copied()).as_slice(), known.as_slice()) {
        ([], []) => failure.hint("declare one: [alerts.channels.NAME] with type = \"…\""),
        ([], known) => failure.hint(format!("there is {}", known.join(", "))),
        (close, _) => failure.hint(format!("did you mean {}?", close.join(" or "))),
    }
}
