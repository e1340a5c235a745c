//! What enters the core: the world as adapters saw it, operators' wishes, timers that ran out.

use super::agent::AgentSeen;
use super::alert::AlertAct;
use super::alert::message::Outcome;
use super::exit::ExitRecord;
use super::fact::{Actor, GitBase, ProjectWork};
use super::ids::{AttemptId, NightId, ProjectName, RunId, SessionName};
use super::plan::{Plan, SessionPlan};
use super::run::{CheckResult, OutputSeen, Started};
use super::stall::Quiet;
use super::time::Wall;
use super::unkillable::Remaining;
use super::usage::Used;
use std::collections::{BTreeMap, BTreeSet};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The daemon began (first event after the journal was folded). Waits are armed again, intents are taken up. Nothing
    /// new is started before the next `PlanLoaded` or `PlanBroken`, as the plan of the journal may be an old one.
    DaemonStarted {
        /// Its process id.
        pid: u32,
        /// Its version.
        version: String,
        /// Which boot.
        boot_id: String,
    },
    /// The daemon is about to end in order; sessions run on.
    DaemonStopping {
        /// Why.
        reason: String,
    },
    /// A checked config: at the start, or after a change of the file.
    PlanLoaded {
        /// It.
        plan: Box<Plan>,
    },
    /// The changed file is broken.
    PlanBroken {
        /// The first problem, with file and line.
        problem: String,
    },
    /// `up`: open the night and queue these sessions (empty: all) with those they come after. On an open night only what
    /// has no run yet or did not finish; a closed night that is opened again runs everything once more.
    Up {
        /// The night for the current local date.
        night: NightId,
        /// Which sessions; empty means all that are not disabled.
        sessions: Vec<SessionName>,
        /// Start now, whatever their start time is.
        now: bool,
        /// Who.
        by: Actor,
    },
    /// Open the night without queueing anything: for `add` and second chances when none is open.
    OpenNight {
        /// The night for the current local date.
        night: NightId,
        /// Who.
        by: Actor,
    },
    /// An operator did something that decides nothing, such as typing into a session; it is only journaled.
    Acted {
        /// The verb.
        verb: String,
        /// What it was meant for.
        target: String,
        /// Who.
        by: Actor,
        /// What came of it, as in [`Fact::OperatorActed`](super::fact::Fact::OperatorActed).
        result: String,
    },
    /// `down`: end the night.
    Down {
        /// Do not wait for the grace.
        now: bool,
        /// Who.
        by: Actor,
    },
    /// An operator's verb on one session.
    Operator {
        /// Which verb.
        verb: Verb,
        /// Which session.
        session: SessionName,
        /// Who.
        by: Actor,
    },
    /// `add`: a session that stands in no file.
    Add {
        /// Its checked plan.
        session: Box<SessionPlan>,
        /// Who.
        by: Actor,
    },
    /// `dead retry`: a second chance for a dead letter.
    Redrive {
        /// Which run.
        run: RunId,
        /// Who.
        by: Actor,
    },
    /// `schedule`: a session starts at this time and not before.
    Schedule {
        /// Which session.
        session: SessionName,
        /// When.
        when: When,
        /// Who.
        by: Actor,
    },
    /// The recorder says that the program runs.
    Started {
        /// Which attempt.
        attempt: AttemptId,
        /// The recorder's word.
        started: Started,
    },
    /// The output of an attempt told something new.
    Output {
        /// Which attempt.
        attempt: AttemptId,
        /// All that is known of it so far.
        output: Box<OutputSeen>,
    },
    /// An attempt ended, or was found to be gone. When the certificate shows a hang-up, the rim looks at the tmux server
    /// first and tells `TmuxLost` before this if it is gone: that is how a lost server is told from a killed session.
    Ended {
        /// Which attempt.
        attempt: AttemptId,
        /// Its death certificate.
        exit: ExitRecord,
        /// All that is known of its output.
        output: Box<OutputSeen>,
    },
    /// A start could not be performed (tmux refused, the disk is full); the program never ran.
    StartFailed {
        /// Which attempt.
        attempt: AttemptId,
        /// Why.
        why: String,
    },
    /// The checks of an attempt are through.
    Checked {
        /// Which attempt.
        attempt: AttemptId,
        /// The rim's results, one for each of [`for_rim`](super::success::for_rim), with the same texts.
        results: Vec<CheckResult>,
    },
    /// A wait ran out.
    Timer {
        /// Which.
        timer: Timer,
        /// The epoch it was armed in.
        epoch: u64,
    },
    /// A reconcile pass is through: these attempts have a living recorder. Whatever else the core believes alive was
    /// reported before by `Started`, `Ended` or is still being started. The rim also looks at those that were
    /// [given up](super::state::State::given_up).
    Reconciled {
        /// Attempts whose recorder lives.
        alive: BTreeSet<AttemptId>,
    },
    /// A tmux server was started.
    TmuxStarted {
        /// Its process id.
        pid: u32,
    },
    /// The tmux server is gone.
    TmuxLost {
        /// What was seen.
        why: String,
    },
    /// Where a project's repository stands as the night begins.
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
    /// Something could not be read, written or sent.
    Trouble {
        /// Which part.
        part: String,
        /// What happened.
        what: String,
    },
    /// A clean-up is about to begin, or is over.
    Cleaned {
        /// It.
        clean: Box<super::retention::Clean>,
    },
    /// Somebody does something about an alert.
    AlertAct {
        /// Its id: `a7`.
        alert: String,
        /// What.
        act: AlertAct,
        /// Who.
        by: Actor,
    },
    /// A try to send a message is through.
    Sent {
        /// The message's key.
        key: String,
        /// What came of it.
        outcome: Outcome,
    },
    /// A running program was looked at, on the slow timer.
    Sampled {
        /// Which attempt.
        attempt: AttemptId,
        /// How it stands; `None` when its plan knows no limit.
        quiet: Option<Quiet>,
        /// The times that the deadlines of its metrics stand for.
        deadlines: BTreeMap<String, Wall>,
    },
    /// Something guarded was looked at, or used: `disk`, `memory`, `journal`, `git:PROJECT`, `notifier:CHANNEL`.
    Sensed {
        /// Which, as `guard.rs` names it.
        key: String,
        /// What was seen.
        seen: Seen,
    },
    /// The daemon before this one crashed by itself.
    DaemonCrashed {
        /// What is known of it.
        what: String,
    },
    /// `note`: the operator wants a session to know something.
    Note {
        /// Which session.
        session: SessionName,
        /// What.
        text: String,
        /// Who.
        by: Actor,
    },
    /// `note --done`: a note is settled.
    NoteDone {
        /// Its id: `n3`.
        note: String,
        /// Who.
        by: Actor,
    },
    /// Nobody watched for a while: the machine slept, or the daemon stood still.
    StoodStill {
        /// How long, in milliseconds.
        ms: u64,
        /// For how much of it the machine slept.
        slept_ms: u64,
    },
    /// It was looked what is left of an attempt that was killed; nothing when all is gone.
    Remains {
        /// Which attempt.
        attempt: AttemptId,
        /// What lives on.
        left: Vec<Remaining>,
    },
    /// Something was collected for the report.
    Evidence {
        /// It.
        evidence: super::evidence::Evidence,
    },
    /// The screen of an attempt was looked at for a question: when one comes, when it stands still, when it is gone.
    Prompted {
        /// Which attempt.
        attempt: AttemptId,
        /// What it asks; `None` when it is known that it asks nothing.
        asked: Option<Box<super::ticket::Asked>>,
    },
    /// `answer`: a person answers what a session asks.
    Answer {
        /// Which session.
        session: SessionName,
        /// A number, a key, a word, or a text for a question.
        said: String,
        /// The ticket they saw: `t3`.
        ticket: Option<String>,
        /// Who.
        by: Actor,
    },
    /// What came of typing an answer.
    AnswerTyped {
        /// For which ticket.
        ticket: u64,
        /// What was typed, a key or text each.
        typed: Vec<String>,
        /// What came of it.
        outcome: super::ticket::Typed,
    },
    /// The report of a night was made, and is about to be written.
    ReportReady {
        /// Which night.
        night: NightId,
        /// What it says in short.
        digest: Box<super::delivery::Digest>,
    },
    /// A transcript told what an attempt used: all of it so far.
    Used {
        /// Which attempt.
        attempt: AttemptId,
        /// What.
        used: Box<Used>,
    },
    /// The agent of an attempt was seen to keep its conversation, so that it can be gone on with.
    ConversationKept {
        /// Which attempt.
        attempt: AttemptId,
        /// The conversation's id; `None` for an agent that gives it none.
        id: Option<String>,
    },
    /// Something is to be typed at the first rest of an attempt, as its agent could not be started with it.
    Say {
        /// Which attempt.
        attempt: AttemptId,
        /// What.
        text: String,
    },
    /// An agent stands at its empty composer and nobody types: asked for by `AwaitRest`.
    Rests {
        /// Which attempt.
        attempt: AttemptId,
    },
    /// What came of typing a draft.
    DraftTyped {
        /// Its number.
        draft: u64,
        /// What was typed, a key or text each.
        typed: Vec<String>,
        /// What came of it.
        outcome: super::ticket::Typed,
    },
    /// The coding agent in an attempt does something else now.
    AgentSeen {
        /// Which attempt.
        attempt: AttemptId,
        /// How many bytes of its output have come.
        bytes: u64,
        /// What it does.
        seen: Box<AgentSeen>,
    },
    /// How often the agent of an attempt asks its model, and what comes of it.
    Paced {
        /// Which attempt.
        attempt: AttemptId,
        /// It.
        pace: Box<super::runaway::Pace>,
    },
}

