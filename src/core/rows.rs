//! The rows that the journal keeps of the state, written in the transaction of the facts that changed it, so that a
//! daemon starts by reading a row a run instead of folding the whole journal.
//!
//! Kinds and keys: `run` by run id, `night` by night id, `work` and `collected` by `<night>/<project>` (they can be large and seldom
//! change),
//! `alert` by number, and `world` with the keys `plan`, `added`, `daemon`, `tmux`, `last`, `alerts`, `breakers`,
//! `calendar`, `notes`, `tickets`, `drafts`, `summed` and `last_nights`. Bodies are JSON. Rows of older nights stay; [`State::from_rows`] takes what the fold would
//! still hold.

use super::alert::{Alert, Alerts};
use super::collected::Collected;
use super::fact::{Entry, Fact, ProjectWork};
use super::ids::{ProjectName, RunId};
use super::run::Run;
use super::state::{NightState, State, kept};
use super::time::At;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One row: what a `(kind, key)` holds now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// `run`, `night`, `work`, `collected`, `alert` or `world`.
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

/// What is known of alerts beside the alerts themselves, as a row.
#[derive(Debug, Serialize)]
struct AlertsRow<'a> {
    known: Vec<u64>,
    alerts: &'a Alerts,
}

/// The same as it is read.
#[derive(Debug, Default, Deserialize)]
struct AlertsRead {
    known: BTreeSet<u64>,
    alerts: Alerts,
}

