//! What stands between a ready run and its start: breakers, the pace of starts, the budget of retries, parked projects and
//! the daemon's safe mode; and what speaks for and against them.
//!
//! Guarded are `provider:NAME` for the sessions that use it, `rule:ID` for sessions without a provider that failed by the
//! same output rule, and for all starts `disk`, `memory`, `journal` and `machine` (nothing can be started at all).
//! `git:PROJECT` and `notifier:CHANNEL` hold no start; whoever speaks to them asks [`Breakers::admits`].

use super::agent::AgentSeen;
use super::breaker::{
    Breaker, Clock, Failure, LOOK_AGAIN, Limit, PROBE_RUNS, Phase, SILENT_PROBE_RUNS, SLOW_START, delay,
};
use super::effect::Effect;
use super::event::{Seen, Timer};
use super::exit::{Ending, ExitRecord, FailureClass, Verdict};
use super::fact::Fact;
use super::gave_up;
use super::ids::{AttemptId, ProjectName, RunId, SessionName};
use super::limit;
use super::plan::SessionPlan;
use super::run::{Attempt, Due, OutputSeen, Run, RunState};
use super::state::State;
use super::time::{At, Mono, Wall};
use super::turn::Turn;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What holds every start while it is not closed.
pub const FOR_ALL: [&str; 4] = ["disk", "memory", "journal", "machine"];
/// Those of them that are told by readings, with how soon the next one comes.
const READ: ([&str; 3], Duration) = (["disk", "memory", "journal"], Duration::from_secs(30));
/// Starts of sessions that share a provider ...
pub const PACE: usize = 2;
/// ... within this time.
pub const PACE_WINDOW: Duration = Duration::from_secs(5);
/// Retries that are always allowed in an hour, beside one for five starts.
pub const RETRIES_FREE: u32 = 5;
/// Crashes of the daemon ...
pub const CRASHES: usize = 3;
/// ... within this time put it in safe mode.
pub const CRASH_WINDOW: Duration = Duration::from_secs(600);
const MINUTE: u64 = 60_000;
const GIB: u64 = 1 << 30;
/// Space is enough again when it is this much above the limit, in percent.
const ENOUGH_AGAIN: u64 = 110;

/// The part of the state that holds starts back.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Breakers {
    /// The breakers that are not closed, or that something speaks against.
    pub by_key: BTreeMap<String, Breaker>,
    /// The newest starts of each provider, for the pace.
    pub pace: BTreeMap<String, Vec<Mono>>,
    /// Starts and retries by the minute of the monotonic clock, for the retry budget; the last hour.
    pub minutes: BTreeMap<u64, (u32, u32)>,
    /// Projects that are parked, and why.
    pub parked: BTreeMap<ProjectName, String>,
    /// When the daemon crashed.
    pub crashes: Vec<Wall>,
    /// Why the daemon starts nothing, when it is in safe mode.
    pub safe_mode: Option<String>,
}

impl Breakers {
    /// Whether what is guarded may be used now.
    pub fn admits(&self, key: &str) -> bool {
        self.by_key.get(key).is_none_or(Breaker::admits)
    }
    /// Those that are not closed.
    pub fn open(&self) -> impl Iterator<Item = (&String, &Breaker)> {
        self.by_key.iter().filter(|(_, breaker)| !breaker.is_closed())
    }

