//! What the numbers of a run say about where it goes: its rate, when it will be through, whether it will miss its
//! deadline, whether it moves at all, and whether it came to nothing.

use super::exit::Verdict;
use super::finding::{FindingKind, Found};
use super::ids::{AttemptId, NightId, RunId, SessionName};
use super::plan::{Check, SessionPlan};
use super::run::{MetricSeen, RunState};
use super::state::State;
use super::success::compare;
use super::time::Wall;
use super::turn::Turn;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// How far back the rate looks, at least; at most twice as far.
const WINDOW: Duration = Duration::from_secs(600);
/// A metric must have been watched this long, and have moved this often, before its end is foretold.
const FORETOLD_AFTER: (Duration, u64) = (Duration::from_secs(60), 3);
/// An alarm is taken back once the metric would be through this share of the time left before its deadline, in percent.
const CLEARLY_BEFORE: u64 = 10;
/// Without a limit for stalls a metric may stand still so long.
const STILL_AFTER: Duration = Duration::from_secs(30 * 60);
/// A metric that moves seldom may stand still this many times its usual pause.
const USUAL_PAUSES: u32 = 5;

/// How a metric moved, beside its first and last value.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pace {
    /// When the value last changed.
    pub moved: Option<Wall>,
    /// How often it changed.
    pub steps: u64,
    /// Values from some time ago, the older first: the rate is measured from the first.
    pub marks: Vec<(f64, Wall)>,
}

/// Where a metric is heading.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Forecast {
    /// Units per second, lately.
    pub rate: f64,
    /// When the total is reached at that rate.
    pub through: Wall,
}

impl MetricSeen {
    /// A metric as it is first seen.
    pub fn first_seen(value: f64, total: Option<f64>, at: Wall) -> Self {
        let pace = Pace { moved: None, steps: 0, marks: vec![(value, at)] };
        Self { first: (value, at), value, total, at, pace }
    }
    /// Takes the next value.
    pub fn next_seen(&mut self, value: f64, total: Option<f64>, at: Wall) {
        let pace = &mut self.pace;
        if value.to_bits() != self.value.to_bits() {
            pace.moved = Some(at);
            pace.steps += 1;
        }
        if value < self.value {
            // It began anew: what was before says nothing of its rate.
            pace.marks.clear();
            self.first = (value, at);
        }
        match pace.marks.as_slice() {
            [] => pace.marks.push((value, at)),
            [.., (_, newest)] if at.since(*newest) >= WINDOW => {
                pace.marks.push((value, at));
                let surplus = pace.marks.len().saturating_sub(2);
                pace.marks.drain(..surplus);
            }
            [..] => {}
        }
        self.value = value;
        self.total = total.or(self.total);
        self.at = at;
    }
    /// Units per second lately, as it looks at a time: a metric that stands still becomes slower.
    pub fn rate(&self, now: Wall) -> Option<f64> {
        let (from, since) = self.pace.marks.first().copied().unwrap_or(self.first);
        let seconds = now.since(since).as_secs_f64();
        let moved = self.value - from;
        (seconds > 0.0 && moved > 0.0).then(|| moved / seconds)
    }
    /// Where it is heading at a time; `None` without a total, when it is through, and while it has not moved.
    pub fn forecast(&self, now: Wall) -> Option<Forecast> {
        let left = self.total? - self.value;
        let rate = self.rate(now)?;
        let seconds = left / rate;
        let known = left > 0.0 && seconds.is_finite() && seconds < 1e9;
        known.then(|| Forecast { rate, through: now.plus(Duration::from_secs_f64(seconds)) })
    }
}

/// How a metric stands to its deadline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outlook {
    /// It will be through in time, or is.
    InTime,
    /// Too little is known, or it is too close to tell. What was said before stays.
    Unclear,
    /// It will be through too late, at this time.
    Late(Wall),
    /// The deadline is over, and it is not through.
    Missed,
}

