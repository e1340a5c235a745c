//! Alerts: what is wrong, who is told of it, when, and how often.
//!
//! What is wrong follows from the state (`conditions`). An alert is the memory of one condition: `lifecycle` moves it,
//! `telling` says what is to be told where, `turn` journals both and hands messages out. A message stands in the outbox
//! from the transaction in which it was decided until it was delivered or given up.
//!
//! All times here are [`Mono`] on a clock of their own, which goes on over reboots: see [`Alerts::now`].

mod conditions;
pub mod document;
mod lifecycle;
pub mod message;
#[cfg(test)]
mod model;
pub mod plan;
pub mod quiet;
#[cfg(test)]
#[expect(clippy::wildcard_enum_match_arm, reason = "tests look for one variant among many")]
mod stories;
mod telling;
pub mod template;
mod turn;
mod watch;

pub(super) use turn::Post;

use super::fact::{Entry, Fact};
use super::ids::{NightId, RunId, SessionName};
use super::run::Run;
use super::state::DaemonSeen;
use super::time::{At, Mono, Wall};
use message::{Message, MessageKind, Severity};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub use telling::{CAP_CRITICAL, CAP_HOUR, CAP_NIGHT};

/// Kept kinds of trouble, sent messages and messages given up; more are only counted.
const KEPT: usize = 50;
/// Most alerts kept that are over.
const KEPT_ENDED: usize = 200;
/// Nights of which the errors are remembered, and for how many sessions.
const NIGHTS_KEPT: usize = 7;
const SESSIONS_KEPT: usize = 2_000;
/// A reboot takes at most this much of the alerts' clock, whatever the wall clock says.
const REBOOT_AT_MOST: Duration = Duration::from_secs(24 * 3600);

/// All that is known of alerts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Alerts {
    /// By number: `a7` is 7. Each has a row of its own in the journal.
    #[serde(skip)]
    pub known: BTreeMap<u64, Alert>,
    /// The last number given.
    pub last: u64,
    /// Messages neither delivered nor given up, by their key.
    pub outbox: BTreeMap<String, Outgoing>,
    /// What was sent where.
    pub channels: BTreeMap<String, ChannelLog>,
    /// Trouble that has no end of its own, by what it is.
    pub troubles: BTreeMap<String, Trouble>,
    /// Errors in the output, by session.
    pub errors: BTreeMap<String, Errors>,
    /// How many errors the worst hour of each of the last nights had, by session, newest last.
    pub errors_before: BTreeMap<String, Vec<u64>>,
    /// The file was changed and could not be taken: since when, and the first problem.
    pub broken_file: Option<(Wall, String)>,
    /// Messages of the night that were given up, at most the newest fifty.
    pub given_up: Vec<GivenUp>,
    /// Whether the end of the last night was told.
    pub summed_up: bool,
    /// What makes the boot's clock the alerts' own, in milliseconds.
    pub offset: i64,
}

/// What else was known before a fact.
pub(super) struct Before<'a> {
    pub(super) daemon: Option<&'a DaemonSeen>,
    pub(super) last: Option<At>,
    pub(super) night: Option<&'a NightId>,
    pub(super) runs: &'a BTreeMap<RunId, Run>,
}

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Too new to be told: it may be over at once.
    Pending,
    /// Another alert tells of its cause.
    Inhibited,
    /// It is told.
    Open,
    /// It holds no longer, or somebody said so.
    Resolved,
    /// It was about a night that is over.
    Expired,
}

/// One alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Its number.
    pub number: u64,
    /// What makes two alerts the same, in clear: kind, project, session, class, fingerprint.
    pub same: String,
    /// The hash of that.
    pub key: String,
    /// `failed`, `partial`, `config`, `trouble`, `errors`, `channel`, ...
    pub kind: String,
    /// How bad it is.
    pub severity: Severity,
    /// The session it is about.
    pub session: Option<String>,
    /// The project it is about.
    pub project: Option<String>,
    /// One line.
    pub title: String,
    /// The details.
    pub body: String,
    /// One command that helps.
    pub command: Option<String>,
    /// The night in which it came up.
    pub night: Option<String>,
    /// Since when, by the wall clock.
    pub since: Wall,
    /// Since when it has been pending or open.
    pub opened: Mono,
    /// Where it stands.
    pub stage: Stage,
    /// Whether its condition is true.
    pub holds: bool,
    /// Since when it is, or is not.
    pub changed: Mono,
    /// How often it came up.
    pub count: u64,
    /// When it came up lately.
    pub came: Vec<Mono>,
    /// It comes and goes too often to tell each time.
    pub flapping: bool,
    /// Who said that they know, and when.
    pub acked: Option<(String, Mono)>,
    /// It is not told until then, or until it changes.
    pub snoozed: Option<Snooze>,
    /// What was told of it, by channel.
    pub told: BTreeMap<String, Told>,
    /// Messages made of it so far.
    pub messages: u64,
    /// Steps of the escalation that somebody asked for ahead of their time.
    pub escalated: u32,
}

