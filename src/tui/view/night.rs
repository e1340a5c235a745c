//! Home: all sessions by project, the worst first, with a preview of the one under the cursor.

use super::{Cx, Page, at, body, overview};
use crate::protocol::SessionStatus;
use crate::status::table::of_total;
use crate::tui::cells::{put, put_right};
use crate::tui::intent::{Ask, Intent};
use crate::tui::keys::Context;
use crate::tui::model::Model;
use crate::tui::theme::{look, needs_person};
use crate::tui::ui::{Item, Sort, Ui};
use crate::tui::update::moved;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// The view.
pub const PAGE: Page = Page {
    title: "Night",
    context: Context::Night,
    draw,
    act,
    session: under_cursor,
    rows: |model, ui| rows(model, ui).len(),
    badge: |model| model.status.sessions.iter().filter(|s| needs_person(s)).count(),
    ..Page::PLAIN
};

/// A line of the list.
#[derive(Debug, Clone, Copy)]
pub enum Row<'a> {
    /// A project with its sessions' number and the worst of them.
    Project(&'a str, usize, &'a SessionStatus),
    /// A session.
    Session(&'a SessionStatus),
}

impl Row<'_> {
    fn is(&self, item: &Item) -> bool {
        match (self, item) {
            (Self::Project(name, ..), Item::Project(wanted)) => name == wanted,
            (Self::Session(session), Item::Session(wanted)) => session.name == *wanted,
            (Self::Project(..) | Self::Session(_), Item::Project(_) | Item::Session(_)) => false,
        }
    }
    fn item(&self) -> Item {
        match self {
            Self::Project(name, ..) => Item::Project((*name).to_owned()),
            Self::Session(session) => Item::Session(session.name.clone()),
        }
    }
}

/// The lines, in the order they are shown.
pub fn rows<'a>(model: &'a Model, ui: &Ui) -> Vec<Row<'a>> {
    let filter = ui.filter.value().to_lowercase();
    let mut shown: Vec<&SessionStatus> = model.status.sessions.iter().filter(|s| matches(s, &filter)).collect();
    match ui.sort {
        Sort::Worst => shown.sort_by_key(|s| look(s).rank),
        Sort::Name => shown.sort_by(|a, b| a.name.cmp(&b.name)),
        Sort::Recent => {
            let last = |s: &SessionStatus| s.output.as_ref().and_then(|o| o.last_at.clone());
            shown.sort_by_key(|s| std::cmp::Reverse(last(s)));
        }
        Sort::Next => shown.sort_by_key(|s| (s.next_at.is_none(), s.next_at.clone())),
    }
    if matches!(ui.sort, Sort::Recent | Sort::Next) {
        return shown.into_iter().map(Row::Session).collect();
    }
    let mut groups: Vec<(&str, Vec<&SessionStatus>)> = Vec::new();
    for session in shown {
        let project = session.project.as_deref().unwrap_or("");
        match groups.iter_mut().find(|(name, _)| *name == project) {
            Some((_, sessions)) => sessions.push(session),
            None => groups.push((project, vec![session])),
        }
    }
    if ui.sort == Sort::Name {
        groups.sort_by_key(|(name, _)| *name);
    }
    let mut rows = Vec::new();
    for (project, sessions) in groups {
        let worst = sessions.iter().min_by_key(|s| look(s).rank).copied();
        let Some(worst) = worst else { continue };
        rows.push(Row::Project(project, sessions.len(), worst));
        if !ui.folded.contains(project) {
            rows.extend(sessions.into_iter().map(Row::Session));
        }
    }
    rows
}

fn matches(session: &SessionStatus, filter: &str) -> bool {
    let has = |text: &str| text.to_lowercase().contains(filter);
    filter.is_empty()
        || has(&session.name)
        || session.project.as_deref().is_some_and(has)
        || has(look(session).word)
        || has(&session.state)
}

/// The list, and the preview when there is room for one.
pub fn areas(body: Rect, ui: &Ui) -> (Rect, Option<Rect>) {
    if !ui.preview {
        return (body, None);
    }
    if body.width >= 150 {
        let wide = body.width * 2 / 5;
        let list = Rect { width: body.width - wide, ..body };
        return (list, Some(Rect { x: list.right(), width: wide, ..body }));
    }
    if body.height >= 28 {
        let tall = body.height * 2 / 5;
        let list = Rect { height: body.height - tall, ..body };
        return (list, Some(Rect { y: list.bottom(), height: tall, ..body }));
    }
    (body, None)
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
    if item.is_some() {
        ui.item = item;
    }
    let height = usize::from(areas(body(model, ui), ui).0.height);
    let place = ui.places.entry(Context::Night).or_default();
    place.cursor = cursor;
    place.settle(count, height);
}

