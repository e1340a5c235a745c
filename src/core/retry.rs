//! Whether a failed run is tried again, and after how long.

use super::exit::{ExitRecord, FailureClass, Verdict};
use super::failure::verdict;
use super::plan::{Jitter, Launch, OnCrashLoop, RetryPolicy};
use super::run::{Attempt, Outcome, Run};
use super::runaway::COOL_DOWN;
use super::time::Wall;
use std::time::Duration;

/// Most restarts of one run after an attempt was lost.
pub const MAX_LOST: usize = 3;
/// Most waits of one run for a usage limit.
pub const MAX_LIMIT_WAITS: usize = 20;
/// Waits for a usage limit without a known reset; the last one repeats.
pub(super) const LIMIT_PROBES: [Duration; 3] =
    [Duration::from_secs(15 * 60), Duration::from_secs(30 * 60), Duration::from_secs(60 * 60)];
/// First and longest wait for a provider that is down.
const PROVIDER_WAIT: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(600));

/// What follows from a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Another attempt after this delay.
    BackOff {
        /// How long.
        delay: Duration,
        /// Why, in words.
        why: String,
    },
    /// Another attempt once something outside is hoped to be over; takes no attempt.
    Limit {
        /// When to look again.
        delay: Duration,
        /// Why, in words.
        why: String,
    },
    /// The run ends.
    End {
        /// How.
        outcome: Outcome,
        /// Why, in words.
        why: String,
    },
}

/// The delay before the attempt that follows the `n`th failure, not spread: `min(max_delay, initial * multiplier^(n-1))`.
pub fn base_delay(policy: &RetryPolicy, n: u32) -> Duration {
    grow(policy.initial_delay, policy.multiplier, policy.max_delay, n)
}

/// The same delay, spread as the policy says.
pub fn delay(policy: &RetryPolicy, n: u32, rng: &mut fastrand::Rng) -> Duration {
    spread(base_delay(policy, n), policy.jitter, rng)
}

pub(super) fn grow(initial: Duration, multiplier: f64, max: Duration, n: u32) -> Duration {
    let exponent = i32::try_from(n.saturating_sub(1)).unwrap_or(i32::MAX);
    let seconds = initial.as_secs_f64() * multiplier.powi(exponent);
    // Not a number (0 times infinity) and infinity both mean "longer than any maximum".
    if seconds.is_finite() && seconds >= 0.0 && seconds < max.as_secs_f64() {
        whole_ms(Duration::from_secs_f64(seconds))
    } else {
        max
    }
}

