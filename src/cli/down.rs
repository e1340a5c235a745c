//! `down`: ends the night, follows it to its end.

use super::context::Context;
use super::failure::{Exit, Failure, harmless, shown_path};
use super::{check, launch, now, parts, trust};
use crate::client::{Client, ClientError, EventStream};
use crate::core::alert::Settled;
use crate::core::delivery;
use crate::core::fact::Fact;
use crate::instance::Instance;
use crate::os::clock;
use crate::protocol::{DownRequest, SCHEMA, Status};
use serde::Serialize;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

/// Ends the night: stops the sessions, writes the report, stops the daemon
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Without a daemon and without anything that runs there is nothing to end, which is no error.\n\n\
    Examples:\n  nightkeep down\n  nightkeep down --now"
)]
pub struct Args {
    /// Do not wait for the grace: kill what runs
    #[arg(long)]
    now: bool,
}

/// How long the daemon may take to leave after it closed its stream.
const LEAVE_DEADLINE: Duration = Duration::from_secs(10);
/// How often it is looked at meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// Facts come by the hundred; so often the progress is looked at.
const PROGRESS_EVERY: Duration = Duration::from_millis(300);

/// `down --json`.
#[derive(Serialize)]
struct Ended {
    schema: u32,
    did: Vec<String>,
    reports: Vec<PathBuf>,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let instance = context.instance()?;
    let client = context.client(&instance)?;
    context.block_on(async {
        let programs = parts::programs(&instance);
        let before = programs.look().await;
        let status = match client.status().await {
            Ok(status) => status,
            Err(ClientError::NoDaemon { .. }) if launch::settled(&instance, &client).await? => client.status().await?,
            Err(ClientError::NoDaemon { .. }) => {
                // Sessions outlive a daemon that died: somebody must end them.
                if UnixStream::connect(instance.tmux_socket()).is_err() && programs.look().await.is_empty() {
                    return nothing_to_end(context);
                }
                match begin(context, &instance, &client).await {
                    Ok(status) => status,
                    Err(failure) => return without(args, context, &instance, &failure).await,
                }
            }
            Err(error) => return Err(error.into()),
        };
        context.note_skew(&client);
        let mut stream = client.events(status.seq).await?;
        let done = client.down(&DownRequest { now: args.now }).await?;
        done.did.iter().for_each(|line| context.out.talk(line));
        let files = follow(context, &instance, &client, &mut stream).await?;
        gone(&client).await?;
        // What a killed recorder left is known by its marks alone. Only what was there before: somebody may begin anew.
        parts::exactly(before).end().await;
        context.out.clear_progress();
        let reports: Vec<PathBuf> = files.iter().map(|file| instance.root().join(file)).collect();
        if context.json {
            return context.out.json(&Ended { schema: SCHEMA, did: done.did, reports });
        }
        reports.iter().try_for_each(|report| context.out.line(&shown_path(report)))
    })
}

/// Starts a daemon for a night that has none.
async fn begin(context: &Context, instance: &Instance, client: &Client) -> Result<Status, Failure> {
    let plan = check::load(context, instance.file())?;
    trust::ensure(context, instance.file(), &plan, false)?;
    launch::ensure(context, instance, client).await?;
    Ok(client.status().await?)
}

/// Ends the sessions without a daemon: none can be started, which must not keep them running.
async fn without(args: &Args, context: &Context, instance: &Instance, why: &Failure) -> Result<(), Failure> {
    why.lines()
        .iter()
        .for_each(|line| context.out.talk(&line.replacen("error:", "note: no daemon can be started:", 1)));
    let ended = parts::end_without(instance, args.now).await?;
    let mut did: Vec<String> = ended.stopped.iter().map(|attempt| format!("{attempt}: stopped")).collect();
    if ended.left > 0 {
        let what = format!("{} processes of the sessions cannot be ended", ended.left);
        return Err(Failure::new(Exit::Failed, what).hint("`ps` shows what they wait for"));
    }
    did.push("nothing runs any more; the next `nightkeep up` journals how it ended".to_owned());
    if context.json {
        return context.out.json(&Ended { schema: SCHEMA, did, reports: Vec::new() });
    }
    did.iter().for_each(|line| context.out.talk(line));
    Ok(())
}

