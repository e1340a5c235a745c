//! The ways to reach somebody: what each kind needs, and its plan without the secrets.

use super::super::document::Place;
use super::super::printable::quoted;
use super::super::raw::{self, Address, Channel, ChannelKind, Elsewhere};
use super::{Build, ping};
use crate::core::alert::message::Severity;
use crate::core::alert::plan::PING;
use crate::core::alert::template::{self, TEMPLATE_MAX, Values};
use crate::core::ids::SessionName;
use crate::core::plan::{
    Auth, ChannelPlan, ClearSecrets, SecretField, SecretRef, Way, check_mail_address, check_web_address,
};
use crate::core::secret::Secret;
use std::collections::{BTreeMap, BTreeSet};

/// What a webhook sends unless the file says otherwise.
const JSON: &str = "application/json";
/// The sender of mail when the file names none.
const SENDER: &str = "nightkeep@localhost";
/// Most receivers of one channel.
const RECEIVERS_MAX: usize = 20;

/// Checks all channels and makes their plans. What it gives is only good when no error was told.
pub(super) fn channels(build: &mut Build<'_, '_>) -> BTreeMap<String, ChannelPlan> {
    let raw = build.raw;
    let mut plans = BTreeMap::new();
    for (name, channel) in &raw.alerts.channels {
        let place = Place::root().key("alerts").key("channels").key(name);
        if let Err(why) = SessionName::new(name) {
            build.problems.error_in_key(&place, format!("{} cannot name a channel: {why}", quoted(name)));
        }
        check(build, channel, &place);
        if let Some(plan) = plan(build, name, channel, &place) {
            plans.insert(name.clone(), plan);
        }
    }
    plans
}

/// The secrets and addresses that stand in the file itself.
pub(super) fn clear_secrets(raw: &raw::File) -> ClearSecrets {
    let mut clear = ClearSecrets::new();
    for (name, channel) in &raw.alerts.channels {
        let mut keep = |field, text: &str| clear.insert((name.clone(), field), Secret::new(text));
        if let Some(Address::Text(text)) = &channel.url {
            keep(SecretField::Url, text);
        }
        if let Some(raw::Secret::Text(text)) = &channel.token {
            keep(SecretField::Token, text);
        }
        if let Some(raw::Secret::Text(text)) = &channel.password {
            keep(SecretField::Password, text);
        }
    }
    if let Some(address) = ping::clear_address(&raw.alerts) {
        clear.insert((PING.to_owned(), SecretField::Url), Secret::new(address));
    }
    clear
}

/// The environment variables that hold secrets of channels.
pub(super) fn secret_variables(raw: &raw::File) -> BTreeSet<String> {
    let places = raw.alerts.channels.values().flat_map(|channel| {
        [
            channel.url.as_ref().and_then(Address::elsewhere),
            channel.token.as_ref().and_then(raw::Secret::elsewhere),
            channel.password.as_ref().and_then(raw::Secret::elsewhere),
        ]
    });
    places.flatten().chain(ping::place_of_address(&raw.alerts)).filter_map(|place| place.env.clone()).collect()
}

/// The keys that a kind of channel needs, and those it understands.
fn keys(kind: ChannelKind) -> (&'static [&'static str], &'static [&'static str]) {
    match kind {
        ChannelKind::Ntfy => (&["url"], &["url", "token", "user", "password", "template"]),
        ChannelKind::Slack | ChannelKind::Discord => (&["url"], &["url", "template"]),
        ChannelKind::Telegram => (&["token", "to"], &["url", "token", "to", "template"]),
        ChannelKind::Webhook => (&["url"], &["url", "token", "user", "password", "template", "content_type"]),
        ChannelKind::Email => (&["to"], &["url", "user", "password", "from", "to", "template"]),
        ChannelKind::Desktop => (&[], &["template"]),
        ChannelKind::Command => (&["command"], &["command"]),
    }
}