/// What was seen of a guarded thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// How much of it is left, in bytes.
    Level {
        /// Free bytes.
        free: u64,
        /// All bytes.
        total: u64,
    },
    /// It failed.
    Failed {
        /// Why.
        why: String,
    },
    /// It did what it should.
    Worked,
}

/// A time that an operator names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// So many seconds from now.
    InSeconds(u32),
    /// The next time the clock shows this, in minutes since midnight.
    Clock(u16),
    /// This moment, in milliseconds since 1970 UTC.
    AtMs(i64),
}

/// What an operator can do with a session. All are idempotent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Queue it now: a new run if the last one ended, at once if it waits.
    Start,
    /// End it for this night.
    Stop,
    /// Stop it if it runs, then start it again; counts no attempt.
    Restart,
    /// Keep it from starting; a running one is let be.
    Hold,
    /// Undo `hold`.
    Release,
    /// End the run without running it, as `skipped`.
    Skip,
}

impl Verb {
    /// The word for it on the command line and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Hold => "hold",
            Self::Release => "release",
            Self::Skip => "skip",
        }
    }
}

/// A wait of the core.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// The back-off or limit of a run is over.
    RunDue(RunId),
    /// An attempt reached its `timeout`.
    AttemptTimeout(AttemptId),
    /// An attempt that was started has not shown up.
    StartOverdue(AttemptId),
    /// The rest of a paced batch of starts.
    Pacing,
    /// An alert changes, or is to be told, by time alone.
    Alerts,
    /// Something of the calendar may be due: the night, its end, a deadline. It has no epoch; the clock is looked at.
    Calendar,
    /// The wait of a breaker is over.
    Breaker(String),
    /// A stop should be through.
    StopOverdue(AttemptId),
}
