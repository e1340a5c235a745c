//! What is told beyond the status, read from the journal beside its writer or without one.
//!
//! Nothing here waits for the daemon's loop or holds it up. What a night comes to is kept and gone on with, so that
//! asking again costs what happened since.

use super::checkpoint;
use super::history::{self, HistoryError};
use crate::core::fact::{Entry, Fact};
use crate::core::ids::{AttemptId, NightId, SessionName};
use crate::core::time::At;
use crate::instance::Instance;
use crate::protocol::SCHEMA;
use crate::protocol::details::{AlertHistory, Numbers, SessionEvent, SessionEvents};
use crate::report;
use crate::report::model::Report;
use crate::report::nights::{Nights, Short};
use crate::report::timeline::Timeline;
use crate::status;
use crate::status::numbers::Sample;
use crate::store::{Event, JournalError, Look, Reader};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use tokio::sync::Mutex;

/// Facts read at once.
const PAGE: u32 = 2_000;
/// Most events of one answer.
pub const EVENTS_MAX: u32 = 500;
/// Most nights of one answer.
pub const NIGHTS_MAX: u32 = 60;
/// Sessions whose numbers are kept.
const NUMBERS_KEPT: usize = 64;
/// Nights whose timelines are kept.
const TIMELINES_KEPT: usize = 3;

/// Facts that a timeline has no use for: there are many, and they are large.
const BULK: &[&str] = &[
    "output_observed",
    "message_queued",
    "message_settled",
    "plan_adopted",
    "last_nights",
    "document_read",
    "files_seen",
    "night_summed",
];

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum DetailsError {
    /// The journal cannot be read.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// Reading was given up: the program ends.
    #[error("the reading was given up")]
    GivenUp,
}

impl From<JournalError> for DetailsError {
    fn from(error: JournalError) -> Self {
        Self::History(error.into())
    }
}

/// What is kept of what was asked before.
#[derive(Default)]
pub struct Details {
    timelines: Mutex<Vec<Timeline>>,
    numbers: Mutex<BTreeMap<(String, String), Numbers>>,
    nights: Mutex<BTreeMap<String, (i64, Short)>>,
    report: Mutex<Option<(String, i64, Report)>>,
}

/// The newest night of the journal.
pub async fn last_night(reader: &Reader) -> Result<Option<NightId>, DetailsError> {
    let nights = reader.nights().await?;
    Ok(nights.iter().filter_map(|span| NightId::new(&span.night).ok()).max())
}

impl Details {
    /// The timeline of a night; an empty one when nothing is known of it.
    pub async fn timeline(&self, reader: &Reader, night: &NightId) -> Result<Timeline, DetailsError> {
        let mut kept = self.timelines.lock().await;
        let known = kept.iter().position(|timeline| timeline.night == night.as_str()).map(|place| kept.remove(place));
        let mut timeline = match known {
            Some(timeline) => timeline,
            None => prelude(reader, night).await?,
        };
        loop {
            let look =
                Look { night: Some(night.to_string()), but: BULK, after: timeline.seq, limit: PAGE, ..Look::default() };
            let page = reader.look(&look).await?;
            let full = page.len() >= PAGE as usize;
            timeline = aside(move || fold(timeline, &page)).await??;
            if !full {
                break;
            }
        }
        if !timeline.is_empty() {
            kept.truncate(TIMELINES_KEPT - 1);
            kept.insert(0, timeline.clone());
        }
        Ok(timeline)
    }

