//! What is kept and what goes: from what exists, the rules and the time to the deeds of one clean-up, in their order.
//!
//! Nothing that the open night, a run that has not ended, a living recorder or an unread dead letter needs is ever part
//! of it. A clean-up that was cut short leaves a state from which the next one finds the rest.

use super::fact::Actor;
use super::ids::{AttemptId, NightId, RunId};
use super::state::State;
use super::time::Wall;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long things are kept; `None` is for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Raw output, after its last byte.
    pub output: Option<Duration>,
    /// The journal's facts and the recorders' files of a night, after its last fact.
    pub journal: Option<Duration>,
}

impl Default for Rules {
    fn default() -> Self {
        const DAY: u64 = 86_400;
        Self { output: Some(Duration::from_secs(14 * DAY)), journal: Some(Duration::from_secs(90 * DAY)) }
    }
}

/// What exists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The attempts that left files.
    pub attempts: Vec<FoundAttempt>,
    /// What clean-ups that were cut short left: file names below the state folder, and their bytes.
    pub leftovers: Vec<(String, u64)>,
    /// The nights of the journal, oldest first.
    pub nights: Vec<FoundNight>,
    /// The nights of which it was kept how files stood as they began, with the bytes of that.
    pub snapshots: Vec<(NightId, u64)>,
}

/// The files of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundAttempt {
    /// Which attempt.
    pub id: AttemptId,
    /// Bytes that the log takes on the disk as the program wrote it.
    pub plain: Option<u64>,
    /// Bytes that it takes compressed.
    pub packed: Option<u64>,
    /// Bytes of what stands beside the log: its time index, the output of checks.
    pub beside: u64,
    /// Bytes of the recorder's own files.
    pub record: Option<u64>,
    /// When the newest of its files was last written.
    pub last: Wall,
    /// Whether its recorder lives.
    pub alive: bool,
}

impl FoundAttempt {
    fn has_output(&self) -> bool {
        self.plain.is_some() || self.packed.is_some() || self.beside > 0
    }
    fn output_bytes(&self) -> u64 {
        self.plain.unwrap_or(0).saturating_add(self.packed.unwrap_or(0)).saturating_add(self.beside)
    }
}

/// A night as the journal has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundNight {
    /// Its id.
    pub id: NightId,
    /// The number of its first fact.
    pub first_seq: i64,
    /// When its last fact was.
    pub last: Wall,
}

/// What must not be touched, whatever the rules say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// The open night.
    pub night: Option<NightId>,
    /// Runs that have not ended, and unread dead letters.
    pub runs: BTreeSet<RunId>,
}

impl Needs {
    /// What the state needs.
    pub fn of(state: &State) -> Self {
        let runs = state.runs.values().filter(|run| !run.state.is_ended() || run.is_dead_letter());
        Self { night: state.open_night().map(|night| night.id.clone()), runs: runs.map(|run| run.id.clone()).collect() }
    }
    fn attempt(&self, found: &FoundAttempt) -> bool {
        found.alive || self.night.as_ref() == Some(&found.id.run.night) || self.runs.contains(&found.id.run)
    }
    fn night(&self, night: &NightId) -> bool {
        self.night.as_ref() == Some(night) || self.runs.iter().any(|run| run.night == *night)
    }
}

/// The folder of snapshots, below the state folder.
pub const SNAPSHOTS: &str = "files";

/// One deed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Remove what a clean-up that was cut short left, or what nothing needs after its night.
    Leftover {
        /// The file or folder, below the state folder.
        path: String,
    },
    /// Remove a log with all that stands beside it.
    DropOutput(AttemptId),
    /// Remove the recorder's files.
    DropRecord(AttemptId),
    /// Let the journal's facts go up to and including this number, and the rows of nights before this one.
    TrimJournal {
        /// The last fact that goes.
        through: i64,
        /// The oldest night that is kept.
        before: NightId,
    },
    /// Compress a log.
    Pack(AttemptId),
}

/// Why a deed is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Because {
    /// It is what an earlier clean-up left undone.
    Unfinished,
    /// It is older than the rule keeps it.
    Age,
    /// The night is over.
    Over,
    /// The disk is about to be full. To be done only while it still is.
    LowDisk,
}

impl Because {
    /// The reason as words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unfinished => "left by a clean-up that was cut short",
            Self::Age => "older than the rule keeps it",
            Self::Over => "its night is over",
            Self::LowDisk => "the disk is about to be full",
        }
    }
}

/// A deed with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// What is to be done.
    pub deed: Deed,
    /// Why.
    pub because: Because,
    /// Bytes that it takes on the disk now. Compressing gives most of them back, dropping all.
    pub bytes: u64,
}

impl Planned {
    /// The deed for people.
    pub fn describe(&self) -> String {
        match &self.deed {
            Deed::Leftover { path } => format!("remove {path}"),
            Deed::DropOutput(id) => format!("drop the output of {id}"),
            Deed::DropRecord(id) => format!("drop the recorder's files of {id}"),
            Deed::TrimJournal { through, before } => {
                format!("let the journal's facts up to {through} go: all before the night {before}")
            }
            Deed::Pack(id) => format!("compress the output of {id}"),
        }
    }
}

/// Facts right before a night's first one belong to its story: the start of the daemon that opened it.
pub const PRELUDE: i64 = 64;

