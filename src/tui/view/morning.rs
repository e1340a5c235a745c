//! The morning: the report of this or any past night. What needs the person leads to its session.

mod page;

use super::lines::{self, Line, clicked, rule};
use super::{Cx, Page, body};
use crate::report::model::{Report, Verdict};
use crate::report::nights::{NightLine, Nights};
use crate::status::text::span_of_seconds;
use crate::tui::cells::{put, put_all};
use crate::tui::intent::{Ask, Intent, Want};
use crate::tui::keys::Context;
use crate::tui::model::{Detail, Model};
use crate::tui::theme::{Theme, Tone};
use crate::tui::ui::{Place, Ui};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// The view.
pub const PAGE: Page =
    Page { title: "Morning", context: Context::Morning, draw, act, wants, session, rows, ..Page::PLAIN };

/// Columns from which the nights stand beside the report.
const NIGHTS_FROM: u16 = 110;
/// Columns of the nights.
const NIGHTS: u16 = 34;

fn wants(_: &Model, ui: &Ui) -> Vec<Want> {
    vec![Want::Nights, Want::Report(ui.report_night.clone())]
}

fn report<'m>(model: &'m Model, ui: &Ui) -> Option<Result<&'m Report, &'m String>> {
    match model.details.get(&Want::Report(ui.report_night.clone()))? {
        Ok(Detail::Report(report)) => Some(Ok(report)),
        Ok(_) => None,
        Err(why) => Some(Err(why)),
    }
}

fn nights(model: &Model) -> Option<&Nights> {
    match model.details.get(&Want::Nights)? {
        Ok(Detail::Nights(nights)) => Some(nights),
        Ok(_) | Err(_) => None,
    }
}

/// Where the nights are, when there is room for them, and the report.
fn areas(area: Rect) -> (Option<Rect>, Rect) {
    if area.width < NIGHTS_FROM {
        let top = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
        return (None, top);
    }
    let list = Rect { width: NIGHTS, ..area };
    (Some(list), Rect { x: list.right() + 1, width: area.width - NIGHTS - 1, ..area })
}

fn text(model: &Model, ui: &Ui, theme: &Theme, columns: u16) -> Vec<Line> {
    let Some(Ok(report)) = report(model, ui) else { return Vec::new() };
    page::lines(report, theme, columns.saturating_sub(2), &model.zone)
}

fn rows(model: &Model, ui: &Ui) -> usize {
    let (_, page) = areas(body(model, ui));
    text(model, ui, &Theme::new(ui.theme), page.width).len()
}

fn session(model: &Model, ui: &Ui) -> Option<String> {
    let (_, page) = areas(body(model, ui));
    let lines = text(model, ui, &Theme::new(ui.theme), page.width);
    lines.get(ui.place(Context::Morning).cursor)?.session.clone()
}

fn act(model: &Model, ui: &mut Ui, intent: Intent) -> Option<Vec<Ask>> {
    if intent == Intent::Left {
        choose(model, ui, 1);
    } else if intent == Intent::Right {
        choose(model, ui, -1);
    } else if let Intent::Click { x, y } = intent {
        let (list, page) = areas(body(model, ui));
        if let Some(list) = list.filter(|list| list.contains((x, y).into())) {
            let at = usize::from(y - list.y).checked_sub(1)?;
            let night = nights(model)?.nights.get(at)?.id.clone();
            open_night(model, ui, night);
        } else {
            let rows = rows(model, ui);
            if clicked(ui, intent, Context::Morning, page, rows)?
                && let Some(name) = session(model, ui)
            {
                crate::tui::update::open(ui, name);
            }
        }
    } else {
        return None;
    }
    Some(Vec::new())
}

/// To an older night, or with a negative number to a newer one.
fn choose(model: &Model, ui: &mut Ui, by: isize) {
    let Some(nights) = nights(model) else { return };
    let now = shown_night(model, ui);
    let at = nights.nights.iter().position(|night| Some(&night.id) == now.as_ref()).unwrap_or(0);
    let Some(to) = at.checked_add_signed(by).and_then(|to| nights.nights.get(to)) else { return };
    let night = to.id.clone();
    open_night(model, ui, night);
}

/// The newest night goes along when another begins.
fn open_night(model: &Model, ui: &mut Ui, night: String) {
    let newest = nights(model).and_then(|nights| nights.nights.first()).is_some_and(|newest| newest.id == night);
    ui.report_night = (!newest).then_some(night);
    ui.places.insert(Context::Morning, Place::default());
}

fn shown_night(model: &Model, ui: &Ui) -> Option<String> {
    let newest = || nights(model).and_then(|nights| nights.nights.first()).map(|night| night.id.clone());
    ui.report_night.clone().or_else(newest)
}

/// How a verdict looks.
fn verdict_look(verdict: Verdict) -> (&'static str, Tone) {
    match verdict {
        Verdict::Well => ("✓", Tone::Done),
        Verdict::NeedsYou => ("!", Tone::Waiting),
        Verdict::Failed => ("✗", Tone::Failed),
        Verdict::Unreadable => ("?", Tone::Failed),
    }
}

fn draw(area: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    let (list, page) = areas(area);
    match list {
        Some(list) => {
            draw_nights(list, buf, cx);
            rule(list, page, buf, cx);
        }
        None => {
            let night = shown_night(cx.model, cx.ui).unwrap_or_else(|| "the night".to_owned());
            let text = format!("{night}  ← older, → newer");
            put(buf, area.x + 1, area.y, area.width.saturating_sub(2), &text, cx.theme.dim);
        }
    }
    match report(cx.model, cx.ui) {
        None => lines::note("Making the report …", page, buf, cx),
        Some(Err(why)) => lines::note(why, page, buf, cx),
        Some(Ok(_)) => {
            let lines = text(cx.model, cx.ui, cx.theme, page.width);
            lines::draw(&lines, Context::Morning, page, buf, cx);
        }
    }
}

fn draw_nights(list: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    put(buf, list.x + 1, list.y, list.width - 2, "Nights  ← older, → newer", cx.theme.dim);
    let Some(nights) = nights(cx.model) else {
        put(buf, list.x + 1, list.y + 1, list.width - 2, "Asking for the nights …", cx.theme.dim);
        return;
    };
    let chosen = shown_night(cx.model, cx.ui);
    for (y, night) in (list.y + 1..list.bottom()).zip(&nights.nights) {
        let (sign, tone) = verdict_look(night.verdict);
        put_all(
            buf,
            list.x + 1,
            y,
            list.width - 2,
            &[
                (sign, cx.theme.tone(tone)),
                (" ", cx.theme.text),
                (&night.id, cx.theme.text),
                ("  ", cx.theme.text),
                (&of_night(night), cx.theme.dim),
            ],
        );
        if Some(&night.id) == chosen.as_ref() {
            lines::mark(Rect { y, height: 1, ..list }, buf, cx);
        }
    }
}

fn of_night(night: &NightLine) -> String {
    let open = night.to.is_none();
    let took = if open { "open".to_owned() } else { span_of_seconds(night.seconds) };
    format!("{} of {}  {took}", night.finished, night.sessions)
}
