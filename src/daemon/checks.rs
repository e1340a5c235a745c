//! Evaluates what only the world can answer of `require`, `forbid` and `verify`: files, commits, commands.
//!
//! Metrics and output patterns are decided by the core from what the output told.

use super::perform::Rim;
use crate::adapters::git;
use crate::core::fact::GitBase;
use crate::core::ids::AttemptId;
use crate::core::plan::{Check, Command, Requirement, SessionPlan};
use crate::core::run::CheckResult;
use crate::os::command::Program;
use crate::terminal::{harmless, redact, shorten};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long a `command:` of `require` or `forbid` may take; work that takes longer belongs into `verify`.
const REQUIREMENT_TIMEOUT: Duration = Duration::from_secs(60);

/// Evaluates the checks of an attempt, `require` first, then `forbid`, then `verify`, in the order of the file.
pub async fn evaluate(rim: &Arc<Rim>, attempt: &AttemptId, session: &SessionPlan) -> Vec<CheckResult> {
    let mut results = Vec::new();
    for (requirement, forbidden) in
        session.success.require.iter().map(|r| (r, false)).chain(session.success.forbid.iter().map(|r| (r, true)))
    {
        if let Some((holds, seen)) = hold(rim, attempt, session, requirement).await {
            let text = if forbidden { format!("forbid {}", requirement.text) } else { requirement.text.clone() };
            results.push(CheckResult { text, passed: holds != forbidden, seen });
        }
    }
    if let Some(verify) = &session.verify {
        let (passed, seen) = run(rim, attempt, session, verify, session.verify_timeout).await;
        results.push(CheckResult { text: format!("verify: {}", verify.display()), passed, seen });
    }
    results
}

/// Whether the requirement holds and what was seen; `None` when the core decides it.
async fn hold(
    rim: &Arc<Rim>,
    attempt: &AttemptId,
    session: &SessionPlan,
    requirement: &Requirement,
) -> Option<(bool, String)> {
    match &requirement.check {
        Check::GitCommits { at_least } => Some(commits(rim, session, *at_least).await),
        Check::File { path, min_size } => Some(file(&session.dir.join(path), *min_size)),
        Check::Command { line } => {
            let within = session.verify_timeout.min(REQUIREMENT_TIMEOUT);
            Some(run(rim, attempt, session, &Command::Shell(line.clone()), within).await)
        }
        Check::MetricComplete { .. }
        | Check::MetricCompare { .. }
        | Check::MetricEqual { .. }
        | Check::OutputRegex { .. } => None,
    }
}

fn file(path: &Path, min_size: u64) -> (bool, String) {
    match std::fs::metadata(path) {
        Ok(meta) if !meta.is_file() => (false, "it is not a regular file".into()),
        Ok(meta) => (meta.len() >= min_size, format!("{} bytes", meta.len())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => (false, "there is no such file".into()),
        Err(e) => (false, format!("it cannot be looked at: {e}")),
    }
}

/// Counts the commits since the night began; a run has no base of its own, and a project's sessions share the history.
async fn commits(rim: &Arc<Rim>, session: &SessionPlan, at_least: u64) -> (bool, String) {
    let project = session.project.clone();
    let base = rim
        .inbox()
        .look(move |state, _| {
            let night = state.night.as_ref()?;
            night.bases.get(&project?).cloned()
        })
        .await
        .ok()
        .flatten();
    match base {
        None => (false, "it is not known where the repository stood when the night began".into()),
        Some(GitBase::None) => (false, "the project is not a git repository".into()),
        Some(GitBase::Failed { why }) => (false, format!("the repository could not be read: {why}")),
        Some(base @ (GitBase::At { .. } | GitBase::Unborn)) => match git::commits_since(&session.dir, &base).await {
            Ok(count) => (count >= at_least, format!("{count} commits")),
            Err(e) => (false, format!("the commits could not be counted: {e}")),
        },
    }
}

/// Runs a check's command where the session ran, with its environment, and keeps its output beside the attempt's.
async fn run(
    rim: &Arc<Rim>,
    attempt: &AttemptId,
    session: &SessionPlan,
    check: &Command,
    within: Duration,
) -> (bool, String) {
    let argv = check.argv();
    let Some((program, args)) = argv.split_first() else { return (false, "the command is empty".into()) };
    let began = tokio::time::Instant::now();
    let finished = Program::new(program)
        .args(args)
        .clean_env()
        .envs(rim.environment(attempt, session))
        .dir(&session.dir)
        .output(within)
        .await;
    match finished {
        Err(e) => (false, e.to_string()),
        Ok(output) => {
            let log = rim.instance().output_log(attempt).with_extension("checks.log");
            if let Err(e) = append(&log, &check.display(), &[&output.stdout, &output.stderr]) {
                tracing::warn!(%attempt, "the output of a check could not be kept: {e}");
            }
            let passed = output.status.code() == Some(0);
            let how = output.status.code().map_or_else(|| output.status.to_string(), |code| format!("exit {code}"));
            let mut seen = format!("{how} after {:.1} s", began.elapsed().as_secs_f64());
            if !passed && let Some(last) = last_words(&output.stderr).or_else(|| last_words(&output.stdout)) {
                seen.push_str(": ");
                seen.push_str(&last);
            }
            (passed, seen)
        }
    }
}

/// The last line with text, made harmless.
fn last_words(output: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(output);
    let last = text.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
    Some(shorten(&redact(&harmless(last)), 200).into_owned())
}

fn append(log: &Path, command: &str, output: &[&[u8]]) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(log)?;
    writeln!(file, "$ {}", harmless(command))?;
    output.iter().try_for_each(|part| file.write_all(part))
}
