//! Follows the config file: a changed file is read again, a good one becomes the plan, a broken one changes nothing.

use super::inbox::Inbox;
use crate::core::event::Event;
use notify_debouncer_full::notify::{Error, RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, Debouncer, RecommendedCache, new_debouncer};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;

/// How long the file must be quiet: editors write, rename and touch in bursts.
const QUIET: Duration = Duration::from_millis(300);

/// How often a file is looked at that the kernel does not watch for us.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The watch; ends when dropped.
pub struct Reload {
    _debouncer: Option<Debouncer<RecommendedWatcher, RecommendedCache>>,
    /// Why the file is only looked at now and then, if it is.
    pub looking: Option<Error>,
}

/// Follows the file and hands changed configs to the core. `read` loads and checks the file. Where the kernel watches
/// nothing more for us, the file is looked at every few seconds.
pub fn follow(file: &Path, inbox: Inbox, read: impl Fn() -> Event + Send + 'static) -> Reload {
    let (changed, mut changes) = mpsc::channel::<()>(1);
    let (debouncer, looking) = match watch(file, changed.clone()) {
        Ok(debouncer) => (Some(debouncer), None),
        Err(error) => {
            tokio::spawn(look(file.to_path_buf(), changed));
            (None, Some(error))
        }
    };
    tokio::spawn(async move {
        while changes.recv().await.is_some() {
            if inbox.tell(read()).await.is_err() {
                return;
            }
        }
    });
    Reload { _debouncer: debouncer, looking }
}

/// Looks at the file again and again.
async fn look(file: PathBuf, changed: mpsc::Sender<()>) {
    let mark = async || {
        let found = tokio::fs::metadata(&file).await.ok()?;
        Some((found.ino(), found.len(), found.mtime(), found.mtime_nsec()))
    };
    let mut before = mark().await;
    while !changed.is_closed() {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = mark().await;
        if now != before {
            before = now;
            // A change that is already waiting covers this one.
            let _ = changed.try_send(());
        }
    }
}

/// Watches the file's folder: a rename replaces the file, so watching the file alone would lose it.
fn watch(file: &Path, changed: mpsc::Sender<()>) -> Result<Debouncer<RecommendedWatcher, RecommendedCache>, Error> {
    let name: Option<PathBuf> = file.file_name().map(PathBuf::from);
    let mut debouncer = new_debouncer(QUIET, None, move |result: DebounceEventResult| {
        let ours = match result {
            Ok(events) => events
                .iter()
                .filter(|event| !event.kind.is_access())
                .flat_map(|event| &event.paths)
                .any(|path| path.file_name().map(Path::new) == name.as_deref()),
            // Lost events may have been ours.
            Err(_) => true,
        };
        if ours {
            // A change that is already waiting covers this one.
            let _ = changed.try_send(());
        }
    })?;
    let folder = file.parent().unwrap_or(Path::new("/"));
    debouncer.watch(folder, RecursiveMode::NonRecursive)?;
    Ok(debouncer)
}
