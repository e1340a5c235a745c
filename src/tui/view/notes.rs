//! Notes to a session: what it should know, what became of each.

use super::lines::{self, Line, Text, clicked, rule, split};
use super::{Cx, Page, at, body, session};
use crate::protocol::details::{NoteStatus, SessionNotes};
use crate::status::text::count;
use crate::tui::intent::{Ask, Intent, Want};
use crate::tui::keys::Context;
use crate::tui::model::{Detail, Model};
use crate::tui::theme::Tone;
use crate::tui::ui::Ui;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// The part of the session view.
pub const PAGE: Page = Page { title: "Notes", context: Context::Notes, draw, act, wants, rows, ..Page::PLAIN };

fn want(ui: &Ui) -> Option<Want> {
    ui.opened.clone().map(Want::Notes)
}

fn wants(_: &Model, ui: &Ui) -> Vec<Want> {
    want(ui).into_iter().collect()
}

fn known<'m>(model: &'m Model, ui: &Ui) -> Option<Result<&'m SessionNotes, &'m String>> {
    match model.details.get(&want(ui)?)? {
        Ok(Detail::Notes(notes)) => Some(Ok(notes)),
        Ok(_) => None,
        Err(why) => Some(Err(why)),
    }
}

fn rows(model: &Model, ui: &Ui) -> usize {
    known(model, ui).and_then(Result::ok).map_or(0, |notes| notes.notes.len())
}

fn act(model: &Model, ui: &mut Ui, intent: Intent) -> Option<Vec<Ask>> {
    let rows = rows(model, ui);
    if intent == Intent::Resolve {
        let cursor = ui.place(Context::Notes).cursor;
        let note = known(model, ui).and_then(Result::ok).and_then(|notes| notes.notes.get(cursor));
        let open = note.filter(|note| note.settled.is_none());
        return Some(open.map(|note| Ask::NoteDone { note: note.id.clone() }).into_iter().collect());
    }
    let (list, _) = split(session::part(body(model, ui)), rows);
    clicked(ui, intent, Context::Notes, list, rows).map(|_| Vec::new())
}

fn draw(area: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    let notes = match known(cx.model, cx.ui) {
        None => return lines::note("Asking for the notes …", area, buf, cx),
        Some(Err(why)) => return lines::note(why, area, buf, cx),
        Some(Ok(notes)) if notes.notes.is_empty() => {
            let text =
                format!("No note. {} writes one; every attempt that starts from then on is given it.", cx.key("note"));
            return lines::note(&text, area, buf, cx);
        }
        Some(Ok(notes)) => notes,
    };
    let (list, details) = split(area, notes.notes.len());
    let rows: Vec<Line> = notes.notes.iter().map(|note| row(note, cx)).collect();
    let place = lines::draw(&rows, Context::Notes, list, buf, cx);
    rule(list, details, buf, cx);
    if let Some(note) = notes.notes.get(place.cursor) {
        let mut text = Text::new(cx.theme, details.width.saturating_sub(2));
        text.line(vec![(format!("Note {}", note.id), cx.theme.heading)]);
        for line in note.text.lines() {
            text.wrapped(&[], line, cx.theme.text);
        }
        text.gap();
        let time = |text: &String| at(Some(text)).map_or_else(String::new, |at| cx.time(at));
        text.labelled("written", &format!("{} by {}", time(&note.at), note.by), cx.theme.text);
        let given = match note.given.last() {
            None => "to no attempt yet".to_owned(),
            Some(last) => format!("to {}, last {last}", count(note.times_given.into(), "attempt", "attempts")),
        };
        text.labelled("given", &given, cx.theme.text);
        if let Some(typed) = note.typed.last() {
            text.labelled("typed", &format!("{} into {}", time(&typed.at), typed.attempt), cx.theme.text);
        }
        match (&note.settled, &note.settled_by) {
            (Some(at), by) => {
                text.labelled("settled", &format!("{} by {}", time(at), by.as_deref().unwrap_or("?")), cx.theme.text);
            }
            (None, _) => {
                let hint = format!("carried until you say that it is settled: {}", cx.key("settle"));
                text.labelled("open", &hint, cx.theme.tone(Tone::Waiting));
            }
        }
        lines::draw_still(&text.lines, details, buf);
    }
}

fn row(note: &NoteStatus, cx: &Cx<'_>) -> Line {
    let (sign, word, style) = if note.settled.is_some() {
        ("✓", "settled", cx.theme.tone(Tone::Done))
    } else {
        ("•", "open", cx.theme.tone(Tone::Waiting))
    };
    let when = at(Some(&note.at)).map_or_else(String::new, |at| cx.time(at));
    let text = note.text.lines().next().unwrap_or_default().to_owned();
    Line {
        pieces: vec![
            (format!("{sign} {word:<8}"), style),
            (format!("{:<5}{when:>5}  ", note.id), cx.theme.dim),
            (text, cx.theme.text),
        ],
        session: None,
    }
}
