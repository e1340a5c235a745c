//! A recording: its screen at a moment, a bar to scrub with marks of what happened, and what is to be said about it.

use super::{Cx, Page};
use crate::core::time::Wall;
use crate::status::text::short_span;
use crate::tui::cells::{put, put_all, put_right};
use crate::tui::intent::{Ask, Intent, Want};
use crate::tui::keys::Context;
use crate::tui::model::Model;
use crate::tui::pane;
use crate::tui::player::{MarkKind, Need, Player};
use crate::tui::shown::ReplayAct;
use crate::tui::theme::{Theme, Tone};
use crate::tui::ui::Ui;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use std::time::Duration;

/// The part of the session view.
pub const PAGE: Page = Page { title: "Replay", context: Context::Replay, draw, act, wants, ..Page::PLAIN };

/// Rows below the screen: the bar, the moment, what is to be said.
const BELOW: u16 = 3;
/// How often a recording that plays is drawn.
const FRAME: Duration = Duration::from_millis(80);

/// Where the parts are: the screen and the bar. `None` when there is no room.
pub fn parts(area: Rect) -> Option<(Rect, Rect)> {
    (area.height > BELOW + 1 && area.width > 20).then(|| {
        let screen = Rect { height: area.height - BELOW, ..area };
        (screen, Rect::new(area.x + 1, screen.bottom(), area.width - 2, 1))
    })
}

/// What an intent means for a recording that is shown in an area.
pub fn meaning(intent: Intent, area: Rect) -> Option<ReplayAct> {
    if let Intent::Click { x, y } = intent {
        let (_, bar) = parts(area)?;
        let part = u32::from(x.saturating_sub(bar.x)) * 1000 / u32::from(bar.width.saturating_sub(1).max(1));
        return bar.contains((x, y).into()).then(|| ReplayAct::Part(u16::try_from(part).unwrap_or(1000)));
    }
    if let Intent::Move(step) = intent {
        return Some(ReplayAct::of_move(step));
    }
    if let Intent::Scroll { down, .. } = intent {
        return Some(ReplayAct::Seconds(if down { 10 } else { -10 }));
    }
    let plain = [
        (Intent::Play, ReplayAct::Play),
        (Intent::Faster, ReplayAct::Speed { faster: true }),
        (Intent::Slower, ReplayAct::Speed { faster: false }),
        (Intent::Left, ReplayAct::Seconds(-10)),
        (Intent::Right, ReplayAct::Seconds(10)),
        (Intent::NextMatch, ReplayAct::Mark { next: true }),
        (Intent::PreviousMatch, ReplayAct::Mark { next: false }),
    ];
    plain.into_iter().find(|(known, _)| *known == intent).map(|(_, act)| act)
}

fn act(model: &Model, ui: &mut Ui, intent: Intent) -> Option<Vec<Ask>> {
    if let Intent::Attempt { next } = intent {
        let session = ui.opened.clone()?;
        if let Some(player) = model.shown.player(&session) {
            ui.replay = beside(&player.about().attempts, &player.about().attempt, next).map(|to| (session, to));
        }
        return Some(Vec::new());
    }
    let area = super::session::part(super::body(model, ui));
    meaning(intent, area).map(|act| vec![Ask::Replay(act)])
}

/// The attempt after one, or before it; the same at the ends.
pub fn beside(attempts: &[String], attempt: &str, next: bool) -> Option<String> {
    let at = attempts.iter().position(|known| known == attempt)?;
    let to = if next { at + 1 } else { at.saturating_sub(1) };
    attempts.get(to.min(attempts.len() - 1)).cloned()
}

fn wants(model: &Model, ui: &Ui) -> Vec<Want> {
    let Some(session) = ui.opened.clone() else { return Vec::new() };
    let chosen = ui.replay.as_ref().filter(|(of, _)| *of == session).map(|(_, attempt)| attempt.clone());
    let recording = Want::Recording { session: session.clone(), attempt: chosen.clone() };
    let mut wants = vec![recording, Want::Marks(session.clone())];
    if let Some(player) = model.shown.player(&session)
        && chosen.is_none_or(|chosen| chosen == player.about().attempt)
    {
        let attempt = player.about().attempt.clone();
        match player.need() {
            Some(Need::Bytes { from, max }) => wants.push(Want::Span { session, attempt, from, max }),
            Some(Need::Times { from, to }) => wants.push(Want::Times { session, attempt, from, to }),
            None => {}
        }
    }
    wants
}

