//! Every byte that a program prints is in the log, whatever it is and whenever it comes.

use crate::harness::{Bed, sh};
use nightkeep::recording::index::{IndexReader, index_path};

#[test]
fn what_is_printed_in_the_last_moment_is_there() {
    std::thread::scope(|scope| {
        for first in 1..=4 {
            scope.spawn(move || {
                for lines in (first..=200).step_by(4) {
                    let bed = Bed::new(&["seq", &lines.to_string()]);
                    bed.run();
                    let expected: String = (1..=lines).map(|i| format!("{i}\r\n")).collect();
                    assert_eq!(String::from_utf8_lossy(&bed.log()), expected);
                    assert_eq!(bed.end().output_bytes, expected.len() as u64);
                }
            });
        }
    });
}

#[test]
fn a_burst_of_megabytes_and_one_endless_line_are_whole() {
    let bed = Bed::new(&sh("head -c 3000000 /dev/zero | tr '\\0' x; exit 9"));
    assert_eq!(bed.run().code(), Some(9));
    let log = bed.log();
    assert_eq!((log.len(), bed.end().lost_bytes), (3_000_000, 0));
    assert!(log.iter().all(|b| *b == b'x'));
}

#[test]
fn the_last_words_are_kept_though_a_descendant_has_the_terminal() {
    let expected: String = (1..=3000).map(|i| format!("{i}\r\n")).collect();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let bed = Bed::new(&sh("(trap '' HUP TERM; sleep 1000) & seq 3000; exit 1"));
                assert_eq!(bed.run().code(), Some(1));
                assert_eq!(bed.log().len(), expected.len());
                assert_eq!(bed.log(), expected.as_bytes());
            });
        }
    });
}

#[test]
fn bytes_that_are_no_text_pass_as_they_are() {
    let bed = Bed::new(&sh("stty -opost; cat bytes"));
    let bytes: Vec<u8> = (0..100_000_u32).map(|i| (i * 7 + i / 256) as u8).collect();
    std::fs::write(bed.path("bytes"), &bytes).unwrap();
    bed.run();
    assert!(bed.log() == bytes);
}

#[test]
fn the_index_covers_the_log_without_a_gap() {
    let bed = Bed::new(&sh("for i in 1 2 3; do seq 5000; sleep 0.1; done"));
    bed.run();
    let index = IndexReader::open(&index_path(&bed.spec.output)).unwrap();
    let (mut offset, mut last) = (0, 0);
    for number in 0..index.frames().unwrap() {
        let frame = index.frame(number).unwrap().unwrap();
        assert_eq!(frame.offset, offset);
        assert!(frame.t >= last && frame.len > 0);
        (offset, last) = (offset + frame.len, frame.t);
    }
    assert_eq!(offset, bed.log().len() as u64);
    let (first, end) = (index.time_of(0).unwrap().unwrap(), index.time_of(offset).unwrap().unwrap());
    assert!(end - first > 150_000_000, "three bursts, 0.1 s apart");
    assert_eq!(index.offset_at(end).unwrap(), offset);
}

#[test]
fn files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let bed = Bed::new(&["true"]);
    bed.run();
    for path in [&bed.spec.output, &index_path(&bed.spec.output), &bed.files().events(), &bed.run_dir().join("lock")] {
        let mode = std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", path.display());
    }
}
