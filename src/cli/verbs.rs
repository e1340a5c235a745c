//! `start`, `stop`, `restart`, `hold`, `release`, `skip`: the operator's verbs. Each is idempotent.

use super::context::Context;
use super::failure::{Failure, session_name};
use crate::client::ClientError;
use crate::core::event::Verb;
use crate::protocol::{Done, SCHEMA, VerbRequest};

/// What every verb is given.
#[derive(Debug, clap::Args)]
struct Target {
    /// Which sessions
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    /// Why, for the journal
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

macro_rules! verb {
    ($(#[$doc:meta])* $args:ident, $run:ident, $verb:expr, $example:literal) => {
        $(#[$doc])*
        #[derive(Debug, clap::Args)]
        #[command(after_help = concat!("Example:\n  nightkeep ", $example))]
        pub struct $args {
            #[command(flatten)]
            target: Target,
        }

        /// Runs the command.
        pub fn $run(args: &$args, context: &Context) -> Result<(), Failure> {
            give(&args.target, $verb, context)
        }
    };
}

verb! {
    /// Starts sessions now: a new run if the last one ended, at once if one waits
    StartArgs, start, Verb::Start, "start tests"
}
verb! {
    /// Ends sessions for this night: the whole process tree, politely first
    StopArgs, stop, Verb::Stop, "stop tests --reason 'wrong branch'"
}
verb! {
    /// Stops sessions that run, then starts them again; takes no attempt away
    RestartArgs, restart, Verb::Restart, "restart tests"
}
verb! {
    /// Keeps sessions from starting; running ones are let be
    HoldArgs, hold, Verb::Hold, "hold tests --reason 'disk is being cleaned'"
}
verb! {
    /// Undoes `hold`
    ReleaseArgs, release, Verb::Release, "release tests"
}
verb! {
    /// Ends runs without running them, as skipped
    SkipArgs, skip, Verb::Skip, "skip tests"
}

fn give(target: &Target, verb: Verb, context: &Context) -> Result<(), Failure> {
    let names = target.names.iter().map(|n| session_name(n)).collect::<Result<Vec<_>, _>>()?;
    let instance = context.instance()?;
    let client = context.client(&instance)?;
    context.block_on(async {
        let mut did = Vec::new();
        let mut failure: Option<ClientError> = None;
        for name in &names {
            let request = VerbRequest { verb, reason: target.reason.clone() };
            match client.verb(name.as_str(), &request).await {
                Ok(done) => did.extend(done.did),
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        context.note_skew(&client);
        // What was done before a failure is told as well.
        if failure.is_none() || !did.is_empty() {
            tell(context, &Done { schema: SCHEMA, did })?;
        }
        failure.map_or(Ok(()), |error| Err(error.into()))
    })
}

/// Tells what a request did.
pub fn tell(context: &Context, done: &Done) -> Result<(), Failure> {
    if context.json {
        return context.out.json(done);
    }
    done.did.iter().try_for_each(|line| context.out.line(&super::failure::harmless(line)))
}
