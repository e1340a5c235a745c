//! Reads the journal as facts: for the report, `why`, and whoever follows along.

use crate::core::fact::Entry;
use crate::core::ids::NightId;
use crate::core::state::State;
use crate::store::{Event, Filter, JournalError, Look, PAGE_MAX, Reader};

/// How far before a night's first fact its prelude is looked for: the start of the daemon that opened it.
const PRELUDE: i64 = 64;

/// Facts of a night that are held at a time.
const PAGE: u32 = 256;

/// Why the journal's facts cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A fact is not of a form that this version knows.
    #[error("fact {seq} of the journal cannot be read: {source}")]
    Fact {
        /// Its number.
        seq: i64,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The rows do not make a state.
    #[error("the journal's state cannot be read: {0}")]
    Rows(String),
    /// Reading was given up: the program ends.
    #[error("the reading was given up")]
    GivenUp,
}

/// The state as the journal's rows have it.
pub async fn state(reader: &Reader) -> Result<State, HistoryError> {
    let rows = reader.rows(None).await?;
    State::from_rows(rows.into_iter().map(|row| (row.kind, row.key, row.body)))
        .map_err(|e| HistoryError::Rows(e.to_string()))
}

/// The facts that fit a filter, in order, with their numbers; however many there are.
pub async fn entries(reader: &Reader, filter: Filter) -> Result<Vec<(i64, Entry)>, HistoryError> {
    let mut filter = Filter { limit: PAGE_MAX, ..filter };
    let mut entries = Vec::new();
    loop {
        let page = reader.events(&filter).await?;
        let Some(last) = page.last() else { return Ok(entries) };
        filter.after_seq = last.seq;
        for event in page {
            entries.push((event.seq, entry(&event)?));
        }
    }
}

/// Hands on all facts of a night, in order, led by those that belong to no night but came right before it. One page is
/// held at a time: a long night is large as a whole.
pub async fn each_of_night(
    reader: &Reader,
    night: &NightId,
    mut take: impl FnMut(i64, Entry),
) -> Result<(), HistoryError> {
    prelude(reader, night, &mut take).await?;
    let mut filter = Filter { night: Some(night.to_string()), limit: PAGE, ..Filter::default() };
    loop {
        let page = reader.events(&filter).await?;
        let Some(last) = page.last() else { return Ok(()) };
        filter.after_seq = last.seq;
        for event in page {
            take(event.seq, entry(&event)?);
        }
    }
}

/// Hands on the facts that belong to no night but came right before this one: the start of the daemon that opened it.
pub async fn prelude(reader: &Reader, night: &NightId, mut take: impl FnMut(i64, Entry)) -> Result<(), HistoryError> {
    let first = Look { night: Some(night.to_string()), limit: 1, ..Look::default() };
    let Some(first) = reader.look(&first).await?.first().map(|event| event.seq) else { return Ok(()) };
    let before = Look { after: (first - PRELUDE - 1).max(0), before: Some(first), ..Look::default() };
    for event in reader.look(&before).await?.iter().filter(|event| event.event.night.is_none()) {
        take(event.seq, entry(event)?);
    }
    Ok(())
}

/// The fact of a journal event.
pub fn entry(event: &Event) -> Result<Entry, HistoryError> {
    serde_json::from_str(&event.event.body).map_err(|source| HistoryError::Fact { seq: event.seq, source })
}
