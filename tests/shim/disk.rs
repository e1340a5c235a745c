//! Disks that are full, limited or too small: the program goes on, and what is missing is counted.

use crate::harness::{Bed, NIGHTKEEP, Shim, output_of, sh, until};
use nightkeep::recording::attempt::Gap;
use nightkeep::recording::events::{RecorderEvent, read_events};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A small disk. `None` where we may not mount one.
struct SmallDisk {
    path: String,
}

impl SmallDisk {
    fn mount(bed: &Bed, size: &str) -> Option<Self> {
        let path = bed.path("disk").to_str().unwrap().to_owned();
        std::fs::create_dir(&path).unwrap();
        let options = format!("size={size}");
        match output_of("mount", &["-t", "tmpfs", "-o", &options, "nightkeep-test", &path]) {
            Some(_) => Some(Self { path }),
            None => {
                crate::harness::skip("mounting a tmpfs needs root");
                None
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        output_of("umount", &["-l", &self.path]);
    }
}

fn move_to(bed: &mut Bed, disk: &SmallDisk) {
    bed.spec.output = Path::new(&disk.path).join("out/1.log");
}

#[test]
fn on_a_full_disk_the_program_goes_on_and_the_loss_is_counted_and_ends_when_space_returns() {
    let script = "seq 300000; echo half; until [ -e go ]; do sleep 0.02; done; seq 1000; echo full; exit 7";
    let mut bed = Bed::new(&sh(script));
    let Some(disk) = SmallDisk::mount(&bed, "1m") else { return };
    move_to(&mut bed, &disk);
    let ballast = Path::new(&disk.path).join("ballast");
    std::fs::write(&ballast, vec![1; 256 * 1024]).unwrap();
    let mut shim = bed.start();
    shim.until_screen_has("half");
    until("the loss is told", || bed.has_event(|e| matches!(e, RecorderEvent::Lost { resumed: false, .. })));
    let begun = crate::harness::now();
    // For a second after a failed write nothing is tried.
    until("the next try", || begun.elapsed().as_millis() > 1100);
    std::fs::remove_file(&ballast).unwrap();
    std::fs::write(bed.path("go"), "").unwrap();
    assert_eq!(shim.wait().code(), Some(7));

    let end = bed.end();
    let printed: String = (1..=300_000).chain(1..=1000).map(|i| format!("{i}\r\n")).collect();
    let log = bed.log();
    assert_eq!(end.output_bytes, printed.len() as u64 + 12);
    assert_eq!(log.len() as u64 + end.lost_bytes, end.output_bytes);
    assert!(log.ends_with(b"full\r\n") && end.lost_bytes > 500_000);
    let kept = bed.files().kept().unwrap();
    let [Gap { at, bytes, why }] = &kept.gaps[..] else { panic!("{kept:?}") };
    assert_eq!((*bytes, why.as_str(), kept.from), (end.lost_bytes, "disk full", 0));
    assert_eq!(log[..*at as usize], printed.as_bytes()[..*at as usize]);
}

#[test]
fn the_end_fits_on_a_disk_that_stays_full() {
    let mut bed = Bed::new(&sh("until [ -e go ]; do sleep 0.02; done; seq 300000; exit 7"));
    let Some(disk) = SmallDisk::mount(&bed, "1m") else { return };
    // This time all of it is there: the log, the lock and the events.
    move_to(&mut bed, &disk);
    let run_dir = Path::new(&disk.path).join("run");
    std::fs::create_dir(&run_dir).unwrap();
    bed.spec.write(&run_dir).unwrap();
    let mut shim = Shim::start(&[NIGHTKEEP, "exec", "--run", run_dir.to_str().unwrap()], true);
    let events = run_dir.join("events.jsonl");
    until("a start", || read_events(&events).is_ok_and(|lines| !lines.is_empty()));
    // Fill what is left, to the last byte.
    let mut fill = std::fs::File::create(Path::new(&disk.path).join("fill")).unwrap();
    while std::io::Write::write(&mut fill, &[1; 4096]).is_ok() {}
    // Sizes are told until only the room for the end is left.
    for i in 0..400 {
        shim.resize(100 + i, 30);
    }
    std::fs::write(bed.path("go"), "").unwrap();
    assert_eq!(shim.wait().code(), Some(7));
    let files = nightkeep::recording::attempt::AttemptFiles::new(&run_dir, &bed.spec.output);
    let state = files.state().unwrap();
    let nightkeep::recording::attempt::AttemptState::Ended { exit, .. } = state else { panic!("{state:?}") };
    assert_eq!(exit.code(), Some(7));
    assert_eq!(exit.lost_bytes + files.look().unwrap().log_bytes, exit.output_bytes);
}

#[test]
fn on_a_disk_without_room_for_the_record_nothing_is_started() {
    let bed = Bed::new(&sh("touch ran"));
    let Some(disk) = SmallDisk::mount(&bed, "64k") else { return };
    let run_dir = Path::new(&disk.path).join("run");
    std::fs::create_dir(&run_dir).unwrap();
    bed.spec.write(&run_dir).unwrap();
    let mut fill = std::fs::File::create(Path::new(&disk.path).join("fill")).unwrap();
    while std::io::Write::write(&mut fill, &[1; 4096]).is_ok() {}
    let status = Shim::start(&[NIGHTKEEP, "exec", "--run", run_dir.to_str().unwrap()], true).wait();
    assert_eq!(status.code(), Some(111));
    assert!(!bed.path("ran").exists());
}

#[test]
fn a_log_that_cannot_be_made_is_a_recorded_failure_and_nothing_is_started() {
    let mut bed = Bed::new(&sh("touch ran"));
    bed.spec.output = "/proc/no/such/1.log".into();
    assert_eq!(bed.run().code(), Some(126));
    let nightkeep::core::exit::Ending::ExecFailed { what, .. } = bed.end().ending else { panic!("{:?}", bed.end()) };
    assert_eq!(what, "open output");
    assert!(!bed.path("ran").exists());
}

#[test]
fn a_limit_on_file_sizes_is_a_loss_and_not_the_end() {
    let bed = Bed::new(&sh("seq 100000; exit 3"));
    bed.spec.write(&bed.run_dir()).unwrap();
    let run_dir = bed.run_dir();
    let limited = ["prlimit", "--fsize=65536", NIGHTKEEP, "exec", "--run", run_dir.to_str().unwrap()];
    assert_eq!(Shim::start(&limited, true).wait().code(), Some(3));
    let end = bed.end();
    assert_eq!((bed.log().len(), end.lost_bytes), (65536, end.output_bytes - 65536));
    assert_eq!(bed.files().kept().unwrap().gaps[0].why, "file size limit reached");
}

#[test]
fn beyond_its_cap_the_log_keeps_the_newest_output() {
    let mut bed = Bed::new(&sh("seq 1000000; sleep 1.1; seq 500000; exit 2"));
    bed.spec.output_cap = Some(1 << 20);
    assert_eq!(bed.run().code(), Some(2));
    let printed: Vec<u8> = (1..=1_000_000).chain(1..=500_000).flat_map(|i| format!("{i}\r\n").into_bytes()).collect();
    let (end, kept, log) = (bed.end(), bed.files().kept().unwrap(), bed.log());
    assert_eq!((end.output_bytes, log.len()), (printed.len() as u64, printed.len()), "offsets stay");
    assert_eq!(end.lost_bytes, kept.from);
    let from = usize::try_from(kept.from).unwrap();
    assert!(from > 2 << 20 && log[from..] == printed[from..]);
    let on_disk = std::fs::metadata(&bed.spec.output).unwrap().blocks() * 512;
    assert!(on_disk < printed.len() as u64 - kept.from + 65536, "the disk has its space back");
}
