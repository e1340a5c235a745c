//! Alerts: what is wrong, what was, who was told, and what was done about each.

use super::lines::{self, Line, Text, clicked, rule, split};
use super::{Cx, Page, at, body};
use crate::core::alert::AlertAct;
use crate::protocol::AlertStatus;
use crate::protocol::details::{AlertMove, PastAlert};
use crate::tui::intent::{Ask, Intent, Want};
use crate::tui::keys::Context;
use crate::tui::model::{Detail, Model};
use crate::tui::theme::Tone;
use crate::tui::ui::{Dialog, Question, Ui};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use tui_input::Input;

/// The view.
pub const PAGE: Page = Page { title: "Alerts", context: Context::Alerts, draw, act, wants, session, rows, badge };

fn wants(_: &Model, _: &Ui) -> Vec<Want> {
    vec![Want::Alerts]
}

fn badge(model: &Model) -> usize {
    model.open_alerts().count()
}

/// One line of the list.
struct Shown<'m> {
    alert: &'m AlertStatus,
    over: Option<&'m String>,
    moves: &'m [AlertMove],
}

/// Those of the status, as they are now, then those that are over.
fn shown(model: &Model) -> Vec<Shown<'_>> {
    let known: &[PastAlert] = match model.details.get(&Want::Alerts) {
        Some(Ok(Detail::Alerts(history))) => &history.alerts,
        Some(Ok(_) | Err(_)) | None => &[],
    };
    let mut shown: Vec<Shown<'_>> = Vec::new();
    for alert in &model.status.alerts {
        let moves = known.iter().find(|past| past.alert.id == alert.id).map_or(&[][..], |past| &past.moves);
        shown.push(Shown { alert, over: None, moves });
    }
    shown.sort_by_key(|one| rank(one.alert));
    for past in known.iter().filter(|past| !model.status.alerts.iter().any(|alert| alert.id == past.alert.id)) {
        shown.push(Shown { alert: &past.alert, over: past.over.as_ref(), moves: &past.moves });
    }
    shown
}

/// Which open alert is looked at first.
fn rank(alert: &AlertStatus) -> (u8, u8) {
    let state = match alert.state.as_str() {
        "open" => 0,
        "pending" => 1,
        "acked" | "snoozed" => 2,
        _ => 3,
    };
    let severity = match alert.severity.as_str() {
        "critical" => 0,
        "high" => 1,
        "medium" => 2,
        _ => 3,
    };
    (state, severity)
}

fn rows(model: &Model, _: &Ui) -> usize {
    shown(model).len()
}

fn chosen<'m>(model: &'m Model, ui: &Ui) -> Option<&'m AlertStatus> {
    shown(model).get(ui.place(Context::Alerts).cursor).map(|one| one.alert)
}

fn session(model: &Model, ui: &Ui) -> Option<String> {
    chosen(model, ui)?.session.clone()
}

fn act(model: &Model, ui: &mut Ui, intent: Intent) -> Option<Vec<Ask>> {
    let rows = rows(model, ui);
    if let Intent::Click { .. } = intent {
        let (list, _) = split(body(model, ui), rows);
        if clicked(ui, intent, Context::Alerts, list, rows)?
            && let Some(name) = session(model, ui)
        {
            crate::tui::update::open(ui, name);
        }
        return Some(Vec::new());
    }
    let alert = chosen(model, ui)?;
    if intent == Intent::Snooze {
        let question = Question::Snooze { target: alert.id.clone() };
        ui.dialog = Some(Dialog::Line { question, input: Input::default(), problem: None });
        return Some(Vec::new());
    }
    if intent == Intent::CopyCommand {
        return Some(alert.command.clone().map(|text| Ask::Copy { text }).into_iter().collect());
    }
    let acts =
        [(Intent::Ack, AlertAct::Ack), (Intent::Resolve, AlertAct::Resolve), (Intent::Escalate, AlertAct::Escalate)];
    let (_, act) = acts.into_iter().find(|(meant, _)| *meant == intent)?;
    Some(vec![Ask::Alert { target: alert.id.clone(), act }])
}