/// The parts of the state that have rows of their own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Run(RunId),
    Night,
    Work(ProjectName),
    Plan,
    Added,
    Daemon,
    Tmux,
    Last,
    Alerts,
    Alert(u64),
    Calendar,
    LastNights,
    Breakers,
    Notes,
    Tickets,
    Collected(ProjectName),
    Summed,
    Drafts,
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
        let (mut alerts, mut each_alert) = (AlertsRead::default(), BTreeMap::new());
        let mut work: BTreeMap<String, BTreeMap<ProjectName, ProjectWork>> = BTreeMap::new();
        let mut collected: BTreeMap<String, BTreeMap<ProjectName, Collected>> = BTreeMap::new();
        for (kind, key, body) in rows {
            let read = match (kind.as_str(), key.as_str()) {
                ("run", _) => serde_json::from_str(&body).map(|run: Option<Run>| {
                    state.runs.extend(run.map(|run| (run.id.clone(), run)));
                }),
                ("night", _) => serde_json::from_str(&body).map(|night: NightState| {
                    if state.night.as_ref().is_none_or(|known| known.id < night.id) {
                        state.night = Some(night);
                    }
                }),
                ("work", key) => serde_json::from_str(&body).map(|(project, seen): (ProjectName, ProjectWork)| {
                    let night = key.split('/').next().unwrap_or_default().to_owned();
                    work.entry(night).or_default().insert(project, seen);
                }),
                ("collected", key) => serde_json::from_str(&body).map(|(project, known): (ProjectName, Collected)| {
                    let night = key.split('/').next().unwrap_or_default().to_owned();
                    collected.entry(night).or_default().insert(project, known);
                }),
                ("world", "plan") => serde_json::from_str(&body).map(|plan| state.plan = plan),
                ("world", "added") => serde_json::from_str(&body).map(|added| state.added = added),
                ("world", "daemon") => serde_json::from_str(&body).map(|daemon| state.daemon = daemon),
                ("world", "tmux") => serde_json::from_str(&body).map(|tmux: TmuxRow| {
                    state.tmux_pid = tmux.pid;
                    state.tmux_lost = tmux.lost;
                }),
                ("world", "alerts") => serde_json::from_str(&body).map(|read| alerts = read),
                ("alert", _) => serde_json::from_str(&body).map(|alert: Alert| {
                    each_alert.insert(alert.number, alert);
                }),
                ("world", "calendar") => serde_json::from_str(&body).map(|calendar| state.calendar = calendar),
                ("world", "last_nights") => serde_json::from_str(&body).map(|nights| state.last_nights = nights),
                ("world", "breakers") => serde_json::from_str(&body).map(|breakers| state.breakers = breakers),
                ("world", "notes") => serde_json::from_str(&body).map(|notes| state.notes = notes),
                ("world", "tickets") => serde_json::from_str(&body).map(|tickets| state.tickets = tickets),
                ("world", "drafts") => serde_json::from_str(&body).map(|drafts| state.drafts = drafts),
                ("world", "summed") => serde_json::from_str(&body).map(|summed| state.summed = summed),
                ("world", "last") => serde_json::from_str(&body).map(|last| state.last = last),
                _ => Ok(()),
            };
            read.map_err(|source| RowError { kind, key, source })?;
        }
        if let Some(night) = &mut state.night {
            night.work = work.remove(night.id.as_str()).unwrap_or_default();
            night.collected = collected.remove(night.id.as_str()).unwrap_or_default();
        }
        each_alert.retain(|number, _| alerts.known.contains(number));
        state.alerts = Alerts { known: each_alert, ..alerts.alerts };
        let night = state.night.as_ref().map(|night| night.id.clone());
        state.runs.retain(|_, run| kept(run, night.as_ref()));
        state.add_up();
        Ok(state)
    }

    fn row(&self, part: &Part) -> Option<Row> {
        match part {
            // A run that moved and was dropped at once must not stay as it was before: `null` takes its place.
            Part::Run(id) => row("run", id.to_string(), &self.runs.get(id)),
            Part::Night => {
                let NightState {
                    id,
                    opened,
                    by,
                    closed,
                    closing,
                    starts,
                    bases,
                    work: _,
                    reported,
                    delivered,
                    sent_before,
                    collected: _,
                } = self.night.as_ref()?;
                let slim = NightState {
                    id: id.clone(),
                    opened: *opened,
                    by: by.clone(),
                    closed: *closed,
                    closing: *closing,
                    starts: starts.clone(),
                    bases: bases.clone(),
                    work: BTreeMap::new(),
                    reported: *reported,
                    delivered: *delivered,
                    sent_before: sent_before.clone(),
                    collected: BTreeMap::new(),
                };
                row("night", id.to_string(), &slim)
            }
            Part::Work(project) => {
                let night = self.night.as_ref()?;
                row("work", format!("{}/{project}", night.id), &(project, night.work.get(project)?))
            }
            Part::Collected(project) => {
                let night = self.night.as_ref()?;
                row("collected", format!("{}/{project}", night.id), &(project, night.collected.get(project)?))
            }
            Part::Plan => row("world", "plan".into(), &self.plan),
            Part::Added => row("world", "added".into(), &self.added),
            Part::Daemon => row("world", "daemon".into(), &self.daemon),
            Part::Tmux => row("world", "tmux".into(), &TmuxRow { pid: self.tmux_pid, lost: self.tmux_lost }),
            Part::Last => row("world", "last".into(), &self.last),
            Part::Alerts => {
                let known = self.alerts.known.keys().copied().collect();
                row("world", "alerts".into(), &AlertsRow { known, alerts: &self.alerts })
            }
            Part::Alert(number) => row("alert", number.to_string(), self.alerts.known.get(number)?),
            Part::Calendar => row("world", "calendar".into(), &self.calendar),
            Part::LastNights => row("world", "last_nights".into(), &self.last_nights),
            Part::Breakers => row("world", "breakers".into(), &self.breakers),
            Part::Notes => row("world", "notes".into(), &self.notes),
            Part::Tickets => row("world", "tickets".into(), &self.tickets),
            Part::Summed => row("world", "summed".into(), &self.summed),
            Part::Drafts => row("world", "drafts".into(), &self.drafts),
        }
    }

    /// Names the parts that [`State::apply`] may have changed for a fact.
    fn parts_of(&self, fact: &Fact, parts: &mut BTreeSet<Part>) {
        if Alerts::hears(fact) {
            parts.insert(Part::Alerts);
            parts.extend(self.alerts.changed(fact).into_iter().map(Part::Alert));
        }
        match fact {
            Fact::DaemonStarted { .. } => parts.extend([Part::Daemon, Part::Tmux, Part::Breakers]),
            Fact::DaemonStopped { .. } => parts.extend([Part::Daemon]),
            Fact::PlanAdopted { .. } => {
                parts.insert(Part::Plan);
                let open = self.runs.values().filter(|run| !run.state.is_ended());
                parts.extend(open.map(|run| Part::Run(run.id.clone())));
            }
            Fact::SessionAdded { .. } => parts.extend([Part::Added]),
            Fact::NightOpened { .. } => {
                parts.extend([Part::Night, Part::Added, Part::Calendar, Part::Breakers]);
                // Without a note it never had a row.
                parts.extend((self.notes.last > 0).then_some(Part::Notes));
                parts.extend((self.tickets.last > 0).then_some(Part::Tickets));
            }
            Fact::NoteMoved { .. } => parts.extend([Part::Notes]),
            Fact::NightClosing { .. } | Fact::NightClosed { .. } => parts.extend([Part::Night, Part::Calendar]),
            Fact::WindowBegan { .. } | Fact::NightEnds { .. } => parts.extend([Part::Calendar]),
            Fact::ProjectBase { .. } | Fact::ReportWritten { .. } => parts.extend([Part::Night]),
            Fact::LastNights { .. } => parts.extend([Part::LastNights]),
            Fact::DocumentRead { document } => parts.extend([Part::Collected(document.project.clone())]),
            Fact::FilesSeen { project, .. } => parts.extend([Part::Collected(project.clone())]),
            Fact::NightSummed { .. } | Fact::Reviewed { .. } => parts.extend([Part::Summed]),
            Fact::ProjectSeen { project, .. } => parts.extend([Part::Work(project.clone())]),
            Fact::RunCreated { run, redriven_from, .. } => {
                parts.extend([Part::Night, Part::Run(run.clone())]);
                parts.extend(redriven_from.clone().map(Part::Run));
                let older = Self::older(run).into_iter().flatten().filter(|id| self.runs.contains_key(id));
                parts.extend(older.map(Part::Run));
            }
            Fact::RunMoved { run, .. } => parts.extend([Part::Night, Part::Run(run.clone())]),
            Fact::CounterReset { run, .. }
            | Fact::HoldSet { run, .. }
            | Fact::RunOrphaned { run }
            | Fact::DeadlineSet { run, .. }
            | Fact::Finding { run, .. }
            | Fact::LimitMet { run, .. } => {
                parts.extend([Part::Run(run.clone())]);
            }
            Fact::AttemptIntended { attempt } => {
                parts.extend([Part::Night, Part::Breakers, Part::Run(attempt.run.clone())]);
                parts.extend(self.notes.open(&attempt.run.session).next().map(|_| Part::Notes));
            }
            Fact::TicketMoved { .. } => parts.extend([Part::Tickets]),
            Fact::DraftMoved { draft, .. } => {
                parts.insert(Part::Drafts);
                parts.extend(draft.is_taken().then_some(Part::Notes));
            }
            Fact::AttemptEnded { attempt, .. } => {
                parts.insert(Part::Run(attempt.run.clone()));
                parts.extend((self.drafts.last > 0).then_some(Part::Drafts));
                parts.extend((self.tickets.last > 0).then_some(Part::Tickets));
            }
            Fact::AttemptStarted { attempt, .. }
            | Fact::OutputObserved { attempt, .. }
            | Fact::ChecksDone { attempt, .. }
            | Fact::Told { attempt, .. }
            | Fact::AttemptUsed { attempt, .. }
            | Fact::Conversation { attempt, .. }
            | Fact::AgentMoved { attempt, .. } => parts.extend([Part::Run(attempt.run.clone())]),
            Fact::TmuxStarted { .. } | Fact::TmuxLost { .. } => parts.extend([Part::Tmux]),
            Fact::BreakerMoved { .. }
            | Fact::ProjectParked { .. }
            | Fact::DaemonCrashed { .. }
            | Fact::SafeMode { .. } => parts.extend([Part::Breakers]),
            Fact::PlanRejected { .. }
            | Fact::StopIntended { .. }
            | Fact::OperatorActed { .. }
            | Fact::ClockJumped { .. }
            | Fact::StoodStill { .. }
            | Fact::Trouble { .. }
            | Fact::Worded { .. }
            | Fact::Cleaned { .. }
            | Fact::AlertMoved { .. }
            | Fact::MessageSettled { .. } => {}
            Fact::MessageQueued { .. } => parts.extend(super::delivery::night_of(fact).map(|_| Part::Night)),
        }
    }
}

