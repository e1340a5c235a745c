//! The views of what happened: timeline, alerts, dead letters, plan, morning, and the parts of the session view.

use crate::history::{known, many, with};
use crate::shots::{frame, shots, ui, words};
use crate::world::{NOW, gone, hostile, model, running, status, twelve, unknown};
use nightkeep::core::alert::AlertAct;
use nightkeep::core::event::Verb;
use nightkeep::protocol::details::{DeadLetters, Numbers};
use nightkeep::tui::intent::{Ask, Intent, Move, Want};
use nightkeep::tui::keys::Context;
use nightkeep::tui::model::{Detail, Model, News};
use nightkeep::tui::theme::ThemeName;
use nightkeep::tui::ui::{Dialog, Question, Tab, Ui, View};
use nightkeep::tui::update;

const VIEWS: [(View, &str); 5] = [
    (View::Timeline, "timeline"),
    (View::Alerts, "alerts"),
    (View::Dead, "dead"),
    (View::Plan, "plan"),
    (View::Morning, "morning"),
];
const TABS: [(Tab, &str); 5] = [
    (Tab::Attempts, "attempts"),
    (Tab::Events, "events"),
    (Tab::Numbers, "numbers"),
    (Tab::Why, "why"),
    (Tab::Notes, "notes"),
];

fn go(view: View) -> impl Fn(&Model, &mut Ui) {
    move |model, ui| drop(update::update(model, ui, Intent::Go(view)))
}

fn open(session: &str, tab: Tab) -> impl Fn(&Model, &mut Ui) {
    let session = session.to_owned();
    move |model, ui| {
        update::open(ui, session.clone());
        update::update(model, ui, Intent::GoTab(tab));
    }
}

#[test]
fn views_of_twelve_sessions() {
    for (view, name) in VIEWS {
        shots(&format!("{name}-twelve"), &known(), go(view));
    }
}

#[test]
fn parts_of_a_session() {
    for (tab, name) in TABS {
        shots(&format!("{name}-twelve"), &known(), open("load-profiles", tab));
    }
}

#[test]
fn views_of_two_hundred_sessions() {
    shots("timeline-many", &many(), go(View::Timeline));
    shots("morning-many", &many(), go(View::Morning));
}

#[test]
fn views_before_anything_is_known_and_of_nothing() {
    for (view, name) in VIEWS {
        let opening = words(&frame(&unknown(), &at(&unknown(), (80, 24), go(view)), ThemeName::None));
        insta::assert_snapshot!(format!("{name}-opening-80x24-plain"), opening);
    }
    let mut empty = model(status(Vec::new()));
    with(&mut empty, Want::Dead, Detail::Dead(DeadLetters { schema: 1, dead: Vec::new(), left_out: 0 }));
    let none = nightkeep::status::alerts::history(None, []);
    with(&mut empty, Want::Alerts, Detail::Alerts(none));
    with(
        &mut empty,
        Want::Timeline,
        Detail::Timeline(Box::new(nightkeep::report::timeline::Timeline::new("2026-11-21"))),
    );
    let why = "there was no night yet".to_owned();
    empty.take(News::Detail { want: Want::Report(None), detail: Err(why) }, NOW);
    for (view, name) in VIEWS {
        shots(&format!("{name}-empty"), &empty, go(view));
    }
    let mut one = model(status(vec![running("one", "p", "a line")]));
    let none = Numbers { series: Vec::new(), attempts: Vec::new(), ..nightkeep::status::numbers::none("one", None) };
    with(&mut one, Want::Numbers("one".into()), Detail::Numbers(none));
    for (tab, name) in TABS {
        let shown = words(&frame(&one, &at(&one, (80, 24), open("one", tab)), ThemeName::None));
        insta::assert_snapshot!(format!("{name}-one-80x24-plain"), shown);
    }
}

fn at(model: &Model, size: (u16, u16), choose: impl Fn(&Model, &mut Ui)) -> Ui {
    let mut ui = ui(model, size);
    choose(model, &mut ui);
    update::settle(model, &mut ui);
    ui
}

#[test]
fn with_the_daemon_gone_what_was_known_is_shown() {
    let mut lost = gone(twelve().status);
    for (want, detail) in known().details {
        lost.take(News::Detail { want, detail }, NOW);
    }
    for (view, name) in VIEWS {
        let shown = words(&frame(&lost, &at(&lost, (120, 40), go(view)), ThemeName::None));
        insta::assert_snapshot!(format!("{name}-gone-120x40-plain"), shown);
    }
}

#[test]
fn every_view_fits_every_size_and_keeps_foreign_text_harmless() {
    let mut strange = hostile();
    for (want, detail) in known().details {
        strange.take(News::Detail { want, detail }, NOW);
    }
    for model in [strange, known(), many(), unknown()] {
        for size in [(60, 15), (61, 16), (80, 24), (119, 30), (250, 80)] {
            for (view, _) in VIEWS {
                let shown = words(&frame(&model, &at(&model, size, go(view)), ThemeName::Dark));
                assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}'));
            }
            for (tab, _) in TABS {
                frame(&model, &at(&model, size, open("load-profiles", tab)), ThemeName::Dark);
            }
        }
    }
}

