//! The terminal's side of the rim: set up, the loop, put back as it was.

use super::feed::Feed;
use super::intent::{Ask, Intent, Want};
use super::keys::Keys;
use super::model::{Detail, Link, Model, News};
use super::theme::{Theme, ThemeName};
use super::ui::Ui;
use super::{update, view};
use crate::client::Client;
use crate::core::time::{At, Wall};
use crate::protocol::Status;
use base64::Engine as _;
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture, Event, EventStream,
};
use crossterm::style::Print;
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode,
};
use crossterm::{cursor, execute, queue};
use futures_util::StreamExt as _;
use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::io::{self, BufWriter, Stdout, Write as _};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Instant, sleep_until};

/// A future of the command line.
pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What the dashboard cannot do itself; the command line does it.
pub trait Outside: Send + Sync {
    /// The time.
    fn now(&self) -> At;
    /// The status as the journal has it, without a daemon. `Err` says why it cannot be read.
    fn journal(&self) -> Later<Result<Status, String>>;
    /// What a view wants, from the journal, without a daemon. `Err` says why it cannot be had.
    fn detail(&self, want: Want) -> Later<Result<Detail, String>>;
    /// A frame was drawn and took so long, what led to it not counted.
    fn drawn(&self, took: Duration);
    /// Shows a session's own screen on this terminal until it is left. `Err` says why not, a line each.
    fn attach(&self, session: &str) -> Later<Result<(), Vec<String>>>;
}

/// What the dashboard is opened with.
pub struct Setup {
    /// The daemon's client.
    pub client: Client,
    /// What the command line does for it.
    pub outside: Arc<dyn Outside>,
    /// The folder whose disk is shown.
    pub state: PathBuf,
    /// The zone for times.
    pub zone: TimeZone,
    /// The theme.
    pub theme: ThemeName,
    /// The keys.
    pub keys: Keys,
    /// Whether the mouse is listened to; then the terminal selects text with Shift alone.
    pub mouse: bool,
}

/// Shortest time between two frames that nobody typed for.
const FRAME: Duration = Duration::from_millis(80);
/// Shortest time between two frames.
const FRAME_TYPED: Duration = Duration::from_millis(15);
/// Longest text that is put into a clipboard; terminals drop longer ones.
const COPY_MAX: usize = 64 << 10;

/// How long the first frame waits for the first status.
const FIRST_FRAME: Duration = Duration::from_millis(80);

/// Whether the terminal is ours at the moment.
static TAKEN: AtomicBool = AtomicBool::new(false);
/// Told when something panicked.
static PANICKED: Notify = Notify::const_new();

/// Takes the terminal.
fn take(mouse: bool) -> io::Result<()> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste, cursor::Hide)?;
    if mouse { execute!(io::stdout(), EnableMouseCapture) } else { Ok(()) }
}

/// Gives the terminal back as it was; does nothing when it is not ours. Errors are nobody's: it may be gone.
fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let _ = execute!(
            io::stdout(),
            EndSynchronizedUpdate,
            DisableBracketedPaste,
            DisableMouseCapture,
            LeaveAlternateScreen,
            cursor::Show
        );
        let _ = disable_raw_mode();
    }
}

/// The terminal while the dashboard has it; given back when dropped, also by a panic.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
    mouse: bool,
}

