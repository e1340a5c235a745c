//! A run of tests, a build or a lint, as the output of a program showed it. What it says of itself, not what it is worth.

use super::time::Wall;
use serde::{Deserialize, Serialize};

/// Most runs that are kept of an attempt; the oldest go first.
pub const TOOL_RUNS_MAX: usize = 30;

/// What a tool does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolKind {
    /// It runs tests.
    Tests,
    /// It builds.
    Build,
    /// It checks without running: types, style.
    Lint,
}

impl ToolKind {
    /// The word for it in JSON and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tests => "tests",
            Self::Build => "build",
            Self::Lint => "lint",
        }
    }
}

/// One run of a tool, by the summary that it printed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolRun {
    /// Which tool: `cargo test`, `pytest`, `go test`, ...
    pub tool: String,
    /// What it does.
    pub kind: ToolKind,
    /// What it counts: `test`, `package`, `error`.
    pub unit: String,
    /// How many passed.
    pub passed: u64,
    /// How many failed, errors included.
    pub failed: u64,
    /// How many were skipped, ignored or left for later.
    pub skipped: u64,
    /// How many were not asked for: filtered out by name or mark.
    pub filtered: u64,
    /// Whether it said that all is well.
    pub good: bool,
    /// How long it took by its own word, in seconds.
    pub seconds: Option<f64>,
    /// Why it proves little, when that can be seen: nothing ran, nothing was built anew, only some of it ran.
    pub weak: Option<String>,
    /// When its first line of summary came.
    pub first: Wall,
    /// When its last line of summary came.
    pub last: Wall,
}

impl ToolRun {
    /// A run of which nothing is known yet.
    pub fn new(tool: &str, kind: ToolKind, unit: &str, at: Wall) -> Self {
        Self {
            tool: tool.to_owned(),
            kind,
            unit: unit.to_owned(),
            passed: 0,
            failed: 0,
            skipped: 0,
            filtered: 0,
            good: true,
            seconds: None,
            weak: None,
            first: at,
            last: at,
        }
    }
    /// How many there were, skipped ones included.
    pub fn total(&self) -> u64 {
        self.passed + self.failed + self.skipped
    }
}
