//! Watches one attempt of an agent: its output comes in as it comes, a judgement goes out when it is asked for one.
//!
//! Feeding is cheap; a judgement costs a look at the screen, so whoever asks decides how often.

use super::fuse::fuse;
use super::headless::{self, Lines};
use super::profile::Profile;
use super::rules::{self, Place};
use super::screen::{Cut, Region, Snapshot};
use super::sign::{Sign, Source};
use super::status;
use crate::core::agent::{Activity, AgentSeen, Denied};
use crate::core::time::Wall;
use crate::terminal::emulator::Emulator;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most denials that are told apart.
const DENIED_MAX: usize = 1_000;
/// Denials that are told by their words.
const DENIED_TOLD: usize = 5;

/// Watches one attempt.
#[derive(Debug)]
pub struct Watcher {
    profile: Arc<Profile>,
    emulator: Emulator,
    lines: Lines,
    zone: TimeZone,
    /// The newest sign of each source that speaks now and then; the screen and the title are looked at anew each time.
    told: BTreeMap<Source, Sign>,
    dirty: bool,
    seen: Option<AgentSeen>,
    /// What it was denied, each once.
    denied: Vec<(String, String)>,
    composer: Option<Composer>,
}

/// What stands in the composer of an agent, and around it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Composer {
    /// Its rows.
    pub text: String,
    /// Nothing stands in it but its own marks, or words that are drawn faintly: a hint.
    pub bare: bool,
    /// The program takes a text as a paste.
    pub brackets: bool,
    /// The row that it was last asked something in.
    pub asked: String,
}

/// Characters that programs draw around and before what is typed.
const MARKS: &[char] = &['❯', '›', '>', '*', '!', '┃', '│', '╹', '▀', '▄', '─', '╭', '╮', '╰', '╯', ' ', '\u{a0}'];

impl Composer {
    fn of(emulator: &Emulator, shot: &Snapshot, layout: &super::profile::Layout) -> Option<Self> {
        let cut = Cut::new(shot, layout);
        let rows = cut.composer_rows()?;
        let texts: Vec<&str> = rows.clone().filter_map(|at| shot.rows.get(at)).map(|row| row.text.as_str()).collect();
        let screen = emulator.screen();
        let (cols, _) = emulator.size();
        let faint = |y: usize| {
            let cells = (0..cols).filter_map(|x| screen.cell(u16::try_from(y).ok()?, x));
            // The cursor stands on the first character of a hint.
            cells
                .filter(|cell| cell.has_contents() && !cell.contents().trim_matches(MARKS).is_empty())
                .all(|cell| cell.dim() || cell.inverse())
        };
        let asked = cut.text(Region::Asked).map(|part| part.text).unwrap_or_default();
        Some(Self {
            text: texts.join("\n"),
            bare: rows.into_iter().all(faint),
            brackets: screen.bracketed_paste(),
            asked,
        })
    }
}

