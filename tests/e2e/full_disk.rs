//! A full disk: programs live on, what could not be kept is counted, the journal is whole afterwards.

use crate::house::House;
use std::path::Path;
use std::process::Command;

/// A small file system of its own; unmounted when dropped.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(at: &'a Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(at).ok()?;
        let options = format!("size={size},mode=700");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "nightkeep-test"]).arg(at).output().ok()?;
        mounted.status.success().then_some(Self(at))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[test]
fn children_live_the_loss_is_counted_and_the_journal_stays_whole() {
    let house = House::new("");
    let state = house.path("disk");
    let Some(_disk) = SmallDisk::mount(&state, "6m") else {
        println!("skipped: no file system can be mounted here");
        return;
    };
    let witness = house.path("witness");
    house.write(&format!(
        r#"
[paths]
state = "{}"
[sessions.flood]
command = "head -c 20000000 /dev/zero | tr '\\0' x; echo $$ > {}; sleep 1; exit 7"
retry = {{ max_attempts = 1 }}
"#,
        state.display(),
        witness.display(),
    ));
    house.ok(&["up", "--trust"]);
    let told = || std::fs::read_to_string(&witness).unwrap_or_default();
    house.until("the program got through", || told().ends_with('\n'));
    // The recorder may be done while the journal cannot be written; room makes it whole.
    let ballast = state.join("output/flood");
    house.until("the log is there", || ballast.read_dir().is_ok_and(|mut d| d.next().is_some()));
    // It ends while its end cannot be written.
    let program = told();
    house.until("the program has ended", || !Path::new("/proc").join(program.trim()).exists());
    for log in ballast.read_dir().unwrap() {
        let log = log.unwrap().path();
        if log.extension().is_some_and(|e| e == "log") {
            std::fs::OpenOptions::new().write(true).open(&log).unwrap().set_len(100_000).unwrap();
        }
    }
    house.until_state("flood", "failed");
    house.until("the journal caught up", || !house.facts_of("attempt_ended").is_empty());
    let ended = house.facts_of("attempt_ended");
    assert_eq!(ended.len(), 1);
    let exit = &ended[0]["exit"];
    assert_eq!(exit["ending"]["code"], 7, "{exit}");
    assert_eq!(exit["output_bytes"].as_u64(), Some(20_000_000), "{exit}");
    assert!(exit["lost_bytes"].as_u64() > Some(10_000_000), "{exit}");
    assert!(house.run(&["doctor", "--json"]).stdout.contains("\"schema\""));
    house.ok(&["down", "--now"]);
    house.until("the daemon is gone", || house.daemon_pid().is_none());
}
