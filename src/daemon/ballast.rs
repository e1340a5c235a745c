//! A file that only takes room, beside the journal: on a full disk it goes first, so that the journal can tell that the
//! disk is full, and clean-ups have what they write.

use crate::instance::Instance;
use rustix::fs::FallocateFlags;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// Its size in bytes.
pub const BYTES: u64 = 64 << 20;

fn file(instance: &Instance) -> PathBuf {
    instance.state().join("ballast")
}

/// Makes it when it is not there. A file system that cannot set room aside gets none.
pub fn take(instance: &Instance) {
    let path = file(instance);
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).and_then(|file| {
        rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, BYTES)?;
        Ok(())
    });
    match made {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
        Err(e) => {
            tracing::info!("no room is set aside for a full disk: {e}");
            let _ = fs::remove_file(&path);
        }
    }
}

/// Gives the room back; whether there was any.
pub fn drop(instance: &Instance) -> bool {
    fs::remove_file(file(instance)).is_ok()
}
