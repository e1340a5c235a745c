//! Usage limits: how long one is waited for, and when a person is asked instead.
//!
//! A limit belongs to an account, not to the attempt that met it, so it takes none. Its end is what the output says, if
//! it says so (`observe/limits.rs` reads it); nothing of the account is started before that. What is further away than a
//! day, and what the file does not allow, is for a person: the run is held and somebody is told.

use super::calendar::{ClockTime, next};
use super::exit::FailureClass;
use super::fact::Fact;
use super::finding::{FindingKind, Found};
use super::ids::{RunId, SessionName};
use super::plan::SessionPlan;
use super::retry::LIMIT_PROBES;
use super::run::{Run, RunState};
use super::time::Wall;
use super::turn::Turn;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long after its end a limit is believed to be over: between these two, so that sessions do not all come at once.
pub const SPREAD: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(90));
/// Longest wait by itself. What ends later is for a person.
pub const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// What the output of an attempt said of a usage limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LimitSeen {
    /// The built-in rule that knew it; `None` where a rule of the file did.
    pub rule: Option<String>,
    /// When it is over; `None` where that could not be read.
    pub resets: Option<Wall>,
    /// How that was written: `a time of day`, ...
    pub form: String,
    /// The words it was read from, harmless.
    pub from: String,
    /// It is a limit for days: of a week, of a month.
    pub long: bool,
}

/// `resume = { … }`: what may happen by itself after a usage limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumePolicy {
    /// Not after this time of day, counted from when the run came to be.
    pub until: Option<ClockTime>,
    /// How often in a run; 0 is never. `None` is as often as there are limits, up to the limit of all runs.
    pub max: Option<u32>,
}

/// What is known of a run's usage limits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunLimit {
    /// When the newest of them ends, if it said so.
    pub resets: Option<Wall>,
    /// Waits that were begun by itself since the run came to be, or since a person last said that it may go on.
    pub waits: u32,
    /// Why a person is asked, while one is.
    pub asks: Option<String>,
    /// A person said that it may go on; the next start is nobody else's business.
    pub allowed: bool,
}

/// How long a limit is waited for: to its end and a little more, or, where that is not known or has passed without
/// effect, a while that grows. `row` counts the limits in a row before this one.
pub fn wait(resets: Option<Wall>, now: Wall, row: usize, rng: &mut fastrand::Rng) -> Duration {
    let ms = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    match resets {
        Some(at) if at > now || row == 0 => {
            let spread = Duration::from_millis(rng.u64(ms(SPREAD.0)..=ms(SPREAD.1)));
            (at.since(now) + spread).min(LONGEST)
        }
        Some(_) | None => LIMIT_PROBES.get(row).or(LIMIT_PROBES.last()).copied().unwrap_or(LONGEST),
    }
}

/// Why a person is asked, if the limit itself is a matter for one.
fn too_far(seen: &LimitSeen, now: Wall, zone: &TimeZone) -> Option<String> {
    match seen.resets {
        Some(at) if at.since(now) > LONGEST => {
            Some(format!("it resets {}, more than a day ahead", clock(at, now, zone)))
        }
        None if seen.long => Some("it lasts for days and does not say until when".to_owned()),
        Some(_) | None => None,
    }
}

/// Why the file does not let a run go on by itself at a moment, if it does not.
fn forbidden(policy: ResumePolicy, run: &Run, at: Wall, now: Wall, zone: &TimeZone) -> Option<String> {
    match policy.max {
        Some(0) => return Some("the file says that it never goes on by itself".to_owned()),
        Some(max) if run.limit.waits >= max => {
            return Some(format!("it went on {max} times, as often as the file allows"));
        }
        Some(_) | None => {}
    }
    late(policy, run, at, now, zone)
}

/// Why a moment is too late to go on by itself, if it is.
fn late(policy: ResumePolicy, run: &Run, at: Wall, now: Wall, zone: &TimeZone) -> Option<String> {
    let until = next(policy.until?, run.created.wall, zone)?;
    let shown = |at| clock(at, now, zone);
    (at > until).then(|| format!("it would go on at {}, and the file says not after {}", shown(at), shown(until)))
}

/// A moment for a sentence: the time of day, with the date when it is not soon.
pub fn clock(at: Wall, now: Wall, zone: &TimeZone) -> String {
    let near = at.since(now) < Duration::from_secs(20 * 3600) && now.since(at) < Duration::from_secs(4 * 3600);
    let form = if near { "%H:%M" } else { "%a %-d %b %H:%M" };
    let shown = Timestamp::from_millisecond(at.0).map(|at| at.to_zoned(zone.clone()).strftime(form).to_string());
    shown.unwrap_or_default()
}

impl LimitSeen {
    /// The limit in words.
    pub fn words(&self, now: Wall, zone: &TimeZone) -> String {
        match self.resets {
            Some(at) if at > now => format!("usage limit, resets {}", clock(at, now, zone)),
            Some(at) => format!("usage limit, which should be over since {}", clock(at, now, zone)),
            None => "usage limit, which does not say when it resets".to_owned(),
        }
    }
}

