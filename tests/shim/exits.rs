//! How a program started and ended is recorded exactly, and the recorder ends as the program did.

use crate::harness::{Bed, Shim, kill, lives, sh, until};
use nightkeep::core::exit::Ending;
use nightkeep::recording::attempt::AttemptState;
use nightkeep::recording::events::RecorderEvent;
use rustix::process::Signal;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;

#[test]
fn every_exit_code_is_recorded_and_passed_on() {
    std::thread::scope(|scope| {
        for first in 0..4 {
            scope.spawn(move || {
                for code in (first..256).step_by(4) {
                    let bed = Bed::new(&sh(&format!("exit {code}")));
                    assert_eq!(bed.run().code(), Some(code));
                    let end = bed.end();
                    assert_eq!(end.ending, Ending::Code { code });
                    assert!(!end.oom && !end.hup && !end.stopped && end.orphans == 0);
                }
            });
        }
    });
}

#[test]
fn every_deadly_signal_is_recorded_and_passed_on() {
    for signal in [1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 25, 31, 34, 64] {
        let bed = Bed::new(&sh(&format!("ulimit -c 0; kill -{signal} $$")));
        assert_eq!(bed.run().signal(), Some(signal));
        assert_eq!(bed.end().ending, Ending::Signal { signal, core: false });
    }
}

#[test]
fn a_code_above_128_is_no_signal() {
    let bed = Bed::new(&sh("exit 137"));
    assert_eq!(bed.run().code(), Some(137));
    assert_eq!((bed.end().code(), bed.end().signal()), (Some(137), None));
}

#[test]
fn a_core_of_the_program_is_told_and_the_recorder_dumps_none() {
    if std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap().starts_with('|') {
        crate::harness::skip("cores go to a program here");
        return;
    }
    let bed = Bed::new(&["bash", "-c", "ulimit -c unlimited && kill -ABRT $$"]);
    let status = bed.run();
    assert_eq!((status.signal(), status.core_dumped()), (Some(6), false));
    assert_eq!(bed.end().ending, Ending::Signal { signal: 6, core: true });
}

#[test]
fn what_cannot_be_started_says_why_and_has_no_start() {
    let plain = tempfile::NamedTempFile::new().unwrap();
    std::fs::set_permissions(plain.path(), std::fs::Permissions::from_mode(0o600)).unwrap();
    let plain = plain.path().to_str().unwrap();
    let cases = [
        ("no-such-program", "/", 127, libc::ENOENT, "exec no-such-program"),
        ("", "/", 127, libc::ENOENT, "exec "),
        (plain, "/", 126, libc::EACCES, &format!("exec {plain}")),
        ("/etc", "/", 126, libc::EACCES, "exec /etc"),
        ("true", "/no/such/folder", 126, libc::ENOENT, "chdir /no/such/folder"),
        ("true", "/etc/passwd", 126, libc::ENOTDIR, "chdir /etc/passwd"),
    ];
    for (program, dir, code, errno, what) in cases {
        let mut bed = Bed::new(&[program]);
        bed.spec.dir = dir.into();
        assert_eq!(bed.run().code(), Some(code), "{what}");
        assert_eq!(bed.end().ending, Ending::ExecFailed { errno, what: what.to_owned() });
        assert!(matches!(bed.files().state().unwrap(), AttemptState::ExecFailed { .. }));
        assert!(!bed.spec.socket.exists(), "no socket is left");
    }
}

#[test]
fn a_program_that_leaves_with_127_was_started() {
    let bed = Bed::new(&sh("exit 127"));
    assert_eq!(bed.run().code(), Some(127));
    assert!(matches!(bed.files().state().unwrap(), AttemptState::Ended { .. }));
}

#[test]
fn a_missing_spec_is_recorded_and_a_missing_folder_cannot_be() {
    let bed = Bed::new(&["true"]);
    let exec = |dir: &str| Shim::start(&[crate::harness::NIGHTKEEP, "exec", "--run", dir], true).wait();
    assert_eq!(exec(bed.run_dir().to_str().unwrap()).code(), Some(126));
    let Ending::ExecFailed { errno: libc::ENOENT, what } = bed.end().ending else { panic!("{:?}", bed.end()) };
    assert!(what.starts_with("read spec: "), "{what}");
    assert_eq!(exec("/no/such/run").code(), Some(111));
}

