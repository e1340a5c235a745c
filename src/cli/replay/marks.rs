//! What happened while an attempt was recorded, from the journal. Without a journal there are no marks.

use crate::cli::parts;
use crate::core::fact::Entry;
use crate::core::ids::AttemptId;
use crate::daemon::history;
use crate::instance::Instance;
use crate::store::Filter;
use crate::tui::marks::{from_commits, from_facts};
use crate::tui::player::Mark;

/// What happened to the session of an attempt, in all its nights. `Err` says why nothing is known of it.
pub async fn of(instance: &Instance, attempt: &AttemptId) -> Result<Vec<Mark>, String> {
    let journal = parts::journal(instance).await.map_err(|failure| failure.lines().join("; "))?;
    let Some(journal) = journal else { return Ok(Vec::new()) };
    let session = attempt.run.session.as_str();
    let filter = Filter { session: Some(session.to_owned()), ..Filter::default() };
    let facts = history::entries(&journal, filter).await.map_err(|e| e.to_string())?;
    let facts: Vec<Entry> = facts.into_iter().map(|(_, entry)| entry).collect();
    let mut marks = from_facts(&facts, session);
    if let Ok(state) = history::state(&journal).await
        && let Some(plan) = state.plan.sessions.get(&attempt.run.session)
        && let Some(work) = state.night.as_ref().and_then(|night| night.work.get(plan.project.as_ref()?))
    {
        marks.extend(from_commits(&work.commits));
    }
    Ok(marks)
}