impl Screen {
    pub(super) fn open(mouse: bool) -> io::Result<Self> {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            // First the terminal, so that the message can be read; then the message.
            give_back();
            PANICKED.notify_one();
            hook(info);
        }));
        let out = BufWriter::with_capacity(64 << 10, io::stdout());
        let screen = Self { terminal: Terminal::new(CrosstermBackend::new(out))?, mouse };
        take(mouse)?;
        Ok(screen)
    }
    /// Draws, within the terminal's size of now. Gives when the frame changes by time alone.
    fn draw(&mut self, model: &Model, ui: &mut Ui, now: Wall) -> io::Result<Option<Wall>> {
        let size = self.terminal.size()?;
        (ui.area.width, ui.area.height) = (size.width, size.height);
        update::settle(model, ui);
        let mut changes = None;
        let theme = Theme::new(ui.theme);
        self.paint(|buf| changes = view::draw(buf, model, ui, &theme, now))?;
        Ok(changes)
    }
    /// Draws a frame.
    pub(super) fn paint(&mut self, draw: impl FnOnce(&mut Buffer)) -> io::Result<()> {
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        self.terminal.draw(|frame| draw(frame.buffer_mut()))?;
        queue!(self.terminal.backend_mut(), EndSynchronizedUpdate)?;
        io::Write::flush(self.terminal.backend_mut())
    }
    /// Its size.
    pub(super) fn area(&self) -> io::Result<Rect> {
        let size = self.terminal.size()?;
        Ok(Rect::new(0, 0, size.width, size.height))
    }
    /// Draws everything anew with the next frame.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.terminal.clear()
    }
    /// Takes the terminal again after something else had it.
    fn retake(&mut self) -> io::Result<()> {
        take(self.mouse)?;
        self.terminal.clear()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // The hook stays: without a terminal of ours it only does what it did before.
        give_back();
    }
}

/// The dashboard while it runs.
struct Dashboard {
    screen: Screen,
    /// Reads the keyboard; none while something else has the terminal.
    events: Option<EventStream>,
    feed: Feed,
    outside: Arc<dyn Outside>,
    model: Model,
    ui: Ui,
    pace: Pace,
}

/// Shows the dashboard until it is left.
pub async fn run(setup: Setup) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let (sender, mut news) = unbounded_channel();
    let screen = Screen::open(setup.mouse)?;
    let mut dashboard = Dashboard {
        screen,
        events: Some(EventStream::new()),
        feed: Feed::start(setup.client, Arc::clone(&setup.outside), setup.state, sender),
        outside: setup.outside,
        model: Model::new(setup.zone),
        ui: Ui::new(Rect::ZERO, setup.theme, setup.keys),
        pace: Pace::new(),
    };
    loop {
        dashboard.draw_when_due()?;
        let Some(events) = &mut dashboard.events else { return Ok(()) };
        let asks = tokio::select! {
            event = events.next() => match event {
                Some(event) => dashboard.typed(&event?),
                // Without a keyboard nobody is there.
                None => return Ok(()),
            },
            Some(one) = news.recv() => {
                dashboard.heard(one, &mut news);
                Vec::new()
            }
            _ = terminate.recv() => return Ok(()),
            _ = hang_up.recv() => return Ok(()),
            () = PANICKED.notified() => return Err(io::Error::other("a part of it failed, see above")),
            () = dashboard.pace.wait() => continue,
        };
        for ask in asks {
            if dashboard.perform(ask).await? == Next::Leave {
                return Ok(());
            }
        }
        dashboard.load_what_is_wanted();
    }
}

/// Whether the dashboard goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    GoOn,
    Leave,
}

