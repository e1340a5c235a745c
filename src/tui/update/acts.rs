//! What is done to a session or an alert: at once, after a question, or after a line of text.

use crate::core::alert::AlertAct;
use crate::core::event::Verb;
use crate::protocol::SessionStatus;
use crate::tui::intent::{Ask, Intent};
use crate::tui::model::Model;
use crate::tui::theme::needs_person;
use crate::tui::ui::{Dialog, Item, Question, Ui, View};
use crate::tui::update::open;
use tui_input::Input;

/// States in which a program runs.
const RUNS: [&str; 3] = ["running", "starting", "stopping"];

/// Does what an intent means for the session under the cursor, or asks what is missing.
pub(super) fn act(model: &Model, ui: &mut Ui, intent: Intent) -> Vec<Ask> {
    if intent == Intent::Up {
        return vec![Ask::Up];
    }
    if intent == Intent::Add {
        ask_line(ui, Question::Add);
        return Vec::new();
    }
    let Some(session) = (ui.page().session)(model, ui) else { return Vec::new() };
    if intent == Intent::Answer {
        return answer(model, ui, session);
    }
    if let Intent::Verb(verb) = intent {
        return verb_on(model, ui, session, verb);
    }
    let now = [
        (Intent::Attach, Ask::Attach { session: session.clone() }),
        (Intent::Escalate, Ask::Alert { target: session.clone(), act: AlertAct::Escalate }),
        (Intent::Ack, Ask::Alert { target: session.clone(), act: AlertAct::Ack }),
        (Intent::Resolve, Ask::Alert { target: session.clone(), act: AlertAct::Resolve }),
        (Intent::Retry, Ask::Retry { session: session.clone() }),
        (Intent::CopyCommand, Ask::Copy { text: helping_command(model, &session) }),
    ];
    let after_a_line = [
        (Intent::Snooze, Question::Snooze { target: session.clone() }),
        (Intent::Schedule, Question::Schedule { session: session.clone() }),
        (Intent::Note, Question::Note { session: session.clone() }),
        (Intent::SendText, Question::Send { session }),
    ];
    if let Some((_, question)) = after_a_line.into_iter().find(|(meant, _)| *meant == intent) {
        ask_line(ui, question);
    }
    now.into_iter().find(|(meant, _)| *meant == intent).map(|(_, ask)| ask).into_iter().collect()
}

/// Asks what is to be answered, below what the session asks; nothing when it asks nothing.
fn answer(model: &Model, ui: &mut Ui, session: String) -> Vec<Ask> {
    let Some(prompt) = model.session(&session).and_then(|known| known.prompt.as_ref()) else { return Vec::new() };
    let choices = prompt.choices.iter().map(|choice| format!("{}  {}", choice.number, choice.label));
    let asks = prompt.text.lines().map(str::to_owned).chain(choices).collect();
    ask_line(ui, Question::Answer { session, ticket: prompt.ticket.clone(), asks });
    Vec::new()
}

fn ask_line(ui: &mut Ui, question: Question) {
    ui.dialog = Some(Dialog::Line { question, input: Input::default(), problem: None });
}

/// A verb, after a question where something is lost by it.
fn verb_on(model: &Model, ui: &mut Ui, session: String, verb: Verb) -> Vec<Ask> {
    let runs = model.session(&session).is_some_and(|s| RUNS.contains(&s.state.as_str()));
    let loss = match verb {
        Verb::Stop if runs => "The program and all it started are ended; it is not started again tonight.",
        Verb::Stop => "It is not started tonight.",
        Verb::Restart if runs => "The program and all it started are ended; what it had not saved is lost.",
        Verb::Skip if runs => "The program and all it started are ended; the run counts as skipped.",
        Verb::Skip => "Its run ends without being run; what comes after it may be skipped as well.",
        Verb::Start | Verb::Restart | Verb::Hold | Verb::Release => return vec![Ask::Verb { session, verb }],
    };
    ui.dialog = Some(Dialog::Confirm {
        question: format!("{} {session}?", capital(verb.as_str())),
        loss: loss.to_owned(),
        ask: Box::new(Ask::Verb { session, verb }),
    });
    Vec::new()
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// The command that helps with a session: its alert's, else one that tells more of it.
pub fn helping_command(model: &Model, session: &str) -> String {
    let alert = model.open_alerts().find(|a| a.session.as_deref() == Some(session));
    match (alert.and_then(|a| a.command.clone()), model.session(session)) {
        (Some(command), _) => command,
        (None, Some(s)) if RUNS.contains(&s.state.as_str()) => format!("nightkeep attach {session}"),
        (None, _) => format!("nightkeep why {session}"),
    }
}

/// Puts the cursor on the next session that waits for the person, in the order of the status: the worst first.
pub(super) fn next_needy(model: &Model, ui: &mut Ui) {
    let needy: Vec<&SessionStatus> = model.status.sessions.iter().filter(|s| needs_person(s)).collect();
    let now = (ui.page().session)(model, ui);
    let at = needy.iter().position(|s| Some(&s.name) == now.as_ref());
    let next = at.map_or(0, |at| (at + 1) % needy.len());
    let Some(session) = needy.get(next) else { return };
    if let Some(project) = &session.project {
        ui.folded.remove(project);
    }
    ui.item = Some(Item::Session(session.name.clone()));
    if ui.view == View::Session {
        open(ui, session.name.clone());
    } else {
        super::go(ui, View::Night);
    }
}
