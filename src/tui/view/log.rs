//! The log of an attempt as clean lines: of any length, because only the pages around what is shown are there.

use super::{Cx, Page, session};
use crate::status::text::bytes;
use crate::tui::cells::{put, put_right};
use crate::tui::intent::{Ask, Intent, Move, Want};
use crate::tui::keys::Context;
use crate::tui::logpage::{LogLine, page_of};
use crate::tui::model::{Detail, Model};
use crate::tui::shown::Shown;
use crate::tui::ui::{Dialog, Question, Ui};
use crate::tui::view::replay::beside;
use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use tui_input::Input;

/// The part of the session view.
pub const PAGE: Page = Page { title: "Log", context: Context::Log, draw, act, wants, ..Page::PLAIN };

/// A line by its page and its number on it.
pub type Spot = (u64, usize);

/// What the person chose in a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogUi {
    /// Whose log it is; of another one nothing of this counts.
    pub session: String,
    /// The attempt; the last one otherwise.
    pub attempt: Option<String>,
    /// The first line shown; `None` follows the end.
    pub top: Option<Spot>,
    /// Whether times are shown.
    pub times: bool,
    /// What was searched last; empty for nothing.
    pub search: String,
    /// The search that is under way: from this line on, or among those before it when backwards.
    pub finding: Option<(Spot, bool)>,
    /// The line that was found last.
    pub hit: Option<Spot>,
    /// What came of the last search.
    pub told: Option<String>,
}

impl LogUi {
    /// Begins a search from what is shown.
    pub fn search_for(&mut self, text: &str) {
        text.clone_into(&mut self.search);
        (self.hit, self.told) = (None, None);
        let from = self.top.unwrap_or((u64::MAX, usize::MAX));
        self.finding = (!text.is_empty()).then_some((from, self.top.is_none()));
    }
}

/// Whether a line has what is searched; capitals count when there are some in it.
pub fn has(text: &str, search: &str) -> bool {
    if search.chars().any(char::is_uppercase) { text.contains(search) } else { text.to_lowercase().contains(search) }
}

/// A log with its known pages.
struct View<'a> {
    shown: &'a Shown,
    attempt: &'a str,
    first: u64,
    last: u64,
}

impl<'a> View<'a> {
    fn of(model: &'a Model, ui: &'a Ui) -> Option<Self> {
        let session = ui.opened.as_ref()?;
        let about = model.shown.log(session, ui.log.attempt.as_ref())?;
        // The status knows of output that came since.
        let status = model.session(session).filter(|s| is_of(s.run.as_deref(), s.attempt, &about.attempt));
        let now = status.and_then(|s| s.output.as_ref()).map_or(0, |output| output.bytes);
        let total = about.bytes.max(now);
        let (first, last) = (page_of(about.kept_from), page_of(total.saturating_sub(1).max(about.kept_from)));
        Some(Self { shown: &model.shown, attempt: &about.attempt, first, last })
    }
    fn lines(&self, page: u64) -> Option<&'a [LogLine]> {
        self.shown.page(self.attempt, page).map(|page| page.lines.as_slice())
    }
    /// The lines from a spot on, as far as they are known.
    fn from(&self, (page, index): Spot) -> impl Iterator<Item = (Spot, &'a LogLine)> {
        let known = (page..=self.last).map_while(move |page| self.lines(page).map(|lines| (page, lines)));
        let all = known.flat_map(|(page, lines)| lines.iter().enumerate().map(move |(i, line)| ((page, i), line)));
        all.skip_while(move |(spot, _)| *spot < (page, index))
    }
    /// The spot so many lines up, as far as lines are known.
    fn up(&self, (mut page, mut index): Spot, mut by: usize) -> Spot {
        index = index.min(self.lines(page).map_or(0, <[LogLine]>::len));
        while by > index && page > self.first {
            let Some(before) = self.lines(page - 1) else { return (page, 0) };
            by -= index;
            (page, index) = (page - 1, before.len());
        }
        (page, index.saturating_sub(by))
    }
    /// The first line shown so that the last ones fill the window.
    fn end(&self, height: usize) -> Spot {
        self.up((self.last, usize::MAX), height)
    }
    fn down(&self, spot: Spot, by: usize, height: usize) -> Option<Spot> {
        let to = self.from(spot).nth(by).map(|(spot, _)| spot);
        // Where the window would show less than it can, it follows the end.
        to.filter(|to| *to < self.end(height))
    }
}

/// Whether an attempt's id is that of a run and a number.
fn is_of(run: Option<&str>, number: u32, attempt: &str) -> bool {
    attempt.rsplit_once('.').is_some_and(|(of, n)| Some(of) == run && n == number.to_string())
}

fn height(model: &Model, ui: &Ui) -> usize {
    usize::from(session::part(super::body(model, ui)).height.saturating_sub(1))
}

