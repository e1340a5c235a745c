//! The rows that the journal keeps of the state, written in the transaction of the facts that changed it, so that a
//! daemon starts by reading a row a run instead of folding the whole journal.
//!
//! Kinds and keys: `run` by run id, `night` by night id, and `world` with the keys `plan`, `added`, `daemon`, `tmux` and
//! `last`. Bodies are JSON. Rows of older nights stay; [`State::from_rows`] takes what the fold would still hold.

use super::fact::{Entry, Fact};
use super::ids::RunId;
use super::run::Run;
use super::state::{NightState, State, kept};
use super::time::At;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// One row: what a `(kind, key)` holds now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// `run`, `night` or `world`.
    pub kind: &'static str,
    /// The id of the run or night; the name of the part of the world.
    pub key: String,
    /// The value as JSON.
    pub body: String,
}

/// A row that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the row {kind} {key} does not have the expected form: {source}")]
pub struct RowError {
    /// Its kind.
    pub kind: String,
    /// Its key.
    pub key: String,
    /// What is wrong with it.
    pub source: serde_json::Error,
}

/// What is known of tmux, as a row.
#[derive(Debug, Serialize, Deserialize)]
struct TmuxRow {
    pid: Option<u32>,
    lost: Option<At>,
}

/// The parts of the state that have rows of their own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Run(RunId),
    Night,
    Plan,
    Added,
    Daemon,
    Tmux,
    Last,
}

impl State {
    /// The rows that facts changed, as they are now. To be called after the facts were applied.
    pub fn rows_for(&self, entries: &[Entry]) -> Vec<Row> {
        let mut parts = BTreeSet::new();
        for entry in entries {
            self.parts_of(&entry.fact, &mut parts);
            parts.insert(Part::Last);
        }
        parts.iter().filter_map(|part| self.row(part)).collect()
    }

    /// The state that the rows hold. Rows of unknown kinds and keys are left alone: a newer version may have written
    /// them.
    pub fn from_rows(rows: impl Iterator<Item = (String, String, String)>) -> Result<Self, RowError> {
        let mut state = Self::default();
        for (kind, key, body) in rows {
            let read = match (kind.as_str(), key.as_str()) {
                ("run", _) => serde_json::from_str(&body).map(|run: Run| {
                    state.runs.insert(run.id.clone(), run);
                }),
                ("night", _) => serde_json::from_str(&body).map(|night: NightState| {
                    if state.night.as_ref().is_none_or(|known| known.id < night.id) {
                        state.night = Some(night);
                    }
                }),
                ("world", "plan") => serde_json::from_str(&body).map(|plan| state.plan = plan),
                ("world", "added") => serde_json::from_str(&body).map(|added| state.added = added),
                ("world", "daemon") => serde_json::from_str(&body).map(|daemon| state.daemon = daemon),
                ("world", "tmux") => serde_json::from_str(&body).map(|tmux: TmuxRow| {
                    state.tmux_pid = tmux.pid;
                    state.tmux_lost = tmux.lost;
                }),
                ("world", "last") => serde_json::from_str(&body).map(|last| state.last = last),
                _ => Ok(()),
            };
            read.map_err(|source| RowError { kind, key, source })?;
        }
        let night = state.night.as_ref().map(|night| night.id.clone());
        state.runs.retain(|_, run| kept(run, night.as_ref()));
        Ok(state)
    }

    fn row(&self, part: &Part) -> Option<Row> {
        match part {
            Part::Run(id) => row("run", id.to_string(), self.runs.get(id)?),
            Part::Night => {
                let night = self.night.as_ref()?;
                row("night", night.id.to_string(), night)
            }
            Part::Plan => row("world", "plan".into(), &self.plan),
            Part::Added => row("world", "added".into(), &self.added),
            Part::Daemon => row("world", "daemon".into(), &self.daemon),
            Part::Tmux => row("world", "tmux".into(), &TmuxRow { pid: self.tmux_pid, lost: self.tmux_lost }),
            Part::Last => row("world", "last".into(), &self.last),
        }
    }

    /// Names the parts that [`State::apply`] may have changed for a fact.
    fn parts_of(&self, fact: &Fact, parts: &mut BTreeSet<Part>) {
        match fact {
            Fact::DaemonStarted { .. } => parts.extend([Part::Daemon, Part::Tmux]),
            Fact::DaemonStopped { .. } => parts.extend([Part::Daemon]),
            Fact::PlanAdopted { .. } => {
                parts.insert(Part::Plan);
                let open = self.runs.values().filter(|run| !run.state.is_ended());
                parts.extend(open.map(|run| Part::Run(run.id.clone())));
            }
            Fact::SessionAdded { .. } => parts.extend([Part::Added]),
            Fact::NightOpened { .. } => parts.extend([Part::Night, Part::Added]),
            Fact::NightClosing { .. }
            | Fact::NightClosed { .. }
            | Fact::ProjectBase { .. }
            | Fact::ProjectSeen { .. }
            | Fact::ReportWritten { .. } => parts.extend([Part::Night]),
            Fact::RunCreated { run, redriven_from, .. } => {
                parts.extend([Part::Night, Part::Run(run.clone())]);
                parts.extend(redriven_from.clone().map(Part::Run));
            }
            Fact::RunMoved { run, .. } => parts.extend([Part::Night, Part::Run(run.clone())]),
            Fact::CounterReset { run, .. } | Fact::HoldSet { run, .. } | Fact::RunOrphaned { run } => {
                parts.extend([Part::Run(run.clone())]);
            }
            Fact::AttemptIntended { attempt } => parts.extend([Part::Night, Part::Run(attempt.run.clone())]),
            Fact::AttemptStarted { attempt, .. }
            | Fact::OutputObserved { attempt, .. }
            | Fact::AttemptEnded { attempt, .. }
            | Fact::ChecksDone { attempt, .. } => parts.extend([Part::Run(attempt.run.clone())]),
            Fact::TmuxStarted { .. } | Fact::TmuxLost { .. } => parts.extend([Part::Tmux]),
            Fact::PlanRejected { .. }
            | Fact::StopIntended { .. }
            | Fact::OperatorActed { .. }
            | Fact::ClockJumped { .. }
            | Fact::Trouble { .. } => {}
        }
    }
}

/// A row of a value. `None` cannot happen: the types have no maps that JSON lacks keys for, and numbers are finite.
fn row<T: Serialize>(kind: &'static str, key: String, value: &T) -> Option<Row> {
    let body = serde_json::to_string(value).ok()?;
    Some(Row { kind, key, body })
}
