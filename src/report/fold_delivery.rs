//! What a summarizer made of the report, and what became of it on its way to people. That it was sent is no news of the night, and would make a
//! report that is made again another one; that it could not be sent is.

use super::facts::TROUBLES_MAX;
use super::fold::Folder;
use super::sessions::quote;
use super::worded::{LINES_MAX, Summary};
use crate::core::alert::Settled;
use crate::core::delivery;
use crate::core::fact::{Entry, Fact};

impl Folder {
    /// Takes in a fact about the report itself; returns whether it is one.
    pub(super) fn delivery(&mut self, entry: &Entry) -> bool {
        if let Fact::Worded { night, text, by } = &entry.fact {
            if *night == self.facts.night {
                let lines = text.lines().take(LINES_MAX).map(quote).collect();
                self.facts.worded = Some(Summary { lines, by: quote(by) });
            }
            return true;
        }
        if let Fact::RunCreated { run, .. } | Fact::RunMoved { run, .. } = &entry.fact
            && run.night == self.facts.night
        {
            // The words were about what is no longer so.
            self.facts.worded = None;
        }
        let Some(night) = delivery::night_of(&entry.fact) else { return false };
        if night == self.facts.night
            && let Fact::MessageSettled { key, then: Settled::GivenUp { why } } = &entry.fact
            && let Some((_, channel)) = delivery::of_key(key)
        {
            let given_up = &mut self.facts.messages.given_up;
            if given_up.len() < TROUBLES_MAX {
                given_up.push((entry.at.wall, channel.to_owned(), "the report".to_owned(), why.clone()));
            }
        }
        true
    }
}
