//! Where one instance keeps its things: one `sessions.toml`, one state folder beside it, one private runtime folder.

use crate::core::ids::{AttemptId, NightId, ProjectName, SessionName};
use sha2::{Digest, Sha256};
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// Longest path a Unix socket can have, without the final NUL (`sun_path` of `unix(7)`).
pub const SOCKET_PATH_MAX: usize = 107;

/// The places of one instance. All paths are absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    file: PathBuf,
    state: PathBuf,
    runtime: PathBuf,
}

/// Why the places cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    /// A folder could not be made or looked at.
    #[error("{what} {}: {source}", path.display())]
    Io {
        /// `cannot create`, `cannot look at`, ...
        what: &'static str,
        /// Which path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A private folder belongs to somebody else or can be written by others.
    #[error("{} is not private: {problem}", path.display())]
    NotPrivate {
        /// Which path.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A socket path is longer than the system allows.
    #[error("the socket path {} has {} bytes, the system allows {SOCKET_PATH_MAX}", path.display(), path.as_os_str().len())]
    TooLong {
        /// Which path.
        path: PathBuf,
    },
    /// Neither `XDG_RUNTIME_DIR` nor `HOME` names an absolute folder.
    #[error("neither XDG_RUNTIME_DIR nor HOME names an absolute folder")]
    NoHome,
}

impl Instance {
    /// The places for a config file. `state` is `[paths] state`, relative to the file's folder; default `logs`.
    /// `runtime_base` is the folder for sockets of all instances, see [`runtime_base`].
    pub fn new(file: &Path, state: Option<&Path>, runtime_base: &Path) -> io::Result<Self> {
        if let Some(instance) = before_the_link(file, runtime_base) {
            return Ok(instance);
        }
        let file = canonical(file)?;
        let root = file.parent().unwrap_or(Path::new("/"));
        let state = root.join(state.unwrap_or(Path::new("logs")));
        let runtime = runtime_base.join(key(&file));
        Ok(Self { file, state, runtime })
    }
    /// The state folder that a daemon of this file used last, when its config does not tell (any more).
    pub fn noted_state(&self) -> Option<PathBuf> {
        let noted = fs::read(self.runtime.join(STATE_NOTE)).ok()?;
        let state = PathBuf::from(std::ffi::OsString::from_vec(noted));
        (state.is_absolute() && state.is_dir()).then_some(state)
    }
    /// The same instance with its sockets in another folder.
    pub fn with_runtime(self, runtime: PathBuf) -> Self {
        Self { runtime, ..self }
    }
    /// The same instance with another state folder.
    pub fn with_state(self, state: PathBuf) -> Self {
        Self { state, ..self }
    }
    /// The config file, canonical.
    pub fn file(&self) -> &Path {
        &self.file
    }
    /// The folder the config file stands in.
    pub fn root(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new("/"))
    }
    /// The state folder.
    pub fn state(&self) -> &Path {
        &self.state
    }
    /// The private folder for sockets.
    pub fn runtime(&self) -> &Path {
        &self.runtime
    }
    /// The journal.
    pub fn journal(&self) -> PathBuf {
        self.state.join("nightkeep.db")
    }
    /// Held by the daemon while it lives; contains its process id.
    pub fn lock_file(&self) -> PathBuf {
        self.state.join("daemon.lock")
    }
    /// The daemon's own log.
    pub fn daemon_log(&self) -> PathBuf {
        self.state.join("daemon.log")
    }
    /// The reports of all nights.
    pub fn reports(&self) -> PathBuf {
        self.state.join("reports")
    }
    /// The report of a night without ending: `logs/reports/2026-11-21`.
    pub fn report(&self, night: &NightId, extension: &str) -> PathBuf {
        self.reports().join(format!("{night}.{extension}"))
    }
    /// How far the facts of nights are folded for their reports.
    pub fn checkpoints(&self) -> PathBuf {
        self.state.join("checkpoints")
    }
    /// How far the facts of a night are folded for its report.
    pub fn checkpoint(&self, night: &NightId) -> PathBuf {
        self.checkpoints().join(night.as_str())
    }
    /// What stood in the projects' folders as nights began.
    pub fn snapshots(&self) -> PathBuf {
        self.state.join(crate::core::retention::SNAPSHOTS)
    }
    /// What stood in a project's folder as a night began.
    pub fn snapshot(&self, night: &NightId, project: &ProjectName) -> PathBuf {
        self.snapshots().join(night.as_str()).join(project.as_str())
    }
    /// The run directories.
    pub fn runs(&self) -> PathBuf {
        self.state.join("runs")
    }
    /// The run directory of an attempt.
    pub fn run_dir(&self, attempt: &AttemptId) -> PathBuf {
        self.runs().join(attempt.run.session.as_str()).join(attempt.file_stem())
    }
    /// The raw output of a session's attempts.
    pub fn output_dir(&self, session: &SessionName) -> PathBuf {
        self.state.join("output").join(session.as_str())
    }
    /// The raw output of an attempt.
    pub fn output_log(&self, attempt: &AttemptId) -> PathBuf {
        self.output_dir(&attempt.run.session).join(format!("{}.log", attempt.file_stem()))
    }
    /// The raw output of an attempt for people: relative to the config's folder where it stands below it.
    pub fn shown_output_log(&self, attempt: &AttemptId) -> String {
        let path = self.output_log(attempt);
        path.strip_prefix(self.root()).unwrap_or(&path).display().to_string()
    }
    /// The daemon's socket.
    pub fn api_socket(&self) -> PathBuf {
        self.runtime.join("api.sock")
    }
    /// The tmux server's socket.
    pub fn tmux_socket(&self) -> PathBuf {
        self.runtime.join("tmux.sock")
    }
    /// The tmux server's configuration.
    pub fn tmux_conf(&self) -> PathBuf {
        self.runtime.join("tmux.conf")
    }
    /// The recorder's socket of an attempt. The name is a hash: session names can be long, socket paths cannot.
    pub fn shim_socket(&self, attempt: &AttemptId) -> PathBuf {
        self.runtime.join(format!("r-{}", attempt_key(attempt)))
    }
    /// The socket at which an attempt's program tells of its work.
    pub fn tell_socket(&self, attempt: &AttemptId) -> PathBuf {
        self.runtime.join(format!("t-{}", attempt_key(attempt)))
    }
    /// Makes the state folder and the private runtime folder, and checks that the latter is private and its sockets'
    /// paths are short enough.
    pub fn prepare(&self) -> Result<(), InstanceError> {
        make_state(&self.state).map_err(|source| InstanceError::Io {
            what: "cannot create",
            path: self.state.clone(),
            source,
        })?;
        private_dir(&self.runtime)?;
        let longest = self.runtime.join("r-0123456789abcdef");
        if longest.as_os_str().len() > SOCKET_PATH_MAX {
            return Err(InstanceError::TooLong { path: longest });
        }
        let note = self.runtime.join(STATE_NOTE);
        fs::write(&note, self.state.as_os_str().as_bytes()).map_err(|source| InstanceError::Io {
            what: "cannot write",
            path: note,
            source,
        })
    }
}

