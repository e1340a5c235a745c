//! Writes a night's report: collects what the repositories show, journals that, then renders the journal.

use super::perform::{Rim, zone};
use super::{checkpoint, collect, letters, summarizer, templates};
use crate::adapters::git;
use crate::config::raw::ReportFormat;
use crate::core::event::Event;
use crate::core::evidence::Evidence;
use crate::core::fact::GitBase;
use crate::core::ids::{NightId, ProjectName};
use crate::os::{clock, memory};
use crate::report::html::PageFault;
use crate::report::model::Report;
use crate::report::{self, markdown::MarkdownOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Writes the report of a night. Problems are journaled, never lost.
pub async fn write(rim: &Arc<Rim>, night: &NightId) {
    collect(rim, night).await;
    collect::before_report(rim, night).await;
    let rendered = render(rim, night).await;
    // A report is made of the whole night, and takes more memory than all that the daemon keeps of it.
    let _ = tokio::task::spawn_blocking(memory::give_back).await;
    match rendered {
        Ok(files) => {
            let files = files.iter().map(|f| f.display().to_string()).collect();
            let _ = rim.inbox().tell(Event::ReportWritten { night: night.clone(), files }).await;
        }
        Err(e) => {
            tracing::error!(%night, "the report was not written: {e:#}");
            let what =
                format!("the report of {night} was not written: {e:#}; `nightkeep report` makes it from the journal");
            let _ = rim.inbox().tell(Event::Trouble { part: "report".into(), what }).await;
        }
    }
}

/// Asks every project's repository what the night brought.
async fn collect(rim: &Arc<Rim>, night: &NightId) {
    let id = night.clone();
    let Ok(projects) = rim
        .inbox()
        .look(move |state, _| {
            let open = state.night.as_ref().filter(|n| n.id == id)?;
            let of = |(name, base): (&ProjectName, &GitBase)| {
                let others = state.plan.projects.iter().filter(|(other, _)| *other != name);
                let others = others.map(|(_, other)| other.dir.clone()).collect::<Vec<_>>();
                let dir = state.plan.projects.get(name)?.dir.clone();
                Some((name.clone(), dir, others, base.clone(), open.opened.wall))
            };
            // A repository that hangs is not asked at every report.
            let admits = |name: &ProjectName| state.breakers.admits(&format!("git:{name}"));
            Some(open.bases.iter().filter(|(name, _)| admits(name)).filter_map(of).collect::<Vec<_>>())
        })
        .await
    else {
        return;
    };
    for (project, dir, others, base, opened) in projects.unwrap_or_default() {
        match base {
            GitBase::At { .. } | GitBase::Unborn => {
                let mut work = git::work_since(&dir, &base, Some(rim.instance().state())).await;
                let beside = async {
                    work.worktrees = git::worktrees_since(&dir, &base, opened, &others).await?;
                    work.submodules = git::submodules_since(&dir, &base).await?;
                    Ok::<(), git::GitError>(())
                };
                if let Err(e) = beside.await
                    && work.problem.is_none()
                {
                    work.problem = Some(format!("its further work trees and submodules: {}", git::told(&e)));
                }
                rim.told_of_git(&project, work.problem.as_ref()).await;
                // Asked, not told: the report is made from the journal, so the facts must be in it first.
                let _ = rim.inbox().ask(Event::ProjectSeen { project, work }).await;
            }
            GitBase::None | GitBase::Failed { .. } => {}
        }
    }
}

async fn render(rim: &Arc<Rim>, night: &NightId) -> anyhow::Result<Vec<PathBuf>> {
    let mut report = made(rim, night).await?;
    // What this brings is in the journal, and so in the report.
    if dressed(rim, night, &report).await {
        report = made(rim, night).await?;
    }
    if let Some(summary) = report::summary(&report) {
        // Asked, not told: the night after this one is held against it, so it must be in the journal first.
        let _ = rim.inbox().ask(Event::Evidence { evidence: Evidence::Summary(Box::new(summary)) }).await;
    }
    letters::hand_over(rim, night, &report).await;
    let mut files = Vec::new();
    for format in rim.report_formats() {
        let (extension, text) = match format {
            ReportFormat::Json => ("json", report::json::render(&report)?),
            ReportFormat::Md => ("md", report::markdown::render(&report, MarkdownOptions { full: false })),
            ReportFormat::Html => ("html", html(rim, &report)?),
        };
        let path = rim.instance().report(night, extension);
        tokio::task::spawn_blocking({
            let path = path.clone();
            move || replace(&path, text.as_bytes())
        })
        .await??;
        files.push(path);
    }
    Ok(files)
}

/// The report of a night as the journal has it now.
pub(super) async fn made(rim: &Arc<Rim>, night: &NightId) -> anyhow::Result<Report> {
    let folded = checkpoint::folded(rim.journal().reader(), rim.instance(), night).await?;
    let mut folder = folded.unwrap_or_else(|| report::Folder::new(night));
    folder.watched_until(clock::now());
    Ok(report::build(&folder.finish(), &zone(rim.plan_zone().await.as_deref())))
}

/// Tries what is the user's own about a report: templates, and who words its summary. Says whether anything was
/// journaled.
async fn dressed(rim: &Arc<Rim>, night: &NightId, report: &Report) -> bool {
    let problem = match rim.report_templates() {
        Some(folder) if rim.report_formats().contains(&ReportFormat::Html) => templates::page(report, Some(&folder)).1,
        Some(_) | None => None,
    };
    let worded = summarizer::word(rim, night, report).await;
    let Some(what) = problem else { return worded };
    let told = rim.inbox().ask(Event::Trouble { part: "report templates".to_owned(), what }).await;
    told.is_ok() || worded
}

/// The page of a report.
pub(super) fn html(rim: &Rim, report: &Report) -> Result<String, PageFault> {
    templates::page(report, rim.report_templates().as_deref()).0
}

/// Replaces a file whole: a reader sees the old text or the new one, a power cut leaves one of the two.
fn replace(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    std::fs::File::open(folder)?.sync_all()
}
