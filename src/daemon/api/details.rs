//! What is asked beyond the status. Every answer is bounded; what has to be read is read beside the loop.

use super::{Answer, Api, Asked, Body, Named, Refused, actor, done, known_session};
use crate::core::event::Event;
use crate::core::ids::{NightId, SessionName};
use crate::core::state::State as Night;
use crate::daemon::details::{self, DetailsError};
use crate::daemon::peer::Peer;
use crate::daemon::perform::zone;
use crate::daemon::reviews::{self, ReviewError};
use crate::os::clock;
use crate::protocol::details::{
    AlertHistory, Attempts, DeadLetters, NoteDoneRequest, NoteRequest, Numbers, Queue, ReviewRequest, SessionEvents,
    SessionNotes,
};
use crate::protocol::{Done, SCHEMA};
use crate::report::markdown::{self, MarkdownOptions};
use crate::report::nights::Nights;
use crate::report::timeline::Timeline;
use crate::report::{json, text};
use crate::status;
use crate::status::tonight::{self, Tonight};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use std::sync::Arc;

/// Events of an answer that does not say how many.
const EVENTS: u32 = 100;
/// Nights of an answer that does not say how many.
const NIGHTS: u32 = 14;

/// The routes.
pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/v1/timeline", get(timeline))
        .route("/v1/sessions/{name}/attempts", get(attempts))
        .route("/v1/sessions/{name}/events", get(events))
        .route("/v1/sessions/{name}/metrics", get(numbers))
        .route("/v1/sessions/{name}/notes", get(notes).post(note))
        .route("/v1/notes/{name}/done", post(note_done))
        .route("/v1/dead", get(dead))
        .route("/v1/nights", get(nights))
        .route("/v1/report", get(report))
        .route("/v1/plan", get(plan))
        .route("/v1/queue", get(queue))
        .route("/v1/alerts/history", get(alert_history))
        .route("/v1/artifacts/review", post(review))
        .route("/v1/collect", post(collect))
}

#[derive(serde::Deserialize)]
struct OfNight {
    night: Option<String>,
}

#[derive(serde::Deserialize)]
struct Page {
    before: Option<i64>,
    limit: Option<u32>,
}

#[derive(serde::Deserialize)]
struct ReportOf {
    night: Option<String>,
    format: Option<String>,
    #[serde(default)]
    full: bool,
}

