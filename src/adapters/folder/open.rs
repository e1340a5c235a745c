//! Opens what stands below a folder without following a link on the way, and without waiting for anybody.

use rustix::fs::{AtFlags, Mode, OFlags, Stat, fstat, openat, statat};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path};

/// Opens the project's folder. The way to it is the operator's, links included.
pub(super) fn root(folder: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(folder, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

/// Opens a folder below another.
pub(super) fn folder(root: &OwnedFd, path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut at = openat(root, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    for part in path.components() {
        let Component::Normal(part) = part else { return Err(Errno::INVAL.into()) };
        at = openat(&at, part, flags, Mode::empty())?;
    }
    Ok(at)
}

/// Opens a regular file below a folder; anything else is an error of the kind `InvalidInput`.
pub(super) fn regular(root: &OwnedFd, path: &Path) -> io::Result<(File, Stat)> {
    let name = path.file_name().ok_or(Errno::INVAL)?;
    regular_in(&folder(root, path.parent().unwrap_or(Path::new("")))?, name)
}

/// Opens a regular file in a folder. A pipe is not waited for, a device not woken.
pub(super) fn regular_in(folder: &OwnedFd, name: &OsStr) -> io::Result<(File, Stat)> {
    let before = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let is_regular = |stat: &Stat| rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file();
    let other = || io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file");
    if !is_regular(&before) {
        return Err(other());
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = openat(folder, name, flags, Mode::empty())?;
    let stat = fstat(&file)?;
    if is_regular(&stat) { Ok((File::from(file), stat)) } else { Err(other()) }
}

/// A time of a stat record in nanoseconds.
pub(super) fn nanos(seconds: i64, nanos: impl TryInto<i64>) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos.try_into().unwrap_or(0))
}
