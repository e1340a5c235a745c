//! Collects what the night's sessions leave in their projects' folders: a snapshot as the night begins, documents and
//! changed files as sessions end and before a report.
//!
//! It holds up neither starts nor the loop: a look runs on a thread of its own, one at a time for a project, and after
//! a look that took long the next one waits.

mod look;

use super::perform::Rim;
use crate::core::event::Event;
use crate::core::evidence::Evidence;
use crate::core::ids::{AttemptId, NightId, ProjectName, SessionName};
use crate::core::plan::{SecretField, SessionPlan, is_secret_name};
use crate::core::secret::{Redactor, Secret};
use crate::core::state::{NightState, State};
use look::{Looked, Ran, Remembered, Wanted};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Looks at once, of all projects.
const AT_ONCE: usize = 2;
/// After this a folder does not answer: the look itself ends sooner.
const HANGS_AFTER: Duration = Duration::from_secs(60);
/// Least time between two journaled looks at files as sessions end.
const FILES_EVERY: Duration = Duration::from_secs(300);
/// How long somebody who asks waits at most.
const ASKED_WITHIN: Duration = Duration::from_secs(3);
/// A look not older than this is not made again for somebody who asks.
const FRESH: Duration = Duration::from_secs(2);
/// A look is followed by this many times its length without one, so that many ends of sessions cost little.
const REST: u32 = 10;
/// The longest such rest.
const REST_MAX: Duration = Duration::from_secs(60);
/// A shorter word of the environment is in too many innocent texts to be a secret.
const SHORTEST_SECRET: usize = 8;

/// Who looks at the projects' folders.
pub struct Collector {
    desks: Mutex<BTreeMap<ProjectName, Arc<Desk>>>,
    at_once: tokio::sync::Semaphore,
    given_up: Arc<AtomicBool>,
}

impl Default for Collector {
    fn default() -> Self {
        Self { desks: Mutex::default(), at_once: tokio::sync::Semaphore::new(AT_ONCE), given_up: Arc::default() }
    }
}

/// One project's looks.
#[derive(Default)]
struct Desk {
    turn: tokio::sync::Mutex<Memory>,
    /// Whether an end of a session waits to be looked at: further ones are looked at with it.
    waits: AtomicBool,
    rest_until: Mutex<Option<Instant>>,
}

/// What a project's looks remember.
#[derive(Default)]
struct Memory {
    night: Option<NightId>,
    begun: bool,
    remembered: Remembered,
    files_told: Option<Instant>,
    /// When the last look began whose files were told in any case.
    looked: Option<Instant>,
    /// Troubles that were told in this night.
    troubles: BTreeSet<String>,
    /// A look that did not come back.
    stuck: Option<JoinHandle<()>>,
}

impl Memory {
    fn of(&mut self, night: &NightId) {
        if self.night.as_ref() != Some(night) {
            let stuck = self.stuck.take();
            *self = Self { night: Some(night.clone()), stuck, ..Self::default() };
        }
    }
    fn is_stuck(&self) -> bool {
        self.stuck.as_ref().is_some_and(|look| !look.is_finished())
    }
}

impl Collector {
    fn desk(&self, project: &ProjectName) -> Arc<Desk> {
        Arc::clone(self.desks.lock().unwrap_or_else(PoisonError::into_inner).entry(project.clone()).or_default())
    }
    /// Has looks that are under way come to an end soon.
    pub fn end(&self) {
        self.given_up.store(true, Ordering::Relaxed);
    }
}

/// Keeps how the projects of the open night stand, where that is not done yet.
pub async fn begin(rim: &Arc<Rim>) {
    let open = rim.inbox().look(|state, _| state.open_night().map(|night| (night.id.clone(), used(state)))).await;
    let Some((night, projects)) = open.ok().flatten() else { return };
    for project in projects {
        let (rim, night) = (Arc::clone(rim), night.clone());
        tokio::spawn(async move { begin_one(&rim, &night, &project).await });
    }
}

async fn begin_one(rim: &Arc<Rim>, night: &NightId, project: &ProjectName) {
    let desk = rim.collector().desk(project);
    // Under way: it is begun, or looked at after it was.
    let Ok(mut memory) = desk.turn.try_lock() else { return };
    memory.of(night);
    if memory.begun || memory.is_stuck() {
        return;
    }
    let Some((_, wanted)) = wanted(rim, project, Cause::Begin).await.filter(|(now, _)| now == night) else { return };
    let result = blocking(rim, &mut memory, move || look::begin(&wanted).map_err(|e| e.to_string())).await;
    match result {
        Ok(()) => memory.begun = true,
        Err(_) if rim.collector().given_up.load(Ordering::Relaxed) => {}
        Err(why) => {
            let what = format!("how its files stood as the night began was not noted: {why}");
            trouble(rim, &mut memory, project, what).await;
        }
    }
}

