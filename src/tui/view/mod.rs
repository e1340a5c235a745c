//! The frame: header, tabs, body, footer, and what lies over them. A view is a function of what is known, what the
//! person chose, and the time; it changes nothing.

pub mod alerts;
pub mod attempts;
pub mod dead;
pub mod dialog;
pub mod events;
pub mod help;
mod lines;
pub mod log;
pub mod morning;
pub mod night;
pub mod notes;
pub mod numbers;
pub mod overview;
pub mod palette;
pub mod plan;
pub mod preview;
pub mod replay;
pub mod screen;
pub mod session;
pub mod timeline;
pub mod why;

use super::cells::{clear, put, put_all, put_right, width};
use super::intent::{Ask, Intent, Want};
use super::keys::Context;
use super::model::{Link, Model, next_minute};
use super::theme::{Look, Theme, Tone, look, needs_person};
use super::ui::{Dialog, Sort, Ui, View};
use crate::core::time::Wall;
use crate::core::usage::{WARN_AT, short as short_count};
use crate::protocol::SessionStatus;
use crate::status::text::{bytes, short_span};
use crate::status::zone::{hh_mm, parse};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::cell::Cell;
use std::time::Duration;

/// The smallest terminal on which there is room.
pub const SMALLEST: (u16, u16) = (60, 15);

/// Spans from here on are told as the time at their end.
const HOUR: Duration = Duration::from_secs(3600);

/// What a view is made of.
pub struct Page {
    /// Its name on its tab.
    pub title: &'static str,
    /// Where its keys and its place in a list are kept.
    pub context: Context,
    /// Draws it.
    pub draw: fn(Rect, &mut Buffer, &Cx<'_>),
    /// What an intent means here; `None` when it means what it means everywhere.
    pub act: fn(&Model, &mut Ui, Intent) -> Option<Vec<Ask>>,
    /// What it needs beyond the status.
    pub wants: fn(&Model, &Ui) -> Vec<Want>,
    /// The session under the cursor: what acts are about.
    pub session: fn(&Model, &Ui) -> Option<String>,
    /// Lines it has, for moving about in it.
    pub rows: fn(&Model, &Ui) -> usize,
    /// A number behind the title.
    pub badge: fn(&Model) -> usize,
}

impl Page {
    /// A page of which nothing but a title and a drawing is special.
    pub const PLAIN: Self = Self {
        title: "",
        context: Context::Everywhere,
        draw: |_, _, _| {},
        act: |_, _, _| None,
        wants: |_, _| Vec::new(),
        session: |_, ui| ui.opened.clone(),
        rows: |_, _| 0,
        badge: |_| 0,
    };
}

/// What a view is a function of.
pub struct Cx<'a> {
    /// What is known.
    pub model: &'a Model,
    /// What the person chose.
    pub ui: &'a Ui,
    /// The styles.
    pub theme: &'a Theme,
    /// The time.
    pub now: Wall,
    /// When something that was drawn changes by time alone.
    changes: Cell<Option<Wall>>,
}

impl<'a> Cx<'a> {
    /// A frame at a time.
    pub fn new(model: &'a Model, ui: &'a Ui, theme: &'a Theme, now: Wall) -> Self {
        Self { model, ui, theme, now, changes: Cell::new(None) }
    }
    /// Notes that something drawn changes at a time, so that the frame is drawn again then.
    pub fn changes_at(&self, at: Wall) {
        if at > self.now {
            self.changes.set(Some(self.changes.get().map_or(at, |sooner| sooner.min(at))));
        }
    }
    /// How long ago something was, for a narrow column; drawn again when it reads differently.
    pub fn age(&self, since: Wall) -> String {
        let age = self.now.since(since);
        let step: u64 = if age < Duration::from_secs(90) { 1_000 } else { 60_000 };
        let passed = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        let next = (passed / step + 1) * step;
        self.changes_at(since.plus(Duration::from_millis(next)));
        short_span(age)
    }
    /// How long until something: `0:42`, `12m`, or the time when it is more than an hour away.
    pub fn countdown(&self, at: Wall) -> String {
        let left = at.since(self.now);
        let ms = i64::try_from(left.as_millis()).unwrap_or(i64::MAX);
        if ms == 0 {
            return "now".to_owned();
        }
        if left >= HOUR {
            self.changes_at(Wall(at.0 - 3_600_000 + 1));
            return self.clock(at);
        }
        // Rounded up, so that it reads 0:00 when it is due and not before.
        let seconds = (ms + 999) / 1000;
        if seconds >= 600 {
            self.changes_at(Wall(at.0 - seconds / 60 * 60_000 + 1));
            return format!("{}m", seconds / 60);
        }
        self.changes_at(Wall(at.0 - (seconds - 1) * 1000));
        format!("{}:{:02}", seconds / 60, seconds % 60)
    }
    /// The key of an action, for hints.
    pub fn key(&self, action: &str) -> String {
        self.ui.keys.of(action).first().map_or_else(|| format!(":{action}"), ToString::to_string)
    }
    /// The same in a sentence: `in 0:42`, `in 12m`, `at 03:00`, `now`.
    pub fn until(&self, at: Wall) -> String {
        let left = at.since(self.now);
        let words = self.countdown(at);
        if left.is_zero() {
            words
        } else if left < HOUR {
            format!("in {words}")
        } else {
            format!("at {words}")
        }
    }
    /// The local time alone when it is within a day, else with the day.
    pub fn clock(&self, at: Wall) -> String {
        let soon = at.since(self.now) < Duration::from_secs(20 * 3600);
        if soon { hh_mm(at, &self.model.zone) } else { self.time(at) }
    }
    /// The local time, with the day when it is another.
    pub fn time(&self, at: Wall) -> String {
        crate::status::zone::hh_mm_near(at, self.now, &self.model.zone)
    }
}

