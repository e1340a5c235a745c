//! Claims of several documents held against each other: the same thing with another number, or done here and open there.

use super::Verdict;
use crate::harvest::{Item, Kind};
use std::collections::BTreeMap;

/// Most claims about one matter that are held against each other.
const SIDES_MAX: usize = 16;

/// What a claim is about, and the numbers it gives: two claims of one matter can be compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Matter {
    /// The words that carry it, without endings, sorted.
    pub words: Vec<String>,
    /// Its numbers in their order.
    pub numbers: Vec<f64>,
}

impl Matter {
    /// Of a text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut matter = Self { words: Vec::new(), numbers: Vec::new() };
        for word in text.split_whitespace().take(200) {
            let word = word.trim_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '~' | '≈' | '<' | '>' | '%'));
            let parts: Vec<&str> = word.split('/').collect();
            let numbers: Option<Vec<f64>> = parts.iter().map(|part| number(part)).collect();
            match numbers {
                Some(numbers) if parts.len() <= 2 => matter.numbers.extend(numbers),
                Some(_) => {}
                // Of a date, a version or a path nothing is taken as a number.
                None => matter.words.extend(word.split(|c: char| !c.is_alphanumeric()).filter_map(stem)),
            }
        }
        matter.words.sort();
        matter.words.dedup();
        matter
    }

    /// Whether both speak of the same thing in nearly the same words, and give no other number.
    #[must_use]
    pub fn resembles(&self, other: &Self) -> bool {
        let common = self.words.iter().filter(|word| other.words.binary_search(word).is_ok()).count();
        let (less, more) = (self.words.len().min(other.words.len()), self.words.len().max(other.words.len()));
        self.numbers == other.numbers && (less == more && common == more || common >= 3 && common * 4 >= more * 3)
    }

    /// The same with what one says more than the other allowed for.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let common = self.words.iter().filter(|word| other.words.binary_search(word).is_ok()).count();
        let less = self.words.len().min(other.words.len());
        common == less && less >= 2 || common >= 3 && common * 2 >= less
    }
}

/// A number that stands by itself: `3,513`, `~12`, `45%`, `2.5`.
fn number(word: &str) -> Option<f64> {
    let word = word.trim_start_matches(['~', '≈', '<', '>']).trim_end_matches(['%', '+']);
    let digits = word.starts_with(|c: char| c.is_ascii_digit()) && word.ends_with(|c: char| c.is_ascii_digit());
    if !digits || word.len() > 18 || !word.bytes().all(|b| b.is_ascii_digit() || matches!(b, b',' | b'.')) {
        return None;
    }
    let plain: String = word.chars().filter(|c| *c != ',').collect();
    plain.parse().ok().filter(|n: &f64| n.is_finite())
}

/// A word without its ending; nothing for one that carries no matter.
fn stem(word: &str) -> Option<String> {
    const EMPTY: &[&str] = &[
        "the",
        "an",
        "of",
        "in",
        "to",
        "for",
        "and",
        "or",
        "with",
        "on",
        "by",
        "all",
        "is",
        "are",
        "be",
        "was",
        "were",
        "has",
        "have",
        "this",
        "that",
        "it",
        "from",
        "at",
        "as",
        "we",
        "you",
        "need",
        "needs",
        "your",
        "now",
        "been",
        "will",
        "please",
        "user",
        "action",
        "required",
        "status",
        "successfully",
        "critical",
        "min",
        "minutes",
        "der",
        "die",
        "das",
        "und",
        "ist",
    ];
    let word = word.to_lowercase();
    if word.chars().count() < 2 || word.bytes().all(|b| b.is_ascii_digit()) || EMPTY.contains(&word.as_str()) {
        return None;
    }
    let stem = ["ing", "ed", "s"].iter().find_map(|end| word.strip_suffix(end).filter(|stem| stem.len() >= 4));
    Some(stem.unwrap_or(&word).trim_end_matches('e').to_owned())
}

/// Words that every document of its own session speaks of with numbers of its own.
const OF_ITS_OWN: &[&str] = &[
    "duration", "time", "total", "commit", "fil", "file", "lin", "line", "session", "phas", "phase", "task", "step",
    "test", "pass", "passed", "chang", "add", "creat", "modifi", "updat", "token", "cost", "hour", "hours", "dat",
    "date", "item", "build", "new", "doc", "document", "run", "count", "fix", "bug", "complet", "done",
];

/// A claim of one of several documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Side {
    /// Which document.
    pub document: usize,
    /// Which of its claims.
    pub claim: usize,
}

/// Two claims that cannot both be so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    /// The claim of the older document.
    pub older: Side,
    /// The claim of the newer one.
    pub newer: Side,
    /// What it makes of the older one.
    pub of_older: Verdict,
    /// What it makes of the newer one.
    pub of_newer: Verdict,
}

/// A document as its claims are held against those of others.
#[derive(Debug, Clone, Copy)]
pub struct Said<'d> {
    /// Its claims.
    pub claims: &'d [Item],
    /// Who wrote it, where that is known.
    pub writer: Option<&'d str>,
    /// When it was written, in seconds since 1970.
    pub written: Option<i64>,
}

