//! What outlives `SIGKILL`: a process that waits for a device cannot be ended by anybody until that answers. Its session
//! stays as it is, so that nothing runs beside it, but its slot goes to others, and somebody is told.

use super::effect::Effect;
use super::event::Timer;
use super::finding::{Finding, FindingKind, Found};
use super::ids::AttemptId;
use super::run::{Run, RunState};
use super::turn::Turn;
use std::time::Duration;

/// How long after the last kill it is looked for what is left.
pub(super) const LOOK_AFTER: Duration = Duration::from_secs(10);
/// How often it is looked again.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// Most processes that are named.
const NAMED: usize = 8;

/// A process that is left of an attempt although it was killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remaining {
    /// Its process id.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// The letter of its state, as proc(5) lists them.
    pub state: char,
    /// Where in the kernel it waits, if that is told.
    pub waits: Option<String>,
}

impl Remaining {
    /// In words: `pid 41 (rsync) in state D, waits for a disk or a network share (nfs_wait_bit_killable)`.
    fn words(&self) -> String {
        let Self { pid, name, state, waits } = self;
        let whose = if name.is_empty() { format!("pid {pid}") } else { format!("pid {pid} ({name})") };
        let place = waits.as_ref().map_or_else(String::new, |place| format!(" ({place})"));
        match state {
            'D' => format!("{whose} in state D, waits for a disk or a network share{place}"),
            _ => format!("{whose} in state {state}{place}"),
        }
    }
}

impl Run {
    /// Whether it lives only because nothing can end it.
    pub fn is_unkillable(&self) -> bool {
        self.state.live_attempt().is_some() && self.finding(FindingKind::Unkillable, "").is_some_and(Finding::is_open)
    }
}

impl Turn<'_> {
    /// A stop should be through by now.
    pub(super) fn stop_overdue(&mut self, id: &AttemptId, epoch: u64) {
        let waits = |run: &Run| matches!(&run.state, RunState::Stopping { attempt, .. } if attempt == id);
        if self.run(&id.run).is_some_and(waits) {
            self.effect(Effect::LookForRemains { attempt: id.clone() });
            self.effect(Effect::Arm { timer: Timer::StopOverdue(id.clone()), epoch, after: LOOK_AGAIN });
        }
    }

    /// It was looked what is left of an attempt that was killed.
    pub(super) fn remains(&mut self, id: &AttemptId, left: &[Remaining]) {
        let lives = |run: &Run| match &run.state {
            RunState::Stopping { attempt, .. } | RunState::Running { attempt } => attempt == id,
            RunState::Scheduled { .. }
            | RunState::Waiting { .. }
            | RunState::Queued
            | RunState::Starting { .. }
            | RunState::Checking { .. }
            | RunState::BackingOff { .. }
            | RunState::Limited { .. }
            | RunState::Held
            | RunState::Ended { .. } => false,
        };
        if !self.run(&id.run).is_some_and(lives) {
            return;
        }
        let Some(first) = left.iter().find(|process| process.state == 'D').or(left.first()) else {
            return self.resolve(&id.run, FindingKind::Unkillable, "", "nothing of it is left");
        };
        let more = if left.len() > 1 { format!(", and {} more", left.len() - 1) } else { String::new() };
        self.found(
            &id.run,
            Found {
                kind: FindingKind::Unkillable,
                subject: String::new(),
                what: format!("cannot be killed: {}{more}; its slot is free for others", first.words()),
                evidence: left.iter().take(NAMED).map(Remaining::words).collect(),
                acted: None,
            },
        );
    }
}