/// Where the parts of the frame are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// Night, clock, counts.
    pub header: Rect,
    /// The views.
    pub tabs: Rect,
    /// What is wrong with what is shown; without rows when nothing is.
    pub banner: Rect,
    /// What needs the person.
    pub needs: Rect,
    /// The view.
    pub body: Rect,
    /// What can be done, or what came of it.
    pub footer: Rect,
}

/// Where the parts are; `None` when there is too little room.
pub fn parts(model: &Model, area: Rect) -> Option<Parts> {
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        return None;
    }
    let row = |y: u16, height: u16| Rect::new(area.x, area.y + y, area.width, height);
    let banner = u16::from(banner(model).is_some());
    let top = 3 + banner;
    Some(Parts {
        header: row(0, 1),
        tabs: row(1, 1),
        banner: row(2, banner),
        needs: row(2 + banner, 1),
        body: row(top, area.height - top - 1),
        footer: row(area.height - 1, 1),
    })
}

/// The area of the view.
pub fn body(model: &Model, ui: &Ui) -> Rect {
    parts(model, ui.area).map_or(Rect::ZERO, |parts| parts.body)
}

/// Draws the frame. Gives when it changes by time alone.
pub fn draw(buf: &mut Buffer, model: &Model, ui: &Ui, theme: &Theme, now: Wall) -> Option<Wall> {
    let cx = Cx::new(model, ui, theme, now);
    let area = buf.area;
    clear(buf, area, theme.text);
    let Some(parts) = parts(model, area) else {
        too_small(buf, &cx);
        return None;
    };
    header(parts.header, buf, &cx);
    tabs(parts.tabs, buf, &cx);
    if let Some(text) = banner(model) {
        put(buf, 1, parts.banner.y, area.width - 2, &text, theme.tone(Tone::Failed));
    }
    needs(parts.needs, buf, &cx);
    (ui.view.page().draw)(parts.body, buf, &cx);
    footer(parts.footer, buf, &cx);
    match &ui.dialog {
        Some(Dialog::Help { offset }) => help::draw(*offset, buf, &cx),
        Some(Dialog::Palette { input, cursor }) => palette::draw(input, *cursor, buf, &cx),
        Some(Dialog::Confirm { question, loss, ask: _ }) => dialog::confirm(question, loss, buf, &cx),
        Some(Dialog::Line { question, input, problem }) => {
            dialog::line(question, input, problem.as_deref(), buf, &cx);
        }
        None => {}
    }
    cx.changes.get()
}

fn too_small(buf: &mut Buffer, cx: &Cx<'_>) {
    let area = buf.area;
    let (width, height) = SMALLEST;
    let lines = [
        format!("{}x{} is too small", area.width, area.height),
        format!("{width}x{height} is enough"),
        "q leaves".to_owned(),
    ];
    for (y, line) in lines.iter().enumerate() {
        let y = u16::try_from(y).unwrap_or(u16::MAX);
        put(buf, 0, area.y.saturating_add(y), area.width, line, cx.theme.text);
    }
}

/// What is wrong with what is shown.
fn banner(model: &Model) -> Option<String> {
    if let Link::Gone { since, why } = &model.link {
        let time = hh_mm(*since, &model.zone);
        return Some(format!("No daemon since {time}; this is the journal. `nightkeep up` goes on. ({why})"));
    }
    if let Some(why) = &model.status.safe_mode {
        return Some(format!("Safe mode, nothing is started: {why}. `nightkeep up` ends it."));
    }
    let problem = model.status.file_problem.as_ref()?;
    Some(format!("The changed file is not taken over: {}", problem.lines().next().unwrap_or_default()))
}

