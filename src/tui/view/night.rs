//! Home: all sessions by project, the worst first, with a preview of the one under the cursor.

mod columns;
mod line;

use super::{Cx, Page, body, preview};
use crate::protocol::SessionStatus;
use crate::tui::cells::put;
use crate::tui::intent::{Ask, Intent};
use crate::tui::keys::Context;
use crate::tui::model::{Link, Model};
use crate::tui::theme::{look, needs_person};
use crate::tui::ui::{Item, Sort, Ui};
use crate::tui::update::moved;
use columns::Columns;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::collections::BTreeMap;

/// The view.
pub const PAGE: Page = Page {
    title: "Night",
    context: Context::Night,
    draw,
    act,
    wants: |model, ui| preview::wants(model, ui, areas(body(model, ui), ui).preview),
    session: under_cursor,
    rows: |model, ui| rows(model, ui).len(),
    badge: |model| model.status.sessions.iter().filter(|s| needs_person(s)).count(),
};

/// A line of the list.
#[derive(Debug, Clone)]
pub enum Row<'a> {
    /// A project with its sessions.
    Project(&'a str, Vec<&'a SessionStatus>),
    /// A session.
    Session(&'a SessionStatus),
}

impl Row<'_> {
    fn is(&self, item: &Item) -> bool {
        match (self, item) {
            (Self::Project(name, _), Item::Project(wanted)) => name == wanted,
            (Self::Session(session), Item::Session(wanted)) => session.name == *wanted,
            (Self::Project(..) | Self::Session(_), Item::Project(_) | Item::Session(_)) => false,
        }
    }
    fn item(&self) -> Item {
        match self {
            Self::Project(name, _) => Item::Project((*name).to_owned()),
            Self::Session(session) => Item::Session(session.name.clone()),
        }
    }
}

/// The lines, in the order they are shown.
pub fn rows<'a>(model: &'a Model, ui: &Ui) -> Vec<Row<'a>> {
    let mut shown = filtered(model, ui);
    match ui.sort {
        Sort::Worst => shown.sort_by_cached_key(|s| (look(s).rank, -s.priority)),
        Sort::Name => shown.sort_by(|a, b| a.name.cmp(&b.name)),
        Sort::Recent => {
            let last = |s: &'a SessionStatus| s.output.as_ref().and_then(|o| o.last_at.as_deref());
            shown.sort_by_key(|s| std::cmp::Reverse(last(s)));
        }
        Sort::Next => shown.sort_by_key(|s| (s.next_at.is_none(), s.next_at.as_deref())),
    }
    if matches!(ui.sort, Sort::Recent | Sort::Next) {
        return shown.into_iter().map(Row::Session).collect();
    }
    let mut groups: Vec<(&str, Vec<&SessionStatus>)> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for session in shown {
        let project = session.project.as_deref().unwrap_or("");
        let place = *places.entry(project).or_insert_with(|| {
            groups.push((project, Vec::new()));
            groups.len() - 1
        });
        groups[place].1.push(session);
    }
    if ui.sort == Sort::Name {
        groups.sort_by_key(|(name, _)| *name);
    }
    let mut rows = Vec::new();
    for (project, sessions) in groups {
        let folded = ui.folded.contains(project);
        rows.push(Row::Project(project, sessions.clone()));
        if !folded {
            rows.extend(sessions.into_iter().map(Row::Session));
        }
    }
    rows
}

/// The sessions that have every word of the filter in their name, project or state.
fn filtered<'a>(model: &'a Model, ui: &Ui) -> Vec<&'a SessionStatus> {
    let filter = ui.filter.value().to_lowercase();
    let words: Vec<&str> = filter.split_whitespace().collect();
    let sessions = model.status.sessions.iter();
    if words.is_empty() {
        return sessions.collect();
    }
    let has_all = |s: &&SessionStatus| {
        let project = s.project.as_deref().unwrap_or_default();
        let text = format!("{}\n{project}\n{}\n{}", s.name, look(s).word, s.state.replace('_', " ")).to_lowercase();
        words.iter().all(|word| text.contains(word))
    };
    sessions.filter(has_all).collect()
}

/// Where the parts of the view are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Areas {
    /// The names of the columns; without rows where there is no room for them.
    heads: Rect,
    /// The list.
    pub list: Rect,
    /// The preview, when there is room for one.
    pub preview: Option<Rect>,
}

/// Columns from which the preview lies beside the list.
const BESIDE_FROM: u16 = 150;
/// Rows from which it lies below.
const BELOW_FROM: u16 = 26;
/// Rows from which the columns have names.
const HEADS_FROM: u16 = 8;

/// Where the parts of the view are.
pub fn areas(body: Rect, ui: &Ui) -> Areas {
    let (mut list, preview) = if ui.preview && body.width >= BESIDE_FROM {
        let wide = body.width * 2 / 5;
        let list = Rect { width: body.width - wide, ..body };
        (list, Some(Rect { x: list.right(), width: wide, ..body }))
    } else if ui.preview && body.height >= BELOW_FROM {
        let tall = body.height * 2 / 5;
        let list = Rect { height: body.height - tall, ..body };
        (list, Some(Rect { y: list.bottom(), height: tall, ..body }))
    } else {
        (body, None)
    };
    let heads = Rect { height: u16::from(list.height >= HEADS_FROM), ..list };
    list.y += heads.height;
    list.height -= heads.height;
    Areas { heads, list, preview }
}

fn under_cursor(_: &Model, ui: &Ui) -> Option<String> {
    match &ui.item {
        Some(Item::Session(name)) => Some(name.clone()),
        Some(Item::Project(_)) | None => None,
    }
}