impl Run {
    /// Whether a usage limit ended its newest attempt.
    pub fn met_limit(&self) -> bool {
        let verdict = self.last_attempt().and_then(|attempt| attempt.verdict.as_ref());
        verdict.is_some_and(|verdict| verdict.class == FailureClass::UsageLimit)
    }
    /// What its newest attempt said of a usage limit.
    pub(super) fn limit_seen(&self) -> LimitSeen {
        let output = self.last_attempt().map(|attempt| &attempt.output);
        let of_agent = || output?.agent.as_ref()?.limit.clone();
        output.and_then(|output| output.limit.clone()).or_else(of_agent).unwrap_or_default()
    }
}

impl Turn<'_> {
    /// A usage limit ended the newest attempt of a run: it waits for the end of it, or a person is asked. `blind` is the
    /// wait when nothing is known.
    pub(super) fn limited(&mut self, id: &RunId, session: &SessionPlan, what: &str, blind: Duration) {
        let Some(run) = self.run(id) else { return };
        let (mut seen, now) = (run.limit_seen(), self.at.wall);
        // It was told while the program ran, and is no longer shown at its end.
        seen.resets = seen.resets.or(run.limit.resets.filter(|at| *at > now));
        let row = run.attempts.iter().rev().take_while(|attempt| {
            attempt.verdict.as_ref().is_some_and(|verdict| verdict.class == FailureClass::UsageLimit)
        });
        let row = row.count().saturating_sub(1);
        let until = match self.breaker_wait(id) {
            Some(until) => until,
            None if seen.resets.is_none() => self.due(blind),
            None => {
                let wait = wait(seen.resets, now, row, &mut self.night.rng);
                self.due(wait)
            }
        };
        let Some(run) = self.run(id) else { return };
        let zone = &self.night.zone;
        let words = seen.words(now, zone);
        let asks = too_far(&seen, now, zone).or_else(|| forbidden(session.resume, run, until.wall, now, zone));
        let when = clock(until.wall, now, zone);
        let waits = run.limit.waits.saturating_add(u32::from(asks.is_none()));
        let limit = RunLimit { resets: seen.resets, waits, asks: asks.clone(), allowed: false };
        self.fact(Fact::LimitMet { run: id.clone(), limit: Box::new(limit) });
        match asks {
            None => {
                let why = format!("{words}; tried again {when}, that takes no attempt");
                self.again(id, RunState::Limited { until }, what, &why);
            }
            Some(asks) => self.ask(id, what, &words, &asks),
        }
    }

    /// Holds a run and has a person asked.
    fn ask(&mut self, id: &RunId, what: &str, words: &str, asks: &str) {
        self.again(id, RunState::Held, what, &format!("{words}; {asks}; goes on when you release it"));
        let Some(run) = self.run(id).filter(|run| run.state == RunState::Held) else { return self.answered(id) };
        let seen = run.limit_seen();
        let evidence = [format!("{}: {}", seen.form, seen.from)].into_iter().filter(|_| !seen.from.is_empty());
        let evidence = evidence.chain([format!("`nightkeep release {}` lets it go on", id.session)]).collect();
        let what = format!("{words}; {asks}");
        self.found(id, Found { kind: FindingKind::UsageLimit, subject: String::new(), what, evidence, acted: None });
    }

    /// Whether a run may be started after a usage limit now. If the file forbids it, a person is asked instead.
    pub(super) fn may_resume(&mut self, id: &RunId) -> bool {
        let now = self.at.wall;
        let Some(run) = self.run(id).filter(|run| run.met_limit() && !run.limit.allowed) else { return true };
        let Some(session) = self.state().session(&id.session) else { return true };
        let never = (session.resume.max == Some(0)).then(|| "the file says that it never goes on by itself".to_owned());
        let Some(asks) = never.or_else(|| late(session.resume, run, now, now, &self.night.zone)) else { return true };
        let (words, limit) = ("usage limit", RunLimit { asks: Some(asks.clone()), ..run.limit.clone() });
        self.fact(Fact::LimitMet { run: id.clone(), limit: Box::new(limit) });
        self.ask(id, "its wait is over", words, &asks);
        false
    }

    /// Nobody is asked any more about a run.
    pub(super) fn answered(&mut self, id: &RunId) {
        let Some(run) = self.run(id).filter(|run| run.limit.asks.is_some()) else { return };
        let limit = RunLimit { asks: None, ..run.limit.clone() };
        self.fact(Fact::LimitMet { run: id.clone(), limit: Box::new(limit) });
        self.resolve(id, FindingKind::UsageLimit, "", "it was decided");
    }

    /// A person lets a session go on: what the file says of usage limits is set aside once, and the account is tried now.
    pub(super) fn goes_on(&mut self, session: &SessionName) {
        let run = self.state().open_run(session).filter(|run| run.met_limit() && !run.state.holds_slot());
        let Some(run) = run.filter(|run| !matches!(run.state, RunState::Held | RunState::Limited { .. })) else {
            return;
        };
        let (id, at_once) = (run.id.clone(), run.state == RunState::Queued);
        let limit = RunLimit { asks: None, waits: 0, allowed: true, ..run.limit.clone() };
        if run.limit != limit {
            self.fact(Fact::LimitMet { run: id.clone(), limit: Box::new(limit) });
        }
        self.resolve(&id, FindingKind::UsageLimit, "", "a person said that it may go on");
        let key = self.run(&id).and_then(|run| self.state().key_of(run));
        if let Some(key) = key.filter(|_| at_once) {
            self.try_limit_now(&key);
        }
    }
}