fn act(model: &Model, ui: &mut Ui, intent: Intent) -> Option<Vec<Ask>> {
    let rows = rows(model, ui);
    let (list, _) = areas(body(model, ui), ui);
    let place = ui.place(Context::Night);
    if let Intent::Move(step) = intent {
        let to = moved(place.cursor, step, rows.len(), usize::from(list.height));
        ui.item = rows.get(to).map(Row::item);
    } else if let Intent::Click { x, y } = intent
        && list.contains((x, y).into())
    {
        let clicked = rows.get(place.offset + usize::from(y - list.y)).map(Row::item);
        if let Some(Item::Project(project)) = &clicked {
            fold(ui, project);
        }
        ui.item = clicked.or_else(|| ui.item.clone());
    } else if matches!(intent, Intent::Open | Intent::Collapse | Intent::Left | Intent::Right) {
        let project = match rows.get(place.cursor)? {
            Row::Project(name, ..) => (*name).to_owned(),
            Row::Session(_) if intent == Intent::Open => return None,
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

fn fold(ui: &mut Ui, project: &str) {
    if !ui.folded.remove(project) {
        ui.folded.insert(project.to_owned());
    }
}

fn draw(area: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    let (list, preview) = areas(area, cx.ui);
    let rows = rows(cx.model, cx.ui);
    if rows.is_empty() {
        empty(list, buf, cx);
        return;
    }
    let place = cx.ui.place(Context::Night);
    for (y, (at, row)) in (list.y..list.bottom()).zip(rows.iter().enumerate().skip(place.offset)) {
        let line = Rect::new(list.x, y, list.width, 1);
        match row {
            Row::Project(name, count, worst) => project(name, *count, worst, line, buf, cx),
            Row::Session(session) => self::session(session, line, buf, cx),
        }
        if at == place.cursor {
            buf.set_style(line, cx.theme.selected);
        }
    }
    if let (Some(preview), Some(session)) = (preview, under_cursor(cx.model, cx.ui).and_then(|s| cx.model.session(&s)))
    {
        overview::draw_of(session, preview, buf, cx);
    }
}

fn empty(area: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    let lines: &[&str] = if !cx.ui.filter.value().is_empty() {
        &["No session matches the filter.", "Esc shows all again."]
    } else {
        &["No sessions.", "`nightkeep init` writes a sessions.toml for this folder.", "`nightkeep up` begins a night."]
    };
    for (y, line) in (area.y + 1..area.bottom()).zip(lines) {
        put(buf, area.x + 2, y, area.width - 4, line, cx.theme.dim);
    }
}

fn project(name: &str, count: usize, worst: &SessionStatus, line: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    let folded = cx.ui.folded.contains(name);
    let sign = if folded { "▸" } else { "▾" };
    let name = if name.is_empty() { "without a project" } else { name };
    let taken = put(buf, line.x + 1, line.y, line.width - 2, &format!("{sign} {name}"), cx.theme.heading);
    let look = look(worst);
    let text = if folded { format!("{count} sessions, {} {}", look.sign, look.word) } else { count.to_string() };
    put(buf, line.x + 3 + taken, line.y, line.width.saturating_sub(taken + 4), &text, cx.theme.dim);
}

fn session(session: &SessionStatus, line: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    let look = look(session);
    let mut x = line.x + 3;
    put(buf, x, line.y, 12, &format!("{} {}", look.sign, look.word), cx.theme.tone(look.tone));
    x += 13;
    put(buf, x, line.y, 20, &session.name, cx.theme.text);
    x += 21;
    let attempt =
        if session.attempt > 0 { format!("{}/{}", session.attempt, session.attempts_max) } else { String::new() };
    put_right(buf, x, line.y, 5, &attempt, cx.theme.dim);
    x += 6;
    let age = at(session.since.as_ref()).map_or_else(String::new, |since| cx.age(since));
    put_right(buf, x, line.y, 6, &age, cx.theme.dim);
    x += 8;
    let next = at(session.next_at.as_ref()).map(|next| format!("in {}", cx.countdown(next)));
    let number = session.metrics.iter().find(|m| m.value.is_some()).map(of_total);
    let words = session.output.as_ref().map(|o| o.last_line.as_str()).filter(|_| session.state == "running");
    let note = [next, number, Some(words.unwrap_or(&session.reason).to_owned())];
    let note: Vec<String> = note.into_iter().flatten().collect();
    put(buf, x, line.y, line.right().saturating_sub(x + 1), &note.join("  "), cx.theme.text);
}