fn act(model: &Model, ui: &mut Ui, intent: Intent) -> Option<Vec<Ask>> {
    settle(ui);
    let page = height(model, ui).saturating_sub(1).max(1);
    match steps(intent, page) {
        Some(Step::By(by)) => scroll(model, ui, by),
        Some(Step::First) => ui.log.top = View::of(model, ui).map(|view| (view.first, 0)),
        Some(Step::Last) => ui.log.top = None,
        None => return other(model, ui, intent),
    }
    Some(Vec::new())
}

enum Step {
    By(isize),
    First,
    Last,
}

fn steps(intent: Intent, page: usize) -> Option<Step> {
    let page = isize::try_from(page).unwrap_or(1);
    if let Intent::Scroll { down, .. } = intent {
        return Some(Step::By(if down { 3 } else { -3 }));
    }
    let Intent::Move(step) = intent else { return None };
    Some(match step {
        Move::Up => Step::By(-1),
        Move::Down => Step::By(1),
        Move::PageUp => Step::By(-page),
        Move::PageDown => Step::By(page),
        Move::First => Step::First,
        Move::Last => Step::Last,
    })
}

fn scroll(model: &Model, ui: &mut Ui, by: isize) {
    let rows = height(model, ui);
    let Some(view) = View::of(model, ui) else { return };
    let top = ui.log.top;
    let to = if by < 0 {
        Some(view.up(top.unwrap_or_else(|| view.end(rows)), by.unsigned_abs()))
    } else {
        top.and_then(|top| view.down(top, by.unsigned_abs(), rows))
    };
    ui.log.top = to;
}

fn other(model: &Model, ui: &mut Ui, intent: Intent) -> Option<Vec<Ask>> {
    if let Intent::Attempt { next } = intent {
        let session = ui.opened.as_ref()?;
        if let Some(about) = model.shown.log(session, ui.log.attempt.as_ref()) {
            let attempt = beside(&about.attempts, &about.attempt, next);
            ui.log = LogUi { session: session.clone(), attempt, times: ui.log.times, ..LogUi::default() };
        }
    } else if intent == Intent::Filter {
        ui.dialog = Some(Dialog::Line { question: Question::Search, input: Input::default(), problem: None });
    } else if intent == Intent::Timestamps {
        ui.log.times = !ui.log.times;
    } else if intent == Intent::Follow {
        let rows = height(model, ui);
        let end = View::of(model, ui).map(|view| view.end(rows));
        ui.log.top = if ui.log.top.is_some() { None } else { end };
    } else if intent == Intent::NextMatch || intent == Intent::PreviousMatch {
        let backward = intent == Intent::PreviousMatch;
        if ui.log.search.is_empty() {
            ui.log.told = Some("nothing was searched yet: / searches".to_owned());
        } else {
            let behind = ui.log.hit.map(|(page, index)| (page, index + usize::from(!backward)));
            let from = behind.or(ui.log.top).unwrap_or((u64::MAX, usize::MAX));
            (ui.log.finding, ui.log.told) = (Some((from, backward)), None);
        }
    } else {
        return None;
    }
    Some(Vec::new())
}

/// What of another session's log was chosen does not count.
fn settle(ui: &mut Ui) {
    if let Some(session) = &ui.opened
        && ui.log.session != *session
    {
        ui.log = LogUi { session: session.clone(), times: ui.log.times, ..LogUi::default() };
    }
}

/// Goes to what a search found.
pub fn arrive(model: &Model, ui: &mut Ui) {
    settle(ui);
    let Some(want) = wanted_find(model, ui) else { return };
    let Some(found) = model.details.get(&want) else { return };
    ui.log.finding = None;
    match found {
        Ok(Detail::Found(Some(spot))) => {
            ui.log.hit = Some(*spot);
            let above = height(model, ui) / 3;
            ui.log.top = Some(View::of(model, ui).map_or(*spot, |view| view.up(*spot, above)));
        }
        Ok(_) => ui.log.told = Some(format!("{:?} does not come any more in that direction", ui.log.search)),
        Err(problem) => ui.log.told = Some(problem.clone()),
    }
}

fn wanted_find(model: &Model, ui: &Ui) -> Option<Want> {
    let (from, backward) = ui.log.finding?;
    let session = ui.opened.clone()?;
    let about = model.shown.log(&session, ui.log.attempt.as_ref())?;
    Some(Want::Find { session, attempt: about.attempt.clone(), search: ui.log.search.clone(), from, backward })
}

fn wants(model: &Model, ui: &Ui) -> Vec<Want> {
    let Some(session) = ui.opened.clone() else { return Vec::new() };
    let ours = ui.log.session == session;
    let attempt = ui.log.attempt.clone().filter(|_| ours);
    let mut wants = vec![Want::Log { session: session.clone(), attempt }];
    let Some(view) = View::of(model, ui).filter(|_| ours) else { return wants };
    let around = match ui.log.top {
        Some((page, _)) => page.saturating_sub(1)..=page + 1,
        None => view.last.saturating_sub(1)..=view.last,
    };
    for number in around.filter(|number| (view.first..=view.last).contains(number)) {
        // The last page is read again when the log has grown.
        let total = if number + 1 >= view.last { total(model, ui).unwrap_or(0) } else { u64::MAX };
        wants.push(Want::Page { session: session.clone(), attempt: view.attempt.to_owned(), number, total });
    }
    wants.extend(wanted_find(model, ui));
    wants
}