/// Puts the cursor on a line that is there, and the window around it.
pub fn settle(model: &Model, ui: &mut Ui) {
    let rows = rows(model, ui);
    let here = ui.item.as_ref().and_then(|item| rows.iter().position(|row| row.is(item)));
    let first = || rows.iter().position(|row| matches!(row, Row::Session(_))).unwrap_or(0);
    let old = ui.place(Context::Night).cursor;
    // What the cursor was on is gone: the line that is there now, as near as can be.
    let cursor =
        here.unwrap_or_else(|| if ui.item.is_none() { first() } else { old.min(rows.len().saturating_sub(1)) });
    let item = rows.get(cursor).map(Row::item);
    let count = rows.len();
    if here.is_none() && item.is_some() {
        ui.item = item;
    }
    let height = usize::from(areas(body(model, ui), ui).list.height);
    let place = ui.places.entry(Context::Night).or_default();
    place.cursor = cursor;
    place.settle(count, height);
}

fn act(model: &Model, ui: &mut Ui, intent: Intent) -> Option<Vec<Ask>> {
    let rows = rows(model, ui);
    let list = areas(body(model, ui), ui).list;
    let place = ui.place(Context::Night);
    if let Intent::Move(step) = intent {
        let to = moved(place.cursor, step, rows.len(), usize::from(list.height));
        ui.item = rows.get(to).map(Row::item);
    } else if let Intent::Click { x, y } = intent
        && list.contains((x, y).into())
    {
        let clicked = rows.get(place.offset + usize::from(y - list.y)).map(Row::item)?;
        match &clicked {
            Item::Project(project) => fold(ui, project),
            // A second click on the same line opens it.
            Item::Session(_) if ui.item.as_ref() == Some(&clicked) => return act_open(ui, &clicked),
            Item::Session(_) => {}
        }
        ui.item = Some(clicked);
    } else if matches!(intent, Intent::Open | Intent::Collapse | Intent::Left | Intent::Right) {
        let project = match rows.get(place.cursor)? {
            Row::Project(name, _) => (*name).to_owned(),
            Row::Session(_) if matches!(intent, Intent::Open | Intent::Right) => return open_row(ui, intent),
            Row::Session(session) => session.project.clone().unwrap_or_default(),
        };
        if intent == Intent::Right {
            ui.folded.remove(&project);
            return Some(Vec::new());
        }
        if intent == Intent::Left {
            ui.folded.insert(project.clone());
        } else {
            fold(ui, &project);
        }
        ui.item = Some(Item::Project(project));
    } else if intent == Intent::Sort {
        ui.sort = ui.sort.next();
    } else if intent == Intent::Preview {
        ui.preview = !ui.preview;
    } else {
        return None;
    }
    Some(Vec::new())
}

/// Enter on a session opens it, which means the same everywhere; to the right there is nothing more.
fn open_row(_: &Ui, intent: Intent) -> Option<Vec<Ask>> {
    (intent == Intent::Right).then(Vec::new)
}

fn act_open(ui: &mut Ui, item: &Item) -> Option<Vec<Ask>> {
    if let Item::Session(name) = item {
        crate::tui::update::open(ui, name.clone());
    }
    Some(Vec::new())
}

fn fold(ui: &mut Ui, project: &str) {
    if !ui.folded.remove(project) {
        ui.folded.insert(project.to_owned());
    }
}

fn draw(area: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    let areas = areas(area, cx.ui);
    let rows = rows(cx.model, cx.ui);
    if rows.is_empty() {
        empty(areas.list, buf, cx);
        return;
    }
    let columns = Columns::new(areas.list.width, cx.model);
    if areas.heads.height > 0 {
        line::heads(&columns, areas.heads, buf, cx);
    }
    let place = cx.ui.place(Context::Night);
    for (y, (at, row)) in (areas.list.y..areas.list.bottom()).zip(rows.iter().enumerate().skip(place.offset)) {
        let row_area = Rect::new(areas.list.x, y, areas.list.width, 1);
        match row {
            Row::Project(name, sessions) => line::project(name, sessions, row_area, buf, cx),
            Row::Session(session) => line::session(session, &columns, row_area, buf, cx),
        }
        if at == place.cursor {
            line::mark(row_area, buf, cx);
        }
    }
    if let Some(area) = areas.preview {
        match under_cursor(cx.model, cx.ui).and_then(|name| cx.model.session(&name)) {
            Some(session) => preview::draw(session, area, buf, cx),
            None => preview::nothing(area, buf, cx),
        }
    }
}

/// What to do when there is nothing to see.
fn empty(area: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    let add = format!("{} adds a session that stands in no file.", cx.key("add"));
    let begin = format!("{} begins it with the sessions of sessions.toml.", cx.key("up-night"));
    let lines: &[&str] = if cx.model.link == Link::Opening {
        &["Asking the daemon …"]
    } else if !cx.ui.filter.value().is_empty() {
        &["No session matches the filter.", "", "Esc shows all again."]
    } else if cx.model.status.night.is_some() {
        &["This night has no sessions.", "", &add]
    } else if matches!(cx.model.link, Link::Gone { .. }) {
        &[
            "No night was begun yet, and no daemon runs.",
            "",
            "`nightkeep check` tells whether sessions.toml is as it should be,",
            "`nightkeep up` starts the daemon and begins the night.",
        ]
    } else {
        &["No night was begun yet.", "", &begin, &add]
    };
    for (y, text) in (area.y + 1..area.bottom()).zip(lines) {
        put(buf, area.x + 3, y, area.width.saturating_sub(4), text, cx.theme.dim);
    }
}
