//! Every recording is taken for what it is, at its end and at every moment before.

use super::recordings::{self, Recording};
use jiff::tz::TimeZone;
use nightkeep::agents::profile;
use nightkeep::agents::replay::{Recorded, Replayed, replay};
use nightkeep::core::agent::Activity;
use nightkeep::core::exit::FailureClass;

fn replayed(recording: &Recording) -> Replayed {
    let recorded = Recorded { size: recording.size, end: recording.end, zone: TimeZone::UTC };
    replay(&profile::built_in(&recording.agent).unwrap(), &recording.bytes, &recorded)
}

#[test]
fn show() {
    for recording in recordings::all("raw") {
        let t = std::time::Instant::now();
        let found = replayed(&recording);
        println!("== {}/{} {:?}", recording.agent, recording.scenario, t.elapsed());
        for (byte, seen) in &found.changes {
            println!("   {byte:>8} {} | {} | {:?}", seen.words(), seen.rule, seen.confidence);
        }
        let end = &found.end;
        println!("   end {} | {} | {:?} | {:?} | {:?}", end.words(), end.rule, end.confidence, end.limit, end.prompt);
        println!("       {}", end.evidence.join("\n       "));
        let _ = (Activity::Idle, FailureClass::Auth);
    }
}
