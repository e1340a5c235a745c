//! Follows one attempt from its start to its end: the recorder's socket gives hints, the recorder's files the truth.
//!
//! The same code serves a fresh start, a restarted daemon and a reconcile pass: it looks at the files first, tells what
//! is there, and waits for more. Telling the core twice is harmless.

use super::collect;
use super::earlier;
use super::ears::Ears;
use super::eyes::Eyes;
use super::inbox::Inbox;
use super::launch::prompt_to_type;
use super::perform::{Rim, zone};
use super::stream::Stream;
use super::tidings::Tidings;
use super::told::{Commands, Markers, too_many};
use crate::adapters::shim_client;
use crate::core::event::Event;
use crate::core::evidence::{Evidence, Told};
use crate::core::exit::ExitRecord;
use crate::core::ids::AttemptId;
use crate::core::plan::{OutputRule, SessionPlan};
use crate::core::run::{OutputSeen, Started};
use crate::core::time::Wall;
use crate::observe::Observer;
use crate::os::clock;
use crate::recording::attempt::{AttemptFiles, AttemptState};
use crate::recording::socket::News;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio::time::Instant;

/// Least time between two journaled looks at an output of which only the last line changed.
const JOURNAL_EVERY: Duration = Duration::from_secs(30);
/// Least time between two journaled looks at an output whose metrics or errors changed.
const JOURNAL_METRICS_EVERY: Duration = Duration::from_secs(5);
/// Bytes read from a log at once.
const CHUNK: usize = 16 * 1024;
/// How long what cannot be killed is left alone before it is tried again.
const STUCK_PAUSE: Duration = Duration::from_secs(30);
/// How long a recorder may take from the start of its process to its first sign.
const APPEAR_WITHIN: Duration = Duration::from_secs(15);

/// The attempts that are followed, and the newest look at their output.
#[derive(Default)]
pub struct Watchers {
    tasks: Mutex<BTreeMap<AttemptId, AbortHandle>>,
    live: Mutex<BTreeMap<AttemptId, OutputSeen>>,
    tidings: Mutex<BTreeMap<AttemptId, Arc<Tidings>>>,
}

impl Watchers {
    /// What is brought to the one who watches an agent's attempt; `None` when nobody does.
    pub fn tidings(&self, attempt: &AttemptId) -> Option<Arc<Tidings>> {
        self.tidings.lock().unwrap_or_else(PoisonError::into_inner).get(attempt).cloned()
    }
    /// Has all agents looked at again.
    pub fn wake(&self) {
        self.tidings.lock().unwrap_or_else(PoisonError::into_inner).values().for_each(|tidings| tidings.wake());
    }

    /// Follows an attempt, unless it is followed already.
    pub fn ensure(self: &Arc<Self>, rim: &Arc<Rim>, attempt: &AttemptId, session: &SessionPlan, rules: &[OutputRule]) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.retain(|_, task| !task.is_finished());
        if tasks.contains_key(attempt) {
            return;
        }
        let follow = Follow::new(Arc::clone(rim), attempt.clone(), session, rules);
        if follow.agent.is_some() {
            let mut all = self.tidings.lock().unwrap_or_else(PoisonError::into_inner);
            all.insert(attempt.clone(), Arc::clone(&follow.tidings));
            rim.usage().started();
        }
        let (watchers, rim) = (Arc::clone(self), Arc::clone(rim));
        let id = attempt.clone();
        let task = tokio::spawn(async move {
            follow.run().await;
            watchers.live.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
            rim.prompts().forget(&id);
            rim.drafts().forget(&id);
            watchers.tidings.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        });
        tasks.insert(attempt.clone(), task.abort_handle());
    }
    /// Bytes of an attempt's output, and when it last said something new, as of the newest look.
    pub fn mark(&self, attempt: &AttemptId) -> Option<(u64, Option<Wall>)> {
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        live.get(attempt).map(|seen| (seen.bytes, seen.new_at))
    }
    /// The newest look at an attempt's output, newer than what is journaled.
    pub fn live(&self, attempt: &AttemptId) -> Option<OutputSeen> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner).get(attempt).cloned()
    }
}

struct Follow {
    rim: Arc<Rim>,
    inbox: Inbox,
    attempt: AttemptId,
    files: AttemptFiles,
    output: Option<Output>,
    /// The agent that the session is, if it is one that is known.
    agent: Option<String>,
    ours: bool,
    told_start: bool,
    /// How much of what came of its limits was told.
    told_limits: usize,
    told_output: Option<Instant>,
    /// What its program tells with `nightkeep tell`.
    commands: Commands,
    born: Instant,
    /// What is found out of it elsewhere.
    tidings: Arc<Tidings>,
    /// Events that its program serves are listened to.
    has_events: bool,
}