    /// Another boot: monotonic times compare with nothing any more.
    pub(super) fn new_boot(&mut self) {
        self.pace.clear();
        self.minutes.clear();
    }
    pub(super) fn note_start(&mut self, key: Option<String>, retry: bool, at: At) {
        let minute = at.mono.0 / MINUTE;
        let (starts, retries) = self.minutes.entry(minute).or_default();
        (*starts, *retries) = (starts.saturating_add(1), retries.saturating_add(u32::from(retry)));
        self.minutes.retain(|known, _| known + 60 > minute);
        if let Some(key) = key {
            let newest = self.pace.entry(key).or_default();
            newest.push(at.mono);
            newest.drain(..newest.len().saturating_sub(PACE));
        }
    }
    pub(super) fn moved(&mut self, key: &str, to: &Breaker) {
        if to.is_blank() {
            self.by_key.remove(key);
        } else {
            self.by_key.insert(key.to_owned(), to.clone());
        }
    }
    pub(super) fn crashed(&mut self, at: Wall) {
        self.crashes.retain(|crash| at.since(*crash) <= CRASH_WINDOW && *crash <= at);
        self.crashes.push(at);
    }
    /// How long the pace of a key holds the next start.
    fn pace_left(&self, key: &str, now: Mono) -> Duration {
        let newest = self.pace.get(key).map(Vec::as_slice).unwrap_or_default();
        let recent = newest.iter().filter(|at| now.since(**at) < PACE_WINDOW).count();
        match newest.first() {
            Some(first) if recent >= PACE => PACE_WINDOW.saturating_sub(now.since(*first)),
            Some(_) | None => Duration::ZERO,
        }
    }
    /// How long the retry budget holds the next retry.
    fn budget_left(&self, now: Mono) -> Duration {
        let minute = now.0 / MINUTE;
        let recent = || self.minutes.range(minute.saturating_sub(59)..);
        let (starts, retries) = recent().fold((0, 0), |(s, r), (_, n)| (s + n.0, r + n.1));
        if retries < RETRIES_FREE + starts / 5 {
            return Duration::ZERO;
        }
        let oldest = recent().find(|(_, n)| n.1 > 0).map_or(minute, |(minute, _)| *minute);
        Duration::from_millis(((oldest + 60) * MINUTE).saturating_sub(now.0).max(1))
    }
}

/// What keeps a ready run from its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Gate {
    /// Nothing.
    Free,
    /// Something that lets single starts through: this may be one of them. Whether it would be a probe.
    Admits {
        /// It would be a probe.
        probe: bool,
    },
    /// A breaker of this key.
    Held(String),
}

impl State {
    /// The key of what a run needs besides the machine: its provider, or the rule by which it failed.
    pub fn key_of(&self, run: &Run) -> Option<String> {
        let provider = self.session(&run.id.session).and_then(|session| session.provider.as_ref());
        if let Some(provider) = provider {
            return Some(format!("provider:{provider}"));
        }
        let verdict = run.last_attempt()?.verdict.as_ref()?;
        let rule = verdict.rule.strip_prefix("output/").filter(|_| verdict.class == FailureClass::ProviderDown)?;
        Some(format!("rule:{rule}"))
    }
    /// The key of the breaker that holds a run back, if one does.
    pub fn held_by(&self, run: &Run) -> Option<String> {
        match self.gate(run) {
            Gate::Held(key) => Some(key),
            Gate::Free | Gate::Admits { .. } => None,
        }
    }
    pub(super) fn gate(&self, run: &Run) -> Gate {
        if self.breakers.by_key.is_empty() {
            return Gate::Free;
        }
        let own = self.key_of(run);
        let mut gate = Gate::Free;
        for key in FOR_ALL.into_iter().chain(own.as_deref()) {
            let Some(breaker) = self.breakers.by_key.get(key).filter(|breaker| !breaker.is_closed()) else { continue };
            if !breaker.admits() {
                return Gate::Held(key.to_owned());
            }
            let probe = matches!(breaker.phase, Phase::HalfOpen { .. }) || gate == Gate::Admits { probe: true };
            gate = Gate::Admits { probe };
        }
        gate
    }
    /// Whether the next start of a run is one that the retry budget counts: after a failure of its own.
    pub(super) fn is_retry(run: &Run) -> bool {
        run.last_attempt().and_then(|attempt| attempt.verdict.as_ref()).is_some_and(|verdict| match verdict.class {
            FailureClass::Operator | FailureClass::Lost | FailureClass::ProviderDown | FailureClass::UsageLimit => {
                false
            }
            FailureClass::Transient
            | FailureClass::Auth
            | FailureClass::Billing
            | FailureClass::ContextFull
            | FailureClass::Permanent
            | FailureClass::Stalled
            | FailureClass::Timeout
            | FailureClass::OomKilled
            | FailureClass::KilledOther
            | FailureClass::CrashLoop
            | FailureClass::BudgetExceeded
            | FailureClass::Infra
            | FailureClass::Runaway => true,
        })
    }
    /// How long the pace or the retry budget holds a run back that nothing else does, and which of the two.
    pub fn paced(&self, run: &Run, now: Mono) -> Option<(Duration, &'static str)> {
        let pace = self.key_of(run).map_or(Duration::ZERO, |key| self.breakers.pace_left(&key, now));
        let budget = if Self::is_retry(run) { self.breakers.budget_left(now) } else { Duration::ZERO };
        match (pace.is_zero(), budget.is_zero()) {
            (true, true) => None,
            (false, _) if pace >= budget => Some((pace, "two starts of a provider in five seconds are enough")),
            (_, _) => Some((budget, "too many retries in the last hour")),
        }
    }
    /// The sessions with an open run that need what a key stands for.
    fn users(&self, key: &str) -> usize {
        let open = self.night_runs().filter(|run| !run.state.is_ended());
        open.filter(|run| FOR_ALL.contains(&key) || self.key_of(run).as_deref() == Some(key)).count()
    }
    fn class_of_output(&self, output: &OutputSeen) -> Option<FailureClass> {
        let id = output.rule.as_ref()?;
        self.plan.rules.iter().find(|rule| rule.id == *id).map(|rule| rule.class)
    }
}

