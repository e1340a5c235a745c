//! What the program of an attempt tells through the recorder: the words on the socket, and `told.jsonl`, where the recorder
//! keeps what it took. The daemon reads that file when it can, so nothing depends on its running.
//!
//! The socket is one of its own and knows one thing to say: a claim. A request is one JSON line, the answer another; then
//! the connection ends.

use crate::core::told::Claim;
use serde::{Deserialize, Serialize};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Name of the file in the run directory.
pub const TOLD_FILE: &str = "told.jsonl";
/// The variable that names the socket to a program.
pub const TELL_VARIABLE: &str = "NIGHTKEEP_TELL";
/// Longest request or line of the file, in bytes: a claim whose every character has to be escaped.
pub const LINE_MAX: usize = 32 * 1024;
/// Programs served at once; more are told to come again.
pub const TELLERS_MAX: usize = 8;

/// The answer to a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// Whether it was taken.
    pub ok: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no: Option<No>,
    /// The same in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// In how many milliseconds there is room again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again_ms: Option<u64>,
}

/// Why a claim was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum No {
    /// The caller does not belong to this attempt.
    NotYours,
    /// It is no claim.
    NotAClaim,
    /// It says too much, too little, or not what its kind asks for.
    BadClaim,
    /// There were too many in the last minute.
    TooMany,
    /// Others are being served.
    Busy,
    /// It could not be written.
    NotKept,
}

impl Heard {
    /// It was taken.
    pub fn yes() -> Self {
        Self { ok: true, no: None, error: None, again_ms: None }
    }
    /// It was not.
    pub fn no(why: No, words: impl Into<String>) -> Self {
        Self { ok: false, no: Some(why), error: Some(words.into()), again_ms: None }
    }
}

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldLine {
    /// Wall clock, nanoseconds since the Unix epoch.
    pub t: u64,
    /// What.
    #[serde(flatten)]
    pub what: ToldWhat,
}

/// What a line tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToldWhat {
    /// A claim.
    Claim(Claim),
    /// So many were turned away for being too many; told once, at the end.
    Refused(u64),
}

/// What [`read_told`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewlyTold {
    /// Lines, oldest first, each with where it ends in the file.
    pub lines: Vec<(u64, ToldLine)>,
    /// Where to go on reading.
    pub next: u64,
    /// Whether there was more than one read takes; call again.
    pub more: bool,
}

/// Reads the whole lines behind an offset, at most about 1 MiB of them at once. What cannot be read is passed over. A file
/// that is not there tells nothing.
pub fn read_told(path: &Path, offset: u64) -> io::Result<NewlyTold> {
    const STEP: usize = 1024 * 1024;
    let file = match super::open_regular(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return Ok(NewlyTold { lines: Vec::new(), next: offset, more: false });
        }
        Err(e) => return Err(e),
    };
    let there = file.metadata()?.len().saturating_sub(offset);
    let mut bytes = vec![0; STEP.min(usize::try_from(there).unwrap_or(STEP))];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    bytes.truncate(filled);
    let (mut lines, mut taken) = (Vec::new(), 0);
    for line in bytes.split_inclusive(|b| *b == b'\n') {
        let Some(whole) = line.strip_suffix(b"\n") else { break };
        taken += line.len();
        if whole.len() <= LINE_MAX
            && let Ok(read) = serde_json::from_slice(whole)
        {
            lines.push((offset + taken as u64, read));
        }
    }
    if taken == 0 && bytes.len() > LINE_MAX {
        // No line of ours is so long: step over what is there of it, its rest will not parse.
        taken = bytes.len();
    }
    Ok(NewlyTold { lines, next: offset + taken as u64, more: taken > 0 && bytes.len() == STEP })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::evidence::ToldKind;
    use crate::recording::socket::encode;

    #[test]
    fn the_words_on_the_wire_and_in_the_file_are_fixed() {
        let claim = Claim { verify: Some("make".into()), ..Claim::new(ToldKind::Done, "built") };
        assert_eq!(encode(&claim), b"{\"tell\":\"done\",\"text\":\"built\",\"verify\":\"make\"}\n");
        let line = ToldLine { t: 7, what: ToldWhat::Claim(Claim::new(ToldKind::Needs, "a key")) };
        assert_eq!(encode(&line), b"{\"t\":7,\"claim\":{\"tell\":\"needs\",\"text\":\"a key\"}}\n");
        let refused = ToldLine { t: 7, what: ToldWhat::Refused(3) };
        assert_eq!(encode(&refused), b"{\"t\":7,\"refused\":3}\n");
        assert_eq!(encode(&Heard::yes()), b"{\"ok\":true}\n");
        let no = Heard { again_ms: Some(9), ..Heard::no(No::TooMany, "x") };
        assert_eq!(encode(&no), b"{\"ok\":false,\"no\":\"too_many\",\"error\":\"x\",\"again_ms\":9}\n");
    }

    #[test]
    fn whole_lines_are_read_once_each_with_its_end_and_the_rest_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(TOLD_FILE);
        assert_eq!(read_told(&path, 3).unwrap(), NewlyTold { lines: Vec::new(), next: 3, more: false });
        let line = |t| ToldLine { t, what: ToldWhat::Claim(Claim::new(ToldKind::Done, "x")) };
        let first = encode(&line(1));
        let mut bytes = first.clone();
        bytes.extend(b"garbage\n{\"t\":1,\"claim\":{\"tell\":\"fly\",\"text\":\"x\"}}\n");
        bytes.extend(vec![b'['; 3 << 20]);
        bytes.push(b'\n');
        bytes.extend(encode(&line(2)));
        let end = bytes.len() as u64;
        bytes.extend(&encode(&line(3))[..9]);
        std::fs::write(&path, &bytes).unwrap();
        let (mut seen, mut offset) = (Vec::new(), 0);
        loop {
            let new = read_told(&path, offset).unwrap();
            seen.extend(new.lines);
            offset = new.next;
            if !new.more {
                break;
            }
        }
        assert_eq!(seen, [(first.len() as u64, line(1)), (end, line(2))]);
        assert_eq!(offset, end, "the cut line is read when it is whole");
    }
}
