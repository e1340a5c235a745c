//! The few system calls of the shim that have no safe wrapper: what a child does before `exec`, `wait4` with its
//! resource usage, and dying by a given signal. Beside this only `os::dying` and `os::memory` are unsafe.
#![expect(unsafe_code, reason = "fork without exec, wait4 and signal dispositions have no safe wrapper")]

use crate::core::exit::ResourceUsage;
use rustix::process::DumpableBehavior;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::process::CommandExt;

/// Starts a program on the slave side of a pty, as the leader of its own session with the pty as controlling terminal,
/// default signal dispositions and exactly the given environment. Gives back its process id.
///
/// The working directory is the caller's. The program enters the control groups of `doors`. Only the child ever opens the slave: were it open here when the program ends,
/// the pty would not tell the end of the output. Fails with the `errno` of the failed call, for the most part `exec`.
pub fn spawn(
    argv: &[String],
    env: &BTreeMap<String, String>,
    master: BorrowedFd<'_>,
    doors: &[File],
) -> io::Result<u32> {
    let (program, arguments) = argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let master = master.as_raw_fd();
    let doors: Vec<_> = doors.iter().map(AsRawFd::as_raw_fd).collect();
    #[expect(clippy::disallowed_methods, reason = "the shim is what starts programs")]
    let mut command = std::process::Command::new(program);
    command.args(arguments).env_clear().envs(env);
    let in_child = move || {
        // SAFETY: the descriptor is open in the parent until `spawn` returned, and the child has a copy of its table.
        let master = unsafe { BorrowedFd::borrow_raw(master) };
        rustix::process::setsid()?;
        let flags = rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY;
        let slave = rustix::pty::ioctl_tiocgptpeer(master, flags)?;
        rustix::process::ioctl_tiocsctty(&slave)?;
        rustix::stdio::dup2_stdin(&slave)?;
        rustix::stdio::dup2_stdout(&slave)?;
        rustix::stdio::dup2_stderr(&slave)?;
        for door in &doors {
            // SAFETY: as above. One that does not open is told by who looks where the program is.
            let _ = rustix::io::write(unsafe { BorrowedFd::borrow_raw(*door) }, b"0");
        }
        // What whoever started us left open is not for the program. Where the call is unknown it stays as it is.
        // SAFETY: only marks descriptors; none is closed before `exec`.
        unsafe { libc::close_range(3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC as i32) };
        for signal in 1..=libc::SIGRTMAX() {
            // SAFETY: sets a disposition; for those that cannot be set it fails, which is right.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
        Ok(())
    };
    // SAFETY: the closure only makes system calls: it neither allocates nor takes locks.
    unsafe { command.pre_exec(in_child) };
    Ok(command.spawn()?.id())
}

/// A child that was reaped.
#[derive(Debug, Clone, Copy)]
pub struct Reaped {
    /// Its process id.
    pub pid: u32,
    /// What ended it.
    pub status: Status,
    /// What it and the children it had waited for used.
    pub usage: ResourceUsage,
}

/// What ended a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It left with this code.
    Code(i32),
    /// A signal ended it.
    Signal {
        /// Its number.
        signal: i32,
        /// Whether the kernel says a core was dumped.
        core: bool,
    },
}

/// What a look for ended children found.
#[derive(Debug, Clone, Copy)]
pub enum Reap {
    /// This one ended.
    Ended(Reaped),
    /// There are children, and they live.
    AllLive,
    /// There are no children.
    NoneLeft,
}

/// Looks for one ended child without waiting.
pub fn reap() -> Reap {
    loop {
        let mut status = 0;
        // SAFETY: a `rusage` is plain numbers, for which zero is a value.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: both pointers are to live locals.
        let pid = unsafe { libc::wait4(-1, &raw mut status, libc::WNOHANG, &raw mut usage) };
        match u32::try_from(pid) {
            Ok(0) => return Reap::AllLive,
            Ok(pid) => {
                let status = if libc::WIFSIGNALED(status) {
                    Status::Signal { signal: libc::WTERMSIG(status), core: libc::WCOREDUMP(status) }
                } else {
                    Status::Code(libc::WEXITSTATUS(status))
                };
                return Reap::Ended(Reaped { pid, status, usage: resource_usage(&usage) });
            }
            Err(_) if io::Error::last_os_error().raw_os_error() == Some(libc::EINTR) => {}
            Err(_) => return Reap::NoneLeft,
        }
    }
}

fn resource_usage(usage: &libc::rusage) -> ResourceUsage {
    let millis =
        |t: libc::timeval| u64::try_from(t.tv_sec).unwrap_or(0) * 1000 + u64::try_from(t.tv_usec).unwrap_or(0) / 1000;
    ResourceUsage {
        user_ms: millis(usage.ru_utime),
        system_ms: millis(usage.ru_stime),
        max_rss_kib: u64::try_from(usage.ru_maxrss).unwrap_or(0),
    }
}

/// Ends this process by a signal, without a core of its own, so that whoever waits for it sees what the program got.
/// Returns only if the signal does not end processes.
pub fn die_by(signal: i32) {
    let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Core, none);
    // A core pattern that is a pipe does not look at the limit.
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    // SAFETY: plain calls on a local set; the disposition is the default one.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut());
        libc::kill(libc::getpid(), signal);
    }
}
