//! `wait`: blocks until runs have ended.

use super::context::Context;
use super::failure::{Exit, Failure};
use super::output::columns;
use super::{now, when};
use crate::client::{Client, ClientError};
use crate::instance::Instance;
use crate::protocol::{SessionStatus, Status};
use std::time::Duration;

/// Waits until the runs of these sessions have ended
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 all succeeded, 1 not all, 3 the daemon ended first, 124 timed out.\n\n\
    Examples:\n  nightkeep wait load-profiles motherduck && make release\n  nightkeep wait tests --timeout 1h30m")]
pub struct Args {
    /// Which sessions
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    /// Give up after this long, with exit code 124
    #[arg(long, value_name = "SPAN", value_parser = when::duration)]
    timeout: Option<Duration>,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let instance = context.instance()?;
    let client = context.client(&instance)?;
    context.block_on(async {
        let waiting = until_ended(args, context, &instance, &client);
        let status = match args.timeout {
            None => waiting.await?,
            Some(span) => tokio::time::timeout(span, waiting).await.map_err(|_| {
                Failure::new(Exit::TimedOut, format!("{} not ended in time", args.names.join(", ")))
                    .hint(format!("`nightkeep why {}` tells what it waits for", args.names[0]))
            })??,
        };
        context.out.clear_progress();
        tell(context, &status)?;
        let all_well = status.sessions.iter().all(|s| s.state == "succeeded");
        if all_well { Ok(()) } else { Err(Failure::silent(Exit::Failed)) }
    })
}

fn tell(context: &Context, status: &Status) -> Result<(), Failure> {
    if context.json {
        return context.out.json(status);
    }
    let rows: Vec<Vec<String>> =
        status.sessions.iter().map(|s| vec![s.name.clone(), s.state.clone(), s.reason.clone()]).collect();
    context.out.data(&columns(&rows))
}

/// Follows the journal until all runs have ended; the status at that moment.
async fn until_ended(args: &Args, context: &Context, instance: &Instance, client: &Client) -> Result<Status, Failure> {
    loop {
        let status = now::status(context, instance, client).await?;
        if let Some(unknown) = args.names.iter().find(|name| !status.sessions.iter().any(|s| s.name == **name)) {
            return Err(now::unknown(instance, unknown, &status));
        }
        let status = now::only(status, &args.names)?;
        if let Some(idle) = status.sessions.iter().find(|s| s.run.is_none()) {
            return Err(Failure::new(Exit::Failed, format!("{} has no run to wait for", idle.name))
                .hint(format!("`nightkeep start {}` makes one", idle.name)));
        }
        let open: Vec<&SessionStatus> = status.sessions.iter().filter(|s| !now::has_ended(s)).collect();
        if open.is_empty() {
            return Ok(status);
        }
        if status.daemon.is_none() {
            let names: Vec<&str> = open.iter().map(|s| s.name.as_str()).collect();
            return Err(Failure::new(Exit::NoDaemon, format!("no daemon runs, and {} not ended", names.join(", ")))
                .hint("`nightkeep up` goes on with the night"));
        }
        let words: Vec<String> = open.iter().map(|s| format!("{} {}", s.name, s.state)).collect();
        context.out.progress(&format!("waiting: {}", words.join(", ")));
        next_change(client, status.seq, &args.names).await?;
    }
}

/// Returns when something about one of the sessions may have changed.
async fn next_change(client: &Client, seq: i64, names: &[String]) -> Result<(), Failure> {
    let mut stream = match client.events(seq).await {
        Ok(stream) => stream,
        // The next look at the status tells the rest.
        Err(ClientError::NoDaemon { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    loop {
        match stream.next().await {
            Ok(Some(news)) => {
                // The fact as text names the run it is about, whichever kind it is.
                let text = news.fact.as_ref().and_then(|fact| serde_json::to_string(fact).ok());
                let about_us = text.is_none_or(|text| names.iter().any(|name| text.contains(name.as_str())));
                if about_us {
                    return Ok(());
                }
            }
            Ok(None) | Err(ClientError::Timeout { .. } | ClientError::Broken { .. }) => {
                // A daemon that is just ending closes the stream before its socket is gone.
                tokio::time::sleep(Duration::from_millis(100)).await;
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
    }
}
