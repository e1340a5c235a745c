//! Who is at the other end of the API's socket, and whether they may ask for a change.
//!
//! Only our own user and root may speak to the daemon at all. A process that descends from one of our sessions may look
//! but not act: an agent must not steer its own supervisor. This is a hurdle, not a wall: a program of the same user can
//! cut its ancestry (see `docs/security.md`).

use super::doorway::Doorway;
use crate::os::ancestry;
use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::OnceLock;

/// The peer of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// Its user.
    pub uid: Option<u32>,
    /// Its process.
    pub pid: Option<u32>,
}

impl Connected<IncomingStream<'_, Doorway>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Doorway>) -> Self {
        let credentials = stream.io().credentials().ok();
        Self {
            uid: credentials.map(|c| c.uid()),
            pid: credentials.and_then(|c| c.pid()).and_then(|pid| u32::try_from(pid).ok()),
        }
    }
}

impl Peer {
    /// This very process: what the daemon was asked for on its own command line.
    pub fn ourselves() -> Self {
        Self { uid: Some(rustix::process::geteuid().as_raw()), pid: Some(std::process::id()) }
    }
    /// Whether the peer is our own user or root.
    pub fn may_connect(self) -> bool {
        self.uid.is_some_and(|uid| uid == 0 || uid == rustix::process::geteuid().as_raw())
    }
    /// Who it is, for the journal.
    pub fn describe(self) -> String {
        let who = match self.uid {
            None => "uid unknown".to_owned(),
            Some(uid) => name_of(uid).map_or_else(|| format!("uid {uid}"), str::to_owned),
        };
        match self.pid {
            Some(pid) => format!("{who}, pid {pid}"),
            None => who,
        }
    }
    /// Whether the peer or one of its ancestors is a recorder whose run lies below `runs`, or one of `recorders`. A program
    /// can ask before its start is in the journal, so what the state knows is not enough.
    pub fn is_inside(self, runs: &Path, recorders: &BTreeSet<u32>) -> bool {
        let ours =
            |pid: u32| recorders.contains(&pid) || ancestry::recorder(pid).is_some_and(|run| run.starts_with(runs));
        self.pid.is_some_and(|pid| ancestry::lineage(pid).any(ours))
    }
}

/// The name of a user, as the machine's own list of users had it when it was first asked for.
fn name_of(uid: u32) -> Option<&'static str> {
    static USERS: OnceLock<BTreeMap<u32, String>> = OnceLock::new();
    let users = USERS.get_or_init(|| users_in(&std::fs::read_to_string("/etc/passwd").unwrap_or_default()));
    users.get(&uid).map(String::as_str)
}

/// The users in a text of the form of `/etc/passwd`; of several names for one user the first.
fn users_in(passwd: &str) -> BTreeMap<u32, String> {
    let mut users = BTreeMap::new();
    for line in passwd.lines() {
        let mut parts = line.split(':');
        let (name, uid) = (parts.next().unwrap_or_default(), parts.nth(1).and_then(|uid| uid.parse().ok()));
        if let (false, Some(uid)) = (name.is_empty(), uid) {
            users.entry(uid).or_insert_with(|| name.to_owned());
        }
    }
    users
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_called_by_name_where_one_is_known() {
        let users = users_in("root:x:0:0:root:/root:/bin/sh\nbroken\nanna:x:1000:1000::/home/anna:/bin/sh\ntoor:x:0:0");
        assert_eq!(users.get(&0).map(String::as_str), Some("root"));
        assert_eq!(users.get(&1000).map(String::as_str), Some("anna"));
        assert_eq!(Peer { uid: Some(u32::MAX - 1), pid: Some(7) }.describe(), format!("uid {}, pid 7", u32::MAX - 1));
    }

    #[test]
    fn a_descendant_is_recognised_and_a_stranger_is_not() {
        let me = Peer { uid: Some(0), pid: Some(std::process::id()) };
        let inside = |recorder: u32| me.is_inside(Path::new("/srv/logs/runs"), &BTreeSet::from([recorder]));
        assert!(inside(std::process::id()));
        assert!(inside(std::os::unix::process::parent_id()));
        assert!(!inside(u32::MAX));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a process that looks like a recorder is made here and ended here")]
    fn a_recorder_of_ours_is_known_before_the_state_knows_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("exec"), "echo up; read line").unwrap();
        let mut child = std::process::Command::new("/bin/sh")
            .args(["exec", "--run", "/srv/logs/runs/one/2026-11-21-1.1"])
            .current_dir(folder.path())
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // Right after its start a process has no command line yet.
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut [0; 3]).unwrap();
        let inside =
            |runs: &str| Peer { uid: Some(0), pid: Some(child.id()) }.is_inside(Path::new(runs), &BTreeSet::new());
        let (ours, others) = (inside("/srv/logs/runs"), inside("/srv/elsewhere/runs"));
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(ours);
        assert!(!others, "a recorder of another instance is no business of ours");
    }
}
