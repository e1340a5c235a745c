//! Performs the core's effects. Each deed is idempotent: after a crash it is asked for again.

use super::checks;
use super::collect::{self, Collector};
use super::details::Details;
use super::drafts::{Drafts, ToPaste};
use super::inbox::{Closed, Inbox};
use super::letters;
use super::output::LastRead;
use super::prompts::{Prompts, ToType};
use super::reports;
use super::retention::{self, Cleaning, Wanted};
use super::sampler::Sampler;
use super::usage::Usage;
use super::watch::Watchers;
use crate::adapters::channels::Channels;
use crate::adapters::git;
use crate::adapters::tmux::{Places, Tmux};
use crate::agents::profile::Profile;
use crate::config::{self, raw::ReportFormat};
use crate::core::alert::message::{Message, Outcome};
use crate::core::effect::Effect;
use crate::core::event::{Event, Seen};
use crate::core::fact::GitBase;
use crate::core::ids::{NightId, ProjectName};
use crate::core::plan::{ClearSecrets, Plan, SessionPlan};
use crate::core::state::State;
use crate::instance::Instance;
use crate::os::clock;
use crate::protocol::AddRequest;
use crate::status;
use crate::store::Journal;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{Mutex, watch};

/// Everything outside the core that effects need.
pub struct Rim {
    pub(super) instance: Instance,
    pub(super) inbox: Inbox,
    pub(super) journal: Journal,
    pub(super) journal_id: String,
    pub(super) watchers: Arc<Watchers>,
    pub(super) sampler: Sampler,
    usage: Usage,
    pub(super) tmux: Mutex<Option<Tmux>>,
    pub(super) places: Places,
    pub(super) config: RwLock<config::Settings>,
    context: config::Context,
    pub(super) file_problem: RwLock<Option<String>>,
    pub(super) program: PathBuf,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) started: String,
    reconcile_ms: AtomicI64,
    reports_under_way: AtomicU64,
    messages_under_way: AtomicU64,
    told_to_end: AtomicBool,
    end: watch::Sender<Option<Ending>>,
    cleaning: Cleaning,
    night_open: watch::Sender<bool>,
    last_read: LastRead,
    details: Details,
    prompts: Prompts,
    drafts: Drafts,
    collector: Collector,
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
            usage: Usage::default(),
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
            told_to_end: AtomicBool::new(false),
            end,
            cleaning: Cleaning::default(),
            night_open: watch::channel(false).0,
            last_read: LastRead::default(),
            details: Details::default(),
            prompts: Prompts::default(),
            drafts: Drafts::default(),
            collector: Collector::default(),
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
    /// What agents ask.
    pub fn prompts(&self) -> &Prompts {
        &self.prompts
    }
    /// What stands in the composers of agents.
    pub fn drafts(&self) -> &Drafts {
        &self.drafts
    }
    /// Who looks at the projects' folders.
    pub fn collector(&self) -> &Collector {
        &self.collector
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
    /// What is known of the transcripts of agents.
    pub(super) fn usage(&self) -> &Usage {
        &self.usage
    }
    /// `[report] formats`.
    pub fn report_formats(&self) -> Vec<ReportFormat> {
        self.config.read().unwrap_or_else(PoisonError::into_inner).report_formats.clone()
    }
    /// `[report] templates`.
    pub fn report_templates(&self) -> Option<PathBuf> {
        self.config.read().unwrap_or_else(PoisonError::into_inner).report_templates.clone()
    }
    /// Notes that the newest file cannot be taken over, and why.
    pub fn set_file_problem(&self, problem: &str) {
        *self.file_problem.write().unwrap_or_else(PoisonError::into_inner) = Some(problem.to_owned());
    }
    /// Takes over what a changed file says beyond the plan.
    pub fn set_config(&self, config: config::Settings) {
        self.file_problem.write().unwrap_or_else(PoisonError::into_inner).take();
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        self.watchers.wake();
    }
    /// How the agent of this name is watched; `None` when nothing is known of it.
    pub(super) fn profile(&self, agent: &str) -> Option<Arc<Profile>> {
        self.config.read().unwrap_or_else(PoisonError::into_inner).profile(agent)
    }
    /// The secrets that stand in the file itself.
    pub fn clear_secrets(&self) -> ClearSecrets {
        self.config.read().unwrap_or_else(PoisonError::into_inner).clear_secrets.clone()
    }
    pub(super) fn node(&self) -> String {
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
    /// Notes that a person ends the night, and waits for it.
    pub fn told_to_end(&self) {
        self.told_to_end.store(true, Ordering::Relaxed);
    }
    /// Whether a person ended the night.
    pub fn was_told_to_end(&self) -> bool {
        self.told_to_end.load(Ordering::Relaxed)
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
                    tokio::spawn({
                        let rim = Arc::clone(&rim);
                        async move { collect::begin(&rim).await }
                    });
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
            Effect::LookForRemains { attempt } => {
                tokio::spawn(async move { rim.look_for_remains(attempt).await });
            }
            Effect::Answer { ticket, attempt, mark, say, since, again } => {
                let wanted = ToType { ticket, attempt, mark, say, since, again };
                tokio::spawn(async move { rim.answer(wanted).await });
            }
            Effect::AwaitRest { attempt, after } => {
                tokio::spawn(async move { rim.await_rest(attempt, after).await });
            }
            Effect::TypeDraft { draft, attempt, text, since, again } => {
                let wanted = ToPaste { draft, attempt, text, since, again };
                tokio::spawn(async move { rim.type_draft(wanted).await });
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
            Some(plan) => {
                let page = letters::page(self, &plan, &message).await;
                Channels::new(clear).with_page(page).send(&plan, &message).await
            }
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
