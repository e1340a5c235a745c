//! `add`: a session that stands in no file.

use super::context::Context;
use super::failure::{Exit, Failure};
use super::verbs::tell;
use crate::core::ids::{ProjectName, SessionName};
use crate::protocol::AddRequest;

/// Adds a session that stands in no file; it is journaled like any other
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  nightkeep add reindex --project glacier-backend --after load-profiles -- python -m tools.reindex"
)]
pub struct Args {
    /// Its name: a-z, 0-9, '_' and '-'
    name: String,
    /// The project it works in
    #[arg(long, value_name = "PROJECT")]
    project: String,
    /// A session that must have succeeded before; may be given again
    #[arg(long, value_name = "NAME")]
    after: Vec<String>,
    /// Higher starts first
    #[arg(long, value_name = "NUMBER", default_value_t = 0, allow_negative_numbers = true)]
    priority: i32,
    /// Program and arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let wrong = |what: &str, typed: &str, e| Failure::new(Exit::Usage, format!("{what} {typed:?}: {e}"));
    SessionName::new(&args.name).map_err(|e| wrong("cannot call a session", &args.name, e))?;
    ProjectName::new(&args.project).map_err(|e| wrong("no project is called", &args.project, e))?;
    let instance = context.instance()?;
    let client = context.client(&instance)?;
    context.block_on(async {
        let request = AddRequest {
            name: args.name.clone(),
            project: args.project.clone(),
            after: args.after.clone(),
            priority: args.priority,
            command: args.command.clone(),
        };
        let done = client.add(&request).await?;
        context.note_skew(&client);
        tell(context, &done)
    })
}
