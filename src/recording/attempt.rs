//! What the files of one attempt tell: whether it began, runs, how it ended, what of its output is kept.

use super::events::{EVENTS_FILE, LOCK_FILE, Line, RecorderEvent, read_events};
use crate::core::exit::{Ending, ExitRecord};
use crate::core::run::Started;
use crate::core::time::Wall;
use rustix::fs::FlockOperation;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The files of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptFiles {
    run_dir: PathBuf,
    log: PathBuf,
}

/// What the files say at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptSeen {
    /// How far the attempt is.
    pub state: AttemptState,
    /// Whether a recorder holds the lock. It can for a moment before the start and after the end are written.
    pub recorder_lives: bool,
    /// Bytes of the log, holes of dropped output included.
    pub log_bytes: u64,
    /// Whether the recorder got a hang-up so far.
    pub hup: bool,
    /// Whether it was told to stop so far.
    pub stopped: bool,
    /// What came of the limits on its tree so far: what is not in force, what they did.
    pub limits: Vec<String>,
}

/// How far an attempt is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptState {
    /// Nothing is recorded. With a living recorder: it is about to start.
    NotStarted,
    /// The program runs, or its end is being recorded.
    Running {
        /// The recorder's word on the start.
        start: Started,
    },
    /// The program could not be started; the record says why.
    ExecFailed {
        /// The death certificate.
        exit: ExitRecord,
    },
    /// The program ended and the end is recorded.
    Ended {
        /// The recorder's word on the start.
        start: Started,
        /// The death certificate.
        exit: ExitRecord,
    },
    /// It began, no end is recorded, and no recorder lives that could record one.
    Unfinished {
        /// The recorder's word on the start.
        start: Started,
    },
}

impl AttemptFiles {
    /// The files of an attempt by its run directory and the path of its raw log.
    pub fn new(run_dir: impl Into<PathBuf>, log: impl Into<PathBuf>) -> Self {
        Self { run_dir: run_dir.into(), log: log.into() }
    }
    /// The run directory.
    pub fn run_dir(&self) -> &Path {
        &self.run_dir
    }
    /// The raw log.
    pub fn log(&self) -> &Path {
        &self.log
    }
    /// `events.jsonl`.
    pub fn events(&self) -> PathBuf {
        self.run_dir.join(EVENTS_FILE)
    }
    /// Looks at the files once. Missing files are no error: then nothing is recorded.
    pub fn look(&self) -> io::Result<AttemptSeen> {
        // The lock first: once it is seen free, every line that will ever be written is there.
        let recorder_lives = self.recorder_lives()?;
        let lines = absent_is_default(read_events(&self.events()))?;
        let log_bytes = absent_is_default(super::packed::log_bytes(&self.log))?;
        Ok(seen(&lines, recorder_lives, log_bytes))
    }
    /// How far the attempt is. As [`AttemptFiles::look`], without the rest.
    pub fn state(&self) -> io::Result<AttemptState> {
        Ok(self.look()?.state)
    }
    /// Whether a recorder holds the lock now.
    pub fn recorder_lives(&self) -> io::Result<bool> {
        let file = match super::open_regular(&self.run_dir.join(LOCK_FILE)) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(e) => return Err(e),
        };
        // The lock taken here goes with the file at the end of this function; a recorder that starts in between tries
        // again for a while.
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(false),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(true),
            Err(e) => Err(e.into()),
        }
    }
    /// What is kept of the output.
    pub fn kept(&self) -> io::Result<Kept> {
        Ok(Kept::from_lines(&absent_is_default(read_events(&self.events()))?))
    }
}

impl AttemptSeen {
    /// The certificate of an attempt whose end nobody recorded. `why` is what is known: `host reboot`, ...; `at` is when
    /// it was found out.
    pub fn lost(&self, why: impl Into<String>, at: Wall) -> ExitRecord {
        let began = match &self.state {
            AttemptState::Running { start }
            | AttemptState::Ended { start, .. }
            | AttemptState::Unfinished { start } => start.at,
            AttemptState::NotStarted | AttemptState::ExecFailed { .. } => at,
        };
        ExitRecord {
            ending: Ending::Lost { why: why.into() },
            at,
            ran: at.since(began),
            usage: None,
            oom: false,
            hup: self.hup,
            stopped: self.stopped,
            orphans: 0,
            output_bytes: self.log_bytes,
            lost_bytes: 0,
            refused: 0,
        }
    }
}

/// What of an attempt's output its log holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// The log's first byte that is kept. What stands before it was dropped to keep the log within its cap and reads as
    /// zeros: start reading here.
    pub from: u64,
    /// Places inside what is kept where output is missing (a full disk), in the order of the log.
    pub gaps: Vec<Gap>,
}

/// Output that is missing between two neighbouring bytes of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The missing bytes stood before the log's byte of this offset.
    pub at: u64,
    /// How many bytes are missing; 0 while it is not known because the gap is still open.
    pub bytes: u64,
    /// `disk full`, ...
    pub why: String,
}

