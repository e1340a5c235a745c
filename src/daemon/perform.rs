//! Performs the core's effects. Each deed is idempotent: after a crash it is asked for again.

use super::checks;
use super::details::Details;
use super::earlier;
use super::inbox::{Closed, Inbox};
use super::notes;
use super::output::LastRead;
use super::reconcile;
use super::reports;
use super::retention::{self, Cleaning, Wanted};
use super::sampler::Sampler;
use super::watch::Watchers;
use crate::adapters::channels::Channels;
use crate::adapters::git;
use crate::adapters::shim_client;
use crate::adapters::tmux::{Connected, Events, Pane, Places, SessionStart, Tmux, TmuxEvent};
use crate::config::{self, raw::ReportFormat};
use crate::core::alert::message::{Message, Outcome};
use crate::core::effect::Effect;
use crate::core::event::{Event, Seen};
use crate::core::fact::GitBase;
use crate::core::ids::{AttemptId, NightId, ProjectName, SessionName};
use crate::core::plan::{ClearSecrets, OnTmuxLoss, Plan, SessionPlan};
use crate::core::run::Started;
use crate::core::state::State;
use crate::instance::Instance;
use crate::os::leftovers::{ATTEMPT_VARIABLE, INSTANCE_VARIABLE, JOURNAL_VARIABLE, Leftovers};
use crate::os::tree::Process;
use crate::os::{clock, process};
use crate::protocol::{AddRequest, DaemonStatus, Status};
use crate::recording::attempt::{AttemptFiles, AttemptState};
use crate::recording::spec::{SPEC_FILE, SPEC_VERSION, Spec};
use crate::status;
use crate::store::Journal;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{Mutex, watch};

/// Terminal size of a session nobody looks at: columns, rows.
const SIZE: (u16, u16) = (200, 50);
/// How long output of descendants is read after the program's own exit.
const DRAIN: Duration = Duration::from_millis(500);

/// Everything outside the core that effects need.
pub struct Rim {
    instance: Instance,
    inbox: Inbox,
    journal: Journal,
    journal_id: String,
    watchers: Arc<Watchers>,
    sampler: Sampler,
    tmux: Mutex<Option<Tmux>>,
    places: Places,
    config: RwLock<config::Settings>,
    context: config::Context,
    file_problem: RwLock<Option<String>>,
    program: PathBuf,
    environment: BTreeMap<String, String>,
    started: String,
    reconcile_ms: AtomicI64,
    reports_under_way: AtomicU64,
    messages_under_way: AtomicU64,
    end: watch::Sender<Option<Ending>>,
    cleaning: Cleaning,
    night_open: watch::Sender<bool>,
    last_read: LastRead,
    details: Details,
}

/// That the daemon is to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Why.
    pub reason: String,
    /// Only as long as no night is open.
    pub unless_open: bool,
}

/// What the rim needs besides the plan.
#[derive(Debug)]
pub struct Settings {
    /// What the file says beyond the plan.
    pub config: config::Settings,
    /// What reading the config needs besides the file.
    pub context: config::Context,
    /// This program's own path: the recorder is another process of it.
    pub program: PathBuf,
}

impl Rim {
    /// The rim of one instance. `journal_id` is the journal's own name, `environment` what sessions inherit.
    pub fn new(
        instance: Instance,
        inbox: Inbox,
        (journal, journal_id): (Journal, String),
        settings: Settings,
        environment: BTreeMap<String, String>,
    ) -> (Arc<Self>, watch::Receiver<Option<Ending>>) {
        let (end, ending) = watch::channel(None);
        let rim = Self {
            places: Places::of(&instance),
            instance,
            inbox,
            journal,
            journal_id,
            watchers: Arc::default(),
            sampler: Sampler::default(),
            tmux: Mutex::new(None),
            config: RwLock::new(settings.config),
            context: settings.context,
            file_problem: RwLock::default(),
            program: settings.program,
            environment,
            started: status::zone::rfc3339(clock::wall()),
            reconcile_ms: AtomicI64::new(-1),
            reports_under_way: AtomicU64::new(0),
            messages_under_way: AtomicU64::new(0),
            end,
            cleaning: Cleaning::default(),
            night_open: watch::channel(false).0,
            last_read: LastRead::default(),
            details: Details::default(),
        };
        (Arc::new(rim), ending)
    }
    /// The instance's places.
    pub fn instance(&self) -> &Instance {
        &self.instance
    }
    /// The way into the loop.
    pub fn inbox(&self) -> &Inbox {
        &self.inbox
    }
    /// Whether the journal's files are all there.
    pub async fn journal_is_whole(&self) -> bool {
        self.journal.is_whole().await
    }

