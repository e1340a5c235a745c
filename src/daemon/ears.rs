//! What an agent tells its hooks while it runs: read from the attempt's file as it is appended to.

use crate::agents::hooks::sign;
use crate::agents::profile::Profile;
use crate::agents::sign::Sign;
use crate::core::time::Wall;
use crate::recording::hooks::{HOOKS_FILE, HooksReader};
use jiff::tz::TimeZone;
use notify_debouncer_full::notify::{self, RecommendedWatcher, RecursiveMode, Watcher as _};
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;

/// The ears of one attempt.
pub struct Ears {
    file: PathBuf,
    reader: HooksReader,
    /// Held for as long as news are wanted. Without one the file is read when something else is.
    _watch: Option<RecommendedWatcher>,
    appended: mpsc::Receiver<()>,
}

impl Ears {
    /// Listens to what comes into a run directory.
    pub fn new(run_dir: &Path) -> Self {
        let (tell, appended) = mpsc::channel(1);
        let watch =
            watch(run_dir, tell).inspect_err(|e| tracing::warn!("{} cannot be watched: {e}", run_dir.display())).ok();
        Self { file: run_dir.join(HOOKS_FILE), reader: HooksReader::default(), _watch: watch, appended }
    }
    /// Waits until something was appended. Can be cancelled without losing anything.
    pub async fn news(&mut self) {
        if self.appended.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
    /// What was told since the last call, oldest first.
    pub fn hear(&mut self, profile: &Profile, zone: &TimeZone) -> Vec<Sign> {
        let lines = self.reader.read(&self.file).unwrap_or_else(|e| {
            tracing::debug!("{} cannot be read: {e}", self.file.display());
            Vec::new()
        });
        lines.into_iter().filter_map(|(at, line)| sign(profile, &line, Wall(at), zone)).collect()
    }
}

fn watch(run_dir: &Path, tell: mpsc::Sender<()>) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let ours = event.is_ok_and(|event| {
            !event.kind.is_access()
                && event.paths.iter().any(|path| path.file_name().is_some_and(|name| name == HOOKS_FILE))
        });
        if ours {
            // News that wait already cover this.
            let _ = tell.try_send(());
        }
    })?;
    watcher.watch(run_dir, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::profile::built_in;
    use crate::core::agent::Activity;
    use crate::core::exit::FailureClass;
    use crate::recording::hooks::{append, line};
    use std::time::Duration;

    #[tokio::test]
    async fn what_a_hook_was_told_is_heard_once() {
        let dir = tempfile::tempdir().unwrap();
        let (profile, file) = (built_in("claude").unwrap(), dir.path().join(HOOKS_FILE));
        let mut ears = Ears::new(dir.path());
        assert!(ears.hear(&profile, &TimeZone::UTC).is_empty());
        let told = br#"{"hook_event_name":"StopFailure","error":"billing_error","last_assistant_message":"Credit balance is too low"}"#;
        append(&file, &line(told, 5_000).unwrap()).unwrap();
        tokio::time::timeout(Duration::from_secs(30), ears.news()).await.expect("news");
        let signs = ears.hear(&profile, &TimeZone::UTC);
        assert_eq!(signs.len(), 1);
        let sign = &signs[0];
        assert_eq!(
            (sign.at, sign.activity, sign.class),
            (Wall(5_000), Some(Activity::Idle), Some(FailureClass::Billing))
        );
        assert!(ears.hear(&profile, &TimeZone::UTC).is_empty());
    }
}
