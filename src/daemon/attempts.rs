//! Attempts as deeds: a start through tmux, a stop through the recorder, a line typed into a session.

use super::earlier;
use super::launch;
use super::notes;
use super::perform::Rim;
use super::worktrees;
use crate::adapters::shim_client;
use crate::adapters::tmux::SessionStart;
use crate::core::event::Event;
use crate::core::ids::AttemptId;
use crate::core::plan::{OnTmuxLoss, SessionPlan};
use crate::core::run::Started;
use crate::os::clock;
use crate::os::leftovers::{ATTEMPT_VARIABLE, INSTANCE_VARIABLE, JOURNAL_VARIABLE, Leftovers};
use crate::os::tree::{self, Process};
use crate::recording::attempt::{AttemptFiles, AttemptState};
use crate::recording::spec::{SPEC_FILE, SPEC_VERSION, Spec};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// Terminal size of a session nobody looks at: columns, rows.
const SIZE: (u16, u16) = (200, 50);
/// What was killed is gone after so long, if it can be killed at all.
const KILLED_WITHIN: Duration = Duration::from_secs(1);
/// How long output of descendants is read after the program's own exit.
const DRAIN: Duration = Duration::from_millis(500);

impl Rim {
    pub(super) async fn start(self: Arc<Self>, attempt: AttemptId, session: SessionPlan) {
        let rules = self.inbox.look(|state, _| state.plan.rules.clone()).await.unwrap_or_default();
        if let Some(left) = earlier::left_running(&self.instance.run_dir(&attempt), &self.journal_id) {
            left.end().await;
        }
        let (aside, id) = (Arc::clone(&self), attempt.clone());
        let cleared =
            tokio::task::spawn_blocking(move || earlier::set_aside(&aside.instance, &id, &aside.journal_id)).await;
        let files = AttemptFiles::new(self.instance.run_dir(&attempt), self.instance.output_log(&attempt));
        let seen = match cleared {
            Ok(Err(e)) => Err(e),
            Ok(Ok(())) | Err(_) => files.look(),
        };
        let begun = match seen {
            Ok(seen) => seen.recorder_lives || seen.state != AttemptState::NotStarted,
            Err(e) => {
                // Better a start too few than one too many: the core asks again.
                tracing::error!(%attempt, "whether it was started before cannot be read: {e}");
                true
            }
        };
        if !begun
            && let Err(e) = self.launch(&attempt, &session).await
            && self.take_back(&attempt).await
        {
            tracing::error!(%attempt, "not started: {e:#}");
            let _ = self.inbox.tell(Event::StartFailed { attempt, why: format!("{e:#}") }).await;
            return;
        }
        self.watchers.ensure(&self, &attempt, &session, &rules);
    }

    /// Takes back what a recorder would run: tmux may carry out much later what it did not answer, and by then another
    /// attempt may run. Says whether none had begun.
    async fn take_back(&self, attempt: &AttemptId) -> bool {
        let files = AttemptFiles::new(self.instance.run_dir(attempt), self.instance.output_log(attempt));
        let spec = self.instance.run_dir(attempt).join(SPEC_FILE);
        let look = tokio::task::spawn_blocking(move || {
            // What was never written is taken back as well.
            let _ = std::fs::remove_file(spec);
            files.look().is_ok_and(|seen| !seen.recorder_lives && seen.state == AttemptState::NotStarted)
        });
        look.await.unwrap_or(false)
    }

    async fn launch(self: &Arc<Self>, attempt: &AttemptId, session: &SessionPlan) -> anyhow::Result<()> {
        worktrees::ensure(&self.inbox, session).await?;
        let run_dir = self.instance.run_dir(attempt);
        let output_cap = self.inbox.look(|state, _| state.plan.log_per_session).await?;
        let mut spec = self.spec(attempt, session, output_cap);
        let notes = notes::take(&self.inbox, attempt, &run_dir, &mut spec).await?;
        let mut launch = launch::take(&self.inbox, attempt, &run_dir, &mut spec).await?;
        launch.command(session, &self.program, &run_dir, &mut spec);
        let output = spec.output.clone();
        tokio::task::spawn_blocking({
            let run_dir = run_dir.clone();
            move || -> anyhow::Result<()> {
                use std::os::unix::fs::DirBuilderExt;
                for dir in [run_dir.as_path(), output.parent().unwrap_or(&run_dir)] {
                    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
                }
                notes.write()?;
                launch.write()?;
                Ok(spec.write(&run_dir)?)
            }
        })
        .await??;
        let text = |path: &Path| {
            path.to_str().map(str::to_owned).ok_or_else(|| anyhow::anyhow!("{} is not UTF-8", path.display()))
        };
        let argv = [text(&self.program)?, "exec".into(), "--run".into(), text(&run_dir)?];
        let start = SessionStart { name: &attempt.run.session, attempt, argv: &argv, size: SIZE };
        let first = match self.tmux().await?.start_session(&start).await {
            // The connection may have ended under the command; whether it was carried out shows on a fresh one.
            Err(e) if e.may_have_happened() => e,
            Err(e) => return Err(e.into()),
            Ok(_) => return Ok(()),
        };
        tracing::warn!(%attempt, "asking tmux again: {first}");
        self.tmux.lock().await.take();
        self.tmux().await?.start_session(&start).await?;
        Ok(())
    }

