//! At most one daemon per instance: a kernel lock on a file in the state folder, freed by the kernel however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Why the lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another daemon holds it.
    #[error("a daemon runs already{}", pid.map(|p| format!(", its process id is {p}")).unwrap_or_default())]
    Held {
        /// Its process id, when it could be read.
        pid: Option<u32>,
    },
    /// The lock file cannot be used.
    #[error("cannot lock {}: {source}", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// The lock; freed when dropped.
#[derive(Debug)]
pub struct DaemonLock {
    _file: File,
}

impl DaemonLock {
    /// Takes the lock and writes our process id into the file.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let io = |source| LockError::Io { path: path.to_path_buf(), source };
        let mut file = open(path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LockError::Held { pid: read_pid(&mut file) }),
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(io)?;
        writeln!(file, "{}", std::process::id()).map_err(io)?;
        Ok(Self { _file: file })
    }
}

/// The process id of the daemon that holds the lock, if one does. `Some(None)` when it holds it but has not said its id.
pub fn running_pid(path: &Path) -> Option<Option<u32>> {
    let mut file = OpenOptions::new().read(true).write(true).open(path).ok()?;
    match file.try_lock_shared() {
        Ok(()) => None,
        Err(TryLockError::WouldBlock) => Some(read_pid(&mut file)),
        Err(TryLockError::Error(_)) => None,
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_daemon_is_told_the_first_ones_pid_and_a_freed_lock_can_be_taken() {
        let tmp = tempfile::tempdir().unwrap();
        let path = tmp.path().join("daemon.lock");
        assert_eq!(running_pid(&path), None);
        let first = DaemonLock::take(&path).unwrap();
        assert_eq!(running_pid(&path), Some(Some(std::process::id())));
        assert!(matches!(DaemonLock::take(&path), Err(LockError::Held { pid: Some(p) }) if p == std::process::id()));
        drop(first);
        assert_eq!(running_pid(&path), None);
        DaemonLock::take(&path).unwrap();
    }
}
