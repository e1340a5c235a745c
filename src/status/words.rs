//! The words for what runs and exits are, and which of two states is worse; the table, `why` and the report share them.

use super::text::harmless;
use crate::core::exit::{Ending, ExitRecord};
use crate::core::run::{CheckResult, MetricSeen, Outcome, OutputSeen, RunState};
use crate::core::tool_run::ToolKind;
use std::fmt::Write as _;

/// How bad a state is: sessions are listed by it, lowest first. Failures and what waits for a person come first, then
/// what is delayed, what runs, what is to come, and what ended as it should.
pub fn rank(state: &RunState) -> u8 {
    match state {
        RunState::Ended { outcome: Outcome::Failed } => 1,
        RunState::Ended { outcome: Outcome::Partial } => 2,
        RunState::Held => 3,
        RunState::Ended { outcome: Outcome::Unfinished } => 4,
        RunState::Limited { .. } => 5,
        RunState::BackingOff { .. } => 6,
        RunState::Stopping { .. } => 7,
        RunState::Starting { .. } => 8,
        RunState::Running { .. } | RunState::Checking { .. } => 9,
        RunState::Queued => 10,
        RunState::Waiting { .. } => 11,
        RunState::Scheduled { .. } => 12,
        RunState::Ended { outcome: Outcome::Skipped } => 13,
        RunState::Ended { outcome: Outcome::Stopped } => 14,
        RunState::Ended { outcome: Outcome::Succeeded } => RANK_LAST,
    }
}

/// The rank of what is done and well.
pub const RANK_LAST: u8 = 15;

/// How a program ended: `exit 1`, `signal 9 (KILL), core dumped`, `could not start: …`, `exit unknown: …`.
pub fn exit(exit: &ExitRecord) -> String {
    let mut words = match &exit.ending {
        Ending::Code { code } => format!("exit {code}"),
        Ending::Signal { signal, core } => {
            format!("{}{}", self::signal(*signal), if *core { ", core dumped" } else { "" })
        }
        Ending::ExecFailed { errno, what } => {
            format!("could not start: {} ({})", harmless(what), self::errno(*errno))
        }
        Ending::Lost { why } => format!("exit unknown: {}", harmless(why)),
    };
    if exit.oom {
        words.push_str(", out of memory");
    }
    if exit.refused > 0 {
        let times = if exit.refused == 1 { "once".to_owned() } else { format!("{} times", exit.refused) };
        let _ = write!(words, ", its limit of processes was reached (refused {times})");
    }
    match exit.orphans {
        0 => {}
        1 => words.push_str(", 1 process left behind was ended"),
        n => {
            let _ = write!(words, ", {n} processes left behind were ended");
        }
    }
    words
}

/// `signal 9 (KILL)`
pub fn signal(number: i32) -> String {
    let name = match number {
        libc::SIGHUP => "HUP",
        libc::SIGINT => "INT",
        libc::SIGQUIT => "QUIT",
        libc::SIGILL => "ILL",
        libc::SIGABRT => "ABRT",
        libc::SIGBUS => "BUS",
        libc::SIGFPE => "FPE",
        libc::SIGKILL => "KILL",
        libc::SIGUSR1 => "USR1",
        libc::SIGSEGV => "SEGV",
        libc::SIGUSR2 => "USR2",
        libc::SIGPIPE => "PIPE",
        libc::SIGALRM => "ALRM",
        libc::SIGTERM => "TERM",
        libc::SIGXCPU => "XCPU",
        libc::SIGXFSZ => "XFSZ",
        _ => return format!("signal {number}"),
    };
    format!("signal {number} ({name})")
}

/// `no such file or directory`, or `errno 5` for a rare one.
fn errno(number: i32) -> String {
    match number {
        libc::ENOENT => "no such file or directory".to_owned(),
        libc::EACCES => "permission denied".to_owned(),
        libc::EPERM => "not permitted".to_owned(),
        libc::ENOTDIR => "not a directory".to_owned(),
        libc::EISDIR => "is a directory".to_owned(),
        libc::ENOEXEC => "not a program".to_owned(),
        libc::E2BIG => "too many arguments".to_owned(),
        libc::ENOMEM => "no memory".to_owned(),
        libc::ENOSPC => "no space left on the disk".to_owned(),
        libc::ELOOP => "too many symbolic links".to_owned(),
        libc::ETXTBSY => "the program is being written".to_owned(),
        _ => format!("errno {number}"),
    }
}

/// Whether nothing was seen that proves the work of a good end: no check was declared, no total was reached, and no
/// number without a total was counted, and the last tests that ran were not good, or proved little.
pub fn unverified(checks: &[CheckResult], output: &OutputSeen) -> bool {
    let seen = |m: &MetricSeen| m.complete() || (m.total.is_none() && m.value > 0.0);
    let tests = output.tools.iter().rev().find(|run| run.kind == ToolKind::Tests);
    checks.is_empty() && !output.metrics.values().any(seen) && !tests.is_some_and(|run| run.good && run.weak.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::time::Wall;
    use std::time::Duration;

    #[test]
    fn every_ending_has_words_and_foreign_ones_are_harmless() {
        let record = |ending, oom| ExitRecord {
            ending,
            at: Wall(0),
            ran: Duration::ZERO,
            usage: None,
            oom,
            hup: false,
            stopped: false,
            orphans: 0,
            output_bytes: 0,
            lost_bytes: 0,
            refused: 0,
        };
        assert_eq!(exit(&record(Ending::Code { code: 3 }, false)), "exit 3");
        assert_eq!(exit(&record(Ending::Signal { signal: 9, core: false }, true)), "signal 9 (KILL), out of memory");
        let refused = ExitRecord { refused: 7, ..record(Ending::Code { code: 1 }, false) };
        assert_eq!(exit(&refused), "exit 1, its limit of processes was reached (refused 7 times)");
        assert_eq!(exit(&record(Ending::Signal { signal: 34, core: true }, false)), "signal 34, core dumped");
        let what = "exec \u{1b}[2Jloader".to_owned();
        assert_eq!(
            exit(&record(Ending::ExecFailed { errno: 2, what }, false)),
            "could not start: exec loader (no such file or directory)"
        );
        assert_eq!(exit(&record(Ending::Lost { why: "host reboot".into() }, false)), "exit unknown: host reboot");
    }
}
