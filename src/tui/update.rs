//! Intents to changes of the ui and to asks. Pure: what is to be done in the world goes out as an [`Ask`].

mod acts;
mod dialogs;

use super::intent::{Ask, Intent, Move, Want};
use super::keys::Context;
use super::model::Model;
use super::ui::{Dialog, Tab, Ui, View};
use super::view;
use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind};
use std::collections::BTreeSet;
use tui_input::Input;

/// What an event of the terminal means.
pub fn intent(ui: &Ui, event: &Event) -> Option<Intent> {
    match event {
        Event::Key(key) if key.kind == KeyEventKind::Release => None,
        Event::Key(key) if key.code == KeyCode::Char('c') && key.modifiers == KeyModifiers::CONTROL => {
            Some(Intent::Quit)
        }
        Event::Key(key) if ui.dialog.is_some() || ui.filtering => Some(Intent::Typed(*key)),
        Event::Key(key) => ui.keys.intent(&ui.contexts(), key),
        Event::Mouse(mouse) => {
            let (x, y) = (mouse.column, mouse.row);
            match mouse.kind {
                MouseEventKind::Down(MouseButton::Left) => Some(Intent::Click { x, y }),
                MouseEventKind::ScrollUp => Some(Intent::Scroll { x, y, down: false }),
                MouseEventKind::ScrollDown => Some(Intent::Scroll { x, y, down: true }),
                MouseEventKind::Down(MouseButton::Right | MouseButton::Middle)
                | MouseEventKind::Up(_)
                | MouseEventKind::Drag(_)
                | MouseEventKind::Moved
                | MouseEventKind::ScrollLeft
                | MouseEventKind::ScrollRight => None,
            }
        }
        Event::Resize(width, height) => Some(Intent::Resize { width: *width, height: *height }),
        Event::FocusGained | Event::FocusLost | Event::Paste(_) => None,
    }
}

/// Does what an intent means.
pub fn update(model: &Model, ui: &mut Ui, intent: Intent) -> Vec<Ask> {
    let asks = step(model, ui, intent);
    settle(model, ui);
    asks
}

fn step(model: &Model, ui: &mut Ui, intent: Intent) -> Vec<Ask> {
    if let Intent::Resize { width, height } = intent {
        (ui.area.width, ui.area.height) = (width, height);
        return Vec::new();
    }
    if intent == Intent::Quit {
        return vec![Ask::Quit];
    }
    if let Intent::Typed(key) = intent {
        return dialogs::typed(model, ui, key);
    }
    if ui.dialog.is_some() {
        return dialogs::pointed(ui, intent);
    }
    if let Some(view) = clicked_view(model, ui, intent) {
        go(ui, view);
        return Vec::new();
    }
    if let Some(asks) = (ui.page().act)(model, ui, intent) {
        return asks;
    }
    if ui.view == View::Session
        && let Some(asks) = (View::Session.page().act)(model, ui, intent)
    {
        return asks;
    }
    general(model, ui, intent)
}

