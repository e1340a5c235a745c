//! Follows the config file: a changed file is read again, a good one becomes the plan, a broken one changes nothing.

use super::inbox::Inbox;
use crate::core::event::Event;
use notify_debouncer_full::notify::{Error, RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, Debouncer, RecommendedCache, new_debouncer};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;

/// How long the file must be quiet: editors write, rename and touch in bursts.
const QUIET: Duration = Duration::from_millis(300);

/// The watch; ends when dropped.
pub struct Reload {
    _debouncer: Debouncer<RecommendedWatcher, RecommendedCache>,
}

/// Watches the file's folder (a rename replaces the file, so watching the file alone would lose it) and hands changed
/// configs to the core. `read` loads and checks the file.
pub fn follow(file: &Path, inbox: Inbox, read: impl Fn() -> Event + Send + 'static) -> Result<Reload, Error> {
    let (changed, mut changes) = mpsc::channel::<()>(1);
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
    tokio::spawn(async move {
        while changes.recv().await.is_some() {
            if inbox.tell(read()).await.is_err() {
                return;
            }
        }
    });
    Ok(Reload { _debouncer: debouncer })
}
