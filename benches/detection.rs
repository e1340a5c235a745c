//! What it costs to know what a hundred agents do: their screens are redrawn ten times a second, and looked at as the
//! daemon looks at them.
//!
//!   cargo bench --bench detection
//!
//! The screens are those of the recordings. Time is counted, not waited for, so the figure is processor time by the time
//! in which a night would have spent it: a part of one core. Beside it stands what the terminals alone cost.
#![expect(clippy::print_stdout, reason = "its figures are for people to read")]

#[path = "../tests/agents/recordings.rs"]
#[expect(dead_code, reason = "it plays them, and asks not what they are")]
mod recordings;

use jiff::tz::TimeZone;
use nightkeep::agents::profile::built_in;
use nightkeep::core::time::Wall;
use nightkeep::daemon::eyes::Eyes;
use nightkeep::terminal::emulator::Emulator;
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;
use tokio::time::Instant;

const AGENTS: usize = 100;
const FRAMES: usize = 200;
const FRAME: Duration = Duration::from_millis(100);
/// Steps that a recording is cut into.
const STEPS: usize = 100;

/// What one agent writes, a frame each.
struct Play {
    agent: String,
    size: (u16, u16),
    frames: Vec<Vec<u8>>,
}

fn main() {
    let all = recordings::all("raw");
    // Without a terminal at all, with the terminals of all recordings, and with the looks.
    for (name, whole) in [("each frame redraws the whole screen", true), ("as recorded", false)] {
        let plays: Vec<Play> = all.iter().map(|recording| play(recording, whole)).collect();
        let bytes: usize = (0..AGENTS).map(|n| (0..FRAMES).map(|f| frame(&plays, n, f).len()).sum::<usize>()).sum();
        let seconds = FRAMES as f64 * FRAME.as_secs_f64();
        println!("{AGENTS} agents, {} recordings, 10 frames/s, {name}:", plays.len());
        println!("  written:   {:7.2} MB/s", bytes as f64 / seconds / 1e6);
        println!("  terminals: {:7.2} % of a core", 100.0 * terminals(&plays) / seconds);
        let (used, looks) = eyes(&plays);
        println!("  all:       {:7.2} % of a core, {:.0} looks/s", 100.0 * used / seconds, looks as f64 / seconds);
    }
}

/// Frames of a recording: what it wrote, or all of its screen as it stood then.
fn play(recording: &recordings::Recording, whole: bool) -> Play {
    let (cols, rows) = recording.size;
    let mut emulator = Emulator::new(cols, rows, 0, true);
    let mut frames = Vec::new();
    for piece in recording.bytes.chunks(recording.bytes.len().div_ceil(STEPS).max(1)) {
        emulator.feed(piece);
        frames.push(if whole {
            [b"\x1b[H\x1b[2J", emulator.screen().contents_formatted().as_bytes()].concat()
        } else {
            piece.to_vec()
        });
    }
    Play { agent: recording.agent.clone(), size: recording.size, frames }
}

/// The frame of an agent at a time: it plays one recording again and again, from a place of its own.
fn frame(plays: &[Play], agent: usize, at: usize) -> &[u8] {
    let play = &plays[agent % plays.len()];
    &play.frames[(at + agent * 7) % play.frames.len()]
}

fn cpu() -> f64 {
    let at = clock_gettime(ClockId::ProcessCPUTime);
    at.tv_sec as f64 + at.tv_nsec as f64 / 1e9
}

/// Seconds of processor time that the terminals alone take.
fn terminals(plays: &[Play]) -> f64 {
    let mut all: Vec<Emulator> = (0..AGENTS)
        .map(|n| {
            let (cols, rows) = plays[n % plays.len()].size;
            Emulator::new(cols, rows, 0, true)
        })
        .collect();
    let begun = cpu();
    for at in 0..FRAMES {
        for (n, emulator) in all.iter_mut().enumerate() {
            emulator.feed(frame(plays, n, at));
        }
    }
    cpu() - begun
}

/// Seconds of processor time that watching them takes, and how often one was looked at.
fn eyes(plays: &[Play]) -> (f64, usize) {
    let zone = TimeZone::UTC;
    let mut all: Vec<Eyes> = (0..AGENTS)
        .map(|n| {
            let play = &plays[n % plays.len()];
            let mut eyes = Eyes::by(built_in(&play.agent).unwrap(), zone.clone());
            eyes.begin(0, 0);
            eyes.has_size(play.size.0, play.size.1);
            eyes
        })
        .collect();
    // What is made ready at its first use is made ready once in a night.
    run(plays, &mut all, 50);
    let begun = cpu();
    let looks = run(plays, &mut all, FRAMES);
    (cpu() - begun, looks)
}

fn run(plays: &[Play], all: &mut [Eyes], frames: usize) -> usize {
    let (mut now, mut wall, mut looks) = (Instant::now(), 1_795_253_823_000, 0);
    for at in 0..frames {
        for (n, eyes) in all.iter_mut().enumerate() {
            eyes.feed(frame(plays, n, at), Wall(wall), now);
        }
        // As the daemon does: asked when to look, and looked then.
        for step in 0..10 {
            let then = now + FRAME / 10 * step;
            for eyes in &mut *all {
                if eyes.due(then).is_some_and(|wait| wait.is_zero()) {
                    eyes.look(Wall(wall), then, false);
                    looks += 1;
                }
            }
        }
        now += FRAME;
        wall += 100;
    }
    looks
}
