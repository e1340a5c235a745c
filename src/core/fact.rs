//! What the journal holds: facts, each complete in itself, so that state is a fold over them.
//!
//! The serialized form is a file format: fields are only ever added, with a default.

use super::agent::AgentSeen;
use super::alert::message::Message;
use super::alert::{Alert, Settled};
use super::breaker::Breaker;
use super::evidence::{Document, FilesSeen, NightSummary, Review, Told};
use super::exit::{ExitRecord, Verdict};
use super::finding::Finding;
use super::ids::{AttemptId, NightId, ProjectName, RunId};
use super::limit::RunLimit;
use super::plan::{Plan, SessionPlan};
use super::progress::LastNights;
use super::run::{CheckResult, OutputSeen, RunState, Started};
use super::time::{At, Wall};
use super::usage::Used;
use serde::{Deserialize, Serialize};

/// A fact with the time it was journaled for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When.
    pub at: At,
    /// What.
    pub fact: Fact,
}

/// Who asked for something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// `uid 1000 (anna), pid 4242` for a person at the socket, `nightkeep` for the daemon itself.
    pub who: String,
    /// The reason they gave.
    pub reason: Option<String>,
}

/// What is known to have happened, or to be intended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// A daemon began its work.
    DaemonStarted {
        /// Its process id.
        pid: u32,
        /// Its version.
        version: String,
        /// Which boot.
        boot_id: String,
        /// Time since the journal's last fact during which nobody watched; 0 at the first start.
        unwatched_ms: u64,
    },
    /// A daemon ended in order.
    DaemonStopped {
        /// Why.
        reason: String,
    },
    /// A config came into force.
    PlanAdopted {
        /// The checked file.
        plan: Box<Plan>,
        /// What changed against the one before, a line each.
        changes: Vec<String>,
    },
    /// A changed file was not taken: the old plan stays.
    PlanRejected {
        /// The first problem, with file and line.
        problem: String,
    },
    /// A session that stands in no file.
    SessionAdded {
        /// Its plan.
        session: Box<SessionPlan>,
        /// Who added it.
        by: Actor,
    },
    /// A night began, or was opened again on the same date.
    NightOpened {
        /// Its id.
        night: NightId,
        /// Who opened it.
        by: Actor,
    },
    /// The night is about to end: nothing starts any more, what runs is being stopped.
    NightClosing {
        /// Its id.
        night: NightId,
        /// Why.
        reason: String,
        /// It ends by the clock, and the next one begins by itself: the daemon stays.
        #[serde(default)]
        stays: bool,
    },
    /// The night ended.
    NightClosed {
        /// Its id.
        night: NightId,
        /// Why.
        reason: String,
    },
    /// A run came to be.
    RunCreated {
        /// Its id.
        run: RunId,
        /// Where it stands at first.
        state: RunState,
        /// Why, in words.
        reason: String,
        /// The dead letter it is the second chance of.
        redriven_from: Option<RunId>,
    },
    /// A run changed its state.
    RunMoved {
        /// Which run.
        run: RunId,
        /// The new state.
        to: RunState,
        /// Why, in words.
        reason: String,
    },
    /// The run's attempt counter was set, by progress or by the operator.
    CounterReset {
        /// Which run.
        run: RunId,
        /// Why.
        reason: String,
    },
    /// The operator holds a run back, or lets it go.
    HoldSet {
        /// Which run.
        run: RunId,
        /// Held or not.
        held: bool,
    },
    /// A session of the run was taken out of the file; the run goes on.
    RunOrphaned {
        /// Which run.
        run: RunId,
    },
    /// An attempt is about to be started. Journaled before the effect.
    AttemptIntended {
        /// Which attempt.
        attempt: AttemptId,
    },
    /// The recorder says the program runs.
    AttemptStarted {
        /// Which attempt.
        attempt: AttemptId,
        /// The recorder's word.
        started: Started,
    },
    /// An attempt is about to be stopped. Journaled before the effect.
    StopIntended {
        /// Which attempt.
        attempt: AttemptId,
        /// Why, in words.
        reason: String,
    },
    /// What the output told since the last such fact; the whole of it, not a difference.
    OutputObserved {
        /// Which attempt.
        attempt: AttemptId,
        /// All that is known of its output.
        output: Box<OutputSeen>,
    },
    /// An attempt ended. Exactly one per attempt.
    AttemptEnded {
        /// Which attempt.
        attempt: AttemptId,
        /// Its death certificate.
        exit: ExitRecord,
        /// The failure class, unless the end was good.
        verdict: Option<Verdict>,
        /// Whether the verdict takes one of `max_attempts`.
        counted: bool,
    },
    /// `require`, `forbid` and `verify` were checked.
    ChecksDone {
        /// Which attempt.
        attempt: AttemptId,
        /// Results in the order of the file.
        results: Vec<CheckResult>,
    },
    /// An operator did something, or tried to.
    OperatorActed {
        /// The verb: `stop`, `hold`, `send`, ...
        verb: String,
        /// What it was meant for.
        target: String,
        /// Who.
        by: Actor,
        /// `done` or `done: what exactly`; anything else is why it was refused. See [`Fact::is_done`].
        result: String,
    },
    /// The tmux server was started.
    TmuxStarted {
        /// Its process id.
        pid: u32,
    },
    /// The tmux server is gone.
    TmuxLost {
        /// What was seen.
        why: String,
    },
    /// Where a project's repository stood when the night began.
    ProjectBase {
        /// Which project.
        project: ProjectName,
        /// Its state.
        git: GitBase,
    },
    /// What a project's repository shows of the night.
    ProjectSeen {
        /// Which project.
        project: ProjectName,
        /// The evidence.
        work: ProjectWork,
    },
    /// The report was written.
    ReportWritten {
        /// Which night.
        night: NightId,
        /// Its files.
        files: Vec<String>,
    },
    /// The wall clock jumped against the monotonic one.
    ClockJumped {
        /// By how much, in milliseconds; negative is backwards.
        by_ms: i64,
    },
    /// Something could not be read, written or sent. It stands in the report.
    Trouble {
        /// Which part: `tmux`, `git glacier-backend`, `output load`, ...
        part: String,
        /// What happened and what was done about it.
        what: String,
    },
    /// A clean-up is about to begin, or is over.
    Cleaned {
        /// It.
        clean: Box<super::retention::Clean>,
    },
    /// An alert came up, changed, or is over; the whole of it, not a difference.
    AlertMoved {
        /// It.
        alert: Box<Alert>,
        /// Why, in words.
        why: String,
    },
    /// A message is about to be sent. Journaled before the effect.
    MessageQueued {
        /// It.
        message: Box<Message>,
        /// The numbers of the alerts it tells of.
        alerts: Vec<u64>,
    },
    /// What became of a try to send a message.
    MessageSettled {
        /// Its key.
        key: String,
        /// What.
        then: Settled,
    },
    /// The night of the calendar has begun: by itself, or as one that was open already.
    WindowBegan {
        /// The date it begins on.
        night: NightId,
    },
    /// When the open night will end by itself.
    NightEnds {
        /// Its id.
        night: NightId,
        /// When; `None` is with `down`.
        at: Option<Wall>,
    },
    /// By when a run must be done.
    DeadlineSet {
        /// Which run.
        run: RunId,
        /// When; `None` is no longer at all.
        at: Option<Wall>,
    },
    /// Something was found about a run, something was done about it, or it is over: the whole of it, not a difference.
    Finding {
        /// Which run.
        run: RunId,
        /// It.
        finding: Box<Finding>,
    },
    /// What the sessions came to in older nights, told as a night begins.
    LastNights {
        /// By session.
        nights: LastNights,
    },
    /// A breaker changed; the whole of it, not a difference.
    BreakerMoved {
        /// What it guards: `provider:anthropic`, `disk`, ...
        key: String,
        /// How it stands now.
        to: Box<Breaker>,
    },
    /// A project was parked, or is so no longer.
    ProjectParked {
        /// Which.
        project: ProjectName,
        /// Parked or not.
        parked: bool,
        /// Why, in words.
        why: String,
    },
    /// A daemon crashed by itself.
    DaemonCrashed {
        /// What is known of it.
        what: String,
    },
    /// The daemon starts nothing any more, or does so again.
    SafeMode {
        /// Whether it is in safe mode.
        on: bool,
        /// Why, in words.
        why: String,
    },
    /// A note to a session was written, or is settled; the whole of it, not a difference.
    NoteMoved {
        /// It.
        note: Box<super::note::Note>,
    },
    /// Nobody watched until now: the machine slept, or the daemon stood still.
    StoodStill {
        /// How long, in milliseconds.
        ms: u64,
        /// For how much of it the machine slept.
        slept_ms: u64,
    },
    /// A run met a usage limit, or what is known of its limits changed: the whole of it, not a difference.
    LimitMet {
        /// Which run.
        run: RunId,
        /// It.
        limit: Box<RunLimit>,
    },
    /// A document of a project was read.
    DocumentRead {
        /// It.
        document: Box<Document>,
    },
    /// What became of a project's files since the night began; the whole of it, not a difference.
    FilesSeen {
        /// Which project.
        project: ProjectName,
        /// They.
        files: Box<FilesSeen>,
    },
    /// A session said something of its own work.
    Told {
        /// The attempt that said it.
        attempt: AttemptId,
        /// What.
        told: Box<Told>,
    },
    /// A person looked at an artifact.
    Reviewed {
        /// What they made of it.
        review: Box<Review>,
    },
    /// What a night came to in short, as its report was written.
    NightSummed {
        /// It.
        summary: Box<NightSummary>,
    },
    /// An agent asks something, it was answered, or it is over; the whole of it, not a difference. Journaled before
    /// anything is typed.
    TicketMoved {
        /// It.
        ticket: Box<super::ticket::Ticket>,
        /// Why, in words.
        why: String,
    },
    /// A summarizer of the user's worded what a night came to.
    Worded {
        /// Which night.
        night: NightId,
        /// Its words: lines, made harmless, secrets made unreadable.
        text: String,
        /// The command that worded it.
        by: String,
    },
    /// What an attempt used by what its agent's transcript tells so far; the whole of it, not a difference.
    AttemptUsed {
        /// Which attempt.
        attempt: AttemptId,
        /// What.
        used: Box<Used>,
    },
    /// Which conversation of its agent an attempt has; the whole of what is known of it.
    Conversation {
        /// Which attempt.
        attempt: AttemptId,
        /// It.
        conversation: Box<super::conversation::Conversation>,
    },
    /// The coding agent in an attempt does something else now.
    AgentMoved {
        /// Which attempt.
        attempt: AttemptId,
        /// How many bytes of its output had come by then.
        #[serde(default)]
        bytes: u64,
        /// What it does, and why one thinks so.
        seen: Box<AgentSeen>,
    },
    /// A text is to be typed into an agent, is typed, or it is over; the whole of it, not a difference. Journaled before
    /// anything is typed.
    DraftMoved {
        /// It.
        draft: Box<super::draft::Draft>,
        /// Why, in words.
        why: String,
    },
}

