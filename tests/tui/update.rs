//! What keys, clicks and words of the palette do.

use crate::shots::{frame, ui, words};
use crate::world;
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use nightkeep::core::event::{Verb, When};
use nightkeep::core::time::Wall;
use nightkeep::tui::intent::Ask;
use nightkeep::tui::model::{Model, News, Samples};
use nightkeep::tui::theme::ThemeName;
use nightkeep::tui::ui::{Item, Ui, View};
use nightkeep::tui::update;

/// Types keys as they are written in the file, `<enter>`, or text.
pub fn types(model: &Model, ui: &mut Ui, keys: &[&str]) -> Vec<Ask> {
    let mut asks = Vec::new();
    for key in keys {
        let code = match *key {
            "<enter>" => vec![KeyCode::Enter],
            "<esc>" => vec![KeyCode::Esc],
            "<tab>" => vec![KeyCode::Tab],
            "<down>" => vec![KeyCode::Down],
            text => text.chars().map(KeyCode::Char).collect(),
        };
        for code in code {
            asks.extend(handle(model, ui, &Event::Key(KeyEvent::new(code, KeyModifiers::NONE))));
        }
    }
    asks
}

fn handle(model: &Model, ui: &mut Ui, event: &Event) -> Vec<Ask> {
    update::intent(ui, event).map_or_else(Vec::new, |intent| update::update(model, ui, intent))
}

fn click(model: &Model, ui: &mut Ui, x: u16, y: u16) -> Vec<Ask> {
    let kind = MouseEventKind::Down(MouseButton::Left);
    handle(model, ui, &Event::Mouse(MouseEvent { kind, column: x, row: y, modifiers: KeyModifiers::NONE }))
}

fn scroll(model: &Model, ui: &mut Ui, down: bool) {
    let kind = if down { MouseEventKind::ScrollDown } else { MouseEventKind::ScrollUp };
    handle(model, ui, &Event::Mouse(MouseEvent { kind, column: 5, row: 8, modifiers: KeyModifiers::NONE }));
}

fn on(ui: &Ui) -> &str {
    match &ui.item {
        Some(Item::Session(name) | Item::Project(name)) => name,
        None => "",
    }
}

fn at(model: &Model, session: &str) -> Ui {
    let mut ui = ui(model, (120, 40));
    ui.item = Some(Item::Session(session.to_owned()));
    update::settle(model, &mut ui);
    ui
}

#[test]
fn the_cursor_begins_on_the_worst_session_and_stays_on_its_session_when_the_order_changes() {
    let mut model = world::twelve();
    let mut ui = ui(&model, (120, 40));
    assert_eq!(on(&ui), "claude-refactor");
    types(&model, &mut ui, &["j"]);
    let here = on(&ui).to_owned();
    types(&model, &mut ui, &["oo"]);
    assert_eq!(on(&ui), here);
    let worse = model.status.sessions.iter_mut().find(|s| s.name == "motherduck").unwrap();
    worse.state = "failed".into();
    update::settle(&model, &mut ui);
    assert_eq!(on(&ui), here);
}

#[test]
fn a_session_that_is_gone_gives_the_cursor_to_its_neighbour() {
    let mut model = world::twelve();
    let mut ui = at(&model, "embeddings");
    model.status.sessions.retain(|s| s.project.as_deref() != Some("search"));
    update::settle(&model, &mut ui);
    assert!(model.session(on(&ui)).is_some() || !on(&ui).is_empty());
    assert_ne!(on(&ui), "embeddings");
}

