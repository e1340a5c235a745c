//! Which attempts left output, and what their recorder says of them.

use crate::core::ids::{AttemptId, SessionName};
use crate::instance::Instance;
use crate::recording::events::{EVENTS_FILE, LOCK_FILE, Line, RecorderEvent};
use crate::recording::output;
use std::fs::{self, File};
use std::path::Path;

/// The attempts of a session that left a log, oldest first.
pub fn in_order(instance: &Instance, session: &SessionName) -> Vec<AttemptId> {
    output::attempts_in(&instance.output_dir(session), session)
}

/// Whether the attempt will write no more: its end is recorded, or its recorder is gone.
pub fn ended(instance: &Instance, attempt: &AttemptId) -> bool {
    let dir = instance.run_dir(attempt);
    if events(&dir).iter().any(|e| matches!(e, RecorderEvent::End { .. } | RecorderEvent::ExecFailed { .. })) {
        return true;
    }
    // The recorder holds this lock while it lives. One that has not begun has not made the file either.
    File::open(dir.join(LOCK_FILE)).is_ok_and(|lock| lock.try_lock_shared().is_ok())
}

/// Bytes of the output that are not in the log.
pub fn lost_bytes(instance: &Instance, attempt: &AttemptId) -> u64 {
    let events = events(&instance.run_dir(attempt));
    let lost = |event: &RecorderEvent| match event {
        RecorderEvent::End { lost, .. } => Some(*lost),
        RecorderEvent::Lost { bytes, .. } => Some(*bytes),
        RecorderEvent::Start { .. }
        | RecorderEvent::ExecFailed { .. }
        | RecorderEvent::Resize { .. }
        | RecorderEvent::Signal { .. }
        | RecorderEvent::Input { .. }
        | RecorderEvent::Keys
        | RecorderEvent::Limits { .. }
        | RecorderEvent::StopAsked { .. } => None,
    };
    events.iter().rev().find_map(lost).unwrap_or(0)
}

/// What the recorder told so far. Lines of a later version are skipped.
fn events(dir: &Path) -> Vec<RecorderEvent> {
    let text = fs::read(dir.join(EVENTS_FILE)).unwrap_or_default();
    let lines = text.split(|&b| b == b'\n');
    lines.filter_map(|line| serde_json::from_slice::<Line>(line).ok()).map(|line| line.event).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_in_the_order_of_time_and_other_files_are_none() {
        let tmp = tempfile::tempdir().unwrap();
        let file = tmp.path().join("sessions.toml");
        fs::write(&file, "").unwrap();
        let instance = Instance::new(&file, None, tmp.path()).unwrap();
        let name = SessionName::new("load").unwrap();
        let dir = instance.output_dir(&name);
        fs::create_dir_all(&dir).unwrap();
        for name in [
            "2026-11-21-2.1.log",
            "2026-11-21-10.1.log",
            "2026-11-21-2.1.idx",
            "2026-11-20-3.9.log",
            "x.log",
            "2026-11-19-1.1.log.zst",
            "2026-11-21-2.1.log.zst",
        ] {
            fs::write(dir.join(name), "").unwrap();
        }
        let ids: Vec<String> = in_order(&instance, &name).iter().map(AttemptId::to_string).collect();
        assert_eq!(ids, ["2026-11-19/load/1.1", "2026-11-20/load/3.9", "2026-11-21/load/2.1", "2026-11-21/load/10.1"]);
    }

    #[test]
    fn an_attempt_has_ended_when_its_end_is_written_or_its_recorder_is_gone() {
        let tmp = tempfile::tempdir().unwrap();
        let file = tmp.path().join("sessions.toml");
        fs::write(&file, "").unwrap();
        let instance = Instance::new(&file, None, tmp.path()).unwrap();
        let attempt: AttemptId = "2026-11-21/load/1.1".parse().unwrap();
        let dir = instance.run_dir(&attempt);
        fs::create_dir_all(&dir).unwrap();
        assert!(!ended(&instance, &attempt), "not yet begun");
        let lock = File::create(dir.join(LOCK_FILE)).unwrap();
        lock.lock().unwrap();
        assert!(!ended(&instance, &attempt), "its recorder lives");
        fs::write(dir.join(EVENTS_FILE), "{\"t\":1,\"m\":1,\"event\":\"new thing\"}\n{\"t\":1,\"m\":1,\"event\":\"exec_failed\",\"version\":1,\"boot_id\":\"b\",\"errno\":2,\"what\":\"exec x\"}\n").unwrap();
        assert!(ended(&instance, &attempt), "its end is written");
        fs::remove_file(dir.join(EVENTS_FILE)).unwrap();
        drop(lock);
        assert!(ended(&instance, &attempt), "its recorder is gone");
    }
}