/// The deeds of a clean-up, in the order in which they are to be done: what is left of earlier ones, what the rules no
/// longer keep (the oldest first), then the compressing, and when the disk is about to be full what else can go, the
/// oldest first. The newest night goes by no rule, and on a full disk last.
pub fn plan(found: &Found, needs: &Needs, rules: &Rules, now: Wall, low_disk: bool) -> Vec<Planned> {
    let newest = newest_night(found);
    let mut free: Vec<&FoundAttempt> = found.attempts.iter().filter(|attempt| !needs.attempt(attempt)).collect();
    free.sort_by(|a, b| (&a.id.run.night, a.last, &a.id).cmp(&(&b.id.run.night, b.last, &b.id)));
    let old = |last: Wall, keep: Option<Duration>| keep.is_some_and(|keep| now.since(last) > keep);
    let mut deeds: Vec<Planned> = Vec::new();
    for (path, bytes) in &found.leftovers {
        deeds.push(Planned {
            deed: Deed::Leftover { path: path.clone() },
            because: Because::Unfinished,
            bytes: *bytes,
        });
    }
    // Only a night that can still go on or be opened again is held against its beginning.
    for (night, bytes) in
        found.snapshots.iter().filter(|(id, _)| Some(id) != newest && needs.night.as_ref() != Some(id))
    {
        let path = format!("{SNAPSHOTS}/{night}");
        deeds.push(Planned { deed: Deed::Leftover { path }, because: Because::Over, bytes: *bytes });
    }
    let mut gone = BTreeSet::new();
    for attempt in free.iter().filter(|attempt| Some(&attempt.id.run.night) != newest) {
        if attempt.has_output() && old(attempt.last, rules.output) {
            gone.insert(&attempt.id);
            deeds.push(drop_output(attempt, Because::Age));
        }
        // What the recorder wrote explains the output; it goes with it or after it.
        if let Some(bytes) = attempt.record
            && old(attempt.last, rules.journal)
            && (!attempt.has_output() || gone.contains(&attempt.id))
        {
            deeds.push(Planned { deed: Deed::DropRecord(attempt.id.clone()), because: Because::Age, bytes });
        }
    }
    deeds.extend(trim(found, needs, newest, |last| old(last, rules.journal)));
    for attempt in free.iter().filter(|attempt| !gone.contains(&attempt.id)) {
        if let Some(bytes) = attempt.plain {
            let because = if attempt.packed.is_some() { Because::Unfinished } else { Because::Over };
            deeds.push(Planned { deed: Deed::Pack(attempt.id.clone()), because, bytes });
        }
    }
    if low_disk {
        let rest = free.iter().filter(|attempt| attempt.has_output() && !gone.contains(&attempt.id));
        deeds.extend(rest.map(|attempt| drop_output(attempt, Because::LowDisk)));
    }
    deeds
}

fn newest_night(found: &Found) -> Option<&NightId> {
    let of_attempts = found.attempts.iter().map(|attempt| &attempt.id.run.night);
    let of_snapshots = found.snapshots.iter().map(|(night, _)| night);
    found.nights.iter().map(|night| &night.id).chain(of_attempts).chain(of_snapshots).max()
}

fn drop_output(attempt: &FoundAttempt, because: Because) -> Planned {
    Planned { deed: Deed::DropOutput(attempt.id.clone()), because, bytes: attempt.output_bytes() }
}

/// The journal goes from its beginning only: up to the first night that is kept.
fn trim(found: &Found, needs: &Needs, newest: Option<&NightId>, old: impl Fn(Wall) -> bool) -> Option<Planned> {
    let stays = |night: &&FoundNight| Some(&night.id) == newest || needs.night(&night.id) || !old(night.last);
    let first = found.nights.iter().filter(stays).min_by(|a, b| a.id.cmp(&b.id))?;
    let any_goes = found.nights.iter().any(|night| night.id < first.id);
    let kept_from = found.nights.iter().filter(|night| night.id >= first.id).map(|night| night.first_seq).min()?;
    let through = kept_from - PRELUDE - 1;
    let deed = Deed::TrimJournal { through, before: first.id.clone() };
    // Nights that lie wholly within the prelude of a kept one are worth no clean-up of their own.
    let worth = any_goes && found.nights.iter().any(|night| night.first_seq <= through);
    worth.then_some(Planned { deed, because: Because::Age, bytes: 0 })
}

/// A clean-up as it is journaled: once before its first deed, once after its last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clean {
    /// Whether it is about to begin, or over.
    pub stage: Stage,
    /// Who asked for it.
    pub by: Actor,
    /// Deeds in all: to be done, or done.
    pub deeds: u64,
    /// Bytes that they are about, or that were given back.
    pub bytes: u64,
    /// The first deeds, in words; see [`Clean::SHOWN`].
    pub what: Vec<String>,
    /// What could not be done. The next clean-up tries again.
    #[serde(default)]
    pub problems: Vec<String>,
}

/// Where a clean-up stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Nothing was touched yet.
    Begun,
    /// It is over; also when it was cut short in order.
    Done,
}

impl Clean {
    /// Deeds and problems that are named.
    pub const SHOWN: usize = 20;

    /// A clean-up that is about to begin.
    pub fn begun(by: Actor, planned: &[Planned]) -> Self {
        Self {
            stage: Stage::Begun,
            by,
            deeds: planned.len() as u64,
            bytes: planned.iter().fold(0, |sum, planned| sum.saturating_add(planned.bytes)),
            what: planned
                .iter()
                .take(Self::SHOWN)
                .map(|p| format!("{} ({})", p.describe(), p.because.as_str()))
                .collect(),
            problems: Vec::new(),
        }
    }
    /// What it came to, on one line.
    pub fn summary(&self) -> String {
        let deeds = if self.deeds == 1 { "1 deed".to_owned() } else { format!("{} deeds", self.deeds) };
        format!("cleaned up: {deeds}, {:.1} MiB given back", self.bytes as f64 / f64::from(1 << 20))
    }
}

#[cfg(test)]
#[path = "retention/tests.rs"]
mod tests;