#[test]
fn what_is_lost_is_asked_about_first() {
    let model = world::twelve();
    let mut ui = at(&model, "motherduck");
    assert_eq!(types(&model, &mut ui, &["x"]), []);
    let shown = words(&frame(&model, &ui, ThemeName::Dark));
    assert!(shown.contains("Stop motherduck?") && shown.contains("ended"), "{shown}");
    assert_eq!(types(&model, &mut ui, &["n"]), []);
    let stop = Ask::Verb { session: "motherduck".into(), verb: Verb::Stop };
    assert_eq!(types(&model, &mut ui, &["x", "y"]), [stop]);
    // Nothing is lost by these.
    let hold = Ask::Verb { session: "motherduck".into(), verb: Verb::Hold };
    assert_eq!(types(&model, &mut ui, &["H"]), [hold]);
    assert_eq!(types(&model, &mut ui, &["a"]), [Ask::Attach { session: "motherduck".into() }]);
}

#[test]
fn the_question_stands_for_the_session_it_was_asked_about() {
    let mut model = world::twelve();
    let mut ui = at(&model, "motherduck");
    types(&model, &mut ui, &["x"]);
    model.status.sessions.retain(|s| s.name != "motherduck");
    update::settle(&model, &mut ui);
    let stop = Ask::Verb { session: "motherduck".into(), verb: Verb::Stop };
    assert_eq!(types(&model, &mut ui, &["y"]), [stop]);
}

#[test]
fn a_line_of_text_is_asked_for_and_checked() {
    let model = world::twelve();
    let mut ui = at(&model, "sync-s3");
    assert_eq!(types(&model, &mut ui, &["t", "nonsense", "<enter>"]), []);
    assert!(words(&frame(&model, &ui, ThemeName::Dark)).contains("is no span"));
    assert_eq!(types(&model, &mut ui, &["<esc>"]), []);
    let asks = types(&model, &mut ui, &["t", "02:30", "<enter>"]);
    assert_eq!(asks, [Ask::Schedule { session: "sync-s3".into(), when: When::Clock(150) }]);
    let asks = types(&model, &mut ui, &["t", "1h30m", "<enter>"]);
    assert_eq!(asks, [Ask::Schedule { session: "sync-s3".into(), when: When::InSeconds(5400) }]);
    let asks = types(&model, &mut ui, &["i", "hello q?", "<enter>"]);
    assert_eq!(asks, [Ask::Send { session: "sync-s3".into(), text: "hello q?".into() }]);
    let asks = types(&model, &mut ui, &["A", "new app cargo test 'a b'", "<enter>"]);
    let [Ask::Add(request)] = asks.as_slice() else { panic!("{asks:?}") };
    assert_eq!((request.name.as_str(), request.project.as_str()), ("new", "app"));
    assert_eq!(request.command, ["cargo", "test", "a b"]);
}

#[test]
fn pasted_text_sends_nothing_by_itself() {
    let model = world::twelve();
    let mut ui = at(&model, "sync-s3");
    types(&model, &mut ui, &["i"]);
    update::paste(&mut ui, "rm -rf build\r\n\u{1b}[A");
    assert!(ui.dialog.is_some());
    let asks = types(&model, &mut ui, &["<enter>"]);
    assert_eq!(asks, [Ask::Send { session: "sync-s3".into(), text: "rm -rf build[A".into() }]);
}

#[test]
fn the_filter_leaves_what_has_every_word_and_esc_takes_it_away() {
    let model = world::twelve();
    let mut ui = ui(&model, (120, 40));
    types(&model, &mut ui, &["/", "ware", " ", "fail"]);
    let shown = words(&frame(&model, &ui, ThemeName::Dark));
    assert!(shown.contains("/ware fail") && shown.contains("load-events"), "{shown}");
    assert!(!shown.contains("motherduck"), "{shown}");
    types(&model, &mut ui, &["<enter>"]);
    assert_eq!(on(&ui), "load-events");
    // A key is a key again.
    types(&model, &mut ui, &["<enter>"]);
    assert_eq!(ui.view, View::Session);
    types(&model, &mut ui, &["<esc>", "<esc>"]);
    assert_eq!((ui.view, ui.filter.value()), (View::Night, ""));
    assert_eq!(types(&model, &mut ui, &["<esc>"]), [Ask::Quit]);
}

