//! The daemon's API: JSON over HTTP on a Unix socket, server-sent events for news.
//!
//! Handlers only translate: a request becomes an event or a look, the answer comes from the journaled facts.

mod details;

use super::channels::{tested, try_channel};
use super::doorway::Doorway;
use super::inbox::{Closed, Inbox};
use super::output;
use super::peer::Peer;
use super::perform::Rim;
use super::retention;
use super::send;
use crate::core::alert::Alert;
use crate::core::event::{Event, Verb};
use crate::core::fact::{Actor, Entry, Fact};
use crate::core::ids::{RunId, SessionName};
use crate::core::state::State as Night;
use crate::os::clock;
use crate::protocol::{
    AddRequest, AlertRequest, AlertStatus, ChannelTested, CleanReport, CleanRequest, Done, DownRequest, Refusal,
    RetryRequest, SCHEMA, ScheduleRequest, SendRequest, Status, StreamedFact, UpRequest, VerbRequest, Why,
};
use crate::terminal::{harmless, shorten};
use axum::extract::{ConnectInfo, DefaultBodyLimit, FromRequest, FromRequestParts, Path, Query, Request, State};
use axum::http::header::CONNECTION;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use futures_util::Stream;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

/// Largest request body in bytes.
const BODY_MAX: usize = 1 << 20;

/// How long a body may take.
const BODY_WITHIN: Duration = Duration::from_secs(10);

/// What every handler needs.
#[derive(Clone)]
pub struct Api {
    /// The way into the loop.
    pub inbox: Inbox,
    /// The rim, for what is not the core's business: typing, places, the journal.
    pub rim: Arc<Rim>,
}

/// A refusal on its way out.
pub(super) struct Refused(StatusCode, Refusal);

impl Refused {
    pub(super) fn new(status: StatusCode, exit_code: u8, error: impl Into<String>, hints: &[&str]) -> Self {
        let hints = hints.iter().map(|&h| h.to_owned()).collect();
        Self(status, Refusal { error: error.into(), hints, exit_code })
    }
    pub(super) fn bad_request(error: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, 2, error, &[])
    }
    fn unknown_session(name: &str, state: &Night) -> Self {
        let known: Vec<&str> = state.plan.sessions.keys().chain(state.added.keys()).map(SessionName::as_str).collect();
        let near = known
            .iter()
            .filter(|known| strsim::damerau_levenshtein(known, name) <= 2)
            .min_by_key(|known| strsim::damerau_levenshtein(known, name));
        let shown: String = name.chars().take(64).flat_map(char::escape_default).collect();
        let mut refused = Self::new(StatusCode::NOT_FOUND, 4, format!("no session is called {shown:?}"), &[]);
        if let Some(near) = near {
            refused.1.hints.push(format!("did you mean {near:?}?"));
        }
        refused
    }
    /// A request that cannot be read.
    fn unreadable(status: StatusCode, why: &str) -> Self {
        Self::new(status, 2, shorten(&harmless(why), 300), &[])
    }
}

impl From<Closed> for Refused {
    fn from(_: Closed) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, 3, "the daemon is ending", &["start it again with `nightkeep up`"])
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Json(self.1)).into_response()
    }
}

type Answer<T> = Result<Json<T>, Refused>;

/// A JSON body; what is wrong with one becomes a [`Refusal`] like any other.
struct Body<T>(T);

impl<T: serde::de::DeserializeOwned> FromRequest<Api> for Body<T> {
    type Rejection = Refused;
    async fn from_request(request: Request, state: &Api) -> Result<Self, Refused> {
        let Ok(body) = tokio::time::timeout(BODY_WITHIN, Json::<T>::from_request(request, state)).await else {
            return Err(Refused::new(StatusCode::REQUEST_TIMEOUT, 124, "the request's body took too long", &[]));
        };
        match body {
            Ok(Json(body)) => Ok(Self(body)),
            Err(rejection) => Err(Refused::unreadable(rejection.status(), &rejection.body_text())),
        }
    }
}

/// The name in a path, refused like anything else when it cannot be read.
pub(super) struct Named(pub(super) String);

impl FromRequestParts<Api> for Named {
    type Rejection = Refused;
    async fn from_request_parts(parts: &mut Parts, state: &Api) -> Result<Self, Refused> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(name)) => Ok(Self(name)),
            Err(rejection) => Err(Refused::unreadable(rejection.status(), &rejection.body_text())),
        }
    }
}

/// The parameters behind the path, refused like anything else when they cannot be read.
pub(super) struct Asked<T>(pub(super) T);

