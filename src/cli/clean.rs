//! `clean`: retention by hand, with or without a daemon.

use super::context::Context;
use super::failure::{Exit, Failure, harmless};
use super::parts;
use super::when;
use crate::client::ClientError;
use crate::protocol::{CleanReport, CleanRequest};
use std::time::Duration;

/// Removes what is older than the rules keep it, and compresses the output of past nights
///
/// The daemon does it by itself each hour. What the open night, a run that has not ended or an unread dead letter needs
/// is never touched.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nightkeep clean --dry-run\n  nightkeep clean\n  nightkeep clean --older-than 3d")]
pub struct Args {
    /// Instead of the file's rules: output and journal older than this go
    #[arg(long, value_name = "DURATION", value_parser = when::duration)]
    older_than: Option<Duration>,
    /// Show what would be done, and touch nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let instance = context.instance()?;
    let report = context.block_on(async {
        if args.dry_run {
            return parts::clean_dry(context, &instance, args.older_than).await;
        }
        let client = context.client(&instance)?;
        let request = CleanRequest { older_than_s: args.older_than.map(|span| span.as_secs()), reason: None };
        context.out.progress("cleaning up");
        let answer = match client.health().await {
            Ok(_) => {
                context.note_skew(&client);
                client.clean(&request).await.map_err(Failure::from)
            }
            Err(ClientError::NoDaemon { .. }) => parts::clean_alone(context, &instance, args.older_than).await,
            Err(error) => Err(error.into()),
        };
        context.out.clear_progress();
        answer
    })?;
    if context.json {
        context.out.json(&report)?;
    } else {
        context.out.data(&text(&report))?;
    }
    if report.problems.is_empty() { Ok(()) } else { Err(Failure::silent(Exit::Failed)) }
}

fn text(report: &CleanReport) -> String {
    let mut text = String::new();
    for deed in &report.deeds {
        let because = deed.because.as_str();
        text.push_str(&format!("{:>10}  {} ({because})\n", size(deed.bytes), harmless(&deed.what)));
    }
    for problem in &report.problems {
        text.push_str(&format!("problem: {}\n", harmless(problem).replace('\n', " ")));
    }
    match (report.deeds.len(), report.dry_run) {
        (0, _) => text.push_str("nothing to clean up\n"),
        (_, true) => text.push_str("nothing was touched; without --dry-run this is done\n"),
        (_, false) => text.push_str(&format!("{} given back\n", size(report.freed_bytes))),
    }
    text
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes / 1024),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)),
        1_073_741_824.. => format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30)),
    }
}