impl Turn<'_> {
    /// Changes a breaker, journals what changed, and arms its wait.
    fn with_breaker(&mut self, key: &str, change: impl FnOnce(&mut Breaker, Clock<'_>, &mut fastrand::Rng)) {
        let before = self.night.state.breakers.by_key.get(key).cloned().unwrap_or_default();
        let mut after = before.clone();
        let clock = Clock { at: self.at, boot_id: &self.night.boot_id };
        change(&mut after, clock, &mut self.night.rng);
        if after == before {
            return;
        }
        let rearm = after.epoch != before.epoch;
        self.fact(Fact::BreakerMoved { key: key.to_owned(), to: Box::new(after) });
        if rearm {
            self.arm_breaker(key);
        }
    }
    fn arm_breaker(&mut self, key: &str) {
        let Some(breaker) = self.state().breakers.by_key.get(key) else { return };
        let Some(until) = breaker.until() else { return };
        let (after, epoch) = (until.left(self.at, &self.night.boot_id), breaker.epoch);
        self.effect(Effect::Arm { timer: Timer::Breaker(key.to_owned()), epoch, after });
    }
    /// A new daemon arms the waits of all breakers, on the clock of its boot.
    pub(super) fn take_up_breakers(&mut self) {
        let keys: Vec<String> = self.state().breakers.by_key.keys().cloned().collect();
        for key in keys {
            self.with_breaker(&key, |breaker, clock, _| breaker.rebase(clock));
            self.arm_breaker(&key);
        }
    }

    /// The wait of a breaker ran out.
    pub(super) fn breaker_due(&mut self, key: &str, epoch: u64) {
        let Some(breaker) = self.state().breakers.by_key.get(key).filter(|breaker| breaker.epoch == epoch) else {
            return;
        };
        match breaker.phase.clone() {
            Phase::HalfOpen { probe: Some(probe), until: Some(_) } => self.look_at_probe(key, &probe),
            Phase::Open { .. } | Phase::SlowStart { .. } => self.with_breaker(key, |b, clock, _| b.due(clock)),
            Phase::Closed | Phase::HalfOpen { .. } => {}
        }
        // A timer that came early, or a probe that is still silent.
        if self.state().breakers.by_key.get(key).is_some_and(|breaker| breaker.epoch == epoch) {
            self.arm_breaker(key);
        }
    }
    /// The probe has run for a while: with output, and without the failure, it shows that all is well.
    fn look_at_probe(&mut self, key: &str, id: &AttemptId) {
        let Some(attempt) = self.run(&id.run).and_then(|run| run.attempt(id.number)) else { return };
        let ran = attempt.started.as_ref().map_or(Duration::ZERO, |_| self.at.mono.since(attempt.intended.mono));
        let fails = self.state().class_of_output(&attempt.output) == Some(FailureClass::ProviderDown);
        let prints = attempt.output.bytes > 0;
        let well = !fails && ran >= PROBE_RUNS && (prints || ran >= SILENT_PROBE_RUNS);
        self.with_breaker(key, |breaker, clock, _| {
            if well {
                breaker.success(Some(id), clock);
            } else {
                breaker.look_at_probe(id, LOOK_AGAIN, clock);
            }
        });
    }
    /// An attempt is seen running: a probe among them is looked at after a while.
    pub(super) fn probe_started(&mut self, id: &AttemptId) {
        for key in self.keys_probed_by(id) {
            self.with_breaker(&key, |breaker, clock, _| breaker.look_at_probe(id, PROBE_RUNS, clock));
        }
    }
    fn keys_probed_by(&self, id: &AttemptId) -> Vec<String> {
        let probed = self.state().breakers.by_key.iter().filter(|(_, breaker)| breaker.is_probe(id));
        probed.map(|(key, _)| key.clone()).collect()
    }

    /// The output told something new. A program that goes on but meets its provider's failure speaks against it as well.
    pub(super) fn output_seen(&mut self, id: &AttemptId, output: OutputSeen) {
        let class = |turn: &Self| {
            let attempt = turn.run(&id.run).and_then(|run| run.attempt(id.number))?;
            turn.state().class_of_output(&attempt.output).filter(|_| attempt.exit.is_none())
        };
        let before = class(self);
        self.output(id, output);
        let now = class(self);
        let provider = self.state().session(&id.run.session).and_then(|session| session.provider.clone());
        if let (Some(FailureClass::ProviderDown), Some(provider), true) = (now, provider, now != before) {
            let cause = self.cause(id, "its output");
            self.blame(&format!("provider:{provider}"), id, false, None, &cause);
        }
    }

    /// A running agent met a failure of its provider, or a limit of its account: that speaks against it for all sessions
    /// that need it. The agent itself is left alone.
    pub(super) fn agent_met(&mut self, id: &AttemptId, seen: &AgentSeen) {
        let Some(provider) = self.state().session(&id.run.session).and_then(|session| session.provider.clone()) else {
            return;
        };
        let key = format!("provider:{provider}");
        let cause = format!("{}: {}", id.run.session, seen.evidence.first().map_or(seen.rule.as_str(), String::as_str));
        match seen.class {
            Some(FailureClass::ProviderDown) => self.blame(&key, id, false, None, &cause),
            Some(FailureClass::UsageLimit) => {
                let resets = seen.limit.as_ref().and_then(|limit| limit.resets);
                let lasts = limit::wait(resets, self.at.wall, 0, &mut self.night.rng);
                self.blame_for(&key, id, (true, Some(lasts)), &cause, Some(Limit { resets }));
            }
            Some(_) | None => {}
        }
    }

    /// An attempt ended: speaks for or against what it needed. To be called once the end is in the state.
    pub(super) fn attempt_told(&mut self, id: &AttemptId, exit: &ExitRecord, verdict: Option<&Verdict>) {
        let Some(run) = self.run(&id.run) else { return };
        let key = self.state().key_of(run);
        let provider = key.clone().filter(|key| key.starts_with("provider:"));
        let class = verdict.map(|verdict| verdict.class);
        match class {
            Some(FailureClass::ProviderDown) => {
                if let Some(key) = &key {
                    let cause = self.cause(id, verdict.map_or("", |verdict| verdict.rule.as_str()));
                    self.blame(key, id, false, None, &cause);
                }
            }
            // It told of its limit while it ran, and stood there until it was ended: that says nothing new.
            Some(FailureClass::UsageLimit) if verdict.is_some_and(gave_up::is_of) && provider.is_some() => {}
            Some(FailureClass::UsageLimit) => {
                if let Some(key) = &provider {
                    let opened = self.state().breakers.by_key.get(key).map_or(0, |breaker| breaker.opened);
                    let row = usize::try_from(opened).unwrap_or(usize::MAX);
                    let seen = run.limit_seen();
                    let lasts = limit::wait(seen.resets, self.at.wall, row, &mut self.night.rng);
                    let cause = match seen.from.as_str() {
                        "" => self.cause(id, "usage limit"),
                        from => format!("{}: {from}", id.run.session),
                    };
                    let limit = Some(Limit { resets: seen.resets });
                    self.blame_for(key, id, (true, Some(lasts)), &cause, limit);
                }
            }
            Some(FailureClass::Infra) => {
                let full = matches!(exit.ending, Ending::ExecFailed { errno: 28, .. });
                let cause = super::failure::words(exit);
                self.blame("machine", id, full, None, &cause);
            }
            Some(_) | None => {}
        }
        for probed in self.keys_probed_by(id) {
            // What is left half-open after the blame above: the probe told nothing against it.
            let told = match class {
                None => true,
                Some(FailureClass::Operator | FailureClass::Lost | FailureClass::Infra) => false,
                Some(_) if probed == "machine" => true,
                Some(_) => exit.ran >= PROBE_RUNS && exit.output_bytes > 0,
            };
            self.with_breaker(&probed, |breaker, clock, rng| {
                if told {
                    breaker.success(Some(id), clock);
                } else {
                    breaker.unclear(id, clock, |n| delay(n, rng));
                }
            });
        }
        if class.is_none() {
            for key in provider.iter().map(String::as_str).chain(["machine"]) {
                if self.state().breakers.by_key.contains_key(key) {
                    self.with_breaker(key, |breaker, clock, _| breaker.success(Some(id), clock));
                }
            }
        }
        if class == Some(FailureClass::CrashLoop) {
            self.park_project(&id.run.session);
        }
    }
    fn blame(&mut self, key: &str, id: &AttemptId, certain: bool, lasts: Option<Duration>, cause: &str) {
        self.blame_for(key, id, (certain, lasts), cause, None);
    }
    fn blame_for(
        &mut self,
        key: &str,
        id: &AttemptId,
        (certain, lasts): (bool, Option<Duration>),
        cause: &str,
        limit: Option<Limit>,
    ) {
        let users = self.state().users(key);
        let who = id.run.session.clone();
        self.with_breaker(key, |breaker, clock, rng| {
            let failure = Failure { who: who.as_str(), attempt: Some(id), users, certain, lasts, cause, limit };
            breaker.failure(failure, clock, |n| delay(n, rng));
            if !breaker.is_closed() {
                breaker.held.insert(who.clone());
            }
        });
    }
    /// What was seen of a failure, for people: the last line of the output, or the rule.
    fn cause(&self, id: &AttemptId, rule: &str) -> String {
        let attempt: Option<&Attempt> = self.run(&id.run).and_then(|run| run.attempt(id.number));
        let line = attempt.map(|attempt| attempt.output.last_line.as_str()).filter(|line| !line.is_empty());
        let text = line.map_or_else(|| rule.to_owned(), |line| format!("{}: {line}", id.run.session));
        text.chars().take(200).collect()
    }

    /// The rim saw something of a guarded thing.
    pub(super) fn sensed(&mut self, key: &str, seen: &Seen) {
        let known = self.state().breakers.by_key.get(key);
        let open = known.is_some_and(|breaker| matches!(breaker.phase, Phase::Open { .. } | Phase::HalfOpen { .. }));
        match seen {
            Seen::Level { free, total } => {
                let (limit, what) = match key {
                    "memory" => (total / 10, "memory"),
                    _ => (self.state().plan.min_free_disk.unwrap_or_else(|| GIB.min(total / 20)), "disk"),
                };
                let enough = if open { limit.saturating_mul(ENOUGH_AGAIN) / 100 } else { limit };
                let cause = (*free < enough).then(|| {
                    let mib = |bytes: u64| bytes >> 20;
                    format!("{} MiB of {what} are free, {} MiB are needed", mib(*free), mib(enough))
                });
                self.with_breaker(key, |breaker, clock, _| breaker.reading(cause.as_deref(), clock));
            }
            Seen::Failed { why } if FOR_ALL.contains(&key) => {
                self.with_breaker(key, |breaker, clock, _| breaker.reading(Some(why), clock));
            }
            Seen::Failed { why } => self.with_breaker(key, |breaker, clock, rng| {
                let failure =
                    Failure { who: key, attempt: None, users: 1, certain: false, lasts: None, cause: why, limit: None };
                match breaker.phase {
                    // Whoever speaks to it is its own probe: there are no attempts to tell it by.
                    Phase::HalfOpen { .. } => breaker.reading(Some(why), clock),
                    Phase::Closed | Phase::Open { .. } | Phase::SlowStart { .. } => {
                        breaker.failure(failure, clock, |n| delay(n, rng));
                    }
                }
            }),
            Seen::Worked if known.is_some() => self.with_breaker(key, |breaker, clock, _| {
                breaker.success(None, clock);
                breaker.reading(None, clock);
            }),
            Seen::Worked => {}
        }
    }

    /// Parks a project when at least half of its sessions, and at least two, are in a crash loop: what has not started is
    /// held, and so are the next attempts of what runs.
    fn park_project(&mut self, session: &SessionName) {
        let state = self.state();
        let Some(project) = state.session(session).and_then(|session| session.project.clone()) else { return };
        let of_project = |plan: &&SessionPlan| !plan.disabled && plan.project.as_ref() == Some(&project);
        let sessions: Vec<&SessionPlan> =
            state.plan.sessions.values().chain(state.added.values()).filter(of_project).collect();
        let loops = |run: &Run| {
            let verdict = run.last_attempt().and_then(|attempt| attempt.verdict.as_ref());
            verdict.is_some_and(|verdict| verdict.class == FailureClass::CrashLoop)
        };
        let looping = sessions.iter().filter(|s| state.latest_run(&s.name).is_some_and(loops)).count();
        if looping < 2 || looping * 2 < sessions.len() || state.breakers.parked.contains_key(&project) {
            return;
        }
        let why = format!("{looping} of its {} sessions crash again and again", sessions.len());
        // Also those that are disabled and run because a person started them.
        let of_project = |plan: &&SessionPlan| plan.project.as_ref() == Some(&project);
        let all = state.plan.sessions.values().chain(state.added.values()).filter(of_project);
        let names: BTreeSet<SessionName> = all.map(|session| session.name.clone()).collect();
        self.fact(Fact::ProjectParked { project: project.clone(), parked: true, why: why.clone() });
        for id in self.ids(|run| names.contains(&run.id.session) && !run.state.is_ended()) {
            let Some(state) = self.run(&id).map(|run| run.state.clone()) else { continue };
            self.set_held(&id, true);
            match state {
                RunState::Scheduled { .. }
                | RunState::Waiting { .. }
                | RunState::Queued
                | RunState::BackingOff { .. }
                | RunState::Limited { .. } => {
                    self.go(&id, RunState::Held, format!("project {project} is parked: {why}"))
                }
                RunState::Starting { .. }
                | RunState::Running { .. }
                | RunState::Checking { .. }
                | RunState::Held
                | RunState::Stopping { .. }
                | RunState::Ended { .. } => {}
            }
        }
    }
    /// The operator starts a session of a parked project again: it is no longer parked. What is held stays held.
    pub(super) fn unpark(&mut self, session: &SessionName) {
        let project = self.state().session(session).and_then(|session| session.project.clone());
        if let Some(project) = project.filter(|project| self.state().breakers.parked.contains_key(project)) {
            let why = format!("{session} was started by the operator");
            self.fact(Fact::ProjectParked { project, parked: false, why });
        }
    }

    /// The daemon before this one crashed by itself. Too many of that, and nothing is started any more.
    pub(super) fn daemon_crashed(&mut self, what: String) {
        self.fact(Fact::DaemonCrashed { what });
        let breakers = &self.state().breakers;
        if breakers.crashes.len() >= CRASHES && breakers.safe_mode.is_none() {
            let minutes = CRASH_WINDOW.as_secs() / 60;
            let why = format!("the daemon crashed {} times in {minutes} minutes", breakers.crashes.len());
            self.fact(Fact::SafeMode { on: true, why });
        }
    }
    /// `up` is the operator's word that things may start again.
    pub(super) fn leave_safe_mode(&mut self) {
        if self.state().breakers.safe_mode.is_some() {
            self.fact(Fact::SafeMode { on: false, why: "`up` by the operator".to_owned() });
        }
    }

    /// Lets a run wait behind a breaker; `held` are collected by key and journaled once.
    pub(super) fn set_aside(&mut self, id: &RunId, key: &str) {
        let Some(breaker) = self.state().breakers.by_key.get(key) else { return };
        let left = breaker.until().map_or(PROBE_RUNS, |until| until.left(self.at, &self.night.boot_id));
        let left = if READ.0.contains(&key) { left.min(READ.1) } else { left };
        // A run that looks again at once would only be set aside again.
        let until = self.due(left.max(SLOW_START));
        let reason = format!("{}: {}", self.held_words(key, breaker), breaker.cause);
        self.go(id, RunState::Limited { until }, reason);
    }
    /// Why a run waits behind a breaker.
    fn held_words(&self, key: &str, breaker: &Breaker) -> String {
        match breaker.limit {
            Some(limit) => limit_words(key, limit, self.at.wall, &self.night.zone),
            None => held_words(key),
        }
    }
    /// A person has a usage limit tried now.
    pub(super) fn try_limit_now(&mut self, key: &str) {
        if self.state().breakers.by_key.contains_key(key) {
            self.with_breaker(key, |breaker, _, _| breaker.try_now());
        }
    }
    pub(super) fn note_held(&mut self, held: BTreeMap<String, BTreeSet<SessionName>>) {
        for (key, sessions) in held {
            self.with_breaker(&key, |breaker, _, _| breaker.held.extend(sessions));
        }
    }
    /// A start gets through the breakers that let single ones through.
    pub(super) fn note_passage(&mut self, id: &AttemptId) {
        let Some(run) = self.run(&id.run) else { return };
        let own = self.state().key_of(run);
        for key in FOR_ALL.into_iter().chain(own.as_deref()) {
            if self.state().breakers.by_key.contains_key(key) {
                self.with_breaker(key, |breaker, _, _| breaker.starts(id));
            }
        }
    }
    /// The wait of a run that failed while its breaker is open: as long as the breaker's.
    pub(super) fn breaker_wait(&self, id: &RunId) -> Option<Due> {
        let run = self.run(id)?;
        let breaker = self.state().breakers.by_key.get(&self.state().key_of(run)?)?;
        match &breaker.phase {
            Phase::Open { until } => Some(self.due(until.left(self.at, &self.night.boot_id))),
            Phase::Closed | Phase::HalfOpen { .. } | Phase::SlowStart { .. } => None,
        }
    }
    /// Has the queue looked at again after this long.
    pub(super) fn pace(&mut self, after: Duration) {
        let due = self.at.mono.plus(after);
        if self.night.paced.is_none_or(|known| known > due || known < self.at.mono) {
            self.night.paced = Some(due);
            self.effect(Effect::Arm { timer: Timer::Pacing, epoch: 0, after });
        }
    }
}

/// Why a run waits, in words that go before what was seen.
pub fn held_words(key: &str) -> String {
    match key {
        "disk" => "the disk is nearly full".to_owned(),
        "memory" => "memory is short".to_owned(),
        "journal" => "the journal could not be written".to_owned(),
        "machine" => "this machine starts nothing".to_owned(),
        _ => format!("{} is down", thing(key)),
    }
}

/// A usage limit that holds what a key stands for, in words.
pub fn limit_words(key: &str, limit: Limit, now: Wall, zone: &TimeZone) -> String {
    let ends = limit.resets.map_or_else(String::new, |at| format!(", resets {}", limit::clock(at, now, zone)));
    format!("usage limit of {}{ends}", thing(key))
}

/// What a key stands for, in words.
pub fn thing(key: &str) -> String {
    match key.split_once(':') {
        Some(("provider", name)) => format!("provider {name}"),
        Some(("rule", id)) => format!("what {id} tells of"),
        Some(("git", name)) => format!("git of {name}"),
        Some(("notifier", name)) => format!("channel {name}"),
        Some(("project", name)) => format!("project {name}"),
        Some(_) | None => key.to_owned(),
    }
}
