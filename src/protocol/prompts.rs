//! What agents ask, and how they are answered.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a session asks and waits with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PromptStatus {
    /// Its id: `t3`.
    pub ticket: String,
    /// `permission`, `question`, `trust`, `limit` or `auth`.
    pub kind: String,
    /// What it is about, as `answers` names it: `bash-command`, `edit`, ...; empty where that is not known.
    #[serde(default)]
    pub about: String,
    /// The question with what it is about, in a line.
    pub text: String,
    /// The command it would run, or the file it would change.
    #[serde(default)]
    pub command: Option<String>,
    /// What can be answered; none takes a text.
    pub choices: Vec<ChoiceStatus>,
    /// Since when it waits.
    pub since: String,
    /// `open`, or `answering` while an answer is typed.
    pub state: String,
    /// Why no rule answers it, or why an answer did not arrive.
    #[serde(default)]
    pub note: Option<String>,
    /// The rule that read it, with its version: `claude/permission-bash@1`.
    #[serde(default)]
    pub rule: String,
}

/// One of the answers that a prompt offers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChoiceStatus {
    /// What to give `nightkeep answer`.
    pub number: usize,
    /// The key that picks it, where the prompt names one.
    pub key: Option<String>,
    /// Its words.
    pub label: String,
}

/// `POST /v1/sessions/{name}/answer`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AnswerRequest {
    /// A number, a key, a word such as `allow` or `deny`, or a text for a question.
    pub choice: String,
    /// The ticket that is meant: something else that is asked by now is then not answered.
    #[serde(default)]
    pub ticket: Option<String>,
    /// Why, for the journal.
    #[serde(default)]
    pub reason: Option<String>,
}