fn check(build: &mut Build<'_, '_>, channel: &Channel, place: &Place) {
    let (needed, known) = keys(channel.kind);
    let there = [
        ("url", channel.url.is_some()),
        ("token", channel.token.is_some()),
        ("user", channel.user.is_some()),
        ("password", channel.password.is_some()),
        ("to", channel.to.is_some()),
        ("from", channel.from.is_some()),
        ("command", channel.command.is_some()),
        ("template", channel.template.is_some()),
        ("content_type", channel.content_type.is_some()),
    ];
    for (key, there) in there {
        let filled = match key {
            "to" => channel.to.as_ref().is_some_and(|to| !to.is_empty()),
            "command" => channel.command.as_ref().is_some_and(|c| c.first().is_some_and(|p| !p.trim().is_empty())),
            _ => there,
        };
        if needed.contains(&key) && !filled && !build.was_rejected(&place.key(key)) {
            build.problems.error(place, format!("the channel needs `{key}`"));
        }
        if there && !known.contains(&key) {
            let found = build.problems.warning_in_key(&place.key(key), format!("`{key}` does nothing here"));
            found.help(format!("a channel of this type takes {}", listed(known)));
        }
    }
    check_places(build, channel, place);
    if let Some(Address::Text(url)) = &channel.url {
        let checked = if channel.kind == ChannelKind::Email { check_mail_address(url) } else { check_web_address(url) };
        if let Err((message, help)) = checked {
            build.problems.error(&place.key("url"), message).help(help);
        } else if let Some(key) = [("token", &channel.token), ("password", &channel.password)]
            .into_iter()
            .find_map(|(key, secret)| secret.as_ref().map(|_| key))
            && url.starts_with("http://")
            && !is_this_machine(url)
        {
            let found = build.problems.warning(&place.key("url"), format!("the {key} goes over the network in clear"));
            found.help("write https://…");
        }
    }
    // A mail server is told the sender's address when the file names no user.
    let named = channel.user.is_some() || (channel.kind == ChannelKind::Email && channel.password.is_some());
    if channel.password.is_some() != named {
        let key = if channel.user.is_some() { "user" } else { "password" };
        if known.contains(&key) {
            build.problems.error(&place.key(key), "`user` and `password` go together");
        }
    }
    if channel.token.is_some() && channel.password.is_some() && known.contains(&"user") && known.contains(&"token") {
        build.problems.error(&place.key("token"), "it is either `token`, or `user` and `password`");
    }
    check_receivers(build, channel, place);
    check_template(build, channel, place);
}

fn check_places(build: &mut Build<'_, '_>, channel: &Channel, place: &Place) {
    for (key, elsewhere) in [
        ("url", channel.url.as_ref().and_then(Address::elsewhere)),
        ("token", channel.token.as_ref().and_then(raw::Secret::elsewhere)),
        ("password", channel.password.as_ref().and_then(raw::Secret::elsewhere)),
    ] {
        check_elsewhere(build, elsewhere, &place.key(key));
    }
}

/// A secret that is elsewhere is in one place, which can exist.
pub(super) fn check_elsewhere(build: &mut Build<'_, '_>, elsewhere: Option<&Elsewhere>, place: &Place) {
    let Some(elsewhere) = elsewhere else { return };
    if elsewhere.env.is_some() == elsewhere.file.is_some() {
        let found = build.problems.error(place, "it is either in `env` or in `file`");
        found.help("write { env = \"NAME\" } or { file = \"PATH\" }");
    }
    let bad = |name: &String| name.is_empty() || name.contains(['=', '\0']);
    if elsewhere.env.as_ref().is_some_and(bad) {
        build.problems.error(place, "no environment variable has such a name");
    }
}

fn check_receivers(build: &mut Build<'_, '_>, channel: &Channel, place: &Place) {
    let to = channel.to.as_deref().unwrap_or_default();
    if to.len() > RECEIVERS_MAX {
        build.problems.error(&place.key("to"), format!("at most {RECEIVERS_MAX} are allowed"));
    }
    match channel.kind {
        ChannelKind::Email => {
            let from = channel.from.iter().map(|from| (place.key("from"), from));
            let to = to.iter().enumerate().map(|(i, to)| (place.key("to").item(i), to));
            for (place, address) in to.chain(from) {
                if !is_mail_address(address) {
                    build.problems.error(&place, format!("{} is no mail address", quoted(address)));
                }
            }
        }
        ChannelKind::Telegram => {
            for (i, chat) in to.iter().enumerate() {
                let digits = chat.strip_prefix('-').unwrap_or(chat);
                let number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
                if !(number || chat.len() > 1 && chat.starts_with('@')) {
                    let message = format!("{} is no chat", quoted(chat));
                    let found = build.problems.error(&place.key("to").item(i), message);
                    found.help("it is the chat's number as text, or @NAME of a channel");
                }
            }
        }
        ChannelKind::Ntfy
        | ChannelKind::Slack
        | ChannelKind::Discord
        | ChannelKind::Webhook
        | ChannelKind::Desktop
        | ChannelKind::Command => {}
    }
}

