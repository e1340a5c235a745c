//! What a key, a click or a word of the palette means, and what the rim is then asked to do.

use super::shown::ReplayAct;
use super::ui::{Tab, View};
use crate::core::alert::AlertAct;
use crate::core::event::{Verb, When};
use crate::protocol::AddRequest;
use crossterm::event::KeyEvent;
use std::time::Duration;

/// One step in a list or text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// One line up.
    Up,
    /// One line down.
    Down,
    /// A screenful up.
    PageUp,
    /// A screenful down.
    PageDown,
    /// To the first.
    First,
    /// To the last.
    Last,
}

/// What the person wants. What it is about (which session, which alert) is where the cursor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// Leave the dashboard.
    Quit,
    /// One step back: close what is open, leave the view; on the home view leave the dashboard.
    Back,
    /// Show the keys.
    Help,
    /// Ask for a command.
    Palette,
    /// Type a filter; in texts a search.
    Filter,
    /// Draw everything anew.
    Redraw,
    /// Stop the dashboard and give the shell back, until `fg`.
    Suspend,
    /// To a view.
    Go(View),
    /// To a part of the session view.
    GoTab(Tab),
    /// To the next view or part.
    NextView,
    /// To the one before.
    PreviousView,
    /// In a list or text.
    Move(Move),
    /// To the left.
    Left,
    /// To the right.
    Right,
    /// Open what is under the cursor.
    Open,
    /// To the next session that needs the person.
    NextNeedy,
    /// Another order.
    Sort,
    /// Fold or unfold a group.
    Collapse,
    /// Show or hide the preview.
    Preview,
    /// Another theme.
    NextTheme,
    /// Open the session's own screen.
    Attach,
    /// An operator's verb on the session.
    Verb(Verb),
    /// Snooze the alert.
    Snooze,
    /// Tell the alert to the next in line.
    Escalate,
    /// Start the session at a time.
    Schedule,
    /// Write a note to the session.
    Note,
    /// Type a text into the session.
    SendText,
    /// Add a session.
    Add,
    /// Copy the command that helps.
    CopyCommand,
    /// Begin the night.
    Up,
    /// The alert is known.
    Ack,
    /// The alert is over.
    Resolve,
    /// A second chance for a dead letter.
    Retry,
    /// Go along with what comes.
    Follow,
    /// Show or hide times.
    Timestamps,
    /// To the next match of a search.
    NextMatch,
    /// To the match before.
    PreviousMatch,
    /// Show less, larger.
    ZoomIn,
    /// Show more, smaller.
    ZoomOut,
    /// Back to now.
    Now,
    /// Play or pause.
    Play,
    /// Play faster.
    Faster,
    /// Play slower.
    Slower,
    /// A mouse button was pressed.
    Click {
        /// Column from 0.
        x: u16,
        /// Row from 0.
        y: u16,
    },
    /// The mouse wheel was turned.
    Scroll {
        /// Column from 0.
        x: u16,
        /// Row from 0.
        y: u16,
        /// Whether downwards.
        down: bool,
    },
    /// The terminal has another size.
    Resize {
        /// Columns.
        width: u16,
        /// Rows.
        height: u16,
    },
    /// The attempt after this one, or the one before.
    Attempt {
        /// Which.
        next: bool,
    },
    /// A key for an open dialog or text field.
    Typed(KeyEvent),
    /// Answer what the session asks.
    Answer,
}

/// What the rim is asked to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// End the dashboard.
    Quit,
    /// Draw everything anew.
    Redraw,
    /// Stop until the shell goes on with it.
    Suspend,
    /// Open the session's own screen and come back.
    Attach {
        /// Which session.
        session: String,
    },
    /// An operator's verb.
    Verb {
        /// Which session.
        session: String,
        /// Which verb.
        verb: Verb,
    },
    /// Type into a session.
    Send {
        /// Which session.
        session: String,
        /// What; Enter follows.
        text: String,
    },
    /// Start a session at a time.
    Schedule {
        /// Which session.
        session: String,
        /// When.
        when: When,
    },
    /// Do something about an alert, or about all alerts of a session.
    Alert {
        /// The alert's id or the session's name.
        target: String,
        /// What.
        act: AlertAct,
    },
    /// Give a dead letter a second chance.
    Retry {
        /// Which session.
        session: String,
    },
    /// Add a session.
    Add(Box<AddRequest>),
    /// Do something to the recording that is shown.
    Replay(ReplayAct),
    /// Begin the night.
    Up,
    /// Put a text into the clipboard of the terminal.
    Copy {
        /// The text.
        text: String,
    },
    /// Write a note to a session.
    Note {
        /// Which session.
        session: String,
        /// What it says.
        text: String,
    },
    /// A note is settled.
    NoteDone {
        /// Its id.
        note: String,
    },
    /// Answer what a session asks.
    Answer {
        /// Which session.
        session: String,
        /// The ticket that was shown.
        ticket: String,
        /// A number, a key, a word or a text.
        choice: String,
    },
}

