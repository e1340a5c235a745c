//! A way to reach somebody, as plain data: where its secrets are, never what they are.

use crate::core::alert::message::Severity;
use crate::core::secret::Secret;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Longest address, in bytes.
const ADDRESS_MAX: usize = 2_048;

/// One channel. It is journaled with the plan, so it holds no secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChannelPlan {
    /// Its name in the file.
    pub name: String,
    /// Nothing below this is sent here.
    #[serde(default)]
    pub min_severity: Option<Severity>,
    /// The text of a message, or the whole body of a webhook, instead of the built-in one.
    #[serde(default)]
    pub template: Option<String>,
    /// How it reaches somebody.
    pub way: Way,
}

/// How a channel reaches somebody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Way {
    /// A topic of an ntfy server.
    Ntfy {
        /// The topic's address.
        url: SecretRef,
        /// How we say who we are.
        auth: Auth,
    },
    /// An incoming webhook of Slack, or of a service that understands the same.
    Slack {
        /// The webhook's address.
        url: SecretRef,
    },
    /// A webhook of Discord.
    Discord {
        /// The webhook's address.
        url: SecretRef,
    },
    /// A bot of Telegram.
    Telegram {
        /// The server of the Bot API; Telegram's own without it.
        url: Option<SecretRef>,
        /// The bot's token.
        token: SecretRef,
        /// The chats written to.
        chats: Vec<String>,
    },
    /// Any address that takes a POST.
    Webhook {
        /// The address.
        url: SecretRef,
        /// How we say who we are.
        auth: Auth,
        /// What the template makes; JSON unless the file says otherwise.
        content_type: String,
    },
    /// Mail.
    Email {
        /// The mail server; the one on this machine without it.
        url: Option<SecretRef>,
        /// User name at the server.
        user: Option<String>,
        /// The user's password.
        password: Option<SecretRef>,
        /// The sender's address.
        from: String,
        /// The addresses written to.
        to: Vec<String>,
    },
    /// The desktop's own notifications.
    Desktop,
    /// A program that gets the message as JSON on its standard input.
    Command {
        /// Program and arguments, started without a shell.
        argv: Vec<String>,
        /// Its working directory.
        dir: PathBuf,
    },
}

impl Way {
    /// The word for it in the file.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Ntfy { .. } => "ntfy",
            Self::Slack { .. } => "slack",
            Self::Discord { .. } => "discord",
            Self::Telegram { .. } => "telegram",
            Self::Webhook { .. } => "webhook",
            Self::Email { .. } => "email",
            Self::Desktop => "desktop",
            Self::Command { .. } => "command",
        }
    }
}

/// How we say who we are to a web server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// Not at all.
    None,
    /// With a token.
    Bearer(SecretRef),
    /// With name and password.
    Basic {
        /// The name.
        user: String,
        /// The password.
        password: SecretRef,
    },
}

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretRef {
    /// In this environment variable.
    Env(String),
    /// In this file, which holds nothing else; absolute.
    File(PathBuf),
    /// In `sessions.toml` itself; its value comes with [`ClearSecrets`].
    Here,
}

/// Which secret of a channel is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretField {
    /// Its address.
    Url,
    /// Its token.
    Token,
    /// Its password.
    Password,
}

impl SecretField {
    /// The key in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::Token => "token",
            Self::Password => "password",
        }
    }
}

/// The secrets and addresses that stand in `sessions.toml` itself, by channel. They are never part of a plan, because a
/// plan is journaled: who loads the file hands them to who sends.
pub type ClearSecrets = BTreeMap<(String, SecretField), Secret>;

/// Why an address cannot be used, and what would be right.
pub type AddressFault = (&'static str, &'static str);

/// Checks an address that is to be posted to: of the web, without credentials, not that of a cloud's metadata service.
pub fn check_web_address(url: &str) -> Result<(), AddressFault> {
    const FORM: &str = "write https://HOST/…";
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let rest = bounded(url, FORM).and_then(|()| rest.ok_or(("the address is not one of the web", FORM)))?;
    check_host(url, rest, FORM, "use `user`, `password` or `token`")
}

/// Checks the address of a mail server.
pub fn check_mail_address(url: &str) -> Result<(), AddressFault> {
    const FORM: &str = "write smtp://HOST:587 or smtps://HOST";
    let rest = url.strip_prefix("smtp://").or_else(|| url.strip_prefix("smtps://"));
    let rest = bounded(url, FORM).and_then(|()| rest.ok_or(("the address is not one of a mail server", FORM)))?;
    check_host(url, rest, FORM, "use `user` and `password`")
}

fn bounded(url: &str, form: &'static str) -> Result<(), AddressFault> {
    if url.len() > ADDRESS_MAX { Err(("the address is longer than 2048 bytes", form)) } else { Ok(()) }
}

fn check_host(url: &str, rest: &str, form: &'static str, instead: &'static str) -> Result<(), AddressFault> {
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(("the address has a space or control character in it", form));
    }
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.contains('@') {
        return Err(("the address has a user name or password in it", instead));
    }
    if host.is_empty() || host.starts_with(':') {
        return Err(("the address has no host", form));
    }
    if host.starts_with("169.254.") || host.to_lowercase().starts_with("[fe80:") {
        return Err(("the address is link-local, where no channel can be", form));
    }
    Ok(())
}
