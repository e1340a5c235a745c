//! At most one daemon per instance: a kernel lock on a file in the state folder, freed by the kernel however it ends.

use crate::os::process;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a process that was killed may take to be gone altogether.
const GONE_WITHIN: Duration = Duration::from_secs(3);
/// How often that is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(10);

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
    /// Takes the lock and writes our process id and our runtime folder into the file, a line each.
    pub fn take(path: &Path, runtime: &Path) -> Result<Self, LockError> {
        let io = |source| LockError::Io { path: path.to_path_buf(), source };
        let mut file = open(path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LockError::Held { pid: read(&mut file).pid }),
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(io)?;
        let mut text = format!("{}\n", std::process::id()).into_bytes();
        text.extend_from_slice(runtime.as_os_str().as_bytes());
        text.push(b'\n');
        file.write_all(&text).map_err(io)?;
        Ok(Self { _file: file })
    }

    /// The same, but a daemon that was killed just now is waited for: its lock is free once the last of its threads has
    /// ended, and that is some moments after the process is gone for everybody else.
    pub async fn take_after(path: &Path, runtime: &Path) -> Result<Self, LockError> {
        let mut left = GONE_WITHIN.as_millis() / LOOK_EVERY.as_millis();
        loop {
            match Self::take(path, runtime) {
                Err(LockError::Held { pid: Some(pid) }) if left > 0 && process::start_time(pid).is_none() => {
                    left -= 1;
                    tokio::time::sleep(LOOK_EVERY).await;
                }
                taken => return taken,
            }
        }
    }
}

/// What the daemon that holds a lock says of itself; what it has not said yet is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Running {
    /// Its process id.
    pub pid: Option<u32>,
    /// Its folder for sockets.
    pub runtime: Option<PathBuf>,
}

/// The daemon that holds the lock, if one does.
pub fn running(path: &Path) -> Option<Running> {
    let mut file = OpenOptions::new().read(true).write(true).open(path).ok()?;
    match file.try_lock_shared() {
        Ok(()) => None,
        Err(TryLockError::WouldBlock) => Some(read(&mut file)),
        Err(TryLockError::Error(_)) => None,
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn read(file: &mut File) -> Running {
    let mut text = Vec::new();
    if file.take(4096).read_to_end(&mut text).is_err() {
        return Running::default();
    }
    let mut lines = text.split(|&b| b == b'\n');
    let pid = lines.next().and_then(|line| std::str::from_utf8(line).ok()?.trim().parse().ok());
    let runtime = lines.next().map(|line| PathBuf::from(OsStr::from_bytes(line))).filter(|path| path.is_absolute());
    Running { pid, runtime }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_daemon_is_told_the_first_ones_pid_and_a_freed_lock_can_be_taken() {
        let tmp = tempfile::tempdir().unwrap();
        let path = tmp.path().join("daemon.lock");
        let take = || DaemonLock::take(&path, Path::new("/run/user/7/nightkeep/k"));
        assert_eq!(running(&path), None);
        let first = take().unwrap();
        let expected = Running { pid: Some(std::process::id()), runtime: Some("/run/user/7/nightkeep/k".into()) };
        assert_eq!(running(&path), Some(expected));
        assert!(matches!(take(), Err(LockError::Held { pid: Some(p) }) if p == std::process::id()));
        drop(first);
        assert_eq!(running(&path), None);
        take().unwrap();
    }
}