    /// The numbers of a session over a night.
    pub async fn numbers(
        &self,
        reader: &Reader,
        session: &SessionName,
        night: &NightId,
    ) -> Result<Numbers, DetailsError> {
        let mut kept = self.numbers.lock().await;
        let key = (session.to_string(), night.to_string());
        let mut numbers = match kept.remove(&key) {
            Some(numbers) => numbers,
            None => status::numbers::none(session.as_str(), Some(night.as_str())),
        };
        loop {
            let look = Look {
                night: Some(night.to_string()),
                session: Some(session.to_string()),
                only: &["output_observed"],
                after: numbers.seq,
                limit: PAGE,
                ..Look::default()
            };
            let page = reader.look(&look).await?;
            let full = page.len() >= PAGE as usize;
            numbers = aside(move || add_samples(numbers, &page)).await??;
            if !full {
                break;
            }
        }
        if kept.len() >= NUMBERS_KEPT {
            kept.pop_first();
        }
        kept.insert(key, numbers.clone());
        Ok(numbers)
    }

    /// The report of a night; `None` when there was none. `watched` is now, when a daemon watches.
    pub async fn report(
        &self,
        reader: &Reader,
        instance: &Instance,
        night: &NightId,
        zone: &TimeZone,
        watched: Option<At>,
    ) -> Result<Option<Report>, DetailsError> {
        let Some(span) = reader.nights().await?.into_iter().find(|span| span.night == night.as_str()) else {
            return Ok(None);
        };
        let mut kept = self.report.lock().await;
        if let Some((of, seq, report)) = kept.as_ref()
            && of == night.as_str()
            && *seq == span.last_seq
            // What goes on in an open night lasts longer while nothing is journaled.
            && !report.window.open
        {
            return Ok(Some(report.clone()));
        }
        let report = make(reader, instance, night, zone, watched).await?;
        *kept = report.clone().map(|report| (night.to_string(), span.last_seq, report));
        Ok(report)
    }

    /// The newest nights, at most so many, each with what changed against the one before.
    pub async fn nights(
        &self,
        reader: &Reader,
        instance: &Instance,
        zone: &TimeZone,
        watched: Option<At>,
        limit: u32,
    ) -> Result<Nights, DetailsError> {
        let wanted = limit.clamp(1, NIGHTS_MAX) as usize;
        let spans = reader.nights().await?;
        // One more, for what changed in the oldest of those told.
        let spans = &spans[spans.len().saturating_sub(wanted + 1)..];
        let mut kept = self.nights.lock().await;
        let mut shorts: Vec<Short> = Vec::with_capacity(spans.len());
        for span in spans {
            let Ok(night) = NightId::new(&span.night) else { continue };
            if let Some((seq, known)) = kept.get(&span.night)
                && *seq == span.last_seq
            {
                shorts.push(known.clone());
            } else if let Some(made) = short(reader, instance, &night, zone, watched).await? {
                kept.insert(span.night.clone(), (span.last_seq, made.clone()));
                shorts.push(made);
            }
        }
        kept.retain(|night, _| spans.iter().any(|span| span.night == *night));
        let mut nights = report::nights::nights(&shorts);
        nights.nights.truncate(wanted);
        Ok(nights)
    }
}

/// The facts about one session before a number, newest first, without those that only say what the output told.
pub async fn events(
    reader: &Reader,
    session: &SessionName,
    before: Option<i64>,
    limit: u32,
) -> Result<SessionEvents, DetailsError> {
    let limit = limit.clamp(1, EVENTS_MAX);
    let look = Look {
        session: Some(session.to_string()),
        but: &["output_observed"],
        before,
        back: true,
        limit: limit + 1,
        ..Look::default()
    };
    let mut page = reader.look(&look).await?;
    let more = page.len() > limit as usize;
    page.truncate(limit as usize);
    let before = page.last().filter(|_| more).map(|event| event.seq);
    let mut events: Vec<SessionEvent> = Vec::with_capacity(page.len());
    for event in &page {
        events.extend(status::events::event(event.seq, &history::entry(event)?));
    }
    Ok(SessionEvents { schema: SCHEMA, session: session.to_string(), events, before })
}

