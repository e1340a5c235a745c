//! `alerts test`: sends a message over a channel and says what came of it.

use super::context::Context;
use super::failure::{Exit, Failure, close_names, shown_path};
use super::{check, parts, trust};
use crate::core::alert::message::Outcome;
use crate::core::plan::Plan;
use crate::os::clock;
use crate::protocol::SCHEMA;
use serde::Serialize;
use std::path::Path;
use std::time::Duration;

/// Sends a test message over a channel of sessions.toml; exit 1 if it did not arrive
///
/// Secrets are read as at night, from the environment of this command and from files. Quiet hours and severities do not
/// hold it up.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  nightkeep alerts test phone")]
pub struct Args {
    /// Which channel
    channel: String,
}

/// `alerts test --json`.
#[derive(Serialize)]
struct Tested<'a> {
    schema: u32,
    channel: &'a str,
    r#type: &'a str,
    delivered: bool,
    why: Option<&'a str>,
    permanent: bool,
    retry_after: Option<f64>,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let file = context.file()?;
    let (plan, clear) = check::load_with_secrets(context, &file)?;
    let name = args.channel.as_str();
    let channel = plan.channels.get(name).ok_or_else(|| no_such_channel(name, &plan, &file))?;
    // A channel starts programs and hands out secrets: a file that nobody read must not do that.
    trust::ensure(context, &file, &plan, false)?;
    let kind = channel.way.as_str();
    let outcome = context.block_on(async { Ok(parts::try_channel(channel, clear, clock::wall()).await) })?;
    let (why, retry_after, permanent) = match &outcome {
        Outcome::Delivered => (None, None, false),
        Outcome::Failed { why, retry_after, permanent } => (Some(why.as_str()), *retry_after, *permanent),
    };
    if context.json {
        context.out.json(&Tested {
            schema: SCHEMA,
            channel: name,
            r#type: kind,
            delivered: why.is_none(),
            why,
            permanent,
            retry_after: retry_after.map(|wait| wait.as_secs_f64()),
        })?;
    }
    match why {
        None if context.json => Ok(()),
        None => context.out.line(&format!("{name} ({kind}): delivered")),
        Some(_) if context.json => Err(Failure::silent(Exit::Failed)),
        Some(why) => {
            let failure = Failure::new(Exit::Failed, format!("{name} ({kind}): not delivered: {why}"));
            Err(failure.hint(advice(retry_after, permanent)))
        }
    }
}

fn advice(retry_after: Option<Duration>, permanent: bool) -> String {
    match (retry_after, permanent) {
        (Some(wait), _) => format!("the service asks to wait {} s", wait.as_secs()),
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
