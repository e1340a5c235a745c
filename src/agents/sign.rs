//! What one source says of an agent at a moment.

use crate::core::agent::{Activity, Prompt, Weight};
use crate::core::exit::FailureClass;
use crate::core::limit::LimitSeen;
use crate::core::time::Wall;

/// Where a sign comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The Program Status Protocol: the agent's own word, in its output.
    Status,
    /// A hook that the agent called.
    Hook,
    /// The agent's stream of events.
    Events,
    /// The agent's transcript.
    Transcript,
    /// JSON lines of a run without a screen.
    Headless,
    /// The title of its window.
    Title,
    /// Its screen.
    Screen,
    /// Its process.
    Process,
}

impl Source {
    /// What it is called in evidence.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status protocol",
            Self::Hook => "hook",
            Self::Events => "event",
            Self::Transcript => "transcript",
            Self::Headless => "output",
            Self::Title => "title",
            Self::Screen => "screen",
            Self::Process => "process",
        }
    }
}

/// What one source says.
#[derive(Debug, Clone, PartialEq)]
pub struct Sign {
    /// Who says it.
    pub source: Source,
    /// The rule that read it, with its version: `claude/spinner@1`.
    pub rule: String,
    /// When.
    pub at: Wall,
    /// How far it is to be trusted, 0 to 100.
    pub score: u8,
    /// What the agent does.
    pub activity: Option<Activity>,
    /// What kind of failure stopped it, or keeps it trying.
    pub class: Option<FailureClass>,
    /// It tries again by itself.
    pub retries: bool,
    /// It will go on by itself when its limit is over.
    pub resumes: bool,
    /// What it says of a usage limit.
    pub limit: Option<LimitSeen>,
    /// What it asks.
    pub prompt: Option<Prompt>,
    /// The words it was read from, harmless and short.
    pub words: String,
    /// Its model was asked, nothing came of it, and it asks again within a second: counts as a [request for
    /// nothing](crate::core::runaway), where no transcript shows it.
    pub tried: bool,
}

impl Sign {
    /// A sign that says nothing yet.
    pub fn new(source: Source, rule: impl Into<String>, at: Wall, score: u8) -> Self {
        Self {
            source,
            rule: rule.into(),
            at,
            score,
            activity: None,
            class: None,
            retries: false,
            resumes: false,
            limit: None,
            prompt: None,
            words: String::new(),
            tried: false,
        }
    }
    /// When it was seen, and how far it is trusted.
    pub fn weight(&self) -> Weight {
        Weight { at: self.at, score: self.score }
    }
    /// The sign as a line of evidence.
    pub fn evidence(&self) -> String {
        let says = match (self.activity, self.class) {
            (Some(activity), Some(class)) => format!("{}, {}", activity.as_str(), class.as_str()),
            (Some(activity), None) => activity.as_str().to_owned(),
            (None, Some(class)) => class.as_str().to_owned(),
            (None, None) => "nothing".to_owned(),
        };
        let words = if self.words.is_empty() { String::new() } else { format!(": {}", self.words) };
        format!("{} {} says {says}{words}", self.source.as_str(), self.rule)
    }
}