fn style(one: &Shown<'_>, cx: &Cx<'_>) -> (&'static str, Style) {
    if one.over.is_some() || matches!(one.alert.state.as_str(), "resolved" | "expired") {
        return ("✓", cx.theme.tone(Tone::Done));
    }
    match (one.alert.state.as_str(), one.alert.severity.as_str()) {
        ("open", "critical" | "high") => ("!", cx.theme.tone(Tone::Failed)),
        ("open", _) => ("!", cx.theme.tone(Tone::Waiting)),
        ("acked" | "snoozed", _) => ("○", cx.theme.tone(Tone::Delayed)),
        _ => ("·", cx.theme.tone(Tone::Off)),
    }
}

fn draw(area: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    let shown = shown(cx.model);
    if shown.is_empty() {
        let text = match cx.model.details.get(&Want::Alerts) {
            Some(Err(why)) => why.as_str(),
            Some(Ok(_)) => "Nothing is wrong, and nothing was in this night.",
            None => "Asking for the alerts …",
        };
        return lines::note(text, area, buf, cx);
    }
    let (list, details) = split(area, shown.len());
    let rows: Vec<Line> = shown.iter().map(|one| row(one, cx)).collect();
    let place = lines::draw(&rows, Context::Alerts, list, buf, cx);
    rule(list, details, buf, cx);
    if let Some(one) = shown.get(place.cursor) {
        let mut text = Text::new(cx.theme, details.width.saturating_sub(2));
        describe(one, &mut text, cx);
        lines::draw_still(&text.lines, details, buf);
    }
}

fn row(one: &Shown<'_>, cx: &Cx<'_>) -> Line {
    let (sign, style) = style(one, cx);
    let when = at(Some(&one.alert.since)).map_or_else(String::new, |at| cx.time(at));
    let times = if one.alert.count > 1 { format!("  {}×", one.alert.count) } else { String::new() };
    Line {
        pieces: vec![
            (format!("{sign} {:<10}", one.alert.state), style),
            (format!("{:<9}{:<5}{when:>5}  ", one.alert.severity, one.alert.id), cx.theme.dim),
            (one.alert.title.clone(), if one.over.is_some() { cx.theme.dim } else { cx.theme.text }),
            (times, cx.theme.dim),
        ],
        session: None,
    }
}

fn describe(one: &Shown<'_>, text: &mut Text<'_>, cx: &Cx<'_>) {
    let alert = one.alert;
    let (_, style) = style(one, cx);
    let plain = cx.theme.text;
    text.wrapped(&[], &alert.title, cx.theme.heading);
    text.labelled("stands", &format!("{}, {}", alert.state, alert.severity), style);
    let time = |text: &String| at(Some(text)).map_or_else(String::new, |at| cx.time(at));
    let over = one.over.map_or_else(String::new, |over| format!(", over since {}", time(over)));
    let times = if alert.count > 1 { format!(", came up {} times", alert.count) } else { String::new() };
    text.labelled("since", &format!("{}{over}{times}", time(&alert.since)), plain);
    if let Some(session) = &alert.session {
        let project = alert.project.as_ref().map_or_else(String::new, |project| format!(" of {project}"));
        text.labelled("session", &format!("{session}{project}; {} opens it", cx.key("open")), plain);
    }
    let told = if alert.told.is_empty() { "nobody".to_owned() } else { alert.told.join(", ") };
    text.labelled("told", &told, plain);
    if let Some(command) = &alert.command {
        text.labelled("do", command, cx.theme.strong);
    }
    if !alert.body.is_empty() {
        text.gap();
        text.wrapped(&[], &alert.body, plain);
    }
    if !one.moves.is_empty() {
        text.gap();
        text.line(vec![("What became of it".to_owned(), cx.theme.heading)]);
        for step in one.moves.iter().rev() {
            text.wrapped(&[(&format!("{:>5}  {:<9} ", time(&step.at), step.state), cx.theme.dim)], &step.why, plain);
        }
    }
}
