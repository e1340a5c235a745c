//! Messages that are sent to try out a channel.

use super::host_name;
use crate::adapters::channels::Channels;
use crate::core::alert::message::{Message, MessageKind, Outcome, Severity};
use crate::core::plan::{ChannelPlan, ClearSecrets};
use crate::core::time::Wall;
use crate::protocol::{ChannelTested, SCHEMA};

/// Sends a test message over a channel, with the environment of this process.
pub async fn try_channel(plan: &ChannelPlan, clear: ClearSecrets, at: Wall) -> Outcome {
    Channels::new(clear).send(plan, &test_message(&plan.name, at)).await
}

/// The same as an answer.
pub fn tested(plan: &ChannelPlan, outcome: Outcome, environment: &str) -> ChannelTested {
    let (why, retry_after, permanent) = match outcome {
        Outcome::Delivered => (None, None, false),
        Outcome::Failed { why, retry_after, permanent, reached: _ } => (Some(why), retry_after, permanent),
    };
    ChannelTested {
        schema: SCHEMA,
        channel: plan.name.clone(),
        r#type: plan.way.as_str().to_owned(),
        delivered: why.is_none(),
        why,
        permanent,
        retry_after: retry_after.map(|wait| wait.as_secs_f64()),
        environment: environment.to_owned(),
    }
}

fn test_message(channel: &str, at: Wall) -> Message {
    let host = host_name();
    Message {
        key: format!("test_{}-1", at.0),
        channel: channel.to_owned(),
        kind: MessageKind::Test,
        severity: Severity::High,
        title: format!("Test of the channel {channel}"),
        body: format!("nightkeep on {host} can reach you here. Nothing is wrong."),
        session: None,
        project: None,
        since: at,
        at,
        command: None,
        count: 1,
        night: None,
        dedupe_key: None,
        reached: Vec::new(),
    }
}
