//! The chain of hashes: each event's hash covers the one before, so a later change of any event shows.

use super::model::NewEvent;
use sha2::{Digest, Sha256};

/// Stands before the first event.
pub(super) const START: [u8; 32] = [0; 32];
/// Says what is hashed; changes when the fields do.
const DOMAIN: &[u8] = b"nightkeep event 1\n";

/// The last event and its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) seq: i64,
    pub(super) hash: [u8; 32],
}

impl Head {
    /// The head after one more event.
    pub(super) fn next(&self, event: &NewEvent) -> Self {
        let seq = self.seq + 1;
        Self { seq, hash: hash(&self.hash, seq, event) }
    }
}

/// The hash of an event: SHA-256 over the domain, the hash before, `seq`, `at_wall`, `at_mono` (8 bytes each,
/// little-endian), then `night`, `session`, `kind`, `body`: each one byte 0 for NULL, or 1, its length in bytes
/// (8 bytes, little-endian), and its bytes.
fn hash(before: &[u8; 32], seq: i64, event: &NewEvent) -> [u8; 32] {
    let mut sha = Sha256::new();
    sha.update(DOMAIN);
    sha.update(before);
    for number in [seq, event.at_wall, event.at_mono] {
        sha.update(number.to_le_bytes());
    }
    for text in [event.night.as_deref(), event.session.as_deref(), Some(&event.kind), Some(&event.body)] {
        match text {
            None => sha.update([0]),
            Some(text) => {
                sha.update([1]);
                sha.update((text.len() as u64).to_le_bytes());
                sha.update(text.as_bytes());
            }
        }
    }
    sha.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_takes_part_and_none_can_flow_into_its_neighbour() {
        let event = |night: Option<&str>, session: Option<&str>, kind: &str, body: &str| NewEvent {
            at_wall: 1,
            at_mono: 2,
            night: night.map(str::to_owned),
            session: session.map(str::to_owned),
            kind: kind.to_owned(),
            body: body.to_owned(),
        };
        let base = event(Some("n"), Some("s"), "k", "b");
        let variants = [
            base.clone(),
            event(None, Some("s"), "k", "b"),
            event(Some(""), Some("s"), "k", "b"),
            event(Some("ns"), Some(""), "k", "b"),
            event(Some("n"), Some("s"), "kb", ""),
            NewEvent { at_wall: 2, at_mono: 1, ..base.clone() },
        ];
        let start = Head { seq: 0, hash: START };
        let mut hashes: Vec<_> = variants.iter().map(|event| start.next(event).hash).collect();
        hashes.push(hash(&START, 2, &base));
        hashes.push(hash(&[1; 32], 1, &base));
        let count = hashes.len();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), count);
    }

    #[test]
    fn the_hash_is_the_documented_one() {
        // Part of the file format: computed from the description, by another program.
        let event = NewEvent {
            at_wall: 1_795_000_000_000,
            at_mono: 42,
            night: Some("2026-11-21".to_owned()),
            session: None,
            kind: "night_opened".to_owned(),
            body: "{}".to_owned(),
        };
        let hex: String =
            Head { seq: 0, hash: START }.next(&event).hash.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "1d9d76c52a8f1d7a5f39cd87c648f7a9563ccc17284beae4b166ded62ab849ee");
    }
}
