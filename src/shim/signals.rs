//! Signals as something to poll: flags, and a socket that wakes the loop.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Those that mean something to the shim.
const HEARD: [i32; 6] = [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGWINCH, libc::SIGCHLD];
/// Those that would end the shim and must not. They get a handler and are not ignored, for what is ignored would be
/// inherited by the program.
const SHRUGGED: [i32; 10] = [
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGALRM,
    libc::SIGVTALRM,
    libc::SIGPROF,
    libc::SIGIO,
    libc::SIGPWR,
    libc::SIGXCPU,
    libc::SIGXFSZ,
    libc::SIGPIPE,
];

/// The signals that came.
#[derive(Debug)]
pub struct Signals {
    woken: UnixStream,
    flags: Vec<(i32, Arc<AtomicBool>)>,
}

impl Signals {
    /// Begins to listen.
    pub fn listen() -> io::Result<Self> {
        let (woken, wake) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        wake.set_nonblocking(true)?;
        let mut flags = Vec::with_capacity(HEARD.len());
        for signal in HEARD {
            let flag = Arc::new(AtomicBool::new(false));
            // The flag first: handlers run in this order, and who wakes up must find it set.
            signal_hook::flag::register(signal, Arc::clone(&flag))?;
            signal_hook::low_level::pipe::register(signal, wake.try_clone()?)?;
            flags.push((signal, flag));
        }
        let nobody = Arc::new(AtomicBool::new(false));
        for signal in SHRUGGED {
            signal_hook::flag::register(signal, Arc::clone(&nobody))?;
        }
        Ok(Self { woken, flags })
    }
    /// What becomes readable when a signal came.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.woken.as_fd()
    }
    /// The signals that came since the last call; several of a kind are one.
    pub fn take(&mut self) -> Vec<i32> {
        let mut drain = [0; 64];
        while matches!(self.woken.read(&mut drain), Ok(n) if n > 0) {}
        let came = self.flags.iter().filter(|(_, flag)| flag.swap(false, Ordering::SeqCst));
        came.map(|(signal, _)| *signal).collect()
    }
}
