//! Styles by meaning. Every state has a sign and a word besides, so the theme without colours says the same.

use crate::protocol::SessionStatus;
use crate::status::table;
use ratatui::style::{Color, Modifier, Style};

/// What a colour is meant to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tone {
    /// At work.
    Working,
    /// Waits for the person.
    Waiting,
    /// Failed or stuck.
    Failed,
    /// Waits for a provider or for the next try.
    Delayed,
    /// Ended as it should.
    Done,
    /// Held, off, or not begun.
    Off,
}

/// A theme by name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ThemeName {
    /// For dark backgrounds.
    #[default]
    Dark,
    /// For light backgrounds.
    Light,
    /// Strong colours.
    HighContrast,
    /// No colours; bold, underlined and reversed text alone.
    None,
}

impl ThemeName {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Dark, Self::Light, Self::HighContrast, Self::None];
    /// The word in the file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Light => "light",
            Self::HighContrast => "high-contrast",
            Self::None => "none",
        }
    }
    /// The theme of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.word() == word)
    }
    /// The one after it.
    pub fn next(self) -> Self {
        match self {
            Self::Dark => Self::Light,
            Self::Light => Self::HighContrast,
            Self::HighContrast => Self::None,
            Self::None => Self::Dark,
        }
    }
}

/// Styles by meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theme {
    /// Whether there are colours; without, what a session's screen has is left out as well.
    pub color: bool,
    /// Plain text.
    pub text: Style,
    /// Text of less interest.
    pub dim: Style,
    /// Text that stands out.
    pub strong: Style,
    /// The title and headings.
    pub heading: Style,
    /// Lines and frames.
    pub line: Style,
    /// The row under the cursor, laid over what is there.
    pub selected: Style,
    /// The chosen tab.
    pub tab: Style,
    /// A key's name in a hint.
    pub key: Style,
    /// Text that a search or filter found.
    pub found: Style,
    /// The done part of a bar.
    pub bar: Style,
    /// Its rest.
    pub bar_rest: Style,
    /// A sparkline.
    pub spark: Style,
    /// A dialog.
    pub over: Style,
    working: Style,
    waiting: Style,
    failed: Style,
    delayed: Style,
    done: Style,
    off: Style,
}

fn fg(index: u8) -> Style {
    Style::new().fg(Color::Indexed(index))
}

