//! The morning report on its way to people: over the channels that the file names, through the same outbox as alerts.
//!
//! A report is sent when its night is over, or when nothing more happens by itself in a night that has no end. It is sent
//! once: again only if something has happened since.

use super::alert::Settled;
use super::alert::message::{Message, MessageKind, Severity};
use super::fact::Fact;
use super::ids::NightId;
use super::plan::{ChannelPlan, Way};
use super::state::State;
use super::turn::Turn;
use serde::{Deserialize, Serialize};

/// Longest text of a mail, in characters.
const PAGE_MAX: usize = 16_000;
/// What stands between night and channel in the key of a report's message.
const MARK: &str = "_report_";

/// `[report]`, as far as it decides who is told what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReportPlan {
    /// The channels that the report is sent to.
    pub deliver: Vec<String>,
    /// Whether it waits for the end of the quiet hours.
    pub quiet_hours: bool,
}

/// What a report says to somebody who does not open it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// `[2 need you] …`: one line.
    pub title: String,
    /// What else a notification says; with the title at most 400 characters.
    pub push: String,
    /// The whole as a page of text.
    pub page: String,
    /// Whether somebody is needed.
    pub needs_somebody: bool,
}

impl Turn<'_> {
    /// The report of a night was made: sends it if it is the night's last word.
    pub(super) fn report_ready(&mut self, night: &NightId, digest: &Digest) {
        let state = self.state();
        let wanted = state.plan.report.deliver.clone();
        if wanted.is_empty() || !self.is_last_word(night) {
            return;
        }
        let now = self.state().alerts.now(self.at).0;
        let older = self.state().alerts.outbox.keys().filter(|key| of_key(key).is_some_and(|(of, _)| of == *night));
        for key in older.cloned().collect::<Vec<_>>() {
            let then = Settled::Dropped { why: "a newer report takes its place".to_owned() };
            self.fact(Fact::MessageSettled { key, then });
        }
        for name in wanted {
            let Some(channel) = self.state().plan.channels.get(&name) else { continue };
            let message = Message {
                key: format!("{night}{MARK}{name}-{now}"),
                channel: name.clone(),
                kind: MessageKind::Report,
                severity: if digest.needs_somebody { Severity::Medium } else { Severity::Low },
                title: digest.title.clone(),
                body: words(channel, digest),
                session: None,
                project: None,
                since: self.at.wall,
                at: self.at.wall,
                command: None,
                count: 1,
                night: Some(night.to_string()),
                dedupe_key: None,
                reached: Vec::new(),
            };
            self.fact(Fact::MessageQueued { message: Box::new(message), alerts: Vec::new() });
        }
        self.night.post.due = true;
    }

    /// Whether nothing follows in a night that its report does not tell, and it was not sent yet.
    fn is_last_word(&self, night: &NightId) -> bool {
        let state = self.state();
        let sent = state
            .night
            .as_ref()
            .is_some_and(|known| (known.id == *night && known.delivered) || known.sent_before.as_ref() == Some(night));
        !sent && is_over(state, night)
    }
}

/// Whether a night is over, as far as its report goes: it ends or has ended, or nothing more happens in it by itself
/// and no clock ends it.
pub fn is_over(state: &State, night: &NightId) -> bool {
    match &state.night {
        // Another night may begin while this one's report is made.
        Some(known) if known.id != *night => *night < known.id,
        Some(known) => known.closed.is_some() || known.closing || (state.settled() && state.calendar.ends.is_none()),
        None => false,
    }
}

/// The text for a channel: a page where there is room and time to read it.
fn words(channel: &ChannelPlan, digest: &Digest) -> String {
    match &channel.way {
        Way::Email { .. } => digest.page.chars().take(PAGE_MAX).collect(),
        Way::Ntfy { .. }
        | Way::Slack { .. }
        | Way::Discord { .. }
        | Way::Telegram { .. }
        | Way::Webhook { .. }
        | Way::Desktop
        | Way::Command { .. } => digest.push.clone(),
    }
}

/// The night and the channel of a report's message, by its key.
pub fn of_key(key: &str) -> Option<(NightId, &str)> {
    let (night, rest) = key.split_once(MARK)?;
    Some((NightId::new(night).ok()?, rest.rsplit_once('-')?.0))
}

/// The night of a fact about a report's message. It belongs to that night although it comes after its end.
pub fn night_of(fact: &Fact) -> Option<NightId> {
    let key = if let Fact::MessageQueued { message, .. } = fact {
        &message.key
    } else if let Fact::MessageSettled { key, .. } = fact {
        key
    } else {
        return None;
    };
    of_key(key).map(|(night, _)| night)
}

