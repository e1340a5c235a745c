//! What a session printed: its live screen, its log, its replay.

use crate::shots::{frame, shots, ui, words};
use crate::world::{NOW, model, running, status};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use nightkeep::client::output::{Followed, Span};
use nightkeep::protocol::output::{OutputAbout, OutputGap, OutputNews, OutputSize, OutputTime};
use nightkeep::tui::intent::{Ask, Want};
use nightkeep::tui::logpage::{LogPage, span_of};
use nightkeep::tui::model::{Detail, Model, News};
use nightkeep::tui::player::{Mark, MarkKind};
use nightkeep::tui::theme::ThemeName;
use nightkeep::tui::ui::{Tab, Ui};
use nightkeep::tui::update;

const ATTEMPT: &str = "2026-11-21/load/1.2";
const BEGAN: i64 = NOW.0 - 3_600_000;

/// What a session wrote: lines in colours, wide characters, a line that is drawn over.
fn story() -> Vec<u8> {
    let mut bytes = Vec::new();
    for i in 0..400 {
        let colour = 31 + i % 3;
        let text = if i % 100 == 42 { "DB_PASSWORD=hunter22" } else { "loaded 漢字 👍" };
        bytes.extend(format!("\x1b[{colour}m{i:>4}\x1b[0m {text} of the profile page\r\n").into_bytes());
    }
    bytes.extend(b"\x1b[1;7m working \x1b[0m 12 % \x1b]0;a title\x07\rprompt> ");
    bytes
}

fn about(bytes: &[u8]) -> OutputAbout {
    let step = (bytes.len() as u64 / 100).max(1);
    OutputAbout {
        schema: 1,
        attempt: ATTEMPT.into(),
        attempts: vec!["2026-11-21/load/1.1".into(), ATTEMPT.into()],
        bytes: bytes.len() as u64,
        kept_from: 0,
        gaps: vec![OutputGap { at: step * 80, bytes: 12_345, why: "disk full".into() }],
        sizes: vec![OutputSize { at: 0, cols: 100, rows: 30 }],
        began_ms: Some(BEGAN),
        ended_ms: None,
        exit: None,
        lives: true,
        times: (0..100).map(|i| OutputTime { ms: BEGAN + i * 36_000, at: i as u64 * step }).collect(),
    }
}

/// A night in which one session runs, its output known.
fn world() -> Model {
    let mut session = running("load", "warehouse", "prompt>");
    session.attempt = 2;
    if let Some(output) = &mut session.output {
        output.bytes = story().len() as u64;
    }
    let mut model = model(status(vec![session]));
    let bytes = story();
    let followed = |news| News::Followed { session: "load".into(), news: Ok(news) };
    model.take(followed(Followed::Other(OutputNews::About { about: Box::new(about(&bytes)) })), NOW);
    model.take(followed(Followed::Bytes { at: 0, bytes }), NOW);
    model
}

/// Gives a model what the ui wants, as the daemon would, until it wants nothing more.
fn serve(model: &mut Model, ui: &mut Ui) {
    let bytes = story();
    for _ in 0..200 {
        let wanted = update::wants(model, ui);
        let fresh: Vec<Want> = wanted.iter().filter(|want| !known(model, want)).cloned().collect();
        if fresh.is_empty() {
            update::settle(model, ui);
            return;
        }
        for want in fresh {
            let detail = Ok(answer(&want, &bytes));
            model.take(News::Detail { want, detail }, NOW);
        }
        update::settle(model, ui);
        let wanted = update::wants(model, ui);
        model.keep_details(&wanted);
    }
    panic!("it never has enough");
}

fn known(model: &Model, want: &Want) -> bool {
    if let Want::Log { session, attempt } = want {
        return model.shown.log(session, attempt.as_ref()).is_some();
    }
    if let Want::Page { attempt, number, .. } = want {
        return model.shown.page(attempt, *number).is_some();
    }
    if let Want::Recording { session, .. } = want {
        return model.shown.player(session).is_some();
    }
    !matches!(want, Want::Span { .. } | Want::Times { .. } | Want::Find { .. })
}

fn answer(want: &Want, bytes: &[u8]) -> Detail {
    let whole = about(bytes);
    let total = bytes.len() as u64;
    if let Want::Span { from, max, .. } = want {
        let to = (from + max).min(total);
        return Detail::Span(Span { from: *from, total, bytes: bytes[*from as usize..to as usize].to_vec() });
    }
    if let Want::Page { number, .. } = want {
        let from = span_of(*number).0.min(total);
        return Detail::Page(LogPage::read(*number, from, &bytes[from as usize..], 0, total, &whole.times));
    }
    if let Want::Find { search, from, backward, .. } = want {
        let page = LogPage::read(0, 0, bytes, 0, total, &[]);
        let mut hits = (0..page.lines.len()).filter(|i| page.lines[*i].text.contains(search)).map(|i| (0, i));
        return Detail::Found(if *backward { hits.rfind(|h| h < from) } else { hits.find(|h| h >= from) });
    }
    Detail::Recording(Box::new(whole))
}

