//! Brings the files to the disk from a thread of its own, so that a slow disk does not hold up the relay.

use std::fs::File;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

/// The thread's stack: it makes one system call at a time.
const STACK: usize = 32 * 1024;

/// The thread's near end.
#[derive(Debug)]
pub struct Syncer {
    ask: Option<SyncSender<()>>,
    errno: Arc<AtomicI32>,
    /// A file that came later, until the thread takes it.
    more: Arc<Mutex<Option<File>>>,
}

impl Syncer {
    /// Starts the thread. Without one (no memory, too many processes) nothing is synced before the end.
    pub fn start(mut files: Vec<File>) -> Self {
        let (ask, asked) = sync_channel(1);
        let errno = Arc::new(AtomicI32::new(0));
        let seen = Arc::clone(&errno);
        let more = Arc::new(Mutex::new(None));
        let came = Arc::clone(&more);
        let work = move || {
            while asked.recv().is_ok() {
                files.extend(came.lock().unwrap_or_else(PoisonError::into_inner).take());
                for file in &files {
                    if let Err(e) = rustix::fs::fdatasync(file) {
                        seen.store(e.raw_os_error(), Ordering::Relaxed);
                        // A second sync of the same file would say that all is well, and it would not be true.
                        return;
                    }
                }
            }
        };
        let started = std::thread::Builder::new().name("sync".into()).stack_size(STACK).spawn(work);
        Self { ask: started.is_ok().then_some(ask), errno, more }
    }
    /// Brings one more file to the disk from now on.
    pub fn add(&self, file: File) {
        *self.more.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
    }
    /// Asks for a sync and does not wait. One that is asked for during another follows it.
    pub fn request(&self) {
        if let Some(ask) = &self.ask {
            let _ = ask.try_send(());
        }
    }
    /// The error of a sync that failed, once.
    pub fn failure(&self) -> Option<std::io::Error> {
        match self.errno.swap(0, Ordering::Relaxed) {
            0 => None,
            errno => Some(std::io::Error::from_raw_os_error(errno)),
        }
    }
}
