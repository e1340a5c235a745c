//! A night by session: what each did when, without a hole and without an overlap, and what happened on the way.
//!
//! A [`Timeline`] is made fact by fact ([`Timeline::apply`]) and can be written down in between: whoever has one goes on
//! with the facts after its [`Timeline::seq`]. Its axis is time as it passed, in milliseconds since the night began: a
//! wall clock that jumps moves nothing on it. [`Timeline::wall`] gives the time of day of a place on it.

use super::passage::{Elapsed, Passage, Shade, Use};
use crate::core::run::RunState;
use crate::core::time::Wall;
use crate::protocol::SCHEMA;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Most stretches of a session; of more the shortest are put together.
pub const SPANS_MAX: usize = 600;
/// Most marks of a session, and of the night itself.
pub const MARKS_MAX: usize = 300;
/// Most gaps, and most jumps of the clock, that are kept apart.
pub const GAPS_MAX: usize = 200;
/// Most characters of a text in it.
pub const TEXT_MAX: usize = 200;

/// What a session does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Doing {
    /// Its program runs.
    Working,
    /// Its program runs, but nothing shows that it works.
    Stalled,
    /// Its program ended well; its checks run.
    Checking,
    /// Its program is being stopped.
    Stopping,
    /// It waits before a retry.
    BackingOff,
    /// It waits for a usage limit or a provider.
    Limited,
    /// The operator holds it back: it waits for a person.
    Held,
    /// It waits for its time, for another session, or for a slot.
    Waiting,
    /// Nothing could go on: no daemon ran.
    Down,
}

impl Doing {
    /// All of them, in the order of a legend.
    pub const ALL: [Self; 9] = [
        Self::Working,
        Self::Stalled,
        Self::Checking,
        Self::Stopping,
        Self::BackingOff,
        Self::Limited,
        Self::Held,
        Self::Waiting,
        Self::Down,
    ];
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::Stalled => "stalled",
            Self::Checking => "checking",
            Self::Stopping => "stopping",
            Self::BackingOff => "backing off",
            Self::Limited => "limited",
            Self::Held => "held",
            Self::Waiting => "waiting",
            Self::Down => "down",
        }
    }
    /// What a state means; nothing once the run has ended.
    pub fn of(state: &RunState) -> Option<Self> {
        match state {
            RunState::Scheduled { .. } | RunState::Waiting { .. } | RunState::Queued => Some(Self::Waiting),
            RunState::Starting { .. } | RunState::Running { .. } => Some(Self::Working),
            RunState::Checking { .. } => Some(Self::Checking),
            RunState::Stopping { .. } => Some(Self::Stopping),
            RunState::BackingOff { .. } => Some(Self::BackingOff),
            RunState::Limited { .. } => Some(Self::Limited),
            RunState::Held => Some(Self::Held),
            RunState::Ended { .. } => None,
        }
    }
    /// Whether a program may live meanwhile, so that it goes on without a daemon.
    pub fn has_program(self) -> bool {
        matches!(self.spent(), Use::Working | Use::Stalled)
    }
    /// The same as the report counts it.
    pub fn spent(self) -> Use {
        match self {
            Self::Working | Self::Checking | Self::Stopping => Use::Working,
            Self::Stalled => Use::Stalled,
            Self::BackingOff => Use::BackingOff,
            Self::Limited => Use::Limited,
            Self::Held => Use::Held,
            Self::Waiting => Use::Waiting,
            Self::Down => Use::Down,
        }
    }
}

/// A stretch in which a session did one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Span {
    /// What.
    pub doing: Doing,
    /// From, in milliseconds since the night began.
    pub from: Elapsed,
    /// To; of the open one, as far as it is known.
    pub to: Elapsed,
    /// The number of its run.
    pub run: u32,
    /// The number of the newest attempt, 0 before the first.
    pub attempt: u32,
    /// What ended it, in words; empty while it lasts.
    pub end: String,
    /// How many shorter stretches were put into it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub merged: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// What a mark stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MarkKind {
    /// The first start of a run.
    Start,
    /// A later one.
    Retry,
    /// A good end of a program.
    Exit,
    /// A bad one.
    Failure,
    /// The program showed no work.
    Stall,
    /// An alert came up.
    Alert,
    /// The operator did something.
    Operator,
    /// The operator wrote a note.
    Note,
    /// A commit.
    Commit,
    /// The daemon, tmux or something outside was gone, or is back.
    Outage,
}

impl MarkKind {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Retry => "retry",
            Self::Exit => "exit",
            Self::Failure => "failure",
            Self::Stall => "stall",
            Self::Alert => "alert",
            Self::Operator => "operator",
            Self::Note => "note",
            Self::Commit => "commit",
            Self::Outage => "outage",
        }
    }
    /// Which of two at one place is shown: the greater one.
    pub fn weight(self) -> u8 {
        match self {
            Self::Start => 0,
            Self::Exit => 1,
            Self::Commit => 2,
            Self::Retry => 3,
            Self::Note => 4,
            Self::Operator => 5,
            Self::Stall => 6,
            Self::Alert => 7,
            Self::Failure => 8,
            Self::Outage => 9,
        }
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Mark {
    /// When, in milliseconds since the night began.
    pub at: Elapsed,
    /// What kind of thing.
    pub kind: MarkKind,
    /// In words.
    pub what: String,
    /// The attempt it is about, 0 for none.
    pub attempt: u32,
    /// The project, for a commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
}

/// A time in which no daemon watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unwatched {
    /// From.
    pub from: Elapsed,
    /// To.
    pub to: Elapsed,
    /// The same by the wall clock, in milliseconds since 1970.
    pub walls: (i64, i64),
    /// Why.
    pub why: String,
}

