//! The projects of a night: what their repositories and files showed, and what is said of them.

use super::beside::{beside, commit};
use super::claims::{Claims, OfProject};
use super::facts::{Facts, ProjectFacts};
use super::ids::artifact_id;
use super::model::{FileReport, ProjectReport, SessionReport};
use super::model_claims::{ChangedFile, FilesReport, ProjectItems, TestsReport};
use super::proof::project_of;
use super::sessions::quote;
use super::text::tool;
use crate::core::evidence::{FileFate, FileSeen, FilesSeen};
use crate::core::fact::GitBase;
use crate::core::ids::ProjectName;
use crate::core::time::Wall;
use crate::status::text::{count, span};
use crate::status::zone::{parse, rfc3339};
use std::collections::BTreeSet;

/// Most commits and files of a project that are listed.
pub(super) const COMMITS_MAX: usize = 200;
const FILES_MAX: usize = 500;
/// What stands for the project of sessions that have none.
pub(super) const NO_PROJECT: &str = "(no project)";

/// All projects in the order of their names; what belongs to none comes last.
pub(super) fn projects(facts: &Facts, sessions: &[SessionReport], claims: &mut Claims) -> Vec<ProjectReport> {
    let worked_in = facts.runs.values().filter_map(|run| project_of(facts, &run.id.session));
    let said = claims.projects.keys().flatten();
    let looked_at = facts.collected.files.keys();
    let names: BTreeSet<ProjectName> =
        facts.projects.keys().chain(worked_in).chain(said).chain(looked_at).cloned().collect();
    let nothing = ProjectFacts::default();
    let mut out: Vec<ProjectReport> = names
        .iter()
        .map(|name| {
            let said = claims.projects.remove(&Some(name.clone())).unwrap_or_default();
            project(facts, name, facts.projects.get(name).unwrap_or(&nothing), sessions, said)
        })
        .collect();
    if let Some(said) = claims.projects.remove(&None).filter(|said| said.items.count() > 0) {
        out.push(ProjectReport { items: said.items, ..empty(NO_PROJECT, "none") });
    }
    out
}

fn empty(name: &str, state: &str) -> ProjectReport {
    ProjectReport {
        name: name.to_owned(),
        state: state.to_owned(),
        notes: Vec::new(),
        base: None,
        branch: None,
        commits: Vec::new(),
        commit_count: 0,
        files: Vec::new(),
        file_count: 0,
        dirty_count: 0,
        rewritten: false,
        items: ProjectItems::default(),
        documents: Vec::new(),
        changed: None,
        tests: Vec::new(),
        well: true,
        worktrees: Vec::new(),
        submodules: Vec::new(),
    }
}

fn project(
    facts: &Facts,
    name: &ProjectName,
    known: &ProjectFacts,
    sessions: &[SessionReport],
    said: OfProject,
) -> ProjectReport {
    let mut out = ProjectReport {
        items: said.items,
        documents: said.documents,
        changed: facts.collected.files.get(name).map(|files| changed(facts, name, files)),
        ..empty(name.as_str(), if known.work.is_some() { "seen" } else { "not_looked_at" })
    };
    match &known.base {
        Some(GitBase::At { head, branch: on }) => {
            out.base = Some(quote(head));
            out.branch = on.as_deref().map(quote);
            if on.is_none() {
                out.notes.push("was on no branch when the night began".to_owned());
            }
        }
        Some(GitBase::Unborn) => out.notes.push("had no commit when the night began".to_owned()),
        Some(GitBase::None) => "none".clone_into(&mut out.state),
        Some(GitBase::Failed { why }) => {
            "unreadable".clone_into(&mut out.state);
            out.notes.push(format!("could not be read when the night began: {}", quote(why)));
        }
        None => {}
    }
    let work = known.work.clone().unwrap_or_default();
    if let Some(problem) = &work.problem {
        "unreadable".clone_into(&mut out.state);
        out.notes.push(format!("could not be read whole: {}", quote(problem)));
    }
    if work.rewritten {
        out.notes.push("history was rewritten: the commit it stood at is no longer part of it".to_owned());
    }
    if work.dirty_count > 0 {
        out.notes.push(count(work.dirty_count, "uncommitted change", "uncommitted changes"));
    }
    out.commits = work.commits.iter().take(COMMITS_MAX).map(commit).collect();
    (out.worktrees, out.submodules) = beside(&work);
    out.commit_count = work.commit_count;
    out.files = work
        .files
        .iter()
        .take(FILES_MAX)
        .map(|f| FileReport { path: quote(&f.path), added: f.added, removed: f.removed, committed: f.committed })
        .collect();
    out.file_count = work.file_count;
    out.dirty_count = work.dirty_count;
    out.rewritten = work.rewritten;
    out.tests = tests(name, sessions, facts.collected.files.get(name).and_then(|files| files.last_edit));
    out.well = is_well(&out, sessions);
    out
}