#[test]
fn the_palette_does_by_name_what_a_key_does() {
    let model = world::twelve();
    let mut ui = at(&model, "motherduck");
    let asks = types(&model, &mut ui, &[":", "hold", "<enter>"]);
    assert_eq!(asks, [Ask::Verb { session: "motherduck".into(), verb: Verb::Hold }]);
    assert!(ui.dialog.is_none());
    assert_eq!(types(&model, &mut ui, &[":", "zzz", "<enter>"]), []);
}

#[test]
fn the_mouse_selects_opens_folds_and_scrolls() {
    let model = world::two_hundred();
    let mut ui = ui(&model, (120, 40));
    // Rows: header, tabs, needs, column names, then the list.
    click(&model, &mut ui, 10, 6);
    let here = on(&ui).to_owned();
    assert!(here.starts_with("job-"), "{here}");
    click(&model, &mut ui, 10, 6);
    assert_eq!((ui.view, ui.opened.as_deref()), (View::Session, Some(here.as_str())));
    types(&model, &mut ui, &["<esc>"]);
    click(&model, &mut ui, 3, 4);
    assert!(ui.folded.len() == 1, "{:?}", ui.folded);
    scroll(&model, &mut ui, true);
    scroll(&model, &mut ui, true);
    assert_ne!(on(&ui), here);
    click(&model, &mut ui, 4, 1);
    assert_eq!(ui.view, View::Night);
}

#[test]
fn folding_keeps_the_cursor_and_a_needy_session_unfolds_its_project() {
    let model = world::twelve();
    let mut ui = at(&model, "motherduck");
    types(&model, &mut ui, &[" "]);
    assert_eq!(ui.item, Some(Item::Project("warehouse".into())));
    assert!(!words(&frame(&model, &ui, ThemeName::Dark)).contains("motherduck"));
    for _ in 0..6 {
        types(&model, &mut ui, &["w"]);
        let session = model.session(on(&ui)).unwrap();
        assert!(nightkeep::tui::theme::needs_person(session));
    }
    assert!(ui.folded.is_empty());
}

#[test]
fn news_that_tells_nothing_new_changes_nothing_that_is_seen() {
    let mut model = world::twelve();
    let mut status = model.status.clone();
    (status.generated_at, status.seq) = (world::ahead(5), status.seq + 3);
    assert!(!model.take(News::Status(Box::new(status.clone())), world::NOW));
    assert!(!model.take(News::Host(model.host), world::NOW));
    status.sessions[0].attempt += 1;
    assert!(model.take(News::Status(Box::new(status)), world::NOW));
}

#[test]
fn output_is_counted_by_the_minute_once_and_a_new_attempt_begins_anew() {
    let at = |minute: i64| Wall(minute * 60_000);
    let mut samples = Samples::default();
    samples.note(at(10), 1, 500);
    samples.note(at(11), 1, 800);
    samples.note(at(11), 1, 700);
    samples.note(at(11), 1, 800);
    samples.note(at(14), 1, 900);
    samples.note(at(14), 2, 40);
    assert_eq!(samples.last(10, at(14)), [0, 300, 0, 0, 140]);
    assert_eq!(samples.last(4, at(16)), [0, 140, 0, 0]);
    assert_eq!(samples.last(3, at(500)), [0, 0, 0]);
}

#[test]
fn the_help_tells_every_key_and_is_closed_again() {
    let model = world::twelve();
    let mut ui = ui(&model, (100, 80));
    types(&model, &mut ui, &["?"]);
    let shown = words(&frame(&model, &ui, ThemeName::Dark));
    let contexts = ui.contexts();
    for action in nightkeep::tui::keys::ACTIONS.iter().filter(|action| contexts.contains(&action.context)) {
        assert!(shown.contains(action.what), "{} is not in the help:\n{shown}", action.name);
    }
    assert!(shown.contains("fold or unfold a project") && !shown.contains("the next line that has it"), "{shown}");
    types(&model, &mut ui, &["q"]);
    assert!(ui.dialog.is_none());
}
