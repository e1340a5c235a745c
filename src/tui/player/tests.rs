//! The player against a recording that is played from its first byte.

use super::*;
use crate::protocol::output::OutputSize;

/// A recording: a byte of it comes each millisecond, `cols` change in the middle.
fn recording(bytes: &[u8]) -> OutputAbout {
    let len = bytes.len() as u64;
    OutputAbout {
        attempt: "2026-11-21/load/1.1".into(),
        bytes: len,
        sizes: vec![OutputSize { at: 0, cols: 40, rows: 10 }, OutputSize { at: len / 2, cols: 60, rows: 8 }],
        began_ms: Some(0),
        ended_ms: Some(len as i64 + 5000),
        times: (0..len).step_by(((len / 4000) as usize).max(1)).map(|at| OutputTime { ms: at as i64, at }).collect(),
        ..OutputAbout::default()
    }
}
fn work(bytes: &[u8], player: &mut Player) {
    for _ in 0..100_000 {
        if player.step() {
            continue;
        }
        match player.need() {
            Some(Need::Bytes { from, max }) => {
                let end = (from + max).min(bytes.len() as u64);
                player.take_bytes(from, bytes[from as usize..end as usize].to_vec());
            }
            Some(Need::Times { from, to }) => {
                let points: Vec<_> = (from..to).map(|at| OutputTime { ms: at as i64, at }).collect();
                player.take_times(from, to, &points);
            }
            None => return,
        }
    }
    panic!("it never gets there");
}
fn straight(bytes: &[u8], to: usize) -> String {
    let mut emulator = Emulator::new(40, 10, 0, true);
    let half = bytes.len() / 2;
    emulator.feed(&bytes[..to.min(half)]);
    if to > half {
        emulator.resize(60, 8);
        emulator.feed(&bytes[half..to]);
    }
    emulator.screen().contents_formatted()
}
fn story(lines: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for i in 0..lines {
        bytes.extend(format!("\x1b[{}mline {i} of the story 漢字\x1b[0m\r\n", 31 + i % 6).into_bytes());
        if i % 97 == 0 {
            bytes.extend(b"\x1b[2;3Hup here\x1b[10;1H");
        }
    }
    bytes
}

#[test]
fn every_moment_shows_what_the_terminal_showed_whatever_was_shown_before() {
    let bytes = story(300);
    let mut player = Player::new(recording(&bytes));
    let mut rng = fastrand::Rng::with_seed(3);
    for _ in 0..60 {
        let at = rng.usize(0..bytes.len());
        player.seek(at as i64);
        work(&bytes, &mut player);
        assert!(player.is_there());
        let shown = player.emulator().screen().contents_formatted();
        let by = usize::try_from(player.emulator().offset()).unwrap();
        assert!(by.abs_diff(at) <= bytes.len() / 1000 + 1);
        assert_eq!(shown, straight(&bytes, by), "at {at}");
    }
    assert_eq!(player.remarks(), Vec::<String>::new());
}

#[test]
fn going_back_in_a_long_recording_starts_at_a_screen_that_was_kept() {
    let bytes = story(250_000);
    assert!(bytes.len() > 8 << 20);
    let mut player = Player::new(recording(&bytes)).exact();
    player.seek(i64::MAX);
    work(&bytes, &mut player);
    assert!((3..=KEPT_MAX).contains(&player.kept()), "{}", player.kept());
    let back = bytes.len() as i64 - (3 << 20);
    player.seek(back);
    let distance = player.goal() - player.emulator().offset();
    assert!(distance < 4 << 20, "{distance}");
    work(&bytes, &mut player);
    let by = usize::try_from(player.emulator().offset()).unwrap();
    assert_eq!(player.emulator().screen().contents_formatted(), straight(&bytes, by));
}

#[test]
fn a_moment_far_into_a_recording_is_put_together_and_says_so_while_it_must() {
    let mut bytes = b"\x1b[1;1Hheadline".to_vec();
    while bytes.len() < 12 << 20 {
        bytes.extend(b"\x1b[5;1Hcounter 12345\x1b[K");
    }
    let mut player = Player::new(recording(&bytes));
    player.seek(bytes.len() as i64 - 1);
    work(&bytes, &mut player);
    assert!(player.is_there());
    assert!(player.remarks().iter().any(|r| r.starts_with("put together")), "{:?}", player.remarks());
    bytes.extend(b"\x1b[2Jall new");
    let mut player = Player::new(recording(&bytes));
    player.seek(i64::MAX);
    work(&bytes, &mut player);
    assert_eq!(player.remarks(), Vec::<String>::new());
    assert!(player.emulator().text().contains("all new"));
}

#[test]
fn it_plays_at_its_speed_and_stops_at_the_end() {
    let bytes = story(100);
    let mut player = Player::new(recording(&bytes));
    player.play(true);
    player.tick(100);
    assert_eq!(player.now(), 0, "it waits for the first byte");
    work(&bytes, &mut player);
    player.tick(100);
    assert_eq!(player.now(), 100);
    player.tick(100);
    assert_eq!(player.now(), 100, "it waits for the screen");
    work(&bytes, &mut player);
    player.change_speed(true);
    player.tick(100);
    assert_eq!((player.now(), player.speed()), (300, 2.0));
    player.set_speed(1000.0);
    for _ in 0..3 {
        work(&bytes, &mut player);
        player.tick(1000);
    }
    assert_eq!((player.now(), player.is_playing()), (player.span().1, false));
    player.play(true);
    assert_eq!(player.now(), 0, "from the beginning again");
}

#[test]
fn marks_are_jumped_to_and_gaps_are_told() {
    let bytes = story(100);
    let mut about = recording(&bytes);
    about.gaps = vec![OutputGap { at: 1000, bytes: 7, why: "disk full".into() }];
    let mut player = Player::new(about);
    let mark = |ms, kind| Mark { ms, kind, what: "x".into() };
    player.set_marks(vec![mark(2000, MarkKind::Alert), mark(500, MarkKind::Prompt)]);
    let kinds: Vec<_> = std::iter::from_fn(|| player.to_mark(true)).map(|m| m.kind).collect();
    assert_eq!(kinds, [MarkKind::Prompt, MarkKind::Gap, MarkKind::Alert]);
    work(&bytes, &mut player);
    assert_eq!(player.remarks(), ["7 bytes of output are missing before this: disk full"]);
    assert_eq!(player.to_mark(false).unwrap().kind, MarkKind::Gap);
    player.seek(100);
    work(&bytes, &mut player);
    assert_eq!(player.remarks(), Vec::<String>::new());
}

#[test]
fn what_is_no_longer_there_is_no_dead_end() {
    let bytes = story(300);
    let mut about = recording(&bytes);
    about.kept_from = 100;
    let mut player = Player::new(about);
    player.seek(5000);
    if let Some(Need::Times { from, to }) = player.need() {
        let points: Vec<_> = (from..to).map(|at| OutputTime { ms: at as i64, at }).collect();
        player.take_times(from, to, &points);
    }
    assert_eq!(player.need(), Some(Need::Bytes { from: 100, max: PIECE }));
    player.take_bytes(3000, bytes[3000..].to_vec());
    work(&bytes, &mut player);
    assert!(player.is_there());
    assert!(player.remarks().iter().any(|r| r == "the first 3000 bytes were dropped"), "{:?}", player.remarks());
    player.seek(i64::MAX);
    player.take_bytes(bytes.len() as u64, Vec::new());
    assert!(player.need().is_none() && player.problem().is_some());
}
