//! The loop: takes what happened, steps the core, journals, performs. One writer, and the only one.

use super::api::{self, Api};
use super::clocks::{self, ClockSet, Clocks};
use super::doorway::Doorway;
use super::inbox::{Inbox, Look, Message};
use super::lock::{DaemonLock, LockError};
use super::manager::{Manager, Pulse};
use super::mend::{self, MendError};
use super::peer::Peer;
use super::perform::{Ending, Rim, Settings, tonight, zone};
use super::ping::Ping;
use super::timers::Timers;
use super::{
    awake, ballast, crashes, letters, logging, reconcile, reload, retention, sampler, sensors, usage, worktrees,
};
use crate::config::{self, Context, Severity, Source};
use crate::core::delivery;
use crate::core::effect::Effect;
use crate::core::event::{Event, Seen};
use crate::core::fact::{Actor, Entry, Fact};
use crate::core::ids::{NightId, SessionName};
use crate::core::night::Night;
use crate::core::state::State;
use crate::instance::{Instance, InstanceError};
use crate::os::clock;
use crate::protocol::UpRequest;
use crate::store::{Journal, JournalError, NewEvent, NewRow};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

/// How often the world is held against the journal when nothing gives cause to.
const RECONCILE_EVERY: Duration = Duration::from_secs(30);
/// How often it is looked whether what holds up the end is over.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// A commit that takes longer is a hanging disk: the state is shown without waiting for it.
const HANGS_AFTER: Duration = Duration::from_millis(500);
/// What bringing the journal together may take at the end.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);
/// Most events of one step batch, which is one transaction.
const BATCH: usize = 256;

/// What a daemon is started with.
pub struct Options {
    /// The places.
    pub instance: Instance,
    /// What reading the config needs besides the file.
    pub context: Context,
    /// What sessions inherit: the environment of whoever started the daemon.
    pub environment: BTreeMap<String, String>,
    /// This program's own path.
    pub program: PathBuf,
    /// Whether the log goes to stderr as well.
    pub foreground: bool,
    /// Who is told that the daemon lives.
    pub manager: Manager,
    /// Asked as soon as the daemon stands: the night of `up --foreground`.
    pub begin: Option<UpRequest>,
}

/// Why a daemon could not begin, or had to end.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// Another one runs.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The places cannot be used.
    #[error(transparent)]
    Places(#[from] InstanceError),
    /// The config cannot be used.
    #[error("{0}")]
    Config(String),
    /// The journal cannot be used.
    #[error("cannot use the journal {}: {source}", path.display())]
    Journal {
        /// Its file.
        path: PathBuf,
        /// Why.
        source: JournalError,
    },
    /// The journal's rows do not make a state.
    #[error("{0}")]
    State(String),
    /// The API's socket cannot be used.
    #[error("cannot {what}: {source}")]
    Io {
        /// What failed.
        what: String,
        /// Why.
        source: std::io::Error,
    },
}