impl Fact {
    /// The run the fact is about, if it is about one.
    pub fn run(&self) -> Option<&RunId> {
        match self {
            Self::RunCreated { run, .. }
            | Self::RunMoved { run, .. }
            | Self::CounterReset { run, .. }
            | Self::HoldSet { run, .. }
            | Self::RunOrphaned { run }
            | Self::DeadlineSet { run, .. }
            | Self::Finding { run, .. }
            | Self::LimitMet { run, .. } => Some(run),
            Self::AttemptIntended { attempt }
            | Self::AttemptStarted { attempt, .. }
            | Self::StopIntended { attempt, .. }
            | Self::OutputObserved { attempt, .. }
            | Self::AttemptEnded { attempt, .. }
            | Self::ChecksDone { attempt, .. }
            | Self::Told { attempt, .. }
            | Self::AttemptUsed { attempt, .. }
            | Self::Conversation { attempt, .. }
            | Self::AgentMoved { attempt, .. } => Some(&attempt.run),
            Self::TicketMoved { ticket, .. } => Some(&ticket.attempt.run),
            Self::DraftMoved { draft, .. } => Some(&draft.attempt.run),
            Self::DaemonStarted { .. }
            | Self::DaemonStopped { .. }
            | Self::PlanAdopted { .. }
            | Self::PlanRejected { .. }
            | Self::SessionAdded { .. }
            | Self::NightOpened { .. }
            | Self::NightClosing { .. }
            | Self::NightClosed { .. }
            | Self::OperatorActed { .. }
            | Self::TmuxStarted { .. }
            | Self::TmuxLost { .. }
            | Self::ProjectBase { .. }
            | Self::ProjectSeen { .. }
            | Self::ReportWritten { .. }
            | Self::ClockJumped { .. }
            | Self::LastNights { .. }
            | Self::Trouble { .. }
            | Self::Cleaned { .. }
            | Self::AlertMoved { .. }
            | Self::MessageQueued { .. }
            | Self::MessageSettled { .. }
            | Self::WindowBegan { .. }
            | Self::NightEnds { .. }
            | Self::BreakerMoved { .. }
            | Self::ProjectParked { .. }
            | Self::DaemonCrashed { .. }
            | Self::StoodStill { .. }
            | Self::SafeMode { .. }
            | Self::NoteMoved { .. }
            | Self::DocumentRead { .. }
            | Self::FilesSeen { .. }
            | Self::Reviewed { .. }
            | Self::NightSummed { .. }
            | Self::Worded { .. } => None,
        }
    }
    /// The night the fact belongs to by what it says itself: that of its run, or the one it is about.
    pub fn night(&self) -> Option<&NightId> {
        if let Self::NightOpened { night, .. }
        | Self::NightClosing { night, .. }
        | Self::NightClosed { night, .. }
        | Self::ReportWritten { night, .. }
        | Self::NightEnds { night, .. }
        | Self::Worded { night, .. } = self
        {
            return Some(night);
        }
        if let Self::Reviewed { review } = self {
            return Some(&review.night);
        }
        self.run().map(|run| &run.night)
    }
    /// Whether the result of an `OperatorActed` says that the wish was granted.
    pub fn is_done(result: &str) -> bool {
        result == "done" || result.starts_with("done: ")
    }
}

