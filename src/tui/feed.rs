//! The daemon's side of the rim: keeps the status up to date, loads what views want, and performs asks.

use super::intent::{Ask, Want};
use super::lookup;
use super::model::{Detail, Host, News};
use super::run::Outside;
use crate::client::{Client, ClientError, EventStream};
use crate::core::fact::Fact;
use crate::protocol::details::{NoteDoneRequest, NoteRequest};
use crate::protocol::prompts::AnswerRequest;
use crate::protocol::{
    AlertRequest, Done, RetryRequest, ScheduleRequest, SendRequest, StreamedFact, UpRequest, VerbRequest,
};
use crate::status::events::session_of;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

/// Changes come in bursts; one status for each.
const BURST: Duration = Duration::from_millis(150);
/// The status is asked for no more often than this, and never for more than a tenth of the time.
const STATUS_EVERY: Duration = Duration::from_millis(500);
/// The first wait before a daemon that is gone is asked again; it doubles up to the longest.
const AGAIN: Duration = Duration::from_millis(500);
const AGAIN_MAX: Duration = Duration::from_secs(5);
/// How often the machine is looked at.
const HOST_EVERY: Duration = Duration::from_secs(15);
/// Most facts of before that are read at the start.
const PAST_MAX: i64 = 2000;
/// Events of one page, and nights of the list.
const EVENTS: u32 = 200;
const NIGHTS: u32 = 30;
/// Most facts handed over at once.
const FACTS_MAX: usize = 1000;

/// The tasks that bring news. They end with it.
pub struct Feed {
    client: Client,
    news: UnboundedSender<News>,
    status: JoinHandle<()>,
    host: JoinHandle<()>,
    wanted: BTreeMap<Want, JoinHandle<()>>,
    outside: Arc<dyn Outside>,
    /// What changed since it was loaded.
    stale: BTreeSet<Want>,
}

impl Feed {
    /// Begins to bring news.
    pub fn start(client: Client, outside: Arc<dyn Outside>, state: PathBuf, news: UnboundedSender<News>) -> Self {
        let status = tokio::spawn(keep_status(client.clone(), Arc::clone(&outside), news.clone()));
        let host = tokio::spawn(keep_host(state, news.clone()));
        Self { client, news, status, host, wanted: BTreeMap::new(), outside, stale: BTreeSet::new() }
    }
    /// Loads what is wanted now and was not; lets go what is no longer.
    pub fn want(&mut self, wanted: &BTreeSet<Want>) {
        self.wanted.retain(|want, task| {
            let keep = wanted.contains(want);
            if !keep {
                task.abort();
            }
            keep
        });
        self.stale.retain(|want| wanted.contains(want));
        self.load_stale();
        for want in wanted {
            if !self.wanted.contains_key(want) {
                self.load(want.clone(), Duration::ZERO);
            }
        }
    }
    /// Loads again what these facts may have changed.
    pub fn changed(&mut self, facts: &[StreamedFact]) {
        let (mut all, mut told, mut anything) = (BTreeSet::new(), BTreeSet::new(), false);
        for fact in facts.iter().map(|fact| &fact.entry.fact) {
            let session = session_of(fact);
            // There are many of these, and few views show what they tell.
            if !matches!(fact, Fact::OutputObserved { .. }) {
                anything = true;
                told.extend(session.clone());
            }
            all.extend(session);
        }
        let hears = |want: &Want| match want.session() {
            Some(session) => {
                let of = if want.tells_of_output() { &all } else { &told };
                of.iter().any(|name| name.as_str() == session)
            }
            None => anything,
        };
        let stale: Vec<Want> = self.wanted.keys().filter(|want| hears(want)).cloned().collect();
        self.stale.extend(stale);
        self.load_stale();
    }
    /// Loads again what is stale; what is being loaded is loaded once more afterwards.
    fn load_stale(&mut self) {
        let finished = |want: &Want| self.wanted.get(want).is_some_and(JoinHandle::is_finished);
        let now: Vec<Want> = self.stale.iter().filter(|want| finished(want)).cloned().collect();
        for want in now {
            self.stale.remove(&want);
            let pause = want.may_be_old();
            self.load(want, pause);
        }
    }
    /// Loads all that is wanted again: somebody else answers now.
    pub fn again(&mut self) {
        for want in self.wanted.keys().cloned().collect::<Vec<_>>() {
            if let Some(task) = self.wanted.get(&want) {
                task.abort();
            }
            self.load(want, Duration::ZERO);
        }
    }
    fn load(&mut self, want: Want, after: Duration) {
        if let Want::Screen(session) = &want {
            let task = tokio::spawn(lookup::follow(self.client.clone(), session.clone(), self.news.clone(), after));
            self.wanted.insert(want, task);
            return;
        }
        let (client, news, wanted) = (self.client.clone(), self.news.clone(), want.clone());
        let outside = Arc::clone(&self.outside);
        let task = tokio::spawn(async move {
            sleep(after).await;
            let detail = match detail(&client, &wanted).await {
                Err(ClientError::NoDaemon { .. }) => outside.detail(wanted.clone()).await,
                other => other.map_err(|e| e.to_string()),
            };
            // The dashboard may have ended meanwhile.
            let _ = news.send(News::Detail { want: wanted, detail });
        });
        self.wanted.insert(want, task);
    }
    /// Does what is asked; the answer comes as news.
    pub fn perform(&self, ask: Ask) {
        let (client, news) = (self.client.clone(), self.news.clone());
        tokio::spawn(async move {
            let answer = match done(&client, &ask).await {
                Ok(Some(done)) => Ok(done.did),
                Ok(None) => Ok(Vec::new()),
                Err(ClientError::Refused(refusal)) => {
                    Err(std::iter::once(refusal.error).chain(refusal.hints).collect())
                }
                Err(error) => Err(vec![error.to_string()]),
            };
            let _ = news.send(News::Answer { ask, answer });
        });
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.status.abort();
        self.host.abort();
        self.wanted.values().for_each(JoinHandle::abort);
    }
}