impl<T: serde::de::DeserializeOwned> FromRequestParts<Api> for Asked<T> {
    type Rejection = Refused;
    async fn from_request_parts(parts: &mut Parts, state: &Api) -> Result<Self, Refused> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(asked)) => Ok(Self(asked)),
            Err(rejection) => Err(Refused::unreadable(rejection.status(), &rejection.body_text())),
        }
    }
}

async fn no_such_route() -> Refused {
    Refused::new(StatusCode::NOT_FOUND, 2, "there is no such request", &["GET /v1/openapi.json lists them"])
}

async fn no_such_method() -> Refused {
    Refused::new(
        StatusCode::METHOD_NOT_ALLOWED,
        2,
        "that method is not for this request",
        &["GET /v1/openapi.json lists them"],
    )
}

/// Serves the API until the future is done.
pub async fn serve(
    api: Api,
    listener: Doorway,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router(api).into_make_service_with_connect_info::<Peer>()).with_graceful_shutdown(stop).await
}

fn router(api: Api) -> Router {
    Router::new()
        .route("/v1/health", get(health))
        .route("/v1/openapi.json", get(openapi))
        .route("/v1/status", get(status))
        .route("/v1/events", get(events))
        .route("/v1/sessions/{name}/why", get(why))
        .route("/v1/up", post(up))
        .route("/v1/down", post(down))
        .route("/v1/sessions", post(add))
        .route("/v1/sessions/{name}/verb", post(verb))
        .route("/v1/sessions/{name}/schedule", post(schedule))
        .route("/v1/sessions/{name}/send", post(send_input))
        .route("/v1/dead/retry", post(retry))
        .route("/v1/clean", post(clean))
        .route("/v1/alerts", get(alerts))
        .route("/v1/alerts/{id}", post(alert_act))
        .route("/v1/channels/{name}/test", post(channel_test))
        .route("/v1/sessions/{name}/output", get(output::bytes))
        .route("/v1/sessions/{name}/output/about", get(output::about))
        .route("/v1/sessions/{name}/output/follow", get(output::follow))
        .merge(details::routes())
        .fallback(no_such_route)
        .method_not_allowed_fallback(no_such_method)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(middleware::from_fn_with_state(api.clone(), guard))
        .with_state(api)
}

/// Lets only our user and root in, keeps sessions' own processes from acting, and names our version.
async fn guard(
    State(api): State<Api>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refused> {
    if !peer.may_connect() {
        return Err(Refused::new(StatusCode::FORBIDDEN, 5, "this daemon serves its own user only", &[]));
    }
    if request.method() != axum::http::Method::GET {
        let recorders = api.inbox.look(|state, _| recorder_pids(state)).await?;
        if peer.is_inside(&api.rim.instance().runs(), &recorders) {
            return Err(Refused::new(
                StatusCode::FORBIDDEN,
                5,
                "a session cannot steer its own supervisor",
                &["run this from a terminal outside the sessions"],
            ));
        }
    }
    request.extensions_mut().insert(peer);
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static("x-nightkeep-version"), HeaderValue::from_static(env!("CARGO_PKG_VERSION")));
    // One request a connection: an idle one would keep somebody else out.
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    Ok(response)
}

fn recorder_pids(state: &Night) -> BTreeSet<u32> {
    state
        .runs
        .values()
        .filter(|run| run.state.live_attempt().is_some())
        .filter_map(|run| Some(run.last_attempt()?.started.as_ref()?.shim_pid))
        .collect()
}

fn actor(peer: Peer, reason: Option<String>) -> Actor {
    Actor { who: peer.describe(), reason: reason.map(|r| r.chars().take(400).collect()) }
}

/// Whether the daemon lives, and how long its last turn took.
#[derive(serde::Serialize, schemars::JsonSchema)]
pub struct Health {
    schema: u32,
    version: &'static str,
    pid: u32,
    /// The last journaled sequence number.
    seq: i64,
    /// How long the last reconcile pass took, in milliseconds.
    reconcile_ms: Option<u64>,
}

async fn health(State(api): State<Api>) -> Answer<Health> {
    let seq = api.inbox.look(|_, seq| seq).await?;
    Ok(Json(Health {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION"),
        pid: std::process::id(),
        seq,
        reconcile_ms: api.rim.reconcile_ms(),
    }))
}

async fn openapi() -> impl IntoResponse {
    ([("content-type", "application/json")], super::openapi_json())
}

