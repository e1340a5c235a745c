//! A guard against agents that run away: that ask their model again and again, and nothing comes of it.
//!
//! [`Recent`] takes the requests of one attempt and makes a [`Pace`] of them: what was asked, and what came of it, minute
//! by minute. [`judge`] says of a pace whether it is to be told of, and whether the agent is to be stopped. What counts is
//! what requests bring, not how many there are: many helpers at work ask as often as a loop does.

use super::finding::{Acted, FindingKind, Found};
use super::ids::AttemptId;
use super::run::{AfterStop, RunState};
use super::time::Wall;
use super::turn::Turn;
use super::usage::short;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// Minutes that are looked at.
pub const MINUTES: usize = 5;
/// So many requests that brought nothing, within two minutes, are told of, if they are half of all.
pub const TOLD_FROM: u64 = 40;
/// So many of them in each of [`MINUTES`] minutes end it, if they are [`MOSTLY`] of all.
pub const STOPPED_FROM: u64 = 20;
/// In per cent.
const MOSTLY: u64 = 80;
/// Without a limit of the file, more requests a minute than this, for [`MINUTES`], are told of.
pub const FAST_REQUESTS: u64 = 300;
/// The same for tokens.
pub const FAST_TOKENS: u64 = 60_000_000;
/// After a stop it is started once more, so much later.
pub const COOL_DOWN: Duration = Duration::from_secs(600);
/// A limit of requests in the file is not higher than this: see [`KEPT`].
pub const LIMIT_MOST: u64 = 1_000;
/// Most requests that are remembered: more than the highest limit allows within [`MINUTES`].
const KEPT: usize = 6_000;
const MINUTE_MS: i64 = 60_000;
/// A request may bear a time a little ahead of the clock.
const AHEAD_MS: i64 = 5_000;

/// What is done about an agent that runs away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnRunaway {
    /// Somebody is told.
    Alert,
    /// Somebody is told, and it is stopped when it goes on.
    #[default]
    Stop,
}

/// `runaway = { … }`: how much an agent may ask of its model. `None` is what is built in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunawayPolicy {
    /// Requests a minute.
    pub requests_per_minute: Option<u64>,
    /// Tokens a minute, of all kinds.
    pub tokens_per_minute: Option<u64>,
    /// What is done.
    pub action: OnRunaway,
}

/// One request, as far as it matters here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tried {
    /// Tokens sent.
    pub sent: u64,
    /// Tokens received.
    pub received: u64,
    /// It brought nothing, whatever was received: an error, or a summary of what was there already.
    pub empty: bool,
}

/// The requests of an attempt within the last minutes.
#[derive(Debug, Clone, Default)]
pub struct Recent {
    tries: BTreeMap<(Wall, u64), (Tried, Option<String>)>,
    by_key: HashMap<String, (Wall, u64)>,
    next: u64,
}

impl Recent {
    /// Takes a request. One with a key that is known is the same one, told better.
    pub fn take(&mut self, at: Wall, key: Option<&str>, tried: Tried) {
        if let Some((known, _)) = key.and_then(|key| self.by_key.get(key)).and_then(|place| self.tries.get_mut(place)) {
            known.sent = known.sent.max(tried.sent);
            known.received = known.received.max(tried.received);
            known.empty = tried.empty;
            return;
        }
        let place = (at, self.next);
        self.next += 1;
        self.tries.insert(place, (tried, key.map(str::to_owned)));
        if let Some(key) = key {
            self.by_key.insert(key.to_owned(), place);
        }
        if self.tries.len() > KEPT
            && let Some(oldest) = self.tries.keys().next().copied()
        {
            self.forget(oldest);
        }
    }

    fn forget(&mut self, place: (Wall, u64)) {
        if let Some((_, Some(key))) = self.tries.remove(&place) {
            self.by_key.remove(&key);
        }
    }

