//! What the person chose: view, selection, filter, order, what is folded, and an open dialog. Pure.

use super::intent::Ask;
use super::keys::{Context, Keys};
use super::theme::ThemeName;
use super::view::log::LogUi;
use super::view::{self, Page};
use ratatui::layout::Rect;
use std::collections::{BTreeMap, BTreeSet};
use tui_input::Input;

/// A view. Add one here, and its page below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum View {
    /// The sessions: home.
    Night,
    /// One session, with its parts; reached from the others, without a number of its own.
    Session,
    /// What each session did when.
    Timeline,
    /// What is wrong, and was.
    Alerts,
    /// Runs that failed for good.
    Dead,
    /// What comes next, and why not yet.
    Plan,
    /// The report of this or any past night.
    Morning,
}

impl View {
    /// The views with a number, in order.
    pub const NUMBERED: &[Self] = &[
        Self::Night, //
        Self::Timeline,
        Self::Alerts,
        Self::Dead,
        Self::Plan,
        Self::Morning,
    ];
    /// What it is made of.
    pub fn page(self) -> &'static Page {
        match self {
            Self::Night => &view::night::PAGE,
            Self::Session => &view::session::PAGE,
            Self::Timeline => &view::timeline::PAGE,
            Self::Alerts => &view::alerts::PAGE,
            Self::Dead => &view::dead::PAGE,
            Self::Plan => &view::plan::PAGE,
            Self::Morning => &view::morning::PAGE,
        }
    }
}

/// A part of the session view. Add one here, and its page below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tab {
    /// What the status knows of it.
    Overview,
    /// Its screen, live.
    Screen,
    /// Its output as lines.
    Log,
    /// Its screen as it was.
    Replay,
    /// Its attempts, each with its death certificate.
    Attempts,
    /// What happened.
    Events,
    /// Its numbers over time.
    Numbers,
    /// Why it is in its state.
    Why,
    /// Notes to it.
    Notes,
}

impl Tab {
    /// All, in order.
    pub const ALL: &[Self] = &[
        Self::Overview, //
        Self::Screen,
        Self::Log,
        Self::Replay,
        Self::Attempts,
        Self::Events,
        Self::Numbers,
        Self::Why,
        Self::Notes,
    ];
    /// What it is made of.
    pub fn page(self) -> &'static Page {
        match self {
            Self::Overview => &view::overview::PAGE,
            Self::Screen => &view::screen::PAGE,
            Self::Log => &view::log::PAGE,
            Self::Replay => &view::replay::PAGE,
            Self::Attempts => &view::attempts::PAGE,
            Self::Events => &view::events::PAGE,
            Self::Numbers => &view::numbers::PAGE,
            Self::Why => &view::why::PAGE,
            Self::Notes => &view::notes::PAGE,
        }
    }
}

/// In which order sessions stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sort {
    /// By project, the worst first.
    #[default]
    Worst,
    /// By project, by name.
    Name,
    /// By what last wrote.
    Recent,
    /// By what happens next.
    Next,
}

impl Sort {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Worst => "worst first",
            Self::Name => "by name",
            Self::Recent => "last output first",
            Self::Next => "next event first",
        }
    }
    /// The one after it.
    pub fn next(self) -> Self {
        match self {
            Self::Worst => Self::Name,
            Self::Name => Self::Recent,
            Self::Recent => Self::Next,
            Self::Next => Self::Worst,
        }
    }
}

/// A line of the home view the cursor can be on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item {
    /// The heading of a project.
    Project(String),
    /// A session.
    Session(String),
}

/// Where a list or text is: the line of the cursor and the first line that is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// The cursor's line, from 0.
    pub cursor: usize,
    /// The first line shown, from 0.
    pub offset: usize,
}

impl Place {
    /// Keeps the cursor among `rows` lines and shown in a window of `height` lines.
    pub fn settle(&mut self, rows: usize, height: usize) {
        self.cursor = self.cursor.min(rows.saturating_sub(1));
        let height = height.max(1);
        if self.cursor < self.offset {
            self.offset = self.cursor;
        } else if self.cursor >= self.offset + height {
            self.offset = self.cursor + 1 - height;
        }
        self.offset = self.offset.min(rows.saturating_sub(height));
    }
}

