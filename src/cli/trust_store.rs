//! Which files may start programs on this machine: `$XDG_STATE_HOME/nightkeep/trusted.toml`, mode 0600.
//!
//! A file is trusted by its canonical path and the owner it had; by its content too where the user's own `config.toml`
//! says `[security] trust = "content"`.

use super::failure::{Exit, Failure, shown_path};
use super::place::{Surroundings, lenient_toml};
use super::when;
use crate::core::time::Wall;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// What makes a file the same one that was trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrustBy {
    /// Path and owner.
    Path,
    /// These and the content.
    Content,
}

/// The store as it stands in its file.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Stored {
    #[serde(default)]
    trusted: Vec<Trusted>,
}

/// One trusted file.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Trusted {
    path: String,
    uid: u32,
    sha256: String,
    at: String,
}

/// The trusted files of this user.
#[derive(Debug)]
pub struct TrustStore {
    file: PathBuf,
    by: TrustBy,
}

impl TrustStore {
    /// The store of this user. Fails when there is no place for it, or the user's own settings name an unknown mode.
    pub fn new(around: &Surroundings) -> Result<Self, Failure> {
        let state = around.user_state().ok_or_else(|| {
            Failure::new(Exit::Failed, "no place to remember which files are trusted")
                .hint("set HOME, or XDG_STATE_HOME, to an absolute path")
        })?;
        Ok(Self { file: state.join("trusted.toml"), by: mode(around)? })
    }
    /// What makes a file the same one.
    pub fn by(&self) -> TrustBy {
        self.by
    }
    /// Whether a file may start programs.
    pub fn trusts(&self, file: &Path) -> Result<bool, Failure> {
        let now = identity(file)?;
        let stored = self.read()?;
        Ok(stored.trusted.iter().any(|t| {
            let same_file = t.path == now.path && t.uid == now.uid;
            same_file && (self.by == TrustBy::Path || t.sha256 == now.sha256)
        }))
    }
    /// Trusts a file as it is now.
    pub fn trust(&self, file: &Path, at: Wall) -> Result<(), Failure> {
        let mut new = identity(file)?;
        new.at = when::rfc3339(at);
        self.change(|trusted| {
            trusted.retain(|t| t.path != new.path);
            trusted.push(new);
        })
    }
    /// Takes the trust in a file away. `false` when there was none.
    pub fn revoke(&self, file: &Path) -> Result<bool, Failure> {
        let path = identity(file)?.path;
        let mut found = false;
        self.change(|trusted| {
            let before = trusted.len();
            trusted.retain(|t| t.path != path);
            found = trusted.len() < before;
        })?;
        Ok(found)
    }

    fn read(&self) -> Result<Stored, Failure> {
        let text = match fs::read_to_string(&self.file) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Stored::default()),
            Err(e) => return Err(Failure::io(format!("cannot read {}", shown_path(&self.file)), &e)),
        };
        toml::from_str(&text).map_err(|e| {
            let what = format!("cannot read {}: {}", shown_path(&self.file), e.message());
            Failure::new(Exit::Failed, what).hint("delete it; files are then to be trusted again")
        })
    }
    /// Reads, changes and replaces the store in one go; two at once wait for each other.
    fn change(&self, edit: impl FnOnce(&mut Vec<Trusted>)) -> Result<(), Failure> {
        let failed = |e: std::io::Error| Failure::io(format!("cannot write {}", shown_path(&self.file)), &e);
        let dir = self.file.parent().unwrap_or(Path::new("/"));
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
        let lock_path = self.file.with_extension("lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(lock_path);
        let lock = lock.map_err(failed)?;
        lock.lock().map_err(failed)?;
        let mut stored = self.read()?;
        edit(&mut stored.trusted);
        let text =
            toml::to_string(&stored).map_err(|e| Failure::new(Exit::Failed, format!("cannot write trust: {e}")))?;
        let mut new = tempfile::NamedTempFile::new_in(dir).map_err(failed)?;
        new.write_all(text.as_bytes()).and_then(|()| new.as_file().sync_all()).map_err(failed)?;
        new.persist(&self.file).map_err(|e| failed(e.error))?;
        Ok(())
    }
}

/// `[security] trust` of the user's own `config.toml`. A word we do not know must not mean less care.
fn mode(around: &Surroundings) -> Result<TrustBy, Failure> {
    let Some(file) = around.user_config().map(|dir| dir.join("config.toml")) else { return Ok(TrustBy::Path) };
    let table = match fs::symlink_metadata(&file) {
        Err(_) => return Ok(TrustBy::Path),
        Ok(_) => lenient_toml(&file),
    };
    let broken = |what: &str| {
        Failure::new(Exit::Usage, format!("{}: {what}", shown_path(&file)))
            .hint("`[security] trust` is \"path\" (the default) or \"content\"")
    };
    let table = table.ok_or_else(|| broken("cannot be read as TOML"))?;
    let setting = table.get("security").and_then(|security| security.get("trust"));
    match setting.map(|s| s.as_str()) {
        None | Some(Some("path")) => Ok(TrustBy::Path),
        Some(Some("content")) => Ok(TrustBy::Content),
        Some(_) => Err(broken("unknown value of `[security] trust`")),
    }
}

