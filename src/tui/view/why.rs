//! Why a session is in its state: the chain of evidence, and what happens next.

use super::lines::{self, Text};
use super::{Cx, Page, at};
use crate::protocol::Why;
use crate::status::usage::words;
use crate::status::zone::hh_mm_ss;
use crate::tui::intent::Want;
use crate::tui::keys::Context;
use crate::tui::model::{Detail, Model};
use crate::tui::theme::Theme;
use crate::tui::ui::Ui;
use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// The part of the session view.
pub const PAGE: Page = Page { title: "Why", context: Context::Why, draw, wants, rows, ..Page::PLAIN };

fn want(ui: &Ui) -> Option<Want> {
    ui.opened.clone().map(Want::Why)
}

fn wants(_: &Model, ui: &Ui) -> Vec<Want> {
    want(ui).into_iter().collect()
}

fn known<'m>(model: &'m Model, ui: &Ui) -> Option<Result<&'m Why, &'m String>> {
    match model.details.get(&want(ui)?)? {
        Ok(Detail::Why(why)) => Some(Ok(why)),
        Ok(_) => None,
        Err(why) => Some(Err(why)),
    }
}

fn rows(model: &Model, ui: &Ui) -> usize {
    let Some(Ok(why)) = known(model, ui) else { return 0 };
    text(why, &Theme::new(ui.theme), ui.area.width, &model.zone).lines.len()
}

fn text<'t>(why: &Why, theme: &'t Theme, columns: u16, zone: &TimeZone) -> Text<'t> {
    let mut text = Text::new(theme, columns.saturating_sub(2));
    text.wrapped(&[("Next      ", theme.heading)], &why.next, theme.strong);
    if let Some(usage) = &why.usage {
        text.wrapped(&[("Used      ", theme.heading)], &words(usage), theme.text);
    }
    text.gap();
    // The newest first: it is what the state comes from.
    for step in why.chain.iter().rev() {
        let time = at(Some(&step.at)).map_or_else(String::new, |at| hh_mm_ss(at, zone));
        text.wrapped(&[(&format!("{time}  "), theme.dim)], &step.what, theme.text);
        if let Some(evidence) = &step.evidence {
            text.wrapped(&[("          ", theme.dim)], evidence, theme.dim);
        }
    }
    text
}

fn draw(area: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    match known(cx.model, cx.ui) {
        None => lines::note("Asking why …", area, buf, cx),
        Some(Err(why)) => lines::note(why, area, buf, cx),
        Some(Ok(why)) => {
            let text = text(why, cx.theme, area.width, &cx.model.zone);
            lines::draw(&text.lines, Context::Why, area, buf, cx);
        }
    }
}
