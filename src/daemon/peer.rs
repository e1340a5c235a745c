//! Who is at the other end of the API's socket, and whether they may ask for a change.
//!
//! Only our own user and root may speak to the daemon at all. A process that descends from one of our sessions may look
//! but not act: an agent must not steer its own supervisor. This is a hurdle, not a wall: a program of the same user can
//! cut its ancestry (see `docs/security.md`).

use super::doorway::Doorway;
use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use std::collections::BTreeSet;

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
        let uid = self.uid.map_or_else(|| "unknown".to_owned(), |uid| uid.to_string());
        match self.pid {
            Some(pid) => format!("uid {uid}, pid {pid}"),
            None => format!("uid {uid}"),
        }
    }
    /// Whether the peer or one of its ancestors is one of these processes (our recorders).
    pub fn descends_from(self, recorders: &BTreeSet<u32>) -> bool {
        let mut pid = self.pid;
        // No process tree is deeper than this; the bound guards against a race that makes a loop.
        for _ in 0..256 {
            match pid {
                None | Some(0 | 1) => return false,
                Some(p) if recorders.contains(&p) => return true,
                Some(p) => pid = parent_of(p),
            }
        }
        false
    }
}

/// The parent of a process, from `/proc/PID/stat` (field 4; the name before it may hold blanks and parentheses).
fn parent_of(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descendant_is_recognised_and_a_stranger_is_not() {
        let me = Peer { uid: Some(0), pid: Some(std::process::id()) };
        let parent = parent_of(std::process::id()).unwrap();
        assert!(me.descends_from(&BTreeSet::from([std::process::id()])));
        assert!(me.descends_from(&BTreeSet::from([parent])));
        assert!(!me.descends_from(&BTreeSet::from([u32::MAX])));
    }
}
