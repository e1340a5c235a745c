//! What recorders of released versions wrote stays readable: `recording-v1` is never changed, only added to.

use nightkeep::core::exit::{Ending, ResourceUsage};
use nightkeep::core::time::Wall;
use nightkeep::recording::attempt::{AttemptFiles, AttemptState, Gap, Kept};
use nightkeep::recording::events::{Line, RecorderEvent, read_events};
use nightkeep::recording::index::{Frame, IndexReader};
use nightkeep::recording::spec::Spec;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shim/recording-v1").join(name)
}

#[test]
fn a_recording_of_version_1_reads_as_it_was_meant() {
    let files = AttemptFiles::new(sample(""), sample("output.log"));
    let seen = files.look().unwrap();
    assert!(seen.hup && seen.stopped && !seen.recorder_lives);
    let AttemptState::Ended { start, exit } = seen.state else { panic!("{seen:?}") };
    assert_eq!((start.pid, start.pid_start, start.shim_pid), (28800, 449_539, 28799));
    assert_eq!(start.boot_id, "d6d35864-7ce1-43c0-844c-f581115a7654");
    assert_eq!(start.at, Wall(1_795_262_541_134));
    assert_eq!(exit.ending, Ending::Code { code: 3 });
    assert_eq!((exit.ran, exit.at), (Duration::from_millis(203), Wall(1_795_262_541_338)));
    assert_eq!(exit.usage, Some(ResourceUsage { user_ms: 3, system_ms: 0, max_rss_kib: 1656 }));
    assert_eq!((exit.output_bytes, exit.lost_bytes, exit.orphans), (48, 7, 0));
    let gap = Gap { at: 23, bytes: 7, why: "disk full".into() };
    assert_eq!(files.kept().unwrap(), Kept { from: 0, gaps: vec![gap] });
    assert_eq!(std::fs::read(files.log()).unwrap(), b"Loaded 1 / 3 profiles\r\n\xff not text\r\ndone\r\n");
}

#[test]
fn a_failed_start_of_version_1_reads_as_it_was_meant() {
    let lines = read_events(&sample("exec-failed.jsonl")).unwrap();
    let [Line { event: RecorderEvent::ExecFailed { version: 1, errno: 2, what, .. }, .. }] = &lines[..] else {
        panic!("{lines:?}")
    };
    assert_eq!(what, "exec no-such-program");
}

#[test]
fn lines_of_version_1_are_written_as_they_were() {
    let text = std::fs::read(sample("events.jsonl")).unwrap();
    let written: Vec<u8> = read_events(&sample("events.jsonl")).unwrap().iter().flat_map(Line::encode).collect();
    assert_eq!(String::from_utf8(written).unwrap(), String::from_utf8(text).unwrap());
}

#[test]
fn an_index_of_version_1_reads_as_it_was_meant() {
    let index = IndexReader::open(&sample("output.idx")).unwrap();
    assert_eq!(index.frames().unwrap(), 3);
    let second = Frame { t: 1_795_262_541_236_938_528, offset: 23, len: 12 };
    assert_eq!(index.frame(1).unwrap(), Some(second));
    assert_eq!(index.time_of(30).unwrap(), Some(second.t));
    assert_eq!(index.offset_at(second.t).unwrap(), 35);
}

#[test]
fn a_spec_of_version_1_reads_as_it_was_meant() {
    let spec = Spec::read(&sample("")).unwrap();
    assert_eq!((spec.attempt.as_str(), spec.size, spec.drain_ms), ("2026-11-21/load-profiles/1.2", (200, 50), 200));
    assert_eq!((spec.argv.len(), spec.env.len(), spec.output_cap), (3, 2, None));
}
