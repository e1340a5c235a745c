//! The terminal's side of the rim: set up, the loop, put back as it was.

use super::feed::Feed;
use super::intent::{Ask, Intent};
use super::keys::Keys;
use super::model::{Model, News};
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
use ratatui::layout::Rect;
use std::io::{self, BufWriter, Stdout, Write as _};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
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
}

/// Shortest time between two frames that nobody typed for.
const FRAME: Duration = Duration::from_millis(80);
/// Shortest time between two frames.
const FRAME_TYPED: Duration = Duration::from_millis(15);
/// Longest text that is put into a clipboard; terminals drop longer ones.
const COPY_MAX: usize = 64 << 10;

/// Whether the terminal is ours at the moment.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Takes the terminal.
fn take() -> io::Result<()> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    execute!(io::stdout(), EnterAlternateScreen, EnableMouseCapture, EnableBracketedPaste, cursor::Hide)
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
struct Screen {
    terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
}

impl Screen {
    fn open() -> io::Result<Self> {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            // First the terminal, so that the message can be read; then the message.
            give_back();
            hook(info);
        }));
        take()?;
        let out = BufWriter::with_capacity(64 << 10, io::stdout());
        Ok(Self { terminal: Terminal::new(CrosstermBackend::new(out))? })
    }
    fn draw(&mut self, model: &Model, ui: &Ui, theme: &Theme, now: Wall) -> io::Result<Option<Wall>> {
        let mut changes = None;
        queue!(self.terminal.backend_mut(), BeginSynchronizedUpdate)?;
        self.terminal.draw(|frame| changes = view::draw(frame.buffer_mut(), model, ui, theme, now))?;
        queue!(self.terminal.backend_mut(), EndSynchronizedUpdate)?;
        io::Write::flush(self.terminal.backend_mut())?;
        Ok(changes)
    }
    /// Takes the terminal again after something else had it.
    fn retake(&mut self) -> io::Result<()> {
        take()?;
        self.terminal.clear()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
        // The hook stays: without a terminal of ours it only does what it did before.
    }
}

/// Shows the dashboard until it is left.
pub async fn run(setup: Setup) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let (sender, mut news) = unbounded_channel();
    let mut feed = Feed::start(setup.client, Arc::clone(&setup.outside), setup.state, sender);
    let mut screen = Screen::open()?;
    let size = screen.terminal.size()?;
    let mut ui = Ui::new(Rect::new(0, 0, size.width, size.height), setup.theme, setup.keys);
    let mut model = Model::new(setup.zone);
    let mut events = EventStream::new();
    let mut pace = Pace::new();
    loop {
        if pace.is_due() {
            update::settle(&model, &mut ui);
            let now = setup.outside.now().wall;
            let changes = screen.draw(&model, &ui, &Theme::new(ui.theme), now)?;
            pace.drawn(changes.map(|at| at.since(now)));
        }
        let mut asks = Vec::new();
        tokio::select! {
            event = events.next() => match event {
                Some(Ok(event)) => asks = typed(&model, &mut ui, &event, &mut pace),
                // Without a keyboard nobody is there.
                Some(Err(error)) => return Err(error),
                None => return Ok(()),
            },
            one = news.recv() => {
                let Some(one) = one else { return Ok(()) };
                heard(&mut model, &mut feed, one, &mut news, setup.outside.now().wall);
                pace.changed(FRAME);
            }
            _ = terminate.recv() => return Ok(()),
            _ = hang_up.recv() => return Ok(()),
            () = pace.wait() => {}
        }
        for ask in asks {
            match ask {
                Ask::Quit => return Ok(()),
                Ask::Redraw => screen.terminal.clear()?,
                Ask::Copy { text } => {
                    copy(&text)?;
                    let answer = Ok(vec![format!("copied: {text}")]);
                    let ask = Ask::Copy { text };
                    model.take(News::Answer { ask, answer }, setup.outside.now().wall);
                }
                Ask::Attach { session } => {
                    // The stream reads the keyboard; what is typed now is the session's.
                    drop(events);
                    give_back();
                    let answer = setup.outside.attach(&session).await.map(|()| Vec::new());
                    screen.retake()?;
                    events = EventStream::new();
                    model.take(News::Answer { ask: Ask::Attach { session }, answer }, setup.outside.now().wall);
                }
                Ask::Verb { .. }
                | Ask::Send { .. }
                | Ask::Schedule { .. }
                | Ask::Alert { .. }
                | Ask::Retry { .. }
                | Ask::Add(_)
                | Ask::Up => feed.perform(ask),
            }
        }
        let wanted = update::wants(&model, &ui);
        feed.want(&wanted);
        model.keep_details(&wanted);
    }
}

/// What an event of the terminal does.
fn typed(model: &Model, ui: &mut Ui, event: &Event, pace: &mut Pace) -> Vec<Ask> {
    pace.changed(FRAME_TYPED);
    if let Event::Paste(text) = event {
        update::paste(ui, text);
        return Vec::new();
    }
    let too_small = view::parts(model, ui.area).is_none();
    match update::intent(ui, event) {
        // There is no room for a question, and nothing to see that a key could be about.
        Some(intent) if too_small && !matches!(intent, Intent::Resize { .. } | Intent::Quit | Intent::Back) => {
            Vec::new()
        }
        Some(intent) => update::update(model, ui, intent),
        None => Vec::new(),
    }
}

/// Takes in news, and all that has come with it.
fn heard(model: &mut Model, feed: &mut Feed, first: News, more: &mut UnboundedReceiver<News>, now: Wall) {
    let mut next = Some(first);
    while let Some(news) = next {
        if let News::Facts(facts) = &news {
            feed.changed(facts);
        }
        model.take(news, now);
        next = more.try_recv().ok();
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
        Self { due: Some(Instant::now()), last: None }
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