async fn detail(client: &Client, want: &Want) -> Result<Detail, ClientError> {
    match want {
        Want::Why(session) => Ok(Detail::Why(client.why(session).await?)),
        Want::Screen(_)
        | Want::Marks(_)
        | Want::Recording { .. }
        | Want::Log { .. }
        | Want::Span { .. }
        | Want::Times { .. }
        | Want::Page { .. }
        | Want::Find { .. } => lookup::detail(client, want).await,
        Want::Attempts(session) => Ok(Detail::Attempts(client.attempts(session).await?)),
        Want::Events { session, before } => Ok(Detail::Events(client.session_events(session, *before, EVENTS).await?)),
        Want::Numbers(session) => Ok(Detail::Numbers(client.numbers(session, None).await?)),
        Want::Notes(session) => Ok(Detail::Notes(client.notes(session).await?)),
        Want::Timeline => Ok(Detail::Timeline(Box::new(client.timeline(None).await?))),
        Want::Alerts => Ok(Detail::Alerts(client.alert_history(None).await?)),
        Want::Dead => Ok(Detail::Dead(client.dead().await?)),
        Want::Queue => Ok(Detail::Queue(client.queue().await?)),
        Want::Plan => Ok(Detail::Plan(client.plan().await?)),
        Want::Nights => Ok(Detail::Nights(client.nights(NIGHTS).await?)),
        Want::Report(night) => Ok(Detail::Report(Box::new(client.report(night.as_deref()).await?))),
    }
}

/// Performs what is the daemon's business; `None` for what is not.
async fn done(client: &Client, ask: &Ask) -> Result<Option<Done>, ClientError> {
    let done = match ask {
        Ask::Verb { session, verb } => client.verb(session, &VerbRequest { verb: *verb, reason: None }).await?,
        Ask::Send { session, text } => {
            if !text.is_empty() {
                client.send(session, &SendRequest { text: Some(text.clone()), key: None }).await?;
            }
            client.send(session, &SendRequest { text: None, key: Some("Enter".into()) }).await?
        }
        Ask::Schedule { session, when } => {
            client.schedule(session, &ScheduleRequest { when: *when, reason: None }).await?
        }
        Ask::Alert { target, act } => client.alert(target, &AlertRequest { act: *act, reason: None }).await?,
        Ask::Retry { session } => client.retry(&RetryRequest { session: Some(session.clone()), class: None }).await?,
        Ask::Add(request) => client.add(request).await?,
        Ask::Up => client.up(&UpRequest::default()).await?,
        Ask::Note { session, text } => client.note(session, &NoteRequest { text: text.clone() }).await?,
        Ask::NoteDone { note } => client.note_done(note, &NoteDoneRequest::default()).await?,
        Ask::Answer { session, ticket, choice } => {
            let request = AnswerRequest { choice: choice.clone(), ticket: Some(ticket.clone()), reason: None };
            client.answer(session, &request).await?
        }
        Ask::Quit | Ask::Redraw | Ask::Suspend | Ask::Attach { .. } | Ask::Copy { .. } | Ask::Replay(_) => {
            return Ok(None);
        }
    };
    Ok(Some(done))
}