fn total(model: &Model, ui: &Ui) -> Option<u64> {
    let session = ui.opened.as_ref()?;
    let about = model.shown.log(session, ui.log.attempt.as_ref())?;
    let status = model.session(session).filter(|s| is_of(s.run.as_deref(), s.attempt, &about.attempt));
    Some(about.bytes.max(status.and_then(|s| s.output.as_ref()).map_or(0, |output| output.bytes)))
}

fn draw(area: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    let Some(session) = &cx.ui.opened else { return };
    if area.height < 2 {
        return;
    }
    let window = Rect { height: area.height - 1, ..area };
    let Some(view) = View::of(cx.model, cx.ui) else {
        let want = Want::Log { session: session.clone(), attempt: cx.ui.log.attempt.clone() };
        let why = match cx.model.details.get(&want) {
            Some(Err(problem)) => problem,
            Some(Ok(_)) | None => "asking for its log …",
        };
        put(buf, area.x + 1, area.y, area.width.saturating_sub(2), why, cx.theme.dim);
        return;
    };
    let rows = usize::from(window.height);
    let top = cx.ui.log.top.unwrap_or_else(|| view.end(rows));
    let mut y = window.y;
    for (spot, line) in view.from(top).take(rows) {
        draw_line(line, cx.ui.log.hit == Some(spot), Rect { y, height: 1, ..window }, buf, cx);
        y += 1;
    }
    let next = view.from(top).last().map_or(top.0, |((page, _), _)| page + 1);
    if y < window.bottom() && next <= view.last && view.lines(next).is_none() {
        put(buf, window.x + 1, y, window.width.saturating_sub(2), "…", cx.theme.dim);
    }
    foot(&view, Rect { y: window.bottom(), height: 1, ..area }, buf, cx);
}

fn draw_line(line: &LogLine, hit: bool, row: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    let mut x = row.x + 1;
    let end = row.right().saturating_sub(1);
    if cx.ui.log.times {
        let time = line.ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
        let time = time.map(|at| at.to_zoned(cx.model.zone.clone()).strftime("%H:%M:%S").to_string());
        put(buf, x, row.y, 8, time.as_deref().unwrap_or("--:--:--"), cx.theme.dim);
        x += 10;
    }
    let style = if hit { cx.theme.found } else { cx.theme.text };
    let taken = put(buf, x, row.y, end.saturating_sub(x), &line.text, style);
    let search = &cx.ui.log.search;
    if !hit && !search.is_empty() && has(&line.text, search) {
        mark(search, Rect::new(x, row.y, taken, 1), buf, cx.theme.found);
    }
}

/// Gives what was searched its style where it stands in a row of cells.
fn mark(search: &str, row: Rect, buf: &mut Buffer, style: Style) {
    let symbol = |x: u16| buf.cell((x, row.y)).map_or(" ", |cell| cell.symbol());
    let starts: Vec<(u16, u16)> = (row.left()..row.right())
        .filter_map(|from| {
            let mut text = String::new();
            let mut x = from;
            while x < row.right() && text.len() < search.len() {
                text.push_str(symbol(x));
                x += u16::try_from(crate::terminal::width(symbol(x))).unwrap_or(1).max(1);
            }
            (text.len() == search.len() && has(&text, search)).then_some((from, x))
        })
        .collect();
    for (from, to) in starts {
        buf.set_style(Rect::new(from, row.y, to.min(row.right()) - from, 1), style);
    }
}

fn foot(view: &View<'_>, row: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    let ui = &cx.ui.log;
    let place = match ui.top {
        None => "at the end, follows".to_owned(),
        Some((page, _)) => {
            let (part, all) = (page.saturating_sub(view.first), (view.last - view.first).max(1));
            format!("{} % down", (part * 100 / all).min(100))
        }
    };
    let number = view.attempt.rsplit_once('.').map_or("", |(_, number)| number);
    let size = total(cx.model, cx.ui).unwrap_or(0);
    let right = format!("attempt {number}  {}  {place}", bytes(size));
    let taken = put_right(buf, row.x, row.y, row.width.saturating_sub(1), &right, cx.theme.dim);
    let left = match (&ui.told, &ui.finding) {
        (_, Some(_)) => format!("searching {:?} …", ui.search),
        (Some(told), None) => told.clone(),
        (None, None) if !ui.search.is_empty() => format!("/{}   n next, N before", ui.search),
        (None, None) => "/ searches".to_owned(),
    };
    put(buf, row.x + 1, row.y, row.width.saturating_sub(taken + 3), &left, cx.theme.dim);
}