/// Something a view needs beyond the status. The feed loads it as long as a view wants it, and again when it changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Want {
    /// The chain behind a session's state.
    Why(String),
    /// A session's screen, live.
    Screen(String),
    /// What is recorded of an attempt (of the last one otherwise), with its times.
    Recording {
        /// Which session.
        session: String,
        /// The attempt's id.
        attempt: Option<String>,
    },
    /// What happened to a session, for the scrub bar.
    Marks(String),
    /// The same without its times.
    Log {
        /// Which session.
        session: String,
        /// The attempt's id.
        attempt: Option<String>,
    },
    /// Bytes of a recording.
    Span {
        /// Which session.
        session: String,
        /// The attempt's id.
        attempt: String,
        /// From here on.
        from: u64,
        /// So many.
        max: u64,
    },
    /// The times of a part of a recording.
    Times {
        /// Which session.
        session: String,
        /// The attempt's id.
        attempt: String,
        /// From this byte on.
        from: u64,
        /// Up to this one.
        to: u64,
    },
    /// A page of a log.
    Page {
        /// Which session.
        session: String,
        /// The attempt's id.
        attempt: String,
        /// Its number.
        number: u64,
        /// The log's length it is wanted for.
        total: u64,
    },
    /// The next line of a log that has a text.
    Find {
        /// Which session.
        session: String,
        /// The attempt's id.
        attempt: String,
        /// The text.
        search: String,
        /// Behind, or before, this line: its page and its number there.
        from: (u64, usize),
        /// Whether it is searched among those before it, instead of from it on.
        backward: bool,
    },
    /// A session's attempts with their death certificates.
    Attempts(String),
    /// Facts about a session before a number.
    Events {
        /// Which session.
        session: String,
        /// Before which fact; `None` is the newest.
        before: Option<i64>,
    },
    /// A session's numbers over the night.
    Numbers(String),
    /// Notes to a session.
    Notes(String),
    /// What each session did when.
    Timeline,
    /// The alerts of the night, open and over.
    Alerts,
    /// Runs that failed for good.
    Dead,
    /// What comes next, and why not yet.
    Queue,
    /// Tonight as it would go.
    Plan,
    /// Past nights.
    Nights,
    /// The report of a night; `None` is the open or last one.
    Report(Option<String>),
}

impl Want {
    /// The session it is about; when facts about that session come, it is loaded again.
    pub fn session(&self) -> Option<&str> {
        match self {
            Self::Why(session)
            | Self::Attempts(session)
            | Self::Events { session, .. }
            | Self::Numbers(session)
            | Self::Notes(session)
            | Self::Screen(session)
            | Self::Marks(session)
            | Self::Recording { session, .. }
            | Self::Log { session, .. } => Some(session),
            // What was written once does not change.
            Self::Span { .. } | Self::Times { .. } | Self::Page { .. } | Self::Find { .. } => Some(""),
            Self::Timeline | Self::Alerts | Self::Dead | Self::Queue | Self::Plan | Self::Nights | Self::Report(_) => {
                None
            }
        }
    }
    /// Whether it changes with every line that the session's program writes.
    pub fn tells_of_output(&self) -> bool {
        matches!(self, Self::Attempts(_) | Self::Numbers(_) | Self::Recording { .. } | Self::Log { .. })
    }
    /// How long it may be old: a change is waited out so long before it is loaded again.
    pub fn may_be_old(&self) -> Duration {
        match self {
            Self::Why(_)
            | Self::Attempts(_)
            | Self::Notes(_)
            | Self::Marks(_)
            | Self::Screen(_)
            | Self::Span { .. }
            | Self::Times { .. }
            | Self::Page { .. }
            | Self::Find { .. } => Duration::from_millis(500),
            Self::Events { .. } | Self::Alerts | Self::Dead | Self::Queue => Duration::from_secs(1),
            Self::Numbers(_) | Self::Recording { .. } | Self::Log { .. } => Duration::from_secs(3),
            // It is gone on with by the facts themselves.
            Self::Timeline => Duration::from_secs(60),
            Self::Plan | Self::Nights | Self::Report(_) => Duration::from_secs(30),
        }
    }
}
