//! Alerts within a step: what changed is journaled, what is to be told goes to the outbox in the same transaction, and
//! only then is it handed out.

use super::conditions::TROUBLE_LASTS;
use super::lifecycle::{self, Scene, advance, next_change};
use super::message::{MessageKind, Outcome, Severity};
use super::quiet;
use super::telling;
use super::watch::Watch;
use super::{Alert, AlertAct, Outgoing, Settled};
use crate::core::effect::Effect;
use crate::core::event::Timer;
use crate::core::fact::{Actor, Fact};
use crate::core::night::Night;
use crate::core::plan::Plan;
use crate::core::state::State;
use crate::core::time::Mono;
use crate::core::turn::Turn;
use std::collections::BTreeSet;
use std::time::Duration;

/// First and longest wait before a message is tried again.
const RETRY: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(15 * 60));
/// A service may ask for a wait up to this.
const RETRY_AFTER_AT_MOST: Duration = Duration::from_secs(3600);
/// A message that could not be delivered for this long is given up.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(6 * 3600);
/// How often what waits for something else is looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// The timer is never armed for less.
const AT_LEAST: Duration = Duration::from_secs(1);
/// Most messages queued in one step.
const AT_ONCE: usize = 64;

/// What a daemon knows of alerts besides the state; a new one begins with nothing, and hands out again what may have
/// been under way.
#[derive(Debug, Clone, Default)]
pub(in crate::core) struct Post {
    /// Keys of messages that are being sent.
    under_way: BTreeSet<String>,
    /// For when the timer is armed.
    armed: Option<Mono>,
    /// The timer ran out.
    pub(in crate::core) due: bool,
    /// What is wrong.
    watch: Watch,
}

impl Post {
    /// Takes note of a fact, which is in the state by now.
    pub(in crate::core) fn note(&mut self, fact: &Fact) {
        self.watch.note(fact);
    }
    /// Whether what is believed to be wrong is what follows from the state; the error says where it is not.
    pub(in crate::core) fn check(&self, state: &State, now: Mono) -> Result<(), String> {
        self.watch.check(state, now)
    }
}

