//! The facts of a night narrowed to one project, so that the report made of them is that project's.

use super::facts::Facts;
use super::sessions::plan_of;
use crate::core::ids::{ProjectName, SessionName};
use crate::core::usage::Budget;
use std::collections::BTreeSet;

/// Leaves what is of a project. What is nobody's, such as a time without a watcher, stays.
///
/// # Errors
/// The night knows no such project; these it knows.
pub fn to_project(facts: &mut Facts, project: &ProjectName) -> Result<(), Vec<String>> {
    let sessions = facts.plan.sessions.values().chain(facts.added.values()).chain(facts.former.values());
    let of_sessions = sessions.filter_map(|session| session.project.as_ref());
    let known: BTreeSet<&ProjectName> =
        facts.plan.projects.keys().chain(facts.projects.keys()).chain(of_sessions).collect();
    if !known.contains(project) {
        return Err(known.into_iter().map(ToString::to_string).collect());
    }
    let all: BTreeSet<&SessionName> = facts.runs.keys().map(|run| &run.session).collect();
    let all: BTreeSet<SessionName> =
        all.into_iter().chain(facts.plan.sessions.keys()).chain(facts.added.keys()).cloned().collect();
    let ours = |name: &SessionName| plan_of(facts, name).and_then(|plan| plan.project.as_ref()) == Some(project);
    let others: BTreeSet<SessionName> = all.into_iter().filter(|name| !ours(name)).collect();
    facts.runs.retain(|run, _| !others.contains(&run.session));
    facts.plan.sessions.retain(|name, _| !others.contains(name));
    facts.added.retain(|name, _| !others.contains(name));
    facts.former.retain(|name, _| !others.contains(name));
    facts.projects.retain(|name, _| name == project);
    facts.plan.projects.retain(|name, _| name == project);
    facts.moments.retain(|moment| moment.session.as_ref().is_none_or(|name| !others.contains(name)));
    facts.acts.retain(|act| !others.iter().any(|name| name.as_str() == act.target));
    facts.notes.retain(|_, note| !others.contains(&note.session));
    facts.alerts.retain(|_, alert| {
        let of_another = |session: &String| others.iter().any(|name| name.as_str() == session);
        alert.project.as_ref().is_none_or(|name| name == project.as_str())
            && !alert.session.as_ref().is_some_and(of_another)
    });
    for outage in &mut facts.outages {
        outage.held.retain(|name| !others.contains(name));
    }
    let collected = &mut facts.collected;
    collected.documents.retain(|(of, _), _| of == project);
    collected.files.retain(|of, _| of == project);
    collected.told.retain(|told| !others.contains(&told.attempt.run.session));
    collected.reviews.retain(|_, review| review.project.as_ref() == Some(project));
    if let Some(before) = &mut collected.before {
        before.sessions.retain(|session| !others.contains(&session.session));
        before.open.retain(|open| open.project.as_ref() == Some(project));
    }
    // The night's budget is that of all projects, the words are about the whole night.
    facts.plan.budget = Budget::default();
    facts.worded = None;
    facts.project = Some(project.clone());
    Ok(())
}

/// The sentence at the top, with the project that it is about.
pub(super) fn title(facts: &Facts, words: String) -> String {
    facts.project.as_ref().map_or(words.clone(), |project| format!("Project {project}: {words}"))
}
