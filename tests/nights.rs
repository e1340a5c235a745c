//! Simulated nights: thousands of them, each with its own plan, programs, faults and operator, drawn from a seed. After
//! every step the invariants are checked against the truth of a fake world.
//!
//! `NIGHTS=100000 cargo nextest run --test nights` simulates more; `NIGHT_SEED=17 cargo nextest run --test nights replay`
//! shows one; `NIGHTKEEP_WRITE_COVERAGE=1` writes `docs/nights-coverage.md`; `KEEP_GOING=1` names every seed that breaks a promise, not only the first.
#![expect(clippy::wildcard_enum_match_arm, reason = "tests look for one variant among many")]
#![expect(clippy::print_stdout, reason = "what was met, and a replayed night, are for people to read")]

#[path = "nights/clock.rs"]
mod clock;
#[path = "nights/coverage.rs"]
mod coverage;
#[path = "nights/daemon.rs"]
mod daemon;
#[path = "nights/drafts.rs"]
mod drafts;
#[path = "nights/judge.rs"]
mod judge;
#[path = "nights/limits.rs"]
mod limits;
#[path = "nights/mutants.rs"]
mod mutants;
#[path = "nights/outages.rs"]
mod outages;
#[path = "nights/plan.rs"]
mod plan;
#[path = "nights/post.rs"]
mod post;
#[path = "nights/prompts.rs"]
mod prompts;
#[path = "nights/rim.rs"]
mod rim;
#[path = "nights/runaways.rs"]
mod runaways;
#[path = "nights/sim.rs"]
mod sim;
#[path = "nights/spending.rs"]
mod spending;
#[path = "nights/told.rs"]
mod told;
#[path = "nights/trouble.rs"]
mod trouble;
#[path = "nights/work.rs"]
mod work;
#[path = "nights/world.rs"]
mod world;

use coverage::Coverage;
use mutants::Mutant;
use sim::{Broken, How, Told, simulate};
use std::sync::atomic::{AtomicU64, Ordering};

/// Nights of a normal run.
const NIGHTS: u64 = 10_000;

fn from_env(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

/// Simulates many nights on all cores. Gives what they came to, or the lowest seed that broke a promise.
fn nights(seeds: std::ops::Range<u64>, how: How) -> Result<Told, (u64, String)> {
    let next = AtomicU64::new(seeds.start);
    let worker = || {
        let (mut sum, mut broken) = (Told::default(), None);
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return (sum, broken);
            }
            match simulate(seed, how) {
                Ok(told) => {
                    sum.steps += told.steps;
                    sum.facts += told.facts;
                    sum.coverage.add(&told.coverage);
                }
                Err(found) => {
                    if how.mutant.is_none() && from_env("KEEP_GOING").is_some() {
                        println!("seed {seed}: {}", found.what.lines().next().unwrap_or_default());
                        broken = broken.or(Some((seed, found.what)));
                        continue;
                    }
                    next.store(seeds.end, Ordering::Relaxed);
                    broken = Some((seed, found.what));
                }
            }
        }
    };
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let (mut sum, mut first): (Told, Option<(u64, String)>) = (Told::default(), None);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(worker)).collect();
        for handle in workers {
            let (told, broken) = handle.join().unwrap();
            sum.steps += told.steps;
            sum.facts += told.facts;
            sum.coverage.add(&told.coverage);
            if let Some(found) = broken {
                first = Some(first.take().map_or(found.clone(), |known| if known.0 < found.0 { known } else { found }));
            }
        }
    });
    first.map_or(Ok(sum), Err)
}

/// Shows a seed's night up to where a promise broke.
fn show(seed: u64, what: &str) -> String {
    let trace = match simulate(seed, How { trace: true, ..How::default() }) {
        Ok(told) => told.trace,
        Err(broken) => broken.trace,
    };
    let from = trace.len().saturating_sub(80);
    let tail = trace[from..].join("\n");
    format!("{tail}\n\nseed {seed}: {what}\nNIGHT_SEED={seed} cargo nextest run --test nights replay")
}

#[test]
fn no_night_breaks_a_promise() {
    let count = from_env("NIGHTS").unwrap_or(NIGHTS);
    let told = match nights(0..count, How::default()) {
        Ok(told) => told,
        Err((seed, what)) => panic!("{}", show(seed, &what)),
    };
    println!("{count} nights, {} steps, {} facts\n{}", told.steps, told.facts, told.coverage.table());
    if count >= NIGHTS {
        enough(&told.coverage);
        covers_what_the_page_lists(&told.coverage, count);
    }
}

/// The page says what is met; nothing of it may be lost without somebody knowing.
fn covers_what_the_page_lists(coverage: &Coverage, nights: u64) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/nights-coverage.md");
    if std::env::var_os("NIGHTKEEP_WRITE_COVERAGE").is_some() {
        std::fs::write(&path, coverage.page(nights)).unwrap();
        return;
    }
    let page = std::fs::read_to_string(&path).unwrap();
    assert!(page.contains("| running |"), "docs/nights-coverage.md holds no table");
    let lost = coverage.lost(&page);
    let how = "NIGHTKEEP_WRITE_COVERAGE=1 writes the page anew, if that is meant";
    assert!(lost.is_empty(), "docs/nights-coverage.md lists what is no longer met: {lost:?}; {how}");
}

