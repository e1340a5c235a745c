//! What comes next, and why not yet.

use super::project::{next_of, plan_of};
use super::text::{harmless, span};
use super::zone::{hh_mm_near, rfc3339};
use crate::core::ids::SessionName;
use crate::core::run::{Due, Run, RunState};
use crate::core::state::State;
use crate::core::time::{At, Wall};
use crate::core::why::{Holdup, holdups};
use crate::protocol::SCHEMA;
use crate::protocol::details::{Queue, QueueEntry};
use jiff::tz::TimeZone;

/// Names told in one line; of more there is the number.
const NAMES_TOLD: usize = 8;

/// By what the list is ordered: group, when something happens next, priority, name.
type Rank = (u8, Option<Wall>, i32, SessionName);

/// The sessions of the night that are to come: those ready first, then by when something happens next, held ones last.
pub fn queue(state: &State, now: At, zone: &TimeZone) -> Queue {
    let mut rows: Vec<(Rank, QueueEntry)> = Vec::new();
    for run in state.night_runs() {
        let Some(place) = place(run) else { continue };
        let plan = plan_of(state, &run.id.session);
        let priority = plan.map_or(0, |plan| plan.priority);
        let next = next_of(run, state);
        let entry = QueueEntry {
            session: run.id.session.to_string(),
            project: plan.and_then(|plan| plan.project.as_ref()).map(ToString::to_string),
            state: run.state.word().to_owned(),
            priority,
            next_at: next.map(rfc3339),
            why: why(state, run, now, zone),
        };
        rows.push(((place, next, -priority, run.id.session.clone()), entry));
    }
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    Queue {
        schema: SCHEMA,
        slots: state.slots(),
        taken: state.slots_taken(),
        nothing_starts: nothing_starts(state),
        entries: rows.into_iter().map(|(_, entry)| entry).collect(),
    }
}

/// Why nothing starts at all.
fn nothing_starts(state: &State) -> Option<String> {
    if let Some(why) = &state.breakers.safe_mode {
        return Some(format!("safe mode: {}", harmless(why)));
    }
    match state.open_night() {
        None => Some("no night is open: `nightkeep up` begins one".to_owned()),
        Some(night) if night.closing => Some("the night is ending".to_owned()),
        Some(_) => None,
    }
}

/// In which group it stands; `None` for what runs or has ended.
fn place(run: &Run) -> Option<u8> {
    match &run.state {
        RunState::Queued => Some(0),
        RunState::BackingOff { .. } | RunState::Limited { .. } | RunState::Scheduled { .. } => Some(1),
        RunState::Waiting { .. } => Some(2),
        RunState::Held => Some(3),
        RunState::Starting { .. }
        | RunState::Running { .. }
        | RunState::Checking { .. }
        | RunState::Stopping { .. }
        | RunState::Ended { .. } => None,
    }
}

fn why(state: &State, run: &Run, now: At, zone: &TimeZone) -> Vec<String> {
    let behind = state.held_by(run).map(|key| crate::core::guard::held_words(&key));
    let mut told: Vec<String> = behind.into_iter().collect();
    for holdup in holdups(state, &run.id.session) {
        let line = words_of(&holdup, now, zone);
        if !line.is_empty() && !told.contains(&line) {
            told.push(line);
        }
    }
    if run.state == RunState::Queued
        && let Some((left, what)) = state.paced(run, now.mono)
    {
        told.push(format!("{what}, {} more", span(left)));
    }
    told
}

/// One thing that holds a session up, in words.
pub fn words_of(holdup: &Holdup, now: At, zone: &TimeZone) -> String {
    let when = |at: Wall| format!("{} (in {})", hh_mm_near(at, now.wall, zone), span(at.since(now.wall)));
    match holdup {
        Holdup::Until { at } => format!("its time is {}", when(*at)),
        Holdup::Wait { until: Due { wall, .. }, reason } => {
            let reason = harmless(reason);
            let colon = if reason.is_empty() { "" } else { ": " };
            format!("waits until {}{colon}{reason}", when(*wall))
        }
        Holdup::Dependency { session, state } => {
            format!("after {session}, which is {}", state.unwrap_or("not asked for").replace('_', " "))
        }
        Holdup::Slots { by } => {
            let mut names: Vec<String> = by.iter().take(NAMES_TOLD).map(ToString::to_string).collect();
            if by.len() > NAMES_TOLD {
                names.push(format!("{} more", by.len() - NAMES_TOLD));
            }
            format!("all slots are taken: {}", names.join(", "))
        }
        Holdup::Alone => "it ran out of memory and starts only when nothing else runs".to_owned(),
        Holdup::Held => "held by an operator until it is released".to_owned(),
        Holdup::NoNight => "no night is open, or it is ending".to_owned(),
        Holdup::Over { outcome, reason } => {
            let outcome = outcome.map_or("no run", |outcome| outcome.as_str());
            format!("{outcome}: {}", harmless(reason))
        }
    }
}
