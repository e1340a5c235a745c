//! The alerts of a night with what became of each, from its facts.

use super::project::alert as status;
use super::text::harmless;
use super::zone::rfc3339;
use crate::core::alert::Alert;
use crate::core::fact::{Entry, Fact};
use crate::core::time::Wall;
use crate::protocol::SCHEMA;
use crate::protocol::details::{AlertHistory, AlertMove, PastAlert};
use std::collections::BTreeMap;

/// Most alerts of one answer.
pub const ALERTS_MAX: usize = 500;
/// Most moves told of one alert; the oldest stay.
const MOVES_MAX: usize = 40;

/// Folds facts, in their order, into the alerts they tell of, newest first.
pub fn history<'e>(night: Option<&str>, facts: impl IntoIterator<Item = &'e Entry>) -> AlertHistory {
    let mut known: BTreeMap<u64, (&Alert, Option<Wall>, Vec<AlertMove>)> = BTreeMap::new();
    for entry in facts {
        if let Fact::AlertMoved { alert, why } = &entry.fact {
            let (last, over, moves) = known.entry(alert.number).or_insert_with(|| (alert, None, Vec::new()));
            *last = alert;
            *over = if alert.is_over() { over.or(Some(entry.at.wall)) } else { None };
            if moves.len() == MOVES_MAX {
                moves.remove(MOVES_MAX / 2);
            }
            let (at, state) = (rfc3339(entry.at.wall), alert.word().to_owned());
            moves.push(AlertMove { at, state, why: harmless(why) });
        }
    }
    let left_out = u64::try_from(known.len().saturating_sub(ALERTS_MAX)).unwrap_or(0);
    let newest = known.into_values().rev().take(ALERTS_MAX);
    let alerts = newest.map(|(alert, over, moves)| PastAlert { alert: status(alert), over: over.map(rfc3339), moves });
    AlertHistory { schema: SCHEMA, night: night.map(str::to_owned), alerts: alerts.collect(), left_out }
}
