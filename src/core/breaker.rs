//! The circuit breaker: what stands between the starts of sessions and something outside that they all need.
//!
//! One mechanism for everything guarded. A provider, the machine's ability to start anything, a repository: told by
//! failures, tried again by exactly one probe after a growing delay. The disk, the memory, the journal: told by readings.
//! Whatever was closed is opened slowly: 1, 2, 4, ... starts each five seconds. This file knows no runs and draws no
//! consequences (`guard.rs` does); it is a plain state machine, held against a model of its own below.

use super::ids::{AttemptId, SessionName};
use super::retry;
use super::run::Due;
use super::time::{At, Mono, Wall};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Sessions that must fail within [`EVIDENCE_WINDOW`], or failures in a row where there are fewer sessions.
pub const EVIDENCE: usize = 3;
/// How long a failure speaks against what is guarded.
pub const EVIDENCE_WINDOW: Duration = Duration::from_secs(60);
/// First and longest wait before a probe.
pub const PROBE_DELAY: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(600));
/// A probe that ran so long with output, and without the failure, shows that all is well again.
pub const PROBE_RUNS: Duration = Duration::from_secs(60);
/// The same for a probe that prints nothing.
pub const SILENT_PROBE_RUNS: Duration = Duration::from_secs(300);
/// How often a silent probe is looked at.
pub const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// The time between two steps of a slow start.
pub const SLOW_START: Duration = Duration::from_secs(5);
/// Steps of a slow start: 1, 2, 4, 8 starts, then it is closed.
const SLOW_STEPS: u32 = 4;
/// After this long it is a matter for a person.
pub const OVERDUE: Duration = Duration::from_secs(6 * 3600);
/// How long a bad reading is believed when no other follows it.
pub const READING_HOLDS: Duration = Duration::from_secs(600);

/// Where a breaker stands. As in electricity, closed lets through.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// All is well.
    #[default]
    Closed,
    /// Nothing gets through.
    Open {
        /// When it is tried again.
        until: Due,
    },
    /// One probe gets through.
    HalfOpen {
        /// The probe, once there is one.
        probe: Option<AttemptId>,
        /// When the probe is looked at.
        until: Option<Due>,
    },
    /// More and more get through.
    SlowStart {
        /// Which step, from 0.
        step: u32,
        /// Starts left in this step.
        left: u32,
        /// When the next step begins.
        until: Due,
    },
}

/// One guarded thing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    /// Where it stands.
    pub phase: Phase,
    /// Rises with every change of phase; a timer armed in an older epoch is ignored.
    pub epoch: u64,
    /// Who failed lately, while closed.
    #[serde(default)]
    pub evidence: BTreeMap<String, Mono>,
    /// Failures in a row, while closed.
    #[serde(default)]
    pub row: u32,
    /// The last attempt that spoke against it: one attempt speaks once.
    #[serde(default)]
    pub blamed: Option<AttemptId>,
    /// How often it was opened since it was last closed.
    #[serde(default)]
    pub opened: u32,
    /// Since when it is not closed.
    #[serde(default)]
    pub since: Option<At>,
    /// What was seen, in words.
    #[serde(default)]
    pub cause: String,
    /// Probes since then.
    #[serde(default)]
    pub probes: u32,
    /// Sessions it held since then.
    #[serde(default)]
    pub held: BTreeSet<SessionName>,
    /// Whether it lasts longer than [`OVERDUE`].
    #[serde(default)]
    pub overdue: bool,
    /// It was opened by a usage limit: what that says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
}

/// A usage limit that holds what is guarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// When it ends, if it says so.
    pub resets: Option<Wall>,
}

/// The time, and the boot that its monotonic part belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Clock<'a> {
    /// Now.
    pub at: At,
    /// Which boot.
    pub boot_id: &'a str,
}

impl Clock<'_> {
    fn due(self, delay: Duration) -> Due {
        Due::new(self.at, delay, self.boot_id)
    }
}

/// A failure that speaks against what is guarded.
#[derive(Debug, Clone, Copy)]
pub struct Failure<'a> {
    /// Who met it.
    pub who: &'a str,
    /// In which attempt, if in one.
    pub attempt: Option<&'a AttemptId>,
    /// How many could meet it: where they are few, failures in a row count.
    pub users: usize,
    /// Whether this one word is enough.
    pub certain: bool,
    /// How long it will last, if that is known.
    pub lasts: Option<Duration>,
    /// What was seen, in words.
    pub cause: &'a str,
    /// It is a usage limit.
    pub limit: Option<Limit>,
}