async fn status(State(api): State<Api>) -> Answer<Status> {
    let rim = Arc::clone(&api.rim);
    Ok(Json(api.inbox.look(move |state, seq| rim.status(state, seq)).await?))
}

async fn why(State(api): State<Api>, Named(name): Named) -> Answer<Why> {
    let session = known_session(&api.inbox, &name).await?;
    match api.rim.why(&session).await {
        Ok(Some(why)) => Ok(Json(why)),
        Ok(None) => Err(api.inbox.look(move |state, _| Refused::unknown_session(&name, state)).await?),
        Err(e) => {
            Err(Refused::new(StatusCode::INTERNAL_SERVER_ERROR, 1, format!("the journal cannot be read: {e:#}"), &[]))
        }
    }
}

#[derive(serde::Deserialize)]
struct EventsQuery {
    after: Option<i64>,
}

/// Journaled facts from a sequence number on, as they come. A slow reader waits in its own stream: facts are read from
/// the journal page by page, nothing is queued for it.
async fn events(
    State(api): State<Api>,
    Asked(query): Asked<EventsQuery>,
) -> Result<Sse<impl Stream<Item = Result<SseEvent, Infallible>>>, Refused> {
    let after = match query.after {
        Some(after) => after,
        None => api.inbox.look(|_, seq| seq).await?,
    };
    let stream = futures_util::stream::unfold(
        (api.rim, after, std::collections::VecDeque::<StreamedFact>::new()),
        |(rim, mut after, mut page)| async move {
            while page.is_empty() {
                page = rim.facts_after(after).await?.into();
            }
            let fact = page.pop_front()?;
            after = fact.seq;
            let event = SseEvent::default().id(fact.seq.to_string()).json_data(&fact).unwrap_or_default();
            Some((Ok(event), (rim, after, page)))
        },
    );
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

async fn up(State(api): State<Api>, Extension(peer): Extension<Peer>, Body(request): Body<UpRequest>) -> Answer<Done> {
    let names: Vec<SessionName> = request
        .sessions
        .iter()
        .map(|name| {
            SessionName::new(name)
                .map_err(|e| Refused::bad_request(format!("{name:?} cannot be a session's name: {e}")))
        })
        .collect::<Result<_, _>>()?;
    let wanted = names.clone();
    api.inbox
        .look(move |state, _| match wanted.iter().find(|n| session_plan(state, n).is_none()) {
            Some(unknown) => Err(Refused::unknown_session(unknown.as_str(), state)),
            None => Ok(()),
        })
        .await??;
    let night = api.rim.tonight().await?;
    let facts = api.inbox.ask(Event::Up { night, sessions: names, now: request.now, by: actor(peer, None) }).await?;
    done(&facts)
}

async fn down(
    State(api): State<Api>,
    Extension(peer): Extension<Peer>,
    Body(request): Body<DownRequest>,
) -> Answer<Done> {
    api.rim.told_to_end();
    let facts = api.inbox.ask(Event::Down { now: request.now, by: actor(peer, None) }).await?;
    // With a night, the core says when it is over.
    if api.inbox.look(|state, _| state.night.is_none()).await.unwrap_or(false) {
        api.rim.end_soon("down, and no night was opened");
    }
    done(&facts)
}

async fn verb(
    State(api): State<Api>,
    Extension(peer): Extension<Peer>,
    Named(name): Named,
    Body(request): Body<VerbRequest>,
) -> Answer<Done> {
    let session = known_session(&api.inbox, &name).await?;
    if matches!(request.verb, Verb::Start | Verb::Restart) {
        ensure_night(&api, peer).await?;
    }
    let facts = api.inbox.ask(Event::Operator { verb: request.verb, session, by: actor(peer, request.reason) }).await?;
    done(&facts)
}

async fn schedule(
    State(api): State<Api>,
    Extension(peer): Extension<Peer>,
    Named(name): Named,
    Body(request): Body<ScheduleRequest>,
) -> Answer<Done> {
    let session = known_session(&api.inbox, &name).await?;
    ensure_night(&api, peer).await?;
    let by = actor(peer, request.reason);
    done(&api.inbox.ask(Event::Schedule { session, when: request.when, by }).await?)
}

async fn add(
    State(api): State<Api>,
    Extension(peer): Extension<Peer>,
    Body(request): Body<AddRequest>,
) -> Answer<Done> {
    let rim = Arc::clone(&api.rim);
    let mut session = api.inbox.look(move |state, _| rim.session_for_add(state, &request)).await?.map_err(|e| {
        Refused(StatusCode::BAD_REQUEST, Refusal { error: e.to_string(), hints: e.hints, exit_code: 2 })
    })?;
    if session.worktree.is_some() {
        let (state, mut moved) = (api.rim.instance().state().to_path_buf(), session.clone());
        let settle = move || {
            super::worktrees::settle_one(&mut moved, &state);
            moved
        };
        session = tokio::task::spawn_blocking(settle).await.unwrap_or(session);
    }
    ensure_night(&api, peer).await?;
    let facts = api.inbox.ask(Event::Add { session: Box::new(session), by: actor(peer, None) }).await?;
    done(&facts)
}

async fn send_input(
    State(api): State<Api>,
    Extension(peer): Extension<Peer>,
    Named(name): Named,
    Body(request): Body<SendRequest>,
) -> Answer<Done> {
    let session = known_session(&api.inbox, &name).await?;
    let attempt = api
        .inbox
        .look(move |state, _| {
            state
                .runs
                .values()
                .rev()
                .filter(|run| run.id.session == session)
                .find_map(|run| run.state.live_attempt().cloned())
        })
        .await?
        .ok_or_else(|| {
            Refused::new(
                StatusCode::CONFLICT,
                1,
                format!("{name} does not run, nothing can be typed into it"),
                &[&format!("start it with `nightkeep start {name}`")],
            )
        })?;
    let sent = send::send(&api.rim.instance().shim_socket(&attempt), &request).await;
    let result = match &sent {
        Ok(what) => format!("done: {what}"),
        Err(e) => format!("failed: {e}"),
    };
    // The text itself may be a secret; the journal says that and how much was typed, not what.
    api.inbox
        .ask(Event::Acted { verb: "send".into(), target: attempt.to_string(), by: actor(peer, None), result })
        .await?;
    match sent {
        Ok(what) => Ok(Json(Done { schema: SCHEMA, did: vec![format!("{name}: {what}")] })),
        Err(e) => {
            let status = if e.is_the_callers() { StatusCode::BAD_REQUEST } else { StatusCode::BAD_GATEWAY };
            Err(Refused::new(status, 1, format!("nothing was typed into {name}: {e}"), &[]))
        }
    }
}

async fn retry(
    State(api): State<Api>,
    Extension(peer): Extension<Peer>,
    Body(request): Body<RetryRequest>,
) -> Answer<Done> {
    if request.session.is_none() == request.class.is_none() {
        return Err(Refused::bad_request("give either a session or a class"));
    }
    if let Some(name) = &request.session {
        known_session(&api.inbox, name).await?;
    }
    let asked = request.clone();
    let dead = api.inbox.look(move |state, _| dead_letters(state, &asked)).await?;
    if dead.is_empty() {
        return Err(Refused::new(
            StatusCode::NOT_FOUND,
            4,
            "there is no such dead letter",
            &["`nightkeep dead` lists them; `nightkeep restart NAME` runs any other session again"],
        ));
    }
    ensure_night(&api, peer).await?;
    let mut did = Vec::new();
    for run in dead {
        did.extend(done(&api.inbox.ask(Event::Redrive { run, by: actor(peer, None) }).await?)?.0.did);
    }
    Ok(Json(Done { schema: SCHEMA, did }))
}

async fn clean(
    State(api): State<Api>,
    Extension(peer): Extension<Peer>,
    Body(request): Body<CleanRequest>,
) -> Answer<CleanReport> {
    let mut wanted = api.rim.retention();
    if let Some(seconds) = request.older_than_s {
        wanted = wanted.older_than(Duration::from_secs(seconds));
    }
    let report = retention::by_daemon(&api.rim, wanted, actor(peer, request.reason)).await;
    report.map(Json).map_err(|e| Refused::new(StatusCode::INTERNAL_SERVER_ERROR, 1, format!("no clean-up: {e}"), &[]))
}

async fn alerts(State(api): State<Api>) -> Answer<Vec<AlertStatus>> {
    let rim = Arc::clone(&api.rim);
    Ok(Json(api.inbox.look(move |state, seq| rim.status(state, seq)).await?.alerts))
}

/// Something is done about an alert, or about all alerts of a session that are not over.
async fn alert_act(
    State(api): State<Api>,
    Extension(peer): Extension<Peer>,
    Path(id): Path<String>,
    Body(request): Body<AlertRequest>,
) -> Answer<Done> {
    let wanted = id.clone();
    let meant: Vec<String> = api
        .inbox
        .look(move |state, _| {
            let one = state.alerts.by_id(&wanted).map(Alert::id);
            let of_session = |alert: &&Alert| alert.session.as_deref() == Some(wanted.as_str());
            let all = || state.alerts.standing().into_iter().filter(of_session).map(Alert::id).collect();
            one.map_or_else(all, |one| vec![one])
        })
        .await?;
    if meant.is_empty() {
        let shown: String = id.chars().take(64).flat_map(char::escape_default).collect();
        let error = format!("there is no alert {shown:?}, and no session of that name has one");
        return Err(Refused::new(StatusCode::NOT_FOUND, 4, error, &["`nightkeep alerts` lists them"]));
    }
    let mut did = Vec::new();
    for alert in meant {
        let by = actor(peer, request.reason.clone());
        did.extend(done(&api.inbox.ask(Event::AlertAct { alert, act: request.act, by }).await?)?.0.did);
    }
    Ok(Json(Done { schema: SCHEMA, did }))
}

/// Sends a test message over a channel, with the secrets of this daemon's environment.
async fn channel_test(
    State(api): State<Api>,
    Extension(peer): Extension<Peer>,
    Path(name): Path<String>,
) -> Answer<ChannelTested> {
    let wanted = name.clone();
    let Some(plan) = api.inbox.look(move |state, _| state.plan.channels.get(&wanted).cloned()).await? else {
        let shown: String = name.chars().take(64).flat_map(char::escape_default).collect();
        return Err(Refused::new(StatusCode::NOT_FOUND, 4, format!("there is no channel {shown:?}"), &[]));
    };
    let outcome = try_channel(&plan, api.rim.clear_secrets(), clock::wall()).await;
    let tested = tested(&plan, outcome, "daemon");
    let result =
        tested.why.as_ref().map_or_else(|| "done: delivered".to_owned(), |why| format!("not delivered: {why}"));
    let by = actor(peer, None);
    api.inbox.ask(Event::Acted { verb: "alerts test".to_owned(), target: plan.name, by, result }).await?;
    Ok(Json(tested))
}

/// The newest dead letter of each session that fits and has had no second chance yet.
fn dead_letters(state: &Night, request: &RetryRequest) -> Vec<RunId> {
    let mut newest = std::collections::BTreeMap::new();
    for run in state.runs.values() {
        newest.insert(run.id.session.clone(), run);
    }
    newest
        .into_values()
        .filter(|run| run.is_dead_letter())
        .filter(|run| match (&request.session, &request.class) {
            (Some(session), _) => run.id.session.as_str() == session,
            (None, Some(class)) => run
                .last_attempt()
                .and_then(|attempt| attempt.verdict.as_ref())
                .is_some_and(|verdict| verdict.class.as_str() == class),
            (None, None) => false,
        })
        .map(|run| run.id.clone())
        .collect()
}

fn session_plan<'a>(state: &'a Night, name: &SessionName) -> Option<&'a crate::core::plan::SessionPlan> {
    state.plan.sessions.get(name).or_else(|| state.added.get(name))
}

