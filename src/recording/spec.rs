//! `spec.json`: what the recorder is to run. It is a file because a command line shows in `/proc` and in tmux.

use crate::core::plan::Caps;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The version this program writes.
pub const SPEC_VERSION: u32 = 1;
/// Name of the file in the run directory.
pub const SPEC_FILE: &str = "spec.json";

/// Largest spec that is read, in bytes.
pub const SPEC_MAX: u64 = 4 * 1024 * 1024;

/// What to run and how.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// Format version.
    pub version: u32,
    /// The attempt's id, `2026-11-21/load/1.2`; handed to the program as `NIGHTKEEP_ATTEMPT`.
    pub attempt: String,
    /// The id of the journal that knows the attempt: another journal may give the same attempt id again. Empty in specs
    /// of before there was one.
    #[serde(default)]
    pub journal: String,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Absolute working directory.
    pub dir: PathBuf,
    /// The complete environment.
    pub env: BTreeMap<String, String>,
    /// Terminal size at the start: columns, rows.
    pub size: (u16, u16),
    /// Absolute path of the raw output; the index is the same with `.idx` for `.log`.
    pub output: PathBuf,
    /// Absolute path of the recorder's socket.
    pub socket: PathBuf,
    /// Absolute path of the socket at which the program tells of its work; `None` is that it cannot.
    #[serde(default)]
    pub tell: Option<PathBuf>,
    /// Bytes of output kept at least; the oldest beyond it is dropped and counted as lost. `None` is no cap.
    pub output_cap: Option<u64>,
    /// Most that the program and all it starts may take.
    #[serde(default)]
    pub caps: Caps,
    /// Milliseconds from the first polite request to the last `SIGKILL`, unless the stop says otherwise.
    pub stop_grace_ms: u64,
    /// Whether the program is ended when tmux vanishes (`stop`) or runs on (`keep`).
    pub keep_on_tmux_loss: bool,
    /// Milliseconds for which output of descendants is still read after the program's own exit.
    pub drain_ms: u64,
    /// Whether the recorder answers when the program asks its terminal whether it may report what it does.
    #[serde(default)]
    pub answers_status: bool,
}

impl std::fmt::Debug for Spec {
    /// Leaves out the environment's values: they may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spec")
            .field("attempt", &self.attempt)
            .field("argv", &self.argv)
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}

/// Why a spec cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// The file could not be written or read.
    #[error("{what} {}: {source}", path.display())]
    Io {
        /// `cannot write`, `cannot read`.
        what: &'static str,
        /// Which path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not a spec. The text is left out: it may hold secrets.
    #[error("{} is not a spec (line {line}, column {column})", path.display())]
    Malformed {
        /// Which path.
        path: PathBuf,
        /// Where in it.
        line: usize,
        /// Where in the line.
        column: usize,
    },
    /// The file was written by a later program.
    #[error("{} has version {version}, this program knows versions up to {SPEC_VERSION}", path.display())]
    TooNew {
        /// Which path.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// It names no program.
    #[error("{} names no program", path.display())]
    NoProgram {
        /// Which path.
        path: PathBuf,
    },
}

impl Spec {
    /// Writes `spec.json` into a run directory: mode 0600 from the first byte, complete or not at all, and on disk when
    /// this returns.
    pub fn write(&self, run_dir: &Path) -> Result<(), SpecError> {
        let path = run_dir.join(SPEC_FILE);
        let failed = |source| SpecError::Io { what: "cannot write", path: path.clone(), source };
        let bytes = serde_json::to_vec_pretty(self).map_err(|e| failed(e.into()))?;
        let tmp = run_dir.join("spec.json.tmp");
        // A left-over of a crash could have any mode.
        let _ = std::fs::remove_file(&tmp);
        let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&tmp).and_then(|mut file| {
            file.write_all(&bytes)?;
            file.sync_all()?;
            std::fs::rename(&tmp, &path)?;
            File::open(run_dir)?.sync_all()
        });
        written.map_err(failed)
    }
    /// Reads `spec.json` of a run directory, at most [`SPEC_MAX`] bytes of it, and checks its version.
    pub fn read(run_dir: &Path) -> Result<Self, SpecError> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let path = run_dir.join(SPEC_FILE);
        let failed = |source| SpecError::Io { what: "cannot read", path: path.clone(), source };
        let mut bytes = Vec::new();
        super::open_regular(&path).map_err(failed)?.take(SPEC_MAX).read_to_end(&mut bytes).map_err(failed)?;
        let malformed =
            |e: serde_json::Error| SpecError::Malformed { path: path.clone(), line: e.line(), column: e.column() };
        let version = serde_json::from_slice::<Version>(&bytes).map_err(malformed)?.version;
        if version > SPEC_VERSION {
            return Err(SpecError::TooNew { path, version });
        }
        let spec: Self = serde_json::from_slice(&bytes).map_err(malformed)?;
        if spec.argv.is_empty() { Err(SpecError::NoProgram { path }) } else { Ok(spec) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn spec() -> Spec {
        Spec {
            version: SPEC_VERSION,
            attempt: "2026-11-21/load/1.2".into(),
            journal: "j".into(),
            argv: vec!["python".into(), "-m".into(), "loaders.run".into()],
            dir: "/srv/load".into(),
            env: [("TOKEN".to_owned(), "hunter2".to_owned())].into(),
            size: (200, 50),
            output: "/srv/logs/1.log".into(),
            socket: "/run/r".into(),
            tell: Some("/run/t".into()),
            output_cap: None,
            caps: Caps::default(),
            stop_grace_ms: 15_000,
            keep_on_tmux_loss: false,
            drain_ms: 200,
            answers_status: false,
        }
    }

    #[test]
    fn a_spec_is_private_and_reads_back_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("spec.json.tmp"), "left over").unwrap();
        spec().write(dir.path()).unwrap();
        let mode = std::fs::metadata(dir.path().join(SPEC_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(Spec::read(dir.path()).unwrap() == spec());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn neither_debug_nor_errors_show_the_environment() {
        assert!(!format!("{:?}", spec()).contains("hunter2"));
        let dir = tempfile::tempdir().unwrap();
        let mut broken = serde_json::to_value(spec()).unwrap();
        broken["env"] = serde_json::json!("hunter2");
        std::fs::write(dir.path().join(SPEC_FILE), broken.to_string()).unwrap();
        let error = Spec::read(dir.path()).unwrap_err();
        assert!(matches!(error, SpecError::Malformed { .. }));
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }

    #[test]
    fn later_versions_missing_programs_and_endless_files_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(SPEC_FILE);
        std::fs::write(&path, r#"{"version":2,"attempt":{"shape":"unknown"}}"#).unwrap();
        assert!(matches!(Spec::read(dir.path()), Err(SpecError::TooNew { version: 2, .. })));
        Spec { argv: vec![], ..spec() }.write(dir.path()).unwrap();
        assert!(matches!(Spec::read(dir.path()), Err(SpecError::NoProgram { .. })));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(Spec::read(dir.path()), Err(SpecError::Io { .. })));
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        assert!(matches!(Spec::read(dir.path()), Err(SpecError::Io { .. })));
    }
}
