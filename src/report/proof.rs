//! What was seen in a night, as the claims about it are held against it.

use super::collected::Collected;
use super::facts::{Facts, RunFacts};
use super::sessions::{newest, plan_of};
use crate::core::evidence::FileFate;
use crate::core::exit::Ending;
use crate::core::ids::{ProjectName, SessionName};
use crate::core::run::RunState;
use crate::core::time::Wall;
use crate::core::tool_run::{ToolKind, ToolRun};
use crate::verdict::{Commit, Counts, Evidence, Exit, File, Run, RunKind};
use std::collections::BTreeSet;

/// Whole seconds since 1970.
pub(super) fn seconds_of(at: Wall) -> i64 {
    at.0.div_euclid(1000)
}

/// The project that a session works in.
pub(super) fn project_of<'f>(facts: &'f Facts, session: &SessionName) -> Option<&'f ProjectName> {
    plan_of(facts, session).and_then(|plan| plan.project.as_ref())
}

/// What speaks to the claims of a session about a project. Where it is not known who makes them, all sessions of the
/// project speak.
pub(super) fn evidence(facts: &Facts, project: Option<&ProjectName>, session: Option<&SessionName>) -> Evidence {
    let (files, commits, edited) = project.map_or_else(Default::default, |project| of_project(facts, project));
    Evidence {
        exit: session.and_then(|session| newest(facts).get(session).copied()).and_then(exit),
        runs: runs(facts, project, session),
        before: before(&facts.collected, session),
        tests_in_sources: None,
        files,
        commits,
        edited,
    }
}

/// How a run ended, where the claims of its session can be held against that.
fn exit(run: &RunFacts) -> Option<Exit> {
    match &run.state {
        RunState::Starting { .. } | RunState::Running { .. } | RunState::Checking { .. } => Some(Exit::Running),
        RunState::Ended { .. } => match &run.attempts.last()?.exit.as_ref()?.ending {
            Ending::Code { code } => Some(Exit::Code(*code)),
            Ending::Signal { signal, .. } => Some(Exit::Signal(*signal)),
            // What nobody saw speaks for nothing.
            Ending::ExecFailed { .. } | Ending::Lost { .. } => None,
        },
        RunState::Scheduled { .. }
        | RunState::Waiting { .. }
        | RunState::Queued
        | RunState::BackingOff { .. }
        | RunState::Limited { .. }
        | RunState::Held
        | RunState::Stopping { .. } => None,
    }
}

/// The runs of tests and builds that a session's own output showed; where it showed none, those of all sessions of its
/// project. Another session's tests are often those of another part of it.
fn runs(facts: &Facts, project: Option<&ProjectName>, session: Option<&SessionName>) -> Vec<Run> {
    let of = |wanted: &dyn Fn(&SessionName) -> bool| {
        let runs = facts.runs.values().filter(|run| wanted(&run.id.session));
        let tools = runs.flat_map(|run| &run.attempts).flat_map(|attempt| &attempt.output.tools);
        let mut seen: Vec<Run> = tools.filter_map(run_of).collect();
        seen.sort_by_key(|run| run.at);
        seen
    };
    let own = session.map(|session| of(&|name| name == session)).unwrap_or_default();
    if own.iter().any(|run| run.kind == RunKind::Tests) {
        return own;
    }
    let same_project = |name: &SessionName| project.is_some() && project_of(facts, name) == project;
    if project.is_some() { of(&same_project) } else { own }
}

fn run_of(tool: &ToolRun) -> Option<Run> {
    let kind = match tool.kind {
        ToolKind::Tests => RunKind::Tests,
        ToolKind::Build => RunKind::Build,
        ToolKind::Lint => return None,
    };
    let counts = Counts { passed: tool.passed, failed: tool.failed, skipped: tool.skipped };
    Some(Run {
        kind,
        command: tool.tool.clone(),
        at: seconds_of(tool.last),
        // Its own word that all is well comes last of what it prints; an exit other than 0 would follow no such word.
        exit: tool.good.then_some(0),
        counts: (kind == RunKind::Tests).then_some(counts),
        partial: tool.weak.is_some(),
        weak: tool.weak.clone().unwrap_or_default(),
        failed: !tool.good,
    })
}

fn before(collected: &Collected, session: Option<&SessionName>) -> Option<Counts> {
    let sessions = &collected.before.as_ref()?.sessions;
    let known = sessions.iter().find(|known| Some(&known.session) == session)?;
    known.tests.map(|(passed, failed, skipped)| Counts { passed, failed, skipped })
}

type Seen = (Vec<File>, Vec<Commit>, Option<i64>);

/// The files and commits of a project, and when a source was last changed.
fn of_project(facts: &Facts, project: &ProjectName) -> Seen {
    let work = facts.projects.get(project).and_then(|known| known.work.as_ref());
    let scan = facts.collected.files.get(project);
    let committed =
        |path: &str| work.and_then(|work| work.files.iter().find(|file| file.path == path)).map(|f| f.committed);
    let mut files: Vec<File> = Vec::new();
    let mut known: BTreeSet<&str> = BTreeSet::new();
    for seen in scan.iter().flat_map(|scan| &scan.changed) {
        let exists = seen.change != FileFate::Deleted;
        known.insert(&seen.path);
        files.push(File {
            path: seen.path.clone(),
            exists,
            bytes: exists.then_some(seen.bytes),
            lines: seen.lines.filter(|_| exists),
            committed: committed(&seen.path),
        });
    }
    let documents =
        facts.collected.documents.iter().filter(|((of, path), _)| of == project && !known.contains(path.as_str()));
    let documents: Vec<File> = documents
        .map(|((_, path), document)| File {
            path: path.clone(),
            exists: true,
            bytes: Some(document.bytes),
            lines: None,
            committed: committed(path),
        })
        .collect();
    files.extend(documents);
    // A commit that adds lines to a file leaves it there; how large it is was not looked at.
    for change in work.iter().flat_map(|work| &work.files).filter(|change| change.added.is_some_and(|added| added > 0))
    {
        if files.iter().all(|file| file.path != change.path) {
            let committed = Some(change.committed);
            files.push(File { path: change.path.clone(), exists: true, bytes: None, lines: None, committed });
        }
    }
    // What a session of a worktree of its own committed is on its branch.
    let beside = work.iter().flat_map(|work| &work.worktrees).flat_map(|tree| &tree.commits);
    let commits = work.iter().flat_map(|work| &work.commits).chain(beside);
    let commits = commits.map(|commit| Commit { hash: commit.hash.clone(), held: true }).collect();
    (files, commits, scan.and_then(|scan| scan.last_edit).map(seconds_of))
}
