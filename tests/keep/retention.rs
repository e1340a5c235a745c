//! Clean-ups of real nights: output compressed and read as before, rules, dead letters, kills in the middle.

use super::house::{House, kill};
use nightkeep::instance::Instance;
use nightkeep::store::{Journal, NewEvent, NewRow};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

const DAY: u64 = 86_400;

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// Plays a night to its end.
fn night(house: &House, session: &str, state: &str) {
    house.ok(&["up", "--trust"]);
    house.until_state(session, state);
    house.ok(&["down"]);
    house.until("the daemon ends", || house.daemon_pid().is_none());
}

/// Files below a folder, by their paths from it.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.to_string_lossy().contains(".db-") {
                // SQLite's side files come and go with every reader.
                found.push(path.strip_prefix(folder).unwrap().display().to_string());
            }
        }
    }
    found.sort();
    found
}

/// An attempt of a past night: its output and its recorder's files, last written some days ago.
fn past(house: &House, session: &str, stem: &str, bytes: &[u8], days: u64) -> PathBuf {
    let output = house.logs().join("output").join(session);
    let record = house.logs().join("runs").join(session).join(stem);
    fs::create_dir_all(&output).unwrap();
    fs::create_dir_all(&record).unwrap();
    let log = output.join(format!("{stem}.log"));
    fs::write(&log, bytes).unwrap();
    fs::write(output.join(format!("{stem}.idx")), [0; 24]).unwrap();
    fs::write(record.join("events.jsonl"), "").unwrap();
    fs::write(record.join("lock"), "").unwrap();
    let then = SystemTime::now() - Duration::from_secs(days * DAY);
    for file in [log.clone(), log.with_extension("idx"), record.join("events.jsonl"), record.join("lock")] {
        fs::File::options().append(true).open(file).unwrap().set_modified(then).unwrap();
    }
    log
}

#[test]
fn a_night_that_is_over_is_compressed_and_read_as_before() {
    let house = House::new("[sessions.x]\ncommand = \"seq 1 20000; printf 'a\\\\033[31mb\\\\033[0m\\\\r\\\\n'\"\n");
    night(&house, "x", "succeeded");
    let output = files(&house.logs().join("output"));
    assert_eq!(output.len(), 2, "{output:?}");
    assert!(output[0].ends_with(".idx") && output[1].ends_with(".log.zst"), "{output:?}");
    let packed = fs::metadata(house.logs().join("output").join(&output[1])).unwrap().len();
    let mut expected: Vec<u8> = (1..=20000).flat_map(|i| format!("{i}\r\n").into_bytes()).collect();
    expected.extend_from_slice(b"a\x1b[31mb\x1b[0m\r\r\n");
    assert_eq!(house.raw("x"), expected);
    assert!(packed * 3 < expected.len() as u64, "{packed} of {}", expected.len());
    let text = house.ok(&["logs", "x"]);
    assert_eq!((text.lines().count(), text.lines().last()), (20001, Some("ab")));
    assert_eq!(house.ok(&["logs", "x", "--timestamps"]).lines().count(), 20001);
    assert_eq!(house.ok(&["logs", "x", "--since", "1h"]).lines().count(), 20001);
    let cleaned = house.facts_of("cleaned");
    let stages: Vec<_> = cleaned.iter().map(|fact| fact["clean"]["stage"].as_str().unwrap()).collect();
    assert_eq!(stages, ["begun", "done"]);
    // The next night finds nothing to do, and the report of the past one is the same.
    assert_eq!(house.json(&["clean", "--json"])["deeds"].as_array().unwrap().len(), 0);
}