fn nothing_to_end(context: &Context) -> Result<(), Failure> {
    if context.json {
        return context.out.json(&Ended { schema: SCHEMA, did: Vec::new(), reports: Vec::new() });
    }
    context.out.talk("no daemon runs and nothing it started does; there is nothing to end");
    Ok(())
}

/// Reads the journal until the daemon closes it; gives the report's files.
async fn follow(
    context: &Context,
    instance: &Instance,
    client: &Client,
    stream: &mut EventStream,
) -> Result<Vec<String>, Failure> {
    let mut files = Vec::new();
    let mut looked = None;
    loop {
        let now = clock::mono();
        if context.out.shows_progress() && looked.is_none_or(|at| now.since(at) > PROGRESS_EVERY) {
            looked = Some(now);
            show_progress(context, client).await;
        }
        match stream.next().await {
            Ok(Some(news)) => {
                let fact = news.fact.map(|f| f.entry.fact);
                if let Some(Fact::ReportWritten { files: written, .. }) = fact {
                    files = written;
                } else if let Some(Fact::MessageSettled { key, then }) = &fact
                    && let Some((_, channel)) = delivery::of_key(key)
                {
                    unsent(context, channel, then);
                } else if let Some(Fact::Trouble { part, what }) = fact
                    && part == "report"
                {
                    context.out.talk(&format!("warning: {}", harmless(&what)));
                }
            }
            Ok(None) | Err(ClientError::Broken { .. } | ClientError::NoDaemon { .. }) => return Ok(files),
            // Long graces are silent; whether the daemon lives is asked, not guessed.
            Err(ClientError::Timeout { .. }) if client.health().await.is_ok() => {}
            Err(error) => {
                let log = harmless(&instance.daemon_log().to_string_lossy());
                return Err(Failure::from(error).hint(format!("its log is {log}")));
            }
        }
    }
}

/// Says that the report did not get through.
fn unsent(context: &Context, channel: &str, then: &Settled) {
    let (why, next) = match then {
        Settled::Again { why, .. } => (why, "it is tried again, later by the next `nightkeep up`"),
        Settled::GivenUp { why } => (why, "it is not tried again"),
        Settled::Delivered | Settled::Dropped { .. } => return,
    };
    context.out.talk(&format!("warning: the report did not reach {}: {}; {next}", harmless(channel), harmless(why)));
}

/// Shows how many sessions are still to be stopped.
async fn show_progress(context: &Context, client: &Client) {
    let Ok(status) = client.status().await else { return };
    let open = status.sessions.iter().filter(|s| s.tmux.is_some() && !now::has_ended(s)).count();
    let stuck = status.sessions.iter().filter(|s| !now::has_ended(s)).find_map(|s| {
        let found = s.findings.iter().find(|found| found.kind == "unkillable" && found.resolved.is_none())?;
        Some(format!("waits for {}, which {}", s.name, found.what))
    });
    if let Some(stuck) = stuck {
        // The daemon goes on without us.
        return context.out.progress(&format!("{stuck}; Ctrl-C leaves, the night ends once it is gone"));
    }
    context.out.progress(&match open {
        0 => "the report is being written".to_owned(),
        1 => "1 session is being stopped".to_owned(),
        n => format!("{n} sessions are being stopped"),
    });
}

/// Waits until the daemon no longer answers.
async fn gone(client: &Client) -> Result<(), Failure> {
    let leaving = async {
        while !matches!(client.health().await, Err(ClientError::NoDaemon { .. })) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(LEAVE_DEADLINE, leaving).await.map_err(|_| {
        let what = "the night has ended, but the daemon still answers";
        Failure::new(Exit::TimedOut, what).hint("another `nightkeep up` may have come between; see `nightkeep status`")
    })
}
