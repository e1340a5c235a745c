//! A session that stands in no file: `nightkeep add`.

use super::document::{Document, Place};
use super::plan::{Build, Context, Layers, Settings, session_plan};
use super::printable::quoted;
use super::problems::Problems;
use super::raw;
use super::source::Machine;
use crate::core::ids::SessionName;
use crate::core::plan::{Plan, SessionPlan};
use std::collections::BTreeSet;

/// What was asked for.
#[derive(Debug, Clone, Copy)]
pub struct AddRequest<'a> {
    /// The session's name.
    pub name: &'a str,
    /// The project it works in.
    pub project: Option<&'a str>,
    /// Sessions that must have succeeded first.
    pub after: &'a [String],
    /// Its priority.
    pub priority: Option<i32>,
    /// Program and arguments.
    pub argv: &'a [String],
}

/// Why it cannot be added: each problem as a line, with its hints.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", problems.join("; "))]
pub struct AddError {
    /// What is wrong, a line each.
    pub problems: Vec<String>,
    /// What would help.
    pub hints: Vec<String>,
}

/// Checks a session against a plan, with the file's `[defaults]` for all that was not said.
///
/// `plan` is the one in force, with sessions that were added before.
pub fn parse_session_for_add(
    plan: &Plan,
    settings: &Settings,
    context: &Context,
    request: AddRequest<'_>,
) -> Result<SessionPlan, AddError> {
    let one = |problem: String| AddError { problems: vec![problem], hints: Vec::new() };
    let name = SessionName::new(request.name)
        .map_err(|why| one(format!("{} cannot name a session: {why}", quoted(request.name))))?;
    if plan.sessions.contains_key(&name) {
        return Err(one(format!("there is a session {} already", quoted(name.as_str()))));
    }
    if request.priority.is_some_and(|p| !(-1000..=1000).contains(&p)) {
        return Err(one("the priority must be from -1000 to 1000".to_owned()));
    }
    let own = raw::Session {
        project: request.project.map(str::to_owned),
        command: Some(raw::CommandText::Words(request.argv.to_vec())),
        after: Some(request.after.iter().cloned().map(raw::After::Name).collect()),
        priority: request.priority,
        ..raw::Session::default()
    };
    // The same checks as for a file, over an empty one: what they tell has no place, only words.
    let document = Document::parse("").map_err(|e| one(e.message))?;
    let mut problems = Problems::new("", "", &document);
    let disabled: Vec<_> = plan.sessions.values().filter(|s| s.disabled).map(|s| s.name.as_str()).collect();
    let made = {
        let mut build = Build {
            raw: &settings.raw,
            context,
            surroundings: &Machine,
            folder: &settings.folder,
            problems: &mut problems,
            rejected: &BTreeSet::new(),
            session_names: names(plan.sessions.keys()),
            project_names: names(plan.projects.keys()),
        };
        let layers = Layers::new(&own, Place::root().key("sessions").key(request.name), &settings.raw.defaults);
        session_plan(&mut build, &plan.projects, &name, &layers, &mut Vec::new())
    };
    for dependency in made.iter().flat_map(|s| &s.after) {
        if disabled.contains(&dependency.session.as_str()) {
            let other = quoted(dependency.session.as_str());
            problems.error(&Place::root(), format!("session {other} is not enabled, so it would wait for ever"));
        }
    }
    let failed = problems.has_errors();
    match made.filter(|_| !failed) {
        Some(session) => Ok(SessionPlan { disabled: false, ..session }),
        None => {
            let told = problems.into_diagnostics();
            let errors = || told.iter().filter(|d| d.severity() == super::diagnostic::Severity::Error);
            Err(AddError {
                problems: errors().map(|d| d.message().to_owned()).collect(),
                hints: errors().flat_map(|d| d.hints().iter().cloned()).collect(),
            })
        }
    }
}

fn names<T: ToString>(known: impl Iterator<Item = T>) -> BTreeSet<String> {
    known.map(|name| name.to_string()).collect()
}
