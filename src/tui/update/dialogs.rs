//! Keys and text for what lies over the view: help, palette, questions, the filter.

use crate::core::alert::AlertAct;
use crate::core::event::When;
use crate::protocol::AddRequest;
use crate::tui::intent::{Ask, Intent, Move};
use crate::tui::keys;
use crate::tui::model::Model;
use crate::tui::ui::{Dialog, Question, Ui};
use crate::tui::update::moved;
use crate::tui::view;
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler as _;

/// Longest text that is taken, in characters.
const TEXT_MAX: usize = 4096;

/// A key for what is open.
pub(super) fn typed(model: &Model, ui: &mut Ui, key: KeyEvent) -> Vec<Ask> {
    if ui.dialog.is_none() {
        filter_key(ui, key);
        return Vec::new();
    }
    match ui.dialog.take() {
        Some(Dialog::Help { offset }) => help_key(ui, offset, key),
        Some(Dialog::Palette { input, cursor }) => return palette_key(model, ui, input, cursor, key),
        Some(Dialog::Confirm { question, loss, ask }) => match keys::name(&key).as_str() {
            "y" | "Y" | "enter" => return vec![*ask],
            "n" | "N" | "q" | "esc" => {}
            _ => ui.dialog = Some(Dialog::Confirm { question, loss, ask }),
        },
        Some(Dialog::Line { question, input, problem }) => return line_key(ui, question, input, problem, key),
        None => {}
    }
    Vec::new()
}

fn filter_key(ui: &mut Ui, key: KeyEvent) {
    match keys::name(&key).as_str() {
        "enter" | "down" | "up" => ui.filtering = false,
        "esc" => {
            ui.filtering = false;
            ui.filter = Input::default();
        }
        _ => edit(&mut ui.filter, key),
    }
}

fn edit(input: &mut Input, key: KeyEvent) {
    let adds = matches!(key.code, KeyCode::Char(_)) && !key.modifiers.contains(KeyModifiers::CONTROL);
    if !adds || input.value().chars().count() < TEXT_MAX {
        input.handle_event(&Event::Key(key));
    }
}

/// Text that was pasted; control characters in it are left out, so that nothing is sent by a paste alone.
pub(super) fn paste(ui: &mut Ui, text: &str) {
    let input = match &mut ui.dialog {
        Some(Dialog::Palette { input, .. } | Dialog::Line { input, .. }) => input,
        None if ui.filtering => &mut ui.filter,
        Some(Dialog::Help { .. } | Dialog::Confirm { .. }) | None => return,
    };
    let room = TEXT_MAX.saturating_sub(input.value().chars().count());
    for c in text.chars().filter(|c| !c.is_control()).take(room) {
        input.handle(tui_input::InputRequest::InsertChar(c));
    }
}

fn step_of(key: &str) -> Option<Move> {
    match key {
        "up" | "k" => Some(Move::Up),
        "down" | "j" => Some(Move::Down),
        "page-up" => Some(Move::PageUp),
        "page-down" | "space" => Some(Move::PageDown),
        "home" | "g" => Some(Move::First),
        "end" | "G" => Some(Move::Last),
        _ => None,
    }
}

fn help_key(ui: &mut Ui, offset: usize, key: KeyEvent) {
    let key = keys::name(&key);
    if let Some(step) = step_of(&key) {
        let offset = moved(offset, step, view::help::scrolls(ui) + 1, usize::from(ui.area.height) / 2);
        ui.dialog = Some(Dialog::Help { offset });
    } else if !matches!(key.as_str(), "esc" | "enter" | "q" | "?") {
        ui.dialog = Some(Dialog::Help { offset });
    }
}

fn palette_key(model: &Model, ui: &mut Ui, mut input: Input, mut cursor: usize, key: KeyEvent) -> Vec<Ask> {
    let matches = view::palette::matches(input.value()).len();
    match keys::name(&key).as_str() {
        "esc" => return Vec::new(),
        "enter" => {
            let chosen = view::palette::matches(input.value()).get(cursor).copied();
            return chosen.map_or_else(Vec::new, |action| super::step(model, ui, action.intent));
        }
        "up" | "ctrl-p" => cursor = cursor.saturating_sub(1),
        "down" | "tab" | "ctrl-n" => cursor = (cursor + 1).min(matches.saturating_sub(1)),
        _ => {
            edit(&mut input, key);
            cursor = 0;
        }
    }
    ui.dialog = Some(Dialog::Palette { input, cursor });
    Vec::new()
}