/// What a file is known by now.
fn identity(file: &Path) -> Result<Trusted, Failure> {
    let failed = |e: std::io::Error| Failure::io(format!("cannot read {}", shown_path(file)), &e);
    let canonical = file.canonicalize().map_err(failed)?;
    let Some(path) = canonical.to_str() else {
        let what = format!("cannot trust {}: its path is not UTF-8", shown_path(&canonical));
        return Err(Failure::new(Exit::Failed, what));
    };
    let opened = File::open(&canonical).map_err(failed)?;
    let meta = opened.metadata().map_err(failed)?;
    if !meta.is_file() {
        return Err(Failure::new(Exit::Usage, format!("{} is not a file", shown_path(&canonical))));
    }
    let mut content = Vec::new();
    opened.take(2 << 20).read_to_end(&mut content).map_err(failed)?;
    let sha256 = Sha256::digest(&content).iter().map(|b| format!("{b:02x}")).collect();
    Ok(Trusted { path: path.to_owned(), uid: meta.uid(), sha256, at: String::new() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn place() -> (tempfile::TempDir, Surroundings, PathBuf) {
        let tmp = tempfile::tempdir().unwrap();
        let around = Surroundings { home: Some(tmp.path().to_path_buf()), ..Surroundings::default() };
        let file = tmp.path().join("sessions.toml");
        fs::write(&file, "a = 1").unwrap();
        (tmp, around, file)
    }

    #[test]
    fn trust_is_remembered_by_path_privately_and_can_be_taken_back() {
        let (tmp, around, file) = place();
        let store = TrustStore::new(&around).unwrap();
        assert!(!store.trusts(&file).unwrap());
        store.trust(&file, Wall(0)).unwrap();
        fs::write(&file, "a = 2").unwrap();
        assert!(store.trusts(&file).unwrap());
        let other = tmp.path().join("other.toml");
        fs::copy(&file, &other).unwrap();
        assert!(!store.trusts(&other).unwrap());
        let kept = fs::metadata(tmp.path().join(".local/state/nightkeep/trusted.toml")).unwrap();
        assert_eq!(kept.permissions().mode() & 0o777, 0o600);
        assert!(store.revoke(&file).unwrap());
        assert!(!store.revoke(&file).unwrap());
        assert!(!store.trusts(&file).unwrap());
    }

    #[test]
    fn a_link_is_trusted_as_what_it_points_to() {
        let (tmp, around, file) = place();
        let link = tmp.path().join("link.toml");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let store = TrustStore::new(&around).unwrap();
        store.trust(&link, Wall(0)).unwrap();
        assert!(store.trusts(&file).unwrap());
    }

    #[test]
    fn by_content_a_changed_file_is_not_trusted_and_an_unknown_mode_is_an_error() {
        let (tmp, around, file) = place();
        let settings = tmp.path().join(".config/nightkeep/config.toml");
        fs::create_dir_all(settings.parent().unwrap()).unwrap();
        fs::write(&settings, "[security]\ntrust = \"content\"\n").unwrap();
        let store = TrustStore::new(&around).unwrap();
        assert_eq!(store.by(), TrustBy::Content);
        store.trust(&file, Wall(0)).unwrap();
        assert!(store.trusts(&file).unwrap());
        fs::write(&file, "a = 2").unwrap();
        assert!(!store.trusts(&file).unwrap());
        for bad in ["[security]\ntrust = \"paht\"\n", "[security]\ntrust = 1\n", "[security\n"] {
            fs::write(&settings, bad).unwrap();
            assert_eq!(TrustStore::new(&around).unwrap_err().exit(), Exit::Usage, "{bad}");
        }
    }

    #[test]
    fn many_at_once_lose_nothing() {
        let (tmp, around, _) = place();
        let files: Vec<PathBuf> = (0..8).map(|i| tmp.path().join(format!("{i}.toml"))).collect();
        std::thread::scope(|scope| {
            for file in &files {
                let around = around.clone();
                scope.spawn(move || {
                    fs::write(file, "").unwrap();
                    TrustStore::new(&around).unwrap().trust(file, Wall(0)).unwrap();
                });
            }
        });
        let store = TrustStore::new(&around).unwrap();
        assert!(files.iter().all(|file| store.trusts(file).unwrap()));
    }
}