/// A row of a value. `None` cannot happen: the types have no maps that JSON lacks keys for, and numbers are finite.
fn row<T: Serialize>(kind: &'static str, key: String, value: &T) -> Option<Row> {
    let body = serde_json::to_string(value).ok()?;
    Some(Row { kind, key, body })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::event::Event;
    use crate::core::fact::GitBase;
    use crate::core::testing::{Desk, code, plan, session, with_project};

    #[test]
    fn what_projects_showed_has_a_row_of_its_own_and_comes_back() {
        let mut desk = Desk::new(with_project(plan([session("x")]), "home", "/home/anna"));
        desk.up(&[]);
        let home = ProjectName::new("home").unwrap();
        desk.step(Event::ProjectBase { project: home.clone(), git: GitBase::Unborn });
        let work = ProjectWork { commit_count: 3, ..ProjectWork::default() };
        let step = desk.step(Event::ProjectSeen { project: home.clone(), work: work.clone() });
        let rows = desk.night.state.rows_for(&step.facts);
        let keys: Vec<(&str, &str)> = rows.iter().map(|row| (row.kind, row.key.as_str())).collect();
        assert_eq!(keys, [("work", "2026-11-21/home"), ("world", "last")]);
        let again = desk.step(Event::ProjectSeen { project: home.clone(), work });
        assert!(again.facts.is_empty(), "nothing new was seen");
        let moved = desk.runs("x", code(0));
        let rows = desk.night.state.rows_for(&moved.facts);
        assert!(rows.iter().all(|row| row.kind != "work"), "{rows:?}");
        desk.crash();
        assert_eq!(desk.night.state.night.as_ref().unwrap().work.get(&home).unwrap().commit_count, 3);
    }

    #[test]
    fn rows_of_a_newer_version_are_left_alone_and_a_broken_one_is_named() {
        let row = |kind: &str, key: &str, body: &str| (kind.to_owned(), key.to_owned(), body.to_owned());
        let newer = [row("budget", "x", "{}"), row("world", "lease", "7")];
        assert_eq!(State::from_rows(newer.into_iter()).unwrap(), State::default());
        let error = State::from_rows([row("run", "2026-11-21/x/1", "{")].into_iter()).unwrap_err();
        assert!(error.to_string().starts_with("the row run 2026-11-21/x/1 does not have the expected form"));
    }

    #[test]
    fn facts_about_what_nobody_knows_change_nothing() {
        use crate::core::ids::{AttemptId, NightId};
        use crate::core::run::{OutputSeen, RunState};
        let run: RunId = "2026-11-21/x/1".parse().unwrap();
        let attempt = AttemptId { run: run.clone(), number: 1 };
        let night = NightId::new("2026-11-21").unwrap();
        let at = At { wall: crate::core::time::Wall(1), mono: crate::core::time::Mono(1) };
        let facts = [
            Fact::RunMoved { run: run.clone(), to: RunState::Queued, reason: String::new() },
            Fact::CounterReset { run: run.clone(), reason: String::new() },
            Fact::HoldSet { run: run.clone(), held: true },
            Fact::RunOrphaned { run },
            Fact::AttemptIntended { attempt: attempt.clone() },
            Fact::OutputObserved { attempt: attempt.clone(), output: Box::<OutputSeen>::default() },
            Fact::AttemptEnded { attempt: attempt.clone(), exit: code(0), verdict: None, counted: true },
            Fact::ChecksDone { attempt, results: Vec::new() },
            Fact::NightClosing { night: night.clone(), reason: String::new(), stays: false },
            Fact::NightClosed { night: night.clone(), reason: String::new() },
            Fact::ReportWritten { night, files: Vec::new() },
            Fact::DaemonStopped { reason: String::new() },
        ];
        let mut state = State::default();
        for fact in facts {
            state.apply(&Entry { at, fact });
        }
        assert_eq!(state, State { last: Some(at), ..State::default() });
    }
}
