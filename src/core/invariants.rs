//! What must hold of the state after every step.

use super::ids::AttemptId;
use super::run::{Run, RunState};
use super::state::State;

impl State {
    /// Checks what must always hold; the error names what does not. Checked after every step in debug builds and in the
    /// simulated nights.
    pub fn check(&self) -> Result<(), String> {
        let Some(night) = &self.night else {
            return if self.runs.is_empty() { Ok(()) } else { Err("there are runs without a night".to_owned()) };
        };
        // Runs are sorted by night, session and number, so those of a session follow each other.
        let mut before: Option<&Run> = None;
        let mut starts = 0_usize;
        for (id, run) in &self.runs {
            if *id != run.id {
                return Err(format!("{id} is filed for {}", run.id));
            }
            check_run(run).map_err(|problem| format!("{id} ({}): {problem}", run.state.word()))?;
            if !run.state.is_ended() && (id.night != night.id || night.closed.is_some()) {
                return Err(format!("{id} is open, but its night is closed"));
            }
            let same = before.filter(|before| before.id.session == id.session && before.id.night == id.night);
            if same.is_some_and(|before| !before.state.is_ended()) {
                return Err(format!("{id} is not the only open run of its session"));
            }
            if same.is_none() {
                starts = 0;
            }
            starts += run.attempts.len();
            before = Some(run);
            let known = night.starts.get(&id.session).copied().unwrap_or(0);
            if id.night == night.id && usize::try_from(known).is_ok_and(|known| known < starts) {
                return Err(format!("{} has {starts} attempts tonight, but {known} starts", id.session));
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
        RunState::BackingOff { .. } => last.is_some_and(|last| last.verdict.is_some()),
        RunState::Limited { .. } => last.is_none_or(|last| last.exit.is_some()),
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
