//! The home view and the frame around it.

use crate::shots::{frame, shots, ui, words};
use crate::update::types;
use crate::world::{self, NOW};
use nightkeep::core::time::Wall;
use nightkeep::tui::intent::{Ask, Intent};
use nightkeep::tui::theme::{Theme, ThemeName};
use nightkeep::tui::ui::Ui;
use nightkeep::tui::{model::Model, model::News, update, view};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

fn as_it_is(_: &Model, _: &mut Ui) {}

#[test]
fn before_anything_was_heard() {
    shots("opening", &world::unknown(), as_it_is);
}

#[test]
fn without_a_night() {
    let mut status = world::status(Vec::new());
    status.night = None;
    shots("empty", &world::model(status.clone()), as_it_is);
    shots("empty-gone", &world::gone(status), as_it_is);
}

#[test]
fn with_one_session() {
    shots("one", &world::model(world::status(vec![world::running("load", "warehouse", "row 12")])), as_it_is);
}

#[test]
fn with_a_session_in_every_state() {
    shots("twelve", &world::twelve(), as_it_is);
}

#[test]
fn with_two_hundred_sessions() {
    shots("many", &world::two_hundred(), |model, ui| {
        for _ in 0..30 {
            update::update(model, ui, Intent::Move(nightkeep::tui::intent::Move::Down));
        }
    });
}

#[test]
fn with_names_and_words_that_are_hard_to_draw() {
    shots("hostile", &world::hostile(), as_it_is);
}

#[test]
fn with_the_daemon_gone() {
    let model = world::twelve();
    shots("gone", &world::gone(model.status), as_it_is);
}

#[test]
fn what_lies_over_the_view() {
    let model = world::twelve();
    let presses = |keys: &'static [&'static str]| move |model: &Model, ui: &mut Ui| drop(types(model, ui, keys));
    shots("help", &model, presses(&["?"]));
    shots("palette", &model, presses(&[":", "sn"]));
    shots("confirm", &model, presses(&["j", "j", "x"]));
    shots("line", &model, presses(&["t", "25:99", "<enter>"]));
    shots("filter", &model, presses(&["/", "ware"]));
    shots("filter-nothing", &model, presses(&["/", "zebra"]));
    shots("folded", &model, presses(&[" "]));
    shots("overview", &model, presses(&["<enter>"]));
}

#[test]
fn what_came_of_an_act() {
    let ask = || Ask::Up;
    let mut model = world::twelve();
    model.take(News::Answer { ask: ask(), answer: Ok(vec!["load-events: queued".into()]) }, NOW);
    shots("done", &model, as_it_is);
    let refused = vec!["load-events does not run".to_owned(), "`nightkeep start load-events` starts it".to_owned()];
    model.take(News::Answer { ask: ask(), answer: Err(refused) }, NOW);
    shots("refused", &model, as_it_is);
}

#[test]
fn nothing_foreign_reaches_a_cell_that_could_drive_a_terminal() {
    for size in [(60, 15), (80, 24), (200, 50)] {
        let model = world::hostile();
        let buffer = frame(&model, &ui(&model, size), ThemeName::Dark);
        for cell in buffer.content() {
            assert!(!cell.symbol().contains(|c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c)));
        }
    }
}

#[test]
fn every_line_has_the_width_of_the_terminal_whatever_is_in_it() {
    let model = world::hostile();
    for width in [60, 77, 93, 120, 161, 250] {
        let buffer = frame(&model, &ui(&model, (width, 30)), ThemeName::Dark);
        for (y, line) in words(&buffer).lines().enumerate() {
            assert!(nightkeep::terminal::width(line) <= usize::from(width), "{width}: line {y}: {line:?}");
        }
    }
}

#[test]
fn from_the_smallest_to_the_largest_terminal_something_sensible_is_drawn() {
    let model = world::twelve();
    for (width, height) in [(60, 15), (61, 16), (79, 23), (149, 25), (150, 26), (250, 80), (500, 200)] {
        let buffer = frame(&model, &ui(&model, (width, height)), ThemeName::Dark);
        let words = words(&buffer);
        assert!(words.contains("load-events") && words.contains("Needs you"), "{width}x{height}:\n{words}");
    }
    for (width, height) in [(59, 15), (60, 14), (1, 1), (0, 0), (20, 2)] {
        let buffer = frame(&model, &ui(&model, (width, height)), ThemeName::Dark);
        let words = words(&buffer);
        assert!(!words.contains("Needs"), "{words}");
        if width > 20 {
            assert!(words.contains("too small"), "{words}");
        }
    }
}

#[test]
fn a_frame_says_when_it_changes_by_time_alone() {
    let changes = |model: &Model, now: Wall| {
        let ui = ui(model, (120, 40));
        let mut buffer = Buffer::empty(Rect::new(0, 0, 120, 40));
        view::draw(&mut buffer, model, &ui, &Theme::new(ThemeName::Dark), now)
    };
    // The clock alone: the next minute.
    let quiet = world::model(world::status(vec![world::session("a", "p", "succeeded")]));
    assert_eq!(changes(&quiet, NOW), Some(Wall(NOW.0 + 53_000)));
    // A countdown of 42 s: the next second.
    assert_eq!(changes(&world::twelve(), NOW), Some(Wall(NOW.0 + 1000)));
    let mut slow = world::session("a", "p", "backing_off");
    slow.next_at = Some(world::ahead(1200));
    slow.since = Some(world::ago(3600));
    let at = changes(&world::model(world::status(vec![slow])), Wall(NOW.0 - 6000));
    // In six seconds it is an hour since.
    assert_eq!(at, Some(NOW));
}

#[test]
fn a_session_that_asks_and_one_of_which_nothing_is_known() {
    let mut asks = world::running("views", "warehouse", "Do you want to proceed?");
    asks.activity = Some("prompting".into());
    asks.prompt = Some(nightkeep::protocol::prompts::PromptStatus {
        ticket: "t1".into(),
        kind: "permission".into(),
        about: "bash-command".into(),
        text: "Do you want to proceed? git push".into(),
        command: Some("git push".into()),
        choices: Vec::new(),
        since: world::ago(60),
        state: "open".into(),
        note: None,
        rule: "claude/permission-bash@1".into(),
    });
    let mut unknown = world::running("load", "warehouse", "row 12");
    unknown.activity = None;
    let works = world::running("sync", "warehouse", "row 7");
    let model = world::model(world::status(vec![asks, unknown, works]));
    shots("asking", &model, as_it_is);
    let footer = |moves: usize| {
        let mut ui = ui(&model, (80, 24));
        for _ in 0..moves {
            update::update(&model, &mut ui, Intent::Move(nightkeep::tui::intent::Move::Down));
        }
        words(&frame(&model, &ui, ThemeName::Dark)).lines().rfind(|line| !line.trim().is_empty()).unwrap().to_owned()
    };
    let with = |asks: &bool| (0..5).map(footer).filter(|line| line.contains("Y answer") == *asks).count();
    assert!(with(&true) == 1 && with(&false) > 0, "{:?}", (0..5).map(footer).collect::<Vec<_>>());
}