fn whole_ms(span: Duration) -> Duration {
    Duration::from_millis(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

fn spread(base: Duration, jitter: Jitter, rng: &mut fastrand::Rng) -> Duration {
    let ms = u64::try_from(base.as_millis()).unwrap_or(u64::MAX);
    let drawn = match jitter {
        // The lower half is rounded up, so that the delay is never below d/2.
        Jitter::Equal => ms.div_ceil(2) + rng.u64(0..=ms / 2),
        Jitter::Full => rng.u64(0..=ms),
        Jitter::None => ms,
    };
    Duration::from_millis(drawn)
}

/// Whether an attempt ran for `reset_after` and was still seen to make progress by then: output (metrics are output)
/// that came that long after the start. Bare uptime is no progress.
pub fn made_progress(attempt: &Attempt, exit: &ExitRecord, policy: &RetryPolicy) -> bool {
    let Some((started, last)) = attempt.started.as_ref().zip(attempt.output.last_at) else { return false };
    exit.ran >= policy.reset_after && attempt.output.bytes > 0 && last.since(started.at) >= policy.reset_after
}

/// The verdict, or `crash_loop` in its place when this end is one quick failure too many. `run` is as it was before the
/// end; failures that count no attempt do not count here either, and the operator's word begins a new count.
pub fn with_crash_loop(found: Verdict, run: &Run, exit: &ExitRecord, policy: &RetryPolicy) -> Verdict {
    let quick = exit.ran < policy.min_uptime;
    if !found.counted || !quick || !may_retry(found.class) {
        return found;
    }
    let count = policy.crash_loop_count;
    let before = quick_exits(run, exit.at, policy).count();
    if u32::try_from(before + 1).unwrap_or(u32::MAX) < count.max(1) {
        return found;
    }
    let seconds = policy.crash_loop_window.as_secs();
    verdict(FailureClass::CrashLoop, format!("retry/crash-loop {count} in {seconds} s ({})", found.rule))
}

/// The ends of quick failures within the crash-loop window before `now`, newest first.
fn quick_exits<'r>(run: &'r Run, now: Wall, policy: &'r RetryPolicy) -> impl Iterator<Item = Wall> + 'r {
    let ended = run.attempts.iter().rev().filter_map(|attempt| attempt.exit.as_ref().zip(attempt.verdict.as_ref()));
    ended
        .take_while(|(_, verdict)| verdict.class != FailureClass::Operator)
        .filter(move |(exit, verdict)| {
            verdict.counted && exit.ran < policy.min_uptime && now.since(exit.at) <= policy.crash_loop_window
        })
        .map(|(exit, _)| exit.at)
}

/// Decides what follows from the newest attempt's verdict. `run` is as it is after the end was journaled, `starts` are
/// the session's starts of the night.
pub fn decide(
    run: &Run,
    found: &Verdict,
    policy: &RetryPolicy,
    starts: u32,
    now: Wall,
    rng: &mut fastrand::Rng,
) -> Decision {
    let failed = |why: String| Decision::End { outcome: Outcome::Failed, why };
    let of_class = |class| run.attempts.iter().filter(|a| a.verdict.as_ref().is_some_and(|v| v.class == class)).count();
    if found.class == FailureClass::Operator {
        return Decision::End { outcome: Outcome::Stopped, why: format!("ended by hand ({})", found.rule) };
    }
    let delayed_loop = found.class == FailureClass::CrashLoop && policy.on_crash_loop == OnCrashLoop::Delay;
    let full = found.class == FailureClass::ContextFull && Launch::begins_anew(run);
    if !may_retry(found.class) && !delayed_loop && !full {
        return failed(not_retried(found.class, policy));
    }
    if found.counted && run.counted >= policy.max_attempts {
        return failed(format!("attempt {} of {} failed", run.counted, policy.max_attempts));
    }
    if starts >= policy.hard_cap_starts {
        return failed(format!("{starts} starts in this night, {} are allowed", policy.hard_cap_starts));
    }
    let attempts = format!("{} of {} attempts used", run.counted, policy.max_attempts);
    match found.class {
        FailureClass::Transient | FailureClass::KilledOther | FailureClass::Timeout | FailureClass::Stalled => {
            Decision::BackOff { delay: delay(policy, run.counted, rng), why: format!("tried again, {attempts}") }
        }
        FailureClass::OomKilled => match of_class(FailureClass::OomKilled) {
            0 | 1 => {
                let why = format!("tried once more, with nothing beside it, {attempts}");
                Decision::BackOff { delay: delay(policy, run.counted, rng), why }
            }
            times => failed(format!("out of memory {times} times")),
        },
        FailureClass::Lost => match of_class(FailureClass::Lost) {
            times if times > MAX_LOST => failed(format!("lost {times} times")),
            times => {
                let delay = delay(policy, u32::try_from(times).unwrap_or(u32::MAX), rng);
                Decision::BackOff { delay, why: "started again, no attempt is taken".to_owned() }
            }
        },
        FailureClass::Infra => {
            let delay = delay(policy, in_a_row(run, FailureClass::Infra), rng);
            Decision::BackOff { delay, why: "tried again, no attempt is taken".to_owned() }
        }
        FailureClass::ProviderDown => {
            let base = grow(PROVIDER_WAIT.0, 2.0, PROVIDER_WAIT.1, in_a_row(run, FailureClass::ProviderDown));
            let delay = spread(base, Jitter::Equal, rng);
            Decision::Limit { delay, why: "the provider is down, no attempt is taken".to_owned() }
        }
        FailureClass::UsageLimit => match of_class(FailureClass::UsageLimit) {
            times if times > MAX_LIMIT_WAITS => failed(format!("waited {MAX_LIMIT_WAITS} times for a usage limit")),
            _ => {
                let row = in_a_row(run, FailureClass::UsageLimit).saturating_sub(1);
                let probe = LIMIT_PROBES.get(usize::try_from(row).unwrap_or(usize::MAX)).or(LIMIT_PROBES.last());
                let delay = probe.copied().unwrap_or(PROVIDER_WAIT.1);
                Decision::Limit { delay, why: "usage limit, no attempt is taken".to_owned() }
            }
        },
        FailureClass::CrashLoop => {
            let oldest = quick_exits(run, now, policy).last().unwrap_or(now);
            let delay = policy.crash_loop_window.saturating_sub(now.since(oldest)).max(delay(policy, run.counted, rng));
            Decision::BackOff { delay, why: format!("waits until the crash-loop window is over, {attempts}") }
        }
        FailureClass::ContextFull => {
            let why = format!("begun anew with a hand-over, {attempts}");
            Decision::BackOff { delay: delay(policy, run.counted, rng), why }
        }
        FailureClass::Runaway => match of_class(FailureClass::Runaway) {
            0 | 1 => {
                let why = format!("begun anew once, after a pause, {attempts}");
                Decision::BackOff { delay: COOL_DOWN, why }
            }
            times => failed(format!("ran away {times} times")),
        },
        FailureClass::Auth
        | FailureClass::Billing
        | FailureClass::Permanent
        | FailureClass::Operator
        | FailureClass::BudgetExceeded => failed(not_retried(found.class, policy)),
    }
}

/// Why a failure of such a class ends the run.
fn not_retried(class: FailureClass, policy: &RetryPolicy) -> String {
    if class == FailureClass::CrashLoop {
        let seconds = policy.crash_loop_window.as_secs();
        let window = if seconds.is_multiple_of(60) { format!("{} min", seconds / 60) } else { format!("{seconds} s") };
        return format!("crash loop: {} quick exits in {window}", policy.crash_loop_count);
    }
    format!("{} is not retried", class.as_str().replace('_', " "))
}

/// Whether a failure of this class is worth another try at all.
fn may_retry(class: FailureClass) -> bool {
    match class {
        FailureClass::Transient
        | FailureClass::ProviderDown
        | FailureClass::UsageLimit
        | FailureClass::Stalled
        | FailureClass::Timeout
        | FailureClass::OomKilled
        | FailureClass::KilledOther
        | FailureClass::Lost
        | FailureClass::Infra
        | FailureClass::Runaway => true,
        FailureClass::Auth
        | FailureClass::Billing
        | FailureClass::ContextFull
        | FailureClass::Permanent
        | FailureClass::Operator
        | FailureClass::CrashLoop
        | FailureClass::BudgetExceeded => false,
    }
}

/// How many of the newest attempts in a row are of a class.
fn in_a_row(run: &Run, class: FailureClass) -> u32 {
    let newest = run.attempts.iter().rev();
    let row = newest.take_while(|a| a.verdict.as_ref().is_some_and(|v| v.class == class)).count();
    u32::try_from(row).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::testing::{code, seconds};
    use proptest::prelude::*;

    fn any_policy() -> impl Strategy<Value = RetryPolicy> {
        let jitter = prop_oneof![Just(Jitter::Equal), Just(Jitter::Full), Just(Jitter::None)];
        (0..200_000_u64, 1.0..=10.0_f64, 0..2_000_000_u64, jitter).prop_map(|(initial, multiplier, max, jitter)| {
            RetryPolicy {
                initial_delay: Duration::from_millis(initial),
                max_delay: Duration::from_millis(max),
                multiplier,
                jitter,
                ..RetryPolicy::default()
            }
        })
    }

    proptest! {
        #[test]
        fn a_delay_is_never_longer_than_the_maximum_and_fits_its_jitter(policy in any_policy(), n in 0..200_u32, seed: u64) {
            let base = base_delay(&policy, n);
            let drawn = delay(&policy, n, &mut fastrand::Rng::with_seed(seed));
            prop_assert!(base <= policy.max_delay);
            prop_assert!(drawn <= base);
            match policy.jitter {
                Jitter::Equal => prop_assert!(drawn * 2 >= base),
                Jitter::Full => {}
                Jitter::None => prop_assert_eq!(drawn, base),
            }
        }

        #[test]
        fn delays_never_shrink_from_one_failure_to_the_next(policy in any_policy(), n in 1..100_u32) {
            prop_assert!(base_delay(&policy, n) <= base_delay(&policy, n + 1));
        }

        #[test]
        fn the_same_seed_draws_the_same_delay(policy in any_policy(), n in 1..20_u32, seed: u64) {
            let draw = || delay(&policy, n, &mut fastrand::Rng::with_seed(seed));
            prop_assert_eq!(draw(), draw());
        }
    }

    #[test]
    fn the_default_delays_are_those_of_the_manual() {
        let policy = RetryPolicy::default();
        let delays: Vec<u64> = (1..=7).map(|n| base_delay(&policy, n).as_secs()).collect();
        assert_eq!(delays, [10, 20, 40, 80, 160, 300, 300]);
    }

    #[test]
    fn numbers_beyond_all_measure_give_the_maximum() {
        let odd = |initial_delay, multiplier| RetryPolicy { initial_delay, multiplier, ..RetryPolicy::default() };
        for policy in [
            odd(Duration::MAX, 10.0),
            odd(seconds(1), f64::INFINITY),
            odd(seconds(1), f64::NAN),
            odd(seconds(1), -3.0),
            odd(Duration::ZERO, f64::INFINITY),
        ] {
            for n in [2, u32::MAX] {
                assert!(base_delay(&policy, n) <= policy.max_delay, "{policy:?} {n}");
            }
        }
        assert_eq!(base_delay(&odd(seconds(10), 2.0), u32::MAX), seconds(300));
    }

    /// A run whose attempts ended after so many seconds with such verdicts, a second after each other.
    fn run_of(ends: &[(u64, FailureClass)]) -> Run {
        let id: crate::core::ids::RunId = "2026-11-21/x/1".parse().unwrap();
        let at = crate::core::time::At { wall: Wall(0), mono: crate::core::time::Mono(0) };
        let mut run = Run::new(id.clone(), crate::core::run::RunState::Queued, String::new(), at);
        for (i, (ran, class)) in ends.iter().enumerate() {
            let number = u32::try_from(i + 1).unwrap();
            let mut attempt = Attempt::new(crate::core::ids::AttemptId { run: id.clone(), number }, at);
            let end = Wall(i64::from(number) * 1000);
            attempt.exit = Some(ExitRecord { at: end, ran: seconds(*ran), ..code(1) });
            attempt.verdict = Some(verdict(*class, "test"));
            run.attempts.push(attempt);
        }
        run
    }

    #[test]
    fn a_run_that_is_not_tried_again_says_why_in_words() {
        let run = run_of(&[(1, FailureClass::CrashLoop)]);
        let why = |class| {
            let rng = &mut fastrand::Rng::with_seed(1);
            match decide(&run, &verdict(class, "test"), &RetryPolicy::default(), 1, Wall(2000), rng) {
                Decision::End { why, .. } => why,
                other @ (Decision::BackOff { .. } | Decision::Limit { .. }) => panic!("{other:?}"),
            }
        };
        assert_eq!(why(FailureClass::CrashLoop), "crash loop: 4 quick exits in 10 min");
        assert_eq!(why(FailureClass::ContextFull), "context full is not retried");
    }

    #[test]
    fn only_quick_counted_failures_within_the_window_make_a_crash_loop() {
        let (quick, policy) = (FailureClass::Transient, RetryPolicy::default());
        let judge = |run: &Run, ran: u64, at: Wall| {
            let exit = ExitRecord { at, ran: seconds(ran), ..code(1) };
            with_crash_loop(verdict(quick, "test"), run, &exit, &policy).class
        };
        let three = run_of(&[(1, quick), (1, quick), (1, quick)]);
        assert_eq!(judge(&three, 1, Wall(4000)), FailureClass::CrashLoop);
        assert_eq!(judge(&three, 60, Wall(4000)), quick, "not a quick one");
        assert_eq!(judge(&three, 1, Wall(700_000)), quick, "too long ago");
        assert_eq!(judge(&run_of(&[(1, quick), (1, quick)]), 1, Wall(4000)), quick);
        assert_eq!(judge(&run_of(&[(1, quick), (90, quick), (1, quick)]), 1, Wall(4000)), quick);
        let other = [FailureClass::Lost, FailureClass::Infra, FailureClass::ProviderDown];
        assert_eq!(judge(&run_of(&other.map(|class| (1, class))), 1, Wall(4000)), quick, "counts no attempt");
        let restarted = run_of(&[(1, quick), (1, quick), (1, quick), (1, FailureClass::Operator)]);
        assert_eq!(judge(&restarted, 1, Wall(5000)), quick, "the operator begins a new count");
    }
}
