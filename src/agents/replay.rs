//! Replays recorded output through the rules: what would have been seen, where.

use super::profile::{self, Profile};
use super::watch::Watcher;
use crate::core::agent::AgentSeen;
use crate::core::time::Wall;
use jiff::tz::TimeZone;
use std::sync::Arc;

/// Looks at a log, at most about.
const LOOKS: usize = 600;
/// Bytes between two looks, at least and at most.
const STEP: (usize, usize) = (64, 16 << 10);

/// What came of a replay.
#[derive(Debug, Clone, PartialEq)]
pub struct Replayed {
    /// The profile it was read by.
    pub agent: String,
    /// What is seen at the end.
    pub end: AgentSeen,
    /// What was seen from which byte on, where it changed.
    pub changes: Vec<(u64, AgentSeen)>,
}

/// Where and when a log was written.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// When it ended.
    pub end: Wall,
    /// The zone of times that name none.
    pub zone: TimeZone,
}

/// Feeds a log and looks at it in small steps. What is seen at one look alone, in the middle of a drawing, is no change.
pub fn replay(profile: &Arc<Profile>, bytes: &[u8], recorded: &Recorded) -> Replayed {
    let (cols, rows) = recorded.size;
    let mut watcher = Watcher::new(Arc::clone(profile), cols, rows, recorded.zone.clone());
    let step = (bytes.len() / LOOKS).clamp(STEP.0, STEP.1);
    let mut changes: Vec<(u64, AgentSeen)> = Vec::new();
    let mut candidate: Option<(u64, AgentSeen)> = None;
    let mut offset = 0;
    while offset < bytes.len() {
        let end = (offset + step).min(bytes.len());
        watcher.feed(bytes.get(offset..end).unwrap_or_default(), recorded.end);
        offset = end;
        let last = offset == bytes.len();
        if !last && !watcher.is_whole() {
            continue;
        }
        watcher.look(recorded.end);
        let Some(seen) = watcher.seen() else { continue };
        if changes.last().is_some_and(|(_, known)| known.same(seen)) {
            candidate = None;
            continue;
        }
        match candidate.take() {
            Some((from, waiting)) if waiting.same(seen) => changes.push((from, seen.clone())),
            Some(_) | None if last => changes.push((offset as u64, seen.clone())),
            Some(_) | None => candidate = Some((offset as u64, seen.clone())),
        }
    }
    watcher.look(recorded.end);
    let end = watcher.seen().cloned().unwrap_or_default();
    Replayed { agent: profile.name.clone(), end, changes }
}

/// Guesses which agent wrote a log, by what its first screens say; the generic profile when none is known.
pub fn guess(bytes: &[u8]) -> Arc<Profile> {
    let head = bytes.get(..bytes.len().min(64 << 10)).unwrap_or_default();
    let mut emulator = crate::terminal::emulator::Emulator::new(200, 60, 0, true);
    let mut text = String::new();
    for piece in head.chunks(2048) {
        emulator.feed(piece);
        text.push_str(&emulator.text());
    }
    let known = profile::built_in_names().filter_map(profile::built_in);
    let mut fitting = known.filter(|profile| !profile.banner.is_empty() && profile.banner.iter().all(|b| text.contains(b.as_str())));
    fitting.next().or_else(|| profile::built_in(profile::GENERIC)).unwrap_or_default()
}
