//! Looks at what a coding agent draws: its terminal's bytes come in as they are recorded, a judgement goes out when it
//! has settled, and seldom enough that a hundred agents cost little.

use super::ears::Ears;
#[cfg(test)]
use crate::agents::profile;
use crate::agents::profile::Profile;
use crate::agents::sign::{Sign, Source};
use crate::agents::watch::{Composer, Watcher};
use crate::core::agent::AgentSeen;
use crate::core::time::Wall;
use crate::recording::attempt::AttemptFiles;
use crate::recording::output::{About, SizeAt};
use jiff::tz::TimeZone;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Least time between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The same while it is drawn on and on, and the last look showed nothing new.
const LOOK_SELDOM: Duration = Duration::from_millis(1000);
/// What is drawn on and on: something comes more often than so.
const PAUSE: Duration = Duration::from_millis(250);
/// A screen is looked at once nothing came for so long ...
const SETTLED: Duration = Duration::from_millis(60);
/// ... or when it has not settled for so long after the last look.
const AT_LAST: Duration = Duration::from_millis(1500);
/// How often a look is put off because the screen is just being drawn.
const PUT_OFF_MAX: u32 = 10;
/// Of a long log that is there already only the end is drawn.
const TAIL: u64 = 8 << 20;

/// The eyes on one attempt.
pub struct Eyes {
    watcher: Watcher,
    /// The terminal's sizes, by the offset they begin at; those before `next` are in force.
    sizes: Vec<SizeAt>,
    next: usize,
    offset: u64,
    /// Nothing before this is drawn.
    from: u64,
    looked: Option<Instant>,
    fed: Instant,
    /// The agent's own version.
    version: Option<String>,
    put_off: u32,
    /// It was looked at since somebody asked for what was seen.
    is_fresh: bool,
    /// Of times that name none.
    zone: TimeZone,
    /// The last look showed what the one before it did.
    is_dull: bool,
}