#[test]
fn the_start_names_the_process_and_the_program_gets_what_the_spec_says_and_no_more() {
    let mut bed = Bed::new(&sh("pwd; umask; env | sort; ls /proc/self/fd; ps -o sid= -p $$; echo pid $$"));
    bed.spec.env.insert("GREETING".into(), "good night".into());
    bed.run();
    let start = bed.events().remove(0);
    let RecorderEvent::Start { version: 1, boot_id, pid, pid_start, shim_pid } = start else { panic!("{start:?}") };
    assert_eq!(boot_id, std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap().trim());
    assert!(pid_start > 0 && shim_pid != pid);
    let log = String::from_utf8(bed.log()).unwrap().replace("\r\n", "\n");
    let lines: Vec<_> = log.lines().collect();
    assert_eq!(lines[0], bed.dir.path().to_str().unwrap());
    assert!(lines.contains(&format!("pid {pid}").as_str()));
    assert!(lines.iter().any(|l| l.trim() == pid.to_string()), "leads its session");
    for expected in ["GREETING=good night", "NIGHTKEEP_ATTEMPT=2026-11-21/test/1.1", "TERM=tmux-256color"] {
        assert!(lines.contains(&expected), "{expected} in {log}");
    }
    assert!(!log.contains("NIGHTKEEP_TEST_SECRET"), "the recorder's own environment is not passed on");
    let descriptors = lines.iter().find(|l| l.starts_with("0  1")).unwrap();
    assert_eq!(*descriptors, "0  1  2  3", "the terminal, and the one that lists them");
}

#[test]
fn one_run_directory_has_one_recorder_ever() {
    let bed = Bed::new(&sh("echo up; read x; exit 5"));
    let mut first = bed.start();
    bed.until_log_has("up");
    assert_eq!(bed.start().wait().code(), Some(100));
    assert!(matches!(bed.files().state().unwrap(), AttemptState::Running { .. }));
    first.keys(b"\r");
    assert_eq!(first.wait().code(), Some(5));
    let record = std::fs::read(bed.files().events()).unwrap();
    assert_eq!(bed.start().wait().code(), Some(100));
    assert_eq!(std::fs::read(bed.files().events()).unwrap(), record);
}

#[test]
fn looking_at_the_lock_does_not_keep_a_recorder_from_starting() {
    let beds: Vec<_> = (0..20).map(|_| Bed::new(&["true"])).collect();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                for bed in &beds {
                    let _ = bed.files().recorder_lives().unwrap();
                }
            }
        });
        let codes: Vec<_> = beds.iter().map(|bed| bed.run().code()).collect();
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(codes, vec![Some(0); beds.len()]);
    });
}

#[test]
fn a_killed_recorder_leaves_a_free_lock_and_an_unfinished_attempt() {
    let bed = Bed::new(&sh("echo up; exec sleep 1000"));
    let mut shim = bed.start();
    bed.until_log_has("up");
    let pid = bed.pid();
    shim.signal(Signal::KILL);
    assert_eq!(shim.wait().signal(), Some(9));
    let seen = bed.files().look().unwrap();
    assert!(!seen.recorder_lives && matches!(seen.state, AttemptState::Unfinished { .. }), "{seen:?}");
    assert_eq!(bed.log(), b"up\r\n");
    until("the program hangs up", || !lives(pid));
}

#[test]
fn a_running_program_costs_a_line_when_it_is_signalled_from_outside() {
    let bed = Bed::new(&["sleep", "1000"]);
    let mut shim = bed.start();
    kill(bed.pid(), Signal::TERM);
    assert_eq!(shim.wait().signal(), Some(15));
    let end = bed.end();
    assert!(!end.stopped && !end.hup);
    assert!(end.usage.is_some_and(|usage| usage.max_rss_kib > 0));
}

#[test]
fn a_kill_for_memory_is_told_from_another_kill() {
    let group = std::path::PathBuf::from(format!("/sys/fs/cgroup/memory/nightkeep-test-{}", std::process::id()));
    let limited =
        std::fs::create_dir(&group).is_ok() && std::fs::write(group.join("memory.limit_in_bytes"), "134217728").is_ok();
    if !limited {
        let _ = std::fs::remove_dir(&group);
        crate::harness::skip("needs root and a version 1 memory control group");
        return;
    }
    let eat = "echo $$ > $0/cgroup.procs; exec \"$@\"";
    let exec = |bed: &Bed| {
        bed.spec.write(&bed.run_dir()).unwrap();
        let run = bed.run_dir();
        let argv = ["sh", "-c", eat, group.to_str().unwrap(), crate::harness::NIGHTKEEP, "exec", "--run"];
        Shim::start(&[&argv[..], &[run.to_str().unwrap()]].concat(), true).wait()
    };
    let hungry = Bed::new(&["sh", "-c", "exec tail /dev/zero"]);
    let killed = Bed::new(&sh("kill -9 $$"));
    let statuses = (exec(&hungry).signal(), exec(&killed).signal());
    until("the group is empty", || std::fs::remove_dir(&group).is_ok());
    assert_eq!(statuses, (Some(9), Some(9)));
    assert_eq!((hungry.end().oom, killed.end().oom), (true, false));
}
