//! What follows a time in which nobody watched: the machine slept, or the daemon stood still.
//!
//! Whatever fell due meanwhile is due at once afterwards, all of it. Retries are spread over a minute then, so that a
//! provider or a disk that is just waking up too is not run over. Starts by the clock and what a person asked for are not
//! put off.

use super::fact::Fact;
use super::ids::RunId;
use super::run::{Due, Run, RunState};
use super::turn::Turn;
use std::time::Duration;

/// A retry that is later than this was not found in time.
pub const LATE: Duration = Duration::from_secs(30);
/// Retries that were not found in time begin within so long.
pub const SPREAD: Duration = Duration::from_secs(60);
/// What a retry's reason is extended by.
const WAS_LATE: &str = "; it was due while nobody watched";

impl Turn<'_> {
    /// The machine slept, or the daemon stood still: journals it, and spreads what is overdue.
    pub(super) fn stood_still(&mut self, ms: u64, slept_ms: u64) {
        self.fact(Fact::StoodStill { ms, slept_ms });
        let overdue = self.ids(|run| self.is_overdue(run));
        for id in overdue {
            self.put_off(&id);
        }
        self.clock_due = true;
    }

    /// Whether a wait was over long ago.
    fn is_late(&self, until: &Due) -> bool {
        let boot = &self.night.boot_id;
        let by = if until.boot_id == *boot { self.at.mono.since(until.mono) } else { self.at.wall.since(until.wall) };
        until.left(self.at, boot).is_zero() && by > LATE
    }

    /// Whether a run's wait was over long ago and it is not yet known to be late: then it waits a little more, by chance.
    pub(super) fn put_off_if_late(&mut self, id: &RunId) -> bool {
        let late = self.run(id).is_some_and(|run| self.is_overdue(run));
        if late {
            self.put_off(id);
        }
        late
    }

    fn is_overdue(&self, run: &Run) -> bool {
        match &run.state {
            RunState::BackingOff { until } => self.is_late(until),
            // Behind a breaker it is that which says when, one after the other.
            RunState::Limited { until } => self.is_late(until) && self.state().held_by(run).is_none(),
            RunState::Scheduled { .. }
            | RunState::Waiting { .. }
            | RunState::Queued
            | RunState::Starting { .. }
            | RunState::Running { .. }
            | RunState::Checking { .. }
            | RunState::Held
            | RunState::Stopping { .. }
            | RunState::Ended { .. } => false,
        }
    }

    fn put_off(&mut self, id: &RunId) {
        let most = u64::try_from(SPREAD.as_millis()).unwrap_or(u64::MAX);
        let wait = Duration::from_millis(self.night.rng.u64(0..=most));
        let until = self.due(wait);
        let Some(run) = self.run(id) else { return };
        let reason = format!("{}{WAS_LATE}", run.reason.trim_end_matches(WAS_LATE));
        let limited = matches!(run.state, RunState::Limited { .. });
        let to = if limited { RunState::Limited { until } } else { RunState::BackingOff { until } };
        self.go(id, to, reason);
    }
}
