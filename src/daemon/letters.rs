//! The report on its way to people: what it says in short goes to the core, which decides who gets it; what a mail
//! carries beside its text is made when it is sent.

use super::perform::Rim;
use super::reports;
use crate::core::alert::message::{Message, MessageKind};
use crate::core::delivery;
use crate::core::event::Event;
use crate::core::ids::NightId;
use crate::core::plan::{ChannelPlan, Way};
use crate::report::letter::letter;
use crate::report::model::Report;

use std::sync::Arc;
use std::time::Duration;

/// How long a daemon that is to end waits until a report is sent that could not be at once: when the clock ended the
/// night, and when a person did and waits for it.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(30 * 60), Duration::from_secs(15));

/// Hands a report over to be sent. It is journaled once this is through.
pub async fn hand_over(rim: &Arc<Rim>, night: &NightId, report: &Report) {
    let digest = Box::new(letter(report));
    let _ = rim.inbox().ask(Event::ReportReady { night: night.clone(), digest }).await;
}

/// The page that goes with a message, if one does.
pub async fn page(rim: &Arc<Rim>, channel: &ChannelPlan, message: &Message) -> Option<String> {
    if message.kind != MessageKind::Report || !matches!(channel.way, Way::Email { .. }) {
        return None;
    }
    let night = NightId::new(message.night.as_deref()?).ok()?;
    let made = async { anyhow::Ok(reports::html(rim, &reports::made(rim, &night).await?)?) };
    match made.await {
        Ok(page) => Some(page),
        Err(e) => {
            tracing::warn!(%night, "the mail goes without a page: {e:#}");
            None
        }
    }
}

/// Whether the daemon is to stay a while because a report is still to be sent.
pub async fn wait(rim: &Arc<Rim>, waited: Duration) -> bool {
    let patience = if rim.was_told_to_end() { PATIENCE.1 } else { PATIENCE.0 };
    let waiting = rim.inbox().look(|state, _| state.alerts.outbox.keys().any(|key| delivery::of_key(key).is_some()));
    waited < patience && waiting.await.unwrap_or(false)
}