impl Eyes {
    /// Eyes for a built-in agent; `None` when nothing is known of it. Times that name no zone are of `zone`.
    #[cfg(test)]
    pub fn new(agent: &str, zone: TimeZone) -> Option<Self> {
        Some(Self::by(profile::built_in(agent)?, zone))
    }
    /// Eyes that see by this profile.
    pub fn by(profile: Arc<Profile>, zone: TimeZone) -> Self {
        let watcher = Watcher::new(profile, 80, 24, zone.clone());
        let (sizes, fed) = (Vec::new(), Instant::now());
        Self {
            watcher,
            sizes,
            next: 0,
            offset: 0,
            from: 0,
            looked: None,
            fed,
            version: None,
            put_off: 0,
            is_fresh: false,
            zone,
            is_dull: false,
        }
    }
    /// They see by this profile from here on.
    pub fn see_by(&mut self, profile: Arc<Profile>) {
        if !Arc::ptr_eq(&profile, self.watcher.profile()) {
            self.watcher.watch_by(profile);
        }
    }
    /// Takes what was found out elsewhere.
    pub fn tell(&mut self, sign: Sign) {
        self.watcher.tell(sign);
    }
    /// A source says nothing any more.
    pub fn lost(&mut self, source: Source) {
        self.watcher.lost(source);
    }
    /// The log is read from this offset on; so many bytes of it are there.
    pub fn begin(&mut self, offset: u64, there: u64) {
        self.offset = offset;
        self.from = there.saturating_sub(TAIL);
    }
    /// Its terminal has this size from here on.
    pub fn has_size(&mut self, cols: u16, rows: u16) {
        self.watcher.resize(cols, rows);
    }
    /// Reads again which sizes the terminal had.
    pub fn learn_sizes(&mut self, files: &AttemptFiles) {
        match About::read(files) {
            Ok(about) => self.sizes = about.sizes,
            Err(e) => tracing::debug!("the sizes of a terminal cannot be read: {e}"),
        }
        self.resize();
    }
    fn resize(&mut self) {
        while let Some(size) = self.sizes.get(self.next).filter(|size| size.at <= self.offset) {
            self.watcher.resize(size.cols, size.rows);
            self.next += 1;
        }
    }
    /// Takes the next bytes of the log.
    pub fn feed(&mut self, mut bytes: &[u8], at: Wall, now: Instant) {
        if bytes.is_empty() {
            return;
        }
        self.fed = now;
        let end = self.offset + bytes.len() as u64;
        if self.offset < self.from {
            let skip = usize::try_from(self.from - self.offset).unwrap_or(usize::MAX).min(bytes.len());
            bytes = bytes.get(skip..).unwrap_or_default();
            self.offset += skip as u64;
        }
        while !bytes.is_empty() {
            self.resize();
            let until = self.sizes.get(self.next).map_or(end, |size| size.at.min(end));
            let length = usize::try_from(until - self.offset).unwrap_or(bytes.len()).clamp(1, bytes.len());
            let (piece, later) = bytes.split_at(length);
            self.watcher.feed(piece, at);
            self.offset += length as u64;
            bytes = later;
        }
        self.offset = end;
    }
    /// How long to wait before the next look, if one is needed.
    pub fn due(&self, now: Instant) -> Option<Duration> {
        if !self.watcher.is_dirty() {
            return None;
        }
        let settled = self.fed + SETTLED;
        let at = match self.looked {
            // One that is being drawn is waited for, however long ago the last look was.
            Some(looked) if self.put_off == 0 && self.is_dull => {
                // A spinner turns: what matters comes with a pause, or can wait.
                (looked + LOOK_EVERY)
                    .max(self.fed + PAUSE)
                    .min((looked + LOOK_SELDOM).max(settled))
                    .min(looked + AT_LAST)
            }
            Some(looked) if self.put_off == 0 => (looked + LOOK_EVERY).max(settled).min(looked + AT_LAST),
            Some(_) | None => settled,
        };
        Some(at.saturating_duration_since(now))
    }
    /// Looks, if it is time for it or the last one. Gives how many bytes had come and what is seen, when that changed.
    pub fn look(&mut self, at: Wall, now: Instant, last: bool) -> Option<(u64, AgentSeen)> {
        if !last && self.due(now).is_none_or(|wait| !wait.is_zero()) {
            return None;
        }
        if !last && !self.watcher.is_whole() && self.put_off < PUT_OFF_MAX {
            // It is being drawn: a little later it is through.
            self.put_off += 1;
            self.fed = now;
            return None;
        }
        if self.version.is_none() {
            self.version = version_of(&self.watcher.text(), &self.watcher.profile().banner);
        }
        self.put_off = 0;
        self.looked = Some(now);
        self.is_fresh = true;
        let changed = self.watcher.look(at);
        self.is_dull = !changed;
        if changed { Some((self.offset, self.watcher.seen()?.clone())) } else { None }
    }
    /// What was seen since the last call.
    pub fn take_seen(&mut self) -> Option<&AgentSeen> {
        if std::mem::take(&mut self.is_fresh) { self.watcher.seen() } else { None }
    }
    /// What was made of the screen, of how many bytes, with the agent's own version as far as its banner told it; `None`
    /// while bytes wait that were not looked at.
    pub fn judged(&self) -> Option<(u64, &AgentSeen, Option<&str>)> {
        let seen = self.watcher.seen().filter(|_| !self.watcher.is_dirty())?;
        Some((self.offset, seen, self.version.as_deref()))
    }
    /// What stood in its composer at the last look.
    pub fn composer(&self) -> Option<&Composer> {
        self.watcher.composer()
    }
    /// Whether its agent calls hooks.
    pub fn has_hooks(&self) -> bool {
        !self.watcher.profile().start.hooks.is_empty()
    }
    /// Takes what was told to the hooks since.
    pub fn hear(&mut self, ears: &mut Ears) {
        let profile = Arc::clone(self.watcher.profile());
        for sign in ears.hear(&profile, &self.zone) {
            self.watcher.tell(sign);
        }
    }
    /// What was seen last.
    pub fn seen(&self) -> Option<&AgentSeen> {
        self.watcher.seen()
    }
}

