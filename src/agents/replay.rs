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
/// Bytes that are fed while the program says that it draws.
const WITHIN: usize = 32;
/// What is seen for fewer bytes than this, or than this part of the log, is a drawing that is not through.
const HOLDS: (usize, usize) = (2048, 24);

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

/// Feeds a log and looks at it in small steps.
pub fn replay(profile: &Arc<Profile>, bytes: &[u8], recorded: &Recorded) -> Replayed {
    let (cols, rows) = recorded.size;
    let mut watcher = Watcher::new(Arc::clone(profile), cols, rows, recorded.zone.clone());
    let step = (bytes.len() / LOOKS).clamp(STEP.0, STEP.1);
    let holds = (bytes.len() / HOLDS.1).min(HOLDS.0);
    let mut changes: Vec<(u64, AgentSeen)> = Vec::new();
    // What differs from the last change, and from where on it does so without a break.
    let mut candidate: Option<(usize, AgentSeen)> = None;
    let mut offset = 0;
    while offset < bytes.len() {
        let mut end = (offset + step).min(bytes.len());
        watcher.feed(bytes.get(offset..end).unwrap_or_default(), recorded.end);
        while !watcher.is_whole() && end < bytes.len() && end - offset < 2 * STEP.1 {
            let next = (end + WITHIN).min(bytes.len());
            watcher.feed(bytes.get(end..next).unwrap_or_default(), recorded.end);
            end = next;
        }
        offset = end;
        let last = offset == bytes.len();
        watcher.look(recorded.end);
        let Some(seen) = watcher.seen() else { continue };
        if changes.last().is_some_and(|(_, known)| known.same(seen)) {
            candidate = None;
            continue;
        }
        let from = match candidate.take() {
            Some((from, waiting)) if waiting.same(seen) => from,
            Some(_) | None => offset,
        };
        if last || offset - from >= holds {
            changes.push((from as u64, seen.clone()));
        } else {
            candidate = Some((from, seen.clone()));
        }
    }
    watcher.look(recorded.end);
    let end = watcher.seen().cloned().unwrap_or_default();
    Replayed { agent: profile.name.clone(), end, changes }
}

/// Guesses which built-in agent wrote a log, by what its first screens say; the generic profile when none is known.
pub fn guess(bytes: &[u8]) -> Arc<Profile> {
    guess_among(bytes, &profile::built_in_names().filter_map(profile::built_in).collect::<Vec<_>>())
}

/// The same among these: the first that fits.
pub fn guess_among(bytes: &[u8], profiles: &[Arc<Profile>]) -> Arc<Profile> {
    let head = bytes.get(..bytes.len().min(64 << 10)).unwrap_or_default();
    let mut emulator = crate::terminal::emulator::Emulator::new(200, 60, 0, true);
    let mut text = String::new();
    for piece in head.chunks(2048) {
        emulator.feed(piece);
        text.push_str(&emulator.text());
    }
    let fits = |profile: &&Arc<Profile>| {
        !profile.banner.is_empty() && profile.banner.iter().all(|b| text.contains(b.as_str()))
    };
    profiles.iter().find(fits).cloned().or_else(|| profile::built_in(profile::GENERIC)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::exit::FailureClass;

    #[test]
    fn one_that_cannot_read_its_settings_is_not_to_be_started_again() {
        let class = |agent: &str, text: &str| {
            let recorded = Recorded { size: (80, 24), end: Wall(0), zone: TimeZone::UTC };
            let profile = profile::built_in(agent).unwrap();
            replay(&profile, text.replace('\n', "\r\n").as_bytes(), &recorded).end.class
        };
        let permanent = Some(FailureClass::Permanent);
        let broken = "Error: loading config.toml:\n/home/x/.codex/config.toml:1:16: unclosed array, expected `]`\n  |\n1 | model = [broken\n  |                ^\n";
        assert_eq!(class("codex", broken), permanent);
        assert_eq!(class("codex", "Error loading configuration: no such profile\n"), permanent);
        assert_eq!(class("codex", "Error: invalid type: integer `3`, expected a string\nin `model`\n"), permanent);
        let talk = "› why does it say this\n\n• It says: Error loading configuration: no such profile\n\n› \n\n  gpt-5 · ~/x\n";
        assert_eq!(class("codex", talk), None);
        assert_eq!(class("codex", "Error: stream error: connection reset\n"), None);
    }
}
