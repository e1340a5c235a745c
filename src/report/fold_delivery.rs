//! What became of the report itself on its way to people. That it was sent is no news of the night, and would make a
//! report that is made again another one; that it could not be sent is.

use super::facts::TROUBLES_MAX;
use super::fold::Folder;
use crate::core::alert::Settled;
use crate::core::delivery;
use crate::core::fact::{Entry, Fact};

impl Folder {
    /// Takes in a fact about a report's message; returns whether it is one.
    pub(super) fn delivery(&mut self, entry: &Entry) -> bool {
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