/// Looks at the project of an attempt that ended, soon.
pub fn after_attempt(rim: &Arc<Rim>, attempt: &AttemptId) {
    let (rim, session) = (Arc::clone(rim), attempt.run.session.clone());
    tokio::spawn(async move {
        let Ok(Some(project)) = rim.inbox().look(move |state, _| project_of(state, &session)).await else { return };
        let desk = rim.collector().desk(&project);
        if desk.waits.swap(true, Ordering::AcqRel) {
            return;
        }
        let rest = *desk.rest_until.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = rest {
            tokio::time::sleep_until(until).await;
        }
        look_at(&rim, &project, Cause::AttemptEnded).await;
    });
}

/// Looks at all projects of a night before its report is written. What is found is in the journal afterwards.
pub async fn before_report(rim: &Arc<Rim>, night: &NightId) {
    let id = night.clone();
    let projects = rim
        .inbox()
        .look(move |state, _| state.night.as_ref().filter(|night| night.id == id).map(|_| used(state)))
        .await;
    let looks = projects.ok().flatten().unwrap_or_default().into_iter().map(|project| {
        let rim = Arc::clone(rim);
        tokio::spawn(async move { look_at(&rim, &project, Cause::Report).await })
    });
    for look in looks.collect::<Vec<_>>() {
        // One that broke off has said so in the log.
        let _ = look.await;
    }
}

/// Looks at the projects of the open night because somebody wants to know now. True when all were looked at in time.
pub async fn now(rim: &Arc<Rim>) -> bool {
    let open = rim.inbox().look(|state, _| state.open_night().map(|_| used(state))).await;
    let looks = open.ok().flatten().unwrap_or_default().into_iter().map(|project| {
        let rim = Arc::clone(rim);
        tokio::spawn(async move { look_at(&rim, &project, Cause::Asked).await })
    });
    let until = Instant::now() + ASKED_WITHIN;
    let mut all = true;
    for look in looks.collect::<Vec<_>>() {
        // One that takes longer goes on.
        all &= tokio::time::timeout_at(until, look).await.is_ok();
    }
    all
}

/// Why a look is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    Begin,
    AttemptEnded,
    Report,
    Asked,
}

async fn look_at(rim: &Arc<Rim>, project: &ProjectName, cause: Cause) {
    let desk = rim.collector().desk(project);
    let mut memory = desk.turn.lock().await;
    desk.waits.store(false, Ordering::Release);
    let Some((night, wanted)) = wanted(rim, project, cause).await else { return };
    memory.of(&night);
    let fresh = memory.looked.is_some_and(|looked| looked.elapsed() < FRESH);
    if memory.is_stuck() || (cause == Cause::Asked && fresh) {
        return;
    }
    let began = Instant::now();
    let remembered = std::mem::take(&mut memory.remembered);
    let dir = wanted.dir.display().to_string();
    let result = blocking(rim, &mut memory, move || look::look(&wanted, remembered).map_err(|e| e.to_string())).await;
    let rest = (began.elapsed() * REST).min(REST_MAX);
    *desk.rest_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + rest);
    let Looked { documents, files, remembered, trouble: snapshot_trouble } = match result {
        Ok(looked) => looked,
        Err(_) if rim.collector().given_up.load(Ordering::Relaxed) => return,
        Err(why) => return trouble(rim, &mut memory, project, format!("{dir} was not looked at: {why}")).await,
    };
    memory.remembered = remembered;
    memory.looked = (cause != Cause::AttemptEnded).then_some(began);
    if let Some(what) = snapshot_trouble {
        trouble(rim, &mut memory, project, what).await;
    }
    for document in documents {
        // Asked, not told: a report is made from the journal, so the facts must be in it first.
        let _ = rim.inbox().ask(Event::Evidence { evidence: Evidence::Document(Box::new(document)) }).await;
    }
    let due = cause != Cause::AttemptEnded || memory.files_told.is_none_or(|told| told.elapsed() >= FILES_EVERY);
    if due {
        memory.files_told = Some(Instant::now());
        let evidence = Evidence::Files { project: project.clone(), files: Box::new(files) };
        let _ = rim.inbox().ask(Event::Evidence { evidence }).await;
    }
}

