//! What a person makes of a file that waited for them, and of what was asked of them.

use super::evidence::{NightSummary, REQUEST, Review, SETTLED_MAX};
use super::fact::Fact;
use super::turn::Turn;

impl Review {
    /// What it is about: `shop views/a.sql`
    pub fn what(&self) -> String {
        self.project.as_ref().map_or_else(|| self.path.clone(), |project| format!("{project} {}", self.path))
    }
}

impl NightSummary {
    /// A person settled it: it is open no longer, and a request is not asked for again.
    pub fn settle(&mut self, id: &str) {
        self.open.retain(|open| open.id != id);
        if id.starts_with(REQUEST) && !self.settled.iter().any(|known| known == id) {
            self.settled.push(id.to_owned());
            let surplus = self.settled.len().saturating_sub(SETTLED_MAX);
            self.settled.drain(..surplus);
        }
    }
}

impl Turn<'_> {
    /// `approve` or `dismiss`: it waits no longer.
    pub(super) fn reviewed(&mut self, review: Box<Review>) {
        let (verb, word) = if review.approved { ("approve", "approved") } else { ("dismiss", "dismissed") };
        let result = format!("done: {} is {word}", review.what());
        let (target, by) = (review.artifact.clone(), review.by.clone());
        self.fact(Fact::Reviewed { review });
        self.acted(verb, &target, &by, result);
    }
}

#[cfg(test)]
mod tests {
    use crate::core::event::Event;
    use crate::core::evidence::{Evidence, Review};
    use crate::core::fact::Fact;
    use crate::core::testing::{Desk, anna, session};

    #[test]
    fn a_review_is_journaled_with_who_did_it_and_changes_nothing_else() {
        let mut desk = Desk::open([session("a")]);
        let before = desk.night.state.runs.clone();
        let night = desk.night.state.night.as_ref().map(|night| night.id.clone()).expect("a night is open");
        let review = Review {
            night: night.clone(),
            artifact: "a-1".to_owned(),
            project: Some("shop".parse().unwrap()),
            path: "a.sql".to_owned(),
            hash: Some("ff".to_owned()),
            approved: false,
            by: anna(),
        };
        let step = desk.step(Event::Evidence { evidence: Evidence::Review(Box::new(review)) });
        let answers: Vec<_> = step.answers().map(|(done, words)| (done, words.to_owned())).collect();
        assert_eq!(answers, [(true, "done: shop a.sql is dismissed".to_owned())]);
        assert!(step.facts.iter().any(|entry| matches!(&entry.fact, Fact::Reviewed { review } if !review.approved)));
        assert!(step.facts.iter().all(|entry| entry.fact.night().is_none_or(|of| *of == night)));
        assert_eq!(desk.night.state.runs, before);
    }
}