#[test]
fn acts_in_these_views_are_about_what_the_cursor_is_on() {
    let model = known();
    let mut ui = at(&model, (120, 40), go(View::Alerts));
    let ack = update::update(&model, &mut ui, Intent::Ack);
    assert_eq!(ack, [Ask::Alert { target: "a7".into(), act: AlertAct::Ack }]);
    update::update(&model, &mut ui, Intent::Move(Move::Down));
    let resolve = update::update(&model, &mut ui, Intent::Resolve);
    assert_eq!(resolve, [Ask::Alert { target: "a6".into(), act: AlertAct::Resolve }]);
    update::update(&model, &mut ui, Intent::Snooze);
    let asked =
        matches!(&ui.dialog, Some(Dialog::Line { question: Question::Snooze { target }, .. }) if target == "a6");
    assert!(asked, "{:?}", ui.dialog);
    ui.dialog = None;
    update::update(&model, &mut ui, Intent::Open);
    assert_eq!((ui.view, ui.opened.as_deref()), (View::Session, Some("claude-refactor")));
    update::update(&model, &mut ui, Intent::Back);
    assert_eq!(ui.view, View::Alerts, "back to where it was");

    let mut ui = at(&model, (120, 40), go(View::Dead));
    assert_eq!(update::update(&model, &mut ui, Intent::Retry), [Ask::Retry { session: "load-events".into() }]);
    let mut ui = at(&model, (120, 40), go(View::Plan));
    update::update(&model, &mut ui, Intent::Move(Move::Last));
    let release = update::update(&model, &mut ui, Intent::Verb(Verb::Release));
    assert_eq!(release, [Ask::Verb { session: "vacuum".into(), verb: Verb::Release }]);
    let mut ui = at(&model, (120, 40), open("load-profiles", Tab::Notes));
    assert_eq!(update::update(&model, &mut ui, Intent::Resolve), [Ask::NoteDone { note: "n1".into() }]);
}

#[test]
fn the_timeline_is_zoomed_and_moved_within_the_night() {
    let model = known();
    let mut ui = at(&model, (120, 40), go(View::Timeline));
    let mut windows = Vec::new();
    for _ in 0..9 {
        update::update(&model, &mut ui, Intent::ZoomIn);
        windows.push(ui.zoom.shown.map(|shown| shown / 60_000));
    }
    let minutes = [60, 30, 10, 5, 1, 1, 1, 1, 1].map(Some);
    assert_eq!(windows, minutes);
    for _ in 0..1_000 {
        update::update(&model, &mut ui, Intent::Left);
    }
    assert_eq!(ui.zoom.end, Some(60_000), "not before the night began");
    for _ in 0..1_000 {
        update::update(&model, &mut ui, Intent::Right);
    }
    assert_eq!(ui.zoom.end, None, "along with now again");
    for _ in 0..9 {
        update::update(&model, &mut ui, Intent::ZoomOut);
    }
    assert_eq!(ui.zoom, nightkeep::tui::view::timeline::Zoom::default());
    let shown = words(&frame(&model, &ui, ThemeName::None));
    assert!(shown.contains("│now"), "{shown}");
}

#[test]
fn the_report_of_another_night_is_one_key_away_and_its_lines_lead_to_sessions() {
    let model = known();
    let mut ui = at(&model, (80, 24), go(View::Morning));
    update::update(&model, &mut ui, Intent::Left);
    assert_eq!(ui.report_night.as_deref(), Some("2026-11-20"));
    assert!(update::wants(&model, &ui).contains(&Want::Report(Some("2026-11-20".into()))));
    update::update(&model, &mut ui, Intent::Right);
    assert_eq!(ui.report_night, None);
    let mut opened = None;
    for _ in 0..12 {
        update::update(&model, &mut ui, Intent::Move(Move::Down));
        update::update(&model, &mut ui, Intent::Open);
        if ui.view == View::Session {
            opened = ui.opened.clone();
            break;
        }
    }
    assert_eq!(opened.as_deref(), Some("load-events"), "the first open item");
}

#[test]
fn older_events_are_a_key_away() {
    let model = known();
    let mut ui = at(&model, (80, 24), open("load-profiles", Tab::Events));
    update::update(&model, &mut ui, Intent::Right);
    assert_eq!(ui.older_events, [3]);
    let want = Want::Events { session: "load-profiles".into(), before: Some(3) };
    assert!(update::wants(&model, &ui).contains(&want));
    update::update(&model, &mut ui, Intent::Left);
    assert!(ui.older_events.is_empty());
    assert_eq!(ui.place(Context::Events).cursor, 0);
}

#[test]
fn a_timeline_goes_on_with_the_facts_themselves() {
    let mut model = known();
    let shown = |model: &Model| match &model.details[&Want::Timeline] {
        Ok(Detail::Timeline(timeline)) => timeline.sessions["motherduck"].outcome.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(shown(&model), None);
    let run = "2026-11-21/motherduck/1".parse().unwrap();
    let to = nightkeep::core::run::RunState::Ended { outcome: nightkeep::core::run::Outcome::Succeeded };
    let fact = nightkeep::core::fact::Fact::RunMoved { run, to, reason: "exit 0".into() };
    let at = nightkeep::core::time::At { wall: NOW, mono: nightkeep::core::time::Mono(5_200_000) };
    let entry = nightkeep::core::fact::Entry { at, fact };
    let fact = nightkeep::protocol::StreamedFact { seq: 9_999, night: Some("2026-11-21".into()), entry };
    assert!(model.take(News::Facts(vec![fact]), NOW), "it is drawn again");
    assert_eq!(shown(&model).as_deref(), Some("succeeded"));
}
