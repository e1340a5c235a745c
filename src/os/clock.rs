//! The one clock.
#![expect(clippy::disallowed_methods, reason = "this is the one place that reads the clocks")]

use crate::core::time::{At, Mono, Wall};
use std::time::{SystemTime, UNIX_EPOCH};

/// Now, on both clocks.
pub fn now() -> At {
    At { wall: wall(), mono: mono() }
}

/// The wall clock; 0 when it stands before 1970.
pub fn wall() -> Wall {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Wall(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

/// Milliseconds since boot, suspend included.
pub fn mono() -> Mono {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Mono(u64::try_from(t.tv_sec).unwrap_or(0) * 1000 + u64::try_from(t.tv_nsec).unwrap_or(0) / 1_000_000)
}

/// For how long the machine slept since it was booted, in milliseconds: what the clock that goes on meanwhile is ahead.
pub fn slept_ms() -> u64 {
    let read = |id| {
        let t = rustix::time::clock_gettime(id);
        t.tv_sec * 1000 + t.tv_nsec / 1_000_000
    };
    let awake = read(rustix::time::ClockId::Monotonic);
    u64::try_from(read(rustix::time::ClockId::Boottime) - awake).unwrap_or(0)
}

/// The wall clock in nanoseconds since the Unix epoch; 0 when it stands before 1970.
pub fn wall_nanos() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}

/// Nanoseconds since boot, suspend included.
pub fn mono_nanos() -> u64 {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    u64::try_from(t.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(t.tv_nsec).unwrap_or(0)
}

/// Identifies this boot of the machine: `/proc/sys/kernel/random/boot_id`; empty where there is none.
pub fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}