    /// What was asked within the last minutes, and what came of it. What is older is forgotten.
    pub fn pace(&mut self, now: Wall) -> Pace {
        let window = i64::try_from(MINUTES).unwrap_or(i64::MAX).saturating_mul(MINUTE_MS);
        let from = Wall(now.0.saturating_sub(window));
        let old: Vec<(Wall, u64)> = self.tries.range(..(from, 0)).map(|(place, _)| *place).collect();
        old.into_iter().for_each(|place| self.forget(place));
        let mut pace = Pace::default();
        // A request that is sent and answered to the token as one before it is that one again.
        let mut seen: HashMap<(u64, u64), u64> = HashMap::new();
        for (tried, _) in self.tries.values() {
            *seen.entry((tried.sent, tried.received)).or_default() += 1;
        }
        let (mut first, mut last) = (None, None);
        for ((at, _), (tried, _)) in &self.tries {
            let ago = now.0.saturating_sub(at.0);
            if ago < -AHEAD_MS {
                continue;
            }
            let again = tried.sent > 0 && seen.get(&(tried.sent, tried.received)).is_some_and(|times| *times > 1);
            let fruitless = tried.empty || again || (tried.sent > 0 && tried.received == 0);
            let minute = usize::try_from(ago.max(0) / MINUTE_MS).unwrap_or(usize::MAX);
            if let Some(sum) = pace.minutes.get_mut(minute) {
                sum.requests += 1;
                sum.fruitless += u64::from(fruitless);
                sum.tokens = sum.tokens.saturating_add(tried.sent).saturating_add(tried.received);
            }
            if minute < 2 {
                first = first.or(Some(*at));
                last = Some(*at);
            }
        }
        let span = first.zip(last).map_or(Duration::ZERO, |(first, last)| last.since(first));
        pace.span_s = span.as_secs();
        pace
    }
}

/// A minute's requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Minute {
    /// How many.
    pub requests: u64,
    /// How many of them brought nothing: they failed, were not answered with a word, or were the same as before.
    pub fruitless: u64,
    /// Their tokens, of all kinds.
    pub tokens: u64,
}

impl Minute {
    fn plus(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_add(other.requests),
            fruitless: self.fruitless.saturating_add(other.fruitless),
            tokens: self.tokens.saturating_add(other.tokens),
        }
    }
    /// Whether so many per cent of them brought nothing.
    fn fruitless_share(self, percent: u64) -> bool {
        self.fruitless.saturating_mul(100) >= self.requests.saturating_mul(percent)
    }
}

/// How an agent asked within the last minutes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pace {
    /// Minute by minute, back from now: the first is the last 60 seconds.
    pub minutes: [Minute; MINUTES],
    /// Seconds from the first to the last request of the first two.
    pub span_s: u64,
    /// Whose requests these are is a guess.
    pub guessed: bool,
}

impl Pace {
    fn of_minutes(&self, count: usize) -> Minute {
        self.minutes.iter().take(count).copied().fold(Minute::default(), Minute::plus)
    }
}

/// What is wrong with a pace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// In words.
    pub what: String,
    /// It is to be stopped.
    pub stop: bool,
}

/// Judges a pace; `None` when nothing is wrong with it.
pub fn judge(pace: &Pace, policy: &RunawayPolicy) -> Option<Judged> {
    judge_by(pace, policy, 100)
}

/// Whether nothing is wrong with a pace any more: it is well below of what is told of.
pub fn is_calm(pace: &Pace, policy: &RunawayPolicy) -> bool {
    judge_by(pace, policy, 50).is_none()
}