/// Holds the documents of one project against each other.
#[must_use]
pub fn disagreements(documents: &[Said<'_>]) -> Vec<Disagreement> {
    let mut order: Vec<usize> = (0..documents.len()).collect();
    order.sort_by_key(|place| (documents[*place].written, *place));
    let mut matters: BTreeMap<Vec<String>, Vec<(Side, Vec<f64>)>> = BTreeMap::new();
    for document in order {
        for (claim, item) in documents[document].claims.iter().enumerate() {
            let matter = Matter::of(&item.text);
            let sides = matters.entry(matter.words).or_default();
            if sides.len() < SIDES_MAX {
                sides.push((Side { document, claim }, matter.numbers));
            }
        }
    }
    let mut found = Vec::new();
    for (words, sides) in &matters {
        for (at, (newer, numbers)) in sides.iter().enumerate() {
            for (older, before) in &sides[..at] {
                found.extend(disagree(documents, words, (*older, before), (*newer, numbers)));
            }
        }
    }
    found.sort_by_key(|found| (found.newer, found.older));
    found
}

fn disagree(
    documents: &[Said<'_>],
    words: &[String],
    (older, before): (Side, &[f64]),
    (newer, now): (Side, &[f64]),
) -> Option<Disagreement> {
    if older.document == newer.document {
        return None;
    }
    let (old, new) = (&documents[older.document], &documents[newer.document]);
    let one_writer = old.writer.is_some() && old.writer == new.writer;
    let kind = |side: Side| documents[side.document].claims[side.claim].kind;
    let counts = |side: Side| matches!(kind(side), Kind::Achievement | Kind::Metric | Kind::Artifact);
    let open = |side: Side| matches!(kind(side), Kind::Pending | Kind::InProgress | Kind::Blocker);
    if counts(older) && counts(newer) {
        let own = words.iter().filter(|word| !OF_ITS_OWN.contains(&word.as_str())).count();
        let comparable = before.len() == now.len() && !now.is_empty() && before != now;
        if !comparable || (own < 2 && !(one_writer && words.len() >= 2)) {
            return None;
        }
        // One who counts on writes a larger number later; what it was before is only old.
        let grew = one_writer && before.iter().zip(now).all(|(before, now)| before <= now);
        let (of_older, of_newer) =
            if grew { (Verdict::Stale, Verdict::Claimed) } else { (Verdict::Contradicted, Verdict::Contradicted) };
        return Some(Disagreement { older, newer, of_older, of_newer });
    }
    // What was open first and is done later only went on.
    let undone = kind(older) == Kind::Achievement && open(newer) && words.len() >= 3 && before == now;
    undone.then_some(Disagreement { older, newer, of_older: Verdict::Contradicted, of_newer: Verdict::Claimed })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(list: &[(Kind, &str)]) -> Vec<Item> {
        let item = |(line, (kind, text)): (usize, &(Kind, &str))| Item {
            kind: *kind,
            text: (*text).to_owned(),
            line: line + 1,
            section: String::new(),
        };
        list.iter().enumerate().map(item).collect()
    }

    fn between(old: &[(Kind, &str)], new: &[(Kind, &str)], one_writer: bool) -> Vec<(Verdict, Verdict)> {
        let (old, new) = (items(old), items(new));
        let said = [
            Said { claims: &new, writer: Some("b"), written: Some(20) },
            Said { claims: &old, writer: Some(if one_writer { "b" } else { "a" }), written: Some(10) },
        ];
        let found = disagreements(&said);
        assert!(found.iter().all(|found| found.older.document == 1 && found.newer.document == 0));
        found.into_iter().map(|found| (found.of_older, found.of_newer)).collect()
    }

    #[test]
    fn another_number_for_the_same_thing_is_a_contradiction_and_a_larger_one_by_the_same_hand_only_news() {
        use Kind::{Achievement, Metric};
        use Verdict::{Claimed, Contradicted, Stale};
        let old = [(Metric, "Customer profiles: 3,400 loaded")];
        let new = [(Achievement, "Loaded 3,513 customer profiles")];
        assert_eq!(between(&old, &new, false), [(Contradicted, Contradicted)]);
        assert_eq!(between(&old, &new, true), [(Stale, Claimed)]);
        assert_eq!(between(&new, &old, true), [(Contradicted, Contradicted)]);
        assert_eq!(between(&old, &old, false), []);
        // Every session has commits and files of its own.
        assert_eq!(between(&[(Metric, "Commits: 4")], &[(Metric, "Commits: 7")], false), []);
        // Dates and versions are no numbers.
        assert_eq!(
            between(&[(Metric, "Invoice views 2026-11-21")], &[(Metric, "Invoice views 2026-11-22")], false),
            []
        );
    }

    #[test]
    fn done_here_and_open_there_is_a_contradiction_unless_it_was_open_first() {
        use Kind::{Achievement, Pending};
        let done = [(Achievement, "Invoice schema migration run")];
        let open = [(Pending, "Run the invoice schema migration")];
        assert_eq!(between(&done, &open, false), [(Verdict::Contradicted, Verdict::Claimed)]);
        assert_eq!(between(&open, &done, false), []);
    }

    #[test]
    fn the_same_in_other_words_is_the_same_unless_the_number_differs() {
        let matter = |text| Matter::of(text);
        assert!(matter("Loaded 40 customer profiles").resembles(&matter("- 40 customer profiles were loaded")));
        assert!(!matter("Loaded 40 customer profiles").resembles(&matter("Loaded 41 customer profiles")));
        assert!(!matter("Added the login page").resembles(&matter("Added the logout page")));
        let asked = matter("Create a billing account and hand over its credentials");
        assert!(asked.covers(&matter("User needs to create billing account")));
        assert!(!asked.covers(&matter("Review the login page")));
    }
}
