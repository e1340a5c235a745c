//! What holds a run up, as data: the answer to "why does it not start?".

use super::ids::SessionName;
use super::queue::Standing;
use super::run::{Due, Outcome, RunState};
use super::state::State;
use super::time::Wall;

/// One thing that a session waits for, or that keeps it from running.
#[derive(Debug, Clone, PartialEq)]
pub enum Holdup {
    /// Its time is to come.
    Until {
        /// When.
        at: Wall,
    },
    /// The back-off or limit after a failure.
    Wait {
        /// Until when.
        until: Due,
        /// What the wait is for.
        reason: String,
    },
    /// Another session has not ended well yet.
    Dependency {
        /// Which.
        session: SessionName,
        /// The state of its newest run, as a word; `None` when it has none.
        state: Option<&'static str>,
    },
    /// All slots are taken.
    Slots {
        /// By whom, in the order of their names.
        by: Vec<SessionName>,
    },
    /// It ran out of memory and is tried again only with nothing beside it.
    Alone,
    /// The operator holds it back.
    Held,
    /// The night is being closed, or none is open.
    NoNight,
    /// It has ended, or has no run tonight.
    Over {
        /// How its last run ended.
        outcome: Option<Outcome>,
        /// Why.
        reason: String,
    },
}

/// What keeps a session from running now; empty when it runs, or is about to.
pub fn holdups(state: &State, session: &SessionName) -> Vec<Holdup> {
    let Some(run) = state.latest_run(session) else {
        let reason = match state.session(session).map(|session| session.disabled) {
            None => "no such session",
            Some(true) => "disabled in the file",
            Some(false) => "no run tonight",
        };
        return vec![Holdup::Over { outcome: None, reason: reason.to_owned() }];
    };
    match &run.state {
        RunState::Scheduled { at } => vec![Holdup::Until { at: *at }],
        RunState::Waiting { on } => on.iter().map(|name| dependency(state, name)).collect(),
        RunState::Queued if state.open_night().is_none_or(|night| night.closing) => vec![Holdup::NoNight],
        RunState::Queued if state.slots_taken() >= state.slots() => {
            let takers = state.runs.values().filter(|run| state.takes_slot(run));
            vec![Holdup::Slots { by: takers.map(|run| run.id.session.clone()).collect() }]
        }
        RunState::Queued if state.slots_taken() > 0 => vec![Holdup::Alone],
        RunState::BackingOff { until } | RunState::Limited { until } => {
            vec![Holdup::Wait { until: until.clone(), reason: run.reason.clone() }]
        }
        RunState::Held => match state.session(session).map(|session| state.standing(session)) {
            Some(Standing::Pending(on)) if run.attempts.is_empty() => {
                let after = on.iter().map(|name| dependency(state, name));
                [Holdup::Held].into_iter().chain(after).collect()
            }
            Some(Standing::Free | Standing::Pending(_) | Standing::Blocked(_)) | None => vec![Holdup::Held],
        },
        RunState::Queued
        | RunState::Starting { .. }
        | RunState::Running { .. }
        | RunState::Checking { .. }
        | RunState::Stopping { .. } => Vec::new(),
        RunState::Ended { outcome } => {
            vec![Holdup::Over { outcome: Some(*outcome), reason: run.reason.clone() }]
        }
    }
}

fn dependency(state: &State, name: &SessionName) -> Holdup {
    Holdup::Dependency { session: name.clone(), state: state.latest_run(name).map(|run| run.state.word()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::event::Verb;
    use crate::core::testing::{Desk, code, name, plan, session, session_after};

    fn why(desk: &Desk, session: &str) -> Vec<Holdup> {
        holdups(&desk.night.state, &name(session))
    }

    #[test]
    fn every_reason_not_to_run_is_named() {
        let mut desk = Desk::new(plan([session("a"), session("b"), session_after("c", &["a", "b"])]));
        let mut one = desk.night.state.plan.clone();
        one.concurrent = 1;
        desk.load(one);
        assert!(matches!(&why(&desk, "a")[..], [Holdup::Over { outcome: None, reason }] if reason == "no run tonight"));
        assert!(
            matches!(&why(&desk, "z")[..], [Holdup::Over { outcome: None, reason }] if reason == "no such session")
        );
        desk.up(&[]);
        assert_eq!(why(&desk, "a"), []);
        assert_eq!(why(&desk, "b"), [Holdup::Slots { by: vec![name("a")] }]);
        let of = |session, state| Holdup::Dependency { session: name(session), state: Some(state) };
        assert_eq!(why(&desk, "c"), [of("a", "starting"), of("b", "queued")]);
        desk.verb(Verb::Hold, "c");
        assert_eq!(why(&desk, "c"), [Holdup::Held, of("a", "starting"), of("b", "queued")]);
        desk.runs("a", code(1));
        assert!(matches!(&why(&desk, "a")[..], [Holdup::Wait { reason, .. }] if reason.contains("1 of 5 attempts")));
        desk.runs("b", code(127));
        assert!(matches!(&why(&desk, "b")[..], [Holdup::Over { outcome: Some(Outcome::Failed), .. }]));
    }
}