    /// The journal.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }
    /// The log that was read last over the API.
    pub fn last_read(&self) -> &LastRead {
        &self.last_read
    }
    /// What was asked of nights before.
    pub fn details(&self) -> &Details {
        &self.details
    }
    /// The state of clean-ups.
    pub fn cleaning(&self) -> &Cleaning {
        &self.cleaning
    }
    /// How long things are kept, and when the disk is about to be full.
    pub fn retention(&self) -> Wanted {
        Wanted::of(Some(&self.config.read().unwrap_or_else(PoisonError::into_inner)))
    }
    /// Whether a night is open, and every change of it.
    pub fn night_open(&self) -> watch::Receiver<bool> {
        self.night_open.subscribe()
    }
    /// Notes whether a night is open. One that opens calls off an end that was only for want of one.
    pub fn night_is(&self, open: bool) {
        self.night_open.send_if_modified(|known| std::mem::replace(known, open) != open);
        if open {
            self.end.send_if_modified(|end| end.take_if(|ending| ending.unless_open).is_some());
        }
    }
    /// Asks the daemon to end as soon as what is under way is done, unless a night is open or opened before that.
    fn end_without_night(&self, reason: String) {
        self.end.send_if_modified(|end| {
            let wanted = end.is_none() && !*self.night_open.borrow();
            if wanted {
                *end = Some(Ending { reason, unless_open: true });
            }
            wanted
        });
    }
    /// `[night] keep_awake`.
    pub fn keep_awake(&self) -> bool {
        self.config.read().unwrap_or_else(PoisonError::into_inner).keep_awake
    }
    /// The journal's own name.
    pub fn journal_id(&self) -> &str {
        &self.journal_id
    }
    /// The followed attempts.
    pub fn watchers(&self) -> &Arc<Watchers> {
        &self.watchers
    }
    /// What was seen of the work of running programs.
    pub fn sampler(&self) -> &Sampler {
        &self.sampler
    }
    /// `[report] formats`.
    pub fn report_formats(&self) -> Vec<ReportFormat> {
        self.config.read().unwrap_or_else(PoisonError::into_inner).report_formats.clone()
    }
    /// Notes that the newest file cannot be taken over, and why.
    pub fn set_file_problem(&self, problem: &str) {
        *self.file_problem.write().unwrap_or_else(PoisonError::into_inner) = Some(problem.to_owned());
    }
    /// Takes over what a changed file says beyond the plan.
    pub fn set_config(&self, config: config::Settings) {
        self.file_problem.write().unwrap_or_else(PoisonError::into_inner).take();
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
    }
    /// The secrets that stand in the file itself.
    pub fn clear_secrets(&self) -> ClearSecrets {
        self.config.read().unwrap_or_else(PoisonError::into_inner).clear_secrets.clone()
    }
    fn node(&self) -> String {
        let named = self.config.read().unwrap_or_else(PoisonError::into_inner).node_name.clone();
        named.unwrap_or_else(host_name)
    }
    /// Checks a session that stands in no file against a state.
    pub fn session_for_add(&self, state: &State, request: &AddRequest) -> Result<SessionPlan, config::AddError> {
        let mut plan = state.plan.clone();
        plan.sessions.extend(state.added.clone());
        let config = self.config.read().unwrap_or_else(PoisonError::into_inner);
        config::parse_session_for_add(
            &plan,
            &config,
            &self.context,
            config::AddRequest {
                name: &request.name,
                project: Some(&request.project),
                after: &request.after,
                priority: Some(request.priority),
                argv: &request.command,
            },
        )
    }
    /// The plan's zone.
    pub async fn plan_zone(&self) -> Option<String> {
        self.inbox.look(|state, _| state.plan.timezone.clone()).await.ok().flatten()
    }
    /// Tells the core whether a project's repository could be read.
    pub async fn told_of_git(&self, project: &ProjectName, failed: Option<&String>) {
        let seen = failed.map_or(Seen::Worked, |why| Seen::Failed { why: why.clone() });
        let _ = self.inbox.tell(Event::Sensed { key: format!("git:{project}"), seen }).await;
    }
    /// How long the last reconcile pass took.
    pub fn reconcile_ms(&self) -> Option<u64> {
        u64::try_from(self.reconcile_ms.load(Ordering::Relaxed)).ok()
    }
    /// Notes a reconcile pass.
    pub fn reconciled(&self, took: Duration, attempts: usize) {
        let ms = i64::try_from(took.as_millis()).unwrap_or(i64::MAX);
        if self.reconcile_ms.swap(ms, Ordering::Relaxed) < 0 {
            tracing::info!("reconciled {attempts} attempts in {ms} ms");
        } else {
            tracing::debug!("reconciled {attempts} attempts in {ms} ms");
        }
    }
    /// Asks the daemon to end as soon as what is under way is done.
    pub fn end_soon(&self, reason: &str) {
        self.end.send_replace(Some(Ending { reason: reason.to_owned(), unless_open: false }));
    }
    /// Whether a report is being written or a message is being sent.
    pub fn is_busy(&self) -> bool {
        self.reports_under_way.load(Ordering::Acquire) + self.messages_under_way.load(Ordering::Acquire) > 0
    }
    /// The night of this moment: that of the calendar, else the local date in the plan's zone.
    pub async fn tonight(&self) -> Result<NightId, Closed> {
        self.inbox.look(|state, _| tonight(&state.plan)).await
    }

