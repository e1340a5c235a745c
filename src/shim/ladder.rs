//! How a tree of processes is ended: politely first, each step with its time.

use rustix::process::Signal;

const SECOND: u64 = 1_000_000_000;
/// How long descendants that outlived the program get from `SIGTERM` to `SIGKILL`, in nanoseconds.
const ORPHANS: u64 = SECOND;
/// After a hang-up, how long each polite step lasts at most, in nanoseconds.
const HANG_UP_STEP: u64 = 10 * SECOND;

/// Signals with the time each is due, monotonic nanoseconds. The last is `SIGKILL`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ladder {
    steps: [(u64, Signal); 3],
    next: usize,
}

impl Ladder {
    /// A stop that was asked for: `SIGINT`, `SIGTERM` after a third of the grace, `SIGKILL` at its end.
    pub fn stop(now: u64, grace: u64) -> Self {
        let steps = [(now, Signal::INT), (now + grace / 3, Signal::TERM), (now.saturating_add(grace), Signal::KILL)];
        Self { steps, next: if grace == 0 { 2 } else { 0 } }
    }
    /// The terminal went away: `SIGHUP`, `SIGTERM`, `SIGKILL`, ten seconds apart or less when the grace is shorter.
    pub fn hang_up(now: u64, grace: u64) -> Self {
        let step = HANG_UP_STEP.min(grace / 2);
        Self { steps: [(now, Signal::HUP), (now + step, Signal::TERM), (now + 2 * step, Signal::KILL)], next: 0 }
    }
    /// The program ended and left descendants.
    pub fn orphans(now: u64) -> Self {
        Self { steps: [(now, Signal::TERM), (now, Signal::TERM), (now + ORPHANS, Signal::KILL)], next: 1 }
    }
    /// The signal that is due now, each once; of several the latest.
    pub fn due(&mut self, now: u64) -> Option<Signal> {
        let mut due = None;
        while let Some((at, signal)) = self.steps.get(self.next)
            && *at <= now
        {
            due = Some(*signal);
            self.next += 1;
        }
        due
    }
    /// When the next signal is due; `None` after the last.
    pub fn deadline(&self) -> Option<u64> {
        self.steps.get(self.next).map(|(at, _)| *at)
    }
    /// When `SIGKILL` is due.
    pub fn kills_at(&self) -> u64 {
        self.steps[2].0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(mut ladder: Ladder) -> Vec<(u64, Signal)> {
        let mut seen = Vec::new();
        while let Some(at) = ladder.deadline() {
            assert_eq!(ladder.due(at.saturating_sub(1)), None, "early");
            seen.push((at, ladder.due(at).unwrap()));
        }
        assert_eq!(ladder.due(u64::MAX), None);
        seen
    }

    #[test]
    fn each_ladder_is_polite_first_and_ends_with_kill_in_time() {
        let stop = [(100, Signal::INT), (105, Signal::TERM), (115, Signal::KILL)];
        assert_eq!(walk(Ladder::stop(100, 15)), stop);
        assert_eq!(walk(Ladder::stop(100, 0)), [(100, Signal::KILL)]);
        let hup = [(5, Signal::HUP), (5 + 10 * SECOND, Signal::TERM), (5 + 20 * SECOND, Signal::KILL)];
        assert_eq!(walk(Ladder::hang_up(5, 60 * SECOND)), hup);
        assert_eq!(Ladder::hang_up(0, SECOND).kills_at(), SECOND);
        assert_eq!(walk(Ladder::orphans(5)), [(5, Signal::TERM), (5 + SECOND, Signal::KILL)]);
    }

    #[test]
    fn after_a_long_sleep_of_the_machine_only_the_last_due_signal_is_sent() {
        let mut ladder = Ladder::stop(0, 9);
        assert_eq!(ladder.due(8), Some(Signal::TERM));
        assert_eq!(ladder.due(9), Some(Signal::KILL));
        assert_eq!(ladder.due(10), None);
    }
}
