//! What leaves the core: small deeds for the rim, each harmless when done twice.

use super::alert::message::Message;
use super::event::Timer;
use super::ids::{AttemptId, NightId, ProjectName};
use super::plan::SessionPlan;
use std::path::PathBuf;
use std::time::Duration;

/// One deed. Performed only after the facts of the same step are in the journal.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Start the attempt, unless its run directory shows that it was started before: then say what it shows (`Started`,
    /// `Ended`). A start that could not be performed is told by `StartFailed`, and only if no program runs.
    Start {
        /// Which attempt.
        attempt: AttemptId,
        /// What to run.
        session: Box<SessionPlan>,
    },
    /// Stop the attempt's whole process tree: hang-up or interrupt, `SIGTERM`, `SIGKILL` within the grace. To be
    /// performed after a start of the same attempt that is under way. A later stop with a shorter grace shortens it. If
    /// the attempt has ended, say so (`Ended`); if there is no trace that it was ever started, say `StartFailed`.
    Stop {
        /// Which attempt.
        attempt: AttemptId,
        /// From the first request to the last kill.
        grace: Duration,
    },
    /// Evaluate what [`for_rim`](super::success::for_rim) names, then report `Checked` with one result each. Metrics and
    /// `regex:` are not the rim's.
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
    /// Collect what the repositories show, write the night's report, then report `ProjectSeen`s and `ReportWritten`. The
    /// night may not be the open one.
    WriteReport {
        /// Which night.
        night: NightId,
    },
    /// The night is closed and everything stopped: the daemon may end once the report that was asked for is written.
    NightOver {
        /// Which night.
        night: NightId,
    },
    /// Send a message on its channel, then report `Sent`. It may have been sent before, with the same key.
    Send {
        /// It.
        message: Box<Message>,
    },
    /// Type a line into a session that seems to be stuck. Not asked for again: whether it helped shows by itself.
    Nudge {
        /// Which attempt.
        attempt: AttemptId,
        /// The line.
        text: String,
    },
    /// Look what is left of an attempt that was stopped and should be gone, then report `Remains`.
    LookForRemains {
        /// Which attempt.
        attempt: AttemptId,
    },
    /// Type an answer, if its question still stands on the screen, and see that it is taken; then report `AnswerTyped`,
    /// and what is asked now by `Prompted`.
    Answer {
        /// For which ticket.
        ticket: u64,
        /// Which attempt.
        attempt: AttemptId,
        /// What makes the question the same, as [`mark`](super::ticket::mark).
        mark: String,
        /// What is said.
        say: super::ticket::Say,
        /// When it was decided: what the recorder typed later may be this.
        since: super::time::Mono,
        /// A daemon before this one may have typed it already.
        again: bool,
    },
    /// Wait until the agent of an attempt stands at its empty composer and nobody types, then report `Rests`, once. One
    /// wait for each attempt; it is over with the attempt.
    AwaitRest {
        /// Which attempt.
        attempt: AttemptId,
        /// Not before so long.
        after: Duration,
    },
    /// Type a draft into the composer of an agent that still rests, send it off, and see that it is taken; then report
    /// `DraftTyped`.
    TypeDraft {
        /// Its number.
        draft: u64,
        /// Which attempt.
        attempt: AttemptId,
        /// It.
        text: String,
        /// When it was decided: what the recorder typed later may be this.
        since: super::time::Mono,
        /// A daemon before this one may have typed it already.
        again: bool,
    },
}