impl Dashboard {
    fn now(&self) -> Wall {
        self.outside.now().wall
    }
    fn draw_when_due(&mut self) -> io::Result<()> {
        if self.pace.is_due() {
            let now = self.now();
            self.model.shown.tick(now);
            let begun = Instant::now();
            let changes = self.screen.draw(&self.model, &mut self.ui, now)?;
            self.outside.drawn(begun.elapsed());
            self.pace.drawn(changes.map(|at| at.since(now)));
        }
        Ok(())
    }
    /// What an event of the terminal does.
    fn typed(&mut self, event: &Event) -> Vec<Ask> {
        self.pace.changed(FRAME_TYPED);
        if let Event::Paste(text) = event {
            update::paste(&mut self.ui, text);
            return Vec::new();
        }
        let too_small = view::parts(&self.model, self.ui.area).is_none();
        match update::intent(&self.ui, event) {
            // There is no room for a question, and nothing to see that a key could be about.
            Some(intent) if too_small && !matches!(intent, Intent::Resize { .. } | Intent::Quit | Intent::Back) => {
                Vec::new()
            }
            Some(intent) => update::update(&self.model, &mut self.ui, intent),
            None => Vec::new(),
        }
    }
    /// Takes in news, and all that has come with it.
    fn heard(&mut self, first: News, more: &mut UnboundedReceiver<News>) {
        let (mut next, now) = (Some(first), self.now());
        while let Some(news) = next {
            if let News::Facts(facts) = &news {
                self.feed.changed(facts);
            }
            let was_live = self.model.link == Link::Live;
            if self.model.take(news, now) {
                self.pace.changed(FRAME);
            }
            if was_live != (self.model.link == Link::Live) {
                self.feed.again();
            }
            next = more.try_recv().ok();
        }
    }
    fn load_what_is_wanted(&mut self) {
        let wanted = update::wants(&self.model, &self.ui);
        self.feed.want(&wanted);
        self.model.keep_details(&wanted);
    }
    async fn perform(&mut self, ask: Ask) -> io::Result<Next> {
        match ask {
            Ask::Quit => return Ok(Next::Leave),
            Ask::Redraw => self.screen.terminal.clear()?,
            Ask::Replay(act) => self.model.shown.act(act),
            Ask::Suspend => {
                self.lend();
                // Goes on when the shell says so.
                let stopped = rustix::process::kill_current_process_group(rustix::process::Signal::TSTP);
                self.take_back()?;
                stopped?;
            }
            Ask::Copy { text } => {
                copy(&text)?;
                self.answer(Ask::Copy { text: text.clone() }, Ok(vec![format!("copied: {text}")]));
            }
            Ask::Attach { session } => {
                self.lend();
                let answer = self.outside.attach(&session).await.map(|()| Vec::new());
                self.take_back()?;
                self.answer(Ask::Attach { session }, answer);
            }
            Ask::Verb { .. }
            | Ask::Send { .. }
            | Ask::Schedule { .. }
            | Ask::Alert { .. }
            | Ask::Retry { .. }
            | Ask::Add(_)
            | Ask::Up
            | Ask::Note { .. }
            | Ask::NoteDone { .. }
            | Ask::Answer { .. } => self.feed.perform(ask),
        }
        Ok(Next::GoOn)
    }
    fn answer(&mut self, ask: Ask, answer: Result<Vec<String>, Vec<String>>) {
        let now = self.now();
        self.model.take(News::Answer { ask, answer }, now);
        self.pace.changed(FRAME_TYPED);
    }
    /// Lets something else have the terminal.
    fn lend(&mut self) {
        // The stream reads the keyboard; what is typed now is not for us. A look without waiting gets the reader only once
        // the stream has let it go.
        self.events = None;
        let _ = crossterm::event::poll(Duration::ZERO);
        give_back();
    }
    fn take_back(&mut self) -> io::Result<()> {
        self.screen.retake()?;
        self.events = Some(EventStream::new());
        self.pace.changed(FRAME_TYPED);
        Ok(())
    }
}

/// Puts a text into the terminal's clipboard (OSC 52). Inside tmux it takes tmux's `set-clipboard`.
fn copy(text: &str) -> io::Result<()> {
    let end = (0..=COPY_MAX.min(text.len())).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    let coded = base64::engine::general_purpose::STANDARD.encode(&text[..end]);
    let mut out = io::stdout();
    execute!(out, Print(format!("\x1b]52;c;{coded}\x1b\\")))?;
    out.flush()
}

/// When the next frame is due: after a change, but not too soon after the last one, and when something shown changes by
/// time alone. Nothing is due otherwise.
struct Pace {
    due: Option<Instant>,
    last: Option<Instant>,
}

impl Pace {
    fn new() -> Self {
        Self { due: Some(Instant::now() + FIRST_FRAME), last: None }
    }
    fn changed(&mut self, apart: Duration) {
        let at = self.last.map_or_else(Instant::now, |last| last + apart);
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }
    fn is_due(&self) -> bool {
        self.due.is_some_and(|due| due <= Instant::now())
    }
    fn drawn(&mut self, changes_in: Option<Duration>) {
        let now = Instant::now();
        self.last = Some(now);
        self.due = changes_in.map(|left| now + left.max(FRAME));
    }
    async fn wait(&self) {
        match self.due {
            Some(due) => sleep_until(due).await,
            None => std::future::pending().await,
        }
    }
}
