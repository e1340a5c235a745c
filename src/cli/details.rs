//! What the dashboard asks beyond the status, from the journal, while no daemon runs.

use super::failure::Failure;
use super::parts;
use crate::core::ids::{NightId, SessionName};
use crate::daemon::details::{self, Details, DetailsError};
use crate::daemon::history;
use crate::instance::Instance;
use crate::os::clock;
use crate::status;
use crate::tui::intent::Want;
use crate::tui::marks::from_events;
use crate::tui::model::Detail;

/// Nights of the list, and events of a page.
const NIGHTS: u32 = 30;
const EVENTS: u32 = 200;

/// What a view wants; why it cannot be had, in words.
pub async fn from_journal(instance: &Instance, want: &Want) -> Result<Detail, String> {
    let told = |failure: Failure| failure.lines().join("; ");
    let unreadable = |error: DetailsError| format!("the journal cannot be read: {error}");
    let Some(reader) = parts::journal(instance).await.map_err(told)? else {
        return Err("no daemon runs, and there is no journal yet".to_owned());
    };
    let state = history::state(&reader).await.map_err(|e| unreadable(e.into()))?;
    let (zone, now) = (parts::zone_of(&state.plan), clock::now());
    let name = |session: &str| SessionName::new(session).map_err(|e| e.to_string());
    let path = |attempt: &_| instance.shown_output_log(attempt);
    let night = match &state.night {
        Some(night) => Some(night.id.clone()),
        None => details::last_night(&reader).await.map_err(unreadable)?,
    };
    let known = Details::default();
    let none = || "there was no night yet".to_owned();
    Ok(match want {
        Want::Why(session) => {
            let why = parts::journal_why(instance, &name(session)?, now).await.map_err(told)?;
            Detail::Why(why.ok_or_else(|| format!("the journal knows no session {session}"))?)
        }
        Want::Attempts(session) => {
            Detail::Attempts(status::attempts::attempts(&state, &name(session)?, now.wall, &path))
        }
        Want::Events { session, before } => {
            let session = name(session)?;
            Detail::Events(details::events(&reader, &session, *before, EVENTS).await.map_err(unreadable)?)
        }
        Want::Numbers(session) => {
            let session = name(session)?;
            Detail::Numbers(match &night {
                Some(night) => known.numbers(&reader, &session, night).await.map_err(unreadable)?,
                None => status::numbers::none(session.as_str(), None),
            })
        }
        Want::Notes(session) => Detail::Notes(status::notes::of_session(&state, &name(session)?)),
        Want::Timeline => {
            let night = night.ok_or_else(none)?;
            Detail::Timeline(Box::new(known.timeline(&reader, &night).await.map_err(unreadable)?))
        }
        Want::Alerts => Detail::Alerts(details::alerts(&reader, night.as_ref()).await.map_err(unreadable)?),
        Want::Dead => Detail::Dead(status::attempts::dead_letters(&state, now.wall, &path)),
        Want::Queue => Detail::Queue(status::queue::queue(&state, now, &zone)),
        Want::Plan => {
            let lasted = status::tonight::lasted(&state);
            Detail::Plan(status::tonight::tonight(&state.plan, &lasted, now.wall, &zone))
        }
        Want::Nights => Detail::Nights(known.nights(&reader, instance, &zone, None, NIGHTS).await.map_err(unreadable)?),
        Want::Marks(session) => {
            let session = name(session)?;
            let page = details::events(&reader, &session, None, details::EVENTS_MAX).await.map_err(unreadable)?;
            Detail::Marks(from_events(&page.events))
        }
        Want::Screen(_)
        | Want::Recording { .. }
        | Want::Log { .. }
        | Want::Span { .. }
        | Want::Times { .. }
        | Want::Page { .. }
        | Want::Find { .. } => {
            return Err("no daemon runs to ask; `nightkeep logs` and `replay` work without".to_owned());
        }
        Want::Report(wanted) => {
            let night = match wanted {
                Some(wanted) => NightId::new(wanted).map_err(|e| e.to_string())?,
                None => night.ok_or_else(none)?,
            };
            let report = known.report(&reader, instance, &night, &zone, None).await.map_err(unreadable)?;
            Detail::Report(Box::new(report.ok_or_else(|| format!("there was no night {night}"))?))
        }
    })
}