#[cfg(test)]
#[expect(clippy::wildcard_enum_match_arm, reason = "tests look for one variant among many")]
mod tests {
    use super::*;
    use crate::core::alert::message::Outcome;
    use crate::core::alert::plan::AlertsPlan;
    use crate::core::effect::Effect;
    use crate::core::event::Event;
    use crate::core::night::Step;
    use crate::core::plan::Plan;
    use crate::core::testing::{Desk, code, plan, seconds, session};

    fn channel(name: &str, way: Way) -> (String, ChannelPlan) {
        (name.to_owned(), ChannelPlan { name: name.to_owned(), min_severity: None, template: None, way })
    }

    fn to_mail_and_phone(quiet_hours: bool) -> Plan {
        let mail = Way::Email { url: None, user: None, password: None, from: "a@b.c".into(), to: vec!["d@e.f".into()] };
        Plan {
            timezone: Some("UTC".to_owned()),
            channels: [channel("mail", mail), channel("phone", Way::Desktop)].into(),
            // All day long.
            alerts: AlertsPlan { quiet: Some((0, 24 * 60 - 1)), ..AlertsPlan::default() },
            report: ReportPlan { deliver: vec!["mail".to_owned(), "phone".to_owned()], quiet_hours },
            ..plan([session("a"), session("b")])
        }
    }

    fn ready(desk: &mut Desk) -> Step {
        let night = desk.night.state.night.as_ref().map(|night| night.id.clone()).expect("there is a night");
        let digest = Digest {
            title: "[1 needs you] 1 of 2 sessions finished.".to_owned(),
            push: "a failed.".to_owned(),
            page: "A page\nof text\n".to_owned(),
            needs_somebody: true,
        };
        desk.step(Event::ReportReady { night, digest: Box::new(digest) })
    }

    fn sent(step: &Step) -> Vec<(String, String)> {
        let message = |effect: &Effect| match effect {
            Effect::Send { message } => Some((message.channel.clone(), message.body.clone())),
            _ => None,
        };
        step.effects.iter().filter_map(message).collect()
    }

    #[test]
    fn a_report_is_sent_once_and_again_only_when_something_happened_since() {
        let mut desk = Desk::new(to_mail_and_phone(false));
        desk.up(&[]);
        assert!(sent(&ready(&mut desk)).is_empty(), "the night goes on");
        desk.runs("a", code(0));
        desk.runs("b", code(0));
        let both = [("mail".to_owned(), "A page\nof text\n".to_owned()), ("phone".to_owned(), "a failed.".to_owned())];
        assert_eq!(sent(&ready(&mut desk)), both, "nothing more happens by itself, whatever time of day it is");
        assert!(sent(&ready(&mut desk)).is_empty());
        desk.down();
        assert!(sent(&ready(&mut desk)).is_empty(), "nothing happened since");
        desk.crash();
        assert!(sent(&ready(&mut desk)).is_empty(), "the journal knows of it");
        desk.step(Event::PlanLoaded { plan: Box::new(to_mail_and_phone(false)) });
        desk.wait(seconds(60));
        desk.up(&[]);
        desk.runs("a", code(0));
        desk.runs("b", code(0));
        desk.down();
        assert_eq!(sent(&ready(&mut desk)).len(), 2);
        assert_eq!(desk.night.state.alerts.outbox.len(), 2, "the newer one takes the place of what was not sent");
    }

    #[test]
    fn a_report_that_was_under_way_is_sent_by_the_next_daemon_with_the_same_key() {
        let mut desk = Desk::new(to_mail_and_phone(false));
        desk.up(&[]);
        desk.down();
        let keys: Vec<String> = {
            ready(&mut desk);
            desk.night.state.alerts.outbox.keys().cloned().collect()
        };
        assert_eq!(keys.len(), 2);
        assert_eq!(of_key(&keys[0]).map(|(_, channel)| channel), Some("mail"));
        desk.step(Event::Sent { key: keys[1].clone(), outcome: Outcome::Delivered });
        desk.crash();
        desk.wait(seconds(60));
        let again: Vec<&String> = desk.night.state.alerts.outbox.keys().collect();
        assert_eq!(again, [&keys[0]]);
    }

    #[test]
    fn what_the_file_holds_back_in_quiet_hours_waits_for_their_end() {
        let mut desk = Desk::new(to_mail_and_phone(true));
        desk.up(&[]);
        desk.down();
        assert!(sent(&ready(&mut desk)).is_empty());
        assert_eq!(desk.night.state.alerts.outbox.len(), 2);
    }
}
