//! The status as it is now: from the daemon, or from the journal when none runs.

use super::context::Context;
use super::failure::{Exit, Failure, no_such_session};
use super::launch;
use super::when;
use super::{parts, place};
use crate::client::{Client, ClientError};
use crate::instance::Instance;
use crate::os::clock;
use crate::protocol::{SCHEMA, SessionStatus, Status};
use std::collections::BTreeSet;
use std::time::Duration;

/// The words of `state` that mean an end.
const ENDS: [&str; 6] = ["succeeded", "partial", "failed", "stopped", "skipped", "unfinished"];

/// How long a daemon may take to answer somebody who only looks.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a broken connection is let rest.
const AGAIN: Duration = Duration::from_millis(200);

/// The status from the daemon, else from the journal, else an empty one.
pub async fn status(context: &Context, instance: &Instance, client: &Client) -> Result<Status, Failure> {
    let mut answer = client.status().await;
    if matches!(answer, Err(ClientError::Broken { .. })) {
        // A daemon that ends just now drops the connection; the next look shows whether that was it.
        tokio::time::sleep(AGAIN).await;
        answer = client.status().await;
    }
    match answer {
        Ok(status) => {
            context.note_skew(client);
            Ok(status)
        }
        Err(ClientError::NoDaemon { .. }) => {
            if let Some(failure) = launch::out_of_reach(instance) {
                failure.lines().iter().for_each(|line| context.out.talk(&line.replacen("error:", "note:", 1)));
            }
            from_journal(instance).await
        }
        Err(error) => Err(error.into()),
    }
}

/// The status for somebody who looks: a daemon that does not answer soon is not waited for, as the journal can tell as
/// well. That it hangs is said.
pub async fn shown(context: &Context, instance: &Instance, client: &Client) -> Result<Status, Failure> {
    match client.status_within(PATIENCE).await {
        Ok(status) => {
            context.note_skew(client);
            Ok(status)
        }
        Err(ClientError::Timeout { .. }) => {
            let pid = parts::daemon(instance).and_then(|daemon| daemon.pid);
            let who = pid.map_or_else(|| "the daemon".to_owned(), |pid| format!("the daemon (process {pid})"));
            let seconds = PATIENCE.as_secs();
            context.out.talk(&format!(
                "note: {who} did not answer within {seconds} s; this is what the journal knows, the sessions run on"
            ));
            context.out.talk(
                "hint: `nightkeep doctor` looks further; ending its process is safe, the next `nightkeep up` takes over",
            );
            from_journal(instance).await
        }
        Err(_) => status(context, instance, client).await,
    }
}

/// The status from the journal, or an empty one when there is none yet.
pub async fn from_journal(instance: &Instance) -> Result<Status, Failure> {
    let at = clock::now();
    Ok(parts::journal_status(instance, at).await?.unwrap_or_else(|| Status {
        schema: SCHEMA,
        generated_at: when::rfc3339(at.wall),
        daemon: None,
        night: None,
        sessions: Vec::new(),
        alerts: Vec::new(),
        file_problem: None,
        seq: 0,
        outages: Vec::new(),
        safe_mode: None,
        usage: None,
    }))
}

/// Leaves only the named sessions (all, when none is named). A name that nobody has is a failure.
pub fn only(mut status: Status, names: &[String]) -> Result<Status, Failure> {
    for name in names {
        find(&status, name)?;
    }
    if !names.is_empty() {
        status.sessions.retain(|s| names.contains(&s.name));
        status.alerts.retain(|a| a.session.as_ref().is_some_and(|s| names.contains(s)));
    }
    Ok(status)
}

/// The failure for a session of which nothing is known yet: one that stands in the file has just not run.
pub fn unknown(instance: &Instance, name: &str, known: &Status) -> Failure {
    let declared = place::declared_sessions(instance.file());
    if declared.iter().any(|d| d == name) {
        return not_run_yet(name);
    }
    let known = known.sessions.iter().map(|s| &s.name).chain(&declared);
    no_such_session(name, known.map(String::as_str).collect::<BTreeSet<_>>())
}

/// The failure for a session that stands in the file and has not run.
pub fn not_run_yet(name: &str) -> Failure {
    Failure::new(Exit::NotFound, format!("{name} is declared and has not run yet"))
        .hint(format!("`nightkeep up {name}` runs it"))
}

/// One session.
pub fn find<'a>(status: &'a Status, name: &str) -> Result<&'a SessionStatus, Failure> {
    let found = status.sessions.iter().find(|s| s.name == name);
    found.ok_or_else(|| no_such_session(name, status.sessions.iter().map(|s| s.name.as_str())))
}

/// Whether the session's run has ended.
pub fn has_ended(session: &SessionStatus) -> bool {
    ENDS.contains(&session.state.as_str())
}