/// That at this place of the axis the wall clock showed this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClockStep {
    /// Where.
    pub at: Elapsed,
    /// Milliseconds since 1970.
    pub wall_ms: i64,
}

/// What a session did in a night.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Lane {
    /// Its stretches, in order; those of one run follow one another without a hole.
    pub spans: Vec<Span>,
    /// What it does now; its `to` is its `from`.
    pub open: Option<Span>,
    /// What happened, in order.
    pub marks: Vec<Mark>,
    /// Marks beyond [`MARKS_MAX`].
    #[serde(default)]
    pub marks_left_out: u64,
    /// How long it did what, in milliseconds, without the open stretch. Exact, also where stretches were put together.
    pub totals: BTreeMap<Doing, u64>,
    /// How its newest run ended, as a word of `status`; null while it has not.
    pub outcome: Option<String>,
    /// The number of its newest attempt.
    pub(super) attempt: u32,
    /// How its newest program ended, until that has ended a stretch.
    pub(super) death: Option<String>,
    /// What keeps its program from work while it runs.
    #[serde(default)]
    pub(super) shade: Option<Shade>,
}

/// A night by session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Timeline {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The night.
    pub night: String,
    /// The last fact taken in; those up to it change nothing.
    pub seq: i64,
    /// When the night was closed; null while it is open.
    pub closed: Option<Elapsed>,
    /// Up to where facts are known.
    pub until: Elapsed,
    /// What the wall clock showed where. The first is the night's begin; there is another where it jumped.
    pub clock: Vec<ClockStep>,
    /// What each session did, by name.
    pub sessions: BTreeMap<String, Lane>,
    /// What happened that is about no session.
    pub marks: Vec<Mark>,
    /// Of these, how many are left out.
    #[serde(default)]
    pub marks_left_out: u64,
    /// Times in which no daemon watched.
    pub unwatched: Vec<Unwatched>,
    /// What going on with it needs.
    pub(super) fold: Fold,
}

/// Where the fold stands in relation to its night.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    #[default]
    Before,
    Open,
    Closed,
    /// Another night has begun: only runs of this one still matter.
    Gone,
}

/// What going on with a timeline needs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct Fold {
    pub(super) phase: Phase,
    #[schemars(with = "serde_json::Value")]
    pub(super) passage: Passage,
    /// What had passed when the night began.
    pub(super) origin: u64,
    /// When and why the daemon stopped, until the next one starts: as time passed, by the wall clock.
    pub(super) stopped: Option<(Elapsed, i64, String)>,
    /// Alerts that were marked and are not over.
    pub(super) alerts: BTreeSet<u64>,
    /// Outages that were marked and are not over.
    pub(super) outages: BTreeSet<String>,
    /// Notes that were marked.
    pub(super) notes: u64,
}

impl Timeline {
    /// A night of which no fact is known yet.
    pub fn new(night: &str) -> Self {
        Self {
            schema: SCHEMA,
            night: night.to_owned(),
            seq: 0,
            closed: None,
            until: 0,
            clock: Vec::new(),
            sessions: BTreeMap::new(),
            marks: Vec::new(),
            marks_left_out: 0,
            unwatched: Vec::new(),
            fold: Fold::default(),
        }
    }
    /// Whether anything is known of the night.
    pub fn is_empty(&self) -> bool {
        self.clock.is_empty()
    }
    /// The time of day at a place of the axis; `None` while the night is not known.
    pub fn wall(&self, at: Elapsed) -> Option<Wall> {
        let step = self.clock.iter().rev().find(|step| step.at <= at).or(self.clock.first())?;
        let off = i64::try_from(at).unwrap_or(i64::MAX).saturating_sub(i64::try_from(step.at).unwrap_or(i64::MAX));
        Some(Wall(step.wall_ms.saturating_add(off)))
    }
    /// The place of a time of day on the axis, by the newest of the clocks that showed it; 0 for what was before.
    pub fn place(&self, wall: Wall) -> Elapsed {
        let step = self.clock.iter().rev().find(|step| step.wall_ms <= wall.0);
        step.map_or(0, |step| step.at.saturating_add(u64::try_from(wall.0.saturating_sub(step.wall_ms)).unwrap_or(0)))
    }
    /// Since when nobody watches, when the daemon stopped and none began since; `None` while one is known to.
    pub fn stopped_at(&self) -> Option<Elapsed> {
        self.fold.stopped.as_ref().map(|(at, _, _)| *at)
    }
    /// The stretches of a session, with the open one up to `now`.
    pub fn stretches(&self, session: &str, now: Elapsed) -> impl Iterator<Item = Span> + '_ {
        let lane = self.sessions.get(session);
        let open = lane.and_then(|lane| lane.open.clone()).map(|open| Span { to: now.max(open.from), ..open });
        lane.into_iter().flat_map(|lane| lane.spans.iter().cloned()).chain(open)
    }
    /// How long a session did what, up to `now`, in milliseconds.
    pub fn totals(&self, session: &str, now: Elapsed) -> BTreeMap<Doing, u64> {
        let Some(lane) = self.sessions.get(session) else { return BTreeMap::new() };
        let mut totals = lane.totals.clone();
        if let Some(open) = &lane.open {
            *totals.entry(open.doing).or_default() += now.saturating_sub(open.from);
        }
        totals
    }
}
