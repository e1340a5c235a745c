//! The state of the daemon's world: a fold over facts, and the rows the journal keeps of it.

use super::fact::Actor;
use super::fact::{GitBase, ProjectWork};
use super::ids::{NightId, ProjectName, RunId, SessionName};
use super::plan::{Plan, SessionPlan};
use super::run::Run;
use super::time::At;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// All that decisions depend on. Equal journals fold to equal states.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The plan in force.
    pub plan: Plan,
    /// Sessions that stand in no file.
    pub added: BTreeMap<SessionName, SessionPlan>,
    /// The open night, or the last one.
    pub night: Option<NightState>,
    /// The runs of that night by id, plus older dead letters.
    pub runs: BTreeMap<RunId, Run>,
    /// What is known of the daemon.
    pub daemon: Option<DaemonSeen>,
    /// The tmux server's process id, while one is known to run.
    pub tmux_pid: Option<u32>,
}

/// One night.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NightState {
    /// Its id.
    pub id: NightId,
    /// When it was (first) opened.
    pub opened: At,
    /// Who opened it.
    pub by: Actor,
    /// When it ended; `None` while open.
    pub closed: Option<At>,
    /// `down` was asked: it closes as soon as nothing runs.
    pub closing: bool,
    /// Starts of each session so far, for `hard_cap_starts`.
    pub starts: BTreeMap<SessionName, u32>,
    /// Where the projects' repositories stood.
    pub bases: BTreeMap<ProjectName, GitBase>,
    /// What they showed when last looked at.
    pub work: BTreeMap<ProjectName, ProjectWork>,
}

/// The daemon as the journal knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DaemonSeen {
    /// Its process id.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// Which boot.
    pub boot_id: String,
    /// Since when.
    pub started: At,
    /// Whether it ended in order.
    pub stopped: bool,
}
