//! The core's waits. A wait that is armed again replaces the one before.
//!
//! They are kept by the monotonic clock that goes on while the machine is suspended. The runtime's own stands still
//! then, so it is never asked to sleep for long: after a resume what is due comes within seconds, not hours late.

use crate::core::event::{Event, Timer};
use crate::core::time::Mono;
use crate::os::clock;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// The longest sleep of the runtime's clock.
const NAP: Duration = Duration::from_secs(15);

/// All armed waits.
#[derive(Default)]
pub struct Timers {
    by_timer: BTreeMap<Timer, (Mono, u64)>,
    by_time: BTreeSet<(Mono, Timer)>,
}

impl Timers {
    /// Arms a wait, replacing an earlier one of the same name.
    pub fn arm(&mut self, timer: Timer, epoch: u64, after: Duration) {
        // A wait of more than a year is a wait for ever; adding it could overflow the clock.
        let due = clock::mono().plus(after.min(Duration::from_secs(365 * 86_400)));
        if let Some((old, _)) = self.by_timer.insert(timer.clone(), (due, epoch)) {
            self.by_time.remove(&(old, timer.clone()));
        }
        self.by_time.insert((due, timer));
    }
    /// When to look at them next: when the first runs out, or sooner.
    pub fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(due, _)| Instant::now() + due.since(clock::mono()).min(NAP))
    }
    /// Takes all that have run out.
    pub fn take_due(&mut self) -> Vec<Event> {
        let now = clock::mono();
        let mut due = Vec::new();
        while let Some((at, _)) = self.by_time.first() {
            if *at > now {
                break;
            }
            let Some((_, timer)) = self.by_time.pop_first() else { break };
            if let Some((_, epoch)) = self.by_timer.remove(&timer) {
                due.push(Event::Timer { timer, epoch });
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wait_armed_again_comes_once_and_with_the_newer_epoch() {
        let mut timers = Timers::default();
        timers.arm(Timer::Pacing, 1, Duration::ZERO);
        timers.arm(Timer::Pacing, 2, Duration::ZERO);
        assert_eq!(timers.take_due(), vec![Event::Timer { timer: Timer::Pacing, epoch: 2 }]);
        assert_eq!(timers.take_due(), vec![]);
        timers.arm(Timer::Pacing, 3, Duration::MAX);
        assert!(timers.next().is_some());
        assert_eq!(timers.take_due(), vec![]);
    }
}
