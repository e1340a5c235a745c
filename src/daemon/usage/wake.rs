//! Tells when transcripts are written, by what the kernel tells of their folders.

use crate::agents::usage::places::Place;
use notify_debouncer_full::notify::{self, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;

/// Most folders that are watched.
const FOLDERS_MAX: usize = 256;

/// Watches folders.
pub struct Wake {
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
    news: mpsc::Receiver<()>,
}

impl Wake {
    /// Watches nothing yet.
    pub fn new() -> Self {
        let (tell, news) = mpsc::channel(1);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Lost events may have been ours.
            if event.map_or(true, |event| is_news(&event)) {
                // News that wait already cover this.
                let _ = tell.try_send(());
            }
        });
        let watcher = watcher.inspect_err(|e| tracing::warn!("transcripts are looked at now and then: {e}")).ok();
        Self { watcher, watched: BTreeSet::new(), news }
    }
    /// Watches these folders and no others, and says whether it does. With `None` it watches on what it watches, as there
    /// are others.
    pub fn watch(&mut self, folders: Option<BTreeSet<PathBuf>>) -> bool {
        let Some(folders) = folders.filter(|folders| folders.len() <= FOLDERS_MAX) else { return false };
        let Some(watcher) = &mut self.watcher else { return false };
        for old in self.watched.difference(&folders) {
            // One that is gone is no longer watched anyway.
            let _ = watcher.unwatch(old);
        }
        self.watched.retain(|old| folders.contains(old));
        let mut all = true;
        for new in &folders {
            // One that was taken away and made anew would not be told of.
            if !self.watched.contains(new) {
                match watcher.watch(new, RecursiveMode::NonRecursive) {
                    Ok(()) => {
                        self.watched.insert(new.clone());
                    }
                    Err(e) => {
                        tracing::debug!("{} cannot be watched: {e}", new.display());
                        all = false;
                    }
                }
            }
        }
        all
    }
    /// Waits for a change. Can be cancelled without losing anything.
    pub async fn changed(&mut self) {
        if self.news.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

/// Whether it may be of a transcript: a file of that kind, or a folder that came.
fn is_news(event: &notify::Event) -> bool {
    let kind = |path: &PathBuf| {
        path.extension().is_none_or(|kind| matches!(kind.to_str(), Some("jsonl" | "json" | "md")))
            || matches!(event.kind, EventKind::Remove(_))
    };
    !event.kind.is_access() && (event.paths.is_empty() || event.paths.iter().any(kind))
}

/// Adds the folders in which a place's transcripts come to be; `None` when one of them is not there.
pub fn folders(place: &Place, all: &mut BTreeSet<PathBuf>) -> Option<()> {
    let there = |dir: &Path| dir.is_dir().then(|| dir.to_path_buf());
    match place {
        Place::Folder { dir, .. } => {
            all.insert(there(dir)?);
        }
        Place::Days { dir, .. } => {
            let mut newest = there(dir)?;
            for _ in 0..3 {
                let below = fs::read_dir(&newest).ok()?.flatten().map(|entry| entry.path());
                let next = below.filter(|path| path.is_dir()).max();
                all.insert(newest);
                newest = next?;
            }
            all.insert(newest);
        }
        // Its folder is not known before there is a transcript in it; that is then watched.
        Place::Projects { dir, .. } => {
            all.insert(there(dir)?);
        }
        Place::File(_) => {}
        Place::Database(_) => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn what_is_written_in_a_watched_folder_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let mut wake = Wake::new();
        assert!(!wake.watch(None));
        assert!(wake.watch(Some(BTreeSet::from([dir.path().to_path_buf()]))));
        fs::write(dir.path().join("a.jsonl"), "x").unwrap();
        tokio::time::timeout(Duration::from_secs(30), wake.changed()).await.expect("news");
        assert!(wake.watch(Some(BTreeSet::new())), "nothing is all there is");
        assert!(!wake.watch(Some(BTreeSet::from([dir.path().join("none")]))));
    }

    #[test]
    fn days_are_watched_down_to_the_newest() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::Days { dir: dir.path().to_path_buf(), ends: ".jsonl" };
        let mut all = BTreeSet::new();
        assert_eq!(folders(&place, &mut all), None, "there is no day yet");
        for day in ["2026/11/20", "2026/11/21"] {
            fs::create_dir_all(dir.path().join(day)).unwrap();
        }
        all.clear();
        assert_eq!(folders(&place, &mut all), Some(()));
        assert_eq!(all.len(), 4);
        assert!(all.contains(&dir.path().join("2026/11/21")));
    }
}