impl Turn<'_> {
    /// The timer of the alerts ran out. One that was armed before a later one was is of no use.
    pub(in crate::core) fn alerts_due(&mut self) {
        let soon = self.state().alerts.now(self.at).plus(AT_LEAST);
        if self.night.post.armed.is_none_or(|armed| armed <= soon) {
            self.night.post.armed = None;
            self.night.post.due = true;
        }
    }

    /// Holds the alerts against what is wrong now, and tells what is to be told.
    pub(in crate::core) fn tend_alerts(&mut self) {
        let due = std::mem::take(&mut self.night.post.due);
        if !due && !self.plan_known && !self.night.post.watch.is_touched() {
            return;
        }
        let (now, wall) = (self.state().alerts.now(self.at), self.at.wall);
        let night = self.state().night.as_ref().map(|night| night.id.to_string());
        let scene = Scene { now, wall, night: night.as_deref() };
        self.hold_against_what_is_wrong(scene, due);
        if self.night.awaits_plan {
            // Who is to be told stands in the file.
            return;
        }
        self.drop_what_is_over();
        self.sum_up(scene);
        let alerts = &self.state().alerts;
        let is_quiet = (alerts.known.values().any(telling::is_news) || !alerts.outbox.is_empty()) && self.is_quiet();
        for _ in 0..AT_ONCE {
            let state = self.state();
            let rules = &self.night.post.watch.rules;
            let ground = telling::Ground::new(&state.alerts, &state.plan, rules, scene, is_quiet);
            let Some(letter) = telling::next_letter(&ground) else { break };
            let alerts = letter.moved.iter().map(|alert| alert.number).collect();
            for mut alert in letter.moved {
                telling::note_steps(&self.night.post.watch.rules, &mut alert, now);
                self.alert_moved(alert, "told");
            }
            self.fact(Fact::MessageQueued { message: Box::new(letter.message), alerts });
        }
        self.hand_out(now, is_quiet);
        self.arm_alerts(scene, is_quiet);
    }

    /// Moves the alerts to where they stand by what is wrong now.
    fn hold_against_what_is_wrong(&mut self, scene: Scene<'_>, due: bool) {
        // A second round follows up on what the first one changed.
        for round in 0..2 {
            let Night { post, state, .. } = &mut *self.night;
            let look = post.watch.refresh(state, scene.now, due && round == 0);
            let moves = advance(&state.alerts, &post.watch, &look, scene);
            if moves.is_empty() {
                return;
            }
            for (alert, why) in moves {
                self.alert_moved(alert, why);
            }
        }
    }

    /// Whether it is quiet. Without a channel there is nobody to be quiet for.
    fn is_quiet(&self) -> bool {
        let plan = &self.state().plan;
        !plan.channels.is_empty()
            && plan.alerts.quiet.is_some()
            && quiet::is_quiet(plan.alerts.quiet, self.at.wall, &self.night.zone)
    }

    fn alert_moved(&mut self, alert: Alert, why: &str) {
        self.fact(Fact::AlertMoved { alert: Box::new(alert), why: why.to_owned() });
    }

    /// Takes back what nobody needs to hear any more.
    fn drop_what_is_over(&mut self) {
        let alerts = &self.state().alerts;
        let over = |outgoing: &Outgoing| {
            let known = |number: &u64| alerts.known.get(number).is_none_or(Alert::is_over);
            match outgoing.message.kind {
                MessageKind::Fired | MessageKind::Repeated | MessageKind::Escalated => {
                    outgoing.alerts.iter().all(known)
                }
                // The word at a night's end is nothing once another has begun.
                MessageKind::Summary => outgoing.alerts.is_empty() && outgoing.message.count == 0 && !alerts.summed_up,
                MessageKind::Resolved | MessageKind::Test | MessageKind::Report => false,
            }
        };
        let of_no_use =
            alerts.outbox.iter().filter(|(key, outgoing)| !self.night.post.under_way.contains(*key) && over(outgoing));
        for key in of_no_use.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
            let then = Settled::Dropped { why: "it is over".to_owned() };
            self.fact(Fact::MessageSettled { key, then });
        }
    }

    /// At the night's end says what needs somebody, or that nothing does.
    fn sum_up(&mut self, scene: Scene<'_>) {
        let state = self.state();
        let closed = state.night.as_ref().is_some_and(|night| night.closed.is_some());
        if !closed || state.alerts.summed_up || state.night_runs().next().is_none() {
            return;
        }
        for message in telling::of_the_night(&state.alerts, &state.plan, &self.night.post.watch.rules, scene) {
            self.fact(Fact::MessageQueued { message: Box::new(message), alerts: Vec::new() });
        }
    }

    /// Hands out what is due, unless it is under way.
    fn hand_out(&mut self, now: Mono, is_quiet: bool) {
        let outbox = &self.state().alerts.outbox;
        let due = outbox.iter().filter(|(key, outgoing)| {
            outgoing.due <= now
                && may_go(outgoing, is_quiet, &self.state().plan)
                && !self.night.post.under_way.contains(*key)
        });
        for (key, outgoing) in due.map(|(key, outgoing)| (key.clone(), outgoing.clone())).collect::<Vec<_>>() {
            if self.state().plan.channels.contains_key(&outgoing.message.channel) {
                self.night.post.under_way.insert(key);
                self.effect(Effect::Send { message: Box::new(outgoing.message) });
            } else {
                let why = format!("the channel {} is no longer in the file", outgoing.message.channel);
                self.fact(Fact::MessageSettled { key, then: Settled::Dropped { why } });
            }
        }
    }

    /// What came of a try to deliver a message.
    pub(in crate::core) fn sent(&mut self, key: String, outcome: Outcome) {
        self.night.post.under_way.remove(&key);
        let alerts = &self.state().alerts;
        let now = alerts.now(self.at);
        let Some(outgoing) = alerts.outbox.get(&key) else { return };
        let then = match outcome {
            Outcome::Delivered => Settled::Delivered,
            Outcome::Failed { why, permanent: true, .. } => Settled::GivenUp { why },
            Outcome::Failed { why, .. } if now.since(outgoing.queued) >= GIVEN_UP_AFTER => {
                Settled::GivenUp { why: format!("not delivered for {} h: {why}", GIVEN_UP_AFTER.as_secs() / 3600) }
            }
            Outcome::Failed { why, retry_after, permanent: false, reached } => {
                let doubled = RETRY.0.saturating_mul(1 << outgoing.tries.min(12)).min(RETRY.1);
                let asked = retry_after.unwrap_or_default().min(RETRY_AFTER_AT_MOST);
                Settled::Again { due: now.plus(doubled.max(asked)), why, reached }
            }
        };
        self.fact(Fact::MessageSettled { key, then });
    }

    /// Somebody does something about an alert.
    pub(in crate::core) fn alert_act(&mut self, id: &str, act: AlertAct, by: &Actor) {
        let alerts = &self.state().alerts;
        let now = alerts.now(self.at);
        let result = match alerts.by_id(id) {
            None => Err("no such alert".to_owned()),
            Some(alert) => {
                let steps = self.night.post.watch.rules.steps_due(alert, now);
                lifecycle::act(alert, act, &by.who, now, steps)
            }
        };
        let result = match result {
            Err(why) => why,
            Ok((moved, words)) => {
                if let Some(alert) = moved {
                    self.alert_moved(alert, act.as_str());
                }
                words
            }
        };
        self.acted(act.as_str(), id, by, result);
    }

    /// Arms the one timer for whatever time alone brings next.
    fn arm_alerts(&mut self, scene: Scene<'_>, is_quiet: bool) {
        let state = self.state();
        let (alerts, plan, now) = (&state.alerts, &state.plan, scene.now);
        let mut next: Option<Mono> = None;
        let mut sooner = |at: Mono| next = Some(next.map_or(at, |known: Mono| known.min(at)));
        alerts.known.values().filter_map(next_change).for_each(&mut sooner);
        let troubles = alerts.troubles.values().map(|trouble| trouble.last.plus(TROUBLE_LASTS));
        troubles.filter(|over| *over > now).for_each(&mut sooner);
        if alerts.known.values().any(|alert| alert.kind == "errors" && alert.holds && !alert.is_over()) {
            sooner(now.plus(LOOK_AGAIN));
        }
        let ground = telling::Ground::new(alerts, plan, &self.night.post.watch.rules, scene, is_quiet);
        telling::next_telling(&ground).into_iter().for_each(&mut sooner);
        let waits = telling::waits_until(&ground);
        let mut held_back = false;
        for (_, outgoing) in alerts.outbox.iter().filter(|(key, _)| !self.night.post.under_way.contains(*key)) {
            if may_go(outgoing, is_quiet, plan) { sooner(outgoing.due) } else { held_back = true }
        }
        if is_quiet
            && (waits.is_some() || held_back)
            && let Some(range) = plan.alerts.quiet
        {
            sooner(now.plus(quiet::look_again(range, scene.wall, &self.night.zone)));
        }
        waits.into_iter().for_each(&mut sooner);
        let Some(next) = next else { return };
        // Never at once: what is due now was done in this step.
        let next = next.max(now.plus(AT_LEAST));
        if self.night.post.armed.is_none_or(|armed| next < armed || armed <= now) {
            self.night.post.armed = Some(next);
            self.effect(Effect::Arm { timer: Timer::Alerts, epoch: 0, after: next.since(now) });
        }
    }
}

/// Whether a message may be sent at this time of day.
fn may_go(outgoing: &Outgoing, is_quiet: bool, plan: &Plan) -> bool {
    let always = match outgoing.message.kind {
        MessageKind::Test => true,
        // It is what the morning is for.
        MessageKind::Report => !plan.report.quiet_hours,
        MessageKind::Fired
        | MessageKind::Repeated
        | MessageKind::Escalated
        | MessageKind::Resolved
        | MessageKind::Summary => outgoing.message.severity == Severity::Critical,
    };
    always || !is_quiet
}