/// In the runtime folder: where the state folder is. The config may be gone or broken while its sessions run.
const STATE_NOTE: &str = "state";

/// The instance whose file was replaced by a link while its daemon runs. By its real path the file would name another one,
/// and a second daemon would start the same sessions beside the first.
fn before_the_link(file: &Path, runtime_base: &Path) -> Option<Instance> {
    if !file.is_symlink() {
        return None;
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = folder.canonicalize().ok()?.join(file.file_name()?);
    let runtime = runtime_base.join(key(&file));
    let state = PathBuf::from(std::ffi::OsString::from_vec(fs::read(runtime.join(STATE_NOTE)).ok()?));
    let instance = Instance { file, state, runtime };
    UnixStream::connect(instance.api_socket()).is_ok().then_some(instance)
}

/// What tells the folders of instances apart, from the file's one name.
fn key(file: &Path) -> String {
    let digest = Sha256::digest(file.as_os_str().as_bytes());
    digest.iter().take(6).map(|b| format!("{b:02x}")).collect()
}

/// What tells the sockets of attempts apart.
fn attempt_key(attempt: &AttemptId) -> String {
    let digest = Sha256::digest(attempt.to_string().as_bytes());
    digest.iter().take(8).map(|b| format!("{b:02x}")).collect()
}

/// The one name of a config file; also of one that is gone, when its folder is there.
fn canonical(file: &Path) -> io::Result<PathBuf> {
    match file.canonicalize() {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            // A link that leads nowhere stands for where it leads.
            let target = fs::read_link(file).map_or_else(|_| file.to_path_buf(), |target| folder.join(target));
            let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            Ok(folder.canonicalize()?.join(target.file_name().ok_or(e)?))
        }
        other => other,
    }
}

