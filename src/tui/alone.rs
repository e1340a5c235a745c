//! A recording on a terminal of its own, for `nightkeep replay`: the player and the view of the dashboard, without it.

use super::cells::{clear, put};
use super::intent::Intent;
use super::keys::{Context, Keys};
use super::player::Player;
use super::run::Screen;
use super::theme::{Theme, ThemeName};
use super::view::replay::{beside, draw_player, meaning};
use crossterm::event::{Event, EventStream, KeyCode, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind};
use futures_util::StreamExt as _;
use jiff::tz::TimeZone;
use ratatui::layout::Rect;
use std::io;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep};

/// Time between two frames of a recording that plays or is on its way.
const FRAME: Duration = Duration::from_millis(60);
/// How often it is looked whether a recording that lives has grown.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What the keys do.
const HINTS: &str = "Space play/pause  ←→ 10 s  ↑↓ 1 min  PgUp PgDn 10 min  n N marks  + - speed  [ ] attempt  q leave";

/// Where recordings come from.
pub trait Recordings {
    /// Gives the player what it needs now; tells whether it needed something.
    fn serve(&mut self, player: &mut Player) -> Result<bool, String>;
    /// Opens the recording of another attempt, at its beginning.
    fn open(&mut self, attempt: &str) -> Result<Player, String>;
    /// Tells the player what came meanwhile.
    fn look(&mut self, player: &mut Player);
}

/// What a recording is shown with.
pub struct Look {
    /// The theme.
    pub theme: ThemeName,
    /// The zone for times.
    pub zone: TimeZone,
}

/// Shows a recording until it is left.
pub async fn play(mut player: Player, source: &mut dyn Recordings, look: Look) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut screen = Screen::open(true)?;
    let mut events = EventStream::new();
    let (theme, keys) = (Theme::new(look.theme), Keys::default());
    let mut area = screen.area()?;
    let (mut ticked, mut looked) = (Instant::now(), Instant::now());
    let (mut drawn, mut changed) = (None::<Instant>, true);
    loop {
        let busy = player.step()
            || source.serve(&mut player).unwrap_or_else(|problem| {
                player.take_problem(problem);
                true
            });
        let passed = ticked.elapsed();
        if player.is_playing() && passed >= FRAME {
            ticked = Instant::now();
            player.tick(i64::try_from(passed.as_millis()).unwrap_or(0));
            changed = true;
        }
        if player.about().lives && looked.elapsed() >= LOOK_EVERY {
            looked = Instant::now();
            source.look(&mut player);
            changed = true;
        }
        // A screen that is on its way is drawn now and then, so that it shows that something happens.
        if (changed && !busy) || drawn.is_none_or(|at| (changed || busy) && at.elapsed() >= FRAME) {
            screen.paint(|buf| {
                area = buf.area;
                clear(buf, area, theme.text);
                draw_player(&player, body(area), buf, &theme, &look.zone);
                put(buf, 1, area.bottom().saturating_sub(1), area.width.saturating_sub(2), HINTS, theme.dim);
            })?;
            (drawn, changed) = (Some(Instant::now()), false);
        }
        let rest = match (busy, player.is_playing(), player.about().lives) {
            (true, ..) => Duration::ZERO,
            (false, true, _) => FRAME,
            (false, false, true) => LOOK_EVERY,
            (false, false, false) => Duration::from_secs(3600),
        };
        tokio::select! {
            biased;
            _ = terminate.recv() => return Ok(()),
            _ = hang_up.recv() => return Ok(()),
            event = events.next() => {
                let Some(event) = event else { return Ok(()) };
                changed = true;
                let Some(intent) = intent(&keys, &event?) else { continue };
                let was_playing = player.is_playing();
                if matches!(intent, Intent::Quit | Intent::Back) {
                    return Ok(());
                } else if intent == Intent::Redraw {
                    screen.clear()?;
                } else if let Intent::Attempt { next } = intent {
                    other(&mut player, source, next);
                } else if let Some(act) = meaning(intent, body(area)) {
                    act.to(&mut player);
                }
                if player.is_playing() != was_playing {
                    ticked = Instant::now();
                }
            }
            () = sleep(rest) => {}
        }
    }
}

fn body(area: Rect) -> Rect {
    Rect { height: area.height.saturating_sub(1), ..area }
}

fn other(player: &mut Player, source: &mut dyn Recordings, next: bool) {
    let attempt = player.about().attempt.clone();
    let Some(to) = beside(&player.about().attempts, &attempt, next).filter(|to| *to != attempt) else { return };
    match source.open(&to) {
        Ok(opened) => *player = opened,
        Err(problem) => player.take_problem(problem),
    }
}

/// What an event means here.
fn intent(keys: &Keys, event: &Event) -> Option<Intent> {
    match event {
        Event::Key(key) if key.kind == KeyEventKind::Release => None,
        Event::Key(key) if key.code == KeyCode::Char('c') && key.modifiers == KeyModifiers::CONTROL => {
            Some(Intent::Quit)
        }
        Event::Key(key) => keys.intent(&[Context::Replay, Context::Everywhere], key),
        Event::Mouse(mouse) => {
            let (x, y) = (mouse.column, mouse.row);
            match mouse.kind {
                MouseEventKind::Down(MouseButton::Left) | MouseEventKind::Drag(MouseButton::Left) => {
                    Some(Intent::Click { x, y })
                }
                MouseEventKind::ScrollUp => Some(Intent::Scroll { x, y, down: false }),
                MouseEventKind::ScrollDown => Some(Intent::Scroll { x, y, down: true }),
                MouseEventKind::Down(MouseButton::Right | MouseButton::Middle)
                | MouseEventKind::Drag(MouseButton::Right | MouseButton::Middle)
                | MouseEventKind::Up(_)
                | MouseEventKind::Moved
                | MouseEventKind::ScrollLeft
                | MouseEventKind::ScrollRight => None,
            }
        }
        Event::Resize(width, height) => Some(Intent::Resize { width: *width, height: *height }),
        Event::FocusGained | Event::FocusLost | Event::Paste(_) => None,
    }
}