fn header(area: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    let theme = cx.theme;
    let night = night_words(cx);
    let end = area.width.saturating_sub(1);
    let mut x =
        1 + put_all(buf, 1, area.y, end, &[("nightkeep", theme.heading), ("  ", theme.text), (&night, theme.text)]);
    x += 3;
    cx.changes_at(next_minute(cx.now));
    let clock = hh_mm(cx.now, &cx.model.zone);
    let mut free = end.saturating_sub(put_right(buf, 0, area.y, end, &clock, theme.strong) + 2);
    let alerts = cx.model.open_alerts().count();
    if alerts > 0 {
        let text = format!("⚑ {alerts} alert{}", if alerts == 1 { "" } else { "s" });
        free = free.saturating_sub(put_right(buf, 0, area.y, free, &text, theme.tone(Tone::Waiting)) + 2);
    }
    let counts = counts(cx.model.status.sessions.iter());
    let room = free.saturating_sub(x);
    let total = |text: &dyn Fn(&(usize, Look)) -> String| counts.iter().map(|c| width(&text(c)) + 2).sum::<u16>();
    let long = |(count, look): &(usize, Look)| format!("{} {count} {}", look.sign, look.word);
    let short = |(count, look): &(usize, Look)| format!("{} {count}", look.sign);
    let text: &dyn Fn(&(usize, Look)) -> String = if total(&long) <= room { &long } else { &short };
    for count in &counts {
        x += put(buf, x, area.y, free.saturating_sub(x), &text(count), theme.tone(count.1.tone)) + 2;
    }
    let host = &cx.model.host;
    let load = host.load.map(|load| (format!("load {load:.1}/{}", host.cores), load > host.cores as f64 * 2.0));
    let disk = host.disk_free.map(|disk| {
        let short = host.disk_all.is_some_and(|all| disk < all / 50);
        (format!("disk {} free", bytes(disk)), short)
    });
    let used = cx.model.status.usage.as_ref().map(|usage| {
        let percent = usage.budget.as_ref().and_then(|budget| budget.percent);
        let tokens = short_count(usage.input_tokens.saturating_add(usage.output_tokens));
        let cost = usage.usd.map_or_else(String::new, |usd| format!(" ${usd:.2}"));
        let of = percent.map_or_else(String::new, |percent| format!(" ({percent} %)"));
        (format!("{tokens} tokens{cost}{of}"), percent.is_some_and(|percent| percent >= WARN_AT))
    });
    for (text, bad) in used.into_iter().chain(load).chain(disk) {
        if width(&text) + x + 2 > free {
            continue;
        }
        let style = if bad { theme.tone(Tone::Failed) } else { theme.dim };
        free = free.saturating_sub(put_right(buf, 0, area.y, free, &text, style) + 2);
    }
}

/// `Night 21 Nov until 07:00`
fn night_words(cx: &Cx<'_>) -> String {
    let Some(night) = &cx.model.status.night else {
        return if cx.model.link == Link::Opening { "asking the daemon …" } else { "no night yet" }.to_owned();
    };
    let id =
        night.id.parse::<jiff::civil::Date>().map_or_else(|_| night.id.clone(), |d| d.strftime("%-d %b").to_string());
    let until = match at(night.to.as_ref()) {
        None => String::new(),
        Some(to) if to > cx.now => {
            cx.changes_at(to);
            format!(" until {}", hh_mm(to, &cx.model.zone))
        }
        Some(to) => format!(" over since {}", cx.time(to)),
    };
    format!("Night {id}{until}")
}

/// How many sessions look alike, the worst first.
fn counts<'a>(sessions: impl Iterator<Item = &'a SessionStatus>) -> Vec<(usize, Look)> {
    let mut counts: Vec<(usize, Look)> = Vec::new();
    for look in sessions.map(look) {
        match counts.iter_mut().find(|(_, known)| known.word == look.word) {
            Some((count, _)) => *count += 1,
            None => counts.push((1, look)),
        }
    }
    counts.sort_by_key(|(_, look)| look.rank);
    counts
}

/// Where each numbered tab is, with its text.
fn tab_places(model: &Model, area: Rect) -> Vec<(View, Rect, String)> {
    let mut x = area.x + 1;
    let mut places = Vec::new();
    for (at, view) in View::NUMBERED.iter().copied().enumerate() {
        let page = view.page();
        let badge = match (page.badge)(model) {
            0 => String::new(),
            n => format!(" {n}"),
        };
        let text = format!(" {} {}{badge} ", at + 1, page.title);
        let wide = width(&text).min(area.right().saturating_sub(x));
        places.push((view, Rect::new(x, area.y, wide, 1), text));
        x = x.saturating_add(wide + 1);
    }
    places
}

