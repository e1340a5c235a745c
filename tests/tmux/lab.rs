//! A private tmux server and what it takes to watch it.

use nightkeep::adapters::tmux::{Connected, Places, Tmux};
use nightkeep::core::ids::{AttemptId, SessionName};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// The longest a condition may take to come true.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A temp dir with the places of a server. Dropping it ends the server.
pub struct Lab {
    pub dir: tempfile::TempDir,
    pub places: Places,
}

impl Lab {
    pub fn new() -> Self {
        Self::in_folder("run")
    }
    /// A lab whose socket and files stand in a folder of this name.
    pub fn in_folder(folder: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let run = dir.path().join(folder);
        std::fs::create_dir(&run).unwrap();
        let places = Places {
            tmux: PathBuf::from("tmux"),
            socket: run.join("tmux.sock"),
            conf: run.join("tmux.conf"),
            pid_file: run.join("tmux.pid"),
            home: dir.path().into(),
            path: std::env::var_os("PATH").unwrap(),
            systemd_runtime: None,
            keep: ["/bin/sh", "-c", "exec tail -f /dev/null"].map(str::to_owned).to_vec(),
        };
        Self { dir, places }
    }
    /// Where the socket stands.
    pub fn folder(&self) -> &Path {
        self.places.socket.parent().unwrap()
    }
    pub fn path(&self) -> &Path {
        self.dir.path()
    }
    pub async fn connect(&self) -> Connected {
        Tmux::connect(&self.places).await.unwrap()
    }
    /// A tmux command from outside, as a person would type it.
    pub fn outside(&self, words: &[&str]) -> Output {
        Command::new("tmux").arg("-N").arg("-S").arg(&self.places.socket).args(words).output().unwrap()
    }
    /// The same for its output as text; it must succeed.
    pub fn ask(&self, words: &[&str]) -> String {
        let out = self.outside(words);
        assert!(out.status.success(), "{words:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).into_owned()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let Some(pid) = std::fs::read_to_string(&self.places.pid_file).ok().and_then(|text| pid_in(&text)) else {
            return;
        };
        send(pid, "CONT");
        let _ = self.outside(&["kill-server"]);
        send(pid, "KILL");
    }
}

fn pid_in(record: &str) -> Option<u32> {
    let record: serde_json::Value = serde_json::from_str(record).ok()?;
    u32::try_from(record.get("pid")?.as_u64()?).ok()
}

/// Sends a signal by name.
pub fn send(pid: u32, signal: &str) {
    let _ = Command::new("kill").arg(format!("-{signal}")).arg(pid.to_string()).output();
}

pub fn name(text: &str) -> SessionName {
    SessionName::new(text).unwrap()
}
pub fn attempt(text: &str) -> AttemptId {
    text.parse().unwrap()
}
pub fn argv(words: &[&str]) -> Vec<String> {
    words.iter().map(|w| (*w).to_owned()).collect()
}
/// A program that runs until it is ended.
pub fn sleeper() -> Vec<String> {
    argv(&["/bin/sleep", "600"])
}

/// Waits until something is true; fails after [`PATIENCE`].
pub async fn until<F: Future<Output = bool>>(what: &str, mut check: impl FnMut() -> F) {
    let began = Instant::now();
    while !check().await {
        assert!(began.elapsed() < PATIENCE, "never came true: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
