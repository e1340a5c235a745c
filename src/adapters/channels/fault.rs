//! Why a message was not delivered, before secrets are taken out of the words.

use crate::core::alert::message::Outcome;
use crate::core::alert::template::TemplateFault;
use crate::core::secret::Redactor;
use crate::terminal::{harmless, shorten};
use std::time::Duration;

/// Longest reason, in characters.
const WHY_MAX: usize = 300;

/// Why a message was not delivered.
#[derive(Debug)]
pub(super) struct Fault {
    why: String,
    retry_after: Option<Duration>,
    permanent: bool,
    reached: Vec<String>,
}

impl Fault {
    /// Trying again cannot help.
    pub(super) fn permanent(why: impl Into<String>) -> Self {
        Self { why: why.into(), retry_after: None, permanent: true, reached: Vec::new() }
    }
    /// Trying again may help.
    pub(super) fn passing(why: impl Into<String>) -> Self {
        Self { why: why.into(), retry_after: None, permanent: false, reached: Vec::new() }
    }
    /// The other side said when to come back.
    pub(super) fn after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }
    /// Some have it all the same.
    pub(super) fn but_reached(mut self, reached: Vec<String>) -> Self {
        self.reached = reached;
        self
    }
    /// Whether trying again cannot help.
    pub(super) fn is_permanent(&self) -> bool {
        self.permanent
    }
    /// What is told of it: without secrets, on one line, bounded.
    pub(super) fn outcome(self, redactor: &Redactor) -> Outcome {
        let why = self.told(redactor);
        Outcome::Failed { why, retry_after: self.retry_after, permanent: self.permanent, reached: self.reached }
    }
    /// Why, in words that can be shown.
    pub(super) fn told(&self, redactor: &Redactor) -> String {
        shorten(&harmless(&redactor.clean(&self.why)), WHY_MAX).into_owned()
    }
}

impl From<TemplateFault> for Fault {
    fn from(fault: TemplateFault) -> Self {
        Self::permanent(format!("the template cannot be used: {fault}"))
    }
}