/// Runs a daemon until it is asked to end. Sessions run on afterwards unless the night was ended.
pub async fn run(options: Options) -> Result<(), DaemonError> {
    let instance = options.instance;
    instance.prepare()?;
    let _lock = DaemonLock::take_after(&instance.lock_file(), instance.runtime()).await?;
    let log = instance.daemon_log();
    let _guard = logging::init(&log, options.foreground)
        .map_err(|source| DaemonError::Io { what: format!("write {}", log.display()), source })?;
    let crashed = crashes::read(&instance);
    let loaded = load(instance.file(), &options.context).map_err(DaemonError::Config)?;
    let settings = Settings { config: loaded.settings, context: options.context.clone(), program: options.program };

    let path = instance.journal();
    let journal_error = |source| DaemonError::Journal { path: path.clone(), source };
    let (journal, state) = mend::open(&instance).await.map_err(|e| match e {
        MendError::Journal(source) => journal_error(source),
        MendError::Io(_) | MendError::Hopeless(_) => DaemonError::State(e.to_string()),
    })?;
    let journal_id = journal.reader().id().await.map_err(journal_error)?;
    let seq = journal.last_seq();

    let closed = Arc::new(AtomicBool::new(false));
    let door = Doorway::open(&instance, Arc::clone(&closed))
        .map_err(|source| DaemonError::Io { what: format!("listen on {}", instance.api_socket().display()), source })?;
    let (inbox, messages, looks) = Inbox::new();
    let (rim, ending) =
        Rim::new(instance.clone(), inbox.clone(), (journal.clone(), journal_id), settings, options.environment);
    let boot_id = clock::boot_id();
    let night = Night::new(state, u64::from(std::process::id()) ^ clock::wall().0.unsigned_abs(), &boot_id);
    let manager = Arc::new(options.manager);
    let pulse = Pulse::new(Arc::clone(&manager));
    let timers = Timers::default();
    let (rims, written) = (Arc::clone(&rim), journal.clone());
    let ping = Ping::new(Arc::clone(&rim));
    let clocks = Clocks::default();
    let turns = Loop { night, seq, journal: written, rim: rims, timers, clocks, unwritten: None, pulse, ping };

    let api = Api { inbox: inbox.clone(), rim: Arc::clone(&rim) };
    let (stop_api, api_stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(api::serve(api, door, async move {
        // Either end of the channel going away means the same.
        let _ = api_stopped.await;
    }));
    let mut turning = tokio::spawn(turns.run(messages, looks));

    tracing::info!(pid = std::process::id(), file = %instance.file().display(), "the daemon begins");
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let _ = inbox.tell(Event::DaemonStarted { pid: std::process::id(), version, boot_id }).await;
    let night = tonight(&loaded.plan);
    if !crashed.is_empty() {
        for what in crashed {
            let _ = inbox.ask(Event::DaemonCrashed { what }).await;
        }
        crashes::forget(&instance);
    }
    let (mut plan, state) = (loaded.plan, instance.state().to_path_buf());
    let places = state.clone();
    let settled = tokio::task::spawn_blocking(move || {
        worktrees::settle(&mut plan, &places);
        plan
    });
    let plan = settled.await.map_err(|e| DaemonError::Config(e.to_string()))?;
    let _ = inbox.tell(Event::PlanLoaded { plan: Box::new(plan) }).await;
    sensors::look(&rim).await;
    tokio::spawn(sensors::watch(Arc::clone(&rim)));
    let file = instance.file().to_path_buf();
    let context = options.context;
    let changed = Arc::clone(&rim);
    let reload = reload::follow(&file.clone(), inbox.clone(), move || match load(&file, &context) {
        Ok(mut loaded) => {
            worktrees::settle(&mut loaded.plan, &state);
            changed.set_config(loaded.settings);
            Event::PlanLoaded { plan: Box::new(loaded.plan) }
        }
        Err(problem) => {
            changed.set_file_problem(&problem);
            Event::PlanBroken { problem }
        }
    });
    if let Some(e) = &reload.looking {
        let what = format!("changes of the config file are noticed some seconds late: {e}");
        let _ = inbox.tell(Event::Trouble { part: "config".into(), what }).await;
    }
    if let Some(UpRequest { sessions, now }) = options.begin {
        let sessions = sessions.iter().filter_map(|name| SessionName::new(name).ok()).collect();
        let by = Actor { who: Peer::ourselves().describe(), reason: None };
        let _ = inbox.tell(Event::Up { night, sessions, now, by }).await;
    }
    tokio::spawn({
        let rim = Arc::clone(&rim);
        async move {
            loop {
                reconcile::pass(&rim).await;
                tokio::time::sleep(RECONCILE_EVERY).await;
            }
        }
    });
    tokio::spawn(retention::keep(Arc::clone(&rim)));
    tokio::spawn(awake::keep(Arc::clone(&rim)));
    tokio::spawn(sampler::go_on(Arc::clone(&rim)));
    tokio::spawn(usage::go_on(Arc::clone(&rim)));

    let reason = tokio::select! {
        reason = ended(ending, &rim) => reason,
        // The loop ends by itself only when the journal failed, which is told above, or by a panic.
        Err(e) = &mut turning => {
            tracing::error!("the daemon crashed, the sessions run on: {e}");
            crashes::note(&instance, &e.to_string());
            let _ = std::fs::remove_file(instance.api_socket());
            return Err(DaemonError::State(format!("the daemon crashed: {e}")));
        }
    };
    tracing::info!(reason, "the daemon ends");
    retention::end(&rim);
    rim.collector().end();
    manager.stopping(&reason);
    rim.end_tmux().await;
    let _ = inbox.ask(Event::DaemonStopping { reason }).await;
    // The socket goes first: whoever looks for a daemon now finds none instead of one that does not answer.
    closed.store(true, Ordering::Release);
    let _ = std::fs::remove_file(instance.api_socket());
    drop(stop_api);
    // Answers under way are finished; streams of events have no end of their own.
    let mut serving = serving;
    if tokio::time::timeout(Duration::from_millis(300), &mut serving).await.is_err() {
        serving.abort();
    }
    turning.abort();
    // All of it is in one file afterwards, for whoever copies it.
    if tokio::time::timeout(CLOSE_WITHIN, journal.close()).await.is_err() {
        tracing::warn!("the journal's write-ahead log was not brought into its file in time; nothing is lost by that");
    }
    Ok(())
}

/// Waits for a reason to end: a signal, or the night's end once its report is written.
async fn ended(mut ending: watch::Receiver<Option<Ending>>, rim: &Arc<Rim>) -> String {
    let asked = async {
        let mut since = None;
        loop {
            let wanted = ending.borrow_and_update().clone();
            since = since.filter(|_| wanted.is_some());
            if let Some(Ending { reason, unless_open }) = wanted
                && !rim.is_busy()
            {
                let since = *since.get_or_insert_with(Instant::now);
                if !unless_open || !letters::wait(rim, since.elapsed()).await {
                    return reason;
                }
            }
            // A report that could not be sent at once is tried again in a while.
            let again = async {
                match since {
                    Some(_) => tokio::time::sleep(LOOK_AGAIN).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = ending.changed() => if changed.is_err() {
                    return "the loop ended".to_owned();
                },
                () = again => {}
            }
        }
    };
    let caught = |kind: SignalKind, name: &'static str| async move {
        match signal(kind) {
            Ok(mut signal) => {
                signal.recv().await;
                format!("{name}; the sessions run on")
            }
            Err(e) => {
                tracing::warn!("{name} cannot be caught: {e}");
                std::future::pending().await
            }
        }
    };
    tokio::select! {
        reason = asked => reason,
        reason = caught(SignalKind::terminate(), "SIGTERM") => reason,
        reason = caught(SignalKind::interrupt(), "SIGINT") => reason,
        reason = caught(SignalKind::hangup(), "SIGHUP") => reason,
    }
}

/// Reads and checks the config; the error is the first problem, rendered.
fn load(file: &std::path::Path, context: &Context) -> Result<config::Loaded, String> {
    let source = Source::read(file).map_err(|e| e.to_string())?;
    let outcome = config::load(&source, context);
    match outcome.loaded {
        Some(loaded) => Ok(loaded),
        None => {
            let first = outcome.diagnostics.iter().find(|d| d.severity() == Severity::Error);
            Err(first.map_or_else(|| "it cannot be used".to_owned(), ToString::to_string))
        }
    }
}

struct Loop {
    night: Night,
    seq: i64,
    journal: Journal,
    rim: Arc<Rim>,
    timers: Timers,
    clocks: Clocks,
    pulse: Pulse,
    ping: Ping,
    /// Why the journal could not be written for a while.
    unwritten: Option<String>,
}

impl Loop {
    async fn run(mut self, mut messages: mpsc::Receiver<Message>, mut looks: mpsc::Receiver<Look>) {
        let clock = ClockSet::new();
        let mut last = Instant::now();
        loop {
            let next = self.timers.next();
            let timer = async {
                match next {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let beat = async {
                match self.pulse.due() {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            let ping = async {
                match self.ping.due() {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let batch = tokio::select! {
                biased;
                Some(look) = looks.recv() => {
                    look(&self.night.state, self.seq);
                    continue;
                }
                message = messages.recv() => match message {
                    Some(first) => gather(first, &mut messages),
                    None => return,
                },
                () = timer => self.timers.take_due().into_iter().map(|event| Message { event, reply: None }).collect(),
                // Nothing happens: a turn with nothing in it shows that one can be made.
                () = beat => Vec::new(),
                () = ping => Vec::new(),
                () = clock.set() => Vec::new(),
                () = tokio::time::sleep_until(last + clocks::TURN_EVERY) => Vec::new(),
            };
            if !self.turn(batch, &mut looks).await {
                return;
            }
            last = Instant::now();
            self.clocks.turned(clock::mono());
            self.pulse.turned(&self.night.state);
            self.ping.turned(&self.night.state);
        }
    }

    /// Steps the core over a batch, journals all facts in one transaction, then performs the effects.
    /// False when the journal failed for good.
    async fn turn(&mut self, batch: Vec<Message>, looks: &mut mpsc::Receiver<Look>) -> bool {
        let (at, slept_ms) = clocks::now();
        // The zone's rules, or what the system takes for its zone, may have changed since the last turn.
        self.night.zone = zone(self.night.state.plan.timezone.as_deref());
        let mut facts = Vec::new();
        let mut effects = Vec::new();
        let mut replies = Vec::new();
        for event in self.clocks.look(at, slept_ms) {
            let step = self.night.step(at, event);
            facts.extend(step.facts);
            effects.extend(step.effects);
        }
        // Nothing was performed meanwhile; now it begins slowly again.
        let unwritten =
            self.unwritten.take().map(|why| Event::Sensed { key: "journal".into(), seen: Seen::Failed { why } });
        let batch = unwritten.map(|event| Message { event, reply: None }).into_iter().chain(batch);
        for Message { event, reply } in batch {
            if let Event::PlanLoaded { plan } = &event {
                self.night.zone = zone(plan.timezone.as_deref());
            }
            let step = self.night.step(at, event);
            if let Some(reply) = reply {
                replies.push((reply, step.facts.clone()));
            }
            facts.extend(step.facts);
            effects.extend(step.effects);
        }
        if !facts.is_empty() && !self.journal(&facts, looks).await {
            return false;
        }
        for (reply, facts) in replies {
            // A client that went away wants no answer.
            let _ = reply.send(facts);
        }
        // Known before the effects of its end are performed.
        self.rim.night_is(self.night.state.open_night().is_some());
        for effect in effects {
            if let Effect::Arm { timer, epoch, after } = effect {
                self.timers.arm(timer, epoch, after);
            } else {
                self.rim.perform(effect);
            }
        }
        true
    }

    /// Appends until it is done: nothing may be performed that is not in the journal. The state can be looked at
    /// meanwhile. False when it cannot be done.
    async fn journal(&mut self, facts: &[Entry], looks: &mut mpsc::Receiver<Look>) -> bool {
        let (events, rows) = new_events(&self.night.state, facts);
        let mut pause = Duration::from_millis(100);
        loop {
            let append = self.journal.append(events.clone(), rows.clone());
            tokio::pin!(append);
            // What is shown is in the journal, but for a disk that hangs: then the state is shown all the same.
            let quick = tokio::time::timeout(HANGS_AFTER, &mut append).await;
            let result = match quick {
                Ok(result) => result,
                Err(_) => loop {
                    tokio::select! {
                        result = &mut append => break result,
                        Some(look) = looks.recv() => look(&self.night.state, self.seq),
                    }
                },
            };
            match result {
                Ok(seq) => {
                    self.seq = seq;
                    return true;
                }
                Err(JournalError::Full) if ballast::drop(self.rim.instance()) => {
                    tracing::warn!("the disk is full: the room that was set aside for that is taken");
                    continue;
                }
                Err(e @ (JournalError::Full | JournalError::Locked)) => {
                    tracing::error!("nothing is started until the journal can be written: {e}");
                    self.pulse.held_up(&e.to_string());
                    self.unwritten = Some(e.to_string());
                }
                // Whether the facts were kept is not known. The next daemon sees, from the journal and from the world.
                Err(e) => {
                    tracing::error!("the daemon ends, the sessions run on: {e}");
                    self.rim.end_soon(&format!("the journal failed: {e}"));
                    return false;
                }
            }
            let wait = tokio::time::sleep(pause);
            tokio::pin!(wait);
            loop {
                tokio::select! {
                    () = &mut wait => break,
                    Some(look) = looks.recv() => look(&self.night.state, self.seq),
                }
            }
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }
}

fn gather(first: Message, messages: &mut mpsc::Receiver<Message>) -> Vec<Message> {
    let mut batch = vec![first];
    while batch.len() < BATCH {
        match messages.try_recv() {
            Ok(message) => batch.push(message),
            Err(_) => break,
        }
    }
    batch
}

/// Facts as the journal takes them, with the rows that they cause. The state is that after them.
pub(super) fn new_events(state: &State, facts: &[Entry]) -> (Vec<NewEvent>, Vec<NewRow>) {
    let rows = state.rows_for(facts).into_iter();
    let rows = rows.map(|row| NewRow { kind: row.kind.to_owned(), key: row.key, body: Some(row.body) });
    (facts.iter().map(|entry| new_event(entry, state)).collect(), rows.collect())
}

fn new_event(entry: &Entry, state: &State) -> NewEvent {
    let body = serde_json::to_value(entry).unwrap_or_default();
    // The word that the fact is serialized under.
    let kind = body["fact"]["fact"].as_str().unwrap_or_default().to_owned();
    NewEvent {
        at_wall: entry.at.wall.0,
        at_mono: i64::try_from(entry.at.mono.0).unwrap_or(i64::MAX),
        night: night_named(&entry.fact).or_else(|| night_of(&entry.fact, state).map(ToString::to_string)),
        session: session_of(&entry.fact, state),
        kind,
        body: body.to_string(),
    }
}

/// The session a fact is about, so that `why` finds it.
fn session_of(fact: &Fact, state: &State) -> Option<String> {
    let session = crate::status::events::session_of(fact)?;
    // A verb may be meant for something else that has a name: a channel, a clean-up.
    let is_verb = matches!(fact, Fact::OperatorActed { .. });
    let known = || state.session(&session).is_some() || state.latest_run(&session).is_some();
    (!is_verb || known()).then(|| session.to_string())
}

/// The night that a fact itself names.
fn night_named(fact: &Fact) -> Option<String> {
    fact.night().map(ToString::to_string).or_else(|| delivery::night_of(fact).map(|night| night.to_string()))
}

/// The night in which a fact falls that does not name one. What a closed night's report is made of comes after its end.
fn night_of<'a>(fact: &Fact, state: &'a State) -> Option<&'a NightId> {
    let for_the_report = matches!(
        fact,
        Fact::ProjectSeen { .. }
            | Fact::Trouble { .. }
            | Fact::DocumentRead { .. }
            | Fact::FilesSeen { .. }
            | Fact::NightSummed { .. }
            | Fact::Worded { .. }
    );
    state.night.as_ref().filter(|night| night.closed.is_none() || (for_the_report && !night.reported)).map(|n| &n.id)
}