impl From<DetailsError> for Refused {
    fn from(error: DetailsError) -> Self {
        let error = format!("the journal cannot be read: {error}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, 1, error, &["`nightkeep doctor` looks at it more closely"])
    }
}

/// The night that is asked for: the named one, else the open or last one.
async fn meant(api: &Api, asked: Option<&str>) -> Result<Option<NightId>, Refused> {
    match asked {
        Some(text) => match NightId::new(text) {
            Ok(night) => Ok(Some(night)),
            Err(e) => {
                let shown: String = text.chars().take(64).flat_map(char::escape_default).collect();
                Err(Refused::bad_request(format!("{shown:?} is no night: {e}")))
            }
        },
        None => match api.inbox.look(|state, _| state.night.as_ref().map(|night| night.id.clone())).await? {
            Some(night) => Ok(Some(night)),
            None => Ok(details::last_night(api.rim.journal().reader()).await?),
        },
    }
}

fn no_night(asked: Option<&str>) -> Refused {
    let what = asked.map_or_else(|| "there was no night yet".to_owned(), |night| format!("there was no night {night}"));
    Refused::new(StatusCode::NOT_FOUND, 4, what, &["`nightkeep nights` lists them"])
}

async fn timeline(State(api): State<Api>, Asked(asked): Asked<OfNight>) -> Answer<Timeline> {
    let night = meant(&api, asked.night.as_deref()).await?.ok_or_else(|| no_night(None))?;
    let timeline = api.rim.details().timeline(api.rim.journal().reader(), &night).await?;
    if timeline.is_empty() { Err(no_night(Some(night.as_str()))) } else { Ok(Json(timeline)) }
}

async fn attempts(State(api): State<Api>, Named(name): Named) -> Answer<Attempts> {
    let session = known_session(&api.inbox, &name).await?;
    let wanted = session.clone();
    // Only what is asked for is copied while the loop waits.
    let mut small = api
        .inbox
        .look(move |state, _| Night {
            runs: state
                .runs
                .iter()
                .filter(|(id, _)| id.session == wanted)
                .map(|(id, run)| (id.clone(), run.clone()))
                .collect(),
            notes: state.notes.clone(),
            ..Night::default()
        })
        .await?;
    for attempt in small.runs.values_mut().filter_map(|run| run.attempts.last_mut()) {
        if attempt.exit.is_none()
            && let Some(live) = api.rim.watchers().live(&attempt.id)
        {
            attempt.output = live;
        }
    }
    let path = |attempt: &_| api.rim.instance().shown_output_log(attempt);
    Ok(Json(status::attempts::attempts(&small, &session, clock::wall(), &path)))
}

async fn events(State(api): State<Api>, Named(name): Named, Asked(page): Asked<Page>) -> Answer<SessionEvents> {
    let session = known_session(&api.inbox, &name).await?;
    let limit = page.limit.unwrap_or(EVENTS);
    Ok(Json(details::events(api.rim.journal().reader(), &session, page.before, limit).await?))
}

async fn numbers(State(api): State<Api>, Named(name): Named, Asked(asked): Asked<OfNight>) -> Answer<Numbers> {
    let session = known_session(&api.inbox, &name).await?;
    match meant(&api, asked.night.as_deref()).await? {
        Some(night) => Ok(Json(api.rim.details().numbers(api.rim.journal().reader(), &session, &night).await?)),
        None => Ok(Json(status::numbers::none(session.as_str(), None))),
    }
}

async fn dead(State(api): State<Api>) -> Answer<DeadLetters> {
    let rim = Arc::clone(&api.rim);
    let looked = move |state: &Night, _| {
        let path = |attempt: &_| rim.instance().shown_output_log(attempt);
        status::attempts::dead_letters(state, clock::wall(), &path)
    };
    Ok(Json(api.inbox.look(looked).await?))
}

async fn nights(State(api): State<Api>, Asked(page): Asked<Page>) -> Answer<Nights> {
    let zone = zone(api.rim.plan_zone().await.as_deref());
    let (details, reader) = (api.rim.details(), api.rim.journal().reader());
    Ok(Json(details.nights(reader, api.rim.instance(), &zone, Some(clock::now()), page.limit.unwrap_or(NIGHTS)).await?))
}

async fn report(State(api): State<Api>, Asked(asked): Asked<ReportOf>) -> Result<Response, Refused> {
    let night = meant(&api, asked.night.as_deref()).await?.ok_or_else(|| no_night(None))?;
    let format = asked.format.as_deref().unwrap_or("json");
    if !["json", "text", "md"].contains(&format) {
        return Err(Refused::bad_request("a report is had as json, text or md"));
    }
    let zone = zone(api.rim.plan_zone().await.as_deref());
    let (details, reader) = (api.rim.details(), api.rim.journal().reader());
    let Some(report) = details.report(reader, api.rim.instance(), &night, &zone, Some(clock::now())).await? else {
        return Err(no_night(Some(night.as_str())));
    };
    let (kind, body) = match format {
        "text" => ("text/plain; charset=utf-8", text::page(&report)),
        "md" => ("text/markdown; charset=utf-8", markdown::render(&report, MarkdownOptions { full: asked.full })),
        _ => ("application/json", json::render(&report).unwrap_or_default()),
    };
    Ok(([("content-type", kind)], body).into_response())
}

async fn plan(State(api): State<Api>) -> Answer<Tonight> {
    let (plan, lasted) = api
        .inbox
        .look(|state, _| {
            let mut plan = state.plan.clone();
            for (name, session) in &state.added {
                plan.sessions.entry(name.clone()).or_insert_with(|| session.clone());
            }
            (plan, tonight::lasted(state))
        })
        .await?;
    Ok(Json(tonight::tonight(&plan, &lasted, clock::wall(), &zone(plan.timezone.as_deref()))))
}

async fn queue(State(api): State<Api>) -> Answer<Queue> {
    let looked = |state: &Night, _| status::queue::queue(state, clock::now(), &zone(state.plan.timezone.as_deref()));
    Ok(Json(api.inbox.look(looked).await?))
}

async fn alert_history(State(api): State<Api>, Asked(asked): Asked<OfNight>) -> Answer<AlertHistory> {
    let night = meant(&api, asked.night.as_deref()).await?;
    Ok(Json(details::alerts(api.rim.journal().reader(), night.as_ref()).await?))
}

async fn notes(State(api): State<Api>, Named(name): Named) -> Answer<SessionNotes> {
    let session = known_session(&api.inbox, &name).await?;
    Ok(Json(api.inbox.look(move |state, _| status::notes::of_session(state, &session)).await?))
}

async fn note(
    State(api): State<Api>,
    Extension(peer): Extension<Peer>,
    Named(name): Named,
    Body(request): Body<NoteRequest>,
) -> Answer<Done> {
    let session: SessionName = known_session(&api.inbox, &name).await?;
    let by = actor(peer, None);
    done(&api.inbox.ask(Event::Note { session, text: request.text, by }).await?)
}

async fn note_done(
    State(api): State<Api>,
    Extension(peer): Extension<Peer>,
    Named(id): Named,
    Body(request): Body<NoteDoneRequest>,
) -> Answer<Done> {
    let wanted = id.clone();
    if api.inbox.look(move |state, _| state.notes.by_id(&wanted).is_none()).await? {
        let shown: String = id.chars().take(64).flat_map(char::escape_default).collect();
        let hints = ["`nightkeep note NAME` lists those of a session"];
        return Err(Refused::new(StatusCode::NOT_FOUND, 4, format!("there is no note {shown:?}"), &hints));
    }
    let by = actor(peer, request.reason);
    done(&api.inbox.ask(Event::NoteDone { note: id, by }).await?)
}

impl From<ReviewError> for Refused {
    fn from(error: ReviewError) -> Self {
        let words = error.to_string();
        match error {
            ReviewError::Closed(closed) => closed.into(),
            ReviewError::NoNight(_) => Self::new(StatusCode::NOT_FOUND, 4, words, &["`nightkeep nights` lists them"]),
            ReviewError::Unknown { near, .. } => {
                let mut refused = Self::new(StatusCode::NOT_FOUND, 4, words, &[]);
                refused.1.hints = reviews::hints(&near);
                refused
            }
            ReviewError::Lock(_) | ReviewError::Journal(_) | ReviewError::History(_) | ReviewError::Details(_) => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, 1, words, &["`nightkeep doctor` looks at it more closely"])
            }
        }
    }
}

async fn review(
    State(api): State<Api>,
    Extension(peer): Extension<Peer>,
    Body(request): Body<ReviewRequest>,
) -> Answer<Done> {
    let night = match request.night.as_deref() {
        Some(text) => meant(&api, Some(text)).await?,
        None => None,
    };
    let ReviewRequest { artifacts, approved, reason, .. } = request;
    let asked = reviews::Asked { artifacts, approved, night, by: actor(peer, reason) };
    Ok(Json(reviews::by_daemon(&api.inbox, api.rim.journal().reader(), api.rim.instance(), asked).await?))
}

/// Looks at the projects' folders, so that what is asked next is fresh.
async fn collect(State(api): State<Api>) -> Answer<Done> {
    let did = if crate::daemon::collect::now(&api.rim).await {
        "looked at the projects' folders"
    } else {
        "looking at the projects' folders takes longer"
    };
    Ok(Json(Done { schema: SCHEMA, did: vec![did.to_owned()] }))
}
