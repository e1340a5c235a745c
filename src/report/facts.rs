//! What the journal says of one night, sorted by subject and nothing added.

use super::collected::Collected;
use super::passage::{Elapsed, Gap, Segment, Segments};
use crate::core::alert::message::Message;
use crate::core::alert::{Alert, Settled};
use crate::core::exit::{Ending, ExitRecord, Verdict};
use crate::core::fact::{GitBase, ProjectWork};
use crate::core::finding::Finding;
use crate::core::ids::{AttemptId, NightId, ProjectName, RunId, SessionName};
use crate::core::note::Note;
use crate::core::plan::{Plan, SessionPlan};
use crate::core::progress::LastNights;
use crate::core::run::{CheckResult, OutputSeen, RunState, Started};
use crate::core::ticket::Tickets;
use crate::core::time::{At, Wall};
use crate::core::usage::Used;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most moments kept for the timeline.
pub const MOMENTS_MAX: usize = 5_000;

/// Most kinds of trouble that are kept apart; the rest is counted together.
pub const TROUBLES_MAX: usize = 500;

/// One night.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Which.
    pub night: NightId,
    /// When it began; `None` when the journal has no fact of it.
    pub opened: Option<At>,
    /// When it ended; `None` while open.
    pub closed: Option<Wall>,
    /// Why it ended.
    pub close_reason: Option<String>,
    /// When it began and ended (or the last fact was journaled), as time passed.
    pub window: (Elapsed, Elapsed),
    /// The time of the last fact that is told; of an open night that is watched, now.
    pub last: Wall,
    /// The plan in force at the end.
    pub plan: Plan,
    /// What the sessions came to in older nights.
    pub last_nights: LastNights,
    /// Sessions that stand in no file.
    pub added: BTreeMap<SessionName, SessionPlan>,
    /// Sessions that stood in the file and were taken out of it.
    pub former: BTreeMap<SessionName, SessionPlan>,
    /// A changed file that was not taken.
    pub broken_file: Option<(Wall, String)>,
    /// Times in which no daemon watched.
    pub gaps: Vec<Gap>,
    /// When and why the daemon stopped, when the night is open and it did not come back.
    pub unwatched_since: Option<(Wall, String)>,
    /// Its runs.
    pub runs: BTreeMap<RunId, RunFacts>,
    /// What operators did.
    pub acts: Vec<Act>,
    /// What the projects' repositories showed.
    pub projects: BTreeMap<ProjectName, ProjectFacts>,
    /// What could not be read, written or sent.
    pub troubles: Vec<TroubleFact>,
    /// What a timeline is made of, in the order of the journal.
    pub moments: Vec<Moment>,
    /// Moments beyond [`MOMENTS_MAX`].
    pub moments_left_out: u64,
    /// Alerts as they were last, by number.
    pub alerts: BTreeMap<u64, Alert>,
    /// What was told of them.
    pub messages: Messages,
    /// Outages, in the order in which they began.
    pub outages: Vec<OutageFact>,
    /// Notes to sessions as they were last, by number.
    pub notes: BTreeMap<u64, Note>,
    /// What sessions asked.
    pub tickets: Tickets,
    /// What a summarizer made of it, when nothing happened to a run since.
    pub worded: Option<super::worded::Summary>,
    /// The one project that is told of.
    pub project: Option<ProjectName>,
    /// Documents, files, sessions' own words, reviews, and what the night before came to.
    pub collected: Collected,
    /// Facts told, and the sequence numbers of the first and the last.
    pub read: (u64, i64, i64),
}

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunFacts {
    /// Its id.
    pub id: RunId,
    /// When it was created.
    pub created: Wall,
    /// The dead letter it is the second chance of.
    pub redriven_from: Option<RunId>,
    /// Its last state.
    pub state: RunState,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Wall,
    /// Its attempts, oldest first.
    pub attempts: Vec<AttemptFacts>,
    /// What it spent its time on.
    pub segments: Segments,
    /// Whether its session was taken out of the file.
    pub removed: bool,
    /// What was found about it, open or over.
    pub findings: Vec<Finding>,
}

