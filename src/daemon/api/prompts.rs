//! Answers to what sessions ask.

use super::{Answer, Api, Body, Named, Refused, actor, done, known_session};
use crate::core::event::Event;
use crate::core::ticket::{Refused as Unanswered, Stage, Ticket, Wish, wish};
use crate::daemon::peer::Peer;
use crate::protocol::prompts::AnswerRequest;
use crate::protocol::{Done, SCHEMA};
use crate::status::tickets::outcome;
use crate::terminal::{harmless, shorten};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Extension, Json, Router};
use std::time::Duration;
use tokio::time::Instant;

/// How long the answer to a request waits for what comes of it.
const WITHIN: Duration = Duration::from_secs(40);
/// How often it is looked.
const EVERY: Duration = Duration::from_millis(100);

/// The routes.
pub(super) fn routes() -> Router<Api> {
    Router::new().route("/v1/sessions/{name}/answer", post(answer))
}

/// Answers, and waits until it is seen that the answer was taken.
async fn answer(
    State(api): State<Api>,
    Extension(peer): Extension<Peer>,
    Named(name): Named,
    Body(request): Body<AnswerRequest>,
) -> Answer<Done> {
    let session = known_session(&api.inbox, &name).await?;
    let AnswerRequest { choice, ticket, reason } = request;
    let (asked, said, id) = (session.clone(), choice.clone(), ticket.clone());
    let wish = api.inbox.look(move |state, _| wish(state, &asked, &said, id.as_deref())).await?;
    let number = match &wish {
        Ok(Wish::Type { ticket, .. } | Wish::Given { ticket, .. }) => Some(*ticket),
        Err(_) => None,
    };
    // What is refused is journaled as well.
    let by = actor(peer, reason);
    let facts = api.inbox.ask(Event::Answer { session: session.clone(), said: choice, ticket, by }).await?;
    match wish {
        Err(Unanswered::Unfit(why)) => return Err(refused(StatusCode::BAD_REQUEST, 2, &why, &name)),
        Err(Unanswered::Over(why)) => return Err(refused(StatusCode::CONFLICT, 1, &why, &name)),
        Ok(_) => {}
    }
    let granted = done(&facts)?;
    let Some(number) = number else { return Ok(granted) };
    let until = Instant::now() + WITHIN;
    loop {
        let ticket: Option<Ticket> = api.inbox.look(move |state, _| state.tickets.known.get(&number).cloned()).await?;
        match ticket {
            Some(ticket) => match &ticket.stage {
                Stage::Answering { .. } => {}
                Stage::Open => {
                    let why = ticket.note.clone().unwrap_or_else(|| "it still asks".to_owned());
                    return Err(refused(StatusCode::BAD_GATEWAY, 1, &format!("{name}: {why}"), &name));
                }
                Stage::Answered { .. } | Stage::Gone { .. } | Stage::Expired { .. } => {
                    let did = vec![format!("{name}: {} {}", ticket.id(), outcome(&ticket))];
                    return Ok(Json(Done { schema: SCHEMA, did }));
                }
            },
            None => return Ok(granted),
        }
        if Instant::now() >= until {
            let why = format!("{name} is being answered; what came of it is not known yet");
            return Err(Refused::new(
                StatusCode::GATEWAY_TIMEOUT,
                124,
                why,
                &[&format!("`nightkeep why {name}` tells")],
            ));
        }
        tokio::time::sleep(EVERY).await;
    }
}

fn refused(status: StatusCode, exit: u8, why: &str, name: &str) -> Refused {
    let hint = format!("`nightkeep answer {name}` shows what it asks");
    Refused::new(status, exit, shorten(&harmless(why), 400), &[&hint])
}