impl Watcher {
    /// Watches an agent on a terminal of that size. Times that name no zone are of `zone`.
    pub fn new(profile: Arc<Profile>, cols: u16, rows: u16, zone: TimeZone) -> Self {
        let (emulator, lines, told) = (Emulator::new(cols, rows, 0, true), Lines::default(), BTreeMap::new());
        let (seen, denied, composer) = (None, Vec::new(), None);
        Self { profile, emulator, lines, zone, told, dirty: true, seen, denied, composer }
    }
    /// The profile it is watched by.
    pub fn profile(&self) -> &Arc<Profile> {
        &self.profile
    }
    /// It is watched by another profile from here on. What was read by the old one and cannot be read again is kept.
    pub fn watch_by(&mut self, profile: Arc<Profile>) {
        self.dirty |= *profile != *self.profile;
        self.profile = profile;
    }
    /// Takes the next output; `at` is when it was written, as far as known.
    pub fn feed(&mut self, bytes: &[u8], at: Wall) {
        if bytes.is_empty() {
            return;
        }
        self.dirty = true;
        self.emulator.feed(bytes);
        for body in self.emulator.take_statuses() {
            let Some(report) = status::read(&body) else { continue };
            match status::sign(&self.profile, &report, at) {
                Some(sign) => self.told.insert(Source::Status, sign),
                None => self.told.remove(&Source::Status),
            };
        }
        let (profile, zone, told, denied) = (&self.profile, &self.zone, &mut self.told, &mut self.denied);
        self.lines.feed(bytes, |line| {
            for (id, what) in headless::denied(line) {
                let known = denied.iter().position(|(known, _)| *known == id && !id.is_empty());
                if let Some(known) = known.and_then(|place| denied.get_mut(place)) {
                    // At its end it says more of it.
                    known.1 = what;
                } else if denied.len() < DENIED_MAX {
                    denied.push((id, what));
                }
            }
            if let Some(mut sign) = headless::sign(profile, line, at, zone) {
                // A limit is told beside what comes of it.
                if sign.activity.is_none()
                    && let Some(before) = told.get(&Source::Headless)
                {
                    sign.activity = before.activity;
                }
                told.insert(Source::Headless, sign);
            }
        });
    }
    /// The terminal has another size from here on.
    pub fn resize(&mut self, cols: u16, rows: u16) {
        self.emulator.resize(cols, rows);
        self.dirty = true;
    }
    /// Takes what another source says: a hook, an event, a line of the transcript.
    pub fn tell(&mut self, sign: Sign) {
        self.told.insert(sign.source, sign);
        self.dirty = true;
    }
    /// What a source said last does not count any more.
    pub fn lost(&mut self, source: Source) {
        self.dirty |= self.told.remove(&source).is_some();
    }
    /// Whether something came since the last look.
    pub fn is_dirty(&self) -> bool {
        self.dirty
    }
    /// Whether the screen is whole: the program is not in the middle of drawing it.
    pub fn is_whole(&self) -> bool {
        self.emulator.is_between() && !self.emulator.is_drawing()
    }
    /// The newest judgement.
    pub fn seen(&self) -> Option<&AgentSeen> {
        self.seen.as_ref()
    }
    /// Judges what is known now; says whether what matters changed.
    pub fn look(&mut self, at: Wall) -> bool {
        if !std::mem::take(&mut self.dirty) && self.seen.is_some() {
            return false;
        }
        let place = Place { at, zone: self.zone.clone() };
        let shot = Snapshot::of(&self.emulator).fitted(&self.emulator, &self.profile.layout);
        let mut signs = rules::signs(&self.profile, &shot, &place);
        signs.extend(self.told.values().cloned());
        let mut now = fuse(&self.profile.name, &signs, at);
        if let (Some(prompt), Some(old)) = (&mut now.prompt, self.seen.as_ref().and_then(|seen| seen.prompt.as_ref())) {
            // It can no longer be read, and still stands there.
            if prompt.question.is_empty() && prompt.choices.is_empty() && prompt.command.is_none() {
                *prompt = old.clone();
            }
        }
        now.denied = Denied {
            count: u32::try_from(self.denied.len()).unwrap_or(u32::MAX),
            what: self.denied.iter().take(DENIED_TOLD).map(|(_, what)| what.clone()).collect(),
        };
        // Somebody asks, and it may show on the screen yet: it is looked at again, also when nothing more is drawn.
        let asks = signs.iter().any(|sign| sign.activity == Some(Activity::Prompting) && sign.prompt.is_some());
        self.dirty = asks && now.activity == Activity::Prompting && now.prompt.is_none();
        let changed = match &self.seen {
            Some(before) if before.same(&now) => {
                now.since = before.since;
                if let (Some(prompt), Some(old)) = (&mut now.prompt, &before.prompt) {
                    prompt.stable_since = old.stable_since;
                }
                false
            }
            Some(_) | None => true,
        };
        self.composer = match now.activity {
            // What works is not typed into.
            Activity::Working => None,
            Activity::Idle | Activity::Prompting | Activity::Stalled | Activity::Unknown => {
                Composer::of(&self.emulator, &shot, &self.profile.layout)
            }
        };
        self.seen = Some(now);
        changed
    }
    /// What stood in its composer at the last look, unless it worked; `None` when none was to be seen.
    pub fn composer(&self) -> Option<&Composer> {
        self.composer.as_ref()
    }
    /// The screen as text.
    pub fn text(&self) -> String {
        self.emulator.text()
    }
}

