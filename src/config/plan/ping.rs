//! The address that is fetched while the daemon works.

use super::super::document::Place;
use super::super::raw::{self, Address, Elsewhere};
use super::Build;
use super::channels::{check_elsewhere, elsewhere};
use crate::core::alert::plan::PingPlan;
use crate::core::plan::{SecretRef, check_web_address};
use std::time::Duration;

/// How often it is fetched unless the file says otherwise.
const EVERY: Duration = Duration::from_secs(60);
/// Services want no more than five in a minute.
const LEAST: Duration = Duration::from_secs(12);
/// After so long nobody would notice in the same night.
const MOST: Duration = Duration::from_secs(24 * 3600);

/// `[alerts.ping]`. What it gives is only good when no error was told.
pub(super) fn ping(build: &mut Build<'_, '_>) -> Option<PingPlan> {
    let ping = build.raw.alerts.ping.as_ref()?;
    let place = Place::root().key("alerts").key("ping");
    let every = ping.every.as_ref().map_or(EVERY, |every| every.0);
    if every < LEAST || every > MOST {
        let found = build.problems.error(&place.key("every"), "the address is fetched too often or too seldom");
        found.help("it is at least 12s and at most 24h");
    }
    let url = place.key("url");
    check_elsewhere(build, ping.url.elsewhere(), &url);
    let url = match &ping.url {
        Address::Text(text) => {
            if let Err((message, help)) = check_web_address(text) {
                build.problems.error(&url, message).help(help);
            }
            SecretRef::Here
        }
        Address::Elsewhere(at) => elsewhere(build, at, &url)?,
    };
    Some(PingPlan { url, every })
}

/// The address, when it stands in the file itself.
pub(super) fn clear_address(raw: &raw::Alerts) -> Option<&str> {
    match &raw.ping.as_ref()?.url {
        Address::Text(text) => Some(text),
        Address::Elsewhere(_) => None,
    }
}

/// Where the address is, when it does not.
pub(super) fn place_of_address(raw: &raw::Alerts) -> Option<&Elsewhere> {
    raw.ping.as_ref()?.url.elsewhere()
}