    /// Performs one effect without holding up the loop.
    pub fn perform(self: &Arc<Self>, effect: Effect) {
        let rim = Arc::clone(self);
        match effect {
            Effect::Start { attempt, session } => {
                tokio::spawn(async move { rim.start(attempt, *session).await });
            }
            Effect::Stop { attempt, grace } => {
                tokio::spawn(async move { rim.stop(&attempt, grace).await });
            }
            Effect::Check { attempt, session } => {
                tokio::spawn(async move {
                    let results = checks::evaluate(&rim, &attempt, &session).await;
                    let _ = rim.inbox.tell(Event::Checked { attempt, results }).await;
                });
            }
            Effect::NoteBase { project, dir } => {
                tokio::spawn(async move {
                    let git = git::base(&dir).await;
                    rim.told_of_git(&project, if let GitBase::Failed { why } = &git { Some(why) } else { None }).await;
                    let _ = rim.inbox.tell(Event::ProjectBase { project, git }).await;
                });
            }
            Effect::WriteReport { night } => {
                self.reports_under_way.fetch_add(1, Ordering::AcqRel);
                tokio::spawn(async move {
                    reports::write(&rim, &night).await;
                    rim.reports_under_way.fetch_sub(1, Ordering::AcqRel);
                    // Whoever waits for the end looks again.
                    rim.end.send_modify(|_| {});
                });
            }
            Effect::NightOver { night } => {
                tokio::spawn(async move {
                    retention::after_night(&rim).await;
                    rim.end_without_night(format!("night {night} is over"));
                });
            }
            Effect::Send { message } => {
                self.messages_under_way.fetch_add(1, Ordering::AcqRel);
                tokio::spawn(async move {
                    rim.send(*message).await;
                    rim.messages_under_way.fetch_sub(1, Ordering::AcqRel);
                    rim.end.send_modify(|_| {});
                });
            }
            Effect::Nudge { attempt, text } => {
                tokio::spawn(async move { rim.nudge(&attempt, &text).await });
            }
            // The loop keeps the waits; it never hands one on.
            Effect::Arm { .. } => {}
        }
    }

    /// Makes one try to deliver a message, and tells what came of it. What could not be sent before the daemon ends is in
    /// the journal, and the next one sends it.
    async fn send(self: &Arc<Self>, message: Message) {
        let channel = message.channel.clone();
        let plan = self.inbox.look(move |state, _| state.plan.channels.get(&channel).cloned()).await.ok().flatten();
        let clear = self.clear_secrets();
        let outcome = match plan {
            Some(plan) => Channels::new(clear).send(&plan, &message).await,
            None => Outcome::Failed {
                why: "no such channel".to_owned(),
                retry_after: None,
                permanent: true,
                reached: Vec::new(),
            },
        };
        if let Outcome::Failed { why, .. } = &outcome {
            tracing::warn!(channel = message.channel, key = message.key, "a message was not delivered: {why}");
        }
        let _ = self.inbox.ask(Event::Sent { key: message.key, outcome }).await;
    }