impl RunFacts {
    /// What it spent its time on, gaps included.
    pub fn spent(&self, gaps: &[Gap]) -> Vec<Segment> {
        self.segments.under(gaps)
    }
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptFacts {
    /// Its id.
    pub id: AttemptId,
    /// When its start was journaled.
    pub intended: Wall,
    /// The recorder's word.
    pub started: Option<Started>,
    /// Its death certificate.
    pub exit: Option<ExitRecord>,
    /// Its class, unless the end was good.
    pub verdict: Option<Verdict>,
    /// Whether it took one of `max_attempts`.
    pub counted: bool,
    /// What its output told.
    pub output: OutputSeen,
    /// The results of its checks.
    pub checks: Vec<CheckResult>,
    /// What it used, where that is known.
    pub used: Option<Used>,
}

impl AttemptFacts {
    /// When it was last known to live and when it was found gone, when its exit is not known.
    pub fn unseen(&self) -> Option<(Wall, Wall, &str)> {
        let exit = self.exit.as_ref()?;
        match &exit.ending {
            Ending::Lost { why } => {
                let known = self.started.as_ref().map_or(self.intended, |s| s.at);
                let known = self.output.last_at.map_or(known, |last| last.max(known));
                Some((known.min(exit.at), exit.at, why))
            }
            Ending::Code { .. } | Ending::Signal { .. } | Ending::ExecFailed { .. } => None,
        }
    }
}

/// Something an operator did, or tried to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Act {
    /// When.
    pub at: Wall,
    /// The verb.
    pub verb: String,
    /// What it was meant for.
    pub target: String,
    /// Who.
    pub who: String,
    /// The reason they gave.
    pub reason: Option<String>,
    /// What came of it.
    pub result: String,
}

/// What a repository showed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ProjectFacts {
    /// Where it stood as the night began.
    pub base: Option<GitBase>,
    /// What it showed last.
    pub work: Option<ProjectWork>,
}

/// Something that could not be read, written or sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TroubleFact {
    /// When first.
    pub at: Wall,
    /// Which part.
    pub part: String,
    /// What happened.
    pub what: String,
    /// How often the same was said.
    pub times: u64,
}

/// A time in which something guarded was not to be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutageFact {
    /// What was down: `provider:anthropic`, `disk`, ...
    pub key: String,
    /// When it was first noticed.
    pub from: Wall,
    /// When all was well again; `None` while it lasts.
    pub to: Option<Wall>,
    /// What was seen, in words.
    pub cause: String,
    /// Starts that were made to try it.
    pub probes: u32,
    /// Sessions it held.
    pub held: Vec<SessionName>,
}

/// A row of the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// When.
    pub at: Wall,
    /// Which session, if one.
    pub session: Option<SessionName>,
    /// What.
    pub what: String,
    /// 0 is routine, 3 is what must not be missed.
    pub weight: u8,
}

/// What became of the night's messages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Messages {
    /// Not settled yet: the channel and title by key.
    pub open: BTreeMap<String, (String, String)>,
    /// How many were delivered.
    pub delivered: u64,
    /// Those that were given up: when, channel, title, why.
    pub given_up: Vec<(Wall, String, String, String)>,
}

impl Messages {
    /// One is about to be sent.
    pub(super) fn queued(&mut self, message: &Message) {
        self.open.insert(message.key.clone(), (message.channel.clone(), message.title.clone()));
    }
    /// A try is through.
    pub(super) fn settled(&mut self, at: Wall, key: &str, then: &Settled) {
        if let Settled::Again { .. } = then {
            return;
        }
        let Some((channel, title)) = self.open.remove(key) else { return };
        match then {
            Settled::Delivered => self.delivered += 1,
            Settled::GivenUp { why } if self.given_up.len() < TROUBLES_MAX => {
                self.given_up.push((at, channel, title, why.clone()));
            }
            Settled::GivenUp { .. } | Settled::Dropped { .. } | Settled::Again { .. } => {}
        }
    }
}