/// With limits of which so many per cent count.
fn judge_by(pace: &Pace, policy: &RunawayPolicy, percent: u64) -> Option<Judged> {
    let may_stop = policy.action == OnRunaway::Stop && !pace.guessed;
    let part = |limit: u64| limit.saturating_mul(percent) / 100;
    let minutes = u64::try_from(MINUTES).unwrap_or(u64::MAX);
    let (one, two, all) = (pace.of_minutes(1), pace.of_minutes(2), pace.of_minutes(MINUTES));
    let loops = pace.minutes.iter().all(|minute| minute.fruitless >= part(STOPPED_FROM)) && all.fruitless_share(MOSTLY);
    if loops {
        let what = format!(
            "{} requests in {MINUTES} min, {} of them brought nothing: it goes round in a loop",
            all.requests, all.fruitless
        );
        return Some(Judged { what, stop: may_stop });
    }
    // A limit of the file is passed for good by what would take all minutes at that rate.
    let over = |limit: Option<u64>, fast: u64, now: u64, all: u64| match limit {
        Some(limit) if all > part(limit.saturating_mul(minutes)) => Some(true),
        Some(limit) if now > part(limit) => Some(false),
        Some(_) => None,
        None => (all > part(fast.saturating_mul(minutes))).then_some(false),
    };
    let limits = [
        (over(policy.requests_per_minute, FAST_REQUESTS, one.requests, all.requests), policy.requests_per_minute),
        (over(policy.tokens_per_minute, FAST_TOKENS, one.tokens, all.tokens), policy.tokens_per_minute),
    ];
    // What is passed for good goes before what is not, requests before tokens.
    let words = ["requests", "tokens"];
    let mut passed: Vec<(bool, String)> = Vec::new();
    for ((over, limit), unit) in limits.into_iter().zip(words) {
        let Some(for_good) = over else { continue };
        let count = |minute: Minute| if unit == "requests" { minute.requests } else { minute.tokens };
        let allowed = limit.map_or_else(String::new, |limit| format!(", {} a minute are allowed", short(limit)));
        let time = if for_good || limit.is_none() {
            format!("{} {unit} in {MINUTES} min", short(count(all)))
        } else {
            format!("{} {unit} in the last minute", short(count(one)))
        };
        passed.push((for_good, format!("{time}{allowed}")));
    }
    passed.sort_by_key(|(for_good, _)| !for_good);
    if let Some((true, what)) = passed.first() {
        return Some(Judged { what: what.clone(), stop: may_stop });
    }
    if two.fruitless >= part(TOLD_FROM) && two.fruitless_share(50) {
        let what =
            format!("{} requests in {} s, {} of them brought nothing", two.requests, pace.span_s.max(1), two.fruitless);
        return Some(Judged { what, stop: false });
    }
    passed.into_iter().next().map(|(_, what)| Judged { what, stop: false })
}

/// A pace as evidence, in words.
fn evidence(pace: &Pace) -> Vec<String> {
    let minute = |minute: &Minute| {
        format!("{} requests, {} for nothing, {} tokens", minute.requests, minute.fruitless, short(minute.tokens))
    };
    let known = pace.minutes.iter().rev().skip_while(|minute| minute.requests == 0);
    let mut words = vec![format!("minute by minute: {}", known.map(minute).collect::<Vec<_>>().join("; "))];
    if pace.guessed {
        words.push("another session of this agent works in its directory: it is not stopped on a guess".to_owned());
    }
    words
}