/// An agent's own version, as its banner tells it: `2.1.329`.
fn version_of(text: &str, banner: &[String]) -> Option<String> {
    let line = text.lines().find(|line| !banner.is_empty() && banner.iter().all(|word| line.contains(word)))?;
    let is_version = |word: &str| word.contains('.') && word.chars().all(|c| c.is_ascii_digit() || c == '.');
    let word = line.split_whitespace().map(|word| word.trim_start_matches('v')).find(|word| is_version(word))?;
    Some(word.chars().take(32).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::agent::Activity;

    const DONE: &str = "\x1b[2J\x1b[H❯ do it\r\n\r\n● Ok.\r\n\r\n✻ Baked for 3s · done 9:26 AM\r\n──────────────\r\n❯ \r\n──────────────\r\n";

    #[test]
    fn a_screen_is_looked_at_once_it_has_settled() {
        let mut eyes = Eyes::new("claude", TimeZone::UTC).unwrap();
        let mut now = Instant::now();
        eyes.begin(0, 0);
        eyes.feed(DONE.as_bytes(), Wall(1), now);
        assert_eq!(eyes.look(Wall(1), now, false), None, "more may come");
        now += eyes.due(now).unwrap();
        let (bytes, seen) = eyes.look(Wall(2), now, false).unwrap();
        assert_eq!((bytes, seen.activity), (DONE.len() as u64, Activity::Idle));
        assert_eq!(eyes.due(now), None, "nothing came since");
        eyes.feed(b" ", Wall(3), now);
        assert!(eyes.due(now).unwrap() > SETTLED, "at most twice a second");
        now += LOOK_EVERY;
        assert_eq!(eyes.look(Wall(4), now, false), None, "nothing that matters changed");
        eyes.feed(b"\x1b[?2026h", Wall(5), now);
        now += LOOK_SELDOM;
        assert_eq!(eyes.look(Wall(6), now, false), None, "it is being drawn");
        assert_eq!(eyes.due(now), Some(SETTLED), "and looked at again soon, not at once");
    }

    #[test]
    fn a_spinner_is_looked_at_once_a_second_and_what_comes_to_rest_at_once() {
        let mut eyes = Eyes::new("claude", TimeZone::UTC).unwrap();
        let mut now = Instant::now();
        eyes.begin(0, 0);
        let (mut looks, mut last) = (0, None);
        for frame in 0..100 {
            eyes.feed(DONE.as_bytes(), Wall(frame), now);
            for _ in 0..10 {
                now += Duration::from_millis(10);
                if eyes.due(now).is_some_and(|wait| wait.is_zero()) {
                    eyes.look(Wall(frame), now, false);
                    looks += 1;
                    last = Some(now);
                }
            }
        }
        assert!((9..=13).contains(&looks), "{looks} looks in ten seconds");
        eyes.feed(b"x", Wall(200), now);
        assert!(eyes.due(now).unwrap() <= PAUSE.max(LOOK_EVERY - (now - last.unwrap()).min(LOOK_EVERY)));
    }

    #[test]
    fn of_a_long_log_the_end_is_drawn() {
        let mut eyes = Eyes::new("claude", TimeZone::UTC).unwrap();
        let now = Instant::now();
        eyes.begin(0, TAIL + 1000);
        eyes.feed(&[b'x'; 1000], Wall(1), now);
        assert!(eyes.watcher.text().is_empty());
        eyes.feed(DONE.as_bytes(), Wall(1), now);
        assert_eq!(eyes.look(Wall(2), now, true).unwrap().0, 1000 + DONE.len() as u64);
        assert_eq!(eyes.seen().unwrap().activity, Activity::Idle);
    }

    #[test]
    fn the_version_stands_in_the_banner() {
        let banner = ["Claude Code".to_owned()];
        let text = " 1.2.3 of something\n ▐▛███▛█   Claude Code v2.1.329\n";
        assert_eq!(version_of(text, &banner).as_deref(), Some("2.1.329"));
        assert_eq!(version_of("Claude Code", &banner), None);
        assert_eq!(version_of("x 1.2", &[]), None);
    }
}