/// How long an alert is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snooze {
    /// Until then; `None` is until it changes.
    pub until: Option<Mono>,
}

/// What a channel was told of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// When last.
    pub last: Mono,
    /// Steps of the escalation that were told here.
    pub steps: u32,
    /// Whether any of it was really delivered.
    pub delivered: bool,
    /// Whether the end was told as well.
    pub resolved: bool,
}

/// A message in the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outgoing {
    /// It.
    pub message: Message,
    /// The alerts it tells of.
    pub alerts: Vec<u64>,
    /// When it was decided.
    pub queued: Mono,
    /// When it is to be tried next.
    pub due: Mono,
    /// How often it was tried in vain.
    pub tries: u32,
    /// Why the last try failed.
    pub why: Option<String>,
}

/// What was sent on a channel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelLog {
    /// When messages were decided in the last hour, and whether they were critical.
    pub lately: Vec<(Mono, bool)>,
    /// How many in the night, critical ones not counted.
    pub tonight: u32,
    /// When it was last said that more waits.
    pub more: Option<Mono>,
    /// Why it does not work, since a message was given up.
    pub broken: Option<String>,
}

/// Trouble that has no end of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// Which part.
    pub part: String,
    /// What happened last.
    pub what: String,
    /// How bad it is.
    pub severity: Severity,
    /// When.
    pub last: Mono,
}

/// Errors in the output of a session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errors {
    /// The attempt that is counted.
    pub attempt: String,
    /// Its errors so far.
    pub total: u64,
    /// Errors by minute, of the last hour.
    pub minutes: Vec<(u64, u64)>,
    /// The most errors there were in an hour of this night.
    #[serde(default)]
    pub worst: u64,
}

/// A message that could not be delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenUp {
    /// When.
    pub at: Wall,
    /// The channel.
    pub channel: String,
    /// What it would have told.
    pub title: String,
    /// Why.
    pub why: String,
}

/// What becomes of a message after a try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "then", rename_all = "snake_case")]
pub enum Settled {
    /// It was delivered.
    Delivered,
    /// It is tried again.
    Again {
        /// When.
        due: Mono,
        /// Why the try failed.
        why: String,
        /// Receivers that have it, and do not get it again.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        reached: Vec<String>,
    },
    /// It is not tried again.
    GivenUp {
        /// Why.
        why: String,
    },
    /// There is no use in it any more.
    Dropped {
        /// Why.
        why: String,
    },
}

/// What somebody does about an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertAct {
    /// They know: it is not told again.
    Ack,
    /// Do not tell it for this many seconds; without a number until it changes.
    Snooze {
        /// Seconds, at most a day.
        seconds: Option<u64>,
    },
    /// It is over.
    Resolve,
    /// Tell the next in line now.
    Escalate,
}

impl AlertAct {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ack => "ack",
            Self::Snooze { .. } => "snooze",
            Self::Resolve => "resolve",
            Self::Escalate => "escalate",
        }
    }
}

impl Alert {
    /// Its id: `a7`.
    pub fn id(&self) -> String {
        format!("a{}", self.number)
    }
    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Resolved | Stage::Expired)
    }
    /// Whether somebody has to settle it, be it that they know or not.
    pub fn needs_somebody(&self) -> bool {
        matches!(self.stage, Stage::Open | Stage::Pending) && self.holds && self.severity >= Severity::Medium
    }
    /// The word for where it stands.
    pub fn word(&self) -> &'static str {
        match self.stage {
            Stage::Pending => "pending",
            Stage::Inhibited => "inhibited",
            Stage::Open if self.acked.is_some() => "acked",
            Stage::Open if self.snoozed.is_some() => "snoozed",
            Stage::Open => "open",
            Stage::Resolved => "resolved",
            Stage::Expired => "expired",
        }
    }
    /// What alerts of the same group have in common.
    fn group(&self) -> (Option<&str>, &str) {
        (self.project.as_deref(), &self.kind)
    }
}

impl Alerts {
    /// The alerts' own clock: the boot's monotonic one, moved on at a reboot by what the wall clock says it took.
    pub fn now(&self, at: At) -> Mono {
        let own = i64::try_from(at.mono.0).unwrap_or(i64::MAX).saturating_add(self.offset);
        Mono(u64::try_from(own).unwrap_or(0))
    }
    /// The alert with this id.
    pub fn by_id(&self, id: &str) -> Option<&Alert> {
        self.known.get(&id.strip_prefix('a')?.parse().ok()?)
    }
    /// Those that are not over, worst and newest first.
    pub fn standing(&self) -> Vec<&Alert> {
        let mut standing: Vec<&Alert> = self.known.values().filter(|alert| !alert.is_over()).collect();
        standing.sort_by_key(|alert| (std::cmp::Reverse(alert.severity), std::cmp::Reverse(alert.number)));
        standing
    }

