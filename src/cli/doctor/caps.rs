//! Whether the limits of sessions, `max_memory` and `max_processes`, can be set on this machine.

use super::Check;
use crate::core::plan::Plan;
use crate::instance::Instance;
use crate::shim;
use std::fs;
use std::os::unix::net::UnixStream;
use std::path::Path;

const NAME: &str = "session limits";

/// Looks from where sessions run: the tmux server's control groups, else our own, which tmux would be started from.
pub fn check(instance: &Instance, plan: Option<&Plan>) -> Check {
    let server = server(&instance.tmux_socket());
    let of = server.map_or_else(|| "self".to_owned(), |pid| pid.to_string());
    let groups = fs::read_to_string(format!("/proc/{of}/cgroup")).unwrap_or_default();
    let wanted = plan.map_or(0, |plan| {
        plan.sessions.values().filter(|s| s.caps.memory.is_some() || s.caps.processes.is_some()).count()
    });
    told(shim::limits_could_be_set(&groups), wanted, rustix::process::geteuid().is_root())
}

/// The process id of a tmux server.
fn server(socket: &Path) -> Option<i32> {
    let stream = UnixStream::connect(socket).ok()?;
    Some(rustix::net::sockopt::socket_peercred(&stream).ok()?.pid.as_raw_nonzero().get())
}

fn told(found: Result<String, String>, wanted: usize, root: bool) -> Check {
    match found {
        Ok(how) => Check::ok(NAME, format!("`max_memory` and `max_processes` can be set {how}")),
        Err(why) if wanted == 0 => Check::ok(
            NAME,
            format!("no session asks for one; they could not be set here ({why}): {}", remedy(&why, root)),
        ),
        Err(why) => Check::warning(
            NAME,
            format!("they cannot be set: {why}"),
            match wanted {
                1 => "one session asks for a limit and runs without it".to_owned(),
                n => format!("{n} sessions ask for a limit and run without it"),
            },
            remedy(&why, root),
        ),
    }
}

/// What to do about it.
fn remedy(why: &str, root: bool) -> String {
    // Both versions side by side: the controllers are those of the old one, which systemd hands down to nobody.
    let mixed = why.contains("/sys/fs/cgroup/unified");
    let text = if mixed && !root {
        "boot with control groups of version 2 alone (`systemd.unified_cgroup_hierarchy=1` on the kernel's command line), or \
         run nightkeep as root"
    } else if why.contains("not delegated") || why.contains("not ours to write") && !why.contains("no controller") {
        "run nightkeep as a service (`nightkeep service install`), whose part of the control groups is its own, or begin the \
         night with `systemd-run --user --scope -p Delegate=yes nightkeep up`"
    } else if why.contains("version 2 has no controller") && !root {
        "have systemd hand memory and pids down to users: put `[Service]` and `Delegate=memory pids` into \
         /etc/systemd/system/user@.service.d/delegate.conf as root, `systemctl daemon-reload`, then log in anew"
    } else if why.contains("version 2 has no controller") {
        "as root: `echo '+memory +pids' > cgroup.subtree_control` in the groups above that one"
    } else {
        "boot with control groups of version 2 (`systemd.unified_cgroup_hierarchy=1` on the kernel's command line); in a \
         container, mount /sys/fs/cgroup so that it can be written"
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::Outcome;

    #[test]
    fn a_limit_that_is_asked_for_and_cannot_be_set_is_told_with_what_to_do() {
        let why = "/sys/fs/cgroup/user.slice/x is not delegated to us; version 1 has no controller `memory`";
        let check = told(Err(why.to_owned()), 2, false);
        assert_eq!(check.result, Outcome::Warning);
        assert_eq!(check.why.as_deref(), Some("2 sessions ask for a limit and run without it"));
        assert!(check.remedy.is_some_and(|remedy| remedy.contains("Delegate=yes")));
        let none = told(Err("version 2 has no controller `memory` in /x; version 1 has none".to_owned()), 0, false);
        assert_eq!(none.result, Outcome::Ok);
        assert!(none.seen.contains("no session asks") && none.seen.contains("delegate.conf"), "{}", none.seen);
        assert_eq!(told(Ok("by control groups of version 1".to_owned()), 3, true).result, Outcome::Ok);
    }

    #[test]
    fn where_both_versions_are_mounted_it_is_the_boot_that_helps() {
        let why = "version 2 has no controller `memory` in /sys/fs/cgroup/unified/; /sys/fs/cgroup/memory/x is not ours to write";
        assert!(remedy(why, false).starts_with("boot with"));
    }

    #[test]
    fn what_can_be_set_here_is_one_or_the_other() {
        let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        match shim::limits_could_be_set(&groups) {
            Ok(how) => assert!(how.contains("version"), "{how}"),
            Err(why) => assert!(!remedy(&why, true).is_empty()),
        }
    }
}