/// What a line of text is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// The text to type into a session.
    Send {
        /// Which session.
        session: String,
    },
    /// When a session is to start.
    Schedule {
        /// Which session.
        session: String,
    },
    /// How long an alert is quiet.
    Snooze {
        /// The alert's id or the session's name.
        target: String,
    },
    /// The session to add: `NAME PROJECT COMMAND…`.
    Add,
    /// A text to search in the log.
    Search,
    /// What a session should know.
    Note {
        /// Which session.
        session: String,
    },
    /// What is answered to a session that asks.
    Answer {
        /// Which session.
        session: String,
        /// The ticket.
        ticket: String,
        /// What it asks and offers, a line each.
        asks: Vec<String>,
    },
}

/// What lies over the view.
#[derive(Debug, Clone)]
pub enum Dialog {
    /// The keys.
    Help {
        /// First line shown.
        offset: usize,
    },
    /// A command is asked for.
    Palette {
        /// What was typed.
        input: Input,
        /// The chosen line.
        cursor: usize,
    },
    /// Something is lost by this; is it meant?
    Confirm {
        /// The question.
        question: String,
        /// What is lost.
        loss: String,
        /// What is done after a yes.
        ask: Box<Ask>,
    },
    /// A line of text is asked for.
    Line {
        /// What for.
        question: Question,
        /// What was typed.
        input: Input,
        /// What is wrong with it.
        problem: Option<String>,
    },
}

/// All that the person chose.
#[derive(Debug, Clone)]
pub struct Ui {
    /// The view.
    pub view: View,
    /// The view that Back leads to from the session view.
    pub under: View,
    /// The part of the session view.
    pub tab: Tab,
    /// The session the session view shows.
    pub opened: Option<String>,
    /// Where the cursor of the home view is; `None` until there is a line.
    pub item: Option<Item>,
    /// The filter; empty shows all.
    pub filter: Input,
    /// Whether the filter is being typed.
    pub filtering: bool,
    /// The order.
    pub sort: Sort,
    /// Projects that are folded.
    pub folded: BTreeSet<String>,
    /// Whether the preview is shown where there is room.
    pub preview: bool,
    /// Where each list is.
    pub places: BTreeMap<Context, Place>,
    /// What lies over the view.
    pub dialog: Option<Dialog>,
    /// The terminal's size.
    pub area: Rect,
    /// The theme.
    pub theme: ThemeName,
    /// The keys.
    pub keys: Keys,
    /// The place in the log.
    pub log: LogUi,
    /// The session and the attempt whose recording was chosen.
    pub replay: Option<(String, String)>,
    /// What of the night the timeline shows.
    pub zoom: view::timeline::Zoom,
    /// The night of the report; `None` is the open or last one.
    pub report_night: Option<String>,
    /// The pages of events that were left behind on the way to older ones: before which fact each begins.
    pub older_events: Vec<i64>,
}

impl Ui {
    /// At the start.
    pub fn new(area: Rect, theme: ThemeName, keys: Keys) -> Self {
        Self {
            view: View::Night,
            under: View::Night,
            tab: Tab::Overview,
            opened: None,
            item: None,
            filter: Input::default(),
            filtering: false,
            sort: Sort::default(),
            folded: BTreeSet::new(),
            preview: true,
            places: BTreeMap::new(),
            dialog: None,
            area,
            theme,
            keys,
            log: LogUi::default(),
            replay: None,
            zoom: view::timeline::Zoom::default(),
            report_night: None,
            older_events: Vec::new(),
        }
    }
    /// Where a list is.
    pub fn place(&self, context: Context) -> Place {
        self.places.get(&context).copied().unwrap_or_default()
    }
    /// The page that is shown: the view's, or of the session view the part's.
    pub fn page(&self) -> &'static Page {
        if self.view == View::Session { self.tab.page() } else { self.view.page() }
    }
    /// Where keys are looked up, the nearest first.
    pub fn contexts(&self) -> Vec<Context> {
        if self.view == View::Session {
            vec![self.tab.page().context, Context::Session, Context::Everywhere]
        } else {
            vec![self.view.page().context, Context::Everywhere]
        }
    }
}