/// The alerts of a night, open and over.
pub async fn alerts(reader: &Reader, night: Option<&NightId>) -> Result<AlertHistory, DetailsError> {
    let Some(night) = night else { return Ok(status::alerts::history(None, [])) };
    let look = Look { night: Some(night.to_string()), only: &["alert_moved"], ..Look::default() };
    let page = reader.look(&look).await?;
    let facts: Vec<Entry> = page.iter().map(history::entry).collect::<Result<_, _>>()?;
    Ok(status::alerts::history(Some(night.as_str()), &facts))
}

/// Work that takes its time, away from the threads that serve everybody.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, DetailsError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| DetailsError::GivenUp)
}

fn fold(mut timeline: Timeline, page: &[Event]) -> Result<Timeline, HistoryError> {
    for event in page {
        timeline.apply(event.seq, &history::entry(event)?);
    }
    Ok(timeline)
}

/// A timeline that knows what came right before its night: which boot it is.
async fn prelude(reader: &Reader, night: &NightId) -> Result<Timeline, DetailsError> {
    let mut timeline = Timeline::new(night.as_str());
    history::prelude(reader, night, |seq, entry| timeline.apply(seq, &entry)).await?;
    Ok(timeline)
}

/// An entry of which only the numbers matter.
#[derive(serde::Deserialize)]
struct Numbered {
    at: At,
    fact: NumberedFact,
}

#[derive(serde::Deserialize)]
struct NumberedFact {
    attempt: AttemptId,
    output: Sample,
}

fn add_samples(mut numbers: Numbers, page: &[Event]) -> Result<Numbers, HistoryError> {
    for event in page {
        let seen: Numbered =
            serde_json::from_str(&event.event.body).map_err(|source| HistoryError::Fact { seq: event.seq, source })?;
        status::numbers::take(&mut numbers, event.seq, seen.at.wall, &seen.fact.attempt, &seen.fact.output);
    }
    Ok(numbers)
}

/// The report of a night from the journal, from where its fold stands.
async fn make(
    reader: &Reader,
    instance: &Instance,
    night: &NightId,
    zone: &TimeZone,
    watched: Option<At>,
) -> Result<Option<Report>, DetailsError> {
    let Some(mut folder) = checkpoint::folded(reader, instance, night).await? else { return Ok(None) };
    if let Some(now) = watched {
        folder.watched_until(now);
    }
    let zone = zone.clone();
    Ok(Some(aside(move || report::build(&folder.finish(), &zone)).await?))
}

/// Facts of a night that come once it was summed up and change nothing in its line.
const AFTER: &[&str] =
    &["night_summed", "report_written", "message_queued", "message_settled", "alert_moved", "daemon_stopped", "worded"];

/// A night for the list: by what it was summed up to, when nothing happened to it since, else by its report.
pub async fn short(
    reader: &Reader,
    instance: &Instance,
    night: &NightId,
    zone: &TimeZone,
    watched: Option<At>,
) -> Result<Option<Short>, DetailsError> {
    if let Some(short) = summed(reader, night).await? {
        return Ok(Some(short));
    }
    Ok(make(reader, instance, night, zone, watched).await?.map(|report| Short::of(&report)))
}

async fn summed(reader: &Reader, night: &NightId) -> Result<Option<Short>, DetailsError> {
    let look = Look { night: Some(night.to_string()), back: true, limit: 1, ..Look::default() };
    let last = reader.look(&Look { only: &["night_summed"], ..look.clone() }).await?;
    let Some(event) = last.first() else { return Ok(None) };
    let Fact::NightSummed { summary } = history::entry(event)?.fact else { return Ok(None) };
    let since = Look { after: event.seq, but: AFTER, ..look.clone() };
    // A message that was given up is one of the night's troubles.
    let settled = Look { after: event.seq, only: &["message_settled"], limit: PAGE, ..look };
    let is_given_up = |event: &Event| event.event.body.contains("given_up");
    let told = summary.night == *night
        && reader.look(&since).await?.is_empty()
        && !reader.look(&settled).await?.iter().any(is_given_up);
    Ok(told.then(|| Short::of_summary(&summary)).flatten())
}