/// How a metric stands to its deadline at a time.
pub fn outlook(metric: &MetricSeen, deadline: Wall, now: Wall) -> Outlook {
    if metric.complete() {
        return Outlook::InTime;
    }
    if now >= deadline {
        return Outlook::Missed;
    }
    let (watched, steps) = FORETOLD_AFTER;
    if now.since(metric.first.1) < watched || metric.pace.steps < steps {
        return Outlook::Unclear;
    }
    let Some(forecast) = metric.forecast(now) else { return Outlook::Unclear };
    let left = deadline.since(now);
    let margin = left.mul_f64(f64::from(u32::try_from(CLEARLY_BEFORE).unwrap_or(0)) / 100.0);
    let needs = forecast.through.since(now);
    if forecast.through > deadline {
        Outlook::Late(forecast.through)
    } else if needs + margin <= left {
        Outlook::InTime
    } else {
        Outlook::Unclear
    }
}

/// How long a metric may stand still before that is told.
pub fn may_stand_still(metric: &MetricSeen, stall: Option<Duration>) -> Duration {
    let moved = metric.pace.moved.unwrap_or(metric.first.1);
    let steps = u32::try_from(metric.pace.steps).unwrap_or(u32::MAX);
    let usual = if steps == 0 { Duration::ZERO } else { moved.since(metric.first.1) / steps };
    stall.unwrap_or(STILL_AFTER).max(usual.saturating_mul(USUAL_PAUSES))
}

/// What a session came to in an older night.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LastNight {
    /// Which night.
    pub night: Option<NightId>,
    /// The last values of its metrics.
    pub metrics: BTreeMap<String, f64>,
}

/// The last night of each session, for the numbers of tonight.
pub type LastNights = BTreeMap<SessionName, LastNight>;

/// What the sessions came to, as the next night begins. One that showed no number keeps its older ones; one that is
/// neither in the file nor showed any is forgotten.
pub(super) fn last_nights(state: &State) -> LastNights {
    let mut known = state.last_nights.clone();
    known.retain(|name, _| state.plan.sessions.contains_key(name));
    let Some(night) = &state.night else { return known };
    for run in state.runs.values().filter(|run| run.id.night == night.id) {
        let values = run.attempts.iter().rev().map(|attempt| &attempt.output.metrics).find(|seen| !seen.is_empty());
        if let Some(values) = values {
            let metrics = values.iter().map(|(name, seen)| (name.clone(), seen.value)).collect();
            known.insert(run.id.session.clone(), LastNight { night: Some(night.id.clone()), metrics });
        }
    }
    known
}

/// Metrics of a session that came to nothing in a good end: 0, or never seen. One that was nothing last night too, or of
/// which the file says that 0 is right, is not among them.
pub fn zero_results<'p>(
    session: &'p SessionPlan,
    seen: &BTreeMap<String, MetricSeen>,
    last: Option<&LastNight>,
) -> Vec<(&'p str, Option<f64>)> {
    let may_be_zero = |name: &str| {
        session.success.require.iter().any(|asked| match &asked.check {
            Check::MetricCompare { metric, op, number } => metric == name && compare(0.0, *op, *number),
            Check::GitCommits { .. }
            | Check::File { .. }
            | Check::MetricComplete { .. }
            | Check::MetricEqual { .. }
            | Check::OutputRegex { .. }
            | Check::Command { .. } => false,
        })
    };
    let nothing = |name: &str| seen.get(name).is_none_or(|metric| metric.value == 0.0);
    let before = |name: &str| last.and_then(|last| last.metrics.get(name)).copied();
    session
        .metrics
        .iter()
        .map(|metric| metric.name.as_str())
        .filter(|name| nothing(name) && !may_be_zero(name) && before(name) != Some(0.0))
        .map(|name| (name, before(name)))
        .collect()
}

