//! The program has a true terminal, and the viewer cannot hold it up.

use crate::harness::{Bed, now, sh, until};
use nightkeep::recording::events::RecorderEvent;
use std::time::Duration;

#[test]
fn job_control_works_in_an_interactive_shell() {
    let mut bed = Bed::new(&["bash", "--norc", "--noprofile", "-i"]);
    bed.spec.env.insert("PS1".into(), "ready> ".into());
    let mut shim = bed.start();
    shim.until_screen_has("ready> ");
    let type_keys = |keys: &[u8]| {
        shim.forget_screen();
        shim.keys(keys);
    };
    let prompt_after = |answer: &str| {
        until(answer, || shim.screen().split_once(answer).is_some_and(|(_, rest)| rest.ends_with("ready> ")));
    };
    type_keys(b"sleep 1000\r");
    until("sleep is in front", || foreground(bed.pid()) != own_group(bed.pid()));
    type_keys(b"\x1a");
    prompt_after("Stopped");
    type_keys(b"jobs\r");
    prompt_after("Stopped");
    type_keys(b"fg\r");
    until("sleep is in front again", || foreground(bed.pid()) != own_group(bed.pid()));
    type_keys(b"\x03");
    prompt_after("^C");
    type_keys(b"echo rc=$?\r");
    prompt_after("rc=130");
    shim.keys(b"exit 42\r");
    assert_eq!(shim.wait().code(), Some(42));
    assert!(!bed.has_event(|e| matches!(e, RecorderEvent::Signal { .. } | RecorderEvent::Input { .. })));
}

/// Fields 5 and 8 of `/proc/PID/stat`.
fn own_group(pid: u32) -> i32 {
    stat_field(pid, 2)
}

fn foreground(pid: u32) -> i32 {
    stat_field(pid, 5)
}

fn stat_field(pid: u32, after_name: usize) -> i32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit(')').next().unwrap().split_whitespace().nth(after_name).unwrap().parse().unwrap()
}

#[test]
fn sizes_reach_the_program_and_the_record() {
    // Asks for the size again and again: a shell can miss a signal that comes while it handles one.
    let script = "until [ -e over ]; do n=$(stty size); [ \"$n\" = \"$o\" ] || echo $n; o=$n; sleep 0.02; done";
    let bed = Bed::new(&sh(script));
    let mut shim = bed.start();
    bed.until_log_has("24 80");
    for (cols, rows) in [(100, 30), (200, 50), (81, 25)] {
        shim.resize(cols, rows);
        until("the line", || {
            bed.has_event(|e| matches!(e, RecorderEvent::Resize { cols: c, rows: r, .. } if (*c, *r) == (cols, rows)))
        });
        bed.until_log_has(&format!("{rows} {cols}"));
    }
    std::fs::write(bed.path("over"), "").unwrap();
    shim.wait();
}

#[test]
fn a_size_that_is_not_the_specs_is_the_first_line_after_the_start() {
    let mut bed = Bed::new(&["stty", "size"]);
    bed.spec.size = (200, 50);
    bed.run();
    assert_eq!(bed.log(), b"24 80\r\n", "what the viewer has is true");
    assert_eq!(bed.events()[1], RecorderEvent::Resize { cols: 80, rows: 24, at: Some(0) });
}

#[test]
fn a_viewer_that_stopped_reading_costs_neither_bytes_nor_the_night() {
    let bed = Bed::new(&sh("seq 200000; exit 4"));
    let begun = now();
    assert_eq!(bed.start_unwatched().wait().code(), Some(4));
    assert!(begun.elapsed() > Duration::from_secs(4), "a viewer is given time");
    let expected: String = (1..=200_000).map(|i| format!("{i}\r\n")).collect();
    assert!(bed.log() == expected.as_bytes());
}

#[test]
fn a_program_that_closes_its_terminal_is_waited_for_without_turning_in_circles() {
    let bed = Bed::new(&sh("exec >/dev/null 2>&1 </dev/null; until [ -e over ]; do sleep 0.02; done; exit 3"));
    let mut shim = bed.start();
    bed.pid();
    let cpu = || stat_field(shim.pid(), 11) + stat_field(shim.pid(), 12);
    let (begun, before) = (now(), cpu());
    until("a second", || begun.elapsed() > Duration::from_secs(1));
    assert!(cpu() - before < 20, "{} ticks in a second", cpu() - before);
    std::fs::write(bed.path("over"), "").unwrap();
    assert_eq!(shim.wait().code(), Some(3));
}

#[test]
fn the_viewers_terminal_is_put_back_as_it_was() {
    let bed = Bed::new(&["true"]);
    bed.spec.write(&bed.run_dir()).unwrap();
    let run = format!("{} exec --run {}; stty -a", crate::harness::NIGHTKEEP, bed.run_dir().display());
    let mut shell = crate::harness::Shim::start(&["sh", "-c", &run], true);
    shell.wait();
    shell.until_screen_has("echoke");
    let screen = shell.screen();
    for setting in ["icanon", "echo", "isig", "opost"] {
        assert!(screen.split_whitespace().any(|word| word == setting), "{setting} in {screen}");
    }
}
