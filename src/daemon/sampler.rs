//! Looks now and then at what running programs do, and tells the core what matters of it.
//!
//! The processes are looked at only while some output says nothing new, with one look for all sessions; files only when
//! nothing else shows that a session works. So a hundred sleeping sessions cost next to nothing.

use super::perform::{Rim, zone};
use crate::core::agent::Activity;
use crate::core::event::Event;
use crate::core::finding::{Finding, FindingKind};
use crate::core::ids::AttemptId;
use crate::core::run::RunState;
use crate::core::stall::{Quiet, SAMPLE_AT_MOST, Sample, Watch, sample_every};
use crate::core::state::State;
use crate::core::time::{At, Wall};
use crate::os::clock;
use crate::os::files::newest_change;
use crate::os::tree::Snapshot;
use crate::status::zone::next_time_of_day;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How often it is looked for something to watch while nothing runs in an open night.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A look at files that takes longer is given up: a network disk may hang.
const FILES_WITHIN: Duration = Duration::from_secs(5);
/// What last showed that a program works is shown for so long.
const FRESH: Duration = Duration::from_secs(60);

/// What was seen of the work of running programs.
#[derive(Default)]
pub struct Sampler {
    held: Mutex<BTreeMap<AttemptId, Held>>,
}

struct Held {
    watch: Watch,
    due: Instant,
    quiet: Option<Quiet>,
}

impl Sampler {
    /// Whether an attempt was seen to work when it was last looked at, with what shows it.
    pub fn works(&self, attempt: &AttemptId) -> Option<(bool, String)> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let quiet = held.get(attempt)?.quiet.as_ref()?;
        match &quiet.by {
            Some(by) if quiet.quiet < FRESH => Some((true, by.words())),
            Some(_) | None if quiet.signs.is_empty() => None,
            Some(_) | None => Some((false, quiet.signs.join("; "))),
        }
    }
}

/// A running attempt, as far as it is to be looked at.
struct Job {
    attempt: AttemptId,
    recorder: u32,
    limit: Option<Duration>,
    dir: PathBuf,
    /// Deadlines of metrics, as times.
    deadlines: BTreeMap<String, Wall>,
    /// Whether the core wants to hear of it in any case.
    always: bool,
}

fn jobs(state: &State) -> Vec<Job> {
    let zone = zone(state.plan.timezone.as_deref());
    let job = |run: &crate::core::run::Run| {
        let RunState::Running { attempt } = &run.state else { return None };
        let recorder = run.attempt(attempt.number)?.started.as_ref()?.shim_pid;
        let session = run.session.as_deref()?;
        let deadlines: BTreeMap<String, Wall> = session
            .metrics
            .iter()
            .filter_map(|metric| {
                Some((metric.name.clone(), next_time_of_day(run.created.wall, metric.deadline?, &zone)))
            })
            .collect();
        let stalled = run.finding(FindingKind::Stalled, "").is_some_and(Finding::is_open);
        // One that stands there after a failure may have given up long before its limit of silence.
        let failed = run.last_attempt().and_then(|attempt| attempt.output.agent.as_ref());
        let failed = failed.is_some_and(|agent| agent.activity == Activity::Idle && agent.class.is_some());
        Some(Job {
            attempt: attempt.clone(),
            recorder,
            limit: session.stall.after,
            dir: session.dir.clone(),
            deadlines,
            always: stalled || failed || !session.metrics.is_empty(),
        })
    };
    state.runs.values().filter_map(job).collect()
}

/// Looks until the daemon ends.
pub async fn go_on(rim: Arc<Rim>) {
    loop {
        let Ok((jobs, open, soonest)) = rim
            .inbox()
            .look(|state, _| {
                let open = state.open_night().is_some();
                let limits = state.runs.values().filter(|run| !run.state.is_ended());
                let limits = limits.filter_map(|run| state.session(&run.id.session)?.stall.after);
                (jobs(state), open, limits.map(sample_every).min())
            })
            .await
        else {
            return;
        };
        let pause = if !open {
            SAMPLE_AT_MOST
        } else if jobs.is_empty() {
            LOOK_EVERY
        } else {
            soonest.unwrap_or(SAMPLE_AT_MOST)
        };
        pass(&rim, jobs).await;
        tokio::time::sleep(pause).await;
    }
}

