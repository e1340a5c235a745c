//! The dead man's switch: an address that is fetched while the main loop makes its turns. A daemon that hangs, that cannot
//! write its journal, or that is gone fetches nothing, and the service behind the address notices.

use super::perform::Rim;
use crate::adapters::channels::Channels;
use crate::core::alert::plan::PingPlan;
use crate::core::state::State;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::time::Instant;

/// The fetches of the main loop.
pub struct Ping {
    rim: Arc<Rim>,
    /// What the file said at the last turn.
    plan: Option<PingPlan>,
    next: Option<Instant>,
    /// What the fetch under way, and the last one, came to.
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    under_way: AtomicBool,
    /// The last one failed: more of the same are not told.
    failed: AtomicBool,
}

impl Ping {
    /// Nothing was fetched yet.
    pub fn new(rim: Arc<Rim>) -> Self {
        Self { rim, plan: None, next: None, seen: Arc::default() }
    }
    /// When the loop has to make a turn for the next fetch.
    pub fn due(&self) -> Option<Instant> {
        self.next
    }
    /// A turn was made: its facts are in the journal, or there were none. Fetches when it is time.
    pub fn turned(&mut self, state: &State) {
        let plan = &state.plan.alerts.ping;
        if *plan != self.plan {
            self.plan.clone_from(plan);
            self.next = plan.as_ref().map(|_| Instant::now());
        }
        let (Some(plan), Some(next)) = (plan, self.next) else { return };
        let now = Instant::now();
        if now < next {
            return;
        }
        self.next = Some(now + plan.every);
        // One that hangs is not joined by others; it ends by its own deadline.
        if self.seen.under_way.swap(true, Ordering::AcqRel) {
            return;
        }
        let clear = self.rim.clear_secrets();
        let (url, seen) = (plan.url.clone(), Arc::clone(&self.seen));
        tokio::spawn(async move {
            let fetched = Channels::new(clear).ping(&url).await;
            let failed_before = seen.failed.swap(fetched.is_err(), Ordering::AcqRel);
            match fetched {
                Err(why) if !failed_before => tracing::warn!("the address of `alerts.ping` was not fetched: {why}"),
                Ok(()) if failed_before => tracing::info!("the address of `alerts.ping` is fetched again"),
                Err(_) | Ok(()) => {}
            }
            seen.under_way.store(false, Ordering::Release);
        });
    }
}