/// The view whose tab is there.
pub fn tab_at(model: &Model, ui: &Ui, x: u16, y: u16) -> Option<View> {
    let parts = parts(model, ui.area)?;
    let places = tab_places(model, parts.tabs);
    places.into_iter().find(|(_, place, _)| place.contains((x, y).into())).map(|(view, _, _)| view)
}

fn tabs(area: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    let shown = if cx.ui.view == View::Session { cx.ui.under } else { cx.ui.view };
    for (view, place, text) in tab_places(cx.model, area) {
        let style = if view == shown { cx.theme.tab } else { cx.theme.dim };
        put(buf, place.x, place.y, place.width, &text, style);
    }
    let filter = cx.ui.filter.value();
    if cx.ui.filtering || !filter.is_empty() {
        let text = format!("/{filter}{}", if cx.ui.filtering { "▏" } else { "" });
        put_right(buf, area.x, area.y, area.width - 1, &text, cx.theme.found);
    } else if cx.ui.view == View::Night && cx.ui.sort != Sort::default() {
        put_right(buf, area.x, area.y, area.width - 1, cx.ui.sort.word(), cx.theme.dim);
    }
}

fn needs(area: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    let mut needy: Vec<&SessionStatus> = cx.model.status.sessions.iter().filter(|s| needs_person(s)).collect();
    needy.sort_by_key(|s| look(s).rank);
    let lone = cx.model.open_alerts().find(|alert| alert.session.is_none());
    let (x, y, columns) = (1, area.y, area.width - 2);
    let Some(worst) = needy.first() else {
        if let Some(alert) = lone {
            let pieces = [("Needs you  ", cx.theme.strong), (alert.title.as_str(), cx.theme.tone(Tone::Waiting))];
            put_all(buf, x, y, columns, &pieces);
        } else if !cx.model.status.sessions.is_empty() {
            put(buf, x, y, columns, "Nothing needs you.", cx.theme.dim);
        }
        return;
    };
    let more = match needy.len() - 1 + usize::from(lone.is_some()) {
        0 => String::new(),
        n => format!("+{n} more, {} goes there", cx.key("next-needy")),
    };
    let kept = put_right(buf, x, y, columns, &more, cx.theme.dim);
    let why = match worst.activity.as_deref() {
        Some("prompting" | "stalled") if worst.prompt.is_none() => {
            worst.activity_evidence.as_ref().unwrap_or(&worst.reason)
        }
        Some(_) | None => &worst.reason,
    };
    let look = look(worst);
    let tone = cx.theme.tone(look.tone);
    let head = format!("{} {} {}", look.sign, worst.name, look.word);
    let pieces = [("Needs you  ", cx.theme.strong), (&head, tone), (": ", cx.theme.dim), (why, cx.theme.text)];
    put_all(buf, x, y, columns.saturating_sub(kept + 2), &pieces);
}

/// How long an answer is shown.
const NOTICE_SHOWN: Duration = Duration::from_secs(8);

fn footer(area: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    if let Some(notice) = &cx.model.notice {
        let until = notice.since.plus(NOTICE_SHOWN);
        if until > cx.now {
            cx.changes_at(until);
            let style = if notice.bad { cx.theme.tone(Tone::Failed) } else { cx.theme.tone(Tone::Working) };
            let sign = if notice.bad { "✗ " } else { "✓ " };
            put(buf, 1, area.y, area.width - 2, &format!("{sign}{}", notice.lines.join("; ")), style);
            return;
        }
    }
    let contexts = cx.ui.contexts();
    // The way to all the others is always there.
    let help = format!("{} help", cx.key("help"));
    let end = area.right() - 1 - put_right(buf, area.x, area.y, area.width - 1, &help, cx.theme.dim);
    let mut x = area.x + 1;
    let session = (cx.ui.page().session)(cx.model, cx.ui).and_then(|name| cx.model.session(&name));
    if session.is_some_and(|session| session.prompt.is_some()) {
        // It waits for nothing but this.
        let tone = cx.theme.tone(Tone::Waiting);
        let pieces = [(&*cx.key("answer"), cx.theme.key), (" ", cx.theme.dim), ("answer", tone)];
        x += put_all(buf, x, area.y, end - x, &pieces) + 2;
    }
    for (action, keys) in cx.ui.keys.all() {
        let (Some(hint), Some(key)) = (action.hint, keys.first()) else { continue };
        if !contexts.contains(&action.context) || action.name == "help" {
            continue;
        }
        let key = key.to_string();
        if x + width(&key) + 2 + width(hint) >= end {
            break;
        }
        let pieces = [(key.as_str(), cx.theme.key), (" ", cx.theme.dim), (hint, cx.theme.dim)];
        x += put_all(buf, x, area.y, end - x, &pieces) + 2;
    }
}

/// A wall-clock time of the status.
pub fn at(text: Option<&String>) -> Option<Wall> {
    text.and_then(|text| parse(text))
}