impl Turn<'_> {
    /// Looks at the numbers of a running program. `deadlines` are the times that tonight's deadlines stand for; `works`
    /// says whether it does anything at all.
    pub(super) fn progress(&mut self, id: &AttemptId, deadlines: &BTreeMap<String, Wall>, works: bool) {
        let Some(run) = self.run(&id.run) else { return };
        if run.state != (RunState::Running { attempt: id.clone() }) {
            return;
        }
        let Some(attempt) = run.attempt(id.number) else { return };
        let now = self.at.wall;
        let stall = self.judged_by(&id.run).and_then(|session| session.stall.after);
        let metrics: Vec<(String, MetricSeen)> =
            attempt.output.metrics.iter().map(|(name, seen)| (name.clone(), seen.clone())).collect();
        for (name, seen) in &metrics {
            if let Some(deadline) = deadlines.get(name) {
                self.deadline(&id.run, name, seen, *deadline);
            }
            let still = now.since(seen.pace.moved.unwrap_or(seen.first.1));
            if seen.complete() || still < may_stand_still(seen, stall) {
                self.resolve(&id.run, FindingKind::NoProgress, name, "it moves again");
            } else if works {
                let minutes = still.as_secs() / 60;
                let what = format!("{name} has not moved for {minutes} min");
                self.find_metric(&id.run, FindingKind::NoProgress, name, what, vec![stands_at(name, seen)]);
            }
        }
        for (name, deadline) in deadlines {
            if !metrics.iter().any(|(known, _)| known == name) && now >= *deadline {
                let what = format!("{name} was not seen by its deadline");
                self.find_metric(&id.run, FindingKind::DeadlineMissed, name, what, Vec::new());
            }
        }
    }

    fn deadline(&mut self, run: &RunId, name: &str, seen: &MetricSeen, deadline: Wall) {
        let now = self.at.wall;
        let (risk, missed) = (FindingKind::DeadlineAtRisk, FindingKind::DeadlineMissed);
        match outlook(seen, deadline, now) {
            Outlook::InTime => {
                self.resolve(run, risk, name, "it will be through in time");
                self.resolve(run, missed, name, "it is through");
            }
            Outlook::Unclear => {}
            Outlook::Late(through) => {
                let late = through.since(deadline).as_secs() / 60;
                let left = deadline.since(now).as_secs() / 60;
                let what = format!("{name} will miss its deadline by {late} min, {left} min from now");
                let rate =
                    seen.rate(now).map_or_else(String::new, |rate| format!("{:.1} an hour lately", rate * 3600.0));
                self.find_metric(run, risk, name, what, vec![stands_at(name, seen), rate]);
            }
            Outlook::Missed => {
                self.resolve(run, risk, name, "the deadline is over");
                let what = format!("{name} has missed its deadline");
                self.find_metric(run, missed, name, what, vec![stands_at(name, seen)]);
            }
        }
    }

    fn find_metric(&mut self, run: &RunId, kind: FindingKind, name: &str, what: String, evidence: Vec<String>) {
        let evidence = evidence.into_iter().filter(|text| !text.is_empty()).collect();
        self.found(run, Found { kind, subject: name.to_owned(), what, evidence, acted: None });
    }

    /// A program ended. After a good end its numbers are looked at: a success that came to nothing is told.
    pub(super) fn progress_of_ended(&mut self, id: &AttemptId, verdict: Option<&Verdict>) {
        self.resolve_of_ended(id);
        if verdict.is_some() {
            return;
        }
        self.denied_at_end(id);
        let (Some(session), Some(run)) = (self.judged_by(&id.run), self.run(&id.run)) else { return };
        let Some(attempt) = run.attempt(id.number) else { return };
        let last = self.state().last_nights.get(&id.run.session);
        let zero: Vec<(String, Option<f64>)> = zero_results(session, &attempt.output.metrics, last)
            .into_iter()
            .map(|(name, before)| (name.to_owned(), before))
            .collect();
        for (name, before) in zero {
            let seen = self.run(&id.run).and_then(|run| run.attempt(id.number)?.output.metrics.get(&name));
            let what = if seen.is_some() { format!("{name} is 0") } else { format!("{name} was never seen") };
            let before = before.map_or_else(String::new, |before| format!("it was {before} last night"));
            self.find_metric(&id.run, FindingKind::ZeroResult, &name, format!("a good end, but {what}"), vec![before]);
        }
    }
}

