//! Looks into the journal by kind of event, forward or back.

use super::error::JournalError;
use super::model::{Event, PAGE_MAX};
use super::reader::{EventRow, Reader, event_of};
use sqlx::{QueryBuilder, Sqlite};

/// Which events to look at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Look {
    /// Only those of this night.
    pub night: Option<String>,
    /// Only those about this session.
    pub session: Option<String>,
    /// Only those of these kinds; empty is all kinds.
    pub only: &'static [&'static str],
    /// None of these kinds.
    pub but: &'static [&'static str],
    /// Only those after this number.
    pub after: i64,
    /// Only those before this number.
    pub before: Option<i64>,
    /// The newest first, instead of the oldest.
    pub back: bool,
    /// At most so many, up to [`PAGE_MAX`]; 0 is as many as that.
    pub limit: u32,
}

impl Reader {
    /// One page of events that fit.
    pub async fn look(&self, look: &Look) -> Result<Vec<Event>, JournalError> {
        let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
            "SELECT seq, at_wall, at_mono, night, session, kind, body, hash FROM events WHERE seq > ",
        );
        query.push_bind(look.after);
        if let Some(before) = look.before {
            query.push(" AND seq < ").push_bind(before);
        }
        if let Some(night) = &look.night {
            query.push(" AND night = ").push_bind(night);
        }
        if let Some(session) = &look.session {
            query.push(" AND session = ").push_bind(session);
        }
        for (kinds, word) in [(look.only, " AND kind IN ("), (look.but, " AND kind NOT IN (")] {
            if !kinds.is_empty() {
                query.push(word);
                let mut list = query.separated(", ");
                for kind in kinds {
                    list.push_bind(*kind);
                }
                query.push(")");
            }
        }
        query.push(if look.back { " ORDER BY seq DESC LIMIT " } else { " ORDER BY seq LIMIT " });
        let limit = if look.limit == 0 { PAGE_MAX } else { look.limit.min(PAGE_MAX) };
        query.push_bind(i64::from(limit));
        let rows: Vec<EventRow> = query.build_query_as().fetch_all(self.pool()).await.map_err(JournalError::of)?;
        rows.into_iter().map(event_of).collect()
    }
}