    async fn start(self: Arc<Self>, attempt: AttemptId, session: SessionPlan) {
        let rules = self.inbox.look(|state, _| state.plan.rules.clone()).await.unwrap_or_default();
        if let Some(left) = earlier::left_running(&self.instance.run_dir(&attempt), &self.journal_id) {
            left.end().await;
        }
        let (aside, id) = (Arc::clone(&self), attempt.clone());
        let cleared =
            tokio::task::spawn_blocking(move || earlier::set_aside(&aside.instance, &id, &aside.journal_id)).await;
        let files = AttemptFiles::new(self.instance.run_dir(&attempt), self.instance.output_log(&attempt));
        let seen = match cleared {
            Ok(Err(e)) => Err(e),
            Ok(Ok(())) | Err(_) => files.look(),
        };
        let begun = match seen {
            Ok(seen) => seen.recorder_lives || seen.state != AttemptState::NotStarted,
            Err(e) => {
                // Better a start too few than one too many: the core asks again.
                tracing::error!(%attempt, "whether it was started before cannot be read: {e}");
                true
            }
        };
        if !begun
            && let Err(e) = self.launch(&attempt, &session).await
            && self.take_back(&attempt).await
        {
            tracing::error!(%attempt, "not started: {e:#}");
            let _ = self.inbox.tell(Event::StartFailed { attempt, why: format!("{e:#}") }).await;
            return;
        }
        self.watchers.ensure(&self, &attempt, &session, &rules);
    }

    /// Takes back what a recorder would run: tmux may carry out much later what it did not answer, and by then another
    /// attempt may run. Says whether none had begun.
    async fn take_back(&self, attempt: &AttemptId) -> bool {
        let files = AttemptFiles::new(self.instance.run_dir(attempt), self.instance.output_log(attempt));
        let spec = self.instance.run_dir(attempt).join(SPEC_FILE);
        let look = tokio::task::spawn_blocking(move || {
            // What was never written is taken back as well.
            let _ = std::fs::remove_file(spec);
            files.look().is_ok_and(|seen| !seen.recorder_lives && seen.state == AttemptState::NotStarted)
        });
        look.await.unwrap_or(false)
    }

    async fn launch(self: &Arc<Self>, attempt: &AttemptId, session: &SessionPlan) -> anyhow::Result<()> {
        let run_dir = self.instance.run_dir(attempt);
        let output_cap = self.inbox.look(|state, _| state.plan.log_per_session).await?;
        let mut spec = self.spec(attempt, session, output_cap);
        let notes = notes::take(&self.inbox, attempt, &run_dir, &mut spec).await?;
        let output = spec.output.clone();
        tokio::task::spawn_blocking({
            let run_dir = run_dir.clone();
            move || -> anyhow::Result<()> {
                use std::os::unix::fs::DirBuilderExt;
                for dir in [run_dir.as_path(), output.parent().unwrap_or(&run_dir)] {
                    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
                }
                notes.write()?;
                Ok(spec.write(&run_dir)?)
            }
        })
        .await??;
        let text = |path: &Path| {
            path.to_str().map(str::to_owned).ok_or_else(|| anyhow::anyhow!("{} is not UTF-8", path.display()))
        };
        let argv = [text(&self.program)?, "exec".into(), "--run".into(), text(&run_dir)?];
        let start = SessionStart { name: &attempt.run.session, attempt, argv: &argv, size: SIZE };
        let first = match self.tmux().await?.start_session(&start).await {
            // The connection may have ended under the command; whether it was carried out shows on a fresh one.
            Err(e) if e.may_have_happened() => e,
            Err(e) => return Err(e.into()),
            Ok(_) => return Ok(()),
        };
        tracing::warn!(%attempt, "asking tmux again: {first}");
        self.tmux.lock().await.take();
        self.tmux().await?.start_session(&start).await?;
        Ok(())
    }

    /// The connection to tmux; made, and the server started, when there is none.
    async fn tmux(self: &Arc<Self>) -> anyhow::Result<Tmux> {
        let mut held = self.tmux.lock().await;
        if let Some(tmux) = held.as_ref() {
            return Ok(tmux.clone());
        }
        let Connected { tmux, events, started: _ } = Tmux::connect(&self.places).await?;
        *held = Some(tmux.clone());
        drop(held);
        let _ = self.inbox.tell(Event::TmuxStarted { pid: tmux.server().pid }).await;
        tokio::spawn(Arc::clone(self).follow_tmux(events, tmux.server().clone()));
        Ok(tmux)
    }