impl Failure<'_> {
    /// Whether it says itself when it will be over.
    fn is_stated(&self) -> bool {
        self.limit.is_some_and(|limit| limit.resets.is_some())
    }
}

/// The wait before the `n`th probe, not spread.
pub fn base_delay(n: u32) -> Duration {
    retry::grow(PROBE_DELAY.0, 2.0, PROBE_DELAY.1, n)
}

/// The same, spread over its upper half; at its longest only over the upper quarter, so that the probes of a long outage
/// stay few.
pub fn delay(n: u32, rng: &mut fastrand::Rng) -> Duration {
    let base = base_delay(n);
    let ms = u64::try_from(base.as_millis()).unwrap_or(u64::MAX);
    let least = if base < PROBE_DELAY.1 { ms.div_ceil(2) } else { ms / 4 * 3 };
    Duration::from_millis(rng.u64(least..=ms))
}

impl Breaker {
    /// Whether a start gets through now.
    pub fn admits(&self) -> bool {
        match &self.phase {
            Phase::Closed => true,
            Phase::Open { .. } => false,
            Phase::HalfOpen { probe, .. } => probe.is_none(),
            Phase::SlowStart { left, .. } => *left > 0,
        }
    }
    /// Whether it is closed.
    pub fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }
    /// Whether it is closed and nothing speaks against it.
    pub fn is_blank(&self) -> bool {
        self.is_closed() && self.row == 0 && self.evidence.is_empty()
    }
    /// Whether this attempt is its probe.
    pub fn is_probe(&self, attempt: &AttemptId) -> bool {
        matches!(&self.phase, Phase::HalfOpen { probe: Some(probe), .. } if probe == attempt)
    }
    /// When it is looked at next.
    pub fn until(&self) -> Option<&Due> {
        match &self.phase {
            Phase::Closed => None,
            Phase::Open { until } | Phase::SlowStart { until, .. } => Some(until),
            Phase::HalfOpen { until, .. } => until.as_ref(),
        }
    }
    /// The word for its phase.
    pub fn word(&self) -> &'static str {
        match self.phase {
            Phase::Closed => "closed",
            Phase::Open { .. } => "open",
            Phase::HalfOpen { .. } => "half_open",
            Phase::SlowStart { .. } => "slow_start",
        }
    }

    fn go(&mut self, phase: Phase) {
        self.phase = phase;
        self.epoch += 1;
    }
    fn open(&mut self, delay: Duration, failure: &Failure<'_>, clock: Clock<'_>) {
        self.limit = failure.limit;
        self.open_for(delay, failure.cause, clock);
    }
    fn open_for(&mut self, delay: Duration, cause: &str, clock: Clock<'_>) {
        self.opened = self.opened.saturating_add(1);
        self.held.extend(self.evidence.keys().filter_map(|who| SessionName::new(who).ok()));
        self.evidence.clear();
        self.row = 0;
        self.since.get_or_insert(clock.at);
        cause.clone_into(&mut self.cause);
        self.go(Phase::Open { until: clock.due(delay) });
    }
    fn close(&mut self) {
        *self = Self { epoch: self.epoch + 1, ..Self::default() };
    }

    /// Something failed. `delay` gives the spread wait before the `n`th probe.
    pub fn failure(&mut self, failure: Failure<'_>, clock: Clock<'_>, delay: impl FnOnce(u32) -> Duration) {
        if failure.attempt.is_some() && self.blamed.as_ref() == failure.attempt {
            return;
        }
        let wait = |breaker: &Self| failure.lasts.unwrap_or_else(|| delay(breaker.opened + 1));
        match &self.phase {
            Phase::Closed => {
                self.evidence.retain(|_, at| clock.at.mono.since(*at) <= EVIDENCE_WINDOW && *at <= clock.at.mono);
                self.evidence.insert(failure.who.to_owned(), clock.at.mono);
                self.row = self.row.saturating_add(1);
                let few = failure.users < EVIDENCE && usize::try_from(self.row).is_ok_and(|row| row >= EVIDENCE);
                if failure.certain || self.evidence.len() >= EVIDENCE || few {
                    self.open(wait(self), &failure, clock);
                }
            }
            Phase::SlowStart { .. } => self.open(wait(self), &failure, clock),
            Phase::HalfOpen { probe, .. } if probe.is_some() && probe.as_ref() == failure.attempt => {
                self.open(wait(self), &failure, clock);
            }
            // Those that ran on meet it as well; that tells nothing new, but for how long it lasts.
            Phase::Open { until } => {
                let (left, known) = (until.left(clock.at, clock.boot_id), self.limit.map(|limit| limit.resets));
                let stated = failure.is_stated();
                // What a limit says of itself is better than any guess, and of two ends the later one counts.
                let better = |lasts: &Duration| match known {
                    Some(None) if stated => true,
                    Some(Some(_)) if !stated => false,
                    Some(_) | None => *lasts > left,
                };
                if let Some(lasts) = failure.lasts.filter(better) {
                    self.limit = failure.limit.or(self.limit);
                    failure.cause.clone_into(&mut self.cause);
                    self.go(Phase::Open { until: clock.due(lasts) });
                }
            }
            Phase::HalfOpen { .. } if failure.is_stated() => self.open(wait(self), &failure, clock),
            Phase::HalfOpen { .. } => {}
        }
        self.blamed = failure.attempt.cloned();
    }
    /// Something worked that would have failed. While nothing else is known that ends a row of failures.
    pub fn success(&mut self, attempt: Option<&AttemptId>, clock: Clock<'_>) {
        match &self.phase {
            Phase::Closed => {
                self.evidence.clear();
                self.row = 0;
            }
            Phase::HalfOpen { probe: Some(probe), .. } if Some(probe) == attempt => self.begin_slow_start(clock),
            Phase::Open { .. } | Phase::HalfOpen { .. } | Phase::SlowStart { .. } => {}
        }
    }
    /// The probe ended without telling anything: another one after the same wait.
    pub fn unclear(&mut self, attempt: &AttemptId, clock: Clock<'_>, delay: impl FnOnce(u32) -> Duration) {
        if self.is_probe(attempt) {
            self.go(Phase::Open { until: clock.due(delay(self.opened.max(1))) });
        }
    }
    /// A person has a usage limit tried now: the next start is the probe.
    pub fn try_now(&mut self) {
        if self.limit.is_some() && matches!(self.phase, Phase::Open { .. }) {
            self.go(Phase::HalfOpen { probe: None, until: None });
        }
    }
    /// A start got through.
    pub fn starts(&mut self, attempt: &AttemptId) {
        match &mut self.phase {
            Phase::HalfOpen { probe: probe @ None, .. } => {
                *probe = Some(attempt.clone());
                self.probes = self.probes.saturating_add(1);
                self.epoch += 1;
            }
            Phase::SlowStart { left, .. } => *left = left.saturating_sub(1),
            Phase::Closed | Phase::Open { .. } | Phase::HalfOpen { .. } => {}
        }
    }
    /// The probe is to be looked at after this long.
    pub fn look_at_probe(&mut self, attempt: &AttemptId, after: Duration, clock: Clock<'_>) {
        if self.is_probe(attempt) {
            self.go(Phase::HalfOpen { probe: Some(attempt.clone()), until: Some(clock.due(after)) });
        }
    }
    /// Its time has come: a probe may go, or the next step of the slow start. A probe under way is the caller's to look at.
    pub fn due(&mut self, clock: Clock<'_>) {
        if self.until().is_none_or(|until| !until.left(clock.at, clock.boot_id).is_zero()) {
            return;
        }
        match self.phase {
            Phase::Open { .. } => {
                self.go(Phase::HalfOpen { probe: None, until: None });
                self.note_overdue(clock);
            }
            Phase::SlowStart { step, .. } if step + 1 < SLOW_STEPS => {
                let step = step + 1;
                self.go(Phase::SlowStart { step, left: 1 << step, until: clock.due(SLOW_START) });
            }
            Phase::SlowStart { .. } => self.close(),
            Phase::Closed | Phase::HalfOpen { .. } => {}
        }
    }
    /// A reading is bad, or good again.
    pub fn reading(&mut self, bad: Option<&str>, clock: Clock<'_>) {
        match (bad, &self.phase) {
            (Some(cause), Phase::Open { until }) => {
                if until.left(clock.at, clock.boot_id) < READING_HOLDS / 2 {
                    cause.clone_into(&mut self.cause);
                    self.go(Phase::Open { until: clock.due(READING_HOLDS) });
                    self.note_overdue(clock);
                }
            }
            (Some(cause), Phase::Closed | Phase::HalfOpen { .. } | Phase::SlowStart { .. }) => {
                self.open_for(READING_HOLDS, cause, clock);
            }
            (None, Phase::Open { .. } | Phase::HalfOpen { .. }) => self.begin_slow_start(clock),
            (None, Phase::Closed | Phase::SlowStart { .. }) => {}
        }
    }
    /// Counts what is left of its waits on the clock of a new boot.
    pub fn rebase(&mut self, clock: Clock<'_>) {
        let old = |until: &Due| until.boot_id != clock.boot_id || clock.boot_id.is_empty();
        let again = |until: &Due| Due { delay: until.delay, ..clock.due(until.left_by_wall(clock.at)) };
        let phase = match &self.phase {
            Phase::Open { until } if old(until) => Phase::Open { until: again(until) },
            Phase::SlowStart { step, left, until } if old(until) => {
                Phase::SlowStart { step: *step, left: *left, until: again(until) }
            }
            Phase::HalfOpen { probe, until: Some(until) } if old(until) => {
                Phase::HalfOpen { probe: probe.clone(), until: Some(again(until)) }
            }
            Phase::Closed | Phase::Open { .. } | Phase::HalfOpen { .. } | Phase::SlowStart { .. } => return,
        };
        // Times of another boot compare with nothing.
        self.evidence.clear();
        self.go(phase);
    }

    fn begin_slow_start(&mut self, clock: Clock<'_>) {
        self.go(Phase::SlowStart { step: 0, left: 1, until: clock.due(SLOW_START) });
    }
    fn note_overdue(&mut self, clock: Clock<'_>) {
        // A limit that says when it ends is late only after that.
        let ends = self.limit.and_then(|limit| limit.resets);
        let from = self.since.map(|since| ends.map_or(since.wall, |ends| ends.max(since.wall)));
        self.overdue |= from.is_some_and(|from| clock.at.wall.since(from) >= OVERDUE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same promises once more, as a person would write them down: seconds, a list of failures, nothing clever.
    #[derive(Debug, Default)]
    struct Model {
        failures: Vec<(u8, u64)>,
        open_until: Option<u64>,
        half_open: bool,
        probe: Option<u32>,
        slow: Option<(u32, u32, u64)>,
        openings: u32,
    }

    impl Model {
        fn closed(&self) -> bool {
            self.open_until.is_none() && !self.half_open && self.slow.is_none()
        }
        fn open(&mut self, now: u64) {
            let wait = [30, 60, 120, 240, 480, 600];
            let place = usize::try_from(self.openings).unwrap().min(5);
            *self = Self { openings: self.openings + 1, open_until: Some(now + wait[place]), ..Self::default() };
        }
        fn fail(&mut self, who: u8, attempt: u32, users: usize, now: u64) {
            if self.slow.is_some() || (self.half_open && self.probe == Some(attempt)) {
                self.open(now);
            } else if self.closed() {
                self.failures.push((who, now));
                let recent: BTreeSet<u8> = self.failures.iter().filter(|f| f.1 + 60 >= now).map(|f| f.0).collect();
                if recent.len() >= 3 || (users < 3 && self.failures.len() >= 3) {
                    self.open(now);
                }
            }
        }
        fn succeed(&mut self, attempt: u32, now: u64) {
            if self.closed() {
                self.failures.clear();
            } else if self.half_open && self.probe == Some(attempt) {
                *self = Self { openings: self.openings, slow: Some((0, 1, now + 5)), ..Self::default() };
            }
        }
        fn admits(&self) -> bool {
            self.closed() || (self.half_open && self.probe.is_none()) || self.slow.is_some_and(|(_, left, _)| left > 0)
        }
        fn start(&mut self, attempt: u32) {
            if self.half_open && self.probe.is_none() {
                self.probe = Some(attempt);
            } else if let Some((_, left, _)) = &mut self.slow {
                *left = left.saturating_sub(1);
            }
        }
        fn due(&mut self, now: u64) {
            if self.open_until.is_some_and(|until| until <= now) {
                (self.open_until, self.half_open) = (None, true);
            } else if let Some((step, _, until)) = self.slow.filter(|slow| slow.2 <= now) {
                let _ = until;
                match step {
                    3 => *self = Self::default(),
                    _ => self.slow = Some((step + 1, 2_u32.pow(step + 1), now + 5)),
                }
            }
        }
    }

    #[derive(Debug, Clone)]
    enum Op {
        Fail(u8, u32),
        Succeed(u32),
        Start(u32),
        Pass(u64),
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            3 => (0..5_u8, 0..6_u32).prop_map(|(who, attempt)| Op::Fail(who, attempt)),
            1 => (0..6_u32).prop_map(Op::Succeed),
            3 => (0..6_u32).prop_map(Op::Start),
            4 => prop_oneof![0..8_u64, 20..700_u64].prop_map(Op::Pass),
        ]
    }

    fn attempt(number: u32) -> AttemptId {
        AttemptId { run: "2026-11-21/x/1".parse().unwrap(), number }
    }

    proptest! {
        #[test]
        fn it_does_what_the_plain_model_does(ops in proptest::collection::vec(op(), 1..120), users in 1..5_usize) {
            let (mut breaker, mut model, mut now) = (Breaker::default(), Model::default(), 1_000_u64);
            for op in ops {
                let at = At { wall: Wall(i64::try_from(now * 1_000).unwrap()), mono: Mono(now * 1_000) };
                let clock = Clock { at, boot_id: "b" };
                match op {
                    Op::Fail(who, number) => {
                        // Another attempt each time, unless it may be the probe.
                        let id = attempt(number);
                        breaker.blamed = None;
                        let who_text = format!("s{who}");
                        let failure = Failure {
                            who: &who_text, attempt: Some(&id), users, certain: false, lasts: None, cause: "503",
                            limit: None,
                        };
                        breaker.failure(failure, clock, base_delay);
                        model.fail(who, number, users, now);
                    }
                    Op::Succeed(number) => {
                        breaker.success(Some(&attempt(number)), clock);
                        model.succeed(number, now);
                    }
                    Op::Start(number) => {
                        prop_assert_eq!(breaker.admits(), model.admits());
                        if breaker.admits() {
                            breaker.starts(&attempt(number));
                            model.start(number);
                        }
                    }
                    Op::Pass(seconds) => {
                        now += seconds;
                        let at = At { wall: Wall(i64::try_from(now * 1_000).unwrap()), mono: Mono(now * 1_000) };
                        breaker.due(Clock { at, boot_id: "b" });
                        model.due(now);
                    }
                }
                prop_assert_eq!(breaker.admits(), model.admits(), "{:?} {:?}", breaker, model);
                prop_assert_eq!(breaker.is_closed(), model.closed(), "{:?} {:?}", breaker, model);
                prop_assert_eq!(breaker.since.is_some(), !breaker.is_closed());
                prop_assert_eq!(breaker.opened, model.openings, "{:?} {:?}", breaker, model);
            }
        }

        #[test]
        fn the_wait_for_a_probe_is_between_half_and_the_whole(n in 1..100_u32, seed in 0..1_000_u64) {
            let drawn = delay(n, &mut fastrand::Rng::with_seed(seed));
            prop_assert!(drawn >= base_delay(n) / 2 && drawn <= base_delay(n));
            prop_assert!(drawn <= PROBE_DELAY.1);
        }
    }

    #[test]
    fn a_breaker_that_lasts_six_hours_is_overdue_and_goes_on_trying() {
        let mut breaker = Breaker::default();
        let mut at = At { wall: Wall(0), mono: Mono(1) };
        let mut probes = 0;
        fn failure(attempt: Option<&AttemptId>) -> Failure<'_> {
            Failure { who: "x", attempt, users: 1, certain: true, lasts: None, cause: "503", limit: None }
        }
        breaker.failure(failure(None), Clock { at, boot_id: "b" }, base_delay);
        while !breaker.overdue {
            at = at.plus(Duration::from_secs(600));
            let clock = Clock { at, boot_id: "b" };
            breaker.due(clock);
            probes += 1;
            let id = attempt(probes);
            breaker.starts(&id);
            assert!(breaker.is_probe(&id));
            breaker.failure(failure(Some(&id)), clock, base_delay);
        }
        assert_eq!(at.mono.since(Mono(1)), OVERDUE);
        assert!(!breaker.is_closed());
    }

    #[test]
    fn readings_close_only_by_a_good_one_and_old_ones_lose_their_word() {
        let mut breaker = Breaker::default();
        let mut at = At { wall: Wall(0), mono: Mono(1) };
        let clock = |at| Clock { at, boot_id: "b" };
        for _ in 0..100 {
            breaker.reading(Some("full"), clock(at));
            breaker.due(clock(at));
            assert_eq!(breaker.word(), "open");
            at = at.plus(Duration::from_secs(30));
        }
        at = at.plus(READING_HOLDS);
        breaker.due(clock(at));
        assert_eq!(breaker.word(), "half_open", "nobody reads any more: a probe may try");
        breaker.reading(None, clock(at));
        assert_eq!(breaker.word(), "slow_start");
    }
}
