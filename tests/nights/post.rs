//! The judge of alerts and messages: what the facts and effects say is held against the file, the clock on the wall and
//! what was told before. It keeps books of its own and takes nothing of the decisions from the state.

use super::judge::{Judged, ensure};
use super::sim::berlin;
use super::world::World;
use nightkeep::core::alert::message::{Message, MessageKind, Severity};
use nightkeep::core::alert::{Alert, CAP_CRITICAL, CAP_HOUR, CAP_NIGHT, Settled, Stage};
use nightkeep::core::effect::Effect;
use nightkeep::core::event::Event;
use nightkeep::core::fact::{Entry, Fact};
use nightkeep::core::night::Step;
use nightkeep::core::plan::Plan;
use nightkeep::core::state::State;
use nightkeep::core::time::Wall;
use std::collections::{BTreeMap, BTreeSet};

const HOUR: u64 = 3_600_000;

/// What a channel was told of an alert, by the judge's books.
#[derive(Debug, Clone, Copy)]
struct Told {
    t: u64,
    boot: u32,
    delivered: bool,
    resolved: bool,
}

#[derive(Default)]
pub struct Post {
    plan: Plan,
    night: Option<String>,
    alerts: BTreeMap<u64, Alert>,
    told: BTreeMap<(u64, String), Told>,
    /// All messages ever, and those that are not settled.
    messages: BTreeMap<String, (Message, Vec<u64>)>,
    open: BTreeSet<String>,
    /// Handed to this daemon's rim and not answered.
    handed: BTreeSet<String>,
    /// When messages were queued, by channel: true time, boot, critical.
    queued: BTreeMap<String, Vec<(u64, u32, bool)>>,
    /// Those of the night that are not critical, by channel.
    tonight: BTreeMap<String, usize>,
    /// Found wanting at the last look; twice is too often.
    suspect: BTreeSet<String>,
    summed_up: BTreeSet<String>,
    /// Channels that got the report of a night, and nothing has happened since.
    reported: BTreeSet<(String, String)>,
}

/// Whether it is quiet, worked out without the core.
fn quiet(plan: &Plan, wall: Wall) -> bool {
    let Some((from, to)) = plan.alerts.quiet else { return false };
    let offset = i64::from(berlin().to_offset(jiff::Timestamp::from_millisecond(wall.0).unwrap()).seconds()) * 1_000;
    let minute = u16::try_from((wall.0 + offset).rem_euclid(86_400_000) / 60_000).unwrap();
    if from < to { (from..to).contains(&minute) } else { !(to..from).contains(&minute) }
}

impl Post {
    pub fn step(&mut self, event: &Event, step: &Step, state: &State, world: &World) -> Judged {
        match event {
            Event::DaemonStarted { .. } => {
                self.handed.clear();
                self.suspect.clear();
            }
            Event::Sent { key, .. } => {
                self.handed.remove(key);
            }
            _ => {}
        }
        for entry in &step.facts {
            self.fact(entry, world)?;
        }
        for effect in &step.effects {
            if let Effect::Send { message } = effect {
                self.sends(message, world)?;
            }
        }
        if matches!(event, Event::Reconciled { .. }) { self.nothing_is_forgotten(state, world) } else { Ok(()) }
    }

