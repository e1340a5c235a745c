//! What keeps a night going and tells of it: clean-ups, the service, the channels.

use super::Check;
use crate::cli::context::Context;
use crate::cli::found::in_path;
use crate::cli::parts;
use crate::cli::service::Service;
use crate::config::Settings;
use crate::config::raw::{Address, Channel, Elsewhere, Secret};
use crate::instance::Instance;
use std::fs::File;

/// What a clean-up would do now.
pub async fn clean_ups(context: &Context, instance: &Instance) -> Check {
    const NAME: &str = "clean-up";
    match parts::clean_dry(context, instance, None).await {
        Err(failure) => Check::warning(
            NAME,
            failure.lines().first().map_or("", |line| line.trim_start_matches("error: ")),
            "nothing old is removed, and the disk fills up",
            "see what is wrong with the file, the journal and the folders",
        ),
        Ok(report) if report.deeds.is_empty() => Check::ok(NAME, "nothing to clean up"),
        Ok(report) => {
            let bytes = report.deeds.iter().fold(0_u64, |sum, deed| sum.saturating_add(deed.bytes));
            let mib = bytes as f64 / f64::from(1 << 20);
            let seen = format!("{} things to do, about {mib:.1} MiB; the daemon does them", report.deeds.len());
            Check::ok(NAME, format!("{seen}, or `nightkeep clean`"))
        }
    }
}

/// The service, when there is one.
pub fn service(context: &Context, instance: &Instance) -> Check {
    const NAME: &str = "service";
    let why = "a service of another version or place may not start, or start the wrong program";
    match Service::of(context, instance).map(|service| service.installed()) {
        Ok(None) => Check::ok(NAME, "none installed: after a crash or a reboot `nightkeep up` is yours to do"),
        Ok(Some(true)) => Check::ok(NAME, "installed, as it should be; `nightkeep service status` tells more"),
        Ok(Some(false)) => {
            Check::warning(NAME, "installed, but not as it would be written now", why, "`nightkeep service install`")
        }
        Err(failure) => {
            let lines = failure.lines();
            let seen = lines.first().map_or("", |line| line.trim_start_matches("error: ")).to_owned();
            Check::warning(NAME, seen, "no service can be written", "see `nightkeep service status`")
        }
    }
}

/// Whether each channel has what it needs on this machine. Nothing is sent.
pub fn channels(settings: Option<&Settings>) -> Check {
    const NAME: &str = "channels";
    let Some(settings) = settings else { return Check::ok(NAME, "not known without a file that can be used") };
    let channels = &settings.raw.alerts.channels;
    if channels.is_empty() {
        return Check::ok(NAME, "none declared: alerts stand in `status` and in the report only");
    }
    let lacks: Vec<String> = channels
        .iter()
        .flat_map(|(name, channel)| lacking(channel).into_iter().map(move |what| format!("{name}: {what}")))
        .collect();
    if lacks.is_empty() {
        let names: Vec<&str> = channels.keys().map(String::as_str).collect();
        return Check::ok(NAME, format!("{} have what they need; nothing was sent", names.join(", ")));
    }
    Check::broken(
        NAME,
        lacks.join("; "),
        "what is to wake you does not reach you",
        "set it where the daemon is started, or correct the file",
    )
}

fn lacking(channel: &Channel) -> Vec<String> {
    let mut lacks = Vec::new();
    let secrets = [
        channel.url.as_ref().and_then(Address::elsewhere),
        channel.token.as_ref().and_then(Secret::elsewhere),
        channel.password.as_ref().and_then(Secret::elsewhere),
    ];
    for Elsewhere { env, file } in secrets.into_iter().flatten() {
        if let Some(name) = env
            && std::env::var_os(name).is_none_or(|value| value.is_empty())
        {
            lacks.push(format!("the variable {name} is not set here"));
        }
        if let Some(path) = file
            && let Err(e) = File::open(path)
        {
            lacks.push(format!("{path} cannot be read: {e}"));
        }
    }
    if let Some(program) = channel.command.as_ref().and_then(|command| command.first())
        && in_path(program).is_none()
        && !std::path::Path::new(program).exists()
    {
        lacks.push(format!("there is no program {program}"));
    }
    lacks
}