fn check_template(build: &mut Build<'_, '_>, channel: &Channel, place: &Place) {
    if let Some(kind) = &channel.content_type
        && (!kind.contains('/') || kind.bytes().any(|b| !(0x20..0x7f).contains(&b)))
    {
        let found = build.problems.error(&place.key("content_type"), format!("{} is no media type", quoted(kind)));
        found.help("it is such as \"application/json\" or \"text/plain; charset=utf-8\"");
    }
    let Some(text) = &channel.template else { return };
    let json = channel.kind == ChannelKind::Webhook && is_json(channel.content_type.as_deref().unwrap_or(JSON));
    let values = if json { Values::Json } else { Values::Escaped(str::to_owned) };
    if text.len() > TEMPLATE_MAX {
        build.problems.error(&place.key("template"), format!("the template is longer than {TEMPLATE_MAX} bytes"));
    } else if let Err(fault) = template::check(text, values) {
        let found = build.problems.error(&place.key("template"), format!("the template cannot be used: {fault}"));
        found
            .help("it knows title, text, severity, state, session, project, night, at, since, command, count, id, seq");
    }
}

/// Whether a media type is JSON.
fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case(JSON) || kind.to_ascii_lowercase().ends_with("+json")
}

/// What can be handed to a mail server as an address; whether it exists is for the server to say.
fn is_mail_address(address: &str) -> bool {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '<' | '>' | ',' | ';' | '"');
    address.rsplit_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
        && address.len() <= 254
        && address.chars().all(plain)
}

fn is_this_machine(url: &str) -> bool {
    let host = url.split("://").nth(1).unwrap_or_default();
    ["localhost", "127.", "[::1]"].iter().any(|this| host.starts_with(this))
}

fn listed(keys: &[&str]) -> String {
    keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
}

fn plan(build: &mut Build<'_, '_>, name: &str, channel: &Channel, place: &Place) -> Option<ChannelPlan> {
    let url = match &channel.url {
        Some(Address::Text(_)) => Some(SecretRef::Here),
        Some(Address::Elsewhere(at)) => elsewhere(build, at, &place.key("url")),
        None => None,
    };
    let mut secret = |secret: &Option<raw::Secret>, key: &str| match secret {
        Some(raw::Secret::Text(_)) => Some(SecretRef::Here),
        Some(raw::Secret::Elsewhere(at)) => elsewhere(build, at, &place.key(key)),
        None => None,
    };
    let (token, password) = (secret(&channel.token, "token"), secret(&channel.password, "password"));
    let auth = match (token.clone(), channel.user.clone(), password.clone()) {
        (Some(token), _, _) => Auth::Bearer(token),
        (None, Some(user), Some(password)) => Auth::Basic { user, password },
        (None, _, _) => Auth::None,
    };
    let to = channel.to.clone().unwrap_or_default();
    let way = match channel.kind {
        ChannelKind::Ntfy => Way::Ntfy { url: url?, auth },
        ChannelKind::Slack => Way::Slack { url: url? },
        ChannelKind::Discord => Way::Discord { url: url? },
        ChannelKind::Telegram => Way::Telegram { url, token: token?, chats: to },
        ChannelKind::Webhook => {
            let content_type = channel.content_type.clone().unwrap_or_else(|| JSON.to_owned());
            Way::Webhook { url: url?, auth, content_type }
        }
        ChannelKind::Email => {
            let from = channel.from.clone().or_else(|| channel.user.clone().filter(|user| is_mail_address(user)));
            let sender = from.clone().or_else(|| to.first().cloned());
            let user = password.as_ref().and_then(|_| channel.user.clone().or(sender));
            Way::Email { url, user, password, from: from.unwrap_or_else(|| SENDER.to_owned()), to }
        }
        ChannelKind::Desktop => Way::Desktop,
        ChannelKind::Command => Way::Command { argv: channel.command.clone()?, dir: build.folder.to_path_buf() },
    };
    let min_severity = channel.min_severity.map(|severity| match severity {
        raw::Severity::Low => Severity::Low,
        raw::Severity::Medium => Severity::Medium,
        raw::Severity::High => Severity::High,
        raw::Severity::Critical => Severity::Critical,
    });
    Some(ChannelPlan { name: name.to_owned(), min_severity, template: channel.template.clone(), way })
}

pub(super) fn elsewhere(build: &mut Build<'_, '_>, at: &Elsewhere, place: &Place) -> Option<SecretRef> {
    if let Some(name) = &at.env {
        return Some(SecretRef::Env(name.clone()));
    }
    let file = at.file.as_deref()?;
    build.path(file, build.folder, place).map(SecretRef::File)
}