#[cfg(test)]
mod tests {
    use super::super::profile;
    use super::*;

    fn composer(agent: &str, drawn: &str) -> Option<Composer> {
        let mut watcher = Watcher::new(profile::built_in(agent).unwrap(), 60, 20, TimeZone::UTC);
        watcher.feed(drawn.as_bytes(), Wall(1));
        watcher.look(Wall(2));
        watcher.composer().cloned()
    }
    fn claude(typed: &str) -> Composer {
        let rule = "─".repeat(40);
        let screen = format!(
            "\x1b[?2004h❯ do it\r\n\r\n● Ok.\r\n\r\n✻ Baked for 3s · done 9:26 AM\r\n{rule}\r\n❯ {typed}\x1b[0m\r\n{rule}\r\n"
        );
        composer("claude", &screen).unwrap()
    }

    #[test]
    fn a_hint_that_is_drawn_faintly_is_not_what_somebody_typed() {
        let hint = claude("\x1b[7mT\x1b[27m\x1b[2mry \"fix the tests\"");
        assert!(hint.bare && hint.brackets && hint.text.contains("Try"), "{hint:?}");
        assert_eq!(hint.asked, "❯ do it");
        assert!(claude("").bare);
        assert!(!claude("half a line").bare);
        let codex = "› do it\r\n\r\n• Ok.\r\n\r\n\x1b[1m›\x1b[0m \x1b[2mExplain this codebase\x1b[0m\r\n\r\n  gpt-5.2-codex\r\n";
        assert!(composer("codex", codex).is_some_and(|composer| composer.bare && !composer.brackets));
        let typed = codex.replace("\x1b[2mExplain", "Explain");
        assert!(composer("codex", &typed).is_some_and(|composer| !composer.bare));
    }

    #[test]
    fn a_question_that_only_a_hook_tells_of_is_looked_at_until_it_is_one() {
        let profile = profile::built_in("claude").unwrap();
        let told = r#"{"hook_event_name":"PermissionRequest","tool_name":"Bash","tool_input":{"command":"git push"}}"#;
        let hook = crate::agents::hooks::sign(&profile, told, Wall(1_000), &TimeZone::UTC).unwrap();
        let mut watcher = Watcher::new(profile, 60, 20, TimeZone::UTC);
        watcher.tell(hook);
        assert!(watcher.look(Wall(1_100)), "somebody asks");
        assert_eq!(watcher.seen().unwrap().prompt, None, "its dialog may be on its way");
        assert!(watcher.is_dirty() && !watcher.look(Wall(2_000)) && watcher.is_dirty());
        assert!(watcher.look(Wall(4_000)) && !watcher.is_dirty());
        let prompt = watcher.seen().unwrap().prompt.clone().unwrap();
        assert_eq!(prompt.command.as_deref(), Some("git push"));
    }

    #[test]
    fn one_that_works_or_asks_has_no_composer_to_type_into() {
        let rule = "─".repeat(40);
        let works = format!(
            "❯ do it\r\n\r\n✶ Burrowing… (3s · ↓ 12 tokens)\r\n\r\n{rule}\r\n❯ \r\n{rule}\r\n  esc to interrupt\r\n"
        );
        assert_eq!(composer("claude", &works), None);
        let asks = format!(
            "❯ do it\r\n\r\n{rule}\r\n Bash command\r\n\r\n Do you want to proceed?\r\n ❯ 1. Yes\r\n   2. No\r\n"
        );
        assert_eq!(composer("claude", &asks), None);
    }
}
