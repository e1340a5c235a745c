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
/// Fewer open files than this are few for a night of many sessions.
const FILES_LEAST: u64 = 1024;
/// No machine of today has an earlier clock.
const CLOCK_LEAST: Wall = Wall(1_767_225_600_000);

/// tmux is there, and new enough.
pub async fn tmux() -> Check {
    const NAME: &str = "tmux";
    let install = "install tmux 3.3 or later: `apt install tmux`, `brew install tmux`";
    match ask("tmux", &["-V"], DEADLINE).await {
        Err(why) => Check::broken(NAME, why, "every session runs in tmux", install),
        Ok(answer) => match tmux_version(&answer.text) {
            Some(version) if version < TMUX_LEAST => {
                Check::broken(NAME, answer.text, "older ones lose what nightkeep relies on", install)
            }
            Some(_) => Check::ok(NAME, answer.text),
            // Built from its repository: `tmux master`.
            None => Check::warning(
                NAME,
                format!("{}: no version known", answer.text),
                "it may be older than 3.3",
                "see that it is 3.3 or later",
            ),
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

/// What is lost without git.
const NO_GIT: &str = "the report knows nothing of commits";

/// git is there; without it the report says nothing of commits.
pub async fn git() -> Check {
    match ask("git", &["--version"], DEADLINE).await {
        Ok(answer) if answer.ok => Check::ok("git", answer.text),
        Ok(answer) => {
            Check::warning("git", format!("`git --version` failed: {}", answer.text), NO_GIT, "install git anew")
        }
        Err(why) => Check::warning("git", why, NO_GIT, "`apt install git`, `brew install git`"),
    }
}

/// The shell that command lines go to.
pub fn shell() -> Check {
    if Path::new("/bin/sh").exists() {
        Check::ok("shell", "/bin/sh")
    } else {
        Check::broken(
            "shell",
            "there is no /bin/sh",
            "a command that is a string is run by it",
            "write commands as arrays, or install a shell",
        )
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
        (Err(e), _, _) => Check::warning(
            NAME,
            format!("no change notices: {e}"),
            "output is looked for each second, and a changed file is not noticed before the next start",
            raise,
        ),
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
        Check::broken(
            "clock",
            format!("{shown} is in the past"),
            "times of day and of the report would be wrong",
            "set the clock: `timedatectl set-ntp true`",
        )
    } else if zone.is_unknown() {
        Check::warning("clock", shown, "the time zone is unknown: UTC is used", "set TZ or /etc/localtime")
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
            "not enabled for you",
            "logout may end the night, depending on KillUserProcesses, and a service ends with it",
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

/// Open files and file sizes that a night may need.
pub fn limits() -> Check {
    const NAME: &str = "limits";
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let size = rustix::process::getrlimit(rustix::process::Resource::Fsize).current;
    match (files, size) {
        (Some(files), _) if files < FILES_LEAST => Check::warning(
            NAME,
            format!("{files} open files are allowed"),
            "with many sessions the daemon runs out of them",
            format!("`ulimit -n {FILES_LEAST}`, or LimitNOFILE= of the service"),
        ),
        (_, Some(size)) => Check::warning(
            NAME,
            format!("a file may have {size} bytes"),
            "output beyond it is counted and dropped",
            "`ulimit -f unlimited` before `nightkeep up`",
        ),
        (files, None) => {
            let files = files.map_or_else(|| "any number of".to_owned(), |files| files.to_string());
            Check::ok(NAME, format!("{files} open files, files of any size"))
        }
    }
}

/// Whether a night can keep the machine from sleeping.
pub fn awake(wanted: bool) -> Check {
    const NAME: &str = "keep_awake";
    let tool = ["systemd-inhibit", "caffeinate"].into_iter().find(|tool| in_path(tool).is_some());
    match (tool, wanted) {
        (Some(tool), true) => Check::ok(NAME, format!("`{tool}` keeps the machine awake while a night is open")),
        (Some(tool), false) => Check::ok(NAME, format!("not asked for; `{tool}` could")),
        (None, false) => Check::ok(NAME, "not asked for"),
        (None, true) => Check::warning(
            NAME,
            "neither systemd-inhibit nor caffeinate is in PATH",
            "the machine may fall asleep in the night; a session sleeps with it",
            "install systemd, or turn sleep off in the system's settings",
        ),
    }
}

/// What stands between the sessions and nightkeep itself.
pub fn wall() -> Check {
    if rustix::process::geteuid().is_root() {
        return Check::warning(
            "wall",
            "nightkeep runs as root, and its sessions with it",
            "whatever an agent runs may change anything on this machine",
            "run it as a user of its own",
        );
    }
    Check::ok(
        "wall",
        "sessions run as you: nightkeep refuses their commands, which is a hurdle and no wall (docs/security.md)",
    )
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
