//! `up`: begins the night.

use super::context::Context;
use super::failure::{Failure, no_such_session, session_name};
use super::verbs::tell;
use super::{check, inside, launch, parts, trust};
use crate::core::plan::Plan;
use crate::instance::Instance;
use crate::protocol::UpRequest;
use std::collections::BTreeSet;

/// Begins the night: starts the daemon if none runs, and queues the sessions
///
/// Doing it again in the same night queues what has not run yet.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nightkeep up\n  nightkeep up load-profiles tests --now\n  nightkeep up --trust")]
pub struct Args {
    /// Only these sessions
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Run the daemon in this process, until Ctrl-C
    #[arg(long)]
    foreground: bool,
    /// Start at once, whatever the start times are
    #[arg(long)]
    now: bool,
    /// Trust the file without asking
    #[arg(long)]
    trust: bool,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    for name in &args.names {
        session_name(name)?;
    }
    if args.trust {
        inside::refuse("trust a file")?;
    }
    let file = context.file()?;
    let plan = check::load(context, &file)?;
    let instance = context.around.instance(&file)?;
    trust::ensure(context, &file, &plan, args.trust)?;
    let request = UpRequest { sessions: args.names.clone(), now: args.now };
    if args.foreground {
        known_names(&args.names, &plan, std::iter::empty())?;
        return parts::run_daemon(context, &instance, Some(request));
    }
    context.block_on(in_background(context, &instance, &plan, &request))
}

async fn in_background(
    context: &Context,
    instance: &Instance,
    plan: &Plan,
    request: &UpRequest,
) -> Result<(), Failure> {
    let client = context.client(instance)?;
    // A running daemon knows added sessions too; without one, only the file tells the names.
    let status = client.status().await.ok();
    let running = status.iter().flat_map(|status| &status.sessions).map(|session| session.name.as_str());
    known_names(&request.sessions, plan, running)?;
    if launch::ensure(context, instance, &client).await? {
        context.out.talk("the daemon runs");
    }
    let done = client.up(request).await?;
    tell(context, &done)?;
    context.out.talk("`nightkeep status --watch` shows how it goes; `nightkeep down` ends the night");
    Ok(())
}

fn known_names<'a>(names: &[String], plan: &'a Plan, running: impl Iterator<Item = &'a str>) -> Result<(), Failure> {
    let known: BTreeSet<&str> =
        plan.sessions.keys().map(crate::core::ids::SessionName::as_str).chain(running).collect();
    match names.iter().find(|name| !known.contains(name.as_str())) {
        Some(unknown) => Err(no_such_session(unknown, known)),
        None => Ok(()),
    }
}