/// Runs a look off the runtime's threads. One that does not come back is let be, and no other begun meanwhile.
async fn blocking<T: Send + 'static>(
    rim: &Arc<Rim>,
    memory: &mut Memory,
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let _one_of_few = rim.collector().at_once.acquire().await.map_err(|e| e.to_string())?;
    let (give, take) = tokio::sync::oneshot::channel();
    let look = tokio::task::spawn_blocking(move || {
        // Nobody waits any more for one that took too long.
        let _ = give.send(work());
    });
    match tokio::time::timeout(HANGS_AFTER, take).await {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err("the look broke off".to_owned()),
        Err(_) => {
            memory.stuck = Some(look);
            Err(format!("the folder did not answer within {} s", HANGS_AFTER.as_secs()))
        }
    }
}

async fn trouble(rim: &Arc<Rim>, memory: &mut Memory, project: &ProjectName, what: String) {
    tracing::warn!(%project, "{what}");
    if memory.troubles.insert(what.clone()) {
        let _ = rim.inbox().tell(Event::Trouble { part: format!("files of {project}"), what }).await;
    }
}

/// The projects that sessions of the night work in, or may.
fn used(state: &State) -> Vec<ProjectName> {
    let runs = |session: &SessionPlan| !session.disabled || state.latest_run(&session.name).is_some();
    let sessions = state.plan.sessions.values().chain(state.added.values()).filter(|session| runs(session));
    let used: BTreeSet<&ProjectName> = sessions.filter_map(|session| session.project.as_ref()).collect();
    state.plan.projects.keys().filter(|name| used.contains(name)).cloned().collect()
}

fn project_of(state: &State, session: &SessionName) -> Option<ProjectName> {
    state.session(session).and_then(|session| session.project.clone())
}

/// What a look needs to know; `None` when there is no such project, or no night.
async fn wanted(rim: &Arc<Rim>, project: &ProjectName, cause: Cause) -> Option<(NightId, Wanted)> {
    let (name, clear, environment) = (project.clone(), rim.clear_secrets(), rim.environment.clone());
    let (instance, given_up) = (rim.instance().clone(), Arc::clone(&rim.collector().given_up));
    let asked = rim.inbox().look(move |state, _| {
        // After the night's end its report looks at all there is.
        let night = state.night.as_ref().filter(|night| night.closed.is_none() || cause == Cause::Report)?;
        let plan = state.plan.projects.get(&name)?;
        let others =
            state.plan.projects.iter().filter(|(other, _)| **other != name).map(|(_, other)| other.dir.clone());
        let mut secrets = Redactor::new();
        for ((_, field), secret) in &clear {
            match field {
                SecretField::Url => secrets.add_address(secret),
                SecretField::Token | SecretField::Password => secrets.add(secret),
            }
        }
        let own = state.plan.sessions.values().chain(state.added.values()).flat_map(|session| &session.env);
        for (_, value) in
            environment.iter().chain(own).filter(|(name, value)| is_secret_name(name) && value.len() >= SHORTEST_SECRET)
        {
            secrets.add(&Secret::new(value.clone()));
        }
        let wanted = Wanted {
            dir: plan.dir.clone(),
            collect: plan.collect.clone(),
            without: others.chain([instance.state().to_path_buf()]).collect(),
            opened: night.opened.wall,
            collected: night.collected.get(&name).cloned().unwrap_or_default(),
            ran: ran(state, night, &name),
            secrets,
            snapshot: instance.snapshot(&night.id, &name),
            last: cause == Cause::Report,
            given_up,
            project: name,
        };
        Some((night.id.clone(), wanted))
    });
    asked.await.ok().flatten()
}

/// When sessions of a project ran in the night.
fn ran(state: &State, night: &NightState, project: &ProjectName) -> Vec<Ran> {
    let runs = state.runs.values().filter(|run| run.id.night == night.id);
    let of_project = runs.filter(|run| project_of(state, &run.id.session).as_ref() == Some(project));
    let ran = |run: &crate::core::run::Run| {
        let attempts = run.attempts.iter().filter_map(|attempt| {
            let from = attempt.started.as_ref()?.at;
            Some(Ran { session: run.id.session.clone(), from, until: attempt.exit.as_ref().map(|exit| exit.at) })
        });
        attempts.collect::<Vec<_>>()
    };
    of_project.flat_map(ran).collect()
}
