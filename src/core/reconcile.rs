//! Taking up the work: after a start of the daemon, and at every pass over what really lives.

use super::effect::Effect;
use super::exit::ExitRecord;
use super::fact::Fact;
use super::ids::{AttemptId, RunId};
use super::run::{Due, RunState};
use super::turn::Turn;
use std::collections::BTreeSet;
use std::time::Duration;

/// A stop that is not through this long after its grace is asked for again.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

impl Turn<'_> {
    /// A daemon begins its work on the folded state: every wait is armed with what is left of it, every intent whose
    /// deed may not have been done is asked for again. All deeds are harmless when done twice.
    pub(super) fn daemon_started(&mut self, pid: u32, version: String, boot_id: String) {
        let same_boot = self.state().daemon.as_ref().is_some_and(|before| before.boot_id == boot_id);
        let unwatched = self.state().last.map_or(Duration::ZERO, |last| {
            if same_boot { self.at.mono.since(last.mono) } else { self.at.wall.since(last.wall) }
        });
        self.night.boot_id.clone_from(&boot_id);
        self.night.awaits_plan = true;
        let unwatched_ms = u64::try_from(unwatched.as_millis()).unwrap_or(u64::MAX);
        self.fact(Fact::DaemonStarted { pid, version, boot_id, unwatched_ms });
        for id in self.ids(|run| !run.state.is_ended()) {
            if !self.put_off_if_late(&id) && !self.rebase(&id) {
                self.arm(&id);
            }
            let Some(state) = self.run(&id).map(|run| run.state.clone()) else { continue };
            match state {
                RunState::Starting { attempt } => self.ask_start(&attempt),
                RunState::Checking { attempt } => self.ask_check(&attempt),
                RunState::Stopping { attempt, .. } => self.ask_stop(&attempt, None),
                RunState::Scheduled { .. }
                | RunState::Waiting { .. }
                | RunState::Queued
                | RunState::Running { .. }
                | RunState::BackingOff { .. }
                | RunState::Limited { .. }
                | RunState::Held
                | RunState::Ended { .. } => {}
            }
        }
        self.take_up_breakers();
        self.take_up_answers();
        self.take_up_drafts();
        self.note_bases();
        let Some(night) = &self.state().night else { return };
        let (id, closed, reported) = (night.id.clone(), night.closed.is_some(), night.reported);
        if closed && !reported {
            self.effect(Effect::WriteReport { night: id });
        } else if !reported && !self.state().closing() {
            self.report_if_settled();
        }
    }

    /// Counts a wait that began before a reboot on the new boot's clock. Without that it would hang on the wall clock, and
    /// one that was set back could make it last for ever. Says whether it did, and so armed the wait.
    fn rebase(&mut self, id: &RunId) -> bool {
        let Some(run) = self.run(id) else { return false };
        let (until, limited) = match &run.state {
            RunState::BackingOff { until } => (until, false),
            RunState::Limited { until } => (until, true),
            RunState::Scheduled { .. }
            | RunState::Waiting { .. }
            | RunState::Queued
            | RunState::Starting { .. }
            | RunState::Running { .. }
            | RunState::Checking { .. }
            | RunState::Held
            | RunState::Stopping { .. }
            | RunState::Ended { .. } => return false,
        };
        // Where boots have no id, every start of the daemon may be on another one.
        let old = until.boot_id != self.night.boot_id || self.night.boot_id.is_empty();
        if old {
            let left = until.left_by_wall(self.at);
            let until = Due { delay: until.delay, ..self.due(left) };
            let reason = run.reason.clone();
            let to = if limited { RunState::Limited { until } } else { RunState::BackingOff { until } };
            self.go(id, to, reason);
        }
        old
    }

    /// A pass over what really lives is through.
    pub(super) fn reconciled(&mut self, alive: &BTreeSet<AttemptId>) {
        for id in alive {
            let ghost = self.run(&id.run).and_then(|run| run.attempt(id.number)).and_then(|a| a.exit.as_ref());
            if ghost.is_some_and(ExitRecord::is_guess) {
                self.stop_ghost(id);
            }
        }
        for id in self.ids(|run| matches!(run.state, RunState::Stopping { .. })) {
            let Some(run) = self.run(&id) else { continue };
            let Some(attempt) = run.state.live_attempt().cloned() else { continue };
            let patience = self.grace(&id) + STOP_PATIENCE;
            if alive.contains(&attempt) && self.at.mono.since(run.since.mono) > patience {
                self.ask_stop(&attempt, None);
            }
        }
    }
}
