//! The secrets that open a channel are the daemon's: no session gets them, and no file of the night holds them.

use crate::house::House;
use std::path::Path;

const NIGHT: &str = r#"
[sessions.nosy]
command = "env | sort; echo looked"

[alerts.channels.phone]
type = "ntfy"
url = "http://127.0.0.1:9/Sup3rSecretTopic"
token = { env = "FAKE_SECRET" }
"#;

#[test]
fn a_session_does_not_get_the_secret_of_a_channel() {
    let house = House::new(NIGHT);
    house.ok(&["up", "--trust"]);
    house.ok(&["wait", "--timeout", "60s", "nosy"]);
    let logs = house.ok(&["logs", "nosy"]);
    assert!(logs.contains("looked") && logs.contains("HOME="), "{logs}");
    assert!(!logs.contains("hunter2") && !logs.contains("FAKE_SECRET"), "{logs}");
    house.ok(&["down"]);
    let mut seen = 0;
    search(&house.logs(), &mut seen);
    assert!(seen > 3, "{seen} files");
}

/// No file below a folder holds a secret.
fn search(folder: &Path, seen: &mut u32) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            search(&path, seen);
        } else if path.is_file() {
            *seen += 1;
            let bytes = std::fs::read(&path).unwrap();
            for secret in ["hunter2", "Sup3rSecretTopic"] {
                let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
                assert!(!found, "{} holds {secret}", path.display());
            }
        }
    }
}
