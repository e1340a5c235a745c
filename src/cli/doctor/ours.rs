//! What nightkeep has on this machine: its file, folders, journal and daemon.

use super::{Check, caps, kept, machine};
use crate::cli::context::Context;
use crate::cli::failure::{Failure, shown_path};
use crate::cli::trust_store::{TrustBy, TrustStore};
use crate::cli::{launch, parts};
use crate::client::{ClientError, VERSION};
use crate::instance::Instance;
use crate::os::clock;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// Less free space than this and no session starts.
const DISK_LEAST: u64 = 1 << 30;
/// Fewer free inodes than this are none to work with.
const INODES_LEAST: u64 = 1000;
/// What it means that others may write.
const OTHERS: &str = "whoever can write there can run programs as you";
/// What it means that the journal is not whole.
const DAMAGED: &str = "past nights cannot be told for certain";
/// What makes room.
const CLEAN: &str = "`nightkeep clean --dry-run` shows what can go, `--older-than 3d` takes more";
/// A file this much newer than now means that the clock went back.
const CLOCK_SLACK: Duration = Duration::from_secs(120);

/// All checks of this instance. Without a file only that is said.
pub async fn all(context: &Context) -> Vec<Check> {
    let file = match context.file() {
        Ok(file) => file,
        Err(failure) => return vec![from_failure("file", &failure), disk(&context.around.here)],
    };
    let settings = parts::settings(context, &file);
    let mut checks = vec![file_valid(context, &file), file_private(&file), trusted(context, &file)];
    match context.around.instance(&file) {
        Ok(instance) => {
            checks.push(runtime(instance.runtime()));
            checks.push(state(instance.state()));
            checks.push(disk(&existing(instance.state())));
            checks.push(journal(&instance).await);
            checks.push(kept::clean_ups(context, &instance).await);
            checks.push(daemon(context, &instance).await);
            checks.push(tmux_server(&instance));
            checks.push(kept::service(context, &instance));
            checks.push(caps::check(
                &instance,
                parts::check(context, &file).ok().and_then(|checked| checked.plan).as_ref(),
            ));
        }
        Err(failure) => checks.push(from_failure("folders", &failure)),
    }
    checks.push(kept::channels(settings.as_ref()));
    checks.push(machine::awake(settings.is_some_and(|settings| settings.keep_awake)));
    checks
}

/// A check that came out as a command's failure.
fn from_failure(name: &'static str, failure: &Failure) -> Check {
    let lines = failure.lines();
    let strip = |prefix: &str| lines.iter().find_map(|l| l.strip_prefix(prefix)).unwrap_or_default().to_owned();
    Check::broken(name, strip("error: "), "no night begins", strip("hint: "))
}

fn file_valid(context: &Context, file: &Path) -> Check {
    match parts::check(context, file) {
        Err(failure) => from_failure("file", &failure),
        Ok(checked) if checked.problems.is_empty() => Check::ok("file", shown_path(file)),
        Ok(checked) => Check::broken(
            "file",
            format!("{} has {} problems", shown_path(file), checked.problems.len()),
            "no night begins with it",
            "`nightkeep check` shows them",
        ),
    }
}

/// Whoever can write the file can run programs as us.
fn file_private(file: &Path) -> Check {
    const NAME: &str = "owner";
    let Ok(meta) = fs::metadata(file) else {
        return Check::broken(
            NAME,
            format!("{} cannot be looked at", shown_path(file)),
            "no night begins",
            "check its folder's mode",
        );
    };
    let us = rustix::process::geteuid().as_raw();
    let mode = meta.permissions().mode() & 0o7777;
    if meta.uid() != us && meta.uid() != 0 {
        Check::warning(NAME, format!("the file belongs to uid {}", meta.uid()), OTHERS, "copy it, and run the copy")
    } else if mode & 0o022 != 0 {
        let remedy = format!("`chmod go-w {}`", shown_path(file));
        Check::warning(NAME, format!("the file can be written by others (mode {mode:o})"), OTHERS, remedy)
    } else {
        Check::ok(NAME, format!("the file is ours, mode {mode:o}"))
    }
}

fn trusted(context: &Context, file: &Path) -> Check {
    const NAME: &str = "trust";
    match TrustStore::new(&context.around).and_then(|store| Ok((store.trusts(file)?, store.by()))) {
        Err(failure) => from_failure(NAME, &failure),
        Ok((true, TrustBy::Path)) => Check::ok(NAME, "trusted, by path and owner"),
        Ok((true, TrustBy::Content)) => Check::ok(NAME, "trusted, by content"),
        Ok((false, _)) => Check::warning(
            NAME,
            "not trusted",
            "`up` starts nothing without asking, a service nothing at all",
            "read it, then `nightkeep trust`",
        ),
    }
}

/// The private folder for sockets.
fn runtime(dir: &Path) -> Check {
    const NAME: &str = "sockets";
    let us = rustix::process::geteuid().as_raw();
    for path in [dir.parent().unwrap_or(dir), dir] {
        // `up` makes what is not there yet.
        let Ok(meta) = fs::symlink_metadata(path) else { continue };
        let mode = meta.permissions().mode() & 0o7777;
        let problem = if !meta.is_dir() {
            "is not a folder".to_owned()
        } else if meta.uid() != us {
            format!("belongs to uid {}", meta.uid())
        } else if mode & 0o022 != 0 {
            format!("can be written by others (mode {mode:o})")
        } else {
            continue;
        };
        let shown = shown_path(path);
        return Check::broken(NAME, format!("{shown} {problem}"), OTHERS, format!("remove it, or `chmod 700 {shown}`"));
    }
    Check::ok(NAME, shown_path(dir))
}