    /// Takes a fact into account.
    pub(super) fn apply(&mut self, entry: &Entry, before: &Before<'_>) {
        if let (Fact::DaemonStarted { boot_id, .. }, Some(before), Some(last)) =
            (&entry.fact, before.daemon, before.last)
            && before.boot_id != *boot_id
        {
            let took = entry.at.wall.since(last.wall).min(REBOOT_AT_MOST);
            let now = i64::try_from(self.now(last).plus(took).0).unwrap_or(i64::MAX);
            self.offset = now.saturating_sub(i64::try_from(entry.at.mono.0).unwrap_or(i64::MAX));
        }
        let now = self.now(entry.at);
        // Most facts say nothing here; those that do are named one by one.
        if let Fact::AlertMoved { alert, why: _ } = &entry.fact {
            self.last = self.last.max(alert.number);
            self.known.insert(alert.number, (**alert).clone());
            if alert.is_over() && self.known.len() > KEPT_ENDED {
                self.forget_old();
            }
        } else if let Fact::MessageQueued { message, alerts } = &entry.fact {
            self.queue(message, alerts, now);
        } else if let Fact::MessageSettled { key, then } = &entry.fact {
            self.settle(key, then, entry.at.wall);
        } else if let Fact::Trouble { part, what } = &entry.fact {
            self.trouble(part, what, Severity::Medium, now);
        } else if let Fact::TmuxLost { why } = &entry.fact {
            self.trouble("tmux", why, Severity::Medium, now);
        } else if let Fact::PlanRejected { problem } = &entry.fact {
            self.broken_file = Some((entry.at.wall, problem.clone()));
        } else if let Fact::PlanAdopted { .. } = &entry.fact {
            self.broken_file = None;
        } else if let Fact::OutputObserved { attempt, output } = &entry.fact {
            if !output.errors.is_empty() {
                let total = output.errors.values().map(|error| error.count).sum();
                let session = attempt.run.session.to_string();
                self.errors.entry(session).or_default().count(&attempt.to_string(), total, now);
            }
        } else if let Fact::NightOpened { night: opened, .. } = &entry.fact {
            self.summed_up = false;
            if before.night != Some(opened) {
                self.remember_errors(before);
                self.given_up.clear();
                self.known.retain(|_, alert| !alert.is_over());
                for channel in self.channels.values_mut() {
                    channel.tonight = 0;
                }
            }
        }
    }

    /// The numbers of the alerts that [`Self::apply`] may have changed for a fact, as they are after it.
    pub(super) fn changed(&self, fact: &Fact) -> Vec<u64> {
        if let Fact::AlertMoved { alert, why: _ } = fact {
            return vec![alert.number];
        }
        if let Fact::MessageSettled { then: Settled::Delivered, .. } = fact {
            // Which ones the message told of stood in the outbox.
            let told = self.known.values().filter(|alert| !alert.told.is_empty());
            return told.map(|alert| alert.number).collect();
        }
        Vec::new()
    }

    /// Whether [`Self::apply`] may change something for a fact.
    pub(super) fn hears(fact: &Fact) -> bool {
        if let Fact::OutputObserved { output, .. } = fact {
            return !output.errors.is_empty();
        }
        matches!(
            fact,
            Fact::AlertMoved { .. }
                | Fact::MessageQueued { .. }
                | Fact::MessageSettled { .. }
                | Fact::Trouble { .. }
                | Fact::TmuxLost { .. }
                | Fact::PlanRejected { .. }
                | Fact::PlanAdopted { .. }
                | Fact::NightOpened { .. }
                | Fact::DaemonStarted { .. }
        )
    }

    /// The errors of a night that is over become those of a night before.
    fn remember_errors(&mut self, before: &Before<'_>) {
        let errors = std::mem::take(&mut self.errors);
        let ran = before.runs.values().filter(|run| Some(&run.id.night) == before.night && !run.attempts.is_empty());
        let ran: BTreeSet<&SessionName> = ran.map(|run| &run.id.session).collect();
        for session in ran {
            let worst = errors.get(session.as_str()).map_or(0, |errors| errors.worst);
            let nights = self.errors_before.entry(session.to_string()).or_default();
            nights.push(worst);
            nights.drain(..nights.len().saturating_sub(NIGHTS_KEPT));
        }
        while self.errors_before.len() > SESSIONS_KEPT {
            self.errors_before.pop_first();
        }
    }
    /// How many errors the worst hour of a usual night has: the median of the last nights; `None` when there were none.
    pub(super) fn usual_errors(&self, session: &str) -> Option<u64> {
        let mut nights = self.errors_before.get(session)?.clone();
        nights.sort_unstable();
        nights.get(nights.len() / 2).copied()
    }

