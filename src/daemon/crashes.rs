//! What a daemon that crashes by itself leaves for the next one: a line in `crashes` beside the journal, by a panic as well
//! as by a signal such as `SIGSEGV` or the `SIGABRT` of a watchdog. One that is killed by `SIGKILL` leaves none.

use crate::instance::Instance;
use crate::os::dying;
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

/// What was left, oldest first. From now on this daemon leaves its last word as well.
pub fn read(instance: &Instance) -> Vec<String> {
    let text = fs::read(file(instance)).unwrap_or_default();
    let own = fs::OpenOptions::new().append(true).create(true).open(file(instance)).and_then(dying::leave_word);
    if let Err(e) = own {
        tracing::warn!("a crash of this daemon would go unnoticed: {e}");
    }
    let text = String::from_utf8_lossy(text.get(..READ_MAX).unwrap_or(&text)).into_owned();
    text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// Forgets what was left, once it is in the journal.
pub fn forget(instance: &Instance) {
    let emptied = fs::OpenOptions::new().write(true).open(file(instance)).and_then(|file| file.set_len(0));
    if let Err(e) = emptied {
        tracing::error!("{} would be told again: {e}", file(instance).display());
    }
}
