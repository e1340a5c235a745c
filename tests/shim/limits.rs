//! Limits on what a program and all it starts may take. Where this machine lets us make no control groups, the record must
//! say so, and the program runs all the same.

use crate::harness::{Bed, lives, sh, until};
use nightkeep::core::plan::Caps;
use nightkeep::recording::events::{RecorderEvent, read_events};

/// What is recorded of the limits: what is not in force, kills for memory, refusals.
fn recorded(bed: &Bed) -> (Vec<String>, u64, u64) {
    let mut all = (Vec::new(), 0, 0);
    for line in read_events(&bed.run_dir().join("events.jsonl")).unwrap() {
        if let RecorderEvent::Limits { missing, oom_kills, refused } = line.event {
            all.0.extend(missing);
            (all.1, all.2) = (all.1 + oom_kills, all.2 + refused);
        }
    }
    all
}

/// Groups with this test's attempt in their name, wherever they could stand.
fn groups(pid: u32) -> Vec<String> {
    let found = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    found.lines().filter(|line| line.contains("/nightkeep-2026-11-21_test_1.1-")).map(str::to_owned).collect()
}

fn folder(group: &str) -> Option<std::path::PathBuf> {
    let (controllers, path) = group.split_once(':')?.1.split_once(':')?;
    let path = path.trim_start_matches('/');
    let places = [format!("/sys/fs/cgroup/{controllers}/{path}"), format!("/sys/fs/cgroup/{path}")];
    places.into_iter().map(std::path::PathBuf::from).find(|dir| dir.is_dir())
}

#[test]
fn who_takes_too_much_memory_is_ended_by_the_kernel_and_that_is_told_from_other_kills() {
    let mut bed = Bed::new(&["python3", "-c", "import time\nx = []\nwhile True: x.append(b'x' * 1_000_000)"]);
    bed.spec.caps = Caps { memory: Some(64 << 20), processes: None };
    if std::path::Path::new("/usr/bin/python3").exists() {
        bed.spec.argv[0] = "/usr/bin/python3".to_owned();
    }
    bed.spec.argv[2].insert_str(0, "import resource\nresource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n");
    let status = bed.run();
    let (missing, oom_kills, _) = recorded(&bed);
    if missing.is_empty() {
        assert!(bed.end().oom && bed.end().signal() == Some(9), "{:?}", bed.end());
        assert!(oom_kills >= 1);
    } else {
        // Its own limit ended it then, in Python's way.
        assert!(missing[0].starts_with("max_memory is not in force: "), "{missing:?}");
        assert_eq!(status.code(), Some(1));
    }
}

#[test]
fn a_fork_bomb_is_refused_more_processes_and_none_of_it_is_left() {
    // Bounded in itself as well: this may run where nothing limits it.
    let bomb = "for i in $(seq 200); do sleep 1000 & done; echo made; wait";
    let mut bed = Bed::new(&sh(bomb));
    bed.spec.caps = Caps { memory: None, processes: Some(20) };
    bed.spec.stop_grace_ms = 300;
    let mut shim = bed.start();
    let pid = bed.pid();
    let mine = groups(pid);
    until("some are there", || bed.log_has("made") || bed.log_has("fork"));
    shim.signal(rustix::process::Signal::TERM);
    shim.wait();
    let (missing, _, refused) = recorded(&bed);
    assert!(!lives(pid));
    if missing.is_empty() {
        assert!(refused > 0, "some were refused");
        for group in &mine {
            assert!(folder(group).is_none(), "the group is removed: {group}");
        }
    } else {
        assert!(missing[0].starts_with("max_processes is not in force: "), "{missing:?}");
    }
}

#[test]
fn the_recorder_is_outside_and_a_group_left_by_a_killed_one_is_removed_by_the_next() {
    let mut bed = Bed::new(&["sleep", "1000"]);
    bed.spec.caps = Caps { memory: Some(1 << 30), processes: Some(100) };
    let mut shim = bed.start();
    let pid = bed.pid();
    let mine = groups(pid);
    if !recorded(&bed).0.is_empty() {
        shim.signal(rustix::process::Signal::TERM);
        shim.wait();
        return;
    }
    assert!(!mine.is_empty());
    assert!(groups(shim.pid()).is_empty(), "what the limits do to the program is not to end its recorder");
    shim.signal(rustix::process::Signal::KILL);
    shim.wait();
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(pid.cast_signed()).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
    until("its program is gone", || !lives(pid));
    let left: Vec<_> = mine.iter().filter_map(|group| folder(group)).collect();
    assert!(!left.is_empty(), "nobody has removed it yet");
    // Others may do it first: every recorder with limits does.
    until("the next one removes it", || {
        let mut next = Bed::new(&["true"]);
        next.spec.caps = Caps { memory: Some(1 << 30), processes: Some(100) };
        next.run();
        left.iter().all(|dir| !dir.exists())
    });
}