    pub(super) async fn stop(self: Arc<Self>, attempt: &AttemptId, grace: Duration) {
        let socket = self.instance.shim_socket(attempt);
        // A recorder that was just started may not have its socket yet.
        let mut pause = Duration::from_millis(5);
        let files = AttemptFiles::new(self.instance.run_dir(attempt), self.instance.output_log(attempt));
        for _ in 0..12 {
            match shim_client::stop(&socket, grace).await {
                Ok(()) => return,
                Err(e) => {
                    if matches!(
                        files.state(),
                        Ok(AttemptState::Ended { .. }
                            | AttemptState::ExecFailed { .. }
                            | AttemptState::Unfinished { .. })
                    ) {
                        return;
                    }
                    tracing::debug!(%attempt, "the recorder cannot be reached: {e}");
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
        // Its socket is lost. The pane's hang-up reaches the recorder as well; it ends the tree by its own policy.
        let part = format!("stop {attempt}");
        let what = "the recorder's socket did not answer; its tmux session was ended instead".to_owned();
        let _ = self.inbox.tell(Event::Trouble { part, what }).await;
        let wanted = attempt.to_string();
        for pane in self.panes().await.unwrap_or_default().into_iter().filter(|pane| pane.nk_run == wanted) {
            let ended = match self.tmux().await {
                Ok(tmux) => tmux.kill_session(&pane.session_id).await.map_err(anyhow::Error::from),
                Err(e) => Err(e),
            };
            if let Err(e) = ended {
                tracing::error!(%attempt, "the tmux session was not ended: {e:#}");
            }
        }
    }

    /// Kills once more what is left of an attempt that was stopped, and tells what outlives that. The recorder is let be:
    /// it records the end once there is one.
    pub(super) async fn look_for_remains(self: Arc<Self>, attempt: AttemptId) {
        let id = attempt.clone();
        let started = self.inbox.look(move |state, _| {
            state.runs.get(&id.run).and_then(|run| run.attempt(id.number)).and_then(|known| known.started.clone())
        });
        let Some(started) = started.await.ok().flatten() else { return };
        let files = AttemptFiles::new(self.instance.run_dir(&attempt), self.instance.output_log(&attempt));
        let recorder_lives = matches!(files.state(), Ok(AttemptState::Running { .. }));
        let living = if recorder_lives {
            let recorder = started.shim_pid;
            tokio::task::spawn_blocking(move || tree::descendants(recorder)).await.unwrap_or_default()
        } else {
            self.leftovers(&attempt, &started).look().await
        };
        tree::signal_all(&living, rustix::process::Signal::KILL);
        tokio::time::sleep(KILLED_WITHIN).await;
        let left = tokio::task::spawn_blocking(move || tree::remaining(&living)).await.unwrap_or_default();
        if !left.is_empty() {
            tracing::warn!(%attempt, ?left, "these outlive SIGKILL");
        }
        let _ = self.inbox.tell(Event::Remains { attempt, left }).await;
    }

    /// Types a line into a session. What cannot be typed is told: the core thinks that it was.
    pub(super) async fn nudge(&self, attempt: &AttemptId, text: &str) {
        let socket = self.instance.shim_socket(attempt);
        let typed = async {
            shim_client::input(&socket, text.as_bytes(), true).await?;
            shim_client::input(&socket, b"\r", false).await
        };
        if let Err(e) = typed.await {
            let part = format!("nudge {}", attempt.run.session);
            let _ = self.inbox.tell(Event::Trouble { part, what: format!("nothing was typed: {e}") }).await;
        }
    }

    fn spec(&self, attempt: &AttemptId, session: &SessionPlan, output_cap: Option<u64>) -> Spec {
        Spec {
            version: SPEC_VERSION,
            attempt: attempt.to_string(),
            journal: self.journal_id.clone(),
            argv: session.command.argv(),
            dir: session.dir.clone(),
            env: self.environment(attempt, session),
            size: SIZE,
            output: self.instance.output_log(attempt),
            socket: self.instance.shim_socket(attempt),
            tell: Some(self.instance.tell_socket(attempt)),
            output_cap,
            caps: session.caps,
            stop_grace_ms: u64::try_from(session.stop_grace.as_millis()).unwrap_or(u64::MAX),
            keep_on_tmux_loss: session.on_tmux_loss == OnTmuxLoss::Keep,
            drain_ms: u64::try_from(DRAIN.as_millis()).unwrap_or(500),
            answers_status: session.is_agent(),
        }
    }

    /// The complete environment of a session: what the daemon was started with, less what belongs to another terminal,
    /// plus the session's own and ours.
    pub fn environment(&self, attempt: &AttemptId, session: &SessionPlan) -> BTreeMap<String, String> {
        let mut env = self.environment.clone();
        let config = self.config.read().unwrap_or_else(PoisonError::into_inner);
        env.retain(|name, _| !config.secret_variables.contains(name));
        drop(config);
        env.extend(session.env.clone());
        env.insert("NIGHTKEEP_SESSION".into(), session.name.to_string());
        env.insert("NIGHTKEEP_NIGHT".into(), attempt.run.night.to_string());
        env.insert("NIGHTKEEP_RUN".into(), attempt.run.to_string());
        env.insert(ATTEMPT_VARIABLE.into(), attempt.to_string());
        env.insert(INSTANCE_VARIABLE.into(), self.instance.file().to_string_lossy().into_owned());
        env.insert(JOURNAL_VARIABLE.into(), self.journal_id.clone());
        env
    }

    /// What would be left of an attempt whose recorder is gone.
    pub fn leftovers(&self, attempt: &AttemptId, started: &Started) -> Leftovers {
        // Ids are used again on another boot.
        let program = (started.boot_id == clock::boot_id() && started.pid_start != 0)
            .then_some(Process { pid: started.pid, start: started.pid_start });
        Leftovers::new(earlier::marks(&attempt.to_string(), &self.journal_id), program.into_iter().collect())
    }
}
