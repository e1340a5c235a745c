//! Dead letters: runs that failed for good, each to be read whole and sent again.

use super::attempts::certificate;
use super::lines::{self, Line, Text, clicked, rule, split};
use super::{Cx, Page, at, body};
use crate::protocol::details::{DeadLetterStatus, DeadLetters};
use crate::status::text::count;
use crate::tui::intent::{Ask, Intent, Want};
use crate::tui::keys::Context;
use crate::tui::model::{Detail, Model};
use crate::tui::theme::Tone;
use crate::tui::ui::Ui;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// The view.
pub const PAGE: Page = Page { title: "Dead letters", context: Context::Dead, draw, act, wants, session, rows, badge };

fn wants(_: &Model, _: &Ui) -> Vec<Want> {
    vec![Want::Dead]
}

fn badge(model: &Model) -> usize {
    model.status.sessions.iter().filter(|session| session.state == "failed").count()
}

fn known(model: &Model) -> Option<Result<&DeadLetters, &String>> {
    match model.details.get(&Want::Dead)? {
        Ok(Detail::Dead(dead)) => Some(Ok(dead)),
        Ok(_) => None,
        Err(why) => Some(Err(why)),
    }
}

fn rows(model: &Model, _: &Ui) -> usize {
    known(model).and_then(Result::ok).map_or(0, |dead| dead.dead.len())
}

fn chosen<'m>(model: &'m Model, ui: &Ui) -> Option<&'m DeadLetterStatus> {
    known(model)?.ok()?.dead.get(ui.place(Context::Dead).cursor)
}

fn session(model: &Model, ui: &Ui) -> Option<String> {
    chosen(model, ui).map(|letter| letter.session.clone())
}

fn act(model: &Model, ui: &mut Ui, intent: Intent) -> Option<Vec<Ask>> {
    let rows = rows(model, ui);
    let (list, _) = split(body(model, ui), rows);
    if clicked(ui, intent, Context::Dead, list, rows)?
        && let Some(name) = session(model, ui)
    {
        crate::tui::update::open(ui, name);
    }
    Some(Vec::new())
}

fn draw(area: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    let dead = match known(cx.model) {
        None => return lines::note("Asking for the dead letters …", area, buf, cx),
        Some(Err(why)) => return lines::note(why, area, buf, cx),
        Some(Ok(dead)) if dead.dead.is_empty() => {
            return lines::note("No dead letters: nothing has failed for good.", area, buf, cx);
        }
        Some(Ok(dead)) => dead,
    };
    let (list, details) = split(area, dead.dead.len());
    let rows: Vec<Line> = dead.dead.iter().map(|letter| row(letter, cx)).collect();
    let place = lines::draw(&rows, Context::Dead, list, buf, cx);
    rule(list, details, buf, cx);
    if let Some(letter) = dead.dead.get(place.cursor) {
        let mut text = Text::new(cx.theme, details.width.saturating_sub(2));
        describe(letter, &mut text, cx);
        lines::draw_still(&text.lines, details, buf);
    }
}

fn row(letter: &DeadLetterStatus, cx: &Cx<'_>) -> Line {
    let class = letter.class.as_deref().unwrap_or("-").replace('_', " ");
    let when = at(Some(&letter.since)).map_or_else(String::new, |at| cx.time(at));
    let failed = cx.theme.tone(Tone::Failed);
    Line {
        pieces: vec![
            ("✗ ".to_owned(), failed),
            (format!("{:<22} ", letter.session), cx.theme.text),
            (format!("{class:<13}"), failed),
            (format!("{when:>11}  "), cx.theme.dim),
            (letter.reason.clone(), cx.theme.dim),
        ],
        session: None,
    }
}

fn describe(letter: &DeadLetterStatus, text: &mut Text<'_>, cx: &Cx<'_>) {
    text.line(vec![(letter.run.clone(), cx.theme.heading)]);
    text.wrapped(&[], &letter.reason, cx.theme.tone(Tone::Failed));
    let attempts = count(letter.attempts.into(), "attempt", "attempts");
    text.labelled("tried", &attempts, cx.theme.text);
    if !letter.blocks.is_empty() {
        text.labelled("blocks", &letter.blocks.join(", "), cx.theme.tone(Tone::Waiting));
    }
    match &letter.cannot_retry {
        Some(why) => text.labelled("retry", &format!("not now: {why}"), cx.theme.dim),
        None => {
            let how = format!("{} sends it again, as `nightkeep dead retry {}`", cx.key("retry"), letter.session);
            text.labelled("retry", &how, cx.theme.strong);
        }
    }
    if let Some(last) = &letter.last {
        text.gap();
        certificate(last, text, cx);
    }
}