impl Theme {
    /// The theme of that name.
    pub fn new(name: ThemeName) -> Self {
        match name {
            ThemeName::Dark => Self::dark(),
            ThemeName::Light => Self::light(),
            ThemeName::HighContrast => Self::high_contrast(),
            ThemeName::None => Self::none(),
        }
    }
    fn dark() -> Self {
        Self {
            color: true,
            text: Style::new(),
            dim: fg(245),
            strong: Style::new().add_modifier(Modifier::BOLD),
            heading: fg(146).add_modifier(Modifier::BOLD),
            line: fg(239),
            selected: Style::new().bg(Color::Indexed(237)),
            tab: fg(231).bg(Color::Indexed(60)).add_modifier(Modifier::BOLD),
            key: fg(146).add_modifier(Modifier::BOLD),
            found: fg(16).bg(Color::Indexed(222)),
            bar: fg(108),
            bar_rest: fg(239),
            spark: fg(109),
            over: Style::new(),
            working: fg(114),
            waiting: fg(221).add_modifier(Modifier::BOLD),
            failed: fg(210).add_modifier(Modifier::BOLD),
            delayed: fg(111),
            done: fg(245),
            off: fg(243),
        }
    }
    fn light() -> Self {
        Self {
            color: true,
            text: Style::new(),
            dim: fg(241),
            strong: Style::new().add_modifier(Modifier::BOLD),
            heading: fg(24).add_modifier(Modifier::BOLD),
            line: fg(250),
            selected: Style::new().bg(Color::Indexed(254)),
            tab: fg(231).bg(Color::Indexed(24)).add_modifier(Modifier::BOLD),
            key: fg(24).add_modifier(Modifier::BOLD),
            found: fg(16).bg(Color::Indexed(222)),
            bar: fg(65),
            bar_rest: fg(250),
            spark: fg(66),
            over: Style::new(),
            working: fg(28),
            waiting: fg(130).add_modifier(Modifier::BOLD),
            failed: fg(160).add_modifier(Modifier::BOLD),
            delayed: fg(25),
            done: fg(241),
            off: fg(243),
        }
    }
    fn high_contrast() -> Self {
        let bold = |color| Style::new().fg(color).add_modifier(Modifier::BOLD);
        Self {
            color: true,
            text: Style::new(),
            dim: Style::new(),
            strong: Style::new().add_modifier(Modifier::BOLD),
            heading: Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
            line: Style::new(),
            selected: Style::new().add_modifier(Modifier::REVERSED),
            tab: Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD),
            key: bold(Color::LightCyan),
            found: Style::new().fg(Color::Black).bg(Color::LightYellow),
            bar: bold(Color::LightGreen),
            bar_rest: Style::new(),
            spark: bold(Color::LightCyan),
            over: Style::new(),
            working: bold(Color::LightGreen),
            waiting: bold(Color::LightYellow),
            failed: bold(Color::LightRed),
            delayed: bold(Color::LightCyan),
            done: Style::new(),
            off: Style::new(),
        }
    }
    fn none() -> Self {
        let bold = Style::new().add_modifier(Modifier::BOLD);
        Self {
            color: false,
            text: Style::new(),
            dim: Style::new(),
            strong: bold,
            heading: bold,
            line: Style::new(),
            selected: Style::new().add_modifier(Modifier::REVERSED),
            tab: Style::new().add_modifier(Modifier::REVERSED),
            key: bold,
            found: Style::new().add_modifier(Modifier::UNDERLINED),
            bar: Style::new(),
            bar_rest: Style::new(),
            spark: Style::new(),
            over: Style::new(),
            working: Style::new(),
            waiting: bold,
            failed: bold,
            delayed: Style::new(),
            done: Style::new(),
            off: Style::new(),
        }
    }
    /// The style of a tone.
    pub fn tone(&self, tone: Tone) -> Style {
        match tone {
            Tone::Working => self.working,
            Tone::Waiting => self.waiting,
            Tone::Failed => self.failed,
            Tone::Delayed => self.delayed,
            Tone::Done => self.done,
            Tone::Off => self.off,
        }
    }
}

/// How a session looks: a sign, a word and a tone, each of which tells the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// One column wide.
    pub sign: &'static str,
    /// At most ten columns.
    pub word: &'static str,
    /// The colour's meaning.
    pub tone: Tone,
    /// How bad it is, the worst lowest.
    pub rank: u8,
}

/// How a session looks by its state and what it does.
pub fn look(session: &SessionStatus) -> Look {
    let look = |sign, word, tone, rank| Look { sign, word, tone, rank };
    match (session.state.as_str(), session.activity.as_deref()) {
        ("running", Some("prompting")) => look("?", "asks you", Tone::Waiting, 0),
        ("failed", _) => look("✗", "failed", Tone::Failed, 1),
        ("running", Some("stalled")) => look("▲", "stalled", Tone::Failed, 2),
        ("partial", _) => look("!", "partial", Tone::Waiting, 3),
        ("held", _) => look("‖", "held", Tone::Off, 4),
        ("unfinished", _) => look("◌", "unfinished", Tone::Waiting, 5),
        ("limited", _) => look("◷", "limited", Tone::Delayed, 6),
        ("backing_off", _) => look("↻", "retries", Tone::Delayed, 7),
        ("stopping", _) => look("◐", "stopping", Tone::Working, 8),
        ("starting", _) => look("◐", "starting", Tone::Working, 9),
        ("running", Some("idle")) => look("○", "quiet", Tone::Working, 10),
        ("running", Some("working")) => look("●", "working", Tone::Working, 11),
        ("running", _) => look("◆", "running", Tone::Working, 11),
        ("queued", _) => look("⋯", "queued", Tone::Off, 12),
        ("waiting", _) => look("·", "waiting", Tone::Off, 13),
        ("scheduled", _) => look("·", "scheduled", Tone::Off, 14),
        ("skipped", _) => look("–", "skipped", Tone::Off, 15),
        ("stopped", _) => look("■", "stopped", Tone::Off, 16),
        ("succeeded", _) => look("✓", "succeeded", Tone::Done, 17),
        _ => look("·", "unknown", Tone::Off, 18),
    }
}

/// Whether a session waits for the person.
pub fn needs_person(session: &SessionStatus) -> bool {
    table::needs_person(session)
}
