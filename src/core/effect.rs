//! What leaves the core: small deeds for the rim, each harmless when done twice.

use super::event::Timer;
use super::ids::{AttemptId, NightId, ProjectName};
use super::plan::SessionPlan;
use std::path::PathBuf;
use std::time::Duration;

/// One deed. Performed only after the facts of the same step are in the journal.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Start the attempt, unless its run directory shows that it was started before.
    Start {
        /// Which attempt.
        attempt: AttemptId,
        /// What to run.
        session: Box<SessionPlan>,
    },
    /// Stop the attempt's whole process tree: hang-up or interrupt, `SIGTERM`, `SIGKILL` within the grace.
    Stop {
        /// Which attempt.
        attempt: AttemptId,
        /// From the first request to the last kill.
        grace: Duration,
    },
    /// Evaluate `require`, `forbid` and `verify`, then report `Checked`.
    Check {
        /// Which attempt.
        attempt: AttemptId,
        /// The session's plan.
        session: Box<SessionPlan>,
    },
    /// Report `Timer` after this long on the monotonic clock. Arming the same timer again replaces it.
    Arm {
        /// Which.
        timer: Timer,
        /// Comes back with it.
        epoch: u64,
        /// How long.
        after: Duration,
    },
    /// Note where a project's repository stands, then report `ProjectBase`.
    NoteBase {
        /// Which project.
        project: ProjectName,
        /// Its directory.
        dir: PathBuf,
    },
    /// Collect what the repositories show, write the night's report, then report `ProjectSeen`s and `ReportWritten`.
    WriteReport {
        /// Which night.
        night: NightId,
    },
    /// The night is closed and everything stopped: the daemon may end.
    NightOver {
        /// Which night.
        night: NightId,
    },
}