impl Kept {
    /// Reads it from the lines of `events.jsonl`.
    pub fn from_lines(lines: &[Line]) -> Self {
        let mut kept = Self::default();
        let mut open: Option<u64> = None;
        for line in lines {
            let RecorderEvent::Lost { at, bytes, why, resumed } = &line.event else { continue };
            match (why.as_str(), resumed, open.take()) {
                (CAP, true, still_open) => {
                    kept.from = *at;
                    open = still_open;
                }
                (_, false, _) => {
                    kept.gaps.push(Gap { at: *at, bytes: 0, why: why.clone() });
                    open = Some(*bytes);
                }
                (_, true, Some(before)) => {
                    if let Some(gap) = kept.gaps.last_mut() {
                        gap.bytes = bytes.saturating_sub(before);
                    }
                }
                (_, true, None) => {}
            }
        }
        kept.gaps.retain(|gap| gap.at >= kept.from);
        kept
    }
}

/// The `why` of a [`RecorderEvent::Lost`] that comes from the cap on the log.
pub const CAP: &str = "cap";

fn absent_is_default<T: Default>(result: io::Result<T>) -> io::Result<T> {
    match result {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(T::default()),
        other => other,
    }
}

/// Nanoseconds of a line as the core's wall clock.
fn wall(t: u64) -> Wall {
    Wall(i64::try_from(t / 1_000_000).unwrap_or(i64::MAX))
}

fn seen(lines: &[Line], recorder_lives: bool, log_bytes: u64) -> AttemptSeen {
    let mut start: Option<(Started, u64)> = None;
    let mut exit = None;
    let (mut hup, mut stopped) = (false, false);
    let mut limits = Vec::new();
    let mut refusals = 0;
    for line in lines {
        match &line.event {
            RecorderEvent::Start { boot_id, pid, pid_start, shim_pid, .. } => {
                let at = wall(line.t);
                let (pid, pid_start, shim_pid, boot_id) = (*pid, *pid_start, *shim_pid, boot_id.clone());
                start.get_or_insert((Started { at, pid, pid_start, shim_pid, boot_id }, line.m));
            }
            RecorderEvent::ExecFailed { errno, what, .. } if start.is_none() && exit.is_none() => {
                exit = Some(exec_failed(line.t, *errno, what));
            }
            RecorderEvent::End { .. } => {
                let began = start.as_ref().map_or(line.m, |(_, m)| *m);
                exit = ended(line, began).or(exit);
            }
            RecorderEvent::Signal { signal } => hup |= *signal == libc::SIGHUP,
            RecorderEvent::StopAsked { .. } => stopped = true,
            RecorderEvent::ExecFailed { .. }
            | RecorderEvent::Resize { .. }
            | RecorderEvent::Input { .. }
            | RecorderEvent::Keys
            | RecorderEvent::Lost { .. } => {}
            RecorderEvent::Limits { missing, oom_kills, refused } => {
                limits.extend(missing.iter().cloned());
                if *oom_kills > 0 {
                    limits.push(format!("max_memory: the kernel ended {}", times(*oom_kills, "process", "processes")));
                }
                refusals = refusals.max(*refused);
                if *refused > 0 {
                    limits
                        .push(format!("max_processes: a new process was refused {}", times(*refused, "time", "times")));
                }
            }
        }
    }
    let exit = exit.map(|exit| ExitRecord { refused: refusals, ..exit });
    let state = match (start, exit) {
        (None, None) => AttemptState::NotStarted,
        (None, Some(exit)) => AttemptState::ExecFailed { exit },
        (Some((start, _)), Some(exit)) => AttemptState::Ended { start, exit },
        (Some((start, _)), None) if recorder_lives => AttemptState::Running { start },
        (Some((start, _)), None) => AttemptState::Unfinished { start },
    };
    AttemptSeen { state, recorder_lives, log_bytes, hup, stopped, limits }
}

fn times(n: u64, one: &str, more: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {more}") }
}

fn exec_failed(t: u64, errno: i32, what: &str) -> ExitRecord {
    ExitRecord {
        ending: Ending::ExecFailed { errno, what: what.to_owned() },
        at: wall(t),
        ran: Duration::ZERO,
        usage: None,
        oom: false,
        hup: false,
        stopped: false,
        orphans: 0,
        output_bytes: 0,
        lost_bytes: 0,
        refused: 0,
    }
}