    fn fact(&mut self, entry: &Entry, world: &World) -> Judged {
        match &entry.fact {
            Fact::PlanAdopted { plan, .. } => self.plan = (**plan).clone(),
            Fact::NightOpened { night, .. } => {
                if self.night.as_deref() != Some(night.as_str()) {
                    self.tonight.clear();
                }
                self.night = Some(night.to_string());
                self.summed_up.remove(night.as_str());
            }
            Fact::RunCreated { run, .. } | Fact::RunMoved { run, .. } => {
                self.reported.retain(|(night, _)| night != run.night.as_str());
            }
            Fact::AlertMoved { alert, .. } => self.moved(alert)?,
            Fact::MessageQueued { message, alerts } => self.queues(message, alerts, world)?,
            Fact::MessageSettled { key, then } => {
                ensure(self.open.contains(key), || format!("A5: {key} is settled, but not in the outbox"))?;
                if !matches!(then, Settled::Again { .. }) {
                    self.open.remove(key);
                }
                if let (Settled::Delivered, Some((message, alerts))) = (then, self.messages.get(key)) {
                    for number in alerts {
                        if let Some(told) = self.told.get_mut(&(*number, message.channel.clone())) {
                            told.delivered = true;
                        }
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn moved(&mut self, alert: &Alert) -> Judged {
        let twin = self.alerts.values().find(|other| {
            other.key == alert.key && other.number != alert.number && !other.is_over() && !alert.is_over()
        });
        ensure(twin.is_none(), || format!("A2: {} and {:?} are the same alert", alert.id(), twin.map(Alert::id)))?;
        self.alerts.insert(alert.number, alert.clone());
        Ok(())
    }

    fn queues(&mut self, message: &Message, alerts: &[u64], world: &World) -> Judged {
        let key = message.key.clone();
        let again = self.messages.insert(key.clone(), (message.clone(), alerts.to_vec()));
        ensure(again.is_none(), || format!("A5: {key} is the key of two messages"))?;
        self.open.insert(key.clone());
        if message.kind == MessageKind::Report {
            let place = (message.night.clone().unwrap_or_default(), message.channel.clone());
            ensure(self.plan.report.deliver.contains(&message.channel), || format!("D1: {key} is for nobody"))?;
            return ensure(self.reported.insert(place), || format!("D2: {key} is a report that was sent before"));
        }
        let critical = message.severity == Severity::Critical;
        if alerts.is_empty() && message.count == 0 {
            self.summed_up.insert(message.night.clone().unwrap_or_default());
            return Ok(());
        }
        ensure(critical || !quiet(&self.plan, world.wall()), || format!("A1: {key} is queued in quiet hours"))?;
        let log = self.queued.entry(message.channel.clone()).or_default();
        log.push((world.t, world.boot, critical));
        let lately = log.iter().filter(|(t, boot, c)| *c == critical && *boot == world.boot && t + HOUR > world.t);
        let most = if critical { CAP_CRITICAL } else { CAP_HOUR + 1 };
        let count = lately.count();
        ensure(count <= most, || format!("A4: {key} is message {count} of {most} in an hour"))?;
        let tonight = self.tonight.entry(message.channel.clone()).or_default();
        *tonight += usize::from(!critical);
        // Beside the cap one word an hour that more waits.
        let most = 2 * usize::try_from(CAP_NIGHT).unwrap();
        ensure(*tonight <= most, || format!("A4: {key} is message {tonight} of the night"))?;
        for number in alerts {
            self.tells(*number, message, world)?;
        }
        Ok(())
    }

    fn tells(&mut self, number: u64, message: &Message, world: &World) -> Judged {
        let Some(alert) = self.alerts.get(&number) else {
            return Err(format!("A5: {} tells of an alert that nobody knows", message.key));
        };
        let key = &message.key;
        let place = (number, message.channel.clone());
        let before = self.told.get(&place).copied().filter(|told| !told.resolved);
        let now = Told { t: world.t, boot: world.boot, delivered: false, resolved: false };
        if alert.is_over() {
            let owed = before.is_some_and(|told| told.delivered);
            ensure(owed, || format!("A3: {key} tells the end of what was not told"))?;
            let kind = matches!(message.kind, MessageKind::Resolved | MessageKind::Summary);
            ensure(kind, || format!("A3: {key} tells an alert that is over"))?;
            self.told.insert(place, Told { resolved: true, delivered: true, ..now });
            return Ok(());
        }
        ensure(alert.stage == Stage::Open, || format!("A6: {key} tells an alert that is {}", alert.word()))?;
        ensure(alert.acked.is_none(), || format!("A7: {key} tells what somebody knows"))?;
        ensure(alert.snoozed.is_none(), || format!("A7: {key} tells what is snoozed"))?;
        let asked =
            message.kind == MessageKind::Escalated || (message.kind == MessageKind::Summary && alert.escalated > 0);
        if let Some(before) = before.filter(|_| !asked) {
            let repeat = self.plan.alerts.repeat_of(alert.severity);
            let waited = u128::from(world.t - before.t);
            let mut due = before.boot != world.boot || repeat.is_some_and(|repeat| waited >= repeat.as_millis());
            due |= alert.kind == "waiting_for_you" && self.step_within(alert, &message.channel, waited);
            ensure(due, || format!("A3: {key} tells {} again after {waited} ms", alert.id()))?;
        }
        let delivered = before.is_some_and(|told| told.delivered);
        self.told.insert(place, Told { delivered, ..now });
        Ok(())
    }

    /// Whether a step of the escalation came due for an open alert in the time since it was told before.
    fn step_within(&self, alert: &Alert, channel: &str, waited: u128) -> bool {
        let Some(told) = alert.told.get(channel) else { return false };
        let open = told.last.since(alert.opened).as_millis();
        let steps = || self.plan.alerts.escalate.iter().map(|step| step.after.as_millis());
        let last = steps().max().unwrap_or(0);
        let all = (0..5).flat_map(|round| steps().map(move |after| round * last + after));
        all.into_iter().any(|after| after > 0 && open.saturating_sub(waited) < after && after <= open)
    }

    fn sends(&mut self, message: &Message, world: &World) -> Judged {
        let key = &message.key;
        let known = self.messages.get(key).is_some_and(|(known, _)| known == message);
        ensure(known && self.open.contains(key), || format!("A5: {key} is sent without being in the outbox"))?;
        ensure(self.passes(message) || !quiet(&self.plan, world.wall()), || {
            format!("A1: {key} is sent in quiet hours")
        })?;
        ensure(self.handed.insert(key.clone()), || format!("A3: {key} is sent twice at once"))
    }

    /// Whether quiet hours do not hold a message back.
    fn passes(&self, message: &Message) -> bool {
        let report = message.kind == MessageKind::Report && !self.plan.report.quiet_hours;
        report || message.severity == Severity::Critical || message.kind == MessageKind::Test
    }

    /// O1, O2: what is due is sent, and the end of what was told is told. A look may come just before the timer, so only
    /// what two looks in a row find is held against anybody.
    fn nothing_is_forgotten(&mut self, state: &State, world: &World) -> Judged {
        let now = state.alerts.now(world.at());
        let is_quiet = quiet(&self.plan, world.wall());
        let mut found = BTreeSet::new();
        for key in &self.open {
            let Some((message, _)) = self.messages.get(key) else { continue };
            let Some(outgoing) = state.alerts.outbox.get(key) else {
                return Err(format!("O1: {key} is not delivered, and not in the outbox"));
            };
            let may_go = !is_quiet || self.passes(message);
            if may_go && outgoing.due <= now && !self.handed.contains(key) {
                found.insert(format!("O1: {key} waits in the outbox, and nobody sends it"));
            }
        }
        for ((number, channel), told) in self.told.iter().filter(|(_, told)| told.delivered && !told.resolved) {
            let Some(alert) = self.alerts.get(number).filter(|alert| alert.stage == Stage::Resolved) else { continue };
            let held_up =
                self.open.iter().any(|key| self.messages.get(key).is_some_and(|(m, _)| m.channel == *channel));
            let log = state.alerts.channels.get(channel);
            let critical = alert.severity == Severity::Critical;
            let capped = log.is_some_and(|log| log.lately.len() >= CAP_HOUR || log.tonight >= CAP_NIGHT);
            let gone = !self.plan.channels.contains_key(channel) || !state.alerts.known.contains_key(number);
            if !held_up && !capped && !gone && (critical || !is_quiet) {
                found.insert(format!("O2: {channel} was told of {} ({told:?}), but not of its end", alert.id()));
            }
        }
        let twice = found.intersection(&self.suspect).next().cloned();
        self.suspect = found;
        twice.map_or(Ok(()), Err)
    }

    /// O3: the night's end was told, to whom it may concern.
    pub fn at_the_end(&self, night: &str, state: &State) -> Judged {
        let somebody = !self.plan.alerts.first(&self.plan.channels).is_empty();
        let ran = state.night_runs().next().is_some();
        // Who gets the report is told by that.
        let told =
            |name: &str| self.plan.channels.contains_key(name) && !self.plan.report.deliver.iter().any(|d| d == name);
        let first_exists = self.plan.alerts.first(&self.plan.channels).iter().any(|name| told(name));
        ensure(!somebody || !first_exists || !ran || self.summed_up.contains(night), || {
            format!("O3: nobody was told that {night} is over")
        })
    }
}