impl Turn<'_> {
    /// How an agent asks was looked at.
    pub(super) fn paced(&mut self, id: &AttemptId, pace: &Pace) {
        let Some(run) = self.run(&id.run) else { return };
        if run.state != (RunState::Running { attempt: id.clone() }) {
            return;
        }
        let Some(policy) = self.judged_by(&id.run).map(|session| session.runaway) else { return };
        let Some(Judged { what, stop }) = judge(pace, &policy) else {
            if is_calm(pace, &policy) {
                self.resolve(&id.run, FindingKind::Runaway, "", "it asks as usual again");
            }
            return;
        };
        let acted =
            stop.then(|| Acted { what: "stopped".to_owned(), attempt: id.number, since: self.at.wall, quiet_ms: 0 });
        let found = Found {
            kind: FindingKind::Runaway,
            subject: String::new(),
            what: what.clone(),
            evidence: evidence(pace),
            acted,
        };
        self.found(&id.run, found);
        if stop {
            self.stop(id, AfterStop::Runaway, None, &what);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_253_823_000;

    /// Requests told one by one, by how long before now they were made, in milliseconds.
    fn pace(tries: impl IntoIterator<Item = (i64, Tried)>) -> Pace {
        let mut recent = Recent::default();
        tries.into_iter().for_each(|(ago, tried)| recent.take(Wall(NOW - ago), None, tried));
        recent.pace(Wall(NOW))
    }
    fn error() -> Tried {
        Tried { empty: true, ..Tried::default() }
    }
    /// A request of a conversation that grows, and is begun anew when it is full.
    fn work(n: i64) -> Tried {
        let n = u64::try_from(n).unwrap();
        Tried { sent: 40_000 + n * 701 % 110_000, received: 80 + n * 37 % 400, empty: false }
    }
    /// One thing each so many milliseconds, for so long until now.
    fn each(every: i64, span: i64, what: impl Fn(i64) -> Tried) -> Vec<(i64, Tried)> {
        (0..span / every).map(|n| (span - n * every, what(n))).collect()
    }
    const BUILT_IN: RunawayPolicy =
        RunawayPolicy { requests_per_minute: None, tokens_per_minute: None, action: OnRunaway::Stop };
    /// Seconds after which it is first told of and stopped, when looked at each second.
    fn goes(
        every: i64,
        for_seconds: i64,
        what: impl Fn(i64) -> Tried,
        policy: RunawayPolicy,
    ) -> (Option<i64>, Option<i64>) {
        let (mut recent, mut told, mut stopped, mut n) = (Recent::default(), None, None, 0);
        // A look now and then, as it is in truth.
        for second in (0..for_seconds).step_by(3) {
            while n * every <= second * 1_000 {
                recent.take(Wall(NOW + n * every), None, what(n));
                n += 1;
            }
            let judged = judge(&recent.pace(Wall(NOW + second * 1_000)), &policy);
            told = told.or(judged.as_ref().map(|_| second));
            stopped = stopped.or(judged.filter(|judged| judged.stop).map(|_| second));
        }
        (told, stopped)
    }

    #[test]
    fn a_stream_that_breaks_and_is_asked_for_again_without_a_pause_is_told_and_stopped() {
        // 15 requests in 40 s, which goes on for ever.
        let (told, stopped) = goes(2_667, 600, |_| error(), BUILT_IN);
        assert!(matches!(told, Some(90..=120)), "{told:?}");
        assert!(matches!(stopped, Some(240..=310)), "{stopped:?}");
        let (told, stopped) = goes(700, 600, |_| error(), BUILT_IN);
        assert!(matches!((told, stopped), (Some(20..=35), Some(240..=310))), "{told:?} {stopped:?}");
    }

    #[test]
    fn a_context_that_is_compacted_for_ever_is_told_and_stopped() {
        // 52 that fail and 53 that make the same summary, in 40 s.
        let turn = |n| if n % 2 == 0 { error() } else { Tried { sent: 900, received: 210, empty: false } };
        let (told, stopped) = goes(381, 600, turn, BUILT_IN);
        assert!(matches!((told, stopped), (Some(10..=40), Some(240..=310))), "{told:?} {stopped:?}");
        // Its summaries differ, and are known as such.
        let named = |n| if n % 2 == 0 { error() } else { Tried { empty: true, ..work(n) } };
        assert!(goes(381, 600, named, BUILT_IN).1.is_some());
        let judged = judge(&pace(each(381, 40_000, turn)), &BUILT_IN).unwrap();
        assert_eq!(judged.what, "104 requests in 39 s, 104 of them brought nothing");
    }

    #[test]
    fn what_works_is_let_be_however_busy_it_is() {
        // A main conversation and five helpers, each with a request in three seconds.
        assert_eq!(goes(500, 700, work, BUILT_IN), (None, None));
        // A burst at the start: forty files are read at once.
        let burst = each(50, 2_000, work).into_iter().chain(each(4_000, 50_000, |n| work(n + 99)));
        assert_eq!(judge(&pace(burst), &BUILT_IN), None);
        // A long compaction, with two tries that failed.
        let compaction = [(200_000, error()), (150_000, error()), (90_000, Tried { empty: true, ..work(3) })];
        assert_eq!(judge(&pace(compaction.into_iter().chain(each(3_000, 60_000, work))), &BUILT_IN), None);
        // Its own tries again in an outage: five times six within 25 seconds, and then it gives up.
        let retries = each(830, 25_000, |_| error());
        assert_eq!(judge(&pace(retries), &BUILT_IN), None);
        // One request in five is refused, by a limit of its account.
        let refused = |n| if n % 5 == 0 { error() } else { work(n) };
        assert_eq!(goes(500, 700, refused, BUILT_IN).1, None);
    }

    #[test]
    fn half_of_it_for_nothing_is_told_and_not_stopped() {
        let half = |n| if n % 2 == 0 { error() } else { work(n) };
        let (told, stopped) = goes(700, 700, half, BUILT_IN);
        assert!(told.is_some());
        assert_eq!(stopped, None);
    }

    #[test]
    fn a_rate_alone_is_told_of_and_never_stopped_unless_the_file_says_so() {
        let (told, stopped) = goes(150, 600, work, BUILT_IN);
        assert!(matches!((told, stopped), (Some(200..=300), None)), "{told:?} {stopped:?}");
        let many = |n| Tried { sent: 2_000_000 + u64::try_from(n).unwrap(), received: 90, empty: false };
        assert!(matches!(goes(1_000, 600, many, BUILT_IN), (Some(_), None)));
        let own = RunawayPolicy { requests_per_minute: Some(30), ..BUILT_IN };
        let (told, stopped) = goes(1_000, 600, work, own);
        assert!(matches!((told, stopped), (Some(25..=35), Some(145..=155))), "{told:?} {stopped:?}");
        let tokens = RunawayPolicy { tokens_per_minute: Some(1_000_000), ..BUILT_IN };
        let (told, stopped) = goes(1_000, 600, work, tokens);
        assert!(told < stopped && stopped.is_some(), "{told:?} {stopped:?}");
        assert_eq!(goes(3_000, 600, work, own), (None, None), "it keeps to its limit");
        let faster = RunawayPolicy { requests_per_minute: Some(900), ..BUILT_IN };
        assert_eq!(goes(150, 600, work, faster), (None, None), "who says more has more");
    }

    #[test]
    fn alert_never_stops_and_a_guess_does_not_either() {
        let told_only = RunawayPolicy { action: OnRunaway::Alert, ..BUILT_IN };
        assert!(matches!(goes(700, 600, |_| error(), told_only), (Some(_), None)));
        let guess = Pace { guessed: true, ..pace(each(700, 300_000, |_| error())) };
        let judged = judge(&guess, &BUILT_IN).unwrap();
        assert!(!judged.stop, "{judged:?}");
        assert!(judge(&Pace { guessed: false, ..guess }, &BUILT_IN).unwrap().stop);
    }

    #[test]
    fn it_is_over_well_below_of_where_it_began() {
        let policy = BUILT_IN;
        let just_below = pace(each(3_500, 120_000, |_| error()));
        assert_eq!(judge(&just_below, &policy), None);
        assert!(!is_calm(&just_below, &policy));
        assert!(is_calm(&pace(each(8_000, 120_000, |_| error())), &policy));
        assert!(is_calm(&Pace::default(), &policy));
    }

    #[test]
    fn one_that_is_told_better_is_the_same_one_and_what_is_old_is_forgotten() {
        let mut recent = Recent::default();
        recent.take(Wall(NOW), Some("a"), Tried { sent: 100, received: 0, empty: false });
        assert_eq!(recent.pace(Wall(NOW + 1)).minutes[0], Minute { requests: 1, fruitless: 1, tokens: 100 });
        recent.take(Wall(NOW + 500), Some("a"), Tried { sent: 100, received: 20, empty: false });
        assert_eq!(recent.pace(Wall(NOW + 600)).minutes[0], Minute { requests: 1, fruitless: 0, tokens: 120 });
        assert_eq!(recent.pace(Wall(NOW + 400_000)), Pace::default());
        assert!(recent.tries.is_empty() && recent.by_key.is_empty());
        recent.take(Wall(NOW + 3_600_000), None, error());
        assert_eq!(recent.pace(Wall(NOW)).minutes[0].requests, 0, "a time to come is none");
        (0..7_000).for_each(|n| recent.take(Wall(NOW + n), Some(&n.to_string()), error()));
        assert_eq!((recent.tries.len(), recent.by_key.len() < 6_001), (KEPT, true));
    }
}
