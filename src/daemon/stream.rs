//! Listens to what an agent's own program serves of its events, on the loopback, for as long as its attempt is watched.
//!
//! Where it serves them stands in the attempt's spec, so that a daemon that begins anew finds it again. What it sends is
//! bounded, and none of it is acted on: it becomes signs beside those of the screen. When the connection is lost, what it
//! said last does not count any more.

use super::tidings::Tidings;
use crate::agents::launch::Served;
use crate::agents::opencode::Told;
use crate::agents::profile::Profile;
use crate::agents::sign::{Sign, Source};
use crate::agents::stream::Cutter;
use crate::core::time::Wall;
use crate::os::clock;
use crate::os::sockets;
use crate::recording::spec::Spec;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, RequestBuilder, Response};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

/// The first wait before it is tried again.
const PAUSE: Duration = Duration::from_millis(250);
/// The longest as long as nobody listens: a program takes seconds to begin.
const STARTS: Duration = Duration::from_secs(1);
/// The longest.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// How long a connection and an answer may take.
const ANSWERS: Duration = Duration::from_secs(10);
/// It says every ten seconds that it lives; one that is silent for so long is lost.
const SILENCE: Duration = Duration::from_secs(60);
/// Most bytes of an answer to a question.
const ANSWER_MAX: usize = 256 << 10;

/// The stream of one attempt; it ends when this is dropped.
pub struct Stream(AbortHandle);

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Stream {
    /// Listens, if the program of a run directory serves its events.
    pub fn listen(profile: &Arc<Profile>, run_dir: &Path, tidings: Arc<Tidings>) -> Option<Self> {
        let streaming = profile.start.stream.as_ref()?;
        let spec = Spec::read(run_dir).ok()?;
        let served = streaming.served(&spec.argv, &spec.env)?;
        let profile = Arc::clone(profile);
        Some(Self(tokio::spawn(async move { follow(&profile, &served, &tidings).await }).abort_handle()))
    }
}

/// Why the stream is not listened to.
#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error("nobody listens there yet")]
    Nobody,
    #[error("somebody else listens there")]
    SomebodyElse,
    #[error("it answers {0}")]
    Refused(reqwest::StatusCode),
    #[error("it answers with something else than events")]
    NoEvents,
    #[error("it was silent for {} s", SILENCE.as_secs())]
    Silent,
    #[error("it ended")]
    Ended,
    #[error("{0}")]
    Http(#[from] reqwest::Error),
}

async fn follow(profile: &Profile, served: &Served, tidings: &Tidings) {
    // The TLS library wants a provider even where no TLS is spoken. An earlier installation is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder()
        .tls_certs_only([])
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(ANSWERS)
        .pool_max_idle_per_host(0)
        .build();
    let Ok(client) = client else { return };
    let mut pause = PAUSE;
    loop {
        let lost = hear(profile, served, tidings, &client, &mut pause).await;
        tidings.lost(Source::Events);
        tracing::debug!(port = served.port, "the events of an agent: {lost}");
        sleep(pause).await;
        pause = (pause * 2).min(if matches!(lost, Lost::Nobody) { STARTS } else { PAUSE_MAX });
    }
}

/// Listens until that is over; says why it is.
async fn hear(profile: &Profile, served: &Served, tidings: &Tidings, client: &Client, pause: &mut Duration) -> Lost {
    match listener(served.port).await {
        None => return Lost::Nobody,
        Some(uid) if uid != rustix::process::getuid().as_raw() => return Lost::SomebodyElse,
        Some(_) => {}
    }
    let mut response = match get(client, served, "/event").await {
        Ok(response) => response,
        Err(lost) => return lost,
    };
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("text/event-stream") {
        return Lost::NoEvents;
    }
    // Whatever happens from here on is told; this is what happened before.
    let (busy, asked) = (ask(client, served, "/session/status").await, ask(client, served, "/permission").await);
    let mut told = Told::begin(profile, &busy, &asked, clock::wall());
    let mut said = None;
    tell(tidings, &told, &mut said);
    let mut cutter = Cutter::default();
    *pause = PAUSE;
    loop {
        match timeout(SILENCE, response.chunk()).await {
            Ok(Ok(Some(bytes))) => {
                let now: Wall = clock::wall();
                for event in cutter.push(&bytes) {
                    told.take(profile, &event, now);
                    // Each by itself: whoever counts what is tried again must not miss one.
                    tell(tidings, &told, &mut said);
                }
            }
            Ok(Ok(None)) => return Lost::Ended,
            Ok(Err(e)) => return e.into(),
            Err(_) => return Lost::Silent,
        }
    }
}

/// Brings what is known now, if that is something else than before.
fn tell(tidings: &Tidings, told: &Told, said: &mut Option<Sign>) {
    let sign = told.sign();
    if sign != *said {
        match sign.clone() {
            Some(sign) => tidings.tell(sign),
            None => tidings.lost(Source::Events),
        }
        *said = sign;
    }
}

/// Whose the socket is that listens at a port of the loopback.
async fn listener(port: u16) -> Option<u32> {
    tokio::task::spawn_blocking(move || sockets::listener(port)).await.ok().flatten()
}

fn request(client: &Client, served: &Served, path: &str) -> RequestBuilder {
    let request = client.get(format!("http://127.0.0.1:{}{path}", served.port));
    match &served.password {
        Some(password) => request.basic_auth(&served.user, Some(password)),
        None => request,
    }
}

async fn get(client: &Client, served: &Served, path: &str) -> Result<Response, Lost> {
    let answer = timeout(ANSWERS, request(client, served, path).send()).await.map_err(|_| Lost::Silent)??;
    if answer.status() == reqwest::StatusCode::OK { Ok(answer) } else { Err(Lost::Refused(answer.status())) }
}

/// The answer to a question; nothing when it cannot be had.
async fn ask(client: &Client, served: &Served, path: &str) -> String {
    let answer = async {
        let mut response = get(client, served, path).await.ok()?;
        let mut bytes = Vec::new();
        while let Some(piece) = response.chunk().await.ok()? {
            bytes.extend_from_slice(&piece);
            if bytes.len() > ANSWER_MAX {
                return None;
            }
        }
        String::from_utf8(bytes).ok()
    };
    timeout(ANSWERS, answer).await.ok().flatten().unwrap_or_default()
}
