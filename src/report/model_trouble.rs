//! The part of the document about what went wrong: errors, dead letters, retries.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One kind of error of one session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorReport {
    /// Stays the same when the report is made again.
    pub id: String,
    /// The session.
    pub session: String,
    /// What errors of this kind have in common.
    pub fingerprint: String,
    /// One line as it stood.
    pub sample: String,
    /// Some of the other lines that were counted with it.
    #[serde(default)]
    pub more: Vec<String>,
    /// How often.
    pub count: u64,
    /// First seen.
    pub first: String,
    /// Last seen.
    pub last: String,
    /// In which attempts.
    pub attempts: Vec<u32>,
    /// What became of it.
    pub cure: Cure,
}

/// What became of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cure {
    /// The session did not end well.
    NotCured,
    /// It is not over yet.
    Open,
    /// The attempt that printed it ended well all the same.
    Survived,
    /// A later attempt ended well without it.
    CuredByRetry,
}

impl Cure {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::NotCured => "not cured",
            Self::Open => "still open",
            Self::Survived => "did not stop the session",
            Self::CuredByRetry => "cured by a retry",
        }
    }
}

/// A run that failed for good.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeadLetter {
    /// Stays the same when the report is made again.
    pub id: String,
    /// The session.
    pub session: String,
    /// The run.
    pub run: String,
    /// Since when.
    pub since: String,
    /// The class of its last failure.
    pub class: Option<String>,
    /// How its last attempt ended.
    pub exit: Option<String>,
    /// How many attempts it had.
    pub attempts: u64,
    /// Why, in words.
    pub reason: String,
    /// Gives it a second chance.
    pub command: String,
}

/// A run that took more than one attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RetryReport {
    /// The session.
    pub session: String,
    /// The run.
    pub run: String,
    /// How many attempts it had.
    pub attempts: u64,
    /// The classes of the failures, in order, at most 50.
    pub classes: Vec<String>,
    /// Time between attempts, in seconds.
    pub waited: f64,
    /// What came of it.
    pub cure: Cure,
}
