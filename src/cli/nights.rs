//! `nights`: past nights, a line each.

use super::context::Context;
use super::failure::Failure;
use super::output::columns;
use super::parts::{self, NightLine};
use super::when;
use crate::core::time::Wall;
use crate::protocol::SCHEMA;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

/// Lists past nights, newest first
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  nightkeep nights")]
pub struct Args {}

/// `nights --json`.
#[derive(Serialize)]
struct Nights {
    schema: u32,
    nights: Vec<NightLine>,
}

/// Runs the command.
pub fn run(_args: &Args, context: &Context) -> Result<(), Failure> {
    let instance = context.instance()?;
    let nights = context.block_on(parts::nights(&instance))?;
    if context.json {
        return context.out.json(&Nights { schema: SCHEMA, nights });
    }
    if nights.is_empty() {
        context.out.talk("no night yet; `nightkeep up` begins one");
        return Ok(());
    }
    let head = ["NIGHT", "FROM", "TO", "SUCCEEDED", "FAILED", "OTHER", "ATTEMPTS"].map(str::to_owned).to_vec();
    let zone = TimeZone::system();
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(nights.iter().map(|night| row(night, &zone))).collect();
    context.out.data(&columns(&rows))
}

fn row(night: &NightLine, zone: &TimeZone) -> Vec<String> {
    let clock = |time: &str| match time.parse::<Timestamp>() {
        Ok(stamp) => when::clock_time(Wall(stamp.as_millisecond()), zone),
        Err(_) => time.to_owned(),
    };
    vec![
        night.id.clone(),
        clock(&night.from),
        night.to.as_deref().map_or_else(|| "open".to_owned(), clock),
        night.succeeded.to_string(),
        night.failed.to_string(),
        night.other.to_string(),
        night.attempts.to_string(),
    ]
}