    /// Waits until a connection to tmux ends, then finds out what that means. Boxed: a reconcile pass may connect again.
    fn follow_tmux(
        self: Arc<Self>,
        mut events: Events,
        server: process::ProcessIdentity,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let why = loop {
                match events.next().await {
                    TmuxEvent::Changed => {}
                    TmuxEvent::Closed { why, .. } => break why,
                }
            };
            tracing::warn!("the connection to tmux ended: {why}");
            let mut held = self.tmux.lock().await;
            if held.as_ref().is_some_and(|tmux| *tmux.server() == server) {
                held.take();
            }
            drop(held);
            self.settle_tmux().await;
            reconcile::pass(&self).await;
        })
    }

    /// Makes sure that the core knows whether the tmux server lives.
    pub async fn settle_tmux(&self) {
        let known = self.inbox.look(|state, _| state.tmux_pid).await.ok().flatten();
        let Some(pid) = known else { return };
        if process::start_time(pid).is_none() {
            self.tmux.lock().await.take();
            let why = format!("its server (pid {pid}) is gone");
            let _ = self.inbox.ask(Event::TmuxLost { why }).await;
        } else if let Some(tmux) = self.tmux.lock().await.as_ref()
            && matches!(self.instance.tmux_socket().try_exists(), Ok(false))
        {
            tracing::warn!(pid, "the tmux server's socket is gone, asking it to make it again");
            tmux.make_socket();
        }
    }

    /// Ends our tmux server once the night is over, unless somebody has a session of their own in it.
    pub async fn end_tmux(self: &Arc<Self>) {
        let night_is_open = self.inbox.look(|state, _| state.open_night().is_some()).await.unwrap_or(true);
        if !night_is_open
            && self.panes().await.is_some_and(|panes| panes.is_empty())
            && let Ok(tmux) = self.tmux().await
            && tmux.end_if_empty().await
        {
            let _ = self.inbox.ask(Event::TmuxLost { why: "the night is over and it was empty".to_owned() }).await;
        }
    }

    /// All panes of our server; `None` when there is none or it cannot be asked. No server is started just to look.
    pub async fn panes(self: &Arc<Self>) -> Option<Vec<Pane>> {
        let known = self.inbox.look(|state, _| state.tmux_pid).await.ok().flatten()?;
        process::start_time(known)?;
        let tmux = match self.tmux().await {
            Ok(tmux) => tmux,
            Err(e) => {
                tracing::warn!("tmux cannot be reached: {e:#}");
                return None;
            }
        };
        match tmux.list().await {
            Ok(panes) => Some(panes),
            Err(e) => {
                tracing::warn!("tmux does not answer: {e}");
                None
            }
        }
    }

    /// Has tmux look again at children whose end it missed.
    pub async fn reap_panes(&self) {
        if let Some(tmux) = self.tmux.lock().await.as_ref() {
            tmux.reap();
        }
    }

    async fn stop(self: Arc<Self>, attempt: &AttemptId, grace: Duration) {
        let socket = self.instance.shim_socket(attempt);
        // A recorder that was just started may not have its socket yet.
        let mut pause = Duration::from_millis(5);
        let files = AttemptFiles::new(self.instance.run_dir(attempt), self.instance.output_log(attempt));
        for _ in 0..12 {
            match shim_client::stop(&socket, grace).await {
                Ok(()) => return,
                Err(e) => {
                    if matches!(
                        files.state(),
                        Ok(AttemptState::Ended { .. }
                            | AttemptState::ExecFailed { .. }
                            | AttemptState::Unfinished { .. })
                    ) {
                        return;
                    }
                    tracing::debug!(%attempt, "the recorder cannot be reached: {e}");
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
        // Its socket is lost. The pane's hang-up reaches the recorder as well; it ends the tree by its own policy.
        let part = format!("stop {attempt}");
        let what = "the recorder's socket did not answer; its tmux session was ended instead".to_owned();
        let _ = self.inbox.tell(Event::Trouble { part, what }).await;
        let wanted = attempt.to_string();
        for pane in self.panes().await.unwrap_or_default().into_iter().filter(|pane| pane.nk_run == wanted) {
            let ended = match self.tmux().await {
                Ok(tmux) => tmux.kill_session(&pane.session_id).await.map_err(anyhow::Error::from),
                Err(e) => Err(e),
            };
            if let Err(e) = ended {
                tracing::error!(%attempt, "the tmux session was not ended: {e:#}");
            }
        }
    }

    /// Types a line into a session. What cannot be typed is told: the core thinks that it was.
    async fn nudge(&self, attempt: &AttemptId, text: &str) {
        let socket = self.instance.shim_socket(attempt);
        let typed = async {
            shim_client::input(&socket, text.as_bytes(), true).await?;
            shim_client::input(&socket, b"\r", false).await
        };
        if let Err(e) = typed.await {
            let part = format!("nudge {}", attempt.run.session);
            let _ = self.inbox.tell(Event::Trouble { part, what: format!("nothing was typed: {e}") }).await;
        }
    }

    fn spec(&self, attempt: &AttemptId, session: &SessionPlan, output_cap: Option<u64>) -> Spec {
        Spec {
            version: SPEC_VERSION,
            attempt: attempt.to_string(),
            journal: self.journal_id.clone(),
            argv: session.command.argv(),
            dir: session.dir.clone(),
            env: self.environment(attempt, session),
            size: SIZE,
            output: self.instance.output_log(attempt),
            socket: self.instance.shim_socket(attempt),
            output_cap,
            caps: session.caps,
            stop_grace_ms: u64::try_from(session.stop_grace.as_millis()).unwrap_or(u64::MAX),
            keep_on_tmux_loss: session.on_tmux_loss == OnTmuxLoss::Keep,
            drain_ms: u64::try_from(DRAIN.as_millis()).unwrap_or(500),
        }
    }

    /// The complete environment of a session: what the daemon was started with, less what belongs to another terminal,
    /// plus the session's own and ours.
    pub fn environment(&self, attempt: &AttemptId, session: &SessionPlan) -> BTreeMap<String, String> {
        let mut env = self.environment.clone();
        let config = self.config.read().unwrap_or_else(PoisonError::into_inner);
        env.retain(|name, _| !config.secret_variables.contains(name));
        drop(config);
        env.extend(session.env.clone());
        env.insert("NIGHTKEEP_SESSION".into(), session.name.to_string());
        env.insert("NIGHTKEEP_NIGHT".into(), attempt.run.night.to_string());
        env.insert("NIGHTKEEP_RUN".into(), attempt.run.to_string());
        env.insert(ATTEMPT_VARIABLE.into(), attempt.to_string());
        env.insert(INSTANCE_VARIABLE.into(), self.instance.file().to_string_lossy().into_owned());
        env.insert(JOURNAL_VARIABLE.into(), self.journal_id.clone());
        env
    }

    /// What would be left of an attempt whose recorder is gone.
    pub fn leftovers(&self, attempt: &AttemptId, started: &Started) -> Leftovers {
        // Ids are used again on another boot.
        let program = (started.boot_id == clock::boot_id() && started.pid_start != 0)
            .then_some(Process { pid: started.pid, start: started.pid_start });
        Leftovers::new(earlier::marks(&attempt.to_string(), &self.journal_id), program.into_iter().collect())
    }

    /// What `status` shows: the state, with the newest look at every running output.
    pub fn status(&self, state: &State, seq: i64) -> Status {
        let mut shown = state.clone();
        for attempt in shown.runs.values_mut().filter_map(|run| run.attempts.last_mut()) {
            if attempt.exit.is_none()
                && let Some(live) = self.watchers.live(&attempt.id)
            {
                attempt.output = live;
            }
        }
        let context = status::StatusContext {
            daemon: Some(DaemonStatus {
                pid: std::process::id(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                started_at: self.started.clone(),
            }),
            live: true,
            last_seen: state.last.map(|at| at.wall),
            node: &self.node(),
            tmux_socket: &self.instance.tmux_socket().display().to_string(),
            output_path: &|attempt| self.instance.shown_output_log(attempt),
            seq,
            zone: &zone(state.plan.timezone.as_deref()),
            works: Some(&|attempt| self.sampler.works(attempt)),
        };
        let file_problem = self.file_problem.read().unwrap_or_else(PoisonError::into_inner).clone();
        Status { file_problem, ..status::project(&shown, clock::now(), &context) }
    }
}

/// The zone of a plan, else the system's.
pub fn zone(name: Option<&str>) -> TimeZone {
    name.and_then(|name| TimeZone::get(name).ok()).unwrap_or_else(TimeZone::system)
}

/// The night of this moment by a plan.
pub fn tonight(plan: &Plan) -> NightId {
    plan.night.night_at(clock::wall(), &zone(plan.timezone.as_deref()))
}

/// The machine's name, for `status` when the file gives none.
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
