//! `usage`: tokens and cost.

use super::context::Context;
use super::failure::Failure;
use super::output::columns;
use super::{parts, report};
use crate::core::ids::NightId;
use crate::status::usage::{By, cells};

/// Shows the tokens that agents used, and what they cost
///
/// By session or project it tells of the last night, by day of all nights. What no transcript tells is unknown, never 0;
/// models without a price are shown as unpriced.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  nightkeep usage\n  nightkeep usage --by day\n  nightkeep usage --by project --night all"
)]
pub struct Args {
    /// What a row is
    #[arg(long, value_enum, default_value_t = Row::Session, value_name = "day|session|project")]
    #[arg(hide_possible_values = true, hide_default_value = true)]
    by: Row,
    /// This night alone: 2026-11-21; or `all`
    #[arg(long, value_name = "ID", value_parser = which)]
    night: Option<Which>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Row {
    Day,
    Session,
    Project,
}

#[derive(Debug, Clone)]
enum Which {
    All,
    Night(NightId),
}

fn which(text: &str) -> Result<Which, String> {
    if text == "all" { Ok(Which::All) } else { report::night(text).map(Which::Night) }
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let instance = context.instance()?;
    let by = match args.by {
        Row::Day => By::Day,
        Row::Session => By::Session,
        Row::Project => By::Project,
    };
    let (night, last) = match &args.night {
        Some(Which::Night(night)) => (Some(night), false),
        Some(Which::All) => (None, false),
        None => (None, by != By::Day),
    };
    let table = context.block_on(parts::usage(&instance, by, night, last))?;
    if context.json {
        return context.out.json(&table);
    }
    if table.rows.is_empty() {
        let night = table.night.map_or_else(String::new, |night| format!(" in the night {night}"));
        context.out.talk(&format!("nothing is known of any use of tokens{night}"));
        return Ok(());
    }
    context.out.data(&columns(&cells(&table)))?;
    if table.unknown_attempts > 0 {
        let attempts = crate::status::text::count(table.unknown_attempts, "attempt", "attempts");
        context.out.talk(&format!("note: of {attempts} of agents nothing is known, no transcript was found"));
    }
    if table.total.as_ref().is_some_and(|total| total.unpriced_tokens > 0) {
        context.out.talk("note: some models have no price; give them one in [prices]");
    }
    if table.total.as_ref().is_some_and(|total| total.prices.is_some()) {
        context.out.talk(&format!("costs by the agents themselves, else by {}", table.prices));
    }
    Ok(())
}
