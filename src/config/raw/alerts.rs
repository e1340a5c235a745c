//! `[alerts]` and its channels.

use super::words::{ClockRange, Delay, Period};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;

/// Who is told of what.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Alerts {
    /// Nothing below this is sent.
    pub min_severity: Option<Severity>,
    /// In this part of the day only critical alerts are sent.
    pub quiet_hours: Option<ClockRange>,
    /// After this long an open alert is told again.
    pub repeat: Option<Period>,
    /// Who else is told when nobody reacts.
    pub escalate: Option<Vec<Escalation>>,
    /// An address that is fetched again and again while the daemon works.
    pub ping: Option<Ping>,
    /// Ways to reach somebody.
    pub channels: BTreeMap<String, Channel>,
}

/// How bad an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words say it")]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

/// One step of an escalation.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    /// How long after the alert opened.
    pub after: Delay,
    /// The channels told then.
    pub to: Vec<String>,
}

/// An address that is fetched again and again while the daemon works, so that a service notices when it does not.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ping {
    /// The address.
    pub url: Address,
    /// How often it is fetched.
    #[serde(default)]
    pub every: Option<Period>,
}

/// A way to reach somebody.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// What kind it is.
    #[serde(rename = "type")]
    pub kind: ChannelKind,
    /// Where it is: the address of the topic, webhook or mail server.
    #[serde(default)]
    pub url: Option<Address>,
    /// The secret that opens it.
    #[serde(default)]
    pub token: Option<Secret>,
    /// User name.
    #[serde(default)]
    pub user: Option<String>,
    /// The user's password.
    #[serde(default)]
    pub password: Option<Secret>,
    /// Whom to write to: a chat for telegram, addresses for email.
    #[serde(default)]
    pub to: Option<Vec<String>>,
    /// The sender's address of an email.
    #[serde(default)]
    pub from: Option<String>,
    /// Program and arguments; it gets the alert as JSON.
    #[serde(default)]
    pub command: Option<Vec<String>>,
    /// The text of a message, or the whole body of a webhook, as a template.
    #[serde(default)]
    pub template: Option<String>,
    /// The media type of what a webhook's template makes.
    #[serde(default)]
    pub content_type: Option<String>,
    /// Nothing below this is sent here.
    #[serde(default)]
    pub min_severity: Option<Severity>,
}

/// The kind of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names of the services")]
pub enum ChannelKind {
    Ntfy,
    Slack,
    Discord,
    Telegram,
    Webhook,
    Email,
    Desktop,
    Command,
}

/// An address that may be a secret itself (webhooks are), or where to find it.
#[derive(Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Address {
    /// The address.
    Text(String),
    /// In an environment variable or a file.
    Elsewhere(Elsewhere),
}

/// A secret, or better where to find it.
#[derive(Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Secret {
    /// In clear, which is warned about.
    Text(String),
    /// In an environment variable or a file.
    Elsewhere(Elsewhere),
}

/// Where a secret is.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Elsewhere {
    /// The name of an environment variable.
    pub env: Option<String>,
    /// A file that holds nothing else.
    pub file: Option<String>,
}

impl Secret {
    /// Where the secret is, when it is not written here.
    pub fn elsewhere(&self) -> Option<&Elsewhere> {
        match self {
            Self::Text(_) => None,
            Self::Elsewhere(place) => Some(place),
        }
    }
}

impl fmt::Debug for Secret {
    /// Leaves out the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text(…)"),
            Self::Elsewhere(place) => place.fmt(f),
        }
    }
}

impl Address {
    /// Where the address is, when it is not written here.
    pub fn elsewhere(&self) -> Option<&Elsewhere> {
        match self {
            Self::Text(_) => None,
            Self::Elsewhere(place) => Some(place),
        }
    }
}

impl fmt::Debug for Address {
    /// Leaves out the address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text(…)"),
            Self::Elsewhere(place) => place.fmt(f),
        }
    }
}
