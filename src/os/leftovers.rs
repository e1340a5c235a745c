//! Ends what is left of a session whose recorder is gone: its programs are known by what they were started with.

use super::tree::{self, Process};
use rustix::process::Signal;
use std::time::Duration;
use tokio::time::Instant;

/// The variable that tells a session's processes their attempt.
pub const ATTEMPT_VARIABLE: &str = "NIGHTKEEP_ATTEMPT";
/// The variable that tells them their instance: the path of its file.
pub const INSTANCE_VARIABLE: &str = "NIGHTKEEP_INSTANCE";
/// The variable that tells them the journal that knows the attempt.
pub const JOURNAL_VARIABLE: &str = "NIGHTKEEP_JOURNAL";

/// How long they may take to leave when asked to.
const GRACE: Duration = Duration::from_secs(2);
/// How long they are killed again and again; what is still there then waits for a device.
const KILLING: Duration = Duration::from_secs(15);
/// How often they are looked at meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Processes by their marks, and by their id and start time.
#[derive(Debug, Clone)]
pub struct Leftovers {
    marks: Vec<String>,
    known: Vec<Process>,
}

/// What came of ending them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// How many there were at the beginning.
    pub found: u32,
    /// How many live on.
    pub left: u32,
}

impl Leftovers {
    /// Those whose environment holds all of `marks` (`NAME=value`), and `known` ones as long as they are who they were.
    pub fn new(marks: Vec<String>, known: Vec<Process>) -> Self {
        Self { marks, known }
    }
    /// Those that live now, with their descendants.
    pub async fn look(&self) -> Vec<Process> {
        let Self { marks, known } = self.clone();
        tokio::task::spawn_blocking(move || tree::marked(&marks, &known)).await.unwrap_or_default()
    }
    /// Ends them: asks, waits a little, kills until none is left. Who they started meanwhile is found as well.
    pub async fn end(mut self) -> Ended {
        let mut living = self.look().await;
        let found = count(&living);
        let began = Instant::now();
        let mut asked: Vec<Process> = Vec::new();
        while !living.is_empty() && began.elapsed() < GRACE + KILLING {
            // One that cleaned its environment stays known when its parent is gone.
            self.known
                .extend(living.iter().filter(|process| !self.known.contains(process)).copied().collect::<Vec<_>>());
            if began.elapsed() < GRACE {
                let new: Vec<Process> = living.iter().filter(|process| !asked.contains(process)).copied().collect();
                tree::signal_all(&new, Signal::TERM);
                tree::signal_all(&new, Signal::CONT);
                asked.extend(new);
            } else {
                tree::signal_all(&living, Signal::KILL);
            }
            tokio::time::sleep(LOOK_EVERY).await;
            living = self.look().await;
        }
        Ended { found, left: count(&living) }
    }
}

fn count(processes: &[Process]) -> u32 {
    u32::try_from(processes.len()).unwrap_or(u32::MAX)
}