fn draw(area: Rect, buf: &mut Buffer, cx: &Cx<'_>) {
    let Some(name) = &cx.ui.opened else { return };
    let Some(player) = cx.model.shown.player(name) else {
        let want = Want::Recording {
            session: name.clone(),
            attempt: cx.ui.replay.as_ref().filter(|(of, _)| of == name).map(|(_, attempt)| attempt.clone()),
        };
        let why = match cx.model.details.get(&want) {
            Some(Err(problem)) => problem,
            Some(Ok(_)) | None => "asking for its recording …",
        };
        put(buf, area.x + 1, area.y, area.width.saturating_sub(2), why, cx.theme.dim);
        return;
    };
    if player.is_playing() {
        cx.changes_at(cx.now.plus(FRAME));
    }
    draw_player(player, area, buf, cx.theme, &cx.model.zone);
}

/// Draws a recording at its moment.
pub fn draw_player(player: &Player, area: Rect, buf: &mut Buffer, theme: &Theme, zone: &TimeZone) {
    let Some((screen, bar)) = parts(area) else { return };
    pane::draw(player.emulator().screen(), screen, buf, theme.color);
    draw_bar(player, bar, buf, theme);
    let (first, last) = player.span();
    let now = clock(player.now(), zone);
    let sign = if player.is_playing() { "▶" } else { "‖" };
    let speed = format!("{}x", player.speed());
    let way = if player.is_there() { "" } else { "  …" };
    let whole = format!("{} – {}", clock(first, zone), clock(last, zone));
    let ago = short_span(Duration::from_millis(u64::try_from(player.now() - first).unwrap_or(0)));
    let number = player.about().attempt.rsplit_once('.').map_or("", |(_, number)| number);
    let (y, width) = (bar.y + 1, bar.width);
    let right = format!("attempt {number} of {}  {whole}", player.about().attempts.len());
    let taken = put_right(buf, bar.x, y, width, &right, theme.dim);
    let moment = format!("{sign} {now}");
    let rest = format!("  +{ago}  {speed}{way}");
    put_all(buf, bar.x, y, width.saturating_sub(taken + 2), &[(&moment, theme.strong), (&rest, theme.dim)]);
    let (text, style) = said(player, theme);
    put(buf, bar.x, y + 1, width, &text, style);
}

/// What is to be said about the moment: what is missing, else what happened last.
fn said(player: &Player, theme: &Theme) -> (String, Style) {
    let remarks = player.remarks();
    if !remarks.is_empty() {
        return (format!("! {}", remarks.join("; ")), theme.tone(Tone::Waiting));
    }
    let mark = player.marks().iter().rfind(|mark| mark.ms <= player.now());
    mark.map_or_else(
        || (String::new(), theme.dim),
        |mark| (format!("{} {}", sign(mark.kind), mark.what), theme.tone(tone(mark.kind))),
    )
}

fn draw_bar(player: &Player, bar: Rect, buf: &mut Buffer, theme: &Theme) {
    let (first, last) = player.span();
    let span = (last - first).max(1);
    let column = |ms: i64| {
        let part = (ms - first).clamp(0, span);
        bar.x + u16::try_from(part * i64::from(bar.width.saturating_sub(1)) / span).unwrap_or(0)
    };
    let now = column(player.now());
    for x in bar.left()..bar.right() {
        let (symbol, style) = if x < now { ("━", theme.bar) } else { ("─", theme.bar_rest) };
        put(buf, x, bar.y, 1, symbol, style);
    }
    for mark in player.marks() {
        put(buf, column(mark.ms), bar.y, 1, sign(mark.kind), theme.tone(tone(mark.kind)));
    }
    put(buf, now, bar.y, 1, "●", theme.strong);
}

/// The sign of a mark; one column wide.
fn sign(kind: MarkKind) -> &'static str {
    match kind {
        MarkKind::Attempt => "↻",
        MarkKind::Prompt => "?",
        MarkKind::Alert => "!",
        MarkKind::Commit => "+",
        MarkKind::Gap => "×",
        MarkKind::Other => "·",
    }
}

fn tone(kind: MarkKind) -> Tone {
    match kind {
        MarkKind::Attempt => Tone::Delayed,
        MarkKind::Prompt => Tone::Waiting,
        MarkKind::Alert | MarkKind::Gap => Tone::Failed,
        MarkKind::Commit => Tone::Working,
        MarkKind::Other => Tone::Off,
    }
}

fn clock(ms: i64, zone: &TimeZone) -> String {
    let at = Wall(ms);
    Timestamp::from_millisecond(at.0)
        .map_or_else(|_| "??:??:??".to_owned(), |at| at.to_zoned(zone.clone()).strftime("%H:%M:%S").to_string())
}