fn stands_at(name: &str, seen: &MetricSeen) -> String {
    match seen.total {
        Some(total) => format!("{name} stands at {} of {total}", seen.value),
        None => format!("{name} stands at {}", seen.value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: u64) -> Wall {
        Wall(i64::try_from(seconds * 1000).unwrap())
    }

    /// A metric with a total that moves by so much every minute, for so many minutes.
    fn moved(total: f64, each: f64, minutes: u32) -> MetricSeen {
        let mut metric = MetricSeen::first_seen(0.0, Some(total), at(0));
        for minute in 1..=minutes {
            metric.next_seen(each * f64::from(minute), None, at(u64::from(minute) * 60));
        }
        metric
    }

    #[test]
    fn a_deadline_that_will_be_missed_is_known_long_before() {
        let metric = moved(1000.0, 5.0, 20);
        // 900 are left, at 5 a minute: three hours.
        let now = at(1200);
        assert_eq!(metric.forecast(now).unwrap().through, at(1200 + 180 * 60));
        let by = |minutes: u64| outlook(&metric, at(1200 + minutes * 60), now);
        assert_eq!(by(120), Outlook::Late(at(1200 + 180 * 60)));
        assert_eq!(by(190), Outlook::Unclear, "too close to call it off");
        assert_eq!(by(240), Outlook::InTime);
        assert_eq!(outlook(&metric, at(1100), now), Outlook::Missed);
        assert_eq!(outlook(&moved(10.0, 5.0, 2), at(0), now), Outlook::InTime, "through is through");
        assert_eq!(outlook(&moved(1000.0, 5.0, 1), at(1200), at(61)), Outlook::Unclear, "too early to tell");
    }

    #[test]
    fn the_rate_is_that_of_late_and_falls_while_nothing_moves() {
        let mut metric = moved(10_000.0, 60.0, 60);
        assert!((metric.rate(at(3600)).unwrap() - 1.0).abs() < 1e-9);
        for minute in 61..=100_u32 {
            metric.next_seen(3600.0 + f64::from(minute - 60), None, at(u64::from(minute) * 60));
        }
        let late = metric.rate(at(6000)).unwrap();
        assert!(late < 0.05, "one a minute lately, not one a second: {late}");
        assert!(metric.rate(at(60_000)).unwrap() < late);
        metric.next_seen(2.0, None, at(60_060));
        assert_eq!(metric.rate(at(60_120)), None, "it began anew");
    }

    #[test]
    fn a_metric_that_seldom_moves_may_stand_still_for_long() {
        let quarter = Duration::from_secs(900);
        assert_eq!(may_stand_still(&moved(10.0, 1.0, 9), Some(quarter)), quarter);
        let mut slow = MetricSeen::first_seen(0.0, None, at(0));
        for step in 1..=3_u32 {
            slow.next_seen(f64::from(step), None, at(u64::from(step) * 1800));
        }
        assert_eq!(may_stand_still(&slow, Some(quarter)), Duration::from_secs(1800 * 5));
        assert_eq!(may_stand_still(&MetricSeen::first_seen(0.0, None, at(0)), None), STILL_AFTER);
    }

    #[test]
    fn a_result_of_zero_is_told_unless_it_is_meant_or_usual() {
        use crate::core::plan::{Comparison, MetricPlan, Requirement};
        use crate::core::testing::session;
        let metric = |name: &str| MetricPlan { name: name.into(), regex: String::new(), total: None, deadline: None };
        let mut plan = session("load");
        plan.metrics = ["rows", "parts", "errors"].map(metric).to_vec();
        let check = Check::MetricCompare { metric: "errors".into(), op: Comparison::Equal, number: 0.0 };
        plan.success.require = vec![Requirement { text: "metric:errors=0".into(), check }];
        let seen = |value| MetricSeen::first_seen(value, None, at(0));
        let tonight = BTreeMap::from([("rows".to_owned(), seen(0.0)), ("errors".to_owned(), seen(0.0))]);
        assert_eq!(zero_results(&plan, &tonight, None), [("rows", None), ("parts", None)]);
        let values = [("rows".to_owned(), 12.0), ("parts".to_owned(), 0.0)];
        let last = LastNight { night: None, metrics: BTreeMap::from(values) };
        assert_eq!(zero_results(&plan, &tonight, Some(&last)), [("rows", Some(12.0))]);
    }

    proptest! {
        /// A steady metric is called late exactly when it will be late.
        #[test]
        fn a_steady_metric_is_judged_by_what_will_be(
            each in 1..100_u32, minutes in 3..200_u32, total in 1..50_000_u32, deadline in 1..20_000_u64,
        ) {
            let metric = moved(f64::from(total), f64::from(each), minutes);
            let (now, deadline) = (at(u64::from(minutes) * 60), at(deadline * 60));
            let through = f64::from(total) / f64::from(each) * 60.0;
            match outlook(&metric, deadline, now) {
                Outlook::Late(_) => prop_assert!(through * 1000.0 > deadline.0 as f64 - 1.0),
                Outlook::InTime => prop_assert!(metric.complete() || through * 1000.0 <= deadline.0 as f64 + 1.0),
                Outlook::Missed => prop_assert!(now >= deadline && !metric.complete()),
                Outlook::Unclear => {}
            }
        }
    }
}
