//! Finds `sessions.toml` and reads it: bounded, without hanging on a pipe, and only a file that nobody else can write.

use super::plan::{Folder, Surroundings};
use super::printable::printable;
use rustix::fs::{Mode, OFlags};
use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Most bytes of a file that are read.
pub const SIZE_MAX: u64 = 1 << 20;
/// The file's usual name.
pub const FILE_NAME: &str = "sessions.toml";
/// How often a file that changes under the reader is read again.
const TRIES: u32 = 3;

/// Where to look for the file. The values come from the command line and the environment; here they are only used.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// `--file`.
    pub file: Option<PathBuf>,
    /// `$NIGHTKEEP_FILE`; empty counts as unset.
    pub nightkeep_file: Option<OsString>,
    /// The current directory, absolute.
    pub cwd: PathBuf,
    /// `$XDG_CONFIG_HOME`; a relative value counts as unset.
    pub xdg_config_home: Option<PathBuf>,
    /// The home directory, for `~/.config` when the above is unset.
    pub home: Option<PathBuf>,
}

/// No file was found.
#[derive(Debug, thiserror::Error)]
#[error("no {FILE_NAME} in {} or a folder above it{}", shown(cwd), own.as_deref().map(|p| format!(", nor {}", shown(p))).unwrap_or_default())]
pub struct NotFound {
    cwd: PathBuf,
    own: Option<PathBuf>,
}

impl Search {
    /// The file to use: `--file`, then `$NIGHTKEEP_FILE`, then the first in this folder or one above, then the user's
    /// own. A file that was named is not checked here: reading it tells what is wrong with it.
    pub fn find(&self) -> Result<PathBuf, NotFound> {
        let env = self.nightkeep_file.as_deref().filter(|v| !v.is_empty()).map(PathBuf::from);
        if let Some(named) = self.file.clone().or(env) {
            return Ok(self.cwd.join(named));
        }
        // Anything of that name ends the search, so that a broken link is told instead of passed over.
        let stands = |path: &PathBuf| path.symlink_metadata().is_ok();
        let above = self.cwd.ancestors().map(|dir| dir.join(FILE_NAME)).find(stands);
        let absolute = |p: &Option<PathBuf>| p.clone().filter(|p| p.is_absolute());
        let config = absolute(&self.xdg_config_home).or_else(|| absolute(&self.home).map(|h| h.join(".config")));
        let own = config.map(|dir| dir.join("nightkeep").join(FILE_NAME));
        above.or_else(|| own.clone().filter(stands)).ok_or_else(|| NotFound { cwd: self.cwd.clone(), own })
    }
}

/// A file's text and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The file as messages name it.
    pub name: String,
    /// The folder the file stands in, absolute; relative paths in the file start here.
    pub folder: PathBuf,
    /// The text, without a byte order mark.
    pub text: String,
}

