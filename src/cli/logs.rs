//! `logs`: the output of a session, from the recorder's files; needs no daemon.

mod attempts;
mod printer;

use super::context::Context;
use super::failure::{Exit, Failure, close_names, session_name};
use super::when::{self, Since};
use super::{now, place};
use crate::client::Client;
use crate::core::ids::AttemptId;
use crate::instance::Instance;
use crate::os::clock;
use crate::recording::attempt::AttemptFiles;
use attempts::ended;
pub use attempts::in_order;
use notify::Watcher as _;
use printer::Printer;
use std::time::Duration;
use tokio::sync::mpsc;

/// Shows the output of a session: the last attempt, as clean text
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nightkeep logs tests\n  nightkeep logs -f load-profiles --timestamps\n  \
    nightkeep logs tests --attempt 1 --raw | less -R\n  nightkeep logs tests --since 02:00")]
pub struct Args {
    /// Which session
    name: String,
    /// Go on as output comes, over retries, until the run has ended
    #[arg(long, short)]
    follow: bool,
    /// This attempt of the last run
    #[arg(long, value_name = "N")]
    attempt: Option<u32>,
    /// Only what came since then: 02:00, 2h (ago), or an RFC 3339 time
    #[arg(long, value_name = "TIME", value_parser = when::since)]
    since: Option<Since>,
    /// Put the time before each line
    #[arg(long, short, conflicts_with = "raw")]
    timestamps: bool,
    /// Exactly the bytes that the program wrote
    #[arg(long)]
    raw: bool,
}

/// A file system without change notices (some network ones) is looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    context.no_json("logs")?;
    let name = session_name(&args.name)?;
    let instance = context.instance()?;
    let all = in_order(&instance, &name);
    let Some(wanted) = wanted(&all, args.attempt)? else {
        return Err(no_output(&instance, name.as_str()));
    };
    let zone = jiff::tz::TimeZone::system();
    let since = args.since.map(|since| since.resolve(clock::wall(), &zone));
    let mut printer = Printer::new(context, args.raw, args.timestamps.then_some(zone));
    printer.open(&files_of(&instance, &wanted), since)?;
    printer.copy()?;
    if args.follow {
        let client = context.client(&instance)?;
        context.block_on(follow(args, &instance, &client, &mut printer, wanted))
    } else {
        printer.finish()?;
        tell_lost(context, &instance, &wanted);
        Ok(())
    }
}

/// The attempt of that number of the last run, or the last one. `None` when there is no output at all.
pub fn wanted(all: &[AttemptId], number: Option<u32>) -> Result<Option<AttemptId>, Failure> {
    let (Some(last), Some(number)) = (all.last(), number) else { return Ok(all.last().cloned()) };
    let id = AttemptId { run: last.run.clone(), number };
    if all.contains(&id) {
        return Ok(Some(id));
    }
    let known: Vec<String> = all.iter().filter(|a| a.run == last.run).map(|a| a.number.to_string()).collect();
    Err(Failure::new(Exit::NotFound, format!("run {} has no attempt {number}", last.run))
        .hint(format!("it has {}", known.join(", "))))
}

/// Prints what comes until the run has ended.
async fn follow(
    args: &Args,
    instance: &Instance,
    client: &Client,
    printer: &mut Printer<'_>,
    mut attempt: AttemptId,
) -> Result<(), Failure> {
    let (changed, mut changes) = mpsc::channel::<()>(1);
    // One waiting notice is enough: everything new is read for it.
    let mut watcher = notify::recommended_watcher(move |_| {
        let _ = changed.try_send(());
    })
    .map_err(watch_failed)?;
    let dir = instance.output_dir(&attempt.run.session);
    watcher.watch(&dir, notify::RecursiveMode::NonRecursive).map_err(watch_failed)?;
    loop {
        // Asked before reading: what was written before the end is then read for certain.
        let over = ended(instance, &attempt);
        printer.copy()?;
        if over {
            let next = in_order(instance, &attempt.run.session).into_iter().find(|a| *a > attempt);
            match next.filter(|_| args.attempt.is_none()) {
                Some(next) => {
                    printer.finish()?;
                    printer.say(&format!("attempt {} of run {}", next.number, next.run));
                    printer.open(&files_of(instance, &next), None)?;
                    attempt = next;
                    continue;
                }
                None if args.attempt.is_some() || run_has_ended(client, &attempt).await => return printer.finish(),
                None => {}
            }
        }
        // A closed channel means a dead watcher: then the clock alone wakes us.
        let _ = tokio::time::timeout(LOOK_EVERY, async {
            if changes.recv().await.is_none() {
                std::future::pending::<()>().await;
            }
        })
        .await;
    }
}

fn watch_failed(error: notify::Error) -> Failure {
    Failure::new(Exit::Failed, format!("cannot watch the output: {error}"))
        .hint("`nightkeep doctor` looks at the limits of inotify")
}

/// Whether no further attempt will come: the run has ended, or no daemon is there to start one.
async fn run_has_ended(client: &Client, attempt: &AttemptId) -> bool {
    let Ok(status) = client.status().await else { return true };
    let run = attempt.run.to_string();
    let session = status.sessions.iter().find(|s| s.run.as_deref() == Some(run.as_str()));
    session.is_none_or(now::has_ended)
}

/// Says what the log lacks.
fn tell_lost(context: &Context, instance: &Instance, attempt: &AttemptId) {
    let lost = attempts::lost_bytes(instance, attempt);
    if lost > 0 {
        context.out.talk(&format!("note: {lost} bytes of this output could not be kept"));
    }
}

/// The failure for a session without output.
pub fn no_output(instance: &Instance, name: &str) -> Failure {
    let folders = std::fs::read_dir(instance.state().join("output")).into_iter().flatten().flatten();
    let mut known: Vec<String> = folders.filter_map(|e| e.file_name().into_string().ok()).collect();
    let declared = place::declared_sessions(instance.file());
    if declared.iter().any(|d| d == name) {
        return now::not_run_yet(name);
    }
    known.extend(declared);
    known.sort();
    known.dedup();
    let failure = Failure::new(Exit::NotFound, format!("{name} has no output yet"));
    let close = close_names(name, known.iter().map(String::as_str).filter(|k| *k != name));
    if close.is_empty() {
        failure.hint("`nightkeep status` tells where it stands")
    } else {
        failure.hint(format!("did you mean {}?", close.join(" or ")))
    }
}

fn files_of(instance: &Instance, attempt: &AttemptId) -> AttemptFiles {
    AttemptFiles::new(instance.run_dir(attempt), instance.output_log(attempt))
}
