//! `report`: what really happened, from the journal; needs no daemon.

use super::context::Context;
use super::failure::{Exit, Failure, shown_path};
use super::parts::{self, Window};
use super::when::{self, Since};
use crate::core::ids::NightId;
use crate::os::clock;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Tells what happened in a night; works with the daemon down
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nightkeep report\n  nightkeep report --night 2026-11-21 --format json\n  \
    nightkeep report --since 02:00 --output now.md\n  nightkeep report --check && echo 'all well'")]
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
    let instance = context.instance()?;
    let window = match (&args.night, args.since) {
        (Some(night), _) => Window::Night(night.clone()),
        (None, Some(since)) => Window::Since(since.resolve(clock::wall(), &jiff::tz::TimeZone::system())),
        (None, None) => Window::Last,
    };
    let read = async {
        // What is found by now goes into the journal first. Without a daemon, or with one that has much to look at, the
        // report tells what the journal knows.
        if args.night.is_none()
            && let Ok(client) = context.client(&instance)
        {
            let _ = client.collect().await;
        }
        parts::report(&instance, &window, args.full).await
    };
    let report = context.block_on(read).map_err(|failure| {
        // What could not be read is an answer of its own to a script that checks.
        if args.check { failure.exits(Exit::Other(3)) } else { failure }
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