/// Makes a state folder that is not there yet: private, and ignored by git, which would offer what the night leaves. A
/// folder that is there stays as it is.
pub fn make_state(state: &Path) -> io::Result<()> {
    if state.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(state)?;
    fs::write(state.join(".gitignore"), "*\n")
}

/// The folder for all instances' sockets: `$XDG_RUNTIME_DIR/nightkeep`, else `$HOME/.local/state/nightkeep/run`; never
/// `/tmp`. A relative value counts as unset, as the XDG specification says.
pub fn runtime_base(xdg_runtime_dir: Option<&Path>, home: Option<&Path>) -> Result<PathBuf, InstanceError> {
    let absolute = |p: Option<&Path>| p.filter(|p| p.is_absolute()).map(Path::to_path_buf);
    absolute(xdg_runtime_dir)
        .map(|p| p.join("nightkeep"))
        .or_else(|| absolute(home).map(|p| p.join(".local/state/nightkeep/run")))
        .ok_or(InstanceError::NoHome)
}

/// Makes a folder of mode 0700 and checks it and its parent: owned by us, no symlink, not writable by others.
fn private_dir(dir: &Path) -> Result<(), InstanceError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|source| InstanceError::Io {
        what: "cannot create",
        path: dir.to_path_buf(),
        source,
    })?;
    for path in [dir.parent().unwrap_or(dir), dir] {
        let meta = fs::symlink_metadata(path).map_err(|source| InstanceError::Io {
            what: "cannot look at",
            path: path.to_path_buf(),
            source,
        })?;
        let problem = if !meta.is_dir() {
            Some("it is not a directory".to_owned())
        } else if meta.uid() != rustix::process::geteuid().as_raw() {
            Some(format!("it belongs to uid {}", meta.uid()))
        } else if meta.permissions().mode() & 0o022 != 0 {
            Some(format!("its mode is {:o}", meta.permissions().mode() & 0o7777))
        } else {
            None
        };
        if let Some(problem) = problem {
            return Err(InstanceError::NotPrivate { path: path.to_path_buf(), problem });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_runtime_dir_counts_as_unset_and_tmp_is_never_used() {
        let home = Path::new("/home/anna");
        assert_eq!(runtime_base(Some(Path::new("run")), Some(home)).unwrap(), home.join(".local/state/nightkeep/run"));
        assert_eq!(runtime_base(Some(Path::new("/run/user/7")), None).unwrap(), Path::new("/run/user/7/nightkeep"));
        assert!(matches!(runtime_base(None, None), Err(InstanceError::NoHome)));
    }

    #[test]
    fn a_runtime_dir_that_others_can_write_is_refused() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = tmp.path().join("open/key");
        fs::create_dir_all(&dir).unwrap();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(private_dir(&dir), Err(InstanceError::NotPrivate { .. })));
    }

    #[test]
    fn a_socket_path_that_is_too_long_is_refused_before_anything_starts() {
        let tmp = tempfile::tempdir().unwrap();
        let file = tmp.path().join("sessions.toml");
        fs::write(&file, "").unwrap();
        let instance = Instance::new(&file, None, &tmp.path().join("x".repeat(100))).unwrap();
        assert!(matches!(instance.prepare(), Err(InstanceError::TooLong { .. })));
    }

    #[test]
    fn a_file_that_becomes_a_link_keeps_the_instance_of_its_daemon() {
        let tmp = tempfile::tempdir().unwrap();
        let (file, elsewhere) = (tmp.path().join("sessions.toml"), tmp.path().join("elsewhere.toml"));
        fs::write(&file, "").unwrap();
        fs::rename(&file, &elsewhere).unwrap();
        fs::write(&file, "").unwrap();
        let base = tmp.path().join("run");
        let before = Instance::new(&file, Some(Path::new("state")), &base).unwrap();
        before.prepare().unwrap();
        fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &file).unwrap();
        let without_daemon = Instance::new(&file, None, &base).unwrap();
        assert_eq!(without_daemon.file(), elsewhere.canonicalize().unwrap());
        let _daemon = std::os::unix::net::UnixListener::bind(before.api_socket()).unwrap();
        assert_eq!(Instance::new(&file, None, &base).unwrap(), before);
    }
}