/// The state folder can be written.
fn state(dir: &Path) -> Check {
    const NAME: &str = "state";
    let place = existing(dir);
    match tempfile::tempfile_in(&place) {
        Ok(_) if place == dir => Check::ok(NAME, shown_path(dir)),
        Ok(_) => Check::ok(NAME, format!("{}, made by the first `up`", shown_path(dir))),
        Err(e) => Check::broken(
            NAME,
            format!("cannot write in {}: {e}", shown_path(&place)),
            "neither the journal nor output can be kept, so nothing starts",
            "change its owner, or name another folder with `[paths] state`",
        ),
    }
}

fn disk(place: &Path) -> Check {
    const NAME: &str = "disk";
    match rustix::fs::statvfs(place) {
        Err(e) => Check::warning(
            NAME,
            format!("cannot tell the space in {}: {e}", shown_path(place)),
            "nobody notices a disk that fills up",
            "look with `df`",
        ),
        Ok(space) => {
            let free = space.f_bavail.saturating_mul(space.f_frsize);
            let seen = format!("{:.1} GiB free in {}", free as f64 / f64::from(1 << 30), shown_path(place));
            if free < DISK_LEAST {
                Check::broken(NAME, seen, "below 1 GiB nothing new starts", CLEAN)
            } else if space.f_files > 0 && space.f_favail < INODES_LEAST {
                let seen = format!("{} inodes free in {}", space.f_favail, shown_path(place));
                Check::broken(NAME, seen, "without inodes no file can be made, however much space is free", CLEAN)
            } else if space.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY) {
                let seen = format!("{} is mounted read-only", shown_path(place));
                Check::broken(
                    NAME,
                    seen,
                    "nothing can be kept, so nothing starts",
                    "mount it anew; see `dmesg` for why",
                )
            } else {
                Check::ok(NAME, seen)
            }
        }
    }
}

/// The journal is whole, and not from the future.
async fn journal(instance: &Instance) -> Check {
    const NAME: &str = "journal";
    let path = instance.journal();
    let Ok(meta) = fs::metadata(&path) else {
        return Check::ok(NAME, "none yet, the first `up` makes it");
    };
    let written = meta.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let now = Duration::from_millis(u64::try_from(clock::wall().0).unwrap_or(0));
    if written > now + CLOCK_SLACK {
        return Check::broken(
            NAME,
            "it was written later than now: the clock went back",
            "ages and times of day would be wrong",
            "set the clock",
        );
    }
    let set_aside = "`nightkeep down`, then `nightkeep up`: the daemon puts it aside as nightkeep.db.corrupt-<time> and keeps \
        what can be read of it";
    match parts::journal_check(instance).await {
        Ok(None) => Check::ok(NAME, format!("whole, {} KiB", meta.len() / 1024)),
        Ok(Some(damage)) => Check::broken(NAME, damage, DAMAGED, set_aside),
        Err(failure) => Check::broken(NAME, from_failure(NAME, &failure).seen, DAMAGED, set_aside),
    }
}

async fn daemon(context: &Context, instance: &Instance) -> Check {
    const NAME: &str = "daemon";
    let Ok(client) = context.client(instance) else {
        return Check::broken(NAME, "no client can be made", "the daemon cannot be asked", "report this");
    };
    match client.health().await {
        Ok(_) => match client.skew() {
            None => Check::ok(NAME, format!("runs, nightkeep {VERSION}")),
            Some(theirs) => Check::warning(
                NAME,
                format!("runs nightkeep {theirs}, this is {VERSION}"),
                "what is new here it does not know",
                "`nightkeep down`, then `nightkeep up`",
            ),
        },
        Err(ClientError::NoDaemon { .. }) => match launch::out_of_reach(instance) {
            None => Check::ok(NAME, "none runs"),
            Some(failure) => from_failure(NAME, &failure),
        },
        Err(error) => {
            let log = shown_path(&instance.daemon_log());
            Check::broken(
                NAME,
                error.to_string(),
                "it cannot be asked or told anything",
                format!("see {log}; end it by the process id in its lock file"),
            )
        }
    }
}

/// The tmux server's socket, when a server should be there.
fn tmux_server(instance: &Instance) -> Check {
    const NAME: &str = "server";
    let socket = instance.tmux_socket();
    match std::os::unix::net::UnixStream::connect(&socket) {
        Ok(_) => Check::ok(NAME, format!("tmux listens at {}", shown_path(&socket))),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            Check::ok(NAME, "no tmux server yet, the first session starts it")
        }
        Err(e) if e.kind() == std::io::ErrorKind::ConnectionRefused => {
            Check::ok(NAME, "its tmux server has ended; the next session starts another")
        }
        Err(e) => Check::broken(
            NAME,
            format!("{}: {e}", shown_path(&socket)),
            "sessions cannot be started or attached to",
            "look at the permissions of the folder it stands in",
        ),
    }
}

/// The folder itself, or the nearest one above that is there.
fn existing(dir: &Path) -> PathBuf {
    dir.ancestors().find(|d| d.is_dir()).unwrap_or(Path::new("/")).to_path_buf()
}
