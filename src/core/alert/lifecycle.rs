//! The life of an alert: pending, open, over, and what somebody said about it. A function from what is known and what is
//! wrong to what is known next.

use super::conditions::Condition;
use super::message::Severity;
use super::watch::Watch;
use super::{Alert, AlertAct, Alerts, Snooze, Stage};
use crate::core::time::{Mono, Wall};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// An alert is told once it held this long; what is over sooner stands in the report only.
pub(super) const WAIT: Duration = Duration::from_secs(30);
/// It is over when its condition was false for this long ...
pub(super) const OVER_AFTER: Duration = Duration::from_secs(300);
/// ... errors in the output for this ...
const ERRORS_OVER_AFTER: Duration = Duration::from_secs(900);
/// ... and one that comes and goes for this.
const FLAPPING_OVER_AFTER: Duration = Duration::from_secs(1800);
/// Coming up this often within [`FLAP_WITHIN`] is flapping.
pub(super) const FLAPS: usize = 3;
pub(super) const FLAP_WITHIN: Duration = Duration::from_secs(1800);
/// A critical alert that still holds this long after somebody said they know is told again.
pub(super) const ACK_LASTS: Duration = Duration::from_secs(45 * 60);
/// Longest snooze.
pub(super) const SNOOZE_AT_MOST: Duration = Duration::from_secs(24 * 3600);

/// When and in which night it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scene<'s> {
    pub(super) now: Mono,
    pub(super) wall: Wall,
    pub(super) night: Option<&'s str>,
}

