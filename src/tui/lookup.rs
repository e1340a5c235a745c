//! The part of the rim that brings sessions' output: follows it, and reads spans, pages and what a search finds.

use super::intent::Want;
use super::live::TAIL;
use super::logpage::{LogPage, OVER, PAGE, page_of, span_of};
use super::marks::from_events;
use super::model::{Detail, News};
use super::view::log::{Spot, has};
use crate::client::output::WhichAttempt;
use crate::client::{Client, ClientError};
use crate::protocol::output::{OutputAbout, POINTS_MAX, SPAN_MAX};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::sleep;

/// Who runs past sessions with the cursor does not want all their screens.
const SETTLED: Duration = Duration::from_millis(60);
/// How long until a stream that broke is begun again.
const AGAIN: Duration = Duration::from_secs(1);
/// Things that happened, the newest, that become marks.
const EVENTS_MAX: u32 = 500;
/// Pages that a search reads at once.
const PAGES_AT_ONCE: u64 = SPAN_MAX / PAGE - 1;

/// Follows a session's output until its attempt ends, or nobody wants it any more.
pub async fn follow(client: Client, session: String, news: UnboundedSender<News>, after: Duration) {
    sleep(after.max(SETTLED)).await;
    let tell = |one| news.send(News::Followed { session: session.clone(), news: one }).is_ok();
    while !news.is_closed() {
        let problem = match client.follow_output(&session, &WhichAttempt::default(), TAIL).await {
            Ok(mut stream) => loop {
                match stream.next().await {
                    Ok(Some(one)) => {
                        let ended = matches!(
                            one,
                            crate::client::output::Followed::Other(crate::protocol::output::OutputNews::Ended { .. })
                        );
                        if !tell(Ok(one)) || ended {
                            return;
                        }
                    }
                    Ok(None) => break "the daemon closed the connection".to_owned(),
                    Err(error) => break error.to_string(),
                }
            },
            // Without output there is nothing to follow; facts about the session ask again.
            Err(ClientError::Refused(refusal)) => {
                tell(Err(refusal.error));
                return;
            }
            Err(error) => error.to_string(),
        };
        tell(Err(problem));
        sleep(AGAIN).await;
    }
}

/// What a view of sessions' output wants.
pub async fn detail(client: &Client, want: &Want) -> Result<Detail, ClientError> {
    match want {
        Want::Why(_)
        | Want::Screen(_)
        | Want::Attempts(_)
        | Want::Events { .. }
        | Want::Numbers(_)
        | Want::Notes(_)
        | Want::Timeline
        | Want::Alerts
        | Want::Dead
        | Want::Queue
        | Want::Plan
        | Want::Nights
        | Want::Report(_) => Err(ClientError::BadAnswer { problem: "that is no output".to_owned() }),
        Want::Marks(session) => {
            let events = client.session_events(session, None, EVENTS_MAX).await?.events;
            Ok(Detail::Marks(from_events(&events)))
        }
        Want::Recording { session, attempt } => about(client, session, attempt.as_deref(), None, POINTS_MAX).await,
        Want::Log { session, attempt } => about(client, session, attempt.as_deref(), None, 2).await,
        Want::Times { session, attempt, from, to } => {
            about(client, session, Some(attempt), Some((*from, *to)), POINTS_MAX).await
        }
        Want::Span { session, attempt, from, max } => {
            Ok(Detail::Span(client.output(session, &WhichAttempt::of(attempt), *from, *max).await?))
        }
        Want::Page { session, attempt, number, total: _ } => {
            let (from, max) = span_of(*number);
            let pages = pages(client, session, attempt, from, max, *number, *number).await?;
            let none = LogPage { number: *number, ..LogPage::default() };
            Ok(Detail::Page(pages.into_iter().next().unwrap_or(none)))
        }
        Want::Find { session, attempt, search, from, backward } => {
            find(client, session, attempt, search, *from, *backward).await.map(Detail::Found)
        }
    }
}

async fn about(
    client: &Client,
    session: &str,
    attempt: Option<&str>,
    span: Option<(u64, u64)>,
    points: u64,
) -> Result<Detail, ClientError> {
    let which = attempt.map(WhichAttempt::of).unwrap_or_default();
    Ok(Detail::Recording(Box::new(client.output_about(session, &which, span, points).await?)))
}

/// Reads pages that lie within one span.
async fn pages(
    client: &Client,
    session: &str,
    attempt: &str,
    from: u64,
    max: u64,
    first: u64,
    last: u64,
) -> Result<Vec<LogPage>, ClientError> {
    let which = WhichAttempt::of(attempt);
    let span = client.output(session, &which, from, max).await?;
    let OutputAbout { times, kept_from, .. } =
        client.output_about(session, &which, Some((from, from + max)), POINTS_MAX).await?;
    let made = tokio::task::spawn_blocking(move || {
        let page = |number: u64| {
            let (begin, length) = span_of(number);
            let start = begin.max(span.from);
            let part =
                |at: u64| usize::try_from(at.saturating_sub(span.from)).unwrap_or(usize::MAX).min(span.bytes.len());
            let bytes = span.bytes.get(part(start)..part(begin + length)).unwrap_or_default();
            LogPage::read(number, start, bytes, kept_from, span.total, &times)
        };
        (first..=last).map(page).collect()
    });
    made.await.map_err(|e| ClientError::BadAnswer { problem: e.to_string() })
}

/// The next line that has a text, some pages at a time.
async fn find(
    client: &Client,
    session: &str,
    attempt: &str,
    search: &str,
    from: Spot,
    backward: bool,
) -> Result<Option<Spot>, ClientError> {
    let about = client.output_about(session, &WhichAttempt::of(attempt), None, 2).await?;
    let (first, last) = (page_of(about.kept_from), page_of(about.bytes.saturating_sub(1).max(about.kept_from)));
    let mut page = from.0.clamp(first, last);
    loop {
        let (low, high) = if backward {
            (page.saturating_sub(PAGES_AT_ONCE - 1).max(first), page)
        } else {
            (page, (page + PAGES_AT_ONCE - 1).min(last))
        };
        let begin = span_of(low).0;
        let max = (high + 1) * PAGE + OVER - begin;
        let read = pages(client, session, attempt, begin, max, low, high).await?;
        let lines =
            read.iter().flat_map(|page| page.lines.iter().enumerate().map(|(i, line)| ((page.number, i), line)));
        let mut hits = lines.filter(|(_, line)| has(&line.text, search)).map(|(spot, _)| spot);
        let hit = if backward { hits.rfind(|spot| *spot < from) } else { hits.find(|spot| *spot >= from) };
        if hit.is_some() {
            return Ok(hit);
        }
        if (backward && low <= first) || (!backward && high >= last) {
            return Ok(None);
        }
        page = if backward { low - 1 } else { high + 1 };
    }
}
