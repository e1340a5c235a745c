//! What the API shows of the state and the journal.

use super::history::{self, HistoryError};
use super::perform::{Rim, zone};
use super::secrets;
use crate::core::fact::Entry;
use crate::core::ids::SessionName;
use crate::core::state::State;
use crate::os::clock;
use crate::protocol::{DaemonStatus, Status, StreamedFact, Why};
use crate::status;
use crate::store::{Event, Filter, Look};
use std::borrow::Cow;
use std::sync::PoisonError;

/// A fact as others may see it.
fn shown(event: &Event) -> Result<Entry, HistoryError> {
    match secrets::without(&event.event.body) {
        Ok(Cow::Owned(body)) => {
            serde_json::from_str(&body).map_err(|source| HistoryError::Fact { seq: event.seq, source })
        }
        Ok(Cow::Borrowed(_)) | Err(_) => history::entry(event),
    }
}

impl Rim {
    /// What `status` shows: the state, with the newest look at every running output.
    pub fn status(&self, state: &State, seq: i64) -> Status {
        let mut shown = state.clone();
        for attempt in shown.runs.values_mut().filter_map(|run| run.attempts.last_mut()) {
            if attempt.exit.is_none()
                && let Some(live) = self.watchers.live(&attempt.id)
            {
                // What its agent does is not in the output itself.
                let known = attempt.output.agent.take();
                attempt.output = live;
                attempt.output.agent = attempt.output.agent.take().or(known);
            }
        }
        let context = status::StatusContext {
            daemon: Some(DaemonStatus {
                pid: std::process::id(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                started_at: self.started.clone(),
            }),
            live: true,
            last_seen: state.last.map(|at| at.wall),
            node: &self.node(),
            tmux_socket: &self.instance.tmux_socket().display().to_string(),
            output_path: &|attempt| self.instance.shown_output_log(attempt),
            seq,
            zone: &zone(state.plan.timezone.as_deref()),
            works: Some(&|attempt| self.sampler.works(attempt)),
        };
        let file_problem = self.file_problem.read().unwrap_or_else(PoisonError::into_inner).clone();
        Status { file_problem, ..status::project(&shown, clock::now(), &context) }
    }

    /// The chain behind a session's state; `None` for an unknown session.
    pub async fn why(&self, name: &SessionName) -> anyhow::Result<Option<Why>> {
        let state = self.inbox.look(|state, _| state.clone()).await?;
        let night = state.night.as_ref().map(|night| night.id.to_string());
        // What the output told stands in the state.
        let mut look = Look { night, session: Some(name.to_string()), but: &["output_observed"], ..Look::default() };
        let mut history: Vec<Entry> = Vec::new();
        loop {
            let page = self.journal.reader().look(&look).await?;
            let Some(last) = page.last() else { break };
            look.after = last.seq;
            for event in &page {
                history.push(history::entry(event)?);
            }
        }
        let (now, zone) = (clock::now(), zone(state.plan.timezone.as_deref()));
        let mut why = status::why::why(&state, name, &history, now, &zone);
        let mut last = state.runs.values().filter(|run| run.id.session == *name).filter_map(|run| run.last_attempt());
        let running = last.find(|attempt| attempt.exit.is_none());
        if let (Some(why), Some(attempt)) = (&mut why, running)
            && let Some(seen) = self.watchers.tidings(&attempt.id).and_then(|tidings| tidings.judged())
        {
            status::why::add_now(why, &seen, now.wall, &zone);
        }
        Ok(why)
    }

    /// A page of journaled facts after a sequence number; waits until there is one. `None` when the daemon ends.
    pub async fn facts_after(&self, after: i64) -> Option<Vec<StreamedFact>> {
        let mut news = self.journal.subscribe();
        loop {
            let filter = Filter { after_seq: after, limit: 256, ..Filter::default() };
            match self.journal.reader().events(&filter).await {
                Ok(events) if !events.is_empty() => {
                    let facts = events.into_iter().filter_map(|event| match shown(&event) {
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
}