/// Nothing in the project is bad, in doubt, open for a person, or could not be read.
fn is_well(project: &ProjectReport, sessions: &[SessionReport]) -> bool {
    let items = &project.items;
    let doubted = |list: &[super::model_claims::ItemReport]| {
        list.iter().any(|item| matches!(item.verdict.as_str(), "weak" | "stale" | "contradicted"))
    };
    let lists = [&items.done, &items.numbers, &items.artifacts, &items.decisions, &items.limits, &items.open];
    let own = sessions.iter().filter(|s| s.project.as_deref() == Some(&project.name));
    !project.rewritten
        && project.state != "unreadable"
        && project.worktrees.iter().all(|tree| tree.problem.is_none())
        && items.errors.is_empty()
        && items.blockers.is_empty()
        && items.user_actions.is_empty()
        && !lists.iter().any(|list| doubted(list))
        && !project.documents.iter().any(|document| document.unfinished)
        && project.tests.iter().all(|tests| tests.good && tests.doubt.is_none())
        && own.into_iter().all(|session| session.state == "succeeded")
}

/// The last runs of tests that the sessions of a project showed.
fn tests(project: &ProjectName, sessions: &[SessionReport], last_edit: Option<Wall>) -> Vec<TestsReport> {
    let own = sessions.iter().filter(|session| session.project.as_deref() == Some(project.as_str()));
    let seen = own.flat_map(|session| session.tools.iter().map(move |seen| (session, seen)));
    let mut out: Vec<TestsReport> = seen
        .filter(|(_, seen)| seen.kind == "tests")
        .map(|(session, seen)| {
            let edited = parse(&seen.at).zip(last_edit).filter(|(at, edited)| edited > at);
            let later = edited.map(|(at, edited)| format!("sources were changed {} after it", span(edited.since(at))));
            TestsReport {
                session: session.name.clone(),
                text: tool(seen),
                good: seen.good && seen.failed == 0,
                at: seen.at.clone(),
                doubt: later.or_else(|| seen.weak.clone()),
            }
        })
        .collect();
    out.sort_by(|a, b| (a.good, &a.session, &a.at).cmp(&(b.good, &b.session, &b.at)));
    out
}

fn changed(facts: &Facts, project: &ProjectName, files: &FilesSeen) -> FilesReport {
    let one = |file: &FileSeen| {
        let id = file.artifact.then(|| artifact_id(project, &file.path));
        let review = id.as_ref().and_then(|id| facts.collected.reviews.get(id));
        let current = review.filter(|review| review.hash.is_none() || review.hash == file.hash);
        let fate = match file.change {
            FileFate::Created => "created",
            FileFate::Modified => "modified",
            FileFate::Deleted => "deleted",
        };
        ChangedFile {
            path: quote(&file.path),
            change: fate.to_owned(),
            bytes: file.bytes,
            bytes_before: file.bytes_before,
            artifact: id.clone(),
            review: current.map(|review| if review.approved { "approved" } else { "dismissed" }.to_owned()),
        }
    };
    FilesReport {
        created: files.created,
        modified: files.modified,
        deleted: files.deleted,
        looked_at: files.looked_at,
        last_edit: files.last_edit.map(rfc3339),
        changed: files.changed.iter().take(FILES_MAX).map(one).collect(),
        limits: files.limits.iter().map(|limit| quote(limit)).collect(),
    }
}
