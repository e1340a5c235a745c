//! The recordings: bytes that agents wrote, hooks they called, lines they printed. One file, packed.
//!
//! Each begins with a line `agent scenario kind columns rows end_ms length`; its bytes follow.

use nightkeep::core::time::Wall;

/// One of them.
#[derive(Debug, Clone)]
pub struct Recording {
    pub agent: String,
    pub scenario: String,
    pub size: (u16, u16),
    pub end: Wall,
    pub bytes: Vec<u8>,
}

/// All of a kind: `raw`, `hooks`, `json` or `events`.
pub fn all(kind: &str) -> Vec<Recording> {
    let packed = include_bytes!("recordings.zst");
    let bytes = zstd::decode_all(&packed[..]).unwrap();
    let mut rest = &bytes[..];
    let mut found = Vec::new();
    while let Some(end) = rest.iter().position(|b| *b == b'\n') {
        let words: Vec<&str> = std::str::from_utf8(&rest[..end]).unwrap().split(' ').collect();
        let [agent, scenario, of, cols, rows, at, length] = words[..] else { panic!("{words:?}") };
        let length: usize = length.parse().unwrap();
        let body = &rest[end + 1..end + 1 + length];
        if of == kind {
            found.push(Recording {
                agent: agent.to_owned(),
                scenario: scenario.to_owned(),
                size: (cols.parse().unwrap(), rows.parse().unwrap()),
                end: Wall(at.parse().unwrap()),
                bytes: body.to_vec(),
            });
        }
        rest = &rest[end + 1 + length + 1..];
    }
    assert!(!found.is_empty(), "no recording is of the kind {kind}");
    found
}