/// Tells the status and each change of it, for as long as somebody listens.
async fn keep_status(client: Client, outside: Arc<dyn Outside>, news: UnboundedSender<News>) {
    let mut again = AGAIN;
    let mut told: Option<String> = None;
    while !news.is_closed() {
        let error = match follow(&client, &news).await {
            Ok(()) => "it closed the connection".to_owned(),
            Err(Broken { error, was_live }) => {
                if was_live {
                    (again, told) = (AGAIN, None);
                }
                error.to_string()
            }
        };
        // The journal of a daemon that is gone does not change; it is read when it goes, and when the reason changes.
        if told.as_ref() != Some(&error) {
            let journal = outside.journal().await.ok().map(Box::new);
            let _ = news.send(News::Gone { why: error.clone(), journal });
            told = Some(error);
        }
        sleep(again).await;
        again = (again * 2).min(AGAIN_MAX);
    }
}

struct Broken {
    error: ClientError,
    was_live: bool,
}

/// Follows a daemon until it goes.
async fn follow(client: &Client, news: &UnboundedSender<News>) -> Result<(), Broken> {
    let broken = |was_live| move |error| Broken { error, was_live };
    let status = client.status().await.map_err(broken(false))?;
    let mut stream = client.events(status.seq).await.map_err(broken(false))?;
    let seq = status.seq;
    let _ = news.send(News::Status(Box::new(status)));
    let past = past(client, seq).await.map_err(broken(true))?;
    let _ = news.send(News::Past(past));
    let live = broken(true);
    loop {
        let facts = burst(&mut stream).await.map_err(live)?;
        let Some(facts) = facts else { return Ok(()) };
        let _ = news.send(News::Facts(facts));
        let begun = Instant::now();
        let status = client.status().await.map_err(live)?;
        let took = begun.elapsed();
        if news.send(News::Status(Box::new(status))).is_err() {
            return Ok(());
        }
        sleep(STATUS_EVERY.max(took * 10)).await;
    }
}

/// The last facts up to `seq`: they tell how the output of the last minutes was.
async fn past(client: &Client, seq: i64) -> Result<Vec<StreamedFact>, ClientError> {
    let mut facts = Vec::new();
    let after = seq.saturating_sub(PAST_MAX).max(0);
    if after == seq {
        return Ok(facts);
    }
    let mut stream = client.events(after).await?;
    while let Some(news) = stream.next().await? {
        let reached = news.seq.is_none_or(|at| at >= seq);
        facts.extend(news.fact);
        if reached {
            break;
        }
    }
    Ok(facts)
}

/// Waits for a change, and for those that come with it. `None` when the daemon closed the stream.
async fn burst(stream: &mut EventStream) -> Result<Option<Vec<StreamedFact>>, ClientError> {
    let Some(first) = stream.next().await? else { return Ok(None) };
    let mut facts: Vec<StreamedFact> = first.fact.into_iter().collect();
    let rest = async {
        while let Ok(Some(more)) = stream.next().await {
            facts.extend(more.fact);
            if facts.len() >= FACTS_MAX {
                break;
            }
        }
    };
    // Within the burst's time the end of the stream is nothing new: the next wait sees it again.
    let _ = timeout(BURST, rest).await;
    Ok(Some(facts))
}

/// Tells how the machine is.
async fn keep_host(state: PathBuf, news: UnboundedSender<News>) {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    while news.send(News::Host(host(&state, cores))).is_ok() {
        sleep(HOST_EVERY).await;
    }
}

fn host(state: &Path, cores: usize) -> Host {
    let disk = rustix::fs::statvfs(state).ok();
    Host {
        load: sysinfo::System::load_average().ok().map(|load| load.one),
        cores,
        disk_free: disk.as_ref().map(|d| d.f_bavail.saturating_mul(d.f_frsize)),
        disk_all: disk.as_ref().map(|d| d.f_blocks.saturating_mul(d.f_frsize)),
    }
}
