//! A daemon that does what the test says: the API on the instance's own socket, with nothing behind it.

use super::home::{DEADLINE, Home};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use nightkeep::client::VERSION_HEADER;
use nightkeep::core::event::Verb;
use nightkeep::core::fact::{Entry, Fact};
use nightkeep::core::time::{At, Mono, Wall};
use nightkeep::protocol::{DaemonStatus, Done, NightStatus, Refusal, SessionStatus, Status, StreamedFact};
use std::collections::HashMap;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio::sync::{broadcast, oneshot};

/// What the fake knows and has been asked.
pub struct World {
    pub version: String,
    pub status: Status,
    pub asked: Vec<(String, serde_json::Value)>,
    /// Answers by path, instead of `Done`: status and body.
    pub answers: HashMap<String, (u16, String)>,
    events: Option<broadcast::Sender<String>>,
}

/// The running fake.
pub struct Fake {
    pub world: Arc<Mutex<World>>,
    socket: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Fake {
    /// Listens where the instance of this home expects its daemon.
    pub fn start(home: &Home) -> Self {
        let instance = home.instance();
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(instance.runtime()).unwrap();
        Self::listen(&instance.api_socket())
    }
    pub fn listen(socket: &Path) -> Self {
        let world = Arc::new(Mutex::new(World {
            version: nightkeep::client::VERSION.to_owned(),
            status: status(&[]),
            asked: Vec::new(),
            answers: HashMap::new(),
            events: Some(broadcast::channel(64).0),
        }));
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let app = axum::Router::new().fallback(answer).with_state(world.clone());
        let path = socket.to_path_buf();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::UnixListener::bind(&path).unwrap();
                ready.send(()).unwrap();
                let until_stopped = async { drop(stopped.await) };
                axum::serve(listener, app).with_graceful_shutdown(until_stopped).await.unwrap();
                std::fs::remove_file(&path).unwrap();
            });
        });
        is_ready.recv_timeout(DEADLINE).unwrap();
        Self { world, socket: socket.to_path_buf(), stop: Some(stop), thread: Some(thread) }
    }
    pub fn socket(&self) -> &Path {
        &self.socket
    }
    /// Sets what the sessions are, and tells one fact to whoever listens.
    pub fn change(&self, sessions: &[(&str, &str)], fact: Fact) {
        let mut world = self.world.lock().unwrap();
        let seq = world.status.seq + 1;
        world.status = status(sessions);
        world.status.seq = seq;
        let at = At { wall: Wall(1_000), mono: Mono(1) };
        let streamed = StreamedFact { seq, night: None, entry: Entry { at, fact } };
        let _ = world.events.as_ref().unwrap().send(serde_json::to_string(&streamed).unwrap());
    }
    pub fn listeners(&self) -> usize {
        self.world.lock().unwrap().events.as_ref().map_or(0, broadcast::Sender::receiver_count)
    }
    pub fn asked(&self) -> Vec<(String, serde_json::Value)> {
        self.world.lock().unwrap().asked.clone()
    }
    pub fn answer_with(&self, path: &str, status: u16, body: &str) {
        self.world.lock().unwrap().answers.insert(path.to_owned(), (status, body.to_owned()));
    }
    pub fn refuse(&self, path: &str, error: &str, exit_code: u8) {
        let refusal = Refusal { error: error.into(), hints: vec!["do this".into()], exit_code };
        self.answer_with(path, 409, &serde_json::to_string(&refusal).unwrap());
    }
    /// Ends it: streams close, then the socket is gone.
    pub fn end(&mut self) {
        self.world.lock().unwrap().events = None;
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.end();
    }
}

async fn answer(State(world): State<Arc<Mutex<World>>>, method: Method, uri: Uri, body: Bytes) -> Response {
    let mut world = world.lock().unwrap();
    let path = uri.path().to_owned();
    let body = serde_json::from_slice(&body).unwrap_or(serde_json::Value::Null);
    world.asked.push((format!("{method} {uri}"), body));
    let (status, body) = if let Some((status, body)) = world.answers.get(&path) {
        (StatusCode::from_u16(*status).unwrap(), Body::from(body.clone()))
    } else if path == "/v1/status" {
        (StatusCode::OK, Body::from(serde_json::to_string(&world.status).unwrap()))
    } else if path == "/v1/health" {
        (StatusCode::OK, Body::from("{\"ok\":true}"))
    } else if path == "/v1/events" {
        let receiver = world.events.as_ref().unwrap().subscribe();
        let stream = futures_util::stream::unfold(receiver, |mut receiver| async move {
            let json = receiver.recv().await.ok()?;
            Some((Ok::<_, std::io::Error>(format!(": alive\ndata: {json}\n\n")), receiver))
        });
        (StatusCode::OK, Body::from_stream(stream))
    } else if method == Method::POST {
        let done = Done { schema: 1, did: vec![format!("did {path}")] };
        (StatusCode::OK, Body::from(serde_json::to_string(&done).unwrap()))
    } else {
        (StatusCode::NOT_FOUND, Body::empty())
    };
    (status, [(VERSION_HEADER, world.version.clone())], body).into_response()
}

/// A status of sessions by name and state.
pub fn status(sessions: &[(&str, &str)]) -> Status {
    Status {
        schema: 1,
        generated_at: "2026-11-21T22:30:00Z".into(),
        daemon: Some(DaemonStatus { pid: 1, version: "x".into(), started_at: "2026-11-21T22:00:00Z".into() }),
        night: Some(NightStatus { id: "2026-11-21".into(), from: "2026-11-21T22:00:00Z".into(), to: None }),
        sessions: sessions.iter().map(|(name, state)| session(name, state)).collect(),
        alerts: Vec::new(),
        file_problem: None,
        seq: 7,
        outages: Vec::new(),
        safe_mode: None,
        usage: None,
    }
}

fn session(name: &str, state: &str) -> SessionStatus {
    SessionStatus {
        prompt: None,
        findings: Vec::new(),
        notes: Vec::new(),
        claims: 0,
        needs: None,
        name: name.into(),
        project: None,
        state: state.into(),
        activity: None,
        activity_evidence: None,
        confidence: None,
        run: Some(format!("2026-11-21/{name}/1")),
        attempt: 1,
        attempts_max: 5,
        since: None,
        started_at: None,
        next_at: None,
        reason: format!("{state} because"),
        exit: None,
        pid: None,
        tmux: None,
        output: None,
        metrics: Vec::new(),
        usage: None,
        after: Vec::new(),
        priority: 0,
        node: "here".into(),
        removed: false,
        redriven_from: None,
        checks: Vec::new(),
    }
}

/// Some fact about a session.
pub fn fact_about(session: &str) -> Fact {
    Fact::RunMoved {
        run: format!("2026-11-21/{session}/1").parse().unwrap(),
        to: nightkeep::core::run::RunState::Queued,
        reason: "test".into(),
    }
}

/// The word of a verb in a request.
pub fn word(verb: Verb) -> serde_json::Value {
    serde_json::json!({"verb": verb.as_str(), "reason": null})
}
