//! How time passed in a night: a clock that survives restarts and jumps, what each run spent it on, and when nobody
//! watched.

use super::timeline::Doing;
use crate::core::run::RunState;
use crate::core::time::{At, Wall};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Milliseconds since the first fact that was read.
pub type Elapsed = u64;

/// Adds up the time between facts: by the monotonic clock within a boot, by the wall clock across one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Passage {
    last: Option<At>,
    boot: Option<String>,
    elapsed: Elapsed,
}

impl Passage {
    /// Moves on to a fact; `boot` is given by a daemon's start. Returns whether the machine was restarted in between.
    pub fn advance(&mut self, at: At, boot: Option<&str>) -> bool {
        let restarted = match (&self.boot, boot) {
            (Some(known), Some(new)) => known != new,
            (None, _) | (_, None) => false,
        };
        if let Some(last) = self.last {
            let step =
                if restarted || at.mono < last.mono { at.wall.since(last.wall) } else { at.mono.since(last.mono) };
            self.elapsed = self.elapsed.saturating_add(millis(step));
        }
        if let Some(boot) = boot {
            self.boot = Some(boot.to_owned());
        }
        self.last = Some(at);
        restarted
    }
    /// Now.
    pub fn elapsed(&self) -> Elapsed {
        self.elapsed
    }
}

/// A span as whole milliseconds.
pub fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// What a run spends its time on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Use {
    /// Its program runs, or its checks do.
    Working,
    /// It waits before a retry.
    BackingOff,
    /// It waits for a usage limit or a provider.
    Limited,
    /// The operator holds it back.
    Held,
    /// It waits for its time, for another session, or for a slot.
    Waiting,
    /// Nothing could go on: no daemon ran.
    Down,
    /// Its program ran, but nothing showed that it worked.
    Stalled,
}

impl Use {
    /// All of them, in the order of the report.
    pub const ALL: [Self; 7] =
        [Self::Working, Self::Stalled, Self::BackingOff, Self::Limited, Self::Held, Self::Waiting, Self::Down];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::BackingOff => "backing_off",
            Self::Limited => "limited",
            Self::Held => "held",
            Self::Waiting => "waiting",
            Self::Down => "down",
            Self::Stalled => "stalled",
        }
    }
    /// What a state spends time on; nothing once the run has ended.
    pub fn of(state: &RunState) -> Option<Self> {
        match state {
            RunState::Scheduled { .. } | RunState::Waiting { .. } | RunState::Queued => Some(Self::Waiting),
            RunState::Starting { .. }
            | RunState::Running { .. }
            | RunState::Checking { .. }
            | RunState::Stopping { .. } => Some(Self::Working),
            RunState::BackingOff { .. } => Some(Self::BackingOff),
            RunState::Limited { .. } => Some(Self::Limited),
            RunState::Held => Some(Self::Held),
            RunState::Ended { .. } => None,
        }
    }
}

/// A stretch of a run's time spent on one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// On what.
    pub spent: Use,
    /// From.
    pub from: Elapsed,
    /// To; never before `from`.
    pub to: Elapsed,
}

/// The stretches of one run; they follow one another without a hole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segments {
    done: Vec<Segment>,
    open: Option<(Use, Elapsed)>,
    /// What it did last in which attempt, and since when: what changed after a gap did not end in it.
    last: Option<(Doing, u32, Elapsed)>,
    /// The number of its newest attempt, 0 before the first.
    attempt: u32,
    /// What keeps its program from work while it runs.
    #[serde(default)]
    shade: Option<Shade>,
}

/// What keeps a program that runs from work. The greater one is what is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shade {
    /// Nothing shows that it works.
    Stalled,
    /// Its agent stands at a usage limit.
    AtLimit,
    /// Its agent asks something.
    Asks,
}

impl Shade {
    /// What it is then said to do.
    pub fn doing(self) -> Doing {
        match self {
            Self::Stalled => Doing::Stalled,
            Self::AtLimit => Doing::Limited,
            Self::Asks => Doing::Held,
        }
    }
    /// What is shown once this is so, or no longer; `None` when that changes nothing. `works`: nothing kept it from work.
    pub(super) fn after(known: Option<Self>, works: bool, this: Self, on: bool) -> Option<Option<Self>> {
        match (known, on) {
            (None, true) if works => Some(Some(this)),
            (Some(known), true) if this > known => Some(Some(this)),
            (Some(known), false) if this == known => Some(None),
            (None | Some(_), _) => None,
        }
    }
}