/// Where a repository stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum GitBase {
    /// `HEAD` pointed at this commit.
    At {
        /// Full hash.
        head: String,
        /// Branch, or `None` when detached.
        branch: Option<String>,
    },
    /// A repository without a commit yet.
    Unborn,
    /// Not a git repository.
    None,
    /// Could not be read.
    Failed {
        /// Why.
        why: String,
    },
}

/// What a repository shows of the night.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectWork {
    /// Commits since the base, newest first, at most 200.
    pub commits: Vec<Commit>,
    /// How many there are in all.
    pub commit_count: u64,
    /// Whether the base is no longer an ancestor of `HEAD` (history was rewritten).
    pub rewritten: bool,
    /// Files changed by those commits, at most 500, and what stands uncommitted.
    pub files: Vec<FileChange>,
    /// How many there are in all.
    pub file_count: u64,
    /// Uncommitted changes, untracked files included.
    pub dirty_count: u64,
    /// What could not be read.
    pub problem: Option<String>,
    /// What happened in further work trees of the repository, at most 20.
    #[serde(default)]
    pub worktrees: Vec<WorktreeWork>,
    /// Submodules that stand at another commit than at the base.
    #[serde(default)]
    pub submodules: Vec<SubmoduleWork>,
}

/// What a further work tree of a project's repository shows of the night.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorktreeWork {
    /// Where it stands: below the project's folder, else whole; made harmless.
    pub path: String,
    /// Its branch; `None` when detached.
    #[serde(default)]
    pub branch: Option<String>,
    /// Commits of the night that the project's own work tree does not have, newest first, at most 50.
    pub commits: Vec<Commit>,
    /// How many there are in all, as far as 200.
    pub commit_count: u64,
    /// Uncommitted changes, untracked files included.
    pub dirty_count: u64,
    /// What could not be read.
    #[serde(default)]
    pub problem: Option<String>,
}

/// A submodule that stands at another commit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmoduleWork {
    /// Path in the repository, made harmless.
    pub path: String,
    /// The commit it stood at; `None` when it is new, or not committed.
    #[serde(default)]
    pub from: Option<String>,
    /// The commit it stands at; `None` when it is gone, or not committed.
    #[serde(default)]
    pub to: Option<String>,
    /// Whether that is committed in the repository.
    pub committed: bool,
    /// By how many commits it went on, where it is there to be asked.
    #[serde(default)]
    pub commit_count: Option<u64>,
}

/// One commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Full hash.
    pub hash: String,
    /// Author's name, made harmless.
    pub author: String,
    /// Commit time in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// First line of the message, made harmless.
    pub subject: String,
}

/// One changed file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// Path in the repository, made harmless.
    pub path: String,
    /// Lines added; `None` for a binary file.
    pub added: Option<u64>,
    /// Lines removed; `None` for a binary file.
    pub removed: Option<u64>,
    /// Whether it is committed, or only in the work tree.
    pub committed: bool,
}
