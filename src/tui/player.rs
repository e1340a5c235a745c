//! Plays a recording: any moment of it, forwards and backwards, without ever holding more than a piece of it.
//!
//! The player says what it needs ([`Player::need`]) and is given it; it reads nothing itself. To go back it keeps the
//! screen at some moments. A moment far from all of them is put together from the output before it, and says so.

use super::pane::{Emulator, Saved, Trust};
use super::times::Times;
use crate::protocol::output::{OutputAbout, OutputGap, OutputTime};
use std::fmt;

/// Bytes asked for at once.
const PIECE: u64 = 256 << 10;
/// Bytes fed in one step: some milliseconds of work.
const STEP: usize = 128 << 10;
/// How far the screen is played forward to a moment at most; from further away it is put together.
const REACH: u64 = 8 << 20;
/// Where it is put together from, before the moment.
const LEAD: u64 = 1 << 20;
/// Least bytes between two screens that are kept.
const KEEP_EVERY: u64 = 2 << 20;
/// Screens that are kept at most.
const KEPT_MAX: usize = 24;
/// The slowest and the fastest that it plays.
pub const SPEEDS: [f64; 10] = [0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0];

/// What the player needs to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Bytes of the log.
    Bytes {
        /// From here on.
        from: u64,
        /// So many at most.
        max: u64,
    },
    /// Points of time between two offsets, as fine as can be.
    Times {
        /// From here on.
        from: u64,
        /// Up to here.
        to: u64,
    },
}

/// What a mark on the scrub bar stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MarkKind {
    /// An attempt began or ended.
    Attempt,
    /// The program waited for a person.
    Prompt,
    /// An alert was opened.
    Alert,
    /// A commit was made.
    Commit,
    /// Output is missing here.
    Gap,
    /// Something else that happened.
    Other,
}

/// Something that happened while it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// When.
    pub ms: i64,
    /// What it was.
    pub kind: MarkKind,
    /// It in words.
    pub what: String,
}

/// A recording at a moment.
pub struct Player {
    about: OutputAbout,
    times: Times,
    marks: Vec<Mark>,
    emulator: Emulator,
    /// The size that counts at the emulator's place, by its number in `about.sizes`.
    size: usize,
    kept: Vec<Saved>,
    keep_every: u64,
    piece: Option<(u64, Vec<u8>)>,
    /// The moment that is to be shown.
    now: i64,
    /// Parts of a millisecond that playing is ahead of `now`.
    fraction: f64,
    playing: bool,
    speed: usize,
    reach: u64,
    problem: Option<String>,
}