/// Why a file cannot be used. The message begins with the file's name.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", shown(path))]
pub struct SourceError {
    path: PathBuf,
    problem: Problem,
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// There is none.
    #[error("there is no such file")]
    Missing,
    /// It may not be read.
    #[error("it cannot be read: permission denied")]
    Forbidden,
    /// It is something else than a file.
    #[error("it is {0}, not a file")]
    NotAFile(&'static str),
    /// It is too large.
    #[error("it has more than {} KiB", SIZE_MAX / 1024)]
    TooLarge,
    /// Everybody may write it.
    #[error("everybody may write it, so anybody could have nightkeep run anything")]
    WorldWritable,
    /// It belongs to somebody else.
    #[error("it belongs to another user (uid {0})")]
    Foreign(u32),
    /// It is UTF-16.
    #[error("it is UTF-16, UTF-8 is needed")]
    Utf16,
    /// It has bytes that are no UTF-8.
    #[error("it is not UTF-8: line {line}, byte {offset} of the file is 0x{byte:02x}")]
    NotUtf8 {
        /// Line, from 1.
        line: usize,
        /// Offset in the file, from 0.
        offset: usize,
        /// The byte.
        byte: u8,
    },
    /// It changed each time it was read.
    #[error("it changes while it is read")]
    Changing,
    /// Anything else.
    #[error("it cannot be read: {0}")]
    Io(io::Error),
}

impl SourceError {
    /// What is wrong.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }
    /// What would help.
    pub fn hint(&self) -> Option<String> {
        match &self.problem {
            Problem::Missing => Some("`nightkeep init` writes one".to_owned()),
            Problem::WorldWritable => Some(format!("chmod o-w {}", shown(&self.path))),
            Problem::Foreign(_) => Some("copy it, so that it is yours".to_owned()),
            Problem::Utf16 | Problem::NotUtf8 { .. } => Some("save it as UTF-8".to_owned()),
            Problem::Forbidden | Problem::NotAFile(_) | Problem::TooLarge | Problem::Changing | Problem::Io(_) => None,
        }
    }
}

fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

impl Source {
    /// A source from a text, as if it stood in a folder.
    pub fn from_text(name: &str, folder: &Path, text: &str) -> Self {
        Self { name: name.to_owned(), folder: folder.to_path_buf(), text: text.to_owned() }
    }
    /// Reads a file. Its folder is that of the file itself, also behind a symlink.
    pub fn read(path: &Path) -> Result<Self, SourceError> {
        let fail = |problem| SourceError { path: path.to_path_buf(), problem };
        let bytes = read_bounded(path, true).map_err(fail)?;
        let text = decode(bytes).map_err(fail)?;
        let real = path.canonicalize().map_err(|e| fail(io_problem(e)))?;
        let folder = real.parent().unwrap_or(Path::new("/")).to_path_buf();
        Ok(Self { name: path.to_string_lossy().into_owned(), folder, text })
    }
}

/// The bytes of a regular file. `trusted` refuses a file that others may write or own.
fn read_bounded(path: &Path, trusted: bool) -> Result<Vec<u8>, Problem> {
    for _ in 0..TRIES {
        // Without O_NONBLOCK opening a pipe waits for a writer, perhaps for ever.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let file = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| io_problem(e.into()))?;
        let mut file = File::from(file);
        let before = file.metadata().map_err(io_problem)?;
        check_kind(&before)?;
        if trusted {
            check_owner(&before)?;
        }
        let mut bytes = Vec::new();
        file.by_ref().take(SIZE_MAX + 1).read_to_end(&mut bytes).map_err(io_problem)?;
        if bytes.len() as u64 > SIZE_MAX {
            return Err(Problem::TooLarge);
        }
        let after = file.metadata().map_err(io_problem)?;
        let stamp = |m: &Metadata| (m.len(), m.mtime(), m.mtime_nsec());
        if stamp(&before) == stamp(&after) && bytes.len() as u64 == after.len() {
            return Ok(bytes);
        }
    }
    Err(Problem::Changing)
}

fn io_problem(error: io::Error) -> Problem {
    match error.raw_os_error() {
        Some(libc::ENOENT) => Problem::Missing,
        Some(libc::EACCES | libc::EPERM) => Problem::Forbidden,
        Some(libc::ENXIO) => Problem::NotAFile("a socket"),
        Some(_) | None => Problem::Io(error),
    }
}

fn check_kind(meta: &Metadata) -> Result<(), Problem> {
    let kind = meta.file_type();
    let other = if kind.is_file() {
        return if meta.len() > SIZE_MAX { Err(Problem::TooLarge) } else { Ok(()) };
    } else if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_char_device() || kind.is_block_device() {
        "a device"
    } else {
        "something else"
    };
    Err(Problem::NotAFile(other))
}

fn check_owner(meta: &Metadata) -> Result<(), Problem> {
    let ours = rustix::process::geteuid().as_raw();
    if meta.uid() != ours && meta.uid() != 0 {
        return Err(Problem::Foreign(meta.uid()));
    }
    if meta.mode() & 0o002 != 0 {
        return Err(Problem::WorldWritable);
    }
    Ok(())
}

fn decode(bytes: Vec<u8>) -> Result<String, Problem> {
    let utf16 = match bytes.as_slice() {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => true,
        // Without a mark, plain letters still show it: every other byte is 0.
        [a, b, ..] => (*a == 0) != (*b == 0),
        _ => false,
    };
    if utf16 {
        return Err(Problem::Utf16);
    }
    let text = String::from_utf8(bytes).map_err(|e| {
        let offset = e.utf8_error().valid_up_to();
        let bytes = e.as_bytes();
        let line = bytes[..offset].iter().filter(|b| **b == b'\n').count() + 1;
        Problem::NotUtf8 { line, offset, byte: bytes[offset] }
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// The machine nightkeep runs on.
pub struct Machine;

impl Surroundings for Machine {
    fn folder(&self, path: &Path) -> Folder {
        match path.metadata() {
            Ok(meta) if meta.is_dir() => Folder::There,
            Ok(_) => Folder::NotAFolder,
            Err(e) if e.kind() == io::ErrorKind::NotADirectory => Folder::NotAFolder,
            Err(_) => Folder::Missing,
        }
    }
    fn prompt(&self, path: &Path) -> Result<String, String> {
        let bytes = read_bounded(path, false).map_err(|problem| format!("cannot be the prompt: {problem}"))?;
        decode(bytes).map_err(|problem| format!("cannot be the prompt: {problem}"))
    }
    fn knows_time_zone(&self, name: &str) -> bool {
        jiff::tz::TimeZone::get(name).is_ok()
    }
    fn time_zones(&self) -> Vec<String> {
        jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn problem(path: &Path) -> String {
        Source::read(path).unwrap_err().problem().to_string()
    }

    #[test]
    fn what_is_no_readable_file_is_named_without_hanging() {
        let tmp = tempfile::tempdir().unwrap();
        let at = |name: &str| tmp.path().join(name);
        assert_eq!(problem(&at("none")), "there is no such file");
        assert_eq!(problem(tmp.path()), "it is a directory, not a file");
        assert_eq!(problem(Path::new("/dev/zero")), "it is a device, not a file");
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), rustix::fs::FileType::Fifo, Mode::RWXU, 0).unwrap();
        assert_eq!(problem(&at("pipe")), "it is a pipe, not a file");
        let _listener = std::os::unix::net::UnixListener::bind(at("sock")).unwrap();
        assert_eq!(problem(&at("sock")), "it is a socket, not a file");
        fs::write(at("large"), vec![b'#'; (1 << 20) + 1]).unwrap();
        assert_eq!(problem(&at("large")), "it has more than 1024 KiB");
        fs::write(at("open"), "").unwrap();
        fs::set_permissions(at("open"), fs::Permissions::from_mode(0o666)).unwrap();
        assert!(problem(&at("open")).starts_with("everybody may write it"));
        // Only root can give a file away; elsewhere this line is not tested.
        fs::write(at("foreign"), "").unwrap();
        if std::os::unix::fs::chown(at("foreign"), Some(4242), None).is_ok() {
            assert_eq!(problem(&at("foreign")), "it belongs to another user (uid 4242)");
        }
        std::os::unix::fs::symlink("loop", at("loop")).unwrap();
        assert!(problem(&at("loop")).starts_with("it cannot be read"));
    }

    #[test]
    fn the_encoding_is_utf8_with_or_without_a_mark() {
        assert_eq!(decode(b"\xef\xbb\xbfa = 1".to_vec()).unwrap(), "a = 1");
        assert!(matches!(decode(b"\xff\xfea\0".to_vec()), Err(Problem::Utf16)));
        assert!(matches!(decode(b"a\0 \0".to_vec()), Err(Problem::Utf16)));
        let bad = decode(b"a = 1\nb = \"\xe9\"".to_vec()).unwrap_err();
        assert_eq!(bad.to_string(), "it is not UTF-8: line 2, byte 11 of the file is 0xe9");
        assert_eq!(decode(Vec::new()).unwrap(), "");
    }

    #[test]
    fn the_search_goes_from_the_named_to_the_users_own() {
        let tmp = tempfile::tempdir().unwrap();
        let deep = tmp.path().join("a/b");
        fs::create_dir_all(&deep).unwrap();
        let config = tmp.path().join("config");
        fs::create_dir_all(config.join("nightkeep")).unwrap();
        let mut search = Search { cwd: deep.clone(), xdg_config_home: Some(config.clone()), ..Search::default() };
        // The test's own folder may stand below one with a file; an isolated root cannot be had without privileges.
        if deep.ancestors().all(|dir| !dir.join(FILE_NAME).exists()) {
            assert!(search.find().unwrap_err().to_string().contains("no sessions.toml in"));
            fs::write(config.join("nightkeep/sessions.toml"), "").unwrap();
            assert_eq!(search.find().unwrap(), config.join("nightkeep/sessions.toml"));
        }
        fs::write(tmp.path().join("a/sessions.toml"), "").unwrap();
        assert_eq!(search.find().unwrap(), tmp.path().join("a/sessions.toml"));
        search.nightkeep_file = Some("env.toml".into());
        assert_eq!(search.find().unwrap(), deep.join("env.toml"));
        search.file = Some("/named.toml".into());
        assert_eq!(search.find().unwrap(), Path::new("/named.toml"));
        search.file = None;
        search.nightkeep_file = Some("".into());
        assert_eq!(search.find().unwrap(), tmp.path().join("a/sessions.toml"));
    }
}