fn line_key(ui: &mut Ui, question: Question, mut input: Input, problem: Option<String>, key: KeyEvent) -> Vec<Ask> {
    match keys::name(&key).as_str() {
        "esc" => Vec::new(),
        "enter" if question == Question::Search => {
            ui.log.search_for(input.value());
            Vec::new()
        }
        "enter" => match answered(&question, input.value()) {
            Ok(ask) => vec![ask],
            Err(problem) => {
                ui.dialog = Some(Dialog::Line { question, input, problem: Some(problem) });
                Vec::new()
            }
        },
        _ => {
            let before = input.value().to_owned();
            edit(&mut input, key);
            let problem = problem.filter(|_| before == input.value());
            ui.dialog = Some(Dialog::Line { question, input, problem });
            Vec::new()
        }
    }
}

/// What an answered question asks for, or what is wrong with the answer.
fn answered(question: &Question, text: &str) -> Result<Ask, String> {
    match question {
        Question::Send { session } => Ok(Ask::Send { session: session.clone(), text: text.to_owned() }),
        Question::Schedule { session } => Ok(Ask::Schedule { session: session.clone(), when: when(text)? }),
        Question::Snooze { target } => {
            let seconds = if text.trim().is_empty() { None } else { Some(span(text)?) };
            Ok(Ask::Alert { target: target.clone(), act: AlertAct::Snooze { seconds } })
        }
        Question::Search => Err("it is searched where it is asked for".to_owned()),
        Question::Note { session } if text.trim().is_empty() => Err(format!("what should {session} know?")),
        Question::Note { session } => Ok(Ask::Note { session: session.clone(), text: text.to_owned() }),
        Question::Answer { session, ticket, .. } => match text.trim() {
            "" => Err("a number, a key, allow, deny, or a text".to_owned()),
            choice => Ok(Ask::Answer { session: session.clone(), ticket: ticket.clone(), choice: choice.to_owned() }),
        },
        Question::Add => {
            let words = shlex::split(text).ok_or("a quote is not closed")?;
            let [name, project, command @ ..] = words.as_slice() else {
                return Err("a name, a project and a command are needed".into());
            };
            if command.is_empty() {
                return Err("the command is missing".into());
            }
            Ok(Ask::Add(Box::new(AddRequest {
                name: name.clone(),
                project: project.clone(),
                after: Vec::new(),
                priority: 0,
                command: command.to_vec(),
            })))
        }
    }
}

/// `45s`, `20m`, `1h30m`: seconds.
fn span(text: &str) -> Result<u64, String> {
    let (mut total, mut number, mut digits) = (0_u64, 0_u64, false);
    for c in text.trim().chars() {
        let unit = match c {
            '0'..='9' => {
                number = number.saturating_mul(10).saturating_add(u64::from(c) - u64::from('0'));
                digits = true;
                continue;
            }
            's' => 1,
            'm' => 60,
            'h' => 3600,
            _ => 0,
        };
        if unit == 0 || !digits {
            return Err(format!("{text:?} is no span; write 45s, 20m or 1h30m"));
        }
        total = total.saturating_add(number.saturating_mul(unit));
        (number, digits) = (0, false);
    }
    if digits || total == 0 {
        return Err(format!("{text:?} is no span; write 45s, 20m or 1h30m"));
    }
    Ok(total)
}

/// `02:30` (the next one) or `45m` (from now).
fn when(text: &str) -> Result<When, String> {
    let text = text.trim();
    if let Some((hour, minute)) = text.split_once(':') {
        let part = |part: &str, below: u16| part.parse::<u16>().ok().filter(|n| part.len() <= 2 && *n < below);
        return match (part(hour, 24), part(minute, 60)) {
            (Some(hour), Some(minute)) => Ok(When::Clock(hour * 60 + minute)),
            _ => Err(format!("{text:?} is no time; write 02:30")),
        };
    }
    let seconds = u32::try_from(span(text)?).map_err(|_| format!("{text:?} is too long"))?;
    Ok(When::InSeconds(seconds))
}

/// What a click or the wheel means for what is open.
pub(super) fn pointed(ui: &mut Ui, intent: Intent) -> Vec<Ask> {
    let most = view::help::scrolls(ui);
    if let Some(Dialog::Help { offset }) = &mut ui.dialog {
        if let Intent::Scroll { down, .. } = intent {
            *offset = if down { offset.saturating_add(3).min(most) } else { offset.saturating_sub(3) };
        } else if matches!(intent, Intent::Click { .. }) {
            ui.dialog = None;
        }
    }
    Vec::new()
}
