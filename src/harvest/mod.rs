//! What agents wrote about their work, as a list of items: what was done, is missing, fails, is asked of the reader.
//!
//! A document is data: it is bounded in every direction, nothing in it is run or followed, and what is taken from it is a
//! claim, never a fact. Markdown becomes units ([`blocks`]), a unit's kind comes from its section, its sign, its words
//! and what they deny ([`rules`]).
//!
//! ```text
//! bytes → clean (repaired, harmless, bounded) → blocks (units with lines) → outline (sections) → rules → items
//! ```

mod blocks;
mod clean;
mod evidence;
mod labels;
mod lexicon;
mod line;
mod marks;
mod mojibake;
mod outline;
mod rules;
mod sections;
mod signals;
mod tables;

pub use clean::BYTES_MAX;

use serde::{Deserialize, Serialize};

/// Most items that are taken from one document.
pub const ITEMS_MAX: usize = 5_000;

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Something was done.
    Achievement,
    /// Something is still to be done.
    Pending,
    /// Something is under way.
    InProgress,
    /// Something holds the work up.
    Blocker,
    /// The reader is to do or decide something.
    UserAction,
    /// Something went wrong.
    Error,
    /// Something is to be done next.
    NextStep,
    /// A number.
    Metric,
    /// A file, commit or the like.
    Artifact,
    /// A choice that was made.
    Decision,
    /// What it does not do, or was not looked at.
    Limitation,
}

impl Kind {
    /// Its name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Achievement => "achievement",
            Self::Pending => "pending",
            Self::InProgress => "in_progress",
            Self::Blocker => "blocker",
            Self::UserAction => "user_action",
            Self::Error => "error",
            Self::NextStep => "next_step",
            Self::Metric => "metric",
            Self::Artifact => "artifact",
            Self::Decision => "decision",
            Self::Limitation => "limitation",
        }
    }
}

/// Something a document says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What it is.
    pub kind: Kind,
    /// What it says, on one line, without markup and harmless to print.
    pub text: String,
    /// Line of the document, from 1.
    pub line: usize,
    /// The headings above it, the outermost first, joined by ` › `.
    pub section: String,
}

/// What a document says, and what of it was not read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Harvest {
    /// In the order of the document.
    pub items: Vec<Item>,
    /// What was not read, each as the beginning of a sentence.
    pub notes: Vec<String>,
    /// Whether the document was begun and never finished: its places to be filled in are still there.
    pub unfinished: bool,
}

/// One line of a document as it stands, for those who hold a claim against the rest of what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// Line of the document, from 1.
    pub line: usize,
    /// Its text without markup.
    pub text: String,
    /// A heading's level, 1 to 6.
    pub heading: Option<u8>,
    /// How many lists a bullet stands in; 0 for what is no bullet.
    pub depth: usize,
    /// A task's box: whether it is ticked.
    pub task: Option<bool>,
    /// A row's cells; empty for what is no row.
    pub cells: Vec<String>,
    /// Which table a row belongs to.
    pub table: Option<usize>,
}

/// The lines of a document that say something, code left out.
#[must_use]
pub fn passages(document: &[u8]) -> Vec<Passage> {
    let blocks = blocks::blocks(&clean::clean(document).text);
    let units =
        blocks.units.into_iter().filter(|unit| !matches!(unit.shape, blocks::Shape::Rule | blocks::Shape::Code));
    units.map(|unit| unit.into_passage()).collect()
}

/// Reads a document. Never fails: what is no document gives no items.
#[must_use]
pub fn harvest(document: &[u8]) -> Harvest {
    let clean::Clean { text, mut notes } = clean::clean(document);
    let blocks = blocks::blocks(&text);
    let outline::Told { mut items, unfinished } = outline::items(&blocks);
    if items.len() > ITEMS_MAX {
        items.truncate(ITEMS_MAX);
        notes.push(format!("items after the first {ITEMS_MAX} were not taken"));
    }
    Harvest { items, notes, unfinished }
}
