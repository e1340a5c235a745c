//! The last word of a process that dies by a fault of its own: a line in a file that is open already. Nobody else would
//! know afterwards what ended it.
#![expect(unsafe_code, reason = "a handler of fatal signals has no safe wrapper")]

use std::fs::File;
use std::io;
use std::os::fd::IntoRawFd;
use std::sync::atomic::{AtomicI32, Ordering};

/// Where the word goes; -1 is nowhere.
static WORD: AtomicI32 = AtomicI32::new(-1);

/// The signals by which a process ends itself, with the word for each. `SIGKILL` is not among them: that is somebody
/// else's doing, and cannot be caught.
const FATAL: [(libc::c_int, &[u8]); 6] = [
    (libc::SIGABRT, b"ended by SIGABRT\n"),
    (libc::SIGSEGV, b"ended by SIGSEGV\n"),
    (libc::SIGBUS, b"ended by SIGBUS\n"),
    (libc::SIGILL, b"ended by SIGILL\n"),
    (libc::SIGFPE, b"ended by SIGFPE\n"),
    (libc::SIGSYS, b"ended by SIGSYS\n"),
];

/// Has this process leave a line in `file`, which is open for appending, when it ends by a fault of its own. It still
/// ends by the same signal.
pub fn leave_word(file: File) -> io::Result<()> {
    WORD.store(file.into_raw_fd(), Ordering::Release);
    for (signal, _) in FATAL {
        // SAFETY: an all-zero `sigaction` is a valid one; the fields that matter are set below.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = last_word as extern "C" fn(libc::c_int) as libc::sighandler_t;
        // On a stack of its own, as the usual one may be what is exhausted; and once: what comes after is the default.
        action.sa_flags = libc::SA_ONSTACK | libc::SA_RESETHAND;
        // SAFETY: the handler only makes calls that are allowed in one, and the pointers live through the call.
        let set = unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) };
        if set != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

extern "C" fn last_word(signal: libc::c_int) {
    let word =
        FATAL.iter().find(|(known, _)| *known == signal).map_or(b"ended by a signal\n".as_slice(), |known| known.1);
    // SAFETY: `write` and `raise` may be called in a handler; the bytes are static. The signal is blocked while its
    // handler runs, so it is delivered afterwards, with its default action.
    unsafe {
        libc::write(WORD.load(Ordering::Acquire), word.as_ptr().cast(), word.len());
        libc::raise(signal);
    }
}
