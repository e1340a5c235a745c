//! The daemon's API as a client sees it: HTTP over the instance's Unix socket, typed, every call with a deadline.

pub mod output;
pub mod sse;

use crate::protocol::details::{
    AlertHistory, Attempts, DeadLetters, NoteDoneRequest, NoteRequest, Numbers, Queue, ReviewRequest, SessionEvents,
    SessionNotes,
};
use crate::protocol::prompts::AnswerRequest;
use crate::protocol::{
    AddRequest, AlertRequest, ChannelTested, CleanReport, CleanRequest, Done, DownRequest, Refusal, RetryRequest,
    ScheduleRequest, SendRequest, Status, StreamedFact, UpRequest, VerbRequest, Why,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sse::SseParser;
use std::collections::VecDeque;
use std::error::Error as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The header in which the daemon tells its version.
pub const VERSION_HEADER: &str = "x-nightkeep-version";
/// This program's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// How long connecting and a question may take.
const ASK_DEADLINE: Duration = Duration::from_secs(10);
/// How long a deed may take: typing into a session waits until it arrived, `up` reads the file.
const DEED_DEADLINE: Duration = Duration::from_secs(60);
/// How long a look at the projects' folders is waited for.
const COLLECT_DEADLINE: Duration = Duration::from_secs(4);
/// How long a clean-up may take.
const CLEAN_DEADLINE: Duration = Duration::from_secs(1800);
/// A channel may have to write to many, each of whom may take its time.
const TEST_DEADLINE: Duration = Duration::from_secs(300);
/// A stream that is silent this long counts as lost. The daemon sends a comment more often than that.
const STREAM_SILENCE: Duration = Duration::from_secs(90);
/// Largest answer that is read, in bytes.
const ANSWER_MAX: usize = 64 << 20;

/// Why a call gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens at the socket, or it is not there.
    #[error("no daemon answers at {}", socket.display())]
    NoDaemon {
        /// Which socket.
        socket: PathBuf,
    },
    /// The daemon said no.
    #[error("{}", .0.error)]
    Refused(Refusal),
    /// The daemon took too long.
    #[error("the daemon did not answer within {} s", after.as_secs())]
    Timeout {
        /// The deadline.
        after: Duration,
    },
    /// The answer cannot be understood, and the daemon is of another version.
    #[error("the daemon is nightkeep {daemon}, this is {VERSION}: {problem}")]
    VersionSkew {
        /// The daemon's version.
        daemon: String,
        /// What was not understood.
        problem: String,
    },
    /// The answer cannot be understood.
    #[error("the daemon's answer cannot be read: {problem}")]
    BadAnswer {
        /// What is wrong with it.
        problem: String,
    },
    /// The connection failed or broke.
    #[error("the connection to the daemon failed: {problem}")]
    Broken {
        /// What happened.
        problem: String,
    },
}

/// A client of one daemon. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    socket: PathBuf,
    daemon_version: Arc<Mutex<Option<String>>>,
}