/// The certificate of an `end` line. `began` is the monotonic time of the start in nanoseconds.
fn ended(line: &Line, began: u64) -> Option<ExitRecord> {
    let RecorderEvent::End { code, signal, core, oom, usage, bytes, lost, hup, stopped, orphans } = &line.event else {
        return None;
    };
    let ending = match (code, signal) {
        (_, Some(signal)) => Ending::Signal { signal: *signal, core: *core },
        (Some(code), None) => Ending::Code { code: *code },
        (None, None) => Ending::Lost { why: "the end names neither code nor signal".to_owned() },
    };
    Some(ExitRecord {
        ending,
        at: wall(line.t),
        ran: Duration::from_millis(line.m.saturating_sub(began) / 1_000_000),
        usage: Some(*usage),
        oom: *oom,
        hup: *hup,
        stopped: *stopped,
        orphans: *orphans,
        output_bytes: *bytes,
        lost_bytes: *lost,
        refused: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::exit::ResourceUsage;
    use std::fs::File;

    const SECOND: u64 = 1_000_000_000;

    fn line(second: u64, event: RecorderEvent) -> Line {
        Line { t: 1_790_000_000 * SECOND + second * SECOND, m: 50 * SECOND + second * SECOND, event }
    }
    fn start() -> Line {
        let event = RecorderEvent::Start { version: 1, boot_id: "b".into(), pid: 7, pid_start: 8, shim_pid: 6 };
        line(0, event)
    }
    fn end(code: Option<i32>, signal: Option<i32>) -> Line {
        let usage = ResourceUsage { user_ms: 1, system_ms: 2, max_rss_kib: 3 };
        let (core, oom, hup, stopped) = (false, false, true, false);
        line(9, RecorderEvent::End { code, signal, core, oom, usage, bytes: 11, lost: 4, hup, stopped, orphans: 2 })
    }
    fn files(lines: &[Line]) -> (tempfile::TempDir, AttemptFiles) {
        let dir = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = lines.iter().flat_map(Line::encode).collect();
        std::fs::write(dir.path().join(EVENTS_FILE), bytes).unwrap();
        let files = AttemptFiles::new(dir.path(), dir.path().join("out.log"));
        (dir, files)
    }

    #[test]
    fn an_end_becomes_a_certificate() {
        let (_dir, files) = files(&[start(), end(Some(3), None)]);
        let AttemptState::Ended { start, exit } = files.state().unwrap() else { panic!("not ended") };
        assert_eq!((start.pid, start.at), (7, Wall(1_790_000_000_000)));
        assert_eq!((exit.code(), exit.ran, exit.at), (Some(3), Duration::from_secs(9), Wall(1_790_000_009_000)));
        assert_eq!((exit.output_bytes, exit.lost_bytes, exit.orphans, exit.hup), (11, 4, 2, true));
    }

    #[test]
    fn without_an_end_the_lock_decides() {
        let (dir, files) = files(&[start(), line(3, RecorderEvent::Signal { signal: 1 })]);
        assert!(matches!(files.state().unwrap(), AttemptState::Unfinished { .. }), "no lock file");
        let lock = File::create(dir.path().join(LOCK_FILE)).unwrap();
        assert!(matches!(files.state().unwrap(), AttemptState::Unfinished { .. }), "a lock nobody holds");
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
        let seen = files.look().unwrap();
        assert!(matches!(seen.state, AttemptState::Running { .. }));
        assert!(seen.recorder_lives && seen.hup && !seen.stopped);
        drop(lock);
        let lost = files.look().unwrap().lost("host reboot", Wall(1_790_000_060_000));
        assert_eq!((lost.ran, lost.ending), (Duration::from_secs(60), Ending::Lost { why: "host reboot".into() }));
    }

    #[test]
    fn nothing_recorded_is_not_started_and_a_failed_exec_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let none = AttemptFiles::new(dir.path().join("gone"), dir.path().join("gone.log"));
        assert_eq!(none.state().unwrap(), AttemptState::NotStarted);
        let failed =
            RecorderEvent::ExecFailed { version: 1, boot_id: "b".into(), errno: 2, what: "chdir /gone".into() };
        let (_dir, files) = files(&[line(0, failed)]);
        let AttemptState::ExecFailed { exit } = files.state().unwrap() else { panic!("not failed") };
        assert_eq!(exit.ending, Ending::ExecFailed { errno: 2, what: "chdir /gone".into() });
    }

    #[test]
    fn gaps_are_between_bytes_and_what_was_dropped_is_before_the_first() {
        let lost = |at, bytes, why: &str, resumed| line(1, RecorderEvent::Lost { at, bytes, why: why.into(), resumed });
        let lines = [
            lost(100, 0, "disk full", false),
            lost(100, 40, "disk full", true),
            lost(150, 190, CAP, true),
            lost(300, 190, "disk full", false),
            lost(300, 200, "disk full", true),
            lost(400, 200, "disk full", false),
        ];
        let gap = |at, bytes| Gap { at, bytes, why: "disk full".into() };
        assert_eq!(Kept::from_lines(&lines), Kept { from: 150, gaps: vec![gap(300, 10), gap(400, 0)] });
        assert_eq!(Kept::from_lines(&lines[..2]), Kept { from: 0, gaps: vec![gap(100, 40)] });
    }
}
