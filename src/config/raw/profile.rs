//! Rules on what an agent shows, as they stand in `[agents.NAME]`.

use super::RuleClass;
use super::words::ScreenPattern;
use crate::agents::screen::Region;
use crate::core::agent::PromptKind;
use schemars::JsonSchema;
use serde::Deserialize;

/// How an agent's screen is laid out. Patterns are tried on one row each.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ScreenLayout {
    /// The row that one types into; the lowest that fits.
    pub composer: Option<ScreenPattern>,
    /// What the row with text above it looks like.
    pub composer_below: Option<ScreenPattern>,
    /// Rows above it that belong to it.
    pub composer_box: Option<ScreenPattern>,
    /// A row that never stands below it.
    pub never_below: Option<ScreenPattern>,
    /// The row of something that was asked.
    pub turn: Option<ScreenPattern>,
    /// What the row with text above that looks like.
    pub turn_below: Option<ScreenPattern>,
    /// The first row of a dialog.
    pub dialog: Option<ScreenPattern>,
    /// Rows that say nothing.
    pub ignore: Vec<ScreenPattern>,
    /// Whether frames around a dialog are taken off before it is read.
    pub border: bool,
    /// Words in a row of choices of which one has a colour behind it, and no other mark.
    pub lit: Option<String>,
    /// Columns at the right that are a panel of their own on a screen of more than 120.
    #[schemars(range(min = 1, max = 200))]
    pub panel: Option<u16>,
}

/// A rule on the screen or the title.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScreenRule {
    /// Its name in verdicts: letters, digits and `-`.
    pub id: String,
    /// Raised with each change of what it finds; 1 without it.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub version: Option<u32>,
    /// The highest that fits decides; without it that of the rule whose place it takes, else 200, before all others.
    #[serde(default)]
    #[schemars(range(min = -1000, max = 1000))]
    pub priority: Option<i32>,
    /// The part it looks at.
    pub region: Region,
    /// Words that must stand there.
    #[serde(default)]
    pub contains: Vec<String>,
    /// Patterns that must all be found.
    #[serde(default)]
    pub regex: Vec<ScreenPattern>,
    /// Patterns of which none may be found.
    #[serde(default)]
    pub not: Vec<ScreenPattern>,
    /// What must hold of other parts.
    #[serde(default)]
    pub when: Vec<ScreenCondition>,
    /// What must not hold of other parts.
    #[serde(default)]
    pub unless: Vec<ScreenCondition>,
    /// The colours that the row of the first pattern may begin in: `0` to `255`, or six hexadecimal digits.
    #[serde(default)]
    pub color: Vec<String>,
    /// What the agent does.
    #[serde(default)]
    pub activity: Option<RuleActivity>,
    /// What kind of failure it is; with `error`, when its text is not known.
    #[serde(default)]
    pub class: Option<RuleClass>,
    /// Where the text of an error stands: the group `error`, or all of it. Its class is looked up in `errors`.
    #[serde(default)]
    pub error: Option<ScreenPattern>,
    /// Whether it tries again by itself.
    #[serde(default)]
    pub retries: bool,
    /// Whether it goes on by itself when its limit is over.
    #[serde(default)]
    pub resumes: bool,
    /// How far it is to be trusted, in percent; 60 without it.
    #[serde(default)]
    #[schemars(range(min = 1, max = 100))]
    pub score: Option<u8>,
    /// How the prompt is read, of a rule with activity = "prompting".
    #[serde(default)]
    pub prompt: Option<ScreenPrompt>,
}

/// What an agent does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuleActivity {
    /// It works, or waits for its provider.
    Working,
    /// It is done, or gave up.
    Idle,
    /// It asks, and goes on only when somebody answers.
    Prompting,
}

/// A condition on another part of the screen.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScreenCondition {
    /// Which part.
    pub region: Region,
    /// What must be found there.
    pub regex: ScreenPattern,
}

/// How a prompt is read.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScreenPrompt {
    /// What kind of answer it wants.
    pub kind: PromptKind,
    /// What it is about, as `answers` names it: `bash-command`, `edit`, …
    #[serde(default)]
    pub about: Option<String>,
    /// Its question: the first group, or all of it.
    #[serde(default)]
    pub question: Option<ScreenPattern>,
    /// The command or file: the first group, or all of it.
    #[serde(default)]
    pub command: Option<ScreenPattern>,
    /// One choice: groups `key`, `label` and `selected`.
    #[serde(default)]
    pub choice: Option<ScreenPattern>,
}

/// A text of an error and what it means.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorRule {
    /// Its name in verdicts: letters, digits and `-`.
    pub id: String,
    /// Raised with each change; 1 without it.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub version: Option<u32>,
    /// What it looks like; the text is one line, case makes no difference.
    pub regex: ScreenPattern,
    /// What it means; without it, it is no failure.
    #[serde(default)]
    pub class: Option<RuleClass>,
}
