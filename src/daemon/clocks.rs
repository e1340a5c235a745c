//! What the clocks tell between two turns of the loop: the wall clock was set, the machine slept, the daemon stood still.
//!
//! The kernel says at once that the wall clock was set, and after a sleep. Where it does not, the loop makes a turn every
//! few seconds and sees for itself.

use crate::core::event::Event;
use crate::core::time::{At, Mono};
use crate::os::clock;
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// The loop makes a turn at least this often.
pub const TURN_EVERY: Duration = Duration::from_secs(10);
/// How much the wall clock may drift against the monotonic one between two turns before it is called a jump.
const JUMP_MS: i64 = 2_000;
/// A shorter sleep of the machine is none.
const SLEPT_MS: u64 = 2_000;
/// A turn that comes later than this shows that the daemon stood still.
const STOOD_STILL: Duration = Duration::from_secs(40);

/// The clocks as they were at the last turn.
#[derive(Debug, Default)]
pub struct Clocks {
    last: Option<Seen>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    /// Wall minus monotonic milliseconds.
    offset: i64,
    slept_ms: u64,
    mono: Mono,
}

impl Clocks {
    /// What happened since the last turn, as of its beginning.
    pub fn look(&mut self, at: At, slept_ms: u64) -> Vec<Event> {
        let offset = at.wall.0.saturating_sub(i64::try_from(at.mono.0).unwrap_or(i64::MAX));
        let Some(before) = self.last.replace(Seen { offset, slept_ms, mono: at.mono }) else { return Vec::new() };
        let mut events = Vec::new();
        let by_ms = offset.saturating_sub(before.offset);
        if by_ms.abs() > JUMP_MS {
            events.push(Event::ClockJumped { by_ms });
        }
        let slept_ms = slept_ms.saturating_sub(before.slept_ms);
        let still = at.mono.since(before.mono);
        if slept_ms > SLEPT_MS {
            events.push(Event::StoodStill { ms: slept_ms, slept_ms });
        } else if still > STOOD_STILL {
            let ms = u64::try_from(still.as_millis()).unwrap_or(u64::MAX);
            events.push(Event::StoodStill { ms, slept_ms: 0 });
        }
        events
    }
    /// A turn is through. However long it took, the daemon was at work.
    pub fn turned(&mut self, now: Mono) {
        if let Some(last) = &mut self.last {
            last.mono = last.mono.max(now);
        }
    }
}

/// The kernel's word that the wall clock was set.
pub struct ClockSet {
    heard: Arc<Notify>,
}

impl ClockSet {
    /// Asks for it. Where it cannot be had, it never comes.
    pub fn new() -> Self {
        let heard = Arc::new(Notify::new());
        let told = Arc::clone(&heard);
        let listening = timer().and_then(|timer| {
            // Asked by a thread of its own, which waits as long as the daemon lives.
            std::thread::Builder::new().name("clock".to_owned()).spawn(move || listen(&timer, &told))
        });
        if let Err(e) = listening {
            tracing::debug!("no word of a set clock from the kernel: {e}");
        }
        Self { heard }
    }
    /// Waits until the clock is set.
    pub async fn set(&self) {
        self.heard.notified().await;
    }
}

fn listen(timer: &OwnedFd, told: &Notify) {
    let mut count = [0_u8; 8];
    loop {
        match rustix::io::read(timer, &mut count) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(Errno::CANCELED) => told.notify_one(),
            Err(_) => return,
        }
        if arm(timer).is_err() {
            return;
        }
    }
}

fn timer() -> std::io::Result<OwnedFd> {
    let timer = rustix::time::timerfd_create(TimerfdClockId::Realtime, TimerfdFlags::CLOEXEC)?;
    arm(&timer)?;
    Ok(timer)
}

/// A moment that never comes: the timer is there to be cancelled by whoever sets the clock.
fn arm(timer: &OwnedFd) -> std::io::Result<()> {
    let never = Timespec { tv_sec: 9_000_000_000, tv_nsec: 0 };
    let spec = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: never };
    rustix::time::timerfd_settime(timer, TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET, &spec)?;
    Ok(())
}

/// The clocks now.
pub fn now() -> (At, u64) {
    (clock::now(), clock::slept_ms())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::time::Wall;

    fn at(wall: i64, mono: u64) -> At {
        At { wall: Wall(wall), mono: Mono(mono) }
    }

    #[test]
    fn a_set_clock_a_sleep_and_a_standstill_are_told_apart() {
        let mut clocks = Clocks::default();
        assert_eq!(clocks.look(at(1_000_000, 1_000), 500), []);
        assert_eq!(clocks.look(at(1_010_000, 11_000), 500), []);
        assert_eq!(clocks.look(at(4_620_000, 21_000), 500), [Event::ClockJumped { by_ms: 3_600_000 }]);
        let slept = [Event::StoodStill { ms: 10_800_000, slept_ms: 10_800_000 }];
        assert_eq!(clocks.look(at(15_425_000, 10_826_000), 10_800_500), slept);
        let stood = [Event::StoodStill { ms: 45_000, slept_ms: 0 }];
        assert_eq!(clocks.look(at(15_470_000, 10_871_000), 10_800_500), stood);
        assert_eq!(clocks.look(at(15_480_000, 10_881_000), 10_800_500), []);
    }

    #[test]
    fn a_turn_that_takes_long_is_no_standstill() {
        let mut clocks = Clocks::default();
        clocks.look(at(1_000, 1_000), 0);
        clocks.turned(Mono(61_000));
        assert_eq!(clocks.look(at(71_000, 71_000), 0), []);
    }

    #[tokio::test]
    async fn nothing_is_heard_of_a_clock_that_nobody_sets() {
        assert!(timer().is_ok(), "the kernel gives a timer");
        let clock = ClockSet::new();
        let heard = tokio::time::timeout(Duration::from_millis(50), clock.set()).await;
        assert!(heard.is_err());
    }
}
