//! Signals to the processes below the shim.

pub use crate::os::tree::{descendants, start_of};

use crate::os::tree::Process;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal};

/// Sends a signal to each of them that still is who it was.
pub fn signal_all(processes: &[Process], signal: Signal) {
    for process in processes {
        let Some(pid) = i32::try_from(process.pid).ok().and_then(Pid::from_raw) else { continue };
        match rustix::process::pidfd_open(pid, PidfdFlags::empty()) {
            Ok(pidfd) => {
                if start_of(process.pid) == process.start {
                    let _ = rustix::process::pidfd_send_signal(&pidfd, signal);
                }
            }
            Err(Errno::NOSYS | Errno::PERM) => {
                let _ = rustix::process::kill_process(pid, signal);
            }
            Err(_) => {}
        }
    }
}
