//! `report`: what really happened, from the journal; needs no daemon.

use super::context::Context;
use super::failure::{Exit, Failure, harmless, shown_path};
use super::open;
use super::parts::{self, Window};
use super::when::{self, Since};
use crate::core::ids::NightId;
use crate::instance::Instance;
use crate::os::clock;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Tells what happened in a night; works with the daemon down
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nightkeep report\n  nightkeep report --night 2026-11-21 --format json\n  \
    nightkeep report --since 02:00 --output now.md\n  nightkeep report --check && echo 'all well'\n  nightkeep report --project shop --open")]
pub struct Args {
    /// This night: 2026-11-21
    #[arg(long, value_name = "ID", value_parser = night, group = "window")]
    night: Option<NightId>,
    /// The open night, or the last one; this is the default
    #[arg(long, group = "window")]
    last: bool,
    /// From then until now: 02:00, 2h (ago), or an RFC 3339 time
    #[arg(long, value_name = "TIME", value_parser = when::since, group = "window")]
    since: Option<Since>,
    /// Only this project: its sessions and what they did, the totals too
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// How it is written
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Tell everything, however long
    #[arg(long)]
    full: bool,
    /// Write it into this file
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print nothing; exit 0 all well, 1 needs you, 2 failed or contradicted, 3 could not read something
    #[arg(long, conflicts_with_all = ["format", "output"])]
    check: bool,
    /// Write the page and show it in the browser; prints where it is
    #[arg(long, conflicts_with_all = ["format", "check"])]
    open: bool,
    /// Print the built-in template of the page, to begin one of your own with (`report.templates`)
    #[arg(long, conflicts_with_all = ["window", "project", "format", "full", "output", "check", "open"])]
    template: bool,
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Markdown
    Md,
    /// JSON
    Json,
    /// Plain text
    Text,
    /// One page for a browser or a phone
    Html,
}

/// Reads a night's id.
pub fn night(text: &str) -> Result<NightId, String> {
    NightId::new(text).map_err(|e| e.to_string())
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    if args.template {
        return context.out.data(parts::page_template());
    }
    let instance = context.instance()?;
    let window = match (&args.night, args.since) {
        (Some(night), _) => Window::Night(night.clone()),
        (None, Some(since)) => Window::Since(since.resolve(clock::wall(), &jiff::tz::TimeZone::system())),
        (None, None) => Window::Last,
    };
    let asked = parts::ReportAsked {
        window,
        full: args.full,
        project: args.project.as_deref(),
        templates: parts::settings(context, instance.file()).and_then(|settings| settings.report_templates),
    };
    let read = async {
        // What is found by now goes into the journal first. Without a daemon, or with one that has much to look at, the
        // report tells what the journal knows.
        if args.night.is_none()
            && let Ok(client) = context.client(&instance)
        {
            let _ = client.collect().await;
        }
        parts::report(&instance, &asked).await
    };
    let report = context.block_on(read).map_err(|failure| {
        // What could not be read is an answer of its own to a script that checks.
        let is_unknown = failure.exit() == Exit::NotFound;
        if args.check && !is_unknown { failure.exits(Exit::Other(3)) } else { failure }
    })?;
    let Some(report) = report else {
        let what = match &args.night {
            Some(night) => format!("there was no night {night}"),
            None => "there was no night yet".to_owned(),
        };
        return Err(Failure::new(Exit::NotFound, what).hint("`nightkeep nights` lists them"));
    };
    if args.check {
        return if report.check == 0 { Ok(()) } else { Err(Failure::silent(Exit::Other(report.check))) };
    }
    let wants_page = args.open || args.format == Some(Format::Html);
    if let Some(note) = report.html_note.as_deref().filter(|_| wants_page) {
        context.out.talk(&format!("warning: {}", harmless(note)));
    }
    if args.open {
        let page = report.html.map_err(|e| Failure::new(Exit::Failed, e.to_string()))?;
        let path = match &args.output {
            Some(path) => path.clone(),
            None => page_beside(&instance, &report.night, args),
        };
        if let Some(folder) = path.parent().filter(|_| args.output.is_none()) {
            std::fs::create_dir_all(folder)
                .map_err(|e| Failure::io(format!("cannot make {}", shown_path(folder)), &e))?;
        }
        write(&path, &page).map_err(|e| Failure::io(format!("cannot write {}", shown_path(&path)), &e))?;
        return open::show(context, &path);
    }
    let default = if context.json { Format::Json } else { Format::Md };
    let text = match args.format.unwrap_or(default) {
        Format::Md => report.markdown,
        Format::Json => report.json,
        Format::Text => report.text,
        Format::Html => report.html.map_err(|e| Failure::new(Exit::Failed, e.to_string()))?,
    };
    let text = format!("{}\n", text.trim_end());
    match &args.output {
        None => context.out.data(&text),
        Some(path) => {
            write(path, &text).map_err(|e| Failure::io(format!("cannot write {}", shown_path(path)), &e))?;
            context.out.talk(&format!("wrote {}", shown_path(path)));
            Ok(())
        }
    }
}

/// Where a page goes that is made to be looked at: the night's own place, but for one that does not tell all of it.
fn page_beside(instance: &Instance, night: &NightId, args: &Args) -> PathBuf {
    let whole = instance.report(night, "html");
    match (&args.project, args.since) {
        (None, None) => whole,
        (Some(project), _) => whole.with_file_name(format!("{night}.{project}.html")),
        (None, Some(_)) => whole.with_file_name(format!("{night}.since.html")),
    }
}

/// Writes the file whole or not at all; through to what is no regular file (`/dev/stdout`).
fn write(path: &Path, text: &str) -> io::Result<()> {
    if path.metadata().is_ok_and(|meta| !meta.is_file()) {
        return std::fs::write(path, text);
    }
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    new.write_all(text.as_bytes())?;
    new.persist(path).map_err(|e| e.error)?;
    Ok(())
}
