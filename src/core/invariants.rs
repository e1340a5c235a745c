//! What must hold of the state after every step.

use super::ids::AttemptId;
use super::run::{Run, RunState};
use super::state::State;
use std::collections::BTreeMap;

impl State {
    /// Checks what must always hold; the error names what does not. Checked after every step in debug builds and in the
    /// simulated nights.
    pub fn check(&self) -> Result<(), String> {
        let mut open = BTreeMap::new();
        let mut starts = BTreeMap::new();
        for (id, run) in &self.runs {
            if *id != run.id {
                return Err(format!("{id} is filed for {}", run.id));
            }
            check_run(run).map_err(|problem| format!("{id} ({}): {problem}", run.state.word()))?;
            if !run.state.is_ended()
                && let Some(other) = open.insert(&id.session, id)
            {
                return Err(format!("{id} and {other} are both open"));
            }
            if self.night.as_ref().is_some_and(|night| night.id == id.night) {
                *starts.entry(&id.session).or_insert(0_usize) += run.attempts.len();
            }
        }
        let Some(night) = &self.night else {
            return if self.runs.is_empty() { Ok(()) } else { Err("there are runs without a night".to_owned()) };
        };
        if night.closed.is_some() && !open.is_empty() {
            return Err(format!("the night {} is closed, but {:?} is open", night.id, open.values().next()));
        }
        for (session, number) in &starts {
            let known = night.starts.get(*session).copied().unwrap_or(0);
            if usize::try_from(known) != Ok(*number) {
                return Err(format!("{session} has {number} attempts tonight, but {known} starts"));
            }
        }
        Ok(())
    }
}

fn check_run(run: &Run) -> Result<(), &'static str> {
    for (place, attempt) in run.attempts.iter().enumerate() {
        if attempt.id.run != run.id || usize::try_from(attempt.id.number) != Ok(place + 1) {
            return Err("its attempts are not numbered from 1");
        }
        if attempt.exit.is_none() && place + 1 != run.attempts.len() {
            return Err("an older attempt has no end");
        }
        if attempt.exit.is_none() && attempt.verdict.is_some() {
            return Err("an attempt is judged without an end");
        }
    }
    let last = run.last_attempt();
    if run.session.as_ref().is_some_and(|session| run.counted > session.retry.max_attempts) {
        return Err("it counts more attempts than it has");
    }
    let alive = |attempt: &AttemptId| last.is_some_and(|last| last.id == *attempt && last.exit.is_none());
    let holds = match &run.state {
        RunState::Starting { attempt } => alive(attempt) && last.is_some_and(|last| last.started.is_none()),
        RunState::Running { attempt } => alive(attempt) && last.is_some_and(|last| last.started.is_some()),
        RunState::Stopping { attempt, .. } => alive(attempt),
        RunState::Checking { attempt } => last.is_some_and(|last| {
            last.id == *attempt && last.exit.is_some() && last.verdict.is_none() && last.checks.is_empty()
        }),
        RunState::BackingOff { .. } | RunState::Limited { .. } => last.is_some_and(|last| last.verdict.is_some()),
        RunState::Waiting { on } => !on.is_empty() && last.is_none(),
        RunState::Held => run.held,
        RunState::Scheduled { .. } | RunState::Queued | RunState::Ended { .. } => true,
    };
    if !holds {
        return Err("its state does not fit its attempts");
    }
    if run.state.live_attempt().is_none() && last.is_some_and(|last| last.exit.is_none()) {
        return Err("an attempt may live that its state knows nothing of");
    }
    Ok(())
}