/// One look at those that are due.
async fn pass(rim: &Arc<Rim>, jobs: Vec<Job>) {
    let now = clock::now();
    let (due, silent) = due(rim, &jobs);
    let snapshot = if silent { tokio::task::spawn_blocking(Snapshot::take).await.ok().flatten() } else { None };
    for job in jobs.iter().filter(|job| due.contains(&&job.attempt)) {
        let quiet = look(rim, job, now, snapshot.as_ref());
        let quiet = match job.limit {
            Some(limit) if quiet.quiet >= limit => ask_the_files(rim, job, &jobs, quiet, now).await,
            Some(_) | None => quiet,
        };
        hold(rim, job, |held| held.quiet = Some(quiet.clone()));
        let over = job.limit.is_some_and(|limit| quiet.quiet >= limit);
        if over || job.always {
            let quiet = job.limit.map(|_| quiet);
            let (attempt, deadlines) = (job.attempt.clone(), job.deadlines.clone());
            let _ = rim.inbox().tell(Event::Sampled { attempt, quiet, deadlines }).await;
        }
    }
}

/// Those whose time has come, and whether the output of one of them says nothing new.
fn due<'j>(rim: &Rim, jobs: &'j [Job]) -> (Vec<&'j AttemptId>, bool) {
    let mut all = rim.sampler().held.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|attempt, _| jobs.iter().any(|job| job.attempt == *attempt));
    let now = Instant::now();
    let mut silent = false;
    let mut due = Vec::new();
    for job in jobs {
        let held =
            all.entry(job.attempt.clone()).or_insert_with(|| Held { watch: Watch::default(), due: now, quiet: None });
        if held.due > now {
            continue;
        }
        // A little early is better than a whole round late.
        held.due = now + job.limit.map_or(SAMPLE_AT_MOST, sample_every).mul_f64(0.9);
        let new_at = rim.watchers().mark(&job.attempt).and_then(|(_, new_at)| new_at);
        silent |= job.limit.is_some() && held.watch.is_silent(new_at);
        due.push(&job.attempt);
    }
    (due, silent)
}

fn look(rim: &Rim, job: &Job, at: At, snapshot: Option<&Snapshot>) -> Quiet {
    let (bytes, new_at) = rim.watchers().mark(&job.attempt).unwrap_or_default();
    let tree = snapshot.and_then(|snapshot| snapshot.tree(job.recorder));
    let sample = Sample { at, bytes, new_at, tree, transcript: None, slept_ms: clock::slept_ms() };
    hold(rim, job, |held| held.watch.take(&sample)).unwrap_or(Quiet {
        quiet: Duration::ZERO,
        since: at.wall,
        by: None,
        signs: Vec::new(),
    })
}

/// The last question before something is done: did a file change? Where several sessions work in one directory nobody can
/// say whose change it was, so there files say nothing.
async fn ask_the_files(rim: &Arc<Rim>, job: &Job, jobs: &[Job], mut quiet: Quiet, now: At) -> Quiet {
    let others = jobs.iter().filter(|other| other.attempt != job.attempt);
    if others.into_iter().any(|other| other.dir.starts_with(&job.dir) || job.dir.starts_with(&other.dir)) {
        quiet.signs.push("other sessions work in its directory, so its files say nothing".to_owned());
        return quiet;
    }
    let (dir, ours) = (job.dir.clone(), rim.instance().state().to_path_buf());
    let since = now.wall.0.saturating_sub(i64::try_from(quiet.quiet.as_millis()).unwrap_or(i64::MAX));
    let looked = tokio::task::spawn_blocking(move || newest_change(&dir, &ours, Wall(since), now.wall));
    let Ok(Ok(changes)) = tokio::time::timeout(FILES_WITHIN, looked).await else {
        quiet.signs.push("its files could not be looked at in time".to_owned());
        return quiet;
    };
    match changes.newest {
        Some((path, at)) => {
            let ago = now.wall.since(at);
            hold(rim, job, |held| held.watch.file_changed(path, ago, now.wall)).unwrap_or(quiet)
        }
        None => {
            quiet.signs.push(format!("none of {} files in its directory changed", changes.looked_at));
            quiet
        }
    }
}

fn hold<T>(rim: &Rim, job: &Job, with: impl FnOnce(&mut Held) -> T) -> Option<T> {
    let mut all = rim.sampler().held.lock().unwrap_or_else(PoisonError::into_inner);
    all.get_mut(&job.attempt).map(with)
}