impl Client {
    /// A client of the daemon behind `socket`. Connects with the first call.
    pub fn new(socket: &Path) -> Result<Self, ClientError> {
        // The TLS library wants a provider and certificates even where no TLS is spoken; a machine without certificates
        // must still be able to ask its own daemon. An earlier installation is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .tls_certs_only([])
            .unix_socket(socket)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(ASK_DEADLINE)
            // A kept connection to a daemon that ended since would fail in ways that do not say so.
            .pool_max_idle_per_host(0)
            .build()
            .map_err(|e| ClientError::Broken { problem: chain(&e) })?;
        Ok(Self { http, socket: socket.to_path_buf(), daemon_version: Arc::default() })
    }
    /// The socket it talks to.
    pub fn socket(&self) -> &Path {
        &self.socket
    }
    /// The daemon's version, known after the first answer.
    pub fn daemon_version(&self) -> Option<String> {
        self.daemon_version.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
    /// The daemon's version, when it is another than ours.
    pub fn skew(&self) -> Option<String> {
        self.daemon_version().filter(|v| v != VERSION)
    }

    /// Whether the daemon answers; its answer as JSON.
    pub async fn health(&self) -> Result<serde_json::Value, ClientError> {
        self.get("/v1/health").await
    }
    /// All sessions.
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.get("/v1/status").await
    }
    /// All sessions, if the daemon tells them within a time.
    pub async fn status_within(&self, after: Duration) -> Result<Status, ClientError> {
        self.within(after, self.status()).await?
    }
    /// The OpenAPI document.
    pub async fn openapi(&self) -> Result<serde_json::Value, ClientError> {
        self.get("/v1/openapi.json").await
    }
    /// The chain behind a session's state. The name must be a checked one.
    pub async fn why(&self, session: &str) -> Result<Why, ClientError> {
        self.get(&format!("/v1/sessions/{session}/why")).await
    }
    /// Begins the night or adds sessions to it.
    pub async fn up(&self, request: &UpRequest) -> Result<Done, ClientError> {
        self.post("/v1/up", request).await
    }
    /// Ends the night.
    pub async fn down(&self, request: &DownRequest) -> Result<Done, ClientError> {
        self.post("/v1/down", request).await
    }
    /// Adds a session that stands in no file.
    pub async fn add(&self, request: &AddRequest) -> Result<Done, ClientError> {
        self.post("/v1/sessions", request).await
    }
    /// Starts a session at a time. The name must be a checked one.
    pub async fn schedule(&self, session: &str, request: &ScheduleRequest) -> Result<Done, ClientError> {
        self.post(&format!("/v1/sessions/{session}/schedule"), request).await
    }
    /// An operator's verb. The name must be a checked one.
    pub async fn verb(&self, session: &str, request: &VerbRequest) -> Result<Done, ClientError> {
        self.post(&format!("/v1/sessions/{session}/verb"), request).await
    }
    /// Types into a session. The name must be a checked one.
    pub async fn send(&self, session: &str, request: &SendRequest) -> Result<Done, ClientError> {
        self.post(&format!("/v1/sessions/{session}/send"), request).await
    }
    /// Gives dead letters a second chance.
    pub async fn retry(&self, request: &RetryRequest) -> Result<Done, ClientError> {
        self.post("/v1/dead/retry", request).await
    }
    /// Cleans up. Compressing much output takes its time.
    pub async fn clean(&self, request: &CleanRequest) -> Result<CleanReport, ClientError> {
        self.call(self.http.post(url("/v1/clean")).json(request), CLEAN_DEADLINE).await
    }
    /// Has the projects' folders looked at, so that a report is fresh.
    pub async fn collect(&self) -> Result<Done, ClientError> {
        self.call(self.http.post(url("/v1/collect")), COLLECT_DEADLINE).await
    }
    /// Does something about an alert, or about all of a session. The id must be a checked one.
    pub async fn alert(&self, id: &str, request: &AlertRequest) -> Result<Done, ClientError> {
        self.post(&format!("/v1/alerts/{id}"), request).await
    }
    /// Sends a test message over a channel. The name must be a checked one.
    pub async fn channel_test(&self, channel: &str) -> Result<ChannelTested, ClientError> {
        self.call(self.http.post(url(&format!("/v1/channels/{channel}/test"))), TEST_DEADLINE).await
    }
    /// The attempts of a session. The name must be a checked one; as in all that follow.
    pub async fn attempts(&self, session: &str) -> Result<Attempts, ClientError> {
        self.get(&format!("/v1/sessions/{session}/attempts")).await
    }
    /// Facts about a session before a number, newest first.
    pub async fn session_events(
        &self,
        session: &str,
        before: Option<i64>,
        limit: u32,
    ) -> Result<SessionEvents, ClientError> {
        let before = before.map_or_else(String::new, |before| format!("&before={before}"));
        self.get(&format!("/v1/sessions/{session}/events?limit={limit}{before}")).await
    }
    /// The numbers of a session over the open or last night, or over the one named.
    pub async fn numbers(&self, session: &str, night: Option<&str>) -> Result<Numbers, ClientError> {
        self.get(&of_night(&format!("/v1/sessions/{session}/metrics"), night)).await
    }
    /// Answers what a session asks, and waits until it is seen that the answer was taken.
    pub async fn answer(&self, session: &str, request: &AnswerRequest) -> Result<Done, ClientError> {
        self.post(&format!("/v1/sessions/{session}/answer"), request).await
    }
    /// The notes to a session.
    pub async fn notes(&self, session: &str) -> Result<SessionNotes, ClientError> {
        self.get(&format!("/v1/sessions/{session}/notes")).await
    }
    /// Writes a note to a session.
    pub async fn note(&self, session: &str, request: &NoteRequest) -> Result<Done, ClientError> {
        self.post(&format!("/v1/sessions/{session}/notes"), request).await
    }
    /// Says that a note is settled.
    pub async fn note_done(&self, id: &str, request: &NoteDoneRequest) -> Result<Done, ClientError> {
        self.post(&format!("/v1/notes/{id}/done"), request).await
    }
    /// Says what a person makes of artifacts.
    pub async fn review(&self, request: &ReviewRequest) -> Result<Done, ClientError> {
        self.post("/v1/artifacts/review", request).await
    }
    /// Runs that failed for good.
    pub async fn dead(&self) -> Result<DeadLetters, ClientError> {
        self.get("/v1/dead").await
    }
    /// What comes next, and why not yet.
    pub async fn queue(&self) -> Result<Queue, ClientError> {
        self.get("/v1/queue").await
    }
    /// The alerts of a night, open and over.
    pub async fn alert_history(&self, night: Option<&str>) -> Result<AlertHistory, ClientError> {
        self.get(&of_night("/v1/alerts/history", night)).await
    }
    /// What each session of a night did when, as `report::timeline::Timeline` or another form of it.
    pub async fn timeline<T: DeserializeOwned>(&self, night: Option<&str>) -> Result<T, ClientError> {
        self.reckon(&of_night("/v1/timeline", night)).await
    }
    /// The report of a night, as `report::model::Report` or another form of it.
    pub async fn report<T: DeserializeOwned>(&self, night: Option<&str>) -> Result<T, ClientError> {
        self.reckon(&of_night("/v1/report", night)).await
    }
    /// Past nights, as `report::nights::Nights` or another form of it.
    pub async fn nights<T: DeserializeOwned>(&self, limit: u32) -> Result<T, ClientError> {
        self.reckon(&format!("/v1/nights?limit={limit}")).await
    }
    /// Tonight as it would go, as `status::tonight::Tonight` or another form of it.
    pub async fn plan<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        self.get("/v1/plan").await
    }
    /// What has to be made of a whole night first may take its time.
    async fn reckon<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.call(self.http.get(url(path)), DEED_DEADLINE).await
    }
    /// The journal's facts after `seq`, then each new one as it comes.
    pub async fn events(&self, after: i64) -> Result<EventStream, ClientError> {
        let request = self.http.get(url(&format!("/v1/events?after={after}")));
        let answer = self.within(ASK_DEADLINE, request.send()).await?.map_err(|e| self.failed(&e))?;
        self.note_version(&answer);
        if !answer.status().is_success() {
            return Err(self.refusal(answer).await);
        }
        Ok(EventStream { answer, parser: SseParser::default(), ready: VecDeque::new() })
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        match self.call(self.http.get(url(path)), ASK_DEADLINE).await {
            // A daemon that dies still accepts for a moment. A question can be asked twice: then nobody is there.
            Err(ClientError::Broken { .. }) => self.call(self.http.get(url(path)), ASK_DEADLINE).await,
            other => other,
        }
    }
    async fn post<B: Serialize, T: DeserializeOwned>(&self, path: &str, body: &B) -> Result<T, ClientError> {
        self.call(self.http.post(url(path)).json(body), DEED_DEADLINE).await
    }
    async fn call<T: DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
        deadline: Duration,
    ) -> Result<T, ClientError> {
        self.within(deadline, async {
            let answer = request.send().await.map_err(|e| self.failed(&e))?;
            self.note_version(&answer);
            if !answer.status().is_success() {
                return Err(self.refusal(answer).await);
            }
            let body = self.body(answer).await?;
            serde_json::from_slice(&body).map_err(|e| self.unreadable(e.to_string()))
        })
        .await?
    }
    async fn within<T>(&self, after: Duration, work: impl Future<Output = T>) -> Result<T, ClientError> {
        tokio::time::timeout(after, work).await.map_err(|_| ClientError::Timeout { after })
    }
    fn note_version(&self, answer: &reqwest::Response) {
        let version = answer.headers().get(VERSION_HEADER).and_then(|v| v.to_str().ok());
        if let Some(version) = version {
            *self.daemon_version.lock().unwrap_or_else(PoisonError::into_inner) = Some(version.to_owned());
        }
    }
    async fn body(&self, mut answer: reqwest::Response) -> Result<Vec<u8>, ClientError> {
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|e| self.failed(&e))? {
            if body.len() + chunk.len() > ANSWER_MAX {
                return Err(ClientError::BadAnswer { problem: format!("it is larger than {ANSWER_MAX} bytes") });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
    async fn refusal(&self, answer: reqwest::Response) -> ClientError {
        let status = answer.status();
        let body = match self.body(answer).await {
            Ok(body) => body,
            Err(error) => return error,
        };
        match serde_json::from_slice::<Refusal>(&body) {
            Ok(refusal) => ClientError::Refused(refusal),
            Err(_) => self.unreadable(format!("it says {status} and no more")),
        }
    }
    fn unreadable(&self, problem: String) -> ClientError {
        match self.skew() {
            Some(daemon) => ClientError::VersionSkew { daemon, problem },
            None => ClientError::BadAnswer { problem },
        }
    }
    fn failed(&self, error: &reqwest::Error) -> ClientError {
        match io_kind(error) {
            Some(io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::NotADirectory) => {
                ClientError::NoDaemon { socket: self.socket.clone() }
            }
            // The daemon ended between accepting and answering.
            Some(io::ErrorKind::ConnectionReset) if error.is_connect() => {
                ClientError::NoDaemon { socket: self.socket.clone() }
            }
            Some(_) | None => ClientError::Broken { problem: chain(error) },
        }
    }
}

/// One item of `GET /v1/events`.
#[derive(Debug, Clone, PartialEq)]
pub struct News {
    /// Its sequence number, when the daemon gave one.
    pub seq: Option<i64>,
    /// The fact; `None` when a newer daemon tells something this program does not know.
    pub fact: Option<StreamedFact>,
}

/// The journal as it grows.
#[derive(Debug)]
pub struct EventStream {
    answer: reqwest::Response,
    parser: SseParser,
    ready: VecDeque<News>,
}

impl EventStream {
    /// Waits for the next fact. `None` when the daemon closed the stream.
    pub async fn next(&mut self) -> Result<Option<News>, ClientError> {
        loop {
            if let Some(news) = self.ready.pop_front() {
                return Ok(Some(news));
            }
            let chunk = tokio::time::timeout(STREAM_SILENCE, self.answer.chunk())
                .await
                .map_err(|_| ClientError::Timeout { after: STREAM_SILENCE })?
                .map_err(|e| ClientError::Broken { problem: chain(&e) })?;
            let Some(chunk) = chunk else { return Ok(None) };
            let events = self.parser.push(&chunk).map_err(|e| ClientError::BadAnswer { problem: e.to_string() })?;
            self.ready.extend(events.into_iter().map(|event| {
                let fact: Option<StreamedFact> = serde_json::from_str(&event.data).ok();
                let seq = fact.as_ref().map(|f| f.seq).or_else(|| event.id.and_then(|id| id.parse().ok()));
                News { seq, fact }
            }));
        }
    }
}

fn of_night(path: &str, night: Option<&str>) -> String {
    night.map_or_else(|| path.to_owned(), |night| format!("{path}?night={night}"))
}

fn url(path: &str) -> String {
    // The host is never resolved; the socket is the address.
    format!("http://localhost{path}")
}

/// The error kind of the system call at the root of a failed request.
fn io_kind(error: &reqwest::Error) -> Option<io::ErrorKind> {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            return Some(io.kind());
        }
        source = cause.source();
    }
    None
}

/// The causes of an error, outermost first, without the URL that stands for the socket.
fn chain(error: &reqwest::Error) -> String {
    let mut causes = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if causes.last() != Some(&text) {
            causes.push(text);
        }
        source = cause.source();
    }
    if causes.is_empty() { error.to_string() } else { causes.join(": ") }
}