    fn forget_old(&mut self) {
        let over: Vec<u64> = self.known.values().filter(|alert| alert.is_over()).map(|alert| alert.number).collect();
        for number in over.iter().take(over.len().saturating_sub(KEPT_ENDED)) {
            self.known.remove(number);
        }
    }

    fn queue(&mut self, message: &Message, alerts: &[u64], now: Mono) {
        let log = self.channels.entry(message.channel.clone()).or_default();
        log.lately.retain(|(at, _)| now.since(*at) < telling::HOUR);
        match message.kind {
            MessageKind::Test | MessageKind::Report => {}
            MessageKind::Summary if alerts.is_empty() => {
                if message.count == 0 {
                    self.summed_up = true;
                } else {
                    log.more = Some(now);
                }
            }
            MessageKind::Fired
            | MessageKind::Repeated
            | MessageKind::Escalated
            | MessageKind::Resolved
            | MessageKind::Summary => {
                let critical = message.severity == Severity::Critical;
                log.lately.push((now, critical));
                log.tonight += u32::from(!critical);
            }
        }
        let outgoing =
            Outgoing { message: message.clone(), alerts: alerts.to_vec(), queued: now, due: now, tries: 0, why: None };
        self.outbox.insert(message.key.clone(), outgoing);
    }

    fn settle(&mut self, key: &str, then: &Settled, at: Wall) {
        if let Settled::Again { due, why, reached } = then {
            if let Some(outgoing) = self.outbox.get_mut(key) {
                outgoing.due = *due;
                outgoing.tries += 1;
                outgoing.why = Some(why.clone());
                outgoing.message.reached.extend(reached.iter().cloned());
            }
            return;
        }
        let Some(Outgoing { message, alerts, .. }) = self.outbox.remove(key) else { return };
        let log = self.channels.entry(message.channel.clone()).or_default();
        match then {
            Settled::Delivered => {
                log.broken = None;
                for number in alerts {
                    let told = self.known.get_mut(&number).and_then(|alert| alert.told.get_mut(&message.channel));
                    if let Some(told) = told {
                        told.delivered = true;
                    }
                }
            }
            Settled::GivenUp { why } => {
                log.broken = Some(why.clone());
                if self.given_up.len() >= KEPT {
                    self.given_up.remove(0);
                }
                let (channel, title, why) = (message.channel, message.title, why.clone());
                self.given_up.push(GivenUp { at, channel, title, why });
            }
            Settled::Dropped { why: _ } | Settled::Again { .. } => {}
        }
    }

    fn trouble(&mut self, part: &str, what: &str, severity: Severity, now: Mono) {
        let same = format!("{part}|{}", conditions::masked(what));
        if self.troubles.len() >= KEPT && !self.troubles.contains_key(&same) {
            let oldest = self.troubles.iter().min_by_key(|(_, trouble)| trouble.last).map(|(same, _)| same.clone());
            if let Some(oldest) = oldest {
                self.troubles.remove(&oldest);
            }
        }
        let (part, what) = (part.to_owned(), what.chars().take(400).collect());
        self.troubles.insert(same, Trouble { part, what, severity, last: now });
    }
}

impl Errors {
    const MINUTE: u64 = 60_000;

    fn count(&mut self, attempt: &str, total: u64, now: Mono) {
        if self.attempt != attempt {
            self.attempt = attempt.to_owned();
            self.total = 0;
        }
        let new = total.saturating_sub(self.total);
        self.total = total.max(self.total);
        let minute = now.0 / Self::MINUTE;
        self.minutes.retain(|(at, _)| at + 60 > minute);
        if new > 0 {
            let before: u64 = self.minutes.iter().map(|(_, count)| count).sum();
            self.worst = self.worst.max(before + new);
            match self.minutes.last_mut().filter(|(at, _)| *at == minute) {
                Some((_, count)) => *count += new,
                None => self.minutes.push((minute, new)),
            }
        }
    }
    /// Errors of the last sixty minutes, and in how many of these there were any.
    pub fn of_the_hour(&self, now: Mono) -> (u64, usize) {
        let minute = now.0 / Self::MINUTE;
        let lately = self.minutes.iter().filter(|(at, _)| at + 60 > minute);
        lately.fold((0, 0), |(sum, minutes), (_, count)| (sum + count, minutes + 1))
    }
}
