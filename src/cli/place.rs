//! Where things are looked for: the file, the user's own folders, the instance they give.

use super::failure::{Exit, Failure, shown_path};
use super::parts;
use crate::instance::{self, Instance, SOCKET_PATH_MAX};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The file's name.
pub const FILE_NAME: &str = "sessions.toml";
/// Most bytes of a TOML file that are read.
const FILE_MAX: u64 = 1 << 20;

/// What the environment says about places. A relative value of an XDG variable or of `HOME` counts as unset.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`.
    pub config_home: Option<PathBuf>,
    /// `XDG_STATE_HOME`.
    pub state_home: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`.
    pub runtime_dir: Option<PathBuf>,
    /// `NIGHTKEEP_FILE`.
    pub file: Option<PathBuf>,
    /// The working directory.
    pub here: PathBuf,
}

impl Surroundings {
    /// Reads the environment of this process.
    pub fn from_env() -> Self {
        let var = |name| std::env::var_os(name).map(PathBuf::from).filter(|v| !v.as_os_str().is_empty());
        let absolute = |name| var(name).filter(|v| v.is_absolute());
        Self {
            home: absolute("HOME"),
            config_home: absolute("XDG_CONFIG_HOME"),
            state_home: absolute("XDG_STATE_HOME"),
            runtime_dir: absolute("XDG_RUNTIME_DIR"),
            file: var("NIGHTKEEP_FILE"),
            here: std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")),
        }
    }
    /// The user's own configuration folder of nightkeep.
    pub fn user_config(&self) -> Option<PathBuf> {
        let base = self.config_home.clone().or_else(|| self.home.as_ref().map(|h| h.join(".config")));
        base.map(|b| b.join("nightkeep"))
    }
    /// The user's own state folder of nightkeep.
    pub fn user_state(&self) -> Option<PathBuf> {
        let base = self.state_home.clone().or_else(|| self.home.as_ref().map(|h| h.join(".local/state")));
        base.map(|b| b.join("nightkeep"))
    }
    /// The file that counts: `--file`, `NIGHTKEEP_FILE`, this folder or a parent, the user's own.
    pub fn find_file(&self, asked: Option<&Path>) -> Result<PathBuf, Failure> {
        if let Some(path) = asked.or(self.file.as_deref()) {
            return match path.metadata() {
                Ok(meta) if meta.is_file() => Ok(path.to_path_buf()),
                Ok(_) => Err(Failure::new(Exit::Usage, format!("{} is not a file", shown_path(path)))),
                Err(e) => Err(Failure::new(Exit::Usage, format!("cannot read {}: {e}", shown_path(path)))),
            };
        }
        let beside = self.here.ancestors().map(|dir| dir.join(FILE_NAME));
        let own = self.user_config().map(|dir| dir.join(FILE_NAME));
        beside.chain(own).find(|path| path.is_file()).ok_or_else(|| {
            Failure::new(Exit::Usage, format!("no {FILE_NAME} in {} or above", shown_path(&self.here)))
                .hint("`nightkeep init` writes one for this folder; `--file` names another")
        })
    }
    /// The file that is gone, but whose sessions or journal are there: the asked one, or one of this folder or a parent.
    pub fn vanished(&self, asked: Option<&Path>) -> Option<PathBuf> {
        let left = |file: &PathBuf| {
            let Ok(instance) = self.instance(file) else { return false };
            instance.lock_file().exists() || instance.journal().exists()
        };
        if let Some(path) = asked.or(self.file.as_deref()) {
            return Some(path.to_path_buf()).filter(|path| !path.exists()).filter(left);
        }
        self.here.ancestors().map(|dir| dir.join(FILE_NAME)).filter(|file| !file.exists()).find(left)
    }
    /// The places of a file's instance.
    pub fn instance(&self, file: &Path) -> Result<Instance, Failure> {
        let base = instance::runtime_base(self.runtime_dir.as_deref(), self.home.as_deref()).map_err(|e| {
            Failure::new(Exit::Failed, format!("no place for sockets: {e}"))
                .hint("set HOME, or XDG_RUNTIME_DIR, to an absolute path")
        })?;
        let table = lenient_toml(file);
        let mut instance = Instance::new(file, table.as_ref().and_then(state_setting).as_deref(), &base)
            .map_err(|e| Failure::io(format!("cannot read {}", shown_path(file)), &e))?;
        if table.is_none()
            && let Some(state) = instance.noted_state()
        {
            instance = instance.with_state(state);
        }
        // A daemon that was started with another XDG_RUNTIME_DIR is where it says it is.
        if let Some(runtime) = parts::daemon(&instance).and_then(|daemon| daemon.runtime) {
            instance = instance.with_runtime(runtime);
        }
        let socket = instance.api_socket();
        if socket.as_os_str().len() > SOCKET_PATH_MAX {
            let what = format!("the socket path {} is longer than {SOCKET_PATH_MAX} bytes", shown_path(&socket));
            return Err(Failure::new(Exit::Failed, what).hint("set XDG_RUNTIME_DIR to a shorter path"));
        }
        Ok(instance)
    }
}

/// Reads a TOML file of at most 1 MiB that may be missing or broken.
pub fn lenient_toml(file: &Path) -> Option<toml::Table> {
    let mut text = String::new();
    let meta = fs::metadata(file).ok().filter(fs::Metadata::is_file)?;
    if meta.len() > FILE_MAX {
        return None;
    }
    fs::File::open(file).ok()?.take(FILE_MAX).read_to_string(&mut text).ok()?;
    text.trim_start_matches('\u{feff}').parse().ok()
}

/// The names of the sessions that the file declares, as far as it can be read.
pub fn declared_sessions(file: &Path) -> Vec<String> {
    let table = lenient_toml(file).unwrap_or_default();
    table.get("sessions").and_then(toml::Value::as_table).map_or_else(Vec::new, |all| all.keys().cloned().collect())
}

/// `[paths] state`. A broken file must not hide a running daemon or a written journal, so only this key is looked at.
fn state_setting(table: &toml::Table) -> Option<PathBuf> {
    table.get("paths")?.get("state")?.as_str().map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_file_counts_and_an_asked_one_wins() {
        let tmp = tempfile::tempdir().unwrap();
        let deep = tmp.path().join("a/b");
        fs::create_dir_all(&deep).unwrap();
        let mut around =
            Surroundings { here: deep, config_home: Some(tmp.path().join("config")), ..Surroundings::default() };
        assert_eq!(around.find_file(None).unwrap_err().exit(), Exit::Usage);

        let own = tmp.path().join("config/nightkeep/sessions.toml");
        fs::create_dir_all(own.parent().unwrap()).unwrap();
        fs::write(&own, "").unwrap();
        assert_eq!(around.find_file(None).unwrap(), own);

        let above = tmp.path().join("a/sessions.toml");
        fs::write(&above, "").unwrap();
        assert_eq!(around.find_file(None).unwrap(), above);

        around.file = Some(own.clone());
        assert_eq!(around.find_file(None).unwrap(), own);
        assert_eq!(around.find_file(Some(&above)).unwrap(), above);
        assert_eq!(around.find_file(Some(tmp.path())).unwrap_err().exit(), Exit::Usage);
    }

    #[test]
    fn the_state_folder_is_known_even_when_the_rest_of_the_file_is_wrong() {
        let tmp = tempfile::tempdir().unwrap();
        let file = tmp.path().join("sessions.toml");
        let around = Surroundings { home: Some(tmp.path().to_path_buf()), ..Surroundings::default() };
        fs::write(&file, "\u{feff}[paths]\nstate = \"state\"\n[sessions.A]\nnonsense = 1\n").unwrap();
        let root = tmp.path().canonicalize().unwrap();
        assert_eq!(around.instance(&file).unwrap().state(), root.join("state"));
        fs::write(&file, "[paths\n").unwrap();
        assert_eq!(around.instance(&file).unwrap().state(), root.join("logs"));
    }
}