impl Player {
    /// A recording, at its beginning. `about` comes with points of time over the whole of it.
    pub fn new(about: OutputAbout) -> Self {
        let times = Times::new(&about);
        let (emulator, size) = beginning(&about);
        let now = times.first();
        let mut player = Self {
            times,
            marks: Vec::new(),
            emulator,
            size,
            kept: Vec::new(),
            keep_every: KEEP_EVERY,
            piece: None,
            now,
            fraction: 0.0,
            playing: false,
            speed: 2,
            reach: REACH,
            problem: None,
            about,
        };
        player.set_marks(Vec::new());
        player
    }
    /// The same, that plays as far as it must instead of putting a screen together.
    pub fn exact(self) -> Self {
        Self { reach: u64::MAX, ..self }
    }
    /// What is recorded.
    pub fn about(&self) -> &OutputAbout {
        &self.about
    }
    /// What is to be shown of what happened meanwhile. Gaps of the recording are added.
    pub fn set_marks(&mut self, mut marks: Vec<Mark>) {
        let gaps = self.about.gaps.iter();
        marks.extend(gaps.map(|gap| Mark {
            ms: self.times.at_offset(gap.at),
            kind: MarkKind::Gap,
            what: in_words(gap),
        }));
        // What happened before or after it is no part of it.
        let (first, last) = self.span();
        marks.retain(|mark| (first - 1000..=last + 1000).contains(&mark.ms));
        marks.sort_by_key(|mark| (mark.ms, mark.kind));
        self.marks = marks;
    }
    /// What happened meanwhile, in the order of time.
    pub fn marks(&self) -> &[Mark] {
        &self.marks
    }
    /// The recording grew.
    pub fn grown(&mut self, about: OutputAbout) {
        if about.attempt == self.about.attempt {
            self.times = Times::new(&about);
            self.about = about;
        }
    }
    /// The first and the last moment.
    pub fn span(&self) -> (i64, i64) {
        (self.times.first(), self.times.last())
    }
    /// The moment that is shown, or will be.
    pub fn now(&self) -> i64 {
        self.now
    }
    /// Whether the times are only guessed, because none are recorded.
    pub fn times_are_guessed(&self) -> bool {
        self.times.guessed()
    }
    /// Whether it plays.
    pub fn is_playing(&self) -> bool {
        self.playing
    }
    /// How fast it plays: 2.0 is twice as fast as it was.
    pub fn speed(&self) -> f64 {
        SPEEDS[self.speed.min(SPEEDS.len() - 1)]
    }
    /// The screen at the moment, as far as it is known.
    pub fn emulator(&self) -> &Emulator {
        &self.emulator
    }
    /// Whether the screen is that of the moment. Otherwise it is on its way.
    pub fn is_there(&self) -> bool {
        self.emulator.offset() == self.goal() && !self.times.wants_finer(self.now)
    }
    /// Why it cannot go on.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }
    /// What is to be said about the screen that is shown: a line each.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if let Some(problem) = &self.problem {
            remarks.push(problem.clone());
        }
        if self.times.guessed() {
            remarks.push("no times were recorded: they are guessed".to_owned());
        }
        if self.emulator.trust() == Trust::Partial {
            remarks.push(
                "put together from the output shortly before: older parts of the screen can be missing".to_owned(),
            );
        }
        if self.emulator.faults() > 0 {
            remarks.push("the output held what no screen can show: it was begun anew".to_owned());
        }
        if let Some(gap) = self.about.gaps.iter().rfind(|gap| gap.at <= self.emulator.offset()) {
            remarks.push(in_words(gap));
        }
        if self.about.kept_from > 0 {
            remarks.push(format!("the first {} bytes were dropped", self.about.kept_from));
        }
        remarks
    }

    /// Plays, or stops; at the end it plays from the beginning.
    pub fn play(&mut self, playing: bool) {
        if playing && self.now >= self.times.last() {
            self.seek(self.times.first());
        }
        self.playing = playing;
    }
    /// The next speed, faster or slower.
    pub fn change_speed(&mut self, faster: bool) {
        self.speed = if faster { (self.speed + 1).min(SPEEDS.len() - 1) } else { self.speed.saturating_sub(1) };
    }
    /// The speed that is nearest.
    pub fn set_speed(&mut self, speed: f64) {
        let distance = |s: &f64| (s.ln() - speed.max(0.001).ln()).abs();
        let nearest = (0..SPEEDS.len()).min_by(|a, b| distance(&SPEEDS[*a]).total_cmp(&distance(&SPEEDS[*b])));
        self.speed = nearest.unwrap_or(2);
    }
    /// To a moment, at most the last one.
    pub fn seek(&mut self, ms: i64) {
        let (first, last) = self.span();
        self.now = ms.clamp(first, last);
        self.fraction = 0.0;
        self.aim();
    }
    /// To the next mark, or the one before. Gives it.
    pub fn to_mark(&mut self, forward: bool) -> Option<Mark> {
        let mark = if forward {
            self.marks.iter().find(|mark| mark.ms > self.now)
        } else {
            self.marks.iter().rfind(|mark| mark.ms < self.now)
        };
        let mark = mark.cloned()?;
        self.seek(mark.ms);
        Some(mark)
    }
    /// So many milliseconds went by at the one who looks. Playing waits while the screen is on its way.
    pub fn tick(&mut self, passed_ms: i64) {
        if !self.playing || !self.is_there() {
            return;
        }
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a span of at most seconds")]
        {
            self.fraction += passed_ms as f64 * self.speed();
            let whole = self.fraction.trunc();
            self.fraction -= whole;
            self.now = self.now.saturating_add(whole as i64);
        }
        if self.now >= self.times.last() {
            self.now = self.times.last();
            self.playing = false;
        }
        self.aim();
    }

    fn goal(&self) -> u64 {
        self.times.offset_at(self.now).clamp(self.about.kept_from, self.about.bytes.max(self.about.kept_from))
    }
    /// Puts the emulator where the goal can be reached from.
    fn aim(&mut self) {
        let goal = self.goal();
        let near = |at: u64| at <= goal && goal - at <= self.reach;
        if near(self.emulator.offset()) && (self.reach < u64::MAX || self.emulator.trust() == Trust::Whole) {
            return;
        }
        let (first, size) = beginning(&self.about);
        if let Some(saved) = self.kept.iter().rfind(|saved| near(saved.offset())) {
            self.emulator = Emulator::restored(saved);
            self.size = self.size_at(self.emulator.offset());
        } else if near(first.offset()) {
            (self.emulator, self.size) = (first, size);
        } else {
            let at = goal.saturating_sub(LEAD).max(self.about.kept_from);
            self.size = self.size_at(at);
            let (cols, rows) = self.about.sizes.get(self.size).map_or((80, 24), |size| (size.cols, size.rows));
            self.emulator = Emulator::new(cols, rows, at, false);
        }
    }
    fn size_at(&self, offset: u64) -> usize {
        self.about.sizes.partition_point(|size| size.at <= offset).saturating_sub(1)
    }
    /// What it needs to go on; `None` when the screen is there, or as much as can be done is done.
    pub fn need(&self) -> Option<Need> {
        if self.problem.is_some() {
            return None;
        }
        if let Some((from, to)) = self.times.finer(self.now) {
            return Some(Need::Times { from, to });
        }
        let (at, goal) = (self.emulator.offset(), self.goal());
        let have = self.piece.as_ref().is_some_and(|(from, bytes)| (*from..*from + bytes.len() as u64).contains(&at));
        (at < goal && !have).then_some(Need::Bytes { from: at, max: PIECE })
    }
    /// Takes bytes of the log. Fewer than it needs, or none, mean that there are no more.
    pub fn take_bytes(&mut self, from: u64, bytes: Vec<u8>) {
        if bytes.is_empty() {
            self.problem = Some("the recording ends before its times say".to_owned());
        } else if from > self.emulator.offset() {
            // What was dropped meanwhile does not come again.
            self.about.kept_from = self.about.kept_from.max(from);
            self.kept.retain(|saved| saved.offset() >= from);
            self.aim();
            if self.emulator.offset() < from {
                let (cols, rows) = self.emulator.size();
                self.emulator = Emulator::new(cols, rows, from, false);
            }
        }
        self.piece = Some((from, bytes));
    }
    /// Takes points of time between two offsets.
    pub fn take_times(&mut self, from: u64, to: u64, points: &[OutputTime]) {
        self.times.refine(from, to, points);
        self.aim();
    }
    /// What it needs cannot be had.
    pub fn take_problem(&mut self, problem: String) {
        self.problem = Some(problem);
        self.playing = false;
    }
    /// Feeds what is at hand, a step at most. Tells whether that brought anything.
    pub fn step(&mut self) -> bool {
        let (at, goal) = (self.emulator.offset(), self.goal());
        let Some((from, bytes)) = self.piece.take() else { return false };
        let fed = at.checked_sub(from).and_then(|skip| bytes.get(usize::try_from(skip).ok()?..));
        let Some(rest) = fed.filter(|rest| !rest.is_empty() && at < goal) else {
            self.piece = Some((from, bytes));
            return false;
        };
        let next_size = self.about.sizes.get(self.size + 1).copied();
        if let Some(size) = next_size.filter(|size| size.at <= at) {
            self.emulator.resize(size.cols, size.rows);
            self.size += 1;
            self.piece = Some((from, bytes));
            return true;
        }
        let until = next_size.map_or(goal, |size| size.at.min(goal));
        let length = usize::try_from(until - at).unwrap_or(usize::MAX).min(STEP).min(rest.len());
        self.emulator.feed(rest.get(..length).unwrap_or_default());
        self.piece = Some((from, bytes));
        self.keep();
        true
    }
    /// Keeps the screen now and then; when too many are kept, every second goes.
    fn keep(&mut self) {
        let at = self.emulator.offset();
        let place = self.kept.partition_point(|saved| saved.offset() <= at);
        let near = |saved: Option<&Saved>| saved.is_some_and(|saved| saved.offset().abs_diff(at) < self.keep_every);
        let first = at < self.about.kept_from + self.keep_every;
        if first || near(place.checked_sub(1).and_then(|i| self.kept.get(i))) || near(self.kept.get(place)) {
            return;
        }
        if self.emulator.trust() == Trust::Whole
            && let Some(saved) = self.emulator.save()
        {
            self.kept.insert(place, saved);
        }
        if self.kept.len() > KEPT_MAX {
            let mut odd = false;
            self.kept.retain(|_| {
                odd = !odd;
                odd
            });
            self.keep_every *= 2;
        }
    }
    /// Screens that are kept.
    pub fn kept(&self) -> usize {
        self.kept.len()
    }
}

impl fmt::Debug for Player {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Player").field("now", &self.now).field("emulator", &self.emulator).finish_non_exhaustive()
    }
}

/// The screen before the first byte that is kept.
fn beginning(about: &OutputAbout) -> (Emulator, usize) {
    let number = about.sizes.partition_point(|size| size.at <= about.kept_from).saturating_sub(1);
    let (cols, rows) = about.sizes.get(number).map_or((80, 24), |size| (size.cols, size.rows));
    (Emulator::new(cols, rows, about.kept_from, about.kept_from == 0), number)
}

/// A gap as a sentence.
pub fn in_words(gap: &OutputGap) -> String {
    let why: String = gap.why.chars().filter(|c| !c.is_control()).take(80).collect();
    match gap.bytes {
        0 => format!("output is missing before this: {why}"),
        1 => format!("1 byte of output is missing before this: {why}"),
        n => format!("{n} bytes of output are missing before this: {why}"),
    }
}

#[cfg(test)]
mod tests;
