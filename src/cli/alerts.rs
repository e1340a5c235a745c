//! `alerts`: what is wrong and who was told; what somebody does about it; and whether a channel works.
//! `snooze` and `escalate` by themselves mean the same.

use super::channel_test;
use super::context::Context;
use super::failure::{Exit, Failure};
use super::now;
use super::output::columns;
use super::verbs::tell;
use super::when;
use crate::core::alert::AlertAct;
use crate::protocol::{AlertRequest, AlertStatus, Done, SCHEMA};
use serde::Serialize;
use std::time::Duration;

/// Lists what is wrong and who was told; says that somebody knows, or tries out a channel
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  nightkeep alerts\n  nightkeep alerts ack a7\n  nightkeep alerts snooze a7 2h --reason 'the disk is being cleaned'\n  nightkeep alerts test phone"
)]
pub struct Args {
    #[command(subcommand)]
    deed: Option<Deed>,
}

#[derive(Debug, clap::Subcommand)]
enum Deed {
    Test(channel_test::Args),
    /// Says that you know: it is not told again
    Ack(Target),
    /// Does not tell it for a while, or until it changes
    Snooze(SnoozeArgs),
    /// Says that it is over
    Resolve(Target),
}

/// Which alert, and why.
#[derive(Debug, clap::Args)]
struct Target {
    /// An alert such as a7, or a session: then all of its alerts
    #[arg(value_name = "ALERT|NAME")]
    alert: String,
    /// Why, for the journal
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Does not tell an alert for a while, or until it changes
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nightkeep snooze a7 2h\n  nightkeep snooze tests 30m --reason 'I am on it'")]
pub struct SnoozeArgs {
    #[command(flatten)]
    target: Target,
    /// How long, at most 24h; without it until the alert changes
    #[arg(value_name = "SPAN", value_parser = when::duration)]
    span: Option<Duration>,
}

/// Tells those who are next in line now
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  nightkeep escalate a7 --reason 'I cannot fix it from here'")]
pub struct EscalateArgs {
    #[command(flatten)]
    target: Target,
}

/// `alerts --json`.
#[derive(Serialize)]
struct Alerts {
    schema: u32,
    alerts: Vec<AlertStatus>,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    match &args.deed {
        Some(Deed::Test(args)) => channel_test::run(args, context),
        Some(Deed::Ack(target)) => give(target, AlertAct::Ack, context),
        Some(Deed::Snooze(args)) => snooze(args, context),
        Some(Deed::Resolve(target)) => give(target, AlertAct::Resolve, context),
        None => list(context),
    }
}

/// Runs `snooze`.
pub fn snooze(args: &SnoozeArgs, context: &Context) -> Result<(), Failure> {
    give(&args.target, AlertAct::Snooze { seconds: args.span.map(|span| span.as_secs()) }, context)
}

/// Runs `escalate`.
pub fn escalate(args: &EscalateArgs, context: &Context) -> Result<(), Failure> {
    give(&args.target, AlertAct::Escalate, context)
}

fn give(target: &Target, act: AlertAct, context: &Context) -> Result<(), Failure> {
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    if target.alert.is_empty() || !target.alert.chars().all(known) {
        let shown = super::failure::harmless(&target.alert);
        return Err(Failure::new(Exit::NotFound, format!("there is no alert {shown:?}")));
    }
    let instance = context.instance()?;
    let client = context.client(&instance)?;
    context.block_on(async {
        let request = AlertRequest { act, reason: target.reason.clone() };
        let done: Done = client.alert(&target.alert, &request).await?;
        context.note_skew(&client);
        tell(context, &done)
    })
}

fn list(context: &Context) -> Result<(), Failure> {
    let instance = context.instance()?;
    let client = context.client(&instance)?;
    context.block_on(async {
        let alerts = now::status(context, &instance, &client).await?.alerts;
        if context.json {
            return context.out.json(&Alerts { schema: SCHEMA, alerts });
        }
        if alerts.is_empty() {
            context.out.talk("no alerts");
            return Ok(());
        }
        let rows: Vec<Vec<String>> = alerts.iter().map(row).collect();
        context.out.data(&columns(&rows))
    })
}

fn row(alert: &AlertStatus) -> Vec<String> {
    let told =
        if alert.told.is_empty() { "nobody was told".to_owned() } else { format!("told {}", alert.told.join(", ")) };
    vec![alert.id.clone(), alert.severity.clone(), alert.state.clone(), alert.since.clone(), alert.title.clone(), told]
}
