//! What goes into the journal and comes out of it.

/// An event to be appended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewEvent {
    /// Wall clock, milliseconds since the Unix epoch.
    pub at_wall: i64,
    /// Monotonic clock, milliseconds since boot.
    pub at_mono: i64,
    /// The night it belongs to, if any.
    pub night: Option<String>,
    /// The session it is about, if any.
    pub session: Option<String>,
    /// What kind of event it is.
    pub kind: String,
    /// All of it, as JSON.
    pub body: String,
}

/// An event of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its number: 1, 2, 3, ... without a gap.
    pub seq: i64,
    /// The event as it was appended.
    pub event: NewEvent,
    /// SHA-256 over the hash of the event before it and all of its own fields.
    pub hash: [u8; 32],
}

/// A row to be set or removed together with the events that cause it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRow {
    /// Which kind of row.
    pub kind: String,
    /// Which row of that kind.
    pub key: String,
    /// Its new content as JSON; `None` removes it.
    pub body: Option<String>,
}

/// A row as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Which kind of row.
    pub kind: String,
    /// Which row of that kind.
    pub key: String,
    /// Its content as JSON.
    pub body: String,
    /// The last event it takes into account.
    pub seq: i64,
}

/// Most events of one page.
pub const PAGE_MAX: u32 = 10_000;

/// Which events to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Only those of this night.
    pub night: Option<String>,
    /// Only those of this session.
    pub session: Option<String>,
    /// Only those after this number; 0 begins at the first. The last number of a page begins the next one.
    pub after_seq: i64,
    /// At most so many, up to [`PAGE_MAX`].
    pub limit: u32,
}

impl Default for Filter {
    /// All events, a thousand a page.
    fn default() -> Self {
        Self { night: None, session: None, after_seq: 0, limit: 1000 }
    }
}

/// A night in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NightSpan {
    /// Its id.
    pub night: String,
    /// Its first event.
    pub first_seq: i64,
    /// Its last event.
    pub last_seq: i64,
    /// When the first event was, by the wall clock in milliseconds.
    pub first_wall: i64,
    /// When the last event was, by the wall clock in milliseconds.
    pub last_wall: i64,
}

/// Where the chain of hashes breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The first event that is not as it was written.
    pub seq: i64,
    /// What is wrong with it.
    pub why: String,
}