/// The pairs of event and state that matter were all met often enough to mean something.
fn enough(coverage: &Coverage) {
    let open = ["waiting", "queued", "starting", "running", "checking", "backing_off", "limited", "held", "stopping"];
    let ended = ["succeeded", "partial", "failed", "stopped", "ended"];
    let mut seldom = Vec::new();
    for event in ["start", "stop", "restart", "hold", "release", "skip", "up", "down", "plan loaded", "daemon started"]
    {
        for state in open.iter().chain(&ended) {
            // Few runs are starting, being checked or being stopped at any moment.
            if coverage.met(event, state) < 3 {
                seldom.push((event, *state, coverage.met(event, state)));
            }
        }
    }
    for (event, state) in [
        ("started", "starting"),
        ("started", "stopping"),
        ("started", "running"),
        ("ended", "starting"),
        ("ended", "running"),
        ("ended", "stopping"),
        ("ended", "backing_off"),
        ("output", "running"),
        ("output", "backing_off"),
        ("start failed", "starting"),
        ("start failed", "stopping"),
        ("checked", "checking"),
        ("run due", "backing_off"),
        ("run due", "limited"),
        ("run due", "running"),
        ("timeout", "running"),
        ("timeout", "backing_off"),
        ("start overdue", "starting"),
        ("start overdue", "running"),
        ("redrive", "failed"),
        ("sampled", "running"),
        ("breaker due", "limited"),
        ("breaker due", "running"),
        ("sensed", "limited"),
        ("sensed", "queued"),
        ("daemon crashed", "running"),
        ("pacing", "queued"),
        ("stood still", "backing_off"),
        ("stop overdue", "stopping"),
        ("remains", "stopping"),
        ("used", "running"),
        ("used", "stopping"),
    ] {
        if coverage.met(event, state) < 10 {
            seldom.push((event, state, coverage.met(event, state)));
        }
    }
    for (why, word) in [
        ("new", "pending"),
        ("new", "inhibited"),
        ("opened", "open"),
        ("told", "open"),
        ("told", "resolved"),
        ("over", "resolved"),
        ("over before it was told", "resolved"),
        ("ceased", "open"),
        ("came back", "pending"),
        ("ack", "acked"),
        ("snooze", "snoozed"),
        ("resolve", "resolved"),
        ("escalate", "open"),
        ("its night is over", "expired"),
        ("message", "fired"),
        ("message", "repeated"),
        ("message", "escalated"),
        ("message", "resolved"),
        ("message", "summary"),
        ("message", "delivered"),
        ("message", "again"),
        ("message", "given up"),
        ("message", "dropped"),
    ] {
        if coverage.of_alerts(why, word) < 20 {
            seldom.push((why, word, coverage.of_alerts(why, word)));
        }
    }
    assert!(seldom.is_empty(), "hardly ever met: {seldom:?}");
}

#[test]
fn the_same_seed_gives_the_same_night() {
    for seed in 0..40 {
        let how = How { hash: true, ..How::default() };
        let (first, second) = (simulate(seed, how), simulate(seed, how));
        let hash = |told: Result<Told, Broken>| told.map(|told| (told.hash, told.steps)).map_err(|broken| broken.what);
        assert_eq!(hash(first), hash(second), "seed {seed}");
    }
}

#[test]
fn every_planted_fault_is_found() {
    const WITHIN: u64 = 400;
    std::panic::set_hook(Box::new(|_| {}));
    let mut missed = Vec::new();
    for &mutant in Mutant::ALL {
        let how = How { mutant: Some(mutant), ..How::default() };
        // A fault may show elsewhere first: it must also be found by what it breaks.
        let (mut from, mut elsewhere) = (0, None);
        let found = loop {
            match nights(from..WITHIN, how) {
                Ok(_) => break None,
                Err((seed, what)) => {
                    let line: String = what.lines().next().unwrap_or_default().chars().take(200).collect();
                    // Debug builds check the state within the step already.
                    if mutant.found_by().iter().any(|by| what.starts_with(by)) || what.starts_with("panic") {
                        break Some((seed, line));
                    }
                    from = seed + 1;
                    elsewhere = Some(line);
                }
            }
        };
        match (found, elsewhere) {
            (Some((seed, line)), _) => println!("{mutant:?}: seed {seed}: {line}"),
            (None, Some(line)) => missed.push(format!("{mutant:?} was found only by: {line}")),
            (None, None) => missed.push(format!("{mutant:?} was not found")),
        }
    }
    let _ = std::panic::take_hook();
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// Shows one night: `NIGHT_SEED=n`.
#[test]
fn replay() {
    let Some(seed) = from_env("NIGHT_SEED") else { return };
    match simulate(seed, How { trace: true, ..How::default() }) {
        Ok(told) => println!("{}\nseed {seed}: {} steps, no promise broken", told.trace.join("\n"), told.steps),
        Err(broken) => panic!("{}\n\nseed {seed}: {}", broken.trace.join("\n"), broken.what),
    }
}
