//! What a daemon that crashes by itself leaves for the next one: a line in `crashes` beside the journal. A daemon that is
//! killed from outside leaves none.

use crate::instance::Instance;
use std::fs;
use std::io::Write;
use std::path::PathBuf;

/// Most of the file that is read; a daemon writes one short line.
const READ_MAX: usize = 64 << 10;

fn file(instance: &Instance) -> PathBuf {
    instance.state().join("crashes")
}

/// Leaves a word. What cannot be written is lost: the log has it as well.
pub fn note(instance: &Instance, what: &str) {
    let line: String = what.chars().map(|c| if c.is_control() { ' ' } else { c }).take(400).collect();
    let written = fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(file(instance))
        .and_then(|mut file| writeln!(file, "{line}"));
    if let Err(e) = written {
        tracing::error!("the crash cannot be noted: {e}");
    }
}

/// Takes what was left, oldest first.
pub fn take(instance: &Instance) -> Vec<String> {
    let Ok(text) = fs::read(file(instance)) else { return Vec::new() };
    let _ = fs::remove_file(file(instance));
    let text = String::from_utf8_lossy(text.get(..READ_MAX).unwrap_or(&text)).into_owned();
    text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}
