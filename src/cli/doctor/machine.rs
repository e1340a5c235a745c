//! What the machine must have: programs, limits, a clock.

use super::Check;
use crate::cli::external::ask;
use crate::cli::found::{in_path, installed_agents};
use crate::cli::when;
use crate::core::time::Wall;
use crate::os::clock as os_clock;
use notify::Watcher as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// How long a program may take to tell its version.
const DEADLINE: Duration = Duration::from_secs(5);
/// The oldest tmux whose control mode and exact targets are relied on.
const TMUX_LEAST: (u32, u32) = (3, 3);
/// No machine of today has an earlier clock.
const CLOCK_LEAST: Wall = Wall(1_767_225_600_000);

/// tmux is there, and new enough.
pub async fn tmux() -> Check {
    const NAME: &str = "tmux";
    let install = "install tmux 3.3 or later: `apt install tmux`, `brew install tmux`";
    match ask("tmux", &["-V"], DEADLINE).await {
        Err(why) => Check::broken(NAME, why, install),
        Ok(answer) => match tmux_version(&answer.text) {
            Some(version) if version < TMUX_LEAST => Check::broken(NAME, answer.text, install),
            Some(_) => Check::ok(NAME, answer.text),
            // Built from its repository: `tmux master`.
            None => Check::warning(NAME, format!("{}: no version known", answer.text), "3.3 or later is needed"),
        },
    }
}

/// `tmux 3.3a`, `tmux next-3.6`.
fn tmux_version(text: &str) -> Option<(u32, u32)> {
    let word = text.strip_prefix("tmux ")?.trim_start_matches("next-").trim_start_matches("openbsd-");
    let (major, rest) = word.split_once('.')?;
    let minor: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// git is there; without it the report says nothing of commits.
pub async fn git() -> Check {
    match ask("git", &["--version"], DEADLINE).await {
        Ok(answer) if answer.ok => Check::ok("git", answer.text),
        Ok(answer) => Check::warning("git", format!("`git --version` failed: {}", answer.text), "install git anew"),
        Err(why) => Check::warning("git", why, "install git, else the report knows nothing of commits"),
    }
}

/// The shell that command lines go to.
pub fn shell() -> Check {
    if Path::new("/bin/sh").exists() {
        Check::ok("shell", "/bin/sh")
    } else {
        Check::broken("shell", "there is no /bin/sh", "write commands as arrays, or install a shell")
    }
}

/// A change notice can be had: the limits of inotify are not used up.
pub fn inotify() -> Check {
    const NAME: &str = "inotify";
    let limit = |name: &str| {
        let text = fs::read_to_string(format!("/proc/sys/fs/inotify/{name}")).unwrap_or_default();
        text.trim().parse::<u64>().ok()
    };
    let watched = notify::recommended_watcher(|_| {})
        .and_then(|mut watcher| watcher.watch(Path::new("/"), notify::RecursiveMode::NonRecursive));
    let raise = "`sysctl fs.inotify.max_user_instances=512 fs.inotify.max_user_watches=65536`, as root";
    match (watched, limit("max_user_instances"), limit("max_user_watches")) {
        (Err(e), _, _) => Check::broken(NAME, format!("no change notices: {e}"), raise),
        (Ok(()), Some(instances), Some(watches)) => {
            Check::ok(NAME, format!("limits: {instances} instances, {watches} watches"))
        }
        (Ok(()), _, _) => Check::ok(NAME, "change notices work"),
    }
}

/// The clock shows a time of today, and the zone is known.
pub fn clock() -> Check {
    let now = os_clock::wall();
    let zone = jiff::tz::TimeZone::system();
    let shown = format!("{} {}", when::rfc3339(now), zone.iana_name().unwrap_or("(zone without a name)"));
    if now < CLOCK_LEAST {
        Check::broken("clock", format!("{shown} is in the past"), "set the clock: `timedatectl set-ntp true`")
    } else if zone.is_unknown() {
        Check::warning("clock", shown, "the time zone is unknown, UTC is used: set TZ or /etc/localtime")
    } else {
        Check::ok("clock", shown)
    }
}

/// Whether sessions live on when the user logs out.
pub async fn lingering() -> Check {
    const NAME: &str = "lingering";
    if !Path::new("/run/systemd/system").exists() {
        return Check::ok(NAME, "no systemd here that would end sessions at logout");
    }
    let uid = rustix::process::getuid().as_raw().to_string();
    let args = ["show-user", &uid, "--property=Linger", "--value"];
    match ask("loginctl", &args, DEADLINE).await {
        Ok(answer) if answer.ok && answer.text == "yes" => Check::ok(NAME, "sessions live on after logout"),
        Ok(_) | Err(_) => Check::warning(
            NAME,
            "not enabled: logout may end the night, depending on KillUserProcesses",
            "`loginctl enable-linger`",
        ),
    }
}

/// The agents that stand in `PATH`.
pub fn agents() -> Check {
    let found: Vec<String> = installed_agents()
        .into_iter()
        .filter_map(|agent| Some(format!("{agent} ({})", in_path(agent)?.to_string_lossy())))
        .collect();
    Check::ok("agents", if found.is_empty() { "none in PATH".to_owned() } else { found.join(", ") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tmux_versions_in_all_their_forms() {
        let forms = [("tmux 3.3a", Some((3, 3))), ("tmux next-3.6", Some((3, 6))), ("tmux 2.9", Some((2, 9)))];
        for (text, version) in forms {
            assert_eq!(tmux_version(text), version);
        }
        assert_eq!(tmux_version("tmux master"), None);
        assert_eq!(tmux_version(""), None);
    }
}