/// An alert as it is from now on, and why.
pub(super) type Move = (Alert, &'static str);

/// What changes now: of what is to be looked at, by what makes two the same, and of alerts that time alone changes.
pub(super) fn advance(alerts: &Alerts, watch: &Watch, look: &BTreeSet<String>, scene: Scene<'_>) -> Vec<Move> {
    let mut moves = Vec::new();
    let mut last = alerts.last;
    let due = alerts.known.values().filter(|alert| next_change(alert).is_some_and(|at| at <= scene.now));
    let due: BTreeSet<&str> = due.map(|alert| alert.same.as_str()).collect();
    let look: BTreeSet<&str> = due.into_iter().chain(look.iter().map(String::as_str)).collect();
    for same in look {
        let numbers = watch.alerts.get(same).map(Vec::as_slice).unwrap_or_default();
        let of_it = || numbers.iter().rev().filter_map(|number| alerts.known.get(number));
        let Some(condition) = watch.wrong.get(same) else {
            moves.extend(
                of_it().filter(|alert| alert.holds || !alert.is_over()).filter_map(|alert| ceased(alert, scene)),
            );
            continue;
        };
        let caused = condition.because_of.as_ref().is_some_and(|cause| watch.wrong.contains_key(cause));
        let lately = |alert: &&Alert| alert.stage == Stage::Resolved && scene.now.since(alert.changed) < FLAP_WITHIN;
        // The one that stands for it: one that is not over, or was not long ago.
        let standing = of_it().find(|alert| !alert.is_over() || alert.holds);
        match standing.or_else(|| of_it().find(lately)) {
            Some(alert) => moves.extend(holds(alert, condition, caused, scene)),
            None => {
                last += 1;
                moves.push((new(last, same, condition, caused, scene), "new"));
            }
        }
    }
    moves
}

fn new(number: u64, same: &str, condition: &Condition, caused: bool, scene: Scene<'_>) -> Alert {
    let hash = Sha256::digest(same);
    Alert {
        number,
        same: same.to_owned(),
        key: hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect(),
        kind: condition.kind.to_owned(),
        severity: condition.severity,
        session: condition.session.clone(),
        project: condition.project.clone(),
        title: condition.title.clone(),
        body: condition.body.clone(),
        command: condition.command.clone(),
        night: scene.night.map(str::to_owned),
        since: scene.wall,
        opened: scene.now,
        stage: if caused { Stage::Inhibited } else { Stage::Pending },
        holds: true,
        changed: scene.now,
        count: 1,
        came: vec![scene.now],
        flapping: false,
        acked: None,
        snoozed: None,
        told: BTreeMap::new(),
        messages: 0,
        escalated: 0,
    }
}

/// Its condition is true.
fn holds(alert: &Alert, condition: &Condition, caused: bool, scene: Scene<'_>) -> Option<Move> {
    if alert.holds && alert.is_over() {
        // Somebody said that it is over; until it really was, it stays so.
        return None;
    }
    let mut next = alert.clone();
    let mut why = None;
    if !alert.holds {
        why = Some("came back");
        came_back(&mut next, scene);
    }
    if condition.severity > alert.severity {
        (next.acked, next.snoozed) = (None, None);
        why = Some("worse");
    }
    if condition.severity != alert.severity || condition.title != alert.title || why.is_some() {
        next.severity = condition.severity;
        next.title.clone_from(&condition.title);
        next.body.clone_from(&condition.body);
        next.command.clone_from(&condition.command);
        why = why.or(Some("changed"));
    }
    match next.stage {
        Stage::Pending if caused => {
            next.stage = Stage::Inhibited;
            why = Some("another alert tells of its cause");
        }
        Stage::Inhibited if !caused => {
            next.stage = Stage::Pending;
            next.opened = scene.now;
            why = Some("its cause is gone");
        }
        Stage::Pending if scene.now.since(next.opened) >= WAIT => {
            next.stage = Stage::Open;
            why = Some("opened");
        }
        Stage::Pending | Stage::Inhibited | Stage::Open | Stage::Resolved | Stage::Expired => {}
    }
    let unacked = next.acked.as_ref().is_some_and(|(_, at)| scene.now.since(*at) >= ACK_LASTS);
    if unacked && next.severity == Severity::Critical {
        next.acked = None;
        why = Some("nobody made it better");
    }
    if next.snoozed.is_some_and(|snooze| snooze.until.is_some_and(|until| until <= scene.now)) {
        next.snoozed = None;
        why = Some("the snooze is over");
    }
    why.map(|why| (next, why))
}

fn came_back(next: &mut Alert, scene: Scene<'_>) {
    next.holds = true;
    next.changed = scene.now;
    next.count += 1;
    next.came.retain(|at| scene.now.since(*at) < FLAP_WITHIN);
    next.came.push(scene.now);
    next.flapping = next.came.len() >= FLAPS;
    if next.snoozed.is_some_and(|snooze| snooze.until.is_none()) {
        next.snoozed = None;
    }
    if next.is_over() {
        next.stage = Stage::Pending;
        next.opened = scene.now;
        next.since = scene.wall;
        (next.acked, next.snoozed, next.escalated) = (None, None, 0);
        // Where the end was told, the return is news. Where it was not, nothing happened.
        next.told.retain(|_, told| !told.resolved);
    }
}

/// After how long without its condition an alert is over.
pub(super) fn over_after(alert: &Alert) -> Duration {
    match alert.kind.as_str() {
        _ if alert.flapping => FLAPPING_OVER_AFTER,
        "errors" => ERRORS_OVER_AFTER,
        _ => OVER_AFTER,
    }
}

/// Its condition is not true.
fn ceased(alert: &Alert, scene: Scene<'_>) -> Option<Move> {
    let mut next = alert.clone();
    if alert.is_over() {
        next.holds = false;
        next.changed = scene.now;
        return Some((next, "ceased"));
    }
    let of_another_night = alert.session.is_some() && alert.night.as_deref() != scene.night;
    if of_another_night {
        next.stage = Stage::Expired;
        next.holds = false;
        return Some((next, "its night is over"));
    }
    let silent = matches!(alert.stage, Stage::Pending | Stage::Inhibited) && alert.told.is_empty();
    if alert.holds {
        next.holds = false;
        next.changed = scene.now;
        if silent {
            next.stage = Stage::Resolved;
            return Some((next, "over before it was told"));
        }
        if alert.snoozed.is_some_and(|snooze| snooze.until.is_none()) {
            next.snoozed = None;
        }
        return Some((next, "ceased"));
    }
    if scene.now.since(alert.changed) >= over_after(alert) {
        next.stage = Stage::Resolved;
        // A resolved alert may come back: from here on counts how long it has been over.
        next.changed = scene.now;
        return Some((next, "over"));
    }
    None
}

/// What somebody does about an alert: the alert as it is then, with the words for it; the error is why not. `steps` of the
/// escalation are due by now.
pub(super) fn act(
    alert: &Alert,
    act: AlertAct,
    who: &str,
    now: Mono,
    steps: u32,
) -> Result<(Option<Alert>, String), String> {
    if alert.is_over() {
        return match act {
            AlertAct::Resolve => Ok((None, "done: it is over already".to_owned())),
            AlertAct::Ack | AlertAct::Snooze { .. } | AlertAct::Escalate => Err("it is over already".to_owned()),
        };
    }
    let mut next = alert.clone();
    let words = match act {
        AlertAct::Ack if alert.acked.is_some() => return Ok((None, "done: somebody knows already".to_owned())),
        AlertAct::Ack => {
            next.acked = Some((who.to_owned(), now));
            "done: it is not told again".to_owned()
        }
        AlertAct::Snooze { seconds: None } => {
            next.snoozed = Some(Snooze { until: None });
            "done: it is not told until it changes".to_owned()
        }
        AlertAct::Snooze { seconds: Some(seconds) } => {
            let span = Duration::from_secs(seconds);
            if span.is_zero() || span > SNOOZE_AT_MOST {
                return Err("a snooze is longer than nothing and at most a day".to_owned());
            }
            next.snoozed = Some(Snooze { until: Some(now.plus(span)) });
            format!("done: it is not told for {} min", seconds.div_ceil(60))
        }
        AlertAct::Resolve => {
            next.stage = Stage::Resolved;
            // `holds` stays: while its condition is true it does not come up again.
            "done: over until it comes up anew".to_owned()
        }
        AlertAct::Escalate => {
            (next.acked, next.snoozed) = (None, None);
            next.stage = Stage::Open;
            next.escalated = steps + 1;
            "done: the next in line are told".to_owned()
        }
    };
    Ok((Some(next), words))
}

/// When time alone changes an alert.
pub(super) fn next_change(alert: &Alert) -> Option<Mono> {
    if alert.is_over() {
        return None;
    }
    let pending = (alert.holds && alert.stage == Stage::Pending).then(|| alert.opened.plus(WAIT));
    let over = (!alert.holds).then(|| alert.changed.plus(over_after(alert)));
    let unacked = (alert.severity == Severity::Critical && alert.holds)
        .then(|| alert.acked.as_ref().map(|(_, at)| at.plus(ACK_LASTS)))
        .flatten();
    let woken = alert.snoozed.and_then(|snooze| snooze.until).filter(|_| alert.holds);
    [pending, over, unacked, woken].into_iter().flatten().min()
}
