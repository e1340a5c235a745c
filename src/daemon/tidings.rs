//! What is found out of an agent elsewhere than in its output, for whoever watches it: signs of its transcript and its
//! processes, and that it is to be watched by other rules.

use crate::agents::sign::{Sign, Source};
use crate::core::agent::AgentSeen;
use crate::core::time::Wall;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

/// Most requests for nothing that are kept until they are asked for.
const TRIED_MAX: usize = 1_000;

/// The tidings of one attempt.
#[derive(Default)]
pub struct Tidings {
    /// The newest of each source: nothing grows while nobody listens.
    signs: Mutex<BTreeMap<Source, Option<Sign>>>,
    judged: Mutex<Option<AgentSeen>>,
    /// When its model was asked for nothing, by its signs.
    tried: Mutex<Vec<Wall>>,
    news: Notify,
}

impl Tidings {
    /// Brings a sign.
    pub fn tell(&self, sign: Sign) {
        if sign.tried {
            let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
            if tried.len() < TRIED_MAX {
                tried.push(sign.at);
            }
        }
        self.signs.lock().unwrap_or_else(PoisonError::into_inner).insert(sign.source, Some(sign));
        self.news.notify_one();
    }
    /// A source says nothing any more, and what it said last is not known to hold.
    pub fn lost(&self, source: Source) {
        self.signs.lock().unwrap_or_else(PoisonError::into_inner).insert(source, None);
        self.news.notify_one();
    }
    /// Causes a look.
    pub fn wake(&self) {
        self.news.notify_one();
    }
    /// Waits until there is something. Can be cancelled without losing anything.
    pub async fn news(&self) {
        self.news.notified().await;
    }
    /// What came since the last call.
    pub fn take(&self) -> BTreeMap<Source, Option<Sign>> {
        std::mem::take(&mut *self.signs.lock().unwrap_or_else(PoisonError::into_inner))
    }
    /// When its model was asked for nothing since the last call.
    pub fn tried(&self) -> Vec<Wall> {
        std::mem::take(&mut *self.tried.lock().unwrap_or_else(PoisonError::into_inner))
    }
    /// Notes the newest judgement.
    pub fn judge(&self, seen: &AgentSeen) {
        *self.judged.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen.clone());
    }
    /// The newest judgement.
    pub fn judged(&self) -> Option<AgentSeen> {
        self.judged.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
