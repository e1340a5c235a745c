//! `init`: writes a first `sessions.toml`.

use super::context::Context;
use super::failure::{Exit, Failure, shown_path};
use super::place::FILE_NAME;
use super::trust_store::TrustStore;
use super::{found, parts};
use crate::instance::make_state;
use crate::os::clock;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Writes a commented sessions.toml for this folder
///
/// It holds the git repositories and agents found, and is trusted: `up` does not ask for it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  nightkeep init\n  nightkeep init --file ~/nights/sessions.toml")]
pub struct Args {
    /// Overwrite a file that is there
    #[arg(long)]
    force: bool,
}

/// Runs the command.
pub fn run(args: &Args, context: &Context) -> Result<(), Failure> {
    context.no_json("init")?;
    let file =
        context.asked_file.clone().or_else(|| context.around.file.clone()).unwrap_or_else(|| PathBuf::from(FILE_NAME));
    let file = context.around.here.join(file);
    let folder = file.parent().unwrap_or(Path::new("/"));
    if !folder.is_dir() {
        return Err(Failure::new(Exit::Failed, format!("there is no folder {}", shown_path(folder))));
    }
    context.out.progress("looking for repositories");
    let found = found::look(folder);
    context.out.clear_progress();
    write(&file, &parts::template(&found), args.force)?;
    let (name, schema) = parts::schema_beside();
    let path = folder.join(name);
    // Editors can do without it; an old one is replaced.
    let made = path.parent().map_or(Ok(()), make_state);
    if made.is_err() || write(&path, &schema, true).is_err() {
        context.out.talk(&format!("note: cannot write {}; editors will not complete the file", shown_path(&path)));
    }
    let shown = shown_path(&file);
    context.out.line(&format!("wrote {shown}"))?;
    let (repositories, agents) = (found.repositories.len(), found.agents.join(", "));
    context.out.talk(&format!(
        "found {repositories} git repositories; agents: {}",
        if agents.is_empty() { "none" } else { &agents }
    ));
    // Whoever has it written here means to run it. Where trust cannot be kept, `up` asks.
    let trusted = TrustStore::new(&context.around).and_then(|store| store.trust(&file, clock::wall()));
    if let Err(failure) = trusted {
        failure.lines().iter().for_each(|line| context.out.talk(&line.replacen("error:", "note:", 1)));
    }
    context.out.talk("edit it, then `nightkeep plan` shows the night and `nightkeep up` begins it");
    Ok(())
}

/// Writes the file whole or not at all.
fn write(file: &Path, text: &str, force: bool) -> Result<(), Failure> {
    let failed = |e: io::Error| Failure::io(format!("cannot write {}", shown_path(file)), &e);
    let mut new = tempfile::NamedTempFile::new_in(file.parent().unwrap_or(Path::new("/"))).map_err(failed)?;
    new.write_all(text.as_bytes()).map_err(failed)?;
    // A temporary file is private; this one is meant to be read and committed.
    new.as_file().set_permissions(std::fs::Permissions::from_mode(0o644)).map_err(failed)?;
    new.as_file().sync_all().map_err(failed)?;
    let placed = if force { new.persist(file) } else { new.persist_noclobber(file) };
    match placed {
        Ok(_) => Ok(()),
        Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => {
            Err(Failure::new(Exit::Failed, format!("{} is there already", shown_path(file)))
                .hint("`--force` overwrites it"))
        }
        Err(e) => Err(failed(e.error)),
    }
}
