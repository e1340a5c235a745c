//! `dead`: dead letters and their second chance.

use super::context::Context;
use super::failure::{Failure, session_name};
use super::now;
use super::output::columns;
use super::verbs::tell;
use crate::core::exit::FailureClass;
use crate::protocol::{RetryRequest, SCHEMA, SessionStatus};
use clap::builder::PossibleValue;
use serde::Serialize;

/// Lists runs that failed for good, or gives them a second chance
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  nightkeep dead\n  nightkeep dead retry tests\n  nightkeep dead retry --class auth"
)]
pub struct Args {
    #[command(subcommand)]
    deed: Option<Deed>,
}

#[derive(Debug, clap::Subcommand)]
enum Deed {
    /// Gives dead letters a second chance
    Retry {
        /// The session whose last dead letter is meant
        #[arg(required_unless_present = "class", conflicts_with = "class")]
        name: Option<String>,
        /// All dead letters of this failure class
        #[arg(long, value_parser = known_class())]
        class: Option<String>,
    },
}

fn known_class() -> clap::builder::PossibleValuesParser {
    use FailureClass as F;
    let classes = [
        F::Transient,
        F::ProviderDown,
        F::UsageLimit,
        F::Auth,
        F::Billing,
        F::ContextFull,
        F::Permanent,
        F::Stalled,
        F::Timeout,
        F::Operator,
        F::OomKilled,
        F::KilledOther,
        F::Lost,
        F::CrashLoop,
        F::BudgetExceeded,
        F::Infra,
        F::Runaway,
    ];
    classes.map(|class| PossibleValue::new(class.as_str())).into_iter().collect::<Vec<_>>().into()
}

/// `dead --json`.
#[derive(Serialize)]
struct DeadLetters<'a> {
    schema: u32,
    dead: Vec<&'a SessionStatus>,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let instance = context.instance()?;
    let client = context.client(&instance)?;
    context.block_on(async {
        if let Some(Deed::Retry { name, class }) = &args.deed {
            if let Some(name) = name {
                session_name(name)?;
            }
            let done = client.retry(&RetryRequest { session: name.clone(), class: class.clone() }).await?;
            context.note_skew(&client);
            return tell(context, &done);
        }
        let status = now::status(context, &instance, &client).await?;
        let dead: Vec<&SessionStatus> = status.sessions.iter().filter(|s| s.state == "failed").collect();
        if context.json {
            return context.out.json(&DeadLetters { schema: SCHEMA, dead });
        }
        if dead.is_empty() {
            context.out.talk("no dead letters");
            return Ok(());
        }
        let rows: Vec<Vec<String>> = dead.iter().map(|s| row(s)).collect();
        context.out.data(&columns(&rows))?;
        context.out.talk("`nightkeep dead retry NAME` gives one a second chance");
        Ok(())
    })
}

fn row(session: &SessionStatus) -> Vec<String> {
    let class = session.exit.as_ref().and_then(|e| e.class.clone()).unwrap_or_else(|| "-".to_owned());
    let run = session.run.clone().unwrap_or_default();
    vec![run, class, format!("{} of {}", session.attempt, session.attempts_max), session.reason.clone()]
}
