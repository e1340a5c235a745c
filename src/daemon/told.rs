//! What the rim tells of the journal: why a session is in its state, facts as they come, all facts of a night.

use super::history;
use super::perform::{Rim, zone};
use crate::core::fact::Entry;
use crate::core::ids::{NightId, SessionName};
use crate::os::clock;
use crate::protocol::{StreamedFact, Why};
use crate::status;
use crate::store::{Filter, Look};

impl Rim {
    /// The chain behind a session's state; `None` for an unknown session.
    pub async fn why(&self, name: &SessionName) -> anyhow::Result<Option<Why>> {
        let state = self.inbox().look(|state, _| state.clone()).await?;
        let night = state.night.as_ref().map(|night| night.id.to_string());
        // What the output told stands in the state.
        let mut look = Look { night, session: Some(name.to_string()), but: &["output_observed"], ..Look::default() };
        let mut history: Vec<Entry> = Vec::new();
        loop {
            let page = self.journal().reader().look(&look).await?;
            let Some(last) = page.last() else { break };
            look.after = last.seq;
            for event in &page {
                history.push(history::entry(event)?);
            }
        }
        Ok(status::why::why(&state, name, &history, clock::now(), &zone(state.plan.timezone.as_deref())))
    }

    /// A page of journaled facts after a sequence number; waits until there is one. `None` when the daemon ends.
    pub async fn facts_after(&self, after: i64) -> Option<Vec<StreamedFact>> {
        let mut news = self.journal().subscribe();
        loop {
            let filter = Filter { after_seq: after, limit: 256, ..Filter::default() };
            match self.journal().reader().events(&filter).await {
                Ok(events) if !events.is_empty() => {
                    let facts = events.into_iter().filter_map(|event| match history::entry(&event) {
                        Ok(entry) => Some(StreamedFact { seq: event.seq, night: event.event.night, entry }),
                        Err(e) => {
                            tracing::warn!("{e}");
                            None
                        }
                    });
                    return Some(facts.collect());
                }
                Ok(_) => news.changed().await.ok()?,
                Err(e) => {
                    tracing::warn!("the journal cannot be read: {e}");
                    return None;
                }
            }
        }
    }

    /// All facts of a night, in order.
    pub async fn night_entries(&self, night: &NightId) -> Result<Vec<(i64, Entry)>, history::HistoryError> {
        history::of_night(self.journal().reader(), night).await
    }
}