impl Segments {
    /// The run is in this state from now on.
    pub fn enter(&mut self, state: &RunState, now: Elapsed) {
        let next = Use::of(state);
        let doing = Doing::of(state);
        if self.last.map(|(known, attempt, _)| (known, attempt)) != doing.map(|doing| (doing, self.attempt)) {
            self.last = doing.map(|doing| (doing, self.attempt, now));
        }
        self.shade = None;
        if self.open.map(|(spent, _)| spent) == next {
            return;
        }
        self.close(now);
        self.open = next.map(|spent| (spent, now));
    }
    /// What follows is of this attempt.
    pub fn attempt(&mut self, number: u32) {
        self.attempt = number;
    }
    /// Whether that is its newest attempt.
    pub fn is_of(&self, number: u32) -> bool {
        self.attempt == number
    }
    /// The program was found to have ended while nobody watched: the rest of that gap was no work.
    pub fn ended_unseen(&mut self, ended: Elapsed, watched_again: Elapsed) {
        if let Some((working @ (Use::Working | Use::Stalled), from)) = self.open {
            let moved = self.last.map_or(from, |(_, _, since)| since);
            let ended = ended.max(from).max(moved);
            if ended < watched_again {
                self.push(Segment { spent: working, from, to: ended });
                self.push(Segment { spent: Use::Down, from: ended, to: watched_again });
                self.open = Some((Use::Working, watched_again));
            }
        }
    }
    /// Its program runs, and something is known, or no longer, that keeps it from work.
    pub fn shade(&mut self, shade: Shade, on: bool, now: Elapsed) {
        let Some((spent, _)) = self.open else { return };
        if let Some(to) = Shade::after(self.shade, spent == Use::Working, shade, on) {
            self.close(now);
            self.open = Some((to.map_or(Use::Working, |shade| shade.doing().spent()), now));
            self.shade = to;
        }
    }
    /// Ends the open stretch.
    pub fn close(&mut self, now: Elapsed) {
        if let Some((spent, from)) = self.open.take() {
            self.push(Segment { spent, from, to: now.max(from) });
        }
    }
    fn push(&mut self, segment: Segment) {
        if segment.to > segment.from {
            self.done.push(segment);
        }
    }
    /// The stretches, with what fell into a gap marked as down. A program runs on without the daemon, so its work is not.
    pub fn under(&self, gaps: &[Gap]) -> Vec<Segment> {
        let mut out: Vec<Segment> = Vec::new();
        let mut put = |segment: Segment| {
            if segment.to <= segment.from {
                return;
            }
            match out.last_mut() {
                Some(last) if last.spent == segment.spent && last.to == segment.from => last.to = segment.to,
                Some(_) | None => out.push(segment),
            }
        };
        for segment in &self.done {
            let mut from = segment.from;
            if !matches!(segment.spent, Use::Working | Use::Stalled) {
                for gap in gaps {
                    let down = (gap.since.max(from), gap.until.min(segment.to));
                    if down.0 < down.1 {
                        put(Segment { spent: segment.spent, from, to: down.0 });
                        put(Segment { spent: Use::Down, from: down.0, to: down.1 });
                        from = down.1;
                    }
                }
            }
            put(Segment { spent: segment.spent, from, to: segment.to });
        }
        out
    }
}

/// A time in which no daemon watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// From, by the wall clock.
    pub from: Wall,
    /// To, by the wall clock.
    pub to: Wall,
    /// From, as time passed.
    pub since: Elapsed,
    /// To, as time passed.
    pub until: Elapsed,
    /// Why.
    pub why: String,
    /// Whether it began at the last known fact, so that it may have been shorter.
    pub at_most: bool,
}

impl Gap {
    /// Where an instant of the wall clock lies in the gap, as time passed; `None` when outside.
    pub fn place(&self, wall: Wall) -> Option<Elapsed> {
        (self.from <= wall && wall <= self.to)
            .then(|| self.since.saturating_add(millis(wall.since(self.from))).min(self.until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::time::Mono;

    fn at(wall: i64, mono: u64) -> At {
        At { wall: Wall(wall), mono: Mono(mono) }
    }

    #[test]
    fn a_wall_clock_that_jumps_changes_no_span_but_a_reboot_is_bridged_by_it() {
        let mut passage = Passage::default();
        passage.advance(at(1_000, 50), Some("a"));
        passage.advance(at(3_601_000, 150), None);
        assert_eq!(passage.elapsed(), 100);
        passage.advance(at(0, 250), None);
        assert_eq!(passage.elapsed(), 200);
        assert!(passage.advance(at(5_000, 9_000_000), Some("b")));
        assert_eq!(passage.elapsed(), 5_200);
        passage.advance(at(6_000, 10), None);
        assert_eq!(passage.elapsed(), 6_200, "a monotonic clock that went back means another boot");
    }

    #[test]
    fn time_in_a_gap_is_down_unless_the_program_worked() {
        let gap = |since, until| Gap { from: Wall(0), to: Wall(0), since, until, why: String::new(), at_most: false };
        let mut segments = Segments::default();
        segments.enter(&RunState::Queued, 0);
        segments.enter(&RunState::Held, 100);
        segments.close(300);
        let spent = segments.under(&[gap(50, 120), gap(200, 250)]);
        let told: Vec<_> = spent.iter().map(|s| (s.spent, s.from, s.to)).collect();
        assert_eq!(
            told,
            [
                (Use::Waiting, 0, 50),
                (Use::Down, 50, 120),
                (Use::Held, 120, 200),
                (Use::Down, 200, 250),
                (Use::Held, 250, 300)
            ]
        );
        let attempt: crate::core::ids::AttemptId = "2026-11-21/a/1.1".parse().unwrap();
        let mut segments = Segments::default();
        segments.enter(&RunState::Running { attempt }, 0);
        segments.ended_unseen(100, 180);
        segments.close(200);
        let told: Vec<_> = segments.under(&[gap(50, 180)]).iter().map(|s| (s.spent, s.from, s.to)).collect();
        assert_eq!(told, [(Use::Working, 0, 100), (Use::Down, 100, 180), (Use::Working, 180, 200)]);
    }
}