fn open(ui: &mut Ui, tab: Tab) {
    update::open(ui, "load".into());
    ui.tab = tab;
}

/// The model and the ui with a part of the session open and everything it wants at hand.
fn opened(tab: Tab, size: (u16, u16)) -> (Model, Ui) {
    let mut model = world();
    let mut ui = ui(&model, size);
    open(&mut ui, tab);
    serve(&mut model, &mut ui);
    (model, ui)
}

fn press(model: &mut Model, ui: &mut Ui, keys: &[KeyCode]) {
    for code in keys {
        let event = Event::Key(KeyEvent::new(*code, KeyModifiers::NONE));
        act(model, ui, &event);
    }
}

fn act(model: &mut Model, ui: &mut Ui, event: &Event) {
    let asks = update::intent(ui, event).map(|intent| update::update(model, ui, intent)).unwrap_or_default();
    for ask in asks {
        let Ask::Replay(act) = ask else { panic!("{ask:?}") };
        model.shown.act(act);
    }
    serve(model, ui);
}

fn shown(model: &Model, ui: &Ui) -> String {
    words(&frame(model, ui, ThemeName::Dark))
}

fn shots_of(name: &str, tab: Tab, keys: &[KeyCode]) {
    let (mut model, mut whole) = opened(tab, (120, 40));
    let marks = [(600, MarkKind::Prompt), (1800, MarkKind::Alert), (2500, MarkKind::Commit), (3000, MarkKind::Attempt)];
    let marks = marks.map(|(s, kind)| Mark { ms: BEGAN + s * 1000, kind, what: format!("what happened at {s} s") });
    model.shown.set_marks("load", marks.into());
    press(&mut model, &mut whole, keys);
    shots(name, &model, |_, ui| {
        open(ui, tab);
        ui.log = whole.log.clone();
    });
}

#[test]
fn the_live_screen() {
    shots_of("screen", Tab::Screen, &[]);
}

#[test]
fn the_log() {
    shots_of("log", Tab::Log, &[]);
}

#[test]
fn the_log_with_times_and_something_found() {
    let keys = ['t', '/', '1', '9', '9'].map(KeyCode::Char);
    shots_of("log-found", Tab::Log, &[&keys[..], &[KeyCode::Enter]].concat());
}

#[test]
fn the_replay() {
    shots_of("replay", Tab::Replay, &[KeyCode::Char('N'), KeyCode::Char('N')]);
}

#[test]
fn without_an_answer_yet_and_with_a_refusal() {
    let model = model(status(vec![running("load", "warehouse", "x")]));
    for tab in [Tab::Screen, Tab::Log, Tab::Replay] {
        let mut ui = ui(&model, (80, 24));
        open(&mut ui, tab);
        assert!(shown(&model, &ui).contains("asking for its"), "{tab:?}");
    }
    let mut model = world();
    let news = Err("load has no output yet".to_owned());
    model.take(News::Followed { session: "load".into(), news }, NOW);
    let mut ui = ui(&model, (80, 24));
    open(&mut ui, Tab::Screen);
    assert!(shown(&model, &ui).contains("no longer live: load has no output yet"));
}

#[test]
fn the_preview_is_the_live_screen() {
    let model = world();
    let ui = ui(&model, (200, 50));
    let mut ui = ui;
    assert_eq!(update::wants(&model, &ui).into_iter().collect::<Vec<_>>(), [Want::Screen("load".into())]);
    assert!(shown(&model, &ui).contains("prompt>   12 %"), "{}", shown(&model, &ui));
    ui.preview = false;
    assert!(update::wants(&model, &ui).is_empty(), "what is not shown costs nothing");
}

#[test]
fn a_log_is_scrolled_and_follows_its_end_again() {
    let (mut model, mut ui) = opened(Tab::Log, (100, 24));
    assert!(shown(&model, &ui).contains("at the end, follows"));
    assert!(shown(&model, &ui).contains("prompt>"));
    press(&mut model, &mut ui, &[KeyCode::Up, KeyCode::PageUp]);
    let text = shown(&model, &ui);
    assert!(!text.contains("prompt>") && text.contains(" 370 loaded"), "{text}");
    press(&mut model, &mut ui, &[KeyCode::Home]);
    assert!(shown(&model, &ui).contains("   0 loaded"));
    press(&mut model, &mut ui, &[KeyCode::Down; 3]);
    let text = shown(&model, &ui);
    assert!(!text.contains("   2 loaded") && text.contains("   3 loaded"), "{text}");
    press(&mut model, &mut ui, &[KeyCode::PageDown; 40]);
    assert!(shown(&model, &ui).contains("at the end, follows"), "{}", shown(&model, &ui));
    press(&mut model, &mut ui, &[KeyCode::Char('f')]);
    assert!(!shown(&model, &ui).contains("follows"));
}