pub(super) async fn known_session(inbox: &Inbox, name: &str) -> Result<SessionName, Refused> {
    let wanted = name.to_owned();
    inbox
        .look(move |state, _| {
            SessionName::new(&wanted)
                .ok()
                .filter(|n| session_plan(state, n).is_some() || state.runs.keys().any(|run| run.session == *n))
                .ok_or_else(|| Refused::unknown_session(&wanted, state))
        })
        .await?
}

/// Acts that start something need an open night; opening one without queueing the others is theirs too.
async fn ensure_night(api: &Api, peer: Peer) -> Result<(), Refused> {
    if !api.inbox.look(|state, _| state.open_night().is_some()).await? {
        let night = api.rim.tonight().await?;
        api.inbox.ask(Event::OpenNight { night, by: actor(peer, None) }).await?;
    }
    Ok(())
}

/// What the facts of a request say, for the person who made it; a wish that was not granted is a refusal.
fn done(facts: &[Entry]) -> Answer<Done> {
    let mut did = Vec::new();
    for entry in facts {
        if let Fact::OperatorActed { verb, target, result, .. } = &entry.fact {
            if !Fact::is_done(result) {
                return Err(Refused::new(StatusCode::CONFLICT, 1, format!("{verb} {target}: {result}"), &[]));
            }
            did.push(format!("{target}: {}", result.strip_prefix("done: ").unwrap_or(result)));
        }
        if let Fact::NightOpened { night, .. } = &entry.fact {
            did.push(format!("night {night} is open"));
        }
    }
    Ok(Json(Done { schema: SCHEMA, did }))
}