#[test]
fn what_a_dry_run_says_is_what_is_done_and_nothing_that_is_needed_goes() {
    let house = House::new(
        "[sessions.x]\ncommand = \"echo x\"\n[sessions.dead]\ncommand = \"echo last words; exit 127\"\n[retention]\noutput = \"10d\"\njournal = \"30d\"\n",
    );
    night(&house, "dead", "failed");
    past(&house, "x", "2026-01-01-1.1", b"old", 40);
    past(&house, "x", "2026-01-20-1.1", b"middle", 20);
    past(&house, "x", "2026-02-01-1.1", b"young", 5);
    fs::write(house.logs().join("output/x/.nk-pack-2026-01-01-1.1.log"), "half").unwrap();
    fs::create_dir(house.logs().join("runs/x/.nk-gone-2025-12-31-1.1")).unwrap();
    fs::write(house.logs().join("output/x/notes.txt"), "not ours").unwrap();
    // The dead letter's night is long ago too.
    let dead: Vec<PathBuf> =
        files(&house.logs()).into_iter().filter(|f| f.contains("/dead/")).map(|f| house.logs().join(f)).collect();
    assert!(dead.len() >= 3, "{dead:?}");
    for file in &dead {
        let then = SystemTime::now() - Duration::from_secs(400 * DAY);
        fs::File::options().append(true).open(file).unwrap().set_modified(then).unwrap();
    }
    let before = files(&house.logs());
    let dry = house.json(&["clean", "--dry-run", "--json"]);
    assert_eq!(files(&house.logs()), before, "a dry run touched something");
    assert_eq!(dry["dry_run"], true);
    let whats: Vec<&str> = dry["deeds"].as_array().unwrap().iter().map(|d| d["what"].as_str().unwrap()).collect();
    assert_eq!(
        whats,
        [
            "remove output/x/.nk-pack-2026-01-01-1.1.log",
            "remove runs/x/.nk-gone-2025-12-31-1.1",
            "drop the output of 2026-01-01/x/1.1",
            "drop the recorder's files of 2026-01-01/x/1.1",
            "drop the output of 2026-01-20/x/1.1",
            "compress the output of 2026-02-01/x/1.1",
        ]
    );
    let wet = house.json(&["clean", "--json"]);
    assert_eq!(wet["deeds"].as_array().unwrap().len(), 6, "{wet:#}");
    assert_eq!(wet["problems"].as_array().unwrap().len(), 0);
    let after = files(&house.logs());
    assert!(after.contains(&"output/x/notes.txt".to_owned()), "what is not ours is let be");
    assert!(after.contains(&"output/x/2026-02-01-1.1.log.zst".to_owned()));
    assert!(after.contains(&"runs/x/2026-01-20-1.1/events.jsonl".to_owned()), "its time has not come");
    assert!(!after.iter().any(|f| f.contains("2026-01-01") || f.contains(".nk-")), "{after:?}");
    assert!(dead.iter().all(|f| f.exists()), "an unread dead letter is kept whole");
    assert!(house.ok(&["logs", "dead"]).contains("last words"));
    assert_eq!(house.json(&["clean", "--json"])["deeds"].as_array().unwrap().len(), 0, "done is done");
}

#[test]
fn the_journal_lets_old_nights_go_and_stays_whole() {
    let house = House::new("[sessions.x]\ncommand = \"echo x\"\n[retention]\njournal = \"30d\"\n");
    fs::create_dir_all(house.logs()).unwrap();
    let path = house.logs().join("nightkeep.db");
    let now = i64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis()).unwrap();
    run(async {
        let journal = Journal::open(&path).await.unwrap();
        for night in ["2026-01-01", "2026-01-02"] {
            let entry = |n: i64| {
                let at_wall = now - 40 * 86_400_000 + n;
                let body = format!(
                    r#"{{"at":{{"wall":{at_wall},"mono":1}},"fact":{{"fact":"trouble","part":"p","what":"{n}"}}}}"#
                );
                NewEvent { at_wall, at_mono: 1, night: Some(night.into()), session: None, kind: "trouble".into(), body }
            };
            let work = serde_json::to_string(&("p", nightkeep::core::fact::ProjectWork::default())).unwrap();
            let row = NewRow { kind: "work".into(), key: format!("{night}/p"), body: Some(work) };
            journal.append((0..300).map(entry).collect(), vec![row]).await.unwrap();
        }
        journal.close().await;
    });
    night(&house, "x", "succeeded");
    // The daemon's first clean-up did it; the prelude of the kept night stays.
    house.ok(&["clean"]);
    let reader = run(async {
        let reader = Journal::open_read_only(&path).await.unwrap();
        assert_eq!(reader.verify().await.unwrap(), None, "the chain of hashes holds");
        let events = reader.events(&nightkeep::store::Filter::default()).await.unwrap();
        let rows = reader.rows(Some("work")).await.unwrap();
        (events[0].seq, events.iter().filter(|e| e.event.kind == "trouble").count(), rows.len())
    });
    assert!(reader.0 > 500, "{reader:?}");
    assert!(reader.1 <= 64, "{reader:?}");
    assert_eq!(reader.2, 0);
    assert_eq!(house.ok(&["nights", "--json"]).matches("\"night\"").count().max(1), 1);
    let doctor = house.json(&["doctor", "--json"]);
    let journal = doctor["checks"].as_array().unwrap().iter().find(|c| c["name"] == "journal").unwrap().clone();
    assert_eq!(journal["result"], "ok", "{journal}");
    // It goes on from there.
    night(&house, "x", "succeeded");
}

