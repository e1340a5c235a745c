//! Messages, plans and sends, as the tests need them.

use nightkeep::adapters::channels::Channels;
use nightkeep::core::alert::message::{Message, MessageKind, Outcome, Severity};
use nightkeep::core::plan::{Auth, ChannelPlan, ClearSecrets, SecretField, SecretRef, Way};
use nightkeep::core::secret::Secret;
use nightkeep::core::time::Wall;
use std::time::Duration;

/// Long enough for a loaded machine, short enough for a test of a service that never answers.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub fn message() -> Message {
    Message {
        key: "a7-2".into(),
        channel: "phone".into(),
        kind: MessageKind::Fired,
        severity: Severity::High,
        title: "tests: failed for good".into(),
        body: "exit code 3 after 5 attempts\nlast line: assertion failed".into(),
        session: Some("tests".into()),
        project: Some("app".into()),
        since: Wall(1_795_226_400_000),
        at: Wall(1_795_226_460_000),
        command: Some("nightkeep why tests".into()),
        count: 1,
        night: Some("2026-11-21".into()),
        dedupe_key: Some("k1".into()),
        reached: Vec::new(),
    }
}

pub fn plan(way: Way) -> ChannelPlan {
    ChannelPlan { name: "phone".into(), min_severity: None, template: None, way }
}

pub fn with_template(way: Way, template: &str) -> ChannelPlan {
    ChannelPlan { template: Some(template.into()), ..plan(way) }
}

/// The secrets of the channel `phone` that stand in the file.
pub fn clear(secrets: &[(SecretField, &str)]) -> ClearSecrets {
    secrets.iter().map(|(field, text)| (("phone".to_owned(), *field), Secret::new(*text))).collect()
}

/// A channel with an address that stands in the file.
pub fn at(url: &str) -> ClearSecrets {
    clear(&[(SecretField::Url, url)])
}

pub fn ntfy() -> Way {
    Way::Ntfy { url: SecretRef::Here, auth: Auth::None }
}

pub fn webhook() -> Way {
    Way::Webhook { url: SecretRef::Here, auth: Auth::None, content_type: "application/json".into() }
}

pub fn send(plan: &ChannelPlan, clear: ClearSecrets, message: &Message) -> Outcome {
    send_within(plan, clear, message, PATIENCE)
}

pub fn send_within(plan: &ChannelPlan, clear: ClearSecrets, message: &Message, deadline: Duration) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(Channels::new(clear).with_deadline(deadline).send(plan, message))
}

/// What a failure says: why, when to come back, whether it is for good.
#[track_caller]
pub fn failed(outcome: Outcome) -> (String, Option<Duration>, bool) {
    match outcome {
        Outcome::Failed { why, retry_after, permanent, reached: _ } => (why, retry_after, permanent),
        Outcome::Delivered => panic!("it was delivered"),
    }
}

/// The same with a page beside the text.
pub fn send_page(plan: &ChannelPlan, clear: ClearSecrets, message: &Message, page: &str) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let channels = Channels::new(clear).with_page(Some(page.to_owned())).with_deadline(PATIENCE);
    runtime.block_on(channels.send(plan, message))
}
