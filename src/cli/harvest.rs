//! `harvest`: what agents' documents say, as items; needs no session, no night and no daemon.

use super::context::Context;
use super::failure::{Failure, shown_path};
use super::parts;
use crate::harvest::{BYTES_MAX, Harvest};
use crate::terminal::fit;
use rustix::fs::{Mode, OFlags};
use serde::Serialize;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Reads agents' status documents and lists what they claim: done, missing, failed, asked of you
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  nightkeep harvest STATUS.md\n  nightkeep harvest --json notes/*.md\n\nAll of it is what the documents say; nothing is checked."
)]
pub struct Args {
    /// Markdown or plain text
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// One item as `--json` tells it.
#[derive(Debug, Serialize)]
struct Told<'a> {
    kind: &'static str,
    text: &'a str,
    line: usize,
    section: &'a str,
    /// Where several files were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    let mut read = Vec::new();
    let mut failures = Vec::new();
    for path in &args.files {
        match bytes(path) {
            Ok(bytes) => read.push((path, parts::harvest(&bytes))),
            Err(e) => failures.push(Failure::io(format!("cannot read {}", shown_path(path)), &e)),
        }
    }
    for (path, harvest) in &read {
        for note in &harvest.notes {
            context.out.talk(&format!("{}: {note}", shown_path(path)));
        }
        if harvest.unfinished {
            context.out.talk(&format!("{}: it was begun and never finished", shown_path(path)));
        }
    }
    if context.json {
        let several = args.files.len() > 1;
        let told = |path: &Path, harvest: &Harvest| -> Vec<serde_json::Value> {
            let file = several.then(|| shown_path(path));
            let all = harvest.items.iter().map(|item| Told {
                kind: item.kind.as_str(),
                text: &item.text,
                line: item.line,
                section: &item.section,
                file: file.clone(),
            });
            all.filter_map(|told| serde_json::to_value(told).ok()).collect()
        };
        let list: Vec<serde_json::Value> = read.iter().flat_map(|(path, harvest)| told(path, harvest)).collect();
        context.out.json(&list)?;
    } else {
        context.out.data(&text(&read))?;
    }
    // What could be read is told before what could not fails the command.
    failures.into_iter().next().map_or(Ok(()), Err)
}

/// The items of each file below its name.
fn text(read: &[(&PathBuf, Harvest)]) -> String {
    let mut out = String::new();
    for (path, harvest) in read {
        if read.len() > 1 {
            let _ = writeln!(out, "{}:", shown_path(path));
        }
        for item in &harvest.items {
            let _ = writeln!(out, "{:>5}  {} {}", item.line, fit(item.kind.as_str(), 11), item.text);
        }
    }
    out
}

/// The beginning of a file, one byte more than is read of a document. What is no regular file is refused: a pipe would
/// hang and a device never ends.
fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let opened = rustix::fs::open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?;
    let file = File::from(opened);
    let meta = file.metadata()?;
    if !meta.is_file() {
        let what = if meta.is_dir() { "it is a folder" } else { "it is not a file" };
        return Err(io::Error::other(what));
    }
    let mut bytes = Vec::new();
    file.take(BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