#[test]
fn a_clean_killed_anywhere_is_finished_by_the_next() {
    let house = House::new("[sessions.x]\ncommand = \"echo x\"\n");
    house.ok(&["trust"]);
    let mut state = 1_u64;
    let noise: Vec<u8> = (0..24 << 20)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 40) as u8
        })
        .collect();
    let first = past(&house, "x", "2026-01-01-1.1", &noise, 2);
    let second = past(&house, "x", "2026-01-02-1.1", &noise[..1 << 20], 1);
    let leftover = first.with_file_name(".nk-pack-2026-01-01-1.1.log");
    let packed = |log: &Path| PathBuf::from(format!("{}.zst", log.display()));
    let mut kills = 0;
    for pause in [0_u64, 2, 5, 10, 20, 40, 80, 160] {
        let mut clean = house.command(&["clean"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let deadline = std::time::Instant::now() + Duration::from_secs(60);
        // At the moment at which it is at work, and somewhat later.
        while !leftover.exists() && clean.try_wait().unwrap().is_none() {
            assert!(std::time::Instant::now() < deadline);
            std::thread::yield_now();
        }
        std::thread::sleep(Duration::from_millis(pause));
        kills += u32::from(clean.try_wait().unwrap().is_none());
        kill(clean.id(), "KILL");
        clean.wait().unwrap();
        let whole = [&first, &second].into_iter().all(|log| log.exists() || packed(log).exists());
        assert!(whole, "a log is gone after {pause} ms");
    }
    assert!(kills > 0, "it was never hit");
    let report = house.json(&["clean", "--json"]);
    assert_eq!(report["problems"].as_array().unwrap().len(), 0, "{report:#}");
    let left = files(&house.logs().join("output"));
    assert_eq!(left.iter().filter(|f| f.ends_with(".log.zst")).count(), 2, "{left:?}");
    assert!(!left.iter().any(|f| f.ends_with(".log") || f.contains(".nk-")), "{left:?}");
    let raw = house.command(&["logs", "x", "--raw"]).output().unwrap().stdout;
    assert!(raw == noise[..1 << 20], "the newest attempt reads back");
    let instance = Instance::new(&house.path("w/sessions.toml"), None, &house.path("run/nightkeep")).unwrap();
    let mut bytes = Vec::new();
    let log = instance.output_log(&"2026-01-01/x/1.1".parse().unwrap());
    std::io::Read::read_to_end(&mut nightkeep::recording::packed::LogReader::open(&log).unwrap(), &mut bytes).unwrap();
    assert!(bytes == noise, "every byte is there");
}

#[test]
fn a_disk_about_to_be_full_takes_the_oldest_output_but_not_tonights_nor_a_dead_letters() {
    // More than any disk has: it is always about to be full.
    let sessions = "[sessions.x]\ncommand = \"echo tonight; sleep 1000\"\n[sessions.dead]\ncommand = \"echo last words; exit 127\"\n";
    let house = House::new(sessions);
    past(&house, "x", "2026-01-01-1.1", b"old", 2);
    past(&house, "x", "2026-02-01-1.1", b"young", 1);
    house.ok(&["up", "--trust"]);
    house.until_state("dead", "failed");
    house.until_state("x", "running");
    house.until("the first clean-up", || house.facts_of("cleaned").iter().any(|f| f["clean"]["stage"] == "done"));
    assert!(files(&house.logs().join("output/x")).iter().any(|f| f.contains("2026-01-01")), "there is room yet");
    house.write(&format!("[limits]\nmin_free_disk = \"500TiB\"\n{sessions}"));
    house.until("the file is taken", || house.facts_of("plan_adopted").len() == 2);
    // While the daemon runs it is the daemon that does it.
    house.until("the oldest output goes", || {
        assert_eq!(house.json(&["clean", "--json"])["problems"].as_array().unwrap().len(), 0);
        !files(&house.logs().join("output/x")).iter().any(|f| f.contains("2026-0"))
    });
    let begun =
        house.facts_of("cleaned").iter().rev().find(|f| f["clean"]["stage"] == "begun").unwrap()["clean"].clone();
    assert!(
        begun["what"]
            .as_array()
            .unwrap()
            .iter()
            .any(|w| w.as_str().unwrap().contains("(the disk is about to be full)")),
        "{begun}"
    );
    let left = files(&house.logs().join("output"));
    assert!(!left.iter().any(|f| f.contains("2026-0")), "{left:?}");
    house.until("tonight's output", || house.ok(&["logs", "x"]).contains("tonight"));
    assert!(house.ok(&["logs", "dead"]).contains("last words"));
    house.ok(&["down", "--now"]);
    house.until("the daemon ends", || house.daemon_pid().is_none());
    assert!(house.ok(&["logs", "dead"]).contains("last words"), "after the night it is still kept");
}

#[test]
fn a_night_begun_while_the_last_one_is_cleaned_up_is_not_ended_by_it() {
    let house = House::new("[sessions.x]\ncommand = \"sleep 1000\"\n");
    house.ok(&["trust"]);
    let mut state = 1_u64;
    let noise: Vec<u8> = (0..32 << 20)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 40) as u8
        })
        .collect();
    house.ok(&["up"]);
    house.until_state("x", "running");
    // Enough to compress to be caught at it.
    for day in 1..7 {
        past(&house, "y", &format!("2026-01-{day:02}-1.1"), &noise, 2);
    }
    let mut down = house.command(&["down", "--now"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let closed = || house.facts_of("night_closed").len();
    house.until("the night is closed", || closed() == 1);
    house.ok(&["up"]);
    house.until_state("x", "running");
    // `down` has lost its daemon to somebody else's night.
    kill(down.id(), "KILL");
    down.wait().unwrap();
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(house.json(&["status", "--json"])["sessions"][0]["state"], "running");
    assert_eq!(house.facts_of("report_written").len(), 1, "the report did not wait");
    // Whether the same daemon went on or another began, one of them has the night.
    assert!(house.daemon_pid().is_some());
    let began = std::time::Instant::now();
    house.ok(&["down", "--now"]);
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn the_room_that_is_set_aside_is_for_the_journal_of_a_full_disk() {
    let house = House::new("");
    let state = house.path("disk");
    fs::create_dir(&state).unwrap();
    let mount = ["-t", "tmpfs", "-o", "size=420m,mode=700", "nightkeep-test"];
    if !Command::new("mount").args(mount).arg(&state).output().is_ok_and(|out| out.status.success()) {
        // Nothing to try it on.
        return;
    }
    house.write(&format!("[paths]\nstate = \"{}\"\n[sessions.x]\ncommand = \"sleep 1000\"\n", state.display()));
    house.ok(&["up", "--trust"]);
    house.until_state("x", "running");
    let ballast = state.join("ballast");
    house.until("room is set aside", || fs::metadata(&ballast).is_ok_and(|meta| meta.len() == 64 << 20));
    // Everything else is taken.
    let mut file = fs::File::create(state.join("filler")).unwrap();
    let chunk = vec![1_u8; 1 << 16];
    while std::io::Write::write_all(&mut file, &chunk).is_ok() {}
    // What happens is journaled all the same, and takes the room when it needs it.
    for _ in 0..400 {
        house.ok(&["hold", "x"]);
        house.ok(&["release", "x"]);
        if !ballast.exists() {
            break;
        }
    }
    assert!(!ballast.exists(), "it was needed");
    house.ok(&["stop", "x"]);
    house.until_state("x", "stopped");
    house.ok(&["down", "--now"]);
    let _ = Command::new("umount").arg("-l").arg(&state).status();
}

#[test]
fn how_files_stood_goes_with_a_night_that_is_over() {
    let house =
        House::new("[projects.farm]\ndir = \"farm\"\n[sessions.x]\nproject = \"farm\"\ncommand = \"echo x > new\"\n");
    fs::create_dir(house.path("w/farm")).unwrap();
    let old = house.logs().join("files/2026-01-01");
    fs::create_dir_all(&old).unwrap();
    fs::write(old.join("farm"), "an old one").unwrap();
    night(&house, "x", "succeeded");
    assert!(!old.exists(), "the clean-up at the end of the night takes it");
    let left = files(&house.logs().join("files"));
    assert_eq!(left.len(), 1, "that of the last night stays, as it may be opened again: {left:?}");
    let seen = house.facts_of("files_seen").pop().expect("the files were looked at");
    assert_eq!(seen["files"]["changed"][0]["path"], "new");
}