/// What an intent means where the view has no meaning of its own for it.
fn general(model: &Model, ui: &mut Ui, intent: Intent) -> Vec<Ask> {
    match intent {
        Intent::Redraw => return vec![Ask::Redraw],
        Intent::Suspend => return vec![Ask::Suspend],
        Intent::Back => return back(ui),
        Intent::Help => ui.dialog = Some(Dialog::Help { offset: 0 }),
        Intent::Palette => ui.dialog = Some(Dialog::Palette { input: Input::default(), cursor: 0 }),
        Intent::Filter => ui.filtering = true,
        Intent::Go(view) => go(ui, view),
        Intent::GoTab(tab) => ui.tab = tab,
        Intent::NextView => turn(ui, 1),
        Intent::PreviousView => turn(ui, -1),
        Intent::Open => {
            if let Some(session) = (ui.page().session)(model, ui) {
                open(ui, session);
            }
        }
        Intent::Move(step) => {
            let (rows, height) = ((ui.page().rows)(model, ui), view::body(model, ui).height);
            let context = ui.page().context;
            let place = ui.places.entry(context).or_default();
            place.cursor = moved(place.cursor, step, rows, usize::from(height));
        }
        Intent::Scroll { down, .. } => {
            let step = if down { Move::Down } else { Move::Up };
            for _ in 0..3 {
                if let Some(asks) = (ui.page().act)(model, ui, Intent::Move(step)) {
                    debug_assert!(asks.is_empty(), "moving asks for nothing");
                } else {
                    general(model, ui, Intent::Move(step));
                }
            }
        }
        Intent::NextNeedy => acts::next_needy(model, ui),
        Intent::NextTheme => ui.theme = ui.theme.next(),
        Intent::Attach
        | Intent::Verb(_)
        | Intent::Snooze
        | Intent::Escalate
        | Intent::Schedule
        | Intent::Note
        | Intent::SendText
        | Intent::Add
        | Intent::CopyCommand
        | Intent::Up
        | Intent::Ack
        | Intent::Resolve
        | Intent::Answer
        | Intent::Retry => return acts::act(model, ui, intent),
        // Of a meaning in some views only, or handled before.
        Intent::Sort
        | Intent::Collapse
        | Intent::Preview
        | Intent::Left
        | Intent::Right
        | Intent::Follow
        | Intent::Timestamps
        | Intent::NextMatch
        | Intent::PreviousMatch
        | Intent::ZoomIn
        | Intent::ZoomOut
        | Intent::Now
        | Intent::Play
        | Intent::Faster
        | Intent::Slower
        | Intent::Click { .. }
        | Intent::Quit
        | Intent::Resize { .. }
        | Intent::Attempt { .. }
        | Intent::Typed(_) => {}
    }
    Vec::new()
}

/// The line after a move.
pub fn moved(cursor: usize, step: Move, rows: usize, height: usize) -> usize {
    let page = height.saturating_sub(1).max(1);
    let to = match step {
        Move::Up => cursor.saturating_sub(1),
        Move::Down => cursor.saturating_add(1),
        Move::PageUp => cursor.saturating_sub(page),
        Move::PageDown => cursor.saturating_add(page),
        Move::First => 0,
        Move::Last => usize::MAX,
    };
    to.min(rows.saturating_sub(1))
}

fn clicked_view(model: &Model, ui: &Ui, intent: Intent) -> Option<View> {
    let Intent::Click { x, y } = intent else { return None };
    view::tab_at(model, ui, x, y)
}

/// To a view.
pub fn go(ui: &mut Ui, view: View) {
    ui.view = view;
    if view != View::Session {
        ui.under = view;
    }
}

/// Opens a session.
pub fn open(ui: &mut Ui, session: String) {
    ui.opened = Some(session);
    ui.under = if ui.view == View::Session { ui.under } else { ui.view };
    ui.view = View::Session;
}

fn back(ui: &mut Ui) -> Vec<Ask> {
    if !ui.filter.value().is_empty() && ui.view == View::Night {
        ui.filter = Input::default();
        return Vec::new();
    }
    if ui.view == View::Night {
        return vec![Ask::Quit];
    }
    let to = if ui.view == View::Session { ui.under } else { View::Night };
    go(ui, to);
    Vec::new()
}

/// To the next or previous view; in the session view to the next or previous part.
fn turn(ui: &mut Ui, by: isize) {
    fn around<T: PartialEq + Copy>(all: &[T], now: T, by: isize) -> T {
        let at = all.iter().position(|one| *one == now).unwrap_or(0);
        let len = isize::try_from(all.len()).unwrap_or(1);
        let to = (isize::try_from(at).unwrap_or(0) + by).rem_euclid(len);
        all[usize::try_from(to).unwrap_or(0)]
    }
    if ui.view == View::Session {
        ui.tab = around(Tab::ALL, ui.tab, by);
    } else {
        go(ui, around(View::NUMBERED, ui.view, by));
    }
}

/// Text that was pasted, into the open text field.
pub fn paste(ui: &mut Ui, text: &str) {
    dialogs::paste(ui, text);
}

/// Brings cursors and windows back to where something is. Called after everything that changed model or ui.
pub fn settle(model: &Model, ui: &mut Ui) {
    view::night::settle(model, ui);
    view::log::arrive(model, ui);
    let page = ui.page();
    if page.context != Context::Night {
        let (rows, height) = ((page.rows)(model, ui), usize::from(view::body(model, ui).height));
        ui.places.entry(page.context).or_default().settle(rows, height);
    }
}

/// What the views that are shown need beyond the status.
pub fn wants(model: &Model, ui: &Ui) -> BTreeSet<Want> {
    (ui.page().wants)(model, ui).into_iter().collect()
}