#[test]
fn a_search_goes_both_ways_and_says_when_there_is_no_more() {
    let (mut model, mut ui) = opened(Tab::Log, (100, 24));
    let search: Vec<KeyCode> = "/password".chars().map(KeyCode::Char).chain([KeyCode::Enter]).collect();
    press(&mut model, &mut ui, &search);
    assert_eq!(ui.log.hit, None);
    assert!(shown(&model, &ui).contains("does not come any more"), "capitals of the log do not match themselves here");
    let search: Vec<KeyCode> = "/PASSWORD".chars().map(KeyCode::Char).chain([KeyCode::Enter]).collect();
    press(&mut model, &mut ui, &search);
    assert_eq!(ui.log.hit, Some((0, 342)), "from the end it searches backwards");
    press(&mut model, &mut ui, &[KeyCode::Char('N'), KeyCode::Char('N')]);
    assert_eq!(ui.log.hit, Some((0, 142)));
    press(&mut model, &mut ui, &[KeyCode::Char('n')]);
    assert_eq!(ui.log.hit, Some((0, 242)));
    let text = shown(&model, &ui);
    assert!(text.contains("242 DB_PASSWORD=[redacted]"), "{text}");
}

#[test]
fn a_recording_is_scrubbed_by_key_and_by_mouse() {
    let (mut model, mut ui) = opened(Tab::Replay, (100, 30));
    assert!(shown(&model, &ui).contains("‖ 23:40:31"), "{}", shown(&model, &ui));
    press(&mut model, &mut ui, &[KeyCode::Left]);
    assert!(shown(&model, &ui).contains("‖ 23:40:21"));
    press(&mut model, &mut ui, &[KeyCode::Home]);
    assert!(shown(&model, &ui).contains("‖ 22:41:07") && shown(&model, &ui).contains("   0 loaded"));
    let bar = shown(&model, &ui).lines().position(|line| line.starts_with(" ●")).unwrap();
    let click = MouseEvent {
        kind: MouseEventKind::Down(MouseButton::Left),
        column: 50,
        row: bar as u16,
        modifiers: KeyModifiers::NONE,
    };
    act(&mut model, &mut ui, &Event::Mouse(click));
    let text = shown(&model, &ui);
    assert!(text.contains("‖ 23:11:06"), "{text}");
    assert!(text.contains(" 198 loaded") || text.contains(" 199 loaded"), "{text}");
    press(&mut model, &mut ui, &[KeyCode::Char('n')]);
    let text = shown(&model, &ui);
    assert!(text.contains("12345 bytes of output are missing before this: disk full"), "{text}");
    press(&mut model, &mut ui, &[KeyCode::Char(' '), KeyCode::Char('+')]);
    model.shown.tick(NOW);
    model.shown.tick(nightkeep::core::time::Wall(NOW.0 + 500));
    assert!(shown(&model, &ui).contains("▶") && shown(&model, &ui).contains("2x"));
}

#[test]
fn of_two_hundred_sessions_that_print_only_the_one_that_is_shown_costs_anything() {
    let sessions = (0..200).map(|i| running(&format!("load-{i}"), "warehouse", "a line")).collect();
    let mut model = model(status(sessions));
    let mut ui = ui(&model, (200, 50));
    let wanted = update::wants(&model, &ui);
    let screens: Vec<_> = wanted.iter().filter(|want| matches!(want, Want::Screen(_))).collect();
    assert_eq!(screens.len(), 1, "{wanted:?}");
    let Want::Screen(first) = screens[0].clone() else { panic!("a screen") };
    let news = |bytes| News::Followed { session: first.clone(), news: Ok(bytes) };
    model.take(news(Followed::Other(OutputNews::About { about: Box::new(about(&[])) })), NOW);
    model.take(news(Followed::Bytes { at: 0, bytes: story() }), NOW);
    assert!(model.shown.screen(&first).is_some());
    // Moving on lets the screen go: at any time one emulator is all there is.
    press_only(&model, &mut ui, KeyCode::Down);
    let wanted = update::wants(&model, &ui);
    model.keep_details(&wanted);
    assert!(model.shown.screen(&first).is_none());
    assert!(wanted.iter().filter(|want| matches!(want, Want::Screen(_))).count() <= 1);
}

fn press_only(model: &Model, ui: &mut Ui, code: KeyCode) {
    let event = Event::Key(KeyEvent::new(code, KeyModifiers::NONE));
    let asks = update::intent(ui, &event).map(|intent| update::update(model, ui, intent)).unwrap_or_default();
    assert_eq!(asks, []);
}