/// What one look at the files led to.
enum Look {
    /// The end was told; nothing more to do.
    Over,
    /// The recorder lives.
    Lives,
    /// No sign of it yet.
    NotYet,
    /// The recorder is gone, and what it recorded cannot be killed.
    Stuck,
}

impl Follow {
    fn new(rim: Arc<Rim>, attempt: AttemptId, session: &SessionPlan, rules: &[OutputRule]) -> Self {
        let log = rim.instance().output_log(&attempt);
        let files = AttemptFiles::new(rim.instance().run_dir(&attempt), &log);
        let inbox = rim.inbox().clone();
        let commands = Commands::new(files.run_dir());
        let output = match Observer::new(session, rules) {
            Ok(observer) => Some(Output::new(log, observer)),
            Err(e) => {
                tracing::error!(%attempt, "the output is not looked at: {e}");
                None
            }
        };
        Self {
            rim,
            inbox,
            attempt,
            files,
            output,
            agent: session.profile.clone().or_else(|| session.agent.clone()),
            ours: false,
            told_start: false,
            told_limits: 0,
            told_output: None,
            commands,
            born: Instant::now(),
            tidings: Arc::default(),
            has_events: session.launch.as_ref().is_some_and(|launch| launch.events != Some(false)),
        }
    }

    async fn run(mut self) {
        let socket = self.rim.instance().shim_socket(&self.attempt);
        if let (Some(output), Some(agent)) = (&mut self.output, &self.agent) {
            let zone = zone(self.rim.plan_zone().await.as_deref());
            output.eyes = self.rim.profile(agent).map(|profile| Eyes::by(profile, zone));
            let hears = output.eyes.as_ref().is_some_and(Eyes::has_hooks);
            output.ears = hears.then(|| Ears::new(self.files.run_dir()));
        }
        if let Some(text) = prompt_to_type(self.files.run_dir()) {
            let _ = self.inbox.tell(Event::Say { attempt: self.attempt.clone(), text }).await;
        }
        let _stream = self
            .agent
            .as_deref()
            .filter(|_| self.has_events)
            .and_then(|agent| self.rim.profile(agent))
            .and_then(|profile| Stream::listen(&profile, self.files.run_dir(), Arc::clone(&self.tidings)));
        // A recorder binds its socket within milliseconds of its start; this bridges that, and a lost socket later.
        let mut pause = Duration::from_millis(2);
        loop {
            if let Ok(mut news) = shim_client::watch(&socket).await {
                pause = Duration::from_millis(50);
                if matches!(self.look().await, Look::Over) {
                    return;
                }
                if news.bytes > 0 {
                    self.catch_up(true).await;
                }
                loop {
                    let due = self.output.as_ref().and_then(|output| output.eyes.as_ref()?.due(Instant::now()));
                    let next = tokio::select! {
                        next = news.next() => next,
                        () = wake(self.output.as_mut(), due, &self.tidings) => {
                            self.catch_up(true).await;
                            continue;
                        }
                    };
                    match next {
                        Ok(Some(News::Hello { .. } | News::Event)) => {
                            if let Some(output) = &mut self.output {
                                output.resized = true;
                            }
                            if matches!(self.look().await, Look::Over) {
                                return;
                            }
                        }
                        Ok(Some(News::Output { .. })) => self.catch_up(true).await,
                        Ok(Some(News::Ended) | None) => break,
                        Err(e) => {
                            tracing::debug!(attempt = %self.attempt, "{e}");
                            break;
                        }
                    }
                }
            }
            match self.look().await {
                Look::Over => return,
                Look::Lives => {}
                Look::NotYet if self.born.elapsed() > APPEAR_WITHIN => {
                    let why = format!("its recorder showed no sign within {} s", APPEAR_WITHIN.as_secs());
                    let _ = self.inbox.tell(Event::StartFailed { attempt: self.attempt.clone(), why }).await;
                    return;
                }
                Look::NotYet => {}
                Look::Stuck => pause = STUCK_PAUSE,
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    /// Reads the recorder's files and tells what they say.
    async fn look(&mut self) -> Look {
        let seen = match self.files.look() {
            Ok(seen) => seen,
            Err(e) => {
                tracing::warn!(attempt = %self.attempt, "the recorder's files cannot be read: {e}");
                return Look::NotYet;
            }
        };
        if !self.ours && !seen.recorder_lives {
            if earlier::is_of_another(self.files.run_dir(), self.rim.journal_id()) {
                // The start puts these files out of the way; they say nothing of this attempt.
                return Look::NotYet;
            }
            self.ours = seen.state != AttemptState::NotStarted;
        }
        for what in seen.limits.iter().skip(self.told_limits) {
            let part = format!("the limits of {}", self.attempt.run.session);
            let _ = self.inbox.tell(Event::Trouble { part, what: what.clone() }).await;
        }
        self.told_limits = self.told_limits.max(seen.limits.len());
        match &seen.state {
            AttemptState::NotStarted => Look::NotYet,
            AttemptState::Running { start } => {
                self.tell_start(start).await;
                self.hear().await;
                Look::Lives
            }
            AttemptState::ExecFailed { exit } => {
                self.tell_end(exit.clone()).await;
                Look::Over
            }
            AttemptState::Ended { start, exit } => {
                self.tell_start(start).await;
                self.tell_end(exit.clone()).await;
                Look::Over
            }
            AttemptState::Unfinished { start } => {
                self.tell_start(start).await;
                if start.boot_id != clock::boot_id() {
                    self.tell_end(seen.lost("the host was rebooted", clock::wall())).await;
                    return Look::Over;
                }
                // Nothing may run beside the next attempt.
                let ended = self.rim.leftovers(&self.attempt, start).end().await;
                if ended.left > 0 {
                    // Told as long as it lives; its end is told once it is one.
                    Arc::clone(&self.rim).look_for_remains(self.attempt.clone()).await;
                    return Look::Stuck;
                }
                let mut exit = seen.lost("its recorder was killed before it could record the exit", clock::wall());
                exit.orphans = ended.found;
                self.tell_end(exit).await;
                Look::Over
            }
        }
    }

    async fn tell_start(&mut self, started: &Started) {
        if !self.told_start {
            self.told_start = true;
            let event = Event::Started { attempt: self.attempt.clone(), started: started.clone() };
            let _ = self.inbox.tell(event).await;
        }
    }

    async fn tell_end(&mut self, exit: ExitRecord) {
        if exit.hup && !exit.stopped {
            // Whether tmux died or somebody closed the session decides what the exit means, so it is settled first.
            self.rim.settle_tmux().await;
        }
        self.catch_up(false).await;
        self.hear().await;
        self.rim.read_usage(&self.attempt, exit.at).await;
        // What its transcript said last is part of how it ended.
        self.catch_up(false).await;
        let zone = zone(self.rim.plan_zone().await.as_deref());
        let output = match &mut self.output {
            Some(output) => {
                output.observer.finish(exit.at, &zone);
                output.take_claims(exit.at);
                output.markers.finish(output.place);
                let agent = output.eyes.as_ref().and_then(|eyes| eyes.seen().cloned()).map(Box::new);
                OutputSeen { agent, ..output.observer.seen().clone() }
            }
            None => OutputSeen { bytes: exit.output_bytes, ..OutputSeen::default() },
        };
        self.pass_on_markers().await;
        let markers = self.output.as_ref().map_or(0, |output| output.markers.refused);
        if let Some(what) = too_many(self.commands.refused, markers) {
            let part = format!("what {} tells", self.attempt.run.session);
            let _ = self.inbox.tell(Event::Trouble { part, what }).await;
        }
        let event = Event::Ended { attempt: self.attempt.clone(), exit, output: Box::new(output) };
        let _ = self.inbox.tell(event).await;
        collect::after_attempt(&self.rim, &self.attempt);
    }

    /// Passes on what the program told through the recorder.
    async fn hear(&mut self) {
        match self.commands.read_on() {
            Ok(told) => self.pass_on(told).await,
            Err(e) => tracing::warn!(attempt = %self.attempt, "what it tells cannot be read: {e}"),
        }
    }
    async fn pass_on_markers(&mut self) {
        let told = self.output.as_mut().map(|output| output.markers.ready()).unwrap_or_default();
        self.pass_on(told).await;
    }
    async fn pass_on(&self, told: Vec<Told>) {
        for told in told {
            let evidence = Evidence::Told { attempt: self.attempt.clone(), told: Box::new(told) };
            let _ = self.inbox.tell(Event::Evidence { evidence }).await;
        }
    }

    /// Reads what is new in the log, off the runtime's threads, and tells the core now and then.
    async fn catch_up(&mut self, tell: bool) {
        let Some(mut output) = self.output.take() else { return };
        if let Some(eyes) = &mut output.eyes {
            for (source, sign) in self.tidings.take() {
                match sign {
                    Some(sign) => eyes.tell(sign),
                    None => eyes.lost(source),
                }
            }
            if let Some(profile) = self.agent.as_ref().and_then(|agent| self.rim.profile(agent)) {
                eyes.see_by(profile);
            }
        }
        let files = self.files.clone();
        let read = tokio::task::spawn_blocking(move || {
            let result = output.read_on(&files);
            if let (Some(eyes), Some(ears)) = (&mut output.eyes, &mut output.ears) {
                eyes.hear(ears);
            }
            let looked = output.eyes.as_mut().and_then(|eyes| eyes.look(clock::wall(), Instant::now(), !tell));
            (output, result, looked)
        })
        .await;
        let Ok((mut output, result, looked)) = read else { return };
        if let Some(seen) = output.eyes.as_mut().and_then(Eyes::take_seen) {
            self.tidings.judge(seen);
        }
        if let Some((bytes, seen)) = looked {
            let event = Event::AgentSeen { attempt: self.attempt.clone(), bytes, seen: Box::new(seen) };
            let _ = self.inbox.tell(event).await;
        }
        if let Some(eyes) = &output.eyes
            && let Some((bytes, seen, version)) = eyes.judged()
        {
            self.rim.prompts().judged(&self.rim, &self.attempt, seen, bytes, version);
            self.rim.drafts().judged(&self.attempt, seen, bytes, eyes.composer());
        }
        if let Err(e) = result {
            tracing::warn!(attempt = %self.attempt, "the output cannot be read: {e}");
        }
        let changed = output.observer.take_changed();
        let seen = output.observer.seen().clone();
        self.output = Some(output);
        self.pass_on_markers().await;
        let due = match self.told_output {
            None => true,
            Some(last) if changed => last.elapsed() >= JOURNAL_METRICS_EVERY,
            Some(last) => last.elapsed() >= JOURNAL_EVERY,
        };
        if tell && due {
            self.told_output = Some(Instant::now());
            let event = Event::Output { attempt: self.attempt.clone(), output: Box::new(seen.clone()) };
            let _ = self.inbox.tell(event).await;
        }
        self.rim.watchers().live.lock().unwrap_or_else(PoisonError::into_inner).insert(self.attempt.clone(), seen);
    }
}

/// Waits until a look is due, an agent told its hooks something, or something was found out elsewhere.
async fn wake(output: Option<&mut Output>, due: Option<Duration>, tidings: &Tidings) {
    let due = async {
        match due {
            Some(wait) => tokio::time::sleep(wait).await,
            None => std::future::pending().await,
        }
    };
    let heard = async {
        match output.and_then(|output| output.ears.as_mut()) {
            Some(ears) => ears.news().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = due => {}
        () = heard => {}
        () = tidings.news() => {}
    }
}

struct Output {
    log: PathBuf,
    file: Option<File>,
    buffer: Vec<u8>,
    observer: Observer,
    /// The eyes on its screen, where it is an agent's.
    eyes: Option<Eyes>,
    /// What hears its hooks, where it has some.
    ears: Option<Ears>,
    /// The terminal may have another size.
    resized: bool,
    /// Where in the log reading goes on.
    place: u64,
    markers: Markers,
}

impl Output {
    fn new(log: PathBuf, observer: Observer) -> Self {
        let markers = Markers::new(log.clone());
        Self { log, file: None, buffer: Vec::new(), observer, eyes: None, ears: None, resized: true, place: 0, markers }
    }
    fn take_claims(&mut self, now: Wall) {
        for claim in self.observer.take_claims() {
            self.markers.take(claim, now);
        }
    }
    /// Feeds the observer all there is now, from where the kept output begins: what the cap dropped reads as zeros.
    fn read_on(&mut self, files: &AttemptFiles) -> std::io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => match File::open(&self.log) {
                Ok(mut file) => {
                    self.place = files.kept().map_or(0, |kept| kept.from);
                    self.observer.begins_at(self.place);
                    file.seek(SeekFrom::Start(self.place))?;
                    if let Some(eyes) = &mut self.eyes {
                        eyes.begin(self.place, file.metadata()?.len());
                    }
                    none.insert(file)
                }
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
                Err(e) => return Err(e),
            },
        };
        if let Some(eyes) = self.eyes.as_mut().filter(|_| std::mem::take(&mut self.resized)) {
            eyes.learn_sizes(files);
        }
        self.buffer.resize(CHUNK, 0);
        loop {
            let n = file.read(&mut self.buffer)?;
            self.place += n as u64;
            let (bytes, now) = (self.buffer.get(..n).unwrap_or_default(), clock::wall());
            self.observer.feed(bytes, now);
            if let Some(eyes) = &mut self.eyes {
                eyes.feed(bytes, now, Instant::now());
            }
            for claim in self.observer.take_claims() {
                self.markers.take(claim, now);
            }
            if n < self.buffer.len() {
                return Ok(());
            }
        }
    }
}
