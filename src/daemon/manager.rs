//! The service manager's socket: tells systemd that the daemon is ready, alive, what it is at, and that it ends.
//!
//! `sd_notify(3)` as the few lines that it is. Without `NOTIFY_SOCKET` nothing is sent.

use crate::core::state::State;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;
use tokio::time::Instant;

/// The way to the service manager, if one listens.
#[derive(Debug, Default)]
pub struct Manager {
    to: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Manager {
    /// From the environment that a service manager gives: `NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID`.
    pub fn of(vars: impl Iterator<Item = (OsString, OsString)>, our_pid: u32) -> Self {
        let (mut socket, mut usec, mut pid) = (None, None, None);
        for (name, value) in vars {
            match name.to_str() {
                Some("NOTIFY_SOCKET") => socket = Some(value),
                Some("WATCHDOG_USEC") => usec = value.to_str().and_then(|text| text.parse::<u64>().ok()),
                Some("WATCHDOG_PID") => pid = value.to_str().map(str::to_owned),
                Some(_) | None => {}
            }
        }
        let ours = pid.is_none_or(|pid| pid == our_pid.to_string());
        let to = socket.and_then(|socket| {
            let datagram = UnixDatagram::unbound().ok()?;
            // The manager may be slow, or gone: nobody waits for it.
            datagram.set_nonblocking(true).ok()?;
            Some((datagram, address(&socket)?))
        });
        let watchdog = usec.filter(|usec| ours && *usec > 0).map(Duration::from_micros);
        Self { to, watchdog }
    }
    /// How often [`Pulse::turned`] is to be called at least.
    pub fn beat_every(&self) -> Option<Duration> {
        self.to.as_ref().and(self.watchdog).map(|span| span / 2)
    }
    /// The daemon ends in order.
    pub fn stopping(&self, why: &str) {
        self.send(&format!("STOPPING=1\nSTATUS=ends: {}", one_line(why)));
    }
    fn send(&self, text: &str) {
        if let Some((socket, address)) = &self.to
            && let Err(e) = socket.send_to_addr(text.as_bytes(), address)
        {
            tracing::debug!("the service manager was not told: {e}");
        }
    }
}

/// A path, or an abstract name written with a leading `@`.
fn address(socket: &OsStr) -> Option<SocketAddr> {
    match socket.as_bytes() {
        [b'/', ..] => SocketAddr::from_pathname(socket).ok(),
        #[cfg(target_os = "linux")]
        [b'@', name @ ..] => {
            use std::os::linux::net::SocketAddrExt as _;
            SocketAddr::from_abstract_name(name).ok()
        }
        _ => None,
    }
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}

/// The beat of the main loop: told after each turn that really was one.
#[derive(Debug)]
pub struct Pulse {
    manager: std::sync::Arc<Manager>,
    ready: bool,
    status: String,
    last: Option<Instant>,
}

impl Pulse {
    /// Nothing was told yet.
    pub fn new(manager: std::sync::Arc<Manager>) -> Self {
        Self { manager, ready: false, status: String::new(), last: None }
    }
    /// When the loop has to make a turn at the latest, if anybody asks.
    pub fn due(&self) -> Option<Instant> {
        self.manager.beat_every().map(|every| self.last.unwrap_or_else(Instant::now) + every)
    }
    /// A turn was made: its facts are in the journal, or there were none.
    pub fn turned(&mut self, state: &State) {
        if self.manager.to.is_none() {
            return;
        }
        self.tell(status(state));
    }
    /// The journal cannot be written for a known reason, and is tried again: the loop is alive, and says what holds it up.
    pub fn held_up(&mut self, why: &str) {
        if self.manager.to.is_some() && self.ready {
            self.tell(format!("nothing is started: {}", one_line(why)));
        }
    }
    fn tell(&mut self, status: String) {
        let mut lines = Vec::new();
        if !std::mem::replace(&mut self.ready, true) {
            lines.push("READY=1".to_owned());
        }
        // A little early is right, late is not: a timer that fires for a beat must always send it.
        let due = self.manager.beat_every().map(|every| every.mul_f64(0.9));
        let now = Instant::now();
        if due.is_some_and(|due| self.last.is_none_or(|last| now.duration_since(last) >= due)) {
            self.last = Some(now);
            lines.push("WATCHDOG=1".to_owned());
        }
        if status != self.status {
            lines.push(format!("STATUS={status}"));
            self.status = status;
        }
        if !lines.is_empty() {
            self.manager.send(&lines.join("\n"));
        }
    }
}

/// What the daemon is at, on one line.
fn status(state: &State) -> String {
    let Some(night) = state.open_night() else { return "no night is open".to_owned() };
    let (mut runs, mut waits, mut ended, mut failed) = (0_u32, 0_u32, 0_u32, 0_u32);
    for run in state.night_runs() {
        if run.is_dead_letter() {
            failed += 1;
        } else if run.state.is_ended() {
            ended += 1;
        } else if run.state.live_attempt().is_some() {
            runs += 1;
        } else {
            waits += 1;
        }
    }
    format!("night {}: {runs} running, {waits} waiting, {ended} ended, {failed} failed", night.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn vars(list: &[(&str, &str)]) -> impl Iterator<Item = (OsString, OsString)> {
        let list: Vec<_> = list.iter().map(|(n, v)| (OsString::from(n), OsString::from(v))).collect();
        list.into_iter()
    }

    fn said(socket: &UnixDatagram) -> Vec<String> {
        socket.set_nonblocking(true).unwrap();
        let mut buffer = [0; 4096];
        let next = || socket.recv(&mut buffer).ok().map(|n| String::from_utf8_lossy(&buffer[..n]).into_owned());
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn ready_once_then_beats_when_due_and_the_status_when_it_changes() {
        let tmp = tempfile::tempdir().unwrap();
        let path = tmp.path().join("notify");
        let listener = UnixDatagram::bind(&path).unwrap();
        let shown = path.display().to_string();
        let manager = Manager::of(vars(&[("NOTIFY_SOCKET", &shown), ("WATCHDOG_USEC", "60000000")]), 7);
        assert_eq!(manager.beat_every(), Some(Duration::from_secs(30)));
        let manager = Arc::new(manager);
        let mut pulse = Pulse::new(Arc::clone(&manager));
        pulse.held_up("the disk is full");
        pulse.turned(&State::default());
        pulse.turned(&State::default());
        pulse.held_up("the disk is\nfull");
        manager.stopping("down");
        assert_eq!(
            said(&listener),
            [
                "READY=1\nWATCHDOG=1\nSTATUS=no night is open",
                "STATUS=nothing is started: the disk is full",
                "STOPPING=1\nSTATUS=ends: down",
            ]
        );
    }

    #[test]
    fn beats_are_for_the_process_they_are_asked_of_and_only_with_a_socket() {
        assert_eq!(Manager::of(vars(&[("WATCHDOG_USEC", "60000000")]), 7).beat_every(), None);
        let other = [("NOTIFY_SOCKET", "/x"), ("WATCHDOG_USEC", "60000000"), ("WATCHDOG_PID", "8")];
        assert_eq!(Manager::of(vars(&other), 7).beat_every(), None);
        assert!(Manager::of(vars(&[("NOTIFY_SOCKET", "relative")]), 7).to.is_none());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_abstract_name_is_one_too() {
        use std::os::linux::net::SocketAddrExt as _;
        let name = format!("nightkeep-test-{}", std::process::id());
        let listener = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        let manager = Manager::of(vars(&[("NOTIFY_SOCKET", &format!("@{name}"))]), 7);
        manager.stopping("x");
        assert_eq!(said(&listener), ["STOPPING=1\nSTATUS=ends: x"]);
    }
}
